//! Further members of JSON tokens: paths, children, values of a type, changes; and `JsonConvert`.

use super::json::{Property, placed, token_of};
use super::query::number;
use super::text::comparison_of;
use super::{Call, Member, TypeRow, class, enumeration, member, more, refused};
use crate::dotnet::json::{self, Formatting, JToken, JTokenKind};
use crate::dotnet::limits::JSON_TOKEN_BYTES;
use crate::dotnet::object::EnumType;
use crate::dotnet::text::{Formattable, equals};
use crate::dotnet::{Datum, Exception, ExceptionKind};
use crate::expression::objects::{from_token, to_token};
use crate::expression::types::Type;

pub(super) static TYPES: &[TypeRow] = &[
    more("class JToken", TOKEN),
    more("class JToken : IComparable", CASTS),
    more("class JContainer", CONTAINER),
    more("class JObject", OBJECT),
    more("class JArray : ICollection<JToken>", ARRAY),
    more("class JValue", VALUE),
    more("static class Enumerable", EXTENSIONS),
    class("Newtonsoft.Json", "static class JsonConvert", JSON_CONVERT),
    enumeration("Newtonsoft.Json", &FORMATTING),
    enumeration("Newtonsoft.Json.Linq", &TOKEN_TYPE),
];

static TOKEN: &[Member] = &[
    member("JTokenType Type", |call| {
        let number = match call.get(0) {
            Datum::Json(token) => type_number(token.kind()),
            _ => 4,
        };
        Ok(Datum::Enum(TOKEN_TYPE.number(number)))
    }),
    member("bool HasValues", |call| Ok(Datum::Bool(call.json(0)?.count() > 0))),
    member("JToken Parent", |call| Ok(call.json(0)?.parent().map_or(Datum::Null, Datum::Json))),
    member("JToken Root", |call| {
        let token = call.json(0)?.clone();
        let levels = std::iter::successors(Some(token), JToken::parent);
        // A tree has at most so many levels.
        Ok(levels.take(LEVELS_MAX).last().map_or(Datum::Null, Datum::Json))
    }),
    member("string Path", |call| {
        let path = json::path_of(call.json(0)?);
        call.made(path)
    }),
    member("JToken First", |call| {
        let children = call.items(0)?;
        Ok(children.into_iter().next().unwrap_or(Datum::Null))
    }),
    member("JToken Last", |call| {
        let children = call.items(0)?;
        Ok(children.into_iter().next_back().unwrap_or(Datum::Null))
    }),
    member("JToken SelectToken(string path)", |call| selected(call, false)),
    member("JToken SelectToken(string path, bool errorWhenNoMatch)", |call| {
        let must = call.bool(2)?;
        selected(call, must)
    }),
    member("IEnumerable<JToken> SelectTokens(string path)", |call| {
        let found = found(call)?;
        call.made_list("IEnumerable<JToken>", found.into_iter().map(Datum::Json).collect())
    }),
    member("IEnumerable<JToken> Children()", |call| {
        let children = call.items(0)?;
        call.made_list("IEnumerable<JToken>", children)
    }),
    member("IEnumerable<T> Children<T>()", |call| {
        let test = crate::expression::run::Test::of(call.type_argument(0));
        let children = call.items(0)?.into_iter().filter(|child| test.passes(child)).collect();
        super::query::sequence(call, 0, children)
    }),
    member("IEnumerable<JToken> Values()", |call| {
        let values = call.json(0)?.children().into_iter().map(Datum::Json).collect();
        call.made_list("IEnumerable<JToken>", values)
    }),
    member("IEnumerable<T> Values<T>()", |call| {
        let mut values = Vec::new();
        for child in call.json(0)?.children() {
            values.push(from_token(&child, call.type_argument(0))?);
        }
        super::query::sequence(call, 0, values)
    }),
    member("T Value<T>(object key)", |call| {
        let child = match (call.get(0), call.get(1)) {
            (Datum::Json(token), Datum::String(name)) => token.get(name)?,
            (Datum::Json(token), Datum::Int(index)) => Some(token.at(*index)?),
            _ => return Err(Exception::argument("JSON is indexed by names and whole numbers")),
        };
        value_or_default(call, child)
    }),
    member("T ToObject<T>()", |call| from_token(call.json(0)?, call.type_argument(0))),
    member("string ToString(Formatting formatting)", |call| {
        let text = call.json(0)?.to_json(formatting(call.enumeration(1)?));
        call.made(text)
    }),
    member("JToken DeepClone()", |call| {
        let size = call.json(0)?.size();
        call.steps(size)?;
        call.charge(size.saturating_mul(JSON_TOKEN_BYTES))?;
        let copy = call.json(0)?.deep_clone();
        charged(call, copy)
    }),
    member("static bool DeepEquals(JToken t1, JToken t2)", |call| match (call.take(0), call.take(1)) {
        (Datum::Json(left), Datum::Json(right)) => {
            call.steps(left.size())?;
            Ok(Datum::Bool(left.deep_equals(&right)))
        }
        (left, right) => Ok(Datum::Bool(left.is_null() && right.is_null())),
    }),
    member("static JToken FromObject(object o)", |call| {
        let token = to_token(&call.get(0).clone(), call)?;
        charged(call, token)
    }),
    member("void Replace(JToken value)", |call| {
        let (token, value) = (call.json(0)?.clone(), token_of(call.get(1))?);
        let parent = token.parent().ok_or_else(no_parent)?;
        placed(call, &parent, &value)?;
        place(&token, &parent, |name| parent.set(name, &value), |index| parent.set_at(index, &value))?;
        Ok(Datum::Null)
    }),
    member("void Remove()", |call| {
        let token = call.json(0)?;
        let parent = token.parent().ok_or_else(no_parent)?;
        place(token, &parent, |name| removed(parent.remove(name)), |index| parent.remove_at(index))?;
        Ok(Datum::Null)
    }),
    refused("object CreateReader()", "tokens are read through their members"),
];

