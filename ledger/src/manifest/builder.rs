//! The builder of one keyspace: keys go in in any order, a folder of files comes out.
//!
//! The same keys give the same bytes, whatever their order. All keys are held in memory, 48 bytes each; [`Rows`] is the
//! seam for an external sort, which needs only to hand over sorted unique rows twice. DESIGN §7.

use std::fs;
use std::path::Path;

use crate::error::{Code, Error, Result};
use crate::ids::{ContentKey, KeyspaceId, to_hex};
use crate::manifest::bucket::{Layout, MAX_BUCKET, meta_digest};
use crate::manifest::disk::{Output, Staging, io_error, sync_folder, write_file};
use crate::manifest::header::{About, Header, MAX_LICENSE, Placed};
use crate::manifest::keyspace::{Declaration, KeyLen, Keyspace, MAX_T, bits, flattest_t};
use crate::manifest::kind::Spec;
use crate::manifest::meta::Meta;
use crate::manifest::tree::{fold, stored_levels};
use crate::merkle::NodeHash;

/// How far t is raised beyond what n asks for, to keep every bucket below its limit. 2^8 times as many buckets hold ground
/// keys apart up to 2,045 keys that share t + 8 bits, which at a million keys costs 2^23 hashes for each of them.
const MAX_RAISE: u8 = 8;

/// Collects the keys of one keyspace.
///
/// ```
/// # use ledger::manifest::{About, Builder, Item, Kind, Source, Spec, key};
/// # let dir = tempfile::tempdir()?;
/// let mut builder = Builder::new(Spec::of_kind(Kind::RawSha256).ok_or("a text kind")?);
/// builder.push(key::raw_sha256(b"an item"), Item::default());
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
    key_len: KeyLen,
    has_meta: bool,
    rows: Vec<Row>,
}

/// What the builder is told about one item beside its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Item {
    /// The place of its license in the table that [`Builder::finish`] gets.
    pub license: u16,
    /// Its place in the source, counted from 0.
    pub ordinal: u64,
}

/// One key with its meta row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    key: ContentKey,
    meta: Meta,
}

/// Rows in ascending order of their keys, each key once, to be walked as often as needed.
trait Rows {
    fn len(&self) -> u64;
    fn walk(&self, row: &mut dyn FnMut(&Row) -> Result<()>) -> Result<()>;
}

impl Rows for Vec<Row> {
    fn len(&self) -> u64 {
        Vec::len(self) as u64
    }

    fn walk(&self, row: &mut dyn FnMut(&Row) -> Result<()>) -> Result<()> {
        self.iter().try_for_each(row)
    }
}

impl Builder {
    /// A builder of whole keys with meta rows.
    pub const fn new(spec: Spec) -> Self {
        Self { spec, key_len: KeyLen::Full, has_meta: true, rows: Vec::new() }
    }

    /// Keeps this many bytes of each key.
    #[must_use]
    pub fn key_len(mut self, key_len: KeyLen) -> Self {
        self.key_len = key_len;
        self
    }

    /// Leaves the meta rows out.
    #[must_use]
    pub fn without_meta(mut self) -> Self {
        self.has_meta = false;
        self
    }

    /// How the keys are made.
    pub const fn spec(&self) -> Spec {
        self.spec
    }

