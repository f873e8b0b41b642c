//! Agreements: each step in its turn and in its time, by those who may take it; and the keys that sign them.

use serde_json::json;

use super::world::{DAY, World, agreement, say, signed, step};
use super::*;
use crate::state::{Status, marks};
use crate::testing::COUNCIL_SEATS;

const THREE: [&str; 3] = ["council-1", "council-2", "council-3"];

/// A world with an agreement whose comments are open.
fn in_comments() -> (World, RecordId) {
    let mut world = World::new();
    let id = world.add(agreement(json!({}))).unwrap();
    world.add(step(id, "commentOpen", &["stewards"])).unwrap();
    (world, id)
}

/// A world with an agreement that can be ratified.
fn closed() -> (World, RecordId) {
    let (mut world, id) = in_comments();
    world.wait(14);
    world.add(step(id, "commentClosed", &["stewards"])).unwrap();
    (world, id)
}

fn status(world: &World, id: RecordId) -> Status {
    world.state().agreement(&id).unwrap().status(world.now)
}

#[test]
fn the_life_of_an_agreement_from_proposal_to_end() {
    let mut world = World::new();
    let id = world.add(agreement(json!({}))).unwrap();
    assert_eq!(status(&world, id), Status::Proposed);
    world.add(step(id, "commentOpen", &["stewards"])).unwrap();
    assert_eq!(status(&world, id), Status::CommentOpen);
    world.wait(14);
    world.add(step(id, "commentClosed", &["stewards"])).unwrap();
    assert_eq!(status(&world, id), Status::CommentClosed);
    world.add(step(id, "ratified", &THREE)).unwrap();
    assert_eq!(status(&world, id), Status::Active);
    let began = world.now;
    world.wait(10);
    world.add(step(id, "suspended", &["council-3", "council-4", "council-5"])).unwrap();
    assert_eq!(status(&world, id), Status::Suspended);
    let suspended = world.now;
    world.wait(5);
    world.add(step(id, "resumed", &THREE)).unwrap();
    assert_eq!(status(&world, id), Status::Active);
    world.add(step(id, "reviewed", &["stewards"])).unwrap();
    let state = world.state().agreement(&id).unwrap();
    assert!(state.in_force(began) && !state.in_force(UnixMillis(began.0 - 1)));
    assert!(!state.in_force(suspended) && state.in_force(world.now));
    assert_eq!(state.status(UnixMillis(world.now.0 + 900 * DAY)), Status::Expired, "its time is over");
    world.add(step(id, "terminated", &["stewards"])).unwrap();
    assert_eq!(status(&world, id), Status::Terminated);
    assert_eq!(world.state().agreement(&id).unwrap().end(), Some(world.now));
    assert_eq!(world.refusal(step(id, "reviewed", &["stewards"])), Code::PhaseRefused);
}

#[test]
fn early_ratification_is_refused() {
    let (mut world, id) = in_comments();
    assert_eq!(world.refusal(step(id, "ratified", &THREE)), Code::CommentPeriod);
    world.wait(13);
    assert_eq!(world.refusal(step(id, "commentClosed", &["stewards"])), Code::CommentPeriod);
    assert_eq!(world.refusal(step(id, "ratified", &THREE)), Code::CommentPeriod);
    world.wait(1);
    assert_eq!(world.refusal(step(id, "ratified", &THREE)), Code::PhaseRefused, "comments are still open");
    world.add(step(id, "commentClosed", &["stewards"])).unwrap();
    world.add(step(id, "ratified", &THREE)).unwrap();
}

#[test]
fn ratification_by_2_of_5_is_refused() {
    let (mut world, id) = closed();
    assert_eq!(world.refusal(step(id, "ratified", &THREE[..2])), Code::Threshold);
    // Others who sign beside them have no seat.
    assert_eq!(world.refusal(step(id, "ratified", &["council-1", "council-2", "stewards"])), Code::Threshold);
    assert_eq!(world.refusal(step(id, "ratified", &["stewards"])), Code::Threshold);
    world.add(step(id, "ratified", &COUNCIL_SEATS)).unwrap();
}

