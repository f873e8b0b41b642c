//! What is inside tiles and entry bundles, and a tree's nodes read from tiles.
//!
//! A tile is its hashes, 32 bytes each. An entry bundle is its entries, each behind its length as two bytes, big-endian,
//! so that an entry is at most 65,535 bytes (C2SP tlog-tiles).

use super::{FULL_WIDTH, TILE_HEIGHT, TileId};
use crate::error::{Code, Error};
use crate::ids::TreeSize;
use crate::merkle::hash::{LeafHash, NodeHash};
use crate::merkle::prove::Nodes;

/// The longest entry that fits into a bundle: its length is two bytes.
pub const MAX_ENTRY_LEN: usize = u16::MAX as usize;

/// Why bytes are not the tile or bundle that they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    /// An entry is too long for its two bytes of length.
    #[error("entry {at} of the bundle has {len} bytes, more than {MAX_ENTRY_LEN}")]
    EntryTooLong {
        /// Which entry, counted from 0.
        at: usize,
        /// Its length.
        len: usize,
    },
    /// The bytes end before the last entry, or go on after it.
    #[error("the bundle does not hold exactly {width} entries")]
    BundleLength {
        /// How many entries it should hold.
        width: u16,
    },
    /// The bytes are not 32 for each hash.
    #[error("the tile has {len} bytes, not 32 for each of {width} hashes")]
    TileLength {
        /// How many hashes it should hold.
        width: u16,
        /// How many bytes it has.
        len: usize,
    },
}

impl From<DataError> for Error {
    fn from(error: DataError) -> Self {
        Error::new(Code::ProofInvalid, error.to_string())
    }
}

/// The bytes of a bundle of these entries.
///
/// # Errors
/// [`DataError::EntryTooLong`] for one of more than 65,535 bytes.
pub fn encode_bundle<E: AsRef<[u8]>>(entries: impl IntoIterator<Item = E>) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    for (at, entry) in entries.into_iter().enumerate() {
        let entry = entry.as_ref();
        let len = u16::try_from(entry.len()).map_err(|_| DataError::EntryTooLong { at, len: entry.len() })?;
        bytes.extend_from_slice(&len.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Ok(bytes)
}

/// The entries of a bundle, which must be `width` in number and fill the bytes to the last.
///
/// # Errors
/// [`DataError::BundleLength`]. As an [`Error`] it is `proof_invalid`, for the bytes came from a log.
pub fn decode_bundle(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, DataError> {
    let wrong = DataError::BundleLength { width };
    let mut entries = Vec::with_capacity(usize::from(width.min(FULL_WIDTH)));
    let mut rest = bytes;
    for _ in 0..width {
        let (len, after) = rest.split_first_chunk::<2>().ok_or(wrong)?;
        let (entry, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*len))).ok_or(wrong)?;
        entries.push(entry);
        rest = after;
    }
    if !rest.is_empty() {
        return Err(wrong);
    }
    Ok(entries)
}

