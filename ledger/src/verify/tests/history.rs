//! The key history: every record of it is proven like the record itself.

use super::*;
use crate::bundle::Link;
use crate::merkle::Proof;
use crate::note::sign_checkpoint;
use crate::testing::ORIGIN;

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

    // The policy of this very log, and not where it must stand.
    let again = story.log.append(story.log.genesis());
    let mut not_zero = story.bundle();
    not_zero.policy = story.log.link(again);
    broken_history(&story, &not_zero, Code::BindingMismatch, "policy: the policy is not entry 0");
}

#[test]
fn entry_0_is_the_policy_of_this_log() {
    // The same keys and operator, but entry 0 says the name of another log.
    let mut log = MemoryLog::empty(ORIGIN, 1);
    log.append(MemoryLog::empty("other.example.org", 1).genesis());
    let party = log.register(PARTY, &["partner"], &[&key(10)]);
    let card = log.append(model_card(PARTY, FILE, digest(7), &[&key(10)]));
    let report = verify(&log.bundle(card, &[party]), &Trust::new(log.policy()), &[]);
    let detail = broken(&report, LinkName::SignerKey, Code::OriginMismatch, 12);
    assert_eq!(detail, "policy: entry 0 is the policy of another log");

    let mut log = MemoryLog::empty(ORIGIN, 1);
    log.append(model_card(PARTY, FILE, digest(7), &[&key(10)]));
    let party = log.register(PARTY, &["partner"], &[&key(10)]);
    let card = log.append(model_card(PARTY, FILE, digest(7), &[&key(10)]));
    let report = verify(&log.bundle(card, &[party]), &Trust::new(log.policy()), &[]);
    let detail = broken(&report, LinkName::SignerKey, Code::BindingMismatch, 12);
    assert_eq!(detail, "policy: entry 0 is no log-policy");
}

#[test]
fn a_record_at_index_0_is_the_policy_itself() {
    let story = Story::new();
    // Two trees of different sizes, signed by the same log, whose entries 0 differ.
    let mut twin = MemoryLog::empty(ORIGIN, 1);
    let genesis = String::from_utf8(twin.genesis()).unwrap();
    twin.append(format!("{genesis} ").into_bytes());
    let mut bundle = story.log.bundle(LeafIndex(0), &[]);
    assert_eq!(story.report_without(&bundle).verdict, Verdict::Verified);
    bundle.record = twin.link(LeafIndex(0));
    let detail = broken(&story.report_without(&bundle), LinkName::SignerKey, Code::BindingMismatch, 12);
    assert_eq!(detail, "policy: two different entries 0");
}

#[test]
fn the_history_is_of_the_same_log_also_where_several_are_pinned() {
    let story = Story::new();
    let mut other = MemoryLog::with("other.example.org", 5);
    let party = other.register(PARTY, &["partner"], &[&key(10), &key(11)]);
    let mut same_name = MemoryLog::with(ORIGIN, 9);
    same_name.register(PARTY, &["partner"], &[&key(10), &key(11)]);
    let logs = [&story.log, &other, &same_name].map(|log| format!("log {}\n", log.signer().verifier_key()));
    let policy = Policy::parse(format!("{}quorum none\n", logs.concat()).as_bytes()).unwrap();
    for log in [&other, &same_name] {
        let mut bundle = story.bundle();
        bundle.key_history[0] = log.link(party);
        let report = verify(&bundle, &Trust::new(policy.clone()), &[]);
        broken(&report, LinkName::SignerKey, Code::OriginMismatch, 12);
    }
    assert_eq!(verify(&story.bundle(), &Trust::new(policy), &[]).verdict, Verdict::Verified);
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
    let mut forged: Value = serde_json::from_slice(story.log.body(story.party)).unwrap();
    forged["signatures"][0]["sig"] = forged["signatures"][1]["sig"].clone();
    let mut story = Story::new();
    let party = story.log.append(forged.to_string().into_bytes());
    let card = story.log.append(model_card(PARTY, FILE, digest(7), &[&key(10)]));
    broken_history(&story, &story.log.bundle(card, &[party]), Code::SignatureInvalid, "keyHistory/0");

    // A record that changes no key has no business there.
    let bundle = story.log.bundle(card, &[story.party, story.card]);
    broken_history(&story, &bundle, Code::BindingMismatch, "keyHistory/1");
}

/// No look-up is of a party, so a bundle can leave out that one was registered again. The line says what it rests on.
#[test]
fn a_role_that_was_taken_away_is_refused_and_a_bundle_that_hides_it_says_what_it_does_not_prove() {
    let mut log = MemoryLog::new();
    let party = log.register(PARTY, &["partner"], &[&key(10)]);
    let narrowed = log.register(PARTY, &["auditor"], &[&key(11)]);
    let card = log.append(model_card(PARTY, FILE, digest(7), &[&key(10)]));
    let report = |history: &[LeafIndex]| verify(&log.bundle(card, history), &Trust::new(log.policy()), &[]);
    broken(&report(&[party, narrowed]), LinkName::SignerKey, Code::RoleRefused, 14);
    let hiding = report(&[party]);
    let detail = &hiding.line(LinkName::SignerKey).unwrap().detail;
    assert!(detail.ends_with("Roles by entry 1; no change of them before entry 3: not proven"), "{detail}");
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
