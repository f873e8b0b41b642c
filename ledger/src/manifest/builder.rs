//! The builder of one keyspace: keys go in in any order, a folder of files comes out.
//!
//! ```text
//! rows  ->  sorted runs  ->  columns, a few slices at a time  ->  buckets, tree, header
//! row.rs    run.rs           merge.rs, columns.rs                 place.rs
//! ```
//!
//! The same keys give the same bytes, whatever their order, the memory and the number of threads. Rows are held up to a
//! budget and then sorted into a file; what never filled it is a single run that stayed in memory, and takes the same
//! way. Whoever has rows in order already begins at [`Columns`]. DESIGN §7.

mod columns;
mod merge;
mod ordered;
mod parallel;
mod place;
mod row;
mod run;

use std::num::NonZeroUsize;
use std::path::Path;

use crate::error::{Code, Error, Result};
use crate::ids::ContentKey;
use crate::manifest::disk::Staging;
use crate::manifest::header::{About, Header, MAX_LICENSE};
use crate::manifest::keyspace::{KeyLen, Keyspace};
use crate::manifest::kind::Spec;
use crate::manifest::meta::Meta;

pub(super) use columns::Columns;
pub(super) use merge::Merge;
pub use ordered::OrderedBuilder;
pub(super) use parallel::all_cores;
pub(super) use place::place;
pub(super) use row::{Row, Space, Width};
pub(super) use run::{Run, RunFile};

/// Collects the keys of one keyspace.
///
/// ```
/// # use ledger::manifest::{About, Builder, Item, Kind, Source, Spec, key};
/// # let dir = tempfile::tempdir()?;
/// let mut builder = Builder::new(Spec::of_kind(Kind::RawSha256).ok_or("a text kind")?);
/// builder.push(key::raw_sha256(b"an item"), Item::default())?;
/// let source = Source { sha256: "00".repeat(32), bytes: 7, items: 1, reader: "digests".into(), wiki: None };
/// let about = About { source, coverage: "Every item.".into(), licenses: vec!["CC0-1.0".into()] };
/// let (header, keyspace) = builder.finish(dir.path(), about)?;
/// assert_eq!((keyspace.n(), header.duplicates()), (1, 0));
/// assert!(dir.path().join(keyspace.id().to_hex()).join("keys.bin").is_file());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Builder {
    spec: Spec,
    width: Width,
    memory: usize,
    rows: Vec<Row>,
    runs: Vec<Run>,
    /// Where runs are written; made when the first one is.
    scratch: Option<Staging>,
    pushed: u64,
}

/// What the builder is told about one item beside its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Item {
    /// The place of its license in the table that [`Builder::finish`] gets.
    pub license: u16,
    /// Its place in the source, counted from 0.
    pub ordinal: u64,
}

impl Builder {
    /// A builder of whole keys with meta rows, which keeps all of them in memory.
    pub const fn new(spec: Spec) -> Self {
        let width = Width { key_len: KeyLen::Full, has_meta: true };
        Self { spec, width, memory: usize::MAX, rows: Vec::new(), runs: Vec::new(), scratch: None, pushed: 0 }
    }

    /// Keeps this many bytes of each key.
    #[must_use]
    pub fn key_len(mut self, key_len: KeyLen) -> Self {
        self.width.key_len = key_len;
        self
    }

    /// Leaves the meta rows out.
    #[must_use]
    pub fn without_meta(mut self) -> Self {
        self.width.has_meta = false;
        self
    }

    /// Holds at most about `memory` bytes, and puts the rest into a folder beside `scratch` until it is finished.
    ///
    /// # Errors
    /// `output_exists`, `file_access` or `disk_full` if the folder cannot be made.
    pub fn spilling(mut self, scratch: &Path, memory: usize) -> Result<Self> {
        self.memory = memory;
        // Pages that nothing was written to cost nothing.
        self.rows = Vec::with_capacity(self.limit());
        self.scratch = Some(Staging::beside(scratch)?);
        Ok(self)
    }

    /// How the keys are made.
    pub const fn spec(&self) -> Spec {
        self.spec
    }

    /// How many keys were pushed.
    pub const fn pushed(&self) -> u64 {
        self.pushed
    }

    /// Adds the key of one item.
    ///
    /// # Errors
    /// `file_access` or `disk_full` if a run cannot be written. Without [`spilling`](Self::spilling), never.
    pub fn push(&mut self, key: ContentKey, item: Item) -> Result<()> {
        if let Some(scratch) = &self.scratch
            && self.rows.len() >= self.limit()
        {
            let path = scratch.path().join(format!("run-{}", self.runs.len()));
            self.runs.push(Run::write(path, &mut self.rows, self.width)?);
        }
        let meta = Meta { license: item.license, multiplicity: 1, ordinal: item.ordinal };
        self.rows.push(Row::new(Space(0), &key, self.width.key_len, meta));
        self.pushed += 1;
        Ok(())
    }

