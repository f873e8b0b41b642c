//! Commands against a real log in a folder, as a user runs them, in one process.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::logdir::LogDir;
use crate::serving::{ANY_LOOPBACK, Running};
use crate::world::World;

mod cards;
mod kept;

/// A folder with a user's settings and a log.
struct Place {
    dir: tempfile::TempDir,
}

/// What a command ended with.
#[derive(Debug)]
struct Ended {
    exit: u8,
    stdout: String,
    stderr: String,
}

impl Ended {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("w.bin"), "weights").unwrap();
        fs::write(dir.path().join("card.yaml"), "model_name: heron\nlicense: apache-2.0\n").unwrap();
        Self { dir }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    fn run(&self, args: &[&str]) -> Ended {
        let config = self.path("config.toml");
        let (world, seen) = World::captured(&[("COLOPHON_CONFIG", &config), ("COLOPHON_TIMEOUT", "5")]);
        let args = std::iter::once("colophon").chain(args.iter().copied()).map(OsString::from).collect();
        let exit = super::run(args, world);
        Ended { exit, stdout: seen.stdout(), stderr: seen.stderr() }
    }

    /// Runs a command that must succeed.
    fn ok(&self, args: &[&str]) -> Value {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let ended = self.run(&args);
        assert_eq!(ended.exit, 0, "{args:?}: {ended:?}");
        ended.json()
    }

    /// Runs a command that must end with this code.
    fn refused(&self, args: &[&str], exit: u8) -> Value {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let ended = self.run(&args);
        assert_eq!(ended.exit, exit, "{args:?}: {ended:?}");
        let json = ended.json();
        assert_eq!(json["exit"], exit, "{json}");
        json
    }

    /// A log with one partner, `lab`, that has the key `lab`.
    fn log(&self) -> LogDir {
        let log = self.path("log");
        self.ok(&["log", "init", "--dir", &log, "--origin", "log.example/k", "--operator", "op"]);
        let folder = LogDir::open(Path::new(&log)).unwrap();
        self.ok(&["key", "new", "lab", "--no-password"]);
        let running = Running::start(&folder, ANY_LOOPBACK).unwrap();
        let (statement, envelope) = (self.path("party.json"), self.path("party.dsse.json"));
        self.ok(&["party", "new", "lab", "--role", "partner", "--key", "lab", "--issuer", "op", "--out", &statement]);
        let operator = self.path("log/keys/operator.pem");
        self.ok(&["record", "sign", &statement, "--key", &operator, "--key", "lab", "--out", &envelope]);
        self.ok(&["record", "submit", &envelope, "--log", running.url()]);
        folder
    }

    fn publish<'a>(&'a self, log: &'a str) -> Vec<&'a str> {
        let mut line = vec!["record", "publish", "model-card", "--key", "lab", "--issuer", "lab", "--log", log];
        line.extend(["--from", self.leak("card.yaml"), "--subject", self.leak("w.bin")]);
        line
    }

    fn leak(&self, name: &str) -> &'static str {
        self.path(name).leak()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target)
        } else {
            _ = fs::copy(entry.path(), target).unwrap()
        }
    }
}

#[test]
fn publish_taken_up_after_it_was_cut_off_sends_the_same_bytes_and_gets_one_index() {
    let place = Place::new();
    let log = place.log();
    // Nobody is there: the run ends after the envelope was kept.
    let nobody = place.publish("http://127.0.0.1:1");
    assert_eq!(place.refused(&nobody, 20)["code"], "unreachable");
    let pending = fs::read(place.path("w.bin.colophon.json.pending")).unwrap();
    let running = Running::start(&log, ANY_LOOPBACK).unwrap();
    let url = running.url().to_owned();
    place.ok(&["log", "trust", "--policy", &place.path("log/policy.txt")]);
    let first = place.ok(&place.publish(&url));
    assert_eq!((&first["duplicate"], &first["verified"]), (&Value::Bool(false), &Value::Bool(true)));
    let record = ledger::record::Record::parse(&pending).unwrap();
    assert_eq!(first["record"], record.id.to_hex());
    assert!(!PathBuf::from(place.path("w.bin.colophon.json.pending")).exists());
    // As if it had been cut off after the log had answered and before the bundle was written.
    fs::remove_file(place.path("w.bin.colophon.json")).unwrap();
    fs::write(place.path("w.bin.colophon.json.pending"), &pending).unwrap();
    // Killed while it wrote: what is left of that goes with the next run.
    let left = ["w.bin.colophon.json.77-0.part", "w.bin.colophon.json.pending.77-1.part"].map(|name| place.path(name));
    left.iter().for_each(|path| fs::write(path, "half").unwrap());
    for _ in 0..2 {
        let again = place.ok(&place.publish(&url));
        assert!(!left.iter().any(|path| Path::new(path).exists()));
        assert_eq!((&again["index"], &again["duplicate"]), (&first["index"], &Value::Bool(true)));
    }
    place.ok(&["verify", &place.path("w.bin")]);
    // Another file is another record.
    fs::write(place.path("w.bin"), "other weights").unwrap();
    let other = place.ok(&place.publish(&url));
    assert_ne!(other["index"], first["index"]);
}

