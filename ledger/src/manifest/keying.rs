//! The keys of one item: every kind that was asked for, in one pass over each of its texts.
//!
//! ```text
//! for each line of a text:   n1 of the line ──► SHA-256 of the line        para-n1, if it is long enough
//!                                      ├──────► SHA-256 of all lines       text-n1
//!                                      └──────► Winnow                     span-n1
//! ```
//!
//! A line end composes with nothing and is white space, so n1 of a text is n1 of its lines, the empty ones left out, with
//! a space between two: the text is brought into normal form once and is never held in it. DESIGN §7.
//!
//! Not a reader and not a builder: items come from `reader`, keys go where the caller wants them.

use sha1::{Digest as _, Sha1};
use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::ids::ContentKey;
use crate::manifest::key;
use crate::manifest::kind::{Form, Kind, Rendering, Spec};
use crate::manifest::kinds::Kinds;
use crate::manifest::named::Named;
use crate::manifest::normal::normalize;
use crate::manifest::paragraph::is_long_enough;
use crate::manifest::reader::{ItemPage, ReadItem};
use crate::manifest::sha1::Sha1Name;
use crate::manifest::span::Winnow;
use crate::manifest::swhid::Swhid;

/// The wiki whose page titles are the items themselves.
const WIKIDATA: &str = "wikidatawiki";

/// Takes a key with the spec of the keyspace that it belongs to.
pub type Push<'a> = dyn FnMut(Spec, ContentKey) -> Result<()> + 'a;

/// Makes keys. One for each thread: it keeps its buffers from item to item.
///
/// ```
/// use ledger::manifest::{Form, Keyer, Kinds, N1, key};
/// let mut found = Vec::new();
/// Keyer::new(Kinds::default()).text(Form::Plain, None, "Two\nlines", &mut |spec, key| {
///     found.push((spec.to_string(), key));
///     Ok(())
/// })?;
/// assert_eq!(found, [("text-n1/unicode-16/plain".to_owned(), key::text_n1(&N1::of("two lines")))]);
/// # Ok::<(), ledger::Error>(())
/// ```
#[derive(Debug)]
pub struct Keyer {
    kinds: Kinds,
    winnow: Winnow,
    /// A line in normal form.
    line: String,
}

impl Keyer {
    /// A maker of keys of these kinds.
    pub const fn new(kinds: Kinds) -> Self {
        Self { kinds, winnow: Winnow::new(), line: String::new() }
    }

    /// Hands over every key of an item; answers how many code points of its texts are unassigned.
    pub(super) fn item(&mut self, item: &ReadItem, push: &mut Push<'_>) -> Result<u64> {
        if let Some((kind, digest)) = &item.digest
            && self.kinds.contains(*kind)
            && let Some(key) = key::of_digest(*kind, digest)
        {
            // A list of digests of texts does not say which form; a publisher of text digests has plain text.
            if let Some(spec) = Spec::of_kind(*kind).or(Spec::of_text(*kind, Form::Plain)) {
                push(spec, key)?;
            }
        }
        if let Some(url) = &item.url {
            self.plain(Kind::UrlC1, || key::url_c1(url), push)?;
            self.plain(Kind::Host, || key::host(&url.to_host()), push)?;
        }
        for named in &item.names {
            self.plain(named.kind(), || named.key(), push)?;
        }
        if let Some(page) = &item.page {
            self.page(page, item, push)?;
        }
        let mut unassigned = 0;
        for text in &item.texts {
            unassigned += self.text(text.form, text.rendering, &text.text, push)?;
        }
        Ok(unassigned)
    }

    fn page(&self, page: &ItemPage, item: &ReadItem, push: &mut Push<'_>) -> Result<()> {
        self.plain(Kind::MwPage, || key::mw_page(&page.wiki, page.page), push)?;
        if let Some(revision) = page.revision {
            self.plain(Kind::MwRev, || key::mw_rev(&page.wiki, revision), push)?;
            if let Some(source) = item.texts.iter().find(|text| text.form == Form::Wikitext) {
                self.plain(Kind::MwSha1, || key::mw_sha1(&Sha1Name::of(source.text.as_bytes())), push)?;
            }
        }
        if let Some(title) = &page.title {
            self.plain(Kind::MwTitle, || key::mw_title(&page.wiki, title), push)?;
            if page.wiki.as_str() == WIKIDATA
                && title.namespace() == 0
                && let Ok(named) = Named::parse(Kind::WikidataQid, title.text())
            {
                self.plain(Kind::WikidataQid, || named.key(), push)?;
            }
        }
        Ok(())
    }

