//! A moment as a page shows it: absolute in UTC, relative to now, and for machines.

use core::fmt;

use askama::filters::HtmlSafe;
use ledger::ids::UnixMillis;

/// A moment and how long ago it was. In a template: `{{ moment }}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    at: UnixMillis,
    now: UnixMillis,
}

impl Moment {
    /// The moment `at`, looked at from `now`.
    pub const fn new(at: UnixMillis, now: UnixMillis) -> Self {
        Self { at, now }
    }

    /// The same for a text as records hold it (RFC 3339 with `Z`); `None` if it is none.
    pub fn parse(text: &str, now: UnixMillis) -> Option<Self> {
        let at = text.parse::<jiff::Timestamp>().ok()?.as_millisecond();
        Some(Self::new(UnixMillis(u64::try_from(at).ok()?), now))
    }

    /// Whether it lies behind us.
    pub fn is_past(&self) -> bool {
        self.at < self.now
    }

    /// `3 minutes ago`, `in 2 years`.
    pub fn ago(&self) -> String {
        let (span, past) = match self.now.0.checked_sub(self.at.0) {
            Some(span) => (span, true),
            None => (self.at.0 - self.now.0, false),
        };
        let units =
            [(365 * 24 * 3600, "year"), (30 * 24 * 3600, "month"), (24 * 3600, "day"), (3600, "hour"), (60, "minute")];
        let seconds = span / 1000;
        let Some((n, unit)) = units.iter().map(|(len, unit)| (seconds / len, unit)).find(|(n, _)| *n > 0) else {
            return if past { "just now".to_owned() } else { "in less than a minute".to_owned() };
        };
        let s = if n == 1 { "" } else { "s" };
        if past { format!("{n} {unit}{s} ago") } else { format!("in {n} {unit}{s}") }
    }

    /// `2026-11-23`
    pub fn day(&self) -> String {
        self.timestamp().map_or_else(String::new, |timestamp| timestamp.strftime("%Y-%m-%d").to_string())
    }

    fn timestamp(&self) -> Option<jiff::Timestamp> {
        jiff::Timestamp::from_millisecond(i64::try_from(self.at.0).ok()?).ok()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Beyond the year 9999 there is no calendar to show it in.
        let Some(timestamp) = self.timestamp() else { return write!(f, "{} ms after 1970", self.at) };
        let shown = timestamp.strftime("%-d %b %Y, %H:%M UTC");
        write!(f, "<time datetime=\"{timestamp}\">{shown}</time> ({})", self.ago())
    }
}

// Made of digits and fixed words.
impl HtmlSafe for Moment {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_795_425_245_000);

    #[test]
    fn a_moment_is_shown_absolute_relative_and_for_machines() {
        let moment = Moment::parse("2026-11-23T09:11:00Z", NOW).unwrap();
        assert_eq!(
            moment.to_string(),
            "<time datetime=\"2026-11-23T09:11:00Z\">23 Nov 2026, 09:11 UTC</time> (3 minutes ago)"
        );
    }

    #[test]
    fn a_span_is_told_in_its_largest_unit() {
        let ago = |ms| Moment::new(UnixMillis(NOW.0 - ms), NOW).ago();
        assert_eq!(ago(59_999), "just now");
        assert_eq!(ago(60_000), "1 minute ago");
        assert_eq!(ago(26 * 3_600_000), "1 day ago");
        assert_eq!(ago(800 * 24 * 3_600_000), "2 years ago");
        assert_eq!(Moment::new(UnixMillis(NOW.0 + 7_200_000), NOW).ago(), "in 2 hours");
    }

    #[test]
    fn no_moment_panics() {
        let _ = Moment::new(UnixMillis(u64::MAX), UnixMillis(0)).to_string();
        let _ = Moment::new(UnixMillis(0), UnixMillis(u64::MAX)).to_string();
        assert_eq!(Moment::parse("soon", NOW), None);
    }
}
