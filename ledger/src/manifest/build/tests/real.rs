//! Real dumps. Nothing of their text or names is printed: a failure says which page by its number.

use std::collections::{BTreeSet, HashSet};
use std::io::Read as _;

use super::*;
use crate::manifest::mediawiki::{Namespaces, plain};
use crate::manifest::{N1, paragraphs};

const LARGE: &str = "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2";
const SMALL: &str = "enwiki-table-markup.xml.bz2";
const PLAIN: &str = "para-n1/unicode-16/plain/mediawiki-1";

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
