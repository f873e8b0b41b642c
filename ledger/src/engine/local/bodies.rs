//! Bodies in their segments: how one is written, read and told from one that was erased.
//!
//! ```text
//! record    magic 4 | state 4: "kept" or "gone" | length u32 | CRC-32C u32 | SHA-256 of the body 32 | body
//! ```
//!
//! The checksum covers the header without itself; the digest covers the body. An erased body leaves its header, with
//! the other state, and zeros: every other place stays valid, and the entry in the tree held the digest anyway.
//! Records follow one another without a gap, in the order of the entries that name them.

use bytes::Bytes;
use crc32c::{crc32c, crc32c_append};
use sha2::{Digest, Sha256};

use crate::ids::BodyDigest;

use super::fault::Damage;
use super::segments::{Series, nonzero};
use super::{CommitPlan, Place, Position};

pub(super) const HEADER_BYTES: usize = 48;

/// No text holds 0xc1, so that no body made of text can hold what looks like a record.
const MAGIC: [u8; 4] = *b"\xc1BD1";

/// What the header of a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) erased: bool,
    pub(super) len: u32,
    pub(super) digest: BodyDigest,
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[..4].copy_from_slice(&MAGIC);
        out[4..8].copy_from_slice(if self.erased { b"gone" } else { b"kept" });
        out[8..12].copy_from_slice(&self.len.to_be_bytes());
        out[16..].copy_from_slice(self.digest.as_bytes());
        let crc = crc32c_append(crc32c(&out[..12]), &out[16..]);
        out[12..16].copy_from_slice(&crc.to_be_bytes());
        out
    }

    /// Reads what `encode` wrote; `None` for anything else.
    pub(super) fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let [.., l0, l1, l2, l3] = *bytes.first_chunk::<12>()?;
        let digest = BodyDigest::from_bytes(*bytes.last_chunk()?);
        let header = Self { erased: bytes[4..8] == *b"gone", len: u32::from_be_bytes([l0, l1, l2, l3]), digest };
        (header.encode() == *bytes).then_some(header)
    }
}

/// The records of a plan's bodies, to stand at `at`, and the places of the bodies.
pub(super) fn encode(plan: &CommitPlan, at: Position) -> (Vec<u8>, Vec<Place>) {
    let mut bytes = Vec::with_capacity(bytes_of(plan) as usize);
    let mut places = Vec::with_capacity(plan.entries.len());
    for planned in &plan.entries {
        let len = planned.body.len() as u32;
        let digest = BodyDigest::from_bytes(Sha256::digest(&planned.body).into());
        bytes.extend_from_slice(&Header { erased: false, len, digest }.encode());
        places.push(Place { segment: at.segment, len, offset: at.offset + bytes.len() as u64 });
        bytes.extend_from_slice(&planned.body);
    }
    (bytes, places)
}

/// How many bytes `encode` will make.
pub(super) fn bytes_of(plan: &CommitPlan) -> u64 {
    plan.entries.iter().map(|planned| (HEADER_BYTES + planned.body.len()) as u64).sum()
}

/// Where the record of a body begins; `None` if no record can have its body there.
pub(super) fn record_of(place: Place) -> Option<Position> {
    let offset = place.offset.checked_sub(HEADER_BYTES as u64)?;
    (offset >= super::segments::HEADER_BYTES).then_some(Position { segment: place.segment, offset })
}

/// Where the record behind this body begins, if it is in the same segment.
pub(super) fn behind(place: Place) -> Position {
    Position { segment: place.segment, offset: place.offset.saturating_add(place.len.into()) }
}

/// Reads the record of a body and checks it. The bytes are `None` if the body was erased.
pub(super) fn read(series: &Series, place: Place) -> Result<(Header, Option<Bytes>), Damage> {
    let damage = |offset, what: &str| Damage::new(series.name(place.segment), offset, what);
    let at = record_of(place).ok_or_else(|| damage(place.offset, "no body stands here"))?;
    if u64::from(place.len) > super::segments::SEGMENT_BYTES {
        return Err(damage(place.offset, "no body stands here"));
    }
    let mut record = vec![0; HEADER_BYTES + place.len as usize];
    series.read(at, &mut record)?;
    let header = record.first_chunk().and_then(Header::decode);
    let header = header.ok_or_else(|| damage(at.offset, "the header of the body is damaged"))?;
    if header.len != place.len {
        return Err(damage(place.offset, "no body of this length stands here"));
    }
    let body = Bytes::from(record).slice(HEADER_BYTES..);
    if header.erased {
        return match nonzero(&body) {
            Some(at) => Err(damage(place.offset + at as u64, "an erased body is not zeros")),
            None => Ok((header, None)),
        };
    }
    if Sha256::digest(&body)[..] != header.digest.as_bytes()[..] {
        return Err(damage(place.offset, "the body does not match its digest"));
    }
    Ok((header, Some(body)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_header_is_read_as_it_was_written_and_no_bit_of_it_may_change(
            erased: bool, len: u32, digest: [u8; 32], bit in 0..HEADER_BYTES * 8,
        ) {
            let header = Header { erased, len, digest: BodyDigest::from_bytes(digest) };
            let mut bytes = header.encode();
            prop_assert_eq!(Header::decode(&bytes), Some(header));
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(Header::decode(&bytes), None);
        }
    }
}
