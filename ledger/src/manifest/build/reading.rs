//! The first half of a build: a source becomes sorted runs of rows, segment after segment.
//!
//! Every thread does the same: it takes the next raw items from the feed, makes their keys, and puts the rows where its
//! share of the memory is. When one share is full the segment ends: all threads sort and write what they have, and the
//! journal says so. Which thread made which row leaves no trace, because the rows are sorted by key and place.

mod found;
mod memory;
mod sorting;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Code, Error, Result};
use crate::manifest::build::work::{Segment, Source, State, Step, Work};
use crate::manifest::build::{BuildOptions, Progress, Stage};
use crate::manifest::builder::{Run, RunFile};
use crate::manifest::key;
use crate::manifest::keying::Keyer;
use crate::manifest::kind::{Form, Spec};
use crate::manifest::meta::Meta;
use crate::manifest::reader::{self, Feed, Parser, Prefix, Raw, Read, Skip};
pub(super) use found::Found;
use found::Tables;
#[cfg(test)]
pub(super) use memory::ROWS;
use sorting::Sorting;

/// What reading came to.
pub(super) struct ReadSource {
    pub(super) runs: Vec<Run>,
    pub(super) found: Found,
    /// All raw items.
    pub(super) items: u64,
    pub(super) source: Source,
}

/// A batch that a thread takes: large enough that taking it costs nothing, small enough that all are busy to the end.
const BATCH_BYTES: usize = 1 << 18;

/// From here on only one item is keyed at a time.
const GIANT: usize = 4 << 20;

/// What an earlier process has left of its reading.
struct Begun {
    runs: Vec<Run>,
    items: u64,
    found: Found,
    /// What it has read of the source, at least.
    prefix: Option<Prefix>,
    next_run: u32,
}

impl Begun {
    fn of(options: &BuildOptions, work: &Work, state: &State) -> Result<Self> {
        let found = Found { licenses: vec![options.read.license.clone()], ..Found::default() };
        let mut begun = Self { runs: Vec::new(), items: 0, found, prefix: None, next_run: 0 };
        if let Some(segment) = &state.segment {
            for number in &segment.runs {
                begun.runs.push(Run::File(RunFile::open(work.run(*number), options.width())?));
                begun.next_run = begun.next_run.max(number + 1);
            }
            begun.items = segment.items;
            begun.found = segment.found.clone();
            begun.prefix = Some(segment.prefix.clone());
        }
        Ok(begun)
    }
}

