//! What readers look things up in: tiles, places and postings, kept in sled and derived from the journal.
//!
//! sled 0.34 alone does not make a write durable, takes a half-written snapshot for corruption, and can hang on a
//! flipped bit. None of that matters here, because nothing here is the truth: every row is an absolute value that
//! replay computes again, what sled is known to hold durably is written down outside of it ([`super::snapshot`]), and
//! whenever the two disagree this folder is thrown away and filled from the journal.
//!
//! | tree | key | value |
//! |---|---|---|
//! | `tile` | level u8 ‖ index u64 ‖ half u8 | 128 hashes, 4 KiB |
//! | `place` | index / 128 as u64 | up to 128 pairs of places, 32 bytes each |
//! | `posting` | term, 16 bytes ‖ chunk u32 | up to 256 indices, u64 each |
//! | `body` | first 16 bytes of the body's digest | index u64 |
//!
//! The rows of the verifiable index are in [`terms`](self).
//!
//! All numbers are big-endian. No value is over 4 KiB: sled moves larger ones to files that it never syncs.

mod folder;
mod terms;
mod unwritten;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::tail::{FullTile, TILE_WIDTH, TileTree};
use crate::engine::{Place, Places};
use crate::entry::Header;
use crate::error::{Code, Error, Result};
use crate::ids::{BodyDigest, LeafIndex, TreeSize};
use crate::merkle::NodeHash;
use crate::trie::Term;
use unwritten::Unwritten;

/// 128 pairs of places are 4,096 bytes, the largest value that sled keeps in its own file.
const PLACES_PER_ROW: u64 = 128;

/// 256 indices are 2 KiB: a row that is written again with every append should be small.
const INDICES_PER_CHUNK: usize = 256;

/// How long a reopening waits for the readers that are under way: a page of a listing takes milliseconds.
const READERS_DEADLINE: Duration = Duration::from_secs(10);

/// Terms whose last chunk is kept in memory, 2 KiB each at the most.
const HOT_TERMS: usize = 4096;

/// One entry as the index takes it in.
#[derive(Debug)]
pub(super) struct Indexed<'a> {
    pub(super) index: LeafIndex,
    pub(super) header: &'a Header,
    pub(super) body: BodyDigest,
    pub(super) places: Places,
}

/// The index of one log.
#[derive(Debug)]
pub struct Index {
    dir: PathBuf,
    /// What is open; `None` after a reopening that failed. Readers hold a part of it for as long as they read.
    trees: RwLock<Option<Arc<Trees>>>,
    /// Branches of the verifiable index that are on their way into the trees.
    unwritten: RwLock<Unwritten>,
    /// Held by whoever changes them.
    writing: Mutex<()>,
}

#[derive(Debug)]
struct Trees {
    db: sled::Db,
    tiles: sled::Tree,
    places: sled::Tree,
    postings: sled::Tree,
    bodies: sled::Tree,
    groups: sled::Tree,
    branches: sled::Tree,
    list_nodes: sled::Tree,
}

/// The one who may write to an [`Index`], with the ends of the rows that grow.
#[derive(Debug)]
pub(super) struct Indexer {
    index: Arc<Index>,
    chunks: HashMap<[u8; 16], Chunk>,
    places: (u64, Vec<u8>),
}

#[derive(Debug, Clone)]
struct Chunk {
    number: u32,
    indices: Vec<u64>,
    dirty: bool,
}

impl Trees {
    fn open(dir: &Path) -> Result<Self> {
        let db = folder::open(dir)?;
        let tree = |name: &str| db.open_tree(name).map_err(|source| failed(&source));
        Ok(Self {
            tiles: tree("tile")?,
            places: tree("place")?,
            postings: tree("posting")?,
            bodies: tree("body")?,
            groups: tree("group")?,
            branches: tree("branch")?,
            list_nodes: tree("list-node")?,
            db,
        })
    }
}

impl Index {
    /// Opens the index in `dir`, or makes an empty one.
    pub fn open(dir: &Path) -> Result<Self> {
        let trees = Trees::open(dir)?;
        let trees = RwLock::new(Some(Arc::new(trees)));
        Ok(Self { dir: dir.to_owned(), trees, unwritten: RwLock::default(), writing: Mutex::default() })
    }

    /// An empty index in `dir`, whatever is there now.
    pub fn fresh(dir: &Path) -> Result<Self> {
        folder::remove(dir)?;
        Self::open(dir)
    }

