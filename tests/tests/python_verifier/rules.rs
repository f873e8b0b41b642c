//! What FORMAT §8 forbids those who hold genuine keys, one case a rule that no other test here breaks.

use ledger::bundle::Bundle;
use ledger::ids::{LeafIndex, TrieRoot};
use ledger::note::Policy;
use ledger::record::Record;
use ledger::record::dsse::Envelope;
use ledger::record::key::PrivateKey;
use ledger::record::kind::Kind;
use ledger::record::kinds::{IndexRoot, LogPolicy};
use ledger::record::statement::Subject;
use ledger::testing::{ISSUED, MemoryLog, ORIGIN, sign};
use ledger::verify::{Trust, verify_bytes};
use serde_json::{Value, json};

use super::{FILE, PARTY, agree, card, key, key_event, python, sha256};

const OTHER: &str = "other.example.org";

fn listed(key: &PrivateKey, key_use: &str) -> Value {
    json!({ "keyid": key.key_id(), "publicKey": key.public_key().to_base64(), "use": key_use })
}

/// A `log-policy` of this log with other members, signed by its operator and by the council's two seats.
fn policy_record(log: &MemoryLog, origin: &str, members: Value) -> Vec<u8> {
    let mut predicate = Record::parse(&log.genesis()).unwrap().statement.predicate;
    predicate.extend(members.as_object().unwrap().clone());
    let signers = [log.operator(), &key(40), &key(41)];
    sign(Kind::LogPolicy, vec![LogPolicy::subject(origin)], Value::Object(predicate), &signers)
}

/// Entry 0 with a council of two, and an operator that has a key for roots.
fn log_with_council(origin: &str, seed: u8) -> MemoryLog {
    let mut log = MemoryLog::empty(origin, seed);
    let operator = Record::parse(&log.genesis()).unwrap().statement.predicate["operators"][0]["id"].clone();
    let keys = json!([listed(log.operator(), "sign"), listed(&key(6), "roots")]);
    let seat = |key: PrivateKey| json!({ "keyid": key.key_id(), "publicKey": key.public_key().to_base64() });
    let council = json!({ "keys": [seat(key(40)), seat(key(41))], "threshold": 2 });
    let members = json!({ "operators": [{ "id": operator, "keys": keys }], "council": council });
    let body = policy_record(&log, origin, members);
    log.append(body);
    log
}

/// A comment in the name of this key, signed by that one.
fn comment(named: &PrivateKey, by: &PrivateKey, target: &Record) -> Vec<u8> {
    let predicate = json!({
        "issuer": { "id": format!("key:{}", named.key_id()) }, "issued": ISSUED,
        "publicKey": named.public_key().to_base64(), "text": "hello",
        "target": target.id.to_reference(), "nonce": "AAAAAAAAAAAAAAAAAAAAAA==",
    });
    let subjects = vec![Subject::artifact("file", sha256(FILE)), Subject::record(target.id)];
    sign(Kind::parse("comment").unwrap(), subjects, predicate, &[by])
}

