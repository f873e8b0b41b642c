//! Model and dataset cards of Hugging Face: `README.md` with a block of YAML before the prose.
//!
//! Members keep the names and the spellings of the card (`base_model`, `license: apache-2.0`, `language: no`), so that who
//! knows cards can read the record; `model-index` stays as it is but for decimals, which become text. From the prose come
//! `description` (its first paragraph) and `considerations` in the terms of CycloneDX. A member whose name a record needs
//! for itself, or whose value is not of the form that its name promises, moves to `unmapped`.
//!
//! ```text
//! {"card":{"name":"README.md","mediaType":"text/markdown","digest":{"sha256":"<64 hex>"}},
//!  "model_name":"heron-base-350m","license":"apache-2.0","language":["en","no"],"pipeline_tag":"text-generation",
//!  "description":"…","considerations":{"useCases":["…"],"technicalLimitations":["…"]}, …}
//! ```
//!
//! Sources: `huggingface_hub` `repocard.py`, `repocard_data.py`; hub-docs `modelcard.md`, `datasetcard.md` (2026-08).

use serde_json::{Map, Value, json};

use super::fit::Members;
use super::license_claim::{Found, claim};
use super::prose::{self, Prose};
use super::yaml::{self, Node};
use super::{Imported, MAX_DOCUMENT, artifact, descriptor, front_matter, text};
use crate::error::{Code, Error, Result};
use crate::record::kind::Kind;
use crate::record::kinds::Licensed;
use crate::record::license::{conclude_all, conclude_other};
use crate::record::statement::Subject;
use crate::record::subject_digest;

/// What a card describes. The file does not say; its place in a repository does, or the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardKind {
    /// A model.
    Model,
    /// A dataset.
    Dataset,
}

/// Members that are one text.
pub(crate) const TEXTS: [&str; 12] = [
    "limitation",
    "model_name",
    "license_name",
    "license_link",
    "library_name",
    "pipeline_tag",
    "pretty_name",
    "paperswithcode_id",
    "license_details",
    "thumbnail",
    "description",
    "version",
];

/// Members that are a text or a list of texts.
pub(crate) const TEXT_LISTS: [&str; 18] = [
    "license",
    "language",
    "base_model",
    "datasets",
    "metrics",
    "tags",
    "buckets",
    "annotations_creators",
    "language_creators",
    "language_details",
    "multilinguality",
    "size_categories",
    "source_datasets",
    "task_categories",
    "task_ids",
    "config_names",
    "model_type",
    "arxiv",
];

/// Members that only a dataset card has.
const DATASET_ONLY: [&str; 14] = [
    "pretty_name",
    "annotations_creators",
    "language_creators",
    "language_details",
    "multilinguality",
    "size_categories",
    "source_datasets",
    "task_categories",
    "task_ids",
    "configs",
    "dataset_info",
    "train-eval-index",
    "config_names",
    "paperswithcode_id",
];

/// Names that a record uses itself: those of every predicate, and those that an import fills.
const RESERVED: [&str; 19] = [
    "<<",
    "issuer",
    "issued",
    "validFrom",
    "validUntil",
    "supersedes",
    "corrects",
    "revokes",
    "evidence",
    "nonce",
    "publicKey",
    "card",
    "considerations",
    "informationAboutTraining",
    "abridged",
    "unmapped",
    "manifest",
    "distribution",
    "creator",
];

/// Whether a card with these members describes a dataset rather than a model.
pub(crate) fn guess(metadata: &Node) -> CardKind {
    match DATASET_ONLY.iter().any(|name| metadata.get(name).is_some()) {
        true => CardKind::Dataset,
        false => CardKind::Model,
    }
}

/// A card taken apart.
pub(crate) struct Card<'a> {
    /// The metadata; an empty mapping where the card has none.
    pub(crate) metadata: Node,
    /// The prose below it.
    pub(crate) body: &'a str,
}

