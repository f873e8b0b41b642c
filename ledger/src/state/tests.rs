//! Keys in time, and the rules of admission, one refusal at a time.

#![allow(clippy::unwrap_used, clippy::panic)]

use serde_json::{Value, json};

use super::*;
use crate::error::{Code, Result};
use crate::ids::UnixMillis;
use crate::record::dsse::Envelope;
use crate::record::key::PrivateKey;
use crate::record::kinds::PartyKey;
use crate::record::statement::Subject;
use crate::testing::{self, key, sign};

/// A log in miniature: admits, and folds what it admitted.
#[derive(Default)]
struct Ledger {
    state: State,
    bodies: Vec<Vec<u8>>,
}

impl Ledger {
    fn add(&mut self, body: Vec<u8>) -> Result<LeafIndex> {
        let index = LeafIndex(self.bodies.len() as u64);
        let record = Record::parse(&body)?;
        self.state.verify_signatures(&record)?;
        self.state.admit(&record, index, UnixMillis(0))?;
        self.state.apply(index, &Header::derive(&record, UnixMillis(0)), Some(&record));
        self.bodies.push(body);
        Ok(index)
    }

    /// The policy, a lab and an auditor.
    fn peopled() -> Self {
        let mut ledger = Self::default();
        ledger.add(testing::genesis()).unwrap();
        ledger.add(testing::party("lab", &["partner"])).unwrap();
        ledger.add(testing::party("auditor", &["auditor"])).unwrap();
        ledger
    }

    fn code(&mut self, body: Vec<u8>) -> Code {
        self.add(body).unwrap_err().code()
    }

    /// The state from the first entry on must be the state that grew.
    fn replayed(&self) -> State {
        let mut state = State::default();
        for (index, body) in self.bodies.iter().enumerate() {
            let record = Record::parse(body).unwrap();
            let header = Header::derive(&record, UnixMillis(0));
            state.apply(LeafIndex(index as u64), &header, Some(&record));
        }
        state
    }
}

fn id(name: &str) -> KeyId {
    key(name).public_key().key_id()
}

fn key_event(party: &str, event: Value, subjects: &[&str], signers: &[&str]) -> Vec<u8> {
    let mut predicate = json!({ "issuer": { "id": party }, "issued": testing::ISSUED, "reason": "unspecified" });
    let members = predicate.as_object_mut().unwrap();
    members.extend(event.as_object().unwrap().clone());
    let keys: Vec<PrivateKey> = signers.iter().map(|name| key(name)).collect();
    let subjects = subjects.iter().map(|name| Subject::key(id(name))).collect();
    sign(Kind::KeyEvent, subjects, predicate, &keys.iter().collect::<Vec<_>>())
}

fn add_key(party: &str, new: &str, signers: &[&str]) -> Vec<u8> {
    let event = json!({ "event": "add", "keyid": id(new), "publicKey": key(new).public_key().to_base64() });
    key_event(party, event, &[new], signers)
}

fn revoke(party: &str, old: &str, signers: &[&str], compromised_from: Option<u64>) -> Vec<u8> {
    let mut event = json!({ "event": "revoke", "keyid": id(old) });
    if let Some(from) = compromised_from {
        event["reason"] = json!("keyCompromise");
        event["compromisedFromIndex"] = json!(from);
    }
    key_event(party, event, &[old], signers)
}

fn card_signed_by(issuer: &str, signers: &[&str]) -> Vec<u8> {
    let payload = Record::parse(&testing::model_card(issuer, 1)).unwrap().envelope.payload;
    let keys: Vec<PrivateKey> = signers.iter().map(|name| key(name)).collect();
    Envelope::sign(payload, &keys.iter().collect::<Vec<_>>()).unwrap().to_json()
}

