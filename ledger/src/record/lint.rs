//! What a card or a record lacks, said kindly: lint reports and never blocks.
//!
//! Cards are incomplete in real life, and a ledger that refused them would hold fewer true statements, not more. So the
//! rules of admission stand elsewhere; here stands what the standards ask for, what readers will miss, and what others'
//! tools will read otherwise than it was meant. [`lint`] looks at a predicate of any kind, [`lint_card`] and [`lint_croissant`] at the
//! documents themselves.
//!
//! A finding's place is a JSON pointer into what was looked at, or `line:column` (both from 1) in a card's text.

mod card;
mod code;
mod dataset;
mod governance;
mod hugging_face;
mod kinds;
mod mend;
mod pyyaml;

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};

pub use card::{CardLint, lint_card, lint_card_as};
pub use code::{ALL, Rule};
pub use dataset::lint_croissant;

use super::kind::Kind;

/// Findings of one look. Arithmetic: at most about 300 bytes each, so that the answer to a submission stays below 80 KiB;
/// who reads more than 250 has stopped mending single lines.
pub const MAX_FINDINGS: usize = 250;

/// Texts of one list that are held against the tables of licences and languages. Each costs up to 0.2 ms; a list of
/// 10,000, which a record may have, would hold up whoever looks at it for two seconds.
const MAX_LOOKED_UP: usize = 64;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A specification requires otherwise, or tools will read something else than was meant.
    Error,
    /// Readers will miss it or stumble over it.
    Warn,
    /// Worth knowing.
    Info,
}

/// Something that lint found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule's stable code.
    pub code: &'static str,
    /// How much it matters.
    pub level: Level,
    /// Where: a JSON pointer, or `line:column`.
    pub place: String,
    /// What was found.
    pub message: String,
    /// What to do.
    pub hint: Cow<'static, str>,
}

impl Finding {
    fn new(rule: &Rule, place: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: rule.code,
            level: rule.level,
            place: place.into(),
            message: message.into(),
            hint: Cow::Borrowed(rule.hint),
        }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Cow::Owned(hint.into());
        self
    }

    fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }
}

/// Looks at the predicate of a record. Places are JSON pointers into the predicate. What the rules of admission refuse
/// anyway is not repeated here.
pub fn lint(kind: &Kind, predicate: &Value) -> Vec<Finding> {
    let none = Map::new();
    let members = predicate.as_object().unwrap_or(&none);
    let mut findings = common(members);
    findings.extend(match kind {
        Kind::ModelCard => hugging_face::model_card(members),
        Kind::DatasetCard => dataset::dataset_card(members),
        Kind::TrainingSource => kinds::training_source(members),
        Kind::LicenseClaim => kinds::license_claim(members),
        Kind::AuditAttestation => kinds::audit_attestation(members),
        Kind::Manifest => kinds::manifest(members),
        Kind::PartyProfile => kinds::party_profile(members),
        Kind::Party => kinds::party(members),
        Kind::KeyEvent => kinds::key_event(members),
        Kind::LogPolicy => kinds::log_policy(members),
        Kind::UsagePreference => governance::usage_preference(members),
        Kind::PreferenceResponse => governance::preference_response(members),
        Kind::Agreement => governance::agreement(members),
        Kind::GovernanceEvent => governance::governance_event(members),
        Kind::Comment | Kind::Dispute => governance::voice(members),
        Kind::Resolution => governance::resolution(members),
        Kind::Correction => governance::correction(members),
        Kind::Retraction => governance::retraction(members),
        Kind::Incident => governance::incident(members),
        Kind::SlaReport | Kind::CompensationReport => governance::periodic(members),
        Kind::AttributionReport => governance::attribution_report(members),
        // The operator's programs write them and the reader holds them to every rule that they have.
        Kind::IndexRoot | Kind::RunRoot => Vec::new(),
        Kind::Other(name) => {
            vec![Finding::new(&code::KIND_UNKNOWN, "", format!("`{name}` is a kind that this version does not know"))]
        }
    });
    findings.truncate(MAX_FINDINGS);
    findings
}

/// What holds for every kind.
fn common(members: &Map<String, Value>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    if let (Some(from), Some(until)) = (text("validFrom").or_else(|| text("issued")), text("validUntil"))
        && until < from
    {
        findings.push(Finding::new(
            &code::VALIDITY_ENDS_BEFORE,
            "/validUntil",
            format!("it ends at {until}, before it begins at {from}"),
        ));
    }
    for (i, evidence) in list(members, "evidence").iter().enumerate() {
        if evidence.get("digest").is_none() && evidence.get("content").is_none() {
            findings.push(Finding::new(
                &code::EVIDENCE_WITHOUT_DIGEST,
                format!("/evidence/{i}"),
                "the evidence is an address without a digest",
            ));
        }
    }
    let abridged = list(members, "abridged");
    if let Some(first) = abridged.first().and_then(Value::as_str) {
        findings.push(Finding::new(
            &code::ABRIDGED,
            "/abridged",
            format!("{} places were cut or left out, the first at {first}", abridged.len()),
        ));
    }
    for name in members.get("unmapped").and_then(Value::as_object).into_iter().flat_map(Map::keys) {
        let place = format!("/unmapped{}", super::json::pointer_step(name));
        findings.push(Finding::new(
            &code::UNMAPPED,
            place,
            format!("`{name}` has no place among the record's members, or not this form"),
        ));
    }
    findings
}

fn list<'a>(members: &'a Map<String, Value>, name: &str) -> &'a [Value] {
    members.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Whether a member is there and says something.
fn says(members: &Map<String, Value>, name: &str) -> bool {
    members.get(name).is_some_and(|value| match value {
        Value::Null => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(elements) => !elements.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => true,
    })
}

/// A missing member: who misses it is said by the rule.
fn missing(rule: &Rule, name: &str) -> Finding {
    Finding::new(rule, super::json::pointer_step(name), format!("`{name}` is missing"))
}
