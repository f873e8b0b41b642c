//! A key in time: who owns it, since when it counts, and since when it does not.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::ids::LeafIndex;
use crate::record::key::PublicKey;
use crate::record::kinds::{KeyEventReason, KeyUse};

/// Whose key it is. A key never changes hands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Owner {
    /// A party's, by id.
    Party(String),
    /// A member's of the council, who belongs to no party.
    Council,
}

impl Owner {
    /// Whether this party owns the key.
    pub fn is(&self, party: &str) -> bool {
        matches!(self, Self::Party(id) if id == party)
    }
}

/// Why and since when a key does not count any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Revocation {
    /// The entry that revoked it.
    pub index: LeafIndex,
    /// The reason that it gives.
    pub reason: KeyEventReason,
    /// The first entry whose signature is in doubt, where the key was stolen.
    pub compromised_from: Option<LeafIndex>,
}

/// A key that was registered at some time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyState {
    /// Base64 of the DER SubjectPublicKeyInfo.
    pub public_key: String,
    /// Whose it is.
    pub owner: Owner,
    /// What it is for.
    pub key_use: KeyUse,
    /// The entry that registered it.
    pub registered: LeafIndex,
    /// The entry that revoked it, if one did.
    pub revoked: Option<Revocation>,
    #[serde(skip)]
    decoded: Decoded,
}

/// The key as it was decoded when it was first asked for: finding the point behind the bytes costs a fifth of a
/// verification. It follows from the bytes, and so says nothing about whether two keys are equal.
#[derive(Debug, Clone, Default)]
struct Decoded(OnceLock<Option<PublicKey>>);

impl PartialEq for Decoded {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Decoded {}

/// How a key stands for a signature on one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nobody registered it.
    Unknown,
    /// It was registered at this entry or a later one.
    NotYet(LeafIndex),
    /// It counts.
    InForce {
        /// The entry that registered it.
        registered: LeafIndex,
    },
    /// It counted then, and a later revocation says that it may have been stolen by then.
    Disputed(Revocation),
    /// It was revoked before.
    Revoked(Revocation),
}

impl KeyState {
    pub(super) fn new(public_key: &str, owner: Owner, key_use: KeyUse, registered: LeafIndex) -> Self {
        let (public_key, decoded) = (public_key.to_owned(), Decoded::default());
        Self { public_key, owner, key_use, registered, revoked: None, decoded }
    }

    /// The key itself. `None` cannot happen for a key that was admitted.
    pub fn public_key(&self) -> Option<PublicKey> {
        self.decoded.0.get_or_init(|| PublicKey::from_base64(&self.public_key).ok()).clone()
    }

    pub(super) fn revoke(&mut self, revocation: Revocation) {
        let first = self.revoked.get_or_insert(revocation);
        // The first revocation stands, whoever made it: a thief may have. A later one can only widen the doubt.
        first.compromised_from = match (first.compromised_from, revocation.compromised_from) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }

    pub(super) fn standing(&self, index: LeafIndex) -> Standing {
        if index <= self.registered {
            return Standing::NotYet(self.registered);
        }
        match self.revoked {
            Some(revocation) if revocation.index < index => Standing::Revoked(revocation),
            Some(revocation) if revocation.compromised_from.is_some_and(|from| from <= index) => {
                Standing::Disputed(revocation)
            }
            _ => Standing::InForce { registered: self.registered },
        }
    }
}
