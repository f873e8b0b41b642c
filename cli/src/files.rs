//! Reading and writing the user's files: limits before reading, whole files or none when writing.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use ledger::Code;
use ledger::bundle::MAX_BUNDLE_LEN;
use serde_json::Value;

use crate::failure::{CliError, Result};

/// The largest file that is looked at before another takes its place: a bundle.
const MAX_REPLACED: usize = MAX_BUNDLE_LEN;

/// What the name of a file ends in until it is whole; the process and a number stand before it.
const UNFINISHED: &str = ".part";

/// How many files this process has written: what tells their temporaries apart.
static WRITES: AtomicU64 = AtomicU64::new(0);

/// Reads a file of at most `limit` bytes; `-` is standard input.
pub(crate) fn read(path: &Path, limit: usize) -> Result<Vec<u8>> {
    let too_large = || CliError::new(Code::TooLarge, format!("more than {limit} bytes")).at(path.display().to_string());
    let failed = |source| CliError::io(path, "read", source);
    // One byte more than the limit, so that a file that grows while it is read is noticed too.
    let cap = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().lock().take(cap).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(CliError::usage("this is a folder; a file is needed").at(path.display().to_string()));
        }
        file.take(cap).read_to_end(&mut bytes).map_err(failed)?;
    }
    if bytes.len() > limit { Err(too_large()) } else { Ok(bytes) }
}

/// Writes a file so that a reader sees the old one or the new one, whole, also after a crash. A link stays a link and the file
/// that it leads to keeps its permissions; a device or a pipe is written to.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |source| CliError::io(path, "write", source);
    let old = fs::metadata(path).ok();
    if old.as_ref().is_some_and(|old| !old.is_file() && !old.is_dir()) {
        return OpenOptions::new().write(true).open(path).and_then(|mut file| file.write_all(bytes)).map_err(failed);
    }
    // A link that leads to nothing yet is followed one step.
    let led = || fs::read_link(path).ok().map(|to| path.parent().unwrap_or(Path::new("")).join(to));
    let resolved = fs::canonicalize(path).ok().or_else(led).unwrap_or_else(|| path.to_owned());
    let path = resolved.as_path();
    // Two writers of one file, in two processes or two threads, each have a temporary of their own.
    let (mut file, temporary) = temporary(path).map_err(failed)?;
    let keep_mode = || old.map_or(Ok(()), |old| file.set_permissions(old.permissions()));
    let written = keep_mode().and_then(|()| file.write_all(bytes)).and_then(|()| file.sync_all());
    let written = written.and_then(|()| fs::rename(&temporary, path));
    if let Err(source) = written {
        let _ = fs::remove_file(&temporary);
        return Err(failed(source));
    }
    sync_folder(path);
    Ok(())
}

/// A file that will take the place of this one, and its path. It is locked for as long as it is open, which tells it from one
/// that a killed process left.
pub(crate) fn temporary(path: &Path) -> io::Result<(File, PathBuf)> {
    loop {
        let number = WRITES.fetch_add(1, Ordering::Relaxed);
        let temporary = beside(path, &format!(".{}-{number}{UNFINISHED}", std::process::id()));
        // Never one that is there: another process may have this number, in a container of its own.
        let file = match OpenOptions::new().write(true).create_new(true).open(&temporary) {
            Err(taken) if taken.kind() == io::ErrorKind::AlreadyExists => continue,
            opened => opened?,
        };
        match file.try_lock() {
            // Whoever cleans up may have had it between these two lines. Some file systems have no locks: nobody cleans there.
            Ok(()) if !temporary.exists() => {}
            Err(TryLockError::WouldBlock) => {}
            Ok(()) | Err(TryLockError::Error(_)) => return Ok((file, temporary)),
        }
    }
}

