//! Real claims about real datasets, side by side.

use std::collections::BTreeMap;

use serde_json::json;

use super::world::World;
use super::*;
use crate::record::import::{dpi, test_data};
use crate::record::license::compare::Agreement;
use crate::record::statement::Statement;
use crate::state::{CardView, Item, Records};

/// The 2,311 datasets become cards and claims by role; how many agree, by the definitions of `license::compare`.
#[test]
fn the_2311_datasets_of_the_data_provenance_initiative() {
    let Some(folder) = test_data("dpi") else { return };
    let rows = dpi::import(&std::fs::read(folder.join("license_claims.jsonl")).unwrap()).unwrap();
    assert_eq!(rows.len(), 2311);
    let mut world = World::new();
    let mut index = world.bodies.len() as u64;
    let lab = key("lab");
    // Everything goes the way of a record: statement, envelope, parser, fold.
    let mut add = |imported: crate::record::import::Imported| {
        let mut predicate = imported.predicate;
        predicate.insert("issuer".to_owned(), json!({ "id": "lab" }));
        predicate.insert("issued".to_owned(), json!(testing::ISSUED));
        let statement = Statement::new(imported.kind, imported.subjects, Value::Object(predicate));
        let body = Envelope::sign(statement.to_payload().unwrap(), &[&lab]).unwrap().to_json();
        let record = Record::parse(&body).unwrap();
        let (id, header) = (record.id, Header::derive(&record, world.now));
        if world.replica.graph.first(id).unwrap().is_some() {
            return (id, false); // a log answers a duplicate with the first entry
        }
        world.replica.apply(LeafIndex(index), header, Some(record)).unwrap();
        index += 1;
        (id, true)
    };
    let mut cards = Vec::new();
    let mut claims = 0;
    for row in rows {
        let (card, is_new) = add(row.card);
        for claim in row.claims {
            claims += usize::from(add(claim.about(vec![Subject::record(card)])).1);
        }
        cards.push((card, is_new));
    }
    let mut counts: BTreeMap<Agreement, usize> = BTreeMap::new();
    let mut roles: BTreeMap<String, usize> = BTreeMap::new();
    for (card, is_new) in &cards {
        let view = CardView::of(&world.replica.graph, world.state(), *card, world.now).unwrap().unwrap();
        *counts.entry(view.license_agreement()).or_default() += 1;
        for claim in view.claims.iter().filter(|_| *is_new) {
            *roles.entry(claim.role.clone().unwrap()).or_default() += 1;
        }
    }
    println!("{claims} claims by role {roles:?}; datasets {counts:?}");
    let items: Vec<Item> = cards.iter().map(|(id, _)| world.replica.graph.first(*id).unwrap().unwrap()).collect();
    assert!(items.iter().all(|item| item.header.kind == "dataset-card"));
    // The figures of docs/STATE.md, one for each row of the collection.
    let of = |agreement| counts.get(&agreement).copied().unwrap_or_default();
    let found = [Agreement::None, Agreement::Agree, Agreement::Compatible, Agreement::Conflict].map(of);
    assert_eq!(found, [368, 1104, 269, 570]);
    assert_eq!(roles.values().sum::<usize>(), claims);
}
