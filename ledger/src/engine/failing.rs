//! An engine that fails on purpose: any engine, with one of its steps broken.
//!
//! Each step can be broken in two ways, for those are what a caller cannot tell apart: it failed and left nothing, or
//! it failed and yet was done. Faults below the level of a commit (the n-th write, a lost sync, a torn frame) are the
//! business of [`SimDisk`](super::local::sim::SimDisk).

use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::{CommitPlan, Committed, Engine, EngineError, Head, Place, Position, Replayed, Version};

/// A step that can be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Asking for the head.
    Head,
    /// A commit's append of bodies or journal, short of an `fsync`: the batch fails and no more. As an engine takes
    /// its tail back, both outcomes leave nothing.
    Append,
    /// A commit's `fsync` before the guard: the process must stop. Both outcomes leave nothing that counts.
    Sync,
    /// A commit's guard swap: the process must stop.
    Guard,
    /// A replay; it fails before the first entry.
    Replay,
    /// Reading an entry.
    ReadEntry,
    /// Reading a body.
    ReadBody,
    /// Erasing a body, short of an `fsync`.
    Erase,
    /// Remembering what was published, short of an `fsync`.
    Publish,
    /// Asking for what was published.
    Published,
}

/// What a broken step leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It failed and was not persisted.
    Lost,
    /// It failed but was persisted.
    Kept,
}

/// How often a step fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// The next time only.
    Once,
    /// Until [`FailingEngine::heal`].
    Always,
}

#[derive(Debug, Clone, Copy)]
struct Fault {
    outcome: Outcome,
    times: Times,
    kind: io::ErrorKind,
    /// How many calls pass unharmed before.
    after: u64,
}

#[derive(Debug, Default)]
struct Plans {
    faults: BTreeMap<Step, Fault>,
    calls: BTreeMap<Step, u64>,
    stopped: bool,
    room: Option<u64>,
}

/// An engine with broken steps.
#[derive(Debug)]
pub struct FailingEngine<E> {
    inner: E,
    plans: Mutex<Plans>,
}

impl<E: Engine> FailingEngine<E> {
    /// The engine, unbroken as yet.
    pub fn new(inner: E) -> Self {
        Self { inner, plans: Mutex::default() }
    }

    /// Breaks a step from its next call on.
    pub fn fail(&self, step: Step, outcome: Outcome, times: Times) {
        self.fail_after(0, step, outcome, times, io::ErrorKind::Other);
    }

    /// Breaks a step after `after` more calls of it, with an error of this kind (`StorageFull` for a full disk).
    pub fn fail_after(&self, after: u64, step: Step, outcome: Outcome, times: Times, kind: io::ErrorKind) {
        self.plans().faults.insert(step, Fault { outcome, times, kind, after });
    }

    /// From now on the engine says that its disks take so many bytes more.
    pub fn set_room(&self, room: Option<u64>) {
        self.plans().room = room;
    }

    /// Mends every step. An engine that stopped stays stopped.
    pub fn heal(&self) {
        self.plans().faults.clear();
    }

    /// What a new start of the process does for an engine that stopped; the inner engine is not opened anew.
    pub fn restart(&self) {
        self.plans().stopped = false;
    }

    /// How often a step was called, broken or not; a commit counts as one call each of `Append`, `Sync` and `Guard`,
    /// as far as it came.
    pub fn calls(&self, step: Step) -> u64 {
        self.plans().calls.get(&step).copied().unwrap_or(0)
    }

    /// The engine within.
    pub fn inner(&self) -> &E {
        &self.inner
    }

    /// Takes the engine out.
    pub fn into_inner(self) -> E {
        self.inner
    }

    fn plans(&self) -> MutexGuard<'_, Plans> {
        // Counters and plans are whole after every statement, so a panic elsewhere does not spoil them.
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call and says whether and how it fails.
    fn meet(&self, step: Step) -> Option<Fault> {
        let mut plans = self.plans();
        *plans.calls.entry(step).or_default() += 1;
        let fault = plans.faults.get_mut(&step)?;
        if fault.after > 0 {
            fault.after -= 1;
            return None;
        }
        let fault = *fault;
        if fault.times == Times::Once {
            plans.faults.remove(&step);
        }
        Some(fault)
    }

