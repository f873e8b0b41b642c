//! The test vector of the DSSE specification: P-256, deterministic, its signature written as r‖s.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ledger::Code;
use ledger::record::Record;
use ledger::record::dsse::{Envelope, pae};
use ledger::record::key::PrivateKey;
use serde_json::{Value, json};

use crate::data::folder;

/// A decimal number below 2^256, big-endian.
fn from_decimal(text: &str) -> [u8; 32] {
    let mut out = [0_u8; 32];
    for digit in text.bytes() {
        let mut carry = u16::from(digit - b'0');
        for byte in out.iter_mut().rev() {
            carry += u16::from(*byte) * 10;
            *byte = u8::try_from(carry & 0xff).unwrap();
            carry >>= 8;
        }
        assert_eq!(carry, 0);
    }
    out
}

#[test]
fn the_dsse_vector() {
    let Some(folder) = folder("dsse") else { return };
    let vector: Value =
        serde_json::from_slice(&std::fs::read(folder.join("protocol-v1.0.2-vector.json")).unwrap()).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (payload_type, body) = (text(&vector["payloadType"]), text(&vector["body"]));
    let message = pae(&payload_type, body.as_bytes());
    assert_eq!(message, text(&vector["pae"]).as_bytes());

    let number = |name: &str| from_decimal(&text(&vector["key"][name]));
    let private = PrivateKey::from_p256_scalar(number("d")).unwrap();
    let key = private.public_key().clone();
    assert_eq!(key.to_spki_der()[27..], [number("X"), number("Y")].concat(), "the key of the vector");

    // The vector writes r‖s; on our wire a P-256 signature is DER, so as it stands it is refused.
    let mut envelope = vector["envelope"].clone();
    let raw = STANDARD.decode(text(&envelope["signatures"][0]["sig"])).unwrap();
    assert_eq!(key.verify(&message, &raw).unwrap_err().code(), Code::SignatureInvalid);
    let der = p256::ecdsa::Signature::from_slice(&raw).unwrap().to_der();
    key.verify(&message, der.as_bytes()).unwrap();
    assert_eq!(private.sign(&message), der.as_bytes(), "RFC 6979 makes the same signature");

    // The vector has no keyid, which is required here.
    assert_eq!(Envelope::parse(envelope.to_string().as_bytes()).unwrap_err().place(), Some("/signatures/0/keyid"));
    envelope["signatures"][0] = json!({ "keyid": key.key_id(), "sig": STANDARD.encode(der.as_bytes()) });
    let read = Envelope::parse(envelope.to_string().as_bytes()).unwrap();
    assert_eq!(read.verify(&|_| Some(key.clone())).unwrap(), [key.key_id()]);
    // It is an envelope, and no record: its type is another.
    assert_eq!(Record::parse(envelope.to_string().as_bytes()).unwrap_err().code(), Code::SignatureInvalid);
}
