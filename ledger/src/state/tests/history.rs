//! The fold over random valid histories: a function of the entries, whatever is erased, wherever it is stopped.
//!
//! By default a few histories of some hundred entries; `COLOPHON_FULL=1` folds 10,000 entries.

use serde_json::json;

use super::world::{DAY, World, agreement, say, step, stranger};
use super::*;
use crate::ids::{ContentKey, SubjectDigest};
use crate::record::kinds::UsagePreference;
use crate::state::{CardView, Graph, Records, findings};
use crate::testing::{COUNCIL_SEATS, Dice};

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.below(sides as usize) as u64
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> Option<T> {
        if list.is_empty() { None } else { Some(list[self.roll(list.len() as u64) as usize]) }
    }
}

/// A history with everything in it: what is admitted stands, what is refused is not there.
fn history(seed: u64, entries: usize) -> World {
    let mut world = World::new();
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let (mut cards, mut agreements, mut preferences, mut all): (Vec<RecordId>, Vec<_>, Vec<_>, Vec<_>) =
        Default::default();
    let mut keys = 0u64;
    while world.bodies.len() < entries {
        world.now.0 += dice.roll(DAY * 4);
        let n = world.bodies.len() as u64;
        let page = ContentKey::from_bytes([dice.roll(5) as u8; 32]);
        let subject = SubjectDigest::from_bytes([dice.roll(9) as u8; 32]);
        let fresh = json!({ "number": n });
        let body = match dice.roll(14) {
            0 | 1 => testing::model_card("lab", n),
            2 => {
                let Some(card) = dice.pick(&cards) else { continue };
                let source = json!({ "relation": "trainedOn", "dataset": { "name": "d" }, "number": n });
                say(Kind::TrainingSource, "lab", &[card], source)
            }
            3 => agreement(fresh),
            4 | 5 => {
                let Some(id) = dice.pick(&agreements) else { continue };
                use crate::state::Status;
                let phases =
                    ["commentOpen", "commentClosed", "ratified", "vetoed", "suspended", "resumed", "terminated"];
                let status = world.state().agreement(&id).unwrap().status(world.now);
                // Mostly the step that comes next, so that lives get somewhere; else any, most of which are refused.
                let (phase, seats) = match (dice.roll(3), status) {
                    (1.., Status::Proposed) => ("commentOpen", 0),
                    (1.., Status::CommentOpen) => ("commentClosed", 0),
                    (1.., Status::CommentClosed) => ("ratified", 3),
                    _ => (phases[dice.roll(7) as usize], dice.roll(6) as usize),
                };
                step(id, phase, if seats == 0 { &["stewards"] } else { &COUNCIL_SEATS[..seats] })
            }
            6 | 7 => {
                let preference = json!({
                    "preferences": { "train-ai": if dice.roll(2) == 0 { "allow" } else { "disallow" } },
                    "vocabulary": "v", "scope": [{ "kind": "mw-page", "key": page }], "authority": "self",
                    "addressees": ["lab"], "nonce": "AAAAAAAAAAAAAAAAAAAAAA==", "number": n,
                    "revokes": dice.pick(&preferences).iter().map(RecordId::to_reference).collect::<Vec<_>>(),
                });
                let subjects = serde_json::from_value::<UsagePreference>(preference.clone()).unwrap().subjects();
                match dice.roll(2) {
                    0 => {
                        super::world::with_subjects(Kind::UsagePreference, "writer", subjects, preference, &["writer"])
                    }
                    _ => stranger(Kind::UsagePreference, ["p", "q", "r"][dice.roll(3) as usize], subjects, preference),
                }
            }
            8 => {
                let Some(id) = dice.pick(&preferences) else { continue };
                let status = ["received", "honoured", "declined"][dice.roll(3) as usize];
                let due = json!({ "preference": id.to_reference(), "status": status, "dueBy": "2027-01-01T00:00:00Z", "number": n });
                say(Kind::PreferenceResponse, "lab", &[id], due)
            }
            9 => {
                let Some(id) = dice.pick(&preferences) else { continue };
                let outcome = if dice.roll(3) == 0 { "upheld" } else { "vouched" };
                say(
                    Kind::Resolution,
                    "stewards",
                    &[id],
                    json!({ "target": id.to_reference(), "outcome": outcome, "number": n }),
                )
            }
            10 => {
                let Some(id): Option<RecordId> = dice.pick(&all) else { continue };
                let members = json!({ "target": id.to_reference(), "text": "a", "grounds": "b", "number": n });
                stranger(
                    if dice.roll(2) == 0 { Kind::Comment } else { Kind::Dispute },
                    "s",
                    vec![Subject::record(id)],
                    members,
                )
            }
            11 => {
                let Some(id): Option<RecordId> = dice.pick(&all) else { continue };
                let erase = dice.roll(3) > 0;
                let mut members = json!({ "target": id.to_reference(), "reason": "error" });
                if erase {
                    members["reason"] = json!("redacted");
                    members["redaction"] = json!({ "reason": "other", "authority": "operator" });
                }
                say(Kind::Retraction, if erase { "operator" } else { "writer" }, &[id], members)
            }
            12 => {
                let claim = json!({ "licenseDeclared": "mit", "acknowledgement": "declared", "scope": { "of": "weights" }, "number": n });
                let subject = vec![Subject::artifact("model", subject)];
                super::world::with_subjects(Kind::LicenseClaim, "auditor", subject, claim, &["auditor"])
            }
            _ => {
                keys += 1;
                let name = format!("k{keys}");
                let event = json!({ "event": "add", "keyid": key(&name).key_id(), "publicKey": key(&name).public_key().to_base64() });
                key_event("writer", event, &[name.as_str()], &["writer", name.as_str()])
            }
        };
        let kind = Record::parse(&body).unwrap().kind;
        let Ok(id) = world.add(body) else { continue };
        match kind {
            Kind::ModelCard => cards.push(id),
            Kind::Agreement => agreements.push(id),
            Kind::UsagePreference => preferences.push(id),
            _ => {}
        }
        if !kind.is_structural() {
            all.push(id);
        }
    }
    world
}

