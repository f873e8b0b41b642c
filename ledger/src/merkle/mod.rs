//! The Merkle tree of RFC 6962: hashes, proofs, tiles and compact ranges.
//!
//! Pure: nothing here reads a disk, a clock or the network, and nothing here knows what an entry says. Where nodes
//! come from is the caller's business.
//!
//! Start reading at [`LeafHash`]. Sources: RFC 6962 section 2.1 for the tree, C2SP tlog-tiles for the tiles.

mod hash;

pub use hash::{HashTextError, LeafHash, NodeHash, RootHash};
