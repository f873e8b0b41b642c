//! `colophon manifest check`

use std::path::PathBuf;

use ledger::Code;
use ledger::manifest::{check, list, read_summary};
use ledger::record::Record;
use ledger::record::kinds::Predicate;
use ledger::record::limits::MAX_ENVELOPE;
use serde_json::{Value, json};

use super::{SourceArgs, build};
use crate::failure::{At, CliError, Result};
use crate::files;
use crate::output::{Answer, Mark, grouped};
use crate::session::Session;

/// Recompute a manifest, and hold it against its source or its record
///
/// Every key, every bucket and every hash is recomputed up to the root. With --source the manifest is built again from the
/// published data and must come out the same; with --record it must be the one that was signed. What an auditor found this
/// way goes into the log with `colophon audit attest`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  colophon manifest check manifest/ --source enwiki-pages.xml.bz2 --license CC-BY-SA-4.0"
)]
pub(crate) struct Args {
    /// The manifest's folder
    dir: PathBuf,
    /// The published data that it is said to be of
    #[arg(long, value_name = "SOURCE")]
    source: Option<PathBuf>,
    /// The signed manifest record: an envelope or a bundle. Its signature is not checked here; see `colophon verify`
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    #[command(flatten)]
    read: SourceArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    super::present(&args.dir)?;
    let folders = list(&args.dir).at(args.dir.display())?;
    if folders.is_empty() {
        return Err(CliError::new(Code::ManifestInvalid, "there is no keyspace in this folder")
            .at(args.dir.display().to_string()));
    }
    let mut rows = Vec::new();
    for folder in &folders {
        let files = check(folder)?;
        rows.push(files.header().to_declaration(files.keyspace()));
    }
    let mut checks: Vec<String> =
        rows.iter().map(|row| format!("{}: {} keys, root recomputed", row.spec, grouped(row.n))).collect();
    let summary = read_summary(&args.dir).at(args.dir.display())?;
    let mut listed: Vec<_> = summary.keyspaces.iter().map(|row| row.id).collect();
    let mut found: Vec<_> = rows.iter().map(|row| row.id).collect();
    listed.sort();
    found.sort();
    if listed != found {
        return Err(CliError::new(Code::ManifestInvalid, "manifest.json does not list the keyspaces that are here"));
    }
    if let Some(source) = &args.source {
        let scratch = files::beside(&args.dir.components().collect::<PathBuf>(), ".check");
        let _ = std::fs::remove_dir_all(&scratch);
        let rebuilt = build::make(source, &scratch, &args.read, session);
        let _ = std::fs::remove_dir_all(&scratch);
        let mut again: Vec<_> = rebuilt?.keyspaces.into_iter().map(|row| row.id).collect();
        again.sort();
        if again != found {
            return Err(CliError::new(Code::BindingMismatch, "the manifest is not that of this source")
                .at(source.display().to_string())
                .hint(
                    "Give the same --wiki, --license and --reader as the build; if it still differs, so does the data.",
                ));
        }
        checks.push(format!("built again from {}: the same", source.display()));
    }
    if let Some(path) = &args.record {
        let bytes = files::read(path, ledger::bundle::MAX_BUNDLE_LEN)?;
        let body = ledger::bundle::Bundle::parse(&bytes).map(|bundle| bundle.record.envelope).unwrap_or(bytes);
        if body.len() > MAX_ENVELOPE {
            return Err(CliError::new(Code::TooLarge, "larger than an envelope").at(path.display().to_string()));
        }
        let record = Record::parse(&body).at(path.display())?;
        let Predicate::Manifest(manifest) = &record.predicate else {
            return Err(CliError::usage(format!("the record is a {}", record.kind)).at(path.display().to_string()));
        };
        for row in &manifest.keyspaces {
            let same =
                rows.iter().any(|ours| (ours.id, &ours.root, ours.n, ours.t) == (row.id, &row.root, row.n, row.t));
            if !same {
                return Err(CliError::new(Code::BindingMismatch, format!("keyspace {} is not here", row.id))
                    .at(path.display().to_string()));
            }
        }
        checks.push(format!("the record {} declares these keyspaces", record.id));
    }
    let lines: Vec<String> = checks.iter().map(|check| format!("  {} {check}", session.out.mark(Mark::Good))).collect();
    let rows: Vec<Value> = rows.iter().map(|row| json!(row)).collect();
    let json = json!({ "sound": true, "keyspaces": rows, "checks": checks });
    let sound = session.out.paint(Mark::Good, "sound");
    Ok(Answer::new(format!("{} {sound}\n{}", session.out.mark(Mark::Good), lines.join("\n")), json))
}
