//! One question to a thousand datasets: what it costs, what it proves, and what a roll-up that leaves something out does to
//! the answer. Every step is the program as people run it, against a server in a process of its own.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use base64::engine::general_purpose::STANDARD;
use harness::{Counted, Program, ServedByProgram};
use ledger::manifest::{About, Builder, Item, Kind, Source, Spec, key};
use ledger::record::kind::Kind as RecordKind;
use ledger::record::statement::{Statement, Subject};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const LAB: &str = "lab.example";
const DATASETS: u64 = 1000;
const ITEMS: u64 = 50;

/// The numbers of the items of a dataset: each item is in two neighbouring datasets.
fn items(dataset: u64) -> impl Iterator<Item = u64> {
    dataset * ITEMS / 2..dataset * ITEMS / 2 + ITEMS
}

fn digest(item: u64) -> [u8; 32] {
    Sha256::digest(item.to_be_bytes()).into()
}

/// The question for an item.
fn asked(item: u64) -> String {
    format!("sha256:{}", ledger::ids::to_hex(&digest(item)))
}

/// A folder that costs nothing to sync, where the machine has one.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

struct Place {
    program: Program,
    server: ServedByProgram,
    way: Counted,
    log: PathBuf,
    dir: tempfile::TempDir,
}

impl Place {
    /// A log with a lab, reached by a way that counts.
    fn new() -> Self {
        let dir = scratch();
        let program = Program::new(env!("CARGO_BIN_EXE_colophon-under-test"), dir.path());
        let log = dir.path().join("log");
        program.json(&["key", "new", "operator", "--no-password"]);
        let init =
            ["log", "init", "--origin", "log.example.org/rollups", "--operator", "op", "--operator-key", "operator"];
        let made = program.json(&[&init[..], &["--dir", &text(&log)]].concat());
        let server = program.serve(&log);
        let way = Counted::way_to(&server.url);
        program.json(&["log", "trust", &way.url(), "--vkey", made["vkey"].as_str().unwrap()]);
        let place = Self { program, server, way, log, dir };
        place.program.json(&["key", "new", "lab", "--no-password"]);
        let statement = place.path("lab.json");
        let new = ["party", "new", LAB, "--role", "partner", "--key", "lab", "--issuer", "op", "--out"];
        place.program.json(&[&new[..], &[&statement]].concat());
        place.publish(&statement, &["operator", "lab"]);
        place
    }

    fn path(&self, name: &str) -> String {
        text(&self.dir.path().join(name))
    }

    /// Signs the statements of a file and sends them to the log.
    fn publish(&self, statements: &str, keys: &[&str]) {
        let envelopes = format!("{statements}.dsse.ndjson");
        let signed: Vec<&str> = keys.iter().flat_map(|key| ["--key", key]).collect();
        self.program.json(&[&["record", "sign", statements, "--out", &envelopes][..], &signed].concat());
        let sent = self.program.json(&["record", "submit", "--batch", &envelopes, "--log", &self.server.url]);
        assert_eq!(sent["refused"], 0, "{sent}");
    }

    /// Builds datasets into the log's own folder and publishes their manifests.
    fn declare(&self, datasets: std::ops::Range<u64>) {
        let (file, mut lines) = (self.path(&format!("manifests-{}.ndjson", datasets.start)), Vec::new());
        for dataset in datasets {
            let mut builder = Builder::new(Spec::of_kind(Kind::RawSha256).unwrap());
            for item in items(dataset) {
                builder.push(key::of_digest(Kind::RawSha256, &digest(item)).unwrap(), Item::default()).unwrap();
            }
            let source =
                Source { sha256: "00".repeat(32), bytes: 1, items: dataset, reader: "digests".into(), wiki: None };
            let about = About { source, coverage: "Test.".into(), licenses: vec!["CC0-1.0".into()] };
            let (header, keyspace) = builder.finish(&self.log.join("manifests"), about).unwrap();
            let predicate = json!({
                "issuer": { "id": LAB }, "issued": "2026-03-01T12:00:00Z",
                "dataset": { "name": format!("set-{dataset}") }, "keyspaces": [header.to_declaration(&keyspace)],
            });
            let subjects = vec![Subject::keyspace(keyspace.id())];
            lines.extend(Statement::new(RecordKind::Manifest, subjects, predicate).to_payload().unwrap());
            lines.push(b'\n');
        }
        std::fs::write(&file, lines).unwrap();
        self.publish(&file, &["lab"]);
    }

    fn roll_up(&self, more: &[&str]) -> Value {
        let line = ["log", "rollup", "--dir", &text(&self.log), "--key", "operator"];
        self.program.json(&[&line[..], more].concat())
    }

    /// Somebody who never saw the log, and what they pinned of it.
    fn stranger(&self) -> Program {
        let home = self.dir.path().join("stranger");
        std::fs::create_dir(&home).unwrap();
        let stranger = Program::new(env!("CARGO_BIN_EXE_colophon-under-test"), &home);
        let vkey = std::fs::read_to_string(self.log.join("log.vkey")).unwrap();
        stranger.json(&["log", "trust", &self.way.url(), "--vkey", vkey.trim()]);
        stranger
    }

    /// Asks every dataset for an item; the whole answer, and what it cost.
    fn ask(&self, item: u64) -> (Value, u64, u64) {
        self.ask_as(&self.program, item)
    }

