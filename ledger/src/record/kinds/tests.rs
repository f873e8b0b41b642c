//! The kinds: a sample of each is read and written, and what each needs is missed.

#![allow(clippy::unwrap_used, clippy::panic)]

use serde_json::json;

use super::samples::{ORIGIN, key, listed, reference, sample, statement};
use super::*;
use crate::ids::{KeyspaceId, RecordId};
use crate::record::key::PrivateKey;

fn contents(statement: &Statement) -> Result<Contents> {
    read(&Statement::parse(&json::canonical(&json!({
        "_type": super::super::statement::STATEMENT_TYPE,
        "subject": statement.subjects,
        "predicateType": statement.kind.predicate_type(),
        "predicate": statement.predicate,
    }))?)?)
}

/// The refusal of the sample of a kind after one change.
fn refused(kind: &Kind, change: impl FnOnce(&mut Statement)) -> (Code, String) {
    let mut statement = sample(kind);
    change(&mut statement);
    match contents(&statement) {
        Err(error) => (error.code(), error.place().unwrap_or_default().to_owned()),
        Ok(_) => panic!("{statement:?} was read"),
    }
}

fn set(member: &'static str, value: Value) -> impl FnOnce(&mut Statement) {
    move |statement| _ = statement.predicate.insert(member.to_owned(), value)
}

fn change(pointer: &'static str, value: Value) -> impl FnOnce(&mut Statement) {
    move |statement| {
        let mut predicate = Value::Object(core::mem::take(&mut statement.predicate));
        *predicate.pointer_mut(pointer).unwrap() = value;
        let Value::Object(predicate) = predicate else { panic!("an object") };
        statement.predicate = predicate;
    }
}

fn remove(member: &'static str) -> impl FnOnce(&mut Statement) {
    move |statement| _ = statement.predicate.remove(member).unwrap()
}

fn schema(place: &str) -> (Code, String) {
    (Code::Schema, format!("/predicate{place}"))
}

#[test]
fn a_sample_of_each_kind_is_read() {
    for kind in Kind::typed() {
        let found = contents(&sample(kind)).unwrap();
        assert_eq!(found.common.issued.as_str(), "2026-03-01T12:00:00Z");
        assert_ne!(found.predicate, Predicate::Other, "{kind}");
    }
    let unknown = Kind::parse("weather-report").unwrap();
    assert_eq!(contents(&sample(&unknown)).unwrap().predicate, Predicate::Other);
}

/// What is read and written again is the same, whether the type knows the member or not.
#[test]
fn b07_unknown_members_are_kept() {
    fn again(predicate: &Predicate) -> Value {
        match predicate {
            Predicate::LogPolicy(members) => serde_json::to_value(members),
            Predicate::Party(members) => serde_json::to_value(members),
            Predicate::PartyProfile(members) => serde_json::to_value(members),
            Predicate::KeyEvent(members) => serde_json::to_value(members),
            Predicate::IndexRoot(members) => serde_json::to_value(members),
            Predicate::RunRoot(members) => serde_json::to_value(members),
            Predicate::ModelCard(members) => serde_json::to_value(members),
            Predicate::DatasetCard(members) => serde_json::to_value(members),
            Predicate::TrainingSource(members) => serde_json::to_value(members),
            Predicate::Manifest(members) => serde_json::to_value(members),
            Predicate::LicenseClaim(members) => serde_json::to_value(members),
            Predicate::AuditAttestation(members) => serde_json::to_value(members),
            Predicate::UsagePreference(members) => serde_json::to_value(members),
            Predicate::PreferenceResponse(members) => serde_json::to_value(members),
            Predicate::Agreement(members) => serde_json::to_value(members),
            Predicate::GovernanceEvent(members) => serde_json::to_value(members),
            Predicate::Comment(members) => serde_json::to_value(members),
            Predicate::Dispute(members) => serde_json::to_value(members),
            Predicate::Resolution(members) => serde_json::to_value(members),
            Predicate::Correction(members) => serde_json::to_value(members),
            Predicate::Retraction(members) => serde_json::to_value(members),
            Predicate::Incident(members) => serde_json::to_value(members),
            Predicate::SlaReport(members) => serde_json::to_value(members),
            Predicate::CompensationReport(members) => serde_json::to_value(members),
            Predicate::AttributionReport(members) => serde_json::to_value(members),
            Predicate::Other => Ok(Value::Null),
        }
        .unwrap()
    }
    for kind in Kind::typed() {
        let mut statement = sample(kind);
        if !kind.is_structural() {
            statement.predicate.insert("x-unknown".to_owned(), json!({ "a": ["b", 1, null, { "c": false }] }));
        }
        let found = contents(&statement).unwrap();
        let mut members = again(&found.predicate);
        let common = serde_json::to_value(&found.common).unwrap();
        members.as_object_mut().unwrap().extend(common.as_object().unwrap().clone());
        assert_eq!(members, Value::Object(statement.predicate), "{kind}");
    }
}

