//! A cast of keys and documents for tests: an operator, a lab, an auditor, and what they sign.
//!
//! Everything is made from fixed seeds, so that a test that fails fails again. Nothing here is part of the program.

mod dice;
mod memory_log;

use serde_json::{Value, json};

pub use self::dice::Dice;
pub use self::memory_log::MemoryLog;

use crate::ids::{RecordId, SubjectDigest};
use crate::note::{Cosigner, KeyName, NoteSigner, Origin, Policy};
use crate::record::Record;
use crate::record::dsse::Envelope;
use crate::record::key::PrivateKey;
use crate::record::kind::Kind;
use crate::record::kinds::{LogPolicy, PartyKey};
use crate::record::statement::{Statement, Subject};

/// The name of the log in tests.
pub const ORIGIN: &str = "log.example.org/test";

/// The time at which everything in tests is issued.
pub const ISSUED: &str = "2026-03-01T12:00:00Z";

/// A party's key, by the party's name.
pub fn key(name: &str) -> PrivateKey {
    let mut seed = [0x5a; 32];
    for (slot, byte) in seed.iter_mut().zip(name.bytes()) {
        *slot = byte;
    }
    PrivateKey::from_ed25519_seed(seed)
}

/// The origin.
pub fn origin() -> Origin {
    Origin::parse(ORIGIN).expect("a plain name")
}

/// The log's key.
pub fn log_signer() -> NoteSigner {
    NoteSigner::from_seed(KeyName::parse(ORIGIN).expect("a plain name"), [1; 32]).expect("any seed is a key")
}

/// The clock's key.
pub fn clock_signer() -> Cosigner {
    let name = KeyName::parse(&format!("{ORIGIN}/clock")).expect("a plain name");
    Cosigner::from_seed(name, [2; 32]).expect("any seed is a key")
}

/// The policy of a client that trusts this log and wants its clock's cosignature.
pub fn policy() -> Policy {
    let (log, clock) = (log_signer(), clock_signer());
    let text = format!("log {}\nwitness clock {}\nquorum clock\n", log.verifier_key(), clock.verifier_key());
    Policy::parse(text.as_bytes()).expect("a plain policy")
}

/// An envelope around a statement, as it is sent.
pub fn sign(kind: Kind, subjects: Vec<Subject>, predicate: Value, keys: &[&PrivateKey]) -> Vec<u8> {
    let payload = Statement::new(kind, subjects, predicate).to_payload().expect("a sound statement");
    Envelope::sign(payload, keys).expect("at least one key").to_json()
}

/// Entry 0: `operator` runs the log, partners publish, auditors attest, anybody comments.
pub fn genesis() -> Vec<u8> {
    let operator = key("operator");
    let predicate = json!({
        "issuer": { "id": "operator" },
        "issued": ISSUED,
        "origin": ORIGIN,
        "logKeys": [log_signer().verifier_key().to_string()],
        "witnesses": String::from_utf8(policy().encode()).expect("a policy is text"),
        "operators": [{ "id": "operator", "keys": [PartyKey::signing(operator.public_key())] }],
        "rules": {
            "party": ["operator"],
            "key-event": ["partner", "auditor", "operator"],
            "party-profile": ["partner", "auditor", "operator"],
            "model-card": ["partner"],
            "dataset-card": ["partner"],
            "training-source": ["partner"],
            "manifest": ["partner"],
            "license-claim": ["partner", "auditor"],
            "audit-attestation": ["auditor"],
            "comment": ["anybody"],
        },
    });
    sign(Kind::LogPolicy, vec![LogPolicy::subject(ORIGIN)], predicate, &[&operator])
}

/// The seats of the council of [`genesis_with_council`]: names for [`key`].
pub const COUNCIL_SEATS: [&str; 5] = ["council-1", "council-2", "council-3", "council-4", "council-5"];

/// Entry 0 of a log in which three of the five seats of the council decide, and every kind has its registrants.
pub fn genesis_with_council() -> Vec<u8> {
    let operator = key("operator");
    let seat = |name: &&str| {
        let key = key(name);
        json!({ "keyid": key.key_id(), "publicKey": key.public_key().to_base64() })
    };
    let everybody = ["partner", "auditor", "steward", "contributor", "operator"];
    let mut rules = serde_json::Map::new();
    for kind in Kind::typed() {
        let registrants: &[&str] = match kind {
            Kind::LogPolicy => continue,
            Kind::UsagePreference | Kind::Comment | Kind::Dispute => &["anybody"],
            Kind::AuditAttestation => &["auditor"],
            Kind::GovernanceEvent => &["steward", "partner"],
            _ => &everybody,
        };
        rules.insert(kind.as_str().to_owned(), json!(registrants));
    }
    let predicate = json!({
        "issuer": { "id": "operator" },
        "issued": ISSUED,
        "origin": ORIGIN,
        "logKeys": [log_signer().verifier_key().to_string()],
        "witnesses": String::from_utf8(policy().encode()).expect("a policy is text"),
        "operators": [{ "id": "operator", "keys": [PartyKey::signing(operator.public_key())] }],
        "council": { "keys": COUNCIL_SEATS.iter().map(seat).collect::<Vec<_>>(), "threshold": 3 },
        "rules": rules,
        "limits": { "unvouched-per-subject": 3 },
    });
    sign(Kind::LogPolicy, vec![LogPolicy::subject(ORIGIN)], predicate, &[&operator])
}

/// The operator registers a party whose only key is [`key`]`(id)`.
pub fn party(id: &str, roles: &[&str]) -> Vec<u8> {
    let own = key(id);
    let predicate = json!({
        "issuer": { "id": "operator" },
        "issued": ISSUED,
        "id": id,
        "roles": roles,
        "keys": [PartyKey::signing(own.public_key())],
    });
    let subject = Subject::key(own.public_key().key_id());
    sign(Kind::Party, vec![subject], predicate, &[&key("operator"), &own])
}

/// A model card by `issuer`, told apart by `number`.
pub fn model_card(issuer: &str, number: u64) -> Vec<u8> {
    let mut digest = [0xd1; 32];
    digest[..8].copy_from_slice(&number.to_be_bytes());
    let predicate = json!({
        "issuer": { "id": issuer, "name": issuer },
        "issued": ISSUED,
        "model_name": format!("example-{number}"),
        "license": "apache-2.0",
    });
    let subject = Subject::artifact("model.safetensors", SubjectDigest::from_bytes(digest));
    sign(Kind::ModelCard, vec![subject], predicate, &[&key(issuer)])
}

/// The id of the record in an envelope.
pub fn record_id(body: &[u8]) -> RecordId {
    Record::parse(body).expect("a sound record").id
}
