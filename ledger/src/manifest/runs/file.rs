//! A run's folder, open for reading.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result};
use crate::ids::{KeyspaceId, from_hex};
use crate::manifest::disk::io_error;
use crate::manifest::header::MAX_HEADER;
use crate::manifest::keyspace::Keyspace;
use crate::manifest::reply::MAX_REPLY_BUCKETS;
use crate::manifest::rollup::{RunHeader, RunParts, encode_run};
use crate::manifest::tree::{TILE_HEIGHT, fold, siblings, stored_count, stored_under};
use crate::merkle::NodeHash;

/// The files of one run. Shared freely between threads: every read names its place.
#[derive(Debug)]
pub struct RunFiles {
    path: PathBuf,
    header: RunHeader,
    keyspace: Keyspace,
    keys: File,
    offs: File,
    lists: File,
    lofs: File,
    tree: Vec<File>,
}

/// Opens a run's folder. The header must be canonical, and give the folder its name if that is an id.
pub fn open_run(folder: &Path) -> Result<RunFiles> {
    let path = folder.join("header.json");
    let file = File::open(&path).map_err(|e| io_error(&path, &e))?;
    let mut bytes = Vec::new();
    file.take(MAX_HEADER as u64 + 1).read_to_end(&mut bytes).map_err(|e| io_error(&path, &e))?;
    let (header, keyspace) = RunHeader::parse(&bytes).map_err(|e| e.at(path.display().to_string()))?;
    let name = folder.file_name().and_then(|name| name.to_str()).and_then(|name| from_hex(name).ok());
    if name.is_some_and(|name| KeyspaceId::from_bytes(name) != keyspace.id()) {
        let detail = format!("the header's digest is {}, the folder's name is another", keyspace.id());
        return Err(Error::new(Code::ManifestInvalid, detail).at(folder.display().to_string()));
    }
    let buckets = 1u64 << keyspace.t();
    let sized = |name: &str, expected: u64| {
        let path = folder.join(name);
        let file = File::open(&path).map_err(|e| io_error(&path, &e))?;
        let found = file.metadata().map_err(|e| io_error(&path, &e))?.len();
        if found == expected {
            return Ok(file);
        }
        let detail = format!("{found} bytes, and the header says {expected}");
        Err(Error::new(Code::ManifestInvalid, detail).at(path.display().to_string()))
    };
    let tree = (0..stored_count(keyspace.t()))
        .map(|level| sized(&format!("tree/{level}"), 32 * (buckets >> (level * TILE_HEIGHT))))
        .collect::<Result<_>>()?;
    Ok(RunFiles {
        keys: sized("keys.bin", keyspace.n() * keyspace.key_len().bytes() as u64)?,
        offs: sized("offs.bin", 8 * buckets)?,
        lists: sized("lists.bin", header.list_bytes())?,
        lofs: sized("lofs.bin", 8 * buckets)?,
        tree,
        path: folder.to_owned(),
        header,
        keyspace,
    })
}

impl RunFiles {
    /// The parameters.
    pub const fn keyspace(&self) -> &Keyspace {
        &self.keyspace
    }

    /// What the header says.
    pub const fn header(&self) -> &RunHeader {
        &self.header
    }

    /// The reply to the question for the first `depth` bits `prefix`, padded.
    pub fn reply(&self, depth: u8, prefix: u64) -> Result<Vec<u8>> {
        let t = self.keyspace.t();
        if depth > t || prefix >> depth != 0 {
            return Err(Error::new(Code::BadRequest, format!("there is no prefix {prefix} of {depth} bits")));
        }
        let height = t - depth;
        if 1u64 << height > MAX_REPLY_BUCKETS {
            return Err(Error::new(Code::TooLarge, format!("a prefix of {depth} bits is too short: take the keys")));
        }
        let (first, count) = (prefix << height, 1u64 << height);
        let len = self.keyspace.key_len().bytes() as u64;
        let (from, to) = self.span(&self.offs, "offs.bin", first, count, self.keyspace.n())?;
        let keys = self.read(&self.keys, "keys.bin", from * len, (to - from) * len)?;
        let (from, to) = self.span(&self.lofs, "lofs.bin", first, count, self.header.list_bytes())?;
        let lists = self.read(&self.lists, "lists.bin", from, to - from)?;
        let path: Vec<NodeHash> =
            siblings(t, depth, prefix).map(|(level, index)| self.node(level, index)).collect::<Result<_>>()?;
        let parts = RunParts { depth, prefix, keys: &keys, lists: &lists, path: &path };
        Ok(encode_run(&parts, self.header.padded_reply(depth).unwrap_or(0) as usize))
    }

    /// Where `count` buckets from `first` on begin and end, of a column that ends at `most`.
    fn span(&self, file: &File, name: &str, first: u64, count: u64, most: u64) -> Result<(u64, u64)> {
        let start = |i: u64| -> Result<u64> {
            let bytes = self.read(file, name, 8 * i, 8)?;
            Ok(bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)))
        };
        let to = if first + count == 1 << self.keyspace.t() { most } else { start(first + count)? };
        let from = start(first)?;
        if from <= to && to <= most { Ok((from, to)) } else { Err(self.wrong(name, "the buckets overlap")) }
    }

    fn node(&self, level: u8, index: u64) -> Result<NodeHash> {
        let (stored, first, count) = stored_under(level, index);
        let name = format!("tree/{stored}");
        let file = self.tree.get(usize::from(stored)).ok_or_else(|| self.wrong(&name, "there is no such level"))?;
        let bytes = self.read(file, &name, 32 * first, 32 * count as u64)?;
        let nodes = bytes.chunks_exact(32).filter_map(|c| c.try_into().ok()).map(NodeHash::from_bytes).collect();
        fold(nodes).ok_or_else(|| self.wrong(&name, "there is no such node"))
    }

    fn read(&self, file: &File, name: &str, at: u64, len: u64) -> Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
        file.read_exact_at(&mut bytes, at).map_err(|e| io_error(&self.path.join(name), &e))?;
        Ok(bytes)
    }

    fn wrong(&self, name: &str, detail: &str) -> Error {
        Error::new(Code::ManifestInvalid, detail).at(self.path.join(name).display().to_string())
    }
}
