//! `/d/<digest or record id>`: a dataset, its committed contents, and the models that say they used it.

use askama::Template;
use ledger::ids::{LeafIndex, RecordId, UnixMillis};
use ledger::record::license::compare::Agreement;
use ledger::state::LicenseView;
use serde_json::Value;

use super::claims::{Audit, ClaimGroup, audits, licence_claims, meaning};
use super::facts::{Around, Facts, of_predicate};
use super::moment::Moment;
use super::parts::{Hash, RecordLine, Speaker, thousands};
use super::remarks::Remarks;
use super::said::{Allowance, Said};
use super::seen::{Seen, shown_card};
use super::shell::{Shell, Site};
use super::sources::{Cut, Other, Sources};
use super::standing::{self, Standing};

/// How many files, and how many keyspaces, are listed.
const MAX_LISTED: usize = 12;

/// How many other cards, and other records, are listed.
const MAX_OTHERS: usize = 10;

/// How many manifests are shown.
const MAX_MANIFESTS: usize = 4;

/// Everything that the log has about one dataset.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The cards of the dataset, oldest first.
    pub cards: Vec<Seen>,
    /// The card that the address means.
    pub shown: Option<RecordId>,
    /// The newest version of that card, if it is another one.
    pub newer: Option<RecordId>,
    /// `manifest` records of it, oldest first.
    pub manifests: Vec<Seen>,
    /// `training-source` records that name it, oldest first.
    pub uses: Vec<Seen>,
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

/// What a page of a dataset asks of the log.
pub struct Lookup<'a> {
    /// The address and the name of the model that a `training-source` is about.
    pub model: &'a dyn Fn(&Seen) -> (Option<String>, String),
    /// Whether this server holds the files of a keyspace.
    pub held: &'a dyn Fn(&str) -> bool,
}

/// The page of a dataset.
#[derive(Debug, Template)]
#[template(path = "dataset.html")]
pub struct DatasetPage {
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
    manifests: Vec<ManifestCard>,
    manifests_more: usize,
    uses: Sources,
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

/// One manifest.
#[derive(Debug)]
pub struct ManifestCard {
    index: LeafIndex,
    speaker: Option<Speaker>,
    received: Moment,
    undone: Option<(&'static str, LeafIndex)>,
    redacted: bool,
    keyspaces: Vec<KeyspaceLine>,
    more: usize,
}

/// One keyspace.
#[derive(Debug)]
pub struct KeyspaceLine {
    id: String,
    what: Said,
    n: String,
    disclosure: Said,
    coverage: Option<Said>,
    held: bool,
}

impl DatasetPage {
    /// The page of the dataset that `known` is about; `None` if no card of it can be read.
    pub fn new(
        mut shell: Shell,
        site: Site,
        known: &Known,
        cut: Cut<'_>,
        lookup: &Lookup<'_>,
        around: &Around<'_>,
    ) -> Option<Self> {
        let now: UnixMillis = around.now;
        let mut allowance = Allowance::default();
        let card = shown_card(&known.cards, known.shown)?;
        let content = card.content.as_ref()?;
        let name = allowance.said(&card.about()?, 160);
        shell.title = format!("Dataset {}", name.plain());
        let speaker = card.speaker(&mut allowance);
        let files = content.subjects.iter().take(MAX_LISTED).map(|file| {
            let name = file.name.as_deref().unwrap_or("unnamed");
            (allowance.said(name, 160), file.sha256.map(Hash::new))
        });
        let files: Vec<(Said, Option<Hash>)> = files.collect();
        let manifests = known.manifests.iter().rev().take(MAX_MANIFESTS);
        let manifests: Vec<ManifestCard> =
            manifests.map(|seen| manifest(seen, card, lookup, now, &mut allowance)).collect();
        let (claims, more) = licence_claims(&known.claims, &known.licenses, now, &mut allowance);
        shell.partial |= more;
        let worst = known.licenses.iter().map(|view| view.agreement).max();
        let together = meaning(worst.unwrap_or(Agreement::None));
        let standing = Standing::new(&known.around, now, &mut allowance);
        let remarks = Remarks::new(content, &mut allowance);
        let (audits, audits_more) = audits(&known.audits, now, &mut allowance);
        let cards = known.cards.iter().rev().filter(|other| other.index != card.index).take(MAX_OTHERS);
        let cards: Vec<RecordLine> = cards.map(|seen| seen.line(now, &mut allowance)).collect();
        let others = known.others.iter().take(MAX_OTHERS).map(|seen| seen.line(now, &mut allowance)).collect();
        let uses = Sources::new(&known.uses, &Other::Models(lookup.model), cut, &mut allowance);
        let first = ["description", "version", "license", "url", "creator", "datePublished"];
        let skip = ["issuer", "issued", "name", "manifest"];
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
            manifests_more: known.manifests.len() - manifests.len(),
            manifests,
            uses,
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
            others_more: known.others.len() > MAX_OTHERS,
            shell,
            site,
        })
    }
}

