//! A keyspace's folder: opening it, answering from it, and recomputing all of it.
//!
//! ```text
//! <id>/header.json      see header.rs
//!      keys.bin         n keys, ascending, 32 or 16 bytes each
//!      offs.bin         2^t numbers of 8 bytes: the place of each bucket's first key, counted in keys
//!      meta.bin         n rows of 14 bytes, where the header says so
//!      tree/0, tree/1…  see tree.rs
//!      universe.bin     all numbers of a dump, beside pages or revisions that are made of them; see universe.rs
//!      bitmap.bin       which numbers of another keyspace's universe this one holds
//! ```
//!
//! Opening reads the header only and holds the sizes of the files against it; [`check`] reads everything. A reply made
//! from damaged files is worthless and not wrong: the client's check fails. DESIGN §7.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{Code, Error, Result};
use crate::ids::{ContentKey, KeyspaceId, from_hex};
use crate::manifest::bucket::{MAX_BUCKET, meta_digest};
use crate::manifest::disk::io_error;
use crate::manifest::header::{Header, MAX_HEADER, PaddedLengths};
use crate::manifest::keyspace::{Keyspace, prefix_of};
use crate::manifest::meta::Meta;
use crate::manifest::reply::{Frame, MAX_REPLY_BUCKETS, MetaMode};
use crate::manifest::tree::{Growing, TILE_HEIGHT, fold, siblings, stored_count, stored_under};
use crate::merkle::NodeHash;

mod nodes;
mod numbers;

/// After so many replies the upper levels of the tree are read into memory: whoever asks once does not wait for that.
const WARM_AFTER: u32 = 64;

/// The files of one keyspace, open for reading. Shared freely between threads: every read names its place.
#[derive(Debug)]
pub struct KeyspaceFiles {
    path: PathBuf,
    header: Header,
    keyspace: Keyspace,
    keys: File,
    offs: File,
    meta: Option<File>,
    tree: Vec<File>,
    replies: AtomicU32,
    nodes: OnceLock<Option<nodes::Nodes>>,
}

/// Opens a keyspace's folder. The header must be canonical, and give the folder its name if that is an id.
pub fn open(folder: &Path) -> Result<KeyspaceFiles> {
    let path = folder.join("header.json");
    let file = File::open(&path).map_err(|e| io_error(&path, &e))?;
    let mut bytes = Vec::new();
    file.take(MAX_HEADER as u64 + 1).read_to_end(&mut bytes).map_err(|e| io_error(&path, &e))?;
    let (header, keyspace) = Header::parse(&bytes).map_err(|e| e.at(path.display().to_string()))?;
    let name = folder.file_name().and_then(|name| name.to_str()).and_then(|name| from_hex(name).ok());
    if let Some(name) = name.map(KeyspaceId::from_bytes)
        && name != keyspace.id()
    {
        let detail = format!("the header's digest is {}, the folder's name is another", keyspace.id());
        return Err(Error::new(Code::ManifestInvalid, detail).at(folder.display().to_string()));
    }
    let (n, buckets) = (keyspace.n(), 1u64 << keyspace.t());
    let sized = |name: &str, expected: u64| sized_file(folder, name, expected);
    let tree = (0..stored_count(keyspace.t()))
        .map(|level| sized(&format!("tree/{level}"), 32 * (buckets >> (level * TILE_HEIGHT))))
        .collect::<Result<_>>()?;
    Ok(KeyspaceFiles {
        keys: sized("keys.bin", n * keyspace.key_len().bytes() as u64)?,
        offs: sized("offs.bin", 8 * buckets)?,
        meta: keyspace.has_meta().then(|| sized("meta.bin", n * Meta::LEN as u64)).transpose()?,
        tree,
        replies: AtomicU32::new(0),
        nodes: OnceLock::new(),
        path: folder.to_owned(),
        header,
        keyspace,
    })
}

