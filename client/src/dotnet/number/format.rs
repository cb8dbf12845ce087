//! `ToString(format)` of numbers with the standard formats of the invariant culture: C, D, E, F, G, N,
//! P, R and X. Every other format is a custom one.

use larder_proto::envelope::Decimal;

use super::{Digits, Number, custom};
use crate::dotnet::Exception;
use crate::dotnet::limits::{FORMAT_BYTES_MAX, PRECISION_MAX};

/// `number.ToString(format)`.
///
/// # Errors
///
/// `FormatException` for a format that the type does not have, or a precision beyond
/// [`PRECISION_MAX`]; `OutOfMemoryException` for a format longer than [`FORMAT_BYTES_MAX`].
pub fn format(number: Number, format: &str) -> Result<String, Exception> {
    if format.len() > FORMAT_BYTES_MAX {
        return Err(Exception::memory("the format is longer than 1,024 bytes"));
    }
    if let Number::Double(value) = number
        && !value.is_finite()
    {
        return Ok(double_text(value));
    }
    match standard(format)? {
        Some((letter, precision)) => by_letter(number, letter, precision),
        None => custom::format(custom_digits(number), format),
    }
}

/// `value.ToString()`: the shortest text that is read as the same number again.
#[must_use]
pub fn double_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let digits = Digits::shortest(value);
    // Few digits do not make a number scientific: 1E+15 is, 100000 is not.
    let most = digits.count().max(15);
    general(&digits, most, 'E')
}

/// Letter and precision of a standard format; nothing for a custom one.
fn standard(format: &str) -> Result<Option<(char, Option<usize>)>, Exception> {
    let Some(letter) = format.chars().next() else {
        return Ok(Some(('G', None)));
    };
    let digits = &format[letter.len_utf8()..];
    if !letter.is_ascii_alphabetic() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    if digits.is_empty() {
        return Ok(Some((letter, None)));
    }
    match digits.parse() {
        Ok(precision) if precision <= PRECISION_MAX => Ok(Some((letter, Some(precision)))),
        _ => Err(Exception::format("the precision of the format is above 999")),
    }
}

fn by_letter(number: Number, letter: char, precision: Option<usize>) -> Result<String, Exception> {
    let decimals = precision.unwrap_or(2);
    Ok(match letter.to_ascii_uppercase() {
        'C' => currency(&rounded(number, decimals, 0), decimals),
        'D' => return padded(number, precision.unwrap_or(1)),
        'E' => exponent(number, precision.unwrap_or(6), letter),
        'F' => signed(&rounded(number, decimals, 0), |digits| fixed(digits, decimals, false)),
        'G' => return Ok(general_of(number, precision.filter(|precision| *precision > 0), letter)),
        'N' => signed(&rounded(number, decimals, 0), |digits| fixed(digits, decimals, true)),
        'P' => signed(&rounded(number, decimals, 2), |digits| fixed(digits, decimals, true) + " %"),
        'R' if matches!(number, Number::Double(_)) => return Ok(plain(number, letter_of_exponent(letter))),
        'X' => return hexadecimal(number, letter, precision.unwrap_or(1)),
        _ => return Err(Exception::format("the type has no such number format")),
    })
}

/// R and G print E, r and g print e.
fn letter_of_exponent(letter: char) -> char {
    if letter.is_ascii_lowercase() { 'e' } else { 'E' }
}

/// The digits that are left with so many decimals, after the point moved by `shift`.
fn rounded(number: Number, decimals: usize, shift: usize) -> Digits {
    let mut digits = match number {
        Number::Double(value) => Digits::fixed(value, decimals + shift),
        _ => exact(number),
    };
    let shift = i32::try_from(shift).unwrap_or(0);
    if !digits.is_zero() {
        digits.point += shift;
    }
    digits.round_at(digits.point + i32::try_from(decimals).unwrap_or(0));
    digits
}

/// All digits of a number that is no double.
fn exact(number: Number) -> Digits {
    match number {
        Number::Int(value) => Digits::of_integer(i64::from(value)),
        Number::Long(value) => Digits::of_integer(value),
        Number::Decimal(value) => Digits::of_decimal(value),
        Number::Double(value) => Digits::shortest(value),
    }
}

/// Custom formats see fifteen digits of a double.
fn custom_digits(number: Number) -> Digits {
    match number {
        Number::Double(value) => Digits::significant(value, 15),
        _ => exact(number),
    }
}

fn signed(digits: &Digits, print: impl Fn(&Digits) -> String) -> String {
    let sign = if digits.negative { "-" } else { "" };
    sign.to_owned() + &print(digits)
}

