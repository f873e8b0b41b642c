//! Real claims about real datasets, side by side.

use std::collections::BTreeMap;

use serde_json::json;

use super::world::World;
use super::*;
use crate::record::import::{dpi, test_data};
use crate::record::license::compare::{Agreement, Choices, compare_all};
use crate::record::statement::Statement;
use crate::state::{CardView, Records};

/// The 2,311 datasets become cards and claims by role; how many agree, by the definitions of `license::compare`.
///
/// The figures are counted over all rows as they are imported. Every tenth row (every row with `COLOPHON_FULL=1`) goes the
/// whole way of a record, and its card's view must say the same.
#[test]
fn the_2311_datasets_of_the_data_provenance_initiative() {
    let Some(folder) = test_data("dpi") else { return };
    let rows = dpi::import(&std::fs::read(folder.join("license_claims.jsonl")).unwrap()).unwrap();
    assert_eq!(rows.len(), 2311);
    let mut world = World::new();
    let mut index = world.bodies.len() as u64;
    let lab = key("lab");
    // Everything goes the way of a record: statement, envelope, parser, fold.
    let replica = &mut world.replica;
    let now = world.now;
    let mut add = |replica: &mut crate::state::Replica, imported: crate::record::import::Imported| {
        let mut predicate = imported.predicate;
        predicate.insert("issuer".to_owned(), json!({ "id": "lab" }));
        predicate.insert("issued".to_owned(), json!(testing::ISSUED));
        let statement = Statement::new(imported.kind, imported.subjects, Value::Object(predicate));
        let body = Envelope::sign(statement.to_payload().unwrap(), &[&lab]).unwrap().to_json();
        let record = Record::parse(&body).unwrap();
        let (id, header) = (record.id, Header::derive(&record, now));
        // A log answers a duplicate with the first entry.
        if replica.graph.first(id).unwrap().is_none() {
            replica.apply(LeafIndex(index), header, Some(record)).unwrap();
            index += 1;
        }
        id
    };
    let full = std::env::var("COLOPHON_FULL").is_ok_and(|value| value == "1");
    let mut counts: BTreeMap<Agreement, usize> = BTreeMap::new();
    let mut roles: BTreeMap<String, usize> = BTreeMap::new();
    for (i, row) in rows.into_iter().enumerate() {
        let text =
            |claim: &crate::record::import::Imported, name: &str| claim.predicate[name].as_str().unwrap().to_owned();
        let named: Vec<_> = row.claims.iter().map(|claim| Choices::parse(&text(claim, "licenseConcluded"))).collect();
        let agreement = compare_all(&named);
        *counts.entry(agreement).or_default() += 1;
        row.claims.iter().for_each(|claim| *roles.entry(text(claim, "claimantRole")).or_default() += 1);
        if i % 10 != 0 && !full {
            continue;
        }
        let card = add(replica, row.card);
        let claims: Vec<RecordId> =
            row.claims.into_iter().map(|claim| add(replica, claim.about(vec![Subject::record(card)]))).collect();
        let view = CardView::of(&replica.graph, &replica.state, card, now).unwrap().unwrap();
        assert_eq!(view.license_agreement(), agreement, "row {i}");
        assert_eq!(view.claims.iter().map(|claim| claim.record).collect::<Vec<_>>(), claims);
    }
    println!("claims by role {roles:?}; datasets {counts:?}");
    // The figures of docs/STATE.md, one for each row of the collection.
    let of = |agreement| counts.get(&agreement).copied().unwrap_or_default();
    let found = [Agreement::None, Agreement::Agree, Agreement::Compatible, Agreement::Conflict].map(of);
    assert_eq!(found, [368, 1104, 269, 570]);
    assert_eq!(roles.values().sum::<usize>(), 5948);
}
