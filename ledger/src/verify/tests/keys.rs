//! The signer's key at the index, broken alone.

use super::*;
use crate::record::Record;

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
    assert!(report.line(LinkName::SignerKey).unwrap().detail.contains("; revoked at entry 5. Roles by entry 1;"));
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
    let members = json!({ "publicKey": own.public_key().to_base64(), "text": "hello",
        "target": target.to_reference(), "nonce": "AAAAAAAAAAAAAAAAAAAAAA==" });
    let kind = Kind::parse("comment").unwrap();
    let comment = story.log.append(body(kind, vec![Subject::record(target)], &issuer, members, &[&own]));
    let report = signer_key_report(&story, comment, &[]);
    assert_eq!(report.verdict, Verdict::Verified, "{report:?}");
    assert!(report.line(LinkName::SignerKey).unwrap().detail.contains("of no party, unvouched"));
    assert_eq!(report.verified.unwrap().signers()[0].owner(), None);

    // That a party registers the key later does not make it the party's word.
    let registered = story.log.register("late", &["partner"], &[&own]);
    let report = signer_key_report(&story, comment, &[registered]);
    assert_eq!(report.verdict, Verdict::Verified, "{report:?}");
    assert!(report.line(LinkName::SignerKey).unwrap().detail.contains("of no party, unvouched"));
    assert_eq!(report.verified.unwrap().signers()[0].owner(), None);
}
