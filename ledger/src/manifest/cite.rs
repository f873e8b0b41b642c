//! An answer as wikitext, to be pasted on a talk page: who signed what, where it can be checked, and what it does not mean.
//!
//! What others wrote (a dataset's name, a party's id, a title) is shown letter by letter and can make no link, template or
//! signature of its own.

use crate::manifest::verdict::Status;

/// What is cited.
#[derive(Debug, Clone, Copy)]
pub struct Citation<'a> {
    /// The answer.
    pub status: Status,
    /// What was asked, in words that hold nothing of a text.
    pub asked: &'a str,
    /// The dataset's name.
    pub dataset: &'a str,
    /// Who signed its contents.
    pub issuer: &'a str,
    /// The entry of the `manifest` record.
    pub index: u64,
    /// The address of the record's page.
    pub permalink: &'a str,
    /// The log.
    pub origin: &'a str,
    /// How many entries it had.
    pub size: u64,
    /// Whether the issuer took the manifest back, or replaced it.
    pub undone: bool,
    /// When the answer was computed, or the checkpoint cosigned.
    pub date: &'a str,
}

impl Citation<'_> {
    /// One paragraph of wikitext.
    ///
    /// ```text
    /// '''Present''': <nowiki>enwiki:page:12</nowiki> in the contents of <nowiki>enwiki-extract</nowiki>, signed by
    /// <nowiki>archive.example</nowiki>: [https://log.example.org/r/17 record 17] of the log <nowiki>log.example.org</nowiki>
    /// (64 entries, 2026-11-23). It does not mean …
    /// ```
    pub fn wikitext(&self) -> String {
        let word = match self.status {
            Status::Present => "Present",
            Status::Invalid => "Invalid",
            Status::Unknown => "Unknown",
            Status::Absent => "Absent",
            Status::NotCovered => "Not covered",
        };
        format!(
            "'''{word}''': {} in the contents of {}, signed by {}: [{} record {}] of the log {} ({} entries, {}).{} {}",
            plain(self.asked),
            plain(self.dataset),
            plain(self.issuer),
            address(self.permalink),
            self.index,
            plain(self.origin),
            self.size,
            plain(self.date),
            if self.undone { " Its issuer took these contents back or replaced them since." } else { "" },
            self.status.does_not_mean(),
        )
    }
}

/// A foreign text that is shown as it is: no markup, one line, at most 200 characters.
fn plain(text: &str) -> String {
    let mut out = String::from("<nowiki>");
    for c in text.chars().take(200) {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // Signatures are put in before markup is read, also within nowiki on some wikis.
            '~' => out.push_str("&#126;"),
            c if c.is_control()
                || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
            {
                out.push(' ');
            }
            c => out.push(c),
        }
    }
    out.push_str("</nowiki>");
    out
}

/// An address as an external link takes it.
fn address(url: &str) -> String {
    let mut out = String::with_capacity(url.len());
    for byte in url.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b':' | b'/' | b'?' | b'=' | b'&' | b'%' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_citation_says_who_where_and_what_it_does_not_mean() {
        let citation = Citation {
            status: Status::Absent,
            asked: "enwiki:page:12",
            dataset: "enwiki-extract",
            issuer: "archive.example",
            index: 17,
            permalink: "https://log.example.org/r/17",
            origin: "log.example.org",
            size: 64,
            undone: false,
            date: "2026-11-23",
        };
        let text = citation.wikitext();
        assert!(text.starts_with("'''Absent''': <nowiki>enwiki:page:12</nowiki> in the contents of "), "{text}");
        assert!(text.contains("[https://log.example.org/r/17 record 17]"), "{text}");
        assert!(text.ends_with("are not covered."), "{text}");
        assert!(!text.to_lowercase().contains("unused") && !text.contains("took these contents back"));
        let undone = Citation { undone: true, ..citation }.wikitext();
        assert!(undone.contains("Its issuer took these contents back or replaced them since."), "{undone}");
    }

    #[test]
    fn what_others_wrote_makes_no_markup() {
        let hostile = "</nowiki>[[User:X]] {{delete}} ~~~~\n== x ==\u{202e}<script>";
        let citation = Citation {
            status: Status::Present,
            asked: hostile,
            dataset: hostile,
            issuer: hostile,
            index: 1,
            permalink: "https://x.example/r/1] [[evil]]\n",
            origin: hostile,
            size: 1,
            undone: true,
            date: hostile,
        };
        let text = citation.wikitext();
        assert_eq!(text.matches("<nowiki>").count(), 5);
        assert_eq!(text.matches("</nowiki>").count(), 5);
        assert!(
            !text.contains('~') && !text.contains('\n') && !text.contains("<script>") && !text.contains('\u{202e}')
        );
        assert!(text.contains("[https://x.example/r/1%5D%20%5B%5Bevil%5D%5D%0A record 1]"), "{text}");
    }
}
