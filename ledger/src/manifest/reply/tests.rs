//! What an honest reply proves, and that no other reply is accepted.
#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::manifest::header::{About, Source};
use crate::manifest::{Builder, Declaration, Item, KeyLen, KeyspaceFiles, Kind, Spec, key, open};

fn about() -> About {
    let source = Source { sha256: "00".repeat(32), bytes: 0, items: 0, reader: "digests".into(), wiki: None };
    About { source, coverage: "Test.".into(), licenses: vec!["CC-BY-SA-4.0".into(), "CC0-1.0".into()] }
}

fn key_of(i: u64) -> ContentKey {
    key::raw_sha256(&i.to_be_bytes())
}

/// A keyspace of the first n numbers.
fn numbers(n: u64, key_len: KeyLen, has_meta: bool) -> (TempDir, KeyspaceFiles) {
    let dir = tempfile::tempdir().unwrap();
    let builder = Builder::new(Spec::of_kind(Kind::RawSha256).unwrap()).key_len(key_len);
    let mut builder = if has_meta { builder } else { builder.without_meta() };
    for i in 0..n {
        builder.push(key_of(i), Item { license: (i % 2) as u16, ordinal: i });
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
        let (_dir, files) = numbers(n, key_len, has_meta);
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

#[test]
fn a_range_answers_only_for_its_own_prefix() {
    let (_dir, files) = numbers(1000, KeyLen::Full, true);
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
    let (_dir, files) = numbers(3000, KeyLen::Full, false);
    let (_other_dir, other) = numbers(3001, KeyLen::Full, false);
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

#[test]
fn a_reply_for_another_declaration_is_refused() {
    let (_dir, files) = numbers(1000, KeyLen::Full, true);
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
    let (_dir, files) = numbers(20_000, KeyLen::Full, true);
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
        thread_local!(static FILES: (TempDir, KeyspaceFiles) = numbers(1000, KeyLen::Full, true));
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
        thread_local!(static FILES: (TempDir, KeyspaceFiles) = numbers(1000, KeyLen::Full, false));
        FILES.with(|(_, files)| {
            prop_assert!(VerifiedRange::verify(files.keyspace(), depth, prefix, &bytes).is_err());
            let mut like = MAGIC.to_vec();
            like.extend_from_slice(&bytes);
            prop_assert!(VerifiedRange::verify(files.keyspace(), depth, prefix, &like).is_err());
            Ok(())
        })?;
    }
}
