//! `bool`, the types of numbers, and the styles in which numbers are read.

use larder_proto::envelope::Decimal;

use super::{Call, Member, TypeRow, class, enumeration, member};
use crate::dotnet::decimal::{self, Midpoint};
use crate::dotnet::number::{self, Number, Operator, Styles};
use crate::dotnet::object::EnumType;
use crate::dotnet::text::Formattable;
use crate::dotnet::{Datum, Exception, math, order};

pub(super) static TYPES: &[TypeRow] = &[
    class("System", "struct Boolean : IComparable", BOOLEAN),
    class("System", "struct SByte : IComparable", SBYTE),
    class("System", "struct Byte : IComparable", BYTE),
    class("System", "struct Int16 : IComparable", SHORT),
    class("System", "struct UInt16 : IComparable", USHORT),
    class("System", "struct Int32 : IComparable", INT),
    class("System", "struct UInt32 : IComparable", UINT),
    class("System", "struct Int64 : IComparable", LONG),
    class("System", "struct UInt64 : IComparable", ULONG),
    class("System", "struct Single : IComparable", SINGLE),
    class("System", "struct Double : IComparable", DOUBLE),
    class("System", "struct Decimal : IComparable", DECIMAL),
    enumeration("System.Globalization", &NUMBER_STYLES),
];

static BOOLEAN: &[Member] = &[
    member("static string TrueString", |_| Ok(Datum::text("True"))),
    member("static string FalseString", |_| Ok(Datum::text("False"))),
    member("static bool Parse(string value)", |call| Ok(Datum::Bool(number::parse_bool(call.text(0)?)?))),
    member("static bool TryParse(string value, out bool result)", |call| {
        tried(call, 1, Datum::Bool(false), |call| number::parse_bool(call.text(0)?).map(Datum::Bool))
    }),
    member("int CompareTo(bool value)", compare_to),
    member("bool Equals(bool obj)", equal_to),
];

/// The members that every type of whole numbers has.
macro_rules! whole {
    ($keyword:literal, $variant:ident, $type:ty) => {
        &[
            member(concat!("static ", $keyword, " MaxValue"), |_| Ok(Datum::$variant(<$type>::MAX))),
            member(concat!("static ", $keyword, " MinValue"), |_| Ok(Datum::$variant(<$type>::MIN))),
            member(concat!("static ", $keyword, " Parse(string s)"), |call| {
                whole(call, Styles::INTEGER, <$type>::BITS, <$type>::MIN != 0)
                    .map(|value| Datum::$variant(value as $type))
            }),
            member(concat!("static ", $keyword, " Parse(string s, NumberStyles style)"), |call| {
                let styles = Styles(call.enumeration(1)?);
                whole(call, styles, <$type>::BITS, <$type>::MIN != 0)
                    .map(|value| Datum::$variant(value as $type))
            }),
            member(concat!("static ", $keyword, " Parse(string s, IFormatProvider provider)"), |call| {
                whole(call, Styles::INTEGER, <$type>::BITS, <$type>::MIN != 0)
                    .map(|value| Datum::$variant(value as $type))
            }),
            member(concat!("static bool TryParse(string s, out ", $keyword, " result)"), |call| {
                tried(call, 1, Datum::$variant(0), |call| {
                    whole(call, Styles::INTEGER, <$type>::BITS, <$type>::MIN != 0)
                        .map(|value| Datum::$variant(value as $type))
                })
            }),
            member(
                concat!(
                    "static bool TryParse(string s, NumberStyles style, IFormatProvider provider, out ",
                    $keyword,
                    " result)"
                ),
                |call| {
                    tried(call, 3, Datum::$variant(0), |call| {
                        let styles = Styles(call.enumeration(1)?);
                        whole(call, styles, <$type>::BITS, <$type>::MIN != 0)
                            .map(|value| Datum::$variant(value as $type))
                    })
                },
            ),
            member("string ToString(string format)", formatted),
            member("string ToString(IFormatProvider provider)", printed),
            member("string ToString(string format, IFormatProvider provider)", formatted),
            member(concat!("int CompareTo(", $keyword, " value)"), compare_to),
            member(concat!("bool Equals(", $keyword, " obj)"), equal_to),
        ]
    };
}

static SBYTE: &[Member] = whole!("sbyte", SByte, i8);
static BYTE: &[Member] = whole!("byte", Byte, u8);
static SHORT: &[Member] = whole!("short", Short, i16);
static USHORT: &[Member] = whole!("ushort", UShort, u16);
static INT: &[Member] = whole!("int", Int, i32);
static UINT: &[Member] = whole!("uint", UInt, u32);
static LONG: &[Member] = whole!("long", Long, i64);
static ULONG: &[Member] = whole!("ulong", ULong, u64);

