//! From runs to columns: the rows of a few slices from every run, merged, in order.

use std::num::NonZeroUsize;

use crate::error::{Code, Error, Result};
use crate::manifest::builder::parallel::in_order;
use crate::manifest::builder::row::{Row, Space, Width, merge};
use crate::manifest::builder::run::{Run, SLICE_BITS, SLICES};

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

/// A step of a merge has about so many rows: 1.5 MB, which a core's cache holds while it sorts.
const STEP: u64 = 1 << 15;

/// Bytes that a row costs while it is merged: packed as it was read, in memory, half as much again to sort, and in the
/// columns that wait for their turn.
const COST: u64 = 46 + 48 + 24 + 46;

impl Merge<'_> {
    /// Merges all slices from `first` on and hands them over in order.
    pub(in crate::manifest) fn run(&self, first: usize, take: &mut dyn FnMut(Merged) -> Result<()>) -> Result<()> {
        let count = |from, to| self.runs.iter().map(|run| run.count(self.space, from, to)).sum::<u64>();
        let total = count(first, SLICES);
        let mut step = SLICES;
        while step > 1 && total * step as u64 > STEP * (SLICES - first).max(1) as u64 {
            step /= 2;
        }
        let steps: Vec<(usize, usize)> =
            (first..SLICES).step_by(step).map(|from| (from, SLICES.min(from + step))).collect();
        // Each thread has one step at hand and two that wait. A single step of the usual size is always affordable.
        let largest = steps.iter().map(|(from, to)| count(*from, *to)).max().unwrap_or(0);
        let affordable = self.memory as u64 / (largest * COST).max(1) / 3;
        let threads = NonZeroUsize::new(affordable as usize).unwrap_or(NonZeroUsize::MIN).min(self.threads);
        if largest > STEP && largest * COST > self.memory as u64 {
            let detail = format!(
                "{largest} keys share their first {SLICE_BITS} bits, too many to be sorted in {} MiB",
                self.memory >> 20
            );
            return Err(Error::new(Code::TooLarge, detail));
        }
        in_order(threads, steps.len(), &|job| self.step(steps[job]), take)
    }

    fn step(&self, (from, to): (usize, usize)) -> Result<Merged> {
        let total: u64 = self.runs.iter().map(|run| run.count(self.space, from, to)).sum();
        let mut rows = Vec::with_capacity(total as usize);
        for run in self.runs {
            run.read(self.space, from, to, &mut rows)?;
        }
        // What comes from several runs is several ascending stretches, which the stable sort finds and merges.
        rows.sort_by(Row::by_key);
        merge(&mut rows);
        let mut merged = Merged {
            counts: vec![0; to - from],
            keys: Vec::with_capacity(rows.len() * self.width.key_len.bytes()),
            rows: Vec::with_capacity(if self.width.has_meta { rows.len() * 14 } else { 0 }),
        };
        for row in &rows {
            merged.counts[row.top(SLICE_BITS) - from] += 1;
            let license = self.licenses.get(usize::from(row.meta().license)).ok_or_else(|| {
                Error::new(
                    Code::Internal,
                    format!("an item names license {}, which the table lacks", row.meta().license),
                )
            })?;
            row.with_license(*license).push_to(&self.width, &mut merged);
        }
        Ok(merged)
    }
}
