//! Runs: rows that were sorted together, in memory or in a file of the work folder.
//!
//! ```text
//! for each keyspace: its packed rows, ascending by key
//! for each keyspace: u8 space ‖ u64 place of its first row ‖ (SLICES + 1) × u32 first row of each slice
//!                    ‖ SLICES × u32 CRC-32C of each slice's rows
//! u32 how many keyspaces ‖ u32 CRC-32C of the index before it ‖ "colophon/run/v1\0"
//! ```
//!
//! A slice is the rows whose keys share their first 12 bits: what a merge takes from every run at a time. The files live
//! only as long as a build and are not synced; what became of them otherwise is found by their checksums.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crc32c::crc32c;

use crate::error::{Code, Error, Result};
use crate::manifest::builder::row::{Row, Space, Width, sort_and_merge};
use crate::manifest::disk::io_error;

/// How many of a key's first bits number its slice. At 10^10 keys a slice has 2.4 million rows, 117 MB; at 10^8 the 16
/// runs of a build with 512 MiB are read in pieces of 70 KB.
pub(super) const SLICE_BITS: u8 = 12;

/// How many slices a keyspace has.
pub(super) const SLICES: usize = 1 << SLICE_BITS;

const MAGIC: &[u8; 16] = b"colophon/run/v1\0";

/// Bytes of one keyspace's part of the index.
const ENTRY: usize = 1 + 8 + 4 * (SLICES + 1) + 4 * SLICES;

/// Rows in order, each key once in each keyspace.
#[derive(Debug)]
pub(in crate::manifest) enum Run {
    /// In memory, for what never needed a file.
    Memory(Vec<Row>),
    /// In a file.
    File(RunFile),
}

/// A run in a file, with its index.
#[derive(Debug)]
pub(in crate::manifest) struct RunFile {
    path: PathBuf,
    width: Width,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    space: Space,
    place: u64,
    starts: Vec<u32>,
    sums: Vec<u32>,
}

impl Run {
    /// Sorts rows and keeps them in memory.
    pub(in crate::manifest) fn in_memory(mut rows: Vec<Row>) -> Self {
        sort_and_merge(&mut rows);
        Self::Memory(rows)
    }

    /// Sorts rows and writes them to a file. The vector is empty afterwards and keeps its memory.
    pub(in crate::manifest) fn write(path: PathBuf, rows: &mut Vec<Row>, width: Width) -> Result<Self> {
        sort_and_merge(rows);
        let run = RunFile::write(path, rows, width)?;
        rows.clear();
        Ok(Self::File(run))
    }

    /// How many rows a keyspace has in slices `from..to`.
    pub(super) fn count(&self, space: Space, from: usize, to: usize) -> u64 {
        match self {
            Self::Memory(rows) => memory_slice(rows, space, from, to).len() as u64,
            Self::File(run) => run.part(space).map_or(0, |part| u64::from(part.starts[to] - part.starts[from])),
        }
    }

    /// Appends the rows of a keyspace in slices `from..to`.
    pub(super) fn read(&self, space: Space, from: usize, to: usize, out: &mut Vec<Row>) -> Result<()> {
        match self {
            Self::Memory(rows) => {
                out.extend_from_slice(memory_slice(rows, space, from, to));
                Ok(())
            }
            Self::File(run) => run.read(space, from, to, out),
        }
    }
}

fn memory_slice(rows: &[Row], space: Space, from: usize, to: usize) -> &[Row] {
    let before = |slice: usize| rows.partition_point(|row| (row.space(), row.top(SLICE_BITS)) < (space, slice));
    &rows[before(from)..before(to)]
}

