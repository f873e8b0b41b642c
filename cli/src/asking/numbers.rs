//! Universes and bitmaps: a dataset of a wiki's pages in a bit each, so that any number of them is looked up here.

use ledger::manifest::mediawiki::Wiki;
use ledger::manifest::{Bitmap, Declaration, Keyspace, MAX_UNIVERSE_BYTES, Universe};

use super::Asker;
use super::fetch::Cannot;
use crate::failure::Result;
use crate::files;

/// Which numbers a keyspace holds.
#[derive(Debug)]
pub(super) struct Numbers {
    universe: Universe,
    /// Without one the keyspace holds the whole universe.
    bitmap: Option<Bitmap>,
}

impl Numbers {
    /// Whether the keyspace holds a wiki's page or revision.
    pub(super) fn holds(&self, wiki: &Wiki, id: u64) -> bool {
        self.universe.wiki() == wiki
            && match &self.bitmap {
                Some(bitmap) => bitmap.holds(&self.universe, id) == Some(true),
                None => self.universe.ids().binary_search(&id).is_ok(),
            }
    }

    /// How many numbers the universe has.
    pub(super) const fn len(&self) -> u64 {
        self.universe.len()
    }
}

impl Asker<'_> {
    /// Fetches the bitmap and the universe that a signed row names.
    pub(super) fn fetch_numbers(
        &self,
        keyspace: &Keyspace,
        row: &Declaration,
    ) -> Result<std::result::Result<Numbers, Cannot>> {
        let bitmap = match &row.bitmap {
            None => None,
            Some(named) => {
                let file = match self.named(keyspace, "bitmap.bin", named.bytes, &named.sha256.to_hex())? {
                    Ok(file) => file,
                    Err(cannot) => return Ok(Err(cannot)),
                };
                match Bitmap::read(named, file) {
                    Ok(bitmap) => Some(bitmap),
                    Err(error) => return Ok(Err(Cannot::proof(error.detail()))),
                }
            }
        };
        let place = match (&bitmap, &row.universe) {
            (Some(bitmap), _) => self.universes.get(&bitmap.universe()).cloned(),
            (None, universe) => universe.clone().map(|universe| (keyspace.id(), universe)),
        };
        let Some((beside, named)) = place else {
            let reason = "no manifest of this log declares the universe that its bitmap is counted in".to_owned();
            return Ok(Err(Cannot { code: ledger::Code::NotFound, reason }));
        };
        let at = format!("/manifests/{beside}/universe.bin");
        let file = match self.file(&at, named.bytes, &named.sha256.to_hex())? {
            Ok(file) => file,
            Err(cannot) => return Ok(Err(cannot)),
        };
        Ok(match Universe::read(&named, keyspace.kind(), &file) {
            Ok(universe) => Ok(Numbers { universe, bitmap }),
            Err(error) => Err(Cannot::proof(error.detail())),
        })
    }

    fn named(
        &self,
        keyspace: &Keyspace,
        name: &str,
        len: u64,
        sha256: &str,
    ) -> Result<std::result::Result<Vec<u8>, Cannot>> {
        self.file(&format!("/manifests/{}/{name}", keyspace.id()), len, sha256)
    }

    /// A file that a signed row names, from the cache or the log. Whoever reads it holds it against the row.
    fn file(&self, address: &str, len: u64, sha256: &str) -> Result<std::result::Result<Vec<u8>, Cannot>> {
        if len > MAX_UNIVERSE_BYTES {
            return Ok(Err(Cannot::proof("the record names a file that is larger than any such file")));
        }
        let limit = usize::try_from(len).unwrap_or(usize::MAX);
        let folder = self.folder.join("numbers");
        let path = folder.join(sha256);
        if let Ok(bytes) = files::read(&path, limit)
            && ledger::ids::to_hex(&<sha2::Sha256 as sha2::Digest>::digest(&bytes)) == sha256
        {
            return Ok(Ok(bytes));
        }
        files::make_dir(&folder)?;
        if let Err(error) = self.download(address, len, &path) {
            return Cannot::of(error).map(Err);
        }
        files::read(&path, limit).map(Ok)
    }
}
