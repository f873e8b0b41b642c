//! The graph that the index answers is the graph that a fold of all entries holds.

use serde_json::{Value, json};

use super::*;
use crate::entry::Header;
use crate::ids::{RecordId, SubjectDigest};
use crate::record::Record;
use crate::record::kind::Kind;
use crate::record::statement::Subject;
use crate::state::findings::{Asked, Membership, all};
use crate::state::{CardView, Edge, Records, Replica};

fn about(kind: Kind, issuer: &str, id: RecordId, mut members: Value) -> Vec<u8> {
    members["issuer"] = json!({ "id": issuer });
    members["issued"] = json!(testing::ISSUED);
    testing::sign(kind, vec![Subject::record(id)], members, &[&testing::key(issuer)])
}

#[test]
fn models_datasets_and_findings_are_the_same_from_the_index_as_from_memory() {
    let bench = Bench::new();
    let log = peopled(&bench);
    let mut bodies =
        vec![testing::genesis(), testing::party("lab", &["partner"]), testing::party("auditor", &["auditor"])];
    let mut add = |body: Vec<u8>| {
        let id = testing::record_id(&body);
        submit(&log, body.clone()).unwrap();
        bodies.push(body);
        id
    };
    let model = add(testing::model_card("lab", 1));
    let other = add(testing::model_card("lab", 2));
    let card = json!({ "issuer": { "id": "lab" }, "issued": testing::ISSUED, "name": "set" });
    let subject = Subject::artifact("set", SubjectDigest::from_bytes([7; 32]));
    let dataset = add(testing::sign(Kind::DatasetCard, vec![subject], card, &[&testing::key("lab")]));
    let source = json!({ "relation": "trainedOn", "dataset": { "name": "set", "record": dataset.to_reference() } });
    add(about(Kind::TrainingSource, "lab", model, source));
    for (issuer, license) in [("lab", "CC-BY-4.0"), ("auditor", "CC-BY-NC-4.0")] {
        let claim = json!({ "licenseConcluded": license, "acknowledgement": "declared", "scope": { "of": "data" } });
        add(about(Kind::LicenseClaim, issuer, dataset, claim));
    }
    let view = log.published().unwrap();
    let from_index = log.records(&view);
    let mut replica = Replica::default();
    for (i, body) in bodies.iter().enumerate() {
        let record = Record::parse(body).unwrap();
        let received = from_index.item(LeafIndex(i as u64)).unwrap().unwrap().header.received;
        replica.apply(LeafIndex(i as u64), Header::derive(&record, received), Some(record)).unwrap();
    }
    assert_eq!(*view.state, replica.state);
    for edge in [Edge::Ref(dataset), Edge::about(model), Edge::Kind("license-claim".to_owned()), Edge::Record(other)] {
        for (from, limit) in [(0, usize::MAX), (4, 1), (99, 9)] {
            let here = from_index.along(&edge, LeafIndex(from), limit).unwrap();
            assert_eq!(here, replica.graph.along(&edge, LeafIndex(from), limit).unwrap(), "{edge:?}");
        }
    }
    let look = |records: &dyn Records| {
        let views = [model, other, dataset].map(|id| {
            let view = CardView::of(records, &view.state, id, log.now()).unwrap().unwrap();
            (view.versions.clone(), view.sources().cloned().collect::<Vec<_>>(), view.licenses.clone())
        });
        let contains = |_: crate::ids::KeyspaceId, _: &crate::ids::ContentKey| Membership::Unknown;
        (views, all(&Asked { records, state: &view.state, now: log.now(), contains: &contains }).unwrap())
    };
    let (views, findings) = look(&from_index);
    assert_eq!((views.clone(), findings.clone()), look(&replica.graph));
    assert_eq!(views[0].1.len(), 1);
    let rules: Vec<&str> = findings.iter().map(|finding| finding.rule.as_str()).collect();
    assert_eq!(rules, ["card_without_sources", "license_conflict", "duty_unreported"]);
    // A view of a smaller size shows what was there then.
    let earlier = Published { size: TreeSize(5), ..Published::clone(&view) };
    assert_eq!(log.records(&earlier).along(&Edge::Ref(dataset), LeafIndex(0), 9).unwrap(), []);
    assert_eq!(log.records(&earlier).item(LeafIndex(5)).unwrap(), None);
}

#[test]
fn whoever_takes_back_what_is_not_there_or_anothers_is_warned() {
    let bench = Bench::new();
    let log = peopled(&bench);
    submit(&log, testing::party("rival", &["partner"])).unwrap();
    let card = testing::record_id(&testing::model_card("lab", 1));
    submit(&log, testing::model_card("lab", 1)).unwrap();
    let revoking = |issuer: &str, target: RecordId| {
        let mut said = Record::parse(&testing::model_card(issuer, 2)).unwrap().statement;
        said.predicate.insert("revokes".to_owned(), json!([target.to_reference()]));
        testing::sign(Kind::ModelCard, said.subjects, Value::Object(said.predicate), &[&testing::key(issuer)])
    };
    let warned = |body: Vec<u8>| -> Vec<(&str, String)> {
        let mut validated = log.validate(Bytes::from(body)).unwrap();
        let found = validated.take_warnings().into_iter().map(|found| (found.code, found.place));
        found.filter(|(_, place)| place.contains("revokes")).collect()
    };
    let place = || "/predicate/revokes/0".to_owned();
    assert_eq!(warned(revoking("lab", card)), []);
    assert_eq!(warned(revoking("lab", RecordId::from_bytes([7; 32]))), [("target_unknown", place())]);
    assert_eq!(warned(revoking("rival", card)), [("issuer_mismatch", place())]);
}
