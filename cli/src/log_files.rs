//! The immutable files of a log: entry bundles and bodies, from the cache or fetched, several at once.
//!
//! A log that is followed is thousands of small files, and a server an ocean away answers twenty of them a second on one
//! connection. What is read here is not yet believed, but for a body, which has the digest that it is asked by; entries are
//! held against the signed root by whoever reads all of them.

use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use ledger::Code;
use ledger::entry::body_digest;
use ledger::ids::BodyDigest;
use ledger::merkle::{EntryBundleId, RootHash, decode_bundle, encode_bundle};
use ledger::record::limits::MAX_ENVELOPE;

use crate::client::{AT_ONCE, Client, MAX_REPLY};
use crate::failure::{CliError, Result};
use crate::files;

/// Bodies that are held at once: 32 MiB of them, if each is as large as may be.
pub(crate) const BODIES: usize = 32;

/// The files of one log, kept in a folder of the cache.
#[derive(Debug)]
pub(crate) struct LogFiles<'a> {
    client: &'a Client,
    folder: PathBuf,
    /// The root that the newest checkpoint signs.
    root: RootHash,
}

impl<'a> LogFiles<'a> {
    /// The files of the log that `client` reaches.
    pub(crate) const fn new(client: &'a Client, folder: PathBuf, root: RootHash) -> Self {
        Self { client, folder, root }
    }

    /// The log's address.
    pub(crate) fn base(&self) -> &str {
        self.client.base()
    }

    /// A bundle of entries, from the cache if it is there. A partial one is kept as well: as long as the log does not grow, a
    /// question costs no second look at its edge.
    pub(crate) fn bundle(&self, id: EntryBundleId) -> Result<Vec<u8>> {
        let folder = self.folder.join("entries");
        let (full, edge) = (folder.join(id.index().to_string()), folder.join(format!("{}.edge", id.index())));
        let most = usize::try_from(MAX_REPLY).unwrap_or(usize::MAX);
        if id.is_full()
            && let Ok(bytes) = files::read(&full, most)
        {
            return Ok(bytes);
        }
        // An edge is kept behind the root that it was fetched under: another root may be another tree, and then the
        // log's own bytes must be judged, not those that an earlier tree left here.
        let root = *self.root.as_bytes();
        let kept = files::read(&edge, most).unwrap_or_default();
        let (kept_root, kept) = kept.split_at_checked(root.len()).unwrap_or_default();
        let as_wide = decode_bundle(kept, id.width()).is_ok();
        if !id.is_full() && as_wide && kept_root == root {
            return Ok(kept.to_vec());
        }
        // A wider bundle begins with the narrower one, unless what is kept is damaged.
        let held = if as_wide { Vec::new() } else { kept.to_vec() };
        let path = format!("/{id}");
        let rest = match self.client.find_whole(&path, held) {
            Err(error) if error.code() == Code::RangeRefused => None,
            rest => rest?.filter(|bytes| decode_bundle(bytes, id.width()).is_ok()),
        };
        let whole = || self.client.find_whole(&path, Vec::new());
        let bytes = match rest.map_or_else(whole, |bytes| Ok(Some(bytes)))? {
            Some(bytes) => bytes,
            // C2SP tlog-tiles: once the full bundle exists, a partial one may be gone.
            None if !id.is_full() => {
                let full = self.client.get(&format!("/{}", id.to_full()))?.bytes;
                return cut(&full, id.width());
            }
            None => return Err(CliError::new(Code::Unreachable, "the log does not serve its entries").at(id.path())),
        };
        if id.is_full() {
            keep(&full, &bytes);
            let _ = files::remove(&edge);
        } else {
            keep(&edge, &[&root[..], &bytes].concat());
        }
        Ok(bytes)
    }

    /// Some bundles, in their order.
    pub(crate) fn bundles(&self, ids: &[EntryBundleId]) -> Result<Vec<Vec<u8>>> {
        several(ids, |id| self.bundle(*id))
    }

    /// Throws the kept entries away.
    pub(crate) fn forget_entries(&self) {
        let _ = std::fs::remove_dir_all(self.folder.join("entries"));
    }

