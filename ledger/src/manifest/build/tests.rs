//! From dumps, rows, folders and lists to answers: with fixtures of our own, and with real dumps where they are at hand.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use super::*;
use crate::ids::ContentKey;
use crate::manifest::mediawiki::{Namespaces, Title, Wiki, plain};
use crate::manifest::{Answer, KeyspaceFiles, MetaMode, check, list, paragraph};

/// The folder of real test data; `None` says so, or panics where every test must run.
fn test_data() -> Option<PathBuf> {
    match std::env::var_os("COLOPHON_TEST_DATA") {
        Some(folder) => Some(folder.into()),
        None if std::env::var("COLOPHON_REQUIRE").as_deref() == Ok("all") => panic!("needs COLOPHON_TEST_DATA"),
        None => {
            eprintln!("skipped: needs COLOPHON_TEST_DATA");
            None
        }
    }
}

fn wiki_options(wiki: Option<&str>) -> BuildOptions {
    let read = ReadOptions {
        wiki: wiki.map(|wiki| wiki.parse().unwrap()),
        license: "CC-BY-SA-4.0".into(),
        ..ReadOptions::default()
    };
    BuildOptions { read, ..BuildOptions::default() }
}

#[test]
fn explore() {
    let Some(data) = test_data() else { return };
    let dir = tempfile::tempdir().unwrap();
    for (name, wiki) in [
        ("enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2", None),
        ("enwiki-table-markup.xml.bz2", Some("enwiki")),
    ] {
        let now = std::time::Instant::now();
        let out = dir.path().join(name);
        let summary = build(&data.join("wikipedia").join(name), &out, &wiki_options(wiki), &mut |_| {}).unwrap();
        eprintln!("{:?}", now.elapsed());
        eprintln!("{}", serde_json::to_string_pretty(&summary).unwrap());
    }
}
