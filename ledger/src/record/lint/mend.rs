//! Changes to the text of a card's metadata that keep what its author meant.
//!
//! Two kinds: repairs, without which the text is no YAML at all (tabs, values that need quotes), tried one by one and kept
//! only if the parser then gets further; and edits of a text that parses (quotes, spellings, a duplicate removed).

use core::ops::Range;

use crate::record::import::yaml::{self, Node, Place, YamlError};

/// Repairs of one text. A card in which more lines are wrong is better looked at as a whole.
const MAX_REPAIRS: usize = 40;

/// Bytes of a text that is repaired. Arithmetic: up to 5 widths of a tab and 40 repairs parse it 200 times, 13 MB in all, below
/// a second; metadata has some kilobytes.
const MAX_REPAIRED: usize = 64 * 1024;

/// A text that parses after repairs, or the error at which they ended.
pub(super) struct Repaired {
    /// The text after the repairs.
    pub(super) text: String,
    /// Lines whose value got quotes, with the column of the value.
    pub(super) quoted: Vec<Place>,
    /// The first tab of each indented line.
    pub(super) tabs: Vec<Place>,
    /// Blanks that stand for one tab in `text`.
    tab_width: usize,
    /// What it says.
    pub(super) parsed: Result<Node, YamlError>,
}

impl Repaired {
    /// Where a place of the repaired text stood in the original.
    pub(super) fn original(&self, place: Place) -> Place {
        // Only tabs move columns of what is reported: quotes were added on lines that hold nothing else.
        let on_line = self.tabs.iter().filter(|tab| tab.line == place.line).count();
        if on_line == 0 || self.tab_width <= 1 {
            return place;
        }
        let tabs = on_line.min((place.column - 1) / self.tab_width);
        Place { column: place.column - tabs * (self.tab_width - 1), ..place }
    }
}

/// Parses a text, with repairs where it does not parse as it is.
pub(super) fn repair(original: &str) -> Repaired {
    if original.len() > MAX_REPAIRED {
        let parsed = yaml::parse(original);
        return Repaired { text: original.to_owned(), quoted: Vec::new(), tabs: Vec::new(), tab_width: 1, parsed };
    }
    let as_it_is = quote_values(original.to_owned(), Vec::new(), 1);
    let tabs = leading_tabs(original);
    if as_it_is.parsed.is_ok() || tabs.is_empty() {
        return as_it_is;
    }
    // Which width fits depends on the lines that are indented with blanks.
    let widths = [2, 4, 8, 1].into_iter().map(|width| quote_values(without_tabs(original, width), tabs.clone(), width));
    widths.into_iter().find(|repaired| repaired.parsed.is_ok()).unwrap_or(as_it_is)
}

/// Puts quotes around one value after the other, as long as each gets the parser further.
fn quote_values(text: String, tabs: Vec<Place>, tab_width: usize) -> Repaired {
    let mut out = Repaired { parsed: yaml::parse(&text), text, quoted: Vec::new(), tabs, tab_width };
    for _ in 0..MAX_REPAIRS {
        let Err(error) = &out.parsed else { break };
        let Some((text, place)) = quote_value(&out.text, error.place.line) else { break };
        let parsed = yaml::parse(&text);
        if parsed.as_ref().is_err_and(|new| new.place.line <= error.place.line) {
            break;
        }
        out.quoted.push(out.original(place));
        out.text = text;
        out.parsed = parsed;
    }
    out
}

fn leading_tabs(text: &str) -> Vec<Place> {
    let mut tabs = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let indent = line.chars().take_while(|c| *c == ' ' || *c == '\t');
        tabs.extend(
            indent.enumerate().filter(|(_, c)| *c == '\t').map(|(column, _)| Place { line: i + 1, column: column + 1 }),
        );
    }
    tabs
}

fn without_tabs(text: &str, width: usize) -> String {
    let blanks = " ".repeat(width);
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let rest = line.trim_start_matches([' ', '\t']);
        out.push_str(&line[..line.len() - rest.len()].replace('\t', &blanks));
        out.push_str(rest);
    }
    out
}

/// Puts quotes around the plain value of a `name: value` or `- value` line.
fn quote_value(text: &str, line: usize) -> Option<(String, Place)> {
    let start = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum::<usize>();
    let content = text[start..].lines().next()?;
    let value_at = match content.split_once(": ") {
        Some((name, _)) if !name.contains(['"', '\'', '{', '[', '#']) => name.len() + 2,
        _ => content.len() - content.trim_start().strip_prefix("- ")?.len(),
    };
    let (value, comment) = match content[value_at..].find(" #") {
        Some(at) => content[value_at..].split_at(at),
        None => (&content[value_at..], ""),
    };
    let trimmed = value.trim();
    // What is quoted or open already is beyond a repair.
    if trimmed.is_empty() || trimmed.starts_with(['"', '\'', '[', '{', '|', '>', '&', '*', '#']) {
        return None;
    }
    let column = content[..value_at].chars().count() + 1 + value.chars().take_while(|c| c.is_whitespace()).count();
    let mended = format!("{}{}{}{comment}", &content[..value_at], value.replacen(trimmed, "", 1), quoted(trimmed));
    let rest = &text[start + content.len()..];
    Some((format!("{}{}{rest}", &text[..start], mended), Place { line, column }))
}

