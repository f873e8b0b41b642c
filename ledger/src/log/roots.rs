//! The verifiable index of a running log: kept at the newest `index-root` that readers may see, and drafted beyond it.
//!
//! ```text
//! entries ─ draft over the rows ─ offered (size, root) ─ signed by an operator ─ admitted by the sequencer ─ published
//!                                                                                        └ rows move to that size
//! ```
//!
//! One thread of its own does the work, so that neither a commit nor a receipt waits for it. The rows are those of one
//! size at any time, and look-ups hold a lock while they read them. After a crash some rows may be of a later size than
//! the mark says: taking entries in twice is the same as once, and the root that comes out is compared with the signed
//! one; if it is another, all rows are made again from the entries.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, mpsc};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use tokio::sync::{oneshot, watch};

use super::queue::{Answer, Pending};
use super::reader::ViewNodes;
use super::{Log, Published, Sequenced, Shared, Term, Validated, Wait};
use crate::engine::Engine;
use crate::entry::Entry;
use crate::error::{Code, Error, Result};
use crate::ids::{LeafIndex, RecordId, TreeSize, TrieRoot, UnixMillis};
use crate::merkle::{NodeHash, Nodes};
use crate::record::Record;
use crate::record::dsse::Envelope;
use crate::record::key::PrivateKey;
use crate::record::kind::Kind;
use crate::record::kinds::{IndexRoot, Predicate};
use crate::record::statement::Statement;
use crate::record::terms::Timestamp;
use crate::trie::{Draft, LIST_PAGE, Lookup, LookupPage, follows, prove, prove_page};

/// A root is signed when so many entries wait for one: half of the 1,024 that may be between two (DESIGN §8), so that
/// the entries that arrive while it is on its way fit in.
const SIGN_AT: u64 = 512;

/// A root is signed for fewer entries once the last one is so old.
const SIGN_AFTER: u64 = 10 * 60 * 1000;

/// The most entries between two roots: their draft holds every group that they touch, 40 MiB in an index of a million terms.
const MAX_STEP: u64 = 8_192;

/// Entries taken into one draft while rows are filled, when nobody reads them.
const FILL_STEP: u64 = 4_096;

/// Roots that were offered and may still come back signed.
const OFFERED: usize = 64;

/// How long an offer stands for whoever asked, in milliseconds: he signs it where his key is, and sends it back.
const OFFER_STANDS: u64 = 10 * 60 * 1000;

/// An `index-root` that the log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexedRoot {
    /// Its entry.
    pub index: LeafIndex,
    /// Its record.
    pub record: RecordId,
    /// How many entries it covers.
    pub size: TreeSize,
    /// The root.
    pub root: TrieRoot,
}

/// What the next `index-root` must say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextRoot {
    /// How many entries it covers.
    pub size: TreeSize,
    /// The root.
    pub root: TrieRoot,
    /// The one before it.
    pub previous: Option<RecordId>,
}

/// Whoever signs `index-root` records inside of the process that serves the log.
#[derive(Debug)]
pub struct RootSigner {
    /// The operator that speaks.
    pub issuer: String,
    /// Its key: one that signs roots and nothing else is enough.
    pub key: PrivateKey,
}

/// What the threads and the readers know about the index.
pub(super) struct Roots {
    standing: RwLock<Standing>,
    next: Mutex<Next>,
    /// The roots that were computed here: the sequencer takes no others.
    offered: Mutex<Offers>,
    /// The size up to which the rows are written.
    written: AtomicU64,
    signer: Mutex<Option<RootSigner>>,
    /// Tells whoever waits which root look-ups are proven under.
    ready: watch::Sender<Option<IndexedRoot>>,
}

/// The roots that were offered to be signed, by size.
#[derive(Default)]
struct Offers(BTreeMap<TreeSize, Offer>);

#[derive(Clone, Copy)]
struct Offer {
    root: TrieRoot,
    at: UnixMillis,
}

impl Offers {
    /// Lets go of the oldest offers that stand no more, until there is room for one. `false` if all stand: anybody may ask, and
    /// none that is on its way to a signer gives way to the next.
    fn make_room(&mut self, now: UnixMillis) -> bool {
        while self.0.len() >= OFFERED {
            let over = |offer: &Offer| now.0.saturating_sub(offer.at.0) >= OFFER_STANDS;
            let oldest = self.0.iter().filter(|(_, offer)| over(offer)).min_by_key(|(_, offer)| offer.at);
            let Some(size) = oldest.map(|(size, _)| *size) else { return false };
            self.0.remove(&size);
        }
        true
    }

