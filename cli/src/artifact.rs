//! Hashing what a record is about: a file, or the folder of a model under one root (OpenSSF Model Signing).

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use ledger::Code;
use ledger::ids::SubjectDigest;
use ledger::record::import::model_directory;
use ledger::record::statement::Subject;
use sha2::{Digest as _, Sha256};

use crate::failure::{At, CliError, Result};
use crate::files;
use crate::output::Output;
use crate::progress::{Progress, Unit};

/// One read of a large file: big enough that the system call is nothing beside the hashing.
const CHUNK: usize = 1024 * 1024;

/// The ending of the bundles that this program writes beside a model; they are no part of it, or signing would change
/// what was signed.
pub(crate) const BUNDLE_ENDING: &str = ".colophon.json";

/// What was found at a path.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    /// The last name of the path.
    pub name: String,
    /// SHA-256 of the file, or the root over the folder's files.
    pub digest: SubjectDigest,
    /// How many bytes were read.
    pub bytes: u64,
    /// The files of a folder with their digests; empty for a file.
    pub files: Vec<(String, SubjectDigest)>,
}

/// A folder of at most this many files is recorded file by file beside its root, so that whoever verifies it later learns
/// which file differs. 64 digests make a leaf of 4.4 KiB; a larger model has its root alone.
const LISTED_FILES: usize = 64;

impl Measured {
    /// The subject of a record about it: the file, or the root over the folder.
    pub(crate) fn subject(&self) -> Subject {
        Subject::artifact(self.name.clone(), self.digest)
    }

    /// The same with the files of a small folder after it.
    pub(crate) fn subjects(&self) -> Vec<Subject> {
        let mut subjects = vec![self.subject()];
        // A folder of one file whose name is its own would have two subjects of one name.
        if self.files.len() <= LISTED_FILES {
            let others = self.files.iter().filter(|(path, _)| *path != self.name);
            subjects.extend(others.map(|(path, digest)| Subject::artifact(path.clone(), *digest)));
        }
        subjects
    }

    /// How a folder differs from the files that a record names: changed, missing, new.
    pub(crate) fn differences(&self, recorded: &[Subject]) -> Vec<String> {
        let named = |path: &str| recorded.iter().find(|subject| subject.name.as_deref() == Some(path));
        let of_record: Vec<&str> = recorded.iter().skip(1).filter_map(|subject| subject.name.as_deref()).collect();
        if self.files.is_empty() || of_record.is_empty() {
            return Vec::new();
        }
        let mut found = Vec::new();
        for (path, digest) in &self.files {
            match named(path) {
                Some(subject) if subject.sha256() == Some(*digest) => {}
                Some(_) => found.push(format!("changed  {path}")),
                None => found.push(format!("new      {path}")),
            }
        }
        let here = |path: &&&str| !self.files.iter().any(|(file, _)| file == **path);
        found.extend(of_record.iter().filter(here).map(|path| format!("missing  {path}")));
        found
    }
}

