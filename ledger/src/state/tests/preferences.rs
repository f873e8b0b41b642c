//! Preferences: whose count, from when, until when; who owes an answer; how many strangers may say the same.

use serde_json::json;

use super::world::{DAY, START, World, say, stranger, with_subjects};
use super::*;
use crate::ids::ContentKey;
use crate::record::aipref::{Category, Preference};
use crate::record::kinds::UsagePreference;
use crate::state::{Backing, Content, marks};

const PAGE: ContentKey = ContentKey::from_bytes([0x77; 32]);

fn members(more: Value) -> Value {
    let mut members = json!({
        "preferences": { "train-ai": "disallow" }, "vocabulary": "draft-ietf-aipref-vocab-06",
        "scope": [{ "kind": "mw-page", "key": PAGE }], "authority": "self", "addressees": ["lab"],
        "nonce": "AAAAAAAAAAAAAAAAAAAAAA==",
    });
    members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    members
}

fn subjects(members: &Value) -> Vec<Subject> {
    serde_json::from_value::<UsagePreference>(members.clone()).unwrap().subjects()
}

fn by_party(party: &str, more: Value) -> Vec<u8> {
    let members = members(more);
    with_subjects(Kind::UsagePreference, party, subjects(&members), members, &[party])
}

fn by_stranger(name: &str, more: Value) -> Vec<u8> {
    let members = members(more);
    stranger(Kind::UsagePreference, name, subjects(&members), members)
}

fn vouch(by: &str, id: RecordId) -> Vec<u8> {
    say(Kind::Resolution, by, &[id], json!({ "target": id.to_reference(), "outcome": "vouched" }))
}

fn training(world: &World, at: UnixMillis) -> Preference {
    let content = Content { keys: &[PAGE], url: None };
    world.state().effective(&content, Category::TrainAi, at).preference
}

#[test]
fn an_opt_out_by_a_stranger_for_anothers_content_is_marked_and_decides_nothing() {
    let mut world = World::new();
    let id = world.add(by_stranger("stranger", json!({}))).unwrap();
    assert_eq!(training(&world, world.now), Preference::Unknown);
    let effective = world.state().effective(&Content { keys: &[PAGE], url: None }, Category::TrainAi, world.now);
    assert_eq!((effective.because.len(), effective.unvouched.len()), (0, 1));
    assert_eq!(effective.unvouched[0].backing, Backing::Unvouched);
    let found = marks(&world.replica.graph, world.state(), &world.item(id), world.now).unwrap();
    assert_eq!(found[0].code, Code::Unvouched);
    assert_eq!(world.state().clocks(&id), [], "nobody owes an answer to nobody");
    // A word from a party that is no steward is not enough.
    assert_eq!(world.refusal(vouch("auditor", id)), Code::RoleRefused);

    world.wait(5);
    world.add(vouch("stewards", id)).unwrap();
    assert_eq!(training(&world, world.now), Preference::Disallowed);
    assert_eq!(training(&world, UnixMillis(world.now.0 - 1)), Preference::Unknown, "not backwards");
    let clocks = world.state().clocks(&id);
    assert_eq!((clocks[0].party, clocks[0].since), ("lab", world.now));
    let found = marks(&world.replica.graph, world.state(), &world.item(id), START).unwrap();
    assert_eq!(found, []);
}

#[test]
fn any_disallow_wins_else_any_allow_and_silence_is_never_permission() {
    let mut world = World::new();
    assert_eq!(training(&world, world.now), Preference::Unknown);
    world.add(by_party("writer", json!({ "preferences": { "train-ai": "allow" } }))).unwrap();
    assert_eq!(training(&world, world.now), Preference::Allowed);
    world.add(by_party("stewards", json!({ "authority": "collective" }))).unwrap();
    assert_eq!(training(&world, world.now), Preference::Disallowed);
    let content = Content { keys: &[PAGE], url: None };
    let effective = world.state().effective(&content, Category::TrainAi, world.now);
    assert_eq!(effective.because.len(), 2, "every statement that makes it so");
    assert_eq!(world.state().effective(&content, Category::Search, world.now).preference, Preference::Unknown);
    // Categories of another vocabulary count for nothing.
    let other = json!({ "preferences": { "train-genai": "disallow" }, "scope": [{ "kind": "mw-page", "key": ContentKey::from_bytes([1; 32]) }] });
    world.add(by_party("writer", other)).unwrap();
    let content = Content { keys: &[ContentKey::from_bytes([1; 32])], url: None };
    assert_eq!(world.state().effective(&content, Category::TrainAi, world.now).preference, Preference::Unknown);
}

