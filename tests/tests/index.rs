//! The verifiable index as it is used: a log is made, its operator signs a root, lists are proven under it, an auditor
//! rebuilds it and says so, and a server that leaves a record out is caught.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use harness::{Program, ServedByProgram};
use serde_json::{Value, json};

const LAB: &str = "lab.example";
const AUDIT: &str = "audit.example";

/// A served log with a partner and an auditor, and a program that trusts it.
struct Stage {
    program: Program,
    dir: tempfile::TempDir,
    server: ServedByProgram,
}

impl Stage {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let program = Program::new(env!("CARGO_BIN_EXE_colophon-under-test"), dir.path());
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
    fn publish(&self, number: u32) -> Value {
        let card = self.path(&format!("card-{number}.json"));
        std::fs::write(&card, json!({ "model_name": format!("m{number}"), "license": "mit" }).to_string()).unwrap();
        let subject = format!("model-{number}.safetensors={}", format!("{number:02x}").repeat(32));
        let out = self.path(&format!("m{number}.colophon.json"));
        let line = ["record", "publish", "model-card", "--from", &card, "--subject", &subject, "--issuer", LAB];
        self.run(&[&line[..], &["--key", "lab", "--out", &out]].concat())
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// Runs a command that talks to the log.
    #[track_caller]
    fn run(&self, args: &[&str]) -> Value {
        self.program.json(&[args, &["--log", &self.server.url]].concat())
    }

    /// The operator signs the next root, and the log's look-ups stand on it.
    fn sign_root(&self) -> Value {
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
}

fn entries(list: &Value) -> Vec<u64> {
    let records = list["records"].as_array().unwrap();
    records.iter().map(|record| record["index"].as_str().unwrap().parse().unwrap()).collect()
}

#[test]
fn lists_are_proven_under_a_signed_root_and_name_who_rebuilt_it() {
    let stage = Stage::new();
    (1..=3).for_each(|number| drop(stage.publish(number)));
    let followed = stage.run(&["record", "list", "--kind", "model-card"]);
    assert_eq!((entries(&followed), &followed["index"]), (vec![3, 4, 5], &Value::Null), "there is no root yet");

    let signed = stage.sign_root();
    assert_eq!((&signed["index"], &signed["size"]), (&json!("6"), &json!("6")));
    stage.publish(4);
    for condition in [
        ["--kind", "model-card"],
        ["--by", LAB],
        ["--kind", "incident"],
        ["--subject", &"02".repeat(32)],
        ["--kind", "index-root"],
    ] {
        let proven = stage.run(&[&["record", "list"][..], &condition].concat());
        let followed = stage.run(&[&["record", "list", "--follow"][..], &condition].concat());
        assert_eq!(proven["records"], followed["records"], "{condition:?}");
        assert_eq!(proven["index"], json!({ "root": "6", "size": "6", "rebuilt": null }), "{condition:?}");
        assert_eq!(followed["index"], Value::Null);
    }
    let again = stage.run(&["log", "index-root", "--key", &stage.path("log/keys/index.pem")]);
    assert_eq!(again["index"], "8", "there is an entry to cover");

    // An auditor rebuilds index and state from the entries, and says so in the log.
    let audited = stage.run(&["log", "audit"]);
    assert_eq!((&audited["verdict"], &audited["indexRoots"]), (&json!("holds"), &json!(2)));
    assert_eq!(audited["honest"]["size"], "8");
    let out = stage.path("audit.colophon.json");
    let line = ["log", "audit", "--attest", "--issuer", AUDIT, "--key", "audit", "--out", &out];
    let attested = stage.run(&line);
    assert_eq!(attested["attestation"]["verified"], true);
    let list = stage.run(&["record", "list", "--by", LAB]);
    assert_eq!(list["index"]["rebuilt"], json!({ "by": AUDIT, "size": "8", "entry": "9" }));
    assert_eq!(entries(&list), [3, 4, 5, 7]);

    // A bundle fetched now proves that no revocation of the signer's key was left out.
    let bundle = stage.get("/api/v1/records/3/bundle");
    let path = stage.path("fetched.colophon.json");
    std::fs::write(&path, bundle).unwrap();
    let report = stage.program.json(&["verify", &path]);
    let said = report.to_string();
    assert!(said.contains("no revocation up to size 8: proven"), "{said}");
    the_python_verifier_agrees(&stage, &path);
}

/// The verifier that shares no code with ours reads the same proof.
fn the_python_verifier_agrees(stage: &Stage, bundle: &str) {
    let python = std::env::var("COLOPHON_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let there =
        Command::new(&python).args(["-c", "import cryptography"]).output().is_ok_and(|out| out.status.success());
    if !harness::needs("python with cryptography (COLOPHON_PYTHON)", there) {
        return;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/verify_bundle.py");
    let run = |bundle: &str| {
        let policy = stage.path("log/policy.txt");
        let out = Command::new(&python).args(["-B", script, "--policy", &policy, bundle]).output().unwrap();
        serde_json::from_slice::<Value>(&out.stdout).unwrap_or_else(|_| panic!("{out:?}"))
    };
    let said = run(bundle);
    assert_eq!(said["verdict"], "verified", "{said}");
    let proven: Vec<&Value> = said["unrevoked"].as_object().unwrap().values().collect();
    assert_eq!(proven, [&json!(8)]);
    // Both see a changed look-up.
    let mut broken: Value = serde_json::from_slice(&std::fs::read(bundle).unwrap()).unwrap();
    broken["keyLookup"]["lookups"][0]["count"] = json!("2");
    let path = stage.path("broken.colophon.json");
    std::fs::write(&path, broken.to_string()).unwrap();
    let refused = stage.program.run(&["verify", &path]);
    let said = run(&path);
    assert_eq!((refused.exit, &said["link"], &said["code"]), (11, &json!("signer-key"), &json!("proof_invalid")));
}

#[test]
fn what_a_key_for_roots_may_not_sign_is_refused() {
    let stage = Stage::new();
    let key = stage.path("log/keys/index.pem");
    let card = stage.path("card.json");
    std::fs::write(&card, json!({ "model_name": "m" }).to_string()).unwrap();
    let (statement, envelope) = (stage.path("s.json"), stage.path("e.json"));
    let subject = format!("m={}", "01".repeat(32));
    let line = ["record", "new", "model-card", "--from", &card, "--subject", &subject, "--issuer", "operator"];
    stage.program.json(&[&line[..], &["--out", &statement]].concat());
    stage.program.json(&["record", "sign", &statement, "--key", &key, "--out", &envelope]);
    let refused = stage.program.run(&["record", "submit", &envelope, "--log", &stage.server.url]);
    assert_eq!(refused.exit, 14, "{refused:?}");
    assert!(refused.stderr.contains("role_refused"), "{refused:?}");
}

impl Stage {
    fn get(&self, path: &str) -> Vec<u8> {
        ask(self.server.url.strip_prefix("http://").unwrap(), &format!("GET {path} HTTP/1.0\r\n\r\n")).1
    }
}

/// One request and its answer: the head, and the body.
fn ask(address: &str, request: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    (String::from_utf8(answer[..end].to_vec()).unwrap(), answer[end + 4..].to_vec())
}

/// A server between the program and the log that leaves the first entry out of every list.
fn liar(address: String, lying: Arc<AtomicBool>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let (mut request, mut byte) = (Vec::new(), [0]);
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                request.push(byte[0]);
            }
            let request = String::from_utf8_lossy(&request).into_owned();
            let Some(path) = request.split(' ').nth(1).map(str::to_owned) else { continue };
            let (head, mut body) = ask(&address, &format!("GET {path} HTTP/1.0\r\n\r\n"));
            if lying.load(Ordering::SeqCst) && path.starts_with("/api/v1/lookup") {
                let mut lookup: Value = serde_json::from_slice(&body).unwrap();
                if let Some(page) = lookup["page"].as_object_mut() {
                    for list in ["indices", "entries"] {
                        page[list].as_array_mut().unwrap().remove(0);
                    }
                    let count: u64 = lookup["count"].as_str().unwrap().parse().unwrap();
                    lookup["count"] = json!((count - 1).to_string());
                    body = lookup.to_string().into_bytes();
                }
            }
            let status = head.lines().next().unwrap_or_default().replace("HTTP/1.0", "HTTP/1.1");
            let length = body.len();
            let answer = format!("{status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).and_then(|()| stream.write_all(&body));
        }
    });
    url
}

#[test]
fn a_server_that_leaves_a_record_out_of_a_list_is_caught() {
    let stage = Stage::new();
    (1..=2).for_each(|number| drop(stage.publish(number)));
    stage.sign_root();
    let lying = Arc::new(AtomicBool::new(false));
    let url = liar(stage.server.url.strip_prefix("http://").unwrap().to_owned(), Arc::clone(&lying));
    let line = ["record", "list", "--kind", "model-card", "--log", &url];
    assert_eq!(entries(&stage.program.json(&line)), [3, 4], "an honest server between");
    lying.store(true, Ordering::SeqCst);
    let caught = stage.program.run(&line);
    assert_eq!(caught.exit, 11, "{caught:?}");
    assert!(caught.stderr.contains("proof_invalid"), "{caught:?}");
}
