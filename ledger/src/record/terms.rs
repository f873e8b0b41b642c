//! The words of which predicates are made: ids of parties, times, references, nonces, and values that may be unknown.
//!
//! Each is parsed into its type or refused, and written again as it was read.

use core::fmt;
use core::str::FromStr;
use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::limits::MAX_PARTY_ID;
use crate::ids::{KeyId, RecordId, UnixMillis};

/// Why a text is not one of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct TermError(&'static str);

impl TermError {
    /// Where `what` was expected.
    pub(crate) const fn expecting(what: &'static str) -> Self {
        Self(what)
    }
}

/// Serde and JSON Schema of a type that is a text with a rule: `FromStr` in, `as_str` out.
macro_rules! text_term {
    ($name:ident, $pattern:expr, $description:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "description": $description, "pattern": $pattern })
            }
        }
    };
}

/// The id of a party: 1 to 255 visible ASCII characters, so that no two ids look alike.
///
/// `key:<64 hex>` is the id of a signer that no party owns; a party cannot register under such an id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartyId(String);

impl PartyId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of the signer with this key, as long as no party owns it.
    pub fn of_key(key: &KeyId) -> Self {
        Self(format!("key:{key}"))
    }

    /// The key that this id stands for, if it is of the form `key:<64 hex>`.
    pub fn key(&self) -> Option<KeyId> {
        self.0.strip_prefix("key:")?.parse().ok()
    }
}

impl FromStr for PartyId {
    type Err = TermError;

    fn from_str(text: &str) -> Result<Self, TermError> {
        const EXPECTED: &str =
            "the id of a party: 1 to 255 visible ASCII characters, and after `key:` 64 hexadecimal digits";
        let visible = (1..=MAX_PARTY_ID).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        let id = Self(text.to_owned());
        let reserved = text.starts_with("key:") && id.key().is_none();
        if visible && !reserved { Ok(id) } else { Err(TermError(EXPECTED)) }
    }
}

text_term!(PartyId, "^[!-~]{1,255}$", "The id of a party, or `key:<keyid>` of a signer that no party owns.");

/// A moment in UTC as RFC 3339 writes it, with `T` and `Z`: `2026-03-01T12:00:00Z`. Kept as written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Timestamp {
    text: String,
    millis: i64,
}

impl Timestamp {
    /// The text as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Milliseconds since 1970; moments before it count as 0.
    pub fn millis(&self) -> UnixMillis {
        UnixMillis(u64::try_from(self.millis).unwrap_or(0))
    }

    /// The moment so many milliseconds after the beginning of 1970; `None` beyond the year 9999.
    pub fn from_millis(at: UnixMillis) -> Option<Self> {
        let moment = jiff::Timestamp::from_millisecond(i64::try_from(at.0).ok()?).ok()?;
        moment.to_string().parse().ok()
    }
}

/// The moment `at` as records write it, for whatever programs read: with a fraction where there is one, and with no more
/// digits than it needs. Beyond the year 9999, which no record can name, the number of milliseconds.
///
/// ```
/// # use ledger::{ids::UnixMillis, record::terms::moment};
/// assert_eq!(moment(UnixMillis(1_772_366_400_000)), "2026-03-01T12:00:00Z");
/// assert_eq!(moment(UnixMillis(1_772_366_400_250)), "2026-03-01T12:00:00.25Z");
/// ```
pub fn moment(at: UnixMillis) -> String {
    Timestamp::from_millis(at).map_or_else(|| format!("{at} ms"), |time| time.as_str().to_owned())
}

impl FromStr for Timestamp {
    type Err = TermError;

    fn from_str(text: &str) -> Result<Self, TermError> {
        const EXPECTED: TermError =
            TermError("a moment in UTC as RFC 3339 writes it, for example 2026-03-01T12:00:00Z");
        const SHAPE: &[u8] = b"0000-00-00T00:00:00";
        let bytes = text.as_bytes();
        let (Some(head), Some((b'Z', fraction))) =
            (bytes.get(..SHAPE.len()), bytes.get(SHAPE.len()..).and_then(<[u8]>::split_last).map(|(z, f)| (*z, f)))
        else {
            return Err(EXPECTED);
        };
        let shaped = head.iter().zip(SHAPE).all(|(b, shape)| match shape {
            b'0' => b.is_ascii_digit(),
            _ => b == shape,
        });
        let fraction = match fraction {
            [] => true,
            [b'.', digits @ ..] => (1..=9).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit),
            _ => false,
        };
        // A leap second has no place in milliseconds; jiff would move it.
        if !shaped || !fraction || &head[17..] == b"60" {
            return Err(EXPECTED);
        }
        let millis = text.parse::<jiff::Timestamp>().map_err(|_| EXPECTED)?.as_millisecond();
        Ok(Self { text: text.to_owned(), millis })
    }
}

text_term!(
    Timestamp,
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z$",
    "A moment in UTC (RFC 3339 with Z)."
);

/// How one record names another: `record:<64 hex>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordRef {
    id: RecordId,
    text: String,
}

