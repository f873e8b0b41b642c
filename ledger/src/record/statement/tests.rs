//! Statements: what is signed is canonical, and what is read is a statement.

#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::ids::from_hex;

fn statement() -> Value {
    json!({
        "_type": STATEMENT_TYPE,
        "subject": [{ "name": "model.bin", "digest": { "sha256": "ab".repeat(32) } }],
        "predicateType": "urn:colophon:model-card:v1",
        "predicate": { "issuer": { "id": "example-ai" }, "issued": "2026-03-01T12:00:00Z" },
    })
}

fn refused(change: impl FnOnce(&mut Value)) -> (Code, String) {
    let mut value = statement();
    change(&mut value);
    let error = Statement::parse(value.to_string().as_bytes()).unwrap_err();
    (error.code(), error.place().unwrap_or_default().to_owned())
}

fn schema(place: &str) -> (Code, String) {
    (Code::Schema, place.to_owned())
}

#[test]
fn a_statement_survives_its_payload() {
    let read = Statement::parse(statement().to_string().as_bytes()).unwrap();
    assert_eq!(read.kind, Kind::ModelCard);
    let payload = read.to_payload().unwrap();
    assert_eq!(payload, json::canonical(&statement()).unwrap());
    assert_eq!(Statement::parse(&payload).unwrap(), read);
}

#[test]
fn the_payload_is_signed_only_if_every_reader_takes_it() {
    let subject = Subject::artifact("a", SubjectDigest::from_bytes([1; 32]));
    let payload = |predicate: Value| Statement::new(Kind::ModelCard, vec![subject.clone()], predicate).to_payload();
    let good = json!({ "issuer": { "id": "a" }, "issued": "2026-03-01T12:00:00Z" });
    assert!(payload(good.clone()).is_ok());
    let with = |name: &str, value: Value| {
        let mut predicate = good.clone();
        predicate[name] = value;
        payload(predicate).unwrap_err().code()
    };
    assert_eq!(with("score", json!(0.9)), Code::JsonNumber);
    assert_eq!(with("count", json!(u64::MAX)), Code::JsonNumber);
    assert_eq!(with("text", json!("a\0b")), Code::TextRefused);
    assert_eq!(with("name", json!("\u{202e}")), Code::TextRefused);
    assert_eq!(with("issued", json!("today")), Code::Schema);
    assert_eq!(with("list", json!(vec![0; 10_001])), Code::JsonMembers);
    assert_eq!(with("text", json!("a".repeat(MAX_STATEMENT))), Code::TooLarge);
    assert_eq!(payload(json!("text")).unwrap_err().code(), Code::Schema);
    let none = Statement::new(Kind::ModelCard, Vec::new(), good);
    assert_eq!(none.to_payload().unwrap_err().code(), Code::Schema);
}

#[test]
fn b07_members_missing_or_of_the_wrong_type() {
    for name in ["_type", "subject", "predicateType", "predicate"] {
        let missing = refused(|v| _ = v.as_object_mut().unwrap().remove(name));
        assert_eq!(missing, schema(&format!("/{name}")));
        for wrong in [json!(null), json!(1), json!(true)] {
            assert_eq!(refused(|v| v[name] = wrong), schema(&format!("/{name}")));
        }
    }
    assert_eq!(refused(|v| *v = json!([])), schema(""));
    assert_eq!(refused(|v| v["_type"] = json!("https://in-toto.io/Statement/v0.1")), schema("/_type"));
    assert_eq!(refused(|v| v["predicateType"] = json!("https://slsa.dev/provenance/v1")), schema("/predicateType"));
    assert_eq!(refused(|v| v["predicateType"] = json!("urn:colophon:Model Card:v1")), schema("/predicateType"));
    assert_eq!(refused(|v| v["subject"] = json!({})), schema("/subject"));
}

#[test]
fn every_subject_has_a_digest() {
    assert_eq!(refused(|v| v["subject"] = json!([])), schema("/subject"));
    assert_eq!(refused(|v| v["subject"] = json!([{ "name": "a" }])), schema("/subject/0"));
    for wrong in [json!({}), json!(null), json!("ab"), json!({ "sha256": "AB".repeat(32) }), json!({ "sha256": "ab" })]
    {
        assert_eq!(refused(|v| v["subject"][0]["digest"] = wrong.clone()).0, Code::Schema, "{wrong}");
    }
    let mut value = statement();
    value["subject"] = json!([{ "digest": { "gitCommit": "ab".repeat(20) }, "uri": "https://example.org/repo" }]);
    let read = Statement::parse(value.to_string().as_bytes()).unwrap();
    assert_eq!((read.subjects[0].sha256(), read.subjects[0].name.as_deref()), (None, None));
    assert_eq!(read.subjects[0].other["uri"], "https://example.org/repo");
}

