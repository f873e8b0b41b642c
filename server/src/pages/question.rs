//! A question as the form sends it, and the content keys that it is asked by.
//!
//! Pure, and the same as what `colophon ask` makes of the same question: a page that answers otherwise than the command
//! that checks it would be worth nothing.

use ledger::ids::{ContentKey, from_hex};
use ledger::manifest::mediawiki::{Namespaces, Title, Wiki};
use ledger::manifest::{CanonicalUrl, Form as TextForm, Kind, MIN_PARAGRAPH, N1, key, paragraph, paragraphs};

use super::form::Form;
use crate::problem::Problem;

/// Keys of one question that a page looks for. A look costs about 50 µs; the command line looks for all.
const MAX_WANTED: usize = 300;

/// One content key that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) kind: Kind,
    pub(super) key: ContentKey,
    /// What it stands for, in words that hold nothing of the text.
    pub(super) what: String,
}

/// What a reader asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Question {
    /// The form of the text, where there is one.
    pub(super) form: Option<TextForm>,
    pub(super) wanted: Vec<Wanted>,
    /// What the asker should know.
    pub(super) notes: Vec<String>,
    /// The same question for the command line, without the text.
    pub(super) command: Vec<String>,
}

impl Question {
    /// Reads the form; `None` if it is empty.
    ///
    /// # Errors
    /// `bad_request` at the field that cannot be asked for.
    pub(super) fn read(form: &Form) -> Result<Option<Self>, Problem> {
        let mut question = Self::default();
        let wiki = form.text("wiki")?.map(str::parse::<Wiki>).transpose();
        let wiki = wiki.map_err(|error| Problem::bad_request("wiki", error.to_string()))?;
        if let Some(text) = form.text("text")? {
            question.add_text(text, text_form(form.text("form")?)?);
        }
        if let Some(url) = form.text("url")? {
            question.add_address(url)?;
        }
        if let Some(title) = form.text("title")? {
            let wiki = needed(wiki.as_ref(), "title")?;
            let title = Title::parse(title, &Namespaces::common())
                .map_err(|error| Problem::bad_request("title", error.to_string()))?;
            question.add_titles(wiki, &title);
            question.command.push(format!("title:{wiki}/{}", title.text()));
        }
        for (field, kind) in [("page", Kind::MwPage), ("revision", Kind::MwRev)] {
            let Some(number) = form.text(field)? else { continue };
            let wiki = needed(wiki.as_ref(), field)?;
            let number: u64 = number.parse().map_err(|_| Problem::bad_request(field, "expected a number"))?;
            question.add_number(wiki, kind, number);
            let prefix = if kind == Kind::MwPage { "page" } else { "rev" };
            question.command.push(format!("{prefix}:{wiki}/{number}"));
        }
        if let Some(digest) = form.text("digest")? {
            let digits = digest.strip_prefix("sha256:").unwrap_or(digest).to_ascii_lowercase();
            let bytes = from_hex(&digits).map_err(|error| Problem::bad_request("digest", error.to_string()))?;
            if let Some(key) = key::of_digest(Kind::RawSha256, &bytes) {
                question.add(Kind::RawSha256, key, "the exact bytes".to_owned());
            }
            question.command.push(format!("sha256:{digits}"));
        }
        if question.wanted.len() > MAX_WANTED {
            question.notes.push(format!(
                "This page looked for the first {MAX_WANTED} of {} parts; the command line looks for all.",
                question.wanted.len()
            ));
            question.wanted.truncate(MAX_WANTED);
        }
        Ok((!question.wanted.is_empty()).then_some(question))
    }

    /// Whether a kind answers the question: one that is asked by paragraph is not answered by whole texts.
    pub(super) fn is_decided_by(&self, kind: Kind) -> bool {
        kind != Kind::TextN1 || !self.wanted.iter().any(|wanted| wanted.kind == Kind::ParaN1)
    }

    fn add(&mut self, kind: Kind, key: ContentKey, what: String) {
        if !self.wanted.iter().any(|wanted| wanted.key == key) {
            self.wanted.push(Wanted { kind, key, what });
        }
    }