#[test]
fn b10_both_verifiers_refuse_what_each_rule_forbids() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (mut log, council) = (log_with_council(ORIGIN, 1), [key(40), key(41)]);
    let lab = log.register(PARTY, &["partner"], &[&key(10), &key(11)]);
    let thief = log.register("example-thief", &["partner"], &[&key(20)]);
    let run = |case: &str, bundle: &Bundle, policy: &Policy, code: &str| {
        let bundle = bundle.encode().unwrap();
        let report = verify_bytes(&bundle, &Trust::new(policy.clone()), &[]);
        assert_eq!(report.code().map(|code| code.as_str()), Some(code), "{case}");
        // A statement that is none stands in the way of the record alone; all else here is about who signed.
        let link = if code == "schema" { "record" } else { "signer-key" };
        agree(&python, dir.path(), case, &bundle, policy, FILE, Some(link));
    };
    let check = |case: &str, log: &MemoryLog, index: LeafIndex, history: &[LeafIndex], code: &str| {
        run(case, &log.bundle(index, history), &log.policy(), code);
    };

    let beside = log.append(card(PARTY, "beside", &[&key(10), &key(6)]));
    check("a key for roots beside another on a card", &log, beside, &[lab], "role_refused");
    let root = IndexRoot { size: 1, root: TrieRoot::from_bytes([7; 32]), previous: None };
    let predicate = json!({ "issuer": { "id": PARTY }, "issued": ISSUED, "size": 1, "root": root.root.to_hex() });
    let root = log.append(sign(Kind::IndexRoot, root.subjects(), predicate, &[&key(10)]));
    check("a root by a party", &log, root, &[lab], "role_refused");
    let foreign = MemoryLog::with(OTHER, 40);
    let members = json!({ "origin": OTHER, "logKeys": [foreign.signer().verifier_key().to_string()] });
    let moved = policy_record(&log, OTHER, members.clone());
    let moved = log.append(moved);
    check("a policy for another log", &log, moved, &[], "wrong_log");
    let named = log.register("council", &["partner"], &[&key(30)]);
    check("a party with the council's name", &log, named, &[], "key_taken");

    let add = |party: &str, new: &PrivateKey, keys: &[&PrivateKey]| {
        key_event(party, "add", new, json!({ "publicKey": new.public_key().to_base64() }), keys)
    };
    let nobody = log.append(add("nobody", &key(31), &[&council[0], &council[1], &key(31)]));
    check("a key of a party that is not there", &log, nobody, &[], "signer_unknown");
    let silent = log.append(add(PARTY, &key(32), &[&key(10)]));
    check("a new key that does not sign", &log, silent, &[lab], "threshold");
    let anothers = log.revoke(PARTY, &key(20), None, &key(10));
    check("a revocation of another party's key", &log, anothers, &[lab, thief], "issuer_mismatch");
    let revoked = log.revoke(PARTY, &key(11), None, &key(10));
    let again = log.append(add(PARTY, &key(11), &[&key(10)]));
    check("a revoked key once more", &log, again, &[lab, revoked], "signer_revoked");
    let target = Record::parse(log.body(lab)).unwrap();
    let borrowed = log.append(comment(&key(60), &key(10), &target));
    check("a comment in the name of a key that did not sign", &log, borrowed, &[lab], "issuer_mismatch");
    let fine = log.append(card(PARTY, "fine", &[&key(10)]));

    let policy = log.policy();
    let with = |index: LeafIndex, change: &dyn Fn(&mut Bundle)| {
        let mut bundle = log.bundle(index, &[lab]);
        change(&mut bundle);
        bundle
    };
    run(
        "a policy that is not entry 0",
        &with(fine, &|b| (b.policy, b.key_history) = (log.link(lab), vec![])),
        &policy,
        "binding_mismatch",
    );
    let own = comment(&key(60), &key(60), &target);
    let other_body = with(LeafIndex(0), &|b| (b.record.envelope, b.key_history) = (own.clone(), vec![]));
    run("entry 0 with the body of a comment", &other_body, &policy, "role_refused");
    let mut second = MemoryLog::new();
    second.register(PARTY, &["partner"], &[&key(10)]);
    let two = with(LeafIndex(0), &|b| (b.record, b.key_history) = (second.link(LeafIndex(0)), vec![]));
    run("two entries 0", &two, &policy, "binding_mismatch");

    let mut both = MemoryLog::with(OTHER, 40);
    let there = both.register(PARTY, &["partner"], &[&key(10)]);
    let text = [&log, &both].map(|log| format!("log {}\n", log.signer().verifier_key())).concat() + "quorum none\n";
    let two_logs = Policy::parse(text.as_bytes()).unwrap();
    run(
        "a history of another log",
        &with(fine, &|b| b.key_history = vec![both.link(there)]),
        &two_logs,
        "origin_mismatch",
    );
    let mut misnamed = MemoryLog::empty(ORIGIN, 1);
    let body = policy_record(&log_with_council(ORIGIN, 1), OTHER, members);
    misnamed.append(body);
    let party = misnamed.register(PARTY, &["partner"], &[&key(10)]);
    check("the policy of another log", &misnamed, party, &[], "origin_mismatch");

    // A statement that is none of in-toto, by a key in force, at the place of a record.
    let payload = String::from_utf8(Record::parse(log.body(fine)).unwrap().envelope.payload).unwrap();
    let payload = payload.replacen("Statement/v1", "Statement/v2", 1).into_bytes();
    let body = Envelope::sign(payload, &[&key(10)]).unwrap().to_json();
    let entry = log.entry(fine).to_vec();
    let strange = log.append_raw(entry, body);
    run("a statement of another type", &log.bundle(strange, &[lab]), &log.policy(), "schema");
}
