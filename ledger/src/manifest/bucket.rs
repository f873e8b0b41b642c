//! Buckets: the leaves of a keyspace's tree, and the rules that every bucket keeps.
//!
//! ```text
//! bucket i = "colophon/bucket/v1\0" ‖ u16 kind ‖ u8 keyLen ‖ u8 hasMeta ‖ u8 t ‖ u64 i ‖ u32 count
//!            ‖ keys whose top t bits are i, ascending ‖ [SHA-256 of their meta rows]
//! leaf i   = SHA-256(0x00 ‖ bucket i)
//! ```
//!
//! Uniform keys fill buckets evenly, so a bucket needs no index and its number says which keys belong in it: that a key
//! is not in its bucket is proof that it is in none. DESIGN §7.

use sha2::{Digest, Sha256};

use crate::manifest::keyspace::{KeyLen, bits};
use crate::manifest::kind::Kind;
use crate::merkle::LeafHash;

/// The largest bucket in bytes. At 32 keys of 32 bytes on average a bucket has 1.1 KiB; one that is sixty times larger
/// was ground by somebody, and the builder splits it by raising t.
pub const MAX_BUCKET: usize = 64 * 1024;

const MAGIC: &[u8; 19] = b"colophon/bucket/v1\0";

/// Bytes before the keys.
const HEAD: usize = 19 + 2 + 1 + 1 + 1 + 8 + 4;

/// What all buckets of a keyspace share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) kind: Kind,
    pub(super) key_len: KeyLen,
    pub(super) has_meta: bool,
    pub(super) t: u8,
}

/// How a bucket breaks its rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    #[error("the keys of a bucket are not strictly ascending")]
    Order,
    #[error("a key stands in a bucket that is not its own")]
    Prefix,
    #[error("a bucket is larger than {MAX_BUCKET} bytes")]
    TooLarge,
}

impl Layout {
    /// Bytes of a bucket with this many keys.
    pub(super) const fn bucket_len(&self, count: usize) -> usize {
        HEAD + count * self.key_len.bytes() + if self.has_meta { 32 } else { 0 }
    }

    /// Hashes bucket `i`, after checking its rules. `keys` are whole keys of the keyspace's length, one after another;
    /// `meta` is the digest of their rows.
    pub(super) fn leaf(&self, i: u64, keys: &[u8], meta: Option<&[u8; 32]>) -> Result<LeafHash, Broken> {
        let len = self.key_len.bytes();
        let count = keys.len() / len;
        if self.bucket_len(count) > MAX_BUCKET {
            return Err(Broken::TooLarge);
        }
        let mut last: Option<&[u8]> = None;
        for key in keys.chunks_exact(len) {
            if last.is_some_and(|last| last >= key) {
                return Err(Broken::Order);
            }
            if bits(key, self.t) != i {
                return Err(Broken::Prefix);
            }
            last = Some(key);
        }
        let mut bucket = Vec::with_capacity(self.bucket_len(count));
        bucket.extend_from_slice(MAGIC);
        bucket.extend_from_slice(&self.kind.number().to_be_bytes());
        bucket.extend_from_slice(&[len as u8, u8::from(self.has_meta), self.t]);
        bucket.extend_from_slice(&i.to_be_bytes());
        bucket.extend_from_slice(&(count as u32).to_be_bytes());
        bucket.extend_from_slice(keys);
        if let Some(meta) = meta {
            bucket.extend_from_slice(meta);
        }
        Ok(LeafHash::of_entry(&bucket))
    }
}

/// The digest of a bucket's meta rows.
pub(super) fn meta_digest(rows: &[u8]) -> [u8; 32] {
    Sha256::digest(rows).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    const LAYOUT: Layout = Layout { kind: Kind::MwPage, key_len: KeyLen::Compact, has_meta: false, t: 4 };

    #[test]
    fn the_hashed_bytes_are_as_written() {
        let keys = [[0x50; 16], [0x5f; 16]].concat();
        let mut bucket = b"colophon/bucket/v1\0\x00\x07\x10\x00\x04\0\0\0\0\0\0\0\x05\0\0\0\x02".to_vec();
        bucket.extend_from_slice(&keys);
        assert_eq!(bucket.len(), LAYOUT.bucket_len(2));
        assert_eq!(LAYOUT.leaf(5, &keys, None), Ok(LeafHash::of_entry(&bucket)));
        let layout = Layout { has_meta: true, ..LAYOUT };
        bucket[22] = 1;
        bucket.extend_from_slice(&meta_digest(b"rows"));
        assert_eq!(layout.leaf(5, &keys, Some(&meta_digest(b"rows"))), Ok(LeafHash::of_entry(&bucket)));
    }

    #[test]
    fn rules_are_kept() {
        let (a, b) = ([0x50; 16], [0x5f; 16]);
        assert_eq!(LAYOUT.leaf(5, &[b, a].concat(), None), Err(Broken::Order));
        assert_eq!(LAYOUT.leaf(5, &[a, a].concat(), None), Err(Broken::Order));
        assert_eq!(LAYOUT.leaf(4, &a, None), Err(Broken::Prefix));
        // 64 KiB are (65,536 − 36) / 16 = 4,093 compact keys.
        let many: Vec<u8> = (0..4094u128).flat_map(|i| (5 << 124 | i).to_be_bytes()).collect();
        assert!(LAYOUT.leaf(5, &many[..4093 * 16], None).is_ok());
        assert_eq!(LAYOUT.leaf(5, &many, None), Err(Broken::TooLarge));
    }
}
