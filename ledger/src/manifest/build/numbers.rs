//! Universes and bitmaps beside the keyspaces that a build made: a second walk over the source, for its numbers alone.
//!
//! Numbers cannot be read back out of keys, so they are collected from the source once more. That the two walks saw the same
//! is checked: the numbers must give exactly the keys that the first walk made.

use std::path::Path;

use super::{Summary, read_summary};
use crate::error::{Code, Error, Result};
use crate::manifest::disk::{io_error, write_file};
use crate::manifest::file::{KeyspaceFiles, list, open};
use crate::manifest::kind::Kind;
use crate::manifest::kinds::Kinds;
use crate::manifest::mediawiki::Wiki;
use crate::manifest::reader::{Read, ReadOptions, read};
use crate::manifest::universe::{Bitmap, MAX_UNIVERSE, Universe, is_numbered};

/// The numbers of all pages of a source, and of their revisions where it names them.
#[derive(Debug, Clone)]
pub struct Numbers {
    wiki: Wiki,
    pages: Vec<u64>,
    revisions: Vec<u64>,
}

impl Numbers {
    /// Reads a source for its numbers.
    ///
    /// # Errors
    /// `source_invalid` for a source of several wikis or without a numbered page; `too_many` above [`MAX_UNIVERSE`]; what
    /// else the reader refuses.
    pub fn read(source: &Path, options: &ReadOptions, progress: &mut dyn FnMut(u64)) -> Result<Self> {
        let mut wiki: Option<Wiki> = None;
        let (mut pages, mut revisions) = (Vec::new(), Vec::new());
        let mut take = |read: Read| {
            let Read::Item(item) = read else { return Ok(()) };
            let Some(page) = &item.page else { return Ok(()) };
            if wiki.get_or_insert_with(|| page.wiki.clone()) != &page.wiki {
                return Err(Error::new(Code::SourceInvalid, "a universe is of one wiki, and the source is of several"));
            }
            pages.push(page.page);
            revisions.extend(page.revision);
            match (pages.len() as u64).max(revisions.len() as u64) > MAX_UNIVERSE {
                true => Err(Error::new(Code::TooMany, format!("more than {MAX_UNIVERSE} numbers"))),
                false => Ok(()),
            }
        };
        // Texts are not looked at, and digests of them not made.
        let options = ReadOptions { kinds: Kinds::NONE.with(Kind::MwPage).with(Kind::MwRev), ..options.clone() };
        read(source, &options, &mut take, progress)?;
        let wiki = wiki.ok_or_else(|| Error::new(Code::SourceInvalid, "the source has no page with a number"))?;
        Ok(Self { wiki, pages, revisions })
    }

    fn of(&self, kind: Kind) -> Vec<u64> {
        if kind == Kind::MwPage { self.pages.clone() } else { self.revisions.clone() }
    }

    /// Writes `universe.bin` beside every keyspace of pages and revisions in a folder that [`build`](super::build) made, and
    /// names it in the rows for the signed record.
    ///
    /// # Errors
    /// `manifest_invalid` if the numbers are not those that the keys were made of, or the folder is no build;
    /// `file_access` or `disk_full` if a file cannot be written.
    pub fn write_universe(&self, dir: &Path) -> Result<Summary> {
        self.each(dir, &mut |files, summary| {
            let (universe, file) =
                Universe::new(files.keyspace().kind(), &self.wiki, self.of(files.keyspace().kind()))?;
            put(files, "universe.bin", &file)?;
            row(summary, files).universe = Some(universe.row());
            Ok(())
        })
    }

    /// Writes `bitmap.bin` over the universes in another such folder, likewise.
    ///
    /// # Errors
    /// Those of [`write_universe`](Self::write_universe); `manifest_invalid` if `universes` has none for a kind,
    /// `source_invalid` for a number that the universe lacks.
    pub fn write_bitmap(&self, dir: &Path, universes: &Path) -> Result<Summary> {
        let mut known = Vec::new();
        for folder in list(universes)? {
            known.extend(open(&folder)?.universe()?);
        }
        self.each(dir, &mut |files, summary| {
            let kind = files.keyspace().kind();
            let Some(universe) = known.iter().find(|universe| universe.kind() == kind && *universe.wiki() == self.wiki)
            else {
                let detail = format!("no universe of {kind} of {} is here", self.wiki);
                return Err(Error::new(Code::ManifestInvalid, detail).at(universes.display().to_string()));
            };
            let bitmap = Bitmap::new(universe, self.of(kind))?;
            put(files, "bitmap.bin", bitmap.file())?;
            files.check_bitmap(universe)?;
            row(summary, files).bitmap = Some(bitmap.row(&self.wiki));
            Ok(())
        })
    }

