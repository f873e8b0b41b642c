//! A whole bundle, and the links from the bundle to the envelope's signature, each broken alone.

use super::*;
use crate::merkle::{NodeHash, Proof};
use crate::note::{SignedNote, UnixSeconds, sign_checkpoint};
use crate::testing::ORIGIN;

#[test]
fn a_whole_bundle_verifies_line_by_line() {
    let story = Story::new();
    let report = story.report(&story.bundle());
    let lines: Vec<_> =
        report.links.iter().map(|line| (line.link.as_str(), line.status, line.detail.as_str())).collect();
    let signer = format!(
        "key {} registered at entry 1; no revocation up to size 5: not proven. Roles by entry 1; no change of them before \
         entry 3: not proven",
        key(10).key_id()
    );
    let record = report.verified.as_ref().unwrap().record();
    let said = format!("model-card by example-ai, record {}", record.id);
    let expected = [
        ("bundle", Status::Ok, "format 1, key history of 1"),
        ("log signature", Status::Ok, "log.example.org/test, checkpoint 5"),
        ("witnesses", Status::Ok, "2 of 2 cosigned, the newest at 2026-03-01T12:00:05Z"),
        ("inclusion", Status::Ok, "entry 3 of 5"),
        ("envelope signature", Status::Ok, "Ed25519"),
        ("signer's key", Status::Ok, signer.as_str()),
        ("record", Status::Ok, said.as_str()),
        ("artifact", Status::Ok, FILE),
    ];
    assert_eq!(lines, expected);
    assert_eq!((report.verdict, report.exit_code(true)), (Verdict::Verified, 0));
    let verified = report.verified.unwrap();
    assert_eq!((verified.index(), verified.record().issuer()), (LeafIndex(3), PARTY));
    assert_eq!(verified.signers()[0].registered(), Some(LeafIndex(1)));
}

#[test]
fn a_bundle_verifies_from_its_bytes_and_without_an_artifact() {
    let story = Story::new();
    let report = verify_bytes(&story.bundle().encode().unwrap(), &story.trust(), &[]);
    assert_eq!(report.verdict, Verdict::Verified);
    assert_eq!(report.line(LinkName::Artifact).unwrap().status, Status::NotGiven);

    // Other white space is the same bundle.
    let value: Value = serde_json::from_slice(&story.bundle().encode().unwrap()).unwrap();
    assert_eq!(verify_bytes(value.to_string().as_bytes(), &story.trust(), &[]).verdict, Verdict::Verified);
}

#[test]
fn a_broken_bundle_is_named() {
    let story = Story::new();
    let text = String::from_utf8(story.bundle().encode().unwrap()).unwrap();
    let report = verify_bytes(text.replace("keyHistory", "keyhistory").as_bytes(), &story.trust(), &[]);
    broken(&report, LinkName::Bundle, Code::BundleInvalid, 2);
    let report = verify_bytes(text.replace("index 3", "index 03").as_bytes(), &story.trust(), &[]);
    broken(&report, LinkName::Bundle, Code::ProofInvalid, 11);
}

#[test]
fn a_broken_checkpoint_signature_is_named() {
    let story = Story::new();
    let mut bundle = story.bundle();
    // The log's own signature over another size, with everything else as it was.
    let other = MemoryLog::new();
    let foreign = other.signer().sign(&other.checkpoint().encode());
    let text = story.log.checkpoint().encode();
    let at = UnixSeconds::from(story.log.now());
    let cosigned = story.log.witness().cosign(&text, at);
    bundle.record.proof.checkpoint = SignedNote::new(text, vec![foreign, cosigned]).unwrap().encode();
    broken(&story.report(&bundle), LinkName::LogSignature, Code::NoteInvalid, 10);
}

#[test]
fn b13_another_origin_is_named() {
    let story = Story::new();
    // A bundle that is right in itself, of a log that nobody pinned.
    let mut other = MemoryLog::with("other.example.org", 1);
    let party = other.register(PARTY, &["partner"], &[&key(10)]);
    let card = other.append(model_card(PARTY, FILE, digest(7), &[&key(10)]));
    let bundle = other.bundle(card, &[party]);
    assert_eq!(verify(&bundle, &Trust::new(other.policy()), &[]).verdict, Verdict::Verified);
    broken(&story.report(&bundle), LinkName::LogSignature, Code::OriginMismatch, 12);
}

#[test]
fn another_log_key_is_named() {
    let story = Story::new();
    // The same origin under a key that nobody pinned.
    let mut other = MemoryLog::with(ORIGIN, 40);
    let party = other.register(PARTY, &["partner"], &[&key(10)]);
    let card = other.append(model_card(PARTY, FILE, digest(7), &[&key(10)]));
    broken(&story.report(&other.bundle(card, &[party])), LinkName::LogSignature, Code::PolicyUnmet, 14);
}

#[test]
fn an_unmet_policy_is_named() {
    let story = Story::new();
    let mut bundle = story.bundle();
    bundle.record.proof.checkpoint = sign_checkpoint(&story.log.checkpoint(), story.log.signer(), &[]).unwrap();
    broken(&story.report(&bundle), LinkName::Witnesses, Code::PolicyUnmet, 14);
}