fn full() -> bool {
    std::env::var("COLOPHON_FULL").is_ok_and(|value| value == "1")
}

/// One long history: the state at every index is that of a fold that begins anew, read back from a snapshot now and then.
#[test]
fn the_fold_equals_a_replay_from_the_first_entry_at_every_index() {
    let entries = if full() { 10_000 } else { 400 };
    let world = history(7, entries);
    let parsed: Vec<(Record, UnixMillis)> =
        world.bodies.iter().map(|(body, at)| (Record::parse(body).unwrap(), *at)).collect();
    let apply = |state: &mut State, index: usize| {
        let (record, received) = &parsed[index];
        state.apply(LeafIndex(index as u64), &Header::derive(record, *received), Some(record));
    };
    let mut grown = State::default();
    for index in 0..parsed.len() {
        apply(&mut grown, index);
        // From the first entry on at every index up to 400, and at every hundredth beyond: all of them would be 50 million.
        if index < 400 || index % 100 == 0 {
            let mut replayed = State::default();
            (0..=index).for_each(|index| apply(&mut replayed, index));
            assert_eq!(replayed, grown, "index {index}");
        }
        if index % 97 == 0 {
            let text = serde_json::to_string(&grown).unwrap();
            grown = serde_json::from_str(&text).unwrap();
        }
    }
    assert_eq!(grown, world.replica.state);
    assert!(world.state().agreements().any(|(_, agreement)| agreement.ratified().is_some()), "something happened");
    assert!(world.state().preferences().any(|(_, preference)| !preference.responses.is_empty()));
    assert!((0..entries).any(|i| world.state().redaction(&parsed[i].0.id).is_some()));
}

/// What the log erased, it has forgotten: whoever never saw those bodies arrives at the same state, the same graph and the
/// same findings.
#[test]
fn the_state_after_redactions_is_that_of_a_replay_in_which_the_bodies_were_never_there() {
    for seed in 1..=(if full() { 40 } else { 6 }) {
        let world = history(seed, if full() { 1_000 } else { 160 });
        let ids: Vec<RecordId> = world.bodies.iter().map(|(body, _)| Record::parse(body).unwrap().id).collect();
        let erased: Vec<RecordId> = ids.into_iter().filter(|id| world.state().redaction(id).is_some()).collect();
        let replayed = world.replayed_without(&erased);
        assert_eq!(replayed.state, world.replica.state, "seed {seed}, {} erased", erased.len());
        let look = |replica: &crate::state::Replica| {
            let asked = findings::Asked {
                records: &replica.graph,
                state: &replica.state,
                now: UnixMillis(world.now.0 + 400 * DAY),
                contains: &|_, _| findings::Membership::Present,
            };
            findings::all(&asked).unwrap()
        };
        assert_eq!(look(&replayed), look(&world.replica), "seed {seed}");
    }
}

