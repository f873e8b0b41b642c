//! What readers look things up in: tiles, places and postings, kept in sled and derived from the journal.
//!
//! sled 0.34 alone does not make a write durable, takes a half-written snapshot for corruption, and can hang on a
//! flipped bit. None of that matters here, because nothing here is the truth: every row is an absolute value that
//! replay computes again, what sled is known to hold durably is written down outside of it ([`super::snapshot`]), and
//! whenever the two disagree this folder is thrown away and filled from the journal.
//!
//! | tree | key | value |
//! |---|---|---|
//! | `tile` | level u8 ‖ index u64 ‖ half u8 | 128 hashes, 4 KiB |
//! | `place` | index / 128 as u64 | up to 128 pairs of places, 32 bytes each |
//! | `posting` | term, 16 bytes ‖ chunk u32 | up to 256 indices, u64 each |
//! | `body` | first 16 bytes of the body's digest | index u64 |
//!
//! All numbers are big-endian. No value is over 4 KiB: sled moves larger ones to files that it never syncs.
//!
//! Here the folder is opened, closed and made durable. The keys and values are made in [`rows`], found in [`finding`] and
//! written in [`writing`]; those of the verifiable index are in [`terms`].

mod finding;
mod folder;
mod rows;
mod terms;
mod unwritten;
mod writing;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use crate::error::{Code, Error, Result, is_full};
use crate::ids::TreeSize;
use rows::u64_at;
use unwritten::Unwritten;
pub(super) use writing::{Indexed, Indexer};

/// How long a reopening waits for the readers that are under way: a page of a listing takes milliseconds.
const READERS_DEADLINE: Duration = Duration::from_secs(10);

/// The index of one log.
#[derive(Debug)]
pub struct Index {
    dir: PathBuf,
    /// What is open; `None` after a reopening that failed. Readers hold a part of it for as long as they read.
    trees: RwLock<Option<Arc<Trees>>>,
    /// Branches of the verifiable index that are on their way into the trees.
    unwritten: RwLock<Unwritten>,
    /// Held by whoever changes them.
    writing: Mutex<()>,
}

#[derive(Debug)]
struct Trees {
    db: sled::Db,
    tiles: sled::Tree,
    places: sled::Tree,
    postings: sled::Tree,
    bodies: sled::Tree,
    groups: sled::Tree,
    branches: sled::Tree,
    list_nodes: sled::Tree,
}

impl Trees {
    fn open(dir: &Path) -> Result<Self> {
        let db = folder::open(dir)?;
        let tree = |name: &str| db.open_tree(name).map_err(|source| failed(&source));
        Ok(Self {
            tiles: tree("tile")?,
            places: tree("place")?,
            postings: tree("posting")?,
            bodies: tree("body")?,
            groups: tree("group")?,
            branches: tree("branch")?,
            list_nodes: tree("list-node")?,
            db,
        })
    }
}

impl Index {
    /// Opens the index in `dir`, or makes an empty one.
    ///
    /// # Errors
    /// `store_corrupt` where filling it again helps; `index_hangs` if sled does not open in a minute; `store_locked`,
    /// `disk_full` and `file_access` where the folder is not to blame.
    pub fn open(dir: &Path) -> Result<Self> {
        let trees = Trees::open(dir)?;
        let trees = RwLock::new(Some(Arc::new(trees)));
        Ok(Self { dir: dir.to_owned(), trees, unwritten: RwLock::default(), writing: Mutex::default() })
    }

    /// An empty index in `dir`, whatever is there now.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), and what the system says of the removal.
    pub fn fresh(dir: &Path) -> Result<Self> {
        folder::remove(dir)?;
        Self::open(dir)
    }

    /// Closes the folder and opens it again; readers wait meanwhile. `false` if one of them did not come to its end.
    ///
    /// sled does two things only when it opens: it forgets an error that it met, and it writes down where its pages are,
    /// from which the next opening goes on. Without that it reads everything that was written since the last one.
    pub(super) fn reopen(&self) -> Result<bool> {
        self.replace(Trees::open)
    }

    /// Throws every row away; readers wait meanwhile.
    pub(super) fn clear(&self) -> Result<()> {
        let _turn = self.turn();
        self.forget_unwritten();
        let cleared = self.replace(|dir| folder::remove(dir).and_then(|()| Trees::open(dir)))?;
        if cleared { Ok(()) } else { Err(Error::new(Code::Internal, "a reader of the index does not come to its end")) }
    }

    fn replace(&self, open: impl FnOnce(&Path) -> Result<Trees>) -> Result<bool> {
        let start = Instant::now();
        loop {
            let mut trees = self.trees.write().unwrap_or_else(PoisonError::into_inner);
            // sled lets go of its files when the last handle is gone: this one must be, before the folder is opened.
            let Some(held) = trees.take().and_then(|held| Arc::try_unwrap(held).map(drop).err()) else {
                *trees = Some(Arc::new(open(&self.dir)?));
                return Ok(true);
            };
            // Not waited for under the lock: who walks through a list looks other things up on the way.
            *trees = Some(held);
            drop(trees);
            if start.elapsed() >= READERS_DEADLINE {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn trees(&self) -> Result<Arc<Trees>> {
        let trees = self.trees.read().unwrap_or_else(PoisonError::into_inner).clone();
        trees.ok_or_else(|| Error::new(Code::StoreCorrupt, "the index could not be opened again"))
    }

    /// How many entries the index was told of. sled may have lost the newest of them: see [`super::snapshot`].
    pub(super) fn hint(&self) -> Result<TreeSize> {
        let value = self.trees()?.db.get(b"size").map_err(|source| failed(&source))?;
        Ok(TreeSize(value.and_then(|bytes| u64_at(&bytes, 0)).unwrap_or(0)))
    }

    /// Hands everything applied so far to the disk, and waits for it.
    ///
    /// sled's own `flush` calls `sync_file_range`, which promises neither size nor content; the files and the folder
    /// are therefore synced here.
    ///
    /// # Errors
    /// `disk_full`, or `store_corrupt` for whatever else sled or the system refuses.
    pub fn make_durable(&self) -> Result<()> {
        self.write_out(&self.turn())?;
        self.trees()?.db.flush().map_err(|source| failed(&source))?;
        folder::sync(&self.dir)
    }
}

fn failed(source: &sled::Error) -> Error {
    let full = matches!(source, sled::Error::Io(source) if is_full(source));
    let code = if full { Code::DiskFull } else { Code::StoreCorrupt };
    Error::new(code, format!("the index: {source}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// sled lets go of its lock when the last handle is gone: one that is alive yet would make every reopening fail.
    #[test]
    fn an_index_opens_again_with_what_it_holds() {
        let dir = tempfile::tempdir().unwrap();
        let index = Index::open(dir.path()).unwrap();
        index.trees().unwrap().db.insert(b"size", &7u64.to_be_bytes()).unwrap();
        for _ in 0..3 {
            assert!(index.reopen().unwrap());
            assert_eq!(index.hint().unwrap(), TreeSize(7));
        }
    }

    #[test]
    fn a_reader_that_is_under_way_is_waited_for_and_no_longer() {
        let dir = tempfile::tempdir().unwrap();
        let index = Index::open(dir.path()).unwrap();
        let reader = index.trees().unwrap();
        std::thread::scope(|scope| {
            let reopened = scope.spawn(|| index.reopen().unwrap());
            std::thread::sleep(Duration::from_millis(50));
            drop(reader);
            assert!(reopened.join().unwrap());
        });
        assert_eq!(index.hint().unwrap(), TreeSize(0));
    }
}
