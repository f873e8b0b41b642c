//! Dataset descriptions in Croissant 1.0 and 1.1 (MLCommons), JSON-LD with its RAI vocabulary.
//!
//! A file's members are carried under the names of Croissant's own context, whatever prefixes the file chose, and with
//! their values as they stand; `@context` itself stays with the document, which the record names by digest. What
//! describes the dataset comes first, `recordSet` last, so that where the room ends it ends there.
//!
//! ```text
//! {"card":{"name":"croissant.json","mediaType":"application/ld+json","digest":{"sha256":"<64 hex>"}},
//!  "name":"river-gauges-en","license":"https://creativecommons.org/licenses/by/4.0/","creator":{…},
//!  "conformsTo":"http://mlcommons.org/croissant/1.1","distribution":[{"@type":"cr:FileObject","sha256":"…"}],
//!  "rai:dataBiases":"…","recordSet":[…]}
//! ```
//!
//! Sources: Croissant Format Specification 1.0 (2024-03), 1.1 (2026-01); Croissant RAI 1.0; the vocabularies' Turtle files.

use serde_json::{Map, Value};

use super::fit::Members;
use super::foreign_json;
use super::json_ld::{Names, items, text};
use super::{Imported, MAX_DOCUMENT, artifact, descriptor};
use crate::error::{Code, Error, Result};
use crate::ids::SubjectDigest;
use crate::record::kind::Kind;
use crate::record::limits::MAX_SUBJECTS;
use crate::record::statement::Subject;
use crate::record::subject_digest;

/// Members in the order in which they are taken over; all others follow, and `recordSet` ends.
const FIRST: [&str; 17] = [
    "name",
    "description",
    "license",
    "url",
    "creator",
    "datePublished",
    "conformsTo",
    "version",
    "publisher",
    "keywords",
    "inLanguage",
    "citeAs",
    "isLiveDataset",
    "dateCreated",
    "dateModified",
    "alternateName",
    "distribution",
];

/// Names that a record uses itself.
const RESERVED: [&str; 14] = [
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
    "abridged",
    "unmapped",
    "manifest",
];

/// Makes a Croissant file into the predicate of a `dataset-card`.
///
/// Subjects are the files of its distribution that have a SHA-256; where none has, the Croissant file itself.
///
/// # Errors
/// `json_syntax` if it is no JSON, `card_invalid` if it has no dataset in it; `too_large`; `text_refused`.
pub fn import(bytes: &[u8], file_name: &str) -> Result<Imported> {
    let document = foreign_json::read(bytes, MAX_DOCUMENT)?.value;
    let dataset = dataset(&document)?;
    let names = Names::of(&document);
    let mut standard: Map<String, Value> = Map::new();
    for (name, value) in dataset.iter().filter(|(name, _)| *name != "@context") {
        standard.entry(names.standard(name)).or_insert_with(|| names.standard_value(value));
    }

    let mut members = Members::new();
    members.add("card", descriptor(file_name, "application/ld+json", bytes));
    let subjects = files(&standard);
    let record_set = standard.remove("recordSet");
    for name in FIRST {
        if let Some(value) = standard.remove(name) {
            members.add(name, value);
        }
    }
    let (reserved, rest): (Map<_, _>, Map<_, _>) =
        standard.into_iter().partition(|(name, _)| RESERVED.contains(&name.as_str()));
    for (name, value) in rest {
        members.add(&name, value);
    }
    if !reserved.is_empty() {
        members.add("unmapped", reserved);
    }
    if let Some(record_set) = record_set {
        members.add("recordSet", record_set);
    }
    Ok(Imported {
        kind: Kind::DatasetCard,
        subjects: match subjects.is_empty() || subjects.len() > MAX_SUBJECTS {
            true => vec![artifact(file_name, subject_digest(bytes))],
            false => subjects,
        },
        predicate: members.finish(),
    })
}

/// The dataset of a document: the document itself, or the dataset in its `@graph`.
pub(crate) fn dataset(document: &Value) -> Result<&Map<String, Value>> {
    let names = Names::of(document);
    let is_dataset = |value: &&Value| {
        let types = value.get("@type").map(items).unwrap_or_default();
        types.iter().filter_map(Value::as_str).any(|kind| names.standard(kind) == "Dataset")
    };
    let candidates = match document.get("@graph") {
        Some(graph) => items(graph),
        None => core::slice::from_ref(document),
    };
    candidates.iter().find(is_dataset).and_then(Value::as_object).ok_or_else(|| {
        Error::new(Code::CardInvalid, "expected a JSON-LD object of the type sc:Dataset, as Croissant has it")
            .at("/@type")
    })
}

