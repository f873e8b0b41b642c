//! Normal form n1: the text that two copies of the same words share, whatever their spacing, case and encoding.
//!
//! ```text
//! n1 = NFKC_Casefold (Unicode 16) -> every run of White_Space becomes one U+0020 -> no space at either end
//! ```
//!
//! Accents, digits and punctuation stay, so that equal keys mean equal words. Not a search index, not a similarity.
//! DESIGN §7; NFKC_Casefold is toNFKC_Casefold of the Unicode Standard, section 3.13: every code point is mapped by
//! the table, then the whole is composed (NFC).
//!
//! The Unicode version is pinned by our own table, because it is part of what a key means. A code point that this
//! version does not assign is left as it is and counted: it takes part in no composition, so that a later version of
//! the crate that composes cannot move a key.

mod table;

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

pub use table::UNICODE_VERSION;
use table::{ASSIGNED, NONE, ONE, SEVERAL, WHITE_SPACE};

// The composing crate must know at least what we pinned; what it knows beyond is kept away from it.
const _: () = assert!(unicode_normalization::UNICODE_VERSION.0 >= UNICODE_VERSION.0);

/// A text in normal form n1.
///
/// ```
/// use ledger::manifest::N1;
/// assert_eq!(N1::of("  The \u{fb01}rst\u{a0}\n LINE ").as_str(), "the first line");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct N1 {
    text: String,
    unassigned: u64,
}

impl N1 {
    /// Brings a text into normal form.
    pub fn of(text: &str) -> Self {
        let mut out = Spaced { text: String::with_capacity(text.len()), owed: false };
        let mut unassigned = 0;
        let mut rest = text;
        while !rest.is_empty() {
            // ASCII needs no composition but for its last character, which a following mark may join.
            let ascii = rest.bytes().position(|b| !b.is_ascii()).unwrap_or(rest.len());
            let alone = if ascii == rest.len() { ascii } else { ascii.saturating_sub(1) };
            let (plain, tail) = rest.split_at(alone);
            out.push_ascii(plain);
            let first = ascii - alone;
            let run = tail[first..].bytes().position(|b| b.is_ascii()).map_or(tail.len(), |end| first + end);
            let (run, tail) = tail.split_at(run);
            unassigned += out.push_mapped(run);
            rest = tail;
        }
        Self { text: out.text, unassigned }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How many code points the pinned version does not assign. They were left as they are.
    pub const fn unassigned(&self) -> u64 {
        self.unassigned
    }
}

/// NFC by the pinned version: code points that it does not assign stay and compose with nothing.
pub(super) fn nfc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for_each_assigned(text, |part, assigned| if assigned { compose(part, &mut out) } else { out.push_str(part) });
    Cow::Owned(out)
}

/// NFKC_Casefold by the pinned version.
pub(super) fn nfkc_casefold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for_each_assigned(text, |part, assigned| {
        if assigned {
            let mut mapped = String::with_capacity(part.len());
            part.chars().for_each(|c| map(c, &mut mapped));
            compose(&mapped, &mut out);
        } else {
            out.push_str(part);
        }
    });
    out
}

/// White_Space of the pinned version.
pub(super) fn is_white_space(c: char) -> bool {
    contains(WHITE_SPACE, c)
}

/// Text whose runs of white space are one space each, with none at the start; one may be owed at the end.
struct Spaced {
    text: String,
    owed: bool,
}

impl Spaced {
    fn push(&mut self, c: char) {
        if is_white_space(c) {
            self.owed = !self.text.is_empty();
            return;
        }
        if core::mem::take(&mut self.owed) {
            self.text.push(' ');
        }
        self.text.push(c);
    }

    /// The fast way: NFKC_Casefold of ASCII is its lower case.
    fn push_ascii(&mut self, text: &str) {
        for word in text.split_inclusive(|c: char| matches!(c, '\t'..='\r' | ' ')) {
            let bare = word.trim_end_matches(|c: char| matches!(c, '\t'..='\r' | ' '));
            if !bare.is_empty() {
                if core::mem::take(&mut self.owed) {
                    self.text.push(' ');
                }
                let start = self.text.len();
                self.text.push_str(bare);
                self.text[start..].make_ascii_lowercase();
            }
            if bare.len() < word.len() {
                self.owed = !self.text.is_empty();
            }
        }
    }

    /// Maps, composes and appends; answers how many code points are unassigned.
    fn push_mapped(&mut self, text: &str) -> u64 {
        let mut unassigned = 0;
        for_each_assigned(text, |part, assigned| {
            if !assigned {
                unassigned += part.chars().count() as u64;
                part.chars().for_each(|c| self.push(c));
                return;
            }
            let mut mapped = String::with_capacity(part.len());
            part.chars().for_each(|c| map(c, &mut mapped));
            let mut composed = String::with_capacity(mapped.len());
            compose(&mapped, &mut composed);
            composed.chars().for_each(|c| self.push(c));
        });
        unassigned
    }
}