static CASTS: &[Member] = &[
    member("explicit operator decimal?(JToken value)", |call| cast(call, &Type::Decimal, true)),
    member("explicit operator float(JToken value)", |call| cast(call, &Type::Float, false)),
    member("explicit operator short(JToken value)", |call| cast(call, &Type::Short, false)),
    member("explicit operator byte(JToken value)", |call| cast(call, &Type::Byte, false)),
    member("explicit operator uint(JToken value)", |call| cast(call, &Type::UInt, false)),
    member("explicit operator ulong(JToken value)", |call| cast(call, &Type::ULong, false)),
    member("explicit operator DateTime(JToken value)", |call| {
        cast(call, &Type::named("DateTime", &[]), false)
    }),
    member("explicit operator DateTime?(JToken value)", |call| {
        cast(call, &Type::named("DateTime", &[]), true)
    }),
    member("explicit operator DateTimeOffset(JToken value)", |call| {
        cast(call, &Type::named("DateTimeOffset", &[]), false)
    }),
    member("explicit operator TimeSpan(JToken value)", |call| {
        cast(call, &Type::named("TimeSpan", &[]), false)
    }),
    member("explicit operator Guid(JToken value)", |call| cast(call, &Type::named("Guid", &[]), false)),
    member("explicit operator Guid?(JToken value)", |call| cast(call, &Type::named("Guid", &[]), true)),
    member("explicit operator byte[](JToken value)", |call| cast(call, &Type::array(Type::Byte), true)),
    member("implicit operator JToken(uint value)", of_value),
    member("implicit operator JToken(ulong value)", of_value),
    member("implicit operator JToken(float value)", of_value),
    member("implicit operator JToken(double? value)", of_value),
    member("implicit operator JToken(decimal? value)", of_value),
    member("implicit operator JToken(DateTimeOffset value)", of_value),
    member("implicit operator JToken(TimeSpan value)", of_value),
    member("implicit operator JToken(byte[] value)", of_value),
];

