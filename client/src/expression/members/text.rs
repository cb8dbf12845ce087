//! `string`, and the enumerations that its members take.

use super::{Call, Member, TypeRow, class, enumeration, member, refused};
use crate::dotnet::object::EnumType;
use crate::dotnet::text::{self, Comparison, Formattable, SplitOptions};
use crate::dotnet::{Datum, Exception};
use crate::limits;

pub(super) static TYPES: &[TypeRow] = &[
    class("System", "class String : IEnumerable<char>, IComparable", STRING),
    enumeration("System", &STRING_COMPARISON),
    enumeration("System", &STRING_SPLIT_OPTIONS),
];

static STRING: &[Member] = &[
    member("new(char c, int count)", |call| {
        let text = text::repeat(character(call, 0)?, call.int(1)?)?;
        call.made(text)
    }),
    member("new(char[] value)", |call| {
        let units = units(call, 0)?;
        call.made(String::from_utf16_lossy(&units))
    }),
    member("static string Empty", |_| Ok(Datum::text(""))),
    member("int Length", |call| Ok(Datum::Int(text::length(call.text(0)?)))),
    member("char this[int index]", |call| Ok(Datum::Char(text::unit_at(call.text(0)?, call.int(1)?)?))),
    member("string Substring(int startIndex)", |call| {
        let part = text::substring(call.text(0)?, call.int(1)?, None)?;
        call.made(part)
    }),
    member("string Substring(int startIndex, int length)", |call| {
        let part = text::substring(call.text(0)?, call.int(1)?, Some(call.int(2)?))?;
        call.made(part)
    }),
    member("string ToUpper()", |call| call.made(text::to_upper(call.text(0)?))),
    member("string ToUpperInvariant()", |call| call.made(text::to_upper(call.text(0)?))),
    member("string ToLower()", |call| call.made(text::to_lower(call.text(0)?))),
    member("string ToLowerInvariant()", |call| call.made(text::to_lower(call.text(0)?))),
    member("string Trim()", |call| call.made(text::trim(call.text(0)?, &[]).to_owned())),
    member("string Trim(params char[] trimChars)", |call| trimmed(call, text::trim)),
    member("string TrimStart(params char[] trimChars)", |call| trimmed(call, text::trim_start)),
    member("string TrimEnd(params char[] trimChars)", |call| trimmed(call, text::trim_end)),
    member("string PadLeft(int totalWidth)", |call| {
        let padded = text::pad_left(call.text(0)?, call.int(1)?, ' ')?;
        call.made(padded)
    }),
    member("string PadLeft(int totalWidth, char paddingChar)", |call| {
        let padded = text::pad_left(call.text(0)?, call.int(1)?, character(call, 2)?)?;
        call.made(padded)
    }),
    member("string PadRight(int totalWidth)", |call| {
        let padded = text::pad_right(call.text(0)?, call.int(1)?, ' ')?;
        call.made(padded)
    }),
    member("string PadRight(int totalWidth, char paddingChar)", |call| {
        let padded = text::pad_right(call.text(0)?, call.int(1)?, character(call, 2)?)?;
        call.made(padded)
    }),
    member("string Insert(int startIndex, string value)", |call| {
        let text = text::insert(call.text(0)?, call.int(1)?, call.text(2)?)?;
        call.made(text)
    }),
    member("string Remove(int startIndex)", |call| {
        let text = text::remove(call.text(0)?, call.int(1)?, None)?;
        call.made(text)
    }),
    member("string Remove(int startIndex, int count)", |call| {
        let text = text::remove(call.text(0)?, call.int(1)?, Some(call.int(2)?))?;
        call.made(text)
    }),
    member("string Replace(string oldValue, string newValue)", |call| replace(call, Comparison::Ordinal)),
    member("string Replace(string oldValue, string newValue, StringComparison comparisonType)", |call| {
        let comparison = comparison_of(call, 3)?;
        replace(call, comparison)
    }),
    member("string Replace(char oldChar, char newChar)", |call| {
        let (old, new) = (call.unit(1)?, call.unit(2)?);
        let units: Vec<u16> =
            call.text(0)?.encode_utf16().map(|unit| if unit == old { new } else { unit }).collect();
        call.made(String::from_utf16_lossy(&units))
    }),
    member("char[] ToCharArray()", |call| {
        let units = call.text(0)?.encode_utf16().map(Datum::Char).collect();
        call.made_list("char[]", units)
    }),
    member("bool StartsWith(string value)", |call| found(call, text::starts_with, Comparison::Invariant)),
    member("bool StartsWith(string value, StringComparison comparisonType)", |call| {
        let comparison = comparison_of(call, 2)?;
        found(call, text::starts_with, comparison)
    }),
    member("bool StartsWith(char value)", |call| {
        Ok(Datum::Bool(call.text(0)?.encode_utf16().next() == Some(call.unit(1)?)))
    }),
    member("bool EndsWith(string value)", |call| found(call, text::ends_with, Comparison::Invariant)),
    member("bool EndsWith(string value, StringComparison comparisonType)", |call| {
        let comparison = comparison_of(call, 2)?;
        found(call, text::ends_with, comparison)
    }),
    member("bool EndsWith(char value)", |call| {
        Ok(Datum::Bool(call.text(0)?.encode_utf16().last() == Some(call.unit(1)?)))
    }),
    member("bool Contains(string value)", |call| found(call, text::contains, Comparison::Ordinal)),
    member("bool Contains(string value, StringComparison comparisonType)", |call| {
        let comparison = comparison_of(call, 2)?;
        found(call, text::contains, comparison)
    }),
    member("bool Contains(char value)", |call| {
        let unit = call.unit(1)?;
        Ok(Datum::Bool(call.text(0)?.encode_utf16().any(|found| found == unit)))
    }),
    member("int IndexOf(string value)", |call| index_of(call, None, Comparison::Invariant)),
    member("int IndexOf(string value, int startIndex)", |call| {
        index_of(call, Some(2), Comparison::Invariant)
    }),
    member("int IndexOf(string value, StringComparison comparisonType)", |call| {
        let comparison = comparison_of(call, 2)?;
        index_of(call, None, comparison)
    }),
    member("int IndexOf(string value, int startIndex, StringComparison comparisonType)", |call| {
        let comparison = comparison_of(call, 3)?;
        index_of(call, Some(2), comparison)
    }),
    member("int IndexOf(char value)", |call| {
        Ok(Datum::Int(text::index_of_any(call.text(0)?, &[character(call, 1)?], 0)?))
    }),
    member("int IndexOf(char value, int startIndex)", |call| {
        Ok(Datum::Int(text::index_of_any(call.text(0)?, &[character(call, 1)?], call.int(2)?)?))
    }),
    member("int IndexOfAny(char[] anyOf)", |call| {
        let characters = characters(call, 1)?;
        searched(call, characters.len())?;
        Ok(Datum::Int(text::index_of_any(call.text(0)?, &characters, 0)?))
    }),
    member("int LastIndexOf(string value)", |call| last_index_of(call, Comparison::Invariant)),
    member("int LastIndexOf(string value, StringComparison comparisonType)", |call| {
        let comparison = comparison_of(call, 2)?;
        last_index_of(call, comparison)
    }),
    member("int LastIndexOf(char value)", |call| {
        let wanted = character(call, 1)?.to_string();
        Ok(Datum::Int(text::last_index_of(call.text(0)?, &wanted, Comparison::Ordinal)))
    }),
    member("string[] Split(params char[] separator)", |call| split(call, None, None)),
    member("string[] Split(char[] separator, int count)", |call| split(call, Some(2), None)),
    member("string[] Split(char[] separator, StringSplitOptions options)", |call| split(call, None, Some(2))),
    member("string[] Split(char[] separator, int count, StringSplitOptions options)", |call| {
        split(call, Some(2), Some(3))
    }),
    member("string[] Split(char separator, StringSplitOptions options)", |call| split(call, None, Some(2))),
    member("string[] Split(char separator, int count)", |call| split(call, Some(2), None)),
    member("string[] Split(char separator, int count, StringSplitOptions options)", |call| {
        split(call, Some(2), Some(3))
    }),
    member("string[] Split(string separator)", |call| split(call, None, None)),
    member("string[] Split(string separator, StringSplitOptions options)", |call| split(call, None, Some(2))),
    member("string[] Split(string separator, int count)", |call| split(call, Some(2), None)),
    member("string[] Split(string[] separator, StringSplitOptions options)", |call| {
        split(call, None, Some(2))
    }),
    member("string[] Split(string[] separator, int count, StringSplitOptions options)", |call| {
        split(call, Some(2), Some(3))
    }),
    member("bool Equals(string value)", |call| equals(call, Comparison::Ordinal)),
    member("bool Equals(string value, StringComparison comparisonType)", |call| {
        let comparison = comparison_of(call, 2)?;
        equals(call, comparison)
    }),
    member("int CompareTo(string strB)", |call| compare(call, Comparison::Invariant)),
    member("static bool Equals(string a, string b)", |call| equals(call, Comparison::Ordinal)),
    member("static bool Equals(string a, string b, StringComparison comparisonType)", |call| {
        let comparison = comparison_of(call, 2)?;
        equals(call, comparison)
    }),
    member("static int Compare(string strA, string strB)", |call| compare(call, Comparison::Invariant)),
    member("static int Compare(string strA, string strB, bool ignoreCase)", |call| {
        let ignores = call.bool(2)?;
        compare(call, if ignores { Comparison::InvariantIgnoreCase } else { Comparison::Invariant })
    }),
    member("static int Compare(string strA, string strB, StringComparison comparisonType)", |call| {
        let comparison = comparison_of(call, 2)?;
        compare(call, comparison)
    }),
    member("static int CompareOrdinal(string strA, string strB)", |call| compare(call, Comparison::Ordinal)),
    member("static bool IsNullOrEmpty(string value)", |call| {
        Ok(Datum::Bool(text::is_null_or_empty(call.text_or_null(0)?)))
    }),
    member("static bool IsNullOrWhiteSpace(string value)", |call| {
        Ok(Datum::Bool(text::is_null_or_white_space(call.text_or_null(0)?)))
    }),
    member("static string Join(string separator, params string[] value)", join),
    member("static string Join(string separator, params object[] values)", join),
    member("static string Join(string separator, IEnumerable<string> values)", join),
    member("static string Join<T>(string separator, IEnumerable<T> values)", join),
    member("static string Join(char separator, params string[] value)", join),
    member("static string Join<T>(char separator, IEnumerable<T> values)", join),
    refused("string Normalize()", "no published policy normalises texts"),
    member("static string Concat(object arg0)", |call| {
        let text = call.get(0).to_text("")?;
        call.made(text)
    }),
    member("static string Concat(params string[] values)", concat),
    member("static string Concat(params object[] args)", concat),
    member("static string Concat<T>(IEnumerable<T> values)", concat),
    member("static string Format(string format, params object[] args)", |call| format(call, 0)),
    member("static string Format(IFormatProvider provider, string format, params object[] args)", |call| {
        format(call, 1)
    }),
];

