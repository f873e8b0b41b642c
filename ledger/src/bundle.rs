//! The bundle: one file that makes a record verifiable offline.
//!
//! It carries the record with its receipt, the records that say whose the signer's key is, and entry 0. It carries no
//! trust: which log to believe is the reader's own affair, see [`crate::verify`]. Reading a bundle checks its form and
//! nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::error::{Code, Error, Result};
use crate::merkle::tile::data::MAX_ENTRY_LEN;
use crate::note::TlogProof;
use crate::record::json as strict;
use crate::record::limits::{MAX_ENVELOPE, MAX_SIGNATURES};
use crate::trie::Lookup;

/// What the member `mediaType` says.
pub const MEDIA_TYPE: &str = "application/vnd.colophon.bundle.v1+json";

/// The most records that a key history may have: nine years of a party that changes its key every week, with 40 changes of
/// the policy and of its further signers' keys. The log's own history beside it (`keyLookup`) may have as many: four members and
/// elements of a bundle's JSON each, 4,096 of the 10,000 that a reader takes.
pub const MAX_KEY_HISTORY: usize = 512;

/// The longest bundle. The record's envelope takes at most 1.34 MiB in base64, and so may entry 0; that leaves 10 KiB for
/// each of the 512 other links, of which an ordinary one takes 5.
pub const MAX_BUNDLE_LEN: usize = 8 * 1024 * 1024;

/// A record with all that it takes to verify it.
///
/// ```text
/// {
///   "mediaType": "application/vnd.colophon.bundle.v1+json",
///   "envelope": "<base64 of the body>",
///   "entry": "<base64 of the leaf>",
///   "proof": "c2sp.org/tlog-proof@v1\nindex 7\n…",
///   "keyHistory": [{ "envelope": …, "entry": …, "proof": … }, …],
///   "policy": { "envelope": …, "entry": …, "proof": … }
/// }
/// ```
///
/// A member `keyLookup` may follow: what the verifiable index says about the signers' keys, see [`KeyLookup`].
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    /// The record itself.
    pub record: Link,
    /// The records of kind `log-policy`, `party` and `key-event` that its signers' standing follows from, by index.
    pub key_history: Vec<Link>,
    /// Entry 0, which says who may register what.
    pub policy: Link,
    /// What the verifiable index says about the signer's key; not read here.
    pub key_lookup: Option<Value>,
}

/// A record as the log holds it, with the proof that it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The body: the envelope's bytes exactly as accepted.
    pub envelope: Vec<u8>,
    /// The leaf's bytes.
    pub entry: Vec<u8>,
    /// Where the leaf stands, the way to the root, and the signed checkpoint.
    pub proof: TlogProof,
}

/// What the verifiable index says about the keys that signed: that the key history leaves nothing out.
///
/// ```text
/// { "indexRoot": { "envelope": …, "entry": …, "proof": … }, "history": [ … ], "lookups": [ … ] }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct KeyLookup {
    /// The `index-root` that the look-ups are under.
    pub index_root: Link,
    /// What the standing of its signer follows from, besides entry 0.
    pub history: Vec<Link>,
    /// The look-up of `key:<keyid>` for each signer.
    pub lookups: Vec<Lookup>,
}

impl KeyLookup {
    /// Reads the member of a bundle.
    ///
    /// # Errors
    /// `bundle_invalid` if a member is missing, is of another form or does not belong there, with its JSON pointer; for a
    /// look-up what [`Lookup::parse`] says.
    pub fn read(value: &Value) -> Result<Self> {
        let mut members = object(value.clone(), "/keyLookup")?;
        let mut list = |name: &str, most: usize| match members.remove(name) {
            Some(Value::Array(list)) if list.len() <= most => Ok(list),
            _ => Err(invalid(format!("expected an array of at most {most}")).at(format!("/keyLookup/{name}"))),
        };
        let (history, lookups) = (list("history", MAX_KEY_HISTORY)?, list("lookups", MAX_SIGNATURES)?);
        let root = members.remove("indexRoot").ok_or_else(|| invalid("missing").at("/keyLookup/indexRoot"))?;
        nothing_left(&members, "/keyLookup")?;
        let link = |(n, link)| Link::read(link, &format!("/keyLookup/history/{n}"));
        Ok(Self {
            index_root: Link::read(root, "/keyLookup/indexRoot")?,
            history: history.into_iter().enumerate().map(link).collect::<Result<_>>()?,
            lookups: lookups
                .iter()
                .map(|lookup| Lookup::parse(lookup.to_string().as_bytes()))
                .collect::<Result<_>>()?,
        })
    }

