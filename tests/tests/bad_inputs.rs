//! The scoreboard's bad inputs at a served log, over a real socket and by the real command: the code, the HTTP status, the
//! place, and the exit code. Beside the code stand the many spellings of each; here is one of every row.

#![allow(clippy::unwrap_used, clippy::panic)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::{Client, Program, ServedByProgram, folder, run};
use ledger::ids::SubjectDigest;
use ledger::note::{KeyName, NoteSigner};
use ledger::record::Record;
use ledger::record::dsse::Envelope;
use ledger::record::kind::Kind;
use ledger::record::kinds::LogPolicy;
use ledger::record::statement::Subject;
use ledger::testing as cast;
use serde_json::{Value, json};
use server::testing::TestServer;

const RECORDS: &str = "/api/v1/records";

/// A served log of three entries: its policy, a lab and an auditor.
struct Stage {
    dir: tempfile::TempDir,
    program: Program,
    server: ServedByProgram,
}

impl Stage {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        folder::create(&log);
        folder::grow(&log, cast::party("auditor", &["auditor"]));
        let program = Program::new(env!("CARGO_BIN_EXE_colophon-under-test"), dir.path());
        std::fs::write(dir.path().join("policy.txt"), cast::policy().encode()).unwrap();
        Self { server: program.serve(&log), program, dir }
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }

    /// The command with `--json`: its exit code, and what it said.
    fn run(&self, args: &[&str]) -> (i32, Value) {
        let outcome = self.program.run(&[args, &["--json"]].concat());
        (outcome.exit, outcome.json())
    }
}

/// Something that the lab signed, sound or not.
fn signed(statement: impl AsRef<[u8]>) -> Vec<u8> {
    Envelope::sign(statement.as_ref().to_vec(), &[&cast::key("lab")]).unwrap().to_json()
}

/// A model card's statement with one text in it replaced.
fn swapped(from: &str, to: &str) -> String {
    let statement = String::from_utf8(Envelope::parse(&cast::model_card("lab", 1)).unwrap().payload).unwrap();
    assert_eq!(statement.matches(from).count(), 1, "{from} in {statement}");
    statement.replace(from, to)
}

/// The same with a member of any value more.
fn with(value: &str) -> Vec<u8> {
    signed(swapped(r#""license":"#, &format!(r#""x":{value},"license":"#)))
}

/// A model card's envelope, changed after it was signed.
fn changed(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut envelope: Value = serde_json::from_slice(&cast::model_card("lab", 1)).unwrap();
    change(&mut envelope);
    envelope.to_string().into_bytes()
}

fn bit_off(base64: &Value) -> Value {
    let mut bytes = STANDARD.decode(base64.as_str().unwrap()).unwrap();
    bytes[0] ^= 1;
    json!(STANDARD.encode(bytes))
}

/// The lab and the auditor sign, and each is said to have made the other's signature.
fn keyids_swapped() -> Vec<u8> {
    let statement = swapped("example-1", "example-1");
    let envelope = Envelope::sign(statement.into_bytes(), &[&cast::key("lab"), &cast::key("auditor")]).unwrap();
    let mut envelope: Value = serde_json::from_slice(&envelope.to_json()).unwrap();
    let lab = envelope["signatures"][0]["keyid"].take();
    envelope["signatures"][0]["keyid"] = envelope["signatures"][1]["keyid"].take();
    envelope["signatures"][1]["keyid"] = lab;
    envelope.to_string().into_bytes()
}

/// The lab's signature so many times.
fn signed_times(times: usize) -> Vec<u8> {
    changed(|envelope| envelope["signatures"] = json!(vec![envelope["signatures"][0].clone(); times]))
}

/// A statement of so many levels, the outermost two of which are the statement and its predicate.
fn deep(levels: usize) -> Vec<u8> {
    with(&("[".repeat(levels - 2) + &"]".repeat(levels - 2)))
}

/// A row of the scoreboard: its code, HTTP status and exit code; then each input with the place that the answer names.
type Row<'a> = (&'a str, &'a str, u16, i32, Vec<(Vec<u8>, &'a str)>);