/// The argument of type `StringComparison`.
pub(super) fn comparison_of(call: &Call<'_, '_>, number: usize) -> Result<Comparison, Exception> {
    Ok(match call.enumeration(number)? {
        4 => Comparison::Ordinal,
        5 => Comparison::OrdinalIgnoreCase,
        1 | 3 => Comparison::InvariantIgnoreCase,
        0 | 2 => Comparison::Invariant,
        _ => return Err(Exception::argument("StringComparison has the values 0 to 5")),
    })
}

/// The code units of a `char[]`.
pub(super) fn units(call: &mut Call<'_, '_>, number: usize) -> Result<Vec<u16>, Exception> {
    let unit = |item: &Datum| if let Datum::Char(unit) = item { Some(*unit) } else { None };
    Ok(call.items(number)?.iter().filter_map(unit).collect())
}

fn character(call: &Call<'_, '_>, number: usize) -> Result<char, Exception> {
    Ok(text::to_char(call.unit(number)?))
}

fn characters(call: &mut Call<'_, '_>, number: usize) -> Result<Vec<char>, Exception> {
    Ok(units(call, number)?.into_iter().map(text::to_char).collect())
}

fn trimmed(
    call: &mut Call<'_, '_>,
    trim: for<'t> fn(&'t str, &[char]) -> &'t str,
) -> Result<Datum, Exception> {
    let characters = characters(call, 1)?;
    searched(call, characters.len())?;
    let trimmed = trim(call.text(0)?, &characters).to_owned();
    call.made(trimmed)
}

