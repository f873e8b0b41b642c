//! Tables, archives and other encodings: what they hold is keyed as if it had come as JSON lines.

use super::*;
use crate::manifest::{Kind, Preset, ReaderKind, Swhid, key};
use crate::record::kinds::Disclosure;

const LONG: &str = "A paragraph about tea that is certainly longer than fifty characters of text.";

fn reader(kind: Option<ReaderKind>) -> BuildOptions {
    let mut options = wiki_options(Some("enwiki"));
    options.read.reader = kind;
    options
}

/// Roots by spec, which do not depend on how the source was written.
fn roots(built: &Built) -> BTreeMap<String, String> {
    built.summary.keyspaces.iter().map(|row| (row.spec.clone(), row.root.clone())).collect()
}

#[test]
fn tables_are_read_as_the_same_rows_of_json_are() {
    let json = format!(
        "{{\"id\":12,\"title\":\"Tea\",\"url\":\"https://example.org/a\",\"text\":\"{LONG}\\nSaid \\\"so\\\", they did.\",\"l\":\"MIT\"}}\n\
         {{\"id\":13,\"title\":\"User:Secret\",\"text\":\"never read\"}}\n{{\"id\":14,\"url\":\"nonsense\",\"l\":\"CC0-1.0\"}}\n"
    );
    let csv = format!(
        "\u{feff}id,unread,title,url,text,l\r\n12,x,Tea,https://example.org/a,\"{LONG}\nSaid \"\"so\"\", they did.\",MIT\r\n\
         13,Secret,User:Secret,,never read,\r\n14,,,nonsense,,CC0-1.0\r\n"
    );
    let mut options = reader(None);
    options.read.fields.license = Some("l".into());
    let expected = Built::of_bytes("rows.jsonl", json.as_bytes(), &options);
    let built = Built::of_bytes("rows.csv", csv.as_bytes(), &options);
    assert_eq!(built.summary.source.reader, "csv");
    assert_eq!(roots(&built), roots(&expected));
    assert_eq!(built.summary.report.dropped, expected.summary.report.dropped);
    assert_eq!(built.summary.report.without, expected.summary.report.without);
    let tsv = format!("id\ttext\n1\t{LONG}\n");
    assert!(
        Built::of_bytes("rows.tsv", tsv.as_bytes(), &reader(None))
            .has("para-n1/unicode-16/plain", &key::para_n1(&paragraph(LONG).unwrap()))
    );

    let error = refused_bytes("rows.csv", b"id,body\n1,x\n", &reader(None));
    assert_eq!(error.code(), Code::SourceInvalid);
    assert!(
        error.detail().contains("no column \"text\"") && error.place().unwrap().contains("rows.csv, byte 0"),
        "{error}"
    );
    let error = refused_bytes("rows.csv", b"id,text\n1,x\n1,2,3\n", &reader(None));
    assert!(error.detail().contains("3 fields") && error.place().unwrap().contains("byte 12"), "{error}");
}

#[test]
fn a_page_whose_number_is_none_is_counted_and_its_text_is_asked_for_as_ever() {
    let rows = format!("id,title,text\n12.0,Tea,{LONG}\n13,User:Secret,x\n-1,User:Hidden,y\n14,Milk,{LONG}\n");
    let built = Built::of_bytes("rows.csv", rows.as_bytes(), &reader(None));
    assert_eq!(built.summary.report.without, BTreeMap::from([("pageId".to_owned(), 1)]));
    assert_eq!(built.summary.report.dropped, BTreeMap::from([("account".to_owned(), 2)]));
    let keys = |kind: &str| built.summary.keyspaces.iter().find(|row| row.kind == kind).unwrap().n;
    assert_eq!((keys("mw-page"), keys("mw-title"), keys("para-n1")), (1, 1, 1));
    // That "Tea" is in no title that was keyed does not show that the page is not in the dataset.
    let disclosed = |kind: &str| built.summary.keyspaces.iter().find(|row| row.kind == kind).unwrap().disclosure;
    assert_eq!(["mw-page", "mw-title"].map(disclosed), [Disclosure::Partial; 2]);
    assert_eq!(disclosed("para-n1"), Disclosure::Complete);
    // The texts of both are there: the same one.
    assert_eq!(built.summary.report.items, 2);
}