    /// One key of a kind that is not taken from a text.
    fn plain(&self, kind: Kind, key: impl FnOnce() -> ContentKey, push: &mut Push<'_>) -> Result<()> {
        match Spec::of_kind(kind) {
            Some(spec) if self.kinds.contains(kind) => push(spec, key()),
            _ => Ok(()),
        }
    }

    /// Hands over every key of a text in one form; answers how many of its code points are unassigned.
    ///
    /// # Errors
    /// Those of `push`.
    pub fn text(&mut self, form: Form, rendering: Option<Rendering>, text: &str, push: &mut Push<'_>) -> Result<u64> {
        let spec = |kind| {
            let spec = match rendering {
                Some(rendering) => Spec::of_rendering(kind, rendering),
                None => Spec::of_text(kind, form),
            };
            spec.filter(|_| self.kinds.contains(kind))
        };
        let (whole, paragraph, span) = (spec(Kind::TextN1), spec(Kind::ParaN1), spec(Kind::SpanN1));
        if whole.is_none() && paragraph.is_none() && span.is_none() {
            return Ok(0);
        }
        let Self { winnow, line: n1, .. } = self;
        winnow.clear();
        let mut hasher = Sha256::new();
        let (mut empty, mut unassigned) = (true, 0);
        let mut failed = Ok(());
        for line in text.split('\n') {
            n1.clear();
            unassigned += normalize(line, n1);
            if n1.is_empty() {
                continue;
            }
            let between = if empty { "" } else { " " };
            empty = false;
            if whole.is_some() {
                hasher.update(between);
                hasher.update(&n1);
            }
            if let Some(spec) = paragraph
                && is_long_enough(n1)
                && let Some(key) = key::of_digest(Kind::ParaN1, &Sha256::digest(&n1).into())
            {
                push(spec, key)?;
            }
            if let Some(spec) = span {
                for part in [between, n1.as_str()] {
                    winnow.push(part, &mut |span| {
                        if failed.is_ok() {
                            failed = push(spec, key::span_n1(span));
                        }
                    });
                }
            }
        }
        failed?;
        if let Some(spec) = whole.filter(|_| !empty)
            && let Some(key) = key::of_digest(Kind::TextN1, &hasher.finalize().into())
        {
            push(spec, key)?;
        }
        Ok(unassigned)
    }
}

/// The names that follow from an item's bytes, which come in parts: its SHA-256, and those that others give.
pub(super) struct ByteNames {
    sha256: Sha256,
    blob: Option<Sha1>,
    media: Option<Sha1>,
    promised: u64,
    len: u64,
}

impl ByteNames {
    /// Begins an item of so many bytes, as Git wants to know before the first. SHA-1 is computed only for kinds that
    /// somebody asked for.
    pub(super) fn new(kinds: Kinds, len: u64) -> Self {
        let sha1 = |kind| kinds.contains(kind).then(Sha1::new);
        let mut blob = sha1(Kind::Swhid);
        if let Some(hasher) = &mut blob {
            hasher.update(format!("blob {len}\0"));
        }
        Self { sha256: Sha256::new(), blob, media: sha1(Kind::MediaSha1), promised: len, len: 0 }
    }

    /// Takes the next bytes.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        for hasher in [&mut self.blob, &mut self.media].into_iter().flatten() {
            hasher.update(bytes);
        }
        self.len += bytes.len() as u64;
    }

    /// How many bytes came.
    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// The SHA-256 of the bytes and their other names: as a file content if as many bytes came as were promised, and as
    /// media if they are no text.
    pub(super) fn finish(self, is_text: bool) -> ([u8; 32], Vec<Named>) {
        let name = |hasher: Sha1| Sha1Name::from_bytes(hasher.finalize().into());
        let blob =
            self.blob.filter(|_| self.len == self.promised).map(|hasher| Named::Swhid(Swhid::of_blob(name(hasher))));
        let media = self.media.filter(|_| !is_text).map(|hasher| Named::MediaSha1(name(hasher)));
        (self.sha256.finalize().into(), blob.into_iter().chain(media).collect())
    }
}

#[cfg(test)]
mod tests;
