//! Which runs there are, which of them tile the log, and which become one.

use core::ops::Range;

use crate::error::{Code, Error, Result};
use crate::ids::{KeyspaceId, LeafIndex, from_hex};
use crate::manifest::keyspace::Keyspace;
use crate::manifest::kind::Kind;
use crate::manifest::rollup::run_keyspace;
use crate::merkle::RootHash;
use crate::record::kinds::{MAX_SOURCES, RunRoot, RunSource};

/// How far runs may lag behind the log: an operator renews them at least every 1,024 entries, so that a client looks
/// through at most four entry bundles and asks the few datasets in them singly.
pub const MAX_BEHIND: u64 = 1024;

/// Runs of fewer keys than this are of the lowest tier: 4,096 keys are 40 KiB, two replies.
const LOWEST: u64 = 4096;

/// How many neighbours of one tier become one run.
const TIER: usize = 4;

/// A run as its record declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    index: LeafIndex,
    root: RunRoot,
    keyspace: Keyspace,
}

impl Run {
    /// Takes the predicate of a `run-root` record at `index`. Refuses a kind that this version does not know and a tree
    /// that does not suit its keys.
    ///
    /// # Errors
    /// `manifest_invalid`.
    pub fn declared(index: LeafIndex, root: RunRoot) -> Result<Self> {
        let kind: Kind = root.key_kind.parse()?;
        let hash = from_hex(&root.keyspace.root).map(RootHash::from_bytes);
        let hash = hash.map_err(|error| Error::new(Code::ManifestInvalid, error.to_string()))?;
        let keyspace = run_keyspace(kind, root.keyspace.id, root.keyspace.n, root.keyspace.t, hash)?;
        Ok(Self { index, root, keyspace })
    }

    /// The entry of its record.
    pub const fn index(&self) -> LeafIndex {
        self.index
    }

    /// The parameters of its keyspace.
    pub const fn keyspace(&self) -> &Keyspace {
        &self.keyspace
    }

    /// The kind of its keys.
    pub const fn kind(&self) -> Kind {
        self.keyspace.kind()
    }

    /// The entries that it covers.
    pub const fn range(&self) -> Range<u64> {
        self.root.from..self.root.to
    }

    /// The keyspaces of these entries, by ordinal.
    pub fn sources(&self) -> &[RunSource] {
        &self.root.sources
    }

    /// The ordinal of a keyspace that the manifest at an index declares.
    pub fn ordinal(&self, manifest: LeafIndex, keyspace: KeyspaceId) -> Option<u32> {
        let first = self.root.sources.partition_point(|source| source.index < manifest.0);
        let here = self.root.sources[first..].iter().take_while(|source| source.index == manifest.0);
        here.into_iter().position(|source| source.keyspace == keyspace).map(|place| (first + place) as u32)
    }

    /// The whole predicate.
    pub const fn root(&self) -> &RunRoot {
        &self.root
    }
}

/// The fewest runs of a kind that cover the log from entry 0 on without a gap, in order. Of two that begin alike the one
/// that reaches farther is taken, of two that are alike the later, which may cover what the earlier did not.
pub fn tiling(runs: &[Run], kind: Kind) -> Vec<&Run> {
    let mut found: Vec<&Run> = Vec::new();
    let mut at = 0;
    loop {
        let next = runs.iter().filter(|run| run.kind() == kind && run.root.from == at);
        match next.max_by_key(|run| (run.root.to, run.index)) {
            Some(run) => found.push(run),
            None => return found,
        }
        at = found.last().map_or(at, |run| run.root.to);
    }
}

/// Which neighbours become one run, given the number of keys and of sources of each, in order: the ranges that follow one
/// another, those of a single run among them.
///
/// A run that is of a lower tier than its successor joins it, and four neighbours of one tier become one. A key is so
/// written about log4(V) times, and at most three runs of each tier stay.
pub fn merges(runs: &[(u64, usize)]) -> Vec<Range<usize>> {
    struct Group {
        keys: u64,
        sources: usize,
        range: Range<usize>,
    }
    let mut groups: Vec<Group> = Vec::new();
    for (place, (keys, sources)) in runs.iter().enumerate() {
        groups.push(Group { keys: *keys, sources: *sources, range: place..place + 1 });
        while let Some(count) = joins(&groups.iter().map(|group| group.keys).collect::<Vec<_>>()) {
            let last = &groups[groups.len() - count..];
            if last.iter().map(|group| group.sources).sum::<usize>() > MAX_SOURCES {
                break;
            }
            let merged = Group {
                keys: last.iter().map(|group| group.keys).sum(),
                sources: last.iter().map(|group| group.sources).sum(),
                range: last[0].range.start..place + 1,
            };
            groups.truncate(groups.len() - count);
            groups.push(merged);
        }
    }
    groups.into_iter().map(|group| group.range).collect()
}

