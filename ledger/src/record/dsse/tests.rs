//! Envelopes: published vectors, and every way in which one can be wrong.

#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

fn keys() -> Vec<PrivateKey> {
    let mut keys: Vec<PrivateKey> = (1..=16).map(|i| PrivateKey::from_ed25519_seed([i; 32])).collect();
    keys.push(PrivateKey::from_p256_scalar([0x17; 32]).unwrap());
    keys
}

fn known(id: &KeyId) -> Option<PublicKey> {
    keys().iter().find(|key| key.key_id() == *id).map(|key| key.public_key().clone())
}

/// An envelope signed by the first Ed25519 key and the P-256 key.
fn signed() -> Envelope {
    let keys = keys();
    Envelope::sign(br#"{"a":"\u00e9"}"#.to_vec(), &[&keys[0], &keys[16]]).unwrap()
}

/// The signed envelope with one change to its JSON.
fn changed(change: impl FnOnce(&mut Value)) -> Result<Envelope> {
    let mut value: Value = serde_json::from_slice(&signed().to_json()).unwrap();
    change(&mut value);
    Envelope::parse(value.to_string().as_bytes())
}

fn refused(change: impl FnOnce(&mut Value)) -> (Code, String) {
    let error = changed(change).and_then(|envelope| envelope.verify(&known)).unwrap_err();
    (error.code(), error.place().unwrap_or_default().to_owned())
}

fn at(code: Code, place: &str) -> (Code, String) {
    (code, place.to_owned())
}

#[test]
fn an_envelope_survives_its_json() {
    let envelope = signed();
    assert_eq!(Envelope::parse(&envelope.to_json()).unwrap(), envelope);
    let value: Value = serde_json::from_slice(&envelope.to_json()).unwrap();
    assert_eq!(json::canonical(&value).unwrap(), envelope.to_json(), "RFC 8785");
    let ids: Vec<KeyId> = envelope.signatures.iter().map(|signature| signature.keyid).collect();
    assert_eq!(envelope.verify(&known).unwrap(), ids);
}

#[test]
fn unknown_members_are_ignored() {
    let envelope = changed(|value| {
        value["more"] = json!({ "a": [1] });
        value["signatures"][0]["cert"] = json!("PEM");
    });
    assert_eq!(envelope.unwrap(), signed());
}

#[test]
fn either_alphabet_is_read_and_the_standard_one_written() {
    // 0xfb 0xff are the bits that the alphabets spell differently.
    let payload = vec![0xfb, 0xff, 0xfe, 0x3e];
    let envelope = Envelope::sign(payload.clone(), &[&keys()[0]]).unwrap();
    let standard = STANDARD.encode(&payload);
    assert!(standard.contains(['+', '/']));
    let text = String::from_utf8(envelope.to_json()).unwrap();
    assert!(text.contains(&standard));
    let url_safe = text.replace(&standard, &URL_SAFE.encode(&payload));
    assert_ne!(url_safe, text);
    assert_eq!(Envelope::parse(url_safe.as_bytes()).unwrap(), envelope);
}

#[test]
fn b08_the_payload_or_its_type_changed_after_signing() {
    assert_eq!(refused(|v| v["payloadType"] = json!("application/json")), at(Code::SignatureInvalid, "/signatures/0"));
    assert_eq!(
        refused(|v| v["payload"] = json!(STANDARD.encode(br#"{"a":"e"}"#))),
        at(Code::SignatureInvalid, "/signatures/0")
    );
    // The lengths in the encoding keep a byte from moving between type and payload.
    assert_ne!(pae("ab", b"c"), pae("a", b"bc"));
}

#[test]
fn b08_one_bit_changed_anywhere_never_verifies() {
    let text = signed().to_json();
    for bit in 0..text.len() * 8 {
        let mut text = text.clone();
        text[bit / 8] ^= 1 << (bit % 8);
        let verified = Envelope::parse(&text).and_then(|envelope| envelope.verify(&known));
        assert!(verified.is_err(), "bit {bit}: {}", text.escape_ascii());
    }
}

#[test]
fn b08_keyids_swapped() {
    let swapped = refused(|v| {
        let first = v["signatures"][0]["keyid"].take();
        let second = v["signatures"][1]["keyid"].take();
        v["signatures"][0]["keyid"] = second;
        v["signatures"][1]["keyid"] = first;
    });
    assert_eq!(swapped, at(Code::SignatureInvalid, "/signatures/0"));
    assert_eq!(
        refused(|v| v["signatures"][1]["keyid"] = json!("0".repeat(64))),
        at(Code::SignerUnknown, "/signatures/1")
    );
}

#[test]
fn b08_a_lookup_that_answers_with_another_key_is_not_believed() {
    let other = |_: &KeyId| Some(keys()[3].public_key().clone());
    assert_eq!(signed().verify(&other).unwrap_err().code(), Code::SignerUnknown);
}

#[test]
fn b08_base64_garbage() {
    let sig = STANDARD.encode(&signed().signatures[0].sig);
    for garbage in ["!", "a", &sig[..86], "====", "ab=c", "\u{e9}", " ", &format!("{sig}\n"), "+-==", "QR=="] {
        let place = at(Code::SignatureInvalid, "/signatures/0/sig");
        assert_eq!(refused(|v| v["signatures"][0]["sig"] = json!(garbage)), place, "{garbage:?}");
        assert_eq!(refused(|v| v["payload"] = json!(garbage)), at(Code::Base64, "/payload"), "{garbage:?}");
    }
    let long = STANDARD.encode([0; MAX_SIGNATURE_BYTES + 1]);
    assert_eq!(refused(|v| v["signatures"][1]["sig"] = json!(long)), at(Code::SignatureInvalid, "/signatures/1/sig"));
    assert_eq!(refused(|v| v["signatures"][1]["sig"] = json!("")), at(Code::SignatureInvalid, "/signatures/1"));
}

#[test]
fn b08_zero_or_seventeen_signatures() {
    assert_eq!(refused(|v| v["signatures"] = json!([])), at(Code::SignatureCount, "/signatures"));
    let seventeen = refused(|v| {
        let one = v["signatures"][0].clone();
        v["signatures"] = json!(vec![one; 17]);
    });
    assert_eq!(seventeen, at(Code::SignatureCount, "/signatures"));

    let keys = keys();
    let all: Vec<&PrivateKey> = keys.iter().collect();
    assert_eq!(Envelope::sign(vec![1], &all).unwrap_err().code(), Code::SignatureCount);
    assert_eq!(Envelope::sign(vec![1], &[]).unwrap_err().code(), Code::SignatureCount);
    let sixteen = Envelope::sign(vec![1], &all[..16]).unwrap();
    assert_eq!(Envelope::parse(&sixteen.to_json()).unwrap().verify(&known).unwrap().len(), 16);
}

#[test]
fn b08_the_same_key_twice_is_not_two() {
    let twice = refused(|v| v["signatures"][1] = v["signatures"][0].clone());
    assert_eq!(twice, at(Code::Threshold, "/signatures/1/keyid"));
    // Another valid signature of the same key changes nothing.
    let key = &keys()[0];
    assert_eq!(Envelope::sign(vec![1], &[key, key]).unwrap_err().code(), Code::Threshold);
}

#[test]
fn b08_an_envelope_without_signatures_made_by_hand_verifies_nothing() {
    let empty = Envelope { signatures: Vec::new(), ..signed() };
    assert_eq!(empty.verify(&known).unwrap_err().code(), Code::SignatureCount);
}

#[test]
fn b07_members_missing_or_of_the_wrong_type() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 14] = [
        (|v| *v = json!([]), ""),
        (|v| *v = json!("envelope"), ""),
        (|v| _ = v.as_object_mut().unwrap().remove("payload"), "/payload"),
        (|v| v["payload"] = json!(7), "/payload"),
        (|v| v["payload"] = json!({ "a": "b" }), "/payload"),
        (|v| _ = v.as_object_mut().unwrap().remove("payloadType"), "/payloadType"),
        (|v| v["payloadType"] = json!(null), "/payloadType"),
        (|v| _ = v.as_object_mut().unwrap().remove("signatures"), "/signatures"),
        (|v| v["signatures"] = json!({ "keyid": "a", "sig": "b" }), "/signatures"),
        (|v| v["signatures"][1] = json!("sig"), "/signatures/1"),
        (|v| _ = v["signatures"][1].as_object_mut().unwrap().remove("keyid"), "/signatures/1/keyid"),
        (|v| v["signatures"][1]["keyid"] = json!(""), "/signatures/1/keyid"),
        (|v| v["signatures"][0]["keyid"] = json!("AB".repeat(32)), "/signatures/0/keyid"),
        (|v| _ = v["signatures"][0].as_object_mut().unwrap().remove("sig"), "/signatures/0/sig"),
    ];
    for (change, place) in cases {
        assert_eq!(refused(change), at(Code::Schema, place));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_payload_survives(payload: Vec<u8>) {
        let keys = keys();
        let envelope = Envelope::sign(payload, &[&keys[2], &keys[16]]).unwrap();
        let read = Envelope::parse(&envelope.to_json()).unwrap();
        prop_assert!(read.verify(&known).is_ok());
        prop_assert_eq!(read, envelope);
    }

    /// What verifies after a byte was changed says the same: one spelling of base64 became the other.
    #[test]
    fn b08_one_byte_changed_never_verifies_as_something_else(at in any::<prop::sample::Index>(), xor in 1..=255_u8) {
        let envelope = signed();
        let mut text = envelope.to_json();
        let at = at.index(text.len());
        text[at] ^= xor;
        if let Ok(read) = Envelope::parse(&text) {
            prop_assert!(read == envelope || read.verify(&known).is_err(), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let _ = Envelope::parse(&bytes);
    }
}