    fn ask_as(&self, program: &Program, item: u64) -> (Value, u64, u64) {
        self.way.take();
        let answer = program.json(&["ask", &asked(item), "--range", "--log", &self.way.url()]);
        let (requests, bytes) = self.way.take();
        (answer, requests, bytes)
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// The names of the datasets that answer so.
fn named(answer: &Value, status: &str) -> BTreeSet<String> {
    let answers = answer["questions"][0]["answers"].as_array().unwrap().iter();
    let of = answers.filter(|answer| answer["status"] == status);
    of.map(|answer| answer["dataset"]["name"].as_str().unwrap().to_owned()).collect()
}

fn rollup<'a>(answer: &'a Value) -> &'a Value {
    let kinds = answer["coverage"]["rollups"].as_array().unwrap();
    assert_eq!(kinds.len(), 1, "{kinds:?}");
    &kinds[0]
}

#[test]
fn a_question_to_a_thousand_datasets_costs_ten_requests_and_40_kb_and_leaves_none_out() {
    let place = Place::new();
    place.declare(0..DATASETS);
    let made = place.roll_up(&[]);
    assert_eq!(made["runs"].as_array().unwrap().len(), 1, "{made}");
    assert_eq!(made["runs"][0]["covered"], DATASETS);
    assert!(place.roll_up(&[])["runs"].as_array().unwrap().is_empty(), "a second time there is nothing to do");

    // The first look at a log follows it from entry 0; what it holds is kept, and questions begin where it ended.
    let stranger = place.stranger();
    let (answer, requests, bytes) = place.ask_as(&stranger, 10 * ITEMS);
    println!("the first look at the log, with a question: {requests} requests, {bytes} bytes");
    assert_eq!(rollup(&answer)["covered"], DATASETS);

    for (item, expected) in [(333 * ITEMS / 2, vec!["set-332", "set-333"]), (1 << 40, vec![])] {
        let (answer, requests, bytes) = place.ask_as(&stranger, item);
        println!("a question found in {} datasets: {requests} requests, {bytes} bytes", expected.len());
        assert!(requests <= 10 && bytes <= 40_000, "{requests} requests, {bytes} bytes");
        assert_eq!(named(&answer, "present"), expected.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(named(&answer, "absent").len() as u64, DATASETS - expected.len() as u64);
        let rollup = rollup(&answer);
        assert_eq!((&rollup["notCovered"], &rollup["tail"]), (&json!(0), &json!(0)), "{rollup}");
        let looks = answer["questions"][0]["answers"][7]["looks"].as_array().unwrap();
        let among: u64 = looks[0]["hiddenAmong"].as_str().unwrap().parse().unwrap();
        assert!(among >= 1000, "hid among {among}");
    }

    // What came after the roll-up is asked singly, and is in the answer.
    place.declare(DATASETS..DATASETS + 1);
    let (answer, requests, bytes) = place.ask_as(&stranger, DATASETS * ITEMS / 2 + ITEMS - 1);
    println!("with a new dataset: {requests} requests, {bytes} bytes");
    assert!(requests <= 10 && bytes <= 40_000, "{requests} requests, {bytes} bytes");
    assert_eq!(named(&answer, "present"), BTreeSet::from([format!("set-{DATASETS}")]));
    assert_eq!((&rollup(&answer)["covered"], &rollup(&answer)["tail"]), (&json!(DATASETS), &json!(1)));

    // Whoever rebuilds the runs finds the same roots, from the log's folder and from its address.
    for from in [["--dir", &text(&place.log)], ["--log", &place.server.url]] {
        let checked = place.program.json(&[&["manifest", "check", "--rollups"][..], &from].concat());
        assert_eq!((&checked["sound"], checked["runs"].as_array().unwrap().len()), (&json!(true), 1));
    }

    // An operator signs a run that leaves a dataset out: it is not covered, which is no absence, and a rebuild says so.
    let run = made["runs"][0]["index"].as_str().unwrap();
    place.forge(run, |sources| sources[333]["keyspace"] = json!("ab".repeat(32)));
    let (answer, ..) = place.ask(333 * ITEMS / 2);
    assert_eq!(named(&answer, "not-covered"), BTreeSet::from(["set-333".to_owned()]));
    let checked = place.program.run(&["manifest", "check", "--rollups", "--dir", &text(&place.log), "--json"]);
    assert_eq!(checked.exit, 11, "{}", checked.stdout);
}

impl Place {
    /// Publishes a run-root like that at an index, with its sources changed, signed by the operator.
    fn forge(&self, index: &str, change: impl FnOnce(&mut Vec<Value>)) {
        let mut reply = ureq::get(format!("{}/api/v1/records/{index}/bundle", self.server.url)).call().unwrap();
        let bundle: Value = serde_json::from_str(&reply.body_mut().read_to_string().unwrap()).unwrap();
        let decoded = |value: &Value| -> Value {
            let bytes = base64::Engine::decode(&STANDARD, value.as_str().unwrap()).unwrap();
            serde_json::from_slice(&bytes).unwrap()
        };
        let statement = decoded(&decoded(&bundle["envelope"])["payload"]);
        let mut predicate = statement["predicate"].clone();
        change(predicate["sources"].as_array_mut().unwrap());
        let id = predicate["keyspace"]["id"].as_str().unwrap().parse().unwrap();
        let made = Statement::new(RecordKind::RunRoot, vec![Subject::keyspace(id)], predicate);
        let file = self.path("forged.ndjson");
        std::fs::write(&file, made.to_payload().unwrap()).unwrap();
        self.publish(&file, &["operator"]);
    }
}
