//! What makes proofs fast once a keyspace is asked often: where its buckets begin, and the upper levels of its tree.
//!
//! The stored levels are 0, 8, 16, …; a node between them is hashed from up to 128 others, and a proof needs one of each
//! level. Here all levels from a low one on are in memory, at most 64 MiB, and the few below are hashed from one block of
//! leaves. Nothing of it is trusted: a proof from a damaged file fails at the client as it would without.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::folder::{nodes, numbers};
use crate::manifest::tree::TILE_HEIGHT;
use crate::merkle::NodeHash;

/// Levels from t − 20 on are 2^21 hashes: 64 MiB.
const LEVELS: u8 = 20;

/// Beyond this t the block of leaves below the levels would be larger than a tile.
const MAX_NODES_T: u8 = LEVELS + TILE_HEIGHT;

/// Where 2^22 buckets begin takes 32 MiB.
const MAX_STARTS_T: u8 = 22;

/// Leaves are read in blocks of this many bytes.
const BLOCK: usize = 1 << 20;

/// The levels of a tree from `from` on.
#[derive(Debug)]
pub(super) struct Nodes {
    t: u8,
    from: u8,
    levels: Vec<Vec<NodeHash>>,
    starts: Option<Vec<u64>>,
}

impl Nodes {
    /// Reads the leaves and offsets of a keyspace of `n` keys in 2^t buckets; `None` if it is too large for memory.
    pub(super) fn read(leaves: &File, offs: &File, n: u64, t: u8) -> io::Result<Option<Self>> {
        if t > MAX_NODES_T {
            return Ok(None);
        }
        let from = t.saturating_sub(LEVELS);
        let (mut lowest, mut block) = (Vec::with_capacity(1 << (t - from)), Vec::new());
        let (total, mut at) = (32u64 << t, 0);
        while at < total {
            block.resize(BLOCK.min((total - at) as usize), 0);
            leaves.read_exact_at(&mut block, at)?;
            at += block.len() as u64;
            let mut level: Vec<NodeHash> = nodes(&block).collect();
            for _ in 0..from {
                level = above(&level);
            }
            lowest.append(&mut level);
        }
        let mut levels = vec![lowest];
        while let Some(level) = levels.last()
            && level.len() > 1
        {
            levels.push(above(level));
        }
        let starts = if t <= MAX_STARTS_T { Some(read_starts(offs, n, t)?) } else { None };
        Ok(Some(Self { t, from, levels, starts }))
    }

    /// Where the buckets from `first` to `last` begin and end, in keys.
    pub(super) fn bounds(&self, first: u64, last: u64) -> Option<(u64, u64)> {
        let starts = self.starts.as_ref()?;
        Some((*starts.get(first as usize)?, *starts.get(last as usize + 1)?))
    }

    /// The nodes beside the way from the subtree `prefix` at `depth` up to the root.
    pub(super) fn path(&self, leaves: &File, depth: u8, prefix: u64) -> io::Result<Vec<NodeHash>> {
        let mut path = Vec::with_capacity(usize::from(depth));
        let lowest = self.t - depth;
        let first = prefix << lowest;
        if lowest < self.from {
            let mut block = vec![0; 32 << self.from];
            leaves.read_exact_at(&mut block, (first >> self.from << self.from) * 32)?;
            let mut level: Vec<NodeHash> = nodes(&block).collect();
            for l in 0..self.from {
                if l >= lowest {
                    let beside = (first >> l ^ 1) as usize & (level.len() - 1);
                    path.push(level[beside]);
                }
                level = above(&level);
            }
        }
        for l in lowest.max(self.from)..self.t {
            let level = &self.levels[usize::from(l - self.from)];
            path.push(level[(first >> l ^ 1) as usize]);
        }
        Ok(path)
    }
}

fn above(level: &[NodeHash]) -> Vec<NodeHash> {
    level.chunks_exact(2).map(|pair| NodeHash::parent(&pair[0], &pair[1])).collect()
}

fn read_starts(offs: &File, n: u64, t: u8) -> io::Result<Vec<u64>> {
    let mut bytes = vec![0; 8 << t];
    offs.read_exact_at(&mut bytes, 0)?;
    let mut starts: Vec<u64> = numbers(&bytes).collect();
    starts.push(n);
    match starts.windows(2).all(|pair| pair[0] <= pair[1]) {
        true => Ok(starts),
        false => Err(io::Error::new(io::ErrorKind::InvalidData, "the buckets overlap")),
    }
}
