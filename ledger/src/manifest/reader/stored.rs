//! A source file as it is stored: hashed as it is read, and held against what an earlier, unfinished build read of it.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Code, Error, Result};
use crate::ids::to_hex;
use crate::manifest::disk::io_error;

/// The beginning of a source: how long, and its digest. A build that goes on must find the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::manifest) struct Prefix {
    pub(in crate::manifest) bytes: u64,
    pub(in crate::manifest) sha256: String,
}

/// Which file is read and how far, for progress and for errors.
#[derive(Clone)]
pub(super) struct Place {
    path: Arc<PathBuf>,
    stored: Arc<Mutex<Stored>>,
}

struct Stored {
    file: File,
    hasher: Sha256,
    bytes: u64,
    expected: Option<Prefix>,
}

/// Reads the file.
pub(super) struct StoredFile(Place);

impl StoredFile {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| io_error(path, &e))?;
        let stored = Stored { file, hasher: Sha256::new(), bytes: 0, expected: None };
        Ok(Self(Place { path: Arc::new(path.to_owned()), stored: Arc::new(Mutex::new(stored)) }))
    }

    pub(super) fn place(&self) -> Place {
        self.0.clone()
    }
}

impl Read for StoredFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut stored = self.0.lock();
        // A prefix that is expected ends a read, so that its digest can be taken.
        let most = match &stored.expected {
            Some(prefix) => usize::try_from(prefix.bytes - stored.bytes).unwrap_or(usize::MAX).min(buffer.len()),
            None => buffer.len(),
        };
        let len = stored.file.read(&mut buffer[..most])?;
        stored.hasher.update(&buffer[..len]);
        stored.bytes += len as u64;
        if let Some(prefix) = &stored.expected
            && (prefix.bytes == stored.bytes || len == 0)
        {
            if to_hex(&stored.hasher.clone().finalize()) != prefix.sha256 {
                return Err(io::Error::other(Changed));
            }
            stored.expected = None;
        }
        Ok(len)
    }
}

/// The source is not the one that the unfinished build read.
#[derive(Debug, thiserror::Error)]
#[error("the source is not the one that the unfinished build has read")]
struct Changed;

impl Place {
    fn lock(&self) -> MutexGuard<'_, Stored> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes of the file that were read, compressed if it is.
    pub(super) fn stored(&self) -> u64 {
        self.lock().bytes
    }

    /// What was read of the file so far.
    pub(super) fn prefix(&self) -> Prefix {
        let stored = self.lock();
        Prefix { bytes: stored.bytes, sha256: to_hex(&stored.hasher.clone().finalize()) }
    }

    /// Says how the file must begin; nothing may have been read.
    pub(super) fn expect(&self, prefix: Prefix) {
        self.lock().expected = Some(prefix).filter(|prefix| prefix.bytes > 0);
    }

    /// Reads the rest of the file, whatever it is; answers for the whole.
    pub(super) fn finish(&self) -> Result<Prefix> {
        let mut file = StoredFile(self.clone());
        let mut rest = vec![0; 1 << 16];
        while file.read(&mut rest).map_err(|e| self.broken(&e))? > 0 {}
        Ok(self.prefix())
    }

    /// A source that cannot be decompressed or read: `source_invalid` with the file and the place in it as stored.
    pub(super) fn broken(&self, error: &io::Error) -> Error {
        if error.get_ref().is_some_and(|inner| inner.is::<Changed>()) {
            return Error::new(Code::WorkDiffers, error.to_string()).at(self.path.display().to_string());
        }
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
