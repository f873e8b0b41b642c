//! The answer to a look-up, as it travels: what the index says about one term, and all that it takes to check it.
//!
//! ```text
//! {"term":"kind:model-card",
//!  "checkpoint":"<the note that everything here is proven under>",
//!  "indexRoot":{"index":"1023","proof":["<base64>",…]},
//!  "count":"12","list":"<base64 root of the list>","proof":"<base64 of the trie proof>",
//!  "page":{"number":"0","indices":["3","8",…],"proof":["<base64>",…],
//!          "entries":[{"entry":"<base64 leaf>","proof":["<base64>",…]},…]},
//!  "tail":{"from":"768","edge":["<base64>",…]},
//!  "consistency":["<base64>",…]}
//! ```
//!
//! `list` and `page` are `null` where the count is 0, `entries` and `consistency` where nobody asked for them. The record
//! of the `index-root` is fetched with its bundle, once for many look-ups. `tail` are the roots of the perfect subtrees of
//! the first `from` entries: with them and the entries from there on anybody can hash to the checkpoint's root, and so
//! knows every entry that the index does not cover yet. Reading checks the form; [`crate::verify`] checks the rest.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::list::{LIST_PAGE, ListHead};
use super::proof::MAX_TRIE_PROOF;
use super::term::Term;
use crate::error::{Code, Error, Result};
use crate::ids::{LeafIndex, TreeSize, decimal};
use crate::merkle::{MAX_PROOF_HASHES, NodeHash, Proof, RootHash};
use crate::note::signed::MAX_NOTE_LEN;

/// The longest look-up that is read: 256 entries of 64 KiB with their proofs in base64 are 23 MiB; an ordinary page with
/// its entries is half a megabyte, and without them under 10 KiB.
pub const MAX_LOOKUP_LEN: usize = 24 << 20;

/// What a log answers about a term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// The term asked for.
    pub term: Term,
    /// The signed note that everything here is proven under.
    pub checkpoint: Vec<u8>,
    /// The entry of the `index-root`, and the proof that the checkpoint covers it.
    pub root: (LeafIndex, Proof),
    /// What the index says about the term; `None` where it has no entry.
    pub head: Option<ListHead>,
    /// The bytes of the trie's proof of that.
    pub proof: Vec<u8>,
    /// Some of the indices.
    pub page: Option<LookupPage>,
    /// How many entries the edge covers, and the roots of the perfect subtrees of that tree.
    pub tail: (TreeSize, Vec<NodeHash>),
    /// The proof that the checkpoint extends the one that the asker knows.
    pub consistency: Option<Proof>,
}

/// A page of the list of a term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupPage {
    /// Which one, from 0.
    pub number: u64,
    /// Its indices.
    pub indices: Vec<LeafIndex>,
    /// The proof that these are the page.
    pub proof: Proof,
    /// The entries at these indices with their proofs, if they were asked for.
    pub entries: Option<Vec<(Vec<u8>, Proof)>>,
}

