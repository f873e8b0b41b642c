//! `colophon log reindex`

use ledger::log;
use serde_json::json;

use crate::failure::Result;
use crate::logdir::LogDir;
use crate::output::{Answer, grouped};
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

pub(crate) fn run(args: &Args, _: &Session) -> Result<Answer> {
    let dir = LogDir::open(&args.dir.dir)?;
    let size = log::reindex(&dir.options()?).map_err(|error| refusal::mended(&dir, error))?;
    Ok(Answer::new(format!("{} entries indexed", grouped(size.0)), json!({ "entries": size.to_string() })))
}
