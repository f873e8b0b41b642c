//! `tests/verify_bundle.py` shares no code with us: it must reach the same verdict, at the same link, with the same exit
//! code, for a sound bundle and for one that is broken at each link. Alone in a folder it must do so too, but for forms
//! that no honest program writes, which `tests/verify_forms.py` adds to it, and it must say what it left unread.

#![allow(clippy::unwrap_used, clippy::panic)]

mod alone;
mod mutants;
mod rules;

use std::path::Path;
use std::process::Command;

use harness::needs;
use ledger::bundle::Bundle;
use ledger::ids::{LeafIndex, RecordId, SubjectDigest};
use ledger::merkle::Proof;
use ledger::note::{Policy, sign_checkpoint};
use ledger::record::Record;
use ledger::record::key::PrivateKey;
use ledger::record::kind::Kind;
use ledger::record::kinds::LogPolicy;
use ledger::record::statement::Subject;
use ledger::testing::{ISSUED, MemoryLog, sign};
use ledger::verify::{Artifact, Trust, verify_bytes};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const PARTY: &str = "example-ai";
const FILE: &[u8] = b"weights";

fn key(seed: u8) -> PrivateKey {
    PrivateKey::from_ed25519_seed([seed; 32])
}

fn sha256(bytes: &[u8]) -> SubjectDigest {
    SubjectDigest::from_bytes(Sha256::digest(bytes).into())
}

fn card(issuer: &str, name: &str, keys: &[&PrivateKey]) -> Vec<u8> {
    let predicate = json!({ "issuer": { "id": issuer }, "issued": ISSUED, "model_name": name });
    sign(Kind::ModelCard, vec![Subject::artifact("model.safetensors", sha256(FILE))], predicate, keys)
}

/// Entry 1 registers a party with an Ed25519 and a P-256 key, entry 2 an auditor, entry 3 is the party's card.
struct Story {
    log: MemoryLog,
    party: LeafIndex,
    card: LeafIndex,
}

impl Story {
    fn new() -> Self {
        let p256 = PrivateKey::from_p256_scalar([11; 32]).unwrap();
        let mut log = MemoryLog::new();
        let party = log.register(PARTY, &["partner"], &[&key(10), &p256]);
        log.register("example-audit", &["auditor"], &[&key(20)]);
        let card = log.append(card(PARTY, "example-7b", &[&key(10), &p256]));
        log.register("example-later", &["partner"], &[&key(30)]);
        Self { log, party, card }
    }

    fn bundle(&self) -> Bundle {
        self.log.bundle(self.card, &[self.party])
    }
}

