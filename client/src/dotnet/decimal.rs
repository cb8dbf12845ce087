//! `System.Decimal`: arithmetic that is exact to 96 bits and 28 decimals, rounds half to even where it
//! must, and never wraps. Formats stand with those of the other numbers.

use std::cmp::Ordering;

use larder_proto::envelope::Decimal;

use super::number::{self, Operator};
use super::wide::Wide;
use super::{Exception, limits::TEXT_BYTES_MAX};

/// What a midpoint is rounded to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Midpoint {
    /// `MidpointRounding.ToEven`, what .NET does when nothing is said.
    ToEven,
    /// `MidpointRounding.AwayFromZero`
    AwayFromZero,
    /// `MidpointRounding.ToZero`: every number, not only a midpoint, is cut.
    ToZero,
    /// `MidpointRounding.ToNegativeInfinity`: every number goes down.
    ToNegativeInfinity,
    /// `MidpointRounding.ToPositiveInfinity`: every number goes up.
    ToPositiveInfinity,
}

/// `left operator right`
///
/// # Errors
///
/// `OverflowException` where the result has more than 96 bits before the point;
/// `DivideByZeroException`.
pub fn binary(operator: Operator, left: Decimal, right: Decimal) -> Result<Decimal, Exception> {
    match operator {
        Operator::Add => add(left, right),
        Operator::Subtract => add(left, negate(right)),
        Operator::Multiply => {
            let negative = (left.mantissa() < 0) != (right.mantissa() < 0);
            let product = Wide::product(magnitude(left), magnitude(right));
            fit(negative, product, u32::from(left.scale()) + u32::from(right.scale()), false)
        }
        Operator::Divide => divide(left, right),
        Operator::Remainder => remainder(left, right),
    }
}

/// `decimal.Compare(left, right)`: 1.0 and 1.00 are equal.
#[must_use]
pub fn compare(left: Decimal, right: Decimal) -> Ordering {
    let (a, b, _) = aligned(left, right);
    match (left.mantissa() < 0, right.mantissa() < 0) {
        (false, false) => a.cmp(&b),
        (true, true) => b.cmp(&a),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    }
}

/// `-value`
#[must_use]
pub fn negate(value: Decimal) -> Decimal {
    rebuilt(-value.mantissa(), value.scale())
}

/// `decimal.Truncate(value)`: without decimals, towards zero.
#[must_use]
pub fn truncate(value: Decimal) -> Decimal {
    rebuilt(value.mantissa() / power(value.scale()), 0)
}

/// `decimal.Floor(value)`
#[must_use]
pub fn floor(value: Decimal) -> Decimal {
    rebuilt(value.mantissa().div_euclid(power(value.scale())), 0)
}

/// `decimal.Ceiling(value)`
#[must_use]
pub fn ceiling(value: Decimal) -> Decimal {
    negate(floor(negate(value)))
}

/// `decimal.Round(value, decimals, midpoint)`; fewer decimals stay fewer.
///
/// # Errors
///
/// `ArgumentOutOfRangeException` for decimals below 0 or above 28.
pub fn round(value: Decimal, decimals: i32, midpoint: Midpoint) -> Result<Decimal, Exception> {
    let wrong = || Exception::range("a decimal is rounded to 0 to 28 decimals");
    let decimals = u8::try_from(decimals).ok().filter(|d| *d <= Decimal::SCALE_MAX).ok_or_else(wrong)?;
    if value.scale() <= decimals {
        return Ok(value);
    }
    let unit = power(value.scale() - decimals);
    let (kept, lost) = (value.mantissa() / unit, (value.mantissa() % unit).abs());
    let half = (lost * 2).cmp(&unit);
    let up = match midpoint {
        Midpoint::ToEven => half.is_gt() || (half.is_eq() && kept % 2 != 0),
        Midpoint::AwayFromZero => half.is_ge(),
        Midpoint::ToZero => false,
        Midpoint::ToNegativeInfinity => lost > 0 && value.mantissa() < 0,
        Midpoint::ToPositiveInfinity => lost > 0 && value.mantissa() > 0,
    };
    Ok(rebuilt(kept + if up { value.mantissa().signum() } else { 0 }, decimals))
}

/// `decimal.Parse(text)`: blanks around, a sign in front or behind, commas between digits, a point.
/// Zeros at the end are kept.
///
/// # Errors
///
/// `FormatException` and `OverflowException`.
pub fn parse(text: &str) -> Result<Decimal, Exception> {
    let wrong = || Exception::format("the text is not a decimal number");
    if text.len() > TEXT_BYTES_MAX {
        return Err(wrong());
    }
    let plain = number::plain_number(text.trim_matches(number::is_blank), true).ok_or_else(wrong)?;
    let (negative, plain) = plain.strip_prefix('-').map_or((false, plain.as_str()), |rest| (true, rest));
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    from_digits(negative, whole, fraction)
}

