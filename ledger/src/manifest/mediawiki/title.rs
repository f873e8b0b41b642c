//! Canonical titles: one spelling for a page's name, and none for an account's.

use crate::manifest::mediawiki::namespace::{Namespaces, is_account_namespace, is_account_title};
use crate::manifest::normal::nfc;

/// The longest title in bytes, as MediaWiki stores it.
pub const MAX_TITLE: usize = 255;

/// A page's namespace and its title without the namespace's name, in canonical form.
///
/// NFC; underscores and MediaWiki's spaces become one space each run; none at the ends; directional marks left out; 1 to
/// 255 bytes; none of `# < > [ ] { } |`, no control character. Letters keep their case: a dump stores titles as its wiki
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
    /// It names an account.
    #[error("it names an account, and accounts are never keyed")]
    Account,
}

impl Title {
    /// The title `text` of a namespace, without the namespace's name.
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
        Ok(Self { namespace, text })
    }

    /// A title as people write it: with the namespace's name, perhaps a leading colon, perhaps a section.
    pub fn parse(text: &str, namespaces: &Namespaces) -> Result<Self, TitleRefused> {
        let text = text.split('#').next().unwrap_or_default();
        let text = text.trim().strip_prefix(':').unwrap_or(text);
        let (namespace, rest) = namespaces.split(text);
        Self::new(namespace, rest)
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
        let mut upper: String = rest.next().into_iter().flat_map(char::to_uppercase).collect();
        upper.push_str(rest.as_str());
        let mut all = vec![self.clone()];
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

    /// The list of `docs/FORMAT-manifest.md`: as written, namespace, title.
    const VECTORS: &[(&str, i32, &str)] = &[
        ("Anarchism", 0, "Anarchism"),
        ("anarchism", 0, "anarchism"),
        ("New York City", 0, "New York City"),
        ("New_York_City", 0, "New York City"),
        ("  New__York _City_ ", 0, "New York City"),
        ("New\u{a0}York\u{3000}City", 0, "New York City"),
        (":Anarchism", 0, "Anarchism"),
        ("Anarchism#History", 0, "Anarchism"),
        ("Talk:Anarchism", 1, "Anarchism"),
        ("talk : Anarchism", 1, "Anarchism"),
        ("Category:People", 14, "People"),
        (":Category:People", 14, "People"),
        ("category_talk:People", 15, "People"),
        ("Image:A.png", 6, "A.png"),
        ("WP:Notability", 4, "Notability"),
        ("Wikipedia:Notability", 4, "Notability"),
        ("2001: A Space Odyssey", 0, "2001: A Space Odyssey"),
        ("Star Trek: Discovery", 0, "Star Trek: Discovery"),
        ("Cafe\u{301}", 0, "Caf\u{e9}"),
        ("\u{200e}Left\u{200f}", 0, "Left"),
        ("ΑΒΓ αβγ", 0, "ΑΒΓ αβγ"),
        ("C++", 0, "C++"),
        ("AC/DC", 0, "AC/DC"),
        ("Who's Afraid?", 0, "Who's Afraid?"),
    ];

    #[test]
    fn vectors() {
        let namespaces = Namespaces::common();
        for (text, namespace, title) in VECTORS {
            let parsed = Title::parse(text, &namespaces).unwrap();
            assert_eq!((parsed.namespace(), parsed.text()), (*namespace, *title), "{text:?}");
        }
    }

    #[test]
    fn refused() {
        use TitleRefused::{Account, Character, Empty, TooLong};
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
    fn the_first_letter_is_asked_for_in_both_cases() {
        let spellings = |text: &str| -> Vec<String> {
            Title::new(0, text).unwrap().spellings().into_iter().map(|t| t.text).collect()
        };
        assert_eq!(spellings("anarchism"), ["anarchism", "Anarchism"]);
        assert_eq!(spellings("Anarchism"), ["Anarchism"]);
        assert_eq!(spellings("é"), ["é", "É"]);
        assert_eq!(spellings("1984"), ["1984"]);
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
