//! One thread that indexes what was committed, publishes the newest checkpoint, and answers whom it covers.
//!
//! It never holds up a commit: while it writes rows for one batch the sequencer commits the next. A checkpoint reaches
//! readers only when every tile and entry below its size can be read and the policy's quorum signed it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use super::index::{Indexed, Indexer};
use super::sequencer::{Batch, Waiting, same_root};
use super::snapshot::Snapshot;
use super::tail::Tail;
use super::{Published, Shared};
use crate::engine::{Head, Position};
use crate::error::{Code, Error, Result};
use crate::ids::{TreeSize, UnixMillis};
use crate::note::Policy;
use crate::state::State;

/// Every 65,536 entries or 10 s the index is made durable, so that a start replays no more than that (DESIGN §6).
const SNAPSHOT_ENTRIES: u64 = 65_536;
/// See [`SNAPSHOT_ENTRIES`].
const SNAPSHOT_EVERY: Duration = Duration::from_secs(10);

/// What the sequencer sends.
pub(super) enum Work {
    /// A committed batch.
    Batch(Box<Batch>),
    /// Those who asked for records that were committed before.
    Waiters(Vec<Waiting>),
}

/// The publisher's own state: what is indexed.
pub(super) struct Publisher {
    pub(super) shared: Arc<Shared>,
    pub(super) indexer: Indexer,
    pub(super) policy: Policy,
    pub(super) tail: Arc<Tail>,
    pub(super) state: Arc<State>,
    pub(super) head: Option<Head>,
    pub(super) position: Position,
    pub(super) received: UnixMillis,
    /// The size that the newest snapshot covers, and when it was taken.
    pub(super) durable: (TreeSize, Instant),
    pub(super) waiting: Vec<Waiting>,
    /// Wakes whoever keeps the verifiable index.
    pub(super) bell: mpsc::SyncSender<()>,
}

impl Publisher {
    /// Runs until the sequencer is gone, then leaves a snapshot.
    pub(super) fn run(mut self, work: &mpsc::Receiver<Work>) {
        loop {
            let first = match work.recv_timeout(Duration::from_secs(1)) {
                Ok(first) => Some(first),
                Err(mpsc::RecvTimeoutError::Timeout) => None,
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            };
            if let Err(error) = self.take(first, work) {
                self.shared.stop(error);
            }
        }
        if self.shared.fatal.borrow().is_none()
            && let Err(error) = self.make_durable()
        {
            self.shared.stop(error);
        }
    }

    /// Takes in everything that has arrived and publishes the newest checkpoint of it, skipping older ones.
    fn take(&mut self, first: Option<Work>, work: &mpsc::Receiver<Work>) -> Result<()> {
        let mut next = first;
        let mut grown = false;
        while let Some(item) = next {
            match item {
                Work::Waiters(waiters) => self.waiting.extend(waiters),
                Work::Batch(batch) => {
                    // After a failure nothing is indexed any more: a start replays what is missing here.
                    if self.shared.fatal.borrow().is_none() {
                        self.index(*batch)?;
                        grown = true;
                    }
                }
            }
            next = work.try_recv().ok();
        }
        if grown {
            self.publish()?;
        }
        self.answer();
        let since = self.tail.size().0 - self.durable.0.0;
        if since >= SNAPSHOT_ENTRIES || (since > 0 && self.durable.1.elapsed() >= SNAPSHOT_EVERY) {
            self.make_durable()?;
        }
        Ok(())
    }

    /// Applies one batch: the same rows that a replay of it would write.
    fn index(&mut self, batch: Batch) -> Result<()> {
        let mut tail = Tail::clone(&self.tail);
        let mut full = Vec::new();
        for entry in &batch.entries {
            full.extend(tail.append(entry.leaf));
        }
        same_root(&batch.head, tail.root())?;
        let entries: Vec<Indexed<'_>> = batch
            .entries
            .iter()
            .zip(&batch.committed.places)
            .map(|(entry, places)| Indexed {
                index: entry.index,
                header: &entry.header,
                body: entry.body,
                places: *places,
            })
            .collect();
        if entries.len() != batch.entries.len() {
            return Err(Error::new(Code::Internal, "the engine returned fewer places than entries"));
        }
        if !entries.is_empty() {
            self.indexer.apply(&entries, &full)?;
            self.position = batch.committed.next;
        }
        for tile in full {
            self.shared.tiles.insert(tile.level, tile.index, tile.tree);
        }
        self.shared.indexed.store(tail.size().0, Ordering::Release);
        self.tail = Arc::new(tail);
        self.state = batch.state;
        self.head = Some(batch.head);
        self.received = batch.received;
        self.waiting.extend(batch.waiting);
        Ok(())
    }

    /// Shows the newest head to readers if it meets the policy. Otherwise readers keep what they have: fail-closed.
    pub(super) fn publish(&mut self) -> Result<()> {
        let Some(head) = &self.head else { return Ok(()) };
        if let Err(error) = self.policy.check(&head.checkpoint) {
            return if error.code() == Code::PolicyUnmet { Ok(()) } else { Err(error) };
        }
        // The guard holds this very note, so a restart shows no less without another sync.
        let view = Published {
            size: head.size,
            root: head.root,
            note: head.checkpoint.clone(),
            state: Arc::clone(&self.state),
            tail: Arc::clone(&self.tail),
        };
        self.shared.published.send_replace(Some(Arc::new(view)));
        // If it rings already, that is enough; if nobody listens, the log is stopping.
        let _ = self.bell.try_send(());
        Ok(())
    }

    /// Answers everybody whom the published checkpoint covers.
    fn answer(&mut self) {
        let Some(view) = self.shared.published.borrow().clone() else { return };
        for mut waiting in self.waiting.extract_if(.., |waiting| view.size.covers(waiting.sequenced.index)) {
            waiting.sequenced.published = Some(Arc::clone(&view));
            // The one who asked may have gone.
            let _ = waiting.answer.send(Ok(waiting.sequenced));
        }
    }

    /// Syncs the index, then writes down how far it is durable. In this order: the mark must never be ahead.
    pub(super) fn make_durable(&mut self) -> Result<()> {
        let size = self.tail.size();
        let terms = self.shared.roots.written();
        self.shared.index.make_durable(&self.shared.dir.join(super::open::INDEX_DIR))?;
        let snapshot = Snapshot {
            position: self.position,
            received: self.received,
            tail: Tail::clone(&self.tail),
            state: State::clone(&self.state),
            terms,
        };
        let path = self.shared.dir.join(super::open::SNAPSHOT_FILE);
        snapshot
            .save(&path)
            .map_err(|source| Error::new(Code::StoreCorrupt, source.to_string()).at(super::open::SNAPSHOT_FILE))?;
        self.durable = (size, Instant::now());
        Ok(())
    }
}
