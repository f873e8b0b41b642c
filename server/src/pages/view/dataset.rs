//! `/d/<digest or record id>`: a dataset, its committed contents, and the models that say they used it.

use askama::Template;

use super::card::{CardHead, Known, Sections, Thing};
use super::contents::ManifestCard;
use super::facts::Around;
use super::said::Allowance;
use super::seen::Seen;
use super::shell::{Shell, Site};
use super::sources::{Cut, Other};

/// How many manifests are shown.
const MAX_MANIFESTS: usize = 4;

/// What pages call it.
const DATASET: Thing = Thing {
    title: "Dataset",
    word: "dataset",
    page: "d",
    api: "datasets",
    first: &["description", "version", "license", "url", "creator", "datePublished"],
    skip: &["issuer", "issued", "name", "manifest"],
};

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
    card: CardHead,
    manifests: Vec<ManifestCard>,
    manifests_more: usize,
    sections: Sections,
}

impl DatasetPage {
    /// The page of the dataset that `known` is about, with its `manifest` records, oldest first; `None` if no card of it can be
    /// read.
    pub fn new(
        mut shell: Shell,
        site: Site,
        (known, manifests): (&Known, &[Seen]),
        cut: Cut<'_>,
        lookup: &Lookup<'_>,
        around: &Around<'_>,
    ) -> Option<Self> {
        let mut allowance = Allowance::default();
        let card = known.card()?;
        let head = CardHead::new(&DATASET, card, known.newer, around.now, &mut allowance)?;
        let shown = manifests.iter().rev().take(MAX_MANIFESTS);
        let shown: Vec<ManifestCard> =
            shown.map(|seen| ManifestCard::new(seen, card, lookup.held, around.now, &mut allowance)).collect();
        let list = (&Other::Models(lookup.model), cut);
        let sections = Sections::new(&DATASET, card, known, list, around, &mut allowance)?;
        shell.title = head.title();
        shell.partial |= sections.partial;
        let manifests_more = manifests.len() - shown.len();
        Some(Self { shell, site, card: head, manifests: shown, manifests_more, sections })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::card::fixture::{AROUND, shell, site};
    use super::super::seen::fixture::seen;
    use super::*;
    use serde_json::json;

    /// A dataset, and what is committed of it.
    fn known() -> (Known, Vec<Seen>) {
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
        let manifests = vec![seen(
            41,
            "manifest",
            "reed-archive",
            "keyspace:ab",
            json!({"dataset": {"name": "simplewiki-extract", "record": about},
                "keyspaces": [keyspace("para-n1", Some("wikitext"), "complete"), keyspace("mw-title", None, "partial"), keyspace("url-c1", None, "closed")]}),
        )];
        let known = Known {
            sources: vec![seen(
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
        };
        (known, manifests)
    }

    fn page((known, manifests): &(Known, Vec<Seen>)) -> String {
        let lookup = Lookup { model: &|_| (Some("/m/x".to_owned()), "heron-7b".to_owned()), held: &|_| true };
        let cut = Cut { from: 0, path: "/d/x", capped: false };
        DatasetPage::new(shell(), site(), (known, manifests), cut, &lookup, &AROUND).unwrap().to_string()
    }

    #[test]
    fn a_dataset_shows_its_contents_and_who_says_to_have_used_it() {
        let html = page(&known());
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
        let mut known = known();
        assert!(!page(&known).contains("Other cards of the same dataset"));
        known.0.shown = Some(known.0.cards[0].record);
        let mirror =
            |i: u64| seen(60 + i, "dataset-card", "marsh-mirror", "simplewiki.jsonl", json!({"name": "wiki mirror"}));
        known.0.cards.push(mirror(0));
        let comment = |i: u64| seen(80 + i, "comment", "heron-lab", "simplewiki.jsonl", json!({"text": "Good."}));
        known.0.others = (0..10).map(comment).collect();
        let html = page(&known);
        assert!(html.contains("Other cards of the same dataset") && html.contains("wiki mirror"), "{html}");
        assert!(html.contains("marsh-mirror") && !html.contains("There are more") && !html.contains("older ones"));
        known.0.others.push(comment(10));
        known.0.cards.extend((1..12).map(mirror));
        let html = page(&known);
        assert!(html.contains("There are more; <a href=\"/r/40\">record 40</a> leads to all of them."), "{html}");
        assert!(html.contains("<p>And 2 older ones.</p>"), "{html}");
    }

    #[test]
    fn of_many_manifests_the_newest_are_shown_the_others_counted_and_a_redacted_one_is_no_absence() {
        let mut known = known();
        known.1[0].content = None;
        let html = page(&known);
        assert!(html.contains("<p class=\"soft\">redacted</p>") && !html.contains("Nobody has committed"), "{html}");
        known.1 = vec![known.1[0].clone(); MAX_MANIFESTS + 2];
        assert!(page(&known).contains("<p>And 2 older ones.</p>"));
        known.1.clear();
        assert!(page(&known).contains("Nobody has committed"));
    }
}
