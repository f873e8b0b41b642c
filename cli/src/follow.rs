//! Following a log: every entry up to its newest checkpoint, read from its entry bundles, hashed to the signed root.
//!
//! This is how an answer is complete before any index of the log is believed: whoever has hashed all entries knows that
//! none was left out. Full bundles are immutable and kept in the cache; a second look fetches what is new. What is read
//! from the cache is hashed again each time, so a damaged cache is noticed and fetched anew.
//!
//! One pass over the log is a [`View::scan`]: it folds the state (who may say what, at each index), holds the tree against
//! the signed root, against the checkpoint seen last time, and against the pinned entry 0. Nothing that a visitor collects
//! may be used unless the scan succeeds.

use std::path::PathBuf;

use ledger::Code;
use ledger::entry::{Entry, Header, body_digest};
use ledger::ids::{BodyDigest, LeafIndex, RecordId, TreeSize, to_hex};
use ledger::merkle::{CompactRange, EntryBundleId, LeafHash, RootHash, decode_bundle};
use ledger::note::AcceptedCheckpoint;
use ledger::note::signed::MAX_NOTE_LEN;
use ledger::record::Record;
use ledger::record::limits::MAX_ENVELOPE;
use ledger::state::State;
use ledger::verify::Trust;
use sha2::{Digest as _, Sha256};

use crate::client::{Client, MAX_REPLY};
use crate::failure::{At, CliError, Result};
use crate::files;
use crate::memory::{Memory, Seen};
use crate::progress::Unit;
use crate::session::Session;

/// Entries of a full bundle (C2SP tlog-tiles).
const BUNDLE: u64 = 256;

/// An entry on its way past a visitor.
#[derive(Debug)]
pub(crate) struct Passing<'a> {
    /// Its index.
    pub index: LeafIndex,
    /// The leaf's header.
    pub header: &'a Header,
    /// The digest of its body.
    pub body: BodyDigest,
    /// The record, if it was asked for and its body was not erased.
    pub record: Option<Record>,
    /// Whether it counts: every signature of it holds, and the rules in force before it let it in. Without the record, that
    /// the rules let in what its header says.
    pub counts: bool,
}

/// A log at its newest checkpoint.
#[derive(Debug)]
pub(crate) struct View<'a> {
    session: &'a Session<'a>,
    client: &'a Client,
    accepted: AcceptedCheckpoint,
    genesis: Option<LeafHash>,
    note: Vec<u8>,
    seen: Option<Seen>,
    folder: PathBuf,
}

impl<'a> View<'a> {
    /// Fetches the newest checkpoint and holds it against the policy and the memory.
    pub(crate) fn open(session: &'a Session<'a>, client: &'a Client, trust: &Trust) -> Result<Self> {
        let note = fetch_checkpoint(client)?;
        let accepted = trust.policy.check(&note).at(client.base())?;
        let seen = Memory::of(&session.config).refuse_smaller(&accepted, &note)?;
        let digest = to_hex(&Sha256::digest(accepted.log().to_string().as_bytes()));
        let folder = session.config.cache.value.join("logs").join(&digest[..32]);
        Ok(Self { session, client, accepted, genesis: trust.genesis, note, seen, folder })
    }

    /// The checkpoint.
    pub(crate) const fn accepted(&self) -> &AcceptedCheckpoint {
        &self.accepted
    }

    /// The checkpoint as it was signed.
    pub(crate) fn note(&self) -> &[u8] {
        &self.note
    }

    /// The newest checkpoint of this log that was seen before.
    pub(crate) const fn seen(&self) -> Option<&Seen> {
        self.seen.as_ref()
    }

    /// How many entries there are.
    pub(crate) const fn size(&self) -> TreeSize {
        self.accepted.checkpoint().size()
    }

