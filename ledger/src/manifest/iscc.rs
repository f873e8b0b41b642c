//! International Standard Content Codes, as text: `ISCC:KACT4EBWK27737D2AYCJRAL5Z36G76RFRMO4554RU26HZ4ORJGIVHDI`.
//!
//! Not a generator: a code is taken as somebody computed it, and only its form is checked. A key of this kind answers
//! "was this very code declared?"; that two codes are similar is not a question of membership.
//!
//! ```text
//! code    = base32 (RFC 4648, upper case, no padding) of header ‖ body
//! header  = four nibbles: main type, sub type, version, length
//! body    = (length + 1) · 32 bits of a unit; of a composite 128 bits, and 64 for each bit that is set in length,
//!           or 256 bits for sub type 7 (wide)
//! ```
//!
//! ISO 24138:2024, section 5. Main types 0 to 5 describe content; identifiers of declarations (6) and of moments (7) name
//! no content and are refused, as are versions but 0.

use core::fmt;
use core::str::FromStr;

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// The main type of a composite code.
const COMPOSITE: u8 = 5;
/// The sub type of a composite of 128 bits of data and 128 of instance.
const WIDE: u8 = 7;

/// A content code in its canonical form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Iscc(String);

/// Why a text is not a content code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotIscc {
    /// It is not base32, or not its shortest form.
    #[error("it is not base32")]
    Base32,
    /// Its header names a main type or a version that is not keyed.
    #[error("its header is not that of a code for content, version 0")]
    Header,
    /// Its length is not what its header says.
    #[error("its length is not what its header says")]
    Length,
}

impl Iscc {
    /// The canonical form: `ISCC:` and base32 in upper case, without padding or hyphens.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Iscc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Iscc {
    type Err = NotIscc;

    /// Reads a code in any letter case, with or without `ISCC:`, with or without hyphens.
    fn from_str(text: &str) -> Result<Self, NotIscc> {
        let upper = text.to_ascii_uppercase();
        let code = upper.strip_prefix("ISCC:").unwrap_or(&upper).replace('-', "");
        let bytes = base32(&code).ok_or(NotIscc::Base32)?;
        let [kinds, sizes, body @ ..] = bytes.as_slice() else { return Err(NotIscc::Length) };
        let (main, sub, version, length) = (kinds >> 4, kinds & 15, sizes >> 4, sizes & 15);
        // Values above 7 take more than a nibble; no code for content has one.
        if main > COMPOSITE || sub > 7 || version != 0 || length > 7 {
            return Err(NotIscc::Header);
        }
        let expected = match (main, sub) {
            (COMPOSITE, WIDE) => 32,
            (COMPOSITE, _) => 16 + 8 * length.count_ones() as usize,
            _ => 4 * (usize::from(length) + 1),
        };
        if body.len() == expected { Ok(Self(format!("ISCC:{code}"))) } else { Err(NotIscc::Length) }
    }
}

/// Decodes upper-case base32 without padding; bits that are left over must be zero, so that a code has one spelling.
fn base32(code: &str) -> Option<Vec<u8>> {
    // The longest code for content is a composite of five parts: 2 + 40 bytes, 68 characters.
    if code.len() > 68 {
        return None;
    }
    let mut out = Vec::with_capacity(code.len() * 5 / 8);
    let (mut held, mut bits) = (0u16, 0);
    for c in code.bytes() {
        held = held << 5 | ALPHABET.iter().position(|letter| *letter == c)? as u16;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            out.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    (bits < 5 && held == 0).then_some(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn code(header: [u8; 2], body: usize) -> String {
        let bytes: Vec<u8> = header.into_iter().chain((0..body).map(|i| i as u8)).collect();
        let bit = |at: usize| bytes.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1);
        let letters = (bytes.len() * 8).div_ceil(5);
        (0..letters)
            .map(|l| (0..5).fold(0, |value, b| value << 1 | usize::from(bit(l * 5 + b))))
            .map(|value| char::from(ALPHABET[value]))
            .collect()
    }

    #[test]
    fn every_content_type_and_length() {
        for (header, body) in [
            ([0x00, 0x01], 8),
            ([0x10, 0x03], 16),
            ([0x21, 0x01], 8),
            ([0x30, 0x07], 32),
            ([0x40, 0x00], 4),
            ([0x55, 0x00], 16),
            ([0x50, 0x07], 40),
            ([0x57, 0x00], 32),
        ] {
            let code = code(header, body);
            let canonical = format!("ISCC:{code}");
            for text in
                [code.clone(), canonical.clone(), code.to_lowercase(), format!("Iscc:{}-{}", &code[..4], &code[4..])]
            {
                assert_eq!(text.parse::<Iscc>().unwrap().as_str(), canonical, "{text}");
            }
        }
    }

    #[test]
    fn refused() {
        use NotIscc::{Base32, Header, Length};
        for (text, why) in [
            (code([0x60, 0x01], 8), Header),
            (code([0x70, 0x01], 8), Header),
            (code([0x00, 0x11], 8), Header),
            (code([0x08, 0x01], 8), Header),
            (code([0x00, 0x08], 36), Header),
            (code([0x00, 0x01], 7), Length),
            (code([0x00, 0x01], 9), Length),
            (code([0x50, 0x07], 39), Length),
            ("ISCC:".into(), Length),
            ("ISCC:ISCC:KACT".into(), Base32),
            ("KACT4EBWK27737D0".into(), Base32),
            // Another last letter whose five bits are the same in front.
            (code([0x00, 0x00], 4).replace('M', "N"), Base32),
            (format!("{}=", code([0x00, 0x01], 8)), Base32),
            ("A".repeat(100), Base32),
        ] {
            assert_eq!(text.parse::<Iscc>(), Err(why), "{text}");
        }
    }
}
