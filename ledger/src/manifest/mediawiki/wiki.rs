//! The name of a wiki, and which address belongs to which wiki.

use core::fmt;
use core::str::FromStr;

use crate::error::{Code, Error, Result};
use crate::manifest::shown;

/// The database name of a wiki, as `<dbname>` in a dump: `enwiki`, `dewiktionary`, `commonswiki`.
///
/// 1 to 63 characters, so that its length fits one byte of a key: `a-z 0-9 _ -`, beginning with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wiki(String);

/// Project domains whose wikis are named by language, and the ending of their database names.
const PROJECTS: &[(&str, &str)] = &[
    ("wikipedia.org", "wiki"),
    ("wiktionary.org", "wiktionary"),
    ("wikibooks.org", "wikibooks"),
    ("wikinews.org", "wikinews"),
    ("wikiquote.org", "wikiquote"),
    ("wikisource.org", "wikisource"),
    ("wikiversity.org", "wikiversity"),
    ("wikivoyage.org", "wikivoyage"),
];

/// Hosts whose wiki is not named by the rule of [`PROJECTS`].
const SINGLE: &[(&str, &str)] = &[
    ("commons.wikimedia.org", "commonswiki"),
    ("meta.wikimedia.org", "metawiki"),
    ("species.wikimedia.org", "specieswiki"),
    ("incubator.wikimedia.org", "incubatorwiki"),
    ("mediawiki.org", "mediawikiwiki"),
    ("wikidata.org", "wikidatawiki"),
    ("wikisource.org", "sourceswiki"),
    ("wikifunctions.org", "wikifunctionswiki"),
    ("be-tarask.wikipedia.org", "be_x_oldwiki"),
    ("nb.wikipedia.org", "nowiki"),
    ("lzh.wikipedia.org", "zh_classicalwiki"),
    ("nan.wikipedia.org", "zh_min_nanwiki"),
    ("yue.wikipedia.org", "zh_yuewiki"),
];

impl Wiki {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The wiki that a host serves, for the public wikis whose addresses follow a rule; the mobile address is the same
    /// wiki. The host is one of a [`CanonicalUrl`](crate::manifest::CanonicalUrl), so without `www.`.
    pub fn of_host(host: &str) -> Option<Self> {
        let host = host.strip_prefix("m.").unwrap_or(host).replacen(".m.", ".", 1);
        if let Some((_, name)) = SINGLE.iter().find(|(single, _)| *single == host) {
            return name.parse().ok();
        }
        PROJECTS.iter().find_map(|(domain, ending)| {
            let language = host.strip_suffix(domain)?.strip_suffix('.')?;
            if language.contains('.') { None } else { format!("{}{ending}", language.replace('-', "_")).parse().ok() }
        })
    }
}

impl Wiki {
    /// The language code and the project's domain of a wiki that is named by both; `None` for any other.
    pub(super) fn language_and_project(&self) -> Option<(String, &'static str)> {
        if SINGLE.iter().any(|(host, name)| *name == self.0 && !host.ends_with(".wikipedia.org")) {
            return None;
        }
        // The longest ending: every name of a Wikipedia ends in "wiki", and only theirs in nothing longer.
        let by_ending = PROJECTS.iter().filter_map(|(domain, ending)| Some((self.0.strip_suffix(ending)?, *domain)));
        let (language, domain) = by_ending.min_by_key(|(language, _)| language.len())?;
        let renamed = SINGLE.iter().find(|(_, name)| *name == self.0).and_then(|(host, _)| host.split('.').next());
        Some((renamed.map_or_else(|| language.replace('_', "-"), str::to_owned), domain))
    }
}

impl fmt::Display for Wiki {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Wiki {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if first && text.len() <= 63 && text.bytes().all(fine) {
            Ok(Self(text.to_owned()))
        } else {
            let detail = format!("{} is not the database name of a wiki, such as enwiki", shown(text));
            Err(Error::new(Code::Usage, detail))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn hosts_and_their_wikis() {
        for (host, wiki) in [
            ("en.wikipedia.org", Some("enwiki")),
            ("en.m.wikipedia.org", Some("enwiki")),
            ("de.wiktionary.org", Some("dewiktionary")),
            ("zh-min-nan.wikipedia.org", Some("zh_min_nanwiki")),
            ("be-tarask.wikipedia.org", Some("be_x_oldwiki")),
            ("commons.wikimedia.org", Some("commonswiki")),
            ("commons.m.wikimedia.org", Some("commonswiki")),
            ("m.wikidata.org", Some("wikidatawiki")),
            ("wikipedia.org", None),
            ("a.b.wikipedia.org", None),
            ("en.wikipedia.org.example.com", None),
            ("notwikipedia.org", None),
        ] {
            assert_eq!(Wiki::of_host(host).map(|w| w.0), wiki.map(str::to_owned), "{host}");
        }
    }

    #[test]
    fn the_language_and_project_of_a_name() {
        for (wiki, expected) in [
            ("enwiki", Some(("en", "wikipedia.org"))),
            ("dewiktionary", Some(("de", "wiktionary.org"))),
            ("zh_min_nanwiki", Some(("nan", "wikipedia.org"))),
            ("nowiki", Some(("nb", "wikipedia.org"))),
            ("zh_classicalwiktionary", Some(("zh-classical", "wiktionary.org"))),
            ("commonswiki", None),
            ("wikidatawiki", None),
            ("sourceswiki", None),
            ("example", None),
        ] {
            let found = wiki.parse::<Wiki>().unwrap().language_and_project();
            assert_eq!(found.as_ref().map(|(l, p)| (l.as_str(), *p)), expected, "{wiki}");
        }
    }

    #[test]
    fn a_name_has_one_spelling() {
        for right in ["enwiki", "zh_min_nanwiki", "my-wiki", "1wiki"] {
            assert_eq!(right.parse::<Wiki>().unwrap().as_str(), right);
        }
        for wrong in ["", "EnWiki", "en wiki", "_wiki", "en/wiki", "énwiki", &"w".repeat(64)] {
            assert!(wrong.parse::<Wiki>().is_err(), "{wrong:?}");
        }
    }
}
