//! Keys that verify notes, and their text form.

use core::fmt;
use core::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

use super::name::{KeyName, NameError};
use super::time::UnixSeconds;
use crate::error::{Code, Error};
use crate::ids::to_hex;

/// What a key signs and how: the byte in front of the public key (C2SP signed-note, "Signature types").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// 0x01: Ed25519 over the note's text. How a log signs its checkpoints.
    Ed25519,
    /// 0x04: Ed25519 over a time and the text of a checkpoint. How a witness cosigns them.
    CosignatureV1,
}

impl Algorithm {
    /// The byte that stands for it.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::CosignatureV1 => 0x04,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0x01 => Some(Self::Ed25519),
            0x04 => Some(Self::CosignatureV1),
            _ => None,
        }
    }
}

/// The four bytes that say, with the name, which key made a signature. Too short to be proof of anything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyHash([u8; 4]);

impl KeyHash {
    /// The hash with these bytes.
    pub const fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }

    /// The four bytes.
    pub const fn as_bytes(&self) -> &[u8; 4] {
        &self.0
    }

    /// `SHA-256(name ‖ 0x0A ‖ algorithm ‖ public key)`, its first four bytes.
    fn of(name: &KeyName, algorithm: Algorithm, public_key: &[u8; 32]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(name.as_str());
        hasher.update([b'\n', algorithm.byte()]);
        hasher.update(public_key);
        let [a, b, c, d, ..] = <[u8; 32]>::from(hasher.finalize());
        Self([a, b, c, d])
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyHash({self})")
    }
}

/// Why a text is not a key. Says nothing of the text itself, which may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not `<name>+<hash>+<base64>`.
    #[error("a key is written <name>+<8 hexadecimal digits>+<base64>")]
    Form,
    /// The name in it is none.
    #[error("the key's name is refused: {0}")]
    Name(#[from] NameError),
    /// A type of key that is not known here.
    #[error("keys of type 0x{0:02x} are not known")]
    Algorithm(u8),
    /// The four bytes are not those of this name and key.
    #[error("the key's hash does not belong to its name and bytes")]
    Hash,
    /// The bytes are no point on the curve, a second spelling of one, or one of small order.
    #[error("the public key is weak, not canonical, or no key at all")]
    Refused,
}

impl From<KeyError> for Error {
    fn from(error: KeyError) -> Self {
        let code = match error {
            KeyError::Name(NameError::TooLong(_)) => Code::NameTooLong,
            _ => Code::KeyRefused,
        };
        Error::new(code, error.to_string())
    }
}

/// A public key that verifies notes: its name, its algorithm and its 32 bytes.
///
/// ```text
/// <name>+<first 4 bytes of SHA-256(name ‖ "\n" ‖ type ‖ key), 8 hexadecimal digits>+<base64(type ‖ key)>
/// ```
///
/// ```
/// # use ledger::note::{Algorithm, VerifierKey};
/// let text = "example.com/log+702f3c70+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
/// let key: VerifierKey = text.parse()?;
/// assert_eq!((key.name().as_str(), key.algorithm()), ("example.com/log", Algorithm::Ed25519));
/// assert_eq!(key.to_string(), text);
/// # Ok::<(), ledger::note::KeyError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: KeyName,
    algorithm: Algorithm,
    hash: KeyHash,
    key: VerifyingKey,
}

impl VerifierKey {
    /// The key with these parts; refused if it is weak or not in canonical form.
    ///
    /// # Errors
    /// [`KeyError::Refused`]; as an [`Error`] it is `key_refused`.
    pub fn new(name: KeyName, algorithm: Algorithm, public_key: &[u8; 32]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_bytes(public_key).map_err(|_| KeyError::Refused)?;
        // A point with a second spelling would be a second name for the same key.
        let canonical = key.to_edwards().compress().to_bytes() == *public_key;
        if key.is_weak() || !canonical {
            return Err(KeyError::Refused);
        }
        Ok(Self { hash: KeyHash::of(&name, algorithm, public_key), name, algorithm, key })
    }

    /// The name.
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// The four bytes that its signatures begin with.
    pub const fn key_hash(&self) -> KeyHash {
        self.hash
    }

    /// What it signs, and how.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The 32 bytes of the public key. Two keys with the same bytes are duplicates, whatever their names.
    pub fn public_key(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Checks a signature over a note's text, without its four bytes of key hash. Returns the time that it carries, if it
    /// is of a kind that carries one, and `None` in place of a result if it does not verify.
    pub(super) fn check(&self, text: &str, signature: &[u8]) -> Option<Option<UnixSeconds>> {
        let (message, signature, time) = match self.algorithm {
            Algorithm::Ed25519 => (text.to_owned(), signature, None),
            Algorithm::CosignatureV1 => {
                let (time, signature) = signature.split_first_chunk::<8>()?;
                let time = UnixSeconds::new(u64::from_be_bytes(*time))?;
                (cosigned_message(text, time), signature, Some(time))
            }
        };
        let signature = Signature::from_slice(signature).ok()?;
        self.key.verify_strict(message.as_bytes(), &signature).ok()?;
        Some(time)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}+{}", self.name, self.hash, encode_typed(self.algorithm, self.public_key()))
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (name, hash, bytes) = split_key(text)?;
        let (algorithm, public_key) = decode_typed(bytes)?;
        let key = Self::new(name, algorithm, &public_key)?;
        if key.hash.to_string() != hash {
            return Err(KeyError::Hash);
        }
        Ok(key)
    }
}

