//! `colophon key revoke`

use ledger::record::kinds::KeyEventReason;
use serde_json::json;

use super::{event, keyid, reason};
use crate::failure::Result;
use crate::output::Answer;
use crate::saying::SayArgs;
use crate::session::Session;

/// Put a key out of force
///
/// Signed by any key of the party that is in force, also by the revoked one itself, or by the council's threshold. Where
/// the key was stolen, --from-index names the first entry whose signature is in doubt: signatures from there on are marked
/// and count towards no threshold; what was final before stays.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  colophon key revoke lab --reason keyCompromise --from-index 1234 --issuer example-lab --key lab-2 --log https://log.example.org\n  colophon key revoke <keyid> --issuer example-lab --key council-1 --key council-2 --key council-3"
)]
pub(crate) struct Args {
    /// The key: a name of the key folder, a file in PEM, or a key id
    #[arg(value_name = "KEY")]
    revoked: String,
    /// keyCompromise, keyLost, affiliationChanged, superseded, cessationOfOperation, privilegeWithdrawn or unspecified
    #[arg(long, value_name = "REASON", value_parser = reason, default_value = "unspecified")]
    reason: KeyEventReason,
    /// With keyCompromise: the first entry whose signature by this key is in doubt
    #[arg(long, value_name = "INDEX")]
    from_index: Option<u64>,
    #[command(flatten)]
    say: SayArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let mut draft = event("revoke", json!(args.reason));
    draft.predicate.insert("keyid".to_owned(), json!(keyid(&args.revoked, session)?));
    if let Some(index) = args.from_index {
        draft.predicate.insert("compromisedFromIndex".to_owned(), json!(index));
    }
    args.say.say(draft, "key-revoke", session)
}
