//! `Convert`: from every type that converts, rounding half to even, never wrapping. Null is nothing: 0,
//! false, an empty text.

use super::{Call, Member, TypeRow, class, enumeration, member, refused};
use crate::dotnet::date::{self, Styles};
use crate::dotnet::json::JValue;
use crate::dotnet::number::{self, Number};
use crate::dotnet::object::EnumType;
use crate::dotnet::text::Formattable;
use crate::dotnet::{Datum, Exception, ExceptionKind, convert, decimal, encoding};

pub(super) static TYPES: &[TypeRow] =
    &[class("System", "static class Convert", CONVERT), enumeration("System", &BASE64_FORMATTING_OPTIONS)];

/// A conversion to a type of whole numbers.
macro_rules! whole {
    ($keyword:literal, $name:literal, $variant:ident, $type:ty) => {
        member(concat!("static ", $keyword, " ", $name, "(object value)"), |call| {
            let value = whole(call, <$type>::BITS, <$type>::MIN != 0)?;
            <$type>::try_from(value).map(Datum::$variant).map_err(|_| too_large())
        })
    };
}

/// The same with a provider, which changes nothing.
macro_rules! whole_provided {
    ($keyword:literal, $name:literal, $variant:ident, $type:ty) => {
        member(concat!("static ", $keyword, " ", $name, "(object value, IFormatProvider provider)"), |call| {
            let value = whole(call, <$type>::BITS, <$type>::MIN != 0)?;
            <$type>::try_from(value).map(Datum::$variant).map_err(|_| too_large())
        })
    };
}

/// The digits of another base.
macro_rules! based {
    ($keyword:literal, $name:literal, $variant:ident, $type:ty) => {
        member(concat!("static ", $keyword, " ", $name, "(string value, int fromBase)"), |call| {
            of_base(call, <$type>::BITS, <$type>::MIN != 0).map(|value| Datum::$variant(value as $type))
        })
    };
}

static CONVERT: &[Member] = &[
    whole!("sbyte", "ToSByte", SByte, i8),
    whole!("byte", "ToByte", Byte, u8),
    whole!("short", "ToInt16", Short, i16),
    whole!("ushort", "ToUInt16", UShort, u16),
    whole!("int", "ToInt32", Int, i32),
    whole!("uint", "ToUInt32", UInt, u32),
    whole!("long", "ToInt64", Long, i64),
    whole!("ulong", "ToUInt64", ULong, u64),
    whole_provided!("int", "ToInt32", Int, i32),
    whole_provided!("long", "ToInt64", Long, i64),
    based!("byte", "ToByte", Byte, u8),
    based!("short", "ToInt16", Short, i16),
    based!("int", "ToInt32", Int, i32),
    based!("uint", "ToUInt32", UInt, u32),
    based!("long", "ToInt64", Long, i64),
    based!("ulong", "ToUInt64", ULong, u64),
    member("static bool ToBoolean(object value)", to_bool),
    member("static char ToChar(object value)", to_char),
    member("static float ToSingle(object value)", |call| Ok(Datum::Float(to_double(call)? as f32))),
    member("static double ToDouble(object value)", |call| to_double(call).map(Datum::Double)),
    member("static double ToDouble(object value, IFormatProvider provider)", |call| {
        to_double(call).map(Datum::Double)
    }),
    member("static decimal ToDecimal(object value)", to_decimal),
    member("static decimal ToDecimal(object value, IFormatProvider provider)", to_decimal),
    member("static DateTime ToDateTime(object value)", to_date),
    member("static DateTime ToDateTime(object value, IFormatProvider provider)", to_date),
    member("static string ToString(object value)", to_text),
    member("static string ToString(object value, IFormatProvider provider)", to_text),
    member("static string ToString(string value)", |call| Ok(call.take(0))),
    member("static string ToString(int value, int toBase)", to_base),
    member("static string ToString(long value, int toBase)", to_base),
    member("static string ToBase64String(byte[] inArray)", |call| {
        call.made(encoding::to_base64(call.bytes(0)?))
    }),
    member("static string ToBase64String(byte[] inArray, Base64FormattingOptions options)", |call| {
        let text = encoding::to_base64(call.bytes(0)?);
        let broken = if call.enumeration(1)? == 1 { in_lines(&text) } else { text };
        call.made(broken)
    }),
    member("static string ToBase64String(byte[] inArray, int offset, int length)", |call| {
        let text = encoding::to_base64(&super::bytes::part(call.bytes(0)?, call.int(1)?, call.int(2)?)?);
        call.made(text)
    }),
    member("static byte[] FromBase64String(string s)", |call| {
        call.made_bytes(encoding::from_base64(call.text(0)?)?)
    }),
    member("static string ToHexString(byte[] inArray)", |call| call.made(encoding::to_hex(call.bytes(0)?))),
    member("static string ToHexStringLower(byte[] inArray)", |call| {
        call.made(encoding::to_hex(call.bytes(0)?).to_ascii_lowercase())
    }),
    member("static byte[] FromHexString(string s)", |call| {
        call.made_bytes(encoding::from_hex(call.text(0)?)?)
    }),
    member("static bool IsDBNull(object value)", |_| Ok(Datum::Bool(false))),
    refused(
        "static object ChangeType(object value, object conversionType)",
        "types are no values here; cast instead",
    ),
];

