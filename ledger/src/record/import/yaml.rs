//! YAML as a tree that remembers where each value stood and how it was written.
//!
//! The parser is that of the crate `serde-saphyr`; this module composes its events. Scalars keep their text: `1.10` stays
//! `1.10`, `no` stays `no`, a date stays what was typed. Metadata read here is for display and lint only; what is signed is
//! the digest of the file. [`Node::to_json`] reads plain scalars as YAML 1.2 does (strict booleans), which is not what PyYAML
//! makes of them: that is told by `lint`.

use core::ops::Range;
use std::collections::HashMap;

use serde_json::{Map, Value};
use serde_saphyr::granit_parser::{Event, Marker, Parser, ScalarStyle, Span, StructureStyle};

/// Values in one document, aliases counted as often as they are used. A card's metadata has some dozens, the largest
/// known (a dataset of 2,000 configurations) about 30,000.
const MAX_NODES: usize = 100_000;

/// Nesting. The strict JSON of a record allows 32; the rest is room for a clear message instead of a parser's.
const MAX_DEPTH: usize = 64;

/// A place in the text, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The line.
    pub(crate) line: usize,
    /// The column, in characters.
    pub(crate) column: usize,
}

impl Place {
    fn of(marker: &Marker) -> Self {
        // The parser counts lines from 1 and columns from 0.
        Self { line: marker.line().max(1), column: marker.col() + 1 }
    }
}

/// Why a text is not YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct YamlError {
    /// Where it stops to be.
    pub(crate) place: Place,
    /// What is wrong there.
    pub(crate) message: String,
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// What it holds.
    pub(crate) content: Content,
    /// Where it begins.
    pub(crate) place: Place,
    /// Its bytes. For a block collection the end is that of its last token.
    pub(crate) bytes: Range<usize>,
    /// A tag that is not of YAML's core schema, as it was written.
    pub(crate) foreign_tag: Option<String>,
}

/// What a value holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    /// Text; `plain` if it stood there without quotes, so that readers decide what it means.
    Scalar { text: String, plain: bool },
    /// A list.
    List(Vec<Node>),
    /// A mapping with its entries in the order of the text, the same key perhaps more than once.
    Map { entries: Vec<(Node, Node)>, flow: bool },
}

impl Node {
    /// The text of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The elements of a list; a single value counts as a list of one, as Hugging Face has it.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.content {
            Content::List(items) => items,
            _ => core::slice::from_ref(self),
        }
    }

    /// The entries of a mapping.
    pub(crate) fn entries(&self) -> Option<&[(Node, Node)]> {
        match &self.content {
            Content::Map { entries, .. } => Some(entries),
            _ => None,
        }
    }

    /// The value under a key; of two the last, as PyYAML has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries()?.iter().rev().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
    }

    /// Whether it is nothing: `null`, `~` or no text at all.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.content, Content::Scalar { text, plain: true } if is_null(text))
    }

    /// The value as JSON. Decimals and everything that is no plain integer stay text.
    pub(crate) fn to_json(&self) -> Value {
        match &self.content {
            Content::Scalar { text, plain: true } => plain_to_json(text),
            Content::Scalar { text, .. } => Value::String(text.clone()),
            Content::List(items) => items.iter().map(Node::to_json).collect(),
            Content::Map { entries, .. } => Value::Object(entries_to_json(entries)),
        }
    }
}

fn entries_to_json(entries: &[(Node, Node)]) -> Map<String, Value> {
    let mut members = Map::new();
    for (key, value) in entries {
        // `<<` merges: members of the mapping itself win over merged ones.
        if key.text() == Some("<<") {
            for source in value.items().iter().filter_map(Node::entries) {
                for (name, merged) in entries_to_json(source) {
                    members.entry(name).or_insert(merged);
                }
            }
        }
    }
    for (key, value) in entries.iter().filter(|(key, _)| key.text() != Some("<<")) {
        // A key that is itself a collection has no name in JSON; its compact form stands for it.
        let name = key.text().map_or_else(|| key.to_json().to_string(), str::to_owned);
        members.insert(name, value.to_json());
    }
    members
}

