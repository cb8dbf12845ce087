//! `DateTimeOffset`.

use std::sync::LazyLock;

use larder_proto::envelope::DateKind;

use super::date::{
    DAY_OF_WEEK, given_parts, greater, greater_or_equal, less, less_or_equal, read_exact, styles,
};
use super::number::{compare_to, equal_to, formatted, printed, tried};
use super::{Call, Member, TypeRow, class, member};
use crate::dotnet::date::{
    self, DateOffset, Parts, Span, TICKS_PER_DAY, TICKS_PER_MINUTE, UNIX_EPOCH_TICKS, Unit,
};
use crate::dotnet::{Datum, Exception};

pub(super) static TYPES: &[TypeRow] = &[class("System", "struct DateTimeOffset : IComparable", OFFSET)];

static OFFSET: &[Member] = &[
    member("new(DateTime dateTime)", |call| Ok(Datum::DateOffset(DateOffset::of_date(call.date(0)?)))),
    member("new(DateTime dateTime, TimeSpan offset)", |call| {
        let date = call.date(0)?;
        let minutes = minutes(call.span(1)?)?;
        if date.kind() == DateKind::Utc && minutes != 0 {
            return Err(Exception::argument("a universal time has the offset zero"));
        }
        DateOffset::new(date.ticks(), minutes).map(Datum::DateOffset)
    }),
    member("new(int year, int month, int day, int hour, int minute, int second, TimeSpan offset)", |call| {
        let date = date::from_parts(given_parts(call, 6)?, DateKind::Unspecified)?;
        DateOffset::new(date.ticks(), minutes(call.span(6)?)?).map(Datum::DateOffset)
    }),
    member("static DateTimeOffset UtcNow", |call| Ok(Datum::DateOffset(DateOffset::of_date(call.now())))),
    member("static DateTimeOffset Now", |call| Ok(Datum::DateOffset(DateOffset::of_date(call.now())))),
    member("static DateTimeOffset MinValue", |_| Ok(MINIMUM.clone())),
    member("static DateTimeOffset UnixEpoch", |_| {
        DateOffset::new(UNIX_EPOCH_TICKS, 0).map(Datum::DateOffset)
    }),
    member("static DateTimeOffset FromUnixTimeSeconds(long seconds)", |call| {
        DateOffset::from_unix_seconds(call.long(0)?).map(Datum::DateOffset)
    }),
    member("static DateTimeOffset FromUnixTimeMilliseconds(long milliseconds)", |call| {
        DateOffset::from_unix_milliseconds(call.long(0)?).map(Datum::DateOffset)
    }),
    member("static DateTimeOffset Parse(string input)", |call| parsed(call, None)),
    member("static DateTimeOffset Parse(string input, IFormatProvider formatProvider)", |call| {
        parsed(call, None)
    }),
    member(
        "static DateTimeOffset Parse(string input, IFormatProvider formatProvider, DateTimeStyles styles)",
        |call| parsed(call, Some(2)),
    ),
    member("static bool TryParse(string input, out DateTimeOffset result)", |call| {
        tried(call, 1, MINIMUM.clone(), |call| parsed(call, None))
    }),
    member(
        "static DateTimeOffset ParseExact(string input, string format, IFormatProvider formatProvider)",
        |call| exact(call, None),
    ),
    member(
        "static DateTimeOffset ParseExact(string input, string format, IFormatProvider formatProvider, DateTimeStyles styles)",
        |call| exact(call, Some(3)),
    ),
    member(
        "static bool TryParseExact(string input, string format, IFormatProvider formatProvider, DateTimeStyles styles, out DateTimeOffset result)",
        |call| tried(call, 4, MINIMUM.clone(), |call| exact(call, Some(3))),
    ),
    member("static int Compare(DateTimeOffset first, DateTimeOffset second)", compare_to),
    member("int Year", |call| part(call, |parts| parts.year)),
    member("int Month", |call| part(call, |parts| parts.month)),
    member("int Day", |call| part(call, |parts| parts.day)),
    member("int Hour", |call| part(call, |parts| parts.hour)),
    member("int Minute", |call| part(call, |parts| parts.minute)),
    member("int Second", |call| part(call, |parts| parts.second)),
    member("int Millisecond", |call| part(call, |parts| parts.ticks / 10_000)),
    member("int DayOfYear", |call| part(call, |parts| parts.day_of_year)),
    member("DayOfWeek DayOfWeek", |call| {
        Ok(Datum::Enum(DAY_OF_WEEK.number(date::parts(call.offset(0)?.clock()).weekday as i32)))
    }),
    member("long Ticks", |call| Ok(Datum::Long(call.offset(0)?.clock().ticks()))),
    member("long UtcTicks", |call| Ok(Datum::Long(call.offset(0)?.utc().ticks()))),
    member("TimeSpan Offset", |call| {
        Ok(Datum::Span(Span::of_ticks(i64::from(call.offset(0)?.minutes()) * TICKS_PER_MINUTE)))
    }),
    member("DateTime DateTime", |call| Ok(Datum::Date(call.offset(0)?.clock()))),
    member("DateTime UtcDateTime", |call| Ok(Datum::Date(call.offset(0)?.utc()))),
    member("DateTime LocalDateTime", |call| Ok(Datum::Date(date::to_local(call.offset(0)?.utc())))),
    member("DateTime Date", |call| Ok(Datum::Date(date::date_of(call.offset(0)?.clock())))),
    member("TimeSpan TimeOfDay", |call| {
        Ok(Datum::Span(Span::of_ticks(call.offset(0)?.clock().ticks() % TICKS_PER_DAY)))
    }),
    member("long ToUnixTimeSeconds()", |call| Ok(Datum::Long(call.offset(0)?.unix_seconds()))),
    member("long ToUnixTimeMilliseconds()", |call| Ok(Datum::Long(call.offset(0)?.unix_milliseconds()))),
    member("DateTimeOffset ToOffset(TimeSpan offset)", |call| {
        call.offset(0)?.to_offset(minutes(call.span(1)?)?).map(Datum::DateOffset)
    }),
    member("DateTimeOffset ToUniversalTime()", |call| call.offset(0)?.to_offset(0).map(Datum::DateOffset)),
    member("DateTimeOffset ToLocalTime()", |call| call.offset(0)?.to_offset(0).map(Datum::DateOffset)),
    member("DateTimeOffset Add(TimeSpan timeSpan)", later),
    member("DateTimeOffset AddYears(int years)", |call| {
        let years = call.int(1)?;
        call.offset(0)?.changed(|clock| date::add_years(clock, years)).map(Datum::DateOffset)
    }),
    member("DateTimeOffset AddMonths(int months)", |call| {
        let months = call.int(1)?;
        call.offset(0)?.changed(|clock| date::add_months(clock, months)).map(Datum::DateOffset)
    }),
    member("DateTimeOffset AddDays(double days)", |call| added(call, Unit::Days)),
    member("DateTimeOffset AddHours(double hours)", |call| added(call, Unit::Hours)),
    member("DateTimeOffset AddMinutes(double minutes)", |call| added(call, Unit::Minutes)),
    member("DateTimeOffset AddSeconds(double seconds)", |call| added(call, Unit::Seconds)),
    member("DateTimeOffset AddMilliseconds(double milliseconds)", |call| added(call, Unit::Milliseconds)),
    member("TimeSpan Subtract(DateTimeOffset value)", difference),
    member("DateTimeOffset Subtract(TimeSpan value)", earlier),
    member("string ToString(string format)", formatted),
    member("string ToString(IFormatProvider formatProvider)", printed),
    member("string ToString(string format, IFormatProvider formatProvider)", formatted),
    member("int CompareTo(DateTimeOffset other)", compare_to),
    member("bool Equals(DateTimeOffset other)", equal_to),
    member("implicit operator DateTimeOffset(DateTime dateTime)", |call| {
        Ok(Datum::DateOffset(DateOffset::of_date(call.date(0)?)))
    }),
    member("static DateTimeOffset operator +(DateTimeOffset dateTimeOffset, TimeSpan timeSpan)", later),
    member("static DateTimeOffset operator -(DateTimeOffset dateTimeOffset, TimeSpan timeSpan)", earlier),
    member("static TimeSpan operator -(DateTimeOffset left, DateTimeOffset right)", difference),
    member("static bool operator <(DateTimeOffset left, DateTimeOffset right)", less),
    member("static bool operator <=(DateTimeOffset left, DateTimeOffset right)", less_or_equal),
    member("static bool operator >(DateTimeOffset left, DateTimeOffset right)", greater),
    member("static bool operator >=(DateTimeOffset left, DateTimeOffset right)", greater_or_equal),
];

