//! Envelopes, the records in them, and the entries that follow: one canonical form of each, and signatures over what was
//! signed alone.
//!
//! The same bytes are taken for an envelope, for the payload of one, and for an entry.

#![no_main]

use std::sync::LazyLock;

use colophon_fuzz::seeds;
use ledger::entry::{Entry, Header};
use ledger::ids::{KeyId, UnixMillis};
use ledger::record::Record;
use ledger::record::dsse::{Envelope, PAYLOAD_TYPE, Signature};
use ledger::record::json;
use ledger::record::kind::Kind;
use ledger::record::statement::{Statement, Subject};
use ledger::testing::{self, ISSUED};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

const RECEIVED: UnixMillis = UnixMillis(1_772_366_400_000);

/// Everything that these keys ever signed.
static SIGNED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    vec![
        testing::genesis(),
        testing::genesis_with_council(),
        testing::party("example-ai", &["partner"]),
        testing::model_card("example-ai", 1),
    ]
});
const SIGNERS: [&str; 2] = ["operator", "example-ai"];

fuzz_target!(init: seeds(genuine()), |data: &[u8]| {
    envelope(data);
    let unsigned = Signature { keyid: KeyId::from_bytes([7; 32]), sig: vec![1] };
    record(&Envelope { payload_type: PAYLOAD_TYPE.to_owned(), payload: data.to_vec(), signatures: vec![unsigned] });
    if let Ok(entry) = Entry::decode(data) {
        assert_eq!(entry.encode().expect("it was read"), data);
    }
});

/// What was signed, its payloads and entries, and a statement of each kind that lacks most of what it needs.
fn genuine() -> Vec<Vec<u8>> {
    let mut all = SIGNED.clone();
    for body in SIGNED.iter() {
        let record = Record::parse(body).expect("a record");
        all.push(Entry::of_record(&record, RECEIVED).encode().expect("an entry"));
        all.push(record.envelope.payload);
    }
    let reference = testing::record_id(&SIGNED[3]);
    for kind in Kind::typed() {
        let predicate = json!({
            "issuer": { "id": "example-ai" }, "issued": ISSUED, "text": "t", "refers": reference.to_reference(),
            "license": "MIT OR Apache-2.0", "usage": "train-ai=n", "until": "2027-01-01T00:00:00Z", "duration": "P1Y",
        });
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1", "predicateType": kind.predicate_type(),
            "subject": [Subject::record(reference)], "predicate": predicate,
        });
        all.push(statement.to_string().into_bytes());
    }
    all
}

fn envelope(data: &[u8]) {
    let Ok(envelope) = Envelope::parse(data) else { return };
    let text = envelope.to_json();
    assert_eq!(Envelope::parse(&text).expect("its own text"), envelope);
    let value: Value = serde_json::from_slice(&text).expect("JSON");
    assert_eq!(json::canonical(&value).expect("only strings"), text);
    record(&envelope);

    let known = |id: &KeyId| SIGNERS.iter().map(|name| testing::key(name)).find(|key| key.key_id() == *id);
    if envelope.verify(&|id| known(id).map(|key| key.public_key().clone())).is_ok() {
        let payload = |body: &Vec<u8>| Envelope::parse(body).expect("ours").payload;
        assert!(SIGNED.iter().any(|body| payload(body) == envelope.payload));
        assert_eq!(envelope.payload_type, PAYLOAD_TYPE);
    }
}

fn record(envelope: &Envelope) {
    let Ok(record) = Record::parse(&envelope.to_json()) else { return };
    assert_eq!(record.envelope, *envelope);
    assert_eq!(record.statement, Statement::parse(&envelope.payload).expect("it is a record"));
    let again = record.statement.to_payload().expect("what is accepted can be signed");
    assert_eq!(Statement::parse(&again).expect("its canonical form"), record.statement);

    let entry = Entry::of_record(&record, RECEIVED);
    let bytes = entry.encode().expect("every record has an entry");
    assert_eq!(Entry::decode(&bytes).expect("its own bytes"), entry);
    assert_eq!(entry.header, Header::derive(&record, RECEIVED));
}
