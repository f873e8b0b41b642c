//! Runs on a disk: made from the keyspaces that a log holds, and answered from.
//!
//! ```text
//! <id>/header.json      see rollup/header.rs
//!      keys.bin         n keys, ascending, 8 bytes each
//!      offs.bin         2^t numbers of 8 bytes: the place of each bucket's first key, counted in keys
//!      lists.bin        n lists of ordinals, see rollup/list.rs
//!      lofs.bin         2^t numbers of 8 bytes: the place of each bucket's first list, counted in bytes
//!      tree/0, tree/1…  as of every keyspace
//! ```

mod build;
mod file;
mod merge;

pub use build::{Gathered, RunPlan, build_run};
pub use file::{RunFiles, open_run};