fn sized_file(folder: &Path, name: &str, expected: u64) -> Result<File> {
    let path = folder.join(name);
    let file = File::open(&path).map_err(|e| io_error(&path, &e))?;
    let found = file.metadata().map_err(|e| io_error(&path, &e))?.len();
    if found == expected {
        Ok(file)
    } else {
        let detail = format!("{found} bytes, and the header says {expected}");
        Err(Error::new(Code::ManifestInvalid, detail).at(path.display().to_string()))
    }
}

/// Recomputes a keyspace from its keys: order, placement, offsets, meta rows, every hash of the tree, the root and the
/// padded lengths. What is opened and passes this is what its header says.
pub fn check(folder: &Path) -> Result<KeyspaceFiles> {
    let files = open(folder)?;
    files.recompute()?;
    files.check_numbers()?;
    Ok(files)
}

impl KeyspaceFiles {
    /// The parameters.
    pub const fn keyspace(&self) -> &Keyspace {
        &self.keyspace
    }

    /// What the header says.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The reply to the question for the first `depth` bits `prefix`, padded. Refuses a prefix so short that the reply
    /// would have more than [`MAX_REPLY_BUCKETS`].
    pub fn reply(&self, depth: u8, prefix: u64, mode: MetaMode) -> Result<Vec<u8>> {
        let t = self.keyspace.t();
        if depth > t || prefix >> depth != 0 {
            return Err(Error::new(Code::BadRequest, format!("there is no prefix {prefix} of {depth} bits")));
        }
        let height = t - depth;
        if 1u64 << height > MAX_REPLY_BUCKETS {
            return Err(Error::new(Code::TooLarge, format!("a prefix of {depth} bits is too short: take the keys")));
        }
        let nodes = self.warm()?;
        let (first, last) = (prefix << height, (prefix << height) + (1 << height) - 1);
        let (from, to) = match nodes.and_then(|nodes| nodes.bounds(first, last)) {
            Some(bounds) => bounds,
            None => {
                let starts = self.starts(first, 1 << height)?;
                (starts[0], starts[starts.len() - 1])
            }
        };
        let layout = self.keyspace.layout();
        let padded = self.header.padded_reply(depth, mode).unwrap_or(0);
        let mut frame = Frame::new(&layout, depth, prefix, to - from, mode, padded);
        self.read_into(frame.keys(), &self.keys, "keys.bin", from * layout.key_len.bytes() as u64)?;
        match (&self.meta, mode) {
            (None, _) => {}
            (Some(meta), MetaMode::Rows) => {
                self.read_into(frame.column(), meta, "meta.bin", from * Meta::LEN as u64)?;
            }
            (Some(meta), MetaMode::Digests) => {
                let rows = self.read(meta, "meta.bin", from * Meta::LEN as u64, (to - from) as usize * Meta::LEN)?;
                let starts = self.starts(first, 1 << height)?;
                let row = |place: u64| (place - from) as usize * Meta::LEN;
                for (digest, pair) in frame.column().chunks_exact_mut(32).zip(starts.windows(2)) {
                    digest.copy_from_slice(&meta_digest(&rows[row(pair[0])..row(pair[1])]));
                }
            }
        }
        match nodes {
            Some(nodes) => {
                let path = nodes.path(&self.tree[0], depth, prefix);
                frame.path(&path.map_err(|e| io_error(&self.path.join("tree/0"), &e))?);
            }
            None => {
                let path = siblings(t, depth, prefix).map(|(level, index)| self.node(level, index));
                frame.path(&path.collect::<Result<Vec<_>>>()?);
            }
        }
        Ok(frame.finish())
    }

    /// The upper levels of the tree, once the keyspace is asked often.
    fn warm(&self) -> Result<Option<&nodes::Nodes>> {
        if let Some(nodes) = self.nodes.get() {
            return Ok(nodes.as_ref());
        }
        // Exactly one reply reads them; those that come meanwhile do without.
        if self.replies.fetch_add(1, Ordering::Relaxed) != WARM_AFTER {
            return Ok(None);
        }
        let read = nodes::Nodes::read(&self.tree[0], &self.offs, self.keyspace.n(), self.keyspace.t());
        let nodes = read.map_err(|e| io_error(&self.path.join("tree/0"), &e))?;
        Ok(self.nodes.get_or_init(|| nodes).as_ref())
    }

