//! `colophon key`

mod add;
mod export;
mod list;
mod new;
mod revoke;
mod rotate;
mod show;

use ledger::ids::KeyId;
use ledger::record::key::Algorithm;
use ledger::record::kind::Kind;
use ledger::record::kinds::KeyEventReason;
use serde_json::{Map, Value, json};

use crate::draft::Draft;
use crate::failure::Result;
use crate::files;
use crate::keys::StoredKey;
use crate::output::Answer;
use crate::saying::{public_key, word};
use crate::session::Session;

/// Make keys, see them, and say since when they count
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    New(new::Args),
    List(list::Args),
    Show(show::Args),
    Export(export::Args),
    Add(add::Args),
    Rotate(rotate::Args),
    Revoke(revoke::Args),
}

impl Command {
    pub(crate) fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::New(args) => new::run(&args, session),
            Self::List(args) => list::run(&args, session),
            Self::Show(args) => show::run(&args, session),
            Self::Export(args) => export::run(&args, session),
            Self::Add(args) => add::run(&args, session),
            Self::Rotate(args) => rotate::run(&args, session),
            Self::Revoke(args) => revoke::run(&args, session),
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
        "file": files::to_json(&key.path),
    })
}

/// The draft of a `key-event`.
fn event(event: &str, reason: Value) -> Draft {
    let mut predicate = Map::new();
    predicate.insert("event".to_owned(), json!(event));
    predicate.insert("reason".to_owned(), reason);
    Draft { kind: Kind::KeyEvent, subjects: Vec::new(), predicate }
}

/// A key by its id, or by what [`public_key`] takes.
fn keyid(text: &str, session: &Session) -> Result<KeyId> {
    match text.parse() {
        Ok(id) => Ok(id),
        Err(_) => Ok(public_key(&session.keys(), text)?.key_id()),
    }
}

fn reason(text: &str) -> std::result::Result<KeyEventReason, String> {
    word(
        text,
        "keyCompromise, keyLost, affiliationChanged, superseded, cessationOfOperation, privilegeWithdrawn or unspecified",
    )
}
