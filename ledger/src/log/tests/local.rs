//! The log in a folder: what survives a start, and what `fsck` finds.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

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
    assert_eq!(reindex(&folder.options(), &mut |_, _| {}).unwrap(), before.size);
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

/// Every byte that stands in a folder, by its path.
fn everything(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            found.extend(everything(&path));
        } else {
            let bytes = fs::read(&path).unwrap();
            found.push((path, bytes));
        }
    }
    found.sort();
    found
}

#[test]
fn a_folder_in_the_place_of_a_file_is_an_access_and_no_damage() {
    let folder = Folder::new();
    for (file, made_again) in [
        ("bodies/00000000.seg", false),
        ("journal/00000000.log", false),
        ("published", false),
        ("guard/head", false),
        ("guard/lock", true),
        ("lock", true),
        ("ballast", true),
        ("index.snapshot", true),
    ] {
        let (path, aside) = (folder.path(file), folder.dir.path().join("aside"));
        fs::rename(&path, &aside).unwrap();
        fs::create_dir(&path).unwrap();
        let error = open(folder.options(), folder.clock.clone()).unwrap_err();
        assert_eq!(error.code(), Code::FileAccess, "{file}: {error}");
        assert!(error.place().is_some_and(|place| place.ends_with(file)), "{file}: {error}");
        if !made_again {
            let error = fsck(&folder.options(), &mut |_, _| {}).unwrap_err();
            assert_eq!(error.code(), Code::FileAccess, "{file}: {error}");
        }
        fs::remove_dir(&path).unwrap();
        if !made_again {
            fs::rename(&aside, &path).unwrap();
        }
        stop(folder.open());
        let _ = fs::remove_file(&aside);
    }
}

#[test]
fn fsck_mends_nothing_and_a_start_says_what_it_mended() {
    let folder = Folder::new();
    for file in ["guard/head", "published"] {
        let path = folder.path(file);
        let mut bytes = fs::read(&path).unwrap();
        bytes[40] ^= 1;
        fs::write(&path, bytes).unwrap();
        let keep = [folder.path("guard"), folder.path("journal"), folder.path("bodies")];
        let before: Vec<_> = keep.iter().map(|folder| everything(folder)).collect();
        let published = fs::read(folder.path("published")).unwrap();
        for _ in 0..2 {
            let report = folder.fsck();
            assert!(report.only_copies && !report.only_index, "{file}: {report:?}");
            assert_eq!(report.damages[0].file, file);
        }
        assert_eq!(keep.iter().map(|folder| everything(folder)).collect::<Vec<_>>(), before);
        assert_eq!(fs::read(folder.path("published")).unwrap(), published);
        let log = folder.open();
        assert_eq!(log.opened().repaired[0].file, file);
        stop(log);
        let log = folder.open();
        assert_eq!(log.opened().repaired, []);
        stop(log);
        assert_eq!(folder.fsck().damages, []);
    }
}

#[test]
fn what_the_index_does_not_hold_yet_is_no_damage_and_of_a_damage_of_all_rows_a_thousand_are_named() {
    let folder = Folder::new();
    let log = folder.open();
    fill(&log, 0..20);
    stop(log);
    let early = folder.dir.path().join("early");
    copy(&folder.path("index"), &early);
    let snapshot = fs::read(folder.path("index.snapshot")).unwrap();
    let log = folder.open();
    fill(&log, 20..320);
    stop(log);
    let late = folder.dir.path().join("late");
    copy(&folder.path("index"), &late);
    let newest = fs::read(folder.path("index.snapshot")).unwrap();

    // Killed before the index was durable: with none of the newest rows, and with all of them.
    for index in [&early, &late] {
        fs::remove_dir_all(folder.path("index")).unwrap();
        copy(index, &folder.path("index"));
        fs::write(folder.path("index.snapshot"), &snapshot).unwrap();
        let report = folder.fsck();
        assert_eq!((report.damages, report.index_behind, report.entries), (vec![], 300, 322));
    }
    stop(folder.open());
    assert_eq!(folder.fsck().index_behind, 0);

    // An index that lost rows which its mark promises is one damage and not one for each row.
    fs::remove_dir_all(folder.path("index")).unwrap();
    copy(&early, &folder.path("index"));
    fs::write(folder.path("index.snapshot"), &newest).unwrap();
    let report = folder.fsck();
    assert!(report.only_index && report.damages.len() <= 2, "{report:?}");
}

