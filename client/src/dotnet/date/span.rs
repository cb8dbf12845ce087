//! `TimeSpan`: a length of time.

use super::Unit;
use crate::dotnet::Exception;

/// Ticks of a second; a tick has 100 ns.
pub const TICKS_PER_SECOND: i64 = 10_000_000;
/// Ticks of a minute.
pub const TICKS_PER_MINUTE: i64 = 60 * TICKS_PER_SECOND;
/// Ticks of an hour.
pub const TICKS_PER_HOUR: i64 = 60 * TICKS_PER_MINUTE;
/// Ticks of a day.
pub const TICKS_PER_DAY: i64 = 24 * TICKS_PER_HOUR;

/// A length of time in ticks of 100 ns; it may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    ticks: i64,
}

impl Span {
    /// `TimeSpan.Zero`
    pub const ZERO: Self = Self { ticks: 0 };

    /// `new TimeSpan(ticks)`
    #[must_use]
    pub fn of_ticks(ticks: i64) -> Self {
        Self { ticks }
    }

    /// `new TimeSpan(days, hours, minutes, seconds, milliseconds)`
    ///
    /// # Errors
    ///
    /// `ArgumentOutOfRangeException`
    pub fn of_parts(parts: [i32; 5]) -> Result<Self, Exception> {
        let units = [Unit::Days, Unit::Hours, Unit::Minutes, Unit::Seconds, Unit::Milliseconds];
        let terms = parts.iter().zip(units).map(|(part, unit)| i128::from(*part) * i128::from(unit.ticks()));
        match i64::try_from(terms.sum::<i128>()) {
            Ok(ticks) => Ok(Self { ticks }),
            Err(_) => Err(Exception::range("the parts make more time than a TimeSpan has")),
        }
    }

    /// `TimeSpan.FromDays(count)` and the like, to the tick.
    ///
    /// # Errors
    ///
    /// `ArgumentException` for NaN, `OverflowException`.
    pub fn of_units(count: f64, unit: Unit) -> Result<Self, Exception> {
        let ticks = count * unit.ticks() as f64;
        if ticks.is_nan() {
            return Err(Exception::argument("a length of time is a number"));
        }
        if ticks.abs() >= i64::MAX as f64 {
            return Err(too_long());
        }
        Ok(Self { ticks: ticks as i64 })
    }

    /// `Ticks`
    #[must_use]
    pub fn ticks(self) -> i64 {
        self.ticks
    }

    /// `TotalSeconds` and the like.
    #[must_use]
    pub fn total(self, unit: Unit) -> f64 {
        self.ticks as f64 / unit.ticks() as f64
    }

    /// `Days`, `Hours` (-23 to 23), `Minutes`, `Seconds`, `Milliseconds`.
    #[must_use]
    pub fn part(self, unit: Unit) -> i32 {
        let most = match unit {
            Unit::Days => i64::MAX,
            Unit::Hours => 24,
            Unit::Minutes | Unit::Seconds => 60,
            Unit::Milliseconds => 1000,
            Unit::Ticks => 10_000_000,
        };
        i32::try_from(self.ticks / unit.ticks() % most).unwrap_or(0)
    }

    /// `left + right`
    ///
    /// # Errors
    ///
    /// `OverflowException`
    pub fn plus(self, other: Self) -> Result<Self, Exception> {
        self.ticks.checked_add(other.ticks).map(Self::of_ticks).ok_or_else(too_long)
    }

    /// `left - right`
    ///
    /// # Errors
    ///
    /// `OverflowException`
    pub fn minus(self, other: Self) -> Result<Self, Exception> {
        self.ticks.checked_sub(other.ticks).map(Self::of_ticks).ok_or_else(too_long)
    }

    /// `Negate()`
    ///
    /// # Errors
    ///
    /// `OverflowException` for the lowest.
    pub fn negated(self) -> Result<Self, Exception> {
        self.ticks.checked_neg().map(Self::of_ticks).ok_or_else(too_long)
    }

    /// `Duration()`: without the sign.
    ///
    /// # Errors
    ///
    /// `OverflowException` for the lowest.
    pub fn duration(self) -> Result<Self, Exception> {
        self.ticks.checked_abs().map(Self::of_ticks).ok_or_else(too_long)
    }
}

pub(super) fn too_long() -> Exception {
    Exception::overflow("the length of time does not fit into a TimeSpan")
}
