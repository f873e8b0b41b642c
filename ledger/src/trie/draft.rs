//! The next version of the index: what changes when entries are taken in, and the root over all of it.
//!
//! A draft is laid over the rows of an older version and changes none of them. So a log can compute the root that it is
//! about to sign while it serves proofs under the last one, and drop the draft if nothing comes of it.

use std::collections::BTreeMap;

use super::branch::{Branch, Path};
use super::group::Group;
use super::hash::{EMPTY, TrieHash};
use super::list::LIST_PAGE;
use super::term::Term;
use crate::entry::Header;
use crate::error::Result;
use crate::ids::{LeafIndex, TrieKey, TrieRoot};
use crate::merkle::NodeHash;

/// Where the rows of an index are kept. Below a prefix there is a group or a branch, or nothing.
///
/// # Errors
/// Each fails with `store_corrupt` if the row is there and cannot be read, or is not of its form.
#[allow(clippy::missing_errors_doc, reason = "the trait says it for all")]
pub trait Rows {
    /// The lists below a prefix.
    fn group(&self, path: Path) -> Result<Option<Group>>;

    /// The children of a prefix.
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
    /// What was taken in since the last seal.
    appended: BTreeMap<TrieKey, Vec<LeafIndex>>,
    /// As rows, which are a third of what their lists would take.
    groups: BTreeMap<Path, Vec<u8>>,
    branches: BTreeMap<Path, Branch>,
    /// Groups that became branches.
    outgrown: Vec<Path>,
    nodes: Vec<ListNode>,
}

impl Draft {
    /// Takes in an entry. Entries come in order.
    pub fn take(&mut self, index: LeafIndex, header: &Header) {
        for term in Term::of(header) {
            self.append(term.key(), index);
        }
    }

    /// Puts an index under a key.
    pub fn append(&mut self, key: TrieKey, index: LeafIndex) {
        self.appended.entry(key).or_default().push(index);
    }

    /// Computes the groups and branches over everything that was taken in, and the root. Each is hashed once. After an
    /// error nothing is lost, and sealing again comes to the same.
    ///
    /// # Errors
    /// What `rows` says; `store_corrupt` if they do not belong together.
    pub fn seal(&mut self, rows: &dyn Rows) -> Result<TrieRoot> {
        let appended: Vec<(TrieKey, Vec<LeafIndex>)> = std::mem::take(&mut self.appended).into_iter().collect();
        let sealed =
            self.branch(rows, Path::ROOT).and_then(|root| self.update(rows, Path::ROOT, &appended, root.is_some()));
        match sealed {
            Ok((root, _)) => Ok(root.map_or(EMPTY, TrieRoot::from)),
            Err(error) => {
                self.appended = appended.into_iter().collect();
                Err(error)
            }
        }
    }

    /// The groups that changed, by key, as rows.
    pub fn changed_groups(&self) -> impl Iterator<Item = (Path, &[u8])> {
        self.groups.iter().map(|(path, group)| (*path, &group[..]))
    }

    /// The branches that changed, those at the bottom first. Whoever writes them in this order, after the groups, has no
    /// branch at any moment below which something is missing.
    pub fn changed_branches(&self) -> impl Iterator<Item = (Path, &Branch)> {
        self.branches.iter().rev().map(|(path, branch)| (*path, branch))
    }

    /// The groups that became branches: rows that are in nobody's way once the branches are written, and of no use.
    pub fn outgrown(&self) -> &[Path] {
        &self.outgrown
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
        appended: &[(TrieKey, Vec<LeafIndex>)],
        split: bool,
    ) -> Result<(Option<TrieHash>, bool)> {
        // Where a crash took a branch that had just been made, the group from which it was made is there yet. What this
        // draft made is a branch, also if it failed before it told the one above.
        let split = split || self.branches.contains_key(&path);
        let branch = if split { self.branch(rows, path)? } else { None };
        let Some(mut branch) = branch else {
            let mut group = match self.groups.get(&path) {
                Some(group) => Group::from_bytes(group)?,
                None => rows.group(path)?.unwrap_or_default(),
            };
            self.take_into(&mut group, appended);
            return Ok(self.place(path, group));
        };
        for part in appended.chunk_by(|(a, _), (b, _)| path.slot(a) == path.slot(b)) {
            let Some(slot) = part.first().map(|(key, _)| path.slot(key)) else { continue };
            let (hash, is_branch) = self.update(rows, path.child(slot), part, branch.is_split(slot))?;
            branch.slots[slot] = hash;
            branch.split = branch.split & !(1 << slot) | u16::from(is_branch) << slot;
        }
        let hash = branch.hash(path);
        self.branches.insert(path, branch);
        Ok((hash, true))
    }

    fn take_into(&mut self, group: &mut Group, appended: &[(TrieKey, Vec<LeafIndex>)]) {
        for (key, indices) in appended {
            let list = group.list_mut(*key);
            for index in indices {
                list.append(*index, &mut |level, index, hash| {
                    if 1u64.checked_shl(u32::from(level)).is_some_and(|width| width >= LIST_PAGE) {
                        self.nodes.push(ListNode { key: *key, level, index, hash });
                    }
                });
            }
        }
    }

    /// Hashes a group, and makes branches of it where it is too large.
    fn place(&mut self, path: Path, group: Group) -> (Option<TrieHash>, bool) {
        if group.fits() || !path.can_branch() {
            let hash = group.hash();
            self.groups.insert(path, group.to_bytes());
            return (hash, false);
        }
        let mut branch = Branch::default();
        for (slot, part) in group.split(|key| path.slot(key)) {
            let (hash, is_branch) = self.place(path.child(slot), part);
            branch.slots[slot] = hash;
            branch.split |= u16::from(is_branch) << slot;
        }
        let hash = branch.hash(path);
        self.branches.insert(path, branch);
        self.groups.remove(&path);
        self.outgrown.push(path);
        (hash, true)
    }
}
