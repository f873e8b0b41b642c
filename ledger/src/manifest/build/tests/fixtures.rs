//! Sources written here.

use super::*;
use crate::manifest::{Kind, Kinds, Meta, N1, ReaderKind, Sha1Name, Swhid, spans};

const LONG: &str = "A paragraph that is certainly long enough to be recognised when quoted.";
const OTHER: &str = "Another paragraph of more than fifty characters, which stands elsewhere.";
const WIKITEXT: &str = "para-n1/unicode-16/wikitext";
const PLAIN: &str = "para-n1/unicode-16/plain/mediawiki-1";

fn dump(siteinfo: &str, pages: &str) -> String {
    let root = "<mediawiki xmlns=\"http://www.mediawiki.org/xml/export-0.11/\" version=\"0.11\" xml:lang=\"en\">";
    format!("{root}\n{siteinfo}{pages}</mediawiki>\n")
}

const SITEINFO: &str = "<siteinfo><sitename>Test</sitename><dbname>testwiki</dbname><case>first-letter</case><namespaces>\
    <namespace key=\"0\" case=\"first-letter\" /><namespace key=\"1\">Talk</namespace>\
    <namespace key=\"2\">Schreiber</namespace><namespace key=\"3\">Schreiber talk</namespace>\
    <namespace key=\"6\">Bilder</namespace></namespaces></siteinfo>\n";

fn page(id: u64, ns: i32, title: &str, text: &str) -> String {
    format!(
        "<page><title>{title}</title><ns>{ns}</ns><id>{id}</id><revision><id>{}</id><parentid>7</parentid>\
         <timestamp>2026-01-02T03:04:05Z</timestamp><contributor><username>Secret Name {id}</username><id>77</id>\
         </contributor><minor /><comment>by Secret Name</comment><origin>5</origin><model>wikitext</model>\
         <format>text/x-wiki</format><text bytes=\"1\" sha1=\"x\" xml:space=\"preserve\">{text}</text><sha1>x</sha1>\
         </revision></page>\n",
        id + 1000
    )
}

const PROGRAM: &str = "-- a comment in a program that is long enough to be a paragraph of its own";

fn small_dump() -> String {
    let ip = "<page><title>Anonymous edit</title><ns>0</ns><id>9</id><revision><id>1009</id><contributor><ip>192.0.2.77\
              </ip></contributor><text>&amp;lt; short</text></revision></page>";
    let suppressed = "<page><title>Gone</title><ns>0</ns><id>8</id><revision><id>1008</id>\
                      <contributor deleted=\"deleted\" /><comment deleted=\"deleted\" /><text deleted=\"deleted\" />\
                      </revision></page>";
    let module = format!(
        "<page><title>Module:Code</title><ns>828</ns><id>7</id><revision><id>1007</id><model>Scribunto</model>\
         <text>{PROGRAM}</text></revision></page>"
    );
    let pages = [
        page(1, 0, "Tea &amp; cakes", &format!("'''{LONG}'''\n\n* [[Bilder:X.png|thumb|no]]{OTHER}\n")),
        page(2, 1, "Talk:Tea &amp; cakes", "short"),
        page(3, 2, "Schreiber:Secret Name", &format!("Mine alone. {LONG}")),
        page(4, 3, "Schreiber talk:Secret Name", LONG),
        page(5, 0, "Benutzer:Secret Name", LONG),
        page(6, 0, "Bad|title", OTHER),
        ip.into(),
        suppressed.into(),
        module,
    ];
    dump(SITEINFO, &pages.concat())
}

pub(super) fn bz2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn para(text: &str) -> ContentKey {
    key::para_n1(&paragraph(text).unwrap())
}

fn read_with(reader: ReaderKind) -> BuildOptions {
    let mut options = wiki_options(None);
    options.read.reader = Some(reader);
    options
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    crate::ids::to_hex(&sha2::Sha256::digest(bytes))
}

