//! Faults one by one: the rows of the scoreboard that a story does not spell out.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::ErrorKind;

use super::super::sim::{SimEnd, SimFault};
use super::*;

/// A log of one batch, and what it takes to plan the next.
fn begun() -> (Lab, LocalEngine) {
    let mut lab = Lab::new();
    let engine = lab.create();
    lab.commit(&engine, &[10, 20]);
    (lab, engine)
}

/// The calls of a commit of one small batch, in order. The test below holds this list against the engine.
const COMMIT: [(&str, Kind); 17] = [
    ("guard, header of copy 0", Kind::Check),
    ("guard, header of copy 1", Kind::Check),
    ("guard, header of copy 2", Kind::Check),
    ("guard, header of copy 3", Kind::Check),
    ("bodies", Kind::Append),
    ("journal", Kind::Append),
    ("sync of bodies", Kind::Sync),
    ("sync of journal", Kind::Sync),
    ("bodies read back", Kind::Append),
    ("journal read back", Kind::Append),
    ("guard, header of copy 0", Kind::Check),
    ("guard, header of copy 1", Kind::Check),
    ("guard, header of copy 2", Kind::Check),
    ("guard, header of copy 3", Kind::Check),
    ("guard, first copy", Kind::Guard),
    ("guard, second copy", Kind::Guard),
    ("sync of guard", Kind::Guard),
];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Check,
    Append,
    Sync,
    Guard,
}

/// The table under F17, at the level of calls. Above it, `FailingEngine` does the same at the level of steps.
#[test]
fn f17_each_call_of_a_commit_fails_in_both_ways() {
    for (fault, end) in [SimFault::Lost, SimFault::Kept]
        .into_iter()
        .flat_map(|fault| [SimEnd::Kill, SimEnd::PowerCut].map(|end| (fault, end)))
    {
        for (nth, (name, kind)) in (1..).zip(COMMIT) {
            let (mut lab, engine) = begun();
            let plan = lab.planner.plan(&[30]);
            lab.disk.fail_at(nth, fault);
            let error = engine.commit(&plan, sample::version(&engine)).unwrap_err();
            let what = format!("{name}, {fault:?}, {end:?}: {error}");
            // Must the process stop?
            let stops = kind != Kind::Append;
            assert_eq!(matches!(error, EngineError::Fatal { .. }), stops, "{what}");
            if !stops {
                // The batch fails and no more: the same batch can follow.
                assert!(matches!(error, EngineError::NotCommitted { .. }), "{what}");
                assert_eq!(damages(&engine), [], "{what}");
                engine.commit(&plan, sample::version(&engine)).unwrap();
            }
            drop(engine);
            lab.disk.restart(end);
            let engine = lab.open().unwrap();
            let size = engine.head().unwrap().unwrap().0.size.0;
            // Does the tree advance? At the guard itself only what was persisted counts, and one whole copy is enough;
            // what was written and not synced may or may not survive the power.
            match kind {
                Kind::Append => assert_eq!(size, 3, "{what}"),
                Kind::Check | Kind::Sync => assert_eq!(size, 2, "{what}"),
                Kind::Guard => {
                    let written = fault == SimFault::Kept || name != "guard, first copy";
                    if end == SimEnd::Kill {
                        assert_eq!(size == 3, written, "{what}");
                    } else if name == "sync of guard" {
                        assert_eq!(size == 3, fault == SimFault::Kept, "{what}");
                    }
                }
            }
            assert_eq!(damages(&engine), [], "{what}");
            if size == 2 {
                engine.commit(&plan, sample::version(&engine)).unwrap();
            }
        }
    }
}

#[test]
fn the_list_of_calls_is_the_whole_commit() {
    let (mut lab, engine) = begun();
    let before = lab.disk.calls();
    lab.commit(&engine, &[30]);
    assert_eq!(lab.disk.calls() - before, COMMIT.len() as u64);
}

