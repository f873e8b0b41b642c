//! Reading a log at one published size.
//!
//! Every function takes the [`Published`] view that its answer belongs to, so that a page or a proof never mixes two
//! sizes. Partial tiles and bundles are put together for any size up to that one; only full tiles are stored.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::Term;
use super::open::refused;
use super::tail::TileTree;
use super::{Log, Published, Shared, overlap};
use crate::engine::Places;
use crate::entry::{Entry, Header};
use crate::error::{Code, Error, Result};
use crate::ids::{BodyDigest, KeyId, LeafIndex, RecordId, TreeSize};
use crate::merkle::{EntryBundleId, NodeHash, Nodes, Proof, TileId, encode_bundle, prove_consistency, prove_inclusion};
use crate::note::TlogProof;
use crate::record::body_digest;

/// 512 tiles of 16 KiB are 8 MiB: the edge of a tree of a million entries and every tile above the lowest level.
const CACHED_TILES: usize = 512;

/// The largest page: at 600 bytes an entry, 300 KiB of journal.
pub const MAX_PAGE: usize = 500;

/// How many places of the index one page may look at when the terms have few entries in common. The page then ends early
/// and says where to go on, so that no question costs a scan of the log.
const MAX_LOOKED_AT: usize = 5_000;

/// An entry as it is in the log.
#[derive(Debug, Clone)]
pub struct EntryView {
    /// Its index.
    pub index: LeafIndex,
    /// The leaf's bytes.
    pub bytes: Bytes,
    /// What the leaf says.
    pub header: Header,
    /// The digest of the body that it names.
    pub body: BodyDigest,
}

/// What the log has of a record already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Earlier {
    /// Its entry with the very same signers.
    Same(LeafIndex),
    /// So many entries, each with other signers.
    Others(usize),
}

/// A body, or the fact that there is none any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// The envelope exactly as accepted.
    Held(Bytes),
    /// Erased; a retraction in the log says by whom and why.
    Redacted,
}

/// Which entries are asked for: those under every one of the terms.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Without a term, all entries.
    pub terms: Vec<Term>,
}

/// In which order, and from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Ascending, from this index on.
    From(LeafIndex),
    /// Descending, below this index.
    Below(LeafIndex),
}

impl Order {
    /// Whether one index comes before another one.
    pub(super) fn is_before(self, one: LeafIndex, other: LeafIndex) -> bool {
        match self {
            Self::From(_) => one < other,
            Self::Below(_) => one > other,
        }
    }

    /// The same order, beginning with this index.
    pub(super) fn starting_at(self, index: LeafIndex) -> Self {
        match self {
            Self::From(_) => Self::From(index),
            Self::Below(_) => Self::Below(LeafIndex(index.0.saturating_add(1))),
        }
    }
}

/// Some of the entries asked for.
#[derive(Debug, Clone)]
pub struct Page {
    /// In the order asked for.
    pub entries: Vec<EntryView>,
    /// Where the next page begins, if there may be one.
    pub next: Option<Order>,
}

/// Tiles that were looked at, with their inner nodes.
#[derive(Debug, Default)]
pub(super) struct TileCache {
    tiles: Mutex<HashMap<(u8, u64), Arc<TileTree>>>,
}

impl TileCache {
    pub(super) fn insert(&self, level: u8, index: u64, tile: Arc<TileTree>) -> Arc<TileTree> {
        let mut tiles = self.tiles.lock().unwrap_or_else(PoisonError::into_inner);
        if tiles.len() >= CACHED_TILES {
            // Tiles above the lowest level are few and lie on every path.
            tiles.retain(|(level, _), _| *level > 0);
        }
        if tiles.len() < CACHED_TILES {
            tiles.insert((level, index), Arc::clone(&tile));
        }
        tile
    }

    fn get(&self, level: u8, index: u64) -> Option<Arc<TileTree>> {
        self.tiles.lock().unwrap_or_else(PoisonError::into_inner).get(&(level, index)).cloned()
    }
}

