//! `colophon card`

mod import;
mod lint;
mod status;

use crate::failure::Result;
use crate::output::Answer;
use crate::session::Session;

/// Read the cards of models and datasets, and see how they stand
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Import(import::Args),
    Lint(lint::Args),
    Status(status::Args),
}

impl Command {
    pub(crate) fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::Import(args) => import::run(&args, session),
            Self::Lint(args) => lint::run(&args, session),
            Self::Status(args) => status::run(&args, session),
        }
    }
}
