//! The rows of the verifiable index, in the same store as the other indexes and derived data as they are.
//!
//! | tree | key | value |
//! |---|---|---|
//! | `group` | prefix ‖ depth u8 | lists by key: key, 32 bytes ‖ count u64 ‖ last index u64 ‖ edge of the list's tree, 32 bytes a node |
//! | `branch` | prefix ‖ depth u8 | which children u16 ‖ which are split u16 ‖ up to 16 hashes |
//! | `list-node` | key of the term ‖ level u8 ‖ index u64 | a complete node of at least a page |
//!
//! They are those of one size: that of the newest `index-root` that readers may see. What is in [`crate::trie`] decides
//! what stands in them; here they are only kept.

use std::sync::{MutexGuard, PoisonError, RwLockReadGuard};

use super::rows::{INDICES_PER_CHUNK, chunk_row, indices_of, row_of};
use super::unwritten::{MAX_WAITING, Unwritten};
use super::writing::Puts;
use super::{Index, failed};
use crate::error::Result;
use crate::ids::{LeafIndex, TreeSize, TrieKey};
use crate::merkle::NodeHash;
use crate::trie::{Branch, Draft, Group, LIST_PAGE, List, MemoryRows, Path, Rows, Term};

impl Rows for Index {
    fn group(&self, path: Path) -> Result<Option<Group>> {
        let value = self.trees()?.groups.get(path.to_bytes()).map_err(|source| failed(&source))?;
        value.map(|value| Group::from_bytes(&value)).transpose()
    }

    fn branch(&self, path: Path) -> Result<Option<Branch>> {
        if let Some(branch) = self.unwritten().branch(path) {
            return Ok(Some(branch.clone()));
        }
        let value = self.trees()?.branches.get(path.to_bytes()).map_err(|source| failed(&source))?;
        value.map(|value| Branch::from_bytes(&value)).transpose()
    }

    fn list_node(&self, key: &TrieKey, level: u8, index: u64) -> Result<Option<NodeHash>> {
        let value = self.trees()?.list_nodes.get(node_row(key, level, index)).map_err(|source| failed(&source))?;
        Ok(value.and_then(|value| value.first_chunk::<32>().map(|bytes| NodeHash::from_bytes(*bytes))))
    }
}

impl Index {
    /// Takes over what a draft changed: groups at once, branches when there are many. Readers see all of it.
    ///
    /// # Errors
    /// `disk_full`, or `store_corrupt` for whatever else sled refuses. Some rows may be written then; writing them again
    /// comes to the same.
    pub fn write_draft(&self, draft: &Draft) -> Result<()> {
        let turn = self.turn();
        let trees = self.trees()?;
        let mut puts = Puts::default();
        for node in draft.new_nodes() {
            puts.put(&trees.list_nodes, node_row(&node.key, node.level, node.index), node.hash.as_bytes().to_vec());
        }
        for (path, group) in draft.changed_groups() {
            puts.put(&trees.groups, path.to_bytes(), group.to_vec());
        }
        puts.write()?;
        let waiting = {
            let mut unwritten = self.unwritten.write().unwrap_or_else(PoisonError::into_inner);
            unwritten.take(draft);
            unwritten.len()
        };
        if waiting <= MAX_WAITING { Ok(()) } else { self.write_out(&turn) }
    }

    /// Writes what waits. It stays until all of it is written, and readers find it meanwhile.
    pub(super) fn write_out(&self, _turn: &MutexGuard<'_, ()>) -> Result<()> {
        self.unwritten().write_to(self.trees()?.as_ref())?;
        self.forget_unwritten();
        Ok(())
    }

    /// The right to change what waits: whoever writes it out must find nothing else there in the end.
    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops what waits, as a crash does. For a store that failed: it may have lost what these branches lead to.
    pub(in crate::log) fn forget_unwritten(&self) {
        *self.unwritten.write().unwrap_or_else(PoisonError::into_inner) = Unwritten::default();
    }

    fn unwritten(&self) -> RwLockReadGuard<'_, Unwritten> {
        self.unwritten.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Throws the rows away, so that they can be filled from the entries again.
    pub(in crate::log) fn clear_terms(&self) -> Result<()> {
        let _turn = self.turn();
        self.forget_unwritten();
        let trees = self.trees()?;
        for tree in [&trees.groups, &trees.branches, &trees.list_nodes] {
            tree.clear().map_err(|source| failed(&source))?;
        }
        Ok(())
    }

    /// A page of the list of a term, of which the first `count` indices count.
    pub(in crate::log) fn list_page(&self, term: &Term, number: u64, count: TreeSize) -> Result<Vec<LeafIndex>> {
        // A posting's chunk holds as many indices as a page, so they are the same.
        let Ok(chunk) = u32::try_from(number) else { return Ok(Vec::new()) };
        let value = self.trees()?.postings.get(chunk_row(&row_of(term), chunk)).map_err(|source| failed(&source))?;
        let left = count.0.saturating_sub(number.saturating_mul(LIST_PAGE)).min(LIST_PAGE);
        let left = usize::try_from(left).unwrap_or(0);
        Ok(value.map(|value| indices_of(&value)).unwrap_or_default().into_iter().take(left).map(LeafIndex).collect())
    }

