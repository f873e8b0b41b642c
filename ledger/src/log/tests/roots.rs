//! The verifiable index of a running log: what it answers, which roots it takes, and what a crash leaves of it.

use tokio::runtime::Runtime;

use super::*;
use crate::ids::SubjectDigest;
use crate::log::roots::NextRoot;
use crate::record::Record;
use crate::record::key::PrivateKey;
use crate::record::kinds::{IndexRoot, Predicate};
use crate::trie::Term;
use crate::verify::{CompleteList, Trust, look_up, verify};

fn operator() -> RootSigner {
    RootSigner { issuer: "operator".to_owned(), key: testing::key("operator") }
}

fn root_body(next: &NextRoot) -> Vec<u8> {
    super::super::roots::keeper::sign(next, &operator(), UnixMillis(1_772_366_400_000)).unwrap()
}

/// Waits until look-ups are proven under the root at this entry, or a later one.
fn wait_for_root(log: &Log, index: LeafIndex) -> IndexedRoot {
    let mut ready = log.subscribe_index_roots();
    let runtime: Runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let reached = ready.wait_for(|root| root.is_some_and(|root| root.index >= index));
        let reached = tokio::time::timeout(std::time::Duration::from_secs(60), reached).await;
        reached.expect("the index follows the log").unwrap().unwrap()
    })
}

/// The root that the log offers, once its index is filled: a log that has just begun may not have looked at it yet.
fn next_root(log: &Log) -> NextRoot {
    let begun = std::time::Instant::now();
    loop {
        match log.next_index_root() {
            Err(error) if error.code() == Code::IndexUnavailable && begun.elapsed().as_secs() < 60 => {
                std::thread::yield_now();
            }
            offered => return offered.unwrap(),
        }
    }
}

/// Logs the next root, signed by the operator, and waits until it is in use.
fn log_a_root(log: &Log) -> IndexedRoot {
    let next = next_root(log);
    let answer = submit(log, root_body(&next)).unwrap();
    wait_for_root(log, answer.index)
}

/// What a client makes of a look-up: everything it reads is what the log serves, nothing is believed.
fn ask(log: &Log, term: &Term) -> Result<CompleteList> {
    let trust = Trust::new(testing::policy());
    let first = log.look_up(term, 0, true, None)?;
    let view = log.published().unwrap();
    let report = verify(&log.bundle(&view, first.root.0)?, &trust, &[]);
    let root = report.verified.unwrap_or_else(|| panic!("{:?}", report.links));
    let mut list = look_up(&first, term, &root, &trust)?;
    while let Some(page) = list.missing_page() {
        list.join(look_up(&log.look_up(term, page, true, None)?, term, &root, &trust)?)?;
    }
    let size = list.accepted().checkpoint().size();
    let tail: Vec<Bytes> =
        (list.tail_from().0..size.0).map(|i| log.entry(&view, LeafIndex(i)).unwrap().unwrap().bytes).collect();
    list.complete(&tail)
}

/// What all entries say about a term.
fn truth(log: &Log, term: &Term) -> Vec<LeafIndex> {
    let view = log.published().unwrap();
    let all = (0..view.size.0).map(|i| log.entry(&view, LeafIndex(i)).unwrap().unwrap());
    all.filter(|entry| term.matches(&entry.header)).map(|entry| entry.index).collect()
}

fn terms(log: &Log) -> Vec<Term> {
    let view = log.published().unwrap();
    let headers = (0..view.size.0).map(|i| log.entry(&view, LeafIndex(i)).unwrap().unwrap().header);
    let mut terms: Vec<Term> = headers.flat_map(|header| Term::of(&header)).collect();
    terms.push(Term::Kind("incident".to_owned()));
    terms.push(Term::Subject(SubjectDigest::from_bytes([0; 32])));
    terms.sort_by_key(Term::to_string);
    terms.dedup();
    terms
}

#[track_caller]
fn answers_are_complete(log: &Log) {
    for term in terms(log) {
        let list = ask(log, &term).unwrap_or_else(|error| panic!("{term}: {error}"));
        assert_eq!(list.indices(), truth(log, &term), "{term}");
        assert!(list.indices().iter().all(|index| list.header(*index).is_some()));
    }
}

