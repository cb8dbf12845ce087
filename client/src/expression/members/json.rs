//! `JToken` and what derives from it: indexers, reading and printing, casts. A property that is walked
//! over is a [`Property`].

use std::borrow::Cow;
use std::sync::Arc;

use super::{Call, Member, TypeRow, class, member};
use crate::dotnet::json::{self, JToken, JTokenKind, JValue};
use crate::dotnet::limits::JSON_TOKEN_BYTES;
use crate::dotnet::object::Instance;
use crate::dotnet::{Datum, Exception, ExceptionKind};
use crate::expression::objects::to_token;
use crate::expression::run::pair;

pub(super) static TYPES: &[TypeRow] = &[
    class("Newtonsoft.Json.Linq", "class JToken : IEnumerable<JToken>", TOKEN),
    class("Newtonsoft.Json.Linq", "class JContainer : JToken", CONTAINER),
    class("Newtonsoft.Json.Linq", "class JObject : JContainer", OBJECT),
    class("Newtonsoft.Json.Linq", "class JArray : JContainer", ARRAY),
    class("Newtonsoft.Json.Linq", "class JValue : JToken", VALUE),
    class("Newtonsoft.Json.Linq", "class JProperty : JContainer", PROPERTY),
];

static TOKEN: &[Member] = &[
    member("static JToken Parse(string json)", |call| parsed(call, json::parse)),
    member("JToken this[object key]", child),
    member("set JToken this[object key]", set_child),
    member("implicit operator JToken(string value)", of_value),
    member("implicit operator JToken(int value)", of_value),
    member("implicit operator JToken(long value)", of_value),
    member("implicit operator JToken(double value)", of_value),
    member("implicit operator JToken(decimal value)", of_value),
    member("implicit operator JToken(bool value)", of_value),
    member("implicit operator JToken(int? value)", of_value),
    member("implicit operator JToken(long? value)", of_value),
    member("implicit operator JToken(bool? value)", of_value),
    member("implicit operator JToken(DateTime value)", of_value),
    member("implicit operator JToken(Guid value)", of_value),
    member("explicit operator string(JToken value)", |call| match call.get(0) {
        Datum::Null => Ok(Datum::Null),
        _ => Ok(json::as_text(call.json(0)?)?.map_or(Datum::Null, Datum::String)),
    }),
    member("explicit operator int(JToken value)", |call| Ok(Datum::Int(json::as_i32(call.json(0)?)?))),
    member("explicit operator long(JToken value)", |call| Ok(Datum::Long(json::as_i64(call.json(0)?)?))),
    member("explicit operator double(JToken value)", |call| Ok(Datum::Double(json::as_f64(call.json(0)?)?))),
    member("explicit operator decimal(JToken value)", |call| {
        Ok(Datum::Decimal(json::as_decimal(call.json(0)?)?))
    }),
    member("explicit operator bool(JToken value)", |call| Ok(Datum::Bool(json::as_bool(call.json(0)?)?))),
    member("explicit operator int?(JToken value)", |call| {
        or_null(call, |token| json::as_i32(token).map(Datum::Int))
    }),
    member("explicit operator long?(JToken value)", |call| {
        or_null(call, |token| json::as_i64(token).map(Datum::Long))
    }),
    member("explicit operator double?(JToken value)", |call| {
        or_null(call, |token| json::as_f64(token).map(Datum::Double))
    }),
    member("explicit operator bool?(JToken value)", |call| {
        or_null(call, |token| json::as_bool(token).map(Datum::Bool))
    }),
];

static CONTAINER: &[Member] =
    &[member("int Count", |call| Ok(Datum::Int(i32::try_from(call.json(0)?.count()).unwrap_or(i32::MAX))))];

