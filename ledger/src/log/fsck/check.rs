//! One pass over everything that the engine holds: every entry, its body and its signatures, in the order of the log.

use std::collections::HashMap;

use super::{Damage, FsckReport, stored};
use crate::engine::{BodyState, Checked, Engine, Head, LocalEngine, Places};
use crate::entry::{Entry, Header};
use crate::error::{Code, Error, Result};
use crate::ids::{LeafIndex, UnixMillis};
use crate::log::Term;
use crate::log::index::Index;
use crate::log::open::{Options, refused};
use crate::log::snapshot::Snapshot;
use crate::log::tail::Tail;
use crate::manifest::Run;
use crate::merkle::LeafHash;
use crate::note::SignedNote;
use crate::record::Record;
use crate::record::kinds::Predicate;
use crate::state::State;
use crate::trie::Rebuild;

/// Entries whose postings are compared at once: 65,536 entries with some eight terms each are a few dozen MiB.
pub(super) const WINDOW: u64 = 65_536;

/// Entries whose signatures are verified at once, by all cores.
pub(super) const CHUNK: usize = 1024;

/// What the bodies of these may have together, but for one of the largest.
const CHUNK_BYTES: usize = 16 << 20;

/// An entry whose body waits to be verified.
struct Waiting {
    index: LeafIndex,
    header: Header,
    body: bytes::Bytes,
}

/// A check on its way: what was read so far, and what it comes to.
pub(super) struct Check<'a> {
    engine: &'a LocalEngine,
    pub(super) index: Option<&'a Index>,
    pub(super) snapshot: Option<Snapshot>,
    pub(super) report: FsckReport,
    pub(super) index_damages: u64,
    copy_damages: u64,
    /// Entries below this are durable in the index.
    pub(super) indexed: LeafIndex,
    tail: Tail,
    pub(super) state: State,
    received: UnixMillis,
    waiting: Vec<Waiting>,
    waiting_bytes: usize,
    pub(super) window: HashMap<Term, Vec<u64>>,
    erased: Vec<(LeafIndex, Header)>,
    pub(super) rebuilt: Rebuild,
    /// Whether an entry could not be read, so that nothing after it can be compared with a root.
    broken: bool,
}

impl<'a> Check<'a> {
    /// A check that has read nothing yet.
    pub(super) fn new(engine: &'a LocalEngine, index: Option<&'a Index>, snapshot: Option<Snapshot>) -> Self {
        Self {
            engine,
            index,
            snapshot,
            report: FsckReport::default(),
            index_damages: 0,
            copy_damages: 0,
            indexed: LeafIndex(0),
            tail: Tail::default(),
            state: State::default(),
            received: UnixMillis(0),
            waiting: Vec::new(),
            waiting_bytes: 0,
            window: HashMap::new(),
            erased: Vec::new(),
            rebuilt: Rebuild::default(),
            broken: false,
        }
    }

    /// Takes in the next entry or damage, as the engine finds it.
    pub(super) fn take(&mut self, checked: Checked<'_>) {
        match checked {
            Checked::Damage(damage) => {
                self.broken |= damage.file.starts_with("journal");
                // The engine opened, so that one copy of each is whole.
                self.copy_damages += u64::from(["guard/head", "published"].contains(&damage.file.as_str()));
                self.report.add(stored(damage));
            }
            Checked::Entry { index, entry, places, body } => self.entry(index, entry, places, body),
        }
    }

    fn entry(&mut self, index: LeafIndex, bytes: &[u8], places: Places, body: BodyState) {
        self.report.entries += 1;
        let entry = match Entry::decode(bytes) {
            Ok(entry) => entry,
            Err(error) => return self.damage("journal", index, error.to_string()),
        };
        if entry.header.received < self.received {
            self.damage("journal", index, "received before its predecessor");
        }
        self.received = entry.header.received;
        for full in self.tail.append(LeafHash::of_entry(bytes)) {
            self.compare_tile(index, &full);
        }
        self.look_up(index, &entry, places);
        self.rebuilt.take(index, &entry.header);
        self.body(index, entry, places, body);
        if (index.0 + 1).is_multiple_of(WINDOW) {
            self.compare_postings((index.0 + 1) - WINDOW);
        }
    }

    fn body(&mut self, index: LeafIndex, entry: Entry, places: Places, state: BodyState) {
        let digest = match state {
            BodyState::Damaged => return,
            BodyState::Erased(digest) | BodyState::Kept(digest) => digest,
        };
        if digest != entry.body {
            return self.damage("bodies", index, format!("the entry names body {}, found {digest}", entry.body));
        }
        if matches!(state, BodyState::Erased(_)) {
            return self.erased(index, entry.header);
        }
        match self.engine.read_body(places.body) {
            Ok(Some(body)) => {
                self.waiting_bytes += body.len();
                self.waiting.push(Waiting { index, header: entry.header, body });
            }
            Ok(None) => self.erased(index, entry.header),
            Err(error) => self.damage("bodies", index, error.to_string()),
        }
        // An entry that changes who may sign is folded before the next one is looked at.
        let is_full = self.waiting.len() >= CHUNK || self.waiting_bytes >= CHUNK_BYTES;
        if is_full
            || self.waiting.last().is_some_and(|last| State::concerns(&last.header) || last.header.kind == "index-root")
        {
            self.verify_waiting();
        }
    }

