//! From runs to columns: the rows of a few slices from every run, merged, in order.

use std::num::NonZeroUsize;

use crate::error::{Code, Error, Result};
use crate::manifest::builder::parallel::in_order;
use crate::manifest::builder::row::{Row, Space, Width, merge};
use crate::manifest::builder::run::{Held, Run, SLICE_BITS, SLICES};
use crate::manifest::meta::Meta;

/// Some slices of a keyspace, as they stand in its columns.
#[derive(Debug, Default)]
pub(in crate::manifest) struct Merged {
    /// How many keys each slice has.
    pub(in crate::manifest) counts: Vec<u32>,
    pub(super) keys: Vec<u8>,
    pub(super) rows: Vec<u8>,
}

impl Row {
    pub(super) fn push_to(&self, width: &Width, merged: &mut Merged) {
        self.push_key(width, &mut merged.keys);
        if width.has_meta {
            merged.rows.extend_from_slice(&self.meta().to_bytes());
        }
    }
}

/// What is merged, and how.
pub(in crate::manifest) struct Merge<'a> {
    pub(in crate::manifest) runs: &'a [Run],
    pub(in crate::manifest) space: Space,
    pub(in crate::manifest) width: Width,
    /// Where each license of the rows stands in the table that is published.
    pub(in crate::manifest) licenses: &'a [u16],
    pub(in crate::manifest) threads: NonZeroUsize,
    /// How many bytes the merge may hold.
    pub(in crate::manifest) memory: usize,
}

/// At most so many rows are sorted at a time: 1.5 MB, which a core's cache holds.
const STEP: u64 = 1 << 15;

/// At most so many rows are read at a time, if memory allows it: of the 16 runs of 10^8 keys in 512 MiB, pieces of 560 KB.
const READ: u64 = 1 << 18;

/// Bytes that a row costs while it is merged: packed as it was read, in memory, half as much again to sort, and in the
/// columns that wait for their turn.
const COST: u64 = 46 + 48 + 24 + 46;

impl Merge<'_> {
    /// Merges all slices from `first` on and hands them over in order.
    pub(in crate::manifest) fn run(&self, first: usize, take: &mut dyn FnMut(Merged) -> Result<()>) -> Result<()> {
        // Each thread has one job at hand and two that wait.
        let affordable = self.memory as u64 / COST / 3;
        let jobs = self.cut(first, SLICES, READ.min(affordable / self.threads.get() as u64).max(STEP));
        let largest = jobs.iter().map(|(from, to)| self.count(*from, *to)).max().unwrap_or(0);
        // What is more than that is a single slice.
        if largest > STEP && largest * COST > self.memory as u64 {
            let detail = format!(
                "{largest} keys share their first {SLICE_BITS} bits, too many to be sorted in {} MiB",
                self.memory >> 20
            );
            return Err(Error::new(Code::TooLarge, detail));
        }
        let threads = NonZeroUsize::new((affordable / largest.max(1)) as usize).unwrap_or(NonZeroUsize::MIN);
        in_order(threads.min(self.threads), jobs.len(), &|number| self.job(jobs[number]), take)
    }

    /// How many rows all runs have in slices `from..to`.
    fn count(&self, from: usize, to: usize) -> u64 {
        self.runs.iter().map(|run| run.count(self.space, from, to)).sum()
    }

    /// Slices `from..to` in parts, each of at most `most` rows or of one slice.
    fn cut(&self, from: usize, to: usize, most: u64) -> Vec<(usize, usize)> {
        if to - from <= 1 || self.count(from, to) <= most {
            return vec![(from, to)];
        }
        let middle = from.midpoint(to);
        let mut parts = self.cut(from, middle, most);
        parts.extend(self.cut(middle, to, most));
        parts
    }

    fn job(&self, (from, to): (usize, usize)) -> Result<Merged> {
        let held: Vec<Held<'_>> = self.runs.iter().map(|run| run.hold(self.space, from, to)).collect::<Result<_>>()?;
        let most = self.count(from, to) as usize;
        let mut merged = Merged {
            counts: vec![0; to - from],
            keys: Vec::with_capacity(most * self.width.key_len.bytes()),
            rows: Vec::with_capacity(if self.width.has_meta { most * Meta::LEN } else { 0 }),
        };
        let mut rows = Vec::new();
        for (start, end) in self.cut(from, to, STEP) {
            rows.clear();
            for held in &held {
                held.take(start, end, &mut rows)?;
            }
            // What comes from several runs is several ascending stretches, which the stable sort finds and merges.
            rows.sort_by(Row::by_key);
            merge(&mut rows);
            for row in &rows {
                merged.counts[row.top(SLICE_BITS) - from] += 1;
                let license = row.meta().license;
                let place = self.licenses.get(usize::from(license)).ok_or_else(|| {
                    Error::new(Code::Internal, format!("an item names license {license}, which the table lacks"))
                })?;
                row.with_license(*place).push_to(&self.width, &mut merged);
            }
        }
        Ok(merged)
    }
}
