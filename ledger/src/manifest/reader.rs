//! Readers of datasets: a file or a folder becomes a stream of items, each with every way of asking for it.
//!
//! Not a place where keys are made (see [`super::build`]). Every reader streams: memory is bounded by the largest single
//! item, [`MAX_ITEM`](super::MAX_ITEM). What names a contributor is dropped here, before anything downstream sees it.

mod digests;
mod folder;
mod input;
mod jsonl;
mod mediawiki;

use std::path::Path;

use crate::error::{Code, Error, Result};
use crate::manifest::disk::io_error;
use crate::manifest::kind::{Form, Kind, Rendering};
use crate::manifest::kinds::Kinds;
use crate::manifest::mediawiki::{Title, Wiki};
use crate::manifest::named::Named;
use crate::manifest::url::CanonicalUrl;
use crate::manifest::{NO_ASSERTION, Source};
use input::{Input, Sniffed};

/// One thing in a dataset.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ReadItem {
    /// SHA-256 of its bytes, or of its text if that is the kind of a list of digests.
    pub(super) digest: Option<(Kind, [u8; 32])>,
    /// Its texts, each in one form.
    pub(super) texts: Vec<ItemText>,
    /// Its address.
    pub(super) url: Option<CanonicalUrl>,
    /// Its names in others' catalogues.
    pub(super) names: Vec<Named>,
    /// Its page on a wiki.
    pub(super) page: Option<ItemPage>,
    /// Its license, where the source says one.
    pub(super) license: Option<String>,
}

/// A text of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ItemText {
    pub(super) form: Form,
    pub(super) rendering: Option<Rendering>,
    pub(super) text: String,
}

/// A page of a wiki, as an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ItemPage {
    pub(super) wiki: Wiki,
    pub(super) page: u64,
    pub(super) revision: Option<u64>,
    pub(super) title: Option<Title>,
}

/// Why an item, or one way of asking for it, gave no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Skip {
    /// A page of an account, or at an address that names one.
    Account,
    /// The source holds no text for it: suppressed, or a dump without texts.
    NoText,
    /// Its bytes are not UTF-8 text.
    NotText,
    /// Its text is larger than [`MAX_ITEM`](super::MAX_ITEM).
    TooLarge,
    /// Its title is none that a page can have.
    Title,
    /// Its address is no http or https URL.
    Url,
}

impl Skip {
    /// The name in a report.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::NoText => "noText",
            Self::NotText => "notText",
            Self::TooLarge => "tooLarge",
            Self::Title => "title",
            Self::Url => "url",
        }
    }
}

/// What a reader hands over, in the order of the source.
#[derive(Debug)]
pub(super) enum Read {
    /// The next item.
    Item(Box<ReadItem>),
    /// An item that is dropped whole.
    Dropped(Skip),
    /// One way of asking for the item that comes next is missing.
    Without(Skip),
}

/// Takes what is read.
pub(super) type Sink<'a> = dyn FnMut(Read) -> Result<()> + 'a;

/// Which reader to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReaderKind {
    /// A MediaWiki XML dump, export 0.10 or 0.11; plain, gzip or bzip2.
    MediaWiki,
    /// One JSON object a line; plain, gzip or bzip2.
    Jsonl,
    /// Every regular file of a folder, or one file, as an item each.
    Folder,
    /// SHA-256 digests, one a line, as `sha256sum` writes them.
    Digests,
}

impl ReaderKind {
    /// The name in a header and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MediaWiki => "mediawiki",
            Self::Jsonl => "jsonl",
            Self::Folder => "folder",
            Self::Digests => "digests",
        }
    }
}

impl core::str::FromStr for ReaderKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        [Self::MediaWiki, Self::Jsonl, Self::Folder, Self::Digests]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| Error::new(Code::Usage, "the reader is one of mediawiki, jsonl, folder, digests"))
    }
}

/// How a source is to be read.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// The kinds of which keys are made; a reader may leave out work that none of them needs.
    pub kinds: Kinds,
    /// The reader; `None` looks at the source.
    pub reader: Option<ReaderKind>,
    /// The wiki, for a dump that does not say, and for JSONL whose rows are pages of one.
    pub wiki: Option<Wiki>,
    /// The license of items of which the source says none.
    pub license: String,
    /// JSONL: the member that holds the text.
    pub text_field: String,
    /// JSONL: the member that holds the address.
    pub url_field: String,
    /// JSONL: the member that holds the license.
    pub license_field: Option<String>,
    /// Digests: what they are digests of: bytes, a text in n1, or a paragraph in n1 with its form.
    pub digest_kind: Kind,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            kinds: Kinds::default(),
            reader: None,
            wiki: None,
            license: NO_ASSERTION.into(),
            text_field: "text".into(),
            url_field: "url".into(),
            license_field: None,
            digest_kind: Kind::RawSha256,
        }
    }
}

/// How far a build has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Bytes of the source read so far, as they are stored.
    pub bytes: u64,
    /// Bytes of the source, where that is known.
    pub total: Option<u64>,
    /// Items read so far.
    pub items: u64,
}

/// Reads a source to its end. `read` gets every item, `progress` a word now and then.
pub(super) fn read(
    path: &Path,
    options: &ReadOptions,
    sink: &mut Sink<'_>,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Source> {
    let about = std::fs::metadata(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Error::new(Code::Usage, "there is no such file").at(path.display().to_string()),
        _ => io_error(path, &e),
    })?;
    let mut items = 0;
    if about.is_dir() {
        if !matches!(options.reader, None | Some(ReaderKind::Folder)) {
            return Err(Error::new(Code::Usage, "a folder is read as a folder").at(path.display().to_string()));
        }
        return folder::read(path, options, sink, progress);
    }
    let mut input = Input::open(path)?;
    let reader = match options.reader {
        Some(reader) => reader,
        None => match input.sniff()? {
            Sniffed::Xml => ReaderKind::MediaWiki,
            Sniffed::Json => ReaderKind::Jsonl,
            Sniffed::Digest => ReaderKind::Digests,
            Sniffed::Other => ReaderKind::Folder,
        },
    };
    if reader == ReaderKind::Folder {
        return folder::read(path, options, sink, progress);
    }
    let place = input.place.clone();
    let total = Some(about.len());
    let mut counted = |read: Read| {
        if matches!(read, Read::Item(_) | Read::Dropped(_)) {
            items += 1;
            if items % 256 == 0 {
                progress(&Progress { bytes: place.stored(), total, items });
            }
        }
        sink(read)
    };
    let wiki = match reader {
        ReaderKind::MediaWiki => Some(mediawiki::read(&mut input, options, &mut counted)?),
        ReaderKind::Jsonl => {
            jsonl::read(&mut input, options, &mut counted)?;
            options.wiki.clone()
        }
        ReaderKind::Folder | ReaderKind::Digests => {
            digests::read(&mut input, options, &mut counted)?;
            None
        }
    };
    let (sha256, bytes) = input.finish()?;
    progress(&Progress { bytes, total, items });
    let wiki = wiki.map(|wiki| wiki.as_str().to_owned());
    Ok(Source { sha256: crate::ids::to_hex(&sha256), bytes, items, reader: reader.as_str().into(), wiki })
}
