//! The plan of an upload: which bytes a party asks a log to hold for a keyspace, signed by the party.
//!
//! A DSSE envelope with the payload type [`PAYLOAD_TYPE`] around RFC 8785 JSON:
//!
//! ```text
//! {"expires":"2026-03-01T13:00:00Z","keyspace":"<64 hex>","origin":"log.example.org",
//!  "parts":[{"file":"header.json","len":812,"offset":0,"sha256":"<64 hex>"},
//!           {"file":"keys.bin","len":8388608,"offset":0,"sha256":"<64 hex>"},…]}
//! ```
//!
//! The signature covers the digest of every part, so a part needs no signature of its own and may come from anywhere,
//! in any order, more than once. The plan names the log, so that it cannot be used at another one.

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::ids::{KeyId, KeyspaceId, SubjectDigest, UnixMillis};
use crate::record::dsse::{Envelope, Signature, pae};
use crate::record::json;
use crate::record::key::{PrivateKey, PublicKey};
use crate::record::terms::Timestamp;

/// What a plan is signed as, so that it can never be taken for a record.
pub const PAYLOAD_TYPE: &str = "application/vnd.colophon.upload.v1+json";

/// 8 MiB a part: half of the largest body that a server takes, so that both fit in its memory many times.
pub const PART_BYTES: u64 = 8 << 20;

/// 4,096 parts of 8 MiB are 32 GiB, a thousand million keys; more is placed by the operator.
pub const MAX_PARTS: usize = 4096;

/// A plan is JSON of at most 720 KiB: 4,096 parts of some 150 bytes.
const MAX_PLAN: usize = 720 << 10;

/// Some bytes of a keyspace's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// `header.json`, `keys.bin`, `offs.bin`, `meta.bin`, `universe.bin`, `bitmap.bin` or `tree/<level>`.
    pub file: String,
    /// How many bytes: 1 to [`PART_BYTES`], or 0 for a file that is empty and never sent.
    pub len: u64,
    /// From where on.
    pub offset: u64,
    /// Their SHA-256.
    pub sha256: SubjectDigest,
}

/// What a party asks a log to hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Until when the upload may begin, as RFC 3339.
    pub expires: String,
    /// The keyspace.
    pub keyspace: KeyspaceId,
    /// The log.
    pub origin: String,
    /// Every byte of every file, in order.
    pub parts: Vec<Part>,
}

/// Whether a keyspace may have a file of this name.
pub fn is_file_name(name: &str) -> bool {
    let level = name.strip_prefix("tree/").map(|level| level.len() == 1 && level.bytes().all(|b| b.is_ascii_digit()));
    matches!(name, "header.json" | "keys.bin" | "offs.bin" | "meta.bin" | "universe.bin" | "bitmap.bin")
        || level == Some(true)
}

impl Plan {
    /// Signs the plan.
    ///
    /// # Errors
    /// That of a plan that [`open`](Self::open) would refuse.
    pub fn sign(&self, key: &PrivateKey) -> Result<Envelope> {
        self.check()?;
        let value = serde_json::to_value(self).map_err(|error| Error::new(Code::Internal, error.to_string()))?;
        let payload = json::canonical(&value)?;
        let sig = key.sign(&pae(PAYLOAD_TYPE, &payload));
        let signatures = vec![Signature { keyid: key.key_id(), sig }];
        Ok(Envelope { payload_type: PAYLOAD_TYPE.to_owned(), payload, signatures })
    }

    /// Verifies a signed plan, then reads it. Returns the keys that signed with it.
    ///
    /// # Errors
    /// Those of [`Envelope::parse`] and [`Envelope::verify`]; `signature_invalid` for another payload type; those of
    /// [`json::parse`]; `schema` if it is no plan or its parts are out of order, `too_many` of them, `path_refused` for
    /// one of no file of a keyspace.
    pub fn open(envelope: &[u8], keys: &dyn Fn(&KeyId) -> Option<PublicKey>) -> Result<(Self, Vec<KeyId>)> {
        let envelope = Envelope::parse(envelope)?;
        if envelope.payload_type != PAYLOAD_TYPE {
            let detail = format!("expected {PAYLOAD_TYPE}");
            return Err(Error::new(Code::SignatureInvalid, detail).at("/payloadType"));
        }
        let signers = envelope.verify(keys)?;
        let value = json::parse(&envelope.payload, MAX_PLAN)?;
        let plan: Self = serde_json::from_value(value).map_err(|error| Error::new(Code::Schema, error.to_string()))?;
        plan.check()?;
        Ok((plan, signers))
    }

