//! Entries in the journal: one frame per batch, each naming the checkpoint that it extends.
//!
//! ```text
//! frame     magic 4 | length of the frame u32 | first index u64 | count u32 | CRC-32C u32
//!           | SHA-256 of the checkpoint that it extends 32 | body end: segment u32, offset u64 | entries
//! entry     length u32 | CRC-32C u32 | place of its body 16 | entry
//! ```
//!
//! Numbers are big-endian. The checksum of a frame covers all of it but itself, so that a frame is whole or is none;
//! the checksum of an entry covers its length, place and bytes, so that one entry can be read without its frame.
//! That a frame names the checkpoint it extends is what makes a restored guard visible: frame k + 1 exists only if the
//! guard held the checkpoint of k.

use crc32c::{crc32c, crc32c_append};

use crate::ids::LeafIndex;

use super::fault::Damage;
use super::segments::{HEADER_BYTES, Series};
use super::{CommitPlan, Place, Places, Position};

pub(super) const FRAME_BYTES: usize = 68;
pub(super) const ENTRY_BYTES: usize = 24;

/// No text holds 0xc1, so that no entry made of text can hold what looks like a frame.
pub(super) const MAGIC: [u8; 4] = *b"\xc1FR1";

/// Frames are read through a buffer of this size; a longer frame makes it grow for as long as it lasts.
const BUFFER: usize = 1 << 20;

/// A plan's frame, to stand at `at`, and the places of its entries.
pub(super) fn encode(
    plan: &CommitPlan,
    at: Position,
    extends: [u8; 32],
    bodies: &[Place],
    bodies_end: Position,
) -> (Vec<u8>, Vec<Place>) {
    let len = bytes_of(plan);
    let mut frame = Vec::with_capacity(len as usize);
    frame.extend_from_slice(&MAGIC);
    frame.extend_from_slice(&(len as u32).to_be_bytes());
    frame.extend_from_slice(&plan.first.0.to_be_bytes());
    frame.extend_from_slice(&(plan.entries.len() as u32).to_be_bytes());
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(&extends);
    frame.extend_from_slice(&bodies_end.segment.to_be_bytes());
    frame.extend_from_slice(&bodies_end.offset.to_be_bytes());
    let mut places = Vec::with_capacity(plan.entries.len());
    for (planned, body) in plan.entries.iter().zip(bodies) {
        let len = planned.entry.len() as u32;
        let body = body.to_bytes();
        frame.extend_from_slice(&len.to_be_bytes());
        frame.extend_from_slice(&entry_crc(len, &body, &planned.entry).to_be_bytes());
        frame.extend_from_slice(&body);
        places.push(Place { segment: at.segment, len, offset: at.offset + frame.len() as u64 });
        frame.extend_from_slice(&planned.entry);
    }
    let crc = frame_crc(&frame);
    frame[20..24].copy_from_slice(&crc.to_be_bytes());
    (frame, places)
}

/// How many bytes `encode` will make.
pub(super) fn bytes_of(plan: &CommitPlan) -> u64 {
    let entries: usize = plan.entries.iter().map(|planned| ENTRY_BYTES + planned.entry.len()).sum();
    (FRAME_BYTES + entries) as u64
}

fn frame_crc(frame: &[u8]) -> u32 {
    crc32c_append(crc32c(&frame[..20]), &frame[24..])
}

fn entry_crc(len: u32, body: &[u8; 16], entry: &[u8]) -> u32 {
    crc32c_append(crc32c_append(crc32c(&len.to_be_bytes()), body), entry)
}

/// A whole frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) at: Position,
    pub(super) first: u64,
    pub(super) count: u32,
    pub(super) extends: [u8; 32],
    pub(super) bodies_end: Position,
    bytes: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The frame at the beginning of these bytes; what lies behind is not looked at.
    pub(super) fn decode(bytes: &'a [u8], at: Position) -> Result<Self, &'static str> {
        let header = bytes.first_chunk::<FRAME_BYTES>().ok_or("the frame is cut short")?;
        if header[..4] != MAGIC {
            return Err("no frame begins here");
        }
        let bytes = frame_len(header).and_then(|len| bytes.get(..len)).ok_or("the frame is cut short")?;
        if number32(header, 20) != frame_crc(bytes) {
            return Err("the frame does not match its checksum");
        }
        let mut extends = [0; 32];
        extends.copy_from_slice(&header[24..56]);
        let bodies_end = Position { segment: number32(header, 56), offset: number64(header, 60) };
        let (first, count) = (number64(header, 8), number32(header, 16));
        if count == 0 {
            return Err("the frame holds no entry");
        }
        Ok(Self { at, first, count, extends, bodies_end, bytes })
    }

    /// Behind the frame.
    pub(super) fn end(&self) -> Position {
        Position { segment: self.at.segment, offset: self.at.offset + self.bytes.len() as u64 }
    }

    /// The index after its last entry.
    pub(super) fn next_index(&self) -> u64 {
        self.first.saturating_add(u64::from(self.count))
    }

    /// Its entries. The frame's checksum holds, so a damage here means that it was written wrong.
    pub(super) fn entries(&self) -> impl Iterator<Item = Result<(LeafIndex, Places, &'a [u8]), (u64, &'static str)>> {
        let (at, bytes, count) = (self.at, self.bytes, self.count);
        let mut offset = FRAME_BYTES;
        (self.first..).zip(0..count).map(move |(index, nth)| {
            let here = at.offset + offset as u64;
            let (body, entry) = decode_entry(&bytes[offset..]).ok_or((here, "the entry is damaged"))?;
            let place = Place { segment: at.segment, len: entry.len() as u32, offset: here + ENTRY_BYTES as u64 };
            offset += ENTRY_BYTES + entry.len();
            if nth + 1 == count && offset != bytes.len() {
                return Err((here, "the frame holds more than its entries"));
            }
            Ok((LeafIndex(index), Places { entry: place, body }, entry))
        })
    }
}