    /// The member of a bundle.
    ///
    /// # Errors
    /// `proof_invalid` for a checkpoint that is not text, which [`read`](Self::read) never returns.
    pub fn to_value(&self) -> Result<Value> {
        let history: Vec<Value> = self.history.iter().map(Link::to_value).collect::<Result<_>>()?;
        let lookup = |lookup: &Lookup| {
            let text = lookup.encode()?;
            serde_json::from_slice(&text).map_err(|error| Error::new(Code::Internal, error.to_string()))
        };
        let lookups: Vec<Value> = self.lookups.iter().map(lookup).collect::<Result<_>>()?;
        Ok(json!({ "indexRoot": self.index_root.to_value()?, "history": history, "lookups": lookups }))
    }
}

impl Bundle {
    /// Reads a bundle. Refuses what is longer than [`MAX_BUNDLE_LEN`], has a key history of more than
    /// [`MAX_KEY_HISTORY`] records, or has members that a bundle does not have.
    ///
    /// The place of an error is a JSON pointer or a line and column.
    ///
    /// # Errors
    /// `too_large` for more than [`MAX_BUNDLE_LEN`] bytes, `too_many` for a longer key history; `bundle_invalid` for
    /// everything else, also where the text is not JSON.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let value = strict::parse(bytes, MAX_BUNDLE_LEN).map_err(as_bundle_error)?;
        let mut members = object(value, "")?;
        if text(&mut members, "", "mediaType")? != MEDIA_TYPE {
            return Err(invalid(format!("expected {MEDIA_TYPE}")).at("/mediaType"));
        }
        let record = Link::take(&mut members, "")?;
        let list = match members.remove("keyHistory") {
            Some(Value::Array(list)) => list,
            _ => return Err(invalid("expected an array").at("/keyHistory")),
        };
        if list.len() > MAX_KEY_HISTORY {
            let detail = format!("{} records, at most {MAX_KEY_HISTORY}", list.len());
            return Err(Error::new(Code::TooMany, detail).at("/keyHistory"));
        }
        let history = list.into_iter().enumerate();
        let key_history =
            history.map(|(n, link)| Link::read(link, &format!("/keyHistory/{n}"))).collect::<Result<_>>()?;
        let policy = members.remove("policy").ok_or_else(|| invalid("missing").at("/policy"))?;
        let policy = Link::read(policy, "/policy")?;
        let key_lookup = members.remove("keyLookup");
        nothing_left(&members, "")?;
        Ok(Self { record, key_history, policy, key_lookup })
    }

    /// The bytes: JSON for people to look into, with a newline at the end. Fails only for proofs that are not text, which
    /// [`parse`](Self::parse) never returns.
    ///
    /// # Errors
    /// `proof_invalid`, for such a proof.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let history: Vec<Value> = self.key_history.iter().map(Link::to_value).collect::<Result<_>>()?;
        let mut members = self.record.to_members()?;
        members.insert("mediaType".to_owned(), MEDIA_TYPE.into());
        members.insert("keyHistory".to_owned(), history.into());
        members.insert("policy".to_owned(), self.policy.to_value()?);
        if let Some(lookup) = &self.key_lookup {
            members.insert("keyLookup".to_owned(), lookup.clone());
        }
        let text = serde_json::to_string_pretty(&members).map_err(|e| Error::new(Code::Internal, e.to_string()))?;
        Ok(format!("{text}\n").into_bytes())
    }
}