/// A text in the quotes that need the fewest escapes.
pub(super) fn quoted(text: &str) -> String {
    match text.contains('"') || text.contains('\\') {
        true => format!("'{}'", text.replace('\'', "''")),
        false => format!("\"{text}\""),
    }
}

/// Replacements in a text that parses.
#[derive(Default)]
pub(super) struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    /// Replaces some bytes.
    pub(super) fn replace(&mut self, bytes: Range<usize>, text: impl Into<String>) {
        self.0.push((bytes, text.into()));
    }

    /// Removes the earlier of two entries of a block mapping: from the line of its key to that of the next entry's. An
    /// entry that shares its first line with a dash or another entry stays.
    pub(super) fn remove_entry(&mut self, text: &str, key: &Node, next: &Node) {
        let line_start = |at: usize| text[..at].rfind('\n').map_or(0, |end| end + 1);
        let (start, end) = (line_start(key.bytes.start), line_start(next.bytes.start));
        let alone = text[start..key.bytes.start].bytes().all(|b| b == b' ')
            && text[end..next.bytes.start].bytes().all(|b| b == b' ');
        if !alone || start >= end {
            return;
        }
        // Comments just before the next entry speak of that one, and stay.
        let indent = key.bytes.start - start;
        let comment =
            |line: &&str| line.trim_start().starts_with('#') && line.len() - line.trim_start().len() <= indent;
        let comments: usize = text[start..end].split_inclusive('\n').rev().take_while(comment).map(str::len).sum();
        self.0.push((start..end - comments, String::new()));
    }

    /// The text with all of them; where two overlap, the one that begins first.
    pub(super) fn apply(mut self, text: &str) -> String {
        self.0.sort_by_key(|(bytes, _)| (bytes.start, core::cmp::Reverse(bytes.end)));
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for (bytes, new) in self.0 {
            if bytes.start < at || text.get(bytes.clone()).is_none() {
                continue;
            }
            out.push_str(&text[at..bytes.start]);
            out.push_str(&new);
            at = bytes.end;
        }
        out.push_str(&text[at..]);
        out
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    #[test]
    fn tabs_become_blanks_and_places_stay() {
        let repaired = repair("tags:\n\t- a\nmodel:\n\tname: x\n");
        assert_eq!(repaired.text, "tags:\n  - a\nmodel:\n  name: x\n");
        assert_eq!(repaired.tabs, [Place { line: 2, column: 1 }, Place { line: 4, column: 1 }]);
        let node = repaired.parsed.as_ref().unwrap();
        let name = node.get("model").unwrap().get("name").unwrap();
        assert_eq!(repaired.original(name.place), Place { line: 4, column: 8 });
    }

    #[test]
    fn values_that_break_the_line_are_quoted() {
        let repaired = repair("pretty_name: Heron: the base model # draft\ntags:\n- @bird\n- b\nlicense: mit\n");
        assert_eq!(
            repaired.text,
            "pretty_name: \"Heron: the base model\" # draft\ntags:\n- \"@bird\"\n- b\nlicense: mit\n"
        );
        assert_eq!(repaired.quoted, [Place { line: 1, column: 14 }, Place { line: 3, column: 3 }]);
        assert_eq!(repaired.parsed.unwrap().to_json()["tags"], json!(["@bird", "b"]));
        assert!(repair("a: [1, 2\nb: 3\n").parsed.is_err());
        assert!(repair("a: \"x\nb: 3\n").parsed.is_err());
    }

    #[test]
    fn edits_keep_the_rest() {
        let text = "a: 1\n# about b\nb: no\n# and this\nb:\n- x\nc: 2\n";
        let node = yaml::parse(text).unwrap();
        let entries = node.entries().unwrap();
        let mut edits = Edits::default();
        edits.replace(entries[0].1.bytes.clone(), quoted("1"));
        edits.remove_entry(text, &entries[1].0, &entries[2].0);
        assert_eq!(edits.apply(text), "a: \"1\"\n# about b\n# and this\nb:\n- x\nc: 2\n");
        assert_eq!(quoted("say \"no\""), "'say \"no\"'");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_repaired_or_left(text in "\\PC{0,40}|[-a-z:\\[\\]{}&*!|>#'\"%@ \n\t,]{0,60}") {
            let repaired = repair(&text);
            if repaired.parsed.is_ok() {
                assert!(yaml::parse(&repaired.text).is_ok());
            }
        }
    }
}
