//! A Hugging Face card as its author typed it: every finding with line and column, and the metadata mended.
//!
//! Mended is what can be mended without a guess: quotes around what Python tools would read as something else than text,
//! blanks for tabs, the list's own spelling of a licence, the earlier of two equal names removed (the later is the one that
//! counts today). What is missing is added as a comment, for its author to fill in. The prose is never touched.

use std::collections::{BTreeSet, HashMap};

use super::dataset::line_and_column;
use super::mend::{self, Edits, Repaired};
use super::pyyaml::{Reading, reading};
use super::{Finding, Level, MAX_FINDINGS, MAX_LOOKED_UP, Rule, code, hugging_face};
use crate::error::Code;
use crate::record::import::front_matter::{self, Block, Quirk};
use crate::record::import::hugging_face::{CardKind, TEXT_LISTS, TEXTS, guess};
use crate::record::import::yaml::{self, Content, Node, Place};
use crate::record::import::{self, MAX_DOCUMENT};
use crate::record::license::{Basis, HfId, Standing, conclude, on_hugging_face};

/// What lint says about a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardLint {
    /// Taken for the card of a model or of a dataset.
    pub kind: CardKind,
    /// What was found, in the order of the text.
    pub findings: Vec<Finding>,
    /// The block of metadata with its dashes, mended, in the file's own line ends; `None` where there is nothing to mend, or
    /// where the text is no YAML for a reason that only its author can tell.
    pub mended: Option<String>,
}

/// Members of nested structures (`configs`, `dataset_info`, `model-index`) that are text.
const NESTED_TEXTS: [&str; 12] = [
    "name",
    "type",
    "config",
    "config_name",
    "split",
    "path",
    "revision",
    "version",
    "url",
    "dtype",
    "language",
    "license",
];

/// Findings of one kind that repeat on many lines are reported this often.
const MAX_REPEATS: usize = 20;

/// Looks at a card; its metadata decides whether it is that of a model or of a dataset.
///
/// ```
/// let card = b"---\nlanguage: no\nlicense: Apache-2.0\n---\n# Heron\n";
/// let lint = ledger::record::lint::lint_card(card);
/// assert!(lint.findings.iter().any(|finding| finding.code == "yaml_word" && finding.place == "2:11"));
/// assert!(lint.mended.is_some_and(|mended| mended.starts_with("---\nlanguage: \"no\"\nlicense: apache-2.0\n")));
/// ```
pub fn lint_card(bytes: &[u8]) -> CardLint {
    look(bytes, None)
}

/// Looks at a card that is known to be that of a model or of a dataset.
pub fn lint_card_as(bytes: &[u8], kind: CardKind) -> CardLint {
    look(bytes, Some(kind))
}

fn look(bytes: &[u8], kind: Option<CardKind>) -> CardLint {
    let lone =
        |finding: Finding| CardLint { kind: kind.unwrap_or(CardKind::Model), findings: vec![finding], mended: None };
    let text = match import::text(bytes, MAX_DOCUMENT) {
        Ok(text) => text,
        Err(error) => {
            let rule = if error.code() == Code::TooLarge { &code::TOO_LARGE } else { &code::NOT_UTF8 };
            return lone(Finding::new(rule, line_and_column(error.place()), error.detail()));
        }
    };
    if front_matter::is_unclosed(text) {
        return lone(Finding::new(&code::YAML_SYNTAX, "1:1", crate::record::import::hugging_face::unclosed().detail()));
    }
    let Some(block) = front_matter::find(text) else {
        let kind = kind.unwrap_or(CardKind::Model);
        let mut findings = vec![Finding::new(&code::METADATA_MISSING, "1:1", "the card has no metadata")];
        findings.extend(placeholders_left(text, 1));
        let missing: Vec<&str> =
            core::iter::once("license").chain(hugging_face::advised(kind).iter().copied()).collect();
        return CardLint { kind, findings, mended: Some(assemble("", &missing, text)) };
    };
    let mut look =
        Look { first_line: block.first_line, findings: Vec::new(), edits: Edits::default(), places: HashMap::new() };
    look.quirk(&block);
    let source = front_matter::unix_line_ends(&text[block.yaml.clone()]);
    let repaired = mend::repair(&source);
    look.repairs(&repaired);
    let body_line = block.first_line + source.matches('\n').count() + 2;
    let (kind, mended) = match &repaired.parsed {
        Err(error) => {
            look.report(&code::YAML_SYNTAX, repaired.original(error.place), &error.message);
            (kind.unwrap_or(CardKind::Model), None)
        }
        Ok(node) if node.entries().is_none() && !node.is_null() => {
            look.report(
                &code::METADATA_NOT_A_MAPPING,
                node.place,
                "the metadata is a mapping of names to values, and this is not one",
            );
            (kind.unwrap_or(CardKind::Model), None)
        }
        Ok(node) => {
            let kind = kind.unwrap_or_else(|| guess(node));
            look.walk(node, &repaired);
            let missing = look.metadata(node, kind, &repaired);
            let edited = core::mem::take(&mut look.edits).apply(&repaired.text);
            let changed = edited != source || !missing.is_empty() || block.quirk.is_some();
            // What was mended says no less than before.
            let sound = yaml::parse(&edited).is_ok_and(|mended| names(&mended) == names(node));
            (kind, (changed && sound).then(|| assemble(&edited, &missing, text)))
        }
    };
    let mut findings = look.findings;
    findings.extend(placeholders_left(&text[block.body..], body_line));
    findings.sort_by_key(|finding| position(&finding.place));
    findings.dedup();
    findings.truncate(MAX_FINDINGS);
    CardLint { kind, findings, mended }
}