static CONTAINER: &[Member] = &[
    member("void Merge(object content)", |call| {
        let content = to_token(&call.get(1).clone(), call)?;
        let size = content.to_json(Formatting::None).len();
        call.charge(size)?;
        json::merge(call.json(0)?, &content)?;
        Ok(Datum::Null)
    }),
    member("IEnumerable<JToken> Descendants()", |call| {
        let mut found = Vec::new();
        descend(call.json(0)?, &mut found, LEVELS_MAX);
        call.steps(found.len())?;
        call.made_list("IEnumerable<JToken>", found)
    }),
    member("void RemoveAll()", |call| {
        let token = call.json(0)?;
        for (name, _) in token.properties() {
            token.remove(&name);
        }
        while token.kind() == JTokenKind::Array && token.count() > 0 {
            token.remove_at(i32::try_from(token.count() - 1).unwrap_or(0))?;
        }
        Ok(Datum::Null)
    }),
];

static OBJECT: &[Member] = &[
    member("static JObject FromObject(object o)", |call| of_kind(call, JTokenKind::Object)),
    member("JProperty Property(string name)", |call| {
        let name = call.text(1)?;
        let property = call.json(0)?.get(name)?.map(|value| Property { name: name.into(), value });
        Ok(property.map_or(Datum::Null, Datum::object))
    }),
    member("void Add(object content)", |call| {
        let content = call.get(1).clone();
        let Some(property) = content.instance::<Property>() else {
            return Err(Exception::argument("an object takes properties"));
        };
        placed(call, &call.json(0)?.clone(), &property.value)?;
        call.json(0)?.add(&property.name, &property.value)?;
        Ok(Datum::Null)
    }),
    member("JToken GetValue(string propertyName)", |call| {
        Ok(call.json(0)?.get(call.text(1)?)?.map_or(Datum::Null, Datum::Json))
    }),
    member("JToken GetValue(string propertyName, StringComparison comparison)", |call| {
        Ok(named(call, 2)?.map_or(Datum::Null, Datum::Json))
    }),
    member("bool TryGetValue(string propertyName, out JToken value)", |call| {
        let found = call.json(0)?.get(call.text(1)?)?;
        let is_there = found.is_some();
        call.set_out(2, found.map_or(Datum::Null, Datum::Json));
        Ok(Datum::Bool(is_there))
    }),
    member("bool TryGetValue(string propertyName, StringComparison comparison, out JToken value)", |call| {
        let found = named(call, 2)?;
        let is_there = found.is_some();
        call.set_out(3, found.map_or(Datum::Null, Datum::Json));
        Ok(Datum::Bool(is_there))
    }),
    member("IEnumerable<JToken> PropertyValues()", |call| {
        let values = call.json(0)?.children().into_iter().map(Datum::Json).collect();
        call.made_list("IEnumerable<JToken>", values)
    }),
];

static ARRAY: &[Member] = &[
    member("static JArray FromObject(object o)", |call| of_kind(call, JTokenKind::Array)),
    member("void Insert(int index, JToken item)", |call| {
        let value = token_of(call.get(2))?;
        call.charge(size_of::<Datum>())?;
        placed(call, &call.json(0)?.clone(), &value)?;
        call.json(0)?.insert(call.int(1)?, &value)?;
        Ok(Datum::Null)
    }),
    member("void RemoveAt(int index)", |call| {
        call.json(0)?.remove_at(call.int(1)?)?;
        Ok(Datum::Null)
    }),
    member("bool Remove(JToken item)", |call| {
        let place = place_of(call)?;
        if let Some(place) = place {
            call.json(0)?.remove_at(i32::try_from(place).unwrap_or(0))?;
        }
        Ok(Datum::Bool(place.is_some()))
    }),
    member("bool Contains(JToken item)", |call| Ok(Datum::Bool(place_of(call)?.is_some()))),
    member("int IndexOf(JToken item)", |call| Ok(place_of(call)?.map_or(Datum::Int(-1), number))),
    member("void Clear()", |call| {
        let token = call.json(0)?;
        while token.count() > 0 {
            token.remove_at(i32::try_from(token.count() - 1).unwrap_or(0))?;
        }
        Ok(Datum::Null)
    }),
];