    /// The first list that is not the one of `expected`, in words. How lists are grouped may differ: it depends on when
    /// they grew.
    pub(in crate::log) fn differs_from(&self, expected: &MemoryRows) -> Result<Option<String>> {
        self.write_out(&self.turn())?;
        let trees = self.trees()?;
        // A group whose branch is there is one that a crash left behind.
        let counts = |row: &sled::Result<(sled::IVec, sled::IVec)>| {
            row.as_ref().map_or(true, |(path, _)| !trees.branches.contains_key(path).unwrap_or(false))
        };
        let held = trees.groups.iter().filter(counts);
        let held = held.map(|row| Group::from_bytes(&row.map_err(|source| failed(&source))?.1));
        let (mut held, mut expected) = (lists(held), lists(expected.groups()));
        loop {
            let (held, expected) = (held.next().transpose()?, expected.next().transpose()?);
            let difference = match (held, expected) {
                (None, None) => return Ok(None),
                (Some(held), Some(expected)) if held == expected => continue,
                (Some((key, held)), Some((wanted, expected))) if key == wanted => {
                    format!("the list {key} has {} of {} entries", held.count(), expected.count())
                }
                (Some((key, _)), Some((wanted, _))) if key > wanted => format!("the list {wanted} is missing"),
                (Some((key, _)), _) => format!("the list {key} belongs to no entry"),
                (None, Some((wanted, _))) => format!("the list {wanted} is missing"),
            };
            return Ok(Some(difference));
        }
    }

    /// Puts a wrong row in, as damage below sled would.
    #[cfg(test)]
    pub(in crate::log) fn damage_a_list_for_test(&self) {
        let (Ok(trees), Ok(())) = (self.trees(), self.write_out(&self.turn())) else { return };
        let Some(Ok((path, value))) = trees.groups.iter().next() else { return };
        let mut group = value.to_vec();
        group[47] ^= 1; // the last index of its first list
        let _ = trees.groups.insert(path, group);
        let _ = trees.db.flush();
    }
}

/// The lists of groups that come by key.
fn lists(groups: impl Iterator<Item = Result<Group>>) -> impl Iterator<Item = Result<(TrieKey, List)>> {
    groups.flat_map(|group| match group {
        Ok(group) => group.into_lists().into_iter().map(Ok).collect::<Vec<_>>(),
        Err(error) => vec![Err(error)],
    })
}

fn node_row(key: &TrieKey, level: u8, index: u64) -> Vec<u8> {
    let mut row = key.as_bytes().to_vec();
    row.push(level);
    row.extend_from_slice(&index.to_be_bytes());
    row
}

/// A page is a chunk of postings.
const _: () = assert!(LIST_PAGE == INDICES_PER_CHUNK as u64);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use sha2::{Digest as _, Sha256};

    use super::*;
    use crate::trie::prove;

    fn key(number: u64) -> TrieKey {
        TrieKey::from_bytes(Sha256::digest(number.to_be_bytes()).into())
    }

    fn draft(numbers: std::ops::Range<u64>) -> Draft {
        let mut draft = Draft::default();
        numbers.for_each(|number| draft.append(key(number % 700), LeafIndex(number)));
        draft
    }

    /// What a process that is killed leaves behind: the groups of the second half, and no branch above them.
    #[test]
    fn an_index_whose_last_branches_were_not_written_is_mended_by_taking_the_entries_in_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut memory = MemoryRows::default();
        let mut whole = draft(0..2000);
        let root = whole.seal(&memory).unwrap();
        memory.absorb(whole);
        {
            let index = Index::open(dir.path()).unwrap();
            for (numbers, durable) in [(0..30, true), (30..1000, false), (1000..2000, false)] {
                let mut next = draft(numbers);
                next.seal(&index).unwrap();
                index.write_draft(&next).unwrap();
                if durable {
                    index.make_durable().unwrap();
                }
            }
            assert!(index.unwritten().len() > 1);
            assert_eq!(prove(&index, &key(1)).unwrap().0, prove(&memory, &key(1)).unwrap().0);
        }
        let index = Index::open(dir.path()).unwrap();
        assert!(index.branch(Path::ROOT).unwrap().is_none(), "no branch was written");
        let mut again = draft(30..2000);
        assert_eq!(again.seal(&index).unwrap(), root);
        index.write_draft(&again).unwrap();
        let outgrown = index.group(Path::ROOT).unwrap().unwrap();
        assert_eq!(index.differs_from(&memory).unwrap(), None);
        assert!(index.group(Path::ROOT).unwrap().is_none(), "it became a branch");
        // Killed once more, between the branch and the group that it replaces.
        index.trees().unwrap().groups.insert(Path::ROOT.to_bytes(), outgrown.to_bytes()).unwrap();
        assert_eq!(index.differs_from(&memory).unwrap(), None);
        let mut more = draft(2000..2001);
        more.seal(&memory).unwrap();
        memory.absorb(more);
        assert!(index.differs_from(&memory).unwrap().is_some());
    }
}
