//! `char`: a code unit of UTF-16. Halves of pairs are neither letters nor anything else.

use super::number::{compare_to, equal_to, tried};
use super::{Call, Member, TypeRow, class, member};
use crate::dotnet::text::{to_char, to_lower, to_upper};
use crate::dotnet::{Datum, Exception};

pub(super) static TYPES: &[TypeRow] = &[class("System", "struct Char : IComparable", CHAR)];

static CHAR: &[Member] = &[
    member("static char MaxValue", |_| Ok(Datum::Char(u16::MAX))),
    member("static char MinValue", |_| Ok(Datum::Char(0))),
    member("static bool IsDigit(char c)", |call| is(call, |c| c.is_numeric() && is_decimal(c))),
    member("static bool IsLetter(char c)", |call| is(call, char::is_alphabetic)),
    member("static bool IsLetterOrDigit(char c)", |call| is(call, |c| c.is_alphabetic() || is_decimal(c))),
    member("static bool IsNumber(char c)", |call| is(call, char::is_numeric)),
    member("static bool IsUpper(char c)", |call| is(call, char::is_uppercase)),
    member("static bool IsLower(char c)", |call| is(call, char::is_lowercase)),
    member("static bool IsWhiteSpace(char c)", |call| is(call, char::is_whitespace)),
    member("static bool IsControl(char c)", |call| is(call, char::is_control)),
    member("static bool IsPunctuation(char c)", |call| is(call, is_punctuation)),
    member("static bool IsSurrogate(char c)", |call| {
        Ok(Datum::Bool((0xD800..=0xDFFF).contains(&call.unit(0)?)))
    }),
    member("static bool IsDigit(string s, int index)", |call| at(call, is_decimal)),
    member("static bool IsLetter(string s, int index)", |call| at(call, char::is_alphabetic)),
    member("static char ToUpper(char c)", |call| changed(call, to_upper)),
    member("static char ToUpperInvariant(char c)", |call| changed(call, to_upper)),
    member("static char ToLower(char c)", |call| changed(call, to_lower)),
    member("static char ToLowerInvariant(char c)", |call| changed(call, to_lower)),
    member("static double GetNumericValue(char c)", |call| {
        let digit = to_char(call.unit(0)?).to_digit(10);
        Ok(Datum::Double(digit.map_or(-1.0, f64::from)))
    }),
    member("static char Parse(string s)", |call| parse(call.text(0)?)),
    member("static bool TryParse(string s, out char result)", |call| {
        tried(call, 1, Datum::Char(0), |call| parse(call.text(0)?))
    }),
    member("static string ToString(char c)", |call| call.made(to_char(call.unit(0)?).to_string())),
    member("int CompareTo(char value)", compare_to),
    member("bool Equals(char obj)", equal_to),
];

fn is(call: &Call<'_, '_>, test: impl Fn(char) -> bool) -> Result<Datum, Exception> {
    let character = char::from_u32(u32::from(call.unit(0)?));
    Ok(Datum::Bool(character.is_some_and(test)))
}

fn at(call: &Call<'_, '_>, test: impl Fn(char) -> bool) -> Result<Datum, Exception> {
    let outside = || {
        Exception::new(crate::dotnet::ExceptionKind::ArgumentOutOfRange, "the index is outside of the text")
    };
    let unit = crate::dotnet::text::unit_at(call.text(0)?, call.int(1)?).map_err(|_| outside())?;
    Ok(Datum::Bool(char::from_u32(u32::from(unit)).is_some_and(test)))
}

/// Digits of ten, of any script: those whose value `char::to_digit` does not know are told by their class.
fn is_decimal(character: char) -> bool {
    character.is_ascii_digit()
        || DIGITS.iter().any(|zero| (*zero..*zero + 10).contains(&u32::from(character)))
}

/// The characters that Unicode calls punctuation, in ASCII and Latin-1 and the block for it.
fn is_punctuation(character: char) -> bool {
    match character {
        '$' | '+' | '<' | '=' | '>' | '^' | '`' | '|' | '~' => false,
        '§' | '¶' | '¡' | '«' | '·' | '»' | '¿' => true,
        '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' => !matches!(character, '\u{2044}' | '\u{2052}'),
        _ => character.is_ascii_punctuation(),
    }
}

fn changed(call: &Call<'_, '_>, change: fn(&str) -> String) -> Result<Datum, Exception> {
    let unit = call.unit(0)?;
    let text = change(&to_char(unit).to_string());
    // A half of a pair stays what it is.
    let whole = char::from_u32(u32::from(unit)).is_some();
    Ok(Datum::Char(text.encode_utf16().next().filter(|_| whole).unwrap_or(unit)))
}

fn parse(text: &str) -> Result<Datum, Exception> {
    let mut units = text.encode_utf16();
    match (units.next(), units.next()) {
        (Some(unit), None) => Ok(Datum::Char(unit)),
        _ => Err(Exception::new(crate::dotnet::ExceptionKind::Format, "the text is not one character")),
    }
}

/// Where the digits of scripts begin within 16 bits.
const DIGITS: [u32; 12] =
    [0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xE50, 0xFF10];
