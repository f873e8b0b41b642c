//! `key-event`: a party's key is added, rotated or revoked. Never redacted, so the reason is a word from a list.
//!
//! Signed by an older key of the party or by the council; a key that comes into force signs as well.
//!
//! ```text
//! {"issuer":{"id":"example-ai"},"issued":"2026-03-01T12:00:00Z",
//!  "event":"add",    "keyid":"<new>","publicKey":"<base64 DER>","use":"sign","reason":"unspecified"}
//!  "event":"rotate", "keyid":"<new>","publicKey":"<base64 DER>","replaces":"<old>","reason":"superseded"}
//!  "event":"revoke", "keyid":"<old>","reason":"keyCompromise","compromisedFromIndex":1234}
//! ```
//!
//! Subjects: `key:<keyid>`, and for a rotation `key:<replaces>` as well.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{KeyUse, Keys, check_subjects, schema_error};
use crate::error::Result;
use crate::ids::KeyId;
use crate::record::limits::MAX_INTEGER;
use crate::record::schema::Sha256Hex;
use crate::record::statement::{Statement, Subject};

/// What happens to the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum KeyEventKind {
    /// It comes into force beside the others.
    Add,
    /// It comes into force, and the one in `replaces` goes out of it.
    Rotate,
    /// It goes out of force.
    Revoke,
}

/// Why, in the words of RFC 5280 §5.3.1 where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum KeyEventReason {
    /// No reason is given.
    Unspecified,
    /// Somebody else has, or may have, the private key.
    KeyCompromise,
    /// Nobody has the private key any more.
    KeyLost,
    /// The person or machine that held the key left the party.
    AffiliationChanged,
    /// Another key takes its place.
    Superseded,
    /// The party stops.
    CessationOfOperation,
    /// The holder of the key may no longer sign.
    PrivilegeWithdrawn,
}

/// The predicate of a `key-event` record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyEvent {
    /// What happens.
    pub event: KeyEventKind,
    /// To which key; for a rotation the new one.
    #[schemars(with = "Sha256Hex")]
    pub keyid: KeyId,
    /// Base64 of the DER of a key that comes into force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// What a key that comes into force is for; without it, to sign records.
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    pub key_use: Option<KeyUse>,
    /// The key that a rotation puts out of force.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Sha256Hex>")]
    pub replaces: Option<KeyId>,
    /// Why.
    pub reason: KeyEventReason,
    /// The first index whose signature by this key is in doubt: only where a key is revoked for compromise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compromised_from_index: Option<u64>,
}

impl KeyEvent {
    /// The key that goes out of force, if one does.
    pub fn revoked(&self) -> Option<KeyId> {
        match self.event {
            KeyEventKind::Add => None,
            KeyEventKind::Rotate => self.replaces,
            KeyEventKind::Revoke => Some(self.keyid),
        }
    }

    /// Whether it says that a key had been stolen, and from which entry on.
    pub const fn declares_a_theft(&self) -> bool {
        matches!(self.event, KeyEventKind::Revoke) && self.compromised_from_index.is_some()
    }

    /// The subjects that the statement must have.
    pub fn subjects(&self) -> Vec<Subject> {
        [Some(self.keyid), self.replaces].into_iter().flatten().map(Subject::key).collect()
    }

    pub(super) fn check(&self, statement: &Statement) -> Result<Keys> {
        let mut keys = Keys::default();
        match (self.event, &self.public_key) {
            (KeyEventKind::Add | KeyEventKind::Rotate, Some(text)) => keys.add(self.keyid, text, "")?,
            (KeyEventKind::Add | KeyEventKind::Rotate, None) => {
                return Err(schema_error("/publicKey", "missing: the key comes into force"));
            }
            (KeyEventKind::Revoke, None) => _ = keys.named.insert(self.keyid),
            (KeyEventKind::Revoke, Some(_)) => {
                return Err(schema_error("/publicKey", "not expected: the key is registered already"));
            }
        }
        if self.event == KeyEventKind::Revoke && self.key_use.is_some() {
            return Err(schema_error("/use", "not expected: no key comes into force"));
        }
        match (self.event, self.replaces) {
            (KeyEventKind::Rotate, None) => {
                return Err(schema_error("/replaces", "missing: the key that goes out of force"));
            }
            (KeyEventKind::Rotate, Some(old)) if !keys.named.insert(old) => {
                return Err(schema_error("/replaces", "expected another key than the new one"));
            }
            (KeyEventKind::Add | KeyEventKind::Revoke, Some(_)) => {
                return Err(schema_error("/replaces", "not expected: only a rotation replaces a key"));
            }
            _ => {}
        }
        if let Some(index) = self.compromised_from_index {
            let compromised = self.revoked().is_some() && self.reason == KeyEventReason::KeyCompromise;
            if !compromised || index > MAX_INTEGER.unsigned_abs() {
                let detail = "not expected: only a key that goes out of force for keyCompromise has it";
                return Err(schema_error("/compromisedFromIndex", detail));
            }
        }
        check_subjects(statement, &self.subjects())?;
        Ok(keys)
    }
}
