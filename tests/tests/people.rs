//! What a person meets at the terminal, with the program as it is run: the README's two commands, what is said when
//! something fails, what a pipe and a script get, and that nothing which is published makes anybody call home.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::{Client, Outcome, Program, run, tool};
use serde_json::{Value, json};

/// A folder that `demo` made, and a program with settings of its own.
struct Stage {
    dir: tempfile::TempDir,
    program: Program,
}

impl Stage {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let program = Program::new(env!("CARGO_BIN_EXE_colophon-under-test"), dir.path());
        program.run(&["demo", "--once", "--dir", &text(&dir.path().join("D"))]).passed("colophon demo");
        Self { dir, program }
    }

    fn path(&self, name: &str) -> String {
        text(&self.dir.path().join(name))
    }

    /// Runs a command with `--json`, which must end with this code and say it.
    #[track_caller]
    fn fails(&self, args: &[&str], exit: i32) -> Value {
        let outcome = run(self.program.command(args).arg("--json"));
        assert_eq!(outcome.exit, exit, "{args:?}: {outcome:?}");
        let said = outcome.json();
        assert_eq!(said["exit"], exit, "{args:?}: {said}");
        said
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn u1_the_readmes_two_commands_lead_to_a_verified_record_within_a_minute() {
    let began = Instant::now();
    let stage = Stage::new();
    let (policy, bundle) = (stage.path("D/policy.txt"), stage.path("D/model-card.colophon.json"));
    let verified = stage.program.run(&["verify", "--policy", &policy, &bundle]).passed("colophon verify");
    assert!(verified.stdout.starts_with("✓ VERIFIED"), "{}", verified.stdout);
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    for left in ["log", "log.vkey", "policy.txt", "keys", "manifest"] {
        assert!(stage.dir.path().join("D").join(left).exists(), "{left}");
    }
}

/// Whoever runs the README's first command without `--once` looks around in a browser, and ends it when he has seen enough.
#[test]
fn the_demo_goes_on_serving_until_it_is_stopped_and_leaves_its_folder_usable() {
    let dir = tempfile::tempdir().unwrap();
    let program = Program::new(env!("CARGO_BIN_EXE_colophon-under-test"), dir.path());
    let (demo, path) = (dir.path().join("D"), |name: &str| text(&dir.path().join("D").join(name)));
    let served = program.start(&["demo", "--dir", &text(&demo)], "Look around: ");
    let home = Client::of(&served.url).get("/").unwrap();
    let page = String::from_utf8(home.body).unwrap();
    assert!(home.status == 200 && page.contains("localhost/demo"), "{} {page}", home.status);
    let asked = ureq::post(format!("{}/ask", served.url)).send_form([("wiki", "harbourwiki"), ("page", "11")]);
    let answer = asked.unwrap().body_mut().read_to_string().unwrap();
    assert!(answer.contains("heron-lab.example"), "{answer}");

    assert_eq!(served.stop(), 0);
    program.json(&["verify", "--policy", &path("policy.txt"), &path("model-card.colophon.json")]);
    program.json(&["log", "fsck", "--dir", &path("log")]);
    let asked = program.json(&["ask", "page:harbourwiki/11", "--dir", &path("log")]);
    assert_eq!(asked["questions"][0]["status"], "present", "{asked}");
}

/// What is broken, how, the link that must be named, and the exit code.
type Fixture = (&'static str, fn(&mut Value), &'static str, i32);

fn text_of<'a>(bundle: &'a mut Value, name: &str) -> &'a mut String {
    match bundle.pointer_mut(name) {
        Some(Value::String(text)) => text,
        other => panic!("{name}: {other:?}"),
    }
}

/// Changes the bytes that a member holds in base64.
fn change(bundle: &mut Value, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let held = text_of(bundle, name);
    let mut bytes = STANDARD.decode(held.as_bytes()).unwrap();
    change(&mut bytes);
    *held = STANDARD.encode(bytes);
}