fn manifest(seen: &Seen, card: &Seen, lookup: &Lookup<'_>, now: UnixMillis, allowance: &mut Allowance) -> ManifestCard {
    let list = seen.member(&["keyspaces"]).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let keyspaces = list.iter().take(MAX_LISTED).map(|keyspace| {
        let text = |name: &str| keyspace.get(name).and_then(Value::as_str).unwrap_or_default();
        let form = keyspace.get("form").and_then(Value::as_str).map_or(String::new(), |form| format!(", as {form}"));
        let coverage = keyspace.get("coverage").map(|value| match value {
            Value::String(text) => allowance.said(text, 300),
            other => allowance.said(&other.to_string(), 300),
        });
        KeyspaceLine {
            id: text("id").to_owned(),
            what: allowance.said(&format!("{}{form}", content_words(text("kind"))), 120),
            n: thousands(keyspace.get("n").and_then(Value::as_u64).unwrap_or(0)),
            disclosure: allowance.said(disclosure_words(text("disclosure")), 80),
            coverage,
            held: (lookup.held)(text("id")),
        }
    });
    let keyspaces: Vec<KeyspaceLine> = keyspaces.collect();
    ManifestCard {
        index: seen.index,
        speaker: (seen.issuer != card.issuer).then(|| seen.speaker(allowance)),
        received: Moment::new(seen.received, now),
        undone: seen.undone(),
        redacted: seen.content.is_none(),
        more: list.len() - keyspaces.len(),
        keyspaces,
    }
}

/// What content of a kind is asked for by, in words.
pub fn content_words(kind: &str) -> &str {
    match kind {
        "raw-sha256" => "Exact bytes of an item",
        "text-n1" => "Whole texts",
        "para-n1" => "Paragraphs",
        "span-n1" => "Spans of text",
        "url-c1" => "Addresses (URL)",
        "host" => "Hosts",
        "mw-page" => "Wiki pages, by number",
        "mw-rev" => "Wiki revisions, by number",
        "mw-title" => "Wiki pages, by title",
        other => other,
    }
}

