//! How many entries a second the fold takes in: `cargo bench -p colophon-tests --bench fold [-- ENTRIES]`.
//!
//! A synthetic log of model cards, training sources, claims, preferences with their answers, comments, agreements and
//! their steps is signed first. Then three rates are measured on one core: the state alone, over records that are parsed;
//! state and graph together; and everything from the bytes of entries and bodies on, but for the signatures.

use std::time::Instant;

use ledger::entry::{Entry, Header};
use ledger::ids::{ContentKey, LeafIndex, RecordId, SubjectDigest, UnixMillis};
use ledger::record::Record;
use ledger::record::kind::Kind;
use ledger::record::kinds::UsagePreference;
use ledger::record::statement::Subject;
use ledger::state::{Replica, State};
use ledger::testing::{COUNCIL_SEATS, ISSUED, genesis_with_council, key, model_card, party, sign};
use serde_json::{Value, json};

/// 2026-03-01T12:00:00Z.
const START: u64 = 1_772_366_400_000;

/// What each second of the goal is measured against (issue: at least 50,000 entries a second).
const GOAL: f64 = 50_000.0;

fn main() {
    let entries: usize = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(100_000);
    println!("making {entries} signed entries");
    let bodies = history(entries);
    let log: Vec<(Vec<u8>, Vec<u8>)> =
        bodies.into_iter().enumerate().map(|(i, body)| (entry(i, &body), body)).collect();
    let parsed: Vec<(Header, Record)> = log
        .iter()
        .filter_map(|(entry, body)| Some((Entry::decode(entry).ok()?.header, Record::parse(body).ok()?)))
        .collect();
    assert_eq!(parsed.len(), log.len(), "every entry is one that a log takes");

    let start = Instant::now();
    let mut state = State::default();
    for (i, (header, record)) in parsed.iter().enumerate() {
        state.apply(LeafIndex(i as u64), header, Some(record));
    }
    report("state, from parsed records", entries, start);

    let start = Instant::now();
    let mut replica = Replica::default();
    let mut refused = 0;
    for (i, (header, record)) in parsed.into_iter().enumerate() {
        refused += usize::from(replica.apply(LeafIndex(i as u64), header, Some(record)).is_err());
    }
    report("state and graph, from parsed records", entries, start);
    assert_eq!((refused, &replica.state), (0, &state), "what the bench folds is a valid history");
    drop(replica);

    let start = Instant::now();
    let mut again = State::default();
    for (i, (entry, body)) in log.iter().enumerate() {
        let Ok(Entry { header, .. }) = Entry::decode(entry) else { continue };
        // As a replay does: the body is read only where it changes the state.
        let record = State::concerns(&header).then(|| Record::parse(body).ok()).flatten();
        again.apply(LeafIndex(i as u64), &header, record.as_ref());
    }
    report("state, from the bytes of entries and bodies", entries, start);
    assert_eq!(again, state);

    let start = Instant::now();
    let text = serde_json::to_string(&state).unwrap_or_default();
    println!("snapshot: {} KiB in {:.1} ms", text.len() / 1024, start.elapsed().as_secs_f64() * 1000.0);
}

fn report(what: &str, entries: usize, start: Instant) {
    let rate = entries as f64 / start.elapsed().as_secs_f64();
    let verdict = if rate >= GOAL { "met" } else { "missed" };
    println!("{what}: {rate:.0} entries/s (goal {GOAL}: {verdict})");
}

fn entry(i: usize, body: &[u8]) -> Vec<u8> {
    let received = UnixMillis(START + i as u64 * 60_000);
    let record = Record::parse(body).expect("a record that this bench made");
    Entry::of_record(&record, received).encode().expect("an entry of such a record")
}

/// In every hundred entries: 50 cards, 25 sources, 10 claims, 6 preferences and 4 answers, 4 comments, one agreement.
fn history(entries: usize) -> Vec<Vec<u8>> {
    let mut bodies = vec![genesis_with_council()];
    for (id, role) in [("lab", "partner"), ("auditor", "auditor"), ("stewards", "steward"), ("writer", "contributor")] {
        bodies.push(party(id, &[role]));
    }
    let (mut card, mut preference) = (RecordId::from_bytes([0; 32]), RecordId::from_bytes([0; 32]));
    let id = |body: &[u8]| Record::parse(body).expect("a record that this bench made").id;
    while bodies.len() < entries {
        let n = bodies.len() as u64;
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        let body = match n % 100 {
            0..50 => {
                let body = model_card("lab", n);
                card = id(&body);
                body
            }
            50..75 => say(
                Kind::TrainingSource,
                "lab",
                card,
                json!({ "relation": "trainedOn", "dataset": { "name": "d" }, "n": n }),
            ),
            75..85 => {
                let claim = json!({ "licenseDeclared": "mit", "acknowledgement": "declared", "scope": { "of": "weights" }, "n": n });
                say(Kind::LicenseClaim, "auditor", card, claim)
            }
            85..91 => {
                let members = json!({
                    "preferences": { "train-ai": "disallow" }, "vocabulary": "draft-ietf-aipref-vocab-06", "authority": "self",
                    "scope": [{ "kind": "mw-page", "key": ContentKey::from_bytes(digest) }], "addressees": ["lab"],
                    "nonce": "AAAAAAAAAAAAAAAAAAAAAA==",
                });
                let typed: Option<UsagePreference> = serde_json::from_value(members.clone()).ok();
                let body =
                    signed(Kind::UsagePreference, "writer", typed.map(|t| t.subjects()).unwrap_or_default(), members);
                preference = id(&body);
                body
            }
            91..95 => {
                let answer = json!({ "preference": preference.to_reference(), "status": "honoured", "n": n });
                say(Kind::PreferenceResponse, "lab", preference, answer)
            }
            95..99 => say(
                Kind::Comment,
                "writer",
                card,
                json!({ "target": card.to_reference(), "text": "which dump?", "n": n }),
            ),
            _ => {
                let terms =
                    json!({ "assigner": "stewards", "assignee": "lab", "target": "https://example.org", "n": n });
                let text = Subject::artifact("mou.md", SubjectDigest::from_bytes(digest));
                let body = signed(Kind::Agreement, "lab", vec![text], terms);
                let agreement = id(&body);
                bodies.push(body);
                let open = json!({ "agreement": agreement.to_reference(), "phase": "commentOpen" });
                bodies.push(say(Kind::GovernanceEvent, "stewards", agreement, open));
                let veto = json!({ "issuer": { "id": "council" }, "issued": ISSUED, "agreement": agreement.to_reference(), "phase": "vetoed" });
                let seats = COUNCIL_SEATS.map(key);
                sign(Kind::GovernanceEvent, vec![Subject::record(agreement)], veto, &[&seats[0], &seats[1], &seats[2]])
            }
        };
        bodies.push(body);
    }
    bodies.truncate(entries);
    bodies
}

fn say(kind: Kind, issuer: &str, about: RecordId, members: Value) -> Vec<u8> {
    signed(kind, issuer, vec![Subject::record(about)], members)
}

fn signed(kind: Kind, issuer: &str, subjects: Vec<Subject>, mut members: Value) -> Vec<u8> {
    members["issuer"] = json!({ "id": issuer });
    members["issued"] = json!(ISSUED);
    sign(kind, subjects, members, &[&key(issuer)])
}