/// Hashes a file, or every file of a folder. Shows how far it is.
pub(crate) fn measure(path: &Path, out: &Output) -> Result<Measured> {
    let metadata = fs::metadata(path).map_err(|source| CliError::io(path, "read", source))?;
    let name = files::name_of(path);
    if !metadata.is_dir() {
        let progress = out.progress(&format!("reading {name}"), Some(metadata.len()), Unit::Bytes);
        let (digest, bytes) = hash_file(path, &progress)?;
        return Ok(Measured { name, digest, bytes, files: Vec::new() });
    }
    let mut found = Vec::new();
    walk(path, path, &mut found)?;
    found.sort();
    let total = found.iter().map(|found| found.bytes).sum();
    let progress = out.progress(&format!("reading {name}"), Some(total), Unit::Bytes);
    let mut measured = Vec::with_capacity(found.len());
    let mut read = 0;
    for file in found {
        let (digest, bytes) = hash_file(&file.path, &progress)?;
        read += bytes;
        measured.push((file.name, digest));
    }
    let digest = model_directory::root(&measured).at(path.display())?;
    Ok(Measured { name, digest, bytes: read, files: measured })
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    name: String,
    path: PathBuf,
    bytes: u64,
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<Found>) -> Result<()> {
    let failed = |source| CliError::io(folder, "list", source);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let place = || path.display().to_string();
        let refused = |why: &str| CliError::new(Code::PathRefused, why).at(place());
        let metadata = fs::symlink_metadata(&path).map_err(|source| CliError::io(&path, "read", source))?;
        let relative = path.strip_prefix(root).unwrap_or(&path);
        let parts: Option<Vec<&str>> = relative.iter().map(|part| part.to_str()).collect();
        let Some(name) = parts.map(|parts| parts.join("/")) else {
            return Err(refused("the name is not UTF-8"));
        };
        if model_directory::is_ignored(&name) || (!name.contains('/') && name.ends_with(BUNDLE_ENDING)) {
            continue;
        }
        if metadata.is_symlink() {
            // What a link points to can change without the folder: a digest over it would promise too much.
            return Err(refused("a symbolic link").hint("Put the file itself there, or name the files one by one."));
        }
        if metadata.is_dir() {
            walk(root, &path, found)?;
        } else if metadata.is_file() {
            found.push(Found { name, bytes: metadata.len(), path });
        } else {
            return Err(refused("neither a file nor a folder"));
        }
    }
    Ok(())
}

fn hash_file(path: &Path, progress: &Progress<'_>) -> Result<(SubjectDigest, u64)> {
    let failed = |source| CliError::io(path, "read", source);
    let mut file = File::open(path).map_err(failed)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    let mut read = 0;
    loop {
        let n = match file.read(&mut buffer) {
            Ok(n) => n,
            Err(source) if source.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(failed(source)),
        };
        let Some(part) = buffer.get(..n).filter(|part| !part.is_empty()) else { break };
        hash.update(part);
        read += part.len() as u64;
        progress.advance(part.len() as u64);
    }
    Ok((SubjectDigest::from_bytes(hash.finalize().into()), read))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::output::ColorChoice;
    use crate::world::World;

    fn out() -> Output {
        Output::new(World::captured(&[]).0, false, true, ColorChoice::Never).0
    }

    #[test]
    fn a_folder_has_one_root_whatever_lies_beside_the_model() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("sub")).unwrap();
        fs::write(dir.path().join("sub/b"), "two").unwrap();
        fs::write(dir.path().join("a"), "one").unwrap();
        let first = measure(dir.path(), &out()).unwrap();
        let names: Vec<_> = first.files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!((names, first.bytes), (vec!["a", "sub/b"], 6));
        fs::create_dir(dir.path().join(".git")).unwrap();
        fs::write(dir.path().join(".git/config"), "x").unwrap();
        fs::write(dir.path().join("m.colophon.json"), "{}").unwrap();
        assert_eq!(measure(dir.path(), &out()).unwrap().digest, first.digest);
        let recorded = first.subjects();
        assert_eq!(recorded.len(), 3);
        assert!(first.differences(&recorded).is_empty());
        fs::write(dir.path().join("a"), "0ne").unwrap();
        fs::write(dir.path().join("c"), "new").unwrap();
        fs::remove_file(dir.path().join("sub/b")).unwrap();
        let changed = measure(dir.path(), &out()).unwrap();
        assert_ne!(changed.digest, first.digest);
        assert_eq!(changed.differences(&recorded), ["changed  a", "new      c", "missing  sub/b"]);
    }

    #[test]
    fn b17_a_link_in_a_folder_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("a")).unwrap();
        assert_eq!(measure(dir.path(), &out()).unwrap_err().code(), Code::PathRefused);
    }

    #[test]
    fn a_file_is_its_sha256() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("w.bin");
        fs::write(&path, "abc").unwrap();
        let measured = measure(&path, &out()).unwrap();
        assert_eq!(measured.digest.to_hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(measured.subject().name.as_deref(), Some("w.bin"));
    }
}
