//! Making a log, and opening one after any end: what is believed, what is cut off, what is refused.
//!
//! Everything is read and judged before the first byte is changed. Then what stands beyond the guard is cut off, and
//! what was only read is written once more, so that nothing is built on bytes that are in the cache alone.
//!
//! How much is read: the guard says where the journal ends, so finding the end costs nothing. By default every frame's
//! checksum is verified (2 GB a second where the files are cached); [`LocalOptions::check_from`] leaves out the frames
//! below a position, to be vouched for by whoever handed it out and by the next full check. The last committed batch,
//! with its bodies, is always read whole: it tells older data from damaged data.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Code, Error};

use super::ballast::Ballast;
use super::commit::Writer;
use super::disk::Disk;
use super::erase::LEFTOVER;
use super::fault::{Damage, Fault, fatal};
use super::guard::{Guard, Guarded, MAX_ORIGIN_BYTES};
use super::journal::{FRAME_BYTES, Frame, Frames, MAGIC};
use super::lock::Locks;
use super::segments::{FIRST, HEADER_BYTES, Kind, Series, Tail, nonzero};
use super::slots::{SlotKind, Slots};
use super::{EngineError, LocalOptions, MAX_PUBLISHED_NOTE_BYTES, NoteHead, Opened, Position, bodies};

/// The newest published checkpoint, in the log's folder.
pub(super) const PUBLISHED: SlotKind = SlotKind {
    name: "published",
    magic: *b"CLPPUBL1",
    // MAX_PUBLISHED_NOTE_BYTES is 240 KiB.
    copy_len: 256 << 10,
};

const _: () = assert!(PUBLISHED.capacity() >= MAX_PUBLISHED_NOTE_BYTES);

/// The parts of an open engine.
pub(super) struct Parts {
    pub(super) locks: Locks,
    pub(super) writer: Writer,
    pub(super) published: Slots,
    pub(super) ballast: Ballast,
    pub(super) opened: Opened,
    /// Whether what stood behind the end was cut off.
    pub(super) is_cut: bool,
}

/// The folders and files of a log.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) dir: PathBuf,
    pub(super) guard_dir: PathBuf,
    pub(super) published: PathBuf,
    pub(super) journal: Arc<Series>,
    pub(super) bodies: Arc<Series>,
}

impl Layout {
    pub(super) fn new(disk: &Arc<dyn Disk>, options: &LocalOptions) -> Self {
        let dir = options.dir.clone();
        let guard_dir = options.guard_dir.clone().unwrap_or_else(|| dir.join("guard"));
        let series = |kind| Arc::new(Series::new(disk.clone(), &dir, kind, options.segment_bytes));
        let (journal, bodies) = (series(Kind::Journal), series(Kind::Bodies));
        Self { guard_dir, published: dir.join("published"), journal, bodies, dir }
    }
}

/// Makes an empty log. The guard comes last: a log whose making was interrupted has none, and can be made again.
pub(super) fn create(disk: &Arc<dyn Disk>, layout: &Layout, options: &LocalOptions) -> Result<Parts, EngineError> {
    let origin = &options.origin;
    if origin.is_empty() || origin.len() > MAX_ORIGIN_BYTES || origin.chars().any(char::is_control) {
        return Err(EngineError::Refused(Error::new(Code::NameTooLong, "an origin is one line of 1 to 255 bytes")));
    }
    refuse_existing(&**disk, layout)?;
    create_folder(&**disk, &layout.dir)?;
    create_folder(&**disk, &layout.guard_dir)?;
    let locks = Locks::take(&**disk, &layout.dir, &layout.guard_dir)?;
    // Once more under the lock: another process may have made one in between.
    refuse_existing(&**disk, layout)?;
    for series in [&layout.journal, &layout.bodies] {
        create_folder(&**disk, series.folder())?;
        for number in series.numbers().map_err(|e| fatal("listing segments", e))? {
            series.remove(number).map_err(|e| fatal("removing an unfinished log", e))?;
        }
        series.create(0).map_err(Fault::fatal)?;
    }
    let published = Slots::create(&**disk, &layout.published, PUBLISHED, bytes::Bytes::new()).map_err(Fault::fatal)?;
    let ballast = Ballast::create(disk.clone(), &layout.dir, options.ballast_bytes)?;
    sync_folder(&**disk, &layout.dir)?;
    let guard = Guard::create(&**disk, &layout.guard_dir, origin).map_err(Fault::fatal)?;
    let writer = writer(disk, layout, guard)?;
    Ok(Parts { locks, writer, published, ballast, opened: Opened::default(), is_cut: true })
}

