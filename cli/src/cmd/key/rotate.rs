//! `colophon key rotate`

use ledger::ids::KeyId;
use ledger::record::kinds::{KeyEventReason, KeyUse};
use serde_json::json;

use super::add::key_use;
use super::{event, keyid, reason};
use crate::failure::Result;
use crate::output::Answer;
use crate::saying::{SayArgs, public_key};
use crate::session::Session;

/// Put a new key in the place of an old one
///
/// Signed by both: the old key hands over, the new one shows that the party holds it. From this entry on the old key does
/// not count; what it signed before stands.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  colophon key new lab-2\n  colophon key rotate lab lab-2 --issuer example-lab --log https://log.example.org"
)]
pub(crate) struct Args {
    /// The old key: a name of the key folder, a file in PEM, or a key id
    #[arg(value_name = "OLD")]
    old: String,
    /// The new key: a name of the key folder, or a file in PEM
    #[arg(value_name = "NEW")]
    new: String,
    /// superseded, keyCompromise, keyLost, affiliationChanged, privilegeWithdrawn or unspecified
    #[arg(long, value_name = "REASON", value_parser = reason, default_value = "superseded")]
    reason: KeyEventReason,
    /// What the new key is for: sign, manage or roots; to sign records without it
    #[arg(long = "use", value_name = "USE", value_parser = key_use)]
    key_use: Option<KeyUse>,
    /// With keyCompromise: the first entry whose signature by the old key is in doubt
    #[arg(long, value_name = "INDEX")]
    from_index: Option<u64>,
    #[command(flatten)]
    say: SayArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let old: KeyId = keyid(&args.old, session)?;
    let new = public_key(&session.keys(), &args.new)?;
    let mut draft = event("rotate", json!(args.reason));
    draft.predicate.insert("keyid".to_owned(), json!(new.key_id()));
    draft.predicate.insert("publicKey".to_owned(), json!(new.to_base64()));
    draft.predicate.insert("replaces".to_owned(), json!(old));
    if let Some(key_use) = args.key_use {
        draft.predicate.insert("use".to_owned(), json!(key_use));
    }
    if let Some(index) = args.from_index {
        draft.predicate.insert("compromisedFromIndex".to_owned(), json!(index));
    }
    let keys = match args.say.keys.is_empty() {
        // Who rotates has both: nothing else needs to be named.
        true => vec![args.old.clone(), args.new.clone()],
        false => args.say.keys.clone(),
    };
    args.say.say_as(draft, args.say.speaker(session)?, &keys, "key-rotate", session)
}
