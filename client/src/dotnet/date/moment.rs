//! `DateTime`: its parts, and what can be added to it.

use larder_proto::envelope::{Date, DateKind};

use super::calendar::{self, Parts, Weekday, days_in_month};
use super::{Span, TICKS_PER_DAY, TICKS_PER_HOUR, TICKS_PER_MINUTE, TICKS_PER_SECOND};
use crate::dotnet::Exception;

/// What is added by `AddDays` and the like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// `AddDays`
    Days,
    /// `AddHours`
    Hours,
    /// `AddMinutes`
    Minutes,
    /// `AddSeconds`
    Seconds,
    /// `AddMilliseconds`
    Milliseconds,
    /// `AddTicks`
    Ticks,
}

impl Unit {
    /// How many ticks one has.
    #[must_use]
    pub fn ticks(self) -> i64 {
        match self {
            Self::Days => TICKS_PER_DAY,
            Self::Hours => TICKS_PER_HOUR,
            Self::Minutes => TICKS_PER_MINUTE,
            Self::Seconds => TICKS_PER_SECOND,
            Self::Milliseconds => TICKS_PER_SECOND / 1000,
            Self::Ticks => 1,
        }
    }
}

/// `new DateTime(year, month, day, hour, minute, second, kind)`, plus `ticks` within the second; the
/// weekday and the day of the year are not looked at.
///
/// # Errors
///
/// `ArgumentOutOfRangeException` for a date or time that there is not.
pub fn from_parts(parts: Parts, kind: DateKind) -> Result<Date, Exception> {
    let day =
        (1..=9999).contains(&parts.year) && (1..=days_in_month(parts.year, parts.month)).contains(&parts.day);
    let time = (0..24).contains(&parts.hour)
        && (0..60).contains(&parts.minute)
        && (0..60).contains(&parts.second)
        && (0..TICKS_PER_SECOND).contains(&i64::from(parts.ticks));
    if !day || !time {
        return Err(Exception::range("year, month, day, hour, minute and second are no date and time"));
    }
    let seconds = i64::from(parts.hour) * 3600 + i64::from(parts.minute) * 60 + i64::from(parts.second);
    let days = calendar::days(parts.year, parts.month, parts.day);
    at(days * TICKS_PER_DAY + seconds * TICKS_PER_SECOND + i64::from(parts.ticks), kind)
}

/// `Year`, `Month` and so on.
#[must_use]
pub fn parts(date: Date) -> Parts {
    let (days, time) = (date.ticks() / TICKS_PER_DAY, date.ticks() % TICKS_PER_DAY);
    let (year, month, day, day_of_year) = calendar::date(days);
    let part = |unit: i64, most: i64| i32::try_from(time / unit % most).unwrap_or(0);
    Parts {
        year,
        month,
        day,
        hour: part(TICKS_PER_HOUR, 24),
        minute: part(TICKS_PER_MINUTE, 60),
        second: part(TICKS_PER_SECOND, 60),
        ticks: part(1, TICKS_PER_SECOND),
        weekday: Weekday::of_day(days),
        day_of_year,
    }
}

/// `date.Date`: its midnight.
#[must_use]
pub fn date_of(date: Date) -> Date {
    Date::new(date.ticks() - date.ticks() % TICKS_PER_DAY, date.kind()).unwrap_or(date)
}

/// `date.Add(span)`, `date + span`
///
/// # Errors
///
/// `ArgumentOutOfRangeException` beyond the years 1 to 9999.
pub fn add(date: Date, span: Span) -> Result<Date, Exception> {
    at(date.ticks().saturating_add(span.ticks()), date.kind())
}

/// `date.AddDays(count)` and the like, to the tick.
///
/// # Errors
///
/// `ArgumentOutOfRangeException` beyond the years 1 to 9999, and for NaN.
pub fn add_units(date: Date, count: f64, unit: Unit) -> Result<Date, Exception> {
    if count.is_nan() {
        return Err(beyond());
    }
    // Whole and broken part apart, so that many days do not cost the ticks.
    let whole = (count.trunc() as i64).saturating_mul(unit.ticks());
    let broken = (count.fract() * unit.ticks() as f64) as i64;
    at(date.ticks().saturating_add(whole).saturating_add(broken), date.kind())
}

/// `date.AddMonths(count)`: the day is cut to the last of the month.
///
/// # Errors
///
/// `ArgumentOutOfRangeException` beyond the years 1 to 9999, or 120,000 months.
pub fn add_months(date: Date, count: i32) -> Result<Date, Exception> {
    if !(-120_000..=120_000).contains(&count) {
        return Err(beyond());
    }
    let mut parts = parts(date);
    let months = parts.year * 12 + parts.month - 1 + count;
    (parts.year, parts.month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
    if !(1..=9999).contains(&parts.year) {
        return Err(beyond());
    }
    parts.day = parts.day.min(days_in_month(parts.year, parts.month));
    from_parts(parts, date.kind())
}

/// `date.AddYears(count)`: 29 February becomes 28 where there is none.
///
/// # Errors
///
/// As [`add_months`].
pub fn add_years(date: Date, count: i32) -> Result<Date, Exception> {
    add_months(date, count.checked_mul(12).ok_or_else(beyond)?)
}

/// `left.Subtract(right)`, `left - right`: kinds do not count.
#[must_use]
pub fn subtract(left: Date, right: Date) -> Span {
    Span::of_ticks(left.ticks() - right.ticks())
}

/// `date.ToUniversalTime()`
#[must_use]
pub fn to_universal(date: Date) -> Date {
    Date::new(date.ticks(), DateKind::Utc).unwrap_or(date)
}

/// `date.ToLocalTime()`
#[must_use]
pub fn to_local(date: Date) -> Date {
    Date::new(date.ticks(), DateKind::Local).unwrap_or(date)
}

pub(super) fn at(ticks: i64, kind: DateKind) -> Result<Date, Exception> {
    Date::new(ticks, kind).ok_or_else(beyond)
}

pub(super) fn beyond() -> Exception {
    Exception::range("the date would lie outside of the years 1 to 9999")
}
