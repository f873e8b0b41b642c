//! `log-policy`: entry 0 of every log, then each change of it: who may register what.
//!
//! Entry 0 is signed by all operators that it lists; a later one by the threshold of the council in force before it.
//!
//! ```text
//! {"issuer":{"id":"example-log"},"issued":"2026-03-01T12:00:00Z",
//!  "origin":"log.example.org","logKeys":["log.example.org+<8 hex>+<base64>"],
//!  "witnesses":"witness w1 w.example.org+<8 hex>+<base64>\nquorum w1\n",
//!  "operators":[{"id":"example-log","keys":[{"keyid":"<64 hex>","publicKey":"<base64 DER>","use":"sign"}]}],
//!  "council":{"keys":[{"keyid":"<64 hex>","publicKey":"<base64 DER>"}],"threshold":1},
//!  "rules":{"model-card":["partner"],"comment":["anybody"]},
//!  "limits":{}}
//! ```
//!
//! Subject: `log-policy` with the SHA-256 of the origin.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::governance_event::COUNCIL;
use super::party::refuse_key_id;
use super::{Keys, PartyKey, Role, check_subjects, schema_error};
use crate::error::{Code, Error, Result};
use crate::ids::KeyId;
use crate::note::{Algorithm, Origin, Policy, VerifierKey};
use crate::record::kind::Kind;
use crate::record::limits::{MAX_KEYS, MAX_SIGNATURES};
use crate::record::members::Common;
use crate::record::schema::Sha256Hex;
use crate::record::statement::{Statement, Subject};
use crate::record::subject_digest;
use crate::record::terms::PartyId;

/// Who may register a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Registrant {
    /// A party with the role of the same name.
    Partner,
    /// A party with the role of the same name.
    Auditor,
    /// A party with the role of the same name.
    Steward,
    /// A party with the role of the same name.
    Contributor,
    /// A party with the role of the same name.
    Operator,
    /// Anybody, also a signer that no party owns.
    Anybody,
}

impl Registrant {
    /// Whether a party with this role is meant.
    pub fn admits(self, role: Role) -> bool {
        match self {
            Self::Partner => role == Role::Partner,
            Self::Auditor => role == Role::Auditor,
            Self::Steward => role == Role::Steward,
            Self::Contributor => role == Role::Contributor,
            Self::Operator => role == Role::Operator,
            Self::Anybody => true,
        }
    }
}

/// One who runs the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Operator {
    /// The id of the operator's party.
    pub id: PartyId,
    /// At least one key.
    pub keys: Vec<PartyKey>,
}

/// A key of the council.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CouncilKey {
    /// SHA-256 of the DER.
    #[schemars(with = "Sha256Hex")]
    pub keyid: KeyId,
    /// Base64 of the DER SubjectPublicKeyInfo.
    pub public_key: String,
}

/// Those who decide together. Without keys there is no council, and nothing that needs it can be done.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Council {
    /// The keys, each of another person.
    pub keys: Vec<CouncilKey>,
    /// How many different keys must sign: from 1 to all of them, 0 without keys.
    pub threshold: u32,
}

/// The predicate of a `log-policy` record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogPolicy {
    /// The name of the log: the first line of its checkpoints.
    pub origin: String,
    /// The log's verifier keys, in the text form of signed notes. The one that signs checkpoints is named as the origin.
    pub log_keys: Vec<String>,
    /// The witness policy, as C2SP tlog-policy writes it, without comments; `quorum none` where nobody witnesses.
    pub witnesses: String,
    /// 1 to 16 operators.
    pub operators: Vec<Operator>,
    /// The council.
    #[serde(default)]
    pub council: Council,
    /// Which roles may register a kind. A kind that is not listed cannot be registered.
    pub rules: BTreeMap<String, BTreeSet<Registrant>>,
    /// Limits of this log by name.
    #[serde(default)]
    pub limits: BTreeMap<String, u64>,
}

impl LogPolicy {
    /// The subject of every `log-policy` of the log with this origin.
    pub fn subject(origin: &str) -> Subject {
        Subject::artifact("log-policy", subject_digest(origin.as_bytes()))
    }

    pub(super) fn check(&self, common: &Common, statement: &Statement) -> Result<Keys> {
        check_origin(&self.origin)?;
        check_subjects(statement, &[Self::subject(&self.origin)])?;
        let log_keys = self.check_log_keys()?;
        check_witnesses(&self.witnesses)?;
        for kind in self.rules.keys() {
            Kind::parse(kind).map_err(|error| error.at("/predicate/rules"))?;
        }
        for name in self.limits.keys() {
            Kind::parse(name).map_err(|_| schema_error("/limits", "expected words joined by hyphens as names"))?;
        }
        let keys = self.check_keys()?;
        if let Some(key) = keys.registered.iter().find(|key| key.ed25519_bytes().is_some_and(|k| log_keys.contains(k)))
        {
            let detail = format!("key {} is a key of the log: it cannot sign records as well", key.key_id());
            return Err(schema_error("/operators", detail));
        }
        if !self.operators.iter().any(|operator| operator.id == common.issuer.id) {
            return Err(schema_error("/issuer/id", "expected the id of one of the operators"));
        }
        Ok(keys)
    }

