//! `Encoding`, `BitConverter` and `WebUtility`: texts as bytes, bytes as numbers, texts within others.

use std::borrow::Cow;

use super::{Call, Member, TypeRow, class, member, refused};
use crate::dotnet::object::Instance;
use crate::dotnet::{Datum, Exception, ExceptionKind, encoding};

pub(super) static TYPES: &[TypeRow] = &[
    class("System.Text", "class Encoding", ENCODING),
    class("System", "static class BitConverter", BIT_CONVERTER),
    class("System.Net", "static class WebUtility", WEB_UTILITY),
];

static ENCODING: &[Member] = &[
    member("static Encoding UTF8", |_| Ok(Datum::object(Encoding::Utf8))),
    member("static Encoding ASCII", |_| Ok(Datum::object(Encoding::Ascii))),
    member("static Encoding Unicode", |_| Ok(Datum::object(Encoding::Utf16))),
    member("static Encoding BigEndianUnicode", |_| Ok(Datum::object(Encoding::Utf16BigEndian))),
    member("static Encoding Latin1", |_| Ok(Datum::object(Encoding::Latin1))),
    member("static Encoding Default", |_| Ok(Datum::object(Encoding::Utf8))),
    refused("static Encoding UTF7", "UTF-7 is unsafe"),
    refused("static Encoding UTF32", "no published policy uses UTF-32"),
    member("static Encoding GetEncoding(string name)", |call| {
        let name = call.text(0)?.to_ascii_lowercase();
        let found = NAMES.iter().find(|(known, _)| *known == name);
        let unknown = || Exception::argument("the encoding is none of UTF-8, US-ASCII, UTF-16 and Latin-1");
        Ok(Datum::object(found.map(|(_, encoding)| *encoding).ok_or_else(unknown)?))
    }),
    member("string WebName", |call| {
        let encoding = *call.object::<Encoding>(0)?;
        let name = NAMES.iter().find(|(_, known)| *known == encoding).map_or("", |(name, _)| name);
        Ok(Datum::text(name))
    }),
    member("byte[] GetBytes(string s)", |call| {
        let bytes = call.object::<Encoding>(0)?.bytes(call.text(1)?);
        call.made_bytes(bytes)
    }),
    member("byte[] GetBytes(char[] chars)", |call| {
        let text = String::from_utf16_lossy(&super::text::units(call, 1)?);
        let bytes = call.object::<Encoding>(0)?.bytes(&text);
        call.made_bytes(bytes)
    }),
    member("int GetByteCount(string s)", |call| {
        let count = call.object::<Encoding>(0)?.bytes(call.text(1)?).len();
        Ok(Datum::Int(i32::try_from(count).unwrap_or(i32::MAX)))
    }),
    member("string GetString(byte[] bytes)", |call| {
        let text = call.object::<Encoding>(0)?.text(call.bytes(1)?);
        call.made(text)
    }),
    member("string GetString(byte[] bytes, int index, int count)", |call| {
        let part = part(call.bytes(1)?, call.int(2)?, call.int(3)?)?;
        let text = call.object::<Encoding>(0)?.text(&part);
        call.made(text)
    }),
];

/// An encoding of texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    Ascii,
    Utf16,
    Utf16BigEndian,
    Latin1,
}

const NAMES: &[(&str, Encoding)] = &[
    ("utf-8", Encoding::Utf8),
    ("us-ascii", Encoding::Ascii),
    ("utf-16", Encoding::Utf16),
    ("utf-16be", Encoding::Utf16BigEndian),
    ("iso-8859-1", Encoding::Latin1),
    ("utf8", Encoding::Utf8),
    ("ascii", Encoding::Ascii),
    ("latin1", Encoding::Latin1),
];

impl Encoding {
    fn bytes(self, text: &str) -> Vec<u8> {
        match self {
            Self::Utf8 => text.as_bytes().to_vec(),
            Self::Ascii => encoding::to_ascii(text),
            Self::Utf16 => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Self::Utf16BigEndian => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            Self::Latin1 => text.encode_utf16().map(|unit| u8::try_from(unit).unwrap_or(b'?')).collect(),
        }
    }

    fn text(self, bytes: &[u8]) -> String {
        let units = |of: fn([u8; 2]) -> u16| {
            let pairs = bytes.chunks_exact(2).map(|pair| of([pair[0], pair[1]]));
            let units: Vec<u16> = pairs.collect();
            let mut text = String::from_utf16_lossy(&units);
            if bytes.len() % 2 == 1 {
                text.push(char::REPLACEMENT_CHARACTER);
            }
            text
        };
        match self {
            Self::Utf8 => encoding::from_utf8(bytes),
            Self::Ascii => encoding::from_ascii(bytes),
            Self::Utf16 => units(u16::from_le_bytes),
            Self::Utf16BigEndian => units(u16::from_be_bytes),
            Self::Latin1 => bytes.iter().copied().map(char::from).collect(),
        }
    }
}

