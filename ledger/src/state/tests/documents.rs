//! What programs read: the documents of a card, of a preference and of its clocks, shown whole.

use serde_json::json;

use super::world::{DAY, START, World, say, with_subjects};
use super::*;
use crate::ids::{ContentKey, SubjectDigest};
use crate::record::kinds::{Manifest, UsagePreference};
use crate::state::{CardView, Fate};

const WEIGHTS: SubjectDigest = SubjectDigest::from_bytes([7; 32]);

/// A time as nobody else would write it: the document has it from the formatter that was handed in.
fn at(time: UnixMillis) -> String {
    format!("+{}", time.0 - START.0)
}

fn card(world: &mut World, name: &str, more: Value) -> RecordId {
    let mut members = json!({ "model_name": name });
    members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let subject = vec![Subject::artifact("model.safetensors", WEIGHTS)];
    world.add(with_subjects(Kind::ModelCard, "lab", subject, members, &["lab"])).unwrap()
}

fn view(world: &World, id: RecordId) -> CardView {
    CardView::of(&world.replica.graph, world.state(), id, world.now).unwrap().unwrap()
}

#[test]
fn the_document_of_a_card_has_all_versions_claims_audits_and_disputes_with_numbers_as_strings() {
    let mut world = World::new();
    let first = card(&mut world, "heron", json!({}));
    let second = card(&mut world, "heron 2", json!({ "supersedes": [first.to_reference()] }));
    let claim = |by: &str, role: &str, license: &str| {
        let members = json!({ "licenseDeclared": license, "acknowledgement": "declared", "scope": { "of": "weights" },
            "claimantRole": role });
        say(Kind::LicenseClaim, by, &[second], members)
    };
    let says = world.add(claim("lab", "publisher", "mit")).unwrap();
    let other = world.add(claim("auditor", "auditor", "cc-by-nc-4.0")).unwrap();
    let members = json!({ "relation": "pretrainedOn", "dataset": { "name": "wiki" } });
    let source = world.add(say(Kind::TrainingSource, "lab", &[second], members)).unwrap();
    world.wait(1);
    let members = json!({ "verifier": { "id": "a" }, "timeCreated": "2026-03-02T00:00:00Z",
        "target": [second.to_reference()], "verdict": "partial", "validUntil": "2026-04-01T00:00:00Z" });
    let audit = world.add(say(Kind::AuditAttestation, "auditor", &[second], members)).unwrap();
    let members = json!({ "target": second.to_reference(), "grounds": "a" });
    let dispute = world.add(say(Kind::Dispute, "writer", &[second], members)).unwrap();
    let open = view(&world, first).to_json(first, &at)["disputes"][0].clone();
    assert_eq!((&open["open"], &open["closedBy"], &open["outcome"]), (&json!(true), &json!(null), &json!(null)));
    let members = json!({ "target": dispute.to_reference(), "outcome": "partlyUpheld" });
    let resolution = world.add(say(Kind::Resolution, "stewards", &[dispute], members)).unwrap();

    let entry = |index: u64, record: RecordId, kind: &str, issuer: &str, received: u64| {
        json!({ "index": index.to_string(), "record": record, "kind": kind, "issuer": issuer,
                "received": format!("+{received}"), "redacted": false })
    };
    let with = |mut entry: Value, more: Value| {
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        entry
    };
    let day = DAY;
    let claimed = |index: u64, record: RecordId, issuer: &str, role: &str, declared: &str, expression: &str| {
        json!({ "record": record, "index": index.to_string(), "issuer": issuer, "role": role, "of": "weights",
                "part": null, "declared": declared, "expression": expression })
    };
    let expected = json!({
        "record": first, "newest": second, "index": "6", "kind": "model-card", "issuer": "lab", "name": "heron 2",
        "redacted": false,
        "fate": { "supersededBy": null, "takenBackBy": null, "correctedBy": [], "redactedBy": null, "expired": false },
        "versions": [entry(5, first, "model-card", "lab", 0), entry(6, second, "model-card", "lab", 0)],
        "licenses": { "agreement": "conflict", "parts": [{
            "of": "weights", "part": null, "agreement": "conflict", "claims": [says, other],
            "reading": { "commercial": false, "derivatives": true, "attribution": true, "shareAlike": false,
                         "useRestrictions": false, "complete": true },
        }] },
        "claims": [claimed(7, says, "lab", "publisher", "mit", "MIT"),
                   claimed(8, other, "auditor", "auditor", "cc-by-nc-4.0", "CC-BY-NC-4.0")],
        "audits": [with(entry(10, audit, "audit-attestation", "auditor", day),
                        json!({ "verdict": "partial", "made": "+43200000", "valid": true }))],
        "disputes": [with(entry(11, dispute, "dispute", "writer", day), json!({ "open": false, "outcome": "partlyUpheld",
            "closedBy": entry(12, resolution, "resolution", "stewards", day) }))],
        "sources": [entry(9, source, "training-source", "lab", 0)],
        "usedBy": [], "manifests": [], "incidents": [], "corrections": [], "attributionReports": [],
    });
    assert_eq!(view(&world, second).to_json(first, &at), expected);
    // An audit whose time is over is there, and is not valid.
    world.wait(60);
    assert_eq!(view(&world, second).to_json(second, &at)["audits"][0]["valid"], false);
}

