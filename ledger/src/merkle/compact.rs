//! A compact range: the few nodes that are enough to append to a tree and to know its root.
//!
//! For a tree of `n` entries these are the roots of the perfect subtrees that `n` is made of, one for each bit that is
//! set. It does not keep the other nodes: whoever wants them takes them as they become complete.

use super::hash::{LeafHash, NodeHash, RootHash};
use super::proof::ProofError;
use crate::ids::TreeSize;

/// The right edge of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CompactRange {
    size: u64,
    /// From left to right, so from the largest subtree to the smallest.
    nodes: Vec<NodeHash>,
}

impl CompactRange {
    /// The range of the empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// The range of a tree of `size` entries from its nodes, left to right; refused if their number is not the number of
    /// bits that are set in `size`.
    ///
    /// # Errors
    /// [`ProofError::Length`].
    pub fn from_parts(size: TreeSize, nodes: Vec<NodeHash>) -> Result<Self, ProofError> {
        let expected = size.0.count_ones() as usize;
        if nodes.len() != expected {
            return Err(ProofError::Length { short: nodes.len() < expected });
        }
        Ok(Self { size: size.0, nodes })
    }

    /// How many entries the tree has.
    pub const fn size(&self) -> TreeSize {
        TreeSize(self.size)
    }

    /// The roots of the perfect subtrees, left to right.
    pub fn nodes(&self) -> &[NodeHash] {
        &self.nodes
    }

    /// Appends an entry and hands every subtree that it completes to `complete`: first the leaf itself at level 0, then
    /// upwards, each by its level and its index on that level.
    pub fn append(&mut self, leaf: LeafHash, complete: &mut impl FnMut(u8, u64, NodeHash)) {
        let mut node = NodeHash::from(leaf);
        complete(0, self.size, node);
        // A carry: each low bit that is set is a subtree that the new one joins from the right.
        for level in 1..=self.size.trailing_ones() {
            if let Some(left) = self.nodes.pop() {
                node = NodeHash::parent(&left, &node);
                // At most 64, so that the cast loses nothing.
                complete(level as u8, self.size >> level, node);
            }
        }
        self.nodes.push(node);
        self.size += 1;
    }

    /// The root of the tree. Costs one hash for each node but the last.
    pub fn root(&self) -> RootHash {
        let joined = self.nodes.iter().rev().copied().reduce(|right, left| NodeHash::parent(&left, &right));
        joined.map_or(RootHash::EMPTY, RootHash::from)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::merkle::proof::tests::{leaf, naive_root};

    #[test]
    fn the_example_of_seven_entries_hands_out_each_complete_subtree_once() {
        let mut seen = Vec::new();
        let mut range = CompactRange::new();
        for n in 0..7 {
            range.append(leaf(n), &mut |level, index, _| seen.push((level, index)));
        }
        let expected =
            [(0, 0), (0, 1), (1, 0), (0, 2), (0, 3), (1, 1), (2, 0), (0, 4), (0, 5), (1, 2), (0, 6)].as_slice();
        assert_eq!(seen, expected);
        assert_eq!(range.nodes().len(), 3);
    }

    #[test]
    fn parts_of_another_size_are_refused() {
        let nodes = vec![NodeHash::from(leaf(0)); 2];
        assert!(CompactRange::from_parts(TreeSize(3), nodes.clone()).is_ok());
        assert_eq!(CompactRange::from_parts(TreeSize(7), nodes.clone()), Err(ProofError::Length { short: true }));
        assert_eq!(CompactRange::from_parts(TreeSize(4), nodes), Err(ProofError::Length { short: false }));
        assert_eq!(CompactRange::from_parts(TreeSize(0), vec![]).unwrap().root(), RootHash::EMPTY);
    }

    proptest! {
        #[test]
        fn the_root_is_that_of_the_definition(size in 0u64..200) {
            let leaves: Vec<_> = (0..size).map(leaf).collect();
            let mut range = CompactRange::new();
            for leaf in &leaves {
                range.append(*leaf, &mut |_, _, _| ());
            }
            prop_assert_eq!(range.root(), naive_root(&leaves));
            prop_assert_eq!(range.size(), TreeSize(size));
        }

        #[test]
        fn a_range_goes_on_from_its_parts(size in 0u64..100, more in 0u64..100) {
            let mut whole = CompactRange::new();
            for n in 0..size {
                whole.append(leaf(n), &mut |_, _, _| ());
            }
            let mut resumed = CompactRange::from_parts(whole.size(), whole.nodes().to_vec()).unwrap();
            let mut nodes = BTreeMap::new();
            for n in size..size + more {
                whole.append(leaf(n), &mut |_, _, _| ());
                resumed.append(leaf(n), &mut |level, index, node| assert!(nodes.insert((level, index), node).is_none()));
            }
            prop_assert_eq!(resumed, whole);
        }
    }
}