#[test]
fn a_place_leads_to_the_member() {
    let hex = "ab".repeat(32);
    let subject = |n: usize| json!({ "name": format!("{n}"), "digest": { "sha256": hex } });
    let list: Vec<Value> = (0..5).map(subject).collect();
    let wrong = refused(|v| {
        v["subject"] = json!(list);
        v["subject"][3]["name"] = json!(["a"]);
    });
    assert_eq!(wrong, schema("/subject/3/name"));
}

#[test]
fn at_most_256_subjects() {
    let subjects = |n: usize| json!(vec![statement()["subject"][0].clone(); n]);
    let mut value = statement();
    value["subject"] = subjects(256);
    assert!(Statement::parse(value.to_string().as_bytes()).is_ok());
    assert_eq!(refused(|v| v["subject"] = subjects(257)), (Code::TooMany, "/subject".to_owned()));
}

#[test]
fn a_reserved_name_says_what_its_digest_says() {
    let hex = "ab".repeat(32);
    let id = from_hex(&hex).unwrap();
    for subject in [
        Subject::record(RecordId::from_bytes(id)),
        Subject::key(KeyId::from_bytes(id)),
        Subject::keyspace(KeyspaceId::from_bytes(id)),
    ] {
        let mut value = statement();
        value["subject"] = json!([subject]);
        assert_eq!(Statement::parse(value.to_string().as_bytes()).unwrap().subjects[0], subject);
        let swapped = refused(|v| {
            v["subject"] = json!([subject]);
            v["subject"][0]["digest"]["sha256"] = json!("cd".repeat(32));
        });
        assert_eq!(swapped, (Code::BindingMismatch, "/subject/0".to_owned()));
    }
    for name in ["record:", "record:ab", "key:", &format!("record:{}", hex.to_uppercase())] {
        assert_eq!(refused(|v| v["subject"][0]["name"] = json!(name)).0, Code::BindingMismatch, "{name}");
    }
    let without = refused(|v| {
        v["subject"][0] = json!({ "name": format!("record:{hex}"), "digest": { "sha1": "ab".repeat(20) } })
    });
    assert_eq!(without.0, Code::BindingMismatch);
}

#[test]
fn unknown_members_of_a_statement_are_ignored_unless_the_kind_is_structural() {
    let mut value = statement();
    value["more"] = json!("text");
    value["subject"][0]["annotations"] = json!({ "a": 1 });
    let read = Statement::parse(value.to_string().as_bytes()).unwrap();
    assert_eq!(read.subjects[0].other["annotations"]["a"], 1);

    let structural = |change: fn(&mut Value)| {
        refused(|v| {
            v["predicateType"] = json!("urn:colophon:party:v1");
            change(v);
        })
    };
    assert_eq!(structural(|v| v["more"] = json!("text")), schema("/more"));
    assert_eq!(structural(|v| v["subject"][0]["uri"] = json!("text")), schema("/subject/0/uri"));
    assert_eq!(structural(|v| v["subject"][0]["digest"]["note"] = json!("ab")), schema("/subject/0/digest/note"));
}

fn any_text() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| text.replace(|c| c == '\0' || json::is_bidi_control(c), ""))
}

fn any_statement() -> impl Strategy<Value = Statement> {
    let subject = (any_text(), any::<[u8; 32]>())
        .prop_map(|(name, digest)| (format!("file {name}"), SubjectDigest::from_bytes(digest)))
        .prop_map(|(name, digest)| Subject::artifact(name, digest));
    let member = prop_oneof![
        any_text().prop_map(Value::from),
        (-9_007_199_254_740_991_i64..=9_007_199_254_740_991).prop_map(Value::from),
        prop::collection::vec(any_text(), 0..4).prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
    ];
    let members = prop::collection::btree_map(any_text().prop_map(|name| format!("x-{name}")), member, 0..8);
    (prop::collection::vec(subject, 1..5), members, any_text()).prop_map(|(subjects, members, title)| {
        let mut predicate =
            json!({ "issuer": { "id": "example-ai" }, "issued": "2026-03-01T12:00:00Z", "model_name": title });
        predicate.as_object_mut().unwrap().extend(members);
        Statement::new(Kind::ModelCard, subjects, predicate)
    })
}

proptest! {
    #[test]
    fn a_canonical_statement_survives(statement in any_statement()) {
        let payload = statement.to_payload().unwrap();
        let read = Statement::parse(&payload).unwrap();
        prop_assert_eq!(&read, &statement);
        prop_assert_eq!(read.to_payload().unwrap(), payload);
    }
}
