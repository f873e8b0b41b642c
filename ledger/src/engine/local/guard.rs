//! The commit guard: the newest committed checkpoint and where its data ends, kept apart from the data.
//!
//! A batch is committed when the guard says so, and not before. The file lives in its own folder, so that it can lie
//! on another disk, or at least outside what is restored from yesterday's backup: data older than its guard is refused.
//!
//! ```text
//! payload   origin length u16 | origin | size u64 | root 32 | journal end | last frame | body end | note
//! a place   segment u32 | offset u64
//! ```
//!
//! Numbers are big-endian. Version 0 is a log without a commit: size 0, the empty root, an empty note. The form of
//! the file around the payload is that of `Slots`.

use std::path::Path;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::error::{Code, Error};
use crate::ids::TreeSize;
use crate::merkle::RootHash;

use super::disk::Disk;
use super::fault::{Damage, Fault, failed_at, fatal};
use super::segments::FIRST;
use super::slots::{SlotKind, Slots};
use super::{EngineError, Head, MAX_HEAD_NOTE_BYTES, Position, Version};

const KIND: SlotKind = SlotKind {
    name: "guard/head",
    magic: *b"CLPHEAD1",
    // Note (8 KiB), origin (255 bytes) and the rest (112 bytes) fit twice over.
    copy_len: 16 << 10,
};

const _: () = assert!(KIND.capacity() >= MAX_HEAD_NOTE_BYTES + MAX_ORIGIN_BYTES + 2 + 8 + 32 + 3 * 12);

/// The name of the file in the guard's folder.
const FILE: &str = "head";

/// The longest origin, as in a checkpoint.
pub(super) const MAX_ORIGIN_BYTES: usize = 255;

/// Where the committed data ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ends {
    /// Behind the last committed frame.
    pub(super) journal: Position,
    /// Where the last committed frame begins; the same as `journal` if there is none.
    pub(super) last: Position,
    /// Behind the last committed body.
    pub(super) bodies: Position,
}

impl Ends {
    /// Of a log without a frame.
    pub(super) const EMPTY: Self = Self { journal: FIRST, last: FIRST, bodies: FIRST };
}

/// What the guard says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Guarded {
    /// Of the log, also where there is no commit yet.
    pub(super) origin: String,
    /// The newest head, with the guard's version; `None` before the first commit.
    pub(super) head: Option<(Head, Version)>,
    pub(super) ends: Ends,
}

impl Guarded {
    pub(super) fn new(origin: String) -> Self {
        Self { origin, head: None, ends: Ends::EMPTY }
    }

    pub(super) fn head(&self) -> Option<&Head> {
        self.head.as_ref().map(|(head, _)| head)
    }

    pub(super) fn version(&self) -> Option<Version> {
        self.head.as_ref().map(|(_, version)| *version)
    }

    pub(super) fn size(&self) -> u64 {
        self.head().map_or(0, |head| head.size.0)
    }

    /// What a frame that extends this must name: the SHA-256 of the note, of nothing before the first commit.
    pub(super) fn checkpoint_digest(&self) -> [u8; 32] {
        Sha256::digest(self.head().map_or(&[][..], |head| &head.checkpoint)).into()
    }

    fn encode(origin: &str, head: Option<&Head>, ends: &Ends) -> Bytes {
        let mut out = Vec::with_capacity(1024);
        out.extend_from_slice(&(origin.len() as u16).to_be_bytes());
        out.extend_from_slice(origin.as_bytes());
        out.extend_from_slice(&head.map_or(0, |head| head.size.0).to_be_bytes());
        out.extend_from_slice(head.map_or(RootHash::EMPTY, |head| head.root).as_bytes());
        for place in [ends.journal, ends.last, ends.bodies] {
            out.extend_from_slice(&place.segment.to_be_bytes());
            out.extend_from_slice(&place.offset.to_be_bytes());
        }
        out.extend_from_slice(head.map_or(&[], |head| &head.checkpoint));
        out.into()
    }

