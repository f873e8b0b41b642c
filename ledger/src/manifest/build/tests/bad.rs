//! Sources that are broken, or made to break who reads them: a clear code, the file and the place, nothing left behind.

use super::fixtures::{bz2, gzip, sha256};
use super::*;
use crate::manifest::ReaderKind;

fn reader(kind: ReaderKind) -> BuildOptions {
    let mut options = BuildOptions::default();
    options.read.reader = Some(kind);
    options
}

#[track_caller]
fn named(error: &Error, code: Code, place: &str) {
    assert_eq!(error.code(), code, "{error}");
    assert!(error.place().unwrap_or_default().contains(place), "{error}");
}

#[test]
fn a_line_of_a_gigabyte_ends_after_what_an_item_may_have() {
    let dir = tempfile::tempdir().unwrap();
    for (kind, start) in [(ReaderKind::Jsonl, "{\"text\":\""), (ReaderKind::Digests, "0"), (ReaderKind::MediaWiki, "<")]
    {
        let source = dir.path().join(kind.as_str());
        fs::write(&source, start).unwrap();
        // A hole in the file reads as zeros and takes no room.
        fs::File::options().append(true).open(&source).unwrap().set_len(1 << 30).unwrap();
        let error = refused(&source, &reader(kind));
        named(&error, Code::SourceInvalid, ", byte 6");
        assert!(error.detail().contains("larger than 64 MiB"), "{error}");
    }
}

#[test]
fn an_item_that_a_few_bytes_of_gzip_expand_to_is_refused() {
    let bomb = gzip(&vec![b'x'; 66 << 20]);
    assert!(bomb.len() < 1 << 20);
    let error = refused_bytes("bomb.jsonl.gz", &bomb, &reader(ReaderKind::Jsonl));
    named(&error, Code::SourceInvalid, "bomb.jsonl.gz, byte ");
    assert!(error.detail().contains("larger than 64 MiB"), "{error}");
}

#[test]
fn bytes_that_are_not_utf8_are_named_where_they_stand() {
    let rows = b"{\"text\":\"good\"}\n{\"text\":\"b\xffd\"}\n";
    named(&refused_bytes("rows.jsonl", rows, &reader(ReaderKind::Jsonl)), Code::SourceInvalid, "rows.jsonl, byte 2");
    let table = b"text\ngood\nb\xffd\n";
    named(&refused_bytes("table.csv", table, &reader(ReaderKind::Csv)), Code::SourceInvalid, "table.csv, byte 10 of");
    let half = [b"\xff\xfe".as_slice(), &[b'<', 0, 0x00, 0xdc]].concat();
    let error = refused_bytes("dump.xml", &half, &reader(ReaderKind::MediaWiki));
    assert!(error.detail().contains("UTF-16"), "{error}");
}

#[test]
fn of_several_broken_lines_the_first_is_named_whatever_the_threads() {
    let mut rows = "{\"text\":\"some words\"}\n".repeat(60_000);
    let at = rows.len();
    rows.push_str("{\"text\"}\n");
    rows.push_str(&"{}}\n".repeat(50_000));
    for threads in [1, 4] {
        let mut options = reader(ReaderKind::Jsonl);
        options.threads = NonZeroUsize::new(threads).unwrap();
        let error = refused_bytes("rows.jsonl", rows.as_bytes(), &options);
        named(&error, Code::SourceInvalid, &format!("byte {} of", at + 8));
    }
}

#[test]
fn truncated_and_damaged_zstandard_is_found() {
    let text: String =
        (0..20_000u32).map(|i| format!("{{\"text\":\"row {}\"}}\n", i.wrapping_mul(2_654_435_761))).collect();
    let packed = ruzstd::encoding::compress_to_vec(text.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
    let whole = Built::of_bytes("rows.jsonl.zst", &packed, &reader(ReaderKind::Jsonl));
    assert_eq!(whole.summary.source.items, 20_000);
    for keep in [10, packed.len() / 2, packed.len() - 1] {
        let error = refused_bytes("rows.jsonl.zst", &packed[..keep], &reader(ReaderKind::Jsonl));
        named(&error, Code::SourceInvalid, "rows.jsonl.zst, byte ");
    }
}

#[test]
fn a_packed_list_that_was_cut_off_is_no_shorter_list_whatever_the_threads() {
    let list: String = (0..20_000u32).map(|i| sha256(&i.to_be_bytes()) + "\n").collect();
    for (name, packed) in [("list.bz2", bz2(list.as_bytes())), ("list.gz", gzip(list.as_bytes()))] {
        for keep in [packed.len() / 3, packed.len() / 2, packed.len() - 1] {
            for threads in [1, 2, 4] {
                let mut options = reader(ReaderKind::Digests);
                options.threads = NonZeroUsize::new(threads).unwrap();
                named(&refused_bytes(name, &packed[..keep], &options), Code::SourceInvalid, &format!("{name}, byte "));
            }
        }
    }
}
