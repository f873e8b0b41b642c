//! Makes the proofs of an index from its rows.

use super::branch::Path;
use super::draft::Rows;
use super::list::{LIST_PAGE, List, ListHead, page_bounds, page_root};
use super::proof::TrieProof;
use crate::error::{Code, Error, Result};
use crate::ids::{LeafIndex, TrieKey};
use crate::merkle::{NodeHash, Proof, Subtree, prove_subtree_consistency};

/// The proof of what the index says about a key, and what it says: `None` if the key is not in it.
///
/// # Errors
/// What `rows` says; `store_corrupt` if they do not belong together.
pub fn prove(rows: &dyn Rows, key: &TrieKey) -> Result<(Option<List>, TrieProof)> {
    let mut path = Path::ROOT;
    let mut steps = Vec::new();
    let mut branch = rows.branch(path)?;
    while let Some(here) = branch {
        let Some((slot, part)) = here.search(path, key) else { break };
        steps.extend(part);
        path = path.child(slot);
        branch = if here.is_split(slot) { Some(rows.branch(path)?.ok_or_else(damaged)?) } else { None };
    }
    let group = rows.group(path)?.unwrap_or_default();
    let Some((at, part)) = group.search(key) else {
        return if steps.is_empty() { Ok((None, TrieProof::Empty)) } else { Err(damaged()) };
    };
    steps.extend(part);
    steps.reverse();
    let (found, list) = group.lists().get(at).ok_or_else(damaged)?;
    if found == key {
        return Ok((Some(list.clone()), TrieProof::Present(steps)));
    }
    let value = list.head().to_value().to_vec();
    Ok((None, TrieProof::Absent { other: *found, value, path: steps }))
}

/// The proof of a page of a list whose indices are `page`.
///
/// # Errors
/// `not_found` if the list has no such page; what `rows` and `page` say; `store_corrupt` if they do not belong together.
pub fn prove_page(
    rows: &dyn Rows,
    key: &TrieKey,
    head: &ListHead,
    number: u64,
    page: &dyn Fn(u64) -> Result<Vec<LeafIndex>>,
) -> Result<Proof> {
    let (start, end) =
        page_bounds(head.count, number).ok_or_else(|| Error::new(Code::NotFound, "the list has no such page"))?;
    let last = (head.count.0 - 1) / LIST_PAGE;
    let nodes = |level: u8, index: u64| -> Result<NodeHash> {
        if let Some(node) = rows.list_node(key, level, index)? {
            return Ok(node);
        }
        // What is smaller than a page is on the edge: it is hashed from the last page.
        let from = index.checked_shl(u32::from(level)).ok_or_else(damaged)?;
        let width = 1u64.checked_shl(u32::from(level)).ok_or_else(damaged)?;
        if width >= LIST_PAGE || from / LIST_PAGE != last {
            return Err(damaged());
        }
        let indices = page(last)?;
        let within = usize::try_from(from - last * LIST_PAGE).map_err(|_| damaged())?;
        let width = usize::try_from(width).map_err(|_| damaged())?;
        let part = indices.get(within..within + width).ok_or_else(damaged)?;
        Ok(NodeHash::from_bytes(*page_root(part).as_bytes()))
    };
    Ok(prove_subtree_consistency(&nodes, Subtree::new(start, end)?, head.count)?)
}

fn damaged() -> Error {
    Error::new(Code::StoreCorrupt, "the rows of the index do not belong together").at("index")
}
