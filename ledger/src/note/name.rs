//! The names on a checkpoint: of the log, and of a key.

use core::fmt;
use core::str::FromStr;

use crate::error::{Code, Error};

/// The longest origin or key name, in bytes. ML-DSA-44 cosignatures sign both behind a length of one byte (C2SP
/// tlog-cosignature), so that a longer name could never be cosigned.
pub const MAX_NAME_LEN: usize = 255;

/// Why a text is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is nothing.
    #[error("the name is empty")]
    Empty,
    /// More than [`MAX_NAME_LEN`] bytes.
    #[error("the name has {0} bytes, more than {MAX_NAME_LEN}")]
    TooLong(usize),
    /// A character that would change how a note is read.
    #[error("the name contains {0:?}")]
    Character(char),
}

impl From<NameError> for Error {
    fn from(error: NameError) -> Self {
        let code = match error {
            NameError::TooLong(_) => Code::NameTooLong,
            NameError::Empty | NameError::Character(_) => Code::NoteInvalid,
        };
        Error::new(code, error.to_string())
    }
}

fn check(text: &str, refused: impl Fn(char) -> bool) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > MAX_NAME_LEN {
        return Err(NameError::TooLong(text.len()));
    }
    match text.chars().find(|&c| c < ' ' || refused(c)) {
        Some(c) => Err(NameError::Character(c)),
        None => Ok(()),
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $refused:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Reads a name.
            ///
            /// # Errors
            /// [`NameError`]; as an [`Error`] `name_too_long`, else `note_invalid`.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                check(text, $refused)?;
                Ok(Self(text.to_owned()))
            }

            /// The name's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }
    };
}

name_type! {
    /// The name of a key: 1 to 255 bytes without Unicode spaces, `+` or control characters (C2SP signed-note).
    ///
    /// Best a URL without its scheme, such as `example.com/log`.
    KeyName, |c| c == '+' || c.is_whitespace()
}
name_type! {
    /// The first line of a checkpoint, which says of which log it is: 1 to 255 bytes without control characters (C2SP
    /// tlog-checkpoint).
    Origin, |_| false
}

impl Origin {
    /// The name that the log's own key must have for a policy to find it.
    ///
    /// # Errors
    /// [`NameError`] for an origin with a space or a `+`, which no key can be named.
    pub fn to_key_name(&self) -> Result<KeyName, NameError> {
        KeyName::parse(&self.0)
    }
}

impl From<KeyName> for Origin {
    fn from(name: KeyName) -> Self {
        Self(name.0)
    }
}

/// Whether this origin is the name of that key.
impl PartialEq<KeyName> for Origin {
    fn eq(&self, name: &KeyName) -> bool {
        self.0 == name.0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    #[test]
    fn b14_a_key_name_has_no_plus_space_or_control_character() {
        for (wrong, c) in [
            ("a+b", '+'),
            ("a b", ' '),
            ("a\u{a0}b", '\u{a0}'),
            ("a\u{3000}", '\u{3000}'),
            ("a\nb", '\n'),
            ("\u{7}", '\u{7}'),
        ] {
            assert_eq!(KeyName::parse(wrong), Err(NameError::Character(c)), "{wrong:?}");
        }
        assert_eq!(KeyName::parse(""), Err(NameError::Empty));
        assert!(KeyName::parse("example.com/søk—1").is_ok());
    }

    #[test]
    fn a_name_is_at_most_255_bytes() {
        assert!(KeyName::parse(&"é".repeat(127)).is_ok());
        assert_eq!(KeyName::parse(&"é".repeat(128)), Err(NameError::TooLong(256)));
        assert!(Origin::parse(&"a".repeat(255)).is_ok());
        assert_eq!(Error::from(Origin::parse(&"a".repeat(256)).unwrap_err()).code(), Code::NameTooLong);
    }

    #[test]
    fn an_origin_may_have_spaces_and_is_then_no_key_name() {
        let origin = Origin::parse("go.sum database tree").unwrap();
        assert_eq!(origin.to_key_name(), Err(NameError::Character(' ')));
        let origin = Origin::parse("example.com/log").unwrap();
        assert!(origin == origin.to_key_name().unwrap());
    }
}
