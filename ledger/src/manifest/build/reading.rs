//! The first half of a build: a source becomes sorted runs of rows, segment after segment.
//!
//! Every thread does the same: it takes the next raw items from the feed, makes their keys, and puts the rows where its
//! share of the memory is. When one share is full the segment ends: all threads sort and write what they have, and the
//! journal says so. Which thread made which row leaves no trace, because the rows are sorted by key and place.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::ids::ContentKey;
use crate::manifest::build::work::{Segment, Source, State, Step, Work, run_path};
use crate::manifest::build::{BuildOptions, Progress, Stage};
use crate::manifest::builder::{Row, Run, RunFile, Space, Width};
use crate::manifest::header::MAX_LICENSE;
use crate::manifest::key;
use crate::manifest::keying::Keyer;
use crate::manifest::kind::{Form, Spec};
use crate::manifest::meta::Meta;
use crate::manifest::reader::{self, Feed, Parser, Raw, Read, Skip};

/// What was found in a source, in numbers that add up in any order, and two tables.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Found {
    /// The specs of the keyspaces, each at the place that is its [`Space`].
    pub(super) specs: Vec<String>,
    /// How many keys each of them got.
    pub(super) pushed: Vec<u64>,
    /// Licenses, each at the place that rows name.
    pub(super) licenses: Vec<String>,
    /// Items that were keyed.
    pub(super) items: u64,
    /// Items whose text was not read: it is too large, or cannot be decoded.
    pub(super) unread: u64,
    /// Those among them of whose bytes no digest was made either.
    #[serde(default)]
    pub(super) undigested: u64,
    pub(super) dropped: BTreeMap<String, u64>,
    pub(super) without: BTreeMap<String, u64>,
    pub(super) unassigned: u64,
}

/// What reading came to.
pub(super) struct ReadSource {
    pub(super) runs: Vec<Run>,
    pub(super) found: Found,
    /// All raw items.
    pub(super) items: u64,
    pub(super) source: Source,
}

/// What a build keeps free beside its rows: for the program, for decoders, for the items that are read.
const RESERVE: usize = 72 << 20;

/// The same for each thread: its items, their normal forms, and what is written at a time.
const RESERVE_PER_THREAD: usize = 20 << 20;

/// How many rows are held at least, whatever the memory.
const MIN_ROWS: usize = 16;

/// A batch that a thread takes: large enough that taking it costs nothing, small enough that all are busy to the end.
const BATCH_BYTES: usize = 1 << 18;

