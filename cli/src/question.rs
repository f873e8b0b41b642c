//! A question about content, as somebody types or pastes it, and the content keys that it is asked by.
//!
//! ```text
//! https://en.wikipedia.org/wiki/Anarchism     an address; of a known wiki also the page, title or revision behind it
//! page:enwiki/12   rev:enwiki/5012            a wiki's page or revision, by number
//! title:enwiki/Anarchism                      a wiki's page, by title
//! sha256:<64 hex>                             the bytes of an item, by their digest
//! @article.txt                                a file: its bytes, its whole text, and every paragraph
//! anything else                               a text: the whole, and every paragraph of at least 50 characters
//! ```
//!
//! What is asked for never leaves this machine: only content keys do, and of these only as many bits as the mode of asking
//! tells. An account is refused; it has no key.

use std::path::Path;

use ledger::Code;
use ledger::ids::{ContentKey, from_hex};
use ledger::manifest::mediawiki::{Namespaces, Title, Wiki};
use ledger::manifest::{CanonicalUrl, Form, Kind, MIN_PARAGRAPH, N1, key, paragraph, paragraphs};

use crate::failure::{At, CliError, Result};
use crate::files;
use crate::output::clipped;

/// A pasted text or a file to ask for: a long book in plain text.
const MAX_TEXT: usize = 16 * 1024 * 1024;

/// One content key that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The kind of the key.
    pub kind: Kind,
    /// The key.
    pub key: ContentKey,
    /// What it stands for, for people.
    pub what: String,
}

/// A question with its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// What was asked, shortened.
    pub shown: String,
    /// The form of the text, where it is one.
    pub form: Option<Form>,
    /// The keys, in the order in which they say most.
    pub wanted: Vec<Wanted>,
    /// What the asker should know.
    pub notes: Vec<String>,
}

/// How a question is to be understood.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hints {
    /// The wiki of titles and numbers that do not name theirs.
    pub wiki: Option<Wiki>,
    /// The form of texts; guessed without it.
    pub form: Option<Form>,
}

