//! An index that is kept in memory: for those who rebuild one to compare it.

use std::collections::{BTreeMap, HashMap};

use super::branch::{Branch, Path};
use super::draft::{Draft, Rows};
use super::group::Group;
use crate::error::Result;
use crate::ids::TrieKey;
use crate::merkle::NodeHash;

/// All rows of an index. Some 100 bytes a term.
#[derive(Debug, Clone, Default)]
pub struct MemoryRows {
    groups: BTreeMap<Path, Vec<u8>>,
    branches: HashMap<Path, Branch>,
    nodes: HashMap<(TrieKey, u8, u64), NodeHash>,
}

impl MemoryRows {
    /// Takes a draft's changes over.
    pub fn absorb(&mut self, draft: Draft) {
        self.nodes.extend(draft.new_nodes().iter().map(|node| ((node.key, node.level, node.index), node.hash)));
        self.groups.extend(draft.changed_groups().map(|(path, group)| (path, group.to_vec())));
        self.branches.extend(draft.changed_branches().map(|(path, branch)| (path, branch.clone())));
        draft.outgrown().iter().for_each(|path| drop(self.groups.remove(path)));
    }

    /// Takes the first so many of a draft's rows over, in the order in which a store writes them.
    #[cfg(test)]
    pub(super) fn absorb_a_part(&mut self, draft: &Draft, rows: usize) {
        let groups = draft.changed_groups().count();
        let branches = draft.changed_branches().count();
        self.groups.extend(draft.changed_groups().take(rows).map(|(path, group)| (path, group.to_vec())));
        let left = rows.saturating_sub(groups);
        self.branches.extend(draft.changed_branches().take(left).map(|(path, branch)| (path, branch.clone())));
        let left = left.saturating_sub(branches);
        draft.outgrown().iter().take(left).for_each(|path| drop(self.groups.remove(path)));
    }

    /// How many terms there are.
    ///
    /// # Errors
    /// `store_corrupt` if a group is not of its form.
    pub fn terms(&self) -> Result<usize> {
        self.groups().map(|group| group.map(|group| group.lists().len())).sum()
    }

    /// Every group, by key.
    pub fn groups(&self) -> impl Iterator<Item = Result<Group>> {
        self.groups.values().map(|row| Group::from_bytes(row))
    }
}

impl Rows for MemoryRows {
    fn group(&self, path: Path) -> Result<Option<Group>> {
        self.groups.get(&path).map(|row| Group::from_bytes(row)).transpose()
    }

    fn branch(&self, path: Path) -> Result<Option<Branch>> {
        Ok(self.branches.get(&path).cloned())
    }

    fn list_node(&self, key: &TrieKey, level: u8, index: u64) -> Result<Option<NodeHash>> {
        Ok(self.nodes.get(&(*key, level, index)).copied())
    }
}
