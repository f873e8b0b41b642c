//! Digests, and what they are digests of: the `DigestSet` and the `ResourceDescriptor` of in-toto.
//!
//! Source: in-toto attestation framework, `spec/v1/digest_set.md` and `spec/v1/resource_descriptor.md`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::ids::SubjectDigest;

/// Digests of one thing by algorithm, at least one, in lower-case hexadecimal: `{"sha256": "<64 hex>"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Digests(BTreeMap<String, String>);

impl Digests {
    /// The SHA-256 alone.
    pub fn sha256_only(digest: SubjectDigest) -> Self {
        Self(BTreeMap::from([("sha256".to_owned(), digest.to_hex())]))
    }

    /// The SHA-256, if it is among them.
    pub fn sha256(&self) -> Option<SubjectDigest> {
        self.0.get("sha256")?.parse().ok()
    }

    /// Every algorithm with its digest, sorted by algorithm.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(algorithm, digest)| (algorithm.as_str(), digest.as_str()))
    }

    fn check(&self) -> Result<(), String> {
        if self.0.is_empty() {
            return Err("expected at least one digest".to_owned());
        }
        for (algorithm, digest) in self.iter() {
            let length = match algorithm {
                "sha256" | "sha3_256" | "sha512_256" => Some(64),
                "sha384" | "sha3_384" => Some(96),
                "sha512" | "sha3_512" => Some(128),
                "sha1" => Some(40),
                // Named by others: any length, whole bytes.
                _ => None,
            };
            let hex = digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            let whole = !digest.is_empty() && digest.len().is_multiple_of(2) && digest.len() <= 256;
            if !hex || !whole || length.is_some_and(|length| digest.len() != length) {
                let digits =
                    length.map_or("lower-case hexadecimal".to_owned(), |n| format!("{n} lower-case hexadecimal"));
                return Err(format!("expected {digits} digits for {algorithm}"));
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Digests {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digests = Self(BTreeMap::deserialize(deserializer)?);
        digests.check().map_err(serde::de::Error::custom)?;
        Ok(digests)
    }
}

impl JsonSchema for Digests {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Digests".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "Digests of one thing by algorithm, in lower-case hexadecimal (in-toto DigestSet).",
            "minProperties": 1,
            "properties": { "sha256": { "type": "string", "pattern": "^[0-9a-f]{64}$" } },
            "additionalProperties": { "type": "string", "pattern": "^([0-9a-f]{2})+$" },
        })
    }
}

/// A thing named by address, digest or content (in-toto `ResourceDescriptor`), with at least one of the three.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceDescriptor {
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its address or identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Its digests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digests>,
    /// Its bytes in base64, below 1 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Where it can be had, if the `uri` does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub download_location: Option<String>,
    /// Its media type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The descriptor before it is known to name anything.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Unchecked {
    name: Option<String>,
    uri: Option<String>,
    digest: Option<Digests>,
    content: Option<String>,
    download_location: Option<String>,
    media_type: Option<String>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl<'de> Deserialize<'de> for ResourceDescriptor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Unchecked { name, uri, digest, content, download_location, media_type, other } =
            Unchecked::deserialize(deserializer)?;
        if uri.is_none() && digest.is_none() && content.is_none() {
            return Err(serde::de::Error::custom("expected at least one of uri, digest and content"));
        }
        // in-toto asks for content below 1 KB; 1,368 characters of base64 are 1,026 bytes.
        let short = |content: &String| content.len() <= 1368 && STANDARD.decode(content).is_ok_and(|c| c.len() < 1024);
        if !content.as_ref().is_none_or(short) {
            return Err(serde::de::Error::custom("expected base64 of less than 1,024 bytes as content"));
        }
        Ok(Self { name, uri, digest, content, download_location, media_type, other })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    fn read<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
        serde_json::from_str(text).ok()
    }

    #[test]
    fn a_digest_is_lower_case_and_as_long_as_its_algorithm_says() {
        let hex = "ab".repeat(32);
        let both = format!(r#"{{"sha256":"{hex}","gitCommit":"{}"}}"#, &hex[..40]);
        let digests: Digests = read(&both).unwrap();
        assert_eq!(digests.sha256().unwrap().to_hex(), hex);
        assert_eq!(digests.iter().count(), 2);
        let git_only: Digests = read(&format!(r#"{{"gitCommit":"{}"}}"#, &hex[..40])).unwrap();
        assert_eq!(git_only.sha256(), None);
        for wrong in [
            "{}".to_owned(),
            r#"{"sha256":""}"#.to_owned(),
            format!(r#"{{"sha256":"{}"}}"#, &hex[2..]),
            format!(r#"{{"sha256":"{}"}}"#, hex.to_uppercase()),
            format!(r#"{{"sha256":"{hex}","sha512":"{hex}"}}"#),
            r#"{"dirHash":"h1:abc="}"#.to_owned(),
            r#"{"sha256":7}"#.to_owned(),
        ] {
            assert!(read::<Digests>(&wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_descriptor_names_something_and_keeps_what_it_does_not_know() {
        let text = r#"{"uri":"https://example.org/a","mediaType":"text/plain","annotations":{"x":1}}"#;
        let descriptor: ResourceDescriptor = read(text).unwrap();
        assert_eq!(serde_json::to_value(&descriptor).unwrap(), serde_json::from_str::<Value>(text).unwrap());
        assert!(read::<ResourceDescriptor>(r#"{"name":"a"}"#).is_none());
        assert!(read::<ResourceDescriptor>(r#"{"content":"!"}"#).is_none());
        let long = STANDARD.encode([0; 1024]);
        assert!(read::<ResourceDescriptor>(&format!(r#"{{"content":"{long}"}}"#)).is_none());
    }
}
