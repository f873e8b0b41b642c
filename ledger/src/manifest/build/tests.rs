//! From dumps, rows, folders and lists to answers: with fixtures of our own, and with real dumps where they are at hand.
#![allow(clippy::unwrap_used, clippy::panic)]

mod bad;
mod fixtures;
mod formats;
mod real;
mod size;

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::ids::ContentKey;
use crate::manifest::mediawiki::{Title, Wiki};
use crate::manifest::{Answer, KeyspaceFiles, MetaMode, check, key, list, paragraph};

fn wiki_options(wiki: Option<&str>) -> BuildOptions {
    let read = ReadOptions {
        wiki: wiki.map(|wiki| wiki.parse().unwrap()),
        license: "CC-BY-SA-4.0".into(),
        ..ReadOptions::default()
    };
    BuildOptions { read, ..BuildOptions::default() }
}

/// A manifest that was built, checked and opened.
struct Built {
    out: PathBuf,
    summary: Summary,
    files: Vec<KeyspaceFiles>,
    _dir: Option<TempDir>,
}

impl Built {
    fn of(source: &Path, options: &BuildOptions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        let summary = build(source, &out, options, &|_| {}).unwrap();
        assert_eq!(read_summary(&out).unwrap(), summary);
        let files: Vec<KeyspaceFiles> = list(&out).unwrap().iter().map(|folder| check(folder).unwrap()).collect();
        assert_eq!(files.len(), summary.keyspaces.len());
        Self { out, summary, files, _dir: Some(dir) }
    }

    fn of_bytes(name: &str, bytes: &[u8], options: &BuildOptions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join(name);
        fs::write(&source, bytes).unwrap();
        Self::of(&source, options)
    }

    fn specs(&self) -> Vec<&str> {
        self.summary.keyspaces.iter().map(|row| row.spec.as_str()).collect()
    }

    /// Asks in exact mode, and for every eighth key also in range mode, which must agree.
    fn ask(&self, spec: &str, key: &ContentKey) -> Answer {
        let row = self.summary.keyspaces.iter().find(|row| row.spec == spec).unwrap();
        let keyspace = crate::manifest::Keyspace::declared(row).unwrap();
        let files = self.files.iter().find(|files| files.keyspace().id() == row.id).unwrap();
        let ask = |depth| {
            let reply = files.reply_for(key, depth, MetaMode::Rows).unwrap();
            keyspace.verify(key, depth, &reply).unwrap()
        };
        let exact = ask(keyspace.t());
        if key.as_bytes()[31].is_multiple_of(8) {
            assert_eq!(ask(keyspace.depth_for(1000)).is_present(), exact.is_present());
        }
        exact
    }

    fn has(&self, spec: &str, key: &ContentKey) -> bool {
        self.ask(spec, key).is_present()
    }

    /// The bytes of every file that was written.
    fn all_bytes(&self) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        let mut folders = vec![self.out.clone()];
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                } else {
                    all.push(fs::read(path).unwrap());
                }
            }
        }
        all
    }
}

/// A build that must fail, and leave nothing behind.
fn refused(source: &Path, options: &BuildOptions) -> Error {
    let dir = tempfile::tempdir().unwrap();
    let error = build(source, &dir.path().join("out"), options, &|_| {}).unwrap_err();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "something was left behind");
    error
}

fn refused_bytes(name: &str, bytes: &[u8], options: &BuildOptions) -> Error {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join(name);
    fs::write(&source, bytes).unwrap();
    refused(&source, options)
}
