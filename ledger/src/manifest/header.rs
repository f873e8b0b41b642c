//! `header.json`: what a keyspace's files say about themselves, and the id that follows.
//!
//! ```text
//! {"builder":"colophon-manifest 1","coverage":"…","duplicates":3,"format":"colophon/manifest/v1","hasMeta":true,
//!  "keyLen":32,"kind":"para-n1","licenses":["CC-BY-SA-4.0"],"maxReply":[…],"n":9997,"root":"<64 hex>",
//!  "source":{"bytes":1695871,"items":206,"reader":"mediawiki","sha256":"<64 hex>","wiki":"enwiki"},
//!  "spec":"para-n1/unicode-16/wikitext","t":8}
//! ```
//!
//! The bytes are RFC 8785; the id is their SHA-256. A header repeats the signed parameters for whoever holds the files;
//! a verifier believes the signed record, and the header only if its id is the one that the record names. DESIGN §7.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Code, Error, Result};
use crate::ids::{KeyspaceId, from_hex};
use crate::manifest::bucket::Layout;
use crate::manifest::keyspace::{Declaration, Keyspace, MAX_N};
use crate::manifest::meta::Meta;
use crate::manifest::reply::{MetaMode, reply_len};
use crate::record::kinds::Disclosure;

/// The largest header: a table of 65,535 licenses of 64 bytes each is 4 MiB.
pub const MAX_HEADER: usize = 4 << 20;

/// The longest license in bytes: the longest expressions in use name about ten licenses of twenty characters.
pub const MAX_LICENSE: usize = 255;

const FORMAT: &str = "colophon/manifest/v1";

/// Names the rules of the builder and not its release: the same source gives the same bytes until the rules change.
pub(super) const BUILDER: &str = "colophon-manifest 1";

/// What the keys were made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Source {
    /// SHA-256 of the file's bytes; of a folder, of the lines `<sha256>  <path>\n` of its files in order of path.
    pub sha256: String,
    /// Bytes of the file, or of all files.
    pub bytes: u64,
    /// How many items were read, also those that gave no key.
    pub items: u64,
    /// Which reader read it.
    pub reader: String,
    /// The wiki, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wiki: Option<String>,
}

/// The content of `header.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Header {
    format: String,
    kind: String,
    spec: String,
    n: u64,
    t: u8,
    key_len: u8,
    has_meta: bool,
    root: String,
    max_reply: Vec<u64>,
    duplicates: u64,
    source: Source,
    coverage: String,
    licenses: Vec<String>,
    builder: String,
}

/// What a builder knows beside the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// What the keys were made from.
    pub source: Source,
    /// What was keyed and what was not, in a sentence for people.
    pub coverage: String,
    /// The table that meta rows point into, ascending; of a keyspace without rows, the licenses of the whole.
    pub licenses: Vec<String>,
}

/// What placing the keys found out.
pub(super) struct Placed {
    pub(super) declaration: Declaration,
    pub(super) duplicates: u64,
    pub(super) max_reply: Vec<u64>,
}

impl Header {
    pub(super) fn new(about: About, placed: Placed) -> Self {
        let Placed { declaration, duplicates, max_reply } = placed;
        Self {
            format: FORMAT.into(),
            kind: declaration.kind,
            spec: declaration.spec,
            n: declaration.n,
            t: declaration.t,
            key_len: declaration.key_len,
            has_meta: declaration.has_meta,
            root: declaration.root,
            max_reply,
            duplicates,
            source: about.source,
            coverage: about.coverage,
            licenses: about.licenses,
            builder: BUILDER.into(),
        }
    }

    /// Reads the bytes of a `header.json` and gives them their id. Refuses anything but the one canonical spelling, so
    /// that two headers that say the same have the same id.
    ///
    /// # Errors
    /// `manifest_invalid`, for another format and for any number or table outside its limits as well.
    pub fn parse(bytes: &[u8]) -> Result<(Self, Keyspace)> {
        let wrong = |detail: String| Error::new(Code::ManifestInvalid, detail).at("header.json");
        if bytes.len() > MAX_HEADER {
            return Err(wrong(format!("{} bytes, at most {MAX_HEADER}", bytes.len())));
        }
        let header: Self = serde_json::from_slice(bytes).map_err(|e| wrong(e.to_string()))?;
        if header.format != FORMAT {
            return Err(wrong("another format than colophon/manifest/v1".into()));
        }
        if header.to_bytes()? != bytes {
            return Err(wrong("the bytes are not the canonical form (RFC 8785) of what they say".into()));
        }
        let keyspace = header.keyspace_with(KeyspaceId::from_bytes(Sha256::digest(bytes).into()))?;
        if header.max_reply.len() != usize::from(header.t) + 1 {
            return Err(wrong("maxReply does not have a length for each depth".into()));
        }
        if header.duplicates > MAX_N || header.source.bytes > MAX_N || header.source.items > MAX_N {
            return Err(wrong("a number is above 2^53 − 1".into()));
        }
        if from_hex(&header.source.sha256).is_err() {
            return Err(wrong("source.sha256 is not 64 lower-case hexadecimal digits".into()));
        }
        let longest = header.licenses.iter().map(String::len).max().unwrap_or(0);
        let ascending = header.licenses.windows(2).all(|pair| pair[0] < pair[1]);
        if longest > MAX_LICENSE || !ascending || header.licenses.len() > usize::from(u16::MAX) {
            return Err(wrong("the license table is not ascending, or too long".into()));
        }
        Ok((header, keyspace))
    }

