//! Replies: all keys under a prefix with the proof that these are all, and the answer that follows.
//!
//! ```text
//! "colophon/reply/v1\0" ‖ u64 length of what follows, without padding
//! u8 depth ‖ u64 prefix ‖ u8 meta ‖ u32 count                     the depth is 0 to t; meta: 0 none, 1 rows, 2 digests
//! count keys, ascending
//! meta 1: count rows      meta 2: the SHA-256 of the rows of each of the 2^(t−depth) buckets
//! depth hashes, from the subtree upwards
//! zero bytes up to the padded length
//! ```
//!
//! Depth t is the exact mode, anything less the range mode; the encoding and the check are the same, and so are the
//! proofs of presence and of absence. The verifier takes kind, t, key length and root from the signed
//! [`Keyspace`](super::Keyspace); it cuts the keys into buckets by their prefix, hashes the buckets to one node and that
//! node to the root. Nothing else in a reply is believed. DESIGN §7.

use crate::error::{Code, Error, Result};
use crate::ids::ContentKey;
use crate::manifest::bucket::{Layout, meta_digest};
use crate::manifest::keyspace::{Keyspace, bits, prefix_of};
use crate::manifest::meta::Meta;
use crate::manifest::tree::{climb, fold};
use crate::merkle::NodeHash;

/// The most buckets in one reply. 2^16 buckets of 32 keys are 64 MiB: whoever wants more takes the keys themselves.
pub const MAX_REPLY_BUCKETS: u64 = 1 << 16;

const MAGIC: &[u8; 18] = b"colophon/reply/v1\0";
/// The magic and the length.
const OUTER: usize = 18 + 8;
/// Depth, prefix, meta, count.
const INNER: usize = 1 + 8 + 1 + 4;

/// What a reply carries of the meta rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MetaMode {
    /// The rows, so that the answer can say license and multiplicity.
    Rows,
    /// A digest for each bucket: the proof and no more.
    Digests,
}

/// Everything that the parts of a reply add up to, before padding.
pub(super) fn reply_len(layout: &Layout, depth: u8, count: u64, mode: MetaMode) -> u64 {
    let meta = match (layout.has_meta, mode) {
        (false, _) => 0,
        (true, MetaMode::Rows) => count * Meta::LEN as u64,
        (true, MetaMode::Digests) => 32 << (layout.t - depth),
    };
    (OUTER + INNER) as u64 + count * layout.key_len.bytes() as u64 + meta + 32 * u64::from(depth)
}

/// A reply in the making: of its padded length from the start, its columns to be read into their places.
pub(super) struct Frame {
    bytes: Vec<u8>,
    column_at: usize,
    path_at: usize,
}

impl Frame {
    /// The frame of a reply with `count` keys.
    pub(super) fn new(layout: &Layout, depth: u8, prefix: u64, count: u64, mode: MetaMode, padded: u64) -> Self {
        let len = reply_len(layout, depth, count, mode);
        let mut bytes = vec![0; len.max(padded) as usize];
        let column_at = OUTER + INNER + count as usize * layout.key_len.bytes();
        let path_at = len as usize - 32 * usize::from(depth);
        let meta = match (layout.has_meta, mode) {
            (false, _) => 0,
            (true, MetaMode::Rows) => 1,
            (true, MetaMode::Digests) => 2,
        };
        bytes[..18].copy_from_slice(MAGIC);
        bytes[18..OUTER].copy_from_slice(&(len - OUTER as u64).to_be_bytes());
        bytes[OUTER] = depth;
        bytes[OUTER + 1..OUTER + 9].copy_from_slice(&prefix.to_be_bytes());
        bytes[OUTER + 9] = meta;
        bytes[OUTER + 10..OUTER + INNER].copy_from_slice(&(count as u32).to_be_bytes());
        Self { bytes, column_at, path_at }
    }

    /// The place of the keys.
    pub(super) fn keys(&mut self) -> &mut [u8] {
        &mut self.bytes[OUTER + INNER..self.column_at]
    }

    /// The place of the rows, or of their digests.
    pub(super) fn column(&mut self) -> &mut [u8] {
        &mut self.bytes[self.column_at..self.path_at]
    }

