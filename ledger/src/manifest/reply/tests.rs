//! What an honest reply proves, and that no other reply is accepted.
#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::manifest::header::{About, Source};
use crate::manifest::{Builder, Declaration, Item, KeyLen, KeyspaceFiles, Kind, Spec, key, open};

mod forgeries;

fn about() -> About {
    let source = Source { sha256: "00".repeat(32), bytes: 0, items: 0, reader: "digests".into(), wiki: None };
    About { source, coverage: "Test.".into(), licenses: vec!["CC-BY-SA-4.0".into(), "CC0-1.0".into()] }
}

fn key_of(i: u64) -> ContentKey {
    key::raw_sha256(&i.to_be_bytes())
}

/// The parts of a reply, honest or not.
struct Parts<'a> {
    depth: u8,
    prefix: u64,
    keys: &'a [u8],
    meta: Option<(MetaMode, &'a [u8])>,
    path: &'a [NodeHash],
}

/// Writes a reply as anybody could, whatever its parts are, and pads it.
fn encode(layout: &Layout, parts: &Parts<'_>, padded: usize) -> Vec<u8> {
    let count = parts.keys.len() / layout.key_len.bytes();
    let (mode, column) = match parts.meta {
        None => (0, &[][..]),
        Some((MetaMode::Rows, rows)) => (1, rows),
        Some((MetaMode::Digests, digests)) => (2, digests),
    };
    let inner = INNER + parts.keys.len() + column.len() + 32 * parts.path.len();
    let mut out = Vec::with_capacity(padded.max(OUTER + inner));
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&(inner as u64).to_be_bytes());
    out.push(parts.depth);
    out.extend_from_slice(&parts.prefix.to_be_bytes());
    out.push(mode);
    out.extend_from_slice(&(count as u32).to_be_bytes());
    out.extend_from_slice(parts.keys);
    out.extend_from_slice(column);
    parts.path.iter().for_each(|node| out.extend_from_slice(node.as_bytes()));
    out.resize(padded.max(out.len()), 0);
    out
}

/// A keyspace of the first n numbers.
fn keyspace_of_numbers(n: u64, key_len: KeyLen, has_meta: bool) -> (TempDir, KeyspaceFiles) {
    let dir = tempfile::tempdir().unwrap();
    let builder = Builder::new(Spec::of_kind(Kind::RawSha256).unwrap()).key_len(key_len);
    let mut builder = if has_meta { builder } else { builder.without_meta() };
    for i in 0..n {
        builder.push(key_of(i), Item { license: (i % 2) as u16, ordinal: i }).unwrap();
    }
    let (_, keyspace) = builder.finish(dir.path(), about()).unwrap();
    let files = open(&dir.path().join(keyspace.id().to_hex())).unwrap();
    (dir, files)
}

#[test]
fn presence_and_absence_at_every_depth() {
    for (n, key_len, has_meta) in
        [(0, KeyLen::Full, true), (1, KeyLen::Full, false), (1000, KeyLen::Full, true), (1000, KeyLen::Compact, false)]
    {
        let (_dir, files) = keyspace_of_numbers(n, key_len, has_meta);
        let keyspace = files.keyspace();
        for depth in 0..=keyspace.t() {
            for mode in [MetaMode::Rows, MetaMode::Digests] {
                for i in (0..n).step_by(37).chain(1_000_000..1_000_020) {
                    let key = key_of(i);
                    let reply = files.reply_for(&key, depth, mode).unwrap();
                    assert_eq!(Some(reply.len() as u64), files.header().padded_reply(depth, mode));
                    let answer = keyspace.verify(&key, depth, &reply).unwrap();
                    assert_eq!(answer.is_present(), i < n);
                    assert_eq!(answer.proof().depth(), depth);
                    if let Answer::Present { meta, .. } = answer {
                        let row = Meta { license: (i % 2) as u16, multiplicity: 1, ordinal: i };
                        assert_eq!(meta, (has_meta && mode == MetaMode::Rows).then_some(row));
                    }
                }
            }
        }
        let whole = files.reply(0, 0, MetaMode::Rows).unwrap();
        assert_eq!(VerifiedRange::verify(keyspace, 0, 0, &whole).unwrap().len(), n);
    }
}

