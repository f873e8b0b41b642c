//! One thread that decides, orders and commits.
//!
//! A failure before the guard moved fails that batch and no more. A failure of unknown outcome stops the log: memory
//! and disk may differ, and only a new start tells which is right.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, mpsc};
use std::time::Duration;

use bytes::Bytes;

use super::door::Validated;
use super::erasing::erasable;
use super::open::refused;
use super::publisher::Work;
use super::queue::{Answer, Pending, Wait};
use super::reader::Earlier;
use super::{Sequenced, Shared, room};
use crate::engine::{CommitPlan, Committed, EngineError, Head, PlannedEntry, Version};
use crate::entry::{Entry, Header};
use crate::error::{Code, Error, Result, is_full};
use crate::ids::{BodyDigest, KeyId, LeafIndex, RecordId, TreeSize, UnixMillis};
use crate::merkle::{CompactRange, LeafHash, RootHash};
use crate::note::{Checkpoint, Cosigner, NoteSigner, SignedNote, UnixSeconds, sign_checkpoint};
use crate::record::Record;
use crate::record::kinds::Predicate;
use crate::state::State;

/// The log's own cosignature says how fresh a checkpoint is; it is renewed this often when nothing else happens.
pub(super) const RENEW_EVERY: u64 = 10 * 60 * 1000;

/// Two renewals that failed, and some: where the newest cosignature of a checkpoint is older than this many milliseconds,
/// something is wrong with the log, or with a clock.
pub const STALE_AFTER: u64 = 2 * RENEW_EVERY + 5 * 60 * 1000;

/// How long the sequencer sleeps when nothing waits: often enough to renew on time and to see a full disk get room.
const IDLE: Duration = Duration::from_millis(500);

/// Entries of one record, each with other signers. Every submission of it is held against all of them, and a redaction
/// erases the body of each.
const MAX_SIGNER_SETS: usize = 64;

/// The keys that sign checkpoints.
pub struct Signers {
    /// The log's key, type 0x01.
    pub log: NoteSigner,
    /// The clock's key, type 0x04, named `<origin>/clock`.
    pub clock: Cosigner,
}

/// What a commit hands to the publisher.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) entries: Vec<BatchEntry>,
    pub(super) head: Head,
    pub(super) committed: Committed,
    pub(super) state: Arc<State>,
    pub(super) received: UnixMillis,
    pub(super) waiting: Vec<Waiting>,
}

/// An entry of a committed batch.
#[derive(Debug)]
pub(super) struct BatchEntry {
    pub(super) index: LeafIndex,
    pub(super) header: Arc<Header>,
    pub(super) body: BodyDigest,
    pub(super) leaf: LeafHash,
}

/// Somebody who waits for a checkpoint that covers `sequenced.index`.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) sequenced: Sequenced,
    pub(super) answer: Answer,
}

/// The sequencer's own state: what is committed, and what the index may not know yet.
pub(super) struct Sequencer {
    pub(super) shared: Arc<Shared>,
    pub(super) signers: Signers,
    pub(super) range: CompactRange,
    pub(super) state: Arc<State>,
    pub(super) head: Option<(Head, Version)>,
    pub(super) renewed: UnixMillis,
    /// Records committed and perhaps not indexed yet, with their signers.
    pub(super) recent: Recent,
    pub(super) publisher: mpsc::SyncSender<Work>,
    /// The newest `index-root`, and how many entries it covers.
    pub(super) last_root: Option<(RecordId, TreeSize)>,
}

/// Where the records of the newest batches stand, until the index has them.
#[derive(Debug, Default)]
pub(super) struct Recent {
    records: HashMap<RecordId, Vec<(LeafIndex, Arc<Header>)>>,
}

impl Recent {
    fn find(&self, record: &RecordId, signers: &[KeyId]) -> Option<LeafIndex> {
        let (index, _) = self.records.get(record)?.iter().find(|(_, known)| known.signers == signers)?;
        Some(*index)
    }

