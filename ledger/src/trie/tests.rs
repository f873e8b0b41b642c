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
                let found = branch::group(&leaves).map_or(EMPTY, TrieRoot::from);
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
                draft.append(&rows, *key, LeafIndex(next)).unwrap();
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
    ) {
        // Up to `durable` everything is on the disk; of what came after, some lists are and no branch is.
        let durable = durable.index(keys.len() + 1);
        let (mut rows, mut whole) = (MemoryRows::default(), Draft::default());
        let none = MemoryRows::default();
        let put = |draft: &mut Draft, rows: &MemoryRows, from: usize, to: usize| {
            for (index, key) in keys.iter().enumerate().take(to).skip(from) {
                draft.append(rows, *key, LeafIndex(index as u64)).unwrap();
            }
        };
        put(&mut whole, &none, 0, keys.len());
        let expected = whole.seal(&none).unwrap();

        let mut draft = Draft::default();
        put(&mut draft, &rows, 0, durable);
        draft.seal(&rows).unwrap();
        rows.absorb(draft);
        let mut lost = Draft::default();
        put(&mut lost, &rows, durable, durable + written.index(keys.len() - durable + 1));
        rows.absorb(lost);

        let mut again = Draft::default();
        put(&mut again, &rows, durable, keys.len());
        prop_assert_eq!(again.seal(&rows).unwrap(), expected);
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
            draft.append(&rows, *key, LeafIndex(index as u64)).unwrap();
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
        let _ = (List::from_bytes(&bytes), Branch::from_bytes(&bytes));
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
        indices.iter().for_each(|index| draft.append(&rows, term, *index).unwrap());
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
    let (mut rows, mut draft) = (MemoryRows::default(), Draft::default());
    for i in 0..5000u32 {
        let key = TrieKey::from_bytes(Sha256::digest((i / 3).to_be_bytes()).into());
        draft.append(&rows, key, LeafIndex(u64::from(i))).unwrap();
    }
    draft.seal(&rows).unwrap();
    for (key, list) in draft.changed_lists() {
        assert_eq!(List::from_bytes(&list.to_bytes()).unwrap(), *list, "{key}");
    }
    assert!(draft.changed_branches().count() > 16);
    for (path, branch) in draft.changed_branches() {
        assert_eq!(Branch::from_bytes(&branch.to_bytes()).unwrap(), *branch);
        assert!(path.to_bytes().len() <= 33);
    }
    rows.absorb(draft);
    assert_eq!(rows.terms(), 1667);
}
