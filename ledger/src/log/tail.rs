//! The growing edge of the tree: the tiles that are not full yet, and the tree inside every tile.
//!
//! Only the hashes at multiples of eight levels are stored (C2SP tlog-tiles); the seven levels between are computed
//! from them. A proof touches a handful of tiles and the same tiles again and again, so a tile is kept with its inner
//! nodes once it was looked at.

use std::sync::Arc;

use crate::ids::TreeSize;
use crate::merkle::{LeafHash, NodeHash, RootHash};

/// 256 hashes make a full tile (tlog-tiles).
pub(crate) const TILE_WIDTH: usize = 256;

/// Hashes of one tile with the perfect subtrees inside it: `rows[0]` are the tile's hashes, `rows[k][i]` the node over
/// `rows[0][i * 2^k .. (i + 1) * 2^k]`. A full tile has nine rows and 511 nodes, 16 KiB.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TileTree {
    rows: Vec<Vec<NodeHash>>,
}

impl TileTree {
    /// A tile with these hashes.
    pub(crate) fn of(hashes: impl IntoIterator<Item = NodeHash>) -> Self {
        let mut tile = Self::default();
        for hash in hashes {
            tile.push(hash);
        }
        tile
    }

    /// How many hashes the tile holds.
    pub(crate) fn width(&self) -> usize {
        self.hashes().len()
    }

    /// The tile's hashes.
    pub(crate) fn hashes(&self) -> &[NodeHash] {
        self.rows.first().map_or(&[], Vec::as_slice)
    }

    /// The node of `2^row` hashes at `index` within the tile, if the tile holds all of them.
    pub(crate) fn node(&self, row: usize, index: usize) -> Option<NodeHash> {
        self.rows.get(row)?.get(index).copied()
    }

    fn push(&mut self, hash: NodeHash) {
        let mut node = hash;
        for row in 0.. {
            if self.rows.len() == row {
                self.rows.push(Vec::new());
            }
            let nodes = &mut self.rows[row];
            nodes.push(node);
            // An odd count has no right sibling yet; a full tile ends in one node.
            if nodes.len() % 2 == 1 {
                return;
            }
            node = NodeHash::parent(&nodes[nodes.len() - 2], &nodes[nodes.len() - 1]);
        }
    }
}

/// The partial tiles of every level of a tree of some size. A copy shares them until one of both grows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tail {
    size: u64,
    levels: Vec<Arc<TileTree>>,
}

/// A tile that an append has just filled.
#[derive(Debug)]
pub(crate) struct FullTile {
    /// The tile's level: its hashes are subtrees of `256^level` entries.
    pub(crate) level: u8,
    /// The tile's place in its level.
    pub(crate) index: u64,
    /// Its 256 hashes with the nodes between.
    pub(crate) tree: Arc<TileTree>,
}

impl Tail {
    /// The edge of a tree of `size` entries from the hashes of its partial tiles, lowest level first.
    ///
    /// `None` if the counts are not those of the size.
    pub(crate) fn restore(size: TreeSize, levels: Vec<Vec<NodeHash>>) -> Option<Self> {
        let mut rest = size.0;
        for level in &levels {
            if u64::try_from(level.len()).ok()? != rest % 256 {
                return None;
            }
            rest /= 256;
        }
        (rest == 0).then(|| Self {
            size: size.0,
            levels: levels.into_iter().map(|level| Arc::new(TileTree::of(level))).collect(),
        })
    }

    /// The hashes of the partial tiles, lowest level first: what [`Tail::restore`] takes.
    pub(crate) fn levels(&self) -> impl Iterator<Item = &[NodeHash]> {
        self.levels.iter().map(|tile| tile.hashes())
    }

    /// How many entries the tree has.
    pub(crate) fn size(&self) -> TreeSize {
        TreeSize(self.size)
    }

    /// Appends a leaf and returns the tiles that it filled, lowest level first.
    pub(crate) fn append(&mut self, leaf: LeafHash) -> Vec<FullTile> {
        let mut full = Vec::new();
        let mut hash = NodeHash::from(leaf);
        let mut index = self.size / 256;
        self.size += 1;
        for level in 0u8.. {
            let at = usize::from(level);
            if self.levels.len() == at {
                self.levels.push(Arc::default());
            }
            Arc::make_mut(&mut self.levels[at]).push(hash);
            let Some(root) = self.levels[at].node(8, 0) else { break };
            full.push(FullTile { level, index, tree: std::mem::take(&mut self.levels[at]) });
            hash = root;
            index /= 256;
        }
        full
    }

    /// The partial tile of a level, empty where the size is a multiple of that level's width.
    pub(crate) fn partial(&self, level: u8) -> Option<&Arc<TileTree>> {
        self.levels.get(usize::from(level))
    }

    /// The perfect subtrees of the tree, left to right: the form of a compact range.
    pub(crate) fn compact_nodes(&self) -> Vec<NodeHash> {
        let mut nodes = Vec::new();
        for tile in self.levels.iter().rev() {
            let width = tile.width();
            let mut start = 0;
            for row in (0..8).rev() {
                if width & (1 << row) != 0 {
                    nodes.extend(tile.node(row, start >> row));
                    start += 1 << row;
                }
            }
        }
        nodes
    }

    /// The root of the tree (RFC 6962 §2.1).
    pub(crate) fn root(&self) -> RootHash {
        let mut nodes = self.compact_nodes().into_iter().rev();
        let Some(last) = nodes.next() else { return RootHash::EMPTY };
        RootHash::from(nodes.fold(last, |right, left| NodeHash::parent(&left, &right)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn leaf(i: u64) -> LeafHash {
        LeafHash::of_entry(&i.to_be_bytes())
    }

    /// The definition of RFC 6962 §2.1, taken literally.
    fn naive_root(leaves: &[NodeHash]) -> Option<NodeHash> {
        match leaves {
            [] => None,
            [one] => Some(*one),
            many => {
                let split = many.len().next_power_of_two() / 2;
                Some(NodeHash::parent(&naive_root(&many[..split])?, &naive_root(&many[split..])?))
            }
        }
    }

    #[test]
    fn the_root_is_the_definition_at_every_size_across_two_tiles() {
        let mut tail = Tail::default();
        let mut leaves = Vec::new();
        for i in 0..600 {
            let expected = naive_root(&leaves).map_or(RootHash::EMPTY, RootHash::from);
            assert_eq!(tail.root(), expected, "size {i}");
            let full = tail.append(leaf(i));
            leaves.push(NodeHash::from(leaf(i)));
            assert_eq!(full.len(), usize::from((i + 1) % 256 == 0));
        }
    }

    #[test]
    fn a_restored_edge_grows_into_the_same_tiles() {
        let mut tail = Tail::default();
        for i in 0..70_000 {
            tail.append(leaf(i));
        }
        let levels: Vec<Vec<NodeHash>> = tail.levels().map(<[NodeHash]>::to_vec).collect();
        assert_eq!(levels.iter().map(Vec::len).collect::<Vec<_>>(), [112, 17, 1], "the vector of tlog-tiles");
        let restored = Tail::restore(TreeSize(70_000), levels.clone()).unwrap();
        assert_eq!(restored, tail);
        assert_eq!(Tail::restore(TreeSize(70_001), levels), None);
    }
}
