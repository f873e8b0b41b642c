//! Erasing the bodies of redacted records. DESIGN §6.
//!
//! ```text
//! commit the retraction → nobody is given the body any more → index it → erase every body under the target's id
//! → publish the checkpoint that covers it
//! ```
//!
//! Erasing writes a segment anew for each signature that the record stands under: that takes a second each, and on a full disk
//! for ever. Readers are refused the body all the while, and learn who had it erased once the retraction is published. A crash or
//! a full disk between commit and erasure leaves a committed redaction whose bytes are still there: every start, and every
//! resumption after a full disk, finishes those before it publishes anything. Erasing twice does nothing.
//!
//! Entries, tree and postings stay as they are. Bodies of structural kinds are never erased, so that a retraction of one
//! is refused: without them nobody could tell who may say what.

use std::sync::PoisonError;

use super::Shared;
use super::open::refused;
use crate::error::{Code, Error, Result};
use crate::ids::RecordId;
use crate::record::kind::Kind;
use crate::state::State;

impl Shared {
    /// Whether a committed retraction had the body of this record erased.
    pub(super) fn is_redacted(&self, record: &RecordId) -> bool {
        self.committed.read().unwrap_or_else(PoisonError::into_inner).1.redaction(record).is_some()
    }

    /// Erases every body under the id of a redacted record, those under further signatures too.
    ///
    /// # Errors
    /// `disk_full` where its segment cannot be written anew: the index waits for room, and the log publishes nothing.
    pub(super) fn erase(&self, record: &RecordId) -> Result<()> {
        for entry in self.entries_of(record) {
            self.engine.erase_body(self.places(entry?.index)?.body).map_err(refused)?;
        }
        Ok(())
    }

    /// Erases whatever a committed retraction names and a crash left.
    pub(super) fn finish_erasing(&self, state: &State) -> Result<()> {
        state.redactions().try_for_each(|(record, _)| self.erase(record))
    }
}

/// Whether a record of this kind may be redacted.
pub(super) fn erasable(kind: &str) -> Result<()> {
    match Kind::parse(kind) {
        Ok(kind) if kind.is_structural() => {
            let detail = format!("a record of kind {kind} holds the log together and is never redacted");
            Err(Error::new(Code::NotRedactable, detail).at("/predicate/redaction"))
        }
        _ => Ok(()),
    }
}