impl Link {
    fn read(value: Value, place: &str) -> Result<Self> {
        let mut members = object(value, place)?;
        let link = Self::take(&mut members, place)?;
        nothing_left(&members, place)?;
        Ok(link)
    }

    fn take(members: &mut Map<String, Value>, place: &str) -> Result<Self> {
        let envelope = bytes(members, place, "envelope", MAX_ENVELOPE)?;
        let entry = bytes(members, place, "entry", MAX_ENTRY_LEN)?;
        let proof = text(members, place, "proof")?;
        let proof = TlogProof::parse(proof.as_bytes()).map_err(|error| {
            let line = error.place().unwrap_or_default();
            Error::new(error.code(), format!("{} ({line})", error.detail())).at(format!("{place}/proof"))
        })?;
        Ok(Self { envelope, entry, proof })
    }

    fn to_members(&self) -> Result<Map<String, Value>> {
        let proof = String::from_utf8(self.proof.encode());
        let proof = proof.map_err(|_| Error::new(Code::ProofInvalid, "the checkpoint is not UTF-8"))?;
        let value = json!({
            "envelope": STANDARD.encode(&self.envelope),
            "entry": STANDARD.encode(&self.entry),
            "proof": proof,
        });
        object(value, "")
    }

    fn to_value(&self) -> Result<Value> {
        self.to_members().map(Value::Object)
    }
}

fn invalid(detail: impl Into<String>) -> Error {
    Error::new(Code::BundleInvalid, detail)
}

/// What is wrong with the JSON is wrong with the bundle; what is too large stays so.
fn as_bundle_error(error: Error) -> Error {
    if error.code() == Code::TooLarge {
        return error;
    }
    let wrapped = invalid(error.detail());
    match error.place() {
        Some(place) => wrapped.at(place),
        None => wrapped,
    }
}

fn object(value: Value, place: &str) -> Result<Map<String, Value>> {
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(invalid("expected an object").at(if place.is_empty() { "/" } else { place })),
    }
}

fn text(members: &mut Map<String, Value>, place: &str, name: &str) -> Result<String> {
    match members.remove(name) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(invalid("expected a text").at(format!("{place}/{name}"))),
        None => Err(invalid("missing").at(format!("{place}/{name}"))),
    }
}

fn bytes(members: &mut Map<String, Value>, place: &str, name: &str, max_len: usize) -> Result<Vec<u8>> {
    let bytes = STANDARD.decode(text(members, place, name)?);
    let bytes = bytes.map_err(|_| invalid("not base64 with padding").at(format!("{place}/{name}")))?;
    if bytes.len() > max_len {
        let detail = format!("{} bytes, at most {max_len}", bytes.len());
        return Err(Error::new(Code::TooLarge, detail).at(format!("{place}/{name}")));
    }
    Ok(bytes)
}

