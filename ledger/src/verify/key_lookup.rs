//! What a bundle's `keyLookup` adds to link 6: that no entry about a signer's key is missing from the key history.
//!
//! ```text
//! "keyLookup": {
//!   "indexRoot": { "envelope": …, "entry": …, "proof": … },   the root that the look-ups are under
//!   "history": [ { "envelope": …, "entry": …, "proof": … } ], what its signer's standing follows from, besides entry 0
//!   "lookups": [ … ]                                          of key:<keyid> of each signer, as docs/FORMAT.md §12 has them
//! }
//! ```
//!
//! Without it a revocation may have been left out, and the report says that its absence is not proven. With it the
//! absence is proven up to the size that the root covers, if the root is honest. One that does not hold fails the link:
//! every look-up of it is about a signer's key, in the one form that it is written in, and is checked.

use std::collections::BTreeMap;

use serde_json::Value;

use super::lookup::look_up;
use super::{Trust, verify};
use crate::bundle::{Bundle, KeyLookup};
use crate::error::{Code, Error, Result};
use crate::ids::{KeyId, LeafIndex, TreeSize};
use crate::note::AcceptedCheckpoint;
use crate::record::kinds::Predicate;
use crate::trie::Term;

/// Up to which size it is proven that the history knows every entry about each of these keys.
pub(super) fn check(
    bundle: &Bundle,
    signers: &[KeyId],
    known: &[LeafIndex],
    accepted: &AcceptedCheckpoint,
    trust: &Trust,
) -> Result<BTreeMap<KeyId, TreeSize>> {
    let Some(value) = &bundle.key_lookup else { return Ok(BTreeMap::new()) };
    let KeyLookup { index_root, history, lookups } = read(value)?;
    let about = |term: &Term| match term {
        Term::Key(key) if signers.contains(key) => Ok(*key),
        _ => Err(no_signers()),
    };
    let keys: Vec<KeyId> = lookups.iter().map(|lookup| about(&lookup.term)).collect::<Result<_>>()?;
    let of_root = Bundle { record: index_root, key_history: history, policy: bundle.policy.clone(), key_lookup: None };
    let report = verify(&of_root, trust, &[]);
    let code = report.code().unwrap_or(Code::ProofInvalid);
    let root = report.verified.ok_or_else(|| refused(code, "the index-root does not verify"))?;
    let by = root.checkpoint();
    if by.checkpoint().origin() != accepted.checkpoint().origin() || by.log() != accepted.log() {
        return Err(refused(Code::OriginMismatch, "the index-root is of another log than the record"));
    }
    if !matches!(root.record().predicate, Predicate::IndexRoot(_)) {
        return Err(refused(Code::BindingMismatch, "the record that should state the root is no index-root"));
    }
    let mut proven = BTreeMap::new();
    for (key, lookup) in keys.into_iter().zip(&lookups) {
        let list = look_up(lookup, &lookup.term, &root, trust)
            .map_err(|error| Error::new(error.code(), error.detail()).at("keyLookup"))?;
        if list.missing_page().is_some() {
            // One page of more than a bundle has room for: it says as much as no look-up at all, that nothing is proven.
            continue;
        }
        if let Some(missing) = list.indices().find(|index| !known.contains(index)) {
            let detail = format!("entry {missing} is about key {key}, and the key history leaves it out");
            return Err(refused(Code::BindingMismatch, &detail));
        }
        proven.insert(key, list.indexed());
    }
    Ok(proven)
}

/// Reads the member, which has one form: in a bundle no member of a look-up is left out, and none is written otherwise.
fn read(value: &Value) -> Result<KeyLookup> {
    let read = KeyLookup::read(value).map_err(|error| match error.code() {
        // What is no term at all is no signer's key either.
        Code::BadRequest => no_signers(),
        _ => error,
    })?;
    match read.to_value()? == *value {
        true => Ok(read),
        false => Err(refused(Code::ProofInvalid, "a look-up is not in its one form")),
    }
}

fn no_signers() -> Error {
    refused(Code::BindingMismatch, "a look-up is not of key:<keyid> of a signer")
}

fn refused(code: Code, detail: &str) -> Error {
    Error::new(code, detail).at("keyLookup")
}
