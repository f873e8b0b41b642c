//! Makes proofs and roots from the nodes of a tree, wherever these are kept.
//!
//! As in [`super::proof`], an entry and an older tree are subtrees, and one recursion serves them all: SUBTREE_PROOF of
//! draft-ietf-plants-merkle-tree-certs section 4.3, which is PATH and PROOF of RFC 6962 section 2.1 on those ranges.

use super::hash::{NodeHash, RootHash};
use super::proof::{Proof, Subtree};
use crate::error::{Code, Error};
use crate::ids::{LeafIndex, TreeSize};

/// Where the nodes of a tree are kept.
///
/// Any `Fn(u8, u64) -> Result<NodeHash, E>` is one.
pub trait Nodes {
    /// Why a node could not be had.
    type Error;

    /// The root of the perfect subtree of the 2^`level` entries that begin with `index · 2^level`.
    ///
    /// Only asked for subtrees that are complete in the tree which a proof is made for.
    ///
    /// # Errors
    /// Why it could not be had; the proof fails with it.
    fn node(&self, level: u8, index: u64) -> Result<NodeHash, Self::Error>;
}

impl<F, E> Nodes for F
where
    F: Fn(u8, u64) -> Result<NodeHash, E>,
{
    type Error = E;

    fn node(&self, level: u8, index: u64) -> Result<NodeHash, E> {
        self(level, index)
    }
}

/// Why a proof was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProveError<E> {
    /// What should be proven is not so: the entry or the older tree is not inside the tree.
    #[error("the range from {start} to {end} is not inside a tree of {size} entries")]
    OutOfRange {
        /// The first entry of the range.
        start: u64,
        /// The entry after the last.
        end: u64,
        /// The size of the tree.
        size: u64,
    },
    /// A node could not be had.
    #[error("a node could not be read: {0}")]
    Node(E),
}

impl<E: core::fmt::Display> From<ProveError<E>> for Error {
    fn from(error: ProveError<E>) -> Self {
        let code = match error {
            ProveError::OutOfRange { .. } => Code::NotFound,
            ProveError::Node(_) => Code::StoreCorrupt,
        };
        Error::new(code, error.to_string())
    }
}

/// The proof that the entry at `index` is in the tree of `size` entries.
///
/// # Errors
/// [`ProveError::OutOfRange`] if it is not in it; [`ProveError::Node`] with what `nodes` says.
pub fn prove_inclusion<N: Nodes>(nodes: &N, index: LeafIndex, size: TreeSize) -> Result<Proof, ProveError<N::Error>> {
    let out_of_range = ProveError::OutOfRange { start: index.0, end: index.0, size: size.0 };
    match index.0.checked_add(1).and_then(|end| Subtree::new(index.0, end).ok()) {
        Some(subtree) => prove_subtree_consistency(nodes, subtree, size),
        None => Err(out_of_range),
    }
}

/// The proof that the tree of `new` entries begins with the tree of `old` entries. From size 0 it has no hashes.
///
/// # Errors
/// [`ProveError::OutOfRange`] if it is not in it; [`ProveError::Node`] with what `nodes` says.
pub fn prove_consistency<N: Nodes>(nodes: &N, old: TreeSize, new: TreeSize) -> Result<Proof, ProveError<N::Error>> {
    match Subtree::new(0, old.0) {
        Ok(subtree) => prove_subtree_consistency(nodes, subtree, new),
        Err(_) => Err(ProveError::OutOfRange { start: 0, end: old.0, size: new.0 }),
    }
}

/// The proof that the entries of `subtree` are in the tree of `size` entries.
///
/// # Errors
/// [`ProveError::OutOfRange`] if it is not in it; [`ProveError::Node`] with what `nodes` says.
pub fn prove_subtree_consistency<N: Nodes>(
    nodes: &N,
    subtree: Subtree,
    size: TreeSize,
) -> Result<Proof, ProveError<N::Error>> {
    let (start, end) = (subtree.start(), subtree.end());
    let out_of_range = ProveError::OutOfRange { start, end, size: size.0 };
    if end > size.0 {
        return Err(out_of_range);
    }
    if start == end {
        return Ok(Proof::default());
    }
    let mut hashes = Vec::new();
    // Down from the root to the part, noting what stands beside the way; the proof lists it the other way round.
    let (mut low, mut high, mut is_part) = (0, size.0, true);
    let mut start = start;
    while (start, end) != (low, high) {
        let middle = low + split(high - low);
        if end <= middle {
            hashes.push(range_root(nodes, middle, high).map_err(ProveError::Node)?);
            high = middle;
        } else {
            hashes.push(range_root(nodes, low, middle).map_err(ProveError::Node)?);
            if start < middle {
                // The part goes on to the left, so what follows is no longer the whole of it.
                is_part = false;
                start = middle;
            }
            low = middle;
        }
    }
    if !is_part {
        hashes.push(range_root(nodes, low, high).map_err(ProveError::Node)?);
    }
    hashes.reverse();
    Proof::new(hashes).map_err(|_| out_of_range)
}

/// The root of the tree of the first `size` entries.
///
/// # Errors
/// What `nodes` says.
pub fn tree_root<N: Nodes>(nodes: &N, size: TreeSize) -> Result<RootHash, N::Error> {
    if size.0 == 0 {
        return Ok(RootHash::EMPTY);
    }
    range_root(nodes, 0, size.0).map(RootHash::from)
}

/// How many of `len` entries stand in the left half: the largest power of two below `len`, which is at least 2.
const fn split(len: u64) -> u64 {
    1 << (u64::BITS - 1 - (len - 1).leading_zeros())
}

/// The hash of the entries from `low` to `high`, which is not less than `low + 1`, where `low` is a multiple of a power
/// of two that is at least `high - low`.
fn range_root<N: Nodes>(nodes: &N, low: u64, high: u64) -> Result<NodeHash, N::Error> {
    // The range is a row of perfect subtrees of falling size, one for each bit of its length; they are joined from the
    // right, where the smallest stands.
    let mut len = high - low;
    let mut end = high;
    let mut joined: Option<NodeHash> = None;
    while len > 0 {
        let level = len.trailing_zeros();
        len &= len - 1;
        end -= 1 << level;
        // At most 63, so that the cast loses nothing.
        let node = nodes.node(level as u8, end >> level)?;
        joined = Some(match joined {
            Some(right) => NodeHash::parent(&node, &right),
            None => node,
        });
    }
    Ok(joined.unwrap_or(NodeHash::from_bytes(*RootHash::EMPTY.as_bytes())))
}
