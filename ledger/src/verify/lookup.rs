//! Look-ups: from what a log answers about a term to the complete list of its entries.
//!
//! | step | says |
//! |---|---|
//! | [`look_up`] | a pinned log signed the checkpoint; it covers a verified `index-root`; under that root the index says this about the term; these entries are the ones listed |
//! | [`VerifiedList::join`] | the same of the list's further pages |
//! | [`VerifiedList::complete`] | every entry that the root does not cover was looked at: nothing is left out |
//!
//! Complete under an honest root: that no entry below `indexed` was kept from the index is what `log audit` checks.

use std::collections::BTreeMap;

use super::{Trust, VerifiedRecord};
use crate::entry::{Entry, Header};
use crate::error::{Code, Error, Result};
use crate::ids::{LeafIndex, TreeSize, TrieRoot};
use crate::merkle::{CompactRange, LeafHash, NodeHash, verify_inclusion};
use crate::note::AcceptedCheckpoint;
use crate::record::kinds::Predicate;
use crate::trie::{LIST_PAGE, ListHead, Lookup, Term, TrieProof, verify_page};

/// What the index says about a term, as far as its pages were read. Made by [`look_up`] alone.
#[derive(Debug, Clone)]
pub struct VerifiedList {
    term: Term,
    root: LeafIndex,
    indexed: TreeSize,
    head: Option<ListHead>,
    pages: BTreeMap<u64, Vec<LeafIndex>>,
    headers: BTreeMap<LeafIndex, Header>,
    accepted: AcceptedCheckpoint,
    tail: (TreeSize, Vec<NodeHash>),
}

/// Every entry under a term below a checkpoint's size. Made by [`VerifiedList::complete`] alone.
#[derive(Debug, Clone)]
pub struct CompleteList {
    term: Term,
    root: LeafIndex,
    indexed: TreeSize,
    indices: Vec<LeafIndex>,
    headers: BTreeMap<LeafIndex, Header>,
    accepted: AcceptedCheckpoint,
}

/// Verifies the answer about `term`, under the `index-root` record that it names.
///
/// # Errors
/// `proof_invalid` or `binding_mismatch` where the answer does not follow from the root, and whatever the policy says
/// about the checkpoint.
pub fn look_up(lookup: &Lookup, term: &Term, index_root: &VerifiedRecord, trust: &Trust) -> Result<VerifiedList> {
    if lookup.term != *term {
        return Err(mismatch("the log answered about another term"));
    }
    let accepted = trust.policy.check(&lookup.checkpoint)?;
    let (indexed, root) = root_of(index_root, &accepted)?;
    let (index, proof) = &lookup.root;
    if *index != index_root.index() {
        return Err(mismatch("the answer is under another index-root"));
    }
    let checkpoint = accepted.checkpoint();
    verify_inclusion(*index, checkpoint.size(), index_root.leaf(), proof, checkpoint.root())?;

    let value = lookup.head.map(ListHead::to_value);
    let proof = match value {
        Some(_) => TrieProof::parse_present(&lookup.proof)?,
        None => TrieProof::parse_absent(&lookup.proof)?,
    };
    proof.verify(root, &term.key(), value.as_ref().map(|value| &value[..]))?;

    let (mut pages, mut headers) = (BTreeMap::new(), BTreeMap::new());
    match (&lookup.page, &lookup.head) {
        (Some(page), Some(head)) => {
            verify_page(head, page.number, &page.indices, &page.proof)?;
            if page.indices.last().is_some_and(|last| !indexed.covers(*last)) {
                return Err(invalid("the index lists an entry that it does not cover"));
            }
            if let Some(entries) = &page.entries {
                if entries.len() != page.indices.len() {
                    return Err(invalid("not every entry of the page is here"));
                }
                for (index, (entry, proof)) in page.indices.iter().zip(entries) {
                    let leaf = LeafHash::of_entry(entry);
                    verify_inclusion(*index, checkpoint.size(), leaf, proof, checkpoint.root())?;
                    let header = Entry::decode(entry)?.header;
                    if !term.matches(&header) {
                        return Err(invalid("the index lists an entry that does not belong under the term"));
                    }
                    headers.insert(*index, header);
                }
            }
            pages.insert(page.number, page.indices.clone());
        }
        (None, _) => {}
        (Some(_), None) => return Err(invalid("a page of a list that is empty")),
    }
    Ok(VerifiedList {
        term: term.clone(),
        root: *index,
        indexed,
        head: lookup.head,
        pages,
        headers,
        accepted,
        tail: lookup.tail.clone(),
    })
}

/// The size and the root that a verified `index-root` of the same log states.
fn root_of(record: &VerifiedRecord, accepted: &AcceptedCheckpoint) -> Result<(TreeSize, TrieRoot)> {
    let Predicate::IndexRoot(root) = &record.record().predicate else {
        return Err(mismatch("the record that should state the root is no index-root"));
    };
    let by = record.checkpoint();
    if by.checkpoint().origin() != accepted.checkpoint().origin() || by.log() != accepted.log() {
        return Err(Error::new(Code::OriginMismatch, "the index-root is of another log than the answer"));
    }
    if root.size > record.index().0 {
        return Err(invalid("the index-root covers entries that come after it"));
    }
    Ok((TreeSize(root.size), root.root))
}

