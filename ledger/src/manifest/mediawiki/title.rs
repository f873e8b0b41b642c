//! Canonical titles: one spelling for a page's name, and none for an account's.

use crate::manifest::mediawiki::Wiki;
use crate::manifest::mediawiki::interwiki;
use crate::manifest::mediawiki::namespace::{Namespaces, is_account_namespace, is_account_title};
use crate::manifest::mediawiki::plain::decode_entities;
use crate::manifest::normal::nfc;

/// The longest title in bytes, as MediaWiki stores it.
pub const MAX_TITLE: usize = 255;

/// A page's namespace and its title without the namespace's name, in canonical form.
///
/// NFC; underscores and MediaWiki's spaces become one space each run; none at the ends; directional marks left out; 1 to
/// 255 bytes; none of `# < > [ ] { } |`, no control character, no form that MediaWiki takes for something else (percent
/// codes, character references, three tildes, dot segments, a colon in front). Letters keep their case: a dump stores titles as its wiki
/// has them, and a question asks for each spelling that the wiki might have (see [`Title::spellings`]), because only the
/// wiki knows whether the first letter counts.
///
/// ```
/// use ledger::manifest::mediawiki::Title;
/// let title = Title::new(0, "New_York  City ")?;
/// assert_eq!(title.text(), "New York City");
/// assert!(Title::new(2, "Somebody").is_err());
/// # Ok::<(), ledger::manifest::mediawiki::TitleRefused>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Title {
    namespace: i32,
    text: String,
}

/// Why a text is not a title.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TitleRefused {
    /// Nothing is left of it.
    #[error("it is empty")]
    Empty,
    /// It is longer than [`MAX_TITLE`] bytes.
    #[error("it is longer than {MAX_TITLE} bytes")]
    TooLong,
    /// It has a character that no title has.
    #[error("it has a character that no title has")]
    Character,
    /// It has a percent code, a character reference, three tildes or dot segments, or begins with a colon.
    #[error("it has a form that no title has")]
    Form,
    /// It names an account.
    #[error("it names an account, and accounts are never keyed")]
    Account,
}

impl Title {
    /// The title `text` of a namespace, without the namespace's name.
    ///
    /// # Errors
    /// Why it is no title, or that it names an account.
    pub fn new(namespace: i32, text: &str) -> Result<Self, TitleRefused> {
        let text = canonical_text(text);
        if is_account_namespace(namespace) || is_account_title(&text) {
            return Err(TitleRefused::Account);
        }
        if text.is_empty() {
            return Err(TitleRefused::Empty);
        }
        if text.len() > MAX_TITLE {
            return Err(TitleRefused::TooLong);
        }
        if text.contains(|c: char| c.is_control() || "#<>[]{}|\u{fffd}".contains(c)) {
            return Err(TitleRefused::Character);
        }
        if has_other_meaning(&text) {
            return Err(TitleRefused::Form);
        }
        Ok(Self { namespace, text })
    }

    /// A title as people write it: with the namespace's name, perhaps a leading colon, perhaps a section, perhaps with
    /// character references.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn parse(text: &str, namespaces: &Namespaces) -> Result<Self, TitleRefused> {
        let text = decode_entities(text);
        let text = text.split('#').next().unwrap_or_default();
        let text = text.trim().strip_prefix(':').unwrap_or(text);
        let (namespace, rest) = namespaces.split(text);
        Self::new(namespace, rest)
    }

    /// A title as people write it on a wiki, and the wiki that it is on: `de:Tee` is on another.
    ///
    /// ```
    /// use ledger::manifest::mediawiki::{Title, Wiki};
    /// let (wiki, title) = Title::resolve(":wikt:de:Tee", &"enwiki".parse::<Wiki>()?)?;
    /// assert_eq!((wiki.as_str(), title.text()), ("dewiktionary", "Tee"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`new`](Self::new), by the rules of the wiki that the title is on.
    pub fn resolve(text: &str, wiki: &Wiki) -> Result<(Wiki, Self), TitleRefused> {
        interwiki::resolve(text, wiki)
    }

    /// The namespace's number.
    pub const fn namespace(&self) -> i32 {
        self.namespace
    }

    /// The title without the namespace's name.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The spellings under which a wiki may keep this title: as it is, and with its first letter in upper case, which is
    /// how most wikis store every title. Absence is proven only if it is proven for each.
    pub fn spellings(&self) -> Vec<Self> {
        let mut rest = self.text.chars();
        let mut capital = rest.next().into_iter().flat_map(char::to_uppercase);
        let mut all = vec![self.clone()];
        // MediaWiki leaves a letter alone whose capital is two, such as ß.
        let (Some(first), None) = (capital.next(), capital.next()) else { return all };
        let upper = format!("{first}{}", rest.as_str());
        if let Ok(other) = Self::new(self.namespace, &upper)
            && other != *self
        {
            all.push(other);
        }
        all
    }
}

