//! `colophon party`

pub(crate) mod new;
mod show;

use crate::failure::Result;
use crate::output::Answer;
use crate::session::Session;

/// Register those who sign, and see what they may do
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    New(new::Args),
    Show(show::Args),
}

impl Command {
    pub(crate) fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::New(args) => new::run(&args, session),
            Self::Show(args) => show::run(&args, session),
        }
    }
}
