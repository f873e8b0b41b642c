//! Signed notes and what is read beside them: one spelling for everything, and no text that its keys did not sign.

#![no_main]

use std::str::FromStr;
use std::sync::LazyLock;

use colophon_fuzz::seeds;
use ledger::note::{Checkpoint, Cosigner, KeyName, NoteSignature, NoteSigner, Policy, SignedNote, VerifierKey};
use ledger::testing::MemoryLog;
use libfuzzer_sys::fuzz_target;

/// A log with a key, a clock and a witness.
static LOG: LazyLock<MemoryLog> = LazyLock::new(MemoryLog::new);
static POLICY: LazyLock<Policy> = LazyLock::new(|| LOG.policy());

fuzz_target!(init: seeds(genuine()), |data: &[u8]| {
    signed_note(data);
    policy(data);
    if let Ok(text) = std::str::from_utf8(data) {
        one_spelling(Checkpoint::parse(text), Checkpoint::encode, text);
        one_spelling(NoteSignature::parse(text.trim_end_matches('\n')), NoteSignature::to_line, &format!("{}\n", text.trim_end_matches('\n')));
        one_spelling(VerifierKey::from_str(text), VerifierKey::to_string, text);
        one_spelling(NoteSigner::from_private_text(text), |key| key.to_private_text().to_string(), text);
        one_spelling(Cosigner::from_private_text(text), |key| key.to_private_text().to_string(), text);
    }
});

fn genuine() -> Vec<Vec<u8>> {
    let name = KeyName::parse("example.com/fuzz").expect("a name");
    let key = NoteSigner::from_seed(name.clone(), [7; 32]).expect("a key");
    let cosigner = Cosigner::from_seed(name, [8; 32]).expect("a key");
    let witness = LOG.witness().verifier_key();
    let nested = format!(
        "# two levels\nlog {} https://log.example\n\twitness  w {witness}\nwitness v {}\n\
         group g 1 w v\ngroup h all g\nquorum h\n",
        key.verifier_key(),
        cosigner.verifier_key(),
    );
    let text = "A text.\n\nWith an empty line.\n".to_owned();
    let note = SignedNote::new(text.clone(), vec![key.sign(&text), key.sign("another")]).expect("a note");
    vec![
        LOG.note(),
        note.encode(),
        key.sign(&text).to_line().into_bytes(),
        LOG.checkpoint().encode().into_bytes(),
        format!("{}an extension\n", LOG.checkpoint().encode()).into_bytes(),
        POLICY.encode(),
        nested.into_bytes(),
        b"quorum none\n".to_vec(),
        witness.to_string().into_bytes(),
        key.to_private_text().as_bytes().to_vec(),
        cosigner.to_private_text().as_bytes().to_vec(),
    ]
}

fn signed_note(data: &[u8]) {
    let Ok(note) = SignedNote::parse(data) else { return };
    assert_eq!(note.encode(), data);
    let text = note.unverified_text().to_owned();
    assert_eq!(SignedNote::new(text, note.signatures().to_vec()).expect("the same parts"), note);

    // The log's key has signed one text in its life.
    if let Ok(verified) = note.verify(&[LOG.signer().verifier_key().clone()]) {
        assert_eq!(verified.text(), LOG.checkpoint().encode());
    }
    if let Ok(accepted) = POLICY.check(data) {
        let genuine = POLICY.check(&LOG.note()).expect("its own note");
        assert_eq!(*accepted.checkpoint(), LOG.checkpoint());
        assert_eq!(accepted.cosigned().len(), genuine.cosigned().len());
        assert!(accepted.cosigned().iter().all(|cosigned| genuine.cosigned().contains(cosigned)));
    }
}

fn policy(data: &[u8]) {
    let Ok(policy) = Policy::parse(data) else { return };
    let plain = policy.encode();
    assert_eq!(Policy::parse(&plain).expect("its plain form"), policy);
    assert_eq!(policy.needs_witnesses(), !policy.is_met_by(&[]));
    assert!(policy.is_met_by(&policy.witnesses().cloned().collect::<Vec<_>>()));
}

fn one_spelling<T, E>(read: Result<T, E>, write: impl Fn(&T) -> String, text: &str) {
    if let Ok(value) = read {
        assert_eq!(write(&value), text);
    }
}
