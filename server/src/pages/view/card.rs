//! What the pages of a model and of a dataset have in common: who describes it and how, its files, and what others say
//! about it.
//!
//! What differs stands in [`model`](super::model) and [`dataset`](super::dataset), and in the blocks that their templates
//! fill in `card.html`. [`CardHead`] comes first, then what only one of the pages has, then [`Sections`]: in this order they
//! spend the page's [`Allowance`].

use ledger::ids::{LeafIndex, RecordId, UnixMillis};
use ledger::record::license::compare::Agreement;
use ledger::state::LicenseView;

use super::claims::{Audit, ClaimGroup, audits, licence_claims, meaning};
use super::facts::{Around, Facts, of_predicate};
use super::moment::Moment;
use super::parts::{Hash, RecordLine, Speaker};
use super::remarks::Remarks;
use super::said::{Allowance, Said};
use super::seen::{Seen, shown_card};
use super::sources::{Cut, Other, Sources};
use super::standing::{self, Standing};

/// How many files are listed.
const MAX_FILES: usize = 12;

/// How many other cards, and how many other records, are listed.
const MAX_LISTED: usize = 10;

/// What the pages of one kind of thing call it.
#[derive(Debug)]
pub struct Thing {
    /// In a heading.
    pub title: &'static str,
    /// In a sentence, and in the name of a file.
    pub word: &'static str,
    /// Its pages are at `/<page>/<id>`.
    pub page: &'static str,
    /// All of a page as JSON is at `/api/v1/<api>/<id>`.
    pub api: &'static str,
    /// The members of a card that readers look for first.
    pub first: &'static [&'static str],
    /// The members of a card that stand elsewhere on the page.
    pub skip: &'static [&'static str],
}

/// Everything that the log has about the thing that a card describes.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The cards of the thing, oldest first. The last one in force is shown.
    pub cards: Vec<Seen>,
    /// The card that the address means.
    pub shown: Option<RecordId>,
    /// The newest version of that card, if it is another one.
    pub newer: Option<RecordId>,
    /// The `training-source` records that tie models to datasets, oldest first.
    pub sources: Vec<Seen>,
    /// `license-claim` records about it, oldest first.
    pub claims: Vec<Seen>,
    /// How the claims that are still made stand.
    pub licenses: Vec<LicenseView>,
    /// `audit-attestation` records about it, oldest first.
    pub audits: Vec<Seen>,
    /// Disputes, incidents, corrections and findings about it.
    pub around: standing::Around,
    /// Records of other kinds that name it, newest first.
    pub others: Vec<Seen>,
}

impl Known {
    /// The card that the page shows; `None` if none can be read.
    ///
    /// With several cards and none named, it is the newest that its issuer has not undone; the others are listed, whoever
    /// wrote them.
    pub fn card(&self) -> Option<&Seen> {
        shown_card(&self.cards, self.shown)
    }
}

/// Who describes the thing in which record, and the files that it consists of.
#[derive(Debug)]
pub struct CardHead {
    pub(super) thing: &'static Thing,
    pub(super) name: Said,
    pub(super) index: LeafIndex,
    pub(super) record: Hash,
    pub(super) record_hex: String,
    pub(super) speaker: Speaker,
    pub(super) issued: Option<Moment>,
    pub(super) received: Moment,
    pub(super) undone: Option<(&'static str, LeafIndex)>,
    pub(super) newer: Option<RecordId>,
    pub(super) files: Vec<(Said, Option<Hash>)>,
    pub(super) files_more: usize,
}

impl CardHead {
    /// The head of the page that shows `card`, which is [`Known::card`]; `None` if it was redacted.
    pub fn new(
        thing: &'static Thing,
        card: &Seen,
        newer: Option<RecordId>,
        now: UnixMillis,
        allowance: &mut Allowance,
    ) -> Option<Self> {
        let name = allowance.said(&card.about()?, 160);
        let content = card.content.as_ref()?;
        let speaker = card.speaker(allowance);
        let files = content.subjects.iter().take(MAX_FILES).map(|file| {
            let name = file.name.as_deref().unwrap_or("unnamed");
            (allowance.said(name, 160), file.sha256.map(Hash::new))
        });
        let files: Vec<(Said, Option<Hash>)> = files.collect();
        Some(Self {
            thing,
            name,
            index: card.index,
            record: Hash::new(card.record),
            record_hex: card.record.to_hex(),
            speaker,
            issued: card.issued(now),
            received: Moment::new(card.received, now),
            undone: card.undone(),
            newer,
            files_more: content.subjects.len() - files.len(),
            files,
        })
    }

