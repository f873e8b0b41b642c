//! Content keys: every normal form is its own normal form, so that a text and what was made of it are asked for alike.

#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::sync::LazyLock;

use colophon_fuzz::seeds;
use ledger::manifest::mediawiki::{Namespaces, Title, Wiki, plain};
use ledger::manifest::{
    Asked, CanonicalUrl, Contributions, Form, Hints, Host, Iscc, Kind, Kinds, MIN_PARAGRAPH, N1, Qid, Question,
    SHARED_RUN, SPAN, Sha1Name, Spec, Swhid, key, paragraphs, spans,
};
use libfuzzer_sys::fuzz_target;
use unicode_normalization::UnicodeNormalization;

static ENWIKI: LazyLock<Wiki> = LazyLock::new(|| "enwiki".parse().expect("a wiki"));
static NAMESPACES: LazyLock<Namespaces> = LazyLock::new(|| Namespaces::of_wiki(&ENWIKI));

const SEEDS: [&str; 24] = [
    "  The \u{fb01}rst\u{a0}\n LINE of two, with e\u{301}, \u{1100}\u{1161}\u{11a8}, ß, ſ, İ and \u{345}\u{3b1}\u{378}",
    "A paragraph that is long enough to be recognised when somebody quotes it.\nHeading\r\n",
    "a run of words that somebody wrote, which is long enough that copying it is found even if other words stand around it",
    "HTTPS://user:pw@WWW.Example.org:443/a/./b/../c%7e?q=%c3%a4&title=x#top",
    "http://b\u{fc}cher.example.:8080\\x?y",
    "https://[::1]:80/",
    "https://en.wikipedia.org/w/index.php?title=Tea&oldid=12&curid=3",
    "https://de.m.wikipedia.org/wiki/%C3%9Cber",
    "https://www.wikidata.org/wiki/Q42",
    "enwiki:page:12",
    "rev:enwiki/4567",
    "enwiki:title:new_York  City",
    ":wikt:de:Tee#part",
    "Talk:\u{1c5}a&amp;b",
    "Q42",
    "swh:1:cnt:94a9ed024d3859793618152ea559a168bbcbb5e2",
    "ISCC:KACYPXW445FTYNJ3CYSXHAFJMA2HUWULUNRFE3BLHRSCXYH2M5AEGQY",
    "host:example.org",
    "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "'''Tea''' is a [[drink|beverage]].<ref>Book.</ref>\nIt is hot.{{cn|{{x}}}}\n\n== See ==\n* [[File:a.png|b]]\n{|\n|a\n|}",
    "text-n1/unicode-16/plain",
    "default,span-n1",
    "https://en.wikipedia.org/wiki/Special:Contributions/Somebody",
];

fuzz_target!(init: seeds(SEEDS), |data: &[u8]| {
    // A title costs a thousand times what a digest does, so each input is read in one way.
    let form = data.len().is_multiple_of(2).then_some(Form::Plain);
    let hints = Hints { wiki: form.map(|_| ENWIKI.clone()), form };
    let _ = Question::of_file(data, &hints);
    let _ = Question::of_item(data, &hints);
    let _ = Contributions::parse(data, &ENWIKI);
    let Ok(text) = std::str::from_utf8(data) else { return };
    n1(text);
    url(text);
    title(text);
    question(text, &hints);
    plain(text, &NAMESPACES);
    display::<Qid>(text);
    display::<Swhid>(text);
    display::<Sha1Name>(text);
    display::<Spec>(text);
    kinds(text);
    display::<Wiki>(text);
    display::<Host>(text);
    display::<Iscc>(text);
});

fn n1(text: &str) {
    let n1 = N1::of(text);
    let again = N1::of(n1.as_str());
    assert_eq!(again.as_str(), n1.as_str());
    assert_eq!(key::text_n1(&again), key::text_n1(&n1));
    // Canonically equivalent texts have one normal form; not where U+0345 stands, which becomes a letter before it could
    // be ordered, and not where the pinned Unicode knows less than the crate.
    let decomposed: String = text.nfd().collect();
    if n1.unassigned() == 0 && !decomposed.contains('\u{345}') {
        assert_eq!(N1::of(&decomposed).as_str(), n1.as_str());
    }
    for paragraph in paragraphs(text) {
        assert!(paragraph.as_str().chars().count() >= MIN_PARAGRAPH);
        assert_eq!(N1::of(paragraph.as_str()).as_str(), paragraph.as_str());
    }

    let length = n1.as_str().chars().count();
    let all = spans(&n1);
    assert_eq!(all.is_empty(), length < SHARED_RUN);
    assert!(all.iter().all(|span| span.chars().count() == SPAN && n1.as_str().contains(span)));
    // A part that is long enough shares a span with the whole; its ends may fall on spaces, which it then lacks.
    let part: String = n1.as_str().chars().skip(length / 3).collect();
    if part == N1::of(&part).as_str() && part.chars().count() >= SHARED_RUN {
        assert!(spans(&N1::of(&part)).iter().any(|span| all.contains(span)));
    }
}

fn url(text: &str) {
    let Ok(url) = text.parse::<CanonicalUrl>() else { return };
    // The port that is the scheme's own is left out, so the canonical form is read with the scheme whose port it is not.
    let scheme = if url.as_str().starts_with(&format!("{}:443", url.host())) { "http" } else { "https" };
    let again: CanonicalUrl = format!("{scheme}://{url}").parse().expect("a canonical form is an address");
    assert_eq!(again, url);
    assert_eq!(url.host().parse::<Host>().expect("its host"), url.to_host());
    assert!(url.as_str().is_ascii());
}

fn title(text: &str) {
    for namespace in [0, 1, 14] {
        let Ok(title) = Title::new(namespace, text) else { continue };
        assert_eq!(Title::new(namespace, title.text()).as_ref(), Ok(&title));
        assert!(title.spellings().contains(&title));
        for spelling in title.spellings() {
            assert_eq!(Title::new(namespace, spelling.text()).as_ref(), Ok(&spelling));
        }
    }
    if let Ok(title) = Title::parse(text, &NAMESPACES) {
        assert_eq!(Title::new(title.namespace(), title.text()), Ok(title));
    }
}

fn question(text: &str, hints: &Hints) {
    let Ok(question) = Question::parse(text, hints) else { return };
    assert!(!question.parts().is_empty());
    assert!(!question.in_words().is_empty());
    assert!(question.list(0..question.parts().len()).len() <= question.parts().len());
    for part in question.parts() {
        assert!(!part.keys().is_empty());
        // What a part is called asks for it again; only a host is called by what is no question about it.
        if matches!(part.asked(), Asked::Page(..) | Asked::Revision(..) | Asked::Name(_)) && part.kind() != Kind::Host {
            let again = Question::parse(&part.to_string(), hints).expect("the name of a part");
            assert!(again.parts().contains(part), "{part}");
        }
    }
}

/// Sets that hold the same kinds need not be equal: `all` has room for kinds to come.
fn kinds(text: &str) {
    let Ok(kinds) = text.parse::<Kinds>() else { return };
    let again: Kinds = kinds.to_string().parse().expect("its own text");
    assert!(again.iter().eq(kinds.iter()));
}

/// A name, written, is read as the same.
fn display<T: FromStr<Err: Debug> + Display + PartialEq + Debug>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(value.to_string().parse::<T>().expect("its own text"), value);
    }
}
