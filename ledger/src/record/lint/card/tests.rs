//! Lint of cards: what is found, where, and how it is mended.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::record::import::{test_data, yaml};

/// Findings that matter, as `code line:column`.
fn found(lint: &CardLint) -> Vec<String> {
    let matter = lint.findings.iter().filter(|finding| finding.level != Level::Info);
    matter.map(|finding| format!("{} {}", finding.code, finding.place)).collect()
}

fn mended(card: &str) -> String {
    lint_card(card.as_bytes()).mended.unwrap()
}

const FULL: &str = "license: mit\nlanguage: en\nlibrary_name: x\npipeline_tag: y\ndatasets: [z]\n";

#[test]
fn a_complete_card_is_left_alone() {
    let lint = lint_card(format!("---\n{FULL}---\n# Title\n").as_bytes());
    assert_eq!((lint.findings, lint.mended, lint.kind), (vec![], None, CardKind::Model));
}

#[test]
fn what_python_would_misread_is_quoted() {
    let card = format!(
        "---\n{FULL}tags:\n- no\n- 1.10\n- ok\nversion: 2024-01-01\nno: x\ndate: 2024-05-01\nflag: yes\ntime: 010\n---\n"
    );
    let lint = lint_card(card.as_bytes());
    assert_eq!(
        found(&lint),
        ["yaml_word 8:3", "yaml_number 9:3", "yaml_date 11:10", "yaml_word 12:1", "yaml_date 13:7"]
    );
    let mended = lint.mended.unwrap();
    assert!(mended.ends_with("tags:\n- \"no\"\n- \"1.10\"\n- ok\nversion: \"2024-01-01\"\n\"no\": x\ndate: \"2024-05-01\"\nflag: yes\ntime: 010\n---\n"), "{mended}");
}

#[test]
fn duplicates_lose_the_entry_that_counts_for_nothing() {
    let lint = lint_card(format!("---\n{FULL}tags:\n- a\n# the real one\nlicense: apache-2.0\n---\n").as_bytes());
    assert_eq!(found(&lint), ["yaml_duplicate_key 10:1"]);
    assert_eq!(
        lint.mended.unwrap(),
        "---\nlanguage: en\nlibrary_name: x\npipeline_tag: y\ndatasets: [z]\ntags:\n- a\n# the real one\nlicense: apache-2.0\n---\n"
    );
}

#[test]
fn licence_spellings_are_mended_only_where_the_licence_is_the_same() {
    let with = |license: &str| mended(&format!("---\nlicense: {license}\n---\n"));
    assert!(with("Apache-2.0").contains("\nlicense: apache-2.0\n"));
    assert!(with("Apache License 2.0").contains("\nlicense: apache-2.0\n"));
    assert!(with("[MIT, isc]").contains("\nlicense: [mit, isc]\n"));
    assert!(with("apache2.0").contains("\nlicense: apache2.0\n"));
    assert!(with("GPL-2.0-or-later").contains("\nlicense: GPL-2.0-or-later\n"));
}

#[test]
fn what_is_missing_stands_as_a_comment() {
    let lint = lint_card(b"---\r\npretty_name: Gauges\r\nlicense: mit\r\n---\r\n# Gauges\r\n");
    assert_eq!(lint.kind, CardKind::Dataset);
    let mended = lint.mended.unwrap();
    assert_eq!(mended.matches("\r\n# ").count(), 3, "{mended}");
    assert!(mended.contains("\r\n# language: en  # missing: ISO 639 codes, or multilingual\r\n"));
    assert!(mended.ends_with("\r\n---\r\n"));
    let none = lint_card(b"# MyModel\n");
    assert_eq!(found(&none), ["card_metadata_missing 1:1"]);
    assert!(none.mended.unwrap().starts_with("---\n# license: unknown"));
}

#[test]
fn tabs_and_unquoted_values_are_repaired() {
    let lint = lint_card(format!("---\n{FULL}pretty: Heron: base\ntags:\n\t- a\n\t- no\n---\n").as_bytes());
    assert_eq!(found(&lint), ["yaml_unquoted 7:9", "yaml_tab 9:1", "yaml_tab 10:1", "yaml_word 10:4"]);
    assert!(lint.mended.unwrap().ends_with("pretty: \"Heron: base\"\ntags:\n  - a\n  - \"no\"\n---\n"));
}

#[test]
fn what_cannot_be_mended_is_pointed_to() {
    for (card, expected) in [
        ("---\n[]\n---\n", "card_metadata_not_a_mapping 2:1"),
        ("\n---\na: [1\nb: 2\n---\n", "yaml_syntax 4:2"),
        ("---\n{{card_data}}\n---\n", "yaml_key_not_text 2:2"),
        ("---\na: !!python/object:x {}\n---\n", "yaml_tag 2:22"),
        ("---\nlicense: {a: b}\n---\n", "member_not_texts 2:10"),
        ("---\nlicense: mit\nmodel_name: [x]\n---\n", "member_not_text 3:13"),
    ] {
        let lint = lint_card(card.as_bytes());
        assert!(found(&lint).contains(&expected.to_owned()), "{card:?}: {:?}", found(&lint));
    }
    let lint = lint_card(b"---\nlicense: mit\nname: \xff\n---\n");
    assert_eq!((found(&lint), lint.mended), (vec!["card_not_utf8 3:7".to_owned()], None));
}

