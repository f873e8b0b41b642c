//! The thread that keeps the rows at the newest `index-root`, and signs the next one when it is due.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, mpsc};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use super::{Asked, IndexedRoot, Next, NextRoot, RootSigner, Standing, index_roots, lock};
use crate::error::{Code, Error, Result};
use crate::ids::{LeafIndex, TreeSize, TrieRoot, UnixMillis};
use crate::log::queue::{Answer, Pending};
use crate::log::{Published, Sequenced, Shared, Validated, Wait};
use crate::record::dsse::Envelope;
use crate::record::kind::Kind;
use crate::record::kinds::IndexRoot;
use crate::record::statement::Statement;
use crate::record::terms::Timestamp;
use crate::trie::Draft;

/// A root is signed when so many entries wait for one: half of the 1,024 that may be between two (DESIGN §8), so that
/// the entries that arrive while it is on its way fit in.
const SIGN_AT: u64 = 512;

/// A root is signed for fewer entries once the last one is so old.
const SIGN_AFTER: u64 = 10 * 60 * 1000;

/// Entries taken into one draft while rows are filled, when nobody reads them.
const FILL_STEP: u64 = 4_096;

/// The thread that keeps the rows at the newest `index-root`, and signs the next one if it was given a key.
pub(in crate::log) struct Keeper {
    pub(in crate::log) shared: Arc<Shared>,
    /// When a root was last signed here.
    pub(in crate::log) signed: UnixMillis,
    /// A root that was signed here and that readers do not see yet.
    pub(in crate::log) sent: Option<Sent>,
}

/// How far a signed root is.
pub(in crate::log) enum Sent {
    /// On its way through the sequencer.
    Waiting(oneshot::Receiver<Result<Sequenced>>),
    /// An entry that was not published when it was last looked for.
    At(LeafIndex),
}

impl Keeper {
    /// Runs until the publisher is gone. The bell rings when something was published.
    pub(in crate::log) fn run(mut self, bell: &mpsc::Receiver<()>) {
        loop {
            match self.step() {
                Ok(()) => {}
                // The publisher opens the index again once there is room, and has the rows brought up then.
                Err(error) if error.code() == Code::DiskFull => self.shared.wait_for_room(),
                // Look-ups say so; the log itself goes on, for nothing that it signs depends on its rows.
                Err(error) => self.shared.roots.stand(Standing::Broken(error)),
            }
            if let Err(mpsc::RecvTimeoutError::Disconnected) = bell.recv_timeout(Duration::from_secs(1)) {
                return;
            }
        }
    }

    fn step(&mut self) -> Result<()> {
        if self.shared.index_waits.load(Ordering::Acquire) {
            return Ok(());
        }
        let Some(view) = self.shared.published.borrow().clone() else { return Ok(()) };
        let filling = {
            let standing = self.shared.roots.standing.read().unwrap_or_else(PoisonError::into_inner);
            match &*standing {
                Standing::Broken(_) => return Ok(()),
                Standing::Filling => true,
                Standing::Ready(_) => false,
            }
        };
        if filling {
            self.fill(self.shared.newest_index_root(view.size)?)?;
        }
        let mut from = self.shared.roots.ready()?.map_or(LeafIndex(0), |root| LeafIndex(root.index.0 + 1));
        while let Some(index) = self.shared.index.ascending(&index_roots(), from).next().transpose()? {
            if !view.size.covers(index) {
                break;
            }
            self.advance(self.shared.index_root(index)?)?;
            from = LeafIndex(index.0 + 1);
        }
        self.sign_if_due(&view)
    }

    /// Brings the rows to the newest root: from the durable mark, and if that leads elsewhere from the beginning.
    fn fill(&self, newest: Option<IndexedRoot>) -> Result<()> {
        let roots = &self.shared.roots;
        if let Some(newest) = newest {
            let durable = roots.written().min(newest.size);
            let found = self.fill_from(durable, newest.size);
            if !matches!(&found, Ok(root) if *root == newest.root) {
                roots.written.store(0, Ordering::Release);
                self.shared.index.clear_terms()?;
                let found = self.fill_from(TreeSize(0), newest.size)?;
                if found != newest.root {
                    let detail = format!("entry {} states {}, and the entries have {found}", newest.index, newest.root);
                    return Err(Error::new(Code::IndexRootRefused, detail).at(format!("entry {}", newest.index)));
                }
            }
        }
        roots.stand(Standing::Ready(newest));
        roots.ready.send_replace(newest);
        Ok(())
    }

    fn fill_from(&self, from: TreeSize, to: TreeSize) -> Result<TrieRoot> {
        let index = self.shared.index.as_ref();
        let mut size = from;
        loop {
            let step = TreeSize(to.0.min(size.0 + FILL_STEP));
            let mut draft = Draft::default();
            self.shared.take_in(&mut draft, size, step)?;
            let root = draft.seal(index)?;
            index.write_draft(&draft)?;
            self.shared.roots.written.store(step.0, Ordering::Release);
            size = step;
            if size >= to {
                return Ok(root);
            }
        }
    }

