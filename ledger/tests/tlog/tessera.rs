//! A log that Tessera wrote: 15 entries, and a checkpoint for each size from 0 to 15.

use std::path::{Path, PathBuf};

use ledger::Error;
use ledger::ids::{LeafIndex, TreeSize};
use ledger::merkle::tile::data::leaf_hashes;
use ledger::merkle::{
    CompactRange, EntryBundleId, LeafHash, TileId, Tiles, decode_bundle, encode_tile, prove_consistency,
    prove_inclusion, tree_root, verify_consistency, verify_inclusion,
};
use ledger::note::{Checkpoint, Policy, VerifierKey};

use crate::data::folder;

struct Log {
    folder: PathBuf,
    policy: Policy,
}

impl Log {
    fn open() -> Option<Self> {
        let folder = folder("tessera-log")?;
        let notice = std::fs::read_to_string(folder.join("NOTICE.txt")).unwrap();
        let key = notice.lines().find_map(|line| line.strip_prefix("Verifier key: ")).unwrap();
        let key: VerifierKey = key.trim().parse().unwrap();
        Some(Self { folder: folder.join("testdata/log"), policy: Policy::of_log(&key, &[]).unwrap() })
    }

    fn read(&self, path: impl AsRef<Path>) -> Result<Vec<u8>, Error> {
        Ok(std::fs::read(self.folder.join(path)).unwrap())
    }

    fn checkpoint(&self, size: u64) -> Checkpoint {
        let accepted = self.policy.check(&self.read(format!("checkpoint.{size}")).unwrap()).unwrap();
        assert_eq!(accepted.checkpoint().size(), TreeSize(size));
        accepted.checkpoint().clone()
    }

    fn tiles(&self, size: u64) -> Tiles<impl Fn(TileId) -> Result<Vec<u8>, Error>> {
        Tiles::new(TreeSize(size), |tile: TileId| self.read(tile.path()))
    }
}

#[test]
fn all_16_checkpoints_verify_and_are_pairwise_consistent() {
    let Some(log) = Log::open() else { return };
    let checkpoints: Vec<_> = (0..=15).map(|size| log.checkpoint(size)).collect();
    let mut pairs = 0;
    for new in &checkpoints {
        let tiles = log.tiles(new.size().0);
        assert_eq!(tree_root(&tiles, new.size()).unwrap(), new.root());
        for old in checkpoints.iter().filter(|old| old.size() <= new.size()) {
            let proof = prove_consistency(&tiles, old.size(), new.size()).unwrap();
            verify_consistency(old.size(), old.root(), new.size(), new.root(), &proof).unwrap();
            if old.size().0 > 0 {
                // The proof holds for these two sizes only.
                let (before, size) = (TreeSize(old.size().0 - 1), new.size());
                assert!(verify_consistency(before, old.root(), size, new.root(), &proof).is_err());
            }
            pairs += 1;
        }
    }
    assert_eq!(pairs, 16 * 17 / 2);
}

#[test]
fn every_entry_of_every_size_is_included() {
    let Some(log) = Log::open() else { return };
    for size in 1..=15 {
        let checkpoint = log.checkpoint(size);
        let bundle = EntryBundleId::in_tree(0, checkpoint.size()).unwrap();
        let bytes = log.read(bundle.path()).unwrap();
        let entries = decode_bundle(&bytes, bundle.width()).unwrap();
        let tile = TileId::in_tree(0, 0, checkpoint.size()).unwrap();
        assert_eq!(encode_tile(&leaf_hashes(&entries)), log.read(tile.path()).unwrap());
        let mut range = CompactRange::new();
        for (index, entry) in (0..).zip(&entries) {
            let leaf = LeafHash::of_entry(entry);
            range.append(leaf, &mut |_, _, _| ());
            let proof = prove_inclusion(&log.tiles(size), LeafIndex(index), checkpoint.size()).unwrap();
            verify_inclusion(LeafIndex(index), checkpoint.size(), leaf, &proof, checkpoint.root()).unwrap();
        }
        assert_eq!(range.root(), checkpoint.root());
    }
}

#[test]
fn its_newest_checkpoint_is_that_of_size_15() {
    let Some(log) = Log::open() else { return };
    let newest = log.policy.check(&log.read("checkpoint").unwrap()).unwrap();
    assert_eq!(newest.checkpoint(), &log.checkpoint(15));
}
