//! The value of an expression while it runs, and its ways to and from a cache. What operators and
//! members do with it is the interpreter's part.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use larder_proto::envelope::{Date, Decimal, Guid, Response, Value};

use super::collection::{Dictionary, List, Record};
use super::date::{self, DateOffset, Span};
use super::json::{self, Formatting, JToken};
use super::number::{self, Number};
use super::object::{EnumValue, Instance, Part};
use super::regex::{Match, Regex};
use super::text::{self, Formattable};
use super::{Exception, ExceptionKind, convert, guid};

/// A value of one of the types that expressions know: what a variable holds and an expression gives. Clones
/// of a JSON token, a list and a dictionary are the same token, list or dictionary, as references are in .NET.
///
/// Rust values become one by [`Datum::text`] and `From`, those of a cache by [`Datum::from_value`]; back it goes
/// by matching, or by [`Datum::to_value`]. The types within the later variants belong to expressions; only their
/// values as a whole are of use outside.
///
/// ```
/// use larder_client::Value;
/// use larder_client::context::Datum;
///
/// assert_eq!(Datum::from("Ada").type_name(), "string");
/// assert!(matches!(Datum::from(42), Datum::Int(42)));
/// assert_eq!(Datum::from(true).to_value().unwrap(), Value::Bool(true));
/// assert!(Datum::Null.to_value().is_err());
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Datum {
    /// `null`
    Null,
    /// `bool`
    Bool(bool),
    /// `char`: a UTF-16 code unit.
    Char(u16),
    /// `sbyte`
    SByte(i8),
    /// `byte`
    Byte(u8),
    /// `short`
    Short(i16),
    /// `ushort`
    UShort(u16),
    /// `int`
    Int(i32),
    /// `uint`
    UInt(u32),
    /// `long`
    Long(i64),
    /// `ulong`
    ULong(u64),
    /// `float`
    Float(f32),
    /// `double`
    Double(f64),
    /// `decimal`
    Decimal(Decimal),
    /// `string`
    String(Arc<str>),
    /// `byte[]`
    Bytes(Bytes),
    /// `DateTime`
    Date(Date),
    /// `DateTimeOffset`
    DateOffset(DateOffset),
    /// `TimeSpan`
    Span(Span),
    /// `Guid`
    Guid(Guid),
    /// `JToken` and what derives from it.
    Json(JToken),
    /// `List<T>`, an array of other things than bytes, and what queries make.
    List(Arc<List>),
    /// `Dictionary<K, V>`, in the order of insertion.
    Dictionary(Arc<Dictionary>),
    /// An anonymous object, `KeyValuePair<K, V>` or `Tuple<…>`.
    Record(Arc<Record>),
    /// A value of an enumeration.
    Enum(EnumValue),
    /// `context` and the parts of it.
    Part(Part),
    /// `IResponse`
    Response(Arc<Response>),
    /// `Regex`
    Regex(Regex),
    /// `Match`
    Match(Arc<Match>),
    /// An object of any other type.
    Object(Arc<dyn Instance>),
}

