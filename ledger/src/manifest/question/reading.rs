//! What was typed or pasted, read as a question: which sort it is, and the parts and keys of each sort.

use core::fmt;

use super::{Asked, Hints, Part, Question, near};
use crate::error::{Code, Error, Result};
use crate::ids::{ContentKey, from_hex};
use crate::manifest::contributions::Contributions;
use crate::manifest::iscc::Iscc;
use crate::manifest::kind::Kind;
use crate::manifest::mediawiki::{Title, TitleRefused, Wiki, is_account_title};
use crate::manifest::paragraph::MIN_PARAGRAPH;
use crate::manifest::sha1::Sha1Name;
use crate::manifest::swhid::Swhid;
use crate::manifest::url::{CanonicalUrl, UrlRefused};
use crate::manifest::wikidata::Qid;
use crate::manifest::{key, shown};

/// Words of an address with the spaces of a title in it; more are a sentence.
const MAX_WORDS: usize = 16;

/// Digits of a page's or a revision's number.
const MAX_NUMBER: usize = 12;

impl Question {
    /// Reads a question as it was typed or pasted.
    ///
    /// # Errors
    /// `usage` for an empty or unclear question, with what to write instead; `account_refused` for one that names an
    /// account; `too_large` above [`MAX_ITEM`](crate::manifest::MAX_ITEM).
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
        if let Some(address) = address(line)? {
            return Self::of_url(&address);
        }
        let link = line.strip_prefix("[[").and_then(|rest| rest.strip_suffix("]]"));
        if let Some(title) = link.filter(|title| !title.contains(['[', ']'])) {
            let wiki = hints.wiki.as_ref().ok_or_else(|| without_wiki(line))?;
            return Self::of_title(wiki, title.split('|').next().unwrap_or(title));
        }
        if line.len() <= MAX_NUMBER && line.bytes().all(|b| b.is_ascii_digit()) {
            let detail = format!("a number alone does not say of what: write enwiki:page:{line} or enwiki:rev:{line}");
            return Err(Error::new(Code::Usage, detail).at(line));
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
        Self::of(Part::new(Asked::Page(wiki.clone(), id), Kind::MwPage, [key::mw_page(wiki, id)]).on(wiki))
    }

    /// A revision of a page of a wiki, by its number.
    pub fn of_revision(wiki: &Wiki, id: u64) -> Self {
        Self::of(Part::new(Asked::Revision(wiki.clone(), id), Kind::MwRev, [key::mw_rev(wiki, id)]).on(wiki))
    }

