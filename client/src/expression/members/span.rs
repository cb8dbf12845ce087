//! `TimeSpan`.

use super::date::{greater, greater_or_equal, less, less_or_equal};
use super::number::{compare_to, equal_to, formatted, tried};
use super::{Call, Member, TypeRow, class, member};
use crate::dotnet::date::{
    Span, TICKS_PER_DAY, TICKS_PER_HOUR, TICKS_PER_MINUTE, TICKS_PER_SECOND, Unit, parse_span,
};
use crate::dotnet::{Datum, Exception};

pub(super) static TYPES: &[TypeRow] = &[class("System", "struct TimeSpan : IComparable", TIME_SPAN)];

static TIME_SPAN: &[Member] = &[
    member("new(long ticks)", |call| Ok(Datum::Span(Span::of_ticks(call.long(0)?)))),
    member("new(int hours, int minutes, int seconds)", |call| {
        Span::of_parts([0, call.int(0)?, call.int(1)?, call.int(2)?, 0]).map(Datum::Span)
    }),
    member("new(int days, int hours, int minutes, int seconds)", |call| {
        Span::of_parts([call.int(0)?, call.int(1)?, call.int(2)?, call.int(3)?, 0]).map(Datum::Span)
    }),
    member("new(int days, int hours, int minutes, int seconds, int milliseconds)", |call| {
        Span::of_parts([call.int(0)?, call.int(1)?, call.int(2)?, call.int(3)?, call.int(4)?])
            .map(Datum::Span)
    }),
    member("static TimeSpan Zero", |_| Ok(Datum::Span(Span::ZERO))),
    member("static TimeSpan MaxValue", |_| Ok(Datum::Span(Span::of_ticks(i64::MAX)))),
    member("static TimeSpan MinValue", |_| Ok(Datum::Span(Span::of_ticks(i64::MIN)))),
    member("static long TicksPerDay", |_| Ok(Datum::Long(TICKS_PER_DAY))),
    member("static long TicksPerHour", |_| Ok(Datum::Long(TICKS_PER_HOUR))),
    member("static long TicksPerMinute", |_| Ok(Datum::Long(TICKS_PER_MINUTE))),
    member("static long TicksPerSecond", |_| Ok(Datum::Long(TICKS_PER_SECOND))),
    member("static long TicksPerMillisecond", |_| Ok(Datum::Long(TICKS_PER_SECOND / 1000))),
    member("static TimeSpan FromDays(double value)", |call| of_units(call, Unit::Days)),
    member("static TimeSpan FromHours(double value)", |call| of_units(call, Unit::Hours)),
    member("static TimeSpan FromMinutes(double value)", |call| of_units(call, Unit::Minutes)),
    member("static TimeSpan FromSeconds(double value)", |call| of_units(call, Unit::Seconds)),
    member("static TimeSpan FromMilliseconds(double value)", |call| of_units(call, Unit::Milliseconds)),
    member("static TimeSpan FromTicks(long value)", |call| Ok(Datum::Span(Span::of_ticks(call.long(0)?)))),
    member("static TimeSpan Parse(string s)", |call| parse_span(call.text(0)?).map(Datum::Span)),
    member("static TimeSpan Parse(string input, IFormatProvider provider)", |call| {
        parse_span(call.text(0)?).map(Datum::Span)
    }),
    member("static bool TryParse(string s, out TimeSpan result)", |call| {
        tried(call, 1, Datum::Span(Span::ZERO), |call| parse_span(call.text(0)?).map(Datum::Span))
    }),
    member("static int Compare(TimeSpan t1, TimeSpan t2)", compare_to),
    member("int Days", |call| part(call, Unit::Days)),
    member("int Hours", |call| part(call, Unit::Hours)),
    member("int Minutes", |call| part(call, Unit::Minutes)),
    member("int Seconds", |call| part(call, Unit::Seconds)),
    member("int Milliseconds", |call| part(call, Unit::Milliseconds)),
    member("long Ticks", |call| Ok(Datum::Long(call.span(0)?.ticks()))),
    member("double TotalDays", |call| total(call, Unit::Days)),
    member("double TotalHours", |call| total(call, Unit::Hours)),
    member("double TotalMinutes", |call| total(call, Unit::Minutes)),
    member("double TotalSeconds", |call| total(call, Unit::Seconds)),
    member("double TotalMilliseconds", |call| total(call, Unit::Milliseconds)),
    member("TimeSpan Add(TimeSpan ts)", plus),
    member("TimeSpan Subtract(TimeSpan ts)", minus),
    member("TimeSpan Negate()", |call| call.span(0)?.negated().map(Datum::Span)),
    member("TimeSpan Duration()", |call| call.span(0)?.duration().map(Datum::Span)),
    member("string ToString(string format)", formatted),
    member("string ToString(string format, IFormatProvider formatProvider)", formatted),
    member("int CompareTo(TimeSpan value)", compare_to),
    member("bool Equals(TimeSpan obj)", equal_to),
    member("static TimeSpan operator +(TimeSpan t1, TimeSpan t2)", plus),
    member("static TimeSpan operator -(TimeSpan t1, TimeSpan t2)", minus),
    member("static TimeSpan operator *(TimeSpan timeSpan, double factor)", |call| {
        scaled(call.span(0)?, call.double(1)?)
    }),
    member("static TimeSpan operator /(TimeSpan timeSpan, double divisor)", |call| {
        scaled(call.span(0)?, 1.0 / call.double(1)?)
    }),
    member("static double operator /(TimeSpan t1, TimeSpan t2)", |call| {
        Ok(Datum::Double(call.span(0)?.ticks() as f64 / call.span(1)?.ticks() as f64))
    }),
    member("static bool operator <(TimeSpan t1, TimeSpan t2)", less),
    member("static bool operator <=(TimeSpan t1, TimeSpan t2)", less_or_equal),
    member("static bool operator >(TimeSpan t1, TimeSpan t2)", greater),
    member("static bool operator >=(TimeSpan t1, TimeSpan t2)", greater_or_equal),
];

fn of_units(call: &Call<'_, '_>, unit: Unit) -> Result<Datum, Exception> {
    Span::of_units(call.double(0)?, unit).map(Datum::Span)
}

fn part(call: &Call<'_, '_>, unit: Unit) -> Result<Datum, Exception> {
    Ok(Datum::Int(call.span(0)?.part(unit)))
}

fn total(call: &Call<'_, '_>, unit: Unit) -> Result<Datum, Exception> {
    Ok(Datum::Double(call.span(0)?.total(unit)))
}

fn plus(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    call.span(0)?.plus(call.span(1)?).map(Datum::Span)
}

fn minus(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    call.span(0)?.minus(call.span(1)?).map(Datum::Span)
}

fn scaled(span: Span, factor: f64) -> Result<Datum, Exception> {
    let ticks = (span.ticks() as f64 * factor).round();
    Span::of_units(ticks, Unit::Ticks).map(Datum::Span)
}
