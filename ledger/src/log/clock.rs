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

/// One hour: what the wall clock may gain on the monotonic clock before sequencing stops (DESIGN §5).
pub(super) const MAX_AHEAD: u64 = 60 * 60 * 1000;

/// A doubtful clock that ran as evenly as the monotonic one for so long is believed: a machine that was suspended has lost
/// as much on its monotonic clock, and nobody who watches [`super::Log::check_clock`] left it wrong for an hour.
const STEADY_FOR: u64 = 60 * 60 * 1000;

/// What a steady clock may differ from the monotonic one meanwhile: somebody who slews it moves it by two seconds an hour.
const STEADY_WITHIN: u64 = 60 * 1000;

/// A clock that jumped further ahead than this is believed at a start only, which is somebody's deliberate act: entries
/// dated by it would stop the log until that time has come.
const MAX_JUMP: u64 = UnixMillis::DAY;

/// A believed clock becomes the new base once a day, so that what it may gain is an hour a day and not an hour for ever.
const REBASE_AFTER: u64 = UnixMillis::DAY;

/// Both clocks at one moment.
#[derive(Debug, Clone, Copy)]
struct Reading {
    wall: u64,
    monotonic: u64,
}

impl Reading {
    fn of(clock: &dyn Clock) -> Self {
        Self { wall: clock.now().0, monotonic: clock.monotonic().0 }
    }

    /// What the wall clock should show at a later moment.
    const fn expected(&self, later: &Self) -> u64 {
        self.wall.saturating_add(self.elapsed(later))
    }

    const fn elapsed(&self, later: &Self) -> u64 {
        later.monotonic.saturating_sub(self.monotonic)
    }
}

/// Turns readings of the clock into `received` values that never go back, or refuses a clock that cannot be right.
///
/// A clock that is behind the newest entry is wrong for certain. One that is behind the newest cosignature, or that ran
/// ahead of the monotonic clock, is doubtful: it, or what it is held against, may be wrong. It is believed when it has run
/// steadily for an hour.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timekeeper {
    /// The newest reading that was believed and may serve as a measure; none while the clock has been wrong since the start.
    base: Option<Reading>,
    /// Since when a doubtful clock runs steadily.
    steady: Option<Reading>,
    /// The newest `received` value.
    last: u64,
    /// The newest cosignature.
    cosigned: u64,
}

impl Timekeeper {
    /// Starts from the newest `received` value of the log and the newest cosignature of its checkpoint.
    pub(super) fn new(clock: &dyn Clock, last: UnixMillis, cosigned: Option<UnixMillis>) -> Self {
        let mut keeper = Self { base: None, steady: None, last: last.0, cosigned: cosigned.map_or(0, |at| at.0) };
        // A clock that is wrong now is no measure of what it shows later.
        let _ = keeper.next(clock);
        keeper
    }

    /// The time to give to the next entry.
    pub(super) fn next(&mut self, clock: &dyn Clock) -> Result<UnixMillis> {
        let now = Reading::of(clock);
        if let Err(doubt) = self.judge(&now) {
            if !doubt.may_pass || self.steady_since(&now).elapsed(&now) < STEADY_FOR {
                return Err(Error::new(Code::ClockRefused, doubt.detail));
            }
            (self.base, self.cosigned) = (Some(now), 0);
        }
        self.steady = None;
        let rebases = |base: &Reading| {
            base.elapsed(&now) >= REBASE_AFTER || now.wall.saturating_add(MAX_AHEAD) < base.expected(&now)
        };
        if self.base.as_ref().is_none_or(rebases) {
            self.base = Some(now);
        }
        Ok(UnixMillis(now.wall.max(self.last).max(self.cosigned)))
    }

    /// Whether the clock would be believed now.
    pub(super) fn check(mut self, clock: &dyn Clock) -> Result<()> {
        self.next(clock).map(drop)
    }

    /// A checkpoint was signed at this time, over entries that were received at it or over none.
    pub(super) fn dated(&mut self, at: UnixMillis, entries: bool) {
        self.cosigned = at.0;
        if entries {
            self.last = at.0;
        }
    }

