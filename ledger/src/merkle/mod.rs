//! The Merkle tree of RFC 6962: hashes, proofs, tiles and compact ranges.
//!
//! Pure: nothing here reads a disk, a clock or the network, and nothing here knows what an entry says. Where nodes
//! come from is the caller's business: see [`Nodes`].
//!
//! Start reading at [`LeafHash`], then [`verify_inclusion`]. Sources: RFC 6962 section 2.1 for the tree, C2SP
//! merkle-tree for the proofs, draft-ietf-plants-merkle-tree-certs section 4 for subtrees, C2SP tlog-tiles for tiles.

pub mod compact;
pub mod hash;
pub mod proof;
pub mod prove;
pub mod tile;

pub use compact::CompactRange;
pub use hash::{HashTextError, LeafHash, NodeHash, RootHash};
pub use proof::{
    MAX_PROOF_HASHES, Proof, ProofError, Subtree, verify_consistency, verify_inclusion, verify_subtree_consistency,
    verify_subtree_inclusion,
};
pub use prove::{Nodes, ProveError, prove_consistency, prove_inclusion, prove_subtree_consistency, tree_root};
pub use tile::{EntryBundleId, TileId, Tiles, decode_bundle, decode_tile, encode_bundle, encode_tile};
