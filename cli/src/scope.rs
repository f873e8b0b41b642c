//! What a preference is about, as somebody types it.
//!
//! ```text
//! https://example.org/essay                   one address; of a known wiki also the page behind it
//! prefix:https://example.org/blog/            every address that begins so
//! page:enwiki/12   rev:enwiki/5012            a wiki's page or revision, by number; also enwiki:page:12
//! title:enwiki/Tea                            a wiki's page, by title; also enwiki:title:Tea
//! sha256:<64 hex>                             an item, by the digest of its bytes
//! KIND=<64 hex>                               a content key of any kind, as `colophon ask --json` prints it
//! ```

use ledger::ids::ContentKey;
use ledger::manifest::{CanonicalUrl, Hints, Kind, Question};
use ledger::record::kinds::Scope;

/// Some content of the command line, by every key that stands for it: an address of a wiki is also the page that it shows.
pub(crate) fn scopes(text: &str) -> std::result::Result<Vec<Scope>, String> {
    let text = text.trim();
    if let Some((kind, hex)) = text.rsplit_once('=')
        && let Ok(key) = hex.parse::<ContentKey>()
    {
        return Ok(vec![Scope::of_key(kind, key)]);
    }
    if let Some(rest) = text.strip_prefix("prefix:") {
        let url: CanonicalUrl =
            rest.parse().map_err(|error| format!("this is not the beginning of an address: {error}"))?;
        return Ok(vec![Scope::of_prefix(url.as_str())]);
    }
    let question = Question::parse(text, &Hints::default()).map_err(|error| error.detail().to_owned())?;
    if question.form().is_some() {
        return Err("expected an address, prefix:ADDRESS, page:WIKI/ID, rev:WIKI/ID, title:WIKI/TITLE, sha256:HEX or \
                    KIND=KEY"
            .to_owned());
    }
    // Whoever names a revision does not speak of every other one of the page.
    let one_revision = question.parts().iter().any(|part| part.kind() == Kind::MwRev);
    let parts = question.parts().iter().filter(|part| !(one_revision && part.kind() == Kind::MwTitle));
    Ok(parts.flat_map(|part| part.keys().iter().map(|key| Scope::of_key(part.kind().as_str(), *key))).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn each_way_of_naming_content_has_its_kind_and_an_account_has_none() {
        let kind = |text: &str| scopes(text).unwrap().remove(0).kind;
        assert_eq!(kind("page:enwiki/12"), "mw-page");
        assert_eq!(kind("rev:enwiki/5012"), "mw-rev");
        assert_eq!(kind("title:enwiki/Tea"), "mw-title");
        assert_eq!(kind("https://example.org/essay"), "url-c1");
        assert_eq!(kind(&format!("sha256:{}", "ab".repeat(32))), "raw-sha256");
        assert_eq!(kind(&format!("para-n1={}", "ab".repeat(32))), "para-n1");
        assert!(scopes("prefix:https://example.org/blog/").unwrap()[0].prefix.is_some());
        for none in ["title:enwiki/User:Somebody", "page:12", "tea", "page:enwiki/x"] {
            assert!(scopes(none).is_err(), "{none}");
        }
    }

    #[test]
    fn an_address_of_a_wiki_is_about_its_page_in_every_spelling() {
        let title = scopes("enwiki:title:Aikido").unwrap().remove(0);
        for address in [
            "https://en.wikipedia.org/wiki/Aikido",
            "https://en.m.wikipedia.org/wiki/Aikido",
            "en.wikipedia.org/wiki/Aikido",
        ] {
            assert!(scopes(address).unwrap().contains(&title), "{address}");
        }
        let kinds = |text: &str| scopes(text).unwrap().into_iter().map(|scope| scope.kind).collect::<Vec<String>>();
        assert_eq!(kinds("https://en.wikipedia.org/w/index.php?title=Tea&oldid=7"), ["url-c1", "mw-rev"]);
    }
}