/// The text is looked at once for each of what is looked for in it.
fn searched(call: &mut Call<'_, '_>, wanted: usize) -> Result<(), Exception> {
    let bytes = call.text(0)?.len().saturating_mul(wanted);
    call.steps(bytes / limits::EVALUATION_BYTES_PER_STEP)
}

fn replace(call: &mut Call<'_, '_>, comparison: Comparison) -> Result<Datum, Exception> {
    let new = call.text_or_null(2)?.unwrap_or("");
    let text = text::replace(call.text(0)?, call.text(1)?, new, comparison)?;
    call.made(text)
}

fn found(
    call: &Call<'_, '_>,
    find: fn(&str, &str, Comparison) -> bool,
    comparison: Comparison,
) -> Result<Datum, Exception> {
    Ok(Datum::Bool(find(call.text(0)?, call.text(1)?, comparison)))
}

fn index_of(call: &Call<'_, '_>, start: Option<usize>, comparison: Comparison) -> Result<Datum, Exception> {
    let start = start.map_or(Ok(0), |number| call.int(number))?;
    Ok(Datum::Int(text::index_of(call.text(0)?, call.text(1)?, start, comparison)?))
}

fn last_index_of(call: &Call<'_, '_>, comparison: Comparison) -> Result<Datum, Exception> {
    Ok(Datum::Int(text::last_index_of(call.text(0)?, call.text(1)?, comparison)))
}

