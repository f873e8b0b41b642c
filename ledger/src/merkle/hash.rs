//! The three hashes of a tree: of an entry, of an inner node, of the whole tree.
//!
//! They differ in type, so that the hash of an entry cannot stand where the hash of two children is meant: that
//! confusion is the second-preimage attack from which RFC 6962 section 2.1 keeps its trees by domain separation.

use core::fmt;
use core::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::ids::to_hex;

/// Why a text is not a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 32 bytes in standard base64 with padding, in its one canonical spelling")]
pub struct HashTextError;

macro_rules! hash_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// The hash with these 32 bytes.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            /// Standard base64, as in checkpoints and proofs: 44 characters.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&STANDARD.encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), to_hex(&self.0))
            }
        }

        impl FromStr for $name {
            type Err = HashTextError;

            /// Reads the form that `Display` writes, and no other.
            fn from_str(text: &str) -> Result<Self, HashTextError> {
                // 32 bytes are 44 characters: a longer text is refused before it is decoded.
                if text.len() != 44 {
                    return Err(HashTextError);
                }
                let bytes = STANDARD.decode(text).map_err(|_| HashTextError)?;
                bytes.try_into().map(Self).map_err(|_| HashTextError)
            }
        }
    };
}

hash_type! {
    /// The hash of an entry, `SHA-256(0x00 ‖ entry)`: a node of level 0.
    LeafHash
}
hash_type! {
    /// The hash of an inner node, `SHA-256(0x01 ‖ left ‖ right)`, or of a leaf where the tree takes either.
    NodeHash
}
hash_type! {
    /// The hash of a whole tree, as a checkpoint signs it.
    RootHash
}

impl LeafHash {
    /// Hashes an entry.
    ///
    /// ```
    /// # use ledger::merkle::LeafHash;
    /// // The leaf hash of the empty entry, as RFC 9162 and every log's test vectors have it.
    /// assert_eq!(LeafHash::of_entry(b"").to_string(), "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=");
    /// ```
    pub fn of_entry(entry: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update([0x00]);
        hasher.update(entry);
        Self(hasher.finalize().into())
    }
}

impl NodeHash {
    /// Hashes two children.
    pub fn parent(left: &NodeHash, right: &NodeHash) -> Self {
        // One call with 65 bytes on the stack: this is the innermost loop of everything the tree does.
        let mut bytes = [0x01; 65];
        bytes[1..33].copy_from_slice(&left.0);
        bytes[33..].copy_from_slice(&right.0);
        Self(Sha256::digest(bytes).into())
    }
}

impl RootHash {
    /// The root of the tree without entries: `SHA-256("")`.
    pub const EMPTY: Self = Self([
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae,
        0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
    ]);
}

impl From<LeafHash> for NodeHash {
    fn from(leaf: LeafHash) -> Self {
        Self(leaf.0)
    }
}

impl From<NodeHash> for RootHash {
    fn from(node: NodeHash) -> Self {
        Self(node.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    #[test]
    fn the_empty_root_is_the_hash_of_nothing() {
        assert_eq!(RootHash::EMPTY.0, <[u8; 32]>::from(Sha256::digest(b"")));
    }

    #[test]
    fn leaf_and_node_are_hashed_in_their_own_domains() {
        let (left, right) = (NodeHash([1; 32]), NodeHash([2; 32]));
        let both = [left.0, right.0].concat();
        assert_ne!(NodeHash::parent(&left, &right), NodeHash::from(LeafHash::of_entry(&both)));
        assert_ne!(NodeHash::parent(&left, &right), NodeHash::parent(&right, &left));
        assert_eq!(NodeHash::parent(&left, &right).0, <[u8; 32]>::from(Sha256::digest([&[1][..], &both].concat())));
    }

    #[test]
    fn a_hash_has_one_spelling() {
        let text = RootHash::EMPTY.to_string();
        assert_eq!(text, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert_eq!(text.parse(), Ok(RootHash::EMPTY));
        // The last character carries two bits that must be zero; the alphabet is the standard one; padding is required.
        for wrong in [
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=",
            "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFUA",
            " 7DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "",
        ] {
            assert_eq!(wrong.parse::<RootHash>(), Err(HashTextError), "{wrong:?}");
        }
    }
}