#[test]
fn fsck_finds_every_damaged_and_every_deleted_file_of_a_manifest_and_counts_what_was_never_here() {
    let folder = Folder::new();
    let log = folder.open();
    let built = folder.dir.path().join("built");
    let (held, keyspace, row) = super::uploads::build(&built.join("a"), 5000);
    super::uploads::declare(&log, &keyspace, row);
    let (_, elsewhere, row) = super::uploads::build(&built.join("b"), 7);
    super::uploads::declare(&log, &elsewhere, row);
    log.manifests().add(&held).unwrap();
    stop(log);
    let fsck = || {
        let mut report = folder.fsck();
        let mut seen = Vec::new();
        fsck_manifests(&folder.options(), &mut report, &mut |done, total| seen.push((done, total))).unwrap();
        assert_eq!(seen, [(1, 1)]);
        report
    };
    let report = fsck();
    assert_eq!((report.damages, report.manifests, report.not_held), (vec![], 1, 1));

    let here = folder.path("manifests").join(keyspace.id().to_hex());
    let files = everything(&here);
    assert!(files.len() >= 5, "{files:?}");
    for (path, sound) in &files {
        let mut bytes = sound.clone();
        bytes[sound.len() / 2] ^= 1;
        fs::write(path, bytes).unwrap();
        let report = fsck();
        assert_eq!(report.damages.len(), 1, "{}", path.display());
        assert!(report.damages[0].file.starts_with(&format!("manifests/{}", keyspace.id())), "{report:?}");
        fs::remove_file(path).unwrap();
        assert_eq!(fsck().damages.len(), 1, "{}", path.display());
        fs::write(path, sound).unwrap();
    }
    assert_eq!(fsck().damages, []);
    fs::remove_dir_all(here).unwrap();
    let mut report = folder.fsck();
    fsck_manifests(&folder.options(), &mut report, &mut |_, _| {}).unwrap();
    assert_eq!((report.damages, report.manifests, report.not_held), (vec![], 0, 2));
}

#[test]
fn the_first_damage_that_a_reader_meets_is_said_until_the_next_start() {
    let folder = Folder::new();
    let log = folder.open();
    fill(&log, 0..20);
    let view = log.published().unwrap();
    let entry = log.entry(&view, LeafIndex(5)).unwrap().unwrap();
    log.check_store().unwrap();
    let path = folder.path("bodies/00000000.seg");
    let Body::Held(body) = log.body(&entry).unwrap() else { panic!("it was erased") };
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(body.len()).position(|window| window == body).unwrap();
    bytes[at + 9] ^= 1;
    // In place: the log has the file open.
    use std::os::unix::fs::FileExt as _;
    fs::File::options().write(true).open(&path).unwrap().write_all_at(&bytes, 0).unwrap();
    log.check_store().unwrap();
    assert_eq!(log.body(&entry).unwrap_err().code(), Code::StoreCorrupt);
    let found = log.check_store().unwrap_err();
    assert!(found.place().unwrap().starts_with("bodies/00000000.seg at byte "), "{found}");
    stop(log);
}

#[test]
fn damage_of_the_index_that_a_reader_meets_is_said_too() {
    for (gone, place, what) in [
        (false, "bodies", "the body of entry 5 is not the one that it names"),
        (true, "index", "the place of entry 5 is missing"),
    ] {
        let folder = Folder::new();
        let log = folder.open();
        fill(&log, 0..20);
        let entry = log.entry(&log.published().unwrap(), LeafIndex(5)).unwrap().unwrap();
        log.shared.index.damage_places_for_test(gone);
        log.check_store().unwrap();
        if gone {
            // While an index is filled again readers go on, and miss what is on its way.
            log.shared.index_waits.store(true, Ordering::Release);
            assert_eq!(log.body(&entry).unwrap_err().code(), Code::Overloaded);
            log.check_store().unwrap();
            log.shared.index_waits.store(false, Ordering::Release);
        }
        assert_eq!(log.body(&entry).unwrap_err().code(), Code::StoreCorrupt);
        let found = log.check_store().unwrap_err();
        assert_eq!((found.place(), found.detail()), (Some(place), what));
        // The first is kept, whatever is met later.
        log.shared.index.damage_places_for_test(true);
        assert!(log.entry(&log.published().unwrap(), LeafIndex(6)).is_err());
        assert_eq!(log.check_store().unwrap_err().detail(), what);
        stop(log);
    }
}

#[test]
fn every_damaged_file_of_a_run_is_found() {
    use crate::manifest::{Gathered, Kind, Run, RunPlan, build_run};
    let dir = tempfile::tempdir().unwrap();
    let (folder, _, row) = super::uploads::build(dir.path(), 5000);
    let declared: crate::manifest::Declaration = serde_json::from_value(row).unwrap();
    let sources = vec![Gathered { index: LeafIndex(3), declared, folder: Some(folder) }];
    let plan = RunPlan { kind: Kind::RawSha256, from: 0, to: 9, sources };
    let root = build_run(dir.path(), &plan, 1 << 20).unwrap();
    let run = Run::declared(LeafIndex(9), root).unwrap();
    let id = run.keyspace().id();
    let manifests = Manifests::new(dir.path().to_owned());
    manifests.check(&id, Some(&run)).unwrap();
    for (path, sound) in everything(&dir.path().join(id.to_hex())) {
        for place in 1..4 {
            let mut bytes = sound.clone();
            bytes[sound.len() * place / 4] ^= 1;
            fs::write(&path, bytes).unwrap();
            assert!(manifests.check(&id, Some(&run)).is_err(), "{} at {place} quarters", path.display());
        }
        fs::write(path, sound).unwrap();
    }
    manifests.check(&id, Some(&run)).unwrap();
}
