//! The statement: in-toto v1, which says about which subjects a predicate speaks.
//!
//! What a predicate must say is the business of [`super::kinds`]; who signed, of [`super::dsse`].
//!
//! ```text
//! {"_type":"https://in-toto.io/Statement/v1",
//!  "subject":[{"name":"model.safetensors","digest":{"sha256":"<64 hex>"}}],
//!  "predicateType":"urn:colophon:model-card:v1",
//!  "predicate":{"issuer":{"id":"example-ai"},"issued":"2026-03-01T12:00:00Z", …}}
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::descriptor::Digests;
use super::kind::Kind;
use super::limits::{MAX_STATEMENT, MAX_SUBJECTS};
use super::members::Common;
use super::{json, typed};
use crate::error::{Code, Error, Result};
use crate::ids::{KeyId, KeyspaceId, RecordId, SubjectDigest};

/// The `_type` of every statement.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// What a statement is about: a name and at least one digest.
///
/// Three forms of name are reserved, and the SHA-256 beside them must be what the name says: `record:<64 hex>` is a record,
/// `key:<64 hex>` a key, `keyspace:<64 hex>` a keyspace of a manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Subject {
    /// What people call it, or one of the reserved forms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its digests, of which `sha256` is indexed.
    pub digest: Digests,
    /// Other members of a ResourceDescriptor (`uri`, `mediaType`, …), and unknown ones.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Prefixes of names whose rest is the SHA-256.
const RESERVED_PREFIXES: [&str; 3] = [RecordId::REFERENCE_PREFIX, "key:", "keyspace:"];

impl Subject {
    /// An artefact: a file, or the root over the files of a model.
    pub fn artifact(name: impl Into<String>, sha256: SubjectDigest) -> Self {
        Self { name: Some(name.into()), digest: Digests::sha256_only(sha256), other: Map::new() }
    }

    /// A record of the log.
    pub fn record(id: RecordId) -> Self {
        Self::artifact(id.to_reference(), SubjectDigest::from_bytes(*id.as_bytes()))
    }

    /// A key.
    pub fn key(id: KeyId) -> Self {
        Self::artifact(format!("key:{id}"), SubjectDigest::from_bytes(*id.as_bytes()))
    }

    /// A keyspace of a manifest.
    pub fn keyspace(id: KeyspaceId) -> Self {
        Self::artifact(format!("keyspace:{id}"), SubjectDigest::from_bytes(*id.as_bytes()))
    }

    /// The record that this subject is, if it is one.
    pub fn record_id(&self) -> Option<RecordId> {
        RecordId::from_reference(self.name.as_deref()?)
    }

    /// The SHA-256, if it is among the digests.
    pub fn sha256(&self) -> Option<SubjectDigest> {
        self.digest.sha256()
    }

    fn check_reserved(&self, place: &str) -> Result<()> {
        let name = self.name.as_deref().unwrap_or_default();
        let Some(named) = RESERVED_PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)) else {
            return Ok(());
        };
        match self.sha256() {
            Some(digest) if named == digest.to_hex() => Ok(()),
            _ => {
                let detail = "the name is of a reserved form, and its digits are not the sha256 beside it";
                Err(Error::new(Code::BindingMismatch, detail).at(place))
            }
        }
    }
}

/// A statement: the kind of its predicate, its subjects, and the predicate's members as they were read.
///
/// ```
/// use ledger::ids::SubjectDigest;
/// use ledger::record::{members::Common, kind::Kind, kinds::ModelCard, statement::{Statement, Subject}};
///
/// let model = Subject::artifact("model.safetensors", SubjectDigest::from_bytes([0xab; 32]));
/// let common = Common::new("example-ai".parse()?, "2026-03-01T12:00:00Z".parse()?);
/// let card = ModelCard { model_name: Some("example-7b".to_owned()), ..ModelCard::default() };
///
/// let payload = Statement::build(Kind::ModelCard, vec![model], &common, &card)?.to_payload()?;
/// let text = format!(
///     concat!(
///         r#"{{"_type":"https://in-toto.io/Statement/v1","#,
///         r#""predicate":{{"issued":"2026-03-01T12:00:00Z","issuer":{{"id":"example-ai"}},"model_name":"example-7b"}},"#,
///         r#""predicateType":"urn:colophon:model-card:v1","#,
///         r#""subject":[{{"digest":{{"sha256":"{}"}},"name":"model.safetensors"}}]}}"#,
///     ),
///     "ab".repeat(32),
/// );
/// assert_eq!(payload, text.as_bytes());
/// assert_eq!(Statement::parse(&payload)?.predicate["model_name"], "example-7b");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// What kind of record this is.
    pub kind: Kind,
    /// 1 to 256 subjects.
    pub subjects: Vec<Subject>,
    /// Every member of the predicate, known and unknown.
    pub predicate: Map<String, Value>,
}

