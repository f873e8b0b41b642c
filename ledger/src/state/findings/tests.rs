//! Each rule finds what it should and cites why, and finds nothing where all is well or nobody can say.

#![allow(clippy::unwrap_used, clippy::panic)]

use serde_json::{Value, json};

use super::*;
use crate::ids::{KeyspaceId, SubjectDigest};
use crate::record::kinds::{Manifest, UsagePreference};
use crate::record::statement::Subject;
use crate::state::tests::world::{World, agreement, say, step, with_subjects};
use crate::testing;

const PAGE: ContentKey = ContentKey::from_bytes([0x77; 32]);
const PAGES: KeyspaceId = KeyspaceId::from_bytes([5; 32]);

/// Asks with the answer that every keyspace gives. What is found about one card is the same for whoever asks about that card
/// alone and for whoever looks for it among everything.
fn found(world: &World, membership: Membership) -> Vec<Finding> {
    let contains = |_, _: &ContentKey| membership;
    let asked = asked(world, &contains);
    let found = all(&asked).unwrap();
    for kind in [Kind::ModelCard, Kind::DatasetCard] {
        for card in asked.records.all(&Edge::Kind(kind.as_str().to_owned())).unwrap() {
            let view = view(world, card.header.record);
            assert_eq!(about_card(&asked, &view).unwrap(), about_card_among(&asked, &view, &found).unwrap());
        }
    }
    found
}

fn view(world: &World, card: RecordId) -> CardView {
    CardView::of(&world.replica.graph, world.state(), card, world.now).unwrap().unwrap()
}

fn asked<'a>(world: &'a World, contains: &'a dyn Fn(KeyspaceId, &ContentKey) -> Membership) -> Asked<'a> {
    Asked { records: &world.replica.graph, state: world.state(), now: world.now, contains }
}

fn by_rule(world: &World, rule: Rule) -> Vec<Finding> {
    found(world, Membership::Present).into_iter().filter(|finding| finding.rule == rule).collect()
}

fn cites(finding: &Finding) -> Vec<RecordId> {
    finding.cites.iter().map(|cited| cited.record).collect()
}

fn manifest(world: &mut World, card: RecordId, disclosure: &str) -> RecordId {
    let members = json!({
        "dataset": { "name": "wiki", "record": card.to_reference() },
        "keyspaces": [{ "id": PAGES, "kind": "mw-page", "spec": "mw-page/1", "n": 9, "t": 0, "keyLen": 32, "hasMeta": false,
                        "root": "12".repeat(32), "disclosure": disclosure }],
    });
    let subjects = serde_json::from_value::<Manifest>(members.clone()).unwrap().subjects();
    world.add(with_subjects(Kind::Manifest, "stewards", subjects, members, &["stewards"])).unwrap()
}

fn dataset(world: &mut World, name: &str) -> RecordId {
    let subject = Subject::artifact(name, crate::record::subject_digest(name.as_bytes()));
    world
        .add(with_subjects(Kind::DatasetCard, "stewards", vec![subject], json!({ "name": name }), &["stewards"]))
        .unwrap()
}

fn source(world: &mut World, model: RecordId, more: Value) -> RecordId {
    let mut members = json!({ "relation": "pretrainedOn", "dataset": { "name": "wiki" } });
    members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.add(say(Kind::TrainingSource, "lab", &[model], members)).unwrap()
}

fn opt_out(world: &mut World) -> RecordId {
    let members = json!({
        "preferences": { "train-ai": "disallow" }, "vocabulary": "v", "authority": "self", "addressees": ["lab"],
        "scope": [{ "kind": "mw-page", "key": PAGE }], "nonce": "AAAAAAAAAAAAAAAAAAAAAA==",
    });
    let subjects = serde_json::from_value::<UsagePreference>(members.clone()).unwrap().subjects();
    world.add(with_subjects(Kind::UsagePreference, "writer", subjects, members, &["writer"])).unwrap()
}

fn model(world: &mut World) -> RecordId {
    let number = world.bodies.len() as u64;
    world.add(testing::model_card("lab", number)).unwrap()
}

