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
//! absence is proven up to the size that the root covers, if the root is honest. One that does not hold fails the link.

use std::collections::BTreeMap;

use super::lookup::look_up;
use super::{Trust, verify};
use crate::bundle::{Bundle, KeyLookup};
use crate::error::{Code, Error, Result};
use crate::ids::{KeyId, LeafIndex, TreeSize};
use crate::note::AcceptedCheckpoint;
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
    let KeyLookup { index_root, history, lookups } = KeyLookup::read(value)?;
    let of_root = Bundle { record: index_root, key_history: history, policy: bundle.policy.clone(), key_lookup: None };
    let report = verify(&of_root, trust, &[]);
    let code = report.code().unwrap_or(Code::ProofInvalid);
    let root = report.verified.ok_or_else(|| refused(code, "the index-root does not verify"))?;
    let by = root.checkpoint();
    if by.checkpoint().origin() != accepted.checkpoint().origin() || by.log() != accepted.log() {
        return Err(refused(Code::OriginMismatch, "the index-root is of another log than the record"));
    }
    let mut proven = BTreeMap::new();
    for key in signers {
        let term = Term::Key(*key);
        let Some(lookup) = lookups.iter().find(|lookup| lookup.term == term) else { continue };
        let list = look_up(lookup, &term, &root, trust)
            .map_err(|error| Error::new(error.code(), error.detail()).at("keyLookup"))?;
        if list.missing_page().is_some() {
            // One page of more than a bundle has room for: it says as much as no look-up at all, that nothing is proven.
            continue;
        }
        if let Some(missing) = list.indices().find(|index| !known.contains(index)) {
            let detail = format!("entry {missing} is about key {key}, and the key history leaves it out");
            return Err(refused(Code::BindingMismatch, &detail));
        }
        proven.insert(*key, list.indexed());
    }
    Ok(proven)
}

fn refused(code: Code, detail: &str) -> Error {
    Error::new(code, detail).at("keyLookup")
}
