//! A whole keyspace, taken from anywhere and held against the signed root: how a question is answered without telling anybody.
//!
//! What is fetched are the keys, and the rows if there are any; every bucket is hashed again and the hashes lead to the root
//! of the signed record, or nothing of it is believed. One pass, one bucket in memory at a time.

use std::io::Read;

use crate::error::{Code, Error, Result};
use crate::manifest::bucket::{MAX_BUCKET, meta_digest};
use crate::manifest::keyspace::{Keyspace, bits};
use crate::manifest::meta::Meta;
use crate::merkle::CompactRange;

/// How many buckets beyond those that its keys need a keyspace may have to be read whole: hashing an empty bucket costs
/// nobody but the reader, and a declaration of 2^40 of them a day.
const MAX_EMPTY: u64 = 1 << 16;

impl Keyspace {
    /// How many bytes its keys have, and its rows.
    pub fn whole_len(&self) -> (u64, u64) {
        let rows = if self.has_meta() { self.n() * Meta::LEN as u64 } else { 0 };
        (self.n() * self.key_len().bytes() as u64, rows)
    }

    /// Reads all keys, ascending, and all rows in their order; checks that they are what the signed root stands for.
    ///
    /// # Errors
    /// `proof_invalid` if they are not, if either ends early or goes on, or if the keyspace has far more buckets than
    /// keys.
    pub fn verify_whole(&self, keys: &mut dyn Read, rows: &mut dyn Read) -> Result<()> {
        let t = self.t();
        let buckets = 1u64 << t;
        if buckets > self.n().saturating_mul(8).saturating_add(MAX_EMPTY) {
            return Err(invalid("the keyspace has far more buckets than keys"));
        }
        let layout = self.layout();
        let len = self.key_len().bytes();
        let most = MAX_BUCKET / len + 1;
        let mut range = CompactRange::new();
        let mut left = self.n();
        let mut next: Option<Vec<u8>> = None;
        let mut bucket = Vec::new();
        let mut own = Vec::new();
        for i in 0..buckets {
            bucket.clear();
            loop {
                if next.is_none() && left > 0 {
                    let mut key = vec![0; len];
                    keys.read_exact(&mut key).map_err(|_| invalid("the keys end before their number"))?;
                    left -= 1;
                    next = Some(key);
                }
                match &next {
                    Some(key) if bits(key, t) == i && bucket.len() / len < most => bucket.extend_from_slice(key),
                    _ => break,
                }
                next = None;
            }
            let digest = if self.has_meta() {
                own.resize(bucket.len() / len * Meta::LEN, 0);
                rows.read_exact(&mut own).map_err(|_| invalid("the rows end before the keys"))?;
                Some(meta_digest(&own))
            } else {
                None
            };
            let leaf = layout.leaf(i, &bucket, digest.as_ref()).map_err(|broken| invalid(&broken.to_string()))?;
            range.append(leaf, &mut |_, _, _| {});
        }
        if next.is_some() || left > 0 {
            return Err(invalid("a key stands out of order"));
        }
        let mut more = [0];
        if keys.read(&mut more).is_ok_and(|n| n > 0) || rows.read(&mut more).is_ok_and(|n| n > 0) {
            return Err(invalid("there is more than the record declares"));
        }
        if range.root() != self.root() {
            return Err(invalid("the keys do not lead to the root of the keyspace"));
        }
        Ok(())
    }
}

fn invalid(detail: &str) -> Error {
    Error::new(Code::ProofInvalid, detail).at("the whole keyspace")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::manifest::{About, Builder, Item, KeyLen, Kind, Source, Spec, key, open};

    fn built(n: u64, key_len: KeyLen, rows: bool) -> (Keyspace, Vec<u8>, Vec<u8>) {
        let dir = tempfile::tempdir().unwrap();
        let builder = Builder::new(Spec::of_kind(Kind::RawSha256).unwrap()).key_len(key_len);
        let mut builder = if rows { builder } else { builder.without_meta() };
        for i in 0..n {
            builder.push(key::raw_sha256(&i.to_be_bytes()), Item { license: 0, ordinal: i }).unwrap();
        }
        let source = Source { sha256: "00".repeat(32), bytes: 1, items: n, reader: "digests".into(), wiki: None };
        let about = About { source, coverage: "Test.".into(), licenses: vec!["CC0-1.0".into()] };
        let (_, keyspace) = builder.finish(dir.path(), about).unwrap();
        let folder = dir.path().join(keyspace.id().to_hex());
        let keyspace = open(&folder).unwrap().keyspace().clone();
        let rows = if rows { std::fs::read(folder.join("meta.bin")).unwrap() } else { Vec::new() };
        (keyspace, std::fs::read(folder.join("keys.bin")).unwrap(), rows)
    }

    #[test]
    fn what_was_built_is_accepted_and_every_change_of_it_refused() {
        for (n, key_len, has_rows) in [
            (0, KeyLen::Full, true),
            (700, KeyLen::Full, true),
            (700, KeyLen::Compact, false),
            (3, KeyLen::Full, false),
        ] {
            let (keyspace, keys, rows) = built(n, key_len, has_rows);
            let verify = |keys: &[u8], rows: &[u8]| keyspace.verify_whole(&mut &keys[..], &mut &rows[..]);
            verify(&keys, &rows).unwrap();
            assert_eq!(keyspace.whole_len(), (keys.len() as u64, rows.len() as u64));
            let refused = |keys: &[u8], rows: &[u8]| {
                assert_eq!(verify(keys, rows).unwrap_err().code(), Code::ProofInvalid);
            };
            refused(&[&keys[..], &[0]].concat(), &rows);
            refused(&keys, &[&rows[..], &[0]].concat());
            if n == 0 {
                continue;
            }
            for at in (0..keys.len()).step_by(keys.len() / 50 + 1) {
                let mut other = keys.clone();
                other[at] ^= 1;
                refused(&other, &rows);
            }
            for at in (0..rows.len()).step_by(rows.len() / 50 + 1) {
                let mut other = rows.clone();
                other[at] ^= 1;
                refused(&keys, &other);
            }
            let len = key_len.bytes();
            refused(&keys[..keys.len() - len], &rows);
            let mut swapped = keys.clone();
            swapped[..2 * len].rotate_left(len);
            refused(&swapped, &rows);
        }
    }

    #[test]
    fn a_declaration_of_endless_buckets_is_refused_at_once() {
        let (keyspace, keys, _) = built(3, KeyLen::Full, false);
        let mut row = keyspace.to_declaration(None);
        row.t = 40;
        let keyspace = Keyspace::declared(&row).unwrap();
        assert!(keyspace.verify_whole(&mut &keys[..], &mut &b""[..]).is_err());
    }
}
