//! Link 3: enough of the pinned witnesses cosigned the checkpoint.

use super::Trust;
use super::log_signature::SignedCheckpoint;
use super::report::Passed;
use crate::error::Result;
use crate::note::AcceptedCheckpoint;

pub(super) fn check(checkpoint: SignedCheckpoint, trust: &Trust) -> Result<Passed<AcceptedCheckpoint>> {
    let accepted = trust.policy.check_witnesses(&checkpoint.note, checkpoint.signed)?;
    let (found, listed) = (accepted.cosigned().len(), trust.policy.witnesses().count());
    if found == 0 {
        return Ok(Passed::not_given(accepted, "the policy asks for none"));
    }
    let newest = accepted.newest().map(|time| format!(", the newest at Unix time {time}")).unwrap_or_default();
    Ok(Passed::new(accepted, format!("{found} of {listed} cosigned{newest}")))
}
