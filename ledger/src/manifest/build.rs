//! From a source to a manifest: every keyspace that its items have, built side by side in one pass.
//!
//! ```text
//! DIR/manifest.json            the summary: rows for the `manifest` record, and a report of what was read
//! DIR/<keyspace id>/…          one folder a keyspace, see file.rs
//! ```
//!
//! DIR appears when all of it is durable, or not at all. The summary is not signed and proves nothing: what counts is what
//! the issuer signs into the ledger. No path, title or text of the source reaches any of these files.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::ids::KeyspaceId;
use crate::manifest::builder::{Builder, Item};
use crate::manifest::disk::{Staging, io_error, write_file};
use crate::manifest::header::{About, Source};
use crate::manifest::keying::Keyer;
use crate::manifest::keyspace::{Declaration, KeyLen};
use crate::manifest::kind::{Form, Kind, Spec};
use crate::manifest::reader::{Progress, Read, ReadItem, ReadOptions, Skip, read};
use crate::manifest::shown;

mod numbers;
mod sample;

pub use numbers::Numbers;
pub use sample::{Sampled, sample};

/// The largest `manifest.json`: 256 keyspaces of 2 KiB each are a half.
const MAX_SUMMARY: u64 = 1 << 20;

const FORMAT: &str = "colophon/manifest-summary/v1";

/// How a manifest is built.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// How the source is read.
    pub read: ReadOptions,
    /// How many bytes of each key are kept.
    pub key_len: KeyLen,
}

impl Default for BuildOptions {
    fn default() -> Self {
        Self { read: ReadOptions::default(), key_len: KeyLen::Full }
    }
}

/// The content of `manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Summary {
    /// The format of this file.
    pub format: String,
    /// What was read.
    pub source: Source,
    /// The rows for a `manifest` record.
    pub keyspaces: Vec<Declaration>,
    /// What came of it.
    pub report: Report,
}

/// What a build read and what it left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Report {
    /// Items that were keyed.
    pub items: u64,
    /// Items that were dropped whole, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// Ways of asking for an item that are missing, by reason.
    pub without: BTreeMap<String, u64>,
    /// Code points of texts that the pinned Unicode version does not assign.
    pub unassigned: u64,
    /// Each keyspace's keys.
    pub keys: Vec<KeyCount>,
}

/// How many keys went into a keyspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyCount {
    /// The keyspace.
    pub id: KeyspaceId,
    /// Its spec.
    pub spec: String,
    /// Keys that were pushed.
    pub pushed: u64,
    /// Keys that it holds.
    pub unique: u64,
    /// Keys that were there already.
    pub duplicates: u64,
}

/// Builds the manifest of a source into `out`, which must be absent or empty.
pub fn build(
    source: &Path,
    out: &Path,
    options: &BuildOptions,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Summary> {
    // The folder first: a long build must not end in "the output exists".
    let staging = Staging::beside(out)?;
    let mut keyspaces = Keyspaces::new(options);
    let source = read(source, &options.read, &mut |read| keyspaces.take(read), progress)?;
    let summary = keyspaces.finish(staging.path(), source)?;
    let mut bytes = serde_json::to_vec_pretty(&summary).map_err(|e| Error::new(Code::Internal, e.to_string()))?;
    bytes.push(b'\n');
    write_file(staging.path().join("manifest.json"), &bytes)?;
    staging.publish(out)?;
    Ok(summary)
}

/// Reads the summary of a folder that [`build`] made.
pub fn read_summary(folder: &Path) -> Result<Summary> {
    let path = folder.join("manifest.json");
    let wrong = |detail: String| Error::new(Code::ManifestInvalid, detail).at(path.display().to_string());
    let len = std::fs::metadata(&path).map_err(|e| io_error(&path, &e))?.len();
    if len > MAX_SUMMARY {
        return Err(wrong(format!("{len} bytes, at most {MAX_SUMMARY}")));
    }
    let bytes = std::fs::read(&path).map_err(|e| io_error(&path, &e))?;
    let summary: Summary = serde_json::from_slice(&bytes).map_err(|e| wrong(e.to_string()))?;
    if summary.format != FORMAT {
        return Err(wrong(format!("another format: {}", shown(&summary.format))));
    }
    Ok(summary)
}

/// The keyspaces of one source while it is read.
struct Keyspaces<'a> {
    options: &'a BuildOptions,
    keyer: Keyer,
    builders: BTreeMap<Spec, Builder>,
    /// Licenses in the order of their first item, with their places.
    licenses: BTreeMap<String, u16>,
    items: u64,
    /// Items that have a text that was not read.
    unread: u64,
    report: Report,
}

impl<'a> Keyspaces<'a> {
    fn new(options: &'a BuildOptions) -> Self {
        Self {
            options,
            keyer: Keyer::new(options.read.kinds),
            builders: BTreeMap::new(),
            licenses: BTreeMap::from([(options.read.license.clone(), 0)]),
            items: 0,
            unread: 0,
            report: Report::default(),
        }
    }

