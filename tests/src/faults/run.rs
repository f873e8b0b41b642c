//! The writer: many threads that submit records of their own and write down each receipt, and a reader beside them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use ledger::log::{Log, Published};
use ledger::merkle::{EntryBundleId, TileId};
use ledger::testing;

use super::Outcome;
use super::history::Promises;
use super::store::{Store, submit};

/// Runs until it is killed, or the log must stop, or every writer has submitted `each` records.
pub fn run(store: &Store, writers: u64, each: u64, promises: &Promises) -> Outcome {
    let log = store.open_or_create()?;
    // Numbers that no other run has: seconds since 1970, then the writer, then its count.
    let first = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64 * writers.next_power_of_two();
    let next = AtomicU64::new(first);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writing: Vec<_> = (0..writers)
            .map(|_| {
                scope.spawn(|| (0..each).try_for_each(|_| write(&log, next.fetch_add(1, Ordering::Relaxed), promises)))
            })
            .collect();
        let reading = scope.spawn(|| read(&log, promises, &done));
        let mut outcome = Ok(());
        for writer in writing {
            outcome = outcome.and(writer.join().unwrap_or_else(|_| Err("a writer panicked".into())));
        }
        done.store(true, Ordering::Relaxed);
        outcome.and(reading.join().unwrap_or_else(|_| Err("the reader panicked".into())))
    })?;
    log.close()?;
    Ok(())
}

/// Submits one record and writes down its receipt.
pub fn write(log: &Log, number: u64, promises: &Promises) -> Outcome {
    let body = testing::model_card("lab", number);
    let record = testing::record_id(&body).to_string();
    let receipt = submit(log, body)?;
    let view = receipt.published.ok_or("a receipt without a checkpoint")?;
    promises.checkpoint(view.size.0, &view.root.to_string())?;
    promises.ack(receipt.index.0, &record, number)?;
    Ok(())
}

/// A reader who asks for whatever the newest checkpoint promises, again and again (I4, I5).
fn read(log: &Log, promises: &Promises, done: &AtomicBool) -> Outcome {
    let mut newest = 0;
    while !done.load(Ordering::Relaxed) {
        let view = log.published().ok_or("nothing is published")?;
        if view.size.0 < newest {
            return Err(format!("the published size went from {newest} back to {}", view.size).into());
        }
        if view.size.0 == newest {
            std::thread::yield_now();
            continue;
        }
        newest = view.size.0;
        promises.checkpoint(view.size.0, &view.root.to_string())?;
        edge(log, &view)
            .map_err(|error| format!("checkpoint of size {newest} is ahead of what is readable: {error}"))?;
    }
    Ok(())
}

/// Every partial tile and bundle of a view, and the full ones left of them.
pub fn edge(log: &Log, view: &Published) -> Outcome {
    for tile in TileId::partials_of(view.size) {
        log.tile(view, tile)?.ok_or_else(|| format!("tile {tile} is missing"))?;
    }
    for index in [view.size.0 / 256, (view.size.0 / 256).saturating_sub(1)] {
        let Some(bundle) = EntryBundleId::in_tree(index, view.size) else { continue };
        log.entry_bundle(view, bundle)?.ok_or_else(|| format!("bundle {bundle} is missing"))?;
    }
    Ok(())
}
