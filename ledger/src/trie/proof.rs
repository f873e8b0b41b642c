//! Proofs that a key is in the trie with a value, or that it is not in it.

use super::hash::{EMPTY, TrieHash, bit, put_varint, take_varint};
use crate::error::{Code, Error, Result};
use crate::ids::{TrieKey, TrieRoot};

/// The longest proof that is read. A path has at most one step for each bit of a key, each of two bytes and a hash; the
/// proof of absence has another leaf before it, with a value of at most 16,383 bytes of which ours take 40. In a trie of
/// a million keys a path has some 22 steps, 750 bytes.
pub const MAX_TRIE_PROOF: usize = 256 * 34 + 2 * 34 + 64;

/// One inner node on the way from a leaf to the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The bit at which the node parts its keys.
    pub bit: u8,
    /// The hash of the child that is not on the way.
    pub sibling: TrieHash,
}

/// A proof of presence or of absence. It does not say of what: that is the caller's to name.
///
/// ```text
/// present   (varint bit ‖ sibling)*                                     from the leaf to the root
/// absent    varint 32 ‖ other key ‖ varint len ‖ its value ‖ (varint bit ‖ sibling)*
/// absent    nothing, if the trie is empty
/// ```
///
/// The other key is the one that a search for the asked key ends at; both agree at every bit of the path, so that the
/// asked one could stand nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrieProof {
    /// The key is in the trie.
    Present(Vec<Step>),
    /// The key is not in the trie, because a search for it ends at another leaf.
    Absent {
        /// The key of that leaf.
        other: TrieKey,
        /// Its value.
        value: Vec<u8>,
        /// Its path.
        path: Vec<Step>,
    },
    /// The key is not in the trie, because nothing is.
    Empty,
}

impl TrieProof {
    /// Reads a proof that a key is present.
    ///
    /// # Errors
    /// `proof_invalid`, also above [`MAX_TRIE_PROOF`] bytes.
    pub fn parse_present(bytes: &[u8]) -> Result<Self> {
        within_limit(bytes)?;
        path_of(bytes).map(Self::Present)
    }

    /// Reads a proof that a key is absent.
    ///
    /// # Errors
    /// `proof_invalid`, also above [`MAX_TRIE_PROOF`] bytes.
    pub fn parse_absent(bytes: &[u8]) -> Result<Self> {
        within_limit(bytes)?;
        if bytes.is_empty() {
            return Ok(Self::Empty);
        }
        let mut rest = bytes;
        let other = take_bytes(&mut rest)?;
        let other = other.try_into().map_err(|_| invalid("the other key does not have 32 bytes"))?;
        let value = take_bytes(&mut rest)?.to_vec();
        Ok(Self::Absent { other: TrieKey::from_bytes(other), value, path: path_of(rest)? })
    }

    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let path = match self {
            Self::Present(path) => path,
            Self::Absent { other, value, path } => {
                out.push(32);
                out.extend_from_slice(other.as_bytes());
                put_varint(&mut out, value.len() as u64);
                out.extend_from_slice(value);
                path
            }
            Self::Empty => return out,
        };
        for step in path {
            put_varint(&mut out, u64::from(step.bit));
            out.extend_from_slice(step.sibling.as_bytes());
        }
        out
    }

    /// Checks that `key` has this value under `root`, or with `None` that it has none.
    ///
    /// # Errors
    /// `proof_invalid` if the proof does not show that.
    pub fn verify(&self, root: TrieRoot, key: &TrieKey, value: Option<&[u8]>) -> Result<()> {
        match (self, value) {
            (Self::Present(path), Some(value)) => leads_to(root, key, value, path),
            (Self::Absent { other, value, path }, None) => {
                if other == key {
                    return Err(invalid("the other leaf of an absence is the asked one"));
                }
                if path.iter().any(|step| bit(other, step.bit) != bit(key, step.bit)) {
                    return Err(invalid("a search for the key does not end at the other leaf"));
                }
                leads_to(root, other, value, path)
            }
            (Self::Empty, None) if root == EMPTY => Ok(()),
            (Self::Empty, None) => Err(invalid("the trie is not empty")),
            (Self::Present(_), None) | (Self::Absent { .. } | Self::Empty, Some(_)) => {
                Err(invalid("a proof of presence where absence is said, or the other way round"))
            }
        }
    }
}

/// From a leaf up to the root. The bits fall, as they do on every path of a trie.
fn leads_to(root: TrieRoot, key: &TrieKey, value: &[u8], path: &[Step]) -> Result<()> {
    let mut hash = TrieHash::leaf(key, value);
    let mut below = None;
    for step in path {
        if below.is_some_and(|below| step.bit >= below) {
            return Err(invalid("the bits of a path do not fall"));
        }
        below = Some(step.bit);
        hash = match bit(key, step.bit) {
            false => TrieHash::inner(step.bit, &hash, &step.sibling),
            true => TrieHash::inner(step.bit, &step.sibling, &hash),
        };
    }
    if TrieRoot::from(hash) == root { Ok(()) } else { Err(invalid("the proof does not lead to the root of the index")) }
}

fn path_of(mut rest: &[u8]) -> Result<Vec<Step>> {
    let mut path = Vec::with_capacity(rest.len() / 33);
    while !rest.is_empty() {
        let bit = take_varint(&mut rest).and_then(|bit| u8::try_from(bit).ok());
        let bit = bit.ok_or_else(|| invalid("a bit that no key has, or not in its shortest form"))?;
        let (sibling, after) = rest.split_first_chunk::<32>().ok_or_else(|| invalid("a step ends too early"))?;
        path.push(Step { bit, sibling: TrieHash::from_bytes(*sibling) });
        rest = after;
    }
    Ok(path)
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8]> {
    let length = take_varint(rest).and_then(|length| usize::try_from(length).ok());
    let taken = length.and_then(|length| rest.split_at_checked(length));
    let (taken, after) = taken.ok_or_else(|| invalid("a length that is not so, or not in its shortest form"))?;
    *rest = after;
    Ok(taken)
}

fn within_limit(bytes: &[u8]) -> Result<()> {
    if bytes.len() > MAX_TRIE_PROOF {
        return Err(invalid("the proof is longer than any path of the index"));
    }
    Ok(())
}

fn invalid(detail: &str) -> Error {
    Error::new(Code::ProofInvalid, detail)
}
