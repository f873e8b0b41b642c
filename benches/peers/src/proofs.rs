//! Engines whose answers carry proofs: ours, and updatable authenticated maps.

use std::path::Path;

use akd::append_only_zks::AzksParallelismConfig;
use akd::directory::Directory;
use akd::ecvrf::HardCodedAkdVRF;
use akd::storage::StorageManager;
use akd::storage::memory::AsyncInMemoryDatabase;
use akd::{AkdLabel, AkdValue, EpochHash, WhatsAppV1Configuration};
use anyhow::{Context as _, Result};
use bitvec::prelude::{Msb0, BitSlice};
use ::jmt::mock::MockTreeStore;
use ::jmt::storage::TreeWriter as _;
use ::jmt::{KeyHash, Sha256Jmt};
use ledger::ids::ContentKey;
use ledger::manifest::{About, Builder, Item, Kind, MetaMode, Source, Spec, open};
use ::nomt::hasher::{Sha2Hasher, ValueHasher as _};
use ::nomt::proof::{PathProof, PathProofTerminal};
use ::nomt::trie::LeafData;
use ::nomt::{KeyReadWrite, Nomt, Options, SessionParams};
use protobuf::Message as _;

use crate::{Figures, disk, keys, questions, timed};

/// What `manifest build` takes by itself.
const MEMORY: usize = 512 << 20;

/// What a map holds for every key.
const VALUE: [u8; 1] = [1];

/// A manifest's keyspace of whole keys without rows.
pub fn ours(n: u64, dir: &Path) -> Result<Figures> {
    let keys = keys(n);
    let spec = Spec::of_kind(Kind::RawSha256).context("a kind")?;
    let source = Source { sha256: "00".repeat(32), bytes: 1, items: n, reader: "digests".into(), wiki: None };
    let about = About { source, coverage: "Bench.".into(), licenses: vec!["CC0-1.0".into()] };
    let (made, build) = timed(|| {
        let mut builder = Builder::new(spec).without_meta().spilling(&dir.join("scratch"), MEMORY)?;
        for key in &keys {
            builder.push(ContentKey::from_bytes(*key), Item::default())?;
        }
        builder.finish(dir, about)
    });
    drop(keys);
    let (_, keyspace) = made?;
    let files = open(&dir.join(keyspace.id().to_hex()))?;
    // A build writes past the page cache; what the other engines wrote is still in memory when they are asked.
    for entry in std::fs::read_dir(dir.join(keyspace.id().to_hex()))?.flatten().filter(|entry| entry.path().is_file()) {
        std::io::copy(&mut std::fs::File::open(entry.path())?, &mut std::io::sink())?;
    }
    let asked = questions(n);
    let ask = |(key, _): &([u8; 32], bool)| files.reply_for(&ContentKey::from_bytes(*key), keyspace.t(), MetaMode::Digests);
    let (replies, took) = timed(|| asked.iter().map(ask).collect::<ledger::Result<Vec<_>>>());
    let replies = replies?;
    let holds = |((key, there), reply): (&([u8; 32], bool), &Vec<u8>)| {
        let answer = keyspace.verify(&ContentKey::from_bytes(*key), keyspace.t(), reply);
        answer.is_ok_and(|answer| answer.is_present() == *there)
    };
    let (right, checked) = timed(|| asked.iter().zip(&replies).filter(|pair| holds(*pair)).count());
    assert_eq!(right, asked.len());
    let count = asked.len() as f64;
    Ok(Figures {
        build,
        asks: count / took,
        checks: Some(count / checked),
        proof: Some(replies.iter().map(Vec::len).sum::<usize>() as f64 / count),
        disk: Some(disk(dir)),
        note: "padded to one length; presence and absence; a static set",
        ..Figures::default()
    })
}

/// Jellyfish Merkle tree, SHA-256, over the crate's store in memory: it brings no other.
pub fn jmt(n: u64) -> Result<Figures> {
    let mut keys = keys(n);
    let store = MockTreeStore::new(false);
    let (root, build) = timed(|| -> Result<_> {
        keys.sort_unstable();
        let tree = Sha256Jmt::new(&store);
        let (mut root, mut version) = (None, 0);
        // Sorted portions share the upper nodes of none of the others.
        for portion in keys.chunks(100_000) {
            let values = portion.iter().map(|key| (KeyHash(*key), Some(VALUE.to_vec())));
            let (new, batch) = tree.put_value_set(values, version)?;
            store.write_node_batch(&batch.node_batch)?;
            (root, version) = (Some(new), version + 1);
        }
        Ok((root.context("no keys")?, version - 1))
    });
    let (root, version) = root?;
    let asked = questions(n);
    let tree = Sha256Jmt::new(&store);
    let (proofs, took) =
        timed(|| asked.iter().map(|(key, _)| tree.get_with_proof(KeyHash(*key), version)).collect::<Result<Vec<_>>>());
    let proofs = proofs?;
    let (right, checked) = timed(|| {
        let holds = |((key, there), (value, proof)): (&([u8; 32], bool), &(Option<Vec<u8>>, _))| {
            let proof: &::jmt::proof::SparseMerkleProof<sha2_10::Sha256> = proof;
            value.is_some() == *there && proof.verify(root, KeyHash(*key), value.as_ref()).is_ok()
        };
        asked.iter().zip(&proofs).filter(|pair| holds(*pair)).count()
    });
    assert_eq!(right, asked.len());
    let sizes = proofs.iter().map(|(_, proof)| borsh::to_vec(proof).map(|bytes| bytes.len())).sum::<Result<usize, _>>()?;
    let count = asked.len() as f64;
    let note = "in memory (the store that the crate brings); sorted, versions of 100,000";
    Ok(Figures {
        build,
        asks: count / took,
        checks: Some(count / checked),
        proof: Some(sizes as f64 / count),
        note,
        ..Figures::default()
    })
}

