//! Redaction in a log: the body is gone from the disk, everything else is as it was.

use std::path::Path;

use super::*;
use crate::engine::{FailingEngine, LocalEngine, LocalOptions, Outcome, Step, Times};
use crate::ids::RecordId;

/// A log on disk in which the operator may redact: entries 0 and 1, its policy and a lab.
struct Disk {
    dir: tempfile::TempDir,
    clock: Arc<ManualClock>,
}

impl Disk {
    fn new() -> Self {
        let now = UnixMillis(1_772_366_400_000);
        let disk = Self { dir: tempfile::tempdir().unwrap(), clock: Arc::new(ManualClock::at(now)) };
        create(disk.options(), disk.clock.clone(), Bytes::from(testing::genesis_with_council())).unwrap();
        let (log, _) = disk.open();
        submit(&log, testing::party("lab", &["partner"])).unwrap();
        stop(log);
        disk
    }

    fn options(&self) -> Options {
        Options {
            dir: self.dir.path().to_owned(),
            guard_dir: None,
            origin: testing::origin(),
            signers: Signers { log: testing::log_signer(), clock: testing::clock_signer() },
            policy: testing::policy(),
        }
    }

    fn open(&self) -> (Log, Arc<FailingEngine<LocalEngine>>) {
        let engine = LocalEngine::open(&LocalOptions::new(self.dir.path(), testing::ORIGIN)).unwrap();
        let engine = Arc::new(FailingEngine::new(engine));
        (start(engine.clone(), self.options(), self.clock.clone()).unwrap(), engine)
    }

    /// Whether any file of the log, down to the last, holds these bytes.
    fn holds(&self, needle: &[u8]) -> bool {
        fn any(folder: &Path, needle: &[u8]) -> bool {
            std::fs::read_dir(folder).unwrap().any(|entry| {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    any(&path, needle)
                } else {
                    std::fs::read(&path).unwrap().windows(needle.len()).any(|window| window == needle)
                }
            })
        }
        any(self.dir.path(), needle)
    }
}

/// The operator erases the body of a record.
fn redaction(target: RecordId) -> Vec<u8> {
    let predicate = json!({
        "issuer": { "id": "operator" },
        "issued": testing::ISSUED,
        "target": target.to_reference(),
        "reason": "redacted",
        "redaction": { "reason": "personalData", "authority": "operator" },
    });
    testing::sign(Kind::Retraction, vec![Subject::record(target)], predicate, &[&testing::key("operator")])
}

/// The payload as it stands in an envelope, long enough to be of one record alone.
fn trace(body: &[u8]) -> Vec<u8> {
    let envelope: serde_json::Value = serde_json::from_slice(body).unwrap();
    envelope["payload"].as_str().unwrap().as_bytes().to_vec()
}

#[test]
fn a_redacted_body_is_gone_from_the_disk_under_every_signature_and_nothing_else_is() {
    let disk = Disk::new();
    let (log, _) = disk.open();
    let (secret, other) = (testing::model_card("lab", 1), testing::model_card("lab", 2));
    let first = submit(&log, secret.clone()).unwrap().index;
    let record = Record::parse(&secret).unwrap();
    let keys = [&testing::key("lab"), &testing::key("operator")];
    let by_both = Envelope::sign(record.envelope.payload.clone(), &keys).unwrap().to_json();
    let second = submit(&log, by_both.clone()).unwrap().index;
    let kept = submit(&log, other.clone()).unwrap().index;
    let before = log.published().unwrap();
    assert!(disk.holds(&trace(&secret)));

    let retraction = submit(&log, redaction(record.id)).unwrap().index;
    let check = |log: &Log| {
        let view = log.published().unwrap();
        assert_eq!(view.state.redaction(&record.id), Some(retraction));
        for index in [first, second] {
            let entry = log.entry(&view, index).unwrap().unwrap();
            assert_eq!(log.body(&entry).unwrap(), Body::Redacted);
            let proof = log.inclusion(&view, index).unwrap();
            verify_inclusion(index, view.size, LeafHash::of_entry(&entry.bytes), &proof, view.root).unwrap();
        }
        let entry = log.entry(&view, kept).unwrap().unwrap();
        assert_eq!(log.body(&entry).unwrap(), Body::Held(Bytes::from(other.clone())));
        let proof = log.consistency(&view, before.size).unwrap();
        verify_consistency(before.size, before.root, view.size, view.root, &proof).unwrap();
        assert_eq!(log.find_record(&view, record.id).unwrap().unwrap().index, first);
        // What was erased does not come back, and the exact bytes are no success either.
        let bob = Envelope::sign(record.envelope.payload.clone(), &[&testing::key("lab")]).unwrap().to_json();
        assert_eq!(code(submit(log, bob)), Code::Redacted);
        assert!(!disk.holds(&trace(&secret)));
    };
    check(&log);
    stop(log);
    let (log, _) = disk.open();
    check(&log);
    stop(log);
    let report = fsck(&disk.options(), &mut |_, _| {}).unwrap();
    assert_eq!((report.damages, report.redacted), (vec![], 2));

    // A state that was folded anew, from bodies that are gone, is the one that was kept.
    let (log, _) = disk.open();
    let kept = log.published().unwrap().state.clone();
    stop(log);
    std::fs::remove_file(disk.dir.path().join("index.snapshot")).unwrap();
    let (log, _) = disk.open();
    assert_eq!(log.published().unwrap().state, kept);
    check(&log);
    stop(log);
}

