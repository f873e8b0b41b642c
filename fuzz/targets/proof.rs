//! Proofs: each check holds for the genuine proof of the true claim and for nothing else.
//!
//! The claims are about one tree of 300 leaves, its older trees and its subtrees, and about one index. A proof is the
//! genuine one after some changes, with hashes from that tree. Beside that: one spelling for every proof that is read.

#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use colophon_fuzz::{edit, rearrange, seeds};
use ledger::ids::{LeafIndex, TreeSize, TrieKey, TrieRoot};
use ledger::merkle::{
    CompactRange, LeafHash, NodeHash, Proof, RootHash, Subtree, prove_consistency, prove_inclusion,
    prove_subtree_consistency, verify_consistency, verify_inclusion, verify_subtree_consistency,
};
use ledger::note::TlogProof;
use ledger::testing::MemoryLog;
use ledger::trie::{Draft, Lookup, MemoryRows, TrieProof, prove};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;

const LEAVES: u64 = 300;

struct Tree {
    nodes: BTreeMap<(u8, u64), NodeHash>,
    /// The root of each size.
    roots: Vec<RootHash>,
    /// Every node, to choose from.
    pool: Vec<NodeHash>,
}

static TREE: LazyLock<Tree> = LazyLock::new(|| {
    let (mut nodes, mut range) = (BTreeMap::new(), CompactRange::new());
    let mut roots = vec![range.root()];
    for n in 0..LEAVES {
        range.append(leaf(n), &mut |level, index, node| {
            nodes.insert((level, index), node);
        });
        roots.push(range.root());
    }
    let pool = nodes.values().copied().chain(roots.iter().map(|root| NodeHash::from_bytes(*root.as_bytes())));
    Tree { pool: pool.collect(), nodes, roots }
});

/// An index of 40 keys, of which every third has two entries, and its root.
static INDEX: LazyLock<(MemoryRows, TrieRoot)> = LazyLock::new(|| {
    let (mut rows, mut draft) = (MemoryRows::default(), Draft::default());
    for n in 0..40 {
        draft.append(key(n), LeafIndex(u64::from(n)));
        (n % 3 == 0).then(|| draft.append(key(n), LeafIndex(100)));
    }
    let root = draft.seal(&rows).expect("nothing to read");
    rows.absorb(draft);
    (rows, root)
});

fuzz_target!(init: seeds(genuine()), |data: &[u8]| {
    spellings(data);
    let mut input = Unstructured::new(data);
    let _ = match input.arbitrary::<u8>().unwrap_or_default() % 5 {
        0 => inclusion(&mut input),
        1 => consistency(&mut input),
        2 => subtree(&mut input),
        3 => index(&mut input),
        _ => arbitrary(&mut input),
    };
});

fn genuine() -> Vec<Vec<u8>> {
    let log = MemoryLog::new();
    let proof = log.link(LeafIndex(0)).proof;
    let with_extra = TlogProof {
        extra: Some(vec![1, 2]),
        proof: Proof::new(TREE.pool[..5].to_vec()).expect("short"),
        ..proof.clone()
    };
    let (rows, _) = &*INDEX;
    let trie = |n| prove(rows, &key(n)).expect("its rows are there").1.encode();
    let lookup = br#"{"term":"kind:comment","checkpoint":"x","indexRoot":{"index":"1","proof":[]},"count":"0","list":null,"proof":"","page":null,"tail":{"from":"0","edge":[]},"consistency":null}"#;
    let mut all = vec![proof.encode(), with_extra.encode(), trie(3), trie(77), lookup.to_vec()];
    all.extend((0..5).map(|kind| [&[kind][..], &[0x5a; 60]].concat()));
    all
}

fn spellings(data: &[u8]) {
    if let Ok(proof) = TlogProof::parse(data) {
        assert_eq!(proof.encode(), data);
    }
    for proof in [TrieProof::parse_present(data), TrieProof::parse_absent(data)].into_iter().flatten() {
        assert_eq!(proof.encode(), data);
    }
    if let Ok(lookup) = Lookup::parse(data) {
        let text = lookup.encode().expect("it was text");
        assert_eq!(Lookup::parse(&text).expect("its own text"), lookup);
    }
}

fn inclusion(input: &mut Unstructured<'_>) -> Result<()> {
    let size = TreeSize(input.int_in_range(1..=LEAVES)?);
    let index = LeafIndex(input.int_in_range(0..=size.0 - 1)?);
    let genuine = prove_inclusion(&node, index, size).expect("all nodes are there");
    let (proof, claimed) = (changed(&genuine, input)?, nearby(index.0, input)?);
    let of = nearby(index.0, input)?;
    let verified = verify_inclusion(LeafIndex(claimed), size, leaf(of), &proof, root(size.0));
    let own = (claimed < size.0).then(|| prove_inclusion(&node, LeafIndex(claimed), size).expect("all nodes"));
    assert_eq!(verified.is_ok(), of == claimed && own == Some(proof));
    Ok(())
}

