//! Plans for tests, and the law of [`Engine`] as one test that every engine must pass.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::ops::ControlFlow;

use bytes::Bytes;

use crate::ids::{LeafIndex, TreeSize};
use crate::merkle::{CompactRange, LeafHash, RootHash};

use super::{CommitPlan, Engine, EngineError, Head, Place, PlannedEntry, Position, Version};

pub(super) const ORIGIN: &str = "log.example.org/2026";

/// Makes plans that extend one another, with the real root over their entries.
#[derive(Default, Clone)]
pub(super) struct Writer {
    range: CompactRange,
    notes: u64,
}

impl Writer {
    /// One entry per number, with a body of so many bytes; none at all renews the checkpoint.
    pub(super) fn plan(&mut self, bodies: &[usize]) -> CommitPlan {
        let first = LeafIndex(self.range.size().0);
        let mut entries = Vec::new();
        for (index, len) in (first.0..).zip(bodies) {
            let entry = Bytes::from(format!("entry {index}, note {} {}", self.notes, "·".repeat(index as usize % 7)));
            let leaf = LeafHash::of_entry(&entry);
            self.range.append(leaf, &mut |_, _, _| {});
            entries.push(PlannedEntry { entry, leaf, body: body(index, *len) });
        }
        self.notes += 1;
        CommitPlan { first, entries, head: head(self.range.size(), self.range.root(), self.notes) }
    }
}

pub(super) fn head(size: TreeSize, root: RootHash, salt: u64) -> Head {
    let checkpoint = format!("{ORIGIN}\n{size}\n{root}\n\n— {ORIGIN} signature{salt}\n");
    Head { origin: ORIGIN.to_owned(), size, root, checkpoint: Bytes::from(checkpoint) }
}

/// A body that differs from every other of its length.
pub(super) fn body(index: u64, len: usize) -> Bytes {
    let mut state = index.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..len).map(|_| next()).collect()
}

/// Everything that is committed: entry, place of its body, body.
pub(super) fn everything(engine: &dyn Engine) -> Vec<(Bytes, Place, Option<Bytes>)> {
    let mut found = Vec::new();
    engine
        .replay(Position::START, &mut |replayed| {
            assert_eq!(replayed.index.0, found.len() as u64);
            found.push((Bytes::copy_from_slice(replayed.entry), replayed.places));
            ControlFlow::Continue(())
        })
        .unwrap();
    let read = |(entry, places): (Bytes, super::Places)| {
        assert_eq!(engine.read_entry(places.entry).unwrap(), entry);
        (entry, places.body, engine.read_body(places.body).unwrap())
    };
    found.into_iter().map(read).collect()
}

pub(super) fn version(engine: &dyn Engine) -> Option<Version> {
    engine.head().unwrap().map(|(_, version)| version)
}

/// What every engine must do, from an empty log on.
pub(super) fn the_law(engine: &dyn Engine) {
    let mut writer = Writer::default();
    assert_eq!(engine.head().unwrap(), None);
    assert_eq!(engine.published().unwrap(), None);
    assert!(everything(engine).is_empty());

    // A commit is seen as it was planned.
    let first = writer.plan(&[3, 0, 70_000]);
    let done = engine.commit(&first, None).unwrap();
    assert_eq!(engine.head().unwrap(), Some((first.head.clone(), done.version)));
    for ((entry, place, body), (planned, places)) in
        everything(engine).iter().zip(first.entries.iter().zip(&done.places))
    {
        assert_eq!((entry, body), (&planned.entry, &Some(planned.body.clone())));
        assert_eq!(*place, places.body);
    }

    // Compare and swap: neither a stale version nor none changes anything.
    let second = writer.plan(&[10]);
    for stale in [None, Some(Version(done.version.0 + 1))] {
        assert!(matches!(engine.commit(&second, stale), Err(EngineError::Superseded)));
    }
    // Nor does a plan that does not extend the head.
    for wrong in [
        CommitPlan { first: LeafIndex(2), ..second.clone() },
        CommitPlan { head: head(TreeSize(5), second.head.root, 0), ..second.clone() },
        CommitPlan { head: Head { origin: "another.example".to_owned(), ..second.head.clone() }, ..second.clone() },
        CommitPlan { head: Head { size: TreeSize(4), ..first.head.clone() }, ..second.clone() },
        CommitPlan { entries: Vec::new(), head: head(TreeSize(3), RootHash::EMPTY, 0), ..second.clone() },
    ] {
        assert!(matches!(engine.commit(&wrong, Some(done.version)), Err(EngineError::NotCommitted { .. })));
    }
    assert_eq!(everything(engine).len(), 3);
    let next = engine.commit(&second, Some(done.version)).unwrap();
    assert!(next.version > done.version);

    // A renewal changes the checkpoint and nothing else.
    let renewal = writer.plan(&[]);
    let renewed = engine.commit(&renewal, Some(next.version)).unwrap();
    assert!(renewed.places.is_empty());
    assert_eq!(engine.head().unwrap(), Some((renewal.head.clone(), renewed.version)));

    // A replay starts at every position that was handed out, and stops when it is told to.
    let mut seen = Vec::new();
    let visit = &mut |replayed: super::Replayed<'_>| {
        seen.push((replayed.index.0, replayed.next));
        ControlFlow::Continue(())
    };
    engine.replay(done.next, visit).unwrap();
    assert_eq!(seen, [(3, Some(renewed.next))]);
    let mut seen = 0;
    engine.replay(renewed.next, &mut |_| panic!("there is nothing behind the end")).unwrap();
    let stop = &mut |replayed: super::Replayed<'_>| {
        seen += 1;
        assert_eq!(replayed.next.is_some(), replayed.index.0 == 2);
        if seen == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    engine.replay(Position::START, stop).unwrap();
    assert_eq!(seen, 3);

    // Only what was committed is published, and it never goes back.
    let uncommitted = writer.plan(&[1]).head;
    assert!(matches!(engine.publish(&uncommitted.checkpoint), Err(EngineError::NotCommitted { .. })));
    assert!(matches!(engine.publish(b"not a note"), Err(EngineError::NotCommitted { .. })));
    engine.publish(&renewal.head.checkpoint).unwrap();
    assert!(matches!(engine.publish(&first.head.checkpoint), Err(EngineError::NotCommitted { .. })));
    assert_eq!(engine.published().unwrap().as_ref(), Some(&renewal.head.checkpoint));

    // An erased body is gone, its neighbours are not, and its place stays.
    let before = everything(engine);
    for _ in 0..2 {
        engine.erase_body(before[2].1).unwrap();
        let after = everything(engine);
        assert_eq!(after[2], (before[2].0.clone(), before[2].1, None));
        assert_eq!((&after[..2], &after[3..]), (&before[..2], &before[3..]));
    }

    // A place that nobody handed out is refused.
    let wild = Place { segment: 7, len: 5, offset: 11 };
    let off = Place { len: before[2].1.len - 1, ..before[2].1 };
    for place in [wild, off] {
        assert!(engine.read_body(place).is_err());
        assert!(engine.erase_body(place).is_err());
        assert!(engine.read_entry(place).is_err());
    }
}
