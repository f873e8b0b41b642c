//! The law of the trait, on a real disk, and readers beside the writer.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

#[test]
fn it_keeps_the_law_that_every_engine_keeps() {
    let dir = tempfile::tempdir().unwrap();
    let options = LocalOptions::new(dir.path().join("a/log"), ORIGIN);
    let engine = LocalEngine::create(&options).unwrap();
    sample::the_law(&engine);
    assert_eq!(damages(&engine), []);
    let (head, known) = (engine.head().unwrap(), sample::everything(&engine));
    drop(engine);
    let engine = LocalEngine::open(&options).unwrap();
    assert_eq!(engine.opened(), &Opened::default());
    assert_eq!((engine.head().unwrap(), sample::everything(&engine)), (head, known));
}

#[test]
fn a_log_goes_on_over_the_ends_of_many_segments() {
    let mut lab = Lab::with_short_segments();
    let mut engine = lab.create();
    for round in 0..40 {
        let known = sample::everything(&engine);
        let next = lab.commit(&engine, &[round * 70, 3000 - round * 70, 5]).next;
        let now = sample::everything(&engine);
        assert_eq!(&now[..known.len()], known);
        engine.replay(next, &mut |_| panic!("nothing stands behind the end")).unwrap();
        if round % 7 == 3 {
            drop(engine);
            engine = lab.open().unwrap();
        }
    }
    assert_eq!(damages(&engine), []);
    assert!(lab.disk.bytes(&lab.options.dir.join("journal/00000001.log")).is_some());
    assert!(lab.disk.bytes(&lab.options.dir.join("bodies/00000015.seg")).is_some());
    drop(engine);
    // From wherever a replay starts, the rest comes in order.
    let engine = lab.open().unwrap();
    let mut starts = vec![(0, Position::START)];
    let keep = &mut |found: Replayed<'_>| {
        starts.extend(found.next.map(|next| (found.index.0 + 1, next)));
        ControlFlow::Continue(())
    };
    engine.replay(Position::START, keep).unwrap();
    for (mut index, start) in starts {
        let count = &mut |found: Replayed<'_>| {
            assert_eq!(found.index.0, index);
            index += 1;
            ControlFlow::Continue(())
        };
        engine.replay(start, count).unwrap();
        assert_eq!(index, 120);
    }
}

#[test]
fn readers_see_whole_entries_and_bodies_while_the_writer_commits_and_erases() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = LocalOptions::new(dir.path().join("log"), ORIGIN);
    options.segment_bytes = 20_000;
    let engine = LocalEngine::create(&options).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    // Reads every entry and every body; a torn or foreign one would not match its checksum.
                    for (index, (_, _, body)) in sample::everything(&engine).into_iter().enumerate() {
                        assert!(body.is_none_or(|body| body == sample::body(index as u64, body.len())));
                    }
                }
            });
        }
        let mut planner = Planner::default();
        for round in 0..30 {
            engine.commit(&planner.plan(&[900, 40, 2000]), sample::version(&engine)).unwrap();
            let all = sample::everything(&engine);
            engine.erase_body(all[round * 2].1).unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(damages(&engine), []);
}
