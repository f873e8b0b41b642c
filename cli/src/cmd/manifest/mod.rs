//! `colophon manifest`

mod build;
mod check;
mod inspect;
mod prove;
mod push;
mod rollups;

use std::path::Path;

use crate::failure::{CliError, Result};
use crate::output::Answer;
use crate::session::Session;

/// Commit to what a dataset contains, so that it can be asked
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Build(Box<build::Args>),
    Inspect(inspect::Args),
    Prove(prove::Args),
    Check(Box<check::Args>),
    Push(push::Args),
}

impl Command {
    pub(crate) fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::Build(args) => build::run(&args, session),
            Self::Inspect(args) => inspect::run(&args, session),
            Self::Prove(args) => prove::run(&args, session),
            Self::Check(args) => check::run(&args, session),
            Self::Push(args) => push::run(&args, session),
        }
    }
}

pub(crate) use build::{SourceArgs, table};

/// A folder that is not there is the user's slip, not a damaged manifest.
fn present(dir: &Path) -> Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    Err(CliError::usage("there is no such folder")
        .at(dir.display().to_string())
        .hint(format!("Make a manifest with `colophon manifest build SOURCE --out {}`.", dir.display())))
}