/// Reads a card as far as the import needs it. Metadata that is no YAML mapping is an error with its line and column.
pub(crate) fn read(bytes: &[u8]) -> Result<Card<'_>> {
    let text = text(bytes, MAX_DOCUMENT)?;
    let Some(block) = front_matter::find(text) else {
        if front_matter::is_unclosed(text) {
            return Err(unclosed());
        }
        return Ok(Card { metadata: yaml::parse("{}").map_err(|error| invalid(&error, 1))?, body: text });
    };
    let source = front_matter::unix_line_ends(&text[block.yaml.clone()]);
    let metadata = match yaml::parse(&source) {
        Ok(node) if node.is_null() => yaml::parse("{}"),
        Ok(node) if node.entries().is_none() => Err(yaml::YamlError {
            place: node.place,
            message: "the metadata is a mapping of names to values, and this is not one".to_owned(),
        }),
        read => read,
    };
    let metadata = metadata.map_err(|error| invalid(&error, block.first_line))?;
    Ok(Card { metadata, body: &text[block.body..] })
}

/// What is said of a card whose metadata begins and does not end, by the import and by lint.
pub(crate) fn unclosed() -> Error {
    let detail = "the metadata begins here, and no line of three dashes ends it: no reader will see any of it";
    Error::new(Code::CardInvalid, detail).at("line 1 column 1")
}

fn invalid(error: &yaml::YamlError, first_line: usize) -> Error {
    let place = format!("line {} column {}", error.place.line + first_line - 1, error.place.column);
    Error::new(Code::CardInvalid, error.message.as_str()).at(place)
}

/// Makes a card into the predicate of a `model-card` or `dataset-card`. Without `kind` the metadata decides.
///
/// The only subject is the card's file; where the files of a model are at hand, the caller puts their root in its place
/// (see [`super::model_directory`]).
///
/// # Errors
/// `card_invalid` for metadata that is not YAML, with line and column; `too_large`; `text_refused`.
pub fn import(bytes: &[u8], file_name: &str, kind: Option<CardKind>) -> Result<Imported> {
    let card = read(bytes)?;
    let prose = prose::read(card.body);
    let kind = kind.unwrap_or_else(|| guess(&card.metadata));
    let entries = card.metadata.entries().unwrap_or_default();

    let mut members = Members::new();
    members.add("card", descriptor(file_name, "text/markdown", bytes));
    let mut rest: Vec<(&str, Value)> = Vec::new();
    let mut unmapped = Map::new();
    for (key, value) in entries.iter().rev() {
        let Some(name) = key.text().filter(|name| !name.is_empty()) else {
            unmapped.insert(key.to_json().to_string(), value.to_json());
            continue;
        };
        if value.is_null() {
            continue;
        }
        let mapped = if RESERVED.contains(&name) {
            None
        } else if TEXTS.contains(&name) {
            value.text().map(Value::from)
        } else if TEXT_LISTS.contains(&name) {
            texts(value)
        } else if name == "model-index" {
            value
                .items()
                .iter()
                .all(|item| item.entries().is_some())
                .then(|| value.items().iter().map(Node::to_json).collect())
        } else {
            rest.push((name, value.to_json()));
            continue;
        };
        match mapped {
            // The last of two stands, as PyYAML has it: `add` keeps what was added first, and this loop walks backwards.
            Some(mapped) => members.add(name, mapped),
            None => drop(unmapped.entry(name).or_insert_with(|| value.to_json())),
        }
    }
    if let Some(name) = name(&card.metadata, &prose) {
        members.add(if kind == CardKind::Model { "model_name" } else { "name" }, name);
    }
    add_prose(&mut members, &prose, kind);
    for (name, value) in rest {
        members.add(name, value);
    }
    if !unmapped.is_empty() {
        members.add("unmapped", unmapped);
    }
    Ok(Imported {
        kind: match kind {
            CardKind::Model => Kind::ModelCard,
            CardKind::Dataset => Kind::DatasetCard,
        },
        subjects: vec![artifact(file_name, subject_digest(bytes))],
        predicate: members.finish(),
    })
}

