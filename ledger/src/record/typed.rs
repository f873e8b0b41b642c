//! From a JSON value that the strict reader made to a Rust type, with the JSON pointer of what does not fit.
//!
//! This is a deserializer and nothing else: what the types are is the business of those who define them.

use core::fmt;

use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, Visitor, value::StrDeserializer};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

use super::json::pointer_step;
use crate::error::{Code, Error, Result};

/// Reads a value as a `T`; `pointer` is where the value stands.
pub(super) fn read<T: DeserializeOwned>(value: &Value, pointer: &str) -> Result<T> {
    T::deserialize(Typed(value)).map_err(|fault| fault.into_error(pointer))
}

/// Reads the members of an object as a `T`, leaving out those for which `skip` says so.
pub(super) fn read_members<T: DeserializeOwned>(
    members: &Map<String, Value>,
    skip: fn(&str) -> bool,
    pointer: &str,
) -> Result<T> {
    T::deserialize(Members { members, skip }).map_err(|fault| fault.into_error(pointer))
}

/// What does not fit, and the steps to it from the innermost.
#[derive(Debug)]
struct Fault {
    detail: String,
    path: Vec<String>,
}

impl Fault {
    fn under(mut self, step: String) -> Self {
        self.path.push(step);
        self
    }

    fn into_error(self, pointer: &str) -> Error {
        let path: String = self.path.into_iter().rev().collect();
        Error::new(Code::Schema, self.detail).at(format!("{pointer}{path}"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl core::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        // A message may quote the text, which may be long and hold control characters.
        let printable = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
        Self { detail: message.to_string().chars().take(300).map(printable).collect(), path: Vec::new() }
    }
}

#[derive(Clone, Copy)]
struct Typed<'a>(&'a Value);

impl<'de> de::Deserializer<'de> for Typed<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::String(text) => visitor.visit_str(text),
            Value::Array(items) => visitor.visit_seq(Items(items.iter().enumerate())),
            Value::Object(members) => Members { members, skip: |_| false }.deserialize_any(visitor),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(n), _) => visitor.visit_u64(n),
                (None, Some(n)) => visitor.visit_i64(n),
                (None, None) => Err(de::Error::custom("not an integer")),
            },
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    /// Enumerations are plain words in every record.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.0 {
            Value::String(word) => {
                let word: StrDeserializer<'_, Fault> = word.as_str().into_deserializer();
                visitor.visit_enum(word)
            }
            _ => Err(de::Error::custom("expected a word")),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

struct Items<'a>(core::iter::Enumerate<core::slice::Iter<'a, Value>>);

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some((i, item)) = self.0.next() else { return Ok(None) };
        seed.deserialize(Typed(item)).map(Some).map_err(|fault| fault.under(format!("/{i}")))
    }
}

struct Members<'a> {
    members: &'a Map<String, Value>,
    skip: fn(&str) -> bool,
}

impl<'de> de::Deserializer<'de> for Members<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_map(Walk { left: self.members.iter(), skip: self.skip, value: None })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Walk<'a> {
    left: serde_json::map::Iter<'a>,
    skip: fn(&str) -> bool,
    value: Option<(&'a str, &'a Value)>,
}

impl<'de> de::MapAccess<'de> for Walk<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        for (name, value) in self.left.by_ref() {
            if (self.skip)(name) {
                continue;
            }
            self.value = Some((name, value));
            let name_text: StrDeserializer<'_, Fault> = name.as_str().into_deserializer();
            return seed.deserialize(name_text).map(Some).map_err(|fault| fault.under(pointer_step(name)));
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let (name, value) = self.value.take().ok_or_else(|| de::Error::custom("a value without a name"))?;
        seed.deserialize(Typed(value)).map_err(|fault| fault.under(pointer_step(name)))
    }
}
