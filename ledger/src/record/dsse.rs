//! The envelope: DSSE 1.0.2, which binds a payload to its type and carries the signatures over both.
//!
//! Nothing here knows what the payload says, or whose a key is. Signatures are checked over the bytes that were read;
//! the payload is never parsed before that by anybody who acts on it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::{Map, Value, json};

use super::json;
use super::key::{PrivateKey, PublicKey};
use super::limits::{MAX_ENVELOPE, MAX_SIGNATURE_BYTES, MAX_SIGNATURES};
use crate::error::{Code, Error, Result};
use crate::ids::KeyId;

/// The type of an in-toto statement's payload.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// What a signature is over: the pre-authentication encoding of a type and a body.
///
/// ```
/// use ledger::record::dsse::pae;
///
/// assert_eq!(
///     pae("http://example.com/HelloWorld", b"hello world"),
///     b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
/// );
/// ```
pub fn pae(payload_type: &str, body: &[u8]) -> Vec<u8> {
    let mut out = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), body.len()).into_bytes();
    out.extend_from_slice(body);
    out
}

/// One signature and the key that it says it is by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The key. It only selects; whether the signature is by it is decided by [`Envelope::verify`].
    pub keyid: KeyId,
    /// The signature as the algorithm of the key has it.
    pub sig: Vec<u8>,
}

/// A payload, its type, and 1 to 16 signatures by different keys.
///
/// On the wire, with members in any order and unknown ones ignored:
///
/// ```text
/// {"payload":"<base64>","payloadType":"application/vnd.in-toto+json",
///  "signatures":[{"keyid":"<64 hex>","sig":"<base64>"}]}
/// ```
///
/// ```
/// use ledger::record::{dsse::Envelope, key::PrivateKey};
///
/// let key = PrivateKey::from_ed25519_seed([7; 32]);
/// let envelope = Envelope::sign(b"{}".to_vec(), &[&key])?;
/// let text = envelope.to_json();
/// assert!(text.starts_with(br#"{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":"#));
///
/// let known = |id: &_| (*id == key.key_id()).then(|| key.public_key().clone());
/// assert_eq!(Envelope::parse(&text)?.verify(&known)?, [key.key_id()]);
/// # Ok::<(), ledger::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// What the payload is; signed with it.
    pub payload_type: String,
    /// The bytes that were signed.
    pub payload: Vec<u8>,
    /// 1 to 16, each by a different key, in the order of the text.
    pub signatures: Vec<Signature>,
}

