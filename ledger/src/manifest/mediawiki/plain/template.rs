//! The few templates whose text is in their source: those that wrap a text and those that name a character.
//!
//! Their names are the English Wikipedia's, under which many other wikis have them too. Everything else that a template
//! shows is made elsewhere and cannot be told from the page, so it is left out.

use crate::manifest::mediawiki::plain::BLOCK;

/// Which parameter a wrapping template shows.
#[derive(Clone, Copy)]
enum Shows {
    First,
    Second,
    Last,
    /// The first, or the one named `text` or `quote`, as a block of its own.
    Quotation,
    Text(&'static str),
    /// A text before the only parameter.
    Before(&'static str),
}

const KNOWN: &[(&str, Shows)] = &[
    ("nowrap", Shows::First),
    ("nobr", Shows::First),
    ("nobreak", Shows::First),
    ("small", Shows::First),
    ("smaller", Shows::First),
    ("big", Shows::First),
    ("larger", Shows::First),
    ("sc", Shows::First),
    ("smallcaps", Shows::First),
    ("sup", Shows::First),
    ("sub", Shows::First),
    ("em", Shows::First),
    ("strong", Shows::First),
    ("abbr", Shows::First),
    ("tooltip", Shows::First),
    ("mono", Shows::First),
    ("code", Shows::First),
    ("tt", Shows::First),
    ("kbd", Shows::First),
    ("samp", Shows::First),
    ("math", Shows::First),
    ("mvar", Shows::First),
    ("not a typo", Shows::First),
    ("as written", Shows::First),
    ("visible anchor", Shows::First),
    ("vanchor", Shows::First),
    ("lang", Shows::Second),
    ("transl", Shows::Last),
    ("transliteration", Shows::Last),
    ("quote", Shows::Quotation),
    ("quotation", Shows::Quotation),
    ("blockquote", Shows::Quotation),
    ("cquote", Shows::Quotation),
    ("circa", Shows::Before("c. ")),
    ("c.", Shows::Before("c. ")),
    ("ndash", Shows::Text("–")),
    ("en dash", Shows::Text("–")),
    ("mdash", Shows::Text("—")),
    ("em dash", Shows::Text("—")),
    ("spaced ndash", Shows::Text(" – ")),
    ("snd", Shows::Text(" – ")),
    ("spnd", Shows::Text(" – ")),
    ("dash", Shows::Text(" – ")),
    ("nbsp", Shows::Text(" ")),
    ("thinsp", Shows::Text(" ")),
    ("·", Shows::Text(" · ")),
    ("middot", Shows::Text(" · ")),
    ("•", Shows::Text(" • ")),
    ("bull", Shows::Text(" • ")),
    ("'", Shows::Text("&#39;")),
    ("'s", Shows::Text("&#39;s")),
    ("!", Shows::Text("|")),
    ("=", Shows::Text("=")),
];

/// What a template shows, given what stands between its braces with all templates inside already resolved.
pub(super) fn template(content: &str) -> String {
    let mut parts = split_parameters(content).into_iter();
    let name = parts.next().unwrap_or_default().trim().replace('_', " ").to_lowercase();
    let Some((_, shows)) = KNOWN.iter().find(|(known, _)| *known == name) else { return String::new() };
    let mut named: Vec<(String, &str)> = Vec::new();
    let mut unnamed = 0u32;
    for part in parts {
        match part.split_once('=') {
            Some((name, value)) if !name.contains(['[', '<']) => named.push((name.trim().to_lowercase(), value.trim())),
            _ => {
                unnamed += 1;
                named.push((unnamed.to_string(), part));
            }
        }
    }
    // Of a parameter that is given twice the last counts, as in MediaWiki.
    let value = |name: &str| named.iter().rev().find(|(n, _)| n == name).map_or("", |(_, value)| *value);
    match shows {
        Shows::First => value("1").to_owned(),
        Shows::Second => value("2").to_owned(),
        Shows::Last => value(&unnamed.to_string()).to_owned(),
        Shows::Quotation => {
            let text = ["text", "quote", "1"].into_iter().map(value).find(|text| !text.is_empty()).unwrap_or_default();
            format!("{BLOCK}{}{BLOCK}", text.trim())
        }
        Shows::Text(text) => (*text).to_owned(),
        Shows::Before(text) if unnamed == 1 => format!("{text}{}", value("1").trim()),
        Shows::Before(_) => String::new(),
    }
}

/// Cuts at the bars that are not inside a link.
fn split_parameters(content: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut at, mut links) = (0, 0, 0u32);
    while let Some(found) = content[at..].find(['[', ']', '|']).map(|found| at + found) {
        let here = &content[found..];
        if here.starts_with("[[") {
            links += 1;
            at = found + 2;
        } else if here.starts_with("]]") {
            links = links.saturating_sub(1);
            at = found + 2;
        } else {
            if here.starts_with('|') && links == 0 {
                parts.push(&content[start..found]);
                start = found + 1;
            }
            at = found + 1;
        }
    }
    parts.push(&content[start..]);
    parts
}
