//! Holds a log to what it promised, after whatever happened to it. I1 to I7 of the scoreboard.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ledger::ids::{LeafIndex, TreeSize};
use ledger::log::{self, Body, Log, Published};
use ledger::merkle::{EntryBundleId, RootHash, TileId, verify_consistency};
use ledger::testing;

use super::Outcome;
use super::history::{Ack, History};
use super::store::{Store, submit};

/// Signing and verifying a record again costs milliseconds without optimisation: 2,000 of the newest are seconds.
pub const RESUBMITTED: usize = 2_000;

/// What a check found, all of it as promised.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// Receipts held against the log.
    pub acks: usize,
    /// Checkpoints proven to be of one history.
    pub checkpoints: usize,
    /// Entries of the log.
    pub entries: u64,
    /// How long the log took to open.
    pub opened_in: Duration,
}

/// Checks everything; the newest `resubmitted` acknowledged records are submitted again.
pub fn check(store: &Store, history: &History, resubmitted: usize) -> Outcome<Kept> {
    let start = Instant::now();
    let log = store.open().map_err(|error| format!("the log does not open: {error}"))?;
    let opened_in = start.elapsed();
    let kept = match log.published() {
        Some(view) => against(&log, &view, history, resubmitted),
        None if history.acks.is_empty() && history.checkpoints.is_empty() => Ok(0),
        None => Err("records were acknowledged, and nothing is published".into()),
    };
    log.close()?;
    drop(log);
    let entries = kept?;
    let report = log::fsck(&store.options(), &mut |_, _| {})?;
    if !report.damages.is_empty() {
        return Err(format!("fsck: {:?}", report.damages).into());
    }
    Ok(Kept { acks: history.acks.len(), checkpoints: history.checkpoints.len(), entries, opened_in })
}

fn against(log: &Log, view: &Published, history: &History, resubmitted: usize) -> Outcome<u64> {
    // I3, I5: whatever anybody saw is a prefix of what is there now.
    for (size, root) in &history.checkpoints {
        if *size > view.size.0 {
            return Err(format!("a checkpoint of size {size} was seen, the log has {}", view.size).into());
        }
        let root: RootHash = parse_root(root)?;
        let proof = log.consistency(view, TreeSize(*size))?;
        verify_consistency(TreeSize(*size), root, view.size, view.root, &proof)
            .map_err(|error| format!("the checkpoint of size {size} is of another history: {error}"))?;
    }
    // I1: what was acknowledged is there, at its index, with its body.
    for ack in &history.acks {
        let entry = log.entry(view, LeafIndex(ack.index))?;
        let entry = entry.ok_or_else(|| format!("entry {} was acknowledged and is lost", ack.index))?;
        if entry.header.record.to_string() != ack.record {
            return Err(format!("entry {} is not the record that was acknowledged", ack.index).into());
        }
        if !matches!(log.body(&entry)?, Body::Held(_)) {
            return Err(format!("the body of entry {} is gone", ack.index).into());
        }
    }
    // I4: everything below the size can be read.
    for index in 0..=view.size.0 / 256 {
        if let Some(bundle) = EntryBundleId::in_tree(index, view.size) {
            log.entry_bundle(view, bundle)?.ok_or_else(|| format!("bundle {bundle} is missing"))?;
        }
        if let Some(tile) = TileId::new(0, index, 256)
            && index < view.size.0 / 256
        {
            log.tile(view, tile)?.ok_or_else(|| format!("tile {tile} is missing"))?;
        }
    }
    super::run::edge(log, view)?;
    // I7: who did not hear the answer and asks again gets the same one.
    let newest = history.acks.len().saturating_sub(resubmitted);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let asked: BTreeMap<u64, &Ack> = history.acks[newest..].iter().map(|ack| (ack.number, ack)).collect();
    let asked: Vec<&Ack> = asked.into_values().collect();
    std::thread::scope(|scope| {
        let asking: Vec<_> = asked
            .chunks(asked.len().div_ceil(cores * 8).max(1))
            .map(|part| scope.spawn(move || part.iter().try_for_each(|ack| ask_again(log, ack))))
            .collect();
        asking
            .into_iter()
            .try_for_each(|asking| asking.join().unwrap_or_else(|_| Err("a thread that asks again panicked".into())))
    })?;
    let after = log.published().map_or(0, |view| view.size.0);
    if after != view.size.0 {
        return Err(format!("asking again grew the log from {} to {after}", view.size).into());
    }
    Ok(after)
}

fn ask_again(log: &Log, ack: &Ack) -> Outcome {
    let again = submit(log, testing::model_card("lab", ack.number))?;
    if again.index.0 == ack.index && again.duplicate {
        return Ok(());
    }
    Err(format!("record {} was acknowledged at {}, now it is at {}", ack.record, ack.index, again.index).into())
}

fn parse_root(text: &str) -> Outcome<RootHash> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text)?;
    Ok(RootHash::from_bytes(bytes.try_into().map_err(|_| "a root has 32 bytes")?))
}
