//! Checks proofs: that an entry, an older tree or a subtree is part of a tree.
//!
//! All four checks are one walk. An entry at `i` is the subtree `[i, i + 1)`, and an older tree of `m` entries is the
//! subtree `[0, m)`; so inclusion and consistency differ in the range they start from and in nothing else. The walk is
//! the one of draft-ietf-plants-merkle-tree-certs section 4.4; on these two ranges it does what RFC 9162 sections
//! 2.1.3.2 and 2.1.4.2 say. Proofs are made in [`super::prove`].

use super::hash::{LeafHash, NodeHash, RootHash};
use crate::error::{Code, Error};
use crate::ids::{LeafIndex, TreeSize};

/// The most hashes that a proof may hold: one for each level of a tree of 2^62 entries, and one more for the node that
/// a consistency proof begins with. C2SP tlog-witness has the same limit.
pub const MAX_PROOF_HASHES: usize = 63;

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// More hashes than any tree can need.
    #[error("a proof holds at most {MAX_PROOF_HASHES} hashes, found {0}")]
    TooManyHashes(usize),
    /// The entry or the older tree is not inside the tree.
    #[error("the range from {start} to {end} is not inside a tree of {size} entries")]
    OutOfRange {
        /// The first entry of the range.
        start: u64,
        /// The entry after the last.
        end: u64,
        /// The size of the tree.
        size: u64,
    },
    /// The start is not a multiple of the smallest power of two that holds the range.
    #[error("the range from {start} to {end} is not a subtree")]
    NotASubtree {
        /// The first entry of the range.
        start: u64,
        /// The entry after the last.
        end: u64,
    },
    /// The number of hashes is not the one that these sizes need.
    #[error("the proof is too {}", if *.short { "short" } else { "long" })]
    Length {
        /// Whether hashes are missing.
        short: bool,
    },
    /// The hashes lead to another hash than that of the subtree or the older tree.
    #[error("the proof does not lead to the hash of the part")]
    PartDiffers,
    /// The hashes lead to another root.
    #[error("the proof does not lead to the root")]
    RootDiffers,
}

impl From<ProofError> for Error {
    fn from(error: ProofError) -> Self {
        Error::new(Code::ProofInvalid, error.to_string())
    }
}

/// The hashes of a proof, from the leaves up. What they prove is said by the call that checks them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proof(Vec<NodeHash>);

impl Proof {
    /// A proof of these hashes; refused if there are more than [`MAX_PROOF_HASHES`].
    ///
    /// # Errors
    /// [`ProofError::TooManyHashes`].
    pub fn new(hashes: Vec<NodeHash>) -> Result<Self, ProofError> {
        if hashes.len() > MAX_PROOF_HASHES {
            return Err(ProofError::TooManyHashes(hashes.len()));
        }
        Ok(Self(hashes))
    }

    /// The hashes, the nearest to the leaves first.
    pub fn hashes(&self) -> &[NodeHash] {
        &self.0
    }
}

/// A range of entries that is a node of some tree, or of no tree yet: `start` is a multiple of the smallest power of two
/// that is not less than the number of entries. An empty range counts, and its hash is that of the empty tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subtree {
    start: u64,
    end: u64,
}

impl Subtree {
    /// The range from `start` up to and without `end`.
    ///
    /// # Errors
    /// [`ProofError::NotASubtree`] if it ends before it begins, or begins at no multiple of its width.
    pub fn new(start: u64, end: u64) -> Result<Self, ProofError> {
        let len = end.checked_sub(start).ok_or(ProofError::NotASubtree { start, end })?;
        // More than 2^63 entries need 2^64 places, and the only multiple of that is 0.
        let aligned = match len.checked_next_power_of_two() {
            Some(places) => start.is_multiple_of(places),
            None => start == 0,
        };
        if !aligned {
            return Err(ProofError::NotASubtree { start, end });
        }
        Ok(Self { start, end })
    }

    /// The first entry.
    pub const fn start(self) -> u64 {
        self.start
    }

    /// The entry after the last.
    pub const fn end(self) -> u64 {
        self.end
    }