impl Datum {
    /// A text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::String(text.into())
    }

    /// The name of the type in C#.
    #[must_use]
    pub fn type_name(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Char(_) => "char",
            Self::SByte(_) => "sbyte",
            Self::Byte(_) => "byte",
            Self::Short(_) => "short",
            Self::UShort(_) => "ushort",
            Self::Int(_) => "int",
            Self::UInt(_) => "uint",
            Self::Long(_) => "long",
            Self::ULong(_) => "ulong",
            Self::Float(_) => "float",
            Self::Double(_) => "double",
            Self::Decimal(_) => "decimal",
            Self::String(_) => "string",
            Self::Bytes(_) => "byte[]",
            Self::Date(_) => "DateTime",
            Self::DateOffset(_) => "DateTimeOffset",
            Self::Span(_) => "TimeSpan",
            Self::Guid(_) => "Guid",
            Self::Json(token) => match token.kind() {
                json::JTokenKind::Object => "JObject",
                json::JTokenKind::Array => "JArray",
                _ => "JValue",
            },
            Self::List(list) => list.type_name(),
            Self::Dictionary(dictionary) => dictionary.type_name(),
            Self::Record(record) => record.type_name(),
            Self::Enum(value) => value.kind().name,
            Self::Part(part) => part.type_name(),
            Self::Response(_) => "IResponse",
            Self::Regex(_) => "Regex",
            Self::Match(_) => "Match",
            Self::Object(object) => return object.type_name(),
        })
    }

    /// Whether it is null.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// An object of a type of its own.
    #[must_use]
    pub fn object(object: impl Instance) -> Self {
        Self::Object(Arc::new(object))
    }

    /// The object, if it is one of this type.
    #[must_use]
    pub fn instance<T: Instance>(&self) -> Option<&T> {
        match self {
            Self::Object(object) => (object.as_ref() as &dyn std::any::Any).downcast_ref(),
            _ => None,
        }
    }

    /// The number, of numeric types and `char`, in a type that holds it exactly.
    #[must_use]
    pub fn number(&self) -> Option<Number> {
        match self {
            Self::Char(unit) => Some(Number::Int(i32::from(*unit))),
            Self::SByte(value) => Some(Number::Int(i32::from(*value))),
            Self::Byte(value) => Some(Number::Int(i32::from(*value))),
            Self::Short(value) => Some(Number::Int(i32::from(*value))),
            Self::UShort(value) => Some(Number::Int(i32::from(*value))),
            Self::Int(value) => Some(Number::Int(*value)),
            Self::UInt(value) => Some(Number::Long(i64::from(*value))),
            Self::Long(value) => Some(Number::Long(*value)),
            Self::ULong(value) => Some(whole(*value)),
            Self::Float(value) => Some(Number::Double(f64::from(*value))),
            Self::Double(value) => Some(Number::Double(*value)),
            Self::Decimal(value) => Some(Number::Decimal(*value)),
            _ => None,
        }
    }

    /// What a cache stores: JSON as compact text, a `char` as a string.
    ///
    /// # Errors
    ///
    /// `ArgumentNullException` for null, `NotSupportedException` for types that have no stored form:
    /// `DateTimeOffset`, `TimeSpan`, whole numbers other than `int` and `long`, `float`, collections and
    /// other objects.
    pub fn to_value(&self) -> Result<Value, Exception> {
        Ok(match self {
            Self::Bool(value) => Value::Bool(*value),
            Self::Char(unit) => Value::String(text::to_char(*unit).to_string()),
            Self::Int(value) => Value::Int(*value),
            Self::Long(value) => Value::Long(*value),
            Self::Double(value) => Value::Double(*value),
            Self::Decimal(value) => Value::Decimal(*value),
            Self::String(text) => Value::String(text.as_ref().to_owned()),
            Self::Bytes(bytes) => Value::Bytes(bytes.clone()),
            Self::Date(date) => Value::Date(*date),
            Self::Guid(guid) => Value::Guid(*guid),
            Self::Json(token) => Value::Json(token.to_json(Formatting::None)),
            Self::Response(response) => Value::Response(Box::new(response.as_ref().clone())),
            Self::Null => {
                return Err(Exception::new(ExceptionKind::ArgumentNull, "null cannot be stored"));
            }
            other => {
                let text = format!("a value of type {} has no stored form", other.type_name());
                return Err(Exception::new(ExceptionKind::NotSupported, text));
            }
        })
    }

    /// What a cache gave.
    ///
    /// # Errors
    ///
    /// `JsonReaderException` for JSON that is none, `NotSupportedException` for a type that this code
    /// does not know yet.
    pub fn from_value(value: Value) -> Result<Self, Exception> {
        Ok(match value {
            Value::String(text) => Self::String(text.into()),
            Value::Bool(value) => Self::Bool(value),
            Value::Int(value) => Self::Int(value),
            Value::Long(value) => Self::Long(value),
            Value::Double(value) => Self::Double(value),
            Value::Decimal(value) => Self::Decimal(value),
            Value::Date(date) => Self::Date(date),
            Value::Guid(guid) => Self::Guid(guid),
            Value::Bytes(bytes) => Self::Bytes(bytes),
            Value::Json(text) => Self::Json(json::parse(&text)?),
            Value::Response(response) => Self::Response(Arc::from(response)),
            _ => return Err(Exception::unsupported("the stored value has a type that is not known")),
        })
    }
}

/// `ToString()`; null gives an empty text, as in a concatenation. A format changes numbers, dates,
/// lengths of time and Guids; the other types take none and print as without.
impl Formattable for Datum {
    fn to_text(&self, format: &str) -> Result<String, Exception> {
        Ok(match self {
            Self::Null => String::new(),
            Self::Bool(value) => convert::bool_text(*value).to_owned(),
            Self::Char(unit) => text::to_char(*unit).to_string(),
            Self::Float(value) if format.is_empty() => float_text(*value),
            Self::String(text) => text.as_ref().to_owned(),
            Self::Date(value) => return date::format(*value, format),
            Self::DateOffset(value) => return date::format_offset(*value, format),
            Self::Span(value) => return date::format_span(*value, format),
            Self::Guid(value) => return guid::format(*value, format),
            Self::Json(token) => token.to_text(),
            Self::Regex(regex) => regex.pattern().to_owned(),
            Self::Match(found) => found.value().to_owned(),
            Self::Bytes(_) => "System.Byte[]".to_owned(),
            Self::Record(record) => record.to_text()?,
            Self::Enum(value) => return value.to_text(format),
            Self::Object(object) => object.to_text(),
            Self::List(_) | Self::Dictionary(_) | Self::Response(_) | Self::Part(_) => {
                self.type_name().into_owned()
            }
            number => match number.number() {
                Some(number) => return number::format(number, format),
                None => String::new(),
            },
        })
    }
}

