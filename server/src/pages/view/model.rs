//! `/m/<digest or record id>`: a model, and what was said about it.

use askama::Template;
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
use super::shell::{Shell, Site};
use super::sources::{Cut, Other, Sources};
use super::standing::{self, Standing};

/// How many files of a model are listed.
const MAX_FILES: usize = 12;

/// How many cards, and how many other records, are listed.
const MAX_LISTED: usize = 10;

/// Everything that the log has about one model.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The cards of the model, oldest first. The last one in force is shown.
    pub cards: Vec<Seen>,
    /// The card that the address means.
    pub shown: Option<RecordId>,
    /// The newest version of that card, if it is another one.
    pub newer: Option<RecordId>,
    /// `training-source` records of it, oldest first.
    pub sources: Vec<Seen>,
    /// Whether there is more about it than was read, so that sources may be missing.
    pub capped: bool,
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

/// The page of a model.
#[derive(Debug, Template)]
#[template(path = "model.html")]
pub struct ModelPage {
    shell: Shell,
    site: Site,
    name: Said,
    index: LeafIndex,
    record: Hash,
    record_hex: String,
    speaker: Speaker,
    issued: Option<Moment>,
    received: Moment,
    undone: Option<(&'static str, LeafIndex)>,
    files: Vec<(Said, Option<Hash>)>,
    files_more: usize,
    facts: Facts,
    sources: Sources,
    newer: Option<RecordId>,
    claims: Vec<ClaimGroup>,
    together: (&'static str, &'static str, &'static str),
    standing: Standing,
    remarks: Remarks,
    audits: Vec<Audit>,
    audits_more: usize,
    cards: Vec<RecordLine>,
    cards_more: usize,
    others: Vec<RecordLine>,
    others_more: bool,
}

impl ModelPage {
    /// The page of the model that `known` is about; `None` if no card of it can be read.
    ///
    /// With several cards and none named, the newest is shown that its issuer has not undone; the others are listed,
    /// whoever wrote them.
    pub fn new(
        mut shell: Shell,
        site: Site,
        known: &Known,
        path: &str,
        from: usize,
        around: &Around<'_>,
    ) -> Option<Self> {
        let now: UnixMillis = around.now;
        let mut allowance = Allowance::default();
        let card = shown_card(&known.cards, known.shown)?;
        let name = allowance.said(&card.about()?, 160);
        shell.title = format!("Model {}", name.plain());
        let speaker = card.speaker(&mut allowance);
        let content = card.content.as_ref()?;
        let files = content.subjects.iter().take(MAX_FILES).map(|file| {
            let name = file.name.as_deref().unwrap_or("unnamed");
            (allowance.said(name, 160), file.sha256.map(Hash::new))
        });
        let files: Vec<(Said, Option<Hash>)> = files.collect();
        let (claims, more) = licence_claims(&known.claims, &known.licenses, now, &mut allowance);
        shell.partial |= more;
        let worst = known.licenses.iter().map(|view| view.agreement).max();
        let together = meaning(worst.unwrap_or(Agreement::None));
        let standing = Standing::new(&known.around, now, &mut allowance);
        let remarks = Remarks::new(content, &mut allowance);
        let (audits, audits_more) = audits(&known.audits, now, &mut allowance);
        let lines = |list: &[&Seen], allowance: &mut Allowance| -> Vec<RecordLine> {
            list.iter().take(MAX_LISTED).map(|seen| seen.line(now, allowance)).collect()
        };
        let cards: Vec<&Seen> = known.cards.iter().rev().filter(|other| other.index != card.index).collect();
        let others: Vec<&Seen> = known.others.iter().collect();
        let (cards, others_more) = (lines(&cards, &mut allowance), others.len() > MAX_LISTED);
        let others = lines(&others, &mut allowance);
        let cut = Cut { from, path, capped: known.capped };
        let sources = Sources::new(&known.sources, &Other::Datasets(&card.issuer), cut, &mut allowance);
        let skip = ["issuer", "issued", "model_name"];
        let first = ["version", "base_model", "pipeline_tag", "language", "license", "limitation", "considerations"];
        let unknown = |name: &str| content.unknown.contains(name);
        let facts = of_predicate(&content.predicate, &first, &skip, &unknown, around, &mut allowance);
        Some(Self {
            name,
            index: card.index,
            record: Hash::new(card.record),
            record_hex: card.record.to_hex(),
            speaker,
            issued: card.issued(now),
            received: Moment::new(card.received, now),
            undone: card.undone(),
            files_more: content.subjects.len() - files.len(),
            files,
            facts,
            sources,
            newer: known.newer,
            claims,
            together,
            standing,
            remarks,
            audits,
            audits_more,
            cards_more: known.cards.len().saturating_sub(1 + cards.len()),
            cards,
            others,
            others_more,
            shell,
            site,
        })
    }
}

#[cfg(test)]
pub(crate) mod fixture {
    use super::super::seen::fixture::{NOW, seen};
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::seen::fixture::{NOW, seen};
    use super::fixture::*;
    use super::*;
    use serde_json::json;

    fn html(known: &Known) -> Option<String> {
        Some(ModelPage::new(shell(), site(), known, "/m/x", 0, &AROUND)?.to_string())
    }

    #[test]
    fn u09_a_model_of_290_sources_is_a_light_page() {
        let html = html(&known()).unwrap();
        super::super::gallery::keep("model", &html);
        assert!(html.contains("1,170,102,295") && html.contains("Apache-2.0") && html.contains(">compatible</span>"));
        assert!(html.len() < 50_000, "{}", html.len());
    }

    #[test]
    fn every_claim_is_somebodys() {
        let html = html(&known()).unwrap();
        for name in ["Heron Lab", "Wheelwright Packaging", "Owl Audit Collective"] {
            assert!(html.contains(&format!("<bdi dir=\"auto\">{name}</bdi>")), "{name}");
        }
        assert!(!html.contains("✓"), "nothing here was checked by the page");
    }

    #[test]
    fn the_newest_card_that_its_issuer_stands_by_is_shown() {
        let mut known = known();
        known.cards[0].fate.superseded_by = Some(LeafIndex(400));
        let newer = seen(400, "model-card", "heron-lab", "model.safetensors", json!({"model_name": "newer"}));
        known.cards.push(newer);
        assert!(html(&known).unwrap().contains("<h1><bdi dir=\"auto\">newer</bdi></h1>"));
        known.cards[1].content = None;
        assert!(html(&known).unwrap().contains("heron-minilm-l6-v2"), "a redacted card cannot be shown");
        known.cards.clear();
        assert!(html(&known).is_none());
    }

    #[test]
    fn b20_u09_the_worst_text_everywhere_is_text_and_fits() {
        let worst = |n: usize| format!("<script>alert(1)</script>\u{202E}'\"&{}", "<".repeat(n));
        let mut known = known();
        let lists = [&mut known.cards, &mut known.sources, &mut known.claims, &mut known.audits];
        for seen in lists.into_iter().flatten() {
            let content = seen.content.as_mut().unwrap();
            for (_, value) in &mut content.predicate {
                *value = match value {
                    serde_json::Value::Object(members) => {
                        members.iter().map(|(name, _)| (name.clone(), json!(worst(9_000)))).collect()
                    }
                    _ => json!(worst(9_000)),
                };
            }
            for i in 0..300 {
                content.predicate.insert(worst(i), json!([worst(i)]));
            }
            content.subjects[0].name = Some(worst(5_000));
        }
        let others =
            (0..10).map(|i| seen(500 + i, &worst(40), &"\"".repeat(255), &worst(900), json!({"x": worst(9_000)})));
        known.others = others.collect();
        let html = html(&known).unwrap();
        assert!(!html.contains("<script") && !html.contains("\u{202E}"));
        assert!(html.len() < 50_000, "{}", html.len());
        let _ = NOW;
    }
}
