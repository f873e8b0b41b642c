//! Manifests: what a dataset contains, committed so that anybody can ask "was this in it?" and check the answer.
//!
//! A manifest is a set of keyspaces, one per kind and form of content. A keyspace is a sorted set of content keys, cut
//! into 2^t buckets under a Merkle root; its parameters are signed into the ledger, so a server that answers needs no
//! trust. Presence and absence are the same proof. DESIGN §7; bytes and vectors in `docs/FORMAT-manifest.md`.
//!
//! No account is ever a key: what names a contributor is dropped before anything is hashed.
//!
//! Start at [`Kind`] and [`key`] for what is asked, at [`Keyspace::verify`] for how an answer is checked, at
//! [`Builder`] and [`open`] for the files, at [`Run`] for all datasets at once. All but `build`, `builder`, `disk`, `file`,
//! `reader` and `runs` is pure.

mod bucket;
mod build;
mod builder;
mod cite;
mod contributions;
mod disk;
mod file;
mod header;
mod iscc;
pub mod key;
mod keying;
mod keyspace;
mod kind;
mod kinds;
pub mod mediawiki;
mod meta;
mod named;
mod normal;
mod paragraph;
mod question;
mod reader;
mod reply;
mod rollup;
mod runs;
mod sha1;
mod span;
mod swhid;
mod tree;
mod universe;
pub mod upload;
mod url;
mod verdict;
mod whole;
mod wikidata;

pub use bucket::MAX_BUCKET;
pub use build::{
    BuildOptions, DEFAULT_MEMORY, KeyCount, Numbers, Progress, Report, Sampled, Stage, Summary, build, build_then,
    read_summary, sample,
};
pub use builder::{Builder, Item, OrderedBuilder};
pub use cite::Citation;
pub use contributions::{Contributions, MAX_CONTRIBUTIONS};
pub(crate) use disk::read_up_to;
pub use file::{KeyspaceFiles, check, list, open};
pub use header::{About, Header, MAX_HEADER, MAX_LICENSE, Source};
pub use iscc::{Iscc, NotIscc};
pub use keying::{Keyer, Push};
pub use keyspace::{Declaration, KeyLen, Keyspace, MAX_N, flattest_t};
pub use kind::{Form, Kind, Rendering, Spec};
pub use kinds::Kinds;
pub use meta::Meta;
pub use named::Named;
pub use normal::{N1, UNICODE_VERSION};
pub use paragraph::{MIN_PARAGRAPH, paragraph, paragraphs};
pub use question::{Asked, Bearing, Hints, MAX_BULK_DEPTH, MAX_SINGLE, Part, Question};
pub use reader::{FieldNames, Preset, ReadOptions, ReaderKind, Skip};
pub use reply::{Answer, MAX_REPLY_BUCKETS, MetaMode, Proven, VerifiedRange};
pub use rollup::{MAX_BEHIND, Run, RunHeader, VerifiedRun, is_run_file_name, merges, tiling};
pub use runs::{Gathered, RunFiles, RunPlan, build_run, open_run};
pub use sha1::{NotSha1, Sha1Name};
pub use span::{SHARED_RUN, SPAN, spans};
pub use swhid::{NotSwhid, Swhid};
pub use universe::{Bitmap, BitmapRow, MAX_UNIVERSE, MAX_UNIVERSE_BYTES, Universe, UniverseRow, is_numbered};
pub use url::{CanonicalUrl, Host, MAX_URL, UrlRefused};
pub use verdict::Status;
pub use wikidata::{NotQid, Qid};

/// The largest item whose text is read, in bytes: a page of a wiki has at most 2 MiB, a book about 5; a longer text is a
/// corpus of its own and should come as items.
pub const MAX_ITEM: usize = 64 << 20;

/// A foreign text inside a message: quoted, control characters escaped, at most 60 characters.
fn shown(text: &str) -> String {
    let cut: String = text.chars().take(60).collect();
    if cut.len() < text.len() { format!("{cut:?}…") } else { format!("{cut:?}") }
}

#[cfg(test)]
mod tests;