    /// Closes the folder and opens it again; readers wait meanwhile. `false` if one of them did not come to its end.
    ///
    /// sled does two things only when it opens: it forgets an error that it met, and it writes down where its pages are,
    /// from which the next opening goes on. Without that it reads everything that was written since the last one.
    pub(super) fn reopen(&self) -> Result<bool> {
        self.replace(Trees::open)
    }

    /// Throws every row away; readers wait meanwhile.
    pub(super) fn clear(&self) -> Result<()> {
        let _turn = self.turn();
        self.forget_unwritten();
        let cleared = self.replace(|dir| folder::remove(dir).and_then(|()| Trees::open(dir)))?;
        if cleared { Ok(()) } else { Err(Error::new(Code::Internal, "a reader of the index does not come to its end")) }
    }

    fn replace(&self, open: impl FnOnce(&Path) -> Result<Trees>) -> Result<bool> {
        let start = Instant::now();
        loop {
            let mut trees = self.trees.write().unwrap_or_else(PoisonError::into_inner);
            // sled lets go of its files when the last handle is gone: this one must be, before the folder is opened.
            let Some(held) = trees.take().and_then(|held| Arc::try_unwrap(held).map(drop).err()) else {
                *trees = Some(Arc::new(open(&self.dir)?));
                return Ok(true);
            };
            // Not waited for under the lock: who walks through a list looks other things up on the way.
            *trees = Some(held);
            drop(trees);
            if start.elapsed() >= READERS_DEADLINE {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn trees(&self) -> Result<Arc<Trees>> {
        let trees = self.trees.read().unwrap_or_else(PoisonError::into_inner).clone();
        trees.ok_or_else(|| Error::new(Code::StoreCorrupt, "the index could not be opened again"))
    }

    /// How many entries the index was told of. sled may have lost the newest of them: see [`super::snapshot`].
    pub(super) fn hint(&self) -> Result<TreeSize> {
        let value = self.trees()?.db.get(b"size").map_err(|source| failed(&source))?;
        Ok(TreeSize(value.and_then(|bytes| u64_at(&bytes, 0)).unwrap_or(0)))
    }

    /// A full tile.
    pub(super) fn tile(&self, level: u8, index: u64) -> Result<Option<TileTree>> {
        let trees = self.trees()?;
        let mut hashes = Vec::with_capacity(TILE_WIDTH);
        for half in 0..2 {
            let Some(value) = trees.tiles.get(tile_row(level, index, half)).map_err(|source| failed(&source))? else {
                return Ok(None);
            };
            hashes.extend(value.as_chunks::<32>().0.iter().map(|bytes| NodeHash::from_bytes(*bytes)));
        }
        Ok((hashes.len() == TILE_WIDTH).then(|| TileTree::of(hashes)))
    }

    /// Where the engine keeps an entry and its body.
    pub fn places(&self, index: LeafIndex) -> Result<Option<Places>> {
        let row = (index.0 / PLACES_PER_ROW).to_be_bytes();
        let value = self.trees()?.places.get(row).map_err(|source| failed(&source))?;
        Ok(value.and_then(|value| places_at(&value, index.0 % PLACES_PER_ROW)))
    }

    /// The places of the entries from `start` up to `end`, as many as the index holds.
    pub fn places_between(&self, start: LeafIndex, end: LeafIndex) -> Result<Vec<Places>> {
        let trees = self.trees()?;
        let mut out = Vec::new();
        let mut index = start.0;
        while index < end.0 {
            let row = index / PLACES_PER_ROW;
            let Some(value) = trees.places.get(row.to_be_bytes()).map_err(|source| failed(&source))? else { break };
            let last = end.0.min((row + 1) * PLACES_PER_ROW);
            for i in index..last {
                let Some(places) = places_at(&value, i % PLACES_PER_ROW) else { return Ok(out) };
                out.push(places);
            }
            index = last;
        }
        Ok(out)
    }

    /// The entry whose body has this digest, if the index knows one. The caller compares the whole digest.
    pub fn entry_of_body(&self, body: &BodyDigest) -> Result<Option<LeafIndex>> {
        let value = self.trees()?.bodies.get(first_16(body.as_bytes())).map_err(|source| failed(&source))?;
        Ok(value.and_then(|bytes| u64_at(&bytes, 0)).map(LeafIndex))
    }

    /// The indices under a term from `from` on, in ascending order.
    pub fn ascending(&self, term: &Term, from: LeafIndex) -> impl Iterator<Item = Result<LeafIndex>> + use<> {
        let row = row_of(term);
        walk(self.trees(), move |trees| {
            // A chunk is found by its number, which says nothing about its indices; the first chunk that may hold
            // `from` is found by bisection over the last index of each.
            let start = trees.chunk_that_reaches(&row, from.0);
            let end = chunk_row(&row, u32::MAX).to_vec();
            let chunks = start.map(|start| trees.postings.range(chunk_row(&row, start).to_vec()..=end));
            chunks
                .into_iter()
                .flatten()
                .flat_map(chunk_indices)
                .filter(move |index| index.as_ref().map_or(true, |index| *index >= from))
        })
    }

    /// The indices under a term below `before`, in descending order.
    pub fn descending(&self, term: &Term, before: LeafIndex) -> impl Iterator<Item = Result<LeafIndex>> + use<> {
        let row = row_of(term);
        walk(self.trees(), move |trees| {
            let end = trees.chunk_that_reaches(&row, before.0);
            let first = chunk_row(&row, 0).to_vec();
            let chunks = end.map(|end| trees.postings.range(first..=chunk_row(&row, end).to_vec()).rev());
            chunks
                .into_iter()
                .flatten()
                .flat_map(|chunk| chunk_indices(chunk).rev())
                .filter(move |index| index.as_ref().map_or(true, |index| *index < before))
        })
    }

    /// Puts a wrong tile and a wrong posting in, as damage below sled would.
    #[cfg(test)]
    pub(super) fn damage_for_test(&self) {
        let Ok(trees) = self.trees() else { return };
        for tree in [&trees.tiles, &trees.postings] {
            let Some(Ok((key, value))) = tree.iter().next() else { continue };
            let mut value = value.to_vec();
            value[0] ^= 1;
            let _ = tree.insert(key, value);
        }
        let _ = trees.db.flush();
    }

    /// Hands everything applied so far to the disk, and waits for it.
    ///
    /// sled's own `flush` calls `sync_file_range`, which promises neither size nor content; the files and the folder
    /// are therefore synced here.
    pub fn make_durable(&self) -> Result<()> {
        self.write_out(&self.turn())?;
        self.trees()?.db.flush().map_err(|source| failed(&source))?;
        folder::sync(&self.dir)
    }
}

impl Trees {
    /// The number of the first chunk whose last index is at least `index`, or of the last chunk; `None` if there is none.
    fn chunk_that_reaches(&self, row: &[u8; 16], index: u64) -> Option<u32> {
        let last = match self.last_chunk(row) {
            Ok(last) => last?.number,
            // Whoever reads on meets the same error.
            Err(_) => 0,
        };
        let (mut low, mut high) = (0, last);
        while low < high {
            let middle = low + (high - low) / 2;
            let value = self.postings.get(chunk_row(row, middle)).ok().flatten();
            let reaches = value.is_some_and(|value| {
                value.len().checked_sub(8).and_then(|at| u64_at(&value, at)).is_some_and(|newest| newest >= index)
            });
            if reaches { high = middle } else { low = middle + 1 }
        }
        Some(low)
    }

    fn last_chunk(&self, row: &[u8; 16]) -> Result<Option<Chunk>> {
        // Most terms that are asked for are new, and a look for their first chunk costs a tenth of a walk.
        if !self.postings.contains_key(chunk_row(row, 0)).map_err(|source| failed(&source))? {
            return Ok(None);
        }
        self.last_of_known(row)
    }

    /// The last chunk of a term that has some.
    fn last_of_known(&self, row: &[u8; 16]) -> Result<Option<Chunk>> {
        let Some(found) = self.postings.scan_prefix(row).next_back() else { return Ok(None) };
        let (key, value) = found.map_err(|source| failed(&source))?;
        let number = key.last_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes));
        Ok(Some(Chunk { number, indices: indices_of(&value), dirty: false }))
    }
}

/// What is found in the open trees, which stay open for as long as somebody looks; or why they are not.
fn walk<I: Iterator<Item = Result<LeafIndex>>>(
    trees: Result<Arc<Trees>>,
    find: impl FnOnce(&Trees) -> I,
) -> impl Iterator<Item = Result<LeafIndex>> {
    let (found, refusal) = match trees {
        Ok(trees) => (Some((find(&trees), trees)), None),
        Err(error) => (None, Some(Err(error))),
    };
    let found = found.map(|(found, trees)| {
        found.inspect(move |_| {
            let _ = &trees;
        })
    });
    refusal.into_iter().chain(found.into_iter().flatten())
}

impl Indexer {
    /// The writer of an index that holds `size` entries. Rows at or above that size are overwritten.
    pub(super) fn new(index: Arc<Index>, size: TreeSize) -> Result<Self> {
        let row = size.0 / PLACES_PER_ROW;
        let value = index.trees()?.places.get(row.to_be_bytes()).map_err(|source| failed(&source))?;
        let kept = usize::try_from(size.0 % PLACES_PER_ROW).unwrap_or(0) * 32;
        let mut places = value.map(|value| value.to_vec()).unwrap_or_default();
        if places.len() < kept {
            return Err(Error::new(Code::StoreCorrupt, format!("the index has no places for entries below {size}")));
        }
        places.truncate(kept);
        Ok(Self { index, chunks: HashMap::new(), places: (row, places) })
    }