/// An agreement in force.
fn in_force(world: &mut World, more: Value) -> RecordId {
    let id = world.add(agreement(more)).unwrap();
    world.add(step(id, "commentOpen", &["stewards"])).unwrap();
    world.wait(14);
    world.add(step(id, "commentClosed", &["stewards"])).unwrap();
    world.add(step(id, "ratified", &["council-1", "council-2", "council-3"])).unwrap();
    id
}

#[test]
fn a_use_that_began_after_an_opt_out_and_holds_the_content() {
    let mut world = World::new();
    let (card, model) = (dataset(&mut world, "wiki"), model(&mut world));
    let manifest_id = manifest(&mut world, card, "complete");
    world.wait(10);
    let preference = opt_out(&mut world);
    let used = |world: &mut World, at: &str| {
        let manifest = manifest_id.to_reference();
        source(world, model, json!({ "startedAt": at, "manifest": manifest }))
    };
    let before = used(&mut world, "2026-03-05T00:00:00Z");
    let after = used(&mut world, "2026-03-20T00:00:00Z");
    used(&mut world, "noAssertion");
    let findings = by_rule(&world, Rule::UsedAfterOptOut);
    assert_eq!(findings.len(), 1, "{before} was before, and of one nobody says when");
    assert_eq!(cites(&findings[0]), [manifest_id, preference, after]);
    assert_eq!(findings[0].proofs, [Proof { keyspace: PAGES, kind: "mw-page".to_owned(), key: PAGE }]);
    // It is about the dataset too, though the use names its manifest alone.
    let about = about_card(&asked(&world, &|_, _| Membership::Present), &view(&world, card)).unwrap();
    assert!(about.contains(&findings[0]), "{about:?}");
    // Without the content, or without an answer, nothing is found.
    for membership in [Membership::Absent, Membership::Unknown] {
        let found = found(&world, membership);
        assert!(found.iter().all(|finding| finding.rule != Rule::UsedAfterOptOut), "{membership:?}");
    }
    // The key is asked for in the keyspace of its own kind only, and its id does not change when more is said.
    let other = asked(&world, &|keyspace, key| match (keyspace, *key) {
        (PAGES, PAGE) => Membership::Present,
        _ => panic!("asked for what it cannot hold"),
    });
    let id = findings[0].id.clone();
    assert!(all(&other).unwrap().iter().any(|finding| finding.id == id));
    opt_out_again_by_stewards(&mut world);
    assert!(by_rule(&world, Rule::UsedAfterOptOut).iter().any(|finding| finding.id == id));
    // Testing is no training; what was taken back is not said any more.
    let tested =
        json!({ "relation": "testedOn", "startedAt": "2026-03-20T00:00:00Z", "manifest": manifest_id.to_reference() });
    source(&mut world, model, tested);
    let retraction = json!({ "target": after.to_reference(), "reason": "error" });
    world.add(say(Kind::Retraction, "lab", &[after], retraction)).unwrap();
    assert_eq!(by_rule(&world, Rule::UsedAfterOptOut), []);
}

fn opt_out_again_by_stewards(world: &mut World) {
    let members = json!({
        "preferences": { "train-ai": "disallow" }, "vocabulary": "v", "authority": "collective",
        "scope": [{ "kind": "mw-page", "key": ContentKey::from_bytes([1; 32]) }], "nonce": "AAAAAAAAAAAAAAAAAAAAAA==",
        "validUntil": "2026-03-12T00:00:00Z",
    });
    let subjects = serde_json::from_value::<UsagePreference>(members.clone()).unwrap().subjects();
    world.add(with_subjects(Kind::UsagePreference, "stewards", subjects, members, &["stewards"])).unwrap();
}

#[test]
fn a_closed_manifest_answers_nothing() {
    let mut world = World::new();
    let (card, model) = (dataset(&mut world, "wiki"), model(&mut world));
    manifest(&mut world, card, "closed");
    opt_out(&mut world);
    source(
        &mut world,
        model,
        json!({ "startedAt": "2026-03-20T00:00:00Z", "dataset": { "name": "wiki", "record": card.to_reference() } }),
    );
    assert_eq!(by_rule(&world, Rule::UsedAfterOptOut), []);
}

