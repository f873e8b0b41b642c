//! SHA-1 as a name that others have already given to content: MediaWiki to revisions and files, Git to file contents.
//!
//! Not a digest that anything here relies on: two contents with one SHA-1 can be made, so a key of these kinds says which
//! name was asked for, and [`super::key::raw_sha256`] is what holds. FIPS 180-4.

use core::fmt;
use core::str::FromStr;

use sha1::{Digest, Sha1};

use crate::ids::to_hex;

/// The number of digits of a SHA-1 in base 36, as MediaWiki writes it: 36^31 is the first power above 2^160.
const BASE36_DIGITS: usize = 31;

/// A SHA-1.
///
/// ```
/// use ledger::manifest::Sha1Name;
/// let name = Sha1Name::of(b"abc");
/// assert_eq!(name.to_hex(), "a9993e364706816aba3e25717850c26c9cd0d89d");
/// // The spelling of MediaWiki's dumps and database.
/// assert_eq!(name.to_base36(), "jt72fo5t4yobf0qugwuczbwj07max7h");
/// assert_eq!(name.to_base36().parse(), Ok(name));
/// # Ok::<(), ledger::manifest::NotSha1>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha1Name([u8; 20]);

/// Why a text is not a SHA-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is neither 40 hexadecimal digits nor 31 digits in base 36 below 2^160")]
pub struct NotSha1;

impl Sha1Name {
    /// The SHA-1 of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha1::digest(bytes).into())
    }

    /// The SHA-1 of bytes that come in parts.
    pub fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = Sha1::new();
        parts.into_iter().for_each(|part| hasher.update(part));
        Self(hasher.finalize().into())
    }

    /// A SHA-1 that somebody else computed.
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The 20 bytes.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// Lower-case hexadecimal, as Git and MediaWiki's API write it.
    pub fn to_hex(&self) -> String {
        to_hex(&self.0)
    }

    /// Base 36 with lower-case letters, as MediaWiki's database and dumps write it.
    pub fn to_base36(&self) -> String {
        let mut number = self.0;
        let mut digits = [b'0'; BASE36_DIGITS];
        for digit in digits.iter_mut().rev() {
            // One long division by 36, from the most significant byte on.
            let mut rest = 0u16;
            for byte in &mut number {
                let value = rest << 8 | u16::from(*byte);
                *byte = (value / 36) as u8;
                rest = value % 36;
            }
            *digit = b"0123456789abcdefghijklmnopqrstuvwxyz"[usize::from(rest)];
        }
        digits.iter().copied().map(char::from).collect()
    }
}

impl fmt::Display for Sha1Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl FromStr for Sha1Name {
    type Err = NotSha1;

    /// Reads either spelling, in any letter case.
    fn from_str(text: &str) -> Result<Self, NotSha1> {
        let base = match text.len() {
            40 => 16,
            BASE36_DIGITS => 36,
            _ => return Err(NotSha1),
        };
        let mut number = [0u8; 20];
        for digit in text.chars() {
            let mut carry = digit.to_digit(base).ok_or(NotSha1)?;
            for byte in number.iter_mut().rev() {
                carry += u32::from(*byte) * base;
                *byte = carry as u8;
                carry >>= 8;
            }
            if carry != 0 {
                return Err(NotSha1);
            }
        }
        Ok(Self(number))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_edges_of_both_spellings() {
        assert_eq!(Sha1Name::from_bytes([0; 20]).to_base36(), "0".repeat(31));
        // 2^160 − 1 has the last spelling; the next number is refused.
        let last = Sha1Name::from_bytes([0xff; 20]);
        assert_eq!(last.to_base36(), "twj4yidkw7a8pn4g709kzmfoaol3x8f");
        assert_eq!("twj4yidkw7a8pn4g709kzmfoaol3x8f".parse(), Ok(last));
        assert_eq!("twj4yidkw7a8pn4g709kzmfoaol3x8g".parse::<Sha1Name>(), Err(NotSha1));
        for wrong in ["", "0", &"g".repeat(40), &"-".repeat(31), &"f".repeat(39), &"0".repeat(32), &"é".repeat(20)] {
            assert_eq!(wrong.parse::<Sha1Name>(), Err(NotSha1), "{wrong}");
        }
        assert_eq!(Sha1Name::of_parts([&b"a"[..], b"", b"bc"]), Sha1Name::of(b"abc"));
    }

    proptest! {
        #[test]
        fn each_spelling_is_read_back(bytes: [u8; 20]) {
            let name = Sha1Name::from_bytes(bytes);
            prop_assert_eq!(name.to_base36().parse(), Ok(name));
            prop_assert_eq!(name.to_base36().to_uppercase().parse(), Ok(name));
            prop_assert_eq!(name.to_hex().parse(), Ok(name));
        }
    }
}
