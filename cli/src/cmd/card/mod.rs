//! `colophon card`

mod import;
mod lint;

use crate::failure::Result;
use crate::output::Answer;
use crate::session::Session;

/// Read the cards of models and datasets
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Import(import::Args),
    Lint(lint::Args),
}

impl Command {
    pub(crate) fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::Import(args) => import::run(&args, session),
            Self::Lint(args) => lint::run(&args, session),
        }
    }
}
