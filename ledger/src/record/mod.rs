//! Records: what a log holds. A record is a signed statement, a DSSE envelope around an in-toto Statement v1.
//!
//! [`Record::parse`] is the one way from bytes to a record. It applies, in this order, the limits, the strict JSON reader
//! ([`json`]), the form of the envelope ([`dsse`]), the form of the statement ([`statement`]) and the rules of the kind
//! ([`kinds`]). It does not check signatures, for it knows no keys: [`dsse::Envelope::verify`] does. Nothing here knows
//! the log either: whose a key is and who may register what is decided by `state`.

pub mod aipref;
pub mod descriptor;
pub mod dsse;
pub mod import;
pub mod json;
pub mod key;
pub mod kind;
pub mod kinds;
pub mod license;
pub mod limits;
pub mod lint;
pub mod members;
pub mod period;
pub mod schema;
pub mod statement;
pub mod terms;
mod typed;

use std::collections::BTreeSet;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use self::dsse::{Envelope, PAYLOAD_TYPE};
use self::key::PublicKey;
use self::kind::Kind;
use self::kinds::{Contents, Keys, Predicate, Retraction};
use self::limits::{MAX_ENVELOPE, MAX_REFS, MAX_STATEMENT};
use self::members::Common;
use self::statement::{Statement, Subject};
use self::terms::RecordRef;
use crate::error::{Code, Error, Result};
use crate::ids::{BodyDigest, KeyId, RecordId, SubjectDigest};

/// A record: well-formed in every respect, its signatures not yet checked.
///
/// ```
/// use ledger::record::{Record, dsse::Envelope, key::PrivateKey, kind::Kind, statement::{Statement, Subject}};
/// use ledger::ids::SubjectDigest;
///
/// let key = PrivateKey::from_ed25519_seed([7; 32]);
/// let model = Subject::artifact("model.safetensors", SubjectDigest::from_bytes([1; 32]));
/// let predicate = serde_json::json!({
///     "issuer": { "id": "example-ai", "name": "Example AI" },
///     "issued": "2026-03-01T12:00:00Z",
///     "model_name": "example-7b",
/// });
/// let payload = Statement::new(Kind::ModelCard, vec![model], predicate).to_payload()?;
/// let body = Envelope::sign(payload, &[&key])?.to_json();
///
/// let record = Record::parse(&body)?;
/// assert_eq!((record.kind.as_str(), record.issuer()), ("model-card", "example-ai"));
/// # Ok::<(), ledger::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Record {
    /// The envelope, with the payload as it was signed.
    pub envelope: Envelope,
    /// What the payload says.
    pub statement: Statement,
    /// What kind of record this is.
    pub kind: Kind,
    /// SHA-256 of the payload.
    pub id: RecordId,
    /// SHA-256 of the bytes that were read.
    pub body: BodyDigest,
    /// The members that every predicate has.
    pub common: Common,
    /// The members of the kind.
    pub predicate: Predicate,
    keys: Keys,
    own_key: Option<PublicKey>,
    refs: BTreeSet<RecordId>,
}

impl Record {
    /// Reads a body: at most 1 MiB of JSON.
    ///
    /// The place of an error is a JSON pointer, into the envelope for what the envelope lacks, and into the statement inside
    /// for everything else.
    ///
    /// # Errors
    /// Those of [`Envelope::parse`]; `signature_invalid` for another payload type; those of [`Statement::parse`]; and by
    /// the rules of the kind `schema`, `binding_mismatch`, `key_refused` and `too_many`. No signature is verified here.
    pub fn parse(body: &[u8]) -> Result<Self> {
        let value = json::parse(body, MAX_ENVELOPE)?;
        let envelope = Envelope::from_value(&value)?;
        if envelope.payload_type != PAYLOAD_TYPE {
            let detail = format!("expected {PAYLOAD_TYPE}: signatures count for statements only");
            return Err(Error::new(Code::SignatureInvalid, detail).at("/payloadType"));
        }
        let Checked { statement, contents, refs } = check_payload(&envelope.payload)?;
        if statement.kind.is_structural() {
            refuse_unsigned(&value)?;
        }
        let Contents { common, predicate, keys, own_key } = contents;
        Ok(Self {
            id: RecordId::from_bytes(Sha256::digest(&envelope.payload).into()),
            body: body_digest(body),
            kind: statement.kind.clone(),
            envelope,
            statement,
            common,
            predicate,
            keys,
            own_key,
            refs,
        })
    }

    /// The id of the party that speaks.
    pub fn issuer(&self) -> &str {
        self.common.issuer.id.as_str()
    }

    /// What the record is about.
    pub fn subjects(&self) -> &[Subject] {
        &self.statement.subjects
    }

    /// The records that this one is said of, or that it changes, each with its place: it says nothing where they are not.
    pub fn targets(&self) -> Vec<(String, RecordId)> {
        let one = |target: &RecordRef| vec![("/predicate/target".to_owned(), target.id())];
        let mut targets = match &self.predicate {
            Predicate::Retraction(said) => one(&said.target),
            Predicate::Correction(said) => one(&said.target),
            Predicate::Comment(said) => one(&said.target),
            Predicate::Dispute(said) => one(&said.target),
            Predicate::Resolution(said) => one(&said.target),
            Predicate::AuditAttestation(said) => listed("target", &said.target),
            _ => Vec::new(),
        };
        let common = &self.common;
        for (name, list) in
            [("supersedes", &common.supersedes), ("revokes", &common.revokes), ("corrects", &common.corrects)]
        {
            targets.extend(listed(name, list));
        }
        targets
    }