    /// The entries of a record that the index does not hold yet.
    fn count(&self, record: &RecordId, indexed: TreeSize) -> usize {
        let places = self.records.get(record).map(Vec::as_slice).unwrap_or_default();
        places.iter().filter(|(index, _)| !indexed.covers(*index)).count()
    }

    fn kind_of(&self, record: &RecordId) -> Option<&str> {
        self.records.get(record)?.first().map(|(_, known)| known.kind.as_str())
    }

    fn add(&mut self, index: LeafIndex, header: &Arc<Header>) {
        self.records.entry(header.record).or_default().push((index, Arc::clone(header)));
    }

    fn add_all(&mut self, newer: Self) {
        for (record, places) in newer.records {
            self.records.entry(record).or_default().extend(places);
        }
    }

    /// Forgets what the index holds.
    fn forget_below(&mut self, indexed: TreeSize) {
        self.records.retain(|_, places| {
            places.retain(|(index, _)| !indexed.covers(*index));
            !places.is_empty()
        });
    }
}

/// A batch that is decided and not committed.
struct Draft {
    range: CompactRange,
    state: Arc<State>,
    planned: Vec<PlannedEntry>,
    entries: Vec<BatchEntry>,
    /// Where its own records stand.
    records: Recent,
    /// Answers that hold only if the batch does.
    waiting: Vec<(Wait, Waiting)>,
    /// Answers about records that were there before.
    settled: Vec<(Wait, Waiting)>,
    last_root: Option<(RecordId, TreeSize)>,
}

/// A submission that may be the next entry.
struct Admitted {
    /// The leaf's.
    bytes: Vec<u8>,
    header: Header,
    body: Bytes,
    record: Record,
}

impl Draft {
    /// A record that is there already, at `index` of a log of `size` committed entries or in this batch.
    fn repeat(&mut self, index: LeafIndex, size: TreeSize, wait: Wait, answer: Answer) {
        let sequenced = Sequenced { index, duplicate: true, entry: None, published: None };
        let waiting = if size.covers(index) { &mut self.settled } else { &mut self.waiting };
        waiting.push((wait, Waiting { sequenced, answer }));
    }

    /// Puts an entry behind those that are there; what comes next is decided on the state that it leaves.
    fn append(&mut self, index: LeafIndex, admitted: Admitted, wait: Wait, answer: Answer) {
        let Admitted { bytes, header, body, record } = admitted;
        if State::concerns(&header) {
            Arc::make_mut(&mut self.state).apply(index, &header, Some(&record));
        }
        if let Predicate::IndexRoot(root) = &record.predicate {
            self.last_root = Some((record.id, TreeSize(root.size)));
        }
        let leaf = LeafHash::of_entry(&bytes);
        self.range.append(leaf, &mut |_, _, _| {});
        let header = Arc::new(header);
        self.records.add(index, &header);
        let bytes = Bytes::from(bytes);
        self.planned.push(PlannedEntry { entry: bytes.clone(), leaf, body });
        self.entries.push(BatchEntry { index, body: record.body, header, leaf });
        let sequenced = Sequenced { index, duplicate: false, entry: Some(bytes), published: None };
        self.waiting.push((wait, Waiting { sequenced, answer }));
    }
}

impl Sequencer {
    /// Runs until the queue is closed and empty, or the log must stop.
    pub(super) fn run(mut self) {
        while let Some(batch) = self.shared.queue.next_batch(IDLE) {
            if self.shared.fatal.borrow().is_some() {
                refuse(batch, &Error::new(Code::Stopping, "the log must stop"));
                continue;
            }
            let idle = batch.is_empty();
            if let Err(error) = self.sequence(batch) {
                self.shared.stop(error);
            } else if idle {
                self.recent.forget_below(self.shared.indexed());
            }
        }
    }

