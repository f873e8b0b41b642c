//! The key history: entry 0 and the records that the signers' standing follows from, each proven like the record itself.
//!
//! Of a record that is not proven nothing is repeated in an error, only where it stands.

use super::inclusion::{self, IncludedEntry};
use super::record::{BoundEntry, bind};
use super::{Seen, Trust, log_signature, witnesses};
use crate::bundle::{Bundle, Link};
use crate::error::{Code, Error, Result};
use crate::ids::{KeyId, LeafIndex};
use crate::note::AcceptedCheckpoint;
use crate::record::Record;
use crate::record::key::PublicKey;
use crate::record::kinds::Predicate;
use crate::state::State;

/// Every record of a bundle, read and not verified: a place to find keys by their id, and nothing more.
pub(super) struct Candidates {
    pub(super) record: Result<Record>,
    policy: Result<Record>,
    history: Vec<Result<Record>>,
}

/// A record of the history that an accepted checkpoint covers, with its index.
pub(super) struct Proven<'a> {
    pub(super) entry: BoundEntry,
    record: &'a Record,
    place: String,
}

impl Candidates {
    pub(super) fn read(bundle: &Bundle) -> Self {
        Self {
            record: Record::parse(&bundle.record.envelope),
            policy: Record::parse(&bundle.policy.envelope),
            history: bundle.key_history.iter().map(|link| Record::parse(&link.envelope)).collect(),
        }
    }

    /// The key with this id, from whatever record shows it: the id is the hash of the key, so none can show a wrong one.
    pub(super) fn key(&self, id: &KeyId) -> Option<&PublicKey> {
        let records = [&self.policy, &self.record].into_iter().chain(&self.history).flatten();
        let mut keys = records.flat_map(|record| record.registered_keys().iter().chain(record.own_key()));
        keys.find(|key| key.key_id() == *id)
    }
}

/// Proves entry 0 and the key history, in the order of their indices.
pub(super) fn check<'a>(
    bundle: &Bundle,
    candidates: &'a Candidates,
    included: &IncludedEntry,
    trust: &Trust,
) -> Result<Vec<Proven<'a>>> {
    let mut trees = vec![Seen::of(included.checkpoint.checkpoint())];
    let policy = prove(&bundle.policy, &candidates.policy, "policy", included, trust, &mut trees)?;
    genesis(&policy, trust, included)?;
    let mut proven = vec![policy];
    for (n, (link, record)) in bundle.key_history.iter().zip(&candidates.history).enumerate() {
        let next = prove(link, record, &format!("keyHistory/{n}"), included, trust, &mut trees)?;
        if proven.last().is_some_and(|last| next.entry.index <= last.entry.index) {
            let detail = "the key history is not in the order of its indices";
            return Err(Error::new(Code::BindingMismatch, detail).at(next.place));
        }
        if next.entry.index == included.index {
            let detail = "the record cannot stand in its own key history";
            return Err(Error::new(Code::BindingMismatch, detail).at(next.place));
        }
        proven.push(next);
    }
    Ok(proven)
}

/// Takes a proven record into the state, with its signatures and under the rules that held at its index.
///
/// Whoever made the bundle chose what stands in it, so what a log would pass over in silence is an error here.
pub(super) fn fold(state: &mut State, proven: &Proven<'_>) -> Result<()> {
    let Proven { entry, record, place } = proven;
    if !State::changes_keys(&entry.header) {
        return Err(Error::new(Code::BindingMismatch, "a record that changes no key").at(place));
    }
    state.verify_signatures(record).map_err(|error| quiet(&error, place))?;
    state.authorise(record, entry.index).map_err(|error| quiet(&error, place))?;
    state.apply(entry.index, &entry.header, Some(record));
    Ok(())
}

/// One record, along the links that the bundle's own record goes along.
fn prove<'a>(
    link: &Link,
    record: &'a Result<Record>,
    place: &str,
    main: &IncludedEntry,
    trust: &Trust,
    trees: &mut Vec<Seen>,
) -> Result<Proven<'a>> {
    let accepted = accept(&link.proof.checkpoint, main, trust).map_err(|error| under(&error, place))?;
    let tree = Seen::of(accepted.checkpoint());
    trees.iter().try_for_each(|seen| seen.agrees_with(&tree)).map_err(|error| under(&error, place))?;
    trees.push(tree);
    let included = inclusion::check(link, accepted).map_err(|error| under(&error, place))?.value;
    let record = record.as_ref().map_err(|error| quiet(error, place))?;
    let entry = bind(&included, record).map_err(|error| quiet(&error, place))?;
    Ok(Proven { entry, record, place: place.to_owned() })
}

/// A checkpoint of the same log, by the same key, with the same quorum.
fn accept(note: &[u8], main: &IncludedEntry, trust: &Trust) -> Result<AcceptedCheckpoint> {
    // Most bundles hold one checkpoint many times.
    if note == main.note {
        return Ok(main.checkpoint.clone());
    }
    let accepted = witnesses::check(log_signature::check(note, trust)?.value, trust)?.value;
    let same = accepted.checkpoint().origin() == main.checkpoint.checkpoint().origin();
    if !same || accepted.log() != main.checkpoint.log() {
        return Err(Error::new(Code::OriginMismatch, "the checkpoint is of another log than the record's"));
    }
    Ok(accepted)
}

/// Entry 0 is the pinned one, if one is pinned, and the policy of this log.
fn genesis(policy: &Proven<'_>, trust: &Trust, included: &IncludedEntry) -> Result<()> {
    if policy.entry.index != LeafIndex(0) {
        return Err(Error::new(Code::BindingMismatch, "the policy is not entry 0").at("policy"));
    }
    if trust.genesis.is_some_and(|pinned| pinned != policy.entry.leaf) {
        return Err(Error::new(Code::OriginMismatch, "entry 0 is not the pinned one").at("policy"));
    }
    if included.index == LeafIndex(0) && included.leaf != policy.entry.leaf {
        return Err(Error::new(Code::BindingMismatch, "two different entries 0").at("policy"));
    }
    let origin = included.checkpoint.checkpoint().origin().as_str();
    match &policy.record.predicate {
        Predicate::LogPolicy(policy) if policy.origin == origin => Ok(()),
        Predicate::LogPolicy(_) => {
            Err(Error::new(Code::OriginMismatch, "entry 0 is the policy of another log").at("policy"))
        }
        _ => Err(Error::new(Code::BindingMismatch, "entry 0 is no log-policy").at("policy")),
    }
}

/// The same error at a place in the bundle; its own words are ours, not the signer's.
fn under(error: &Error, place: &str) -> Error {
    Error::new(error.code(), error.detail()).at(place)
}

/// The same error without words that somebody may have put into the record.
fn quiet(error: &Error, place: &str) -> Error {
    Error::new(error.code(), error.code().title()).at(place)
}
