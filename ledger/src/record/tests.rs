//! Records: the rules that only the whole of a record can break.

#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;
use serde_json::json;

use super::kinds::samples::{body, key, reference, sample, statement};
use super::*;

fn refused(body: &[u8]) -> (Code, String) {
    let error = Record::parse(body).unwrap_err();
    (error.code(), error.place().unwrap_or_default().to_owned())
}

/// A body that holds these bytes as its payload, whatever they are.
fn enveloped(payload: &[u8]) -> Vec<u8> {
    Envelope::sign(payload.to_vec(), &[&key(1)]).unwrap().to_json()
}

#[test]
fn a_record_of_each_kind_is_read_and_verifies() {
    for kind in Kind::typed() {
        let statement = sample(kind);
        let body = body(&statement);
        let record = Record::parse(&body).unwrap();
        assert_eq!((&record.kind, &record.statement), (kind, &statement));
        assert_eq!(record.issuer(), statement.predicate["issuer"]["id"].as_str().unwrap());
        assert_eq!(record.body, body_digest(&body));
        let known = |id: &KeyId| (*id == key(1).key_id()).then(|| key(1).public_key().clone());
        assert_eq!(record.envelope.verify(&known).unwrap(), [key(1).key_id()]);
    }
}

#[test]
fn the_id_is_of_the_payload_and_the_body_of_the_envelope() {
    let payload = sample(&Kind::ModelCard).to_payload().unwrap();
    let one = Record::parse(&Envelope::sign(payload.clone(), &[&key(1)]).unwrap().to_json()).unwrap();
    let two = Record::parse(&Envelope::sign(payload.clone(), &[&key(2), &key(1)]).unwrap().to_json()).unwrap();
    assert_eq!(one.id, two.id);
    assert_ne!(one.body, two.body);
    assert_eq!(one.id.as_bytes(), &<[u8; 32]>::from(Sha256::digest(&payload)));
    assert_eq!(two.signers(), BTreeSet::from([key(1).key_id(), key(2).key_id()]));
    // White space in the envelope makes another body of the same record.
    let mut spaced = one.envelope.to_json();
    spaced.insert(1, b' ');
    let spaced = Record::parse(&spaced).unwrap();
    assert_eq!(spaced.id, one.id);
    assert_ne!(spaced.body, one.body);
}

#[test]
fn a_payload_need_not_be_canonical() {
    let statement = sample(&Kind::ModelCard);
    let canonical = statement.to_payload().unwrap();
    let pretty = serde_json::to_vec_pretty(&json::parse(&canonical, MAX_STATEMENT).unwrap()).unwrap();
    let record = Record::parse(&enveloped(&pretty)).unwrap();
    assert_eq!(record.statement, statement);
    assert_eq!(record.envelope.payload, pretty, "kept byte for byte");
}

#[test]
fn b08_only_statements_are_records() {
    let mut value: Value = serde_json::from_slice(&body(&sample(&Kind::ModelCard))).unwrap();
    value["payloadType"] = json!("application/json");
    assert_eq!(refused(value.to_string().as_bytes()), (Code::SignatureInvalid, "/payloadType".to_owned()));
}