    /// Takes in a batch of entries, in order, and the tiles that they filled.
    pub(super) fn apply(&mut self, entries: &[Indexed<'_>], tiles: &[FullTile]) -> Result<()> {
        let trees = self.index.trees()?;
        let mut rows = Rows::default();
        for tile in tiles {
            for (half, hashes) in tile.tree.hashes().chunks(TILE_WIDTH / 2).enumerate() {
                let value: Vec<u8> = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
                rows.put(&trees.tiles, tile_row(tile.level, tile.index, half as u8).to_vec(), value);
            }
        }
        let mut posts: Vec<([u8; 16], u64)> = Vec::new();
        for entry in entries {
            self.place(entry, &trees, &mut rows);
            let body = first_16(entry.body.as_bytes()).to_vec();
            rows.put(&trees.bodies, body, entry.index.0.to_be_bytes().to_vec());
            posts.extend(Term::of(entry.header).iter().map(|term| (row_of(term), entry.index.0)));
        }
        // Each tree in its order, here and below. Which of a batch's rows a crash leaves does not matter: all are written
        // again.
        posts.sort_unstable();
        let mut touched: Vec<[u8; 16]> = Vec::new();
        for (row, index) in posts {
            if self.post(row, index, &trees, &mut rows)? {
                touched.push(row);
            }
        }
        let (row, places) = &self.places;
        rows.put(&trees.places, row.to_be_bytes().to_vec(), places.clone());
        for row in touched {
            if let Some(chunk) = self.chunks.get_mut(&row) {
                chunk.dirty = false;
                rows.put(&trees.postings, chunk_row(&row, chunk.number).to_vec(), chunk.value());
            }
        }
        if self.chunks.len() > HOT_TERMS {
            self.chunks.retain(|_, chunk| chunk.indices.len() > 4 || chunk.number > 0);
            if self.chunks.len() > HOT_TERMS {
                self.chunks.clear();
            }
        }
        rows.rows.sort_by(|(_, one, _), (_, other, _)| one.cmp(other));
        rows.write()?;
        if let Some(last) = entries.last() {
            let size = (last.index.0 + 1).to_be_bytes();
            trees.db.insert(b"size", &size).map_err(|source| failed(&source))?;
        }
        Ok(())
    }

    fn place(&mut self, entry: &Indexed<'_>, trees: &Trees, rows: &mut Rows) {
        let row = entry.index.0 / PLACES_PER_ROW;
        if row != self.places.0 {
            let (full, places) = std::mem::replace(&mut self.places, (row, Vec::new()));
            rows.put(&trees.places, full.to_be_bytes().to_vec(), places);
        }
        self.places.1.extend_from_slice(&entry.places.entry.to_bytes());
        self.places.1.extend_from_slice(&entry.places.body.to_bytes());
    }

    /// Adds an index to a term; says whether the row became dirty by it, so that it is written once a batch.
    fn post(&mut self, row: [u8; 16], index: u64, trees: &Trees, rows: &mut Rows) -> Result<bool> {
        let chunk = match self.chunks.entry(row) {
            Entry::Occupied(held) => held.into_mut(),
            Entry::Vacant(free) => {
                // Most terms are new: what looks for one puts it there as well.
                let new = index.to_be_bytes();
                let put = trees.postings.compare_and_swap(chunk_row(&row, 0), None::<&[u8]>, Some(&new));
                if put.map_err(|source| failed(&source))?.is_ok() {
                    free.insert(Chunk { number: 0, indices: vec![index], dirty: false });
                    return Ok(false);
                }
                free.insert(load(trees, &row, index)?)
            }
        };
        if chunk.indices.last() == Some(&index) {
            return Ok(false); // two terms of one entry that share a row
        }
        if chunk.indices.len() == INDICES_PER_CHUNK {
            rows.put(&trees.postings, chunk_row(&row, chunk.number).to_vec(), chunk.value());
            chunk.number += 1;
            chunk.indices.clear();
        }
        chunk.indices.push(index);
        Ok(!std::mem::replace(&mut chunk.dirty, true))
    }
}

/// The end of a term's row below `index`. A replay finds rows that an earlier run already wrote: what stands at or above
/// `index` is dropped, so that applying an entry twice is the same as applying it once.
fn load(trees: &Trees, row: &[u8; 16], index: u64) -> Result<Chunk> {
    while let Some(mut chunk) = trees.last_of_known(row)? {
        chunk.indices.retain(|earlier| *earlier < index);
        if !chunk.indices.is_empty() || chunk.number == 0 {
            return Ok(chunk);
        }
        trees.postings.remove(chunk_row(row, chunk.number)).map_err(|source| failed(&source))?;
    }
    Ok(Chunk { number: 0, indices: Vec::new(), dirty: false })
}

impl Chunk {
    fn value(&self) -> Vec<u8> {
        self.indices.iter().flat_map(|index| index.to_be_bytes()).collect()
    }
}

/// Absolute puts, written one after another: each is a row of its own, and a replay writes it again.
#[derive(Default)]
struct Rows {
    rows: Vec<(sled::Tree, Vec<u8>, Vec<u8>)>,
}

impl Rows {
    fn put(&mut self, tree: &sled::Tree, key: Vec<u8>, value: Vec<u8>) {
        self.rows.push((tree.clone(), key, value));
    }