    fn add_text(&mut self, text: &str, form: Option<TextForm>) {
        let mut found = 0;
        for line in paragraphs(text) {
            found += 1;
            self.add(Kind::ParaN1, key::para_n1(&line), format!("paragraph {found}"));
        }
        // What is pasted may have been broken into lines on the way; a block between empty lines is a paragraph too.
        for block in text.replace("\r\n", "\n").split("\n\n").filter(|block| block.trim().contains('\n')) {
            if let Some(joined) = paragraph(block) {
                found += 1;
                self.add(Kind::ParaN1, key::para_n1(&joined), "lines joined to one paragraph".to_owned());
            }
        }
        if found == 0 {
            let note =
                format!("No paragraph of the text has {MIN_PARAGRAPH} characters, so only the whole is looked for.");
            self.notes.push(note);
        }
        let whole = N1::of(text);
        if !whole.as_str().is_empty() {
            self.add(Kind::TextN1, key::text_n1(&whole), "the whole text".to_owned());
        }
        let form = form.unwrap_or_else(|| guess(text));
        self.form = Some(form);
        self.command.push("@text.txt".to_owned());
    }

    fn add_address(&mut self, text: &str) -> Result<(), Problem> {
        let url: CanonicalUrl = text
            .parse()
            .map_err(|error| Problem::bad_request("url", format!("this address cannot be asked for: {error}")))?;
        self.add(Kind::UrlC1, key::url_c1(&url), "the address".to_owned());
        self.command.push(text.to_owned());
        let Some(wiki) = Wiki::of_host(url.host()) else { return Ok(()) };
        let number = |name: &str| url.parameter(name)?.parse::<u64>().ok();
        if let Some(revision) = number("oldid") {
            self.add_number(&wiki, Kind::MwRev, revision);
        } else if let Some(page) = number("curid") {
            self.add_number(&wiki, Kind::MwPage, page);
        } else {
            let path = url.decoded_path().unwrap_or_default();
            let title = path.strip_prefix("/wiki/").map(str::to_owned).or_else(|| url.parameter("title"));
            if let Some(title) = title.and_then(|title| Title::parse(&title, &Namespaces::common()).ok()) {
                self.add_titles(&wiki, &title);
            }
        }
        Ok(())
    }

    fn add_number(&mut self, wiki: &Wiki, kind: Kind, number: u64) {
        match kind {
            Kind::MwPage => self.add(kind, key::mw_page(wiki, number), format!("page {number} of {wiki}")),
            _ => self.add(kind, key::mw_rev(wiki, number), format!("revision {number} of {wiki}")),
        }
    }

    /// A title in every spelling that means the same page.
    fn add_titles(&mut self, wiki: &Wiki, title: &Title) {
        for title in std::iter::once(title.clone()).chain(title.spellings()) {
            self.add(Kind::MwTitle, key::mw_title(wiki, &title), format!("the title {} of {wiki}", title.text()));
        }
    }
}

fn needed<'a>(wiki: Option<&'a Wiki>, field: &str) -> Result<&'a Wiki, Problem> {
    wiki.ok_or_else(|| {
        Problem::bad_request(field, "of which wiki is not said: write its name, such as enwiki, beside it")
    })
}

fn text_form(name: Option<&str>) -> Result<Option<TextForm>, Problem> {
    match name {
        None | Some("guess") => Ok(None),
        Some(name) => {
            let form: ledger::Result<TextForm> = name.parse();
            form.map(Some).map_err(|error| Problem::bad_request("form", error.detail().to_owned()))
        }
    }
}

/// The form of a text, by its markup. A text without any is what a reader sees.
fn guess(text: &str) -> TextForm {
    const WIKITEXT: [&str; 9] = ["[[", "{{", "'''", "''", "<ref", "{|", "|-", "<nowiki", "__NOTOC__"];
    const HTML: [&str; 6] = ["</p>", "<p>", "<br", "</a>", "</div>", "</span>"];
    let heading = |line: &str| line.trim().len() > 4 && line.trim().starts_with("==") && line.trim().ends_with("==");
    if WIKITEXT.iter().any(|mark| text.contains(mark)) || text.lines().any(heading) {
        return TextForm::Wikitext;
    }
    let lower = text.to_ascii_lowercase();
    if HTML.iter().any(|mark| lower.contains(mark)) { TextForm::Html } else { TextForm::Plain }
}