/// The members of a statement; in-toto has readers ignore others.
const MEMBERS: [&str; 4] = ["_type", "subject", "predicateType", "predicate"];

impl Statement {
    /// A statement to be signed. What is wrong with it is said by [`Statement::to_payload`].
    pub fn new(kind: Kind, subjects: Vec<Subject>, predicate: Value) -> Self {
        // Without members nothing is a predicate, and the first rule of every kind says so.
        let predicate = if let Value::Object(members) = predicate { members } else { Map::new() };
        Self { kind, subjects, predicate }
    }

    /// A statement from typed members, a struct of [`super::kinds`], beside the common ones.
    ///
    /// # Errors
    /// `schema` if the members cannot be written as JSON.
    pub fn build<T: Serialize>(kind: Kind, subjects: Vec<Subject>, common: &Common, members: &T) -> Result<Self> {
        let not_json = |error: serde_json::Error| Error::new(Code::Schema, error.to_string()).at("/predicate");
        let mut predicate = serde_json::to_value(members).map_err(not_json)?;
        let common = serde_json::to_value(common).map_err(not_json)?;
        if let (Value::Object(predicate), Value::Object(common)) = (&mut predicate, common) {
            predicate.extend(common);
        }
        Ok(Self::new(kind, subjects, predicate))
    }

    /// Reads the payload of an envelope, with every rule but those of the kind.
    ///
    /// # Errors
    /// Those of [`json::parse`]; `schema` for a member that is missing or of another form, `too_many` for more subjects
    /// than a statement has.
    pub fn parse(payload: &[u8]) -> Result<Self> {
        let Value::Object(mut members) = json::parse(payload, MAX_STATEMENT)? else {
            return Err(Error::new(Code::Schema, "expected an object"));
        };
        if member(&members, "_type")? != STATEMENT_TYPE {
            return Err(Error::new(Code::Schema, format!("expected {STATEMENT_TYPE}")).at("/_type"));
        }
        let Value::String(predicate_type) = member(&members, "predicateType")? else {
            return Err(Error::new(Code::Schema, "expected a string").at("/predicateType"));
        };
        let kind = Kind::from_predicate_type(predicate_type).map_err(|error| error.at("/predicateType"))?;
        let subjects = read_subjects(member(&members, "subject")?)?;
        if kind.is_structural() {
            refuse_unknown(&members, &subjects)?;
        }
        member(&members, "predicate")?;
        let Some(Value::Object(predicate)) = members.remove("predicate") else {
            return Err(Error::new(Code::Schema, "expected an object").at("/predicate"));
        };
        Ok(Self { kind, subjects, predicate })
    }

    /// The bytes to sign: RFC 8785, and accepted by the rules that every reader applies.
    ///
    /// # Errors
    /// What a reader would refuse in it: see [`Record::parse`](super::Record::parse).
    pub fn to_payload(&self) -> Result<Vec<u8>> {
        let value = serde_json::json!({
            "_type": STATEMENT_TYPE,
            "subject": self.subjects,
            "predicateType": self.kind.predicate_type(),
            "predicate": self.predicate,
        });
        let payload = json::canonical(&value)?;
        super::check_payload(&payload)?;
        Ok(payload)
    }
}

fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Result<&'a Value> {
    members.get(name).ok_or_else(|| Error::new(Code::Schema, "missing").at(format!("/{name}")))
}

fn read_subjects(value: &Value) -> Result<Vec<Subject>> {
    let Value::Array(list) = value else {
        return Err(Error::new(Code::Schema, "expected an array").at("/subject"));
    };
    if list.is_empty() {
        return Err(Error::new(Code::Schema, "expected at least one subject").at("/subject"));
    }
    if list.len() > MAX_SUBJECTS {
        let detail = format!("{} subjects, at most {MAX_SUBJECTS}", list.len());
        return Err(Error::new(Code::TooMany, detail).at("/subject"));
    }
    let subjects: Vec<Subject> = typed::read(value, "/subject")?;
    for (i, subject) in subjects.iter().enumerate() {
        subject.check_reserved(&format!("/subject/{i}"))?;
    }
    Ok(subjects)
}

/// A structural kind has no room for free text: not in members that readers ignore either.
fn refuse_unknown(members: &Map<String, Value>, subjects: &[Subject]) -> Result<()> {
    let unknown = |place: String| Error::new(Code::Schema, "a member that this kind does not have").at(place);
    if let Some(name) = members.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
        return Err(unknown(json::pointer_step(name)));
    }
    for (i, subject) in subjects.iter().enumerate() {
        if let Some(name) = subject.other.keys().next() {
            return Err(unknown(format!("/subject/{i}{}", json::pointer_step(name))));
        }
        if let Some((algorithm, _)) = subject.digest.iter().find(|(algorithm, _)| *algorithm != "sha256") {
            return Err(unknown(format!("/subject/{i}/digest{}", json::pointer_step(algorithm))));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
