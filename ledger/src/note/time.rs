//! The time that a cosignature carries.

use core::fmt;

use crate::ids::UnixMillis;

/// Seconds since 1970-01-01T00:00:00Z, at most 2^63 − 1, which is the most that a cosignature may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixSeconds(u64);

impl UnixSeconds {
    /// This many seconds; `None` above 2^63 − 1.
    pub const fn new(seconds: u64) -> Option<Self> {
        if seconds > i64::MAX as u64 { None } else { Some(Self(seconds)) }
    }

    /// The number.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The same moment in milliseconds, or the last moment that these can name.
    pub const fn to_millis(self) -> UnixMillis {
        UnixMillis(self.0.saturating_mul(1_000))
    }
}

impl From<UnixMillis> for UnixSeconds {
    /// The second that the moment falls in.
    fn from(millis: UnixMillis) -> Self {
        // 2^64 / 1000 is below 2^63.
        Self(millis.0 / 1_000)
    }
}

impl fmt::Display for UnixSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
