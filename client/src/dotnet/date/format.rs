//! Dates as text: the standard formats, one letter each, and custom ones.

use larder_proto::envelope::{Date, DateKind};

use super::calendar::MONTHS;
use super::{DateOffset, Parts, moment};
use crate::dotnet::Exception;
use crate::dotnet::limits::FORMAT_BYTES_MAX;

/// `date.ToString(format)`; an empty format is `G`.
///
/// # Errors
///
/// `FormatException` for a format that there is not; `OutOfMemoryException` for one longer than
/// [`FORMAT_BYTES_MAX`].
pub fn format(date: Date, format: &str) -> Result<String, Exception> {
    let zone = match date.kind() {
        DateKind::Unspecified => Zone { minutes: 0, mark: Mark::None },
        DateKind::Utc => Zone { minutes: 0, mark: Mark::Z },
        DateKind::Local => Zone { minutes: 0, mark: Mark::Offset },
    };
    custom(&moment::parts(date), zone, pattern(format, false)?)
}

/// `date.ToString(format)`; an empty format is `G` with the offset behind.
///
/// # Errors
///
/// As [`format`].
pub fn format_offset(date: DateOffset, format: &str) -> Result<String, Exception> {
    // These say that they are universal time.
    let clock = if matches!(format, "r" | "R" | "u") { date.utc() } else { date.clock() };
    let zone = Zone { minutes: date.minutes(), mark: Mark::Offset };
    custom(&moment::parts(clock), zone, pattern(format, true)?)
}

#[derive(Debug, Clone, Copy)]
struct Zone {
    minutes: i32,
    mark: Mark,
}

/// What `K` prints.
#[derive(Debug, Clone, Copy)]
enum Mark {
    None,
    Z,
    Offset,
}

/// The custom format that a standard one stands for.
pub(super) fn pattern(format: &str, offset: bool) -> Result<&str, Exception> {
    Ok(match format {
        "" if offset => "MM/dd/yyyy HH:mm:ss zzz",
        "" | "G" => "MM/dd/yyyy HH:mm:ss",
        "d" => "MM/dd/yyyy",
        "D" => "dddd, dd MMMM yyyy",
        "f" => "dddd, dd MMMM yyyy HH:mm",
        "F" => "dddd, dd MMMM yyyy HH:mm:ss",
        "U" if !offset => "dddd, dd MMMM yyyy HH:mm:ss",
        "g" => "MM/dd/yyyy HH:mm",
        "m" | "M" => "MMMM dd",
        "o" | "O" => "yyyy'-'MM'-'dd'T'HH':'mm':'ss'.'fffffffK",
        "r" | "R" => "ddd, dd MMM yyyy HH':'mm':'ss 'GMT'",
        "s" => "yyyy'-'MM'-'dd'T'HH':'mm':'ss",
        "t" => "HH:mm",
        "T" => "HH:mm:ss",
        "u" => "yyyy'-'MM'-'dd HH':'mm':'ss'Z'",
        "y" | "Y" => "yyyy MMMM",
        _ if format.chars().count() == 1 => return Err(wrong()),
        _ if format.len() > FORMAT_BYTES_MAX => {
            return Err(Exception::memory("the format is longer than 1,024 bytes"));
        }
        _ => format,
    })
}

fn custom(parts: &Parts, zone: Zone, pattern: &str) -> Result<String, Exception> {
    let chars: Vec<char> = pattern.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    while let Some(&character) = chars.get(at) {
        let count = chars.iter().skip(at).take_while(|other| **other == character).count();
        at += match character {
            '\'' | '"' => quoted(&mut out, &chars[at..])?,
            '\\' => {
                out.push(*chars.get(at + 1).ok_or_else(wrong)?);
                2
            }
            '%' => {
                // What follows is a format even when it is all there is.
                let next = chars.get(at + 1).filter(|next| **next != '%').ok_or_else(wrong)?;
                let single = if *next == '\'' || *next == '"' || *next == '\\' { 0 } else { 1 };
                if single == 1 {
                    field(&mut out, parts, zone, *next, 1)?;
                }
                1 + single
            }
            _ => {
                field(&mut out, parts, zone, character, count)?;
                count
            }
        };
    }
    Ok(out)
}

/// Copies what stands in quotes; gives its length with the quotes.
fn quoted(out: &mut String, chars: &[char]) -> Result<usize, Exception> {
    let quote = chars.first().copied();
    let mut at = 1;
    loop {
        match chars.get(at) {
            None => return Err(wrong()),
            found if found.copied() == quote => return Ok(at + 1),
            Some('\\') => {
                out.push(*chars.get(at + 1).ok_or_else(wrong)?);
                at += 2;
            }
            Some(other) => {
                out.push(*other);
                at += 1;
            }
        }
    }
}

/// Prints one letter that stands so many times in a row.
fn field(out: &mut String, parts: &Parts, zone: Zone, letter: char, count: usize) -> Result<(), Exception> {
    let month = usize::try_from(parts.month - 1).ok().and_then(|month| MONTHS.get(month)).copied();
    let month = month.unwrap_or_default();
    match (letter, count) {
        ('d', 1 | 2) => padded(out, parts.day, count),
        ('d', 3) => out.push_str(&parts.weekday.name()[..3]),
        ('d', _) => out.push_str(parts.weekday.name()),
        ('M', 1 | 2) => padded(out, parts.month, count),
        ('M', 3) => out.push_str(&month[..3]),
        ('M', _) => out.push_str(month),
        ('y', 1 | 2) => padded(out, parts.year % 100, count),
        ('y', _) => padded(out, parts.year, count),
        ('h', _) => padded(out, (parts.hour + 11) % 12 + 1, count.min(2)),
        ('H', _) => padded(out, parts.hour, count.min(2)),
        ('m', _) => padded(out, parts.minute, count.min(2)),
        ('s', _) => padded(out, parts.second, count.min(2)),
        ('f' | 'F', 1..=7) => fraction(out, parts.ticks, letter, count),
        ('f' | 'F', _) => return Err(wrong()),
        ('t', _) => {
            let half = if parts.hour < 12 { "AM" } else { "PM" };
            out.push_str(&half[..count.min(2)]);
        }
        ('g', _) => out.push_str("A.D."),
        ('z', _) => offset(out, zone.minutes, count),
        ('K', _) => (0..count).for_each(|_| match zone.mark {
            Mark::None => {}
            Mark::Z => out.push('Z'),
            Mark::Offset => offset(out, zone.minutes, 3),
        }),
        _ => out.extend(std::iter::repeat_n(letter, count)),
    }
    Ok(())
}

fn padded(out: &mut String, value: i32, width: usize) {
    out.push_str(&format!("{value:0>width$}"));
}

/// `F` leaves zeros at the end out, and the point before them when nothing is left.
fn fraction(out: &mut String, ticks: i32, letter: char, count: usize) {
    let digits = format!("{ticks:07}");
    let shown = digits.get(..count).unwrap_or(&digits);
    if letter == 'f' {
        out.push_str(shown);
        return;
    }
    let shown = shown.trim_end_matches('0');
    out.push_str(shown);
    if shown.is_empty() && out.ends_with('.') {
        out.pop();
    }
}

fn offset(out: &mut String, minutes: i32, count: usize) {
    let sign = if minutes < 0 { '-' } else { '+' };
    let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
    out.push(sign);
    padded(out, hours, count.min(2));
    if count > 2 {
        out.push_str(&format!(":{rest:02}"));
    }
}

fn wrong() -> Exception {
    Exception::format("the text is not a format of dates")
}
