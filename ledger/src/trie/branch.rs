//! How the inner nodes are kept: sixteen children to a row, as long as there are too many keys below for a [`Group`].
//!
//! The hash of a part of the trie depends on nothing but the keys below a prefix. So only the hashes at every fourth bit
//! are kept; what is between and beneath is hashed again when needed.
//!
//! [`Group`]: super::Group

use super::hash::{TrieHash, bit};
use super::proof::Step;
use crate::error::{Code, Error, Result};
use crate::ids::TrieKey;

/// A prefix of keys, in steps of four bits. In their order a prefix comes before those within it, and of two of which
/// neither is within the other the one with the smaller keys comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    prefix: TrieKey,
    depth: u8,
}

impl Path {
    /// The prefix of all keys.
    pub const ROOT: Self = Self { prefix: TrieKey::from_bytes([0; 32]), depth: 0 };

    /// The prefix one step longer.
    pub(super) fn child(self, slot: usize) -> Self {
        let mut bytes = *self.prefix.as_bytes();
        let shift = if self.depth.is_multiple_of(2) { 4 } else { 0 };
        bytes[usize::from(self.depth / 2)] |= (slot as u8) << shift;
        Self { prefix: TrieKey::from_bytes(bytes), depth: self.depth + 1 }
    }

    /// Which of sixteen children of this prefix a key is below.
    pub(super) fn slot(self, key: &TrieKey) -> usize {
        let byte = key.as_bytes()[usize::from(self.depth / 2)];
        usize::from(if self.depth.is_multiple_of(2) { byte >> 4 } else { byte & 15 })
    }

    /// The bit after the prefix.
    pub(super) const fn bit(self) -> u8 {
        self.depth * 4
    }

    /// Whether a key has four more bits behind this prefix.
    pub(super) const fn can_branch(self) -> bool {
        self.depth < 64
    }

    /// The row's name: as much of the prefix as it has, and the depth. Rows of which none is within another stand in the
    /// order of their prefixes.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut out = self.prefix.as_bytes()[..usize::from(self.depth).div_ceil(2)].to_vec();
        out.push(self.depth);
        out
    }
}

/// The sixteen children of a prefix.
///
/// ```text
/// u16 which children have keys ‖ u16 which have rows of their own ‖ 32 bytes for each that has keys
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Branch {
    pub(super) slots: [Option<TrieHash>; 16],
    /// Which children are branches themselves, one bit each.
    pub(super) split: u16,
}

impl Branch {
    /// The row: at most 516 bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let held = self.slots.iter().enumerate().fold(0u16, |held, (i, slot)| held | u16::from(slot.is_some()) << i);
        let mut out = Vec::with_capacity(516);
        out.extend_from_slice(&held.to_be_bytes());
        out.extend_from_slice(&self.split.to_be_bytes());
        self.slots.iter().flatten().for_each(|hash| out.extend_from_slice(hash.as_bytes()));
        out
    }

    /// Reads a row.
    ///
    /// # Errors
    /// `store_corrupt`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let damaged = || Error::new(Code::StoreCorrupt, "a branch of the index is not of its form");
        let ([h1, h0, s1, s0], rest) = bytes.split_first_chunk::<4>().ok_or_else(damaged)?;
        let (held, split) = (u16::from_be_bytes([*h1, *h0]), u16::from_be_bytes([*s1, *s0]));
        let (hashes, odd) = rest.as_chunks::<32>();
        if !odd.is_empty() || hashes.len() != held.count_ones() as usize || split & !held != 0 {
            return Err(damaged());
        }
        let mut hashes = hashes.iter().map(|hash| TrieHash::from_bytes(*hash));
        let slots = core::array::from_fn(|i| if held & (1 << i) != 0 { hashes.next() } else { None });
        Ok(Self { slots, split })
    }

    pub(super) const fn is_split(&self, slot: usize) -> bool {
        self.split & (1 << slot) != 0
    }

    pub(super) fn hash(&self, path: Path) -> Option<TrieHash> {
        fold(&self.slots, path.bit())
    }

    /// The child at which a search for `key` goes on, and the steps to it from the top.
    pub(super) fn search(&self, path: Path, key: &TrieKey) -> Option<(usize, Vec<Step>)> {
        let (mut low, mut part, mut at) = (0, &self.slots[..], path.bit());
        let mut steps = Vec::new();
        while part.len() > 1 {
            let (left, right) = part.split_at(part.len() / 2);
            let right_side = match (fold(left, at.saturating_add(1)), fold(right, at.saturating_add(1))) {
                (Some(left), Some(right)) => {
                    let right_side = bit(key, at);
                    steps.push(Step { bit: at, sibling: if right_side { left } else { right } });
                    right_side
                }
                (None, Some(_)) => true,
                (Some(_), None) => false,
                (None, None) => return None,
            };
            if right_side {
                low += left.len();
            }
            part = if right_side { right } else { left };
            at = at.saturating_add(1);
        }
        Some((low, steps))
    }
}

/// The hash over a row of children, of which the first bit that tells them apart is `at`.
fn fold(slots: &[Option<TrieHash>], at: u8) -> Option<TrieHash> {
    if let [slot] = slots {
        return *slot;
    }
    let (left, right) = slots.split_at(slots.len() / 2);
    // Past the last bit there is one slot left, so that saturating changes nothing.
    let below = at.saturating_add(1);
    match (fold(left, below), fold(right, below)) {
        (Some(left), Some(right)) => Some(TrieHash::inner(at, &left, &right)),
        (one, other) => one.or(other),
    }
}
