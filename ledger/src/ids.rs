//! The names of things: digests that identify records, keys and bodies, and the two numbers of a tree.
//!
//! Every idea has its own type, so that a record id can never stand where a key id is meant.
//! Nothing here hashes or reads a clock; see [`crate::merkle`] for the hashes of the tree.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not one of the identifiers of this module.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found:?}")]
pub struct IdError {
    expected: &'static str,
    found: String,
}

impl IdError {
    fn new(expected: &'static str, found: &str) -> Self {
        // An identifier is at most 71 bytes; a longer text is cut so that an error cannot carry a megabyte.
        let found = found.chars().take(80).collect();
        Self { expected, found }
    }
}

/// Lower-case hexadecimal, two digits a byte.
pub fn to_hex(bytes: &[u8]) -> String {
    let (whole, rest) = bytes.as_chunks::<32>();
    let mut text = String::with_capacity(bytes.len() * 2);
    for chunk in whole {
        text.push_str(Digits::of(chunk).as_str());
    }
    let mut last = [0; 32];
    last[..rest.len()].copy_from_slice(rest);
    text.push_str(&Digits::of(&last).as_str()[..2 * rest.len()]);
    text
}

/// 64 digits that need no memory of their own: every entry and answer writes several.
struct Digits([u8; 64]);

impl Digits {
    fn of(bytes: &[u8; 32]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut digits = [0; 64];
        for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
            *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
        }
        Self(digits)
    }

    fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Reads exactly 64 lower-case hexadecimal digits; upper case is refused, so that a digest has one spelling.
///
/// # Errors
/// [`IdError`] for anything else, with the beginning of what was found.
pub fn from_hex(text: &str) -> Result<[u8; 32], IdError> {
    const EXPECTED: &str = "64 lower-case hexadecimal digits";
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return Err(IdError::new(EXPECTED, text));
    }
    let mut out = [0u8; 32];
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        let mut value = 0;
        for digit in pair {
            value = value << 4
                | match digit {
                    b'0'..=b'9' => digit - b'0',
                    b'a'..=b'f' => digit - b'a' + 10,
                    _ => return Err(IdError::new(EXPECTED, text)),
                };
        }
        *byte = value;
    }
    Ok(out)
}

macro_rules! digest_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// The value with these 32 bytes.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// 64 lower-case hexadecimal digits.
            pub fn to_hex(&self) -> String {
                to_hex(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(Digits::of(&self.0).as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                from_hex(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(Digits::of(&self.0).as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

digest_type! {
    /// SHA-256 of a statement's payload bytes. Names what was said, whoever signed it and however often.
    RecordId
}
digest_type! {
    /// SHA-256 of the DER SubjectPublicKeyInfo of a public key (RFC 8410 for Ed25519, RFC 5480 for P-256).
    KeyId
}
digest_type! {
    /// SHA-256 of a body: the bytes of a DSSE envelope exactly as they were accepted.
    BodyDigest
}
digest_type! {
    /// SHA-256 of an artefact that a statement names as its subject.
    SubjectDigest
}
digest_type! {
    /// One digest by which an item of a dataset can be asked for.
    ContentKey
}
digest_type! {
    /// SHA-256 of a keyspace's `header.json` bytes.
    KeyspaceId
}
digest_type! {
    /// SHA-256 of a term: where the verifiable index has it.
    TrieKey
}
digest_type! {
    /// The root of the verifiable index, as an `index-root` record states it.
    TrieRoot
}

impl RecordId {
    /// The prefix of a record id inside a predicate.
    pub const REFERENCE_PREFIX: &'static str = "record:";

    /// The form in which one record names another: `record:<64 hex>`.
    pub fn to_reference(&self) -> String {
        format!("{}{self}", Self::REFERENCE_PREFIX)
    }

    /// Reads `record:<64 hex>`; `None` for any other text.
    pub fn from_reference(text: &str) -> Option<Self> {
        text.strip_prefix(Self::REFERENCE_PREFIX)?.parse().ok()
    }

    /// The digits of an id as people copy it, with or without `record:` before them. Whether they are digits is not looked
    /// at, for where people name a record they may name other things too.
    pub fn digits(text: &str) -> &str {
        text.strip_prefix(Self::REFERENCE_PREFIX).unwrap_or(text)
    }
}

macro_rules! number_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            /// Decimal without sign or leading zero.
            fn from_str(text: &str) -> Result<Self, IdError> {
                decimal(text).map(Self)
            }
        }
    };
}

number_type! {
    /// The place of an entry in the log, counted from 0.
    LeafIndex
}
number_type! {
    /// How many entries a tree covers.
    TreeSize
}
number_type! {
    /// Milliseconds since 1970-01-01T00:00:00Z. The core never reads a clock; it is handed one of these.
    UnixMillis
}

impl UnixMillis {
    /// One day.
    pub const DAY: u64 = 24 * 60 * 60 * 1000;
}

impl TreeSize {
    /// Whether the entry at `index` is inside a tree of this size.
    pub const fn covers(self, index: LeafIndex) -> bool {
        index.0 < self.0
    }
}

/// Reads a decimal number without sign or leading zero, so that a number has one spelling.
///
/// # Errors
/// [`IdError`] for any other spelling, and for a number above 2^64 − 1.
pub fn decimal(text: &str) -> Result<u64, IdError> {
    const EXPECTED: &str = "a decimal number without leading zeroes";
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !plain || (text.len() > 1 && text.starts_with('0')) {
        return Err(IdError::new(EXPECTED, text));
    }
    text.parse().map_err(|_| IdError::new(EXPECTED, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_has_one_spelling() {
        let id = RecordId::from_bytes([0xab; 32]);
        assert_eq!(id.to_hex().parse(), Ok(id));
        assert!(id.to_hex().to_uppercase().parse::<RecordId>().is_err());
        assert!(id.to_hex()[1..].parse::<RecordId>().is_err());
        assert!("é".repeat(32).parse::<RecordId>().is_err());
    }

    #[test]
    fn a_reference_carries_its_prefix() {
        let id = RecordId::from_bytes([7; 32]);
        assert_eq!(RecordId::from_reference(&id.to_reference()), Some(id));
        assert_eq!(RecordId::from_reference(&id.to_hex()), None);
        for copied in [id.to_reference(), id.to_hex()] {
            assert_eq!(RecordId::digits(&copied).parse(), Ok(id));
        }
        assert!(RecordId::digits(&format!("record:{}", id.to_reference())).parse::<RecordId>().is_err());
    }

    #[test]
    fn a_number_has_one_spelling() {
        assert_eq!("0".parse(), Ok(TreeSize(0)));
        assert_eq!("18446744073709551615".parse(), Ok(LeafIndex(u64::MAX)));
        for wrong in ["", "00", "01", "+1", "-1", " 1", "1 ", "1e3", "18446744073709551616", "١"] {
            assert!(wrong.parse::<LeafIndex>().is_err(), "{wrong:?}");
        }
    }
}
