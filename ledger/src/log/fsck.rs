//! Holding everything that is stored against everything else, while nobody serves it.
//!
//! | what | against what |
//! |---|---|
//! | every stored byte | its checksum |
//! | every body | the digest in its entry, its own signatures, and the header derived from it |
//! | the root over all entries | the signed checkpoint in the guard |
//! | every entry | the rules of admission at its index |
//! | every tile, place and posting of the index | what the entries say |
//! | every `index-root`, and the rows of the verifiable index | what the entries below it say |
//! | the snapshot's state | the fold of all entries up to its size |
//! | every key, row and hash of the manifests held ([`fsck_manifests`]) | their headers, and the runs' records |
//!
//! It goes on behind a damage and names them all, the first thousand with their places. It mends nothing: a start writes
//! the copies of guard and `published` anew of which a whole one is left, [`reindex`] fills the index again, and damage to
//! journal, bodies or guard needs a copy from elsewhere. What the index does not hold yet is no damage: the next start
//! brings it up.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

use super::Term;
use super::index::Index;
use super::manifests::Manifests;
use super::open::{INDEX_DIR, MANIFESTS_DIR, Options, SNAPSHOT_FILE, refill, refused};
use super::snapshot::Snapshot;
use super::tail::Tail;
use crate::engine::{BodyState, Checked, Engine, LocalEngine, Places};
use crate::entry::{Entry, Header};
use crate::error::{Code, Error, Result};
use crate::ids::{KeyspaceId, LeafIndex, TreeSize, UnixMillis};
use crate::manifest::Run;
use crate::merkle::LeafHash;
use crate::note::SignedNote;
use crate::record::Record;
use crate::record::kinds::Predicate;
use crate::state::State;
use crate::trie::Rebuild;

/// Entries whose postings are compared at once: 65,536 entries with some eight terms each are a few dozen MiB.
const WINDOW: u64 = 65_536;

/// Entries whose signatures are verified at once, by all cores.
const CHUNK: usize = 1024;

/// Damages that are named. More of them tell nothing new, and a damaged index has some for every entry.
const NAMED: usize = 1000;

/// Something stored that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file, relative to the log's folder.
    pub file: String,
    /// The byte or the entry, where one can be named.
    pub place: Option<String>,
    /// What is wrong.
    pub what: String,
}

/// What a check found.
#[derive(Debug, Clone, Default)]
pub struct FsckReport {
    /// Entries that were read.
    pub entries: u64,
    /// Bodies that were read and verified.
    pub bodies: u64,
    /// Bodies that were erased and whose retraction is in the log.
    pub redacted: u64,
    /// Full tiles that were compared.
    pub tiles: u64,
    /// Keyspaces and runs whose files were read.
    pub manifests: u64,
    /// Keyspaces that records declare and whose files are not here, as those of most parties never were.
    pub not_held: u64,
    /// Everything that is wrong, up to a thousand; empty for a sound log.
    pub damages: Vec<Damage>,
    /// How many more there are.
    pub more: u64,
    /// Whether all damage is in the index, which `reindex` fills again.
    pub only_index: bool,
    /// Whether all damage is in copies of which a whole one is left, which the next start writes anew.
    pub only_copies: bool,
    /// How many of the newest entries the index does not hold yet. The next start adds them.
    pub index_behind: u64,
    /// Why the index was not looked at, if it was not: on a disk where nothing can be written it cannot be opened.
    pub index_closed: Option<String>,
    /// What the records say of manifests.
    declared: Declared,
}

/// What records say of the files beside the log.
#[derive(Debug, Clone, Default)]
struct Declared {
    keyspaces: BTreeSet<KeyspaceId>,
    /// Runs by the id of their keyspace; the newest record of each counts.
    runs: HashMap<KeyspaceId, Run>,
}

impl FsckReport {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.damages.is_empty()
    }

    fn add(&mut self, damage: Damage) {
        if self.damages.len() < NAMED {
            self.damages.push(damage);
        } else {
            self.more += 1;
        }
    }

    fn count(&self) -> u64 {
        self.damages.len() as u64 + self.more
    }
}

