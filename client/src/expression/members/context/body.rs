//! `IMessageBody`: what a message holds, as the type that is asked for.

use std::sync::Arc;

use bytes::Bytes;

use super::super::json::TREE_PER_TEXT;
use super::super::{Call, Member, TypeRow, class, member};
use super::message::KeptBody;
use crate::context::Content;
use crate::dotnet::collection::{Dictionary, List};
use crate::dotnet::object::Part;
use crate::dotnet::{Datum, Exception, ExceptionKind, encoding, json};
use crate::expression::types::Type;

pub(in super::super) static TYPES: &[TypeRow] = &[class("", "interface IMessageBody", BODY)];

static BODY: &[Member] = &[
    member("T As<T>(bool preserveContent = false)", |call| {
        let wanted = call.type_argument(0).clone();
        if !is_known(&wanted) {
            let text = "a body is read as string, byte[], JObject, JArray or JToken";
            return Err(Exception::new(ExceptionKind::NotSupported, text));
        }
        let bytes = content(call)?;
        as_type(call, bytes, &wanted)
    }),
    member("IDictionary<string, IList<string>> AsFormUrlEncodedContent(bool preserveContent = false)", form),
];

/// The bytes; used up unless they are to be preserved.
fn content(call: &mut Call<'_, '_>) -> Result<Bytes, Exception> {
    let preserve = call.bool(1)?;
    let part = match call.get(0) {
        Datum::Part(part) => *part,
        _ => return Ok(call.object::<KeptBody>(0)?.0.body.clone()),
    };
    let context = call.context();
    let place = match part {
        Part::RequestBody => Some(&mut context.request.body),
        _ => context.response.as_mut().map(|response| &mut response.body),
    };
    let consumed = "the body has been read before; preserveContent: true keeps it";
    match place {
        Some(place @ Content::Bytes(_)) => {
            let Content::Bytes(bytes) = place else { return Ok(Bytes::new()) };
            let bytes = bytes.clone();
            if !preserve {
                *place = Content::Consumed;
            }
            Ok(bytes)
        }
        Some(Content::Consumed) => Err(Exception::new(ExceptionKind::InvalidOperation, consumed)),
        Some(Content::Stream(_)) => {
            Err(Exception::new(ExceptionKind::InvalidOperation, "the body has not been read yet"))
        }
        Some(Content::Absent) | None => Ok(Bytes::new()),
    }
}

fn is_known(wanted: &Type) -> bool {
    let is_bytes = matches!(wanted, Type::Array(element) if **element == Type::Byte);
    *wanted == Type::String
        || is_bytes
        || ["JObject", "JArray", "JToken"].iter().any(|name| wanted.is_class(name))
}

fn as_type(call: &mut Call<'_, '_>, bytes: Bytes, wanted: &Type) -> Result<Datum, Exception> {
    if let Type::Array(_) = wanted {
        return Ok(Datum::Bytes(bytes));
    }
    let text = encoding::from_utf8(bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes));
    if *wanted == Type::String {
        return call.made(text);
    }
    call.charge(text.len().saturating_mul(TREE_PER_TEXT))?;
    let parse = match wanted {
        wanted if wanted.is_class("JObject") => json::parse_object,
        wanted if wanted.is_class("JArray") => json::parse_array,
        _ => json::parse,
    };
    Ok(Datum::Json(parse(&text)?))
}

/// `a=1&b=2&a=3`: names and all their values.
fn form(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let bytes = content(call)?;
    call.charge(bytes.len().saturating_mul(TREE_PER_TEXT))?;
    let text = encoding::from_utf8(&bytes);
    let found = Dictionary::new("Dictionary<string, IList<string>>", false);
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let key = found.key(Datum::String(encoding::url_decode(name).into()));
        let value = Datum::String(encoding::url_decode(value).into());
        let mut entries = found.entries();
        let values = entries.entry(key).or_insert_with(|| Datum::List(List::of("List<string>", Vec::new())));
        if let Datum::List(values) = values {
            let values: Arc<List> = values.clone();
            drop(entries);
            values.items().push(value);
        }
    }
    Ok(Datum::Dictionary(found))
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