#[test]
fn a_start_finishes_a_redaction_before_it_shows_the_retraction() {
    for outcome in [Outcome::Lost, Outcome::Kept] {
        let disk = Disk::new();
        let (log, engine) = disk.open();
        let secret = testing::model_card("lab", 1);
        let record = Record::parse(&secret).unwrap().id;
        let index = submit(&log, secret.clone()).unwrap().index;
        let before = log.published().unwrap();
        engine.fail(Step::Erase, outcome, Times::Once);
        // The retraction is committed; whether the body is gone is not known, so nobody is shown either.
        assert!(submit(&log, redaction(record)).is_err());
        assert_eq!(log.published().unwrap().size, before.size);
        // Readers of what is published are refused the body though its bytes may be there.
        let entry = log.entry(&before, index).unwrap().unwrap();
        assert_eq!(log.body(&entry).unwrap(), Body::Redacted, "{outcome:?}");
        let _ = log.close();
        drop((log, engine));
        assert_eq!(disk.holds(&trace(&secret)), outcome == Outcome::Lost);

        let (log, _) = disk.open();
        let view = log.published().unwrap();
        assert_eq!(view.state.redaction(&record), Some(LeafIndex(before.size.0)));
        let entry = log.entry(&view, index).unwrap().unwrap();
        assert_eq!(log.body(&entry).unwrap(), Body::Redacted);
        assert!(!disk.holds(&trace(&secret)), "{outcome:?}");
        stop(log);
    }
}

#[test]
fn f08_a_body_that_is_gone_is_damage_unless_a_redaction_names_it() {
    let disk = Disk::new();
    let (log, engine) = disk.open();
    let (card, lost) = (testing::model_card("lab", 1), testing::model_card("lab", 2));
    submit(&log, card.clone()).unwrap();
    let at = submit(&log, lost.clone()).unwrap().index;
    let predicate = json!({ "issuer": { "id": "lab" }, "issued": testing::ISSUED,
        "target": testing::record_id(&lost).to_reference(), "reason": "error" });
    let about = vec![Subject::record(testing::record_id(&lost))];
    submit(&log, testing::sign(Kind::Retraction, about, predicate, &[&testing::key("lab")])).unwrap();
    engine.erase_body(log.shared.places(at).unwrap().body).unwrap();
    drop(engine);
    stop(log);
    let report = fsck(&disk.options(), &mut |_, _| {}).unwrap();
    assert_eq!(report.redacted, 0);
    assert!(report.damages[0].what.contains("no retraction says so"), "{:?}", report.damages);
}

#[test]
fn what_holds_the_log_together_is_never_redacted() {
    let disk = Disk::new();
    let (log, _) = disk.open();
    for structural in [testing::genesis_with_council(), testing::party("lab", &["partner"])] {
        let refused = submit(&log, redaction(testing::record_id(&structural))).unwrap_err();
        assert_eq!((refused.code(), refused.place()), (Code::NotRedactable, Some("/predicate/redaction")));
    }
    // Neither is what was sent a moment before.
    let party = testing::party("other", &["auditor"]);
    let bodies = [party.clone(), redaction(testing::record_id(&party))];
    let tickets = bodies.map(|body| log.submit(log.validate(Bytes::from(body)).unwrap(), Wait::Published).unwrap());
    let answers = tickets.map(|ticket| ticket.wait_blocking().map(|answer| answer.index));
    assert_eq!(answers[0].as_ref().unwrap(), &LeafIndex(2));
    assert_eq!(answers[1].as_ref().unwrap_err().code(), Code::NotRedactable);
    assert_eq!(log.published().unwrap().state.redactions().count(), 0);
    stop(log);
}
