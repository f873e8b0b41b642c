//! The system's disk without its syncs: what a log would be that forgot them. The power-loss tests must fail on it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use ledger::engine::local::disk::{Disk, DiskFile, Lock, StdDisk};

/// Writes as the system does, and never syncs.
#[derive(Debug, Clone, Copy)]
pub struct VolatileDisk;

#[derive(Debug)]
struct VolatileFile(Arc<dyn DiskFile>);

impl Disk for VolatileDisk {
    fn exists(&self, path: &Path) -> io::Result<bool> {
        StdDisk.exists(path)
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        StdDisk.names(folder)
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        StdDisk.create_folder(path)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(VolatileFile(StdDisk.create(path)?)))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(VolatileFile(StdDisk.open(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        StdDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        StdDisk.remove(path)
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_both(&self, _: &dyn DiskFile, _: &dyn DiskFile) -> io::Result<()> {
        Ok(())
    }

    fn room(&self, folder: &Path) -> io::Result<u64> {
        StdDisk.room(folder)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        StdDisk.lock(path)
    }
}

impl DiskFile for VolatileFile {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