/// The nodes of the tree that a view shows.
pub(super) struct ViewNodes<'a> {
    shared: &'a Shared,
    view: &'a Published,
}

impl<'a> ViewNodes<'a> {
    pub(super) const fn of(shared: &'a Shared, view: &'a Published) -> Self {
        Self { shared, view }
    }
}

impl Nodes for ViewNodes<'_> {
    type Error = Error;

    fn node(&self, level: u8, index: u64) -> Result<NodeHash> {
        let (tile_level, row) = (level / 8, level % 8);
        let width = 256u64 >> row;
        let tile = self.shared.tile(self.view, tile_level, index / width)?;
        let within = usize::try_from(index % width).unwrap_or(usize::MAX);
        tile.and_then(|tile| tile.node(usize::from(row), within))
            .ok_or_else(|| self.shared.damaged("index", format!("no node {index} at level {level}")))
    }
}

impl Shared {
    /// The error of a reader who met damage. Whoever runs the log is told too, as of what the engine meets.
    fn damaged(&self, place: &str, what: String) -> Error {
        self.damage.met(place.to_owned(), what.clone());
        Error::new(Code::StoreCorrupt, what).at(place)
    }

    /// Whether the index holds all that was published. One that met the end of the disk is opened and filled again while
    /// readers go on: what they miss in it then is on its way.
    fn is_filled(&self) -> bool {
        !self.index_waits.load(Ordering::Acquire)
    }

    /// The error of a reader who misses a row: damage if the index was `filled` before he looked and is so now.
    fn missing(&self, filled: bool, what: String) -> Error {
        if filled && self.is_filled() {
            return self.damaged("index", what);
        }
        Error::new(Code::Overloaded, format!("{what}: the index is being filled again"))
    }

    /// The tile at a place, full or partial; `None` beyond the view.
    fn tile(&self, view: &Published, level: u8, index: u64) -> Result<Option<Arc<TileTree>>> {
        let hashes = view.size.0.checked_shr(u32::from(level) * 8).unwrap_or(0);
        if index > hashes / 256 || (index == hashes / 256 && hashes.is_multiple_of(256)) {
            return Ok(None);
        }
        if index == hashes / 256 {
            return Ok(view.tail.partial(level).cloned());
        }
        if let Some(tile) = self.tiles.get(level, index) {
            return Ok(Some(tile));
        }
        let filled = self.is_filled();
        let tile = self.index.tile(level, index)?;
        let tile = tile.ok_or_else(|| self.missing(filled, format!("tile {index} of level {level} is missing")))?;
        Ok(Some(self.tiles.insert(level, index, Arc::new(tile))))
    }

    /// The places of a committed entry.
    pub(super) fn places(&self, index: LeafIndex) -> Result<Places> {
        let filled = self.is_filled();
        self.index.places(index)?.ok_or_else(|| self.missing(filled, format!("the place of entry {index} is missing")))
    }

    /// The indexed entries of a record, in their order: its first, and those under further signatures.
    pub(super) fn entries_of(&self, record: &RecordId) -> impl Iterator<Item = Result<EntryView>> {
        let (record, indexed) = (*record, self.indexed());
        self.index
            .ascending(&Term::Record(record), LeafIndex(0))
            // A row from before a crash may be of a batch that was never committed.
            .take_while(move |index| index.as_ref().map_or(true, |index| indexed.covers(*index)))
            .map(|index| self.entry(index?))
            // A row holds the first bytes of an id.
            .filter(move |entry| entry.as_ref().map_or(true, |entry| entry.header.record == record))
    }

    /// What the index has of a record, for one that comes with these signers.
    pub(super) fn earlier(&self, record: &RecordId, signers: &[KeyId]) -> Result<Earlier> {
        let mut others = 0;
        for entry in self.entries_of(record) {
            let entry = entry?;
            if entry.header.signers == signers {
                return Ok(Earlier::Same(entry.index));
            }
            others += 1;
        }
        Ok(Earlier::Others(others))
    }

