//! Claims about licences of real datasets, from the collection to the page: imported, signed, submitted, and read again.
//!
//! The collection is the Data Provenance Initiative's: 2,311 datasets, 5,948 claims by role. By default its first
//! [`FEW`] lines; all of it with
//!
//! ```text
//! COLOPHON_FULL=1 cargo test -p colophon-tests --test claims
//! ```

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use harness::documents::same_card;
use harness::stage::{LAB, Stage};
use ledger::record::license::compare::Agreement;
use serde_json::{Value, json};

/// Lines of the collection that are submitted by default: every class is among them.
const FEW: usize = 120;

/// How the claims about the first [`FEW`] datasets stand: none, agree, compatible, conflict.
const OF_FEW: [usize; 4] = [12, 83, 1, 24];

/// How the claims about all 2,311 stand (docs/STATE.md).
const OF_ALL: [usize; 4] = [368, 1_104, 269, 570];

/// The same of the 2,310 that a log has: one line is in the collection twice, word for word, and is one card.
const OF_ALL_ONCE: [usize; 4] = [368, 1_103, 269, 570];

const WORDS: [&str; 4] = ["none", "agree", "compatible", "conflict"];

/// The command follows the log and computes the same, member by member; its text says the word and what it means.
fn the_command_agrees(stage: &Stage, card: &str, word: &str) {
    let folded = stage.run(&["card", "status", &format!("record:{card}")]);
    same_card(&api(stage, &format!("/api/v1/datasets/{card}")), &folded);
    assert_eq!(folded["licenses"]["agreement"], *word);

    let shown = stage.program.run(&["card", "status", card, "--log", &stage.server.url]).passed("card status").stdout;
    let agreement = Agreement::ALL.into_iter().find(|agreement| agreement.as_str() == word).unwrap();
    assert!(shown.contains(word) && shown.contains(agreement.definition()), "{word}: {shown}");
    for claim in folded["claims"].as_array().unwrap() {
        let entry = format!(", entry {}\n", claim["index"].as_str().unwrap());
        assert!(shown.contains(&entry), "{claim}: {shown}");
        assert!(shown.contains(claim["role"].as_str().unwrap()), "{claim}: {shown}");
    }
    assert_eq!(shown.contains("license_conflict"), word == "conflict", "{shown}");
    assert_eq!(shown.contains("advice, for whoever keeps to every claim at once"), word != "none", "{shown}");
}

/// Imports the lines as cards and claims of the lab, signs and submits them; the records of the cards, in their order.
fn submitted(stage: &Stage, lines: &str) -> Vec<String> {
    let (collection, statements) = (stage.path("license_claims.jsonl"), stage.path("statements.ndjson"));
    std::fs::write(&collection, lines).unwrap();
    let begun = Instant::now();
    let line = ["card", "import", &collection, "--issuer", LAB, "--out", &statements];
    let imported = stage.program.json(&line);
    let signed = stage.path("signed.ndjson");
    stage.program.json(&["record", "sign", &statements, "--key", "lab", "--out", &signed]);
    println!("imported and signed after {:?}", begun.elapsed());
    let sent = stage.run(&["record", "submit", "--batch", &signed]);
    println!("{} records submitted after {:?}", sent["new"], begun.elapsed());
    let made = imported["statements"].as_array().unwrap();
    // The collection has a card and its claim twice, word for word: the second time they are known already.
    let taken = sent["new"].as_u64().unwrap() + sent["duplicates"].as_u64().unwrap();
    assert_eq!((taken, &sent["refused"]), (made.len() as u64, &json!(0)));
    let cards = made.iter().filter(|statement| statement["kind"] == "dataset-card");
    cards.map(|statement| statement["record"].as_str().unwrap().to_owned()).collect()
}

fn api(stage: &Stage, path: &str) -> Value {
    serde_json::from_slice(&stage.get(path)).unwrap()
}

fn page(stage: &Stage, path: &str) -> String {
    String::from_utf8(stage.get(path)).unwrap()
}

/// The cards that a list names.
fn listed(list: &Value) -> Vec<&str> {
    list["cards"].as_array().unwrap().iter().map(|card| card["record"].as_str().unwrap()).collect()
}

/// Records in their order, each once.
fn once<'a>(records: impl IntoIterator<Item = &'a String>) -> Vec<&'a str> {
    let mut known = BTreeSet::new();
    records.into_iter().map(String::as_str).filter(|record| known.insert(*record)).collect()
}

