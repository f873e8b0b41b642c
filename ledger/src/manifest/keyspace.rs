//! A keyspace as the ledger declares it: everything that a verifier must know before it looks at a reply.
//!
//! The values come from the signed `manifest` record and from nowhere else; a server that answers is never asked for
//! them. DESIGN §7.

use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{Code, Error, Result};
use crate::ids::{ContentKey, KeyspaceId, from_hex, to_hex};
use crate::manifest::kind::{Kind, Spec};
use crate::manifest::shown;
use crate::manifest::universe::{BitmapRow, UniverseRow};
use crate::merkle::RootHash;
use crate::record::kinds::Disclosure;
use crate::record::limits::{MAX_INTEGER, MAX_T};

/// The most keys that a header can state: integers in JSON are exact up to 2^53 − 1.
pub const MAX_N: u64 = MAX_INTEGER.unsigned_abs();

/// How many bytes of a content key are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyLen {
    /// Of a roll-up run only, where a hit is confirmed by the dataset's own proof and a miss by 8 bytes is a miss.
    Short,
    /// The compact profile. 2^33 keys of 128 bits leave an outsider 2^95 tries to hit one of them by accident.
    Compact,
    /// The whole digest.
    Full,
}

impl KeyLen {
    /// The number of bytes.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Short => 8,
            Self::Compact => 16,
            Self::Full => 32,
        }
    }
}

/// One row of `keyspaces[]` in a `manifest` record, as it stands in the JSON.
///
/// ```text
/// {"id":"<64 hex>","kind":"para-n1","spec":"para-n1/unicode-16/plain","n":10000,"t":8,"keyLen":32,"hasMeta":true,
///  "root":"<64 hex>","form":"plain","coverage":"…","disclosure":"complete"}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Declaration {
    /// SHA-256 of the keyspace's `header.json`.
    pub id: KeyspaceId,
    /// The name of a [`Kind`].
    pub kind: String,
    /// A [`Spec`].
    pub spec: String,
    /// How many keys.
    pub n: u64,
    /// The tree has 2^t buckets.
    pub t: u8,
    /// 32, or 16 in the compact profile.
    pub key_len: u8,
    /// Whether every key has a [`Meta`](super::Meta) row.
    pub has_meta: bool,
    /// The root of the tree, 64 hexadecimal digits.
    pub root: String,
    /// The form of the text, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form: Option<String>,
    /// What was keyed and what was not: a text, or the JSON of whatever else a signer wrote there.
    #[serde(default, deserialize_with = "text_or_json", skip_serializing_if = "Option::is_none")]
    pub coverage: Option<String>,
    /// `complete` from a builder that saw the whole source; the signer may say less.
    pub disclosure: Disclosure,
    /// All numbers of a wiki's dump, beside a keyspace of pages or revisions that is made of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub universe: Option<UniverseRow>,
    /// Which numbers of a universe this keyspace holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bitmap: Option<BitmapRow>,
}

fn text_or_json<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<serde_json::Value>::deserialize(deserializer)?.map(|value| match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }))
}

/// The parameters of a keyspace, checked against one another: what a verifier works from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyspace {
    id: KeyspaceId,
    spec: Spec,
    n: u64,
    t: u8,
    key_len: KeyLen,
    has_meta: bool,
    root: RootHash,
}

impl Keyspace {
    /// Takes the parameters of a signed record. Refuses a kind or spec that this version does not know, a tree that is
    /// flatter than `n` keys need, and anything outside the limits.
    ///
    /// # Errors
    /// `manifest_invalid`, with the member's JSON pointer.
    pub fn declared(row: &Declaration) -> Result<Self> {
        let wrong =
            |member: &str, detail: String| Err(Error::new(Code::ManifestInvalid, detail).at(format!("/{member}")));
        let spec: Spec = row.spec.parse().map_err(|e: Error| e.at("/spec"))?;
        if spec.kind().as_str() != row.kind {
            return wrong("kind", format!("{} is not the kind of the spec", shown(&row.kind)));
        }
        if row.form.is_some() && row.form.as_deref() != spec.form().map(|form| form.as_str()) {
            return wrong("form", "the form is not that of the spec".into());
        }
        let key_len = match row.key_len {
            16 => KeyLen::Compact,
            32 => KeyLen::Full,
            other => return wrong("keyLen", format!("expected 16 or 32, found {other}")),
        };
        let Ok(root) = from_hex(&row.root).map(RootHash::from_bytes) else {
            return wrong("root", "expected 64 lower-case hexadecimal digits".into());
        };
        let shape = Shape { n: row.n, t: row.t, key_len, has_meta: row.has_meta };
        Self::new(row.id, spec, shape, root)
    }