#[test]
fn an_answer_is_complete_for_every_term_before_and_after_the_index_grows() {
    let bench = Bench::new();
    let log = peopled(&bench);
    let term = Term::Kind("model-card".to_owned());
    assert_eq!(ask(&log, &term).unwrap_err().code(), Code::IndexUnavailable, "nobody signed a root yet");
    for round in 0..3 {
        for number in 0..4 {
            submit(&log, testing::model_card("lab", round * 10 + number)).unwrap();
        }
        let root = log_a_root(&log);
        assert_eq!((root.size.0, root.index.0), (3 + 4 + round * 6, 3 + 4 + round * 6));
        submit(&log, testing::model_card("lab", round * 10 + 9)).unwrap();
        answers_are_complete(&log);
    }
    stop(log);
}

#[test]
fn a_long_list_is_read_in_pages() {
    let bench = Bench::new();
    let log = peopled(&bench);
    let tickets: Vec<Ticket> = (0..600)
        .map(|number| {
            let validated = log.validate(Bytes::from(testing::model_card("lab", number))).unwrap();
            log.submit(validated, Wait::Published).unwrap()
        })
        .collect();
    tickets.into_iter().for_each(|ticket| drop(ticket.wait_blocking().unwrap()));
    log_a_root(&log);
    let term = Term::Kind("model-card".to_owned());
    assert_eq!(log.look_up(&term, 3, false, None).unwrap().page, None, "there is no fourth page");
    assert_eq!(ask(&log, &term).unwrap().indices(), truth(&log, &term));
    assert_eq!(ask(&log, &Term::Issuer("lab".to_owned())).unwrap().indices().len(), 600);
    stop(log);
}

#[test]
fn a_root_that_is_not_the_logs_own_is_refused() {
    let bench = Bench::new();
    let log = peopled(&bench);
    submit(&log, testing::model_card("lab", 1)).unwrap();
    let next = next_root(&log);
    let other = crate::ids::TrieRoot::from_bytes([7; 32]);
    let before = crate::ids::RecordId::from_bytes([8; 32]);
    for wrong in [
        NextRoot { root: other, ..next },
        NextRoot { size: TreeSize(next.size.0 - 1), ..next },
        NextRoot { previous: Some(before), ..next },
    ] {
        assert_eq!(code(submit(&log, root_body(&wrong))), Code::IndexRootRefused, "{wrong:?}");
    }
    let ahead = NextRoot { size: TreeSize(next.size.0 + 1), ..next };
    assert_eq!(code(submit(&log, root_body(&ahead))), Code::Schema, "it speaks of an entry that is not there");
    let stranger = RootSigner { issuer: "lab".to_owned(), key: testing::key("lab") };
    let by_a_stranger = super::super::roots::keeper::sign(&next, &stranger, UnixMillis(0)).unwrap();
    assert_eq!(code(submit(&log, by_a_stranger)), Code::RoleRefused);

    let first = submit(&log, root_body(&next)).unwrap();
    let first = wait_for_root(&log, first.index);
    let again = submit(&log, root_body(&next)).unwrap();
    assert!(again.duplicate, "the same record twice is one entry");
    let later = next_root(&log);
    assert_eq!(later.previous, Some(first.record));
    let without = NextRoot { previous: None, ..later };
    assert_eq!(code(submit(&log, root_body(&without))), Code::IndexRootRefused);
    submit(&log, root_body(&later)).unwrap();
    stop(log);
}

#[test]
fn an_offer_on_its_way_to_a_signer_gives_way_to_nobody_who_asks_after_it() {
    let bench = Bench::new();
    let log = peopled(&bench);
    submit(&log, testing::model_card("lab", 0)).unwrap();
    let first = next_root(&log);
    let mut last = first;
    for number in 1..100 {
        submit(&log, testing::model_card("lab", number)).unwrap();
        last = next_root(&log);
    }
    let view = log.published().unwrap();
    assert!(last.size > first.size && last.size < view.size, "{last:?}");
    submit(&log, testing::model_card("lab", 100)).unwrap();
    assert_eq!(next_root(&log), last, "the standing offer");
    // A signer that took its time.
    let root = submit(&log, root_body(&first)).unwrap();
    wait_for_root(&log, root.index);
    let next = next_root(&log);
    assert_eq!(next.size, log.published().unwrap().size, "what the root covers is offered no more, so there is room");
    bench.clock.advance(10 * 60 * 1000);
    submit(&log, testing::model_card("lab", 101)).unwrap();
    assert_eq!(next_root(&log).size, log.published().unwrap().size, "the oldest gave way");
    stop(log);
}