/// The names of a mapping's members.
fn names(node: &Node) -> BTreeSet<&str> {
    node.entries().unwrap_or_default().iter().filter_map(|(name, _)| name.text()).collect()
}

/// `12:3` as a pair, to sort by.
fn position(place: &str) -> (usize, usize) {
    let number = |text: &str| text.parse().unwrap_or(0);
    place.split_once(':').map_or((0, 0), |(line, column)| (number(line), number(column)))
}

struct Look {
    first_line: usize,
    findings: Vec<Finding>,
    edits: Edits,
    places: HashMap<&'static str, usize>,
}

impl Look {
    fn report(&mut self, rule: &'static Rule, place: Place, message: impl Into<String>) -> Option<&mut Finding> {
        let repeats = self.places.entry(rule.code).or_default();
        *repeats += 1;
        if *repeats > MAX_REPEATS {
            return None;
        }
        let place = format!("{}:{}", place.line + self.first_line - 1, place.column);
        self.findings.push(Finding::new(rule, place, message));
        self.findings.last_mut()
    }

    fn quirk(&mut self, block: &Block) {
        let (rule, message) = match block.quirk {
            None => return,
            Some(Quirk::ByteOrderMark) => (&code::BYTE_ORDER_MARK, "the file begins with a byte order mark"),
            Some(Quirk::BlankAfterOpening) => (&code::OPENING_DASHES, "blanks follow the opening dashes"),
            Some(Quirk::CarriageReturn) => (&code::CARRIAGE_RETURNS, "the lines end with a carriage return alone"),
        };
        self.findings.push(Finding::new(rule, format!("{}:1", block.first_line - 1), message));
    }

    fn repairs(&mut self, repaired: &Repaired) {
        for tab in &repaired.tabs {
            self.report(&code::YAML_TAB, *tab, "a tab indents the line");
        }
        for place in &repaired.quoted {
            self.report(&code::YAML_UNQUOTED, *place, "the value cannot stand without quotes");
        }
    }

    /// What others' tools would read otherwise than it stands there.
    fn walk(&mut self, root: &Node, repaired: &Repaired) {
        let mut left: Vec<(&Node, bool, usize)> = vec![(root, false, 0)];
        while let Some((node, text_expected, depth)) = left.pop() {
            if let Some(tag) = &node.foreign_tag {
                self.report(&code::YAML_TAG, repaired.original(node.place), format!("the tag `{tag}`"));
            }
            match &node.content {
                Content::Scalar { text, plain: true } => self.plain(node, text, text_expected, repaired),
                Content::Scalar { .. } => {}
                Content::List(items) => {
                    left.extend(items.iter().rev().map(|item| (item, text_expected, depth + 1)));
                    for item in items.iter().filter(|item| text_expected && item.is_null()) {
                        self.report(&code::YAML_NOTHING, repaired.original(item.place), "an element that is nothing");
                    }
                }
                Content::Map { entries, flow } => {
                    self.entries(entries, *flow, repaired);
                    for (key, value) in entries.iter().rev() {
                        let name = key.text().unwrap_or_default();
                        let text_expected = match depth {
                            0 => TEXTS.contains(&name) || TEXT_LISTS.contains(&name),
                            _ => NESTED_TEXTS.contains(&name),
                        };
                        left.push((value, text_expected, depth + 1));
                    }
                }
            }
        }
    }

