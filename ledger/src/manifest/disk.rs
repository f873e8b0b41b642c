//! Writing a folder so that it is whole or not there: into a temporary sibling, synced, then renamed.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result};

/// An error of the file system, with its path.
pub(super) fn io_error(path: &Path, error: &io::Error) -> Error {
    let code = if error.kind() == io::ErrorKind::StorageFull { Code::DiskFull } else { Code::FileAccess };
    Error::new(code, error.to_string()).at(path.display().to_string())
}

/// Refuses a folder that is there and holds something.
pub(super) fn refuse_occupied(folder: &Path) -> Result<()> {
    match fs::read_dir(folder).map(|mut entries| entries.next().is_some()) {
        Ok(true) => Err(Error::new(Code::OutputExists, "not empty").at(folder.display().to_string())),
        Ok(false) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(io_error(folder, &e)),
    }
}

/// A folder in the making. Dropped before [`Staging::publish`], it is removed with all that is in it.
#[derive(Debug)]
pub(super) struct Staging {
    path: PathBuf,
    published: bool,
}

impl Staging {
    /// Makes the temporary sibling of `target`, which must be absent or an empty folder.
    pub(super) fn beside(target: &Path) -> Result<Self> {
        refuse_occupied(target)?;
        let Some(name) = target.file_name() else {
            return Err(Error::new(Code::Usage, "the output has no name").at(target.display().to_string()));
        };
        // The process id keeps two builds apart; the name says that it is not whole, should a crash leave it behind.
        let mut temporary = name.to_os_string();
        temporary.push(format!(".partial-{}", std::process::id()));
        let path = target.with_file_name(temporary);
        fs::create_dir_all(parent_of(target)).map_err(|e| io_error(target, &e))?;
        fs::create_dir(&path).map_err(|e| io_error(&path, &e))?;
        Ok(Self { path, published: false })
    }

    /// Where to write.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Syncs the folder and gives it its name.
    pub(super) fn publish(mut self, target: &Path) -> Result<()> {
        sync_folder(&self.path)?;
        fs::rename(&self.path, target).map_err(|e| io_error(target, &e))?;
        self.published = true;
        sync_folder(parent_of(target))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.published {
            // Nothing can be done about a failure here, and the name says that the folder is not whole.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// A file that is synced when it is finished.
pub(super) struct Output {
    path: PathBuf,
    writer: BufWriter<File>,
}

impl Output {
    pub(super) fn create(path: PathBuf) -> Result<Self> {
        let file = File::options().write(true).create_new(true).open(&path).map_err(|e| io_error(&path, &e))?;
        Ok(Self { path, writer: BufWriter::with_capacity(1 << 16, file) })
    }

    /// Goes on after the first `len` bytes of a file, which is made if it is not there; what stands beyond is cut off.
    pub(super) fn resume(path: PathBuf, len: u64) -> Result<Self> {
        let open = || {
            let mut file = File::options().write(true).create(true).truncate(false).open(&path)?;
            if file.metadata()?.len() < len {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is shorter than it was"));
            }
            file.set_len(len)?;
            file.seek(io::SeekFrom::Start(len))?;
            Ok(file)
        };
        let file = open().map_err(|e| io_error(&path, &e))?;
        Ok(Self { path, writer: BufWriter::with_capacity(1 << 16, file) })
    }

    /// Hands what was written to the file system, so that it outlives this process.
    pub(super) fn flush(&mut self) -> Result<()> {
        self.writer.flush().map_err(|e| io_error(&self.path, &e))
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.writer.write_all(bytes).map_err(|e| io_error(&self.path, &e))
    }

    pub(super) fn finish(self) -> Result<()> {
        let path = self.path;
        let file = self.writer.into_inner().map_err(|e| io_error(&path, e.error()))?;
        file.sync_all().map_err(|e| io_error(&path, &e))
    }
}

/// Writes a whole file and syncs it. One that a process left there when it was killed is written over.
pub(super) fn write_file(path: PathBuf, bytes: &[u8]) -> Result<()> {
    let mut output = Output::resume(path, 0)?;
    output.write(bytes)?;
    output.finish()
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(path: &Path) -> Result<()> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(|e| io_error(path, &e))
}

/// The folder that a path is in.
pub(super) fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_folder_is_whole_or_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("deep/out");
        let staging = Staging::beside(&target).unwrap();
        write_file(staging.path().join("a"), b"x").unwrap();
        drop(staging);
        assert_eq!(fs::read_dir(dir.path().join("deep")).unwrap().count(), 0);

        let staging = Staging::beside(&target).unwrap();
        write_file(staging.path().join("a"), b"x").unwrap();
        assert!(!target.exists());
        staging.publish(&target).unwrap();
        assert_eq!(fs::read(target.join("a")).unwrap(), b"x");
        assert_eq!(Staging::beside(&target).unwrap_err().code(), Code::OutputExists);
        assert_eq!(fs::read_dir(dir.path().join("deep")).unwrap().count(), 1);
    }
}