    /// Reads what `encode` wrote; `None` for anything else.
    fn decode(payload: &Bytes, version: u64) -> Option<Self> {
        let mut rest = &payload[..];
        let origin_len = u16::from_be_bytes(take(&mut rest)?);
        let (origin, after) = rest.split_at_checked(usize::from(origin_len))?;
        rest = after;
        let origin = core::str::from_utf8(origin).ok()?.to_owned();
        let size = TreeSize(u64::from_be_bytes(take(&mut rest)?));
        let root = RootHash::from_bytes(take(&mut rest)?);
        let mut place = || {
            let segment = u32::from_be_bytes(take(&mut rest)?);
            Some(Position { segment, offset: u64::from_be_bytes(take(&mut rest)?) })
        };
        let ends = Ends { journal: place()?, last: place()?, bodies: place()? };
        let checkpoint = payload.slice_ref(rest);
        let head = Head { origin: origin.clone(), size, root, checkpoint };
        let committed = version > 0;
        if !committed && (size.0 > 0 || !head.checkpoint.is_empty()) {
            return None;
        }
        Some(Self { origin, head: committed.then_some((head, Version(version))), ends })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*bytes)
}

/// The guard's file.
#[derive(Debug)]
pub(super) struct Guard {
    slots: Slots,
    guarded: Guarded,
}

impl Guard {
    /// Whether there is a guard in this folder.
    pub(super) fn exists(disk: &dyn Disk, folder: &Path) -> std::io::Result<bool> {
        disk.exists(&folder.join(FILE))
    }

    /// Makes the guard of a new log.
    pub(super) fn create(disk: &dyn Disk, folder: &Path, origin: &str) -> Result<Self, Fault> {
        let guarded = Guarded::new(origin.to_owned());
        let payload = Guarded::encode(origin, None, &guarded.ends);
        Ok(Self { slots: Slots::create(disk, &folder.join(FILE), KIND, payload)?, guarded })
    }

    /// Reads the guard and changes nothing; with it comes what is damaged and yet not needed.
    pub(super) fn open(disk: &dyn Disk, folder: &Path, origin: &str) -> Result<(Self, Vec<Damage>), EngineError> {
        let path = folder.join(FILE);
        let refused = |code, what: String| EngineError::Refused(Error::new(code, what).at(path.display().to_string()));
        if !Self::exists(disk, folder).map_err(|e| fatal("looking for the guard", e))? {
            return Err(refused(Code::GuardMissing, "there is no such file".to_owned()));
        }
        let file = disk.open(&path).map_err(|e| failed_at(&path, "opening", e))?;
        let (slots, damages) = Slots::open(file, KIND)?;
        let guarded = Guarded::decode(slots.payload(), slots.version())
            .ok_or_else(|| Damage::new(KIND.name, 0, "its content is not of its form"))?;
        if guarded.origin != origin {
            let what = format!("the guard is of {:?}, not of {origin:?}", guarded.origin);
            return Err(refused(Code::OriginMismatch, what));
        }
        Ok((Self { slots, guarded }, damages))
    }

    /// Writes what was read once more, so that it is on the disk and not in the cache only.
    pub(super) fn settle(&mut self) -> Result<(), Fault> {
        self.slots.settle()
    }

    pub(super) fn guarded(&self) -> &Guarded {
        &self.guarded
    }

    /// Whether nobody else moved the guard on.
    pub(super) fn confirm(&self) -> std::io::Result<bool> {
        self.slots.confirm()
    }

    /// The swap, durable when it returns. The comparison is `confirm`, under the same lock.
    pub(super) fn swap(&mut self, head: &Head, ends: Ends) -> Result<&Guarded, Fault> {
        let origin = &self.guarded.origin;
        self.slots.replace(Guarded::encode(origin, Some(head), &ends))?;
        let head = Some((head.clone(), Version(self.slots.version())));
        self.guarded = Guarded { origin: origin.clone(), head, ends };
        Ok(&self.guarded)
    }

    /// Every damaged place of the file.
    pub(super) fn check(&self) -> Vec<Damage> {
        self.slots.check()
    }
}