    /// The reply of this depth that answers for a key.
    pub fn reply_for(&self, key: &ContentKey, depth: u8, mode: MetaMode) -> Result<Vec<u8>> {
        self.reply(depth, prefix_of(key, depth.min(self.keyspace.t())), mode)
    }

    /// Where `count` buckets from `first` on begin, and where the last of them ends: never descending, at most n.
    fn starts(&self, first: u64, count: usize) -> Result<Vec<u64>> {
        let last = first + count as u64 == 1 << self.keyspace.t();
        let wanted = if last { count } else { count + 1 };
        let bytes = self.read(&self.offs, "offs.bin", 8 * first, 8 * wanted)?;
        let mut starts: Vec<u64> =
            bytes.chunks_exact(8).map(|c| c.iter().fold(0, |n, byte| n << 8 | u64::from(*byte))).collect();
        if last {
            starts.push(self.keyspace.n());
        }
        if starts.windows(2).any(|pair| pair[0] > pair[1]) || starts.last() > Some(&self.keyspace.n()) {
            return Err(self.wrong("offs.bin", "the buckets overlap"));
        }
        Ok(starts)
    }

    fn node(&self, level: u8, index: u64) -> Result<NodeHash> {
        let (stored, first, count) = stored_under(level, index);
        let name = format!("tree/{stored}");
        let file = self.tree.get(usize::from(stored)).ok_or_else(|| self.wrong(&name, "there is no such level"))?;
        let bytes = self.read(file, &name, 32 * first, 32 * count)?;
        let nodes = bytes.chunks_exact(32).filter_map(|c| c.try_into().ok()).map(NodeHash::from_bytes).collect();
        fold(nodes).ok_or_else(|| self.wrong(&name, "there is no such node"))
    }

    fn read(&self, file: &File, name: &str, at: u64, len: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        self.read_into(&mut bytes, file, name, at)?;
        Ok(bytes)
    }

    fn read_into(&self, bytes: &mut [u8], file: &File, name: &str, at: u64) -> Result<()> {
        file.read_exact_at(bytes, at).map_err(|e| io_error(&self.path.join(name), &e))
    }