/// Computed by other code (60 lines of Python); the list stands in `docs/FORMAT-manifest.md`.
#[test]
fn vectors() {
    let build = |items: &[&str], has_meta: bool| {
        let dir = tempfile::tempdir().unwrap();
        let builder = Builder::new(Spec::of_kind(Kind::RawSha256).unwrap());
        let mut builder = if has_meta { builder } else { builder.without_meta() };
        for (ordinal, item) in (0..).zip(items) {
            builder.push(key::raw_sha256(item.as_bytes()), Item { license: 0, ordinal }).unwrap();
        }
        let (_, keyspace) = builder.finish(dir.path(), about()).unwrap();
        let files = open(&dir.path().join(keyspace.id().to_hex())).unwrap();
        (dir, files)
    };
    let root = |files: &KeyspaceFiles| crate::ids::to_hex(files.keyspace().root().as_bytes());
    assert_eq!(root(&build(&[], false).1), "6d14218f109e42d67b0ab76fffd26aee9a8cc8b8a518ab5bf3fe7fa996f40d94");
    assert_eq!(root(&build(&["abc"], false).1), "6b2769acc68391bed17798a980fce69b86d75c74c57cb27809dacd0110196a36");
    assert_eq!(root(&build(&["abc"], true).1), "581037b6257ce8f9129d5f5c1d70e780b21918286693f1298f11b32bbb68a44e");

    let items: Vec<String> = (0..100).map(|i| i.to_string()).collect();
    let items: Vec<&str> = items.iter().map(String::as_str).collect();
    let (_dir, files) = build(&items, true);
    assert_eq!(files.keyspace().t(), 2);
    assert_eq!(root(&files), "7dabeaac9b70927aea4e894f426ed02a0efa70e0df9d2d6ade215750f3802d46");
    let reply = files.reply_for(&key::raw_sha256(b"7"), 2, MetaMode::Rows).unwrap();
    let (unpadded, padding) = reply.split_at(1024);
    assert_eq!(
        crate::ids::to_hex(&meta_digest(unpadded)),
        "126b4b3b43d6c0a3ca2d5b1f9ef7605cc8a17d12393754c11ed0cd00c458388f"
    );
    // The fullest of the four buckets has 31 keys, this one 20.
    assert_eq!(padding, vec![0; 11 * (32 + Meta::LEN)]);
}

#[test]
fn a_range_answers_only_for_its_own_prefix() {
    let (_dir, files) = keyspace_of_numbers(1000, KeyLen::Full, true);
    let range = VerifiedRange::verify(files.keyspace(), 2, 3, &files.reply(2, 3, MetaMode::Rows).unwrap()).unwrap();
    for i in 0..2000 {
        let key = key_of(i);
        let answer = range.answer(&key).map(|answer| answer.is_present());
        assert_eq!(answer, (prefix_of(&key, 2) == 3).then_some(i < 1000));
    }
}

/// What a prover with other files would say, encoded as an honest one would.
fn forged(
    files: &KeyspaceFiles,
    depth: u8,
    prefix: u64,
    change: impl FnOnce(&mut Vec<Vec<u8>>, &mut Vec<NodeHash>),
) -> Vec<u8> {
    let keyspace = files.keyspace();
    let reply = files.reply(depth, prefix, MetaMode::Digests).unwrap();
    let range = VerifiedRange::verify(keyspace, depth, prefix, &reply).unwrap();
    let mut keys: Vec<Vec<u8>> = range.keys.chunks_exact(range.key_len).map(<[u8]>::to_vec).collect();
    let mut path: Vec<NodeHash> = crate::manifest::tree::siblings(keyspace.t(), depth, prefix)
        .map(|(level, index)| {
            // Any node is the root of the reply for its own prefix.
            let reply = files.reply(keyspace.t() - level, index, MetaMode::Digests).unwrap();
            let range = VerifiedRange::verify(keyspace, keyspace.t() - level, index, &reply).unwrap();
            let leaves = (0..1u64 << level).map(|step| {
                let i = (index << level) + step;
                let own: Vec<u8> = range
                    .keys
                    .chunks_exact(range.key_len)
                    .filter(|key| bits(key, keyspace.t()) == i)
                    .flatten()
                    .copied()
                    .collect();
                NodeHash::from(keyspace.layout().leaf(i, &own, None).unwrap())
            });
            fold(leaves.collect()).unwrap()
        })
        .collect();
    change(&mut keys, &mut path);
    let parts = Parts { depth, prefix, keys: &keys.concat(), meta: None, path: &path };
    encode(&keyspace.layout(), &parts, reply.len())
}

