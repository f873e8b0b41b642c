//! Bundles: whatever is done to one, it is refused or it says what the log says.
//!
//! Bytes that begin as an object does are read as they are. Any others are changes to a genuine bundle, below its base64,
//! with parts of other entries, of an older checkpoint, and of another log that calls itself the same.

#![no_main]

use std::sync::LazyLock;

use colophon_fuzz::{edit, rearrange, seeds};
use ledger::bundle::{Bundle, KeyLookup, Link};
use ledger::entry::Entry;
use ledger::ids::LeafIndex;
use ledger::merkle::Proof;
use ledger::note::Checkpoint;
use ledger::record::Record;
use ledger::record::key::PrivateKey;
use ledger::testing::{MemoryLog, ORIGIN, key, model_card};
use ledger::verify::{Report, Trust, Verdict, VerifiedRecord, verify, verify_bytes};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;

/// What stands in the logs. Entries from the sixth on are ones that no log should hold, and none may verify.
const HONEST: u64 = 5;

struct Stage {
    trust: Trust,
    /// The bundle of each entry.
    bundles: Vec<Bundle>,
    /// What each says, if it may.
    says: Vec<Option<VerifiedRecord>>,
    /// Every link that there is to steal from.
    links: Vec<Link>,
    checkpoints: [Checkpoint; 2],
}

static STAGE: LazyLock<Stage> = LazyLock::new(|| {
    let mut log = MemoryLog::new();
    let older = fill(&mut log);
    let mut other = MemoryLog::with(ORIGIN, 40);
    fill(&mut other);

    let trust = Trust::new(log.policy());
    let indices: Vec<_> = (0..log.size().0).map(LeafIndex).collect();
    let history = |index: &LeafIndex| [1, 2].map(LeafIndex).into_iter().filter(|n| n < index).collect::<Vec<_>>();
    let bundles: Vec<_> = indices.iter().map(|index| log.bundle(*index, &history(index))).collect();
    let says: Vec<_> = bundles.iter().map(|bundle| verify(bundle, &trust, &[]).verified).collect();
    for (index, said) in (0..).zip(&says) {
        assert_eq!(
            said.is_some(),
            index < HONEST,
            "entry {index}: {:?}",
            verify(&bundles[index as usize], &trust, &[])
        );
    }
    let old = trust.policy.check(&older[0].proof.checkpoint).expect("its own note").checkpoint().clone();
    let now = indices.iter().map(|index| log.link(*index));
    let links = now.chain(older).chain(indices.iter().map(|index| other.link(*index))).collect();
    Stage { checkpoints: [old, log.checkpoint()], trust, bundles, says, links }
});

/// Fills a log, and returns the links as they stood when it had four entries.
fn fill(log: &mut MemoryLog) -> Vec<Link> {
    let (lab, spare, auditor) = (key("example-ai"), PrivateKey::from_ed25519_seed([9; 32]), key("example-audit"));
    log.register("example-ai", &["partner"], &[&lab, &spare]);
    log.register("example-audit", &["auditor"], &[&auditor]);
    log.append(model_card("example-ai", 1));
    let older = (0..4).map(|index| log.link(LeafIndex(index))).collect();
    log.append(model_card("example-ai", 2));
    // No auditor publishes cards, nobody knows a stranger, and what an entry says follows from its body.
    log.append(model_card("example-audit", 3));
    log.append(model_card("stranger", 4));
    let [named, held] = [5, 6].map(|n| Record::parse(&model_card("example-ai", n)).expect("a record"));
    let entry = Entry { body: held.body, ..Entry::of_record(&named, log.now()) };
    log.append_raw(entry.encode().expect("an entry"), model_card("example-ai", 6));
    older
}

fuzz_target!(init: seeds(genuine()), |data: &[u8]| {
    if data.starts_with(b"{") {
        judge(&verify_bytes(data, &STAGE.trust, &[]));
        round_trip(data);
    } else if let Ok(bundle) = forge(&mut Unstructured::new(data)) {
        judge(&verify(&bundle, &STAGE.trust, &[]));
    }
});

fn genuine() -> Vec<Vec<u8>> {
    let mut all: Vec<_> = STAGE.bundles.iter().map(|bundle| bundle.encode().expect("a bundle")).collect();
    all.extend((0..STAGE.bundles.len() as u8).map(|n| vec![n]));
    all
}

fn judge(report: &Report) {
    let Some(verified) = &report.verified else {
        assert_eq!(report.verdict, Verdict::Failed);
        assert_ne!(report.exit_code(false), 0);
        return;
    };
    let said = STAGE.says.get(verified.index().0 as usize).and_then(Option::as_ref).expect("an entry that may verify");
    assert_eq!(verified.record(), said.record());
    assert_eq!((verified.header(), verified.leaf()), (said.header(), said.leaf()));
    assert_eq!(verified.checkpoint().log(), said.checkpoint().log());
    assert!(STAGE.checkpoints.contains(verified.checkpoint().checkpoint()));
    assert_eq!(verified.checkpoint().cosigned().len(), 2);
    for (signer, genuine) in verified.signers().iter().zip(said.signers()) {
        assert_eq!((signer.key(), signer.owner()), (genuine.key(), genuine.owner()));
        assert_eq!(signer.registered(), genuine.registered());
    }
    assert_eq!(verified.signers().len(), said.signers().len());
}

fn round_trip(data: &[u8]) {
    let Ok(bundle) = Bundle::parse(data) else { return };
    let text = bundle.encode().expect("it was text");
    assert_eq!(Bundle::parse(&text).expect("its own text"), bundle);
    if let Some(Ok(lookup)) = bundle.key_lookup.as_ref().map(KeyLookup::read) {
        let value = lookup.to_value().expect("it was text");
        assert_eq!(KeyLookup::read(&value).expect("its own value"), lookup);
    }
}

/// A genuine bundle after the changes that the input says.
fn forge(input: &mut Unstructured<'_>) -> Result<Bundle> {
    let genuine = usize::from(input.arbitrary::<u8>()?) % STAGE.bundles.len();
    let mut bundle = STAGE.bundles[genuine].clone();
    while !input.is_empty() {
        let other = input.choose(&STAGE.links)?;
        let history = bundle.key_history.len();
        let link = match input.int_in_range(0..=5)? {
            n @ 4.. if n - 4 < history => &mut bundle.key_history[n - 4],
            3 => &mut bundle.policy,
            _ => &mut bundle.record,
        };
        match input.int_in_range(0..=9)? {
            0 => edit(&mut link.envelope, input)?,
            1 => edit(&mut link.entry, input)?,
            2 => edit(&mut link.proof.checkpoint, input)?,
            3 => link.proof.index = LeafIndex(input.arbitrary::<u8>()?.into()),
            4 => {
                let mut hashes = link.proof.proof.hashes().to_vec();
                let stolen = *input.choose(other.proof.proof.hashes())?;
                rearrange(&mut hashes, stolen, input)?;
                link.proof.proof = Proof::new(hashes).unwrap_or_default();
            }
            5 => *link = other.clone(),
            6 => link.envelope = other.envelope.clone(),
            7 => link.entry = other.entry.clone(),
            8 => link.proof = other.proof.clone(),
            _ => rearrange(&mut bundle.key_history, other.clone(), input)?,
        }
    }
    Ok(bundle)
}