/// Reads what an earlier process has not.
pub(super) fn read(
    path: &Path,
    options: &BuildOptions,
    work: &mut Work,
    state: &State,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<ReadSource> {
    let width = options.width();
    let mut runs = Vec::new();
    let mut items = 0;
    let mut found = Found { licenses: vec![options.read.license.clone()], ..Found::default() };
    let mut expected = None;
    let mut next_run = 0;
    if let Some(segment) = &state.segment {
        for number in &segment.runs {
            runs.push(Run::File(RunFile::open(work.run(*number), width)?));
            next_run = next_run.max(number + 1);
        }
        items = segment.items;
        found = segment.found.clone();
        expected = Some(segment.prefix.clone());
    }
    let threads = options.threads_for();
    let opened = reader::open(path, &options.read, threads.get() > 1, expected)?;
    let mut feed = opened.feed;
    if let Some(source) = &state.source {
        // Everything was read before. What is there now must still be that.
        let whole = feed.finish()?;
        if whole != source.whole {
            let detail = "the source is not the one that the unfinished build has read";
            return Err(Error::new(Code::WorkDiffers, detail).at(path.display().to_string()));
        }
        return Ok(ReadSource { runs, found, items, source: source.clone() });
    }
    for read in 0..items {
        if feed.next()?.is_none() {
            let detail = "the source is shorter than what the unfinished build has read";
            return Err(Error::new(Code::WorkDiffers, detail).at(path.display().to_string()));
        }
        if read % 4096 == 0 {
            progress(Progress { stage: Stage::Resuming, done: feed.stored(), total: opened.total, items: read });
        }
    }
    let shared = Shared {
        options,
        parser: Parser::new(path, &options.read),
        folder: work.folder().to_owned(),
        giant: Mutex::new(()),
        feeding: Mutex::new(Feeding { feed: &mut *feed, items, ended: false, total: opened.total }),
        tables: Mutex::new(Tables::of(&found)?),
        full: AtomicBool::new(false),
        next_run: AtomicU32::new(next_run),
        failed: Mutex::new(None),
        progress,
    };
    let mut threads: Vec<Thread<'_, '_>> = (0..threads.get()).map(|_| Thread::new(&shared)).collect();
    let mut spilled = !runs.is_empty();
    loop {
        shared.full.store(false, Ordering::Relaxed);
        shared.on_all(&mut threads, Thread::read)?;
        let ended = lock(&shared.feeding).ended;
        spilled |= shared.next_run.load(Ordering::Relaxed) > next_run || !ended;
        // What fits the memory as a whole never needs a file.
        shared.on_all(&mut threads, if spilled { Thread::write } else { Thread::keep })?;
        let mut numbers = Vec::new();
        for thread in &mut threads {
            found.add(core::mem::take(&mut thread.found));
            for (number, run) in thread.sorting.runs.drain(..) {
                numbers.extend(number);
                runs.push(run);
            }
        }
        lock(&shared.tables).copy_to(&mut found);
        let feeding = lock(&shared.feeding);
        if spilled {
            let prefix = feeding.feed.prefix()?;
            work.log(&Step::Segment(Segment { items: feeding.items, runs: numbers, prefix, found: found.clone() }))?;
        }
        drop(feeding);
        if ended {
            break;
        }
    }
    drop(threads);
    let items = lock(&shared.feeding).items;
    drop(shared);
    let whole = feed.finish()?;
    let wiki = feed.wiki()?.or(options.read.wiki.clone()).map(|wiki| wiki.as_str().to_owned());
    let source = Source { whole, reader: opened.reader.as_str().into(), wiki };
    if spilled {
        work.log(&Step::Read(source.clone()))?;
    }
    Ok(ReadSource { runs, found, items, source })
}

/// What all threads share.
struct Shared<'a> {
    options: &'a BuildOptions,
    parser: Parser<'a>,
    folder: PathBuf,
    feeding: Mutex<Feeding<'a>>,
    tables: Mutex<Tables>,
    /// Held while an item of many MiB is keyed: its normal forms are as large again, and two of them would be too much.
    giant: Mutex<()>,
    /// Whether this segment ends.
    full: AtomicBool,
    next_run: AtomicU32,
    /// The failure that stands first in the source.
    failed: Mutex<Option<(u64, Error)>>,
    progress: &'a (dyn Fn(Progress) + Sync),
}

/// The feed, of which one thread at a time takes.
struct Feeding<'a> {
    feed: &'a mut dyn Feed,
    /// How many raw items were taken.
    items: u64,
    ended: bool,
    total: Option<u64>,
}

/// The tables that rows point into. They only grow; in which order is of no importance.
struct Tables {
    specs: Vec<Spec>,
    licenses: Vec<String>,
    places: HashMap<String, u16>,
}

/// A failure at a place in the source.
type Failed = (u64, Error);

