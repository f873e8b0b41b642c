//! Link 3: enough of the pinned witnesses cosigned the checkpoint.

use super::Trust;
use super::log_signature::SignedCheckpoint;
use super::report::Passed;
use crate::error::Result;
use crate::note::{AcceptedCheckpoint, UnixSeconds};
use crate::record::terms::Timestamp;

pub(super) fn check(checkpoint: SignedCheckpoint, trust: &Trust) -> Result<Passed<AcceptedCheckpoint>> {
    let accepted = trust.policy.check_witnesses(&checkpoint.note, checkpoint.signed)?;
    let (found, listed) = (accepted.cosigned().len(), trust.policy.witnesses().count());
    if found == 0 {
        return Ok(Passed::not_given(accepted, "the policy asks for none"));
    }
    let newest = accepted.newest().map(|at| format!(", the newest at {}", dated(at))).unwrap_or_default();
    Ok(Passed::new(accepted, format!("{found} of {listed} cosigned{newest}")))
}

/// A moment as records write it; a cosignature may name one beyond what they can.
fn dated(at: UnixSeconds) -> String {
    Timestamp::from_millis(at.to_millis()).map_or_else(|| format!("Unix time {at}"), |at| at.as_str().to_owned())
}
