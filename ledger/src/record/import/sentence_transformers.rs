//! `data_config.json` of sentence-transformers models: the files of sentence pairs that a model was trained on.
//!
//! ```text
//! [{"name":"reddit/reddit_2018.jsonl.gz","lines":229231117,"weight":2}, …]
//! ```
//!
//! Each file becomes one `training-source` about the model's card. Nobody holds the bytes, so there is no digest but
//! `noAssertion`; `lines` is the number of pairs. An address is given where one can be derived, and `basis` says from what:
//! from the entry itself; from the row of a table in the card's prose that has the same number of pairs, if it is the only
//! one and no other file has that number; or from the name of the host after which a file is called. Where there is none,
//! nothing is made up: the `uri` is then the entry of `data_config.json` in which the claim stands, named by the file's
//! SHA-256 [RFC 6920] and the entry's place [RFC 6901 §6]: `ni:///sha-256;<base64url>#/12`.
//!
//! ```text
//! {"relation":"finetunedOn","category":"noAssertion","pairs":582261,"weight":1,
//!  "dataset":{"name":"searchQA_top5.jsonl.gz","uri":"https://…","title":"SearchQA","digest":"noAssertion"},
//!  "basis":"data_config.json; address from the table row of README.md with as many pairs",
//!  "evidence":[{"name":"data_config.json","digest":{"sha256":"…"}}]}
//! ```

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::fit::Members;
use super::foreign_json::{self, step};
use super::{Imported, MAX_DOCUMENT, descriptor, hugging_face};
use crate::error::{Code, Error, Result};
use crate::ids::RecordId;
use crate::record::kind::Kind;
use crate::record::kinds::Relation;
use crate::record::statement::Subject;
use crate::record::terms::NO_ASSERTION;

/// Files of one configuration. Arithmetic: each becomes a record; the real file has 290.
pub const MAX_SOURCES: usize = 10_000;

/// Makes a `data_config.json` into one `training-source` per file, about the record of the model's card.
///
/// `card` is the model's `README.md`, from whose table addresses and titles are taken.
///
/// # Errors
/// `json_syntax` if it is no JSON, `card_invalid` if it is no list of named files; `too_many` files; `too_large`;
/// `text_refused`.
pub fn import(config: &[u8], card: Option<&[u8]>, model: RecordId, relation: Relation) -> Result<Vec<Imported>> {
    let document = foreign_json::read(config, MAX_DOCUMENT)?.value;
    let invalid = |place: String, detail: &str| Error::new(Code::CardInvalid, detail).at(place);
    let entries = document.as_array().ok_or_else(|| invalid("/".to_owned(), "expected a list of files"))?;
    if entries.len() > MAX_SOURCES {
        return Err(Error::new(Code::TooMany, format!("{} files, at most {MAX_SOURCES}", entries.len())));
    }
    let table = card.and_then(|card| hugging_face::read(card).ok()).map(|card| table(card.body)).unwrap_or_default();
    let mut counts: HashMap<u64, usize> = HashMap::new();
    for lines in entries.iter().filter_map(lines) {
        *counts.entry(lines).or_default() += 1;
    }
    let named = format!("ni:///sha-256;{}", URL_SAFE_NO_PAD.encode(Sha256::digest(config)));
    let evidence = descriptor("data_config.json", "application/json", config);
    let source = |(i, entry): (usize, &Value)| {
        let place = || format!("/{i}{}", step("name"));
        let name = entry.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| invalid(place(), "expected the name of a file"))?;
        let row =
            lines(entry).filter(|lines| counts.get(lines) == Some(&1)).and_then(|lines| table.get(&lines)?.as_ref());
        let claim = format!("{named}#/{i}");
        Ok(training_source(entry, name, row, &claim, relation, &evidence).about(vec![Subject::record(model)]))
    };
    entries.iter().enumerate().map(source).collect()
}