    /// A committed entry.
    pub(super) fn entry(&self, index: LeafIndex) -> Result<EntryView> {
        let bytes = self.engine.read_entry(self.places(index)?.entry).map_err(refused)?;
        let Entry { header, body } = Entry::decode(&bytes)?;
        Ok(EntryView { index, bytes, header, body })
    }
}

impl Log {
    /// A tile's bytes, or `None` if the view does not hold that many hashes at that place.
    ///
    /// # Errors
    /// `store_corrupt` if the index or the journal cannot be read there.
    pub fn tile(&self, view: &Published, id: TileId) -> Result<Option<Vec<u8>>> {
        let tile = self.shared.tile(view, id.level(), id.index())?;
        let hashes = tile.as_ref().and_then(|tile| tile.hashes().get(..usize::from(id.width())));
        // A tile is 8 KiB and asked for more often than anything else: whole hashes are copied, not bytes.
        Ok(hashes.map(|hashes| hashes.iter().map(|hash| *hash.as_bytes()).collect::<Vec<_>>().into_flattened()))
    }

    /// An entry bundle's bytes, or `None` if the view does not hold that many entries at that place.
    ///
    /// # Errors
    /// `store_corrupt` if the index or the journal lacks one of the entries, or cannot be read.
    pub fn entry_bundle(&self, view: &Published, id: EntryBundleId) -> Result<Option<Vec<u8>>> {
        let Some(start) = id.index().checked_mul(256) else { return Ok(None) };
        let end = start.saturating_add(u64::from(id.width()));
        if end > view.size.0 {
            return Ok(None);
        }
        let mut entries = Vec::with_capacity(usize::from(id.width()));
        let filled = self.shared.is_filled();
        for places in self.shared.index.places_between(LeafIndex(start), LeafIndex(end))? {
            entries.push(self.shared.engine.read_entry(places.entry).map_err(refused)?);
        }
        if entries.len() != usize::from(id.width()) {
            return Err(self.shared.missing(filled, format!("entries of {id} are missing")));
        }
        Ok(Some(encode_bundle(entries.iter())?))
    }

    /// An entry, or `None` if the view does not cover it.
    ///
    /// # Errors
    /// `store_corrupt` if the index or the journal cannot be read there.
    pub fn entry(&self, view: &Published, index: LeafIndex) -> Result<Option<EntryView>> {
        if view.size.covers(index) { self.shared.entry(index).map(Some) } else { Ok(None) }
    }

    /// How long the body of an entry is, or was.
    ///
    /// # Errors
    /// `store_corrupt` if the index does not say where it is.
    pub fn body_len(&self, entry: &EntryView) -> Result<usize> {
        Ok(self.shared.places(entry.index)?.body.len as usize)
    }

    /// The body of an entry, held against the digest that the entry names. What a committed retraction names is erased from
    /// that moment on, whether its bytes are gone from the disk and the retraction shown to readers or not.
    ///
    /// # Errors
    /// `store_corrupt` if the body cannot be read, or is not the one that the entry names.
    pub fn body(&self, entry: &EntryView) -> Result<Body> {
        if self.shared.is_redacted(&entry.header.record) {
            return Ok(Body::Redacted);
        }
        let places = self.shared.places(entry.index)?;
        let Some(bytes) = self.shared.engine.read_body(places.body).map_err(refused)? else {
            return Ok(Body::Redacted);
        };
        if body_digest(&bytes) != entry.body {
            let detail = format!("the body of entry {} is not the one that it names", entry.index);
            return Err(self.shared.damaged("bodies", detail));
        }
        Ok(Body::Held(bytes))
    }

    /// The first entry of a record.
    ///
    /// # Errors
    /// `store_corrupt` if the index or the journal cannot be read there.
    pub fn find_record(&self, view: &Published, record: RecordId) -> Result<Option<EntryView>> {
        let filter = Filter { terms: vec![Term::Record(record)] };
        let page = self.page(view, &filter, Order::From(LeafIndex(0)), 1)?;
        Ok(page.entries.into_iter().next())
    }

