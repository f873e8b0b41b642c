//! An index that is kept in memory: for those who rebuild one to compare it.

use std::collections::{BTreeMap, HashMap};

use super::branch::{Branch, Path};
use super::draft::{Draft, Rows};
use super::list::List;
use crate::error::Result;
use crate::ids::TrieKey;
use crate::merkle::NodeHash;

/// All rows of an index. Some 200 bytes a term, and 20 for each entry under one.
#[derive(Debug, Clone, Default)]
pub struct MemoryRows {
    lists: BTreeMap<TrieKey, List>,
    branches: HashMap<Path, Branch>,
    nodes: HashMap<(TrieKey, u8, u64), NodeHash>,
}

impl MemoryRows {
    /// Takes a draft's changes over.
    pub fn absorb(&mut self, draft: Draft) {
        self.nodes.extend(draft.new_nodes().iter().map(|node| ((node.key, node.level, node.index), node.hash)));
        self.lists.extend(draft.changed_lists().map(|(key, list)| (*key, list.clone())));
        self.branches.extend(draft.changed_branches().map(|(path, branch)| (path, branch.clone())));
    }

    /// How many terms there are.
    pub fn terms(&self) -> usize {
        self.lists.len()
    }
}

impl Rows for MemoryRows {
    fn list(&self, key: &TrieKey) -> Result<Option<List>> {
        Ok(self.lists.get(key).cloned())
    }

    fn lists(&self, first: &TrieKey, last: &TrieKey) -> Result<Vec<(TrieKey, List)>> {
        Ok(self.lists.range(*first..=*last).map(|(key, list)| (*key, list.clone())).collect())
    }

    fn branch(&self, path: Path) -> Result<Option<Branch>> {
        Ok(self.branches.get(&path).cloned())
    }

    fn list_node(&self, key: &TrieKey, level: u8, index: u64) -> Result<Option<NodeHash>> {
        Ok(self.nodes.get(&(*key, level, index)).copied())
    }
}
