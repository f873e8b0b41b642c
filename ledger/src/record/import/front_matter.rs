//! Where the metadata block of a card begins and ends.
//!
//! The rule is that of the Python library `huggingface_hub` (`repocard.py`, `REGEX_YAML_BLOCK`, 2026-08), so that what is
//! metadata there is metadata here:
//!
//! ```text
//! ^(\s*---(?:\r\n|\r|\n))([\S\s]*?)((?:\r\n|\r|\n)---[ \t]*(\r\n|\n|$))
//! ```
//!
//! A block that only a milder eye sees (a byte order mark before it, blanks after the opening dashes, old Macintosh line
//! ends) is found too, with the [`Quirk`] that hides it from those tools, so that lint can say so.

use core::ops::Range;

/// What hides a block from Hugging Face's tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quirk {
    /// The file starts with U+FEFF.
    ByteOrderMark,
    /// The line of the opening dashes goes on with blanks.
    BlankAfterOpening,
    /// The closing dashes end with a carriage return alone.
    CarriageReturn,
}

/// A metadata block of a card's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// The bytes between the two lines of dashes, without the line break before the closing one.
    pub(crate) yaml: Range<usize>,
    /// Where the prose begins.
    pub(crate) body: usize,
    /// The line of the file, counted from 1, on which the YAML begins.
    pub(crate) first_line: usize,
    /// What hides it, if anything does.
    pub(crate) quirk: Option<Quirk>,
}

/// Finds the metadata block of a card.
pub(crate) fn find(text: &str) -> Option<Block> {
    let (start, bom) = match text.strip_prefix('\u{feff}') {
        Some(rest) => (text.len() - rest.len(), true),
        None => (0, false),
    };
    let dashes = start + text[start..].find(|c: char| !is_python_space(c))?;
    let mut lines = Lines { text, at: dashes };
    let opening = lines.next()?;
    let blanks = text[opening.content.clone()].strip_prefix("---")?;
    if !blanks.bytes().all(|b| b == b' ' || b == b'\t') || opening.end.is_empty() {
        return None;
    }
    let hidden = match (bom, blanks.is_empty()) {
        (true, _) => Some(Quirk::ByteOrderMark),
        (_, false) => Some(Quirk::BlankAfterOpening),
        _ => None,
    };
    let first_line = 2 + Lines { text: &text[..dashes], at: 0 }.filter(|line| !line.end.is_empty()).count();
    let begin = opening.next;
    let closing = |carriage_return: bool| {
        let mut previous_end = begin;
        for line in (Lines { text, at: begin }) {
            let rest = text[line.content.clone()].strip_prefix("---");
            let closes = rest.is_some_and(|rest| rest.bytes().all(|b| b == b' ' || b == b'\t'));
            if closes && (line.end != "\r" || carriage_return) {
                return Some((previous_end, line.next));
            }
            previous_end = line.content.end;
        }
        None
    };
    let (end, body, quirk) = match (closing(false), closing(true)) {
        (Some((end, body)), _) => (end, body, hidden),
        (None, Some((end, body))) => (end, body, hidden.or(Some(Quirk::CarriageReturn))),
        (None, None) => return None,
    };
    Some(Block { yaml: begin..end, body, first_line, quirk })
}

/// Whether metadata begins and never ends: dashes in the first line, a name with a colon behind them, and no second dashes.
/// Readers then see no metadata at all, and the licence in it is lost.
pub(crate) fn is_unclosed(text: &str) -> bool {
    let mut lines = text.trim_start_matches('\u{feff}').trim_start_matches(is_python_space).lines().map(str::trim_end);
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let is_member =
        |line: &str| line.split_once(':').is_some_and(|(name, _)| !name.is_empty() && name.chars().all(is_name));
    let opened = lines.next() == Some("---");
    opened
        && find(text).is_none()
        && lines.find(|line| !line.is_empty() && !line.starts_with('#')).is_some_and(is_member)
}

/// The text with every line break written as `\n`, which changes no line number and no column.
pub(crate) fn unix_line_ends(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// `\s` of Python's `re` for text: Unicode white space and the four separators U+001C to U+001F.
fn is_python_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

struct Line<'a> {
    content: Range<usize>,
    end: &'a str,
    next: usize,
}

/// The lines from a position on, each with its own line break.
struct Lines<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = rest.find(['\r', '\n']).unwrap_or(rest.len());
        let end = match rest.as_bytes()[length..] {
            [b'\r', b'\n', ..] => &rest[length..length + 2],
            [] => "",
            _ => &rest[length..=length],
        };
        let line = Line { content: self.at..self.at + length, end, next: self.at + length + end.len() };
        self.at = line.next;
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn yaml(text: &str) -> Option<(&str, usize, Option<Quirk>)> {
        find(text).map(|block| (&text[block.yaml.clone()], block.first_line, block.quirk))
    }

    #[test]
    fn the_block_is_what_the_regular_expression_finds() {
        assert_eq!(yaml("---\nlicense: mit\n---\n# x"), Some(("license: mit", 2, None)));
        assert_eq!(yaml("---\r\nlicense: mit\r\n---\r\n"), Some(("license: mit", 2, None)));
        assert_eq!(yaml("\n\n---\na: 1\nb: 2\n--- \t\nx"), Some(("a: 1\nb: 2", 4, None)));
        assert_eq!(yaml("---\na: 1\n---"), Some(("a: 1", 2, None)));
        assert_eq!(yaml("---\n\n---\n"), Some(("", 2, None)));
        assert_eq!(yaml("---\na: 1\n---x\n---\n"), Some(("a: 1\n---x", 2, None)));
        assert_eq!(yaml("---\na: 1\n---\nprose\n---\n"), Some(("a: 1", 2, None)));
        assert_eq!(yaml("---\rlicense: mit\r---"), Some(("license: mit", 2, None)));
    }

    #[test]
    fn no_block_is_found_where_there_is_none() {
        for text in
            ["", "# Title\n---\na: 1\n---\n", "---", "---\n", "---\na: 1\n", "----\na: 1\n---\n", "text ---\na\n---\n"]
        {
            assert_eq!(yaml(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_hidden_block_is_found_with_what_hides_it() {
        assert_eq!(yaml("\u{feff}---\na: 1\n---\n"), Some(("a: 1", 2, Some(Quirk::ByteOrderMark))));
        assert_eq!(yaml("--- \na: 1\n---\n"), Some(("a: 1", 2, Some(Quirk::BlankAfterOpening))));
        assert_eq!(yaml("---\ra: 1\r---\r# x\r"), Some(("a: 1", 2, Some(Quirk::CarriageReturn))));
    }

    #[test]
    fn the_body_begins_after_the_closing_line() {
        let text = "---\r\na: 1\r\n---\r\nprose";
        assert_eq!(&text[find(text).unwrap().body..], "prose");
        assert_eq!(unix_line_ends("a\r\nb\rc\n"), "a\nb\nc\n");
    }
}
