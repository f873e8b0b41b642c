//! `colophon key list`

use super::{algorithm_name, to_json};
use crate::failure::Result;
use crate::output::{Answer, json_list};
use crate::session::Session;

/// List the keys of the key folder
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  colophon key list --json")]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args, session: &Session) -> Result<Answer> {
    let keys = session.keys().list()?;
    let json = json_list("keys", keys.iter().map(to_json).collect());
    if keys.is_empty() {
        return Ok(Answer::new("No keys yet; `colophon key new NAME` makes one.", json));
    }
    let rows = keys.iter().map(|key| {
        let protection = if key.encrypted { "password" } else { "none" };
        let algorithm = algorithm_name(key.public.algorithm());
        [key.name.clone(), algorithm.to_owned(), protection.to_owned(), key.public.key_id().to_hex()]
    });
    Ok(Answer::new(session.out.table(["NAME", "ALGORITHM", "PROTECTION", "KEYID"], rows), json))
}
