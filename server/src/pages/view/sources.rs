//! Which datasets a model was trained on, or which models on a dataset: totals of all, and a page of the list.

use std::collections::BTreeSet;

use askama::Template;
use askama::filters::HtmlSafe;
use ledger::ids::{LeafIndex, RecordId};
use ledger::record::terms::NO_ASSERTION;

use super::facts::is_address;
use super::parts::{Speaker, thousands};
use super::said::{Allowance, Said};
use super::seen::Seen;

/// Lines of a list on one page: at 400 bytes of markup each, 12 KB.
pub const PER_PAGE: usize = 30;

/// All sources in numbers, and some of them in full.
#[derive(Debug, Template)]
#[template(path = "sources.html")]
pub struct Sources {
    /// How many records there are.
    pub total: usize,
    counted: String,
    pairs: Option<(String, usize)>,
    items: Option<(String, usize)>,
    relations: Vec<(String, usize)>,
    categories: Vec<(String, usize)>,
    uncounted: Option<String>,
    lines: Vec<SourceLine>,
    from: usize,
    earlier: Option<String>,
    later: Option<String>,
    capped: bool,
}

impl HtmlSafe for Sources {}

#[derive(Debug)]
struct SourceLine {
    index: LeafIndex,
    name: Said,
    href: Option<String>,
    uri: Option<(Option<String>, Said)>,
    how: String,
    count: Option<String>,
    speaker: Option<Speaker>,
    undone: Option<(&'static str, LeafIndex)>,
    expired: bool,
}

/// How a page of the list is cut out.
#[derive(Debug, Clone, Copy)]
pub struct Cut<'a> {
    /// The first line that is shown.
    pub from: usize,
    /// The address of the page, without a query.
    pub path: &'a str,
    /// Whether there are more records than were read.
    pub capped: bool,
}

/// What the lines of a list name.
pub enum Other<'a> {
    /// The datasets, said by the party `0` unless a line says otherwise.
    Datasets(&'a str),
    /// The models, each named by the function.
    Models(&'a dyn Fn(&Seen) -> (Option<String>, String)),
}

impl Sources {
    /// The sources `all`, in the order of the log.
    pub fn new(all: &[Seen], other: &Other<'_>, cut: Cut<'_>, allowance: &mut Allowance) -> Self {
        // A source that another source of the list corrects would be counted twice.
        let listed: BTreeSet<LeafIndex> = all.iter().map(|source| source.index).collect();
        let corrected = |source: &&Seen| source.fate.corrected_by.iter().any(|by| listed.contains(by));
        let replaced: BTreeSet<LeafIndex> = all.iter().filter(corrected).map(|source| source.index).collect();
        let read: Vec<&Seen> = all.iter().filter(|source| source.content.is_some()).collect();
        let counts = |source: &&Seen| source.fate.is_live() && !replaced.contains(&source.index);
        let counting: Vec<&Seen> = read.iter().copied().filter(counts).collect();
        let sum = |member: &str| {
            let stated: Vec<u64> = counting.iter().filter_map(|source| source.number(&[member])).collect();
            let total = stated.iter().fold(0u64, |sum, n| sum.saturating_add(*n));
            (!stated.is_empty()).then(|| (thousands(total), stated.len()))
        };
        let from = cut.from.min(all.len().saturating_sub(1)) / PER_PAGE * PER_PAGE;
        let lines = all.iter().skip(from).take(PER_PAGE).map(|source| line(source, other, allowance)).collect();
        let page = |from: usize| format!("{}?from={from}#sources", cut.path);
        Self {
            total: all.len(),
            counted: thousands(all.len() as u64),
            pairs: sum("pairs"),
            items: sum("items"),
            relations: count(&counting, |source| relation_words(source.text(&["relation"]).unwrap_or_default())),
            categories: count(&counting, |source| category_words(source.text(&["category"]).unwrap_or(NO_ASSERTION))),
            uncounted: uncounted(all, &replaced),
            lines,
            from,
            earlier: (from > 0).then(|| page(from.saturating_sub(PER_PAGE))),
            later: (from + PER_PAGE < all.len()).then(|| page(from + PER_PAGE)),
            capped: cut.capped,
        }
    }
}

/// How many records count for nothing, and why, in words; `None` if all count.
fn uncounted(all: &[Seen], replaced: &BTreeSet<LeafIndex>) -> Option<String> {
    let why = |source: &Seen| match &source.fate {
        fate if source.content.is_none() || fate.redacted_by.is_some() => Some("redacted"),
        fate if fate.superseded_by.is_some() || fate.taken_back_by.is_some() => Some("superseded or taken back"),
        fate if fate.expired => Some("run out"),
        _ if replaced.contains(&source.index) => Some("corrected by another of the list"),
        _ => None,
    };
    let counted = |word: &'static str| all.iter().filter(|source| why(source) == Some(word)).count();
    let words = ["superseded or taken back", "run out", "corrected by another of the list", "redacted"];
    let counts = words.into_iter().map(|word| (counted(word), word)).filter(|(n, _)| *n > 0);
    let counts: Vec<String> = counts.map(|(n, word)| format!("{} {word}", thousands(n as u64))).collect();
    (!counts.is_empty()).then(|| format!("{}; not counted below", counts.join(", ")))
}

fn line(source: &Seen, other: &Other<'_>, allowance: &mut Allowance) -> SourceLine {
    let how = [source.text(&["relation"]).map(relation_words), source.text(&["category"]).map(category_words)];
    let count = [("pairs", source.number(&["pairs"])), ("items", source.number(&["items"]))];
    let (name, href, uri, usual) = match other {
        Other::Datasets(issuer) => {
            let uri = source.text(&["dataset", "uri"]).filter(|uri| !uri.is_empty());
            let uri = uri.map(|uri| {
                let said = allowance.said(uri, 160);
                let address = (is_address(uri) && !said.is_cut()).then(|| uri.to_owned());
                allowance.spend(address.as_ref().map_or(0, String::len));
                (address, said)
            });
            let href = source.reference(&["dataset", "record"]).map(|id: RecordId| format!("/d/{id}"));
            (source.about(), href, uri, Some(*issuer))
        }
        Other::Models(name) => {
            let (href, name) = name(source);
            (Some(name).filter(|_| source.content.is_some()), href, None, None)
        }
    };
    SourceLine {
        index: source.index,
        name: allowance.said(name.as_deref().unwrap_or("redacted"), 120),
        href,
        uri,
        how: how.into_iter().flatten().collect::<Vec<_>>().join(" · "),
        count: count.into_iter().find_map(|(word, n)| Some(format!("{} {word}", thousands(n?)))),
        // Who says so is on the page already where it is the issuer of the card.
        speaker: (usual != Some(source.issuer.as_str())).then(|| source.speaker(allowance)),
        undone: source.undone(),
        expired: source.fate.expired,
    }
}

fn count(sources: &[&Seen], by: impl Fn(&Seen) -> &'static str) -> Vec<(String, usize)> {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for source in sources {
        let word = by(source);
        match counts.iter_mut().find(|(other, _)| other == word) {
            Some((_, n)) => *n += 1,
            None => counts.push((word.to_owned(), 1)),
        }
    }
    counts.sort_by_key(|(_, n)| core::cmp::Reverse(*n));
    counts
}

