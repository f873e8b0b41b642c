//! HTML tags: those that MediaWiki accepts go, the text between them stays; what is no tag is text.

use crate::manifest::mediawiki::plain::{BLOCK, BREAK, MAX_TAG};

/// Tags inside a line.
const INLINE: &[&str] = &[
    "abbr", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins", "kbd", "mark",
    "q", "rb", "rp", "rt", "rtc", "ruby", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt",
    "u", "var", "wbr",
];

/// Tags that stand for themselves, so that the text before and after is not one paragraph.
const BLOCKS: &[&str] = &[
    "blockquote",
    "caption",
    "center",
    "dd",
    "div",
    "dl",
    "dt",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "li",
    "ol",
    "p",
    "td",
    "th",
    "tr",
    "ul",
];

pub(super) fn tags(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // Tables written in HTML go like those written in wikitext. Where an outermost one began, and how many are open.
    let (mut tables, mut before_table) = (0u32, 0);
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some((name, closing, after)) = tag(rest) else {
            out.push('<');
            rest = &rest[1..];
            continue;
        };
        rest = after;
        match name.as_str() {
            "br" => out.push(BREAK),
            "table" if !closing => {
                if tables == 0 {
                    out.push(BLOCK);
                    before_table = out.len();
                }
                tables += 1;
            }
            "table" => {
                if tables == 1 {
                    out.truncate(before_table);
                }
                tables = tables.saturating_sub(1);
            }
            name if BLOCKS.contains(&name) => out.push(BLOCK),
            _ => {}
        }
    }
    out.push_str(rest);
    out
}

/// The tag at the start of a text: its name, whether it closes, and what follows; `None` if there is none.
fn tag(text: &str) -> Option<(String, bool, &str)> {
    let inside = text.strip_prefix('<')?;
    let (closing, inside) = inside.strip_prefix('/').map_or((false, inside), |inside| (true, inside));
    let len = inside.bytes().take_while(u8::is_ascii_alphanumeric).count();
    let name = inside[..len].to_ascii_lowercase();
    let known = name == "br" || name == "table" || INLINE.contains(&name.as_str()) || BLOCKS.contains(&name.as_str());
    let ends = inside[len..].chars().next().is_some_and(|c| c.is_whitespace() || c == '/' || c == '>');
    if !known || !ends {
        return None;
    }
    // A bracket inside a quoted value does not end the tag.
    let mut quote = None;
    for (at, c) in inside.char_indices().skip(len).take(MAX_TAG) {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (None, '>') => return Some((name, closing, &inside[at + 1..])),
            (None, '<') => return None,
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    None
}
