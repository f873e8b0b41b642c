//! Wycheproof and CCTV: which Ed25519 keys and signatures are taken.
//!
//! Three ways are told apart, because they differ in who refuses: `verify_strict` of the crate alone, the registration of
//! a key alone, and both together, which is the only way that a record takes.

use std::collections::BTreeMap;

use ledger::record::key::PublicKey;
use serde_json::Value;

use crate::data::folder;
use crate::unhex;

/// DER up to the key (RFC 8410), so that raw keys of vectors go through registration as a record's keys do.
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

fn registered(raw: &[u8]) -> Option<PublicKey> {
    PublicKey::from_spki_der(&[&SPKI, raw].concat()).ok()
}

/// What the crate says without us.
fn strict(raw: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let Ok(raw) = raw.try_into() else { return false };
    let Ok(key) = ed25519_dalek::VerifyingKey::from_bytes(raw) else { return false };
    let Ok(signature) = ed25519_dalek::Signature::from_slice(signature) else { return false };
    key.verify_strict(message, &signature).is_ok()
}

fn read(path: &std::path::Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    unhex(value.as_str().unwrap())
}

#[test]
fn all_151_wycheproof_cases() {
    let Some(folder) = folder("wycheproof") else { return };
    let file = read(&folder.join("testvectors_v1/ed25519_test.json"));
    let mut seen = (0, 0);
    for group in file["testGroups"].as_array().unwrap() {
        let raw = bytes(&group["publicKey"]["pk"]);
        let key = registered(&raw).unwrap();
        assert_eq!(key.to_spki_der(), bytes(&group["publicKeyDer"]), "the DER is as others write it");
        for test in group["tests"].as_array().unwrap() {
            let valid = test["result"] == "valid";
            let (message, signature) = (bytes(&test["msg"]), bytes(&test["sig"]));
            assert_eq!(key.verify(&message, &signature).is_ok(), valid, "{test}");
            assert_eq!(strict(&raw, &message, &signature), valid, "{test}");
            *(if valid { &mut seen.0 } else { &mut seen.1 }) += 1;
        }
    }
    assert_eq!(seen, (88, 63));
}

#[test]
fn b09_exactly_43_of_the_914_cctv_cases() {
    let Some(folder) = folder("cctv-ed25519") else { return };
    let cases = read(&folder.join("ed25519/ed25519vectors.json"));
    let (mut ours, mut strict_alone, mut refused_keys, mut total) = (0, 0, 0, 0);
    let mut flags: BTreeMap<String, usize> = BTreeMap::new();
    for case in cases.as_array().unwrap() {
        total += 1;
        let (raw, signature) = (bytes(&case["key"]), bytes(&case["sig"]));
        let message = case["msg"].as_str().unwrap().as_bytes();
        let by_strict = strict(&raw, message, &signature);
        strict_alone += usize::from(by_strict);
        let key = registered(&raw);
        refused_keys += usize::from(key.is_none());
        let of_case: Vec<&str> = case["flags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let bad_point = of_case.contains(&"low_order_A") || of_case.contains(&"non_canonical_A");
        assert_eq!(key.is_none(), bad_point, "registration refuses such keys and no other: {case}");
        let by_us = key.is_some_and(|key| key.verify(message, &signature).is_ok());
        assert!(by_strict || !by_us, "we never accept what strict refuses: {case}");
        if by_us {
            ours += 1;
            let mut of_case: Vec<&str> =
                case["flags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            of_case.sort_unstable();
            *flags.entry(of_case.join(" ")).or_default() += 1;
        }
    }
    println!(
        "{total} cases: strict alone {strict_alone}, keys refused {refused_keys}, both together {ours}: {flags:?}"
    );
    assert_eq!((total, strict_alone, refused_keys, ours), (914, 43, 526, 43));
    assert!(flags.keys().all(|flags| flags.split_whitespace().all(|flag| flag.starts_with("low_order_component"))));
}