fn plain_to_json(text: &str) -> Value {
    /// 2^53 − 1, the largest integer that every JSON reader keeps.
    const MAX_INTEGER: i64 = (1 << 53) - 1;
    match text {
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ if is_null(text) => return Value::Null,
        _ => {}
    }
    match text.parse::<i64>() {
        // One spelling only: `+5`, `007` and `-0` stay text.
        Ok(number) if number.abs() <= MAX_INTEGER && number.to_string() == text => Value::from(number),
        _ => Value::String(text.to_owned()),
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// Reads one YAML document.
pub(crate) fn parse(text: &str) -> Result<Node, YamlError> {
    let mut composer = Composer { parser: Parser::new_from_str(text), anchors: HashMap::new(), nodes: 0 };
    let mut root = None;
    while let Some((event, span)) = composer.next()? {
        match event {
            Event::StreamStart | Event::DocumentEnd | Event::StreamEnd | Event::Comment(..) => {}
            Event::DocumentStart(..) if root.is_some() => {
                return Err(error(&span, "a second YAML document begins here; metadata is one document"));
            }
            Event::DocumentStart(..) => {}
            event => root = Some(composer.compose(event, &span, 0)?),
        }
    }
    Ok(root.unwrap_or_else(|| Node {
        content: Content::Scalar { text: String::new(), plain: true },
        place: Place { line: 1, column: 1 },
        bytes: 0..0,
        foreign_tag: None,
    }))
}

fn error(span: &Span, message: &str) -> YamlError {
    YamlError { place: Place::of(&span.start), message: message.to_owned() }
}

struct Composer<'a> {
    parser: Parser<'a, serde_saphyr::granit_parser::StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl<'a> Composer<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, YamlError> {
        match self.parser.next_event() {
            None => Ok(None),
            Some(Ok(event)) => Ok(Some(event)),
            Some(Err(scan)) => Err(YamlError { place: Place::of(scan.marker()), message: scan.info() }),
        }
    }

    /// The next event inside a collection.
    fn inner(&mut self, open: &Span) -> Result<(Event<'a>, Span), YamlError> {
        loop {
            match self.next()? {
                Some((Event::Comment(..), _)) => {}
                Some(event) => return Ok(event),
                None => return Err(error(open, "this collection does not end")),
            }
        }
    }

    fn compose(&mut self, event: Event<'a>, span: &Span, depth: usize) -> Result<Node, YamlError> {
        self.count(1, span)?;
        if depth > MAX_DEPTH {
            return Err(error(span, "nested more than 64 deep"));
        }
        let start = span.start.byte_offset().unwrap_or(0);
        let mut end = span.end.byte_offset().unwrap_or(start);
        let (content, anchor, tag) = match event {
            Event::Alias(id) => {
                let Some(node) = self.anchors.get(&id).cloned() else {
                    return Err(error(span, "an alias to a value that contains it"));
                };
                self.count(size(&node), span)?;
                return Ok(Node { place: Place::of(&span.start), bytes: start..end, ..node });
            }
            Event::Scalar(text, style, anchor, tag) => {
                let text_tag = tag.as_ref().is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
                let plain = style == ScalarStyle::Plain && !text_tag;
                (Content::Scalar { text: text.into_owned(), plain }, anchor, tag)
            }
            Event::SequenceStart(_, anchor, tag) => {
                let mut items: Vec<Node> = Vec::new();
                loop {
                    match self.inner(span)? {
                        (Event::SequenceEnd, close) => {
                            end = close.end.byte_offset().unwrap_or(end);
                            break;
                        }
                        (event, span) => items.push(self.compose(event, &span, depth + 1)?),
                    }
                }
                (Content::List(items), anchor, tag)
            }
            Event::MappingStart(style, anchor, tag) => {
                let mut entries = Vec::new();
                loop {
                    match self.inner(span)? {
                        (Event::MappingEnd, close) => {
                            end = close.end.byte_offset().unwrap_or(end);
                            break;
                        }
                        (event, span) => {
                            let key = self.compose(event, &span, depth + 1)?;
                            let (event, span) = self.inner(&span)?;
                            entries.push((key, self.compose(event, &span, depth + 1)?));
                        }
                    }
                }
                (Content::Map { entries, flow: style == StructureStyle::Flow }, anchor, tag)
            }
            _ => return Err(error(span, "a value is expected here")),
        };
        let foreign_tag = tag.filter(|tag| tag.is_custom()).map(|tag| tag.original());
        let node = Node { content, place: Place::of(&span.start), bytes: start..end.max(start), foreign_tag };
        if anchor != 0 {
            self.count(size(&node), span)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn count(&mut self, nodes: usize, span: &Span) -> Result<(), YamlError> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MAX_NODES { Err(error(span, "more than 100,000 values")) } else { Ok(()) }
    }
}

fn size(node: &Node) -> usize {
    match &node.content {
        // An alias copies a text as well: 16 MiB of them are as many as there may be values.
        Content::Scalar { text, .. } => 1 + text.len() / 160,
        Content::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Content::Map { entries, .. } => 1 + entries.iter().map(|(key, value)| size(key) + size(value)).sum::<usize>(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    #[test]
    fn aliases_of_a_long_text_are_counted_by_what_they_copy() {
        let long = "x".repeat(1 << 20);
        let aliases = |count: usize| format!("a: &x \"{long}\"\nb: [{}]\n", vec!["*x"; count].join(", "));
        assert!(parse(&aliases(3)).is_ok());
        assert!(parse(&aliases(1_000)).is_err());
        assert!(parse(&format!("a: \"{long}\"\nb: \"{long}\"\n")).is_ok());
    }

    #[test]
    fn scalars_keep_what_was_typed() {
        let node = parse("version: 1.10\nlanguage: [no, on, \"de\"]\ndate: 2024-01-01\nn: 42\nz: 007\nf: true\ne:\nbig: 9007199254740993\n")
            .unwrap();
        assert_eq!(
            node.to_json(),
            json!({"version": "1.10", "language": ["no", "on", "de"], "date": "2024-01-01", "n": 42, "z": "007",
                   "f": true, "e": null, "big": "9007199254740993"})
        );
    }

    #[test]
    fn every_value_knows_its_place() {
        let node = parse("a: 1\nb:\n  - x\n  - é: \"q\"\n").unwrap();
        let b = node.get("b").unwrap();
        assert_eq!(b.items()[0].place, Place { line: 3, column: 5 });
        let (key, value) = &b.items()[1].entries().unwrap()[0];
        assert_eq!((key.place, value.place), (Place { line: 4, column: 5 }, Place { line: 4, column: 8 }));
        assert_eq!(value.bytes, 22..25);
    }

    #[test]
    fn errors_point_to_line_and_column() {
        let error = parse("a: 1\nb: [1, 2\nc: 3\n").unwrap_err();
        assert!(error.place.line >= 2, "{error:?}");
        assert!(!error.message.is_empty());
        assert!(parse("a: 1\n---\nb: 2\n").is_err());
        assert!(parse("a: &x [*x]\n").is_err());
        assert!(parse("a: *missing\n").is_err());
    }

    #[test]
    fn merges_and_aliases_are_followed() {
        let node = parse("base: &b {x: 1, y: 2}\nd:\n  <<: *b\n  y: 3\n").unwrap();
        assert_eq!(node.to_json()["d"], json!({"x": 1, "y": 3}));
    }

    #[test]
    fn an_alias_bomb_and_deep_nesting_are_refused() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for i in 1..12 {
            let refs = vec![format!("*a{}", i - 1); 10].join(", ");
            bomb += &format!("a{i}: &a{i} [{refs}]\n");
        }
        assert!(parse(&bomb).is_err());
        assert!(parse(&format!("a: {}{}", "[".repeat(100), "]".repeat(100))).is_err());
        assert!(parse(&"[".repeat(100_000)).is_err());
        assert!(parse(&"- ".repeat(100_000)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,60}|[-a-z:\\[\\]{}&*!|>#'\"%@ \n\t,?]{0,80}") {
            if let Ok(node) = parse(&text) {
                node.to_json();
            }
        }
    }
}