#[test]
fn b07_common_members_of_every_kind() {
    let kinds = Kind::typed().iter().cloned().chain([Kind::parse("weather-report").unwrap()]);
    for kind in kinds {
        assert_eq!(refused(&kind, remove("issuer")), schema(""), "{kind}");
        assert_eq!(refused(&kind, remove("issued")), schema(""));
        assert_eq!(refused(&kind, set("issued", json!("2026-03-01"))), schema("/issued"));
        assert_eq!(refused(&kind, set("issued", json!(1_772_366_400))), schema("/issued"));
        assert_eq!(refused(&kind, set("issuer", json!("example-ai"))), schema("/issuer"));
        assert_eq!(refused(&kind, set("issuer", json!({ "name": "a" }))), schema("/issuer"));
        assert_eq!(refused(&kind, set("issuer", json!({ "id": "" }))), schema("/issuer/id"));
        assert_eq!(refused(&kind, set("issuer", json!({ "id": "مثال" }))), schema("/issuer/id"));
        assert_eq!(refused(&kind, set("issuer", json!({ "id": "key:abc" }))), schema("/issuer/id"));
        assert_eq!(refused(&kind, set("validUntil", json!("never"))), schema("/validUntil"));
        assert_eq!(refused(&kind, set("supersedes", json!(["ab".repeat(32)]))), schema("/supersedes/0"));
        assert_eq!(refused(&kind, set("corrects", json!(reference(1)))), schema("/corrects"));
        assert_eq!(refused(&kind, set("revokes", json!([reference(1), "record:"]))), schema("/revokes/1"));
        assert_eq!(refused(&kind, set("nonce", json!("c2hvcnQ="))), schema("/nonce"));
        assert_eq!(refused(&kind, set("evidence", json!([{ "name": "a" }]))).0, Code::Schema);
    }
    let mut full = sample(&Kind::ModelCard);
    full.predicate.extend(Map::from_iter([
        ("validFrom".to_owned(), json!("2026-03-01T12:00:00.5Z")),
        ("validUntil".to_owned(), json!("2027-03-01T12:00:00Z")),
        ("supersedes".to_owned(), json!([reference(1)])),
        ("revokes".to_owned(), json!([reference(2), reference(3)])),
        ("evidence".to_owned(), json!([{ "uri": "https://example.org" }])),
        ("nonce".to_owned(), json!("AAAAAAAAAAAAAAAAAAAAAA==")),
        ("issuer".to_owned(), json!({ "id": "example-ai", "name": "مثال", "role": "provider" })),
    ]));
    let common = contents(&full).unwrap().common;
    assert_eq!((common.issuer.name.as_deref(), common.revokes.len()), (Some("مثال"), 2));
    assert_eq!(common.issuer.other["role"], "provider");
}

#[test]
fn b07_structural_kinds_are_closed_and_hold_no_free_text() {
    for kind in Kind::typed().iter().filter(|kind| kind.is_structural()) {
        assert_eq!(refused(kind, set("comment", json!("hello"))), schema("/comment"), "{kind}");
        assert_eq!(refused(kind, set("evidence", json!([]))), schema("/evidence"));
        let named = |s: &mut Statement| {
            _ = s.predicate["issuer"].as_object_mut().unwrap().insert("name".to_owned(), json!("a"))
        };
        assert_eq!(refused(kind, named), schema("/issuer/name"));
        let of_key = format!("key:{}", key(1).key_id());
        assert_eq!(refused(kind, set("issuer", json!({ "id": of_key }))), schema("/issuer/id"));
    }
    assert_eq!(
        refused(&Kind::LogPolicy, change("/operators/0", json!({ "id": "a", "keys": [], "name": "b" }))).0,
        Code::Schema
    );
    assert_eq!(refused(&Kind::Party, |s| s.predicate["keys"][0]["comment"] = json!("x")), schema("/keys/0/comment"));
    assert_eq!(refused(&Kind::KeyEvent, set("reason", json!("because"))), schema("/reason"));
}

