//! Each link broken alone: the right line, code, exit code and hint, and not a word of the signer's where he did not sign.
#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::json;

use super::*;
use crate::bundle::Link;
use crate::entry::Entry;
use crate::ids::{LeafIndex, SubjectDigest, UnixMillis};
use crate::merkle::{NodeHash, Proof};
use crate::note::{SignedNote, UnixSeconds, sign_checkpoint};
use crate::record::Record;
use crate::record::kind::Kind;
use crate::record::statement::Subject;
use crate::testing::{self, MemoryLog, body, key, model_card};

const PARTY: &str = "example-ai";
const FILE: &str = "model.safetensors";

fn digest(seed: u8) -> SubjectDigest {
    SubjectDigest::from_bytes([seed; 32])
}

fn artifact(name: &str, seed: u8) -> Artifact {
    Artifact { name: name.to_owned(), sha256: digest(seed), files: None }
}

/// A log whose entry 1 registers a party with keys 10 and 11, and whose entry 3 is its model card.
struct Story {
    log: MemoryLog,
    party: LeafIndex,
    card: LeafIndex,
}

impl Story {
    fn new() -> Self {
        let mut log = MemoryLog::new();
        let party = log.register(PARTY, &["partner"], &[&key(10), &key(11)]);
        log.register("example-audit", &["auditor"], &[&key(20)]);
        let card = log.append(model_card(PARTY, FILE, digest(7), &[&key(10)]));
        log.register("example-later", &["partner"], &[&key(30)]);
        Self { log, party, card }
    }

    fn trust(&self) -> Trust {
        Trust::new(self.log.policy())
    }

    fn bundle(&self) -> Bundle {
        self.log.bundle(self.card, &[self.party])
    }

    fn report(&self, bundle: &Bundle) -> Report {
        verify(bundle, &self.trust(), &[artifact(FILE, 7)])
    }
}

/// Asserts that exactly this link failed with this code, that those before it hold and that those after it were not
/// reached; returns the line's detail.
#[track_caller]
fn broken(report: &Report, link: LinkName, code: Code, exit: u8) -> String {
    assert_eq!(report.links.iter().map(|line| line.link).collect::<Vec<_>>(), LinkName::ALL);
    assert_eq!(report.verdict, Verdict::Failed);
    assert!(report.verified.is_none());
    for line in &report.links {
        let expected = match line.link.cmp(&link) {
            core::cmp::Ordering::Less => [Status::Ok, Status::NotGiven].as_slice(),
            core::cmp::Ordering::Equal => &[Status::Failed],
            core::cmp::Ordering::Greater => &[Status::NotChecked],
        };
        assert!(expected.contains(&line.status), "{line:?}");
    }
    let line = report.line(link).unwrap();
    assert_eq!(line.code, Some(code), "{line:?}");
    assert_eq!(line.hint, Some(code.hint()));
    assert_eq!((report.code(), report.exit_code(false), report.exit_code(true)), (Some(code), exit, exit));
    line.detail.clone()
}