static MINIMUM: LazyLock<Datum> =
    LazyLock::new(|| DateOffset::new(0, 0).map_or(Datum::Null, Datum::DateOffset));

/// An offset in whole minutes.
fn minutes(span: Span) -> Result<i32, Exception> {
    if span.ticks() % TICKS_PER_MINUTE != 0 {
        return Err(Exception::argument("an offset has whole minutes"));
    }
    i32::try_from(span.ticks() / TICKS_PER_MINUTE)
        .map_err(|_| Exception::range("an offset has 14 hours at most"))
}

fn parsed(call: &Call<'_, '_>, style: Option<usize>) -> Result<Datum, Exception> {
    let (styles, _) = styles(call, style)?;
    let parsed = date::parse_offset(call.text(0)?)?;
    Ok(Datum::DateOffset(if styles.adjust_to_universal { parsed.to_offset(0)? } else { parsed }))
}

fn exact(call: &mut Call<'_, '_>, style: Option<usize>) -> Result<Datum, Exception> {
    read_exact(call, style, |text, exact| date::parse_exact_offset(text, exact).map(Datum::DateOffset))
}

fn part(call: &Call<'_, '_>, of: fn(Parts) -> i32) -> Result<Datum, Exception> {
    Ok(Datum::Int(of(date::parts(call.offset(0)?.clock()))))
}

fn added(call: &Call<'_, '_>, unit: Unit) -> Result<Datum, Exception> {
    let count = call.double(1)?;
    call.offset(0)?.changed(|clock| date::add_units(clock, count, unit)).map(Datum::DateOffset)
}

fn later(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let span = call.span(1)?;
    call.offset(0)?.changed(|clock| date::add(clock, span)).map(Datum::DateOffset)
}

fn earlier(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let span = call.span(1)?.negated()?;
    call.offset(0)?.changed(|clock| date::add(clock, span)).map(Datum::DateOffset)
}

fn difference(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    Ok(Datum::Span(call.offset(0)?.subtract(call.offset(1)?)))
}
