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
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crc32c::crc32c;

use crate::error::{Code, Error, Result};
use crate::manifest::builder::row::{Row, Space, Width, sort_and_merge};
use crate::manifest::disk::{Output, Piece, Pieces, io_error};

/// How many of a key's first bits number its slice. At 10^10 keys a slice has 2.4 million rows, 117 MB.
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
pub(super) struct Part {
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

    /// The rows of a keyspace in slices `from..to`, to be taken slice by slice.
    pub(super) fn hold(&self, space: Space, from: usize, to: usize) -> Result<Held<'_>> {
        match self {
            Self::Memory(rows) => Ok(Held::Memory(memory_slice(rows, space, from, to))),
            Self::File(run) => match run.part(space) {
                Some(part) => Ok(Held::File { run, part, bytes: run.read(part, from, to)?, first: part.starts[from] }),
                None => Ok(Held::Memory(&[])),
            },
        }
    }
}

/// Rows of a run that are in memory.
pub(super) enum Held<'a> {
    Memory(&'a [Row]),
    /// Packed, as they stand in the file from row `first` of the keyspace on.
    File {
        run: &'a RunFile,
        part: &'a Part,
        bytes: Piece,
        first: u32,
    },
}

impl Held<'_> {
    /// Appends the rows in slices `from..to`, which are among those that are held.
    pub(super) fn take(&self, from: usize, to: usize, out: &mut Vec<Row>) -> Result<()> {
        match self {
            Self::Memory(rows) => {
                let before = |slice: usize| rows.partition_point(|row| row.top(SLICE_BITS) < slice);
                out.extend_from_slice(&rows[before(from)..before(to)]);
            }
            Self::File { run, part, bytes, first } => {
                let len = run.width.packed();
                let at = |slice: usize| (part.starts[slice] - first) as usize * len;
                for slice in from..to {
                    let own = &bytes[at(slice)..at(slice + 1)];
                    if crc32c(own) != part.sums[slice] {
                        return Err(damaged(&run.path));
                    }
                    out.extend(own.chunks_exact(len).map(|packed| Row::from_packed(part.space, &run.width, packed)));
                }
            }
        }
        Ok(())
    }
}

fn memory_slice(rows: &[Row], space: Space, from: usize, to: usize) -> &[Row] {
    let before = |slice: usize| rows.partition_point(|row| (row.space(), row.top(SLICE_BITS)) < (space, slice));
    &rows[before(from)..before(to)]
}

impl RunFile {
    fn write(path: PathBuf, rows: &[Row], width: Width) -> Result<Self> {
        let mut file = Output::resume(path.clone(), 0)?;
        let mut parts: Vec<Part> = Vec::new();
        let mut written = 0;
        let mut bytes = Vec::new();
        let mut rest = rows;
        while let Some(first) = rest.first() {
            let space = first.space();
            let (own, others) = rest.split_at(rest.partition_point(|row| row.space() == space));
            let mut part = Part { space, place: written, starts: vec![0; SLICES + 1], sums: vec![0; SLICES] };
            let mut at = 0;
            for slice in 0..SLICES {
                part.starts[slice] = at as u32;
                bytes.clear();
                while let Some(row) = own.get(at)
                    && row.top(SLICE_BITS) == slice
                {
                    row.push_packed(&width, &mut bytes);
                    at += 1;
                }
                part.sums[slice] = crc32c(&bytes);
                file.write(&bytes)?;
            }
            part.starts[SLICES] = at as u32;
            written += (own.len() * width.packed()) as u64;
            parts.push(part);
            rest = others;
        }
        let index = index_bytes(&parts);
        file.write(&index)?;
        file.write(&(parts.len() as u32).to_be_bytes())?;
        file.write(&crc32c(&index).to_be_bytes())?;
        file.write(MAGIC)?;
        file.flush()?;
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

    fn read(&self, part: &Part, from: usize, to: usize) -> Result<Piece> {
        let len = self.width.packed();
        let (first, last) = (part.starts[from] as usize, part.starts[to] as usize);
        // Opened each time: a large build has more runs than a process may have open files.
        Pieces::open(self.path.clone())?.read(part.place + (first * len) as u64, (last - first) * len)
    }
}

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
