//! Dates as HTTP writes and reads them (RFC 9110, section 5.6.7), in seconds since 1970. What they are
//! compared with is left to others.

use http::HeaderValue;

/// `Sun, 06 Nov 1994 08:49:37 GMT`; none after the year 9999.
pub(super) fn header_value(seconds: u64) -> Option<HeaderValue> {
    let (year, month, day) = civil(i64::try_from(seconds / DAY).ok()?);
    if year > 9999 {
        return None;
    }
    let weekday = WEEKDAYS.get(usize::try_from((seconds / DAY + THURSDAY) % 7).ok()?)?;
    let month = MONTHS.get(month - 1)?;
    let (hour, minute, second) = (seconds % DAY / 3600, seconds % 3600 / 60, seconds % 60);
    let text = format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT");
    HeaderValue::from_str(&text).ok()
}

/// Reads any of the three forms; `now` decides the century of the one with two digits. None if it is
/// no date, or before 1970.
pub(super) fn parse(value: &HeaderValue, now: u64) -> Option<u64> {
    let text = value.to_str().ok()?.trim();
    let words: Vec<&str> = text.split([' ', ',', '-']).filter(|word| !word.is_empty()).collect();
    match words[..] {
        // Sun Nov  6 08:49:37 1994
        [_, month, day, time, year] if time.contains(':') => seconds(number(year, 4)?, month, day, time),
        // Sun, 06 Nov 1994 08:49:37 GMT
        [_, day, month, year, time, "GMT"] if year.len() == 4 => seconds(number(year, 4)?, month, day, time),
        // Sunday, 06-Nov-94 08:49:37 GMT
        [_, day, month, year, time, "GMT"] => seconds(century(number(year, 2)?, now)?, month, day, time),
        _ => None,
    }
}

/// A year of two digits is the last one that is not more than 50 years ahead.
fn century(two_digits: i64, now: u64) -> Option<i64> {
    let (this_year, ..) = civil(i64::try_from(now / DAY).ok()?);
    let latest = this_year + 50;
    Some(latest - (latest - two_digits).rem_euclid(100))
}

fn seconds(year: i64, month: &str, day: &str, time: &str) -> Option<u64> {
    let month = MONTHS.iter().position(|known| *known == month)? + 1;
    let day = number(day, 2)?;
    let mut parts = time.split(':').map(|part| number(part, 2));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    // A leap second counts as the one after it.
    let fits = hour < 24 && minute < 60 && second <= 60 && parts.next().is_none();
    let days = days(year, month, day);
    let exists = fits && civil(days) == (year, month, day);
    let total = days * DAY as i64 + hour * 3600 + minute * 60 + second;
    exists.then_some(total).and_then(|total| u64::try_from(total).ok())
}

fn number(digits: &str, longest: usize) -> Option<i64> {
    let fits = (1..=longest).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| digits.parse().ok()).flatten()
}

/// Days since 1970-01-01 of a date of the Gregorian calendar. The year begins in March, so that the
/// leap day is its last.
fn days(year: i64, month: usize, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let of_year = (153 * month as i64 + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year - EPOCH
}

/// The date of a day since 1970-01-01.
fn civil(days: i64) -> (i64, usize, i64) {
    let days = days + EPOCH;
    let era = days.div_euclid(ERA);
    let of_era = days.rem_euclid(ERA);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (0, month + 3) } else { (1, month - 9) };
    (era * 400 + year_of_era + year, month as usize, day)
}

const DAY: u64 = 24 * 60 * 60;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH: i64 = 719_468;
/// Days of 400 years.
const ERA: i64 = 146_097;
/// 1970-01-01 was one; the week begins on Sunday.
const THURSDAY: u64 = 4;
const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Option<u64> {
        parse(&HeaderValue::from_str(text).unwrap(), 784_111_777)
    }

    #[test]
    fn the_three_forms_of_the_rfc_are_one_date() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun Nov 16 08:49:37 1994",
        ] {
            let expected = if text.contains("16") { 784_975_777 } else { 784_111_777 };
            assert_eq!(read(text), Some(expected), "{text}");
        }
        assert_eq!(header_value(784_111_777).unwrap(), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(header_value(0).unwrap(), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(header_value(951_782_400).unwrap(), "Tue, 29 Feb 2000 00:00:00 GMT");
        assert_eq!(header_value(u64::MAX), None);
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "0",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov 1960 08:49:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_year_of_two_digits_is_at_most_fifty_years_ahead() {
        assert_eq!(century(94, 784_111_777), Some(1994));
        assert_eq!(century(44, 784_111_777), Some(2044));
        assert_eq!(century(45, 784_111_777), Some(1945));
        assert_eq!(century(0, 784_111_777), Some(2000));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(seconds in 0_u64..253_402_300_800) {
            let value = header_value(seconds).unwrap();
            prop_assert_eq!(parse(&value, seconds), Some(seconds));
        }
    }
}