/// What a witness signs: `cosignature/v1`, the time, and the checkpoint's text (C2SP tlog-cosignature).
pub(super) fn cosigned_message(text: &str, time: UnixSeconds) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

/// Splits `<name>+<hash>+<base64>`; the base64 may have a `+` of its own, the name never.
pub(super) fn split_key(text: &str) -> Result<(KeyName, &str, &str), KeyError> {
    let mut parts = text.splitn(3, '+');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(name), Some(hash), Some(bytes)) => Ok((KeyName::parse(name)?, hash, bytes)),
        _ => Err(KeyError::Form),
    }
}

/// The algorithm's byte and 32 bytes of key, public or secret, in base64.
pub(super) fn encode_typed(algorithm: Algorithm, key: &[u8; 32]) -> String {
    let mut bytes = zeroize::Zeroizing::new([algorithm.byte(); 33]);
    bytes[1..].copy_from_slice(key);
    STANDARD.encode(bytes.as_slice())
}

/// Reads what [`encode_typed`] writes.
pub(super) fn decode_typed(text: &str) -> Result<(Algorithm, [u8; 32]), KeyError> {
    let bytes = zeroize::Zeroizing::new(STANDARD.decode(text).map_err(|_| KeyError::Form)?);
    let (&algorithm, key) = bytes.split_first().ok_or(KeyError::Form)?;
    let algorithm = Algorithm::from_byte(algorithm).ok_or(KeyError::Algorithm(algorithm))?;
    let key = key.try_into().map_err(|_| KeyError::Form)?;
    Ok((algorithm, key))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    const EXAMPLE: &str = "example.com/log+702f3c70+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";

    #[test]
    fn a_key_has_one_spelling() {
        let key: VerifierKey = EXAMPLE.parse().unwrap();
        assert_eq!(key.to_string(), EXAMPLE);
        for (wrong, error) in [
            (EXAMPLE.replace("702f3c70", "702F3C70"), KeyError::Hash),
            (EXAMPLE.replace("702f3c70", "702f3c71"), KeyError::Hash),
            (EXAMPLE.replace("log", "lag"), KeyError::Hash),
            (EXAMPLE.replace("tIs", "tIt"), KeyError::Hash),
            (EXAMPLE.replace("log+", "log"), KeyError::Form),
            (format!("{EXAMPLE}="), KeyError::Form),
            (EXAMPLE.replace("+Ae", "+Be"), KeyError::Algorithm(0x05)),
            (EXAMPLE.replacen('/', " ", 1), KeyError::Name(NameError::Character(' '))),
            (EXAMPLE.replacen("example.com/log", "", 1), KeyError::Name(NameError::Empty)),
            (String::new(), KeyError::Name(NameError::Empty)),
        ] {
            let found = wrong.parse::<VerifierKey>();
            assert!(found == Err(error) || (wrong.is_empty() && found.is_err()), "{wrong:?}: {found:?}");
        }
    }

    #[test]
    fn a_weak_or_non_canonical_key_is_refused() {
        let name = KeyName::parse("example.com/weak").unwrap();
        // The neutral point, the point of order two, a point of order eight, and 2^255 − 18, which spells 1 again.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let mut minus_one = [0xff; 32];
        (minus_one[0], minus_one[31]) = (0xec, 0x7f);
        let mut one_again = [0xff; 32];
        (one_again[0], one_again[31]) = (0xee, 0x7f);
        let of_order_eight = [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
            0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
        ];
        for key in [neutral, minus_one, one_again, of_order_eight, [0; 32]] {
            assert_eq!(VerifierKey::new(name.clone(), Algorithm::Ed25519, &key), Err(KeyError::Refused), "{key:?}");
        }
    }

    #[test]
    fn b09_a_signature_that_only_lenient_verifiers_accept_is_refused() {
        // R is the neutral point and S = k · a, so that S · B = R + k · A holds and a check of that equation alone accepts.
        // The scalar's type has no name here.
        fn same<T: From<u64>>(_: &T, n: u64) -> T {
            n.into()
        }
        let secret = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let mut signature = [0; 64];
        signature[0] = 1;
        let message = [&signature[..32], secret.verifying_key().as_bytes(), b"text\n"].concat();
        let a = secret.to_scalar();
        let k = sha2::Sha512::digest(&message)
            .iter()
            .rev()
            .fold(a - a, |k, byte| k * same(&a, 256) + same(&a, (*byte).into()));
        signature[32..].copy_from_slice((k * a).as_bytes());

        let name = KeyName::parse("example.com/log").unwrap();
        let key = VerifierKey::new(name, Algorithm::Ed25519, secret.verifying_key().as_bytes()).unwrap();
        let lenient = ed25519_dalek::Verifier::verify(&key.key, b"text\n", &Signature::from_bytes(&signature));
        assert!(lenient.is_ok());
        assert_eq!(key.check("text\n", &signature), None);
    }
}
