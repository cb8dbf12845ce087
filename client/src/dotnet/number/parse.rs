//! `Parse` of numbers and truth values, with the styles that .NET takes when none is given. `TryParse`
//! is the same with the error thrown away.

use crate::dotnet::Exception;

/// `int.Parse(text)`: blanks around, a sign in front, digits.
///
/// # Errors
///
/// `FormatException`, and `OverflowException` beyond 32 bits.
pub fn parse_int(text: &str) -> Result<i32, Exception> {
    let too_much = || Exception::overflow("the number does not fit into 32 bits");
    i32::try_from(whole(text)?.ok_or_else(too_much)?).map_err(|_| too_much())
}

/// `long.Parse(text)`: blanks around, a sign in front, digits.
///
/// # Errors
///
/// `FormatException`, and `OverflowException` beyond 64 bits.
pub fn parse_long(text: &str) -> Result<i64, Exception> {
    whole(text)?.ok_or_else(|| Exception::overflow("the number does not fit into 64 bits"))
}

/// `bool.Parse(text)`: `True` or `False` in any case, blanks around.
///
/// # Errors
///
/// `FormatException`
pub fn parse_bool(text: &str) -> Result<bool, Exception> {
    match text.trim_matches(|c: char| c.is_whitespace() || c == '\0') {
        word if word.eq_ignore_ascii_case("true") => Ok(true),
        word if word.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(Exception::format("the text is neither True nor False")),
    }
}

/// `double.Parse(text)`: blanks around, a sign in front, commas between digits, a point, an exponent;
/// also `NaN`, `Infinity` and `-Infinity` in any case. What is too large is infinite, as since .NET Core 3.
///
/// # Errors
///
/// `FormatException`
pub fn parse_double(text: &str) -> Result<f64, Exception> {
    let wrong = || Exception::format("the text is not a number");
    let trimmed = text.trim_matches(is_blank);
    for (word, value) in [("NaN", f64::NAN), ("Infinity", f64::INFINITY)] {
        for (sign, value) in [("", value), ("+", value), ("-", -value)] {
            if trimmed.strip_prefix(sign).is_some_and(|rest| rest.eq_ignore_ascii_case(word)) {
                return Ok(value);
            }
        }
    }
    let (mantissa, exponent) = match trimmed.find(['e', 'E']) {
        Some(at) => (&trimmed[..at], Some(&trimmed[at + 1..])),
        None => (trimmed, None),
    };
    let mut plain = plain_number(mantissa, false).ok_or_else(wrong)?;
    if let Some(exponent) = exponent {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        plain.push('e');
        plain.push_str(exponent);
    }
    plain.parse().map_err(|_| wrong())
}

/// The blanks that numbers may have around them.
pub(in crate::dotnet) fn is_blank(character: char) -> bool {
    matches!(character, '\t'..='\r' | ' ')
}

/// Sign, digits and point of a number that has commas between its digits, and, if allowed, its sign
/// behind.
pub(in crate::dotnet) fn plain_number(text: &str, sign_behind: bool) -> Option<String> {
    let (mut negative, mut rest) = strip_sign(text);
    let signed = rest.len() < text.len();
    if sign_behind
        && !signed
        && let Some(number) = rest.strip_suffix(['-', '+'])
    {
        negative = rest.ends_with('-');
        rest = number.trim_end_matches(is_blank);
    }
    let mut out = String::from(if negative { "-" } else { "" });
    let (mut digits, mut point) = (false, false);
    for character in rest.chars() {
        match character {
            '0'..='9' => {
                digits = true;
                out.push(character);
            }
            ',' if digits && !point => {}
            '.' if !point => {
                point = true;
                out.push('.');
            }
            _ => return None,
        }
    }
    digits.then_some(out)
}

/// Nothing for digits that are too many.
fn whole(text: &str) -> Result<Option<i64>, Exception> {
    let (negative, digits) = strip_sign(text.trim_matches(is_blank));
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Exception::format("the text is not a whole number"));
    }
    let sign = if negative { "-" } else { "" };
    Ok(format!("{sign}{digits}").parse().ok())
}

fn strip_sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}