    /// Whether the upload may not begin any more.
    pub fn has_expired(&self, now: UnixMillis) -> bool {
        self.expires.parse::<Timestamp>().map_or(true, |expires| expires.millis() < now)
    }

    /// How many bytes all parts have.
    pub fn len(&self) -> u64 {
        self.parts.iter().map(|part| part.len).sum()
    }

    /// Whether there is no part; a checked plan has some.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The parts of every file follow one another from its first byte, and no file comes twice.
    fn check(&self) -> Result<()> {
        let wrong = |n: usize, detail: String| Err(Error::new(Code::Schema, detail).at(format!("/parts/{n}")));
        if self.parts.is_empty() || self.parts.len() > MAX_PARTS {
            let detail = format!("{} parts, from 1 to {MAX_PARTS}", self.parts.len());
            return Err(Error::new(Code::TooMany, detail).at("/parts"));
        }
        if self.expires.parse::<Timestamp>().is_err() {
            return Err(Error::new(Code::Schema, "expected a moment as RFC 3339 writes it").at("/expires"));
        }
        let mut files: Vec<&str> = Vec::new();
        let mut expected = 0;
        for (n, part) in self.parts.iter().enumerate() {
            if !is_file_name(&part.file) {
                return Err(Error::new(Code::PathRefused, "not a file of a keyspace").at(format!("/parts/{n}/file")));
            }
            if part.len > PART_BYTES || (part.len == 0 && part.offset > 0) {
                return wrong(n, format!("{} bytes, from 1 to {PART_BYTES}", part.len));
            }
            if files.last() != Some(&part.file.as_str()) {
                if files.contains(&part.file.as_str()) {
                    return wrong(n, "the file came before".to_owned());
                }
                files.push(&part.file);
                expected = 0;
            }
            if part.offset != expected {
                return wrong(n, format!("begins at {}, expected {expected}", part.offset));
            }
            expected += part.len;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn plan() -> Plan {
        let part = |file: &str, offset, len| Part {
            file: file.to_owned(),
            len,
            offset,
            sha256: SubjectDigest::from_bytes([7; 32]),
        };
        Plan {
            expires: "2026-03-01T13:00:00Z".to_owned(),
            keyspace: KeyspaceId::from_bytes([1; 32]),
            origin: "log.example.org".to_owned(),
            parts: vec![part("header.json", 0, 10), part("keys.bin", 0, PART_BYTES), part("keys.bin", PART_BYTES, 5)],
        }
    }

    #[test]
    fn a_plan_reads_as_it_was_signed_and_only_by_its_key() {
        let key = PrivateKey::from_ed25519_seed([3; 32]);
        let envelope = plan().sign(&key).unwrap().to_json();
        let known = |id: &KeyId| (*id == key.key_id()).then(|| key.public_key().clone());
        assert_eq!(Plan::open(&envelope, &known).unwrap(), (plan(), vec![key.key_id()]));
        assert_eq!(Plan::open(&envelope, &|_| None).unwrap_err().code(), Code::SignerUnknown);
        assert!(plan().has_expired(UnixMillis(1_900_000_000_000)));
        assert!(!plan().has_expired(UnixMillis(1_700_000_000_000)));
    }

    #[test]
    fn a_record_is_never_a_plan() {
        let key = PrivateKey::from_ed25519_seed([3; 32]);
        let known = |_: &KeyId| Some(key.public_key().clone());
        let as_record = Envelope::sign(b"{}".to_vec(), &[&key]).unwrap().to_json();
        assert_eq!(Plan::open(&as_record, &known).unwrap_err().code(), Code::SignatureInvalid);
    }

    #[test]
    fn b17_gaps_overlaps_and_other_files_are_refused() {
        let changed = |change: &dyn Fn(&mut Plan)| {
            let mut plan = plan();
            change(&mut plan);
            plan.check().unwrap_err().code()
        };
        assert_eq!(changed(&|p| p.parts[2].offset += 1), Code::Schema);
        assert_eq!(changed(&|p| p.parts[0].file = "../header.json".to_owned()), Code::PathRefused);
        assert_eq!(changed(&|p| p.parts[0].file = "tree/../x".to_owned()), Code::PathRefused);
        assert_eq!(changed(&|p| p.parts[2].len = 0), Code::Schema);
        assert_eq!(changed(&|p| p.parts.push(p.parts[0].clone())), Code::Schema);
        assert_eq!(changed(&|p| p.parts.clear()), Code::TooMany);
    }
}
