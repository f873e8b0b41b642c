//! First pass: comments, extension tags and templates, in one walk, because each may hide the others.

use crate::manifest::mediawiki::plain::template::template;
use crate::manifest::mediawiki::plain::{BLOCK, BREAK, GONE, MAX_NESTING, MAX_TAG};

/// What becomes of an extension tag and what is between its tags.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extension {
    /// Tag and content go.
    Remove,
    /// Tag and content go, from the middle of a paragraph.
    Inline,
    /// The tag goes, the content is read on.
    Open,
    /// The content is kept letter by letter, inside the line.
    Literal,
    /// The content is kept letter by letter, its lines for themselves.
    LiteralLines,
    /// The content is read on, its lines for themselves.
    Lines,
}

const EXTENSIONS: &[(&str, Extension)] = &[
    ("nowiki", Extension::Literal),
    ("pre", Extension::LiteralLines),
    ("syntaxhighlight", Extension::LiteralLines),
    ("source", Extension::LiteralLines),
    ("poem", Extension::Lines),
    ("noinclude", Extension::Open),
    ("onlyinclude", Extension::Open),
    ("translate", Extension::Open),
    ("includeonly", Extension::Remove),
    ("ref", Extension::Inline),
    ("references", Extension::Remove),
    ("math", Extension::Inline),
    ("chem", Extension::Inline),
    ("ce", Extension::Inline),
    ("gallery", Extension::Remove),
    ("imagemap", Extension::Remove),
    ("timeline", Extension::Remove),
    ("score", Extension::Remove),
    ("hiero", Extension::Inline),
    ("graph", Extension::Remove),
    ("mapframe", Extension::Remove),
    ("maplink", Extension::Remove),
    ("templatedata", Extension::Remove),
    ("templatestyles", Extension::Remove),
    ("indicator", Extension::Remove),
    ("inputbox", Extension::Remove),
    ("categorytree", Extension::Remove),
    ("section", Extension::Remove),
    ("languages", Extension::Remove),
    ("style", Extension::Remove),
    ("script", Extension::Remove),
];

/// An opening run of braces whose closing run has not been met.
struct Open {
    braces: usize,
    before: String,
}

pub(super) fn preprocess(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut open: Vec<Open> = Vec::new();
    let mut unclosed = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['<', '{', '}']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        rest = if let Some(inside) = rest.strip_prefix("<!--") {
            comment(inside, &mut out)
        } else if rest.starts_with('<') {
            extension(rest, &mut unclosed, &mut out).unwrap_or_else(|| {
                out.push('<');
                &rest[1..]
            })
        } else {
            let brace = if rest.starts_with('{') { '{' } else { '}' };
            let run = rest.bytes().take_while(|b| *b == brace as u8).count();
            match brace {
                '{' if run >= 2 => open.push(Open { braces: run, before: core::mem::take(&mut out) }),
                '}' if run >= 2 => close(run, &mut open, &mut out),
                _ => out.extend(core::iter::repeat_n(brace, run)),
            }
            &rest[run..]
        };
    }
    out.push_str(rest);
    // Braces that were never closed are text.
    let mut whole = String::with_capacity(text.len());
    for Open { braces, before } in open {
        whole.push_str(&before);
        whole.extend(core::iter::repeat_n('{', braces));
    }
    whole.push_str(&out);
    whole
}

/// Matches a closing run with the open ones, innermost first: three braces are a parameter, two a template.
fn close(mut run: usize, open: &mut Vec<Open>, out: &mut String) {
    while run >= 2 {
        let deep = open.len() > MAX_NESTING;
        let Some(top) = open.last_mut() else { break };
        let taken = if top.braces >= 3 && run >= 3 { 3 } else { 2 };
        let content = core::mem::take(out);
        // A parameter has no value on the page itself.
        let shown = if taken == 3 || deep { String::new() } else { template(&content) };
        top.braces -= taken;
        run -= taken;
        if top.braces < 2 {
            let braces = top.braces;
            *out = core::mem::take(&mut top.before);
            out.extend(core::iter::repeat_n('{', braces));
            open.pop();
        }
        out.push_str(&shown);
    }
    out.extend(core::iter::repeat_n('}', run));
}