/// Replaces text that a member holds, once, plain or in base64.
fn swap(bundle: &mut Value, name: &str, from: &str, to: &str) {
    let held = text_of(bundle, name);
    assert!(held.contains(from), "{name} has no {from:?}");
    *held = held.replacen(from, to, 1);
}

fn swap_within(bundle: &mut Value, name: &str, from: &str, to: &str) {
    change(bundle, name, |bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.contains(from), "{name} has no {from:?}");
        *bytes = text.replacen(from, to, 1).into_bytes();
    });
}

/// Cuts the first hash of a proof.
fn cut_hash(bundle: &mut Value, name: &str) {
    let proof = text_of(bundle, name);
    let mut lines: Vec<&str> = proof.split('\n').collect();
    assert!(!lines[2].is_empty(), "the proof has no hash");
    lines.remove(2);
    *proof = lines.join("\n");
}

fn entry_byte(bundle: &mut Value, name: &str) {
    change(bundle, name, |bytes| bytes[20] ^= 1);
}

const FIXTURES: [Fixture; 40] = [
    ("another media type", |b| b["mediaType"] = json!("application/json"), "bundle", 2),
    ("no media type", |b| drop(b.as_object_mut().unwrap().remove("mediaType")), "bundle", 2),
    ("no policy", |b| drop(b.as_object_mut().unwrap().remove("policy")), "bundle", 2),
    ("no history", |b| drop(b.as_object_mut().unwrap().remove("keyHistory")), "bundle", 2),
    ("no proof", |b| drop(b.as_object_mut().unwrap().remove("proof")), "bundle", 2),
    ("no entry", |b| drop(b.as_object_mut().unwrap().remove("entry")), "bundle", 2),
    ("no envelope", |b| drop(b.as_object_mut().unwrap().remove("envelope")), "bundle", 2),
    ("a number for an entry", |b| b["entry"] = json!(7), "bundle", 2),
    ("an entry that is not base64", |b| b["entry"] = json!("!"), "bundle", 2),
    ("a history that is no list", |b| b["keyHistory"] = json!({}), "bundle", 2),
    ("a fraction", |b| b["extra"] = json!(1.5), "bundle", 2),
    ("a member that is not known", |b| b["extra"] = json!("x"), "bundle", 2),
    ("no bundle but a list", |b| *b = json!([]), "bundle", 2),
    ("an index with a zero before it", |b| swap(b, "/proof", "index ", "index 0"), "bundle", 11),
    ("a proof of another version", |b| swap(b, "/proof", "tlog-proof@v1", "tlog-proof@v2"), "bundle", 11),
    ("a hash that is not base64", |b| swap(b, "/proof", "\nindex", "\n!\nindex"), "bundle", 11),
    ("a larger tree", |b| swap(b, "/proof", "\n10\n", "\n11\n"), "log signature", 10),
    ("another log's name", |b| swap(b, "/proof", "\n\nlocalhost/demo\n", "\n\nlocalhost/dem0\n"), "log signature", 12),
    (
        "a line of the note less",
        |b| swap(b, "/proof", "\n— localhost/demo ", "\n— nobody.example "),
        "log signature",
        14,
    ),
    ("no signatures", |b| swap(b, "/proof", "\n\n— ", "\n— "), "log signature", 10),
    ("the witness's line less", |b| swap(b, "/proof", "— localhost/demo/clock", "— nobody.example"), "witnesses", 14),
    ("a hash less", |b| cut_hash(b, "/proof"), "inclusion", 11),
    ("another index", |b| swap(b, "/proof", "index 9", "index 8"), "inclusion", 11),
    ("an index beyond the tree", |b| swap(b, "/proof", "index 9", "index 10"), "inclusion", 11),
    ("another entry", |b| entry_byte(b, "/entry"), "inclusion", 11),
    ("an entry cut short", |b| change(b, "/entry", |bytes| bytes.truncate(bytes.len() - 1)), "inclusion", 11),
    ("entry 0 for the entry", |b| b["entry"] = b["policy"]["entry"].clone(), "inclusion", 11),
    ("another payload", |b| swap_within(b, "/envelope", "eyJ", "eyK"), "envelope signature", 10),
    (
        "another type of payload",
        |b| swap_within(b, "/envelope", "in-toto+json", "in-toto+jsom"),
        "envelope signature",
        10,
    ),
    (
        "no signature",
        |b| b["envelope"] = json!(STANDARD.encode(br#"{"payload":"","payloadType":"x","signatures":[]}"#)),
        "envelope signature",
        10,
    ),
    ("no envelope but a list", |b| b["envelope"] = json!(STANDARD.encode("[]")), "envelope signature", 2),
    (
        "an envelope with a member twice",
        |b| swap_within(b, "/envelope", "{", "{\"payload\":\"\","),
        "envelope signature",
        2,
    ),
    ("an empty history", |b| b["keyHistory"] = json!([]), "signer's key", 14),
    ("the history twice", |b| b["keyHistory"] = json!([b["keyHistory"][0], b["keyHistory"][0]]), "signer's key", 12),
    ("a hash less in the history", |b| cut_hash(b, "/keyHistory/0/proof"), "signer's key", 11),
    ("another entry in the history", |b| entry_byte(b, "/keyHistory/0/entry"), "signer's key", 11),
    ("a hash less in the policy", |b| cut_hash(b, "/policy/proof"), "signer's key", 11),
    (
        "the record for entry 0",
        |b| {
            let record = json!({ "envelope": b["envelope"], "entry": b["entry"], "proof": b["proof"] });
            b["policy"] = record;
        },
        "signer's key",
        12,
    ),
    ("a space after the envelope", |b| change(b, "/envelope", |bytes| bytes.push(b' ')), "record", 12),
    (
        "spaces before the envelope",
        |b| change(b, "/envelope", |bytes| bytes.splice(0..0, *b"  ").for_each(drop)),
        "record",
        12,
    ),
];

#[test]
fn u2_each_of_forty_failures_names_its_link_gives_one_hint_and_ends_with_its_code() {
    let stage = Stage::new();
    let (policy, good) = (stage.path("D/policy.txt"), stage.path("D/model-card.colophon.json"));
    let good: Value = serde_json::from_slice(&std::fs::read(good).unwrap()).unwrap();
    let broken = stage.path("broken.json");
    let check = |what: &str, link: &str, exit: i32, outcome: &Outcome| {
        let screen = &outcome.stdout;
        assert_eq!(outcome.exit, exit, "{what}: {screen}{}", outcome.stderr);
        let verdict = screen.lines().next().unwrap();
        assert!(verdict.starts_with(&format!("✗ NOT VERIFIED — {link}: ")), "{what}: {verdict}");
        assert_eq!(screen.matches("\n  ✗ ").count(), 1, "{what}: one line is broken: {screen}");
        assert_eq!(screen.matches("hint: ").count(), 1, "{what}: one hint: {screen}");
        assert!(!screen.contains("heron"), "{what}: nothing that the signer wrote is shown: {screen}");
    };
    for (what, fixture, link, exit) in FIXTURES {
        let mut bundle = good.clone();
        fixture(&mut bundle);
        assert_ne!(bundle, good, "{what}");
        std::fs::write(&broken, bundle.to_string()).unwrap();
        check(what, link, exit, &stage.program.run(&["verify", "--policy", &policy, &broken]));
    }
}

#[test]
fn u3_failures_are_one_document_of_json_with_code_place_and_hint() {
    let stage = Stage::new();
    let (log, bundle) = (stage.path("D/log"), stage.path("D/model-card.colophon.json"));
    let (nothing, closed) = (stage.path("nothing"), "http://127.0.0.1:1");
    let zeros = "0".repeat(64);
    let lines: [(&[&str], i32); 16] = [
        (&["verify", &bundle], 14),
        (&["verify", &nothing], 2),
        (&["ask", "x", "--dir", &nothing], 2),
        (&["ask", "x", "--log", closed], 20),
        (&["record", "list", "--log", closed], 20),
        (&["record", "list", "--log", &log], 2),
        (&["record", "submit", &nothing, "--log", closed], 2),
        (&["record", "sign", &bundle, "--key", "nobody"], 3),
        (&["key", "show", "nobody"], 3),
        (&["card", "import", &nothing, "--issuer", "x"], 2),
        (&["manifest", "inspect", &nothing], 2),
        (&["manifest", "check", &nothing], 2),
        (&["log", "fsck", "--dir", &stage.path("D")], 2),
        (&["log", "init", "--dir", &log], 2),
        (&["explain", "nosuch"], 3),
        (&["record", "show", &zeros, "--dir", &log], 3),
    ];
    for (args, exit) in lines {
        let said = stage.fails(args, exit);
        for member in ["code", "message", "hint"] {
            assert!(said[member].as_str().is_some_and(|text| !text.is_empty()), "{args:?}: {member}: {said}");
        }
        assert_ne!(said["hint"], "See --help.", "{args:?} leaves the reader alone");
    }
    let said = stage.fails(&["log", "fsck", "--dir", &stage.path("D")], 2);
    assert!(said["hint"].as_str().unwrap().contains("D/log"), "{said}");
}

#[test]
fn a_document_in_the_place_of_a_kind_is_told_its_flag() {
    let stage = Stage::new();
    let file = stage.path("D/policy.txt");
    let said = stage.fails(&["record", "publish", &file, "--issuer", "x", "--log", "http://127.0.0.1:1"], 2);
    assert_eq!(said["hint"], format!("That is a file: pass it as `--from {file}`."), "{said}");
}

/// That something answers at the address is no reason for a tick: its checkpoint has to meet the policy of a pin.
#[test]
fn doctor_ticks_a_log_only_if_a_pinned_policy_accepts_its_checkpoint() {
    let stage = Stage::new();
    let served = stage.program.serve(&stage.dir.path().join("D/log"));
    let look = |exit: i32| {
        let outcome = stage.program.run(&["doctor", "--json", "--log", &served.url]);
        assert_eq!(outcome.exit, exit, "{outcome:?}");
        let looks = outcome.json()["looks"].as_array().unwrap().clone();
        looks.into_iter().find(|look| look["what"] == "log's address").unwrap()
    };
    let unpinned = look(14);
    assert_eq!((&unpinned["ok"], &unpinned["code"]), (&json!(false), &json!("no_policy")), "{unpinned}");

    let init = ["log", "init", "--dir", &stage.path("other"), "--origin", "localhost/other"];
    stage.program.run(&init).passed("colophon log init");
    stage.program.run(&["log", "trust", "--policy", &stage.path("other/policy.txt")]).passed("colophon log trust");
    let stranger = look(12);
    assert_eq!((&stranger["ok"], &stranger["code"]), (&json!(false), &json!("origin_mismatch")), "{stranger}");

    stage.program.run(&["log", "trust", "--policy", &stage.path("D/policy.txt")]).passed("colophon log trust");
    let known = look(0);
    let found = known["found"].as_str().unwrap();
    assert!(known["ok"] == true && found.contains(&format!("entries at {}, cosigned ", served.url)), "{known}");
}

/// A flag about trust that is not looked at is worse than none.
#[test]
fn every_flag_that_says_whom_to_believe_counts() {
    let stage = Stage::new();
    let (log, policy) = (stage.path("D/log"), stage.path("D/policy.txt"));
    let zeros = "0".repeat(64);
    for command in
        [&["record", "list"][..], &["record", "show", "9"], &["ask", "page:harbourwiki/11"], &["log", "stats"]]
    {
        stage.fails(&[command, &["--dir", &log, "--genesis", "nonsense"]].concat(), 2);
        let outcome = stage.program.run(&[command, &["--dir", &log, "--genesis", &zeros]].concat());
        assert!([12, 14].contains(&outcome.exit), "{command:?}: {outcome:?}");
    }
    stage.program.run(&["log", "init", "--dir", &stage.path("other"), "--origin", "other.example"]).passed("log init");
    let other = std::fs::read_to_string(stage.path("other/log.vkey")).unwrap();
    let served = stage.program.serve(&stage.dir.path().join("D/log"));
    stage.fails(&["log", "trust", &served.url, "--policy", &policy, "--vkey", "nonsense"], 2);
    stage.fails(&["log", "trust", &served.url, "--policy", &policy, "--vkey", other.trim()], 14);
    let own = std::fs::read_to_string(stage.path("D/log.vkey")).unwrap();
    let pinned = stage.program.json(&["log", "trust", &served.url, "--policy", &policy, "--vkey", own.trim()]);
    // Pinned again without a word about entry 0, it stays the pinned one.
    let again = stage.program.json(&["log", "trust", "--policy", &policy]);
    assert!(pinned["genesis"].is_string() && again["genesis"] == pinned["genesis"], "{again}");
}

/// What an auditor signs was checked, on all of it, and by nobody's leave.
#[test]
fn manifest_check_claims_only_what_it_did() {
    let stage = Stage::new();
    let (copy, source) = (stage.path("m"), stage.path("D/documents/river-gauges-en/reports.jsonl"));
    let manifest = |of: &str| {
        let _ = std::fs::remove_dir_all(&copy);
        assert!(Command::new("cp").args(["-r", of, &copy]).status().unwrap().success());
    };
    let pages = stage.path("D/manifest");
    manifest(&pages);
    // The number in the summary, which nobody signs, does not narrow the draw.
    let summary = stage.path("m/manifest.json");
    let mut json: Value = serde_json::from_slice(&std::fs::read(&summary).unwrap()).unwrap();
    json["source"]["items"] = json!(0);
    std::fs::write(&summary, json.to_string()).unwrap();
    let attest = stage.path("att.json");
    let signed = ["--record", &stage.path("D/bundles/manifest.colophon.json"), "--attest", &attest];
    let by = ["--issuer", "tidewater-audit.example", "--key", &stage.path("D/keys/tidewater-audit.pem")];
    let sampled = [&["manifest", "check", &copy, "--source", &source, "--sample"][..], &signed, &by].concat();
    // None of its items has a key that the manifest could lack.
    stage.fails(&sampled, 2);
    assert!(!Path::new(&attest).exists());
    // One page fewer than the manifest is of.
    let dump = std::fs::read_to_string(stage.path("D/documents/wiki/harbourwiki-pages.xml")).unwrap();
    let (head, tail) = (dump.rfind("<page>").unwrap(), dump.rfind("</page>").unwrap() + "</page>".len());
    let shorter = stage.path("shorter.xml");
    std::fs::write(&shorter, format!("{}{}", &dump[..head], &dump[tail..])).unwrap();
    let sampled = [&["manifest", "check", &copy, "--source", &shorter, "--sample"][..], &signed, &by].concat();
    stage.fails(&sampled, 12);
    let said = std::fs::read_to_string(&attest).unwrap();
    let envelope: Value = serde_json::from_str(&said).unwrap();
    let payload = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(payload["predicate"]["verdict"], "nonConformant", "{payload}");
    assert_eq!(stage.program.run(&["manifest", "check", &copy, "--source", &source, "--sample", "0"]).exit, 2);
    // A manifest without bitmaps has none that could be checked.
    manifest(&pages);
    stage.fails(&["manifest", "check", &copy, "--universe", &copy], 2);
    // A folder of the user's beside the manifest is nobody's scratch.
    let notes = stage.path("m.check/notes.txt");
    std::fs::create_dir(stage.path("m.check")).unwrap();
    std::fs::write(&notes, "precious").unwrap();
    stage.program.run(&["manifest", "check", &copy, "--source", &source]).refused("another source");
    assert_eq!(std::fs::read_to_string(&notes).unwrap(), "precious");
    // Flags that would change nothing are refused.
    stage.fails(&["manifest", "check", &copy, "--log", "http://127.0.0.1:1"], 2);
    let rollups = ["manifest", "check", "--rollups", "--dir", &stage.path("D/log")];
    for flag in [["--source", &source], ["--universe", &copy], ["--record", signed[1]]] {
        assert_eq!(stage.program.run(&[&rollups[..], &flag].concat()).exit, 2, "{flag:?}");
    }
}

/// A disk that is full under a pipeline's file is no success.
#[test]
fn an_answer_that_cannot_be_written_is_a_failure() {
    let stage = Stage::new();
    let (log, bundle, policy) =
        (stage.path("D/log"), stage.path("D/model-card.colophon.json"), stage.path("D/policy.txt"));
    let commands: [&[&str]; 4] = [
        &["verify", "--policy", &policy, &bundle],
        &["verify", "--policy", &policy, &bundle, "--json"],
        &["record", "list", "--dir", &log],
        &["explain", "not_found"],
    ];
    for args in commands {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = stage.program.command(args).stdout(full).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code().is_some_and(|code| code > 0), "{args:?}: {said}");
        assert!(said.contains("standard output") && said.contains("disk_full"), "{args:?}: {said}");
    }
}

#[test]
fn what_is_left_out_of_a_folder_is_no_answer_about_it() {
    let stage = Stage::new();
    let folder = stage.dir.path().join("snapshot");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("a.txt"), "a").unwrap();
    let question = format!("@{}", text(&folder));
    stage.program.json(&["ask", &question, "--dir", &stage.path("D/log")]);
    std::os::unix::fs::symlink(stage.path("D/documents/wiki/harbourwiki-pages.xml"), folder.join("pages.xml")).unwrap();
    let said = stage.fails(&["ask", &question, "--dir", &stage.path("D/log")], 2);
    assert_eq!(said["code"], "path_refused", "{said}");
    assert!(said.to_string().contains("pages.xml"), "{said}");
}

