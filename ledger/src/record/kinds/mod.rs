//! What each kind of record says: one file per kind, each with its members, their JSON, and the rules between them.
//!
//! Structural kinds (`log-policy`, `party`, `key-event`, `governance-event`, `retraction`, `index-root`, `run-root`) are
//! closed: a member that they do not have is refused, and none of theirs holds free text. All others keep the members that this version does
//! not know.
//!
//! **A new kind** gets a file here, a variant in [`Predicate`] and in [`Kind`], and a line in `schema`. Until then its
//! records are [`Predicate::Other`]: kept, signed, and shown as they are.

mod agreement;
mod amendment;
mod audit_attestation;
mod dataset_card;
mod governance_event;
mod index_root;
mod key_event;
mod license_claim;
mod log_policy;
mod manifest;
mod model_card;
mod party;
mod party_profile;
mod preference_response;
mod report;
mod run_root;
mod training_source;
mod usage_preference;
mod voice;

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub use agreement::{Agreement, CommentPeriod, DEFAULT_AUDIT_PERIOD, Document, OneOrMany, Retention, Rule};
pub use amendment::{Correction, Redaction, RedactionAuthority, RedactionReason, Retraction, RetractionReason};
pub use audit_attestation::{Assessment, AuditAttestation, Verdict, Verifier};
pub use dataset_card::DatasetCard;
pub use governance_event::{COUNCIL, GovernanceEvent, Phase, Tally};
pub use index_root::IndexRoot;
pub use key_event::{KeyEvent, KeyEventKind, KeyEventReason};
pub use license_claim::{Acknowledgement, Attribution, LicenseClaim, LicenseScope, Licensed};
pub use log_policy::{Council, CouncilKey, LogPolicy, Operator, Registrant};
pub use manifest::{Disclosure, Keyspace, Manifest, ManifestDataset};
pub use model_card::ModelCard;
pub use party::{KeyUse, Party, PartyKey, Role};
pub use party_profile::{ExternalIdentifier, PartyProfile};
pub use preference_response::{PreferenceResponse, ResponseStatus};
pub use report::{AttributionReport, Compensation, CompensationReport, DELETION, Incident, Severity, SlaReport, Span};
pub use run_root::{MAX_SOURCES, RunKeyspace, RunRoot, RunSource};
pub use training_source::{Category, Relation, SourceDataset, TrainingSource};
pub use usage_preference::{Allowance, Authority, Preferences, Scope, UsagePreference};
pub use voice::{Comment, Dispute, Outcome, Resolution};

use super::key::PublicKey;
use super::kind::Kind;
use super::members::{COMMON_MEMBERS, Common};
use super::statement::{Statement, Subject};
use super::terms::RecordRef;
use super::{json, typed};
use crate::error::{Code, Error, Result};
use crate::ids::KeyId;

/// Where the predicate stands in a statement.
const PLACE: &str = "/predicate";

/// The member in which a signer that no party owns shows its key.
const OWN_KEY: &str = "publicKey";

/// What a record says beyond the members that every predicate has.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "each variant is the kind of its name")]
pub enum Predicate {
    LogPolicy(Box<LogPolicy>),
    Party(Box<Party>),
    PartyProfile(Box<PartyProfile>),
    KeyEvent(Box<KeyEvent>),
    ModelCard(Box<ModelCard>),
    DatasetCard(Box<DatasetCard>),
    TrainingSource(Box<TrainingSource>),
    Manifest(Box<Manifest>),
    LicenseClaim(Box<LicenseClaim>),
    AuditAttestation(Box<AuditAttestation>),
    UsagePreference(Box<UsagePreference>),
    PreferenceResponse(Box<PreferenceResponse>),
    Agreement(Box<Agreement>),
    GovernanceEvent(Box<GovernanceEvent>),
    Comment(Box<Comment>),
    Dispute(Box<Dispute>),
    Resolution(Box<Resolution>),
    Correction(Box<Correction>),
    Retraction(Box<Retraction>),
    Incident(Box<Incident>),
    SlaReport(Box<SlaReport>),
    CompensationReport(Box<CompensationReport>),
    AttributionReport(Box<AttributionReport>),
    IndexRoot(Box<IndexRoot>),
    RunRoot(Box<RunRoot>),
    /// A kind without a type of its own here. Its members are in `Statement::predicate`.
    Other,
}

