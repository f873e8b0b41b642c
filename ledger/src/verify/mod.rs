//! Verification: from a bundle and a pinned policy to a verdict, link by link.
//!
//! Pure, offline, and in one order. Every link takes what the one before it proved and hands on a value that nothing else
//! can make, so that a link cannot be skipped:
//!
//! | link | says | in |
//! |---|---|---|
//! | bundle | the file is a bundle | [`crate::bundle`] |
//! | log signature | a pinned log signed the checkpoint | `log_signature` |
//! | witnesses | enough of the pinned witnesses saw it | `witnesses` |
//! | inclusion | the entry stands in that tree at its index | `inclusion` |
//! | envelope signature | every signature of the envelope holds | `envelope_signature` |
//! | signer's key | the signers were in force at that index, and might say this | `signer_key` |
//! | record | the entry is the entry of this envelope, and the envelope holds a record | `record` |
//! | artifact | the files at hand are the record's subjects | `artifact` |
//!
//! After the first link that fails none is checked, and nothing that the signer wrote is in the report unless his
//! signature holds. Trust comes from the caller alone: a bundle carries none. What this does not do: read files, fetch
//! anything, know the time, or remember; the newest checkpoint that was ever seen is the caller's to keep, see [`Seen`].
//!
//! Lists of entries, and that nothing is left out of them, are in [`look_up`].
//!
//! Start reading at [`verify`].

mod artifact;
mod envelope_signature;
mod history;
mod inclusion;
mod key_lookup;
mod log_signature;
mod lookup;
mod record;
mod report;
mod seen;
mod signer_key;
mod witnesses;

#[cfg(test)]
mod tests;

pub use artifact::{Artifact, FileDigest};
pub use lookup::{CompleteList, VerifiedList, look_up};
pub use record::VerifiedRecord;
pub use report::{LinkName, LinkReport, Report, Status, Verdict, Warning};
pub use seen::{Seen, check_advance};
pub use signer_key::VerifiedSigner;

use self::envelope_signature::Checked;
use self::history::Candidates;
use self::report::{Lines, Stopped};
use crate::bundle::Bundle;
use crate::error::{Code, Error};
use crate::merkle::LeafHash;
use crate::note::Policy;

/// What the verifier believes before he reads anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// Which logs, and whose cosignatures it takes.
    pub policy: Policy,
    /// The leaf hash of entry 0, where it is pinned: it fixes the log's operators and rules.
    pub genesis: Option<LeafHash>,
    /// The newest checkpoint of the log that this verifier ever accepted.
    pub seen: Option<Seen>,
}

impl Trust {
    /// Trust in a policy, with nothing else pinned.
    pub const fn new(policy: Policy) -> Self {
        Self { policy, genesis: None, seen: None }
    }
}

/// Reads a bundle and verifies it.
pub fn verify_bytes(bytes: &[u8], trust: &Trust, artifacts: &[Artifact]) -> Report {
    match Bundle::parse(bytes) {
        Ok(bundle) => verify(&bundle, trust, artifacts),
        Err(error) => {
            let mut lines = Lines::new();
            lines.failed(LinkName::Bundle, &error);
            lines.finish(None)
        }
    }
}

/// Verifies a bundle, and that the artifacts, if any are given, are what its record speaks of.
pub fn verify(bundle: &Bundle, trust: &Trust, artifacts: &[Artifact]) -> Report {
    let mut lines = Lines::new();
    lines.passed(LinkName::Bundle, format!("format 1, key history of {}", bundle.key_history.len()));
    let verified = walk(bundle, trust, artifacts, &mut lines);
    lines.finish(verified.ok())
}

/// The links, in order.
fn walk(bundle: &Bundle, trust: &Trust, artifacts: &[Artifact], lines: &mut Lines) -> Result<VerifiedRecord, Stopped> {
    let proof = &bundle.record.proof;
    let signed = lines.take(LinkName::LogSignature, log_signature::check(&proof.checkpoint, trust))?;
    let accepted = lines.take(LinkName::Witnesses, witnesses::check(signed, trust))?;
    let included = lines.take(LinkName::Inclusion, inclusion::check(&bundle.record, accepted))?;

    let candidates = Candidates::read(bundle);
    let envelope = match envelope_signature::check(&bundle.record, &candidates) {
        Ok(Checked::Verified(envelope, passed)) => {
            lines.passed(LinkName::EnvelopeSignature, passed);
            envelope
        }
        Ok(Checked::KeyMissing(key)) => {
            // Without the key there is nothing to check the signature with. What is broken is the key's history.
            lines.not_checked(LinkName::EnvelopeSignature, format!("the bundle does not hold key {key}"));
            let error = match history::check(bundle, &candidates, &included, trust) {
                Ok(_) => Error::new(Code::SignerUnknown, format!("key {key} is not in the key history")),
                Err(error) => error,
            };
            return Err(lines.failed(LinkName::SignerKey, &error));
        }
        Err(error) => return Err(lines.failed(LinkName::EnvelopeSignature, &error)),
    };

    let standings =
        lines.take(LinkName::SignerKey, signer_key::check(bundle, candidates, &envelope, &included, trust))?;
    let verified = lines.take(LinkName::Record, record::check(included, standings))?;
    for warning in verified.warnings() {
        lines.warn(warning);
    }
    lines.take(LinkName::Artifact, artifact::check(&verified, artifacts))?;
    Ok(verified)
}
