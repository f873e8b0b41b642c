//! The members that every predicate has, whatever its kind.
//!
//! ```text
//! "issuer":     {"id":"example-ai","name":"Example AI"}       who speaks; `name` not in structural kinds
//! "issued":     "2026-03-01T12:00:00Z"                        when, says the issuer
//! "validFrom", "validUntil":                                  optional, the same form
//! "supersedes", "corrects", "revokes": ["record:<64 hex>"]    optional, earlier records
//! "evidence":   [{"name":…,"uri":…,"digest":{"sha256":…}}]    optional, in-toto ResourceDescriptors; not in structural kinds
//! "nonce":      "<16 to 64 random bytes, base64>"             where the content could be guessed or concerns a person
//! "publicKey":  "<base64 of the DER>"                         only, and always, where issuer.id is key:<keyid>
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::descriptor::ResourceDescriptor;
use super::terms::{Nonce, PartyId, RecordRef, Timestamp};

/// Who speaks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Issuer {
    /// The id of the party, or `key:<keyid>` of a signer that no party owns.
    pub id: PartyId,
    /// What the party calls itself; believed by nobody. Not in structural kinds, which are never redacted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The members that every predicate has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Common {
    /// Who speaks.
    pub issuer: Issuer,
    /// When, says the issuer. The order of the log is by index, never by this.
    pub issued: Timestamp,
    /// From when the statement holds, if not from `issued`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Timestamp>,
    /// Until when it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
    /// Earlier records that this one takes the place of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub supersedes: Vec<RecordRef>,
    /// Earlier records that this one corrects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub corrects: Vec<RecordRef>,
    /// Earlier records that this one takes back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revokes: Vec<RecordRef>,
    /// What the statement rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<ResourceDescriptor>,
    /// Random bytes, so that the record's content cannot be guessed from its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<Nonce>,
}

/// The names of the members of [`Common`], each of which no kind uses for anything else.
pub const COMMON_MEMBERS: [&str; 9] =
    ["issuer", "issued", "validFrom", "validUntil", "supersedes", "corrects", "revokes", "evidence", "nonce"];

impl Common {
    /// Only the members that must be there.
    pub fn new(issuer: PartyId, issued: Timestamp) -> Self {
        Self {
            issuer: Issuer { id: issuer, name: None, other: Map::new() },
            issued,
            valid_from: None,
            valid_until: None,
            supersedes: Vec::new(),
            corrects: Vec::new(),
            revokes: Vec::new(),
            evidence: Vec::new(),
            nonce: None,
        }
    }

    /// The same with the issuer's name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.issuer.name = Some(name.into());
        self
    }
}
