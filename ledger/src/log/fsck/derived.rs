//! Holding what is derived against the entries: the rows of the index, and the state in the snapshot.
//!
//! Only what is durable counts. What the index was not yet told, or lost in a crash, the next start brings up.

use super::Damage;
use super::check::{Check, WINDOW};
use crate::engine::Places;
use crate::entry::Entry;
use crate::error::Result;
use crate::ids::LeafIndex;
use crate::log::Term;
use crate::log::index::Index;
use crate::log::open::{INDEX_DIR, Options, SNAPSHOT_FILE};
use crate::log::snapshot::Snapshot;
use crate::log::tail::FullTile;

impl<'a> Check<'a> {
    /// How much of the index can be held against the entries. What it was not yet told durably, or has lost, is not named
    /// row by row.
    pub(super) fn reach(&mut self, index: &Index, total: u64) -> Result<()> {
        let durable = self.snapshot.as_ref().map_or(0, |snapshot| snapshot.tail.size().0.min(total));
        let hint = index.hint()?.0;
        if hint < durable {
            let what =
                format!("it holds {hint} of the {durable} entries that {SNAPSHOT_FILE} says: tiles, places, lists");
            self.index_damage(None, what);
        } else {
            self.indexed = LeafIndex(durable);
        }
        self.report.index_behind = total - durable;
        Ok(())
    }

    /// The index, if it holds this entry durably.
    fn index_at(&self, index: LeafIndex) -> Option<&'a Index> {
        self.index.filter(|_| index < self.indexed)
    }

    /// A tile that an entry has filled.
    pub(super) fn compare_tile(&mut self, index: LeafIndex, full: &FullTile) {
        self.report.tiles += 1;
        match self.index_at(index).map(|held| held.tile(full.level, full.index)) {
            Some(Ok(Some(tile))) if tile == *full.tree => {}
            Some(Err(error)) => self.index_damage(Some(index), error.to_string()),
            Some(_) => self.index_damage(Some(index), format!("tile {} of level {} is wrong", full.index, full.level)),
            None => {}
        }
    }

    /// The rows that belong to one entry, and the terms that are compared once a window.
    pub(super) fn look_up(&mut self, index: LeafIndex, entry: &Entry, places: Places) {
        let Some(held) = self.index_at(index) else { return };
        if held.places(index).ok().flatten() != Some(places) {
            self.index_damage(Some(index), "its place is wrong");
        }
        // Two entries may name one body, if the same envelope was logged again after a crash of the index.
        if held.entry_of_body(&entry.body).ok().flatten().is_none() {
            self.index_damage(Some(index), "its body cannot be found by digest");
        }
        for term in Term::of(&entry.header) {
            let indices = self.window.entry(term).or_default();
            if indices.last() != Some(&index.0) {
                indices.push(index.0);
            }
        }
    }

    /// The snapshot's state must be the fold of the entries below its size.
    pub(super) fn compare_snapshot(&mut self, next: LeafIndex) {
        let due = self.snapshot.as_ref().is_some_and(|snapshot| snapshot.tail.size().0 <= next.0);
        if due
            && let Some(snapshot) = self.snapshot.take()
            && snapshot.state != self.state
        {
            self.index_damage(Some(next), format!("{SNAPSHOT_FILE} holds another state than the entries"));
        }
    }

    /// The lists of the terms of one window of entries.
    pub(super) fn compare_postings(&mut self, start: u64) {
        let Some(held) = self.index_at(LeafIndex(start)) else { return };
        for (term, expected) in std::mem::take(&mut self.window) {
            let end = (start + WINDOW).min(self.indexed.0);
            let found: Result<Vec<u64>> = held
                .ascending(&term, LeafIndex(start))
                .map(|index| index.map(|index| index.0))
                .take_while(|index| index.as_ref().map_or(true, |index| *index < end))
                .collect();
            match found {
                Ok(found) if found == expected => {}
                Ok(found) => {
                    let first = expected.iter().find(|index| !found.contains(index)).or(found.last()).copied();
                    let what = format!("the list of {term} has {} of {} entries", found.len(), expected.len());
                    self.index_damage(first.map(LeafIndex), what);
                }
                Err(error) => self.index_damage(None, error.to_string()),
            }
        }
    }

    /// The rows of the verifiable index must be those of the newest root, as far as the snapshot says they were written.
    pub(super) fn compare_terms(&mut self, options: &Options) {
        let (Some(held), Some((index, _, size, _))) = (self.index, self.rebuilt.honest()) else { return };
        // Rows of an older root are brought up by the next start.
        if Snapshot::load(&options.dir.join(SNAPSHOT_FILE)).is_none_or(|snapshot| snapshot.terms != size) {
            return;
        }
        match held.differs_from(self.rebuilt.rows()) {
            Ok(None) => {}
            Ok(Some(what)) => self.index_damage(Some(index), what),
            Err(error) => self.index_damage(None, error.to_string()),
        }
    }

    pub(super) fn index_damage(&mut self, index: Option<LeafIndex>, what: impl Into<String>) {
        self.index_damages += 1;
        let place = index.map(|index| format!("entry {index}"));
        self.report.add(Damage { file: INDEX_DIR.to_owned(), place, what: what.into() });
    }
}
