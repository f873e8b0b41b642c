//! The log on an engine in memory: what a submission is answered, and what a reader can check.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;

use super::*;
use crate::engine::MemoryEngine;
use crate::entry::Entry;
use crate::ids::{KeyId, UnixMillis};
use crate::merkle::{EntryBundleId, LeafHash, TileId, decode_bundle, verify_consistency, verify_inclusion};
use crate::record::Record;
use crate::record::dsse::Envelope;
use crate::record::kind::Kind;
use crate::record::kinds::PartyKey;
use crate::record::statement::Subject;
use crate::testing;

mod bundles;
mod erasing;
mod faults;
mod local;
mod records;
mod roots;
mod uploads;

struct Bench {
    dir: tempfile::TempDir,
    engine: Arc<MemoryEngine>,
    clock: Arc<ManualClock>,
}

impl Bench {
    fn new() -> Self {
        let now = UnixMillis(1_772_366_400_000);
        Self {
            dir: tempfile::tempdir().unwrap(),
            engine: Arc::new(MemoryEngine::new(testing::ORIGIN)),
            clock: Arc::new(ManualClock::at(now)),
        }
    }

    fn start(&self) -> Log {
        let options = Options {
            dir: self.dir.path().to_owned(),
            guard_dir: None,
            origin: testing::origin(),
            signers: Signers { log: testing::log_signer(), clock: testing::clock_signer() },
            policy: testing::policy(),
        };
        start(self.engine.clone(), options, self.clock.clone()).unwrap()
    }
}

fn submit(log: &Log, body: Vec<u8>) -> Result<Sequenced> {
    let validated = log.validate(Bytes::from(body))?;
    log.submit(validated, Wait::Published)?.wait_blocking()
}

/// A log with its policy, a lab and an auditor.
fn peopled(bench: &Bench) -> Log {
    let log = bench.start();
    submit(&log, testing::genesis()).unwrap();
    submit(&log, testing::party("lab", &["partner"])).unwrap();
    submit(&log, testing::party("auditor", &["auditor"])).unwrap();
    log
}

/// Stops a log and lets go of its index, as a process does that ends.
fn stop(log: Log) {
    log.close().unwrap();
}

fn code(result: Result<Sequenced>) -> Code {
    result.unwrap_err().code()
}

#[test]
fn a_batch_that_came_up_with_the_index_is_not_taken_in_again() {
    let bench = Bench::new();
    let log = peopled(&bench);
    for number in 1..=20 {
        // As after a full disk, with a batch on its way: the publisher brings the index up from the journal, and is then
        // given what it found there.
        log.shared.index_waits.store(true, Ordering::Release);
        assert_eq!(submit(&log, testing::model_card("lab", number)).unwrap().index, LeafIndex(2 + number));
    }
    assert_eq!(log.fatal(), None);
    stop(log);
}

#[test]
fn an_answered_record_can_be_proven_from_what_readers_see() {
    let bench = Bench::new();
    let log = peopled(&bench);
    let body = testing::model_card("lab", 1);
    let answer = submit(&log, body.clone()).unwrap();
    assert_eq!((answer.index, answer.duplicate), (LeafIndex(3), false));

    let view = answer.published.unwrap();
    let accepted = testing::policy().check(&view.note).unwrap();
    assert_eq!(accepted.checkpoint().size(), TreeSize(4));
    let entry = log.entry(&view, LeafIndex(3)).unwrap().unwrap();
    assert_eq!(log.body(&entry).unwrap(), Body::Held(Bytes::from(body)));
    let proof = log.inclusion(&view, LeafIndex(3)).unwrap();
    let leaf = LeafHash::of_entry(&entry.bytes);
    verify_inclusion(LeafIndex(3), view.size, leaf, &proof, accepted.checkpoint().root()).unwrap();
    assert_eq!(log.entry(&view, LeafIndex(4)).unwrap().map(|entry| entry.index), None);
}

#[test]
fn b11_an_exact_duplicate_is_answered_with_its_first_index_and_grows_nothing() {
    let bench = Bench::new();
    let log = peopled(&bench);
    let first = submit(&log, testing::model_card("lab", 1)).unwrap();
    let again = submit(&log, testing::model_card("lab", 1)).unwrap();
    assert_eq!((again.index, again.duplicate), (first.index, true));
    assert_eq!(log.published().unwrap().size, TreeSize(4));
    stop(log);

    // And so after a start, from the index alone.
    let log = bench.start();
    let again = submit(&log, testing::model_card("lab", 1)).unwrap();
    assert_eq!((again.index, again.duplicate), (first.index, true));
    assert_eq!(again.published.unwrap().size, TreeSize(4));
}

