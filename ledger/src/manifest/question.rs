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
//! anything else                                    the text: the whole, and each paragraph
//! ```

use core::fmt;

use crate::error::{Code, Error, Result};
use crate::ids::{ContentKey, from_hex};
use crate::manifest::contributions::Contributions;
use crate::manifest::iscc::Iscc;
use crate::manifest::kind::{Form, Kind, Spec};
use crate::manifest::mediawiki::{Title, TitleRefused, Wiki, is_account_title};
use crate::manifest::paragraph::MIN_PARAGRAPH;
use crate::manifest::sha1::Sha1Name;
use crate::manifest::span::SHARED_RUN;
use crate::manifest::swhid::Swhid;
use crate::manifest::url::{CanonicalUrl, UrlRefused};
use crate::manifest::wikidata::Qid;
use crate::manifest::{key, shown};

mod near;
mod text;

/// More keys than this to one keyspace are bulk: three prefixes of 20 bits already tell most editors apart.
pub const MAX_SINGLE: usize = 3;

/// The longest prefix for a question in bulk, in bits.
pub const MAX_BULK_DEPTH: u8 = 12;

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

    fn new(asked: Asked, kind: Kind, keys: impl IntoIterator<Item = ContentKey>) -> Self {
        let mut distinct = Vec::new();
        for key in keys {
            if !distinct.contains(&key) {
                distinct.push(key);
            }
        }
        Self { asked, kind, keys: distinct, decides: true, within: None }
    }

    /// A part of which only a hit says anything.
    fn hint(self) -> Self {
        Self { decides: false, ..self }
    }
}

impl Question {
    /// Reads a question as it was typed or pasted.
    pub fn parse(text: &str, hints: &Hints) -> Result<Self> {
        let line = text.trim();
        if line.is_empty() {
            return Err(Error::new(Code::Usage, "the question is empty"));
        }
        if line.contains('\n') {
            return Self::of_text(text, hints);
        }
        if let Ok(digest) = from_hex(&line.strip_prefix("sha256:").unwrap_or(line).to_ascii_lowercase()) {
            return Ok(Self::of_digest(&digest));
        }
        if line.starts_with("sha256:") {
            return Err(Error::new(Code::Usage, "expected 64 hexadecimal digits").at("sha256:"));
        }
        if !line.contains(char::is_whitespace) && is_web_address(line) {
            return Self::of_url(line);
        }
        if let Some(question) = Self::of_name(line)? {
            return Ok(question);
        }
        if let Some(question) = Self::of_wiki_id(line, hints)? {
            return Ok(question);
        }
        let short = line.chars().count() < MIN_PARAGRAPH;
        if short && is_account_title(line) {
            return Err(account());
        }
        match &hints.wiki {
            Some(wiki) if short => Self::of_title(wiki, line),
            _ => Self::of_text(text, hints),
        }
    }

    /// An item of which only the SHA-256 is known.
    pub fn of_digest(digest: &[u8; 32]) -> Self {
        Self::of(Part::new(Asked::Bytes, Kind::RawSha256, key::of_digest(Kind::RawSha256, digest)))
    }

