//! Foreign values made to fit a record.
//!
//! A record's JSON is strict (integers within ±(2^53−1) only, limited depth, count and size, no U+0000, no bidirectional
//! controls in names) while the documents that describe models and datasets are not. A value that is imported is
//! changed as little as makes it fit:
//!
//! - decimals and large integers become text;
//! - a text longer than [`MAX_TEXT_CHARS`] is cut and ends with `…`;
//! - what is nested too deep, or comes after the room is used up, is left out;
//! - U+0000 becomes U+FFFD; bidirectional controls vanish from names, where one thing must not look like another;
//! - no more than [`MAX_REFERENCES`] texts of the form `record:<64 hex>` are taken over, since each becomes a reference.
//!
//! Every place that was cut or left out is listed in the predicate's `abridged`, as JSON pointers. Nothing is lost by
//! that: the record carries the digest of the document, which has it all.

use serde_json::{Map, Value};

use super::foreign_json::step;
use crate::ids::RecordId;
use crate::record::json::is_bidi_control;

/// Characters of one text. Arithmetic: 8,192 characters of four bytes are 32 KiB, so that no single text can take more
/// than a sixteenth of the room; the longest description among 10 real Croissant files has 2,300.
pub const MAX_TEXT_CHARS: usize = 8_192;

/// Bytes of all imported members as compact JSON. Arithmetic: a statement may have 720 KiB; 208 KiB of it remain for
/// issuer, times, up to 256 subjects of 700 bytes, and what the issuer adds.
pub const MAX_BYTES: usize = 512 * 1024;

/// Values of all imported members. Arithmetic: a record may have 10,000 members; 2,000 remain for the rest.
pub const MAX_VALUES: usize = 8_000;

/// Depth of a member's value. Arithmetic: a record may be 32 deep; statement, predicate and `unmapped` take three, one spare.
pub const MAX_DEPTH: usize = 28;

/// References to records in all imported members. Arithmetic: a record may have 256; half is left to the issuer.
pub const MAX_REFERENCES: usize = 128;

/// Members whose texts name a thing, as the strict reader has them; a test below holds this list against it.
const NAMING_MEMBERS: [&str; 8] = ["name", "id", "@id", "uri", "url", "origin", "model_name", "keyid"];

/// How many places `abridged` lists before it only counts on.
const MAX_ABRIDGED: usize = 200;

/// Members of a predicate under construction, and the room that is left.
#[derive(Debug)]
pub(crate) struct Members {
    members: Map<String, Value>,
    abridged: Vec<String>,
    bytes: usize,
    values: usize,
    references: usize,
}

impl Members {
    /// No member yet, and all the room.
    pub(crate) fn new() -> Self {
        Self {
            members: Map::new(),
            abridged: Vec::new(),
            bytes: MAX_BYTES,
            values: MAX_VALUES,
            references: MAX_REFERENCES,
        }
    }

    /// Adds a member, made to fit. `null`, which says nothing, is left out.
    pub(crate) fn add(&mut self, name: &str, value: impl Into<Value>) {
        let value = value.into();
        let name = clean_name(name);
        if value.is_null() || self.members.contains_key(&name) {
            return;
        }
        if let Some(value) = self.named(&name, "", value, Spot { depth: 1, naming: false }) {
            self.members.insert(name, value);
        }
    }

    /// Adds a text that was already cut by its maker, and says so.
    pub(crate) fn abridged(&mut self, pointer: String) {
        if self.abridged.len() < MAX_ABRIDGED && !self.abridged.contains(&pointer) {
            self.abridged.push(pointer);
        }
    }

    /// The members, with `abridged` where something was cut or left out.
    pub(crate) fn finish(mut self) -> Map<String, Value> {
        if !self.abridged.is_empty() {
            self.members.insert("abridged".to_owned(), self.abridged.into());
        }
        self.members
    }

