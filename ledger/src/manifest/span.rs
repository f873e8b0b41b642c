//! Spans: pieces of a text that are picked so that two texts with a run of 99 characters in common share a piece.
//!
//! Winnowing (Schleimer, Wilkerson and Aiken, "Winnowing: local algorithms for document fingerprinting", 2003) over the
//! code points c of the whole text in n1, with pieces of k = 50 and windows of w = 50 pieces:
//!
//! ```text
//! piece i    c[i], …, c[i+49]
//! rank i     Σ c[i+j] · B^(50−j) for j = 0 … 49, modulo 2^64;   B = 0x9e3779b97f4a7c15
//! window i   pieces i … i+49, so the code points c[i] … c[i+98]
//! picked     of every window the piece of lowest rank; of several the last
//! key        SHA-256 of the piece as UTF-8; a piece equal to the one picked before it is not keyed again
//! ```
//!
//! What a window picks depends on its 99 code points alone, so two texts that share them pick the same piece there,
//! whatever stands around. Of an ordinary text every 25.5th piece is picked. A text of fewer than 99 code points has no
//! spans. Not a similarity: a changed letter every 49 characters leaves nothing to find.

use crate::manifest::normal::N1;

/// The length of a span in code points.
pub const SPAN: usize = 50;
/// How many pieces compete to be picked.
const WINDOW: usize = 50;
/// The shortest run of code points that two texts cannot share without sharing a span.
pub const SHARED_RUN: usize = SPAN + WINDOW - 1;

/// The golden ratio in 64 bits: odd, so that no code point is ever multiplied away, and full of both digits.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;
/// `BASE` to the power of [`SPAN`]: the weight of the oldest code point.
const OLDEST: u64 = power(BASE, SPAN);

/// The ring of code points: a power of two that holds a window.
const RING: usize = 128;
const _: () = assert!(RING >= SHARED_RUN);

const fn power(base: u64, exponent: usize) -> u64 {
    let mut product = 1u64;
    let mut i = 0;
    while i < exponent {
        product = product.wrapping_mul(base);
        i += 1;
    }
    product
}

/// The spans of a text, each as often as it is picked.
///
/// ```
/// use ledger::manifest::{N1, spans};
/// let original = "a run of words that somebody wrote, which is long enough that copying it is found even if ".repeat(2);
/// let copied = format!("Something else before: {} and something else behind.", &original[10..130]);
/// let (original, copied) = (spans(&N1::of(&original)), spans(&N1::of(&copied)));
/// assert!(copied.iter().any(|span| original.contains(span)));
/// ```
pub fn spans(text: &N1) -> Vec<String> {
    let mut all = Vec::new();
    let mut winnow = Winnow::new();
    winnow.push(text.as_str(), &mut |span| all.push(span.to_owned()));
    all
}

/// Picks spans from a text in n1 that comes in parts.
#[derive(Debug, Clone)]
pub(super) struct Winnow {
    /// The last code points, by their place.
    ring: [char; RING],
    /// The ranks of the last pieces, by their place.
    ranks: [u64; RING],
    /// How many code points have come.
    count: u64,
    rolling: u64,
    /// The lowest rank in the window and its place.
    lowest: (u64, u64),
    /// The span that was picked last.
    last: String,
    picked: String,
}

impl Winnow {
    pub(super) const fn new() -> Self {
        Self {
            ring: ['\0'; RING],
            ranks: [0; RING],
            count: 0,
            rolling: 0,
            lowest: (u64::MAX, 0),
            last: String::new(),
            picked: String::new(),
        }
    }

    /// Begins another text.
    pub(super) fn clear(&mut self) {
        self.count = 0;
        self.rolling = 0;
        self.lowest = (u64::MAX, 0);
        self.last.clear();
    }

    /// Takes the next part of the text.
    pub(super) fn push(&mut self, part: &str, pick: &mut impl FnMut(&str)) {
        for c in part.chars() {
            self.take(c, pick);
        }
    }

