//! `colophon key export`

use ledger::record::kinds::PartyKey;
use serde_json::json;

use super::to_json;
use crate::failure::Result;
use crate::keys::public_pem;
use crate::output::Answer;
use crate::session::Session;

/// Print the public half of a key
///
/// pem: for OpenSSL and other tools. base64: the DER as records hold it. party: a member of `keys` in a `party` document,
/// to send to the operator of a log.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  colophon key export lab --format party")]
pub(crate) struct Args {
    /// The key's name, or the path of its PEM file
    key: String,
    /// pem, base64 or party
    #[arg(long, value_enum, default_value_t = Format::Pem, hide_possible_values = true)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Pem,
    Base64,
    Party,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let key = session.keys().find(&args.key)?;
    let document = match args.format {
        Format::Pem => public_pem(&key.public),
        Format::Base64 => format!("{}\n", key.public.to_base64()),
        Format::Party => format!("{:#}\n", json!(PartyKey::signing(&key.public))),
    };
    Ok(Answer::document(document, to_json(&key)))
}
