//! What every command that makes a record has in common: who speaks, with which key, and where it goes.
//!
//! A command makes a draft of what is said; [`SayArgs::say`] does the rest. Whatever the command, the exact bytes that will
//! be public can be seen before anything is sent: `--dry-run` shows them and stops, and on a terminal they are shown and a
//! question is asked.
//!
//! **Persons.** Whoever belongs to no party speaks as a key (`--unvouched`): `issuer.id` is then `key:<keyid>`, and the
//! statement carries the key. A keyid stands in the entry for ever and cannot be erased, so two statements by one key can
//! be told to be by one person; `--fresh-key` makes a key for one statement alone (DESIGN §5).

use std::path::{Path, PathBuf};

use ledger::Code;
use ledger::ids::{KeyId, RecordId};
use ledger::record::body_digest;
use ledger::record::key::{Algorithm, PublicKey};
use ledger::record::kind::Kind;
use ledger::record::terms::{PartyId, Timestamp};
use serde_json::{Map, Value, json};

use crate::artifact::BUNDLE_ENDING;
use crate::cmd::record::publish::{Publication, earlier_signer, publish};
use crate::cmd::record::write_statement;
use crate::draft::{Defaults, Draft, MAX_DRAFT, Payload};
use crate::failure::{At, CliError, Result};
use crate::files;
use crate::keys::{KeyStore, generate};
use crate::output::Answer;
use crate::passwords::PasswordArgs;
use crate::session::Session;
use crate::source::LogArgs;
use crate::trust::TrustArgs;

/// Who says it, and where it goes.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct SayArgs {
    /// A document with more members, YAML or JSON; flags come before it
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// The party that speaks [env: COLOPHON_ISSUER]
    #[arg(long, value_name = "ID")]
    pub(crate) issuer: Option<String>,
    /// The party's name for people [env: COLOPHON_ISSUER_NAME]
    #[arg(long, value_name = "NAME")]
    issuer_name: Option<String>,
    /// A key by its name or the path of its PEM file; may be repeated [env: COLOPHON_KEY]
    #[arg(short, long = "key", value_name = "KEY")]
    pub(crate) keys: Vec<String>,
    /// Speak as the key itself, which no party owns: it is shown as unvouched
    #[arg(long, conflicts_with = "issuer")]
    unvouched: bool,
    /// Make a key for this statement alone, so that nobody can tell that two statements are by one person
    #[arg(long, conflicts_with_all = ["issuer", "keys"])]
    fresh_key: bool,
    /// Only write the statement, to be signed elsewhere
    #[arg(long, value_name = "FILE")]
    statement: Option<PathBuf>,
    /// Show the exact bytes that would become public, and send nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask before sending
    #[arg(long)]
    yes: bool,
    /// Where to write the bundle; without it a file in this folder, named by what is said
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) log: LogArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    #[command(flatten)]
    password: PasswordArgs,
}

impl SayArgs {
    /// The members of the document, if there is one.
    pub(crate) fn members(&self, kind: &Kind, session: &Session) -> Result<Draft> {
        match &self.from {
            None => Ok(Draft { kind: kind.clone(), subjects: Vec::new(), predicate: Map::new() }),
            Some(path) => {
                let bytes = files::read(path, MAX_DRAFT)?;
                Draft::read(&bytes, path, Some(kind), session.out).at(path.display())
            }
        }
    }

    /// The party that speaks, if one does: the flag, else the settings.
    pub(crate) fn speaker(&self, session: &Session) -> Result<Option<PartyId>> {
        if self.unvouched || self.fresh_key {
            return Ok(None);
        }
        session.issuer(self.issuer.as_deref())
    }

    /// Signs and sends a draft, or stops where it was asked to. `name` is that of the bundle without its ending.
    pub(crate) fn say(&self, draft: Draft, name: &str, session: &Session) -> Result<Answer> {
        self.say_as(draft, self.speaker(session)?, &self.keys, name, session)
    }

    /// The same for a speaker and keys that the command knows.
    pub(crate) fn say_as(
        &self,
        mut draft: Draft,
        issuer: Option<PartyId>,
        keys: &[String],
        name: &str,
        session: &Session,
    ) -> Result<Answer> {
        let mut keys = keys.to_vec();
        let bundle = self.out.clone().unwrap_or_else(|| bundle_name(name, &draft, issuer.as_ref()));
        if self.unvouched || self.fresh_key {
            let own = self.own_key(&mut keys, &bundle, session)?;
            draft.predicate.insert("issuer".to_owned(), json!({ "id": PartyId::of_key(&own.key_id()) }));
            draft.predicate.insert("publicKey".to_owned(), json!(own.to_base64()));
        }
        let configured = session.config.issuer_name.as_ref().map(|name| name.value.clone());
        let defaults = Defaults {
            issuer,
            issuer_name: self.issuer_name.clone().or(configured),
            issued: session.timestamp()?,
            nonce: self.unvouched || self.fresh_key,
        };
        if let Some(path) = &self.statement {
            return write_statement(&draft.complete(&defaults)?, Some(path));
        }
        if self.dry_run {
            let differs =
                if defaults.nonce { "The time, the nonce and a key of --fresh-key are" } else { "The time is" };
            session.out.note(&format!(
                "{differs} another when it is sent. --statement FILE keeps the bytes, to be signed and sent as they are."
            ));
            return Ok(shown(&draft.complete(&defaults)?, session));
        }
        let publication = Publication {
            defaults,
            keys: &keys,
            password: &self.password,
            bundle,
            log: &self.log,
            trust: &self.trust,
            added: &[],
            ask: session.out.can_ask() && !self.yes,
        };
        publish(draft, publication, session)
    }