#[test]
fn a_dump_answers_for_pages_revisions_titles_and_texts() {
    let built = Built::of_bytes("dump.xml", small_dump().as_bytes(), &wiki_options(None));
    assert_eq!(
        built.specs(),
        [
            "raw-sha256",
            "text-n1/unicode-16/wikitext",
            "text-n1/unicode-16/plain/mediawiki-1",
            WIKITEXT,
            PLAIN,
            "mw-page",
            "mw-rev",
            "mw-title/unicode-16",
            "mw-sha1",
        ]
    );
    assert!(built.has("mw-sha1", &key::mw_sha1(&Sha1Name::of(b"&lt; short"))));
    let wiki: Wiki = "testwiki".parse().unwrap();
    for id in 1..=9 {
        let keyed = !matches!(id, 3..=5);
        assert_eq!(built.has("mw-page", &key::mw_page(&wiki, id)), keyed, "page {id}");
        assert_eq!(built.has("mw-rev", &key::mw_rev(&wiki, id + 1000)), keyed, "revision of {id}");
    }
    for (namespace, title, keyed) in [
        (0, "Tea & cakes", true),
        (1, "Tea & cakes", true),
        (0, "Gone", true),
        (828, "Code", true),
        (0, "Talk:Tea & cakes", false),
    ] {
        let key = key::mw_title(&wiki, &Title::new(namespace, title).unwrap());
        assert_eq!(built.has("mw-title/unicode-16", &key), keyed, "{title}");
    }
    assert!(built.has(WIKITEXT, &para(&format!("'''{LONG}'''"))));
    assert!(!built.has(WIKITEXT, &para(LONG)));
    assert!(built.has(PLAIN, &para(LONG)));
    assert!(built.has(PLAIN, &para(OTHER)));
    assert!(built.has(WIKITEXT, &para(PROGRAM)));
    assert!(!built.has(PLAIN, &para(PROGRAM)));
    assert!(built.has("raw-sha256", &key::raw_sha256(b"&lt; short")));
    assert!(built.has("text-n1/unicode-16/plain/mediawiki-1", &key::text_n1(&N1::of("< short"))));

    let report = &built.summary.report;
    assert_eq!((built.summary.source.items, report.items), (9, 6));
    assert_eq!(report.dropped, BTreeMap::from([("account".into(), 3)]));
    assert_eq!(report.without, BTreeMap::from([("noText".into(), 1), ("title".into(), 1)]));
    let Answer::Present { meta: Some(meta), .. } = built.ask("mw-page", &key::mw_page(&wiki, 6)) else {
        panic!("page 6 has a row");
    };
    assert_eq!(meta, Meta { license: 0, multiplicity: 1, ordinal: 5 });
    assert_eq!(built.files[0].header().licenses(), ["CC-BY-SA-4.0"]);
    assert_eq!(built.summary.source.wiki.as_deref(), Some("testwiki"));

    for bytes in built.all_bytes() {
        for name in ["Secret", "192.0.2.77", "Schreiber", "Tea", "cakes", "Gone"] {
            assert!(!bytes.windows(name.len()).any(|window| window == name.as_bytes()), "{name}");
        }
    }
}

#[test]
fn only_the_kinds_that_were_asked_for_are_built() {
    let mut options = wiki_options(None);
    options.read.kinds = "span-n1,mw-page".parse().unwrap();
    let built = Built::of_bytes("dump.xml", small_dump().as_bytes(), &options);
    assert_eq!(built.specs(), ["span-n1/unicode-16/wikitext", "span-n1/unicode-16/plain/mediawiki-1", "mw-page"]);
    // A run of 99 characters over two paragraphs of the page, inside other words.
    let page = format!("{LONG} {OTHER}");
    let copied = format!("So it says: {} (end)", &page[20..20 + crate::manifest::SHARED_RUN]);
    let hit = |text: &str| {
        spans(&N1::of(text)).iter().any(|s| built.has("span-n1/unicode-16/plain/mediawiki-1", &key::span_n1(s)))
    };
    assert!(hit(&copied));
    assert!(!hit(&"Other words that nobody has written on any page of this wiki before. ".repeat(3)));

    options.read.kinds = Kinds::NONE.with(Kind::Iscc);
    let error = refused_bytes("dump.xml", small_dump().as_bytes(), &options);
    assert_eq!(error.code(), Code::SourceInvalid);
}