/// The invariant culture's currency has the sign ¤, and negative amounts stand in brackets.
fn currency(digits: &Digits, decimals: usize) -> String {
    let amount = fixed(digits, decimals, true);
    if digits.negative { format!("(¤{amount})") } else { format!("¤{amount}") }
}

/// Digits without sign, with so many decimals, and perhaps a comma between thousands.
fn fixed(digits: &Digits, decimals: usize, grouped: bool) -> String {
    let mut out = String::new();
    let whole = digits.point.max(0);
    if whole == 0 {
        out.push('0');
    }
    for place in 0..whole {
        if grouped && place > 0 && (whole - place) % 3 == 0 {
            out.push(',');
        }
        out.push(digit_at(digits, place));
    }
    if decimals > 0 {
        out.push('.');
        let end = digits.point + i32::try_from(decimals).unwrap_or(0);
        out.extend((digits.point..end).map(|place| digit_at(digits, place)));
    }
    out
}

fn digit_at(digits: &Digits, place: i32) -> char {
    usize::try_from(place).ok().and_then(|place| digits.digits.get(place)).map_or('0', |d| char::from(*d))
}

fn padded(number: Number, width: usize) -> Result<String, Exception> {
    let value = whole(number)?;
    let sign = if value < 0 { "-" } else { "" };
    Ok(format!("{sign}{:0>width$}", value.unsigned_abs()))
}

/// Two's complement of the type's width.
fn hexadecimal(number: Number, letter: char, width: usize) -> Result<String, Exception> {
    let text = match number {
        Number::Int(value) => format!("{value:0>width$x}"),
        _ => format!("{:0>width$x}", whole(number)?),
    };
    Ok(if letter == 'X' { text.to_ascii_uppercase() } else { text })
}

fn whole(number: Number) -> Result<i64, Exception> {
    match number {
        Number::Int(value) => Ok(i64::from(value)),
        Number::Long(value) => Ok(value),
        _ => Err(Exception::format("the format is for whole numbers only")),
    }
}

fn exponent(number: Number, decimals: usize, letter: char) -> String {
    let mut digits = match number {
        Number::Double(value) => Digits::significant(value, decimals + 1),
        _ => exact(number),
    };
    digits.round_at(i32::try_from(decimals + 1).unwrap_or(i32::MAX));
    signed(&digits, |digits| scientific(digits, Some(decimals), letter, 3))
}

fn general_of(number: Number, precision: Option<usize>, letter: char) -> String {
    let letter = letter_of_exponent(letter);
    let Some(precision) = precision else {
        return plain(number, letter);
    };
    let most = i32::try_from(precision).unwrap_or(i32::MAX);
    let mut digits = match number {
        Number::Double(value) => Digits::significant(value, precision),
        _ => exact(number),
    };
    digits.round_at(most);
    general(&digits, most, letter)
}

/// As without a format, but for the letter of the exponent.
fn plain(number: Number, letter: char) -> String {
    match number {
        Number::Int(value) => value.to_string(),
        Number::Long(value) => value.to_string(),
        Number::Decimal(value) => decimal_text(value),
        Number::Double(value) => double_text(value).replace('E', &letter.to_string()),
    }
}

fn decimal_text(value: Decimal) -> String {
    signed(&Digits::of_decimal(value), |digits| fixed(digits, usize::from(value.scale()), false))
}

/// G: scientific where the point lies beyond the digits, or more than four places before them.
fn general(digits: &Digits, most: i32, letter: char) -> String {
    signed(digits, |digits| {
        if digits.point > most || digits.point < -3 {
            return scientific(digits, None, letter, 2);
        }
        let decimals = usize::try_from(digits.count() - digits.point).unwrap_or(0);
        fixed(digits, if digits.is_zero() { 0 } else { decimals }, false)
    })
}

/// One digit, the decimals asked for or there are, and an exponent of at least so many digits.
fn scientific(digits: &Digits, decimals: Option<usize>, letter: char, width: usize) -> String {
    let mut out = String::from(digit_at(digits, 0));
    let decimals = decimals.unwrap_or(digits.digits.len().saturating_sub(1));
    if decimals > 0 {
        out.push('.');
        out.extend((0..decimals).map(|place| digits.digits.get(place + 1).map_or('0', |d| char::from(*d))));
    }
    let exponent = if digits.is_zero() { 0 } else { digits.point - 1 };
    let sign = if exponent < 0 { '-' } else { '+' };
    out + &format!("{letter}{sign}{:0>width$}", exponent.unsigned_abs())
}