    /// An entry without its body acts by its header, in its turn.
    fn erased(&mut self, index: LeafIndex, header: Header) {
        self.verify_waiting();
        self.compare_snapshot(index);
        self.state.apply(index, &header, None);
        self.erased.push((index, header));
    }

    /// Parses and verifies the bodies that wait, on all cores, then decides them in order.
    fn verify_waiting(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        let verified = verify_all(&waiting, &self.state);
        for (waiting, verified) in waiting.iter().zip(verified) {
            self.report.bodies += 1;
            self.compare_snapshot(waiting.index);
            let admitted = verified
                .and_then(|record| self.state.admit(&record, waiting.index, waiting.header.received).map(|()| record));
            match admitted {
                Ok(record) => {
                    self.state.apply(waiting.index, &waiting.header, Some(&record));
                    self.declared(waiting.index, &record);
                    if let Predicate::IndexRoot(root) = &record.predicate
                        && let Err(error) = self.rebuilt.judge(waiting.index, record.id, root)
                    {
                        self.damage("bodies", waiting.index, error.to_string());
                    }
                }
                Err(error) => self.damage("bodies", waiting.index, error.to_string()),
            }
        }
    }

    fn declared(&mut self, index: LeafIndex, record: &Record) {
        let declared = &mut self.report.declared;
        match &record.predicate {
            Predicate::Manifest(manifest) => {
                declared.keyspaces.extend(manifest.keyspaces.iter().map(|keyspace| keyspace.id));
            }
            // One of a kind that this version does not know is not checked either.
            Predicate::RunRoot(root) => {
                let run = Run::declared(index, (**root).clone()).ok();
                declared.runs.extend(run.map(|run| (run.keyspace().id(), run)));
            }
            _ => {}
        }
    }

    /// What is left to compare when all entries were read, and the report.
    ///
    /// # Errors
    /// Only if the guard's head cannot be read.
    pub(super) fn finish(mut self, options: &Options) -> Result<FsckReport> {
        self.verify_waiting();
        let size = self.tail.size();
        self.compare_postings(size.0 / WINDOW * WINDOW);
        self.compare_snapshot(LeafIndex(size.0));
        self.compare_terms(options);
        self.explain_erased();
        if let Some((head, _)) = self.engine.head().map_err(refused)? {
            self.compare_head(&head, options);
        }
        let count = self.report.count();
        self.report.only_index = count > 0 && count == self.index_damages;
        self.report.only_copies = count > 0 && count == self.copy_damages;
        Ok(self.report)
    }

    /// Every body that is gone must have been redacted.
    fn explain_erased(&mut self) {
        for (index, header) in std::mem::take(&mut self.erased) {
            // By the rule of those who follow the log: a retraction that only takes back explains no gap.
            if self.state.redaction(&header.record).is_some() {
                self.report.redacted += 1;
            } else {
                self.damage("bodies", index, "the body is gone and no retraction says so");
            }
        }
    }

    /// The signed checkpoint must be this log's, and over the entries that were read.
    fn compare_head(&mut self, head: &Head, options: &Options) {
        let guard = |what: String| Damage { file: "guard".to_owned(), place: None, what };
        let keys = [options.signers.log.verifier_key().clone(), options.signers.clock.verifier_key().clone()];
        if let Err(error) = SignedNote::parse(&head.checkpoint).and_then(|note| note.verify(&keys)) {
            self.report.add(guard(format!("the checkpoint does not verify: {error}")));
        }
        let (size, root) = (self.tail.size(), self.tail.root());
        if !self.broken && (head.size, head.root) != (size, root) {
            let what = format!(
                "{size} entries with root {root} were read, the checkpoint says {} and {}",
                head.size, head.root
            );
            self.report.add(guard(what));
        }
    }

    fn damage(&mut self, file: &str, index: LeafIndex, what: impl Into<String>) {
        let place = Some(format!("entry {index}"));
        self.report.add(Damage { file: file.to_owned(), place, what: what.into() });
    }
}

/// The records of these bodies, verified on all cores, or why one is none.
fn verify_all(waiting: &[Waiting], state: &State) -> Vec<Result<Record>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = waiting.len().div_ceil(cores).max(1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = waiting
            .chunks(share)
            .map(|part| (part, scope.spawn(move || part.iter().map(|one| verify(one, state)).collect::<Vec<_>>())))
            .collect();
        let mut records = Vec::with_capacity(waiting.len());
        for (part, thread) in threads {
            match thread.join() {
                Ok(verified) => records.extend(verified),
                // What it looked at is not known to be sound.
                Err(_) => records
                    .extend(part.iter().map(|_| Err(Error::new(Code::Internal, "the thread that verified it failed")))),
            }
        }
        records
    })
}

/// One body: its form, its signatures, and whether the entry's header is the one that follows from it.
fn verify(waiting: &Waiting, state: &State) -> Result<Record> {
    let record = Record::parse(&waiting.body)?;
    state.verify_signatures(&record)?;
    let derived = Header::derive(&record, waiting.header.received);
    if derived != waiting.header {
        let detail = "the entry's header does not follow from its body";
        return Err(Error::new(Code::BindingMismatch, detail));
    }
    Ok(record)
}