#[test]
fn a_servers_words_are_harmless_on_a_terminal() {
    let stage = Stage::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = std::io::Read::read(&mut stream, &mut [0; 4096]);
            let body = r#"{"code":"not_found","detail":"d\u001b[2J","hint":"h\u001b[2J\u202e"}"#;
            let head = format!("HTTP/1.1 404 x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            let _ = std::io::Write::write_all(&mut stream, format!("{head}{body}").as_bytes());
        }
    });
    let outcome = stage.program.run(&["doctor", "--log", &url]);
    assert!(outcome.stdout.contains("h\\u{1b}[2J"), "{}", outcome.stdout);
    assert!(!outcome.stdout.contains(['\u{1b}', '\u{202e}']), "{}", outcome.stdout);
}

#[test]
fn who_adds_a_signature_to_what_nobody_signed_is_told_so() {
    let stage = Stage::new();
    let key = stage.path("D/keys/stewards.pem");
    let import = ["card", "import", "examples/heron-base-350m", "--issuer", "x", "--out", &stage.path("s")];
    let examples = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    run(stage.program.command(&import).current_dir(examples)).passed("card import");
    let statement = stage.path("s/0001-model-card.statement.json");
    let said = stage.fails(&["record", "sign", "--add", &statement, "--key", &key], 2);
    assert!(said["hint"].as_str().unwrap().contains("without --add"), "{said}");
    let signed = stage.path("signed.json");
    let (sign, other) =
        (["record", "sign", &statement, "--key", &key, "--out", &signed], stage.path("D/keys/heron-lab.pem"));
    stage.program.run(&sign).passed("record sign");
    stage.program.run(&["record", "sign", "--add", &signed, "--key", &other, "--out", &signed]).passed("record sign");
    let envelope: Value = serde_json::from_slice(&std::fs::read(&signed).unwrap()).unwrap();
    assert_eq!(envelope["signatures"].as_array().unwrap().len(), 2);
}

