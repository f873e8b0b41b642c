//! The 518 proofs of transparency-dev/merkle, each held against its `wantErr`.
//!
//! Some of them name hashes that are not 32 bytes long ("", or a label of 12 bytes). Our types cannot hold such a hash:
//! one that is missing is refused on reading, and a label is stood in for by the label with zeroes behind it, which keeps
//! equal labels equal and different ones different, so that it is our functions which decide.

use std::cell::Cell;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ledger::ids::{LeafIndex, TreeSize};
use ledger::merkle::{
    LeafHash, NodeHash, Proof, ProofError, RootHash, Subtree, verify_consistency, verify_inclusion,
    verify_subtree_consistency, verify_subtree_inclusion,
};
use serde_json::Value;

use crate::data::{folder, json_files};

fn number(case: &Value, member: &str) -> u64 {
    case[member].as_u64().unwrap_or_else(|| panic!("{member} in {case}"))
}

fn hash(value: &Value) -> Option<[u8; 32]> {
    let mut bytes = STANDARD.decode(value.as_str()?).unwrap();
    if bytes.is_empty() {
        return None;
    }
    bytes.resize(32, 0);
    bytes.try_into().ok()
}

fn root(case: &Value, member: &str) -> Option<RootHash> {
    hash(&case[member]).map(RootHash::from_bytes)
}

fn proof(case: &Value) -> Option<Proof> {
    let hashes = case["proof"].as_array().map(Vec::as_slice).unwrap_or_default();
    let hashes: Option<Vec<_>> = hashes.iter().map(|h| hash(h).map(NodeHash::from_bytes)).collect();
    Proof::new(hashes?).ok()
}

/// Runs every case below the folder; `check` answers `None` for a case that it could not even read. Returns how many
/// cases there are, how many must be accepted, and the descriptions of those where the answer is not the wanted one.
fn run(name: &str, check: impl Fn(&Value) -> Option<Result<(), ProofError>>) -> Option<(usize, usize, Vec<String>)> {
    let cases = json_files(&folder("merkle-proofs")?.join("testdata").join(name));
    let (mut accepted, mut different) = (0, Vec::new());
    for (path, case) in &cases {
        let wanted = !case["wantErr"].as_bool().unwrap();
        accepted += usize::from(wanted);
        if (check(case) == Some(Ok(()))) != wanted {
            different.push(path.file_stem().unwrap().to_string_lossy().into_owned());
        }
    }
    Some((cases.len(), accepted, different))
}

#[test]
fn b12_all_98_inclusion_proofs() {
    let result = run("inclusion", |case| {
        let leaf = LeafHash::from_bytes(hash(&case["leafHash"])?);
        let (index, size) = (LeafIndex(number(case, "leafIdx")), TreeSize(number(case, "treeSize")));
        Some(verify_inclusion(index, size, leaf, &proof(case)?, root(case, "root")?))
    });
    assert!(result.is_none_or(|r| r == (98, 6, vec![])));
}

#[test]
fn b12_all_204_subtree_inclusion_proofs() {
    let result = run("subtreeinclusion", |case| {
        let leaf = LeafHash::from_bytes(hash(&case["leafHash"])?);
        let (proof, root) = (proof(case)?, root(case, "root")?);
        let checked = Subtree::new(number(case, "start"), number(case, "end")).and_then(|subtree| {
            verify_subtree_inclusion(LeafIndex(number(case, "leafIdx")), subtree, leaf, &proof, root)
        });
        Some(checked)
    });
    assert!(result.is_none_or(|r| r == (204, 12, vec![])));
}

#[test]
fn b12_all_98_consistency_proofs() {
    // In this one, "size1 is zero and size2 is not zero", the new root is a label where a hash should be. C2SP
    // merkle-tree accepts the empty proof from the empty tree whatever the new root is, and so do we; the vector is
    // refused because a label is not a hash.
    let no_hash = |case: &Value| case["size1"] == 0 && case["size2"] != 0 && case["root2"] == "ZG9uJ3QgY2FyZSAy";
    let refused_on_reading = Cell::new(0);
    let result = run("consistency", |case| {
        if no_hash(case) && root(case, "root1")? == RootHash::EMPTY {
            refused_on_reading.update(|n| n + 1);
            return case["root2"].as_str()?.parse::<RootHash>().ok().map(|_| Ok(()));
        }
        let (old, new) = (TreeSize(number(case, "size1")), TreeSize(number(case, "size2")));
        Some(verify_consistency(old, root(case, "root1")?, new, root(case, "root2")?, &proof(case)?))
    });
    assert!(result.is_none_or(|r| r == (98, 6, vec![]) && refused_on_reading.get() == 1));
}

#[test]
fn b12_all_118_subtree_consistency_proofs() {
    let result = run("subtreeconsistency", |case| {
        let (root1, root2) = (root(case, "root1")?, root(case, "root2")?);
        let proof = proof(case)?;
        let checked = Subtree::new(number(case, "start"), number(case, "end")).and_then(|subtree| {
            verify_subtree_consistency(subtree, root1, TreeSize(number(case, "size")), root2, &proof)
        });
        Some(checked)
    });
    assert!(result.is_none_or(|r| r == (118, 12, vec![])));
}
