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
    use crate::record::terms::Timestamp;

    fn moment(text: &str) -> UnixMillis {
        text.parse::<Timestamp>().unwrap().millis()
    }

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

    /// Where a count of seconds in 31 or 32 bits ends, and around a leap day, time goes on by a millisecond, also as text.
    #[test]
    fn f16_in_2038_in_2106_and_on_a_leap_day_the_clock_goes_on() {
        assert_eq!(moment("2038-01-19T03:14:08Z"), UnixMillis((1 << 31) * 1000));
        assert_eq!(moment("2106-02-07T06:28:16Z"), UnixMillis((1 << 32) * 1000));
        for (last, first) in [
            ("2038-01-19T03:14:07.999Z", "2038-01-19T03:14:08Z"),
            ("2106-02-07T06:28:15.999Z", "2106-02-07T06:28:16Z"),
            ("2028-02-28T23:59:59.999Z", "2028-02-29T00:00:00Z"),
            ("2028-02-29T23:59:59.999Z", "2028-03-01T00:00:00Z"),
        ] {
            let clock = ManualClock::at(moment(last));
            let mut keeper = Timekeeper::new(&clock, moment(last));
            assert_eq!(keeper.next(&clock).unwrap(), moment(last));
            clock.advance(1);
            let received = keeper.next(&clock).unwrap();
            assert_eq!((received, Timestamp::from_millis(received).unwrap().as_str()), (moment(first), first));
            // The log restarts there, and finds its newest entry neither ahead nor behind.
            assert_eq!(Timekeeper::new(&clock, received).next(&clock).unwrap(), received);
        }
    }

    /// Unix time has no leap second: the machine's clock shows the last second of the day twice. That is no clock set back.
    #[test]
    fn f16_a_leap_second_stands_still_and_goes_on() {
        let clock = ManualClock::at(moment("2016-12-31T23:59:59.900Z"));
        let mut keeper = Timekeeper::new(&clock, clock.now());
        let last = keeper.next(&clock).unwrap();
        clock.advance(100);
        clock.set_wall(moment("2016-12-31T23:59:59Z"));
        assert_eq!(keeper.next(&clock).unwrap(), last);
        clock.advance(1_000);
        assert_eq!(keeper.next(&clock).unwrap(), moment("2017-01-01T00:00:00Z"));
    }
}