#[test]
fn entry_0_is_a_policy_signed_by_every_operator_and_by_nobody_else() {
    assert_eq!(Ledger::default().code(testing::party("lab", &["partner"])), Code::SignerUnknown);
    let payload = Record::parse(&testing::genesis()).unwrap().envelope.payload;
    let by_stranger = Envelope::sign(payload.clone(), &[&key("stranger")]).unwrap().to_json();
    assert_eq!(Ledger::default().code(by_stranger), Code::SignerUnknown, "its key is nowhere");
    let mut ledger = Ledger::default();
    ledger.add(testing::genesis()).unwrap();
    assert!(ledger.state.party("operator").unwrap().roles.contains(&Role::Operator));
    assert_eq!(ledger.state.standing(&id("operator"), LeafIndex(0)), Standing::NotYet(LeafIndex(0)));
    assert_eq!(ledger.state.standing(&id("operator"), LeafIndex(1)), Standing::InForce { registered: LeafIndex(0) });
}

#[test]
fn a_party_needs_an_operator_and_the_possession_of_its_keys() {
    let mut ledger = Ledger::default();
    ledger.add(testing::genesis()).unwrap();
    let payload = Record::parse(&testing::party("lab", &["partner"])).unwrap().envelope.payload;
    let without_own = Envelope::sign(payload.clone(), &[&key("operator")]).unwrap().to_json();
    assert_eq!(ledger.code(without_own), Code::Threshold);
    let without_operator = Envelope::sign(payload, &[&key("lab")]).unwrap().to_json();
    assert_eq!(ledger.code(without_operator), Code::RoleRefused);
    assert_eq!(ledger.add(testing::party("lab", &["partner"])), Ok(LeafIndex(1)));
}

#[test]
fn a_key_belongs_to_one_party_for_ever() {
    let mut ledger = Ledger::peopled();
    let lab = key("lab");
    let predicate = json!({
        "issuer": { "id": "operator" },
        "issued": testing::ISSUED,
        "id": "other-lab",
        "roles": ["partner"],
        "keys": [PartyKey::signing(lab.public_key())],
    });
    let body = sign(Kind::Party, vec![Subject::key(id("lab"))], predicate, &[&key("operator"), &lab]);
    assert_eq!(ledger.code(body), Code::KeyTaken);
    assert_eq!(ledger.code(add_key("auditor", "lab", &["auditor", "lab"])), Code::KeyTaken);
}

#[test]
fn a_record_counts_only_with_a_key_of_its_issuer_and_a_role_for_its_kind() {
    let mut ledger = Ledger::peopled();
    ledger.add(card_signed_by("lab", &["lab"])).unwrap();
    ledger.add(card_signed_by("lab", &["lab", "auditor"])).unwrap();
    assert_eq!(ledger.code(card_signed_by("lab", &["auditor"])), Code::IssuerMismatch);
    assert_eq!(ledger.code(card_signed_by("lab", &["lab", "stranger"])), Code::SignerUnknown);
    assert_eq!(ledger.code(card_signed_by("auditor", &["auditor"])), Code::RoleRefused);
}

#[test]
fn a_revoked_key_signs_nothing_any_more_and_what_it_signed_stands() {
    let mut ledger = Ledger::peopled();
    ledger.add(add_key("lab", "lab-2", &["lab", "lab-2"])).unwrap();
    let card = ledger.add(card_signed_by("lab", &["lab"])).unwrap();
    let revoked = ledger.add(revoke("lab", "lab", &["lab-2"], None)).unwrap();
    assert_eq!(ledger.code(card_signed_by("lab", &["lab"])), Code::SignerRevoked);
    assert_eq!(ledger.state.standing(&id("lab"), card), Standing::InForce { registered: LeafIndex(1) });
    assert_eq!(
        ledger.state.standing(&id("lab"), revoked),
        Standing::InForce { registered: LeafIndex(1) },
        "the entry that revokes it is not below itself"
    );
    assert!(matches!(ledger.state.standing(&id("lab"), LeafIndex(revoked.0 + 1)), Standing::Revoked(_)));
    ledger.add(card_signed_by("lab", &["lab-2"])).unwrap();
    assert_eq!(ledger.code(revoke("lab", "lab", &["lab-2"], None)), Code::SignerRevoked);
    assert_eq!(ledger.code(add_key("lab", "lab", &["lab-2", "lab"])), Code::SignerRevoked, "it cannot come back");
}