    /// How many rows are held: in half of the memory, since merging needs some as well.
    fn limit(&self) -> usize {
        (self.memory / 2 / Row::SIZE).max(1)
    }

    /// Sorts, places and writes: `folder/<id>/` appears when all its files are durable, or not at all.
    ///
    /// # Errors
    /// `too_many` or `name_too_long` for the license table; `too_large` if the memory is too small to sort in,
    /// `source_invalid` if so many keys share their first bits that no tree has room for them; `output_exists`,
    /// `file_access`, `disk_full`.
    pub fn finish(mut self, folder: &Path, mut about: About) -> Result<(Header, Keyspace)> {
        let licenses = sorted_table(&mut about.licenses)?;
        self.runs.push(Run::in_memory(core::mem::take(&mut self.rows)));
        let staging = Staging::beside(&folder.join(self.spec.to_string().replace('/', "-")))?;
        let mut columns = Columns::create(staging.path(), self.width)?;
        let threads = all_cores();
        let merge = Merge {
            runs: &self.runs,
            space: Space(0),
            width: self.width,
            licenses: &licenses,
            threads,
            memory: self.memory / 2,
        };
        merge.run(0, &mut |merged| columns.append(&merged))?;
        publish(staging, columns, self.spec, self.pushed, about, folder, threads)
    }
}

/// Finishes the keyspace of a folder in the making and gives it its name. The name is the id, which is known only when
/// everything else is.
pub(super) fn publish(
    staging: Staging,
    columns: Columns,
    spec: Spec,
    pushed: u64,
    about: About,
    folder: &Path,
    threads: NonZeroUsize,
) -> Result<(Header, Keyspace)> {
    let (header, keyspace) = place(&columns.finish()?, spec, pushed, about, threads)?;
    staging.publish(&folder.join(keyspace.id().to_hex()))?;
    Ok((header, keyspace))
}