/// Leaves a comment out; a line that holds nothing else goes with it.
fn comment<'a>(inside: &'a str, out: &mut String) -> &'a str {
    let rest = inside.split_once("-->").map_or("", |(_, rest)| rest);
    let blank = |b: &u8| matches!(b, b' ' | b'\t');
    // More blanks than a line is wide are not worth looking through for every comment that they surround.
    let line_before = &out[..out.len() - out.bytes().rev().take(MAX_NESTING).take_while(blank).count()];
    let after = &rest[rest.bytes().take(MAX_NESTING).take_while(blank).count()..];
    let alone = (line_before.is_empty() || line_before.ends_with('\n')) && after.starts_with('\n');
    if alone {
        let len = line_before.len();
        out.truncate(len);
        &after[1..]
    } else {
        rest
    }
}

/// Handles an extension tag at the start of `rest`; answers what follows, or `None` if there is no such tag.
fn extension<'a>(rest: &'a str, unclosed: &mut Vec<&'static str>, out: &mut String) -> Option<&'a str> {
    let closing = rest.starts_with("</");
    let name_at = if closing { 2 } else { 1 };
    let name_len = rest[name_at..].bytes().take_while(u8::is_ascii_alphabetic).count();
    let name = rest[name_at..name_at + name_len].to_ascii_lowercase();
    let (known, what) = EXTENSIONS.iter().find(|(known, _)| *known == name)?;
    let tag_end = rest.bytes().take(MAX_TAG).position(|b| b == b'>')?;
    let tag = &rest[..tag_end];
    // `<references` is not `<ref`: the name ends where its letters end.
    if !tag[name_at + name_len..].chars().next().is_none_or(|c| c.is_whitespace() || c == '/') {
        return None;
    }
    let after = &rest[tag_end + 1..];
    if *what == Extension::Inline {
        out.push(GONE);
    }
    if closing || tag.ends_with('/') || *what == Extension::Open {
        return Some(after);
    }
    // A tag that is never closed goes alone; that there is no closing tag is looked for once and not for each of them.
    if unclosed.contains(known) {
        return Some(after);
    }
    let Some((content, after)) = split_at_closing(after, known) else {
        unclosed.push(known);
        return Some(after);
    };
    match what {
        Extension::Remove | Extension::Inline | Extension::Open => {}
        Extension::Literal => literal(content, '\n', out),
        Extension::LiteralLines => {
            out.push(BLOCK);
            literal(content, BREAK, out);
            out.push(BLOCK);
        }
        Extension::Lines => {
            out.push(BLOCK);
            let lines: Vec<&str> = content.split('\n').map(|line| line.trim_start_matches([' ', ':'])).collect();
            out.push_str(&preprocess(&lines.join("\u{1}")));
            out.push(BLOCK);
        }
    }
    Some(after)
}

fn split_at_closing<'a>(text: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    let mut from = 0;
    while let Some(at) = text[from..].find("</").map(|at| from + at) {
        let after = &text[at + 2..];
        if after.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name))
            && let Some(rest) = after[name.len()..].trim_start().strip_prefix('>')
        {
            return Some((&text[..at], rest));
        }
        from = at + 2;
    }
    None
}

/// Writes a text so that no later pass sees markup in it: every character that could be markup as its reference, which
/// the last pass decodes. References stand as they are, as on the page.
fn literal(text: &str, line_end: char, out: &mut String) {
    for c in text.chars() {
        match c {
            '\n' => out.push(line_end),
            c if c.is_ascii_alphanumeric() || !c.is_ascii() || c == '&' => out.push(c),
            c if text_punctuation(c) => out.push(c),
            c => out.push_str(&format!("&#{};", u32::from(c))),
        }
    }
}

/// Punctuation that is never markup. A semicolon is one: it ends references.
fn text_punctuation(c: char) -> bool {
    matches!(c, ',' | '.' | '?' | '"' | '(' | ')' | '/' | '$' | '%' | '+' | '^' | '@' | ';')
}
