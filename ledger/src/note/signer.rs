//! Keys that sign notes: a log's own, and a cosigner's.
//!
//! Their text form is the one that Go's tools use; C2SP does not define one:
//!
//! ```text
//! PRIVATE+KEY+<name>+<hash of the public key>+<base64(type ‖ 32-byte seed)>
//! ```
//!
//! Neither type prints its secret, and both wipe it from memory when dropped.

use core::fmt;

use ed25519_dalek::{Signer, SigningKey};
use zeroize::Zeroizing;

use super::key::{Algorithm, KeyError, VerifierKey, cosigned_message, decode_typed, encode_typed, split_key};
use super::name::KeyName;
use super::signed::NoteSignature;
use super::time::UnixSeconds;

const PREFIX: &str = "PRIVATE+KEY+";

/// A log's key: signs the text of notes (type 0x01).
pub struct NoteSigner(Pair);

/// A cosigner's key: signs a time with the text of a checkpoint (type 0x04). One key serves one cosigner only, since the
/// signature does not name it (C2SP tlog-cosignature).
pub struct Cosigner(Pair);

impl NoteSigner {
    /// The signer with this name whose key comes from this seed.
    ///
    /// # Errors
    /// [`KeyError::Refused`] if the public half is weak, which no seed is known for.
    pub fn from_seed(name: KeyName, seed: [u8; 32]) -> Result<Self, KeyError> {
        Pair::from_seed(name, Algorithm::Ed25519, seed).map(Self)
    }

    /// Reads what [`to_private_text`](Self::to_private_text) writes.
    ///
    /// # Errors
    /// [`KeyError`]: another form, another type of key, or a hash that is not the key's. It says nothing of the secret.
    pub fn from_private_text(text: &str) -> Result<Self, KeyError> {
        Pair::from_private_text(text, Algorithm::Ed25519).map(Self)
    }

    /// The secret text form.
    pub fn to_private_text(&self) -> Zeroizing<String> {
        self.0.to_private_text()
    }

    /// The public key.
    pub const fn verifier_key(&self) -> &VerifierKey {
        &self.0.public
    }

    /// Signs a note's text.
    pub fn sign(&self, text: &str) -> NoteSignature {
        let signature = self.0.secret.sign(text.as_bytes()).to_bytes().to_vec();
        NoteSignature::new(self.0.public.name().clone(), self.0.public.key_hash(), signature)
    }
}

impl Cosigner {
    /// The cosigner with this name whose key comes from this seed.
    ///
    /// # Errors
    /// [`KeyError::Refused`] if the public half is weak, which no seed is known for.
    pub fn from_seed(name: KeyName, seed: [u8; 32]) -> Result<Self, KeyError> {
        Pair::from_seed(name, Algorithm::CosignatureV1, seed).map(Self)
    }

    /// Reads what [`to_private_text`](Self::to_private_text) writes.
    ///
    /// # Errors
    /// [`KeyError`]: another form, another type of key, or a hash that is not the key's. It says nothing of the secret.
    pub fn from_private_text(text: &str) -> Result<Self, KeyError> {
        Pair::from_private_text(text, Algorithm::CosignatureV1).map(Self)
    }

    /// The secret text form.
    pub fn to_private_text(&self) -> Zeroizing<String> {
        self.0.to_private_text()
    }

    /// The public key.
    pub const fn verifier_key(&self) -> &VerifierKey {
        &self.0.public
    }

    /// Cosigns the text of a checkpoint as seen at this time. Whoever calls this vouches that the tree extends every tree
    /// of that origin which this key cosigned before.
    pub fn cosign(&self, checkpoint_text: &str, at: UnixSeconds) -> NoteSignature {
        let signature = self.0.secret.sign(cosigned_message(checkpoint_text, at).as_bytes());
        let bytes = [&at.as_u64().to_be_bytes()[..], &signature.to_bytes()].concat();
        NoteSignature::new(self.0.public.name().clone(), self.0.public.key_hash(), bytes)
    }
}

/// A secret key with its public half, which carries the name.
struct Pair {
    secret: SigningKey,
    public: VerifierKey,
}

impl fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteSigner({})", self.0.public)
    }
}

impl fmt::Debug for Cosigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cosigner({})", self.0.public)
    }
}

impl Pair {
    fn from_seed(name: KeyName, algorithm: Algorithm, seed: [u8; 32]) -> Result<Self, KeyError> {
        let seed = Zeroizing::new(seed);
        let secret = SigningKey::from_bytes(&seed);
        let public = VerifierKey::new(name, algorithm, secret.verifying_key().as_bytes())?;
        Ok(Self { secret, public })
    }

    fn from_private_text(text: &str, expected: Algorithm) -> Result<Self, KeyError> {
        let (name, hash, bytes) = split_key(text.strip_prefix(PREFIX).ok_or(KeyError::Form)?)?;
        let (algorithm, seed) = decode_typed(bytes)?;
        let seed = Zeroizing::new(seed);
        if algorithm != expected {
            return Err(KeyError::Algorithm(algorithm.byte()));
        }
        let pair = Self::from_seed(name, algorithm, *seed)?;
        if pair.public.key_hash().to_string() != hash {
            return Err(KeyError::Hash);
        }
        Ok(pair)
    }

    fn to_private_text(&self) -> Zeroizing<String> {
        let bytes = Zeroizing::new(encode_typed(self.public.algorithm(), self.secret.as_bytes()));
        Zeroizing::new(format!("{PREFIX}{}+{}+{}", self.public.name(), self.public.key_hash(), *bytes))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    #[test]
    fn a_private_key_is_read_back_as_what_it_is() {
        let name = KeyName::parse("example.com/log").unwrap();
        let log = NoteSigner::from_seed(name.clone(), [7; 32]).unwrap();
        let text = log.to_private_text();
        assert!(text.starts_with("PRIVATE+KEY+example.com/log+"));
        assert_eq!(NoteSigner::from_private_text(&text).unwrap().verifier_key(), log.verifier_key());
        assert_eq!(Cosigner::from_private_text(&text).err(), Some(KeyError::Algorithm(0x01)));

        let witness = Cosigner::from_seed(name, [7; 32]).unwrap();
        let text = witness.to_private_text();
        assert_eq!(Cosigner::from_private_text(&text).unwrap().verifier_key(), witness.verifier_key());
        assert_eq!(NoteSigner::from_private_text(&text).err(), Some(KeyError::Algorithm(0x04)));
        assert_ne!(witness.verifier_key().key_hash(), log.verifier_key().key_hash());
    }

    #[test]
    fn a_signer_is_printed_without_its_secret() {
        let log = NoteSigner::from_seed(KeyName::parse("example.com/log").unwrap(), [7; 32]).unwrap();
        assert_eq!(format!("{log:?}"), format!("NoteSigner({})", log.verifier_key()));
    }

    #[test]
    fn a_private_key_whose_hash_is_of_another_is_refused() {
        let log = NoteSigner::from_seed(KeyName::parse("example.com/log").unwrap(), [7; 32]).unwrap();
        let text = log.to_private_text();
        for wrong in [text.replace("/log", "/gol"), text.replace("PRIVATE", "private"), text.replace("+KEY", "")] {
            assert!(NoteSigner::from_private_text(&wrong).is_err());
        }
    }
}