    /// A name in somebody's catalogue; `None` for what is not written as one.
    fn of_name(line: &str) -> Result<Option<Self>> {
        let lower = line.to_ascii_lowercase();
        let wrong =
            |error: &dyn fmt::Display| Error::new(Code::Usage, format!("{} cannot be asked for: {error}", shown(line)));
        if lower.starts_with("swh:") {
            let id: Swhid = line.parse().map_err(|error| wrong(&error))?;
            return Ok(Some(Self::of(Part::new(Asked::Name(id.to_string()), Kind::Swhid, [key::swhid(&id)]))));
        }
        if lower.starts_with("iscc:") {
            let code: Iscc = line.parse().map_err(|error| wrong(&error))?;
            return Ok(Some(Self::of(Part::new(Asked::Name(code.to_string()), Kind::Iscc, [key::iscc(&code)]))));
        }
        if let Some(host) = lower.strip_prefix("host:") {
            let host = host.trim().parse::<CanonicalUrl>().or_else(|_| format!("https://{}/", host.trim()).parse());
            let host = host.map_err(|error: UrlRefused| wrong(&error))?.to_host();
            return Ok(Some(Self::of(Part::new(Asked::Name(host.to_string()), Kind::Host, [key::host(&host)]))));
        }
        let sha1 = lower.strip_prefix("sha1:");
        let digits = |text: &str| text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if sha1.is_some() || digits(&lower) {
            let name: Sha1Name = sha1.unwrap_or(&lower).trim().parse().map_err(|error| wrong(&error))?;
            let asked = || Asked::Name(format!("sha1:{name}"));
            let text = Self::of(Part::new(asked(), Kind::MwSha1, [key::mw_sha1(&name)]));
            return Ok(Some(text.and(Self::of(Part::new(asked(), Kind::MediaSha1, [key::media_sha1(&name)])))));
        }
        let wikidata = line.strip_prefix("wikidata:").unwrap_or(line);
        let is_item =
            wikidata.strip_prefix(['Q', 'q']).is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        match wikidata.parse::<Qid>() {
            Ok(item) if is_item => Ok(Some(Self::of_item_of_wikidata(item))),
            _ => Ok(None),
        }
    }

    fn of_item_of_wikidata(item: Qid) -> Self {
        Self::of(Part::new(Asked::Name(item.to_string()), Kind::WikidataQid, [key::wikidata_qid(item)]))
    }

    /// A page of a wiki, by its number.
    pub fn of_page(wiki: &Wiki, id: u64) -> Self {
        Self::of(Part::new(Asked::Page(wiki.clone(), id), Kind::MwPage, [key::mw_page(wiki, id)]))
    }

    /// A revision of a page of a wiki, by its number.
    pub fn of_revision(wiki: &Wiki, id: u64) -> Self {
        Self::of(Part::new(Asked::Revision(wiki.clone(), id), Kind::MwRev, [key::mw_rev(wiki, id)]))
    }

    /// A page of a wiki, by its title, in every spelling that may mean it.
    pub fn of_title(wiki: &Wiki, title: &str) -> Result<Self> {
        let (home, parsed) = Title::resolve(title, wiki).map_err(|refused| match refused {
            TitleRefused::Account => account(),
            other => Error::new(Code::Usage, format!("{} is not a title: {other}", shown(title))),
        })?;
        let keys: Vec<ContentKey> = parsed.spellings().iter().map(|title| key::mw_title(&home, title)).collect();
        let part = Part::new(Asked::Title(wiki.clone(), title.trim().to_owned()), Kind::MwTitle, keys);
        Ok(Self { near: near::of_title(parsed.text()), ..Self::of(part) })
    }

    /// Pages and revisions that somebody contributed to. Their number and choice tell who that is, so such a question is
    /// answered from whole keyspaces or bitmaps and never by prefixes.
    pub fn of_contributions(list: &Contributions) -> Self {
        let mut question = Self { local_only: true, ..Self::default() };
        for id in list.pages() {
            question = question.and(Self::of_page(list.wiki(), *id));
        }
        for id in list.revisions() {
            question = question.and(Self::of_revision(list.wiki(), *id));
        }
        question
    }

