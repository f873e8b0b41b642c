//! What partners owe after launch: `incident`, `sla-report`, `compensation-report` and `attribution-report`.
//!
//! ```text
//! incident             {…,"severity":"high","detected":"…Z","resolved":"…Z","affected":["record:<64 hex>"],
//!                       "summary":"…","agreement":"record:<64 hex>"}
//! sla-report           {…,"agreement":"record:<64 hex>","metric":"answer time","target":"P30D","observed":"P12D",
//!                       "period":{"from":"…Z","until":"…Z"},"met":true}
//! compensation-report  {…,"agreement":"record:<64 hex>","period":{…},
//!                       "compensate":[{"payAmount":"1200.50","unit":"EUR","compensatedParty":"example-stewards"}]}
//! attribution-report   {…,"creditText":"…","isBasedOn":["record:<64 hex>","https://example.org/set"],
//!                       "license":"CC-BY-SA-4.0","url":"https://example.org/credits"}
//! ```
//!
//! Amounts and decimals are texts. An `sla-report` with the metric `deletion` is how an assignee says that what it received
//! is deleted. Members of the last two are ODRL 2.2's and schema.org's. Subject: the record or the artefact it is about.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::schema_error;
use crate::error::Result;
use crate::record::terms::{RecordRef, Texts, Timestamp};

/// The metric under which an assignee reports that it deleted what it received.
pub const DELETION: &str = "deletion";

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// Nobody was harmed, and it is easily mended.
    Low,
    /// Some were, or could have been.
    Medium,
    /// Many were, or badly.
    High,
    /// It goes on, or cannot be undone.
    Critical,
}

/// The predicate of an `incident` record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Incident {
    /// How bad it is.
    pub severity: Severity,
    /// When it was found.
    pub detected: Timestamp,
    /// When it was mended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Timestamp>,
    /// What is affected: records, or a description.
    pub affected: Vec<String>,
    /// What happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Under which agreement it is reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreement: Option<RecordRef>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// From when until when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Span {
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The predicate of an `sla-report` record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SlaReport {
    /// Under which agreement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreement: Option<RecordRef>,
    /// What was measured.
    pub metric: String,
    /// What was promised.
    pub target: String,
    /// What was observed.
    pub observed: String,
    /// When.
    pub period: Span,
    /// Whether the promise was kept, says the issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub met: Option<bool>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// One payment (ODRL action `compensate`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Compensation {
    /// How much, as a decimal in a text.
    pub pay_amount: String,
    /// Of what: a currency code, or another unit.
    pub unit: String,
    /// To whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compensated_party: Option<String>,
    /// What for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basis: Option<String>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The predicate of a `compensation-report` record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompensationReport {
    /// Under which agreement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreement: Option<RecordRef>,
    /// For when.
    pub period: Span,
    /// What was paid; an empty list says that nothing was.
    pub compensate: Vec<Compensation>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The predicate of an `attribution-report` record (schema.org `CreativeWork`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttributionReport {
    /// How the source is named.
    pub credit_text: String,
    /// What is named: `record:<id>` of a dataset's card or a training source, or addresses.
    pub is_based_on: Texts,
    /// Under which licence what was made is passed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Where the credit can be seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Incident {
    pub(super) fn check(&self) -> Result<()> {
        match self.affected.is_empty() {
            true => Err(schema_error("/affected", "expected at least one record or description")),
            false => Ok(()),
        }
    }
}

impl SlaReport {
    pub(super) fn check(&self) -> Result<()> {
        match self.metric.is_empty() {
            true => Err(schema_error("/metric", "expected what was measured")),
            false => Ok(()),
        }
    }
}

impl CompensationReport {
    pub(super) fn check(&self) -> Result<()> {
        let decimal = |text: &str| {
            let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
            [whole, fraction].iter().all(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
        };
        match self.compensate.iter().position(|paid| !decimal(&paid.pay_amount)) {
            Some(i) => {
                Err(schema_error(&format!("/compensate/{i}/payAmount"), "expected a decimal in a text: \"1200.50\""))
            }
            None => Ok(()),
        }
    }
}

impl AttributionReport {
    pub(super) fn check(&self) -> Result<()> {
        if self.credit_text.trim().is_empty() {
            return Err(schema_error("/creditText", "expected a text"));
        }
        match self.is_based_on.iter().next() {
            None => Err(schema_error("/isBasedOn", "expected at least one record or address")),
            Some(_) => Ok(()),
        }
    }
}
