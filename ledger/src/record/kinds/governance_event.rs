//! `governance-event`: a step in an agreement's life. Never redacted, so what it says are words from a list and digests.
//!
//! Ratification and veto need the threshold of the council, in one envelope; so do suspension and its end. Where the council
//! speaks, `issuer.id` is `council`. Which step may follow which, and when, is decided by [`state`](crate::state).
//!
//! ```text
//! {"issuer":{"id":"council"},"issued":"2026-03-17T12:00:00Z",
//!  "agreement":"record:<64 hex>","phase":"ratified","decision":"<64 hex>","tally":{"for":3,"against":1,"abstained":1}}
//! ```
//!
//! Subject: the agreement, `record:<id>`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check_subjects;
use crate::error::Result;
use crate::ids::SubjectDigest;
use crate::record::schema::Sha256Hex;
use crate::record::statement::{Statement, Subject};
use crate::record::terms::RecordRef;

/// The id under which the council speaks; no party can be registered under it.
pub const COUNCIL: &str = "council";

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// It was put forward. Registering the agreement proposes it; this says so again.
    Proposed,
    /// The public may comment from now on.
    CommentOpen,
    /// The time for comments is over.
    CommentClosed,
    /// The council agreed.
    Ratified,
    /// The council refused.
    Vetoed,
    /// It was looked at again, and stands.
    Reviewed,
    /// It is out of force until it is resumed.
    Suspended,
    /// A suspension is over.
    Resumed,
    /// It has ended.
    Terminated,
}

impl Phase {
    /// Whether the council's threshold must sign.
    pub const fn needs_council(self) -> bool {
        matches!(self, Self::Ratified | Self::Vetoed | Self::Suspended | Self::Resumed)
    }

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::CommentOpen => "commentOpen",
            Self::CommentClosed => "commentClosed",
            Self::Ratified => "ratified",
            Self::Vetoed => "vetoed",
            Self::Reviewed => "reviewed",
            Self::Suspended => "suspended",
            Self::Resumed => "resumed",
            Self::Terminated => "terminated",
        }
    }
}

/// How the vote went, says the record; what counts are the signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tally {
    /// Votes for it.
    #[serde(rename = "for")]
    pub in_favour: u32,
    /// Votes against it.
    pub against: u32,
    /// Votes for neither.
    #[serde(default)]
    pub abstained: u32,
}

/// The predicate of a `governance-event` record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GovernanceEvent {
    /// Of which agreement.
    pub agreement: RecordRef,
    /// What happened.
    pub phase: Phase,
    /// SHA-256 of the decision's text, wherever that is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Sha256Hex>")]
    pub decision: Option<SubjectDigest>,
    /// How the vote went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tally: Option<Tally>,
}

impl GovernanceEvent {
    pub(super) fn check(&self, statement: &Statement) -> Result<()> {
        check_subjects(statement, &[Subject::record(self.agreement.id())])
    }
}
