//! `colophon manifest build`

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use ledger::manifest::mediawiki::Wiki;
use ledger::manifest::{
    BuildOptions, KeyLen, Kind, Kinds, Numbers, Preset, Progress as Step, ReadOptions, ReaderKind, Stage, Summary,
    build_then, read_summary,
};
use serde_json::json;

use crate::failure::{At, Result};
use crate::files;
use crate::output::{Answer, Output, grouped, short};
use crate::progress::{Progress, Unit};
use crate::session::Session;

/// Build the manifest of a dataset
///
/// Reads a MediaWiki dump, JSON lines, Parquet, CSV or TSV, a WARC archive, a folder of files, or a list of digests (plain,
/// gzip, bzip2 or zstd), and writes one keyspace for each kind of content key. No account becomes a key: user pages and
/// contributor elements are dropped before anything is hashed.
///
/// OUT appears whole or not at all; the same source gives the same bytes, whatever the memory and the threads. The work is
/// done in OUT.partial beside it: if the command is killed there, or the disk is full, the same command run again goes on.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  colophon manifest build enwiki-pages.xml.bz2 --out manifest --license CC-BY-SA-4.0\n  colophon record publish manifest --from manifest --dataset-name enwiki --key lab"
)]
pub(crate) struct Args {
    /// A dump, JSON lines, a table, a web archive, a folder, or a list of digests
    source: PathBuf,
    /// The folder to write; it must be absent or empty
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// Write the report of what was read and left out to this file as well, as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write the numbers of all pages and revisions beside their keys, so that datasets drawn from this dump can be asked by a
    /// bit each. Reads the source twice
    #[arg(long)]
    universe: bool,
    /// The manifest of the dump that this dataset was drawn from, built with --universe: write which of its pages and
    /// revisions are in the dataset, one bit each. Reads the source twice
    #[arg(long, value_name = "DIR", conflicts_with = "universe")]
    over: Option<PathBuf>,
    #[command(flatten)]
    read: SourceArgs,
}

/// How a source is read.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct SourceArgs {
    /// The wiki's database name, for a dump that does not say it
    #[arg(long, value_name = "NAME")]
    wiki: Option<Wiki>,
    /// The licence of items that state none; several hold together
    #[arg(long = "license", value_name = "ID")]
    licenses: Vec<String>,
    /// mediawiki, jsonl, parquet, csv, tsv, warc, folder, digests or digests-binary; found out without it
    #[arg(long, value_name = "READER")]
    reader: Option<ReaderKind>,
    /// The members and columns of a well-known dataset: wikimedia/wikipedia, dolma, fineweb or the-stack-v2
    #[arg(long, value_name = "DATASET")]
    preset: Option<Preset>,
    /// JSON and tables: the member or column that holds the text; `a.b` is member b of a
    #[arg(long, value_name = "NAME")]
    text_field: Option<String>,
    /// JSON and tables: the one that holds the address
    #[arg(long, value_name = "NAME")]
    url_field: Option<String>,
    /// JSON and tables: the one that holds the licence
    #[arg(long, value_name = "NAME")]
    license_field: Option<String>,
    /// JSON and tables: the one that holds the number of the page, with --wiki
    #[arg(long, value_name = "NAME")]
    id_field: Option<String>,
    /// JSON and tables: the one that holds the title of the page, with --wiki
    #[arg(long, value_name = "NAME")]
    title_field: Option<String>,
    /// JSON and tables: one that holds another name of the content, such as swhid=blob_id
    #[arg(long = "name-field", value_name = "KIND=NAME", value_parser = name_field)]
    name_fields: Vec<(Kind, String)>,
    /// Digests: what they are digests of: raw-sha256, text-n1 or para-n1
    #[arg(long, value_name = "KIND", default_value = "raw-sha256")]
    digest_kind: Kind,
    /// The kinds of key to make, with commas: names of kinds, `default` or `all`
    ///
    /// `default` is all that the items have, without span-n1, which gives a key for every 25 characters.
    #[arg(long, value_name = "KINDS", default_value = "default")]
    kinds: Kinds,
    /// Keep 16 bytes of each key in the place of 32
    #[arg(long)]
    compact: bool,
    /// Keep no row beside each key: its licence, how often it came, where first
    #[arg(long)]
    no_meta: bool,
    /// How much memory the process may take, such as 512M or 4G; at least 128M
    #[arg(long, value_name = "SIZE", default_value = "512M", value_parser = memory_size)]
    memory: usize,
    /// How many threads work; all cores without it
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

fn name_field(text: &str) -> Result<(Kind, String), String> {
    let (kind, name) = text.split_once('=').ok_or("expected KIND=NAME, such as swhid=blob_id")?;
    Ok((kind.parse().map_err(|e: ledger::Error| e.detail().to_owned())?, name.to_owned()))
}

/// The least memory: the program, its threads' items and some rows.
const LEAST_MEMORY: usize = 128 << 20;

