//! `agreement`: a memorandum of understanding or a data-sharing agreement, so that its purposes, its retention and its end
//! are read by machine.
//!
//! The terms are ODRL 2.2's: `assigner`, `assignee`, `target`, `permission`, `prohibition`, `obligation`. A draft may lack
//! what ratification needs (`summary`, `impactAssessment`, `rollbackPlan`); whether it is in force is said by
//! `governance-event` records, never by this one.
//!
//! ```text
//! {"issuer":{"id":"example-ai"},"issued":"2026-03-01T12:00:00Z","validUntil":"2028-03-01T00:00:00Z",
//!  "assigner":"example-stewards","assignee":"example-ai","target":"https://example.org/dumps",
//!  "permission":[{"action":"train-ai","constraint":{"leftOperand":"purpose","operator":"isAnyOf","rightOperand":["research"]}}],
//!  "prohibition":[{"action":"profile-contributors"}],"obligation":[{"action":"attribute"}],
//!  "purposes":["research"],"retention":{"period":"P1Y"},"auditPeriod":"P3M",
//!  "summary":"…","impactAssessment":"…","rollbackPlan":"…","exitClause":"…",
//!  "commentPeriod":{"opens":"2026-03-02T00:00:00Z","closes":"2026-03-16T00:00:00Z"}}
//! ```
//!
//! Subject: SHA-256 of its text.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::schema_error;
use crate::error::Result;
use crate::record::descriptor::ResourceDescriptor;
use crate::record::period::Period;
use crate::record::terms::{PartyId, Texts, Timestamp};

/// How often the assignee is audited where the agreement does not say: quarterly.
pub const DEFAULT_AUDIT_PERIOD: Period = Period::months(3);

/// One or several, as JSON-LD writes it, kept as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// A list.
    Many(Vec<T>),
    /// A single one.
    One(T),
}

impl<T> OneOrMany<T> {
    /// Each of them.
    pub fn iter(&self) -> core::slice::Iter<'_, T> {
        match self {
            Self::One(one) => core::slice::from_ref(one).iter(),
            Self::Many(many) => many.iter(),
        }
    }
}

/// A permission, a prohibition or an obligation (ODRL `Rule`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rule {
    /// What may, must not or must be done.
    pub action: Texts,
    /// Under which constraints; logical ones are kept as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub constraint: Option<OneOrMany<Map<String, Value>>>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A text, or a document named by address and digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a text or a resource descriptor")]
pub enum Document {
    /// The text itself.
    Text(String),
    /// Where it is.
    Resource(ResourceDescriptor),
}

impl Document {
    /// Whether it says anything.
    pub fn says_something(&self) -> bool {
        match self {
            Self::Text(text) => !text.trim().is_empty(),
            Self::Resource(_) => true,
        }
    }
}

/// When the public may comment, as planned; when it could is said by the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CommentPeriod {
    /// From when.
    pub opens: Timestamp,
    /// Until when.
    pub closes: Timestamp,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// How long what was received may be kept: until a date, or so long after its use began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Retention {
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// How long after a use began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<Period>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The predicate of an `agreement` record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Agreement {
    /// Who grants.
    pub assigner: PartyId,
    /// To whom.
    pub assignee: PartyId,
    /// What it is about: addresses, or `record:<id>` of dataset cards.
    pub target: Texts,
    /// What may be done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permission: Vec<Rule>,
    /// What must not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prohibition: Vec<Rule>,
    /// What must be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub obligation: Vec<Rule>,
    /// What for. Beside them count the purposes in the constraints of permissions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub purposes: Vec<String>,
    /// How long what was received may be kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
    /// How often the assignee is audited; quarterly if it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit_period: Option<Period>,
    /// One paragraph for everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// What it may do to people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impact_assessment: Option<Document>,
    /// How it is undone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback_plan: Option<Document>,
    /// How it is ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_clause: Option<Document>,
    /// When the public may comment, as planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment_period: Option<CommentPeriod>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Rule {
    /// The purposes to which the rule is constrained.
    fn purposes(&self) -> impl Iterator<Item = &str> {
        let constraints = self.constraint.iter().flat_map(OneOrMany::iter);
        let about_purpose = |constraint: &&Map<String, Value>| {
            let text = |name: &str| constraint.get(name).and_then(Value::as_str).unwrap_or_default();
            let operand = text("leftOperand").rsplit([':', '/', '#']).next() == Some("purpose");
            operand && matches!(text("operator").rsplit([':', '/', '#']).next(), Some("eq" | "isA" | "isAnyOf"))
        };
        constraints.filter(about_purpose).flat_map(|constraint| match constraint.get("rightOperand") {
            Some(Value::String(one)) => vec![one.as_str()],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        })
    }
}

impl Agreement {
    /// Every purpose that it allows: its own list, and the constraints of its permissions. Empty if it names none.
    pub fn allowed_purposes(&self) -> Vec<&str> {
        let mut purposes: Vec<&str> = self.purposes.iter().map(String::as_str).collect();
        purposes.extend(self.permission.iter().flat_map(Rule::purposes));
        purposes.sort_unstable();
        purposes.dedup();
        purposes
    }

    /// What ratification needs and it lacks: names of members.
    pub fn lacks(&self) -> Vec<&'static str> {
        let summary = self.summary.as_ref().is_some_and(|summary| !summary.trim().is_empty());
        let says = |document: &Option<Document>| document.as_ref().is_some_and(Document::says_something);
        let needed = [
            ("summary", summary),
            ("impactAssessment", says(&self.impact_assessment)),
            ("rollbackPlan", says(&self.rollback_plan)),
        ];
        needed.into_iter().filter(|(_, there)| !there).map(|(name, _)| name).collect()
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.target.iter().next().is_none() {
            return Err(schema_error("/target", "expected at least one target"));
        }
        if self.audit_period.is_some_and(Period::is_zero) {
            return Err(schema_error("/auditPeriod", "expected a period longer than none"));
        }
        match &self.retention {
            Some(Retention { until: None, period: None, .. }) => {
                Err(schema_error("/retention", "expected until or period"))
            }
            _ => Ok(()),
        }
    }
}
