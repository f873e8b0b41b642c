//! The one place where the log learns what time it is.

use std::sync::Mutex;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::error::{Code, Error, Result};
use crate::ids::UnixMillis;

/// A source of time. Tests hand in their own; the program uses [`SystemClock`].
pub trait Clock: Send + Sync + 'static {
    /// Wall-clock time.
    fn now(&self) -> UnixMillis;

    /// Milliseconds since some fixed moment, never going back, unmoved by anybody who sets the wall clock.
    fn monotonic(&self) -> UnixMillis;
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place where the ledger asks the machine for the time")]
    fn now(&self) -> UnixMillis {
        // A clock before 1970 reads as 0, which the plausibility check below then refuses.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn monotonic(&self) -> UnixMillis {
        UnixMillis(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}

/// A clock that stands still until it is moved, for simulations in tests.
#[derive(Debug, Default)]
pub struct ManualClock {
    now: Mutex<(u64, u64)>,
}

impl ManualClock {
    /// A clock that shows `now`.
    pub fn at(now: UnixMillis) -> Self {
        Self { now: Mutex::new((now.0, 0)) }
    }

    /// Lets time pass on both clocks.
    pub fn advance(&self, millis: u64) {
        let mut now = self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *now = (now.0.saturating_add(millis), now.1.saturating_add(millis));
    }

    /// Sets the wall clock alone, as an administrator or a broken time server would.
    pub fn set_wall(&self, wall: UnixMillis) {
        self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner).0 = wall.0;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner).0)
    }

    fn monotonic(&self) -> UnixMillis {
        UnixMillis(self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner).1)
    }
}

/// Five minutes: what a clock may lag behind the last entry before sequencing stops (DESIGN §5).
pub(super) const MAX_BEHIND: u64 = 5 * 60 * 1000;

/// One hour: what the wall clock may gain on the monotonic clock since the start before sequencing stops (DESIGN §5).
pub(super) const MAX_AHEAD: u64 = 60 * 60 * 1000;

/// Turns readings of the clock into `received` values that never go back, or refuses a clock that cannot be right.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timekeeper {
    start_wall: u64,
    start_monotonic: u64,
    last: u64,
}

impl Timekeeper {
    /// Starts from the newest `received` value of the log.
    pub(super) fn new(clock: &dyn Clock, last: UnixMillis) -> Self {
        Self { start_wall: clock.now().0, start_monotonic: clock.monotonic().0, last: last.0 }
    }

    /// The time to give to the next entry.
    pub(super) fn next(&mut self, clock: &dyn Clock) -> Result<UnixMillis> {
        let now = clock.now().0;
        if now.saturating_add(MAX_BEHIND) < self.last {
            let detail = format!("the clock shows {now} ms, the last entry {} ms", self.last);
            return Err(Error::new(Code::ClockRefused, detail));
        }
        let elapsed = clock.monotonic().0.saturating_sub(self.start_monotonic);
        let expected = self.start_wall.saturating_add(elapsed);
        if now > expected.saturating_add(MAX_AHEAD) {
            let detail = format!("the clock shows {now} ms, {} ms ahead of the time since start", now - expected);
            return Err(Error::new(Code::ClockRefused, detail));
        }
        self.last = self.last.max(now);
        Ok(UnixMillis(self.last))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn f16_received_never_goes_back() {
        let clock = ManualClock::at(UnixMillis(1_000_000));
        let mut keeper = Timekeeper::new(&clock, UnixMillis(1_000_500));
        assert_eq!(keeper.next(&clock).unwrap(), UnixMillis(1_000_500));
        clock.advance(2_000);
        assert_eq!(keeper.next(&clock).unwrap(), UnixMillis(1_002_000));
        clock.set_wall(UnixMillis(1_001_000));
        assert_eq!(keeper.next(&clock).unwrap(), UnixMillis(1_002_000));
    }

    #[test]
    fn f16_a_clock_an_hour_back_or_a_year_ahead_stops_sequencing_until_it_is_right() {
        let year = 365 * 24 * 3_600_000;
        let clock = ManualClock::at(UnixMillis(2 * year));
        let mut keeper = Timekeeper::new(&clock, UnixMillis(2 * year));
        clock.set_wall(UnixMillis(2 * year - 3_600_000));
        assert_eq!(keeper.next(&clock).unwrap_err().code(), Code::ClockRefused);
        clock.set_wall(UnixMillis(3 * year));
        assert_eq!(keeper.next(&clock).unwrap_err().code(), Code::ClockRefused);
        clock.set_wall(UnixMillis(2 * year + 5));
        assert_eq!(keeper.next(&clock).unwrap(), UnixMillis(2 * year + 5));
    }
}