#[test]
fn a_manifest_is_found_through_the_datasets_card() {
    let mut world = World::new();
    let (card, model) = (dataset(&mut world, "wiki"), model(&mut world));
    manifest(&mut world, card, "partial");
    opt_out(&mut world);
    source(
        &mut world,
        model,
        json!({ "startedAt": "2026-03-20T00:00:00Z", "dataset": { "name": "wiki", "record": card.to_reference() } }),
    );
    assert_eq!(by_rule(&world, Rule::UsedAfterOptOut).len(), 1);
}

#[test]
fn a_use_outside_of_its_agreement() {
    let mut world = World::new();
    let model = model(&mut world);
    let id = in_force(&mut world, json!({ "prohibition": [{ "action": "aipref:train-ai" }] }));
    let used = |world: &mut World, more: Value| {
        let mut members = json!({ "agreement": id.to_reference() });
        members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        source(world, model, members)
    };
    let early = used(&mut world, json!({ "startedAt": "2026-03-14T00:00:00Z" }));
    let right = used(
        &mut world,
        json!({ "startedAt": "2026-03-20T00:00:00Z", "endedAt": "2026-03-25T00:00:00Z", "purpose": "research", "relation": "testedOn" }),
    );
    let long = used(
        &mut world,
        json!({ "startedAt": "2026-03-20T00:00:00Z", "endedAt": "2028-03-02T00:00:00Z", "relation": "testedOn" }),
    );
    let other =
        used(&mut world, json!({ "startedAt": "2026-03-20T00:00:00Z", "purpose": ["research", "advertising"] }));
    let unknown = RecordId::from_bytes([8; 32]);
    let nowhere = source(&mut world, model, json!({ "agreement": unknown.to_reference() }));
    let outside = by_rule(&world, Rule::OutsideAgreement);
    let of = |source: RecordId, findings: &[Finding]| findings.iter().filter(|f| cites(f).contains(&source)).count();
    assert_eq!([of(early, &outside), of(right, &outside), of(long, &outside), of(nowhere, &outside)], [1, 0, 1, 1]);
    let cited = cites(outside.iter().find(|f| cites(f).contains(&early)).unwrap());
    assert!(cited.contains(&id) && cited.len() == 5, "the agreement and the steps that say when it was in force");
    let purpose = by_rule(&world, Rule::OutsidePurpose);
    assert_eq!([of(right, &purpose), of(long, &purpose), of(early, &purpose), of(other, &purpose)], [0, 0, 1, 2]);
    // An agreement with somebody else.
    let with_other = world.add(agreement(json!({ "assignee": "writer" }))).unwrap();
    let wrong = source(&mut world, model, json!({ "agreement": with_other.to_reference() }));
    assert_eq!(of(wrong, &by_rule(&world, Rule::OutsideAgreement)), 1);
}

#[test]
fn what_should_be_deleted_by_now() {
    let mut world = World::new();
    let model = model(&mut world);
    let id = in_force(&mut world, json!({ "retention": { "period": "P30D", "until": "2027-01-01T00:00:00Z" } }));
    let members = json!({ "agreement": id.to_reference(), "startedAt": "2026-03-20T00:00:00Z" });
    let used = source(&mut world, model, members);
    world.wait(20);
    assert_eq!(by_rule(&world, Rule::RetentionPassed), []);
    world.wait(30);
    let findings = by_rule(&world, Rule::RetentionPassed);
    assert_eq!(cites(&findings[0]), [id, used]);
    assert_eq!(findings[0].since, Some(UnixMillis(1_776_556_800_000)), "2026-04-19T00:00:00Z");
    let report = |metric: &str| {
        let period = json!({ "from": "2026-03-20T00:00:00Z", "until": "2026-04-19T00:00:00Z" });
        let members = json!({ "agreement": id.to_reference(), "metric": metric, "target": "all", "observed": "all", "period": period });
        say(Kind::SlaReport, "lab", &[id], members)
    };
    world.add(report("answer time")).unwrap();
    assert_eq!(by_rule(&world, Rule::RetentionPassed).len(), 1);
    world.add(report("deletion")).unwrap();
    assert_eq!(by_rule(&world, Rule::RetentionPassed), []);
}

fn claim(world: &mut World, by: &str, card: RecordId, of: &str, license: &str) -> RecordId {
    let members = json!({ "licenseConcluded": license, "acknowledgement": "concluded", "scope": { "of": of }, "claimantRole": by });
    world.add(say(Kind::LicenseClaim, by, &[card], members)).unwrap()
}

