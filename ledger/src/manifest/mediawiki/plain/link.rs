//! Links: their text stays, their target goes; files, categories and links to other languages go altogether.

use crate::manifest::mediawiki::Namespaces;
use crate::manifest::mediawiki::namespace::{CATEGORY, FILE, MEDIA};
use crate::manifest::mediawiki::plain::language::LANGUAGES;
use crate::manifest::mediawiki::plain::{MAX_NESTING, MAX_TAG};

/// Both kinds of links: `[[page|text]]` and `[https://… text]`.
pub(super) fn links(text: &str, namespaces: &Namespaces) -> String {
    external(&internal(text, namespaces))
}

/// A file's caption may hold links, so links are resolved from the inside out.
fn internal(text: &str, namespaces: &Namespaces) -> String {
    let mut out = String::with_capacity(text.len());
    // The text before each link that is open, and after the one before it.
    let mut open: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['[', ']']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with("[[") && !rest.starts_with("[[[") && open.len() < MAX_NESTING {
            open.push(core::mem::take(&mut out));
            rest = &rest[2..];
        } else if rest.starts_with("]]")
            && let Some(before) = open.pop()
        {
            let content = core::mem::replace(&mut out, before);
            out.push_str(&shown(&content, namespaces).unwrap_or_else(|| format!("[[{content}]]")));
            rest = &rest[2..];
        } else {
            // Of three brackets the first opens an external link around an internal one.
            out.push_str(&rest[..1]);
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    // A link that is never closed is text.
    let mut whole = String::with_capacity(out.len());
    for before in open {
        whole.push_str(&before);
        whole.push_str("[[");
    }
    whole.push_str(&out);
    whole
}

/// What a link shows; `None` if it is none.
fn shown(content: &str, namespaces: &Namespaces) -> Option<String> {
    let (target, label) = match content.split_once('|') {
        Some((target, label)) => (target, Some(label)),
        None => (content, None),
    };
    let target = target.trim();
    if target.is_empty() || target.contains(['\n', '[', ']', '<', '>', '{', '}']) {
        return None;
    }
    let leading_colon = target.starts_with(':');
    let target = target.strip_prefix(':').unwrap_or(target).trim();
    let (namespace, title) = namespaces.split(target);
    if !leading_colon {
        let foreign = |prefix: &str| LANGUAGES.binary_search(&prefix).is_ok();
        let prefix = target.split_once(':').map(|(prefix, _)| prefix.trim().to_lowercase());
        if namespace == FILE || namespace == CATEGORY || prefix.is_some_and(|prefix| foreign(&prefix)) {
            return Some(String::new());
        }
    }
    Some(match label {
        None => target.to_owned(),
        // The pipe trick, which is resolved when a page is saved, so it is rare in a dump.
        Some("") if namespace != MEDIA => without_detail(title).to_owned(),
        Some(label) => label.to_owned(),
    })
}

/// A title without what the pipe trick leaves out: a bracket or what follows a comma.
fn without_detail(title: &str) -> &str {
    let title = title.split_once(" (").map_or(title, |(head, _)| head);
    title.split_once(", ").map_or(title, |(head, _)| head).trim()
}

/// `[address text]` shows its text; `[address]` shows a number, which is no text.
fn external(text: &str) -> String {
    const SCHEMES: &[&str] = &["http://", "https://", "ftp://", "//", "mailto:", "news:", "irc://"];
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('[') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let inside = &rest[1..];
        let known = |scheme: &&str| inside.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        let end = if SCHEMES.iter().any(known) {
            inside.bytes().take(MAX_TAG).position(|b| matches!(b, b']' | b'\n'))
        } else {
            None
        };
        match end.filter(|end| inside[*end..].starts_with(']')) {
            Some(end) => {
                let label = inside[..end].split_once([' ', '\t', '\u{a0}']).map_or("", |(_, label)| label);
                out.push_str(label.trim());
                rest = &inside[end + 1..];
            }
            None => {
                out.push('[');
                rest = inside;
            }
        }
    }
    out.push_str(rest);
    out
}
