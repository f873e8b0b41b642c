//! What somebody asks, as content keys: a text, an address, a page, a digest.
//!
//! Not the answer: whoever holds the ledger decides which keyspaces to put a question to ([`super::verdict`] says what
//! follows). The command line and the pages of a server read questions here and nowhere else, so that a page never answers
//! something else than the command that checks it. A question about an account is refused, because no keyspace could
//! answer it; the asker expands an account into pages and revisions from the public history, on the asker's own side
//! ([`super::contributions`]). DESIGN §7.
//!
//! ```text
//! 64 hexadecimal digits, sha256:<them>             the item with these bytes
//! https://…                                        that address, and on a known wiki what it shows
//! enwiki:page:12      page:enwiki/12               a page
//! enwiki:rev:4567     rev:enwiki/4567              a revision
//! enwiki:title:Tea    title:enwiki/Tea             a title; a short line alone, if a wiki is named
//! swh:1:cnt:…   Q42   ISCC:…   host:example.org    a name in others' catalogues, or all that a host serves
//! 40 hexadecimal digits, sha1:<them>               a revision's text or a media file, by MediaWiki's SHA-1
//! [[Tea]]                                          a title, if a wiki is named
//! anything else                                    the text: the whole, and each paragraph
//! ```

use core::fmt;
use std::collections::BTreeSet;

use crate::ids::ContentKey;
use crate::manifest::kind::{Form, Kind, Spec};
use crate::manifest::mediawiki::Wiki;
use crate::manifest::span::SHARED_RUN;

mod near;
mod reading;
mod text;

/// More keys than this to one keyspace are bulk: three prefixes of 20 bits already tell most editors apart.
pub const MAX_SINGLE: usize = 3;

/// The longest prefix for a question in bulk, in bits.
pub const MAX_BULK_DEPTH: u8 = 12;

/// Parts that are named one by one in a sentence.
const MAX_NAMED: usize = 3;

/// How a question is to be understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hints {
    /// The wiki of titles and numbers that do not name theirs.
    pub wiki: Option<Wiki>,
    /// The form of texts; guessed by their markup without it.
    pub form: Option<Form>,
}

/// A question, in parts that are answered one by one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Question {
    parts: Vec<Part>,
    form: Option<Form>,
    local_only: bool,
    near: near::Titles,
}

/// One thing that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    asked: Asked,
    kind: Kind,
    keys: Vec<ContentKey>,
    decides: bool,
    /// The file that it was read from, where there are several.
    within: Option<String>,
    /// The wiki whose pages its keys are of.
    wiki: Option<Wiki>,
}

