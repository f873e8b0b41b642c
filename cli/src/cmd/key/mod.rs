//! `colophon key`

mod export;
mod list;
mod new;
mod show;

use ledger::record::key::Algorithm;
use serde_json::{Value, json};

use crate::failure::Result;
use crate::keys::StoredKey;
use crate::output::Answer;
use crate::session::Session;

/// Make keys, and see them
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    New(new::Args),
    List(list::Args),
    Show(show::Args),
    Export(export::Args),
}

impl Command {
    pub(crate) fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::New(args) => new::run(&args, session),
            Self::List(args) => list::run(&args, session),
            Self::Show(args) => show::run(&args, session),
            Self::Export(args) => export::run(&args, session),
        }
    }
}

/// The name of an algorithm on the command line.
pub(crate) const fn algorithm_name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Ed25519 => "ed25519",
        Algorithm::P256 => "p256",
    }
}

fn to_json(key: &StoredKey) -> Value {
    json!({
        "name": key.name,
        "keyid": key.public.key_id(),
        "algorithm": algorithm_name(key.public.algorithm()),
        "encrypted": key.encrypted,
        "publicKey": key.public.to_base64(),
        "file": key.path,
    })
}
