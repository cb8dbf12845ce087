//! `Math` and `MidpointRounding`.

use super::{Call, Member, TypeRow, class, enumeration, member};
use crate::dotnet::decimal::{self, Midpoint};
use crate::dotnet::object::EnumType;
use crate::dotnet::{Datum, Exception, ExceptionKind, math, order};

pub(super) static TYPES: &[TypeRow] =
    &[class("System", "static class Math", MATH), enumeration("System", &MIDPOINT_ROUNDING)];

/// A function of the processor.
macro_rules! plain {
    ($name:literal, $function:expr) => {
        member(concat!("static double ", $name, "(double d)"), |call| {
            Ok(Datum::Double($function(call.double(0)?)))
        })
    };
}

static MATH: &[Member] = &[
    member("static int Max(int val1, int val2)", greater),
    member("static int Min(int val1, int val2)", lesser),
    member("static int Clamp(int value, int min, int max)", clamp),
    member("static uint Max(uint val1, uint val2)", greater),
    member("static uint Min(uint val1, uint val2)", lesser),
    member("static uint Clamp(uint value, uint min, uint max)", clamp),
    member("static long Max(long val1, long val2)", greater),
    member("static long Min(long val1, long val2)", lesser),
    member("static long Clamp(long value, long min, long max)", clamp),
    member("static ulong Max(ulong val1, ulong val2)", greater),
    member("static ulong Min(ulong val1, ulong val2)", lesser),
    member("static ulong Clamp(ulong value, ulong min, ulong max)", clamp),
    member("static float Max(float val1, float val2)", greater),
    member("static float Min(float val1, float val2)", lesser),
    member("static float Clamp(float value, float min, float max)", clamp),
    member("static double Max(double val1, double val2)", greater),
    member("static double Min(double val1, double val2)", lesser),
    member("static double Clamp(double value, double min, double max)", clamp),
    member("static decimal Max(decimal val1, decimal val2)", greater),
    member("static decimal Min(decimal val1, decimal val2)", lesser),
    member("static decimal Clamp(decimal value, decimal min, decimal max)", clamp),
    member("static double PI", |_| Ok(Datum::Double(std::f64::consts::PI))),
    member("static double E", |_| Ok(Datum::Double(std::f64::consts::E))),
    member("static int Abs(int value)", absolute),
    member("static long Abs(long value)", absolute),
    member("static short Abs(short value)", absolute),
    member("static sbyte Abs(sbyte value)", absolute),
    member("static float Abs(float value)", absolute),
    member("static double Abs(double value)", absolute),
    member("static decimal Abs(decimal value)", absolute),
    member("static int Sign(int value)", |call| Ok(Datum::Int(call.int(0)?.signum()))),
    member("static int Sign(long value)", |call| Ok(Datum::Int(call.long(0)?.signum() as i32))),
    member("static int Sign(double value)", |call| math::sign(call.double(0)?).map(Datum::Int)),
    member("static int Sign(decimal value)", |call| {
        Ok(Datum::Int(call.decimal(0)?.mantissa().signum() as i32))
    }),
    member("static double Floor(double d)", |call| Ok(Datum::Double(call.double(0)?.floor()))),
    member("static decimal Floor(decimal d)", |call| Ok(Datum::Decimal(decimal::floor(call.decimal(0)?)))),
    member("static double Ceiling(double a)", |call| Ok(Datum::Double(call.double(0)?.ceil()))),
    member("static decimal Ceiling(decimal d)", |call| {
        Ok(Datum::Decimal(decimal::ceiling(call.decimal(0)?)))
    }),
    member("static double Truncate(double d)", |call| Ok(Datum::Double(call.double(0)?.trunc()))),
    member("static decimal Truncate(decimal d)", |call| {
        Ok(Datum::Decimal(decimal::truncate(call.decimal(0)?)))
    }),
    member("static double Round(double a)", |call| rounded(call, None, None)),
    member("static double Round(double value, int digits)", |call| rounded(call, Some(1), None)),
    member("static double Round(double value, MidpointRounding mode)", |call| rounded(call, None, Some(1))),
    member("static double Round(double value, int digits, MidpointRounding mode)", |call| {
        rounded(call, Some(1), Some(2))
    }),
    member("static decimal Round(decimal d)", |call| rounded_decimal(call, None, None)),
    member("static decimal Round(decimal d, int decimals)", |call| rounded_decimal(call, Some(1), None)),
    member("static decimal Round(decimal d, MidpointRounding mode)", |call| {
        rounded_decimal(call, None, Some(1))
    }),
    member("static decimal Round(decimal d, int decimals, MidpointRounding mode)", |call| {
        rounded_decimal(call, Some(1), Some(2))
    }),
    member("static double Pow(double x, double y)", |call| {
        Ok(Datum::Double(call.double(0)?.powf(call.double(1)?)))
    }),
    member("static double Log(double a, double newBase)", |call| {
        Ok(Datum::Double(math::log(call.double(0)?, call.double(1)?)))
    }),
    member("static double Atan2(double y, double x)", |call| {
        Ok(Datum::Double(call.double(0)?.atan2(call.double(1)?)))
    }),
    member("static double IEEERemainder(double x, double y)", |call| {
        Ok(Datum::Double(math::ieee_remainder(call.double(0)?, call.double(1)?)))
    }),
    plain!("Sqrt", f64::sqrt),
    plain!("Cbrt", f64::cbrt),
    plain!("Exp", f64::exp),
    plain!("Log", f64::ln),
    plain!("Log10", f64::log10),
    plain!("Log2", f64::log2),
    plain!("Sin", f64::sin),
    plain!("Cos", f64::cos),
    plain!("Tan", f64::tan),
    plain!("Asin", f64::asin),
    plain!("Acos", f64::acos),
    plain!("Atan", f64::atan),
    plain!("Sinh", f64::sinh),
    plain!("Cosh", f64::cosh),
    plain!("Tanh", f64::tanh),
    member("static int DivRem(int a, int b, out int result)", |call| {
        let (a, b) = (call.int(0)?, call.int(1)?);
        let (Some(quotient), Some(rest)) = (a.checked_div(b), a.checked_rem(b)) else {
            return Err(no_quotient(b == 0));
        };
        call.set_out(2, Datum::Int(rest));
        Ok(Datum::Int(quotient))
    }),
    member("static long DivRem(long a, long b, out long result)", |call| {
        let (a, b) = (call.long(0)?, call.long(1)?);
        let (Some(quotient), Some(rest)) = (a.checked_div(b), a.checked_rem(b)) else {
            return Err(no_quotient(b == 0));
        };
        call.set_out(2, Datum::Long(rest));
        Ok(Datum::Long(quotient))
    }),
    member("static long BigMul(int a, int b)", |call| {
        Ok(Datum::Long(i64::from(call.int(0)?) * i64::from(call.int(1)?)))
    }),
];