    /// One batch, in the order of DESIGN §6. An error stops the log; whoever waited was answered before it returns.
    fn sequence(&mut self, batch: Vec<Pending>) -> Result<()> {
        let now = match self.shared.time().next(self.shared.clock.as_ref()) {
            Ok(now) => now,
            Err(error) => {
                // Nothing was decided: the log resumes when the clock is right.
                refuse(batch, &error);
                return Ok(());
            }
        };
        let batch = if self.has_room()? {
            batch
        } else {
            refuse(batch, &super::full());
            Vec::new()
        };
        // Also where the newest is of a clock that was ahead then and is right now.
        let renew = now.0.abs_diff(self.renewed.0) >= RENEW_EVERY;
        let mut draft = self.decide(batch, now)?;
        if draft.entries.is_empty() && !(renew && self.head.is_some()) {
            // Nothing to commit. The publisher knows which of the known records are published.
            let waiting = now_or_later(draft.settled);
            return if waiting.is_empty() { Ok(()) } else { self.send(Work::Waiters(waiting)) };
        }

        // The tree over the batch, and a checkpoint that nobody sees yet.
        let head = match self.seal(&draft, now) {
            Ok(head) => head,
            Err(error) => {
                fail(draft, &error);
                return Err(error);
            }
        };
        let first = LeafIndex(self.size().0);
        let plan = CommitPlan { first, entries: std::mem::take(&mut draft.planned), head: head.clone() };

        // A crash up to the guard's swap inside of `commit` leaves the log as it was; after it, as it will be.
        match self.shared.engine.commit(&plan, self.head.as_ref().map(|(_, version)| *version)) {
            Ok(committed) => self.accept(draft, head, committed, now),
            Err(EngineError::NotCommitted { what, source }) => {
                // The batch is gone and nothing else: the speculative state and range are dropped with it.
                let full = is_full(&source);
                self.shared.read_only.store(full, Ordering::Relaxed);
                let code = if full { Code::DiskFull } else { Code::Overloaded };
                fail(draft, &Error::new(code, format!("{what}: {source}")));
                Ok(())
            }
            Err(EngineError::Superseded) => {
                let error = Error::new(Code::Superseded, "another writer moved the head of this log");
                fail(draft, &Error::new(Code::Stopping, error.to_string()));
                Err(error)
            }
            Err(other) => {
                // The outcome is unknown. Those who wait are told to ask again: a repeated record gets the same
                // index if it was committed, and a first one if it was not.
                let error = Error::new(Code::StoreCorrupt, other.to_string());
                fail(draft, &Error::new(Code::Stopping, error.to_string()));
                Err(error)
            }
        }
    }

    /// Whether the disk has room for a batch. A log that had none is asked at every idle moment, and so resumes by
    /// itself. Checkpoints are renewed meanwhile: the guard is written in place.
    fn has_room(&self) -> Result<bool> {
        let (engine, read_only) = (&self.shared.engine, &self.shared.read_only);
        let room = engine.room().map_err(refused)?.unwrap_or(u64::MAX);
        if room < room::NONE {
            // What cannot be given up makes no room; the log stays read-only either way.
            give_or_take(engine.release_ballast())?;
        }
        if !read_only.load(Ordering::Relaxed) {
            read_only.store(room < room::LOW, Ordering::Relaxed);
            return Ok(room >= room::LOW);
        }
        if room < room::ENOUGH || self.shared.index_waits.load(Ordering::Acquire) {
            return Ok(false);
        }
        let resumes = give_or_take(engine.restore_ballast())?;
        read_only.store(!resumes, Ordering::Relaxed);
        Ok(resumes)
    }

