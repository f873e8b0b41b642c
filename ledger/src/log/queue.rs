//! The door to the sequencer: a bounded queue of validated submissions.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::Sequenced;
use super::door::Validated;
use crate::error::{Code, Error, Result};

/// 8,192 records: at 2,000 a second, four seconds of work (DESIGN §12).
pub(super) const MAX_RECORDS: usize = 8192;

/// 64 MiB of bodies (DESIGN §12).
pub(super) const MAX_BYTES: usize = 64 << 20;

/// 1,024 entries or 4 MiB a batch: large enough to share three syncs among many, small enough that a batch takes
/// tens of milliseconds (DESIGN §6).
pub(super) const BATCH_RECORDS: usize = 1024;
/// See [`BATCH_RECORDS`].
pub(super) const BATCH_BYTES: usize = 4 << 20;

/// When a submission is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Once it is durable and has its index.
    Sequenced,
    /// Once a published checkpoint covers it.
    Published,
}

/// A submission on its way, with the one who waits for it.
#[derive(Debug)]
pub(super) struct Pending {
    /// On the heap: it moves through two queues.
    pub(super) validated: Box<Validated>,
    pub(super) wait: Wait,
    pub(super) answer: Answer,
}

/// Where a submission is answered.
#[derive(Debug)]
pub(super) struct Answer {
    sender: oneshot::Sender<Result<Sequenced>>,
    /// For whoever stops waiting for a checkpoint: what was decided before there is one.
    noted: Option<oneshot::Sender<Sequenced>>,
}

impl Answer {
    pub(super) fn plain(sender: oneshot::Sender<Result<Sequenced>>) -> Self {
        Self { sender, noted: None }
    }

    pub(super) fn noting(sender: oneshot::Sender<Result<Sequenced>>, noted: oneshot::Sender<Sequenced>) -> Self {
        Self { sender, noted: Some(noted) }
    }

    pub(super) fn send(self, outcome: Result<Sequenced>) {
        // The one who asked may have gone.
        let _ = self.sender.send(outcome);
    }

    pub(super) fn note(&mut self, sequenced: &Sequenced) {
        if let Some(noted) = self.noted.take() {
            let _ = noted.send(sequenced.clone());
        }
    }

    /// Whether the one who asked has gone.
    pub(super) fn is_given_up(&self) -> bool {
        self.sender.is_closed()
    }
}

#[derive(Debug, Default)]
struct Waiting {
    pending: VecDeque<Pending>,
    bytes: usize,
    closed: bool,
}

/// A bounded queue with one taker.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

impl Queue {
    /// Puts a submission in line, or says that the line is too long.
    pub(super) fn push(&self, pending: Pending) -> Result<()> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(Error::new(Code::Stopping, "the log takes no more records"));
        }
        let bytes = pending.validated.body().len();
        if waiting.pending.len() >= MAX_RECORDS || waiting.bytes + bytes > MAX_BYTES {
            return Err(Error::new(Code::Overloaded, format!("{} records are waiting", waiting.pending.len())));
        }
        // The taker waits for the first one only, and to wake somebody asks the kernel.
        let first = waiting.pending.is_empty();
        waiting.bytes += bytes;
        waiting.pending.push_back(pending);
        drop(waiting);
        if first {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// The next batch. Waits for the first submission, for at most `patience`, and never for a second one: while a
    /// batch is being committed the next one gathers by itself. `None` once the queue is closed and empty.
    pub(super) fn next_batch(&self, patience: Duration) -> Option<Vec<Pending>> {
        let mut waiting = self.lock();
        if waiting.pending.is_empty() && !waiting.closed {
            waiting = self.arrived.wait_timeout(waiting, patience).unwrap_or_else(PoisonError::into_inner).0;
        }
        if waiting.pending.is_empty() && waiting.closed {
            return None;
        }
        let mut batch = Vec::with_capacity(waiting.pending.len().min(BATCH_RECORDS));
        let mut bytes = 0;
        while batch.len() < BATCH_RECORDS {
            let Some(next) = waiting.pending.front() else { break };
            let size = next.validated.body().len();
            if !batch.is_empty() && bytes + size > BATCH_BYTES {
                break;
            }
            bytes += size;
            batch.extend(waiting.pending.pop_front());
        }
        waiting.bytes -= bytes;
        Some(batch)
    }

    /// Lets nobody in any more; what is waiting is still taken.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    /// How many submissions wait.
    pub(super) fn len(&self) -> usize {
        self.lock().pending.len()
    }

    /// Whether a submission of `bytes` would be let in now.
    pub(super) fn has_room_for(&self, bytes: usize) -> bool {
        let waiting = self.lock();
        !waiting.closed && waiting.pending.len() < MAX_RECORDS && waiting.bytes + bytes <= MAX_BYTES
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A panic elsewhere leaves the queue itself whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
