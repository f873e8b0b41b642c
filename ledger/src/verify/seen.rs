//! What was seen before: the newest checkpoint that a verifier accepted, and what a later one may not say.

use crate::error::{Code, Error, Result};
use crate::ids::TreeSize;
use crate::merkle::{Proof, RootHash, verify_consistency};
use crate::note::{Checkpoint, Origin};

/// A tree that a log signed and that somebody accepted. The caller keeps the newest one of each log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Of which log.
    pub origin: Origin,
    /// How many entries.
    pub size: TreeSize,
    /// The root over them.
    pub root: RootHash,
}

impl Seen {
    /// The tree of a checkpoint.
    pub fn of(checkpoint: &Checkpoint) -> Self {
        Self { origin: checkpoint.origin().clone(), size: checkpoint.size(), root: checkpoint.root() }
    }

    /// Whether the log can have shown both: [`Code::Fork`] if two trees of one log have the same size and not the same
    /// root, which nobody but the log's key can bring about. Of trees of different sizes this says nothing.
    ///
    /// # Errors
    /// `fork`.
    pub fn agrees_with(&self, other: &Self) -> Result<()> {
        if self.origin == other.origin && self.size == other.size && self.root != other.root {
            return Err(fork(self.size));
        }
        Ok(())
    }
}

/// Whether a log may show `new` to somebody who has seen `seen`: it is of the same log, not smaller, and extends it as
/// `proof` shows.
///
/// A smaller tree is [`Code::Rollback`], another root of the same size [`Code::Fork`]. A proof that does not hold is
/// [`Code::ProofInvalid`]: it may be the proof that is wrong. A bundle is not measured by this: that its checkpoint is
/// older than the newest seen is as it should be.
///
/// # Errors
/// `origin_mismatch` for another log; `rollback`, `fork` and `proof_invalid`, as said above.
pub fn check_advance(seen: &Seen, new: &Checkpoint, proof: &Proof) -> Result<()> {
    if *new.origin() != seen.origin {
        return Err(Error::new(Code::OriginMismatch, "the checkpoint is of another log than the one that was seen"));
    }
    if new.size() < seen.size {
        let detail = format!("the log shows {} entries, and has shown {}", new.size(), seen.size);
        return Err(Error::new(Code::Rollback, detail));
    }
    seen.agrees_with(&Seen::of(new))?;
    Ok(verify_consistency(seen.size, seen.root, new.size(), new.root(), proof)?)
}

fn fork(size: TreeSize) -> Error {
    Error::new(Code::Fork, format!("two different trees of {size} entries"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use crate::merkle::{LeafHash, NodeHash};

    fn checkpoint(origin: &str, leaves: &[&[u8]]) -> Checkpoint {
        let leaves: Vec<NodeHash> = leaves.iter().map(|leaf| LeafHash::of_entry(leaf).into()).collect();
        let root = match leaves.as_slice() {
            [] => RootHash::EMPTY,
            [one] => (*one).into(),
            [left, right] => NodeHash::parent(left, right).into(),
            _ => panic!("at most two"),
        };
        Checkpoint::new(Origin::parse(origin).unwrap(), TreeSize(leaves.len() as u64), root)
    }

    fn advance(old: &Checkpoint, new: &Checkpoint, proof: &[NodeHash]) -> Option<Code> {
        check_advance(&Seen::of(old), new, &Proof::new(proof.to_vec()).unwrap()).err().map(|error| error.code())
    }

    #[test]
    fn b15_a_tree_may_stay_or_grow_and_nothing_else() {
        let of = |leaves: &[&[u8]]| checkpoint("example.com/log", leaves);
        let b = NodeHash::from(LeafHash::of_entry(b"b"));
        assert_eq!(advance(&of(&[b"a"]), &of(&[b"a"]), &[]), None);
        assert_eq!(advance(&of(&[b"a"]), &of(&[b"a", b"b"]), &[b]), None);
        assert_eq!(advance(&of(&[]), &of(&[b"a", b"b"]), &[]), None);
        assert_eq!(advance(&of(&[b"a", b"b"]), &of(&[b"a"]), &[]), Some(Code::Rollback));
        assert_eq!(advance(&of(&[b"a"]), &of(&[]), &[]), Some(Code::Rollback));
        assert_eq!(advance(&of(&[b"a"]), &of(&[b"x"]), &[]), Some(Code::Fork));
        assert_eq!(advance(&of(&[b"a"]), &of(&[b"x", b"b"]), &[b]), Some(Code::ProofInvalid));
        assert_eq!(advance(&of(&[b"a"]), &checkpoint("example.com/other", &[b"a"]), &[]), Some(Code::OriginMismatch));
        assert_eq!((Code::Rollback.exit_code(), Code::Fork.exit_code()), (13, 13));
    }
}