/// What `IConvertible` makes of a value that is not null: a text or a number; `JValue` is convertible, too.
enum Source {
    Nothing,
    Text(String),
    Number(Number),
}

fn source(call: &Call<'_, '_>) -> Result<Source, Exception> {
    Ok(match call.get(0) {
        Datum::Null => Source::Nothing,
        Datum::String(text) => Source::Text(text.to_string()),
        Datum::Bool(value) => Source::Number(Number::Int(i32::from(*value))),
        Datum::Enum(value) => Source::Number(Number::Int(value.number)),
        Datum::Json(token) => match token.scalar() {
            Some(JValue::Null) => Source::Nothing,
            Some(JValue::Bool(value)) => Source::Number(Number::Int(i32::from(value))),
            Some(JValue::Integer(value)) => Source::Number(Number::Long(value)),
            Some(JValue::Float(value)) => Source::Number(Number::Double(value)),
            Some(JValue::Decimal(value)) => Source::Number(Number::Decimal(value)),
            Some(JValue::String(text)) => Source::Text(text.to_string()),
            None => return Err(no_conversion()),
        },
        other => Source::Number(other.number().ok_or_else(no_conversion)?),
    })
}

fn whole(call: &Call<'_, '_>, bits: u32, signed: bool) -> Result<i128, Exception> {
    match source(call)? {
        Source::Nothing => Ok(0),
        Source::Text(text) => number::parse_whole(&text, number::Styles::INTEGER, bits, signed),
        Source::Number(Number::Double(value)) => {
            let rounded = value.round_ties_even();
            if rounded.abs() < 1e30 { Ok(rounded as i128) } else { Err(too_large()) }
        }
        Source::Number(Number::Decimal(value)) => {
            Ok(decimal::round(value, 0, decimal::Midpoint::ToEven).map(decimal::truncate)?.mantissa())
        }
        Source::Number(value) => value.to_long().map(i128::from),
    }
}

fn to_bool(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    if matches!(call.get(0), Datum::Char(_)) {
        return Err(no_conversion());
    }
    Ok(Datum::Bool(match source(call)? {
        Source::Nothing => false,
        Source::Text(text) => number::parse_bool(&text)?,
        Source::Number(number) => convert::number_to_bool(number),
    }))
}

fn to_char(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    if matches!(call.get(0), Datum::Bool(_) | Datum::Float(_) | Datum::Double(_) | Datum::Decimal(_)) {
        return Err(no_conversion());
    }
    Ok(Datum::Char(match source(call)? {
        Source::Nothing => 0,
        Source::Text(text) => {
            let units: Vec<u16> = text.encode_utf16().take(2).collect();
            let [unit] = units[..] else {
                return Err(Exception::new(ExceptionKind::Format, "the text is not one character"));
            };
            unit
        }
        Source::Number(number) => u16::try_from(number.to_long()?).map_err(|_| too_large())?,
    }))
}

