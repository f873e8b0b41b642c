//! Names of models, datasets and parties, for the search box.
//!
//! The log indexes headers, and a header holds no name. So the newest cards and profiles are read as they come, in small
//! steps, and their names kept in memory; how far that got is said on the page. A name is only a way to a record: it is
//! looked up again in the record before it is shown, so that nothing redacted is found.

use std::collections::BTreeMap;
use std::sync::{PoisonError, TryLockError};

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

/// The names that were read: the newest, up to a bound.
#[derive(Debug, Default)]
pub(super) struct Names {
    read: [Range; KINDS.len()],
    names: BTreeMap<LeafIndex, Box<str>>,
    /// Whether older names were let go for newer ones.
    full: bool,
}

/// Which entries of a kind were read: those at and above `low`, below `high`.
#[derive(Debug, Default, Clone, Copy)]
struct Range {
    low: u64,
    high: u64,
    started: bool,
}

/// Reads on, one request at a time, and holds up nobody who only looks for a name: what is new first, then what is older.
pub(super) fn catch_up(reading: &Reading<'_>) -> Result<(), Problem> {
    let pages = reading.pages;
    let names = || pages.names.lock().unwrap_or_else(PoisonError::into_inner);
    let turn = match pages.reads_names.try_lock() {
        Ok(turn) => turn,
        Err(TryLockError::Poisoned(turn)) => turn.into_inner(),
        // Whoever comes while the first names are read would find none.
        Err(TryLockError::WouldBlock) if names().is_started() => return Ok(()),
        Err(TryLockError::WouldBlock) => pages.reads_names.lock().unwrap_or_else(PoisonError::into_inner),
    };
    let (read, room) = {
        let names = names();
        (names.read, MAX_NAMES.saturating_sub(names.names.len()))
    };
    let (read, found) = read_on(reading, read, room)?;
    names().take(read, found, MAX_NAMES);
    drop(turn);
    Ok(())
}

/// Reads a step of each kind: how far it got, and the names. Older names only as far as there is room.
fn read_on(reading: &Reading<'_>, mut read: [Range; KINDS.len()], room: usize) -> Result<Step, Problem> {
    let size = reading.view.size.0;
    let mut names = Vec::new();
    for (range, kind) in read.iter_mut().zip(KINDS) {
        let mut left = STEP;
        if !range.started {
            *range = Range { low: size, high: size, started: true };
        }
        while range.high < size && left > 0 {
            let found = take(reading, kind, Order::From(LeafIndex(range.high)), left, &mut names)?;
            left -= found.read.min(left);
            range.high = found.next.unwrap_or(size);
        }
        while range.low > 0 && left > 0 && names.len() < room {
            let found = take(reading, kind, Order::Below(LeafIndex(range.low)), left, &mut names)?;
            left -= found.read.min(left);
            range.low = found.next.unwrap_or(0);
        }
    }
    Ok((read, names))
}

fn take(
    reading: &Reading<'_>,
    kind: &str,
    order: Order,
    limit: usize,
    names: &mut Vec<(LeafIndex, Box<str>)>,
) -> Result<Taken, Problem> {
    let (found, next) = reading.list(vec![Term::Kind(kind.to_owned())], order, limit)?;
    names.extend(found.iter().filter_map(|seen| Some((seen.index, name_of(seen)?))));
    let next = next.map(|next| match next {
        Order::From(index) | Order::Below(index) => index.0,
    });
    Ok(Taken { read: found.len().max(1), next })
}

impl Names {
    /// Takes in what was read, and lets the oldest go where there are more than `most`.
    fn take(&mut self, read: [Range; KINDS.len()], found: Vec<(LeafIndex, Box<str>)>, most: usize) {
        self.read = read;
        self.names.extend(found);
        while self.names.len() > most {
            self.names.pop_first();
            self.full = true;
        }
    }

    /// The entries whose name has every one of these words, newest first.
    pub(super) fn find(&self, query: &str, limit: usize) -> Vec<LeafIndex> {
        let query = query.to_lowercase();
        let words: Vec<&str> = query.split_whitespace().collect();
        if words.is_empty() {
            return Vec::new();
        }
        let matching = self.names.iter().rev().filter(|(_, name)| words.iter().all(|word| name.contains(word)));
        matching.map(|(index, _)| *index).take(limit).collect()
    }

    /// Whether everything below `size` was read.
    pub(super) fn is_complete(&self, size: u64) -> bool {
        !self.full && self.read.iter().all(|range| range.started && range.low == 0 && range.high >= size)
    }

    fn is_started(&self) -> bool {
        self.read.iter().all(|range| range.started)
    }
}

/// How far each kind is read, and the names that were found on the way.
type Step = ([Range; KINDS.len()], Vec<(LeafIndex, Box<str>)>);

struct Taken {
    read: usize,
    next: Option<u64>,
}

fn name_of(seen: &Seen) -> Option<Box<str>> {
    let name: String = seen.about()?.chars().take(MAX_NAME).collect();
    Some(name.to_lowercase().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_more_names_than_are_kept_the_newest_are_and_that_is_said() {
        let mut names = Names::default();
        let all = |low: u64| [Range { low, high: 10, started: true }; KINDS.len()];
        let name = |i: u64| (LeafIndex(i), format!("heron {i}").into_boxed_str());
        names.take(all(5), (5..10).map(name).collect(), 5);
        assert!(!names.is_complete(10) && names.is_started());
        names.take(all(0), Vec::new(), 5);
        assert!(names.is_complete(10));
        names.take(all(0), vec![name(10), name(11)], 5);
        assert_eq!(names.find("Heron", 2), [LeafIndex(11), LeafIndex(10)]);
        assert_eq!(names.find("heron", 20).len(), 5);
        assert!(names.find("5 heron", 20).is_empty() && names.find(" ", 20).is_empty());
        assert!(!names.is_complete(10), "what is not kept is not found");
    }
}
