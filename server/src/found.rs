//! What is found in the whole log, computed once for each published view and never while anybody waits for a lock.
//!
//! Computing it looks at every card, source and manifest, which takes seconds where a log is large. So one thread at a time
//! computes, readers are given what is there, and every answer says of how many entries it is. Of a log that grows while it
//! is read, at most a fifth of one core goes into this.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ledger::Code;
use ledger::ids::{TreeSize, UnixMillis};
use ledger::log::Published;
use ledger::state::findings::{self, Finding, Rule};

use crate::app::App;
use crate::effective::asking;
use crate::problem::Problem;

/// How long findings are shown before they are computed anew though nothing was recorded: they depend on the time by days.
const KEPT_FOR: u64 = 60_000;

/// After a computation, the next one waits for this many times as long as it took.
const REST: u32 = 4;

/// The findings about the whole log.
#[derive(Debug)]
pub struct Computed {
    /// The size of the log that they are of.
    pub size: TreeSize,
    /// The time that they are of.
    pub at: UnixMillis,
    /// By the newest entry that each cites.
    pub found: Vec<Finding>,
    /// How long that took.
    pub took: Duration,
}

/// A page that shows findings beside other things waits for what takes no longer than this.
const QUICK: Duration = Duration::from_millis(100);

/// Readers that wait at one time: each holds a thread, and pages that wait for nothing need some too.
const MAX_WAITING: usize = 16;

/// How long a reader waits for findings about the view that he sees before he is given older ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Of a page that shows them beside other things.
    Short,
    /// Of a page that shows nothing else.
    Long,
}

impl Patience {
    const fn duration(self) -> Duration {
        match self {
            Self::Short => Duration::from_millis(500),
            Self::Long => Duration::from_secs(5),
        }
    }
}

/// The findings that were computed last, and who computes new ones.
#[derive(Debug, Default)]
pub struct Kept {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    newest: Option<Arc<Computed>>,
    failed: Option<ledger::Error>,
    running: bool,
    waiting: usize,
    rest_until: Option<Instant>,
}

impl Computed {
    /// Those of one rule, or all.
    pub(crate) fn of_rule(&self, rule: Option<Rule>) -> Vec<&Finding> {
        self.found.iter().filter(|finding| rule.is_none_or(|rule| finding.rule == rule)).collect()
    }

    fn is_of(&self, view: &Published, now: UnixMillis) -> bool {
        self.size >= view.size && now.0.saturating_sub(self.at.0) < KEPT_FOR
    }

    /// The newest findings; `None` if none were computed yet. Blocks up to the patience.
    pub(crate) fn newest(app: &Arc<App>, view: &Arc<Published>, patience: Patience) -> Option<Arc<Self>> {
        Self::wait(app, view, patience).ok()
    }

    /// The newest findings. Blocks up to the patience.
    ///
    /// # Errors
    /// `overloaded` where none were computed yet, and what the computation met.
    pub(crate) fn wait(app: &Arc<App>, view: &Arc<Published>, patience: Patience) -> Result<Arc<Self>, Problem> {
        let kept = &app.findings;
        let deadline = Instant::now() + patience.duration();
        let mut state = kept.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let now = app.log.now();
            if let Some(computed) = state.newest.as_ref().filter(|computed| computed.is_of(view, now)) {
                return Ok(Arc::clone(computed));
            }
            if let Some(error) = state.failed.take() {
                return Err(error.into());
            }
            let at = Instant::now();
            let rests = state.rest_until.filter(|until| *until > at);
            if !state.running && rests.is_none() {
                state.running = start(app, view);
            }
            let until = rests.filter(|_| !state.running).map_or(deadline, |rest| rest.min(deadline));
            let slow = state.newest.as_ref().is_some_and(|newest| newest.took > QUICK);
            if at >= deadline || (patience == Patience::Short && slow) || state.waiting >= MAX_WAITING {
                break;
            }
            state.waiting += 1;
            let (woken, _) = kept
                .changed
                .wait_timeout(state, until.saturating_duration_since(at).max(Duration::from_millis(1)))
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.waiting -= 1;
        }
        let older = state.newest.as_ref().map(Arc::clone);
        older.ok_or_else(|| {
            Problem::new(Code::Overloaded, "the findings about this log are being computed for the first time")
                .retry_after(5)
        })
    }
}

/// Computes in a thread of its own; whether there is one.
fn start(app: &Arc<App>, view: &Arc<Published>) -> bool {
    let (app, view) = (Arc::clone(app), Arc::clone(view));
    let compute = move || {
        let (begun, now) = (Instant::now(), app.log.now());
        // Whatever happens in here, those who wait are told.
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            // Each entry is read about once: to keep them would hold the whole log in memory.
            asking(&app.log, &app.log.records(&view), &view.state, now, findings::all)
        }));
        let failed = || Err(ledger::Error::new(Code::Internal, "the computation of findings failed"));
        let found = found.unwrap_or_else(|_| failed());
        let mut state = app.findings.state.lock().unwrap_or_else(PoisonError::into_inner);
        match found {
            Ok(found) => {
                let took = begun.elapsed();
                state.newest = Some(Arc::new(Computed { size: view.size, at: now, found, took }));
            }
            Err(error) => state.failed = Some(error),
        }
        state.running = false;
        state.rest_until = Some(Instant::now() + begun.elapsed() * REST);
        drop(state);
        app.findings.changed.notify_all();
    };
    std::thread::Builder::new().name("findings".to_owned()).spawn(compute).is_ok()
}