impl Shared<'_> {
    /// Lets every thread do its part; the failure that stands first in the source speaks for all.
    fn on_all<'t, 's>(
        &'s self,
        threads: &mut [Thread<'t, 's>],
        part: fn(&mut Thread<'t, 's>) -> Result<(), Failed>,
    ) -> Result<()> {
        let guarded = |thread: &mut Thread<'t, 's>| {
            if let Err((place, error)) = part(thread) {
                self.full.store(true, Ordering::Relaxed);
                let mut failed = lock(&self.failed);
                if failed.as_ref().is_none_or(|(first, _)| place < *first) {
                    *failed = Some((place, error));
                }
            }
        };
        match threads {
            [only] => guarded(only),
            many => std::thread::scope(|scope| {
                for thread in many {
                    scope.spawn(|| guarded(thread));
                }
            }),
        }
        match lock(&self.failed).take() {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }

    /// The next raw items and the place of the first; none when the segment or the source ends.
    fn take(&self, batch: &mut Vec<Raw>) -> Result<u64, Failed> {
        let mut feeding = lock(&self.feeding);
        let first = feeding.items;
        if feeding.ended || self.full.load(Ordering::Relaxed) {
            return Ok(first);
        }
        let mut bytes = 0;
        while bytes < BATCH_BYTES {
            match feeding.feed.next() {
                Ok(Some(raw)) => {
                    bytes += raw.weight();
                    batch.push(raw);
                    feeding.items += 1;
                }
                Ok(None) => {
                    feeding.ended = true;
                    break;
                }
                Err(error) => {
                    // Nobody may ask a feed that failed again: what it says then is not what was the matter.
                    feeding.ended = true;
                    return Err((feeding.items, error));
                }
            }
        }
        let (done, total, items) = (feeding.feed.stored(), feeding.total, feeding.items);
        (self.progress)(Progress { stage: Stage::Reading, done, total, items });
        Ok(first)
    }
}

/// One thread's part of the work.
struct Thread<'t, 's> {
    shared: &'s Shared<'t>,
    keyer: Keyer,
    sorting: Sorting<'t, 's>,
    found: Found,
}

/// Where a thread's rows go: into its share of the memory, and from there into runs.
struct Sorting<'t, 's> {
    shared: &'s Shared<'t>,
    rows: Rows<'s>,
    runs: Vec<(Option<u32>, Run)>,
}

/// The rows of a thread, and what it knows of the tables.
struct Rows<'s> {
    rows: Vec<Row>,
    /// How many are held.
    most: usize,
    width: Width,
    tables: &'s Mutex<Tables>,
    spaces: Vec<(Spec, Space)>,
    licenses: HashMap<String, u16>,
    pushed: Vec<u64>,
}

impl<'t, 's> Thread<'t, 's> {
    fn new(shared: &'s Shared<'t>) -> Self {
        let (width, most) = (shared.options.width(), shared.options.rows_per_thread());
        let rows = Rows {
            // Pages that nothing was written to cost nothing.
            rows: Vec::with_capacity(most),
            most,
            width,
            tables: &shared.tables,
            spaces: Vec::new(),
            licenses: HashMap::new(),
            pushed: Vec::new(),
        };
        let keyer = Keyer::new(shared.options.read.kinds);
        Self { shared, keyer, sorting: Sorting { shared, rows, runs: Vec::new() }, found: Found::default() }
    }

    /// Takes items and makes their rows until the segment ends.
    fn read(&mut self) -> Result<(), Failed> {
        let mut batch = Vec::new();
        loop {
            let first = self.shared.take(&mut batch)?;
            if batch.is_empty() {
                return Ok(());
            }
            for (ordinal, raw) in (first..).zip(batch.drain(..)) {
                self.item(ordinal, raw).map_err(|e| (ordinal, e))?;
            }
            if self.sorting.is_nearly_full() {
                self.shared.full.store(true, Ordering::Relaxed);
            }
        }
    }

