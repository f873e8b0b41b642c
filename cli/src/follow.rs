//! Following a log: every entry up to its newest checkpoint, read from its entry bundles, hashed to the signed root.
//!
//! This is how an answer is complete before any index of the log is believed: whoever has hashed all entries knows that
//! none was left out. Its files are immutable and kept in the cache ([`crate::log_files`]); a second look fetches what is
//! new. What is read from the cache is hashed again each time, so a damaged cache is noticed and fetched anew.
//!
//! One pass over the log is a [`View::scan`]: it folds the state (who may say what, at each index), holds the tree against
//! the signed root, against the checkpoint seen last time, and against the pinned entry 0. Nothing that a visitor collects
//! may be used unless the scan succeeds.

use ledger::Code;
use ledger::entry::{Entry, Header};
use ledger::ids::{BodyDigest, LeafIndex, RecordId, TreeSize, to_hex};
use ledger::merkle::{CompactRange, EntryBundleId, LeafHash, RootHash, decode_bundle};
use ledger::note::AcceptedCheckpoint;
use ledger::note::signed::MAX_NOTE_LEN;
use ledger::record::Record;
use ledger::state::State;
use ledger::verify::Trust;
use sha2::{Digest as _, Sha256};

use crate::client::{AT_ONCE, Client};
use crate::failure::{At, CliError, Result};
use crate::log_files::{BODIES, LogFiles};
use crate::memory::{Known, Memory, Seen};
use crate::progress::Unit;
use crate::session::Session;

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

/// An entry, and its record if that was asked for and its body was not erased.
struct Read {
    entry: Entry,
    /// Whether the state depends on it.
    concerns: bool,
    /// Whether a visitor wants its record.
    wanted: bool,
    record: Option<Record>,
}

impl Read {
    const fn asked(&self) -> bool {
        self.concerns || self.wanted
    }

    /// Folds it into the state; whether it counts.
    fn apply(&self, index: LeafIndex, state: &mut State) -> bool {
        let (header, record) = (&self.entry.header, self.record.as_ref());
        let counts = match record {
            Some(record) => state.verify_signatures(record).and_then(|()| state.authorise(record, index)).is_ok(),
            None => state.authorise_header(header, index).is_ok(),
        };
        // An entry whose body is erased acts by its header.
        if self.concerns && (counts || record.is_none()) {
            state.apply(index, header, record);
        }
        counts
    }
}

/// Roots over the first entries, by how many.
type RootsThen = std::collections::BTreeMap<u64, RootHash>;

/// A log at its newest checkpoint.
#[derive(Debug)]
pub(crate) struct View<'a> {
    session: &'a Session<'a>,
    accepted: AcceptedCheckpoint,
    genesis: Option<LeafHash>,
    note: Vec<u8>,
    known: Known,
    files: LogFiles<'a>,
}

impl<'a> View<'a> {
    /// Fetches the newest checkpoint and holds it against the policy and the memory.
    pub(crate) fn open(session: &'a Session<'a>, client: &'a Client, trust: &Trust) -> Result<Self> {
        let note = fetch_checkpoint(client)?;
        let accepted = trust.policy.check(&note).at(client.base())?;
        let known = Memory::of(&session.config).refuse_smaller(&accepted, &note)?;
        let digest = to_hex(&Sha256::digest(accepted.log().to_string().as_bytes()));
        let folder = session.config.cache.value.join("logs").join(&digest[..32]);
        let files = LogFiles::new(client, folder, accepted.checkpoint().root());
        Ok(Self { session, accepted, genesis: trust.genesis, note, known, files })
    }

    /// The checkpoint.
    pub(crate) const fn accepted(&self) -> &AcceptedCheckpoint {
        &self.accepted
    }

    /// The checkpoint as it was signed.
    pub(crate) fn note(&self) -> &[u8] {
        &self.note
    }

    /// The newest checkpoint of this log that was followed before.
    pub(crate) const fn seen(&self) -> Option<&Seen> {
        self.known.followed.as_ref()
    }

    /// A larger checkpoint of this log that a bundle showed, and that was not held against it yet.
    pub(crate) const fn shown(&self) -> Option<&Seen> {
        self.known.shown.as_ref()
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
        let mut then = RootsThen::default();
        let mut first = None;
        let mut missing = Vec::new();
        let mut index = LeafIndex(0);
        let mut all = self.bundle_ids();
        loop {
            let ids: Vec<EntryBundleId> = all.by_ref().take(AT_ONCE).collect();
            if ids.is_empty() {
                break;
            }
            for (id, bytes) in ids.iter().zip(self.files.bundles(&ids)?) {
                let entries = decode_bundle(&bytes, id.width()).map_err(CliError::unreadable).at(id)?;
                for entries in entries.chunks(BODIES) {
                    for (bytes, read) in entries.iter().zip(self.read(index, entries, wants)?) {
                        self.note_root(index.0, &range, &mut then);
                        let leaf = LeafHash::of_entry(bytes);
                        first.get_or_insert(leaf);
                        range.append(leaf, &mut |_, _, _| {});
                        if read.asked() && read.record.is_none() {
                            missing.push((index, read.entry.header.record));
                        }
                        let counts = read.apply(index, &mut state);
                        let Read { entry: Entry { header, body }, wanted, record, .. } = read;
                        let record = record.filter(|_| wanted);
                        visit(Passing { index, header: &header, body, record, counts })?;
                        index.0 += 1;
                        progress.set(index.0);
                    }
                }
            }
        }
        self.note_root(size.0, &range, &mut then);
        self.judge(range.root(), &then, first)?;
        // A retraction comes after what it takes back, so only now it shows whether one names each.
        missing.iter().try_for_each(|(index, record)| explained(&state, *index, record))?;
        Memory::of(&self.session.config).remember(self.accepted.log(), &self.note)?;
        Ok(state)
    }

