//! Findings: what the records say, put side by side where it does not fit together. Computed by anybody, judged by nobody.
//!
//! | rule | what is found |
//! |---|---|
//! | `used_after_opt_out` | a use for training began after an opt-out that counted then, and the manifest holds the content |
//! | `outside_agreement` | a use names an agreement that was not in force, or that is with somebody else |
//! | `outside_purpose` | a use says another purpose than the agreement allows, or is an action that it prohibits |
//! | `retention_passed` | what was received should be deleted by now, and nobody reported it |
//! | `license_conflict` | claims about one thing's licence conflict |
//! | `duty_unreported` | a licence of what was used asks for attribution or sharing alike, and no `attribution-report` is there |
//! | `audit_overdue` | the newest audit of an agreement in force is older than its period |
//! | `response_overdue` | a party's answer to a preference is late |
//! | `card_without_sources` | nobody says what a model was trained on |
//! | `manifest_unchecked` | nobody attests to have checked a manifest |
//!
//! A finding cites the entries that it follows from. Where it rests on the contents of a dataset it names the keyspace and
//! the content key: the proof of that membership is made and checked by whoever asks, and handed in as
//! [`Asked::contains`]. What nobody can say is never a finding: a use without a date, a closed manifest, a prefix that no
//! keyspace can be asked about.
//!
//! Its id follows from the rule and the records that it is about, so that an address of it stays good while claims are
//! added. Start reading at [`all`].

mod cards;
mod clocks;
mod sources;

use core::fmt;
use std::collections::{BTreeMap, HashSet};

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{CardView, Edge, Item, Records, State};
use crate::error::Result;
use crate::ids::{ContentKey, KeyspaceId, LeafIndex, RecordId, UnixMillis, to_hex};
use crate::record::kind::Kind;

pub use self::cards::{of_card, of_manifest};
pub use self::clocks::{AuditClock, of_agreement, of_preference};
pub use self::sources::of_source;

/// Whether a keyspace holds a content key, as proven to whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// It does.
    Present,
    /// It does not.
    Absent,
    /// Nobody can say: its files are not at hand, or it is closed.
    Unknown,
}

/// All that a finding can follow from.
pub struct Asked<'a> {
    /// The records.
    pub records: &'a dyn Records,
    /// The state at the same size.
    pub state: &'a State,
    /// The time.
    pub now: UnixMillis,
    /// Membership proofs, already checked.
    pub contains: &'a dyn Fn(KeyspaceId, &ContentKey) -> Membership,
}

/// What does not fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "each is the rule of its name in the table above")]
pub enum Rule {
    UsedAfterOptOut,
    OutsideAgreement,
    OutsidePurpose,
    RetentionPassed,
    LicenseConflict,
    DutyUnreported,
    AuditOverdue,
    ResponseOverdue,
    CardWithoutSources,
    ManifestUnchecked,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 10] = [
        Self::UsedAfterOptOut,
        Self::OutsideAgreement,
        Self::OutsidePurpose,
        Self::RetentionPassed,
        Self::LicenseConflict,
        Self::DutyUnreported,
        Self::AuditOverdue,
        Self::ResponseOverdue,
        Self::CardWithoutSources,
        Self::ManifestUnchecked,
    ];

    /// The stable code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UsedAfterOptOut => "used_after_opt_out",
            Self::OutsideAgreement => "outside_agreement",
            Self::OutsidePurpose => "outside_purpose",
            Self::RetentionPassed => "retention_passed",
            Self::LicenseConflict => "license_conflict",
            Self::DutyUnreported => "duty_unreported",
            Self::AuditOverdue => "audit_overdue",
            Self::ResponseOverdue => "response_overdue",
            Self::CardWithoutSources => "card_without_sources",
            Self::ManifestUnchecked => "manifest_unchecked",
        }
    }
}

/// The stable name of a finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct FindingId(String);

impl FindingId {
    /// 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An entry that a finding follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Cited {
    /// Its index.
    pub index: LeafIndex,
    /// Its record.
    pub record: RecordId,
}

impl Cited {
    fn of(item: &Item) -> Self {
        Self { index: item.index, record: item.header.record }
    }
}

/// A membership that a finding rests on, to be proven to whoever reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// The keyspace that holds the key.
    pub keyspace: KeyspaceId,
    /// The kind of the key.
    pub kind: String,
    /// The key.
    pub key: ContentKey,
}

/// Something that does not fit together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its stable name.
    pub id: FindingId,
    /// By which rule.
    pub rule: Rule,
    /// In a sentence.
    pub detail: String,
    /// The entries that it follows from, by index.
    pub cites: Vec<Cited>,
    /// The memberships that it rests on.
    pub proofs: Vec<Proof>,
    /// Since when it is so, where a time makes it so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<UnixMillis>,
}