#[test]
fn ratification_by_the_same_key_twice_is_refused() {
    let (mut world, id) = closed();
    let two: Value = serde_json::from_slice(&step(id, "ratified", &THREE[..2])).unwrap();
    let mut twice = two.clone();
    let again = two["signatures"][0].clone();
    twice["signatures"].as_array_mut().unwrap().push(again);
    assert_eq!(world.refusal(twice.to_string().into_bytes()), Code::Threshold);
    // Nor do two entries of two signatures each add up.
    assert_eq!(world.refusal(step(id, "ratified", &["council-3", "council-4"])), Code::Threshold);
    assert_eq!(status(&world, id), Status::CommentClosed);
}

#[test]
fn ratification_by_a_revoked_key_is_refused() {
    let (mut world, id) = closed();
    // A seat's key that is stolen leaves the council by a new policy; here the operator, who has a seat's key, loses it.
    let mut predicate = Record::parse(&testing::genesis_with_council()).unwrap().statement.predicate;
    predicate["council"]["keys"][0] = json!({
        "keyid": id_of("operator"), "publicKey": key("operator").public_key().to_base64(),
    });
    let keys: Vec<PrivateKey> = THREE.iter().map(|name| key(name)).collect();
    let policy = sign(
        Kind::LogPolicy,
        vec![crate::record::kinds::LogPolicy::subject(testing::ORIGIN)],
        Value::Object(predicate),
        &keys.iter().collect::<Vec<_>>(),
    );
    world.add(policy).unwrap();
    assert_eq!(world.refusal(step(id, "ratified", &THREE)), Code::Threshold, "council-1 lost its seat");
    let event = json!({ "event": "add", "keyid": id_of("operator-2"), "publicKey": key("operator-2").public_key().to_base64() });
    world.add(key_event("operator", event, &["operator-2"], &["operator", "operator-2"])).unwrap();
    world.add(revoke("operator", "operator", &["operator-2"], None)).unwrap();
    assert_eq!(world.refusal(step(id, "ratified", &["operator", "council-2", "council-3"])), Code::SignerRevoked);
    world.add(step(id, "ratified", &["council-2", "council-3", "council-4"])).unwrap();
}

fn id_of(name: &str) -> KeyId {
    key(name).public_key().key_id()
}

#[test]
fn veto_within_the_time_ends_it_and_after_the_deadline_is_refused() {
    let (mut world, id) = in_comments();
    assert_eq!(world.refusal(step(id, "vetoed", &THREE[..2])), Code::Threshold);
    world.add(step(id, "vetoed", &THREE)).unwrap();
    assert_eq!(status(&world, id), Status::Vetoed);
    world.wait(20);
    assert_eq!(world.refusal(step(id, "commentClosed", &["stewards"])), Code::PhaseRefused);
    assert_eq!(world.refusal(step(id, "ratified", &THREE)), Code::PhaseRefused);

    let (mut world, id) = closed();
    world.wait(7);
    world.now.0 += 1;
    assert_eq!(world.refusal(step(id, "vetoed", &THREE)), Code::VetoLate);
    world.add(step(id, "ratified", &THREE)).unwrap();
    assert_eq!(world.refusal(step(id, "vetoed", &THREE)), Code::VetoLate);
    let (mut world, id) = closed();
    world.wait(7);
    world.add(step(id, "vetoed", &THREE)).unwrap();
}

#[test]
fn an_agreement_that_lacks_what_ratification_needs_is_not_ratified() {
    for member in ["summary", "impactAssessment", "rollbackPlan"] {
        let mut world = World::new();
        let id = world.add(agreement(json!({ member: "  " }))).unwrap();
        world.add(step(id, "commentOpen", &["stewards"])).unwrap();
        world.wait(14);
        world.add(step(id, "commentClosed", &["stewards"])).unwrap();
        assert_eq!(world.refusal(step(id, "ratified", &THREE)), Code::AgreementIncomplete, "{member}");
    }
}

