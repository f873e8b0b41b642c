//! Link 4: the entry stands in the tree at its index.

use super::report::Passed;
use crate::bundle::Link;
use crate::error::Result;
use crate::ids::LeafIndex;
use crate::merkle::{LeafHash, verify_inclusion};
use crate::note::AcceptedCheckpoint;

/// The bytes of a leaf that an accepted checkpoint covers.
pub(super) struct IncludedEntry {
    pub(super) index: LeafIndex,
    pub(super) leaf: LeafHash,
    pub(super) bytes: Vec<u8>,
    /// The checkpoint, and the note that it was read from.
    pub(super) checkpoint: AcceptedCheckpoint,
    pub(super) note: Vec<u8>,
}

pub(super) fn check(link: &Link, accepted: AcceptedCheckpoint) -> Result<Passed<IncludedEntry>> {
    let leaf = LeafHash::of_entry(&link.entry);
    let (index, checkpoint) = (link.proof.index, accepted.checkpoint());
    verify_inclusion(index, checkpoint.size(), leaf, &link.proof.proof, checkpoint.root())?;
    let detail = format!("entry {index} of {}", checkpoint.size());
    let (bytes, note) = (link.entry.clone(), link.proof.checkpoint.clone());
    Ok(Passed::new(IncludedEntry { index, leaf, bytes, checkpoint: accepted, note }, detail))
}
