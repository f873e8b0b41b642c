//! Keys: published vectors of signatures, and keys that no party may register.

#![allow(clippy::unwrap_used, clippy::panic)]

use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use proptest::prelude::*;

use super::*;

fn p256_key() -> PrivateKey {
    PrivateKey::from_p256_scalar([0x17; 32]).unwrap()
}

fn ed25519_key() -> PrivateKey {
    PrivateKey::from_ed25519_seed([7; 32])
}

fn ed25519_spki(point: &[u8]) -> Vec<u8> {
    [&ED25519_PREFIX, point].concat()
}

fn code<T: fmt::Debug>(result: Result<T>) -> Code {
    result.unwrap_err().code()
}

#[test]
fn a_key_survives_its_der_and_base64() {
    for private in [ed25519_key(), p256_key()] {
        let key = private.public_key();
        let der = key.to_spki_der();
        assert_eq!(PublicKey::from_spki_der(&der).unwrap(), *key);
        assert_eq!(PublicKey::from_base64(&key.to_base64()).unwrap(), *key);
        assert_eq!(key.key_id().as_bytes(), &<[u8; 32]>::from(Sha256::digest(&der)));
        let again = match private.algorithm() {
            Algorithm::Ed25519 => PrivateKey::from_ed25519_seed(*private.secret_bytes()),
            Algorithm::P256 => PrivateKey::from_p256_scalar(*private.secret_bytes()).unwrap(),
        };
        assert_eq!(again.key_id(), private.key_id());
    }
}

#[test]
fn the_der_is_what_pkcs8_writes() {
    use p256::pkcs8::EncodePublicKey as _;
    let secret = p256::SecretKey::from_slice(&[0x17; 32]).unwrap();
    let der = secret.public_key().to_public_key_der().unwrap();
    assert_eq!(p256_key().public_key().to_spki_der(), der.as_bytes());
    let ed25519 = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).verifying_key();
    let der = ed25519_dalek::pkcs8::EncodePublicKey::to_public_key_der(&ed25519).unwrap();
    assert_eq!(ed25519_key().public_key().to_spki_der(), der.as_bytes());
}

#[test]
fn nothing_secret_is_shown() {
    for key in [ed25519_key(), p256_key()] {
        let shown = format!("{key:?}");
        assert!(!shown.contains(&crate::ids::to_hex(&key.secret_bytes()[..4])), "{shown}");
        assert!(!shown.contains("[7, 7") && !shown.contains("[23, 23"), "{shown}");
    }
}

/// The first test of RFC 8032 §7.1.
#[test]
fn ed25519_signs_as_the_rfc_says() {
    let seed = crate::ids::from_hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
    let key = PrivateKey::from_ed25519_seed(seed);
    let signature = key.sign(b"");
    assert_eq!(
        crate::ids::to_hex(&signature),
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    );
    assert!(key.public_key().verify(b"", &signature).is_ok());
}

#[test]
fn b08_a_signature_one_bit_off_does_not_verify() {
    for key in [ed25519_key(), p256_key()] {
        let good = key.sign(b"message");
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(code(key.public_key().verify(b"message", &bad)), Code::SignatureInvalid, "{bit}");
        }
        for len in [0, 1, 63, 65, good.len() - 1, good.len() + 1] {
            let mut bad = good.clone();
            bad.resize(len, 0);
            if bad != good {
                assert_eq!(code(key.public_key().verify(b"message", &bad)), Code::SignatureInvalid, "{len}");
            }
        }
        assert!(key.public_key().verify(b"massage", &good).is_err());
    }
    // A signature of one algorithm is none of the other.
    assert!(p256_key().public_key().verify(b"m", &ed25519_key().sign(b"m")).is_err());
    assert!(ed25519_key().public_key().verify(b"m", &p256_key().sign(b"m")).is_err());
}

/// R is the neutral point and S = k·a: the equation holds, and the signature could have been made without a nonce.
#[test]
fn b09_a_signature_with_a_small_order_r_is_refused_though_the_equation_holds() {
    const R: [u8; 32] = {
        let mut neutral = [0; 32];
        neutral[0] = 1;
        neutral
    };
    let s = crate::ids::from_hex("d4c5323131ff9683cfb3d30197c786c9043f1052d6c2d5293f19d6f36b911104").unwrap();
    let signature = [R, s].concat();
    let key = ed25519_key();
    let Point::Ed25519(point) = &key.public_key().point else { panic!("Ed25519") };
    let lenient = ed25519_dalek::Signature::from_slice(&signature).unwrap();
    assert!(ed25519_dalek::Verifier::verify(point, b"message", &lenient).is_ok());
    assert_eq!(code(key.public_key().verify(b"message", &signature)), Code::SignatureInvalid);
}