#[test]
fn compression_changes_the_source_digest_and_no_key() {
    let xml = small_dump();
    let roots = |built: &Built| built.summary.keyspaces.iter().map(|row| row.root.clone()).collect::<Vec<_>>();
    let plain = Built::of_bytes("dump.xml", xml.as_bytes(), &wiki_options(None));
    let half = xml.len() / 2;
    let members = [bz2(&xml.as_bytes()[..half]), bz2(&xml.as_bytes()[half..])].concat();
    for packed in [bz2(xml.as_bytes()), gzip(xml.as_bytes()), members] {
        let built = Built::of_bytes("no ending", &packed, &wiki_options(None));
        assert_eq!(roots(&built), roots(&plain));
        assert_eq!(built.summary.source.bytes, packed.len() as u64);
        assert_eq!(built.summary.source.sha256, sha256(&packed));
    }
    let again = Built::of_bytes("dump.xml", xml.as_bytes(), &wiki_options(None));
    assert_eq!(again.summary, plain.summary);
}

#[test]
fn a_dump_that_does_not_say_its_wiki_must_be_told() {
    let xml = dump("", &page(1, 0, "Tea", LONG));
    let error = refused_bytes("dump.xml", xml.as_bytes(), &wiki_options(None));
    assert_eq!(error.code(), Code::WikiUnknown);
    assert!(error.code().hint().contains("--wiki"));
    let built = Built::of_bytes("dump.xml", xml.as_bytes(), &wiki_options(Some("enwiki")));
    assert!(built.has("mw-page", &key::mw_page(&"enwiki".parse().unwrap(), 1)));

    let xml = dump(SITEINFO, &page(1, 0, "Tea", LONG));
    assert_eq!(refused_bytes("d", xml.as_bytes(), &wiki_options(Some("enwiki"))).code(), Code::Usage);
}

#[test]
fn malformed_dumps_are_named_with_file_and_place() {
    let xml = small_dump();
    let cut = |at: usize| xml.as_bytes()[..at].to_vec();
    let with = |from: &str, to: &str| xml.replacen(from, to, 1).into_bytes();
    let mut bad_text = xml.clone().into_bytes();
    bad_text[xml.find("paragraph").unwrap()] = 0xff;
    let wrong = [
        ("cut in text", cut(xml.len() / 2)),
        ("cut in a tag", cut(xml.find("<revision>").unwrap() + 4)),
        ("cut before the end", cut(xml.len() - 5)),
        ("only a root", cut(xml.find("<siteinfo>").unwrap())),
        ("wrong closing tag", with("</title>", "</tilte>")),
        ("unknown entity", with("&amp;", "&nope;")),
        ("bare ampersand", with("&amp;", "&")),
        ("document type", with("<mediawiki", "<!DOCTYPE x [<!ENTITY a \"b\">]><mediawiki")),
        ("old version", with("version=\"0.11\"", "version=\"0.4\"")),
        ("other document", b"<html>\n<mediawiki/></html>".to_vec()),
        ("nothing", b"   ".to_vec()),
        ("two documents", xml.repeat(2).into_bytes()),
        ("page id", with("<id>1</id>", "<id>one</id>")),
        ("no page id", with("<id>1</id>", "")),
        ("namespace", with("<ns>0</ns>", "<ns>main</ns>")),
        ("not UTF-8 at the end", [xml.as_bytes(), b"\xff"].concat()),
        ("not UTF-8 in a text", bad_text),
    ];
    for (what, bytes) in wrong {
        let error = refused_bytes("broken.xml", &bytes, &read_with(ReaderKind::MediaWiki));
        assert_eq!(error.code(), Code::SourceInvalid, "{what}: {error}");
        let place = error.place().unwrap();
        assert!(place.contains("broken.xml, byte "), "{what}: {place}");
    }
}

