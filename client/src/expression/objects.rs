//! Values as JSON and back: what Newtonsoft's serializer makes of the types that expressions have.

use std::sync::Arc;

use super::compile::default_of;
use super::run::Test;
use super::types::Type;
use crate::dotnet::collection::{Dictionary, Key, List};
use crate::dotnet::date::{self, Styles};
use crate::dotnet::json::{self, JToken, JTokenKind, JValue};
use crate::dotnet::limits::{JSON_DEPTH_MAX, JSON_TOKEN_BYTES};
use crate::dotnet::meter::Meter;
use crate::dotnet::number;
use crate::dotnet::text::Formattable;
use crate::dotnet::{Datum, Exception, ExceptionKind, decimal, encoding, guid};

/// `JToken.FromObject(value)`; null is JSON's null. Collections become arrays, dictionaries and objects
/// with named members become objects, bytes Base64, dates ISO 8601.
///
/// # Errors
///
/// `ArgumentException` for a value of a type that has no JSON; `InvalidOperationException` for more
/// levels than [`JSON_DEPTH_MAX`], as of a list that holds itself.
pub(super) fn to_token(value: &Datum, meter: &mut dyn Meter) -> Result<JToken, Exception> {
    token(value, JSON_DEPTH_MAX, meter)
}

/// The tokens are paid for one by one: an object that stands in many places becomes as many trees.
fn token(value: &Datum, levels: usize, meter: &mut dyn Meter) -> Result<JToken, Exception> {
    meter.walk(0)?;
    meter.make(JSON_TOKEN_BYTES)?;
    let below = || {
        let too_deep =
            || Exception::new(ExceptionKind::InvalidOperation, "the tree would have more than 64 levels");
        levels.checked_sub(1).ok_or_else(too_deep)
    };
    match value {
        Datum::List(list) => {
            let items = list.items().clone();
            array(&items, below()?, meter)
        }
        Datum::Dictionary(dictionary) => {
            let entries: Vec<(Key, Datum)> =
                dictionary.entries().iter().map(|(key, value)| (key.clone(), value.clone())).collect();
            let object = JToken::object();
            for (key, value) in entries {
                let value = token(&value, below()?, meter)?;
                meter.make(object.copied(&value).saturating_mul(JSON_TOKEN_BYTES))?;
                object.set(&key.value.to_text("")?, &value)?;
            }
            Ok(object)
        }
        Datum::Record(record) => {
            let object = JToken::object();
            for (name, value) in &record.members {
                let value = token(value, below()?, meter)?;
                meter.make(object.copied(&value).saturating_mul(JSON_TOKEN_BYTES))?;
                object.set(name, &value)?;
            }
            Ok(object)
        }
        Datum::Bytes(bytes) => Ok(JToken::text(&encoding::to_base64(bytes))),
        Datum::Enum(value) => Ok(JToken::value(JValue::Integer(i64::from(value.number)))),
        Datum::Object(object) => match object.items() {
            Some(items) => array(&items, below()?, meter),
            None => match &*object.type_name() {
                "Uri" | "StringBuilder" | "IPAddress" => Ok(JToken::text(&object.to_text())),
                _ => super::members::token_of(value),
            },
        },
        scalar => super::members::token_of(scalar),
    }
}

fn array(items: &[Datum], levels: usize, meter: &mut dyn Meter) -> Result<JToken, Exception> {
    let array = JToken::array();
    for item in items {
        let item = token(item, levels, meter)?;
        meter.make(array.copied(&item).saturating_mul(JSON_TOKEN_BYTES))?;
        array.push(&item)?;
    }
    Ok(array)
}

/// `token.ToObject<T>()`: JSON's null is the default of the type.
///
/// # Errors
///
/// `ArgumentException` where the token is of another kind, `FormatException` and `OverflowException` where its
/// value does not fit, `NotSupportedException` for a type that is not read from JSON.
pub(super) fn from_token(token: &JToken, of: &Type) -> Result<Datum, Exception> {
    if is_token(of) {
        let value = Datum::Json(token.clone());
        return if Test::of(of).passes(&value) { Ok(value) } else { Err(wrong(token, of)) };
    }
    if token.kind() == JTokenKind::Null && (of.takes_null() || !of.is_value()) {
        return Ok(Datum::Null);
    }
    match of.without_null() {
        Type::Object if token.scalar().is_some() => Ok(super::members::scalar(token)),
        Type::Object => Ok(Datum::Json(token.clone())),
        Type::Array(element) if **element == Type::Byte => {
            let text = json::as_text(token)?.unwrap_or_default();
            encoding::from_base64(&text).map(|bytes| Datum::Bytes(bytes.into()))
        }
        Type::Array(element) => {
            items(token, of, element).map(|items| Datum::List(List::of(of.to_string(), items)))
        }
        of @ Type::Class(_, arguments) => match &**arguments {
            [element] if SEQUENCES.iter().any(|name| of.is_class(name)) => {
                let items = items(token, of, element)?;
                Ok(Datum::List(List::of(format!("List<{element}>"), items)))
            }
            [key, element] if DICTIONARIES.iter().any(|name| of.is_class(name)) && *key == Type::String => {
                dictionary(token, of, element)
            }
            _ => named(token, of),
        },
        of => scalar(token, of),
    }
}