    /// Writes the nodes beside the way.
    pub(super) fn path(&mut self, nodes: &[NodeHash]) {
        for (place, node) in self.bytes[self.path_at..].chunks_exact_mut(32).zip(nodes) {
            place.copy_from_slice(node.as_bytes());
        }
    }

    /// The padded reply.
    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Whether a key is in a keyspace. Only verification makes one: a [`Proven`] has no other source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is.
    Present {
        /// What the keyspace says about it, if the reply carried the rows.
        meta: Option<Meta>,
        /// How that was proven.
        proof: Proven,
    },
    /// It is not.
    Absent {
        /// How that was proven.
        proof: Proven,
    },
}

impl Answer {
    /// Whether the key is in the keyspace.
    pub const fn is_present(&self) -> bool {
        matches!(self, Self::Present { .. })
    }

    /// How it was proven.
    pub const fn proof(&self) -> &Proven {
        match self {
            Self::Present { proof, .. } | Self::Absent { proof } => proof,
        }
    }
}

/// The circumstances of a proof that held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    depth: u8,
    keys: u64,
}

impl Proven {
    /// How many bits of the key the server was told.
    pub const fn depth(&self) -> u8 {
        self.depth
    }

    /// How many keys of the keyspace share these bits, counted in the reply: among how many the question hid.
    pub const fn keys(&self) -> u64 {
        self.keys
    }
}

/// All keys of a keyspace under one prefix, proven to be all.
#[derive(Debug, Clone)]
pub struct VerifiedRange {
    depth: u8,
    prefix: u64,
    key_len: usize,
    keys: Vec<u8>,
    rows: Option<Vec<u8>>,
}

impl VerifiedRange {
    /// Checks a reply to the question for the first `depth` bits `prefix`.
    ///
    /// # Errors
    /// `usage` for a prefix that cannot be asked for; `proof_invalid` if the reply does not show what is under it, with
    /// the byte.
    pub fn verify(keyspace: &Keyspace, depth: u8, prefix: u64, reply: &[u8]) -> Result<Self> {
        let t = keyspace.t();
        if depth > t || prefix >> depth != 0 || t - depth > MAX_REPLY_BUCKETS.ilog2() as u8 {
            return Err(Error::new(Code::Usage, format!("prefix {prefix} of {depth} bits cannot be asked for")));
        }
        let layout = keyspace.layout();
        let buckets = 1u64 << (t - depth);
        let mut cursor = Cursor { rest: reply, at: 0 };

        cursor.expect(MAGIC, "the reply does not begin as one")?;
        let inner = cursor.number(8)?;
        let body = cursor.take(usize::try_from(inner).unwrap_or(usize::MAX), "the reply is shorter than it says")?;
        // All of it at once and without an early end, which is many bytes a cycle.
        if cursor.rest.iter().fold(0, |all, byte| all | byte) != 0 {
            return Err(invalid("the padding is not zero", cursor.at));
        }

        let mut cursor = Cursor { rest: body, at: OUTER };
        cursor.expect(&[depth], "the reply is of another depth")?;
        cursor.expect(&prefix.to_be_bytes(), "the reply is for another prefix")?;
        let mode = match (keyspace.has_meta(), cursor.number(1)?) {
            (false, 0) => None,
            (true, 1) => Some(MetaMode::Rows),
            (true, 2) => Some(MetaMode::Digests),
            _ => return Err(invalid("the reply carries another meta column than the keyspace has", cursor.at)),
        };
        let count = cursor.number(4)?;
        if count > keyspace.n() {
            return Err(invalid("the reply holds more keys than the keyspace", cursor.at));
        }
        // What is left must be exactly the column lengths that count, t and depth imply.
        let meta_mode = mode.unwrap_or(MetaMode::Digests);
        if (OUTER as u64) + inner != reply_len(&layout, depth, count, meta_mode) {
            return Err(invalid("the length does not fit the number of keys", cursor.at));
        }
        let count = count as usize;
        let key_len = layout.key_len.bytes();
        let keys = cursor.take(count * key_len, "the keys are cut off")?;
        let column = match mode {
            None => &[][..],
            Some(MetaMode::Rows) => cursor.take(count * Meta::LEN, "the rows are cut off")?,
            Some(MetaMode::Digests) => cursor.take(32 * buckets as usize, "the digests are cut off")?,
        };
        let path: Vec<NodeHash> =
            cursor.rest.chunks_exact(32).filter_map(|c| c.try_into().ok()).map(NodeHash::from_bytes).collect();

        let mut leaves = Vec::with_capacity(buckets as usize);
        let mut done = 0;
        for step in 0..buckets {
            let i = (prefix << (t - depth)) + step;
            // Keys are cut by their own bits, never by a count that the reply states.
            let here = keys[done * key_len..].chunks_exact(key_len).take_while(|key| bits(key, t) == i).count();
            let own = &keys[done * key_len..(done + here) * key_len];
            let meta = match mode {
                None => None,
                Some(MetaMode::Rows) => Some(meta_digest(&column[done * Meta::LEN..(done + here) * Meta::LEN])),
                Some(MetaMode::Digests) => column[32 * step as usize..].first_chunk().copied(),
            };
            let leaf =
                layout.leaf(i, own, meta.as_ref()).map_err(|broken| invalid(&broken.to_string(), OUTER + INNER))?;
            leaves.push(NodeHash::from(leaf));
            done += here;
        }
        if done != count {
            return Err(invalid("a key stands outside the prefix or out of order", OUTER + INNER + done * key_len));
        }
        let root = fold(leaves).map(|node| climb(node, prefix, &path));
        if root.map(Into::into) != Some(keyspace.root()) {
            return Err(Error::new(Code::ProofInvalid, "the reply does not lead to the root of the keyspace"));
        }
        let rows = (mode == Some(MetaMode::Rows)).then(|| column.to_vec());
        Ok(Self { depth, prefix, key_len, keys: keys.to_vec(), rows })
    }