#[test]
fn b03_to_b08_each_bad_input_has_its_code_status_place_and_exit() {
    let stage = Stage::new();
    let below_x = format!("/predicate/x{}", "/0".repeat(30));
    let (issued, kind) = (format!(r#""issued":"{}","#, cast::ISSUED), "urn:colophon:model-card:v1");
    let garbage = json!("!");
    let rows: Vec<Row<'_>> = vec![
        (
            "B3 a duplicate key",
            "json_duplicate_key",
            400,
            2,
            vec![
                (br#"{"payload":"","payload":""}"#.to_vec(), "/payload"),
                (with(r#"[{"a":1,"a":1}]"#), "/predicate/x/0/a"),
            ],
        ),
        (
            "B4 a number",
            "json_number",
            400,
            2,
            ["9007199254740992", "1e400", "-0", "NaN"].map(|number| (with(number), "/predicate/x")).into(),
        ),
        ("B5 depth", "json_depth", 400, 2, [33, 128, 100_000].map(|levels| (deep(levels), &*below_x)).into()),
        (
            "B6 text",
            "text_refused",
            400,
            2,
            vec![
                (signed(b"{\"a\":\"\xff\"}"), "/a"),
                ([b"\xef\xbb\xbf", &cast::model_card("lab", 1)[..]].concat(), "line 1 column 1"),
                (with(r#""\ud800""#), "/predicate/x"),
                (with(r#""\u0000""#), "/predicate/x"),
                (signed(swapped("model.safetensors", "model\u{202e}.safetensors")), "/subject/0/name"),
            ],
        ),
        (
            "B7 a wrong type, a missing member, a kind of somebody else's",
            "schema",
            422,
            2,
            vec![
                (signed(swapped(r#""example-1""#, "1")), "/predicate/model_name"),
                // What a predicate lacks has no place of its own: the object is named, and the member in the detail.
                (signed(swapped(&issued, "")), "/predicate"),
                (signed(swapped(kind, "https://example.org/poem")), "/predicateType"),
            ],
        ),
        // The form of a kind that this program does not know is sound: another log may let somebody register it. It is the
        // policy of this log that lets nobody.
        ("B7 an unknown kind", "role_refused", 403, 14, vec![(signed(swapped(kind, "urn:colophon:poem:v1")), "")]),
        (
            "B8 a signature",
            "signature_invalid",
            422,
            10,
            vec![
                (changed(|v| v["signatures"][0]["sig"] = bit_off(&v["signatures"][0]["sig"])), "/signatures/0"),
                (changed(|v| v["payloadType"] = json!("application/json")), "/payloadType"),
                (keyids_swapped(), "/signatures/0"),
                (changed(|v| v["signatures"][0]["sig"] = garbage.clone()), "/signatures/0/sig"),
            ],
        ),
        // Where there is no payload, nothing was signed that could fail.
        ("B8 a payload", "base64_refused", 400, 2, vec![(changed(|v| v["payload"] = garbage.clone()), "/payload")]),
        ("B8 0 or 17", "signature_count", 422, 10, [0, 17].map(|times| (signed_times(times), "/signatures")).into()),
        ("B8 one key twice", "threshold", 422, 10, vec![(signed_times(2), "/signatures/1/keyid")]),
    ];
    let client = Client::of(&stage.server.url);
    for (row, code, status, exit, inputs) in rows {
        for (body, place) in inputs {
            let what = format!("{row}, {place}");
            let reply = client.post(RECORDS, &body).unwrap();
            let problem = reply.json();
            let found = (reply.status, problem["code"].as_str(), problem["place"].as_str().unwrap_or_default());
            assert_eq!(found, (status, Some(code), place), "{what}: {problem}");
            let file = stage.file("bad.json", &body);
            let (ended, said) = stage.run(&["record", "submit", &file, "--log", &stage.server.url]);
            assert_eq!((ended, said["code"].as_str()), (exit, Some(code)), "{what}: {said}");
        }
    }
    // None of it left a trace; what is unknown and harms nobody is kept, and what was kept is not kept twice.
    let kept = with(r#"{"unknown":["kept"]}"#);
    let first = client.post(RECORDS, &kept).unwrap();
    assert_eq!((first.status, &first.json()["index"]), (201, &json!("3")), "B7 {}", first.json());
    let (ended, again) = stage.run(&["record", "submit", &stage.file("kept.json", &kept), "--log", &stage.server.url]);
    assert_eq!((ended, &again["index"], &again["duplicate"]), (0, &json!("3"), &json!(true)), "B11 {again}");
}

/// A proof with a change to it: its lines before the note, and the note.
fn proof(bundle: &mut Value, change: impl FnOnce(&mut Vec<String>, &mut String)) {
    let text = bundle["proof"].as_str().unwrap().to_owned();
    let (lines, note) = text.split_once("\n\n").unwrap();
    let (mut lines, mut note) = (lines.lines().map(str::to_owned).collect(), note.to_owned());
    change(&mut lines, &mut note);
    bundle["proof"] = json!(format!("{}\n\n{note}", lines.join("\n")));
}

fn note(bundle: &mut Value, change: impl FnOnce(&str) -> String) {
    proof(bundle, |_, note| *note = change(note));
}

/// A signature line for each of 65 keys that nobody knows.
fn crowd() -> String {
    (0..65).map(|n| format!("\u{2014} key-{n}.example {}\n", STANDARD.encode([n; 68]))).collect()
}

#[test]
fn b12_to_b14_each_forgery_of_what_the_log_serves_has_its_code_and_exit() {
    /// Changes a bundle with parts of others.
    type Forge = fn(&mut Value, &Value);
    let cases: [(&str, Forge, &str, i32); 13] = [
        ("B12 one hash longer", |b, _| proof(b, |lines, _| lines.push(STANDARD.encode([1; 32]))), "proof_invalid", 11),
        ("B12 one hash shorter", |b, _| proof(b, |lines, _| drop(lines.pop())), "proof_invalid", 11),
        ("B12 an index beyond the tree", |b, _| proof(b, |lines, _| lines[1] = "index 9".into()), "proof_invalid", 11),
        (
            "B13 the entry of another record",
            |b, other| (b["entry"], b["proof"]) = (other["entry"].clone(), other["proof"].clone()),
            "binding_mismatch",
            12,
        ),
        // An entry does not say which log it is of: what tells is that no proof leads from it to this log's root.
        ("B13 the leaf of another log", |b, other| b["entry"] = other["leaf"].clone(), "proof_invalid", 11),
        (
            "B13 the checkpoint of another origin",
            |b, other| note(b, |_| other["note"].as_str().unwrap().to_owned()),
            "origin_mismatch",
            12,
        ),
        ("B14 no em dash", |b, _| note(b, |n| n.replace('\u{2014}', "-")), "note_invalid", 10),
        ("B14 CRLF", |b, _| note(b, |n| n.replace('\n', "\r\n")), "note_invalid", 10),
        ("B14 a control character", |b, _| note(b, |n| format!("\t{n}")), "note_invalid", 10),
        (
            "B14 a known key whose signature fails",
            |b, _| note(b, |n| n.replacen("\n4\n", "\n5\n", 1)),
            "note_invalid",
            10,
        ),
        ("B14 65 signatures", |b, _| note(b, |n| n.to_owned() + &crowd()), "note_invalid", 10),
        ("B14 a key's name with a plus", |b, _| note(b, |n| n.replacen("/test ", "/te+t ", 1)), "note_invalid", 10),
        ("B14 no note", |b, _| note(b, |_| String::new()), "note_invalid", 10),
    ];
    let stage = Stage::new();
    let client = Client::of(&stage.server.url);
    let artifact = SubjectDigest::from_bytes(<sha2::Sha256 as sha2::Digest>::digest(b"weights").into());
    let predicate = json!({ "issuer": { "id": "lab" }, "issued": cast::ISSUED, "model_name": "m" });
    let subject = vec![Subject::artifact("model.safetensors", artifact)];
    let card = cast::sign(Kind::ModelCard, subject, predicate, &[&cast::key("lab")]);
    let reply = client.post(RECORDS, &card).unwrap();
    assert_eq!(reply.json()["index"], "3", "{}", reply.json());
    let bundle = |index: u64| client.get(&format!("{RECORDS}/{index}/bundle")).unwrap().json();
    let (good, mut other) = (bundle(3), bundle(1));
    // The same record in a log of its own.
    let mut another_log = cast::MemoryLog::with("other.example.org", 1);
    let index = another_log.append(card);
    other["leaf"] = json!(STANDARD.encode(another_log.entry(index)));
    other["note"] = json!(String::from_utf8(another_log.note()).unwrap());
    let policy = stage.dir.path().join("policy.txt").display().to_string();
    let verify = |bundle: &Value, artifact: &str| {
        let file = stage.file("bundle.json", bundle.to_string().as_bytes());
        stage.run(&["verify", "--policy", &policy, &file, artifact])
    };
    let artifact = stage.file("model.safetensors", b"weights");
    let (ended, said) = verify(&good, &artifact);
    assert_eq!((ended, said["verdict"].as_str()), (0, Some("verified")), "{said}");
    // CVE-2026-22703: a bundle that is sound, beside a file that it does not speak of.
    let (ended, said) = verify(&good, &stage.file("other.safetensors", b"other weights"));
    assert_eq!((ended, said["code"].as_str()), (12, Some("binding_mismatch")), "B13 another artifact: {said}");
    for (what, forge, code, exit) in cases {
        let mut forged = good.clone();
        forge(&mut forged, &other);
        assert_ne!(forged, good, "{what}");
        let (ended, said) = verify(&forged, &artifact);
        assert_eq!((ended, said["code"].as_str()), (exit, Some(code)), "{what}: {said}");
    }
}

/// The user vouched for one key. What entry 0 says of other logs, or under another name, is nobody's word, and is not pinned.
#[test]
fn a_log_whose_entry_0_names_another_log_is_not_pinned_by_its_key() {
    let vkey = cast::log_signer().verifier_key().to_string();
    let other = NoteSigner::from_seed(KeyName::parse("other.example").unwrap(), [7; 32]).unwrap();
    let own = String::from_utf8(cast::policy().encode()).unwrap();
    let with_another = format!("log {}\n{own}", other.verifier_key());
    let of_another = own.replace(&vkey, &other.verifier_key().to_string());
    for (member, value) in [
        ("witnesses", own.as_str()),
        ("witnesses", &with_another),
        ("witnesses", &of_another),
        ("origin", "other.example"),
    ] {
        let mut statement = Record::parse(&cast::genesis()).unwrap().statement;
        statement.predicate.insert(member.to_owned(), json!(value));
        let subjects = match member {
            "origin" => {
                // A log's keys are named as the log is.
                statement.predicate.insert("logKeys".to_owned(), json!([other.verifier_key().to_string()]));
                vec![LogPolicy::subject(value)]
            }
            _ => statement.subjects,
        };
        let entry = cast::sign(Kind::LogPolicy, subjects, statement.predicate.into(), &[&cast::key("operator")]);
        let server = TestServer::of_empty_log(server::Options::default());
        server.sequence(entry);
        let home = tempfile::tempdir().unwrap();
        let program = Program::new(env!("CARGO_BIN_EXE_colophon-under-test"), home.path());
        let address = format!("http://{}", server.address);
        let trusted = run(program.command(&["log", "trust", &address, "--vkey", &vkey]).arg("--json"));
        let listed = run(program.command(&["record", "list", "--log", &address]).arg("--json"));
        if value == own {
            assert_eq!((trusted.exit, listed.exit), (0, 0), "{trusted:?}");
            continue;
        }
        assert_eq!(trusted.json()["code"], "policy_invalid", "{member} {value}: {trusted:?}");
        assert!(trusted.json()["found"].as_str().unwrap().contains("another log"), "{trusted:?}");
        assert_eq!(listed.json()["code"], "no_policy", "nothing is pinned: {listed:?}");
    }
}