    /// The log's own keys: one named as the log, and others, such as its clock, named below it.
    fn check_log_keys(&self) -> Result<BTreeSet<[u8; 32]>> {
        let mut keys = BTreeSet::new();
        let mut signs = false;
        for (i, text) in self.log_keys.iter().enumerate() {
            let place = format!("/logKeys/{i}");
            let key: VerifierKey = text.parse().map_err(|error| schema_error(&place, format!("{error}")))?;
            let below = key.name().as_str().strip_prefix(self.origin.as_str());
            let below = below.ok_or_else(|| schema_error(&place, "expected a key named as the log or below it"))?;
            if !below.is_empty() && !below.starts_with('/') {
                return Err(schema_error(&place, "expected a key named as the log or below it"));
            }
            if !keys.insert(*key.public_key()) {
                return Err(schema_error(&place, "another key of the log has the same bytes"));
            }
            signs |= below.is_empty() && key.algorithm() == Algorithm::Ed25519;
        }
        match signs {
            true => Ok(keys),
            false => Err(schema_error("/logKeys", "expected the key that signs checkpoints, named as the log")),
        }
    }

    fn check_keys(&self) -> Result<Keys> {
        if self.operators.is_empty() || self.operators.len() > MAX_SIGNATURES {
            let detail = format!("{} operators, from 1 to {MAX_SIGNATURES}: each must sign", self.operators.len());
            return Err(schema_error("/operators", detail));
        }
        let mut keys = Keys::default();
        let mut ids = BTreeSet::new();
        for (i, operator) in self.operators.iter().enumerate() {
            let place = format!("/operators/{i}");
            refuse_key_id(&operator.id, &format!("{place}/id"))?;
            if operator.id.as_str() == COUNCIL {
                return Err(schema_error(
                    &format!("{place}/id"),
                    "this is the council's name, which signs by its own keys",
                ));
            }
            if !ids.insert(&operator.id) {
                return Err(schema_error(&format!("{place}/id"), "the operator is listed twice"));
            }
            if operator.keys.is_empty() {
                return Err(schema_error(&format!("{place}/keys"), "expected at least one key"));
            }
            for (j, key) in operator.keys.iter().enumerate() {
                keys.add(key.keyid, &key.public_key, &format!("{place}/keys/{j}"))?;
            }
        }
        // A member of the council may be an operator's person with the same key.
        let mut council = Keys::default();
        for (i, key) in self.council.keys.iter().enumerate() {
            council.add(key.keyid, &key.public_key, &format!("/council/keys/{i}"))?;
        }
        let seats = self.council.keys.len();
        let threshold = usize::try_from(self.council.threshold).unwrap_or(usize::MAX);
        if threshold > seats.min(MAX_SIGNATURES) || (threshold == 0 && seats > 0) {
            let detail = format!("{threshold} of {seats}: expected 1 to {MAX_SIGNATURES} of at least as many keys");
            return Err(schema_error("/council/threshold", detail));
        }
        let new = council.registered.into_iter().filter(|key| !keys.named.contains(&key.key_id()));
        keys.registered.extend(new);
        keys.named.extend(council.named);
        if keys.named.len() > MAX_KEYS {
            let detail = format!("{} keys, at most {MAX_KEYS}", keys.named.len());
            return Err(Error::new(Code::TooMany, detail).at("/predicate/operators"));
        }
        Ok(keys)
    }
}

/// An origin as checkpoints have it, of visible ASCII without the plus that ends a name in a verifier key.
fn check_origin(origin: &str) -> Result<()> {
    let name = Origin::parse(origin).and_then(|origin| origin.to_key_name());
    name.map_err(|error| Error::from(error).at("/predicate/origin"))?;
    match origin.bytes().all(|b| b.is_ascii_graphic()) {
        true => Ok(()),
        false => Err(schema_error("/origin", "expected visible ASCII characters without a plus")),
    }
}

/// A tlog-policy in the one form that [`Policy::encode`] gives it: comments and spaces would be room for anything.
fn check_witnesses(text: &str) -> Result<()> {
    let policy = Policy::parse(text.as_bytes()).map_err(|error| {
        let line = error.place().unwrap_or_default();
        schema_error("/witnesses", format!("{line}: {}", error.detail()))
    })?;
    match policy.encode() == text.as_bytes() && text.is_ascii() {
        true => Ok(()),
        false => Err(schema_error("/witnesses", "expected no comments, single spaces, and ASCII")),
    }
}
