//! The trie against its definition, torchwood's vectors, and hostile input.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path as FilePath;

use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::hash::{put_varint, take_varint};
use super::*;
use crate::error::Code;
use crate::ids::{LeafIndex, TreeSize, TrieKey, TrieRoot, from_hex};
use crate::merkle::Proof;

/// The trie from its definition: the hash of a set of keys, without any structure that is kept.
fn naive(pairs: &[(TrieKey, Vec<u8>)], at: u16) -> Option<[u8; 32]> {
    match pairs {
        [] => None,
        [(key, value)] => {
            let mut text = vec![0, 32];
            text.extend_from_slice(key.as_bytes());
            text.push(value.len() as u8);
            text.extend_from_slice(value);
            Some(Sha256::digest(text).into())
        }
        _ => {
            let side = |one: u8| -> Vec<_> {
                let is = |key: &TrieKey| key.as_bytes()[usize::from(at / 8)] >> (7 - at % 8) & 1;
                pairs.iter().filter(|(key, _)| is(key) == one).cloned().collect()
            };
            let (left, right) = (naive(&side(0), at + 1), naive(&side(1), at + 1));
            let (Some(left), Some(right)) = (left, right) else { return left.or(right) };
            let mut text = vec![1];
            if at < 128 {
                text.push(at as u8)
            } else {
                text.extend_from_slice(&[at as u8, 1])
            }
            text.extend_from_slice(&left);
            text.extend_from_slice(&right);
            Some(Sha256::digest(text).into())
        }
    }
}

fn vectors(file: &str) -> Option<String> {
    let found = std::env::var_os("COLOPHON_TEST_DATA").map(|data| FilePath::new(&data).join("mpt").join(file));
    let Some(path) = found.filter(|path| path.is_file()) else {
        assert_ne!(std::env::var("COLOPHON_REQUIRE").as_deref(), Ok("all"), "needs COLOPHON_TEST_DATA");
        println!("skipped: needs COLOPHON_TEST_DATA");
        return None;
    };
    Some(std::fs::read_to_string(path).unwrap())
}

fn key(hex: &str) -> TrieKey {
    TrieKey::from_bytes(from_hex(hex).unwrap())
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|b| !b" '".contains(b)).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn the_roots_of_torchwood_are_ours() {
    let Some(text) = vectors("treehash.txt") else { return };
    let (mut pairs, mut roots) = (Vec::new(), 0);
    for line in text.lines() {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["kv", k, value] => pairs.push((key(k), TrieHash::leaf(&key(k), &bytes(value)))),
            ["hash", root] => {
                let mut leaves = std::mem::take(&mut pairs);
                leaves.sort_by_key(|(key, _)| *key);
                let found = group::hash(&leaves).map_or(EMPTY, TrieRoot::from);
                assert_eq!(found.to_hex(), root);
                roots += 1;
            }
            _ => assert!(line.starts_with('#'), "{line}"),
        }
    }
    assert_eq!(roots, 9);
}

#[test]
fn the_proofs_of_torchwood_are_judged_as_torchwood_judges_them() {
    let Some(text) = vectors("verify.txt") else { return };
    let mut fields = BTreeMap::new();
    let mut proofs = 0;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.split_once(' ').unwrap();
        fields.insert(name.to_owned(), value.to_owned());
        if name != "verify" {
            continue;
        }
        let root = TrieRoot::from_bytes(from_hex(&fields["snap"]).unwrap());
        let value = (fields["val"] != "-").then(|| bytes(&fields["val"]));
        let proof = bytes(&fields["proof"]);
        let parsed = if value.is_some() { TrieProof::parse_present(&proof) } else { TrieProof::parse_absent(&proof) };
        let verdict = parsed.and_then(|parsed| {
            assert_eq!(parsed.encode(), proof);
            parsed.verify(root, &key(&fields["key"]), value.as_deref())
        });
        assert_eq!(verdict.is_ok(), fields["verify"] == "true", "{fields:?}: {verdict:?}");
        proofs += 1;
    }
    assert_eq!(proofs, 11);
}

#[test]
fn a_number_has_one_spelling() {
    for number in [0u64, 1, 127, 128, 255, 256, 16_383] {
        let mut out = Vec::new();
        put_varint(&mut out, number);
        assert_eq!(take_varint(&mut out.as_slice()), Some(number));
    }
    for wrong in [&[0x80u8, 0x00][..], &[0xff, 0x00], &[0x80], &[], &[0x80, 0x80, 0x01]] {
        assert_eq!(take_varint(&mut &wrong[..]), None, "{wrong:?}");
    }
}