    /// Decides every submission in order, on a state that includes the batch's earlier entries.
    fn decide(&mut self, batch: Vec<Pending>, now: UnixMillis) -> Result<Draft> {
        let mut draft = Draft {
            range: self.range.clone(),
            state: Arc::clone(&self.state),
            planned: Vec::with_capacity(batch.len()),
            entries: Vec::with_capacity(batch.len()),
            records: Recent::default(),
            waiting: Vec::new(),
            settled: Vec::new(),
            last_root: self.last_root,
        };
        for Pending { validated, wait, answer } in batch {
            let earlier = match self.find(&validated.id(), validated.signers(), &draft.records) {
                Ok(earlier) => earlier,
                Err(error) => {
                    answer.send(Err(Error::new(Code::Stopping, error.to_string())));
                    fail(draft, &Error::new(Code::Stopping, error.to_string()));
                    return Err(error);
                }
            };
            // Of what was redacted no repetition is a success either.
            let kept = draft.state.redaction(&validated.id()).is_none();
            if let (Earlier::Same(index), true) = (earlier, kept) {
                self.shared.counters.duplicates.fetch_add(1, Ordering::Relaxed);
                draft.repeat(index, self.size(), wait, answer);
                continue;
            }
            let index = LeafIndex(self.size().0 + draft.entries.len() as u64);
            match self.admit(*validated, earlier, &draft, index, now) {
                Ok(admitted) => draft.append(index, admitted, wait, answer),
                Err(error) => {
                    self.shared.counters.refused.fetch_add(1, Ordering::Relaxed);
                    answer.send(Err(error));
                }
            }
        }
        Ok(draft)
    }

    /// Whether a submission may be the entry at `index`, behind the draft's; its bytes, if it may.
    fn admit(
        &self,
        validated: Validated,
        earlier: Earlier,
        draft: &Draft,
        index: LeafIndex,
        now: UnixMillis,
    ) -> Result<Admitted> {
        let Validated { body, record, header, .. } = validated;
        draft.state.admit(&record, index, now)?;
        if let Earlier::Others(others) = earlier
            && others >= MAX_SIGNER_SETS
        {
            let detail = format!("record {} stands in {others} entries, each with other signers", record.id);
            return Err(Error::new(Code::SignerSetCap, detail));
        }
        match &record.predicate {
            Predicate::IndexRoot(root) => self.shared.roots.admit(root, draft.last_root, index)?,
            Predicate::Retraction(retraction) if retraction.redaction.is_some() => {
                self.admit_redaction(&retraction.target.id(), &draft.records)?;
            }
            _ => {}
        }
        let entry = Entry { header: Header { received: now, ..header }, body: record.body };
        Ok(Admitted { bytes: entry.encode()?, header: entry.header, body, record })
    }

    /// What there is of a record: in this batch, in one that is not indexed yet, or in the index.
    fn find(&self, record: &RecordId, signers: &[KeyId], in_batch: &Recent) -> Result<Earlier> {
        if let Some(index) = in_batch.find(record, signers).or_else(|| self.recent.find(record, signers)) {
            return Ok(Earlier::Same(index));
        }
        let indexed = self.shared.indexed();
        Ok(match self.shared.earlier(record, signers)? {
            Earlier::Others(others) => {
                Earlier::Others(others + self.recent.count(record, indexed) + in_batch.count(record, indexed))
            }
            same => same,
        })
    }

    /// Whether the body of a record may be erased, by its kind: wherever its first entry is.
    fn admit_redaction(&self, target: &RecordId, in_batch: &Recent) -> Result<()> {
        if let Some(kind) = in_batch.kind_of(target).or_else(|| self.recent.kind_of(target)) {
            return erasable(kind);
        }
        match self.shared.entries_of(target).next() {
            Some(entry) => erasable(&entry?.header.kind),
            // Nothing is there yet, and nothing will be: its id is refused from now on.
            None => Ok(()),
        }
    }

    /// Signs the head over a draft, and checks the signature before anybody could see it.
    fn seal(&self, draft: &Draft, now: UnixMillis) -> Result<Head> {
        let size = TreeSize(self.size().0 + draft.entries.len() as u64);
        let root = draft.range.root();
        let origin = self.shared.origin.clone();
        let checkpoint = Checkpoint::new(origin.clone(), size, root);
        let seconds = UnixSeconds::new(now.0 / 1000)
            .ok_or_else(|| Error::new(Code::ClockRefused, "the clock is beyond what a cosignature can say"))?;
        let note = sign_checkpoint(&checkpoint, &self.signers.log, &[(&self.signers.clock, seconds)])?;
        verify_own(&note, &checkpoint, &self.signers)?;
        Ok(Head { origin: origin.to_string(), size, root, checkpoint: Bytes::from(note) })
    }