impl Question {
    /// Reads a question.
    pub(crate) fn parse(text: &str, hints: &Hints) -> Result<Self> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(CliError::usage("the question is empty"));
        }
        if let Some(path) = trimmed.strip_prefix('@') {
            return Self::of_file(Path::new(path), hints);
        }
        if let Some((prefix, rest)) = trimmed.split_once(':') {
            match prefix.to_ascii_lowercase().as_str() {
                "http" | "https" => return Self::of_address(trimmed),
                "page" => return Self::of_number(Kind::MwPage, rest, trimmed, hints),
                "rev" | "revision" => return Self::of_number(Kind::MwRev, rest, trimmed, hints),
                "title" => return Self::of_title(rest, trimmed, hints),
                "sha256" => return Self::of_digest(rest.trim(), trimmed),
                _ => {}
            }
        }
        Ok(Self::of_text(text, hints, Vec::new(), clipped(trimmed, 60)))
    }

    fn of_digest(hex: &str, shown: &str) -> Result<Self> {
        let digest = from_hex(&hex.to_ascii_lowercase()).at("sha256:")?;
        let key = key::of_digest(Kind::RawSha256, &digest);
        let key = key.ok_or_else(|| CliError::new(Code::Internal, "a digest has a key"))?;
        let wanted = vec![Wanted { kind: Kind::RawSha256, key, what: "bytes".to_owned() }];
        Ok(Self { shown: clipped(shown, 60), form: None, wanted, notes: Vec::new() })
    }

    fn of_number(kind: Kind, text: &str, shown: &str, hints: &Hints) -> Result<Self> {
        let (wiki, number) = wiki_and(text, hints)?;
        let number: u64 =
            number.parse().map_err(|_| CliError::usage(format!("{number:?} is not a number")).at(shown))?;
        let (key, what) = match kind {
            Kind::MwPage => (key::mw_page(&wiki, number), format!("page {number} of {wiki}")),
            _ => (key::mw_rev(&wiki, number), format!("revision {number} of {wiki}")),
        };
        Ok(Self { shown: clipped(shown, 60), form: None, wanted: vec![Wanted { kind, key, what }], notes: Vec::new() })
    }

    fn of_title(text: &str, shown: &str, hints: &Hints) -> Result<Self> {
        let (wiki, title) = wiki_and(text, hints)?;
        let title = Title::parse(title, &Namespaces::common())
            .map_err(|error| CliError::usage(format!("this is no title that could be asked for: {error}")))
            .at(shown)?;
        let wanted = titles(&wiki, &title);
        Ok(Self { shown: clipped(shown, 60), form: None, wanted, notes: Vec::new() })
    }

    fn of_address(text: &str) -> Result<Self> {
        let url: CanonicalUrl = text
            .parse()
            .map_err(|error| CliError::usage(format!("this address cannot be asked for: {error}")))
            .at(clipped(text, 60))?;
        let mut wanted = vec![Wanted { kind: Kind::UrlC1, key: key::url_c1(&url), what: "address".to_owned() }];
        if let Some(wiki) = Wiki::of_host(url.host()) {
            wanted.extend(behind(&wiki, &url));
        }
        Ok(Self { shown: clipped(text, 60), form: None, wanted, notes: Vec::new() })
    }

    fn of_file(path: &Path, hints: &Hints) -> Result<Self> {
        let bytes = files::read(path, MAX_TEXT)?;
        let raw = Wanted { kind: Kind::RawSha256, key: key::raw_sha256(&bytes), what: "bytes of the file".to_owned() };
        let shown = format!("@{}", files::name_of(path));
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self::of_text(&text, hints, vec![raw], shown)),
            Err(_) => Ok(Self {
                shown,
                form: None,
                wanted: vec![raw],
                notes: vec!["The file is not text in UTF-8; only its bytes are asked for.".to_owned()],
            }),
        }
    }

    fn of_text(text: &str, hints: &Hints, mut wanted: Vec<Wanted>, shown: String) -> Self {
        let mut notes = Vec::new();
        let mut add = |kind: Kind, key: ContentKey, what: String| {
            if !wanted.iter().any(|wanted| wanted.key == key) {
                wanted.push(Wanted { kind, key, what });
            }
        };
        let mut number = 0;
        for line in paragraphs(text) {
            number += 1;
            add(Kind::ParaN1, key::para_n1(&line), format!("paragraph {number}"));
        }
        // What is pasted may have been broken into lines on the way; a block between empty lines is a paragraph too.
        for block in text.replace("\r\n", "\n").split("\n\n").filter(|block| block.trim().contains('\n')) {
            if let Some(joined) = paragraph(block) {
                add(Kind::ParaN1, key::para_n1(&joined), "lines joined to one paragraph".to_owned());
            }
        }
        if number == 0 && !wanted_has(&wanted, Kind::ParaN1) {
            notes.push(format!(
                "The text has no paragraph of {MIN_PARAGRAPH} characters, so it can only be asked for as a whole item."
            ));
        }
        let whole = N1::of(text);
        if !whole.as_str().is_empty() {
            let key = key::text_n1(&whole);
            wanted.push(Wanted { kind: Kind::TextN1, key, what: "whole text".to_owned() });
        }
        Self { shown, form: Some(hints.form.unwrap_or_else(|| guess(text))), wanted, notes }
    }

    /// Whether it is asked by paragraph: then a dataset that keys whole texts only does not cover it.
    pub(crate) fn has_paragraphs(&self) -> bool {
        wanted_has(&self.wanted, Kind::ParaN1)
    }
}

fn wanted_has(wanted: &[Wanted], kind: Kind) -> bool {
    wanted.iter().any(|wanted| wanted.kind == kind)
}

/// A title in every spelling that means the same page.
fn titles(wiki: &Wiki, title: &Title) -> Vec<Wanted> {
    let mut wanted: Vec<Wanted> = Vec::new();
    for title in std::iter::once(title.clone()).chain(title.spellings()) {
        let key = key::mw_title(wiki, &title);
        if !wanted.iter().any(|wanted| wanted.key == key) {
            let what = format!("title {} of {wiki}", clipped(title.text(), 60));
            wanted.push(Wanted { kind: Kind::MwTitle, key, what });
        }
    }
    wanted
}

/// What stands behind an address of a wiki: a revision, a page, a title.
fn behind(wiki: &Wiki, url: &CanonicalUrl) -> Vec<Wanted> {
    let number = |name: &str| url.parameter(name)?.parse::<u64>().ok();
    if let Some(revision) = number("oldid") {
        let what = format!("revision {revision} of {wiki}");
        return vec![Wanted { kind: Kind::MwRev, key: key::mw_rev(wiki, revision), what }];
    }
    if let Some(page) = number("curid") {
        let what = format!("page {page} of {wiki}");
        return vec![Wanted { kind: Kind::MwPage, key: key::mw_page(wiki, page), what }];
    }
    let path = url.decoded_path().unwrap_or_default();
    let title = path.strip_prefix("/wiki/").map(str::to_owned).or_else(|| url.parameter("title"));
    let title = title.and_then(|title| Title::parse(&title, &Namespaces::common()).ok());
    title.map(|title| titles(wiki, &title)).unwrap_or_default()
}

