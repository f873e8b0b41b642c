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

fn card_by(log: &Log, issuer: &str, number: u64, signers: &[&str]) -> LeafIndex {
    let payload = Record::parse(&testing::model_card(issuer, number)).unwrap().envelope.payload;
    let keys: Vec<_> = signers.iter().map(|name| testing::key(name)).collect();
    submit(log, Envelope::sign(payload, &keys.iter().collect::<Vec<_>>()).unwrap().to_json()).unwrap().index
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