    /// An address, and on a known wiki the revision, page or title that it shows.
    pub fn of_url(text: &str) -> Result<Self> {
        let url: CanonicalUrl = text.parse().map_err(|refused| match refused {
            UrlRefused::Account => account(),
            other => Error::new(Code::Usage, format!("{} cannot be asked for: {other}", shown(text))),
        })?;
        let mut question = Self::of(Part::new(Asked::Url(url.to_string()), Kind::UrlC1, [key::url_c1(&url)]));
        if let Ok(item) = text.trim().parse::<Qid>() {
            question = question.and(Self::of_item_of_wikidata(item));
        }
        if let Some(wiki) = Wiki::of_host(url.host()) {
            let number = |name: &str| url.parameter(name).and_then(|value| value.parse().ok());
            if let Some(id) = number("oldid") {
                question = question.and(Self::of_revision(&wiki, id));
            }
            if let Some(id) = number("curid") {
                question = question.and(Self::of_page(&wiki, id));
            }
            let path = url.decoded_path();
            let in_path = path.as_deref().and_then(|path| path.strip_prefix("/wiki/")).map(str::to_owned);
            if let Some(title) = in_path.or_else(|| url.parameter("title")) {
                match Self::of_title(&wiki, &title) {
                    Ok(title) => question = question.and(title),
                    Err(e) if e.code() == Code::AccountRefused => return Err(e),
                    // The address can still be asked for as an address.
                    Err(_) => {}
                }
            }
        }
        Ok(question)
    }

    /// `WIKI:page:ID`, `page:WIKI/ID`, and with a wiki among the hints `page:ID`; the same for `rev` and `title`. `None` for
    /// anything else.
    fn of_wiki_id(line: &str, hints: &Hints) -> Result<Option<Self>> {
        let Some((first, rest)) = line.split_once(':') else { return Ok(None) };
        let known = |word: &str| matches!(word, "page" | "rev" | "revision" | "title" | "user" | "contributor");
        let (wiki, what, name) = match rest.split_once(':') {
            Some((what, name)) if known(what) && first.parse::<Wiki>().is_ok() => (first.parse().ok(), what, name),
            _ if known(first) => {
                let named =
                    rest.split_once(['/', ':']).and_then(|(wiki, name)| Some((wiki.trim().parse().ok()?, name)));
                let named = named.filter(|(wiki, _)| hints.wiki.as_ref().is_none_or(|hint| hint == wiki));
                match named {
                    Some((wiki, name)) => (Some(wiki), first, name),
                    None => (hints.wiki.clone(), first, rest),
                }
            }
            _ => return Ok(None),
        };
        if matches!(what, "user" | "contributor") {
            return Err(account());
        }
        let Some(wiki) = wiki else {
            return Err(Error::new(Code::Usage, "of which wiki is not said: write enwiki:title:Tea").at(shown(line)));
        };
        let number = || {
            crate::ids::decimal(name.trim())
                .map_err(|_| Error::new(Code::Usage, format!("{} is not the number of a {what}", shown(name))))
        };
        Ok(Some(match what {
            "page" => Self::of_page(&wiki, number()?),
            "title" => Self::of_title(&wiki, name)?,
            _ => Self::of_revision(&wiki, number()?),
        }))
    }

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

    /// Leaves all but the first parts out.
    pub fn truncate(&mut self, parts: usize) {
        self.parts.truncate(parts);
    }

