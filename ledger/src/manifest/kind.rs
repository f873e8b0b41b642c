//! Kinds of content key, the text that a text key was taken from, and the name that a keyspace gives to both.
//!
//! Nothing here makes a key (see [`super::key`]). Numbers and names are part of the format (DESIGN §7,
//! `docs/FORMAT-manifest.md`): they never move and are never used again for something else.

use core::fmt;
use core::str::FromStr;

use crate::error::{Code, Error, Result};
use crate::manifest::normal::UNICODE_VERSION;
use crate::manifest::shown;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        /// What a content key is taken from.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Kind {
            $($(#[$doc])* $name,)*
        }

        impl Kind {
            /// Every kind that has a number.
            pub const ALL: &'static [Kind] = &[$(Kind::$name,)*];

            /// The number that is hashed into every key of this kind.
            pub const fn number(self) -> u16 {
                match self { $(Kind::$name => $number,)* }
            }

            /// The name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Kind::$name => $text,)* }
            }
        }
    };
}

kinds! {
    /// The item's bytes as they stand in the data file.
    RawSha256 = 1, "raw-sha256";
    /// The whole text of an item in normal form n1.
    TextN1 = 2, "text-n1";
    /// One paragraph of at least 50 code points in normal form n1.
    ParaN1 = 3, "para-n1";
    /// A span of 50 code points of a text in normal form n1, picked by winnowing.
    SpanN1 = 4, "span-n1";
    /// A canonical URL.
    UrlC1 = 5, "url-c1";
    /// The host of a URL.
    Host = 6, "host";
    /// A page of a wiki, by its number.
    MwPage = 7, "mw-page";
    /// A revision of a page of a wiki, by its number.
    MwRev = 8, "mw-rev";
    /// A page of a wiki, by namespace and title.
    MwTitle = 9, "mw-title";
    /// MediaWiki's own SHA-1 of a revision.
    MwSha1 = 10, "mw-sha1";
    /// A Wikidata item.
    WikidataQid = 11, "wikidata-qid";
    /// A Software Heritage identifier of a file.
    Swhid = 12, "swhid";
    /// The SHA-1 of a media file.
    MediaSha1 = 13, "media-sha1";
    /// An ISCC unit.
    Iscc = 14, "iscc";
}

impl Kind {
    /// The kind with this number.
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.number() == number)
    }

    /// Whether the key is taken from a text, so that its keyspace says which form of the text.
    pub const fn is_text(self) -> bool {
        matches!(self, Self::TextN1 | Self::ParaN1 | Self::SpanN1)
    }

    /// Whether the canonical form depends on the pinned Unicode version.
    pub const fn needs_unicode(self) -> bool {
        self.is_text() || matches!(self, Self::UrlC1 | Self::Host | Self::MwTitle)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| Error::new(Code::ManifestInvalid, format!("{} is not a kind of content key", shown(text))))
    }
}

/// Which form of a text was keyed: what an editor pastes is the rendered page, what a dump holds is its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// The source of a MediaWiki page.
    Wikitext,
    /// Text as a reader sees it.
    Plain,
    /// HTML source.
    Html,
}

impl Form {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wikitext => "wikitext",
            Self::Plain => "plain",
            Self::Html => "html",
        }
    }
}

impl FromStr for Form {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "wikitext" => Ok(Self::Wikitext),
            "plain" => Ok(Self::Plain),
            "html" => Ok(Self::Html),
            _ => Err(Error::new(Code::ManifestInvalid, format!("{} is not a form of text", shown(text)))),
        }
    }
}

/// How a plain text was made from its source. A change of the rules is a new name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rendering {
    /// The rules of [`super::mediawiki::plain`].
    MediaWiki1,
}

impl Rendering {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MediaWiki1 => "mediawiki-1",
        }
    }
}

/// How the keys of a keyspace are made, completely: two keyspaces with the same spec key the same content alike.
///
/// ```text
/// spec = kind [ "/unicode-16" [ "/" form [ "/" rendering ] ] ]
///
/// raw-sha256    mw-page    mw-rev             no text involved
/// url-c1/unicode-16    mw-title/unicode-16    a name, not a text
/// para-n1/unicode-16/wikitext                 text kinds say which form
/// para-n1/unicode-16/plain/mediawiki-1        and by which rules it was rendered
/// ```
///
/// ```
/// use ledger::manifest::{Form, Kind, Spec};
/// let spec: Spec = "para-n1/unicode-16/wikitext".parse()?;
/// assert_eq!((spec.kind(), spec.form()), (Kind::ParaN1, Some(Form::Wikitext)));
/// assert!("para-n1/unicode-15/wikitext".parse::<Spec>().is_err());
/// # Ok::<(), ledger::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spec {
    kind: Kind,
    form: Option<Form>,
    rendering: Option<Rendering>,
}

