//! `colophon record`

mod correct;
mod list;
pub(crate) mod new;
pub(crate) mod publish;
mod retract;
mod show;
pub(crate) mod sign;
pub(crate) mod submit;

use std::path::Path;

use serde_json::json;

use crate::draft::Payload;
use crate::failure::Result;
use crate::files;
use crate::output::Answer;
use crate::session::Session;

/// Write, sign, publish, read, correct and retract records
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    New(new::Args),
    Sign(sign::Args),
    Submit(submit::Args),
    Publish(publish::Args),
    Show(show::Args),
    List(list::Args),
    Correct(correct::Args),
    Retract(retract::Args),
}

impl Command {
    pub(crate) fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::New(args) => new::run(&args, session),
            Self::Sign(args) => sign::run(&args, session),
            Self::Submit(args) => submit::run(&args, session),
            Self::Publish(args) => publish::run(&args, session),
            Self::Show(args) => show::run(&args, session),
            Self::List(args) => list::run(&args, session),
            Self::Correct(args) => correct::run(&args, session),
            Self::Retract(args) => retract::run(&args, session),
        }
    }
}

/// Answers with a statement: into a file, or as the document of the command.
pub(crate) fn write_statement(payload: &Payload, path: Option<&Path>) -> Result<Answer> {
    let statement = String::from_utf8_lossy(&payload.bytes);
    let json = json!({ "record": payload.id, "statement": statement, "file": path.map(files::to_json) });
    match path {
        None => Ok(Answer::document(payload.bytes.clone(), json)),
        Some(path) => {
            files::may_replace(path, "a statement", |old| old.starts_with(b"{"))?;
            files::write(path, &payload.bytes)?;
            Ok(Answer::new(format!("record     {}\nstatement  {}", payload.id, path.display()), json))
        }
    }
}