    /// A page of a wiki, by its title, in every spelling that may mean it.
    ///
    /// # Errors
    /// `account_refused` for a page of an account, `usage` for what is no title.
    pub fn of_title(wiki: &Wiki, title: &str) -> Result<Self> {
        let (home, parsed) = Title::resolve(title, wiki).map_err(|refused| match refused {
            TitleRefused::Account => account(),
            other => Error::new(Code::Usage, format!("{} is not a title: {other}", shown(title))),
        })?;
        let keys: Vec<ContentKey> = parsed.spellings().iter().map(|title| key::mw_title(&home, title)).collect();
        let part = Part::new(Asked::Title(wiki.clone(), title.trim().to_owned()), Kind::MwTitle, keys).on(&home);
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
    ///
    /// # Errors
    /// `account_refused` for a page of an account, `usage` for what is no address.
    pub fn of_url(text: &str) -> Result<Self> {
        if let Some(shown) = CanonicalUrl::read(text).ok().and_then(|url| Self::of_special(&url)) {
            return Ok(shown);
        }
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
            for id in ["diff", "oldid"].into_iter().filter_map(number) {
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

    /// What a special page of a known wiki only leads to: `Special:Permalink/7`, `Special:Diff/6/7`,
    /// `Special:Redirect/page/12`. The English names work on every wiki. `None` for any other page.
    fn of_special(url: &CanonicalUrl) -> Option<Self> {
        let wiki = Wiki::of_host(url.host())?;
        let path = url.decoded_path()?;
        let title = path.strip_prefix("/wiki/").map(str::to_owned).or_else(|| url.parameter("title"))?;
        let (name, rest) = title.split_once(':')?.1.split_once('/')?;
        let revision = |text: &str| Some(Self::of_revision(&wiki, text.parse().ok()?));
        match (name.to_ascii_lowercase().as_str(), rest.split_once('/')) {
            ("permalink" | "permanentlink", None) => revision(rest),
            ("diff", None) => revision(rest),
            ("diff", Some((older, newer))) => revision(newer).or_else(|| revision(older)),
            ("redirect", Some(("revision", id))) => revision(id),
            ("redirect", Some(("page", id))) => Some(Self::of_page(&wiki, id.parse().ok()?)),
            _ => None,
        }
    }

    /// `WIKI:page:ID`, `page:WIKI/ID`, and with a wiki among the hints `page:ID`; the same for `rev` and `title`. `None` for
    /// anything else.
    fn of_wiki_id(line: &str, hints: &Hints) -> Result<Option<Self>> {
        let Some((first, rest)) = line.split_once(':') else { return Ok(None) };
        const PAGES: [&str; 3] = ["page", "pageid", "curid"];
        const REVISIONS: [&str; 4] = ["rev", "revision", "revid", "oldid"];
        let known = |word: &str| {
            PAGES.contains(&word) || REVISIONS.contains(&word) || matches!(word, "title" | "user" | "contributor")
        };
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
            _ if is_public_wiki(first) => {
                let detail =
                    format!("what of {first} is not said: write {first}:title:Tea, or page or rev and a number");
                return Err(Error::new(Code::Usage, detail).at(shown(line)));
            }
            _ => return Ok(None),
        };
        if matches!(what, "user" | "contributor") {
            return Err(account());
        }
        let Some(wiki) = wiki else {
            return Err(without_wiki(line));
        };
        let number = || {
            crate::ids::decimal(name.trim())
                .map_err(|_| Error::new(Code::Usage, format!("{} is not the number of a {what}", shown(name))))
        };
        Ok(Some(match what {
            "title" => Self::of_title(&wiki, name)?,
            page if PAGES.contains(&page) => Self::of_page(&wiki, number()?),
            _ => Self::of_revision(&wiki, number()?),
        }))
    }
}

/// The address that a line is, as people write one: in angle brackets, without its scheme, with the spaces of a title.
fn address(line: &str) -> Result<Option<String>> {
    let line = line.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(line).trim();
    let schemes = |text: &str| text.to_ascii_lowercase().matches("://").count();
    let starts = |scheme: &str| line.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    let words = line.split_whitespace().count();
    if starts("http://") || starts("https://") {
        let second = || line.split_whitespace().skip(1).any(|word| schemes(word) > 0);
        if words > 1 && words <= MAX_WORDS && second() {
            let detail = "more than one address: ask for each by itself";
            return Err(Error::new(Code::Usage, detail).at(shown(line)));
        }
        let of_wiki = || CanonicalUrl::read(line).is_ok_and(|url| Wiki::of_host(url.host()).is_some());
        return Ok((words == 1 || (words <= MAX_WORDS && of_wiki())).then(|| line.to_owned()));
    }
    let host = line.trim_start_matches("//").split(['/', '?']).next().unwrap_or_default();
    let is_host = host.len() < line.len()
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
        && host.rsplit_once('.').is_some_and(|(_, top)| top.len() >= 2 && top.bytes().all(|b| b.is_ascii_alphabetic()));
    Ok((words == 1 && is_host).then(|| format!("https://{}", line.trim_start_matches("//"))))
}

/// Whether a word is the name of a public wiki's database, such as `enwiki`.
fn is_public_wiki(word: &str) -> bool {
    const ENDINGS: [&str; 8] =
        ["wiki", "wiktionary", "wikiquote", "wikibooks", "wikisource", "wikinews", "wikiversity", "wikivoyage"];
    let is_name = word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    is_name && ENDINGS.iter().any(|ending| word.len() > ending.len() && word.ends_with(ending))
}

fn without_wiki(line: &str) -> Error {
    Error::new(Code::Usage, "of which wiki is not said: write enwiki:title:Tea").at(shown(line))
}

fn account() -> Error {
    Error::new(Code::AccountRefused, "pages of accounts, and special pages, are in no keyspace")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn enwiki() -> Wiki {
        "enwiki".parse().unwrap()
    }

    fn parse(text: &str, wiki: Option<&Wiki>) -> Result<Question> {
        Question::parse(text, &Hints { wiki: wiki.cloned(), form: None })
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

    #[test]
    fn an_address_is_one_however_it_is_written() {
        let title = |text: &str| {
            let question = parse(text, None).unwrap();
            let part = question.parts().iter().find(|part| part.kind() == Kind::MwTitle).cloned();
            part.unwrap_or_else(|| panic!("{text}: {question:?}")).keys().to_vec()
        };
        let lincoln = title("enwiki:title:Abraham Lincoln");
        for text in [
            "https://en.wikipedia.org/wiki/Abraham_Lincoln",
            "https://en.wikipedia.org/wiki/Abraham Lincoln",
            "<https://en.wikipedia.org/wiki/Abraham_Lincoln>",
            "//en.wikipedia.org/wiki/Abraham_Lincoln",
            "en.wikipedia.org/wiki/Abraham_Lincoln",
        ] {
            assert_eq!(title(text), lincoln, "{text}");
        }
        assert_eq!(asked("[[Tea|a drink]]", Some(&enwiki())), [row("enwiki:title:Tea", Kind::MwTitle, 1)]);
        // A text that begins with one is a text.
        let text = "https://example.org/a is where the people of the valley put down what they heard of the river.";
        assert!(parse(text, None).unwrap().has_paragraphs());
        for text in ["https://a.example/x https://b.example/y", "[[Tea]]", "12", "enwiki:Tea"] {
            assert_eq!(parse(text, None).unwrap_err().code(), Code::Usage, "{text}");
        }
    }

    #[test]
    fn links_of_a_page_s_history_are_its_revisions() {
        let wiki = enwiki();
        let rev = |id: u64| row(&format!("enwiki:rev:{id}"), Kind::MwRev, 1);
        for (text, id) in [("Special:Permalink/7", 7), ("Special:PermanentLink/7", 7), ("Special:Diff/6/7", 7)] {
            assert_eq!(asked(&format!("https://en.wikipedia.org/wiki/{text}"), None), [rev(id)], "{text}");
        }
        let page = "https://en.m.wikipedia.org/w/index.php?title=Special:Redirect/page/12";
        assert_eq!(asked(page, None), [row("enwiki:page:12", Kind::MwPage, 1)]);
        let diff = asked("https://en.wikipedia.org/w/index.php?title=Tea&diff=9&oldid=8", None);
        assert_eq!(diff[1..3], [rev(9), rev(8)]);
        assert_eq!(asked("enwiki:oldid:7", None), asked("rev:7", Some(&wiki)));
        assert_eq!(asked("enwiki:curid:12", None), asked("page:12", Some(&wiki)));
        let special = parse("https://en.wikipedia.org/wiki/Special:Search", None);
        assert_eq!(special.unwrap_err().code(), Code::AccountRefused);
    }
}