    /// Moves the rows to the next root, which readers may see from now on.
    fn advance(&self, to: IndexedRoot) -> Result<()> {
        let roots = &self.shared.roots;
        let mut next = lock(&roots.next);
        let base = roots.ready()?.map_or(TreeSize(0), |root| root.size);
        let mut draft = std::mem::take(&mut *next);
        if draft.base != base || draft.size != to.size {
            draft = Next { base, size: to.size, ..Next::default() };
            self.shared.take_in(&mut draft.draft, base, to.size)?;
        }
        let root = draft.draft.seal(self.shared.index.as_ref())?;
        if root != to.root {
            let detail = format!("entry {} states {}, and the entries have {root}", to.index, to.root);
            return Err(Error::new(Code::IndexRootRefused, detail).at(format!("entry {}", to.index)));
        }
        let mut standing = roots.standing.write().unwrap_or_else(PoisonError::into_inner);
        self.shared.index.write_draft(&draft.draft)?;
        roots.written.store(to.size.0, Ordering::Release);
        *standing = Standing::Ready(Some(to));
        drop(standing);
        *next = Next { base: to.size, size: to.size, ..Next::default() };
        // Whoever is told that the root stands may ask for the next one at once.
        lock(&roots.offered).forget_up_to(to.size);
        roots.ready.send_replace(Some(to));
        Ok(())
    }

    fn sign_if_due(&mut self, view: &Published) -> Result<()> {
        if self.is_on_its_way()? {
            return Ok(());
        }
        let roots = &self.shared.roots;
        let signer = lock(&roots.signer);
        let Some(signer) = &*signer else { return Ok(()) };
        let waiting = self.waiting(view)?;
        let now = self.shared.clock.now();
        let old = now.0.saturating_sub(self.signed.0) >= SIGN_AFTER;
        if waiting < SIGN_AT && !(old && waiting > 0) {
            return Ok(());
        }
        self.signed = now;
        let next = self.shared.next_root(view, Asked::Inside)?;
        let body = sign(&next, signer, now)?;
        let (size, state) = self.shared.committed();
        let Ok(validated) = Validated::check(Bytes::from(body), &state, LeafIndex(size.0), now, |_| Ok(false)) else {
            // The key is not, or no longer, an operator's: others may sign, and the operator sees the root grow old.
            return Ok(());
        };
        let (answer, receiver) = oneshot::channel();
        let validated = Box::new(validated);
        if self.shared.queue.push(Pending { validated, wait: Wait::Sequenced, answer: Answer::plain(answer) }).is_ok() {
            self.sent = Some(Sent::Waiting(receiver));
        }
        Ok(())
    }

    /// Whether a root that was signed here is not yet the one that look-ups are proven under.
    fn is_on_its_way(&mut self) -> Result<bool> {
        if let Some(Sent::Waiting(answer)) = &mut self.sent {
            match answer.try_recv() {
                Ok(Ok(done)) => self.sent = Some(Sent::At(done.index)),
                Err(oneshot::error::TryRecvError::Empty) => return Ok(true),
                // Refused: another root came first, and the next one is drafted after it.
                Ok(Err(_)) | Err(oneshot::error::TryRecvError::Closed) => self.sent = None,
            }
        }
        if let Some(Sent::At(index)) = self.sent {
            if self.shared.roots.ready()?.is_none_or(|root| root.index < index) {
                return Ok(true);
            }
            self.sent = None;
        }
        Ok(false)
    }

    /// How many published entries no root covers yet, apart from the roots themselves, which are no reason for another one.
    fn waiting(&self, view: &Published) -> Result<u64> {
        let from = self.shared.roots.ready()?.map_or(0, |root| root.size.0);
        let mut waiting = view.size.0 - from;
        for index in self.shared.index.ascending(&index_roots(), LeafIndex(from)) {
            waiting -= u64::from(view.size.covers(index?));
        }
        Ok(waiting)
    }
}

/// The record that states a root.
pub(in crate::log) fn sign(next: &NextRoot, signer: &RootSigner, now: UnixMillis) -> Result<Vec<u8>> {
    let issued = Timestamp::from_millis(UnixMillis(now.0 / 1000 * 1000))
        .ok_or_else(|| Error::new(Code::ClockRefused, "the clock is beyond the year 9999"))?;
    let mut predicate = Map::new();
    predicate.insert("issuer".to_owned(), json!({ "id": signer.issuer }));
    predicate.insert("issued".to_owned(), json!(issued.as_str()));
    predicate.insert("size".to_owned(), json!(next.size.0));
    predicate.insert("root".to_owned(), json!(next.root));
    if let Some(previous) = next.previous {
        predicate.insert("previous".to_owned(), json!(previous.to_reference()));
    }
    let root = IndexRoot { size: next.size.0, root: next.root, previous: None };
    let statement = Statement::new(Kind::IndexRoot, root.subjects(), Value::Object(predicate));
    Ok(Envelope::sign(statement.to_payload()?, &[&signer.key])?.to_json())
}