fn create_folder(disk: &dyn Disk, path: &Path) -> Result<(), EngineError> {
    let failed = |error| fatal(format!("creating {}", path.display()), error);
    // The parent of a relative path of one part is the empty path, which is the current folder.
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !disk.exists(path).map_err(failed)? {
        if parent != Path::new(".") {
            create_folder(disk, parent)?;
        }
        disk.create_folder(path).map_err(failed)?;
    }
    // Also if it was there: whoever made it may not have lived to sync its name.
    sync_folder(disk, parent)
}

fn sync_folder(disk: &dyn Disk, path: &Path) -> Result<(), EngineError> {
    disk.sync_folder(path).map_err(|error| fatal(format!("syncing {}", path.display()), error))
}

/// A guard is a log; so is a segment that holds anything, for its guard may have been moved away.
fn refuse_existing(disk: &dyn Disk, layout: &Layout) -> Result<(), EngineError> {
    let refused = |path: &Path| {
        let what = "it holds a log, or a part of one";
        EngineError::Refused(Error::new(Code::StoreExists, what).at(path.display().to_string()))
    };
    if Guard::exists(disk, &layout.guard_dir).map_err(|e| fatal("looking for a guard", e))? {
        return Err(refused(&layout.guard_dir));
    }
    for series in [&layout.journal, &layout.bodies] {
        if !disk.exists(series.folder()).map_err(|e| fatal("looking for segments", e))? {
            continue;
        }
        for number in series.numbers().map_err(|e| fatal("listing segments", e))? {
            if number > 0 || series.first_nonzero(FIRST)?.is_some() {
                return Err(refused(series.folder()));
            }
        }
    }
    Ok(())
}

/// Opens a log.
pub(super) fn open(disk: &Arc<dyn Disk>, layout: &Layout, options: &LocalOptions) -> Result<Parts, EngineError> {
    let (locks, mut guard, mut repaired) = open_guard(disk, layout, options)?;
    let (mut published, damages) = open_published(disk, layout)?;
    repaired.extend(damages);
    let cut_off = judge(layout, guard.guarded(), published.payload(), options.check_from)?;

    // Only reading up to here: what is refused stays as it was found.
    let removed = remove_leftovers(&**disk, layout)?;
    let ends = guard.guarded().ends;
    cut(&layout.journal, ends.journal)?;
    cut(&layout.bodies, ends.bodies)?;
    // The names too may be in the cache only, if the process that made the log was killed before it was done.
    sync_folder(&**disk, &layout.guard_dir)?;
    sync_folder(&**disk, &layout.dir)?;
    guard.settle().map_err(Fault::fatal)?;
    published.settle().map_err(Fault::fatal)?;
    let ballast = Ballast::open(disk.clone(), &layout.dir, options.ballast_bytes)?;
    let writer = writer(disk, layout, guard)?;
    let opened = Opened { cut: cut_off, repaired, removed };
    Ok(Parts { locks, writer, published, ballast, opened, is_cut: true })
}

