//! The binding of entry, envelope and artifacts, broken alone.

use super::*;
use crate::entry::Entry;
use crate::ids::UnixMillis;
use crate::record::Record;

#[test]
fn b13_a_broken_entry_binding_is_named() {
    let story = Story::new();
    let good = story.bundle();
    // The same signed payload in other bytes.
    let mut spaced = good.clone();
    spaced.record.envelope.push(b'\n');
    let detail = broken(&story.report(&spaced), LinkName::Record, Code::BindingMismatch, 12);
    assert_eq!(detail, "the entry names another body than the envelope");

    // CVE-2026-22703: the envelope of another entry, signed by the same key and in the same log.
    let mut story = Story::new();
    let other = story.log.append(model_card(PARTY, "other.safetensors", digest(8), &[&key(10)]));
    let mut swapped = story.bundle();
    swapped.record.envelope = story.log.body(other).to_vec();
    let report = verify(&swapped, &story.trust(), &[artifact("other.safetensors", 8)]);
    broken(&report, LinkName::Record, Code::BindingMismatch, 12);

    // A header that says of the record what does not follow from it.
    let mut entry = Entry::decode(story.log.entry(story.card)).unwrap();
    entry.header.issuer = "example-audit".to_owned();
    let (entry, body) = (entry.encode().unwrap(), story.log.body(story.card).to_vec());
    let lying = story.log.append_raw(entry, body.clone());
    let report = story.report(&story.log.bundle(lying, &[story.party]));
    let detail = broken(&report, LinkName::Record, Code::BindingMismatch, 12);
    assert_eq!(detail, "the entry's header does not follow from the record");

    // A leaf that is no entry.
    let no_entry = story.log.append_raw(b"not an entry".to_vec(), body);
    let report = story.report(&story.log.bundle(no_entry, &[story.party]));
    broken(&report, LinkName::Record, Code::EntryInvalid, 12);
}

#[test]
fn a_signed_envelope_that_holds_no_record_is_named() {
    let mut story = Story::new();
    let envelope = crate::record::dsse::Envelope::sign(b"{\"_type\":\"x\"}".to_vec(), &[&key(10)]).unwrap().to_json();
    let entry = story.log.entry(story.card).to_vec();
    let index = story.log.append_raw(entry, envelope);
    broken(&story.report(&story.log.bundle(index, &[story.party])), LinkName::Record, Code::Schema, 2);
}

#[test]
fn a_record_received_after_it_was_cosigned_is_a_warning() {
    let report = |after_cosignature: u64| {
        let mut story = Story::new();
        let body = story.log.body(story.card).to_vec();
        // The checkpoint is cosigned when the next entry is due, one second from now.
        let received = UnixMillis(story.log.now().0 + 1_000 + after_cosignature);
        let entry = Entry::of_record(&Record::parse(&body).unwrap(), received).encode().unwrap();
        let index = story.log.append_raw(entry, body);
        story.report(&story.log.bundle(index, &[story.party]))
    };
    let five_minutes = 5 * 60 * 1_000;
    assert!(report(five_minutes).warnings.is_empty());
    let report = report(five_minutes + 1);
    assert_eq!((report.verdict, report.warnings[0].code), (Verdict::Verified, Code::TimeDoubtful));
    assert_eq!((report.exit_code(false), report.exit_code(true)), (0, 15));
}

#[test]
fn b13_another_artifact_is_named() {
    let story = Story::new();
    let check = |artifact| verify(&story.bundle(), &story.trust(), &[artifact]);
    let detail = broken(&check(artifact(FILE, 8)), LinkName::Artifact, Code::BindingMismatch, 12);
    assert_eq!(detail, format!("{FILE} differs: recorded sha256 {}, found {}", digest(7), digest(8)));
    // Under another name the same bytes are the same file.
    assert_eq!(check(artifact("renamed.bin", 7)).verdict, Verdict::Verified);
    // One of two.
    let two = [artifact(FILE, 7), artifact("more.bin", 9)];
    let detail = broken(&verify(&story.bundle(), &story.trust(), &two), LinkName::Artifact, Code::BindingMismatch, 12);
    assert!(detail.starts_with("more.bin differs"), "{detail}");
}

#[test]
fn a_folder_is_its_root_or_its_files() {
    let mut story = Story::new();
    let subjects = vec![Subject::artifact("config.json", digest(1)), Subject::artifact("a/b.bin", digest(2))];
    let card = body(Kind::ModelCard, subjects, PARTY, json!({ "model_name": "m" }), &[&key(10)]);
    let card = story.log.append(card);
    let files = |files: &[(&str, u8)]| {
        let files = files.iter().map(|(path, seed)| FileDigest { path: (*path).to_owned(), sha256: digest(*seed) });
        [Artifact { name: "model".to_owned(), sha256: digest(9), files: Some(files.collect()) }]
    };
    let check = |artifact: &[Artifact]| verify(&story.log.bundle(card, &[story.party]), &story.trust(), artifact);
    assert_eq!(check(&files(&[("a/b.bin", 2), ("config.json", 1)])).verdict, Verdict::Verified);
    for (wrong, expected) in [
        (&[("a/b.bin", 2), ("config.json", 3)][..], "model/config.json differs"),
        (&[("a/b.bin", 2)], "model lacks config.json"),
        (&[("a/b.bin", 2), ("config.json", 1), ("more", 4)], "model/more is not in the record"),
        (&[("a/b.bin", 1), ("config.json", 2)], "model/a/b.bin differs"),
        (&[("x", 1)], "model is not in the record"),
        (&[], "model is not in the record"),
    ] {
        let detail = broken(&check(&files(wrong)), LinkName::Artifact, Code::BindingMismatch, 12);
        assert!(detail.starts_with(expected), "{detail}");
    }
    // A record of the folder as a whole.
    let root = [Artifact { name: "model".to_owned(), sha256: digest(7), files: files(&[("x", 1)])[0].files.clone() }];
    assert_eq!(verify(&story.bundle(), &story.trust(), &root).verdict, Verdict::Verified);
}
