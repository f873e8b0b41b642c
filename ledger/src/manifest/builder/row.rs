//! A row of a keyspace in the making: a key, and what is known about the items that have it.

use core::cmp::Ordering;

use crate::ids::ContentKey;
use crate::manifest::keyspace::KeyLen;
use crate::manifest::meta::Meta;

/// Which keyspace of a build a row belongs to. A build has one for each kind and form of content, a few dozen at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::manifest) struct Space(pub(in crate::manifest) u8);

/// One key with its meta row: 48 bytes, of which a build holds as many as its memory allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::manifest) struct Row {
    /// The key as four big-endian numbers: two keys that differ mostly differ in the first.
    key: [u64; 4],
    ordinal: u64,
    multiplicity: u32,
    license: u16,
    space: Space,
}

impl Row {
    /// Bytes in memory, for budgets.
    pub(in crate::manifest) const SIZE: usize = size_of::<Self>();

    /// One item's row. Of the key only what the keyspace keeps.
    pub(in crate::manifest) fn new(space: Space, key: &ContentKey, key_len: KeyLen, meta: Meta) -> Self {
        let mut bytes = *key.as_bytes();
        bytes[key_len.bytes()..].fill(0);
        let Meta { license, multiplicity, ordinal } = meta;
        Self { key: words(&bytes), ordinal, multiplicity, license, space }
    }

    pub(super) fn space(&self) -> Space {
        self.space
    }

    pub(super) fn meta(&self) -> Meta {
        Meta { license: self.license, multiplicity: self.multiplicity, ordinal: self.ordinal }
    }

    /// The same row under another number for its license.
    pub(super) fn with_license(&self, license: u16) -> Self {
        Self { license, ..*self }
    }

    /// The first bits of the key, at most 16 of them.
    pub(super) fn top(&self, bits: u8) -> usize {
        (self.key[0] >> (64 - u32::from(bits))) as usize
    }

    /// By key, then by place in the source.
    pub(super) fn by_key(&self, other: &Self) -> Ordering {
        match self.key[0].cmp(&other.key[0]) {
            Ordering::Equal => (self.key, self.ordinal, self.license).cmp(&(other.key, other.ordinal, other.license)),
            unequal => unequal,
        }
    }

    /// Appends the key to a column.
    pub(super) fn push_key(&self, width: &Width, column: &mut Vec<u8>) {
        let mut bytes = [0; 32];
        for (place, word) in bytes.chunks_exact_mut(8).zip(self.key) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        column.extend_from_slice(&bytes[..width.key_len.bytes()]);
    }

    /// Writes the row as a run holds it: the key, then the meta row if the keyspace has any.
    pub(super) fn push_packed(&self, width: &Width, out: &mut Vec<u8>) {
        self.push_key(width, out);
        if width.has_meta {
            out.extend_from_slice(&self.meta().to_bytes());
        }
    }

    /// Reads what [`Row::push_packed`] wrote.
    pub(super) fn from_packed(space: Space, width: &Width, packed: &[u8]) -> Self {
        let len = width.key_len.bytes();
        let mut bytes = [0; 32];
        bytes[..len].copy_from_slice(&packed[..len]);
        let meta = match packed[len..].try_into() {
            Ok(row) => Meta::from_bytes(row),
            Err(_) => Meta { license: 0, multiplicity: 1, ordinal: 0 },
        };
        let Meta { license, multiplicity, ordinal } = meta;
        Self { key: words(&bytes), ordinal, multiplicity, license, space }
    }
}

fn words(bytes: &[u8; 32]) -> [u64; 4] {
    let mut words = [0; 4];
    for (word, place) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = place.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    }
    words
}

/// What the rows of a keyspace keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::manifest) struct Width {
    pub(in crate::manifest) key_len: KeyLen,
    pub(in crate::manifest) has_meta: bool,
}

impl Width {
    /// Bytes of a row in a run.
    pub(super) const fn packed(&self) -> usize {
        self.key_len.bytes() + if self.has_meta { Meta::LEN } else { 0 }
    }
}

/// Sorts rows by keyspace, key and place in the source, and makes one row of those that share a key: the first in the
/// source speaks for all, and how many there were is counted.
pub(super) fn sort_and_merge(rows: &mut Vec<Row>) {
    // By the first byte in place, so that what is then sorted by comparison fits the cache: 150 MB of rows make parts of
    // 600 KB.
    let digit = |row: &Row| usize::from(row.space.0) << 8 | row.top(8);
    let spaces = rows.iter().map(|row| usize::from(row.space.0) + 1).max().unwrap_or(0);
    let mut next = vec![0; spaces << 8];
    rows.iter().for_each(|row| next[digit(row)] += 1);
    let mut end = 0;
    let mut ends = Vec::with_capacity(next.len());
    for start in &mut next {
        let count = core::mem::replace(start, end);
        end += count;
        ends.push(end);
    }
    for part in 0..next.len() {
        while next[part] < ends[part] {
            let own = digit(&rows[next[part]]);
            if own != part {
                rows.swap(next[part], next[own]);
            }
            next[own] += 1;
        }
    }
    let mut rest = rows.as_mut_slice();
    let mut start = 0;
    for end in ends {
        let (part, more) = rest.split_at_mut(end - start);
        part.sort_unstable_by(Row::by_key);
        (rest, start) = (more, end);
    }
    merge(rows);
}

/// Makes one row of neighbours that share a key.
pub(super) fn merge(rows: &mut Vec<Row>) {
    rows.dedup_by(|next, kept| {
        let same = next.key == kept.key && next.space == kept.space;
        if same {
            kept.multiplicity = kept.multiplicity.saturating_add(next.multiplicity);
        }
        same
    });
}
