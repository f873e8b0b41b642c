//! Web archives: WARC 1.0 and 1.1 (ISO 28500), plain or with a gzip member a record.
//!
//! ```text
//! WARC/1.0\r\n  Name: value\r\n …  \r\n  Content-Length bytes  \r\n\r\n
//! ```
//!
//! `response` and `resource` records hold a page as it was served, `conversion` records its text (Common Crawl's WET).
//! The item's bytes are those of the body: of an HTTP response what follows its header, chunks joined and gzip undone,
//! as a browser would save it. Other types of record hold no content. Addresses of accounts are dropped.

use std::io::{BufRead, Read};

use flate2::read::{MultiGzDecoder, ZlibDecoder};

use crate::error::Result;
use crate::manifest::MAX_ITEM;
use crate::manifest::keying::ByteNames;
use crate::manifest::kind::{Form, Kind};
use crate::manifest::kinds::Kinds;
use crate::manifest::reader::input::Input;
use crate::manifest::reader::{Feed, ItemText, Prefix, Raw, ReadItem, ReadOptions, Skip};
use crate::manifest::url::{CanonicalUrl, UrlRefused};

/// The longest header, of a record or of HTTP: servers refuse more than 8 to 64 KiB.
const MAX_HEADER: usize = 1 << 18;

/// The records of an archive, as a feed.
pub(super) struct Records {
    input: Input,
    kinds: Kinds,
}

impl Records {
    pub(super) fn open(input: Input, options: &ReadOptions) -> Self {
        Self { input, kinds: options.kinds }
    }

    fn wrong(&self, detail: &str, at: u64) -> crate::error::Error {
        self.input.place.wrong(detail, at)
    }

    /// The header of the next record; `None` at the end of the archive.
    fn header(&mut self, at: u64) -> Result<Option<RecordHeader>> {
        let mut line = Vec::new();
        loop {
            if !self.input.line(&mut line)? {
                return Ok(None);
            }
            if !line.is_empty() {
                break;
            }
        }
        if !line.starts_with(b"WARC/1.") {
            return Err(self.wrong("a record does not begin with WARC/1.", at));
        }
        let mut header = RecordHeader::default();
        let mut len = 0;
        loop {
            if !self.input.line(&mut line)? {
                return Err(self.wrong("the archive ends in a record's header", at));
            }
            if line.is_empty() {
                break;
            }
            len += line.len();
            if len > MAX_HEADER {
                return Err(self.wrong("a record's header is too long", at));
            }
            let Some((name, value)) = field(&line) else { continue };
            match name.to_ascii_lowercase().as_str() {
                "warc-type" => header.kind = value.to_ascii_lowercase(),
                "warc-target-uri" => header.url = Some(value.trim_matches(['<', '>']).to_owned()),
                "content-type" => header.media = value.to_ascii_lowercase(),
                "content-length" => header.len = value.parse().ok(),
                _ => {}
            }
        }
        Ok(Some(header))
    }

    /// The content of a record: all of it if it is `wanted` and no larger than an item may be, else only its length.
    fn content(&mut self, len: u64, at: u64, wanted: bool) -> Result<Option<Vec<u8>>> {
        let mut left = len;
        let kept = wanted && len <= MAX_ITEM as u64;
        let mut content = Vec::new();
        while left > 0 {
            self.input.reader.mark();
            let available = self.input.reader.fill_buf().map_err(|e| self.input.place.broken(&e))?;
            if available.is_empty() {
                return Err(self.wrong("the archive ends in a record", at));
            }
            let take = available.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            if kept {
                content.extend_from_slice(&available[..take]);
            }
            self.input.reader.consume(take);
            left -= take as u64;
        }
        Ok(kept.then_some(content))
    }
}

#[derive(Default)]
struct RecordHeader {
    kind: String,
    url: Option<String>,
    media: String,
    len: Option<u64>,
}