#[test]
fn what_is_said_of_a_dataset_names_its_card_or_one_of_its_manifests() {
    let mut world = World::new();
    let manifest = |world: &mut World, keyspace: &str, dataset: Value| {
        let members = json!({ "dataset": dataset, "keyspaces": [{ "id": keyspace.repeat(32), "kind": "mw-page",
            "spec": "mw-page/1", "n": 9, "t": 0, "keyLen": 32, "hasMeta": false, "root": "12".repeat(32),
            "disclosure": "complete" }] });
        let subjects = serde_json::from_value::<Manifest>(members.clone()).unwrap().subjects();
        world.add(with_subjects(Kind::Manifest, "stewards", subjects, members, &["stewards"])).unwrap()
    };
    let without_card = manifest(&mut world, "01", json!({ "name": "wiki" }));
    let subject = vec![Subject::artifact("wiki.xml", WEIGHTS)];
    let members = json!({ "name": "wiki", "manifest": without_card.to_reference() });
    let dataset = world.add(with_subjects(Kind::DatasetCard, "stewards", subject, members, &["stewards"])).unwrap();
    let of_card = manifest(&mut world, "02", json!({ "name": "wiki", "record": dataset.to_reference() }));
    let of_another = manifest(&mut world, "03", json!({ "name": "crawl" }));

    let model = card(&mut world, "heron", json!({}));
    let mut source = |dataset: Value, manifest: Option<RecordId>| {
        let mut members = json!({ "relation": "pretrainedOn", "dataset": dataset });
        if let Some(manifest) = manifest {
            members["manifest"] = manifest.to_reference().into();
        }
        world.add(say(Kind::TrainingSource, "lab", &[model], members)).unwrap()
    };
    let named = json!({ "name": "wiki", "record": dataset.to_reference() });
    let users = [
        source(named.clone(), None),
        source(json!({ "name": "a" }), Some(without_card)),
        source(json!({ "name": "b" }), Some(of_card)),
        source(named, Some(of_card)),
    ];
    source(json!({ "name": "c" }), Some(of_another));
    source(json!({ "name": "wiki" }), None);

    let mut audit = |target: RecordId| {
        let members = json!({ "verifier": { "id": "a" }, "timeCreated": "2026-03-02T00:00:00Z",
            "target": [target.to_reference()], "verdict": "conformant" });
        world.add(say(Kind::AuditAttestation, "auditor", &[target], members)).unwrap()
    };
    let audits = [dataset, without_card, of_card].map(&mut audit);
    audit(of_another);
    let disputed = [users[1], audits[1], of_card].map(|target| {
        let members = json!({ "target": target.to_reference(), "grounds": "a" });
        world.add(say(Kind::Dispute, "writer", &[target], members)).unwrap()
    });
    let members = json!({ "target": of_another.to_reference(), "grounds": "a" });
    world.add(say(Kind::Dispute, "writer", &[of_another], members)).unwrap();

    let document = view(&world, dataset).to_json(dataset, &at);
    let ids = |list: &Value| list.as_array().unwrap().iter().map(|entry| entry["record"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&document["usedBy"]), users.map(|id| json!(id)));
    assert_eq!(ids(&document["manifests"]), [json!(without_card), json!(of_card)]);
    assert_eq!(ids(&document["audits"]), audits.map(|id| json!(id)), "of the card and of either manifest");
    assert_eq!(ids(&document["disputes"]), disputed.map(|id| json!(id)), "about a use, an audit and a manifest");
    assert_eq!((&document["sources"], &document["kind"]), (&json!([]), &json!("dataset-card")));
    assert_eq!(view(&world, model).to_json(model, &at)["usedBy"], json!([]));
}