    const fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// Checks that the entry with this hash stands at `index` in the tree with this size and root.
///
/// ```
/// # use ledger::ids::{LeafIndex, TreeSize};
/// # use ledger::merkle::{LeafHash, NodeHash, Proof, RootHash, verify_inclusion};
/// let (a, b) = (LeafHash::of_entry(b"a"), LeafHash::of_entry(b"b"));
/// let root = RootHash::from(NodeHash::parent(&a.into(), &b.into()));
/// let proof = Proof::new(vec![a.into()])?;
/// verify_inclusion(LeafIndex(1), TreeSize(2), b, &proof, root)?;
/// assert!(verify_inclusion(LeafIndex(0), TreeSize(2), b, &proof, root).is_err());
/// # Ok::<(), ledger::merkle::ProofError>(())
/// ```
///
/// # Errors
/// [`ProofError`]: what is asked is not inside the tree, the proof has another length than these sizes need, or its
/// hashes lead elsewhere. As an [`Error`] it is `proof_invalid`.
pub fn verify_inclusion(
    index: LeafIndex,
    size: TreeSize,
    leaf: LeafHash,
    proof: &Proof,
    root: RootHash,
) -> Result<(), ProofError> {
    let (start, Some(end)) = (index.0, index.0.checked_add(1)) else {
        return Err(ProofError::OutOfRange { start: index.0, end: index.0, size: size.0 });
    };
    walk(Subtree { start, end }, size, *leaf.as_bytes(), proof, root)
}

/// Checks that the tree of `new` entries begins with the tree of `old` entries.
///
/// Every tree begins with the empty one, so that from size 0 only the empty root and the proof without hashes are asked
/// for (C2SP merkle-tree, "Consistency proofs"); such a proof says nothing about the new root.
///
/// # Errors
/// [`ProofError`]: what is asked is not inside the tree, the proof has another length than these sizes need, or its
/// hashes lead elsewhere. As an [`Error`] it is `proof_invalid`.
pub fn verify_consistency(
    old: TreeSize,
    old_root: RootHash,
    new: TreeSize,
    new_root: RootHash,
    proof: &Proof,
) -> Result<(), ProofError> {
    if new.0 == 0 && new_root != RootHash::EMPTY {
        return Err(ProofError::RootDiffers);
    }
    walk(Subtree { start: 0, end: old.0 }, new, *old_root.as_bytes(), proof, new_root)
}

/// Checks that the entry with this hash stands at `index` in the subtree with this hash.
///
/// # Errors
/// [`ProofError`]: what is asked is not inside the tree, the proof has another length than these sizes need, or its
/// hashes lead elsewhere. As an [`Error`] it is `proof_invalid`.
pub fn verify_subtree_inclusion(
    index: LeafIndex,
    subtree: Subtree,
    leaf: LeafHash,
    proof: &Proof,
    subtree_root: RootHash,
) -> Result<(), ProofError> {
    let Some(inside) = index.0.checked_sub(subtree.start) else {
        return Err(ProofError::OutOfRange { start: index.0, end: index.0, size: subtree.end });
    };
    verify_inclusion(LeafIndex(inside), TreeSize(subtree.end - subtree.start), leaf, proof, subtree_root)
}

/// Checks that the entries of the subtree with this hash are those of the tree with this size and root.
///
/// The empty subtree is part of every tree: its proof has no hashes and says nothing about the root.
///
/// # Errors
/// [`ProofError`]: what is asked is not inside the tree, the proof has another length than these sizes need, or its
/// hashes lead elsewhere. As an [`Error`] it is `proof_invalid`.
pub fn verify_subtree_consistency(
    subtree: Subtree,
    subtree_root: RootHash,
    size: TreeSize,
    root: RootHash,
    proof: &Proof,
) -> Result<(), ProofError> {
    walk(subtree, size, *subtree_root.as_bytes(), proof, root)
}

/// The walk from a part up to the root. `part_hash` is a leaf, a node or the root of an older tree.
fn walk(part: Subtree, size: TreeSize, part_hash: [u8; 32], proof: &Proof, root: RootHash) -> Result<(), ProofError> {
    if part.end > size.0 {
        return Err(ProofError::OutOfRange { start: part.start, end: part.end, size: size.0 });
    }
    if part.is_empty() {
        if !proof.0.is_empty() {
            return Err(ProofError::Length { short: false });
        }
        return if part_hash == *RootHash::EMPTY.as_bytes() { Ok(()) } else { Err(ProofError::PartDiffers) };
    }

    // The paths of the part's first and last entry and of the tree's last entry, one bit a level.
    let (mut first, mut last, mut end) = (part.start, part.end - 1, size.0 - 1);
    // Up to the largest node that both trees have in common: where the part ends with the tree this is the whole part,
    // else the right-most perfect subtree of the part.
    let ends_together = last == end;
    while first != last && (ends_together || last & 1 == 1) {
        (first, last, end) = (first >> 1, last >> 1, end >> 1);
    }

    let part_hash = NodeHash::from_bytes(part_hash);
    let mut hashes = proof.0.iter();
    // That node is the part itself, whose hash the caller has, or the proof begins with it.
    let seed = if first == last { part_hash } else { *hashes.next().ok_or(ProofError::Length { short: true })? };
    let (mut part_side, mut tree_side) = (seed, seed);
    for hash in hashes {
        if end == 0 {
            return Err(ProofError::Length { short: false });
        }
        if last & 1 == 1 || last == end {
            if first < last {
                part_side = NodeHash::parent(hash, &part_side);
            }
            tree_side = NodeHash::parent(hash, &tree_side);
            // Levels on which the right-most node has no sibling are skipped; `last` is not 0 here, so this ends.
            while last & 1 == 0 {
                (first, last, end) = (first >> 1, last >> 1, end >> 1);
            }
        } else {
            tree_side = NodeHash::parent(&tree_side, hash);
        }
        (first, last, end) = (first >> 1, last >> 1, end >> 1);
    }

    if end != 0 {
        return Err(ProofError::Length { short: true });
    }
    if part_side != part_hash {
        return Err(ProofError::PartDiffers);
    }
    if RootHash::from(tree_side) != root {
        return Err(ProofError::RootDiffers);
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;
    use crate::merkle::prove::{prove_consistency, prove_inclusion, prove_subtree_consistency, tree_root};

    pub(crate) fn leaf(n: u64) -> LeafHash {
        LeafHash::of_entry(&n.to_be_bytes())
    }

    /// The definition of RFC 6962 section 2.1, word for word and slow.
    pub(crate) fn naive_root(leaves: &[LeafHash]) -> RootHash {
        fn node(leaves: &[LeafHash]) -> NodeHash {
            match leaves {
                [one] => (*one).into(),
                _ => {
                    let mut k = 1;
                    while k * 2 < leaves.len() {
                        k *= 2;
                    }
                    NodeHash::parent(&node(&leaves[..k]), &node(&leaves[k..]))
                }
            }
        }
        if leaves.is_empty() { RootHash::EMPTY } else { node(leaves).into() }
    }

    fn nodes(level: u8, index: u64) -> Result<NodeHash, Infallible> {
        let leaves: Vec<_> = (index << level..(index + 1) << level).map(leaf).collect();
        Ok(NodeHash::from_bytes(*naive_root(&leaves).as_bytes()))
    }

    fn root(range: core::ops::Range<u64>) -> RootHash {
        naive_root(&range.map(leaf).collect::<Vec<_>>())
    }

    fn part_of_seven(range: core::ops::Range<u64>) -> NodeHash {
        NodeHash::from_bytes(*root(range).as_bytes())
    }

    #[test]
    fn the_proofs_of_the_tree_of_seven_are_those_of_the_specification() {
        // The letters are those of C2SP merkle-tree, "Example".
        let [b, c, d, f, g] = [1, 2, 3, 5, 6].map(|n| NodeHash::from(leaf(n)));
        let (h, i, j) = (part_of_seven(0..2), part_of_seven(2..4), part_of_seven(4..6));
        let (k, l) = (part_of_seven(0..4), part_of_seven(4..7));
        let included = |n| prove_inclusion(&nodes, LeafIndex(n), TreeSize(7)).unwrap();
        assert_eq!(included(0).hashes(), [b, i, l]);
        assert_eq!(included(3).hashes(), [c, h, l]);
        assert_eq!(included(4).hashes(), [f, g, k]);
        assert_eq!(included(6).hashes(), [j, k]);
        let consistent = |n| prove_consistency(&nodes, TreeSize(n), TreeSize(7)).unwrap();
        assert_eq!(consistent(3).hashes(), [c, d, h, l]);
        assert_eq!(consistent(4).hashes(), [l]);
        assert_eq!(consistent(6).hashes(), [j, g, k]);
        assert_eq!(consistent(0).hashes(), []);
        assert_eq!(consistent(7).hashes(), []);
    }

    #[test]
    fn every_subtree_of_every_small_tree_is_proven() {
        let mut count = 0;
        for size in 0..40 {
            let whole = root(0..size);
            assert_eq!(tree_root(&nodes, TreeSize(size)), Ok(whole));
            for start in 0..=size {
                for end in start..=size {
                    let Ok(subtree) = Subtree::new(start, end) else { continue };
                    let proof = prove_subtree_consistency(&nodes, subtree, TreeSize(size)).unwrap();
                    verify_subtree_consistency(subtree, root(start..end), TreeSize(size), whole, &proof).unwrap();
                    count += 1;
                }
            }
        }
        assert_eq!(count, 3_288);
    }

    #[test]
    fn what_is_not_inside_the_tree_is_not_proven() {
        for (index, size) in [(0, 0), (7, 7), (8, 7), (u64::MAX, 7), (u64::MAX, u64::MAX)] {
            assert!(prove_inclusion(&nodes, LeafIndex(index), TreeSize(size)).is_err());
            let refused = verify_inclusion(LeafIndex(index), TreeSize(size), leaf(0), &Proof::default(), root(0..7));
            assert!(matches!(refused, Err(ProofError::OutOfRange { .. })));
        }
        assert!(prove_consistency(&nodes, TreeSize(8), TreeSize(7)).is_err());
        assert!(Subtree::new(2, 1).is_err());
        assert!(Subtree::new(1, 3).is_err());
        assert!(Subtree::new(1, u64::MAX).is_err());
        assert!(Subtree::new(0, u64::MAX).is_ok());
    }

    #[test]
    fn b12_more_than_63_hashes_are_refused() {
        let hash = NodeHash::from(leaf(0));
        assert!(Proof::new(vec![hash; 63]).is_ok());
        assert_eq!(Proof::new(vec![hash; 64]), Err(ProofError::TooManyHashes(64)));
    }

    #[test]
    fn the_empty_tree_has_one_root() {
        let none = Proof::default();
        let empty = RootHash::EMPTY;
        assert_eq!(verify_consistency(TreeSize(0), empty, TreeSize(0), empty, &none), Ok(()));
        assert_eq!(verify_consistency(TreeSize(0), empty, TreeSize(3), root(0..3), &none), Ok(()));
        assert!(verify_consistency(TreeSize(0), root(0..1), TreeSize(3), root(0..3), &none).is_err());
        assert!(verify_consistency(TreeSize(0), empty, TreeSize(0), root(0..1), &none).is_err());
        let one = Proof::new(vec![leaf(0).into()]).unwrap();
        assert!(verify_consistency(TreeSize(0), empty, TreeSize(3), root(0..3), &one).is_err());
    }

    #[test]
    fn the_largest_numbers_end_the_walk() {
        let proof = Proof::new(vec![leaf(0).into(); 63]).unwrap();
        for size in [u64::MAX, 1 << 63, (1 << 63) + 1] {
            for index in [0, 1, 1 << 62, (1 << 63) - 1, size - 1] {
                let refused = verify_inclusion(LeafIndex(index), TreeSize(size), leaf(0), &proof, root(0..1));
                assert!(refused.is_err());
            }
            assert!(verify_consistency(TreeSize(size - 1), root(0..1), TreeSize(size), root(0..2), &proof).is_err());
        }
    }

    /// A tree's size with one of its indices.
    fn place() -> impl Strategy<Value = (u64, u64)> {
        (1u64..150).prop_flat_map(|size| (Just(size), 0..size))
    }

    proptest! {
        #[test]
        fn b12_an_inclusion_proof_holds_for_its_entry_and_nothing_else(
            (size, index) in place(), at in any::<prop::sample::Index>(), bit in 0usize..256, other in 0u64..150,
        ) {
            let whole = root(0..size);
            let proof = prove_inclusion(&nodes, LeafIndex(index), TreeSize(size)).unwrap();
            let check = |index, size, leaf, proof: &Proof| verify_inclusion(LeafIndex(index), TreeSize(size), leaf, proof, whole);
            prop_assert_eq!(check(index, size, leaf(index), &proof), Ok(()));
            for changed in mutations(&proof, &at, bit) {
                prop_assert!(check(index, size, leaf(index), &changed).is_err());
            }
            prop_assert!(check(index, size, leaf(index + 1), &proof).is_err());
            if other != index {
                prop_assert!(check(other, size, leaf(index), &proof).is_err());
            }
            let mut flipped = *whole.as_bytes();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let flipped = RootHash::from_bytes(flipped);
            prop_assert!(verify_inclusion(LeafIndex(index), TreeSize(size), leaf(index), &proof, flipped).is_err());
        }

        #[test]
        fn an_inclusion_proof_of_another_depth_is_refused((size, index) in place(), other in 1u64..150) {
            let proof = prove_inclusion(&nodes, LeafIndex(index), TreeSize(size)).unwrap();
            let result = verify_inclusion(LeafIndex(index), TreeSize(other), leaf(index), &proof, root(0..size));
            // The size itself is not hashed: where the way to the entry is the same in both trees, only the signature
            // over (size, root) tells them apart. Of the same way is a proof with the same turns.
            let turns = |size| prove_inclusion(&nodes, LeafIndex(index), TreeSize(size)).map(|p| p.hashes().len());
            if turns(other).ok() != Some(proof.hashes().len()) {
                prop_assert!(result.is_err());
            }
        }

        #[test]
        fn b12_a_consistency_proof_holds_for_its_sizes_and_nothing_else(
            (new, below) in place(), at in any::<prop::sample::Index>(), bit in 0usize..256, other in 1u64..150,
        ) {
            let old = below + 1;
            let proof = prove_consistency(&nodes, TreeSize(old), TreeSize(new)).unwrap();
            let check = |old, old_root, new, new_root, proof: &Proof| {
                verify_consistency(TreeSize(old), old_root, TreeSize(new), new_root, proof)
            };
            let (old_root, new_root) = (root(0..old), root(0..new));
            prop_assert_eq!(check(old, old_root, new, new_root, &proof), Ok(()));
            for changed in mutations(&proof, &at, bit) {
                prop_assert!(check(old, old_root, new, new_root, &changed).is_err());
            }
            prop_assert!(check(old, root(1..old + 1), new, new_root, &proof).is_err());
            prop_assert!(check(old, old_root, new, root(1..new + 1), &proof).is_err());
            if other != old {
                prop_assert!(check(other, root(0..other), new, new_root, &proof).is_err());
            }
        }
    }

    /// One hash too few, one too many, and one bit wrong.
    fn mutations(proof: &Proof, at: &prop::sample::Index, bit: usize) -> Vec<Proof> {
        let mut changed = Vec::new();
        let mut longer = proof.0.clone();
        longer.insert(at.index(longer.len() + 1), leaf(1_000).into());
        changed.push(Proof(longer));
        if !proof.0.is_empty() {
            let at = at.index(proof.0.len());
            let mut shorter = proof.0.clone();
            shorter.remove(at);
            changed.push(Proof(shorter));
            let mut flipped = proof.0.clone();
            let mut bytes = *flipped[at].as_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            flipped[at] = NodeHash::from_bytes(bytes);
            changed.push(Proof(flipped));
        }
        changed
    }
}
