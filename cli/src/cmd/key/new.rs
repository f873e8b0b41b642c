//! `colophon key new`

use ledger::record::key::Algorithm;

use super::to_json;
use crate::failure::Result;
use crate::keys;
use crate::output::Answer;
use crate::passwords::{PasswordArgs, Passwords};
use crate::session::Session;

/// Make a new key
///
/// The private half is stored as encrypted PKCS#8 (scrypt, AES-256), which OpenSSL opens with the same password; the
/// public half lies beside it. A key belongs to one party for ever: make one for each party and each purpose.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  colophon key new lab\n  COLOPHON_KEY_PASSWORD=… colophon key new lab\n  colophon key new ci --no-password   # for machines; the file is readable by its owner alone"
)]
pub(crate) struct Args {
    /// A name for the key: letters, digits, '-', '_' and '.'
    name: String,
    /// Ed25519, or ECDSA P-256 for tools that have no Ed25519
    #[arg(long, value_enum, default_value_t = Choice::Ed25519)]
    algorithm: Choice,
    /// Store the key without a password, with permissions 0600
    #[arg(long, conflicts_with = "password_fd")]
    no_password: bool,
    #[command(flatten)]
    password: PasswordArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Choice {
    Ed25519,
    P256,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let algorithm = match args.algorithm {
        Choice::Ed25519 => Algorithm::Ed25519,
        Choice::P256 => Algorithm::P256,
    };
    let password = match args.no_password {
        true => None,
        false => Some(Passwords::new(&args.password, &session.config)?.choose(&args.name)?),
    };
    let key = keys::generate(algorithm)?;
    let stored = session.keys().create(&args.name, &key, password.as_ref().map(|password| password.as_str()))?;
    if !stored.encrypted {
        session.out.note("This key has no password: whoever reads the file can sign with it.");
    }
    let text = format!("key    {}\nkeyid  {}\nfile   {}", stored.name, stored.public.key_id(), stored.path.display());
    Ok(Answer::new(text, to_json(&stored)))
}
