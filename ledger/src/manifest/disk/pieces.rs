//! A file of a build that is read in pieces, mostly once each: past the page cache, as it was written.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use crate::error::Result;
use crate::manifest::disk::io_error;
use crate::manifest::disk::output::{BLOCK, BUFFER, is_refusal, open_direct};

/// Reads at any place.
pub(in crate::manifest) struct Pieces {
    path: PathBuf,
    file: File,
    direct: bool,
}

/// What was read, with what came with it because only whole blocks are.
pub(in crate::manifest) struct Piece {
    memory: Vec<u8>,
    from: usize,
    len: usize,
}

impl Pieces {
    /// Opens a file. One that is smaller than a buffer was written through the page cache and is read from there.
    pub(in crate::manifest) fn open(path: PathBuf) -> Result<Self> {
        let open = || {
            if std::fs::metadata(&path)?.len() >= BUFFER as u64
                && let Ok(file) = open_direct(&path, File::options().read(true))
            {
                return Ok((file, true));
            }
            Ok((File::open(&path)?, false))
        };
        let (file, direct) = open().map_err(|e| io_error(&path, &e))?;
        Ok(Self { path, file, direct })
    }

    /// Reads `len` bytes; fails where the file ends before them.
    pub(in crate::manifest) fn read(&self, at: u64, len: usize) -> Result<Piece> {
        let read = if self.direct {
            match read_blocks(&self.file, at, len) {
                Err(e) if is_refusal(&e) => File::open(&self.path).and_then(|file| read_bytes(&file, at, len)),
                read => read,
            }
        } else {
            read_bytes(&self.file, at, len)
        };
        read.map_err(|e| io_error(&self.path, &e))
    }
}

fn read_bytes(file: &File, at: u64, len: usize) -> io::Result<Piece> {
    let mut memory = vec![0; len];
    file.read_exact_at(&mut memory, at)?;
    Ok(Piece { memory, from: 0, len })
}

/// Reads the blocks that hold these bytes into aligned memory. The last one of a file may be cut off.
fn read_blocks(file: &File, at: u64, len: usize) -> io::Result<Piece> {
    let before = (at % BLOCK as u64) as usize;
    let blocks = (before + len).next_multiple_of(BLOCK);
    let mut memory = vec![0; BLOCK + blocks];
    let skip = memory.as_ptr().align_offset(BLOCK).min(BLOCK);
    let mut read = 0;
    while read < before + len {
        match file.read_at(&mut memory[skip + read..skip + blocks], at - before as u64 + read as u64) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(more) => read += more,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(Piece { memory, from: skip + before, len })
}

impl Deref for Piece {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory[self.from..self.from + self.len]
    }
}