    fn entries(&mut self, entries: &[(Node, Node)], flow: bool, repaired: &Repaired) {
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for (i, (key, _)) in entries.iter().enumerate() {
            let Content::Scalar { text: name, plain } = &key.content else {
                self.report(
                    &code::YAML_KEY,
                    repaired.original(key.place),
                    "a collection stands where a name is expected",
                );
                continue;
            };
            if *plain && matches!(reading(name), Reading::Bool(_)) {
                self.report(
                    &code::YAML_WORD,
                    repaired.original(key.place),
                    format!("Python tools read the name `{name}` as a truth value"),
                );
                self.edits.replace(key.bytes.clone(), mend::quoted(name));
            }
            if name == "<<" {
                continue;
            }
            if let Some(earlier) = seen.insert(name, i) {
                let line = entries[earlier].0.place.line + self.first_line - 1;
                self.report(
                    &code::YAML_DUPLICATE_KEY,
                    repaired.original(key.place),
                    format!("`{name}` stands in line {line} already"),
                );
                if !flow {
                    self.edits.remove_entry(&repaired.text, &entries[earlier].0, &entries[earlier + 1].0);
                }
            }
        }
    }

    fn plain(&mut self, node: &Node, text: &str, text_expected: bool, repaired: &Repaired) {
        let place = repaired.original(node.place);
        let mend = match (reading(text), text_expected) {
            (Reading::Bool(value), true) => {
                self.report(&code::YAML_WORD, place, format!("Python tools read `{text}` as {value}"));
                true
            }
            (Reading::Bool(value), false) => {
                if !text.eq_ignore_ascii_case("true") && !text.eq_ignore_ascii_case("false") {
                    let message = format!("Python tools read `{text}` as {value}, others as text");
                    if let Some(finding) = self.report(&code::YAML_WORD, place, message) {
                        finding.level = Level::Info;
                        finding.hint = format!("Write `{value}` or `\"{text}\"`, whichever is meant.").into();
                    }
                }
                false
            }
            (Reading::Float, true) => {
                let number = text
                    .replace('_', "")
                    .parse::<f64>()
                    .map_or_else(|_| "another number".to_owned(), |n| n.to_string());
                self.report(&code::YAML_NUMBER, place, format!("tools read `{text}` as the number {number}"));
                true
            }
            (Reading::Integer, true) => {
                self.report(
                    &code::YAML_NUMBER,
                    place,
                    format!("tools read `{text}` as a number, and a text is expected"),
                );
                true
            }
            (Reading::OddInteger, text_expected) => {
                let message = format!("Python tools read `{text}` as another number (octal, or base 60)");
                if let Some(finding) = self.report(&code::YAML_NUMBER, place, message)
                    && !text_expected
                {
                    finding.level = Level::Info;
                }
                text_expected
            }
            (Reading::Date, _) => {
                self.report(&code::YAML_DATE, place, format!("Python tools read `{text}` as a date"));
                true
            }
            (Reading::Text | Reading::Null | Reading::Integer | Reading::Float, _) => false,
        };
        if mend {
            self.edits.replace(node.bytes.clone(), mend::quoted(text));
        }
    }