    fn running(&self) -> Result<(), EngineError> {
        if self.plans().stopped {
            return Err(EngineError::Fatal { what: "the engine stopped earlier".to_owned(), source: None });
        }
        Ok(())
    }

    /// Fails a step whose failure stops the process.
    fn stop(&self, step: Step, fault: Fault) -> EngineError {
        self.plans().stopped = true;
        EngineError::Fatal { what: format!("{step:?} was made to fail"), source: Some(fault.kind.into()) }
    }
}

fn not_committed(step: Step, fault: Fault) -> EngineError {
    EngineError::NotCommitted { what: format!("{step:?} was made to fail"), source: fault.kind.into() }
}

fn unreadable(step: Step) -> EngineError {
    EngineError::Corrupt { file: "failing".to_owned(), offset: 0, what: format!("{step:?} was made to fail") }
}

impl<E: Engine> Engine for FailingEngine<E> {
    fn head(&self) -> Result<Option<(Head, Version)>, EngineError> {
        self.running()?;
        self.meet(Step::Head).map_or_else(|| self.inner.head(), |_| Err(unreadable(Step::Head)))
    }

    fn commit(&self, plan: &CommitPlan, expect: Option<Version>) -> Result<Committed, EngineError> {
        self.running()?;
        if let Some(fault) = self.meet(Step::Append) {
            return Err(not_committed(Step::Append, fault));
        }
        if let Some(fault) = self.meet(Step::Sync) {
            return Err(self.stop(Step::Sync, fault));
        }
        let Some(fault) = self.meet(Step::Guard) else { return self.inner.commit(plan, expect) };
        if fault.outcome == Outcome::Kept {
            self.inner.commit(plan, expect)?;
        }
        Err(self.stop(Step::Guard, fault))
    }

