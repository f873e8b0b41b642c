//! A text or a file as a question: the whole, each paragraph, and the form that its markup shows.

use std::collections::HashSet;

use super::{Asked, Hints, Part, Question, near};
use crate::error::{Code, Error, Result};
use crate::manifest::kind::{Form, Kind};
use crate::manifest::normal::N1;
use crate::manifest::paragraph::paragraph;
use crate::manifest::sha1::Sha1Name;
use crate::manifest::span::spans;
use crate::manifest::swhid::Swhid;
use crate::manifest::{MAX_ITEM, key};

impl Question {
    /// A file: its bytes, and its text if it is one.
    ///
    /// # Errors
    /// None today: what is too large for a text is asked for by its bytes.
    pub fn of_file(bytes: &[u8], hints: &Hints) -> Result<Self> {
        let id = Swhid::of(bytes);
        let blob = Self::of(Part::new(Asked::Name(id.to_string()), Kind::Swhid, [key::swhid(&id)]));
        let text = core::str::from_utf8(bytes).ok().filter(|text| bytes.len() <= MAX_ITEM && !text.trim().is_empty());
        let Some(text) = text else {
            let media = Part::new(Asked::Bytes, Kind::MediaSha1, [key::media_sha1(&Sha1Name::of(bytes))]);
            let raw = Part::new(Asked::Bytes, Kind::RawSha256, [key::raw_sha256(bytes)]);
            return Ok(Self::of(raw).and(Self::of(media)).and(blob));
        };
        let mut question = Self::of_text(text, hints)?;
        // Of a file the bytes are as good as any text in it.
        question.parts.iter_mut().filter(|part| part.asked == Asked::Bytes).for_each(|part| part.decides = true);
        Ok(question.and(blob))
    }

    /// A file among many: its bytes and its whole text, not its paragraphs.
    ///
    /// # Errors
    /// Those of [`of_file`](Self::of_file).
    pub fn of_item(bytes: &[u8], hints: &Hints) -> Result<Self> {
        let mut question = Self::of_file(bytes, hints)?;
        question.parts.retain(|part| !matches!(part.kind, Kind::ParaN1 | Kind::SpanN1));
        question.parts.iter_mut().for_each(|part| part.decides = true);
        question.near = near::Titles::default();
        Ok(question)
    }

