//! A log in memory, for tests: the law of [`Engine`] without a disk. Nothing survives the process.

use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard};

use bytes::Bytes;

use crate::ids::LeafIndex;
use crate::merkle::LeafHash;

use super::plan::check_published;
use super::{CommitPlan, Committed, Engine, EngineError, Head, Place, Places, Position, Replayed, Version};

/// A log in memory. Share it in an [`Arc`](std::sync::Arc) and it outlives what uses it, as a folder would.
#[derive(Debug)]
pub struct MemoryEngine {
    origin: String,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    head: Option<Head>,
    version: u64,
    pairs: Vec<Pair>,
    /// The index after the last entry of each batch, in order: where a replay may start.
    ends: Vec<u64>,
    published: Option<Bytes>,
}

#[derive(Debug, Clone)]
struct Pair {
    entry: Bytes,
    /// `None` once it was erased; its place stays as it was.
    body: Option<Bytes>,
    places: Places,
}

/// The "segments" of a place: entries and bodies; the offset is the index.
const ENTRIES: u32 = 0;
const BODIES: u32 = 1;

impl MemoryEngine {
    /// A log with this origin and without a commit.
    pub fn new(origin: impl Into<String>) -> Self {
        Self { origin: origin.into(), kept: Mutex::default() }
    }

    fn pair(&self, index: u64) -> Result<Pair, EngineError> {
        let pair = self.kept()?.pairs.get(index as usize).cloned();
        pair.ok_or_else(|| nothing(index, "nothing stands here"))
    }

    fn kept(&self) -> Result<MutexGuard<'_, Kept>, EngineError> {
        // A panic under the lock may have left half a commit.
        self.kept.lock().map_err(|_| EngineError::Fatal { what: "a commit panicked".to_owned(), source: None })
    }
}

impl Engine for MemoryEngine {
    fn head(&self) -> Result<Option<(Head, Version)>, EngineError> {
        let kept = self.kept()?;
        Ok(kept.head.clone().map(|head| (head, Version(kept.version))))
    }

    fn commit(&self, plan: &CommitPlan, expect: Option<Version>) -> Result<Committed, EngineError> {
        let mut kept = self.kept()?;
        if expect != kept.head.as_ref().map(|_| Version(kept.version)) {
            return Err(EngineError::Superseded);
        }
        plan.check(&self.origin, kept.head.as_ref())?;
        if let Some(wrong) = plan.entries.iter().position(|p| LeafHash::of_entry(&p.entry) != p.leaf) {
            let index = plan.first.0 + wrong as u64;
            return Err(EngineError::Fatal { what: format!("entry {index} has another leaf hash"), source: None });
        }
        for (index, planned) in (plan.first.0..).zip(&plan.entries) {
            let place = |segment, bytes: &Bytes| Place { segment, len: bytes.len() as u32, offset: index };
            let places = Places { entry: place(ENTRIES, &planned.entry), body: place(BODIES, &planned.body) };
            kept.pairs.push(Pair { entry: planned.entry.clone(), body: Some(planned.body.clone()), places });
        }
        if !plan.entries.is_empty() {
            kept.ends.push(plan.head.size.0);
        }
        kept.head = Some(plan.head.clone());
        kept.version += 1;
        let places = kept.pairs.iter().skip(plan.first.0 as usize).map(|pair| pair.places).collect();
        Ok(Committed { version: Version(kept.version), places, next: position(kept.pairs.len() as u64) })
    }

    fn replay(
        &self,
        from: Position,
        visit: &mut dyn FnMut(Replayed<'_>) -> ControlFlow<()>,
    ) -> Result<(), EngineError> {
        let ends = self.kept()?.ends.clone();
        if from != Position::START && !ends.iter().any(|end| from == position(*end)) {
            return Err(nothing(from.offset, "no frame begins here"));
        }
        for index in from.offset..ends.last().copied().unwrap_or(0) {
            // The lock is not held while the visitor runs: it may read bodies.
            let pair = self.pair(index)?;
            let next = ends.binary_search(&(index + 1)).is_ok().then(|| position(index + 1));
            let replayed = Replayed { index: LeafIndex(index), entry: &pair.entry, places: pair.places, next };
            if visit(replayed).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn read_entry(&self, place: Place) -> Result<Bytes, EngineError> {
        let pair = self.pair(place.offset)?;
        if pair.places.entry == place { Ok(pair.entry) } else { Err(nothing(place.offset, "no entry stands here")) }
    }

    fn read_body(&self, place: Place) -> Result<Option<Bytes>, EngineError> {
        let pair = self.pair(place.offset)?;
        if pair.places.body == place { Ok(pair.body) } else { Err(nothing(place.offset, "no body stands here")) }
    }

    fn erase_body(&self, place: Place) -> Result<(), EngineError> {
        self.read_body(place)?;
        if let Some(pair) = self.kept()?.pairs.get_mut(place.offset as usize) {
            pair.body = None;
        }
        Ok(())
    }

    fn publish(&self, checkpoint: &[u8]) -> Result<(), EngineError> {
        let mut kept = self.kept()?;
        check_published(checkpoint, kept.head.as_ref(), kept.published.as_deref())?;
        kept.published = Some(Bytes::copy_from_slice(checkpoint));
        Ok(())
    }

    fn published(&self) -> Result<Option<Bytes>, EngineError> {
        Ok(self.kept()?.published.clone())
    }
}

fn position(index: u64) -> Position {
    Position { segment: 0, offset: index }
}

fn nothing(offset: u64, what: &str) -> EngineError {
    EngineError::Corrupt { file: "memory".to_owned(), offset, what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::super::sample::{self, ORIGIN};
    use super::*;

    #[test]
    fn it_keeps_the_law_that_every_engine_keeps() {
        sample::the_law(&MemoryEngine::new(ORIGIN));
    }

    #[test]
    fn f15_a_wrong_leaf_hash_is_fatal() {
        let engine = MemoryEngine::new(ORIGIN);
        let mut plan = sample::Writer::default().plan(&[300, 20]);
        plan.entries[1].leaf = LeafHash::of_entry(b"another");
        assert!(matches!(engine.commit(&plan, None), Err(EngineError::Fatal { .. })));
        assert_eq!(engine.head().unwrap(), None);
    }
}
