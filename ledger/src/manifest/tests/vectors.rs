//! `docs/vectors/content-keys.json`: what this library makes of every row, and that the page shows the same rows.
#![allow(clippy::unwrap_used, clippy::panic)]

use serde::{Deserialize, Serialize};

use crate::ids::{ContentKey, decimal, to_hex};
use crate::manifest::mediawiki::{Namespaces, Title, TitleRefused, Wiki};
use crate::manifest::{
    CanonicalUrl, Host, Iscc, Kind, N1, NotIscc, NotSwhid, Qid, Sha1Name, Swhid, UrlRefused, key, paragraphs, spans,
};

/// A row of the file: what is given, and the form and key of everything of this kind in it, or why there is none.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) kind: String,
    #[serde(rename = "in")]
    pub(super) given: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) times: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) keys: Option<Vec<(String, String)>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refused: Option<String>,
}

impl Row {
    /// The row that this library would write.
    pub(super) fn of(kind: Kind, given: &str, times: Option<usize>) -> Self {
        let text = given.repeat(times.unwrap_or(1));
        let (keys, refused) = match keys(kind, &text) {
            Ok(keys) => (Some(keys.into_iter().map(|(form, key)| (form, to_hex(key.as_bytes()))).collect()), None),
            Err(why) => (None, Some(why.to_owned())),
        };
        Self { kind: kind.as_str().into(), given: given.into(), times, keys, refused }
    }
}

pub(super) const FILE: &str = include_str!("../../../../docs/vectors/content-keys.json");

fn keys(kind: Kind, text: &str) -> Result<Vec<(String, ContentKey)>, &'static str> {
    let one = |form: String, key: ContentKey| Ok(vec![(form, key)]);
    let url = |refused| match refused {
        UrlRefused::Scheme => "scheme",
        UrlRefused::Host => "host",
        UrlRefused::Port => "port",
        UrlRefused::TooLong => "tooLong",
        UrlRefused::Account => "account",
    };
    match kind {
        Kind::RawSha256 => {
            let digest = <sha2::Sha256 as sha2::Digest>::digest(text);
            one(to_hex(&digest), key::raw_sha256(text.as_bytes()))
        }
        Kind::TextN1 => {
            let n1 = N1::of(text);
            one(n1.as_str().into(), key::text_n1(&n1))
        }
        Kind::ParaN1 => Ok(paragraphs(text).map(|n1| (n1.as_str().into(), key::para_n1(&n1))).collect()),
        Kind::SpanN1 => Ok(spans(&N1::of(text)).into_iter().map(|span| (span.clone(), key::span_n1(&span))).collect()),
        Kind::UrlC1 => {
            let url: CanonicalUrl = text.parse().map_err(url)?;
            one(url.to_string(), key::url_c1(&url))
        }
        Kind::Host => {
            let host: Host = text.parse().map_err(url)?;
            one(host.to_string(), key::host(&host))
        }
        Kind::MwPage | Kind::MwRev => {
            let (wiki, number) = text.split_once('|').unwrap();
            let wiki: Wiki = wiki.parse().map_err(|_| "wiki")?;
            let number = decimal(number).map_err(|_| "number")?;
            let make = if kind == Kind::MwPage { key::mw_page } else { key::mw_rev };
            one(format!("{wiki} {number}"), make(&wiki, number))
        }
        Kind::MwTitle => {
            let (wiki, title) = text.split_once('|').unwrap();
            let wiki: Wiki = wiki.parse().map_err(|_| "wiki")?;
            let title = Title::parse(title, &Namespaces::common()).map_err(|refused| match refused {
                TitleRefused::Empty => "empty",
                TitleRefused::TooLong => "tooLong",
                TitleRefused::Character => "character",
                TitleRefused::Form => "form",
                TitleRefused::Account => "account",
            })?;
            one(format!("{wiki} {} {}", title.namespace(), title.text()), key::mw_title(&wiki, &title))
        }
        Kind::MwSha1 => {
            let name: Sha1Name = text.parse().map_err(|_| "sha1")?;
            one(name.to_base36(), key::mw_sha1(&name))
        }
        Kind::MediaSha1 => {
            let name: Sha1Name = text.parse().map_err(|_| "sha1")?;
            one(name.to_hex(), key::media_sha1(&name))
        }
        Kind::WikidataQid => {
            let item: Qid = text.parse().map_err(|_| "qid")?;
            one(item.to_string(), key::wikidata_qid(item))
        }
        Kind::Swhid => {
            let id: Swhid = text.parse().map_err(|refused| match refused {
                NotSwhid::Scheme => "scheme",
                NotSwhid::NotContent => "notContent",
                NotSwhid::Digest => "digest",
            })?;
            one(id.to_string(), key::swhid(&id))
        }
        Kind::Iscc => {
            let code: Iscc = text.parse().map_err(|refused| match refused {
                NotIscc::Base32 => "base32",
                NotIscc::Header => "header",
                NotIscc::Length => "length",
            })?;
            one(code.to_string(), key::iscc(&code))
        }
    }
}

fn rows() -> Vec<Row> {
    serde_json::from_str(FILE).unwrap()
}

/// A key that moves breaks every manifest ever signed.
#[test]
fn every_vector_is_what_the_code_makes() {
    for row in rows() {
        assert_eq!(Row::of(row.kind.parse().unwrap(), &row.given, row.times), row);
    }
}

#[test]
fn every_kind_has_twenty_vectors_that_have_keys() {
    for kind in Kind::ALL {
        let with_keys = rows().iter().filter(|row| row.kind == kind.as_str() && row.keys.is_some()).count();
        assert!(with_keys >= 20, "{kind} has {with_keys}");
    }
}

#[test]
fn the_page_shows_the_vectors_of_the_file() {
    let page = include_str!("../../../../docs/FORMAT-manifest.md");
    for kind in Kind::ALL {
        let table: String = rows().iter().filter(|row| row.kind == kind.as_str()).map(shown).collect();
        let block = format!("<!-- vectors: {kind} -->\n| given | form | key |\n|---|---|---|\n{table}<!-- end -->\n");
        assert!(page.contains(&block), "docs/FORMAT-manifest.md lacks:\n{block}");
    }
    assert_eq!(page.matches("<!-- vectors: ").count(), Kind::ALL.len());
}

/// A row of a table of the page.
fn shown(row: &Row) -> String {
    let times = row.times.map(|times| format!(" × {times}")).unwrap_or_default();
    let given = format!("{}{times}", cell(&row.given));
    match (&row.keys, &row.refused) {
        (Some(keys), _) if !keys.is_empty() => {
            let forms: Vec<String> = keys.iter().map(|(form, _)| cell(form)).collect();
            let keys: Vec<String> = keys.iter().map(|(_, key)| format!("`{key}`")).collect();
            format!("| {given} | {} | {} |\n", forms.join("<br>"), keys.join("<br>"))
        }
        (Some(_), _) => format!("| {given} | none | |\n"),
        (None, why) => format!("| {given} | refused: {} | |\n", why.as_deref().unwrap_or_default()),
    }
}

/// A text as code in a table: ASCII as it is, everything else by its number.
fn cell(text: &str) -> String {
    if text.is_empty() {
        return "(empty)".into();
    }
    let shown: String = text
        .chars()
        .map(|c| match c {
            '\n' => "⏎".into(),
            '|' => "\\|".into(),
            ' '..='~' => c.to_string(),
            _ => format!("\\u{{{:x}}}", u32::from(c)),
        })
        .collect();
    format!("`{shown}`")
}
