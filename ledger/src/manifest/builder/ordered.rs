//! A keyspace whose rows come in order: for whoever merges keyspaces that are sorted already.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::ids::ContentKey;
use crate::manifest::builder::columns::Columns;
use crate::manifest::builder::parallel::all_cores;
use crate::manifest::builder::row::Width;
use crate::manifest::builder::{publish, sorted_table};
use crate::manifest::disk::Staging;
use crate::manifest::header::{About, Header};
use crate::manifest::keyspace::{KeyLen, Keyspace};
use crate::manifest::kind::Spec;
use crate::manifest::meta::Meta;

/// Writes a keyspace from rows in ascending order of their keys, in memory that does not grow with their number.
pub struct OrderedBuilder {
    spec: Spec,
    folder: PathBuf,
    staging: Staging,
    columns: Columns,
    pushed: u64,
}

impl OrderedBuilder {
    /// Begins a keyspace that will appear as `folder/<id>/`.
    ///
    /// # Errors
    /// `output_exists`, `file_access` or `disk_full` if the folder cannot be made.
    pub fn create(folder: &Path, spec: Spec, key_len: KeyLen, has_meta: bool) -> Result<Self> {
        let staging = Staging::beside(&folder.join(spec.to_string().replace('/', "-")))?;
        let columns = Columns::create(staging.path(), Width { key_len, has_meta })?;
        Ok(Self { spec, folder: folder.to_owned(), staging, columns, pushed: 0 })
    }

    /// Appends a key that is larger than the one before. Its row's license is a place in the ascending table that
    /// [`OrderedBuilder::finish`] gets; its multiplicity counts the items that are told apart as duplicates.
    ///
    /// # Errors
    /// `internal` for a key that is not larger; `file_access` or `disk_full` if it cannot be written.
    pub fn push(&mut self, key: ContentKey, meta: Meta) -> Result<()> {
        self.pushed += u64::from(meta.multiplicity);
        self.columns.push(key, meta)
    }

    /// Places and writes: `folder/<id>/` appears when all its files are durable, or not at all.
    ///
    /// # Errors
    /// Those of [`Builder::finish`](super::Builder::finish).
    pub fn finish(self, mut about: About) -> Result<(Header, Keyspace)> {
        let Self { spec, folder, staging, columns, pushed } = self;
        sorted_table(&mut about.licenses)?;
        publish(staging, columns, spec, pushed, about, &folder, all_cores())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::error::Code;
    use crate::manifest::{Builder, Item, Kind, Source, check};

    fn about() -> About {
        let source = Source { sha256: "00".repeat(32), bytes: 1, items: 2, reader: "digests".into(), wiki: None };
        About { source, coverage: "Test.".into(), licenses: vec!["CC0-1.0".into()] }
    }

    #[test]
    fn keys_that_do_not_ascend_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let spec = Spec::of_kind(Kind::RawSha256).unwrap();
        let mut ordered = OrderedBuilder::create(dir.path(), spec, KeyLen::Full, true).unwrap();
        let row = Meta { license: 0, multiplicity: 1, ordinal: 0 };
        ordered.push(ContentKey::from_bytes([5; 32]), row).unwrap();
        for key in [[5; 32], [4; 32]] {
            assert_eq!(ordered.push(ContentKey::from_bytes(key), row).unwrap_err().code(), Code::Internal);
        }
    }

    #[test]
    fn rows_in_order_and_rows_in_any_order_give_the_same_keyspace() {
        let spec = Spec::of_kind(Kind::RawSha256).unwrap();
        let key = |i: u64| crate::manifest::key::raw_sha256(&i.to_be_bytes());
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut builder = Builder::new(spec);
        // 40,000 rows are more than a step of a merge, and more than is buffered of rows in order.
        let mut all: Vec<(ContentKey, u64)> = (0..40_000).map(|i| (key(i), i)).collect();
        for (key, ordinal) in &all {
            builder.push(*key, Item { license: 0, ordinal: *ordinal }).unwrap();
        }
        let (_, keyspace) = builder.finish(a.path(), about()).unwrap();
        all.sort();
        let mut ordered = OrderedBuilder::create(b.path(), spec, KeyLen::Full, true).unwrap();
        for (key, ordinal) in &all {
            ordered.push(*key, Meta { license: 0, multiplicity: 1, ordinal: *ordinal }).unwrap();
        }
        assert_eq!(ordered.finish(about()).unwrap().1.id(), keyspace.id());
        check(&b.path().join(keyspace.id().to_hex())).unwrap();
    }
}