/// Adds a key to a party, or revokes one, signed by these of its keys.
fn key_event(party: &str, event: &str, name: &str, signers: &[&str]) -> Vec<u8> {
    let key = testing::key(name).public_key().clone();
    let mut predicate = json!({
        "issuer": { "id": party }, "issued": testing::ISSUED,
        "event": event, "keyid": key.key_id(), "reason": "superseded",
    });
    if event == "add" {
        predicate["publicKey"] = json!(key.to_base64());
    }
    let keys: Vec<_> = signers.iter().map(|name| testing::key(name)).collect();
    testing::sign(Kind::KeyEvent, vec![Subject::key(key.key_id())], predicate, &keys.iter().collect::<Vec<_>>())
}

#[test]
fn b11_what_would_not_be_let_in_again_is_answered_with_its_entry_all_the_same() {
    let bench = Bench::new();
    let log = peopled(&bench);
    let card = testing::model_card("lab", 1);
    let revocation = key_event("lab", "revoke", "lab", &["lab-2"]);
    let bodies = [card, key_event("lab", "add", "lab-2", &["lab", "lab-2"]), revocation];
    let first = bodies.clone().map(|body| submit(&log, body).unwrap().index);
    assert_eq!(code(submit(&log, testing::model_card("lab", 2))), Code::SignerRevoked);
    let again = |log: &Log| {
        for (body, index) in bodies.iter().zip(first) {
            let answer = submit(log, body.clone()).unwrap();
            assert_eq!((answer.index, answer.duplicate), (index, true));
        }
    };
    again(&log);
    // As long as the index lags behind, the door cannot tell, and leaves it to the sequencer.
    let indexed = log.shared.indexed.swap(3, Ordering::AcqRel);
    let validated = log.validate(Bytes::from(testing::model_card("lab", 2))).unwrap();
    log.shared.indexed.store(indexed, Ordering::Release);
    assert_eq!(code(log.submit(validated, Wait::Published).unwrap().wait_blocking()), Code::SignerRevoked);
    stop(log);
    again(&bench.start());
}

/// Whoever verifies folds every change of the policy, and decides by the roles that held.
#[test]
fn a_bundle_verifies_after_an_operator_changed_keys_and_after_a_party_changed_roles() {
    let bench = Bench::new();
    let log = peopled(&bench);
    let verified = |index: LeafIndex| {
        let bundle = log.bundle(&log.published().unwrap(), index).unwrap();
        let report = crate::verify::verify(&bundle, &crate::verify::Trust::new(testing::policy()), &[]);
        assert_eq!(report.verdict, crate::verify::Verdict::Verified, "{index}: {report:?}");
    };
    let before = submit(&log, testing::model_card("lab", 1)).unwrap().index;
    let (old, new) = (testing::key("operator"), testing::key("operator-2"));
    let rotation = json!({
        "issuer": { "id": "operator" }, "issued": testing::ISSUED, "event": "rotate", "reason": "superseded",
        "keyid": new.key_id(), "replaces": old.key_id(), "publicKey": new.public_key().to_base64(),
    });
    let subjects = vec![Subject::key(new.key_id()), Subject::key(old.key_id())];
    submit(&log, testing::sign(Kind::KeyEvent, subjects, rotation, &[&old, &new])).unwrap();
    let mut policy = Record::parse(&testing::genesis()).unwrap().statement;
    policy.predicate["operators"][0]["keys"] = json!([PartyKey::signing(new.public_key())]);
    policy.predicate.insert("nonce".to_owned(), json!("AAECAwQFBgcICQoLDA0ODw=="));
    let policy = testing::sign(Kind::LogPolicy, policy.subjects, policy.predicate.into(), &[&new]);
    submit(&log, policy).unwrap();
    let after = submit(&log, testing::model_card("lab", 2)).unwrap().index;
    verified(before);
    verified(after);

    let (own, second) = (testing::key("lab"), testing::key("lab-2"));
    let again = json!({
        "issuer": { "id": "operator" }, "issued": testing::ISSUED, "id": "lab", "roles": ["partner", "auditor"],
        "keys": [PartyKey::signing(second.public_key())],
    });
    let again = testing::sign(Kind::Party, vec![Subject::key(second.key_id())], again, &[&new, &second]);
    submit(&log, again).unwrap();
    let target = testing::record_id(&testing::model_card("lab", 1));
    let audit = json!({
        "issuer": { "id": "lab" }, "issued": testing::ISSUED, "timeCreated": testing::ISSUED,
        "verifier": { "id": "lab" }, "target": [target.to_reference()], "verdict": "conformant",
    });
    let audit = testing::sign(Kind::AuditAttestation, vec![Subject::record(target)], audit, &[&own]);
    verified(submit(&log, audit).unwrap().index);
    verified(after);
    stop(log);
}

