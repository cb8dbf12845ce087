//! `Guid`, cultures, comparers, and the small interfaces that others refer to.

use std::borrow::Cow;

use larder_proto::envelope::Guid;

use super::number::{compare_to, equal_to, formatted, tried};
use super::text::comparison_of;
use super::{Call, Member, TypeRow, class, member, refused};
use crate::dotnet::object::Instance;
use crate::dotnet::text::{self, Comparison};
use crate::dotnet::{Datum, Exception, guid};

pub(super) static TYPES: &[TypeRow] = &[
    class("System", "interface IComparable", &[]),
    class("System", "interface IFormatProvider", &[]),
    class("System.Collections.Generic", "interface IEqualityComparer<T>", &[]),
    class("System.Collections.Generic", "interface IComparer<T>", &[]),
    class("System", "struct Guid : IComparable", GUID),
    class("System.Globalization", "class CultureInfo : IFormatProvider", CULTURE_INFO),
    class("System", "class StringComparer : IEqualityComparer<string>, IComparer<string>", STRING_COMPARER),
];

static GUID: &[Member] = &[
    member("new(string g)", |call| guid::parse(call.text(0)?).map(Datum::Guid)),
    member("new(byte[] b)", |call| guid::from_bytes(call.bytes(0)?).map(Datum::Guid)),
    member("static Guid Empty", |_| Ok(Datum::Guid(guid::EMPTY))),
    member("static Guid NewGuid()", |call| {
        let [high, low] = [call.random(), call.random()].map(u128::from);
        let mut bytes = ((high << 64) | low).to_be_bytes();
        // Version 4, the variant of RFC 4122.
        bytes[6] = (bytes[6] & 0x0F) | 0x40;
        bytes[8] = (bytes[8] & 0x3F) | 0x80;
        Ok(Datum::Guid(Guid(bytes)))
    }),
    member("static Guid Parse(string input)", |call| guid::parse(call.text(0)?).map(Datum::Guid)),
    member("static bool TryParse(string input, out Guid result)", |call| {
        tried(call, 1, Datum::Guid(guid::EMPTY), |call| guid::parse(call.text(0)?).map(Datum::Guid))
    }),
    member("static Guid ParseExact(string input, string format)", exact_guid),
    member("static bool TryParseExact(string input, string format, out Guid result)", |call| {
        tried(call, 2, Datum::Guid(guid::EMPTY), exact_guid)
    }),
    member("byte[] ToByteArray()", |call| {
        let bytes = guid::to_bytes(call.guid(0)?).to_vec();
        call.made_bytes(bytes)
    }),
    member("int GetHashCode()", |call| Ok(Datum::Int(guid::hash(call.guid(0)?)))),
    member("string ToString(string format)", formatted),
    member("int CompareTo(Guid value)", compare_to),
    member("bool Equals(Guid g)", equal_to),
];

/// A text in the form of this format, as printing it again shows.
fn exact_guid(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let (text, format) = (call.text(0)?, call.text(1)?);
    let found = guid::parse(text)?;
    match guid::format(found, format)?.eq_ignore_ascii_case(text.trim()) {
        true => Ok(Datum::Guid(found)),
        false => Err(Exception::new(
            crate::dotnet::ExceptionKind::Format,
            "the text is no Guid in the form that the format gives",
        )),
    }
}

static CULTURE_INFO: &[Member] = &[
    member("static CultureInfo InvariantCulture", |_| Ok(Datum::object(Culture))),
    member("static CultureInfo CurrentCulture", |_| Ok(Datum::object(Culture))),
    member("string Name", |_| Ok(Datum::text(""))),
    refused("new(string name)", "the invariant culture is the only one"),
    refused("static CultureInfo GetCultureInfo(string name)", "the invariant culture is the only one"),
];

/// The invariant culture.
#[derive(Debug)]
struct Culture;

impl Instance for Culture {
    fn type_name(&self) -> Cow<'_, str> {
        Cow::Borrowed("CultureInfo")
    }

    fn to_text(&self) -> String {
        String::new()
    }
}

/// `StringComparer`
#[derive(Debug)]
pub(super) struct Comparer(pub(super) Comparison);

impl Instance for Comparer {
    fn type_name(&self) -> Cow<'_, str> {
        Cow::Borrowed("StringComparer")
    }
}

static STRING_COMPARER: &[Member] = &[
    member("static StringComparer Ordinal", |_| Ok(Datum::object(Comparer(Comparison::Ordinal)))),
    member("static StringComparer OrdinalIgnoreCase", |_| {
        Ok(Datum::object(Comparer(Comparison::OrdinalIgnoreCase)))
    }),
    member("static StringComparer InvariantCulture", |_| Ok(Datum::object(Comparer(Comparison::Invariant)))),
    member("static StringComparer InvariantCultureIgnoreCase", |_| {
        Ok(Datum::object(Comparer(Comparison::InvariantIgnoreCase)))
    }),
    member("static StringComparer CurrentCulture", |_| Ok(Datum::object(Comparer(Comparison::Invariant)))),
    member("static StringComparer CurrentCultureIgnoreCase", |_| {
        Ok(Datum::object(Comparer(Comparison::InvariantIgnoreCase)))
    }),
    member("static StringComparer FromComparison(StringComparison comparisonType)", |call| {
        Ok(Datum::object(Comparer(comparison_of(call, 0)?)))
    }),
    member("bool Equals(string x, string y)", |call| {
        let comparison = call.object::<Comparer>(0)?.0;
        Ok(Datum::Bool(text::equals(call.text_or_null(1)?, call.text_or_null(2)?, comparison)))
    }),
    member("int Compare(string x, string y)", |call| {
        let comparison = call.object::<Comparer>(0)?.0;
        Ok(Datum::Int(text::compare(call.text_or_null(1)?, call.text_or_null(2)?, comparison) as i32))
    }),
];

/// Whether the comparer that is handed in takes large for small letters; null stands for none.
pub(super) fn ignores_case(call: &Call<'_, '_>, number: usize) -> Result<bool, Exception> {
    if call.get(number).is_null() {
        return Ok(false);
    }
    let comparison = call.object::<Comparer>(number)?.0;
    Ok(matches!(comparison, Comparison::OrdinalIgnoreCase | Comparison::InvariantIgnoreCase))
}