impl Spec {
    /// The spec of a kind that is not taken from a text; `None` for text kinds, which need a form.
    pub const fn of_kind(kind: Kind) -> Option<Self> {
        if kind.is_text() { None } else { Some(Self { kind, form: None, rendering: None }) }
    }

    /// The spec of a text kind; `None` for other kinds.
    pub const fn of_text(kind: Kind, form: Form) -> Option<Self> {
        if kind.is_text() { Some(Self { kind, form: Some(form), rendering: None }) } else { None }
    }

    /// The spec of a text kind over a plain text that was rendered from a source; `None` for other kinds.
    pub const fn of_rendering(kind: Kind, rendering: Rendering) -> Option<Self> {
        if kind.is_text() { Some(Self { kind, form: Some(Form::Plain), rendering: Some(rendering) }) } else { None }
    }

    /// What the keyspaces of a kind have in common: keys do not say of which form their text was.
    pub(super) const fn of_every_form(kind: Kind) -> Self {
        Self { kind, form: None, rendering: None }
    }

    /// The kind of the keys.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Which form of the text, for text kinds.
    pub const fn form(&self) -> Option<Form> {
        self.form
    }

    /// By which rules the plain text was made, where it was.
    pub const fn rendering(&self) -> Option<Rendering> {
        self.rendering
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.as_str())?;
        if self.kind.needs_unicode() {
            write!(f, "/unicode-{}", UNICODE_VERSION.0)?;
        }
        if let Some(form) = self.form {
            write!(f, "/{}", form.as_str())?;
        }
        if let Some(rendering) = self.rendering {
            write!(f, "/{}", rendering.as_str())?;
        }
        Ok(())
    }
}

impl FromStr for Spec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unknown =
            || Error::new(Code::ManifestInvalid, format!("{} is not a spec that this version knows", shown(text)));
        let mut parts = text.split('/');
        let kind: Kind = parts.next().unwrap_or_default().parse().map_err(|_| unknown())?;
        if kind.needs_unicode() {
            parts.next();
        }
        let form = parts.next().map(str::parse).transpose().map_err(|_| unknown())?;
        let rendering = match parts.next() {
            None => None,
            Some("mediawiki-1") => Some(Rendering::MediaWiki1),
            Some(_) => return Err(unknown()),
        };
        // One spelling: whatever was skipped or is superfluous shows when the value is written again.
        let spec = Self { kind, form, rendering };
        let coherent = kind.is_text() == form.is_some() && (rendering.is_none() || form == Some(Form::Plain));
        if coherent && spec.to_string() == text { Ok(spec) } else { Err(unknown()) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn numbers_and_names_never_move() {
        let table: Vec<_> = Kind::ALL.iter().map(|kind| (kind.number(), kind.as_str())).collect();
        assert_eq!(
            table,
            [
                (1, "raw-sha256"),
                (2, "text-n1"),
                (3, "para-n1"),
                (4, "span-n1"),
                (5, "url-c1"),
                (6, "host"),
                (7, "mw-page"),
                (8, "mw-rev"),
                (9, "mw-title"),
                (10, "mw-sha1"),
                (11, "wikidata-qid"),
                (12, "swhid"),
                (13, "media-sha1"),
                (14, "iscc"),
            ]
        );
        for kind in Kind::ALL {
            assert_eq!(Kind::from_number(kind.number()), Some(*kind));
            assert_eq!(kind.as_str().parse::<Kind>().unwrap(), *kind);
        }
    }

    #[test]
    fn a_spec_has_one_spelling() {
        let right = [
            "raw-sha256",
            "mw-page",
            "mw-rev",
            "url-c1/unicode-16",
            "mw-title/unicode-16",
            "text-n1/unicode-16/plain",
            "text-n1/unicode-16/html",
            "para-n1/unicode-16/wikitext",
            "para-n1/unicode-16/plain/mediawiki-1",
        ];
        for text in right {
            assert_eq!(text.parse::<Spec>().unwrap().to_string(), text);
        }
        let wrong = [
            "",
            "raw",
            "raw-sha256/plain",
            "raw-sha256/unicode-16",
            "url-c1",
            "url-c1/unicode-15",
            "text-n1",
            "text-n1/unicode-16",
            "text-n1/plain",
            "text-n1/unicode-16/plain/",
            "text-n1/unicode-16/plain/mediawiki-2",
            "text-n1/unicode-16/wikitext/mediawiki-1",
            "para-n1/unicode-16/plain/mediawiki-1/x",
            "para-n1//plain",
        ];
        for text in wrong {
            assert!(text.parse::<Spec>().is_err(), "{text:?}");
        }
    }
}
