//! Holding everything in a keyspace's folder against its keys: one pass over all buckets, one bucket in memory at a time.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::KeyspaceFiles;
use super::folder::{Buckets, Column};
use crate::error::Result;
use crate::manifest::bucket::{MAX_BUCKET, meta_digest};
use crate::manifest::disk::io_error;
use crate::manifest::header::PaddedLengths;
use crate::manifest::meta::Meta;
use crate::manifest::tree::{Growing, TILE_HEIGHT};
use crate::merkle::{LeafHash, NodeHash};

/// What one bucket holds.
struct Bucket {
    /// Where it ends, counted in keys.
    end: u64,
    count: u64,
    /// The items that its rows count.
    items: u64,
    leaf: LeafHash,
}

impl KeyspaceFiles {
    /// Whether the header, the offsets, the rows and the tree are what the keys give.
    ///
    /// # Errors
    /// `manifest_invalid` at the first file that says something else; `file_access` if one cannot be read.
    pub(super) fn recompute(&self) -> Result<()> {
        let keyspace = self.keyspace();
        let (mut items, mut end) = (0, 0);
        let mut lengths = PaddedLengths::new(keyspace.layout());
        let mut tree = Growing::new(keyspace.t());
        let mut stored = Stored::of(&self.folder.tree);
        for number in 0..1u64 << keyspace.t() {
            let bucket = self.bucket(number, end)?;
            (items, end) = (items + bucket.items, bucket.end);
            lengths.push(bucket.count);
            tree.push(bucket.leaf.into(), &mut |level, node| {
                let column = &self.folder.tree[usize::from(level)];
                match stored.next_is(level, node).map_err(|e| io_error(column.path(), &e))? {
                    true => Ok(()),
                    false => Err(column.wrong(&format!("a node above bucket {number} is not what the buckets give"))),
                }
            })?;
        }
        if end != keyspace.n() {
            return Err(self.folder.offs.wrong("the buckets end before the keys"));
        }
        let header = |detail| Err(self.folder.wrong("header.json", detail));
        if lengths.finish() != self.header.max_reply() {
            return header("maxReply is not what the buckets give");
        }
        // The largest multiplicity stands for itself and more, so only what is too small is wrong for sure.
        if self.meta.is_some() && items > keyspace.n() + self.header.duplicates() {
            return header("the rows count more items than keys and duplicates");
        }
        if tree.root().map(Into::into) != Some(keyspace.root()) {
            return header("the root is not what the buckets give");
        }
        Ok(())
    }

    /// Reads a bucket that must begin at `start`, and hashes it.
    fn bucket(&self, number: u64, start: u64) -> Result<Bucket> {
        let (layout, offs, keys) = (self.keyspace().layout(), &self.folder.offs, &self.folder.keys);
        let starts = self.starts(Buckets { first: number, count: 1 })?;
        if starts[0] != start {
            return Err(offs.wrong(&format!("bucket {number} does not begin where the one before it ends")));
        }
        let (end, count) = (starts[1], starts[1] - start);
        // A bucket above its limit is refused below; reading it first must not cost more than the limit.
        if layout.bucket_len(count as usize) > MAX_BUCKET {
            return Err(offs.wrong(&format!("bucket {number} has {count} keys")));
        }
        let len = layout.key_len.bytes() as u64;
        let own = keys.read(start * len, count * len)?;
        let (digest, items) = match &self.meta {
            None => (None, 0),
            Some(meta) => {
                let rows = meta.read(start * Meta::LEN as u64, count * Meta::LEN as u64)?;
                (Some(meta_digest(&rows)), self.items_of(number, &rows, meta)?)
            }
        };
        let leaf = layout.leaf(number, &own, digest.as_ref());
        let leaf = leaf.map_err(|broken| keys.wrong(&format!("bucket {number}: {broken}")))?;
        Ok(Bucket { end, count, items, leaf })
    }

    /// How many items the rows of a bucket count.
    fn items_of(&self, number: u64, rows: &[u8], meta: &Column) -> Result<u64> {
        let licenses = self.header.licenses().len();
        let mut items = 0;
        for row in rows.as_chunks::<{ Meta::LEN }>().0 {
            let row = Meta::from_bytes(row);
            if usize::from(row.license) >= licenses || row.multiplicity == 0 {
                return Err(meta.wrong(&format!("bucket {number} has a row that cannot be")));
            }
            items += u64::from(row.multiplicity);
        }
        Ok(items)
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
    fn of(columns: &'a [Column]) -> Self {
        let level = |column: &'a Column| StoredLevel { file: column.file(), next: 0, tile: Vec::new(), at: 0 };
        Self { levels: columns.iter().map(level).collect() }
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