/// The Python that has `cryptography`; `None` after saying what is missing.
fn python() -> Option<String> {
    let python = std::env::var("COLOPHON_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let works =
        Command::new(&python).args(["-c", "import cryptography"]).output().is_ok_and(|out| out.status.success());
    needs("python with cryptography (COLOPHON_PYTHON)", works).then_some(python)
}

/// Runs both verifiers, and the one file alone, and asserts that they agree, and that the link is the one that the case
/// is about.
fn agree(python: &str, dir: &Path, case: &str, bundle: &[u8], policy: &Policy, file: &[u8], expected: Option<&str>) {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join("verify_bundle.py");
    for script in [whole, alone::script(dir)] {
        agree_by(&script, python, dir, case, bundle, policy, file, expected);
    }
}

/// The same by one program: the file where it lies, which finds the forms beside it, or a copy of it elsewhere.
#[allow(clippy::too_many_arguments)]
fn agree_by(
    script: &Path,
    python: &str,
    dir: &Path,
    case: &str,
    bundle: &[u8],
    policy: &Policy,
    file: &[u8],
    expected: Option<&str>,
) {
    let alone = script.starts_with(dir);
    let (bundle_path, policy_path, file_path) = (dir.join("b.json"), dir.join("policy"), dir.join("model.safetensors"));
    std::fs::write(&bundle_path, bundle).unwrap();
    std::fs::write(&policy_path, policy.encode()).unwrap();
    std::fs::write(&file_path, file).unwrap();
    let artifact = Artifact { name: "model.safetensors".to_owned(), sha256: sha256(file), files: None };
    let report = verify_bytes(bundle, &Trust::new(policy.clone()), &[artifact]);
    let link = report.failed().map(|line| serde_json::to_value(line.link).unwrap());
    let warnings: Vec<_> = report.warnings.iter().map(|warning| warning.code.as_str()).collect();
    for strict in [false, true] {
        let mut command = Command::new(python);
        command.arg("-B").arg(script);
        if strict {
            command.arg("--strict");
        }
        let out = command.arg("--policy").args([&policy_path, &bundle_path, &file_path]).output().unwrap();
        let errors = String::from_utf8_lossy(&out.stderr).into_owned();
        let said: Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{case}: {errors}"));
        assert_eq!(said["link"], json!(link), "{case}: {said}");
        assert_eq!(said["verdict"], serde_json::to_value(report.verdict).unwrap(), "{case}");
        // Alone it refuses a form as such, whichever of the codes for forms we have for it.
        if !alone || report.exit_code(false) != 2 {
            assert_eq!(said["code"], json!(report.code().map(|code| code.as_str())), "{case}: {said}");
        }
        assert_eq!(said["unread"], if alone { json!(["forms"]) } else { json!([]) }, "{case}");
        assert_eq!(said["warnings"], json!(warnings), "{case}");
        assert_eq!(out.status.code(), Some(i32::from(report.exit_code(strict))), "{case}: {said} {errors}");
    }
    assert_eq!(link, expected.map(Value::from), "{case}");
}

#[test]
fn b13_a_verifier_that_shares_no_code_reaches_the_same_verdict_at_each_link() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let story = Story::new();
    let (good, policy) = (story.bundle(), story.log.policy());
    let run = |case: &str, bundle: &Bundle, policy: &Policy, file: &[u8], link: Option<&str>| {
        agree(&python, dir.path(), case, &bundle.encode().unwrap(), policy, file, link);
    };
    let with = |change: &dyn Fn(&mut Bundle)| {
        let mut bundle = good.clone();
        change(&mut bundle);
        bundle
    };
    run("sound", &good, &policy, FILE, None);
    run("entry 0", &story.log.bundle(LeafIndex(0), &[]), &policy, b"log", Some("artifact"));
    run("a party", &story.log.bundle(story.party, &[]), &policy, b"key", Some("artifact"));

    let text = String::from_utf8(good.encode().unwrap()).unwrap();
    for (from, to) in [("keyHistory", "keyhistory"), ("index 3", "index 03"), ("{", "{\"a\":1.5,"), ("v1+json", "v2")] {
        let broken = text.replacen(from, to, 1);
        agree(&python, dir.path(), from, broken.as_bytes(), &policy, FILE, Some("bundle"));
    }

    let mut other = MemoryLog::with("other.example.org", 1);
    let party = other.register(PARTY, &["partner"], &[&key(10)]);
    let foreign = other.append(card(PARTY, "example-7b", &[&key(10)]));
    run("origin", &other.bundle(foreign, &[party]), &policy, FILE, Some("log-signature"));
    let elsewhere = MemoryLog::with(ledger::testing::ORIGIN, 40).policy();
    run("log key", &good, &elsewhere, FILE, Some("log-signature"));
    let flipped = with(&|bundle| {
        let note = String::from_utf8(bundle.record.proof.checkpoint.clone()).unwrap();
        bundle.record.proof.checkpoint = note.replacen("\n5\n", "\n6\n", 1).into_bytes();
    });
    run("checkpoint signature", &flipped, &policy, FILE, Some("log-signature"));

    let bare = sign_checkpoint(&story.log.checkpoint(), story.log.signer(), &[]).unwrap();
    run("policy", &with(&|b| b.record.proof.checkpoint = bare.clone()), &policy, FILE, Some("witnesses"));
    run("history's policy", &with(&|b| b.policy.proof.checkpoint = bare.clone()), &policy, FILE, Some("signer-key"));
    let none = Policy::of_log(story.log.signer().verifier_key(), &[]).unwrap();
    run("no witness asked", &with(&|b| b.record.proof.checkpoint = bare.clone()), &none, FILE, None);

    let cut = |b: &mut Bundle| b.record.proof.proof = Proof::new(b.record.proof.proof.hashes()[1..].to_vec()).unwrap();
    run("inclusion", &with(&cut), &policy, FILE, Some("inclusion"));
    run("index", &with(&|b| b.record.proof.index = LeafIndex(2)), &policy, FILE, Some("inclusion"));
    run("range", &with(&|b| b.record.proof.index = LeafIndex(9)), &policy, FILE, Some("inclusion"));

    let payload = with(&|bundle| {
        let text = String::from_utf8(bundle.record.envelope.clone()).unwrap();
        bundle.record.envelope = text.replacen("eyJ", "fyJ", 1).into_bytes();
    });
    run("payload", &payload, &policy, FILE, Some("envelope-signature"));
    run("envelope", &with(&|b| b.record.envelope = b"{}".to_vec()), &policy, FILE, Some("envelope-signature"));

    run("no history", &story.log.bundle(story.card, &[]), &policy, FILE, Some("signer-key"));
    let doubled = story.log.bundle(story.card, &[story.party, story.party]);
    run("history twice", &doubled, &policy, FILE, Some("signer-key"));
    let idle = story.log.bundle(story.card, &[story.party, LeafIndex(2), LeafIndex(4)]);
    run("a longer history", &idle, &policy, FILE, None);

    // The same party at the same index, in a tree of the same size that holds another card.
    let mut fork = MemoryLog::new();
    let p256 = PrivateKey::from_p256_scalar([11; 32]).unwrap();
    let again = fork.register(PARTY, &["partner"], &[&key(10), &p256]);
    fork.register("example-audit", &["auditor"], &[&key(20)]);
    let another = fork.append(card(PARTY, "another", &[&key(10), &p256]));
    fork.register("example-later", &["partner"], &[&key(30)]);
    let forked = fork.bundle(another, &[again]);
    run("a fork", &with(&|b| b.key_history = forked.key_history.clone()), &policy, FILE, Some("signer-key"));

    run("body", &with(&|b| b.record.envelope.push(b'\n')), &policy, FILE, Some("record"));
    run("artifact", &good, &policy, b"other", Some("artifact"));
}

