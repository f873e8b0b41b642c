//! `party`: a party's roles and keys, and nothing else, for it is never redacted.
//!
//! Issued by an operator of the log or by the council's threshold, and signed by every one of the party's keys as well
//! (proof of possession). Who the party is, is said by a `party-profile`.
//!
//! ```text
//! {"issuer":{"id":"example-log"},"issued":"2026-03-01T12:00:00Z",
//!  "id":"example-ai","roles":["partner"],
//!  "keys":[{"keyid":"<64 hex>","publicKey":"<base64 DER>","use":"sign"}]}
//! ```
//!
//! Subjects: one `key:<keyid>` for each key.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Keys, check_subjects, public_key, schema_error};
use crate::error::{Code, Error, Result};
use crate::ids::KeyId;
use crate::record::key::PublicKey;
use crate::record::limits::MAX_PARTY_KEYS;
use crate::record::schema::Sha256Hex;
use crate::record::statement::{Statement, Subject};
use crate::record::terms::PartyId;

/// What a party may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// Publishes models and datasets.
    Partner,
    /// Attests to the claims of others.
    Auditor,
    /// Speaks for a community.
    Steward,
    /// Contributes content.
    Contributor,
    /// Runs the log.
    Operator,
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum KeyUse {
    /// Signs records.
    Sign,
    /// Signs key events of its party, and nothing else: to be kept offline. A party that has such a key in force adds and
    /// rotates keys with it only.
    Manage,
    /// Signs `index-root` records and nothing else. The log takes no such root but its own, so this key may stand on the
    /// machine that serves it.
    Roots,
}

/// A key that comes into force after the entry of the record that lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PartyKey {
    /// SHA-256 of the DER.
    #[schemars(with = "Sha256Hex")]
    pub keyid: KeyId,
    /// Base64 of the DER SubjectPublicKeyInfo.
    pub public_key: String,
    /// What the key is for.
    #[serde(rename = "use")]
    pub key_use: KeyUse,
}

impl PartyKey {
    /// The entry for a key that signs roots and nothing else.
    pub fn for_roots(key: &PublicKey) -> Self {
        Self { key_use: KeyUse::Roots, ..Self::signing(key) }
    }

    /// The entry for a key that signs records.
    pub fn signing(key: &PublicKey) -> Self {
        Self { keyid: key.key_id(), public_key: key.to_base64(), key_use: KeyUse::Sign }
    }
}

/// The predicate of a `party` record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Party {
    /// The id of the party: for ever, and not of the form `key:<keyid>`.
    pub id: PartyId,
    /// What it may be; at least one.
    pub roles: BTreeSet<Role>,
    /// 1 to 15 keys.
    pub keys: Vec<PartyKey>,
}

impl Party {
    pub(super) fn check(&self, statement: &Statement) -> Result<Keys> {
        refuse_key_id(&self.id, "/id")?;
        if self.roles.is_empty() {
            return Err(schema_error("/roles", "expected at least one role"));
        }
        if self.keys.is_empty() {
            return Err(schema_error("/keys", "expected at least one key"));
        }
        if self.keys.len() > MAX_PARTY_KEYS {
            let detail = format!("{} keys, at most {MAX_PARTY_KEYS}: each must sign this record", self.keys.len());
            return Err(Error::new(Code::TooMany, detail).at("/predicate/keys"));
        }
        let mut keys = Keys::default();
        for (i, key) in self.keys.iter().enumerate() {
            keys.add(key.keyid, &key.public_key, &format!("/keys/{i}"))?;
        }
        let subjects: Vec<Subject> = self.keys.iter().map(|key| Subject::key(key.keyid)).collect();
        check_subjects(statement, &subjects)?;
        Ok(keys)
    }
}

impl Keys {
    /// Adds a key that comes into force; `place` is where it stands in the predicate.
    pub(super) fn add(&mut self, keyid: KeyId, text: &str, place: &str) -> Result<()> {
        let key = public_key(keyid, text, &format!("/predicate{place}"))?;
        if !self.named.insert(keyid) {
            return Err(schema_error(&format!("{place}/keyid"), "the key is listed twice"));
        }
        self.registered.push(key);
        Ok(())
    }
}

/// `key:<keyid>` is for signers that no party owns.
pub(super) fn refuse_key_id(id: &PartyId, place: &str) -> Result<()> {
    match id.key() {
        Some(_) => Err(schema_error(place, "an id of the form key:<keyid> cannot be registered")),
        None => Ok(()),
    }
}
