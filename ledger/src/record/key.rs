//! Keys: which public keys a log takes, what they are called, and how a signature is checked and made.
//!
//! Two algorithms: Ed25519 (RFC 8032) and ECDSA over P-256 with SHA-256 (FIPS 186-5), the second because OpenSSF Model
//! Signing has no Ed25519. A key is written as the DER of its SubjectPublicKeyInfo in exactly one form: RFC 8410 for
//! Ed25519; RFC 5480 with the named curve and the uncompressed point for P-256. Its [`KeyId`] is the SHA-256 of those bytes.
//!
//! Whether a key belongs to anybody, or is in force, is not known here; see `state`. Files with passwords are the
//! command line's.

use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer as _;
use p256::ecdsa::signature::Verifier as _;
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

use crate::error::{Code, Error, Result};
use crate::ids::KeyId;

/// DER up to the 32 bytes of an Ed25519 key (RFC 8410 §4).
///
/// ```text
/// 30 2a                    SEQUENCE, 42 bytes
///    30 05 06 03 2b 65 70     AlgorithmIdentifier 1.3.101.112, no parameters
///    03 21 00                 BIT STRING, 33 bytes, no unused bits
/// ```
const ED25519_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// DER up to the 65 bytes of an uncompressed P-256 point (RFC 5480 §2); the 65th from the end is always 0x04.
///
/// ```text
/// 30 59                                      SEQUENCE, 89 bytes
///    30 13 06 07 2a 86 48 ce 3d 02 01           id-ecPublicKey 1.2.840.10045.2.1
///          06 08 2a 86 48 ce 3d 03 01 07        namedCurve secp256r1 1.2.840.10045.3.1.7
///    03 42 00                                   BIT STRING, 66 bytes, no unused bits
/// ```
const P256_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// The longest SPKI that is looked at; a longer text is refused before base64 is decoded.
const MAX_SPKI: usize = P256_PREFIX.len() + 65;

/// How a key signs. It follows from the registered key, never from an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// Ed25519 over the message itself.
    Ed25519,
    /// ECDSA over P-256 with SHA-256; signatures in DER.
    P256,
}

impl Algorithm {
    /// The name to show.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ed25519 => "Ed25519",
            Self::P256 => "ECDSA P-256",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A public key that is fit to be registered.
///
/// ```
/// use ledger::record::key::PublicKey;
///
/// // The key of RFC 8032 §7.1 TEST 1 as a SubjectPublicKeyInfo.
/// let key = PublicKey::from_base64("MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")?;
/// assert_eq!(key.algorithm().as_str(), "Ed25519");
/// assert_eq!(key.key_id().to_hex(), "06e3fd8fda29bb60ab59557de61edb0aecdb231134be30e75b455f8e1b792fa9");
/// # Ok::<(), ledger::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    id: KeyId,
    point: Point,
}

#[derive(Clone, PartialEq, Eq)]
enum Point {
    Ed25519(ed25519_dalek::VerifyingKey),
    P256(p256::ecdsa::VerifyingKey),
}

impl PublicKey {
    /// Reads the DER of a SubjectPublicKeyInfo.
    ///
    /// Refused with [`Code::KeyRefused`]: any other encoding of the same key (BER, compressed points, explicit curves),
    /// other algorithms and curves, points that are not on the curve, and for Ed25519 points of small order and points in
    /// a form that RFC 8032 §5.1.3 does not decode. A point with a component of small order beside one of large order
    /// cannot be told from its bytes and passes; so a key's identity is its id, never its point.
    ///
    /// # Errors
    /// `key_refused`, as said above.
    pub fn from_spki_der(der: &[u8]) -> Result<Self> {
        let point = if let Some(key) = der.strip_prefix(&ED25519_PREFIX) {
            Point::Ed25519(ed25519_point(key)?)
        } else if let Some(key) = der.strip_prefix(&P256_PREFIX) {
            Point::P256(p256_point(key)?)
        } else {
            return Err(refused("neither Ed25519 (RFC 8410) nor P-256 as a named curve with the uncompressed point"));
        };
        Ok(Self { id: KeyId::from_bytes(Sha256::digest(der).into()), point })
    }

    /// Reads standard base64 with padding of the DER.
    ///
    /// # Errors
    /// `key_refused`, also for what is not base64.
    pub fn from_base64(text: &str) -> Result<Self> {
        if text.len() > MAX_SPKI.div_ceil(3) * 4 {
            return Err(refused("longer than any key that is accepted"));
        }
        let der = STANDARD.decode(text).map_err(|error| refused(format!("not base64: {error}")))?;
        Self::from_spki_der(&der)
    }

    /// The DER of the SubjectPublicKeyInfo.
    pub fn to_spki_der(&self) -> Vec<u8> {
        match &self.point {
            Point::Ed25519(key) => [&ED25519_PREFIX, key.as_bytes().as_slice()].concat(),
            Point::P256(key) => [&P256_PREFIX, key.to_sec1_point(false).as_bytes()].concat(),
        }
    }