/// Opens a log to look at it: judged as every start judges it, and left as it is. The disk refuses every change.
pub(super) fn inspect(disk: &Arc<dyn Disk>, layout: &Layout, options: &LocalOptions) -> Result<Parts, EngineError> {
    let (locks, guard, mut repaired) = open_guard(disk, layout, options)?;
    let (published, damages) = open_published(disk, layout)?;
    repaired.extend(damages);
    let cut = judge(layout, guard.guarded(), published.payload(), options.check_from)?;
    let writer = writer(disk, layout, guard)?;
    let ballast = Ballast::none(writer.journal.shared());
    let opened = Opened { cut, repaired, removed: Vec::new() };
    Ok(Parts { locks, writer, published, ballast, opened, is_cut: false })
}

/// Takes the locks and reads the guard; changes nothing.
pub(super) fn open_guard(
    disk: &Arc<dyn Disk>,
    layout: &Layout,
    options: &LocalOptions,
) -> Result<(Locks, Guard, Vec<Damage>), EngineError> {
    let exists = |path: &Path| disk.exists(path).map_err(|e| fatal(format!("looking for {}", path.display()), e));
    let refused =
        |code, path: &Path, what: &str| EngineError::Refused(Error::new(code, what).at(path.display().to_string()));
    if !exists(layout.journal.folder())? {
        return Err(refused(Code::StoreMissing, &layout.dir, "there is no journal in this folder"));
    }
    if !exists(&layout.guard_dir)? {
        return Err(refused(Code::GuardMissing, &layout.guard_dir, "there is no such folder"));
    }
    let locks = Locks::take(&**disk, &layout.dir, &layout.guard_dir)?;
    let (guard, damages) = Guard::open(&**disk, &layout.guard_dir, &options.origin)?;
    Ok((locks, guard, damages))
}

/// Reads what was published; changes nothing.
pub(super) fn open_published(disk: &Arc<dyn Disk>, layout: &Layout) -> Result<(Slots, Vec<Damage>), Damage> {
    let opened = disk.open(&layout.published);
    let file = opened.map_err(|error| Damage::unreadable(PUBLISHED.name, 0, &error))?;
    Slots::open(file, PUBLISHED)
}

fn writer(disk: &Arc<dyn Disk>, layout: &Layout, guard: Guard) -> Result<Writer, EngineError> {
    let ends = guard.guarded().ends;
    let tail = |series: &Arc<Series>, end| Tail::open(series.clone(), end).map_err(|e| fatal("opening a segment", e));
    let (journal, bodies) = (tail(&layout.journal, ends.journal)?, tail(&layout.bodies, ends.bodies)?);
    Ok(Writer { disk: disk.clone(), journal, bodies, guard, superseded: false })
}

/// Holds guard, journal, bodies and what was published against one another. `Ok` names the batch beyond the guard that
/// is to be cut off, if there is one.
fn judge(
    layout: &Layout,
    guarded: &Guarded,
    published: &[u8],
    check_from: Position,
) -> Result<Option<Damage>, EngineError> {
    let refused = |code, what: &str| EngineError::Refused(Error::new(code, what));
    let rolled_back = |what: &str| Err(refused(Code::GuardRolledBack, what));
    let ends = guarded.ends;
    if let Some(said) = NoteHead::parse(published) {
        let other_root = guarded.head().is_none_or(|head| head.root != said.root);
        if said.size.0 > guarded.size() || (said.size.0 == guarded.size() && other_root) {
            return rolled_back("a checkpoint was published that the guard does not know");
        }
    }
    if check_from > ends.journal {
        return rolled_back("the index knows a batch that the guard does not know");
    }

    // As many frames as were asked for, all of them if the position asked for is none, then the last batch whole.
    let frames = check_frames(layout, guarded, check_from).or_else(|_| check_frames(layout, guarded, Position::START));
    if let Err(damage) = frames.and_then(|()| check_last(layout, guarded)) {
        // Nothing is known of a file that cannot be opened.
        if !damage.barred && ends_before(layout, &damage, ends.journal, ends.bodies)? {
            return Err(refused(Code::StoreBehindGuard, &format!("{} ends too early: {}", damage.file, damage.what)));
        }
        return Err(damage.into());
    }

    // Beyond the guard: at most one batch, which extends the guard's own checkpoint.
    match beyond(&layout.journal, guarded)? {
        Beyond::Nothing => Ok(None),
        Beyond::Batch(batch) => Ok(Some(batch)),
        Beyond::More(what) => rolled_back(what),
    }
}