#[test]
fn log_policy() {
    let kind = Kind::LogPolicy;
    let found = contents(&sample(&kind)).unwrap();
    // The operator's key has a seat in the council as well, and is one key.
    assert_eq!(found.keys.named.len(), 2);
    assert_eq!(found.keys.registered.len(), 2);

    assert_eq!(refused(&kind, set("origin", json!("log.example.com"))), (Code::Schema, "/subject".to_owned()));
    for (origin, code) in
        [("", Code::NoteInvalid), ("a b", Code::NoteInvalid), ("a+b", Code::NoteInvalid), ("é", Code::Schema)]
    {
        assert_eq!(refused(&kind, set("origin", json!(origin))), (code, "/predicate/origin".to_owned()), "{origin:?}");
    }
    assert_eq!(refused(&kind, set("origin", json!("a".repeat(256)))).0, Code::NameTooLong);
    assert_eq!(refused(&kind, set("logKeys", json!([]))), schema("/logKeys"));
    assert_eq!(refused(&kind, change("/logKeys/1", json!("log.example.org+00000000+AQ=="))), schema("/logKeys/1"));
    assert_eq!(refused(&kind, |s| _ = s.predicate["logKeys"].as_array_mut().unwrap().remove(0)), schema("/logKeys"));
    for text in ["", "quorum none", "quorum none\n# hello\n", "quorum  none\n", "quorum w\n"] {
        assert_eq!(refused(&kind, set("witnesses", json!(text))), schema("/witnesses"), "{text:?}");
    }
    assert_eq!(refused(&kind, set("operators", json!([]))), schema("/operators"));
    assert_eq!(refused(&kind, change("/operators/0/keys", json!([]))), schema("/operators/0/keys"));
    assert_eq!(
        refused(&kind, change("/operators/0/keys", json!([listed(1), listed(1)]))),
        schema("/operators/0/keys/1/keyid")
    );
    assert_eq!(refused(&kind, change("/operators/0/id", json!("someone-else"))), schema("/issuer/id"));
    let of_key = format!("key:{}", key(1).key_id());
    assert_eq!(refused(&kind, change("/operators/0/id", json!(of_key))), schema("/operators/0/id"));
    for threshold in [0, 3] {
        assert_eq!(refused(&kind, change("/council/threshold", json!(threshold))), schema("/council/threshold"));
    }
    let twice = |s: &mut Statement| s.predicate["council"]["keys"][1] = s.predicate["council"]["keys"][0].clone();
    assert_eq!(refused(&kind, twice), schema("/council/keys/1/keyid"));
    assert_eq!(refused(&kind, set("rules", json!({ "Model Card": ["partner"] }))).0, Code::Schema);
    assert_eq!(refused(&kind, change("/rules/model-card", json!(["everybody"]))), schema("/rules/model-card/0"));
    assert_eq!(refused(&kind, set("limits", json!({ "records-per-hour": -1 }))), schema("/limits/records-per-hour"));

    // Without a council there is none to ask.
    let mut alone = sample(&kind);
    alone.predicate.remove("council");
    assert_eq!(contents(&alone).unwrap().keys.named.len(), 1);
}

#[test]
fn a_key_of_the_log_signs_no_records() {
    // The seed of the sample log's own key.
    let listed = listed(101);
    assert_eq!(refused(&Kind::LogPolicy, change("/operators/0/keys/0", listed)), schema("/operators"));
}

