//! `index-root`: an operator's word for the root of the verifiable index over the entries below `size`.
//!
//! Under an honest root an answer is complete, also when it is "none". That it is honest follows from no proof under it:
//! anybody can rebuild the index from the entries and compare (`colophon log audit`). The log refuses a root that is not
//! its own. DESIGN §8; the index is in `docs/FORMAT.md`.
//!
//! ```text
//! {"issuer":{"id":"example-log"},"issued":"2026-03-01T12:00:00Z",
//!  "size":1024,"root":"<64 hex>","previous":"record:<64 hex>"}
//! ```
//!
//! Subject: `index:<root>`. `previous` is the `index-root` before it; the first one has none. Structural: closed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{check_subjects, schema_error};
use crate::error::Result;
use crate::ids::{SubjectDigest, TrieRoot};
use crate::record::limits::MAX_INTEGER;
use crate::record::schema::Sha256Hex;
use crate::record::statement::{Statement, Subject};
use crate::record::terms::RecordRef;

/// The predicate of an `index-root` record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IndexRoot {
    /// How many entries the index covers: at least one.
    pub size: u64,
    /// Its root.
    #[schemars(with = "Sha256Hex")]
    pub root: TrieRoot,
    /// The `index-root` before this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<RecordRef>,
}

impl IndexRoot {
    /// The subjects that the statement must have.
    pub fn subjects(&self) -> Vec<Subject> {
        vec![Subject::artifact(format!("index:{}", self.root), SubjectDigest::from_bytes(*self.root.as_bytes()))]
    }

    pub(super) fn check(&self, statement: &Statement) -> Result<()> {
        if self.size == 0 || self.size > MAX_INTEGER.unsigned_abs() {
            return Err(schema_error("/size", "expected the size of a log with entries"));
        }
        check_subjects(statement, &self.subjects())
    }
}
