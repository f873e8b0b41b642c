//! `colophon audit`

mod attest;

use crate::failure::Result;
use crate::output::Answer;
use crate::session::Session;

/// Say what an audit found
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Attest(attest::Args),
}

impl Command {
    pub(crate) fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::Attest(args) => attest::run(&args, session),
        }
    }
}