    pub(super) fn new(id: KeyspaceId, spec: Spec, shape: Shape, root: RootHash) -> Result<Self> {
        let Shape { n, t, key_len, has_meta } = shape;
        let flattest = flattest_t(n).filter(|flattest| (*flattest..=MAX_T).contains(&t));
        if flattest.is_none() {
            let detail = format!("a tree of 2^{t} buckets does not suit {n} keys");
            return Err(Error::new(Code::ManifestInvalid, detail).at("/t"));
        }
        Ok(Self { id, spec, n, t, key_len, has_meta, root })
    }

    /// This keyspace as a row for a `manifest` record.
    pub fn to_declaration(&self, coverage: Option<String>) -> Declaration {
        Declaration {
            id: self.id,
            kind: self.kind().as_str().into(),
            spec: self.spec.to_string(),
            n: self.n,
            t: self.t,
            key_len: self.key_len.bytes() as u8,
            has_meta: self.has_meta,
            root: to_hex(self.root.as_bytes()),
            form: self.spec.form().map(|form| form.as_str().into()),
            coverage,
            disclosure: Disclosure::Complete,
            universe: None,
            bitmap: None,
        }
    }

    /// SHA-256 of the keyspace's `header.json`.
    pub const fn id(&self) -> KeyspaceId {
        self.id
    }

    /// The kind of its keys.
    pub const fn kind(&self) -> Kind {
        self.spec.kind()
    }

    /// How its keys are made.
    pub const fn spec(&self) -> Spec {
        self.spec
    }

    /// How many keys it says to hold; a claim until somebody checks the whole.
    pub const fn n(&self) -> u64 {
        self.n
    }

    /// The tree has 2^t buckets.
    pub const fn t(&self) -> u8 {
        self.t
    }

    /// How many bytes of each key are kept.
    pub const fn key_len(&self) -> KeyLen {
        self.key_len
    }

    /// Whether every key has a row of meta data.
    pub const fn has_meta(&self) -> bool {
        self.has_meta
    }

    /// The root over the buckets.
    pub const fn root(&self) -> RootHash {
        self.root
    }

    /// The first `depth` bits of a key, as the number of the subtree that it belongs in.
    pub fn prefix(&self, key: &ContentKey, depth: u8) -> u64 {
        prefix_of(key, depth.min(self.t))
    }

    /// The deepest depth at which a reply holds at least `k` keys, so that the server learns no more than that one of them
    /// was asked for. How many there are is counted in the reply, not taken from here: `n` is a claim.
    ///
    /// Expected are e = n / 2^d keys, give or take √e. Six and a half times that to spare leaves one prefix in 2·10^10 with
    /// fewer than k: e ≥ k and (e − k)² ≥ 42 e.
    pub fn depth_for(&self, k: u64) -> u8 {
        let enough = |d: &u8| {
            let e = self.n >> d;
            let spare = u128::from(e.saturating_sub(k));
            *d == 0 || (e >= k && spare * spare >= 42 * u128::from(e))
        };
        (0..=self.t).rev().find(enough).unwrap_or(0)
    }
}

/// The numbers that fix the layout of a keyspace's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) n: u64,
    pub(super) t: u8,
    pub(super) key_len: KeyLen,
    pub(super) has_meta: bool,
}

/// How far t is raised beyond what n asks for, to keep every bucket below its limit. 2^8 times as many buckets hold ground
/// keys apart up to 2,045 keys that share t + 8 bits, which at a million keys costs 2^23 hashes for each of them.
pub(super) const MAX_RAISE: u8 = 8;

/// The smallest t ≥ 0 with n² < 2^(2t+11): about 32 keys a bucket, by integers only, so that every builder agrees.
/// `None` above [`MAX_N`].
pub fn flattest_t(n: u64) -> Option<u8> {
    if n > MAX_N {
        return None;
    }
    let square = u128::from(n) * u128::from(n);
    (0..=53).find(|t| square < 1 << (2 * u32::from(*t) + 11))
}

