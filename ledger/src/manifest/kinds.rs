//! A set of kinds of content key: which of them a build makes.

use core::fmt;
use core::str::FromStr;

use crate::error::{Code, Error, Result};
use crate::manifest::kind::Kind;
use crate::manifest::shown;

/// A set of kinds.
///
/// ```
/// use ledger::manifest::{Kind, Kinds};
/// assert!(!Kinds::default().contains(Kind::SpanN1));
/// let kinds: Kinds = "default,span-n1".parse()?;
/// assert!(kinds.contains(Kind::SpanN1) && kinds.contains(Kind::TextN1));
/// let two: Kinds = "mw-page,raw-sha256".parse()?;
/// assert_eq!(two.to_string(), "raw-sha256,mw-page");
/// # Ok::<(), ledger::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kinds(u32);

impl Kinds {
    /// Every kind.
    pub const ALL: Self = Self(u32::MAX);

    /// No kind.
    pub const NONE: Self = Self(0);

    /// Whether a kind is among them.
    pub const fn contains(self, kind: Kind) -> bool {
        self.0 & bit(kind) != 0
    }

    /// The set with this kind.
    #[must_use]
    pub const fn with(self, kind: Kind) -> Self {
        Self(self.0 | bit(kind))
    }

    /// The set without this kind.
    #[must_use]
    pub const fn without(self, kind: Kind) -> Self {
        Self(self.0 & !bit(kind))
    }

    /// The kinds, by their numbers.
    pub fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.iter().copied().filter(move |kind| self.contains(*kind))
    }
}

/// Numbers of kinds are given one after another; the 32nd will need a wider set.
const fn bit(kind: Kind) -> u32 {
    1 << kind.number()
}

impl Default for Kinds {
    /// All that the items of a source have, without [`Kind::SpanN1`]: spans give a key for every 25 characters, eight
    /// times as many as paragraphs do, so they are made only if somebody asks for them.
    fn default() -> Self {
        Self::ALL.without(Kind::SpanN1)
    }
}

impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, kind) in self.iter().enumerate() {
            f.write_str(if i > 0 { "," } else { "" })?;
            f.write_str(kind.as_str())?;
        }
        Ok(())
    }
}

impl FromStr for Kinds {
    type Err = Error;

    /// Names with commas between them; `default` and `all` stand for several.
    fn from_str(text: &str) -> Result<Self> {
        let mut kinds = Self::NONE;
        for name in text.split(',').map(str::trim) {
            kinds.0 |= match name {
                "default" => Self::default().0,
                "all" => Self::ALL.0,
                _ => bit(name.parse().map_err(|_| {
                    Error::new(Code::Usage, format!("{} is not a kind of content key, default or all", shown(name)))
                })?),
            };
        }
        Ok(kinds)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_set_has_one_spelling_and_refuses_what_is_no_kind() {
        for kind in Kind::ALL {
            let kinds: Kinds = kind.as_str().parse().unwrap();
            assert_eq!((kinds, kinds.to_string().as_str()), (Kinds::NONE.with(*kind), kind.as_str()));
        }
        assert_eq!("all".parse::<Kinds>().unwrap().iter().count(), Kind::ALL.len());
        assert_eq!("default, span-n1".parse::<Kinds>().unwrap().iter().count(), Kind::ALL.len());
        for wrong in ["", "default,", "user", "Raw-Sha256"] {
            assert_eq!(wrong.parse::<Kinds>().unwrap_err().code(), Code::Usage, "{wrong:?}");
        }
    }
}