static VALUE: &[Member] = &[
    member("static JValue CreateNull()", |call| charged(call, JToken::null())),
    member("static JValue CreateString(string value)", |call| {
        let token = token_of(call.get(0))?;
        charged(call, token)
    }),
    member("string ToString(string format)", |call| {
        let text = super::json::scalar(call.json(0)?).to_text(call.text_or_null(1)?.unwrap_or(""))?;
        call.made(text)
    }),
    member("int CompareTo(JValue obj)", super::number::compare_to),
];

static EXTENSIONS: &[Member] = &[
    member("static T Value<T>(this IEnumerable<JToken> value)", |call| match call.get(0).clone() {
        Datum::Json(token) => value_or_default(call, Some(token)),
        _ => Err(Exception::argument("only a token has a value")),
    }),
    member("static IEnumerable<T> Values<T>(this IEnumerable<JToken> source)", |call| {
        let mut values = Vec::new();
        for item in call.items(0)? {
            if let Datum::Json(token) = item {
                values.push(from_token(&token, call.type_argument(0))?);
            }
        }
        super::query::sequence(call, 0, values)
    }),
];

static JSON_CONVERT: &[Member] = &[
    member("static string SerializeObject(object value)", |call| {
        let text = to_token(&call.get(0).clone(), call)?.to_json(Formatting::None);
        call.made(text)
    }),
    member("static string SerializeObject(object value, Formatting formatting)", |call| {
        let text = to_token(&call.get(0).clone(), call)?.to_json(formatting(call.enumeration(1)?));
        call.made(text)
    }),
    member("static object DeserializeObject(string value)", |call| {
        let parsed = super::json::parsed(call, json::parse)?;
        Ok(match &parsed {
            Datum::Json(token) if token.scalar().is_some() => super::json::scalar(token),
            _ => parsed,
        })
    }),
    member("static T DeserializeObject<T>(string value)", |call| {
        let Datum::Json(token) = super::json::parsed(call, json::parse)? else { return Ok(Datum::Null) };
        from_token(&token, call.type_argument(0))
    }),
    member("static string ToString(string value)", |call| {
        let text = call.text_or_null(0)?.map_or_else(|| "null".to_owned(), json::quoted);
        call.made(text)
    }),
    refused("static void PopulateObject(string value, object target)", "use JContainer.Merge"),
];

fn formatting(number: i32) -> Formatting {
    if number == 1 { Formatting::Indented } else { Formatting::None }
}

fn charged(call: &mut Call<'_, '_>, token: JToken) -> Result<Datum, Exception> {
    let size = token.to_json(Formatting::None).len();
    call.charge(size)?;
    Ok(Datum::Json(token))
}

fn of_value(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let token = to_token(&call.get(0).clone(), call)?;
    charged(call, token)
}

/// `(T)token`; nothing of JSON's null where the type takes it.
fn cast(call: &Call<'_, '_>, of: &Type, takes_null: bool) -> Result<Datum, Exception> {
    match call.get(0) {
        Datum::Null if takes_null => Ok(Datum::Null),
        Datum::Json(token) if takes_null && token.kind() == JTokenKind::Null => Ok(Datum::Null),
        _ => from_token(call.json(0)?, of),
    }
}

/// The value as one of the type argument; its default where there is none.
fn value_or_default(call: &Call<'_, '_>, token: Option<JToken>) -> Result<Datum, Exception> {
    let of = call.type_argument(0);
    match token {
        Some(token) if token.kind() != JTokenKind::Null => from_token(&token, of),
        _ => Ok(crate::expression::compile::default_of(of)),
    }
}

/// What the path leads to.
fn found(call: &mut Call<'_, '_>) -> Result<Vec<JToken>, Exception> {
    let (token, path) = (call.json(0)?.clone(), call.text(1)?.to_owned());
    json::select_all(&token, &path, &mut |passed| call.steps(passed))
}

