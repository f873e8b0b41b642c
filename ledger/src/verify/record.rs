//! Link 7: the entry is the entry of this envelope, and the envelope holds a record.

use super::inclusion::IncludedEntry;
use super::report::{Passed, Warning};
use super::signer_key::{Standings, VerifiedSigner};
use crate::entry::{Entry, Header};
use crate::error::{Code, Error, Result};
use crate::ids::{LeafIndex, UnixMillis};
use crate::merkle::LeafHash;
use crate::note::AcceptedCheckpoint;
use crate::record::Record;
use crate::record::terms::moment;

/// How much later than a cosignature that covers it an entry may say that it was received: the clocks of a log and of its
/// witnesses are never more than this apart (DESIGN §5).
const CLOCK_SLACK_MILLIS: u64 = 5 * 60 * 1000;

/// A leaf, its header read, that belongs to a record.
pub(super) struct BoundEntry {
    pub(super) index: LeafIndex,
    pub(super) leaf: LeafHash,
    pub(super) header: Header,
}

/// A record that a pinned log holds, signed by keys that were in force. Made by [`verify`](super::verify) alone.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedRecord {
    record: Record,
    header: Header,
    index: LeafIndex,
    leaf: LeafHash,
    checkpoint: AcceptedCheckpoint,
    signers: Vec<VerifiedSigner>,
}

impl VerifiedRecord {
    /// What was signed.
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// What the log says about it; `received` is the log's own claim.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Where it stands.
    pub const fn index(&self) -> LeafIndex {
        self.index
    }

    /// The hash of its entry.
    pub const fn leaf(&self) -> LeafHash {
        self.leaf
    }

    /// The checkpoint that covers it, with the witnesses that saw it.
    pub const fn checkpoint(&self) -> &AcceptedCheckpoint {
        &self.checkpoint
    }

    /// The keys that signed, with their standing at the index.
    pub fn signers(&self) -> &[VerifiedSigner] {
        &self.signers
    }

    /// What does not break the proof and should be known.
    pub(super) fn warnings(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        for signer in self.signers.iter().filter(|signer| signer.is_disputed()) {
            let by = signer.revoked().map(|revocation| format!(" by entry {}", revocation.index)).unwrap_or_default();
            let detail =
                format!("key {} was revoked{by} for compromise from this entry or an earlier one", signer.key());
            warnings.push(Warning { code: Code::DisputedKey, detail });
        }
        let oldest = self.checkpoint.cosigned().iter().map(|(_, time)| time.to_millis()).min();
        if let Some(UnixMillis(oldest)) = oldest
            && self.header.received.0 > oldest.saturating_add(CLOCK_SLACK_MILLIS)
        {
            let detail = format!("received {}, cosigned {}", moment(self.header.received), moment(UnixMillis(oldest)));
            warnings.push(Warning { code: Code::TimeDoubtful, detail });
        }
        warnings
    }
}

/// Holds an entry against a record: it names this body, and says of it what follows from it.
pub(super) fn bind(included: &IncludedEntry, record: &Record) -> Result<BoundEntry> {
    let Entry { header, body } = Entry::decode(&included.bytes)?;
    if body != record.body {
        return Err(Error::new(Code::BindingMismatch, "the entry names another body than the envelope"));
    }
    if Header::derive(record, header.received) != header {
        return Err(Error::new(Code::BindingMismatch, "the entry's header does not follow from the record"));
    }
    Ok(BoundEntry { index: included.index, leaf: included.leaf, header })
}

pub(super) fn check(included: IncludedEntry, standings: Standings) -> Result<Passed<VerifiedRecord>> {
    let Standings { signers, record } = standings;
    let record = record?;
    let BoundEntry { index, leaf, header } = bind(&included, &record)?;
    let detail = format!("{} by {}, record {}", record.kind, record.issuer(), record.id);
    let verified = VerifiedRecord { record, header, index, leaf, checkpoint: included.checkpoint, signers };
    Ok(Passed::new(verified, detail))
}
