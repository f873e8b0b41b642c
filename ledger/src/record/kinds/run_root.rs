//! `run-root`: the operator's word for a roll-up run, all keys of one kind that the manifests of a range of entries declare.
//!
//! Whoever asks every dataset at once asks runs instead of a thousand keyspaces. That the root is right is not proven by a
//! proof under it: a client holds `sources` against the manifests of the log, confirms what was found in the dataset itself,
//! and anybody can rebuild the run and compare. DESIGN §7; what a run's files hold is in `docs/FORMAT-manifest.md`.
//!
//! ```text
//! {"issuer":{"id":"example-log"},"issued":"2026-03-01T12:00:00Z",
//!  "keyKind":"para-n1","keyLen":8,"from":0,"to":1024,
//!  "sources":[{"index":17,"keyspace":"<64 hex>","n":10000,"covered":true}],
//!  "keyspace":{"id":"<64 hex>","n":9800,"t":8,"root":"<64 hex>"}}
//! ```
//!
//! Subject: `keyspace:<keyspace.id>`. Structural: closed, and no word of it is anybody's own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{check_subjects, schema_error};
use crate::error::{Code, Error, Result};
use crate::ids::{KeyspaceId, from_hex};
use crate::record::limits::{MAX_INTEGER, MAX_T};
use crate::record::schema::Sha256Hex;
use crate::record::statement::{Statement, Subject};

/// The most sources of one run. Each counts five, itself and its four members: 9,500 of the 10,000 that a document may have;
/// and has about 130 bytes, 240 KiB of the 720 that a statement may have.
pub const MAX_SOURCES: usize = 1900;

/// The longest name of a kind of content key.
const MAX_KEY_KIND: usize = 32;

/// A keyspace that a manifest of the range declares. Its place in the list is the ordinal that the run's rows name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunSource {
    /// The entry of the `manifest` record.
    pub index: u64,
    /// The keyspace, as that record names it.
    #[schemars(with = "Sha256Hex")]
    pub keyspace: KeyspaceId,
    /// How many keys that record says it has.
    pub n: u64,
    /// Whether its keys are in the run: not those of a closed manifest, nor those whose files the operator does not hold.
    pub covered: bool,
}

/// The keyspace of the run itself: what a verifier needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunKeyspace {
    /// SHA-256 of its `header.json`.
    #[schemars(with = "Sha256Hex")]
    pub id: KeyspaceId,
    /// How many keys.
    pub n: u64,
    /// The tree has 2^t buckets.
    pub t: u8,
    /// The root of the tree.
    #[schemars(with = "Sha256Hex")]
    pub root: String,
}

/// The predicate of a `run-root` record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunRoot {
    /// The kind of its keys: `para-n1`, `mw-title`, …
    pub key_kind: String,
    /// Bytes of a key: 8. What is found by 8 bytes is confirmed by the dataset's own proof; what is not, is in none.
    pub key_len: u8,
    /// The first entry that it covers.
    pub from: u64,
    /// The first entry that it does not cover any more.
    pub to: u64,
    /// Every keyspace of this kind that a manifest of these entries declares, in the order of the log and of each record.
    pub sources: Vec<RunSource>,
    /// Where its keys are.
    pub keyspace: RunKeyspace,
}

impl RunRoot {
    /// The subjects that the statement must have.
    pub fn subjects(&self) -> Vec<Subject> {
        vec![Subject::keyspace(self.keyspace.id)]
    }

    pub(super) fn check(&self, statement: &Statement) -> Result<()> {
        let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if self.key_kind.len() > MAX_KEY_KIND || !self.key_kind.split('-').all(word) {
            return Err(schema_error("/keyKind", "expected the name of a kind of content key"));
        }
        if self.key_len != 8 {
            return Err(schema_error("/keyLen", "expected 8"));
        }
        let largest = MAX_INTEGER.unsigned_abs();
        if self.to > largest || self.from >= self.to {
            return Err(schema_error("/to", "expected an index above `from`"));
        }
        if self.sources.len() > MAX_SOURCES {
            let detail = format!("{} sources, at most {MAX_SOURCES}", self.sources.len());
            return Err(Error::new(Code::TooMany, detail).at("/predicate/sources"));
        }
        let mut last = self.from;
        for (i, source) in self.sources.iter().enumerate() {
            if !(last..self.to).contains(&source.index) {
                return Err(schema_error(
                    &format!("/sources/{i}/index"),
                    "expected indices of the range, in their order",
                ));
            }
            if source.n > largest {
                return Err(schema_error(&format!("/sources/{i}/n"), "expected an integer below 2^53"));
            }
            let same = self.sources[..i].iter().rev().take_while(|other| other.index == source.index);
            if same.into_iter().any(|other| other.keyspace == source.keyspace) {
                return Err(schema_error(&format!("/sources/{i}/keyspace"), "the keyspace is listed twice"));
            }
            last = source.index;
        }
        if self.keyspace.n > largest {
            return Err(schema_error("/keyspace/n", "expected an integer below 2^53"));
        }
        if self.keyspace.t > MAX_T {
            return Err(schema_error("/keyspace/t", "expected at most 40"));
        }
        if from_hex(&self.keyspace.root).is_err() {
            return Err(schema_error("/keyspace/root", "expected 64 lower-case hexadecimal digits"));
        }
        check_subjects(statement, &self.subjects())
    }
}