#[test]
fn b10_both_verifiers_fold_the_history_of_keys_alike() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let check = |case: &str, log: &MemoryLog, index: LeafIndex, history: &[LeafIndex], link: Option<&str>| {
        let bundle = log.bundle(index, history).encode().unwrap();
        agree(&python, dir.path(), case, &bundle, &log.policy(), FILE, link);
    };
    let mut log = MemoryLog::new();
    let early = log.append(card(PARTY, "early", &[&key(10)]));
    let party = log.register(PARTY, &["partner"], &[&key(10), &key(11)]);
    let before = log.append(card(PARTY, "before", &[&key(10)]));
    let revoked = log.revoke(PARTY, &key(10), None, &key(11));
    let after = log.append(card(PARTY, "after", &[&key(10)]));
    let auditor = log.register("example-audit", &["auditor"], &[&key(20)]);
    let role = log.append(card("example-audit", "role", &[&key(20)]));
    let another = log.append(card(PARTY, "another", &[&key(20)]));
    let again = log.revoke(PARTY, &key(10), None, &key(11));
    let stolen = log.revoke(PARTY, &key(11), Some(LeafIndex(3)), &key(11));

    check("too early", &log, early, &[party], Some("signer-key"));
    check("in force", &log, before, &[party, revoked], None);
    check("revoked", &log, after, &[party, revoked], Some("signer-key"));
    check("role", &log, role, &[auditor], Some("signer-key"));
    check("issuer", &log, another, &[party, auditor], Some("signer-key"));
    check("revoked twice", &log, before, &[party, revoked, again], Some("signer-key"));
    check("a card in the history", &log, before, &[party, after], Some("signer-key"));
    check("a revocation itself", &log, stolen, &[party, revoked], Some("artifact"));

    let mut log = MemoryLog::new();
    let party = log.register(PARTY, &["partner"], &[&key(10), &key(11)]);
    let disputed = log.append(card(PARTY, "disputed", &[&key(10)]));
    let stolen = log.revoke(PARTY, &key(10), Some(disputed), &key(11));
    check("disputed", &log, disputed, &[party, stolen], None);

    let mut log = MemoryLog::new();
    let party = log.register(PARTY, &["partner"], &[&key(10)]);
    let signed = log.append(card(PARTY, "signed", &[&key(10)]));
    let thief = log.register("example-thief", &["partner"], &[&key(10)]);
    check("a key that another party has", &log, signed, &[party, thief], Some("signer-key"));

    // A comment by a key of no party.
    let own = key(60);
    let target = Record::parse(log.body(disputed)).unwrap().id;
    let predicate = json!({
        "issuer": { "id": format!("key:{}", own.key_id()) }, "issued": ISSUED,
        "publicKey": own.public_key().to_base64(), "text": "hello",
        "target": target.to_reference(), "nonce": "AAAAAAAAAAAAAAAAAAAAAA==",
    });
    let subjects = vec![Subject::artifact("file", sha256(FILE)), Subject::record(target)];
    let comment = sign(Kind::parse("comment").unwrap(), subjects, predicate, &[&own]);
    let index = log.append(comment);
    check("unvouched", &log, index, &[], None);

    // An envelope that the log took in although its signature is another's.
    let mut forged: Value = serde_json::from_slice(&card(PARTY, "real", &[&key(10)])).unwrap();
    let other: Value = serde_json::from_slice(&card(PARTY, "forged", &[&key(10)])).unwrap();
    forged["payload"] = other["payload"].clone();
    let index = log.append(forged.to_string().into_bytes());
    check("forged", &log, index, &[party], Some("envelope-signature"));
}