#[test]
fn claims_that_conflict_and_duties_that_nobody_reports() {
    let mut world = World::new();
    let (card, model) = (dataset(&mut world, "wiki"), model(&mut world));
    let first = claim(&mut world, "stewards", card, "data", "CC-BY-SA-4.0");
    // Code is another thing than data.
    claim(&mut world, "auditor", card, "code", "MIT");
    assert_eq!(by_rule(&world, Rule::LicenseConflict), []);
    let second = claim(&mut world, "auditor", card, "data", "CC-BY-NC-4.0");
    let findings = by_rule(&world, Rule::LicenseConflict);
    assert_eq!(cites(&findings[0]), [card, first, second]);
    let id = findings[0].id.clone();
    claim(&mut world, "writer", card, "data", "MIT");
    assert_eq!(by_rule(&world, Rule::LicenseConflict)[0].id, id, "one more claim, the same finding");

    let used = source(&mut world, model, json!({ "dataset": { "name": "wiki", "record": card.to_reference() } }));
    let findings = by_rule(&world, Rule::DutyUnreported);
    assert!(cites(&findings[0]).contains(&used) && findings[0].detail.contains("sharing alike"));
    let report = |by: &str, about: RecordId| {
        let members = json!({ "creditText": "by the authors", "isBasedOn": about.to_reference() });
        say(Kind::AttributionReport, by, &[model], members)
    };
    world.add(report("writer", card)).unwrap();
    assert_eq!(by_rule(&world, Rule::DutyUnreported).len(), 1, "somebody else's word");
    world.add(report("lab", card)).unwrap();
    assert_eq!(by_rule(&world, Rule::DutyUnreported), []);
    // A claim that its issuer takes back does not conflict any more.
    let retraction = json!({ "target": second.to_reference(), "reason": "error" });
    world.add(say(Kind::Retraction, "auditor", &[second], retraction)).unwrap();
    let view = CardView::of(&world.replica.graph, world.state(), card, world.now).unwrap().unwrap();
    assert_eq!(view.claims.len(), 3);
    assert_eq!(by_rule(&world, Rule::LicenseConflict), [], "CC-BY-SA-4.0 and MIT are compatible");
}

#[test]
fn an_audit_that_is_late() {
    let mut world = World::new();
    let model = model(&mut world);
    let id = in_force(&mut world, json!({}));
    source(&mut world, model, json!({ "agreement": id.to_reference(), "startedAt": "2026-03-20T00:00:00Z" }));
    world.wait(91);
    assert_eq!(by_rule(&world, Rule::AuditOverdue), [], "quarterly: until 15 June");
    world.wait(2);
    let late = by_rule(&world, Rule::AuditOverdue);
    assert!(cites(&late[0]).contains(&id));
    let at = crate::record::terms::Timestamp::from_millis(world.now).unwrap();
    let audit = |by: &str| {
        let members = json!({ "verifier": { "id": "a" }, "timeCreated": at.as_str(), "target": [model.to_reference()], "verdict": "conformant" });
        say(Kind::AuditAttestation, by, &[model], members)
    };
    let attested = world.add(audit("auditor")).unwrap();
    assert_eq!(by_rule(&world, Rule::AuditOverdue), [], "the model of a use under it was audited");
    world.wait(93);
    let late = by_rule(&world, Rule::AuditOverdue);
    assert!(cites(&late[0]).contains(&attested));
    world.add(step(id, "terminated", &["stewards"])).unwrap();
    assert_eq!(by_rule(&world, Rule::AuditOverdue), [], "what has ended needs no audit");
}

#[test]
fn an_answer_that_is_late() {
    let mut world = World::new();
    let id = opt_out(&mut world);
    world.wait(30);
    assert_eq!(by_rule(&world, Rule::ResponseOverdue), []);
    world.wait(1);
    assert_eq!(cites(&by_rule(&world, Rule::ResponseOverdue)[0]), [id]);
    let members = json!({ "preference": id.to_reference(), "status": "honoured" });
    world.add(say(Kind::PreferenceResponse, "lab", &[id], members)).unwrap();
    assert_eq!(by_rule(&world, Rule::ResponseOverdue), []);
}