    fn judge(&self, now: &Reading) -> Result<(), Doubt> {
        let wall = now.wall;
        if wall.saturating_add(MAX_BEHIND) < self.last {
            let detail = format!("the clock shows {wall} ms, the last entry {} ms", self.last);
            return Err(Doubt { detail, may_pass: false });
        }
        if wall.saturating_add(MAX_BEHIND) < self.cosigned {
            let detail = format!("the clock shows {wall} ms, the last checkpoint {} ms; {SOON}", self.cosigned);
            return Err(Doubt { detail, may_pass: true });
        }
        let Some(expected) = self.base.map(|base| base.expected(now)) else { return Ok(()) };
        let ahead = wall.saturating_sub(expected);
        if ahead <= MAX_AHEAD {
            return Ok(());
        }
        let may_pass = ahead <= MAX_JUMP;
        let then = if may_pass { SOON } else { "if it is right, start the log again" };
        let detail = format!("the clock shows {wall} ms, {ahead} ms ahead of the time since start; {then}");
        Err(Doubt { detail, may_pass })
    }

    /// Since when this clock, which is doubtful, runs as the monotonic one does.
    fn steady_since(&mut self, now: &Reading) -> Reading {
        let holds = |since: &Reading| now.wall.abs_diff(since.expected(now)) <= STEADY_WITHIN;
        *self.steady.insert(self.steady.filter(holds).unwrap_or(*now))
    }
}

const SOON: &str = "if it is right, it is believed after an hour";

/// Why a clock is not believed.
struct Doubt {
    detail: String,
    /// Whether running steadily clears it.
    may_pass: bool,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::record::terms::Timestamp;

    fn moment(text: &str) -> UnixMillis {
        text.parse::<Timestamp>().unwrap().millis()
    }

    const HOUR: u64 = 3_600_000;
    const DAY: u64 = UnixMillis::DAY;
    const YEAR: u64 = 365 * DAY;

    /// The time of an entry that is made now.
    fn entry(keeper: &mut Timekeeper, clock: &ManualClock) -> Result<UnixMillis> {
        let at = keeper.next(clock)?;
        keeper.dated(at, true);
        Ok(at)
    }

    fn refused(keeper: &mut Timekeeper, clock: &ManualClock) -> String {
        let error = entry(keeper, clock).unwrap_err();
        assert_eq!(error.code(), Code::ClockRefused);
        assert_eq!(keeper.check(clock).unwrap_err(), error);
        error.detail().to_owned()
    }

    #[test]
    fn f16_received_never_goes_back() {
        let clock = ManualClock::at(UnixMillis(1_000_000));
        let mut keeper = Timekeeper::new(&clock, UnixMillis(1_000_500), None);
        assert_eq!(entry(&mut keeper, &clock).unwrap(), UnixMillis(1_000_500));
        clock.advance(2_000);
        assert_eq!(entry(&mut keeper, &clock).unwrap(), UnixMillis(1_002_000));
        clock.set_wall(UnixMillis(1_001_000));
        assert_eq!(entry(&mut keeper, &clock).unwrap(), UnixMillis(1_002_000));
    }

    #[test]
    fn f16_a_clock_an_hour_back_or_a_year_ahead_stops_sequencing_until_it_is_right() {
        let clock = ManualClock::at(UnixMillis(2 * YEAR));
        let mut keeper = Timekeeper::new(&clock, UnixMillis(2 * YEAR), None);
        clock.set_wall(UnixMillis(2 * YEAR - HOUR));
        refused(&mut keeper, &clock);
        clock.set_wall(UnixMillis(3 * YEAR));
        assert!(refused(&mut keeper, &clock).contains("start the log again"));
        clock.set_wall(UnixMillis(2 * YEAR + 5));
        assert_eq!(entry(&mut keeper, &clock).unwrap(), UnixMillis(2 * YEAR + 5));
    }

    #[test]
    fn f16_a_clock_that_was_a_day_behind_at_the_start_is_believed_when_it_is_set_right() {
        let clock = ManualClock::at(UnixMillis(2 * YEAR - DAY));
        let mut keeper = Timekeeper::new(&clock, UnixMillis(2 * YEAR), None);
        refused(&mut keeper, &clock);
        clock.advance(HOUR);
        refused(&mut keeper, &clock);
        clock.set_wall(UnixMillis(2 * YEAR + HOUR));
        assert_eq!(entry(&mut keeper, &clock).unwrap(), UnixMillis(2 * YEAR + HOUR));
        // From here on it is measured again.
        clock.set_wall(UnixMillis(2 * YEAR + 3 * HOUR));
        refused(&mut keeper, &clock);
    }