impl VerifiedList {
    /// How many entries are under the term, as far as the index goes.
    pub fn count(&self) -> TreeSize {
        self.head.map_or(TreeSize(0), |head| head.count)
    }

    /// How many entries of the log the index covers.
    pub const fn indexed(&self) -> TreeSize {
        self.indexed
    }

    /// The entry of the `index-root`.
    pub const fn root(&self) -> LeafIndex {
        self.root
    }

    /// The checkpoint that everything is proven under.
    pub const fn accepted(&self) -> &AcceptedCheckpoint {
        &self.accepted
    }

    /// How many pages the list has.
    pub fn pages(&self) -> u64 {
        self.count().0.div_ceil(LIST_PAGE)
    }

    /// The indices of the pages that were read, in order.
    pub fn indices(&self) -> impl Iterator<Item = LeafIndex> {
        self.pages.values().flatten().copied()
    }

    /// The first page that was not read.
    pub fn missing_page(&self) -> Option<u64> {
        (0..self.pages()).find(|page| !self.pages.contains_key(page))
    }

    /// From which entry on the entries of the log must be read to know those that the index does not cover.
    pub const fn tail_from(&self) -> TreeSize {
        self.tail.0
    }

    /// Takes over the pages of another answer about the same term under the same root.
    ///
    /// # Errors
    /// `binding_mismatch` if they are of different lists.
    pub fn join(&mut self, other: Self) -> Result<()> {
        let same = self.term == other.term && self.root == other.root && self.head == other.head;
        if !same || self.indexed != other.indexed {
            return Err(mismatch("the pages are of different lists"));
        }
        self.pages.extend(other.pages);
        self.headers.extend(other.headers);
        if other.accepted.checkpoint().size() > self.accepted.checkpoint().size() {
            (self.accepted, self.tail) = (other.accepted, other.tail);
        }
        Ok(())
    }

    /// Adds the entries that the index does not cover. `entries` are all entries from [`tail_from`](Self::tail_from) up to
    /// the checkpoint's size, in order; together with the edge they must hash to the checkpoint's root.
    ///
    /// # Errors
    /// `proof_invalid` if a page was not read, or the entries are not those of the checkpoint; `entry_invalid` for one
    /// that is none.
    pub fn complete<B: AsRef<[u8]>>(self, entries: &[B]) -> Result<CompleteList> {
        if let Some(missing) = self.missing_page() {
            return Err(invalid(&format!("page {missing} of the list was not read")));
        }
        let (from, edge) = self.tail;
        if from > self.indexed {
            return Err(invalid("the entries between the index and the tail are missing"));
        }
        let mut range = CompactRange::from_parts(from, edge)?;
        let mut indices: Vec<LeafIndex> = self.pages.into_values().flatten().collect();
        let mut headers = self.headers;
        for entry in entries {
            let index = LeafIndex(range.size().0);
            range.append(LeafHash::of_entry(entry.as_ref()), &mut |_, _, _| {});
            if self.indexed.covers(index) {
                continue;
            }
            let header = Entry::decode(entry.as_ref())?.header;
            if self.term.matches(&header) {
                indices.push(index);
                headers.insert(index, header);
            }
        }
        let checkpoint = self.accepted.checkpoint();
        if range.size() != checkpoint.size() || range.root() != checkpoint.root() {
            return Err(invalid("the newest entries are not all here, or not those of the checkpoint"));
        }
        let (term, root, indexed, accepted) = (self.term, self.root, self.indexed, self.accepted);
        Ok(CompleteList { term, root, indexed, indices, headers, accepted })
    }
}

impl CompleteList {
    /// What was asked for.
    pub const fn term(&self) -> &Term {
        &self.term
    }

    /// The entries, in order.
    pub fn indices(&self) -> &[LeafIndex] {
        &self.indices
    }

    /// The header of one of them, if it was part of the answer.
    pub fn header(&self, index: LeafIndex) -> Option<&Header> {
        self.headers.get(&index)
    }

    /// Up to which size the answer rests on the index; from there on every entry was looked at.
    pub const fn indexed(&self) -> TreeSize {
        self.indexed
    }

    /// The entry of the `index-root`.
    pub const fn root(&self) -> LeafIndex {
        self.root
    }

    /// The checkpoint below whose size nothing is left out.
    pub const fn accepted(&self) -> &AcceptedCheckpoint {
        &self.accepted
    }
}

fn invalid(detail: &str) -> Error {
    Error::new(Code::ProofInvalid, detail).at("look-up")
}

fn mismatch(detail: &str) -> Error {
    Error::new(Code::BindingMismatch, detail).at("look-up")
}