    /// The entry that names a body.
    ///
    /// # Errors
    /// `store_corrupt` if the index or the journal cannot be read there.
    pub fn find_body(&self, view: &Published, body: &BodyDigest) -> Result<Option<EntryView>> {
        let Some(index) = self.shared.index.entry_of_body(body)? else { return Ok(None) };
        Ok(self.entry(view, index)?.filter(|entry| entry.body == *body))
    }

    /// The proof that the view covers an entry.
    ///
    /// # Errors
    /// `not_found` if the view does not cover the entry; `store_corrupt` if a tile is missing.
    pub fn inclusion(&self, view: &Published, index: LeafIndex) -> Result<Proof> {
        Ok(prove_inclusion(&ViewNodes { shared: &self.shared, view }, index, view.size)?)
    }

    /// The proof that the view extends the tree of `old` entries.
    ///
    /// # Errors
    /// `not_found` if the view has fewer than `old` entries; `store_corrupt` if a tile is missing.
    pub fn consistency(&self, view: &Published, old: TreeSize) -> Result<Proof> {
        Ok(prove_consistency(&ViewNodes { shared: &self.shared, view }, old, view.size)?)
    }

    /// What makes an entry verifiable offline, in the form of C2SP tlog-proof.
    ///
    /// # Errors
    /// Those of [`inclusion`](Self::inclusion).
    pub fn receipt(&self, view: &Published, index: LeafIndex) -> Result<TlogProof> {
        let proof = self.inclusion(view, index)?;
        Ok(TlogProof { extra: None, index, proof, checkpoint: view.note.to_vec() })
    }

    /// At most `limit` entries under a filter.
    ///
    /// The first term is walked in its own postings, so a page costs what it holds; with more than one term, entries
    /// that the others do not match cost a read each.
    ///
    /// # Errors
    /// `store_corrupt` if the index or the journal cannot be read there.
    pub fn page(&self, view: &Published, filter: &Filter, order: Order, limit: usize) -> Result<Page> {
        let limit = limit.clamp(1, MAX_PAGE);
        let mut entries = Vec::new();
        let mut next = None;
        for (looked_at, candidate) in self.candidates(view, &filter.terms, order).enumerate() {
            let (candidate, met) = candidate?;
            if looked_at == MAX_LOOKED_AT {
                next = Some(order.starting_at(candidate));
                break;
            }
            if !view.size.covers(candidate) {
                // Ascending, nothing after it is covered either; descending, what is covered is still to come.
                if matches!(order, Order::From(_)) {
                    break;
                }
                continue;
            }
            if !met {
                continue;
            }
            let entry = self.shared.entry(candidate)?;
            if !filter.terms.iter().all(|term| term.matches(&entry.header)) {
                continue;
            }
            entries.push(entry);
            if entries.len() == limit {
                next = Some(match order {
                    Order::From(_) => Order::From(LeafIndex(candidate.0 + 1)),
                    Order::Below(_) => Order::Below(candidate),
                });
                break;
            }
        }
        Ok(Page { entries, next })
    }

    /// What the index says may be under all of the terms, in order.
    fn candidates<'a>(
        &'a self,
        view: &Published,
        terms: &'a [Term],
        order: Order,
    ) -> Box<dyn Iterator<Item = overlap::Met> + 'a> {
        let index = &self.shared.index;
        let met = |index: LeafIndex| Ok((index, true));
        match (terms, order) {
            ([one, other, ..], _) => Box::new(overlap::in_both(index, [one, other], order)),
            ([term], _) => Box::new(overlap::postings(index, term, order).map(move |index| index.and_then(met))),
            ([], Order::From(from)) => Box::new((from.0..view.size.0).map(LeafIndex).map(met)),
            ([], Order::Below(before)) => Box::new((0..before.0.min(view.size.0)).rev().map(LeafIndex).map(met)),
        }
    }
}
