//! The door: everything about a submission that can be decided before it has an index.
//!
//! Limits, strict JSON, the statement's form and every signature are checked here, by as many threads as submit.
//! Whether the signer may say this is decided here too, so that most refusals are quick, and once more in the
//! sequencer, where the answer counts.

use bytes::Bytes;
use serde_json::Value;

use crate::entry::Header;
use crate::error::{Code, Result};
use crate::ids::{BodyDigest, KeyId, LeafIndex, RecordId, UnixMillis};
use crate::record::Record;
use crate::record::kind::Kind;
use crate::record::lint::{Finding, lint};
use crate::state::State;

/// A submission whose bytes, form and signatures are sound. There is no other way to the sequencer.
#[derive(Debug)]
pub struct Validated {
    pub(super) body: Bytes,
    /// Without the text that it was read from.
    pub(super) record: Record,
    /// Received at no time yet.
    pub(super) header: Header,
    warnings: Vec<Finding>,
}

impl Validated {
    /// Checks an envelope against the state of the log.
    ///
    /// The cost is a JSON parse and about 55 µs a signature. `may_be_known` is asked only about what would be refused.
    pub(super) fn check(
        body: Bytes,
        state: &State,
        next: LeafIndex,
        now: UnixMillis,
        may_be_known: impl FnOnce(&Header) -> Result<bool>,
    ) -> Result<Self> {
        let mut record = Record::parse(&body)?;
        state.verify_signatures(&record)?;
        let admitted = state.admit(&record, next, now);
        let header = Header::derive(&record, UnixMillis(0));
        // What the log has already is answered with its entry, though it would not be let in again: a step that was taken,
        // a key that was revoked since. Whoever lost the answer asks once more.
        if let Err(error) = admitted
            && (error.code() == Code::Redacted || !may_be_known(&header)?)
        {
            return Err(error);
        }
        // Thousands wait in line at a time, and the sequencer decides by what was understood: the text and its tree go
        // here, where they were made, and the memory serves the next submission.
        record.envelope.payload = Vec::new();
        let predicate = Value::Object(std::mem::take(&mut record.statement.predicate));
        let warnings = lint(&record.kind, &predicate);
        Ok(Self { body, record, header, warnings })
    }

    /// The envelope exactly as it was sent.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// What kind of record it is.
    pub fn kind(&self) -> &Kind {
        &self.record.kind
    }

    /// The record's id.
    pub fn id(&self) -> RecordId {
        self.record.id
    }

    /// The body's digest.
    pub fn body_digest(&self) -> BodyDigest {
        self.record.body
    }

    /// The keys that signed, sorted.
    pub fn signers(&self) -> &[KeyId] {
        &self.header.signers
    }

    /// Adds what only the log can see.
    pub(super) fn warn(&mut self, finding: Finding) {
        self.warnings.push(finding);
    }

    /// Takes what lint has to say, for whoever submitted. Warnings never block.
    pub fn take_warnings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.warnings)
    }
}
