//! The rows of the verifiable index, in the same store as the other indexes and derived data as they are.
//!
//! | tree | key | value |
//! |---|---|---|
//! | `list` | key of the term, 32 bytes | count u64 ‖ last index u64 ‖ edge of the list's tree, 32 bytes a node |
//! | `branch` | depth u8 ‖ prefix | which children u16 ‖ which are split u16 ‖ up to 16 hashes |
//! | `list-node` | key of the term ‖ level u8 ‖ index u64 | a complete node of at least a page |
//!
//! They are those of one size: that of the newest `index-root` that readers may see. What is in [`crate::trie`] decides
//! what stands in them; here they are only kept.

use sled::IVec;

use super::{Index, Rows as Puts, failed, indices_of, row_of};
use crate::error::Result;
use crate::ids::{LeafIndex, TreeSize, TrieKey};
use crate::merkle::NodeHash;
use crate::trie::{Branch, Draft, LIST_PAGE, List, MemoryRows, Path, Rows, Term};

impl Rows for Index {
    fn list(&self, key: &TrieKey) -> Result<Option<List>> {
        let value = self.trees()?.lists.get(key.as_bytes()).map_err(|source| failed(&source))?;
        value.map(|value| List::from_bytes(&value)).transpose()
    }

    fn lists(&self, first: &TrieKey, last: &TrieKey) -> Result<Vec<(TrieKey, List)>> {
        let trees = self.trees()?;
        let rows = trees.lists.range(&first.as_bytes()[..]..=&last.as_bytes()[..]);
        rows.map(|row| read_list(row.map_err(|source| failed(&source))?)).collect()
    }

    fn branch(&self, path: Path) -> Result<Option<Branch>> {
        let value = self.trees()?.branches.get(path.to_bytes()).map_err(|source| failed(&source))?;
        value.map(|value| Branch::from_bytes(&value)).transpose()
    }

    fn list_node(&self, key: &TrieKey, level: u8, index: u64) -> Result<Option<NodeHash>> {
        let value = self.trees()?.list_nodes.get(node_row(key, level, index)).map_err(|source| failed(&source))?;
        Ok(value.and_then(|value| value.first_chunk::<32>().map(|bytes| NodeHash::from_bytes(*bytes))))
    }
}

impl Index {
    /// Writes what a draft changed.
    pub fn write_draft(&self, draft: &Draft) -> Result<()> {
        let trees = self.trees()?;
        let mut puts = Puts::default();
        for node in draft.new_nodes() {
            puts.put(&trees.list_nodes, node_row(&node.key, node.level, node.index), node.hash.as_bytes().to_vec());
        }
        for (key, list) in draft.changed_lists() {
            puts.put(&trees.lists, key.as_bytes().to_vec(), list.to_bytes());
        }
        for (path, branch) in draft.changed_branches() {
            puts.put(&trees.branches, path.to_bytes(), branch.to_bytes());
        }
        puts.write()
    }

    /// Throws the rows away, so that they can be filled from the entries again.
    pub(in crate::log) fn clear_terms(&self) -> Result<()> {
        let trees = self.trees()?;
        for tree in [&trees.lists, &trees.branches, &trees.list_nodes] {
            tree.clear().map_err(|source| failed(&source))?;
        }
        Ok(())
    }

    /// A page of the list of a term, of which the first `count` indices count.
    pub(in crate::log) fn list_page(&self, term: &Term, number: u64, count: TreeSize) -> Result<Vec<LeafIndex>> {
        // A posting's chunk holds as many indices as a page, so they are the same.
        let Ok(chunk) = u32::try_from(number) else { return Ok(Vec::new()) };
        let value =
            self.trees()?.postings.get(super::chunk_row(&row_of(term), chunk)).map_err(|source| failed(&source))?;
        let left = count.0.saturating_sub(number.saturating_mul(LIST_PAGE)).min(LIST_PAGE);
        let left = usize::try_from(left).unwrap_or(0);
        Ok(value.map(|value| indices_of(&value)).unwrap_or_default().into_iter().take(left).map(LeafIndex).collect())
    }

    /// The first row that is not the one of `expected`, in words.
    pub(in crate::log) fn differs_from(&self, expected: &MemoryRows) -> Result<Option<String>> {
        let (first, last) = Path::ROOT.bounds();
        let mut expected = expected.lists(&first, &last)?.into_iter();
        for row in self.trees()?.lists.iter() {
            let (key, list) = read_list(row.map_err(|source| failed(&source))?)?;
            match expected.next() {
                Some((wanted, right)) if wanted == key && right == list => {}
                Some((wanted, right)) => {
                    let found = if wanted == key { list.count().0 } else { 0 };
                    return Ok(Some(format!("the list {wanted} has {found} of {} entries", right.count())));
                }
                None => return Ok(Some(format!("the list {key} belongs to no entry"))),
            }
        }
        Ok(expected.next().map(|(key, _)| format!("the list {key} is missing")))
    }

    /// Puts a wrong row in, as damage below sled would.
    #[cfg(test)]
    pub(in crate::log) fn damage_a_list_for_test(&self) {
        let Ok(trees) = self.trees() else { return };
        let Some(Ok((key, value))) = trees.lists.iter().next() else { return };
        let mut list = value.to_vec();
        list[15] ^= 1;
        let _ = trees.lists.insert(key, list);
        let _ = trees.db.flush();
    }
}

fn read_list((key, value): (IVec, IVec)) -> Result<(TrieKey, List)> {
    let key = key.as_ref().try_into().map_err(|_| {
        crate::Error::new(crate::Code::StoreCorrupt, "a list of the index stands under no key of a term").at("index")
    })?;
    Ok((TrieKey::from_bytes(key), List::from_bytes(&value)?))
}

fn node_row(key: &TrieKey, level: u8, index: u64) -> Vec<u8> {
    let mut row = key.as_bytes().to_vec();
    row.push(level);
    row.extend_from_slice(&index.to_be_bytes());
    row
}

/// A page is a chunk of postings.
const _: () = assert!(LIST_PAGE == super::INDICES_PER_CHUNK as u64);