const SEQUENCES: [&str; 6] =
    ["List", "IList", "ICollection", "IEnumerable", "IReadOnlyList", "IReadOnlyCollection"];
const DICTIONARIES: [&str; 3] = ["Dictionary", "IDictionary", "IReadOnlyDictionary"];

fn is_token(of: &Type) -> bool {
    ["JToken", "JContainer", "JObject", "JArray", "JValue"].iter().any(|name| of.is_class(name))
}

fn items(token: &JToken, of: &Type, element: &Type) -> Result<Vec<Datum>, Exception> {
    if token.kind() != JTokenKind::Array {
        return Err(wrong(token, of));
    }
    token.children().iter().map(|child| from_token(child, element)).collect()
}

fn dictionary(token: &JToken, of: &Type, element: &Type) -> Result<Datum, Exception> {
    if token.kind() != JTokenKind::Object {
        return Err(wrong(token, of));
    }
    let made = Dictionary::new(format!("Dictionary<string, {element}>"), false);
    for (name, child) in token.properties() {
        let value = from_token(&child, element)?;
        made.entries().insert(made.key(Datum::String(name)), value);
    }
    Ok(Datum::Dictionary(made))
}

/// Types of .NET that JSON holds as text.
fn named(token: &JToken, of: &Type) -> Result<Datum, Exception> {
    let text: Arc<str> = match token.scalar() {
        Some(JValue::String(text)) => text,
        _ => return Err(wrong(token, of)),
    };
    match () {
        () if of.is_class("DateTime") => {
            date::parse(&text, Styles { roundtrip_kind: true, ..Styles::default() }).map(Datum::Date)
        }
        () if of.is_class("DateTimeOffset") => date::parse_offset(&text).map(Datum::DateOffset),
        () if of.is_class("TimeSpan") => date::parse_span(&text).map(Datum::Span),
        () if of.is_class("Guid") => guid::parse(&text).map(Datum::Guid),
        () if of.is_class("Uri") => {
            use crate::dotnet::uri::{Uri, UriKind};
            Uri::parse(&text, UriKind::RelativeOrAbsolute).map(Datum::object)
        }
        () => Err(Exception::new(ExceptionKind::NotSupported, format!("{of} is not read from JSON"))),
    }
}

fn scalar(token: &JToken, of: &Type) -> Result<Datum, Exception> {
    let whole = |least: i128, most: i128| -> Result<i128, Exception> {
        let value = match token.scalar() {
            Some(JValue::String(text)) => {
                number::parse_whole(&text, number::Styles::INTEGER, 64, least != 0)?
            }
            _ => decimal::truncate(decimal::round(json::as_decimal(token)?, 0, decimal::Midpoint::ToEven)?)
                .mantissa(),
        };
        let fits = (least..=most).contains(&value);
        if fits {
            Ok(value)
        } else {
            Err(Exception::new(ExceptionKind::Overflow, "the number does not fit its type"))
        }
    };
    Ok(match of {
        Type::String => json::as_text(token)?.map_or(Datum::Null, Datum::String),
        Type::Bool => Datum::Bool(json::as_bool(token)?),
        Type::Int => Datum::Int(json::as_i32(token)?),
        Type::Long => Datum::Long(json::as_i64(token)?),
        Type::Double => Datum::Double(json::as_f64(token)?),
        Type::Float => Datum::Float(json::as_f64(token)? as f32),
        Type::Decimal => Datum::Decimal(json::as_decimal(token)?),
        Type::SByte => Datum::SByte(whole(i8::MIN.into(), i8::MAX.into())? as i8),
        Type::Byte => Datum::Byte(whole(0, u8::MAX.into())? as u8),
        Type::Short => Datum::Short(whole(i16::MIN.into(), i16::MAX.into())? as i16),
        Type::UShort => Datum::UShort(whole(0, u16::MAX.into())? as u16),
        Type::UInt => Datum::UInt(whole(0, u32::MAX.into())? as u32),
        Type::ULong => Datum::ULong(whole(0, u64::MAX.into())? as u64),
        Type::Char => {
            match json::as_text(token)?.map(|text| text.encode_utf16().collect::<Vec<_>>()).as_deref() {
                Some([unit]) => Datum::Char(*unit),
                _ => return Err(wrong(token, of)),
            }
        }
        _ => default_of(of),
    })
}

fn wrong(token: &JToken, of: &Type) -> Exception {
    Exception::new(ExceptionKind::Argument, format!("a JSON {} is no {of}", token.kind().name()))
}
