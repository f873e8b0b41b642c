//! Runs hold what their sources hold, no more and no less, and say which; a forged reply is refused.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use proptest::prelude::*;

use super::*;
use crate::ids::ContentKey;
use crate::manifest::keyspace::prefix_of;
use crate::manifest::runs::{RunFiles, open_run};
use crate::manifest::{About, Builder, Item, Run, Source, Spec, VerifiedRun, key};

fn item(i: u64) -> ContentKey {
    key::raw_sha256(&i.to_be_bytes())
}

/// A keyspace of these items in a folder.
fn keyspace(dir: &Path, items: impl IntoIterator<Item = u64>, compact: bool) -> Declaration {
    let mut builder = Builder::new(Spec::of_kind(Kind::RawSha256).unwrap());
    builder = builder.key_len(if compact { KeyLen::Compact } else { KeyLen::Full });
    items.into_iter().for_each(|i| builder.push(item(i), Item::default()).unwrap());
    let source = Source { sha256: "00".repeat(32), bytes: 1, items: 1, reader: "digests".into(), wiki: None };
    let about = About { source, coverage: "Test.".into(), licenses: vec!["CC0-1.0".into()] };
    let (header, keyspace) = builder.finish(dir, about).unwrap();
    header.to_declaration(&keyspace)
}

fn gathered(dir: &Path, index: u64, declared: Declaration) -> Gathered {
    let folder = Some(dir.join(declared.id.to_hex())).filter(|folder| folder.is_dir());
    Gathered { index: LeafIndex(index), declared, folder }
}

fn built(dir: &Path, sources: Vec<Gathered>) -> (Run, RunFiles) {
    let plan = RunPlan { kind: Kind::RawSha256, from: 0, to: 100, sources };
    let root = build_run(dir, &plan, 1 << 16).unwrap();
    let files = open_run(&dir.join(root.keyspace.id.to_hex())).unwrap();
    let run = Run::declared(LeafIndex(100), root).unwrap();
    assert_eq!(files.keyspace(), run.keyspace());
    (run, files)
}

fn ask(run: &Run, files: &RunFiles, key: &ContentKey, depth: u8) -> Vec<u32> {
    let prefix = prefix_of(key, depth);
    let reply = files.reply(depth, prefix).unwrap();
    assert_eq!(
        reply.len() as u64,
        files.header().padded_reply(depth).unwrap(),
        "every reply of a depth has one length"
    );
    VerifiedRun::verify(run, depth, prefix, &reply).unwrap().sources_of(key).unwrap()
}

#[test]
fn a_run_without_a_source_answers_that_nothing_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let (run, files) = built(dir.path(), Vec::new());
    assert_eq!((run.keyspace().n(), run.keyspace().t()), (0, 0));
    assert!(ask(&run, &files, &item(1), 0).is_empty());
}

#[test]
fn what_is_closed_or_not_held_or_not_what_was_declared_is_not_covered() {
    let dir = tempfile::tempdir().unwrap();
    let open = keyspace(dir.path(), 0..10, false);
    let closed = Declaration { disclosure: Disclosure::Closed, ..keyspace(dir.path(), 10..20, false) };
    let missing = Declaration { id: crate::ids::KeyspaceId::from_bytes([7; 32]), ..open.clone() };
    let other = Declaration { n: 9, ..open.clone() };
    let sources = [(1, open), (2, closed), (3, missing), (4, other)].map(|(i, row)| gathered(dir.path(), i, row));
    let (run, files) = built(dir.path(), sources.to_vec());
    assert_eq!(run.sources().iter().map(|source| source.covered).collect::<Vec<_>>(), [true, false, false, false]);
    assert_eq!(ask(&run, &files, &item(3), 0), [0]);
    assert!(ask(&run, &files, &item(12), 0).is_empty(), "a closed manifest tells nobody what is in it");
}

