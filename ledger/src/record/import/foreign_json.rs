//! JSON that others wrote: read mildly, with its faults named.
//!
//! The strict reader of records refuses decimals, duplicate members and more; the formats that are imported here allow
//! them, or at least their tools do. Nothing read here is signed as it stands: see [`super::fit`].

use core::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::error::{Code, Error, Result};

/// A document and its duplicate members.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    /// The document; of two members of the same name the last, as most readers have it.
    pub(crate) value: Value,
    /// JSON pointers of members that stood there before.
    pub(crate) duplicates: Vec<String>,
}

/// Reads a JSON document of at most `max_bytes`; a byte order mark is passed over.
pub(crate) fn read(bytes: &[u8], max_bytes: usize) -> Result<Document> {
    let text = super::text(bytes, max_bytes)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { path: String::new(), duplicates: Vec::new() };
    let mut json = serde_json::Deserializer::from_str(text);
    let value = (&mut reader).deserialize(&mut json).and_then(|value| json.end().map(|()| value)).map_err(|error| {
        let detail = error.to_string();
        let detail = detail.rsplit_once(" at line ").map_or(detail.as_str(), |(what, _)| what);
        Error::new(Code::JsonSyntax, detail).at(format!("line {} column {}", error.line(), error.column().max(1)))
    })?;
    Ok(Document { value, duplicates: reader.duplicates })
}

/// One step of a JSON pointer (RFC 6901).
pub(crate) fn step(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

struct Reader {
    path: String,
    duplicates: Vec<String>,
}

impl<'de> DeserializeSeed<'de> for &mut Reader {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        let length = self.path.len();
        loop {
            self.path.push_str(&format!("/{}", list.len()));
            let element = elements.next_element_seed(&mut *self)?;
            self.path.truncate(length);
            match element {
                Some(element) => list.push(element),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        /// More faults of one kind than a person would read.
        const MAX_DUPLICATES: usize = 1_000;
        let mut object = Map::new();
        let length = self.path.len();
        while let Some(name) = members.next_key::<String>()? {
            self.path.push_str(&step(&name));
            if object.contains_key(&name) {
                if self.duplicates.len() == MAX_DUPLICATES {
                    return Err(A::Error::custom("more than 1,000 duplicate members"));
                }
                self.duplicates.push(self.path.clone());
            }
            let value = members.next_value_seed(&mut *self)?;
            self.path.truncate(length);
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    #[test]
    fn documents_are_read_with_their_duplicates() {
        let document = read(br#"{"a":1,"b":[{"c~/":1,"c~/":2.5}],"a":2}"#, 1_000).unwrap();
        assert_eq!(document.value, json!({"a": 2, "b": [{"c~/": 2.5}]}));
        assert_eq!(document.duplicates, ["/b/0/c~0~1", "/a"]);
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_place() {
        let error = read(b"{\n  \"a\": 1,\n}", 100).unwrap_err();
        assert_eq!((error.code(), error.place()), (Code::JsonSyntax, Some("line 3 column 1")));
        assert_eq!(read(b"[]x", 100).unwrap_err().code(), Code::JsonSyntax);
        assert_eq!(read(b"", 100).unwrap_err().code(), Code::JsonSyntax);
        assert_eq!(read(b"\xff", 100).unwrap_err().code(), Code::TextRefused);
        assert_eq!(read(b"[1,2]", 4).unwrap_err().code(), Code::TooLarge);
        assert_eq!(read("[".repeat(100_000).as_bytes(), 200_000).unwrap_err().code(), Code::JsonSyntax);
    }
}
