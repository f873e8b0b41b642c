//! Creating a log, and starting one: recovery along the same path as the commit.
//!
//! A start believes the guard and the journal, and nothing else. The index is brought up to them by the same
//! `apply` that a commit calls; if it has lost anything, it is filled from the beginning.

use std::fs;
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, RwLock, mpsc};
use std::thread::JoinHandle;
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::watch;

use super::clock::{Clock, Timekeeper};
use super::index::{Index, Indexed, Indexer};
use super::manifests::Manifests;
use super::publisher::Publisher;
use super::roots::{Keeper, Roots};
use super::sequencer::{Sequencer, Signers, give_or_take, same_root};
use super::snapshot::Snapshot;
use super::tail::FullTile;
use super::{AtomicCounters, Log, Shared, Validated, Wait, room};
use crate::engine::{
    Engine, EngineError, FirstDamage, Head, LocalEngine, LocalOptions, Opened, Places, Position, Replayed, Watched,
};
use crate::entry::Entry;
use crate::error::{Code, Error, Result, is_full};
use crate::ids::{LeafIndex, TreeSize, UnixMillis};
use crate::merkle::{CompactRange, LeafHash};
use crate::note::{Origin, Policy, SignedNote};
use crate::state::State;

/// The index's folder, inside of the log's. It may be deleted while the log is stopped: a start fills it again.
pub(super) const INDEX_DIR: &str = "index";
/// How far the index is durable: see [`super::snapshot`].
pub(super) const SNAPSHOT_FILE: &str = "index.snapshot";

/// The folder of the manifests.
pub(super) const MANIFESTS_DIR: &str = "manifests";

/// How many batches may be committed ahead of the index.
const BATCHES_AHEAD: usize = 4;

/// How many replayed entries are indexed at once: what one commit may hold.
const REPLAY_BATCH: usize = 1024;

/// What a log needs to run.
pub struct Options {
    /// The log's folder.
    pub dir: PathBuf,
    /// The commit guard's folder, if it is not inside of the log's; on another disk it survives this one.
    pub guard_dir: Option<PathBuf>,
    /// The log's name.
    pub origin: Origin,
    /// The keys that sign checkpoints.
    pub signers: Signers,
    /// The quorum without which nothing is published.
    pub policy: Policy,
}

impl Options {
    /// The engine's part. Frames below `trusted` are not verified at the start.
    pub(super) fn engine(&self, trusted: Position) -> LocalOptions {
        let mut options = LocalOptions::new(self.dir.clone(), self.origin.as_str());
        options.guard_dir.clone_from(&self.guard_dir);
        options.check_from = trusted;
        options
    }
}

/// Creates a log whose entry 0 is `genesis`, an envelope around a `log-policy`.
///
/// # Errors
/// `store_exists` if there is a log already; whatever the door says about `genesis`, before anything is written.
pub fn create(options: Options, clock: Arc<dyn Clock>, genesis: Bytes) -> Result<()> {
    let validated = Validated::check(genesis, &State::default(), LeafIndex(0), clock.now(), |_| Ok(false))?;
    let engine = LocalEngine::create(&options.engine(Position::START)).map_err(refused)?;
    let log = start(Arc::new(engine), options, clock)?;
    let answer = log.submit(validated, Wait::Sequenced)?.wait_blocking();
    log.close()?;
    answer.map(drop)
}

/// Opens the log in `options.dir` and starts it.
///
/// # Errors
/// `store_missing` if there is no log, `store_locked` if another process has it open; the damage that a start refuses to
/// go on from: `store_corrupt`, `guard_missing`, `guard_rolled_back`, `store_behind_guard`, `origin_mismatch`; and those of
/// [`start`].
pub fn open(options: Options, clock: Arc<dyn Clock>) -> Result<Log> {
    // What the index was filled from was read, and verified, when it was filled; `fsck` verifies everything again.
    let trusted = Snapshot::load(&options.dir.join(SNAPSHOT_FILE)).map_or(Position::START, |known| known.position);
    let engine = LocalEngine::open(&options.engine(trusted)).map_err(refused)?;
    let opened = engine.opened().clone();
    let mut log = start(Arc::new(engine), options, clock)?;
    log.opened = opened;
    Ok(log)
}

