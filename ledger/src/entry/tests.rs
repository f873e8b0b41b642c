//! Entries: what is encoded is decoded, and nothing else is.

#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use super::*;
use crate::record::kinds::samples::{body, key, sample, statement};
use crate::record::statement::Subject;

fn entry() -> Entry {
    let record = Record::parse(&body(&sample(&Kind::KeyEvent))).unwrap();
    Entry::of_record(&record, UnixMillis(1_772_366_400_000))
}

/// The bytes of an entry with this text as its header.
fn with_header(text: &[u8]) -> Vec<u8> {
    let offset = u32::try_from(text.len()).unwrap();
    [text, &[7; 32], &offset.to_be_bytes(), &[1]].concat()
}

fn refused(bytes: &[u8]) -> Error {
    let error = Entry::decode(bytes).unwrap_err();
    assert!(matches!(error.code(), Code::EntryInvalid | Code::TooLarge), "{error}");
    error
}

/// The header of the entry as JSON, changed, in its RFC 8785 form.
fn changed(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(&entry().header.to_json().unwrap()).unwrap();
    change(&mut value);
    with_header(&json::canonical(&value).unwrap())
}

#[test]
fn the_header_is_derived_from_the_record() {
    for kind in Kind::typed() {
        let record = Record::parse(&body(&sample(kind))).unwrap();
        let entry = Entry::of_record(&record, UnixMillis(5));
        assert_eq!(entry.header.kind, kind.as_str());
        assert_eq!((entry.header.record, entry.body), (record.id, record.body));
        assert_eq!(entry.header.signers, [key(1).key_id()]);
        assert_eq!(entry.header.keys.len(), record.named_keys().len());
        assert_eq!(entry.header.refs.len(), record.refs().len());
        assert!(entry.header.subjects.is_sorted() && entry.header.keys.is_sorted() && entry.header.refs.is_sorted());
        let bytes = entry.encode().unwrap();
        assert_eq!(Entry::decode(&bytes).unwrap(), entry);
        assert!(bytes.len() < 1500, "{}", bytes.len());
    }
}

#[test]
fn subjects_are_listed_once_and_sorted() {
    let subject = |byte: u8| Subject::artifact(format!("{byte}"), SubjectDigest::from_bytes([byte; 32]));
    let mut again = subject(3);
    again.name = Some("the same bytes under another name".to_owned());
    let git = serde_json::json!({ "digest": { "gitCommit": "ab".repeat(20) } });
    let subjects = vec![subject(9), subject(3), again, serde_json::from_value(git).unwrap()];
    let statement = statement(Kind::ModelCard, "a", subjects, serde_json::json!({}));
    let header = Header::derive(&Record::parse(&body(&statement)).unwrap(), UnixMillis(0));
    assert_eq!(header.subjects, [SubjectDigest::from_bytes([3; 32]), SubjectDigest::from_bytes([9; 32])]);
}

#[test]
fn the_suffix_has_one_form() {
    let good = entry().encode().unwrap();
    let offset_at = good.len() - 5;
    for (at, byte) in
        [(good.len() - 1, 0), (good.len() - 1, 2), (offset_at, 1), (offset_at + 3, good[offset_at + 3] ^ 1)]
    {
        let mut bad = good.clone();
        bad[at] = byte;
        refused(&bad);
    }
    for len in 0..good.len() {
        refused(&good[..len]);
        refused(&good[len + 1..]);
    }
    refused(&[good.as_slice(), &[1]].concat());
    // A second addendum before the one that is expected.
    let header = entry().header.to_json().unwrap();
    let offset = u32::try_from(header.len()).unwrap().to_be_bytes();
    refused(&[header.as_slice(), &[7; 32], &[8; 32], &offset, &offset, &[2]].concat());
}