    fn recompute(&self) -> Result<()> {
        let (layout, n, t) = (self.keyspace.layout(), self.keyspace.n(), self.keyspace.t());
        let len = layout.key_len.bytes();
        let licenses = self.header.licenses().len();
        let mut items = 0u64;
        let mut end = 0;
        let mut lengths = PaddedLengths::new(layout);
        let mut tree = Growing::new(t);
        let mut stored = Stored::of(&self.tree);
        for i in 0..1u64 << t {
            let starts = self.starts(i, 1)?;
            if starts[0] != end {
                return Err(self.wrong("offs.bin", &format!("bucket {i} does not begin where the one before it ends")));
            }
            end = starts[1];
            let count = (end - starts[0]) as usize;
            // A bucket above its limit is refused below; reading it first must not cost more than the limit.
            if layout.bucket_len(count) > MAX_BUCKET {
                return Err(self.wrong("offs.bin", &format!("bucket {i} has {count} keys")));
            }
            let keys = self.read(&self.keys, "keys.bin", starts[0] * len as u64, count * len)?;
            let digest = match &self.meta {
                None => None,
                Some(meta) => {
                    let rows = self.read(meta, "meta.bin", starts[0] * Meta::LEN as u64, count * Meta::LEN)?;
                    for row in rows.chunks_exact(Meta::LEN).filter_map(|row| row.try_into().ok()).map(Meta::from_bytes)
                    {
                        if usize::from(row.license) >= licenses || row.multiplicity == 0 {
                            return Err(self.wrong("meta.bin", &format!("bucket {i} has a row that cannot be")));
                        }
                        items += u64::from(row.multiplicity);
                    }
                    Some(meta_digest(&rows))
                }
            };
            let leaf = layout.leaf(i, &keys, digest.as_ref());
            let leaf = leaf.map_err(|broken| self.wrong("keys.bin", &format!("bucket {i}: {broken}")))?;
            lengths.push(count as u64);
            tree.push(leaf.into(), &mut |level, node| {
                let name = || format!("tree/{level}");
                match stored.next_is(level, node).map_err(|e| io_error(&self.path.join(name()), &e))? {
                    true => Ok(()),
                    false => Err(self.wrong(&name(), &format!("a node above bucket {i} is not what the buckets give"))),
                }
            })?;
        }
        if end != n {
            return Err(self.wrong("offs.bin", "the buckets end before the keys"));
        }
        if lengths.finish() != self.header.max_reply() {
            return Err(self.wrong("header.json", "maxReply is not what the buckets give"));
        }
        // The largest multiplicity stands for itself and more, so only what is too small is wrong for sure.
        if self.meta.is_some() && items > n + self.header.duplicates() {
            return Err(self.wrong("header.json", "the rows count more items than keys and duplicates"));
        }
        if tree.root().map(Into::into) == Some(self.keyspace.root()) {
            Ok(())
        } else {
            Err(self.wrong("header.json", "the root is not what the buckets give"))
        }
    }

    fn wrong(&self, name: &str, detail: &str) -> Error {
        Error::new(Code::ManifestInvalid, detail).at(self.path.join(name).display().to_string())
    }
}

/// The stored levels of a tree, each read from its beginning and a tile at a time.
struct Stored<'a> {
    levels: Vec<StoredLevel<'a>>,
}

struct StoredLevel<'a> {
    file: &'a File,
    /// Where the next tile begins.
    next: u64,
    tile: Vec<u8>,
    /// How much of the tile was compared.
    at: usize,
}

impl<'a> Stored<'a> {
    fn of(files: &'a [File]) -> Self {
        let level = |file| StoredLevel { file, next: 0, tile: Vec::new(), at: 0 };
        Self { levels: files.iter().map(level).collect() }
    }

    /// Whether the next node of a level is this one.
    fn next_is(&mut self, level: u8, node: &NodeHash) -> io::Result<bool> {
        let Some(level) = self.levels.get_mut(usize::from(level)) else { return Ok(false) };
        if level.at == level.tile.len() {
            level.tile.resize(32 << TILE_HEIGHT, 0);
            let mut len = 0;
            while len < level.tile.len() {
                match level.file.read_at(&mut level.tile[len..], level.next + len as u64)? {
                    0 => break,
                    more => len += more,
                }
            }
            level.tile.truncate(len);
            level.next += len as u64;
            level.at = 0;
        }
        let found = level.tile.get(level.at..level.at + 32);
        level.at += 32;
        Ok(found == Some(node.as_bytes().as_slice()))
    }
}