#[test]
fn a_witness_whose_cosignature_fails_is_named() {
    let story = Story::new();
    let mut bundle = story.bundle();
    let forged = story.log.witness().cosign("another text\n", UnixSeconds::from(story.log.now()));
    let note = sign_checkpoint(&story.log.checkpoint(), story.log.signer(), &[]).unwrap();
    let note = SignedNote::parse(&note).unwrap().with_signature(forged).unwrap();
    bundle.record.proof.checkpoint = note.encode();
    broken(&story.report(&bundle), LinkName::Witnesses, Code::NoteInvalid, 10);
}

#[test]
fn a_line_is_written_as_json() {
    let story = Story::new();
    let mut bundle = story.bundle();
    bundle.record.proof.proof = Proof::default();
    let report = story.report(&bundle);
    let lines = serde_json::to_value(&report.links).unwrap();
    assert_eq!(lines[1]["status"], "ok");
    assert_eq!(lines[1]["code"], json!(null));
    let expected = json!({
        "link": "inclusion", "status": "failed", "code": "proof_invalid",
        "detail": "the proof is too short", "hint": Code::ProofInvalid.hint(),
    });
    assert_eq!(lines[3], expected);
    assert_eq!(lines[4]["status"], "not-checked");
    assert_eq!(serde_json::to_value(report.verdict).unwrap(), "failed");
}

#[test]
fn a_policy_that_asks_for_no_witness_says_so() {
    let story = Story::new();
    let trust = Trust::new(Policy::of_log(story.log.signer().verifier_key(), &[]).unwrap());
    let report = verify(&story.bundle(), &trust, &[]);
    assert_eq!(report.line(LinkName::Witnesses).unwrap().status, Status::NotGiven);
    assert_eq!(report.verdict, Verdict::Verified);
}

#[test]
fn b12_a_broken_inclusion_proof_is_named() {
    let story = Story::new();
    let good = story.bundle();
    let hashes = good.record.proof.proof.hashes();
    let mut longer = hashes.to_vec();
    longer.push(NodeHash::from_bytes([1; 32]));
    let mut swapped = hashes.to_vec();
    swapped.swap(0, 1);
    for hashes in [longer, swapped, hashes[1..].to_vec(), vec![]] {
        let mut bundle = good.clone();
        bundle.record.proof.proof = Proof::new(hashes).unwrap();
        broken(&story.report(&bundle), LinkName::Inclusion, Code::ProofInvalid, 11);
    }
    for index in [2, 4, 5, u64::MAX] {
        let mut bundle = good.clone();
        bundle.record.proof.index = LeafIndex(index);
        broken(&story.report(&bundle), LinkName::Inclusion, Code::ProofInvalid, 11);
    }
}

#[test]
fn b13_the_leaf_of_another_log_is_named() {
    let story = Story::new();
    let mut other = MemoryLog::with("other.example.org", 1);
    let foreign = other.append(model_card(PARTY, FILE, digest(7), &[&key(10)]));
    let mut bundle = story.bundle();
    bundle.record.entry = other.entry(foreign).to_vec();
    broken(&story.report(&bundle), LinkName::Inclusion, Code::ProofInvalid, 11);
}

#[test]
fn a_broken_envelope_signature_is_named_and_nothing_of_the_signer_is_shown() {
    let mut story = Story::new();
    // The log itself took in an envelope whose signature is of another payload: only that link is broken.
    let forged = |from: &str, to: &str| {
        let real = model_card(PARTY, FILE, digest(7), &[&key(10)]);
        let members = json!({ "model_name": "EVIL-NAME" });
        let other = body(Kind::ModelCard, vec![Subject::artifact(FILE, digest(7))], PARTY, members, &[&key(10)]);
        let real: Value = serde_json::from_slice(&real).unwrap();
        let mut other: Value = serde_json::from_slice(&other).unwrap();
        other["signatures"] = real["signatures"].clone();
        other.to_string().replace(from, to).into_bytes()
    };
    let card = story.log.append(forged("", ""));
    let bundle = story.log.bundle(card, &[story.party]);
    let report = story.report(&bundle);
    broken(&report, LinkName::EnvelopeSignature, Code::SignatureInvalid, 10);
    let shown = format!("{report:?}");
    for word in ["EVIL", PARTY, FILE, "model-card", "example-7b"] {
        assert!(!shown.contains(word), "{word} in {shown}");
    }

    // Not an envelope at all, with a member that would like to be shown.
    let entry = story.log.entry(card).to_vec();
    let card = story.log.append_raw(entry, forged("payloadType", "EVIL"));
    let report = story.report(&story.log.bundle(card, &[story.party]));
    let line = report.failed().unwrap();
    assert_eq!((line.link, line.status), (LinkName::EnvelopeSignature, Status::Failed));
    assert!(!format!("{report:?}").contains("EVIL"));
}

#[test]
fn a_bit_of_the_payload_breaks_the_envelope_signature() {
    let story = Story::new();
    let mut bundle = story.bundle();
    let text = String::from_utf8(bundle.record.envelope.clone()).unwrap();
    bundle.record.envelope = text.replacen("eyJ", "fyJ", 1).into_bytes();
    assert_ne!(bundle.record.envelope, text.as_bytes());
    broken(&story.report(&bundle), LinkName::EnvelopeSignature, Code::SignatureInvalid, 10);
}
