//! `model-card`: what a model is.
//!
//! Members are those of Hugging Face card metadata, `considerations` of CycloneDX 1.7, and the AI members of SPDX 3.0.1, under
//! their own names. None is required, for cards are incomplete in real life; lint says what is missing.
//!
//! ```text
//! {"issuer":{"id":"example-ai"},"issued":"2026-03-01T12:00:00Z",
//!  "model_name":"example-7b","base_model":"example-base","license":"apache-2.0","language":["en","fa"],
//!  "considerations":{"useCases":["…"]},"limitation":"…",
//!  "card":{"name":"README.md","digest":{"sha256":"<64 hex>"},"mediaType":"text/markdown"}}
//! ```
//!
//! Subject: the files of the model, or one root over them (OpenSSF Model Signing).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::record::descriptor::ResourceDescriptor;
use crate::record::terms::Texts;

/// The predicate of a `model-card` record.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ModelCard {
    /// What the model is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_name: Option<String>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The models that it was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_model: Option<Texts>,
    /// Names of datasets. What it was trained on is said by `training-source` records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datasets: Option<Texts>,
    /// Languages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<Texts>,
    /// The licence as the card has it. Under which licence it is, is said by `license-claim` records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<Texts>,
    /// The name of a licence that has no id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license_name: Option<String>,
    /// The text of that licence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license_link: Option<String>,
    /// The library that runs the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub library_name: Option<String>,
    /// What the model does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline_tag: Option<String>,
    /// Tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Texts>,
    /// Names of metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Texts>,
    /// Results of evaluations (Hugging Face `model-index`); decimals are texts.
    #[serde(rename = "model-index", skip_serializing_if = "Option::is_none")]
    pub model_index: Option<Vec<Map<String, Value>>>,
    /// Users, use cases, limitations, ethical and environmental considerations (CycloneDX).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub considerations: Option<Map<String, Value>>,
    /// How the model was trained (SPDX).
    #[serde(rename = "informationAboutTraining", skip_serializing_if = "Option::is_none")]
    pub information_about_training: Option<String>,
    /// What it is not fit for (SPDX).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limitation: Option<String>,
    /// The card as its author wrote it, with the digest of that file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<ResourceDescriptor>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}