/// Every encoding of a point of small order, the canonical ones and the others, listed by what they are.
#[test]
fn b09_ed25519_points_of_small_order_and_second_spellings_are_refused() {
    const ORDER_8: [&str; 2] = [
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ];
    let little_endian = |low: u8, rest: u8, high: u8| {
        let mut y = [rest; 32];
        (y[0], y[31]) = (low, high);
        y
    };
    let mut points = vec![
        little_endian(0, 0, 0),          // order 4
        little_endian(1, 0, 0),          // the neutral point
        little_endian(0xec, 0xff, 0x7f), // order 2: p − 1
        little_endian(0xed, 0xff, 0x7f), // p, which is 0
        little_endian(0xee, 0xff, 0x7f), // p + 1, which is 1
    ];
    points.extend(ORDER_8.map(|hex| crate::ids::from_hex(hex).unwrap()));
    for point in points {
        for sign in [0, 0x80] {
            let mut point = point;
            point[31] |= sign;
            assert_eq!(code(PublicKey::from_spki_der(&ed25519_spki(&point))), Code::KeyRefused, "{point:02x?}");
        }
    }
    // p + 3 and above, up to 2^255 − 1, are second spellings of small y; 2 is not on the curve.
    for low in 0xef..=0xff {
        let point = little_endian(low, 0xff, 0x7f);
        assert_eq!(code(PublicKey::from_spki_der(&ed25519_spki(&point))), Code::KeyRefused, "{low:x}");
    }
    assert_eq!(code(PublicKey::from_spki_der(&ed25519_spki(&little_endian(2, 0, 0)))), Code::KeyRefused);
}

#[test]
fn b09_only_the_two_forms_of_der_are_read() {
    let ed25519 = ed25519_key().public_key().to_spki_der();
    let p256 = p256_key().public_key().to_spki_der();
    for good in [&ed25519, &p256] {
        for i in 0..good.len() {
            let truncated = &good[..i];
            assert_eq!(code(PublicKey::from_spki_der(truncated)), Code::KeyRefused, "{i}");
        }
        assert_eq!(code(PublicKey::from_spki_der(&[good.as_slice(), &[0]].concat())), Code::KeyRefused);
        // A length in the long form is BER, not DER.
        let ber = [&[0x30, 0x81, good[1]], &good[2..]].concat();
        assert_eq!(code(PublicKey::from_spki_der(&ber)), Code::KeyRefused);
    }
    // X25519, Ed448 and secp384r1 are other algorithms; so is P-256 with NULL parameters for Ed25519.
    let x25519 = [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00], &ed25519[12..]].concat();
    let ed25519_null =
        [&[0x30, 0x2c, 0x30, 0x07, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x05, 0x00, 0x03, 0x21, 0x00], &ed25519[12..]]
            .concat();
    let p384 =
        [
            &[
                0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
                0x04,
            ][..],
            &[0x00, 0x22, 0x03, 0x62, 0x00, 0x04],
            &[1; 96],
        ]
        .concat();
    // secp256k1: the same length as P-256, another curve.
    let k256 =
        [
            &[
                0x30, 0x56, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
                0x04,
            ][..],
            &[0x00, 0x0a, 0x03, 0x42, 0x00],
            &p256[26..],
        ]
        .concat();
    for other in [x25519, ed25519_null, p384, k256, Vec::new(), vec![0x30]] {
        assert_eq!(code(PublicKey::from_spki_der(&other)), Code::KeyRefused);
    }
}

#[test]
fn b09_p256_points_must_be_on_the_curve_and_uncompressed() {
    let good = p256_key().public_key().to_spki_der();
    let secret = p256::SecretKey::from_slice(&[0x17; 32]).unwrap();
    let compressed = secret.public_key().as_affine().to_sec1_point(true);
    let header = [0x30, 0x39, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08];
    let curve = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x22, 0x00];
    let compressed_spki = [&header[..], &curve, compressed.as_bytes()].concat();
    assert_eq!(code(PublicKey::from_spki_der(&compressed_spki)), Code::KeyRefused);
    assert_eq!(code(PublicKey::from_spki_der(&[&P256_PREFIX, compressed.as_bytes()].concat())), Code::KeyRefused);

    let at = P256_PREFIX.len();
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut der = good.clone();
        change(&mut der);
        code(PublicKey::from_spki_der(&der))
    };
    assert_eq!(with(&|der| der[at + 64] ^= 1), Code::KeyRefused, "not on the curve");
    assert_eq!(with(&|der| der[at] = 0x06), Code::KeyRefused, "hybrid form");
    assert_eq!(with(&|der| der[at] = 0x00), Code::KeyRefused, "the point at infinity with garbage");
    assert_eq!(with(&|der| der[at..].fill(0)), Code::KeyRefused, "all zero");
    assert_eq!(with(&|der| der[at + 1..].fill(0xff)), Code::KeyRefused, "coordinates above the field");
    assert_eq!(code(PublicKey::from_spki_der(&[&P256_PREFIX[..], &[0]].concat())), Code::KeyRefused, "infinity");
}

#[test]
fn base64_of_a_key_is_strict() {
    let text = ed25519_key().public_key().to_base64();
    for wrong in [
        text.trim_end_matches('=').to_owned(),
        format!("{text}\n"),
        format!(" {text}"),
        text.replace('+', "-"),
        "A".repeat(1000),
        String::new(),
    ] {
        if wrong != text {
            assert_eq!(code(PublicKey::from_base64(&wrong)), Code::KeyRefused, "{wrong:?}");
        }
    }
}