/// The members that `float` and `double` have.
macro_rules! floating {
    ($keyword:literal, $variant:ident, $type:ty) => {
        &[
            member(concat!("static ", $keyword, " MaxValue"), |_| Ok(Datum::$variant(<$type>::MAX))),
            member(concat!("static ", $keyword, " MinValue"), |_| Ok(Datum::$variant(<$type>::MIN))),
            member(concat!("static ", $keyword, " Epsilon"), |_| Ok(Datum::$variant(<$type>::from_bits(1)))),
            member(concat!("static ", $keyword, " NaN"), |_| Ok(Datum::$variant(<$type>::NAN))),
            member(concat!("static ", $keyword, " PositiveInfinity"), |_| {
                Ok(Datum::$variant(<$type>::INFINITY))
            }),
            member(concat!("static ", $keyword, " NegativeInfinity"), |_| {
                Ok(Datum::$variant(<$type>::NEG_INFINITY))
            }),
            member(concat!("static bool IsNaN(", $keyword, " d)"), |call| {
                Ok(Datum::Bool(call.double(0)?.is_nan()))
            }),
            member(concat!("static bool IsInfinity(", $keyword, " d)"), |call| {
                Ok(Datum::Bool(call.double(0)?.is_infinite()))
            }),
            member(concat!("static ", $keyword, " Parse(string s)"), |call| {
                number::parse_double(call.text(0)?).map(|value| Datum::$variant(value as $type))
            }),
            member(concat!("static ", $keyword, " Parse(string s, IFormatProvider provider)"), |call| {
                number::parse_double(call.text(0)?).map(|value| Datum::$variant(value as $type))
            }),
            member(
                concat!(
                    "static ",
                    $keyword,
                    " Parse(string s, NumberStyles style, IFormatProvider provider)"
                ),
                |call| fraction(call).map(|value| Datum::$variant(value as $type)),
            ),
            member(concat!("static bool TryParse(string s, out ", $keyword, " result)"), |call| {
                tried(call, 1, Datum::$variant(0.0), |call| {
                    number::parse_double(call.text(0)?).map(|value| Datum::$variant(value as $type))
                })
            }),
            member(
                concat!(
                    "static bool TryParse(string s, NumberStyles style, IFormatProvider provider, out ",
                    $keyword,
                    " result)"
                ),
                |call| {
                    tried(call, 3, Datum::$variant(0.0), |call| {
                        fraction(call).map(|value| Datum::$variant(value as $type))
                    })
                },
            ),
            member("string ToString(string format)", formatted),
            member("string ToString(IFormatProvider provider)", printed),
            member("string ToString(string format, IFormatProvider provider)", formatted),
            member(concat!("int CompareTo(", $keyword, " value)"), compare_to),
            member(concat!("bool Equals(", $keyword, " obj)"), equal_to),
        ]
    };
}

static SINGLE: &[Member] = floating!("float", Float, f32);
static DOUBLE: &[Member] = floating!("double", Double, f64);

static DECIMAL: &[Member] = &[
    member("static decimal MaxValue", |_| Ok(Datum::Decimal(largest(1)))),
    member("static decimal MinValue", |_| Ok(Datum::Decimal(largest(-1)))),
    member("static decimal Zero", |_| Ok(Datum::Decimal(decimal::from_long(0)))),
    member("static decimal One", |_| Ok(Datum::Decimal(decimal::from_long(1)))),
    member("static decimal MinusOne", |_| Ok(Datum::Decimal(decimal::from_long(-1)))),
    member("static decimal Parse(string s)", |call| decimal::parse(call.text(0)?).map(Datum::Decimal)),
    member("static decimal Parse(string s, IFormatProvider provider)", |call| {
        decimal::parse(call.text(0)?).map(Datum::Decimal)
    }),
    member("static decimal Parse(string s, NumberStyles style, IFormatProvider provider)", |call| {
        styled(call).map(Datum::Decimal)
    }),
    member("static bool TryParse(string s, out decimal result)", |call| {
        tried(call, 1, Datum::Decimal(Decimal::ZERO), |call| {
            decimal::parse(call.text(0)?).map(Datum::Decimal)
        })
    }),
    member(
        "static bool TryParse(string s, NumberStyles style, IFormatProvider provider, out decimal result)",
        |call| tried(call, 3, Datum::Decimal(Decimal::ZERO), |call| styled(call).map(Datum::Decimal)),
    ),
    member("static decimal Add(decimal d1, decimal d2)", |call| calculated(call, Operator::Add)),
    member("static decimal Subtract(decimal d1, decimal d2)", |call| calculated(call, Operator::Subtract)),
    member("static decimal Multiply(decimal d1, decimal d2)", |call| calculated(call, Operator::Multiply)),
    member("static decimal Divide(decimal d1, decimal d2)", |call| calculated(call, Operator::Divide)),
    member("static decimal Remainder(decimal d1, decimal d2)", |call| calculated(call, Operator::Remainder)),
    member("static decimal Negate(decimal d)", |call| Ok(Datum::Decimal(decimal::negate(call.decimal(0)?)))),
    member("static decimal Floor(decimal d)", |call| Ok(Datum::Decimal(decimal::floor(call.decimal(0)?)))),
    member("static decimal Ceiling(decimal d)", |call| {
        Ok(Datum::Decimal(decimal::ceiling(call.decimal(0)?)))
    }),
    member("static decimal Truncate(decimal d)", |call| {
        Ok(Datum::Decimal(decimal::truncate(call.decimal(0)?)))
    }),
    member("static decimal Round(decimal d)", |call| {
        decimal::round(call.decimal(0)?, 0, Midpoint::ToEven).map(Datum::Decimal)
    }),
    member("static decimal Round(decimal d, int decimals)", |call| {
        decimal::round(call.decimal(0)?, call.int(1)?, Midpoint::ToEven).map(Datum::Decimal)
    }),
    member("static decimal Round(decimal d, int decimals, MidpointRounding mode)", |call| {
        let mode = math::midpoint(call.enumeration(2)?)?;
        decimal::round(call.decimal(0)?, call.int(1)?, mode).map(Datum::Decimal)
    }),
    member("static int Compare(decimal d1, decimal d2)", compare_to),
    member("static int ToInt32(decimal d)", |call| {
        Number::Decimal(call.decimal(0)?).to_int().map(Datum::Int)
    }),
    member("static long ToInt64(decimal d)", |call| {
        Number::Decimal(call.decimal(0)?).to_long().map(Datum::Long)
    }),
    member("static double ToDouble(decimal d)", |call| {
        Ok(Datum::Double(decimal::to_double(call.decimal(0)?)))
    }),
    member("string ToString(string format)", formatted),
    member("string ToString(IFormatProvider provider)", printed),
    member("string ToString(string format, IFormatProvider provider)", formatted),
    member("int CompareTo(decimal value)", compare_to),
    member("bool Equals(decimal value)", equal_to),
];