static OBJECT: &[Member] = &[
    member("new()", |call| made(call, JToken::object())),
    member("new(params object[] content)", |call| {
        let object = JToken::object();
        for part in call.items(0)? {
            let Some(property) = part.instance::<Property>() else {
                return Err(Exception::new(ExceptionKind::Argument, "an object takes properties"));
            };
            placed(call, &object, &property.value)?;
            object.add(&property.name, &property.value)?;
        }
        made(call, object)
    }),
    member("static JObject Parse(string json)", |call| parsed(call, json::parse_object)),
    member("IEnumerable<KeyValuePair<string, JToken>> GetEnumerator()", |call| {
        let properties = call.json(0)?.properties();
        let pairs = properties.into_iter().map(|(name, value)| pair(Datum::String(name), Datum::Json(value)));
        call.made_list("IEnumerable<KeyValuePair<string, JToken>>", pairs.collect())
    }),
    member("IEnumerable<JProperty> Properties()", |call| {
        let properties = properties(call.json(0)?);
        call.made_list("IEnumerable<JProperty>", properties)
    }),
    member("JToken this[string propertyName]", child),
    member("set JToken this[string propertyName]", set_child),
    member("void Add(string propertyName, JToken value)", |call| {
        let value = token_of(&call.take(2))?;
        call.charge(size_of::<Datum>())?;
        placed(call, &call.json(0)?.clone(), &value)?;
        call.json(0)?.add(call.text(1)?, &value)?;
        Ok(Datum::Null)
    }),
    member("bool ContainsKey(string propertyName)", |call| {
        Ok(Datum::Bool(call.json(0)?.get(call.text(1)?)?.is_some()))
    }),
    member("bool Remove(string propertyName)", |call| Ok(Datum::Bool(call.json(0)?.remove(call.text(1)?)))),
];

static ARRAY: &[Member] = &[
    member("new()", |call| made(call, JToken::array())),
    member("new(params object[] content)", |call| {
        let array = JToken::array();
        for part in call.items(0)? {
            push(call, &array, &part)?;
        }
        made(call, array)
    }),
    member("static JArray Parse(string json)", |call| parsed(call, json::parse_array)),
    member("JToken this[int index]", child),
    member("set JToken this[int index]", set_child),
    member("void Add(JToken item)", |call| {
        let value = token_of(&call.take(1))?;
        call.charge(size_of::<Datum>())?;
        placed(call, &call.json(0)?.clone(), &value)?;
        call.json(0)?.push(&value)?;
        Ok(Datum::Null)
    }),
];

static VALUE: &[Member] = &[
    member("new(object value)", |call| {
        let token = token_of(&call.take(0))?;
        made(call, token)
    }),
    member("object Value", |call| Ok(scalar(call.json(0)?))),
];

static PROPERTY: &[Member] = &[
    member("new(string name, object content)", |call| {
        let value = to_token(&call.get(1).clone(), call)?;
        let property = Property { name: call.text(0)?.into(), value };
        call.charge(size_of::<Property>())?;
        Ok(Datum::object(property))
    }),
    member("string Name", |call| Ok(Datum::String(call.object::<Property>(0)?.name.clone()))),
    member("JToken Value", |call| Ok(Datum::Json(call.object::<Property>(0)?.value.clone()))),
];

/// `JProperty`: a name and its value.
#[derive(Debug)]
pub(super) struct Property {
    pub(super) name: Arc<str>,
    pub(super) value: JToken,
}

impl Instance for Property {
    fn type_name(&self) -> Cow<'_, str> {
        Cow::Borrowed("JProperty")
    }

    fn to_text(&self) -> String {
        format!("{}: {}", json::quoted(&self.name), self.value.to_json(json::Formatting::Indented))
    }
}

/// The properties of an object, as `Children()` gives them.
pub(in crate::expression) fn properties(token: &JToken) -> Vec<Datum> {
    let properties = token.properties().into_iter();
    properties.map(|(name, value)| Datum::object(Property { name, value })).collect()
}

/// A value as a token: tokens as they are, null as JSON's null.
pub(in crate::expression) fn token_of(value: &Datum) -> Result<JToken, Exception> {
    Ok(JToken::value(match value {
        Datum::Json(token) => return Ok(token.clone()),
        Datum::Null => JValue::Null,
        Datum::Bool(value) => JValue::Bool(*value),
        Datum::String(text) => JValue::String(text.clone()),
        Datum::Double(value) => JValue::Float(*value),
        Datum::Float(value) => JValue::Float(f64::from(*value)),
        Datum::Decimal(value) => JValue::Decimal(*value),
        Datum::Date(_) | Datum::DateOffset(_) | Datum::Guid(_) | Datum::Span(_) | Datum::Char(_) => {
            JValue::String(json_text(value)?.into())
        }
        number => match number.number() {
            Some(crate::dotnet::number::Number::Int(value)) => JValue::Integer(value.into()),
            Some(crate::dotnet::number::Number::Long(value)) => JValue::Integer(value),
            Some(crate::dotnet::number::Number::Decimal(value)) => JValue::Decimal(value),
            _ => {
                let text = format!("a value of type {} is no JSON value", value.type_name());
                return Err(Exception::new(ExceptionKind::Argument, text));
            }
        },
    }))
}