/// The length that a frame's header claims.
pub(super) fn frame_len(header: &[u8; FRAME_BYTES]) -> Option<usize> {
    let len = number32(header, 4) as usize;
    (FRAME_BYTES..=super::segments::SEGMENT_BYTES as usize).contains(&len).then_some(len)
}

/// The entry at the beginning of these bytes with the place of its body, if its checksum holds.
pub(super) fn decode_entry(bytes: &[u8]) -> Option<(Place, &[u8])> {
    let (header, rest) = bytes.split_first_chunk::<ENTRY_BYTES>()?;
    let len = number32(header, 0);
    let entry = rest.get(..len as usize)?;
    let body = header.last_chunk()?;
    (number32(header, 4) == entry_crc(len, body, entry)).then(|| (Place::from_bytes(*body), entry))
}

fn number32(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn number64(bytes: &[u8], at: usize) -> u64 {
    u64::from(number32(bytes, at)) << 32 | u64::from(number32(bytes, at + 4))
}

/// Reads frame after frame, over the ends of segments, up to a given end.
#[derive(Debug)]
pub(super) struct Frames<'a> {
    series: &'a Series,
    at: Position,
    end: Position,
    buffer: Vec<u8>,
    /// Where in the file of `at` the buffer's first byte stands.
    start: u64,
    /// The length of the file of `at`, once it was asked for: a closed segment keeps its length.
    len: Option<u64>,
}

impl<'a> Frames<'a> {
    /// From a frame, or [`Position::START`], up to `end`.
    pub(super) fn new(series: &'a Series, from: Position, end: Position) -> Self {
        Self { series, at: from, end, buffer: Vec::new(), start: 0, len: None }
    }

    /// Where the next frame is looked for.
    pub(super) fn at(&self) -> Position {
        self.at
    }

    /// Goes on from another place; to find what lies behind a damaged frame.
    pub(super) fn go_to(&mut self, at: Position) {
        self.at = at;
        self.buffer.clear();
        self.len = None;
    }

    /// The next frame, or `None` at the end. After a damage it stays where it is.
    pub(super) fn next(&mut self) -> Result<Option<Frame<'_>>, Damage> {
        let limit = loop {
            if self.at.offset < HEADER_BYTES {
                self.series.check_header(self.at.segment)?;
                self.at.offset = HEADER_BYTES;
            }
            if self.at == self.end {
                return Ok(None);
            }
            if self.at > self.end {
                return Err(self.damage("a frame reaches beyond the committed end"));
            }
            if self.at.segment == self.end.segment {
                break self.end.offset;
            }
            let len = match self.len {
                Some(len) => len,
                None => *self.len.insert(self.series.len(self.at.segment)?),
            };
            if self.at.offset < len {
                break len;
            }
            if self.at.offset > len {
                return Err(self.damage("no frame begins here"));
            }
            self.go_to(Position { segment: self.at.segment + 1, offset: 0 });
        };
        self.fill(FRAME_BYTES, limit)?;
        let len = self.buffered().first_chunk().and_then(frame_len).unwrap_or(FRAME_BYTES);
        self.fill(len, limit)?;
        let at = self.at;
        let skip = (at.offset - self.start) as usize;
        let frame = Frame::decode(&self.buffer[skip..], at);
        let frame = frame.map_err(|what| Damage::new(self.series.name(at.segment), at.offset, what))?;
        self.at = frame.end();
        Ok(Some(frame))
    }

    fn damage(&self, what: &str) -> Damage {
        Damage::new(self.series.name(self.at.segment), self.at.offset, what)
    }

    fn buffered(&self) -> &[u8] {
        let skip = self.at.offset.checked_sub(self.start).map(|skip| skip as usize);
        skip.and_then(|skip| self.buffer.get(skip..)).unwrap_or_default()
    }

    /// Makes the buffer hold so many bytes from `at` on, if the segment has them before `limit`.
    fn fill(&mut self, bytes: usize, limit: u64) -> Result<(), Damage> {
        if self.buffered().len() >= bytes {
            return Ok(());
        }
        let len = self.series.len(self.at.segment)?.min(limit).saturating_sub(self.at.offset);
        let len = len.min(bytes.max(BUFFER) as u64) as usize;
        self.start = self.at.offset;
        self.buffer = vec![0; len];
        self.series.read(self.at, &mut self.buffer)
    }
}