/// `value.ToString()`, with as many decimals as the scale says.
#[must_use]
pub fn text(value: Decimal) -> String {
    number::format(number::Number::Decimal(value), "").unwrap_or_default()
}

/// `(decimal)value`
#[must_use]
pub fn from_long(value: i64) -> Decimal {
    rebuilt(i128::from(value), 0)
}

/// `(decimal)value`: fifteen digits of it, without zeros at the end.
///
/// # Errors
///
/// `OverflowException` for what is too large, or no number.
pub fn from_double(value: f64) -> Result<Decimal, Exception> {
    if !value.is_finite() || value.abs() >= 1e29 {
        return Err(too_large());
    }
    let digits = number::Digits::significant(value, 15);
    let text: String = digits.digits.iter().map(|digit| char::from(*digit)).collect();
    match usize::try_from(digits.point) {
        Ok(point) if point >= text.len() => from_digits(digits.negative, &format!("{text:0<point$}"), ""),
        Ok(point) => from_digits(digits.negative, &text[..point], &text[point..]),
        Err(_) if digits.point < -40 => Ok(rebuilt(0, 0)),
        Err(_) => {
            let zeros = "0".repeat(digits.point.unsigned_abs() as usize);
            from_digits(digits.negative, "", &(zeros + &text)).map(stripped)
        }
    }
}

/// `(double)value`
#[must_use]
pub fn to_double(value: Decimal) -> f64 {
    // What the text of the number is read as is the nearest double.
    format!("{}e-{}", value.mantissa(), value.scale()).parse().unwrap_or(f64::NAN)
}

fn from_digits(negative: bool, whole: &str, fraction: &str) -> Result<Decimal, Exception> {
    const MAX: u128 = Decimal::MANTISSA_MAX as u128;
    let mut mantissa = 0_u128;
    let mut scale = 0;
    let mut digits = whole.bytes().map(|d| (d, false)).chain(fraction.bytes().map(|d| (d, true)));
    for (digit, decimal) in digits.by_ref() {
        let next = mantissa * 10 + u128::from(digit.wrapping_sub(b'0'));
        if next <= MAX && (!decimal || scale < Decimal::SCALE_MAX) {
            mantissa = next;
            scale += u8::from(decimal);
            continue;
        }
        if !decimal {
            return Err(too_large());
        }
        // This digit and those behind it decide how the last one is rounded.
        let more = digits.any(|(digit, _)| digit != b'0');
        let wide = Wide::product(mantissa, 10).plus(Wide::of(u128::from(digit.wrapping_sub(b'0'))));
        return fit(negative, wide, u32::from(scale) + 1, more);
    }
    signed(negative, mantissa, scale)
}

fn add(left: Decimal, right: Decimal) -> Result<Decimal, Exception> {
    let (a, b, scale) = aligned(left, right);
    let (negative, other) = (left.mantissa() < 0, right.mantissa() < 0);
    if negative == other {
        return fit(negative, a.plus(b), scale, false);
    }
    match a.cmp(&b) {
        Ordering::Less => fit(other, b.minus(a), scale, false),
        _ => fit(negative, a.minus(b), scale, false),
    }
}

/// Digit by digit until nothing is left, or no digit more fits.
fn divide(left: Decimal, right: Decimal) -> Result<Decimal, Exception> {
    const MAX: u128 = Decimal::MANTISSA_MAX as u128;
    let (dividend, divisor) = (magnitude(left), magnitude(right));
    if divisor == 0 {
        return Err(number::by_zero());
    }
    let mut quotient = dividend / divisor;
    let mut rest = dividend % divisor;
    let mut scale = i32::from(left.scale()) - i32::from(right.scale());
    let exact = rest == 0 && scale >= 0;
    while scale < 0 || (rest != 0 && scale < i32::from(Decimal::SCALE_MAX)) {
        // The rest is below 2^96, ten times of it below 2^100.
        let next = quotient * 10 + rest * 10 / divisor;
        if next > MAX {
            if scale < 0 {
                return Err(too_large());
            }
            break;
        }
        quotient = next;
        rest = rest * 10 % divisor;
        scale += 1;
    }
    let up = match (rest * 2).cmp(&divisor) {
        Ordering::Equal => quotient % 2 == 1,
        other => other == Ordering::Greater,
    };
    let negative = (left.mantissa() < 0) != (right.mantissa() < 0);
    let quotient = Wide::of(quotient + u128::from(up));
    let value = fit(negative, quotient, u32::try_from(scale).unwrap_or(0), false)?;
    Ok(if exact { value } else { stripped(value) })
}