    /// The offer that covers most, beyond a size.
    fn most(&self, beyond: TreeSize) -> Option<(TreeSize, TrieRoot)> {
        let (size, offer) = self.0.last_key_value()?;
        (*size > beyond).then_some((*size, offer.root))
    }
}

/// Who asks what the next root is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// The log itself, which signs it at once, and no more than one at a time.
    Inside,
    /// Anybody.
    Outside,
}

enum Standing {
    /// The rows are being brought up to the log.
    Filling,
    /// The rows are those of this root.
    Ready(Option<IndexedRoot>),
    /// The rows do not lead to the root that the log holds.
    Broken(Error),
}

/// The draft of the next root.
#[derive(Default)]
struct Next {
    draft: Draft,
    base: TreeSize,
    size: TreeSize,
}

impl Roots {
    /// Rows that are known to be durable up to a size.
    pub(super) fn new(durable: TreeSize) -> Self {
        Self {
            standing: RwLock::new(Standing::Filling),
            next: Mutex::default(),
            offered: Mutex::default(),
            written: AtomicU64::new(durable.0),
            signer: Mutex::default(),
            ready: watch::Sender::new(None),
        }
    }

    /// The index was opened again, with rows that are durable up to a size.
    pub(super) fn reopened(&self, durable: TreeSize) {
        let mut standing = self.standing.write().unwrap_or_else(PoisonError::into_inner);
        self.written.store(durable.0, Ordering::Release);
        *standing = Standing::Filling;
    }

    /// The size up to which the rows are written: to be asked before they are made durable.
    pub(super) fn written(&self) -> TreeSize {
        TreeSize(self.written.load(Ordering::Acquire))
    }

    /// Whether `root` may be the entry at `next`: it follows the last one, and is what the log itself computed.
    pub(super) fn admit(&self, root: &IndexRoot, last: Option<(RecordId, TreeSize)>, next: LeafIndex) -> Result<()> {
        follows(root, last, next)?;
        let offered = lock(&self.offered);
        match offered.0.get(&TreeSize(root.size)).map(|offer| &offer.root) {
            Some(own) if *own == root.root => Ok(()),
            Some(own) => {
                let detail = format!("over {} entries the root is {own}, not {}", root.size, root.root);
                Err(Error::new(Code::IndexRootRefused, detail).at("/predicate/root"))
            }
            None => {
                let detail = format!("this log did not offer a root over {} entries", root.size);
                Err(Error::new(Code::IndexRootRefused, detail).at("/predicate/size"))
            }
        }
    }

    /// The root that look-ups are proven under.
    fn ready(&self) -> Result<Option<IndexedRoot>> {
        match &*self.standing.read().unwrap_or_else(PoisonError::into_inner) {
            Standing::Filling => Err(Error::new(Code::IndexUnavailable, "the index is being filled")),
            Standing::Ready(root) => Ok(*root),
            Standing::Broken(error) => Err(error.clone()),
        }
    }

    fn stand(&self, standing: Standing) {
        *self.standing.write().unwrap_or_else(PoisonError::into_inner) = standing;
    }
}

impl Shared {
    /// The newest `index-root` below a size.
    pub(super) fn newest_index_root(&self, size: TreeSize) -> Result<Option<IndexedRoot>> {
        let newest = self.index.descending(&index_roots(), LeafIndex(size.0)).next().transpose()?;
        newest.map(|index| self.index_root(index)).transpose()
    }

    fn index_root(&self, index: LeafIndex) -> Result<IndexedRoot> {
        let damaged = || Error::new(Code::StoreCorrupt, format!("entry {index} holds no index-root")).at("index");
        let places = self.places(index)?;
        let body = self.engine.read_body(places.body).map_err(super::open::refused)?.ok_or_else(damaged)?;
        let record = Record::parse(&body)?;
        let Predicate::IndexRoot(root) = &record.predicate else { return Err(damaged()) };
        Ok(IndexedRoot { index, record: record.id, size: TreeSize(root.size), root: root.root })
    }