/// What `doctor` says of the log's address.
fn address_of_the_log(place: &Place, url: &str) -> (u8, Value) {
    let ended = place.run(&["doctor", "--log", url, "--json"]);
    let json = ended.json();
    let look = json["looks"].as_array().unwrap().iter().find(|look| look["what"] == "log's address").unwrap();
    (ended.exit, look.clone())
}

#[test]
fn doctor_proves_that_the_log_extends_what_was_seen_and_keeps_evidence_of_a_fork() {
    let place = Place::new();
    let log = place.log();
    let policy = place.path("log/policy.txt");
    place.ok(&["log", "trust", "--policy", &policy]);
    // The same log a day later in the hands of somebody who goes another way, and a user who sees that one alone.
    let other = Place::new();
    copy(log.path(), Path::new(&other.path("log")));
    copy(Path::new(&place.path("keys")), Path::new(&other.path("keys")));
    other.ok(&["log", "trust", "--policy", &policy]);
    fs::write(other.path("card.yaml"), "model_name: another\n").unwrap();
    let publish = |place: &Place, url: &str, out: &str| {
        let out = place.path(out);
        place.ok(&[&place.publish(url)[..], &["--out", &out]].concat());
    };
    let running = Running::start(&log, ANY_LOOPBACK).unwrap();
    let (exit, look) = address_of_the_log(&place, running.url());
    assert!(exit == 0 && !look["found"].as_str().unwrap().contains("proven"), "nothing was seen yet: {look}");
    publish(&place, running.url(), "first.json");
    fs::write(place.path("card.yaml"), "model_name: newer\n").unwrap();
    publish(&place, running.url(), "second.json");
    let (exit, look) = address_of_the_log(&place, running.url());
    assert_eq!(exit, 0, "{look}");
    assert!(look["found"].as_str().unwrap().ends_with("; extends the tree of size 4 that was seen: proven"), "{look}");
    drop(running);

    let running = Running::start(&LogDir::open(Path::new(&other.path("log"))).unwrap(), ANY_LOOPBACK).unwrap();
    publish(&other, running.url(), "first.json");
    for name in ["a", "b"] {
        fs::write(other.path("card.yaml"), format!("model_name: {name}\n")).unwrap();
        publish(&other, running.url(), &format!("{name}.json"));
    }
    // Both trees that were seen are smaller than this one: without a proof it would look like their continuation.
    let (exit, look) = address_of_the_log(&place, running.url());
    assert_eq!((exit, &look["code"], &look["ok"]), (13, &"fork".into(), &false.into()), "{look}");
    assert!(PathBuf::from(look["place"].as_str().unwrap()).exists(), "{look}");
    assert_eq!(address_of_the_log(&other, running.url()).0, 0);
}