/// A record about another one, signed with these keys.
fn about(kind: Kind, issuer: &str, target: RecordId, members: Value, keys: &[&PrivateKey]) -> Vec<u8> {
    let mut predicate = json!({ "issuer": { "id": issuer }, "issued": ISSUED });
    predicate.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    sign(kind, vec![Subject::record(target)], predicate, keys)
}

/// A key event of a party, signed with these keys.
fn key_event(party: &str, event: &str, key: &PrivateKey, more: Value, keys: &[&PrivateKey]) -> Vec<u8> {
    let mut predicate = json!({ "issuer": { "id": party }, "issued": ISSUED, "event": event, "keyid": key.key_id(),
        "reason": "unspecified" });
    predicate.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    sign(Kind::KeyEvent, vec![Subject::key(key.key_id())], predicate, keys)
}

/// The uses of keys, the council, and what only some may say.
#[test]
fn b10_both_verifiers_let_the_same_signers_say_the_same() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (operator, offline) = (key(4), key(5));
    let council = [key(40), key(41), key(42)];
    let used = |key: &PrivateKey, key_use: &str| json!({ "keyid": key.key_id(), "publicKey": key.public_key().to_base64(), "use": key_use });
    let mut log = MemoryLog::empty(ledger::testing::ORIGIN, 1);
    let mut genesis = Record::parse(&log.genesis()).unwrap().statement.predicate;
    let id = genesis["operators"][0]["id"].as_str().unwrap().to_owned();
    genesis["operators"][0]["keys"] = json!([used(&operator, "sign"), used(&offline, "manage")]);
    let seat = |key: &PrivateKey| json!({ "keyid": key.key_id(), "publicKey": key.public_key().to_base64() });
    let seats: Vec<Value> = council.iter().map(seat).collect();
    genesis.insert("council".to_owned(), json!({ "keys": seats, "threshold": 2 }));
    for kind in ["governance-event", "retraction", "resolution"] {
        genesis["rules"][kind] = json!(["partner"]);
    }
    let subject = LogPolicy::subject(ledger::testing::ORIGIN);
    log.append(sign(Kind::LogPolicy, vec![subject], Value::Object(genesis), &[&operator]));
    let party = |name: &str, keys: &[(&PrivateKey, &str)], signers: &[&PrivateKey]| {
        let listed: Vec<Value> = keys.iter().map(|(key, key_use)| used(key, key_use)).collect();
        let predicate =
            json!({ "issuer": { "id": id }, "issued": ISSUED, "id": name, "roles": ["partner"], "keys": listed });
        sign(Kind::Party, keys.iter().map(|(key, _)| Subject::key(key.key_id())).collect(), predicate, signers)
    };
    let lab = log.append(party(PARTY, &[(&key(10), "sign"), (&key(12), "manage")], &[&operator, &key(10), &key(12)]));
    let check = |case: &str, log: &MemoryLog, index: LeafIndex, history: &[LeafIndex], link: &str| {
        let bundle = log.bundle(index, history).encode().unwrap();
        let link = Some(link).filter(|link| !link.is_empty());
        agree(&python, dir.path(), case, &bundle, &log.policy(), FILE, link);
    };
    let by_manager = log.append(card(PARTY, "by the manager", &[&key(12)]));
    check("a card by a key that manages", &log, by_manager, &[lab], "signer-key");
    let fine = log.append(card(PARTY, "fine", &[&key(10)]));
    check("a card by a key that signs", &log, fine, &[lab], "");

    let added = json!({ "publicKey": key(13).public_key().to_base64() });
    let stolen = log.append(key_event(PARTY, "add", &key(13), added.clone(), &[&key(10), &key(13)]));
    let by_thief = log.append(card(PARTY, "by a thief", &[&key(13)]));
    check("a key that the manager did not add", &log, by_thief, &[lab, stolen], "signer-key");
    let managed = log.append(key_event(PARTY, "add", &key(13), added, &[&key(12), &key(13)]));
    let later = log.append(card(PARTY, "later", &[&key(13)]));
    check("a key that the manager added", &log, later, &[lab, managed], "");
    let other = log.append(party("other", &[(&key(14), "sign")], &[&offline, &key(14)]));
    check("a party by the operator's managing key", &log, other, &[], "signer-key");

    let beyond = json!({ "reason": "keyCompromise", "compromisedFromIndex": 1_000 });
    let beyond = log.append(key_event(PARTY, "revoke", &key(10), beyond, &[&key(12)]));
    check("in doubt from an entry that is not there", &log, beyond, &[lab], "signer-key");

    let target = Record::parse(log.body(fine)).unwrap().id;
    let ratified = json!({ "agreement": target.to_reference(), "phase": "ratified" });
    let erased = json!({ "target": target.to_reference(), "reason": "redacted",
        "redaction": { "reason": "other", "authority": "operator" } });
    let vouched = json!({ "target": target.to_reference(), "outcome": "vouched" });
    for (kind, members) in
        [(Kind::GovernanceEvent, &ratified), (Kind::Retraction, &erased), (Kind::Resolution, &vouched)]
    {
        let alone = log.append(about(kind.clone(), PARTY, target, members.clone(), &[&key(10)]));
        check(&format!("{kind} by a party alone"), &log, alone, &[lab], "signer-key");
        let seats = [&council[0], &council[2]];
        let together = log.append(about(kind.clone(), "council", target, members.clone(), &seats));
        check(&format!("{kind} by the council"), &log, together, &[], "artifact");
        let one = log.append(about(kind.clone(), "council", target, members.clone(), &seats[..1]));
        check(&format!("{kind} by one seat"), &log, one, &[], "signer-key");
    }
    let lent = log.append(about(Kind::GovernanceEvent, PARTY, target, ratified, &[&key(10), &council[0], &council[1]]));
    check("the council's step under a party's name", &log, lent, &[lab], "artifact");

    // A text that only looks like a reference, and spellings of base64 that are none here.
    let quoted = format!("he wrote \"record:{}", "ab".repeat(32));
    let predicate = json!({ "issuer": { "id": PARTY }, "issued": ISSUED, "model_name": quoted });
    let subject = vec![Subject::artifact("model.safetensors", sha256(FILE))];
    let looks = log.append(sign(Kind::ModelCard, subject, predicate, &[&key(10)]));
    check("a text that ends in a reference", &log, looks, &[lab], "");
    let text = String::from_utf8(log.bundle(fine, &[lab]).encode().unwrap()).unwrap();
    let mut bundle: Value = serde_json::from_str(&text).unwrap();
    let envelope = bundle["envelope"].as_str().unwrap();
    let spelled = if envelope.contains('+') { envelope.replacen('+', "-", 1) } else { envelope.replacen('/', "_", 1) };
    if spelled != envelope {
        bundle["envelope"] = json!(spelled);
        agree(
            &python,
            dir.path(),
            "the URL alphabet",
            bundle.to_string().as_bytes(),
            &log.policy(),
            FILE,
            Some("bundle"),
        );
    }
    for hidden in ["\\ud800", "\\u0000"] {
        let hidden = text.replacen('{', &format!("{{\"a\":\"{hidden}\","), 1);
        let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join("verify_bundle.py");
        let (case, link) = ("a text that is none", Some("bundle"));
        agree_by(&whole, &python, dir.path(), case, hidden.as_bytes(), &log.policy(), FILE, link);
    }
}