/// The claim that a card makes about its licence, `of` which kind; `None` where the card names none.
///
/// # Errors
/// Those of [`import`].
pub fn license_claim(bytes: &[u8], file_name: &str, of: Licensed, subjects: Vec<Subject>) -> Result<Option<Imported>> {
    let card = read(bytes)?;
    let Some(license) = card.metadata.get("license").filter(|license| !license.is_null()) else { return Ok(None) };
    // What is no text is declared as it is written, so that nothing is concluded from the rest alone.
    let items = license.items();
    let declared: Vec<String> =
        items.iter().map(|item| item.text().map_or_else(|| item.to_json().to_string(), str::to_owned)).collect();
    let is_text = |item: &Node| item.text().is_some();
    if !items.iter().any(is_text) {
        return Ok(None);
    }
    let own = |name: &str| card.metadata.get(name).and_then(Node::text).map(str::to_owned);
    let conclusion = match declared.as_slice() {
        // One part that cannot be read makes all of it unreadable.
        _ if !items.iter().all(is_text) => conclude_all([]),
        [other] if other.eq_ignore_ascii_case("other") => conclude_other(own("license_name").as_deref()),
        declared => conclude_all(declared.iter().map(String::as_str)),
    };
    let found = Found {
        declared: declared.join(", "),
        conclusion,
        claimant_role: "publisher",
        basis: format!("license of {file_name}"),
        // A link such as `LICENSE` names a file beside the card, not an address.
        license_uri: own("license_link").filter(|link| link.contains("://")),
        source_uri: None,
        document: descriptor(file_name, "text/markdown", bytes),
    };
    Ok(Some(claim(found, of, subjects)))
}

/// A text, or a list of texts without what is nothing; `None` for anything else.
fn texts(value: &Node) -> Option<Value> {
    if let Some(text) = value.text() {
        return Some(Value::from(text));
    }
    value.entries().is_none().then_some(())?;
    let items = value.items().iter().filter(|item| !item.is_null());
    items.map(|item| item.text().map(Value::from)).collect()
}

/// What people call it: its own name, that of its results, or the title of the prose.
fn name(metadata: &Node, prose: &Prose) -> Option<String> {
    let own = |name: &str| metadata.get(name).and_then(Node::text).filter(|text| !text.is_empty());
    // A template's title is a placeholder.
    let title = || prose.title.clone().filter(|title| !title.contains("{{"));
    let results = || metadata.get("model-index").and_then(|index| index.items().first()?.get("name")?.text());
    own("model_name").or_else(|| own("pretty_name")).or_else(results).map(str::to_owned).or_else(title)
}

