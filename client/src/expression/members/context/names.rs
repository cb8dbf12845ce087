//! Names and their values: headers, the parameters of a query, and those that a template matched.

use std::sync::Arc;

use larder_proto::envelope::Response;

use super::super::{Call, Member, TypeRow, class, member};
use super::message::KeptHeaders;
use crate::context::{Context, Url, joined};
use crate::dotnet::collection::List;
use crate::dotnet::object::Part;
use crate::dotnet::{Datum, Exception, ExceptionKind};
use crate::expression::run::pair;

pub(in super::super) static TYPES: &[TypeRow] = &[
    class("", "interface IHeaders : IEnumerable<KeyValuePair<string, string[]>>", HEADERS),
    class("", "interface IQuery : IEnumerable<KeyValuePair<string, string[]>>", QUERY),
    class("", "interface IMatchedParameters : IEnumerable<KeyValuePair<string, string>>", MATCHED),
];

static HEADERS: &[Member] = &[
    member("string GetValueOrDefault(string headerName, string defaultValue = null)", or_default),
    member("bool ContainsKey(string key)", contains),
    member("bool TryGetValue(string key, out string[] value)", try_get),
    member("string[] this[string key]", values),
    member("int Count", count),
    member("IEnumerable<string> Keys", keys),
];

static QUERY: &[Member] = &[
    member("string GetValueOrDefault(string queryParameterName, string defaultValue = null)", or_default),
    member("bool ContainsKey(string key)", contains),
    member("bool TryGetValue(string key, out string[] value)", try_get),
    member("string[] this[string key]", values),
    member("int Count", count),
    member("IEnumerable<string> Keys", keys),
];

static MATCHED: &[Member] = &[
    member("string GetValueOrDefault(string key, string defaultValue = null)", |call| {
        Ok(matched(call)?.unwrap_or(call.take(2)))
    }),
    member("bool ContainsKey(string key)", |call| Ok(Datum::Bool(matched(call)?.is_some()))),
    member("bool TryGetValue(string key, out string value)", |call| {
        let found = matched(call)?;
        let is_there = found.is_some();
        call.set_out(2, found.unwrap_or(Datum::Null));
        Ok(Datum::Bool(is_there))
    }),
    member("string this[string key]", |call| matched(call)?.ok_or_else(no_key)),
    member("int Count", count),
    member("IEnumerable<string> Keys", keys),
];

fn matched(call: &mut Call<'_, '_>) -> Result<Option<Datum>, Exception> {
    let name = Arc::<str>::from(call.text(1)?);
    Ok(call.context().request.matched_parameters.get(&name).cloned().map(Datum::String))
}

/// The values of a name, joined by commas. This is what nearly every policy asks for.
fn or_default(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let Datum::String(name) = call.get(1).clone() else { return Err(super::super::call::null()) };
    let joined = match call.get(0) {
        Datum::Part(Part::RequestHeaders) => joined(&call.context().request.headers, &name),
        Datum::Part(Part::ResponseHeaders) => {
            call.context().response.as_ref().and_then(|response| joined(&response.headers, &name))
        }
        _ => found(call, &name)?.map(|values| values.join(",")),
    };
    match joined {
        Some(text) => call.made(text),
        None => Ok(call.take(2)),
    }
}

/// The values of a name; none if it is absent. Names of headers and parameters have no case.
fn found(call: &mut Call<'_, '_>, name: &str) -> Result<Option<Vec<String>>, Exception> {
    let all = match call.get(0) {
        Datum::Part(part) => {
            let part = *part;
            grouped(part, call.context())
        }
        Datum::Object(_) if call.object::<Url>(0).is_ok() => parameters(call.object::<Url>(0)?),
        _ => kept(&call.object::<KeptHeaders>(0)?.0),
    };
    Ok(all.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, values)| values))
}

fn values(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let name = call.text(1)?.to_owned();
    match found(call, &name)? {
        Some(values) => Ok(texts(values)),
        None => Err(no_key()),
    }
}

fn contains(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let name = call.text(1)?.to_owned();
    Ok(Datum::Bool(found(call, &name)?.is_some()))
}

fn try_get(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let name = call.text(1)?.to_owned();
    let found = found(call, &name)?;
    let is_there = found.is_some();
    call.set_out(2, found.map_or(Datum::Null, texts));
    Ok(Datum::Bool(is_there))
}

fn count(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    Ok(Datum::Int(i32::try_from(call.items(0)?.len()).unwrap_or(i32::MAX)))
}

fn keys(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let entries = call.items(0)?.into_iter();
    let keys = entries.filter_map(|entry| match entry {
        Datum::Record(entry) => entry.members.first().map(|(_, key)| key.clone()),
        _ => None,
    });
    let keys = keys.collect();
    call.made_list("IEnumerable<string>", keys)
}

fn no_key() -> Exception {
    Exception::new(ExceptionKind::KeyNotFound, "there is no value of this name")
}

/// The entries of a part of the context that can be walked through.
pub(in crate::expression) fn entries(part: Part, context: &Context) -> Vec<Datum> {
    match part {
        Part::Variables => {
            let pairs = context.variables.iter();
            pairs.map(|(name, value)| pair(Datum::String(name.clone()), value.clone())).collect()
        }
        Part::MatchedParameters => {
            let pairs = context.request.matched_parameters.iter();
            pairs
                .map(|(name, value)| pair(Datum::String(name.clone()), Datum::String(value.clone())))
                .collect()
        }
        part => grouped(part, context).into_iter().map(entry).collect(),
    }
}

/// The headers of a response that was kept, as entries.
pub(super) fn kept_entries(response: &Response) -> Vec<Datum> {
    kept(response).into_iter().map(entry).collect()
}

type Named = (String, Vec<String>);

fn entry((name, values): Named) -> Datum {
    pair(Datum::String(name.into()), texts(values))
}

fn texts(values: Vec<String>) -> Datum {
    Datum::List(List::of("string[]", values.into_iter().map(|value| Datum::String(value.into())).collect()))
}

fn grouped(part: Part, context: &Context) -> Vec<Named> {
    match part {
        Part::RequestHeaders => headers(&context.request.headers),
        Part::ResponseHeaders => {
            context.response.as_ref().map(|response| headers(&response.headers)).unwrap_or_default()
        }
        Part::Query => parameters(&context.request.url),
        Part::OriginalQuery => parameters(&context.request.original_url),
        _ => Vec::new(),
    }
}

fn headers(headers: &http::HeaderMap) -> Vec<Named> {
    let values = |name| headers.get_all(name).iter().map(|value| latin(value.as_bytes())).collect();
    headers.keys().map(|name| (name.as_str().to_owned(), values(name))).collect()
}

fn kept(response: &Response) -> Vec<Named> {
    group(response.headers.iter().map(|(name, value)| (name.clone(), latin(value))))
}

fn parameters(url: &Url) -> Vec<Named> {
    group(url.parameters())
}

fn group(pairs: impl Iterator<Item = (String, String)>) -> Vec<Named> {
    let mut found: indexmap::IndexMap<String, Named> = indexmap::IndexMap::new();
    for (name, value) in pairs {
        let values = found.entry(name.to_ascii_lowercase()).or_insert_with(|| (name, Vec::new()));
        values.1.push(value);
    }
    found.into_values().collect()
}

/// Bytes above ASCII are read as ISO 8859-1.
fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}
