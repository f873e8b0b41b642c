//! A served log with the people of a small story, and a program that trusts it.

use serde_json::{Value, json};

use crate::between::request;
use crate::{Program, ServedByProgram};

/// The party that publishes, with its key `lab`.
pub const LAB: &str = "lab.example";

/// The party that checks, with its key `audit`.
pub const AUDIT: &str = "audit.example";

/// A served log with a partner and an auditor: entries 0 to 2.
#[derive(Debug)]
pub struct Stage {
    /// The command line, with settings of its own.
    pub program: Program,
    dir: tempfile::TempDir,
    /// The server of `log` in the stage's folder.
    pub server: ServedByProgram,
}

impl Stage {
    /// Makes a log, serves it, pins it, and registers [`LAB`] and [`AUDIT`].
    #[track_caller]
    pub fn new(binary: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let program = Program::new(binary, dir.path());
        let log = dir.path().join("log").display().to_string();
        program.json(&["key", "new", "operator", "--no-password"]);
        let made = program.json(&[
            "log",
            "init",
            "--dir",
            &log,
            "--origin",
            "log.example.org/index",
            "--operator-key",
            "operator",
        ]);
        let server = program.serve(&dir.path().join("log"));
        program.json(&["log", "trust", &server.url, "--vkey", made["vkey"].as_str().unwrap()]);
        let stage = Self { program, dir, server };
        stage.register(LAB, "lab", "partner");
        stage.register(AUDIT, "audit", "auditor");
        stage
    }

    fn register(&self, party: &str, key: &str, role: &str) {
        self.program.json(&["key", "new", key, "--no-password"]);
        let (statement, envelope) = (self.path(&format!("{key}.json")), self.path(&format!("{key}.dsse.json")));
        let line = ["party", "new", party, "--role", role, "--key", key, "--issuer", "operator", "--out", &statement];
        self.program.json(&line);
        self.program.json(&["record", "sign", &statement, "--key", "operator", "--key", key, "--out", &envelope]);
        self.run(&["record", "submit", &envelope]);
    }

    /// Publishes a model card.
    #[track_caller]
    pub fn publish(&self, number: u32) -> Value {
        let line = self.publishing(number);
        self.run(&line.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The command line that publishes a model card, without the log; its bundle is `m<number>.colophon.json`.
    pub fn publishing(&self, number: u32) -> Vec<String> {
        let card = self.path(&format!("card-{number}.json"));
        std::fs::write(&card, json!({ "model_name": format!("m{number}"), "license": "mit" }).to_string()).unwrap();
        let subject = format!("model-{number}.safetensors={}", format!("{number:02x}").repeat(32));
        let out = self.path(&format!("m{number}.colophon.json"));
        let line = ["record", "publish", "model-card", "--from", &card, "--subject", &subject, "--issuer", LAB];
        [&line[..], &["--key", "lab", "--out", &out]].concat().iter().map(ToString::to_string).collect()
    }

    /// A path in the stage's folder.
    pub fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// Runs a command that talks to the log.
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Value {
        self.program.json(&[args, &["--log", &self.server.url]].concat())
    }

    /// The operator signs the next root, and the log's look-ups stand on it.
    #[track_caller]
    pub fn sign_root(&self) -> Value {
        let signed = self.run(&["log", "index-root", "--key", &self.path("log/keys/index.pem")]);
        let index = signed["index"].as_str().unwrap().to_owned();
        // The rows follow a moment after the root is published; a look-up says which root it is under.
        for _ in 0..200 {
            let list = self.run(&["record", "list", "--kind", "model-card"]);
            if list["index"]["root"] == json!(index) {
                return signed;
            }
        }
        panic!("no look-up is under the root at {index}");
    }

    /// Gets the body of an address of the server.
    pub fn get(&self, path: &str) -> Vec<u8> {
        request(&self.server.url, path).body
    }
}
