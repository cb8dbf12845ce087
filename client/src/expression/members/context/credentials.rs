//! What the gateway adds to texts and bytes: Basic credentials and JSON Web Tokens. A token is read, not
//! verified: that is the part of `validate-jwt`.

use std::borrow::Cow;
use std::sync::Arc;

use larder_proto::envelope::{Date, DateKind};

use super::super::{Call, Member, TypeRow, class, member, refused};
use crate::dotnet::collection::List;
use crate::dotnet::date::{TICKS_PER_SECOND, UNIX_EPOCH_TICKS};
use crate::dotnet::json::{self, JToken, JTokenKind};
use crate::dotnet::object::Instance;
use crate::dotnet::{Datum, Exception, encoding};
use crate::expression::run::pair;

pub(in super::super) static TYPES: &[TypeRow] = &[
    class("", "static class PolicyExtensions", EXTENSIONS),
    class("", "class Jwt", JWT),
    class("", "class JwtClaims : IEnumerable<KeyValuePair<string, string[]>>", CLAIMS),
    class("", "class BasicAuthCredentials", BASIC),
];

const NO_CIPHERS: &str = "this gateway keeps no keys for ciphers";

static EXTENSIONS: &[Member] = &[
    member("static BasicAuthCredentials AsBasic(this string input)", |call| {
        Ok(call.text_or_null(0)?.and_then(Basic::read).map_or(Datum::Null, Datum::object))
    }),
    member("static bool TryParseBasic(this string input, out BasicAuthCredentials result)", |call| {
        let found = call.text_or_null(0)?.and_then(Basic::read);
        let is_one = found.is_some();
        call.set_out(1, found.map_or(Datum::Null, Datum::object));
        Ok(Datum::Bool(is_one))
    }),
    member("static Jwt AsJwt(this string input)", |call| {
        let found = read_token(call)?;
        Ok(found.map_or(Datum::Null, Datum::object))
    }),
    member("static bool TryParseJwt(this string input, out Jwt result)", |call| {
        let found = read_token(call)?;
        let is_one = found.is_some();
        call.set_out(1, found.map_or(Datum::Null, Datum::object));
        Ok(Datum::Bool(is_one))
    }),
    refused("static byte[] Encrypt(this byte[] input, string alg, byte[] key, byte[] iv)", NO_CIPHERS),
    refused("static byte[] Decrypt(this byte[] input, string alg, byte[] key, byte[] iv)", NO_CIPHERS),
];

static BASIC: &[Member] = &[
    member("string UserId", |call| Ok(Datum::String(call.object::<Basic>(0)?.user.clone()))),
    member("string Username", |call| Ok(Datum::String(call.object::<Basic>(0)?.user.clone()))),
    member("string Password", |call| Ok(Datum::String(call.object::<Basic>(0)?.password.clone()))),
];

static JWT: &[Member] = &[
    member("string Algorithm", |call| Ok(claim(&call.object::<Jwt>(0)?.header, "alg"))),
    member("string Type", |call| Ok(claim(&call.object::<Jwt>(0)?.header, "typ"))),
    member("IEnumerable<string> Audiences", |call| {
        let audiences = values(&call.object::<Jwt>(0)?.payload, "aud").unwrap_or_default();
        call.made_list("IEnumerable<string>", audiences.into_iter().map(Datum::String).collect())
    }),
    member("JwtClaims Claims", |call| Ok(Datum::object(Claims(call.object::<Jwt>(0)?.payload.clone())))),
    member("DateTime? ExpirationTime", |call| Ok(time(&call.object::<Jwt>(0)?.payload, "exp"))),
    member("DateTime? IssuedAt", |call| Ok(time(&call.object::<Jwt>(0)?.payload, "iat"))),
    member("DateTime? NotBefore", |call| Ok(time(&call.object::<Jwt>(0)?.payload, "nbf"))),
    member("string Id", |call| Ok(claim(&call.object::<Jwt>(0)?.payload, "jti"))),
    member("string Issuer", |call| Ok(claim(&call.object::<Jwt>(0)?.payload, "iss"))),
    member("string Subject", |call| Ok(claim(&call.object::<Jwt>(0)?.payload, "sub"))),
];

static CLAIMS: &[Member] = &[
    member("string GetValueOrDefault(string claimName, string defaultValue = null)", |call| {
        let found = values(&call.object::<Claims>(0)?.0, call.text(1)?);
        match found {
            Some(values) => call.made(values.join(",")),
            None => Ok(call.take(2)),
        }
    }),
    member("bool ContainsKey(string key)", |call| {
        Ok(Datum::Bool(values(&call.object::<Claims>(0)?.0, call.text(1)?).is_some()))
    }),
    member("bool TryGetValue(string key, out string[] value)", |call| {
        let found = values(&call.object::<Claims>(0)?.0, call.text(1)?);
        let is_there = found.is_some();
        call.set_out(2, found.map_or(Datum::Null, texts));
        Ok(Datum::Bool(is_there))
    }),
    member("string[] this[string key]", |call| {
        use crate::dotnet::ExceptionKind::KeyNotFound;
        let found = values(&call.object::<Claims>(0)?.0, call.text(1)?);
        found.map(texts).ok_or_else(|| Exception::new(KeyNotFound, "the token does not have this claim"))
    }),
    member("int Count", |call| {
        Ok(Datum::Int(i32::try_from(call.object::<Claims>(0)?.0.count()).unwrap_or(i32::MAX)))
    }),
    member("IEnumerable<string> Keys", |call| {
        let names = call.object::<Claims>(0)?.0.properties();
        let keys = names.into_iter().map(|(name, _)| Datum::String(name)).collect();
        call.made_list("IEnumerable<string>", keys)
    }),
];