/// The files with a SHA-256, each digest once.
fn files(dataset: &Map<String, Value>) -> Vec<Subject> {
    let mut subjects: Vec<Subject> = Vec::new();
    for file in dataset.get("distribution").map(items).unwrap_or_default() {
        let Some(digest) = file.get("sha256").and_then(text).and_then(digest) else { continue };
        let name = ["name", "@id", "contentUrl"].iter().find_map(|name| file.get(*name).and_then(text));
        // Quadratic in the files, so one more than fits is enough.
        if subjects.len() <= MAX_SUBJECTS && subjects.iter().all(|subject| subject.sha256() != Some(digest)) {
            subjects.push(artifact(name.unwrap_or("file"), digest));
        }
    }
    subjects
}

/// A SHA-256 in hexadecimal of either case.
pub(crate) fn digest(text: &str) -> Option<SubjectDigest> {
    text.trim().to_ascii_lowercase().parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::super::test_data;
    use super::*;
    use serde_json::json;

    #[test]
    fn a_description_becomes_a_predicate() {
        let bytes = json!({
            "@context": {"@vocab": "https://schema.org/", "cr": "http://mlcommons.org/croissant/"}, "@type": "sc:Dataset",
            "sc:name": "gauges", "rai:dataBiases": "few", "issuer": "nobody", "cr:citeAs": "us", "score": 0.5,
            "distribution": [{"@type": "cr:FileObject", "name": "a.csv", "sha256": "AB".repeat(32)},
                             {"@type": "cr:FileObject", "@id": "key:b", "cr:sha256": "cd".repeat(32)}, {"sha256": "no digest"}],
            "recordSet": [{"field": [{"examples": [1.5]}]}],
        });
        let bytes = bytes.to_string();
        let card = import(bytes.as_bytes(), "croissant.json").unwrap();
        let names: Vec<&str> = card.subjects.iter().map(|subject| subject.name.as_deref().unwrap()).collect();
        assert_eq!(names, ["a.csv", "./key:b"]);
        assert_eq!(card.subjects[0].sha256().unwrap().to_hex(), "ab".repeat(32));
        for (name, expected) in [
            ("name", json!("gauges")),
            ("rai:dataBiases", json!("few")),
            ("citeAs", json!("us")),
            ("score", json!("0.5")),
            ("unmapped", json!({"issuer": "nobody"})),
            ("recordSet", json!([{"field": [{"examples": ["1.5"]}]}])),
        ] {
            assert_eq!(card.predicate[name], expected);
        }
        assert_eq!(card.predicate["distribution"][2]["sha256"], "no digest");
    }

    #[test]
    fn what_is_no_dataset_is_refused() {
        for text in ["{}", "[]", "3", r#"{"@type":"Person"}"#] {
            assert_eq!(import(text.as_bytes(), "x").unwrap_err().code(), Code::CardInvalid, "{text}");
        }
        let graph = br#"{"@graph":[{"@type":"Person"},{"@type":["https://schema.org/Dataset"],"name":"g"}]}"#;
        assert_eq!(import(graph, "x").unwrap().predicate["name"], "g");
    }

    #[test]
    fn the_ten_real_files_become_dataset_cards() {
        let Some(data) = test_data("croissant") else { return };
        let mut count = 0;
        for entry in std::fs::read_dir(data).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            count += 1;
            let bytes = std::fs::read(&path).unwrap();
            let file = path.file_name().unwrap().to_str().unwrap();
            let card = import(&bytes, file).unwrap();
            super::super::assert_fits(&card);
            assert_eq!(card.predicate["card"]["digest"]["sha256"], json!(subject_digest(&bytes)));
            assert_eq!(card.predicate.get("abridged"), None, "{file}");
            let files = match file {
                "1.1_commoncrawl-CC-MAIN-2025-43-draft.json" => 8,
                "1.0_wiki-text.json" => 2,
                "1.0_dices-350.json" | "1.0_simple-parquet.json" => 1,
                _ => 0,
            };
            assert_eq!(card.subjects.len(), files.max(1), "{file}");
            assert_eq!((card.subjects[0].name.as_deref() == Some(file)), files == 0, "{file}");
            let name = if file == "1.0_huggingface-squad.json" { None } else { card.predicate["name"].as_str() };
            assert_eq!(name.is_some(), file != "1.0_huggingface-squad.json");
            if file == "1.0_dices-350.json" {
                let rai = card.predicate.keys().filter(|name| name.starts_with("rai:")).count();
                assert_eq!(rai, 8);
            }
        }
        assert_eq!(count, 10);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), text in "\\PC{0,40}") {
            let _ = import(&bytes, "x");
            let document = json!({"@type": "Dataset", "@context": {(text.clone()): text.clone()}, (text.clone()): [text.clone()], "distribution": text});
            super::super::assert_fits(&import(document.to_string().as_bytes(), &text).unwrap());
        }
    }
}
