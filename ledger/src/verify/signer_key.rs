//! Link 6: the signers' keys were in force at the record's index, and their party might register this.
//!
//! The key history decides by the same fold that admits records to the log. It may leave something out: that a key was not
//! revoked by an entry which the bundle does not hold is proven only where the index says so (`keyLookup`), and that the
//! party's roles were not changed by one never is, so the line names the registration that they follow from.

use super::Trust;
use super::envelope_signature::VerifiedEnvelope;
use super::history::{self, Candidates, fold};
use super::inclusion::IncludedEntry;
use super::key_lookup;
use super::report::Passed;
use crate::bundle::Bundle;
use crate::entry::Header;
use crate::error::{Code, Error, Result};
use crate::ids::{KeyId, LeafIndex, TreeSize, UnixMillis};
use crate::record::Record;
use crate::state::{Owner, Revocation, Standing, State};

/// A key whose signature holds and that was in force at the record's index, or that the record itself brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedSigner {
    key: KeyId,
    owner: Option<Owner>,
    registered: Option<LeafIndex>,
    revoked: Option<Revocation>,
    disputed: bool,
    unrevoked_to: Option<TreeSize>,
}

impl VerifiedSigner {
    /// The key.
    pub const fn key(&self) -> KeyId {
        self.key
    }

    /// Whose it is; `None` for a key that no party owned at that index.
    pub const fn owner(&self) -> Option<&Owner> {
        self.owner.as_ref()
    }

    /// The entry that registered it; `None` for a key that the record itself brings.
    pub const fn registered(&self) -> Option<LeafIndex> {
        self.registered
    }

    /// A later revocation that the bundle holds. That there is none here does not prove that there is none.
    pub const fn revoked(&self) -> Option<Revocation> {
        self.revoked
    }

    /// Up to which size of the log it is proven that no revocation but this one was left out, under an `index-root` that
    /// must be honest. `None` where the bundle does not prove it.
    pub const fn history_complete_to(&self) -> Option<TreeSize> {
        self.unrevoked_to
    }

    /// Whether that revocation says that the key may have been stolen before it signed this.
    pub const fn is_disputed(&self) -> bool {
        self.disputed
    }
}

/// The signers with their standing.
pub(super) struct Standings {
    pub(super) signers: Vec<VerifiedSigner>,
    /// The record, or why there is none: the next link says it.
    pub(super) record: Result<Record>,
}

pub(super) fn check(
    bundle: &Bundle,
    candidates: Candidates,
    envelope: &VerifiedEnvelope,
    included: &IncludedEntry,
    trust: &Trust,
) -> Result<Passed<Standings>> {
    let history = history::check(bundle, &candidates, included, trust)?;
    let index = included.index;
    let mut state = State::default();
    for proven in history.iter().filter(|proven| proven.entry.index < index) {
        fold(&mut state, proven)?;
    }
    let record = candidates.record.as_ref();
    for key in &envelope.signers {
        counts(&state, *key, index, record)?;
    }
    let mut roles = None;
    if let Ok(record) = record {
        state.authorise(record, index)?;
        roles = state.party(record.issuer()).and_then(|party| party.registrations.last().copied());
        // Only the kind and the record are looked at; the entry's own header is held against the record's next.
        state.apply(index, &Header::derive(record, UnixMillis(0)), Some(record));
    }
    for proven in history.iter().filter(|proven| proven.entry.index > index) {
        fold(&mut state, proven)?;
    }
    let known: Vec<LeafIndex> = history.iter().map(|proven| proven.entry.index).chain([index]).collect();
    let keys = envelope.signers.clone();
    let complete = key_lookup::check(bundle, &keys, &known, &included.checkpoint, trust)?;
    let mut signers: Vec<_> = keys.iter().map(|key| standing(&state, *key, index)).collect();
    for signer in &mut signers {
        signer.unrevoked_to = complete.get(&signer.key).copied();
    }
    let mut detail = describe(&signers, included.checkpoint.checkpoint().size());
    if let Some(registration) = roles {
        // No look-up is of a party: that it was not registered anew with other roles follows from no bundle.
        detail
            .push_str(&format!(". Roles by entry {registration}; no change of them before entry {index}: not proven"));
    }
    drop(history);
    Ok(Passed::new(Standings { signers, record: candidates.record }, detail))
}

/// Whether a signature by this key counts at `index`, or stands beside those that do because the record brings the key.
fn counts(state: &State, key: KeyId, index: LeafIndex, record: Result<&Record, &Error>) -> Result<()> {
    match state.standing(&key, index) {
        Standing::InForce { .. } | Standing::Disputed(_) => Ok(()),
        Standing::Revoked(revocation) => {
            let detail = format!("key {key} was revoked by entry {}, before entry {index}", revocation.index);
            Err(Error::new(Code::SignerRevoked, detail))
        }
        Standing::Unknown | Standing::NotYet(_) => {
            let brought = record.is_ok_and(|record| {
                record.registered_keys().iter().chain(record.own_key()).any(|brought| brought.key_id() == key)
            });
            if brought {
                return Ok(());
            }
            Err(Error::new(Code::SignerUnknown, format!("key {key} is not registered below entry {index}")))
        }
    }
}

fn standing(state: &State, key: KeyId, index: LeafIndex) -> VerifiedSigner {
    let disputed = matches!(state.standing(&key, index), Standing::Disputed(_));
    // The history may go on after the record, and a key be registered then that spoke for nobody here.
    match state.key(&key).filter(|known| known.registered <= index) {
        Some(known) => VerifiedSigner {
            key,
            owner: Some(known.owner.clone()),
            registered: Some(known.registered).filter(|registered| *registered < index),
            revoked: known.revoked,
            disputed,
            unrevoked_to: None,
        },
        None => VerifiedSigner { key, owner: None, registered: None, revoked: None, disputed, unrevoked_to: None },
    }
}

fn describe(signers: &[VerifiedSigner], size: TreeSize) -> String {
    let described = signers.iter().map(|signer| {
        let since = match signer.registered {
            Some(index) => format!("registered at entry {index}"),
            None if signer.owner.is_some() => "registered by this record".to_owned(),
            None => "of no party, unvouched".to_owned(),
        };
        let until = match signer.revoked {
            Some(revocation) => format!("revoked at entry {}", revocation.index),
            None => match signer.unrevoked_to {
                Some(size) => format!("no revocation up to size {size}: proven"),
                None => format!("no revocation up to size {size}: not proven"),
            },
        };
        format!("key {} {since}; {until}", signer.key)
    });
    described.collect::<Vec<_>>().join(". ")
}
