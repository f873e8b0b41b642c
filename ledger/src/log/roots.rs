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
//!
//! Here is what all have in common; the thread is [`keeper`], and an answer to who asks is made in [`look_up`].

pub(super) mod keeper;
mod look_up;
mod offers;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use tokio::sync::watch;

use super::{Log, Published, Shared, Term};
use crate::engine::Engine;
use crate::entry::Entry;
use crate::error::{Code, Error, Result};
use crate::ids::{LeafIndex, RecordId, TreeSize, TrieRoot};
use crate::record::Record;
use crate::record::key::PrivateKey;
use crate::record::kind::Kind;
use crate::record::kinds::{IndexRoot, Predicate};
use crate::trie::{Draft, follows};
pub(super) use keeper::Keeper;
use offers::Offers;

/// The most entries between two roots: their draft holds every group that they touch, 40 MiB in an index of a million terms.
const MAX_STEP: u64 = 8_192;

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
        let offered = lock(&self.offered).at(TreeSize(root.size));
        match offered {
            Some(own) if own == root.root => Ok(()),
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
        lock(&self.roots.offered).add(*size, root, now);
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
    ///
    /// # Errors
    /// `index_unavailable` while nothing is published, while the index is being filled, and when the last root covers
    /// every entry; what is wrong with the index if something is.
    pub fn next_index_root(&self) -> Result<NextRoot> {
        let view = self.published().ok_or_else(|| Error::new(Code::IndexUnavailable, "nothing is published yet"))?;
        self.shared.next_root(&view, Asked::Outside)
    }
}