    /// Passes every entry by `visit`; of those that `wants` names, and of all that change the state, with the record.
    /// Returns the state after the last one.
    pub(crate) fn scan(
        &self,
        wants: &dyn Fn(LeafIndex, &Header) -> bool,
        visit: &mut dyn FnMut(Passing<'_>) -> Result<()>,
    ) -> Result<State> {
        let size = self.size();
        let progress = self.session.out.progress("following the log", Some(size.0), Unit::Things("entries"));
        let mut range = CompactRange::new();
        let mut state = State::default();
        let mut root_then = None;
        let mut first = None;
        let mut missing = Vec::new();
        for number in 0..size.0.div_ceil(BUNDLE) {
            let Some(id) = EntryBundleId::in_tree(number, size) else { break };
            let bytes = self.bundle(id)?;
            let entries = decode_bundle(&bytes, id.width()).map_err(unreadable).at(id)?;
            for (i, bytes) in entries.into_iter().enumerate() {
                let index = LeafIndex(number * BUNDLE + i as u64);
                if self.seen.as_ref().is_some_and(|seen| seen.size.0 == index.0) {
                    root_then = Some(range.root());
                }
                let leaf = LeafHash::of_entry(bytes);
                first.get_or_insert(leaf);
                range.append(leaf, &mut |_, _, _| {});
                let Entry { header, body } = Entry::decode(bytes).at(format!("entry {index}"))?;
                let concerns = State::concerns(&header);
                let wanted = wants(index, &header);
                let asked = concerns || wanted;
                let record = if asked { self.record(index, &header, body)? } else { None };
                if asked && record.is_none() {
                    missing.push((index, header.record));
                }
                let counts = match &record {
                    Some(record) => {
                        state.verify_signatures(record).and_then(|()| state.authorise(record, index)).is_ok()
                    }
                    None => state.authorise_header(&header, index).is_ok(),
                };
                // An entry whose body is erased acts by its header.
                if concerns && (counts || record.is_none()) {
                    state.apply(index, &header, record.as_ref());
                }
                let record = if wanted { record } else { None };
                visit(Passing { index, header: &header, body, record, counts })?;
                progress.set(index.0 + 1);
            }
        }
        if self.seen.as_ref().is_some_and(|seen| seen.size == size) {
            root_then = Some(range.root());
        }
        self.judge(range.root(), root_then, first)?;
        // A retraction comes after what it takes back, so only now it shows whether one names each.
        missing.iter().try_for_each(|(index, record)| explained(&state, *index, record))?;
        Memory::of(&self.session.config).remember(self.accepted.log(), &self.note)?;
        Ok(state)
    }

    /// Whether the entries are those of the signed tree, extend what was seen, and begin where the pin says.
    fn judge(&self, root: RootHash, root_then: Option<RootHash>, first: Option<LeafHash>) -> Result<()> {
        if root != self.accepted.checkpoint().root() {
            // What was kept may be damaged, or of another tree than this one: the log's own bytes tell.
            let _ = std::fs::remove_dir_all(self.folder.join("entries"));
            let (root, root_then) = self.roots()?;
            if root == self.accepted.checkpoint().root() {
                self.extends(root_then)?;
            }
            return Err(CliError::new(
                Code::ProofInvalid,
                "the entries of the log do not hash to the root that it signed",
            )
            .at(self.client.base())
            .hint("Run it again: the cached entries were thrown away. If it fails again, report the log."));
        }
        self.extends(root_then)?;
        match (self.genesis, first) {
            (Some(pinned), Some(first)) if pinned != first => {
                let found = "entry 0 of this log is not the pinned one: its operators and rules are others";
                Err(CliError::new(Code::PolicyUnmet, found)
                    .at("entry 0")
                    .hint("Compare with the log's operator; pin the log again only if you know why."))
            }
            _ => Ok(()),
        }
    }

    /// The roots over all entries, and over those that were seen before.
    fn roots(&self) -> Result<(RootHash, Option<RootHash>)> {
        let mut range = CompactRange::new();
        let mut root_then = None;
        let mut index = 0;
        for number in 0..self.size().0.div_ceil(BUNDLE) {
            let Some(id) = EntryBundleId::in_tree(number, self.size()) else { break };
            let bytes = self.bundle(id)?;
            for entry in decode_bundle(&bytes, id.width()).map_err(unreadable).at(id)? {
                if self.seen.as_ref().is_some_and(|seen| seen.size.0 == index) {
                    root_then = Some(range.root());
                }
                range.append(LeafHash::of_entry(entry), &mut |_, _, _| {});
                index += 1;
            }
        }
        let all = self.seen.as_ref().is_some_and(|seen| seen.size.0 == index);
        Ok((range.root(), if all { Some(range.root()) } else { root_then }))
    }

    /// Whether this tree extends the one that was seen; `then` is this one's root at that size.
    fn extends(&self, then: Option<RootHash>) -> Result<()> {
        match (&self.seen, then) {
            (Some(seen), Some(then)) if seen.root != then => {
                let memory = Memory::of(&self.session.config);
                Err(memory.fork(self.accepted.log(), &seen.note, &self.note, "two trees that exclude one another"))
            }
            _ => Ok(()),
        }
    }

    /// A bundle of entries, from the cache if it is there. A partial one is kept as well: as long as the log does not grow, a
    /// question costs no second look at its edge.
    pub(crate) fn bundle(&self, id: EntryBundleId) -> Result<Vec<u8>> {
        let folder = self.folder.join("entries");
        let (full, edge) = (folder.join(id.index().to_string()), folder.join(format!("{}.edge", id.index())));
        let most = usize::try_from(MAX_REPLY).unwrap_or(usize::MAX);
        if id.is_full()
            && let Ok(bytes) = files::read(&full, most)
        {
            return Ok(bytes);
        }
        // An edge is kept behind the root that it was fetched under: another root may be another tree, and then the
        // log's own bytes must be judged, not those that an earlier tree left here.
        let root = *self.accepted.checkpoint().root().as_bytes();
        let kept = files::read(&edge, most).unwrap_or_default();
        let (kept_root, kept) = kept.split_at_checked(root.len()).unwrap_or_default();
        let as_wide = decode_bundle(kept, id.width()).is_ok();
        if !id.is_full() && as_wide && kept_root == root {
            return Ok(kept.to_vec());
        }
        // A wider bundle begins with the narrower one.
        let held = if as_wide { Vec::new() } else { kept.to_vec() };
        let bytes = match self.client.find_whole(&format!("/{id}"), held)? {
            Some(bytes) => bytes,
            // C2SP tlog-tiles: once the full bundle exists, a partial one may be gone.
            None if !id.is_full() => {
                let full = self.client.get(&format!("/{}", id.to_full()))?.bytes;
                return cut(&full, id.width());
            }
            None => return Err(CliError::new(Code::Unreachable, "the log does not serve its entries").at(id.path())),
        };
        if id.is_full() {
            self.keep(&full, &bytes);
            let _ = files::remove(&edge);
        } else {
            self.keep(&edge, &[&root[..], &bytes].concat());
        }
        Ok(bytes)
    }

    /// The record of an entry, held against the digest that the entry names and the header that it must have. `None` where
    /// the log says that it was erased; whether it may say so, [`explained`] tells.
    pub(crate) fn record(&self, index: LeafIndex, header: &Header, body: BodyDigest) -> Result<Option<Record>> {
        let Some(bytes) = self.body(body)? else { return Ok(None) };
        let place = || format!("the body of entry {index}");
        let record = Record::parse(&bytes).at(place())?;
        if Header::derive(&record, header.received) != *header {
            return Err(CliError::new(Code::BindingMismatch, "the entry does not say what its body says").at(place()));
        }
        Ok(Some(record))
    }

    /// A body by its digest; `None` if the log says that it was erased.
    fn body(&self, digest: BodyDigest) -> Result<Option<Vec<u8>>> {
        let hex = digest.to_hex();
        let (a, rest) = hex.split_at(2);
        let path = self.folder.join("bodies").join(a).join(rest);
        if let Ok(bytes) = files::read(&path, MAX_ENVELOPE)
            && body_digest(&bytes) == digest
        {
            return Ok(Some(bytes));
        }
        let b = &hex[2..4];
        let address = format!("/addenda/{a}/{b}/{hex}");
        let bytes = match self.client.get_up_to(&address, MAX_ENVELOPE as u64) {
            Ok(reply) => reply.bytes,
            Err(error) if error.code() == Code::Redacted => return Ok(None),
            Err(error) => return Err(error),
        };
        if body_digest(&bytes) != digest {
            let found = "what the log serves under this digest has another one";
            return Err(CliError::new(Code::BindingMismatch, found).at(address));
        }
        self.keep(&path, &bytes);
        Ok(Some(bytes))
    }

    /// Keeps a file in the cache. A cache that cannot be written costs time, not the answer.
    fn keep(&self, path: &std::path::Path, bytes: &[u8]) {
        if let Some(folder) = path.parent() {
            let _ = files::make_dir(folder).and_then(|()| files::write(path, bytes));
        }
    }
}

/// Whether a body may be missing: only where a retraction that counts names its record.
pub(crate) fn explained(state: &State, index: LeafIndex, record: &RecordId) -> Result<()> {
    match state.redaction(record) {
        Some(_) => Ok(()),
        None => Err(CliError::new(Code::Withheld, "the log says that this body was erased, and no retraction says so")
            .at(format!("the body of entry {index}"))),
    }
}

/// The newest checkpoint, not yet believed.
pub(crate) fn fetch_checkpoint(client: &Client) -> Result<Vec<u8>> {
    Ok(client.get_up_to("/checkpoint", MAX_NOTE_LEN as u64)?.bytes)
}

/// The first `width` entries of a full bundle.
fn cut(full: &[u8], width: u16) -> Result<Vec<u8>> {
    let entries = decode_bundle(full, 256).map_err(unreadable)?;
    ledger::merkle::encode_bundle(entries.into_iter().take(usize::from(width))).map_err(unreadable)
}

fn unreadable(error: impl std::fmt::Display) -> CliError {
    CliError::new(Code::ProofInvalid, error.to_string())
}
