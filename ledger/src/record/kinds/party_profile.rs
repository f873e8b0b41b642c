//! `party-profile`: who a party is. What it says about people can be redacted; the `party` record stays.
//!
//! ```text
//! {"issuer":{"id":"example-ai","name":"Example AI"},"issued":"2026-03-01T12:00:00Z",
//!  "name":"Example AI gGmbH","contact":"provenance@example.org",
//!  "externalIdentifier":[{"externalIdentifierType":"lei","identifier":"5299000EXAMPLE000012"}]}
//! ```
//!
//! Subject: the `party` record, `record:<id>`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An identifier that another registry gave (SPDX 3.0 `ExternalIdentifier`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExternalIdentifier {
    /// Which registry: `lei`, `orcid`, `ror`, `wikidata`, `urlScheme`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_identifier_type: Option<String>,
    /// The identifier.
    pub identifier: String,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The predicate of a `party-profile` record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartyProfile {
    /// What the party is called.
    pub name: String,
    /// Where to write to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// What other registries call it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub external_identifier: Vec<ExternalIdentifier>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}
