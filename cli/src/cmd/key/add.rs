//! `colophon key add`

use ledger::record::kinds::KeyUse;
use serde_json::json;

use super::event;
use crate::failure::Result;
use crate::output::Answer;
use crate::saying::{SayArgs, public_key, word};
use crate::session::Session;

/// Register another key of a party
///
/// Signed by an older key of the party and by the new one, which shows that the party holds it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  colophon key add lab-2 --issuer example-lab --key lab --key lab-2 --log https://log.example.org"
)]
pub(crate) struct Args {
    /// The new key: a name of the key folder, or a file with the public key in PEM
    #[arg(value_name = "NEW")]
    new: String,
    /// What it is for: sign, manage or roots
    #[arg(long = "use", value_name = "USE", value_parser = key_use)]
    key_use: Option<KeyUse>,
    #[command(flatten)]
    say: SayArgs,
}

pub(super) fn key_use(text: &str) -> std::result::Result<KeyUse, String> {
    word(text, "sign, manage or roots")
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let new = public_key(&session.keys(), &args.new)?;
    let mut draft = event("add", json!("unspecified"));
    draft.predicate.insert("keyid".to_owned(), json!(new.key_id()));
    draft.predicate.insert("publicKey".to_owned(), json!(new.to_base64()));
    if let Some(key_use) = args.key_use {
        draft.predicate.insert("use".to_owned(), json!(key_use));
    }
    args.say.say(draft, "key-add", session)
}
