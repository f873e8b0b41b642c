//! `colophon record sign`

use std::path::{Path, PathBuf};

use ledger::Code;
use ledger::record::Record;
use ledger::record::dsse::Envelope;
use ledger::record::key::PrivateKey;
use ledger::record::limits::MAX_ENVELOPE;
use serde_json::{Value, json};

use crate::failure::{At, CliError, Result};
use crate::files;
use crate::output::{Answer, json_list};
use crate::passwords::{PasswordArgs, Passwords};
use crate::session::Session;

/// A file of many statements, one a line: 300 sources of 2 KiB are 600 KiB; the largest batch of the server is 16 MiB.
const MAX_LINES_FILE: usize = 64 * 1024 * 1024;

/// Sign statements
///
/// Takes statements, or files of many, one a line (.ndjson), and prints as many envelopes (DSSE), one a line if there are
/// several. With --add the files are envelopes that get further signatures, for statements that several parties sign on
/// machines of their own.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  colophon record sign card.statement.json --key lab --out card.dsse.json\n  colophon record sign party.statement.json --key operator --key lab\n  colophon record sign party.dsse.json --add --key lab --out party.dsse.json"
)]
pub(crate) struct Args {
    /// Statements, or files of them; with --add envelopes
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A key by its name or the path of its PEM file; may be repeated [env: COLOPHON_KEY]
    #[arg(short, long = "key", value_name = "KEY")]
    keys: Vec<String>,
    /// Add signatures to an envelope that has some
    #[arg(long)]
    add: bool,
    /// Where to write the envelopes; standard output without it
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    password: PasswordArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let keys = open_keys(&args.keys, &args.password, session)?;
    let many = args.files.len() > 1 || args.files.iter().any(|file| is_many(file));
    let mut envelopes = Vec::new();
    for file in &args.files {
        let place = file.display();
        let bytes = files::read(file, MAX_LINES_FILE)?;
        if !is_many(file) {
            envelopes.push(if args.add { add(&bytes, &keys) } else { sign(&bytes, &keys) }.at(place)?);
            continue;
        }
        for (number, line) in lines(&bytes) {
            let envelope = if args.add { add(line, &keys) } else { sign(line, &keys) };
            envelopes.push(envelope.at(format!("{place}: line {number}"))?);
        }
    }
    if envelopes.is_empty() {
        return Err(CliError::usage("there is no statement in these files"));
    }
    let mut document = Vec::new();
    let mut items: Vec<Value> = Vec::with_capacity(envelopes.len());
    for (body, record) in &envelopes {
        document.extend_from_slice(body);
        document.push(b'\n');
        let signers: Vec<_> = record.signers().into_iter().collect();
        items.push(json!({ "record": record.id, "kind": record.kind.as_str(), "signers": signers,
            "envelope": String::from_utf8_lossy(body) }));
    }
    if !many {
        // One envelope is exactly its bytes: what is sent is what was written.
        document.pop();
    }
    let mut json = json_list("envelopes", items);
    json["file"] = args.out.as_deref().map_or(Value::Null, files::to_json);
    match &args.out {
        None => Ok(Answer::document(document, json)),
        Some(path) => {
            files::may_replace(path, "an envelope", |old| old.starts_with(b"{"))?;
            files::write(path, &document)?;
            let text = format!("{} signed with {}: {}", count(envelopes.len()), key_count(&keys), path.display());
            Ok(Answer::new(text, json))
        }
    }
}

/// Opens the keys that sign: those of the flags, else that of the settings.
pub(crate) fn open_keys(names: &[String], password: &PasswordArgs, session: &Session) -> Result<Vec<PrivateKey>> {
    let configured = session.config.key.as_ref().map(|key| key.value.clone());
    let names: Vec<String> = if names.is_empty() { configured.into_iter().collect() } else { names.to_vec() };
    if names.is_empty() {
        return Err(CliError::usage("no key is named")
            .hint("Pass --key NAME, or set `key = \"NAME\"` in the config file; `colophon key new NAME` makes one."));
    }
    let store = session.keys();
    let mut passwords = Passwords::new(password, &session.config)?;
    names.iter().map(|name| store.open(name, &mut passwords)).collect()
}

/// Signs a statement and reads the envelope as the log will, so that a refusal comes before anything is sent.
pub(crate) fn sign(payload: &[u8], keys: &[PrivateKey]) -> Result<(Vec<u8>, Record)> {
    // A file from an editor ends with a line break; the bytes that are signed are those of the statement alone.
    let statement = ledger::record::statement::Statement::parse(payload)?;
    let payload = statement.to_payload()?;
    let keys: Vec<&PrivateKey> = keys.iter().collect();
    let body = Envelope::sign(payload, &keys)?.to_json();
    let record = Record::parse(&body)?;
    Ok((body, record))
}

fn add(body: &[u8], keys: &[PrivateKey]) -> Result<(Vec<u8>, Record)> {
    let mut envelope = Envelope::parse(body).map_err(|error| {
        let error = CliError::from(error);
        let is_statement = serde_json::from_slice::<Value>(body).is_ok_and(|json| json.get("_type").is_some());
        match is_statement {
            true => {
                error.hint("This is a statement that nobody signed yet: the first signature is made without --add.")
            }
            false => error,
        }
    })?;
    let keys: Vec<&PrivateKey> = keys.iter().collect();
    let more = Envelope::sign(envelope.payload.clone(), &keys)?;
    for signature in more.signatures {
        if envelope.signatures.iter().any(|other| other.keyid == signature.keyid) {
            return Err(CliError::new(Code::Threshold, format!("key {} signed it already", signature.keyid)));
        }
        envelope.signatures.push(signature);
    }
    let body = envelope.to_json();
    let record = Record::parse(&body)?;
    Ok((body, record))
}

/// Whether a file holds one document a line, by its name.
pub(crate) fn is_many(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "ndjson" || extension == "jsonl")
}

/// The lines of a file that are not empty, with their numbers.
pub(crate) fn lines(bytes: &[u8]) -> Vec<(usize, &[u8])> {
    let numbered = bytes.split(|byte| *byte == b'\n').enumerate();
    numbered.map(|(i, line)| (i + 1, line.trim_ascii())).filter(|(_, line)| !line.is_empty()).collect()
}

/// The largest envelope, for those who read one.
pub(crate) const MAX_BODY: usize = MAX_ENVELOPE;

fn count(n: usize) -> String {
    if n == 1 { "one statement".to_owned() } else { format!("{n} statements") }
}

fn key_count(keys: &[PrivateKey]) -> String {
    if keys.len() == 1 { "one key".to_owned() } else { format!("{} keys", keys.len()) }
}
