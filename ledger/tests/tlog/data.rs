//! Where the public vectors are.

use std::path::{Path, PathBuf};

/// The folder with this name below `COLOPHON_TEST_DATA`. Without it the test is skipped aloud, or fails where
/// `COLOPHON_REQUIRE=all` says that nothing may be skipped.
pub(crate) fn folder(name: &str) -> Option<PathBuf> {
    let found = std::env::var_os("COLOPHON_TEST_DATA").map(|data| Path::new(&data).join(name)).filter(|p| p.is_dir());
    if found.is_none() {
        println!("skipped: needs COLOPHON_TEST_DATA");
        assert!(std::env::var("COLOPHON_REQUIRE").as_deref() != Ok("all"), "{name} is required and not there");
    }
    found
}

/// Every JSON file below a folder, with its path, in order.
pub(crate) fn json_files(folder: &Path) -> Vec<(PathBuf, serde_json::Value)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "json") {
                let value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
                files.push((path, value));
            }
        }
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files
}