#[test]
fn steps_come_from_those_who_may_take_them_and_about_agreements_that_exist() {
    let (mut world, id) = in_comments();
    let unknown = RecordId::from_bytes([9; 32]);
    assert_eq!(world.refusal(step(unknown, "commentOpen", &["stewards"])), Code::TargetUnknown);
    let by = |issuer: &str| {
        say(Kind::GovernanceEvent, issuer, &[id], json!({ "agreement": id.to_reference(), "phase": "terminated" }))
    };
    assert_eq!(world.refusal(by("writer")), Code::RoleRefused);
    world.add(testing::party("other-lab", &["partner"])).unwrap();
    assert_eq!(world.refusal(by("other-lab")), Code::RoleRefused, "a partner, and no party to this agreement");
    world.add(by("lab")).unwrap();
    let named = testing::party("council", &["partner"]);
    assert_eq!(world.refusal(named), Code::KeyTaken);
}

#[test]
fn a_policy_sets_its_own_figures() {
    let mut world = World::new();
    let mut predicate = Record::parse(&testing::genesis_with_council()).unwrap().statement.predicate;
    predicate["limits"] = json!({ "comment-days": 30, "veto-days": 0 });
    let keys: Vec<PrivateKey> = THREE.iter().map(|name| key(name)).collect();
    let subjects = vec![crate::record::kinds::LogPolicy::subject(testing::ORIGIN)];
    world.add(sign(Kind::LogPolicy, subjects, Value::Object(predicate), &keys.iter().collect::<Vec<_>>())).unwrap();
    let id = world.add(agreement(json!({}))).unwrap();
    world.add(step(id, "commentOpen", &["stewards"])).unwrap();
    world.wait(29);
    assert_eq!(world.refusal(step(id, "commentClosed", &["stewards"])), Code::CommentPeriod);
    world.wait(1);
    world.add(step(id, "commentClosed", &["stewards"])).unwrap();
    world.wait(1);
    assert_eq!(world.refusal(step(id, "vetoed", &THREE)), Code::VetoLate);
}

#[test]
fn backdated_issued_moves_nothing_and_is_marked() {
    let mut world = World::new();
    world.wait(3);
    let id = world.add(agreement(json!({ "issued": "2025-01-01T00:00:00Z" }))).unwrap();
    let backdated = json!({ "agreement": id.to_reference(), "phase": "commentOpen", "issued": "2025-01-01T00:00:00Z" });
    let opened = world.add(say(Kind::GovernanceEvent, "stewards", &[id], backdated)).unwrap();
    assert_eq!(world.refusal(step(id, "ratified", &THREE)), Code::CommentPeriod, "the log's time counts");
    let found = marks(&world.replica.graph, world.state(), &world.item(opened), world.now).unwrap();
    assert_eq!(found.iter().map(|mark| mark.code).collect::<Vec<_>>(), [Code::IssuedDoubtful]);
    // What is signed within a day, and not ahead of the log, is not marked.
    let at = crate::record::terms::Timestamp::from_millis(UnixMillis(world.now.0 - DAY)).unwrap();
    let fresh = world.add(agreement(json!({ "issued": at.as_str(), "summary": "another" }))).unwrap();
    assert_eq!(marks(&world.replica.graph, world.state(), &world.item(fresh), world.now).unwrap(), []);
}

