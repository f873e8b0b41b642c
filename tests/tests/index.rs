//! The verifiable index as it is used: a log is made, its operator signs a root, lists are proven under it, an auditor
//! rebuilds it and says so, and a server that leaves a record out is caught.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::process::Command;

use harness::between::{Answer, Between};
use harness::stage::{AUDIT, LAB, Stage};
use serde_json::{Value, json};

fn stage() -> Stage {
    Stage::new(env!("CARGO_BIN_EXE_colophon-under-test"))
}

fn entries(list: &Value) -> Vec<u64> {
    let records = list["records"].as_array().unwrap();
    records.iter().map(|record| record["index"].as_str().unwrap().parse().unwrap()).collect()
}

#[test]
fn lists_are_proven_under_a_signed_root_and_name_who_rebuilt_it() {
    let stage = stage();
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
    let run_with = |more: &[&str], bundle: &str| {
        let policy = stage.path("log/policy.txt");
        let line = [&["-B", script, "--policy", &policy], more, &[bundle]].concat();
        let out = Command::new(&python).args(line).output().unwrap();
        serde_json::from_slice::<Value>(&out.stdout).unwrap_or_else(|_| panic!("{out:?}"))
    };
    let run = |bundle: &str| run_with(&[], bundle);
    let said = run(bundle);
    assert_eq!((&said["verdict"], &said["unread"]), (&json!("verified"), &json!([])), "{said}");
    let links = run_with(&["--links"], bundle);
    let unread = json!(["forms", "keyLookup"]);
    let proved = [&links["verdict"], &links["unread"], &links["unrevoked"]];
    assert_eq!(proved, [&json!("verified"), &unread, &json!({})], "{links}");
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
    let stage = stage();
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

/// Leaves the first entry out of every list.
fn a_shorter_list(path: &str, answer: &mut Answer) {
    if path.starts_with("/api/v1/lookup") {
        let mut lookup: Value = serde_json::from_slice(&answer.body).unwrap();
        if let Some(page) = lookup["page"].as_object_mut() {
            for list in ["indices", "entries"] {
                page[list].as_array_mut().unwrap().remove(0);
            }
            let count: u64 = lookup["count"].as_str().unwrap().parse().unwrap();
            lookup["count"] = json!((count - 1).to_string());
            answer.body = lookup.to_string().into_bytes();
        }
    }
}

#[test]
fn a_server_that_leaves_a_record_out_of_a_list_is_caught() {
    let stage = stage();
    (1..=2).for_each(|number| drop(stage.publish(number)));
    stage.sign_root();
    let between = Between::new(&stage.server.url, a_shorter_list);
    let line = ["record", "list", "--kind", "model-card", "--log", &between.url];
    assert_eq!(entries(&stage.program.json(&line)), [3, 4], "an honest server between");
    between.lie();
    let caught = stage.program.run(&line);
    assert_eq!(caught.exit, 11, "{caught:?}");
    assert!(caught.stderr.contains("proof_invalid"), "{caught:?}");
}