#[test]
fn f17_a_failed_publication_stops_the_process_only_if_the_sync_failed() {
    for fault in [SimFault::Lost, SimFault::Kept, SimFault::Half] {
        for (nth, stops) in [(1, false), (2, false), (3, true)] {
            let (lab, engine) = begun();
            let note = engine.head().unwrap().unwrap().0.checkpoint;
            lab.disk.fail_at(nth, fault);
            let error = engine.publish(&note).unwrap_err();
            assert_eq!(matches!(error, EngineError::Fatal { .. }), stops, "{nth}: {error}");
            if !stops {
                assert_eq!(engine.published().unwrap(), None);
                engine.publish(&note).unwrap();
                assert_eq!(engine.published().unwrap(), Some(note));
                assert_eq!(damages(&engine), []);
            }
        }
    }
}

#[test]
fn a_publication_that_failed_and_one_that_was_torn_are_told_apart() {
    for (failed, nth) in [1, 2].into_iter().flat_map(|failed| (1..=3).map(move |nth| (failed, nth))) {
        let (mut lab, engine) = begun();
        let first = engine.head().unwrap().unwrap().0.checkpoint;
        lab.disk.fail_at(failed, SimFault::Kept);
        engine.publish(&first).unwrap_err();
        lab.commit(&engine, &[5]);
        let second = engine.head().unwrap().unwrap().0.checkpoint;
        // A copy of the first stands in the slot when the second is torn in the same slot.
        lab.disk.fail_at(nth, SimFault::End);
        engine.publish(&second).unwrap_err();
        drop(engine);
        lab.disk.restart(SimEnd::Kill);
        let published = lab.open().unwrap().published().unwrap();
        assert!(published.is_none_or(|note| note == first || note == second));
    }
}

#[test]
fn f09_a_failed_sync_is_never_asked_for_again() {
    for nth in [7, 8, 17] {
        let (mut lab, engine) = begun();
        let known = sample::everything(&engine);
        let plan = lab.planner.plan(&[30]);
        lab.disk.fail_at(nth, SimFault::Lost);
        let fatal = |result: Result<(), EngineError>| assert!(matches!(result, Err(EngineError::Fatal { .. })));
        let version = sample::version(&engine);
        fatal(engine.commit(&plan, version).map(drop));
        let calls = lab.disk.calls();
        // Whatever is asked now, the disk is not touched again.
        fatal(engine.commit(&plan, version).map(drop));
        fatal(engine.head().map(drop));
        fatal(engine.published().map(drop));
        fatal(engine.publish(&plan.head.checkpoint));
        fatal(engine.replay(Position::START, &mut |_| ControlFlow::Continue(())));
        fatal(engine.read_body(known[0].1).map(drop));
        fatal(engine.read_entry(known[0].1).map(drop));
        fatal(engine.erase_body(known[0].1));
        fatal(engine.release_ballast());
        fatal(engine.restore_ballast());
        fatal(engine.check(&mut |_| ControlFlow::Continue(())));
        assert_eq!(lab.disk.calls(), calls);
    }
}

#[test]
fn f15_a_bit_that_flips_on_its_way_to_the_disk_is_fatal_before_the_guard_moves() {
    for nth in [5, 6] {
        let (mut lab, engine) = begun();
        let plan = lab.planner.plan(&[3000]);
        lab.disk.fail_at(nth, SimFault::Flip);
        let error = engine.commit(&plan, sample::version(&engine)).unwrap_err();
        assert!(matches!(error, EngineError::Fatal { .. }), "{error}");
        drop(engine);
        lab.disk.restart(SimEnd::Kill);
        assert_eq!(lab.open().unwrap().head().unwrap().unwrap().0.size.0, 2);
    }
}

#[test]
fn f15_a_leaf_hash_that_is_not_the_entrys_is_fatal() {
    let (mut lab, engine) = begun();
    let mut plan = lab.planner.plan(&[30, 40]);
    let mut hash = *plan.entries[1].leaf.as_bytes();
    hash[9] ^= 4;
    plan.entries[1].leaf = crate::merkle::LeafHash::from_bytes(hash);
    let error = engine.commit(&plan, sample::version(&engine)).unwrap_err();
    assert!(matches!(&error, EngineError::Fatal { what, .. } if what.contains("entry 3")), "{error}");
    drop(engine);
    assert_eq!(lab.open().unwrap().head().unwrap().unwrap().0.size.0, 2);
}