/// `TryParse`: what cannot be read, null too, gives false and the default.
pub(super) fn tried(
    call: &mut Call<'_, '_>,
    out: usize,
    default: Datum,
    parse: impl FnOnce(&mut Call<'_, '_>) -> Result<Datum, Exception>,
) -> Result<Datum, Exception> {
    let parsed = parse(call).ok();
    let success = parsed.is_some();
    call.set_out(out, parsed.unwrap_or(default));
    Ok(Datum::Bool(success))
}

/// `value.ToString(format)`
pub(super) fn formatted(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let text = call.get(0).to_text(call.text_or_null(1)?.unwrap_or(""))?;
    call.made(text)
}

/// `value.ToString(provider)`: every culture is the invariant one.
pub(super) fn printed(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let text = call.get(0).to_text("")?;
    call.made(text)
}

/// `left.CompareTo(right)`, and `Compare(left, right)`.
pub(super) fn compare_to(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    Ok(Datum::Int(order::compare(call.get(0), call.get(1))? as i32))
}

/// `left.Equals(right)`
pub(super) fn equal_to(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    Ok(Datum::Bool(crate::dotnet::collection::equals(call.get(0), call.get(1))))
}

fn whole(call: &Call<'_, '_>, styles: Styles, bits: u32, signed: bool) -> Result<i128, Exception> {
    number::parse_whole(call.text(0)?, styles, bits, signed)
}

/// `Parse(text, styles, provider)` of a `double`.
fn fraction(call: &Call<'_, '_>) -> Result<f64, Exception> {
    let styles = Styles(call.enumeration(1)?);
    match number::plain(call.text(0)?, styles) {
        Ok(plain) => plain.parse().map_err(|_| Exception::format("the text is not a number")),
        // Names of what is no number are taken in every style.
        Err(error) => {
            number::parse_double(call.text(0)?).ok().filter(|value| !value.is_finite()).ok_or(error)
        }
    }
}

/// `Parse(text, styles, provider)` of a `decimal`.
fn styled(call: &Call<'_, '_>) -> Result<Decimal, Exception> {
    let plain = number::plain(call.text(0)?, Styles(call.enumeration(1)?))?;
    match plain.contains('e') {
        true => {
            let value = plain.parse().map_err(|_| Exception::format("the text is not a number"))?;
            decimal::from_double(value)
        }
        false => decimal::parse(&plain),
    }
}

fn calculated(call: &Call<'_, '_>, operator: Operator) -> Result<Datum, Exception> {
    decimal::binary(operator, call.decimal(0)?, call.decimal(1)?).map(Datum::Decimal)
}

fn largest(sign: i128) -> Decimal {
    Decimal::new(sign * Decimal::MANTISSA_MAX, 0).unwrap_or(Decimal::ZERO)
}

static NUMBER_STYLES: EnumType = EnumType {
    name: "NumberStyles",
    flags: true,
    values: &[
        ("None", 0),
        ("AllowLeadingWhite", 1),
        ("AllowTrailingWhite", 2),
        ("AllowLeadingSign", 4),
        ("Integer", 7),
        ("AllowTrailingSign", 8),
        ("AllowParentheses", 16),
        ("AllowDecimalPoint", 32),
        ("AllowThousands", 64),
        ("Number", 111),
        ("AllowExponent", 128),
        ("Float", 167),
        ("AllowCurrencySymbol", 256),
        ("Currency", 383),
        ("Any", 511),
        ("AllowHexSpecifier", 512),
        ("HexNumber", 515),
    ],
};