#[test]
fn b15_a_log_restored_from_yesterday_is_a_rollback_and_one_that_went_another_way_a_fork() {
    let place = Place::new();
    let log = place.log();
    let policy = place.path("log/policy.txt");
    let old = place.dir.path().join("old");
    copy(log.path(), &old);
    let old = LogDir::open(&old).unwrap();
    let late = Place { dir: tempfile::tempdir().unwrap() };
    {
        let running = Running::start(&log, ANY_LOOPBACK).unwrap();
        place.ok(&["log", "trust", "--policy", &policy]);
        place.ok(&place.publish(running.url()));
        late.ok(&["log", "trust", "--policy", &policy]);
        for place in [&place, &late] {
            assert_eq!(place.ok(&["record", "list", "--log", running.url()])["total"], 3);
        }
    }
    let running = Running::start(&old, ANY_LOOPBACK).unwrap();
    let error = place.refused(&["record", "list", "--log", running.url()], 13);
    assert_eq!(error["code"], "rollback");
    let evidence = PathBuf::from(error["place"].as_str().unwrap());
    let document: Value = serde_json::from_slice(&fs::read(evidence).unwrap()).unwrap();
    assert_eq!(document["what"], "rollback");
    // The restored log goes another way, to the same size and beyond.
    fs::remove_file(place.path("w.bin.colophon.json")).unwrap();
    fs::write(place.path("card.yaml"), "model_name: another\n").unwrap();
    let other = Place { dir: tempfile::tempdir().unwrap() };
    copy(&place.dir.path().join("keys"), &other.dir.path().join("keys"));
    for name in ["w.bin", "card.yaml"] {
        fs::copy(place.path(name), other.path(name)).unwrap();
    }
    other.ok(&["log", "trust", "--policy", &policy]);
    other.ok(&other.publish(running.url()));
    let error = place.refused(&["record", "list", "--log", running.url()], 13);
    assert_eq!(error["code"], "fork");
    // An offline verification sees it too.
    let error = place.refused(&["verify", &other.path("w.bin.colophon.json")], 13);
    assert_eq!(error["code"], "fork");
    // And at once by somebody who comes back when it has grown beyond what was seen, of which an edge is kept.
    fs::remove_file(other.path("w.bin.colophon.json")).unwrap();
    fs::write(other.path("card.yaml"), "model_name: a third\n").unwrap();
    other.ok(&other.publish(running.url()));
    let error = late.refused(&["record", "list", "--log", running.url()], 13);
    assert_eq!(error["code"], "fork");
}

#[test]
fn every_refusal_to_start_names_a_command_that_mends_it() {
    let place = Place::new();
    let log = place.path("log");
    let error = place.refused(&["log", "serve", "--dir", &log], 2);
    assert_eq!(error["hint"], format!("Create one with `colophon log init --dir {log}`."));
    place.ok(&["log", "init", "--dir", &log]);
    let error = place.refused(&["log", "init", "--dir", &log], 2);
    assert_eq!(error["code"], "store_exists");
    assert!(error["hint"].as_str().unwrap().contains(&format!("colophon log serve --dir {log}")));
    let folder = LogDir::open(Path::new(&log)).unwrap();
    let running = Running::start(&folder, ANY_LOOPBACK).unwrap();
    let error = place.refused(&["log", "serve", "--dir", &log, "--listen", "127.0.0.1:0"], 2);
    assert_eq!(error["code"], "store_locked");
    assert!(error["hint"].as_str().unwrap().contains(&format!("kill {}", std::process::id())), "{error}");
    let taken = running.url().trim_start_matches("http://").to_owned();
    let second = place.path("second");
    place.ok(&["log", "init", "--dir", &second]);
    let error = place.refused(&["log", "serve", "--dir", &second, "--listen", &taken], 2);
    assert_eq!(
        error["hint"],
        format!("Let the system choose a port: `colophon log serve --dir {second} --listen 127.0.0.1:0`")
    );
    drop(running);
    let key = place.path("log/keys/log.key");
    let mut mode = fs::metadata(&key).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o644);
    fs::set_permissions(&key, mode).unwrap();
    let error = place.refused(&["log", "serve", "--dir", &log, "--listen", "127.0.0.1:0"], 2);
    assert_eq!(error["hint"], format!("Let nobody else read it: `chmod 600 {key}`"));
    let busy = place.refused(&["log", "init", "--dir", place.dir.path().to_str().unwrap()], 2);
    assert!(busy["hint"].as_str().unwrap().contains("--dir"), "{busy}");
}