    /// The commit happened: what was speculative is true.
    fn accept(&mut self, draft: Draft, head: Head, committed: Committed, now: UnixMillis) -> Result<()> {
        let counters = &self.shared.counters;
        counters.entries.fetch_add(draft.entries.len() as u64, Ordering::Relaxed);
        counters.commits.fetch_add(1, Ordering::Relaxed);
        self.shared.time().dated(now, !draft.entries.is_empty());
        self.renewed = now;
        self.range = draft.range;
        self.last_root = draft.last_root;
        self.state = Arc::clone(&draft.state);
        self.head = Some((head.clone(), committed.version));
        *self.shared.committed.write().unwrap_or_else(PoisonError::into_inner) = (head.size, Arc::clone(&draft.state));
        self.recent.forget_below(self.shared.indexed());
        self.recent.add_all(draft.records);
        let waiting = now_or_later(draft.waiting.into_iter().chain(draft.settled));
        let batch = Batch { entries: draft.entries, head, committed, state: draft.state, received: now, waiting };
        self.send(Work::Batch(Box::new(batch)))
    }

    fn send(&self, work: Work) -> Result<()> {
        self.publisher.send(work).map_err(|_| Error::new(Code::Internal, "the publisher is gone"))
    }

    fn size(&self) -> TreeSize {
        self.head.as_ref().map_or(TreeSize(0), |(head, _)| head.size)
    }
}

/// Answers those who wait for a commit; returns those who wait for a checkpoint.
fn now_or_later(waiting: impl IntoIterator<Item = (Wait, Waiting)>) -> Vec<Waiting> {
    let mut later = Vec::new();
    for (wait, mut waiting) in waiting {
        match wait {
            Wait::Sequenced => waiting.answer.send(Ok(waiting.sequenced)),
            Wait::Published => {
                waiting.answer.note(&waiting.sequenced);
                later.push(waiting);
            }
        }
    }
    later
}

/// Whether the ballast was given up or taken. That the disk has no room for it is an answer too.
pub(super) fn give_or_take(outcome: Result<(), EngineError>) -> Result<bool> {
    match outcome {
        Ok(()) => Ok(true),
        Err(EngineError::NotCommitted { .. }) => Ok(false),
        Err(other) => Err(refused(other)),
    }
}

fn refuse(batch: Vec<Pending>, error: &Error) {
    for pending in batch {
        pending.answer.send(Err(error.clone()));
    }
}

fn fail(draft: Draft, error: &Error) {
    for (_, waiting) in draft.waiting.into_iter().chain(draft.settled) {
        waiting.answer.send(Err(error.clone()));
    }
}

/// Reads a signed checkpoint back as a stranger would. A flipped bit between hashing and signing ends here.
fn verify_own(note: &[u8], expected: &Checkpoint, signers: &Signers) -> Result<()> {
    let keys = [signers.log.verifier_key().clone(), signers.clock.verifier_key().clone()];
    let verified = SignedNote::parse(note)?.verify(&keys)?;
    if verified.signers().len() != keys.len() || verified.text() != expected.encode() {
        return Err(Error::new(Code::StoreCorrupt, "the checkpoint just signed does not read as it was meant"));
    }
    Ok(())
}

/// The root that a head claims must be the root over what is stored.
pub(super) fn same_root(head: &Head, root: RootHash) -> Result<()> {
    if head.root == root {
        return Ok(());
    }
    let detail =
        format!("the entries of size {} have root {root}, the signed checkpoint says {}", head.size, head.root);
    Err(Error::new(Code::StoreCorrupt, detail))
}