#[test]
fn f04_a_full_disk_refuses_batches_and_goes_on_when_there_is_room() {
    // Full at every so many bytes more than are in use.
    for room in (0..40_000).step_by(1_300) {
        let mut lab = Lab::with_short_segments();
        let engine = lab.create();
        lab.commit(&engine, &[10, 20]);
        lab.disk.set_capacity(Some(lab.disk.used() + room));
        let mut known = sample::everything(&engine);
        let mut refused = 0;
        while refused < 3 {
            let planner = lab.planner.clone();
            let plan = lab.planner.plan(&[1500, 300]);
            match engine.commit(&plan, sample::version(&engine)) {
                Ok(_) => known = sample::everything(&engine),
                Err(EngineError::NotCommitted { source, .. }) => {
                    assert_eq!(source.kind(), ErrorKind::StorageFull);
                    lab.planner = planner;
                    refused += 1;
                    // Reading goes on, and so does what needs no room.
                    assert_eq!(sample::everything(&engine), known);
                    let head = engine.head().unwrap().unwrap().0;
                    engine.publish(&head.checkpoint).unwrap();
                    lab.commit(&engine, &[]);
                }
                Err(other) => panic!("{room}: {other}"),
            }
        }
        // A process that starts on the full disk starts.
        drop(engine);
        let engine = lab.open().unwrap();
        assert_eq!(sample::everything(&engine), known);
        // The ballast makes room for the end, and is only taken again when there is some.
        assert!(engine.holds_ballast().unwrap());
        engine.release_ballast().unwrap();
        assert!(!engine.holds_ballast().unwrap());
        lab.disk.set_capacity(Some(lab.disk.used()));
        let error = engine.restore_ballast().unwrap_err();
        assert!(
            matches!(&error, EngineError::NotCommitted { source, .. } if source.kind() == ErrorKind::StorageFull),
            "{error}"
        );
        lab.disk.set_capacity(None);
        lab.commit(&engine, &[1500, 300]);
        engine.restore_ballast().unwrap();
        assert!(engine.holds_ballast().unwrap());
        assert_eq!(damages(&engine), []);
    }
}

#[test]
fn f21_an_erasure_that_ends_anywhere_leaves_the_body_whole_or_gone() {
    for (fault, end) in [
        (SimFault::End, SimEnd::Kill),
        (SimFault::End, SimEnd::PowerCut),
        (SimFault::Lost, SimEnd::PowerCut),
        (SimFault::Kept, SimEnd::PowerCut),
        (SimFault::Half, SimEnd::Kill),
    ] {
        for segment in ["closed", "open"] {
            let mut states = [0, 0];
            for nth in 1.. {
                let mut lab = Lab::with_short_segments();
                let engine = lab.create();
                for _ in 0..4 {
                    lab.commit(&engine, &[800, 1200]);
                }
                let known = sample::everything(&engine);
                let at = if segment == "closed" { 1 } else { 7 };
                lab.disk.fail_at(nth, fault);
                let result = engine.erase_body(known[at].1);
                let done = lab.disk.fault_is_planned();
                lab.disk.fail_at(u64::MAX / 2, fault);
                drop(engine);
                lab.disk.restart(end);
                let engine = lab.open().unwrap();
                let leftover = known[at].1.segment;
                let leftover = lab.options.dir.join(format!("bodies/{leftover:08}.seg.new"));
                assert!(lab.disk.bytes(&leftover).is_none());
                let mut now = sample::everything(&engine);
                assert_eq!(damages(&engine), []);
                let erased = now[at].2.is_none();
                assert!(erased || result.is_err(), "acknowledged and not done");
                states[usize::from(erased)] += 1;
                // A start that knows of the retraction does it again; the other bodies are as they were.
                engine.erase_body(now[at].1).unwrap();
                now[at].2.clone_from(&known[at].2);
                assert_eq!(now, known);
                lab.commit(&engine, &[9]);
                assert_eq!(damages(&engine), []);
                if done {
                    break;
                }
            }
            assert!(states[0] > 3 && states[1] > 0, "{states:?}");
        }
    }
}

