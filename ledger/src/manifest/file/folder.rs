//! What the folder of a keyspace and that of a run have in common, open for reading: sorted keys in 2^t buckets, and the
//! Merkle tree over the buckets.
//!
//! Every read names its place, so that a folder is shared freely between threads. Opening holds the length of each file
//! against the header and reads nothing else; what is in the files is not trusted here, see [`super`].

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result};
use crate::ids::{KeyspaceId, from_hex};
use crate::manifest::disk::{io_error, read_up_to};
use crate::manifest::header::MAX_HEADER;
use crate::manifest::keyspace::Keyspace;
use crate::manifest::reply::MAX_REPLY_BUCKETS;
use crate::manifest::tree::{TILE_HEIGHT, fold, siblings, stored_count, stored_under};
use crate::merkle::NodeHash;

/// The files that every keyspace has.
#[derive(Debug)]
pub(in crate::manifest) struct Folder {
    path: PathBuf,
    keyspace: Keyspace,
    /// n keys, ascending.
    pub(in crate::manifest) keys: Column,
    /// Where each bucket's first key is, counted in keys.
    pub(in crate::manifest) offs: Column,
    /// The stored levels of the tree, the leaves first.
    pub(in crate::manifest) tree: Vec<Column>,
}

/// The buckets that begin with the bits that a question names.
#[derive(Debug, Clone, Copy)]
pub(in crate::manifest) struct Buckets {
    pub(in crate::manifest) first: u64,
    pub(in crate::manifest) count: u64,
}

impl Folder {
    /// Opens the folder whose header `parse` reads. It must be canonical, and give the folder its name if that is an id.
    pub(in crate::manifest) fn open<H>(
        path: &Path,
        parse: impl FnOnce(&[u8]) -> Result<(H, Keyspace)>,
    ) -> Result<(Self, H)> {
        let header = path.join("header.json");
        let bytes = read_up_to(&header, MAX_HEADER as u64)?;
        let (header, keyspace) = parse(&bytes).map_err(|e| e.at(header.display().to_string()))?;
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| from_hex(name).ok());
        if name.is_some_and(|name| KeyspaceId::from_bytes(name) != keyspace.id()) {
            let detail = format!("the header's digest is {}, the folder's name is another", keyspace.id());
            return Err(Error::new(Code::ManifestInvalid, detail).at(path.display().to_string()));
        }
        let buckets = 1u64 << keyspace.t();
        let tree = (0..stored_count(keyspace.t()))
            .map(|level| Column::open(path, &format!("tree/{level}"), 32 * (buckets >> (level * TILE_HEIGHT))))
            .collect::<Result<_>>()?;
        let keys = Column::open(path, "keys.bin", keyspace.n() * keyspace.key_len().bytes() as u64)?;
        let offs = Column::open(path, "offs.bin", 8 * buckets)?;
        Ok((Self { path: path.to_owned(), keyspace, keys, offs, tree }, header))
    }

    pub(in crate::manifest) const fn keyspace(&self) -> &Keyspace {
        &self.keyspace
    }

    pub(in crate::manifest) fn path(&self) -> &Path {
        &self.path
    }

    /// The buckets that a question for the first `depth` bits `prefix` is about.
    ///
    /// # Errors
    /// `bad_request` for a prefix that the tree does not have, `too_large` for more than [`MAX_REPLY_BUCKETS`].
    pub(in crate::manifest) fn under(&self, depth: u8, prefix: u64) -> Result<Buckets> {
        let t = self.keyspace.t();
        if depth > t || prefix >> depth != 0 {
            return Err(Error::new(Code::BadRequest, format!("there is no prefix {prefix} of {depth} bits")));
        }
        let height = t - depth;
        if 1u64 << height > MAX_REPLY_BUCKETS {
            return Err(Error::new(Code::TooLarge, format!("a prefix of {depth} bits is too short: take the keys")));
        }
        Ok(Buckets { first: prefix << height, count: 1 << height })
    }

    /// Where some buckets begin, and where the last of them ends, in a column of 2^t places that end at `most`: never
    /// descending, at most `most`. Reads 8 bytes for each of them.
    pub(in crate::manifest) fn starts(&self, places: &Column, of: Buckets, most: u64) -> Result<Vec<u64>> {
        let last = self.are_last(of);
        let wanted = if last { of.count } else { of.count + 1 };
        let mut starts: Vec<u64> = numbers(&places.read(8 * of.first, 8 * wanted)?).collect();
        if last {
            starts.push(most);
        }
        if starts.windows(2).any(|pair| pair[0] > pair[1]) || starts.last() > Some(&most) {
            return Err(places.wrong("the buckets overlap"));
        }
        Ok(starts)
    }

    /// Where some buckets begin and where they end, as [`Folder::starts`] says it, without what is between. Reads 16 bytes.
    pub(in crate::manifest) fn span(&self, places: &Column, of: Buckets, most: u64) -> Result<(u64, u64)> {
        let start =
            |bucket: u64| -> Result<u64> { Ok(numbers(&places.read(8 * bucket, 8)?).next().unwrap_or_default()) };
        let to = if self.are_last(of) { most } else { start(of.first + of.count)? };
        let from = start(of.first)?;
        if from <= to && to <= most { Ok((from, to)) } else { Err(places.wrong("the buckets overlap")) }
    }

    fn are_last(&self, of: Buckets) -> bool {
        of.first + of.count == 1 << self.keyspace.t()
    }

    /// The nodes beside the way from the subtree `prefix` at `depth` up to the root.
    pub(in crate::manifest) fn path_from(&self, depth: u8, prefix: u64) -> Result<Vec<NodeHash>> {
        siblings(self.keyspace.t(), depth, prefix).map(|(level, index)| self.node(level, index)).collect()
    }

    fn node(&self, level: u8, index: u64) -> Result<NodeHash> {
        let (stored, first, count) = stored_under(level, index);
        let level = self.tree.get(usize::from(stored));
        let level = level.ok_or_else(|| self.wrong(&format!("tree/{stored}"), "there is no such level"))?;
        let bytes = level.read(32 * first, 32 * count as u64)?;
        fold(nodes(&bytes).collect()).ok_or_else(|| level.wrong("there is no such node"))
    }

    /// The files are not what the header says.
    pub(in crate::manifest) fn wrong(&self, name: &str, detail: &str) -> Error {
        wrong(&self.path.join(name), detail)
    }
}

