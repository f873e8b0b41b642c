//! The disk: a folder is whole or not there, written into a temporary sibling, synced, then renamed; a file is read as far as
//! a limit.

mod output;
mod pieces;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result, is_full};

pub(super) use output::Output;
pub(super) use pieces::{Piece, Pieces};

/// An error of the file system, with its path.
pub(super) fn io_error(path: &Path, error: &io::Error) -> Error {
    let code = if is_full(error) { Code::DiskFull } else { Code::FileAccess };
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

/// Writes a whole file and syncs it. One that a process left there when it was killed is written over.
pub(super) fn write_file(path: PathBuf, bytes: &[u8]) -> Result<()> {
    let mut output = Output::resume(path, 0)?;
    output.write(bytes)?;
    output.finish()
}

/// Reads a file as far as one byte beyond `limit`, so that whoever gets more than that knows that there is too much.
pub(crate) fn read_up_to(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(|e| io_error(path, &e))?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|e| io_error(path, &e))?;
    Ok(bytes)
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
