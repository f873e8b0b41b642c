//! Many sorted files of keys read as one ascending sequence, in bounded memory and without holding them open.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result};
use crate::manifest::disk::io_error;
use crate::manifest::keyspace::Keyspace;

/// What a run keeps of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RunKey(pub(super) [u8; 8]);

/// The least that is read of a source at once: 128 keys, so that 1,900 sources need 8 MiB.
const LEAST: usize = 4096;

/// The most: a disk gives no more for larger reads.
const MOST: usize = 1 << 20;

/// The keys of one source, read piece by piece. The file is opened for each piece: a thousand sources are more than a
/// process may have open.
struct Cursor {
    ordinal: u32,
    path: PathBuf,
    key_len: usize,
    left: u64,
    at: u64,
    piece: Vec<u8>,
    place: usize,
    room: usize,
}

/// Calls `each` with every key that a source has, ascending, and the ordinals of its sources.
pub(super) fn merge(
    sources: &[(u32, &Path, &Keyspace)],
    memory: usize,
    each: &mut dyn FnMut(&RunKey, &[u32]) -> Result<()>,
) -> Result<()> {
    let room = (memory / sources.len().max(1)).clamp(LEAST, MOST) / 32 * 32;
    let mut cursors = Vec::with_capacity(sources.len());
    let mut heap = BinaryHeap::with_capacity(sources.len());
    for (ordinal, folder, keyspace) in sources {
        let mut cursor = Cursor {
            ordinal: *ordinal,
            path: folder.join("keys.bin"),
            key_len: keyspace.key_len().bytes(),
            left: keyspace.n(),
            at: 0,
            piece: Vec::new(),
            place: 0,
            room,
        };
        if let Some(key) = cursor.next()? {
            heap.push(Reverse((key, cursor.ordinal, cursors.len())));
        }
        cursors.push(cursor);
    }
    let mut ordinals: Vec<u32> = Vec::new();
    let mut current: Option<RunKey> = None;
    while let Some(Reverse((key, ordinal, place))) = heap.pop() {
        if let Some(last) = current.filter(|last| *last != key) {
            each(&last, &ordinals)?;
            ordinals.clear();
        }
        current = Some(key);
        ordinals.push(ordinal);
        // Keys may share their first 8 bytes; a source has such a key once.
        let mut next = cursors[place].next()?;
        while next == Some(key) {
            next = cursors[place].next()?;
        }
        if let Some(next) = next {
            if next < key {
                let detail = "the keys do not ascend";
                return Err(Error::new(Code::StoreCorrupt, detail).at(cursors[place].path.display().to_string()));
            }
            heap.push(Reverse((next, ordinal, place)));
        }
    }
    match current {
        Some(last) => each(&last, &ordinals),
        None => Ok(()),
    }
}

impl Cursor {
    fn next(&mut self) -> Result<Option<RunKey>> {
        if self.place == self.piece.len() {
            if self.left == 0 {
                return Ok(None);
            }
            let keys = (self.room / self.key_len).min(usize::try_from(self.left).unwrap_or(usize::MAX));
            self.piece.resize(keys * self.key_len, 0);
            let read = File::open(&self.path).and_then(|file| file.read_exact_at(&mut self.piece, self.at));
            read.map_err(|error| io_error(&self.path, &error))?;
            self.at += self.piece.len() as u64;
            self.left -= keys as u64;
            self.place = 0;
        }
        let key = self.piece[self.place..].first_chunk().copied().map(RunKey);
        self.place += self.key_len;
        Ok(key)
    }
}
