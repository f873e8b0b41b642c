//! The tree over a keyspace's buckets: perfect, 2^t leaves, kept in tiles of eight levels.
//!
//! ```text
//! tree/0    the 2^t leaf hashes, 32 bytes each
//! tree/1    the 2^(t−8) nodes of level 8
//! tree/L    the nodes of level 8·L, for every L with 8·L ≤ t
//! ```
//!
//! Each file is its level's tiles (256 hashes, 8 KiB) one after another, as C2SP tlog-tiles would have them; a node
//! between two stored levels is hashed from at most 128 of the level below. Hashing is [`crate::merkle`]'s.

use crate::merkle::NodeHash;

/// How many levels of the tree share a file.
pub(super) const TILE_HEIGHT: u8 = 8;

/// How many files the tree has.
pub(super) const fn stored_count(t: u8) -> u8 {
    t / TILE_HEIGHT + 1
}

/// A tree of 2^t leaves that is made from left to right: it holds one tile a stored level and hands every node on.
pub(super) struct Growing {
    /// The newest tile of each stored level, lowest first.
    tiles: Vec<Vec<NodeHash>>,
}

impl Growing {
    /// A tree that will have 2^t leaves.
    pub(super) fn new(t: u8) -> Self {
        Self { tiles: vec![Vec::new(); usize::from(stored_count(t))] }
    }

    /// Appends a leaf. `store` gets it, and every node of a stored level that it completes, with the number of the level.
    pub(super) fn push<E>(
        &mut self,
        leaf: NodeHash,
        store: &mut dyn FnMut(u8, &NodeHash) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut node = leaf;
        for level in 0..self.tiles.len() {
            store(level as u8, &node)?;
            let tile = &mut self.tiles[level];
            tile.push(node);
            // The topmost level never fills a tile: it has 2^(t mod 8) nodes.
            if tile.len() < 1 << TILE_HEIGHT {
                break;
            }
            match fold(core::mem::take(tile)) {
                Some(above) => node = above,
                None => break,
            }
        }
        Ok(())
    }

    /// The root, once all leaves are there.
    pub(super) fn root(self) -> Option<NodeHash> {
        self.tiles.into_iter().next_back().and_then(fold)
    }
}

/// The root of the perfect tree over these nodes; `None` if there are none.
pub(super) fn fold(mut nodes: Vec<NodeHash>) -> Option<NodeHash> {
    while nodes.len() > 1 {
        nodes = nodes.chunks(2).filter_map(|pair| Some(NodeHash::parent(pair.first()?, pair.get(1)?))).collect();
    }
    nodes.pop()
}

/// Where the hashes lie under a node: the stored level, the first hash there, and how many.
pub(super) const fn stored_under(level: u8, index: u64) -> (u8, u64, usize) {
    let above = level % TILE_HEIGHT;
    (level / TILE_HEIGHT, index << above, 1 << above)
}

/// The nodes beside the way from subtree `prefix` at `depth` up to the root of a tree of 2^t: (level, index).
pub(super) fn siblings(t: u8, depth: u8, prefix: u64) -> impl Iterator<Item = (u8, u64)> {
    (0..depth).map(move |up| (t - depth + up, (prefix >> up) ^ 1))
}

/// Walks from the subtree at `prefix` to the root.
pub(super) fn climb(node: NodeHash, prefix: u64, siblings: &[NodeHash]) -> NodeHash {
    siblings.iter().enumerate().fold(node, |node, (up, sibling)| match prefix >> up & 1 {
        0 => NodeHash::parent(&node, sibling),
        _ => NodeHash::parent(sibling, &node),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::ids::{LeafIndex, TreeSize};
    use crate::merkle::{CompactRange, LeafHash, Proof, verify_inclusion};

    fn leaves(t: u8) -> Vec<LeafHash> {
        (0..1u64 << t).map(|i| LeafHash::of_entry(&i.to_be_bytes())).collect()
    }

    /// The tree is RFC 6962's: root and proofs agree with the log's own code.
    #[test]
    fn agrees_with_the_trees_of_logs() {
        for t in [0, 1, 2, 7, 8, 9, 12] {
            let leaves = leaves(t);
            let mut range = CompactRange::new();
            for leaf in &leaves {
                range.append(*leaf, &mut |_, _, _| {});
            }
            let mut levels = vec![Vec::new(); usize::from(stored_count(t))];
            let mut growing = Growing::new(t);
            for leaf in &leaves {
                let mut store = |level: u8, node: &NodeHash| {
                    levels[usize::from(level)].push(*node);
                    Ok::<(), ()>(())
                };
                growing.push(NodeHash::from(*leaf), &mut store).unwrap();
            }
            for (level, nodes) in levels.iter().enumerate() {
                assert_eq!(nodes.len(), 1 << (usize::from(t) - 8 * level));
            }
            let node = |(level, index): (u8, u64)| {
                let (stored, first, count) = stored_under(level, index);
                fold(levels[usize::from(stored)][first as usize..][..count].to_vec()).unwrap()
            };
            let root = node((t, 0));
            assert_eq!(range.root(), root.into());
            assert_eq!(growing.root(), Some(root));
            for index in [0, 1, (1 << t) / 2, (1 << t) - 1] {
                let index = index.min((1 << t) - 1);
                let path: Vec<_> = siblings(t, t, index).map(node).collect();
                let leaf = leaves[index as usize];
                assert_eq!(climb(leaf.into(), index, &path), root);
                let proof = Proof::new(path).unwrap();
                verify_inclusion(LeafIndex(index), TreeSize(1 << t), leaf, &proof, root.into()).unwrap();
                for depth in 0..t {
                    let prefix = index >> (t - depth);
                    let path: Vec<_> = siblings(t, depth, prefix).map(node).collect();
                    assert_eq!(climb(node((t - depth, prefix)), prefix, &path), root);
                }
            }
        }
    }
}