/// Sorts a license table and removes repetitions; answers where each old place went.
pub(super) fn sorted_table(licenses: &mut Vec<String>) -> Result<Vec<u16>> {
    if licenses.len() > usize::from(u16::MAX) {
        return Err(Error::new(Code::TooMany, format!("{} licenses, at most 65,535", licenses.len())));
    }
    if let Some(long) = licenses.iter().find(|license| license.len() > MAX_LICENSE) {
        return Err(Error::new(Code::NameTooLong, format!("a license has {} bytes", long.len())));
    }
    let old = licenses.clone();
    licenses.sort();
    licenses.dedup();
    Ok(old.iter().map(|license| licenses.binary_search(license).unwrap_or_default() as u16).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::manifest::header::Source;
    use crate::manifest::keyspace::flattest_t;
    use crate::manifest::kind::Kind;
    use crate::manifest::{check, key};
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::fs;

    fn about(licenses: &[&str]) -> About {
        let source = Source { sha256: "00".repeat(32), bytes: 1, items: 2, reader: "digests".into(), wiki: None };
        About { source, coverage: "Test.".into(), licenses: licenses.iter().map(|l| (*l).to_owned()).collect() }
    }

    fn builder() -> Builder {
        Builder::new(Spec::of_kind(Kind::RawSha256).unwrap())
    }

    fn all_bytes(folder: &Path) -> BTreeMap<String, Vec<u8>> {
        let mut all = BTreeMap::new();
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                let name = entry.file_name().unwrap().to_string_lossy().into_owned();
                all.extend(all_bytes(&entry).into_iter().map(|(inner, bytes)| (format!("{name}/{inner}"), bytes)));
            } else {
                all.insert(entry.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&entry).unwrap());
            }
        }
        all
    }

    #[test]
    fn none_one_and_the_same_twice() {
        let dir = tempfile::tempdir().unwrap();
        let (header, none) = builder().finish(dir.path(), about(&["CC0-1.0"])).unwrap();
        assert_eq!((none.n(), none.t(), header.duplicates()), (0, 0, 0));
        check(&dir.path().join(none.id().to_hex())).unwrap();

        let mut one = builder();
        for ordinal in [5, 3, 9] {
            one.push(key::raw_sha256(b"x"), Item { license: (ordinal % 2) as u16, ordinal }).unwrap();
        }
        let (header, one) = one.finish(dir.path(), about(&["MIT", "CC0-1.0"])).unwrap();
        assert_eq!((one.n(), one.t(), header.duplicates()), (1, 0, 2));
        let files = check(&dir.path().join(one.id().to_hex())).unwrap();
        let reply = files.reply(0, 0, crate::manifest::MetaMode::Rows).unwrap();
        let answer = one.verify(&key::raw_sha256(b"x"), 0, &reply).unwrap();
        let crate::manifest::Answer::Present { meta: Some(meta), .. } = answer else { panic!("{answer:?}") };
        // The first item in the source speaks for all, and its license is found by name.
        assert_eq!((meta.ordinal, meta.multiplicity, header.license(&meta)), (3, 3, Some("CC0-1.0")));
    }

    #[test]
    fn a_second_build_of_the_same_is_refused_and_the_first_stays() {
        let dir = tempfile::tempdir().unwrap();
        builder().finish(dir.path(), about(&[])).unwrap();
        let before = all_bytes(dir.path());
        assert!(builder().finish(dir.path(), about(&[])).is_err());
        assert_eq!(all_bytes(dir.path()), before);
    }

    #[test]
    fn a_bucket_that_somebody_fills_is_split() {
        let dir = tempfile::tempdir().unwrap();
        let mut ground = builder();
        // 3,000 keys share eleven bits; n alone asks for t = 7.
        for i in 0..3000u32 {
            let mut bytes = [0xff; 32];
            bytes[1] = 0xe0 | (i % 32) as u8;
            bytes[2..6].copy_from_slice(&i.to_be_bytes());
            ground.push(ContentKey::from_bytes(bytes), Item::default()).unwrap();
        }
        let (_, keyspace) = ground.finish(dir.path(), about(&["CC0-1.0"])).unwrap();
        assert_eq!((flattest_t(3000), keyspace.t()), (Some(7), 12));
        check(&dir.path().join(keyspace.id().to_hex())).unwrap();

        let mut worse = builder();
        for i in 0..3000u32 {
            let mut bytes = [0xff; 32];
            bytes[2..6].copy_from_slice(&i.to_be_bytes());
            worse.push(ContentKey::from_bytes(bytes), Item::default()).unwrap();
        }
        let error = worse.finish(dir.path(), about(&["CC0-1.0"])).unwrap_err();
        assert_eq!(error.code(), Code::SourceInvalid);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn keys_that_were_made_to_lie_close_together_are_sorted_in_parts_that_memory_allows() {
        let dir = tempfile::tempdir().unwrap();
        // All of them at once take 11 MB while they are merged, of 8 that are allowed.
        let mut close = builder().spilling(&dir.path().join("scratch"), 16 << 20).unwrap();
        for i in 0..70_000u32 {
            let mut bytes = *key::raw_sha256(&i.to_be_bytes()).as_bytes();
            bytes[0] &= 0b11;
            close.push(ContentKey::from_bytes(bytes), Item::default()).unwrap();
        }
        let (_, keyspace) = close.finish(dir.path(), about(&["CC0-1.0"])).unwrap();
        assert_eq!(keyspace.n(), 70_000);
        check(&dir.path().join(keyspace.id().to_hex())).unwrap();

        let mut same = builder().spilling(&dir.path().join("scratch"), 4 << 20).unwrap();
        for i in 0..70_000u32 {
            let mut bytes = *key::raw_sha256(&i.to_be_bytes()).as_bytes();
            bytes[..2].fill(0);
            same.push(ContentKey::from_bytes(bytes), Item::default()).unwrap();
        }
        let error = same.finish(dir.path(), about(&["CC0-1.0"])).unwrap_err();
        assert_eq!(error.code(), Code::TooLarge, "{error}");
        assert!(error.detail().contains("share their first 12 bits"), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn any_order_and_memory_give_the_same_bytes(
            items in prop::collection::vec((0u16..200, 0u16..3), 0..300),
            seed in any::<u64>(),
            compact: bool,
            meta: bool,
            spilled in 1usize..40,
        ) {
            let build = |order: &[usize], spilled: usize| {
                let (dir, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
                let mut builder = builder().key_len(if compact { KeyLen::Compact } else { KeyLen::Full });
                if !meta {
                    builder = builder.without_meta();
                }
                if spilled > 0 {
                    // Runs of so many rows.
                    builder = builder.spilling(&scratch.path().join("scratch"), spilled * 2 * Row::SIZE).unwrap();
                }
                for place in order {
                    let (what, license) = items[*place];
                    let item = Item { license, ordinal: *place as u64 };
                    builder.push(key::raw_sha256(&what.to_be_bytes()), item).unwrap();
                }
                let (_, keyspace) = builder.finish(dir.path(), about(&["c", "a", "b"])).unwrap();
                check(&dir.path().join(keyspace.id().to_hex())).unwrap();
                all_bytes(dir.path())
            };
            let forward: Vec<usize> = (0..items.len()).collect();
            let mut shuffled = forward.clone();
            shuffled.sort_by_key(|place| (*place as u64 + 1).wrapping_mul(seed | 1).rotate_left(17).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let expected = build(&forward, 0);
            prop_assert_eq!(&build(&shuffled, 0), &expected);
            prop_assert_eq!(&build(&shuffled, spilled), &expected);
        }
    }
}