/// Cuts a text into parts that the pinned version knows and parts that it does not. Ignorable code points count as
/// known, since NFKC_Casefold removes also the reserved ones.
fn for_each_assigned(text: &str, mut part: impl FnMut(&str, bool)) {
    let known = |c: char| c.is_ascii() || contains(ASSIGNED, c) || contains(NONE, c);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let assigned = known(first);
        let end = rest.find(|c| known(c) != assigned).unwrap_or(rest.len());
        part(&rest[..end], assigned);
        rest = &rest[end..];
    }
}

/// NFKC_Casefold of one code point, but for what composition does by itself.
fn map(c: char, out: &mut String) {
    let code = u32::from(c);
    if let Some(&(first, count, stride, target, step)) = ONE[..ONE.partition_point(|row| row.0 <= code)].last() {
        let (away, stride) = (code - first, u32::from(stride));
        if away.is_multiple_of(stride) && away / stride < u32::from(count) {
            out.extend(char::from_u32(target + away / stride * u32::from(step)));
            return;
        }
    }
    if let Ok(row) = SEVERAL.binary_search_by_key(&code, |row| row.0) {
        out.push_str(SEVERAL[row].1);
    } else if !contains(NONE, c) {
        out.push(c);
    }
}

fn compose(text: &str, out: &mut String) {
    if is_nfc_quick(text.chars()) == IsNormalized::Yes {
        out.push_str(text);
    } else {
        out.extend(text.nfc());
    }
}

fn contains(ranges: &[(u32, u32)], c: char) -> bool {
    let code = u32::from(c);
    ranges[..ranges.partition_point(|range| range.0 <= code)].last().is_some_and(|range| code <= range.1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;
    use std::sync::LazyLock;

    /// (text, n1, unassigned code points); the same list stands in `docs/FORMAT-manifest.md`.
    const VECTORS: &[(&str, &str, u64)] = &[
        ("", "", 0),
        (" \t\r\n", "", 0),
        ("abc", "abc", 0),
        ("The  QUICK\tbrown\r\nfox ", "the quick brown fox", 0),
        ("a\u{a0}b\u{2003}c\u{3000}d\u{85}e\u{2028}f", "a b c d e f", 0),
        ("\u{feff}b\u{200b}o\u{ad}m\u{2060}", "bom", 0),
        ("E\u{301}cole", "\u{e9}cole", 0),
        ("e\u{ad}\u{301}", "\u{e9}", 0),
        ("STRASSE Straße STRA\u{1e9e}E", "strasse strasse strasse", 0),
        ("\u{130}stanbul", "i\u{307}stanbul", 0),
        ("ΌΔΟΣ όδος", "\u{3cc}δοσ \u{3cc}δοσ", 0),
        ("\u{fb01}n \u{ff21}\u{ff11} \u{2460} x\u{b2} \u{bd}", "fin a1 1 x2 1\u{2044}2", 0),
        ("\u{a8}a\u{a8}", "\u{308}a \u{308}", 0),
        ("\u{212b} \u{2126} \u{1f80}", "\u{e5} \u{3c9} \u{1f00}\u{3b9}", 0),
        ("\u{ac00}\u{1100}\u{1161}\u{11a8}", "\u{ac00}\u{ac01}", 0),
        ("\u{13a0}\u{ab70}", "\u{13a0}\u{13a0}", 0),
        ("\u{958}\u{f900}", "\u{915}\u{93c}\u{8c48}", 0),
        ("q\u{323}\u{307} q\u{307}\u{323}", "q\u{323}\u{307} q\u{323}\u{307}", 0),
        ("\u{10d50}\u{a7cb}", "\u{10d70}\u{264}", 0),
        ("“Café” – No. 7!", "“café” – no. 7!", 0),
        ("نص عربي", "نص عربي", 0),
        ("\u{378}A\u{378}", "\u{378}a\u{378}", 2),
        ("\u{e0fff}x\u{2065}", "x", 0),
        ("\u{e000}\u{ffff}", "\u{e000}\u{ffff}", 1),
    ];

    #[test]
    fn vectors() {
        for (text, expected, unassigned) in VECTORS {
            let n1 = N1::of(text);
            assert_eq!((n1.as_str(), n1.unassigned()), (*expected, *unassigned), "{text:?}");
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

    #[test]
    fn every_mapped_code_point_alone_and_between_letters() {
        for c in EXPANDED.keys().filter_map(|code| char::from_u32(*code)) {
            let text = format!("{c}e{c}\u{301}");
            let n1 = N1::of(&text);
            assert_eq!(N1::of(n1.as_str()).as_str(), n1.as_str(), "{text:?}");
        }
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
}
