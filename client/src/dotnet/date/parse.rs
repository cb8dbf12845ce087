//! `Parse` of dates: the forms of the invariant culture, of ISO 8601 and of RFC 1123.
//!
//! Taken: `2020-01-31`, `2020/1/31`, `2020-01`, `01/31/2020`, `31 Jan 2020`, `31-Jan-2020`,
//! `January 31, 2020`, `Jan 2020`, each with a weekday in front or not; then, after `T`, blanks or a
//! comma, `14:05`, `14:05:06.789`, `2:05 PM`, `2 PM`; then `Z`, `GMT`, `UTC` or `+01:00`. Two digits of
//! a year mean 1950 to 2049. A time without a date, or a date without a year, means today's in .NET;
//! here it is refused, since nothing here knows the day.

use larder_proto::envelope::{Date, DateKind};

use super::calendar::{Weekday, days_in_month, month_named};
use super::moment::{at, from_parts, parts};
use super::{DateOffset, Parts, TICKS_PER_MINUTE};
use crate::dotnet::{Exception, ExceptionKind};

/// The longest text that can be a date.
const TEXT_BYTES_MAX: usize = 256;

/// `DateTimeStyles`, as far as they change what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Styles {
    /// `AssumeUniversal`: a text without a zone is universal time.
    pub assume_universal: bool,
    /// `AssumeLocal`: a text without a zone is local time.
    pub assume_local: bool,
    /// `AdjustToUniversal`: the result is universal time where a zone is given or assumed.
    pub adjust_to_universal: bool,
    /// `RoundtripKind`: a `Z` makes the result universal time.
    pub roundtrip_kind: bool,
}

/// `DateTime.Parse(text, CultureInfo.InvariantCulture, styles)`. As in .NET, a text with a zone becomes
/// local time unless the styles say otherwise.
///
/// # Errors
///
/// `FormatException`, also for a time out of range.
pub fn parse(text: &str, styles: Styles) -> Result<Date, Exception> {
    settle(&Reader::read(text)?, styles)
}

/// `DateTimeOffset.Parse(text)`; a text without a zone is local time.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_offset(text: &str) -> Result<DateOffset, Exception> {
    settle_offset(&Reader::read(text)?)
}

/// The date that was read, in the kind that the styles ask for.
pub(super) fn settle(read: &Read, styles: Styles) -> Result<Date, Exception> {
    let assumed = match read.zone {
        None if styles.assume_universal => Some(Zone::Universal),
        None if styles.assume_local => Some(Zone::Offset(0)),
        zone => zone,
    };
    let kind = match assumed {
        None => return Ok(read.clock),
        Some(_) if styles.adjust_to_universal => DateKind::Utc,
        Some(Zone::Universal) if styles.roundtrip_kind && read.zone.is_some() => DateKind::Utc,
        Some(_) => DateKind::Local,
    };
    let minutes = assumed.map_or(0, Zone::minutes);
    at(read.clock.ticks() - i64::from(minutes) * TICKS_PER_MINUTE, kind).map_err(|_| wrong())
}

/// The date that was read, with its zone.
pub(super) fn settle_offset(read: &Read) -> Result<DateOffset, Exception> {
    DateOffset::new(read.clock.ticks(), read.zone.map_or(0, Zone::minutes)).map_err(|_| wrong())
}

/// The zone that a text gives.
#[derive(Debug, Clone, Copy)]
pub(super) enum Zone {
    /// `Z`, `GMT`, `UTC`
    Universal,
    /// Minutes ahead of universal time.
    Offset(i32),
}

impl Zone {
    fn minutes(self) -> i32 {
        match self {
            Self::Universal => 0,
            Self::Offset(minutes) => minutes,
        }
    }
}