#[test]
fn without_a_pin_nothing_is_verified_and_another_entry_0_is_noticed() {
    let place = Place::new();
    let log = place.log();
    let running = Running::start(&log, ANY_LOOPBACK).unwrap();
    let ended = place.run(&place.publish(running.url()));
    assert_eq!(ended.exit, 0);
    assert!(ended.stderr.contains("not verified") && ended.stdout.contains("not verified"), "{ended:?}");
    let bundle = place.path("w.bin.colophon.json");
    assert_eq!(place.refused(&["verify", &bundle], 14)["code"], "no_policy");
    assert_eq!(place.refused(&["record", "list", "--log", running.url()], 14)["code"], "no_policy");
    assert_eq!(place.run(&["log", "trust", running.url()]).exit, 2);
    let policy = place.path("log/policy.txt");
    place.ok(&["verify", "--policy", &policy, &bundle]);
    let other = "ab".repeat(32);
    place.ok(&["log", "trust", "--policy", &policy, "--genesis", &other]);
    assert_eq!(place.run(&["verify", &bundle, "--json"]).json()["verdict"], "failed");
    assert_eq!(place.refused(&["record", "list", "--log", running.url()], 14)["place"], "entry 0");
    let vkey = fs::read_to_string(place.path("log/log.vkey")).unwrap();
    let pinned = place.ok(&["log", "trust", running.url(), "--vkey", vkey.trim()]);
    assert_eq!(pinned["genesis"], log.config().genesis.as_deref().unwrap());
    place.ok(&["verify", &bundle]);
}

#[test]
fn a_folder_is_read_through_its_own_server_whether_one_runs_or_not() {
    let place = Place::new();
    let log = place.log();
    let dir = place.path("log");
    assert_eq!(place.ok(&["record", "list", "--dir", &dir])["total"], 2);
    let running = Running::start(&log, ANY_LOOPBACK).unwrap();
    assert_eq!(place.ok(&["record", "list", "--dir", &dir, "--kind", "party"])["total"], 1);
    assert_eq!(place.ok(&["log", "stats", "--dir", &dir])["kinds"]["log-policy"], 1);
    let shown = place.ok(&["record", "show", "1", "--dir", &dir]);
    assert_eq!(shown["statement"]["kind"], "party");
    assert_eq!(place.refused(&["record", "show", "9", "--dir", &dir], 3)["code"], "not_found");
    drop(running);
    assert_eq!(place.ok(&["log", "fsck", "--dir", &dir])["clean"], true);
    assert_eq!(place.ok(&["log", "reindex", "--dir", &dir])["entries"], "2");
}

#[test]
fn a_batch_answers_for_each_line_and_fails_like_the_first_refusal() {
    let place = Place::new();
    let log = place.log();
    let running = Running::start(&log, ANY_LOOPBACK).unwrap();
    place.ok(&["key", "new", "stranger", "--no-password"]);
    let mut lines = String::new();
    for (i, key) in ["lab", "stranger", "lab"].into_iter().enumerate() {
        let (statement, envelope) = (place.path("s.json"), place.path("e.json"));
        let subject = format!("m{i}={}", "0a".repeat(32));
        let card = place.path("card.yaml");
        place.ok(&[
            "record",
            "new",
            "model-card",
            "--from",
            &card,
            "--subject",
            &subject,
            "--issuer",
            "lab",
            "-o",
            &statement,
        ]);
        place.ok(&["record", "sign", &statement, "--key", key, "-o", &envelope]);
        lines.push_str(&fs::read_to_string(&envelope).unwrap());
        lines.push('\n');
    }
    let batch = place.path("batch.ndjson");
    fs::write(&batch, lines).unwrap();
    let report = place.refused(&["record", "submit", "--batch", &batch, "--log", running.url()], 14);
    assert_eq!((&report["new"], &report["refused"]), (&2.into(), &1.into()));
    assert_eq!(report["records"][1]["code"], "signer_unknown");
    assert!(report["records"][1]["source"].as_str().unwrap().ends_with("line 2"));
}