/// Starts a log on any engine.
///
/// # Errors
/// `wrong_log` if the engine holds another log than the one that `options` names; `log_key_mismatch` if a key or the policy is
/// another's; what the engine says of its own damage (`store_corrupt` above all), `disk_full` where the index cannot be brought
/// up, `index_hangs` if it does not open.
pub fn start(engine: Arc<dyn Engine>, options: Options, clock: Arc<dyn Clock>) -> Result<Log> {
    let damage = FirstDamage::default();
    let engine: Arc<dyn Engine> = Arc::new(Watched::new(engine, damage.clone()));
    let head = engine.head().map_err(refused)?;
    let newest = head.as_ref().map(|(head, _)| head);
    own_log(&options, newest)?;
    own_keys(&options, newest)?;
    let mut recovered = recover(engine.as_ref(), &options.dir, newest)?;
    let state = Arc::new(std::mem::take(&mut recovered.snapshot.state));
    let shared = Arc::new(shared(&options, engine, damage, clock, &recovered, &state, newest));

    let Recovered { indexer, snapshot, durable, .. } = recovered;
    let size = snapshot.tail.size();
    let range = CompactRange::from_parts(size, snapshot.tail.compact_nodes())
        .map_err(|error| Error::new(Code::StoreCorrupt, error.to_string()))?;
    let (bell, rung) = mpsc::sync_channel(1);
    let (to_publisher, work) = mpsc::sync_channel(BATCHES_AHEAD);
    let last_root = shared.newest_index_root(size)?.map(|root| (root.record, root.size));
    let mut publisher = Publisher {
        shared: Arc::clone(&shared),
        indexer,
        policy: options.policy,
        tail: Arc::new(snapshot.tail),
        state: Arc::clone(&state),
        head: newest.cloned(),
        position: snapshot.position,
        received: snapshot.received,
        durable: (durable, Instant::now()),
        reopened: durable,
        waiting: Vec::new(),
        bell,
    };
    publish_what_is_there(&mut publisher)?;
    let sequencer = Sequencer {
        shared: Arc::clone(&shared),
        signers: options.signers,
        range,
        state,
        head,
        renewed: UnixMillis(0),
        recent: Default::default(),
        last_root,
        publisher: to_publisher,
    };
    let keeper = Keeper { shared: Arc::clone(&shared), signed: shared.clock.now(), sent: None };
    let threads = vec![
        thread("sequencer", move || sequencer.run())?,
        thread("publisher", move || publisher.run(&work))?,
        thread("index", move || keeper.run(&rung))?,
    ];
    Ok(Log { shared, opened: Opened::default(), threads: Mutex::new(threads) })
}

/// The engine must hold the log that is named.
fn own_log(options: &Options, head: Option<&Head>) -> Result<()> {
    match head {
        Some(head) if head.origin != options.origin.as_str() => {
            let detail = format!("the guard is of {}, the configuration says {}", head.origin, options.origin);
            Err(Error::new(Code::WrongLog, detail))
        }
        _ => Ok(()),
    }
}

/// What the threads and the readers have in common, before any of them runs. Nothing is published yet.
fn shared(
    options: &Options,
    engine: Arc<dyn Engine>,
    damage: FirstDamage,
    clock: Arc<dyn Clock>,
    recovered: &Recovered,
    state: &Arc<State>,
    head: Option<&Head>,
) -> Shared {
    let snapshot = &recovered.snapshot;
    let size = snapshot.tail.size();
    let newest = head.and_then(|head| options.policy.check(&head.checkpoint).ok()?.newest());
    let cosigned = newest.map(|at| at.to_millis());
    Shared {
        manifests: Manifests::new(options.dir.join(MANIFESTS_DIR)),
        roots: Roots::new(snapshot.terms),
        dir: options.dir.clone(),
        origin: options.origin.clone(),
        engine,
        damage,
        index: Arc::clone(&recovered.index),
        time: Mutex::new(Timekeeper::new(clock.as_ref(), snapshot.received, cosigned)),
        clock,
        queue: super::queue::Queue::default(),
        committed: RwLock::new((size, Arc::clone(state))),
        indexed: AtomicU64::new(size.0),
        tiles: super::reader::TileCache::default(),
        published: watch::Sender::new(None),
        fatal: watch::Sender::new(None),
        read_only: AtomicBool::new(false),
        index_waits: AtomicBool::new(false),
        counters: AtomicCounters::default(),
    }
}

/// The first view: of what is committed, once the index is durable and what was redacted is erased.
fn publish_what_is_there(publisher: &mut Publisher) -> Result<()> {
    if publisher.tail.size() != publisher.durable.0 {
        match publisher.make_durable() {
            // The start after this one is slower, and that is all.
            Err(error) if error.code() == Code::DiskFull => {}
            other => other?,
        }
    }
    match publisher.shared.finish_erasing(&publisher.state) {
        // Nothing is published, and nothing taken in, until there is room to erase what was redacted.
        Err(error) if error.code() == Code::DiskFull => publisher.shared.wait_for_room(),
        other => {
            other?;
            publisher.publish()?;
        }
    }
    Ok(())
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    spawned.map_err(|source| Error::new(Code::Internal, source.to_string()))
}