#[test]
fn party() {
    let kind = Kind::Party;
    let found = contents(&sample(&kind)).unwrap();
    let ids: Vec<KeyId> = found.keys.registered.iter().map(PublicKey::key_id).collect();
    assert_eq!(ids, [key(2).key_id(), key(3).key_id()]);
    assert_eq!(found.keys.named, ids.iter().copied().collect());

    assert_eq!(refused(&kind, set("roles", json!([]))), schema("/roles"));
    assert_eq!(refused(&kind, set("roles", json!(["anybody"]))), schema("/roles/0"));
    assert_eq!(refused(&kind, set("keys", json!([]))), schema("/keys"));
    assert_eq!(refused(&kind, remove("id")), schema(""));
    assert_eq!(refused(&kind, set("id", json!(format!("key:{}", key(1).key_id())))), schema("/id"));
    assert_eq!(refused(&kind, set("keys", json!([listed(2), listed(2)]))), schema("/keys/1/keyid"));
    assert_eq!(refused(&kind, change("/keys/0/use", json!("decrypt"))), schema("/keys/0/use"));
    let sixteen: Vec<Value> = (1..=16).map(listed).collect();
    assert_eq!(refused(&kind, set("keys", json!(sixteen))), (Code::TooMany, "/predicate/keys".to_owned()));
    // Subjects are the keys, each once and no other.
    assert_eq!(refused(&kind, |s| _ = s.subjects.pop()), (Code::Schema, "/subject".to_owned()));
    assert_eq!(refused(&kind, |s| s.subjects[1] = s.subjects[0].clone()), (Code::Schema, "/subject".to_owned()));
    assert_eq!(
        refused(&kind, |s| s.subjects.push(Subject::key(key(9).key_id()))),
        (Code::Schema, "/subject".to_owned())
    );
}

#[test]
fn b09_a_weak_key_or_another_keys_id_is_refused_at_registration() {
    let kind = Kind::Party;
    let weak = "MCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let place = "/predicate/keys/0/publicKey".to_owned();
    for refused_key in [weak, "", "AAAA", "not base64"] {
        assert_eq!(refused(&kind, change("/keys/0/publicKey", json!(refused_key))), (Code::KeyRefused, place.clone()));
    }
    let other = key(9).public_key().to_base64();
    let mismatch = (Code::BindingMismatch, "/predicate/keys/0/keyid".to_owned());
    assert_eq!(refused(&kind, change("/keys/0/publicKey", json!(other))), mismatch);
    assert_eq!(refused(&kind, change("/keys/0/keyid", json!(key(9).key_id()))), mismatch);
    let p256 = PrivateKey::from_p256_scalar([9; 32]).unwrap();
    let mut with_p256 = sample(&kind);
    with_p256.predicate["keys"][0]["keyid"] = json!(p256.key_id());
    with_p256.predicate["keys"][0]["publicKey"] = json!(p256.public_key().to_base64());
    with_p256.subjects[0] = Subject::key(p256.key_id());
    assert_eq!(contents(&with_p256).unwrap().keys.registered[0], *p256.public_key());
}

#[test]
fn key_event() {
    let kind = Kind::KeyEvent;
    let event = |members: Value| {
        let event: KeyEvent = serde_json::from_value(members.clone()).unwrap();
        contents(&statement(Kind::KeyEvent, "example-ai", event.subjects(), members))
    };
    let (id, text, old) = (key(4).key_id(), key(4).public_key().to_base64(), key(2).key_id());
    let keys = |members: Value| event(members).map(|found| (found.keys.registered.len(), found.keys.named.len()));

    let add = json!({ "event": "add", "keyid": id, "publicKey": text, "reason": "unspecified" });
    assert_eq!(keys(add), Ok((1, 1)));
    let rotate = json!({ "event": "rotate", "keyid": id, "publicKey": text, "replaces": old, "reason": "superseded" });
    assert_eq!(keys(rotate), Ok((1, 2)));
    let revoke = json!({ "event": "revoke", "keyid": old, "reason": "keyCompromise", "compromisedFromIndex": 7 });
    assert_eq!(keys(revoke), Ok((0, 1)));

    let place = |members: Value| event(members).err().unwrap().place().unwrap().to_owned();
    assert_eq!(place(json!({ "event": "add", "keyid": id, "reason": "unspecified" })), "/predicate/publicKey");
    assert_eq!(
        place(json!({ "event": "revoke", "keyid": id, "publicKey": text, "reason": "keyLost" })),
        "/predicate/publicKey"
    );
    assert_eq!(
        place(json!({ "event": "rotate", "keyid": id, "publicKey": text, "reason": "superseded" })),
        "/predicate/replaces"
    );
    let itself = json!({ "event": "rotate", "keyid": id, "publicKey": text, "replaces": id, "reason": "superseded" });
    assert_eq!(place(itself), "/predicate/replaces");
    let replacing = json!({ "event": "revoke", "keyid": id, "replaces": old, "reason": "superseded" });
    assert_eq!(place(replacing), "/predicate/replaces");
    for (event, reason) in [("revoke", "superseded"), ("add", "keyCompromise")] {
        let mut members = json!({ "event": event, "keyid": id, "reason": reason, "compromisedFromIndex": 7 });
        if event == "add" {
            members["publicKey"] = json!(text);
        }
        assert_eq!(place(members), "/predicate/compromisedFromIndex");
    }
    assert_eq!(refused(&kind, |s| _ = s.subjects.pop()), (Code::Schema, "/subject".to_owned()));
    assert_eq!(refused(&kind, set("event", json!("forget"))), schema("/event"));
}