/// Found by the model test: the sync of a closing cut failed, the process was killed, and the next start took the
/// cached length for the durable one. The next segment was built on it, and the power cut brought the old length back.
#[test]
fn f09_a_closing_cut_that_is_in_the_cache_only_is_made_again_before_anything_is_built_on_it() {
    let mut lab = Lab::with_short_segments();
    let engine = lab.create();
    lab.commit(&engine, &[3000]);
    // After four looks at the guard: the cut of the full segment, then its sync.
    let plan = lab.planner.plan(&[4000]);
    lab.disk.fail_at(6, SimFault::Lost);
    let error = engine.commit(&plan, sample::version(&engine)).unwrap_err();
    assert!(error.to_string().contains("syncing bodies/00000000.seg"), "{error}");
    drop(engine);
    lab.disk.restart(SimEnd::Kill);
    let engine = lab.open().unwrap();
    engine.commit(&plan, sample::version(&engine)).unwrap();
    drop(engine);
    lab.disk.restart(SimEnd::PowerCut);
    let engine = lab.open().unwrap();
    assert_eq!(sample::everything(&engine).len(), 2);
    assert_eq!(damages(&engine), []);
}

/// The same for every call of a commit that closes both of its segments, and for every call of the start after it.
#[test]
fn f17_closing_segments_survives_any_failed_call_then_a_kill_then_a_power_cut() {
    // 90 entries make a frame of more than half a segment.
    let full = [20; 90];
    for fault in [SimFault::Lost, SimFault::Kept, SimFault::Half, SimFault::End] {
        let mut calls = 0;
        for nth in 1.. {
            let mut lab = Lab::with_short_segments();
            let engine = lab.create();
            lab.commit(&engine, &full);
            let before = lab.planner.clone();
            let plan = lab.planner.plan(&full);
            lab.disk.fail_at(nth, fault);
            let acknowledged = engine.commit(&plan, sample::version(&engine)).is_ok();
            drop(engine);
            lab.disk.restart(SimEnd::Kill);
            // Where the fault is still to come it meets the start, which is then tried again.
            let opened = lab.open();
            let met = !lab.disk.fault_is_planned();
            lab.disk.fail_at(u64::MAX / 2, fault);
            let engine = opened.unwrap_or_else(|_| {
                lab.disk.restart(SimEnd::Kill);
                lab.open().unwrap()
            });
            let size = engine.head().unwrap().unwrap().0.size.0;
            assert!(size == 180 || !acknowledged, "{fault:?} at call {nth}: acknowledged and lost");
            if size == 90 {
                lab.planner = before;
                lab.commit(&engine, &full);
            }
            let known = sample::everything(&engine);
            drop(engine);
            lab.disk.restart(SimEnd::PowerCut);
            let engine = lab.open().unwrap_or_else(|error| panic!("{fault:?} at call {nth}: {error}"));
            assert_eq!(sample::everything(&engine), known, "{fault:?} at call {nth}");
            assert_eq!(damages(&engine), [], "{fault:?} at call {nth}");
            calls = nth;
            if !met {
                break;
            }
        }
        assert!(calls > 60, "only {calls} calls");
    }
}

/// Found by a story of `f03`: the file was there, so that every later batch was refused.
#[test]
fn f03_a_segment_that_was_made_in_spite_of_an_error_is_removed_and_made_again() {
    let mut lab = Lab::with_short_segments();
    let engine = lab.create();
    lab.commit(&engine, &[3000]);
    let plan = lab.planner.plan(&[4000]);
    // After four looks at the guard, the cut of the full segment and its sync.
    lab.disk.fail_at(7, SimFault::Kept);
    let error = engine.commit(&plan, sample::version(&engine)).unwrap_err();
    assert!(
        matches!(&error, EngineError::NotCommitted { what, .. } if what.contains("bodies/00000001.seg")),
        "{error}"
    );
    assert_eq!(damages(&engine), []);
    engine.commit(&plan, sample::version(&engine)).unwrap();
    assert_eq!(damages(&engine), []);
}
