//! Link 8: the files at hand are what the record speaks of.
//!
//! Digests come from the caller, who reads the files. A file that the record does not speak of fails the link and is
//! named.

use super::VerifiedRecord;
use super::report::Passed;
use crate::error::{Code, Error, Result};
use crate::ids::SubjectDigest;
use crate::record::statement::Subject;

/// A file, or a folder as one digest over its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// What the caller calls it; only shown.
    pub name: String,
    /// SHA-256 of the file, or the root over the folder.
    pub sha256: SubjectDigest,
    /// The files of a folder. Where the record does not have the root as its subject, its subjects may be the files.
    pub files: Option<Vec<FileDigest>>,
}

/// A file of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDigest {
    /// Its path in the folder, with `/` between the parts, as a subject would name it.
    pub path: String,
    /// SHA-256 of its bytes.
    pub sha256: SubjectDigest,
}

pub(super) fn check(verified: &VerifiedRecord, artifacts: &[Artifact]) -> Result<Passed<()>> {
    if artifacts.is_empty() {
        return Ok(Passed::not_given((), "none given"));
    }
    let subjects = verified.record().subjects();
    for artifact in artifacts.iter().filter(|artifact| !has(subjects, artifact.sha256)) {
        match &artifact.files {
            Some(files) if files.iter().any(|file| named(subjects, &file.path).is_some()) => {
                folder(subjects, &artifact.name, files)?;
            }
            _ => return Err(differs(subjects, &artifact.name, artifact.sha256)),
        }
    }
    let names: Vec<&str> = artifacts.iter().map(|artifact| artifact.name.as_str()).collect();
    Ok(Passed::new((), names.join(", ")))
}

/// Every file is a subject of the same name, and every subject is a file.
fn folder(subjects: &[Subject], folder: &str, files: &[FileDigest]) -> Result<()> {
    for file in files {
        let is_file = |subject: &Subject| subject.name.as_deref() == Some(&file.path);
        let name = format!("{folder}/{}", file.path);
        match named(subjects, &file.path) {
            Some(_) if subjects.iter().any(|s| is_file(s) && s.sha256() == Some(file.sha256)) => {}
            Some(subject) => return Err(mismatch(&name, subject.sha256(), file.sha256)),
            None => return Err(unknown(&name, file.sha256)),
        }
    }
    let is_there = |subject: &&Subject| files.iter().any(|file| subject.name.as_deref() == Some(&file.path));
    match subjects.iter().find(|subject| !is_there(subject)) {
        Some(missing) => {
            let missing = missing.name.as_deref().unwrap_or("a file without a name");
            Err(Error::new(Code::BindingMismatch, format!("{folder} lacks {missing}, which the record names")))
        }
        None => Ok(()),
    }
}

fn has(subjects: &[Subject], digest: SubjectDigest) -> bool {
    subjects.iter().any(|subject| subject.sha256() == Some(digest))
}

fn named<'a>(subjects: &'a [Subject], name: &str) -> Option<&'a Subject> {
    subjects.iter().find(|subject| subject.name.as_deref() == Some(name))
}

/// A file whose digest the record does not have: named beside the subject that it should be, where that is clear.
fn differs(subjects: &[Subject], name: &str, found: SubjectDigest) -> Error {
    let file = name.rsplit('/').next().unwrap_or(name);
    match (named(subjects, name).or_else(|| named(subjects, file)), subjects) {
        (Some(subject), _) | (None, [subject]) => mismatch(name, subject.sha256(), found),
        _ => unknown(name, found),
    }
}

fn mismatch(name: &str, recorded: Option<SubjectDigest>, found: SubjectDigest) -> Error {
    let recorded = recorded.map_or("no sha256".to_owned(), |digest| format!("sha256 {digest}"));
    Error::new(Code::BindingMismatch, format!("{name} differs: recorded {recorded}, found {found}"))
}

fn unknown(name: &str, found: SubjectDigest) -> Error {
    Error::new(Code::BindingMismatch, format!("{name} is not in the record: found sha256 {found}"))
}
