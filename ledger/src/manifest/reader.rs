//! Readers of datasets: a file or a folder becomes a stream of items, each with every way of asking for it.
//!
//! Not a place where keys are made (see [`super::build`]). Reading is in two steps, so that several threads can share it:
//! a [`Feed`] cuts the source into raw items, one after another, and [`Parser`] makes an item of each, in any order.
//! Every reader streams: memory is bounded by the largest single item, [`MAX_ITEM`](super::MAX_ITEM). What names a
//! contributor is dropped here, before anything downstream sees it.

mod ahead;
mod csv;
mod digests;
mod fields;
mod folder;
mod input;
mod jsonl;
mod mediawiki;
mod parquet;
mod preset;
mod stored;
mod utf16;
mod warc;
mod zstd;

use std::path::Path;

use crate::error::{Code, Error, Result};
use crate::manifest::Source;
use crate::manifest::disk::io_error;
use crate::manifest::kind::{Form, Kind, Rendering};
use crate::manifest::kinds::Kinds;
use crate::manifest::mediawiki::{Namespaces, Title, Wiki};
use crate::manifest::named::Named;
use crate::manifest::url::CanonicalUrl;
use crate::record::terms::NO_ASSERTION;
use input::{Input, Sniffed};
use mediawiki::Revision;

pub use fields::FieldNames;
use fields::Fields;
pub use preset::Preset;
pub(super) use stored::Prefix;

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
    /// Its bytes are compressed in a way that is not read here, or were cut off.
    Undecoded,
    /// Its number is none that a page can have.
    PageId,
    /// Its title is none that a page can have.
    Title,
    /// Its address is no http or https URL.
    Url,
    /// A name that others gave to it is none of its kind.
    Name,
    /// It is of a type of record that holds no content.
    Record,
}

impl Skip {
    /// The name in a report.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::NoText => "noText",
            Self::NotText => "notText",
            Self::TooLarge => "tooLarge",
            Self::Undecoded => "undecoded",
            Self::PageId => "pageId",
            Self::Title => "title",
            Self::Url => "url",
            Self::Name => "name",
            Self::Record => "record",
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

/// An item as a feed cuts it out of its source.
#[derive(Debug)]
pub(super) enum Raw {
    /// A digest of a list.
    Digest([u8; 32]),
    /// A line of JSON, and where it begins.
    Line { line: Vec<u8>, at: u64 },
    /// A row of a table, or of something that reads like one.
    Fields(Box<Fields>),
    /// A revision of a page.
    Revision(Box<Revision>),
    /// What needs no second step.
    Item(Box<ReadItem>),
    /// A way of asking for it is missing.
    ItemWithout(Box<ReadItem>, Skip),
    /// Nothing is to be made of it.
    Dropped(Skip),
}

impl Raw {
    /// About how many bytes it holds.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Digest(_) => 32,
            Self::Line { line, .. } => line.len() + 64,
            Self::Fields(fields) => fields.weight(),
            Self::Revision(revision) => revision.weight(),
            Self::Item(item) | Self::ItemWithout(item, _) => {
                item.texts.iter().map(|text| text.text.len()).sum::<usize>() + 256
            }
            Self::Dropped(_) => 64,
        }
    }
}

/// A source that is being read.
pub(super) trait Feed: Send {
    /// The next raw item, each of which has a place in the source of its own.
    fn next(&mut self) -> Result<Option<Raw>>;

    /// What was read of the source so far, as it is stored: at least what the items so far needed.
    fn prefix(&self) -> Result<Prefix>;

    /// Bytes read so far, as they are stored.
    fn stored(&self) -> u64;

    /// Reads to the end; the digest and length of the whole.
    fn finish(&mut self) -> Result<Prefix>;

    /// The wiki, where it is one.
    fn wiki(&self) -> Result<Option<Wiki>> {
        Ok(None)
    }
}

/// A source, opened.
pub(super) struct Opened {
    pub(super) feed: Box<dyn Feed>,
    pub(super) reader: ReaderKind,
    /// Bytes of the source, where that is known before it is read.
    pub(super) total: Option<u64>,
}

/// Makes items of what a feed hands out.
pub(super) struct Parser<'a> {
    options: &'a ReadOptions,
    namespaces: Namespaces,
    place: String,
}

impl<'a> Parser<'a> {
    pub(super) fn new(path: &Path, options: &'a ReadOptions) -> Self {
        Self { options, namespaces: Namespaces::common(), place: path.display().to_string() }
    }

    /// Hands over the item, after what is missing of it.
    pub(super) fn parse(&self, raw: Raw, sink: &mut Sink<'_>) -> Result<()> {
        match raw {
            Raw::Digest(digest) => {
                let digest = Some((self.options.digest_kind, digest));
                sink(Read::Item(Box::new(ReadItem { digest, ..ReadItem::default() })))
            }
            Raw::Line { line, at } => {
                let fields = jsonl::fields(&line, self.options).map_err(|(detail, column)| {
                    let place = format!("{}, byte {} of the content", self.place, at + column);
                    Error::new(Code::SourceInvalid, detail).at(place)
                })?;
                fields.item(self.options, &self.namespaces, sink)
            }
            Raw::Fields(fields) => fields.item(self.options, &self.namespaces, sink),
            Raw::Revision(revision) => revision.item(sink),
            Raw::Item(item) => sink(Read::Item(item)),
            Raw::ItemWithout(item, skip) => {
                sink(Read::Without(skip))?;
                sink(Read::Item(item))
            }
            Raw::Dropped(skip) => sink(Read::Dropped(skip)),
        }
    }
}

