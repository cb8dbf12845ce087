//! `DateTime` and its enumerations.

use std::sync::LazyLock;

use larder_proto::envelope::{Date, DateKind};

use super::number::{compare_to, equal_to, formatted, printed, tried};
use super::{Call, Member, TypeRow, class, enumeration, member, refused};
use crate::dotnet::date::{self, Exact, Parts, Span, Styles, TICKS_PER_DAY, Unit};
use crate::dotnet::object::EnumType;
use crate::dotnet::text::Formattable;
use crate::dotnet::{Datum, Exception, order};

pub(super) static TYPES: &[TypeRow] = &[
    class("System", "struct DateTime : IComparable", DATE_TIME),
    enumeration("System", &DATE_TIME_KIND),
    enumeration("System", &DAY_OF_WEEK),
    enumeration("System.Globalization", &DATE_TIME_STYLES),
];

static DATE_TIME: &[Member] = &[
    member("new(long ticks)", |call| of_ticks(call.long(0)?, DateKind::Unspecified)),
    member("new(long ticks, DateTimeKind kind)", |call| of_ticks(call.long(0)?, kind(call, 1)?)),
    member("new(int year, int month, int day)", |call| new(call, 3, None)),
    member("new(int year, int month, int day, int hour, int minute, int second)", |call| new(call, 6, None)),
    member(
        "new(int year, int month, int day, int hour, int minute, int second, DateTimeKind kind)",
        |call| new(call, 6, Some(6)),
    ),
    member("new(int year, int month, int day, int hour, int minute, int second, int millisecond)", |call| {
        new(call, 7, None)
    }),
    member(
        "new(int year, int month, int day, int hour, int minute, int second, int millisecond, DateTimeKind kind)",
        |call| new(call, 7, Some(7)),
    ),
    member("static DateTime UtcNow", |call| Ok(Datum::Date(call.now()))),
    member("static DateTime Now", |call| Ok(Datum::Date(date::to_local(call.now())))),
    member("static DateTime Today", |call| Ok(Datum::Date(date::date_of(date::to_local(call.now()))))),
    member("static DateTime MinValue", |_| Ok(MINIMUM.clone())),
    member("static DateTime MaxValue", |_| of_ticks(LAST_TICK, DateKind::Unspecified)),
    member("static DateTime UnixEpoch", |_| of_ticks(date::UNIX_EPOCH_TICKS, DateKind::Utc)),
    member("static DateTime Parse(string s)", |call| parsed(call, None)),
    member("static DateTime Parse(string s, IFormatProvider provider)", |call| parsed(call, None)),
    member("static DateTime Parse(string s, IFormatProvider provider, DateTimeStyles styles)", |call| {
        parsed(call, Some(2))
    }),
    member("static bool TryParse(string s, out DateTime result)", |call| {
        tried(call, 1, MINIMUM.clone(), |call| parsed(call, None))
    }),
    member(
        "static bool TryParse(string s, IFormatProvider provider, DateTimeStyles styles, out DateTime result)",
        |call| tried(call, 3, MINIMUM.clone(), |call| parsed(call, Some(2))),
    ),
    member("static DateTime ParseExact(string s, string format, IFormatProvider provider)", |call| {
        exact(call, None)
    }),
    member(
        "static DateTime ParseExact(string s, string format, IFormatProvider provider, DateTimeStyles style)",
        |call| exact(call, Some(3)),
    ),
    member(
        "static DateTime ParseExact(string s, string[] formats, IFormatProvider provider, DateTimeStyles style)",
        |call| exact(call, Some(3)),
    ),
    member(
        "static bool TryParseExact(string s, string format, IFormatProvider provider, DateTimeStyles style, out DateTime result)",
        |call| tried(call, 4, MINIMUM.clone(), |call| exact(call, Some(3))),
    ),
    member(
        "static bool TryParseExact(string s, string[] formats, IFormatProvider provider, DateTimeStyles style, out DateTime result)",
        |call| tried(call, 4, MINIMUM.clone(), |call| exact(call, Some(3))),
    ),
    member("static int DaysInMonth(int year, int month)", |call| {
        match date::days_in_month(call.int(0)?, call.int(1)?) {
            0 => Err(Exception::range("a month is 1 to 12")),
            days => Ok(Datum::Int(days)),
        }
    }),
    member("static bool IsLeapYear(int year)", |call| Ok(Datum::Bool(date::is_leap_year(call.int(0)?)))),
    member("static int Compare(DateTime t1, DateTime t2)", compare_to),
    member("static DateTime SpecifyKind(DateTime value, DateTimeKind kind)", |call| {
        of_ticks(call.date(0)?.ticks(), kind(call, 1)?)
    }),
    refused("static DateTime FromBinary(long dateData)", "the form is internal to .NET"),
    refused("static DateTime FromFileTime(long fileTime)", "there are no files"),
    member("int Year", |call| part(call, |parts| parts.year)),
    member("int Month", |call| part(call, |parts| parts.month)),
    member("int Day", |call| part(call, |parts| parts.day)),
    member("int Hour", |call| part(call, |parts| parts.hour)),
    member("int Minute", |call| part(call, |parts| parts.minute)),
    member("int Second", |call| part(call, |parts| parts.second)),
    member("int Millisecond", |call| part(call, |parts| parts.ticks / 10_000)),
    member("int DayOfYear", |call| part(call, |parts| parts.day_of_year)),
    member("DayOfWeek DayOfWeek", |call| {
        Ok(Datum::Enum(DAY_OF_WEEK.number(date::parts(call.date(0)?).weekday as i32)))
    }),
    member("long Ticks", |call| Ok(Datum::Long(call.date(0)?.ticks()))),
    member("DateTimeKind Kind", |call| {
        let number = match call.date(0)?.kind() {
            DateKind::Unspecified => 0,
            DateKind::Utc => 1,
            DateKind::Local => 2,
        };
        Ok(Datum::Enum(DATE_TIME_KIND.number(number)))
    }),
    member("DateTime Date", |call| Ok(Datum::Date(date::date_of(call.date(0)?)))),
    member("TimeSpan TimeOfDay", |call| {
        Ok(Datum::Span(Span::of_ticks(call.date(0)?.ticks() % TICKS_PER_DAY)))
    }),
    member("DateTime Add(TimeSpan value)", |call| date::add(call.date(0)?, call.span(1)?).map(Datum::Date)),
    member("DateTime AddYears(int value)", |call| {
        date::add_years(call.date(0)?, call.int(1)?).map(Datum::Date)
    }),
    member("DateTime AddMonths(int months)", |call| {
        date::add_months(call.date(0)?, call.int(1)?).map(Datum::Date)
    }),
    member("DateTime AddDays(double value)", |call| added(call, Unit::Days)),
    member("DateTime AddHours(double value)", |call| added(call, Unit::Hours)),
    member("DateTime AddMinutes(double value)", |call| added(call, Unit::Minutes)),
    member("DateTime AddSeconds(double value)", |call| added(call, Unit::Seconds)),
    member("DateTime AddMilliseconds(double value)", |call| added(call, Unit::Milliseconds)),
    member("DateTime AddTicks(long value)", |call| {
        date::add(call.date(0)?, Span::of_ticks(call.long(1)?)).map(Datum::Date)
    }),
    member("TimeSpan Subtract(DateTime value)", difference),
    member("DateTime Subtract(TimeSpan value)", earlier),
    member("DateTime ToUniversalTime()", |call| Ok(Datum::Date(date::to_universal(call.date(0)?)))),
    member("DateTime ToLocalTime()", |call| Ok(Datum::Date(date::to_local(call.date(0)?)))),
    member("string ToString(string format)", formatted),
    member("string ToString(IFormatProvider provider)", printed),
    member("string ToString(string format, IFormatProvider provider)", formatted),
    member("bool IsDaylightSavingTime()", |_| Ok(Datum::Bool(false))),
    member("string ToShortDateString()", |call| shown(call, "d")),
    member("string ToLongDateString()", |call| shown(call, "D")),
    member("string ToShortTimeString()", |call| shown(call, "t")),
    member("string ToLongTimeString()", |call| shown(call, "T")),
    member("int CompareTo(DateTime value)", compare_to),
    member("bool Equals(DateTime value)", equal_to),
    member("static DateTime operator +(DateTime d, TimeSpan t)", |call| {
        date::add(call.date(0)?, call.span(1)?).map(Datum::Date)
    }),
    member("static DateTime operator -(DateTime d, TimeSpan t)", earlier),
    member("static TimeSpan operator -(DateTime d1, DateTime d2)", difference),
    member("static bool operator <(DateTime t1, DateTime t2)", less),
    member("static bool operator <=(DateTime t1, DateTime t2)", less_or_equal),
    member("static bool operator >(DateTime t1, DateTime t2)", greater),
    member("static bool operator >=(DateTime t1, DateTime t2)", greater_or_equal),
];