/// Separators are a text, a character, several of either, or nothing.
fn split(call: &mut Call<'_, '_>, count: Option<usize>, options: Option<usize>) -> Result<Datum, Exception> {
    let separators = match call.get(1) {
        Datum::Null => Vec::new(),
        Datum::List(list) => list.items().clone(),
        one => vec![one.clone()],
    };
    let separators: Result<Vec<String>, Exception> = separators.iter().map(|one| one.to_text("")).collect();
    let separators = separators?;
    let separators: Vec<&str> = separators.iter().map(String::as_str).collect();
    searched(call, separators.len())?;
    let count = count.map(|number| call.int(number)).transpose()?;
    let options = options.map_or(Ok(0), |number| call.enumeration(number))?;
    let options = SplitOptions { remove_empty: options & 1 != 0, trim: options & 2 != 0 };
    let text = call.text(0)?;
    let parts = text::split(text, &separators, count, options)?;
    let bytes = text.len();
    let parts = parts.into_iter().map(Datum::text).collect();
    call.charge(bytes)?;
    call.made_list("string[]", parts)
}

fn equals(call: &Call<'_, '_>, comparison: Comparison) -> Result<Datum, Exception> {
    Ok(Datum::Bool(text::equals(call.text_or_null(0)?, call.text_or_null(1)?, comparison)))
}

fn compare(call: &Call<'_, '_>, comparison: Comparison) -> Result<Datum, Exception> {
    let ordering = text::compare(call.text_or_null(0)?, call.text_or_null(1)?, comparison);
    Ok(Datum::Int(ordering as i32))
}

fn join(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let parts = printed(call, 1)?;
    let separator = call.get(0).to_text("")?;
    let joined = text::join(&separator, &parts)?;
    call.made(joined)
}

fn concat(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let parts = printed(call, 0)?;
    let joined = text::join("", &parts)?;
    call.made(joined)
}

/// The texts of the elements; nothing of null.
fn printed(call: &mut Call<'_, '_>, number: usize) -> Result<Vec<String>, Exception> {
    let items = call.items(number)?;
    call.steps(items.len())?;
    let mut texts = Vec::with_capacity(items.len());
    for item in &items {
        let text = item.to_text("")?;
        call.charge(text.len())?;
        texts.push(text);
    }
    Ok(texts)
}

fn format(call: &mut Call<'_, '_>, number: usize) -> Result<Datum, Exception> {
    let values = call.items(number + 1)?;
    let text = text::format(call.text(number)?, &values)?;
    call.made(text)
}

static STRING_COMPARISON: EnumType = EnumType {
    name: "StringComparison",
    flags: false,
    values: &[
        ("CurrentCulture", 0),
        ("CurrentCultureIgnoreCase", 1),
        ("InvariantCulture", 2),
        ("InvariantCultureIgnoreCase", 3),
        ("Ordinal", 4),
        ("OrdinalIgnoreCase", 5),
    ],
};

static STRING_SPLIT_OPTIONS: EnumType = EnumType {
    name: "StringSplitOptions",
    flags: true,
    values: &[("None", 0), ("RemoveEmptyEntries", 1), ("TrimEntries", 2)],
};