/// What is not decided by the standard is decided here: a P-256 signature with s in the upper half is accepted.
#[test]
fn a_p256_signature_with_high_s_is_accepted() {
    let key = p256_key();
    let signature = p256::ecdsa::Signature::from_der(&key.sign(b"message")).unwrap();
    let negated = p256::ecdsa::Signature::from_scalars(signature.r(), -*signature.s()).unwrap();
    assert_ne!(signature, negated);
    for one in [signature, negated] {
        assert!(key.public_key().verify(b"message", one.to_der().as_bytes()).is_ok());
    }
}

#[test]
fn a_p256_signature_is_strict_der() {
    let key = p256_key();
    let verify = |signature: &[u8]| key.public_key().verify(b"message", signature);
    // A message whose r and s both have the highest bit clear keeps the arithmetic below simple.
    let good = key.sign(b"message");
    assert!(verify(&good).is_ok());
    let signature = p256::ecdsa::Signature::from_der(&good).unwrap();
    let (r, s) = (good[4..4 + usize::from(good[3])].to_vec(), good[6 + usize::from(good[3])..].to_vec());
    let integer = |bytes: &[u8]| [&[0x02, u8::try_from(bytes.len()).unwrap()], bytes].concat();
    let sequence = |r: &[u8], s: &[u8]| {
        let inside = [integer(r), integer(s)].concat();
        [&[0x30, u8::try_from(inside.len()).unwrap()], inside.as_slice()].concat()
    };
    assert_eq!(sequence(&r, &s), good, "the helper writes the same DER");

    let raw = signature.to_bytes();
    assert!(verify(&raw).is_err(), "raw r||s");
    assert!(verify(&sequence(&[&[0], r.as_slice()].concat(), &s)).is_err(), "a leading zero in r");
    assert!(verify(&sequence(&r, &[&[0], s.as_slice()].concat())).is_err(), "a leading zero in s");
    assert!(verify(&[good.as_slice(), &[0]].concat()).is_err(), "a byte behind the sequence");
    assert!(verify(&[&[0x30, 0x81, good[1]], &good[2..]].concat()).is_err(), "a length in the long form");
    let indefinite = [&[0x30, 0x80], &good[2..], &[0, 0]].concat();
    assert!(verify(&indefinite).is_err(), "an indefinite length");
    assert!(verify(&[&[0x31], &good[1..]].concat()).is_err(), "a set");
    let inside_longer = [&[0x30, good[1] + 2], &good[2..], &[0x05, 0x00]].concat();
    assert!(verify(&inside_longer).is_err(), "a third element");
    for zero in [&[][..], &[0]] {
        assert!(verify(&sequence(zero, &s)).is_err(), "r = 0");
        assert!(verify(&sequence(&r, zero)).is_err(), "s = 0");
    }
    let order = crate::ids::from_hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551").unwrap();
    let order = [&[0], &order[..]].concat();
    assert!(verify(&sequence(&order, &s)).is_err(), "r = n");
    assert!(verify(&sequence(&r, &order)).is_err(), "s = n");
    if r[0] == 0 {
        assert!(verify(&sequence(&r[1..], &s)).is_err(), "a negative r");
    }
}

#[test]
fn p256_is_over_sha256_and_not_over_the_message_as_a_digest() {
    let key = p256_key();
    let Point::P256(point) = &key.public_key().point else { panic!("P-256") };
    let signature = p256::ecdsa::Signature::from_der(&key.sign(b"message")).unwrap();
    assert!(point.verify_prehash(&Sha256::digest(b"message"), &signature).is_ok());
}

#[test]
fn a_p256_scalar_is_in_range() {
    assert_eq!(code(PrivateKey::from_p256_scalar([0; 32])), Code::KeyRefused);
    assert_eq!(code(PrivateKey::from_p256_scalar([0xff; 32])), Code::KeyRefused);
}

proptest! {
    #[test]
    fn what_a_key_signs_it_verifies(seed: [u8; 32], message: Vec<u8>) {
        let mut keys = vec![PrivateKey::from_ed25519_seed(seed)];
        keys.extend(PrivateKey::from_p256_scalar(seed).ok());
        for key in keys {
            prop_assert!(key.public_key().verify(&message, &key.sign(&message)).is_ok());
            prop_assert_eq!(&PublicKey::from_spki_der(&key.public_key().to_spki_der()).unwrap(), key.public_key());
        }
    }

    #[test]
    fn no_bytes_make_a_key_or_a_signature_panic(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        let _ = PublicKey::from_spki_der(&bytes);
        let _ = PublicKey::from_spki_der(&ed25519_spki(&bytes));
        let _ = PublicKey::from_spki_der(&[&P256_PREFIX[..], &[4], &bytes].concat());
        for key in [ed25519_key(), p256_key()] {
            prop_assert!(key.public_key().verify(b"message", &bytes).is_err());
        }
    }
}
