//! One input file: decompressed as it is read, hashed as it is stored, with both positions known for error messages.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;

use crate::error::Result;
use crate::manifest::MAX_ITEM;
use crate::manifest::reader::ahead::ReadAhead;
use crate::manifest::reader::stored::{Place, Prefix, StoredFile};
use crate::manifest::reader::utf16::{Utf16, order_of};
use crate::manifest::reader::zstd::Zstd;

/// What the first bytes of a source look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sniffed {
    Xml,
    Json,
    Digest,
    Warc,
    Parquet,
    Other,
}

/// A source file.
pub(super) struct Input {
    pub(super) reader: Capped,
    pub(super) place: Place,
}

/// Refuses to hand out more than a limit between two marks, so that no single line or element can fill the memory.
pub(super) struct Capped {
    inner: BufReader<Box<dyn Read + Send>>,
    place: Place,
    since_mark: usize,
    position: u64,
}

/// One event of XML or one line: an item's text with its escapes, and the little that stands around it.
const MAX_STRETCH: usize = MAX_ITEM + (1 << 20);

/// Text of people compresses ten to fifty times at most, tables of numbers a hundred times; what expands more than a
/// thousandfold after the first GiB was made to. gzip reaches 1,032, bzip2 a hundred thousand.
const MAX_EXPANSION: u64 = 1_000;

/// Below this nothing is said about how much a file expands.
const FREE_EXPANSION: u64 = 1 << 30;

impl Capped {
    /// Begins a new stretch.
    pub(super) fn mark(&mut self) {
        self.since_mark = 0;
    }

    /// Bytes handed out, decompressed.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    fn check(&self) -> io::Result<()> {
        if self.since_mark > MAX_STRETCH {
            let detail = format!("an item is larger than {} MiB", MAX_ITEM >> 20);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, detail));
        }
        if self.position > FREE_EXPANSION && self.position / MAX_EXPANSION > self.place.stored() {
            let detail =
                format!("the file expands more than {MAX_EXPANSION}-fold: it holds no data, it was made to fill disks");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, detail));
        }
        Ok(())
    }
}

impl Read for Capped {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let len = available.len().min(buffer.len());
        buffer[..len].copy_from_slice(&available[..len]);
        self.consume(len);
        Ok(len)
    }
}

impl BufRead for Capped {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.inner.buffer().is_empty() {
            self.check()?;
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, len: usize) {
        self.since_mark += len;
        self.position += len as u64;
        self.inner.consume(len);
    }
}

impl Capped {
    fn over(source: Box<dyn Read + Send>, place: Place) -> Self {
        Self { inner: BufReader::with_capacity(BLOCK, source), place, since_mark: 0, position: 0 }
    }
}

/// How much is decoded at a time.
const BLOCK: usize = 1 << 17;

impl Input {
    /// Opens a file and finds out how it is compressed and whether it is UTF-16. With `ahead`, what is compressed is
    /// decompressed in a thread of its own. What an earlier build read of the file must be `expected`.
    pub(super) fn open(path: &Path, ahead: bool, expected: Option<Prefix>) -> Result<Self> {
        let stored = StoredFile::open(path)?;
        let place = stored.place();
        if let Some(prefix) = expected {
            place.expect(prefix);
        }
        let mut start = BufReader::with_capacity(BLOCK, stored);
        let compression = Compression::of(start.fill_buf().map_err(|e| place.broken(&e))?);
        let mut decoded: Box<dyn Read + Send> = match compression {
            Compression::Bzip2 => Box::new(MultiBzDecoder::new(start)),
            Compression::Gzip => Box::new(MultiGzDecoder::new(start)),
            Compression::Zstd => Box::new(Zstd::new(start)),
            Compression::None => Box::new(start),
        };
        if ahead && compression != Compression::None {
            decoded = Box::new(ReadAhead::new(decoded));
        }
        let mut reader = Capped::over(decoded, place.clone());
        let start = reader.fill_buf().map_err(|e| place.broken(&e))?;
        if let Some(order) = order_of(start) {
            reader.inner.consume(2);
            reader = Capped::over(Box::new(Utf16::new(reader.inner, order)), place.clone());
        }
        Ok(Self { reader, place })
    }

    /// Looks at the beginning without consuming it.
    pub(super) fn sniff(&mut self) -> Result<Sniffed> {
        let start = match self.reader.fill_buf() {
            Ok(start) => start,
            Err(e) => return Err(self.place.broken(&e)),
        };
        let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
        let first_word = &start[..start.iter().position(u8::is_ascii_whitespace).unwrap_or(start.len())];
        let digest = first_word.len() == 64 && first_word.iter().all(u8::is_ascii_hexdigit);
        let contains = |word: &[u8]| start.windows(word.len()).any(|window| window == word);
        Ok(match start.first() {
            Some(b'<') if contains(b"<mediawiki") || contains(b"<page") => Sniffed::Xml,
            Some(b'{') => Sniffed::Json,
            Some(b'W') if start.starts_with(b"WARC/") => Sniffed::Warc,
            Some(b'P') if start.starts_with(b"PAR1") => Sniffed::Parquet,
            _ if digest => Sniffed::Digest,
            _ => Sniffed::Other,
        })
    }

    /// The next line without its end, into `line`; false at the end of the file.
    pub(super) fn line(&mut self, line: &mut Vec<u8>) -> Result<bool> {
        line.clear();
        self.reader.mark();
        match self.reader.read_until(b'\n', line) {
            Ok(0) => Ok(false),
            Ok(_) => {
                if line.last() == Some(&b'\n') {
                    line.pop();
                }
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                Ok(true)
            }
            Err(e) => Err(self.place.broken(&e)),
        }
    }

    /// The digest and length of the whole file. What a reader left unread is read now.
    pub(super) fn finish(&mut self) -> Result<Prefix> {
        // Through the decoder first: a damaged end of a compressed file is an error wherever it stands.
        loop {
            self.reader.mark();
            let len = match self.reader.fill_buf() {
                Ok([]) => break,
                Ok(rest) => rest.len(),
                Err(e) => return Err(self.place.broken(&e)),
            };
            self.reader.consume(len);
        }
        self.place.finish()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compression {
    None,
    Bzip2,
    Gzip,
    Zstd,
}

impl Compression {
    fn of(start: &[u8]) -> Self {
        match start {
            [b'B', b'Z', b'h', ..] => Self::Bzip2,
            [0x1f, 0x8b, ..] => Self::Gzip,
            // A frame, or one that is to be skipped.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, len: usize) {
        self.reader.consume(len);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_file_that_expands_without_end_is_refused_though_every_line_of_it_is_short() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bomb.gz");
        std::fs::write(&path, [0; 1000]).unwrap();
        let place = StoredFile::open(&path).unwrap().place();
        let mut endless = Capped::over(Box::new(io::repeat(b'\n')), place);
        let error = loop {
            endless.mark();
            match endless.fill_buf() {
                Ok(available) => {
                    let len = available.len();
                    endless.consume(len);
                }
                Err(e) => break e,
            }
        };
        assert!(error.to_string().contains("1000-fold"), "{error}");
        assert!(endless.position() < FREE_EXPANSION + (1 << 20));
    }
}