    fn each(&self, dir: &Path, write: &mut dyn FnMut(&KeyspaceFiles, &mut Summary) -> Result<()>) -> Result<Summary> {
        let mut summary = read_summary(dir)?;
        for folder in list(dir)? {
            let files = open(&folder)?;
            if is_numbered(files.keyspace().kind()) {
                write(&files, &mut summary)?;
                files.check_numbers()?;
            }
        }
        let mut bytes = serde_json::to_vec_pretty(&summary).map_err(|e| Error::new(Code::Internal, e.to_string()))?;
        bytes.push(b'\n');
        let (path, temporary) = (dir.join("manifest.json"), dir.join("manifest.json.part"));
        write_file(temporary.clone(), &bytes)?;
        std::fs::rename(&temporary, &path).map_err(|e| io_error(&path, &e))?;
        Ok(summary)
    }
}

fn put(files: &KeyspaceFiles, name: &str, bytes: &[u8]) -> Result<()> {
    write_file(files.path().join(name), bytes)
}

/// The row of a keyspace; a folder and its summary come from one build.
fn row<'a>(summary: &'a mut Summary, files: &KeyspaceFiles) -> &'a mut crate::manifest::Declaration {
    let id = files.keyspace().id();
    let place = summary.keyspaces.iter().position(|row| row.id == id).unwrap_or_default();
    &mut summary.keyspaces[place]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::manifest::{BuildOptions, build, check};

    fn lines(dir: &Path, name: &str, ids: impl Iterator<Item = u64>) -> std::path::PathBuf {
        let path = dir.join(name);
        let line = |id| format!("{{\"id\":{id},\"title\":\"Page {id}\",\"text\":\"Words of page {id}.\"}}\n");
        std::fs::write(&path, ids.map(line).collect::<String>()).unwrap();
        path
    }

    #[test]
    fn a_dataset_drawn_from_a_dump_is_one_bit_a_page() {
        let dir = tempfile::tempdir().unwrap();
        let mut options = BuildOptions::default();
        options.read.wiki = Some("enwiki".parse().unwrap());
        let all = lines(dir.path(), "all.jsonl", (0..900).map(|i| i * 3 + 1));
        let some = lines(dir.path(), "some.jsonl", (0..900).filter(|i| i % 4 != 0).map(|i| i * 3 + 1));
        let stray = lines(dir.path(), "stray.jsonl", [1, 2].into_iter());
        let built = |source: &Path, name: &str| {
            let out = dir.path().join(name);
            build(source, &out, &options, &|_| {}).unwrap();
            (out, Numbers::read(source, &options.read, &mut |_| {}).unwrap())
        };
        let (universe, numbers) = built(&all, "universe");
        let summary = numbers.write_universe(&universe).unwrap();
        assert_eq!(read_summary(&universe).unwrap(), summary);
        let named = summary.keyspaces.iter().find_map(|row| row.universe.clone()).unwrap();
        assert_eq!(named.n, 900);

        let (dataset, numbers) = built(&some, "dataset");
        let summary = numbers.write_bitmap(&dataset, &universe).unwrap();
        let bitmap = summary.keyspaces.iter().find_map(|row| row.bitmap.clone()).unwrap();
        assert_eq!((bitmap.ones, bitmap.n, bitmap.universe), (675, 900, named.sha256));
        // Magic, digest and two numbers, and 900 bits.
        assert_eq!(bitmap.bytes, 67 + 113);
        list(&dataset).unwrap().iter().for_each(|folder| drop(check(folder).unwrap()));

        let (strays, numbers) = built(&stray, "strays");
        assert_eq!(numbers.write_bitmap(&strays, &universe).unwrap_err().code(), Code::SourceInvalid);
        // Numbers of another source than the keys were made of.
        assert_eq!(numbers.write_universe(&dataset).unwrap_err().code(), Code::ManifestInvalid);
    }
}