impl Instance for Encoding {
    fn type_name(&self) -> Cow<'_, str> {
        Cow::Borrowed("Encoding")
    }

    fn equality(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed("Encoding"))
    }

    fn equals(&self, other: &dyn Instance) -> bool {
        (other as &dyn std::any::Any).downcast_ref::<Self>() == Some(self)
    }
}

/// The bytes of a number, the lowest first, and the way back.
macro_rules! number {
    ($name:literal, $keyword:literal, $variant:ident, $type:ty) => {
        member(concat!("static ", $keyword, " ", $name, "(byte[] value, int startIndex)"), |call| {
            let length = size_of::<$type>() as i32;
            let part = part(call.bytes(0)?, call.int(1)?, length)?;
            let bytes = part.as_slice().try_into().map_err(|_| short())?;
            Ok(Datum::$variant(<$type>::from_le_bytes(bytes)))
        })
    };
}

static BIT_CONVERTER: &[Member] = &[
    member("static bool IsLittleEndian", |_| Ok(Datum::Bool(true))),
    member("static string ToString(byte[] value)", |call| {
        call.made(encoding::to_hyphened_hex(call.bytes(0)?))
    }),
    member("static string ToString(byte[] value, int startIndex)", |call| {
        let bytes = call.bytes(0)?;
        let count = i32::try_from(bytes.len()).unwrap_or(i32::MAX).saturating_sub(call.int(1)?);
        let part = part(bytes, call.int(1)?, count)?;
        call.made(encoding::to_hyphened_hex(&part))
    }),
    member("static string ToString(byte[] value, int startIndex, int length)", |call| {
        let part = part(call.bytes(0)?, call.int(1)?, call.int(2)?)?;
        call.made(encoding::to_hyphened_hex(&part))
    }),
    member("static byte[] GetBytes(bool value)", |call| call.made_bytes(vec![u8::from(call.bool(0)?)])),
    member("static byte[] GetBytes(char value)", |call| {
        call.made_bytes(call.unit(0)?.to_le_bytes().to_vec())
    }),
    member("static byte[] GetBytes(short value)", bytes_of),
    member("static byte[] GetBytes(ushort value)", bytes_of),
    member("static byte[] GetBytes(int value)", bytes_of),
    member("static byte[] GetBytes(uint value)", bytes_of),
    member("static byte[] GetBytes(long value)", bytes_of),
    member("static byte[] GetBytes(ulong value)", bytes_of),
    member("static byte[] GetBytes(float value)", bytes_of),
    member("static byte[] GetBytes(double value)", bytes_of),
    number!("ToInt16", "short", Short, i16),
    number!("ToUInt16", "ushort", UShort, u16),
    number!("ToInt32", "int", Int, i32),
    number!("ToUInt32", "uint", UInt, u32),
    number!("ToInt64", "long", Long, i64),
    number!("ToUInt64", "ulong", ULong, u64),
    number!("ToSingle", "float", Float, f32),
    number!("ToDouble", "double", Double, f64),
    member("static bool ToBoolean(byte[] value, int startIndex)", |call| {
        Ok(Datum::Bool(part(call.bytes(0)?, call.int(1)?, 1)? != [0]))
    }),
];

fn bytes_of(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let bytes = match call.get(0) {
        Datum::Short(value) => value.to_le_bytes().to_vec(),
        Datum::UShort(value) => value.to_le_bytes().to_vec(),
        Datum::Int(value) => value.to_le_bytes().to_vec(),
        Datum::UInt(value) => value.to_le_bytes().to_vec(),
        Datum::Long(value) => value.to_le_bytes().to_vec(),
        Datum::ULong(value) => value.to_le_bytes().to_vec(),
        Datum::Float(value) => value.to_le_bytes().to_vec(),
        _ => call.double(0)?.to_le_bytes().to_vec(),
    };
    call.made_bytes(bytes)
}

/// A part of bytes.
pub(super) fn part(bytes: &[u8], start: i32, count: i32) -> Result<Vec<u8>, Exception> {
    let start = usize::try_from(start).ok();
    let end = usize::try_from(count).ok().zip(start).map(|(count, start)| start.saturating_add(count));
    let part = start.zip(end).and_then(|(start, end)| bytes.get(start..end));
    part.map(<[u8]>::to_vec).ok_or_else(short)
}

fn short() -> Exception {
    Exception::new(ExceptionKind::ArgumentOutOfRange, "the part is not within the bytes")
}

static WEB_UTILITY: &[Member] = &[
    member("static string UrlEncode(string value)", |call| changed(call, encoding::url_encode)),
    member("static string UrlDecode(string encodedValue)", |call| changed(call, encoding::url_decode)),
    member("static string HtmlEncode(string value)", |call| {
        match call.text_or_null(0)?.map(encoding::html_encode).transpose()? {
            Some(text) => call.made(text),
            None => Ok(Datum::Null),
        }
    }),
    member("static string HtmlDecode(string value)", |call| changed(call, encoding::html_decode)),
];

/// Null stays null.
fn changed(call: &mut Call<'_, '_>, change: fn(&str) -> String) -> Result<Datum, Exception> {
    match call.text_or_null(0)?.map(change) {
        Some(text) => call.made(text),
        None => Ok(Datum::Null),
    }
}
