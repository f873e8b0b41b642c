//! A folder: every regular file is an item. A single file is a folder of one.
//!
//! Paths decide the order and the digest of the whole; they reach no output, because names of files may name people.
//! Links are refused: what they point at may lie anywhere, and may change.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::{Code, Error, Result};
use crate::ids::to_hex;
use crate::manifest::MAX_ITEM;
use crate::manifest::disk::io_error;
use crate::manifest::keying::ByteNames;
use crate::manifest::kind::{Form, Kind};
use crate::manifest::kinds::Kinds;
use crate::manifest::named::Named;
use crate::manifest::reader::{Feed, ItemText, Prefix, Raw, ReadItem, ReadOptions, Skip};

/// The files of a folder, as a feed.
pub(super) struct Files {
    root: PathBuf,
    single: bool,
    files: Vec<PathBuf>,
    kinds: Kinds,
    /// How many were read.
    done: usize,
    bytes: u64,
    listing: Sha256,
    only: Option<[u8; 32]>,
    expected: Option<Prefix>,
}

impl Files {
    pub(super) fn open(root: &Path, options: &ReadOptions, expected: Option<Prefix>) -> Result<Self> {
        let single = root.is_file();
        let mut files = if single { vec![root.to_owned()] } else { files_under(root)? };
        files.sort();
        Ok(Self {
            root: root.to_owned(),
            single,
            files,
            kinds: options.kinds,
            done: 0,
            bytes: 0,
            listing: Sha256::new(),
            only: None,
            expected,
        })
    }

    fn digest(&self) -> String {
        match self.only {
            Some(digest) if self.single => to_hex(&digest),
            _ => to_hex(&self.listing.clone().finalize()),
        }
    }
}

impl Feed for Files {
    fn next(&mut self) -> Result<Option<Raw>> {
        let Some(path) = self.files.get(self.done) else { return Ok(None) };
        let Contents { digest, names, len, text } = Contents::read(path, self.kinds)?;
        // `<sha256>  <path>\n`, as sha256sum writes it, with paths from the folder on.
        self.listing.update(to_hex(&digest));
        self.listing.update(b"  ");
        self.listing.update(path.strip_prefix(&self.root).unwrap_or(path).as_os_str().as_encoded_bytes());
        self.listing.update(b"\n");
        self.only = Some(digest);
        self.bytes += len;
        self.done += 1;
        if let Some(expected) = self.expected.take_if(|expected| expected.bytes == self.done as u64)
            && expected.sha256 != self.digest()
        {
            let detail = "the files are not those that the unfinished build has read";
            return Err(Error::new(Code::WorkDiffers, detail).at(self.root.display().to_string()));
        }
        let mut item = Box::new(ReadItem { digest: Some((Kind::RawSha256, digest)), names, ..ReadItem::default() });
        Ok(Some(match text {
            Ok(text) => {
                item.texts.push(ItemText { form: form_of(path), rendering: None, text });
                Raw::Item(item)
            }
            Err(skip) => Raw::ItemWithout(item, skip),
        }))
    }

    /// Counted in files, since a file may be empty.
    fn prefix(&self) -> Result<Prefix> {
        Ok(Prefix { bytes: self.done as u64, sha256: self.digest() })
    }

    fn stored(&self) -> u64 {
        self.bytes
    }

    fn finish(&mut self) -> Result<Prefix> {
        while self.next()?.is_some() {}
        Ok(Prefix { bytes: self.bytes, sha256: self.digest() })
    }
}

fn files_under(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|e| io_error(&folder, &e))? {
            let entry = entry.map_err(|e| io_error(&folder, &e))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(|e| io_error(&path, &e))?;
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                files.push(path);
            } else {
                let detail = "a link or a special file: copy what it stands for into the folder";
                return Err(Error::new(Code::PathRefused, detail).at(path.display().to_string()));
            }
        }
    }
    Ok(files)
}

/// What is read of a file.
struct Contents {
    digest: [u8; 32],
    names: Vec<Named>,
    len: u64,
    /// Its text, if it is one.
    text: Result<String, Skip>,
}

impl Contents {
    fn read(path: &Path, kinds: Kinds) -> Result<Self> {
        let mut file = File::open(path).map_err(|e| io_error(path, &e))?;
        let promised = file.metadata().map_err(|e| io_error(path, &e))?.len();
        let mut bytes = ByteNames::new(kinds, promised);
        let mut kept = Some(Vec::new());
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = file.read(&mut buffer).map_err(|e| io_error(path, &e))?;
            if read == 0 {
                break;
            }
            bytes.update(&buffer[..read]);
            if let Some(kept) = &mut kept {
                kept.extend_from_slice(&buffer[..read]);
            }
            if bytes.len() > MAX_ITEM as u64 {
                kept = None;
            }
        }
        let text = match kept {
            None => Err(Skip::TooLarge),
            Some(bytes) if bytes.contains(&0) => Err(Skip::NotText),
            Some(bytes) => String::from_utf8(bytes).map_err(|_| Skip::NotText),
        };
        let len = bytes.len();
        let (digest, names) = bytes.finish(text.is_ok());
        Ok(Self { digest, names, len, text })
    }
}

/// The form of a file's text, by the ending of its name.
fn form_of(path: &Path) -> Form {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
    match ending.as_str() {
        "html" | "htm" | "xhtml" => Form::Html,
        "wiki" | "wikitext" | "mediawiki" => Form::Wikitext,
        _ => Form::Plain,
    }
}