#[test]
fn u4_quiet_is_quiet_and_nothing_but_data_is_on_stdout() {
    let place = Place::new();
    for args in [&["key", "list", "-q"][..], &["config", "show", "-q"], &["explain", "fork", "-q"]] {
        let ended = place.run(args);
        assert_eq!((ended.exit, ended.stdout.as_str(), ended.stderr.as_str()), (0, "", ""), "{args:?}");
    }
    let ended = place.run(&["verify", "nothing-here.json"]);
    assert_eq!((ended.exit, ended.stdout.as_str()), (2, ""));
    assert!(ended.stderr.contains("hint"), "{ended:?}");
    let ended = place.run(&["completions", "bash", "-q"]);
    assert!(ended.stdout.contains("colophon"), "{ended:?}");
}

#[test]
fn u5_completions_are_made_for_every_shell() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let ended = place.run(&["completions", shell]);
        assert_eq!(ended.exit, 0);
        assert!(ended.stdout.contains("publish") && ended.stdout.contains("ask"), "{shell}");
    }
}

#[test]
fn b21_a_server_that_fails_while_it_is_asked_is_no_verdict() {
    use std::io::{Read as _, Write as _};
    let place = Place::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 500 Oops\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        }
    });
    for args in [&["ask", "some text", "--log", &url][..], &["record", "show", "3", "--log", &url]] {
        assert_eq!(place.refused(args, 20)["code"], "unreachable");
    }
}

#[test]
fn a_report_is_one_page_that_needs_nothing_else() {
    let place = Place::new();
    let log = place.log();
    let running = Running::start(&log, ANY_LOOPBACK).unwrap();
    place.ok(&["log", "trust", "--policy", &place.path("log/policy.txt")]);
    place.ok(&place.publish(running.url()));
    let (html, text) = (place.path("r.html"), place.path("r.txt"));
    for report in [&html, &text] {
        place.ok(&["verify", &place.path("w.bin"), "--report", report]);
        let page = fs::read_to_string(report).unwrap();
        for part in ["VERIFIED", "envelope signature", "sha256 of the bundle", "colophon 0", "log log.example/k+"] {
            assert!(page.contains(part), "{part} is not in {report}");
        }
        assert!(!page.contains("src=") && !page.contains("href="), "{report}");
    }
    fs::write(place.path("w.bin"), "changed").unwrap();
    place.refused(&["verify", &place.path("w.bin"), "--report", &text], 12);
    assert!(fs::read_to_string(&text).unwrap().contains("DOES NOT HOLD"));
}

#[test]
fn an_encrypted_key_is_opened_by_the_password_of_the_environment_and_by_no_other() {
    let place = Place::new();
    let with = |password: &str, args: &[&str]| {
        let config = place.path("config.toml");
        let (world, seen) = World::captured(&[("COLOPHON_CONFIG", &config), ("COLOPHON_KEY_PASSWORD", password)]);
        let args = std::iter::once("colophon").chain(args.iter().copied()).map(OsString::from).collect();
        let exit = super::run(args, world);
        Ended { exit, stdout: seen.stdout(), stderr: seen.stderr() }
    };
    assert_eq!(with("secret", &["key", "new", "lab", "--algorithm", "p256"]).exit, 0);
    let statement = place.path("s.json");
    let subject = format!("m={}", "0a".repeat(32));
    let card = place.path("card.yaml");
    place.ok(&[
        "record",
        "new",
        "model-card",
        "--from",
        &card,
        "--subject",
        &subject,
        "--issuer",
        "lab",
        "-o",
        &statement,
    ]);
    assert_eq!(with("secret", &["record", "sign", &statement, "--key", "lab"]).exit, 0);
    let wrong = with("guess", &["record", "sign", &statement, "--key", "lab"]);
    assert_eq!(wrong.exit, 2);
    assert!(wrong.stderr.contains("key_unreadable") && !wrong.stderr.contains("guess"), "{wrong:?}");
    assert_eq!(place.ok(&["key", "list"])["keys"][0]["encrypted"], true);
}

