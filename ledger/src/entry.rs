//! The entry: the few hundred bytes that the Merkle tree hashes for a record.
//!
//! An entry follows C2SP tlog-addenda: a header, the digest of the body as its one addendum, and where that digest stands. The body is
//! kept beside the tree and can be erased without touching it. All of the header but `received` is a pure function of the
//! record, so whoever holds the body can derive it again and compare.
//!
//! ```text
//! header    RFC 8785 JSON, at most 60 KiB:
//!           {"issuer":"example-ai","keys":[],"kind":"model-card","received":1772366400000,"record":"<64 hex>",
//!            "refs":[],"signers":["<64 hex>"],"subjects":["<64 hex>"],"v":1}
//! digest    32 bytes: SHA-256 of the body
//! offset    u32 big-endian: where the digest stands, which is the length of the header
//! 0x01      one addendum
//! ```

use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::{Code, Error, Result};
use crate::ids::{BodyDigest, KeyId, RecordId, SubjectDigest, UnixMillis};
use crate::record::Record;
pub use crate::record::body_digest;
use crate::record::json;
use crate::record::kind::Kind;
use crate::record::limits::{MAX_HEADER, MAX_INTEGER, MAX_KEYS, MAX_REFS, MAX_SIGNATURES, MAX_SUBJECTS};
use crate::record::terms::PartyId;

/// The version of the header.
const VERSION: u64 = 1;

/// How many addenda an entry has, as its last byte says.
const ADDENDA: u8 = 1;

/// Bytes after the header: the digest, the offset and the count.
const SUFFIX: usize = 32 + 4 + 1;

/// What the log says about a record for ever, also when the body is erased: the keys of its indexes.
///
/// Lists are sorted and without repetition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The name of the kind.
    pub kind: String,
    /// The record's id.
    pub record: RecordId,
    /// The id of the party that speaks.
    pub issuer: String,
    /// The keys that signed; at most 16.
    pub signers: Vec<KeyId>,
    /// The keys that the record registers, rotates or revokes; at most 256.
    pub keys: Vec<KeyId>,
    /// The SHA-256 of every subject; at most 256.
    pub subjects: Vec<SubjectDigest>,
    /// The records that the predicate names; at most 256.
    pub refs: Vec<RecordId>,
    /// When the log numbered the entry, says the log.
    pub received: UnixMillis,
}

impl Header {
    /// The header of a record.
    pub fn derive(record: &Record, received: UnixMillis) -> Self {
        Self {
            kind: record.kind.as_str().to_owned(),
            record: record.id,
            issuer: record.issuer().to_owned(),
            signers: record.signers().into_iter().collect(),
            keys: record.named_keys().iter().copied().collect(),
            subjects: record.subject_digests().into_iter().collect(),
            refs: record.refs().iter().copied().collect(),
            received,
        }
    }

    /// The RFC 8785 text: its members are sorted as they stand here, and hold no fractions.
    fn to_json(&self) -> Result<Vec<u8>> {
        #[derive(Serialize)]
        struct Text<'a> {
            issuer: &'a str,
            keys: &'a [KeyId],
            kind: &'a str,
            received: u64,
            record: RecordId,
            refs: &'a [RecordId],
            signers: &'a [KeyId],
            subjects: &'a [SubjectDigest],
            v: u64,
        }
        let Self { kind, record, issuer, signers, keys, subjects, refs, received } = self;
        let text =
            Text { issuer, keys, kind, received: received.0, record: *record, refs, signers, subjects, v: VERSION };
        serde_json::to_vec(&text).map_err(|error| invalid(error.to_string()))
    }

    fn from_json(text: &[u8]) -> Result<Self> {
        let Value::Object(mut members) = json::parse(text, MAX_HEADER)? else {
            return Err(invalid("the header is not an object"));
        };
        let header = Self {
            kind: take_text(&mut members, "kind")?,
            record: take_text(&mut members, "record")?.parse().map_err(|_| invalid("record is not an id"))?,
            issuer: take_text(&mut members, "issuer")?,
            signers: take_list(&mut members, "signers")?,
            keys: take_list(&mut members, "keys")?,
            subjects: take_list(&mut members, "subjects")?,
            refs: take_list(&mut members, "refs")?,
            received: UnixMillis(take_number(&mut members, "received")?),
        };
        if take_number(&mut members, "v")? != VERSION {
            return Err(invalid("the header is of another version"));
        }
        header.check()?;
        match members.keys().next() {
            Some(_) => Err(invalid("the header has a member that is not its own")),
            None => Ok(header),
        }
    }

    /// Whether the header is one that a record can have. The types leave room for others, and [`Header::to_json`] would
    /// write them.
    fn check(&self) -> Result<()> {
        Kind::parse(&self.kind)?;
        self.issuer.parse::<PartyId>().map_err(|error| invalid(format!("issuer: {error}")))?;
        check_set("signers", &self.signers, MAX_SIGNATURES)?;
        check_set("keys", &self.keys, MAX_KEYS)?;
        check_set("subjects", &self.subjects, MAX_SUBJECTS)?;
        check_set("refs", &self.refs, MAX_REFS)?;
        if self.signers.is_empty() {
            return Err(invalid("nobody signed"));
        }
        if self.received.0 > MAX_INTEGER.unsigned_abs() {
            return Err(invalid("received is no number that every reader can hold"));
        }
        Ok(())
    }
}