#[test]
fn m3_5_real_claims_are_imported_compared_and_shown_with_their_conflicts() {
    let Some(data) = harness::test_data() else { return };
    let collection = std::fs::read_to_string(data.join("dpi/license_claims.jsonl")).unwrap();
    let full = std::env::var_os("COLOPHON_FULL").is_some();
    let (count, expected, of_log) = if full { (usize::MAX, OF_ALL, OF_ALL_ONCE) } else { (FEW, OF_FEW, OF_FEW) };
    let lines: String = collection.lines().take(count).map(|line| format!("{line}\n")).collect();
    let stage = Stage::new(env!("CARGO_BIN_EXE_colophon-under-test"));
    let cards = submitted(&stage, &lines);
    assert_eq!(cards.len(), lines.lines().count());

    // Every dataset, as the interface has it.
    let begun = Instant::now();
    let mut classes: BTreeMap<String, Vec<&String>> = BTreeMap::new();
    for card in &cards {
        let dataset = api(&stage, &format!("/api/v1/datasets/{card}"));
        assert_eq!((&dataset["record"], &dataset["complete"]), (&json!(card), &json!(true)), "{dataset}");
        let word = dataset["licenses"]["agreement"].as_str().unwrap().to_owned();
        let conflicts = dataset["findings"].as_array().unwrap().iter().filter(|f| f["rule"] == "license_conflict");
        assert_eq!(conflicts.count() > 0, word == "conflict", "{dataset}");
        classes.entry(word).or_default().push(card);
    }
    println!("{} datasets read after {:?}", cards.len(), begun.elapsed());
    let counted = WORDS.map(|word| classes.get(word).map_or(0, Vec::len));
    assert_eq!(counted, expected, "{WORDS:?}");

    // One page of each class says the word, what it means, and who claims what.
    for word in WORDS {
        the_command_agrees(&stage, classes[word][0], word);
        for card in classes[word].iter().take(3) {
            let html = page(&stage, &format!("/d/{card}"));
            assert!(html.contains(&format!("\">{word}</span>")), "{word}: {html}");
            let definition = match word {
                "none" => "no claim names a licence",
                "agree" => "offers the same ones",
                "compatible" => "nothing that either forbids",
                _ => "one can keep to all of them",
            };
            assert!(html.contains(definition), "{word}: {html}");
            assert!(word == "none" || html.contains("Whoever keeps to every claim at once"), "{word}: {html}");
            assert_eq!(html.contains("Claims about the licence conflict"), word == "conflict", "{word}: {html}");
            assert!(html.len() <= 50_000, "{card}: {} bytes", html.len());
        }
    }

    // The command lists every dataset once and counts the same, whatever it is asked to list.
    let begun = Instant::now();
    let every = stage.run(&["card", "status"]);
    println!("every card followed and compared in {:?}", begun.elapsed());
    assert_eq!(listed(&every), once(&cards));
    let stands = |list: &Value| WORDS.map(|word| list["standings"]["dataset-card"][word].as_u64().unwrap() as usize);
    assert_eq!(stands(&every), of_log, "{WORDS:?}");
    assert_eq!(
        every["standings"]["model-card"],
        json!({"none": 0, "agree": 0, "compatible": 0, "conflict": 0, "takenBack": 0})
    );
    let line = ["card", "status", "--kind", "dataset-card", "--standing", "conflict"];
    let conflicting = stage.run(&line);
    assert_eq!(listed(&conflicting), once(classes["conflict"].iter().copied()), "those that conflict");
    assert_eq!(stands(&conflicting), of_log, "whatever is listed, all are counted");
    let text = stage.program.run(&[&line[..], &["--log", &stage.server.url]].concat()).passed("card status").stdout;
    let row = text.lines().find(|line| line.starts_with("dataset-card ")).unwrap_or_else(|| panic!("{text}"));
    let shown: Vec<usize> = row.split_whitespace().skip(1).map(|count| count.parse().unwrap()).collect();
    assert_eq!(shown, of_log, "{row}");
    for agreement in Agreement::ALL {
        assert!(text.contains(agreement.definition()), "{agreement:?}: {text}");
    }
    assert_eq!(text.lines().filter(|line| line.contains(" dataset-card  conflict ")).count(), of_log[3], "{text}");

    // The conflicts are findings: the interface has them in pages, the page counts them, the command computes them anew.
    let conflicts = expected[3];
    let mut next = Some("/api/v1/findings?rule=license_conflict&limit=7".to_owned());
    let mut seen = Vec::new();
    while let Some(path) = next {
        let answer = api(&stage, &path);
        assert_eq!(answer["count"], json!(conflicts), "{answer}");
        seen.extend(
            answer["findings"].as_array().unwrap().iter().map(|found| found["id"].as_str().unwrap().to_owned()),
        );
        next = answer["links"]["next"].as_str().map(str::to_owned);
    }
    assert_eq!(seen.len(), conflicts);
    let all = page(&stage, "/findings");
    assert!(all.contains(&format!("Claims about the licence conflict</a>: {conflicts}</li>")), "{all}");
    let one = page(&stage, &format!("/f/{}", seen[0]));
    assert!(one.contains("claims about the licence conflict:"), "{one}");
    let begun = Instant::now();
    let folded = stage.run(&["findings", "--rule", "license_conflict"]);
    println!("the command followed and folded in {:?}", begun.elapsed());
    let mut folded: Vec<&str> =
        folded["findings"].as_array().unwrap().iter().map(|found| found["id"].as_str().unwrap()).collect();
    folded.sort_unstable();
    seen.sort_unstable();
    assert_eq!(folded, seen, "the server finds what a client finds that believes nothing of it");
}