/// An editor pastes what `ask` says into a discussion: that nobody stands by it any more has to be in it.
#[test]
fn ask_says_of_a_manifest_that_its_issuer_took_it_back() {
    let stage = Stage::new();
    let served = stage.program.serve(&stage.dir.path().join("D/log"));
    let (policy, key) = (stage.path("D/policy.txt"), stage.path("D/keys/stewards.pem"));
    let question = ["ask", "page:harbourwiki/11", "--log", &served.url, "--policy", &policy];
    let present = || {
        let answers = stage.program.json(&question)["questions"][0]["answers"].as_array().unwrap().clone();
        answers.into_iter().find(|answer| answer["status"] == "present").unwrap()
    };
    let before = present();
    assert_eq!(before["dataset"]["takenBackBy"], json!(null), "{before}");
    let manifest = format!("record:{}", before["dataset"]["manifest"]["record"].as_str().unwrap());
    let retract = ["record", "retract", &manifest, "--reason", "error", "--issuer", "stewards.harbourwiki.example"];
    let to = ["--key", &key, "--log", &served.url, "--policy", &policy, "--yes", "--out", &stage.path("back.json")];
    let by = stage.program.json(&[&retract[..], &to[..]].concat())["index"].as_str().unwrap().to_owned();
    let after = present();
    assert_eq!(after["dataset"]["takenBackBy"], json!(by), "{after}");
    assert!(after["citation"].as_str().unwrap().contains("took these contents back"), "{after}");
    let screen = stage.program.run(&question).passed("colophon ask").stdout;
    assert!(screen.contains(&format!("note     its issuer took it back: entry {by}\n")), "{screen}");
}

