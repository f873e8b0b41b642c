//! `colophon config`

mod show;

use crate::failure::Result;
use crate::output::Answer;
use crate::session::Session;

/// See what is set, and where it was set
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Show(show::Args),
}

impl Command {
    pub(crate) fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::Show(args) => show::run(&args, session),
        }
    }
}