/// A header and the digest of the body that it speaks of.
///
/// ```
/// use ledger::entry::{Entry, Header};
/// use ledger::ids::{BodyDigest, KeyId, RecordId, UnixMillis};
///
/// let header = Header {
///     kind: "model-card".to_owned(),
///     record: RecordId::from_bytes([0xaa; 32]),
///     issuer: "example-ai".to_owned(),
///     signers: vec![KeyId::from_bytes([0xbb; 32])],
///     keys: vec![],
///     subjects: vec![],
///     refs: vec![],
///     received: UnixMillis(1_772_366_400_000),
/// };
/// let entry = Entry { header, body: BodyDigest::from_bytes([0xcc; 32]) };
/// let bytes = entry.encode()?;
///
/// let text = format!(
///     r#"{{"issuer":"example-ai","keys":[],"kind":"model-card","received":1772366400000,"record":"{}","refs":[],"signers":["{}"],"subjects":[],"v":1}}"#,
///     "aa".repeat(32),
///     "bb".repeat(32),
/// );
/// let (header, suffix) = bytes.split_at(text.len());
/// assert_eq!(header, text.as_bytes());
/// assert_eq!(suffix, [&[0xcc; 32][..], &[0, 0, 1, 7][..], &[1][..]].concat());
/// assert_eq!(Entry::decode(&bytes)?, entry);
/// # Ok::<(), ledger::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What the log says about the record.
    pub header: Header,
    /// SHA-256 of the body.
    pub body: BodyDigest,
}

impl Entry {
    /// The entry of a record.
    pub fn of_record(record: &Record, received: UnixMillis) -> Self {
        Self { header: Header::derive(record, received), body: record.body }
    }

    /// The bytes of the leaf. Fails with [`Code::TooLarge`] if the header is longer than 60 KiB, and with
    /// [`Code::EntryInvalid`] if it was made by hand and is not one that [`Entry::decode`] would accept.
    ///
    /// # Errors
    /// `too_large` and `entry_invalid`, as said above.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let mut bytes = self.header.to_json()?;
        if bytes.len() > MAX_HEADER {
            let detail = format!("a header of {} bytes, at most {MAX_HEADER}", bytes.len());
            return Err(Error::new(Code::TooLarge, detail));
        }
        let offset = u32::try_from(bytes.len()).map_err(|_| invalid("the header is too long"))?;
        self.header.check()?;
        bytes.extend_from_slice(self.body.as_bytes());
        bytes.extend_from_slice(&offset.to_be_bytes());
        bytes.push(ADDENDA);
        Ok(bytes)
    }

    /// Reads the bytes of a leaf, of which there is exactly one form for each entry.
    ///
    /// # Errors
    /// `too_large` for a header of more than 60 KiB, `entry_invalid` for any other form than the one.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let header_len = bytes.len().checked_sub(SUFFIX).ok_or_else(|| invalid("shorter than its suffix"))?;
        if header_len > MAX_HEADER {
            return Err(Error::new(Code::TooLarge, format!("a header of {header_len} bytes, at most {MAX_HEADER}")));
        }
        let (text, suffix) = bytes.split_at(header_len);
        let &[ref digest @ .., o3, o2, o1, o0, count] = suffix else { return Err(invalid("shorter than its suffix")) };
        if count != ADDENDA {
            return Err(invalid(format!("{count} addenda, expected {ADDENDA}")));
        }
        let offset = u32::from_be_bytes([o3, o2, o1, o0]);
        if usize::try_from(offset) != Ok(header_len) {
            return Err(invalid(format!("the digest stands at {header_len}, and the entry says {offset}")));
        }
        let digest: &[u8; 32] = digest.try_into().map_err(|_| invalid("shorter than its suffix"))?;
        let header = Header::from_json(text).map_err(|error| invalid(format!("the header: {error}")))?;
        if header.to_json()? != text {
            return Err(invalid("the header is not in its RFC 8785 form"));
        }
        Ok(Self { header, body: BodyDigest::from_bytes(*digest) })
    }
}

fn take_text(members: &mut Map<String, Value>, name: &str) -> Result<String> {
    match members.remove(name) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(invalid(format!("{name} is not a text"))),
    }
}

fn take_number(members: &mut Map<String, Value>, name: &str) -> Result<u64> {
    let number = members.remove(name).and_then(|value| value.as_u64());
    number.ok_or_else(|| invalid(format!("{name} is not a number")))
}

fn take_list<T: core::str::FromStr>(members: &mut Map<String, Value>, name: &str) -> Result<Vec<T>> {
    let Some(Value::Array(list)) = members.remove(name) else {
        return Err(invalid(format!("{name} is not a list")));
    };
    let digest = |item: &Value| item.as_str().and_then(|text| text.parse().ok());
    let digests: Option<Vec<T>> = list.iter().map(digest).collect();
    digests.ok_or_else(|| invalid(format!("{name} holds something that is not a digest")))
}

/// A sorted list without repetition, of so many elements.
fn check_set<T: Ord>(name: &str, set: &[T], max: usize) -> Result<()> {
    if set.len() > max {
        return Err(invalid(format!("{name} has {} elements, at most {max}", set.len())));
    }
    if !set.is_sorted_by(|one, next| one < next) {
        return Err(invalid(format!("{name} is not sorted, or holds something twice")));
    }
    Ok(())
}

fn invalid(detail: impl Into<String>) -> Error {
    Error::new(Code::EntryInvalid, detail)
}

#[cfg(test)]
mod tests;
