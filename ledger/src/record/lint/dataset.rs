//! Rules for dataset descriptions: what Croissant requires and a file lacks.
//!
//! Croissant's validator passes files without a licence or a date although the specification requires both, so the
//! specification is held here. A `dataset-card` that does not say it conforms to Croissant is asked for the same, more softly.
//!
//! Sources: Croissant Format Specification 1.0 (2024-03) and 1.1 (2026-01), "Dataset-level information", "Resources".

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{Finding, Level, MAX_FINDINGS, MAX_LOOKED_UP, code, hugging_face, missing, says};
use crate::error::Code;
use crate::record::import::MAX_DOCUMENT;
use crate::record::import::croissant::{dataset, digest};
use crate::record::import::foreign_json;
use crate::record::import::hugging_face::CardKind;
use crate::record::import::json_ld::{Names, items, text, texts};
use crate::record::json::pointer_step;
use crate::record::license::{Basis, conclude};

/// Members that Croissant requires of a dataset.
const REQUIRED: [&str; 8] =
    ["name", "description", "license", "url", "creator", "datePublished", "conformsTo", "distribution"];

/// Members that it recommends.
const RECOMMENDED: [&str; 4] = ["version", "keywords", "publisher", "citeAs"];

/// Looks at a Croissant file. Places are JSON pointers into the file; of a text that is no JSON, `line:column`.
pub fn lint_croissant(bytes: &[u8]) -> Vec<Finding> {
    let document = match foreign_json::read(bytes, MAX_DOCUMENT) {
        Ok(document) => document,
        Err(error) => {
            let rule = match error.code() {
                Code::TooLarge => &code::TOO_LARGE,
                Code::TextRefused => &code::NOT_UTF8,
                _ => &code::JSON_SYNTAX,
            };
            return vec![Finding::new(rule, line_and_column(error.place()), error.detail())];
        }
    };
    let mut findings: Vec<Finding> = Vec::new();
    for place in document.duplicates {
        findings.push(Finding::new(&code::JSON_DUPLICATE, place, "the member stands there twice"));
    }
    let members = match dataset(&document.value) {
        Ok(members) => members,
        Err(error) => {
            findings.push(Finding::new(&code::NOT_A_DATASET, "/@type", error.detail()));
            return findings;
        }
    };
    // The rules know the standard names; findings go back to the names that stand in the file.
    let names = Names::of(&document.value);
    let standard: Map<String, Value> =
        members.iter().map(|(name, value)| (names.standard(name), names.standard_value(value))).collect();
    let written: HashMap<String, &String> =
        members.keys().map(|name| (pointer_step(&names.standard(name)), name)).collect();
    let mut rules = croissant(&standard, Level::Error);
    for finding in &mut rules {
        let first = finding.place.get(1..).map_or(0, |rest| 1 + rest.find('/').unwrap_or(rest.len()));
        if let Some(name) = written.get(&finding.place[..first]) {
            finding.place = format!("{}{}", pointer_step(name), &finding.place[first..]);
        }
    }
    findings.extend(rules);
    findings.truncate(MAX_FINDINGS);
    findings
}

/// `line 3 column 7` as `3:7`.
pub(super) fn line_and_column(place: Option<&str>) -> String {
    let place = place.unwrap_or("line 1 column 1");
    place.replace("line ", "").replace(" column ", ":")
}

/// The predicate of a `dataset-card`, from whichever kind of document it came.
pub(super) fn dataset_card(members: &Map<String, Value>) -> Vec<Finding> {
    let conforms =
        members.get("conformsTo").is_some_and(|value| texts(value).iter().any(|text| text.contains("croissant")));
    let card = members.get("card");
    let media_type = card.and_then(|card| card.get("mediaType")).and_then(Value::as_str);
    let mut findings = match (conforms, media_type) {
        (false, Some("text/markdown")) => hugging_face::metadata(members, CardKind::Dataset),
        (true, _) | (_, Some("application/ld+json")) => croissant(members, Level::Error),
        _ => croissant(members, Level::Warn),
    };
    if card.and_then(|card| card.get("digest")).is_none() {
        findings.push(missing(&code::CARD_MISSING, "card"));
    }
    findings
}