    #[test]
    fn f16_a_machine_that_was_suspended_is_believed_after_an_hour_and_a_year_ahead_never() {
        for (jump, passes) in [(2 * HOUR, true), (10 * HOUR, true), (YEAR, false)] {
            let clock = ManualClock::at(UnixMillis(2 * YEAR));
            let mut keeper = Timekeeper::new(&clock, UnixMillis(2 * YEAR), None);
            clock.set_wall(UnixMillis(2 * YEAR + jump));
            refused(&mut keeper, &clock);
            for _ in 0..59 {
                clock.advance(60_000);
                refused(&mut keeper, &clock);
            }
            clock.advance(60_000);
            assert_eq!(entry(&mut keeper, &clock).is_ok(), passes, "{jump}");
        }
    }

    #[test]
    fn f16_a_doubtful_clock_that_is_moved_about_waits_anew() {
        let clock = ManualClock::at(UnixMillis(2 * YEAR));
        let mut keeper = Timekeeper::new(&clock, UnixMillis(2 * YEAR), None);
        for jump in [2, 4, 6] {
            clock.set_wall(UnixMillis(2 * YEAR + jump * HOUR));
            refused(&mut keeper, &clock);
            clock.advance(HOUR - 1000);
            refused(&mut keeper, &clock);
        }
    }

    #[test]
    fn f16_a_clock_behind_the_newest_cosignature_is_doubtful_and_one_that_ran_ahead_for_a_checkpoint_is_not_for_ever() {
        let clock = ManualClock::at(UnixMillis(2 * YEAR - DAY));
        let mut keeper = Timekeeper::new(&clock, UnixMillis(YEAR), Some(UnixMillis(2 * YEAR)));
        refused(&mut keeper, &clock);
        clock.set_wall(UnixMillis(2 * YEAR));
        assert_eq!(entry(&mut keeper, &clock).unwrap(), UnixMillis(2 * YEAR));

        // A checkpoint was signed by a clock that was a year ahead at the start, and no entry.
        let clock = ManualClock::at(UnixMillis(2 * YEAR));
        let mut keeper = Timekeeper::new(&clock, UnixMillis(YEAR), Some(UnixMillis(3 * YEAR)));
        refused(&mut keeper, &clock);
        clock.advance(HOUR);
        assert_eq!(entry(&mut keeper, &clock).unwrap(), UnixMillis(2 * YEAR + HOUR));
    }

    #[test]
    fn f16_short_suspensions_do_not_add_up_for_ever() {
        let clock = ManualClock::at(UnixMillis(2 * YEAR));
        let mut keeper = Timekeeper::new(&clock, UnixMillis(2 * YEAR), None);
        for day in 1..100 {
            clock.advance(DAY);
            // Half an hour a day is lost on the monotonic clock.
            clock.set_wall(UnixMillis(2 * YEAR + day * (DAY + HOUR / 2)));
            assert!(entry(&mut keeper, &clock).is_ok(), "day {day}");
        }
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
            let mut keeper = Timekeeper::new(&clock, moment(last), None);
            assert_eq!(keeper.next(&clock).unwrap(), moment(last));
            clock.advance(1);
            let received = keeper.next(&clock).unwrap();
            assert_eq!((received, Timestamp::from_millis(received).unwrap().as_str()), (moment(first), first));
            // The log restarts there, and finds its newest entry neither ahead nor behind.
            assert_eq!(Timekeeper::new(&clock, received, None).next(&clock).unwrap(), received);
        }
    }

    /// Unix time has no leap second: the machine's clock shows the last second of the day twice. That is no clock set back.
    #[test]
    fn f16_a_leap_second_stands_still_and_goes_on() {
        let clock = ManualClock::at(moment("2016-12-31T23:59:59.900Z"));
        let mut keeper = Timekeeper::new(&clock, clock.now(), None);
        let last = keeper.next(&clock).unwrap();
        clock.advance(100);
        clock.set_wall(moment("2016-12-31T23:59:59Z"));
        assert_eq!(keeper.next(&clock).unwrap(), last);
        clock.advance(1_000);
        assert_eq!(keeper.next(&clock).unwrap(), moment("2017-01-01T00:00:00Z"));
    }
}
