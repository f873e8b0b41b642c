//! Real dumps. Nothing of their text or names is printed: a failure says which page by its number.

use std::collections::{BTreeSet, HashSet};
use std::io::Read as _;

use super::*;
use crate::manifest::mediawiki::{Namespaces, plain};
use crate::manifest::{Hints, Kind, N1, Question, SHARED_RUN, Sha1Name, paragraphs, spans};

const LARGE: &str = "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2";
const SMALL: &str = "enwiki-table-markup.xml.bz2";
const PLAIN: &str = "para-n1/unicode-16/plain/mediawiki-1";

/// Paragraphs as another renderer (MediaWiki's own Parsoid, without templates) shows them, read from its HTML and keyed by
/// other code: page, key of kind para-n1.
#[rustfmt::skip]
const RENDERED: &[(u64, &str)] = &[
    (39, "a700aac492ddff72a1ff31cbd2158ffb6f6f135c74439ad27aab5ad53424cabc"),
    (305, "1295d195705101ab1acc7ffb5680e3cab58ec57d7a0005f2af263a9f652e3b42"),
    (336, "e6bffc3cdff3761e6be02c28cd06901db23fec96408953d5625995506dcbe0da"),
    (359, "f7ea40485240de154a67fec6dcd4c9481d9eedd6511159e515881e41da724d21"),
    (573, "8da6cf6f51e49736178638aca7e390db236b6453d1d934e775d38776c1d4d5f8"),
    (586, "f026fe0f2f4673e2c3a19b37fd6322648c785ba2cfbf57fa4c2bc1c489746cb2"),
    (599, "286ab534d90255db546b145aa897682a9c9b3a1beac472f19f1b77787f6f3263"),
    (612, "5b2cd23ab88913f1c3e11917534e9b5ce2bd1f41ec0d63a5ff67e29c50df0c4e"),
    (630, "26a0d983e0f07be30b7fb7114091e1a563d8a523f6e68f328f3d5b8e3ff90c43"),
    (633, "2236d69285ded2a9fc977be87ae7cf3542baa58202589aa3d4ee3599f3acc0e8"),
    (640, "c99d97b538e0c9103a9b1428d3896bb96ba8a220689a1e0835c6c16d1a8e7753"),
    (651, "2cacc6d904418ffa1da04fb4fa21bf332051739f2109d12f08ebefe1a5e9d3c1"),
    (656, "b317d5286bd4979c4e720b474fbb39cb60692ced551ffec19066ceef872f65a0"),
    (659, "be04aefe0fc69a7404de810d2336a08a8d90efc0d6b310c1e102f10c062b2e30"),
    (664, "f6f82f6e3824660c9894f90801e81659fb0fdf737110b59be2db0c68c56b3a0c"),
    (670, "86c741a13e93f3ff817a3ca459ea4ddcda4fdd8a84b264e98a931db8d5aa641a"),
    (677, "db19aac25d15a8b5d0a7798e078582454901c09a3b8d4c3645630b9b043a7b23"),
    (680, "b8a32e618bce0694d8b7c45dcdc74b1cc9571e1c2dc3b992d0f4c077c0584354"),
    (690, "df5d4bba88b1dc9a337c9da8faa9510cbc8dad8a4ed998593935bfebeb8112d3"),
    (698, "1d01ddd593edab190f4ad7e99cdc500d90615a844dac1033340ea9e4d90eded0"),
    (706, "60c37cb298e9f5bbc25cf32791039f0b61cecd30058653042f3695976af187a7"),
    (710, "8a273efc21e2d7eeb4de6b93fdb7f7b133f881679be8a2e34591c80ab459ee5c"),
    (734, "2e7d0c359a32251565d710de399f83987906f02154297dd181b4485c8ee5ccc8"),
    (748, "0f6d4cd718b8f24714fa95a3c6912079995406430023826a8a64d44932b5733c"),
];

/// A dump of the test data; `None` says so, or panics where every test must run.
fn dump(name: &str) -> Option<PathBuf> {
    match std::env::var_os("COLOPHON_TEST_DATA") {
        Some(folder) => Some(PathBuf::from(folder).join("wikipedia").join(name)),
        None if std::env::var("COLOPHON_REQUIRE").as_deref() == Ok("all") => panic!("needs COLOPHON_TEST_DATA"),
        None => {
            eprintln!("skipped: needs COLOPHON_TEST_DATA");
            None
        }
    }
}

