//! `colophon manifest inspect`

use std::path::PathBuf;

use ledger::manifest::read_summary;
use serde_json::json;

use super::table;
use crate::failure::{At, Result};
use crate::files;
use crate::output::{Answer, grouped, shown};
use crate::session::Session;

/// Show what a manifest holds
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  colophon manifest inspect manifest/")]
pub(crate) struct Args {
    /// The manifest's folder
    dir: PathBuf,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    super::present(&args.dir)?;
    let summary = read_summary(&args.dir).at(args.dir.display())?;
    let source = &summary.source;
    let wiki = source.wiki.as_ref().map(|wiki| format!(", wiki {wiki}")).unwrap_or_default();
    let mut text = format!(
        "source    sha256 {}\n          {} bytes, {} items, read as {}{wiki}\n\n",
        shown(&source.sha256),
        grouped(source.bytes),
        grouped(source.items),
        shown(&source.reader),
    );
    text.push_str(&table(&summary, session.out));
    for row in &summary.keyspaces {
        if let Some(coverage) = &row.coverage {
            text.push_str(&format!("\n\n{}\n  {}", row.spec, shown(coverage)));
        }
    }
    let mut json = json!(summary);
    json["dir"] = files::to_json(&args.dir);
    Ok(Answer::new(text, json))
}
