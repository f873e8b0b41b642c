//! Replies of a run: all its keys under a prefix, for each the sources that have it, and the proof that these are all.
//!
//! ```text
//! "colophon/run-reply/v1\0" ‖ u64 length of what follows, without padding
//! u8 depth ‖ u64 prefix ‖ u32 count ‖ u32 bytes of all lists
//! count keys, ascending, 8 bytes each
//! count lists (see list.rs)
//! depth nodes, from the subtree's sibling upwards
//! zero bytes up to the padded length
//! ```
//!
//! There is one verifier. What is checked here is cut into buckets, the lists of each become the digest of its meta column,
//! and [`VerifiedRange`] checks the reply with digests that follows, as of any keyspace.

use crate::error::{Code, Error, Result};
use crate::ids::ContentKey;
use crate::manifest::bucket::meta_digest;
use crate::manifest::keyspace::{bits, prefix_of};
use crate::manifest::reply::{MAX_REPLY_BUCKETS, VerifiedRange};
use crate::manifest::rollup::list::{read_list, skip_list};
use crate::manifest::rollup::plan::Run;
use crate::merkle::NodeHash;

const MAGIC: &[u8; 22] = b"colophon/run-reply/v1\0";
/// The magic and the length.
const OUTER: usize = 22 + 8;
/// Depth, prefix, count, bytes of all lists.
const INNER: usize = 1 + 8 + 4 + 4;
/// Bytes of a run's key.
const KEY: usize = 8;

/// The parts of a reply, as the holder of the files has them.
pub(crate) struct RunParts<'a> {
    pub(crate) depth: u8,
    pub(crate) prefix: u64,
    pub(crate) keys: &'a [u8],
    pub(crate) lists: &'a [u8],
    pub(crate) path: &'a [NodeHash],
}

/// Everything that the parts of a reply add up to, before padding; `cost` is keys and lists together.
pub(crate) const fn run_reply_len(depth: u8, cost: u64) -> u64 {
    (OUTER + INNER) as u64 + cost + 32 * depth as u64
}

/// Writes a reply and pads it.
pub(crate) fn encode_run(parts: &RunParts<'_>, padded: usize) -> Vec<u8> {
    let inner = INNER + parts.keys.len() + parts.lists.len() + 32 * parts.path.len();
    let mut out = Vec::with_capacity(padded.max(OUTER + inner));
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&(inner as u64).to_be_bytes());
    out.push(parts.depth);
    out.extend_from_slice(&parts.prefix.to_be_bytes());
    out.extend_from_slice(&((parts.keys.len() / KEY) as u32).to_be_bytes());
    out.extend_from_slice(&(parts.lists.len() as u32).to_be_bytes());
    out.extend_from_slice(parts.keys);
    out.extend_from_slice(parts.lists);
    parts.path.iter().for_each(|node| out.extend_from_slice(node.as_bytes()));
    out.resize(padded.max(out.len()), 0);
    out
}

/// All keys of a run under one prefix with the sources of each, proven to be all.
#[derive(Debug, Clone)]
pub struct VerifiedRun {
    range: VerifiedRange,
    depth: u8,
    prefix: u64,
    sources: u32,
    keys: Vec<u8>,
    lists: Vec<u8>,
    /// Where each list begins.
    starts: Vec<u32>,
}

