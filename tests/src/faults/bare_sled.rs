//! The negative control: a store that trusts sled alone. It acknowledges after `flush()`, and loses what it said.

use std::path::Path;

use super::Outcome;
use super::history::{History, Promises};

/// About what an entry of the log takes.
const VALUE_BYTES: usize = 200;

/// Inserts, flushes, acknowledges, until it is killed.
pub fn run(dir: &Path, promises: &Promises) -> Outcome {
    let db = sled::open(dir)?;
    for number in db.len() as u64.. {
        db.insert(number.to_be_bytes(), vec![7; VALUE_BYTES])?;
        db.flush()?;
        promises.ack(number, &format!("{number:x}"), number)?;
    }
    Ok(())
}

/// Counts what was acknowledged and is gone.
pub fn lost(dir: &Path, history: &History) -> Outcome<usize> {
    let db = sled::open(dir)?;
    let mut lost = 0;
    for ack in &history.acks {
        lost += usize::from(db.get(ack.number.to_be_bytes())?.is_none());
    }
    Ok(lost)
}
