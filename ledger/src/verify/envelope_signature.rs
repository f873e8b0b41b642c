//! Link 5: every signature of the envelope holds under the key of its id.
//!
//! A key's id is the hash of the key, so a key may come from anywhere in the bundle; whether it counted at the record's
//! index is the next link's business.

use std::cell::Cell;

use super::history::Candidates;
use crate::bundle::Link;
use crate::error::{Code, Error, Result};
use crate::ids::KeyId;
use crate::record::dsse::Envelope;
use crate::record::key::PublicKey;

/// An envelope whose signatures all hold.
pub(super) struct VerifiedEnvelope {
    pub(super) signers: Vec<KeyId>,
}

pub(super) enum Checked {
    Verified(VerifiedEnvelope, String),
    /// The bundle does not hold the key of a signature.
    KeyMissing(KeyId),
}

pub(super) fn check(link: &Link, candidates: &Candidates) -> Result<Checked> {
    // What is wrong with the form is not repeated: it may be words of somebody whose signature was never checked.
    let envelope = Envelope::parse(&link.envelope).map_err(|error| Error::new(error.code(), "not a DSSE envelope"))?;
    let missing = Cell::new(None);
    let known = |id: &KeyId| -> Option<PublicKey> {
        let key = candidates.key(id);
        if key.is_none() {
            missing.set(Some(*id));
        }
        key.cloned()
    };
    match (envelope.verify(&known), missing.get()) {
        (Ok(signers), _) => {
            let algorithms: Vec<_> =
                signers.iter().filter_map(|id| candidates.key(id)).map(|key| key.algorithm().as_str()).collect();
            Ok(Checked::Verified(VerifiedEnvelope { signers }, algorithms.join(", ")))
        }
        (Err(error), Some(key)) if error.code() == Code::SignerUnknown => Ok(Checked::KeyMissing(key)),
        (Err(error), _) => Err(error),
    }
}