#[test]
fn cards_without_sources_and_manifests_that_nobody_checked() {
    let mut world = World::new();
    let (card, model) = (dataset(&mut world, "wiki"), model(&mut world));
    let manifest_id = manifest(&mut world, card, "complete");
    assert_eq!(cites(&by_rule(&world, Rule::CardWithoutSources)[0]), [model]);
    source(&mut world, model, json!({}));
    assert_eq!(by_rule(&world, Rule::CardWithoutSources), []);

    assert_eq!(cites(&by_rule(&world, Rule::ManifestUnchecked)[0]), [manifest_id]);
    let members = json!({ "verifier": { "id": "a" }, "timeCreated": testing::ISSUED, "target": [manifest_id.to_reference()],
        "verdict": "conformant" });
    let checked = world.add(say(Kind::AuditAttestation, "auditor", &[manifest_id], members)).unwrap();
    assert_eq!(by_rule(&world, Rule::ManifestUnchecked), []);
    let retraction = json!({ "target": checked.to_reference(), "reason": "error" });
    world.add(say(Kind::Retraction, "auditor", &[checked], retraction)).unwrap();
    assert_eq!(by_rule(&world, Rule::ManifestUnchecked).len(), 1);
}

#[test]
fn versions_disputes_and_corrections_around_a_card() {
    let mut world = World::new();
    let first = model(&mut world);
    let newer = |of: RecordId, by: &str, n: u8| {
        let subject = Subject::artifact("model", SubjectDigest::from_bytes([n; 32]));
        with_subjects(Kind::ModelCard, by, vec![subject], json!({ "supersedes": [of.to_reference()] }), &[by])
    };
    let second = world.add(newer(first, "lab", 1)).unwrap();
    let third = world.add(newer(second, "lab", 2)).unwrap();
    world.add(newer(first, "writer", 3)).unwrap();
    let used = source(&mut world, second, json!({}));
    let dispute = |target: RecordId| {
        say(Kind::Dispute, "writer", &[target], json!({ "target": target.to_reference(), "grounds": "a" }))
    };
    let about_card = world.add(dispute(first)).unwrap();
    let about_source = world.add(dispute(used)).unwrap();
    let view = |world: &World| CardView::of(&world.replica.graph, world.state(), second, world.now).unwrap().unwrap();
    assert_eq!(view(&world).ids(), [first, second, third], "the same from any of them; another's is no version");
    assert_eq!(view(&world).sources().count(), 1);
    let open = |world: &World| view(world).disputes.iter().filter(|quarrel| quarrel.is_open()).count();
    assert_eq!(
        view(&world).disputes.iter().map(|q| q.dispute.header.record).collect::<Vec<_>>(),
        [about_card, about_source]
    );
    let resolve = |by: &str, target: RecordId, outcome: &str| {
        say(Kind::Resolution, by, &[target], json!({ "target": target.to_reference(), "outcome": outcome }))
    };
    world.add(resolve("lab", about_card, "rejected")).unwrap();
    assert_eq!(open(&world), 2, "nobody decides about himself");
    world.add(resolve("stewards", about_card, "vouched")).unwrap();
    assert_eq!(open(&world), 2, "to vouch is not to decide");
    world.add(resolve("stewards", about_card, "upheld")).unwrap();
    assert_eq!(open(&world), 1);
    let retraction = json!({ "target": about_source.to_reference(), "reason": "unspecified" });
    world.add(say(Kind::Retraction, "writer", &[about_source], retraction)).unwrap();
    assert_eq!(open(&world), 0);

    let correct = |by: &str| {
        let members = json!({ "target": third.to_reference(), "pointers": ["/license"], "reason": "a slip" });
        say(Kind::Correction, by, &[third], members)
    };
    world.add(correct("writer")).unwrap();
    assert_eq!(view(&world).fate.corrected_by.len(), 0, "what others say is shown beside it");
    world.add(correct("lab")).unwrap();
    assert_eq!((view(&world).fate.corrected_by.len(), view(&world).fate.is_live()), (1, true));
}

#[test]
fn every_rule_has_its_own_code_and_is_written_as_it_is_named() {
    for rule in Rule::ALL {
        assert_eq!(serde_json::to_value(rule).unwrap(), rule.as_str());
    }
}
