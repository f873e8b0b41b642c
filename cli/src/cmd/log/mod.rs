//! `colophon log`

mod audit;
mod fsck;
mod index_root;
pub(crate) mod init;
mod manifest;
mod reindex;
pub(crate) mod rollup;
mod serve;
mod stats;
pub(crate) mod trust;

use std::path::PathBuf;

use crate::failure::Result;
use crate::output::Answer;
use crate::session::Session;

/// Run a log, and decide which logs to believe
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Init(init::Args),
    Serve(serve::Args),
    Fsck(fsck::Args),
    Reindex(reindex::Args),
    Rollup(rollup::Args),
    Stats(stats::Args),
    Audit(audit::Args),
    IndexRoot(index_root::Args),
    Trust(trust::Args),
    #[command(subcommand)]
    Manifest(manifest::Command),
}

impl Command {
    pub(crate) fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::Init(args) => init::run(&args, session),
            Self::Serve(args) => serve::run(&args, session),
            Self::Fsck(args) => fsck::run(&args, session),
            Self::Reindex(args) => reindex::run(&args, session),
            Self::Rollup(args) => rollup::run(&args, session),
            Self::Stats(args) => stats::run(&args, session),
            Self::Audit(args) => audit::run(&args, session),
            Self::IndexRoot(args) => index_root::run(&args, session),
            Self::Trust(args) => trust::run(&args, session),
            Self::Manifest(command) => command.run(session),
        }
    }
}

/// The folder of a log.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DirArg {
    /// The log's folder
    #[arg(long, value_name = "LOG")]
    pub(crate) dir: PathBuf,
}
