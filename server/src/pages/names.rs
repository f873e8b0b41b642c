//! Names of models, datasets and parties, for the search box.
//!
//! The log indexes headers, and a header holds no name. So the newest cards and profiles are read as they come, in small
//! steps, and their names kept in memory; how far that got is said on the page. A name is only a way to a record: it is
//! looked up again in the record before it is shown, so that nothing redacted is found.

use ledger::ids::LeafIndex;
use ledger::log::{Order, Term};

use super::read::Reading;
use super::view::seen::Seen;
use crate::problem::Problem;

/// The kinds that have names.
const KINDS: [&str; 3] = ["model-card", "dataset-card", "party-profile"];

/// Bodies of each kind read for one search. At 50 µs each, all three take half of what a page may take.
const STEP: usize = 300;

/// Names kept: at about 100 bytes each, 10 MB.
const MAX_NAMES: usize = 100_000;

/// Characters of a name that are looked at.
const MAX_NAME: usize = 200;

/// The names that were read.
#[derive(Debug, Default)]
pub(super) struct Names {
    read: [Range; KINDS.len()],
    names: Vec<(LeafIndex, Box<str>)>,
}

/// Which entries of a kind were read: those at and above `low`, below `high`.
#[derive(Debug, Default, Clone, Copy)]
struct Range {
    low: u64,
    high: u64,
    started: bool,
}

impl Names {
    /// Reads on: what is new first, then what is older.
    pub(super) fn catch_up(&mut self, reading: &Reading<'_>) -> Result<(), Problem> {
        let size = reading.view.size.0;
        for (i, kind) in KINDS.into_iter().enumerate() {
            let mut left = STEP;
            let mut range = self.read[i];
            if !range.started {
                range = Range { low: size, high: size, started: true };
            }
            while range.high < size && left > 0 {
                let found = self.take(reading, kind, Order::From(LeafIndex(range.high)), left)?;
                left -= found.read.min(left);
                range.high = found.next.unwrap_or(size);
            }
            while range.low > 0 && left > 0 && self.names.len() < MAX_NAMES {
                let found = self.take(reading, kind, Order::Below(LeafIndex(range.low)), left)?;
                left -= found.read.min(left);
                range.low = found.next.unwrap_or(0);
            }
            self.read[i] = range;
        }
        Ok(())
    }

    /// The entries whose name has every one of these words, newest first.
    pub(super) fn find(&self, query: &str, limit: usize) -> Vec<LeafIndex> {
        let query = query.to_lowercase();
        let words: Vec<&str> = query.split_whitespace().collect();
        if words.is_empty() {
            return Vec::new();
        }
        let matching = self.names.iter().filter(|(_, name)| words.iter().all(|word| name.contains(word)));
        let mut found: Vec<LeafIndex> = matching.map(|(index, _)| *index).collect();
        found.sort_unstable_by_key(|index| std::cmp::Reverse(*index));
        found.truncate(limit);
        found
    }

    /// Whether everything below `size` was read.
    pub(super) fn is_complete(&self, size: u64) -> bool {
        self.read.iter().all(|range| range.started && range.low == 0 && range.high >= size)
    }

    fn take(&mut self, reading: &Reading<'_>, kind: &str, order: Order, limit: usize) -> Result<Taken, Problem> {
        let (found, next) = reading.list(vec![Term::Kind(kind.to_owned())], order, limit)?;
        let read = found.len().max(1);
        for seen in &found {
            if let Some(name) = name_of(seen) {
                self.names.push((seen.index, name));
            }
        }
        let next = next.map(|next| match next {
            Order::From(index) | Order::Below(index) => index.0,
        });
        Ok(Taken { read, next })
    }
}

struct Taken {
    read: usize,
    next: Option<u64>,
}

fn name_of(seen: &Seen) -> Option<Box<str>> {
    let name: String = seen.about()?.chars().take(MAX_NAME).collect();
    Some(name.to_lowercase().into())
}