    /// Takes the entries from `from` up to `to` into a draft.
    fn take_in(&self, draft: &mut Draft, from: TreeSize, to: TreeSize) -> Result<()> {
        let places = self.index.places_between(LeafIndex(from.0), LeafIndex(to.0))?;
        if places.len() as u64 != to.0 - from.0 {
            return Err(Error::new(Code::StoreCorrupt, "the places of entries are missing").at("index"));
        }
        for (index, places) in (from.0..).zip(places) {
            let bytes = self.engine.read_entry(places.entry).map_err(super::open::refused)?;
            draft.take(LeafIndex(index), &Entry::decode(&bytes)?.header);
        }
        Ok(())
    }

    /// Drafts the next root, over all published entries or as many as one step takes. Whoever asks from outside while all
    /// offers stand is given the one that covers most.
    fn next_root(&self, view: &Published, asked: Asked) -> Result<NextRoot> {
        let ready = self.roots.ready()?;
        let (base, previous) = (ready.map_or(TreeSize(0), |root| root.size), ready.map(|root| root.record));
        let now = self.clock.now();
        {
            let mut offered = lock(&self.roots.offered);
            if !offered.make_room(now)
                && asked == Asked::Outside
                && let Some((size, root)) = offered.most(base)
            {
                return Ok(NextRoot { size, root, previous });
            }
        }
        let mut next = lock(&self.roots.next);
        if next.base != base {
            *next = Next { base, size: base, ..Next::default() };
        }
        let to = TreeSize(view.size.0.min(base.0 + MAX_STEP));
        if to <= base {
            return Err(Error::new(Code::IndexUnavailable, "every entry is covered by the last index-root"));
        }
        let Next { draft, size, .. } = &mut *next;
        if to > *size {
            self.take_in(draft, *size, to)?;
            *size = to;
        }
        let root = draft.seal(self.index.as_ref())?;
        lock(&self.roots.offered).0.insert(*size, Offer { root, at: now });
        Ok(NextRoot { size: *size, root, previous })
    }
}

