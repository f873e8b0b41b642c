//! From a source to a manifest: every keyspace that its items have, from one reading of it.
//!
//! ```text
//! DIR/manifest.json            the summary: rows for the `manifest` record, and a report of what was read
//! DIR/<keyspace id>/…          one folder a keyspace, see file.rs
//! ```
//!
//! DIR appears when all of it is durable, or not at all. The summary is not signed and proves nothing: what counts is what
//! the issuer signs into the ledger. No path, title or text of the source reaches any of these files.

mod reading;
mod work;
mod writing;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::ids::KeyspaceId;
use crate::manifest::builder::all_cores;
use crate::manifest::disk::{io_error, write_file};
use crate::manifest::header::{BUILDER, Source};
use crate::manifest::keyspace::{Declaration, KeyLen};
use crate::manifest::kind::{Form, Kind, Spec};
use crate::manifest::reader::ReadOptions;
use crate::manifest::shown;
use work::{State, Work};

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
    /// Whether every key gets a row: its license, how often it came, where first.
    pub has_meta: bool,
    /// How many bytes the whole process may hold, the items that it reads included as long as none is larger than 4 MiB.
    pub memory: usize,
    /// How many threads make keys and sort.
    pub threads: NonZeroUsize,
}

/// The memory of a build if nobody says otherwise.
pub const DEFAULT_MEMORY: usize = 512 << 20;

impl Default for BuildOptions {
    fn default() -> Self {
        Self {
            read: ReadOptions::default(),
            key_len: KeyLen::Full,
            has_meta: true,
            memory: DEFAULT_MEMORY,
            threads: all_cores(),
        }
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

/// Which part of a build is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// What an earlier process read is read again, and held against what it read.
    Resuming,
    /// The source is read and its keys are made; in bytes of the source as it is stored.
    Reading,
    /// The keys are merged; in keys.
    Merging,
}

/// How far a build has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The part.
    pub stage: Stage,
    /// How much of it is done.
    pub done: u64,
    /// Of how much, where that is known.
    pub total: Option<u64>,
    /// Items read so far.
    pub items: u64,
}

/// Builds the manifest of a source into `out`, which must be absent or empty.
///
/// The work is done in the folder `OUT.partial` beside it. A process that was killed there, or stopped because the disk
/// was full, left its finished parts; the same call goes on from them, and comes to the same bytes. `progress` is told
/// how far it is, by several threads.
///
/// # Errors
/// `usage` for a source that is not there or empty; `output_exists`, `work_locked` or `work_differs` for a folder that is
/// taken; `source_invalid`, `wiki_unknown` and the other refusals of a reader; `too_large` if the memory is too small to
/// sort in; `file_access`; `disk_full`, after which the same call goes on.
pub fn build(
    source: &Path,
    out: &Path,
    options: &BuildOptions,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Summary> {
    build_then(source, out, options, progress, &mut read_summary)
}

/// Builds like [`build`], and lets `last` add to the folder before it is OUT; what `last` answers is the summary. A build
/// that ends in `last` goes on there.
///
/// # Errors
/// Those of [`build`], and those of `last`.
pub fn build_then(
    source: &Path,
    out: &Path,
    options: &BuildOptions,
    progress: &(dyn Fn(Progress) + Sync),
    last: &mut dyn FnMut(&Path) -> Result<Summary>,
) -> Result<Summary> {
    let (mut work, state) = Work::open(out, &plan(source, options)?)?;
    match fill(source, options, &mut work, &state, progress, last) {
        Ok(summary) => work.publish().map(|()| summary),
        Err(error) => {
            work.abandon(&error);
            Err(error)
        }
    }
}

fn fill(
    source: &Path,
    options: &BuildOptions,
    work: &mut Work,
    state: &State,
    progress: &(dyn Fn(Progress) + Sync),
    last: &mut dyn FnMut(&Path) -> Result<Summary>,
) -> Result<Summary> {
    let read = reading::read(source, options, work, state, progress)?;
    let summary = writing::write(read, options, work, state, progress)?;
    let mut bytes = serde_json::to_vec_pretty(&summary).map_err(|e| Error::new(Code::Internal, e.to_string()))?;
    bytes.push(b'\n');
    let path = work.staging().join("manifest.json");
    write_file(path, &bytes)?;
    last(&work.staging())
}

/// What must be the same for a build to go on: everything that the bytes of the output follow from, but for the source's
/// own bytes, which are compared when they are read again. Memory and threads are not among it.
fn plan(source: &Path, options: &BuildOptions) -> Result<String> {
    let BuildOptions { read, key_len, has_meta, memory: _, threads: _ } = options;
    let about = std::fs::metadata(source).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => {
            Error::new(Code::Usage, "there is no such file").at(source.display().to_string())
        }
        _ => io_error(source, &e),
    })?;
    if about.is_file() && about.len() == 0 {
        // What a download leaves that failed is not a dataset that holds nothing.
        return Err(Error::new(Code::Usage, "the file is empty").at(source.display().to_string()));
    }
    let bytes = if about.is_dir() { 0 } else { about.len() };
    Ok(format!("{BUILDER}; {} {}; {bytes} bytes; {read:?}; {key_len:?}; {has_meta}", FORMAT, env!("CARGO_PKG_VERSION")))
}

/// Reads the summary of a folder that [`build`] made.
///
/// # Errors
/// `file_access` if there is none; `manifest_invalid` if it is of another form or larger than 1 MiB.
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