/// What is kept of a log costs at most a second look when it is damaged.
#[test]
fn a_damaged_edge_in_the_cache_is_fetched_anew() {
    let stage = Stage::new();
    let served = stage.program.serve(&stage.dir.path().join("D/log"));
    let policy = stage.path("D/policy.txt");
    let list = ["record", "list", "--log", &served.url, "--policy", &policy];
    let sound = stage.program.json(&list);
    let found = Command::new("find").args([&stage.path("cache"), "-name", "0.edge"]).output().unwrap();
    let edge = String::from_utf8(found.stdout).unwrap().trim().to_owned();
    let kept = std::fs::read(&edge).unwrap();
    let mut longer = kept.clone();
    longer[33] ^= 1;
    for damaged in [longer, kept[..kept.len() - 7].to_vec(), [&kept[..], b"more"].concat()] {
        std::fs::write(&edge, damaged).unwrap();
        assert_eq!(stage.program.json(&list), sound);
    }
}

#[test]
fn u4_a_pipe_gets_no_escape_codes_and_a_reader_that_goes_away_is_no_failure() {
    let stage = Stage::new();
    let (log, bundle, policy) =
        (stage.path("D/log"), stage.path("D/model-card.colophon.json"), stage.path("D/policy.txt"));
    let commands: [&[&str]; 8] = [
        &["explain"],
        &["--help"],
        &["completions", "bash"],
        &["record", "list", "--dir", &log],
        &["record", "show", "9", "--dir", &log],
        &["verify", "--policy", &policy, &bundle],
        &["manifest", "inspect", &stage.path("D/manifest")],
        &["ask", "title:harbourwiki/Nowhere", "--dir", &log],
    ];
    for args in commands {
        let mut command = stage.program.command(args);
        let outcome = run(command.env_remove("NO_COLOR"));
        assert!(!outcome.stdout.contains('\u{1b}') && !outcome.stderr.contains('\u{1b}'), "{args:?}");
        let mut gone = stage.program.command(args);
        let mut child = gone.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains("panicked") && !said.contains("internal"), "{args:?}: {said}");
    }
}

