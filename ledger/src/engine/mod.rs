//! Where a log is kept: one trait at the level of a commit, and the engines that implement it.
//!
//! An engine makes a batch durable or says that it did not; it knows nothing of records, roles or listings.
//! Look-up is the business of `log::index`, which is fed by [`Engine::replay`] and hands the [`Place`]s it kept back
//! to [`Engine::read_entry`] and [`Engine::read_body`].
//!
//! Start reading at [`Engine`], then [`local`]: its commit is one function, top to bottom.

#[cfg(any(test, feature = "testing"))]
mod failing;
pub mod local;
mod memory;
mod plan;
#[cfg(test)]
mod sample;
mod watched;

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;

use crate::ids::{LeafIndex, TreeSize};
use crate::merkle::{LeafHash, RootHash};

#[cfg(any(test, feature = "testing"))]
pub use failing::{FailingEngine, Outcome, Step, Times};
pub use local::{BodyState, Checked, Damage, LocalEngine, LocalOptions, Opened};
pub use memory::MemoryEngine;
pub use plan::{MAX_BODY_BYTES, MAX_ENTRY_BYTES, MAX_HEAD_NOTE_BYTES, MAX_PLAN_BYTES, MAX_PUBLISHED_NOTE_BYTES};
pub use watched::FirstDamage;
pub(crate) use watched::Watched;

/// What the guard holds: the newest committed checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The first line of the checkpoint.
    pub origin: String,
    /// How many entries are committed.
    pub size: TreeSize,
    /// The root over them.
    pub root: RootHash,
    /// The signed note, secret until it is published.
    pub checkpoint: Bytes,
}

/// Counts the commits of a guard; a commit names the one that it replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u64);

/// One entry of a batch with the body that it names.
#[derive(Debug, Clone)]
pub struct PlannedEntry {
    /// The leaf's bytes.
    pub entry: Bytes,
    /// The hash that the planned root was computed from.
    pub leaf: LeafHash,
    /// The DSSE envelope exactly as accepted.
    pub body: Bytes,
}

/// A batch, computed by pure code: what to append and what the head is afterwards.
///
/// Without entries it renews the checkpoint: `head.size` and `head.root` stay as they are.
#[derive(Debug, Clone)]
pub struct CommitPlan {
    /// The index of the first entry; the size of the head that this plan extends.
    pub first: LeafIndex,
    /// The entries in order.
    pub entries: Vec<PlannedEntry>,
    /// The head after the commit.
    pub head: Head,
}

/// Where an engine keeps some bytes. Opaque to everybody else; 16 bytes when stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Which file or object.
    pub segment: u32,
    /// How many bytes.
    pub len: u32,
    /// From where.
    pub offset: u64,
}

impl Place {
    /// The 16 bytes: segment, length, offset, each big-endian.
    pub fn to_bytes(self) -> [u8; 16] {
        let mut out = [0; 16];
        out[..4].copy_from_slice(&self.segment.to_be_bytes());
        out[4..8].copy_from_slice(&self.len.to_be_bytes());
        out[8..].copy_from_slice(&self.offset.to_be_bytes());
        out
    }

    /// The place that these 16 bytes name.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, rest @ ..] = bytes;
        Self {
            segment: u32::from_be_bytes([a, b, c, d]),
            len: u32::from_be_bytes([e, f, g, h]),
            offset: u64::from_be_bytes(rest),
        }
    }
}

/// The two places of a committed entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places {
    /// The leaf's bytes.
    pub entry: Place,
    /// The body's bytes.
    pub body: Place,
}

/// From where to replay. [`Position::START`] is always valid; others come from [`Replayed`] or [`Committed`].
///
/// They are ordered as the frames are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Which journal file.
    pub segment: u32,
    /// The offset of a frame in it.
    pub offset: u64,
}

impl Position {
    /// Before the first frame.
    pub const START: Self = Self { segment: 0, offset: 0 };
}

/// What a commit left behind.
#[derive(Debug, Clone)]
pub struct Committed {
    /// The guard's new version.
    pub version: Version,
    /// The places of the plan's entries, in order.
    pub places: Vec<Places>,
    /// Where the next frame will stand.
    pub next: Position,
}

/// One committed entry, as replay hands it out. Its body is not read: see [`Engine::read_body`].
#[derive(Debug)]
pub struct Replayed<'a> {
    /// Its index.
    pub index: LeafIndex,
    /// The leaf's bytes, checked against the frame's checksum.
    pub entry: &'a [u8],
    /// Its places.
    pub places: Places,
    /// Where the next frame stands, on the last entry of a frame; a replay may start there.
    pub next: Option<Position>,
}