    /// Whether it takes something back or puts itself in its place, which only the issuer of that may.
    pub fn undoes(&self, target: RecordId) -> bool {
        let common = &self.common;
        let named = common.supersedes.iter().chain(&common.revokes).any(|named| named.id() == target);
        let is_plain = |said: &Retraction| said.redaction.is_none() && said.target.id() == target;
        named || matches!(&self.predicate, Predicate::Retraction(said) if is_plain(said))
    }

    /// The records that the subjects are.
    pub fn subject_records(&self) -> impl Iterator<Item = RecordId> {
        self.statement.subjects.iter().filter_map(Subject::record_id)
    }

    /// The SHA-256 of every subject; of kinds that tie a person to content, only those that are record ids.
    pub fn subject_digests(&self) -> BTreeSet<SubjectDigest> {
        let shown = |subject: &&Subject| !self.kind.hides_subjects() || subject.record_id().is_some();
        self.statement.subjects.iter().filter(shown).filter_map(Subject::sha256).collect()
    }

    /// The records that the predicate names: every string in it, at any depth, that is exactly `record:<64 hex>`. Names
    /// of members are not looked at.
    pub const fn refs(&self) -> &BTreeSet<RecordId> {
        &self.refs
    }

    /// The ids of the keys that signed, as the envelope says.
    pub fn signers(&self) -> BTreeSet<KeyId> {
        self.envelope.signatures.iter().map(|signature| signature.keyid).collect()
    }

    /// The keys that come into force by this record.
    pub fn registered_keys(&self) -> &[PublicKey] {
        &self.keys.registered
    }

    /// The ids of the keys that this record registers, rotates or revokes.
    pub const fn named_keys(&self) -> &BTreeSet<KeyId> {
        &self.keys.named
    }

    /// The key that the record itself carries, where the issuer is `key:<keyid>`: a signer that no party owns.
    pub const fn own_key(&self) -> Option<&PublicKey> {
        self.own_key.as_ref()
    }
}

/// The name of a body: SHA-256 of its bytes.
pub fn body_digest(body: &[u8]) -> BodyDigest {
    BodyDigest::from_bytes(Sha256::digest(body).into())
}

/// The name of an artefact: SHA-256 of its bytes.
///
/// ```
/// let nothing = ledger::record::subject_digest(b"");
/// assert!(nothing.to_hex().starts_with("e3b0c44298fc1c14"));
/// ```
pub fn subject_digest(artefact: &[u8]) -> SubjectDigest {
    SubjectDigest::from_bytes(Sha256::digest(artefact).into())
}

/// A payload that keeps every rule.
struct Checked {
    statement: Statement,
    contents: Contents,
    refs: BTreeSet<RecordId>,
}

/// Holds a payload against every rule: what a signer's builder and a reader's parser have in common.
fn check_payload(payload: &[u8]) -> Result<Checked> {
    if payload.len() > MAX_STATEMENT {
        let detail = format!("a statement of {} bytes, at most {MAX_STATEMENT}", payload.len());
        return Err(Error::new(Code::TooLarge, detail));
    }
    let statement = Statement::parse(payload)?;
    let contents = kinds::read(&statement)?;
    let mut refs = BTreeSet::new();
    statement.predicate.values().for_each(|value| collect_refs(value, &mut refs));
    if refs.len() > MAX_REFS {
        let detail = format!("{} different records are named, at most {MAX_REFS}", refs.len());
        return Err(Error::new(Code::TooMany, detail).at("/predicate"));
    }
    Ok(Checked { statement, contents, refs })
}

fn collect_refs(value: &Value, refs: &mut BTreeSet<RecordId>) {
    match value {
        Value::String(text) => refs.extend(RecordId::from_reference(text)),
        Value::Array(items) => items.iter().for_each(|item| collect_refs(item, refs)),
        Value::Object(members) => members.values().for_each(|member| collect_refs(member, refs)),
        _ => {}
    }
}

/// DSSE ignores members of an envelope that it does not know, and nobody signs them. Where the body is never redacted
/// there is no room for them.
fn refuse_unsigned(envelope: &Value) -> Result<()> {
    let unknown = |value: &Value, known: &[&str]| {
        let members = value.as_object()?;
        members.keys().find(|name| !known.contains(&name.as_str())).cloned()
    };
    let refuse = |place: String| Error::new(Code::Schema, "a member that nobody signs").at(place);
    if let Some(name) = unknown(envelope, &["payload", "payloadType", "signatures"]) {
        return Err(refuse(json::pointer_step(&name)));
    }
    for (i, signature) in envelope["signatures"].as_array().into_iter().flatten().enumerate() {
        if let Some(name) = unknown(signature, &["keyid", "sig"]) {
            return Err(refuse(format!("/signatures/{i}{}", json::pointer_step(&name))));
        }
    }
    Ok(())
}

/// The records of a list in the predicate, each with its place.
fn listed(name: &str, list: &[RecordRef]) -> Vec<(String, RecordId)> {
    list.iter().enumerate().map(|(at, named)| (format!("/predicate/{name}/{at}"), named.id())).collect()
}

#[cfg(test)]
mod tests;
