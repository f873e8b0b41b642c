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

mod engine;
mod properties;
mod table;

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

pub(in crate::manifest) use engine::normalize;
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
        let mut out = String::with_capacity(text.len());
        let unassigned = normalize(text, &mut out);
        Self { text: out, unassigned }
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

/// Whether the pinned version knows a code point. Ignorable ones count as known, since NFKC_Casefold removes also those
/// that are reserved.
fn is_assigned(c: char) -> bool {
    c.is_ascii() || contains(ASSIGNED, c) || contains(NONE, c)
}

/// Cuts a text into parts that the pinned version knows and parts that it does not.
fn for_each_assigned(text: &str, mut part: impl FnMut(&str, bool)) {
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let assigned = is_assigned(first);
        let end = rest.find(|c| is_assigned(c) != assigned).unwrap_or(rest.len());
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
    if let Some(several) = mapped_to_several(c) {
        out.push_str(several);
    } else if !contains(NONE, c) {
        out.push(c);
    }
}

/// What a code point maps to, if that is more than one.
fn mapped_to_several(c: char) -> Option<&'static str> {
    let row = SEVERAL.binary_search_by_key(&u32::from(c), |row| row.0).ok()?;
    Some(SEVERAL[row].1)
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
mod tests;
