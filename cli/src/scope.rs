//! What a preference is about, as somebody types it.
//!
//! ```text
//! https://example.org/essay                   one address
//! prefix:https://example.org/blog/            every address that begins so
//! page:enwiki/12   rev:enwiki/5012            a wiki's page or revision, by number
//! title:enwiki/Tea                            a wiki's page, by title
//! sha256:<64 hex>                             an item, by the digest of its bytes
//! KIND=<64 hex>                               a content key of any kind, as `colophon ask --json` prints it
//! ```

use ledger::ids::ContentKey;
use ledger::manifest::mediawiki::{Namespaces, Title, Wiki};
use ledger::manifest::{CanonicalUrl, Kind, key};
use ledger::record::kinds::Scope;

/// Some content of the command line.
pub(crate) fn scope(text: &str) -> std::result::Result<Scope, String> {
    let text = text.trim();
    let not = |what: &str, error: &dyn std::fmt::Display| format!("{what}: {error}");
    if let Some((kind, hex)) = text.rsplit_once('=')
        && let Ok(key) = hex.parse::<ContentKey>()
    {
        return Ok(Scope::of_key(kind, key));
    }
    let (word, rest) =
        text.split_once(':').ok_or("expected an address, page:WIKI/ID, title:WIKI/TITLE or sha256:HEX")?;
    let of = |kind: Kind, key: ContentKey| Ok(Scope::of_key(kind.as_str(), key));
    match word {
        "http" | "https" => {
            let url: CanonicalUrl =
                text.parse().map_err(|error| not("this address cannot be a content key", &error))?;
            of(Kind::UrlC1, key::url_c1(&url))
        }
        "prefix" => {
            let url: CanonicalUrl =
                rest.parse().map_err(|error| not("this is not the beginning of an address", &error))?;
            Ok(Scope::of_prefix(url.as_str()))
        }
        "page" | "rev" => {
            let (wiki, number) = wiki_and(rest)?;
            let number: u64 = number.parse().map_err(|_| format!("{number:?} is not a number"))?;
            match word {
                "page" => of(Kind::MwPage, key::mw_page(&wiki, number)),
                _ => of(Kind::MwRev, key::mw_rev(&wiki, number)),
            }
        }
        "title" => {
            let (wiki, title) = wiki_and(rest)?;
            let title = Title::parse(title, &Namespaces::common()).map_err(|error| not("this is no title", &error))?;
            of(Kind::MwTitle, key::mw_title(&wiki, &title))
        }
        "sha256" => {
            let digest: ContentKey = rest.parse().map_err(|error| not("this is no digest", &error))?;
            let key = key::of_digest(Kind::RawSha256, digest.as_bytes()).ok_or("a digest has a key")?;
            of(Kind::RawSha256, key)
        }
        _ => Err("expected an address, prefix:, page:, rev:, title: or sha256:".to_owned()),
    }
}

fn wiki_and(text: &str) -> std::result::Result<(Wiki, &str), String> {
    let (wiki, rest) = text.split_once('/').ok_or("expected the wiki before a slash, as in page:enwiki/12")?;
    let wiki = wiki.trim().parse::<Wiki>().map_err(|_| format!("{wiki:?} is no wiki; enwiki is one"))?;
    Ok((wiki, rest.trim()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn each_way_of_naming_content_has_its_kind_and_an_account_has_none() {
        let kind = |text: &str| scope(text).unwrap().kind;
        assert_eq!(kind("page:enwiki/12"), "mw-page");
        assert_eq!(kind("rev:enwiki/5012"), "mw-rev");
        assert_eq!(kind("title:enwiki/Tea"), "mw-title");
        assert_eq!(kind("https://example.org/essay"), "url-c1");
        assert_eq!(kind(&format!("sha256:{}", "ab".repeat(32))), "raw-sha256");
        assert_eq!(kind(&format!("para-n1={}", "ab".repeat(32))), "para-n1");
        assert!(scope("prefix:https://example.org/blog/").unwrap().prefix.is_some());
        for none in ["title:enwiki/User:Somebody", "page:12", "tea", "page:enwiki/x"] {
            assert!(scope(none).is_err(), "{none}");
        }
    }
}