#[test]
fn what_hides_the_metadata_is_named() {
    for (card, expected) in [
        (format!("\u{feff}---\n{FULL}---\n"), "card_byte_order_mark 1:1"),
        (format!("---  \n{FULL}---\n"), "card_opening_dashes 1:1"),
        (format!("---\n{FULL}---\n# x\n").replace('\n', "\r"), "card_carriage_returns 1:1"),
    ] {
        let lint = lint_card(card.as_bytes());
        assert_eq!(found(&lint), [expected]);
        assert_eq!(lint.mended.unwrap(), format!("---\n{FULL}---\n"));
    }
}

#[test]
fn results_are_pointed_to_in_the_text() {
    let card = "---\nlicense: mit\nmodel-index:\n- name: m\n  results:\n  - task: {type: t}\n    dataset: {type: d, name: D}\n    metrics:\n    - type: f1\n      value: 0.9\n    source:\n      name: board\n---\n";
    assert_eq!(found(&lint_card(card.as_bytes())), ["source_url_missing 12:7"]);
}

#[test]
fn the_official_cards() {
    let Some(data) = test_data("hf-cards") else { return };
    let lint = |path: &str| lint_card(&std::fs::read(data.join(path)).unwrap());
    for (path, expected) in [
        ("huggingface_hub-tests/sample_invalid_card_data.md", vec!["card_metadata_not_a_mapping 2:1"]),
        ("huggingface_hub-tests/sample_invalid_model_index.md", vec!["results_invalid 15:5"]),
        ("huggingface_hub-tests/sample_no_metadata.md", vec!["card_metadata_missing 1:1"]),
        ("huggingface_hub-tests/sample_simple.md", vec![]),
        ("huggingface_hub-tests/sample_simple_model_index.md", vec![]),
        ("huggingface_hub-tests/sample_windows_line_breaks.md", vec![]),
        ("huggingface_hub-tests/sample_datasetcard_simple.md", vec![]),
        ("huggingface_hub-tests/sample_template.md", vec!["license_missing 1:1", "yaml_key_not_text 2:2"]),
        ("real/sentence-transformers__all-MiniLM-L6-v2.README.md", vec![]),
        ("real/bert-base-uncased.EXCERPT.README.md", vec![]),
    ] {
        assert_eq!(found(&lint(path)), expected, "{path}");
    }
    for path in ["templates/modelcard_template.md", "spec/modelcard.md", "spec/datasetcard.md"] {
        assert!(found(&lint(path)).iter().any(|finding| finding.starts_with("yaml_key_not_text ")), "{path}");
    }
}

#[test]
fn a_card_made_to_cost_time_is_looked_at_quickly() {
    let list = |item: &str| item.repeat(20_000);
    for yaml in [
        format!("license:\n{}", list("- apache-2.O\n")),
        format!("language:\n{}", list("- nowhere\n")),
        format!("tags:\n{}", list("\t- a: b: c\n")),
        format!("model-index:\n{}", list("- {}\n")),
        list("no: no\n"),
        "a: &a [x]\n".repeat(5_000),
    ] {
        let lint = lint_card(format!("---\n{yaml}---\n").as_bytes());
        assert!(lint.findings.len() <= MAX_FINDINGS);
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_looked_at(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
                               yaml in "\\PC{0,40}|[-a-z:\\[\\]{}&*!|>#'\"%@ \n\t,]{0,60}") {
        lint_card(&bytes);
        lint_card_as(format!("---\n{yaml}\n---\n{yaml}").as_bytes(), CardKind::Dataset);
    }

    /// A mended card says what the card said, and needs no mending again.
    #[test]
    fn mending_keeps_the_meaning(values in proptest::collection::vec("no|on|yes|1\\.10|2024-01-01|mit|MIT|010|a b|null|x: y|'q'|[a-c]{1,3}", 1..8)) {
        let lines: String = values.iter().enumerate().map(|(i, value)| format!("k{}: {value}\n", i % 5)).collect();
        let source = format!("{lines}license: MIT\ntags:\n- {}\nversion: {}\n", values[0], values[values.len() - 1]);
        let mended = mended(&format!("---\n{source}---\n"));
        let block = front_matter::find(&mended).unwrap();
        let after = yaml::parse(&mended[block.yaml.clone()]).unwrap().to_json();
        if let Ok(before) = yaml::parse(&source) {
            let mut before = before.to_json();
            before["license"] = "mit".into();
            // A licence's spelling changes; nothing else does.
            assert_eq!(after, before);
        }
        let without_comments = |text: &str| text.lines().filter(|line| !line.starts_with("# ")).collect::<String>();
        let again = lint_card(mended.as_bytes());
        assert_eq!(without_comments(&again.mended.unwrap()), without_comments(&mended));
    }
}

#[test]
fn what_is_mended_keeps_every_member() {
    for (license, name) in [("|\n  apache-2.0", "apache-2.0\n"), (">-\n  Apache-2.0", "Apache-2.0")] {
        let lint = lint_card(format!("---\nlicense: {license}\nlanguage: en\ntags: [a]\n---\n# T\n").as_bytes());
        if let Some(mended) = lint.mended {
            let block = front_matter::find(&mended).unwrap();
            let node = yaml::parse(&mended[block.yaml]).unwrap();
            assert_eq!(node.get("language").and_then(Node::text), Some("en"), "{mended}");
            assert_eq!(node.get("license").and_then(Node::text), Some(name), "{mended}");
        }
    }
    // The earlier of two members is the one that an alias leads to.
    let lint = lint_card(b"---\nlicense: mit\ntags: &t [a]\ntags: [b]\ndatasets: *t\n---\n# T\n");
    assert!(lint.mended.is_none_or(|mended| !mended.contains("*t") || mended.contains("&t")));
}
