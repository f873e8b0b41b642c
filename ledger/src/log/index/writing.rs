//! Writing rows: a batch of entries at a time, each row an absolute value that a replay writes again.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::rows::{INDICES_PER_CHUNK, PLACES_PER_ROW, chunk_row, first_16, row_of, tile_row};
use super::{Index, Trees, failed};
use crate::engine::Places;
use crate::entry::Header;
use crate::error::{Code, Error, Result};
use crate::ids::{BodyDigest, LeafIndex, TreeSize};
use crate::log::tail::{FullTile, TILE_WIDTH};
use crate::trie::Term;

/// Terms whose last chunk is kept in memory, 2 KiB each at the most.
const HOT_TERMS: usize = 4096;

/// One entry as the index takes it in.
#[derive(Debug)]
pub(in crate::log) struct Indexed<'a> {
    pub(in crate::log) index: LeafIndex,
    pub(in crate::log) header: &'a Header,
    pub(in crate::log) body: BodyDigest,
    pub(in crate::log) places: Places,
}

/// The one who may write to an [`Index`], with the ends of the rows that grow.
#[derive(Debug)]
pub(in crate::log) struct Indexer {
    index: Arc<Index>,
    chunks: HashMap<[u8; 16], Chunk>,
    places: (u64, Vec<u8>),
}

/// A row of a posting, and whether it says more than what is written of it.
#[derive(Debug, Clone)]
pub(super) struct Chunk {
    pub(super) number: u32,
    pub(super) indices: Vec<u64>,
    pub(super) dirty: bool,
}

impl Indexer {
    /// The writer of an index that holds `size` entries. Rows at or above that size are overwritten.
    pub(in crate::log) fn new(index: Arc<Index>, size: TreeSize) -> Result<Self> {
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
    ///
    /// # Errors
    /// `disk_full`, or `store_corrupt` for whatever else sled refuses. Some rows may be written then; a second call writes them
    /// again.
    pub(in crate::log) fn apply(&mut self, entries: &[Indexed<'_>], tiles: &[FullTile]) -> Result<()> {
        let trees = self.index.trees()?;
        let mut puts = Puts::default();
        tiles.iter().for_each(|tile| puts.tile(&trees, tile));
        let mut posts: Vec<([u8; 16], u64)> = Vec::new();
        for entry in entries {
            self.place(entry, &trees, &mut puts);
            let body = first_16(entry.body.as_bytes()).to_vec();
            puts.put(&trees.bodies, body, entry.index.0.to_be_bytes().to_vec());
            posts.extend(Term::of(entry.header).iter().map(|term| (row_of(term), entry.index.0)));
        }
        let (row, places) = &self.places;
        puts.put(&trees.places, row.to_be_bytes().to_vec(), places.clone());
        self.post_all(posts, &trees, &mut puts)?;
        self.cool();
        puts.rows.sort_by(|(_, one, _), (_, other, _)| one.cmp(other));
        puts.write()?;
        if let Some(last) = entries.last() {
            let size = (last.index.0 + 1).to_be_bytes();
            trees.db.insert(b"size", &size).map_err(|source| failed(&source))?;
        }
        Ok(())
    }

    fn place(&mut self, entry: &Indexed<'_>, trees: &Trees, puts: &mut Puts) {
        let row = entry.index.0 / PLACES_PER_ROW;
        if row != self.places.0 {
            let (full, places) = std::mem::replace(&mut self.places, (row, Vec::new()));
            puts.put(&trees.places, full.to_be_bytes().to_vec(), places);
        }
        self.places.1.extend_from_slice(&entry.places.entry.to_bytes());
        self.places.1.extend_from_slice(&entry.places.body.to_bytes());
    }

    /// Adds indices to their terms, and puts each row that became dirty once.
    fn post_all(&mut self, mut posts: Vec<([u8; 16], u64)>, trees: &Trees, puts: &mut Puts) -> Result<()> {
        // Each tree in its order, as all puts are written. Which of a batch's rows a crash leaves does not matter: all are written
        // again.
        posts.sort_unstable();
        let mut touched: Vec<[u8; 16]> = Vec::new();
        for (row, index) in posts {
            if self.post(row, index, trees, puts)? {
                touched.push(row);
            }
        }
        for row in touched {
            if let Some(chunk) = self.chunks.get_mut(&row) {
                chunk.dirty = false;
                puts.put(&trees.postings, chunk_row(&row, chunk.number).to_vec(), chunk.value());
            }
        }
        Ok(())
    }

    /// Keeps no more than [`HOT_TERMS`], first of all those that have grown.
    fn cool(&mut self) {
        if self.chunks.len() > HOT_TERMS {
            self.chunks.retain(|_, chunk| chunk.indices.len() > 4 || chunk.number > 0);
            if self.chunks.len() > HOT_TERMS {
                self.chunks.clear();
            }
        }
    }

    /// Adds an index to a term; says whether the row became dirty by it, so that it is written once a batch.
    fn post(&mut self, row: [u8; 16], index: u64, trees: &Trees, puts: &mut Puts) -> Result<bool> {
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
            puts.put(&trees.postings, chunk_row(&row, chunk.number).to_vec(), chunk.value());
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
pub(super) struct Puts {
    rows: Vec<(sled::Tree, Vec<u8>, Vec<u8>)>,
}

impl Puts {
    pub(super) fn put(&mut self, tree: &sled::Tree, key: Vec<u8>, value: Vec<u8>) {
        self.rows.push((tree.clone(), key, value));
    }

    fn tile(&mut self, trees: &Trees, tile: &FullTile) {
        for (half, hashes) in tile.tree.hashes().chunks(TILE_WIDTH / 2).enumerate() {
            let value = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
            self.put(&trees.tiles, tile_row(tile.level, tile.index, half as u8).to_vec(), value);
        }
    }

    /// Writes all of them, in the order in which they were put.
    pub(super) fn write(self) -> Result<()> {
        for (tree, key, value) in self.rows {
            tree.insert(key, value).map_err(|source| failed(&source))?;
        }
        Ok(())
    }
}
