//! Dates as HTTP writes and reads them (RFC 9110, section 5.6.7), in seconds since 1970. What they are
//! compared with is left to others.

use http::HeaderValue;
use larder_proto::envelope::{Date, DateKind};

use crate::dotnet::date::{self, Parts, TICKS_PER_SECOND, UNIX_EPOCH_TICKS};

/// `Sun, 06 Nov 1994 08:49:37 GMT`; none after the year 9999.
pub(super) fn header_value(seconds: u64) -> Option<HeaderValue> {
    let text = date::format(moment(seconds)?, "r").ok()?;
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
fn century(two_digits: i32, now: u64) -> Option<i32> {
    let latest = date::parts(moment(now)?).year + 50;
    Some(latest - (latest - two_digits).rem_euclid(100))
}

fn seconds(year: i32, month: &str, day: &str, time: &str) -> Option<u64> {
    let month = i32::try_from(MONTHS.iter().position(|known| *known == month)?).ok()? + 1;
    let day = number(day, 2)?;
    let mut parts = time.split(':').map(|part| number(part, 2));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || second > 60 {
        return None;
    }
    let start = date::parts(Date::START_UTC);
    let before = Parts { year, month, day, hour, minute, second: second.min(59), ..start };
    let ticks = date::from_parts(before, DateKind::Utc).ok()?.ticks();
    // A leap second counts as the one after it.
    let total = (ticks - UNIX_EPOCH_TICKS) / TICKS_PER_SECOND + i64::from(second == 60);
    u64::try_from(total).ok()
}

fn number(digits: &str, longest: usize) -> Option<i32> {
    let fits = (1..=longest).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| digits.parse().ok()).flatten()
}

fn moment(seconds: u64) -> Option<Date> {
    let ticks = i64::try_from(seconds).ok()?.checked_mul(TICKS_PER_SECOND)?;
    Date::new(ticks.checked_add(UNIX_EPOCH_TICKS)?, DateKind::Utc)
}

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
