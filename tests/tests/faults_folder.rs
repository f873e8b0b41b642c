//! A log's folder after something happened to it: a part deleted, an old copy brought back, a second process.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use harness::faults::check::check;
use harness::faults::history::{History, Promises};
use harness::faults::run;
use harness::faults::store::Store;
use ledger::Code;
use ledger::log;

struct Folder {
    dir: tempfile::TempDir,
    store: Store,
}

impl Folder {
    /// A log with so many acknowledged records, stopped.
    fn with(records: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::under(dir.path());
        let folder = Self { dir, store };
        folder.write(records);
        folder
    }

    fn write(&self, records: u64) {
        let promises = Promises::to(Some(&self.dir.path().join("promises"))).unwrap();
        run::run(&self.store, 10, records / 10, &promises).unwrap();
    }

    fn history(&self) -> History {
        History::read(&self.dir.path().join("promises")).unwrap()
    }

    fn refusal(&self) -> Code {
        self.store.open().unwrap_err().code()
    }
}

fn writer(command: &str, store: &Store) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fault-writer"))
        .arg(command)
        .arg(&store.dir)
        .arg("--guard")
        .arg(&store.guard)
        .output()
        .unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        let target = to.join(file.file_name());
        if file.file_type().unwrap().is_dir() {
            copy(&file.path(), &target);
        } else {
            fs::copy(file.path(), target).unwrap();
        }
    }
}

#[test]
fn f10_a_deleted_index_is_filled_again_and_keeps_every_promise() {
    let folder = Folder::with(400);
    fs::remove_dir_all(folder.store.dir.join("index")).unwrap();
    check(&folder.store, &folder.history(), usize::MAX).unwrap();
}

#[test]
fn f11_an_index_that_fsck_finds_empty_is_named_and_reindex_mends_it() {
    let folder = Folder::with(300);
    fs::remove_dir_all(folder.store.dir.join("index")).unwrap();
    let report = log::fsck(&folder.store.options(), &mut |_, _| {}).unwrap();
    assert!(report.only_index && !report.damages.is_empty());
    assert!(report.damages.iter().any(|damage| damage.what.contains("tile")), "{:?}", report.damages);
    log::reindex(&folder.store.options(), &mut |_, _| {}).unwrap();
    check(&folder.store, &folder.history(), usize::MAX).unwrap();
}

#[test]
fn f11_a_deleted_file_of_bodies_is_named_and_nothing_is_made_up_for_it() {
    let folder = Folder::with(20);
    let bodies = fs::read_dir(folder.store.dir.join("bodies")).unwrap().next().unwrap().unwrap().path();
    fs::remove_file(&bodies).unwrap();
    assert!(matches!(folder.refusal(), Code::StoreBehindGuard | Code::StoreCorrupt));
    assert!(!bodies.exists());
}

#[test]
fn f12_yesterdays_data_under_todays_guard_is_refused() {
    let folder = Folder::with(50);
    let backup = folder.dir.path().join("backup");
    copy(&folder.store.dir, &backup);
    folder.write(50);
    fs::remove_dir_all(&folder.store.dir).unwrap();
    copy(&backup, &folder.store.dir);
    assert_eq!(folder.refusal(), Code::StoreBehindGuard);
}

#[test]
fn f14_a_copy_of_the_data_with_an_older_guard_is_refused() {
    let folder = Folder::with(50);
    let guard = folder.dir.path().join("yesterday");
    copy(&folder.store.guard, &guard);
    folder.write(50);
    let data = folder.dir.path().join("copy");
    copy(&folder.store.dir, &data);
    let twin = Store { dir: data, guard, without_sync: false };
    assert_eq!(twin.open().unwrap_err().code(), Code::GuardRolledBack);
    check(&folder.store, &folder.history(), usize::MAX).unwrap();
}

#[test]
fn f14_a_second_process_on_the_same_folder_or_the_same_guard_is_refused() {
    let folder = Folder::with(20);
    let first = folder.store.open().unwrap();
    let copied = folder.dir.path().join("copy");
    copy(&folder.store.dir, &copied);
    for store in [folder.store.clone(), Store { dir: copied, ..folder.store.clone() }] {
        let second = writer("append-one", &store);
        assert_eq!(second.status.code(), Some(1));
        let said = String::from_utf8_lossy(&second.stderr).into_owned();
        assert!(said.contains(Code::StoreLocked.as_str()), "{said}");
        assert!(second.stdout.is_empty(), "it acknowledged something");
    }
    first.close().unwrap();
    drop(first);
    check(&folder.store, &folder.history(), usize::MAX).unwrap();
}
