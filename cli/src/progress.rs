//! Bars on a terminal, plain lines elsewhere, nothing for what is over in a second.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::{Output, grouped};

/// Nothing is shown before this: a bar that flashes by tells nobody anything.
const APPEARS_AFTER: Duration = Duration::from_millis(800);

/// How often a run without a terminal says where it is: often enough for a build log, rare enough not to fill it.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// How often the bar is redrawn at most.
const REDRAWS_PER_SECOND: u8 = 8;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Bytes, shown with a rate.
    Bytes,
    /// Anything else: entries, records, pages.
    Things(&'static str),
}

/// How far something long has come. Dropping it clears the bar.
#[derive(Debug)]
pub(crate) struct Progress<'a> {
    output: &'a Output,
    what: String,
    unit: Unit,
    total: Option<u64>,
    done: AtomicU64,
    started: Instant,
    bar: ProgressBar,
    visible: AtomicBool,
    last_line: Mutex<Instant>,
}

impl<'a> Progress<'a> {
    pub(crate) fn new(output: &'a Output, what: &str, total: Option<u64>, unit: Unit) -> Self {
        let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
        bar.set_draw_target(ProgressDrawTarget::hidden());
        let template = match (unit, total) {
            (Unit::Bytes, Some(_)) => "{msg} [{bar:30}] {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
            (Unit::Bytes, None) => "{msg} {spinner} {bytes}, {bytes_per_sec}",
            (Unit::Things(_), Some(_)) => "{msg} [{bar:30}] {human_pos} of {human_len}, {per_sec}, {eta} left",
            (Unit::Things(_), None) => "{msg} {spinner} {human_pos}, {per_sec}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(what.to_owned());
        let now = Instant::now();
        Self {
            output,
            what: what.to_owned(),
            unit,
            total,
            done: AtomicU64::new(0),
            started: now,
            bar,
            visible: AtomicBool::new(false),
            last_line: Mutex::new(now),
        }
    }

    /// So much more is done.
    pub(crate) fn advance(&self, by: u64) {
        self.set(self.done.load(Ordering::Relaxed).saturating_add(by));
    }

    /// So much is done.
    pub(crate) fn set(&self, done: u64) {
        self.done.store(done, Ordering::Relaxed);
        if self.output.draws_bars() {
            if !self.visible.load(Ordering::Relaxed) && self.started.elapsed() >= APPEARS_AFTER {
                self.visible.store(true, Ordering::Relaxed);
                self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(REDRAWS_PER_SECOND));
            }
            self.bar.set_position(done);
        } else if !self.output.quiet {
            self.line(done);
        }
    }

    fn line(&self, done: u64) {
        let mut last = self.last_line.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() < LINE_EVERY {
            return;
        }
        *last = Instant::now();
        let amount = |n: u64| match self.unit {
            Unit::Bytes => HumanBytes(n).to_string(),
            Unit::Things(name) => format!("{} {name}", grouped(n)),
        };
        let of = self.total.map(|total| format!(" of {}", amount(total))).unwrap_or_default();
        self.output.note(&format!("{}: {}{of}", self.what, amount(done)));
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
