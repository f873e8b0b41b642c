//! What every engine demands of a plan and of a note before it writes the first byte.
//!
//! A plan comes from our own sequencer, so a fault found here is a bug of ours; it is answered as `NotCommitted`
//! because nothing has been written. The signatures of a note are not verified here: the engine knows no key.

use std::io;

use crate::ids::TreeSize;
use crate::merkle::RootHash;

use super::{CommitPlan, EngineError, Head};

/// An entry travels in an entry bundle behind a length of two bytes (C2SP tlog-tiles): 2^16 − 1.
pub const MAX_ENTRY_BYTES: usize = 65_535;

/// The largest envelope that admission lets through (DESIGN section 12).
pub const MAX_BODY_BYTES: usize = 1 << 20;

/// Entries and bodies of one plan together: twice the largest request (16 MiB), so that a batch made of one request
/// always fits, and half a segment (64 MiB), so that neither its frame nor its bodies are ever split between two.
pub const MAX_PLAN_BYTES: usize = 32 << 20;

/// Entries of one plan: the length prefixes and headers of so many (72 bytes each, 4.5 MiB) still leave the frame and
/// the bodies within a segment.
pub(super) const MAX_PLAN_ENTRIES: usize = 65_536;

/// A checkpoint as the log itself signs it: text (255 + 1 + 20 + 1 + 44 + 1 bytes), two Ed25519 lines (358 bytes each)
/// and one ML-DSA-44 line (3,505 bytes) are 4,543 bytes; rounded up.
pub const MAX_HEAD_NOTE_BYTES: usize = 8 << 10;

/// A checkpoint with 64 signature lines, the most that a note may carry, each as long as ML-DSA-44 makes it:
/// 64 × 3,505 + 323 = 224,643 bytes, rounded up and leaving the rest of 256 KiB to the header of its slot.
pub const MAX_PUBLISHED_NOTE_BYTES: usize = 240 << 10;

/// What the first three lines of a checkpoint say.
///
/// ```text
/// log.example.org/2026
/// 17
/// 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NoteHead {
    pub(super) origin: String,
    pub(super) size: TreeSize,
    pub(super) root: RootHash,
}

impl NoteHead {
    /// Reads the first three lines; `None` if they are not those of a checkpoint.
    pub(super) fn parse(note: &[u8]) -> Option<Self> {
        let mut lines = note.splitn(4, |byte| *byte == b'\n');
        let mut line = || core::str::from_utf8(lines.next()?).ok();
        let (origin, size, root) = (line()?, line()?, line()?);
        // The third line is ended by a newline, or the root might be cut short.
        lines.next()?;
        Some(Self { origin: origin.to_owned(), size: size.parse().ok()?, root: root.parse().ok()? })
    }
}

impl CommitPlan {
    /// Refuses a plan that does not extend `head`, is too large, or whose checkpoint says something else than its head.
    ///
    /// The leaf hashes are not looked at: an engine compares them with the bytes that it wrote.
    pub(super) fn check(&self, origin: &str, head: Option<&Head>) -> Result<(), EngineError> {
        let (size, root) = head.map_or((TreeSize(0), RootHash::EMPTY), |head| (head.size, head.root));
        if self.first.0 != size.0 {
            return Err(refused(format!("the plan begins at {} and the log holds {size}", self.first)));
        }
        if self.head.size.0 != size.0 + self.entries.len() as u64 {
            return Err(refused(format!("the planned size {} does not count the entries", self.head.size)));
        }
        if self.entries.is_empty() && self.head.root != root {
            return Err(refused("a renewal changes the root"));
        }
        if self.entries.len() > MAX_PLAN_ENTRIES {
            return Err(refused(format!("{} entries are more than {MAX_PLAN_ENTRIES}", self.entries.len())));
        }
        let mut bytes = 0;
        for (index, planned) in (self.first.0..).zip(&self.entries) {
            if planned.entry.is_empty() || planned.entry.len() > MAX_ENTRY_BYTES {
                return Err(refused(format!("entry {index} has {} bytes", planned.entry.len())));
            }
            if planned.body.len() > MAX_BODY_BYTES {
                return Err(refused(format!("the body of entry {index} has {} bytes", planned.body.len())));
            }
            bytes += planned.entry.len() + planned.body.len();
        }
        if bytes > MAX_PLAN_BYTES {
            return Err(refused(format!("{bytes} bytes are more than {MAX_PLAN_BYTES}")));
        }
        let said = Head { checkpoint: self.head.checkpoint.clone(), ..read_note(&self.head.checkpoint)? };
        if self.head.origin != origin || said != self.head {
            return Err(refused("the checkpoint says something else than the planned head"));
        }
        if self.head.checkpoint.len() > MAX_HEAD_NOTE_BYTES {
            return Err(refused(format!("the checkpoint has {} bytes", self.head.checkpoint.len())));
        }
        Ok(())
    }
}

/// Refuses to remember as published what was never committed, or less than what was published before.
pub(super) fn check_published(note: &[u8], head: Option<&Head>, before: Option<&[u8]>) -> Result<(), EngineError> {
    let said = read_note(note)?;
    let Some(head) = head else { return Err(refused("nothing is committed that could be published")) };
    if said.origin != head.origin {
        return Err(refused("the published checkpoint is of another log"));
    }
    if said.size > head.size || (said.size == head.size && said.root != head.root) {
        return Err(refused("the published checkpoint was never committed"));
    }
    if before.and_then(NoteHead::parse).is_some_and(|before| said.size < before.size) {
        return Err(refused("a larger checkpoint was published before"));
    }
    if note.len() > MAX_PUBLISHED_NOTE_BYTES {
        return Err(refused(format!("the published checkpoint has {} bytes", note.len())));
    }
    Ok(())
}

fn read_note(note: &[u8]) -> Result<Head, EngineError> {
    let said = NoteHead::parse(note).ok_or_else(|| refused("the note is not a checkpoint"))?;
    Ok(Head { origin: said.origin, size: said.size, root: said.root, checkpoint: bytes::Bytes::new() })
}

fn refused(what: impl Into<String>) -> EngineError {
    let source = io::Error::from(io::ErrorKind::InvalidInput);
    EngineError::NotCommitted { what: what.into(), source }
}