    fn take(&mut self, read: Read) -> Result<()> {
        match read {
            Read::Item(item) => self.item(&item),
            Read::Dropped(skip) => {
                // It keeps its place in the source, so that ordinals can be counted by others.
                self.items += 1;
                *self.report.dropped.entry(skip.as_str().into()).or_default() += 1;
                Ok(())
            }
            Read::Without(skip) => {
                if skip == Skip::TooLarge {
                    self.unread += 1;
                }
                *self.report.without.entry(skip.as_str().into()).or_default() += 1;
                Ok(())
            }
        }
    }

    fn item(&mut self, item: &ReadItem) -> Result<()> {
        let license = self.license(item.license.as_deref())?;
        let about = Item { license, ordinal: self.items };
        self.items += 1;
        self.report.items += 1;
        let Self { keyer, builders, options, .. } = self;
        self.report.unassigned += keyer.item(item, &mut |spec, key| {
            let builder = builders.entry(spec).or_insert_with(|| Builder::new(spec).key_len(options.key_len));
            builder.push(key, about)
        })?;
        Ok(())
    }

    fn license(&mut self, stated: Option<&str>) -> Result<u16> {
        let Some(stated) = stated else { return Ok(0) };
        if let Some(place) = self.licenses.get(stated) {
            return Ok(*place);
        }
        let place = u16::try_from(self.licenses.len())
            .map_err(|_| Error::new(Code::TooMany, "the items have more than 65,535 different licenses"))?;
        self.licenses.insert(stated.to_owned(), place);
        Ok(place)
    }

    fn finish(mut self, folder: &Path, source: Source) -> Result<Summary> {
        if self.builders.is_empty() {
            return Err(Error::new(Code::SourceInvalid, "nothing in the source gives a key"));
        }
        let mut licenses: Vec<(u16, String)> = self.licenses.into_iter().map(|(text, place)| (place, text)).collect();
        licenses.sort();
        let licenses: Vec<String> = licenses.into_iter().map(|(_, text)| text).collect();
        let mut rows = Vec::new();
        for (spec, builder) in self.builders {
            let pushed = builder.pushed();
            let coverage = coverage(spec);
            let about = About { source: source.clone(), coverage: coverage.into(), licenses: licenses.clone() };
            let (header, keyspace) = builder.finish(folder, about)?;
            let mut row = header.to_declaration(&keyspace);
            if spec.kind().is_text() && self.unread > 0 {
                row.disclosure = "partial".into();
            }
            rows.push(row);
            self.report.keys.push(KeyCount {
                id: keyspace.id(),
                spec: spec.to_string(),
                pushed,
                unique: keyspace.n(),
                duplicates: header.duplicates(),
            });
        }
        Ok(Summary { format: FORMAT.into(), source, keyspaces: rows, report: self.report })
    }
}

/// What the keys of a spec cover, in words for whoever reads an answer.
const fn coverage(spec: Spec) -> &'static str {
    match (spec.kind(), spec.form(), spec.rendering()) {
        (Kind::RawSha256, ..) => "The bytes of every item: of a file, or of the text as the data file holds it.",
        (Kind::TextN1, _, Some(_)) => {
            "The whole text of every wikitext page as a reader would copy it, without what templates, tables, footnotes \
             and formulas show."
        }
        (Kind::ParaN1, _, Some(_)) => {
            "Every paragraph of at least 50 characters of every wikitext page as a reader would copy it; tables, \
             footnotes and formulas are not covered, and a paragraph in which a template shows text is covered without \
             that text."
        }
        (Kind::TextN1, Some(Form::Wikitext), _) => "The whole source of every page.",
        (Kind::ParaN1, Some(Form::Wikitext), _) => "Every line of at least 50 characters of the source of every page.",
        (Kind::TextN1, ..) => "The whole text of every item that is text.",
        (Kind::ParaN1, ..) => "Every line of at least 50 characters of every item that is text.",
        (Kind::SpanN1, _, Some(_)) => {
            "Of every wikitext page as a reader would copy it, without what templates, tables, footnotes and formulas show, \
             a piece of every run of 99 characters."
        }
        (Kind::SpanN1, Some(Form::Wikitext), _) => "A piece of every run of 99 characters of the source of every page.",
        (Kind::SpanN1, ..) => "A piece of every run of 99 characters of every item that is text.",
        (Kind::Host, ..) => "The host of every item that has an address; pages of accounts are left out.",
        (Kind::UrlC1, ..) => "The address of every item that has one; pages of accounts are left out.",
        (Kind::MwPage, ..) => "The page of every revision; pages of accounts are left out.",
        (Kind::MwRev, ..) => "Every revision in the source; pages of accounts are left out.",
        (Kind::MwTitle, ..) => "The title of every page at the time of the source; pages of accounts are left out.",
        (Kind::MwSha1, ..) => "The text of every revision that has one; pages of accounts are left out.",
        (Kind::WikidataQid, ..) => "The Wikidata item of every item that has one.",
        (Kind::Swhid, ..) => "The content of every file that has a Software Heritage identifier.",
        (Kind::MediaSha1, ..) => "The bytes of every file that is not text.",
        (Kind::Iscc, ..) => "The content code of every item that has one.",
    }
}

#[cfg(test)]
mod tests;
