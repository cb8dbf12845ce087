//! `ParseExact` of dates: a text in the form that a format gives.

use larder_proto::envelope::{Date, DateKind};

use super::calendar::{MONTHS, Weekday};
use super::format::pattern;
use super::moment::{from_parts, parts};
use super::parse::{Read, Styles, Zone, full_year, settle, settle_offset};
use super::{DateOffset, Parts};
use crate::dotnet::Exception;

/// How a text is read.
#[derive(Debug, Clone, Copy)]
pub struct Exact<'a> {
    /// The format: a custom one, or a letter.
    pub format: &'a str,
    /// What the text means.
    pub styles: Styles,
    /// Whether blanks may stand in front and behind (`AllowLeadingWhite`, `AllowTrailingWhite`).
    pub blanks: bool,
    /// Today, for texts without a date.
    pub today: Date,
}

/// `DateTime.ParseExact(text, format, CultureInfo.InvariantCulture, styles)`
///
/// # Errors
///
/// `FormatException` for a text of another form, and for a format that is none.
pub fn parse_exact(text: &str, exact: Exact<'_>) -> Result<Date, Exception> {
    settle(&read(text, exact)?, exact.styles)
}

/// `DateTimeOffset.ParseExact(text, format, CultureInfo.InvariantCulture, styles)`
///
/// # Errors
///
/// As [`parse_exact`].
pub fn parse_exact_offset(text: &str, exact: Exact<'_>) -> Result<DateOffset, Exception> {
    settle_offset(&read(text, exact)?)
}

fn read(text: &str, exact: Exact<'_>) -> Result<Read, Exception> {
    let text = if exact.blanks { text.trim() } else { text };
    let pattern: Vec<char> = pattern(exact.format, false)?.chars().collect();
    let mut reader = Reader { rest: text, found: Found::default() };
    reader.all(&pattern)?;
    if !reader.rest.is_empty() {
        return Err(wrong());
    }
    reader.found.settled(exact.today)
}

/// What has been read.
#[derive(Debug, Default)]
struct Found {
    year: Option<i32>,
    month: Option<i32>,
    day: Option<i32>,
    hour: i32,
    minute: i32,
    second: i32,
    ticks: i32,
    afternoon: Option<bool>,
    half_day: bool,
    weekday: Option<Weekday>,
    zone: Option<Zone>,
}

impl Found {
    /// A text without a date means today; one with a part of a date means the first of what is missing,
    /// this year.
    fn settled(self, today: Date) -> Result<Read, Exception> {
        let today = parts(today);
        let no_date = self.year.is_none() && self.month.is_none() && self.day.is_none();
        let first = |given: Option<i32>, today: i32| given.unwrap_or(if no_date { today } else { 1 });
        let mut hour = self.hour;
        if self.half_day && !(1..=12).contains(&hour) {
            return Err(wrong());
        }
        if let Some(afternoon) = self.afternoon {
            if self.half_day {
                hour = hour % 12 + if afternoon { 12 } else { 0 };
            } else if afternoon != (hour >= 12) {
                return Err(wrong());
            }
        }
        let given = Parts {
            year: self.year.unwrap_or(today.year),
            month: first(self.month, today.month),
            day: first(self.day, today.day),
            hour,
            minute: self.minute,
            second: self.second,
            ticks: self.ticks,
            ..today
        };
        let clock = from_parts(given, DateKind::Unspecified).map_err(|_| wrong())?;
        if self.weekday.is_some_and(|weekday| weekday != parts(clock).weekday) {
            return Err(Exception::format("the date does not fall on the weekday given"));
        }
        Ok(Read { clock, zone: self.zone })
    }
}

struct Reader<'a> {
    rest: &'a str,
    found: Found,
}