impl RunFile {
    fn write(path: PathBuf, rows: &[Row], width: Width) -> Result<Self> {
        let failed = |e: &std::io::Error| io_error(&path, e);
        let mut file = File::options().read(true).write(true).create(true).truncate(true).open(&path);
        let file = file.as_mut().map_err(|e| failed(e))?;
        let mut parts: Vec<Part> = Vec::new();
        let mut written = 0;
        let mut buffer = Vec::with_capacity(BUFFER + (1 << 16));
        let mut rest = rows;
        while let Some(first) = rest.first() {
            let space = first.space();
            let (own, others) = rest.split_at(rest.partition_point(|row| row.space() == space));
            let mut part = Part { space, place: written, starts: vec![0; SLICES + 1], sums: vec![0; SLICES] };
            let mut at = 0;
            for slice in 0..SLICES {
                part.starts[slice] = at as u32;
                let start = buffer.len();
                while let Some(row) = own.get(at)
                    && row.top(SLICE_BITS) == slice
                {
                    row.push_packed(&width, &mut buffer);
                    at += 1;
                }
                part.sums[slice] = crc32c(&buffer[start..]);
                if buffer.len() >= BUFFER {
                    file.write_all(&buffer).map_err(|e| failed(&e))?;
                    buffer.clear();
                }
            }
            part.starts[SLICES] = at as u32;
            written += (own.len() * width.packed()) as u64;
            parts.push(part);
            rest = others;
        }
        let index = index_bytes(&parts);
        buffer.extend_from_slice(&index);
        buffer.extend_from_slice(&(parts.len() as u32).to_be_bytes());
        buffer.extend_from_slice(&crc32c(&index).to_be_bytes());
        buffer.extend_from_slice(MAGIC);
        file.write_all(&buffer).map_err(|e| failed(&e))?;
        Ok(Self { path, width, parts })
    }

    /// Opens a run that an earlier process wrote whole.
    pub(in crate::manifest) fn open(path: PathBuf, width: Width) -> Result<Self> {
        let failed = |e: &std::io::Error| io_error(&path, e);
        let file = File::open(&path).map_err(|e| failed(&e))?;
        let len = file.metadata().map_err(|e| failed(&e))?.len();
        let mut end = [0; 24];
        let end_at = len.checked_sub(24).ok_or_else(|| damaged(&path))?;
        file.read_exact_at(&mut end, end_at).map_err(|e| failed(&e))?;
        let count = u64::from(be32(&end[..4]));
        let index_at = end_at.checked_sub(count * ENTRY as u64).filter(|_| count <= 256);
        let index_at = index_at.filter(|_| &end[8..] == MAGIC).ok_or_else(|| damaged(&path))?;
        let mut index = vec![0; count as usize * ENTRY];
        file.read_exact_at(&mut index, index_at).map_err(|e| failed(&e))?;
        if crc32c(&index) != be32(&end[4..8]) {
            return Err(damaged(&path));
        }
        let parts = index.chunks_exact(ENTRY).map(part_of_bytes).collect();
        Ok(Self { path, width, parts })
    }

    fn part(&self, space: Space) -> Option<&Part> {
        self.parts.iter().find(|part| part.space == space)
    }

    fn read(&self, space: Space, from: usize, to: usize, out: &mut Vec<Row>) -> Result<()> {
        let Some(part) = self.part(space) else { return Ok(()) };
        let len = self.width.packed();
        let (first, last) = (part.starts[from] as usize, part.starts[to] as usize);
        let mut bytes = vec![0; (last - first) * len];
        let place = part.place + (first * len) as u64;
        // Opened each time: a large build has more runs than a process may have open files.
        let mut read = || File::open(&self.path)?.read_exact_at(&mut bytes, place);
        read().map_err(|e| io_error(&self.path, &e))?;
        let mut rest = bytes.as_slice();
        for slice in from..to {
            let (own, others) = rest.split_at((part.starts[slice + 1] - part.starts[slice]) as usize * len);
            if crc32c(own) != part.sums[slice] {
                return Err(damaged(&self.path));
            }
            rest = others;
        }
        out.extend(bytes.chunks_exact(len).map(|packed| Row::from_packed(space, &self.width, packed)));
        Ok(())
    }
}

/// How much is written at a time.
const BUFFER: usize = 1 << 20;

fn index_bytes(parts: &[Part]) -> Vec<u8> {
    let mut index = Vec::with_capacity(parts.len() * ENTRY);
    for part in parts {
        index.push(part.space.0);
        index.extend_from_slice(&part.place.to_be_bytes());
        part.starts.iter().chain(&part.sums).for_each(|number| index.extend_from_slice(&number.to_be_bytes()));
    }
    index
}

fn part_of_bytes(bytes: &[u8]) -> Part {
    let place = bytes[1..9].iter().fold(0, |n, byte| n << 8 | u64::from(*byte));
    let mut starts: Vec<u32> = bytes[9..].chunks_exact(4).map(be32).collect();
    let sums = starts.split_off(SLICES + 1);
    Part { space: Space(bytes[0]), place, starts, sums }
}

fn be32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |n, byte| n << 8 | u32::from(*byte))
}

fn damaged(path: &Path) -> Error {
    let detail = "a file of the unfinished build is damaged: remove its folder and begin again";
    Error::new(Code::FileAccess, detail).at(path.display().to_string())
}
