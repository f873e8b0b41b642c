//! The lists whose keys share a prefix, as many as one row holds.
//!
//! A change of one list changes the hash of its leaf and of every node above it, for which the other leaves are needed as
//! well. So lists that stand together are one row: a change reads one and writes one.

use super::hash::{TrieHash, bit, first_difference};
use super::list::List;
use super::proof::Step;
use crate::error::{Code, Error, Result};
use crate::ids::TrieKey;

/// How many lists a group may have. With a million keys it has some fifteen: thirty hashes for a change.
const MAX_LISTS: usize = 32;

/// How long its row may be: sled moves what is over 4 KiB to files that it never syncs. One list has at most 2.1 KB.
const MAX_BYTES: usize = 4096;

/// Lists by key.
///
/// ```text
/// (key, 32 bytes ‖ list) …        in the order of the keys; a list says by its count how long it is
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    lists: Vec<(TrieKey, List)>,
}

impl Group {
    /// The lists, by key.
    pub fn lists(&self) -> &[(TrieKey, List)] {
        &self.lists
    }

    /// The lists, by key.
    pub fn into_lists(self) -> Vec<(TrieKey, List)> {
        self.lists
    }

    /// The list of a key, which is made if there is none.
    pub(super) fn list_mut(&mut self, key: TrieKey) -> &mut List {
        let at = match self.lists.binary_search_by_key(&key, |(key, _)| *key) {
            Ok(at) => at,
            Err(at) => {
                self.lists.insert(at, (key, List::default()));
                at
            }
        };
        &mut self.lists[at].1
    }

    /// Whether it is small enough for one row.
    pub(super) fn fits(&self) -> bool {
        self.lists.len() <= MAX_LISTS
            && self.lists.iter().map(|(_, list)| 32 + list.row_len()).sum::<usize>() <= MAX_BYTES
    }

    /// The lists in parts, by a property of their keys that rises with them.
    pub(super) fn split(self, part: impl Fn(&TrieKey) -> usize) -> Vec<(usize, Self)> {
        let mut parts: Vec<(usize, Self)> = Vec::new();
        for (key, list) in self.lists {
            let here = part(&key);
            match parts.last_mut() {
                Some((last, group)) if *last == here => group.lists.push((key, list)),
                _ => parts.push((here, Self { lists: vec![(key, list)] })),
            }
        }
        parts
    }

    /// The hash over its leaves; `None` if it is empty.
    pub(super) fn hash(&self) -> Option<TrieHash> {
        hash(&self.leaves())
    }

    /// The place of the list at which a search for `key` ends, and the steps to it from the top.
    pub(super) fn search(&self, key: &TrieKey) -> Option<(usize, Vec<Step>)> {
        search(&self.leaves(), key)
    }

    fn leaves(&self) -> Vec<(TrieKey, TrieHash)> {
        self.lists.iter().map(|(key, list)| (*key, TrieHash::leaf(key, &list.head().to_value()))).collect()
    }

    /// The row.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.lists.iter().map(|(_, list)| 32 + list.row_len()).sum());
        for (key, list) in &self.lists {
            out.extend_from_slice(key.as_bytes());
            list.write(&mut out);
        }
        out
    }

    /// Reads a row.
    ///
    /// # Errors
    /// `store_corrupt`.
    pub fn from_bytes(mut bytes: &[u8]) -> Result<Self> {
        let damaged = || Error::new(Code::StoreCorrupt, "a group of the index is not of its form");
        let mut lists: Vec<(TrieKey, List)> = Vec::with_capacity(bytes.len() / 80);
        while !bytes.is_empty() {
            let (key, rest) = bytes.split_first_chunk::<32>().ok_or_else(damaged)?;
            let (list, rest) = List::read(rest)?;
            let key = TrieKey::from_bytes(*key);
            if lists.last().is_some_and(|(last, _)| *last >= key) {
                return Err(damaged());
            }
            lists.push((key, list));
            bytes = rest;
        }
        Ok(Self { lists })
    }
}

/// The hash over sorted leaves, from the definition.
pub(super) fn hash(leaves: &[(TrieKey, TrieHash)]) -> Option<TrieHash> {
    let (first, last) = (leaves.first()?, leaves.last()?);
    let Some(at) = first_difference(&first.0, &last.0) else { return Some(first.1) };
    let (left, right) = leaves.split_at(leaves.partition_point(|(key, _)| !bit(key, at)));
    Some(TrieHash::inner(at, &hash(left)?, &hash(right)?))
}

/// The place of the leaf among sorted ones at which a search for `key` ends, and the steps to it from the top.
fn search(leaves: &[(TrieKey, TrieHash)], key: &TrieKey) -> Option<(usize, Vec<Step>)> {
    let (mut low, mut part) = (0, leaves);
    let mut steps = Vec::new();
    loop {
        let (first, last) = (part.first()?, part.last()?);
        let Some(at) = first_difference(&first.0, &last.0) else { return Some((low, steps)) };
        let (left, right) = part.split_at(part.partition_point(|(leaf, _)| !bit(leaf, at)));
        let (next, other) = if bit(key, at) { (right, left) } else { (left, right) };
        if bit(key, at) {
            low += left.len();
        }
        steps.push(Step { bit: at, sibling: hash(other)? });
        part = next;
    }
}
