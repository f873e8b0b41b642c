//! Whether `universe.bin` and `bitmap.bin` say the same as the keys beside them.

use super::KeyspaceFiles;
use crate::error::{Code, Error, Result};
use crate::ids::ContentKey;
use crate::manifest::disk::{io_error, read_up_to};
use crate::manifest::keyspace::bits;
use crate::manifest::universe::{Bitmap, MAX_UNIVERSE_BYTES, Universe, is_numbered};

/// Keys made at a time, in bytes: a universe of 7 million numbers is walked seven times.
const PASS: u64 = 32 << 20;

impl KeyspaceFiles {
    /// The universe beside the keyspace, if there is one.
    ///
    /// # Errors
    /// `manifest_invalid` if the file is no universe, or has more numbers than there are keys; `file_access`.
    pub fn universe(&self) -> Result<Option<Universe>> {
        // A number takes at most 10 bytes, and each is a key of this keyspace.
        let limit = MAX_UNIVERSE_BYTES.min(self.keyspace().n().saturating_mul(10).saturating_add(128));
        let Some(file) = self.beside("universe.bin", limit)? else { return Ok(None) };
        Universe::parse(&file).map(Some)
    }

    /// The bitmap beside the keyspace, if there is one.
    ///
    /// # Errors
    /// `manifest_invalid` if the file is no bitmap; `file_access`.
    pub fn bitmap(&self) -> Result<Option<Bitmap>> {
        self.beside("bitmap.bin", MAX_UNIVERSE_BYTES)?.map(Bitmap::parse).transpose()
    }

    /// Checks that the bitmap over a universe says exactly what the keys say.
    ///
    /// # Errors
    /// `manifest_invalid` if there is no bitmap, it is over another universe, or says something else than the keys;
    /// `file_access`.
    pub fn check_bitmap(&self, universe: &Universe) -> Result<()> {
        let bitmap = self.bitmap()?.ok_or_else(|| self.folder.wrong("bitmap.bin", "there is none"))?;
        if bitmap.universe() != universe.row().sha256 || universe.kind() != self.keyspace().kind() {
            return Err(self.folder.wrong("bitmap.bin", "it is counted in another universe"));
        }
        let held: Vec<u64> = bitmap.held(universe).collect();
        self.holds_exactly(&held, universe, "bitmap.bin")
    }

    /// What can be checked without another keyspace's files: a universe is this keyspace number by number, and a bitmap has
    /// as many ones as there are keys.
    pub(in crate::manifest) fn check_numbers(&self) -> Result<()> {
        let (universe, bitmap) = (self.universe()?, self.bitmap()?);
        if (universe.is_some() || bitmap.is_some()) && !is_numbered(self.keyspace().kind()) {
            return Err(self
                .folder
                .wrong("header.json", "a universe or bitmap beside keys that are not made of numbers"));
        }
        if bitmap.is_some_and(|bitmap| bitmap.ones() != self.keyspace().n()) {
            return Err(self.folder.wrong("bitmap.bin", "it has another number of ones than there are keys"));
        }
        let Some(universe) = universe else { return Ok(()) };
        if universe.kind() != self.keyspace().kind() {
            return Err(self.folder.wrong("universe.bin", "it is of another kind"));
        }
        self.holds_exactly(universe.ids(), &universe, "universe.bin")
    }

    fn holds_exactly(&self, ids: &[u64], universe: &Universe, name: &str) -> Result<()> {
        let other = || self.folder.wrong(name, "its numbers are not those that the keys were made of");
        if ids.len() as u64 != self.keyspace().n() {
            return Err(other());
        }
        let len = self.keyspace().key_len().bytes();
        // So many bits that a pass holds about PASS bytes of keys; a pass may be uneven, its memory is only a goal.
        let depth = (0..16).find(|depth| (ids.len() as u64 * 32) >> depth <= PASS).unwrap_or(16);
        let mut at = 0;
        for pass in 0..1u64 << depth {
            let keys = ids.iter().map(|id| universe.key(*id));
            let mut own: Vec<ContentKey> = keys.filter(|key| bits(key.as_bytes(), depth) == pass).collect();
            own.sort_unstable();
            let found = self.folder.keys.read(at, (own.len() * len) as u64).map_err(|_| other())?;
            if !found.chunks_exact(len).eq(own.iter().map(|key| &key.as_bytes()[..len])) {
                return Err(other());
            }
            at += found.len() as u64;
        }
        Ok(())
    }

    fn beside(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        let path = self.path().join(name);
        if !path.try_exists().map_err(|error| io_error(&path, &error))? {
            return Ok(None);
        }
        let bytes = read_up_to(&path, limit)?;
        if bytes.len() as u64 > limit {
            return Err(Error::new(Code::ManifestInvalid, "too large").at(path.display().to_string()));
        }
        Ok(Some(bytes))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::manifest::{About, Builder, Item, Kind, Source, Spec, check};

    fn keyspace(dir: &Path, universe: &Universe, ids: &[u64]) -> PathBuf {
        let mut builder = Builder::new(Spec::of_kind(Kind::MwPage).unwrap());
        for (ordinal, id) in (0..).zip(ids) {
            builder.push(universe.key(*id), Item { license: 0, ordinal }).unwrap();
        }
        let wiki = Some("enwiki".to_owned());
        let source = Source { sha256: "00".repeat(32), bytes: 1, items: 1, reader: "mediawiki".into(), wiki };
        let about = About { source, coverage: "Test.".into(), licenses: vec!["CC0-1.0".into()] };
        let (_, keyspace) = builder.finish(dir, about).unwrap();
        dir.join(keyspace.id().to_hex())
    }

    #[test]
    fn a_universe_and_a_bitmap_that_say_something_else_than_the_keys_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let wiki = "enwiki".parse().unwrap();
        let ids: Vec<u64> = (0..500).map(|i| i * 7 + 3).collect();
        let (universe, file) = Universe::new(Kind::MwPage, &wiki, ids.clone()).unwrap();
        let folder = keyspace(dir.path(), &universe, &ids);
        check(&folder).unwrap();
        fs::write(folder.join("universe.bin"), &file).unwrap();
        assert_eq!(check(&folder).unwrap().universe().unwrap().unwrap(), universe);
        let wrong = |ids: Vec<u64>| {
            fs::write(folder.join("universe.bin"), Universe::new(Kind::MwPage, &wiki, ids).unwrap().1).unwrap();
            assert_eq!(check(&folder).unwrap_err().code(), Code::ManifestInvalid);
        };
        wrong(ids[1..].to_vec());
        wrong(ids.iter().copied().chain([1]).collect());
        wrong(ids.iter().map(|id| if *id == 3 { 4 } else { *id }).collect());

        let held: Vec<u64> = ids.iter().copied().filter(|id| id % 3 == 0).collect();
        let folder = keyspace(dir.path(), &universe, &held);
        let bitmap = |held: &[u64]| {
            let bitmap = Bitmap::new(&universe, held.iter().copied()).unwrap();
            fs::write(folder.join("bitmap.bin"), bitmap.file()).unwrap();
            check(&folder).and_then(|files| files.check_bitmap(&universe))
        };
        bitmap(&held).unwrap();
        assert_eq!(bitmap(&held[1..]).unwrap_err().code(), Code::ManifestInvalid);
        // As many ones as keys, and one of them another: only who has the universe can tell.
        let other: Vec<u64> = held[1..].iter().copied().chain([10]).collect();
        assert_eq!(bitmap(&other).unwrap_err().code(), Code::ManifestInvalid);
        assert!(check(&folder).is_ok());
    }
}
