//! Text that somebody else wrote, as it may stand on a page.
//!
//! Whatever comes out of a record or a form is a [`Said`], and a `Said` writes itself: escaped, isolated in its own
//! direction, with characters that would deceive a reader spelled out. A template cannot forget any of that. How much
//! of it stands on one page is measured by an [`Allowance`], so that no record makes a page heavy.

use core::fmt;

use askama::filters::{Html, HtmlSafe, escape};

/// A text from outside, ready to be shown. In a template: `{{ text }}`; in an attribute or a title: [`Said::plain`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said {
    text: String,
    cut: bool,
}

impl Said {
    /// The whole text, for what is short by its own rules: ids, words of a list, codes.
    pub fn whole(text: &str) -> Self {
        Self { text: readable(text.chars()), cut: false }
    }

    /// The text without markup, for places that take none. Still to be escaped.
    pub fn plain(&self) -> &str {
        &self.text
    }

    /// Whether the end is missing.
    pub const fn is_cut(&self) -> bool {
        self.cut
    }

    /// Whether there is nothing to see.
    pub fn is_empty(&self) -> bool {
        self.text.trim().is_empty()
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = escape(&self.text, Html).map_err(|_| fmt::Error)?;
        write!(f, "<bdi dir=\"auto\">{text}</bdi>{}", if self.cut { "…" } else { "" })
    }
}

// `Display` above escapes.
impl HtmlSafe for Said {}

/// How many bytes of other people's text a page may still show, counted as they are sent.
#[derive(Debug)]
pub struct Allowance {
    left: usize,
}

impl Allowance {
    /// A page is at most 50 KB (SCOREBOARD U9); its own words and markup take up to 30 KB of that.
    pub const PAGE: usize = 20_000;

    /// An allowance of so many bytes.
    pub const fn new(bytes: usize) -> Self {
        Self { left: bytes }
    }

    /// Whether nothing more can be shown.
    pub const fn is_spent(&self) -> bool {
        self.left == 0
    }

    /// Takes off what is shown a second time in an attribute, such as an address.
    pub const fn spend(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes);
    }

    /// At most `most` characters of a text, and no more than is left.
    pub fn said(&mut self, text: &str, most: usize) -> Said {
        let mut end = text.len();
        for (taken, (at, c)) in text.char_indices().enumerate() {
            let cost = sent(c);
            if taken == most || cost > self.left {
                end = at;
                if cost > self.left {
                    self.left = 0;
                }
                break;
            }
            self.left -= cost;
        }
        Said { text: readable(text[..end].chars()), cut: end < text.len() }
    }
}

/// A page's allowance.
impl Default for Allowance {
    fn default() -> Self {
        Self::new(Self::PAGE)
    }
}

/// The bytes that a character takes once it is escaped or spelled out.
fn sent(c: char) -> usize {
    match c {
        '<' | '>' | '&' | '"' | '\'' => 5,
        c if deceives(c) => 10,
        c => c.len_utf8(),
    }
}

/// Spells out what cannot be seen or turns the direction of what follows.
fn readable(text: impl Iterator<Item = char>) -> String {
    let mut out = String::new();
    for c in text {
        match deceives(c) {
            true => out.push_str(&format!("[U+{:04X}]", u32::from(c))),
            false => out.push(c),
        }
    }
    out
}

/// Control characters, bidirectional embeddings and isolates, and invisible characters that no script needs.
fn deceives(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{200B}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' => true,
        '\u{E0000}'..='\u{E007F}' => true,
        c => c.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b20_markup_is_shown_as_text() {
        let said = Said::whole("<script>alert('1')</script>");
        let html = said.to_string();
        assert!(html.starts_with("<bdi dir=\"auto\">"), "{html}");
        assert!(!html.contains("<script"), "{html}");
        assert!(!html["<bdi dir=\"auto\">".len()..].contains('\''), "{html}");
    }

    #[test]
    fn what_deceives_is_spelled_out_and_what_a_script_needs_is_kept() {
        assert_eq!(Said::whole("a\u{202E}b").plain(), "a[U+202E]b");
        assert_eq!(Said::whole("\u{E0041}\u{7}\u{85}").plain(), "[U+E0041][U+0007][U+0085]");
        let persian = "می\u{200C}خواهم"; // a non-joiner is part of the word
        assert_eq!(Said::whole(persian).plain(), persian);
    }

    #[test]
    fn an_allowance_counts_what_is_sent() {
        let mut allowance = Allowance::new(12);
        assert_eq!(allowance.said("<<<", 10), Said { text: "<<".to_owned(), cut: true });
        assert!(allowance.is_spent());
        assert_eq!(allowance.said("a", 10), Said { text: String::new(), cut: true });
        assert_eq!(Allowance::new(5).said("héllo", 3), Said { text: "hél".to_owned(), cut: true });
        assert_eq!(Allowance::new(6).said("héllo", 5), Said { text: "héllo".to_owned(), cut: false });
    }

    #[test]
    fn a_page_of_the_worst_text_stays_within_its_allowance() {
        let mut allowance = Allowance::default();
        let worst = "<\u{202E}é'".repeat(10_000);
        let sent: usize = (0..400).map(|_| allowance.said(&worst, 500).to_string().len()).sum();
        // Each text has its own isolating element around it, which is markup.
        assert!(sent <= Allowance::PAGE + 400 * "<bdi dir=\"auto\"></bdi>…".len(), "{sent}");
    }
}