/// A number beyond `long` as `decimal`, which holds all of `ulong`.
fn whole(value: u64) -> Number {
    match i64::try_from(value) {
        Ok(value) => Number::Long(value),
        Err(_) => Number::Decimal(Decimal::new(i128::from(value), 0).unwrap_or(Decimal::ZERO)),
    }
}

/// The shortest text that is read as this number again; from seven digits on with an exponent.
fn float_text(value: f32) -> String {
    let Ok(same_digits) = value.to_string().parse::<f64>() else { return value.to_string() };
    let text = number::double_text(same_digits);
    let size = value.abs();
    if !(1e7..1e15).contains(&size) {
        return text;
    }
    let digits = text.trim_start_matches('-').trim_end_matches('0');
    let exponent = text.trim_start_matches('-').len() - 1;
    let (first, rest) = digits.split_at(1);
    let sign = if value < 0.0 { "-" } else { "" };
    let point = if rest.is_empty() { "" } else { "." };
    format!("{sign}{first}{point}{rest}E+{exponent:02}")
}

impl From<&str> for Datum {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<bool> for Datum {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i32> for Datum {
    fn from(value: i32) -> Self {
        Self::Int(value)
    }
}

impl From<i64> for Datum {
    fn from(value: i64) -> Self {
        Self::Long(value)
    }
}

impl From<Number> for Datum {
    fn from(number: Number) -> Self {
        match number {
            Number::Int(value) => Self::Int(value),
            Number::Long(value) => Self::Long(value),
            Number::Double(value) => Self::Double(value),
            Number::Decimal(value) => Self::Decimal(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use larder_proto::envelope::DateKind;

    use super::*;

    fn response() -> Response {
        Response { status: 200, reason: String::new(), headers: Vec::new(), body: Bytes::from_static(b"x") }
    }

    #[test]
    fn every_stored_type_comes_back() {
        let date = Date::new(5, DateKind::Utc).unwrap();
        for value in [
            Value::from("text"),
            Value::Bool(true),
            Value::Int(-1),
            Value::Long(1 << 40),
            Value::Double(0.1),
            Value::Decimal(Decimal::new(150, 2).unwrap()),
            Value::Date(date),
            Value::Guid(Guid([7; 16])),
            Value::Bytes(Bytes::from_static(&[0, 255])),
            Value::Json(r#"{"a":[1,null]}"#.to_owned()),
            Value::Response(Box::new(response())),
        ] {
            assert_eq!(Datum::from_value(value.clone()).unwrap().to_value().unwrap(), value);
        }
        assert_eq!(Datum::Char(65).to_value().unwrap(), Value::from("A"));
        let wrong = Datum::from_value(Value::Json("{".to_owned())).unwrap_err();
        assert_eq!(wrong.kind, ExceptionKind::JsonReader);
        assert_eq!(Datum::Null.to_value().unwrap_err().kind, ExceptionKind::ArgumentNull);
        let list = Datum::List(List::of("List<int>", Vec::new()));
        for datum in [Datum::Span(Span::ZERO), list, Datum::UInt(1)] {
            assert_eq!(datum.to_value().unwrap_err().kind, ExceptionKind::NotSupported);
        }
    }

    #[test]
    fn every_type_prints() {
        for (datum, format, text) in [
            (Datum::Null, "", ""),
            (Datum::Bool(true), "", "True"),
            (Datum::Int(5), "D3", "005"),
            (Datum::Double(1e16), "", "1E+16"),
            (Datum::Float(0.1), "", "0.1"),
            (Datum::Float(-12_000_000.0), "", "-1.2E+07"),
            (Datum::Byte(255), "X", "FF"),
            (Datum::ULong(u64::MAX), "", "18446744073709551615"),
            (Datum::text("x"), "D3", "x"),
            (Datum::Bytes(Bytes::new()), "", "System.Byte[]"),
            (Datum::Span(Span::ZERO), "", "00:00:00"),
            (Datum::Guid(guid::EMPTY), "N", "00000000000000000000000000000000"),
            (Datum::Json(json::parse("{\"a\":1}").unwrap()), "", "{\n  \"a\": 1\n}"),
            (Datum::Date(Date::new(0, DateKind::Utc).unwrap()), "s", "0001-01-01T00:00:00"),
        ] {
            assert_eq!(datum.to_text(format).unwrap(), text, "{}", datum.type_name());
        }
        let template = text::format("{0}-{1:F1}", &[Datum::text("a"), Datum::from(Number::Int(2))]);
        assert_eq!(template.unwrap(), "a-2.0");
    }
}
