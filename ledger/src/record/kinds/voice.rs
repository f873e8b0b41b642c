//! The public's voice: `comment`, `dispute`, and the `resolution` that answers them.
//!
//! ```text
//! comment      {…,"target":"record:<64 hex>","text":"…","pointers":["/limitation"]}
//! dispute      {…,"target":"record:<64 hex>","grounds":"…","requestedRemedy":"…"}
//! resolution   {…,"target":"record:<64 hex>","outcome":"upheld","decidedBy":"…","remedy":"…"}
//! ```
//!
//! Subject: the target, `record:<id>`. A comment or a dispute by a key that no party owns carries a nonce.
//!
//! A resolution with the outcome `vouched` is how a steward vouches for a comment, a dispute or a preference that an
//! unvouched key signed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{needs_subject, schema_error};
use crate::error::Result;
use crate::record::statement::Statement;
use crate::record::terms::RecordRef;

/// The predicate of a `comment` record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Comment {
    /// On which record.
    pub target: RecordRef,
    /// What is said.
    pub text: String,
    /// On which members of it, as JSON pointers into its predicate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pointers: Vec<String>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The predicate of a `dispute` record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Dispute {
    /// Against which record.
    pub target: RecordRef,
    /// On which grounds.
    pub grounds: String,
    /// What would mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_remedy: Option<String>,
    /// What speaks against the target (CycloneDX declarations).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counter_claims: Vec<Value>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Whoever disputed was right.
    Upheld,
    /// Some of it was right.
    PartlyUpheld,
    /// Whoever disputed was not right.
    Rejected,
    /// Both sides agreed.
    Settled,
    /// Whoever disputed takes it back.
    Withdrawn,
    /// A steward stands for it that the statement comes from who it says; nothing is decided about what it says.
    Vouched,
}

impl Outcome {
    /// Whether a dispute is over with it.
    pub const fn closes(self) -> bool {
        !matches!(self, Self::Vouched)
    }
}

/// The predicate of a `resolution` record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resolution {
    /// Of which record: a dispute, or what is vouched for.
    pub target: RecordRef,
    /// How it ended.
    pub outcome: Outcome,
    /// Who decided, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// What is done about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Comment {
    pub(super) fn check(&self, statement: &Statement) -> Result<()> {
        if self.text.trim().is_empty() {
            return Err(schema_error("/text", "expected a text"));
        }
        needs_subject(statement, &self.target)
    }
}

impl Dispute {
    pub(super) fn check(&self, statement: &Statement) -> Result<()> {
        if self.grounds.trim().is_empty() {
            return Err(schema_error("/grounds", "expected a text"));
        }
        needs_subject(statement, &self.target)
    }
}

impl Resolution {
    pub(super) fn check(&self, statement: &Statement) -> Result<()> {
        needs_subject(statement, &self.target)
    }
}