/// Reads what an earlier process has not.
pub(super) fn read(
    path: &Path,
    options: &BuildOptions,
    work: &mut Work,
    state: &State,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<ReadSource> {
    let Begun { mut runs, items, mut found, prefix, next_run } = Begun::of(options, work, state)?;
    let threads = options.threads_for();
    let opened = reader::open(path, &options.read, threads.get() > 1, prefix)?;
    let (mut feed, total) = (opened.feed, opened.total);
    let differs = |detail| Error::new(Code::WorkDiffers, detail).at(path.display().to_string());
    if let Some(source) = &state.source {
        // Everything was read before. What is there now must still be that.
        if feed.finish()? != source.whole {
            return Err(differs("the source is not the one that the unfinished build has read"));
        }
        return Ok(ReadSource { runs, found, items, source: source.clone() });
    }
    for read in 0..items {
        if feed.next()?.is_none() {
            return Err(differs("the source is shorter than what the unfinished build has read"));
        }
        if read % 4096 == 0 {
            progress(Progress { stage: Stage::Resuming, done: feed.stored(), total, items: read });
        }
    }
    let shared = Shared {
        options,
        parser: Parser::new(path, &options.read),
        folder: work.folder().to_owned(),
        giant: Mutex::new(()),
        feeding: Mutex::new(Feeding { feed: &mut *feed, items, ended: false, total }),
        tables: Mutex::new(Tables::of(&found)?),
        full: AtomicBool::new(false),
        next_run: AtomicU32::new(next_run),
        failed: Mutex::new(None),
        progress,
    };
    let spilled = shared.read_segments(threads, work, &mut runs, &mut found)?;
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

/// A failure at a place in the source.
type Failed = (u64, Error);

impl Shared<'_> {
    /// Reads segment after segment to the end of the source. Says whether the rows are in files, of which the journal
    /// knows; what fits the memory as a whole never needs one.
    fn read_segments(
        &self,
        threads: NonZeroUsize,
        work: &mut Work,
        runs: &mut Vec<Run>,
        found: &mut Found,
    ) -> Result<bool> {
        let next_run = self.next_run.load(Ordering::Relaxed);
        let mut threads: Vec<Thread<'_, '_>> = (0..threads.get()).map(|_| Thread::new(self)).collect();
        let mut spilled = !runs.is_empty();
        loop {
            self.full.store(false, Ordering::Relaxed);
            self.on_all(&mut threads, Thread::read)?;
            let ended = lock(&self.feeding).ended;
            spilled |= self.next_run.load(Ordering::Relaxed) > next_run || !ended;
            self.on_all(&mut threads, if spilled { Thread::write } else { Thread::keep })?;
            let mut numbers = Vec::new();
            for thread in &mut threads {
                found.add(core::mem::take(&mut thread.found));
                for (number, run) in thread.sorting.runs.drain(..) {
                    numbers.extend(number);
                    runs.push(run);
                }
            }
            lock(&self.tables).copy_to(found);
            if spilled {
                let feeding = lock(&self.feeding);
                let prefix = feeding.feed.prefix()?;
                work.log(&Step::Segment(Segment {
                    items: feeding.items,
                    runs: numbers,
                    prefix,
                    found: found.clone(),
                }))?;
            }
            if ended {
                return Ok(spilled);
            }
        }
    }

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

impl<'t, 's> Thread<'t, 's> {
    fn new(shared: &'s Shared<'t>) -> Self {
        let keyer = Keyer::new(shared.options.read.kinds);
        Self { shared, keyer, sorting: Sorting::new(shared), found: Found::default() }
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
        if let Raw::Digest(digest) = raw {
            return self.digest(ordinal, &digest);
        }
        let shared = self.shared;
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
                    let license = self.sorting.license(item.license.as_deref())?;
                    let meta = Meta { license, multiplicity: 1, ordinal };
                    let Self { keyer, sorting, .. } = self;
                    self.found.unassigned += keyer.item(&item, &mut |spec, key| sorting.push(spec, key, meta))?;
                }
                Read::Dropped(skip) => *self.found.dropped.entry(skip.as_str().into()).or_default() += 1,
                Read::Without(skip) => *self.found.without.entry(skip.as_str().into()).or_default() += 1,
            }
        }
        Ok(())
    }

    /// The short way: a list has nothing but digests, and there are many.
    fn digest(&mut self, ordinal: u64, digest: &[u8; 32]) -> Result<()> {
        let read = &self.shared.options.read;
        let kind = read.digest_kind;
        self.found.items += 1;
        if !read.kinds.contains(kind) {
            return Ok(());
        }
        // A list of digests of texts does not say which form; a publisher of text digests has plain text.
        let spec = Spec::of_kind(kind).or(Spec::of_text(kind, Form::Plain));
        match spec.zip(key::of_digest(kind, digest)) {
            Some((spec, key)) => self.sorting.push(spec, key, Meta { license: 0, multiplicity: 1, ordinal }),
            None => Ok(()),
        }
    }

    fn write(&mut self) -> Result<(), Failed> {
        self.found.pushed = self.sorting.counted();
        self.sorting.spill().map_err(|e| (u64::MAX, e))
    }

    /// Sorts the rows and keeps them.
    fn keep(&mut self) -> Result<(), Failed> {
        self.found.pushed = self.sorting.counted();
        self.sorting.keep();
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
