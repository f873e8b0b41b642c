//! A licence that was found in a document, as the predicate of a `license-claim`.
//!
//! ```text
//! {"licenseDeclared":"apache-2.0","licenseConcluded":"Apache-2.0","acknowledgement":"declared","claimantRole":"publisher",
//!  "scope":{"of":"weights"},"basis":"license of README.md","evidence":[{"name":"README.md","digest":{"sha256":"…"}}]}
//! ```

use serde_json::{Map, Value, json};

use super::Imported;
use super::fit::Members;
use crate::record::kind::Kind;
use crate::record::kinds::Licensed;
use crate::record::license::Conclusion;
use crate::record::statement::Subject;

/// What a document says about a licence.
pub(super) struct Found {
    /// Verbatim; `noAssertion` where it names none.
    pub(super) declared: String,
    /// What that says in SPDX.
    pub(super) conclusion: Conclusion,
    /// As what the document speaks.
    pub(super) claimant_role: &'static str,
    /// Where it was found.
    pub(super) basis: String,
    /// The licence's address, if the document gives one.
    pub(super) license_uri: Option<String>,
    /// Where the document is from.
    pub(super) source_uri: Option<String>,
    /// The document, as a ResourceDescriptor.
    pub(super) document: Value,
}

pub(super) fn claim(found: Found, of: Licensed, subjects: Vec<Subject>) -> Imported {
    let mut attribution = Map::new();
    for (name, value) in [("licenseUri", found.license_uri), ("sourceUri", found.source_uri)] {
        if let Some(value) = value {
            attribution.insert(name.to_owned(), Value::String(value));
        }
    }
    let mut members = Members::new();
    members.add("licenseDeclared", found.declared);
    members.add("licenseConcluded", found.conclusion.as_str());
    members.add("acknowledgement", "declared");
    members.add("claimantRole", found.claimant_role);
    members.add("scope", json!({ "of": of }));
    members.add("basis", found.basis);
    members.add("evidence", json!([found.document]));
    if !attribution.is_empty() {
        members.add("attribution", attribution);
    }
    Imported { kind: Kind::LicenseClaim, subjects, predicate: members.finish() }
}
