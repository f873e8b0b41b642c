//! The project's own example documents, taken the way of any others.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::PathBuf;

use super::*;
use crate::ids::RecordId;
use crate::record::kinds::{Licensed, Relation};
use crate::record::lint::{Level, lint, lint_card, lint_croissant};

fn examples() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples"))
}

fn read(path: &str) -> Vec<u8> {
    std::fs::read(examples().join(path)).unwrap()
}

fn document(path: &str) -> Map<String, Value> {
    let text = String::from_utf8(read(path)).unwrap();
    yaml::parse(&text).unwrap().to_json().as_object().unwrap().clone()
}

const CARD: RecordId = RecordId::from_bytes([9; 32]);

#[test]
fn every_document_is_the_predicate_of_a_record() {
    for (path, kind) in [
        ("parties/harbour-log.yaml", "party-profile"),
        ("parties/harbour-packages.yaml", "party-profile"),
        ("parties/harbourwiki-stewards.yaml", "party-profile"),
        ("parties/heron-lab.yaml", "party-profile"),
        ("parties/tidewater-audit.yaml", "party-profile"),
        ("claims/harbourwiki-text.yaml", "license-claim"),
        ("claims/heron-weights.yaml", "license-claim"),
        ("claims/river-gauges-data.yaml", "license-claim"),
        ("sources/harbourwiki.yaml", "training-source"),
        ("sources/river-gauges.yaml", "training-source"),
        ("audits/heron-base-350m.json", "audit-attestation"),
        ("agreements/agreement.yaml", "agreement"),
        ("wiki/dataset-card.yaml", "dataset-card"),
    ] {
        let predicate = document(path);
        let kind = Kind::parse(kind).unwrap();
        let findings = lint(&kind, &Value::Object(predicate.clone()));
        assert!(findings.iter().all(|finding| finding.level != Level::Error), "{path}: {findings:?}");
        assert_fits(&Imported { kind, subjects: vec![Subject::record(CARD)], predicate });
    }
}

#[test]
fn the_model_has_a_card_four_sources_and_two_licences() {
    let readme = read("heron-base-350m/README.md");
    let card = hugging_face::import(&readme, "README.md", None).unwrap();
    assert_fits(&card);
    assert_eq!((card.kind.clone(), &card.predicate["model_name"]), (Kind::ModelCard, &json!("heron-base-350m")));
    for member in ["useCases", "technicalLimitations", "ethicalConsiderations"] {
        assert!(card.predicate["considerations"].get(member).is_some(), "{member}");
    }
    assert_eq!(lint(&card.kind, &Value::Object(card.predicate)), []);
    assert_eq!((lint_card(&readme).findings, lint_card(&readme).mended), (vec![], None));

    let config = read("heron-base-350m/data_config.json");
    let sources = sentence_transformers::import(&config, Some(&readme), CARD, Relation::TrainedOn).unwrap();
    sources.iter().for_each(assert_fits);
    let pairs: u64 = sources.iter().map(|source| source.predicate["pairs"].as_u64().unwrap()).sum();
    assert_eq!((sources.len(), pairs), (4, 294_016));
    assert!(sources.iter().all(|source| source.predicate["dataset"]["uri"].is_string()));

    let model = || vec![Subject::record(CARD)];
    let of_card = hugging_face::license_claim(&readme, "README.md", Licensed::Weights, model()).unwrap().unwrap();
    let of_package = wheel::import(&read("claims/METADATA"), "METADATA", Licensed::Weights, model()).unwrap();
    assert_fits(&of_card);
    assert_fits(&of_package);
    assert_eq!(of_card.predicate["licenseConcluded"], document("claims/heron-weights.yaml")["licenseConcluded"]);
    assert_eq!(
        (&of_card.predicate["licenseConcluded"], &of_package.predicate["licenseConcluded"]),
        (&json!("Apache-2.0"), &json!("MIT"))
    );
}

#[test]
fn the_dataset_names_its_files_by_digest() {
    let bytes = read("river-gauges-en/croissant.json");
    let card = croissant::import(&bytes, "croissant.json").unwrap();
    assert_fits(&card);
    assert_eq!(card.predicate.get("abridged"), None);
    let files = ["reports.jsonl", "stations.csv"]
        .map(|file| artifact(file, subject_digest(&read(&format!("river-gauges-en/{file}")))));
    assert_eq!(card.subjects, files);
    assert_eq!(lint_croissant(&bytes), []);
}

#[test]
fn the_dump_is_the_one_that_is_named() {
    let dump = read("wiki/harbourwiki-pages.xml");
    let digest = json!(subject_digest(&dump));
    assert_eq!(document("wiki/dataset-card.yaml")["distribution"][0]["sha256"], digest);
    assert_eq!(document("sources/harbourwiki.yaml")["dataset"]["digest"]["sha256"], digest);
    let text = String::from_utf8(dump).unwrap();
    assert_eq!((text.matches("<page>").count(), text.matches("<redirect ").count()), (16, 1));
}

#[test]
fn the_card_with_faults_is_mended() {
    let lint = lint_card(&read("needs-mending/README.md"));
    let errors: Vec<String> = lint
        .findings
        .iter()
        .filter(|finding| finding.level != Level::Info)
        .map(|finding| format!("{} {}", finding.code, finding.place))
        .collect();
    assert_eq!(
        errors,
        [
            "yaml_tab 3:1",
            "yaml_tab 4:1",
            "yaml_word 4:4",
            "license_case 5:10",
            "yaml_number 6:10",
            "yaml_unquoted 7:9",
            "yaml_date 9:11",
            "yaml_duplicate_key 10:1"
        ]
    );
    let mended = lint.mended.unwrap();
    assert!(
        mended.starts_with(
            "---\nlanguage:\n  - en\n  - \"no\"\nlicense: apache-2.0\nversion: \"1.10\"\npretty: \"Heron: the small one\"\n\
             released: \"2026-03-09\"\ntags: [hydrology]\n# library_name: "
        ),
        "{mended}"
    );
    assert!(hugging_face::import(mended.as_bytes(), "README.md", None).is_ok());
}