/// The last frame stands where the guard says, ends where it says, and its bodies are whole.
fn check_last(layout: &Layout, guarded: &Guarded) -> Result<(), Damage> {
    let ends = guarded.ends;
    layout.journal.check_header(ends.journal.segment)?;
    layout.bodies.check_header(ends.bodies.segment)?;
    let mut frames = Frames::new(&layout.journal, ends.last, ends.journal);
    let Some(frame) = frames.next()? else {
        return if guarded.size() == 0 { Ok(()) } else { Err(misplaced(layout, ends.last)) };
    };
    if frame.end() != ends.journal || frame.next_index() != guarded.size() || frame.bodies_end != ends.bodies {
        return Err(misplaced(layout, ends.last));
    }
    for entry in frame.entries() {
        let (_, places, _) =
            entry.map_err(|(at, what)| Damage::new(layout.journal.name(ends.last.segment), at, what))?;
        bodies::read(&layout.bodies, places.body)?;
    }
    Ok(())
}

fn misplaced(layout: &Layout, at: Position) -> Damage {
    Damage::new(layout.journal.name(at.segment), at.offset, "this is not the frame that the guard names")
}

/// Every frame from a position on follows its predecessor, and the closed body segments are as long as they say.
fn check_frames(layout: &Layout, guarded: &Guarded, from: Position) -> Result<(), Damage> {
    let ends = guarded.ends;
    let mut frames = Frames::new(&layout.journal, from, ends.journal);
    let mut index = (from <= FIRST).then_some(0);
    let mut bodies_end = (from <= FIRST).then_some(FIRST);
    while let Some(frame) = frames.next()? {
        let damage = |what| Damage::new(layout.journal.name(frame.at.segment), frame.at.offset, what);
        if index.is_some_and(|index| index != frame.first) {
            return Err(damage("the frame does not begin where the one before it ended"));
        }
        if let Some(before) = bodies_end.filter(|before| before.segment != frame.bodies_end.segment) {
            let closed = layout.bodies.len(before.segment)?;
            if frame.bodies_end.segment != before.segment + 1 || closed != before.offset {
                return Err(Damage::new(layout.bodies.name(before.segment), closed, "the segment has another length"));
            }
        }
        (index, bodies_end) = (Some(frame.next_index()), Some(frame.bodies_end));
    }
    if index.is_some_and(|index| index != guarded.size()) {
        return Err(misplaced(layout, ends.last));
    }
    Ok(())
}

/// Whether data that should be there was never there: the file of the damage is the newest of its series, and ends, or
/// holds nothing but zeros, before the committed end.
fn ends_before(layout: &Layout, damage: &Damage, journal: Position, bodies: Position) -> Result<bool, EngineError> {
    for (series, end) in [(&layout.journal, journal), (&layout.bodies, bodies)] {
        let numbers = series.numbers().map_err(|e| fatal("listing segments", e))?;
        let Some(newest) = numbers.last().copied() else { return Ok(true) };
        if newest < end.segment {
            return Ok(true);
        }
        if newest > end.segment || damage.file != series.name(newest) {
            continue;
        }
        let at = Position { segment: newest, offset: damage.offset };
        return Ok(series.len(newest)? < end.offset || series.first_nonzero(at)?.is_none());
    }
    Ok(false)
}