/// The rules of Croissant on members under their standard names.
fn croissant(members: &Map<String, Value>, level: Level) -> Vec<Finding> {
    let rule = if level == Level::Error { &code::CROISSANT_REQUIRED } else { &code::DATASET_ADVISED };
    let mut findings: Vec<Finding> =
        REQUIRED.iter().filter(|name| !says(members, name)).map(|name| missing(rule, name)).collect();
    findings.extend(
        RECOMMENDED.iter().filter(|name| !says(members, name)).map(|name| missing(&code::DATASET_RECOMMENDED, name)),
    );
    if !members.keys().any(|name| name.starts_with("rai:")) {
        let message = "no member of the RAI vocabulary says how the data came about or what it is not fit for";
        findings.push(Finding::new(&code::DATASET_RECOMMENDED, "", message));
    }
    if let Some(version) = members.get("conformsTo").and_then(text)
        && !(version.ends_with("mlcommons.org/croissant/1.0") || version.ends_with("mlcommons.org/croissant/1.1"))
    {
        findings.push(Finding::new(
            &code::CROISSANT_VERSION,
            "/conformsTo",
            format!("`{}` is not a version known here", shown(version)),
        ));
    }
    for (i, value) in members.get("license").map(items).unwrap_or_default().iter().take(MAX_LOOKED_UP).enumerate() {
        let place = if members["license"].is_array() { format!("/license/{i}") } else { "/license".to_owned() };
        let Some(name) = text(value) else { continue };
        match conclude(name).basis() {
            Basis::Unknown => findings.push(Finding::new(
                &code::LICENSE_UNKNOWN,
                place,
                format!("the licence is said to be `{name}`"),
            )),
            Basis::Unrecognised => findings.push(Finding::new(
                &code::LICENSE_UNRECOGNISED,
                place,
                format!("`{}` is no licence known here", shown(name)),
            )),
            _ => {}
        }
    }
    for name in ["datePublished", "dateCreated", "dateModified"] {
        if let Some(date) = members.get(name).and_then(text).filter(|date| !is_date(date)) {
            findings.push(Finding::new(
                &code::DATE_FORM,
                format!("/{name}"),
                format!("`{}` is not an ISO 8601 date", shown(date)),
            ));
        }
    }
    for (i, creator) in members.get("creator").map(items).unwrap_or_default().iter().enumerate() {
        let place = if members["creator"].is_array() { format!("/creator/{i}") } else { "/creator".to_owned() };
        if creator.as_object().is_some_and(|creator| !says(creator, "name")) {
            findings.push(Finding::new(&code::DATASET_ADVISED, place, "the creator has no name"));
        }
    }
    let live = members.get("isLiveDataset") == Some(&Value::Bool(true));
    for (i, resource) in members.get("distribution").map(items).unwrap_or_default().iter().enumerate() {
        let place =
            if members["distribution"].is_array() { format!("/distribution/{i}") } else { "/distribution".to_owned() };
        self::resource(resource, &place, live, &mut findings);
    }
    findings
}