/// Two people who do not know of each other send their records in either order: what follows is the same but for the
/// indices, and what one of them did is not changed by the other.
#[test]
fn the_order_of_unrelated_entries_does_not_matter() {
    let lab = |n: u64| testing::model_card("lab", n);
    let claim = |n: u64| {
        let members =
            json!({ "licenseDeclared": "mit", "acknowledgement": "declared", "scope": { "of": "data" }, "number": n });
        let subject = vec![Subject::artifact("data", SubjectDigest::from_bytes([3; 32]))];
        super::world::with_subjects(Kind::LicenseClaim, "auditor", subject, members, &["auditor"])
    };
    let preference = |n: u8| {
        let members = json!({
            "preferences": { "train-ai": "disallow" }, "vocabulary": "v", "authority": "self", "addressees": ["lab"],
            "scope": [{ "kind": "mw-page", "key": ContentKey::from_bytes([n; 32]) }], "nonce": "AAAAAAAAAAAAAAAAAAAAAA==",
        });
        let subjects = serde_json::from_value::<UsagePreference>(members.clone()).unwrap().subjects();
        super::world::with_subjects(Kind::UsagePreference, "writer", subjects, members, &["writer"])
    };
    let bodies: Vec<Vec<u8>> =
        vec![lab(1), preference(1), claim(1), agreement(json!({})), preference(2), lab(2), claim(2)];
    let fold = |order: &[usize]| {
        let mut world = World::new();
        order.iter().for_each(|i| _ = world.add(bodies[*i].clone()).unwrap());
        world
    };
    let outcome = |world: &World| {
        let mut state = serde_json::to_value(world.state()).unwrap();
        without_indices(&mut state);
        let ids = bodies.iter().map(|body| Record::parse(body).unwrap().id);
        let views = ids.filter_map(|id| CardView::of(&world.replica.graph, world.state(), id, world.now).unwrap());
        (state, views.map(|view| (view.ids(), view.licenses)).collect::<Vec<_>>())
    };
    let first = outcome(&fold(&[0, 1, 2, 3, 4, 5, 6]));
    let mut dice = Dice(99);
    for _ in 0..30 {
        let mut order: Vec<usize> = (0..bodies.len()).collect();
        for i in (1..order.len()).rev() {
            order.swap(i, dice.roll(i as u64 + 1) as usize);
        }
        assert_eq!(outcome(&fold(&order)), first, "{order:?}");
    }
}

fn without_indices(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| name != "index" && name != "registered");
            members.values_mut().for_each(without_indices);
        }
        Value::Array(items) => items.iter_mut().for_each(without_indices),
        _ => {}
    }
}

/// A step that a log should not have let in is kept, has no effect, and says why.
#[test]
fn a_log_that_admits_what_it_should_not_changes_nothing_by_it() {
    let mut world = World::new();
    let id = world.add(agreement(json!({}))).unwrap();
    let early = Record::parse(&step(id, "ratified", &COUNCIL_SEATS[..3])).unwrap();
    let forged = Record::parse(&step(id, "ratified", &COUNCIL_SEATS[..2])).unwrap();
    let mut replica = world.replica.clone();
    for (i, record) in [early, forged].into_iter().enumerate() {
        let index = LeafIndex((world.bodies.len() + i) as u64);
        let header = Header::derive(&record, world.now);
        let refusal = replica.apply(index, header, Some(record)).unwrap_err().code();
        assert_eq!(refusal, [Code::PhaseRefused, Code::Threshold][i], "monitors report it");
    }
    let agreement = replica.state.agreement(&id).unwrap();
    assert_eq!(agreement.status(world.now), crate::state::Status::Proposed);
    let history = agreement.history();
    assert_eq!(history.len(), 1, "what two of the council signed is no step");
    assert_eq!(history[0].1.as_ref().unwrap().code(), Code::PhaseRefused);
}

#[test]
fn a_graph_answers_from_any_index_on() {
    let world = history(3, 80);
    let graph: &Graph = &world.replica.graph;
    let all = graph.along(&crate::state::Edge::Kind("model-card".to_owned()), LeafIndex(0), usize::MAX).unwrap();
    assert!(all.len() > 3 && all.is_sorted());
    let later = graph.along(&crate::state::Edge::Kind("model-card".to_owned()), all[2], 1).unwrap();
    assert_eq!(later, [all[2]]);
}
