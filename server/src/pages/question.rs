//! A question as the form sends it.
//!
//! What it asks is read by [`ledger::manifest::Question`] and nowhere else, so that a page never answers something else than
//! the command that checks it.

use ledger::ids::from_hex;
use ledger::manifest::mediawiki::Wiki;
use ledger::manifest::{Form as TextForm, Hints, MIN_PARAGRAPH, Question};

use super::form::Form;
use crate::problem::Problem;

/// Parts of one question that a page looks for. A look costs about 50 µs; the command line looks for all.
const MAX_PARTS: usize = 300;

/// What a reader asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Asked {
    /// What is asked.
    pub(super) question: Question,
    /// What the asker should know.
    pub(super) notes: Vec<String>,
    /// The same question for the command line, without the text.
    command: Vec<String>,
}

impl Asked {
    /// Reads the form; `None` if it is empty.
    ///
    /// # Errors
    /// `bad_request` at the field that cannot be asked for.
    pub(super) fn read(form: &Form) -> Result<Option<Self>, Problem> {
        let mut asked = Self::default();
        let wiki = form.text("wiki")?.map(str::parse::<Wiki>).transpose();
        let wiki = wiki.map_err(|error| Problem::bad_request("wiki", error.to_string()))?;
        if let Some(text) = form.text("text")? {
            let hints = Hints { wiki: None, form: text_form(form.text("form")?)? };
            // One line may be an address, a digest or a page's number, as on the command line.
            let line = text.trim();
            let question = match line.contains('\n') {
                true => Question::of_text(text, &hints),
                false => Question::parse(line, &hints),
            };
            let is_text = question.as_ref().is_ok_and(|question| question.form().is_some());
            let command = if is_text { "@text.txt" } else { line };
            asked.add("text", question, command.to_owned())?;
            if is_text && !asked.question.has_paragraphs() {
                let note = format!(
                    "No paragraph of the text has {MIN_PARAGRAPH} characters, so only the whole is looked for."
                );
                asked.notes.push(note);
            }
        }
        if let Some(url) = form.text("url")? {
            asked.add("url", Question::of_url(url), url.to_owned())?;
        }
        if let Some(title) = form.text("title")? {
            let wiki = needed(wiki.as_ref(), "title")?;
            asked.add("title", Question::of_title(wiki, title), format!("{wiki}:title:{title}"))?;
        }
        for (field, word) in [("page", "page"), ("revision", "rev")] {
            let Some(number) = form.text(field)? else { continue };
            let wiki = needed(wiki.as_ref(), field)?;
            let number: u64 = number.parse().map_err(|_| Problem::bad_request(field, "expected a number"))?;
            let question =
                if word == "page" { Question::of_page(wiki, number) } else { Question::of_revision(wiki, number) };
            asked.add(field, Ok(question), format!("{wiki}:{word}:{number}"))?;
        }
        if let Some(digest) = form.text("digest")? {
            let digits = digest.strip_prefix("sha256:").unwrap_or(digest).to_ascii_lowercase();
            let bytes = from_hex(&digits).map_err(|error| Problem::bad_request("digest", error.to_string()))?;
            asked.add("digest", Ok(Question::of_digest(&bytes)), format!("sha256:{digits}"))?;
        }
        let parts = asked.question.parts().len();
        if parts > MAX_PARTS {
            asked.notes.push(format!(
                "This page looked for the first {MAX_PARTS} of {parts} parts; the command line looks for all."
            ));
            asked.question.truncate(MAX_PARTS);
        }
        Ok((parts > 0).then_some(asked))
    }

    /// The arguments of `colophon ask`, as a shell takes them.
    pub(super) fn command_line(&self) -> String {
        let arguments: Vec<String> = self.command.iter().map(|argument| quoted(argument)).collect();
        arguments.join(" ")
    }

    /// Whether the command reads the text from a file.
    pub(super) fn needs_file(&self) -> bool {
        self.command.iter().any(|argument| argument.starts_with('@'))
    }

    fn add(&mut self, field: &str, question: ledger::Result<Question>, command: String) -> Result<(), Problem> {
        let question = question.map_err(|error| Problem::bad_request(field, error.detail().to_owned()))?;
        self.question = core::mem::take(&mut self.question).and(question);
        self.command.push(command);
        Ok(())
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

/// An argument as a shell takes it: whatever a reader typed stays one argument.
fn quoted(argument: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/:@%=+,".contains(&b);
    match argument.bytes().all(plain) && !argument.starts_with('-') {
        true => argument.to_owned(),
        false => format!("'{}'", argument.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use ledger::manifest::Kind;

    use super::*;

    const LONG: &str = "People who live on its banks measure time by the mud, and nobody hurries.";

    fn read(fields: &[(&str, &str)]) -> Result<Option<Asked>, Problem> {
        let body: Vec<String> = fields.iter().map(|(n, v)| format!("{n}={}", crate::query::encode(v))).collect();
        let form = Form::parse(Some("application/x-www-form-urlencoded"), &body.join("&").into()).unwrap();
        Asked::read(&form)
    }

    fn kinds(fields: &[(&str, &str)]) -> Vec<Kind> {
        read(fields).unwrap().unwrap().question.parts().iter().map(|part| part.kind()).collect()
    }

    #[test]
    fn u08_each_field_of_the_form_asks_by_its_kinds() {
        assert_eq!(kinds(&[("text", LONG)]), [Kind::ParaN1, Kind::TextN1, Kind::RawSha256]);
        assert_eq!(kinds(&[("text", "too short")]), [Kind::TextN1, Kind::RawSha256]);
        assert_eq!(kinds(&[("url", "https://example.org/a")]), [Kind::UrlC1]);
        assert!(kinds(&[("url", "https://en.wikipedia.org/wiki/Anarchism")]).contains(&Kind::MwTitle));
        assert_eq!(kinds(&[("page", "12"), ("wiki", "enwiki")]), [Kind::MwPage]);
        assert_eq!(kinds(&[("revision", "12"), ("wiki", "enwiki")]), [Kind::MwRev]);
        assert_eq!(kinds(&[("title", "Anarchism"), ("wiki", "enwiki")]), [Kind::MwTitle]);
        assert_eq!(kinds(&[("digest", &"ab".repeat(32))]), [Kind::RawSha256]);
        assert!(read(&[("text", "  "), ("url", "")]).unwrap().is_none());
        let pasted = read(&[("text", "https://en.wikipedia.org/wiki/Anarchism")]).unwrap().unwrap();
        assert_eq!(
            (pasted.question.form(), pasted.command.len()),
            (None, 1),
            "an address in the field for texts is one"
        );
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
        assert_eq!(question.question.parts().len(), MAX_PARTS);
        assert!(question.notes[0].starts_with("This page looked for the first 300 of "), "{:?}", question.notes);
    }

    #[test]
    fn b20_what_was_typed_stays_one_argument() {
        assert_eq!(quoted("https://example.org/a?b=1"), "'https://example.org/a?b=1'");
        assert_eq!(quoted("enwiki:title:Anarchism"), "enwiki:title:Anarchism");
        assert_eq!(quoted("a'; rm -rf ~; '"), r"'a'\''; rm -rf ~; '\'''");
        assert_eq!(quoted("--log"), "'--log'");
    }
}