    /// Decodes entries that follow one another from `from` on, and reads the records that are asked for.
    fn read(
        &self,
        from: LeafIndex,
        entries: &[&[u8]],
        wants: &dyn Fn(LeafIndex, &Header) -> bool,
    ) -> Result<Vec<Read>> {
        let mut read = Vec::with_capacity(entries.len());
        for (index, bytes) in (from.0..).map(LeafIndex).zip(entries) {
            let entry = Entry::decode(bytes).at(format!("entry {index}"))?;
            let (concerns, wanted) = (State::concerns(&entry.header), wants(index, &entry.header));
            read.push(Read { entry, concerns, wanted, record: None });
        }
        let asked: Vec<BodyDigest> = read.iter().filter(|read| read.asked()).map(|read| read.entry.body).collect();
        let mut bodies = self.files.bodies(&asked)?.into_iter();
        for (index, read) in (from.0..).map(LeafIndex).zip(&mut read).filter(|(_, read)| read.asked()) {
            let body = bodies.next().flatten();
            read.record = body.map(|bytes| record_of(index, &read.entry.header, &bytes)).transpose()?;
        }
        Ok(read)
    }

    /// Every bundle of the tree, in order. One by one: how many there are is what the log says.
    fn bundle_ids(&self) -> impl Iterator<Item = EntryBundleId> + use<> {
        let size = self.size();
        (0..size.0.div_ceil(EntryBundleId::ENTRIES)).map_while(move |number| EntryBundleId::in_tree(number, size))
    }

    /// Whether the entries are those of the signed tree, extend what was seen, and begin where the pin says.
    fn judge(&self, root: RootHash, then: &RootsThen, first: Option<LeafHash>) -> Result<()> {
        if root != self.accepted.checkpoint().root() {
            // What was kept may be damaged, or of another tree than this one: the log's own bytes tell.
            self.files.forget_entries();
            let (root, then) = self.roots()?;
            if root == self.accepted.checkpoint().root() {
                self.extends(&then)?;
            }
            return Err(CliError::new(
                Code::ProofInvalid,
                "the entries of the log do not hash to the root that it signed",
            )
            .at(self.files.base())
            .hint("Run it again: the cached entries were thrown away. If it fails again, report the log."));
        }
        self.extends(then)?;
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
    fn roots(&self) -> Result<(RootHash, RootsThen)> {
        let mut range = CompactRange::new();
        let mut then = RootsThen::default();
        let mut index = 0;
        for id in self.bundle_ids() {
            let bytes = self.files.bundle(id)?;
            for entry in decode_bundle(&bytes, id.width()).map_err(CliError::unreadable).at(id)? {
                self.note_root(index, &range, &mut then);
                range.append(LeafHash::of_entry(entry), &mut |_, _, _| {});
                index += 1;
            }
        }
        self.note_root(index, &range, &mut then);
        Ok((range.root(), then))
    }

    /// Keeps the root over the first `size` entries, if a tree of that size was seen before.
    fn note_root(&self, size: u64, range: &CompactRange, then: &mut RootsThen) {
        if self.known.iter().any(|seen| seen.size.0 == size) {
            then.insert(size, range.root());
        }
    }

    /// Whether this tree extends those that were seen; `then` are this one's roots at their sizes.
    fn extends(&self, then: &RootsThen) -> Result<()> {
        let other = |seen: &&Seen| then.get(&seen.size.0).is_some_and(|root| *root != seen.root);
        match self.known.iter().find(other) {
            Some(seen) => {
                let memory = Memory::of(&self.session.config);
                Err(memory.fork(self.accepted.log(), &seen.note, &self.note, "two trees that exclude one another"))
            }
            None => Ok(()),
        }
    }

    /// A bundle of entries.
    pub(crate) fn bundle(&self, id: EntryBundleId) -> Result<Vec<u8>> {
        self.files.bundle(id)
    }

    /// Fetches the bodies that are not in the cache yet, so that they are there when they are looked at one by one.
    pub(crate) fn read_ahead(&self, bodies: impl IntoIterator<Item = BodyDigest>) -> Result<()> {
        let missing: Vec<BodyDigest> = bodies.into_iter().filter(|body| !self.files.has_body(*body)).collect();
        if missing.len() < 2 {
            return Ok(());
        }
        let progress =
            self.session.out.progress("fetching records", Some(missing.len() as u64), Unit::Things("records"));
        for some in missing.chunks(BODIES) {
            self.files.bodies(some)?;
            progress.advance(some.len() as u64);
        }
        Ok(())
    }

    /// The record of an entry, held against the digest that the entry names and the header that it must have. `None` where
    /// the log says that it was erased; whether it may say so, [`explained`] tells.
    pub(crate) fn record(&self, index: LeafIndex, header: &Header, body: BodyDigest) -> Result<Option<Record>> {
        self.files.body(body)?.map(|bytes| record_of(index, header, &bytes)).transpose()
    }
}

fn record_of(index: LeafIndex, header: &Header, bytes: &[u8]) -> Result<Record> {
    let place = || format!("the body of entry {index}");
    let record = Record::parse(bytes).at(place())?;
    if Header::derive(&record, header.received) != *header {
        return Err(CliError::new(Code::BindingMismatch, "the entry does not say what its body says").at(place()));
    }
    Ok(record)
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