#[test]
fn a_whole_bundle_verifies_line_by_line() {
    let story = Story::new();
    let report = story.report(&story.bundle());
    let lines: Vec<_> =
        report.links.iter().map(|line| (line.link.as_str(), line.status, line.detail.as_str())).collect();
    let signer = format!("key {} registered at entry 1; no revocation up to size 5: not proven", key(10).key_id());
    let record = report.verified.as_ref().unwrap().record();
    let said = format!("model-card by example-ai, record {}", record.id);
    let expected = [
        ("bundle", Status::Ok, "format 1, key history of 1"),
        ("log signature", Status::Ok, "log.example.org, checkpoint 5"),
        ("witnesses", Status::Ok, "2 of 2 cosigned, the newest at Unix time 1772366405"),
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
    let mut other = MemoryLog::with(testing::ORIGIN, 40);
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
        let real: serde_json::Value = serde_json::from_slice(&real).unwrap();
        let mut other: serde_json::Value = serde_json::from_slice(&other).unwrap();
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

/// The report over a card that is signed by one key, with a history; the envelope signature may be out of reach.
fn signer_key_report(story: &Story, card: LeafIndex, history: &[LeafIndex]) -> Report {
    verify(&story.log.bundle(card, history), &story.trust(), &[])
}

#[test]
fn b10_a_signer_that_the_history_does_not_know_is_named() {
    let mut story = Story::new();
    let card = story.log.append(model_card(PARTY, FILE, digest(7), &[&key(99)]));
    let report = signer_key_report(&story, card, &[story.party]);
    // Without the key there is nothing to check the signature with, and the line says so.
    assert_eq!(report.line(LinkName::EnvelopeSignature).unwrap().status, Status::NotChecked);
    assert_eq!(report.line(LinkName::Record).unwrap().status, Status::NotChecked);
    let line = report.failed().unwrap();
    assert_eq!((line.link, line.code, report.exit_code(false)), (LinkName::SignerKey, Some(Code::SignerUnknown), 14));

    // A history that was left out.
    let report = signer_key_report(&story, story.card, &[]);
    assert_eq!(report.failed().unwrap().link, LinkName::SignerKey);
    assert_eq!(report.code(), Some(Code::SignerUnknown));
}

#[test]
fn b10_a_key_that_was_registered_later_does_not_count() {
    let mut story = Story::new();
    let card = story.log.append(model_card("late", FILE, digest(7), &[&key(50)]));
    let party = story.log.register("late", &["partner"], &[&key(50)]);
    let report = signer_key_report(&story, card, &[party]);
    let detail = broken(&report, LinkName::SignerKey, Code::SignerUnknown, 14);
    assert!(detail.contains("not registered below entry 5"), "{detail}");
}

#[test]
fn b10_a_key_that_was_revoked_before_does_not_count() {
    let mut story = Story::new();
    let revoked = story.log.revoke(PARTY, &key(10), None, &key(11));
    let card = story.log.append(model_card(PARTY, FILE, digest(7), &[&key(10)]));
    let report = signer_key_report(&story, card, &[story.party, revoked]);
    broken(&report, LinkName::SignerKey, Code::SignerRevoked, 15);
    // The card from before stands, and says that the key is gone.
    let report = signer_key_report(&story, story.card, &[story.party, revoked]);
    assert_eq!(report.verdict, Verdict::Verified);
    assert!(report.line(LinkName::SignerKey).unwrap().detail.ends_with("; revoked at entry 5"));
    assert!(report.warnings.is_empty());
}

#[test]
fn a_key_that_may_have_been_stolen_is_a_warning_and_a_failure_when_strict() {
    let mut story = Story::new();
    let revoked = story.log.revoke(PARTY, &key(10), Some(story.card), &key(11));
    let report = signer_key_report(&story, story.card, &[story.party, revoked]);
    assert_eq!(report.verdict, Verdict::Verified);
    assert_eq!(report.warnings[0].code, Code::DisputedKey);
    assert_eq!((report.exit_code(false), report.exit_code(true)), (0, 15));
    assert!(report.verified.unwrap().signers()[0].is_disputed());

    let mut story = Story::new();
    let revoked = story.log.revoke(PARTY, &key(10), Some(LeafIndex(story.card.0 + 1)), &key(11));
    let report = signer_key_report(&story, story.card, &[story.party, revoked]);
    assert!(report.warnings.is_empty());
}

#[test]
fn a_party_cannot_speak_for_another_or_out_of_its_role() {
    let mut story = Story::new();
    let auditor = LeafIndex(2);
    let for_another = story.log.append(model_card(PARTY, FILE, digest(7), &[&key(20)]));
    let report = signer_key_report(&story, for_another, &[story.party, auditor]);
    broken(&report, LinkName::SignerKey, Code::IssuerMismatch, 14);
    let out_of_role = story.log.append(model_card("example-audit", FILE, digest(7), &[&key(20)]));
    let report = signer_key_report(&story, out_of_role, &[auditor]);
    broken(&report, LinkName::SignerKey, Code::RoleRefused, 14);
}

#[test]
fn one_signer_too_many_refuses_the_record() {
    let mut story = Story::new();
    let card = story.log.append(model_card(PARTY, FILE, digest(7), &[&key(10), &key(30)]));
    // Party "example-later", whose key 30 is, stands at entry 4.
    let report = signer_key_report(&story, card, &[story.party]);
    assert_eq!(report.failed().unwrap().link, LinkName::SignerKey);
    assert_eq!(report.code(), Some(Code::SignerUnknown));
    let report = signer_key_report(&story, card, &[story.party, LeafIndex(4)]);
    assert_eq!(report.verdict, Verdict::Verified);
    assert_eq!(report.line(LinkName::EnvelopeSignature).unwrap().detail, "Ed25519, Ed25519");
}

#[test]
fn an_unvouched_signer_is_shown_as_such() {
    let mut story = Story::new();
    let own = key(60);
    let issuer = format!("key:{}", own.key_id());
    let target = Record::parse(story.log.body(story.card)).unwrap().id;
    let members = json!({ "publicKey": own.public_key().to_base64(), "text": "hello" });
    let kind = Kind::parse("comment").unwrap();
    let comment = story.log.append(body(kind, vec![Subject::record(target)], &issuer, members, &[&own]));
    let report = signer_key_report(&story, comment, &[]);
    assert_eq!(report.verdict, Verdict::Verified, "{report:?}");
    assert!(report.line(LinkName::SignerKey).unwrap().detail.contains("of no party, unvouched"));
    assert_eq!(report.verified.unwrap().signers()[0].owner(), None);
}

/// Breaks one part of the bundle's history and asserts that the signer's key is the line that says so.
#[track_caller]
fn broken_history(story: &Story, bundle: &Bundle, code: Code, place: &str) {
    let detail = broken(&story.report(bundle), LinkName::SignerKey, code, code.exit_code());
    assert!(detail.starts_with(place), "{detail}");
}

#[test]
fn every_link_of_the_history_is_proven_like_the_record() {
    let story = Story::new();
    let good = story.bundle();
    let mut other = MemoryLog::with("other.example.org", 1);
    other.register(PARTY, &["partner"], &[&key(10), &key(11)]);
    type At = fn(&mut Bundle) -> &mut Link;
    let parts: [(&str, At); 2] = [("keyHistory/0", |b| &mut b.key_history[0]), ("policy", |b| &mut b.policy)];
    for (place, part) in parts {
        let with = |change: &dyn Fn(&mut Link)| {
            let mut bundle = good.clone();
            change(part(&mut bundle));
            bundle
        };
        broken_history(&story, &with(&|l| l.proof.proof = Proof::default()), Code::ProofInvalid, place);
        broken_history(&story, &with(&|l| l.proof.checkpoint = other.note()), Code::OriginMismatch, place);
        let unwitnessed = sign_checkpoint(&story.log.checkpoint(), story.log.signer(), &[]).unwrap();
        broken_history(&story, &with(&|l| l.proof.checkpoint = unwitnessed.clone()), Code::PolicyUnmet, place);
        broken_history(&story, &with(&|l| l.entry[0] ^= 1), Code::ProofInvalid, place);
        // The same record in other bytes: its entry names another body.
        broken_history(&story, &with(&|l| l.envelope.push(b' ')), Code::BindingMismatch, place);
    }
}

#[test]
fn the_history_is_in_order_and_complete_in_itself() {
    let mut story = Story::new();
    let revoked = story.log.revoke(PARTY, &key(10), None, &key(11));
    let good = story.log.bundle(story.card, &[story.party, revoked]);
    assert_eq!(story.report(&good).verdict, Verdict::Verified);
    let with = |history: &[LeafIndex]| story.log.bundle(story.card, history);
    broken_history(&story, &with(&[revoked, story.party]), Code::BindingMismatch, "keyHistory/1");
    broken_history(&story, &with(&[story.party, story.party]), Code::BindingMismatch, "keyHistory/1");
    broken_history(&story, &with(&[LeafIndex(0), story.party]), Code::BindingMismatch, "keyHistory/0");
    broken_history(&story, &with(&[story.party, story.card]), Code::BindingMismatch, "keyHistory/1");

    let mut not_zero = good.clone();
    not_zero.policy = good.key_history[0].clone();
    broken_history(&story, &not_zero, Code::BindingMismatch, "policy");
}

#[test]
fn a_history_that_breaks_the_rules_of_admission_is_refused() {
    let mut story = Story::new();
    // A party that registers itself, with the signature of nobody who may.
    let own = key(70);
    let members = json!({
        "id": "self-made", "roles": ["partner"],
        "keys": [{ "keyid": own.key_id(), "publicKey": own.public_key().to_base64(), "use": "sign" }],
    });
    let party = body(Kind::Party, vec![Subject::key(own.key_id())], "self-made", members, &[&own]);
    let party = story.log.append(party);
    let card = story.log.append(model_card("self-made", FILE, digest(7), &[&own]));
    broken_history(&story, &story.log.bundle(card, &[party]), Code::RoleRefused, "keyHistory/0");

    // One that the operator did not sign, though it says so.
    let mut forged: serde_json::Value = serde_json::from_slice(story.log.body(story.party)).unwrap();
    forged["signatures"][0]["sig"] = forged["signatures"][1]["sig"].clone();
    let mut story = Story::new();
    let party = story.log.append(forged.to_string().into_bytes());
    let card = story.log.append(model_card(PARTY, FILE, digest(7), &[&key(10)]));
    broken_history(&story, &story.log.bundle(card, &[party]), Code::SignatureInvalid, "keyHistory/0");

    // A record that changes no key has no business there.
    let bundle = story.log.bundle(card, &[story.party, story.card]);
    broken_history(&story, &bundle, Code::BindingMismatch, "keyHistory/1");
}

#[test]
fn the_pinned_entry_0_is_the_one_that_counts() {
    let story = Story::new();
    let pinned = Trust { genesis: Some(story.log.genesis_leaf()), ..story.trust() };
    assert_eq!(verify(&story.bundle(), &pinned, &[]).verdict, Verdict::Verified);
    let other = Trust { genesis: Some(MemoryLog::with("other.example.org", 1).genesis_leaf()), ..story.trust() };
    let detail = broken(&verify(&story.bundle(), &other, &[]), LinkName::SignerKey, Code::OriginMismatch, 12);
    assert_eq!(detail, "policy: entry 0 is not the pinned one");
}

#[test]
fn entry_0_and_a_party_verify_like_any_other_record() {
    let story = Story::new();
    let report = verify(&story.log.bundle(LeafIndex(0), &[]), &story.trust(), &[]);
    assert_eq!(report.verdict, Verdict::Verified, "{report:?}");
    let report = verify(&story.log.bundle(story.party, &[]), &story.trust(), &[]);
    assert_eq!(report.verdict, Verdict::Verified, "{report:?}");
    let signers = report.verified.unwrap();
    let registered: Vec<_> = signers.signers().iter().map(VerifiedSigner::registered).collect();
    assert_eq!(registered, [Some(LeafIndex(0)), None, None]);
}

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

#[test]
fn b15_two_trees_of_one_size_are_a_fork() {
    let story = Story::new();
    let seen = |root| Seen { origin: story.log.checkpoint().origin().clone(), size: story.log.size(), root };
    let same = Trust { seen: Some(seen(story.log.checkpoint().root())), ..story.trust() };
    assert_eq!(verify(&story.bundle(), &same, &[]).verdict, Verdict::Verified);
    let other = Trust { seen: Some(seen(MemoryLog::new().checkpoint().root())), ..story.trust() };
    broken(&verify(&story.bundle(), &other, &[]), LinkName::LogSignature, Code::Fork, 13);

    // Two trees inside of one bundle.
    let mut twin = MemoryLog::new();
    let party = twin.register(PARTY, &["partner"], &[&key(10), &key(11)]);
    for _ in 0..3 {
        twin.append(model_card(PARTY, "fork", digest(1), &[&key(10)]));
    }
    assert_eq!(twin.size(), story.log.size());
    let mut forked = story.bundle();
    forked.key_history[0] = twin.link(party);
    broken_history(&story, &forked, Code::Fork, "keyHistory/0");
}

#[test]
fn links_may_have_checkpoints_of_different_sizes() {
    let mut story = Story::new();
    let old = story.log.link(story.party);
    story.log.append(model_card(PARTY, "later", digest(1), &[&key(10)]));
    let mut bundle = story.bundle();
    bundle.key_history[0] = old;
    assert_eq!(story.report(&bundle).verdict, Verdict::Verified);
}

/// Which bytes of a link to change.
fn bytes_of(link: &mut Link, field: usize) -> &mut Vec<u8> {
    match field {
        0 => &mut link.envelope,
        1 => &mut link.entry,
        _ => &mut link.proof.checkpoint,
    }
}

fn part(bundle: &mut Bundle, part: usize) -> &mut Link {
    match part {
        0 => &mut bundle.record,
        1 => &mut bundle.key_history[0],
        _ => &mut bundle.policy,
    }
}

proptest! {
    #[test]
    fn no_flipped_bit_of_any_part_verifies(
        which in 0usize..3, field in 0usize..3, at in any::<Index>(), bit in 0u8..8,
    ) {
        let story = Story::new();
        let mut bundle = story.bundle();
        let bytes = bytes_of(part(&mut bundle, which), field);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert_eq!(story.report(&bundle).verdict, Verdict::Failed);
    }

    #[test]
    fn no_cut_or_added_byte_of_any_part_verifies(
        which in 0usize..3, field in 0usize..3, at in any::<Index>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let story = Story::new();
        let mut bundle = story.bundle();
        let bytes = bytes_of(part(&mut bundle, which), field);
        let before = bytes.clone();
        let at = at.index(bytes.len());
        if cut {
            bytes.remove(at);
        } else {
            bytes.insert(at, byte);
        }
        prop_assume!(*bytes != before);
        prop_assert_eq!(story.report(&bundle).verdict, Verdict::Failed);
    }

    #[test]
    fn no_other_index_or_hash_of_any_part_verifies(
        which in 0usize..3, index in 0u64..8, at in any::<Index>(), bit in 0usize..256,
    ) {
        let story = Story::new();
        let mut bundle = story.bundle();
        let link = part(&mut bundle, which);
        if link.proof.index == LeafIndex(index) {
            let mut hashes = link.proof.proof.hashes().to_vec();
            let at = at.index(hashes.len());
            let mut hash = *hashes[at].as_bytes();
            hash[bit / 8] ^= 1 << (bit % 8);
            hashes[at] = NodeHash::from_bytes(hash);
            link.proof.proof = Proof::new(hashes).unwrap();
        } else {
            link.proof.index = LeafIndex(index);
        }
        prop_assert_eq!(story.report(&bundle).verdict, Verdict::Failed);
    }

    #[test]
    fn a_changed_file_verifies_only_if_it_reads_the_same(
        edits in prop::collection::vec((any::<Index>(), prop::option::of("[\\x00-\\x7f]|[\"{}\\[\\],: \n]"), any::<bool>()), 1..4),
    ) {
        let story = Story::new();
        let original = story.bundle();
        let mut file = original.encode().unwrap();
        for (at, insert, replace) in edits {
            let at = at.index(file.len());
            let end = if replace || insert.is_none() { at + 1 } else { at };
            file.splice(at..end, insert.unwrap_or_default().into_bytes());
        }
        let report = verify_bytes(&file, &story.trust(), &[artifact(FILE, 7)]);
        if report.verdict == Verdict::Verified {
            prop_assert_eq!(Bundle::parse(&file), Ok(original));
        } else {
            prop_assert!(report.exit_code(false) != 0);
            prop_assert!(report.failed().is_some());
        }
    }
}
