//! `dataset-card`: what a dataset is.
//!
//! Members are those of Croissant 1.0 and 1.1 with its RAI vocabulary, under their own names; a file's JSON-LD is carried as it
//! stands. None is required; lint says what Croissant requires and the card lacks.
//!
//! ```text
//! {"issuer":{"id":"example-org"},"issued":"2026-03-01T12:00:00Z",
//!  "name":"example-set","description":"…","license":"https://creativecommons.org/licenses/by-sa/4.0/",
//!  "url":"https://example.org/set","datePublished":"2026-01-01","conformsTo":"http://mlcommons.org/croissant/1.1",
//!  "distribution":[{"@type":"cr:FileObject","contentUrl":"…","sha256":"…"}],"rai:dataBiases":"…",
//!  "manifest":"record:<64 hex>"}
//! ```
//!
//! Subject: the files of the dataset, or the file that describes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::record::terms::RecordRef;

/// The predicate of a `dataset-card` record. JSON-LD may write one value or a list of values wherever it has a value, so
/// most members are read as they come.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DatasetCard {
    /// What the dataset is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Value>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Value>,
    /// The licence as the card has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<Value>,
    /// Its address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Value>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creator: Option<Value>,
    /// When it was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_published: Option<Value>,
    /// Which specification the card follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conforms_to: Option<Value>,
    /// Its files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distribution: Option<Value>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Value>,
    /// The record of its committed contents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<RecordRef>,
    /// Every other member of the card.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}
