//! The verifiable index: a map from search terms to lists of entries, under one hash.
//!
//! A Merkle Patricia trie in torchwood's current encoding holds `SHA-256(term)` → `count ‖ root of the list`, and each
//! list is an RFC 6962 tree over the indices of the entries under that term. Under an honest root an answer is complete,
//! also when it is "none"; that a root is honest is not proven here, but by whoever rebuilds it from the entries.
//!
//! Pure: nothing here reads a disk, a clock or the network. Where the rows are kept is the caller's business: see
//! [`Rows`]. Which terms an entry has is in [`Term`]; only headers count, so that a redacted body changes nothing.
//!
//! ```text
//! leaf    SHA-256(0x00 ‖ varint 32 ‖ key ‖ varint 40 ‖ u64 count ‖ list root)
//! inner   SHA-256(0x01 ‖ varint bit ‖ left ‖ right)        bit: the first at which the keys below differ
//! empty   SHA-256("")
//! ```
//!
//! Start reading at [`hash`], then [`TrieProof`]. Source: FiloSottile/torchwood, package `mpt`.

mod branch;
mod draft;
mod group;
mod hash;
mod list;
mod lookup;
mod memory;
mod proof;
mod prove;
mod rebuild;
mod term;
#[cfg(test)]
mod tests;

pub use branch::{Branch, Path};
pub use draft::{Draft, ListNode, Rows};
pub use group::Group;
pub use hash::{EMPTY, TrieHash};
pub use list::{LIST_PAGE, List, ListHead, page_root, verify_page};
pub use lookup::{Lookup, LookupPage, MAX_LOOKUP_LEN};
pub use memory::MemoryRows;
pub use proof::{MAX_TRIE_PROOF, Step, TrieProof};
pub use prove::{prove, prove_page};
pub use rebuild::{Rebuild, follows};
pub use term::Term;
