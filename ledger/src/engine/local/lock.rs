//! One process at a time: the log's folder and the guard's folder are locked for as long as the engine lives.
//!
//! The guard's folder has its own lock because it may be shared by mistake: two copies of a log that point to one
//! guard. The lock is `flock`, released by the kernel when the process ends, however it ends.

use std::path::Path;

use crate::error::{Code, Error};

use super::EngineError;
use super::disk::{Disk, Lock};
use super::fault::failed_at;

/// Both locks of a log.
#[derive(Debug)]
pub(super) struct Locks {
    _held: [Lock; 2],
}

impl Locks {
    pub(super) fn take(disk: &dyn Disk, dir: &Path, guard_dir: &Path) -> Result<Self, EngineError> {
        Ok(Self { _held: [take(disk, &dir.join("lock"))?, take(disk, &guard_dir.join("lock"))?] })
    }
}

fn take(disk: &dyn Disk, path: &Path) -> Result<Lock, EngineError> {
    let lock = disk.lock(path).map_err(|error| failed_at(path, "locking", error))?;
    let refused = || Error::new(Code::StoreLocked, "the lock is held").at(path.display().to_string());
    lock.ok_or_else(|| EngineError::Refused(refused()))
}