/// One FileObject or FileSet.
fn resource(resource: &Value, place: &str, live: bool, findings: &mut Vec<Finding>) {
    let Some(members) = resource.as_object() else {
        findings.push(Finding::new(&code::FILE_REQUIRED, place, "expected a FileObject or a FileSet"));
        return;
    };
    let is = |kind: &str| {
        let types = members.get("@type").map(items).unwrap_or_default();
        types
            .iter()
            .filter_map(Value::as_str)
            .any(|name| name == kind || name.ends_with(&format!(":{kind}")) || name.ends_with(&format!("/{kind}")))
    };
    let required: &[&str] = match (is("FileObject"), is("FileSet")) {
        (true, _) if says(members, "containedIn") => &["encodingFormat"],
        (true, _) => &["contentUrl", "encodingFormat"],
        (_, true) => &["includes", "encodingFormat"],
        _ => {
            findings.push(Finding::new(
                &code::FILE_REQUIRED,
                place,
                "its type is neither cr:FileObject nor cr:FileSet",
            ));
            return;
        }
    };
    for name in required.iter().filter(|name| !says(members, name)) {
        findings.push(Finding::new(&code::FILE_REQUIRED, place, format!("`{name}` is missing")));
    }
    match members.get("sha256") {
        Some(sha256) if text(sha256).and_then(digest).is_some() => {}
        Some(sha256) => {
            let found = text(sha256).unwrap_or_default();
            findings.push(Finding::new(
                &code::FILE_DIGEST_INVALID,
                format!("{place}/sha256"),
                format!("`{}` is not a SHA-256", shown(found)),
            ));
        }
        // A part of an archive is covered by the archive's digest; what changes all the time has none that lasts.
        None if is("FileSet") || says(members, "containedIn") || live => {}
        None if says(members, "md5") => {
            let message = "there is an MD5 and no `sha256`; two files with the same MD5 can be made at will";
            findings.push(Finding::new(&code::FILE_DIGEST_MISSING, place, message));
        }
        None => findings.push(Finding::new(&code::FILE_DIGEST_MISSING, place, "`sha256` is missing")),
    }
}