#[test]
fn the_statement_inside_is_read_as_strictly_as_the_envelope() {
    assert_eq!(refused(&enveloped(b"{")).0, Code::JsonSyntax);
    assert_eq!(refused(&enveloped(b"\xef\xbb\xbf{}")).0, Code::TextRefused);
    assert_eq!(refused(&enveloped(br#"{"a":{"b":1,"b":2}}"#)), (Code::JsonDuplicateKey, "/a/b".to_owned()));
    assert_eq!(
        refused(&enveloped(br#"{"predicate":{"score":0.5}}"#)),
        (Code::JsonNumber, "/predicate/score".to_owned())
    );
    assert_eq!(refused(&enveloped("[".repeat(100_000).as_bytes())).0, Code::JsonDepth);
    assert_eq!(refused(&enveloped(br#"{"name":"\u202e"}"#)), (Code::TextRefused, "/name".to_owned()));
    assert_eq!(refused(&enveloped(b"")).0, Code::JsonSyntax);
}

#[test]
fn a_statement_has_720_kib_and_an_envelope_1_mib() {
    let padded = |len: usize| {
        let mut statement = sample(&Kind::ModelCard);
        let bare = statement.to_payload().unwrap().len() + r#","x-text":"""#.len();
        statement.predicate.insert("x-text".to_owned(), json!("a".repeat(len - bare)));
        json::canonical(&json!({
            "_type": statement::STATEMENT_TYPE,
            "subject": statement.subjects,
            "predicateType": statement.kind.predicate_type(),
            "predicate": statement.predicate,
        }))
        .unwrap()
    };
    let largest = padded(MAX_STATEMENT);
    assert_eq!(largest.len(), MAX_STATEMENT);
    // With sixteen signatures, indented, it is still an envelope.
    let keys: Vec<_> = (1..=16).map(key).collect();
    let full = Envelope::sign(largest, &keys.iter().collect::<Vec<_>>()).unwrap();
    let full = serde_json::to_vec_pretty(&serde_json::from_slice::<Value>(&full.to_json()).unwrap()).unwrap();
    assert!(full.len() <= MAX_ENVELOPE, "{}", full.len());
    assert!(Record::parse(&full).is_ok());
    assert_eq!(refused(&enveloped(&padded(MAX_STATEMENT + 1))).0, Code::TooLarge);
    assert_eq!(refused(&vec![b' '; MAX_ENVELOPE + 1]).0, Code::TooLarge);
}

#[test]
fn b10_json_100_000_deep_does_not_overflow_the_stack() {
    let deep =
        |inside: &str, open: &str, close: &str| format!("{}{inside}{}", open.repeat(100_000), close.repeat(100_000));
    for text in [deep("1", "[", "]"), deep("1", r#"{"a":"#, "}"), deep("{}", r#"[{"a":"#, "}]"), "[".repeat(1_000_000)]
    {
        assert_eq!(refused(text.as_bytes()).0, Code::JsonDepth);
        let inside = format!(r#"{{"predicate":{}}}"#, &text[..text.len().min(700_000)]);
        assert_eq!(refused(&enveloped(inside.as_bytes())).0, Code::JsonDepth);
    }
    // On a stack of 64 KiB as well: what is read never recurses deeper than the limit.
    let shallow = std::thread::Builder::new().stack_size(64 * 1024).spawn(|| {
        let text = "[".repeat(32) + &"]".repeat(32);
        let text = format!(r#"{{"payload":"","payloadType":"","signatures":[],"x":{}}}"#, &text[1..63]);
        refused(text.as_bytes()).0
    });
    assert_eq!(shallow.unwrap().join().unwrap(), Code::SignatureCount);
}

#[test]
fn nobody_adds_to_a_structural_record_what_nobody_signed() {
    let with = |kind: &Kind, change: fn(&mut Value)| {
        let mut value: Value = serde_json::from_slice(&body(&sample(kind))).unwrap();
        change(&mut value);
        Record::parse(value.to_string().as_bytes()).map(|record| record.id)
    };
    let in_envelope = |value: &mut Value| value["note"] = json!("anything");
    let in_signature = |value: &mut Value| value["signatures"][0]["cert"] = json!("anything");
    for change in [in_envelope, in_signature] {
        assert!(with(&Kind::ModelCard, change).is_ok());
        assert_eq!(with(&Kind::Party, change).unwrap_err().code(), Code::Schema);
    }
}

#[test]
fn refs_are_found_wherever_they_stand() {
    let members = json!({
        "target": reference(1),
        "deep": [{ "list": [reference(2), [reference(3)]], "again": reference(1) }],
        "text": format!("see {}", reference(4)),
        "short": "record:ab",
        "upper": reference(0xab).to_uppercase(),
        reference(5): "a name of a member is not a string of the predicate",
        "plain": "ab".repeat(32),
    });
    let kind = Kind::parse("something-new").unwrap();
    let subject = Subject::record(RecordId::from_bytes([9; 32]));
    let mut statement = statement(kind, "example-org", vec![subject], members);
    statement.predicate.insert("supersedes".to_owned(), json!([reference(6)]));
    let record = Record::parse(&body(&statement)).unwrap();
    let found: Vec<u8> = record.refs().iter().map(|id| id.as_bytes()[0]).collect();
    assert_eq!(found, [1, 2, 3, 6], "subjects are none, and neither are parts of texts");
    assert_eq!(record.subject_records().map(|id| id.as_bytes()[0]).collect::<Vec<_>>(), [9]);
}

#[test]
fn at_most_256_records_are_named() {
    let with = |n: u16| {
        let list: Vec<String> = (0..n)
            .map(|i| {
                let mut id = [0; 32];
                id[..2].copy_from_slice(&i.to_be_bytes());
                RecordId::from_bytes(id).to_reference()
            })
            .collect();
        statement(Kind::ModelCard, "a", sample(&Kind::ModelCard).subjects, json!({ "list": list, "again": list }))
    };
    assert_eq!(Record::parse(&body(&with(256))).unwrap().refs().len(), 256);
    assert_eq!(with(257).to_payload().unwrap_err().code(), Code::TooMany);
}

#[test]
fn kinds_that_tie_a_person_to_content_show_records_only() {
    let content = Subject::artifact("content key", SubjectDigest::from_bytes([1; 32]));
    for (kind, shown) in [(Kind::PreferenceResponse, 1), (Kind::Comment, 1), (Kind::Dispute, 1), (Kind::Incident, 2)] {
        let mut statement = sample(&kind);
        statement.subjects.push(content.clone());
        let parsed = Record::parse(&body(&statement)).unwrap();
        assert_eq!(parsed.subject_digests().len(), shown, "{kind}");
        assert!(parsed.subject_digests().contains(&SubjectDigest::from_bytes([0xcc; 32])));
    }
    let preference = Record::parse(&body(&sample(&Kind::UsagePreference))).unwrap();
    assert_eq!((preference.subjects().len(), preference.subject_digests().len()), (2, 0));
}

#[test]
fn the_keys_that_a_record_registers_are_at_hand() {
    let record = Record::parse(&body(&sample(&Kind::KeyEvent))).unwrap();
    assert_eq!(record.registered_keys(), [key(4).public_key().clone()]);
    assert_eq!(*record.named_keys(), BTreeSet::from([key(2).key_id(), key(4).key_id()]));
    let record = Record::parse(&body(&sample(&Kind::ModelCard))).unwrap();
    assert!(record.registered_keys().is_empty() && record.named_keys().is_empty() && record.own_key().is_none());
}

#[test]
fn text_in_any_language_over_64_kib_is_kept_byte_for_byte() {
    let text = "سطر عربي مع \u{2067}عزل\u{2069}\r\nשורה בעברית\r\nРусская строка\r\n中文\r\n".repeat(1500);
    assert!(text.len() > 64 * 1024);
    let members = json!({ "model_name": "نموذج", "limitation": text });
    let statement = statement(Kind::ModelCard, "a", sample(&Kind::ModelCard).subjects, members);
    let record = Record::parse(&body(&statement)).unwrap();
    let Predicate::ModelCard(card) = record.predicate else { panic!("a model card") };
    assert_eq!(card.limitation.unwrap(), text);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let _ = Record::parse(&bytes);
        let _ = Record::parse(&enveloped(&bytes));
    }

    /// Any change to a member of a valid statement is refused or read, and never more than that.
    #[test]
    fn no_statement_makes_it_panic(
        kind in 0..10_usize,
        at in any::<prop::sample::Index>(),
        value in prop::sample::select(vec![
            json!(null), json!(0), json!(-1), json!("x"), json!([]), json!({}), json!([[]]), json!("noAssertion"),
            json!({ "id": "key:" }), json!([{ "keyid": "" }]), json!({ "sha256": "é" }), json!(9_007_199_254_740_991_i64),
        ]),
    ) {
        let mut statement = sample(&Kind::typed()[kind]);
        let name = statement.predicate.keys().nth(at.index(statement.predicate.len())).unwrap().clone();
        statement.predicate.insert(name, value);
        if let Ok(payload) = statement.to_payload() {
            prop_assert!(Record::parse(&enveloped(&payload)).is_ok());
        }
    }

    /// Whatever byte of a body is changed, the record is gone, or it is the same one, or its signature does not hold.
    #[test]
    fn b08_a_changed_body_is_never_another_signed_record(at in any::<prop::sample::Index>(), xor in 1..=255_u8) {
        let body = body(&sample(&Kind::LicenseClaim));
        let record = Record::parse(&body).unwrap();
        let mut changed = body;
        let at = at.index(changed.len());
        changed[at] ^= xor;
        if let Ok(other) = Record::parse(&changed) {
            let known = |_: &KeyId| Some(key(1).public_key().clone());
            prop_assert!(other.id == record.id || other.envelope.verify(&known).is_err());
        }
    }
}
