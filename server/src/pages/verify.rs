//! `/verify`: the report that the command line gives, from a bundle that somebody sends.
//!
//! The trust is this log's own: its newest policy, and entry 0. Which log a reader means, only the reader can say.

use ledger::Code;
use ledger::bundle::Bundle;
use ledger::ids::LeafIndex;
use ledger::merkle::LeafHash;
use ledger::note::Policy;
use ledger::verify::{Trust, verify_bytes};
use sha2::{Digest, Sha256};

use super::form::Form;
use super::read::Reading;
use super::view::parts::Hash;
use super::view::verify::{Cosigners, ReportView, VerifyPage};
use super::{Request, reply};
use crate::problem::{Answer, Problem};

pub(super) fn get(reading: &Reading<'_>, request: Request<'_>) -> Answer {
    Ok(reply::page(page(reading, None).to_string(), request.headers))
}

pub(super) fn post(reading: &Reading<'_>, form: &Form) -> Answer {
    let sent = form.bytes("bundle").or_else(|| form.bytes("pasted"));
    let bytes = sent.ok_or_else(|| Problem::bad_request("bundle", "choose a file, or paste its text"))?;
    let entry = reading.entry(LeafIndex(0))?;
    let entry = entry.ok_or_else(|| Problem::new(Code::NotFound, "the log has no entry yet"))?;
    let mut trust = Trust::new(reading.policy()?);
    trust.genesis = Some(LeafHash::of_entry(&entry.bytes));
    let report = verify_bytes(bytes, &trust, &[]);
    let input = Hash::new(ledger::ids::to_hex(&Sha256::digest(bytes)));
    let report = ReportView::new(&report, cosigners(&trust.policy, bytes), input);
    Ok(reply::answer(page(reading, Some(report)).to_string()))
}

/// Who cosigned the checkpoint of a bundle; where it is not accepted, whom the policy asks for.
fn cosigners(policy: &Policy, bundle: &[u8]) -> Cosigners {
    let clocks: Vec<String> = policy.logs().iter().map(|log| format!("{}/clock", log.key().name())).collect();
    let accepted = Bundle::parse(bundle).and_then(|bundle| policy.check(&bundle.record.proof.checkpoint));
    let names: Vec<String> = match accepted {
        Ok(accepted) => accepted.cosigned().iter().map(|(name, _)| name.to_string()).collect(),
        Err(_) => policy.witnesses().map(|key| key.name().to_string()).collect(),
    };
    match names {
        names if names.is_empty() => Cosigners::Nobody,
        names if names.iter().all(|name| clocks.contains(name)) => Cosigners::OwnClock,
        _ => Cosigners::Witnesses,
    }
}

fn page(reading: &Reading<'_>, report: Option<ReportView>) -> VerifyPage {
    let mut shell = reading.shell("verify");
    shell.title = "Verify".to_owned();
    VerifyPage { shell, site: reading.site.clone(), report }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use ledger::note::{Cosigner, KeyName, NoteSigner, SignedNote, UnixSeconds};
    use ledger::testing as cast;

    use super::*;
    use crate::testing::TestServer;

    #[test]
    fn the_logs_own_clock_is_no_independent_witness() {
        let server = TestServer::start();
        let bundle = server.app.log.bundle(&server.app.view().unwrap(), LeafIndex(1)).unwrap();
        let with = |note: Vec<u8>| {
            let mut bundle = bundle.clone();
            bundle.record.proof.checkpoint = note;
            bundle.encode().unwrap()
        };
        let own = with(bundle.record.proof.checkpoint.clone());
        assert_eq!(cosigners(&cast::policy(), &own), Cosigners::OwnClock);

        let witness = Cosigner::from_seed(KeyName::parse("witness.example.net/1").unwrap(), [9; 32]).unwrap();
        let (log, clock): (NoteSigner, Cosigner) = (cast::log_signer(), cast::clock_signer());
        let (log, clock, other) = (log.verifier_key(), clock.verifier_key(), witness.verifier_key());
        let both =
            format!("log {log}\nwitness clock {clock}\nwitness other {other}\ngroup g any clock other\nquorum g\n");
        let both = Policy::parse(both.as_bytes()).unwrap();
        assert_eq!(cosigners(&both, &own), Cosigners::OwnClock, "the other one may cosign, and did not");
        let note = SignedNote::parse(&bundle.record.proof.checkpoint).unwrap();
        let signature = witness.cosign(note.unverified_text(), UnixSeconds::new(1_772_366_400).unwrap());
        let seen = with(note.with_signature(signature).unwrap().encode());
        assert_eq!(cosigners(&both, &seen), Cosigners::Witnesses);

        let nobody = Policy::of_log(log, &[]).unwrap();
        assert_eq!(cosigners(&nobody, &own), Cosigners::Nobody);
        assert_eq!(cosigners(&both, b"no bundle"), Cosigners::Witnesses, "what the policy names");
        assert_eq!(cosigners(&cast::policy(), b"no bundle"), Cosigners::OwnClock);
    }
}
