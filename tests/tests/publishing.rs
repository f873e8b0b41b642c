//! `record publish` is killed at each of its moments and run again: one entry, one index, one bundle beside the model.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use harness::stage::Stage;
use harness::{Gate, run, tool};
use ledger::bundle::Bundle;
use serde_json::{Value, json};

/// No command takes longer to get to its moment, on the slowest machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// When it dies: the message between it and the log that never arrives, and how many entries the log has by then.
const MESSAGES: [(&str, &str, u64); 4] = [
    ("the log has no request yet", "POST /api/v1/records ", 0),
    ("the reply is on its way", "HTTP/1.1 201 ", 1),
    ("the reply is there, the bundle was not asked for", "GET /api/v1/records/", 1),
    ("the bundle is on its way", "HTTP/1.1 200 ", 1),
];

/// A model card that is being published.
struct Publication<'a> {
    stage: &'a Stage,
    line: Vec<String>,
    bundle: String,
    before: u64,
}

impl<'a> Publication<'a> {
    fn new(stage: &'a Stage, number: u32, log: &str) -> Self {
        let line = [stage.publishing(number), vec!["--log".to_owned(), log.to_owned()]].concat();
        let publication = Self { stage, line, bundle: stage.path(&format!("m{number}.colophon.json")), before: 0 };
        Self { before: publication.cards(), ..publication }
    }

    fn cards(&self) -> u64 {
        self.stage.run(&["record", "list", "--kind", "model-card"])["total"].as_u64().unwrap()
    }

    /// The envelope that waits beside the place of the bundle.
    fn pending(&self) -> Option<Vec<u8>> {
        std::fs::read(format!("{}.pending", self.bundle)).ok()
    }

    /// The same command again, and once more: the bytes that were kept are the log's one entry, and nothing is left over.
    fn is_taken_up(&self, what: &str, entries: u64) {
        let kept = self.pending().unwrap_or_else(|| panic!("{what}: no envelope was kept"));
        // A statement that were made anew within the same second would be the same record by luck.
        let second = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let dead = second();
        while second() == dead {
            std::thread::yield_now();
        }
        assert_eq!(self.cards() - self.before, entries, "{what}");
        let again = self.stage.program.json(&self.line);
        assert_eq!((&again["verified"], &again["duplicate"]), (&json!(true), &json!(entries == 1)), "{what}: {again}");
        let once_more = self.stage.program.json(&self.line);
        assert_eq!((&once_more["index"], &once_more["duplicate"]), (&again["index"], &json!(true)), "{what}");
        let listed = self.stage.run(&["record", "list", "--kind", "model-card"]);
        let ours = |record: &&Value| record["record"] == again["record"];
        let indices: Vec<&Value> =
            listed["records"].as_array().unwrap().iter().filter(ours).map(|record| &record["index"]).collect();
        assert_eq!(indices, [&again["index"]], "{what}");
        assert_eq!(self.cards() - self.before, 1, "{what}");
        let verified = self.stage.program.json(&["verify", &self.bundle]);
        assert_eq!(verified["record"]["id"], again["record"], "{what}: {verified}");
        let bundle = Bundle::parse(&std::fs::read(&self.bundle).unwrap()).unwrap();
        assert!(bundle.record.envelope == kept && self.pending().is_none(), "{what}");
    }
}

#[test]
fn a_publication_that_is_killed_between_two_messages_is_taken_up_by_the_same_command() {
    let stage = Stage::new(env!("CARGO_BIN_EXE_colophon-under-test"));
    for (number, (what, message, entries)) in (1..).zip(MESSAGES) {
        let gate = Gate::before(&stage.server.url);
        let publication = Publication::new(&stage, number, &gate.url);
        let comes = gate.hold(message);
        let mut command = stage.program.command(&publication.line);
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let came = comes.recv_timeout(DEADLINE);
        process.kill().unwrap();
        process.wait().unwrap();
        came.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(!Path::new(&publication.bundle).exists(), "{what}");
        publication.is_taken_up(what, entries);
    }
}

/// Between the last two steps no message passes: the bundle is in place, and the envelope beside it is not removed yet.
#[test]
fn a_publication_that_is_killed_before_it_tidies_up_is_tidied_up_by_the_same_command() {
    let Some(strace) = tool("strace") else { return };
    let stage = Stage::new(env!("CARGO_BIN_EXE_colophon-under-test"));
    let publication = Publication::new(&stage, 1, &stage.server.url);
    let command = stage.program.command(&publication.line);
    let mut traced = Command::new(strace);
    traced.args(["-f", "-e", "inject=unlink,unlinkat:signal=KILL"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => traced.env(name, value),
            None => traced.env_remove(name),
        };
    }
    run(&mut traced).refused("a publication that is killed");
    assert!(Path::new(&publication.bundle).exists());
    publication.is_taken_up("the bundle is in place", 1);
}
