//! n1 at the speed of reading: one pass, one buffer, and composition only where something can compose.
//!
//! ASCII goes 32 bytes at a time. Other code points are looked up ([`fate`]); most are one settled starter and are
//! appended. Where a code point needs its surroundings, the pass goes back to the last starter, maps and composes from
//! there to the next, and goes on. That this equals the definition is a property test of [`super`].

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::properties::{Fate, fate};
use super::{is_white_space, map, mapped_to_several};

/// How many ASCII bytes are looked at together.
const CHUNK: usize = 32;

/// Appends the normal form of `text` to `out`, which is empty; answers how many code points are unassigned.
pub(in crate::manifest) fn normalize(text: &str, out: &mut String) -> u64 {
    let mut pass = Pass { out, owed: false, since: Mark { input: 0, output: 0, owed: false }, class: 0, unassigned: 0 };
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        at = match bytes[at].is_ascii() {
            true => pass.ascii(text, at),
            false => pass.other(text, at),
        };
    }
    pass.unassigned
}

/// White space between words is owed until the next word comes, so that none is at an end.
struct Pass<'a> {
    out: &'a mut String,
    owed: bool,
    /// Where the code points begin that the next one may compose with.
    since: Mark,
    /// The combining class of the last code point.
    class: u8,
    unassigned: u64,
}

/// A place in the text and what had become of everything before it.
#[derive(Clone, Copy)]
struct Mark {
    input: usize,
    output: usize,
    owed: bool,
}

impl Pass<'_> {
    /// Takes ASCII from `at` on, of which there is at least one byte; answers where it ends.
    fn ascii(&mut self, text: &str, mut at: usize) -> usize {
        let bytes = text.as_bytes();
        while let Some(chunk) = bytes[at..].first_chunk::<CHUNK>() {
            if !is_plain(chunk) {
                break;
            }
            self.words(&text[at..at + CHUNK]);
            at += CHUNK;
        }
        // Up to the first byte that is not ASCII, or through one chunk that is not plain.
        let end = bytes.len().min(at + CHUNK);
        let end = bytes[at..end].iter().position(|b| !b.is_ascii()).map_or(end, |run| at + run);
        while at < end {
            let word = bytes[at..end].iter().position(|b| is_ascii_white(*b)).map_or(end, |run| at + run);
            if word > at {
                self.words(&text[at..word]);
            }
            at = word;
            if at < end {
                self.white(at);
                at += 1;
            }
        }
        // What follows may compose with the last letter.
        if !self.owed && !self.out.is_empty() {
            self.since = Mark { input: at - 1, output: self.out.len() - 1, owed: false };
        } else {
            self.since = Mark { input: at, output: self.out.len(), owed: self.owed };
        }
        self.class = 0;
        at
    }

    /// ASCII of which white space is single spaces.
    fn words(&mut self, text: &str) {
        let inner = text.strip_prefix(' ').unwrap_or(text);
        self.owed |= inner.len() < text.len() && !self.out.is_empty();
        let words = inner.strip_suffix(' ').unwrap_or(inner);
        if !words.is_empty() {
            self.pay();
            let start = self.out.len();
            self.out.push_str(words);
            self.out[start..].make_ascii_lowercase();
        }
        self.owed |= words.len() < inner.len() && !self.out.is_empty();
    }

    /// Takes one code point that is not ASCII; answers where it ends.
    fn other(&mut self, text: &str, at: usize) -> usize {
        let Some(c) = text[at..].chars().next() else { return text.len() };
        let next = at + c.len_utf8();
        match fate(c) {
            Fate::Starter(to) => {
                self.starter(at);
                self.out.push(to);
            }
            Fate::Starters => {
                self.starter(at);
                self.out.push_str(mapped_to_several(c).unwrap_or_default());
            }
            Fate::Mark(to, class) if self.class <= class => {
                self.pay();
                self.out.push(to);
                self.class = class;
            }
            Fate::White => self.white(at + c.len_utf8() - 1),
            Fate::Removed => {}
            Fate::Unassigned => {
                self.starter(at);
                self.out.push(c);
                self.unassigned += 1;
                self.since = Mark { input: next, output: self.out.len(), owed: false };
            }
            Fate::Mark(..) | Fate::Other => return self.compose(text, next),
        }
        next
    }

    fn starter(&mut self, at: usize) {
        self.pay();
        self.since = Mark { input: at, output: self.out.len(), owed: false };
        self.class = 0;
    }

    /// White space whose last byte is at `last`. Nothing composes across it.
    fn white(&mut self, last: usize) {
        self.owed = !self.out.is_empty();
        self.since = Mark { input: last + 1, output: self.out.len(), owed: self.owed };
        self.class = 0;
    }

    /// Composes everything from the last starter to the next, of which the code points up to `known` were looked at.
    fn compose(&mut self, text: &str, known: usize) -> usize {
        let ends = |c: char| {
            c.is_ascii() || matches!(fate(c), Fate::Starter(_) | Fate::Starters | Fate::White | Fate::Unassigned)
        };
        let end = text[known..].find(ends).map_or(text.len(), |run| known + run);
        self.out.truncate(self.since.output);
        self.owed = self.since.owed;
        let mut mapped = String::with_capacity(2 * (end - self.since.input));
        text[self.since.input..end].chars().for_each(|c| map(c, &mut mapped));
        if is_nfc_quick(mapped.chars()) == IsNormalized::Yes {
            mapped.chars().for_each(|c| self.push(c));
        } else {
            mapped.nfc().for_each(|c| self.push(c));
        }
        self.since = Mark { input: end, output: self.out.len(), owed: self.owed };
        self.class = 0;
        end
    }

    fn push(&mut self, c: char) {
        if is_white_space(c) {
            self.owed = !self.out.is_empty();
        } else {
            self.pay();
            self.out.push(c);
        }
    }

    fn pay(&mut self) {
        if core::mem::take(&mut self.owed) {
            self.out.push(' ');
        }
    }
}

/// White_Space among ASCII.
const fn is_ascii_white(b: u8) -> bool {
    matches!(b, b'\t'..=b'\r' | b' ')
}

/// Whether a chunk is ASCII without white space but single spaces. No branch depends on a byte, so that the compiler
/// looks at many together.
fn is_plain(chunk: &[u8; CHUNK]) -> bool {
    let mut odd = 0u8;
    let mut spaces = [0u8; CHUNK];
    for (space, b) in spaces.iter_mut().zip(chunk) {
        odd |= (b & 0x80) | u8::from(b.wrapping_sub(b'\t') < 5);
        *space = u8::from(*b == b' ');
    }
    for pair in 1..CHUNK {
        odd |= spaces[pair - 1] & spaces[pair];
    }
    odd == 0
}