#[test]
fn training_source() {
    let kind = Kind::TrainingSource;
    let Predicate::TrainingSource(source) = contents(&sample(&kind)).unwrap().predicate else { panic!("{kind}") };
    assert_eq!(source.dataset.digest, Some(super::super::terms::Claimed::NoAssertion));
    assert_eq!(source.pairs.unwrap().value(), Some(&1_000_000));

    assert_eq!(refused(&kind, remove("relation")), schema(""));
    assert_eq!(refused(&kind, set("relation", json!("usedFor"))), schema("/relation"));
    assert_eq!(refused(&kind, remove("dataset")), schema(""));
    assert_eq!(refused(&kind, change("/dataset", json!({ "uri": "https://example.org" }))), schema("/dataset"));
    assert_eq!(refused(&kind, change("/dataset/digest", json!("unknown"))), schema("/dataset/digest"));
    assert_eq!(refused(&kind, change("/dataset/digest", json!({}))), schema("/dataset/digest"));
    assert_eq!(refused(&kind, set("category", json!("scraped"))), schema("/category"));
    assert_eq!(refused(&kind, set("pairs", json!(-1))), schema("/pairs"));
    assert_eq!(refused(&kind, set("pairs", json!("many"))), schema("/pairs"));
    assert_eq!(refused(&kind, set("agreement", json!("record:1"))), schema("/agreement"));

    // Name and address are enough.
    let bare = json!({ "relation": "trainedOn", "dataset": { "name": "a" } });
    let bare = statement(kind, "example-ai", vec![Subject::record(RecordId::from_bytes([1; 32]))], bare);
    assert!(contents(&bare).is_ok());
}

#[test]
fn manifest() {
    let kind = Kind::Manifest;
    assert_eq!(refused(&kind, set("keyspaces", json!([]))), schema("/keyspaces"));
    assert_eq!(refused(&kind, change("/keyspaces/1/t", json!(41))), schema("/keyspaces/1/t"));
    assert_eq!(refused(&kind, change("/keyspaces/0/keyLen", json!(20))), schema("/keyspaces/0/keyLen"));
    assert_eq!(refused(&kind, change("/keyspaces/0/root", json!("AB".repeat(32)))), schema("/keyspaces/0/root"));
    assert_eq!(refused(&kind, change("/keyspaces/0/id", json!("ab"))), schema("/keyspaces/0/id"));
    assert_eq!(refused(&kind, change("/keyspaces/0/hasMeta", json!(1))), schema("/keyspaces/0/hasMeta"));
    assert_eq!(refused(&kind, change("/keyspaces/0/n", json!(-1))), schema("/keyspaces/0/n"));
    assert_eq!(refused(&kind, change("/keyspaces/0/kind", json!(""))), schema("/keyspaces/0/kind"));
    assert_eq!(refused(&kind, change("/keyspaces/0/disclosure", json!("open"))), schema("/keyspaces/0/disclosure"));
    assert_eq!(
        refused(&kind, |s| _ = s.predicate["keyspaces"][0].as_object_mut().unwrap().remove("spec")),
        schema("/keyspaces/0")
    );
    let twice = |s: &mut Statement| s.predicate["keyspaces"][1]["id"] = s.predicate["keyspaces"][0]["id"].clone();
    assert_eq!(refused(&kind, twice), schema("/keyspaces/1/id"));
    let other = |s: &mut Statement| s.subjects[0] = Subject::keyspace(KeyspaceId::from_bytes([1; 32]));
    assert_eq!(refused(&kind, other), (Code::Schema, "/subject".to_owned()));
    // A subject may say more about a keyspace than its id.
    let mut more = sample(&kind);
    more.subjects[0].other.insert("uri".to_owned(), json!("https://example.org"));
    assert!(contents(&more).is_ok());
}