/// Basic credentials. Its `Debug` does not show them.
struct Basic {
    user: Arc<str>,
    password: Arc<str>,
}

impl Basic {
    /// `Basic dXNlcjpwYXNz`, or without the first word.
    fn read(text: &str) -> Option<Self> {
        let bytes = encoding::from_base64(without_scheme(text, "Basic")).ok()?;
        let text = encoding::from_utf8(&bytes);
        let (user, password) = text.split_once(':')?;
        Some(Self { user: user.into(), password: password.into() })
    }
}

/// A JSON Web Token that was read. Its `Debug` does not show it.
struct Jwt {
    header: JToken,
    payload: JToken,
}

/// The claims of a token.
struct Claims(JToken);

/// A token, with or without `Bearer` in front; none if it is none.
fn read_token(call: &mut Call<'_, '_>) -> Result<Option<Jwt>, Exception> {
    let Some(text) = call.text_or_null(0)? else { return Ok(None) };
    let text = without_scheme(text, "Bearer").to_owned();
    call.charge(text.len().saturating_mul(super::super::json::TREE_PER_TEXT))?;
    let parts: Vec<&str> = text.split('.').collect();
    let [header, payload, _signature] = &*parts else { return Ok(None) };
    Ok(object(header).zip(object(payload)).map(|(header, payload)| Jwt { header, payload }))
}

/// A part of a token: Base64 in the alphabet for URLs, without padding.
fn object(part: &str) -> Option<JToken> {
    let mut standard: String = part
        .chars()
        .map(|letter| match letter {
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    while !standard.len().is_multiple_of(4) {
        standard.push('=');
    }
    let bytes = encoding::from_base64(&standard).ok()?;
    json::parse_object(std::str::from_utf8(&bytes).ok()?).ok()
}

fn without_scheme<'t>(text: &'t str, scheme: &str) -> &'t str {
    let text = text.trim();
    match text.split_once(' ') {
        Some((first, rest)) if first.eq_ignore_ascii_case(scheme) => rest.trim(),
        _ => text,
    }
}

fn claim(object: &JToken, name: &str) -> Datum {
    values(object, name).map_or(Datum::Null, |values| Datum::String(values.join(",").into()))
}

/// The values of a claim: an array has several.
fn values(object: &JToken, name: &str) -> Option<Vec<Arc<str>>> {
    let token = object.get(name).ok()??;
    let text = |token: &JToken| match token.kind() {
        JTokenKind::Object | JTokenKind::Array => Some(token.to_json(json::Formatting::None).into()),
        _ => json::as_text(token).ok().flatten(),
    };
    Some(match token.kind() {
        JTokenKind::Array => token.children().iter().filter_map(text).collect(),
        _ => text(&token).into_iter().collect(),
    })
}

fn texts(values: Vec<Arc<str>>) -> Datum {
    Datum::List(List::of("string[]", values.into_iter().map(Datum::String).collect()))
}

/// Seconds since 1970 as a date in UTC.
fn time(object: &JToken, name: &str) -> Datum {
    let seconds = object.get(name).ok().flatten().and_then(|token| json::as_i64(&token).ok());
    let ticks =
        seconds.and_then(|seconds| seconds.checked_mul(TICKS_PER_SECOND)?.checked_add(UNIX_EPOCH_TICKS));
    ticks.and_then(|ticks| Date::new(ticks, DateKind::Utc)).map_or(Datum::Null, Datum::Date)
}

macro_rules! hidden {
    ($($object:ident $name:literal),*) => {
        $(impl std::fmt::Debug for $object {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str($name)
            }
        })*
    };
}

hidden!(Basic "BasicAuthCredentials", Jwt "Jwt", Claims "JwtClaims");

impl Instance for Basic {
    fn type_name(&self) -> Cow<'_, str> {
        Cow::Borrowed("BasicAuthCredentials")
    }
}

impl Instance for Jwt {
    fn type_name(&self) -> Cow<'_, str> {
        Cow::Borrowed("Jwt")
    }
}

impl Instance for Claims {
    fn type_name(&self) -> Cow<'_, str> {
        Cow::Borrowed("JwtClaims")
    }

    fn items(&self) -> Option<Vec<Datum>> {
        let names = self.0.properties().into_iter();
        Some(
            names
                .map(|(name, _)| {
                    let values = values(&self.0, &name).unwrap_or_default();
                    pair(Datum::String(name), texts(values))
                })
                .collect(),
        )
    }
}
