//! `colophon log reindex`

use ledger::ids::TreeSize;
use ledger::log;
use serde_json::json;

use crate::failure::Result;
use crate::logdir::LogDir;
use crate::output::{Answer, grouped};
use crate::progress::Unit;
use crate::refusal;
use crate::session::Session;

/// Fill a log's index again from its journal
///
/// The index can always be derived; what counts is in the journal, the bodies and the guard. The log must not be served
/// meanwhile.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  colophon log reindex --dir /srv/log")]
pub(crate) struct Args {
    #[command(flatten)]
    dir: super::DirArg,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let dir = LogDir::open(&args.dir.dir)?;
    let mut progress = None;
    let mut told = |done: TreeSize, all: TreeSize| {
        let begun = || session.out.progress("filling the index", Some(all.0), Unit::Things("entries"));
        progress.get_or_insert_with(begun).set(done.0);
    };
    let size = log::reindex(&dir.options()?, &mut told).map_err(|error| refusal::mended(&dir, error))?;
    Ok(Answer::new(format!("{} entries indexed", grouped(size.0)), json!({ "entries": size.to_string() })))
}