/// The keys that a record speaks of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keys {
    /// Keys that come into force, each with its place in the statement.
    pub registered: Vec<PublicKey>,
    /// Ids of keys that the record registers, rotates or revokes.
    pub named: BTreeSet<KeyId>,
}

/// What [`read`] finds in a statement.
pub(super) struct Contents {
    pub(super) common: Common,
    pub(super) predicate: Predicate,
    pub(super) keys: Keys,
    /// The key of a signer that no party owns.
    pub(super) own_key: Option<PublicKey>,
}

/// Reads the predicate of a statement, and holds it and the subjects against the rules of the kind.
pub(super) fn read(statement: &Statement) -> Result<Contents> {
    let members = &statement.predicate;
    let common: Common = typed::read_members(members, |_| false, PLACE)?;
    if statement.kind.is_structural() {
        refuse_free_text(members)?;
    }
    let own_key = own_key(&common, &statement.kind, members)?;
    let mut keys = Keys::default();
    let predicate = match statement.kind {
        Kind::LogPolicy => {
            let said: LogPolicy = rest(members)?;
            keys = said.check(&common, statement)?;
            Predicate::LogPolicy(said.into())
        }
        Kind::Party => {
            let said: Party = rest(members)?;
            keys = said.check(statement)?;
            Predicate::Party(said.into())
        }
        Kind::KeyEvent => {
            let said: KeyEvent = rest(members)?;
            keys = said.check(statement)?;
            Predicate::KeyEvent(said.into())
        }
        Kind::Manifest => Predicate::Manifest(with_statement(statement, Manifest::check)?),
        Kind::LicenseClaim => Predicate::LicenseClaim(alone(statement, LicenseClaim::check)?),
        Kind::AuditAttestation => Predicate::AuditAttestation(alone(statement, AuditAttestation::check)?),
        Kind::UsagePreference => {
            let said: UsagePreference = rest(members)?;
            said.check(&common, statement)?;
            Predicate::UsagePreference(said.into())
        }
        Kind::PreferenceResponse => {
            Predicate::PreferenceResponse(with_statement(statement, PreferenceResponse::check)?)
        }
        Kind::Agreement => Predicate::Agreement(alone(statement, Agreement::check)?),
        Kind::GovernanceEvent => Predicate::GovernanceEvent(with_statement(statement, GovernanceEvent::check)?),
        Kind::Comment => Predicate::Comment(with_statement(statement, Comment::check)?),
        Kind::Dispute => Predicate::Dispute(with_statement(statement, Dispute::check)?),
        Kind::Resolution => Predicate::Resolution(with_statement(statement, Resolution::check)?),
        Kind::Correction => Predicate::Correction(with_statement(statement, Correction::check)?),
        Kind::Retraction => Predicate::Retraction(with_statement(statement, Retraction::check)?),
        Kind::Incident => Predicate::Incident(alone(statement, Incident::check)?),
        Kind::SlaReport => Predicate::SlaReport(alone(statement, SlaReport::check)?),
        Kind::CompensationReport => Predicate::CompensationReport(alone(statement, CompensationReport::check)?),
        Kind::AttributionReport => Predicate::AttributionReport(alone(statement, AttributionReport::check)?),
        Kind::IndexRoot => Predicate::IndexRoot(with_statement(statement, IndexRoot::check)?),
        Kind::RunRoot => Predicate::RunRoot(with_statement(statement, RunRoot::check)?),
        Kind::PartyProfile => Predicate::PartyProfile(rest(members)?),
        Kind::ModelCard => Predicate::ModelCard(rest(members)?),
        Kind::DatasetCard => Predicate::DatasetCard(rest(members)?),
        Kind::TrainingSource => Predicate::TrainingSource(rest(members)?),
        Kind::Other(_) => Predicate::Other,
    };
    Ok(Contents { common, predicate, keys, own_key })
}

/// The members of a kind: all but those that every predicate has.
fn rest<T: DeserializeOwned>(members: &Map<String, Value>) -> Result<T> {
    typed::read_members(members, |name| COMMON_MEMBERS.contains(&name), PLACE)
}

