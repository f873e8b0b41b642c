//! Answers from the verifiable index, with everything that a stranger needs to check them.

use std::sync::PoisonError;

use super::Standing;
use crate::error::{Code, Error, Result};
use crate::ids::{LeafIndex, TreeSize};
use crate::log::reader::ViewNodes;
use crate::log::{Log, Published, Term};
use crate::merkle::{NodeHash, Nodes};
use crate::trie::{LIST_PAGE, ListHead, Lookup, LookupPage, prove, prove_page};

impl Log {
    /// Looks a term up in the verifiable index, with a page of its list, and the proofs of all of it under the newest
    /// checkpoint; with the entries of the page, and the proof that the checkpoint extends a size, if asked for.
    ///
    /// # Errors
    /// `index_unavailable` if no `index-root` was logged yet: then an answer is only complete for who reads all entries.
    pub fn look_up(&self, term: &Term, page: u64, entries: bool, since: Option<TreeSize>) -> Result<Lookup> {
        let shared = &self.shared;
        // Held while rows are read; the view is taken after it, so that it covers the root.
        let standing = shared.roots.standing.read().unwrap_or_else(PoisonError::into_inner);
        let root = match &*standing {
            Standing::Ready(Some(root)) => *root,
            Standing::Ready(None) => {
                return Err(Error::new(Code::IndexUnavailable, "no index-root was logged yet"));
            }
            Standing::Filling => return Err(Error::new(Code::IndexUnavailable, "the index is being filled")),
            Standing::Broken(error) => return Err(error.clone()),
        };
        let view = self.published().ok_or_else(|| Error::new(Code::IndexUnavailable, "nothing is published yet"))?;
        let index = shared.index.as_ref();
        let key = term.key();
        let (list, proof) = prove(index, &key)?;
        let head = list.as_ref().map(crate::trie::List::head);
        proof.verify(root.root, &key, head.map(|head| head.to_value()).as_ref().map(|value| &value[..])).map_err(
            |error| Error::new(Code::StoreCorrupt, format!("the rows of the index: {}", error.detail())).at("index"),
        )?;
        let page = match head {
            Some(head) => self.list_page(&view, term, &head, page, entries)?,
            None => None,
        };
        let consistency = since.map(|size| self.consistency(&view, size)).transpose()?;
        Ok(Lookup {
            term: term.clone(),
            checkpoint: view.note.to_vec(),
            root: (root.index, self.inclusion(&view, root.index)?),
            head,
            proof: proof.encode(),
            page,
            tail: self.edge(&view, TreeSize(root.size.0 / 256 * 256))?,
            consistency,
        })
    }

    /// A page of the list of a term, if the list is so long.
    fn list_page(
        &self,
        view: &Published,
        term: &Term,
        head: &ListHead,
        number: u64,
        entries: bool,
    ) -> Result<Option<LookupPage>> {
        if number.checked_mul(LIST_PAGE).is_none_or(|start| start >= head.count.0) {
            return Ok(None);
        }
        let index = self.shared.index.as_ref();
        let read = |number: u64| index.list_page(term, number, head.count);
        let indices = read(number)?;
        let proof = prove_page(index, &term.key(), head, number, &read)?;
        let entries = entries.then(|| self.with_proofs(view, &indices)).transpose()?;
        Ok(Some(LookupPage { number, indices, proof, entries }))
    }

    fn with_proofs(&self, view: &Published, indices: &[LeafIndex]) -> Result<Vec<(Vec<u8>, crate::merkle::Proof)>> {
        let entry = |index: &LeafIndex| {
            let entry = self.shared.entry(*index)?;
            Ok((entry.bytes.to_vec(), self.inclusion(view, *index)?))
        };
        indices.iter().map(entry).collect()
    }

    /// The roots of the perfect subtrees of the tree of the first `size` entries.
    fn edge(&self, view: &Published, size: TreeSize) -> Result<(TreeSize, Vec<NodeHash>)> {
        let nodes = ViewNodes::of(&self.shared, view);
        let (mut start, mut edge) = (0u64, Vec::new());
        for level in (0..63u8).rev().filter(|level| size.0 & (1 << level) != 0) {
            edge.push(nodes.node(level, start >> level)?);
            start += 1 << level;
        }
        Ok((size, edge))
    }
}
