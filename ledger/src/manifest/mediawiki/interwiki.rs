//! Titles that name another wiki: `de:Tee`, `wikt:tea`, `:wikt:de:Tee`, `commons:File:A.png`.

use crate::manifest::mediawiki::plain::{decode_entities, is_language};
use crate::manifest::mediawiki::{Namespaces, Title, TitleRefused, Wiki};

/// Prefixes of the projects that have a wiki for each language, with their domains.
const PROJECTS: &[(&[&str], &str)] = &[
    (&["w", "wikipedia"], "wikipedia.org"),
    (&["wikt", "wiktionary"], "wiktionary.org"),
    (&["b", "wikibooks"], "wikibooks.org"),
    (&["n", "wikinews"], "wikinews.org"),
    (&["q", "wikiquote"], "wikiquote.org"),
    (&["s", "wikisource"], "wikisource.org"),
    (&["v", "wikiversity"], "wikiversity.org"),
    (&["voy", "wikivoyage"], "wikivoyage.org"),
];

/// Prefixes of single wikis.
const SINGLE: &[(&[&str], &str)] = &[
    (&["c", "commons"], "commonswiki"),
    (&["d", "wikidata"], "wikidatawiki"),
    (&["m", "meta", "metawikipedia"], "metawiki"),
    (&["mw", "mediawikiwiki"], "mediawikiwiki"),
    (&["species", "wikispecies"], "specieswiki"),
];

/// How many prefixes are read: a project, a language, and one that names where one is already.
const MAX_PREFIXES: usize = 3;

/// A title as somebody writes it on a wiki, and the wiki that it is on. A name that is a namespace of the wiki is never a
/// prefix, as in MediaWiki.
pub(super) fn resolve(text: &str, wiki: &Wiki) -> Result<(Wiki, Title), TitleRefused> {
    let text = decode_entities(text);
    let mut rest = text.trim();
    let mut wiki = wiki.clone();
    for _ in 0..MAX_PREFIXES {
        let inner = rest.strip_prefix(':').unwrap_or(rest).trim_start();
        let Some((prefix, behind)) = inner.split_once(':') else { break };
        if Namespaces::of_wiki(&wiki).number(prefix).is_some() {
            break;
        }
        let Some(target) = target(&prefix.trim().to_ascii_lowercase(), &wiki) else { break };
        wiki = target;
        rest = behind.trim();
    }
    let title = Title::parse(rest, &Namespaces::of_wiki(&wiki))?;
    Ok((wiki, title))
}

fn target(prefix: &str, from: &Wiki) -> Option<Wiki> {
    let (language, project) = from.language_and_project().unwrap_or(("en".into(), "wikipedia.org"));
    if let Some((_, domain)) = PROJECTS.iter().find(|(names, _)| names.contains(&prefix)) {
        return Wiki::of_host(&format!("{language}.{domain}"));
    }
    if let Some((_, name)) = SINGLE.iter().find(|(names, _)| names.contains(&prefix)) {
        return name.parse().ok();
    }
    if is_language(prefix) { Wiki::of_host(&format!("{prefix}.{project}")) } else { None }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn read(wiki: &str, text: &str) -> Result<String, TitleRefused> {
        let (wiki, title) = resolve(text, &wiki.parse().unwrap())?;
        Ok(format!("{wiki} {} {}", title.namespace(), title.text()))
    }

    #[test]
    fn prefixes_lead_to_other_wikis_and_namespaces_do_not() {
        for (wiki, text, expected) in [
            ("enwiki", "Tea", "enwiki 0 Tea"),
            ("enwiki", "de:Tee", "dewiki 0 Tee"),
            ("enwiki", ":de:Vorlage:Tee", "dewiki 10 Tee"),
            ("enwiki", "Vorlage:Tee", "enwiki 0 Vorlage:Tee"),
            ("enwiki", "wikt:tea", "enwiktionary 0 tea"),
            ("dewiki", "wikt:Tee", "dewiktionary 0 Tee"),
            ("enwiki", "wikt:de:Tee", "dewiktionary 0 Tee"),
            ("enwiki", "wikt:Appendix:Tea", "enwiktionary 100 Tea"),
            ("frwiktionary", "w:Thé", "frwiki 0 Thé"),
            ("enwiki", "commons:Image:A.png", "commonswiki 6 A.png"),
            ("commonswiki", "de:Tee", "dewiki 0 Tee"),
            ("enwiki", "d:Q42", "wikidatawiki 0 Q42"),
            ("enwiki", "nb:Te", "nowiki 0 Te"),
            ("enwiki", "zh-min-nan:T", "zh_min_nanwiki 0 T"),
            ("enwiki", " W : Tea ", "enwiki 0 Tea"),
            ("frwiki", "Portail:Thé", "frwiki 100 Thé"),
            ("ruwiki", "ВП:Чай", "ruwiki 4 Чай"),
            ("dewiki", "Wikipedia:Tee", "dewiki 4 Tee"),
            ("enwiki", "Star Trek: Discovery", "enwiki 0 Star Trek: Discovery"),
            ("enwiki", "AT&amp;T", "enwiki 0 AT&T"),
            ("my-wiki", "Talk:Tea", "my-wiki 1 Tea"),
        ] {
            assert_eq!(read(wiki, text).as_deref(), Ok(expected), "{wiki} {text}");
        }
    }

    #[test]
    fn accounts_are_refused_wherever_they_are() {
        for text in
            ["User:A", "de:Benutzer:A", ":fr:Discussion utilisateur:A", "wikt:de:User talk:A", "commons:Special:B"]
        {
            assert_eq!(read("enwiki", text), Err(TitleRefused::Account), "{text}");
        }
        assert_eq!(read("enwiki", "de:"), Err(TitleRefused::Empty));
    }
}
