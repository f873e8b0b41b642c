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

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{Code, Error, Result};
use crate::ids::{ContentKey, from_hex};
use crate::manifest::bucket::meta_digest;
use crate::manifest::disk::io_error;
use crate::manifest::header::Header;
use crate::manifest::keyspace::{Keyspace, prefix_of};
use crate::manifest::meta::Meta;
use crate::manifest::reply::{Frame, MetaMode};
use folder::{Buckets, Column, Folder};

pub(super) mod folder;
mod nodes;
mod numbers;
mod recompute;

/// After so many replies the upper levels of the tree are read into memory: whoever asks once does not wait for that.
const WARM_AFTER: u32 = 64;

/// The files of one keyspace, open for reading. Shared freely between threads: every read names its place.
#[derive(Debug)]
pub struct KeyspaceFiles {
    folder: Folder,
    header: Header,
    meta: Option<Column>,
    replies: AtomicU32,
    nodes: OnceLock<Option<nodes::Nodes>>,
}

/// Opens a keyspace's folder. The header must be canonical, and give the folder its name if that is an id.
///
/// # Errors
/// `file_access` if a file cannot be opened; `manifest_invalid` if the header is not one, is another's, or gives a file
/// another length.
pub fn open(folder: &Path) -> Result<KeyspaceFiles> {
    let path = folder;
    let (folder, header) = Folder::open(path, Header::parse)?;
    let rows = folder.keyspace().has_meta().then(|| folder.keyspace().n() * Meta::LEN as u64);
    Ok(KeyspaceFiles {
        meta: rows.map(|len| Column::open(path, "meta.bin", len)).transpose()?,
        folder,
        header,
        replies: AtomicU32::new(0),
        nodes: OnceLock::new(),
    })
}

/// Recomputes a keyspace from its keys: order, placement, offsets, meta rows, every hash of the tree, the root and the
/// padded lengths. What is opened and passes this is what its header says.
///
/// # Errors
/// Those of [`open`]; `manifest_invalid` at the first file that says something else than the keys.
pub fn check(folder: &Path) -> Result<KeyspaceFiles> {
    let files = open(folder)?;
    files.recompute()?;
    files.check_numbers()?;
    Ok(files)
}

impl KeyspaceFiles {
    /// The parameters.
    pub const fn keyspace(&self) -> &Keyspace {
        self.folder.keyspace()
    }

    /// What the header says.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The reply to the question for the first `depth` bits `prefix`, padded.
    ///
    /// # Errors
    /// `bad_request` for a prefix that there is not; `too_large` for one so short that the reply would have more than
    /// [`MAX_REPLY_BUCKETS`](super::MAX_REPLY_BUCKETS); `manifest_invalid` or `file_access` if the files are damaged.
    pub fn reply(&self, depth: u8, prefix: u64, mode: MetaMode) -> Result<Vec<u8>> {
        let buckets = self.folder.under(depth, prefix)?;
        let nodes = self.warm()?;
        let (from, to) = match nodes.and_then(|nodes| nodes.bounds(buckets.first, buckets.first + buckets.count - 1)) {
            Some(bounds) => bounds,
            None => {
                let starts = self.starts(buckets)?;
                (starts[0], starts[starts.len() - 1])
            }
        };
        let layout = self.keyspace().layout();
        let padded = self.header.padded_reply(depth, mode).unwrap_or(0);
        let mut frame = Frame::new(&layout, depth, prefix, to - from, mode, padded);
        self.folder.keys.read_into(frame.keys(), from * layout.key_len.bytes() as u64)?;
        match (&self.meta, mode) {
            (None, _) => {}
            (Some(meta), MetaMode::Rows) => meta.read_into(frame.column(), from * Meta::LEN as u64)?,
            (Some(meta), MetaMode::Digests) => {
                let rows = meta.read(from * Meta::LEN as u64, (to - from) * Meta::LEN as u64)?;
                let starts = self.starts(buckets)?;
                let row = |place: u64| (place - from) as usize * Meta::LEN;
                for (digest, pair) in frame.column().chunks_exact_mut(32).zip(starts.windows(2)) {
                    digest.copy_from_slice(&meta_digest(&rows[row(pair[0])..row(pair[1])]));
                }
            }
        }
        let path = match nodes {
            Some(nodes) => {
                let leaves = &self.folder.tree[0];
                nodes.path(leaves.file(), depth, prefix).map_err(|e| io_error(leaves.path(), &e))?
            }
            None => self.folder.path_from(depth, prefix)?,
        };
        frame.path(&path);
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
        let (leaves, offs) = (&self.folder.tree[0], &self.folder.offs);
        let read = nodes::Nodes::read(leaves.file(), offs.file(), self.keyspace().n(), self.keyspace().t());
        let nodes = read.map_err(|e| io_error(leaves.path(), &e))?;
        Ok(self.nodes.get_or_init(|| nodes).as_ref())
    }

    /// The reply of this depth that answers for a key.
    ///
    /// # Errors
    /// Those of [`KeyspaceFiles::reply`].
    pub fn reply_for(&self, key: &ContentKey, depth: u8, mode: MetaMode) -> Result<Vec<u8>> {
        self.reply(depth, prefix_of(key, depth.min(self.keyspace().t())), mode)
    }

    /// Where some buckets begin, and where the last of them ends, counted in keys.
    fn starts(&self, of: Buckets) -> Result<Vec<u64>> {
        self.folder.starts(&self.folder.offs, of, self.keyspace().n())
    }
}

/// The keyspaces in a folder: the folder itself if it has a header, else every subfolder named by an id, in order.
///
/// # Errors
/// `file_access` if the folder cannot be listed; `manifest_invalid` if there is no keyspace in it.
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
    fn buckets_begin_and_end_at_the_same_places_however_much_is_read_of_them() {
        let dir = tempfile::tempdir().unwrap();
        let files = open(&build(dir.path(), 700)).unwrap();
        let (folder, offs, n) = (&files.folder, &files.folder.offs, files.keyspace().n());
        for (depth, prefix) in [(0, 0), (1, 1), (2, 1), (4, 0), (4, 15)] {
            let buckets = folder.under(depth, prefix).unwrap();
            let starts = folder.starts(offs, buckets, n).unwrap();
            assert_eq!(starts.len() as u64, buckets.count + 1);
            assert_eq!(folder.span(offs, buckets, n).unwrap(), (starts[0], starts[starts.len() - 1]));
        }
        // A column that ends before its last bucket begins.
        let last = folder.under(4, 15).unwrap();
        assert_eq!(folder.starts(offs, last, 1).unwrap_err().code(), Code::ManifestInvalid);
        assert_eq!(folder.span(offs, last, 1).unwrap_err().code(), Code::ManifestInvalid);
        assert_eq!(folder.under(5, 0).unwrap_err().code(), Code::BadRequest);
        assert_eq!(folder.under(2, 4).unwrap_err().code(), Code::BadRequest);
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