    fn named(&mut self, name: &str, path: &str, value: Value, spot: Spot) -> Option<Value> {
        let pointer = format!("{path}{}", step(name));
        self.take(name.len() + 4, &pointer)?;
        self.fit(value, &pointer, Spot { naming: spot.naming || NAMING_MEMBERS.contains(&name), ..spot })
    }

    fn fit(&mut self, value: Value, pointer: &str, spot: Spot) -> Option<Value> {
        let inner = Spot { depth: spot.depth + 1, ..spot };
        if spot.depth > MAX_DEPTH && (value.is_array() || value.is_object()) {
            self.abridged(pointer.to_owned());
            return None;
        }
        match value {
            Value::Null | Value::Bool(_) => self.take(6, pointer).map(|()| value),
            Value::Number(number) => {
                let safe = number.as_i64().is_some_and(|n| n.unsigned_abs() < 1 << 53);
                self.take(26, pointer)?;
                Some(if safe { Value::Number(number) } else { Value::String(number.to_string()) })
            }
            Value::String(text) => {
                let text = self.fit_text(text, pointer, spot.naming)?;
                // Control characters take six bytes in JSON, quotes and backslashes two.
                let escaped: usize =
                    text.bytes().map(|b| if b < 0x20 { 6 } else { 1 + usize::from(b == b'"' || b == b'\\') }).sum();
                self.take(escaped + 3, pointer)?;
                Some(Value::String(text))
            }
            Value::Array(elements) => {
                self.take(3, pointer)?;
                let mut list = Vec::new();
                for (i, element) in elements.into_iter().enumerate() {
                    let pointer = format!("{pointer}/{i}");
                    match self.fit(element, &pointer, inner) {
                        Some(element) => list.push(element),
                        // The room is used up: name the first element that is missing, not each.
                        None if self.bytes < 64 || self.values == 0 => break,
                        None => {}
                    }
                }
                Some(Value::Array(list))
            }
            Value::Object(members) => {
                self.take(3, pointer)?;
                let mut object = Map::new();
                for (name, member) in members {
                    let name = clean_name(&name);
                    match self.named(&name, pointer, member, inner) {
                        Some(member) => {
                            object.insert(name, member);
                        }
                        None if self.bytes < 64 || self.values == 0 => break,
                        None => {}
                    }
                }
                Some(Value::Object(object))
            }
        }
    }

    fn fit_text(&mut self, text: String, pointer: &str, naming: bool) -> Option<String> {
        if RecordId::from_reference(&text).is_some() {
            match self.references.checked_sub(1) {
                Some(left) => self.references = left,
                None => {
                    self.abridged(pointer.to_owned());
                    return None;
                }
            }
        }
        let (text, shortened) = cut(text, MAX_TEXT_CHARS);
        let hidden = |c: char| c == '\0' || (naming && is_bidi_control(c));
        if !shortened && !text.contains(hidden) {
            return Some(text);
        }
        self.abridged(pointer.to_owned());
        let visible = text.chars().filter(|c| !(naming && is_bidi_control(*c)));
        Some(visible.map(|c| if c == '\0' { char::REPLACEMENT_CHARACTER } else { c }).collect())
    }

    fn take(&mut self, bytes: usize, pointer: &str) -> Option<()> {
        let left = self.bytes.checked_sub(bytes).zip(self.values.checked_sub(1));
        match left {
            Some((bytes, values)) => {
                (self.bytes, self.values) = (bytes, values);
                Some(())
            }
            None => {
                self.abridged(pointer.to_owned());
                None
            }
        }
    }
}

/// Where a value stands: how deep, and whether it names a thing.
#[derive(Clone, Copy)]
struct Spot {
    depth: usize,
    naming: bool,
}

/// A text of at most `max_chars` characters, and whether it was cut to that.
pub(crate) fn cut(mut text: String, max_chars: usize) -> (String, bool) {
    match text.char_indices().nth(max_chars) {
        None => (text, false),
        Some(_) => {
            let end = text.char_indices().nth(max_chars.saturating_sub(1)).map_or(0, |(at, _)| at);
            text.truncate(end);
            text.push('…');
            (text, true)
        }
    }
}