fn nothing_left(members: &Map<String, Value>, place: &str) -> Result<()> {
    match members.len() {
        0 => Ok(()),
        n => Err(invalid(format!("{n} members that a bundle does not have")).at(if place.is_empty() {
            "/"
        } else {
            place
        })),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;
    use crate::ids::LeafIndex;
    use crate::merkle::{NodeHash, Proof};

    fn link(seed: u8, checkpoint: &str) -> Link {
        let proof = Proof::new(vec![NodeHash::from_bytes([seed; 32])]).unwrap();
        let proof = TlogProof { extra: None, index: LeafIndex(seed.into()), proof, checkpoint: checkpoint.into() };
        Link { envelope: vec![seed; 7], entry: vec![seed; 5], proof }
    }

    fn bundle(history: usize) -> Bundle {
        Bundle {
            record: link(1, "— one\n"),
            key_history: vec![link(2, "two\n"); history],
            policy: link(0, "three\n"),
            key_lookup: None,
        }
    }

    fn refused(text: &str) -> (Code, String) {
        let error = Bundle::parse(text.as_bytes()).unwrap_err();
        (error.code(), error.place().unwrap_or_default().to_owned())
    }

    #[test]
    fn a_bundle_is_read_back() {
        for history in [0, 1, MAX_KEY_HISTORY] {
            let bundle = bundle(history);
            assert_eq!(Bundle::parse(&bundle.encode().unwrap()), Ok(bundle));
        }
        let with_lookup = Bundle { key_lookup: Some(json!({ "later": ["x"] })), ..bundle(1) };
        assert_eq!(Bundle::parse(&with_lookup.encode().unwrap()), Ok(with_lookup));
    }

    #[test]
    fn what_is_no_bundle_is_refused_with_its_place() {
        let good: Value = serde_json::from_slice(&bundle(1).encode().unwrap()).unwrap();
        let with = |pointer: &str, value: Value| {
            let mut changed = good.clone();
            *changed.pointer_mut(pointer).unwrap() = value;
            refused(&changed.to_string())
        };
        let invalid = |place: &str| (Code::BundleInvalid, place.to_owned());
        assert_eq!(with("/mediaType", "application/json".into()), invalid("/mediaType"));
        assert_eq!(with("/envelope", "AAA".into()), invalid("/envelope"));
        assert_eq!(with("/entry", 7.into()), invalid("/entry"));
        assert_eq!(with("/keyHistory", json!({})), invalid("/keyHistory"));
        assert_eq!(with("/keyHistory/0", json!([])), invalid("/keyHistory/0"));
        assert_eq!(with("/keyHistory/0/entry", json!(null)), invalid("/keyHistory/0/entry"));
        assert_eq!(with("/policy/proof", "index 0\n".into()), (Code::ProofInvalid, "/policy/proof".to_owned()));

        for name in ["mediaType", "envelope", "entry", "proof", "keyHistory", "policy"] {
            let mut changed = good.clone();
            changed.as_object_mut().unwrap().remove(name);
            assert_eq!(refused(&changed.to_string()), invalid(&format!("/{name}")));
        }
        let mut changed = good.clone();
        changed["policy"]["more"] = json!("evil");
        assert_eq!(refused(&changed.to_string()), invalid("/policy"));

        assert_eq!(refused("[]"), invalid("/"));
        assert_eq!(refused("{").0, Code::BundleInvalid);
        assert_eq!(refused("{\"proof\": 1, \"proof\": 2}").0, Code::BundleInvalid);
        assert_eq!(refused("").0, Code::BundleInvalid);
    }

    #[test]
    fn limits_are_held_before_anything_is_verified() {
        let too_many = bundle(MAX_KEY_HISTORY + 1).encode().unwrap();
        let error = Bundle::parse(&too_many).unwrap_err();
        assert_eq!((error.code(), error.place()), (Code::TooMany, Some("/keyHistory")));

        let mut large = bundle(0);
        large.record.envelope = vec![0; MAX_ENVELOPE + 1];
        assert_eq!(
            refused(&String::from_utf8(large.encode().unwrap()).unwrap()),
            (Code::TooLarge, "/envelope".to_owned())
        );
        let mut large = bundle(0);
        large.policy.entry = vec![0; MAX_ENTRY_LEN + 1];
        let error = Bundle::parse(&large.encode().unwrap()).unwrap_err();
        assert_eq!((error.code(), error.place()), (Code::TooLarge, Some("/policy/entry")));

        let error = Bundle::parse(&vec![b' '; MAX_BUNDLE_LEN + 1]).unwrap_err();
        assert_eq!(error.code(), Code::TooLarge);
    }

    #[test]
    fn a_proof_that_is_no_text_is_not_written() {
        let mut bundle = bundle(0);
        bundle.record.proof.checkpoint = vec![0xff];
        assert_eq!(bundle.encode().unwrap_err().code(), Code::ProofInvalid);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Bundle::parse(&bytes);
        }
    }
}
