//! The folder that sled keeps the index in: opened under a watchdog, synced by us, thrown away when it is damaged.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::error::{Code, Error, Result, is_full};

/// sled's page cache. Its memory is a small multiple of this.
const CACHE_BYTES: u64 = 96 << 20;

/// A flipped bit made `open` hang for good in 21 of 150 trials; a sound folder of a million records opens in seconds.
const OPEN_DEADLINE: Duration = Duration::from_secs(60);

/// A handle that was dropped, or a process that ended, lets go of its lock a little later.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);

/// Opens the folder, or makes it.
///
/// # Errors
/// `store_corrupt` where filling it again helps; `index_hangs` if it does not open in time; `store_locked`, `disk_full`
/// and `file_access` where the folder is not to blame.
pub(super) fn open(dir: &Path) -> Result<sled::Db> {
    remove_half_written_snapshots(dir).map_err(|source| blame(dir, &source))?;
    let (done, outcome) = mpsc::channel();
    let path = dir.to_owned();
    std::thread::spawn(move || {
        let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        let start = Instant::now();
        let opened = loop {
            match config.open() {
                Err(sled::Error::Io(source)) if is_locked(&source) && start.elapsed() < LOCK_PATIENCE => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                other => break other,
            }
        };
        // The receiver is gone if the deadline passed.
        let _ = done.send(opened);
    });
    let refused = |code, what: String| Err(Error::new(code, what).at(dir.display().to_string()));
    match outcome.recv_timeout(OPEN_DEADLINE) {
        Ok(Ok(db)) => Ok(db),
        Ok(Err(sled::Error::Io(source))) => Err(blame(dir, &source)),
        Ok(Err(source)) => refused(Code::StoreCorrupt, format!("the index: {source}")),
        Err(mpsc::RecvTimeoutError::Timeout) => {
            refused(Code::IndexHangs, format!("the index did not open within {} s", OPEN_DEADLINE.as_secs()))
        }
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            refused(Code::StoreCorrupt, "the index: sled panicked while it opened".to_owned())
        }
    }
}

/// Removes the folder with everything in it.
pub(super) fn remove(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(blame(dir, &source)),
        _ => Ok(()),
    }
}

/// Syncs every file and every folder.
pub(super) fn sync(dir: &Path) -> Result<()> {
    sync_all(dir).map_err(|source| blame(dir, &source))
}

fn sync_all(dir: &Path) -> io::Result<()> {
    for file in fs::read_dir(dir)? {
        let file = file?;
        if file.file_type()?.is_dir() {
            sync_all(&file.path())?;
        } else {
            File::open(file.path())?.sync_all()?;
        }
    }
    File::open(dir)?.sync_all()
}

/// sled writes `snap.<n>.generating` and renames it; after a crash between the two it takes the leftover for its
/// newest snapshot and refuses to open.
fn remove_half_written_snapshots(dir: &Path) -> io::Result<()> {
    let Ok(files) = fs::read_dir(dir) else { return Ok(()) };
    for file in files {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == "generating") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// sled says so in the text only.
fn is_locked(source: &io::Error) -> bool {
    source.to_string().contains("WouldBlock")
}

/// Who is at fault for what the system said: the disk, another process, the permissions, or else the folder's content.
fn blame(dir: &Path, source: &io::Error) -> Error {
    let code = match source.kind() {
        _ if is_full(source) => Code::DiskFull,
        _ if is_locked(source) => Code::StoreLocked,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Code::FileAccess,
        _ => Code::StoreCorrupt,
    };
    Error::new(code, format!("the index: {source}")).at(dir.display().to_string())
}