/// Whether a text of this form can be found among keys of that form, and whether its absence there says anything.
///
/// A text without markup may stand so in a source too: a hit there is a hit, but a miss says nothing, since the source
/// may have markup where the reader sees none.
pub(super) fn fits(asked: Option<TextForm>, keyed: Option<TextForm>) -> Option<bool> {
    match (asked, keyed) {
        (_, None) => Some(true),
        (Some(asked), Some(keyed)) if asked == keyed => Some(true),
        (Some(TextForm::Plain), Some(_)) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const LONG: &str = "People who live on its banks measure time by the mud, and nobody hurries.";

    fn read(fields: &[(&str, &str)]) -> Result<Option<Question>, Problem> {
        let body: Vec<String> = fields.iter().map(|(n, v)| format!("{n}={}", crate::query::encode(v))).collect();
        let form = Form::parse(Some("application/x-www-form-urlencoded"), &body.join("&").into()).unwrap();
        Question::read(&form)
    }

    fn kinds(fields: &[(&str, &str)]) -> Vec<Kind> {
        read(fields).unwrap().unwrap().wanted.iter().map(|wanted| wanted.kind).collect()
    }

    #[test]
    fn u08_each_field_of_the_form_asks_by_its_kinds() {
        assert_eq!(kinds(&[("text", LONG)]), [Kind::ParaN1, Kind::TextN1]);
        assert_eq!(kinds(&[("text", "too short")]), [Kind::TextN1]);
        assert_eq!(kinds(&[("url", "https://example.org/a")]), [Kind::UrlC1]);
        assert!(kinds(&[("url", "https://en.wikipedia.org/wiki/Anarchism")]).contains(&Kind::MwTitle));
        assert_eq!(kinds(&[("page", "12"), ("wiki", "enwiki")]), [Kind::MwPage]);
        assert_eq!(kinds(&[("revision", "12"), ("wiki", "enwiki")]), [Kind::MwRev]);
        assert_eq!(kinds(&[("title", "Anarchism"), ("wiki", "enwiki")]), [Kind::MwTitle]);
        assert_eq!(kinds(&[("digest", &"ab".repeat(32))]), [Kind::RawSha256]);
        assert!(read(&[("text", "  "), ("url", "")]).unwrap().is_none());
    }

    #[test]
    fn what_cannot_be_asked_for_is_refused_at_its_field() {
        let place = |fields: &[(&str, &str)]| read(fields).unwrap_err().error().place().unwrap().to_owned();
        assert_eq!(place(&[("title", "Anarchism")]), "title");
        assert_eq!(place(&[("title", "User:Somebody"), ("wiki", "enwiki")]), "title");
        assert_eq!(place(&[("url", "https://en.wikipedia.org/wiki/User:Somebody")]), "url");
        assert_eq!(place(&[("url", "file:///etc/passwd")]), "url");
        assert_eq!(place(&[("page", "twelve"), ("wiki", "enwiki")]), "page");
        assert_eq!(place(&[("digest", "ab")]), "digest");
        assert_eq!(place(&[("text", LONG), ("form", "docx")]), "form");
    }

    #[test]
    fn a_text_never_stands_in_words_or_commands() {
        let question = read(&[("text", LONG)]).unwrap().unwrap();
        assert!(!format!("{question:?}").contains("mud"));
        assert_eq!(question.command, ["@text.txt"]);
    }

    #[test]
    fn a_long_text_is_cut_in_the_open() {
        let text: String = (0..1_000).map(|i| format!("{i} {LONG}\n")).collect();
        let question = read(&[("text", &text)]).unwrap().unwrap();
        assert_eq!(question.wanted.len(), MAX_WANTED);
        assert!(question.notes[0].contains("1002") || question.notes[0].contains("1001"), "{:?}", question.notes);
    }
}
