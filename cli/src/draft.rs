//! Drafts: what somebody wrote down, on its way to becoming a statement.
//!
//! A document is YAML or JSON, and one of:
//!
//! ```text
//! the members of a predicate           model_name: heron-base   …
//! subjects and a predicate             subject: [{name: …, digest: {sha256: …}}]   predicate: {…}
//! an in-toto statement                 _type: …   subject: …   predicateType: …   predicate: {…}
//! ```
//!
//! A subject may say `file: weights.bin` instead of a digest; the path counts from the document. What is missing is added:
//! the issuer and the time from the command, and the subjects where the predicate determines them. The result is the
//! exact bytes that are signed (RFC 8785).

use std::path::Path;

use ledger::Code;
use ledger::ids::RecordId;
use ledger::record::kind::Kind;
use ledger::record::kinds::{IndexRoot, KeyEvent, LogPolicy, Manifest, Party, RunRoot};
use ledger::record::limits::MAX_STATEMENT;
use ledger::record::statement::{Statement, Subject};
use ledger::record::terms::{Nonce, PartyId, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::artifact;
use crate::failure::{At, CliError, Result};
use crate::keys::random;
use crate::output::Output;

/// A draft in YAML may be longer than the statement it makes, by its comments and spaces.
pub(crate) const MAX_DRAFT: usize = 4 * MAX_STATEMENT;

/// Kinds whose content could be guessed from its digest, or that concern a person: they get a nonce without asking.
const GUESSABLE: [&str; 5] = ["party-profile", "usage-preference", "preference-response", "comment", "dispute"];

/// A statement that is not complete yet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Draft {
    /// What kind of record it will be.
    pub kind: Kind,
    /// What it is about.
    pub subjects: Vec<Subject>,
    /// The members of its predicate.
    pub predicate: Map<String, Value>,
}

/// What a command adds to a draft where the draft does not say it itself.
#[derive(Debug, Clone)]
pub(crate) struct Defaults {
    /// The party that speaks.
    pub issuer: Option<PartyId>,
    /// Its name, where the kind has room for one.
    pub issuer_name: Option<String>,
    /// When.
    pub issued: Timestamp,
    /// Whether to add a nonce in any case.
    pub nonce: bool,
}

/// A statement that can be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Payload {
    /// The record's id.
    pub id: RecordId,
    /// The bytes to sign.
    pub bytes: Vec<u8>,
}

impl Payload {
    fn new(bytes: Vec<u8>) -> Self {
        Self { id: RecordId::from_bytes(Sha256::digest(&bytes).into()), bytes }
    }
}

impl Draft {
    /// Reads a document. `kind` is what the command was told; a statement says its own.
    pub(crate) fn read(bytes: &[u8], path: &Path, kind: Option<&Kind>, out: &Output) -> Result<Self> {
        let value = parse(bytes)?;
        let Value::Object(mut members) = value else {
            return Err(CliError::new(Code::Schema, "a draft is an object: members and their values"));
        };
        let own = match members.remove("predicateType") {
            Some(Value::String(text)) => Some(Kind::from_predicate_type(&text).at("/predicateType")?),
            Some(_) => return Err(CliError::new(Code::Schema, "expected a string").at("/predicateType")),
            None => None,
        };
        let kind = match (own, kind) {
            (Some(own), Some(asked)) if own != *asked => {
                return Err(CliError::usage(format!("the document is of the kind {own}, not {asked}")));
            }
            (Some(own), _) => own,
            (None, Some(asked)) => asked.clone(),
            (None, None) => {
                return Err(CliError::usage("the document does not say of which kind it is")
                    .hint("Name the kind: `colophon record new KIND --from FILE`."));
            }
        };
        members.remove("_type");
        let base = path.parent().unwrap_or(Path::new("."));
        let subjects = match members.remove("subject") {
            Some(list) => subjects(list, base, out)?,
            None => Vec::new(),
        };
        let predicate = match members.remove("predicate") {
            Some(Value::Object(predicate)) => predicate,
            Some(_) => return Err(CliError::new(Code::Schema, "expected an object").at("/predicate")),
            None => members,
        };
        Ok(Self { kind, subjects, predicate })
    }

    /// Adds what is missing, and makes the bytes to sign.
    pub(crate) fn complete(mut self, defaults: &Defaults) -> Result<Payload> {
        if !self.predicate.contains_key("issuer") {
            let Some(id) = &defaults.issuer else {
                return Err(CliError::usage("nobody says who speaks: the draft has no issuer")
                    .hint("Pass --issuer ID, or set `issuer = \"ID\"` in the config file."));
            };
            let mut issuer = json!({ "id": id });
            if let Some(name) = defaults.issuer_name.as_ref().filter(|_| !self.kind.is_structural()) {
                issuer["name"] = json!(name);
            }
            self.predicate.insert("issuer".to_owned(), issuer);
        }
        if !self.predicate.contains_key("issued") {
            self.predicate.insert("issued".to_owned(), json!(defaults.issued));
        }
        let guessable = GUESSABLE.contains(&self.kind.as_str());
        if (defaults.nonce || guessable) && !self.predicate.contains_key("nonce") {
            let mut bytes = [0u8; 16];
            random(&mut bytes)?;
            self.predicate.insert("nonce".to_owned(), json!(Nonce::from_random(bytes).as_str()));
        }
        if self.subjects.is_empty() {
            self.subjects = self.own_subjects();
        }
        if self.subjects.is_empty() {
            return Err(CliError::usage("nobody says what the record is about")
                .hint("Pass --subject FILE, --subject record:<id> or --subject NAME=<sha256>."));
        }
        let statement = Statement::new(self.kind, self.subjects, Value::Object(self.predicate));
        Ok(Payload::new(statement.to_payload()?))
    }

