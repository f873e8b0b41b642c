//! Documents of others, made into predicates: what is already written about a model or a dataset need not be typed again.
//!
//! Every function here is pure: bytes in, the members of a predicate and its subjects out. The caller adds `issuer` and
//! `issued` and signs. An import is for display and search; what binds the record to the document is the digest of the
//! document's bytes, which every import carries, so that no reading of YAML or JSON-LD is ever a matter of trust.
//!
//! | module | reads | gives |
//! |---|---|---|
//! | [`hugging_face`] | `README.md` with YAML front matter | `model-card`, `dataset-card`, `license-claim` |
//! | [`croissant`] | Croissant 1.0 and 1.1 JSON-LD | `dataset-card` |
//! | [`dpi`] | licence claims of the Data Provenance Initiative, JSON lines | `dataset-card`, `license-claim` |
//! | [`sentence_transformers`] | `data_config.json` | one `training-source` for each training file |
//! | [`wheel`] | `METADATA` of a Python wheel | `license-claim` |
//! | [`model_directory`] | paths and digests of a model's files | the subject of a model |
//!
//! What does not fit the strict JSON of a record is changed as [`fit`] says; what a document lacks is the business of
//! [`super::lint`], and never stops an import.

pub mod croissant;
pub mod dpi;
pub mod fit;
pub(crate) mod foreign_json;
pub(crate) mod front_matter;
pub mod hugging_face;
pub(crate) mod json_ld;
mod license_claim;
pub mod model_directory;
pub(crate) mod prose;
pub mod sentence_transformers;
pub mod wheel;
pub(crate) mod yaml;

use serde_json::{Map, Value, json};

use super::subject_digest;
use crate::error::{Code, Error, Result};
use crate::ids::SubjectDigest;
use crate::record::kind::Kind;
use crate::record::statement::Subject;

/// Bytes of one document. Arithmetic: the batch limit of the server, 16 MiB; the largest known Croissant file has 4 MB.
pub const MAX_DOCUMENT: usize = 16 * 1024 * 1024;

/// What an import gives: all of a statement but its issuer and its time.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The kind of record.
    pub kind: Kind,
    /// What it is about.
    pub subjects: Vec<Subject>,
    /// The members of the predicate.
    pub predicate: Map<String, Value>,
}

impl Imported {
    /// Puts other subjects in the place of those that the document gave.
    #[must_use]
    pub fn about(mut self, subjects: Vec<Subject>) -> Self {
        self.subjects = subjects;
        self
    }
}

/// A subject that is an artefact, its name made to fit.
fn artifact(name: &str, digest: SubjectDigest) -> Subject {
    let name = fit::clean_name(name);
    // A name such as `record:…` or `key:…` would speak of a record or a key.
    let reserved = name.split_once(':').is_some_and(|(prefix, _)| matches!(prefix, "record" | "key" | "keyspace"));
    Subject::artifact(if reserved { format!("./{name}") } else { name }, digest)
}

/// A document as an in-toto ResourceDescriptor.
fn descriptor(name: &str, media_type: &str, bytes: &[u8]) -> Value {
    json!({ "name": fit::clean_name(name), "mediaType": media_type, "digest": { "sha256": subject_digest(bytes) } })
}

/// The text of a document; the place of a byte that is not UTF-8 is `line L column C`.
pub(crate) fn text(bytes: &[u8], max_bytes: usize) -> Result<&str> {
    if bytes.len() > max_bytes {
        return Err(Error::new(Code::TooLarge, format!("{} bytes, at most {max_bytes}", bytes.len())));
    }
    core::str::from_utf8(bytes).map_err(|error| {
        let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let before = front_matter::unix_line_ends(&before);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
        Error::new(Code::TextRefused, "a byte that is not UTF-8").at(format!("line {line} column {column}"))
    })
}

/// A folder of the test data, or `None` with a word about what is skipped.
#[cfg(test)]
pub(crate) fn test_data(folder: &str) -> Option<std::path::PathBuf> {
    let found = std::env::var_os("COLOPHON_TEST_DATA")
        .map(|root| std::path::Path::new(&root).join(folder))
        .filter(|path| path.is_dir());
    if found.is_none() {
        assert_ne!(std::env::var("COLOPHON_REQUIRE").as_deref(), Ok("all"), "needs COLOPHON_TEST_DATA");
        println!("skipped: needs COLOPHON_TEST_DATA");
    }
    found
}

/// Holds an import against every rule of a record: a statement of it, with an issuer and a time, can be signed.
#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) fn assert_fits(imported: &Imported) {
    let mut predicate = imported.predicate.clone();
    predicate.insert("issuer".to_owned(), json!({ "id": "example-ai" }));
    predicate.insert("issued".to_owned(), json!("2026-03-01T12:00:00Z"));
    let statement = crate::record::statement::Statement::new(
        imported.kind.clone(),
        imported.subjects.clone(),
        Value::Object(predicate),
    );
    let payload = statement.to_payload().unwrap();
    assert!(payload.len() <= fit::MAX_BYTES + 200 * 1024);
}

#[cfg(test)]
mod tests;
