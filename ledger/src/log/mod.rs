//! The log: takes signed records in, gives each an index once, and publishes checkpoints over them.
//!
//! ```text
//! submit ─ door (limits, JSON, signatures) ─ queue ─ sequencer (decides, commits) ─ publisher (indexes, shows)
//! ```
//!
//! The sequencer and the publisher are one thread each. A submission is answered when what it waits for is durable;
//! nothing is acknowledged before that. Readers take one [`Published`] view and see nothing at or above its size.
//!
//! Start reading at [`Log`]; one commit, step by step, is in [`sequencer`](self).

mod bundling;
mod clock;
mod door;
mod erasing;

mod fsck;
mod index;

mod manifests;
mod open;
mod overlap;
mod publisher;
mod queue;
mod reader;
mod records;
mod remarks;
mod room;
mod roots;
mod sequencer;
mod snapshot;
mod tail;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;

use bytes::Bytes;
use tokio::sync::{oneshot, watch};

pub use self::clock::{Clock, ManualClock, SystemClock};
pub use self::door::Validated;

pub use self::index::Index;
pub use crate::trie::Term;

pub use self::fsck::{Damage, FsckReport, fsck, fsck_manifests, reindex};
pub use self::manifests::{Manifests, QUOTA_BYTES, Upload, plan_upload};
pub use self::open::{Options, create, open, start};
pub use self::queue::Wait;
pub use self::reader::{Body, EntryView, Filter, MAX_PAGE, Order, Page};
pub use self::records::ViewRecords;
pub use self::roots::{IndexedRoot, NextRoot, RootSigner};
pub use self::sequencer::{STALE_AFTER, Signers};

use self::clock::Timekeeper;
use self::queue::{Answer, Pending, Queue};
use self::reader::Earlier;
use self::tail::Tail;
use crate::engine::{Engine, FirstDamage, Opened};
use crate::entry::Header;
use crate::error::{Code, Error, Result};
use crate::ids::{LeafIndex, TreeSize};
use crate::merkle::RootHash;
use crate::note::Origin;
use crate::state::State;

/// What readers see: one checkpoint and the state under it. Everything served at one moment comes from one of these.
#[derive(Debug, Clone)]
pub struct Published {
    /// How many entries may be seen.
    pub size: TreeSize,
    /// The root over them.
    pub root: RootHash,
    /// The signed note with its cosignatures.
    pub note: Bytes,
    /// The effective state after the last entry that may be seen.
    pub state: Arc<State>,
    /// The tree's edge at this size; full tiles are in the index.
    pub(crate) tail: Arc<Tail>,
}

/// A record that has its index.
#[derive(Debug, Clone)]
pub struct Sequenced {
    /// The index, for a duplicate that of the first.
    pub index: LeafIndex,
    /// Whether the log had it already.
    pub duplicate: bool,
    /// The entry's bytes, of one that was made just now; those of a duplicate are read from the log.
    pub entry: Option<Bytes>,
    /// The view that covers it, if the submission waited for one.
    pub published: Option<Arc<Published>>,
}

/// A submission on its way: resolves when what it waits for has happened.
///
/// Dropping it does not take the submission back.
#[derive(Debug)]
pub struct Ticket {
    answer: oneshot::Receiver<Result<Sequenced>>,
    decided: oneshot::Receiver<Sequenced>,
}

impl Ticket {
    /// Waits for the answer.
    ///
    /// # Errors
    /// What the sequencer refused it for; `stopping` if the log stopped before it answered.
    pub async fn wait(self) -> Result<Sequenced> {
        self.answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Waits for the answer. Can be given up and called again as long as it did not answer.
    ///
    /// # Errors
    /// What the sequencer refused it for; `stopping` if the log stopped before it answered.
    pub async fn answered(&mut self) -> Result<Sequenced> {
        (&mut self.answer).await.unwrap_or_else(|_| Err(gone()))
    }

    /// What was decided so far, though the submission waits for a checkpoint.
    pub fn noted(&mut self) -> Option<Sequenced> {
        self.decided.try_recv().ok()
    }

    /// Waits for the index alone, though the submission waits for a checkpoint. Not after it answered.
    ///
    /// # Errors
    /// What the sequencer refused it for; `stopping` if the log stopped before it answered.
    pub async fn decided(self) -> Result<Sequenced> {
        match self.decided.await {
            Ok(sequenced) => Ok(sequenced),
            // Refused, or published at once.
            Err(_) => self.answer.await.unwrap_or_else(|_| Err(gone())),
        }
    }

    /// Waits for the answer on a thread that may block.
    ///
    /// # Errors
    /// What the sequencer refused it for; `stopping` if the log stopped before it answered.
    pub fn wait_blocking(self) -> Result<Sequenced> {
        self.answer.blocking_recv().unwrap_or_else(|_| Err(gone()))
    }
}

/// Figures for the operator. All count from the start of the process.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counters {
    /// Entries committed.
    pub entries: u64,
    /// Commits that made them durable.
    pub commits: u64,
    /// Submissions that were there already.
    pub duplicates: u64,
    /// Submissions that the sequencer refused.
    pub refused: u64,
    /// Submissions that wait for the sequencer.
    pub queued: u64,
    /// Submissions that are durable and wait for a checkpoint.
    pub waiting: u64,
}

