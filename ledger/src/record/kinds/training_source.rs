//! `training-source`: a model used a dataset. One record for each pair of them.
//!
//! ```text
//! {"issuer":{"id":"example-ai"},"issued":"2026-03-01T12:00:00Z",
//!  "relation":"trainedOn","category":"publicDataset",
//!  "dataset":{"name":"example-set","uri":"https://example.org/set","digest":"noAssertion"},
//!  "pairs":1000000,"startedAt":"2026-01-01T00:00:00Z","endedAt":"2026-01-08T00:00:00Z",
//!  "agreement":"record:<64 hex>","manifest":"record:<64 hex>"}
//! ```
//!
//! Subject: the `model-card` record, `record:<id>`, or the digest of the model. The dataset stands in the predicate, because of
//! many sources nobody holds the bytes: a name and an address are enough, and `noAssertion` says that the digest is not known.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::record::descriptor::Digests;
use crate::record::terms::{Claimed, RecordRef, Texts, Timestamp};

/// How the model used the dataset (SPDX relationship types).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Relation {
    /// For training, whichever part of it.
    TrainedOn,
    /// For pre-training.
    PretrainedOn,
    /// For fine-tuning.
    FinetunedOn,
    /// For testing only.
    TestedOn,
}

/// The category of a source in the EU's public summary of training content (AI Act, Article 53(1)(d)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Category {
    /// A publicly available dataset.
    PublicDataset,
    /// Private, licensed by the holders of its rights.
    PrivateLicensed,
    /// Private, from other third parties.
    PrivateOther,
    /// Crawled or scraped.
    Crawled,
    /// From users.
    UserData,
    /// Made by models.
    Synthetic,
    /// None of these.
    Other,
}

/// The dataset of a `training-source`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SourceDataset {
    /// What it is called.
    pub name: String,
    /// Its address or identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Its digests, or `noAssertion`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Claimed<Digests>>,
    /// Its `dataset-card`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordRef>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The predicate of a `training-source` record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrainingSource {
    /// How the model used it.
    pub relation: Relation,
    /// What it used.
    pub dataset: SourceDataset,
    /// Of which category it is, or `noAssertion`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<Claimed<Category>>,
    /// What for, in the words of the agreement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Texts>,
    /// When the use began, or `noAssertion`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Claimed<Timestamp>>,
    /// When the use ended, or `noAssertion`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Claimed<Timestamp>>,
    /// How many pairs of texts, where the dataset consists of pairs, or `noAssertion`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pairs: Option<Claimed<u64>>,
    /// How many items, or `noAssertion`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Claimed<u64>>,
    /// The agreement under which it was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreement: Option<RecordRef>,
    /// The record of the dataset's committed contents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<RecordRef>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}