    fn replay(
        &self,
        from: Position,
        visit: &mut dyn FnMut(Replayed<'_>) -> ControlFlow<()>,
    ) -> Result<(), EngineError> {
        self.running()?;
        self.meet(Step::Replay).map_or_else(|| self.inner.replay(from, visit), |_| Err(unreadable(Step::Replay)))
    }

    fn read_entry(&self, place: Place) -> Result<Bytes, EngineError> {
        self.running()?;
        self.meet(Step::ReadEntry).map_or_else(|| self.inner.read_entry(place), |_| Err(unreadable(Step::ReadEntry)))
    }

    fn read_body(&self, place: Place) -> Result<Option<Bytes>, EngineError> {
        self.running()?;
        self.meet(Step::ReadBody).map_or_else(|| self.inner.read_body(place), |_| Err(unreadable(Step::ReadBody)))
    }

    fn erase_body(&self, place: Place) -> Result<(), EngineError> {
        self.running()?;
        let Some(fault) = self.meet(Step::Erase) else { return self.inner.erase_body(place) };
        if fault.outcome == Outcome::Kept {
            self.inner.erase_body(place)?;
        }
        Err(not_committed(Step::Erase, fault))
    }

    fn publish(&self, checkpoint: &[u8]) -> Result<(), EngineError> {
        self.running()?;
        let Some(fault) = self.meet(Step::Publish) else { return self.inner.publish(checkpoint) };
        if fault.outcome == Outcome::Kept {
            self.inner.publish(checkpoint)?;
        }
        Err(not_committed(Step::Publish, fault))
    }

    fn published(&self) -> Result<Option<Bytes>, EngineError> {
        self.running()?;
        self.meet(Step::Published).map_or_else(|| self.inner.published(), |_| Err(unreadable(Step::Published)))
    }

    fn room(&self) -> Result<Option<u64>, EngineError> {
        self.running()?;
        let room = self.plans().room;
        room.map_or_else(|| self.inner.room(), |room| Ok(Some(room)))
    }

    fn release_ballast(&self) -> Result<(), EngineError> {
        self.running()?;
        self.inner.release_ballast()
    }

    fn restore_ballast(&self) -> Result<(), EngineError> {
        self.running()?;
        self.inner.restore_ballast()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use std::sync::Arc;

    use super::super::local::sim::SimDisk;
    use super::super::sample::{self, ORIGIN, Writer, version};
    use super::super::{LocalEngine, LocalOptions, MemoryEngine};
    use super::*;

    type Broken = FailingEngine<Arc<dyn Engine>>;

    fn engine() -> Broken {
        FailingEngine::new(Arc::new(MemoryEngine::new(ORIGIN)))
    }

    /// One of each kind.
    fn engines() -> [Broken; 2] {
        let disk = Arc::new(SimDisk::new(1));
        let local = LocalEngine::create_on(disk, &LocalOptions::new("/disk/log", ORIGIN)).unwrap();
        [engine(), FailingEngine::new(Arc::new(local))]
    }

    #[test]
    fn unbroken_it_keeps_the_law() {
        for engine in engines() {
            sample::the_law(&engine);
        }
    }

    /// The table under F17, row by row: does the tree advance, must the process stop?
    #[test]
    fn f17_each_step_of_a_commit_fails_in_both_ways() {
        for (step, outcome, advances, stops) in [
            (Step::Append, Outcome::Lost, false, false),
            (Step::Append, Outcome::Kept, false, false),
            (Step::Sync, Outcome::Lost, false, true),
            (Step::Sync, Outcome::Kept, false, true),
            (Step::Guard, Outcome::Lost, false, true),
            (Step::Guard, Outcome::Kept, true, true),
        ] {
            for engine in engines() {
                let mut writer = Writer::default();
                // Two leaves below a full tile, so that it is the broken batch that fills it.
                engine.commit(&writer.plan(&[1; 254]), None).unwrap();
                let known = version(&engine);
                let plan = writer.plan(&[3, 4, 5]);
                engine.fail(step, outcome, Times::Once);
                let error = engine.commit(&plan, known).unwrap_err();
                assert_eq!(matches!(error, EngineError::Fatal { .. }), stops, "{step:?} {outcome:?}: {error}");
                assert_eq!(engine.head().is_err(), stops);
                engine.restart();
                assert_eq!(version(&engine) > known, advances, "{step:?} {outcome:?}");
                if !advances {
                    // The same size fails again, and then the batch goes through.
                    engine.fail(step, outcome, Times::Once);
                    engine.commit(&plan, known).unwrap_err();
                    engine.restart();
                    engine.commit(&plan, known).unwrap();
                }
                assert_eq!(sample::everything(&engine).len(), 257);
            }
        }
    }

    #[test]
    fn f17_a_failed_publication_does_not_stop_the_process() {
        for (outcome, kept) in [(Outcome::Lost, false), (Outcome::Kept, true)] {
            let engine = engine();
            let plan = Writer::default().plan(&[1]);
            engine.commit(&plan, None).unwrap();
            engine.fail(Step::Publish, outcome, Times::Always);
            for _ in 0..2 {
                let error = engine.publish(&plan.head.checkpoint).unwrap_err();
                assert!(matches!(error, EngineError::NotCommitted { .. }));
            }
            assert_eq!(engine.published().unwrap().is_some(), kept);
            engine.heal();
            engine.publish(&plan.head.checkpoint).unwrap();
            assert_eq!(engine.calls(Step::Publish), 3);
        }
    }

    #[test]
    fn a_fault_can_wait_for_a_later_call() {
        let engine = engine();
        let mut writer = Writer::default();
        engine.fail_after(1, Step::Append, Outcome::Lost, Times::Once, io::ErrorKind::StorageFull);
        engine.commit(&writer.plan(&[1]), None).unwrap();
        let plan = writer.plan(&[1]);
        match engine.commit(&plan, version(&engine)).unwrap_err() {
            EngineError::NotCommitted { source, .. } => assert_eq!(source.kind(), io::ErrorKind::StorageFull),
            other => panic!("{other}"),
        }
        engine.commit(&plan, version(&engine)).unwrap();
        assert_eq!((engine.calls(Step::Append), engine.calls(Step::Guard)), (3, 2));
    }
}