/// A running log.
///
/// Dropping it stops the threads after they finished what was let in; [`Log::close`] does the same and says how it
/// went.
#[derive(Debug)]
pub struct Log {
    shared: Arc<Shared>,
    opened: Opened,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What the threads and the readers have in common.
pub(crate) struct Shared {
    dir: PathBuf,
    origin: Origin,
    engine: Arc<dyn Engine>,
    /// What readers met that is damaged.
    damage: FirstDamage,
    index: Arc<Index>,
    clock: Arc<dyn Clock>,
    /// What is made of the clock: by the sequencer, and by whoever asks how the log is.
    time: Mutex<Timekeeper>,
    queue: Queue,
    /// The state after the last committed entry: what the door decides by.
    committed: RwLock<(TreeSize, Arc<State>)>,
    /// How many entries the index holds.
    indexed: AtomicU64,
    tiles: reader::TileCache,
    published: watch::Sender<Option<Arc<Published>>>,
    /// Why the log must stop, once it must.
    fatal: watch::Sender<Option<Error>>,
    read_only: AtomicBool,
    /// Whether the index waits for room on the disk, with batches that it does not hold yet.
    index_waits: AtomicBool,
    counters: AtomicCounters,
    manifests: Manifests,
    roots: roots::Roots,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("dir", &self.dir).field("origin", &self.origin).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct AtomicCounters {
    entries: AtomicU64,
    commits: AtomicU64,
    duplicates: AtomicU64,
    refused: AtomicU64,
    waiting: AtomicU64,
}

impl Log {
    /// The folder that the log lives in.
    pub fn dir(&self) -> &Path {
        &self.shared.dir
    }

    /// The log's name: the first line of its checkpoints.
    pub fn origin(&self) -> &Origin {
        &self.shared.origin
    }

    /// Checks an envelope at the door. The signatures make it worth doing on many threads.
    ///
    /// # Errors
    /// Those of [`Record::parse`](crate::record::Record::parse), of [`State::verify_signatures`] and of [`State::admit`];
    /// `store_corrupt` if the index cannot be read.
    pub fn validate(&self, body: Bytes) -> Result<Validated> {
        let (size, state) = self.shared.committed();
        let may_be_known = |header: &Header| {
            // What is committed and not indexed yet, only the sequencer can look up.
            Ok(self.shared.indexed() < size
                || matches!(self.shared.earlier(&header.record, &header.signers)?, Earlier::Same(_)))
        };
        let mut validated = Validated::check(body, &state, LeafIndex(size.0), self.now(), may_be_known)?;
        for finding in remarks::on(&self.shared, &state, &validated)? {
            validated.warn(finding);
        }
        Ok(validated)
    }

    /// Whether the log has this record with these signers already, as far as it is indexed: anybody can send it again.
    ///
    /// # Errors
    /// `store_corrupt` if the index or the journal cannot be read.
    pub fn has(&self, validated: &Validated) -> Result<bool> {
        Ok(matches!(self.shared.earlier(&validated.id(), validated.signers())?, Earlier::Same(_)))
    }

    /// Puts a validated record in line.
    ///
    /// # Errors
    /// `overloaded` when the line is too long, `stopping` when the log stops; nothing was taken in then.
    pub fn submit(&self, validated: Validated, wait: Wait) -> Result<Ticket> {
        if let Some(error) = self.fatal() {
            return Err(Error::new(Code::Stopping, error.to_string()));
        }
        if self.is_read_only() {
            return Err(full());
        }
        let (sender, answer) = oneshot::channel();
        let (noted, decided) = oneshot::channel();
        let pending = Pending { validated: Box::new(validated), wait, answer: Answer::noting(sender, noted) };
        self.shared.queue.push(pending)?;
        Ok(Ticket { answer, decided })
    }