    /// A text: each line that is long enough; each block of lines as one paragraph, because a text that was wrapped on its way
    /// here has line ends where the paragraph had spaces; runs of characters that another text may share; the whole, and its
    /// bytes. The bytes of a pasted text are rarely those of an item, so that they are missing says nothing; nor does the
    /// whole, if there are paragraphs.
    ///
    /// # Errors
    /// `too_large` above [`MAX_ITEM`].
    pub fn of_text(text: &str, hints: &Hints) -> Result<Self> {
        if text.len() > MAX_ITEM {
            return Err(Error::new(Code::TooLarge, format!("{} bytes, at most {MAX_ITEM}", text.len())));
        }
        let form = hints.form.unwrap_or_else(|| guess(text));
        let mut parts = Vec::new();
        let mut number = 0;
        let mut seen = HashSet::new();
        let mut ask = |text: &str| {
            let mut keys = vec![paragraph(text), paragraph(&without_footnotes(text))];
            // What has markup is a source itself, and its brackets are links.
            keys.extend((form != Form::Wikitext).then(|| paragraph(&as_in_a_source(text))));
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
        let mut runs = HashSet::new();
        for span in spans(&N1::of(&without_footnotes(text))) {
            if runs.insert(key::span_n1(&span)) {
                parts.push(Part::new(Asked::Run(runs.len()), Kind::SpanN1, [key::span_n1(&span)]));
            }
        }
        let spellings = [N1::of(text), N1::of(&without_footnotes(text))];
        let spelled = spellings.iter().filter(|n1| !n1.as_str().is_empty());
        let whole = Part::new(Asked::Text, Kind::TextN1, spelled.map(key::text_n1));
        if !whole.keys.is_empty() {
            parts.push(if number == 0 { whole } else { whole.hint() });
        }
        parts.push(Part::new(Asked::Bytes, Kind::RawSha256, [key::raw_sha256(text.as_bytes())]).hint());
        Ok(Self { parts, form: Some(form), local_only: false, near: near::of_text(text) })
    }
}

/// The form of a text, by its markup. A text without any is what a reader sees.
fn guess(text: &str) -> Form {
    const WIKITEXT: [&str; 9] = ["[[", "{{", "'''", "''", "<ref", "{|", "|-", "<nowiki", "__NOTOC__"];
    const HTML: [&str; 6] = ["</p>", "<p>", "<br", "</a>", "</div>", "</span>"];
    let heading = |line: &str| line.trim().len() > 4 && line.trim().starts_with("==") && line.trim().ends_with("==");
    if WIKITEXT.iter().any(|mark| text.contains(mark)) || text.lines().any(heading) {
        return Form::Wikitext;
    }
    let lower = text.to_ascii_lowercase();
    if HTML.iter().any(|mark| lower.contains(mark)) { Form::Html } else { Form::Plain }
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

/// The text as its source may have it, where a page or a mail shows more: without whatever short thing stands in brackets and
/// looks like a mark, and the page number behind it (`[1]: 211`); without a list's dot or quotation marks around it. Only ever
/// asked beside the text as it is. Every further spelling is a further key that tells who asks, so there are no more: other
/// quotation marks within a text are another text.
fn as_in_a_source(text: &str) -> String {
    const LONGEST: usize = 40;
    let is_mark = |inside: &str| {
        let count = inside.chars().count();
        let digits = inside.bytes().all(|b| b.is_ascii_digit()) && count <= 4;
        let letters = inside.chars().all(char::is_alphabetic) && count <= 5;
        let words = ["needed", "words", "?", "discuss"].iter().any(|end| inside.ends_with(end));
        let numbered = inside.split_once([' ', '\u{a0}']).is_some_and(|(word, number)| {
            word.chars().all(char::is_alphabetic) && number.len() <= 3 && number.bytes().all(|b| b.is_ascii_digit())
        });
        count > 0 && (digits || letters || words || numbered)
    };
    let text = text.trim().trim_start_matches(['•', '*', '–', '·']).trim();
    let text = text.strip_prefix(['“', '"']).and_then(|rest| rest.strip_suffix(['”', '"'])).unwrap_or(text);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('[') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let end = rest.char_indices().take(LONGEST + 1).find(|(_, c)| *c == ']').map(|(end, _)| end);
        match end.filter(|end| is_mark(&rest[..*end])) {
            Some(end) => rest = without_page_numbers(&rest[end + 1..]),
            None => out.push('['),
        }
    }
    out.push_str(rest);
    out
}

/// What follows a mark, without the pages that `: 211`, `:45` or `:12–15, 20` name.
fn without_page_numbers(rest: &str) -> &str {
    let Some(after) = rest.trim_start().strip_prefix(':').map(str::trim_start) else { return rest };
    let is_number = |c: char| c.is_ascii_digit();
    let end = after.find(|c: char| !(is_number(c) || "–—-,; ".contains(c))).unwrap_or(after.len());
    match after[..end].rfind(is_number) {
        Some(last) if after.starts_with(is_number) => &after[last + 1..],
        _ => rest,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ids::ContentKey;
    use crate::manifest::mediawiki::{Namespaces, plain};

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

    #[test]
    fn a_page_shows_more_than_its_source_has() {
        for (text, expected) in [
            ("word.[1]: 211 Next", "word. Next"),
            ("word.[1]:45[A] Next[note 3]:12–15, 20; it", "word. Next; it"),
            ("word[α] and[iv] more[non-primary source needed]: yes", "word and more: yes"),
            ("• It’s the “end”[1234]", "It’s the “end”"),
            ("“It is said.”", "It is said."),
            ("a[citation] list[...] of [things", "a[citation] list[...] of [things"),
        ] {
            assert_eq!(as_in_a_source(text), expected);
        }
    }

    fn parse(text: &str) -> Question {
        Question::parse(text, &Hints::default()).unwrap()
    }

    const SOURCE: &str = "The '''Lorn''' is a [[river]] in the north of the [[Arden|Arden country]].<ref>Map.</ref> It \
                          rises near Hale.{{cn}}\nIt reaches the sea after 133 miles.<ref name=\"a\" />";
    const PASTED: &str = "The Lorn is a river in the north of the Arden country.[1] It rises near Hale.[citation needed] \
                          It reaches the sea after 133 miles.[note 2]";

    #[test]
    fn a_paragraph_pasted_from_the_page_finds_its_source() {
        let keyed = paragraph(&plain(SOURCE, &Namespaces::common())).map(|n1| key::para_n1(&n1)).unwrap();
        let finds = |text: &str| {
            let question = parse(text);
            question.parts().iter().any(|part| part.kind() == Kind::ParaN1 && part.keys().contains(&keyed))
        };
        assert!(finds(PASTED));
        assert!(finds(&format!("Lorn\n\n{PASTED}\r\n\r\nand more\n")));
        // Wrapped on its way, as a mail does.
        let wrapped = PASTED.replace(" It ", "\nIt ");
        assert!(finds(&wrapped));
        assert!(finds(&format!("First.\n\n{wrapped}\n\nLast.")));
        assert!(!finds(&PASTED.replace("133", "134")));
        assert!(finds(&PASTED.replace("[1]", "[1]: 211 ")));
        // Each further spelling tells more of who asks: a paragraph has three at the most, and a source's two.
        let spellings = |text: &str| parse(text).parts()[0].keys().len();
        assert_eq!(
            (spellings(SOURCE), spellings("A paragraph of more than fifty characters, without any mark in it.")),
            (1, 1)
        );
    }

    #[test]
    fn a_copied_run_is_asked_for_inside_another_text() {
        let original = "When the river froze in the winter of that year, the people of the lower town walked across it to the \
                        market, and some of them drove their carts over the ice until the thaw came early in March.";
        let spans = |text: &str| -> Vec<ContentKey> {
            let question = parse(text);
            let runs = question.parts().iter().filter(|part| part.kind() == Kind::SpanN1);
            runs.flat_map(|part| part.keys().to_vec()).collect()
        };
        let copied = format!("My own words stand here before it: {} And mine again behind it.", &original[20..140]);
        assert!(spans(&copied).iter().any(|key| spans(original).contains(key)));
        let paraphrase = "In a cold winter the inhabitants of the part of town near the water could go over the frozen river on \
                          foot, or even with carts, to reach the market on the other side, for as long as the ice held.";
        assert!(!spans(paraphrase).iter().any(|key| spans(original).contains(key)));
        assert!(spans("too short").is_empty());
    }

    #[test]
    fn the_form_is_told_by_the_markup() {
        let long = "People who live on its banks measure time by the mud, and nobody hurries.";
        for (text, form) in [
            (long, Form::Plain),
            ("The '''Skerry Estuary''' is the drowned valley", Form::Wikitext),
            ("the [[River Orrin|Orrin]] meets", Form::Wikitext),
            ("== Shape and tides ==", Form::Wikitext),
            ("<p>The Skerry</p>", Form::Html),
        ] {
            assert_eq!(parse(text).form(), Some(form), "{text}");
        }
        let told = Hints { wiki: None, form: Some(Form::Wikitext) };
        assert_eq!(Question::parse(long, &told).unwrap().form(), Some(Form::Wikitext));
    }
}