/// What a part asks for, in words that hold nothing of a text.
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
    /// A run of characters somewhere in the text, counted from 1.
    Run(usize),
    /// A name in somebody's catalogue.
    Name(String),
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
            Self::Run(number) => write!(f, "run {number} of at least {SHARED_RUN} characters"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// What it says that a part is not in a keyspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bearing {
    /// That what was asked for is not there.
    Decides,
    /// Nothing: only a hit counts.
    Hints,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.within {
            Some(file) => write!(f, "{} of {file}", self.asked),
            None => self.asked.fmt(f),
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

    /// The wiki whose pages its keys are of: contents that are another wiki's do not cover it.
    pub const fn wiki(&self) -> Option<&Wiki> {
        self.wiki.as_ref()
    }

    fn new(asked: Asked, kind: Kind, keys: impl IntoIterator<Item = ContentKey>) -> Self {
        let mut distinct = Vec::new();
        for key in keys {
            if !distinct.contains(&key) {
                distinct.push(key);
            }
        }
        Self { asked, kind, keys: distinct, decides: true, within: None, wiki: None }
    }

    /// A part that can only be among the pages of one wiki.
    fn on(self, wiki: &Wiki) -> Self {
        Self { wiki: Some(wiki.clone()), ..self }
    }

    /// A part of which only a hit says anything.
    fn hint(self) -> Self {
        Self { decides: false, ..self }
    }
}

impl Question {
    /// Both questions as one.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for part in other.parts {
            // Parts are few, but for contributions, whose numbers are distinct already.
            if other.local_only || self.local_only || !self.parts.contains(&part) {
                self.parts.push(part);
            }
        }
        self.form = self.form.or(other.form);
        self.local_only |= other.local_only;
        self.near.0.extend(other.near.0);
        self
    }

    /// The same of a file among several, by its name.
    #[must_use]
    pub fn within(mut self, file: &str) -> Self {
        self.parts.iter_mut().for_each(|part| part.within = Some(file.to_owned()));
        self
    }

    /// What is asked, part by part.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The parts at these places, in words that hold nothing of a text. The runs of one text, which are dozens for a page of
    /// it, are one line with their number.
    pub fn list(&self, places: impl IntoIterator<Item = usize>) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        let mut runs: Vec<(usize, Option<&str>, usize)> = Vec::new();
        for part in places.into_iter().filter_map(|place| self.parts.get(place)) {
            let within = part.within.as_deref();
            match (&part.asked, runs.iter_mut().find(|(_, file, _)| *file == within)) {
                (Asked::Run(_), Some((_, _, count))) => *count += 1,
                (Asked::Run(_), None) => {
                    runs.push((lines.len(), within, 1));
                    lines.push(part.to_string());
                }
                // One name may be asked for in two kinds of keyspace.
                _ => lines.extend(Some(part.to_string()).filter(|line| lines.last() != Some(line))),
            }
        }
        for (at, file, count) in runs.into_iter().filter(|(_, _, count)| *count > 1) {
            let of = file.map(|file| format!(" of {file}")).unwrap_or_default();
            lines[at] = format!("{count} runs of at least {SHARED_RUN} characters{of}");
        }
        lines
    }

    /// What is asked, in a few words that hold nothing of a text.
    pub fn in_words(&self) -> String {
        match self.parts.as_slice() {
            [] => "nothing".to_owned(),
            _ if self.local_only => format!("{} pages and revisions", self.parts.len()),
            _ if self.form.is_some() => match self.parts.iter().filter(|part| part.kind == Kind::ParaN1).count() {
                0 => "a text".to_owned(),
                1 => "a paragraph".to_owned(),
                n => format!("a text of {n} paragraphs"),
            },
            [only] => only.to_string(),
            [first, others @ ..] => format!("{first} and {} more", others.len()),
        }
    }

    /// What of it was found, in a few words that hold nothing of a text. `missed` are parts whose absence was shown: who
    /// cites an answer says with it what the answer is not about.
    pub fn found_in_words(&self, found: &BTreeSet<usize>, missed: &BTreeSet<usize>) -> String {
        let among = |kind: Option<Kind>| {
            let of_kind = self.parts.iter().enumerate().filter(|(_, part)| kind.is_none_or(|kind| part.kind == kind));
            of_kind.fold((0, 0), |(hits, all), (at, _)| (hits + usize::from(found.contains(&at)), all + 1))
        };
        if self.local_only {
            let (hits, all) = among(None);
            return format!("{hits} of {all} pages and revisions");
        }
        let list = |places: &BTreeSet<usize>| {
            let lines = self.list(places.iter().copied());
            let more = lines.len().saturating_sub(MAX_NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{}{more}", lines[..lines.len().min(MAX_NAMED)].join(", "))
        };
        if self.form.is_some() {
            return match among(Some(Kind::ParaN1)) {
                (hits, all) if hits == all => self.in_words(),
                (0, _) => format!("{} of a text", list(found)),
                (hits, all) => format!("{hits} of {all} paragraphs of a text"),
            };
        }
        match missed.is_empty() {
            true => list(found),
            false => format!("{}, but not {}", list(found), list(missed)),
        }
    }

    /// The form of the text, where it is one.
    pub const fn form(&self) -> Option<Form> {
        self.form
    }

    /// Whether it must be answered from whole keyspaces or bitmaps, because even short prefixes would tell who asks.
    pub const fn local_only(&self) -> bool {
        self.local_only
    }

    /// Whether a text is asked for by its paragraphs.
    pub fn has_paragraphs(&self) -> bool {
        self.parts.iter().any(|part| part.kind == Kind::ParaN1)
    }

    /// What an asker should know of an answer that found nothing, where it was asked for a text.
    pub fn whole_paragraphs(&self) -> Option<&'static str> {
        self.has_paragraphs().then_some(
            "Paragraphs are looked for whole and word by word: a sentence out of one is not found. Ask for the whole \
             paragraph as well, or for the title of its page.",
        )
    }

    /// Leaves all but the first parts out.
    pub fn truncate(&mut self, parts: usize) {
        self.parts.truncate(parts);
    }

    /// Whether a keyspace can answer for a part, and what it says if the part is not there; `None` if it cannot answer.
    ///
    /// A text without markup may stand so in a source too: a hit there is a hit, but a miss says nothing, since the source
    /// may have markup where the reader sees none.
    pub fn bearing(&self, part: &Part, spec: Spec) -> Option<Bearing> {
        if spec.kind() != part.kind {
            return None;
        }
        let decides = match (self.form, spec.form()) {
            (_, None) => true,
            (Some(asked), Some(keyed)) if asked == keyed => true,
            (Some(Form::Plain), Some(_)) => false,
            _ => return None,
        };
        Some(if decides && part.decides { Bearing::Decides } else { Bearing::Hints })
    }

    fn of(part: Part) -> Self {
        Self { parts: vec![part], ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::error::Result;
    use crate::manifest::contributions::Contributions;

    fn enwiki() -> Wiki {
        "enwiki".parse().unwrap()
    }

    fn hints(wiki: Option<&Wiki>) -> Hints {
        Hints { wiki: wiki.cloned(), form: None }
    }

    fn parse(text: &str, wiki: Option<&Wiki>) -> Result<Question> {
        Question::parse(text, &hints(wiki))
    }

    #[test]
    fn the_runs_of_a_text_are_told_in_one_line_with_their_number() {
        let long =
            "The tide comes in twice a day and the mud keeps what it brought, as the people here have always said. ";
        let question = parse(&long.repeat(4), None).unwrap();
        let all = question.list(0..question.parts().len());
        let runs = question.parts().iter().filter(|part| part.kind() == Kind::SpanN1).count();
        assert!(runs > 2, "{runs}");
        let line = format!("{runs} runs of at least {SHARED_RUN} characters");
        assert_eq!(all, ["paragraph 1".to_owned(), line, "the whole text".to_owned(), "the exact bytes".to_owned()]);
        assert_eq!(question.list([2]), [format!("run 2 of at least {SHARED_RUN} characters")]);
        // Those of two files are two lines.
        let both = question.clone().within("a.txt").and(question.within("b.txt"));
        let lines = both.list(0..both.parts().len());
        let of_runs: Vec<&String> = lines.iter().filter(|line| line.contains(" runs ")).collect();
        assert!(of_runs.len() == 2 && of_runs[1].ends_with(" of b.txt"), "{lines:?}");
    }

    #[test]
    fn what_was_found_is_said_and_what_was_not() {
        let words = |question: &Question, found: &[usize], missed: &[usize]| {
            let set = |places: &[usize]| places.iter().copied().collect::<BTreeSet<usize>>();
            question.found_in_words(&set(found), &set(missed))
        };
        let page = parse("https://en.wikipedia.org/w/index.php?title=Tea&oldid=7", None).unwrap();
        assert_eq!(words(&page, &[2], &[1]), "enwiki:title:Tea, but not enwiki:rev:7");
        assert_eq!(words(&page, &[1, 2], &[]), "enwiki:rev:7, enwiki:title:Tea");
        let line = |i: usize| format!("Line number {i} is long enough to count as a paragraph of its own here.");
        let text = parse(&(0..4).map(line).collect::<Vec<_>>().join("\n\n"), None).unwrap();
        assert_eq!(words(&text, &[0], &[1, 2, 3]), "1 of 4 paragraphs of a text");
        assert_eq!(words(&text, &[0, 1, 2, 3], &[]), "a text of 4 paragraphs");
        let bytes = text.parts().len() - 1;
        assert_eq!(words(&text, &[bytes], &[0, 1]), "the exact bytes of a text");
        assert_eq!(words(&parse(&line(1), None).unwrap(), &[0], &[]), "a paragraph");
        let list = Contributions::parse(b"rev_id,page_id\n7,12\n8,12\n", &enwiki()).unwrap();
        assert_eq!(words(&Question::of_contributions(&list), &[0], &[1]), "1 of 3 pages and revisions");
    }

    #[test]
    fn a_text_is_asked_for_by_its_paragraphs_and_as_a_whole() {
        let line = |i: usize| format!("Line number {i} is long enough to count as a paragraph of its own here.");
        let text = (0..4).map(line).collect::<Vec<_>>().join("\n\n");
        let question = Question::of_file(text.as_bytes(), &Hints::default()).unwrap();
        let parts = question.parts().iter().filter(|part| part.kind() != Kind::SpanN1 && part.kind() != Kind::Swhid);
        assert_eq!(parts.count(), 6);
        assert_eq!(Question::of_file(b"\xff\x00", &Hints::default()).unwrap().parts().len(), 3);
        // A bare title is not looked for in a long text.
        assert!(parse(&line(1), Some(&enwiki())).unwrap().parts().len() > 1);
    }

    #[test]
    fn a_plain_text_may_be_found_in_a_source_but_its_absence_there_says_nothing() {
        let long = "People who live on its banks measure time by the mud, and nobody hurries.";
        let spec = |text: &str| text.parse::<Spec>().unwrap();
        let bearing =
            |question: &Question, place: usize, to: &str| question.bearing(&question.parts()[place], spec(to));
        let plain = parse(long, None).unwrap();
        assert_eq!(bearing(&plain, 0, "para-n1/unicode-16/wikitext"), Some(Bearing::Hints));
        assert_eq!(bearing(&plain, 0, "para-n1/unicode-16/plain"), Some(Bearing::Decides));
        // Whole text and bytes are no answer to who asks by paragraph.
        let last = plain.parts().len() - 1;
        assert_eq!(bearing(&plain, last - 1, "text-n1/unicode-16/plain"), Some(Bearing::Hints));
        assert_eq!(bearing(&plain, last, "raw-sha256"), Some(Bearing::Hints));
        assert_eq!(bearing(&plain, 0, "mw-page"), None);
        let wikitext = parse(&format!("'''A''' {long}"), None).unwrap();
        assert_eq!(bearing(&wikitext, 0, "para-n1/unicode-16/plain"), None);
        let short = parse("too short", None).unwrap();
        assert_eq!(bearing(&short, 0, "text-n1/unicode-16/plain"), Some(Bearing::Decides));
        let file = Question::of_file(long.as_bytes(), &Hints::default()).unwrap();
        let place = file.parts().iter().position(|part| part.kind() == Kind::RawSha256).unwrap();
        assert_eq!(bearing(&file, place, "raw-sha256"), Some(Bearing::Decides));
    }

    #[test]
    fn contributions_are_numbers_and_are_asked_locally() {
        let list = Contributions::parse(b"rev_id,page_id\n7,12\n8,12\n9,13\n", &enwiki()).unwrap();
        let question = Question::of_contributions(&list);
        assert!(question.local_only());
        let asked: Vec<String> = question.parts().iter().map(|part| part.asked().to_string()).collect();
        assert_eq!(asked, ["enwiki:page:12", "enwiki:page:13", "enwiki:rev:7", "enwiki:rev:8", "enwiki:rev:9"]);
        assert!(!parse("enwiki:page:12", None).unwrap().local_only());
    }
}
