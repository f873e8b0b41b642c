//! What somebody committed to: the keyspaces of a manifest, and how much each says.

use askama::Template;
use askama::filters::HtmlSafe;
use ledger::ids::{LeafIndex, UnixMillis};
use ledger::record::kinds::Disclosure;
use serde_json::Value;

use super::moment::Moment;
use super::parts::{Speaker, thousands};
use super::said::{Allowance, Said};
use super::seen::Seen;

/// How many keyspaces of one manifest are listed.
const MAX_KEYSPACES: usize = 12;

/// One manifest.
#[derive(Debug, Template)]
#[template(path = "contents.html")]
pub struct ManifestCard {
    index: LeafIndex,
    speaker: Option<Speaker>,
    received: Moment,
    undone: Option<(&'static str, LeafIndex)>,
    redacted: bool,
    keyspaces: Vec<KeyspaceLine>,
    more: usize,
}

impl HtmlSafe for ManifestCard {}

/// One keyspace.
#[derive(Debug)]
struct KeyspaceLine {
    id: String,
    what: Said,
    n: String,
    disclosure: &'static str,
    coverage: Option<Said>,
    held: bool,
}

impl ManifestCard {
    /// What the manifest `seen` says about the dataset that `card` describes. `held` says whether this server holds the files of
    /// a keyspace.
    pub fn new(
        seen: &Seen,
        card: &Seen,
        held: &dyn Fn(&str) -> bool,
        now: UnixMillis,
        allowance: &mut Allowance,
    ) -> Self {
        let list = seen.member(&["keyspaces"]).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let keyspaces = list.iter().take(MAX_KEYSPACES).map(|row| KeyspaceLine::new(row, held, allowance));
        let keyspaces: Vec<KeyspaceLine> = keyspaces.collect();
        Self {
            index: seen.index,
            speaker: (seen.issuer != card.issuer).then(|| seen.speaker(allowance)),
            received: Moment::new(seen.received, now),
            undone: seen.undone(),
            redacted: seen.content.is_none(),
            more: list.len() - keyspaces.len(),
            keyspaces,
        }
    }
}

impl KeyspaceLine {
    fn new(row: &Value, held: &dyn Fn(&str) -> bool, allowance: &mut Allowance) -> Self {
        let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
        let form = row.get("form").and_then(Value::as_str).map_or(String::new(), |form| format!(", as {form}"));
        let coverage = row.get("coverage").map(|value| match value {
            Value::String(text) => allowance.said(text, 300),
            other => allowance.said(&other.to_string(), 300),
        });
        Self {
            id: text("id").to_owned(),
            what: allowance.said(&format!("{}{form}", content_words(text("kind"))), 120),
            n: thousands(row.get("n").and_then(Value::as_u64).unwrap_or(0)),
            disclosure: text("disclosure").parse().map_or("", disclosure_words),
            coverage,
            held: held(text("id")),
        }
    }
}

/// What content of a kind is asked for by, in words.
fn content_words(kind: &str) -> &str {
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
        "mw-sha1" => "Wiki revisions, by SHA-1",
        "wikidata-qid" => "Wikidata items",
        "swhid" => "Software Heritage identifiers",
        "media-sha1" => "Media files, by SHA-1",
        "iscc" => "ISCC codes",
        other => other,
    }
}

/// How much a keyspace says, in words.
const fn disclosure_words(disclosure: Disclosure) -> &'static str {
    match disclosure {
        Disclosure::Closed => "closed: committed to, shown among a thousand keys only",
        Disclosure::Partial => "partial: what is not found is unknown",
        Disclosure::Complete => "says to be complete: what is not found is absent",
    }
}
