//! `Uri` and `IPAddress`.

use super::number::tried;
use super::{Call, Member, TypeRow, class, enumeration, member, refused};
use crate::dotnet::object::EnumType;
use crate::dotnet::uri::{Address, Uri, UriKind};
use crate::dotnet::{Datum, Exception, encoding};

pub(super) static TYPES: &[TypeRow] = &[
    class("System", "class Uri", URI),
    class("System", "class UriFormatException : FormatException", &[]),
    class("System.Net", "class IPAddress", IP_ADDRESS),
    enumeration("System", &URI_KIND),
    enumeration("System", &URI_PARTIAL),
];

static URI: &[Member] = &[
    member("new(string uriString)", |call| Uri::parse(call.text(0)?, UriKind::Absolute).map(Datum::object)),
    member("new(string uriString, UriKind uriKind)", |call| {
        Uri::parse(call.text(0)?, kind(call, 1)?).map(Datum::object)
    }),
    member("new(Uri baseUri, string relativeUri)", |call| {
        call.object::<Uri>(0)?.join(call.text(1)?).map(Datum::object)
    }),
    member("new(Uri baseUri, Uri relativeUri)", |call| {
        call.object::<Uri>(0)?.join(call.object::<Uri>(1)?.original()).map(Datum::object)
    }),
    member("static bool TryCreate(string uriString, UriKind uriKind, out Uri result)", |call| {
        tried(call, 2, Datum::Null, |call| Uri::parse(call.text(0)?, kind(call, 1)?).map(Datum::object))
    }),
    member("static bool IsWellFormedUriString(string uriString, UriKind uriKind)", |call| {
        let text = call.text_or_null(0)?.unwrap_or("");
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte));
        Ok(Datum::Bool(is_plain && Uri::parse(text, kind(call, 1)?).is_ok()))
    }),
    member("static string EscapeDataString(string stringToEscape)", |call| {
        call.made(encoding::escape_data(call.text(0)?))
    }),
    member("static string UnescapeDataString(string stringToUnescape)", |call| {
        call.made(encoding::unescape_data(call.text(0)?))
    }),
    refused(
        "static string EscapeUriString(string stringToEscape)",
        "it damages some addresses; use EscapeDataString",
    ),
    member("bool IsAbsoluteUri", |call| Ok(Datum::Bool(call.object::<Uri>(0)?.is_absolute()))),
    member("string OriginalString", |call| part(call, |uri| Ok(uri.original()))),
    member("string AbsoluteUri", |call| part(call, Uri::text)),
    member("string Scheme", |call| part(call, Uri::scheme)),
    member("string Host", |call| part(call, Uri::host)),
    member("string DnsSafeHost", |call| part(call, Uri::host)),
    member("string Authority", |call| part(call, Uri::authority)),
    member("string UserInfo", |call| part(call, Uri::user_info)),
    member("string AbsolutePath", |call| part(call, Uri::path)),
    member("string LocalPath", |call| {
        let path = encoding::unescape_data(call.object::<Uri>(0)?.path()?);
        call.made(path)
    }),
    member("string PathAndQuery", |call| part(call, Uri::path_and_query)),
    member("string Query", |call| part(call, Uri::query)),
    member("string Fragment", |call| part(call, Uri::fragment)),
    member("int Port", |call| Ok(Datum::Int(call.object::<Uri>(0)?.port()?))),
    member("bool IsDefaultPort", |call| Ok(Datum::Bool(call.object::<Uri>(0)?.is_default_port()?))),
    member("string[] Segments", |call| {
        let segments = call.object::<Uri>(0)?.segments()?.into_iter().map(Datum::text).collect();
        call.made_list("string[]", segments)
    }),
    member("string GetLeftPart(UriPartial part)", |call| {
        let left = call.object::<Uri>(0)?.left_part(call.enumeration(1)?)?.to_owned();
        call.made(left)
    }),
];

static IP_ADDRESS: &[Member] = &[
    member("static IPAddress Parse(string ipString)", |call| {
        Address::parse(call.text(0)?).map(Datum::object)
    }),
    member("static bool TryParse(string ipString, out IPAddress address)", |call| {
        tried(call, 1, Datum::Null, |call| Address::parse(call.text(0)?).map(Datum::object))
    }),
    member("static bool IsLoopback(IPAddress address)", |call| {
        Ok(Datum::Bool(call.object::<Address>(0)?.0.is_loopback()))
    }),
    member("byte[] GetAddressBytes()", |call| {
        let bytes = call.object::<Address>(0)?.bytes();
        call.made_bytes(bytes)
    }),
];

/// The argument of type `UriKind`.
fn kind(call: &Call<'_, '_>, number: usize) -> Result<UriKind, Exception> {
    Ok(match call.enumeration(number)? {
        0 => UriKind::RelativeOrAbsolute,
        1 => UriKind::Absolute,
        2 => UriKind::Relative,
        _ => return Err(Exception::argument("UriKind has the values 0 to 2")),
    })
}

fn part(
    call: &mut Call<'_, '_>,
    of: impl for<'u> Fn(&'u Uri) -> Result<&'u str, Exception>,
) -> Result<Datum, Exception> {
    let part = of(call.object::<Uri>(0)?)?.to_owned();
    call.made(part)
}

static URI_KIND: EnumType = EnumType {
    name: "UriKind",
    flags: false,
    values: &[("RelativeOrAbsolute", 0), ("Absolute", 1), ("Relative", 2)],
};

static URI_PARTIAL: EnumType = EnumType {
    name: "UriPartial",
    flags: false,
    values: &[("Scheme", 0), ("Authority", 1), ("Path", 2), ("Query", 3)],
};
