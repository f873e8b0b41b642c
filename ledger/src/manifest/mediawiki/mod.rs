//! What the manifest must know of MediaWiki: names of wikis, namespaces and titles, and the text a reader sees.
//!
//! Not a renderer and not a client: nothing here fetches a page or expands a template. The reader of dumps is
//! `manifest::reader`. Rules and vectors stand in `docs/FORMAT-manifest.md`.

mod interwiki;
mod local;
mod namespace;
mod plain;
mod title;
mod wiki;

pub(super) use namespace::is_account_namespace;
pub use namespace::{Namespaces, is_account_title};
pub use plain::plain;
pub use title::{MAX_TITLE, Title, TitleRefused};
pub use wiki::Wiki;
