//! F17, the storage steps of a commit, each broken in two ways, as the whole log sees it: does the tree advance, must
//! the process stop, and what is the one told who waits.

use super::*;
use crate::engine::{FailingEngine, LocalEngine, LocalOptions, Outcome, Step, Times};

/// A log two leaves below a full tile, on an engine in a folder that can be broken.
struct Broken {
    dir: tempfile::TempDir,
    clock: Arc<ManualClock>,
}

/// 2 leaves below 256.
const START: u64 = 254;

impl Broken {
    fn new() -> Self {
        let broken =
            Self { dir: tempfile::tempdir().unwrap(), clock: Arc::new(ManualClock::at(UnixMillis(1_772_366_400_000))) };
        let engine = LocalEngine::create(&broken.engine_options()).unwrap();
        let (log, _) = broken.start(engine);
        submit(&log, testing::genesis()).unwrap();
        submit(&log, testing::party("lab", &["partner"])).unwrap();
        let tickets: Vec<Ticket> = (2..START).map(|number| broken.send(&log, number)).collect();
        tickets.into_iter().for_each(|ticket| drop(ticket.wait_blocking().unwrap()));
        assert_eq!(log.published().unwrap().size, TreeSize(START));
        stop(log);
        broken
    }

    fn engine_options(&self) -> LocalOptions {
        LocalOptions::new(self.dir.path(), testing::ORIGIN)
    }

    fn start(&self, engine: LocalEngine) -> (Log, Arc<FailingEngine<LocalEngine>>) {
        let engine = Arc::new(FailingEngine::new(engine));
        let options = Options {
            dir: self.dir.path().to_owned(),
            guard_dir: None,
            origin: testing::origin(),
            signers: Signers { log: testing::log_signer(), clock: testing::clock_signer() },
            policy: testing::policy(),
        };
        (start(engine.clone(), options, self.clock.clone()).unwrap(), engine)
    }

    fn open(&self) -> (Log, Arc<FailingEngine<LocalEngine>>) {
        self.start(LocalEngine::open(&self.engine_options()).unwrap())
    }

    fn send(&self, log: &Log, number: u64) -> Ticket {
        let validated = log.validate(Bytes::from(testing::model_card("lab", number))).unwrap();
        log.submit(validated, Wait::Published).unwrap()
    }
}

/// Fails where something that comes within milliseconds does not come at all.
fn eventually(mut holds: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !holds() {
        assert!(start.elapsed() < std::time::Duration::from_secs(30), "it never came");
        std::thread::yield_now();
    }
}

#[test]
fn who_waits_for_a_checkpoint_knows_the_index_meanwhile_and_hears_when_none_will_come() {
    // Nobody holds this witness's key.
    let witness = crate::note::Cosigner::from_seed(crate::note::KeyName::parse("w.example").unwrap(), [9; 32]).unwrap();
    let (own, other) = (testing::log_signer(), witness.verifier_key());
    let policy = format!("log {}\nwitness w {other}\nquorum w\n", own.verifier_key());
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        dir: dir.path().to_owned(),
        guard_dir: None,
        origin: testing::origin(),
        signers: Signers { log: own, clock: testing::clock_signer() },
        policy: crate::note::Policy::parse(policy.as_bytes()).unwrap(),
    };
    let engine = Arc::new(FailingEngine::new(MemoryEngine::new(testing::ORIGIN)));
    let clock = Arc::new(ManualClock::at(UnixMillis(1_772_366_400_000)));
    let log = start(engine.clone(), options, clock).unwrap();
    let send = |body: Vec<u8>| log.submit(log.validate(Bytes::from(body)).unwrap(), Wait::Published).unwrap();

    let mut waits = send(testing::genesis());
    let mut known = None;
    eventually(|| {
        known = waits.noted();
        known.is_some()
    });
    let known = known.unwrap();
    assert_eq!((known.index, known.duplicate, known.published.is_none()), (LeafIndex(0), false, true));

    // Who gave up is forgotten when the next batch comes.
    let bodies = [testing::party("lab", &["partner"]), testing::party("auditor", &["auditor"])];
    for body in bodies {
        let mut leaves = send(body);
        // Durable first: the lab's card below is admitted by it.
        eventually(|| leaves.noted().is_some());
    }
    let mut last = send(testing::model_card("lab", 1));
    eventually(|| last.noted().is_some());
    eventually(|| log.counters().waiting == 2);

    engine.fail(Step::Guard, Outcome::Lost, Times::Once);
    assert_eq!(code(send(testing::model_card("lab", 2)).wait_blocking()), Code::Stopping);
    // The log is not closed: it serves what it has, and nobody waits for what will not come.
    assert_eq!(code(waits.wait_blocking()), Code::Stopping);
    assert_eq!(code(last.wait_blocking()), Code::Stopping);
    assert!(log.close().is_err());
}

