//! F4: the disk fills up under a log that is written to. Nothing is lost, readers notice nothing, and the log goes on by
//! itself when there is room again.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use harness::faults::check::check;
use harness::faults::device::SmallDisk;
use harness::faults::history::{History, Promises};
use harness::faults::store::{Store, submit};
use harness::faults::{random, rounds, run};
use harness::needs;
use ledger::Code;
use ledger::log::{Filter, Log, Order};
use ledger::testing as cast;

/// Longer than the sequencer's and the publisher's looks at the disk, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the writers saw.
#[derive(Default)]
struct Seen {
    acks: AtomicU64,
    full: AtomicU64,
    done: AtomicBool,
}

#[test]
fn f04_a_disk_that_fills_up_at_any_time_makes_the_log_read_only_and_nothing_else() {
    let root = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0;
    if !needs("root, to mount a small disk", root) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let disk = SmallDisk::new(160, dir.path()).unwrap();
    let store = Store::under(disk.path());
    let promises = dir.path().join("promises");
    let log = store.open_or_create().unwrap();
    let ballast = || std::fs::metadata(store.dir.join("ballast")).unwrap().len();
    assert_eq!(ballast(), 8 << 20);

    for round in 1..=rounds(3) {
        let seen = Seen::default();
        let numbers = AtomicU64::new(u64::from(round) * 1_000_000);
        let written = Promises::to(Some(&promises)).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| write(&log, &numbers, &written, &seen));
            }
            until("the first records", || seen.acks.load(Ordering::Relaxed) > random(200));
            let filler = fill(disk.path());
            until("a refusal", || seen.full.load(Ordering::Relaxed) > 0);
            assert!(log.fatal().is_none(), "{:?}", log.fatal());
            assert!(log.is_read_only() && !log.has_room_for(1));
            reads(&log);
            until("the ballast is given up", || ballast() == 0);
            std::fs::remove_file(filler).unwrap();
            let before = seen.acks.load(Ordering::Relaxed);
            until("records again", || seen.acks.load(Ordering::Relaxed) > before + 20);
            assert!(!log.is_read_only());
            assert_eq!(ballast(), 8 << 20, "taken again before the first record");
            seen.done.store(true, Ordering::Relaxed);
        });
        assert!(log.fatal().is_none(), "{:?}", log.fatal());
        reads(&log);
        println!(
            "round {round}: {} acks, {} refusals",
            seen.acks.load(Ordering::Relaxed),
            seen.full.load(Ordering::Relaxed)
        );
    }
    log.close().unwrap();
    drop(log);
    check(&store, &History::read(&promises).unwrap(), usize::MAX).unwrap();
}

/// Submits until it is told to end. The only refusal there may be is that of a full disk.
fn write(log: &Log, numbers: &AtomicU64, promises: &Promises, seen: &Seen) {
    while !seen.done.load(Ordering::Relaxed) {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        match submit(log, cast::model_card("lab", number)) {
            Ok(receipt) => {
                let record = cast::record_id(&cast::model_card("lab", number)).to_string();
                promises.ack(receipt.index.0, &record, number).unwrap();
                seen.acks.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                assert_eq!(error.code(), Code::DiskFull, "{error}");
                seen.full.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// Everything that a reader may ask for is there.
fn reads(log: &Log) {
    let view = log.published().unwrap();
    run::edge(log, &view).unwrap();
    let page = log.page(&view, &Filter { terms: Vec::new() }, Order::Below(ledger::ids::LeafIndex(view.size.0)), 10);
    let page = page.unwrap();
    assert!(!page.entries.is_empty());
    for entry in &page.entries {
        log.receipt(&view, entry.index).unwrap();
        log.body(entry).unwrap();
    }
}

/// Takes every byte that is left.
fn fill(disk: &Path) -> PathBuf {
    let filler = disk.join("filler");
    let dd = Command::new("dd").args(["if=/dev/zero", "bs=64k"]).arg(format!("of={}", filler.display())).output();
    assert!(!dd.unwrap().status.success(), "the disk has no end");
    filler
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "waited for {what} in vain");
        std::thread::sleep(Duration::from_millis(5));
    }
}