/// How many of the last runs become one.
fn joins(keys: &[u64]) -> Option<usize> {
    let tiers: Vec<u32> = keys.iter().rev().take(TIER).map(|keys| tier(*keys)).collect();
    match tiers.as_slice() {
        [last, before, ..] if before < last => Some(2),
        [last, rest @ ..] if rest.len() == TIER - 1 && rest.iter().all(|tier| tier == last) => Some(TIER),
        _ => None,
    }
}

/// The logarithm to the base of four of how many times a run is larger than the lowest.
const fn tier(keys: u64) -> u32 {
    match keys / LOWEST {
        0 => 0,
        times => times.ilog2() / 2 + 1,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::record::kinds::RunKeyspace;
    use proptest::prelude::*;

    fn run(index: u64, from: u64, to: u64) -> Run {
        let keyspace = RunKeyspace { id: KeyspaceId::from_bytes([1; 32]), n: 0, t: 0, root: "00".repeat(32) };
        let sources = (from..to).map(|index| RunSource {
            index,
            keyspace: KeyspaceId::from_bytes([index as u8; 32]),
            n: 1,
            covered: true,
        });
        let root = RunRoot { key_kind: "url-c1".into(), key_len: 8, from, to, sources: sources.collect(), keyspace };
        Run::declared(LeafIndex(index), root).unwrap()
    }

    #[test]
    fn a_tiling_has_no_gap_and_prefers_what_reaches_farther_and_is_newer() {
        let runs =
            [run(1, 0, 4), run(2, 4, 8), run(3, 0, 8), run(4, 9, 12), run(5, 8, 9), run(6, 0, 8), run(7, 20, 30)];
        let tiles = tiling(&runs, Kind::UrlC1);
        assert_eq!(tiles.iter().map(|run| run.index().0).collect::<Vec<_>>(), [6, 5, 4]);
        assert!(tiling(&runs, Kind::MwPage).is_empty());
        assert!(tiling(&runs[1..2], Kind::UrlC1).is_empty(), "nothing covers entry 0");
    }

    #[test]
    fn a_source_is_found_by_its_manifest_and_its_name() {
        let run = run(9, 3, 8);
        assert_eq!(run.ordinal(LeafIndex(5), KeyspaceId::from_bytes([5; 32])), Some(2));
        assert_eq!(run.ordinal(LeafIndex(5), KeyspaceId::from_bytes([6; 32])), None);
        assert_eq!(run.ordinal(LeafIndex(9), KeyspaceId::from_bytes([9; 32])), None);
    }

    #[test]
    fn four_of_a_tier_become_one_and_a_small_one_joins_a_larger_neighbour() {
        assert_eq!(merges(&[(10, 1); 3]), [0..1, 1..2, 2..3]);
        assert_eq!(merges(&[(10, 1); 4]), [Range { start: 0, end: 4 }]);
        assert_eq!(merges(&[(10, 1), (1_000_000, 1)]), [Range { start: 0, end: 2 }]);
        assert_eq!(merges(&[(1_000_000, 1), (10, 1)]), [0..1, 1..2]);
        // What would not fit into a record stays apart.
        assert_eq!(merges(&[(10, 600); 4]), [0..1, 1..2, 2..3, 3..4]);
    }

    proptest! {
        #[test]
        fn few_runs_stay_and_they_are_all_there(keys in prop::collection::vec(0u64..3_000_000, 1..200)) {
            // Runs come one by one, as the log grows; each becomes part of what is there.
            let mut live: Vec<u64> = Vec::new();
            for new in &keys {
                live.push(*new);
                let groups = merges(&live.iter().map(|keys| (*keys, 1)).collect::<Vec<_>>());
                prop_assert_eq!(groups.first().unwrap().start, 0);
                prop_assert!(groups.windows(2).all(|pair| pair[0].end == pair[1].start));
                live = groups.into_iter().map(|range| live[range].iter().sum()).collect();
            }
            prop_assert_eq!(live.iter().sum::<u64>(), keys.iter().sum::<u64>());
            let tiers: Vec<u32> = live.iter().map(|keys| tier(*keys)).collect();
            prop_assert!(tiers.windows(2).all(|pair| pair[0] >= pair[1]), "{tiers:?}");
            prop_assert!(tiers.windows(4).all(|four| four[0] != four[3]), "{tiers:?}");
        }
    }
}