#[test]
fn forged_replies_are_refused() {
    let (_dir, files) = keyspace_of_numbers(3000, KeyLen::Full, false);
    let (_other_dir, other) = keyspace_of_numbers(3001, KeyLen::Full, false);
    let keyspace = files.keyspace();
    let t = keyspace.t();
    let present = key_of(17);
    let absent = key_of(4000);
    for depth in [t, t - 2] {
        let prefix = prefix_of(&present, depth);
        let refused = |what: &str, key: &ContentKey, depth: u8, reply: &[u8]| {
            let error = keyspace.verify(key, depth, reply).unwrap_err();
            assert_eq!(error.code(), Code::ProofInvalid, "{what}: {error}");
        };
        let honest = forged(&files, depth, prefix, |_, _| {});
        assert_eq!(honest, files.reply(depth, prefix, MetaMode::Rows).unwrap());
        assert!(keyspace.verify(&present, depth, &honest).unwrap().is_present());

        let dropped = forged(&files, depth, prefix, |keys, _| keys.retain(|key| key != present.as_bytes()));
        refused("dropped key", &present, depth, &dropped);
        let all_dropped = forged(&files, depth, prefix, |keys, _| keys.clear());
        refused("all keys dropped", &present, depth, &all_dropped);
        let added = forged(&files, depth, prefix_of(&absent, depth), |keys, _| {
            keys.push(absent.as_bytes().to_vec());
            keys.sort();
        });
        refused("added key", &absent, depth, &added);
        let foreign = forged(&files, depth, prefix, |keys, _| {
            keys.push((0u64..).map(key_of).find(|k| prefix_of(k, depth) != prefix).unwrap().as_bytes().to_vec());
            keys.sort();
        });
        refused("key of another bucket", &present, depth, &foreign);
        let reordered = forged(&files, depth, prefix, |keys, _| keys.reverse());
        refused("reordered", &present, depth, &reordered);
        let doubled = forged(&files, depth, prefix, |keys, _| keys.insert(0, keys[0].clone()));
        refused("doubled key", &present, depth, &doubled);

        let shorter = forged(&files, depth, prefix, |_, path| path.truncate(path.len() - 1));
        refused("short path", &present, depth, &shorter);
        let longer = forged(&files, depth, prefix, |_, path| path.push(path[0]));
        refused("long path", &present, depth, &longer);
        let swapped = forged(&files, depth, prefix, |_, path| path.swap(0, 1));
        refused("swapped path", &present, depth, &swapped);

        // The reply of the neighbour, as it is and under the asked prefix.
        let neighbour = files.reply(depth, prefix ^ 1, MetaMode::Rows).unwrap();
        refused("swapped bucket", &present, depth, &neighbour);
        let mut renamed = neighbour;
        renamed[27..35].copy_from_slice(&prefix.to_be_bytes());
        refused("renamed bucket", &present, depth, &renamed);

        refused("other root", &present, depth, &other.reply(depth, prefix, MetaMode::Rows).unwrap());
        for wrong in [depth - 1, depth - 2] {
            refused("wrong depth", &present, depth, &files.reply_for(&present, wrong, MetaMode::Rows).unwrap());
        }
        for cut in 0..honest.len().min(1500) {
            if honest[cut..].iter().any(|byte| *byte != 0) {
                refused("truncated", &present, depth, &honest[..cut]);
            }
        }
        let mut garbage = honest.clone();
        garbage.push(1);
        refused("garbage after the padding", &present, depth, &garbage);
    }
}

/// A signer who hashes a bucket that breaks the rules gets a root that no reply leads to: otherwise a key could hide behind
/// a greater one, or in a bucket where nobody looks.
#[test]
fn a_root_over_a_bucket_that_breaks_the_rules_answers_nothing() {
    let keys = |range: core::ops::Range<u64>| range.map(|i| *key_of(i).as_bytes()).collect::<Vec<_>>();
    let mut descending = keys(0..3);
    descending.sort_by(|a, b| b.cmp(a));
    let mut doubled = keys(0..1);
    doubled.extend(keys(0..1));
    let mut honest = keys(0..3);
    honest.sort();
    for (what, keys, t, accepted) in [
        ("honest", honest.clone(), 0, true),
        ("descending", descending, 0, false),
        ("doubled", doubled, 0, false),
        // Both buckets of a tree of two hold the same keys.
        ("misplaced", honest, 1, false),
    ] {
        let bucket = |i: u64| {
            let mut bytes = b"colophon/bucket/v1\0\0\x01\x20\0".to_vec();
            bytes.push(t);
            bytes.extend_from_slice(&i.to_be_bytes());
            bytes.extend_from_slice(&(keys.len() as u32).to_be_bytes());
            keys.iter().for_each(|key| bytes.extend_from_slice(key));
            NodeHash::from(crate::merkle::LeafHash::of_entry(&bytes))
        };
        let leaves: Vec<NodeHash> = (0..1u64 << t).map(bucket).collect();
        let root = fold(leaves.clone()).unwrap();
        let row = Declaration {
            id: crate::ids::KeyspaceId::from_bytes([0; 32]),
            kind: "raw-sha256".into(),
            spec: "raw-sha256".into(),
            n: 45,
            t,
            key_len: 32,
            has_meta: false,
            root: crate::ids::to_hex(root.as_bytes()),
            form: None,
            coverage: None,
            disclosure: crate::record::kinds::Disclosure::Complete,
            universe: None,
            bitmap: None,
        };
        let keyspace = Keyspace::declared(&row).unwrap();
        let prefix = prefix_of(&key_of(0), t);
        let path: Vec<NodeHash> = if t == 0 { Vec::new() } else { vec![leaves[prefix as usize ^ 1]] };
        let parts = Parts { depth: t, prefix, keys: &keys.concat(), meta: None, path: &path };
        let reply = encode(&keyspace.layout(), &parts, 0);
        let answer = keyspace.verify(&key_of(0), t, &reply);
        assert_eq!(answer.as_ref().is_ok_and(Answer::is_present), accepted, "{what}");
        if !accepted {
            assert_eq!(answer.unwrap_err().code(), Code::ProofInvalid, "{what}");
        }
    }
}