fn selected(call: &mut Call<'_, '_>, must: bool) -> Result<Datum, Exception> {
    let mut found = found(call)?.into_iter();
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(Datum::Json(one)),
        (Some(_), Some(_)) => {
            Err(Exception::new(ExceptionKind::JsonReader, "the path leads to more than one token"))
        }
        _ if must => Err(Exception::new(ExceptionKind::JsonReader, "the path leads to no token")),
        _ => Ok(Datum::Null),
    }
}

/// The property whose name is equal in this comparison: an exact one first.
fn named(call: &Call<'_, '_>, number: usize) -> Result<Option<JToken>, Exception> {
    let (name, comparison) = (call.text(1)?, comparison_of(call, number)?);
    let token = call.json(0)?;
    if let Some(exact) = token.get(name)? {
        return Ok(Some(exact));
    }
    let mut properties = token.properties().into_iter();
    Ok(properties.find(|(known, _)| equals(Some(known), Some(name), comparison)).map(|(_, value)| value))
}

fn of_kind(call: &mut Call<'_, '_>, kind: JTokenKind) -> Result<Datum, Exception> {
    let token = to_token(&call.get(0).clone(), call)?;
    if token.kind() != kind {
        let text = format!("the value becomes a JSON {}, not {}", token.kind().name(), kind.name());
        return Err(Exception::argument(text));
    }
    charged(call, token)
}

/// The place of the item in an array: the token itself, or a value that is equal.
fn place_of(call: &Call<'_, '_>) -> Result<Option<usize>, Exception> {
    let item = token_of(call.get(1))?;
    let same =
        |child: &JToken| child.is(&item) || (item.scalar().is_some() && child.scalar() == item.scalar());
    Ok(call.json(0)?.children().iter().position(same))
}

/// Does something at the place of a token in its parent.
fn place(
    token: &JToken,
    parent: &JToken,
    by_name: impl FnOnce(&str) -> Result<(), Exception>,
    by_index: impl FnOnce(i32) -> Result<(), Exception>,
) -> Result<(), Exception> {
    if let Some((name, _)) = parent.properties().iter().find(|(_, child)| child.is(token)) {
        return by_name(name);
    }
    match parent.children().iter().position(|child| child.is(token)) {
        Some(index) => by_index(i32::try_from(index).unwrap_or(i32::MAX)),
        None => Err(no_parent()),
    }
}

fn removed(was_there: bool) -> Result<(), Exception> {
    if was_there { Ok(()) } else { Err(no_parent()) }
}

fn descend(token: &JToken, found: &mut Vec<Datum>, levels: usize) {
    for child in token.children() {
        found.push(Datum::Json(child.clone()));
        if levels > 0 {
            descend(&child, found, levels - 1);
        }
    }
}

fn no_parent() -> Exception {
    Exception::new(ExceptionKind::InvalidOperation, "the token has no parent")
}

fn type_number(kind: JTokenKind) -> i32 {
    match kind {
        JTokenKind::Object => 1,
        JTokenKind::Array => 2,
        JTokenKind::Integer => 6,
        JTokenKind::Float => 7,
        JTokenKind::String => 8,
        JTokenKind::Boolean => 9,
        JTokenKind::Null => 10,
    }
}

/// One more than the levels that a tree may have.
const LEVELS_MAX: usize = crate::dotnet::limits::JSON_DEPTH_MAX + 1;

static FORMATTING: EnumType =
    EnumType { name: "Formatting", flags: false, values: &[("None", 0), ("Indented", 1)] };

static TOKEN_TYPE: EnumType = EnumType {
    name: "JTokenType",
    flags: false,
    values: &[
        ("None", 0),
        ("Object", 1),
        ("Array", 2),
        ("Constructor", 3),
        ("Property", 4),
        ("Comment", 5),
        ("Integer", 6),
        ("Float", 7),
        ("String", 8),
        ("Boolean", 9),
        ("Null", 10),
        ("Undefined", 11),
        ("Date", 12),
        ("Raw", 13),
        ("Bytes", 14),
        ("Guid", 15),
        ("Uri", 16),
        ("TimeSpan", 17),
    ],
};
