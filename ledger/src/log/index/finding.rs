//! Finding rows: by their key, and the indices under a term in both directions.

use std::sync::Arc;

use super::rows::{
    PLACES_PER_ROW, chunk_indices, chunk_row, first_16, indices_of, places_at, row_of, tile_row, u64_at,
};
use super::writing::Chunk;
use super::{Index, Trees, failed};
use crate::engine::Places;
use crate::error::Result;
use crate::ids::{BodyDigest, LeafIndex};
use crate::log::tail::{TILE_WIDTH, TileTree};
use crate::merkle::NodeHash;
use crate::trie::Term;

impl Index {
    /// A full tile.
    pub(in crate::log) fn tile(&self, level: u8, index: u64) -> Result<Option<TileTree>> {
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
    ///
    /// # Errors
    /// `store_corrupt` if sled cannot read the row, or if the index is closed since a reopening failed.
    pub fn places(&self, index: LeafIndex) -> Result<Option<Places>> {
        let row = (index.0 / PLACES_PER_ROW).to_be_bytes();
        let value = self.trees()?.places.get(row).map_err(|source| failed(&source))?;
        Ok(value.and_then(|value| places_at(&value, index.0 % PLACES_PER_ROW)))
    }

    /// The places of the entries from `start` up to `end`, as many as the index holds.
    ///
    /// # Errors
    /// `store_corrupt` if sled cannot read the row, or if the index is closed since a reopening failed.
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
    ///
    /// # Errors
    /// `store_corrupt` if sled cannot read the row, or if the index is closed since a reopening failed.
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

    /// Takes the places away, or gives each entry the body of the next one, as damage below sled would.
    #[cfg(test)]
    pub(in crate::log) fn damage_places_for_test(&self, gone: bool) {
        let trees = self.trees().expect("the index is open");
        if gone {
            trees.places.clear().expect("sled writes");
            return;
        }
        for row in trees.places.iter() {
            let (key, value) = row.expect("sled reads");
            let mut value = value.to_vec();
            for at in (0..value.len().saturating_sub(32)).step_by(32) {
                value.copy_within(at + 48..at + 64, at + 16);
            }
            trees.places.insert(key, value).expect("sled writes");
        }
    }

    /// Puts a wrong tile and a wrong posting in, as damage below sled would.
    #[cfg(test)]
    pub(in crate::log) fn damage_for_test(&self) {
        let Ok(trees) = self.trees() else { return };
        for tree in [&trees.tiles, &trees.postings] {
            let Some(Ok((key, value))) = tree.iter().next() else { continue };
            let mut value = value.to_vec();
            value[0] ^= 1;
            let _ = tree.insert(key, value);
        }
        let _ = trees.db.flush();
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
    pub(super) fn last_of_known(&self, row: &[u8; 16]) -> Result<Option<Chunk>> {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::engine::Place;
    use crate::entry::Header;
    use crate::ids::{RecordId, TreeSize, UnixMillis};
    use crate::log::index::rows::INDICES_PER_CHUNK;
    use crate::log::index::{Indexed, Indexer};

    const ENTRIES: u64 = 700;

    /// Every third entry is a card, so that the lists of both kinds have gaps, and more than one chunk.
    fn header(index: u64) -> Header {
        Header {
            kind: if index.is_multiple_of(3) { "model-card" } else { "comment" }.to_owned(),
            record: RecordId::from_bytes([index as u8; 32]),
            issuer: "party:x".to_owned(),
            signers: Vec::new(),
            keys: Vec::new(),
            subjects: Vec::new(),
            refs: Vec::new(),
            received: UnixMillis(index),
        }
    }

    fn places(index: u64) -> Places {
        let mut bytes = [0; 16];
        bytes[8..].copy_from_slice(&index.to_be_bytes());
        Places { entry: Place::from_bytes(bytes), body: Place::from_bytes(bytes) }
    }

    fn take(index: &Arc<Index>, from: u64, to: u64) {
        let mut indexer = Indexer::new(Arc::clone(index), TreeSize(from)).unwrap();
        let headers: Vec<Header> = (from..to).map(header).collect();
        let entry = |(at, header)| Indexed {
            index: LeafIndex(at),
            header,
            body: BodyDigest::from_bytes([at as u8; 32]),
            places: places(at),
        };
        let entries: Vec<Indexed<'_>> = (from..to).zip(&headers).map(entry).collect();
        entries.chunks(100).for_each(|batch| indexer.apply(batch, &[]).unwrap());
    }

    fn found(list: impl Iterator<Item = Result<LeafIndex>>) -> Vec<u64> {
        list.map(|index| index.unwrap().0).collect()
    }

    /// A crash may leave rows beyond the durable size; a replay from there writes them again.
    #[test]
    fn lists_are_the_same_from_every_end_also_after_entries_were_taken_in_twice() {
        let dir = tempfile::tempdir().unwrap();
        let index = Arc::new(Index::open(dir.path()).unwrap());
        take(&index, 0, ENTRIES);
        for again in [0, 100, 256, 640] {
            take(&index, again, ENTRIES);
            for (kind, is_of) in [("model-card", true), ("comment", false)] {
                let term = Term::Kind(kind.to_owned());
                let all: Vec<u64> = (0..ENTRIES).filter(|at| at.is_multiple_of(3) == is_of).collect();
                assert!(is_of || all.len() > INDICES_PER_CHUNK, "two chunks");
                for at in [0, 1, 2, 255, 256, 257, 383, 384, ENTRIES - 1, ENTRIES] {
                    let above: Vec<u64> = all.iter().copied().filter(|index| *index >= at).collect();
                    let below: Vec<u64> = all.iter().rev().copied().filter(|index| *index < at).collect();
                    assert_eq!(found(index.ascending(&term, LeafIndex(at))), above, "{kind} from {at}");
                    assert_eq!(found(index.descending(&term, LeafIndex(at))), below, "{kind} below {at}");
                }
            }
        }
    }

    #[test]
    fn every_place_is_found_alone_and_in_a_range_that_the_index_may_end_before() {
        let dir = tempfile::tempdir().unwrap();
        let index = Arc::new(Index::open(dir.path()).unwrap());
        take(&index, 0, ENTRIES);
        for at in [0, 127, 128, ENTRIES - 1] {
            assert_eq!(index.places(LeafIndex(at)).unwrap(), Some(places(at)));
        }
        assert_eq!(index.places(LeafIndex(ENTRIES)).unwrap(), None);
        let range = index.places_between(LeafIndex(100), LeafIndex(ENTRIES + 100)).unwrap();
        assert_eq!(range, (100..ENTRIES).map(places).collect::<Vec<_>>());
        assert_eq!(index.hint().unwrap(), TreeSize(ENTRIES));
    }
}