#[test]
fn an_artefact_means_the_newest_card_that_its_issuer_stands_by() {
    let mut world = World::new();
    let named = |world: &World, name: SubjectDigest, kind: Kind, most: usize| {
        CardView::named(&world.replica.graph, world.state(), name, &kind, most, world.now).unwrap()
    };
    let of_weights = |world: &World| named(world, WEIGHTS, Kind::ModelCard, usize::MAX);
    assert_eq!(of_weights(&world), None);
    let first = card(&mut world, "one", json!({}));
    let second = card(&mut world, "two", json!({}));
    assert_eq!(of_weights(&world), Some(second), "the newest");
    assert_eq!(named(&world, WEIGHTS, Kind::DatasetCard, usize::MAX), None, "and none of another kind");
    let retract =
        |id: RecordId| say(Kind::Retraction, "lab", &[id], json!({ "target": id.to_reference(), "reason": "error" }));
    world.add(retract(second)).unwrap();
    assert_eq!(of_weights(&world), Some(first), "the newer one is taken back");
    assert_eq!(named(&world, WEIGHTS, Kind::ModelCard, 1), Some(second), "and no other was looked at");
    let fate = Fate::of(&world.replica.graph, world.state(), &world.item(second), world.now).unwrap();
    assert_eq!(fate.to_json()["takenBackBy"], fate.taken_back_by.unwrap().to_string());
    world.add(retract(first)).unwrap();
    assert_eq!(of_weights(&world), Some(second), "of those that nobody stands by the newest");
    let by_id = SubjectDigest::from_bytes(*first.as_bytes());
    assert_eq!(named(&world, by_id, Kind::ModelCard, usize::MAX), Some(first), "a record's id means that record");
    assert_eq!(named(&world, by_id, Kind::DatasetCard, usize::MAX), None);
}

#[test]
fn the_document_of_a_preference_says_who_vouches_and_the_clock_when_an_answer_is_due() {
    let mut world = World::new();
    let key = ContentKey::from_bytes([0x77; 32]);
    let members = json!({ "preferences": { "train-ai": "disallow" }, "vocabulary": "v", "authority": "self",
        "addressees": ["lab"], "scope": [{ "kind": "mw-page", "key": key }], "nonce": "AAAAAAAAAAAAAAAAAAAAAA==" });
    let subjects = serde_json::from_value::<UsagePreference>(members.clone()).unwrap().subjects();
    let id = world.add(super::world::stranger(Kind::UsagePreference, "stranger", subjects, members)).unwrap();
    let statement = |world: &World| world.state().statement(&id).unwrap().to_json(world.now, &at);
    assert_eq!((&statement(&world)["backing"], &statement(&world)["vouch"]), (&json!("unvouched"), &json!(null)));
    assert!(world.state().clocks(&id).is_empty());
    world.wait(1);
    let members = json!({ "target": id.to_reference(), "outcome": "vouched" });
    let vouch = world.add(say(Kind::Resolution, "stewards", &[id], members)).unwrap();
    let issuer = &world.item(id).header.issuer;
    let day = DAY;
    assert_eq!(
        statement(&world),
        json!({
            "record": id, "index": "5", "issuer": issuer, "says": { "train-ai": "disallowed", "search": "unknown" },
            "authority": "self", "backing": "vouched", "vouch": { "index": "6", "record": vouch, "by": "stewards" },
            "from": format!("+{day}"), "holds": true,
        })
    );
    let clock = |world: &World| world.state().clocks(&id)[0].to_json(world.now, &at);
    let running = json!({ "party": "lab", "since": format!("+{day}"), "due": format!("+{}", 31 * day), "answer": null,
        "answered": false, "overdue": false });
    assert_eq!(clock(&world), running);
    world.wait(31);
    assert_eq!(clock(&world)["overdue"], true);
    let members = json!({ "preference": id.to_reference(), "status": "honoured" });
    let answer = world.add(say(Kind::PreferenceResponse, "lab", &[id], members)).unwrap();
    let given = json!({ "record": answer, "index": "7", "status": "honoured", "received": format!("+{}", 32 * day),
        "dueBy": null });
    let after = clock(&world);
    assert_eq!((&after["answer"], &after["answered"], &after["overdue"]), (&given, &json!(true), &json!(false)));
}
