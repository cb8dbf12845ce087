//! The casts of tokens: `(string)token`, `(int)token` and the like. They convert, as Newtonsoft's do:
//! `(int)` of the text `"42"` is 42, and of the number 2.5 it is 2.

use std::sync::Arc;

use larder_proto::envelope::Decimal;

use super::{JToken, JValue};
use crate::dotnet::{Exception, ExceptionKind, convert, decimal, number::Number};

/// `(string)token`: nothing for JSON's null.
///
/// # Errors
///
/// `ArgumentException` for objects and arrays.
pub fn as_text(token: &JToken) -> Result<Option<Arc<str>>, Exception> {
    match token.scalar() {
        None => Err(wrong(token, "String")),
        Some(JValue::Null) => Ok(None),
        Some(JValue::String(text)) => Ok(Some(text)),
        Some(value) => Ok(Some(value.to_text().into())),
    }
}

/// `(int)token`
///
/// # Errors
///
/// `ArgumentException` for objects, arrays and null; `FormatException` for text that is no number;
/// `OverflowException` beyond 32 bits.
pub fn as_i32(token: &JToken) -> Result<i32, Exception> {
    convert(token, "Int32", convert::text_to_int, convert::number_to_int)
}

/// `(long)token`
///
/// # Errors
///
/// As [`as_i32`], with 64 bits.
pub fn as_i64(token: &JToken) -> Result<i64, Exception> {
    convert(token, "Int64", convert::text_to_long, convert::number_to_long)
}

/// `(double)token`
///
/// # Errors
///
/// As [`as_i32`], without overflow.
pub fn as_f64(token: &JToken) -> Result<f64, Exception> {
    convert(token, "Double", convert::text_to_double, |number| Ok(number.to_double()))
}

/// `(decimal)token`
///
/// # Errors
///
/// As [`as_i32`], with the range of `decimal`.
pub fn as_decimal(token: &JToken) -> Result<Decimal, Exception> {
    convert(token, "Decimal", decimal::parse, Number::to_decimal)
}

/// `(bool)token`: of numbers, all but 0 are true.
///
/// # Errors
///
/// As [`as_i32`], without overflow.
pub fn as_bool(token: &JToken) -> Result<bool, Exception> {
    match token.scalar() {
        Some(JValue::Bool(value)) => Ok(value),
        _ => convert(token, "Boolean", convert::text_to_bool, |number| Ok(convert::number_to_bool(number))),
    }
}

fn convert<T>(
    token: &JToken,
    target: &'static str,
    of_text: impl Fn(&str) -> Result<T, Exception>,
    of_number: impl Fn(Number) -> Result<T, Exception>,
) -> Result<T, Exception> {
    match token.scalar() {
        Some(JValue::String(text)) => of_text(&text),
        Some(JValue::Bool(value)) => of_number(Number::Int(i32::from(value))),
        Some(JValue::Integer(value)) => of_number(Number::Long(value)),
        Some(JValue::Float(value)) => of_number(Number::Double(value)),
        Some(JValue::Decimal(value)) => of_number(Number::Decimal(value)),
        Some(JValue::Null) | None => Err(wrong(token, target)),
    }
}

fn wrong(token: &JToken, target: &'static str) -> Exception {
    let text = format!("a JSON {} cannot be converted to {target}", token.kind().name());
    Exception::new(ExceptionKind::Argument, text)
}