    /// Standard base64 with padding of the DER: what `publicKey` holds in a record.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.to_spki_der())
    }

    /// The 32 bytes of an Ed25519 key, as signed notes write it.
    pub fn ed25519_bytes(&self) -> Option<&[u8; 32]> {
        match &self.point {
            Point::Ed25519(key) => Some(key.as_bytes()),
            Point::P256(_) => None,
        }
    }

    /// SHA-256 of the DER.
    pub const fn key_id(&self) -> KeyId {
        self.id
    }

    /// How the key signs.
    pub const fn algorithm(&self) -> Algorithm {
        match self.point {
            Point::Ed25519(_) => Algorithm::Ed25519,
            Point::P256(_) => Algorithm::P256,
        }
    }

    /// Checks a signature.
    ///
    /// Ed25519: 64 bytes, `verify_strict` (no small-order R, S below the group order, the equation without
    /// cofactor). P-256: strict DER of two integers in [1, n); an s in the upper half is accepted, since OpenSSL and what
    /// builds on it produce half of theirs so, and nothing here is named by a signature.
    ///
    /// # Errors
    /// `signature_invalid`.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<()> {
        match &self.point {
            Point::Ed25519(key) => {
                let signature = ed25519_dalek::Signature::from_slice(signature)
                    .map_err(|_| invalid(format!("{} bytes where Ed25519 has 64", signature.len())))?;
                key.verify_strict(message, &signature).map_err(|_| invalid("the Ed25519 signature does not match"))
            }
            Point::P256(key) => {
                let signature = p256::ecdsa::Signature::from_der(signature)
                    .map_err(|_| invalid("not the DER of a P-256 signature"))?;
                key.verify(message, &signature).map_err(|_| invalid("the P-256 signature does not match"))
            }
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {})", self.algorithm(), self.id)
    }
}

/// A private key. Its bytes are wiped from memory when it is dropped, and it cannot be printed.
pub struct PrivateKey {
    public: PublicKey,
    secret: Secret,
}

enum Secret {
    Ed25519(Box<ed25519_dalek::SigningKey>),
    P256(Box<p256::ecdsa::SigningKey>),
}

impl PrivateKey {
    /// The Ed25519 key of a seed (RFC 8032 §5.1.5): 32 bytes from a source of randomness fit for keys.
    pub fn from_ed25519_seed(mut seed: [u8; 32]) -> Self {
        let secret = ed25519_dalek::SigningKey::from_bytes(&seed);
        seed.zeroize();
        let point = Point::Ed25519(secret.verifying_key());
        Self { public: named(point), secret: Secret::Ed25519(Box::new(secret)) }
    }

    /// The P-256 key of a big-endian scalar in [1, n).
    ///
    /// # Errors
    /// `key_refused` for a scalar outside of that.
    pub fn from_p256_scalar(mut scalar: [u8; 32]) -> Result<Self> {
        let secret = p256::ecdsa::SigningKey::from_slice(&scalar);
        scalar.zeroize();
        let secret = secret.map_err(|_| refused("the scalar is zero or not below the order of P-256"))?;
        let point = Point::P256(*secret.verifying_key());
        Ok(Self { public: named(point), secret: Secret::P256(Box::new(secret)) })
    }

    /// The public half.
    pub const fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The id of the public half.
    pub const fn key_id(&self) -> KeyId {
        self.public.id
    }

    /// How the key signs.
    pub const fn algorithm(&self) -> Algorithm {
        self.public.algorithm()
    }

    /// The seed or the scalar, for those who write key files. Wiped when dropped.
    pub fn secret_bytes(&self) -> Zeroizing<[u8; 32]> {
        match &self.secret {
            Secret::Ed25519(key) => Zeroizing::new(key.to_bytes()),
            Secret::P256(key) => Zeroizing::new(key.to_bytes().into()),
        }
    }

    /// Signs: 64 bytes for Ed25519; DER for P-256. Both are deterministic (RFC 8032, RFC 6979).
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.secret {
            Secret::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
            Secret::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_der().as_bytes().to_vec()
            }
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey(of {:?})", self.public)
    }
}

fn named(point: Point) -> PublicKey {
    let mut key = PublicKey { id: KeyId::from_bytes([0; 32]), point };
    key.id = KeyId::from_bytes(Sha256::digest(key.to_spki_der()).into());
    key
}

fn ed25519_point(bytes: &[u8]) -> Result<ed25519_dalek::VerifyingKey> {
    let bytes: &[u8; 32] =
        bytes.try_into().map_err(|_| refused(format!("{} bytes where Ed25519 has 32", bytes.len())))?;
    let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| refused("not a point of the curve"))?;
    // The library decodes y >= p and "minus zero" too; two spellings of one point would be two keys.
    if key.to_edwards().compress().as_bytes() != bytes {
        return Err(refused("the point is not in its canonical form"));
    }
    if key.is_weak() {
        return Err(refused("the point is of small order: one signature would fit any message"));
    }
    Ok(key)
}

fn p256_point(bytes: &[u8]) -> Result<p256::ecdsa::VerifyingKey> {
    if bytes.len() != 65 || bytes.first() != Some(&0x04) {
        return Err(refused("the point is not in uncompressed form"));
    }
    p256::ecdsa::VerifyingKey::from_sec1_bytes(bytes).map_err(|_| refused("not a point of P-256"))
}

fn refused(detail: impl Into<String>) -> Error {
    Error::new(Code::KeyRefused, detail)
}

fn invalid(detail: impl Into<String>) -> Error {
    Error::new(Code::SignatureInvalid, detail)
}

#[cfg(test)]
mod tests;