#[test]
fn a_line_of_a_tsv_file_is_a_row_whatever_marks_are_in_it() {
    let keys = |rows: &str| roots(&Built::of_bytes("rows.tsv", rows.as_bytes(), &reader(None)));
    let json = |texts: &[&str]| {
        let lines: String = texts.iter().map(|text| format!("{}\n", serde_json::json!({ "text": text }))).collect();
        roots(&Built::of_bytes("rows.jsonl", lines.as_bytes(), &reader(None)))
    };
    // Quoted as CSV is, the first two would be one row that nobody misses.
    assert_eq!(keys("n\ttext\n1\t\"Tea\n2\tor milk\"\n3\t\"so\"\n"), json(&["\"Tea", "or milk\"", "\"so\""]));
    assert_eq!(keys("n\ttext\n1\t\"They \"\"said\"\" so\"\n"), json(&["They \"said\" so"]));
    let error = refused_bytes("rows.tsv", b"n\ttext\n1\t\"two\nlines\"\n", &reader(None));
    assert!(error.detail().contains("no line break") && error.place().unwrap().contains("byte 14"), "{error}");
    let mut single = reader(Some(ReaderKind::Tsv));
    single.read.wiki = None;
    let error = refused_bytes("rows.tsv", b"text\n\"two\nlines\"\n", &single);
    assert!(error.detail().contains("not closed") && error.place().unwrap().contains("byte 5"), "{error}");
}

#[test]
fn utf16_dumps_give_the_keys_of_utf8_dumps() {
    let xml = "<?xml version=\"1.0\"?><mediawiki version=\"0.10\"><siteinfo><dbname>enwiki</dbname></siteinfo><page>\
               <title>Thé ☕ 𝔱</title><ns>0</ns><id>1</id><revision><id>2</id><text>Thé, a paragraph of more than fifty \
               characters: 茶 𝔱𝔢𝔞.</text></revision></page></mediawiki>";
    let expected = Built::of_bytes("dump.xml", xml.as_bytes(), &reader(None));
    let units =
        |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> { format!("\u{feff}{xml}").encode_utf16().flat_map(bytes).collect() };
    for packed in [units(u16::to_be_bytes), units(u16::to_le_bytes)] {
        let built = Built::of_bytes("dump.xml", &packed, &reader(None));
        assert_eq!(roots(&built), roots(&expected));
    }
}

fn record(kind: &str, url: &str, media: &str, content: &[u8]) -> Vec<u8> {
    let head = format!(
        "WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-IP-Address: 192.0.2.77\r\nContent-Type: {media}\r\n\
         Content-Length: {}\r\n\r\n",
        content.len()
    );
    [head.as_bytes(), content, b"\r\n\r\n"].concat()
}

#[test]
fn what_could_not_be_decoded_is_not_shown_to_be_absent() {
    let http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: br\r\n\r\nnobody reads this";
    let packed = record("response", "https://example.org/a", "application/http; msgtype=response", http);
    let read = record("conversion", "https://example.org/b", "text/plain", LONG.as_bytes());
    for (bytes, expected) in [(read.clone(), Disclosure::Complete), ([read, packed].concat(), Disclosure::Partial)] {
        let built = Built::of_bytes("crawl.warc", &bytes, &reader(None));
        for row in &built.summary.keyspaces {
            let by_name = matches!(row.kind.as_str(), "url-c1" | "host");
            assert_eq!(row.disclosure, if by_name { Disclosure::Complete } else { expected }, "{}", row.spec);
        }
        assert!(built.summary.keyspaces.iter().any(|row| row.kind == "raw-sha256"));
    }
}

