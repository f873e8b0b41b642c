//! An earlier record was wrong: `correction` says what in it, `retraction` takes it back.
//!
//! ```text
//! correction   {…,"target":"record:<64 hex>","pointers":["/pairs"],"reason":"…","replacement":"record:<64 hex>"}
//! retraction   {…,"target":"record:<64 hex>","reason":"error"}
//!              {…,"target":"record:<64 hex>","reason":"redacted","redaction":{"reason":"personalData","authority":"operator"}}
//! ```
//!
//! Subject: the target, `record:<id>`. The record itself stays as it was signed. Only a `redaction` erases its body, and
//! never that of a structural kind; a retraction is structural itself, so its reasons are words from a list.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{check_subjects, needs_subject, schema_error};
use crate::error::Result;
use crate::record::statement::{Statement, Subject};
use crate::record::terms::RecordRef;

/// The predicate of a `correction` record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Correction {
    /// Of which record.
    pub target: RecordRef,
    /// What in it is wrong, as JSON pointers into its predicate; at least one.
    pub pointers: Vec<String>,
    /// Why.
    pub reason: String,
    /// The record that says it right, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replacement: Option<RecordRef>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Why a record is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RetractionReason {
    /// It was wrong.
    Error,
    /// Another record says it better.
    Superseded,
    /// It should not have been sent.
    SentByMistake,
    /// Its key signed without its owner.
    KeyCompromise,
    /// Its body is erased; `redaction` says why.
    Redacted,
    /// No reason is given.
    Unspecified,
}

/// Why a body is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RedactionReason {
    /// It concerns a person who does not want it here.
    PersonalData,
    /// Somebody's rights in a text or a picture.
    Copyright,
    /// It must not be published at all.
    IllegalContent,
    /// A secret was sent by mistake.
    Secret,
    /// Another reason.
    Other,
}

/// On whose word a body is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RedactionAuthority {
    /// Whoever issued the record.
    Issuer,
    /// The operator of the log.
    Operator,
    /// The council.
    Council,
    /// A court, or an authority with the same power.
    Court,
}

/// That the body of the target is erased, and on which grounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Redaction {
    /// Why.
    pub reason: RedactionReason,
    /// On whose word.
    pub authority: RedactionAuthority,
}

/// The predicate of a `retraction` record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Retraction {
    /// Of which record.
    pub target: RecordRef,
    /// Why.
    pub reason: RetractionReason,
    /// That its body is erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redaction: Option<Redaction>,
}

impl Correction {
    pub(super) fn check(&self, statement: &Statement) -> Result<()> {
        if self.pointers.is_empty() {
            return Err(schema_error("/pointers", "expected at least one JSON pointer"));
        }
        // RFC 6901: the empty pointer is the whole, any other begins with a slash.
        let no_pointer = |pointer: &&String| !pointer.is_empty() && !pointer.starts_with('/');
        if let Some(i) = self.pointers.iter().position(|pointer| no_pointer(&pointer)) {
            return Err(schema_error(&format!("/pointers/{i}"), "expected a JSON pointer (RFC 6901)"));
        }
        needs_subject(statement, &self.target)
    }
}

impl Retraction {
    pub(super) fn check(&self, statement: &Statement) -> Result<()> {
        if self.redaction.is_some() != (self.reason == RetractionReason::Redacted) {
            return Err(schema_error("/redaction", "expected with the reason redacted, and with no other"));
        }
        check_subjects(statement, &[Subject::record(self.target.id())])
    }
}
