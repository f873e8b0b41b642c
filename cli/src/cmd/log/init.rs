//! `colophon log init`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use ledger::Code;
use ledger::log::{self, SystemClock};
use ledger::note::Origin;
use ledger::record::key::{Algorithm, PrivateKey};
use ledger::record::terms::PartyId;
use serde_json::json;

use crate::cmd::record::sign::sign;
use crate::draft::Defaults;
use crate::failure::{CliError, Result};
use crate::files;
use crate::genesis;
use crate::keys::{self, KeyStore};
use crate::logdir::{LogDir, NewKeys};
use crate::output::Answer;
use crate::passwords::{PASSWORD_VARIABLE, PasswordArgs, Passwords};
use crate::serving::open_log;
use crate::session::Session;

/// Create a log
///
/// Makes the log's keys, entry 0 (the log-policy that says who may register what, signed by the operator), and the folder
/// that `log serve` serves. Prints what to give to others so that they can pin the log: its verifier key, its policy, and
/// the leaf hash of entry 0. A log's name and entry 0 are for ever.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  colophon log init --dir /srv/log --origin log.example.org --operator example-log")]
pub(crate) struct Args {
    #[command(flatten)]
    dir: super::DirArg,
    /// The log's name, for ever: its address without the scheme. Without it localhost/ and the folder's name
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<String>,
    /// The operator's party id
    #[arg(long, value_name = "ID", default_value = "operator")]
    operator: PartyId,
    /// The operator's key, by its name or the path of its PEM file; a new one in LOG/keys without it
    #[arg(long, value_name = "KEY")]
    operator_key: Option<String>,
    /// The address under which the world will see the log, such as https://log.example.org
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    #[command(flatten)]
    password: PasswordArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let path = &args.dir.dir;
    let origin = match &args.origin {
        Some(origin) => origin.clone(),
        None => format!("localhost/{}", plain(&files::name_of(path))),
    };
    let origin = Origin::parse(&origin).map_err(|error| CliError::usage(format!("--origin: {error}")))?;
    refuse_a_log(path)?;
    let made = make(args, &origin, session);
    if made.is_err() {
        // The folder was empty before, so all that is in it is half a log.
        empty(path);
    }
    let (made, operator) = made?;
    if args.operator_key.is_none() {
        session.out.note(&format!(
            "{} registers parties. Better keep it on another machine.",
            path.join("keys/operator.pem").display()
        ));
    }
    let policy = path.join("policy.txt");
    let text = format!(
        "origin   {origin}\nvkey     {}\npolicy   {}\ngenesis  {}\noperator {} (key {})\nserve    colophon log serve --dir {}",
        made.vkey,
        policy.display(),
        made.genesis,
        args.operator,
        operator.key_id(),
        path.display(),
    );
    let json = json!({
        "origin": origin.as_str(),
        "vkey": made.vkey,
        "policy": made.dir.config().policy,
        "genesis": made.genesis,
        "operator": { "id": args.operator, "keyid": operator.key_id() },
        "dir": files::to_json(path),
    });
    Ok(Answer::new(text, json))
}

fn make(args: &Args, origin: &Origin, session: &Session) -> Result<(Made, PrivateKey)> {
    let path = &args.dir.dir;
    let operator = match &args.operator_key {
        Some(name) => session.keys().open(name, &mut Passwords::new(&args.password, &session.config)?)?,
        None => new_operator_key(path, &args.password, session)?,
    };
    let made = create(path, origin, &args.operator, &operator, args.public_url.clone(), session)?;
    Ok((made, operator))
}

fn empty(path: &Path) {
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        let path = entry.path();
        let _ = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
    }
}

/// A log that was made.
pub(crate) struct Made {
    pub(crate) dir: LogDir,
    pub(crate) vkey: String,
    pub(crate) genesis: String,
}

/// Makes a log in a folder.
pub(crate) fn create(
    path: &Path,
    origin: &Origin,
    operator: &PartyId,
    key: &PrivateKey,
    public_url: Option<String>,
    session: &Session,
) -> Result<Made> {
    files::make_dir(path)?;
    let new_keys = NewKeys::generate(origin)?;
    let index_key = keys::generate(Algorithm::Ed25519)?;
    let vkey = new_keys.log.verifier_key().to_string();
    let policy = new_keys.policy();
    let defaults =
        Defaults { issuer: Some(operator.clone()), issuer_name: None, issued: session.timestamp()?, nonce: false };
    let payload = genesis::draft(origin, &vkey, &policy, operator, key.public_key(), index_key.public_key())
        .complete(&defaults)?;
    let (body, _) = sign(&payload.bytes, std::slice::from_ref(key))?;
    let mut dir = LogDir::create(path, origin, &new_keys, public_url)?;
    // The server reads it at every start, so it has no password; it signs roots that anybody can compute.
    KeyStore::at(dir.keys_dir()).create("index", &index_key, None)?;
    log::create(dir.options()?, Arc::new(SystemClock::default()), Bytes::from(body))?;
    // Entry 0 holds the time at which the log received it; its hash is known once it is there.
    let genesis = {
        let log = open_log(&dir)?;
        let view = log.published().ok_or_else(|| CliError::new(Code::Internal, "entry 0 was not published"))?;
        let entry = log.entry(&view, ledger::ids::LeafIndex(0))?;
        let entry = entry.ok_or_else(|| CliError::new(Code::Internal, "there is no entry 0"))?;
        log.close()?;
        ledger::merkle::LeafHash::of_entry(&entry.bytes)
    };
    dir.finish(genesis)?;
    Ok(Made { vkey, genesis: ledger::ids::to_hex(genesis.as_bytes()), dir })
}

fn refuse_a_log(path: &Path) -> Result<()> {
    if LogDir::open(path).is_ok() {
        let path = path.display();
        return Err(CliError::new(Code::StoreExists, format!("there is a log in {path} already"))
            .hint(format!("Serve it with `colophon log serve --dir {path}`.")));
    }
    let is_empty = std::fs::read_dir(path).map_or(true, |mut entries| entries.next().is_none());
    if is_empty {
        return Ok(());
    }
    Err(CliError::usage("the folder is not empty, and not a log")
        .at(path.display().to_string())
        .hint(format!("Choose another folder, such as --dir {}", files::beside(path, "-new").display())))
}

/// A key for the operator, in the folder of the log's own keys; with a password if one was given.
fn new_operator_key(path: &Path, password: &PasswordArgs, session: &Session) -> Result<PrivateKey> {
    let given = password.password_fd.is_some() || session.config.variable(PASSWORD_VARIABLE).is_some();
    let password = match given {
        true => Some(Passwords::new(password, &session.config)?.choose("operator")?),
        false => None,
    };
    let key = keys::generate(Algorithm::Ed25519)?;
    let store = KeyStore::at(PathBuf::from(path).join("keys"));
    store.create("operator", &key, password.as_ref().map(|password| password.as_str()))?;
    Ok(key)
}

/// A folder's name as a part of a log's name: visible ASCII without a plus.
fn plain(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_graphic() && c != '+' && c != '/' { c } else { '-' }).collect();
    if plain.is_empty() { "log".to_owned() } else { plain }
}