#[test]
fn truncated_archives_are_named_with_file_and_place() {
    // Noise, so that the archive has several blocks to lose.
    let mut noise = 1u64;
    let letters = (0..400_000).map(|_| {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'a' + (noise >> 60) as u8)
    });
    let xml = dump(SITEINFO, &page(1, 0, "Tea", &letters.collect::<String>()));
    for packed in [bz2(xml.as_bytes()), gzip(xml.as_bytes())] {
        for keep in [10, packed.len() / 2, packed.len() - 1] {
            let error = refused_bytes("cut.xml.bz2", &packed[..keep], &read_with(ReaderKind::MediaWiki));
            assert_eq!(error.code(), Code::SourceInvalid, "{keep}: {error}");
            assert!(error.place().unwrap().contains("cut.xml.bz2, byte "), "{error}");
        }
        let mut damaged = packed.clone();
        damaged[packed.len() / 2] ^= 0x10;
        let error = refused_bytes("x", &damaged, &read_with(ReaderKind::MediaWiki));
        assert_eq!(error.code(), Code::SourceInvalid);
    }
}

#[test]
fn rows_of_json() {
    let rows = format!(
        "{{\"id\":\"12\",\"url\":\"https://en.wikipedia.org/wiki/Tea\",\"title\":\"Tea\",\"text\":\"{LONG}\\nshort\",\
         \"lic\":\"CC0-1.0\",\"author\":\"Secret Name\"}}\n\n\
         {{\"url\":\"https://en.wikipedia.org/wiki/User:Secret\",\"text\":\"{OTHER}\"}}\r\n\
         {{\"id\":13,\"title\":\"User:Secret\",\"text\":\"{OTHER}\"}}\n\
         {{\"url\":\"nonsense\",\"nothing\":1}}\n"
    );
    let mut options = wiki_options(Some("enwiki"));
    options.read.fields.license = Some("lic".into());
    let built = Built::of_bytes("rows.jsonl.gz", &gzip(rows.as_bytes()), &options);
    assert_eq!(
        built.specs(),
        [
            "raw-sha256",
            "text-n1/unicode-16/plain",
            "para-n1/unicode-16/plain",
            "url-c1/unicode-16",
            "host/unicode-16",
            "mw-page",
            "mw-title/unicode-16"
        ]
    );
    let page = key::mw_page(&"enwiki".parse().unwrap(), 12);
    assert!(built.has("para-n1/unicode-16/plain", &para(LONG)));
    assert!(!built.has("para-n1/unicode-16/plain", &para(OTHER)));
    let url = "http://en.wikipedia.org/wiki/Tea#x".parse().unwrap();
    assert!(built.has("url-c1/unicode-16", &key::url_c1(&url)));
    assert!(built.has("raw-sha256", &key::raw_sha256(format!("{LONG}\nshort").as_bytes())));
    let Answer::Present { meta: Some(meta), .. } = built.ask("mw-page", &page) else {
        panic!("the page has a row");
    };
    assert_eq!(built.files[0].header().license(&meta), Some("CC0-1.0"));
    assert_eq!(built.summary.report.dropped, BTreeMap::from([("account".into(), 2)]));
    assert_eq!(built.summary.report.without, BTreeMap::from([("noText".into(), 1), ("url".into(), 1)]));

    let error = refused_bytes("rows.jsonl", format!("{rows}{{\"text\": 1\n").as_bytes(), &options);
    assert_eq!(error.code(), Code::SourceInvalid);
    assert!(error.place().unwrap().contains(&format!("byte {}", rows.len() + 10)), "{error}");
}