/// The sign is that of the left, the scale the larger of both.
fn remainder(left: Decimal, right: Decimal) -> Result<Decimal, Exception> {
    if right.mantissa() == 0 {
        return Err(number::by_zero());
    }
    if compare(absolute(left), absolute(right)) == Ordering::Less {
        return Ok(left);
    }
    let (a, b, scale) = aligned(left, right);
    fit(left.mantissa() < 0, a.remainder(b), scale, false)
}

/// Both magnitudes with the larger of both scales.
fn aligned(left: Decimal, right: Decimal) -> (Wide, Wide, u32) {
    let scale = left.scale().max(right.scale());
    let raise = |value: Decimal| Wide::product(magnitude(value), power(scale - value.scale()).unsigned_abs());
    (raise(left), raise(right), u32::from(scale))
}

/// Cuts decimals until the number fits, and rounds half to even once; `more` says that something
/// smaller was cut before.
fn fit(negative: bool, mut value: Wide, mut scale: u32, mut more: bool) -> Result<Decimal, Exception> {
    let mut last = 0;
    loop {
        let small = value.narrow().filter(|value| *value <= Decimal::MANTISSA_MAX.unsigned_abs());
        if let Some(mantissa) = small
            && scale <= u32::from(Decimal::SCALE_MAX)
        {
            let up = last > 5 || (last == 5 && (more || mantissa % 2 == 1));
            if !up {
                return signed(negative, mantissa, u8::try_from(scale).unwrap_or(0));
            }
            (value, last, more) = (Wide::of(mantissa + 1), 0, false);
            continue;
        }
        if scale == 0 {
            return Err(too_large());
        }
        more |= last != 0;
        (value, last) = value.tenth();
        scale -= 1;
    }
}

/// Without zeros at the end of the decimals.
fn stripped(value: Decimal) -> Decimal {
    let (mut mantissa, mut scale) = (value.mantissa(), value.scale());
    while scale > 0 && mantissa % 10 == 0 {
        mantissa /= 10;
        scale -= 1;
    }
    rebuilt(mantissa, scale)
}

fn absolute(value: Decimal) -> Decimal {
    rebuilt(value.mantissa().abs(), value.scale())
}

fn magnitude(value: Decimal) -> u128 {
    value.mantissa().unsigned_abs()
}

/// 10^exponent, which has fewer than 96 bits for every scale.
fn power(exponent: u8) -> i128 {
    10_i128.pow(u32::from(exponent.min(Decimal::SCALE_MAX)))
}

fn signed(negative: bool, mantissa: u128, scale: u8) -> Result<Decimal, Exception> {
    let mantissa = i128::try_from(mantissa).map_err(|_| too_large())?;
    Decimal::new(if negative { -mantissa } else { mantissa }, scale).ok_or_else(too_large)
}

/// A decimal no larger than one that was there.
fn rebuilt(mantissa: i128, scale: u8) -> Decimal {
    let bounded = mantissa.clamp(-Decimal::MANTISSA_MAX, Decimal::MANTISSA_MAX);
    Decimal::new(bounded, scale.min(Decimal::SCALE_MAX)).unwrap_or(Decimal::ZERO)
}

