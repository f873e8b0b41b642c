//! `usage-preference`: an opt-out or an opt-in. A statement by whoever declares it, and never that it is obeyed.
//!
//! The categories are those of the IETF's AIPREF vocabulary, whose version the record names; categories that this version
//! does not know are kept. A preference holds from `appliesFrom`, or from the entry that carries it if that is later: never
//! backwards. How statements combine is in [`aipref`](crate::record::aipref), whose statements count in [`state`](crate::state).
//!
//! ```text
//! {"issuer":{"id":"key:<64 hex>"},"publicKey":"…","issued":"2026-03-01T12:00:00Z","nonce":"…",
//!  "preferences":{"train-ai":"disallow","search":"allow"},"vocabulary":"draft-ietf-aipref-vocab-06",
//!  "scope":[{"kind":"mw-page","key":"<64 hex>"},{"kind":"url-c1","prefix":"example.org/blog/"}],
//!  "authority":"self","addressees":["example-ai"],"appliesFrom":"2026-03-01T12:00:00Z","raw":"train-ai=n, search=y"}
//! ```
//!
//! Subjects: each element of `scope`, named by its kind: the content key, or SHA-256 of the prefix. They stay in the body;
//! the entry does not show them. A nonce is required, because content keys can be guessed and the record's id stays for ever.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::{check_subjects, schema_error};
use crate::error::{Code, Error, Result};
use crate::ids::{ContentKey, SubjectDigest};
use crate::manifest::CanonicalUrl;
use crate::record::limits::MAX_SUBJECTS;
use crate::record::members::Common;
use crate::record::schema::Sha256Hex;
use crate::record::statement::{Statement, Subject};
use crate::record::terms::{PartyId, Timestamp};

/// The longest prefix. Arithmetic: the longest address that a browser's bar and most servers take, 2,048 bytes.
const MAX_PREFIX: usize = 2_048;

/// What is declared about one category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Allowance {
    /// The use is allowed (`y` in AIPREF).
    Allow,
    /// The use is disallowed (`n` in AIPREF).
    Disallow,
}

/// The categories of the AIPREF vocabulary.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Preferences {
    /// Training a model.
    #[serde(rename = "train-ai", skip_serializing_if = "Option::is_none")]
    pub train_ai: Option<Allowance>,
    /// Searching, with links back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<Allowance>,
    /// Categories that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Some content: one content key, or everything whose canonical address begins so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Scope {
    /// The kind of content key: `mw-page`, `url-c1`, `host`, `text-n1`, …
    pub kind: String,
    /// The content key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Sha256Hex>")]
    pub key: Option<ContentKey>,
    /// The beginning of the canonical form; of `url-c1` only, whose canonical form reads from the general to the special.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// On whose authority the preference is declared. Believed by nobody; shown beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Authority {
    /// One's own content.
    #[serde(rename = "self")]
    Own,
    /// An organisation's content.
    Organisation,
    /// A community decided together.
    Collective,
    /// For somebody else, by their mandate.
    Delegate,
}

/// The predicate of a `usage-preference` record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsagePreference {
    /// What is allowed and what is not; at least one category.
    pub preferences: Preferences,
    /// Which version of the vocabulary is meant.
    pub vocabulary: String,
    /// Which content; 1 to 256.
    pub scope: Vec<Scope>,
    /// On whose authority.
    pub authority: Authority,
    /// The parties that are asked for an answer: for each of them the clock of responses runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addressees: Vec<PartyId>,
    /// From when; never before the log received it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applies_from: Option<Timestamp>,
    /// The statement as it was found elsewhere, verbatim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Scope {
    /// One content key.
    pub fn of_key(kind: impl Into<String>, key: ContentKey) -> Self {
        Self { kind: kind.into(), key: Some(key), prefix: None, other: Map::new() }
    }

    /// Everything whose canonical address begins so.
    pub fn of_prefix(prefix: impl Into<String>) -> Self {
        Self { kind: "url-c1".to_owned(), key: None, prefix: Some(prefix.into()), other: Map::new() }
    }

    /// The subject that stands for it.
    fn subject(&self) -> Subject {
        let digest = match (&self.key, &self.prefix) {
            (Some(key), _) => *key.as_bytes(),
            (None, prefix) => Sha256::digest(prefix.as_deref().unwrap_or_default()).into(),
        };
        Subject::artifact(self.kind.clone(), SubjectDigest::from_bytes(digest))
    }

    fn check(&self, place: &str) -> Result<()> {
        if self.kind.is_empty() || self.kind.len() > 64 || self.kind.contains(':') {
            return Err(schema_error(&format!("{place}/kind"), "expected the name of a kind of content key"));
        }
        match (&self.key, &self.prefix) {
            (Some(_), None) => Ok(()),
            (None, Some(prefix)) if self.kind != "url-c1" || prefix.is_empty() || prefix.len() > MAX_PREFIX => {
                let detail = format!("expected 1 to {MAX_PREFIX} bytes of a canonical address, and the kind url-c1");
                Err(schema_error(&format!("{place}/prefix"), detail))
            }
            // Addresses are compared in their canonical form, which has no scheme: any other would never match.
            (None, Some(prefix)) if !CanonicalUrl::begins_so(prefix) => {
                let detail = "expected the beginning of a canonical address, as example.org/blog/: no scheme, the host in \
                              lower case";
                Err(schema_error(&format!("{place}/prefix"), detail))
            }
            (None, Some(_)) => Ok(()),
            _ => Err(schema_error(place, "expected either a key or a prefix")),
        }
    }
}

impl UsagePreference {
    /// The subjects that the statement must have: one for each element of the scope, each once.
    pub fn subjects(&self) -> Vec<Subject> {
        let mut subjects: Vec<Subject> = Vec::with_capacity(self.scope.len());
        for subject in self.scope.iter().map(Scope::subject) {
            if !subjects.contains(&subject) {
                subjects.push(subject);
            }
        }
        subjects
    }

    pub(super) fn check(&self, common: &Common, statement: &Statement) -> Result<()> {
        let Preferences { train_ai, search, other } = &self.preferences;
        if train_ai.is_none() && search.is_none() && other.is_empty() {
            return Err(schema_error("/preferences", "expected at least one category"));
        }
        if self.vocabulary.is_empty() {
            return Err(schema_error("/vocabulary", "expected the version of the vocabulary"));
        }
        if self.scope.is_empty() {
            return Err(schema_error("/scope", "expected at least one content key or prefix"));
        }
        if self.scope.len() > MAX_SUBJECTS {
            let detail = format!("{} elements, at most {MAX_SUBJECTS}", self.scope.len());
            return Err(Error::new(Code::TooMany, detail).at("/predicate/scope"));
        }
        for (i, scope) in self.scope.iter().enumerate() {
            scope.check(&format!("/scope/{i}"))?;
        }
        if common.nonce.is_none() {
            return Err(schema_error("/nonce", "missing: what is said about content keys could be guessed"));
        }
        check_subjects(statement, &self.subjects())
    }
}