#[test]
fn a_folder_of_files() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("data");
    fs::create_dir_all(root.join("b")).unwrap();
    fs::write(root.join("a.txt"), format!("{LONG}\r\n")).unwrap();
    fs::write(root.join("b/page.html"), format!("<p>{OTHER}</p>")).unwrap();
    fs::write(root.join("b/image.png"), b"\x89PNG\0\0").unwrap();
    let built = Built::of(&root, &BuildOptions::default());
    assert_eq!(
        built.specs(),
        [
            "raw-sha256",
            "text-n1/unicode-16/plain",
            "text-n1/unicode-16/html",
            "para-n1/unicode-16/plain",
            "para-n1/unicode-16/html",
            "swhid",
            "media-sha1"
        ]
    );
    assert!(built.has("raw-sha256", &key::raw_sha256(b"\x89PNG\0\0")));
    assert!(built.has("swhid", &key::swhid(&Swhid::of(b"\x89PNG\0\0"))));
    assert!(built.has("media-sha1", &key::media_sha1(&Sha1Name::of(b"\x89PNG\0\0"))));
    assert!(!built.has("media-sha1", &key::media_sha1(&Sha1Name::of(format!("{LONG}\r\n").as_bytes()))));
    assert!(built.has("para-n1/unicode-16/plain", &para(LONG)));
    assert!(built.has("text-n1/unicode-16/html", &key::text_n1(&N1::of(&format!("<p>{OTHER}</p>")))));
    assert_eq!(built.summary.report.without, BTreeMap::from([("notText".into(), 1)]));
    assert_eq!(built.files[0].header().licenses(), ["noAssertion"]);
    let listing = format!(
        "{}  a.txt\n{}  b/image.png\n{}  b/page.html\n",
        sha256(format!("{LONG}\r\n").as_bytes()),
        sha256(b"\x89PNG\0\0"),
        sha256(format!("<p>{OTHER}</p>").as_bytes())
    );
    assert_eq!(built.summary.source.sha256, sha256(listing.as_bytes()));

    let one = Built::of(&root.join("a.txt"), &BuildOptions::default());
    assert_eq!(one.summary.source.sha256, sha256(format!("{LONG}\r\n").as_bytes()));

    std::os::unix::fs::symlink("/etc", root.join("b/out")).unwrap();
    assert_eq!(refused(&root, &BuildOptions::default()).code(), Code::PathRefused);
    assert_eq!(refused(&dir.path().join("none"), &BuildOptions::default()).code(), Code::Usage);
    fs::create_dir(dir.path().join("empty")).unwrap();
    assert_eq!(refused(&dir.path().join("empty"), &BuildOptions::default()).code(), Code::SourceInvalid);
}

#[test]
fn a_list_of_digests() {
    let list = format!("# published list\n{}  some name.txt\n{}\r\n\n", sha256(b"one"), sha256(b"two").to_uppercase());
    let mut options = read_with(ReaderKind::Digests);
    let built = Built::of_bytes("SHA256SUMS", list.as_bytes(), &options);
    assert!(built.has("raw-sha256", &key::raw_sha256(b"one")));
    assert!(built.has("raw-sha256", &key::raw_sha256(b"two")));
    assert!(!built.has("raw-sha256", &key::raw_sha256(b"three")));

    options.read.digest_kind = Kind::MwPage;
    assert_eq!(refused_bytes("list", list.as_bytes(), &options).code(), Code::Usage);

    // A list is known by its first line.
    let mut options = BuildOptions::default();
    options.read.digest_kind = Kind::ParaN1;
    let n1 = paragraph(LONG).unwrap();
    let built = Built::of_bytes("list", sha256(n1.as_str().as_bytes()).as_bytes(), &options);
    assert!(built.has("para-n1/unicode-16/plain", &key::para_n1(&n1)));

    let list = format!("{}\nnot a digest\n", sha256(b"one"));
    let error = refused_bytes("list", list.as_bytes(), &BuildOptions::default());
    assert_eq!(error.code(), Code::SourceInvalid);
    assert!(error.place().unwrap().ends_with("byte 65 of the content"), "{error}");
}

#[test]
fn an_output_that_exists_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("dump.xml");
    fs::write(&source, small_dump()).unwrap();
    let out = dir.path().join("out");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("mine"), b"x").unwrap();
    let error = build(&source, &out, &wiki_options(None), &|_| {}).unwrap_err();
    assert_eq!(error.code(), Code::OutputExists);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    fs::remove_file(out.join("mine")).unwrap();
    build(&source, &out, &wiki_options(None), &|_| {}).unwrap();
}