#[test]
fn the_header_has_one_form() {
    let text = entry().header.to_json().unwrap();
    assert!(Entry::decode(&with_header(&text)).is_ok());
    let string = String::from_utf8(text).unwrap();
    for other in [
        string.replacen('{', "{ ", 1),
        string.replacen("key-event", "key\\u002devent", 1),
        format!("{string}\n"),
        string.replacen(r#""v":1"#, r#""v":1,"x":1"#, 1),
        string.replacen(r#","v":1"#, "", 1),
        string.replacen(r#""v":1"#, r#""v":2"#, 1),
        string.replacen(r#""v":1"#, r#""v":1.0"#, 1),
        string.replacen(r#"{"issuer""#, r#"{"issuer":"a","issuer""#, 1),
        format!(r#"{{"v":1,{}}}"#, &string[1..string.len() - 7]),
        String::new(),
        "{}".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
    ] {
        assert_ne!(other, string);
        refused(&with_header(other.as_bytes()));
    }
}

#[test]
fn b07_members_of_the_header_are_held_against_their_types() {
    let digest = |byte: u8| serde_json::json!(RecordId::from_bytes([byte; 32]));
    assert!(Entry::decode(&changed(|_| ())).is_ok());
    for name in ["v", "kind", "record", "issuer", "signers", "keys", "subjects", "refs", "received"] {
        refused(&changed(|v| _ = v.as_object_mut().unwrap().remove(name)));
        refused(&changed(|v| v[name] = Value::Null));
        refused(&changed(|v| v[name] = serde_json::json!({})));
    }
    for list in ["signers", "keys", "subjects", "refs"] {
        refused(&changed(|v| v[list] = serde_json::json!([digest(2), digest(1)])));
        refused(&changed(|v| v[list] = serde_json::json!([digest(1), digest(1)])));
        refused(&changed(|v| v[list] = serde_json::json!(["AB".repeat(32)])));
        refused(&changed(|v| v[list] = serde_json::json!([1])));
        let many: Vec<String> = (0..=256_u16).map(|i| format!("{i:064x}")).collect();
        refused(&changed(|v| v[list] = serde_json::json!(many)));
    }
    refused(&changed(|v| v["signers"] = serde_json::json!([])));
    refused(&changed(|v| v["kind"] = serde_json::json!("Model Card")));
    refused(&changed(|v| v["issuer"] = serde_json::json!("é")));
    refused(&changed(|v| v["received"] = serde_json::json!(-1)));
    refused(&changed(|v| v["more"] = serde_json::json!(1)));
}

#[test]
fn an_entry_made_by_hand_is_encoded_only_if_it_can_be_read() {
    let with = |change: fn(&mut Header)| {
        let mut entry = entry();
        change(&mut entry.header);
        entry.encode().map_err(|error| error.code())
    };
    assert!(with(|_| ()).is_ok());
    assert!(with(|h| h.issuer = "a".repeat(70_000)).is_err());
    assert!(with(|h| h.issuer = "é".to_owned()).is_err());
    assert!(with(|h| h.kind = "Kind".to_owned()).is_err());
    assert!(with(|h| h.keys.reverse()).is_err());
    assert!(with(|h| h.signers.clear()).is_err());
    assert!(with(|h| h.received = UnixMillis(1 << 53)).is_err());
    let refs = |n: u16| -> Vec<RecordId> { (0..n).map(|i| format!("{i:064x}").parse().unwrap()).collect() };
    let mut entry = entry();
    entry.header.refs = refs(1000);
    assert_eq!(entry.encode().unwrap_err().code(), Code::TooLarge);
}

#[test]
fn the_fullest_header_fits() {
    let list = |n: u16| -> Vec<String> { (0..n).map(|i| format!("{i:064x}")).collect() };
    fn ids<T: core::str::FromStr>(texts: &[String]) -> Vec<T> {
        texts.iter().filter_map(|text| text.parse().ok()).collect()
    }
    let header = Header {
        kind: "k".repeat(64),
        record: RecordId::from_bytes([0xff; 32]),
        issuer: "\"".repeat(255),
        signers: ids(&list(16)),
        keys: ids(&list(256)),
        subjects: ids(&list(256)),
        refs: ids(&list(256)),
        received: UnixMillis(MAX_INTEGER.unsigned_abs()),
    };
    let entry = Entry { header, body: BodyDigest::from_bytes([0; 32]) };
    let bytes = entry.encode().unwrap();
    assert!(bytes.len() <= MAX_HEADER + SUFFIX && bytes.len() > 50_000, "{}", bytes.len());
    assert_eq!(Entry::decode(&bytes).unwrap(), entry);
}

fn any_header() -> impl Strategy<Value = Header> {
    fn sorted<T: Ord>(mut list: Vec<T>) -> Vec<T> {
        list.sort();
        list.dedup();
        list
    }
    let digests = |min: usize, max: usize| prop::collection::vec(any::<[u8; 32]>(), min..=max);
    (
        "[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,8}){0,3}",
        any::<[u8; 32]>(),
        "[!-jl-~][!-~]{0,40}",
        digests(1, 16),
        digests(0, 9),
        digests(0, 9),
        digests(0, 9),
        0..=MAX_INTEGER,
    )
        .prop_map(|(kind, record, issuer, signers, keys, subjects, refs, received)| Header {
            kind,
            record: RecordId::from_bytes(record),
            issuer,
            signers: sorted(signers.into_iter().map(KeyId::from_bytes).collect()),
            keys: sorted(keys.into_iter().map(KeyId::from_bytes).collect()),
            subjects: sorted(subjects.into_iter().map(SubjectDigest::from_bytes).collect()),
            refs: sorted(refs.into_iter().map(RecordId::from_bytes).collect()),
            received: UnixMillis(received.unsigned_abs()),
        })
}

proptest! {
    /// The header says the same of a record whoever derives it and whenever, and its lists do not depend on the order
    /// in which the record has them.
    #[test]
    fn the_header_of_any_record_survives(
        kind in prop::sample::select(vec!["model-card", "dataset-card", "party-profile", "dispute", "never-heard-of"]),
        subjects in prop::collection::vec((0..6_u8, any::<bool>()), 1..12),
        refs in prop::collection::vec(0..6_u8, 0..12),
        received in 0..=MAX_INTEGER,
    ) {
        let build = |subjects: Vec<(u8, bool)>, refs: Vec<u8>| {
            let subjects = subjects.into_iter().map(|(byte, is_record)| match is_record {
                true => Subject::record(RecordId::from_bytes([byte; 32])),
                false => Subject::artifact(format!("{byte}"), SubjectDigest::from_bytes([byte | 0x80; 32])),
            });
            let refs: Vec<String> = refs.into_iter().map(|byte| RecordId::from_bytes([byte; 32]).to_reference()).collect();
            let target = RecordId::from_bytes([0; 32]);
            let members =
                serde_json::json!({ "name": "a", "list": refs, "target": target.to_reference(), "grounds": "a" });
            let subjects = subjects.chain([Subject::record(target)]).collect();
            let statement = statement(Kind::parse(kind).unwrap(), "a", subjects, members);
            Record::parse(&body(&statement)).unwrap()
        };
        let received = UnixMillis(received.unsigned_abs());
        let entry = Entry::of_record(&build(subjects.clone(), refs.clone()), received);
        prop_assert_eq!(&Entry::decode(&entry.encode().unwrap()).unwrap(), &entry);

        let reversed = build(subjects.into_iter().rev().collect(), refs.into_iter().rev().collect());
        let other = Header::derive(&reversed, received);
        prop_assert_eq!((&other.subjects, &other.refs), (&entry.header.subjects, &entry.header.refs));
        if kind == "dispute" {
            prop_assert!(other.subjects.iter().all(|digest| digest.as_bytes()[0] < 0x80), "records only");
        }
    }

    #[test]
    fn an_entry_survives(header in any_header(), digest: [u8; 32]) {
        let entry = Entry { header, body: BodyDigest::from_bytes(digest) };
        let bytes = entry.encode().unwrap();
        prop_assert_eq!(&Entry::decode(&bytes).unwrap(), &entry);
        let text = entry.header.to_json().unwrap();
        prop_assert_eq!(&json::canonical(&serde_json::from_slice(&text).unwrap()).unwrap(), &text);
    }

    /// Whoever makes a header by hand gets an entry that everybody can read, or none.
    #[test]
    fn what_is_encoded_can_be_read(
        kind in "[a-z-]{1,6}|.{0,8}",
        issuer in "[!-~]{1,12}|key:[0-9a-f]{64}|.{0,12}",
        digests in prop::collection::vec(prop::collection::vec(0..4_u8, 0..4), 4),
        received in prop_oneof![0..1_u64 << 53, any::<u64>()],
    ) {
        let list = |at: usize| digests[at].iter().map(|byte| [*byte; 32]);
        let header = Header {
            kind,
            record: RecordId::from_bytes([9; 32]),
            issuer,
            signers: list(0).map(KeyId::from_bytes).collect(),
            keys: list(1).map(KeyId::from_bytes).collect(),
            subjects: list(2).map(SubjectDigest::from_bytes).collect(),
            refs: list(3).map(RecordId::from_bytes).collect(),
            received: UnixMillis(received),
        };
        let entry = Entry { header, body: BodyDigest::from_bytes([9; 32]) };
        let read = entry.header.to_json().and_then(|text| Header::from_json(&text));
        match entry.encode() {
            Ok(bytes) => prop_assert_eq!(&Entry::decode(&bytes).unwrap(), &entry),
            Err(error) => prop_assert!(read.is_err(), "{:?} is refused ({error}) and can be read", entry.header),
        }
    }

    /// One byte changed makes another entry or none: two different leaves are never the same entry.
    #[test]
    fn an_entry_has_one_encoding(header in any_header(), at in any::<prop::sample::Index>(), xor in 1..=255_u8) {
        let entry = Entry { header, body: BodyDigest::from_bytes([9; 32]) };
        let mut bytes = entry.encode().unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= xor;
        if let Ok(other) = Entry::decode(&bytes) {
            prop_assert_ne!(&other, &entry);
            prop_assert_eq!(other.encode().unwrap(), bytes);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let _ = Entry::decode(&bytes);
        let _ = Entry::decode(&with_header(&bytes));
    }
}
