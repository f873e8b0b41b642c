//! The normal form against its definition read aloud.
#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::LazyLock;
use unicode_normalization::char::canonical_combining_class;

#[test]
fn what_is_not_assigned_stays_and_is_counted() {
    for (text, expected, unassigned) in [
        ("abc", "abc", 0),
        ("\u{378}A\u{378}", "\u{378}a\u{378}", 2),
        ("e\u{378}\u{301}", "e\u{378}\u{301}", 1),
        ("\u{e0fff}x\u{2065}", "x", 0),
        ("\u{e000}\u{ffff}", "\u{e000}\u{ffff}", 1),
        // Assigned by this version and by none before.
        ("\u{10d50}\u{a7cb}", "\u{10d70}\u{264}", 0),
    ] {
        let n1 = N1::of(text);
        assert_eq!((n1.as_str(), n1.unassigned()), (expected, unassigned), "{text:?}");
    }
}

/// The table written out, one row a code point.
static EXPANDED: LazyLock<HashMap<u32, String>> = LazyLock::new(|| {
    let mut all = HashMap::new();
    for &(first, count, stride, target, step) in ONE {
        for i in 0..u32::from(count) {
            let to = char::from_u32(target + i * u32::from(step)).unwrap();
            assert!(all.insert(first + i * u32::from(stride), to.into()).is_none());
        }
    }
    all.extend(SEVERAL.iter().map(|(code, text)| (*code, (*text).to_owned())));
    all.extend(NONE.iter().flat_map(|(first, last)| *first..=*last).map(|code| (code, String::new())));
    all
});

/// The definition read aloud: map all, compose all, split on white space, join. No fast path, no search.
fn slow(text: &str) -> String {
    let known = |c: char| {
        let inside = |ranges: &[(u32, u32)]| ranges.iter().any(|r| (r.0..=r.1).contains(&u32::from(c)));
        inside(ASSIGNED) || inside(NONE)
    };
    let mapped = |c: char| EXPANDED.get(&u32::from(c)).cloned().unwrap_or_else(|| c.into());
    let mut whole = String::new();
    let mut part = String::new();
    for c in text.chars() {
        if known(c) {
            part.push_str(&mapped(c));
        } else {
            whole.extend(core::mem::take(&mut part).nfc());
            whole.push(c);
        }
    }
    whole.extend(part.nfc());
    let white = |c: char| WHITE_SPACE.iter().any(|r| (r.0..=r.1).contains(&u32::from(c)));
    whole.split(white).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Texts that mix everything: ASCII words, marks, spaces, mapped characters and any code point at all.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zA-Z0-9 .,]{0,6}",
        2 => "([a-zA-Z,.]{1,8} ){8,20}",
        2 => "[\u{300}-\u{345}]{1,3}",
        2 => prop::sample::select(vec![" ", "\t", "\n", "\u{a0}", "\u{2009}", "\u{ad}", "\u{200d}", "\u{a8}", "\u{345}"])
            .prop_map(str::to_owned),
        3 => prop::sample::select(SEVERAL).prop_map(|row| char::from_u32(row.0).into_iter().collect()),
        3 => prop::sample::select(ONE).prop_map(|row| char::from_u32(row.0).into_iter().collect()),
        3 => "[\u{80}-\u{10ffff}]{1,3}",
        1 => "[가-힣ᄀ-ᇿ]{1,3}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn fast_equals_slow_and_twice_is_once(text in texts()) {
        let n1 = N1::of(&text);
        prop_assert_eq!(n1.as_str(), slow(&text));
        let again = N1::of(n1.as_str());
        prop_assert_eq!(again.as_str(), n1.as_str());
        prop_assert_eq!(again.unassigned(), n1.unassigned());
    }

    #[test]
    fn nfkc_casefold_is_idempotent(text in texts()) {
        let once = nfkc_casefold(&text);
        prop_assert_eq!(nfkc_casefold(&once), once);
    }
}

/// Every code point that is mapped or that composition may touch, where it can do harm.
#[test]
fn every_code_point_that_is_not_inert_alone_and_between_others() {
    let inert = |c: &char| {
        !EXPANDED.contains_key(&u32::from(*c))
            && canonical_combining_class(*c) == 0
            && is_nfc_quick(core::iter::once(*c)) == IsNormalized::Yes
    };
    let mut tried = 0;
    for c in (0x80..=0x3_ffff).filter_map(char::from_u32).filter(|c| !inert(c)) {
        for text in [format!("{c}e{c}\u{301}"), format!("\u{928}{c}\u{93c} {c}\u{1161}")] {
            let n1 = N1::of(&text);
            assert_eq!(n1.as_str(), slow(&text), "{text:?}");
            assert_eq!(N1::of(n1.as_str()).as_str(), n1.as_str(), "{text:?}");
        }
        tried += 1;
    }
    assert!(tried > 5_000, "{tried}");
}

#[test]
fn the_table_is_sorted_and_without_overlap() {
    assert!(ONE.windows(2).all(|w| w[0].0 + u32::from(w[0].1 - 1) * u32::from(w[0].2) < w[1].0));
    assert!(SEVERAL.windows(2).all(|w| w[0].0 < w[1].0));
    for ranges in [NONE, WHITE_SPACE, ASSIGNED] {
        assert!(ranges.iter().all(|r| r.0 <= r.1));
        assert!(ranges.windows(2).all(|w| w[0].1 + 1 < w[1].0));
    }
}