#[test]
fn license_claim() {
    let kind = Kind::LicenseClaim;
    assert_eq!(refused(&kind, remove("acknowledgement")), schema(""));
    assert_eq!(refused(&kind, remove("scope")), schema(""));
    assert_eq!(refused(&kind, change("/scope/of", json!("model"))), schema("/scope/of"));
    assert_eq!(refused(&kind, change("/attribution", json!({ "modified": "yes" }))), schema("/attribution/modified"));
    let neither = |s: &mut Statement| {
        s.predicate.remove("licenseDeclared");
        s.predicate.remove("licenseConcluded");
    };
    assert_eq!(refused(&kind, neither), schema(""));
    let mut unknown = sample(&kind);
    unknown.predicate.insert("licenseConcluded".to_owned(), json!("noAssertion"));
    unknown.predicate.insert("licenseDeclared".to_owned(), json!("no idea, see LICENSE.txt"));
    assert!(contents(&unknown).is_ok());
}

#[test]
fn audit_attestation() {
    let kind = Kind::AuditAttestation;
    assert_eq!(refused(&kind, set("target", json!([]))), schema("/target"));
    assert_eq!(refused(&kind, set("target", json!(reference(1)))), schema("/target"));
    assert_eq!(refused(&kind, set("verdict", json!("fine"))), schema("/verdict"));
    assert_eq!(refused(&kind, remove("verifier")), schema(""));
    assert_eq!(refused(&kind, change("/verifier", json!({ "policies": [] }))), schema("/verifier"));
    assert_eq!(refused(&kind, set("timeCreated", json!("2026"))), schema("/timeCreated"));
    assert_eq!(refused(&kind, change("/conformance/score", json!(1))), schema("/conformance/score"));
}

#[test]
fn cards_are_read_as_their_authors_write_them() {
    assert_eq!(refused(&Kind::ModelCard, set("model_name", json!(["a"]))), schema("/model_name"));
    assert_eq!(refused(&Kind::ModelCard, set("language", json!({ "a": "b" }))), schema("/language"));
    assert_eq!(refused(&Kind::ModelCard, change("/card", json!({ "name": "README.md" }))), schema("/card"));
    assert_eq!(refused(&Kind::DatasetCard, set("manifest", json!("https://example.org"))), schema("/manifest"));
    assert_eq!(refused(&Kind::PartyProfile, remove("name")), schema(""));
    // Nothing is required of a card.
    for kind in [Kind::ModelCard, Kind::DatasetCard] {
        let subjects = sample(&kind).subjects;
        assert!(contents(&statement(kind, "example-ai", subjects, json!({}))).is_ok());
    }
}

#[test]
fn a_signer_that_no_party_owns_shows_its_key() {
    let kind = Kind::Comment;
    let key_id = key(5).key_id();
    let of_key = |public_key: Option<String>| {
        let mut statement = sample(&kind);
        statement.predicate.insert("issuer".to_owned(), json!({ "id": format!("key:{key_id}") }));
        statement.predicate.insert("nonce".to_owned(), json!("AAAAAAAAAAAAAAAAAAAAAA=="));
        statement.predicate.extend(public_key.map(|text| ("publicKey".to_owned(), json!(text))));
        contents(&statement)
    };
    let found = of_key(Some(key(5).public_key().to_base64())).unwrap();
    assert_eq!(found.own_key.unwrap().key_id(), key_id);
    assert!(found.keys.named.is_empty(), "it registers nothing");
    let error = of_key(None).err().unwrap();
    assert_eq!((error.code(), error.place()), (Code::Schema, Some("/predicate/publicKey")));
    assert_eq!(of_key(Some(key(6).public_key().to_base64())).err().unwrap().code(), Code::BindingMismatch);
    assert_eq!(of_key(Some("AAAA".to_owned())).err().unwrap().code(), Code::KeyRefused);
}

