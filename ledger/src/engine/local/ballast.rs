//! A file that is there to be given up: on a full disk it makes the room to go on in order.
//!
//! The engine never reads it and never gives it up by itself: the log's sequencer, which stops taking records, does.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::EngineError;
use super::disk::{Disk, DiskFile};
use super::fault::{Fault, failed_at};

/// Twice the largest batch that a sequencer makes (4 MiB): room to end one and to publish it.
pub(super) const DEFAULT_BYTES: u64 = 8 << 20;

const CHUNK: u64 = 1 << 20;

#[derive(Debug)]
pub(super) struct Ballast {
    file: Arc<dyn DiskFile>,
    bytes: u64,
}

impl Ballast {
    /// Makes the file and fills it.
    pub(super) fn create(disk: Arc<dyn Disk>, dir: &Path, bytes: u64) -> Result<Self, EngineError> {
        let mut ballast = Self::open(disk, dir, bytes)?;
        ballast.restore().map_err(Fault::fatal)?;
        Ok(ballast)
    }

    /// Opens the file, or makes it empty: it is not filled, for the disk may be full.
    pub(super) fn open(disk: Arc<dyn Disk>, dir: &Path, bytes: u64) -> Result<Self, EngineError> {
        let path: PathBuf = dir.join("ballast");
        let open = || if disk.exists(&path)? { disk.open(&path) } else { disk.create(&path) };
        let file = open().map_err(|error| failed_at(&path, "opening", error))?;
        Ok(Self { file, bytes })
    }

    /// None at all, of a log that is only looked at: `file` is any file of it and is not touched.
    pub(super) const fn none(file: Arc<dyn DiskFile>) -> Self {
        Self { file, bytes: u64::MAX }
    }

    pub(super) fn is_held(&self) -> io::Result<bool> {
        Ok(self.file.len()? >= self.bytes)
    }

    /// Gives the room up; costs nothing where it is given up already.
    pub(super) fn release(&mut self) -> Result<(), Fault> {
        if self.file.len().is_ok_and(|len| len == 0) {
            return Ok(());
        }
        self.file.set_len(0).map_err(|e| Fault::failed("releasing the ballast", e))?;
        self.file.sync().map_err(|e| Fault::stop("syncing the ballast", e))
    }

    /// Takes the room again. If the disk has not got it, nothing is taken.
    pub(super) fn restore(&mut self) -> Result<(), Fault> {
        if self.is_held().unwrap_or(false) {
            return Ok(());
        }
        let zeros = vec![0; CHUNK as usize];
        let mut offsets = (self.file.len().unwrap_or(0)..self.bytes).step_by(CHUNK as usize);
        let filled = offsets
            .try_for_each(|offset| self.file.write_all_at(&zeros[..CHUNK.min(self.bytes - offset) as usize], offset));
        if let Err(error) = filled {
            self.file.set_len(0).map_err(|e| Fault::stop("releasing the ballast", e))?;
            return Err(Fault::failed("filling the ballast", error));
        }
        self.file.sync().map_err(|e| Fault::stop("syncing the ballast", e))
    }
}
