//! `colophon preference`

mod declare;
mod respond;
mod status;

use crate::failure::Result;
use crate::output::Answer;
use crate::session::Session;

/// Say how content may be used, answer those who said it, and see what holds
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Declare(declare::Args),
    Respond(respond::Args),
    Status(status::Args),
}

impl Command {
    pub(crate) fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::Declare(args) => declare::run(&args, session),
            Self::Respond(args) => respond::run(&args, session),
            Self::Status(args) => status::run(&args, session),
        }
    }
}