/// A clock reading and its zone, as a text gives them.
pub(super) struct Read {
    pub(super) clock: Date,
    pub(super) zone: Option<Zone>,
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn read(text: &'a str) -> Result<Read, Exception> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(wrong());
        }
        let mut reader = Self { rest: text.trim() };
        let weekday = reader.weekday();
        let (year, month, day) = reader.date().ok_or_else(wrong)?;
        let mut given = parts(Date::new(0, DateKind::Unspecified).ok_or_else(wrong)?);
        (given.year, given.month, given.day) = (year, month, day);
        if !reader.rest.is_empty() {
            reader.between().ok_or_else(wrong)?;
            reader.time(&mut given).ok_or_else(wrong)?;
        }
        let zone = reader.zone().ok_or_else(wrong)?;
        if !reader.rest.is_empty() || !(1..=days_in_month(year, month)).contains(&day) {
            return Err(wrong());
        }
        let clock = from_parts(given, DateKind::Unspecified).map_err(|_| wrong())?;
        if weekday.is_some_and(|weekday| weekday != parts(clock).weekday) {
            return Err(Exception::format("the date does not fall on the weekday given"));
        }
        Ok(Read { clock, zone })
    }

    fn weekday(&mut self) -> Option<Weekday> {
        let (word, after) = word(self.rest);
        let weekday = Weekday::named(word)?;
        self.rest = after.trim_start_matches([',', ' ', '.']);
        Some(weekday)
    }

    /// Year, month and day.
    fn date(&mut self) -> Option<(i32, i32, i32)> {
        if let Some(month) = self.month() {
            self.blanks();
            let (first, digits) = self.number(4)?;
            if digits > 2 {
                return Some((first, month, 1));
            }
            self.rest = self.rest.strip_prefix(',').unwrap_or(self.rest);
            self.blanks();
            return Some((self.year()?, month, first));
        }
        let (first, digits) = self.number(4)?;
        let separator = self.rest.chars().next()?;
        match separator {
            '-' | '/' | '.' if self.rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                self.numeric(first, digits, separator)
            }
            '-' | ' ' | '.' => {
                self.rest = self.rest[1..].trim_start();
                let month = self.month()?;
                self.rest = self.rest.trim_start_matches(['-', ' ', ',', '.']);
                Some((self.year()?, month, first))
            }
            _ => None,
        }
    }

    /// The rest of a date that has three numbers, or two after a year.
    fn numeric(&mut self, first: i32, digits: usize, separator: char) -> Option<(i32, i32, i32)> {
        self.rest = &self.rest[1..];
        let (second, _) = self.number(2)?;
        let third = match self.rest.strip_prefix(separator) {
            Some(rest) => {
                self.rest = rest;
                Some(self.number(4)?)
            }
            None => None,
        };
        match third {
            None if digits > 2 => Some((first, second, 1)),
            Some((day, 1 | 2)) if digits > 2 => Some((first, second, day)),
            Some((year, digits_of_year)) if digits <= 2 => {
                Some((full_year(year, digits_of_year), first, second))
            }
            _ => None,
        }
    }

    fn year(&mut self) -> Option<i32> {
        self.number(4).map(|(year, digits)| full_year(year, digits))
    }

    fn month(&mut self) -> Option<i32> {
        let (word, after) = word(self.rest);
        let month = month_named(word)?;
        self.rest = after;
        Some(month)
    }

    /// What stands between date and time.
    fn between(&mut self) -> Option<()> {
        if let Some(rest) = self.rest.strip_prefix(['T', 't']) {
            self.rest = rest;
            return Some(());
        }
        let rest = self.rest.trim_start_matches([',', ' ']);
        let passed = rest.len() < self.rest.len();
        self.rest = rest;
        passed.then_some(())
    }

    fn time(&mut self, given: &mut Parts) -> Option<()> {
        let (hour, _) = self.number(2)?;
        given.hour = hour;
        let minutes = self.colon();
        if minutes {
            given.minute = self.number(2)?.0;
            if self.colon() {
                given.second = self.number(2)?.0;
                if let Some(rest) = self.rest.strip_prefix('.') {
                    self.rest = rest;
                    given.ticks = self.fraction()?;
                }
            }
        }
        match self.half_of_day() {
            None if !minutes => None,
            None => Some(()),
            Some(_) if !(1..=12).contains(&hour) => None,
            Some(after_noon) => {
                given.hour = hour % 12 + if after_noon { 12 } else { 0 };
                Some(())
            }
        }
    }

    /// AM or PM: whether it is the second half.
    fn half_of_day(&mut self) -> Option<bool> {
        let (word, after) = word(self.rest.trim_start());
        let half = match word {
            _ if word.eq_ignore_ascii_case("AM") => false,
            _ if word.eq_ignore_ascii_case("PM") => true,
            _ => return None,
        };
        self.rest = after;
        Some(half)
    }

    /// Seven digits count; the eighth rounds.
    fn fraction(&mut self) -> Option<i32> {
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        let seven = format!("{:0<7}", digits.get(..7).unwrap_or(digits));
        let up = digits.as_bytes().get(7).is_some_and(|digit| *digit >= b'5');
        let ticks = seven.parse::<i32>().ok()? + i32::from(up);
        // A carry into the next second is left out: the last tick of this one is as near.
        (!digits.is_empty()).then_some(ticks.min(9_999_999))
    }

    /// Nothing is wrong; no zone is `Some(None)`.
    fn zone(&mut self) -> Option<Option<Zone>> {
        self.blanks();
        let (word, after) = word(self.rest);
        if ["Z", "GMT", "UTC"].iter().any(|name| word.eq_ignore_ascii_case(name)) {
            self.rest = after;
            return Some(Some(Zone::Universal));
        }
        let sign = match self.rest.chars().next() {
            Some('+') => 1,
            Some('-') => -1,
            _ => return Some(None),
        };
        self.rest = &self.rest[1..];
        let (number, digits) = self.number(4)?;
        let (hours, minutes) = match digits {
            1 | 2 if self.colon() => (number, self.number(2)?.0),
            1 | 2 => (number, 0),
            _ => (number / 100, number % 100),
        };
        let zone = Zone::Offset(sign * (hours * 60 + minutes));
        (hours <= 14 && minutes < 60).then_some(Some(zone))
    }

    fn colon(&mut self) -> bool {
        match self.rest.strip_prefix(':') {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// A number of so many digits at most, and how many it has.
    fn number(&mut self, most: usize) -> Option<(i32, usize)> {
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        if digits.len() > most {
            return None;
        }
        self.rest = rest;
        digits.parse().ok().map(|value| (value, digits.len()))
    }
}

fn word(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len()))
}

/// The year that these digits mean.
pub(super) fn full_year(year: i32, digits: usize) -> i32 {
    match year {
        _ if digits > 2 => year,
        0..50 => 2000 + year,
        _ => 1900 + year,
    }
}

fn wrong() -> Exception {
    Exception::new(ExceptionKind::Format, "the text is not a date and time in a form that is known")
}
