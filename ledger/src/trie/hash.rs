//! The hashes of the trie, and the one spelling of its numbers.

use sha2::{Digest, Sha256};

use crate::ids::{TrieKey, TrieRoot};

/// The root of the trie that holds nothing: `SHA-256("")`.
pub const EMPTY: TrieRoot = TrieRoot::from_bytes(*crate::merkle::RootHash::EMPTY.as_bytes());

/// The hash of a leaf or of an inner node of the trie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrieHash([u8; 32]);

impl TrieHash {
    /// The hash with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Hashes a leaf: `SHA-256(0x00 ‖ varint 32 ‖ key ‖ varint length ‖ value)`.
    pub fn leaf(key: &TrieKey, value: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(40 + value.len());
        bytes.extend_from_slice(&[0x00, 32]);
        bytes.extend_from_slice(key.as_bytes());
        put_varint(&mut bytes, value.len() as u64);
        bytes.extend_from_slice(value);
        Self(Sha256::digest(&bytes).into())
    }

    /// Hashes two subtries whose keys differ first at `bit`: `SHA-256(0x01 ‖ varint bit ‖ left ‖ right)`.
    pub fn inner(bit: u8, left: &Self, right: &Self) -> Self {
        let mut bytes = [0; 67];
        bytes[0] = 0x01;
        let used = if bit < 0x80 {
            bytes[1] = bit;
            2
        } else {
            (bytes[1], bytes[2]) = (bit, 1); // the low seven bits with the mark that more follow, then the eighth
            3
        };
        bytes[used..used + 32].copy_from_slice(&left.0);
        bytes[used + 32..used + 64].copy_from_slice(&right.0);
        Self(Sha256::digest(&bytes[..used + 64]).into())
    }
}

impl From<TrieHash> for TrieRoot {
    fn from(hash: TrieHash) -> Self {
        Self::from_bytes(hash.0)
    }
}

/// The bit of a key at a place, counted from the most significant one.
pub(super) fn bit(key: &TrieKey, at: u8) -> bool {
    key.as_bytes()[usize::from(at / 8)] & (0x80 >> (at % 8)) != 0
}

/// The first bit at which two keys differ; `None` if they do not.
pub(super) fn first_difference(a: &TrieKey, b: &TrieKey) -> Option<u8> {
    let at = a.as_bytes().iter().zip(b.as_bytes()).position(|(a, b)| a != b)?;
    let within = (a.as_bytes()[at] ^ b.as_bytes()[at]).leading_zeros();
    u8::try_from(at * 8 + within as usize).ok()
}

/// Writes an unsigned LEB128 number.
pub(super) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Takes a number below 2^14 off the front, in the one form in which it may be written: no number here is larger.
pub(super) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let (first, rest) = bytes.split_first()?;
    if *first < 0x80 {
        *bytes = rest;
        return Some(u64::from(*first));
    }
    let (second, rest) = rest.split_first()?;
    // A second byte of zero would spell a smaller number twice; one with the mark, a number that is too large.
    if *second == 0 || *second >= 0x80 {
        return None;
    }
    *bytes = rest;
    Some(u64::from(*first & 0x7f) | u64::from(*second) << 7)
}