impl RecordRef {
    /// The record named.
    pub const fn id(&self) -> RecordId {
        self.id
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl From<RecordId> for RecordRef {
    fn from(id: RecordId) -> Self {
        Self { id, text: id.to_reference() }
    }
}

impl FromStr for RecordRef {
    type Err = TermError;

    fn from_str(text: &str) -> Result<Self, TermError> {
        RecordId::from_reference(text).map(Self::from).ok_or(TermError("record: and 64 lower-case hexadecimal digits"))
    }
}

text_term!(RecordRef, "^record:[0-9a-f]{64}$", "The id of another record.");

/// 16 to 64 random bytes in base64, so that what a record says cannot be guessed from its id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Nonce(String);

impl Nonce {
    /// A nonce of 16 bytes from a source of randomness.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(STANDARD.encode(bytes))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Nonce {
    type Err = TermError;

    fn from_str(text: &str) -> Result<Self, TermError> {
        // 88 characters of base64 are 64 to 66 bytes.
        let long = text.len() <= 88 && STANDARD.decode(text).is_ok_and(|bytes| (16..=64).contains(&bytes.len()));
        if long { Ok(Self(text.to_owned())) } else { Err(TermError("16 to 64 random bytes in base64")) }
    }
}

text_term!(Nonce, "^[A-Za-z0-9+/]{21,86}={0,2}$", "16 to 64 random bytes in base64.");

/// A value, or the explicit statement that nothing is asserted about it: `"noAssertion"`.
///
/// Absent, `noAssertion` and a value are three different things to say, and all three are honest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed<T> {
    /// The signer says that nothing is asserted.
    NoAssertion,
    /// The signer says this.
    Value(T),
}

/// The word that says explicitly: nothing is asserted.
pub const NO_ASSERTION: &str = "noAssertion";

impl<T> Claimed<T> {
    /// The value, if there is one.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::NoAssertion => None,
            Self::Value(value) => Some(value),
        }
    }
}

impl<T: Serialize> Serialize for Claimed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::NoAssertion => serializer.serialize_str(NO_ASSERTION),
            Self::Value(value) => value.serialize(serializer),
        }
    }
}

impl<'de, T: serde::de::DeserializeOwned> Deserialize<'de> for Claimed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if value == NO_ASSERTION {
            return Ok(Self::NoAssertion);
        }
        T::deserialize(value).map(Self::Value).map_err(serde::de::Error::custom)
    }
}

impl<T: JsonSchema> JsonSchema for Claimed<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}OrNoAssertion", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "const": NO_ASSERTION }, generator.subschema_for::<T>()] })
    }
}

/// One text or a list of texts, as card formats write it, kept as written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a text or a list of texts")]
pub enum Texts {
    /// A single text.
    One(String),
    /// A list.
    Many(Vec<String>),
}

impl Texts {
    /// Each text.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let texts = match self {
            Self::One(text) => core::slice::from_ref(text),
            Self::Many(texts) => texts,
        };
        texts.iter().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    #[test]
    fn the_id_of_a_party_is_visible_ascii() {
        let long = "x".repeat(256);
        for wrong in ["", " ", "a b", "a\n", "é", "key:abc", "key:", long.as_str()] {
            assert!(wrong.parse::<PartyId>().is_err(), "{wrong:?}");
        }
        for right in ["example-ai", "https://example.org/about#us", "did:web:example.org", &long[1..]] {
            assert_eq!(right.parse::<PartyId>().unwrap().as_str(), right);
        }
        let key = KeyId::from_bytes([3; 32]);
        assert_eq!(PartyId::of_key(&key).as_str().parse::<PartyId>().unwrap().key(), Some(key));
    }

    #[test]
    fn a_moment_has_one_shape() {
        let moment: Timestamp = "2026-03-01T12:00:00.250Z".parse().unwrap();
        assert_eq!((moment.as_str(), moment.millis()), ("2026-03-01T12:00:00.250Z", UnixMillis(1_772_366_400_250)));
        assert_eq!(Timestamp::from_millis(moment.millis()).unwrap().as_str(), "2026-03-01T12:00:00.25Z");
        assert_eq!("1969-12-31T23:59:59Z".parse::<Timestamp>().unwrap().millis(), UnixMillis(0));
        for wrong in [
            "",
            "Z",
            "2026-03-01",
            "2026-03-01T12:00:00",
            "2026-03-01T12:00:00+00:00",
            "2026-03-01t12:00:00z",
            "2026-03-01 12:00:00Z",
            "2026-02-30T12:00:00Z",
            "2026-03-01T24:00:00Z",
            "2026-03-01T12:00:60Z",
            "2026-03-01T12:00:00.Z",
            "2026-03-01T12:00:00.0000000001Z",
            "+02026-03-01T12:00:00Z",
            "2026-03-01T12:00:00Z ",
            "2026-03-01T12:00Z",
            "２026-03-01T12:00:00Z",
        ] {
            assert!(wrong.parse::<Timestamp>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_nonce_has_at_least_16_bytes() {
        assert_eq!(Nonce::from_random([0; 16]).as_str().parse(), Ok(Nonce::from_random([0; 16])));
        for len in [0, 15, 65, 66] {
            assert!(STANDARD.encode(vec![1; len]).parse::<Nonce>().is_err(), "{len}");
        }
        assert!(STANDARD.encode([1; 64]).parse::<Nonce>().is_ok());
        assert!("not base64 at all, though long".parse::<Nonce>().is_err());
    }

    #[test]
    fn nothing_asserted_is_not_a_value() {
        let none: Claimed<RecordRef> = serde_json::from_str(r#""noAssertion""#).unwrap();
        assert_eq!(none, Claimed::NoAssertion);
        let id = RecordId::from_bytes([1; 32]);
        let some: Claimed<RecordRef> = serde_json::from_value(Value::from(id.to_reference())).unwrap();
        assert_eq!(some.value().map(RecordRef::id), Some(id));
        assert!(serde_json::from_str::<Claimed<RecordRef>>(r#""noassertion""#).is_err());
        assert_eq!(serde_json::to_string(&none).unwrap(), r#""noAssertion""#);
    }
}