#[test]
fn f17_each_storage_step_of_a_commit_broken_in_two_ways() {
    for (step, outcome, advances, stops) in [
        // Body or journal append: the batch fails; if it was the sync, the process stops.
        (Step::Append, Outcome::Lost, false, false),
        (Step::Append, Outcome::Kept, false, false),
        (Step::Sync, Outcome::Lost, false, true),
        (Step::Sync, Outcome::Kept, false, true),
        // The guard is the commit point.
        (Step::Guard, Outcome::Lost, false, true),
        (Step::Guard, Outcome::Kept, true, true),
    ] {
        let case = format!("{step:?} {outcome:?}");
        let broken = Broken::new();
        let (log, engine) = broken.open();
        let before = log.published().unwrap();
        engine.fail(step, outcome, Times::Once);
        let answer = broken.send(&log, START).wait_blocking();
        // Nothing is acknowledged, and nothing is shown, whatever happened below.
        let told = answer.unwrap_err().code();
        assert_eq!(told, if stops { Code::Stopping } else { Code::Overloaded }, "{case}");
        assert_eq!(log.published().unwrap().size, before.size, "{case}");
        if stops {
            // The sequencer answers first and stops then; closing waits for it.
            assert!(log.close().is_err(), "{case}");
            assert!(log.fatal().is_some(), "{case}");
            let validated = log.validate(Bytes::from(testing::model_card("lab", START))).unwrap();
            assert_eq!(log.submit(validated, Wait::Published).unwrap_err().code(), Code::Stopping, "{case}");
        } else {
            assert!(log.fatal().is_none(), "{case}");
            assert_eq!(broken.send(&log, START).wait_blocking().unwrap().index, LeafIndex(START), "{case}");
            stop(log);
            continue;
        }
        drop((log, engine));

        // Only a new start tells which of the two it was.
        let (log, _) = broken.open();
        let after = log.published().unwrap();
        assert_eq!(after.size.0, START + u64::from(advances), "{case}");
        let proof = log.consistency(&after, before.size).unwrap();
        verify_consistency(before.size, before.root, after.size, after.root, &proof).unwrap();
        // I7, and across the full tile.
        let again = broken.send(&log, START).wait_blocking().unwrap();
        assert_eq!((again.index, again.duplicate), (LeafIndex(START), advances), "{case}");
        for number in START + 1..START + 4 {
            assert_eq!(broken.send(&log, number).wait_blocking().unwrap().index, LeafIndex(number), "{case}");
        }
        check_resources(&log, &log.published().unwrap());
        stop(log);
    }
}