    fn item(&mut self, ordinal: u64, raw: Raw) -> Result<()> {
        let shared = self.shared;
        if let Raw::Digest(digest) = raw {
            // The short way: a list has nothing but digests, and there are many.
            let kind = shared.options.read.digest_kind;
            self.found.items += 1;
            if !shared.options.read.kinds.contains(kind) {
                return Ok(());
            }
            // A list of digests of texts does not say which form; a publisher of text digests has plain text.
            let spec = Spec::of_kind(kind).or(Spec::of_text(kind, Form::Plain));
            return match spec.zip(key::of_digest(kind, &digest)) {
                Some((spec, key)) => self.sorting.push(spec, key, Meta { license: 0, multiplicity: 1, ordinal }),
                None => Ok(()),
            };
        }
        let _giant = (raw.weight() > GIANT).then(|| lock(&shared.giant));
        let mut read = Vec::new();
        shared.parser.parse(raw, &mut |part| {
            read.push(part);
            Ok(())
        })?;
        let unread = read.iter().filter(|part| matches!(part, Read::Without(Skip::TooLarge | Skip::Undecoded))).count();
        let bare = read.iter().filter(|part| matches!(part, Read::Item(item) if item.digest.is_none())).count();
        self.found.unread += unread as u64;
        self.found.undigested += unread.min(bare) as u64;
        for part in read {
            match part {
                Read::Item(item) => {
                    self.found.items += 1;
                    let license = self.sorting.rows.license(item.license.as_deref())?;
                    let meta = Meta { license, multiplicity: 1, ordinal };
                    let Self { keyer, sorting, .. } = self;
                    self.found.unassigned += keyer.item(&item, &mut |spec, key| sorting.push(spec, key, meta))?;
                }
                Read::Dropped(skip) => *self.found.dropped.entry(skip.as_str().into()).or_default() += 1,
                Read::Without(skip) => {
                    *self.found.without.entry(skip.as_str().into()).or_default() += 1;
                }
            }
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), Failed> {
        self.found.pushed = core::mem::take(&mut self.sorting.rows.pushed);
        self.sorting.spill().map_err(|e| (u64::MAX, e))
    }

    /// Sorts the rows and keeps them.
    fn keep(&mut self) -> Result<(), Failed> {
        self.found.pushed = core::mem::take(&mut self.sorting.rows.pushed);
        let rows = core::mem::take(&mut self.sorting.rows.rows);
        self.sorting.runs.push((None, Run::in_memory(rows)));
        Ok(())
    }
}

impl Sorting<'_, '_> {
    /// Whether the next batch might not fit.
    fn is_nearly_full(&self) -> bool {
        self.rows.rows.len() + BATCH_BYTES / 32 > self.rows.most
    }

    fn push(&mut self, spec: Spec, key: ContentKey, meta: Meta) -> Result<()> {
        if self.rows.rows.len() == self.rows.most {
            // A single item may have more keys than there is room for.
            self.shared.full.store(true, Ordering::Relaxed);
            self.spill()?;
        }
        self.rows.push(spec, key, meta)
    }

    /// Sorts the rows and writes them to a run.
    fn spill(&mut self) -> Result<()> {
        if self.rows.rows.is_empty() {
            return Ok(());
        }
        let number = self.shared.next_run.fetch_add(1, Ordering::Relaxed);
        let path = run_path(&self.shared.folder, number);
        self.runs.push((Some(number), Run::write(path, &mut self.rows.rows, self.rows.width)?));
        Ok(())
    }
}

#[cfg(test)]
thread_local! {
    /// How many rows each thread holds, for tests that need many small runs.
    pub(super) static ROWS: core::cell::Cell<Option<usize>> = const { core::cell::Cell::new(None) };
}

/// From here on only one item is keyed at a time.
const GIANT: usize = 4 << 20;

impl Rows<'_> {
    fn push(&mut self, spec: Spec, key: ContentKey, meta: Meta) -> Result<()> {
        let space = match self.spaces.iter().find(|(known, _)| *known == spec) {
            Some((_, space)) => *space,
            None => {
                let space = lock(self.tables).space(spec)?;
                self.spaces.push((spec, space));
                space
            }
        };
        let place = usize::from(space.0);
        if self.pushed.len() <= place {
            self.pushed.resize(place + 1, 0);
        }
        self.pushed[place] += 1;
        self.rows.push(Row::new(space, &key, self.width.key_len, meta));
        Ok(())
    }