/// The bytes of a tile of these hashes.
pub fn encode_tile(hashes: &[NodeHash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// The hashes of a tile, which must be `width` in number.
///
/// # Errors
/// [`DataError::TileLength`]. As an [`Error`] it is `proof_invalid`, for the bytes came from a log.
pub fn decode_tile(bytes: &[u8], width: u16) -> Result<Vec<NodeHash>, DataError> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    if hashes.len() != usize::from(width) || !rest.is_empty() {
        return Err(DataError::TileLength { width, len: bytes.len() });
    }
    Ok(hashes.iter().map(|hash| NodeHash::from_bytes(*hash)).collect())
}

/// The nodes of a tree of some size, read from its tiles.
///
/// Whoever gives the tiles is not believed by reading them here: the root or proof that is made of them must still be
/// held against a signed checkpoint.
pub struct Tiles<F> {
    size: TreeSize,
    fetch: F,
}

impl<F, E> Tiles<F>
where
    F: Fn(TileId) -> Result<Vec<u8>, E>,
    E: From<DataError>,
{
    /// The tree of `size` entries whose tiles `fetch` gets, each as wide as it is in that tree. A tile is fetched again
    /// for each node: a `fetch` that goes far should remember.
    pub const fn new(size: TreeSize, fetch: F) -> Self {
        Self { size, fetch }
    }
}

impl<F, E> Nodes for Tiles<F>
where
    F: Fn(TileId) -> Result<Vec<u8>, E>,
    E: From<DataError>,
{
    type Error = E;

    fn node(&self, level: u8, index: u64) -> Result<NodeHash, E> {
        // The node is the root of 2^depth neighbouring hashes of one tile.
        let (tile_level, depth) = (level / TILE_HEIGHT, level % TILE_HEIGHT);
        let count = 1usize << depth;
        let first = index << depth;
        let tile = TileId::in_tree(tile_level, first / u64::from(FULL_WIDTH), self.size)
            .ok_or(DataError::TileLength { width: 0, len: 0 })?;
        let hashes = decode_tile(&(self.fetch)(tile)?, tile.width())?;
        let at = (first % u64::from(FULL_WIDTH)) as usize;
        let row = hashes.get(at..at + count);
        let row = row.ok_or(DataError::TileLength { width: tile.width(), len: hashes.len() * 32 })?;
        Ok(join(row))
    }
}

/// The leaf hashes of a bundle's entries: what the tile of level 0 beside it must hold.
pub fn leaf_hashes(entries: &[&[u8]]) -> Vec<NodeHash> {
    entries.iter().map(|entry| LeafHash::of_entry(entry).into()).collect()
}

/// The root over a row whose length is a power of two.
fn join(row: &[NodeHash]) -> NodeHash {
    match row {
        [one] => *one,
        _ => {
            let (left, right) = row.split_at(row.len() / 2);
            NodeHash::parent(&join(left), &join(right))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::ids::LeafIndex;
    use crate::merkle::proof::tests::leaf;
    use crate::merkle::{
        CompactRange, prove_consistency, prove_inclusion, tree_root, verify_consistency, verify_inclusion,
    };

    /// All tiles of a tree, filled by the compact range as a log fills them.
    fn tiles(size: u64) -> (CompactRange, BTreeMap<(u8, u64), Vec<NodeHash>>) {
        let mut range = CompactRange::new();
        let mut tiles: BTreeMap<_, Vec<NodeHash>> = BTreeMap::new();
        for n in 0..size {
            range.append(leaf(n), &mut |level, index, node| {
                if level % TILE_HEIGHT == 0 {
                    tiles.entry((level / TILE_HEIGHT, index / 256)).or_default().push(node);
                }
            });
        }
        (range, tiles)
    }

    #[test]
    fn proofs_are_made_from_tiles_across_three_levels() {
        let size = TreeSize(66_000);
        let (range, tiles) = tiles(size.0);
        let nodes = Tiles::new(size, |tile: TileId| {
            let bytes = encode_tile(&tiles[&(tile.level(), tile.index())]);
            assert_eq!(bytes.len(), usize::from(tile.width()) * 32);
            Ok::<_, DataError>(bytes)
        });
        let root = range.root();
        assert_eq!(tree_root(&nodes, size), Ok(root));
        for index in [0, 1, 255, 256, 65_535, 65_536, 65_791, 65_792, 65_999] {
            let proof = prove_inclusion(&nodes, LeafIndex(index), size).unwrap();
            verify_inclusion(LeafIndex(index), size, leaf(index), &proof, root).unwrap();
        }
        for old in [0, 1, 255, 256, 257, 65_536, 65_537, 65_999, 66_000] {
            let old = TreeSize(old);
            let proof = prove_consistency(&nodes, old, size).unwrap();
            verify_consistency(old, tree_root(&nodes, old).unwrap(), size, root, &proof).unwrap();
        }
    }

    #[test]
    fn a_tile_of_another_width_is_refused() {
        let bytes = encode_tile(&[leaf(0).into(), leaf(1).into()]);
        assert_eq!(decode_tile(&bytes, 2).unwrap().len(), 2);
        for (bytes, width) in [(&bytes[..], 1), (&bytes[..], 3), (&bytes[..63], 2), (&bytes[..63], 1), (&[][..], 1)] {
            assert_eq!(decode_tile(bytes, width), Err(DataError::TileLength { width, len: bytes.len() }));
        }
    }

    #[test]
    fn an_entry_is_at_most_65_535_bytes() {
        let longest = vec![7; MAX_ENTRY_LEN];
        let bytes = encode_bundle([&longest]).unwrap();
        assert_eq!(decode_bundle(&bytes, 1), Ok(vec![&longest[..]]));
        let longer = vec![7; MAX_ENTRY_LEN + 1];
        assert_eq!(encode_bundle([&[][..], &longer]), Err(DataError::EntryTooLong { at: 1, len: 65_536 }));
    }

    proptest! {
        #[test]
        fn a_bundle_is_read_back_and_any_other_length_refused(
            entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..256),
            at in any::<prop::sample::Index>(),
        ) {
            let bytes = encode_bundle(&entries).unwrap();
            let width = entries.len() as u16;
            prop_assert_eq!(decode_bundle(&bytes, width).unwrap(), entries.iter().map(Vec::as_slice).collect::<Vec<_>>());
            prop_assert!(decode_bundle(&bytes, width + 1).is_err());
            if width > 0 {
                prop_assert!(decode_bundle(&bytes, width - 1).is_err());
                prop_assert!(decode_bundle(&bytes[..at.index(bytes.len())], width).is_err());
            }
            let mut longer = bytes;
            longer.push(0);
            prop_assert!(decode_bundle(&longer, width).is_err());
        }

        #[test]
        fn a_tile_is_read_back(seed in prop::collection::vec(any::<[u8; 32]>(), 1..=256)) {
            let hashes: Vec<_> = seed.into_iter().map(NodeHash::from_bytes).collect();
            prop_assert_eq!(decode_tile(&encode_tile(&hashes), hashes.len() as u16), Ok(hashes));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), width in any::<u16>()) {
            let _ = decode_bundle(&bytes, width);
            let _ = decode_tile(&bytes, width);
        }
    }
}