fn consistency(input: &mut Unstructured<'_>) -> Result<()> {
    let new = TreeSize(input.int_in_range(0..=LEAVES)?);
    let old = TreeSize(input.int_in_range(0..=new.0)?);
    let genuine = prove_consistency(&node, old, new).expect("all nodes are there");
    let (proof, claimed) = (changed(&genuine, input)?, nearby(old.0, input)?);
    let of = nearby(old.0, input)?;
    let verified = verify_consistency(TreeSize(claimed), root(of), new, root(new.0), &proof);
    let own = (claimed <= new.0).then(|| prove_consistency(&node, TreeSize(claimed), new).expect("all nodes"));
    assert_eq!(verified.is_ok(), of == claimed && own == Some(proof));
    Ok(())
}

fn subtree(input: &mut Unstructured<'_>) -> Result<()> {
    let size = TreeSize(input.int_in_range(1..=LEAVES)?);
    let end = input.int_in_range(1..=size.0)?;
    let width = 1 << input.int_in_range(0..=8)?;
    let part = Subtree::new((end - 1) / width * width, end).expect("its start is a multiple of its width");
    let genuine = prove_subtree_consistency(&node, part, size).expect("all nodes are there");
    let (proof, of) = (changed(&genuine, input)?, nearby(part.start(), input)?);
    let mut range = CompactRange::new();
    (of..of + (part.end() - part.start())).for_each(|n| range.append(leaf(n), &mut |_, _, _| {}));
    let verified = verify_subtree_consistency(part, range.root(), size, root(size.0), &proof);
    assert_eq!(verified.is_ok(), of == part.start() && proof == genuine);
    Ok(())
}

fn index(input: &mut Unstructured<'_>) -> Result<()> {
    let (rows, trie_root) = &*INDEX;
    let (of, asked) = (key(input.arbitrary()?), key(input.arbitrary()?));
    let mut bytes = prove(rows, &of).expect("its rows are there").1.encode();
    let value = prove(rows, &of).expect("its rows are there").0.map(|list| list.head().to_value());
    while input.arbitrary()? {
        edit(&mut bytes, input)?;
    }
    let true_value = prove(rows, &asked).expect("its rows are there").0.map(|list| list.head().to_value());
    let present = TrieProof::parse_present(&bytes).ok();
    let absent = TrieProof::parse_absent(&bytes).ok();
    for proof in present.into_iter().chain(absent) {
        for claimed in [None, value, true_value] {
            if proof.verify(*trie_root, &asked, claimed.as_ref().map(|value| &value[..])).is_ok() {
                assert_eq!(claimed, true_value);
            }
        }
    }
    Ok(())
}

/// Any numbers and hashes at all: nothing can be said but that each check ends.
fn arbitrary(input: &mut Unstructured<'_>) -> Result<()> {
    let [a, b, c]: [u64; 3] = input.arbitrary()?;
    let mut hashes = Vec::new();
    while input.arbitrary()? {
        hashes.push(*input.choose(&TREE.pool)?);
    }
    let Ok(proof) = Proof::new(hashes) else { return Ok(()) };
    let _ = verify_inclusion(LeafIndex(a), TreeSize(b), leaf(c), &proof, root(c % LEAVES));
    let _ = verify_consistency(TreeSize(a), root(c % LEAVES), TreeSize(b), root(c % 7), &proof);
    if let Ok(part) = Subtree::new(a, b) {
        let _ = verify_subtree_consistency(part, root(c % LEAVES), TreeSize(c), root(c % 7), &proof);
    }
    Ok(())
}

fn node(level: u8, index: u64) -> Result<NodeHash, (u8, u64)> {
    TREE.nodes.get(&(level, index)).copied().ok_or((level, index))
}

fn leaf(n: u64) -> LeafHash {
    LeafHash::of_entry(&n.to_be_bytes())
}

/// The root of a tree of so many leaves; of one that is too large, that of another tree.
fn root(size: u64) -> RootHash {
    TREE.roots.get(size as usize).copied().unwrap_or(RootHash::from_bytes([0xee; 32]))
}

fn key(n: u8) -> TrieKey {
    TrieKey::from_bytes(*LeafHash::of_entry(&[n]).as_bytes())
}

/// The number itself, or one not far from it.
fn nearby(number: u64, input: &mut Unstructured<'_>) -> Result<u64> {
    Ok(number.saturating_add_signed(if input.arbitrary()? { 0 } else { i64::from(input.arbitrary::<i8>()?) }))
}

fn changed(proof: &Proof, input: &mut Unstructured<'_>) -> Result<Proof> {
    let mut hashes = proof.hashes().to_vec();
    while hashes.len() < 60 && input.arbitrary()? {
        rearrange(&mut hashes, *input.choose(&TREE.pool)?, input)?;
    }
    Ok(Proof::new(hashes).expect("fewer than a proof may have"))
}