    /// How many keys were pushed.
    pub fn pushed(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Adds the key of one item.
    pub fn push(&mut self, key: ContentKey, item: Item) {
        let meta = Meta { license: item.license, multiplicity: 1, ordinal: item.ordinal };
        self.rows.push(Row { key: kept(key, self.key_len), meta });
    }

    /// Sorts, places and writes: `folder/<id>/` appears when all its files are durable, or not at all.
    pub fn finish(mut self, folder: &Path, mut about: About) -> Result<(Header, Keyspace)> {
        let pushed = self.pushed();
        let table = sorted_table(&mut about.licenses)?;
        for row in &mut self.rows {
            row.meta.license = *table.get(usize::from(row.meta.license)).ok_or_else(|| {
                Error::new(Code::Internal, format!("an item names license {}, which the table lacks", row.meta.license))
            })?;
        }
        sort_and_merge(&mut self.rows);
        write(folder, self.spec, self.key_len, self.has_meta, &self.rows, pushed, about)
    }
}

/// The key with the bytes set to zero that the keyspace does not keep.
fn kept(key: ContentKey, key_len: KeyLen) -> ContentKey {
    let mut bytes = *key.as_bytes();
    bytes[key_len.bytes()..].fill(0);
    ContentKey::from_bytes(bytes)
}

/// Sorts a license table and removes repetitions; answers where each old place went.
fn sorted_table(licenses: &mut Vec<String>) -> Result<Vec<u16>> {
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

/// Of several items with one key the first in the source speaks for all; how many there were is counted.
fn sort_and_merge(rows: &mut Vec<Row>) {
    rows.sort_unstable_by_key(|row| (row.key, row.meta.ordinal, row.meta.license));
    rows.dedup_by(|next, kept| {
        let same = next.key == kept.key;
        if same {
            kept.meta.multiplicity = kept.meta.multiplicity.saturating_add(next.meta.multiplicity);
        }
        same
    });
}

/// How many keys each of the 2^t buckets has, for the smallest t that keeps every bucket below its limit.
fn place(rows: &impl Rows, spec: Spec, key_len: KeyLen, has_meta: bool) -> Result<(Layout, Vec<u32>)> {
    let flattest = flattest_t(rows.len()).ok_or_else(|| Error::new(Code::TooMany, "more than 2^53 keys"))?;
    for t in flattest..=MAX_T.min(flattest + MAX_RAISE) {
        let layout = Layout { kind: spec.kind(), key_len, has_meta, t };
        let mut counts = vec![0u32; 1 << t];
        rows.walk(&mut |row| {
            counts[bits(row.key.as_bytes(), t) as usize] += 1;
            Ok(())
        })?;
        if counts.iter().all(|count| layout.bucket_len(*count as usize) <= MAX_BUCKET) {
            return Ok((layout, counts));
        }
    }
    let detail = "too many keys share their first bits: somebody made them to";
    Err(Error::new(Code::SourceInvalid, detail))
}

fn write(
    folder: &Path,
    spec: Spec,
    key_len: KeyLen,
    has_meta: bool,
    rows: &impl Rows,
    pushed: u64,
    about: About,
) -> Result<(Header, Keyspace)> {
    let (layout, counts) = place(rows, spec, key_len, has_meta)?;
    // The name is the id, which is known only when everything else is; until then the folder has a name of its own.
    let staging = Staging::beside(&folder.join(spec.to_string().replace('/', "-")))?;
    let at = |name: &str| staging.path().join(name);

    let mut keys = Output::create(at("keys.bin"))?;
    let mut offs = Output::create(at("offs.bin"))?;
    let mut meta = if has_meta { Some(Output::create(at("meta.bin"))?) } else { None };
    let mut leaves = Vec::with_capacity(counts.len());
    let mut start = 0u64;
    let mut bucket = Bucket::default();
    let mut close = |bucket: &mut Bucket| -> Result<()> {
        let (i, count) = (leaves.len() as u64, (bucket.keys.len() / key_len.bytes()) as u64);
        let digest = has_meta.then(|| meta_digest(&bucket.rows));
        let leaf = layout.leaf(i, &bucket.keys, digest.as_ref());
        leaves.push(NodeHash::from(leaf.map_err(|broken| Error::new(Code::Internal, broken.to_string()))?));
        keys.write(&bucket.keys)?;
        offs.write(&start.to_be_bytes())?;
        if let Some(meta) = &mut meta {
            meta.write(&bucket.rows)?;
        }
        start += count;
        bucket.keys.clear();
        bucket.rows.clear();
        Ok(())
    };
    let mut open = 0;
    rows.walk(&mut |row| {
        let own = bits(row.key.as_bytes(), layout.t);
        while open < own {
            close(&mut bucket)?;
            open += 1;
        }
        bucket.keys.extend_from_slice(&row.key.as_bytes()[..key_len.bytes()]);
        if has_meta {
            bucket.rows.extend_from_slice(&row.meta.to_bytes());
        }
        Ok(())
    })?;
    while open < counts.len() as u64 {
        close(&mut bucket)?;
        open += 1;
    }
    keys.finish()?;
    offs.finish()?;
    meta.map(Output::finish).transpose()?;

    let levels = stored_levels(leaves);
    let root = levels.last().and_then(|top| fold(top.clone())).ok_or_else(|| Error::new(Code::Internal, "no root"))?;
    fs::create_dir(at("tree")).map_err(|e| io_error(&at("tree"), &e))?;
    for (level, nodes) in levels.iter().enumerate() {
        let mut output = Output::create(at("tree").join(level.to_string()))?;
        nodes.iter().try_for_each(|node| output.write(node.as_bytes()))?;
        output.finish()?;
    }
    sync_folder(&at("tree"))?;

    let declaration = Declaration {
        id: KeyspaceId::from_bytes([0; 32]),
        kind: spec.kind().as_str().into(),
        spec: spec.to_string(),
        n: rows.len(),
        t: layout.t,
        key_len: key_len.bytes() as u8,
        has_meta,
        root: to_hex(root.as_bytes()),
        form: None,
        coverage: None,
        disclosure: String::new(),
        universe: None,
        bitmap: None,
    };
    let placed = Placed { declaration, duplicates: pushed - rows.len(), counts: &counts };
    let bytes = Header::new(about, placed, &layout).to_bytes()?;
    let (header, keyspace) = Header::parse(&bytes)?;
    write_file(at("header.json"), &bytes)?;
    staging.publish(&folder.join(keyspace.id().to_hex()))?;
    Ok((header, keyspace))
}

/// The bucket that is being filled.
#[derive(Default)]
struct Bucket {
    keys: Vec<u8>,
    rows: Vec<u8>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::manifest::header::Source;
    use crate::manifest::kind::Kind;
    use crate::manifest::{check, key};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

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
            one.push(key::raw_sha256(b"x"), Item { license: (ordinal % 2) as u16, ordinal });
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
            ground.push(ContentKey::from_bytes(bytes), Item::default());
        }
        let (_, keyspace) = ground.finish(dir.path(), about(&["CC0-1.0"])).unwrap();
        assert_eq!((flattest_t(3000), keyspace.t()), (Some(7), 12));
        check(&dir.path().join(keyspace.id().to_hex())).unwrap();

        let mut worse = builder();
        for i in 0..3000u32 {
            let mut bytes = [0xff; 32];
            bytes[2..6].copy_from_slice(&i.to_be_bytes());
            worse.push(ContentKey::from_bytes(bytes), Item::default());
        }
        let error = worse.finish(dir.path(), about(&["CC0-1.0"])).unwrap_err();
        assert_eq!(error.code(), Code::SourceInvalid);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn any_order_gives_the_same_bytes(
            items in prop::collection::vec((0u16..200, 0u16..3), 0..300),
            seed in any::<u64>(),
            compact: bool,
        ) {
            let build = |order: &[usize]| {
                let dir = tempfile::tempdir().unwrap();
                let mut builder = builder().key_len(if compact { KeyLen::Compact } else { KeyLen::Full });
                for place in order {
                    let (what, license) = items[*place];
                    let item = Item { license, ordinal: *place as u64 };
                    builder.push(key::raw_sha256(&what.to_be_bytes()), item);
                }
                let (_, keyspace) = builder.finish(dir.path(), about(&["c", "a", "b"])).unwrap();
                check(&dir.path().join(keyspace.id().to_hex())).unwrap();
                all_bytes(dir.path())
            };
            let forward: Vec<usize> = (0..items.len()).collect();
            let mut shuffled = forward.clone();
            shuffled.sort_by_key(|place| (*place as u64 + 1).wrapping_mul(seed | 1).rotate_left(17).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            prop_assert_eq!(build(&forward), build(&shuffled));
        }
    }
}
