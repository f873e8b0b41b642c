//! `colophon log manifest`

use std::path::PathBuf;

use ledger::log::Manifests;
use serde_json::json;

use crate::failure::{At, Result};
use crate::logdir::LogDir;
use crate::output::Answer;
use crate::session::Session;

/// Keep the files of manifests
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Add(Add),
}

/// Place a manifest's files in a log, as its operator
///
/// Every keyspace is recomputed before it is served. It may be done while the log runs. Parties send theirs with
/// `colophon manifest push`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  colophon log manifest add --dir /srv/log manifest/")]
pub(crate) struct Add {
    #[command(flatten)]
    dir: super::DirArg,
    /// The folder that `colophon manifest build` wrote
    folder: PathBuf,
}

impl Command {
    pub(crate) fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::Add(args) => add(&args, session),
        }
    }
}

fn add(args: &Add, _: &Session) -> Result<Answer> {
    let dir = LogDir::open(&args.dir.dir)?;
    let ids = Manifests::new(dir.manifests_dir()).add(&args.folder).at(args.folder.display())?;
    let lines: Vec<String> = ids.iter().map(|id| format!("held  {id}")).collect();
    Ok(Answer::new(lines.join("\n"), json!({ "keyspaces": ids })))
}