/// Removes what processes that were killed left of this file while they wrote it: nobody has it open any more.
pub(crate) fn remove_unfinished(path: &Path) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (Some(name), Ok(entries)) = (path.file_name(), fs::read_dir(folder)) else { return };
    for entry in entries.flatten() {
        let other = entry.file_name();
        let rest = other.as_encoded_bytes().strip_prefix(name.as_encoded_bytes());
        let middle = rest.and_then(|rest| rest.strip_prefix(b".")?.strip_suffix(UNFINISHED.as_bytes()));
        let is_ours = middle.is_some_and(|middle| {
            let mut numbers = middle.split(|byte| *byte == b'-');
            let two = numbers.clone().count() == 2;
            two && numbers.all(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit))
        });
        let left =
            |path: &Path| File::open(path).is_ok_and(|file| file.try_lock().is_ok() && fs::remove_file(path).is_ok());
        // What cannot be removed harms nobody.
        let _ = is_ours && entry.file_type().is_ok_and(|kind| kind.is_file()) && left(&entry.path());
    }
}

/// Whether a file may be written here: nothing is there yet, or something of the same sort. A mistyped name must not cost
/// a model or a key.
///
/// # Errors
/// `usage`, if something else is there.
pub(crate) fn may_replace(path: &Path, what: &str, is_one: impl FnOnce(&[u8]) -> bool) -> Result<()> {
    let there = fs::metadata(path).is_ok_and(|there| there.is_file() && there.len() > 0);
    if !there || read(path, MAX_REPLACED).is_ok_and(|old| is_one(&old)) {
        return Ok(());
    }
    Err(CliError::usage(format!("there is a file of this name already, and it is not {what}"))
        .at(path.display().to_string())
        .hint("Name another file, or move this one away first."))
}

/// A path for programs. What is no Unicode in it is shown as it can be.
pub(crate) fn to_json(path: &Path) -> Value {
    Value::String(path.to_string_lossy().into_owned())
}

/// Makes a folder and what is above it.
pub(crate) fn make_dir(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|source| CliError::io(path, "make the folder", source))
}

/// Removes a file that may not exist.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(CliError::io(path, "remove", source)),
        _ => Ok(()),
    }
}

/// The path with something after its last name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The last name of a path as text; for `.` and `..` that of the folder itself.
pub(crate) fn name_of(path: &Path) -> String {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    name(path)
        .or_else(|| fs::canonicalize(path).ok().as_deref().and_then(name))
        .unwrap_or_else(|| path.display().to_string())
}

/// A rename is durable once its folder is. Some file systems cannot sync a folder; there the rename is all there is.
fn sync_folder(path: &Path) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_link_stays_a_link_a_file_keeps_its_mode_and_a_pipe_is_written_to() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link, pipe) = (dir.path().join("file"), dir.path().join("link"), dir.path().join("pipe"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write(&link, b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_file(&file).unwrap();
        write(&link, b"again").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"again");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read(pipe).unwrap()
        });
        write(&pipe, b"through").unwrap();
        assert_eq!(reader.join().unwrap(), b"through");
        assert!(!fs::metadata(&pipe).unwrap().is_file());
    }

    #[test]
    fn a_file_is_read_up_to_its_limit_and_no_further() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        write(&path, b"four").unwrap();
        assert_eq!(read(&path, 4).unwrap(), b"four");
        assert_eq!(read(&path, 3).unwrap_err().code(), Code::TooLarge);
        assert_eq!(read(dir.path(), 3).unwrap_err().exit(), 2);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_writer_left_is_removed_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("b.json");
        let (_open, unfinished) = temporary(&path).unwrap();
        let left = ["b.json.4242-0.part", "b.json.4242-17.part"];
        let others =
            ["b.json", "b.json.part", "b.json.notes.part", "b.json.1-2-3.part", "b.json.-.part", "a.json.1-2.part"];
        for name in left.iter().chain(&others) {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        fs::create_dir(dir.path().join("b.json.7-7.part")).unwrap();
        remove_unfinished(&path);
        assert!(dir.path().join("b.json.7-7.part").is_dir());
        let there = |name: &&str| dir.path().join(name).exists();
        assert!(!left.iter().any(&there) && others.iter().all(there));
        assert!(unfinished.exists(), "somebody writes it");
        remove_unfinished(Path::new("/nowhere/b.json"));
    }

    #[test]
    fn a_folder_given_as_a_dot_has_a_name() {
        assert_ne!(name_of(Path::new(".")), ".");
        assert_eq!(name_of(Path::new("/a/b.bin")), "b.bin");
    }
}
