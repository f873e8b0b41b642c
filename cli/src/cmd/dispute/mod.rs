//! `colophon dispute`

mod open;
mod resolve;

use crate::failure::Result;
use crate::output::Answer;
use crate::session::Session;

/// Object to a record, and say how an objection ended
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Open(open::Args),
    Resolve(resolve::Args),
}

impl Command {
    pub(crate) fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::Open(args) => open::run(&args, session),
            Self::Resolve(args) => resolve::run(&args, session),
        }
    }
}
