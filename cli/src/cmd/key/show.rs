//! `colophon key show`

use super::{algorithm_name, to_json};
use crate::failure::Result;
use crate::output::Answer;
use crate::session::Session;

/// Show what is known about a key without its password
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  colophon key show lab")]
pub(crate) struct Args {
    /// The key's name, or the path of its PEM file
    key: String,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let key = session.keys().find(&args.key)?;
    let text = format!(
        "key        {}\nkeyid      {}\nalgorithm  {}\npassword   {}\npublic     {}\nfile       {}",
        key.name,
        key.public.key_id(),
        algorithm_name(key.public.algorithm()),
        if key.encrypted { "yes" } else { "no" },
        key.public.to_base64(),
        key.path.display(),
    );
    Ok(Answer::new(text, to_json(&key)))
}
