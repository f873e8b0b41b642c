//! Keys, envelopes and JSON held against public vectors and real documents.
//!
//! They stand outside `src` because they read files, which the pure modules never do.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "../tlog/data.rs"]
#[allow(dead_code, reason = "one module for both test programs, of which this one needs the folder only")]
mod data;
mod documents;
mod dsse;
mod ed25519;
mod jcs;

/// The bytes of hexadecimal digits.
fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "{text}");
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}