    /// The title of the page.
    pub fn title(&self) -> String {
        format!("{} {}", self.thing.title, self.name.plain())
    }
}

/// What others say about the thing, and what the card itself says.
#[derive(Debug)]
pub struct Sections {
    pub(super) claims: Vec<ClaimGroup>,
    /// How the claims about all parts stand together.
    pub(super) together: (&'static str, &'static str, &'static str),
    /// Whether there are parts whose claims are not shown.
    pub(super) partial: bool,
    pub(super) audits: Vec<Audit>,
    pub(super) audits_more: usize,
    pub(super) sources: Sources,
    pub(super) standing: Standing,
    pub(super) facts: Facts,
    pub(super) remarks: Remarks,
    pub(super) cards: Vec<RecordLine>,
    pub(super) cards_more: usize,
    pub(super) others: Vec<RecordLine>,
    pub(super) others_more: bool,
}

impl Sections {
    /// The sections of the page that shows `card`, which is [`Known::card`]; `None` if it was redacted.
    pub fn new(
        thing: &Thing,
        card: &Seen,
        known: &Known,
        (other, cut): (&Other<'_>, Cut<'_>),
        around: &Around<'_>,
        allowance: &mut Allowance,
    ) -> Option<Self> {
        let (now, content) = (around.now, card.content.as_ref()?);
        let (claims, partial) = licence_claims(&known.claims, &known.licenses, now, allowance);
        let worst = known.licenses.iter().map(|view| view.agreement).max();
        let standing = Standing::new(&known.around, now, allowance);
        let remarks = Remarks::new(content, allowance);
        let (audits, audits_more) = audits(&known.audits, now, allowance);
        let cards = known.cards.iter().rev().filter(|other| other.index != card.index).take(MAX_LISTED);
        let cards: Vec<RecordLine> = cards.map(|seen| seen.line(now, allowance)).collect();
        let others = known.others.iter().take(MAX_LISTED).map(|seen| seen.line(now, allowance)).collect();
        let sources = Sources::new(&known.sources, other, cut, allowance);
        let unknown = |name: &str| content.unknown.contains(name);
        let facts = of_predicate(&content.predicate, thing.first, thing.skip, &unknown, around, allowance);
        Some(Self {
            claims,
            together: meaning(worst.unwrap_or(Agreement::None)),
            partial,
            audits,
            audits_more,
            sources,
            standing,
            facts,
            remarks,
            cards_more: known.cards.len().saturating_sub(1 + cards.len()),
            cards,
            others,
            others_more: known.others.len() > MAX_LISTED,
        })
    }
}

#[cfg(test)]
pub(crate) mod fixture {
    use super::super::seen::fixture::{NOW, seen};
    use super::super::shell::{Shell, Site};
    use super::super::sources::fixture::sources;
    use super::*;
    use serde_json::json;

    pub(crate) const AROUND: Around<'_> = Around { index_of: &|_| Some(LeafIndex(17)), now: NOW };

    /// A model with 290 sources, two licences that differ, and two audits.
    pub(crate) fn known() -> Known {
        let card = seen(
            17,
            "model-card",
            "heron-lab",
            "model.safetensors",
            json!({
            "issuer": {"id": "heron-lab", "name": "Heron Lab"}, "issued": "2026-11-20T10:00:00Z",
            "model_name": "heron-minilm-l6-v2", "version": "2", "language": ["en"], "license": "apache-2.0",
            "library_name": "sentence-transformers", "pipeline_tag": "sentence-similarity",
            "tags": ["feature-extraction", "sentence-similarity"], "base_model": "nreimers/MiniLM-L6-H384-uncased",
            "limitation": "Texts longer than 256 word pieces are cut.", "house_style": "plain",
            "considerations": {"useCases": ["semantic search", "clustering"], "users": ["engineers"]},
            "card": {"name": "README.md", "mediaType": "text/markdown", "digest": {"sha256": "ab".repeat(32)}}}),
        );
        let mut card = card;
        if let Some(content) = &mut card.content {
            content.unknown.insert("house_style".to_owned());
        }
        let about = card.record.to_reference();
        let claim = |index, issuer: &str, name: &str, declared: &str, concluded: &str, role: &str, basis: &str| {
            seen(
                index,
                "license-claim",
                issuer,
                &about,
                json!({"issuer": {"id": issuer, "name": name},
                "licenseDeclared": declared, "licenseConcluded": concluded, "acknowledgement": "declared",
                "claimantRole": role, "scope": {"of": "weights"}, "basis": basis}),
            )
        };
        let audit = |index, until: &str, verdict: &str| {
            seen(
                index,
                "audit-attestation",
                "owl-audit",
                &about,
                json!({
                "issuer": {"id": "owl-audit", "name": "Owl Audit Collective"}, "verdict": verdict, "target": [about],
                "verifier": {"id": "https://owl.example/verifier"}, "timeCreated": "2026-11-21T09:00:00Z",
                "method": "Compared data_config.json with the records, line by line.", "assuranceLevel": "limited",
                "scope": "The list of training sources; not the data itself.", "validUntil": until}),
            )
        };
        Known {
            sources: sources(card.record, 290),
            claims: vec![
                claim(
                    311,
                    "heron-lab",
                    "Heron Lab",
                    "apache-2.0",
                    "Apache-2.0",
                    "publisher",
                    "license member of README.md",
                ),
                claim(
                    312,
                    "wheelwright",
                    "Wheelwright Packaging",
                    "MIT License",
                    "MIT",
                    "packager",
                    "License field of the wheel's METADATA",
                ),
            ],
            audits: vec![
                audit(313, "2026-11-22T00:00:00Z", "partial"),
                audit(314, "2027-11-22T00:00:00Z", "conformant"),
            ],
            licenses: vec![ledger::state::LicenseView {
                of: ledger::record::kinds::Licensed::Weights,
                part: None,
                agreement: Agreement::Compatible,
                reading: None,
                claims: vec![],
            }],
            cards: vec![card],
            ..Known::default()
        }
    }

    pub(crate) fn shell() -> Shell {
        Shell::new("", "", Some(super::super::shell::fixture::head()))
    }

    pub(crate) fn site() -> Site {
        Site::new(None, Some("127.0.0.1:8420"))
    }
}