/// The index is behind the commit point: whatever it lost, the tree advances, and the next start replays it.
#[test]
fn f17_an_index_that_lost_the_last_batches_or_holds_more_than_its_mark_is_brought_up() {
    for (keep_index, keep_mark) in [(true, true), (false, true), (true, false)] {
        let broken = Broken::new();
        let mark = broken.dir.path().join("index.snapshot");
        let old_mark = std::fs::read(&mark).unwrap();
        let (log, _) = broken.open();
        for number in START..START + 4 {
            broken.send(&log, number).wait_blocking().unwrap();
        }
        let before = log.published().unwrap();
        stop(log);
        // An apply that was persisted and whose mark was not; one that was not persisted; and a mark that is gone.
        match (keep_index, keep_mark) {
            (true, true) => std::fs::write(&mark, old_mark).unwrap(),
            (false, _) => std::fs::remove_dir_all(broken.dir.path().join("index")).unwrap(),
            (true, false) => std::fs::remove_file(&mark).unwrap(),
        }
        let (log, _) = broken.open();
        let after = log.published().unwrap();
        assert_eq!((after.size, after.root), (before.size, before.root));
        check_resources(&log, &after);
        let again = broken.send(&log, START + 3).wait_blocking().unwrap();
        assert_eq!((again.index, again.duplicate), (LeafIndex(START + 3), true));
        stop(log);
    }
}

/// Publishing writes nothing by itself (the guard holds the note), so breaking that step changes nothing.
#[test]
fn f17_a_failure_to_publish_does_not_stop_the_process() {
    for outcome in [Outcome::Lost, Outcome::Kept] {
        let broken = Broken::new();
        let (log, engine) = broken.open();
        engine.fail(Step::Publish, outcome, Times::Always);
        for number in START..START + 4 {
            assert_eq!(broken.send(&log, number).wait_blocking().unwrap().index, LeafIndex(number));
        }
        assert!(log.fatal().is_none());
        check_resources(&log, &log.published().unwrap());
        stop(log);
    }
}

/// F9: after a sync that failed nothing is written again, by anybody.
#[test]
fn f09_a_failed_sync_stops_the_log_and_is_never_tried_again() {
    let broken = Broken::new();
    let (log, engine) = broken.open();
    engine.fail(Step::Sync, Outcome::Lost, Times::Once);
    assert_eq!(broken.send(&log, START).wait_blocking().unwrap_err().code(), Code::Stopping);
    assert!(log.close().is_err());
    let validated = log.validate(Bytes::from(testing::model_card("lab", START))).unwrap();
    assert_eq!(log.submit(validated, Wait::Published).unwrap_err().code(), Code::Stopping);
    assert_eq!(engine.calls(Step::Sync), 1);
    assert_eq!(log.published().unwrap().size, TreeSize(START), "readers keep what they had");
}

/// F4, without a disk that is full: what the engine says about its room decides, and is asked again while nothing comes.
#[test]
fn f04_a_log_without_room_takes_nothing_in_and_resumes_by_itself() {
    let broken = Broken::new();
    let (log, engine) = broken.open();
    engine.set_room(Some(super::super::room::LOW - 1));
    // Whoever comes first finds out, unless an idle moment did; after it the door is closed.
    for _ in 0..2 {
        let validated = log.validate(Bytes::from(testing::model_card("lab", START))).unwrap();
        let answer = log.submit(validated, Wait::Published).and_then(Ticket::wait_blocking);
        assert_eq!(answer.unwrap_err().code(), Code::DiskFull);
    }
    assert!(log.is_read_only() && !log.has_room_for(1) && log.fatal().is_none());
    check_resources(&log, &log.published().unwrap());
    // More room than it stopped at is not yet enough.
    engine.set_room(Some(super::super::room::LOW));
    assert_eq!(log.counters().entries, 0, "renewals are no entries");
    engine.set_room(Some(super::super::room::NONE - 1));
    let ballast = || std::fs::metadata(broken.dir.path().join("ballast")).unwrap().len();
    while ballast() > 0 {
        std::thread::yield_now();
    }
    engine.set_room(Some(super::super::room::ENOUGH));
    while log.is_read_only() {
        std::thread::yield_now();
    }
    assert_eq!(ballast(), 8 << 20);
    assert_eq!(broken.send(&log, START).wait_blocking().unwrap().index, LeafIndex(START));
    stop(log);
}