/// The keys must be this log's: nobody who pinned it would take a checkpoint by another. A wrong key would otherwise
/// show only when nothing is published any more.
fn own_keys(options: &Options, head: Option<&Head>) -> Result<()> {
    let Signers { log, clock } = &options.signers;
    let (log, clock) = (log.verifier_key(), clock.verifier_key());
    let wrong = |place: &str, detail: String| Err(Error::new(Code::LogKeyMismatch, detail).at(place));
    if let Some(head) = head
        && SignedNote::parse(&head.checkpoint)?.verify(std::slice::from_ref(log)).is_err()
    {
        return wrong("log key", format!("the newest checkpoint is not signed by {log}"));
    }
    if !options.policy.logs().iter().any(|known| known.key() == log) {
        return wrong("policy", format!("the policy does not name the log's key, {log}"));
    }
    if let Some(known) = options.policy.witnesses().find(|known| known.name() == clock.name() && *known != clock) {
        return wrong("clock key", format!("the policy names {known} as the clock's key, the key at hand is {clock}"));
    }
    Ok(())
}

/// An index that holds exactly what the engine committed.
pub(super) struct Recovered {
    pub(super) index: Arc<Index>,
    pub(super) indexer: Indexer,
    pub(super) snapshot: Snapshot,
    /// The size up to which the index was known to be durable.
    pub(super) durable: TreeSize,
}

/// Opens the index and brings it up to the engine's head. One that is damaged is thrown away: everything in it follows
/// from the journal.
pub(super) fn recover(engine: &dyn Engine, dir: &Path, head: Option<&Head>) -> Result<Recovered> {
    if engine.room().map_err(refused)?.is_some_and(|room| room < room::LOW) {
        // sled cannot open on a full disk.
        give_or_take(engine.release_ballast())?;
    }
    let index = match Index::open(&dir.join(INDEX_DIR)) {
        Err(error) if error.code() == Code::StoreCorrupt => return refill(engine, dir, head, &mut |_| {}),
        other => Arc::new(other?),
    };
    let (indexer, snapshot, durable) = bring_up(engine, dir, &index, head)?;
    Ok(Recovered { index, indexer, snapshot, durable })
}

/// Brings an open index up to the engine's head, from the newest snapshot on or else from the beginning. Returns what
/// writes to it from now on, the log at its size, and the size up to which it was known to be durable.
pub(super) fn bring_up(
    engine: &dyn Engine,
    dir: &Path,
    index: &Arc<Index>,
    head: Option<&Head>,
) -> Result<(Indexer, Snapshot, TreeSize)> {
    let size = head.map_or(TreeSize(0), |head| head.size);
    let known = Snapshot::load(&dir.join(SNAPSHOT_FILE)).filter(|snapshot| snapshot.tail.size() <= size);
    if let Some(snapshot) = known {
        let durable = snapshot.tail.size();
        if index.hint()? >= durable {
            match roll_forward(engine, index, snapshot, head, &mut |_| {}) {
                Ok((indexer, snapshot)) => return Ok((indexer, snapshot, durable)),
                // Not the index's fault, and a second try would not end better.
                Err(error) if error.code() == Code::DiskFull => return Err(error),
                Err(_) => {}
            }
        }
    }
    // No snapshot, or an index that lost rows, or one that does not lead to the signed root: fill it again.
    forget_snapshot(dir)?;
    index.clear()?;
    let (indexer, snapshot) = roll_forward(engine, index, Snapshot::empty(), head, &mut |_| {})?;
    Ok((indexer, snapshot, TreeSize(0)))
}

/// Throws the index away unopened and fills it from the journal. `told` hears how many entries it holds.
pub(super) fn refill(
    engine: &dyn Engine,
    dir: &Path,
    head: Option<&Head>,
    told: &mut dyn FnMut(TreeSize),
) -> Result<Recovered> {
    forget_snapshot(dir)?;
    let index = Arc::new(Index::fresh(&dir.join(INDEX_DIR))?);
    let (indexer, snapshot) = roll_forward(engine, &index, Snapshot::empty(), head, told)?;
    Ok(Recovered { index, indexer, snapshot, durable: TreeSize(0) })
}

fn forget_snapshot(dir: &Path) -> Result<()> {
    match fs::remove_file(dir.join(SNAPSHOT_FILE)) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(Error::new(blame(&source), source.to_string()).at(SNAPSHOT_FILE))
        }
        _ => Ok(()),
    }
}

