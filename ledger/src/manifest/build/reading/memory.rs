//! What a build makes of the memory and the threads that it may have.

use std::num::NonZeroUsize;

use crate::manifest::build::BuildOptions;
use crate::manifest::builder::{Row, Width};

/// What a build keeps free beside its rows: for the program, for decoders, for the items that are read.
const RESERVE: usize = 72 << 20;

/// The same for each thread: its items, their normal forms, and what is written at a time.
const RESERVE_PER_THREAD: usize = 20 << 20;

/// How many rows are held at least, whatever the memory.
const MIN_ROWS: usize = 16;

#[cfg(test)]
thread_local! {
    /// How many rows each thread holds, for tests that need many small runs.
    pub(in crate::manifest::build) static ROWS: core::cell::Cell<Option<usize>> = const { core::cell::Cell::new(None) };
}

impl BuildOptions {
    pub(in crate::manifest::build) const fn width(&self) -> Width {
        Width { key_len: self.key_len, has_meta: self.has_meta }
    }

    /// How many threads the memory allows: one that had no room for rows would only get in the way.
    pub(in crate::manifest::build) fn threads_for(&self) -> NonZeroUsize {
        #[cfg(test)]
        if ROWS.get().is_some() {
            return self.threads;
        }
        let affordable = self.memory.saturating_sub(RESERVE) / (2 * RESERVE_PER_THREAD);
        NonZeroUsize::new(affordable).unwrap_or(NonZeroUsize::MIN).min(self.threads)
    }

    /// What is there for rows, and for merging them.
    pub(in crate::manifest::build) fn working_memory(&self) -> usize {
        self.memory.saturating_sub(RESERVE + self.threads_for().get() * RESERVE_PER_THREAD)
    }

    /// How many rows each thread holds.
    pub(super) fn rows_per_thread(&self) -> usize {
        #[cfg(test)]
        if let Some(rows) = ROWS.get() {
            return rows;
        }
        (self.working_memory() / self.threads_for().get() / Row::SIZE).max(MIN_ROWS)
    }
}
