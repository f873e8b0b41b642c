//! The local engine: a log in a folder, in files only.
//!
//! ```text
//! LOG/journal/00000000.log …   entries: one frame per batch, each naming the checkpoint that it extends
//! LOG/bodies/00000000.seg …    the envelopes, in the order of their entries
//! LOG/guard/head               the commit guard; its folder may lie elsewhere
//! LOG/published                the newest checkpoint that readers were shown
//! LOG/ballast                  room to give up on a full disk
//! LOG/lock, LOG/guard/lock     held by the one process that has the log open
//! ```
//!
//! A batch is committed when the guard says so. Start reading at the commit (`commit.rs`), then at the start after a
//! crash (`open.rs`); the form of each file is in the module that writes it. No index lives here: `log::index` keeps
//! the [`Place`]s. Steady state costs three `fdatasync` a batch, two of them at once; folders are synced only when a
//! file is made or renamed. DESIGN section 6.
//!
//! Known gap: on a file system that copies on write, overwriting the guard may need room that a full disk has not got.
//! The commit then answers `Fatal` instead of `NotCommitted`; nothing is lost, and a start finds the old head. Giving
//! the guard a folder on another file system avoids it.

mod ballast;
mod bodies;
mod check;
mod commit;
pub mod disk;
mod erase;
mod fault;
mod guard;
mod journal;
mod lock;
mod open;
mod segments;
#[cfg(any(test, feature = "testing"))]
pub mod sim;
mod slots;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use bytes::Bytes;

use super::plan::{MAX_HEAD_NOTE_BYTES, MAX_PUBLISHED_NOTE_BYTES, NoteHead, check_published};
use super::{CommitPlan, Committed, Engine, EngineError, Head, Place, Places, Position, Replayed, Version};
use ballast::Ballast;
use commit::Writer;
use disk::{Disk, StdDisk, Untouched};
use fault::fatal;
use guard::Guarded;
use journal::{ENTRY_BYTES, Frames};
use lock::Locks;
use open::{Layout, Parts};
use slots::Slots;

pub use check::{BodyState, Checked};
pub use fault::Damage;

/// Where a log is, and what is expected of it.
#[derive(Debug, Clone)]
pub struct LocalOptions {
    /// The log's folder.
    pub dir: PathBuf,
    /// The guard's folder; `None` for `dir/guard`.
    pub guard_dir: Option<PathBuf>,
    /// The origin of the log. A guard of another origin is refused.
    pub origin: String,
    /// The size of the ballast.
    pub ballast_bytes: u64,
    /// From where on every frame's checksum is verified at the start. Frames below are trusted: hand in only a
    /// position up to which an index was filled from this log. [`Position::START`] verifies all.
    pub check_from: Position,
    /// When a segment is closed. Tests close them earlier, to meet the ends of many.
    segment_bytes: u64,
}

impl LocalOptions {
    /// A log in this folder with its guard inside, 8 MiB of ballast, and a full check at the start.
    pub fn new(dir: impl Into<PathBuf>, origin: impl Into<String>) -> Self {
        Self {
            dir: dir.into(),
            guard_dir: None,
            origin: origin.into(),
            ballast_bytes: ballast::DEFAULT_BYTES,
            check_from: Position::START,
            segment_bytes: segments::SEGMENT_BYTES,
        }
    }
}

/// What the start found and mended, or would mend.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opened {
    /// The batch beyond the guard that was cut off: it was never committed.
    pub cut: Option<Damage>,
    /// Damaged copies in the guard or in `published` that were written anew from whole ones.
    pub repaired: Vec<Damage>,
    /// Files of an interrupted erasure or creation that were removed.
    pub removed: Vec<String>,
}

/// A log in a folder. See [`Engine`] for its law.
#[derive(Debug)]
pub struct LocalEngine {
    disk: Arc<dyn Disk>,
    layout: Layout,
    /// What readers see; replaced whole after each commit.
    seen: RwLock<Arc<Guarded>>,
    writer: Mutex<Writer>,
    published: Mutex<Slots>,
    ballast: Mutex<Ballast>,
    /// Why the process must stop, once it must.
    stopped: OnceLock<String>,
    opened: Opened,
    is_cut: bool,
    _locks: Locks,
}