#[test]
fn a_record_stands_under_so_many_sets_of_signers_and_no_more() {
    let bench = Bench::new();
    let log = peopled(&bench);
    let others: Vec<String> = (0..7).map(|number| format!("party-{number}")).collect();
    for id in &others {
        submit(&log, testing::party(id, &["partner"])).unwrap();
    }
    let payload = Record::parse(&testing::model_card("lab", 1)).unwrap().envelope.payload;
    let signed = |set: usize| {
        let signers = others.iter().enumerate().filter(|(i, _)| set >> i & 1 == 1).map(|(_, id)| testing::key(id));
        let keys: Vec<_> = [testing::key("lab")].into_iter().chain(signers).collect();
        Envelope::sign(payload.clone(), &keys.iter().collect::<Vec<_>>()).unwrap().to_json()
    };
    for set in 0..64 {
        assert!(!submit(&log, signed(set)).unwrap().duplicate, "{set}");
    }
    assert_eq!(code(submit(&log, signed(64))), Code::SignerSetCap);
    assert!(submit(&log, signed(63)).unwrap().duplicate);
    assert_eq!(submit(&log, testing::model_card("lab", 2)).unwrap().index, LeafIndex(3 + 7 + 64));
    stop(log);
}

#[test]
fn the_same_record_under_a_second_signature_is_an_entry_with_an_index_of_its_own() {
    let bench = Bench::new();
    let log = peopled(&bench);
    let first = submit(&log, testing::model_card("lab", 1)).unwrap();
    let record = crate::record::Record::parse(&testing::model_card("lab", 1)).unwrap();
    let keys = [&testing::key("lab"), &testing::key("auditor")];
    let by_both = crate::record::dsse::Envelope::sign(record.envelope.payload, &keys).unwrap();
    let second = submit(&log, by_both.to_json()).unwrap();
    assert!(!second.duplicate);
    assert_eq!(second.index, LeafIndex(first.index.0 + 1));
    let view = second.published.unwrap();
    assert_eq!(log.find_record(&view, record.id).unwrap().unwrap().index, first.index);
}

#[test]
fn b10_who_may_not_say_it_is_refused_and_leaves_no_trace() {
    let bench = Bench::new();
    let log = peopled(&bench);
    assert_eq!(code(submit(&log, testing::model_card("stranger", 1))), Code::SignerUnknown);
    assert_eq!(code(submit(&log, testing::model_card("auditor", 1))), Code::RoleRefused);
    let as_lab = testing::model_card("lab", 1);
    let record = crate::record::Record::parse(&as_lab).unwrap();
    let forged = crate::record::dsse::Envelope::sign(record.envelope.payload, &[&testing::key("auditor")]).unwrap();
    assert_eq!(code(submit(&log, forged.to_json())), Code::IssuerMismatch);
    assert_eq!(log.published().unwrap().size, TreeSize(3));
}

#[test]
fn entries_of_a_log_without_a_policy_are_refused() {
    let bench = Bench::new();
    let log = bench.start();
    assert!(log.published().is_none());
    assert_eq!(code(submit(&log, testing::party("lab", &["partner"]))), Code::SignerUnknown);
    assert_eq!(code(submit(&log, testing::model_card("lab", 1))), Code::SignerUnknown);
    assert!(log.published().is_none());
}