#[test]
fn keys_that_somebody_makes_to_share_their_beginning_are_held_apart() {
    let dir = tempfile::tempdir().unwrap();
    let mut builder = Builder::new(Spec::of_kind(Kind::RawSha256).unwrap());
    let ground = |i: u32| {
        let mut bytes = [0xff; 32];
        bytes[1] = 0xe0 | (i % 32) as u8;
        bytes[2..6].copy_from_slice(&i.to_be_bytes());
        ContentKey::from_bytes(bytes)
    };
    // A bucket of keys of 8 bytes has room for 8,183.
    (0..9000).for_each(|i| builder.push(ground(i), Item::default()).unwrap());
    let source = Source { sha256: "00".repeat(32), bytes: 1, items: 1, reader: "digests".into(), wiki: None };
    let about = About { source, coverage: "Test.".into(), licenses: vec!["CC0-1.0".into()] };
    let (header, keyspace) = builder.finish(dir.path(), about).unwrap();
    let (run, files) = built(dir.path(), vec![gathered(dir.path(), 1, header.to_declaration(&keyspace))]);
    assert!(run.keyspace().t() > flattest_t(9000).unwrap());
    assert_eq!(ask(&run, &files, &ground(17), run.keyspace().t()), [0]);
}

/// What a sorted map says, the run says, at every depth; and the run of the same sources is the same to the byte.
#[test]
fn a_run_agrees_with_a_map_of_sets() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected: BTreeMap<u64, BTreeSet<u32>> = BTreeMap::new();
    let mut sources = Vec::new();
    for ordinal in 0..40u32 {
        let items: Vec<u64> = (0..60).map(|i| (i * 7 + u64::from(ordinal) * 31) % 500).collect();
        items.iter().for_each(|i| _ = expected.entry(*i).or_default().insert(ordinal));
        let row = keyspace(dir.path(), items, ordinal % 3 == 0);
        sources.push(gathered(dir.path(), u64::from(ordinal), row));
    }
    let (run, files) = built(dir.path(), sources.clone());
    assert_eq!(run.keyspace().n(), expected.len() as u64);
    let t = run.keyspace().t();
    for i in 0..600 {
        let want: Vec<u32> = expected.get(&i).into_iter().flatten().copied().collect();
        for depth in [0, t / 2, t] {
            assert_eq!(ask(&run, &files, &item(i), depth), want, "{i} at {depth}");
        }
    }
    assert!(files.reply(t + 1, 0).is_err());
    let folder = dir.path().join(run.keyspace().id().to_hex());
    let before = fs::read(folder.join("lists.bin")).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    let (again, _) = built(dir.path(), sources);
    assert_eq!((again.root(), fs::read(folder.join("lists.bin")).unwrap()), (run.root(), before));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any byte of the proven part that is changed, dropped or added is noticed, so neither a key nor the name of a dataset
    /// can be left out or put in.
    #[test]
    fn a_changed_reply_is_refused(at in any::<prop::sample::Index>(), flip in 1u8.., wanted in 0u64..400, depth in 0u8..4) {
        let dir = tempfile::tempdir().unwrap();
        let rows = [keyspace(dir.path(), 0..150, false), keyspace(dir.path(), 100..300, false)];
        let sources = rows.into_iter().zip(1..).map(|(row, i)| gathered(dir.path(), i, row)).collect();
        let (run, files) = built(dir.path(), sources);
        let prefix = prefix_of(&item(wanted), depth);
        let reply = files.reply(depth, prefix).unwrap();
        let verify = |bytes: &[u8]| VerifiedRun::verify(&run, depth, prefix, bytes);
        prop_assert!(verify(&reply).is_ok());
        let mut forged = reply.clone();
        let place = at.index(forged.len());
        forged[place] ^= flip;
        prop_assert!(verify(&forged).is_err(), "byte {}", place);
        let inner = 30 + u64::from_be_bytes(reply[22..30].try_into().unwrap()) as usize;
        prop_assert!(verify(&reply[..inner - 1]).is_err());
        prop_assert!(VerifiedRun::verify(&run, depth, prefix ^ 1, &reply).is_err());
    }
}
