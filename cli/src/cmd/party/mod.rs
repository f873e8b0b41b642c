//! `colophon party`

pub(crate) mod new;

use crate::failure::Result;
use crate::output::Answer;
use crate::session::Session;

/// Register those who sign
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    New(new::Args),
}

impl Command {
    pub(crate) fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::New(args) => new::run(&args, session),
        }
    }
}