    /// Whether a keyspace of this kind would get so many keys that exact questions would give the asker away.
    pub fn is_bulk(&self, kind: Kind) -> bool {
        self.parts.iter().filter(|part| part.kind == kind).map(|part| part.keys.len()).sum::<usize>() > MAX_SINGLE
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

fn is_web_address(line: &str) -> bool {
    let starts = |scheme: &str| line.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    starts("http://") || starts("https://")
}

fn account() -> Error {
    Error::new(Code::AccountRefused, "accounts are in no keyspace")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::manifest::mediawiki::{Namespaces, plain};
    use crate::manifest::paragraph;

    fn enwiki() -> Wiki {
        "enwiki".parse().unwrap()
    }

    fn hints(wiki: Option<&Wiki>) -> Hints {
        Hints { wiki: wiki.cloned(), form: None }
    }

    fn parse(text: &str, wiki: Option<&Wiki>) -> Result<Question> {
        Question::parse(text, &hints(wiki))
    }

    fn asked(text: &str, wiki: Option<&Wiki>) -> Vec<(String, Kind, usize)> {
        let question = parse(text, wiki).unwrap();
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
        let blob = "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f";
        let swhid = format!("swh:1:cnt:{blob}");
        assert_eq!(asked(&format!("{swhid};origin=https://x.example"), None), [row(&swhid, Kind::Swhid, 1)]);
        let sha1 = format!("sha1:{blob}");
        assert_eq!(asked(blob, None), [row(&sha1, Kind::MwSha1, 1), row(&sha1, Kind::MediaSha1, 1)]);
        assert_eq!(asked(&sha1, None), asked(&blob.to_uppercase(), None));
        assert_eq!(asked("Q42", None), [row("Q42", Kind::WikidataQid, 1)]);
        assert_eq!(asked("wikidata:Q42", Some(&wiki)), [row("Q42", Kind::WikidataQid, 1)]);
        assert_eq!(asked("https://www.wikidata.org/wiki/Q42", None)[1], row("Q42", Kind::WikidataQid, 1));
        assert_eq!(asked("host:WWW.Example.org", None), [row("example.org", Kind::Host, 1)]);
        assert_eq!(asked("page:enwiki/12", None), [row("enwiki:page:12", Kind::MwPage, 1)]);
        assert_eq!(asked("rev:4567", Some(&wiki)), [row("enwiki:rev:4567", Kind::MwRev, 1)]);
        assert_eq!(asked("title:enwiki:Tea", None), [row("enwiki:title:Tea", Kind::MwTitle, 1)]);
        assert_eq!(asked("title:Talk:Tea", Some(&wiki)), [row("enwiki:title:Talk:Tea", Kind::MwTitle, 1)]);
        assert_eq!(asked("Tea", Some(&wiki)), [row("enwiki:title:Tea", Kind::MwTitle, 1)]);
        assert_eq!(
            asked("Tea", None),
            [row("the whole text", Kind::TextN1, 1), row("the exact bytes", Kind::RawSha256, 1)]
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
        let keys = |text: &str| parse(text, None).unwrap().parts()[0].keys().to_vec();
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
                assert_eq!(parse(text, wiki).unwrap_err().code(), Code::AccountRefused, "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_question_says_why() {
        for text in [
            "",
            " \n ",
            "enwiki:page:twelve",
            "enwiki:rev:",
            "enwiki:title:a|b",
            "https://",
            "title:Tea",
            "sha256:ab",
            "sha1:ab",
            "swh:1:dir:00",
        ] {
            assert_eq!(parse(text, None).unwrap_err().code(), Code::Usage, "{text:?}");
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
            let question = parse(text, None).unwrap();
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
    fn a_copied_run_is_asked_for_inside_another_text() {
        let original = "When the river froze in the winter of that year, the people of the lower town walked across it to the \
                        market, and some of them drove their carts over the ice until the thaw came early in March.";
        let spans = |text: &str| -> Vec<ContentKey> {
            let question = parse(text, None).unwrap();
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
    fn a_text_of_many_paragraphs_is_bulk() {
        let line = |i: usize| format!("Line number {i} is long enough to count as a paragraph of its own here.");
        let text = (0..4).map(line).collect::<Vec<_>>().join("\n\n");
        let question = Question::of_file(text.as_bytes(), &Hints::default()).unwrap();
        assert!(question.is_bulk(Kind::ParaN1));
        assert!(!question.is_bulk(Kind::TextN1));
        let parts = question.parts().iter().filter(|part| part.kind() != Kind::SpanN1 && part.kind() != Kind::Swhid);
        assert_eq!(parts.count(), 6);
        assert!(!parse(&line(1), None).unwrap().is_bulk(Kind::ParaN1));
        assert_eq!(Question::of_file(b"\xff\x00", &Hints::default()).unwrap().parts().len(), 3);
        // A bare title is not looked for in a long text.
        assert!(parse(&line(1), Some(&enwiki())).unwrap().parts().len() > 1);
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
            assert_eq!(parse(text, None).unwrap().form(), Some(form), "{text}");
        }
        let told = Hints { wiki: None, form: Some(Form::Wikitext) };
        assert_eq!(Question::parse(long, &told).unwrap().form(), Some(Form::Wikitext));
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