#[test]
fn u5_the_shells_load_their_completions() {
    let dir = tempfile::tempdir().unwrap();
    let program = Program::new(env!("CARGO_BIN_EXE_colophon-under-test"), dir.path());
    for shell in ["bash", "zsh", "fish"] {
        let script = program.run(&["completions", shell]).passed(shell).stdout;
        assert!(script.contains("publish") && script.contains("attest"), "{shell}");
        let file = dir.path().join(shell);
        std::fs::write(&file, script).unwrap();
        // Two of the three are rarely installed; what is there must read its script.
        if shell == "bash" {
            let Some(bash) = tool("bash") else { continue };
            let load = format!("source {} && complete -p colophon", file.display());
            run(Command::new(bash).args(["-c", &load])).passed("bash");
        }
    }
}

#[test]
fn b18_addresses_in_a_record_are_text_and_nobody_calls_them() {
    let stage = Stage::new();
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let url = format!("http://{}/latest/meta-data", trap.local_addr().unwrap());
    let draft = json!({
        "model_name": "caller", "license": "other", "license_link": url, "library_name": url, "datasets": [url],
        "card": { "uri": url, "downloadLocation": url, "digest": { "sha256": "ab".repeat(32) } },
        "evidence": [{ "name": "a", "uri": url }, { "name": "b", "uri": "http://169.254.169.254/latest/meta-data" }],
        "externalIdentifier": [{ "identifier": url }], "base_model": url, "thumbnail": url,
    });
    let (from, out) = (stage.path("caller.json"), stage.path("caller.colophon.json"));
    std::fs::write(&from, draft.to_string()).unwrap();
    // The lab of the demo signs: its settings are those in the demo's folder.
    let demo = Program::new(env!("CARGO_BIN_EXE_colophon-under-test"), &stage.dir.path().join("D"));
    let server = demo.serve(&stage.dir.path().join("D/log"));
    let policy = stage.path("D/policy.txt");
    let keys = demo.json(&["key", "list"]);
    let mut names = keys["keys"].as_array().unwrap().iter().filter_map(|key| key["name"].as_str());
    let lab = names.find(|name| name.contains("lab")).unwrap_or_else(|| panic!("{keys}"));
    let subject = format!("weights={}", "cd".repeat(32));
    let line =
        ["record", "publish", "model-card", "--from", &from, "--subject", &subject, "--issuer", "heron-lab.example"];
    let more = ["--key", lab, "--policy", &policy, "--log", &server.url, "--out", &out];
    let published = demo.json(&[&line[..], &more].concat());
    assert_eq!(published["verified"], true);
    let get = |path: &str| {
        let mut reply = ureq::get(format!("{}{path}", server.url)).call().unwrap();
        reply.body_mut().read_to_string().unwrap()
    };
    let index = published["index"].as_str().unwrap_or_else(|| panic!("{published}"));
    let page = get(&format!("/r/{index}"));
    assert!(
        page.contains("169.254.169.254") && page.contains("/latest/meta-data"),
        "they are shown as they were written"
    );
    for path in ["/".to_owned(), format!("/m/{}", "cd".repeat(32)), format!("/api/v1/records/{index}/bundle")] {
        get(&path);
    }
    demo.json(&["verify", "--policy", &policy, &out]);
    demo.run(&["ask", "caller", "--policy", &policy, "--log", &server.url]).passed("colophon ask");
    match trap.accept() {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
        called => panic!("somebody called: {called:?}"),
    }
}
