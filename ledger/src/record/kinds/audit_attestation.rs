//! `audit-attestation`: what an auditor examined and what came of it.
//!
//! Members are those of the in-toto summary verification result (SVR) and of CycloneDX declarations; decimals such as scores
//! are texts.
//!
//! ```text
//! {"issuer":{"id":"example-audit"},"issued":"2026-03-01T12:00:00Z",
//!  "verifier":{"id":"https://audit.example.org","policies":[]},"timeCreated":"2026-03-01T11:00:00Z",
//!  "target":["record:<64 hex>"],"verdict":"conformant","properties":["sources-complete"],
//!  "method":"…","scope":"…","assuranceLevel":"limited",
//!  "conformance":{"score":"0.9","rationale":"…"},"confidence":{"score":"0.8","rationale":"…"},
//!  "claims":[…],"counterClaims":[…]}
//! ```
//!
//! Subject: each target, `record:<id>`, or the artefact that was examined.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::schema_error;
use crate::error::Result;
use crate::record::descriptor::ResourceDescriptor;
use crate::record::terms::{RecordRef, Timestamp};

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// What was claimed holds.
    Conformant,
    /// Some of it does.
    Partial,
    /// It does not.
    NonConformant,
    /// The auditor takes an earlier verdict back.
    Withdrawn,
}

/// Who examined, by which policies (in-toto SVR).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verifier {
    /// The verifier's identifier.
    pub id: String,
    /// The policies that were applied.
    #[serde(default)]
    pub policies: Vec<ResourceDescriptor>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// How far, and why (CycloneDX `conformance` and `confidence`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Assessment {
    /// From `"0"` to `"1"`, as a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rationale: Option<String>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The predicate of an `audit-attestation` record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditAttestation {
    /// Who examined.
    pub verifier: Verifier,
    /// When.
    pub time_created: Timestamp,
    /// The records that were examined; at least one.
    pub target: Vec<RecordRef>,
    /// What came of it.
    pub verdict: Verdict,
    /// What was found to hold, each a word of the policies.
    #[serde(default)]
    pub properties: Vec<String>,
    /// How it was examined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// What was examined and what was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// How far the reader may rely on it: `limited`, `reasonable`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assurance_level: Option<String>,
    /// How far the requirements are met.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conformance: Option<Assessment>,
    /// How sure the auditor is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Assessment>,
    /// What speaks for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<Value>,
    /// What speaks against it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counter_claims: Vec<Value>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl AuditAttestation {
    pub(super) fn check(&self) -> Result<()> {
        match self.target.is_empty() {
            true => Err(schema_error("/target", "expected at least one record")),
            false => Ok(()),
        }
    }
}
