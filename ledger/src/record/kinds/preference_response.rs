//! `preference-response`: what a party did about a usage preference, and by when it says it will.
//!
//! The clock runs from the entry of the preference; `dueBy` is the responder's own promise. That something was removed is a
//! claim like any other: `notUsedFor` and `alreadyUsedIn` name records, so that others can hold it against manifests.
//!
//! ```text
//! {"issuer":{"id":"example-ai"},"issued":"2026-03-02T12:00:00Z",
//!  "preference":"record:<64 hex>","status":"honoured","effectiveFromVersion":"2.0",
//!  "notUsedFor":["record:<64 hex>"],"alreadyUsedIn":["record:<64 hex>"],"dueBy":"2026-03-31T00:00:00Z","reason":"…"}
//! ```
//!
//! Subject: the preference, `record:<id>`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{needs_subject, schema_error};
use crate::error::Result;
use crate::record::statement::Statement;
use crate::record::terms::{RecordRef, Timestamp};

/// How far the answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ResponseStatus {
    /// It was read; the answer is due by `dueBy`.
    Received,
    /// It is kept, from the version named.
    Honoured,
    /// It is kept in part; `reason` says in which.
    Partly,
    /// It is not kept; `reason` says why.
    Declined,
}

impl ResponseStatus {
    /// Whether the clock stops.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Received)
    }
}

/// The predicate of a `preference-response` record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreferenceResponse {
    /// Which preference is answered.
    pub preference: RecordRef,
    /// How far the answer goes.
    pub status: ResponseStatus,
    /// The first version of the model or dataset for which it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_from_version: Option<String>,
    /// Models or datasets that the content was not used for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_used_for: Vec<RecordRef>,
    /// Models or datasets that used it before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub already_used_in: Vec<RecordRef>,
    /// By when the final answer comes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_by: Option<Timestamp>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl PreferenceResponse {
    pub(super) fn check(&self, statement: &Statement) -> Result<()> {
        if self.status == ResponseStatus::Received && self.due_by.is_none() {
            return Err(schema_error("/dueBy", "missing: a receipt says by when the answer comes"));
        }
        needs_subject(statement, &self.preference)
    }
}
