//! What somebody asks, as content keys: a text, an address, a page, a digest.
//!
//! Not the answer: whoever holds the ledger decides which keyspaces to put a question to. A question about an account is
//! refused, because no keyspace could answer it; the asker expands an account into pages and revisions from the public
//! history, on the asker's own side. DESIGN §7.
//!
//! ```text
//! 64 hexadecimal digits, sha256:<them>     the item with these bytes
//! https://…                                that address, and on a known wiki the page it shows
//! enwiki:page:12                           a page          enwiki:rev:4567          a revision
//! enwiki:title:Tea                         a title; a short line alone, if a wiki is named
//! anything else                            the text: its bytes, the whole, and each paragraph
//! ```

use core::fmt;
use std::collections::HashSet;

use crate::error::{Code, Error, Result};
use crate::ids::{ContentKey, from_hex};
use crate::manifest::kind::Kind;
use crate::manifest::mediawiki::{Title, TitleRefused, Wiki, is_account_title};
use crate::manifest::normal::N1;
use crate::manifest::paragraph::{MIN_PARAGRAPH, paragraph};
use crate::manifest::url::{CanonicalUrl, UrlRefused};
use crate::manifest::{MAX_ITEM, key, shown};

/// More keys than this to one keyspace are bulk: three prefixes of 20 bits already tell most editors apart.
pub const MAX_SINGLE: usize = 3;

/// The longest prefix for a question in bulk, in bits.
pub const MAX_BULK_DEPTH: u8 = 12;

/// A question, in parts that are answered one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    parts: Vec<Part>,
}

/// One thing that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    asked: Asked,
    kind: Kind,
    keys: Vec<ContentKey>,
}

/// What a part asks for, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// The exact bytes.
    Bytes,
    /// The whole text.
    Text,
    /// A paragraph, counted from 1.
    Paragraph(usize),
    /// An address.
    Url(String),
    /// A page of a wiki.
    Page(Wiki, u64),
    /// A revision of a page of a wiki.
    Revision(Wiki, u64),
    /// A title on a wiki, as it was asked.
    Title(Wiki, String),
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes => f.write_str("the exact bytes"),
            Self::Text => f.write_str("the whole text"),
            Self::Paragraph(number) => write!(f, "paragraph {number}"),
            Self::Url(url) => f.write_str(url),
            Self::Page(wiki, id) => write!(f, "{wiki}:page:{id}"),
            Self::Revision(wiki, id) => write!(f, "{wiki}:rev:{id}"),
            Self::Title(wiki, title) => write!(f, "{wiki}:title:{title}"),
        }
    }
}

impl Part {
    /// What is asked for.
    pub const fn asked(&self) -> &Asked {
        &self.asked
    }

    /// The kind of keyspace that can answer, in any of its forms.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The keys that stand for it, because there is more than one spelling. It is present if one of them is, and absent
    /// from a keyspace only if all of them are.
    pub fn keys(&self) -> &[ContentKey] {
        &self.keys
    }

    fn new(asked: Asked, kind: Kind, keys: impl IntoIterator<Item = ContentKey>) -> Self {
        let mut distinct = Vec::new();
        for key in keys {
            if !distinct.contains(&key) {
                distinct.push(key);
            }
        }
        Self { asked, kind, keys: distinct }
    }
}

impl Question {
    /// Reads a question as it was typed or pasted. `wiki` says where a bare title is looked for.
    pub fn parse(text: &str, wiki: Option<&Wiki>) -> Result<Self> {
        let line = text.trim();
        if line.is_empty() {
            return Err(Error::new(Code::Usage, "the question is empty"));
        }
        let single = !line.contains('\n');
        if single && let Ok(digest) = from_hex(&line.strip_prefix("sha256:").unwrap_or(line).to_ascii_lowercase()) {
            let keys = key::of_digest(Kind::RawSha256, &digest);
            return Ok(Self { parts: vec![Part::new(Asked::Bytes, Kind::RawSha256, keys)] });
        }
        if !line.contains(char::is_whitespace) && is_web_address(line) {
            return Self::of_url(line);
        }
        if single && let Some(question) = Self::of_wiki_id(line)? {
            return Ok(question);
        }
        let short = single && line.chars().count() < MIN_PARAGRAPH;
        if short && is_account_title(line) {
            return Err(account());
        }
        if let Some(wiki) = wiki
            && short
        {
            return Ok(Self { parts: vec![title_part(wiki, line)?] });
        }
        Self::of_text(text)
    }

