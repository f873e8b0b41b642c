//! A list of digests, for whoever publishes digests and not content.
//!
//! ```text
//! # a comment
//! ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
//! ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a name, which is not read
//! ```
//!
//! Or binary: 32 bytes each, and nothing between them.

use std::io::{BufRead, Read};

use crate::error::{Code, Error, Result};
use crate::manifest::key;
use crate::manifest::reader::input::Input;
use crate::manifest::reader::{Feed, Prefix, Raw, ReadOptions};

/// A list, as a feed.
pub(super) struct List {
    input: Input,
    binary: bool,
    line: Vec<u8>,
}

impl List {
    pub(super) fn open(input: Input, options: &ReadOptions, binary: bool) -> Result<Self> {
        let kind = options.digest_kind;
        if key::of_digest(kind, &[0; 32]).is_none() {
            return Err(Error::new(Code::Usage, format!("a key of {kind} is not made from a digest")));
        }
        Ok(Self { input, binary, line: Vec::new() })
    }

    fn next_binary(&mut self) -> Result<Option<Raw>> {
        let at = self.input.reader.position();
        self.input.reader.mark();
        let mut digest = [0; 32];
        let mut len = 0;
        while len < digest.len() {
            match self.input.reader.read(&mut digest[len..]) {
                Ok(0) if len == 0 => return Ok(None),
                Ok(0) => return Err(self.input.place.wrong("the last digest has less than 32 bytes", at)),
                Ok(more) => len += more,
                Err(e) => return Err(self.input.place.broken(&e)),
            }
        }
        Ok(Some(Raw::Digest(digest)))
    }

    /// The usual line, where it lies whole in the buffer: 64 digits and a line end.
    fn next_plain(&mut self) -> Result<Option<Raw>> {
        self.input.reader.mark();
        let buffer = self.input.reader.fill_buf().map_err(|e| self.input.place.broken(&e))?;
        let digest = buffer.get(..64).filter(|_| buffer.get(64) == Some(&b'\n')).and_then(digest_of);
        let Some(digest) = digest else { return Ok(None) };
        self.input.reader.consume(65);
        Ok(Some(Raw::Digest(digest)))
    }
}

impl Feed for List {
    fn next(&mut self) -> Result<Option<Raw>> {
        if self.binary {
            return self.next_binary();
        }
        if let Some(raw) = self.next_plain()? {
            return Ok(Some(raw));
        }
        loop {
            let start = self.input.reader.position();
            if !self.input.line(&mut self.line)? {
                return Ok(None);
            }
            let text = self.line.trim_ascii();
            if text.is_empty() || text.starts_with(b"#") {
                continue;
            }
            let word = text.split(u8::is_ascii_whitespace).next().unwrap_or_default();
            // sha256sum marks a name with special characters by a backslash before the digest.
            let word = word.strip_prefix(b"\\").unwrap_or(word);
            return match digest_of(word) {
                Some(digest) => Ok(Some(Raw::Digest(digest))),
                None => Err(self.input.place.wrong("the line does not begin with 64 hexadecimal digits", start)),
            };
        }
    }

    fn prefix(&self) -> Result<Prefix> {
        Ok(self.input.place.prefix())
    }

    fn stored(&self) -> u64 {
        self.input.place.stored()
    }

    fn finish(&mut self) -> Result<Prefix> {
        self.input.finish()
    }
}

/// The value of each byte as a hexadecimal digit, of either case; 0xff for what is none.
const DIGITS: [u8; 256] = {
    let mut table = [0xff; 256];
    let mut digit = 0;
    while digit < 16 {
        table[b"0123456789abcdef"[digit] as usize] = digit as u8;
        table[b"0123456789ABCDEF"[digit] as usize] = digit as u8;
        digit += 1;
    }
    table
};

fn digest_of(word: &[u8]) -> Option<[u8; 32]> {
    let word: &[u8; 64] = word.try_into().ok()?;
    let mut digest = [0; 32];
    let mut all = 0;
    for (byte, pair) in digest.iter_mut().zip(word.chunks_exact(2)) {
        let (high, low) = (DIGITS[usize::from(pair[0])], DIGITS[usize::from(pair[1])]);
        all |= high | low;
        *byte = high << 4 | low & 15;
    }
    (all < 16).then_some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_four_digits_of_either_case_are_a_digest_and_nothing_else_is() {
        let lower = crate::ids::to_hex(&[0xa5; 32]);
        assert_eq!(digest_of(lower.as_bytes()), Some([0xa5; 32]));
        assert_eq!(digest_of(lower.to_uppercase().as_bytes()), Some([0xa5; 32]));
        assert_eq!(digest_of(&lower.as_bytes()[1..]), None);
        for at in [0, 31, 63] {
            for wrong in [b'g', b'/', b':', b'@', b'`', 0xff, b' '] {
                let mut word = lower.clone().into_bytes();
                word[at] = wrong;
                assert_eq!(digest_of(&word), None, "{wrong} at {at}");
            }
        }
    }
}