/// A calendar date, alone or with a time.
fn is_date(text: &str) -> bool {
    let (date, time) = text.split_once(['T', ' ']).map_or((text, None), |(date, time)| (date, Some(time)));
    date.parse::<jiff::civil::Date>().is_ok()
        && time.is_none_or(|time| time.starts_with(|c: char| c.is_ascii_digit()) && time.contains(':'))
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::record::import::{croissant as import, test_data};
    use crate::record::kind::Kind;
    use serde_json::json;

    fn found(findings: &[Finding]) -> Vec<(&'static str, &str)> {
        findings
            .iter()
            .filter(|finding| finding.level != Level::Info)
            .map(|finding| (finding.code, finding.place.as_str()))
            .collect()
    }

    #[test]
    fn a_complete_file_is_clean_and_an_empty_one_lacks_all() {
        let file = json!({"@type": "FileObject", "contentUrl": "a.csv", "encodingFormat": "text/csv", "sha256": "ab".repeat(32)});
        let complete = json!({
            "@type": "sc:Dataset", "name": "n", "description": "d", "license": "cc-by-4.0", "url": "https://example.org/n",
            "creator": {"name": "Harbour Institute"}, "datePublished": "2026-03-01", "conformsTo": "http://mlcommons.org/croissant/1.1",
            "version": "1", "keywords": ["k"], "publisher": {"name": "p"}, "citeAs": "c", "rai:dataBiases": "none known", "distribution": [file],
        });
        assert_eq!(lint_croissant(complete.to_string().as_bytes()), []);
        let empty = lint_croissant(br#"{"@type":"Dataset"}"#);
        assert_eq!(empty.iter().filter(|finding| finding.code == "croissant_required").count(), REQUIRED.len());
    }

    #[test]
    fn places_are_those_of_the_file() {
        let text = r#"{"@context":{"s":"https://schema.org/"},"@type":"s:Dataset","s:datePublished":"May","s:distribution":[{"@type":"cr:FileObject"}]}"#;
        let findings = lint_croissant(text.as_bytes());
        let found = found(&findings);
        assert!(found.contains(&("date_form", "/s:datePublished")), "{found:?}");
        assert!(found.contains(&("file_digest_missing", "/s:distribution/0")), "{found:?}");
        assert_eq!(self::found(&lint_croissant(b"{\"a\":1,\n\"a\":}")), [("json_syntax", "2:5")]);
        assert!(
            self::found(&lint_croissant(br#"{"@type":"Dataset","a":1,"a":2}"#)).contains(&("json_duplicate_key", "/a"))
        );
        assert_eq!(self::found(&lint_croissant(b"\xff")), [("card_not_utf8", "1:1")]);
    }

    #[test]
    fn what_the_ten_real_files_lack_is_listed() {
        let Some(data) = test_data("croissant") else { return };
        let required = |findings: &[Finding]| -> Vec<String> {
            let rules = ["croissant_required", "file_digest_missing", "file_digest_invalid"];
            findings
                .iter()
                .filter(|finding| rules.contains(&finding.code))
                .map(|finding| finding.place.clone())
                .collect()
        };
        for (file, lacks) in [
            ("1.0_dices-350.json", vec!["/datePublished"]),
            ("1.0_gpt-3.json", vec!["/creator", "/datePublished", "/distribution/0/sha256"]),
            ("1.0_huggingface-mnist.json", vec!["/creator", "/datePublished", "/distribution/0/sha256"]),
            (
                "1.0_huggingface-squad.json",
                vec![
                    "/name",
                    "/description",
                    "/license",
                    "/url",
                    "/creator",
                    "/datePublished",
                    "/distribution/0/sha256",
                ],
            ),
            ("1.0_simple-parquet.json", vec!["/creator", "/datePublished"]),
            ("1.0_wiki-text.json", vec!["/creator", "/datePublished"]),
            ("1.1_commoncrawl-CC-MAIN-2025-43-draft.json", vec![]),
            (
                "1.1_huggingface-data_provenance_initiative.json",
                vec!["/license", "/datePublished", "/distribution/0/sha256"],
            ),
            ("1.1_huggingface-squad_v2.json", vec!["/datePublished", "/distribution/0/sha256"]),
            ("1.1_zenodo-head-mri.json", vec!["/datePublished", "/distribution/0"]),
        ] {
            let bytes = std::fs::read(data.join(file)).unwrap();
            assert_eq!(required(&lint_croissant(&bytes)), lacks, "{file}");
            let card = import::import(&bytes, file).unwrap();
            let of_record = super::super::lint(&Kind::DatasetCard, &Value::Object(card.predicate));
            assert_eq!(required(&of_record), lacks, "the record of {file}");
        }
    }

    #[test]
    fn licences_that_say_nothing_are_named() {
        let lint = |license: Value| {
            let findings = lint_croissant(json!({"@type": "Dataset", "license": license}).to_string().as_bytes());
            findings
                .iter()
                .filter(|f| f.code.starts_with("license"))
                .map(|f| (f.code, f.place.clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            lint(json!("https://choosealicense.com/licenses/undefined/")),
            [("license_unknown", "/license".to_owned())]
        );
        assert_eq!(
            lint(json!(["mit", "https://commoncrawl.org/terms-of-use"])),
            [("license_unrecognised", "/license/1".to_owned())]
        );
        assert_eq!(lint(json!({"@type": "CreativeWork", "url": "https://creativecommons.org/licenses/by/4.0/"})), []);
    }

    #[test]
    fn a_dataset_card_of_hugging_face_is_held_to_its_own_rules() {
        let predicate = json!({"card": {"mediaType": "text/markdown", "digest": {}}, "license": ["mit"], "name": "n"});
        let findings = super::super::lint(&Kind::DatasetCard, &predicate);
        assert!(findings.iter().all(|finding| finding.code == "metadata_advised"), "{findings:?}");
        let bare = super::super::lint(&Kind::DatasetCard, &json!({}));
        assert!(bare.iter().all(|finding| finding.level != Level::Error), "{bare:?}");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_looked_at(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), text in "\\PC{0,30}") {
            lint_croissant(&bytes);
            let value = json!({"@type": "Dataset", "license": [text.clone(), {"name": text.clone()}], (text.clone()): 1, "creator": {"n": text.clone()},
                               "datePublished": text.clone(), "distribution": [{"@type": text.clone(), "sha256": text.clone()}], "conformsTo": text});
            lint_croissant(value.to_string().as_bytes());
        }
    }
}
