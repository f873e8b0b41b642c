//! `manifest`: the committed contents of a dataset, one keyspace for each kind of content key.
//!
//! A verifier takes every parameter of a keyspace from here, never from the server that answers.
//!
//! ```text
//! {"issuer":{"id":"example-org"},"issued":"2026-03-01T12:00:00Z",
//!  "dataset":{"name":"example-set","record":"record:<64 hex>"},
//!  "keyspaces":[{"id":"<64 hex>","kind":"para-n1","spec":"…","n":10000,"t":8,"keyLen":32,"hasMeta":true,
//!                "root":"<64 hex>","coverage":"…","disclosure":"complete","form":"wikitext"}]}
//! ```
//!
//! Subjects: one `keyspace:<id>` for each keyspace.

use core::str::FromStr;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{check_subjects, schema_error};
use crate::error::{Code, Error, Result};
use crate::ids::{KeyspaceId, from_hex};
use crate::record::descriptor::Digests;
use crate::record::limits::{MAX_INTEGER, MAX_SUBJECTS, MAX_T};
use crate::record::schema::Sha256Hex;
use crate::record::statement::{Statement, Subject};
use crate::record::terms::{Claimed, RecordRef, TermError};

/// How much of the dataset's content the keyspaces hold, and tell, from the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Disclosure {
    /// Committed to, and not open to questions.
    Closed,
    /// Open, and not everything is in it: what is not found is unknown.
    Partial,
    /// Open, and says to hold everything: what is not found is absent.
    Complete,
}

impl Disclosure {
    /// All of them, from the least.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Partial, Self::Complete];

    /// The word for it on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Partial => "partial",
            Self::Complete => "complete",
        }
    }
}

impl FromStr for Disclosure {
    type Err = TermError;

    fn from_str(text: &str) -> core::result::Result<Self, TermError> {
        let known = Self::ALL.into_iter().find(|disclosure| disclosure.as_str() == text);
        known.ok_or(TermError::expecting("closed, partial or complete"))
    }
}

/// The dataset whose contents are committed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ManifestDataset {
    /// What it is called.
    pub name: String,
    /// Its address or identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Digests of the file that the keys were made from, or `noAssertion`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Claimed<Digests>>,
    /// Its `dataset-card`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordRef>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// One keyspace: a sorted set of content keys of one kind under a Merkle root.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Keyspace {
    /// SHA-256 of its `header.json`.
    #[schemars(with = "Sha256Hex")]
    pub id: KeyspaceId,
    /// The kind of its keys: `para-n1`, `mw-title`, …
    pub kind: String,
    /// The rules by which content became keys, with the version of Unicode where it matters.
    pub spec: String,
    /// How many keys. A claim until somebody checks it.
    pub n: u64,
    /// The tree has 2^t buckets; at most 40.
    pub t: u8,
    /// Bytes of a key: 32, or 16 in the compact profile.
    pub key_len: u8,
    /// Whether buckets hold a digest of metadata for each key.
    pub has_meta: bool,
    /// RFC 6962 root over the buckets.
    #[schemars(with = "Sha256Hex")]
    pub root: String,
    /// What was keyed and what was not, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<String>,
    /// How much of the content it holds.
    pub disclosure: Disclosure,
    /// Which text a text keyspace keys: `wikitext`, `plain`, `html`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form: Option<String>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The predicate of a `manifest` record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Of which dataset.
    pub dataset: ManifestDataset,
    /// 1 to 256 keyspaces.
    pub keyspaces: Vec<Keyspace>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Manifest {
    /// The subjects that the statement must have.
    pub fn subjects(&self) -> Vec<Subject> {
        self.keyspaces.iter().map(|keyspace| Subject::keyspace(keyspace.id)).collect()
    }

    pub(super) fn check(&self, statement: &Statement) -> Result<()> {
        if self.keyspaces.is_empty() {
            return Err(schema_error("/keyspaces", "expected at least one keyspace"));
        }
        if self.keyspaces.len() > MAX_SUBJECTS {
            let detail = format!("{} keyspaces, at most {MAX_SUBJECTS}", self.keyspaces.len());
            return Err(Error::new(Code::TooMany, detail).at("/predicate/keyspaces"));
        }
        let mut ids = BTreeSet::new();
        for (i, keyspace) in self.keyspaces.iter().enumerate() {
            let place = format!("/keyspaces/{i}");
            keyspace.check(&place)?;
            if !ids.insert(keyspace.id) {
                return Err(schema_error(&format!("{place}/id"), "the keyspace is listed twice"));
            }
        }
        check_subjects(statement, &self.subjects())
    }
}

impl Keyspace {
    fn check(&self, place: &str) -> Result<()> {
        let wrong = |member: &str, detail: &str| Err(schema_error(&format!("{place}/{member}"), detail));
        if self.kind.is_empty() || self.kind.len() > 64 {
            return wrong("kind", "expected the name of a kind of content key");
        }
        if self.n > MAX_INTEGER.unsigned_abs() {
            return wrong("n", "expected an integer below 2^53");
        }
        if self.t > MAX_T {
            return wrong("t", "expected at most 40");
        }
        if self.key_len != 32 && self.key_len != 16 {
            return wrong("keyLen", "expected 32 or 16");
        }
        if from_hex(&self.root).is_err() {
            return wrong("root", "expected 64 lower-case hexadecimal digits");
        }
        Ok(())
    }
}
