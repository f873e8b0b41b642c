//! Whole keyspaces: all keys and rows, fetched once in pieces, verified against the signed root, and looked up here.

use std::fs::File;
use std::io::{BufReader, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use ledger::ids::ContentKey;
use ledger::manifest::{Keyspace, Meta};

use super::Asker;
use super::fetch::Cannot;
use crate::failure::{CliError, Result};
use crate::files;
use crate::progress::Unit;

/// A request for a piece is over in seconds on any line; one that was cut off is begun again by itself.
const PIECE: u64 = 8 << 20;

/// The keys of a keyspace in a file of the cache, verified when it was opened.
#[derive(Debug)]
pub(super) struct Whole {
    keys: File,
    rows: Option<File>,
    path: PathBuf,
    n: u64,
    len: usize,
}

impl Whole {
    /// The row of a key, if the key is there.
    pub(super) fn find(&self, key: &ContentKey) -> Result<Option<Option<Meta>>> {
        let failed = |source| CliError::io(&self.path, "read", source);
        let wanted = &key.as_bytes()[..self.len];
        let (mut low, mut high) = (0, self.n);
        let mut found = vec![0; self.len];
        while low < high {
            let middle = low + (high - low) / 2;
            self.keys.read_exact_at(&mut found, middle * self.len as u64).map_err(failed)?;
            match found.as_slice().cmp(wanted) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => {
                    let Some(rows) = &self.rows else { return Ok(Some(None)) };
                    let mut row = [0; Meta::LEN];
                    rows.read_exact_at(&mut row, middle * Meta::LEN as u64).map_err(failed)?;
                    return Ok(Some(Some(Meta::from_bytes(&row))));
                }
            }
        }
        Ok(None)
    }
}

impl Asker<'_> {
    /// Fetches the keys and rows of a keyspace, unless the cache has them, and verifies them either way.
    pub(super) fn fetch_whole(&self, keyspace: &Keyspace) -> Result<std::result::Result<Whole, Cannot>> {
        let folder = self.folder.join(keyspace.id().to_hex());
        files::make_dir(&folder)?;
        let (keys_len, rows_len) = keyspace.whole_len();
        for again in [false, true] {
            let kept = folder.join("keys.bin").exists();
            for (name, len) in [("keys.bin", keys_len), ("meta.bin", rows_len)] {
                if (name == "meta.bin" && !keyspace.has_meta()) || folder.join(name).exists() {
                    continue;
                }
                if let Err(error) =
                    self.download(&format!("/manifests/{}/{name}", keyspace.id()), len, &folder.join(name))
                {
                    return Cannot::of(error).map(Err);
                }
            }
            match verified(keyspace, &folder)? {
                Ok(whole) => return Ok(Ok(whole)),
                // A damaged cache is fetched anew; what was fetched just now is the log's fault.
                Err(cannot) => {
                    files::remove(&folder.join("keys.bin"))?;
                    files::remove(&folder.join("meta.bin"))?;
                    if again || !kept {
                        return Ok(Err(cannot));
                    }
                }
            }
        }
        Ok(Err(Cannot::proof("the keys could not be fetched")))
    }

    /// Fetches an immutable file of a known length, piece by piece.
    pub(super) fn download(&self, address: &str, len: u64, path: &Path) -> Result<()> {
        // What an earlier download was killed over may be gigabytes.
        files::remove_unfinished(path);
        let (mut file, temporary) = files::temporary(path).map_err(|source| CliError::io(path, "write", source))?;
        let failed = |source| CliError::io(&temporary, "write", source);
        let progress = self.session.out.progress("fetching", Some(len), Unit::Bytes);
        let mut fetch = || -> Result<()> {
            let mut at = 0;
            // An empty file is asked for as well: whether there is one says whether the log holds the keyspace.
            while at < len || (len == 0 && at == 0) {
                let piece = PIECE.min(len - at);
                let bytes = self.client.get_piece(address, at, piece)?;
                file.write_all(&bytes).map_err(failed)?;
                at += piece.max(1);
                progress.set(at);
            }
            file.sync_all().and_then(|()| std::fs::rename(&temporary, path)).map_err(failed)
        };
        let fetched = fetch();
        if fetched.is_err() {
            files::remove(&temporary)?;
        }
        fetched
    }
}

fn verified(keyspace: &Keyspace, folder: &Path) -> Result<std::result::Result<Whole, Cannot>> {
    let open = |name: &str| {
        let path = folder.join(name);
        File::open(&path).map_err(|source| CliError::io(&path, "read", source))
    };
    let (keys, rows) = (open("keys.bin")?, keyspace.has_meta().then(|| open("meta.bin")).transpose()?);
    let checked = match &rows {
        Some(rows) => keyspace.verify_whole(&mut BufReader::new(&keys), &mut BufReader::new(rows)),
        None => keyspace.verify_whole(&mut BufReader::new(&keys), &mut std::io::empty()),
    };
    Ok(match checked {
        Ok(()) => {
            let len = keyspace.key_len().bytes();
            Ok(Whole { keys, rows, path: folder.to_owned(), n: keyspace.n(), len })
        }
        Err(error) => Err(Cannot::proof(error.detail())),
    })
}
