//! The triples of RFC 8785: input, output, and the output's bytes in hexadecimal.

use ledger::Code;
use ledger::record::json::{canonical, parse};
use serde_json::Value;

use crate::data::folder;
use crate::unhex;

#[test]
fn rfc_8785_triples() {
    let Some(folder) = folder("jcs-rfc8785/testdata") else { return };
    let read = |kind: &str, name: &str| std::fs::read(folder.join(kind).join(name)).unwrap();
    let mut refused = Vec::new();
    for name in ["arrays", "french", "structures", "unicode", "values", "weird"] {
        let input = read("input", &format!("{name}.json"));
        let output = read("output", &format!("{name}.json"));
        let hex = String::from_utf8(read("outhex", &format!("{name}.txt"))).unwrap();
        let hex: String = hex.split_whitespace().collect();
        assert_eq!(unhex(&hex), output, "{name}");
        // The crate agrees with the RFC on all six.
        let value: Value = serde_json::from_slice(&input).unwrap();
        assert_eq!(serde_json_canonicalizer::to_vec(&value).unwrap(), output, "{name}");
        // The strict reader takes those of them that have integers only, and gives the same form.
        match parse(&input, 1 << 20) {
            Ok(value) => {
                assert_eq!(canonical(&value).unwrap(), output, "{name}");
                assert_eq!(parse(&output, 1 << 20).unwrap(), value, "{name}");
            }
            Err(error) => refused.push((name, error.code(), error.place().unwrap_or_default().to_owned())),
        }
    }
    assert_eq!(
        refused,
        [
            ("structures", Code::JsonNumber, "/1/\\u{a}".to_owned()),
            ("values", Code::JsonNumber, "/numbers/0".to_owned()),
        ]
    );
}
