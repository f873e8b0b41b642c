//! Software Heritage identifiers of file contents, which are Git's blob ids.
//!
//! ```text
//! swh:1:cnt:f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f        = SHA-1("blob " ‖ decimal length ‖ 0x00 ‖ content)
//! ```
//!
//! Only contents: directories, revisions, releases and snapshots name structures, which no item of a dataset is.
//! ISO/IEC 18670; qualifiers (`;origin=…`) say where a content was seen and are left out.

use core::fmt;
use core::str::FromStr;

use crate::manifest::sha1::Sha1Name;

const SCHEME: &str = "swh:1:cnt:";

/// The identifier of a file content.
///
/// ```
/// use ledger::manifest::Swhid;
/// assert_eq!(Swhid::of(b"abc").to_string(), "swh:1:cnt:f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Swhid(Sha1Name);

/// Why a text is not the identifier of a file content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSwhid {
    /// It does not begin with `swh:1:`.
    #[error("it does not begin with swh:1:")]
    Scheme,
    /// It names something else than a content.
    #[error("only contents (swh:1:cnt:…) are keyed, not directories, revisions, releases or snapshots")]
    NotContent,
    /// Its digest is not 40 hexadecimal digits.
    #[error("its digest is not 40 hexadecimal digits")]
    Digest,
}

impl Swhid {
    /// The identifier of a content.
    pub fn of(content: &[u8]) -> Self {
        Self(Sha1Name::of_parts([format!("blob {}\0", content.len()).as_bytes(), content]))
    }

    /// The identifier whose digest, Git's blob id, is known already.
    pub const fn of_blob(id: Sha1Name) -> Self {
        Self(id)
    }

    /// Git's blob id.
    pub const fn blob(&self) -> Sha1Name {
        self.0
    }
}

impl fmt::Display for Swhid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.0)
    }
}

impl FromStr for Swhid {
    type Err = NotSwhid;

    fn from_str(text: &str) -> Result<Self, NotSwhid> {
        let core = text.split(';').next().unwrap_or_default().to_ascii_lowercase();
        let Some(digest) = core.strip_prefix(SCHEME) else {
            let other = ["dir", "rev", "rel", "snp"].iter().any(|kind| core.starts_with(&format!("swh:1:{kind}:")));
            return Err(if other { NotSwhid::NotContent } else { NotSwhid::Scheme });
        };
        if digest.len() != 40 {
            return Err(NotSwhid::Digest);
        }
        digest.parse().map(Self).map_err(|_| NotSwhid::Digest)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn an_empty_file_has_gits_well_known_id() {
        assert_eq!(Swhid::of(b"").to_string(), "swh:1:cnt:e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        assert_eq!(Swhid::of_blob(Swhid::of(b"x").blob()), Swhid::of(b"x"));
    }

    #[test]
    fn what_else_begins_alike_is_refused() {
        let hex = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391";
        assert!(format!("SWH:1:CNT:{};origin=https://example.org", hex.to_uppercase()).parse::<Swhid>().is_ok());
        for (text, why) in [
            (format!("swh:1:dir:{hex}"), NotSwhid::NotContent),
            (format!("swh:1:snp:{hex};x=y"), NotSwhid::NotContent),
            (format!("swh:2:cnt:{hex}"), NotSwhid::Scheme),
            (format!(" swh:1:cnt:{hex}"), NotSwhid::Scheme),
            (hex.into(), NotSwhid::Scheme),
            (format!("swh:1:cnt:{}", &hex[1..]), NotSwhid::Digest),
            (format!("swh:1:cnt:{hex}0"), NotSwhid::Digest),
            (format!("swh:1:cnt:{}", "0".repeat(31)), NotSwhid::Digest),
            (format!("swh:1:cnt:{}g", &hex[1..]), NotSwhid::Digest),
        ] {
            assert_eq!(text.parse::<Swhid>(), Err(why), "{text}");
        }
    }
}
