//! A run's folder, open for reading.

use std::path::Path;

use crate::error::Result;
use crate::manifest::file::folder::{Buckets, Column, Folder};
use crate::manifest::keyspace::Keyspace;
use crate::manifest::rollup::{RunHeader, RunParts, encode_run};

/// The files of one run. Shared freely between threads: every read names its place.
#[derive(Debug)]
pub struct RunFiles {
    folder: Folder,
    header: RunHeader,
    lists: Column,
    lofs: Column,
}

/// Opens a run's folder. The header must be canonical, and give the folder its name if that is an id.
///
/// # Errors
/// `file_access` if a file cannot be opened; `manifest_invalid` if the header is not one, is another's, or gives a file
/// another length.
pub fn open_run(folder: &Path) -> Result<RunFiles> {
    let path = folder;
    let (folder, header) = Folder::open(path, RunHeader::parse)?;
    Ok(RunFiles {
        lists: Column::open(path, "lists.bin", header.list_bytes())?,
        lofs: Column::open(path, "lofs.bin", 8 << folder.keyspace().t())?,
        folder,
        header,
    })
}

impl RunFiles {
    /// The parameters.
    pub const fn keyspace(&self) -> &Keyspace {
        self.folder.keyspace()
    }

    /// What the header says.
    pub const fn header(&self) -> &RunHeader {
        &self.header
    }

    /// The reply to the question for the first `depth` bits `prefix`, padded.
    ///
    /// # Errors
    /// `bad_request` for a prefix that there is not; `too_large` for one so short that the reply would have more than
    /// [`MAX_REPLY_BUCKETS`](crate::manifest::MAX_REPLY_BUCKETS); `manifest_invalid` or `file_access` if the files are
    /// damaged.
    pub fn reply(&self, depth: u8, prefix: u64) -> Result<Vec<u8>> {
        let buckets = self.folder.under(depth, prefix)?;
        let keys = self.keys(buckets)?;
        let (from, to) = self.folder.span(&self.lofs, buckets, self.header.list_bytes())?;
        let lists = self.lists.read(from, to - from)?;
        let path = self.folder.path_from(depth, prefix)?;
        let parts = RunParts { depth, prefix, keys: &keys, lists: &lists, path: &path };
        Ok(encode_run(&parts, self.header.padded_reply(depth).unwrap_or(0) as usize))
    }

    fn keys(&self, buckets: Buckets) -> Result<Vec<u8>> {
        let (folder, keyspace) = (&self.folder, self.keyspace());
        let (from, to) = folder.span(&folder.offs, buckets, keyspace.n())?;
        let len = keyspace.key_len().bytes() as u64;
        folder.keys.read(from * len, (to - from) * len)
    }
}
