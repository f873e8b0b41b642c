//! One input file: decompressed as it is read, hashed as it is stored, with both positions known for error messages.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

use crate::error::{Code, Error, Result};
use crate::manifest::MAX_ITEM;
use crate::manifest::disk::io_error;

/// What the first bytes of a source look like.
pub(super) enum Sniffed {
    Xml,
    Json,
    Digest,
    Other,
}

/// A source file.
pub(super) struct Input {
    pub(super) reader: Capped,
    pub(super) place: Place,
}

/// Which file is read and how far, for progress and for errors.
#[derive(Clone)]
pub(super) struct Place {
    path: PathBuf,
    stored: Rc<RefCell<Stored>>,
}

impl Place {
    /// Bytes of the file that were read, compressed if it is.
    pub(super) fn stored(&self) -> u64 {
        self.stored.borrow().bytes
    }

    /// A source that cannot be decompressed or read: `source_invalid` with the file and the place in it as stored.
    pub(super) fn broken(&self, error: &io::Error) -> Error {
        let place = format!("{}, byte {}", self.path.display(), self.stored());
        Error::new(Code::SourceInvalid, error.to_string()).at(place)
    }

    /// A source whose content is wrong at a place in its decompressed bytes.
    pub(super) fn wrong(&self, detail: impl Into<String>, byte: u64) -> Error {
        Error::new(Code::SourceInvalid, detail).at(format!("{}, byte {byte} of the content", self.path.display()))
    }

    /// An error of the reading itself, for a cause that is neither damage nor content.
    pub(super) fn refused(&self, code: Code, detail: impl Into<String>) -> Error {
        Error::new(code, detail).at(self.path.display().to_string())
    }
}

struct Stored {
    file: File,
    hasher: Sha256,
    bytes: u64,
}

/// Hashes what passes through.
struct Hashed(Rc<RefCell<Stored>>);

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut stored = self.0.borrow_mut();
        let len = stored.file.read(buffer)?;
        stored.hasher.update(&buffer[..len]);
        stored.bytes += len as u64;
        Ok(len)
    }
}

/// Refuses to hand out more than a limit between two marks, so that no single line or element can fill the memory.
pub(super) struct Capped {
    inner: BufReader<Box<dyn Read>>,
    since_mark: usize,
    position: u64,
}

/// One event of XML or one line: an item's text with its escapes, and the little that stands around it.
const MAX_STRETCH: usize = MAX_ITEM + (1 << 20);

impl Capped {
    /// Begins a new stretch.
    pub(super) fn mark(&mut self) {
        self.since_mark = 0;
    }

    /// Bytes handed out, decompressed.
    pub(super) fn position(&self) -> u64 {
        self.position
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
        if self.since_mark > MAX_STRETCH {
            let detail = format!("an item is larger than {} MiB", MAX_ITEM >> 20);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, detail));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, len: usize) {
        self.since_mark += len;
        self.position += len as u64;
        self.inner.consume(len);
    }
}

impl Input {
    /// Opens a file and finds out how it is compressed.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let mut file = File::open(path).map_err(|e| io_error(path, &e))?;
        let mut magic = [0; 3];
        let mut len = 0;
        while len < magic.len() {
            match file.read(&mut magic[len..]).map_err(|e| io_error(path, &e))? {
                0 => break,
                more => len += more,
            }
        }
        let file = File::open(path).map_err(|e| io_error(path, &e))?;
        let stored = Rc::new(RefCell::new(Stored { file, hasher: Sha256::new(), bytes: 0 }));
        let hashed = Hashed(Rc::clone(&stored));
        let decoded: Box<dyn Read> = match &magic[..len] {
            b"BZh" => Box::new(MultiBzDecoder::new(hashed)),
            [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(hashed)),
            _ => Box::new(hashed),
        };
        let inner = BufReader::with_capacity(1 << 16, decoded);
        let reader = Capped { inner, since_mark: 0, position: 0 };
        Ok(Self { reader, place: Place { path: path.to_owned(), stored } })
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
    pub(super) fn finish(mut self) -> Result<([u8; 32], u64)> {
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
        let mut rest = [0; 1 << 14];
        let mut tail = Hashed(Rc::clone(&self.place.stored));
        while tail.read(&mut rest).map_err(|e| io_error(&self.place.path, &e))? > 0 {}
        let stored = self.place.stored.borrow();
        Ok((stored.hasher.clone().finalize().into(), stored.bytes))
    }
}