#[test]
fn a_reply_for_another_declaration_is_refused() {
    let (_dir, files) = keyspace_of_numbers(1000, KeyLen::Full, true);
    let row = files.keyspace().to_declaration(None);
    let key = key_of(3);
    let verify = |row: &Declaration, depth| {
        let keyspace = Keyspace::declared(row).unwrap();
        keyspace.verify(&key, depth, &files.reply_for(&key, depth, MetaMode::Rows).unwrap())
    };
    assert!(verify(&row, 3).unwrap().is_present());
    let changes: [fn(&mut Declaration); 6] = [
        |row| row.t += 1,
        |row| row.key_len = 16,
        |row| row.has_meta = false,
        |row| row.root = "00".repeat(32),
        |row| row.n = 10,
        |row| {
            row.kind = "mw-page".into();
            row.spec = "mw-page".into();
        },
    ];
    for (i, change) in changes.iter().enumerate() {
        let mut other = row.clone();
        change(&mut other);
        assert_eq!(verify(&other, 3).unwrap_err().code(), Code::ProofInvalid, "{i}");
    }
}

#[test]
fn a_proof_is_small() {
    // 1.5 KB on average at 2^20 keys and more; here the tree is lower by a few hashes.
    let (_dir, files) = keyspace_of_numbers(20_000, KeyLen::Full, true);
    let t = files.keyspace().t();
    assert!(files.header().padded_reply(t, MetaMode::Digests).unwrap() <= 2048 + 512);
    let lens: Vec<u64> = (0..200)
        .map(|i| {
            let reply = files.reply_for(&key_of(i), t, MetaMode::Digests).unwrap();
            26 + u64::from_be_bytes(reply[18..26].try_into().unwrap())
        })
        .collect();
    let mean = lens.iter().sum::<u64>() / lens.len() as u64;
    assert!((1000..2048).contains(&mean), "{mean}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Every byte of a reply counts: whichever bits change, it is refused.
    #[test]
    fn any_changed_byte_is_noticed(i in 0u64..1000, depth in 0u8..=5, rows: bool, at: prop::sample::Index, bits in 1u8..) {
        thread_local!(static FILES: (TempDir, KeyspaceFiles) = keyspace_of_numbers(1000, KeyLen::Full, true));
        FILES.with(|(_, files)| {
            let mode = if rows { MetaMode::Rows } else { MetaMode::Digests };
            let key = key_of(i);
            let mut reply = files.reply_for(&key, depth, mode).unwrap();
            let at = at.index(reply.len());
            reply[at] ^= bits;
            let error = files.keyspace().verify(&key, depth, &reply).unwrap_err();
            prop_assert_eq!(error.code(), Code::ProofInvalid);
            Ok(())
        })?;
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), depth in 0u8..8, prefix in 0u64..300) {
        thread_local!(static FILES: (TempDir, KeyspaceFiles) = keyspace_of_numbers(1000, KeyLen::Full, false));
        FILES.with(|(_, files)| {
            prop_assert!(VerifiedRange::verify(files.keyspace(), depth, prefix, &bytes).is_err());
            let mut like = MAGIC.to_vec();
            like.extend_from_slice(&bytes);
            prop_assert!(VerifiedRange::verify(files.keyspace(), depth, prefix, &like).is_err());
            Ok(())
        })?;
    }
}
