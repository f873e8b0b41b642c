//! Roll-ups: all datasets asked at once, by runs over ranges of the log.
//!
//! A run is the union of all keyspaces of one kind that the manifests of the entries `from..to` declare: the same buckets
//! under the same tree, keys of 8 bytes, and in the meta column which of the sources has the key. Its root is in a
//! `run-root` record that the operator signs. Runs are static; small ones become larger ones in tiers of four, so that a
//! log of V keys has at most about 3·log4(V) of them. DESIGN §7, `docs/FORMAT-manifest.md` §5.
//!
//! A reply proves what a run says. That the run says what the datasets say it does not prove: a hit is confirmed by the
//! dataset's own proof, `sources` are held against the manifests of the log, and `colophon manifest check --rollups`
//! rebuilds runs from the keyspaces.
//!
//! Nothing here touches a disk; [`super::runs`] builds and reads the files.

mod header;
mod list;
mod plan;
mod reply;

pub use header::RunHeader;
pub use plan::{MAX_BEHIND, Run, merges, tiling};
pub use reply::VerifiedRun;

pub(super) use header::{RunShape, run_keyspace};
pub(super) use list::{skip_list, write_list};
pub(super) use reply::{RunParts, encode_run, run_reply_len};

/// Whether a run may have a file of this name.
pub fn is_run_file_name(name: &str) -> bool {
    matches!(name, "lists.bin" | "lofs.bin") || super::upload::is_file_name(name) && name != "meta.bin"
}