#[test]
fn archives_of_the_web_are_read_plain_and_with_a_member_a_record() {
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let page = format!("<p>{LONG}</p>");
    let http = |headers: &str, body: &[u8]| {
        [format!("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n{headers}\r\n").as_bytes(), body]
            .concat()
    };
    let chunked = format!("5;x=y\r\n{}\r\n{:x}\r\n{}\r\n0\r\n\r\n", &page[..5], page.len() - 5, &page[5..]);
    let http_type = "application/http; msgtype=response";
    let records = [
        record("warcinfo", "", "application/warc-fields", b"software: x"),
        record("request", "https://example.org/a", "application/http; msgtype=request", b"GET /a HTTP/1.1\r\n\r\n"),
        record("response", "https://example.org/a", http_type, &http("", page.as_bytes())),
        record(
            "response",
            "https://example.org/b",
            http_type,
            &http("Transfer-Encoding: chunked\r\n", chunked.as_bytes()),
        ),
        record(
            "response",
            "https://example.org/c",
            http_type,
            &http("Content-Encoding: gzip\r\n", &gzip(page.as_bytes())),
        ),
        record("response", "https://en.wikipedia.org/wiki/User:Secret", http_type, &http("", b"mine")),
        record("resource", "https://example.org/i.png", "image/png", b"\x89PNG\0"),
        record("conversion", "https://example.org/a", "text/plain", LONG.as_bytes()),
    ];
    let plain = Built::of_bytes("crawl.warc", &records.concat(), &reader(None));
    assert_eq!(plain.summary.source.reader, "warc");
    let row = |built: &Built, spec: &str, key: &ContentKey| match built.ask(spec, key) {
        Answer::Present { meta: Some(meta), .. } => (meta.multiplicity, meta.ordinal),
        other => panic!("{other:?}"),
    };
    // However it was sent, it is the same page.
    assert_eq!(row(&plain, "raw-sha256", &key::raw_sha256(page.as_bytes())), (3, 2));
    assert_eq!(row(&plain, "raw-sha256", &key::raw_sha256(b"\x89PNG\0")), (1, 6));
    assert_eq!(row(&plain, "url-c1/unicode-16", &key::url_c1(&"https://example.org/a".parse().unwrap())), (2, 2));
    assert!(plain.has("para-n1/unicode-16/plain", &key::para_n1(&paragraph(LONG).unwrap())));
    assert_eq!(plain.summary.report.dropped, BTreeMap::from([("account".into(), 1), ("record".into(), 2)]));
    let members: Vec<u8> = records.iter().flat_map(|record| gzip(record)).collect();
    assert_eq!(roots(&Built::of_bytes("crawl.warc.gz", &members, &reader(None))), roots(&plain));
    for bytes in plain.all_bytes() {
        assert!(!bytes.windows(10).any(|window| window == b"192.0.2.77"));
    }

    let all = records.concat();
    for (cut, what) in [(all.len() - 40, "ends in a record"), (20, "header")] {
        let error = refused_bytes("crawl.warc", &all[..cut], &reader(None));
        assert_eq!(error.code(), Code::SourceInvalid);
        assert!(error.detail().contains(what) && error.place().unwrap().contains("crawl.warc, byte "), "{error}");
    }
    let error = refused_bytes("crawl.warc", b"WARC/1.0\r\nWARC-Type: response\r\n\r\nx", &reader(None));
    assert!(error.detail().contains("Content-Length"), "{error}");
}

/// Written by `ledger/tests/data/parquet/write.py` with pyarrow.
fn parquet(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/parquet").join(name)
}