/// How much a keyspace says, in words.
fn disclosure_words(disclosure: &str) -> &str {
    match disclosure {
        "closed" => "closed: committed to, shown among a thousand keys only",
        "partial" => "partial: what is not found is unknown",
        "complete" => "says to be complete: what is not found is absent",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::model::fixture::{AROUND, shell, site};
    use super::super::seen::fixture::seen;
    use super::*;
    use serde_json::json;

    fn known() -> Known {
        let card = seen(
            40,
            "dataset-card",
            "reed-archive",
            "simplewiki.jsonl",
            json!({
            "issuer": {"id": "reed-archive", "name": "Reed Archive"}, "name": "simplewiki-extract", "version": "2026-11",
            "description": "206 pages of the Simple English Wikipedia.\nText only.", "license": "https://creativecommons.org/licenses/by-sa/4.0/",
            "url": "https://example.org/simplewiki"}),
        );
        let about = card.record.to_reference();
        let keyspace = |kind: &str, form: Option<&str>, disclosure: &str| {
            json!({"id": "ab".repeat(32), "kind": kind, "spec": kind, "n": 12_345, "t": 8, "keyLen": 32, "hasMeta": false,
                "root": "cd".repeat(32), "coverage": "Main namespace; tables and media are not keyed.", "disclosure": disclosure, "form": form})
        };
        Known {
            manifests: vec![seen(
                41,
                "manifest",
                "reed-archive",
                "keyspace:ab",
                json!({"dataset": {"name": "simplewiki-extract", "record": about},
                "keyspaces": [keyspace("para-n1", Some("wikitext"), "complete"), keyspace("mw-title", None, "partial"), keyspace("url-c1", None, "closed")]}),
            )],
            uses: vec![seen(
                50,
                "training-source",
                "heron-lab",
                &format!("record:{}", "12".repeat(32)),
                json!({
                "issuer": {"id": "heron-lab", "name": "Heron Lab"}, "relation": "pretrainedOn", "category": "publicDataset",
                "dataset": {"name": "simplewiki", "record": about}, "items": 206}),
            )],
            cards: vec![card],
            ..Known::default()
        }
    }

    #[test]
    fn a_dataset_shows_its_contents_and_who_says_to_have_used_it() {
        let lookup = Lookup { model: &|_| (Some("/m/x".to_owned()), "heron-7b".to_owned()), held: &|_| true };
        let cut = Cut { from: 0, path: "/d/x", capped: false };
        let html = DatasetPage::new(shell(), site(), &known(), cut, &lookup, &AROUND).unwrap().to_string();
        super::super::gallery::keep("dataset", &html);
        for part in
            ["simplewiki-extract", "Paragraphs, as wikitext", "12,345", "says to be complete", "heron-7b", "Heron Lab"]
        {
            assert!(html.contains(part), "{part}");
        }
        assert!(html.len() < 50_000);
    }

    #[test]
    fn other_cards_of_the_dataset_are_listed_and_a_list_that_is_cut_says_so() {
        let lookup = Lookup { model: &|_| (None, "heron-7b".to_owned()), held: &|_| true };
        let page = |known: &Known| {
            let cut = Cut { from: 0, path: "/d/x", capped: false };
            DatasetPage::new(shell(), site(), known, cut, &lookup, &AROUND).unwrap().to_string()
        };
        let mut known = known();
        assert!(!page(&known).contains("Other cards of the same dataset"));
        known.shown = Some(known.cards[0].record);
        let mirror =
            |i: u64| seen(60 + i, "dataset-card", "marsh-mirror", "simplewiki.jsonl", json!({"name": "wiki mirror"}));
        known.cards.push(mirror(0));
        let comment = |i: u64| seen(80 + i, "comment", "heron-lab", "simplewiki.jsonl", json!({"text": "Good."}));
        known.others = (0..10).map(comment).collect();
        let html = page(&known);
        assert!(html.contains("Other cards of the same dataset") && html.contains("wiki mirror"), "{html}");
        assert!(html.contains("marsh-mirror") && !html.contains("There are more") && !html.contains("older ones"));
        known.others.push(comment(10));
        known.cards.extend((1..12).map(mirror));
        let html = page(&known);
        assert!(html.contains("There are more; <a href=\"/r/40\">record 40</a> leads to all of them."), "{html}");
        assert!(html.contains("<p>And 2 older ones.</p>"), "{html}");
    }

    #[test]
    fn of_many_manifests_the_newest_are_shown_the_others_counted_and_a_redacted_one_is_no_absence() {
        let lookup = Lookup { model: &|_| (None, "heron-7b".to_owned()), held: &|_| true };
        let page = |known: &Known| {
            let cut = Cut { from: 0, path: "/d/x", capped: false };
            DatasetPage::new(shell(), site(), known, cut, &lookup, &AROUND).unwrap().to_string()
        };
        let mut known = known();
        known.manifests[0].content = None;
        let html = page(&known);
        assert!(html.contains("<p class=\"soft\">redacted</p>") && !html.contains("Nobody has committed"), "{html}");
        known.manifests = vec![known.manifests[0].clone(); MAX_MANIFESTS + 2];
        assert!(page(&known).contains("<p>And 2 older ones.</p>"));
        known.manifests.clear();
        assert!(page(&known).contains("Nobody has committed"));
    }
}
