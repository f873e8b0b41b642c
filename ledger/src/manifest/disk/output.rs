//! A file that is written from its beginning to its end.
//!
//! What is larger than one buffer goes past the page cache (`O_DIRECT`, open(2)). A build writes many times its memory and
//! reads it back once, so the cache would keep what nobody asks for again, push out what others do, and cost more of the
//! processor than sorting does where a host lends a virtual machine its pages one fault at a time: docs/PERFORMANCE.md.
//! Ends that are no whole block, small files, and everything on a file system that refuses, go the usual way; no block goes both
//! ways, but where a direct write was refused halfway.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::manifest::disk::io_error;

/// What direct reads and writes are multiples of, in the file and in memory: a page, of which every disk's block is a part.
pub(super) const BLOCK: usize = 4096;

/// How much is written at a time, and from which length on a file is read directly: a disk's seek is paid once a buffer.
pub(super) const BUFFER: usize = 1 << 20;

/// A file in the making. Only [`Output::finish`] makes it durable.
pub(in crate::manifest) struct Output {
    path: PathBuf,
    file: File,
    /// The same file for whole blocks, opened when there is a whole buffer of them.
    direct: Direct,
    /// Never grows, so that what comes after the first `skip` bytes stays aligned.
    buffer: Vec<u8>,
    skip: usize,
    /// Where in the file the buffer begins: a multiple of a block.
    at: u64,
    /// How much of the buffer, less than a block, is in the file already.
    written: usize,
}

enum Direct {
    Untried,
    Open(File),
    Refused,
}

impl Output {
    /// Begins a file that must not be there.
    pub(in crate::manifest) fn create(path: PathBuf) -> Result<Self> {
        let file = File::options().write(true).create_new(true).open(&path).map_err(|e| io_error(&path, &e))?;
        Ok(Self::after(0, path, file))
    }

    /// Goes on after the first `len` bytes of a file, which is made if it is not there; what stands beyond is cut off.
    pub(in crate::manifest) fn resume(path: PathBuf, len: u64) -> Result<Self> {
        let open = || {
            let file = File::options().write(true).create(true).truncate(false).open(&path)?;
            if file.metadata()?.len() < len {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is shorter than it was"));
            }
            file.set_len(len)?;
            Ok(file)
        };
        let file = open().map_err(|e| io_error(&path, &e))?;
        Ok(Self::after(len, path, file))
    }

    fn after(len: u64, path: PathBuf, file: File) -> Self {
        let mut buffer: Vec<u8> = Vec::with_capacity(BLOCK + BUFFER);
        let skip = buffer.as_ptr().align_offset(BLOCK).min(BLOCK);
        let written = (len % BLOCK as u64) as usize;
        buffer.resize(skip + written, 0);
        Self { path, file, direct: Direct::Untried, buffer, skip, at: len - written as u64, written }
    }