impl Reader<'_> {
    fn all(&mut self, pattern: &[char]) -> Result<(), Exception> {
        let mut at = 0;
        while let Some(&letter) = pattern.get(at) {
            let count = pattern.iter().skip(at).take_while(|other| **other == letter).count();
            at += match letter {
                '\'' | '"' => self.quoted(&pattern[at..])?,
                '\\' => {
                    self.literal(*pattern.get(at + 1).ok_or_else(bad_format)?)?;
                    2
                }
                '%' => 1,
                _ => {
                    self.field(letter, count)?;
                    count
                }
            };
        }
        Ok(())
    }

    /// What stands in quotes stands in the text; gives its length with the quotes.
    fn quoted(&mut self, pattern: &[char]) -> Result<usize, Exception> {
        let inner = pattern.iter().skip(1).take_while(|other| **other != pattern[0]);
        let mut count = 0;
        for letter in inner {
            self.literal(*letter)?;
            count += 1;
        }
        if pattern.get(count + 1).is_none() {
            return Err(bad_format());
        }
        Ok(count + 2)
    }

    fn literal(&mut self, letter: char) -> Result<(), Exception> {
        self.rest = self.rest.strip_prefix(letter).ok_or_else(wrong)?;
        Ok(())
    }

    /// One letter that stands so many times in a row.
    fn field(&mut self, letter: char, count: usize) -> Result<(), Exception> {
        match (letter, count) {
            ('d', 1 | 2) => self.found.day = Some(self.number(count, 2)?),
            ('d', _) => self.found.weekday = Some(self.weekday(count == 3)?),
            ('M', 1 | 2) => self.found.month = Some(self.number(count, 2)?),
            ('M', _) => self.found.month = Some(self.month(count == 3)?),
            ('y', 1 | 2) => self.found.year = Some(full_year(self.number(count, 2)?, 2)),
            ('y', _) => self.found.year = Some(self.number(count, count.max(4))?),
            ('h' | 'H', _) => {
                self.found.hour = self.number(count.min(2), 2)?;
                self.found.half_day = letter == 'h';
            }
            ('m', _) => self.found.minute = self.number(count.min(2), 2)?,
            ('s', _) => self.found.second = self.number(count.min(2), 2)?,
            ('f' | 'F', 1..=7) => self.found.ticks = self.fraction(count, letter == 'F')?,
            ('t', _) => self.found.afternoon = Some(self.half(count)?),
            ('z', _) => self.found.zone = Some(self.offset(count)?),
            ('K', _) => self.found.zone = self.mark()?,
            ('f' | 'F', _) => return Err(bad_format()),
            // A point before fractions that may be missing.
            ('.', 1) if !self.rest.starts_with('.') => {}
            _ => (0..count).try_for_each(|_| self.literal(letter))?,
        }
        Ok(())
    }

    /// Digits: so many at least, and at most.
    fn number(&mut self, least: usize, most: usize) -> Result<i32, Exception> {
        let count = self.rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at(count);
        if count < least {
            return Err(wrong());
        }
        self.rest = rest;
        digits.parse().map_err(|_| wrong())
    }

    fn fraction(&mut self, count: usize, optional: bool) -> Result<i32, Exception> {
        let found = self.rest.bytes().take(count).take_while(u8::is_ascii_digit).count();
        if found < count && !optional {
            return Err(wrong());
        }
        let (digits, rest) = self.rest.split_at(found);
        self.rest = rest;
        format!("{digits:0<7}").parse().map_err(|_| wrong())
    }

    fn weekday(&mut self, short: bool) -> Result<Weekday, Exception> {
        let word = self.word(short)?;
        Weekday::named(word).filter(|day| short || day.name().len() == word.len()).ok_or_else(wrong)
    }

    fn month(&mut self, short: bool) -> Result<i32, Exception> {
        let word = self.word(short)?;
        let place = MONTHS.iter().position(same_name(word, short)).ok_or_else(wrong)?;
        i32::try_from(place + 1).map_err(|_| wrong())
    }

    /// Letters: three, or all that there are.
    fn word(&mut self, short: bool) -> Result<&str, Exception> {
        let most = if short { 3 } else { self.rest.len() };
        let count = self.rest.bytes().take(most).take_while(u8::is_ascii_alphabetic).count();
        let (word, rest) = self.rest.split_at(count);
        self.rest = rest;
        if word.is_empty() { Err(wrong()) } else { Ok(word) }
    }

    fn half(&mut self, count: usize) -> Result<bool, Exception> {
        let word = self.rest.get(..count.min(2)).ok_or_else(wrong)?;
        let half = ["AM", "PM"].iter().position(|half| half[..word.len()].eq_ignore_ascii_case(word));
        self.rest = &self.rest[word.len()..];
        half.map(|half| half == 1).ok_or_else(wrong)
    }

    /// `+1`, `+01` or `+01:00`, as many digits as the format has letters.
    fn offset(&mut self, count: usize) -> Result<Zone, Exception> {
        let sign = if self.rest.starts_with('-') { -1 } else { 1 };
        self.rest = self.rest.strip_prefix(['+', '-']).ok_or_else(wrong)?;
        let hours = self.number(count.min(2), 2)?;
        let minutes = match count {
            1 | 2 => 0,
            _ => {
                self.rest = self.rest.strip_prefix(':').unwrap_or(self.rest);
                self.number(2, 2)?
            }
        };
        if hours > 14 || minutes > 59 {
            return Err(wrong());
        }
        Ok(Zone::Offset(sign * (hours * 60 + minutes)))
    }

    /// `Z`, an offset, or nothing.
    fn mark(&mut self) -> Result<Option<Zone>, Exception> {
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Ok(Some(Zone::Universal));
        }
        if self.rest.starts_with(['+', '-']) { self.offset(3).map(Some) } else { Ok(None) }
    }
}