    /// A file: its bytes, and its text if it is one.
    pub fn of_file(bytes: &[u8]) -> Result<Self> {
        match core::str::from_utf8(bytes) {
            Ok(text) if bytes.len() <= MAX_ITEM && !text.trim().is_empty() => Self::of_text(text),
            _ => {
                let key = key::raw_sha256(bytes);
                Ok(Self { parts: vec![Part::new(Asked::Bytes, Kind::RawSha256, [key])] })
            }
        }
    }

    /// A text: its bytes, the whole, each line that is long enough, and each block of lines as one paragraph, because a
    /// text that was wrapped on its way here has line ends where the paragraph had spaces.
    pub fn of_text(text: &str) -> Result<Self> {
        if text.len() > MAX_ITEM {
            return Err(Error::new(Code::TooLarge, format!("{} bytes, at most {MAX_ITEM}", text.len())));
        }
        let spellings = [text.to_owned(), without_footnotes(text)];
        let mut parts = vec![
            Part::new(Asked::Bytes, Kind::RawSha256, [key::raw_sha256(text.as_bytes())]),
            Part::new(Asked::Text, Kind::TextN1, spellings.iter().map(|text| key::text_n1(&N1::of(text)))),
        ];
        let mut number = 0;
        let mut seen = HashSet::new();
        let mut ask = |text: &str| {
            let keys = [paragraph(text), paragraph(&without_footnotes(text))];
            let part = Part::new(Asked::Paragraph(number + 1), Kind::ParaN1, keys.iter().flatten().map(key::para_n1));
            if !part.keys.is_empty() && seen.insert(part.keys.clone()) {
                number += 1;
                parts.push(part);
            }
        };
        let mut block = String::new();
        for line in text.split('\n').chain([""]) {
            ask(line);
            if line.trim().is_empty() {
                ask(&core::mem::take(&mut block));
            } else {
                block.push_str(line);
                block.push('\n');
            }
        }
        Ok(Self { parts })
    }

    fn of_url(text: &str) -> Result<Self> {
        let url: CanonicalUrl = text.parse().map_err(|refused| match refused {
            UrlRefused::Account => account(),
            other => Error::new(Code::Usage, format!("{} cannot be asked for: {other}", shown(text))),
        })?;
        let mut parts = vec![Part::new(Asked::Url(url.to_string()), Kind::UrlC1, [key::url_c1(&url)])];
        if let Some(wiki) = Wiki::of_host(url.host()) {
            let number = |name: &str| url.parameter(name).and_then(|value| value.parse().ok());
            if let Some(id) = number("oldid") {
                parts.push(Part::new(Asked::Revision(wiki.clone(), id), Kind::MwRev, [key::mw_rev(&wiki, id)]));
            }
            if let Some(id) = number("curid") {
                parts.push(Part::new(Asked::Page(wiki.clone(), id), Kind::MwPage, [key::mw_page(&wiki, id)]));
            }
            let path = url.decoded_path();
            let in_path = path.as_deref().and_then(|path| path.strip_prefix("/wiki/")).map(str::to_owned);
            if let Some(title) = in_path.or_else(|| url.parameter("title")) {
                match title_part(&wiki, &title) {
                    Ok(part) => parts.push(part),
                    Err(e) if e.code() == Code::AccountRefused => return Err(e),
                    // The address can still be asked for as an address.
                    Err(_) => {}
                }
            }
        }
        Ok(Self { parts })
    }

    /// `WIKI:page:ID`, `WIKI:rev:ID`, `WIKI:title:NAME`; `None` for anything else.
    fn of_wiki_id(line: &str) -> Result<Option<Self>> {
        let mut words = line.splitn(3, ':');
        let (Some(wiki), Some(what), Some(name)) = (words.next(), words.next(), words.next()) else { return Ok(None) };
        let Ok(wiki) = wiki.parse::<Wiki>() else { return Ok(None) };
        let number = || {
            crate::ids::decimal(name.trim())
                .map_err(|_| Error::new(Code::Usage, format!("{} is not the number of a {what}", shown(name))))
        };
        let part = match what {
            "page" => {
                let id = number()?;
                let key = key::mw_page(&wiki, id);
                Part::new(Asked::Page(wiki, id), Kind::MwPage, [key])
            }
            "rev" => {
                let id = number()?;
                let key = key::mw_rev(&wiki, id);
                Part::new(Asked::Revision(wiki, id), Kind::MwRev, [key])
            }
            "title" => title_part(&wiki, name)?,
            "user" | "contributor" => return Err(account()),
            _ => return Ok(None),
        };
        Ok(Some(Self { parts: vec![part] }))
    }