    fn write(self) -> Result<()> {
        for (tree, key, value) in self.rows {
            tree.insert(key, value).map_err(|source| failed(&source))?;
        }
        Ok(())
    }
}

/// Sixteen bytes of a term's hash: two terms that share a row by accident are told apart by [`Term::matches`].
fn row_of(term: &Term) -> [u8; 16] {
    first_16(term.key().as_bytes())
}

fn first_16(digest: &[u8; 32]) -> [u8; 16] {
    let mut out = [0; 16];
    out.copy_from_slice(&digest[..16]);
    out
}

fn tile_row(level: u8, index: u64, half: u8) -> [u8; 10] {
    let mut row = [0; 10];
    row[0] = level;
    row[1..9].copy_from_slice(&index.to_be_bytes());
    row[9] = half;
    row
}

fn chunk_row(row: &[u8; 16], number: u32) -> [u8; 20] {
    let mut out = [0; 20];
    out[..16].copy_from_slice(row);
    out[16..].copy_from_slice(&number.to_be_bytes());
    out
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))
}

fn places_at(value: &[u8], nth: u64) -> Option<Places> {
    let at = usize::try_from(nth).ok()? * 32;
    let pair = value.get(at..)?.first_chunk::<32>()?;
    let (entry, body) = (pair.first_chunk::<16>()?, pair.last_chunk::<16>()?);
    Some(Places { entry: Place::from_bytes(*entry), body: Place::from_bytes(*body) })
}

