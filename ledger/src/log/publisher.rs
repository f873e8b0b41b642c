//! One thread that indexes what was committed, publishes the newest checkpoint, and answers whom it covers.
//!
//! It never holds up a commit: while it writes rows for one batch the sequencer commits the next. A checkpoint reaches
//! readers only when every tile and entry below its size can be read and the policy's quorum signed it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use super::index::{Indexed, Indexer};
use super::open::{SNAPSHOT_FILE, bring_up, refused};
use super::sequencer::{Batch, Waiting, give_or_take, same_root};
use super::snapshot::Snapshot;
use super::tail::Tail;
use super::{Published, Shared, room};
use crate::engine::{Head, Position};
use crate::error::{Code, Error, Result};
use crate::ids::{TreeSize, UnixMillis};
use crate::note::Policy;
use crate::record::kind::Kind;
use crate::state::State;

/// Every 65,536 entries or 10 s the index is made durable, so that a start replays no more than that (DESIGN §6).
const SNAPSHOT_ENTRIES: u64 = 65_536;
/// See [`SNAPSHOT_ENTRIES`].
const SNAPSHOT_EVERY: Duration = Duration::from_secs(10);

/// So many entries make sled write some 256 MiB, which the start after a crash reads in about a second.
const REOPEN_ENTRIES: u64 = 262_144;

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
    /// The size at which the index was last opened.
    pub(super) reopened: TreeSize,
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
                self.answer();
            }
        }
        if self.shared.fatal.borrow().is_some() || self.waits() {
            return;
        }
        match self.make_durable().and_then(|()| self.shorten_the_next_start(SNAPSHOT_ENTRIES)) {
            Err(error) if error.code() != Code::DiskFull => self.shared.stop(error),
            _ => {}
        }
    }

    /// Takes in everything that has arrived and publishes the newest checkpoint of it, skipping older ones.
    fn take(&mut self, first: Option<Work>, work: &mpsc::Receiver<Work>) -> Result<()> {
        let mut next = first;
        let mut grown = self.waits() && self.shared.fatal.borrow().is_none() && self.resume()?;
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
        let due = since >= SNAPSHOT_ENTRIES || (since > 0 && self.durable.1.elapsed() >= SNAPSHOT_EVERY);
        if due && !self.waits() {
            let outcome = self.make_way().and_then(|()| self.make_durable());
            self.or_wait(outcome)?;
            if !self.waits() {
                let outcome = self.shorten_the_next_start(REOPEN_ENTRIES);
                self.or_wait(outcome)?;
            }
        }
        Ok(())
    }

    /// Takes one batch in; on a full disk it is left to [`Self::resume`], which finds it in the journal.
    fn index(&mut self, mut batch: Batch) -> Result<()> {
        self.waiting.append(&mut batch.waiting);
        // What was committed while the index waited for room is in the journal, and came up with it.
        if self.waits() || self.holds(&batch) {
            return Ok(());
        }
        let outcome = self.make_way().and_then(|()| self.apply(batch));
        self.or_wait(outcome)
    }

    /// Whether a batch is in the index already. One without entries renews the checkpoint of the same size.
    fn holds(&self, batch: &Batch) -> bool {
        let size = self.tail.size();
        batch.head.size < size || (batch.head.size == size && !batch.entries.is_empty())
    }

    fn waits(&self) -> bool {
        self.shared.index_waits.load(Ordering::Relaxed)
    }

    /// Where there is next to no room the ballast makes some, before sled meets the end of the disk: it does not
    /// recover from that by itself.
    fn make_way(&self) -> Result<()> {
        match self.shared.engine.room().map_err(refused)? {
            Some(room) if room < room::NONE => give_or_take(self.shared.engine.release_ballast()).map(drop),
            _ => Ok(()),
        }
    }

    /// A full disk makes the log read-only and the index wait; everything else stops the log.
    fn or_wait(&self, outcome: Result<()>) -> Result<()> {
        match outcome {
            Err(error) if error.code() == Code::DiskFull => {
                self.shared.wait_for_room();
                Ok(())
            }
            other => other,
        }
    }

    /// Brings a waiting index up as a start does, if there is room again; whether it did.
    fn resume(&mut self) -> Result<bool> {
        let engine = &self.shared.engine;
        if engine.room().map_err(refused)?.is_some_and(|room| room < room::LOW) {
            return Ok(false);
        }
        let head = engine.head().map_err(refused)?.map(|(head, _)| head);
        self.shared.index.forget_unwritten();
        let brought_up = self.shared.index.reopen().and_then(|reopened| {
            let bring_up = || bring_up(engine.as_ref(), &self.shared.dir, &self.shared.index, head.as_ref());
            reopened.then(bring_up).transpose()
        });
        let (indexer, snapshot, durable) = match brought_up {
            Ok(Some(brought_up)) => brought_up,
            Ok(None) => return Ok(false),
            Err(error) if error.code() == Code::DiskFull => return Ok(false),
            Err(error) => return Err(error),
        };
        self.shared.indexed.store(snapshot.tail.size().0, Ordering::Release);
        match self.shared.finish_erasing(&snapshot.state) {
            Err(error) if error.code() == Code::DiskFull => return Ok(false),
            other => other?,
        }
        self.shared.roots.reopened(snapshot.terms);
        (self.indexer, self.position, self.received) = (indexer, snapshot.position, snapshot.received);
        (self.tail, self.state, self.head) = (Arc::new(snapshot.tail), Arc::new(snapshot.state), head);
        self.durable = (durable, Instant::now());
        self.shared.index_waits.store(false, Ordering::Release);
        Ok(true)
    }

    /// Applies one batch: the same rows that a replay of it would write.
    fn apply(&mut self, batch: Batch) -> Result<()> {
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
        self.shared.indexed.store(tail.size().0, Ordering::Release);
        for entry in batch.entries.iter().filter(|entry| entry.header.kind == Kind::Retraction.as_str()) {
            for target in &entry.header.refs {
                if batch.state.redaction(target) == Some(entry.index) {
                    self.shared.erase(target)?;
                }
            }
        }
        for tile in full {
            self.shared.tiles.insert(tile.level, tile.index, tile.tree);
        }
        self.tail = Arc::new(tail);
        self.state = batch.state;
        self.head = Some(batch.head);
        self.received = batch.received;
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
        let view = self.shared.published.borrow().clone();
        if let Some(view) = view {
            for mut waiting in self.waiting.extract_if(.., |waiting| view.size.covers(waiting.sequenced.index)) {
                waiting.sequenced.published = Some(Arc::clone(&view));
                waiting.answer.send(Ok(waiting.sequenced));
            }
        }
        // Where no checkpoint comes, nobody waits for it for ever.
        self.waiting.retain(|waiting| !waiting.answer.is_given_up());
        if self.shared.fatal.borrow().is_some() {
            self.waiting.clear();
        }
        self.shared.counters.waiting.store(self.waiting.len() as u64, Ordering::Relaxed);
    }

    /// Reopens the index once so many entries came in since the last time, which sled would read again at the start.
    fn shorten_the_next_start(&mut self, entries: u64) -> Result<()> {
        let size = self.tail.size();
        if size.0.saturating_sub(self.reopened.0) >= entries && self.shared.index.reopen()? {
            self.reopened = size;
        }
        Ok(())
    }

    /// Syncs the index, then writes down how far it is durable. In this order: the mark must never be ahead.
    pub(super) fn make_durable(&mut self) -> Result<()> {
        let size = self.tail.size();
        let terms = self.shared.roots.written();
        self.shared.index.make_durable()?;
        let snapshot = Snapshot {
            position: self.position,
            received: self.received,
            tail: Tail::clone(&self.tail),
            state: State::clone(&self.state),
            terms,
        };
        snapshot.save(&self.shared.dir.join(SNAPSHOT_FILE))?;
        self.durable = (size, Instant::now());
        Ok(())
    }
}