/// The members of a kind, held against its rules.
fn alone<T: DeserializeOwned>(statement: &Statement, check: impl FnOnce(&T) -> Result<()>) -> Result<Box<T>> {
    with_statement(statement, |members, _| check(members))
}

/// The members of a kind, held against its rules, which speak of the subjects as well.
fn with_statement<T: DeserializeOwned>(
    statement: &Statement,
    check: impl FnOnce(&T, &Statement) -> Result<()>,
) -> Result<Box<T>> {
    let members = rest(&statement.predicate)?;
    check(&members, statement)?;
    Ok(Box::new(members))
}

/// The common members in which somebody could write anything, in kinds that are never redacted.
fn refuse_free_text(members: &Map<String, Value>) -> Result<()> {
    let refused = |place: &str| Error::new(Code::Schema, "structural records hold no free text").at(place);
    if members.contains_key("evidence") {
        return Err(refused("/predicate/evidence"));
    }
    let issuer = members.get("issuer").and_then(Value::as_object);
    match issuer.and_then(|issuer| issuer.keys().find(|name| *name != "id")) {
        Some(name) => Err(refused(&format!("/predicate/issuer{}", json::pointer_step(name)))),
        None => Ok(()),
    }
}

/// The key of an issuer `key:<keyid>`, which such a record must carry, since no other names it.
fn own_key(common: &Common, kind: &Kind, members: &Map<String, Value>) -> Result<Option<PublicKey>> {
    let Some(id) = common.issuer.id.key() else { return Ok(None) };
    if kind.is_structural() {
        let detail = "a signer that no party owns cannot issue a structural record";
        return Err(Error::new(Code::Schema, detail).at("/predicate/issuer/id"));
    }
    if common.nonce.is_none() {
        let detail =
            "missing: a signer that no party owns is a person, and the record's id stays when its body is erased";
        return Err(Error::new(Code::Schema, detail).at("/predicate/nonce"));
    }
    let Some(Value::String(text)) = members.get(OWN_KEY) else {
        let detail = "missing: an issuer of the form key:<keyid> shows its key";
        return Err(Error::new(Code::Schema, detail).at("/predicate/publicKey"));
    };
    public_key(id, text, PLACE).map(Some)
}

/// The key that `publicKey` at `place` holds, if `keyid` is its id.
fn public_key(keyid: KeyId, text: &str, place: &str) -> Result<PublicKey> {
    let key = PublicKey::from_base64(text).map_err(|error| error.at(format!("{place}/publicKey")))?;
    if key.key_id() != keyid {
        let detail = format!("the id of the key is {}, not {keyid}", key.key_id());
        return Err(Error::new(Code::BindingMismatch, detail).at(format!("{place}/keyid")));
    }
    Ok(key)
}

/// Holds the subjects of a statement against the set that its predicate determines.
fn check_subjects(statement: &Statement, expected: &[Subject]) -> Result<()> {
    let stands = |expected: &Subject| {
        statement.subjects.iter().any(|found| found.name == expected.name && found.sha256() == expected.sha256())
    };
    // Those expected differ from one another, so as many that all stand are one each.
    if statement.subjects.len() == expected.len() && expected.iter().all(stands) {
        return Ok(());
    }
    let names: Vec<&str> = expected.iter().filter_map(|subject| subject.name.as_deref()).collect();
    let detail = format!("expected exactly one subject for each of: {}", names.join(", "));
    Err(Error::new(Code::Schema, detail.chars().take(500).collect::<String>()).at("/subject"))
}

/// A statement about a record has that record among its subjects, so that it is found under it.
fn needs_subject(statement: &Statement, target: &RecordRef) -> Result<()> {
    if statement.subjects.iter().any(|subject| subject.record_id() == Some(target.id())) {
        return Ok(());
    }
    Err(Error::new(Code::Schema, format!("expected {target} among the subjects")).at("/subject"))
}

fn schema_error(place: &str, detail: impl Into<String>) -> Error {
    Error::new(Code::Schema, detail).at(format!("{PLACE}{place}"))
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