/// How the model used it, in words.
fn relation_words(relation: &str) -> &'static str {
    match relation {
        "trainedOn" => "trained on",
        "pretrainedOn" => "pre-trained on",
        "finetunedOn" => "fine-tuned on",
        "testedOn" => "tested on",
        _ => "used in another way",
    }
}

/// The category of the EU's public summary, in words.
fn category_words(category: &str) -> &'static str {
    match category {
        "publicDataset" => "public dataset",
        "privateLicensed" => "private, licensed",
        "privateOther" => "private, from others",
        "crawled" => "crawled",
        "userData" => "user data",
        "synthetic" => "synthetic",
        "other" => "other",
        _ => "category not asserted",
    }
}

#[cfg(test)]
pub(crate) mod fixture {
    use super::super::seen::fixture::seen;
    use super::*;
    use serde_json::json;

    /// Sources as a real embedding model declares them: names, addresses, pairs, no digests.
    pub(crate) fn sources(card: RecordId, n: u64) -> Vec<Seen> {
        let one = |i: u64| {
            let predicate = json!({"relation": "finetunedOn", "category": if i.is_multiple_of(5) { "crawled" } else { "publicDataset" },
                "dataset": {"name": format!("reddit-title-body/{i:03}.jsonl.gz"), "digest": "noAssertion",
                    "uri": format!("https://example.org/embedding-training-data/part-{i}.jsonl.gz")},
                "pairs": 4_034_691 + i, "issuer": {"id": "heron-lab", "name": "Heron Lab"}});
            seen(20 + i, "training-source", "heron-lab", &card.to_reference(), predicate)
        };
        (0..n).map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::seen::fixture::id;
    use super::*;

    fn html(all: &[Seen], from: usize) -> String {
        let cut = Cut { from, path: "/m/x", capped: false };
        Sources::new(all, &Other::Datasets("heron-lab"), cut, &mut Allowance::default()).to_string()
    }

    #[test]
    fn totals_are_of_all_sources_and_the_list_is_paged() {
        let all = fixture::sources(id("card"), 290);
        let first = html(&all, 0);
        assert!(first.contains("290") && first.contains("1,170,102,295"), "{first}");
        assert_eq!(first.matches("<li value=").count(), PER_PAGE);
        assert!(first.contains("?from=30#sources") && !first.contains("Earlier"));
        let last = html(&all, 285);
        assert_eq!(last.matches("<li value=").count(), 20);
        assert!(last.contains("?from=240#sources") && !last.contains("Later"));
        assert_eq!(
            html(&all, usize::MAX).matches("<li value=").count(),
            20,
            "a number beyond the list is its last page"
        );
        assert!(html(&[], 0).contains("No record"));
    }

    #[test]
    fn what_does_not_count_is_counted_by_the_reason() {
        let mut all = fixture::sources(id("card"), 6);
        assert!(!html(&all, 0).contains("not counted below"));
        all[0].fate.taken_back_by = Some(LeafIndex(90));
        all[1].fate.expired = true;
        all[2].fate.corrected_by = vec![all[3].index];
        all[4].content = None;
        let html = html(&all, 0);
        let counts =
            "1 superseded or taken back, 1 run out, 1 corrected by another of the list, 1 redacted; not counted";
        assert!(html.contains(counts), "{html}");
        assert_eq!(html.matches(">ran out</span>").count(), 1, "{html}");
        assert!(html.contains("sum of 2 records"), "{html}");
    }

    #[test]
    fn a_redacted_source_stays_in_the_list() {
        let mut all = fixture::sources(id("card"), 2);
        all[0].content = None;
        let html = html(&all, 0);
        assert!(html.contains("redacted") && html.contains("/r/20"), "{html}");
    }
}