/// One file of a folder, as long as the header says.
#[derive(Debug)]
pub(in crate::manifest) struct Column {
    path: PathBuf,
    file: File,
}

impl Column {
    /// Opens a file of `len` bytes.
    pub(in crate::manifest) fn open(folder: &Path, name: &str, len: u64) -> Result<Self> {
        let path = folder.join(name);
        let file = File::open(&path).map_err(|e| io_error(&path, &e))?;
        let found = file.metadata().map_err(|e| io_error(&path, &e))?.len();
        if found == len {
            return Ok(Self { path, file });
        }
        Err(wrong(&path, &format!("{found} bytes, and the header says {len}")))
    }

    pub(in crate::manifest) const fn file(&self) -> &File {
        &self.file
    }

    pub(in crate::manifest) fn path(&self) -> &Path {
        &self.path
    }

    pub(in crate::manifest) fn read(&self, at: u64, len: u64) -> Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
        self.read_into(&mut bytes, at)?;
        Ok(bytes)
    }

    pub(in crate::manifest) fn read_into(&self, bytes: &mut [u8], at: u64) -> Result<()> {
        self.file.read_exact_at(bytes, at).map_err(|e| io_error(&self.path, &e))
    }

    /// The file is not what the header says.
    pub(in crate::manifest) fn wrong(&self, detail: &str) -> Error {
        wrong(&self.path, detail)
    }
}

fn wrong(path: &Path, detail: &str) -> Error {
    Error::new(Code::ManifestInvalid, detail).at(path.display().to_string())
}

/// The numbers that stand in a column, 8 bytes each, the highest first.
pub(super) fn numbers(bytes: &[u8]) -> impl Iterator<Item = u64> + '_ {
    bytes.as_chunks::<8>().0.iter().map(|number| u64::from_be_bytes(*number))
}

/// The hashes that stand in a level of a tree.
pub(super) fn nodes(bytes: &[u8]) -> impl Iterator<Item = NodeHash> + '_ {
    bytes.as_chunks::<32>().0.iter().map(|hash| NodeHash::from_bytes(*hash))
}
