//! What stands in the bundles that a log makes: whoever has one needs nothing else.

use super::*;
use crate::bundle::{Bundle, MAX_BUNDLE_LEN, MAX_KEY_HISTORY};
use crate::verify::{Trust, Verdict, verify_bytes};

/// The entries of a bundle's key history, after whoever reads it took it for genuine.
#[track_caller]
fn history(log: &Log, index: LeafIndex) -> Vec<u64> {
    let bundle = log.bundle(&log.published().unwrap(), index).unwrap();
    let bytes = bundle.encode().unwrap();
    let report = verify_bytes(&bytes, &Trust::new(testing::policy()), &[]);
    assert_eq!(report.verdict, Verdict::Verified, "{index}: {report:?}");
    bundle.key_history.iter().map(|link| link.proof.index.0).collect()
}

/// The operator registers a party again, with these keys listed and these keys signing beside him.
fn registered(log: &Log, id: &str, roles: &[&str], listed: &[&str], signers: &[&str]) -> u64 {
    let listed: Vec<_> = listed.iter().map(|name| testing::key(name)).collect();
    let keys: Vec<_> = listed.iter().map(|key| PartyKey::signing(key.public_key())).collect();
    let subjects = listed.iter().map(|key| Subject::key(key.key_id())).collect();
    let predicate = json!({
        "issuer": { "id": "operator" }, "issued": testing::ISSUED, "id": id, "roles": roles, "keys": keys,
    });
    let signers: Vec<_> = ["operator"].iter().chain(signers).map(|name| testing::key(name)).collect();
    let body = testing::sign(Kind::Party, subjects, predicate, &signers.iter().collect::<Vec<_>>());
    submit(log, body).unwrap().index.0
}

fn card_by(log: &Log, issuer: &str, number: u64, signers: &[&str]) -> LeafIndex {
    let payload = Record::parse(&testing::model_card(issuer, number)).unwrap().envelope.payload;
    let keys: Vec<_> = signers.iter().map(|name| testing::key(name)).collect();
    submit(log, Envelope::sign(payload, &keys.iter().collect::<Vec<_>>()).unwrap().to_json()).unwrap().index
}

#[test]
fn every_registration_of_a_signers_party_below_the_record_is_there_in_order() {
    let bench = Bench::new();
    let log = peopled(&bench);
    let first = card_by(&log, "lab", 1, &["lab"]);
    // Each brings a key of its own and names none that signs anything here.
    let narrowed = registered(&log, "lab", &["auditor"], &["lab-2"], &["lab-2"]);
    let widened = registered(&log, "lab", &["partner"], &["lab-3"], &["lab-3"]);
    let second = card_by(&log, "lab", 2, &["lab"]);
    // Of whoever signs beside the issuer too.
    let cosigner = registered(&log, "auditor", &["partner"], &["auditor-2"], &["auditor-2"]);
    let third = card_by(&log, "lab", 3, &["lab", "auditor"]);
    registered(&log, "lab", &["auditor"], &["lab-4"], &["lab-4"]);
    assert_eq!(history(&log, first), [1]);
    assert_eq!(history(&log, second), [1, narrowed, widened]);
    assert_eq!(history(&log, third), [1, 2, narrowed, widened, cosigner]);
    stop(log);
}

/// In this log a steward may not change keys, so that each change of keys needs the registration that it rests on.
#[test]
fn a_change_of_keys_comes_with_the_roles_that_its_party_had_then() {
    let bench = Bench::new();
    let log = peopled(&bench);
    submit(&log, testing::party("late", &["steward"])).unwrap();
    let partner = registered(&log, "late", &["partner"], &["late-2"], &["late-2"]);
    let added = submit(&log, key_event("late", "add", "late-3", &["late", "late-3"])).unwrap().index.0;
    let both = registered(&log, "late", &["partner", "auditor"], &["late-4"], &["late-4"]);
    let card = card_by(&log, "late", 1, &["late-3"]);
    assert_eq!(history(&log, card), [3, partner, added, both]);
    // A revocation after the record rests on later roles.
    registered(&log, "late", &["steward"], &["late-5"], &["late-5"]);
    registered(&log, "late", &["auditor"], &["late-6"], &["late-6"]);
    let revoked = submit(&log, key_event("late", "revoke", "late-3", &["late"])).unwrap().index.0;
    assert_eq!(history(&log, card), [3, partner, added, both, both + 2, both + 3, revoked]);
    stop(log);
}

#[test]
fn a_key_that_others_list_or_replace_comes_with_the_entry_that_registered_it() {
    let bench = Bench::new();
    let log = bench.start();
    submit(&log, testing::genesis_with_council()).unwrap();
    submit(&log, testing::party("lab", &["partner"])).unwrap();
    let added = submit(&log, key_event("lab", "add", "lab-2", &["lab", "lab-2"])).unwrap().index.0;
    // Listed again without its signature, which a known key needs not give.
    let again = registered(&log, "lab", &["partner", "auditor"], &["lab-2"], &[]);
    assert_eq!(history(&log, card_by(&log, "lab", 1, &["lab"])), [1, added, again]);
    // The council replaces a lost key: no key of the party signs but the new one.
    let (lost, new) = (testing::key("lab-2"), testing::key("lab-3"));
    let rotation = json!({
        "issuer": { "id": "lab" }, "issued": testing::ISSUED, "event": "rotate", "reason": "keyLost",
        "keyid": new.key_id(), "replaces": lost.key_id(), "publicKey": new.public_key().to_base64(),
    });
    let subjects = vec![Subject::key(new.key_id()), Subject::key(lost.key_id())];
    let mut signers: Vec<_> = testing::COUNCIL_SEATS[..3].iter().map(|seat| testing::key(seat)).collect();
    signers.push(new);
    let rotation = testing::sign(Kind::KeyEvent, subjects, rotation, &signers.iter().collect::<Vec<_>>());
    let rotated = submit(&log, rotation).unwrap().index;
    assert_eq!(history(&log, rotated), [1, added, again]);
    assert_eq!(history(&log, card_by(&log, "lab", 2, &["lab-3"])), [1, added, again, rotated.0]);
    // And so for a record that speaks of such a key itself.
    let third = submit(&log, key_event("lab", "add", "lab-4", &["lab", "lab-4"])).unwrap().index.0;
    let revoked = submit(&log, key_event("lab", "revoke", "lab-4", &["lab"])).unwrap().index;
    assert_eq!(history(&log, revoked), [1, added, again, third]);
    stop(log);
}