/// How many lines are neither blank, nor a comment, nor of a docstring.
fn lines_of_code(python: &str) -> usize {
    let mut quoted = false;
    let code = |line: &&str| {
        let (line, was_quoted) = (line.trim(), quoted);
        quoted ^= line.matches("\"\"\"").count() % 2 == 1;
        !was_quoted && !line.is_empty() && !line.starts_with("\"\"\"") && !line.starts_with('#')
    };
    python.lines().filter(code).count()
}

#[test]
fn the_verifier_stays_short_and_one_file_of_it_needs_no_other() {
    const LIBRARIES: [&str; 8] = ["argparse", "base64", "cryptography", "datetime", "hashlib", "json", "re", "sys"];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    // The lines of each file, and how many of them are neither blank nor explain the others.
    for (file, most, most_code, beside) in
        [("verify_bundle", 385, 325, ""), ("verify_forms", 310, 275, "verify_bundle")]
    {
        let text = std::fs::read_to_string(folder.join(file).with_extension("py")).unwrap();
        let (lines, code) = (text.lines().count(), lines_of_code(&text));
        assert!(lines <= most && code <= most_code, "{file}: {lines} lines, {code} of code");
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(120), "{file}: a line of {widest:?} characters");
        let imports = text.lines().filter_map(|line| match line.split_once(' ') {
            Some(("import", names)) => Some(names),
            Some(("from", rest)) => rest.split_once(" import").map(|(name, _)| name),
            _ => None,
        });
        for name in imports.flat_map(|names| names.split(", ")) {
            let root = name.split('.').next().unwrap();
            assert!(LIBRARIES.contains(&root) || root == beside, "{file} imports {name}");
        }
    }
}