    /// The subjects that the predicate determines, for kinds where it does.
    fn own_subjects(&self) -> Vec<Subject> {
        fn typed<T: DeserializeOwned>(members: &Map<String, Value>) -> Option<T> {
            let own =
                members.iter().filter(|(name, _)| !ledger::record::members::COMMON_MEMBERS.contains(&name.as_str()));
            serde_json::from_value(Value::Object(own.map(|(k, v)| (k.clone(), v.clone())).collect())).ok()
        }
        match self.kind {
            Kind::LogPolicy => {
                typed::<LogPolicy>(&self.predicate).map(|policy| vec![LogPolicy::subject(&policy.origin)])
            }
            Kind::Party => typed::<Party>(&self.predicate)
                .map(|party| party.keys.iter().map(|key| Subject::key(key.keyid)).collect()),
            Kind::KeyEvent => typed::<KeyEvent>(&self.predicate).map(|event| event.subjects()),
            Kind::IndexRoot => typed::<IndexRoot>(&self.predicate).map(|root| root.subjects()),
            Kind::RunRoot => typed::<RunRoot>(&self.predicate).map(|run| run.subjects()),
            Kind::Manifest => typed::<Manifest>(&self.predicate).map(|manifest| manifest.subjects()),
            _ => self.predicate.get("target").map(|targets| {
                let texts = targets.as_array().map_or(std::slice::from_ref(targets), Vec::as_slice).iter();
                texts.filter_map(Value::as_str).filter_map(RecordId::from_reference).map(Subject::record).collect()
            }),
        }
        .unwrap_or_default()
    }

    /// Whether a payload says what this draft says, apart from what [`Draft::complete`] adds and what `added` names: members
    /// that the command sets anew on each run.
    pub(crate) fn is_said_by(&self, payload: &[u8], added: &[&str]) -> bool {
        let Ok(statement) = Statement::parse(payload) else { return false };
        let mut ours = self.predicate.clone();
        let mut theirs = statement.predicate;
        for added in ["issuer", "issued", "nonce"] {
            if !ours.contains_key(added) {
                theirs.remove(added);
            }
        }
        for name in added {
            ours.remove(*name);
            theirs.remove(*name);
        }
        let subjects = if self.subjects.is_empty() { self.own_subjects() } else { self.subjects.clone() };
        statement.kind == self.kind && statement.subjects == subjects && ours == theirs
    }
}

/// A subject of the command line: `record:<id>`, `NAME=<sha256>`, or the path of a file or of a model's folder.
pub(crate) fn subjects_from_arg(text: &str, out: &Output) -> Result<Vec<Subject>> {
    if let Some(id) = RecordId::from_reference(text) {
        return Ok(vec![Subject::record(id)]);
    }
    if let Some((name, digest)) = text.rsplit_once('=')
        && let Ok(digest) = digest.parse()
    {
        return Ok(vec![Subject::artifact(name, digest)]);
    }
    Ok(artifact::measure(Path::new(text), out)?.subjects())
}

/// YAML, of which JSON is a part; JSON is read by the strict reader, which also says line and column.
fn parse(bytes: &[u8]) -> Result<Value> {
    let text =
        std::str::from_utf8(bytes).map_err(|error| CliError::new(Code::TextRefused, format!("not UTF-8: {error}")))?;
    if text.trim_start().starts_with('{') {
        return Ok(ledger::record::json::parse(bytes, MAX_DRAFT)?);
    }
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let place = error.location().map(|at| format!("line {} column {}", at.line(), at.column()));
        let text = error.to_string();
        let found = text.lines().next().unwrap_or("not YAML").to_owned();
        let error = CliError::new(Code::Schema, found).hint("Mend the YAML at the place named.");
        match place {
            Some(place) => error.at(place),
            None => error,
        }
    })
}

fn subjects(list: Value, base: &Path, out: &Output) -> Result<Vec<Subject>> {
    let Value::Array(list) = list else {
        return Err(CliError::new(Code::Schema, "expected a list").at("/subject"));
    };
    let mut subjects = Vec::with_capacity(list.len());
    for (i, item) in list.into_iter().enumerate() {
        let place = format!("/subject/{i}");
        match item.get("file").and_then(Value::as_str) {
            Some(file) => subjects.extend(artifact::measure(&base.join(file), out).at(&place)?.subjects()),
            None => subjects.push(
                serde_json::from_value(item)
                    .map_err(|error| CliError::new(Code::Schema, error.to_string()))
                    .at(&place)?,
            ),
        }
    }
    Ok(subjects)
}
