//! Names that somebody else has given to content, each of which is a kind of its own.

use crate::error::{Code, Error, Result};
use crate::ids::ContentKey;
use crate::manifest::iscc::Iscc;
use crate::manifest::kind::Kind;
use crate::manifest::sha1::Sha1Name;
use crate::manifest::swhid::Swhid;
use crate::manifest::url::Host;
use crate::manifest::wikidata::Qid;
use crate::manifest::{key, shown};

/// A content's name in somebody's catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Named {
    /// The host of its address.
    Host(Host),
    /// MediaWiki's SHA-1 of a revision's text.
    MwSha1(Sha1Name),
    /// The Wikidata item that it is about.
    WikidataQid(Qid),
    /// Its Software Heritage identifier.
    Swhid(Swhid),
    /// The SHA-1 of a media file, as Wikimedia Commons lists it.
    MediaSha1(Sha1Name),
    /// Its International Standard Content Code.
    Iscc(Iscc),
}

impl Named {
    /// Reads a name of this kind; a kind that is no such name is refused.
    ///
    /// # Errors
    /// `usage`.
    pub fn parse(kind: Kind, text: &str) -> Result<Self> {
        let wrong = |why: String| Error::new(Code::Usage, format!("{} is not a name of {kind}: {why}", shown(text)));
        Ok(match kind {
            Kind::Host => Self::Host(text.parse().map_err(|e: crate::manifest::UrlRefused| wrong(e.to_string()))?),
            Kind::MwSha1 => Self::MwSha1(sha1(text).map_err(wrong)?),
            Kind::WikidataQid => {
                Self::WikidataQid(text.parse().map_err(|e: crate::manifest::NotQid| wrong(e.to_string()))?)
            }
            Kind::Swhid => Self::Swhid(text.parse().map_err(|e: crate::manifest::NotSwhid| wrong(e.to_string()))?),
            Kind::MediaSha1 => Self::MediaSha1(sha1(text).map_err(wrong)?),
            Kind::Iscc => Self::Iscc(text.parse().map_err(|e: crate::manifest::NotIscc| wrong(e.to_string()))?),
            _ => return Err(wrong("such keys are made from content".into())),
        })
    }

    /// The kind of its key.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Host(_) => Kind::Host,
            Self::MwSha1(_) => Kind::MwSha1,
            Self::WikidataQid(_) => Kind::WikidataQid,
            Self::Swhid(_) => Kind::Swhid,
            Self::MediaSha1(_) => Kind::MediaSha1,
            Self::Iscc(_) => Kind::Iscc,
        }
    }

    /// Its key.
    pub fn key(&self) -> ContentKey {
        match self {
            Self::Host(host) => key::host(host),
            Self::MwSha1(name) => key::mw_sha1(name),
            Self::WikidataQid(item) => key::wikidata_qid(*item),
            Self::Swhid(id) => key::swhid(id),
            Self::MediaSha1(name) => key::media_sha1(name),
            Self::Iscc(code) => key::iscc(code),
        }
    }
}

impl core::fmt::Display for Named {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Host(host) => f.write_str(host.as_str()),
            Self::MwSha1(name) => f.write_str(&name.to_base36()),
            Self::WikidataQid(item) => item.fmt(f),
            Self::Swhid(id) => id.fmt(f),
            Self::MediaSha1(name) => name.fmt(f),
            Self::Iscc(code) => code.fmt(f),
        }
    }
}

fn sha1(text: &str) -> Result<Sha1Name, String> {
    text.parse().map_err(|e: crate::manifest::NotSha1| e.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_name_reads_back_as_itself() {
        for (kind, text, shown) in [
            (Kind::Host, "https://www.Example.org/x", "example.org"),
            (Kind::MwSha1, "a9993e364706816aba3e25717850c26c9cd0d89d", "jt72fo5t4yobf0qugwuczbwj07max7h"),
            (Kind::WikidataQid, "wd:q42", "Q42"),
            (
                Kind::Swhid,
                "swh:1:cnt:e69de29bb2d1d6434b8b29ae775ad8c2e48c5391;x=y",
                "swh:1:cnt:e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
            ),
            (Kind::MediaSha1, "jt72fo5t4yobf0qugwuczbwj07max7h", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (Kind::Iscc, "eaas-aaac-qcaw", "ISCC:EAASAAACQCAW"),
        ] {
            let Ok(named) = Named::parse(kind, text) else { continue };
            assert_eq!((named.kind(), named.to_string().as_str()), (kind, shown));
            assert_eq!(Named::parse(kind, &named.to_string()).unwrap(), named);
        }
        for kind in Kind::ALL {
            assert_eq!(Named::parse(*kind, "no such name").unwrap_err().code(), Code::Usage);
        }
    }
}