/// The keyspaces in a folder: the folder itself if it has a header, else every subfolder named by an id, in order.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    if folder.join("header.json").is_file() {
        return Ok(vec![folder.to_owned()]);
    }
    let entries = fs::read_dir(folder).map_err(|e| io_error(folder, &e))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>();
    let mut paths = paths.map_err(|e| io_error(folder, &e))?;
    let is_id =
        |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).is_some_and(|name| from_hex(name).is_ok());
    paths.retain(|path| is_id(path) && path.is_dir());
    paths.sort();
    if paths.is_empty() {
        return Err(Error::new(Code::ManifestInvalid, "there is no keyspace here").at(folder.display().to_string()));
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::manifest::{About, Builder, Item, Kind, Source, Spec, key};

    fn build(dir: &Path, n: u64) -> PathBuf {
        let mut builder = Builder::new(Spec::of_kind(Kind::RawSha256).unwrap());
        for i in 0..n {
            builder.push(key::raw_sha256(&i.to_be_bytes()), Item { license: 0, ordinal: i }).unwrap();
        }
        let source = Source { sha256: "00".repeat(32), bytes: 1, items: n, reader: "digests".into(), wiki: None };
        let about = About { source, coverage: "Test.".into(), licenses: vec!["CC0-1.0".into()] };
        let (_, keyspace) = builder.finish(dir, about).unwrap();
        dir.join(keyspace.id().to_hex())
    }

    #[test]
    fn every_damaged_byte_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let folder = build(dir.path(), 700);
        assert_eq!(check(&folder).unwrap().keyspace().t(), 4);
        for name in ["header.json", "keys.bin", "offs.bin", "meta.bin", "tree/0"] {
            let path = folder.join(name);
            let whole = fs::read(&path).unwrap();
            let step = whole.len() / 40 + 1;
            for at in (0..whole.len()).step_by(step).chain([whole.len() - 1]) {
                let mut damaged = whole.clone();
                damaged[at] ^= 0x01;
                fs::write(&path, &damaged).unwrap();
                let error = check(&folder).map(|_| ()).unwrap_err();
                assert_eq!(error.code(), Code::ManifestInvalid, "{name} byte {at}");
            }
            for cut in [&whole[..whole.len() - 1], &[whole.as_slice(), b"x"].concat()] {
                fs::write(&path, cut).unwrap();
                assert!(open(&folder).is_err(), "{name} of another length");
            }
            fs::write(&path, &whole).unwrap();
        }
        check(&folder).unwrap();
        fs::remove_file(folder.join("meta.bin")).unwrap();
        assert_eq!(open(&folder).unwrap_err().code(), Code::FileAccess);
    }

    /// The same bytes from the stored levels and from those in memory, at every depth and prefix.
    #[test]
    fn replies_are_the_same_before_and_after_the_tree_is_in_memory() {
        let dir = tempfile::tempdir().unwrap();
        let folder = build(dir.path(), 20_000);
        let files = open(&folder).unwrap();
        let t = files.keyspace().t();
        let asked: Vec<(u8, u64)> =
            (0..=t).flat_map(|d| (0..(1u64 << d).min(7)).map(move |p| (d, (1 << d) - 1 - p))).collect();
        let ask = |files: &KeyspaceFiles| -> Vec<Vec<u8>> {
            let modes = [MetaMode::Rows, MetaMode::Digests];
            modes.iter().flat_map(|m| asked.iter().map(|(d, p)| files.reply(*d, *p, *m).unwrap())).collect()
        };
        let cold: Vec<Vec<u8>> = [MetaMode::Rows, MetaMode::Digests]
            .iter()
            .flat_map(|m| asked.iter().map(|(d, p)| open(&folder).unwrap().reply(*d, *p, *m).unwrap()))
            .collect();
        ask(&files);
        assert!(files.nodes.get().is_some_and(Option::is_some));
        assert_eq!(ask(&files), cold);
    }

    #[test]
    fn a_folder_of_another_name_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let folder = build(dir.path(), 3);
        let other = dir.path().join("00".repeat(32));
        fs::rename(&folder, &other).unwrap();
        assert_eq!(open(&other).unwrap_err().code(), Code::ManifestInvalid);
        let plain = dir.path().join("anything");
        fs::rename(&other, &plain).unwrap();
        open(&plain).unwrap();
    }

    #[test]
    fn keyspaces_are_listed_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        assert!(list(dir.path()).is_err());
        let (a, b) = (build(dir.path(), 3), build(dir.path(), 4));
        fs::create_dir(dir.path().join("raw-sha256.partial-1")).unwrap();
        let mut both = vec![a.clone(), b];
        both.sort();
        assert_eq!(list(dir.path()).unwrap(), both);
        assert_eq!(list(&a).unwrap(), [a]);
    }
}