/// Checks a log that nobody serves. `progress` is told how many of how many entries were read.
///
/// # Errors
/// Only if there is nothing to check: no log, a log of another name, one that is open elsewhere, no guard. Damage is
/// in the report.
pub fn fsck(options: &Options, progress: &mut dyn FnMut(u64, u64)) -> Result<FsckReport> {
    let engine = match LocalEngine::inspect(&options.engine(crate::engine::Position::START)) {
        Ok(engine) => engine,
        Err(crate::engine::EngineError::Corrupt { .. }) => return check_closed(options),
        Err(other) => return Err(refused(other)),
    };
    let total = engine.head().map_err(refused)?.map_or(0, |(head, _)| head.size.0);
    let index = Index::open(&options.dir.join(INDEX_DIR));
    let snapshot = Snapshot::load(&options.dir.join(SNAPSHOT_FILE));
    let mut check = Check::new(&engine, index.as_ref().ok(), snapshot);
    match &index {
        Ok(index) => check.reach(index, total)?,
        Err(error) if error.code() == Code::FileAccess => check.report.index_closed = Some(error.to_string()),
        Err(error) => check.index_damage(None, error.to_string()),
    }
    engine
        .check(&mut |checked| {
            check.take(checked);
            if check.report.entries.is_multiple_of(CHUNK as u64) {
                progress(check.report.entries, total);
            }
            ControlFlow::Continue(())
        })
        .map_err(refused)?;
    progress(total, total);
    check.finish(options)
}

/// Checks the files of every manifest and run that the log holds, after [`fsck`] read its records: every key in its
/// bucket, every row and hash, up to the root in the header whose digest names the folder. `progress` is told how many
/// of how many were read; the cost is one pass over the files.
///
/// # Errors
/// Only if the folder of the manifests cannot be listed. Damage is in the report.
pub fn fsck_manifests(options: &Options, report: &mut FsckReport, progress: &mut dyn FnMut(u64, u64)) -> Result<()> {
    let manifests = Manifests::new(options.dir.join(MANIFESTS_DIR));
    let declared = std::mem::take(&mut report.declared);
    let held = manifests.held()?;
    let total = held.len() as u64;
    for id in &held {
        if let Err(error) = manifests.check(id, declared.runs.get(id)) {
            let inside = error.place().and_then(|place| place.rsplit_once(&id.to_hex()));
            let file = inside.map_or("", |(_, inside)| inside.split(':').next().unwrap_or_default());
            let file = format!("{MANIFESTS_DIR}/{id}{file}");
            report.add(Damage { file, place: None, what: format!("{}: {}", error.code(), error.detail()) });
            (report.only_index, report.only_copies) = (false, false);
        }
        report.manifests += 1;
        progress(report.manifests, total);
    }
    let here: BTreeSet<_> = held.into_iter().collect();
    report.not_held = declared.keyspaces.difference(&here).count() as u64;
    Ok(())
}

/// Fills the index of a stopped log again from its journal. Returns how many entries it holds; `told` hears meanwhile how
/// many it holds, and how many there are.
pub fn reindex(options: &Options, told: &mut dyn FnMut(TreeSize, TreeSize)) -> Result<TreeSize> {
    let engine = LocalEngine::open(&options.engine(crate::engine::Position::START)).map_err(refused)?;
    let head = engine.head().map_err(refused)?;
    let all = head.as_ref().map_or(TreeSize(0), |(head, _)| head.size);
    let recovered = refill(&engine, &options.dir, head.as_ref().map(|(head, _)| head), &mut |done| told(done, all))?;
    recovered.index.make_durable()?;
    recovered.snapshot.save(&options.dir.join(SNAPSHOT_FILE))?;
    Ok(recovered.snapshot.tail.size())
}

/// The damage of a log whose engine does not open for it.
fn check_closed(options: &Options) -> Result<FsckReport> {
    let mut report = FsckReport::default();
    LocalEngine::check_closed(&options.engine(crate::engine::Position::START), &mut |checked| {
        match checked {
            Checked::Entry { .. } => report.entries += 1,
            Checked::Damage(damage) => report.add(stored(damage)),
        }
        ControlFlow::Continue(())
    })
    .map_err(refused)?;
    Ok(report)
}