    /// The rules on the card's members, with pointers turned into places; gives the names that are missing.
    fn metadata(&mut self, root: &Node, kind: CardKind, repaired: &Repaired) -> Vec<&'static str> {
        for (key, value) in root.entries().unwrap_or_default() {
            let name = key.text().unwrap_or_default();
            let place = repaired.original(value.place);
            if TEXTS.contains(&name) && value.text().is_none() {
                self.report(&code::NOT_TEXT, place, format!("`{name}` is one text"));
            } else if TEXT_LISTS.contains(&name) && value.items().iter().any(|item| item.text().is_none()) {
                self.report(&code::NOT_TEXTS, place, format!("`{name}` is a text or a list of texts"));
            }
        }
        for license in root.get("license").map(Node::items).unwrap_or_default().iter().take(MAX_LOOKED_UP) {
            // A block scalar's bytes reach into the next member.
            let written = repaired.text.get(license.bytes.clone()).map(|slice| slice.trim_matches(['"', '\'']));
            if let Some(id) = license.text().filter(|text| written == Some(*text)).and_then(listed_id) {
                self.edits.replace(license.bytes.clone(), id);
            }
        }
        let members = root.to_json();
        let members = members.as_object().cloned().unwrap_or_default();
        let mut missing = Vec::new();
        for finding in hugging_face::metadata(&members, kind) {
            let name = finding.place.trim_start_matches('/');
            let place = match node_at(root, &finding.place) {
                Some(node) => {
                    let place = repaired.original(node.place);
                    format!("{}:{}", place.line + self.first_line - 1, place.column)
                }
                None => format!("{}:1", self.first_line - 1),
            };
            let advised = hugging_face::advised(kind).iter().chain(&["license"]).find(|advised| **advised == name);
            if let Some(advised) = advised.filter(|_| matches!(finding.code, "metadata_advised" | "license_missing")) {
                missing.push(*advised);
            }
            self.findings.push(Finding { place, ..finding });
        }
        missing
    }
}

/// The list's id for a text that names the same licence in another spelling.
fn listed_id(text: &str) -> Option<&'static str> {
    match on_hugging_face(text) {
        HfId::OtherCase(row) => Some(row.id),
        HfId::NotListed(Some(id)) => {
            let (meant, read) = (conclude(id), conclude(text));
            let listed = matches!(on_hugging_face(id), HfId::Exact(row) if row.standing == Standing::Listed);
            (listed && meant.expression() == read.expression() && read.basis() != Basis::Unrecognised).then_some(id)
        }
        _ => None,
    }
}

/// The value that a pointer names; `None` for a member of the metadata itself that is missing.
fn node_at<'a>(root: &'a Node, pointer: &str) -> Option<&'a Node> {
    let mut node = root;
    for (depth, name) in pointer.split('/').skip(1).enumerate() {
        let name = name.replace("~1", "/").replace("~0", "~");
        let next = match &node.content {
            Content::List(items) => name.parse::<usize>().ok().and_then(|i| items.get(i)),
            _ => node.get(&name),
        };
        match next {
            Some(next) => node = next,
            None if depth == 0 => return None,
            None => break,
        }
    }
    Some(node)
}

/// What templates leave for the author to write.
fn placeholders_left(prose: &str, first_line: usize) -> Option<Finding> {
    const MARKS: [&str; 2] = ["[More Information Needed]", "{{"];
    let prose = front_matter::unix_line_ends(prose);
    let mut left = prose.lines().enumerate().filter_map(|(i, line)| {
        let at = MARKS.iter().filter_map(|mark| line.find(mark)).min()?;
        Some((i + first_line, line[..at].chars().count() + 1))
    });
    let (line, column) = left.next()?;
    let more = left.count();
    let message = if more == 0 {
        "a placeholder of the template".to_owned()
    } else {
        format!("a placeholder of the template, and {more} more lines with one")
    };
    Some(Finding::new(&code::PLACEHOLDER, format!("{line}:{column}"), message))
}

/// The block of metadata between its dashes, with what is missing as comments, in the line ends of the file.
fn assemble(yaml: &str, missing: &[&str], file: &str) -> String {
    let mut block = String::from("---\n");
    block.push_str(yaml);
    if !yaml.is_empty() && !yaml.ends_with('\n') {
        block.push('\n');
    }
    for name in missing {
        let (example, what) = match *name {
            "license" => ("unknown", "an id of https://huggingface.co/docs/hub/repositories-licenses"),
            "language" => ("en", "ISO 639 codes, or multilingual"),
            "library_name" => ("transformers", "the library that runs the model"),
            "pipeline_tag" => ("text-generation", "what the model does"),
            "datasets" => ("owner/name", "what it was trained on"),
            "pretty_name" => ("Name", "what people call the dataset"),
            "task_categories" => ("text-generation", "what it is used for"),
            "size_categories" => ("1K<n<10K", "how many examples it has"),
            _ => ("…", "to be filled in"),
        };
        block.push_str(&format!("# {name}: {example}  # missing: {what}\n"));
    }
    block.push_str("---\n");
    let crlf = file.find('\n').is_some_and(|at| file[..at].ends_with('\r'));
    if crlf { block.replace('\n', "\r\n") } else { block }
}

#[cfg(test)]
mod tests;