fn greater(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    extreme(call, math::max, |ordering| ordering.is_ge())
}

fn lesser(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    extreme(call, math::min, |ordering| ordering.is_le())
}

/// One of both numbers: doubles have rules of their own for NaN and -0.
fn extreme(
    call: &Call<'_, '_>,
    doubles: fn(f64, f64) -> f64,
    takes_left: fn(std::cmp::Ordering) -> bool,
) -> Result<Datum, Exception> {
    Ok(match (call.get(0), call.get(1)) {
        (Datum::Double(left), Datum::Double(right)) => Datum::Double(doubles(*left, *right)),
        (Datum::Float(left), Datum::Float(right)) => {
            Datum::Float(doubles(f64::from(*left), f64::from(*right)) as f32)
        }
        (left, right) => {
            if takes_left(order::compare(left, right)?) {
                left.clone()
            } else {
                right.clone()
            }
        }
    })
}

fn clamp(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let (value, least, most) = (call.get(0), call.get(1), call.get(2));
    if order::compare(least, most)?.is_gt() {
        return Err(math::crossed());
    }
    let is_nan = value.number().is_some_and(|number| number.to_double().is_nan());
    Ok(match () {
        () if is_nan => value.clone(),
        () if order::compare(value, least)?.is_lt() => least.clone(),
        () if order::compare(value, most)?.is_gt() => most.clone(),
        () => value.clone(),
    })
}

fn absolute(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    Ok(match call.get(0) {
        Datum::Int(value) => Datum::Int(value.checked_abs().ok_or_else(math::lowest)?),
        Datum::Long(value) => Datum::Long(value.checked_abs().ok_or_else(math::lowest)?),
        Datum::Short(value) => Datum::Short(value.checked_abs().ok_or_else(math::lowest)?),
        Datum::SByte(value) => Datum::SByte(value.checked_abs().ok_or_else(math::lowest)?),
        Datum::Float(value) => Datum::Float(value.abs()),
        Datum::Decimal(value) => Datum::Decimal(math::abs(*value)),
        _ => Datum::Double(call.double(0)?.abs()),
    })
}

/// Of the digits and the mode, which argument they are.
fn rounded(call: &Call<'_, '_>, digits: Option<usize>, mode: Option<usize>) -> Result<Datum, Exception> {
    let (digits, mode) = digits_and_mode(call, digits, mode)?;
    math::round(call.double(0)?, digits, mode).map(Datum::Double)
}

fn rounded_decimal(
    call: &Call<'_, '_>,
    digits: Option<usize>,
    mode: Option<usize>,
) -> Result<Datum, Exception> {
    let (digits, mode) = digits_and_mode(call, digits, mode)?;
    decimal::round(call.decimal(0)?, digits, mode).map(Datum::Decimal)
}

fn digits_and_mode(
    call: &Call<'_, '_>,
    digits: Option<usize>,
    mode: Option<usize>,
) -> Result<(i32, Midpoint), Exception> {
    let digits = digits.map_or(Ok(0), |number| call.int(number))?;
    let mode = mode.map_or(Ok(Midpoint::ToEven), |number| math::midpoint(call.enumeration(number)?))?;
    Ok((digits, mode))
}

fn no_quotient(by_zero: bool) -> Exception {
    match by_zero {
        true => Exception::new(ExceptionKind::DivideByZero, "a number was divided by zero"),
        false => math::lowest(),
    }
}

static MIDPOINT_ROUNDING: EnumType = EnumType {
    name: "MidpointRounding",
    flags: false,
    values: &[
        ("ToEven", 0),
        ("AwayFromZero", 1),
        ("ToZero", 2),
        ("ToNegativeInfinity", 3),
        ("ToPositiveInfinity", 4),
    ],
};
