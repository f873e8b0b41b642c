//! `mediawiki-1`: the text of a wikitext page as a reader of the rendered page would copy it, a paragraph a line.
//!
//! Not a renderer: no template is expanded and no link followed, so that the same source gives the same text anywhere and
//! for ever. What a template would have shown is missing from the text; paragraphs without templates, footnotes apart,
//! come out as the page shows them.
//!
//! The rules, in the order in which they are applied (the full list with vectors is in `docs/FORMAT-manifest.md`):
//!
//! 1. [`preprocess`]: comments go; `<nowiki>` and `<pre>` are kept letter by letter; footnotes, formulas, galleries and
//!    other extension tags go with their content; templates go, but for a short list that only wraps or names a text.
//! 2. Tables go.
//! 3. [`link`]: a link becomes its text; files, categories and links to other languages go.
//! 4. [`tag`]: HTML tags go, block tags and `<br>` end the line.
//! 5. [`line`](mod@line): lines of one paragraph are joined; headings, list items and preformatted lines stand alone;
//!    quotes for bold and italic go.
//! 6. Entities become their characters; blank lines go.

mod entity;
mod language;
mod line;
mod link;
mod preprocess;
mod quote;
mod tag;
mod template;

use std::borrow::Cow;

use crate::manifest::mediawiki::Namespaces;
use entity::ENTITIES;

/// Ends a line inside a paragraph. XML allows no control character, so none of the three can come from a dump.
const BREAK: char = '\u{1}';
/// Ends a paragraph or any other block.
const BLOCK: char = '\u{2}';
/// Stands where something was that is no text and does not end a paragraph, so that its line does not count as blank.
const GONE: char = '\u{3}';

/// How deep templates and links are read inside one another; a page shows nothing useful below, and MediaWiki stops at 100
/// as well. The limit keeps the cost of hostile nesting in proportion to its length.
const MAX_NESTING: usize = 100;
/// The longest tag or address in bytes; what is longer is text, for the same reason.
const MAX_TAG: usize = 4096;

/// Renders a page. `namespaces` are those of its wiki.
///
/// ```
/// use ledger::manifest::mediawiki::{Namespaces, plain};
/// let source = "'''Tea''' is a [[drink|beverage]].<ref>Book.</ref>\nIt is hot.{{cn}}\n\n== See also ==\n* [[Coffee]]s";
/// assert_eq!(plain(source, &Namespaces::common()), "Tea is a beverage. It is hot.\nSee also\nCoffees");
/// ```
pub fn plain(wikitext: &str, namespaces: &Namespaces) -> String {
    let text: Cow<'_, str> = if wikitext.contains([BREAK, BLOCK, GONE, '\r']) {
        wikitext.replace("\r\n", "\n").replace(['\r', BREAK, BLOCK, GONE], "\n").into()
    } else {
        wikitext.into()
    };
    let text = preprocess::preprocess(&text);
    let text = line::without_tables(&text);
    let text = link::links(&text, namespaces);
    let text = tag::tags(&text);
    line::lines(&text)
}

/// Whether this is the code of a language edition, in lower case; also the newer codes of editions that were renamed,
/// which the rules of rendering do not know.
pub(super) fn is_language(code: &str) -> bool {
    language::LANGUAGES.binary_search(&code).is_ok() || matches!(code, "lzh" | "nb" | "yue")
}

/// Decodes character references; what is none stays as it is.
pub(super) fn decode_entities(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        // The longest name in HTML has 31 letters.
        let end = rest.bytes().take(40).position(|b| b == b';');
        let known = end.and_then(|end| Some((end, reference(&rest[1..end])?)));
        match known {
            Some((end, characters)) => {
                out.push_str(&characters);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn reference(name: &str) -> Option<Cow<'static, str>> {
    let Some(number) = name.strip_prefix('#') else {
        let place = ENTITIES.binary_search_by_key(&name, |(known, _)| known).ok()?;
        return Some(Cow::Borrowed(ENTITIES[place].1));
    };
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) if hex.bytes().all(|b| b.is_ascii_hexdigit()) => u32::from_str_radix(hex, 16).ok()?,
        None if number.bytes().all(|b| b.is_ascii_digit()) => number.parse().ok()?,
        _ => return None,
    };
    // Control characters have no place in a text; MediaWiki shows the reference itself.
    char::from_u32(code).filter(|c| !c.is_control() || matches!(c, '\t' | '\n')).map(|c| c.to_string().into())
}

#[cfg(test)]
mod tests;