/// The first `depth` bits of a key, which number its subtree at that depth.
pub(super) fn prefix_of(key: &ContentKey, depth: u8) -> u64 {
    bits(key.as_bytes(), depth)
}

/// The first `count` ≤ 40 bits of at least 8 bytes.
pub(super) fn bits(bytes: &[u8], count: u8) -> u64 {
    let word = match bytes.first_chunk() {
        Some(first) => u64::from_be_bytes(*first),
        None => bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    if count == 0 { 0 } else { word >> (64 - u32::from(count)) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn t_is_the_rounded_logarithm_of_n_over_32() {
        assert_eq!(flattest_t(0), Some(0));
        assert_eq!(flattest_t(1), Some(0));
        // 45² = 2025 < 2048 <= 46²
        assert_eq!((flattest_t(45), flattest_t(46)), (Some(0), Some(1)));
        assert_eq!((flattest_t(90), flattest_t(91)), (Some(1), Some(2)));
        assert_eq!(flattest_t(1 << 20), Some(15));
        assert_eq!(flattest_t(100_000_000), Some(22));
        assert_eq!(flattest_t(MAX_N), Some(48));
        assert_eq!(flattest_t(MAX_N + 1), None);
        for n in (46..3_000_000u64).step_by(97) {
            assert_eq!(f64::from(flattest_t(n).unwrap()), (n as f64 / 32.0).log2().round(), "{n}");
        }
    }

    #[test]
    fn prefixes_are_the_top_bits() {
        let mut bytes = [0; 32];
        bytes[..5].copy_from_slice(&[0b1010_0000, 0x01, 0xff, 0, 0x80]);
        let key = ContentKey::from_bytes(bytes);
        assert_eq!(prefix_of(&key, 0), 0);
        assert_eq!(prefix_of(&key, 3), 0b101);
        assert_eq!(prefix_of(&key, 16), 0xa001);
        assert_eq!(prefix_of(&key, 40), 0xa0_01ff_0080);
    }

    fn declaration() -> Declaration {
        Declaration {
            id: KeyspaceId::from_bytes([1; 32]),
            kind: "para-n1".into(),
            spec: "para-n1/unicode-16/plain".into(),
            n: 1000,
            t: 5,
            key_len: 32,
            has_meta: true,
            root: "00".repeat(32),
            form: Some("plain".into()),
            coverage: None,
            disclosure: Disclosure::Complete,
            universe: None,
            bitmap: None,
        }
    }

    #[test]
    fn a_declaration_is_taken_and_given_back() {
        let row = declaration();
        let keyspace = Keyspace::declared(&row).unwrap();
        assert_eq!(keyspace.to_declaration(None), row);
        // Half of the keys are 500, which are hardly ever 500 or more; they are never below 350.
        assert_eq!((keyspace.depth_for(1000), keyspace.depth_for(500), keyspace.depth_for(350)), (0, 0, 1));
        assert_eq!(keyspace.depth_for(0), 4);
        // A tree may be raised, never flattened.
        assert!(Keyspace::declared(&Declaration { t: 9, ..row }).is_ok());
    }

    #[test]
    fn a_row_is_read_whatever_its_coverage_and_whatever_else_it_says() {
        let mut row = serde_json::to_value(declaration()).unwrap();
        for (coverage, expected) in [
            (serde_json::json!("Every page."), Some("Every page.")),
            (serde_json::json!({"pages": 7}), Some("{\"pages\":7}")),
            (serde_json::Value::Null, None),
        ] {
            row["coverage"] = coverage;
            row["more"] = 1.into();
            let read: Declaration = serde_json::from_value(row.clone()).unwrap();
            assert_eq!(read.coverage.as_deref(), expected);
            assert!(Keyspace::declared(&read).is_ok());
        }
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let wrong: [fn(&mut Declaration); 9] = [
            |row| row.kind = "text-n1".into(),
            |row| row.spec = "para-n1/unicode-15/plain".into(),
            |row| row.form = Some("wikitext".into()),
            |row| row.t = 4,
            |row| row.t = 41,
            |row| row.key_len = 20,
            |row| row.root = "00".into(),
            |row| row.n = u64::MAX,
            |row| row.n = 1 << 50,
        ];
        for (i, change) in wrong.iter().enumerate() {
            let mut row = declaration();
            change(&mut row);
            assert_eq!(Keyspace::declared(&row).unwrap_err().code(), Code::ManifestInvalid, "{i}");
        }
    }
}
