//! Paragraphs: the parts of a text that are asked for by themselves.

use crate::manifest::normal::N1;

/// The shortest paragraph that has a key, in code points after n1. Shorter lines are headings, captions and boilerplate
/// that unrelated texts share; below about 50 a match says little about who wrote it.
pub const MIN_PARAGRAPH: usize = 50;

/// The paragraphs of a text that have a key, in order: its lines, each in normal form, that are long enough.
///
/// Lines end at U+000A only; a carriage return before it is white space and falls away in n1.
///
/// ```
/// use ledger::manifest::paragraphs;
/// let text = "Heading\nA paragraph that is long enough to be recognised when it is quoted.\n";
/// assert_eq!(paragraphs(text).count(), 1);
/// ```
pub fn paragraphs(text: &str) -> impl Iterator<Item = N1> + '_ {
    text.split('\n').filter_map(paragraph)
}

/// One paragraph in normal form, if it is long enough to have a key. Line ends inside it are white space.
pub fn paragraph(text: &str) -> Option<N1> {
    let n1 = N1::of(text);
    is_long_enough(n1.as_str()).then_some(n1)
}

/// Whether a paragraph in normal form has a key.
pub(super) fn is_long_enough(n1: &str) -> bool {
    n1.len() >= MIN_PARAGRAPH && n1.chars().count() >= MIN_PARAGRAPH
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn fifty_code_points_after_n1_are_enough() {
        let fifty = "ä".repeat(50);
        assert!(paragraph(&fifty).is_some());
        assert!(paragraph(&"ä".repeat(49)).is_none());
        assert!(paragraph(&format!("{}  \t  x", "ä".repeat(47))).is_none());
        // 25 ligatures become 50 letters.
        assert!(paragraph(&"\u{fb01}".repeat(25)).is_some());
    }

    #[test]
    fn lines_are_paragraphs() {
        let (a, b) = ("a".repeat(60), "b".repeat(60));
        let found = |text: &str| paragraphs(text).map(|p| p.as_str().to_owned()).collect::<Vec<_>>();
        assert_eq!(found(&format!("{a}\n\nshort\n{b}")), [a.clone(), b.clone()]);
        assert_eq!(found(&format!("{a}\r\n{b}\r\n")), [a.clone(), b.clone()]);
        assert_eq!(found(&format!("{a}\u{2028}{b}")), [format!("{a} {b}")]);
        assert_eq!(found(""), Vec::<String>::new());
    }
}