impl LocalEngine {
    /// Makes an empty log and opens it. `store_exists` if there is one, or what may be a part of one.
    ///
    /// # Errors
    /// [`EngineError::Refused`] with `store_exists`, or `name_too_long` for an origin that is none; what the system says.
    pub fn create(options: &LocalOptions) -> Result<Self, EngineError> {
        Self::create_on(Arc::new(StdDisk), options)
    }

    /// Opens a log, after any end of the process that had it.
    ///
    /// Refused with `store_missing`, `store_locked`, `guard_missing`, `origin_mismatch`, `guard_rolled_back`,
    /// `store_behind_guard`; damage below the committed end is [`EngineError::Corrupt`] and changes nothing.
    ///
    /// # Errors
    /// As said above; what the system says is [`EngineError::Fatal`] or [`EngineError::NotCommitted`].
    pub fn open(options: &LocalOptions) -> Result<Self, EngineError> {
        Self::open_on(Arc::new(StdDisk), options)
    }

    /// Opens a log to read it and to [`check`](Self::check) it, on a disk that may be mounted read-only: it is judged as by
    /// [`open`](Self::open), and no byte of it is changed. [`Opened`] then says what a start would mend.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub fn inspect(options: &LocalOptions) -> Result<Self, EngineError> {
        Self::inspect_on(Arc::new(StdDisk), options)
    }

    /// [`inspect`](Self::inspect) on another disk than the system's.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub fn inspect_on(disk: Arc<dyn Disk>, options: &LocalOptions) -> Result<Self, EngineError> {
        let disk: Arc<dyn Disk> = Arc::new(Untouched(disk));
        let layout = Layout::new(&disk, options);
        Ok(Self::new(open::inspect(&disk, &layout, options)?, layout, disk))
    }

    /// [`create`](Self::create) on another disk than the system's.
    ///
    /// # Errors
    /// Those of [`create`](Self::create).
    pub fn create_on(disk: Arc<dyn Disk>, options: &LocalOptions) -> Result<Self, EngineError> {
        let layout = Layout::new(&disk, options);
        Ok(Self::new(open::create(&disk, &layout, options)?, layout, disk))
    }

    /// [`open`](Self::open) on another disk than the system's.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub fn open_on(disk: Arc<dyn Disk>, options: &LocalOptions) -> Result<Self, EngineError> {
        let layout = Layout::new(&disk, options);
        Ok(Self::new(open::open(&disk, &layout, options)?, layout, disk))
    }

    fn new(parts: Parts, layout: Layout, disk: Arc<dyn Disk>) -> Self {
        Self {
            disk,
            layout,
            seen: RwLock::new(Arc::new(parts.writer.guard.guarded().clone())),
            writer: Mutex::new(parts.writer),
            published: Mutex::new(parts.published),
            ballast: Mutex::new(parts.ballast),
            stopped: OnceLock::new(),
            opened: parts.opened,
            is_cut: parts.is_cut,
            _locks: parts.locks,
        }
    }

    /// What the start found and mended.
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// Whether the ballast is there to be given up.
    ///
    /// # Errors
    /// [`EngineError::Fatal`] if the system does not say, and once the engine has stopped.
    pub fn holds_ballast(&self) -> Result<bool, EngineError> {
        let held = self.lock(&self.ballast)?.is_held();
        held.map_err(|error| fatal("looking at the ballast", error))
    }

    /// Re-reads every stored byte and hands out every entry and every damage, going on behind each damage. Commits go
    /// on meanwhile; what they add is not looked at.
    ///
    /// # Errors
    /// [`EngineError::Fatal`] once the engine has stopped. Damage is handed out, never returned.
    pub fn check(&self, visit: &mut dyn FnMut(Checked<'_>) -> ControlFlow<()>) -> Result<(), EngineError> {
        if check::data(&self.layout, &*self.seen()?, visit).is_break() {
            return Ok(());
        }
        let writer = self.lock(&self.writer)?;
        // A start cuts off whatever stands behind the end; until then it may be anything that a crash left.
        let mut damages = if self.is_cut { check::tails(&writer) } else { Vec::new() };
        damages.extend(writer.guard.check());
        damages.extend(self.lock(&self.published)?.check());
        drop(writer);
        // Whether the visitor breaks off does not matter any more.
        let _ = damages.into_iter().try_for_each(|damage| visit(Checked::Damage(damage)));
        Ok(())
    }

    /// [`check`](Self::check) for a log that does not open: it needs a readable guard and nothing else, changes
    /// nothing, and passes over what stands beyond the guard.
    ///
    /// # Errors
    /// [`EngineError::Refused`] as by [`open`](Self::open) where there is nothing to check: no log, no guard that can be
    /// read, a log that is open elsewhere.
    pub fn check_closed(
        options: &LocalOptions,
        visit: &mut dyn FnMut(Checked<'_>) -> ControlFlow<()>,
    ) -> Result<(), EngineError> {
        Self::check_closed_on(Arc::new(StdDisk), options, visit)
    }

    /// [`check_closed`](Self::check_closed) on another disk than the system's.
    ///
    /// # Errors
    /// Those of [`check_closed`](Self::check_closed).
    pub fn check_closed_on(
        disk: Arc<dyn Disk>,
        options: &LocalOptions,
        visit: &mut dyn FnMut(Checked<'_>) -> ControlFlow<()>,
    ) -> Result<(), EngineError> {
        let disk: Arc<dyn Disk> = Arc::new(Untouched(disk));
        let layout = Layout::new(&disk, options);
        let (_locks, guard, mut damages) = open::open_guard(&disk, &layout, options)?;
        if check::data(&layout, guard.guarded(), visit).is_continue() {
            match open::open_published(&disk, &layout) {
                Ok((_, damaged)) => damages.extend(damaged),
                Err(damage) => damages.push(damage),
            }
            let _ = damages.into_iter().try_for_each(|damage| visit(Checked::Damage(damage)));
        }
        Ok(())
    }

    /// What is committed now. Readers hold nothing but this while they read.
    fn seen(&self) -> Result<Arc<Guarded>, EngineError> {
        self.running()?;
        // The lock is held only to clone or replace the pointer, which cannot panic halfway.
        Ok(self.seen.read().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn running(&self) -> Result<(), EngineError> {
        match self.stopped.get() {
            None => Ok(()),
            Some(why) => Err(EngineError::Fatal { what: format!("it stopped earlier: {why}"), source: None }),
        }
    }

    fn lock<'a, T>(&'a self, mutex: &'a Mutex<T>) -> Result<MutexGuard<'a, T>, EngineError> {
        self.running()?;
        let locked = mutex.lock().map_err(|_| "a thread panicked while it wrote".to_owned());
        let locked = locked.map_err(|why| EngineError::Fatal { what: why, source: None });
        // Somebody may have stopped while this one waited.
        self.running()?;
        self.outcome(locked)
    }

    /// Passes a result on; one that is fatal stops the engine for good.
    fn outcome<T>(&self, result: Result<T, EngineError>) -> Result<T, EngineError> {
        if let Err(error @ EngineError::Fatal { .. }) = &result {
            self.stop(error.to_string());
        }
        result
    }

    fn stop(&self, why: String) {
        // The first reason is the one that counts.
        let _ = self.stopped.set(why);
    }
}

impl Engine for LocalEngine {
    fn head(&self) -> Result<Option<(Head, Version)>, EngineError> {
        Ok(self.seen()?.head.clone())
    }

    fn commit(&self, plan: &CommitPlan, expect: Option<Version>) -> Result<Committed, EngineError> {
        let mut writer = self.lock(&self.writer)?;
        let result = self.outcome(writer.commit(plan, expect));
        if writer.superseded {
            self.stop("another process moved the guard".to_owned());
        }
        let (committed, guarded) = result?;
        *self.seen.write().unwrap_or_else(PoisonError::into_inner) = guarded;
        Ok(committed)
    }

    fn replay(
        &self,
        from: Position,
        visit: &mut dyn FnMut(Replayed<'_>) -> ControlFlow<()>,
    ) -> Result<(), EngineError> {
        let seen = self.seen()?;
        let mut frames = Frames::new(&self.layout.journal, from, seen.ends.journal);
        while let Some(frame) = frames.next()? {
            let (next, last) = (frame.end(), frame.next_index());
            for entry in frame.entries() {
                let file = || self.layout.journal.name(next.segment);
                let (index, places, entry) = entry.map_err(|(at, what)| Damage::new(file(), at, what))?;
                let next = (index.0 + 1 == last).then_some(next);
                if visit(Replayed { index, entry, places, next }).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn read_entry(&self, place: Place) -> Result<Bytes, EngineError> {
        let seen = self.seen()?;
        let series = &self.layout.journal;
        let damage = |what| Damage::new(series.name(place.segment), place.offset, what);
        let start = place.offset.checked_sub(ENTRY_BYTES as u64).filter(|_| within(place, seen.ends.journal));
        let start = start.ok_or_else(|| damage("no entry stands here"))?;
        let mut bytes = vec![0; ENTRY_BYTES + place.len as usize];
        series.read(Position { segment: place.segment, offset: start }, &mut bytes)?;
        let (_, entry) = journal::decode_entry(&bytes).ok_or_else(|| damage("the entry is damaged"))?;
        if entry.len() != place.len as usize {
            return Err(damage("no entry of this length stands here").into());
        }
        Ok(Bytes::from(bytes).slice(ENTRY_BYTES..))
    }

    fn read_body(&self, place: Place) -> Result<Option<Bytes>, EngineError> {
        let seen = self.seen()?;
        self.committed_body(place, &seen)?;
        Ok(bodies::read(&self.layout.bodies, place)?.1)
    }

    fn erase_body(&self, place: Place) -> Result<(), EngineError> {
        let seen = self.seen()?;
        self.committed_body(place, &seen)?;
        let mut writer = self.lock(&self.writer)?;
        self.outcome(writer.erase(place))
    }

    fn publish(&self, checkpoint: &[u8]) -> Result<(), EngineError> {
        let seen = self.seen()?;
        let mut published = self.lock(&self.published)?;
        let before = Some(&published.payload()[..]).filter(|note| !note.is_empty());
        check_published(checkpoint, seen.head(), before)?;
        if before == Some(checkpoint) {
            return Ok(());
        }
        self.outcome(published.replace(Bytes::copy_from_slice(checkpoint)).map_err(EngineError::from))
    }

    fn published(&self) -> Result<Option<Bytes>, EngineError> {
        let published = self.lock(&self.published)?;
        Ok(Some(published.payload().clone()).filter(|note| !note.is_empty()))
    }

    fn room(&self) -> Result<Option<u64>, EngineError> {
        self.running()?;
        // The guard is written in place and asks for none.
        let room = self.disk.room(&self.layout.dir);
        room.map(Some).map_err(|error| fatal("asking for room", error))
    }

    fn release_ballast(&self) -> Result<(), EngineError> {
        let released = self.lock(&self.ballast)?.release();
        self.outcome(released.map_err(EngineError::from))
    }

    fn restore_ballast(&self) -> Result<(), EngineError> {
        let restored = self.lock(&self.ballast)?.restore();
        self.outcome(restored.map_err(EngineError::from))
    }
}

impl LocalEngine {
    fn committed_body(&self, place: Place, seen: &Guarded) -> Result<(), Damage> {
        if within(place, seen.ends.bodies) {
            return Ok(());
        }
        Err(Damage::new(self.layout.bodies.name(place.segment), place.offset, "no body stands here"))
    }
}

/// Whether a place can lie below a committed end; also keeps a wild length from being allocated.
fn within(place: Place, end: Position) -> bool {
    let limit = if place.segment == end.segment { end.offset } else { segments::SEGMENT_BYTES };
    let fits = place.offset.checked_add(u64::from(place.len)).is_some_and(|behind| behind <= limit);
    place.segment <= end.segment && fits
}