    fn take(&mut self, c: char, pick: &mut impl FnMut(&str)) {
        let slot = |place: u64| (place % RING as u64) as usize;
        let place = self.count;
        let mut rolling = self.rolling.wrapping_add(u64::from(u32::from(c)));
        if place >= SPAN as u64 {
            let oldest = u64::from(u32::from(self.ring[slot(place - SPAN as u64)]));
            rolling = rolling.wrapping_sub(oldest.wrapping_mul(OLDEST));
        }
        self.rolling = rolling.wrapping_mul(BASE);
        self.ring[slot(place)] = c;
        self.count += 1;
        if self.count < SPAN as u64 {
            return;
        }
        let piece = self.count - SPAN as u64;
        self.ranks[slot(piece)] = self.rolling;
        let window_full = piece + 1 >= WINDOW as u64;
        let first = (piece + 1).saturating_sub(WINDOW as u64);
        let before = self.lowest.1;
        if piece == 0 || self.rolling <= self.lowest.0 {
            self.lowest = (self.rolling, piece);
        } else if before < first {
            // The lowest fell out of the window: the next one is looked for among those that are left.
            self.lowest = (u64::MAX, first);
            for candidate in first..=piece {
                if self.ranks[slot(candidate)] <= self.lowest.0 {
                    self.lowest = (self.ranks[slot(candidate)], candidate);
                }
            }
        }
        if window_full && (self.lowest.1 != before || piece + 1 == WINDOW as u64) {
            let start = self.lowest.1;
            self.picked.clear();
            self.picked.extend((start..start + SPAN as u64).map(|place| self.ring[slot(place)]));
            if self.picked != self.last {
                pick(&self.picked);
                core::mem::swap(&mut self.picked, &mut self.last);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    /// The definition read aloud: every window by itself.
    fn slow(text: &str) -> Vec<String> {
        let points: Vec<char> = text.chars().collect();
        let rank = |i: usize| {
            (0..SPAN).fold(0u64, |sum, j| {
                sum.wrapping_add(u64::from(u32::from(points[i + j])).wrapping_mul(power(BASE, SPAN - j)))
            })
        };
        let mut picked: Vec<usize> = Vec::new();
        for window in 0..(points.len() + 1).saturating_sub(SHARED_RUN) {
            let lowest = (window..window + WINDOW).map(rank).min().unwrap();
            let last = (window..window + WINDOW).rev().find(|i| rank(*i) == lowest).unwrap();
            if picked.last() != Some(&last) {
                picked.push(last);
            }
        }
        let mut all: Vec<String> = picked.iter().map(|i| points[*i..*i + SPAN].iter().collect()).collect();
        all.dedup();
        all
    }

    fn words() -> impl Strategy<Value = String> {
        let word = prop_oneof![4 => "[a-z]{1,9}", 1 => "[à-ÿ]{2,5}", 1 => "[一-龥]{1,4}", 1 => Just("a".repeat(60))];
        prop::collection::vec(word, 0..60).prop_map(|words| words.join(" "))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn fast_equals_slow_in_any_parts(text in words(), cut in any::<prop::sample::Index>()) {
            let n1 = N1::of(&text);
            prop_assert_eq!(spans(&n1), slow(n1.as_str()));
            let cuts: Vec<usize> = n1.as_str().char_indices().map(|(at, _)| at).chain([n1.as_str().len()]).collect();
            let (front, back) = n1.as_str().split_at(cuts[cut.index(cuts.len())]);
            let mut winnow = Winnow::new();
            // What another text left behind changes nothing.
            winnow.push(&"other words ".repeat(20), &mut |_| {});
            winnow.clear();
            let mut all = Vec::new();
            winnow.push(front, &mut |span| all.push(span.to_owned()));
            winnow.push(back, &mut |span| all.push(span.to_owned()));
            prop_assert_eq!(all, slow(n1.as_str()));
        }

        #[test]
        fn a_shared_run_of_99_code_points_always_hits(
            run in prop::collection::vec(prop::char::range('a', 'e'), SHARED_RUN),
            around in prop::collection::vec("[a-e]{0,80}", 4),
        ) {
            let run: String = run.into_iter().collect();
            let one = spans(&N1::of(&format!("{}{run}{}", around[0], around[1])));
            let other = spans(&N1::of(&format!("{}{run}{}", around[2], around[3])));
            prop_assert!(one.iter().any(|span| other.contains(span)));
        }
    }

    #[test]
    fn short_and_repetitive_texts() {
        let n = |len: usize| spans(&N1::of(&"x".repeat(len))).len();
        assert_eq!((n(0), n(98), n(99), n(100_000)), (0, 0, 1, 1));
        assert_eq!(spans(&N1::of(&". ".repeat(10_000))).len(), 1);
        assert!(spans(&N1::of(&"x".repeat(99)))[0].chars().eq(core::iter::repeat_n('x', SPAN)));
    }

    #[test]
    fn one_piece_in_twenty_five_is_picked() {
        let mut noise = 1u64;
        let text: String = (0..200_000)
            .map(|_| {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                char::from(b'a' + ((noise >> 59) as u8).min(25))
            })
            .collect();
        let rate = spans(&N1::of(&text)).len() as f64 / 200_000.0;
        assert!((rate - 2.0 / 51.0).abs() < 0.002, "{rate}");
    }
}