#[test]
fn a_stolen_seat_puts_a_ratification_in_doubt_and_does_not_undo_it() {
    let mut world = World::new();
    // The operator's key has a seat as well.
    let mut predicate = Record::parse(&testing::genesis_with_council()).unwrap().statement.predicate;
    predicate["council"]["keys"][4] = json!({
        "keyid": id_of("operator"), "publicKey": key("operator").public_key().to_base64(),
    });
    let keys: Vec<PrivateKey> = THREE.iter().map(|name| key(name)).collect();
    let subjects = vec![crate::record::kinds::LogPolicy::subject(testing::ORIGIN)];
    world.add(sign(Kind::LogPolicy, subjects, Value::Object(predicate), &keys.iter().collect::<Vec<_>>())).unwrap();
    let event = json!({ "event": "add", "keyid": id_of("operator-2"), "publicKey": key("operator-2").public_key().to_base64() });
    world.add(key_event("operator", event, &["operator-2"], &["operator", "operator-2"])).unwrap();
    let id = world.add(agreement(json!({}))).unwrap();
    world.add(step(id, "commentOpen", &["stewards"])).unwrap();
    world.wait(14);
    world.add(step(id, "commentClosed", &["stewards"])).unwrap();
    world.add(step(id, "ratified", &["council-1", "council-2", "operator"])).unwrap();
    let index = world.bodies.len() as u64 - 1;
    world.add(revoke("operator", "operator", &["operator-2"], Some(index))).unwrap();
    assert_eq!(status(&world, id), Status::Active, "what is final stands");
    let agreement = world.state().agreement(&id).unwrap();
    let ratified = agreement.steps.last().unwrap();
    assert_eq!(world.state().disputed_signers(&ratified.signers, ratified.index), [id_of("operator")]);
    let found = marks(&world.replica.graph, world.state(), &world.item(ratified.record), world.now).unwrap();
    assert_eq!(found[0].code, Code::DisputedKey);
}

#[test]
fn a_party_that_lost_its_keys_is_helped_by_the_council() {
    let mut world = World::new();
    let event =
        || json!({ "event": "add", "keyid": id_of("lab-2"), "publicKey": key("lab-2").public_key().to_base64() });
    let by_two = key_event("lab", event(), &["lab-2"], &["council-1", "council-2", "lab-2"]);
    assert_eq!(world.refusal(by_two), Code::IssuerMismatch);
    let unproven = key_event("lab", event(), &["lab-2"], &THREE);
    assert_eq!(world.refusal(unproven), Code::Threshold, "no possession of the new key");
    let signers = ["council-1", "council-2", "council-3", "lab-2"];
    world.add(key_event("lab", event(), &["lab-2"], &signers)).unwrap();
    world.add(revoke("lab", "lab", &["lab-2"], None)).unwrap();
}

#[test]
fn a_key_for_managing_signs_key_events_only_and_then_no_other_adds_keys() {
    let mut world = World::new();
    let add = |name: &str, key_use: &str| json!({ "event": "add", "keyid": id_of(name), "publicKey": key(name).public_key().to_base64(), "use": key_use });
    world.add(key_event("lab", add("offline", "manage"), &["offline"], &["lab", "offline"])).unwrap();
    let online = |signer| key_event("lab", add("lab-2", "sign"), &["lab-2"], &[signer, "lab-2"]);
    assert_eq!(world.refusal(online("lab")), Code::IssuerMismatch);
    world.add(online("offline")).unwrap();
    let card = |signer: &str| {
        let subject = Subject::artifact("model", crate::ids::SubjectDigest::from_bytes([1; 32]));
        super::world::with_subjects(Kind::ModelCard, "lab", vec![subject], json!({}), &[signer])
    };
    assert_eq!(world.refusal(card("offline")), Code::IssuerMismatch);
    world.add(card("lab-2")).unwrap();
    // An alarm is heard from any key.
    world.add(revoke("lab", "lab", &["lab-2"], None)).unwrap();
}

#[test]
fn a_body_is_erased_on_the_word_of_an_operator_or_the_council() {
    let mut world = World::new();
    let comment = json!({ "target": RecordId::from_bytes([1; 32]).to_reference(), "text": "a name" });
    let id = world.add(say(Kind::Comment, "writer", &[RecordId::from_bytes([1; 32])], comment.clone())).unwrap();
    let erase = json!({ "target": id.to_reference(), "reason": "redacted",
        "redaction": { "reason": "personalData", "authority": "operator" } });
    assert_eq!(world.refusal(say(Kind::Retraction, "writer", &[id], erase.clone())), Code::RoleRefused);
    world.add(signed(Kind::Retraction, "council", &[id], erase.clone(), &THREE)).unwrap();
    world.add(say(Kind::Retraction, "operator", &[id], erase)).unwrap();
    assert!(world.item(id).record.is_none());
    let again = say(Kind::Comment, "writer", &[RecordId::from_bytes([1; 32])], comment);
    assert_eq!(world.refusal(again), Code::Redacted, "it does not come back");
}