/// A name of at most 255 bytes without U+0000 and without bidirectional controls, which could make it look like another.
pub(crate) fn clean_name(name: &str) -> String {
    let mut clean: String = name.chars().filter(|c| !is_bidi_control(*c) && *c != '\0').collect();
    while clean.len() > 255 {
        clean.pop();
    }
    clean
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    fn fitted(value: Value) -> Value {
        let mut members = Members::new();
        members.add("m", value);
        Value::Object(members.finish())
    }

    #[test]
    fn numbers_that_a_record_refuses_become_text() {
        assert_eq!(
            fitted(json!([0.9, 1, -3, 9_007_199_254_740_991_u64, 9_007_199_254_740_992_u64, -0.0, 1e300])),
            json!({"m": ["0.9", 1, -3, 9_007_199_254_740_991_u64, "9007199254740992", "-0.0", "1e+300"]})
        );
    }

    #[test]
    fn long_texts_are_cut_and_named() {
        let out = fitted(json!({"a": "é".repeat(MAX_TEXT_CHARS + 1), "b": "x".repeat(MAX_TEXT_CHARS)}));
        assert_eq!(out["m"]["a"].as_str().unwrap().chars().count(), MAX_TEXT_CHARS);
        assert!(out["m"]["a"].as_str().unwrap().ends_with('…'));
        assert_eq!(out["abridged"], json!(["/m/a"]));
    }

    #[test]
    fn the_room_is_kept_whatever_comes() {
        let out = fitted(Value::Array(vec![json!({"text": "\u{1}".repeat(5_000), "n": 1}); 2_000]));
        assert!(serde_json::to_vec(&out).unwrap().len() <= MAX_BYTES + 64 * 1024);
        assert!(!out["abridged"].as_array().unwrap().is_empty());
        let out = fitted(Value::Array(vec![json!(1); 20_000]));
        assert!(out["m"].as_array().unwrap().len() < MAX_VALUES);
        let mut deep = json!("x");
        for _ in 0..100 {
            deep = json!([deep]);
        }
        assert_eq!(fitted(deep)["abridged"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn hidden_characters_go() {
        assert_eq!(fitted(json!({"a\u{202e}b": "x\u{0}y"}))["m"], json!({"ab": "x\u{fffd}y"}));
        assert_eq!(
            fitted(json!({"url": ["a\u{202e}b"], "text": "a\u{202e}b"}))["m"],
            json!({"url": ["ab"], "text": "a\u{202e}b"})
        );
        assert_eq!(clean_name(&"é".repeat(200)).len(), 254);
    }

    #[test]
    fn references_are_limited() {
        let reference = RecordId::from_bytes([1; 32]).to_reference();
        let out = fitted(json!(vec![reference; MAX_REFERENCES + 5]));
        assert_eq!(out["m"].as_array().unwrap().len(), MAX_REFERENCES);
    }

    /// Any JSON that a reader of others' documents can make.
    fn any_json() -> impl proptest::strategy::Strategy<Value = Value> {
        use proptest::prelude::*;
        let name = prop_oneof![Just("name".to_owned()), Just("url".to_owned()), "[a-c\u{202e}\u{0}~/]{0,3}"];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[\\PC\u{0}\u{202e}\u{2066}]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(40, 200, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((name.clone(), inner), 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_fitted_passes_the_strict_reader(value in any_json(), name in "\\PC{1,10}") {
            let mut members = Members::new();
            members.add(&name, value.clone());
            members.add("unmapped", json!({"name": value}));
            let fitted = Value::Object(members.finish());
            let bytes = crate::record::json::canonical(&fitted).unwrap();
            assert_eq!(crate::record::json::parse(&bytes, 720 * 1024).unwrap(), fitted);
        }
    }
}
