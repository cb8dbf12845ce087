//! `IUrl`.

use super::super::{Call, Member, TypeRow, class, member};
use crate::context::Url;
use crate::dotnet::object::{Instance, Part};
use crate::dotnet::{Datum, Exception};

pub(in super::super) static TYPES: &[TypeRow] = &[class("", "interface IUrl", URL)];

static URL: &[Member] = &[
    member("string Host", |call| Ok(Datum::String(url(call)?.host.clone()))),
    member("string Path", |call| Ok(Datum::String(url(call)?.path.clone()))),
    member("int Port", |call| Ok(Datum::Int(url(call)?.port.into()))),
    member("IQuery Query", |call| {
        Ok(match call.get(0) {
            Datum::Part(Part::OriginalUrl) => Datum::Part(Part::OriginalQuery),
            Datum::Part(_) => Datum::Part(Part::Query),
            _ => Datum::object(url(call)?.clone()),
        })
    }),
    member("string QueryString", |call| {
        let text = url(call)?.query_string();
        call.made(text)
    }),
    member("string Scheme", |call| Ok(Datum::String(url(call)?.scheme.clone()))),
    member("string ToString()", |call| {
        let text = url(call)?.to_text();
        call.made(text)
    }),
];

/// The URL that a value is a handle of.
pub(super) fn url<'c>(call: &'c mut Call<'_, '_>) -> Result<&'c Url, Exception> {
    match call.get(0) {
        Datum::Part(Part::Url | Part::Query) => Ok(&call.context().request.url),
        Datum::Part(_) => Ok(&call.context().request.original_url),
        _ => call.object::<Url>(0),
    }
}

impl Instance for Url {
    fn type_name(&self) -> std::borrow::Cow<'_, str> {
        "IUrl".into()
    }

    fn to_text(&self) -> String {
        let standard = if &*self.scheme == "https" { 443 } else { 80 };
        let port = if self.port == standard { String::new() } else { format!(":{}", self.port) };
        format!("{}://{}{port}{}{}", self.scheme, self.host, self.path, self.query_string())
    }
}