/// Keys that share long prefixes as well as keys that do not: a trie of hashes alone would never be deep.
fn keys() -> impl Strategy<Value = TrieKey> {
    let spread = any::<[u8; 32]>();
    let close = (0usize..256, 0usize..256).prop_map(|(a, b)| {
        let mut key = [0; 32];
        key[a / 8] ^= 0x80 >> (a % 8);
        key[b / 8] ^= 0x80 >> (b % 8);
        key
    });
    let crowded = any::<[u8; 2]>().prop_map(|end| {
        let mut key = [7; 32];
        key[30..].copy_from_slice(&end);
        key
    });
    prop_oneof![spread, close, crowded].prop_map(TrieKey::from_bytes)
}

/// What the definition says about lists.
#[derive(Default)]
struct Naive(BTreeMap<TrieKey, Vec<LeafIndex>>);

impl Naive {
    fn head(indices: &[LeafIndex]) -> ListHead {
        ListHead { count: TreeSize(indices.len() as u64), root: page_root(indices) }
    }

    fn root(&self) -> TrieRoot {
        let pairs: Vec<_> =
            self.0.iter().map(|(key, indices)| (*key, Self::head(indices).to_value().to_vec())).collect();
        naive(&pairs, 0).map_or(EMPTY, TrieRoot::from_bytes)
    }
}

/// Rows that can be read so many times, and then no more.
struct Failing<'a> {
    rows: &'a MemoryRows,
    left: std::cell::Cell<u32>,
}

impl Failing<'_> {
    fn read<T>(&self, read: crate::Result<T>) -> crate::Result<T> {
        let left = self.left.get().checked_sub(1);
        self.left.set(left.ok_or_else(|| crate::Error::new(Code::StoreCorrupt, "no more"))?);
        read
    }
}

impl Rows for Failing<'_> {
    fn group(&self, path: Path) -> crate::Result<Option<Group>> {
        self.read(self.rows.group(path))
    }

    fn branch(&self, path: Path) -> crate::Result<Option<Branch>> {
        self.read(self.rows.branch(path))
    }

    fn list_node(&self, key: &TrieKey, level: u8, index: u64) -> crate::Result<Option<crate::merkle::NodeHash>> {
        self.read(self.rows.list_node(key, level, index))
    }
}

