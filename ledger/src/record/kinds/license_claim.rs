//! `license-claim`: under which licence something is, and who says so. Claims that disagree stand side by side.
//!
//! ```text
//! {"issuer":{"id":"example-ai"},"issued":"2026-03-01T12:00:00Z",
//!  "licenseDeclared":"apache-2.0","licenseConcluded":"Apache-2.0","acknowledgement":"declared",
//!  "claimantRole":"publisher","scope":{"of":"weights","part":"tokenizer.json"},
//!  "attribution":{"creator":"…","copyrightNotice":"…","licenseUri":"…","sourceUri":"…","modified":true},
//!  "basis":"license member of README.md"}
//! ```
//!
//! Subject: the artefact, or the card's record, `record:<id>`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::schema_error;
use crate::error::Result;
use crate::record::terms::Claimed;

/// Whether the licence was read or worked out (CycloneDX 1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Acknowledgement {
    /// The authors say so.
    Declared,
    /// The issuer came to this conclusion.
    Concluded,
}

/// What is licensed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Licensed {
    /// Data.
    Data,
    /// Weights of a model.
    Weights,
    /// Code.
    Code,
    /// What a model puts out.
    Output,
}

/// What of the subject is licensed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LicenseScope {
    /// What is licensed.
    pub of: Licensed,
    /// Which part of it, if not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// What the licence asks to be named.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attribution {
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creator: Option<String>,
    /// The copyright notice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copyright_notice: Option<String>,
    /// The licence's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license_uri: Option<String>,
    /// The address that it was taken from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_uri: Option<String>,
    /// Whether it was changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified: Option<bool>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The predicate of a `license-claim` record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LicenseClaim {
    /// The licence, verbatim as it was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license_declared: Option<Claimed<String>>,
    /// The licence as an SPDX expression; lint says where it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license_concluded: Option<Claimed<String>>,
    /// Whether it was read or worked out.
    pub acknowledgement: Acknowledgement,
    /// As what the issuer speaks: `publisher`, `rightsholder`, `packager`, `auditor`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claimant_role: Option<String>,
    /// What of the subject is licensed.
    pub scope: LicenseScope,
    /// What the licence asks to be named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribution: Option<Attribution>,
    /// Where the claim was found, or what it rests on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basis: Option<String>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl LicenseClaim {
    pub(super) fn check(&self) -> Result<()> {
        match (&self.license_declared, &self.license_concluded) {
            (None, None) => {
                Err(schema_error("", "expected licenseDeclared or licenseConcluded, if only \"noAssertion\""))
            }
            _ => Ok(()),
        }
    }
}