    pub(in crate::manifest) fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let room = self.skip + BUFFER - self.buffer.len();
            let (now, rest) = bytes.split_at(bytes.len().min(room));
            self.buffer.extend_from_slice(now);
            bytes = rest;
            if now.len() == room {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Hands what was written to the file system, so that it outlives this process.
    pub(in crate::manifest) fn flush(&mut self) -> Result<()> {
        self.put().map_err(|e| io_error(&self.path, &e))
    }

    /// Makes the file durable.
    pub(in crate::manifest) fn finish(mut self) -> Result<()> {
        self.flush()?;
        self.file.sync_all().map_err(|e| io_error(&self.path, &e))
    }

    fn put(&mut self) -> io::Result<()> {
        let len = self.buffer.len() - self.skip;
        if len == BUFFER && matches!(self.direct, Direct::Untried) {
            let opened = open_direct(&self.path, File::options().write(true));
            self.direct = opened.map_or(Direct::Refused, Direct::Open);
        }
        let end = len - len % BLOCK;
        let start = self.written.next_multiple_of(BLOCK);
        if self.put_directly(start, end)? {
            self.put_usually(self.written, start)?;
            self.put_usually(end, len)?;
        } else {
            self.put_usually(self.written, len)?;
        }
        self.at += end as u64;
        self.written = len - end;
        self.buffer.truncate(self.skip + self.written);
        Ok(())
    }

    /// Writes whole blocks of the buffer past the page cache; whether it did.
    fn put_directly(&mut self, start: usize, end: usize) -> io::Result<bool> {
        let Direct::Open(file) = &self.direct else { return Ok(false) };
        if start >= end {
            return Ok(false);
        }
        match file.write_all_at(&self.buffer[self.skip + start..self.skip + end], self.at + start as u64) {
            Ok(()) => Ok(true),
            Err(e) if is_refusal(&e) => {
                self.direct = Direct::Refused;
                Ok(false)
            }
            Err(e) => Err(e),
        }
    }

    fn put_usually(&self, start: usize, end: usize) -> io::Result<()> {
        self.file.write_all_at(&self.buffer[self.skip + start..self.skip + end], self.at + start as u64)
    }
}

/// Whether it is the way that is refused: by a disk with larger blocks, or by a file system that has it in name only.
pub(super) fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)
}

/// Opens a file for reads or writes of whole blocks past the page cache, where the system has them.
#[cfg(target_os = "linux")]
pub(super) fn open_direct(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    options.custom_flags(rustix::fs::OFlags::DIRECT.bits() as i32).open(path)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn open_direct(_: &Path, _: &mut OpenOptions) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::manifest::disk::Pieces;
    use proptest::prelude::*;

    #[test]
    fn a_large_file_goes_past_the_page_cache_where_the_disk_allows_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("large");
        let mut output = Output::create(path.clone()).unwrap();
        output.write(&vec![7; BUFFER - 1]).unwrap();
        assert!(matches!(output.direct, Direct::Untried));
        output.write(&[7; 2]).unwrap();
        let allowed = open_direct(&path, File::options().write(true)).is_ok();
        assert_eq!(matches!(output.direct, Direct::Open(_)), allowed);
        output.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), vec![7; BUFFER + 1]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Whatever is written, handed over and begun again, the file has these bytes, and so has every piece of it.
        #[test]
        fn a_file_has_what_was_written(
            lengths in prop::collection::vec((0usize..3 * BUFFER / 2, any::<bool>(), any::<bool>()), 1..6),
            refused: bool,
            piece in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("file");
            let mut expected = Vec::new();
            let mut output = Output::create(path.clone()).unwrap();
            for (len, flushed, resumed) in lengths {
                if refused {
                    output.direct = Direct::Refused;
                }
                let bytes: Vec<u8> = (expected.len()..expected.len() + len).map(|i| (i * 31 / 7) as u8).collect();
                expected.extend_from_slice(&bytes);
                bytes.chunks(70_001).for_each(|part| output.write(part).unwrap());
                if flushed {
                    output.flush().unwrap();
                    prop_assert_eq!(&std::fs::read(&path).unwrap(), &expected);
                    if resumed {
                        // What a killed process wrote beyond is cut off.
                        output.write(b"lost").unwrap();
                        output.flush().unwrap();
                        output = Output::resume(path.clone(), expected.len() as u64).unwrap();
                    }
                }
            }
            output.finish().unwrap();
            prop_assert_eq!(&std::fs::read(&path).unwrap(), &expected);

            let pieces = Pieces::open(path).unwrap();
            let (a, b) = (piece.0.index(expected.len() + 1), piece.1.index(expected.len() + 1));
            let (from, to) = (a.min(b), a.max(b));
            prop_assert_eq!(&*pieces.read(from as u64, to - from).unwrap(), &expected[from..to]);
            prop_assert_eq!(&*pieces.read(0, expected.len()).unwrap(), &expected[..]);
            prop_assert!(pieces.read(from as u64, expected.len() + 1 - from).is_err());
        }
    }
}
