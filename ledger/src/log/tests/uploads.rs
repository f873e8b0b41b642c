//! A manifest on its way into a log: begun with a signed plan, sent in parts, served when it is whole and sound.

use std::path::Path;

use serde_json::json;

use super::*;
use crate::ids::ContentKey;
use crate::manifest::upload::Plan;
use crate::manifest::{About, Builder, Item, Keyspace, MetaMode, Source, Spec, key};
use crate::record::kind::Kind;
use crate::record::statement::Subject;

/// Long after the clock of the tests.
const EXPIRES: &str = "2026-12-31T00:00:00Z";

fn content(i: u64) -> ContentKey {
    key::raw_sha256(&i.to_be_bytes())
}

pub(super) fn build(dir: &Path, n: u64) -> (PathBuf, Keyspace, serde_json::Value) {
    let mut builder = Builder::new(Spec::of_kind(crate::manifest::Kind::RawSha256).unwrap());
    for i in 0..n {
        builder.push(content(i), Item { license: 0, ordinal: i }).unwrap();
    }
    let source = Source { sha256: "00".repeat(32), bytes: 1, items: n, reader: "digests".into(), wiki: None };
    let about = About { source, coverage: "Test.".into(), licenses: vec!["CC0-1.0".into()] };
    let (header, keyspace) = builder.finish(dir, about).unwrap();
    let mut row = serde_json::to_value(header.to_declaration(&keyspace)).unwrap();
    row["disclosure"] = json!("complete");
    (dir.join(keyspace.id().to_hex()), keyspace, row)
}

pub(super) fn declare(log: &Log, keyspace: &Keyspace, row: serde_json::Value) {
    declare_as(log, "lab", keyspace, row);
}

fn declare_as(log: &Log, party: &str, keyspace: &Keyspace, row: serde_json::Value) {
    let predicate = json!({
        "issuer": { "id": party, "name": party }, "issued": testing::ISSUED,
        "dataset": { "name": "numbers" }, "keyspaces": [row],
    });
    let subject = Subject::keyspace(keyspace.id());
    submit(log, testing::sign(Kind::Manifest, vec![subject], predicate, &[&testing::key(party)])).unwrap();
}

fn part_bytes(folder: &Path, plan: &Plan, n: usize) -> Vec<u8> {
    let part = &plan.parts[n];
    let bytes = std::fs::read(folder.join(&part.file)).unwrap();
    bytes[part.offset as usize..(part.offset + part.len) as usize].to_vec()
}

#[test]
fn a_declared_keyspace_is_served_once_all_of_it_came_and_was_checked() {
    let bench = Bench::new();
    let log = peopled(&bench);
    for n in [0, 1, 5000] {
        let built = tempfile::tempdir().unwrap();
        let (folder, keyspace, row) = build(&built.path().join("out"), n);
        let plan = plan_upload(&folder, testing::ORIGIN, EXPIRES.to_owned()).unwrap();
        let signed = plan.sign(&testing::key("lab")).unwrap().to_json();
        let view = log.published().unwrap();
        let undeclared = log.begin_upload(&view, &signed).unwrap_err();
        assert_eq!(undeclared.code(), Code::ManifestUnknown);

        declare(&log, &keyspace, row);
        let view = log.published().unwrap();
        let by_stranger = plan.sign(&testing::key("auditor")).unwrap().to_json();
        assert_eq!(log.begin_upload(&view, &by_stranger).unwrap_err().code(), Code::SignerUnknown);
        let upload = log.begin_upload(&view, &signed).unwrap();
        assert!(!upload.held && !upload.missing.is_empty());
        let id = keyspace.id();
        assert_eq!(log.manifests().complete(&id).unwrap_err().code(), Code::ManifestInvalid);
        let wrong = log.manifests().put_part(&id, 0, b"other bytes").unwrap_err();
        assert_eq!(wrong.code(), Code::BindingMismatch);

        let (first, rest) = upload.missing.split_first().unwrap();
        log.manifests().put_part(&id, *first, &part_bytes(&folder, &plan, *first)).unwrap();
        assert_eq!(log.begin_upload(&view, &signed).unwrap().missing, rest, "a resumed upload asks for the rest");
        for n in rest {
            log.manifests().put_part(&id, *n, &part_bytes(&folder, &plan, *n)).unwrap();
        }
        assert!(log.manifests().files(&id).unwrap().is_none());
        log.manifests().complete(&id).unwrap();
        log.manifests().complete(&id).unwrap();

        let files = log.manifests().files(&id).unwrap().unwrap();
        let depth = keyspace.t();
        for i in [0, n.saturating_sub(1), n] {
            let reply = files.reply_for(&content(i), depth, MetaMode::Rows).unwrap();
            assert_eq!(keyspace.verify(&content(i), depth, &reply).unwrap().is_present(), i < n);
        }
        assert!(log.begin_upload(&view, &signed).unwrap().held);
        assert!(log.manifests().path(&id, "keys.bin").is_some());
        assert!(log.manifests().path(&id, "../plan").is_none());
    }
}

#[test]
fn an_upload_that_runs_belongs_to_who_began_it_unless_the_first_to_name_the_keyspace_comes() {
    let bench = Bench::new();
    let log = peopled(&bench);
    submit(&log, testing::party("rival", &["partner"])).unwrap();
    let built = tempfile::tempdir().unwrap();
    let (folder, keyspace, row) = build(&built.path().join("out"), 300);
    let plan = plan_upload(&folder, testing::ORIGIN, EXPIRES.to_owned()).unwrap();
    declare(&log, &keyspace, row.clone());
    declare_as(&log, "rival", &keyspace, row);
    let view = log.published().unwrap();
    let begin = |party: &str, plan: &Plan| log.begin_upload(&view, &plan.sign(&testing::key(party)).unwrap().to_json());
    let mut wrong = plan.clone();
    wrong.parts.truncate(1);
    // Whoever was second may begin, and gives way.
    begin("rival", &wrong).unwrap();
    begin("lab", &plan).unwrap();
    log.manifests().put_part(&keyspace.id(), 0, &part_bytes(&folder, &plan, 0)).unwrap();
    assert_eq!(begin("rival", &wrong).unwrap_err().code(), Code::UploadTaken);
    let missing = begin("lab", &plan).unwrap().missing;
    assert!(!missing.contains(&0), "what came is there: {missing:?}");
    for part in missing {
        log.manifests().put_part(&keyspace.id(), part, &part_bytes(&folder, &plan, part)).unwrap();
    }
    log.manifests().complete(&keyspace.id()).unwrap();
}

#[test]
fn the_operator_places_a_folder_and_a_damaged_one_is_refused() {
    let bench = Bench::new();
    let log = peopled(&bench);
    let built = tempfile::tempdir().unwrap();
    let (folder, keyspace, _) = build(&built.path().join("out"), 300);
    let keys = folder.join("keys.bin");
    let sound = std::fs::read(&keys).unwrap();
    let mut damaged = sound.clone();
    damaged[40] ^= 1;
    std::fs::write(&keys, damaged).unwrap();
    assert!(log.manifests().add(&built.path().join("out")).is_err());
    assert!(!log.manifests().holds(&keyspace.id()));
    std::fs::write(&keys, sound).unwrap();
    assert_eq!(log.manifests().add(&built.path().join("out")).unwrap(), [keyspace.id()]);
    assert!(log.manifests().files(&keyspace.id()).unwrap().is_some());
}