fn stored(damage: crate::engine::Damage) -> Damage {
    Damage { file: damage.file, place: Some(format!("byte {}", damage.offset)), what: damage.what }
}

/// An entry whose body waits to be verified.
struct Waiting {
    index: LeafIndex,
    header: Header,
    body: bytes::Bytes,
}

struct Check<'a> {
    engine: &'a LocalEngine,
    index: Option<&'a Index>,
    snapshot: Option<Snapshot>,
    report: FsckReport,
    index_damages: u64,
    copy_damages: u64,
    /// Entries below this are durable in the index.
    indexed: LeafIndex,
    tail: Tail,
    state: State,
    received: UnixMillis,
    waiting: Vec<Waiting>,
    window: HashMap<Term, Vec<u64>>,
    erased: Vec<(LeafIndex, Header)>,
    rebuilt: Rebuild,
    /// Whether an entry could not be read, so that nothing after it can be compared with a root.
    broken: bool,
}

impl<'a> Check<'a> {
    fn new(engine: &'a LocalEngine, index: Option<&'a Index>, snapshot: Option<Snapshot>) -> Self {
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
            window: HashMap::new(),
            erased: Vec::new(),
            rebuilt: Rebuild::default(),
            broken: false,
        }
    }

    /// How much of the index can be held against the entries. What it was not yet told durably, or has lost, is not named
    /// row by row.
    fn reach(&mut self, index: &Index, total: u64) -> Result<()> {
        let durable = self.snapshot.as_ref().map_or(0, |snapshot| snapshot.tail.size().0.min(total));
        let hint = index.hint()?.0;
        if hint < durable {
            let what =
                format!("it holds {hint} of the {durable} entries that {SNAPSHOT_FILE} says: tiles, places, lists");
            self.index_damage(None, what);
        } else {
            self.indexed = LeafIndex(durable);
        }
        self.report.index_behind = total - durable;
        Ok(())
    }

    fn damage(&mut self, file: &str, index: LeafIndex, what: impl Into<String>) {
        let place = Some(format!("entry {index}"));
        self.report.add(Damage { file: file.to_owned(), place, what: what.into() });
    }

    fn index_damage(&mut self, index: Option<LeafIndex>, what: impl Into<String>) {
        self.index_damages += 1;
        let place = index.map(|index| format!("entry {index}"));
        self.report.add(Damage { file: INDEX_DIR.to_owned(), place, what: what.into() });
    }

    fn take(&mut self, checked: Checked<'_>) {
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
            self.report.tiles += 1;
            let held = self.index_at(index).map(|held| held.tile(full.level, full.index));
            match held {
                Some(Ok(Some(tile))) if tile == *full.tree => {}
                Some(Err(error)) => self.index_damage(Some(index), error.to_string()),
                Some(_) => {
                    self.index_damage(Some(index), format!("tile {} of level {} is wrong", full.index, full.level));
                }
                None => {}
            }
        }
        self.look_up(index, &entry, places);
        self.rebuilt.take(index, &entry.header);
        self.body(index, entry, places, body);
        if (index.0 + 1).is_multiple_of(WINDOW) {
            self.compare_postings((index.0 + 1) - WINDOW);
        }
    }

    /// The index, if it holds this entry durably.
    fn index_at(&self, index: LeafIndex) -> Option<&'a Index> {
        self.index.filter(|_| index < self.indexed)
    }

    /// The rows that belong to one entry, and the terms that are compared once a window.
    fn look_up(&mut self, index: LeafIndex, entry: &Entry, places: Places) {
        let Some(held) = self.index_at(index) else { return };
        if held.places(index).ok().flatten() != Some(places) {
            self.index_damage(Some(index), "its place is wrong");
        }
        // Two entries may name one body, if the same envelope was logged again after a crash of the index.
        if held.entry_of_body(&entry.body).ok().flatten().is_none() {
            self.index_damage(Some(index), "its body cannot be found by digest");
        }
        for term in Term::of(&entry.header) {
            let indices = self.window.entry(term).or_default();
            if indices.last() != Some(&index.0) {
                indices.push(index.0);
            }
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
            Ok(Some(body)) => self.waiting.push(Waiting { index, header: entry.header, body }),
            Ok(None) => self.erased(index, entry.header),
            Err(error) => self.damage("bodies", index, error.to_string()),
        }
        // An entry that changes who may sign is folded before the next one is looked at.
        if self.waiting.len() == CHUNK
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
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let share = waiting.len().div_ceil(cores).max(1);
        let state = &self.state;
        let verified: Vec<Result<Record>> = std::thread::scope(|scope| {
            let threads: Vec<_> = waiting
                .chunks(share)
                .map(|part| scope.spawn(move || part.iter().map(|waiting| verify(waiting, state)).collect::<Vec<_>>()))
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
        });
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

    /// The snapshot's state must be the fold of the entries below its size.
    fn compare_snapshot(&mut self, next: LeafIndex) {
        let due = self.snapshot.as_ref().is_some_and(|snapshot| snapshot.tail.size().0 <= next.0);
        if due
            && let Some(snapshot) = self.snapshot.take()
            && snapshot.state != self.state
        {
            self.index_damage(Some(next), format!("{SNAPSHOT_FILE} holds another state than the entries"));
        }
    }

    fn compare_postings(&mut self, start: u64) {
        let Some(held) = self.index_at(LeafIndex(start)) else { return };
        for (term, expected) in std::mem::take(&mut self.window) {
            let end = (start + WINDOW).min(self.indexed.0);
            let found: Result<Vec<u64>> = held
                .ascending(&term, LeafIndex(start))
                .map(|index| index.map(|index| index.0))
                .take_while(|index| index.as_ref().map_or(true, |index| *index < end))
                .collect();
            match found {
                Ok(found) if found == expected => {}
                Ok(found) => {
                    let first = expected.iter().find(|index| !found.contains(index)).or(found.last()).copied();
                    let what = format!("the list of {term} has {} of {} entries", found.len(), expected.len());
                    self.index_damage(first.map(LeafIndex), what);
                }
                Err(error) => self.index_damage(None, error.to_string()),
            }
        }
    }

    /// The rows of the verifiable index must be those of the newest root, as far as the snapshot says they were written.
    fn compare_terms(&mut self, options: &Options) {
        let (Some(held), Some((index, _, size, _))) = (self.index, self.rebuilt.honest()) else { return };
        // Rows of an older root are brought up by the next start.
        if Snapshot::load(&options.dir.join(SNAPSHOT_FILE)).is_none_or(|snapshot| snapshot.terms != size) {
            return;
        }
        match held.differs_from(self.rebuilt.rows()) {
            Ok(None) => {}
            Ok(Some(what)) => self.index_damage(Some(index), what),
            Err(error) => self.index_damage(None, error.to_string()),
        }
    }

    fn finish(mut self, options: &Options) -> Result<FsckReport> {
        self.verify_waiting();
        let size = self.tail.size();
        self.compare_postings(size.0 / WINDOW * WINDOW);
        self.compare_snapshot(LeafIndex(size.0));
        self.compare_terms(options);
        for (index, header) in std::mem::take(&mut self.erased) {
            // By the rule of those who follow the log: a retraction that only takes back explains no gap.
            if self.state.redaction(&header.record).is_some() {
                self.report.redacted += 1;
            } else {
                self.damage("bodies", index, "the body is gone and no retraction says so");
            }
        }
        if let Some((head, _)) = self.engine.head().map_err(refused)? {
            let guard = |what: String| Damage { file: "guard".to_owned(), place: None, what };
            let keys = [options.signers.log.verifier_key().clone(), options.signers.clock.verifier_key().clone()];
            if let Err(error) = SignedNote::parse(&head.checkpoint).and_then(|note| note.verify(&keys)) {
                self.report.add(guard(format!("the checkpoint does not verify: {error}")));
            }
            if !self.broken && (head.size, head.root) != (size, self.tail.root()) {
                let what = format!(
                    "{size} entries with root {} were read, the checkpoint says {} and {}",
                    self.tail.root(),
                    head.size,
                    head.root
                );
                self.report.add(guard(what));
            }
        }
        let count = self.report.count();
        self.report.only_index = count > 0 && count == self.index_damages;
        self.report.only_copies = count > 0 && count == self.copy_damages;
        Ok(self.report)
    }
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
