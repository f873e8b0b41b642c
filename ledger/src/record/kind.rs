//! The kinds of records, by name.
//!
//! A kind is written `model-card` on the command line and in headers, and `urn:colophon:model-card:v1` in statements. A name
//! that this version does not know is a kind all the same: its records are kept, signed, listed and shown as unknown.
//! What each kind says is in [`super::kinds`].

use core::fmt;

use super::limits::MAX_KIND;
use crate::error::{Code, Error, Result};

/// A kind of record.
///
/// ```
/// use ledger::record::kind::Kind;
///
/// assert_eq!(Kind::ModelCard.as_str(), "model-card");
/// assert_eq!(Kind::ModelCard.predicate_type(), "urn:colophon:model-card:v1");
/// assert_eq!(Kind::parse("dispute")?, Kind::Dispute);
/// assert_eq!(Kind::parse("weather-report")?, Kind::Other("weather-report".to_owned()));
/// assert_eq!(Kind::from_predicate_type("urn:colophon:party:v1")?, Kind::Party);
/// # Ok::<(), ledger::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Entry 0, then each change of it: who may register what.
    LogPolicy,
    /// A party's roles and keys.
    Party,
    /// Who a party is.
    PartyProfile,
    /// A key is added, rotated or revoked.
    KeyEvent,
    /// What a model is.
    ModelCard,
    /// What a dataset is.
    DatasetCard,
    /// A model used a dataset.
    TrainingSource,
    /// The committed contents of a dataset.
    Manifest,
    /// Under which licence something is, and who says so.
    LicenseClaim,
    /// An auditor's verdict.
    AuditAttestation,
    /// An opt-out or an opt-in.
    UsagePreference,
    /// What a partner did about it.
    PreferenceResponse,
    /// A memorandum of understanding, or a data-sharing agreement.
    Agreement,
    /// A step in an agreement's life.
    GovernanceEvent,
    /// What somebody has to say about a record.
    Comment,
    /// An objection that wants an answer.
    Dispute,
    /// How a dispute ended, or that a steward vouches for a statement.
    Resolution,
    /// What is wrong in an earlier record.
    Correction,
    /// An earlier record is taken back, or its body erased.
    Retraction,
    /// Something went wrong.
    Incident,
    /// What was promised, and what was observed.
    SlaReport,
    /// What was paid.
    CompensationReport,
    /// Who was named, and where.
    AttributionReport,
    /// The root of the verifiable index.
    IndexRoot,
    /// The root of a roll-up run over many datasets.
    RunRoot,
    /// A kind without a type of its own here. Never one of the names above: made by [`Kind::parse`] only.
    Other(String),
}

/// Kinds with a type of their own, in the order in which they are listed to people. A kind that gets a type is added here,
/// in [`Kind::as_str`] and in `kinds::Predicate`; nothing else lists them.
const TYPED: [Kind; 25] = [
    Kind::LogPolicy,
    Kind::Party,
    Kind::PartyProfile,
    Kind::KeyEvent,
    Kind::ModelCard,
    Kind::DatasetCard,
    Kind::TrainingSource,
    Kind::Manifest,
    Kind::LicenseClaim,
    Kind::AuditAttestation,
    Kind::UsagePreference,
    Kind::PreferenceResponse,
    Kind::Agreement,
    Kind::GovernanceEvent,
    Kind::Comment,
    Kind::Dispute,
    Kind::Resolution,
    Kind::Correction,
    Kind::Retraction,
    Kind::Incident,
    Kind::SlaReport,
    Kind::CompensationReport,
    Kind::AttributionReport,
    Kind::IndexRoot,
    Kind::RunRoot,
];

/// Kinds whose subjects in the header are record ids only, so that the entry, which is never erased, does not tie a
/// person's key to the content that the person asks about.
const RECORD_SUBJECTS_ONLY: [Kind; 4] = [Kind::UsagePreference, Kind::PreferenceResponse, Kind::Comment, Kind::Dispute];