enum Beyond {
    Nothing,
    /// One batch that was never committed, whole or torn.
    Batch(Damage),
    More(&'static str),
}

/// Looks at what stands in the journal behind the guard's end.
fn beyond(journal: &Series, guarded: &Guarded) -> Result<Beyond, EngineError> {
    const MORE: Beyond = Beyond::More("the journal holds more than one batch beyond the guard");
    let end = guarded.ends.journal;
    let mut found = None;
    for number in journal.numbers().map_err(|e| fatal("listing segments", e))? {
        let from = match number {
            number if number < end.segment => continue,
            number if number == end.segment => end,
            // A segment is only made when the one before it is full.
            number if number > end.segment + 1 => return Ok(MORE),
            segment => Position { segment, offset: HEADER_BYTES },
        };
        if journal.first_nonzero(from)?.is_some() && found.replace(from).is_some() {
            return Ok(MORE);
        }
    }
    let Some(at) = found else { return Ok(Beyond::Nothing) };
    let mut bytes = vec![0; (journal.len(at.segment)? - at.offset) as usize];
    journal.read(at, &mut bytes)?;
    let batch = |what: String| Ok(Beyond::Batch(Damage::new(journal.name(at.segment), at.offset, what)));
    match Frame::decode(&bytes, at) {
        Ok(frame) => {
            let behind = &bytes[(frame.end().offset - at.offset) as usize..];
            if frame.first != guarded.size() || frame.extends != guarded.checkpoint_digest() {
                Ok(Beyond::More("the batch beyond the guard extends another checkpoint"))
            } else if nonzero(behind).is_some() {
                Ok(MORE)
            } else {
                batch(format!("{} entries that were not committed", frame.count))
            }
        }
        // A torn frame hides no later one: nothing is written behind a frame before the guard covers it.
        Err(_) if holds_frame(&bytes, at) => Ok(MORE),
        Err(_) => batch("a torn batch that was not committed".to_owned()),
    }
}

/// Whether a whole frame stands anywhere in these bytes.
fn holds_frame(bytes: &[u8], at: Position) -> bool {
    let starts = bytes.windows(FRAME_BYTES).enumerate().filter(|(_, window)| window.starts_with(&MAGIC));
    starts.into_iter().any(|(start, _)| Frame::decode(&bytes[start..], at).is_ok())
}

/// Removes what an erasure or a creation left under a temporary name.
fn remove_leftovers(disk: &dyn Disk, layout: &Layout) -> Result<Vec<String>, EngineError> {
    let mut removed = Vec::new();
    for (folder, suffix) in
        [(layout.bodies.folder(), LEFTOVER), (&layout.dir, "published.new"), (&layout.guard_dir, "head.new")]
    {
        let failed = |error: io::Error| fatal(format!("removing leftovers in {}", folder.display()), error);
        let before = removed.len();
        for name in disk.names(folder).map_err(failed)?.into_iter().filter(|name| name.ends_with(suffix)) {
            let path = folder.join(name);
            disk.remove(&path).map_err(failed)?;
            removed.push(path.display().to_string());
        }
        if removed.len() > before {
            sync_folder(disk, folder)?;
        }
    }
    Ok(removed)
}

/// Cuts a series at the committed end, durably. Also what was written before a crash and is zeros is cut: a length is
/// simpler to reason about than a length and zeros.
///
/// Also a file that seems to end there is cut: its length may stand in the cache only, left by a process whose sync of
/// it failed. The next segment would be built on it, and after a power cut this one would have its old length again.
fn cut(series: &Series, end: Position) -> Result<(), EngineError> {
    let name = series.name(end.segment);
    let failed = |error: io::Error| fatal(format!("cutting {name} at {}", end.offset), error);
    for number in series.numbers().map_err(failed)?.into_iter().rev().filter(|number| *number > end.segment) {
        series.remove(number).map_err(failed)?;
    }
    series.sync_folder().map_err(failed)?;
    let file = series.file(end.segment).map_err(failed)?;
    file.set_len(end.offset).map_err(failed)?;
    file.sync().map_err(failed)
}
