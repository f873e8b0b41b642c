//! Query strings: `name=value` pairs, each name once, every name known.
//!
//! Strict on purpose: a misspelt filter that is ignored would answer another question than the one asked.

use std::fmt::Display;
use std::str::FromStr;

use crate::problem::Problem;

/// The parameters of one request.
#[derive(Debug, Default)]
pub struct Query(Vec<(String, String)>);

/// Longer ones are refused: the longest filter is an issuer's id of 255 bytes, percent-encoded, with a few digests.
const MAX_LEN: usize = 4096;

impl Query {
    /// Reads the part after the question mark; every name must be one of `known`.
    ///
    /// # Errors
    /// `bad_request` at the parameter.
    pub fn parse(text: &str, known: &[&str]) -> Result<Self, Problem> {
        if text.len() > MAX_LEN {
            return Err(Problem::bad_request("query", format!("longer than {MAX_LEN} bytes")));
        }
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let Some(name) = decode(name, true) else {
                return Err(Problem::bad_request("query", "a name is not percent-encoded UTF-8"));
            };
            if !known.contains(&name.as_str()) {
                return Err(Problem::bad_request(format!("query {name}"), format!("known are {}", known.join(", "))));
            }
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(Problem::bad_request(format!("query {name}"), "given twice"));
            }
            let Some(value) = decode(value, true) else {
                return Err(Problem::bad_request(format!("query {name}"), "not percent-encoded UTF-8"));
            };
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// The value of a parameter. An empty one counts as absent, as an HTML form sends it.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// The value of a parameter, read as a `T`.
    ///
    /// # Errors
    /// `bad_request`, with the parameter's name, if it is there and is no `T`.
    pub fn value<T>(&self, name: &str) -> Result<Option<T>, Problem>
    where
        T: FromStr,
        T::Err: Display,
    {
        let value = self.text(name).map(T::from_str).transpose();
        value.map_err(|error| Problem::bad_request(format!("query {name}"), error.to_string()))
    }
}

/// Takes percent-encoding away; in a query, `+` is a space. `None` for a broken escape or what is not UTF-8.
pub fn decode(text: &str, plus_is_space: bool) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?].map(|digit| char::from(digit).to_digit(16));
                u8::try_from(digits[0]? << 4 | digits[1]?).ok()?
            }
            b'+' if plus_is_space => b' ',
            other => other,
        });
    }
    String::from_utf8(out).ok()
}

/// Percent-encodes everything but RFC 3986's unreserved characters, for a value of a query or one segment of a path.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => {
                out.push('%');
                out.push_str(&format!("{byte:02X}"));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use ledger::Code;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_must_be_known_and_stand_once() {
        let query = Query::parse("kind=model-card&issuer=urn%3Ax+y&after=", &["kind", "issuer", "after"]).unwrap();
        assert_eq!(query.text("kind"), Some("model-card"));
        assert_eq!(query.text("issuer"), Some("urn:x y"));
        assert_eq!(query.text("after"), None);
        for bad in ["knid=x", "kind=a&kind=b", "kind=%zz", "kind=%ff", "%", "kind=a&kind="] {
            assert_eq!(Query::parse(bad, &["kind"]).unwrap_err().code(), Code::BadRequest, "{bad}");
        }
        assert!(Query::parse(&"&".repeat(MAX_LEN + 1), &[]).is_err());
    }

    #[test]
    fn a_value_that_is_not_of_its_type_names_the_parameter() {
        let query = Query::parse("limit=many", &["limit"]).unwrap();
        let problem = query.value::<u16>("limit").unwrap_err();
        assert_eq!(problem.error().place(), Some("query limit"));
    }

    proptest! {
        #[test]
        fn encoding_is_undone_by_decoding(text in ".*") {
            prop_assert_eq!(decode(&encode(&text), true), Some(text.clone()));
            prop_assert_eq!(decode(&encode(&text), false), Some(text));
        }

        #[test]
        fn no_query_string_panics(text in ".*") {
            let _ = Query::parse(&text, &["a", "b"]);
        }
    }
}
