//! `Parse` of numbers with `NumberStyles`, for whole numbers of every width.

use super::parse::is_blank;
use crate::dotnet::Exception;

/// `NumberStyles`, as .NET numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Styles(pub i32);

impl Styles {
    /// What `int.Parse` takes when nothing is said.
    pub const INTEGER: Self = Self(7);
    /// What `decimal.Parse` takes when nothing is said.
    pub const NUMBER: Self = Self(111);
    /// What `double.Parse` takes when nothing is said.
    pub const FLOAT: Self = Self(231);

    fn has(self, bit: i32) -> bool {
        self.0 & bit != 0
    }
}

/// `T.Parse(text, styles)` of a whole type of so many bits; a sign says whether it has negative values.
///
/// # Errors
///
/// `FormatException`, and `OverflowException` where the number does not fit.
pub fn parse_whole(text: &str, styles: Styles, bits: u32, signed: bool) -> Result<i128, Exception> {
    let too_much = || Exception::overflow("the number does not fit its type");
    if styles.has(HEXADECIMAL) {
        return hexadecimal(text, styles, bits, signed);
    }
    let plain = plain(text, styles)?;
    let (mantissa, exponent) = plain.split_once('e').unwrap_or((&plain, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent: i64 = exponent.parse().map_err(|_| too_much())?;
    let shift = usize::try_from(exponent).map_err(|_| too_much()).or_else(|error| {
        // A negative exponent leaves a whole number only of zero.
        if whole.trim_matches(['-', '0']).is_empty() { Ok(0) } else { Err(error) }
    })?;
    let (taken, lost) = fraction.split_at(shift.min(fraction.len()));
    if !lost.bytes().all(|digit| digit == b'0') || shift > DIGITS_MAX {
        return Err(too_much());
    }
    let zeros = "0".repeat(shift - taken.len());
    let value: i128 = format!("{whole}{taken}{zeros}").parse().map_err(|_| too_much())?;
    let (least, most) = match signed {
        true => (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1),
        false => (0, (1_i128 << bits) - 1),
    };
    if (least..=most).contains(&value) { Ok(value) } else { Err(too_much()) }
}

/// Sign, digits, point and exponent (with `e`) of a number that is written as the styles allow.
///
/// # Errors
///
/// `FormatException`
pub fn plain(text: &str, styles: Styles) -> Result<String, Exception> {
    let mut rest = text.trim_end_matches('\0');
    if styles.has(LEADING_WHITE) {
        rest = rest.trim_start_matches(is_blank);
    }
    if styles.has(TRAILING_WHITE) {
        rest = rest.trim_end_matches(is_blank);
    }
    let mut negative = false;
    if let (true, Some(inner)) =
        (styles.has(PARENTHESES), rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')))
    {
        (negative, rest) = (true, inner);
    } else if let (true, Some(inner)) = (styles.has(LEADING_SIGN), rest.strip_prefix(['-', '+'])) {
        (negative, rest) = (rest.starts_with('-'), inner);
    } else if let (true, Some(inner)) = (styles.has(TRAILING_SIGN), rest.strip_suffix(['-', '+'])) {
        (negative, rest) = (rest.ends_with('-'), inner.trim_end_matches(is_blank));
    }
    if styles.has(CURRENCY) {
        rest = rest.strip_prefix('¤').unwrap_or(rest);
    }
    let digits = digits(rest, styles)?;
    Ok(format!("{}{digits}", if negative { "-" } else { "" }))
}

fn digits(text: &str, styles: Styles) -> Result<String, Exception> {
    let mut out = String::new();
    let (mut has_digits, mut has_point) = (false, false);
    for (at, character) in text.char_indices() {
        match character {
            '0'..='9' => {
                has_digits = true;
                out.push(character);
            }
            ',' if styles.has(THOUSANDS) && has_digits && !has_point => {}
            '.' if styles.has(POINT) && !has_point => {
                has_point = true;
                if !has_digits {
                    out.push('0');
                }
                out.push('.');
            }
            'e' | 'E' if styles.has(EXPONENT) && has_digits => {
                let exponent = &text[at + 1..];
                let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
                if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
                    return Err(wrong());
                }
                out.push('e');
                out.push_str(exponent.strip_prefix('+').unwrap_or(exponent));
                break;
            }
            _ => return Err(wrong()),
        }
    }
    if has_digits { Ok(out) } else { Err(wrong()) }
}

/// Digits of two's complement.
fn hexadecimal(text: &str, styles: Styles, bits: u32, signed: bool) -> Result<i128, Exception> {
    let mut digits = text;
    if styles.has(LEADING_WHITE) {
        digits = digits.trim_start_matches(is_blank);
    }
    if styles.has(TRAILING_WHITE) {
        digits = digits.trim_end_matches(is_blank);
    }
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    let value = i128::from_str_radix(digits.trim_start_matches('0'), 16);
    let value = if digits.bytes().all(|digit| digit == b'0') { Ok(0) } else { value };
    match value {
        Ok(value) if value >> bits == 0 => {
            Ok(if signed && value >> (bits - 1) == 1 { value - (1 << bits) } else { value })
        }
        _ => Err(Exception::overflow("the number does not fit its type")),
    }
}

fn wrong() -> Exception {
    Exception::format("the text is not a number as the styles allow it")
}

const LEADING_WHITE: i32 = 1;
const TRAILING_WHITE: i32 = 2;
const LEADING_SIGN: i32 = 4;
const TRAILING_SIGN: i32 = 8;
const PARENTHESES: i32 = 16;
const POINT: i32 = 32;
const THOUSANDS: i32 = 64;
const EXPONENT: i32 = 128;
const CURRENCY: i32 = 256;
const HEXADECIMAL: i32 = 512;
/// Digits beyond those of any whole type.
const DIGITS_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dotnet::ExceptionKind;

    #[test]
    fn styles_say_what_is_taken() {
        for (text, styles, bits, signed, value) in [
            (" -42 ", 7, 32, true, -42),
            ("1,234", 111, 32, true, 1234),
            ("(5)", 511, 16, true, -5),
            ("1.00", 111, 32, true, 1),
            ("1.5e3", 167, 32, true, 1500),
            ("ff", 515, 32, true, 255),
            ("FFFFFFFF", 515, 32, true, -1),
            ("FFFFFFFF", 515, 32, false, 4_294_967_295),
            ("0000000000000000000000000000000000000000001", 515, 32, true, 1),
            ("5-", 15, 32, true, -5),
            ("255", 7, 8, false, 255),
        ] {
            assert_eq!(parse_whole(text, Styles(styles), bits, signed).unwrap(), value, "{text}");
        }
        for (text, styles, kind) in [
            ("1,234", 7, ExceptionKind::Format),
            (" 1", 0, ExceptionKind::Format),
            ("-1", 0, ExceptionKind::Format),
            ("", 7, ExceptionKind::Format),
            ("1.5", 111, ExceptionKind::Overflow),
            ("1e99", 167, ExceptionKind::Overflow),
            ("1e", 167, ExceptionKind::Format),
            ("g", 515, ExceptionKind::Format),
            ("100000000", 515, ExceptionKind::Overflow),
            ("3000000000", 7, ExceptionKind::Overflow),
            ("99999999999999999999999999999999999999999999", 7, ExceptionKind::Overflow),
        ] {
            assert_eq!(parse_whole(text, Styles(styles), 32, true).unwrap_err().kind, kind, "{text}");
        }
    }
}
