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
    // By the first byte and then by the second in place, so that a few rows are left to be sorted by comparison: of 400 MB
    // parts of 1.6 MB, and of these parts of 6 KB.
    let spaces = rows.iter().map(|row| usize::from(row.space.0) + 1).max().unwrap_or(0);
    part(rows, spaces << 8, &|row| usize::from(row.space.0) << 8 | row.top(8), &mut |rows| {
        if rows.len() < FEW {
            return rows.sort_unstable_by(Row::by_key);
        }
        part(rows, 1 << 8, &|row| row.top(16) & 0xff, &mut |rows| rows.sort_unstable_by(Row::by_key));
    });
    merge(rows);
}

/// What is not worth being parted: less than 16 rows in each of 256 parts.
const FEW: usize = 1 << 12;

/// Moves rows to where they belong by a digit, in place, and hands over those of each digit.
fn part(rows: &mut [Row], digits: usize, digit: &impl Fn(&Row) -> usize, each: &mut dyn FnMut(&mut [Row])) {
    let mut next = vec![0; digits];
    rows.iter().for_each(|row| next[digit(row)] += 1);
    let mut end = 0;
    let mut ends = Vec::with_capacity(digits);
    for start in &mut next {
        let count = core::mem::replace(start, end);
        end += count;
        ends.push(end);
    }
    for part in 0..digits {
        while next[part] < ends[part] {
            let own = digit(&rows[next[part]]);
            if own != part {
                rows.swap(next[part], next[own]);
            }
            next[own] += 1;
        }
    }
    let (mut rest, mut start) = (rows, 0);
    for end in ends {
        let (own, more) = rest.split_at_mut(end - start);
        each(own);
        (rest, start) = (more, end);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_as_by_comparison_however_their_keys_are_spread() {
        let mut noise = 1u64;
        let mut next = || {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            noise >> 20
        };
        // All first bytes; one; one and its second byte too.
        for fixed in [&[][..], &[7], &[7, 200]] {
            let mut rows: Vec<Row> = (0..4 * FEW as u64)
                .map(|ordinal| {
                    let mut key = [0; 32];
                    key[..8].copy_from_slice(&(next() << 20).to_be_bytes());
                    // Half of the keys come again and again.
                    if ordinal % 2 == 0 {
                        key[2..8].copy_from_slice(&[0, 0, 0, 0, 0, (next() % 9) as u8]);
                    }
                    key[..fixed.len()].copy_from_slice(fixed);
                    let meta = Meta { license: 0, multiplicity: 1, ordinal };
                    Row::new(Space((next() % 3) as u8), &ContentKey::from_bytes(key), KeyLen::Full, meta)
                })
                .collect();
            let mut expected = rows.clone();
            expected.sort_by(|a, b| a.space.cmp(&b.space).then(a.by_key(b)));
            merge(&mut expected);
            sort_and_merge(&mut rows);
            assert_eq!(rows, expected);
            assert!(rows.len() < 4 * FEW && rows.len() > FEW);
        }
    }
}