#[test]
fn parquet_of_every_codec_and_both_page_versions_gives_the_keys_of_the_same_rows_of_json() {
    let mut json = format!(
        "{{\"id\":12,\"url\":\"https://en.wikipedia.org/wiki/Tea\",\"title\":\"Tea\",\"text\":\"{LONG}\",\"metadata\":{{\"license\":\"CC0-1.0\"}}}}\n\
         {{\"id\":13,\"title\":\"User:Secret\",\"text\":\"never read\"}}\n{{\"id\":14,\"url\":\"nonsense\",\"title\":\"Cup\"}}\n"
    );
    for i in 0..300 {
        json.push_str(&format!(
            "{{\"id\":{},\"url\":\"https://example.org/{i}\",\"title\":\"Page {i}\",\"text\":\"text {}\",\"metadata\":{{\"license\":\"MIT\"}}}}\n",
            100 + i,
            i % 7
        ));
    }
    let mut options = reader(None);
    options.read.fields.license = Some("metadata.license".into());
    let expected = Built::of_bytes("rows.jsonl", json.as_bytes(), &options);
    for name in ["rows-snappy-v1", "rows-gzip-v1", "rows-zstd-v2", "rows-none-v2"] {
        let built = Built::of(&parquet(&format!("{name}.parquet")), &options);
        assert_eq!(built.summary.source.reader, "parquet");
        assert_eq!(roots(&built), roots(&expected), "{name}");
        assert_eq!(built.summary.report.without, expected.summary.report.without);
        assert_eq!(built.summary.report.dropped, expected.summary.report.dropped);
    }
}

#[test]
fn the_stack_is_asked_for_by_the_names_of_its_files() {
    let mut options = reader(None);
    options.read.wiki = None;
    options.read.kinds = "swhid".parse().unwrap();
    options.read.fields = Preset::TheStackV2.fields();
    let built = Built::of(&parquet("rows-zstd-v2.parquet"), &options);
    let known = key::swhid(&"swh:1:cnt:8ab686eafeb1f44702738c8b0f24f2567c36da6d".parse::<Swhid>().unwrap());
    let Answer::Present { meta: Some(meta), .. } = built.ask("swhid", &known) else { panic!("it is there") };
    assert_eq!((meta.multiplicity, built.files[0].header().license(&meta)), (2, Some("Apache-2.0 AND MIT")));
    // The blob is also the content of a row of JSON.
    let json =
        "{\"blob_id\":\"8ab686eafeb1f44702738c8b0f24f2567c36da6d\",\"detected_licenses\":[\"MIT\",\"Apache-2.0\"]}\n";
    assert!(Built::of_bytes("rows.jsonl", json.as_bytes(), &options).has("swhid", &known));
    assert_eq!(options.read.fields.names, [(Kind::Swhid, "blob_id".to_owned())]);
}

#[test]
fn broken_parquet_is_named_with_file_and_place() {
    let error = refused(&parquet("no-text.parquet"), &reader(None));
    assert_eq!(error.code(), Code::SourceInvalid);
    assert!(error.detail().contains("no column \"text\"") && error.detail().contains("metadata.license"), "{error}");
    assert!(error.place().unwrap().contains("no-text.parquet, byte "), "{error}");
    let error = refused(&parquet("brotli.parquet"), &reader(None));
    assert!(error.detail().contains("Brotli"), "{error}");

    let whole = fs::read(parquet("rows-zstd-v2.parquet")).unwrap();
    for keep in [3, 11, 1000, whole.len() - 1] {
        let error = refused_bytes("cut.parquet", &whole[..keep], &reader(Some(ReaderKind::Parquet)));
        assert_eq!(error.code(), Code::SourceInvalid, "{keep}: {error}");
        assert!(error.place().unwrap().contains("cut.parquet, byte "), "{error}");
    }
    // Damage anywhere is an error or changes what is keyed; it is never a panic.
    for at in (0..whole.len()).step_by(211) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("damaged.parquet");
        fs::write(&source, damaged).unwrap();
        if let Err(error) = build(&source, &dir.path().join("out"), &reader(Some(ReaderKind::Parquet)), &|_| {}) {
            assert_eq!(error.code(), Code::SourceInvalid, "{at}: {error}");
        }
    }
}