impl Lookup {
    /// Reads an answer.
    ///
    /// # Errors
    /// `too_large` above [`MAX_LOOKUP_LEN`], or for a note above its limit; `bad_request` if the term is none;
    /// `proof_invalid` for everything else.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > MAX_LOOKUP_LEN {
            return Err(Error::new(Code::TooLarge, format!("a look-up of {} bytes", bytes.len())));
        }
        let wire: Wire = serde_json::from_slice(bytes).map_err(|error| invalid(error.to_string()))?;
        let number = |text: &str| decimal(text).map_err(|error| invalid(error.to_string()));
        let count = number(&wire.count)?;
        let head = match (wire.list, count) {
            (None, 0) => None,
            (Some(root), 1..) => {
                let root: RootHash = root.parse().map_err(|_| invalid("list is not a hash"))?;
                Some(ListHead { count: TreeSize(count), root })
            }
            _ => return Err(invalid("a list has a root if it has entries, and only then")),
        };
        let page = wire.page.map(WirePage::read).transpose()?;
        let proof = base64(&wire.proof, MAX_TRIE_PROOF)?;
        if wire.checkpoint.len() > MAX_NOTE_LEN {
            return Err(Error::new(Code::TooLarge, "the note of a look-up is too long"));
        }
        Ok(Self {
            term: wire.term.parse()?,
            checkpoint: wire.checkpoint.into_bytes(),
            root: (LeafIndex(number(&wire.index_root.index)?), read_proof(&wire.index_root.proof)?),
            head,
            proof,
            page,
            tail: (TreeSize(number(&wire.tail.from)?), hashes(&wire.tail.edge)?),
            consistency: wire.consistency.as_deref().map(read_proof).transpose()?,
        })
    }

    /// The text.
    ///
    /// # Errors
    /// `proof_invalid` for a checkpoint that is not text, which [`parse`](Self::parse) never returns.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let text = |hashes: &[NodeHash]| hashes.iter().map(ToString::to_string).collect::<Vec<_>>();
        let page = self.page.as_ref().map(|page| WirePage {
            number: page.number.to_string(),
            indices: page.indices.iter().map(ToString::to_string).collect(),
            proof: text(page.proof.hashes()),
            entries: page.entries.as_ref().map(|entries| {
                let wire = |(entry, proof): &(Vec<u8>, Proof)| WireEntry {
                    entry: STANDARD.encode(entry),
                    proof: text(proof.hashes()),
                };
                entries.iter().map(wire).collect()
            }),
        });
        let wire = Wire {
            term: self.term.to_string(),
            checkpoint: String::from_utf8(self.checkpoint.clone()).map_err(|_| invalid("the note is not text"))?,
            index_root: WireRoot { index: self.root.0.to_string(), proof: text(self.root.1.hashes()) },
            count: self.head.map_or(0, |head| head.count.0).to_string(),
            list: self.head.map(|head| head.root.to_string()),
            proof: STANDARD.encode(&self.proof),
            page,
            tail: WireTail { from: self.tail.0.to_string(), edge: text(&self.tail.1) },
            consistency: self.consistency.as_ref().map(|proof| text(proof.hashes())),
        };
        serde_json::to_vec(&wire).map_err(|error| Error::new(Code::Internal, error.to_string()))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wire {
    term: String,
    checkpoint: String,
    index_root: WireRoot,
    count: String,
    list: Option<String>,
    proof: String,
    page: Option<WirePage>,
    tail: WireTail,
    consistency: Option<Vec<String>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireRoot {
    index: String,
    proof: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireTail {
    from: String,
    edge: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WirePage {
    number: String,
    indices: Vec<String>,
    proof: Vec<String>,
    entries: Option<Vec<WireEntry>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireEntry {
    entry: String,
    proof: Vec<String>,
}

impl WirePage {
    fn read(self) -> Result<LookupPage> {
        let most = LIST_PAGE as usize;
        if self.indices.len() > most || self.entries.as_ref().is_some_and(|entries| entries.len() > most) {
            return Err(invalid("a page has more indices than a page has"));
        }
        let number = |text: &String| decimal(text).map_err(|error| invalid(error.to_string()));
        let entry = |wire: &WireEntry| {
            Ok((base64(&wire.entry, crate::merkle::tile::data::MAX_ENTRY_LEN)?, read_proof(&wire.proof)?))
        };
        Ok(LookupPage {
            number: number(&self.number)?,
            indices: self.indices.iter().map(|text| number(text).map(LeafIndex)).collect::<Result<_>>()?,
            proof: read_proof(&self.proof)?,
            entries: self.entries.map(|entries| entries.iter().map(entry).collect::<Result<_>>()).transpose()?,
        })
    }
}

fn read_proof(texts: &[String]) -> Result<Proof> {
    Ok(Proof::new(hashes(texts)?)?)
}

fn hashes(texts: &[String]) -> Result<Vec<NodeHash>> {
    if texts.len() > MAX_PROOF_HASHES {
        return Err(invalid("more hashes than any tree needs"));
    }
    texts.iter().map(|text| text.parse().map_err(|_| invalid("a hash of a proof is not base64 of 32 bytes"))).collect()
}

fn base64(text: &str, most: usize) -> Result<Vec<u8>> {
    if text.len() > most.div_ceil(3) * 4 {
        return Err(invalid("a member is longer than it can be"));
    }
    STANDARD.decode(text).map_err(|_| invalid("a member is not base64"))
}

fn invalid(detail: impl Into<String>) -> Error {
    Error::new(Code::ProofInvalid, detail).at("look-up")
}