#[test]
fn every_tile_bundle_and_proof_of_a_growing_log_agrees_with_its_checkpoints() {
    let bench = Bench::new();
    let log = peopled(&bench);
    let mut views = vec![log.published().unwrap()];
    // Two leaves below a full tile and beyond it, one at a time; then a batch that fills two more.
    for number in 0..254 {
        let validated = log.validate(Bytes::from(testing::model_card("lab", number))).unwrap();
        let ticket = log.submit(validated, Wait::Published).unwrap();
        if number > 250 || number % 50 == 0 {
            views.push(ticket.wait_blocking().unwrap().published.unwrap());
        }
    }
    let tickets: Vec<Ticket> = (1000..1600)
        .map(|number| {
            let validated = log.validate(Bytes::from(testing::model_card("lab", number))).unwrap();
            log.submit(validated, Wait::Published).unwrap()
        })
        .collect();
    for ticket in tickets {
        views.push(ticket.wait_blocking().unwrap().published.unwrap());
    }
    views.dedup_by_key(|view| view.size);
    let newest = log.published().unwrap();
    assert_eq!(newest.size, TreeSize(857));
    for view in &views {
        let proof = log.consistency(&newest, view.size).unwrap();
        verify_consistency(view.size, view.root, newest.size, newest.root, &proof).unwrap();
        check_resources(&log, view);
    }
    stop(log);

    let log = bench.start();
    let restarted = log.published().unwrap();
    assert_eq!((restarted.size, restarted.root), (newest.size, newest.root));
    check_resources(&log, &restarted);
}

/// Rebuilds the tree of a view from its bundles, and holds every tile against it.
fn check_resources(log: &Log, view: &Published) {
    let mut tail = Tail::default();
    let mut full = Vec::new();
    for index in 0..=view.size.0 / 256 {
        let Some(id) = EntryBundleId::in_tree(index, view.size) else { continue };
        let bundle = log.entry_bundle(view, id).unwrap().unwrap();
        for entry in decode_bundle(&bundle, id.width()).unwrap() {
            Entry::decode(entry).unwrap();
            full.extend(tail.append(LeafHash::of_entry(entry)));
        }
    }
    assert_eq!((tail.size(), tail.root()), (view.size, view.root));
    for tile in &full {
        let id = TileId::new(tile.level, tile.index, 256).unwrap();
        let bytes: Vec<u8> = tile.tree.hashes().iter().flat_map(|hash| *hash.as_bytes()).collect();
        assert_eq!(log.tile(view, id).unwrap(), Some(bytes));
    }
    for id in TileId::partials_of(view.size) {
        let expected: Vec<u8> =
            tail.partial(id.level()).unwrap().hashes().iter().flat_map(|hash| *hash.as_bytes()).collect();
        assert_eq!(log.tile(view, id).unwrap(), Some(expected));
        assert_eq!(log.tile(view, id.to_full()).unwrap(), None, "beyond the view");
    }
}

#[test]
fn f10_a_deleted_or_older_index_is_filled_again_with_the_same_root() {
    let bench = Bench::new();
    let log = peopled(&bench);
    let tickets: Vec<Ticket> = (0..300)
        .map(|number| {
            let validated = log.validate(Bytes::from(testing::model_card("lab", number))).unwrap();
            log.submit(validated, Wait::Published).unwrap()
        })
        .collect();
    tickets.into_iter().for_each(|ticket| drop(ticket.wait_blocking().unwrap()));
    let before = log.published().unwrap();
    stop(log);
    let index = bench.dir.path().join("index");
    let snapshot = bench.dir.path().join("index.snapshot");

    // The folder gone; the snapshot gone; and a sled that lost everything while the snapshot says otherwise.
    for lost in [[true, true], [false, true], [true, false]] {
        if lost[0] {
            std::fs::remove_dir_all(&index).unwrap();
        }
        if lost[1] {
            std::fs::remove_file(&snapshot).unwrap();
        }
        let log = bench.start();
        let after = log.published().unwrap();
        assert_eq!((after.size, after.root), (before.size, before.root));
        assert_eq!(after.state, before.state);
        check_resources(&log, &after);
        let again = submit(&log, testing::model_card("lab", 299)).unwrap();
        assert_eq!((again.index, again.duplicate), (LeafIndex(302), true));
        stop(log);
    }
}