    /// Whether a body of this length would be let in now. Asked before the body is read.
    pub fn has_room_for(&self, bytes: usize) -> bool {
        self.fatal().is_none() && !self.is_read_only() && self.shared.queue.has_room_for(bytes)
    }

    /// The view that readers share at this moment; `None` until the first checkpoint that meets the policy.
    pub fn published(&self) -> Option<Arc<Published>> {
        self.shared.published.borrow().clone()
    }

    /// A channel that holds the newest view.
    pub fn subscribe(&self) -> watch::Receiver<Option<Arc<Published>>> {
        self.shared.published.subscribe()
    }

    /// Why the log must stop, if it must. The process serves what is published until it ends, and takes nothing in.
    pub fn fatal(&self) -> Option<Error> {
        self.shared.fatal.borrow().clone()
    }

    /// A channel that says when the log must stop.
    pub fn subscribe_fatal(&self) -> watch::Receiver<Option<Error>> {
        self.shared.fatal.subscribe()
    }

    /// Whether the disk is full: nothing is taken in until there is room again.
    pub fn is_read_only(&self) -> bool {
        self.shared.read_only.load(Ordering::Relaxed)
    }

    /// What the start found damaged, or left by a crash, and mended.
    pub const fn opened(&self) -> &Opened {
        &self.opened
    }

    /// Whether everything that was read since the start was whole.
    ///
    /// # Errors
    /// `store_corrupt` with the first damage that a reader met. It is said until the next start, for what is damaged does not
    /// mend itself; whatever else is damaged, `fsck` finds.
    pub fn check_store(&self) -> Result<()> {
        match self.shared.damage.get() {
            None => Ok(()),
            Some((place, what)) => Err(Error::new(Code::StoreCorrupt, what).at(place)),
        }
    }

    /// Whether the log believes its clock now.
    ///
    /// # Errors
    /// `clock_refused`: nothing is taken in and no checkpoint renewed until it does. The detail says what is the matter.
    pub fn check_clock(&self) -> Result<()> {
        let keeper = *self.shared.time();
        keeper.check(self.shared.clock.as_ref())
    }

    /// Figures for the operator.
    pub fn counters(&self) -> Counters {
        let counters = &self.shared.counters;
        Counters {
            entries: counters.entries.load(Ordering::Relaxed),
            commits: counters.commits.load(Ordering::Relaxed),
            duplicates: counters.duplicates.load(Ordering::Relaxed),
            refused: counters.refused.load(Ordering::Relaxed),
            queued: self.shared.queue.len() as u64,
            waiting: counters.waiting.load(Ordering::Relaxed),
        }
    }

    /// The manifests that this log holds.
    pub fn manifests(&self) -> &Manifests {
        &self.shared.manifests
    }

    /// The time as the log sees it.
    pub fn now(&self) -> crate::ids::UnixMillis {
        self.shared.clock.now()
    }

    /// Lets nobody in, finishes what was let in, and leaves a snapshot so that the next start is quick.
    ///
    /// # Errors
    /// Why the log had to stop, if it had to; `internal` if a thread of it panicked.
    pub fn close(&self) -> Result<()> {
        self.shared.queue.close();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                return Err(Error::new(Code::Internal, "a thread of the log panicked"));
            }
        }
        self.fatal().map_or(Ok(()), Err)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // Whoever wants to know how it went calls `close` first; a second call finds no threads.
        let _ = self.close();
    }
}

impl Shared {
    fn committed(&self) -> (TreeSize, Arc<State>) {
        self.committed.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn time(&self) -> MutexGuard<'_, Timekeeper> {
        self.time.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn indexed(&self) -> TreeSize {
        TreeSize(self.indexed.load(Ordering::Acquire))
    }

    /// The index met the end of the disk: nothing is taken in until the publisher has opened it again.
    fn wait_for_room(&self) {
        self.index_waits.store(true, Ordering::Release);
        self.read_only.store(true, Ordering::Relaxed);
    }

    /// Stops the log for good. The first reason is kept.
    fn stop(&self, error: Error) {
        self.fatal.send_if_modified(|reason| {
            let first = reason.is_none();
            reason.get_or_insert(error);
            first
        });
        self.queue.close();
    }
}

fn full() -> Error {
    Error::new(Code::DiskFull, "there is no room for a batch on the disk")
}

fn gone() -> Error {
    Error::new(Code::Stopping, "the log stopped before it answered; a repeated record gets the same index")
}