impl VerifiedRun {
    /// Checks a reply to the question for the first `depth` bits `prefix`.
    ///
    /// # Errors
    /// `usage` for a prefix that cannot be asked for; `proof_invalid` if the reply does not show what is under it.
    pub fn verify(run: &Run, depth: u8, prefix: u64, reply: &[u8]) -> Result<Self> {
        let keyspace = run.keyspace();
        let t = keyspace.t();
        if depth > t || prefix >> depth != 0 || t - depth > MAX_REPLY_BUCKETS.ilog2() as u8 {
            return Err(Error::new(Code::Usage, format!("prefix {prefix} of {depth} bits cannot be asked for")));
        }
        let sources = run.sources().len() as u32;
        let (magic, rest) = split(reply, MAGIC.len())?;
        let (length, rest) = split(rest, 8)?;
        if magic != MAGIC {
            return Err(invalid("the reply does not begin as one of a run"));
        }
        let (body, padding) = split(rest, usize::try_from(number(length)).unwrap_or(usize::MAX))?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(invalid("the padding is not zero"));
        }
        let (asked, rest) = split(body, 9)?;
        if asked[0] != depth || number(&asked[1..]) != prefix {
            return Err(invalid("the reply is for another prefix"));
        }
        let (count, rest) = split(rest, 4)?;
        let (list_bytes, rest) = split(rest, 4)?;
        let count = number(count);
        if count > keyspace.n() {
            return Err(invalid("the reply holds more keys than the run"));
        }
        let (keys, rest) = split(rest, count as usize * KEY)?;
        let (lists, path) = split(rest, number(list_bytes) as usize)?;
        if path.len() != 32 * usize::from(depth) {
            return Err(invalid("the path does not have a node for each level"));
        }

        let mut starts = Vec::with_capacity(count as usize);
        let mut digests = Vec::with_capacity(32 << (t - depth));
        let (mut key, mut at) = (0, 0);
        for step in 0..1u64 << (t - depth) {
            let i = (prefix << (t - depth)) + step;
            let begin = at;
            while key < count as usize && bits(&keys[key * KEY..(key + 1) * KEY], t) == i {
                starts.push(at as u32);
                at += skip_list(&lists[at..], sources)?;
                key += 1;
            }
            digests.extend_from_slice(&meta_digest(&lists[begin..at]));
        }
        if at != lists.len() || key != count as usize {
            return Err(invalid("there are not as many lists as keys, or a key stands outside the prefix"));
        }
        let range = VerifiedRange::verify(keyspace, depth, prefix, &plain(asked, keys, &digests, path))?;
        Ok(Self { range, depth, prefix, sources, keys: keys.to_vec(), lists: lists.to_vec(), starts })
    }

    /// The ordinals of the sources that have this key, none if no source has it; `None` if the key is not under this
    /// prefix. By 8 bytes: a hit must be confirmed, a miss is one.
    pub fn sources_of(&self, key: &ContentKey) -> Option<Vec<u32>> {
        if prefix_of(key, self.depth) != self.prefix {
            return None;
        }
        let wanted = &key.as_bytes()[..KEY];
        let (mut low, mut high) = (0, self.starts.len());
        while low < high {
            let middle = (low + high) / 2;
            match self.keys[middle * KEY..(middle + 1) * KEY].cmp(wanted) {
                core::cmp::Ordering::Equal => {
                    let list = self.lists.get(*self.starts.get(middle)? as usize..)?;
                    return read_list(list, self.sources).ok().map(|(ordinals, _)| ordinals);
                }
                core::cmp::Ordering::Less => low = middle + 1,
                core::cmp::Ordering::Greater => high = middle,
            }
        }
        Some(Vec::new())
    }

    /// How many keys share the prefix: among how many the question hid.
    pub fn len(&self) -> u64 {
        self.range.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }
}

/// The reply with digests that says the same, as of any keyspace (see reply.rs).
fn plain(asked: &[u8], keys: &[u8], digests: &[u8], path: &[u8]) -> Vec<u8> {
    let count = ((keys.len() / KEY) as u32).to_be_bytes();
    let body = [asked, &[2], &count, keys, digests, path].concat();
    [b"colophon/reply/v1\0".as_slice(), &(body.len() as u64).to_be_bytes(), &body].concat()
}

fn split(bytes: &[u8], len: usize) -> Result<(&[u8], &[u8])> {
    bytes.split_at_checked(len).ok_or_else(|| invalid("the reply is cut off"))
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte))
}

fn invalid(detail: &str) -> Error {
    Error::new(Code::ProofInvalid, detail).at("run reply")
}
