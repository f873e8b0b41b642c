//! The next version of the index: what changes when entries are taken in, and the root over all of it.
//!
//! A draft is laid over the rows of an older version and changes none of them. So a log can compute the root that it is
//! about to sign while it serves proofs under the last one, and drop the draft if nothing comes of it.

use std::collections::{BTreeMap, BTreeSet};

use super::branch::{Branch, MAX_GROUP, Path, group};
use super::hash::{EMPTY, TrieHash};
use super::list::{LIST_PAGE, List};
use super::term::Term;
use crate::entry::Header;
use crate::error::Result;
use crate::ids::{LeafIndex, TrieKey, TrieRoot};
use crate::merkle::NodeHash;

/// Where the rows of an index are kept.
pub trait Rows {
    /// The list of a term.
    fn list(&self, key: &TrieKey) -> Result<Option<List>>;

    /// All lists whose keys are within these bounds, both included, by key.
    fn lists(&self, first: &TrieKey, last: &TrieKey) -> Result<Vec<(TrieKey, List)>>;

    /// The children of a prefix, if it has a row.
    fn branch(&self, path: Path) -> Result<Option<Branch>>;

    /// The root of the 2^`level` indices of a list that begin at place `index · 2^level`: only those of whole pages.
    fn list_node(&self, key: &TrieKey, level: u8, index: u64) -> Result<Option<NodeHash>>;
}

/// A node of a list that is complete and at least as large as a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListNode {
    /// The list.
    pub key: TrieKey,
    /// How large: 2^`level` indices.
    pub level: u8,
    /// Which of that size.
    pub index: u64,
    /// The node.
    pub hash: NodeHash,
}

/// Changes over the rows of an index.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    lists: BTreeMap<TrieKey, List>,
    nodes: Vec<ListNode>,
    branches: BTreeMap<Path, Branch>,
    touched: BTreeSet<TrieKey>,
}

impl Draft {
    /// Takes in an entry. Entries come in order.
    pub fn take(&mut self, rows: &dyn Rows, index: LeafIndex, header: &Header) -> Result<()> {
        for term in Term::of(header) {
            self.append(rows, term.key(), index)?;
        }
        Ok(())
    }

    /// Puts an index under a key.
    pub fn append(&mut self, rows: &dyn Rows, key: TrieKey, index: LeafIndex) -> Result<()> {
        let list = match self.lists.entry(key) {
            std::collections::btree_map::Entry::Occupied(held) => held.into_mut(),
            std::collections::btree_map::Entry::Vacant(free) => free.insert(rows.list(&key)?.unwrap_or_default()),
        };
        let nodes = &mut self.nodes;
        list.append(index, &mut |level, index, hash| {
            if 1u64.checked_shl(u32::from(level)).is_some_and(|width| width >= LIST_PAGE) {
                nodes.push(ListNode { key, level, index, hash });
            }
        });
        // Also where nothing was appended: after a crash the list may be there and the branches above it not.
        self.touched.insert(key);
        Ok(())
    }

    /// Computes the branches over everything that was taken in, and the root. Each branch is hashed once.
    pub fn seal(&mut self, rows: &dyn Rows) -> Result<TrieRoot> {
        let touched: Vec<TrieKey> = std::mem::take(&mut self.touched).into_iter().collect();
        let split = self.branch(rows, Path::ROOT)?.is_some();
        let (root, _) = self.update(rows, Path::ROOT, &touched, split)?;
        Ok(root.map_or(EMPTY, TrieRoot::from))
    }

    /// The lists that changed.
    pub fn changed_lists(&self) -> impl Iterator<Item = (&TrieKey, &List)> {
        self.lists.iter()
    }

    /// The branches that changed.
    pub fn changed_branches(&self) -> impl Iterator<Item = (Path, &Branch)> {
        self.branches.iter().map(|(path, branch)| (*path, branch))
    }

    /// The nodes of lists that became complete.
    pub fn new_nodes(&self) -> &[ListNode] {
        &self.nodes
    }

    fn branch(&self, rows: &dyn Rows, path: Path) -> Result<Option<Branch>> {
        self.branches.get(&path).cloned().map_or_else(|| rows.branch(path), |branch| Ok(Some(branch)))
    }

    /// The hash below a prefix after the keys that changed, and whether it is a branch.
    fn update(
        &mut self,
        rows: &dyn Rows,
        path: Path,
        changed: &[TrieKey],
        split: bool,
    ) -> Result<(Option<TrieHash>, bool)> {
        if !split {
            return Ok(self.place(path, &self.leaves(rows, path)?));
        }
        // A row that a crash took is made again from the leaves.
        let Some(mut branch) = self.branch(rows, path)? else {
            return Ok(self.place(path, &self.leaves(rows, path)?));
        };
        for part in changed.chunk_by(|a, b| path.slot(a) == path.slot(b)) {
            let Some(slot) = part.first().map(|key| path.slot(key)) else { continue };
            let (hash, is_branch) = self.update(rows, path.child(slot), part, branch.is_split(slot))?;
            branch.slots[slot] = hash;
            branch.split |= u16::from(is_branch) << slot;
        }
        let hash = branch.hash(path);
        self.branches.insert(path, branch);
        Ok((hash, true))
    }

    /// Hashes the leaves below a prefix, and makes branches of them where they are many.
    fn place(&mut self, path: Path, leaves: &[(TrieKey, TrieHash)]) -> (Option<TrieHash>, bool) {
        if leaves.len() <= MAX_GROUP || !path.can_branch() {
            return (group(leaves), false);
        }
        let mut branch = Branch::default();
        for part in leaves.chunk_by(|(a, _), (b, _)| path.slot(a) == path.slot(b)) {
            let Some(slot) = part.first().map(|(key, _)| path.slot(key)) else { continue };
            let (hash, is_branch) = self.place(path.child(slot), part);
            branch.slots[slot] = hash;
            branch.split |= u16::from(is_branch) << slot;
        }
        let hash = branch.hash(path);
        self.branches.insert(path, branch);
        (hash, true)
    }

    /// The leaves below a prefix, those that changed as they are now.
    fn leaves(&self, rows: &dyn Rows, path: Path) -> Result<Vec<(TrieKey, TrieHash)>> {
        let (first, last) = path.bounds();
        let mut lists: BTreeMap<TrieKey, TrieHash> = BTreeMap::new();
        for (key, list) in rows.lists(&first, &last)? {
            if !self.lists.contains_key(&key) {
                lists.insert(key, leaf(&key, &list));
            }
        }
        lists.extend(self.lists.range(first..=last).map(|(key, list)| (*key, leaf(key, list))));
        Ok(lists.into_iter().collect())
    }
}

/// The hash of a term's leaf.
pub(super) fn leaf(key: &TrieKey, list: &List) -> TrieHash {
    TrieHash::leaf(key, &list.head().to_value())
}