/// Why an engine did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Somebody else committed: the head is not the expected one. Nothing was written that counts.
    #[error("the head of the log was moved by another writer")]
    Superseded,
    /// The batch is not committed and never will be; the engine is as it was before and can go on.
    #[error("not committed: {what}")]
    NotCommitted {
        /// The step that failed.
        what: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The outcome is unknown, or memory and disk may differ: the process must stop and start again.
    #[error("the process must stop: {what}")]
    Fatal {
        /// The step that failed.
        what: String,
        /// What the system said, where it said something.
        #[source]
        source: Option<std::io::Error>,
    },
    /// Stored bytes are damaged.
    #[error("damaged: {file} at byte {offset}: {what}")]
    Corrupt {
        /// The file, relative to the log's folder.
        file: String,
        /// The first byte of the damaged part.
        offset: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The engine cannot be opened, for the reason that the code names.
    #[error("{0}")]
    Refused(crate::Error),
}

/// A place for one log.
///
/// **Durable.** When [`commit`](Engine::commit) returns `Ok`, the entries, their bodies and the head survive a power
/// cut. When it returns [`EngineError::NotCommitted`] or [`EngineError::Superseded`], none of the batch will ever be
/// seen. When it returns [`EngineError::Fatal`], either may be true, and only a new start tells which.
///
/// **Compare and swap.** A commit whose `expect` is not the guard's version changes nothing.
///
/// **Order.** One writer at a time calls `commit`; readers call `read` and `replay` at any time and see committed
/// bytes only.
///
/// **Never retried.** An engine does not repeat a failed `fsync`, nor a compare-and-swap of unknown outcome: it
/// answers `Fatal`, and so does every later call.
pub trait Engine: Send + Sync + 'static {
    /// The last committed head; `None` for a log that was created and holds no commit yet.
    ///
    /// # Errors
    /// [`EngineError::Fatal`] once the engine has stopped.
    fn head(&self) -> Result<Option<(Head, Version)>, EngineError>;

    /// Makes `plan` durable if the head is still `expect`, or answers [`EngineError::Superseded`].
    ///
    /// # Errors
    /// [`EngineError::Superseded`] and [`EngineError::NotCommitted`] if none of the plan will ever be seen;
    /// [`EngineError::Fatal`] if the outcome is unknown.
    fn commit(&self, plan: &CommitPlan, expect: Option<Version>) -> Result<Committed, EngineError>;

    /// Hands every committed entry from `from` on to `visit`, in order, until it breaks.
    ///
    /// # Errors
    /// [`EngineError::Corrupt`] at the first damage, after all entries before it were visited; [`EngineError::Fatal`]
    /// once the engine has stopped.
    fn replay(&self, from: Position, visit: &mut dyn FnMut(Replayed<'_>) -> ControlFlow<()>)
    -> Result<(), EngineError>;

    /// The bytes of an entry.
    ///
    /// # Errors
    /// [`EngineError::Corrupt`] if it is not whole, or nothing stands there; [`EngineError::Fatal`] once the engine has
    /// stopped.
    fn read_entry(&self, place: Place) -> Result<Bytes, EngineError>;

    /// The bytes of a body, or `None` if it was erased.
    ///
    /// # Errors
    /// [`EngineError::Corrupt`] if it is not whole, or nothing stands there; [`EngineError::Fatal`] once the engine has
    /// stopped.
    fn read_body(&self, place: Place) -> Result<Option<Bytes>, EngineError>;

    /// Removes a body's bytes for good. Repeating it is harmless.
    ///
    /// # Errors
    /// [`EngineError::NotCommitted`] if the disk has no room for it and the body is still there; [`EngineError::Corrupt`]
    /// if its segment is damaged; [`EngineError::Fatal`] if the outcome is unknown.
    fn erase_body(&self, place: Place) -> Result<(), EngineError>;

    /// Remembers durably the newest checkpoint that readers were shown.
    ///
    /// # Errors
    /// [`EngineError::NotCommitted`] for what was never committed or is older than what was shown; [`EngineError::Fatal`] if it is
    /// not known to be durable.
    fn publish(&self, checkpoint: &[u8]) -> Result<(), EngineError>;

    /// The newest checkpoint that readers were shown.
    ///
    /// # Errors
    /// [`EngineError::Fatal`] once the engine has stopped.
    fn published(&self) -> Result<Option<Bytes>, EngineError>;

    /// How many bytes the disk of its data still takes; `None` for an engine without a disk.
    ///
    /// # Errors
    /// [`EngineError::Fatal`] if the system does not say.
    fn room(&self) -> Result<Option<u64>, EngineError> {
        Ok(None)
    }

    /// Gives up what it keeps to make room on a full disk, if it keeps anything.
    ///
    /// # Errors
    /// [`EngineError::NotCommitted`] if it cannot be given up; [`EngineError::Fatal`] once the engine has stopped.
    fn release_ballast(&self) -> Result<(), EngineError> {
        Ok(())
    }

    /// Takes that room again; [`EngineError::NotCommitted`] while the disk has not got it.
    ///
    /// # Errors
    /// [`EngineError::NotCommitted`], as said above; [`EngineError::Fatal`] once the engine has stopped.
    fn restore_ballast(&self) -> Result<(), EngineError> {
        Ok(())
    }
}

/// A shared engine is an engine, so that a test can keep a hand on what it gave away.
impl<E: Engine + ?Sized> Engine for Arc<E> {
    fn head(&self) -> Result<Option<(Head, Version)>, EngineError> {
        (**self).head()
    }

    fn commit(&self, plan: &CommitPlan, expect: Option<Version>) -> Result<Committed, EngineError> {
        (**self).commit(plan, expect)
    }

    fn replay(
        &self,
        from: Position,
        visit: &mut dyn FnMut(Replayed<'_>) -> ControlFlow<()>,
    ) -> Result<(), EngineError> {
        (**self).replay(from, visit)
    }

    fn read_entry(&self, place: Place) -> Result<Bytes, EngineError> {
        (**self).read_entry(place)
    }

    fn read_body(&self, place: Place) -> Result<Option<Bytes>, EngineError> {
        (**self).read_body(place)
    }

    fn erase_body(&self, place: Place) -> Result<(), EngineError> {
        (**self).erase_body(place)
    }

    fn publish(&self, checkpoint: &[u8]) -> Result<(), EngineError> {
        (**self).publish(checkpoint)
    }

    fn published(&self) -> Result<Option<Bytes>, EngineError> {
        (**self).published()
    }

    fn room(&self) -> Result<Option<u64>, EngineError> {
        (**self).room()
    }

    fn release_ballast(&self) -> Result<(), EngineError> {
        (**self).release_ballast()
    }

    fn restore_ballast(&self) -> Result<(), EngineError> {
        (**self).restore_ballast()
    }
}