/// Names the damaged entry of a frame that does not match its checksum, where that can be told.
pub(super) fn locate(series: &Series, at: Position, end: Position, damage: Damage) -> Damage {
    let bytes = rest_of_segment(series, at, end);
    let Some(header) = bytes.first_chunk::<FRAME_BYTES>().filter(|header| header[..4] == MAGIC) else { return damage };
    let Some(frame) = frame_len(header).and_then(|len| bytes.get(..len)) else { return damage };
    let (first, count) = (number64(header, 8), number32(header, 16));
    let mut offset = FRAME_BYTES;
    for nth in 0..count {
        let Some((_, entry)) = frame.get(offset..).and_then(decode_entry) else {
            let what = format!("entry {} is damaged", first.saturating_add(u64::from(nth)));
            return Damage { offset: at.offset + offset as u64, what, ..damage };
        };
        offset += ENTRY_BYTES + entry.len();
    }
    damage
}

/// The next whole frame behind a damaged one that begins at `at`: in the same segment, or the next segment, or `end`.
pub(super) fn find_frame(series: &Series, at: Position, end: Position) -> Position {
    if at.offset < HEADER_BYTES {
        return Position { offset: HEADER_BYTES, ..at };
    }
    let bytes = rest_of_segment(series, at, end);
    let starts = bytes.windows(MAGIC.len()).enumerate().skip(1).filter(|(_, window)| *window == MAGIC);
    for (start, _) in starts {
        let at = Position { offset: at.offset + start as u64, ..at };
        if Frame::decode(&bytes[start..], at).is_ok() {
            return at;
        }
    }
    if at.segment < end.segment { Position { segment: at.segment + 1, offset: 0 } } else { end }
}

/// What a segment holds from a place on, up to `end`; nothing if it cannot be read.
fn rest_of_segment(series: &Series, at: Position, end: Position) -> Vec<u8> {
    let len = series.len(at.segment).unwrap_or(0);
    let limit = if at.segment == end.segment { len.min(end.offset) } else { len };
    let mut bytes = vec![0; limit.saturating_sub(at.offset).min(super::segments::SEGMENT_BYTES) as usize];
    if series.read(at, &mut bytes).is_err() {
        bytes.clear();
    }
    bytes
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;
    use crate::engine::sample;

    const AT: Position = Position { segment: 3, offset: 4711 };

    fn frame(lens: &[usize]) -> (CommitPlan, Vec<Place>, Vec<Place>, Vec<u8>) {
        let plan = sample::Writer::default().plan(lens);
        let bodies = (7..).map(|offset| Place { segment: 2, len: 9, offset }).take(lens.len()).collect::<Vec<_>>();
        let (bytes, places) = encode(&plan, AT, [5; 32], &bodies, Position { segment: 2, offset: 99 });
        (plan, bodies, places, bytes)
    }

    proptest! {
        #[test]
        fn a_frame_is_read_as_it_was_written(lens in prop::collection::vec(0usize..50, 1..40)) {
            let (plan, bodies, places, mut bytes) = frame(&lens);
            prop_assert_eq!(bytes.len() as u64, bytes_of(&plan));
            bytes.extend_from_slice(b"whatever stands behind");
            let frame = Frame::decode(&bytes, AT).unwrap();
            prop_assert_eq!((frame.first, frame.next_index(), frame.extends), (0, lens.len() as u64, [5; 32]));
            prop_assert_eq!(frame.end().offset, AT.offset + bytes_of(&plan));
            let found: Vec<_> = frame.entries().collect::<Result<_, _>>().unwrap();
            for (nth, (index, both, entry)) in found.iter().enumerate() {
                prop_assert_eq!((index.0, both.entry, both.body), (nth as u64, places[nth], bodies[nth]));
                prop_assert_eq!(*entry, &plan.entries[nth].entry);
                // Each entry can be read without its frame.
                let from = (both.entry.offset - AT.offset) as usize - ENTRY_BYTES;
                prop_assert_eq!(decode_entry(&bytes[from..]), Some((bodies[nth], *entry)));
            }
        }

        #[test]
        fn what_is_not_a_frame_is_refused(lens in prop::collection::vec(0usize..50, 1..10), cut: prop::sample::Index,
            bit: prop::sample::Index, noise: Vec<u8>,
        ) {
            let (.., bytes) = frame(&lens);
            prop_assert!(Frame::decode(&bytes[..cut.index(bytes.len())], AT).is_err());
            let bit = bit.index(bytes.len() * 8);
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(Frame::decode(&flipped, AT).is_err());
            prop_assert!(Frame::decode(&noise, AT).is_err());
            prop_assert_eq!(decode_entry(&noise), None);
        }
    }
}