#[test]
fn a_compromise_puts_earlier_signatures_in_doubt_from_the_index_it_names() {
    let mut ledger = Ledger::peopled();
    ledger.add(add_key("lab", "lab-2", &["lab", "lab-2"])).unwrap();
    let before = ledger.add(card_signed_by("lab", &["lab"])).unwrap();
    let after = ledger.add(card_signed_by("lab", &["lab", "auditor"])).unwrap();
    assert_eq!(ledger.code(revoke("lab", "lab", &["lab-2"], Some(99))), Code::Schema, "not an index of this log");
    ledger.add(revoke("lab", "lab", &["lab-2"], Some(after.0))).unwrap();
    assert!(matches!(ledger.state.standing(&id("lab"), before), Standing::InForce { .. }));
    assert!(matches!(ledger.state.standing(&id("lab"), after), Standing::Disputed(_)));
}

/// A thief may revoke the stolen key himself, and that a key was stolen may come out after it was replaced.
#[test]
fn a_theft_is_declared_after_a_revocation_too_and_only_widens_the_doubt() {
    let mut ledger = Ledger::peopled();
    ledger.add(add_key("lab", "lab-2", &["lab", "lab-2"])).unwrap();
    let cards = ["auditor", "operator"].map(|beside| ledger.add(card_signed_by("lab", &["lab", beside])).unwrap());
    let revoked = ledger.add(revoke("lab", "lab", &["lab"], None)).unwrap();
    assert!(matches!(ledger.state.standing(&id("lab"), cards[1]), Standing::InForce { .. }));
    assert_eq!(ledger.code(revoke("lab", "lab", &["lab"], Some(cards[1].0))), Code::SignerRevoked, "not by that key");
    ledger.add(revoke("lab", "lab", &["lab-2"], Some(cards[1].0))).unwrap();
    assert!(matches!(ledger.state.standing(&id("lab"), cards[0]), Standing::InForce { .. }));
    assert!(matches!(ledger.state.standing(&id("lab"), cards[1]), Standing::Disputed(_)));
    ledger.add(revoke("lab", "lab", &["lab-2"], Some(cards[0].0))).unwrap();
    let first = ledger.state.standing(&id("lab"), cards[0]);
    assert!(matches!(first, Standing::Disputed(revocation) if revocation.index == revoked), "{first:?}");
    ledger.add(revoke("lab", "lab", &["lab-2"], Some(revoked.0))).unwrap();
    assert_eq!(ledger.state.standing(&id("lab"), cards[0]), first, "doubt is not taken back");
    assert_eq!(ledger.replayed(), ledger.state);
}

#[test]
fn a_rotation_puts_the_new_key_in_force_and_the_old_one_out_of_it() {
    let mut ledger = Ledger::peopled();
    let event = json!({
        "event": "rotate", "keyid": id("lab-2"), "replaces": id("lab"),
        "publicKey": key("lab-2").public_key().to_base64(),
    });
    let rotate = |signers: &[&str]| key_event("lab", event.clone(), &["lab-2", "lab"], signers);
    assert_eq!(ledger.code(rotate(&["lab"])), Code::Threshold, "no possession of the new key");
    assert_eq!(ledger.code(rotate(&["lab-2"])), Code::IssuerMismatch, "no older key");
    ledger.add(rotate(&["lab", "lab-2"])).unwrap();
    assert_eq!(ledger.code(card_signed_by("lab", &["lab"])), Code::SignerRevoked);
    ledger.add(card_signed_by("lab", &["lab-2"])).unwrap();
}

#[test]
fn a_key_is_not_revoked_by_strangers() {
    let mut ledger = Ledger::peopled();
    assert_eq!(ledger.code(revoke("lab", "lab", &["auditor"], None)), Code::IssuerMismatch);
    assert_eq!(ledger.code(revoke("auditor", "lab", &["auditor"], None)), Code::IssuerMismatch);
    assert_eq!(ledger.code(add_key("nobody", "lab-2", &["auditor", "lab-2"])), Code::SignerUnknown);
}

