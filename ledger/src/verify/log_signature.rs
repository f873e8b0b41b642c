//! Link 2: a pinned log signed the checkpoint, and it is no other tree than one that was seen before.

use super::report::Passed;
use super::{Seen, Trust};
use crate::error::Result;
use crate::note::SignedNote;
use crate::note::policy::LogSigned;

/// A checkpoint that a pinned log signed, with its note for the witnesses' lines.
pub(super) struct SignedCheckpoint {
    pub(super) note: SignedNote,
    pub(super) signed: LogSigned,
}

pub(super) fn check(note: &[u8], trust: &Trust) -> Result<Passed<SignedCheckpoint>> {
    let note = SignedNote::parse(note)?;
    let signed = trust.policy.check_log(&note)?;
    let checkpoint = signed.checkpoint();
    if let Some(seen) = &trust.seen {
        seen.agrees_with(&Seen::of(checkpoint))?;
    }
    let detail = format!("{}, checkpoint {}", checkpoint.origin(), checkpoint.size());
    Ok(Passed::new(SignedCheckpoint { note, signed }, detail))
}