fn too_large() -> Exception {
    Exception::overflow("the number does not fit into a decimal")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dotnet::ExceptionKind;

    const MAX: &str = "79228162514264337593543950335";

    fn calculated(left: &str, operator: Operator, right: &str) -> Result<String, ExceptionKind> {
        let result = binary(operator, parse(left).unwrap(), parse(right).unwrap());
        result.map(text).map_err(|error| error.kind)
    }

    #[test]
    fn arithmetic_as_dotnet_has_it() {
        use Operator::{Add, Divide, Multiply, Remainder, Subtract};
        for (left, operator, right, result) in [
            // Rule: sums have the larger scale, products the sum of both.
            ("1.0", Add, "2.00", "3.00"),
            ("1.20", Multiply, "3.0", "3.600"),
            ("0.1", Add, "0.2", "0.3"),
            ("1", Subtract, "1.00", "0.00"),
            // Rule: quotients have the digits they need, or the scale of the dividend over the divisor's.
            ("1", Divide, "3", "0.3333333333333333333333333333"),
            ("2", Divide, "3", "0.6666666666666666666666666667"),
            ("1", Divide, "4", "0.25"),
            ("10", Divide, "0.5", "20"),
            ("1.00", Divide, "1", "1.00"),
            ("7.5", Remainder, "2", "1.5"),
            ("-7", Remainder, "3", "-1"),
            ("1", Remainder, "5.00", "1"),
            (MAX, Add, "0.4", MAX),
            ("0.0000000000000000000000000001", Multiply, "0.5", "0.0000000000000000000000000000"),
        ] {
            assert_eq!(
                calculated(left, operator, right).as_deref(),
                Ok(result),
                "{left} {operator:?} {right}"
            );
        }
        for (left, operator, right, kind) in [
            (MAX, Add, "1", ExceptionKind::Overflow),
            (MAX, Multiply, "2", ExceptionKind::Overflow),
            (MAX, Divide, "0.1", ExceptionKind::Overflow),
            ("1", Divide, "0.0", ExceptionKind::DivideByZero),
            ("1", Remainder, "0", ExceptionKind::DivideByZero),
        ] {
            assert_eq!(calculated(left, operator, right), Err(kind));
        }
    }

    #[test]
    fn texts_are_read_and_rounded() {
        for (given, printed) in [
            (" 1,234.50 ", "1234.50"),
            ("5-", "-5"),
            ("+.5", "0.5"),
            ("-0", "0"),
            // Rule: the digit that does not fit rounds half to even.
            ("0.00000000000000000000000000005", "0.0000000000000000000000000000"),
            ("0.00000000000000000000000000015", "0.0000000000000000000000000002"),
            ("1.23456789012345678901234567895", "1.2345678901234567890123456790"),
        ] {
            assert_eq!(text(parse(given).unwrap()), printed, "{given}");
        }
        for (given, kind) in [
            ("", ExceptionKind::Format),
            ("1e3", ExceptionKind::Format),
            ("-5-", ExceptionKind::Format),
            ("79228162514264337593543950336", ExceptionKind::Overflow),
        ] {
            assert_eq!(parse(given).unwrap_err().kind, kind, "{given}");
        }
    }

    #[test]
    fn rounding() {
        for (given, decimals, even, away) in [
            ("2.5", 0, "2", "3"),
            ("3.5", 0, "4", "4"),
            ("-2.5", 0, "-2", "-3"),
            ("2.345", 2, "2.34", "2.35"),
            ("1.5", 3, "1.5", "1.5"),
        ] {
            let value = parse(given).unwrap();
            assert_eq!(text(round(value, decimals, Midpoint::ToEven).unwrap()), even);
            assert_eq!(text(round(value, decimals, Midpoint::AwayFromZero).unwrap()), away);
        }
        let value = parse("-2.5").unwrap();
        assert_eq!([truncate(value), floor(value), ceiling(value)].map(text), ["-2", "-3", "-2"]);
        assert_eq!(round(value, 29, Midpoint::ToEven).unwrap_err().kind, ExceptionKind::ArgumentOutOfRange);
    }

    #[test]
    fn doubles_give_fifteen_digits() {
        for (value, printed) in [
            (0.1, "0.1"),
            (1.0 / 3.0, "0.333333333333333"),
            (1e20, "100000000000000000000"),
            (1.5e-5, "0.000015"),
            (1e-40, "0"),
        ] {
            assert_eq!(text(from_double(value).unwrap()), printed);
        }
        assert_eq!(from_double(f64::NAN).unwrap_err().kind, ExceptionKind::Overflow);
        assert_eq!(from_double(1e29).unwrap_err().kind, ExceptionKind::Overflow);
    }

    fn any_decimal() -> impl Strategy<Value = Decimal> {
        let mantissa = -Decimal::MANTISSA_MAX..=Decimal::MANTISSA_MAX;
        (mantissa, 0_u32..96, 0_u8..=28).prop_map(|(m, less, scale)| rebuilt(m >> less, scale))
    }

    proptest! {
        #[test]
        fn texts_come_back(value in any_decimal()) {
            prop_assert_eq!(parse(&text(value)).unwrap(), value);
        }

        #[test]
        fn sums_are_undone_and_quotients_near(left in any_decimal(), right in any_decimal()) {
            use Operator::{Add, Divide, Multiply, Remainder, Subtract};
            for operator in [Add, Subtract, Multiply, Divide, Remainder] {
                if let Ok(result) = binary(operator, left, right) {
                    let exact = match operator {
                        Add => to_double(left) + to_double(right),
                        Subtract => to_double(left) - to_double(right),
                        Multiply => to_double(left) * to_double(right),
                        Divide => to_double(left) / to_double(right),
                        // Doubles are of no help with remainders.
                        Remainder => {
                            prop_assert!(compare(absolute(result), absolute(right)) == Ordering::Less);
                            continue;
                        }
                    };
                    let slack = 1e-27_f64.max(1e-12 * (to_double(left).abs() + to_double(right).abs() + exact.abs()));
                    prop_assert!((to_double(result) - exact).abs() <= slack);
                }
            }
        }
    }
}