#[test]
fn anybody_may_say_what_the_policy_opens_under_the_name_of_the_key() {
    let mut ledger = Ledger::peopled();
    let target = Record::parse(&testing::model_card("lab", 1)).unwrap().id;
    let comment = |issuer: String, name: &str| {
        let predicate = json!({
            "issuer": { "id": issuer }, "issued": testing::ISSUED,
            "publicKey": key(name).public_key().to_base64(),
            "target": target.to_reference(), "text": "Was this page used?", "nonce": "AAAAAAAAAAAAAAAAAAAAAA==",
        });
        sign(Kind::parse("comment").unwrap(), vec![Subject::record(target)], predicate, &[&key(name)])
    };
    ledger.add(comment(format!("key:{}", id("reader")), "reader")).unwrap();
    // A key that stands on the server for the roots of the log does not sign beside anybody either.
    let event = json!({ "event": "add", "keyid": id("index"), "publicKey": key("index").public_key().to_base64(), "use": "roots" });
    ledger.add(key_event("operator", event, &["index"], &["operator", "index"])).unwrap();
    let payload = Record::parse(&comment(format!("key:{}", id("other")), "other")).unwrap().envelope.payload;
    let beside = Envelope::sign(payload, &[&key("other"), &key("index")]).unwrap().to_json();
    assert_eq!(ledger.code(beside), Code::RoleRefused);
    let as_own_key = comment(format!("key:{}", id("lab")), "lab");
    assert_eq!(ledger.code(as_own_key), Code::IssuerMismatch, "a party speaks under its own name");
}

#[test]
fn the_fold_is_a_function_of_the_entries_and_survives_being_written_down() {
    let mut ledger = Ledger::peopled();
    ledger.add(add_key("lab", "lab-2", &["lab", "lab-2"])).unwrap();
    ledger.add(revoke("lab", "lab", &["lab-2"], Some(2))).unwrap();
    assert_eq!(ledger.replayed(), ledger.state);
    let text = serde_json::to_string(&ledger.state).unwrap();
    assert_eq!(serde_json::from_str::<State>(&text).unwrap(), ledger.state);
}

#[test]
fn an_entry_that_breaks_a_rule_has_no_effect() {
    let mut ledger = Ledger::peopled();
    let before = ledger.state.clone();
    let forged = revoke("lab", "lab", &["auditor"], None);
    let record = Record::parse(&forged).unwrap();
    ledger.state.apply(LeafIndex(3), &Header::derive(&record, UnixMillis(0)), Some(&record));
    assert_eq!(ledger.state, before);
}

#[test]
fn a_run_root_is_an_operators_and_speaks_of_what_is_there() {
    let run = |issuer: &str, to: u64, signers: &[&str]| {
        let keyspace = crate::ids::KeyspaceId::from_bytes([8; 32]);
        let predicate = json!({
            "issuer": { "id": issuer }, "issued": testing::ISSUED, "keyKind": "url-c1", "keyLen": 8, "from": 0, "to": to,
            "sources": [], "keyspace": { "id": keyspace, "n": 0, "t": 0, "root": "00".repeat(32) },
        });
        let keys: Vec<PrivateKey> = signers.iter().map(|name| key(name)).collect();
        sign(Kind::RunRoot, vec![Subject::keyspace(keyspace)], predicate, &keys.iter().collect::<Vec<_>>())
    };
    let mut ledger = Ledger::peopled();
    assert_eq!(ledger.code(run("lab", 3, &["lab"])), Code::RoleRefused);
    assert_eq!(ledger.code(run("operator", 3, &["lab"])), Code::RoleRefused);
    assert_eq!(ledger.code(run("operator", 4, &["operator"])), Code::Schema, "an entry that is not there yet");
    ledger.add(run("operator", 3, &["operator"])).unwrap();
}

mod claims;
mod documents;
mod governance;
mod history;
mod preferences;
pub(in crate::state) mod world;