    /// The canonical bytes.
    ///
    /// # Errors
    /// `internal` if the values have no canonical form, which those of a header have.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        serde_json_canonicalizer::to_vec(self).map_err(|e| Error::new(Code::Internal, e.to_string()))
    }

    fn keyspace_with(&self, id: KeyspaceId) -> Result<Keyspace> {
        Keyspace::declared(&Declaration {
            id,
            kind: self.kind.clone(),
            spec: self.spec.clone(),
            n: self.n,
            t: self.t,
            key_len: self.key_len,
            has_meta: self.has_meta,
            root: self.root.clone(),
            form: None,
            coverage: None,
            // A header does not say; nothing here looks at it.
            disclosure: Disclosure::Closed,
            universe: None,
            bitmap: None,
        })
    }

    /// To how many bytes every reply of this depth is padded; `None` beyond t.
    pub fn padded_reply(&self, depth: u8, mode: MetaMode) -> Option<u64> {
        let rows = *self.max_reply.get(usize::from(depth))?;
        if !self.has_meta || mode == MetaMode::Rows {
            return Some(rows);
        }
        // The stated length is that with rows; the number of keys that it stands for gives the other.
        let key = u64::from(self.key_len);
        let fixed = 40 + 32 * u64::from(depth);
        let most = rows.checked_sub(fixed)? / (key + Meta::LEN as u64);
        Some(fixed + most * key + (32 << (self.t - depth)))
    }

    /// How many pushed keys were there already.
    pub const fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// What the keys were made from.
    pub const fn source(&self) -> &Source {
        &self.source
    }

    /// What was keyed and what was not.
    pub fn coverage(&self) -> &str {
        &self.coverage
    }

    /// The license that a meta row points at.
    pub fn license(&self, meta: &Meta) -> Option<&str> {
        self.licenses.get(usize::from(meta.license)).map(String::as_str)
    }

    /// The license table.
    pub fn licenses(&self) -> &[String] {
        &self.licenses
    }

    /// The row for a `manifest` record, with the header's coverage.
    pub fn to_declaration(&self, keyspace: &Keyspace) -> Declaration {
        keyspace.to_declaration(Some(self.coverage.clone()))
    }

    pub(super) fn max_reply(&self) -> &[u64] {
        &self.max_reply
    }
}

/// The length of the longest reply with rows at each depth, to which every reply of that depth is padded: a reply must not
/// tell by its length which prefix was asked for. Counts of buckets go in one after another; two numbers a depth are held.
pub(super) struct PaddedLengths {
    layout: Layout,
    /// For each depth from 0 to t: the most keys under a node so far, and those under a left node that waits for its right.
    depths: Vec<(u64, Option<u64>)>,
}

impl PaddedLengths {
    pub(super) fn new(layout: Layout) -> Self {
        Self { layout, depths: vec![(0, None); usize::from(layout.t) + 1] }
    }

    /// The number of keys in the next bucket.
    pub(super) fn push(&mut self, count: u64) {
        let mut count = count;
        for (most, waiting) in self.depths.iter_mut().rev() {
            *most = (*most).max(count);
            match waiting.take() {
                Some(left) => count += left,
                None => {
                    *waiting = Some(count);
                    break;
                }
            }
        }
    }

    /// The lengths, once all buckets are counted.
    pub(super) fn finish(self) -> Vec<u64> {
        let layout = self.layout;
        let depths = self.depths.into_iter().zip(0..);
        depths.map(|((most, _), depth)| reply_len(&layout, depth, most, MetaMode::Rows)).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::manifest::keyspace::KeyLen;
    use crate::manifest::kind::Kind;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn padded_lengths_are_those_of_the_fullest_node_of_each_depth(
            counts in (0u8..7).prop_flat_map(|t| prop::collection::vec(0u64..90, 1 << t)),
        ) {
            let t = counts.len().trailing_zeros() as u8;
            let layout = Layout { kind: Kind::MwPage, key_len: KeyLen::Full, has_meta: true, t };
            let mut lengths = PaddedLengths::new(layout);
            counts.iter().for_each(|count| lengths.push(*count));
            let expected: Vec<u64> = (0..=t)
                .map(|depth| {
                    let most = counts.chunks(1 << (t - depth)).map(|under| under.iter().sum()).max().unwrap();
                    reply_len(&layout, depth, most, MetaMode::Rows)
                })
                .collect();
            prop_assert_eq!(lengths.finish(), expected);
        }
    }
}
