//! The files of a model under one digest, as OpenSSF Model Signing 1.0 has it.
//!
//! ```text
//! root = SHA-256( digest of the 1st file ‖ digest of the 2nd file ‖ … )   raw SHA-256 digests, files sorted by name
//! ```
//!
//! Names are relative paths with `/`, sorted by Unicode code point. At the top of the directory `.git`, `.gitignore`,
//! `.gitattributes` and `.github` are left out, as that tool's method `files` does by default, so the root is the subject
//! digest of a signature made by it. Nothing is read here: the caller walks the directory (without following symbolic
//! links), leaves out what [`is_ignored`], and hashes.

use std::collections::HashSet;

use sha2::{Digest as _, Sha256};
use unicode_normalization::UnicodeNormalization as _;

use crate::error::{Code, Error, Result};
use crate::ids::SubjectDigest;
use crate::record::statement::Subject;

/// What is left out at the top of a model's directory.
pub const IGNORED: [&str; 4] = [".git", ".gitattributes", ".github", ".gitignore"];

/// Files of one model. Arithmetic: 100 bytes of path and digest each make 100 MB at most; the largest repositories have
/// some thousands.
pub const MAX_FILES: usize = 1_000_000;

/// Whether a file with this path is no part of the model.
pub fn is_ignored(path: &str) -> bool {
    path.split('/').next().is_some_and(|top| IGNORED.contains(&top))
}

/// The subject for a model: its name and the root over its files.
///
/// ```
/// use ledger::record::import::model_directory::subject;
/// use ledger::record::subject_digest;
///
/// let files = [("weights.bin".to_owned(), subject_digest(b"w")), ("config.json".to_owned(), subject_digest(b"{}"))];
/// let subject = subject("heron-base-350m", &files)?;
/// assert_eq!(subject.sha256(), Some(subject_digest(&[*subject_digest(b"{}").as_bytes(), *subject_digest(b"w").as_bytes()].concat())));
/// # Ok::<(), ledger::Error>(())
/// ```
///
/// # Errors
/// Those of [`root`].
pub fn subject(name: &str, files: &[(String, SubjectDigest)]) -> Result<Subject> {
    Ok(super::artifact(name, root(files)?))
}

/// The root over a model's files, given as relative path and digest in any order.
///
/// A path that leaves the directory, is not in its shortest form, or names what another path names (also on systems that
/// know no letter case) is refused: two lists of files must not have one meaning.
///
/// # Errors
/// `path_refused` for such a path, and where no file is left; `too_many` files.
pub fn root(files: &[(String, SubjectDigest)]) -> Result<SubjectDigest> {
    if files.len() > MAX_FILES {
        return Err(Error::new(Code::TooMany, format!("{} files, at most {MAX_FILES}", files.len())));
    }
    let mut sorted: Vec<&(String, SubjectDigest)> = files.iter().filter(|(path, _)| !is_ignored(path)).collect();
    if sorted.is_empty() {
        return Err(Error::new(Code::PathRefused, "there is no file in it"));
    }
    sorted.sort_unstable();
    let mut seen = HashSet::with_capacity(sorted.len());
    let mut hash = Sha256::new();
    for (path, digest) in sorted {
        let refused =
            |why: &str| Error::new(Code::PathRefused, why).at(path.escape_debug().take(255).collect::<String>());
        check(path).map_err(refused)?;
        let twin: String = path.to_lowercase().nfc().collect();
        if !seen.insert(twin) {
            return Err(refused("another path names the same file, or does where letter case counts for nothing"));
        }
        hash.update(digest.as_bytes());
    }
    Ok(SubjectDigest::from_bytes(hash.finalize().into()))
}

fn check(path: &str) -> Result<(), &'static str> {
    if path.len() > 4_096 {
        return Err("longer than 4,096 bytes");
    }
    if path.chars().any(char::is_control) {
        return Err("a control character");
    }
    if path.contains('\\') || path.as_bytes().get(1) == Some(&b':') {
        return Err("a path of another system: use / and no drive");
    }
    if path.starts_with('/') {
        return Err("an absolute path");
    }
    match path.split('/').find(|part| matches!(*part, "" | "." | "..")) {
        Some("..") => Err("it leaves the directory"),
        Some(_) => Err("it is not in its shortest form"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::super::test_data;
    use super::*;
    use crate::record::subject_digest;

    fn files(paths: &[&str]) -> Vec<(String, SubjectDigest)> {
        paths.iter().map(|path| ((*path).to_owned(), subject_digest(path.as_bytes()))).collect()
    }

    #[test]
    fn the_root_is_that_of_openssf_model_signing() {
        // Files and root of the public vectors `v1.0.1-elliptic-key` and `v1.1.0-elliptic-key` of model-transparency.
        let digest = |hex: &str| hex.parse::<SubjectDigest>().unwrap();
        let files = [
            ("signme-2".to_owned(), digest("32dcb1f8e1ae52d5963e56a6ba06ab58b424c15ed2a6b70d2feca1d089370028")),
            ("signme-1".to_owned(), digest("bc9a717db6064a32cbe9eae6fc40651dd6d36ef1757183f590eff2b1765d7ebc")),
            (".gitattributes".to_owned(), digest(&"00".repeat(32))),
            (".github/x".to_owned(), digest(&"00".repeat(32))),
        ];
        let root = root(&files).unwrap().to_hex();
        assert_eq!(root, "92745110b1ab4368471cbe31664e10174e954b113a3df333db860317b2c6dec4");
    }

    #[test]
    fn only_the_top_of_the_directory_is_ignored_and_order_is_by_code_point() {
        assert!(
            is_ignored(".git/HEAD") && is_ignored(".gitignore") && !is_ignored("a/.gitignore") && !is_ignored(".gitx")
        );
        assert_eq!(
            root(&files(&["b", "a", "Z", "é", "𝒳", "\u{fb00}"])),
            root(&files(&["Z", "a", "b", "é", "\u{fb00}", "𝒳"]))
        );
    }

    #[test]
    fn b17_path_tricks_are_refused() {
        for path in [
            "../x",
            "a/../x",
            "..",
            "/etc/passwd",
            "a/./b",
            "./a",
            "a//b",
            "a/",
            "",
            "a\\..\\b",
            "C:/x",
            "a\0b",
            "a\nb",
        ] {
            let error = root(&files(&["ok", path])).unwrap_err();
            assert_eq!(error.code(), Code::PathRefused, "{path:?}");
        }
        for twins in [["a/b", "a/b"], ["README.md", "readme.md"], ["caf\u{e9}", "cafe\u{301}"]] {
            assert_eq!(root(&files(&twins)).unwrap_err().code(), Code::PathRefused, "{twins:?}");
        }
        assert_eq!(root(&files(&[".git/x"])).unwrap_err().code(), Code::PathRefused);
        assert_eq!(root(&[]).unwrap_err().code(), Code::PathRefused);
    }

    #[test]
    fn the_real_directory_has_a_root_without_its_git_attributes() {
        let Some(data) = test_data("models/all-MiniLM-L6-v2-noweights") else { return };
        let mut files = Vec::new();
        for folder in ["", "1_Pooling/"] {
            for entry in std::fs::read_dir(data.join(folder)).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_file() {
                    let path = format!("{folder}{}", entry.file_name().to_str().unwrap());
                    files.push((path, subject_digest(&std::fs::read(entry.path()).unwrap())));
                }
            }
        }
        assert_eq!(files.len(), 12);
        let with = root(&files).unwrap();
        files.retain(|(path, _)| path != ".gitattributes");
        assert_eq!((files.len(), root(&files).unwrap()), (11, with));
    }
}