fn check(rows: &MemoryRows, root: TrieRoot, held: &Naive, key: &TrieKey) {
    let (list, proof) = prove(rows, key).unwrap();
    let encoded = proof.encode();
    let expected = held.0.get(key).map(|indices| Naive::head(indices));
    assert_eq!(list.map(|list| list.head()), expected);
    let value = expected.map(|head| head.to_value());
    let parsed = match value {
        Some(_) => TrieProof::parse_present(&encoded).unwrap(),
        None => TrieProof::parse_absent(&encoded).unwrap(),
    };
    parsed.verify(root, key, value.as_ref().map(|value| &value[..])).unwrap();
    // The other answer, another value and another root are refused with the same proof.
    for wrong in [None, Some([1; 40])] {
        if wrong != value {
            let wrong = wrong.as_ref().map(|value| &value[..]);
            for parsed in [TrieProof::parse_present(&encoded), TrieProof::parse_absent(&encoded)].into_iter().flatten()
            {
                assert!(parsed.verify(root, key, wrong).is_err());
            }
        }
    }
    assert!(parsed.verify(TrieRoot::from_bytes([9; 32]), key, value.as_ref().map(|value| &value[..])).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn grown_in_batches_it_is_the_trie_of_the_definition(
        batches in prop::collection::vec(prop::collection::vec(keys(), 0..90), 1..5),
        strangers in prop::collection::vec(keys(), 4),
        seals in any::<[bool; 5]>(),
    ) {
        let (mut rows, mut held, mut next) = (MemoryRows::default(), Naive::default(), 0u64);
        let mut draft = Draft::default();
        for (batch, kept) in batches.iter().zip(seals) {
            for key in batch {
                draft.append(*key, LeafIndex(next));
                held.0.entry(*key).or_default().push(LeafIndex(next));
                next += 1;
            }
            let root = draft.seal(&rows).unwrap();
            prop_assert_eq!(root, held.root());
            // Some versions are written down and some only drafted on.
            if kept {
                rows.absorb(std::mem::take(&mut draft));
                for key in batch.iter().chain(&strangers) {
                    check(&rows, root, &held, key);
                }
            }
        }
    }

    #[test]
    fn taking_entries_in_again_after_a_crash_leads_to_the_same_trie(
        keys in prop::collection::vec(keys(), 1..120),
        durable in any::<prop::sample::Index>(),
        written in any::<prop::sample::Index>(),
        part in any::<prop::sample::Index>(),
    ) {
        // Up to `durable` everything is on the disk; of what came after, the first so many rows are.
        let durable = durable.index(keys.len() + 1);
        let (mut rows, mut whole) = (MemoryRows::default(), Draft::default());
        let put = |draft: &mut Draft, from: usize, to: usize| {
            for (index, key) in keys.iter().enumerate().take(to).skip(from) {
                draft.append(*key, LeafIndex(index as u64));
            }
        };
        put(&mut whole, 0, keys.len());
        let expected = whole.seal(&rows).unwrap();

        let mut draft = Draft::default();
        put(&mut draft, 0, durable);
        draft.seal(&rows).unwrap();
        rows.absorb(draft);
        let mut lost = Draft::default();
        put(&mut lost, durable, durable + written.index(keys.len() - durable + 1));
        lost.seal(&rows).unwrap();
        let all = lost.changed_groups().count() + lost.changed_branches().count() + lost.outgrown().len();
        rows.absorb_a_part(&lost, part.index(all + 1));

        let mut again = Draft::default();
        put(&mut again, durable, keys.len());
        prop_assert_eq!(again.seal(&rows).unwrap(), expected);
    }

    #[test]
    fn a_store_that_fails_now_and_then_changes_nothing(
        batches in prop::collection::vec(prop::collection::vec(keys(), 1..90), 1..4),
        patience in prop::collection::vec(0u32..40, 12),
    ) {
        let (mut rows, mut held, mut next) = (MemoryRows::default(), Naive::default(), 0u64);
        let mut patience = patience.into_iter();
        for (number, batch) in batches.iter().enumerate() {
            let mut draft = Draft::default();
            // Sealed in two parts, as a draft is that waits for its root to be signed.
            for part in batch.chunks(batch.len().div_ceil(2)) {
                for key in part {
                    draft.append(*key, LeafIndex(next));
                    held.0.entry(*key).or_default().push(LeafIndex(next));
                    next += 1;
                }
                let root = loop {
                    let left = std::cell::Cell::new(patience.next().unwrap_or(u32::MAX));
                    match draft.seal(&Failing { rows: &rows, left }) {
                        Ok(root) => break root,
                        Err(error) => prop_assert_eq!(error.code(), Code::StoreCorrupt),
                    }
                };
                prop_assert_eq!(root, held.root(), "{}", number);
            }
            rows.absorb(draft);
        }
    }

    #[test]
    fn a_changed_proof_proves_nothing(
        set in prop::collection::btree_set(keys(), 2..60),
        at in any::<prop::sample::Index>(),
        bit in 0u8..8,
        cut in any::<prop::sample::Index>(),
    ) {
        let (mut rows, mut draft) = (MemoryRows::default(), Draft::default());
        for (index, key) in set.iter().enumerate() {
            draft.append(*key, LeafIndex(index as u64));
        }
        let root = draft.seal(&rows).unwrap();
        rows.absorb(draft);
        for key in [*set.first().unwrap(), TrieKey::from_bytes([0x11; 32])] {
            let (list, proof) = prove(&rows, &key).unwrap();
            let value = list.map(|list| list.head().to_value());
            let good = proof.encode();
            let mut wrong = vec![good.clone(), good.clone(), good.clone()];
            wrong[0][at.index(good.len())] ^= 1 << bit;
            wrong[1].truncate(cut.index(good.len()));
            wrong[2].push(0);
            for wrong in wrong {
                let parsed = if value.is_some() { TrieProof::parse_present(&wrong) } else { TrieProof::parse_absent(&wrong) };
                if let Ok(parsed) = parsed {
                    prop_assert!(parsed.verify(root, &key, value.as_ref().map(|value| &value[..])).is_err());
                }
            }
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for parsed in [TrieProof::parse_present(&bytes), TrieProof::parse_absent(&bytes)].into_iter().flatten() {
            prop_assert_eq!(parsed.encode(), bytes.clone());
            prop_assert!(parsed.verify(EMPTY, &TrieKey::from_bytes([0; 32]), Some(b"")).is_err());
        }
        let _ = (Group::from_bytes(&bytes), Branch::from_bytes(&bytes));
    }
}

#[test]
fn a_proof_is_refused_for_its_length_before_it_is_read() {
    let long = vec![0; MAX_TRIE_PROOF + 1];
    assert_eq!(TrieProof::parse_present(&long).unwrap_err().code(), Code::ProofInvalid);
    assert_eq!(TrieProof::parse_absent(&long).unwrap_err().code(), Code::ProofInvalid);
}

#[test]
fn every_page_of_a_list_is_proven_and_a_hidden_index_is_noticed() {
    for count in [1u64, 255, 256, 257, 511, 512, 513, 1300, 5000] {
        let indices: Vec<LeafIndex> = (0..count).map(|i| LeafIndex(i * 3 + 1)).collect();
        let (mut rows, mut draft) = (MemoryRows::default(), Draft::default());
        let term = TrieKey::from_bytes([5; 32]);
        indices.iter().for_each(|index| draft.append(term, *index));
        draft.seal(&rows).unwrap();
        rows.absorb(draft);
        let head = prove(&rows, &term).unwrap().0.unwrap().head();
        assert_eq!(head, Naive::head(&indices), "{count}");
        let pages: Vec<&[LeafIndex]> = indices.chunks(LIST_PAGE as usize).collect();
        let page = |number: u64| Ok(pages[number as usize].to_vec());
        for (number, held) in pages.iter().enumerate() {
            let number = number as u64;
            let proof = prove_page(&rows, &term, &head, number, &page).unwrap();
            verify_page(&head, number, held, &proof).unwrap();
            let short = verify_page(&head, number, &held[1..], &proof).unwrap_err();
            assert_eq!(short.code(), Code::ProofInvalid);
            let mut other = held.to_vec();
            other[held.len() / 2].0 += 1;
            assert!(verify_page(&head, number, &other, &proof).is_err());
            assert!(verify_page(&head, number + 1, held, &proof).is_err());
            if count > LIST_PAGE {
                assert!(verify_page(&head, number, held, &Proof::default()).is_err());
            }
        }
        assert_eq!(prove_page(&rows, &term, &head, pages.len() as u64, &page).unwrap_err().code(), Code::NotFound);
    }
}

#[test]
fn rows_are_read_back() {
    let key_of = |i: u32| TrieKey::from_bytes(Sha256::digest(i.to_be_bytes()).into());
    let (mut rows, mut draft) = (MemoryRows::default(), Draft::default());
    for i in 0..5000u32 {
        let key = key_of(i / 3);
        draft.append(key, LeafIndex(u64::from(i)));
    }
    draft.seal(&rows).unwrap();
    let mut last = None;
    for (path, row) in draft.changed_groups() {
        let group = Group::from_bytes(row).unwrap();
        assert_eq!(group.to_bytes(), row);
        for (key, list) in group.lists() {
            assert!(last < Some(*key), "groups come by key");
            assert_eq!(list.count().0, if *key == key_of(1666) { 2 } else { 3 }, "{path:?}");
            last = Some(*key);
        }
        for cut in [1, row.len() - 1] {
            assert_eq!(Group::from_bytes(&row[..cut]).unwrap_err().code(), Code::StoreCorrupt);
        }
    }
    assert!(draft.changed_branches().count() > 16);
    for (path, branch) in draft.changed_branches() {
        assert_eq!(Branch::from_bytes(&branch.to_bytes()).unwrap(), *branch);
        assert!(path.to_bytes().len() <= 33);
    }
    rows.absorb(draft);
    assert_eq!(rows.terms().unwrap(), 1667);
}

/// The longest lists that there can be still fit: one to a row, since no two keys are the same.
#[test]
fn a_row_is_never_longer_than_the_store_keeps_in_its_own_file() {
    let (mut rows, mut draft) = (MemoryRows::default(), Draft::default());
    let mut next = 0;
    // 2^n − 1 indices have an edge of n nodes. The keys share 31 bytes.
    for last in 0..=255u8 {
        let mut key = [3; 32];
        key[31] = last;
        for _ in 0..127 {
            draft.append(TrieKey::from_bytes(key), LeafIndex(next));
            next += 1;
        }
    }
    draft.seal(&rows).unwrap();
    assert!(draft.changed_groups().all(|(_, row)| row.len() <= 4096));
    rows.absorb(draft);
    assert_eq!(rows.terms().unwrap(), 256);
    let longest = 32 + 16 + 32 * u64::BITS;
    assert!(longest <= 4096, "{longest}");
}
