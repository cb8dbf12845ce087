//! `DateTimeOffset`: a clock reading and how far that clock is ahead of universal time.

use larder_proto::envelope::{Date, DateKind};

use super::moment::{at, beyond};
use super::{Span, TICKS_PER_MINUTE, TICKS_PER_SECOND};
use crate::dotnet::Exception;

/// Ticks of 1970-01-01T00:00:00Z.
pub const UNIX_EPOCH_TICKS: i64 = 621_355_968_000_000_000;

/// A point in time with the offset of the clock that showed it. Equal are equal points in time.
#[derive(Debug, Clone, Copy)]
pub struct DateOffset {
    clock: Date,
    minutes: i16,
}

impl DateOffset {
    /// A clock reading and its offset in minutes.
    ///
    /// # Errors
    ///
    /// `ArgumentOutOfRangeException` for an offset beyond 14 hours, or a universal time outside of the
    /// years 1 to 9999.
    pub fn new(clock_ticks: i64, minutes: i32) -> Result<Self, Exception> {
        let small = i16::try_from(minutes).ok().filter(|minutes| minutes.unsigned_abs() <= 14 * 60);
        let minutes = small.ok_or_else(|| Exception::range("an offset has 14 hours at most"))?;
        let clock = at(clock_ticks, DateKind::Unspecified)?;
        at(clock_ticks - i64::from(minutes) * TICKS_PER_MINUTE, DateKind::Utc)?;
        Ok(Self { clock, minutes })
    }

    /// `new DateTimeOffset(date)`: every kind is universal time here.
    #[must_use]
    pub fn of_date(date: Date) -> Self {
        Self { clock: Date::new(date.ticks(), DateKind::Unspecified).unwrap_or(date), minutes: 0 }
    }

    /// `DateTimeOffset.FromUnixTimeSeconds(seconds)`
    ///
    /// # Errors
    ///
    /// `ArgumentOutOfRangeException`
    pub fn from_unix_seconds(seconds: i64) -> Result<Self, Exception> {
        Self::new(seconds.saturating_mul(TICKS_PER_SECOND).saturating_add(UNIX_EPOCH_TICKS), 0)
    }

    /// `DateTimeOffset.FromUnixTimeMilliseconds(milliseconds)`
    ///
    /// # Errors
    ///
    /// `ArgumentOutOfRangeException`
    pub fn from_unix_milliseconds(milliseconds: i64) -> Result<Self, Exception> {
        Self::new(milliseconds.saturating_mul(10_000).saturating_add(UNIX_EPOCH_TICKS), 0)
    }

    /// `ToUnixTimeSeconds()`, rounded down.
    #[must_use]
    pub fn unix_seconds(self) -> i64 {
        (self.utc().ticks() - UNIX_EPOCH_TICKS).div_euclid(TICKS_PER_SECOND)
    }

    /// `ToUnixTimeMilliseconds()`, rounded down.
    #[must_use]
    pub fn unix_milliseconds(self) -> i64 {
        (self.utc().ticks() - UNIX_EPOCH_TICKS).div_euclid(10_000)
    }

    /// `DateTime`: the clock reading.
    #[must_use]
    pub fn clock(self) -> Date {
        self.clock
    }

    /// `UtcDateTime`
    #[must_use]
    pub fn utc(self) -> Date {
        let ticks = self.clock.ticks() - i64::from(self.minutes) * TICKS_PER_MINUTE;
        Date::new(ticks, DateKind::Utc).unwrap_or(self.clock)
    }

    /// `Offset`, in minutes.
    #[must_use]
    pub fn minutes(self) -> i32 {
        i32::from(self.minutes)
    }

    /// `ToOffset(offset)`: the same point in time on another clock.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn to_offset(self, minutes: i32) -> Result<Self, Exception> {
        let shift = i64::from(minutes).saturating_mul(TICKS_PER_MINUTE);
        Self::new(self.utc().ticks().saturating_add(shift), minutes)
    }

    /// The clock changed by one of the functions for dates, with the same offset.
    ///
    /// # Errors
    ///
    /// Those of the change, and `ArgumentOutOfRangeException` outside of the years 1 to 9999.
    pub fn changed(self, change: impl FnOnce(Date) -> Result<Date, Exception>) -> Result<Self, Exception> {
        Self::new(change(self.clock)?.ticks(), self.minutes()).map_err(|_| beyond())
    }

    /// `left - right`
    #[must_use]
    pub fn subtract(self, other: Self) -> Span {
        super::subtract(self.utc(), other.utc())
    }
}

impl PartialEq for DateOffset {
    fn eq(&self, other: &Self) -> bool {
        self.utc().ticks() == other.utc().ticks()
    }
}

impl Eq for DateOffset {}

impl PartialOrd for DateOffset {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for DateOffset {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.utc().ticks().cmp(&other.utc().ticks())
    }
}