impl Finding {
    /// `about` and `part` make its id: records and words that stay the same while the finding does.
    fn new(rule: Rule, about: &[RecordId], part: &str, detail: impl Into<String>) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"colophon/finding/v1\0");
        hash.update(rule.as_str());
        hash.update([0]);
        about.iter().for_each(|id| hash.update(id.as_bytes()));
        hash.update(part);
        let id = FindingId(to_hex(&hash.finalize()));
        Self { id, rule, detail: detail.into(), cites: Vec::new(), proofs: Vec::new(), since: None }
    }

    /// The finding for programs, numbers as strings; `moment` writes a time.
    pub fn to_json(&self, moment: &dyn Fn(UnixMillis) -> String) -> Value {
        let cite = |cited: &Cited| json!({ "index": cited.index.to_string(), "record": cited.record });
        let proof = |proof: &Proof| json!({ "keyspace": proof.keyspace, "kind": proof.kind, "key": proof.key, "membership": "present" });
        json!({
            "id": self.id,
            "rule": self.rule.as_str(),
            "detail": self.detail,
            "since": self.since.map(moment),
            "cites": self.cites.iter().map(cite).collect::<Vec<Value>>(),
            "proofs": self.proofs.iter().map(proof).collect::<Vec<Value>>(),
        })
    }

    fn cite(mut self, cited: impl IntoIterator<Item = Cited>) -> Self {
        self.cites.extend(cited);
        self.cites.sort_unstable();
        self.cites.dedup();
        self
    }

    fn since(mut self, moment: UnixMillis) -> Self {
        self.since = Some(moment);
        self
    }
}

/// What is found about a model or a dataset: its card, the sources that it names or that name it or a manifest of it, and its
/// manifests.
///
/// # Errors
/// Those of `asked.records`. From a log: `store_corrupt`; from memory none.
pub fn about_card(asked: &Asked<'_>, view: &CardView) -> Result<Vec<Finding>> {
    let mut findings = of_card(asked, view)?;
    for source in uses(view) {
        findings.extend(of_source(asked, source)?);
    }
    for manifest in &view.manifests {
        findings.extend(of_manifest(asked, manifest)?);
    }
    Ok(without_repetition(findings))
}

/// The same where [`all`] was computed before: what was `found` about its uses and its manifests then, and what is found about
/// the card itself now.
///
/// # Errors
/// Those of `asked.records`. From a log: `store_corrupt`; from memory none.
pub fn about_card_among(asked: &Asked<'_>, view: &CardView, found: &[Finding]) -> Result<Vec<Finding>> {
    let mut findings = of_card(asked, view)?;
    let ids = |item: &Item| item.header.record;
    let uses: HashSet<RecordId> = uses(view).map(ids).collect();
    let manifests: HashSet<RecordId> = view.manifests.iter().map(ids).collect();
    let of_it = |finding: &&Finding| {
        let cites = |records: &HashSet<RecordId>| finding.cites.iter().any(|cited| records.contains(&cited.record));
        match finding.rule {
            Rule::LicenseConflict | Rule::CardWithoutSources | Rule::AuditOverdue | Rule::ResponseOverdue => false,
            Rule::ManifestUnchecked => cites(&manifests),
            // What is found about a use cites it, and no other use.
            _ => cites(&uses),
        }
    };
    findings.extend(found.iter().filter(of_it).cloned());
    Ok(without_repetition(findings))
}

/// The uses that findings about a card can be about: the sources that it names, and those that name it or a manifest of it.
fn uses(view: &CardView) -> impl Iterator<Item = &Item> {
    let named = view.around.of_kind(&Kind::TrainingSource).chain(&view.used_by);
    let uses: BTreeMap<LeafIndex, &Item> = named.map(|item| (item.index, item)).collect();
    uses.into_values()
}

/// Everything that is found in a log. The cost is a look at every card, source, manifest, agreement and preference; a
/// page about one thing asks about that alone.
///
/// # Errors
/// Those of `asked.records`. From a log: `store_corrupt`; from memory none.
pub fn all(asked: &Asked<'_>) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut each = |kind: Kind, of: &dyn Fn(&Item) -> Result<Vec<Finding>>| -> Result<()> {
        for index in asked.records.along(&Edge::Kind(kind.as_str().to_owned()), LeafIndex(0), usize::MAX)? {
            if let Some(item) = asked.records.item(index)? {
                findings.extend(of(&item)?);
            }
        }
        Ok(())
    };
    let card = |item: &Item| {
        let view = CardView::of(asked.records, asked.state, item.header.record, asked.now)?;
        // Of several versions the newest answers for all.
        let newest = view.filter(|view| view.newest().is_some_and(|newest| newest.index == item.index));
        newest.map_or(Ok(Vec::new()), |view| of_card(asked, &view))
    };
    each(Kind::ModelCard, &card)?;
    each(Kind::DatasetCard, &card)?;
    each(Kind::TrainingSource, &|item| of_source(asked, item))?;
    each(Kind::Manifest, &|item| of_manifest(asked, item))?;
    for (id, _) in asked.state.agreements() {
        findings.extend(of_agreement(asked, *id)?);
    }
    for (id, _) in asked.state.preferences() {
        findings.extend(of_preference(asked, *id)?);
    }
    Ok(without_repetition(findings))
}

/// In the order of the newest entry cited, each once.
fn without_repetition(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(|a, b| (a.cites.last(), a.rule, &a.id).cmp(&(b.cites.last(), b.rule, &b.id)));
    findings.dedup_by(|a, b| a.id == b.id);
    findings
}

#[cfg(test)]
mod tests;
