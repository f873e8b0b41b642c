//! Real documents as they are: what the strict reader takes of them, and a record with each of them inside.

use ledger::Code;
use ledger::record::Record;
use ledger::record::dsse::Envelope;
use ledger::record::json::parse;
use ledger::record::key::PrivateKey;
use ledger::record::kind::Kind;
use ledger::record::limits::MAX_STATEMENT;
use ledger::record::statement::{Statement, Subject};
use serde_json::json;

use crate::data::folder;

/// Every Croissant file of the data folder becomes a dataset card: member by member, nothing lost.
#[test]
fn the_ten_croissant_files_are_dataset_cards() {
    let Some(folder) = folder("croissant") else { return };
    let key = PrivateKey::from_ed25519_seed([1; 32]);
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let mut predicate = parse(&bytes, MAX_STATEMENT).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let card = predicate.clone();
        let members = predicate.as_object_mut().unwrap();
        members.insert("issuer".to_owned(), json!({ "id": "example-org" }));
        members.insert("issued".to_owned(), json!("2026-03-01T12:00:00Z"));
        let subject = Subject::artifact("croissant.json", ledger::ids::SubjectDigest::from_bytes([1; 32]));
        let payload = Statement::new(Kind::DatasetCard, vec![subject], predicate).to_payload().unwrap();
        let record = Record::parse(&Envelope::sign(payload, &[&key]).unwrap().to_json()).unwrap();
        for (name, value) in card.as_object().unwrap() {
            assert_eq!(record.statement.predicate.get(name), Some(value), "{path:?}");
        }
        count += 1;
    }
    assert_eq!(count, 10);
}

/// Model signatures, bills of materials and settings of models are no records, and each refusal says why.
#[test]
fn documents_of_others_are_refused_with_a_reason() {
    let Some(croissant) = folder("croissant") else { return };
    let mut folders = vec![croissant.parent().unwrap().to_owned()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let error = Record::parse(&std::fs::read(&path).unwrap()).unwrap_err();
            let about_the_file =
                [Code::JsonSyntax, Code::TextRefused, Code::TooLarge, Code::JsonMembers, Code::JsonNumber];
            assert!(error.code() == Code::Schema || about_the_file.contains(&error.code()), "{path:?}: {error}");
            assert!(!error.detail().is_empty(), "{path:?}");
            seen += 1;
        }
    }
    assert!(seen > 500, "{seen} files");
}
