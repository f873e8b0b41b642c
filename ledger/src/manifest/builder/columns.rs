//! The columns of a keyspace, `keys.bin` and `meta.bin`: what is known before the depth of the tree is.
//!
//! Rows go in ascending by key, each key once; how many of them each slice of the keys has is kept, so that the buckets
//! can be cut from any of them on.

use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result};
use crate::ids::ContentKey;
use crate::manifest::builder::merge::Merged;
use crate::manifest::builder::row::{Row, Space, Width};
use crate::manifest::builder::run::{SLICE_BITS, SLICES};
use crate::manifest::disk::Output;
use crate::manifest::keyspace::bits;
use crate::manifest::meta::Meta;

/// Writes `keys.bin` and `meta.bin`.
pub(in crate::manifest) struct Columns {
    folder: PathBuf,
    width: Width,
    keys: Output,
    meta: Option<Output>,
    counts: Vec<u32>,
    /// The key before, for rows that are pushed singly.
    last: Option<ContentKey>,
    single: Merged,
}

/// Columns that are whole and durable.
pub(in crate::manifest) struct Written {
    pub(super) folder: PathBuf,
    pub(super) width: Width,
    /// The place of the first key of each slice, and the number of keys.
    pub(super) starts: Vec<u64>,
}

/// How many bytes of single rows are kept before they are written.
const SINGLE: usize = 1 << 20;

impl Columns {
    /// Begins in an empty folder.
    pub(in crate::manifest) fn create(folder: &Path, width: Width) -> Result<Self> {
        Self::resume(folder, width, Vec::new())
    }

    /// Goes on where an earlier process was after so many slices with these numbers of keys; what it wrote beyond them
    /// is written again.
    pub(in crate::manifest) fn resume(folder: &Path, width: Width, counts: Vec<u32>) -> Result<Self> {
        let written: u64 = counts.iter().map(|count| u64::from(*count)).sum();
        let open = |name: &str, len: usize| Output::resume(folder.join(name), written * len as u64);
        Ok(Self {
            folder: folder.to_owned(),
            width,
            keys: open("keys.bin", width.key_len.bytes())?,
            meta: width.has_meta.then(|| open("meta.bin", Meta::LEN)).transpose()?,
            counts,
            last: None,
            single: Merged::default(),
        })
    }

    /// How many slices are written.
    pub(in crate::manifest) fn slices(&self) -> usize {
        self.counts.len()
    }

    /// Appends one row. Keys ascend strictly.
    pub(in crate::manifest) fn push(&mut self, key: ContentKey, meta: Meta) -> Result<()> {
        if self.last.is_some_and(|last| last >= key) {
            return Err(Error::new(Code::Internal, "the keys of a column do not ascend"));
        }
        self.last = Some(key);
        let slice = bits(key.as_bytes(), SLICE_BITS) as usize;
        while self.counts.len() + self.single.counts.len() <= slice {
            self.single.counts.push(0);
        }
        if let Some(count) = self.single.counts.last_mut() {
            *count += 1;
        }
        Row::new(Space(0), &key, self.width.key_len, meta).push_to(&self.width, &mut self.single);
        if self.single.keys.len() >= SINGLE {
            self.flush()?;
        }
        Ok(())
    }

    /// Appends whole slices.
    pub(in crate::manifest) fn append(&mut self, merged: &Merged) -> Result<()> {
        self.keys.write(&merged.keys)?;
        if let Some(meta) = &mut self.meta {
            meta.write(&merged.rows)?;
        }
        self.counts.extend_from_slice(&merged.counts);
        Ok(())
    }

    /// Hands what was appended to the file system, so that it outlives this process.
    pub(in crate::manifest) fn hand_over(&mut self) -> Result<()> {
        self.keys.flush()?;
        self.meta.as_mut().map_or(Ok(()), Output::flush)
    }

    fn flush(&mut self) -> Result<()> {
        // The last slice may get more rows: its count goes on in the next piece.
        let open = self.single.counts.pop();
        let merged = core::mem::take(&mut self.single);
        self.append(&merged)?;
        self.single.counts.extend(open);
        Ok(())
    }

    /// Makes the columns durable.
    pub(in crate::manifest) fn finish(mut self) -> Result<Written> {
        let single = core::mem::take(&mut self.single);
        self.append(&single)?;
        self.keys.finish()?;
        self.meta.map(Output::finish).transpose()?;
        self.counts.resize(SLICES, 0);
        let mut starts = Vec::with_capacity(SLICES + 1);
        let mut end = 0;
        starts.push(0);
        for count in self.counts {
            end += u64::from(count);
            starts.push(end);
        }
        Ok(Written { folder: self.folder, width: self.width, starts })
    }
}

impl Written {
    /// How many keys there are.
    pub(in crate::manifest) fn n(&self) -> u64 {
        self.starts[SLICES]
    }
}
