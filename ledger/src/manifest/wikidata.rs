//! Wikidata items: `Q42`.

use core::fmt;
use core::str::FromStr;

/// The number of a Wikidata item.
///
/// ```
/// use ledger::manifest::Qid;
/// let item: Qid = "https://www.wikidata.org/entity/Q42".parse()?;
/// assert_eq!(item.to_string(), "Q42");
/// # Ok::<(), ledger::manifest::NotQid>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Qid(u64);

/// Why a text is not a Wikidata item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not a Q with the number of an item behind it, without leading zeros")]
pub struct NotQid;

/// Ways of writing an item before its number, in lower case.
const BEFORE: &[&str] = &[
    "http://www.wikidata.org/entity/",
    "https://www.wikidata.org/entity/",
    "http://www.wikidata.org/wiki/",
    "https://www.wikidata.org/wiki/",
    "https://m.wikidata.org/wiki/",
    "wd:",
];

impl Qid {
    /// The item with this number, which counts from 1.
    ///
    /// # Errors
    /// [`NotQid`] for 0.
    pub fn new(number: u64) -> Result<Self, NotQid> {
        if number == 0 { Err(NotQid) } else { Ok(Self(number)) }
    }

    /// The number.
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Qid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Q{}", self.0)
    }
}

impl FromStr for Qid {
    type Err = NotQid;

    fn from_str(text: &str) -> Result<Self, NotQid> {
        let text = text.to_ascii_lowercase();
        let name = BEFORE.iter().find_map(|before| text.strip_prefix(before)).unwrap_or(&text);
        let digits = name.strip_prefix('q').ok_or(NotQid)?;
        crate::ids::decimal(digits).map_err(|_| NotQid).and_then(Self::new)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn spellings() {
        for right in ["Q42", "q42", "wd:Q42", "http://www.wikidata.org/entity/Q42", "https://www.wikidata.org/wiki/Q42"]
        {
            assert_eq!(right.parse::<Qid>().unwrap().number(), 42, "{right}");
        }
        assert_eq!("Q18446744073709551615".parse::<Qid>().unwrap().number(), u64::MAX);
        for wrong in
            ["", "Q", "42", "Q0", "Q042", "Q-1", "Q+1", "Q4 2", "P42", "L42", "Q42 ", "Q18446744073709551616", "Q４２"]
        {
            assert_eq!(wrong.parse::<Qid>(), Err(NotQid), "{wrong:?}");
        }
    }
}