/// Whether a month has this name, or these first three letters.
fn same_name(word: &str, short: bool) -> impl Fn(&&str) -> bool + use<'_> {
    move |name| if short { &name[..3] } else { name }.eq_ignore_ascii_case(word)
}

fn wrong() -> Exception {
    Exception::format("the text is not a date in the form that the format gives")
}

fn bad_format() -> Exception {
    Exception::format("the text is not a format of dates")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dotnet::date;

    fn exact(text: &str, format: &str, styles: Styles) -> Result<String, Exception> {
        let today = Date::new(638_000_000_000_000_000, DateKind::Utc).unwrap();
        parse_exact(text, Exact { format, styles, blanks: false, today })
            .and_then(|found| date::format(found, "o"))
    }

    #[test]
    fn texts_are_read_in_the_form_given() {
        let none = Styles::default();
        let universal = Styles { assume_universal: true, adjust_to_universal: true, ..none };
        let kept = Styles { roundtrip_kind: true, ..none };
        for (text, format, styles, result) in [
            ("2024-02-29", "yyyy-MM-dd", none, "2024-02-29T00:00:00.0000000"),
            ("20240229T140506", "yyyyMMdd'T'HHmmss", none, "2024-02-29T14:05:06.0000000"),
            ("29/2/24 2:05 PM", "d/M/yy h:mm tt", none, "2024-02-29T14:05:00.0000000"),
            ("Thu, 29 Feb 2024 14:05:06 GMT", "r", none, "2024-02-29T14:05:06.0000000"),
            ("2024-02-29T14:05:06.1230000Z", "o", kept, "2024-02-29T14:05:06.1230000Z"),
            ("2024-02-29T14:05:06.1230000Z", "O", none, "2024-02-29T14:05:06.1230000+00:00"),
            ("2024-02-29 14:05+02:00", "yyyy-MM-dd HH:mmzzz", none, "2024-02-29T12:05:00.0000000+00:00"),
            ("2024-02-29 14:05", "yyyy-MM-dd HH:mm", universal, "2024-02-29T14:05:00.0000000Z"),
            ("14:05", "HH:mm", none, "2022-09-28T14:05:00.0000000"),
            ("February 2024", "MMMM yyyy", none, "2024-02-01T00:00:00.0000000"),
            ("5.25", "s.FFF", none, "2022-09-28T00:00:05.2500000"),
            ("5", "s.FFF", none, "2022-09-28T00:00:05.0000000"),
        ] {
            assert_eq!(exact(text, format, styles).unwrap(), result, "{text} {format}");
        }
        for (text, format) in [
            ("2024-2-29", "yyyy-MM-dd"),
            ("2023-02-29", "yyyy-MM-dd"),
            ("2024-02-29 ", "yyyy-MM-dd"),
            ("Fri, 29 Feb 2024 14:05:06 GMT", "r"),
            ("13:00 PM", "h:mm tt"),
            ("", "yyyy"),
            ("x", "'x"),
            ("2024", "q"),
            ("ä", "tt"),
        ] {
            assert!(exact(text, format, none).is_err(), "{text} {format}");
        }
        let read = Exact {
            format: "yyyy-MM-dd'T'HH:mmK",
            styles: none,
            blanks: true,
            today: Date::new(0, DateKind::Utc).unwrap(),
        };
        let found = parse_exact_offset(" 2024-02-29T14:05+01:00 ", read).unwrap();
        assert_eq!((found.minutes(), date::format_offset(found, "HH:mm").unwrap().as_str()), (60, "14:05"));
    }
}