fn training_source(
    entry: &Value,
    name: &str,
    row: Option<&Row>,
    claim: &str,
    relation: Relation,
    evidence: &Value,
) -> Imported {
    let mut dataset = Map::new();
    let mut put = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            dataset.insert(name.to_owned(), Value::from(value));
        }
    };
    put("name", Some(name));
    put("digest", Some(NO_ASSERTION));
    let own = ["uri", "url"].iter().find_map(|name| entry.get(*name)?.as_str());
    let host = host(name).map(|host| format!("https://{host}/"));
    let basis = match (own, row, &host) {
        (Some(uri), _, _) => {
            put("uri", Some(uri));
            "data_config.json"
        }
        (None, Some(row), _) => {
            put("uri", Some(&row.uri));
            put("title", Some(&row.title));
            "data_config.json; address from the table row of README.md with as many pairs"
        }
        (None, None, Some(uri)) => {
            put("uri", Some(uri));
            "data_config.json; address from the host that the file is called after"
        }
        (None, None, None) => {
            put("uri", Some(claim));
            "data_config.json; no address is known, and the uri is the entry of that file that makes the claim"
        }
    };
    let mut members = Members::new();
    members.add("relation", json!(relation));
    members.add("dataset", dataset);
    members.add("category", NO_ASSERTION);
    members.add("pairs", lines(entry).map_or(Value::from(NO_ASSERTION), Value::from));
    members.add("weight", entry.get("weight").cloned().unwrap_or(Value::Null));
    members.add("basis", basis);
    members.add("evidence", json!([evidence]));
    Imported { kind: Kind::TrainingSource, subjects: Vec::new(), predicate: members.finish() }
}

/// The number of pairs, if it is one that every JSON reader keeps.
fn lines(entry: &Value) -> Option<u64> {
    entry.get("lines")?.as_u64().filter(|lines| *lines < 1 << 53)
}

/// `stackexchange_title_body/skeptics.stackexchange.com.jsonl.gz` is called after a host.
fn host(name: &str) -> Option<&str> {
    const ENDINGS: [&str; 6] = [".jsonl.gz", ".json.gz", ".tsv.gz", ".jsonl", ".json", ".tsv"];
    let file = name.rsplit('/').next()?;
    let host = ENDINGS.iter().find_map(|ending| file.strip_suffix(ending))?;
    let labels: Vec<&str> = host.split('.').collect();
    let label = |label: &&str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let public = matches!(labels.last(), Some(&("com" | "net" | "org")));
    (labels.len() >= 2 && public && labels.iter().all(label)).then_some(host)
}

/// What a table of the card says about a number of pairs.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    title: String,
    uri: String,
}

/// Rows of tables whose first cell links somewhere and whose last is a number; `None` for numbers that stand there twice.
fn table(prose: &str) -> HashMap<u64, Option<Row>> {
    let mut rows = HashMap::new();
    for line in prose.lines().map(str::trim).filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let (Some(first), Some(last)) = (cells.first(), cells.last()) else { continue };
        let digits: String = last.chars().filter(|c| *c != ',').collect();
        let Ok(pairs) = digits.parse::<u64>() else { continue };
        let row = link(first);
        rows.entry(pairs).and_modify(|row| *row = None).or_insert(row);
    }
    rows
}

