//! What entries are found by.

use core::fmt;
use core::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::entry::Header;
use crate::error::{Code, Error};
use crate::ids::{KeyId, RecordId, SubjectDigest, TrieKey};
use crate::record::kind::Kind;
use crate::record::terms::PartyId;

/// A way to ask for entries. Only headers are indexed, so every answer stays provable when a body is redacted.
///
/// ```
/// use ledger::trie::Term;
///
/// let term: Term = "kind:model-card".parse()?;
/// assert_eq!(term, Term::Kind("model-card".to_owned()));
/// // The key in the trie is the SHA-256 of that text.
/// assert_eq!(term.key().to_hex(), "4648ef9dee45661030d8718637b518df07d60a3c9aad02dc25b0c117d3ae02ed");
/// # Ok::<(), ledger::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Term {
    /// Entries of this record id: the first, and those under further signatures.
    Record(RecordId),
    /// Entries of this kind.
    Kind(String),
    /// Entries by this issuer.
    Issuer(String),
    /// Entries signed by this key.
    Signer(KeyId),
    /// Entries that register, rotate or revoke this key.
    Key(KeyId),
    /// Entries about this artefact.
    Subject(SubjectDigest),
    /// Entries that refer to this record.
    Ref(RecordId),
}

impl Term {
    /// Every term of an entry.
    pub fn of(header: &Header) -> Vec<Self> {
        let mut terms =
            vec![Self::Record(header.record), Self::Kind(header.kind.clone()), Self::Issuer(header.issuer.clone())];
        terms.extend(header.signers.iter().copied().map(Self::Signer));
        terms.extend(header.keys.iter().copied().map(Self::Key));
        terms.extend(header.subjects.iter().copied().map(Self::Subject));
        terms.extend(header.refs.iter().copied().map(Self::Ref));
        terms
    }

    /// Whether an entry with this header belongs under this term.
    pub fn matches(&self, header: &Header) -> bool {
        match self {
            Self::Record(id) => header.record == *id,
            Self::Kind(kind) => header.kind == *kind,
            Self::Issuer(issuer) => header.issuer == *issuer,
            Self::Signer(key) => header.signers.binary_search(key).is_ok(),
            Self::Key(key) => header.keys.binary_search(key).is_ok(),
            Self::Subject(digest) => header.subjects.binary_search(digest).is_ok(),
            Self::Ref(id) => header.refs.binary_search(id).is_ok(),
        }
    }

    /// The key under which the verifiable index has it: the SHA-256 of its text.
    pub fn key(&self) -> TrieKey {
        TrieKey::from_bytes(Sha256::digest(self.to_string().as_bytes()).into())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(id) => f.write_str(&id.to_reference()),
            Self::Kind(kind) => write!(f, "kind:{kind}"),
            Self::Issuer(issuer) => write!(f, "issuer:{issuer}"),
            Self::Signer(key) => write!(f, "signer:{key}"),
            Self::Key(key) => write!(f, "key:{key}"),
            Self::Subject(digest) => write!(f, "subject:{digest}"),
            Self::Ref(id) => write!(f, "ref:{id}"),
        }
    }
}

impl FromStr for Term {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = || {
            Error::new(
                Code::BadRequest,
                "a term is record:, ref:, key:, signer:, subject:, issuer: or kind:, and what is meant",
            )
        };
        let (name, value) = text.split_once(':').ok_or_else(invalid)?;
        match name {
            "record" => value.parse().map(Self::Record).map_err(|_| invalid()),
            "ref" => value.parse().map(Self::Ref).map_err(|_| invalid()),
            "key" => value.parse().map(Self::Key).map_err(|_| invalid()),
            "signer" => value.parse().map(Self::Signer).map_err(|_| invalid()),
            "subject" => value.parse().map(Self::Subject).map_err(|_| invalid()),
            "issuer" => value.parse::<PartyId>().map(|id| Self::Issuer(id.as_str().to_owned())).map_err(|_| invalid()),
            "kind" => Kind::parse(value).map(|kind| Self::Kind(kind.as_str().to_owned())),
            _ => Err(invalid()),
        }
    }
}
