//! The log in a folder: what survives a start, and what `fsck` finds.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

struct Folder {
    dir: tempfile::TempDir,
    clock: Arc<ManualClock>,
}

impl Folder {
    /// A log with its policy and a lab.
    fn new() -> Self {
        let folder =
            Self { dir: tempfile::tempdir().unwrap(), clock: Arc::new(ManualClock::at(UnixMillis(1_772_366_400_000))) };
        create(folder.options(), folder.clock.clone(), Bytes::from(testing::genesis())).unwrap();
        let log = folder.open();
        submit(&log, testing::party("lab", &["partner"])).unwrap();
        stop(log);
        folder
    }

    fn options(&self) -> Options {
        Options {
            dir: self.dir.path().join("log"),
            guard_dir: None,
            origin: testing::origin(),
            signers: Signers { log: testing::log_signer(), clock: testing::clock_signer() },
            policy: testing::policy(),
        }
    }

    fn open(&self) -> Log {
        open(self.options(), self.clock.clone()).unwrap()
    }

    fn fsck(&self) -> FsckReport {
        fsck(&self.options(), &mut |_, _| {}).unwrap()
    }

    fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join("log").join(file)
    }
}

fn fill(log: &Log, numbers: std::ops::Range<u64>) {
    let tickets: Vec<Ticket> = numbers
        .map(|number| {
            let validated = log.validate(Bytes::from(testing::model_card("lab", number))).unwrap();
            log.submit(validated, Wait::Published).unwrap()
        })
        .collect();
    for ticket in tickets {
        ticket.wait_blocking().unwrap();
    }
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
fn a_log_in_a_folder_comes_back_with_the_same_root_and_a_clean_bill() {
    let folder = Folder::new();
    let log = folder.open();
    fill(&log, 0..600);
    let before = log.published().unwrap();
    stop(log);
    let report = folder.fsck();
    assert_eq!(report.damages, []);
    assert_eq!((report.entries, report.bodies, report.tiles), (602, 602, 2));
    let log = folder.open();
    let after = log.published().unwrap();
    assert_eq!((after.size, after.root), (before.size, before.root));
    check_resources(&log, &after);
}

#[test]
fn a_second_log_in_the_same_folder_is_refused_and_so_is_a_second_process() {
    let folder = Folder::new();
    let again = create(folder.options(), folder.clock.clone(), Bytes::from(testing::genesis()));
    assert_eq!(again.unwrap_err().code(), Code::StoreExists);
    let _log = folder.open();
    let second = open(folder.options(), folder.clock.clone());
    assert_eq!(second.unwrap_err().code(), Code::StoreLocked);
}

#[test]
fn f08_a_flipped_bit_in_the_index_is_found_and_reindex_mends_it() {
    let folder = Folder::new();
    let log = folder.open();
    fill(&log, 0..300);
    let before = log.published().unwrap();
    stop(log);
    // A tile and a posting that say something else, as sled would hand them out.
    let index = Index::open(&folder.path("index")).unwrap();
    index.damage_for_test();
    drop(index);
    let report = folder.fsck();
    assert!(report.only_index, "{:?}", report.damages);
    assert!(report.damages.len() >= 2, "{:?}", report.damages);
    assert_eq!(reindex(&folder.options()).unwrap(), before.size);
    assert_eq!(folder.fsck().damages, []);
}

#[test]
fn f08_a_flipped_bit_in_a_body_is_named_by_file_and_place() {
    let folder = Folder::new();
    let log = folder.open();
    fill(&log, 0..20);
    stop(log);
    let bodies = fs::read_dir(folder.path("bodies")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&bodies).unwrap();
    let at = bytes.len().min(20_000) / 2;
    bytes[at] ^= 1;
    fs::write(&bodies, bytes).unwrap();
    let report = folder.fsck();
    assert!(!report.damages.is_empty() && !report.only_index);
    assert!(report.damages[0].file.starts_with("bodies"), "{:?}", report.damages);
}

#[test]
fn f12_yesterdays_data_under_todays_guard_is_refused() {
    let folder = Folder::new();
    let log = folder.open();
    fill(&log, 0..10);
    stop(log);
    let backup = folder.dir.path().join("backup");
    copy(&folder.path(""), &backup);
    let log = folder.open();
    fill(&log, 10..20);
    stop(log);
    let guard = folder.dir.path().join("guard");
    copy(&folder.path("guard"), &guard);
    fs::remove_dir_all(folder.path("")).unwrap();
    copy(&backup, &folder.path(""));
    fs::remove_dir_all(folder.path("guard")).unwrap();
    copy(&guard, &folder.path("guard"));
    let refused = open(folder.options(), folder.clock.clone());
    assert_eq!(refused.unwrap_err().code(), Code::StoreBehindGuard);
}
