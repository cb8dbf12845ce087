//! `TimeSpan` as text, both ways.

use super::span::too_long;
use super::{Span, TICKS_PER_DAY, TICKS_PER_SECOND, Unit};
use crate::dotnet::Exception;
use crate::dotnet::limits::FORMAT_BYTES_MAX;

/// `span.ToString(format)`: `c` (also when empty), `g`, `G`, or a custom format.
///
/// # Errors
///
/// `FormatException` for a format that there is not; `OutOfMemoryException` for one longer than
/// [`FORMAT_BYTES_MAX`].
pub fn format_span(span: Span, format: &str) -> Result<String, Exception> {
    let time = Time::of(span);
    let sign = if span.ticks() < 0 { "-" } else { "" };
    let Time { days, hours, minutes, seconds, ticks } = time;
    Ok(match format {
        "" | "c" | "t" | "T" => {
            let days = if days == 0 { String::new() } else { format!("{days}.") };
            let ticks = if ticks == 0 { String::new() } else { format!(".{ticks:07}") };
            format!("{sign}{days}{hours:02}:{minutes:02}:{seconds:02}{ticks}")
        }
        "g" => {
            let days = if days == 0 { String::new() } else { format!("{days}:") };
            let fraction = format!(".{ticks:07}");
            let fraction = if ticks == 0 { "" } else { fraction.trim_end_matches('0') };
            format!("{sign}{days}{hours}:{minutes:02}:{seconds:02}{fraction}")
        }
        "G" => format!("{sign}{days}:{hours:02}:{minutes:02}:{seconds:02}.{ticks:07}"),
        _ if format.chars().count() == 1 => return Err(wrong_format()),
        _ if format.len() > FORMAT_BYTES_MAX => {
            return Err(Exception::memory("the format is longer than 1,024 bytes"));
        }
        _ => return custom(&time, format),
    })
}

/// `TimeSpan.Parse(text)`: days; or `[-][d.]hh:mm[:ss[.fffffff]]`, where `:` may stand behind the days
/// when seconds do.
///
/// # Errors
///
/// `FormatException`, and `OverflowException` for hours above 23 and the like.
pub fn parse_span(text: &str) -> Result<Span, Exception> {
    let text = text.trim();
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let fields: Vec<&str> = text.split(':').collect();
    let (days, hours, minutes, seconds) = match fields.as_slice() {
        [days] => (*days, "0", "0", "0"),
        [first, minutes] => split_days(first, minutes, "0"),
        [first, minutes, seconds] => split_days(first, minutes, seconds),
        [days, hours, minutes, seconds] => (*days, *hours, *minutes, *seconds),
        _ => return Err(wrong_text()),
    };
    let (seconds, fraction) = seconds.split_once('.').map_or((seconds, None), |(s, f)| (s, Some(f)));
    let fraction = match fraction {
        None => 0,
        Some(digits) if digits.len() <= 7 => number(&format!("{digits:0<7}"), 9_999_999)?,
        Some(_) => return Err(wrong_text()),
    };
    let seconds = number(hours, 23)? * 3600 + number(minutes, 59)? * 60 + number(seconds, 59)?;
    let days = i128::from(number(days, 10_675_199)?) * i128::from(TICKS_PER_DAY);
    let ticks = days + i128::from(seconds) * i128::from(TICKS_PER_SECOND) + i128::from(fraction);
    i64::try_from(if negative { -ticks } else { ticks }).map(Span::of_ticks).map_err(|_| too_long())
}

/// The parts of a length of time, without its sign.
struct Time {
    days: u64,
    hours: u64,
    minutes: u64,
    seconds: u64,
    ticks: u64,
}

impl Time {
    fn of(span: Span) -> Self {
        let ticks = span.ticks().unsigned_abs();
        let part = |unit: Unit| ticks / unit.ticks().unsigned_abs();
        Self {
            days: part(Unit::Days),
            hours: part(Unit::Hours) % 24,
            minutes: part(Unit::Minutes) % 60,
            seconds: part(Unit::Seconds) % 60,
            ticks: ticks % TICKS_PER_SECOND.unsigned_abs(),
        }
    }
}

/// Custom formats print no sign, and take no letters but their own unless quoted.
fn custom(time: &Time, format: &str) -> Result<String, Exception> {
    let mut out = String::new();
    let mut rest = format.chars().peekable();
    while let Some(letter) = rest.next() {
        match letter {
            '%' if rest.peek().is_some_and(|next| "dhmsfF".contains(*next)) => continue,
            '\\' => out.push(rest.next().ok_or_else(wrong_format)?),
            '\'' | '"' => loop {
                match rest.next().ok_or_else(wrong_format)? {
                    end if end == letter => break,
                    inner => out.push(inner),
                }
            },
            _ => {
                let mut count = 1;
                while rest.next_if_eq(&letter).is_some() {
                    count += 1;
                }
                field(&mut out, time, letter, count)?;
            }
        }
    }
    Ok(out)
}

fn field(out: &mut String, time: &Time, letter: char, count: usize) -> Result<(), Exception> {
    let value = match (letter, count) {
        ('d', 1..=8) => time.days,
        ('h', 1 | 2) => time.hours,
        ('m', 1 | 2) => time.minutes,
        ('s', 1 | 2) => time.seconds,
        ('f' | 'F', 1..=7) => {
            let digits = format!("{:07}", time.ticks);
            let shown = digits.get(..count).unwrap_or(&digits);
            out.push_str(if letter == 'F' { shown.trim_end_matches('0') } else { shown });
            return Ok(());
        }
        _ => return Err(wrong_format()),
    };
    out.push_str(&format!("{value:0>count$}"));
    Ok(())
}

fn split_days<'a>(
    first: &'a str,
    minutes: &'a str,
    seconds: &'a str,
) -> (&'a str, &'a str, &'a str, &'a str) {
    let (days, hours) = first.split_once('.').unwrap_or(("0", first));
    (days, hours, minutes, seconds)
}

fn number(digits: &str, most: i64) -> Result<i64, Exception> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong_text());
    }
    digits.parse().ok().filter(|value| *value <= most).ok_or_else(too_long)
}

fn wrong_text() -> Exception {
    Exception::format("the text is not a length of time")
}

fn wrong_format() -> Exception {
    Exception::format("the text is not a format of lengths of time")
}
