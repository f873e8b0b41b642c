//! The roll-up runs of a log as a client believes them: which of them tile the log, and which keyspaces they answer for.
//!
//! A run's root is its operator's word, so everything about it that can be checked is: the record counts (an operator in
//! force signed it), the runs cover the log from entry 0 without a gap up to M, and every keyspace that a manifest below M
//! declares is among a run's sources, with the number of keys that the manifest states. One that is missing there, or not
//! covered, is answered `not-covered`. What was declared from M on is asked singly. DESIGN §7, "All datasets at once".

use std::collections::BTreeMap;

use ledger::ids::{KeyspaceId, LeafIndex};
use ledger::manifest::{Kind, Run, tiling};
use serde_json::{Value, json};

use crate::datasets::{Dataset, Declared};

/// Up to so many keyspaces of a kind are asked singly: a proof of the dataset's own needs nobody's word, and eight of them,
/// a checkpoint and the entries that are new are ten requests.
const SINGLY: usize = 8;

/// What stands for a keyspace in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// Its keys are in this run, under this ordinal.
    Covered(&'a Run, u32),
    /// A run speaks of its entries and does not answer for it.
    NotCovered(&'static str),
}

/// The runs of one kind that tile the log.
#[derive(Debug)]
struct Tiles {
    /// Places in `runs`.
    runs: Vec<usize>,
    /// The first entry that no run covers.
    to: u64,
    /// How many keyspaces below it they answer for.
    covered: usize,
    /// How many below it they do not answer for.
    not_covered: usize,
    /// How many are declared from it on, to be asked singly.
    tail: usize,
}

/// Every run that is used.
#[derive(Debug, Default)]
pub(crate) struct Rollups {
    runs: Vec<Run>,
    tiles: BTreeMap<Kind, Tiles>,
}

impl Rollups {
    /// Finds the runs that tile the log, for kinds of which more keyspaces are declared than are asked singly; with `all` for
    /// every kind that has runs.
    pub(crate) fn of(found: &Declared, all: bool) -> Self {
        let mut rollups = Self { runs: found.runs.clone(), tiles: BTreeMap::new() };
        let mut rows: BTreeMap<Kind, Vec<(LeafIndex, KeyspaceId, u64)>> = BTreeMap::new();
        for dataset in &found.datasets {
            for row in &dataset.manifest.keyspaces {
                if let Ok(kind) = row.kind.parse() {
                    rows.entry(kind).or_default().push((dataset.index, row.id, row.n));
                }
            }
        }
        for (kind, rows) in rows {
            let used = tiling(&rollups.runs, kind);
            let Some(to) = used.last().map(|run| run.range().end) else { continue };
            if rows.len() <= SINGLY && !all {
                continue;
            }
            let used: Vec<LeafIndex> = used.into_iter().map(Run::index).collect();
            let runs = (0..rollups.runs.len()).filter(|place| {
                let run = &rollups.runs[*place];
                run.kind() == kind && used.contains(&run.index())
            });
            let mut tiles = Tiles { runs: runs.collect(), to, covered: 0, not_covered: 0, tail: 0 };
            for (index, id, n) in rows {
                match rollups.place_in(&tiles, index, id, n) {
                    Some(Place::Covered(..)) => tiles.covered += 1,
                    Some(Place::NotCovered(_)) => tiles.not_covered += 1,
                    None => tiles.tail += 1,
                }
            }
            rollups.tiles.insert(kind, tiles);
        }
        rollups
    }

    /// What stands for a keyspace of a dataset; `None` if it is to be asked itself.
    pub(crate) fn place(&self, dataset: &Dataset, kind: Kind, keyspace: KeyspaceId, n: u64) -> Option<Place<'_>> {
        self.place_in(self.tiles.get(&kind)?, dataset.index, keyspace, n)
    }

    fn place_in(&self, tiles: &Tiles, index: LeafIndex, keyspace: KeyspaceId, n: u64) -> Option<Place<'_>> {
        let run = tiles.runs.iter().filter_map(|place| self.runs.get(*place)).find(|r| r.range().contains(&index.0))?;
        let Some(ordinal) = run.ordinal(index, keyspace) else {
            return Some(Place::NotCovered("the roll-up of its entries does not list it"));
        };
        let source = run.sources().get(ordinal as usize)?;
        Some(match (source.covered, source.n == n) {
            (true, true) => Place::Covered(run, ordinal),
            (true, false) => Place::NotCovered("the roll-up lists it with another number of keys"),
            (false, _) => {
                Place::NotCovered("the roll-up does not hold its keys: it is closed, or its files were not there")
            }
        })
    }

    /// For programs: both limits of every kind, and what is between them.
    pub(crate) fn to_json(&self, size: u64) -> Value {
        let kinds = self.tiles.iter().map(|(kind, tiles)| {
            let runs = tiles.runs.iter().filter_map(|place| self.runs.get(*place));
            let runs: Vec<Value> = runs
                .map(|run| {
                    json!({
                        "runRoot": run.index().to_string(), "keyspace": run.keyspace().id(),
                        "from": run.range().start.to_string(), "to": run.range().end.to_string(),
                        "keys": run.keyspace().n().to_string(), "sources": run.sources().len(),
                    })
                })
                .collect();
            json!({
                "kind": kind.as_str(), "rolledUpTo": tiles.to.to_string(), "askedSinglyTo": size.to_string(), "runs": runs,
                "covered": tiles.covered, "notCovered": tiles.not_covered, "tail": tiles.tail,
                "rebuiltBy": Value::Null,
            })
        });
        kinds.collect()
    }

    /// For people: one line a kind.
    pub(crate) fn to_text(&self, size: u64) -> String {
        let line = |(kind, tiles): (&Kind, &Tiles)| {
            let runs = if tiles.runs.len() == 1 { "one run".to_owned() } else { format!("{} runs", tiles.runs.len()) };
            format!(
                "Roll-up of {kind}: entries 0 to {} in {runs} that the log's operator signed, over {} datasets' keys, {} not \
                 covered; entries {} to {size} asked singly, {} there. What was found is confirmed by the dataset's own \
                 proof; that the runs leave nothing out is the operator's word until somebody rebuilds them (`colophon \
                 manifest check --rollups`).\n",
                tiles.to, tiles.covered, tiles.not_covered, tiles.to, tiles.tail
            )
        };
        self.tiles.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use ledger::ids::RecordId;
    use ledger::record::kinds::{Manifest, RunKeyspace, RunRoot, RunSource};

    fn dataset(index: u64) -> Dataset {
        let row = json!({
            "id": KeyspaceId::from_bytes([index as u8; 32]), "kind": "url-c1", "spec": "url-c1/unicode-16", "n": 5, "t": 0,
            "keyLen": 32, "hasMeta": true, "root": "00".repeat(32), "disclosure": "complete",
        });
        let manifest: Manifest =
            serde_json::from_value(json!({ "dataset": { "name": "x" }, "keyspaces": [row] })).unwrap();
        let record = RecordId::from_bytes([index as u8; 32]);
        Dataset {
            index: LeafIndex(index),
            record,
            issuer: "lab".into(),
            manifest,
            superseded_by: None,
            taken_back_by: None,
        }
    }

    fn run(index: u64, from: u64, to: u64, change: fn(&mut Vec<RunSource>)) -> Run {
        let source =
            |index: u64| RunSource { index, keyspace: KeyspaceId::from_bytes([index as u8; 32]), n: 5, covered: true };
        let mut sources: Vec<RunSource> = (from..to).map(source).collect();
        change(&mut sources);
        let keyspace = RunKeyspace { id: KeyspaceId::from_bytes([1; 32]), n: 0, t: 0, root: "00".repeat(32) };
        let root = RunRoot { key_kind: "url-c1".into(), key_len: 8, from, to, sources, keyspace };
        Run::declared(LeafIndex(index), root).unwrap()
    }

    fn place<'a>(rollups: &'a Rollups, index: u64) -> Option<Place<'a>> {
        rollups.place(&dataset(index), Kind::UrlC1, KeyspaceId::from_bytes([index as u8; 32]), 5)
    }

    #[test]
    fn what_a_run_leaves_out_or_does_not_hold_is_not_covered_and_what_follows_is_asked_singly() {
        let mut found = Declared { datasets: (2..30).map(dataset).collect(), ..Declared::default() };
        found.runs = vec![run(20, 0, 10, |sources| {
            sources.remove(4);
            sources[2].covered = false;
            sources[7].n = 6;
        })];
        let rollups = Rollups::of(&found, false);
        assert!(matches!(place(&rollups, 3), Some(Place::Covered(_, 3))));
        for index in [2, 4, 8] {
            assert!(matches!(place(&rollups, index), Some(Place::NotCovered(_))), "{index}");
        }
        assert_eq!(place(&rollups, 10), None);
        let json = rollups.to_json(30);
        assert_eq!((&json[0]["rolledUpTo"], &json[0]["askedSinglyTo"]), (&json!("10"), &json!("30")));
        assert_eq!((&json[0]["covered"], &json[0]["notCovered"], &json[0]["tail"]), (&json!(5), &json!(3), &json!(20)));
    }

    #[test]
    fn a_gap_ends_what_the_runs_cover() {
        let mut found = Declared { datasets: (0..30).map(dataset).collect(), ..Declared::default() };
        found.runs = vec![run(25, 0, 8, |_| {}), run(26, 9, 20, |_| {})];
        let rollups = Rollups::of(&found, false);
        assert!(matches!(place(&rollups, 7), Some(Place::Covered(..))));
        assert_eq!(place(&rollups, 12), None);
    }

    #[test]
    fn a_log_without_runs_and_a_log_with_few_datasets_are_asked_singly() {
        let mut found = Declared { datasets: (0..8).map(dataset).collect(), ..Declared::default() };
        assert_eq!(place(&Rollups::of(&found, true), 3), None);
        found.runs = vec![run(9, 0, 8, |_| {})];
        assert_eq!(place(&Rollups::of(&found, false), 3), None);
        assert!(matches!(place(&Rollups::of(&found, true), 3), Some(Place::Covered(..))));
    }
}