    /// The place of a license; that of the whole source where an item states none.
    fn license(&mut self, stated: Option<&str>) -> Result<u16> {
        let Some(stated) = stated else { return Ok(0) };
        if let Some(place) = self.licenses.get(stated) {
            return Ok(*place);
        }
        let place = lock(self.tables).license(stated)?;
        self.licenses.insert(stated.to_owned(), place);
        Ok(place)
    }
}

impl Tables {
    fn of(found: &Found) -> Result<Self> {
        let specs = found.specs.iter().map(|spec| spec.parse()).collect::<Result<_>>()?;
        let places = found.licenses.iter().cloned().zip(0..).collect();
        Ok(Self { specs, licenses: found.licenses.clone(), places })
    }

    fn copy_to(&self, found: &mut Found) {
        found.specs = self.specs.iter().map(Spec::to_string).collect();
        found.pushed.resize(self.specs.len(), 0);
        found.licenses.clone_from(&self.licenses);
    }

    fn space(&mut self, spec: Spec) -> Result<Space> {
        let place = self.specs.iter().position(|known| *known == spec).unwrap_or(self.specs.len());
        let number = u8::try_from(place).map_err(|_| Error::new(Code::Internal, "more than 256 keyspaces"))?;
        if place == self.specs.len() {
            self.specs.push(spec);
        }
        Ok(Space(number))
    }

    fn license(&mut self, stated: &str) -> Result<u16> {
        if let Some(place) = self.places.get(stated) {
            return Ok(*place);
        }
        if stated.len() > MAX_LICENSE {
            return Err(Error::new(Code::NameTooLong, format!("a license has {} bytes", stated.len())));
        }
        let place = u16::try_from(self.licenses.len()).ok().filter(|place| *place < u16::MAX);
        let place =
            place.ok_or_else(|| Error::new(Code::TooMany, "the items have more than 65,535 different licenses"))?;
        self.licenses.push(stated.to_owned());
        self.places.insert(stated.to_owned(), place);
        Ok(place)
    }
}

impl Found {
    /// Adds what a thread counted; it leaves the tables to [`Tables`].
    fn add(&mut self, other: Self) {
        let Self { specs: _, pushed, licenses: _, items, unread, undigested, dropped, without, unassigned } = other;
        if self.pushed.len() < pushed.len() {
            self.pushed.resize(pushed.len(), 0);
        }
        self.pushed.iter_mut().zip(pushed).for_each(|(sum, more)| *sum += more);
        self.items += items;
        self.unread += unread;
        self.undigested += undigested;
        dropped.into_iter().for_each(|(why, n)| *self.dropped.entry(why).or_default() += n);
        without.into_iter().for_each(|(why, n)| *self.without.entry(why).or_default() += n);
        self.unassigned += unassigned;
    }
}

impl BuildOptions {
    pub(super) const fn width(&self) -> Width {
        Width { key_len: self.key_len, has_meta: self.has_meta }
    }

    /// How many threads the memory allows: one that had no room for rows would only get in the way.
    pub(super) fn threads_for(&self) -> NonZeroUsize {
        #[cfg(test)]
        if ROWS.get().is_some() {
            return self.threads;
        }
        let affordable = self.memory.saturating_sub(RESERVE) / (2 * RESERVE_PER_THREAD);
        NonZeroUsize::new(affordable).unwrap_or(NonZeroUsize::MIN).min(self.threads)
    }

    /// What is there for rows, and for merging them.
    pub(super) fn working_memory(&self) -> usize {
        self.memory.saturating_sub(RESERVE + self.threads_for().get() * RESERVE_PER_THREAD)
    }

    fn rows_per_thread(&self) -> usize {
        #[cfg(test)]
        if let Some(rows) = ROWS.get() {
            return rows;
        }
        (self.working_memory() / self.threads_for().get() / Row::SIZE).max(MIN_ROWS)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
