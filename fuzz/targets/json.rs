//! The strict reader of JSON: what it accepts every other reader understands alike, and has one canonical form.

#![no_main]

use colophon_fuzz::seeds;
use ledger::record::json;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const MAX: usize = 1 << 20;

const SEEDS: [&str; 6] = [
    r#"{"name":"a","list":[1,-2,9007199254740991,{"x":null}],"t":true,"f":false}"#,
    r#"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"#,
    "\"\\u05e9\\ud83d\\ude00\\n\\/\\\"\\\\\\b\\f\\r\\t é😀\"",
    " {\r\n\t\"\" : 0 , \"\\u0061\" : [ ] } ",
    r#"{"a":{"b":{"a":1}},"B":2,"é":3,"😀":4,"\uffee":5}"#,
    "-9007199254740991",
];

fuzz_target!(init: seeds(SEEDS), |data: &[u8]| {
    let Ok(value) = json::parse(data, MAX) else { return };
    assert_eq!(serde_json::from_slice::<Value>(data).expect("what is accepted is JSON"), value);

    let canonical = json::canonical(&value).expect("what is accepted has a canonical form");
    let again = json::parse(&canonical, usize::MAX).expect("the canonical form is accepted");
    assert_eq!(again, value);
    assert_eq!(json::canonical(&again).expect("the same value"), canonical);
});