#[test]
fn pages_walk_a_term_in_both_directions_without_gaps() {
    let bench = Bench::new();
    let log = peopled(&bench);
    // More than one chunk of postings, and entries of another kind between.
    let mut tickets = Vec::new();
    for number in 0..700 {
        let validated = log.validate(Bytes::from(testing::model_card("lab", number))).unwrap();
        tickets.push(log.submit(validated, Wait::Published).unwrap());
        if number % 100 == 0 {
            let id = format!("lab-{number}");
            let validated = log.validate(Bytes::from(testing::party(&id, &["partner"]))).unwrap();
            tickets.push(log.submit(validated, Wait::Published).unwrap());
        }
    }
    tickets.into_iter().for_each(|ticket| drop(ticket.wait_blocking().unwrap()));
    let view = log.published().unwrap();
    let kind = |kind: &str| Filter { terms: vec![Term::Kind(kind.to_owned())] };
    let all = |filter: &Filter, mut order: Order| {
        let mut found = Vec::new();
        loop {
            let page = log.page(&view, filter, order, 97).unwrap();
            found.extend(page.entries.iter().map(|entry| entry.index.0));
            match page.next {
                Some(next) => order = next,
                None => return found,
            }
        }
    };
    let cards = all(&kind("model-card"), Order::From(LeafIndex(0)));
    assert_eq!(cards.len(), 700);
    assert!(cards.is_sorted());
    let mut backwards = all(&kind("model-card"), Order::Below(LeafIndex(u64::MAX)));
    backwards.reverse();
    assert_eq!(backwards, cards);
    assert_eq!(all(&kind("party"), Order::From(LeafIndex(0))).len(), 9);
    assert_eq!(all(&kind("audit-attestation"), Order::From(LeafIndex(0))), [0u64; 0]);
    assert_eq!(all(&Filter::default(), Order::From(LeafIndex(0))).len() as u64, view.size.0);

    let key: KeyId = testing::key("lab").public_key().key_id();
    let both = Filter { terms: vec![Term::Signer(key), Term::Kind("party".to_owned())] };
    assert_eq!(all(&both, Order::From(LeafIndex(0))), [1], "the lab signs its own registration");
    let from_middle = log.page(&view, &kind("model-card"), Order::From(LeafIndex(400)), 1).unwrap();
    assert_eq!(from_middle.entries[0].index, LeafIndex(400));
}

#[test]
fn a_checkpoint_is_renewed_when_nothing_else_happens_and_only_then() {
    let bench = Bench::new();
    let log = peopled(&bench);
    let mut views = log.subscribe();
    let before = log.published().unwrap();
    bench.clock.advance(sequencer::RENEW_EVERY + 1);
    // The sequencer wakes by itself; the channel says when.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    views.mark_unchanged();
    runtime.block_on(views.changed()).unwrap();
    let after = log.published().unwrap();
    assert_eq!((after.size, after.root), (before.size, before.root));
    let newest = |view: &Published| testing::policy().check(&view.note).unwrap().newest().unwrap().as_u64();
    assert_eq!(newest(&after) - newest(&before), sequencer::RENEW_EVERY / 1000);
}

#[test]
fn f16_a_wrong_clock_stops_taking_records_and_nothing_else() {
    let bench = Bench::new();
    let log = peopled(&bench);
    let right = bench.clock.now();
    bench.clock.set_wall(UnixMillis(right.0 - 3_600_000));
    assert_eq!(code(submit(&log, testing::model_card("lab", 1))), Code::ClockRefused);
    assert_eq!(log.published().unwrap().size, TreeSize(3));
    bench.clock.set_wall(right);
    assert_eq!(submit(&log, testing::model_card("lab", 1)).unwrap().index, LeafIndex(3));
}

#[test]
fn a_closed_log_takes_nothing_and_answers_everybody() {
    let bench = Bench::new();
    let log = peopled(&bench);
    let validated = log.validate(Bytes::from(testing::model_card("lab", 1))).unwrap();
    let ticket = log.submit(validated, Wait::Published).unwrap();
    log.close().unwrap();
    assert_eq!(ticket.wait_blocking().unwrap().index, LeafIndex(3));
    let validated = log.validate(Bytes::from(testing::model_card("lab", 2))).unwrap();
    assert_eq!(log.submit(validated, Wait::Published).unwrap_err().code(), Code::Stopping);
}