fn to_double(call: &Call<'_, '_>) -> Result<f64, Exception> {
    if matches!(call.get(0), Datum::Char(_)) {
        return Err(no_conversion());
    }
    match source(call)? {
        Source::Nothing => Ok(0.0),
        Source::Text(text) => number::parse_double(&text),
        Source::Number(number) => Ok(number.to_double()),
    }
}

fn to_decimal(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    if matches!(call.get(0), Datum::Char(_)) {
        return Err(no_conversion());
    }
    Ok(Datum::Decimal(match source(call)? {
        Source::Nothing => decimal::from_long(0),
        Source::Text(text) => decimal::parse(&text)?,
        Source::Number(number) => number.to_decimal()?,
    }))
}

fn to_date(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    if let Datum::Date(date) = call.get(0) {
        return Ok(Datum::Date(*date));
    }
    match source(call)? {
        Source::Nothing => Ok(super::date::MINIMUM.clone()),
        Source::Text(text) => date::parse(&text, Styles::default()).map(Datum::Date),
        Source::Number(_) => Err(no_conversion()),
    }
}

fn to_text(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let text = call.get(0).to_text("")?;
    call.made(text)
}

/// Digits of base 2, 8, 10 or 16; beyond 10, they are those of two's complement.
fn of_base(call: &Call<'_, '_>, bits: u32, signed: bool) -> Result<i128, Exception> {
    let base = base(call.int(1)?)?;
    let Some(text) = call.text_or_null(0)? else { return Ok(0) };
    let digits =
        if base == 16 { text.strip_prefix("0x").or(text.strip_prefix("0X")).unwrap_or(text) } else { text };
    if base == 10 {
        return number::parse_whole(digits, number::Styles(4), bits, signed);
    }
    if digits.is_empty() {
        return Err(Exception::range("the text is empty"));
    }
    if !digits.chars().all(|digit| digit.is_digit(base)) {
        return Err(Exception::new(
            ExceptionKind::Format,
            "the text has a digit that the base does not have",
        ));
    }
    let value = u128::from_str_radix(digits, base).ok().filter(|value| value >> bits == 0);
    let value = i128::try_from(value.ok_or_else(too_large)?).map_err(|_| too_large())?;
    Ok(if signed && value >> (bits - 1) == 1 { value - (1 << bits) } else { value })
}

fn to_base(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let narrow = matches!(call.get(0), Datum::Int(_));
    let value = call.long(0)?;
    // An `int` has 32 digits of base 2.
    let bits = if narrow { u64::from(value as u32) } else { value as u64 };
    let text = match base(call.int(1)?)? {
        2 => format!("{bits:b}"),
        8 => format!("{bits:o}"),
        16 => format!("{bits:x}"),
        _ => value.to_string(),
    };
    call.made(text)
}

fn base(base: i32) -> Result<u32, Exception> {
    match base {
        2 | 8 | 10 | 16 => Ok(base.unsigned_abs()),
        _ => Err(Exception::argument("a base is 2, 8, 10 or 16")),
    }
}

/// Lines of 76 characters.
fn in_lines(text: &str) -> String {
    let lines: Vec<String> =
        text.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    lines.join("\r\n")
}

fn no_conversion() -> Exception {
    Exception::new(ExceptionKind::InvalidCast, "a value of this type is not converted to that one")
}

fn too_large() -> Exception {
    Exception::new(ExceptionKind::Overflow, "the number does not fit its type")
}

static BASE64_FORMATTING_OPTIONS: EnumType = EnumType {
    name: "Base64FormattingOptions",
    flags: true,
    values: &[("None", 0), ("InsertLineBreaks", 1)],
};