#[test]
fn u13_one_question_hides_among_a_thousand_keys_and_many_are_answered_from_the_whole() {
    let place = Place::new();
    let log = place.log();
    let running = Running::start(&log, ANY_LOOPBACK).unwrap();
    let url = running.url();
    place.ok(&["log", "trust", "--policy", &place.path("log/policy.txt")]);
    let digest = |i: u64| {
        use sha2::{Digest as _, Sha256};
        ledger::ids::to_hex(&Sha256::digest(i.to_be_bytes()))
    };
    let lines: String = (0..20_000).map(|i| format!("{}\n", digest(i))).collect();
    let source = place.path("digests.txt");
    fs::write(&source, lines).unwrap();
    let manifest = place.path("manifest");
    place.ok(&["manifest", "build", &source, "--out", &manifest, "--license", "CC0-1.0"]);
    let ask = |args: &[&str]| {
        let line: Vec<&str> = ["ask", "--log", url].into_iter().chain(args.iter().copied()).collect();
        place.ok(&line)
    };
    let (inside, outside) = (format!("sha256:{}", digest(7)), format!("sha256:{}", digest(1 << 40)));
    assert_eq!(ask(&[&inside])["coverage"]["datasets"], 0);
    place.ok(&["record", "publish", "manifest", "--from", &manifest, "--key", "lab", "--issuer", "lab", "--log", url]);
    let unheld = ask(&[&inside]);
    assert_eq!(unheld["questions"][0]["status"], "unknown");
    assert!(unheld["questions"][0]["answers"][0]["reason"].as_str().unwrap().contains("not held"));
    let sent = place.ok(&["manifest", "push", &manifest, "--key", "lab", "--log", url]);
    assert!(sent["keyspaces"][0]["sent"].as_u64().unwrap() > 0);
    let again = place.ok(&["manifest", "push", &manifest, "--key", "lab", "--log", url]);
    assert_eq!(again["keyspaces"][0]["sent"], 0);
    let look = |json: &Value, question: usize| {
        let answer = &json["questions"][question]["answers"][0];
        let told = answer["looks"][0]["bitsTold"].as_u64().unwrap();
        let among: u64 = answer["looks"][0]["hiddenAmong"].as_str().unwrap().parse().unwrap();
        (answer["status"].as_str().unwrap().to_owned(), told, among)
    };
    let exact = ask(&[&inside, "--exact"]);
    let (status, told, among) = look(&exact, 0);
    assert_eq!((status.as_str(), told > 4, among < 200), ("present", true, true), "{exact}");
    assert_eq!(exact["questions"][0]["answers"][0]["licenses"][0], "CC0-1.0");
    let ranged = ask(&[&inside, &outside]);
    for (question, status) in ["present", "absent"].into_iter().enumerate() {
        let (found, told, among) = look(&ranged, question);
        assert_eq!((found.as_str(), told > 0, among >= 500), (status, true, true), "{ranged}");
    }
    let others: Vec<String> = (0..4).map(|i| format!("sha256:{}", digest(i))).collect();
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    let bulk = ask(&others);
    assert_eq!(look(&bulk, 3), ("present".to_owned(), 0, 20_000), "{bulk}");
}

#[test]
fn a_mended_card_is_mended_in_place_and_strict_lint_fails() {
    let place = Place::new();
    let card = place.path("README.md");
    fs::write(&card, "---\nlanguage: no\nlicense: Apache-2.0\n---\n# Heron\n").unwrap();
    assert_eq!(place.run(&["card", "lint", &card]).exit, 0);
    assert_eq!(place.run(&["card", "lint", &card, "--strict"]).exit, 2);
    let printed = place.run(&["card", "lint", &card, "--print", "-q"]);
    assert!(printed.stdout.starts_with("---\nlanguage: \"no\"\n"), "{printed:?}");
    place.ok(&["card", "lint", &card, "--fix"]);
    assert!(fs::read_to_string(&card).unwrap().starts_with(printed.stdout.trim_end()));
    assert_eq!(place.run(&["card", "lint", &card, "--strict"]).exit, 0);
}

#[test]
fn the_demo_touches_no_folder_that_it_did_not_make() {
    let place = Place::new();
    let dir = place.dir.path().display().to_string();
    let error = place.refused(&["demo", "--once", "--dir", &dir], 2);
    assert!(error["hint"].as_str().unwrap().contains("colophon demo --dir"), "{error}");
    assert!(Path::new(&place.path("w.bin")).exists());
}
