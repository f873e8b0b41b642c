//! What happens to a record that is redacted, and to one that is retracted: everywhere that somebody may look.

#![allow(clippy::unwrap_used, clippy::panic)]

use harness::Outcome;
use harness::between::{Answer, Between, request};
use harness::stage::{LAB, Stage};
use serde_json::{Value, json};

fn stage() -> Stage {
    Stage::new(env!("CARGO_BIN_EXE_colophon-under-test"))
}

/// Takes something back or corrects it; the bundle goes into the stage's folder.
#[track_caller]
fn say(stage: &Stage, args: &[&str]) -> Value {
    let out = stage.path("said.colophon.json");
    let _ = std::fs::remove_file(&out);
    stage.run(&[args, &["--out", &out]].concat())
}

/// The same, however it ends.
fn try_to_say(stage: &Stage, args: &[&str]) -> Outcome {
    let out = stage.path("refused.colophon.json");
    run(stage, &[args, &["--out", &out]].concat())
}

/// Runs a command that talks to the log, however it ends.
fn run(stage: &Stage, args: &[&str]) -> Outcome {
    stage.program.run(&[args, &["--log", &stage.server.url]].concat())
}

/// The code of each mark, with the entry that makes it.
fn marks(shown: &Value) -> Vec<(&str, Option<&str>)> {
    let marks = shown["marks"].as_array().unwrap().iter();
    marks.map(|mark| (mark["code"].as_str().unwrap(), mark["because"].as_str())).collect()
}

fn page(stage: &Stage, path: &str) -> String {
    String::from_utf8(stage.get(path)).unwrap()
}

/// The record reference of a published record.
fn reference(published: &Value) -> String {
    format!("record:{}", published["record"].as_str().unwrap())
}

#[test]
fn a_redacted_record_stays_provable_and_everybody_says_that_it_was_redacted() {
    let stage = stage();
    let published = stage.publish(1);
    let (other, id) = (stage.publish(2), reference(&published));
    let (bundle, unread) = (stage.path("m1.colophon.json"), stage.path("m2.colophon.json"));
    let body = stage.get("/api/v1/records/3");
    assert!(String::from_utf8_lossy(&body).contains("payload"));
    let state_before = stage.run(&["record", "list", "--kind", "model-card"]);

    // Who may not have it erased is refused, and nothing changes.
    let refused = try_to_say(
        &stage,
        &["record", "retract", &id, "--redact", "copyright", "--authority", "issuer", "--issuer", LAB, "--key", "lab"],
    );
    assert_eq!(refused.exit, 14, "{refused:?}");
    assert!(refused.stderr.contains("role_refused"), "{refused:?}");
    assert_eq!(stage.get("/api/v1/records/3"), body);

    let line = [
        "record",
        "retract",
        &id,
        "--redact",
        "personalData",
        "--authority",
        "operator",
        "--issuer",
        "operator",
        "--key",
        "operator",
    ];
    let retraction = say(&stage, &line);
    assert_eq!(retraction["index"], "5");

    // The server: the body is gone, and the answer says by which entry.
    for path in ["/api/v1/records/3", "/api/v1/records/3/bundle"] {
        let answer = request(&stage.server.url, path);
        let problem: Value = serde_json::from_slice(&answer.body).unwrap();
        assert!(answer.status.starts_with("410"), "{path}: {}", answer.status);
        assert_eq!((&problem["code"], &problem["retraction"]), (&json!("redacted"), &json!("5")), "{path}");
    }
    let html = page(&stage, "/r/3");
    assert!(html.contains("redacted") && html.contains("/r/5") && !html.contains("missing"), "{html}");
    // The reader: everything that the entry keeps, and why there is no more.
    let shown = stage.run(&["record", "show", "3"]);
    assert_eq!((&shown["verified"], &shown["statement"]), (&json!(true), &Value::Null));
    assert_eq!(marks(&shown), [("redacted", Some("5"))]);
    assert_eq!(stage.run(&["record", "show", &id])["marks"], shown["marks"]);
    assert_eq!(marks(&stage.run(&["record", "show", &reference(&other)])), []);
    // Lists, state and proofs are whole.
    let list = stage.run(&["record", "list", "--kind", "model-card"]);
    assert_eq!(list["records"], state_before["records"]);
    assert_eq!(stage.run(&["log", "audit"])["verdict"], "holds");
    assert_eq!(stage.run(&["log", "audit"])["redacted"], 1);
    // A bundle that somebody kept still proves that it was said.
    stage.program.json(&["verify", &bundle]);
    stage.program.json(&["verify", &unread]);
    // It does not come back, from whoever kept it.
    let kept = ledger::bundle::Bundle::parse(&std::fs::read(&bundle).unwrap()).unwrap();
    let envelope = stage.path("kept.dsse.json");
    std::fs::write(&envelope, kept.record.envelope).unwrap();
    let refused = run(&stage, &["record", "submit", &envelope]);
    assert!(refused.exit == 2 && refused.stderr.contains("redacted"), "{refused:?}");
    assert_eq!(stage.run(&["log", "audit"])["size"], "6");
}