impl Kind {
    /// Every kind that has a type here.
    pub const fn typed() -> &'static [Self] {
        &TYPED
    }

    /// The name, for example `model-card`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::LogPolicy => "log-policy",
            Self::Party => "party",
            Self::PartyProfile => "party-profile",
            Self::KeyEvent => "key-event",
            Self::ModelCard => "model-card",
            Self::DatasetCard => "dataset-card",
            Self::TrainingSource => "training-source",
            Self::Manifest => "manifest",
            Self::LicenseClaim => "license-claim",
            Self::AuditAttestation => "audit-attestation",
            Self::UsagePreference => "usage-preference",
            Self::PreferenceResponse => "preference-response",
            Self::Agreement => "agreement",
            Self::GovernanceEvent => "governance-event",
            Self::Comment => "comment",
            Self::Dispute => "dispute",
            Self::Resolution => "resolution",
            Self::Correction => "correction",
            Self::Retraction => "retraction",
            Self::Incident => "incident",
            Self::SlaReport => "sla-report",
            Self::CompensationReport => "compensation-report",
            Self::AttributionReport => "attribution-report",
            Self::IndexRoot => "index-root",
            Self::RunRoot => "run-root",
            Self::Other(name) => name,
        }
    }

    /// Reads a name: words of lower-case letters and digits joined by single hyphens, beginning with a letter, at most 64 bytes.
    ///
    /// # Errors
    /// `schema`.
    pub fn parse(name: &str) -> Result<Self> {
        if let Some(kind) = TYPED.iter().find(|kind| kind.as_str() == name) {
            return Ok(kind.clone());
        }
        let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let well_formed =
            name.len() <= MAX_KIND && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.split('-').all(word);
        match well_formed {
            true => Ok(Self::Other(name.to_owned())),
            false => {
                let found: String = name.chars().take(MAX_KIND + 1).collect();
                Err(Error::new(Code::Schema, format!("{found:?} is not the name of a kind")))
            }
        }
    }

    /// The `predicateType` of a statement: `urn:colophon:<kind>:v1`.
    pub fn predicate_type(&self) -> String {
        format!("urn:colophon:{self}:v1")
    }

    /// Reads a `predicateType`.
    ///
    /// # Errors
    /// `schema`.
    pub fn from_predicate_type(text: &str) -> Result<Self> {
        text.strip_prefix("urn:colophon:")
            .and_then(|rest| rest.strip_suffix(":v1"))
            .ok_or_else(|| {
                let found: String = text.chars().take(100).collect();
                Error::new(Code::Schema, format!("expected urn:colophon:<kind>:v1, found {found:?}"))
            })
            .and_then(Self::parse)
    }

    /// Whether records of this kind hold the log together: closed schema, no free text, never redacted.
    pub fn is_structural(&self) -> bool {
        matches!(
            self,
            Self::LogPolicy
                | Self::Party
                | Self::KeyEvent
                | Self::GovernanceEvent
                | Self::Retraction
                | Self::IndexRoot
                | Self::RunRoot
        )
    }

    /// Whether the header's `subjects` hold record ids only.
    pub fn hides_subjects(&self) -> bool {
        RECORD_SUBJECTS_ONLY.contains(self)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    #[test]
    fn a_name_and_a_predicate_type_name_the_same_kind() {
        for kind in Kind::typed() {
            assert_eq!(Kind::parse(kind.as_str()).unwrap(), *kind);
            assert_eq!(Kind::from_predicate_type(&kind.predicate_type()).unwrap(), *kind);
        }
        let unknown = Kind::parse("impact-assessment").unwrap();
        assert_eq!(unknown, Kind::Other("impact-assessment".to_owned()));
        assert_eq!(Kind::from_predicate_type(&unknown.predicate_type()).unwrap(), unknown);
    }

    #[test]
    fn a_malformed_name_is_no_kind() {
        let long = "a".repeat(65);
        for name in ["", "-", "a-", "-a", "a--b", "A", "a b", "a:b", "1a", "é", "model_card", long.as_str()] {
            assert_eq!(Kind::parse(name).unwrap_err().code(), Code::Schema, "{name:?}");
        }
        for text in ["", "model-card", "urn:colophon:model-card:v2", "urn:colophon::v1", "URN:colophon:party:v1"] {
            assert_eq!(Kind::from_predicate_type(text).unwrap_err().code(), Code::Schema, "{text:?}");
        }
    }

    #[test]
    fn seven_kinds_are_structural() {
        let structural = TYPED.iter().filter(|kind| kind.is_structural()).count();
        assert_eq!(structural, 7);
        assert!(!Kind::parse("comment").unwrap().is_structural());
    }
}