/// `DateTime.MinValue`, the default.
pub(super) static MINIMUM: LazyLock<Datum> =
    LazyLock::new(|| Date::new(0, DateKind::Unspecified).map_or(Datum::Null, Datum::Date));

/// `left < right` of values that have an order.
pub(super) fn less(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    Ok(Datum::Bool(order::compare(call.get(0), call.get(1))?.is_lt()))
}

/// `left <= right`
pub(super) fn less_or_equal(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    Ok(Datum::Bool(order::compare(call.get(0), call.get(1))?.is_le()))
}

/// `left > right`
pub(super) fn greater(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    Ok(Datum::Bool(order::compare(call.get(0), call.get(1))?.is_gt()))
}

/// `left >= right`
pub(super) fn greater_or_equal(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    Ok(Datum::Bool(order::compare(call.get(0), call.get(1))?.is_ge()))
}

/// The argument of type `DateTimeStyles`.
pub(super) fn styles(call: &Call<'_, '_>, number: Option<usize>) -> Result<(Styles, bool), Exception> {
    let bits = number.map_or(Ok(0), |number| call.enumeration(number))?;
    let styles = Styles {
        assume_universal: bits & 64 != 0,
        assume_local: bits & 32 != 0,
        adjust_to_universal: bits & 16 != 0,
        roundtrip_kind: bits & 128 != 0,
    };
    if (styles.assume_local && styles.assume_universal)
        || (styles.roundtrip_kind
            && (styles.assume_local || styles.assume_universal || styles.adjust_to_universal))
    {
        return Err(Exception::argument("these DateTimeStyles exclude each other"));
    }
    Ok((styles, bits & 3 != 0))
}