/// Spaces and NFC, before any rule is applied.
pub(super) fn canonical_text(text: &str) -> String {
    let text = text.replace(|c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'), "");
    let words: Vec<&str> = text.split(is_title_space).filter(|word| !word.is_empty()).collect();
    nfc(&words.join(" ")).into_owned()
}

/// Whether MediaWiki would read something else into a text, so that no page can have it as its title.
fn has_other_meaning(text: &str) -> bool {
    let percent = |at: usize| text.as_bytes()[at + 1..].iter().take_while(|b| b.is_ascii_hexdigit()).count() >= 2;
    let reference = |at: usize| {
        let name =
            text[at + 1..].split(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        !name.is_empty() && text[at + 1 + name.len()..].starts_with(';')
    };
    text.starts_with(':')
        || text.contains("~~~")
        || text.split('/').any(|segment| segment == "." || segment == "..")
        || text.match_indices('%').any(|(at, _)| percent(at))
        || text.match_indices('&').any(|(at, _)| reference(at))
}

/// What MediaWiki takes for a space in a title.
fn is_title_space(c: char) -> bool {
    matches!(
        c,
        ' ' | '_' | '\u{a0}' | '\u{1680}' | '\u{180e}' | '\u{2000}'
            ..='\u{200a}' | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn refused() {
        use TitleRefused::{Account, Character, Empty, Form, TooLong};
        let namespaces = Namespaces::common();
        let long = "ä".repeat(128);
        for (text, why) in [
            ("", Empty),
            ("_ _", Empty),
            ("#Section", Empty),
            ("Talk:", Empty),
            ("a|b", Character),
            ("a[b]", Character),
            ("a\nb", Character),
            (&long, TooLong),
            ("100%25", Form),
            ("a&nosuch;b", Form),
            ("&amp;amp;", Form),
            ("../a", Form),
            ("~~~~", Form),
            ("::a", Form),
            ("&#85;ser:Somebody", Account),
            ("User:Somebody", Account),
            ("user talk:Somebody/Archive 1", Account),
            ("UsEr_TaLk : Somebody", Account),
            ("Special:Contributions/Somebody", Account),
            ("Benutzer:Somebody", Account),
            ("利用者:Somebody", Account),
        ] {
            assert_eq!(Title::parse(text, &namespaces), Err(why), "{text:?}");
        }
    }

    #[test]
    fn what_only_looks_alike_is_a_title() {
        for text in ["100 %", "%4", "AT&T", "a&;b", "a & b;", "...a", "a/.b", "~~", "a:b", "M&Ms; a story"] {
            let expected = if text == "M&Ms; a story" { Err(TitleRefused::Form) } else { Ok(text) };
            assert_eq!(Title::new(0, text).as_ref().map(Title::text).map_err(|e| *e), expected, "{text}");
        }
        let references = Title::parse("R&amp;D &Eacute;&#x63;ole", &Namespaces::common()).unwrap();
        assert_eq!(references.text(), "R&D École");
    }

    #[test]
    fn the_first_letter_is_asked_for_in_both_cases() {
        let spellings = |text: &str| -> Vec<String> {
            Title::new(0, text).unwrap().spellings().into_iter().map(|t| t.text).collect()
        };
        assert_eq!(spellings("anarchism"), ["anarchism", "Anarchism"]);
        assert_eq!(spellings("Anarchism"), ["Anarchism"]);
        assert_eq!(spellings("é"), ["é", "É"]);
        assert_eq!(spellings("1984"), ["1984"]);
        assert_eq!(spellings("ßa"), ["ßa"]);
    }

    proptest! {
        #[test]
        fn canonical_is_idempotent(text in "\\PC{0,40}") {
            if let Ok(title) = Title::new(0, &text) {
                prop_assert_eq!(Title::new(0, title.text()), Ok(title));
            }
        }
    }
}
