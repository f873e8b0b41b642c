//! `header.json` of a run: what its files say about themselves, and the id that follows.
//!
//! ```text
//! {"builder":"colophon-rollup 1","format":"colophon/run/v1","from":0,"keyKind":"para-n1","keyLen":8,"listBytes":9800,
//!  "maxReply":[…],"n":9800,"root":"<64 hex>","sourceCount":3,"sources":"<64 hex>","t":8,"to":1024}
//! ```
//!
//! RFC 8785; the id is SHA-256 of the bytes, and `sources` that of the list of sources as the `run-root` record has it, in
//! RFC 8785. A verifier takes its parameters from the signed record; this is for whoever holds the files.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Code, Error, Result};
use crate::ids::{KeyspaceId, from_hex, to_hex};
use crate::manifest::header::MAX_HEADER;
use crate::manifest::keyspace::{KeyLen, Keyspace, MAX_N, Shape};
use crate::manifest::kind::{Kind, Spec};
use crate::merkle::RootHash;
use crate::record::kinds::{RunKeyspace, RunRoot, RunSource};

const FORMAT: &str = "colophon/run/v1";

/// Names the rules and not the release: the same sources give the same bytes until the rules change.
const BUILDER: &str = "colophon-rollup 1";

/// The content of a run's `header.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunHeader {
    builder: String,
    format: String,
    from: u64,
    key_kind: String,
    key_len: u8,
    list_bytes: u64,
    max_reply: Vec<u64>,
    n: u64,
    root: String,
    source_count: u32,
    sources: String,
    t: u8,
    to: u64,
}

/// What placing the keys of a run found out.
pub(crate) struct RunShape {
    pub(crate) n: u64,
    pub(crate) t: u8,
    pub(crate) root: RootHash,
    pub(crate) list_bytes: u64,
    pub(crate) max_reply: Vec<u64>,
}

/// SHA-256 of a list of sources in RFC 8785.
pub(crate) fn sources_digest(sources: &[RunSource]) -> Result<String> {
    let bytes = serde_json_canonicalizer::to_vec(&sources).map_err(|e| Error::new(Code::Internal, e.to_string()))?;
    Ok(to_hex(&Sha256::digest(bytes)))
}

/// The keyspace of a run, whatever the form of its sources' texts: the form is in no key.
pub(crate) fn run_keyspace(kind: Kind, id: KeyspaceId, n: u64, t: u8, root: RootHash) -> Result<Keyspace> {
    let shape = Shape { n, t, key_len: KeyLen::Short, has_meta: true };
    Keyspace::new(id, Spec::of_every_form(kind), shape, root)
}

impl RunHeader {
    pub(crate) fn new(kind: Kind, range: (u64, u64), sources: &[RunSource], shape: RunShape) -> Result<Self> {
        Ok(Self {
            builder: BUILDER.into(),
            format: FORMAT.into(),
            from: range.0,
            key_kind: kind.as_str().into(),
            key_len: KeyLen::Short.bytes() as u8,
            list_bytes: shape.list_bytes,
            max_reply: shape.max_reply,
            n: shape.n,
            root: to_hex(shape.root.as_bytes()),
            source_count: u32::try_from(sources.len()).unwrap_or(u32::MAX),
            sources: sources_digest(sources)?,
            t: shape.t,
            to: range.1,
        })
    }

    /// Reads the bytes of a `header.json` and gives them their id.
    ///
    /// # Errors
    /// `manifest_invalid`.
    pub fn parse(bytes: &[u8]) -> Result<(Self, Keyspace)> {
        let wrong = |detail: String| Error::new(Code::ManifestInvalid, detail).at("header.json");
        if bytes.len() > MAX_HEADER {
            return Err(wrong(format!("{} bytes, at most {MAX_HEADER}", bytes.len())));
        }
        let header: Self = serde_json::from_slice(bytes).map_err(|e| wrong(e.to_string()))?;
        if header.format != FORMAT || header.key_len != KeyLen::Short.bytes() as u8 {
            return Err(wrong("another format than colophon/run/v1".into()));
        }
        if header.to_bytes()? != bytes {
            return Err(wrong("the bytes are not the canonical form (RFC 8785) of what they say".into()));
        }
        let root = from_hex(&header.root).map(RootHash::from_bytes).map_err(|e| wrong(e.to_string()))?;
        let kind: Kind = header.key_kind.parse()?;
        let id = KeyspaceId::from_bytes(Sha256::digest(bytes).into());
        let keyspace = run_keyspace(kind, id, header.n, header.t, root)?;
        if header.max_reply.len() != usize::from(header.t) + 1 || header.list_bytes > MAX_N {
            return Err(wrong("maxReply does not have a length for each depth".into()));
        }
        Ok((header, keyspace))
    }

    /// The canonical bytes.
    ///
    /// # Errors
    /// `internal` if the values have no canonical form, which those of a header have.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        serde_json_canonicalizer::to_vec(self).map_err(|e| Error::new(Code::Internal, e.to_string()))
    }

    /// To how many bytes every reply of this depth is padded; `None` beyond t.
    pub fn padded_reply(&self, depth: u8) -> Option<u64> {
        self.max_reply.get(usize::from(depth)).copied()
    }

    /// How many bytes all lists have together.
    pub const fn list_bytes(&self) -> u64 {
        self.list_bytes
    }

    /// How many sources there are.
    pub const fn source_count(&self) -> u32 {
        self.source_count
    }

    /// The predicate of the run's `run-root` record.
    pub(crate) fn to_run_root(&self, id: KeyspaceId, sources: Vec<RunSource>) -> RunRoot {
        let keyspace = RunKeyspace { id, n: self.n, t: self.t, root: self.root.clone() };
        let (key_kind, key_len) = (self.key_kind.clone(), self.key_len);
        RunRoot { key_kind, key_len, from: self.from, to: self.to, sources, keyspace }
    }
}