/// `[S2ORC](https://…) Citation pairs (Titles)`: the text without the brackets, and the first address.
fn link(cell: &str) -> Option<Row> {
    let mut title = String::new();
    let mut uri = None;
    let mut rest = cell;
    while let Some((before, after)) = rest.split_once('[') {
        title.push_str(before);
        let Some((label, target)) = after.split_once("](") else { break };
        let (address, tail) = target.split_once(')')?;
        title.push_str(label);
        uri = uri.or_else(|| address.starts_with("http").then(|| address.to_owned()));
        rest = tail;
    }
    title.push_str(rest);
    Some(Row { title, uri: uri? })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::super::{assert_fits, test_data};
    use super::*;

    const MODEL: RecordId = RecordId::from_bytes([7; 32]);

    fn sources(config: &str, card: Option<&str>) -> Vec<Map<String, Value>> {
        let sources = import(config.as_bytes(), card.map(str::as_bytes), MODEL, Relation::FinetunedOn).unwrap();
        sources.iter().for_each(assert_fits);
        assert!(sources.iter().all(|source| source.subjects == [Subject::record(MODEL)]));
        sources.into_iter().map(|source| source.predicate).collect()
    }

    #[test]
    fn each_file_becomes_a_source() {
        let config = r#"[{"name":"a/skeptics.stackexchange.com.jsonl.gz","lines":10009,"weight":1},
                         {"name":"b.jsonl.gz","lines":5000,"weight":0.5},{"name":"c.jsonl.gz"},
                         {"name":"d","lines":7,"uri":"https://example.org/d"}]"#;
        let card = "# m\n| Data | Paper | Pairs |\n|---|:-:|-|\n| AllB ([B](https://b.example) and [C](https://c.example)) | - | 5,000 |\n| X | - | 7 |";
        let sources = sources(config, Some(card));
        assert_eq!(
            sources[0]["dataset"],
            json!({"name": "a/skeptics.stackexchange.com.jsonl.gz", "digest": "noAssertion",
                                                "uri": "https://skeptics.stackexchange.com/"})
        );
        assert_eq!(sources[1]["dataset"]["title"], "AllB (B and C)");
        assert_eq!(
            (&sources[1]["dataset"]["uri"], &sources[1]["weight"]),
            (&json!("https://b.example"), &json!("0.5"))
        );
        assert_eq!(sources[2]["pairs"], "noAssertion");
        let claim = sources[2]["dataset"]["uri"].as_str().unwrap();
        assert!(claim.starts_with("ni:///sha-256;") && claim.ends_with("#/2"), "the entry that says so: {claim}");
        assert!(sources[2]["basis"].as_str().unwrap().contains("no address is known"));
        assert_eq!(sources[3]["dataset"]["uri"], "https://example.org/d");
        assert_eq!((&sources[3]["relation"], &sources[3]["pairs"]), (&json!("finetunedOn"), &json!(7)));
    }

    #[test]
    fn an_equal_number_decides_nothing_when_it_stands_there_twice() {
        let card = "| [B](https://b.example) | 5,000 |\n| [C](https://c.example) | 5,000 |\n| [D](https://d.example) | 6,000 |";
        let config = r#"[{"name":"b","lines":5000},{"name":"d","lines":6000},{"name":"e","lines":6000}]"#;
        let sources = sources(config, Some(card));
        assert!(sources.iter().all(|source| source["dataset"]["uri"].as_str().unwrap().starts_with("ni:///sha-256;")));
    }

    #[test]
    fn what_is_no_configuration_is_refused_with_its_place() {
        for (text, place) in [("{}", "/"), ("[1]", "/0/name"), (r#"[{"name":"a"},{"name":""}]"#, "/1/name")] {
            let error = import(text.as_bytes(), None, MODEL, Relation::TrainedOn).unwrap_err();
            assert_eq!((error.code(), error.place()), (Code::CardInvalid, Some(place)), "{text}");
        }
    }

    #[test]
    fn the_real_model_has_290_sources_and_1_170_060_424_pairs() {
        let Some(data) = test_data("models/all-MiniLM-L6-v2-noweights") else { return };
        let config = std::fs::read(data.join("data_config.json")).unwrap();
        let card = std::fs::read(data.join("README.md")).unwrap();
        let sources = import(&config, Some(&card), MODEL, Relation::FinetunedOn).unwrap();
        sources.iter().for_each(assert_fits);
        assert_eq!(sources.len(), 290);
        let pairs: u64 = sources.iter().map(|source| source.predicate["pairs"].as_u64().unwrap()).sum();
        assert_eq!(pairs, 1_170_060_424);
        let dataset = |source: &Imported| source.predicate["dataset"].clone();
        assert!(sources.iter().all(|source| dataset(source)["digest"] == "noAssertion"));
        let titled = sources.iter().filter(|source| dataset(source).get("title").is_some()).count();
        let starts = |source: &&Imported, with: &str| dataset(source)["uri"].as_str().unwrap().starts_with(with);
        let addressed = sources.iter().filter(|source| starts(source, "https://")).count();
        let claims = sources.iter().filter(|source| starts(source, "ni:///sha-256;")).count();
        assert_eq!((titled, addressed, claims), (28, 279, 11));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), text in "\\PC{1,40}|[\\[\\]()|0-9,.a-z/]{1,60}") {
            let _ = import(&bytes, Some(&bytes), MODEL, Relation::TrainedOn);
            let config = json!([{"name": text, "lines": 5, "weight": text}]).to_string();
            sources(&config, Some(&format!("|{text}|5|\n|{text}")));
        }
    }
}