fn indices_of(value: &[u8]) -> Vec<u64> {
    value.as_chunks::<8>().0.iter().map(|bytes| u64::from_be_bytes(*bytes)).collect()
}

fn chunk_indices(row: sled::Result<(sled::IVec, sled::IVec)>) -> std::vec::IntoIter<Result<LeafIndex>> {
    let indices = match row {
        Ok((_, value)) => indices_of(&value).into_iter().map(|index| Ok(LeafIndex(index))).collect(),
        Err(source) => vec![Err(failed(&source))],
    };
    indices.into_iter()
}

fn failed(source: &sled::Error) -> Error {
    let full = matches!(source, sled::Error::Io(source) if is_full(source));
    let code = if full { Code::DiskFull } else { Code::StoreCorrupt };
    Error::new(code, format!("the index: {source}"))
}

/// Whether a disk has no room, or this user may not have it.
pub(super) fn is_full(source: &io::Error) -> bool {
    matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// sled lets go of its lock when the last handle is gone: one that is alive yet would make every reopening fail.
    #[test]
    fn an_index_opens_again_with_what_it_holds() {
        let dir = tempfile::tempdir().unwrap();
        let index = Index::open(dir.path()).unwrap();
        index.trees().unwrap().db.insert(b"size", &7u64.to_be_bytes()).unwrap();
        for _ in 0..3 {
            assert!(index.reopen().unwrap());
            assert_eq!(index.hint().unwrap(), TreeSize(7));
        }
    }

    #[test]
    fn a_reader_that_is_under_way_is_waited_for_and_no_longer() {
        let dir = tempfile::tempdir().unwrap();
        let index = Index::open(dir.path()).unwrap();
        let reader = index.trees().unwrap();
        std::thread::scope(|scope| {
            let reopened = scope.spawn(|| index.reopen().unwrap());
            std::thread::sleep(Duration::from_millis(50));
            drop(reader);
            assert!(reopened.join().unwrap());
        });
        assert_eq!(index.hint().unwrap(), TreeSize(0));
    }
}