#[test]
fn what_a_signer_that_no_party_owns_says_cannot_be_guessed_from_its_id() {
    let of_key = |statement: &mut Statement| {
        statement.predicate.insert("issuer".to_owned(), json!({ "id": format!("key:{}", key(5).key_id()) }));
        statement.predicate.insert("publicKey".to_owned(), json!(key(5).public_key().to_base64()));
    };
    for kind in [Kind::Comment, Kind::Dispute, Kind::parse("weather-report").unwrap()] {
        assert_eq!(refused(&kind, of_key), schema("/nonce"), "{kind}");
    }
}

#[test]
fn the_sample_origin_is_its_subject() {
    assert_eq!(sample(&Kind::LogPolicy).subjects, [LogPolicy::subject(ORIGIN)]);
}

#[test]
fn index_root() {
    let kind = Kind::IndexRoot;
    assert_eq!(refused(&kind, set("size", json!(0))), schema("/size"));
    assert_eq!(refused(&kind, set("root", json!("56"))), schema("/root"));
    assert_eq!(refused(&kind, set("previous", json!("56".repeat(32)))), schema("/previous"));
    assert_eq!(refused(&kind, set("root", json!("57".repeat(32)))), (Code::Schema, "/subject".to_owned()));
    let mut first = sample(&kind);
    first.predicate.remove("previous");
    assert!(contents(&first).is_ok());
}

#[test]
fn run_root() {
    let kind = Kind::RunRoot;
    for (name, value) in [("keyKind", json!("Para n1")), ("keyKind", json!("a".repeat(33))), ("keyLen", json!(32))] {
        assert_eq!(refused(&kind, set(name, value)), schema(&format!("/{name}")));
    }
    assert_eq!(refused(&kind, set("to", json!(0))), schema("/to"));
    assert_eq!(refused(&kind, set("to", json!(400))), schema("/sources/2/index"));
    assert_eq!(refused(&kind, set("from", json!(18))), schema("/sources/0/index"));
    assert_eq!(refused(&kind, |s| s.predicate["sources"][1]["index"] = json!(16)), schema("/sources/1/index"));
    let twice = |s: &mut Statement| s.predicate["sources"][1]["keyspace"] = json!(KeyspaceId::from_bytes([5; 32]));
    assert_eq!(refused(&kind, twice), schema("/sources/1/keyspace"));
    assert_eq!(refused(&kind, |s| s.predicate["sources"][0]["why"] = json!("x")), schema("/sources/0/why"));
    assert_eq!(refused(&kind, |s| s.predicate["keyspace"]["note"] = json!("x")), schema("/keyspace/note"));
    assert_eq!(refused(&kind, |s| s.predicate["keyspace"]["t"] = json!(41)), schema("/keyspace/t"));
    assert_eq!(refused(&kind, |s| s.predicate["keyspace"]["root"] = json!("56")), schema("/keyspace/root"));
    let other = |s: &mut Statement| s.predicate["keyspace"]["id"] = json!(KeyspaceId::from_bytes([9; 32]));
    assert_eq!(refused(&kind, other), (Code::Schema, "/subject".to_owned()));
    let row = |i: u64| json!({ "index": i, "keyspace": KeyspaceId::from_bytes([5; 32]), "n": 1, "covered": true });
    let rows = |count: u64| json!((0..count).map(row).collect::<Vec<_>>());
    let mut full = sample(&kind);
    full.predicate.insert("to".to_owned(), json!(5000));
    full.predicate.insert("sources".to_owned(), rows(MAX_SOURCES as u64));
    assert!(contents(&full).is_ok(), "the most sources fit into a record");
    full.predicate.insert("sources".to_owned(), rows(MAX_SOURCES as u64 + 1));
    assert_eq!(contents(&full).err().unwrap().code(), Code::TooMany);
}

mod governance;