#[test]
fn a_retracted_record_is_readable_and_marked_and_so_is_a_corrected_one() {
    let stage = stage();
    let (first, second) = (stage.publish(1), stage.publish(2));
    let by_lab = ["--issuer", LAB, "--key", "lab"];
    let retraction =
        say(&stage, &[&["record", "retract", &reference(&first), "--reason", "error"][..], &by_lab].concat());
    let correction = say(
        &stage,
        &[
            &["record", "correct", &reference(&second), "--pointer", "/license", "--reason", "it is apache-2.0"][..],
            &by_lab,
        ]
        .concat(),
    );
    let shown = stage.run(&["record", "show", "3"]);
    assert_eq!(marks(&shown), [("withdrawn", retraction["index"].as_str())]);
    assert_eq!(shown["statement"]["predicate"]["model_name"], "m1", "it stays readable");
    let shown = stage.run(&["record", "show", "4"]);
    assert_eq!((marks(&shown), &shown["correctedBy"]), (vec![], &json!([correction["index"]])));
    // Unknown is said where nothing was looked at.
    let alone = stage.run(&["record", "show", "4", "--alone"]);
    assert_eq!(alone["marks"], Value::Null);
    let text = run(&stage, &["record", "show", "3"]);
    assert!(text.stdout.contains("withdrawn (entry 5)"), "{}", text.stdout);
}

#[test]
fn what_holds_the_log_together_cannot_be_redacted() {
    let stage = stage();
    let list = stage.run(&["record", "list", "--kind", "party"]);
    let party = format!("record:{}", list["records"][0]["record"].as_str().unwrap());
    let refused = try_to_say(
        &stage,
        &[
            "record",
            "retract",
            &party,
            "--redact",
            "other",
            "--authority",
            "operator",
            "--issuer",
            "operator",
            "--key",
            "operator",
        ],
    );
    assert_eq!(refused.exit, 2, "{refused:?}");
    assert!(refused.stderr.contains("not_redactable"), "{refused:?}");
}

/// A server that says of every body that it was erased.
fn everything_erased(path: &str, answer: &mut Answer) {
    if path.starts_with("/addenda/") {
        let problem = json!({ "code": "redacted", "title": "gone", "status": 410, "detail": "erased" });
        *answer = Answer { status: "410 Gone".to_owned(), body: problem.to_string().into_bytes() };
    }
}

#[test]
fn a_server_that_calls_a_body_erased_which_no_retraction_erased_is_caught() {
    let stage = stage();
    stage.publish(1);
    let between = Between::new(&stage.server.url, everything_erased);
    between.lie();
    for line in [&["log", "audit"][..], &["findings"], &["log", "state"]] {
        let caught = stage.program.run(&[line, &["--log", &between.url]].concat());
        assert_eq!(caught.exit, 11, "{caught:?}");
        assert!(caught.stderr.contains("withheld") && caught.stderr.contains("entry"), "{caught:?}");
    }
}