    /// A body by its digest; `None` if the log says that it was erased.
    pub(crate) fn body(&self, digest: BodyDigest) -> Result<Option<Vec<u8>>> {
        let path = self.kept(digest);
        if let Ok(bytes) = files::read(&path, MAX_ENVELOPE)
            && body_digest(&bytes) == digest
        {
            return Ok(Some(bytes));
        }
        let hex = digest.to_hex();
        let address = format!("/addenda/{}/{}/{hex}", &hex[..2], &hex[2..4]);
        let bytes = match self.client.get_up_to(&address, MAX_ENVELOPE as u64) {
            Ok(reply) => reply.bytes,
            Err(error) if error.code() == Code::Redacted => return Ok(None),
            Err(error) => return Err(error),
        };
        if body_digest(&bytes) != digest {
            let found = "what the log serves under this digest has another one";
            return Err(CliError::new(Code::BindingMismatch, found).at(address));
        }
        keep(&path, &bytes);
        Ok(Some(bytes))
    }

    /// Some bodies, in their order.
    pub(crate) fn bodies(&self, digests: &[BodyDigest]) -> Result<Vec<Option<Vec<u8>>>> {
        several(digests, |digest| self.body(*digest))
    }

    /// Whether a body is in the cache, sound or not.
    pub(crate) fn has_body(&self, digest: BodyDigest) -> bool {
        self.kept(digest).exists()
    }

    fn kept(&self, digest: BodyDigest) -> PathBuf {
        let hex = digest.to_hex();
        let (a, rest) = hex.split_at(2);
        self.folder.join("bodies").join(a).join(rest)
    }
}

/// Keeps a file in the cache. A cache that cannot be written costs time, not the answer.
fn keep(path: &Path, bytes: &[u8]) {
    if let Some(folder) = path.parent() {
        let _ = files::make_dir(folder).and_then(|()| files::write(path, bytes));
    }
}

/// The first `width` entries of a full bundle.
fn cut(full: &[u8], width: u16) -> Result<Vec<u8>> {
    let entries = decode_bundle(full, 256).map_err(CliError::unreadable)?;
    encode_bundle(entries.into_iter().take(usize::from(width))).map_err(CliError::unreadable)
}

/// Gets each item, [`AT_ONCE`] at once, in their order; the first failure in that order of what was begun until one was met.
fn several<T: Sync, R: Send>(items: &[T], get: impl Fn(&T) -> Result<R> + Sync) -> Result<Vec<R>> {
    if items.len() < 2 {
        return items.iter().map(get).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut got = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(place) else { return got };
            let result = get(item);
            if result.is_err() {
                next.store(items.len(), Ordering::Relaxed);
            }
            got.push((place, result));
        }
    };
    let mut got = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE.min(items.len())).map(|_| scope.spawn(work)).collect();
        let finished =
            workers.into_iter().flat_map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)));
        finished.collect::<Vec<_>>()
    });
    got.sort_by_key(|(place, _)| *place);
    got.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    #[test]
    fn several_are_got_at_once_and_come_in_their_order() {
        let together = Barrier::new(AT_ONCE);
        let items: Vec<usize> = (0..AT_ONCE * 5).collect();
        // Nobody passes before all of them wait: with one fewer at once, this would not end.
        let got = several(&items, |item| {
            together.wait();
            Ok(item * 2)
        });
        assert_eq!(got.unwrap(), items.iter().map(|item| item * 2).collect::<Vec<_>>());
        assert_eq!(several(&[] as &[u8], |item| Ok(*item)).unwrap(), Vec::<u8>::new());
        assert_eq!(several(&[7u8], |item| Ok(*item)).unwrap(), [7]);
    }

    #[test]
    fn after_a_failure_nothing_more_is_begun() {
        let (begun, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
        let items: Vec<usize> = (0..10_000).collect();
        let got = several(&items, |item| {
            begun.fetch_add(1, Ordering::Relaxed);
            if *item == 3 {
                failed.store(true, Ordering::Relaxed);
                return Err(CliError::new(Code::Unreachable, "three"));
            }
            while !failed.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            std::thread::sleep(Duration::from_millis(10));
            Ok(*item)
        });
        assert!(got.unwrap_err().to_string().contains("three"));
        assert!(begun.into_inner() < 1_000);
    }
}
