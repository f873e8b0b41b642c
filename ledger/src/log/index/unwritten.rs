//! Branches of the verifiable index that wait to be written.
//!
//! Each `index-root` changes every branch above the groups that it changes, and the next one changes most of them again. So they
//! stay here until they are many, or are to be durable. Groups do not wait: what is read to be changed is at hand to be
//! written, and later it would have to be found again.
//!
//! Nothing is lost by it in a crash: rows count from the mark that is set once they are durable, and a group that became a
//! branch is taken away only after that branch was written.

use std::collections::BTreeMap;

use super::writing::Puts;
use super::{Trees, failed};
use crate::error::Result;
use crate::trie::{Branch, Draft, Path};

/// How many branches may wait: some 4 MiB, and all of an index of a million terms.
pub(super) const MAX_WAITING: usize = 8192;

/// What a store does not know yet.
#[derive(Debug, Default)]
pub(super) struct Unwritten {
    branches: BTreeMap<Path, Branch>,
    /// Groups in whose place there are branches.
    outgrown: Vec<Path>,
}

impl Unwritten {
    /// How many branches wait.
    pub(super) fn len(&self) -> usize {
        self.branches.len()
    }

    /// A branch that waits.
    pub(super) fn branch(&self, path: Path) -> Option<&Branch> {
        self.branches.get(&path)
    }

    /// Takes over what a draft changed.
    pub(super) fn take(&mut self, draft: &Draft) {
        self.branches.extend(draft.changed_branches().map(|(path, branch)| (path, branch.clone())));
        self.outgrown.extend_from_slice(draft.outgrown());
    }

    /// Writes the branches from the bottom up, then takes away what they replace. sled comes back from a crash with the
    /// beginning of what it was given, so no branch is ever there before what it leads to.
    pub(super) fn write_to(&self, trees: &Trees) -> Result<()> {
        let mut puts = Puts::default();
        let branches = self.branches.iter().rev();
        branches.for_each(|(path, branch)| puts.put(&trees.branches, path.to_bytes(), branch.to_bytes()));
        puts.write()?;
        for path in &self.outgrown {
            trees.groups.remove(path.to_bytes()).map_err(|source| failed(&source))?;
        }
        Ok(())
    }
}
