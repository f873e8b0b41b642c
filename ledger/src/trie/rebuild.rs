//! The index rebuilt from the entries, and every `index-root` held against it: what proves that a root is honest.
//!
//! Proofs under a root cannot tell whether the root left something out. Whoever has all entries can: `log audit`, `fsck`,
//! mirrors and monitors feed them in here, in order.

use std::collections::VecDeque;

use super::draft::Draft;
use super::memory::MemoryRows;
use super::term::Term;
use crate::entry::Header;
use crate::error::{Code, Error, Result};
use crate::ids::{LeafIndex, RecordId, TreeSize, TrieKey, TrieRoot};
use crate::record::kinds::IndexRoot;

/// An index under construction.
#[derive(Debug, Default)]
pub struct Rebuild {
    rows: MemoryRows,
    taken: TreeSize,
    /// Entries that no root covered yet. Roots come at least every 1,024 entries, so there are few.
    waiting: VecDeque<(LeafIndex, Vec<TrieKey>)>,
    last: Option<(RecordId, TreeSize)>,
    honest: Option<(LeafIndex, RecordId, TreeSize, TrieRoot)>,
}

impl Rebuild {
    /// Takes in the next entry.
    pub fn take(&mut self, index: LeafIndex, header: &Header) {
        self.waiting.push_back((index, Term::of(header).iter().map(Term::key).collect()));
    }

    /// Holds an `index-root` that stands at `index` against the entries taken in, which must be all below it.
    ///
    /// # Errors
    /// `index_root_refused` if it is not the root of the index over its entries, or does not follow the one before it.
    /// What comes after it can be judged all the same.
    pub fn judge(&mut self, index: LeafIndex, record: RecordId, root: &IndexRoot) -> Result<()> {
        let follows = follows(root, self.last, index);
        let size = TreeSize(root.size);
        let before = self.last.map_or(TreeSize(0), |(_, size)| size);
        self.last = Some((record, size.max(before)));
        follows?;
        let found = self.root_of(size)?;
        if found != root.root {
            let detail = format!("entry {index} states {} over {size} entries, and they have {found}", root.root);
            return Err(Error::new(Code::IndexRootRefused, detail).at(format!("entry {index}")));
        }
        self.honest = Some((index, record, size, found));
        Ok(())
    }

    /// The newest `index-root` that was found honest: its entry, its record, how many entries it covers, its root.
    pub const fn honest(&self) -> Option<(LeafIndex, RecordId, TreeSize, TrieRoot)> {
        self.honest
    }

    /// The rows up to the newest root that was judged.
    pub const fn rows(&self) -> &MemoryRows {
        &self.rows
    }

    /// The root over the first `size` entries, which are not fewer than at the last call.
    ///
    /// # Errors
    /// `index_root_refused` if fewer entries were taken in than `size`.
    pub fn root_of(&mut self, size: TreeSize) -> Result<TrieRoot> {
        let mut draft = Draft::default();
        while let Some((index, keys)) = self.waiting.front() {
            if !size.covers(*index) {
                break;
            }
            keys.iter().for_each(|key| draft.append(*key, *index));
            self.taken = TreeSize(index.0 + 1);
            self.waiting.pop_front();
        }
        if self.taken != size {
            let detail = format!("{} entries were taken in, the root covers {size}", self.taken);
            return Err(Error::new(Code::IndexRootRefused, detail));
        }
        let root = draft.seal(&self.rows)?;
        self.rows.absorb(draft);
        Ok(root)
    }
}

/// Whether a root may follow another at `index`: it names it, covers more, and nothing that is not there.
///
/// # Errors
/// `index_root_refused`, with the entry.
pub fn follows(root: &IndexRoot, last: Option<(RecordId, TreeSize)>, index: LeafIndex) -> Result<()> {
    let refused = |detail: String| Err(Error::new(Code::IndexRootRefused, detail).at(format!("entry {index}")));
    if root.previous.as_ref().map(|previous| previous.id()) != last.map(|(record, _)| record) {
        return match last {
            Some((record, _)) => refused(format!("the index-root before it is record:{record}, and it names another")),
            None => refused("it names an index-root before it, and there is none".to_owned()),
        };
    }
    if last.is_some_and(|(_, size)| root.size <= size.0) {
        return refused(format!("it covers {} entries, no more than the one before it", root.size));
    }
    if root.size > index.0 {
        return refused(format!("it covers {} entries, and stands at {index}", root.size));
    }
    Ok(())
}