impl Envelope {
    /// Reads an envelope of at most 1 MiB. The signatures are not checked; see [`Envelope::verify`].
    ///
    /// # Errors
    /// Those of [`json::parse`]; `schema` or `base64_refused` for a member; `signature_invalid` for a signature that
    /// cannot be one; `signature_count` for none or more than 16, `threshold` for two by one key.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        Self::from_value(&json::parse(bytes, MAX_ENVELOPE)?)
    }

    /// Reads an envelope that the strict reader has read.
    pub(super) fn from_value(value: &Value) -> Result<Self> {
        let members = value.as_object().ok_or_else(|| schema("", "expected an object"))?;
        let payload_type = text(members, "", "payloadType")?.to_owned();
        let payload = from_base64(text(members, "", "payload")?)
            .map_err(|detail| Error::new(Code::Base64, detail).at("/payload"))?;
        let list = match members.get("signatures") {
            Some(Value::Array(list)) => list,
            Some(_) => return Err(schema("/signatures", "expected an array")),
            None => return Err(schema("/signatures", "missing")),
        };
        if list.is_empty() || list.len() > MAX_SIGNATURES {
            let detail = format!("{} signatures, from 1 to {MAX_SIGNATURES} are accepted", list.len());
            return Err(Error::new(Code::SignatureCount, detail).at("/signatures"));
        }
        let mut signatures: Vec<Signature> = Vec::with_capacity(list.len());
        for (i, item) in list.iter().enumerate() {
            let place = format!("/signatures/{i}");
            let signature = Signature::from_value(item, &place)?;
            if signatures.iter().any(|other| other.keyid == signature.keyid) {
                return Err(Error::new(Code::Threshold, "a second signature by the same key").at(place + "/keyid"));
            }
            signatures.push(signature);
        }
        Ok(Self { payload_type, payload, signatures })
    }

    /// Signs a payload of the in-toto type with every key given: 1 to 16 different ones.
    ///
    /// # Errors
    /// `signature_count` for no or more than 16 keys, `threshold` for one that is given twice; `signature_invalid` if a
    /// signature just made does not verify, and nothing leaves then.
    pub fn sign(payload: Vec<u8>, keys: &[&PrivateKey]) -> Result<Self> {
        if keys.is_empty() || keys.len() > MAX_SIGNATURES {
            return Err(Error::new(Code::SignatureCount, format!("{} keys to sign with", keys.len())));
        }
        let message = pae(PAYLOAD_TYPE, &payload);
        let mut signatures: Vec<Signature> = Vec::with_capacity(keys.len());
        for key in keys {
            let keyid = key.key_id();
            if signatures.iter().any(|other| other.keyid == keyid) {
                return Err(Error::new(Code::Threshold, format!("key {keyid} is given twice")));
            }
            let sig = key.sign(&message);
            // A fault while signing must not leave the house: with Ed25519 it can give the key away.
            key.public_key().verify(&message, &sig)?;
            signatures.push(Signature { keyid, sig });
        }
        Ok(Self { payload_type: PAYLOAD_TYPE.to_owned(), payload, signatures })
    }

    /// Checks every signature under the key that `keys` knows by its id, and returns the ids in the order of the text.
    ///
    /// One signature by a key that is not known ([`Code::SignerUnknown`]) or one that does not match
    /// ([`Code::SignatureInvalid`]) fails the whole envelope.
    ///
    /// # Errors
    /// `signer_unknown` and `signature_invalid`, as said above, with the signature's place.
    pub fn verify(&self, keys: &dyn Fn(&KeyId) -> Option<PublicKey>) -> Result<Vec<KeyId>> {
        let message = pae(&self.payload_type, &self.payload);
        let mut signers = Vec::with_capacity(self.signatures.len());
        for (i, signature) in self.signatures.iter().enumerate() {
            let place = || format!("/signatures/{i}");
            let key = keys(&signature.keyid)
                .filter(|key| key.key_id() == signature.keyid)
                .ok_or_else(|| Error::new(Code::SignerUnknown, format!("key {}", signature.keyid)).at(place()))?;
            key.verify(&message, &signature.sig).map_err(|error| error.at(place()))?;
            signers.push(signature.keyid);
        }
        if signers.is_empty() {
            return Err(Error::new(Code::SignatureCount, "no signature").at("/signatures"));
        }
        Ok(signers)
    }

    /// The text of the envelope: RFC 8785, so that the same envelope always makes the same body.
    pub fn to_json(&self) -> Vec<u8> {
        let signatures: Vec<Value> = self
            .signatures
            .iter()
            .map(|signature| json!({ "keyid": signature.keyid.to_hex(), "sig": STANDARD.encode(&signature.sig) }))
            .collect();
        let value = json!({
            "payload": STANDARD.encode(&self.payload),
            "payloadType": self.payload_type,
            "signatures": signatures,
        });
        // Only strings in it, and its members are named in the order of RFC 8785: plain compact JSON is the canonical form.
        value.to_string().into_bytes()
    }
}

impl Signature {
    fn from_value(value: &Value, place: &str) -> Result<Self> {
        let members = value.as_object().ok_or_else(|| schema(place, "expected an object"))?;
        let keyid = text(members, place, "keyid")?
            .parse()
            .map_err(|error: crate::ids::IdError| schema(&format!("{place}/keyid"), &error.to_string()))?;
        let invalid = |detail: String| Error::new(Code::SignatureInvalid, detail).at(format!("{place}/sig"));
        let sig = from_base64(text(members, place, "sig")?).map_err(invalid)?;
        if sig.len() > MAX_SIGNATURE_BYTES {
            return Err(invalid(format!("{} bytes, at most {MAX_SIGNATURE_BYTES}", sig.len())));
        }
        Ok(Self { keyid, sig })
    }
}

/// Base64 with padding in either alphabet, as DSSE asks of readers; never both alphabets in one text.
fn from_base64(text: &str) -> Result<Vec<u8>, String> {
    let engine = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    engine.decode(text).map_err(|error| format!("not base64: {error}"))
}

fn text<'a>(members: &'a Map<String, Value>, place: &str, name: &str) -> Result<&'a str> {
    match members.get(name) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(schema(&format!("{place}/{name}"), "expected a string")),
        None => Err(schema(&format!("{place}/{name}"), "missing")),
    }
}

fn schema(place: &str, detail: &str) -> Error {
    let error = Error::new(Code::Schema, detail);
    if place.is_empty() { error } else { error.at(place) }
}

#[cfg(test)]
mod tests;