fn memory_size(text: &str) -> Result<usize, String> {
    let (digits, shift) = match text.as_bytes().last() {
        Some(b'K' | b'k') => (&text[..text.len() - 1], 10),
        Some(b'M' | b'm') => (&text[..text.len() - 1], 20),
        Some(b'G' | b'g') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let size = digits.parse().ok().and_then(|number: usize| number.checked_mul(1 << shift));
    let size = size.ok_or("expected a number of bytes, or one with K, M or G behind it")?;
    if size < LEAST_MEMORY { Err("at least 128M".into()) } else { Ok(size) }
}

impl SourceArgs {
    pub(crate) fn options(&self) -> BuildOptions {
        let license = match self.licenses.as_slice() {
            [] => ReadOptions::default().license,
            all => all.join(" AND "),
        };
        let mut fields = self.preset.map(Preset::fields).unwrap_or_default();
        let set = |field: &mut String, given: &Option<String>| {
            if let Some(name) = given {
                field.clone_from(name);
            }
        };
        set(&mut fields.text, &self.text_field);
        set(&mut fields.url, &self.url_field);
        set(&mut fields.id, &self.id_field);
        set(&mut fields.title, &self.title_field);
        if self.license_field.is_some() {
            fields.license.clone_from(&self.license_field);
        }
        fields.names.extend_from_slice(&self.name_fields);
        let usual = BuildOptions::default();
        BuildOptions {
            read: ReadOptions {
                kinds: self.kinds,
                reader: self.reader,
                wiki: self.wiki.clone(),
                license,
                fields,
                digest_kind: self.digest_kind,
            },
            key_len: if self.compact { KeyLen::Compact } else { KeyLen::Full },
            has_meta: !self.no_meta,
            memory: self.memory,
            threads: self.threads.unwrap_or(usual.threads),
        }
    }
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let mut last = |folder: &Path| match args.universe || args.over.is_some() {
        true => with_numbers(args, folder, session),
        false => read_summary(folder),
    };
    let summary = make(&args.source, &args.out, &args.read, session, &mut last)?;
    let report = &summary.report;
    if let Some(path) = &args.report {
        let mut bytes = serde_json::to_vec_pretty(report).unwrap_or_default();
        bytes.push(b'\n');
        files::write(path, &bytes)?;
    }
    let list = |counts: &std::collections::BTreeMap<String, u64>| {
        counts.iter().map(|(why, n)| format!("{} {why}", grouped(*n))).collect::<Vec<_>>().join(", ")
    };
    let mut text = table(&summary, session.out);
    let (pushed, unique) = report.keys.iter().fold((0, 0), |(p, u), count| (p + count.pushed, u + count.unique));
    text.push_str(&format!(
        "\n\n{} items keyed: {} keys, {} unique, {} duplicates",
        grouped(report.items),
        grouped(pushed),
        grouped(unique),
        grouped(pushed - unique)
    ));
    if !report.dropped.is_empty() {
        text.push_str(&format!("; dropped: {}", list(&report.dropped)));
    }
    if !report.without.is_empty() {
        text.push_str(&format!("; keys left out: {}", list(&report.without)));
    }
    text.push_str(&format!("\nmanifest  {}", args.out.display()));
    text.push_str(&format!(
        "\nnext      colophon record publish manifest --from {} --dataset-name NAME --key KEY",
        args.out.display()
    ));
    let mut json = json!(summary);
    json["dir"] = files::to_json(&args.out);
    Ok(Answer::new(text, json))
}

/// Adds the universe or the bitmap to a manifest that is not yet OUT.
fn with_numbers(args: &Args, folder: &Path, session: &Session) -> ledger::Result<Summary> {
    let total = std::fs::metadata(&args.source).ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
    let progress = session.out.progress("reading numbers", total, Unit::Bytes);
    let numbers = Numbers::read(&args.source, &args.read.options().read, &mut |bytes| progress.set(bytes))?;
    match &args.over {
        None => numbers.write_universe(folder),
        Some(universe) => numbers.write_bitmap(folder, universe),
    }
}

/// Builds a manifest and shows how far it is.
pub(crate) fn make(
    source: &Path,
    out: &Path,
    read: &SourceArgs,
    session: &Session,
    last: &mut dyn FnMut(&Path) -> ledger::Result<Summary>,
) -> Result<Summary> {
    let bar: Mutex<Option<(Stage, Progress<'_>)>> = Mutex::new(None);
    let told = |step: Step| {
        let mut bar = bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if bar.as_ref().is_none_or(|(stage, _)| *stage != step.stage) {
            let (what, unit) = match step.stage {
                Stage::Resuming => ("reading again what was read", Unit::Bytes),
                Stage::Reading => ("reading", Unit::Bytes),
                Stage::Merging => ("merging", Unit::Things("keys")),
            };
            *bar = Some((step.stage, session.out.progress(what, step.total, unit)));
        }
        if let Some((_, bar)) = bar.as_ref() {
            bar.set(step.done);
        }
    };
    // A bar is over when what it counts is.
    let mut last = |folder: &Path| {
        drop(bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take());
        last(folder)
    };
    build_then(source, out, &read.options(), &told, &mut last).at(source.display())
}

/// The keyspaces of a manifest as a table.
pub(crate) fn table(summary: &Summary, out: &Output) -> String {
    let rows = summary.keyspaces.iter().map(|row| {
        [
            row.spec.clone(),
            grouped(row.n),
            row.t.to_string(),
            row.disclosure.as_str().to_owned(),
            short(&row.id.to_hex()),
        ]
    });
    out.table(["SPEC", "KEYS", "T", "DISCLOSURE", "KEYSPACE"], rows)
}
