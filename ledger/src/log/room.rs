//! When the log stops taking records because its disk fills up, and when it goes on: by itself, without a new start.
//!
//! ```text
//! room   48 MiB ── ENOUGH   a log that stopped takes its ballast again and goes on
//!        32 MiB ── LOW      nothing is taken in any more; readers notice nothing
//!         8 MiB ── NONE     somebody else fills the disk: the ballast (8 MiB) is given up, so that what was committed
//!                           can still be indexed and published
//! ```

/// What a log may still have to write when it stops, rounded up: five committed batches that are not indexed, 1,024
/// entries of 1 KiB of index each (5 MiB); the batch in progress, its frame and the growth of both files (4 + 1 + 2 MiB);
/// the snapshot of the state beside its predecessor (2 × 4 MiB); what sled writes when it opens a million records (10 MiB).
pub(super) const LOW: u64 = 32 << 20;

/// Below this the ballast is given up.
pub(super) const NONE: u64 = 8 << 20;

/// LOW, the ballast that is taken again, and as much once more, so that the log does not stop again at once.
pub(super) const ENOUGH: u64 = LOW + 2 * NONE;
