//! Lines: which of them make a paragraph, and which stand alone.

use crate::manifest::mediawiki::plain::quote::without_quotes;
use crate::manifest::mediawiki::plain::{BLOCK, BREAK, GONE, decode_entities};

/// Removes tables. One that is never closed ends before the next heading, since what follows is rarely part of it.
pub(super) fn without_tables(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut depth = 0u32;
    for line in text.split('\n') {
        let start = line.trim_start_matches([' ', '\t', ':']);
        if start.starts_with("{|") {
            depth += 1;
        } else if let Some(after) = start.strip_prefix("|}") {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                out.push_str(after);
                out.push('\n');
            }
        } else if depth == 0 || heading(line).is_some() {
            depth = 0;
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// Joins the lines of each paragraph, finishes every line, and leaves blank ones out.
pub(super) fn lines(text: &str) -> String {
    let mut page = Page::default();
    for line in text.split('\n') {
        let mut parts = line.split(BLOCK);
        page.line(parts.next().unwrap_or_default());
        for part in parts {
            page.end_paragraph();
            page.line(part);
        }
    }
    page.end_paragraph();
    page.out.pop();
    page.out
}

#[derive(Default)]
struct Page {
    out: String,
    paragraph: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        let line = without_switches(line);
        if line.trim().is_empty() {
            self.end_paragraph();
        } else if let Some(heading) = heading(&line) {
            self.alone(heading);
        } else if line.starts_with("----") {
            self.end_paragraph();
            self.line(line.trim_start_matches('-'));
        } else if line.starts_with(['*', '#', ':', ';']) {
            let item = line.trim_start_matches(['*', '#', ':', ';']);
            let marks = &line[..line.len() - item.len()];
            match definition(item).filter(|_| marks.ends_with(';')) {
                Some((term, meaning)) => {
                    self.alone(term);
                    self.alone(meaning);
                }
                None => self.alone(item),
            }
        } else if line.starts_with(' ') {
            self.alone(&line);
        } else {
            if !self.paragraph.is_empty() {
                self.paragraph.push(' ');
            }
            self.paragraph.push_str(&without_quotes(&line));
        }
    }

    /// A line that is a block of its own.
    fn alone(&mut self, line: &str) {
        self.end_paragraph();
        self.paragraph = without_quotes(line);
        self.end_paragraph();
    }

    fn end_paragraph(&mut self) {
        for line in core::mem::take(&mut self.paragraph).split(BREAK) {
            let line = line.replace(GONE, "");
            let line = decode_entities(&line);
            let line = line.trim();
            if !line.is_empty() {
                // A reference to a line end is white space, not a line end.
                self.out.push_str(&line.replace('\n', " "));
                self.out.push('\n');
            }
        }
    }
}

/// The text of a heading.
fn heading(line: &str) -> Option<&str> {
    let line = line.trim_end();
    let marks = |text: &str| text.bytes().take_while(|b| *b == b'=').count();
    let level = marks(line).min(line.bytes().rev().take_while(|b| *b == b'=').count()).min(6);
    if level == 0 || line.len() <= 2 * level { None } else { Some(line[level..line.len() - level].trim()) }
}

/// A term and its meaning on one line: cut at the first colon that is not part of an address.
fn definition(item: &str) -> Option<(&str, &str)> {
    let colon = item.match_indices(':').map(|(at, _)| at).find(|at| !item[at + 1..].starts_with("//"))?;
    Some((&item[..colon], &item[colon + 1..]))
}

/// Removes behaviour switches such as `__NOTOC__`.
fn without_switches(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("__") {
        let name = rest[at + 2..]
            .chars()
            .take_while(|c| c.is_alphabetic() && !c.is_lowercase())
            .map(char::len_utf8)
            .sum::<usize>();
        if name > 0 && rest[at + 2 + name..].starts_with("__") {
            out.push_str(&rest[..at]);
            rest = &rest[at + 4 + name..];
        } else {
            out.push_str(&rest[..at + 2]);
            rest = &rest[at + 2..];
        }
    }
    out.push_str(rest);
    out
}
