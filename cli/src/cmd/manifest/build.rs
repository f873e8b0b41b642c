//! `colophon manifest build`

use std::path::{Path, PathBuf};

use ledger::manifest::mediawiki::Wiki;
use ledger::manifest::{BuildOptions, KeyLen, Kind, Kinds, Numbers, ReadOptions, ReaderKind, Summary, build};
use serde_json::json;

use crate::failure::{At, Result};
use crate::output::{Answer, Output, grouped, short};
use crate::progress::Unit;
use crate::session::Session;

/// Build the manifest of a dataset
///
/// Reads a MediaWiki dump (plain, gzip, bzip2), JSON lines, a folder of files, or a list of digests, and writes one
/// keyspace for each kind of content key. No account becomes a key: user pages and contributor elements are dropped before
/// anything is hashed. OUT appears whole or not at all; the same source gives the same bytes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  colophon manifest build enwiki-pages.xml.bz2 --out manifest --license CC-BY-SA-4.0\n  colophon record publish manifest --from manifest --dataset-name enwiki --key lab"
)]
pub(crate) struct Args {
    /// A dump, JSON lines, a folder, or a list of digests
    source: PathBuf,
    /// The folder to write; it must be absent or empty
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
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
    /// mediawiki, jsonl, folder or digests; found out without it
    #[arg(long, value_name = "READER")]
    reader: Option<ReaderKind>,
    /// JSON lines: the member that holds the text
    #[arg(long, value_name = "NAME", default_value = "text")]
    text_field: String,
    /// JSON lines: the member that holds the address
    #[arg(long, value_name = "NAME", default_value = "url")]
    url_field: String,
    /// JSON lines: the member that holds the licence
    #[arg(long, value_name = "NAME")]
    license_field: Option<String>,
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
}

impl SourceArgs {
    pub(crate) fn options(&self) -> BuildOptions {
        let license = match self.licenses.as_slice() {
            [] => ReadOptions::default().license,
            all => all.join(" AND "),
        };
        BuildOptions {
            read: ReadOptions {
                kinds: self.kinds,
                reader: self.reader,
                wiki: self.wiki.clone(),
                license,
                text_field: self.text_field.clone(),
                url_field: self.url_field.clone(),
                license_field: self.license_field.clone(),
                digest_kind: self.digest_kind,
            },
            key_len: if self.compact { KeyLen::Compact } else { KeyLen::Full },
        }
    }
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let mut summary = make(&args.source, &args.out, &args.read, session)?;
    if args.universe || args.over.is_some() {
        summary = match with_numbers(args, session) {
            Ok(summary) => summary,
            Err(error) => {
                // OUT appears whole or not at all, and it was not there before this run.
                let _ = std::fs::remove_dir_all(&args.out);
                return Err(error);
            }
        };
    }
    let report = &summary.report;
    let list = |counts: &std::collections::BTreeMap<String, u64>| {
        counts.iter().map(|(why, n)| format!("{} {why}", grouped(*n))).collect::<Vec<_>>().join(", ")
    };
    let mut text = table(&summary, session.out);
    text.push_str(&format!("\n\n{} items keyed", grouped(report.items)));
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
    json["dir"] = json!(args.out);
    Ok(Answer::new(text, json))
}

/// Adds the universe or the bitmap to a manifest that was just built.
fn with_numbers(args: &Args, session: &Session) -> Result<Summary> {
    let total = std::fs::metadata(&args.source).ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
    let progress = session.out.progress("reading numbers", total, Unit::Bytes);
    let numbers = Numbers::read(&args.source, &args.read.options().read, &mut |read| progress.set(read.bytes));
    let numbers = numbers.at(args.source.display())?;
    match &args.over {
        None => numbers.write_universe(&args.out).at(args.out.display()),
        Some(universe) => numbers.write_bitmap(&args.out, universe).at(universe.display()),
    }
}

/// Builds a manifest and shows how far it is.
pub(crate) fn make(source: &Path, out: &Path, read: &SourceArgs, session: &Session) -> Result<Summary> {
    let total = std::fs::metadata(source).ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
    let progress = session.out.progress("reading", total, Unit::Bytes);
    build(source, out, &read.options(), &mut |read| progress.set(read.bytes)).at(source.display())
}

/// The keyspaces of a manifest as a table.
pub(crate) fn table(summary: &Summary, out: &Output) -> String {
    let rows = summary.keyspaces.iter().map(|row| {
        [row.spec.clone(), grouped(row.n), row.t.to_string(), row.disclosure.clone(), short(&row.id.to_hex())]
    });
    out.table(["SPEC", "KEYS", "T", "DISCLOSURE", "KEYSPACE"], rows)
}