/// NOMT on its own store, SHA-256.
pub fn nomt(n: u64, dir: &Path) -> Result<Figures> {
    let mut keys = keys(n);
    let mut options = Options::new();
    options.path(dir);
    options.commit_concurrency(2);
    // Pages of 4 KiB hold subtrees of six levels; a table at about half of its load.
    options.hashtable_buckets(u32::try_from((n / 8).next_power_of_two().max(64_000))?);
    let database = Nomt::<Sha2Hasher>::open(options)?;
    let (made, build) = timed(|| -> Result<()> {
        let per_commit = keys.len().div_ceil(20).max(1);
        for portion in keys.chunks_mut(per_commit) {
            // A commit takes its keys ascending; over the whole they come as they come.
            portion.sort_unstable();
            let session = database.begin_session(SessionParams::default());
            let writes = portion.iter().map(|key| (*key, KeyReadWrite::Write(Some(VALUE.to_vec())))).collect();
            session.finish(writes)?.commit(&database)?;
        }
        Ok(())
    });
    made?;
    let root = database.root().into_inner();
    let asked = questions(n);
    let session = database.begin_session(SessionParams::default());
    let (proofs, took) = timed(|| asked.iter().map(|(key, _)| session.prove(*key)).collect::<Result<Vec<PathProof>>>());
    let proofs = proofs?;
    let value_hash = Sha2Hasher::hash_value(&VALUE);
    let holds = |((key, there), proof): (&([u8; 32], bool), &PathProof)| {
        let path = BitSlice::<u8, Msb0>::from_slice(key);
        let Ok(verified) = proof.verify::<Sha2Hasher>(path, root) else { return false };
        let leaf = LeafData { key_path: *key, value_hash };
        if *there { verified.confirm_value(&leaf).is_ok_and(|is| is) } else { verified.confirm_nonexistence(key).is_ok_and(|is| is) }
    };
    let (right, checked) = timed(|| asked.iter().zip(&proofs).filter(|pair| holds(*pair)).count());
    assert_eq!(right, asked.len());
    // As it would be written: the siblings, and of the terminal the key and value hash of a leaf or nothing.
    let size = |proof: &PathProof| {
        1 + 2 + 32 * proof.siblings.len() + if matches!(proof.terminal, PathProofTerminal::Leaf(_)) { 64 } else { 0 }
    };
    let count = asked.len() as f64;
    Ok(Figures {
        build,
        asks: count / took,
        checks: Some(count / checked),
        proof: Some(proofs.iter().map(size).sum::<usize>() as f64 / count),
        disk: Some(disk(dir)),
        note: "20 commits; updatable",
        ..Figures::default()
    })
}

/// AKD in memory with a VRF; it proves presence only.
pub fn akd(n: u64) -> Result<Figures> {
    type Config = WhatsAppV1Configuration;
    let keys = keys(n);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let storage = StorageManager::new_no_cache(AsyncInMemoryDatabase::new());
        let parallelism = AzksParallelismConfig::default();
        let directory = Directory::<Config, _, _>::new(storage, HardCodedAkdVRF {}, parallelism).await?;
        let start = std::time::Instant::now();
        for portion in keys.chunks(100_000) {
            let updates = portion.iter().map(|key| (AkdLabel(key.to_vec()), AkdValue(VALUE.to_vec())));
            directory.publish(updates.collect()).await?;
        }
        let build = start.elapsed().as_secs_f64();
        let EpochHash(epoch, root) = directory.get_epoch_hash().await?;
        let public = directory.get_public_key().await?;
        // A hundredth of the questions, of keys that are there: a proof makes and a check verifies several VRF proofs.
        let asked: Vec<_> = questions(n).into_iter().filter(|(_, there)| *there).take(1000).collect();
        let start = std::time::Instant::now();
        let mut proofs = Vec::with_capacity(asked.len());
        for (key, _) in &asked {
            proofs.push(directory.lookup(AkdLabel(key.to_vec())).await?.0);
        }
        let took = start.elapsed().as_secs_f64();
        let mut bytes = 0;
        for proof in &proofs {
            bytes += akd::proto::specs::types::LookupProof::from(proof).write_to_bytes()?.len();
        }
        let count = asked.len() as f64;
        let start = std::time::Instant::now();
        for ((key, _), proof) in asked.iter().zip(proofs) {
            akd::verify::lookup_verify::<Config>(public.as_bytes(), root, epoch, AkdLabel(key.to_vec()), proof)
                .map_err(|error| anyhow::anyhow!("{error:?}"))?;
        }
        let checked = start.elapsed().as_secs_f64();
        Ok(Figures {
            build,
            asks: count / took,
            checks: Some(count / checked),
            proof: Some(bytes as f64 / count),
            note: "in memory; VRF labels; presence only; updatable",
            ..Figures::default()
        })
    })
}