    /// The answer for a key; `None` if the key is not under this prefix.
    pub fn answer(&self, key: &ContentKey) -> Option<Answer> {
        if prefix_of(key, self.depth) != self.prefix {
            return None;
        }
        let proof = Proven { depth: self.depth, keys: self.len() };
        let wanted = &key.as_bytes()[..self.key_len];
        let place = self.place(wanted);
        Some(match place {
            Some(place) => {
                let row = self.rows.as_ref().and_then(|rows| rows[place * Meta::LEN..].first_chunk());
                Answer::Present { meta: row.map(Meta::from_bytes), proof }
            }
            None => Answer::Absent { proof },
        })
    }

    /// How many keys there are.
    pub fn len(&self) -> u64 {
        (self.keys.len() / self.key_len) as u64
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Binary search; verification saw that the keys ascend.
    fn place(&self, wanted: &[u8]) -> Option<usize> {
        let (mut low, mut high) = (0, self.keys.len() / self.key_len);
        while low < high {
            let middle = (low + high) / 2;
            let key = &self.keys[middle * self.key_len..(middle + 1) * self.key_len];
            match key.cmp(wanted) {
                core::cmp::Ordering::Equal => return Some(middle),
                core::cmp::Ordering::Less => low = middle + 1,
                core::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }
}

impl Keyspace {
    /// Checks a reply of this depth and answers for the key.
    ///
    /// # Errors
    /// Those of [`VerifiedRange::verify`].
    pub fn verify(&self, key: &ContentKey, depth: u8, reply: &[u8]) -> Result<Answer> {
        let range = VerifiedRange::verify(self, depth, prefix_of(key, depth.min(self.t())), reply)?;
        range.answer(key).ok_or_else(|| Error::new(Code::Internal, "the reply is for another prefix"))
    }

    pub(super) fn layout(&self) -> Layout {
        Layout { kind: self.kind(), key_len: self.key_len(), has_meta: self.has_meta(), t: self.t() }
    }
}

struct Cursor<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, len: usize, otherwise: &str) -> Result<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or_else(|| invalid(otherwise, self.at))?;
        self.rest = rest;
        self.at += len;
        Ok(head)
    }

    fn number(&mut self, len: usize) -> Result<u64> {
        Ok(self.take(len, "the reply is cut off")?.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)))
    }

    fn expect(&mut self, bytes: &[u8], otherwise: &str) -> Result<()> {
        let at = self.at;
        if self.take(bytes.len(), otherwise)? == bytes { Ok(()) } else { Err(invalid(otherwise, at)) }
    }
}

fn invalid(detail: &str, at: usize) -> Error {
    Error::new(Code::ProofInvalid, detail).at(format!("reply, byte {at}"))
}

#[cfg(test)]
mod tests;