    /// The key that speaks for itself: a new one, or the only one that is named.
    fn own_key(&self, keys: &mut Vec<String>, bundle: &Path, session: &Session) -> Result<PublicKey> {
        if self.fresh_key {
            // The same statement again, after its run was cut off, is by the key that was made for it.
            let made = earlier_signer(bundle).map(|key| once(&key));
            if let Some(key) = made.and_then(|name| session.keys().find(&name).ok()) {
                *keys = vec![key.name];
                return Ok(key.public);
            }
            let key = generate(Algorithm::Ed25519)?;
            let public = key.public_key().clone();
            if !self.dry_run {
                let name = once(&public.key_id());
                session.keys().create(&name, &key, None)?;
                session.out.note(&format!(
                    "Key {name} was made for this statement. Keep it: whoever has it, and nobody else, can take the \
                     statement back. It has no password."
                ));
                *keys = vec![name];
            }
            return Ok(public);
        }
        let configured = session.config.key.as_ref().map(|key| key.value.clone());
        let named: Vec<&String> = keys.iter().chain(configured.iter().filter(|_| keys.is_empty())).collect();
        match named.as_slice() {
            [name] => {
                session.out.note(
                    "The id of this key stays in the log for ever and cannot be erased. --fresh-key makes one for \
                     this statement alone.",
                );
                Ok(session.keys().find(name)?.public)
            }
            _ => Err(CliError::usage("a statement by a key that no party owns has exactly one key")
                .hint("Pass --key NAME, or --fresh-key for a key that is used for this statement alone.")),
        }
    }
}

/// The name of a key that was made for one statement.
fn once(key: &KeyId) -> String {
    format!("once-{}", &key.to_hex()[..12])
}

/// The bundle's file, named by what is said: the same statement again finds it, and another one has another.
pub(crate) fn bundle_name(name: &str, draft: &Draft, issuer: Option<&PartyId>) -> PathBuf {
    let said = json!([draft.kind.as_str(), draft.subjects, draft.predicate, issuer.map(PartyId::as_str)]);
    let digest = body_digest(said.to_string().as_bytes()).to_hex();
    PathBuf::from(format!("{name}-{}{BUNDLE_ENDING}", &digest[..12]))
}

/// The bytes that become public, without sending them.
fn shown(payload: &Payload, session: &Session) -> Answer {
    session.out.note(&format!(
        "Nothing was sent. These {} bytes, the signatures, and the record's id {} would become public for ever:",
        payload.bytes.len(),
        payload.id
    ));
    let statement = String::from_utf8_lossy(&payload.bytes);
    let json = json!({ "record": payload.id, "statement": statement, "bytes": payload.bytes.len(), "sent": false });
    Answer::document(payload.bytes.clone(), json)
}

/// Shows the bytes and asks; an answer other than yes is a refusal by the user, who then has sent nothing.
pub(crate) fn agreed(payload: &[u8], session: &Session) -> Result<()> {
    let text = crate::output::shown(&String::from_utf8_lossy(payload));
    session.out.note(&format!("These {} bytes become public, for ever:\n\n{text}\n", payload.len()));
    match session.out.ask("Sign and send them? [y/N]").as_deref() {
        Some("y" | "Y" | "yes") => Ok(()),
        _ => Err(CliError::usage("nothing was sent").hint("Answer y to send it, or pass --yes.")),
    }
}

/// A record on the command line: its id, or `record:<id>`.
pub(crate) fn record_id(text: &str) -> std::result::Result<RecordId, String> {
    let hex = RecordId::digits(text);
    hex.parse().map_err(|_| "expected a record's id, 64 hexadecimal digits; `colophon record list` shows them".into())
}

/// A moment on the command line.
pub(crate) fn moment(text: &str) -> std::result::Result<Timestamp, String> {
    text.parse().map_err(|_| "expected a time such as 2026-03-01T12:00:00Z".into())
}

/// A word from a list, as its JSON has it.
pub(crate) fn word<T: serde::de::DeserializeOwned>(text: &str, expected: &str) -> std::result::Result<T, String> {
    serde_json::from_value(json!(text)).map_err(|_| format!("expected {expected}"))
}

/// Puts a member into a draft, if there is a value.
pub(crate) fn set(draft: &mut Draft, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        draft.predicate.insert(name.to_owned(), value.into());
    }
}

/// Refuses a draft that lacks a member, and says with which flag it comes.
pub(crate) fn needs(draft: &Draft, name: &str, flag: &str) -> Result<()> {
    match draft.predicate.contains_key(name) {
        true => Ok(()),
        false => {
            Err(CliError::new(Code::Usage, format!("the statement has no `{name}`")).hint(format!("Pass {flag}.")))
        }
    }
}

/// A public key by the name of a key of the folder, or by the path of its file in PEM.
pub(crate) fn public_key(keys: &KeyStore, text: &str) -> Result<PublicKey> {
    match keys.find(text) {
        Ok(key) => Ok(key.public),
        Err(error) if error.code() == Code::NotFound => Err(error),
        Err(_) => {
            let pem = String::from_utf8(files::read(Path::new(text), MAX_PUBLIC_KEY)?)
                .map_err(|_| CliError::new(Code::KeyUnreadable, "not a public key in PEM"))?;
            crate::keys::public_from_pem(&pem).at(text)
        }
    }
}

/// A public key in PEM is 178 bytes at most.
const MAX_PUBLIC_KEY: usize = 16 * 1024;
