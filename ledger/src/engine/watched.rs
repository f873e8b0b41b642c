//! An engine whose readers' damages are not forgotten: whoever meets one is answered, and whoever runs the log is told.

use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::{CommitPlan, Committed, Engine, EngineError, Head, Place, Position, Replayed, Version};

/// The first damage that was met while an engine was read: a file, and what is wrong there.
#[derive(Debug, Clone, Default)]
pub struct FirstDamage(Arc<OnceLock<(String, String)>>);

impl FirstDamage {
    /// The place and what is wrong there, if anything was met.
    pub fn get(&self) -> Option<(&str, &str)> {
        self.0.get().map(|(place, what)| (place.as_str(), what.as_str()))
    }

    /// Keeps what a reader met, if it is the first.
    pub(crate) fn met(&self, place: String, what: String) {
        let _ = self.0.set((place, what));
    }

    fn note<T>(&self, result: Result<T, EngineError>) -> Result<T, EngineError> {
        if let Err(EngineError::Corrupt { file, offset, what }) = &result {
            self.met(format!("{file} at byte {offset}"), what.clone());
        }
        result
    }
}

/// Another engine, watched.
pub(crate) struct Watched {
    engine: Arc<dyn Engine>,
    damage: FirstDamage,
}

impl Watched {
    pub(crate) fn new(engine: Arc<dyn Engine>, damage: FirstDamage) -> Self {
        Self { engine, damage }
    }
}

impl Engine for Watched {
    fn head(&self) -> Result<Option<(Head, Version)>, EngineError> {
        self.engine.head()
    }

    fn commit(&self, plan: &CommitPlan, expect: Option<Version>) -> Result<Committed, EngineError> {
        self.engine.commit(plan, expect)
    }

    fn replay(
        &self,
        from: Position,
        visit: &mut dyn FnMut(Replayed<'_>) -> ControlFlow<()>,
    ) -> Result<(), EngineError> {
        self.damage.note(self.engine.replay(from, visit))
    }

    fn read_entry(&self, place: Place) -> Result<Bytes, EngineError> {
        self.damage.note(self.engine.read_entry(place))
    }

    fn read_body(&self, place: Place) -> Result<Option<Bytes>, EngineError> {
        self.damage.note(self.engine.read_body(place))
    }

    fn erase_body(&self, place: Place) -> Result<(), EngineError> {
        self.damage.note(self.engine.erase_body(place))
    }

    fn publish(&self, checkpoint: &[u8]) -> Result<(), EngineError> {
        self.engine.publish(checkpoint)
    }

    fn published(&self) -> Result<Option<Bytes>, EngineError> {
        self.engine.published()
    }

    fn room(&self) -> Result<Option<u64>, EngineError> {
        self.engine.room()
    }

    fn release_ballast(&self) -> Result<(), EngineError> {
        self.engine.release_ballast()
    }

    fn restore_ballast(&self) -> Result<(), EngineError> {
        self.engine.restore_ballast()
    }
}