#[test]
fn a_preference_is_about_the_time_after_it_and_until_it_is_taken_back() {
    let mut world = World::new();
    let backdated = json!({ "appliesFrom": "2020-01-01T00:00:00Z", "issued": "2020-01-01T00:00:00Z" });
    let id = world.add(by_party("writer", backdated)).unwrap();
    let first = world.now;
    assert_eq!(training(&world, UnixMillis(first.0 - 1)), Preference::Unknown, "not before the log had it");
    assert_eq!(training(&world, first), Preference::Disallowed);
    world.wait(10);
    // Somebody else's record takes nothing back.
    let other = json!({ "revokes": [id.to_reference()], "preferences": { "train-ai": "allow" } });
    world.add(by_party("stewards", other.clone())).unwrap();
    assert_eq!(training(&world, world.now), Preference::Disallowed);
    world.wait(10);
    world.add(by_party("writer", other)).unwrap();
    assert_eq!(training(&world, world.now), Preference::Allowed);
    assert_eq!(training(&world, first), Preference::Disallowed, "what held then held then");

    let mut world = World::new();
    let later = json!({ "appliesFrom": "2026-03-11T12:00:00Z", "validUntil": "2026-03-21T12:00:00Z" });
    let id = world.add(by_party("writer", later)).unwrap();
    let at = |days: u64| UnixMillis(START.0 + days * DAY);
    let found: Vec<_> = [0, 9, 10, 19, 20].map(|days| training(&world, at(days))).to_vec();
    use Preference::{Disallowed, Unknown};
    assert_eq!(found, [Unknown, Unknown, Disallowed, Disallowed, Unknown]);
    world.wait(15);
    let retraction = json!({ "target": id.to_reference(), "reason": "error" });
    world.add(say(Kind::Retraction, "writer", &[id], retraction)).unwrap();
    assert_eq!((training(&world, at(14)), training(&world, at(15))), (Disallowed, Unknown));
}

#[test]
fn a_beginning_of_an_address_covers_what_begins_so() {
    let mut world = World::new();
    let blog = json!({ "scope": [{ "kind": "url-c1", "prefix": "example.org/blog/" }] });
    world.add(by_party("writer", blog)).unwrap();
    let about = |url| {
        let content = Content { keys: &[], url: Some(url) };
        world.state().effective(&content, Category::TrainAi, world.now).preference
    };
    assert_eq!(about("example.org/blog/"), Preference::Disallowed);
    assert_eq!(about("example.org/blog/é"), Preference::Disallowed);
    assert_eq!(about("example.org/blog"), Preference::Unknown);
    assert_eq!(about("https://example.com/blog/a"), Preference::Unknown);
}

#[test]
fn the_clock_of_answers() {
    let mut world = World::new();
    let id = world.add(by_party("writer", json!({}))).unwrap();
    let answer = |status: &str, due: Option<&str>| {
        let mut members = json!({ "preference": id.to_reference(), "status": status, "reason": "…" });
        if let Some(due) = due {
            members["dueBy"] = json!(due);
        }
        say(Kind::PreferenceResponse, "lab", &[id], members)
    };
    let due = |world: &World| world.state().clocks(&id)[0].due.0 - START.0;
    assert_eq!(due(&world), 30 * DAY);
    let clock = |world: &World, days: u64| world.state().clocks(&id)[0].is_overdue(UnixMillis(START.0 + days * DAY));
    assert_eq!((clock(&world, 30), clock(&world, 31)), (false, true));
    // A promise moves the day, and no further than twice the time.
    world.add(answer("received", Some("2026-04-10T12:00:00Z"))).unwrap();
    assert_eq!(due(&world), 40 * DAY);
    world.add(answer("received", Some("2099-01-01T00:00:00Z"))).unwrap();
    assert_eq!(due(&world), 60 * DAY);
    assert!(clock(&world, 61));
    world.wait(70);
    world.add(answer("honoured", None)).unwrap();
    assert!(!clock(&world, 900), "late, and answered");
    let unknown = RecordId::from_bytes([4; 32]);
    let members = json!({ "preference": unknown.to_reference(), "status": "honoured" });
    let nothing = say(Kind::PreferenceResponse, "lab", &[unknown], members);
    assert_eq!(world.refusal(nothing), Code::TargetUnknown);
}

#[test]
fn what_strangers_say_about_one_thing_is_capped() {
    let mut world = World::new();
    let model = world.add(testing::model_card("lab", 1)).unwrap();
    let comment = |name: &str, kind: Kind| {
        let members = json!({ "target": model.to_reference(), "text": "a", "grounds": "a" });
        stranger(kind, name, vec![Subject::record(model)], members)
    };
    let names = [("a", Kind::Comment), ("b", Kind::Comment), ("c", Kind::Dispute)];
    for (name, kind) in names.clone() {
        world.add(comment(name, kind)).unwrap();
    }
    assert_eq!(world.refusal(comment("d", Kind::Comment)), Code::SubjectCap, "the policy of this log says 3");
    // Whom somebody vouches for, and what is erased, make room.
    let voices = names.map(|(name, kind)| testing::record_id(&comment(name, kind)));
    world.add(vouch("stewards", voices[0])).unwrap();
    world.add(comment("d", Kind::Comment)).unwrap();
    assert_eq!(world.refusal(comment("e", Kind::Comment)), Code::SubjectCap);
    let erase = json!({ "target": voices[1].to_reference(), "reason": "redacted",
        "redaction": { "reason": "other", "authority": "operator" } });
    world.add(say(Kind::Retraction, "operator", &[voices[1]], erase)).unwrap();
    world.add(comment("e", Kind::Comment)).unwrap();
    assert_eq!(world.refusal(comment("f", Kind::Comment)), Code::SubjectCap);
    // A party is not a stranger.
    let members = json!({ "target": model.to_reference(), "text": "a" });
    world.add(say(Kind::Comment, "writer", &[model], members)).unwrap();

    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        ids.push(world.add(by_stranger(name, json!({}))).unwrap());
    }
    assert_eq!(world.refusal(by_stranger("d", json!({}))), Code::SubjectCap);
    world
        .add(by_stranger("d", json!({ "scope": [{ "kind": "mw-page", "key": ContentKey::from_bytes([2; 32]) }] })))
        .unwrap();
    // Who is vouched for is no stranger any more.
    world.add(vouch("stewards", ids[0])).unwrap();
    world.add(by_stranger("e", json!({}))).unwrap();
}