fn xml(path: &Path) -> String {
    let mut text = String::new();
    bzip2::read::MultiBzDecoder::new(fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}

/// A page as a reader of the XML that knows nothing of XML finds it.
struct Found {
    id: u64,
    revision: u64,
    title: Title,
    text: String,
    /// As the dump states it.
    sha1: Sha1Name,
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> Option<&'a str> {
    let start = text.find(from)? + from.len();
    Some(&text[start..start + text[start..].find(to)?])
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

fn pages(xml: &str) -> Vec<Found> {
    let found = |page: &str| {
        let revision = between(page, "<revision>", "</revision>").unwrap();
        let namespace = between(page, "<ns>", "</ns>").unwrap().parse().unwrap();
        let full_title = unescaped(between(page, "<title>", "</title>").unwrap());
        let title = if namespace == 0 { &full_title } else { full_title.split_once(':').unwrap().1 };
        Found {
            id: between(page, "<id>", "</id>").unwrap().parse().unwrap(),
            revision: between(revision, "<id>", "</id>").unwrap().parse().unwrap(),
            title: Title::new(namespace, title).unwrap(),
            text: unescaped(between(revision, "<text xml:space=\"preserve\">", "</text>").unwrap()),
            sha1: between(revision, "<sha1>", "</sha1>").unwrap().parse().unwrap(),
        }
    };
    xml.split("<page>").skip(1).map(found).collect()
}

/// All names of accounts and all addresses that the dump holds.
fn names(xml: &str) -> BTreeSet<String> {
    ["<username>", "<ip>"]
        .iter()
        .flat_map(|tag| xml.split(tag).skip(1).map(|rest| unescaped(rest.split('<').next().unwrap())))
        .collect()
}

/// Asks for everything that the pages hold; answers how many lines of source and paragraphs of text that were.
fn assert_all_present(built: &Built, wiki: &Wiki, pages: &[Found]) -> (usize, usize) {
    let (mut lines, mut texts) = (0, 0);
    for page in pages {
        let at = page.id;
        assert!(built.has("mw-page", &key::mw_page(wiki, page.id)), "page {at}");
        assert!(built.has("mw-rev", &key::mw_rev(wiki, page.revision)), "revision of page {at}");
        assert!(built.has("mw-title/unicode-16", &key::mw_title(wiki, &page.title)), "title of page {at}");
        assert!(built.has("raw-sha256", &key::raw_sha256(page.text.as_bytes())), "bytes of page {at}");
        assert!(built.has("mw-sha1", &key::mw_sha1(&page.sha1)), "SHA-1 of page {at}");
        let text = plain(&page.text, &Namespaces::common());
        assert!(built.has("text-n1/unicode-16/wikitext", &key::text_n1(&N1::of(&page.text))), "source of page {at}");
        assert!(built.has("text-n1/unicode-16/plain/mediawiki-1", &key::text_n1(&N1::of(&text))), "text of page {at}");
        for (place, n1) in paragraphs(&page.text).enumerate() {
            assert!(built.has("para-n1/unicode-16/wikitext", &key::para_n1(&n1)), "line {place} of page {at}");
            lines += 1;
        }
        for (place, n1) in paragraphs(&text).enumerate() {
            assert!(built.has(PLAIN, &key::para_n1(&n1)), "paragraph {place} of page {at}");
            texts += 1;
        }
    }
    (lines, texts)
}

/// Texts are searched for every name; columns of digests only for names that are not in them by chance: four given bytes
/// stand somewhere in 2 MB once in 2,000 times, three bytes once in 8.
fn assert_no_account(built: &Built, names: &BTreeSet<String>) {
    assert!(!names.is_empty());
    let (short, long): (Vec<_>, Vec<_>) = names.iter().partition(|name| name.len() < 4);
    let starts: HashSet<&[u8]> = long.iter().map(|name| &name.as_bytes()[..4]).collect();
    for bytes in built.all_bytes() {
        for (at, start) in bytes.windows(4).enumerate() {
            let found = starts.contains(start) && long.iter().any(|name| bytes[at..].starts_with(name.as_bytes()));
            assert!(!found, "a name in a file of {} bytes", bytes.len());
        }
        if let Ok(text) = core::str::from_utf8(&bytes) {
            assert!(short.iter().all(|name| !text.contains(name.as_str())), "a short name");
        }
    }
}

#[test]
fn every_page_of_a_real_dump_is_present_and_nothing_of_another_and_no_account() {
    let (Some(large), Some(small)) = (dump(LARGE), dump(SMALL)) else { return };
    let wiki: Wiki = "enwiki".parse().unwrap();
    let (large_xml, small_xml) = (xml(&large), xml(&small));
    let (large_pages, small_pages) = (pages(&large_xml), pages(&small_xml));
    assert_eq!((large_pages.len(), small_pages.len()), (206, 5));

    // The large one says its wiki, the small one does not.
    let built = Built::of(&large, &wiki_options(None));
    assert_eq!(built.summary.source.items, 206);
    assert_eq!(built.summary.source.wiki.as_deref(), Some("enwiki"));
    assert!(built.summary.report.dropped.is_empty() && built.summary.report.without.is_empty());
    assert_eq!(refused(&small, &wiki_options(None)).code(), Code::WikiUnknown);
    let other = Built::of(&small, &wiki_options(Some("enwiki")));

    let (lines, texts) = assert_all_present(&built, &wiki, &large_pages);
    assert!(lines > 12_000 && texts > 6_000, "{lines} {texts}");
    assert_all_present(&other, &wiki, &small_pages);

    for (page, key) in RENDERED {
        assert!(built.has(PLAIN, &key.parse().unwrap()), "a paragraph of page {page}");
    }

    assert_no_account(&built, &names(&large_xml));
    assert_no_account(&other, &names(&small_xml));

    // Asked of the other manifest, the same questions are proven absent. One page is in both dumps, at two revisions.
    let ids = |pages: &[Found]| pages.iter().map(|page| page.id).collect::<BTreeSet<_>>();
    let shared: BTreeSet<u64> = ids(&small_pages).intersection(&ids(&large_pages)).copied().collect();
    assert_eq!(shared.len(), 1);
    for (pages, built) in [(&small_pages, &built), (&large_pages, &other)] {
        for page in pages {
            let at = page.id;
            let present = shared.contains(&at);
            assert_eq!(built.has("mw-page", &key::mw_page(&wiki, page.id)), present, "page {at}");
            assert!(!built.has("mw-rev", &key::mw_rev(&wiki, page.revision)), "revision of page {at}");
            let title = key::mw_title(&wiki, &page.title);
            assert_eq!(built.has("mw-title/unicode-16", &title), present, "title of page {at}");
            assert!(!built.has("raw-sha256", &key::raw_sha256(page.text.as_bytes())), "bytes of page {at}");
            // Boilerplate lines are shared; the longest paragraph of an article is not.
            let text = plain(&page.text, &Namespaces::common());
            if let Some(n1) = paragraphs(&text).max_by_key(|n1| n1.as_str().len()) {
                assert!(!built.has(PLAIN, &key::para_n1(&n1)), "text of page {at}");
            }
        }
    }

    // Another wiki's page of the same number is another page.
    let german: Wiki = "dewiki".parse().unwrap();
    assert!(!built.has("mw-page", &key::mw_page(&german, large_pages[0].id)));
}

/// The text as a mail or another editor leaves it: short lines, other line ends and other white space.
fn wrapped(text: &str) -> String {
    let mut out = String::new();
    for line in text.split('\n') {
        let mut column = 0;
        for word in line.split(' ') {
            out.push_str(word);
            column += word.len();
            out.push_str(if column > 37 { " \r\n" } else { "\u{a0}" });
            column *= usize::from(column <= 37);
        }
        out.push_str("\r\n\r\n");
    }
    out
}

#[test]
fn a_real_article_is_found_wrapped_otherwise_and_a_copied_run_by_its_spans() {
    let Some(large) = dump(LARGE) else { return };
    let mut options = wiki_options(None);
    options.read.kinds = "text-n1,para-n1,span-n1".parse().unwrap();
    let built = Built::of(&large, &options);
    let hit = |text: &str| {
        spans(&N1::of(text)).iter().any(|s| built.has("span-n1/unicode-16/plain/mediawiki-1", &key::span_n1(s)))
    };
    let (mut runs, mut found_paragraphs) = (0, 0);
    for page in pages(&xml(&large)) {
        let at = page.id;
        let text = plain(&page.text, &Namespaces::common());
        if text.is_empty() {
            continue;
        }
        let question = Question::of_text(&wrapped(&text), &Hints::default()).unwrap();
        let whole = question.parts().iter().find(|part| part.kind() == Kind::TextN1).unwrap();
        let whole_found = whole.keys().iter().any(|key| built.has("text-n1/unicode-16/plain/mediawiki-1", key));
        assert!(whole_found, "page {at} as a whole");
        let asked: HashSet<ContentKey> = question.parts().iter().flat_map(|part| part.keys()).copied().collect();
        for (place, n1) in paragraphs(&text).enumerate() {
            assert!(asked.contains(&key::para_n1(&n1)), "paragraph {place} of page {at}");
            found_paragraphs += 1;
        }
        // A run of 120 characters from the middle, inside other words; and the same run in other words.
        let letters: Vec<char> = N1::of(&text).as_str().chars().collect();
        if letters.len() > 2 * SHARED_RUN {
            let start = letters.len() / 2 - 60;
            let run: String = letters[start..(start + 120).min(letters.len())].iter().collect();
            assert!(hit(&format!("Somebody wrote long before, and at length: {run} That was all of it.")), "page {at}");
            let paraphrase: String =
                run.chars().enumerate().map(|(i, c)| if i % 40 == 20 { '\u{2603}' } else { c }).collect();
            assert!(
                !hit(&format!("Somebody wrote long before, and at length: {paraphrase} That was all.")),
                "page {at}"
            );
            runs += 1;
        }
    }
    assert!(runs > 90 && found_paragraphs > 6_000, "{runs} {found_paragraphs}");
}

#[test]
fn a_real_dump_that_is_cut_off_leaves_nothing() {
    let Some(path) = dump(LARGE) else { return };
    let whole = fs::read(&path).unwrap();
    for keep in [100, whole.len() / 3, whole.len() - 10] {
        let error = refused_bytes("cut.xml.bz2", &whole[..keep], &wiki_options(None));
        assert_eq!(error.code(), Code::SourceInvalid);
        assert!(error.place().unwrap().contains("cut.xml.bz2, byte "), "{error}");
    }
}