/// `enwiki/12`, `enwiki:12`, or `12` with the wiki of the hints.
fn wiki_and<'a>(text: &'a str, hints: &Hints) -> Result<(Wiki, &'a str)> {
    let text = text.trim();
    if let Some((wiki, rest)) = text.split_once(['/', ':'])
        && let Ok(wiki) = wiki.trim().parse::<Wiki>()
        && (hints.wiki.is_none() || hints.wiki.as_ref() == Some(&wiki))
    {
        return Ok((wiki, rest.trim()));
    }
    match &hints.wiki {
        Some(wiki) => Ok((wiki.clone(), text)),
        None => Err(CliError::usage("of which wiki is not said")
            .at(clipped(text, 60))
            .hint("Write it before a slash, as in title:enwiki/Anarchism, or pass --wiki enwiki.")),
    }
}

/// The form of a text, by its markup. A text without any is what a reader sees.
fn guess(text: &str) -> Form {
    const WIKITEXT: [&str; 9] = ["[[", "{{", "'''", "''", "<ref", "{|", "|-", "<nowiki", "__NOTOC__"];
    let heading = |line: &str| line.trim().len() > 4 && line.trim().starts_with("==") && line.trim().ends_with("==");
    if WIKITEXT.iter().any(|mark| text.contains(mark)) || text.lines().any(heading) {
        return Form::Wikitext;
    }
    const HTML: [&str; 6] = ["</p>", "<p>", "<br", "</a>", "</div>", "</span>"];
    if HTML.iter().any(|mark| text.to_ascii_lowercase().contains(mark)) { Form::Html } else { Form::Plain }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    const LONG: &str = "People who live on its banks measure time by the mud, and nobody hurries.";

    fn kinds(text: &str, hints: &Hints) -> Vec<Kind> {
        Question::parse(text, hints).unwrap().wanted.iter().map(|wanted| wanted.kind).collect()
    }

    #[test]
    fn each_way_of_asking_has_its_kinds() {
        let none = Hints::default();
        let wiki = Hints { wiki: Some("enwiki".parse().unwrap()), form: None };
        assert_eq!(kinds("page:enwiki/12", &none), [Kind::MwPage]);
        assert_eq!(kinds("rev:5012", &wiki), [Kind::MwRev]);
        assert_eq!(kinds("title:Anarchism", &wiki)[0], Kind::MwTitle);
        assert_eq!(kinds(&format!("sha256:{}", "ab".repeat(32)), &none), [Kind::RawSha256]);
        assert_eq!(kinds("https://example.org/a", &none), [Kind::UrlC1]);
        assert!(kinds("https://en.wikipedia.org/wiki/Anarchism", &none).contains(&Kind::MwTitle));
        assert!(kinds("https://en.wikipedia.org/w/index.php?oldid=7", &none).contains(&Kind::MwRev));
        assert_eq!(kinds(LONG, &none), [Kind::ParaN1, Kind::TextN1]);
        assert_eq!(kinds("too short", &none), [Kind::TextN1]);
    }

    #[test]
    fn a_title_may_name_its_namespace_and_its_wiki_with_a_colon() {
        let wiki = Hints { wiki: Some("enwiki".parse().unwrap()), form: None };
        let with_colon = Question::parse("title:enwiki:Anarchism", &Hints::default()).unwrap();
        assert_eq!(with_colon.wanted, Question::parse("title:Anarchism", &wiki).unwrap().wanted);
        assert!(Question::parse("title:Talk:Anarchism", &wiki).is_ok());
    }

    #[test]
    fn an_account_cannot_be_asked_for() {
        let wiki = Hints { wiki: Some("enwiki".parse().unwrap()), form: None };
        for text in ["title:User:Somebody", "https://en.wikipedia.org/wiki/User:Somebody"] {
            assert_eq!(Question::parse(text, &wiki).unwrap_err().exit(), 2, "{text}");
        }
        assert!(Question::parse("title:Anarchism", &Hints::default()).unwrap_err().first_hint().contains("--wiki"));
    }

    #[test]
    fn a_paragraph_that_was_broken_into_lines_is_asked_for_whole() {
        let broken = Question::parse(&LONG.replacen(" measure", "\nmeasure", 1), &Hints::default()).unwrap();
        let whole = Question::parse(LONG, &Hints::default()).unwrap();
        assert!(broken.wanted.iter().any(|wanted| wanted.key == whole.wanted[0].key));
    }

    #[test]
    fn the_form_is_told_by_the_markup() {
        for (text, form) in [
            (LONG, Form::Plain),
            ("The '''Skerry Estuary''' is the drowned valley", Form::Wikitext),
            ("the [[River Orrin|Orrin]] meets", Form::Wikitext),
            ("== Shape and tides ==", Form::Wikitext),
            ("<p>The Skerry</p>", Form::Html),
        ] {
            assert_eq!(guess(text), form, "{text}");
        }
        let told = Hints { wiki: None, form: Some(Form::Wikitext) };
        assert_eq!(Question::parse(LONG, &told).unwrap().form, Some(Form::Wikitext));
    }
}