macro_rules! readers {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// Which reader to use.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ReaderKind {
            $($(#[$doc])* $name,)*
        }

        impl ReaderKind {
            /// Every reader.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name in a header and on the command line.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

readers! {
    /// A MediaWiki XML dump, export 0.10 or 0.11.
    MediaWiki = "mediawiki";
    /// One JSON object a line.
    Jsonl = "jsonl";
    /// An Apache Parquet file.
    Parquet = "parquet";
    /// Comma-separated values with a header line.
    Csv = "csv";
    /// Tab-separated values with a header line, which have no quoting.
    Tsv = "tsv";
    /// A web archive.
    Warc = "warc";
    /// Every regular file of a folder, or one file, as an item each.
    Folder = "folder";
    /// SHA-256 digests, one a line, as `sha256sum` writes them.
    Digests = "digests";
    /// SHA-256 digests, 32 bytes each and nothing between them.
    DigestsBinary = "digests-binary";
}

impl core::str::FromStr for ReaderKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|kind| kind.as_str()).collect();
            Error::new(Code::Usage, format!("the reader is one of {}", names.join(", ")))
        })
    }
}

/// How a source is to be read.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// The kinds of which keys are made; a reader may leave out work that none of them needs.
    pub kinds: Kinds,
    /// The reader; `None` looks at the source.
    pub reader: Option<ReaderKind>,
    /// The wiki, for a dump that does not say, and for tables whose rows are pages of one.
    pub wiki: Option<Wiki>,
    /// The license of items of which the source says none.
    pub license: String,
    /// Tables and JSON: which members and columns hold what.
    pub fields: FieldNames,
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
            fields: FieldNames::default(),
            digest_kind: Kind::RawSha256,
        }
    }
}

/// Opens a source. `ahead` lets it be decompressed in a thread of its own; what an earlier build read of it must be what
/// is `expected`.
pub(super) fn open(path: &Path, options: &ReadOptions, ahead: bool, expected: Option<Prefix>) -> Result<Opened> {
    let about = std::fs::metadata(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Error::new(Code::Usage, "there is no such file").at(path.display().to_string()),
        _ => io_error(path, &e),
    })?;
    if about.is_dir() {
        if !matches!(options.reader, None | Some(ReaderKind::Folder)) {
            return Err(Error::new(Code::Usage, "a folder is read as a folder").at(path.display().to_string()));
        }
        let feed = Box::new(folder::Files::open(path, options, expected)?);
        return Ok(Opened { feed, reader: ReaderKind::Folder, total: None });
    }
    let mut input = Input::open(path, ahead, expected.clone())?;
    let reader = match options.reader {
        Some(reader) => reader,
        None => match input.sniff()? {
            Sniffed::Xml => ReaderKind::MediaWiki,
            Sniffed::Json => ReaderKind::Jsonl,
            Sniffed::Digest => ReaderKind::Digests,
            Sniffed::Warc => ReaderKind::Warc,
            Sniffed::Parquet => ReaderKind::Parquet,
            Sniffed::Other => by_ending(path),
        },
    };
    let feed: Box<dyn Feed> = match reader {
        ReaderKind::MediaWiki => Box::new(mediawiki::Dump::open(input, options)),
        ReaderKind::Jsonl => Box::new(jsonl::Lines::open(input, options)),
        ReaderKind::Csv => Box::new(csv::Table::open(input, b',', options)?),
        ReaderKind::Tsv => Box::new(csv::Table::open(input, b'\t', options)?),
        ReaderKind::Warc => Box::new(warc::Records::open(input, options)),
        ReaderKind::Parquet => Box::new(parquet::Rows::open(path, options, expected)?),
        ReaderKind::Folder => Box::new(folder::Files::open(path, options, expected)?),
        ReaderKind::Digests => Box::new(digests::List::open(input, options, false)?),
        ReaderKind::DigestsBinary => Box::new(digests::List::open(input, options, true)?),
    };
    Ok(Opened { feed, reader, total: Some(about.len()) })
}

/// Reads a source to its end in one thread, for whoever looks at its items and makes no keyspace of them. `sink` gets every
/// item, `progress` now and then how many bytes of the source were read, as they are stored.
pub(super) fn read(
    path: &Path,
    options: &ReadOptions,
    sink: &mut Sink<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<Source> {
    let Opened { mut feed, reader, .. } = open(path, options, false, None)?;
    let parser = Parser::new(path, options);
    let mut items = 0;
    while let Some(raw) = feed.next()? {
        items += 1;
        parser.parse(raw, sink)?;
        if items % 256 == 0 {
            progress(feed.stored());
        }
    }
    let whole = feed.finish()?;
    progress(feed.stored());
    let wiki = feed.wiki()?.or(options.wiki.clone()).map(|wiki| wiki.as_str().to_owned());
    Ok(Source { sha256: whole.sha256, bytes: whole.bytes, items, reader: reader.as_str().into(), wiki })
}

/// Tables have no mark at their beginning, only a name.
fn by_ending(path: &Path) -> ReaderKind {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_ascii_lowercase();
    let name = [".gz", ".bz2", ".zst"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("csv") => ReaderKind::Csv,
        Some("tsv") => ReaderKind::Tsv,
        _ => ReaderKind::Folder,
    }
}