    /// What is asked, part by part.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Whether a keyspace of this kind would get so many keys that exact questions would give the asker away.
    pub fn is_bulk(&self, kind: Kind) -> bool {
        self.parts.iter().filter(|part| part.kind == kind).map(|part| part.keys.len()).sum::<usize>() > MAX_SINGLE
    }
}

fn is_web_address(line: &str) -> bool {
    let starts = |scheme: &str| line.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    starts("http://") || starts("https://")
}

fn title_part(wiki: &Wiki, title: &str) -> Result<Part> {
    let (home, parsed) = Title::resolve(title, wiki).map_err(|refused| match refused {
        TitleRefused::Account => account(),
        other => Error::new(Code::Usage, format!("{} is not a title: {other}", shown(title))),
    })?;
    let keys: Vec<ContentKey> = parsed.spellings().iter().map(|title| key::mw_title(&home, title)).collect();
    Ok(Part::new(Asked::Title(wiki.clone(), title.trim().to_owned()), Kind::MwTitle, keys))
}

fn account() -> Error {
    Error::new(Code::AccountRefused, "accounts are in no keyspace")
}

/// The text without the marks in brackets that a rendered page puts behind its words and its source has not: `[1]`, `[a]`,
/// `[note 2]`, `[citation needed]`.
fn without_footnotes(text: &str) -> String {
    #[rustfmt::skip]
    const MARKS: &[&str] = &[
        "according to whom?", "better source needed", "by whom?", "citation needed", "clarification needed", "clarify",
        "dead link", "disputed – discuss", "dubious – discuss", "edit", "failed verification", "full citation needed",
        "original research?", "page needed", "permanent dead link", "quantify", "relevant?", "self-published source",
        "sic", "specify", "unreliable source?", "update", "vague", "verification needed", "when?", "where?", "which?",
        "who?", "why?",
    ];
    let digits = |word: &str| (1..=3).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_digit());
    let is_mark = |inside: &str| {
        let letters = (1..=2).contains(&inside.len()) && inside.bytes().all(|b| b.is_ascii_lowercase());
        let numbered = inside.split_once([' ', '\u{a0}']).is_some_and(|(word, number)| {
            matches!(word.to_ascii_lowercase().as_str(), "note" | "n" | "nb" | "fn") && digits(number)
        });
        digits(inside) || letters || numbered || MARKS.contains(&inside)
    };
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('[') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        // The longest mark has 24 bytes.
        let end = rest.bytes().take(32).position(|b| b == b']');
        match end.filter(|end| is_mark(&rest[1..*end])) {
            Some(end) => rest = &rest[end + 1..],
            None => {
                out.push('[');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::manifest::mediawiki::{Namespaces, plain};

    fn enwiki() -> Wiki {
        "enwiki".parse().unwrap()
    }

    fn asked(text: &str, wiki: Option<&Wiki>) -> Vec<(String, Kind, usize)> {
        let question = Question::parse(text, wiki).unwrap();
        question.parts().iter().map(|part| (part.asked().to_string(), part.kind(), part.keys().len())).collect()
    }

    fn row(asked: &str, kind: Kind, keys: usize) -> (String, Kind, usize) {
        (asked.to_owned(), kind, keys)
    }

    #[test]
    fn every_sort_of_question() {
        let digest = "AB".repeat(32);
        let wiki = enwiki();
        assert_eq!(asked(&digest, None), [row("the exact bytes", Kind::RawSha256, 1)]);
        assert_eq!(asked(&format!("sha256:{digest}"), None), [row("the exact bytes", Kind::RawSha256, 1)]);
        assert_eq!(asked(" enwiki:page:12 ", None), [row("enwiki:page:12", Kind::MwPage, 1)]);
        assert_eq!(asked("enwiki:rev:4567", None), [row("enwiki:rev:4567", Kind::MwRev, 1)]);
        assert_eq!(asked("enwiki:title:tea time", None), [row("enwiki:title:tea time", Kind::MwTitle, 2)]);
        assert_eq!(asked("Tea", Some(&wiki)), [row("enwiki:title:Tea", Kind::MwTitle, 1)]);
        assert_eq!(
            asked("Tea", None),
            [row("the exact bytes", Kind::RawSha256, 1), row("the whole text", Kind::TextN1, 1)]
        );
        assert_eq!(asked("https://Example.org", None), [row("example.org/", Kind::UrlC1, 1)]);
        assert_eq!(
            asked("https://en.wikipedia.org/wiki/Tea_time", None),
            [row("en.wikipedia.org/wiki/Tea_time", Kind::UrlC1, 1), row("enwiki:title:Tea_time", Kind::MwTitle, 1)]
        );
        assert_eq!(
            asked("https://en.m.wikipedia.org/w/index.php?title=Tea&oldid=7&curid=8", None)[1..],
            [
                row("enwiki:rev:7", Kind::MwRev, 1),
                row("enwiki:page:8", Kind::MwPage, 1),
                row("enwiki:title:Tea", Kind::MwTitle, 1)
            ]
        );
        let keys = |text: &str| Question::parse(text, None).unwrap().parts()[0].keys().to_vec();
        let tee = key::mw_title(&"dewiki".parse().unwrap(), &Title::new(10, "Tee").unwrap());
        assert_eq!(keys("enwiki:title:de:Vorlage:Tee"), [tee]);
        assert_eq!(keys("enwiki:page:12"), [key::mw_page(&wiki, 12)]);
        assert_eq!(keys("enwiki:title:Talk:Tea"), [key::mw_title(&wiki, &Title::new(1, "Tea").unwrap())]);
    }

    #[test]
    fn questions_about_accounts_are_refused() {
        for text in [
            "User:Somebody",
            "enwiki:user:Somebody",
            "enwiki:title:User talk:Somebody",
            "https://en.wikipedia.org/wiki/User:Somebody",
            "https://en.wikipedia.org/wiki/Special:Contributions/192.0.2.1",
        ] {
            for wiki in [None, Some(&enwiki())] {
                assert_eq!(Question::parse(text, wiki).unwrap_err().code(), Code::AccountRefused, "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_question_says_why() {
        for text in ["", " \n ", "enwiki:page:twelve", "enwiki:rev:", "enwiki:title:a|b", "https://"] {
            assert_eq!(Question::parse(text, None).unwrap_err().code(), Code::Usage, "{text:?}");
        }
    }

    const SOURCE: &str = "The '''Lorn''' is a [[river]] in the north of the [[Arden|Arden country]].<ref>Map.</ref> It \
                          rises near Hale.{{cn}}\nIt reaches the sea after 133 miles.<ref name=\"a\" />";
    const PASTED: &str = "The Lorn is a river in the north of the Arden country.[1] It rises near Hale.[citation needed] \
                          It reaches the sea after 133 miles.[note 2]";

    #[test]
    fn a_paragraph_pasted_from_the_page_finds_its_source() {
        let keyed = paragraph(&plain(SOURCE, &Namespaces::common())).map(|n1| key::para_n1(&n1)).unwrap();
        let finds = |text: &str| {
            let question = Question::parse(text, None).unwrap();
            question.parts().iter().any(|part| part.kind() == Kind::ParaN1 && part.keys().contains(&keyed))
        };
        assert!(finds(PASTED));
        assert!(finds(&format!("Lorn\n\n{PASTED}\r\n\r\nand more\n")));
        // Wrapped on its way, as a mail does.
        let wrapped = PASTED.replace(" It ", "\nIt ");
        assert!(finds(&wrapped));
        assert!(finds(&format!("First.\n\n{wrapped}\n\nLast.")));
        assert!(!finds(&PASTED.replace("133", "134")));
    }

    #[test]
    fn a_text_of_many_paragraphs_is_bulk() {
        let line = |i: usize| format!("Line number {i} is long enough to count as a paragraph of its own here.");
        let text = (0..4).map(line).collect::<Vec<_>>().join("\n\n");
        let question = Question::of_file(text.as_bytes()).unwrap();
        assert!(question.is_bulk(Kind::ParaN1));
        assert!(!question.is_bulk(Kind::TextN1));
        assert_eq!(question.parts().len(), 6);
        assert!(!Question::parse(&line(1), None).unwrap().is_bulk(Kind::ParaN1));
        assert_eq!(Question::of_file(b"\xff\x00").unwrap().parts().len(), 1);
        // A bare title is not looked for in a long text.
        assert!(Question::parse(&line(1), Some(&enwiki())).unwrap().parts().len() > 1);
    }

    #[test]
    fn only_marks_are_taken_for_marks() {
        for (text, expected) in [
            ("a[1]b[23]c[a]d[ab]e[nb 3]f", "abcdef"),
            ("[1234] [A] [the] [...] [citation] [1", "[1234] [A] [the] [...] [citation] [1"),
            ("x[sic] y[when?]", "x y"),
        ] {
            assert_eq!(without_footnotes(text), expected);
        }
    }
}
