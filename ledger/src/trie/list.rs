//! The list of entries under one term: an RFC 6962 tree over their indices.

use crate::error::{Code, Error, Result};
use crate::ids::{LeafIndex, TreeSize};
use crate::merkle::{CompactRange, LeafHash, NodeHash, Proof, RootHash, Subtree, verify_subtree_consistency};

/// How many indices a page of a list has: a subtree, so that one proof is enough for all of them.
pub const LIST_PAGE: u64 = 256;

/// What the trie says about a term: `u64 count ‖ RFC 6962 root over the indices`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListHead {
    /// How many entries there are.
    pub count: TreeSize,
    /// The root over their indices.
    pub root: RootHash,
}

impl ListHead {
    /// The value as the trie holds it.
    pub fn to_value(self) -> [u8; 40] {
        let mut value = [0; 40];
        value[..8].copy_from_slice(&self.count.0.to_be_bytes());
        value[8..].copy_from_slice(self.root.as_bytes());
        value
    }
}

/// A list that can grow: its edge, and its last index.
///
/// ```text
/// u64 count ‖ u64 last index ‖ the roots of its perfect subtrees, 32 bytes each, from left to right
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct List {
    last: Option<LeafIndex>,
    range: CompactRange,
}

impl List {
    /// How many indices it has.
    pub const fn count(&self) -> TreeSize {
        self.range.size()
    }

    /// Its last index.
    pub const fn last(&self) -> Option<LeafIndex> {
        self.last
    }

    /// What the trie says about it.
    pub fn head(&self) -> ListHead {
        ListHead { count: self.range.size(), root: self.range.root() }
    }

    /// Appends an index and hands out the nodes that it completes. An index that is not above the last one is in the
    /// list already, and nothing happens: entries may be taken in again after a crash.
    pub fn append(&mut self, index: LeafIndex, complete: &mut impl FnMut(u8, u64, NodeHash)) {
        if self.last.is_none_or(|last| last < index) {
            self.range.append(leaf(index), complete);
            self.last = Some(index);
        }
    }

    /// How many bytes it takes in a row.
    pub(super) fn row_len(&self) -> usize {
        16 + 32 * self.range.nodes().len()
    }

    /// Writes it into a row.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.count().0.to_be_bytes());
        out.extend_from_slice(&self.last.map_or(0, |last| last.0).to_be_bytes());
        self.range.nodes().iter().for_each(|node| out.extend_from_slice(node.as_bytes()));
    }

    /// Reads it off the front of a row: there are as many nodes as its count has bits.
    pub(super) fn read(bytes: &[u8]) -> Result<(Self, &[u8])> {
        let damaged = || Error::new(Code::StoreCorrupt, "a list of the index is not of its form");
        let (count, rest) = bytes.split_first_chunk::<8>().ok_or_else(damaged)?;
        let (last, rest) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
        let count = TreeSize(u64::from_be_bytes(*count));
        let nodes = 32 * count.0.count_ones() as usize;
        if count.0 == 0 || rest.len() < nodes {
            return Err(damaged());
        }
        let (nodes, rest) = rest.split_at(nodes);
        let nodes = nodes.as_chunks::<32>().0.iter().map(|node| NodeHash::from_bytes(*node)).collect();
        let range = CompactRange::from_parts(count, nodes).map_err(|_| damaged())?;
        Ok((Self { last: Some(LeafIndex(u64::from_be_bytes(*last))), range }, rest))
    }
}

fn leaf(index: LeafIndex) -> LeafHash {
    LeafHash::of_entry(&index.0.to_be_bytes())
}

/// The root over a page of indices.
pub fn page_root(indices: &[LeafIndex]) -> RootHash {
    let mut range = CompactRange::new();
    indices.iter().for_each(|index| range.append(leaf(*index), &mut |_, _, _| {}));
    range.root()
}

/// Checks that `indices` are the page with this number of a list: all of it, in order, and nothing else.
///
/// # Errors
/// `proof_invalid`.
pub fn verify_page(head: &ListHead, number: u64, indices: &[LeafIndex], proof: &Proof) -> Result<()> {
    let (start, end) = page_bounds(head.count, number).ok_or_else(|| refused("the list has no such page"))?;
    if indices.len() as u64 != end - start {
        return Err(refused(&format!("the page has {} indices, and the list says {}", indices.len(), end - start)));
    }
    if indices.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err(refused("the indices of a page do not rise"));
    }
    let part = Subtree::new(start, end)?;
    Ok(verify_subtree_consistency(part, page_root(indices), head.count, head.root, proof)?)
}

/// The first place of a page, and the place after its last.
pub(super) fn page_bounds(count: TreeSize, number: u64) -> Option<(u64, u64)> {
    let start = number.checked_mul(LIST_PAGE).filter(|start| *start < count.0)?;
    Some((start, count.0.min(start + LIST_PAGE)))
}

fn refused(detail: &str) -> Error {
    Error::new(Code::ProofInvalid, detail)
}