fn index_roots() -> Term {
    Term::Kind(Kind::IndexRoot.as_str().to_owned())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What a panic may leave behind is a draft, and its root is compared before it counts.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread that keeps the rows at the newest `index-root`, and signs the next one if it was given a key.
pub(super) struct Keeper {
    pub(super) shared: Arc<Shared>,
    /// When a root was last signed here.
    pub(super) signed: UnixMillis,
    /// A root that was signed here and that readers do not see yet.
    pub(super) sent: Option<Sent>,
}

/// How far a signed root is.
pub(super) enum Sent {
    /// On its way through the sequencer.
    Waiting(oneshot::Receiver<Result<Sequenced>>),
    /// An entry that was not published when it was last looked for.
    At(LeafIndex),
}

impl Keeper {
    /// Runs until the publisher is gone. The bell rings when something was published.
    pub(super) fn run(mut self, bell: &mpsc::Receiver<()>) {
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
        roots.ready.send_replace(Some(to));
        *next = Next { base: to.size, size: to.size, ..Next::default() };
        lock(&roots.offered).0.retain(|size, _| *size > to.size);
        Ok(())
    }

    fn sign_if_due(&mut self, view: &Published) -> Result<()> {
        let roots = &self.shared.roots;
        match &mut self.sent {
            Some(Sent::Waiting(answer)) => match answer.try_recv() {
                Ok(Ok(done)) => self.sent = Some(Sent::At(done.index)),
                Err(oneshot::error::TryRecvError::Empty) => return Ok(()),
                // Refused: another root came first, and the next one is drafted after it.
                Ok(Err(_)) | Err(oneshot::error::TryRecvError::Closed) => self.sent = None,
            },
            Some(Sent::At(_)) | None => {}
        }
        if let Some(Sent::At(index)) = self.sent {
            if roots.ready()?.is_none_or(|root| root.index < index) {
                return Ok(());
            }
            self.sent = None;
        }
        let signer = lock(&roots.signer);
        let Some(signer) = &*signer else { return Ok(()) };
        let from = roots.ready()?.map_or(0, |root| root.size.0);
        let mut waiting = view.size.0 - from;
        for index in self.shared.index.ascending(&index_roots(), LeafIndex(from)) {
            // The roots themselves are no reason for another one.
            waiting -= u64::from(view.size.covers(index?));
        }
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
}

/// The record that states a root.
pub(super) fn sign(next: &NextRoot, signer: &RootSigner, now: UnixMillis) -> Result<Vec<u8>> {
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

impl Log {
    /// Signs an `index-root` with this key whenever one is due, from now on.
    pub fn sign_index_roots(&self, signer: RootSigner) {
        *lock(&self.shared.roots.signer) = Some(signer);
    }

    /// The newest `index-root` that look-ups are proven under; `None` if there is none yet.
    ///
    /// # Errors
    /// `index_unavailable` while the index is being filled, and what is wrong with it if something is.
    pub fn indexed_root(&self) -> Result<Option<IndexedRoot>> {
        self.shared.roots.ready()
    }

    /// A channel that holds the `index-root` that look-ups are proven under.
    pub fn subscribe_index_roots(&self) -> watch::Receiver<Option<IndexedRoot>> {
        self.shared.roots.ready.subscribe()
    }

    /// What the next `index-root` must say to be taken in. Costs what the entries since the last one cost.
    pub fn next_index_root(&self) -> Result<NextRoot> {
        let view = self.published().ok_or_else(|| Error::new(Code::IndexUnavailable, "nothing is published yet"))?;
        self.shared.next_root(&view, Asked::Outside)
    }

    /// Looks a term up in the verifiable index, with a page of its list, and the proofs of all of it under the newest
    /// checkpoint; with the entries of the page, and the proof that the checkpoint extends a size, if asked for.
    ///
    /// # Errors
    /// `index_unavailable` if no `index-root` was logged yet: then an answer is only complete for who reads all entries.
    pub fn look_up(&self, term: &Term, page: u64, entries: bool, since: Option<TreeSize>) -> Result<Lookup> {
        let shared = &self.shared;
        // Held while rows are read; the view is taken after it, so that it covers the root.
        let standing = shared.roots.standing.read().unwrap_or_else(PoisonError::into_inner);
        let root = match &*standing {
            Standing::Ready(Some(root)) => *root,
            Standing::Ready(None) => {
                return Err(Error::new(Code::IndexUnavailable, "no index-root was logged yet"));
            }
            Standing::Filling => return Err(Error::new(Code::IndexUnavailable, "the index is being filled")),
            Standing::Broken(error) => return Err(error.clone()),
        };
        let view = self.published().ok_or_else(|| Error::new(Code::IndexUnavailable, "nothing is published yet"))?;
        let index = shared.index.as_ref();
        let key = term.key();
        let (list, proof) = prove(index, &key)?;
        let head = list.as_ref().map(crate::trie::List::head);
        proof.verify(root.root, &key, head.map(|head| head.to_value()).as_ref().map(|value| &value[..])).map_err(
            |error| Error::new(Code::StoreCorrupt, format!("the rows of the index: {}", error.detail())).at("index"),
        )?;
        let page = match head {
            Some(head) if page.checked_mul(LIST_PAGE).is_some_and(|start| start < head.count.0) => {
                let read = |number: u64| index.list_page(term, number, head.count);
                let indices = read(page)?;
                let proof = prove_page(index, &key, &head, page, &read)?;
                let entries = entries.then(|| self.with_proofs(&view, &indices)).transpose()?;
                Some(LookupPage { number: page, indices, proof, entries })
            }
            _ => None,
        };
        let consistency = since.map(|size| self.consistency(&view, size)).transpose()?;
        Ok(Lookup {
            term: term.clone(),
            checkpoint: view.note.to_vec(),
            root: (root.index, self.inclusion(&view, root.index)?),
            head,
            proof: proof.encode(),
            page,
            tail: self.edge(&view, TreeSize(root.size.0 / 256 * 256))?,
            consistency,
        })
    }

    fn with_proofs(&self, view: &Published, indices: &[LeafIndex]) -> Result<Vec<(Vec<u8>, crate::merkle::Proof)>> {
        let entry = |index: &LeafIndex| {
            let entry = self.shared.entry(*index)?;
            Ok((entry.bytes.to_vec(), self.inclusion(view, *index)?))
        };
        indices.iter().map(entry).collect()
    }

    /// The roots of the perfect subtrees of the tree of the first `size` entries.
    fn edge(&self, view: &Published, size: TreeSize) -> Result<(TreeSize, Vec<NodeHash>)> {
        let nodes = ViewNodes::of(&self.shared, view);
        let (mut start, mut edge) = (0u64, Vec::new());
        for level in (0..63u8).rev().filter(|level| size.0 & (1 << level) != 0) {
            edge.push(nodes.node(level, start >> level)?);
            start += 1 << level;
        }
        Ok((size, edge))
    }
}