/// How JSON holds values that it has no type for.
fn json_text(value: &Datum) -> Result<String, Exception> {
    use crate::dotnet::text::Formattable;
    match value {
        Datum::Date(_) | Datum::DateOffset(_) => value.to_text("yyyy-MM-ddTHH:mm:ss.FFFFFFFK"),
        other => other.to_text(""),
    }
}

/// `((JValue)token).Value`
pub(in crate::expression) fn scalar(token: &JToken) -> Datum {
    match token.scalar() {
        None | Some(JValue::Null) => Datum::Null,
        Some(JValue::Bool(value)) => Datum::Bool(value),
        Some(JValue::Integer(value)) => Datum::Long(value),
        Some(JValue::Float(value)) => Datum::Double(value),
        Some(JValue::Decimal(value)) => Datum::Decimal(value),
        Some(JValue::String(text)) => Datum::String(text),
    }
}

/// Adds a value to an array; of a collection, its elements.
fn push(call: &mut Call<'_, '_>, array: &JToken, part: &Datum) -> Result<(), Exception> {
    let items = match part {
        Datum::List(list) => list.items().clone(),
        Datum::Object(object) => object.items().unwrap_or_else(|| vec![part.clone()]),
        one => vec![one.clone()],
    };
    call.steps(items.len())?;
    call.charge(items.len().saturating_mul(size_of::<Datum>()))?;
    for item in &items {
        let item = to_token(item, call)?;
        placed(call, array, &item)?;
        array.push(&item)?;
    }
    Ok(())
}

/// Counts what is made when a token is put into a tree: one that has a place already is copied.
pub(super) fn placed(call: &mut Call<'_, '_>, tree: &JToken, value: &JToken) -> Result<(), Exception> {
    let copied = tree.copied(value);
    call.steps(copied)?;
    call.charge(copied.saturating_mul(JSON_TOKEN_BYTES))
}

fn of_value(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let token = token_of(call.get(0))?;
    made(call, token)
}

fn or_null(call: &Call<'_, '_>, cast: fn(&JToken) -> Result<Datum, Exception>) -> Result<Datum, Exception> {
    match call.get(0) {
        Datum::Json(token) if token.kind() != JTokenKind::Null => cast(token),
        _ => Ok(Datum::Null),
    }
}

fn child(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let found = match call.get(1) {
        Datum::String(name) => call.json(0)?.get(name)?,
        Datum::Int(index) => Some(call.json(0)?.at(*index)?),
        _ => return Err(no_key()),
    };
    Ok(found.map_or(Datum::Null, Datum::Json))
}

fn set_child(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let value = token_of(&call.take(2))?;
    call.charge(size_of::<Datum>())?;
    placed(call, &call.json(0)?.clone(), &value)?;
    match call.get(1) {
        Datum::String(name) => call.json(0)?.set(name, &value)?,
        Datum::Int(index) => call.json(0)?.set_at(*index, &value)?,
        _ => return Err(no_key()),
    }
    Ok(Datum::Null)
}

fn no_key() -> Exception {
    Exception::new(ExceptionKind::Argument, "JSON is indexed by names and whole numbers")
}

fn made(call: &mut Call<'_, '_>, token: JToken) -> Result<Datum, Exception> {
    call.charge(size_of::<Datum>())?;
    Ok(Datum::Json(token))
}

/// A tree that is read takes several times the bytes of its text.
pub(super) fn parsed(
    call: &mut Call<'_, '_>,
    parse: fn(&str) -> Result<JToken, Exception>,
) -> Result<Datum, Exception> {
    let bytes = call.text(0)?.len();
    call.charge(bytes.saturating_mul(TREE_PER_TEXT))?;
    Ok(Datum::Json(parse(call.text(0)?)?))
}

/// Bytes of a tree for each byte of its text, about.
pub(super) const TREE_PER_TEXT: usize = 8;