#[test]
fn an_index_is_there_again_after_a_stop_a_crash_and_the_loss_of_its_rows() {
    let bench = Bench::new();
    let log = peopled(&bench);
    submit(&log, testing::model_card("lab", 1)).unwrap();
    let root = log_a_root(&log);
    submit(&log, testing::model_card("lab", 2)).unwrap();
    stop(log);

    let log = bench.start();
    assert_eq!(wait_for_root(&log, root.index), root);
    answers_are_complete(&log);
    stop(log);

    // Rows that somebody changed lead to another root, and are made again.
    let index = Index::open(&bench.dir.path().join("index")).unwrap();
    index.damage_a_list_for_test();
    index.clear_terms().unwrap();
    drop(index);
    let log = bench.start();
    wait_for_root(&log, root.index);
    answers_are_complete(&log);
    stop(log);

    std::fs::remove_dir_all(bench.dir.path().join("index")).unwrap();
    let log = bench.start();
    wait_for_root(&log, root.index);
    let second = log_a_root(&log);
    assert!(second.index > root.index);
    answers_are_complete(&log);
    stop(log);
}

#[test]
fn answers_stay_whole_when_a_body_is_erased() {
    let bench = Bench::new();
    let log = peopled(&bench);
    let card = submit(&log, testing::model_card("lab", 1)).unwrap();
    log_a_root(&log);
    let view = log.published().unwrap();
    let entry = log.entry(&view, card.index).unwrap().unwrap();
    let places = log.shared.places(card.index).unwrap();
    crate::engine::Engine::erase_body(&bench.engine, places.body).unwrap();
    assert_eq!(log.body(&entry).unwrap(), Body::Redacted);
    answers_are_complete(&log);
    log_a_root(&log);
    answers_are_complete(&log);
    stop(log);
}

#[test]
fn a_log_with_a_key_signs_roots_by_itself_and_none_where_nothing_happened() {
    let bench = Bench::new();
    let log = peopled(&bench);
    log.sign_index_roots(operator());
    // Something happened, and ten minutes later it still waits for a root.
    submit(&log, testing::model_card("lab", 1)).unwrap();
    bench.clock.advance(10 * 60 * 1000);
    let first = wait_for_root(&log, LeafIndex(0));
    assert_eq!(first.size.0, 4);

    let many: Vec<Ticket> = (10..10 + 512)
        .map(|number| {
            let validated = log.validate(Bytes::from(testing::model_card("lab", number))).unwrap();
            log.submit(validated, Wait::Published).unwrap()
        })
        .collect();
    many.into_iter().for_each(|ticket| drop(ticket.wait_blocking().unwrap()));
    let second = wait_for_root(&log, LeafIndex(first.index.0 + 1));
    assert!(second.size.0 >= 512 && second.index.0 - second.size.0 < 512, "{second:?}");
    stop(log);
    let log = bench.start();
    let view = log.published().unwrap();
    let entry = log.entry(&view, second.index).unwrap().unwrap();
    let Body::Held(body) = log.body(&entry).unwrap() else { panic!("a root is never erased") };
    let Predicate::IndexRoot(root) = Record::parse(&body).unwrap().predicate else { panic!("not a root") };
    assert_eq!(
        IndexRoot { previous: None, ..*root },
        IndexRoot { size: second.size.0, root: second.root, previous: None }
    );
    stop(log);
}

#[test]
fn a_key_for_roots_signs_nothing_else() {
    let bench = Bench::new();
    let log = peopled(&bench);
    let key = PrivateKey::from_ed25519_seed([0x77; 32]);
    let predicate = serde_json::json!({
        "issuer": { "id": "operator" }, "issued": testing::ISSUED, "id": "operator", "roles": ["operator"],
        "keys": [crate::record::kinds::PartyKey::for_roots(key.public_key())],
    });
    let subject = crate::record::statement::Subject::key(key.key_id());
    let kind = crate::record::kind::Kind::Party;
    submit(&log, testing::sign(kind.clone(), vec![subject], predicate, &[&testing::key("operator"), &key])).unwrap();

    let own = testing::key("new");
    let predicate = serde_json::json!({
        "issuer": { "id": "operator" }, "issued": testing::ISSUED, "id": "new", "roles": ["partner"],
        "keys": [crate::record::kinds::PartyKey::signing(own.public_key())],
    });
    let subject = crate::record::statement::Subject::key(own.key_id());
    let party = testing::sign(kind, vec![subject], predicate, &[&key, &own]);
    assert_eq!(code(submit(&log, party)), Code::RoleRefused);

    let next = next_root(&log);
    let signer = RootSigner { issuer: "operator".to_owned(), key };
    let body = super::super::roots::keeper::sign(&next, &signer, UnixMillis(1_772_366_400_000)).unwrap();
    let root = submit(&log, body).unwrap();
    wait_for_root(&log, root.index);
    answers_are_complete(&log);
    stop(log);
}
