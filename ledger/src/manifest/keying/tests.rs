//! One pass gives what the definitions of the kinds give one by one.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::manifest::reader::ItemText;
use crate::manifest::{N1, paragraphs, spans};

fn keys(kinds: Kinds, item: &ReadItem) -> BTreeMap<String, Vec<ContentKey>> {
    let mut all: BTreeMap<String, Vec<ContentKey>> = BTreeMap::new();
    let mut keyer = Keyer::new(kinds);
    keyer
        .item(item, &mut |spec, key| {
            all.entry(spec.to_string()).or_default().push(key);
            Ok(())
        })
        .unwrap();
    all
}

fn text_item(text: &str) -> ReadItem {
    let text = ItemText { form: Form::Plain, rendering: None, text: text.into() };
    ReadItem { texts: vec![text], ..ReadItem::default() }
}

fn expected(text: &str) -> BTreeMap<String, Vec<ContentKey>> {
    let whole = N1::of(text);
    let rows = [
        ("text-n1", if whole.as_str().is_empty() { vec![] } else { vec![key::text_n1(&whole)] }),
        ("para-n1", paragraphs(text).map(|paragraph| key::para_n1(&paragraph)).collect()),
        ("span-n1", spans(&whole).iter().map(|span| key::span_n1(span)).collect()),
    ];
    let rows = rows.into_iter().filter(|(_, keys)| !keys.is_empty());
    rows.map(|(kind, keys)| (format!("{kind}/unicode-16/plain"), keys)).collect()
}

fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        5 => "[a-zA-Z .,]{0,60}",
        2 => "\\PC{0,20}",
        2 => prop::sample::select(vec!["\n", "\r\n", "\n\n", " ", "\u{a0}", "\n\u{301}", "e\u{301}", "\u{ad}\n", "\u{378}", "ß"])
            .prop_map(str::to_owned),
        1 => "[가-힣ᄀ-ᇿ]{1,3}",
    ];
    prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn one_pass_gives_the_keys_of_every_definition(text in texts()) {
        prop_assert_eq!(keys(Kinds::ALL, &text_item(&text)), expected(&text));
    }
}

#[test]
fn unassigned_code_points_are_counted_once() {
    let mut keyer = Keyer::new(Kinds::ALL);
    assert_eq!(keyer.item(&text_item("\u{378}a\n\u{379}"), &mut |_, _| Ok(())).unwrap(), 2);
}

#[test]
fn only_kinds_that_were_asked_for_are_made() {
    let text = "A paragraph that is certainly long enough to be recognised when quoted. ".repeat(2);
    let page = ItemPage {
        wiki: "wikidatawiki".parse().unwrap(),
        page: 138,
        revision: Some(7),
        title: Some(crate::manifest::mediawiki::Title::new(0, "Q42").unwrap()),
    };
    let item = ReadItem {
        digest: Some((Kind::RawSha256, [1; 32])),
        texts: vec![
            ItemText { form: Form::Plain, rendering: Some(Rendering::MediaWiki1), text: text.clone() },
            ItemText { form: Form::Wikitext, rendering: None, text: text.clone() },
        ],
        url: Some("https://www.example.org/a".parse().unwrap()),
        names: vec![Named::parse(Kind::Iscc, "ISCC:EAASAAACQCAW6CT2").unwrap_or(Named::Swhid(Swhid::of(b"x")))],
        page: Some(page),
        license: None,
    };
    for kind in Kind::ALL.iter().filter(|kind| **kind != Kind::MediaSha1) {
        let made = keys(Kinds::NONE.with(*kind), &item);
        assert!(made.keys().all(|spec| spec.split('/').next() == Some(kind.as_str())), "{kind}: {made:?}");
        let specs = if kind.is_text() { 2 } else { 1 };
        let absent = matches!(kind, Kind::Iscc | Kind::Swhid) && made.is_empty();
        assert!(made.len() == specs || absent, "{kind}: {made:?}");
    }
    assert!(keys(Kinds::NONE, &item).is_empty());
    let all = keys(Kinds::ALL, &item);
    assert_eq!(all["mw-sha1"], [key::mw_sha1(&Sha1Name::of(text.as_bytes()))]);
    assert_eq!(all["host/unicode-16"], [Named::parse(Kind::Host, "example.org").unwrap().key()]);
    assert_eq!(all["wikidata-qid"], [Named::parse(Kind::WikidataQid, "Q42").unwrap().key()]);
}

#[test]
fn a_key_that_cannot_be_taken_stops_the_item() {
    let full = || crate::Error::new(crate::Code::Internal, "full");
    let item = text_item(&"words and more words ".repeat(40));
    for allowed in 0..3 {
        let mut left = allowed;
        let outcome = Keyer::new(Kinds::ALL).item(&item, &mut |_, _| {
            left -= 1;
            if left < 0 { Err(full()) } else { Ok(()) }
        });
        assert!(outcome.is_err(), "{allowed}");
    }
}

#[test]
fn bytes_in_parts_have_the_names_of_the_whole() {
    let content = b"some\0content".repeat(100);
    let mut names = ByteNames::new(Kinds::ALL, content.len() as u64);
    content.chunks(7).for_each(|chunk| names.update(chunk));
    let (sha256, named) = names.finish(false);
    assert_eq!(sha256, <[u8; 32]>::from(Sha256::digest(&content)));
    assert_eq!(named, [Named::Swhid(Swhid::of(&content)), Named::MediaSha1(Sha1Name::of(&content))]);

    let mut names = ByteNames::new(Kinds::ALL, 5);
    names.update(b"grown!");
    assert_eq!(names.finish(true).1, []);
    assert_eq!(ByteNames::new(Kinds::NONE, 0).finish(false).1, []);
}