impl Feed for Records {
    fn next(&mut self) -> Result<Option<Raw>> {
        let at = self.input.reader.position();
        let Some(header) = self.header(at)? else { return Ok(None) };
        let len = header.len.ok_or_else(|| self.wrong("a record without a Content-Length", at))?;
        let wanted = matches!(header.kind.as_str(), "response" | "resource" | "conversion");
        let content = self.content(len, at, wanted)?;
        if !wanted {
            return Ok(Some(Raw::Dropped(Skip::Record)));
        }
        let mut item = ReadItem::default();
        let mut skip = None;
        match header.url.as_deref().map(str::parse::<CanonicalUrl>) {
            Some(Ok(url)) => item.url = Some(url),
            Some(Err(UrlRefused::Account)) => return Ok(Some(Raw::Dropped(Skip::Account))),
            Some(Err(_)) => skip = Some(Skip::Url),
            None => {}
        }
        let Some(content) = content else { return Ok(Some(Raw::ItemWithout(Box::new(item), Skip::TooLarge))) };
        let body = if header.kind == "response" && header.media.starts_with("application/http") {
            http_body(&content)
        } else {
            Some(Body { bytes: content, media: header.media.clone() })
        };
        let Some(body) = body else { return Ok(Some(Raw::ItemWithout(Box::new(item), Skip::Undecoded))) };
        let form = body.form(&header.kind);
        let mut names = ByteNames::new(self.kinds, body.bytes.len() as u64);
        names.update(&body.bytes);
        let text = form.and_then(|form| Some((form, String::from_utf8(body.bytes).ok()?)));
        let (digest, names) = names.finish(text.is_some());
        item.digest = Some((Kind::RawSha256, digest));
        item.names = names;
        match text {
            Some((form, text)) => item.texts.push(ItemText { form, rendering: None, text }),
            None => skip = Some(Skip::NotText),
        }
        Ok(Some(match skip {
            Some(skip) => Raw::ItemWithout(Box::new(item), skip),
            None => Raw::Item(Box::new(item)),
        }))
    }

    fn prefix(&self) -> Result<Prefix> {
        Ok(self.input.place.prefix())
    }

    fn stored(&self) -> u64 {
        self.input.place.stored()
    }

    fn finish(&mut self) -> Result<Prefix> {
        self.input.finish()
    }
}

/// What a page is made of.
struct Body {
    bytes: Vec<u8>,
    media: String,
}

impl Body {
    /// The form of its text, if it is a text.
    fn form(&self, record: &str) -> Option<Form> {
        match self.media.split(';').next().unwrap_or_default().trim() {
            "text/html" | "application/xhtml+xml" => Some(Form::Html),
            media if media.starts_with("text/") => Some(Form::Plain),
            _ if record == "conversion" => Some(Form::Plain),
            _ => None,
        }
    }
}

/// `Name: value`, as headers have it.
fn field(line: &[u8]) -> Option<(&str, &str)> {
    let (name, value) = core::str::from_utf8(line).ok()?.split_once(':')?;
    Some((name.trim(), value.trim()))
}

/// The body of an HTTP response with its transfer and content encodings undone; `None` if it cannot be.
fn http_body(response: &[u8]) -> Option<Body> {
    let mut rest = response;
    let line = |rest: &mut &[u8]| -> Option<Vec<u8>> {
        let end = rest.iter().take(MAX_HEADER).position(|byte| *byte == b'\n')?;
        let (own, others) = rest.split_at(end + 1);
        *rest = others;
        Some(own.trim_ascii_end().to_vec())
    };
    if !line(&mut rest)?.starts_with(b"HTTP/") {
        return None;
    }
    let (mut media, mut chunked, mut encoding) = (String::new(), false, String::new());
    loop {
        let own = line(&mut rest)?;
        if own.is_empty() {
            break;
        }
        let Some((name, value)) = field(&own) else { continue };
        match name.to_ascii_lowercase().as_str() {
            "content-type" => media = value.to_ascii_lowercase(),
            "content-encoding" => encoding = value.to_ascii_lowercase(),
            "transfer-encoding" => chunked = value.to_ascii_lowercase().contains("chunked"),
            _ => {}
        }
    }
    // Crawlers often undo the encodings and leave the header as it was: what does not fit is taken as it stands.
    let joined = if chunked { dechunked(rest) } else { None };
    let bytes = joined.unwrap_or_else(|| rest.to_vec());
    let decoded = match encoding.as_str() {
        "gzip" | "x-gzip" if bytes.starts_with(&[0x1f, 0x8b]) => all_of(MultiGzDecoder::new(bytes.as_slice()))?,
        "deflate" if bytes.first() == Some(&0x78) => all_of(ZlibDecoder::new(bytes.as_slice()))?,
        "br" | "zstd" => return None,
        _ => bytes,
    };
    Some(Body { bytes: decoded, media })
}

/// Everything that a decoder gives, if it is no larger than an item may be.
fn all_of(decoder: impl Read) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    decoder.take(MAX_ITEM as u64 + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() <= MAX_ITEM).then_some(bytes)
}

/// The chunks of a body, joined; `None` if it is not in chunks.
fn dechunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(rest.len());
    loop {
        let end = rest.iter().take(1024).position(|byte| *byte == b'\n')?;
        let size = core::str::from_utf8(&rest[..end]).ok()?.trim();
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        rest = &rest[end + 1..];
        if size == 0 {
            return Some(bytes);
        }
        bytes.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
}