/// `ParseExact` with the reader of the type: one format, or several of which one fits.
pub(super) fn read_exact(
    call: &mut Call<'_, '_>,
    style: Option<usize>,
    read: impl Fn(&str, Exact<'_>) -> Result<Datum, Exception>,
) -> Result<Datum, Exception> {
    let formats: Vec<Datum> = match call.get(1) {
        Datum::List(formats) => formats.items().clone(),
        format => vec![format.clone()],
    };
    let (styles, blanks) = styles(call, style)?;
    let today = call.now();
    let text = call.text(0)?;
    let mut wrong = Exception::new(crate::dotnet::ExceptionKind::Format, "there is no format");
    for format in &formats {
        let Datum::String(format) = format else { return Err(super::call::null()) };
        match read(text, Exact { format, styles, blanks, today }) {
            Ok(date) => return Ok(date),
            Err(error) => wrong = error,
        }
    }
    Err(wrong)
}

fn of_ticks(ticks: i64, kind: DateKind) -> Result<Datum, Exception> {
    let date = Date::new(ticks, kind);
    date.map(Datum::Date).ok_or_else(|| Exception::range("ticks are 0 to 3,155,378,975,999,999,999"))
}

/// The argument of type `DateTimeKind`.
fn kind(call: &Call<'_, '_>, number: usize) -> Result<DateKind, Exception> {
    match call.enumeration(number)? {
        0 => Ok(DateKind::Unspecified),
        1 => Ok(DateKind::Utc),
        2 => Ok(DateKind::Local),
        _ => Err(Exception::argument("DateTimeKind has the values 0 to 2")),
    }
}

/// The first so many arguments are year, month, day, hour, minute, second, millisecond.
fn new(call: &Call<'_, '_>, count: usize, kind_at: Option<usize>) -> Result<Datum, Exception> {
    let kind = kind_at.map_or(Ok(DateKind::Unspecified), |number| kind(call, number))?;
    date::from_parts(given_parts(call, count)?, kind).map(Datum::Date)
}

/// Year, month and so on, as they are handed in.
pub(super) fn given_parts(call: &Call<'_, '_>, count: usize) -> Result<Parts, Exception> {
    let given = |number: usize| if number < count { call.int(number) } else { Ok(0) };
    let milliseconds = given(6)?;
    if !(0..1000).contains(&milliseconds) {
        return Err(Exception::range("milliseconds are 0 to 999"));
    }
    Ok(Parts {
        year: given(0)?,
        month: given(1)?,
        day: given(2)?,
        hour: given(3)?,
        minute: given(4)?,
        second: given(5)?,
        ticks: milliseconds * 10_000,
        ..date::parts(call.now())
    })
}

fn parsed(call: &Call<'_, '_>, style: Option<usize>) -> Result<Datum, Exception> {
    let (styles, _) = styles(call, style)?;
    date::parse(call.text(0)?, styles).map(Datum::Date)
}

fn exact(call: &mut Call<'_, '_>, style: Option<usize>) -> Result<Datum, Exception> {
    read_exact(call, style, |text, exact| date::parse_exact(text, exact).map(Datum::Date))
}

fn part(call: &Call<'_, '_>, of: fn(Parts) -> i32) -> Result<Datum, Exception> {
    Ok(Datum::Int(of(date::parts(call.date(0)?))))
}

fn added(call: &Call<'_, '_>, unit: Unit) -> Result<Datum, Exception> {
    date::add_units(call.date(0)?, call.double(1)?, unit).map(Datum::Date)
}

fn difference(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    Ok(Datum::Span(date::subtract(call.date(0)?, call.date(1)?)))
}

fn earlier(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    date::add(call.date(0)?, call.span(1)?.negated()?).map(Datum::Date)
}

fn shown(call: &mut Call<'_, '_>, format: &str) -> Result<Datum, Exception> {
    let text = call.get(0).to_text(format)?;
    call.made(text)
}

/// The last tick of the year 9999.
const LAST_TICK: i64 = 3_155_378_975_999_999_999;

static DATE_TIME_KIND: EnumType =
    EnumType { name: "DateTimeKind", flags: false, values: &[("Unspecified", 0), ("Utc", 1), ("Local", 2)] };

pub(super) static DAY_OF_WEEK: EnumType = EnumType {
    name: "DayOfWeek",
    flags: false,
    values: &[
        ("Sunday", 0),
        ("Monday", 1),
        ("Tuesday", 2),
        ("Wednesday", 3),
        ("Thursday", 4),
        ("Friday", 5),
        ("Saturday", 6),
    ],
};

static DATE_TIME_STYLES: EnumType = EnumType {
    name: "DateTimeStyles",
    flags: true,
    values: &[
        ("None", 0),
        ("AllowLeadingWhite", 1),
        ("AllowTrailingWhite", 2),
        ("AllowInnerWhite", 4),
        ("AllowWhiteSpaces", 7),
        ("NoCurrentDateDefault", 8),
        ("AdjustToUniversal", 16),
        ("AssumeLocal", 32),
        ("AssumeUniversal", 64),
        ("RoundtripKind", 128),
    ],
};