/// Applies every entry from the snapshot on, and compares the root with the signed one.
fn roll_forward(
    engine: &dyn Engine,
    index: &Arc<Index>,
    snapshot: Snapshot,
    head: Option<&Head>,
    told: &mut dyn FnMut(TreeSize),
) -> Result<(Indexer, Snapshot)> {
    let from = snapshot.position;
    let indexer = Indexer::new(Arc::clone(index), snapshot.tail.size())?;
    let mut replay = Replay { engine, indexer, snapshot, entries: Vec::new(), full: Vec::new() };
    let mut outcome = Ok(());
    engine
        .replay(from, &mut |replayed| {
            outcome = replay.take(&replayed);
            told(replay.snapshot.tail.size());
            if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
        .map_err(refused)?;
    outcome?;
    replay.index()?;
    let Replay { indexer, snapshot, .. } = replay;
    let size = head.map_or(TreeSize(0), |head| head.size);
    if size != snapshot.tail.size() {
        let detail = format!("the journal holds {} entries, the guard {size}", snapshot.tail.size());
        return Err(Error::new(Code::StoreCorrupt, detail).at("journal"));
    }
    head.map_or(Ok(()), |head| same_root(head, snapshot.tail.root()))?;
    Ok((indexer, snapshot))
}

/// Entries on their way from the journal to the index.
struct Replay<'a> {
    engine: &'a dyn Engine,
    indexer: Indexer,
    snapshot: Snapshot,
    entries: Vec<(LeafIndex, Entry, Places)>,
    full: Vec<FullTile>,
}

impl Replay<'_> {
    fn take(&mut self, replayed: &Replayed<'_>) -> Result<()> {
        let snapshot = &mut self.snapshot;
        if replayed.index.0 != snapshot.tail.size().0 {
            let detail = format!("found entry {}, expected {}", replayed.index, snapshot.tail.size());
            return Err(Error::new(Code::StoreCorrupt, detail).at("journal"));
        }
        let entry = Entry::decode(replayed.entry)?;
        if State::concerns(&entry.header) {
            let record = record_of(self.engine, replayed.places)?;
            snapshot.state.apply(replayed.index, &entry.header, record.as_ref());
        }
        self.full.extend(snapshot.tail.append(LeafHash::of_entry(replayed.entry)));
        snapshot.received = entry.header.received;
        self.entries.push((replayed.index, entry, replayed.places));
        if let Some(next) = replayed.next {
            snapshot.position = next;
        }
        if self.entries.len() == REPLAY_BATCH { self.index() } else { Ok(()) }
    }

    fn index(&mut self) -> Result<()> {
        let entries = std::mem::take(&mut self.entries);
        if entries.is_empty() {
            return Ok(());
        }
        let indexed: Vec<Indexed<'_>> = entries
            .iter()
            .map(|(index, entry, places)| Indexed {
                index: *index,
                header: &entry.header,
                body: entry.body,
                places: *places,
            })
            .collect();
        self.indexer.apply(&indexed, &std::mem::take(&mut self.full))
    }
}

/// The record of a structural entry. `None` where its body is gone, which its retraction must explain.
fn record_of(engine: &dyn Engine, places: Places) -> Result<Option<crate::record::Record>> {
    let body = engine.read_body(places.body).map_err(refused)?;
    body.map(|body| crate::record::Record::parse(&body)).transpose()
}

/// An engine's refusal as an error with its code.
pub(super) fn refused(error: EngineError) -> Error {
    match error {
        EngineError::Refused(error) => error,
        EngineError::Superseded => Error::new(Code::Superseded, error.to_string()),
        EngineError::Corrupt { file, offset, what } => {
            Error::new(Code::StoreCorrupt, what).at(format!("{file} at byte {offset}"))
        }
        EngineError::NotCommitted { what, source } | EngineError::Fatal { what, source: Some(source) } => {
            Error::new(blame(&source), format!("{what}: {source}"))
        }
        EngineError::Fatal { what, source: None } => Error::new(Code::StoreCorrupt, what),
    }
}

/// Who is at fault for what the system said of a file: the disk's size, the way to the file, or else what is stored.
pub(super) fn blame(source: &std::io::Error) -> Code {
    use ErrorKind::{IsADirectory, NotADirectory, PermissionDenied, ReadOnlyFilesystem};
    match source.kind() {
        _ if is_full(source) => Code::DiskFull,
        PermissionDenied | ReadOnlyFilesystem | IsADirectory | NotADirectory => Code::FileAccess,
        _ => Code::StoreCorrupt,
    }
}