/// A bundle of an old record has what its own keys went through, however often its party changed keys since.
#[test]
fn a_bundle_holds_the_changes_of_its_own_keys_and_what_these_rest_on() {
    let bench = Bench::new();
    let log = peopled(&bench);
    let card = submit(&log, testing::model_card("lab", 1)).unwrap().index;
    let name = |number: usize| if number == 0 { "lab".to_owned() } else { format!("lab-{number}") };
    let rotate = |number: usize| {
        let (old, new) = (testing::key(&name(number)), testing::key(&name(number + 1)));
        let predicate = json!({
            "issuer": { "id": "lab" }, "issued": testing::ISSUED, "event": "rotate", "reason": "superseded",
            "keyid": new.key_id(), "replaces": old.key_id(), "publicKey": new.public_key().to_base64(),
        });
        let subjects = vec![Subject::key(new.key_id()), Subject::key(old.key_id())];
        submit(&log, testing::sign(Kind::KeyEvent, subjects, predicate, &[&old, &new])).unwrap().index
    };
    let first = rotate(0);
    for number in 1..82 {
        rotate(number);
    }
    let signed_by = |number: usize| {
        let payload = Record::parse(&testing::model_card("lab", 2)).unwrap().envelope.payload;
        submit(&log, Envelope::sign(payload, &[&testing::key(&name(number))]).unwrap().to_json()).unwrap().index
    };
    let newest = signed_by(82);
    let check = |index: LeafIndex, histories: usize| assert_eq!(history(&log, index).len(), histories, "{index}");
    // The party, and the rotation that put the key out of force.
    check(card, 2);
    // The party and all 82 rotations: a year and a half of a new key every week.
    check(newest, 83);
    // The party, and what put the second of its keys out of force.
    check(first, 2);
    stop(log);
}

/// Nine years of a new key every week have room in a bundle, and a longer history has none.
#[test]
fn a_bundle_has_room_for_as_many_changes_as_its_format_takes() {
    let bench = Bench::new();
    let log = peopled(&bench);
    let name = |number: u64| if number == 0 { "lab".to_owned() } else { format!("lab-{number}") };
    let most = MAX_KEY_HISTORY as u64 - 1;
    for number in 1..=most + 1 {
        let (old, new) = (name(number - 1), name(number));
        submit(&log, key_event("lab", "add", &new, &[&old, &new])).unwrap();
    }
    let newest = card_by(&log, "lab", 1, &[&name(most)]);
    assert_eq!(history(&log, newest).len(), MAX_KEY_HISTORY);
    let view = log.published().unwrap();
    let bytes = log.bundle(&view, newest).unwrap().encode().unwrap();
    assert!(bytes.len() < MAX_BUNDLE_LEN / 2, "{} bytes", bytes.len());
    assert_eq!(Bundle::parse(&bytes).unwrap().key_history.len(), MAX_KEY_HISTORY);
    let more = card_by(&log, "lab", 2, &[&name(most + 1)]);
    let view = log.published().unwrap();
    assert_eq!(log.bundle(&view, more).unwrap_err().code(), Code::TooMany);
    stop(log);
}

/// A page of the index has 500 entries: what comes after it about one key may be its revocation.
#[test]
fn a_history_that_has_no_room_is_never_a_shorter_one() {
    let lab = testing::key("lab");
    // The key that is there already, added again.
    let added = |number: usize| {
        let issued = format!("2026-03-01T12:{:02}:{:02}Z", number / 60, number % 60);
        let predicate = json!({
            "issuer": { "id": "lab" }, "issued": issued, "event": "add", "reason": "superseded",
            "keyid": lab.key_id(), "publicKey": lab.public_key().to_base64(),
        });
        testing::sign(Kind::KeyEvent, vec![Subject::key(lab.key_id())], predicate, &[&lab])
    };
    // With the registration and the revocation: as many as have room, and one more.
    for (times, has_room) in [(MAX_KEY_HISTORY - 2, true), (MAX_KEY_HISTORY - 1, false)] {
        let bench = Bench::new();
        let log = peopled(&bench);
        let card = card_by(&log, "lab", 1, &["lab"]);
        (0..times).for_each(|number| drop(submit(&log, added(number)).unwrap()));
        let revoked = submit(&log, key_event("lab", "revoke", "lab", &["lab"])).unwrap().index;
        if has_room {
            let history = history(&log, card);
            assert_eq!((history.len(), history.last()), (MAX_KEY_HISTORY, Some(&revoked.0)));
        } else {
            assert_eq!(log.bundle(&log.published().unwrap(), card).unwrap_err().code(), Code::TooMany);
        }
        stop(log);
    }
}