fn add_prose(members: &mut Members, prose: &Prose, kind: CardKind) {
    if let Some(summary) = &prose.summary {
        members.add("description", summary.as_str());
    }
    if kind == CardKind::Dataset {
        return;
    }
    // Headings in use among cards, and the member of CycloneDX `considerations` that says the same.
    const SECTIONS: [(&str, &[&str]); 3] = [
        ("useCases", &["intended use", "use case", "direct use", "uses"]),
        ("technicalLimitations", &["limitation", "out-of-scope", "out of scope"]),
        ("performanceTradeoffs", &["trade-off", "tradeoff"]),
    ];
    let mut considerations = Map::new();
    let mut take = |pointer: String, words: &[&str]| {
        prose.section(words).map(|(text, cut)| {
            if cut {
                members.abridged(pointer);
            }
            text
        })
    };
    for (member, words) in SECTIONS {
        if let Some(text) = take(format!("/considerations/{member}/0"), words) {
            considerations.insert(member.to_owned(), json!([text]));
        }
    }
    if let Some(text) = take("/considerations/ethicalConsiderations/0/name".to_owned(), &["ethical", "bias"]) {
        considerations.insert("ethicalConsiderations".to_owned(), json!([{ "name": text }]));
    }
    let training =
        take("/informationAboutTraining".to_owned(), &["training data", "training procedure", "training details"]);
    if !considerations.is_empty() {
        members.add("considerations", considerations);
    }
    if let Some(training) = training {
        members.add("informationAboutTraining", training);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::super::test_data;
    use super::*;

    const CARD: &str = "---\nlanguage:\n- en\n- no\nlicense: apache-2.0\nversion: 1.10\nissued: 2024-01-01\ntags: {a: b}\n\
                        eval: 0.25\nmodel-index:\n- name: heron\n  results:\n  - metrics:\n    - value: 0.90\n---\n# Heron base\n\nWrites reports.\n\n\
                        ## Limitations\n\nKnows no floods.\n";

    #[test]
    fn a_licence_that_is_no_text_is_not_left_out_of_a_list() {
        let claim = |list: &str| {
            let card = format!("---\nlicense:\n{list}---\n# T\n");
            license_claim(card.as_bytes(), "README.md", Licensed::Weights, Vec::new()).unwrap().unwrap().predicate
        };
        let fine = claim("- mit\n- cc-by-nc-4.0\n");
        assert_eq!(fine["licenseConcluded"], "MIT AND CC-BY-NC-4.0");
        for list in ["- mit\n- cc-by-nc-4.0: data only\n", "- mit\n- [cc-by-nc-4.0]\n"] {
            let claim = claim(list);
            assert!(claim["licenseDeclared"].as_str().unwrap().contains("cc-by-nc-4.0"), "{claim:?}");
            assert_eq!(claim["licenseConcluded"], "noAssertion", "{claim:?}");
        }
    }

    #[test]
    fn a_card_becomes_a_predicate_with_the_digest_of_its_file() {
        let card = import(CARD.as_bytes(), "README.md", None).unwrap();
        super::super::assert_fits(&card);
        assert_eq!(card.kind, Kind::ModelCard);
        assert_eq!(card.subjects, [artifact("README.md", subject_digest(CARD.as_bytes()))]);
        assert_eq!(
            Value::Object(card.predicate),
            json!({
                "card": {"name": "README.md", "mediaType": "text/markdown", "digest": {"sha256": subject_digest(CARD.as_bytes())}},
                "model_name": "heron", "language": ["en", "no"], "license": "apache-2.0", "version": "1.10", "eval": "0.25",
                "model-index": [{"name": "heron", "results": [{"metrics": [{"value": "0.90"}]}]}],
                "description": "Writes reports.", "considerations": {"technicalLimitations": ["Knows no floods."]},
                "unmapped": {"issued": "2024-01-01", "tags": {"a": "b"}},
            })
        );
    }

    #[test]
    fn line_ends_change_nothing_but_the_digest() {
        let unix = import(CARD.as_bytes(), "README.md", None).unwrap();
        for ends in ["\r\n", "\r"] {
            let other = CARD.replace('\n', ends);
            let mut other = import(other.as_bytes(), "README.md", None).unwrap();
            assert_ne!(other.subjects, unix.subjects);
            other.predicate.insert("card".to_owned(), unix.predicate["card"].clone());
            assert_eq!(other.predicate, unix.predicate);
        }
    }

    #[test]
    fn metadata_that_is_no_mapping_is_an_error_with_its_place() {
        for (text, place) in [
            ("---\n[]\n---\n", "line 2 column 1"),
            ("\n---\nlicense: mit\ntags: [a, b\n---\n", "line 4 column 7"),
            ("---\njust text\n---\n", "line 2 column 1"),
        ] {
            let error = import(text.as_bytes(), "README.md", None).unwrap_err();
            assert_eq!((error.code(), error.place()), (Code::CardInvalid, Some(place)), "{text:?}");
        }
        let error = import(b"---\na: \xff\n---\n", "README.md", None).unwrap_err();
        assert_eq!((error.code(), error.place()), (Code::TextRefused, Some("line 2 column 4")));
    }

    #[test]
    fn a_card_without_metadata_is_a_card() {
        let card = import(b"# MyModel\n\nText.", "README.md", Some(CardKind::Model)).unwrap();
        assert_eq!(card.predicate["model_name"], "MyModel");
    }

    #[test]
    fn a_card_claims_its_licence() {
        let claim = |metadata: &str| {
            let card = format!("---\n{metadata}\n---\n");
            let subjects = vec![artifact("model", subject_digest(b"root"))];
            let claim = license_claim(card.as_bytes(), "README.md", Licensed::Weights, subjects).unwrap()?;
            super::super::assert_fits(&claim);
            let member = |name: &str| claim.predicate[name].as_str().unwrap().to_owned();
            Some((member("licenseDeclared"), member("licenseConcluded")))
        };
        let pair = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
        assert_eq!(claim("license: apache-2.0"), pair("apache-2.0", "Apache-2.0"));
        assert_eq!(claim("license: [mit, cc-by-4.0]"), pair("mit, cc-by-4.0", "MIT AND CC-BY-4.0"));
        assert_eq!(claim("license: unknown"), pair("unknown", "noAssertion"));
        assert_eq!(claim("license: other\nlicense_name: heron-1"), pair("other", "LicenseRef-HF-other-heron-1"));
        assert_eq!(claim("license:"), None);
        assert_eq!(claim("license: {a: b}"), None);
        assert_eq!(claim("tags: [x]"), None);
    }

    #[test]
    fn the_real_and_the_official_cards() {
        let Some(data) = test_data("hf-cards") else { return };
        let read = |path: &str| std::fs::read(data.join(path)).unwrap();
        for (path, kind, member, expected) in [
            (
                "real/sentence-transformers__all-MiniLM-L6-v2.README.md",
                "model-card",
                "model_name",
                json!("all-MiniLM-L6-v2"),
            ),
            ("real/bert-base-uncased.EXCERPT.README.md", "model-card", "datasets", json!(["bookcorpus", "wikipedia"])),
            ("huggingface_hub-tests/sample_windows_line_breaks.md", "model-card", "language", json!("eo")),
            ("huggingface_hub-tests/sample_simple.md", "model-card", "library_name", json!("pytorch-lightning")),
            ("huggingface_hub-tests/sample_simple_model_index.md", "model-card", "metrics", json!(["accuracy"])),
            ("huggingface_hub-tests/sample_invalid_model_index.md", "model-card", "model_name", json!("my-cool-model")),
            ("huggingface_hub-tests/sample_no_metadata.md", "model-card", "model_name", json!("MyCoolModel")),
            ("huggingface_hub-tests/sample_datasetcard_simple.md", "dataset-card", "license", json!(["bsd-3-clause"])),
            ("huggingface_hub-tests/sample_datasetcard_template.md", "model-card", "model_name", Value::Null),
            ("spec/repositories-licenses.md", "model-card", "model_name", json!("Licenses")),
        ] {
            let bytes = read(path);
            let card = import(&bytes, "README.md", None).unwrap();
            super::super::assert_fits(&card);
            assert_eq!(
                (card.kind.as_str(), card.predicate.get(member).unwrap_or(&Value::Null)),
                (kind, &expected),
                "{path}"
            );
            assert_eq!(card.predicate["card"]["digest"]["sha256"], json!(subject_digest(&bytes)));
        }
        let error = import(&read("huggingface_hub-tests/sample_invalid_card_data.md"), "README.md", None).unwrap_err();
        assert_eq!((error.code(), error.place()), (Code::CardInvalid, Some("line 2 column 1")));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
                                         yaml in "\\PC{0,40}|[-a-z:\\[\\]{}&*!|>#'\"%@ \n\t,]{0,60}") {
            let text = format!("---\n{yaml}\n---\n# {yaml}\n");
            for source in [bytes.as_slice(), text.as_bytes()] {
                for kind in [None, Some(CardKind::Dataset)] {
                    if let Ok(card) = import(source, &yaml, kind) {
                        super::super::assert_fits(&card);
                    }
                }
            }
        }
    }
}
