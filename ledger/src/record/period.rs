//! A length of time as ISO 8601 writes it, in whole years, months, weeks and days: `P3M`, `P30D`, `P1Y6M`.
//!
//! Months differ in length, so a period is added to a moment by the calendar, in UTC; it has no length in milliseconds.

use core::fmt;
use core::str::FromStr;

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::UnixMillis;

/// The most months, weeks or days that a period may name. Arithmetic: 999 years are 11,988 months and 364,877 days, and
/// the calendar ends with the year 9999.
const MAX_COUNT: u32 = 365_000;

/// A period of whole days and months. Kept as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    years: u32,
    months: u32,
    weeks: u32,
    days: u32,
}

/// Why a text is no period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a period of years, months, weeks and days as ISO 8601 writes it, for example P3M or P30D")]
pub struct PeriodError;

impl Period {
    /// So many months.
    pub const fn months(months: u32) -> Self {
        Self { years: 0, months, weeks: 0, days: 0 }
    }

    /// So many days.
    pub const fn days(days: u32) -> Self {
        Self { years: 0, months: 0, weeks: 0, days }
    }

    /// Whether it is none.
    pub fn is_zero(self) -> bool {
        [self.years, self.months, self.weeks, self.days].iter().all(|count| *count == 0)
    }

    /// The moment so much later, by the calendar in UTC. Beyond the year 9999 the last moment that there is.
    ///
    /// ```
    /// use ledger::ids::UnixMillis;
    /// use ledger::record::{period::Period, terms::Timestamp};
    ///
    /// let at = |text: &str| text.parse::<Timestamp>().map(|moment| moment.millis());
    /// assert_eq!(Period::months(3).after(at("2026-11-30T12:00:00Z")?), at("2027-02-28T12:00:00Z")?);
    /// assert_eq!("P1Y2W".parse::<Period>()?.after(UnixMillis(0)), at("1971-01-15T00:00:00Z")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn after(self, moment: UnixMillis) -> UnixMillis {
        let later = || {
            let start = Timestamp::from_millisecond(i64::try_from(moment.0).ok()?).ok()?.to_zoned(TimeZone::UTC);
            let span = Span::new()
                .try_years(self.years)
                .and_then(|span| span.try_months(self.months))
                .and_then(|span| span.try_weeks(self.weeks))
                .and_then(|span| span.try_days(self.days));
            let end = start.checked_add(span.ok()?).ok()?;
            u64::try_from(end.timestamp().as_millisecond()).ok()
        };
        UnixMillis(later().unwrap_or_else(|| Timestamp::MAX.as_millisecond().unsigned_abs()))
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        let mut rest = text.strip_prefix('P').filter(|rest| !rest.is_empty()).ok_or(PeriodError)?;
        let mut period = Self::days(0);
        for (letter, slot) in
            [('Y', &mut period.years), ('M', &mut period.months), ('W', &mut period.weeks), ('D', &mut period.days)]
        {
            let Some((digits, after)) = rest.split_once(letter) else { continue };
            let plain = (1..=6).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
            let padded = digits.len() > 1 && digits.starts_with('0');
            *slot = digits.parse().ok().filter(|n| plain && !padded && *n <= MAX_COUNT).ok_or(PeriodError)?;
            // A unit that is written has a count, so that a period has one spelling.
            if *slot == 0 && text != "P0D" {
                return Err(PeriodError);
            }
            rest = after;
        }
        if rest.is_empty() { Ok(period) } else { Err(PeriodError) }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("P0D");
        }
        f.write_str("P")?;
        let units = [(self.years, 'Y'), (self.months, 'M'), (self.weeks, 'W'), (self.days, 'D')];
        units.iter().filter(|(count, _)| *count > 0).try_for_each(|(count, letter)| write!(f, "{count}{letter}"))
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Period {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A period of whole years, months, weeks and days (ISO 8601).",
            "pattern": "^P([0-9]+Y)?([0-9]+M)?([0-9]+W)?([0-9]+D)?$",
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_period_has_one_spelling() {
        for text in ["P3M", "P30D", "P1Y6M", "P2W", "P1Y2M3W4D", "P0D"] {
            assert_eq!(text.parse::<Period>().unwrap().to_string(), text);
        }
        for wrong in ["", "P", "3M", "P3", "P-3M", "P03M", "PT3H", "P3M ", "P3D2M", "P1.5Y", "p3m", "P0M", "P9999999D"]
        {
            assert_eq!(wrong.parse::<Period>(), Err(PeriodError), "{wrong:?}");
        }
        let long: Period = "P365000D".parse().unwrap();
        assert!(long.after(UnixMillis(0)) > UnixMillis(0));
        let beyond: Period = "P9000Y".parse().unwrap();
        assert_eq!(beyond.after(UnixMillis(0)), UnixMillis(Timestamp::MAX.as_millisecond().unsigned_abs()));
    }
}
