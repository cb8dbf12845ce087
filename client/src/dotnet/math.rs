//! `System.Math`, as far as it is not an operator or a plain function of the processor.

use std::cmp::Ordering;

use larder_proto::envelope::Decimal;

use super::decimal::{self, Midpoint};
use super::{Exception, ExceptionKind};

/// `Math.Round(value, digits, mode)`
///
/// # Errors
///
/// `ArgumentOutOfRangeException` for other than 0 to 15 digits.
pub fn round(value: f64, digits: i32, mode: Midpoint) -> Result<f64, Exception> {
    if !(0..=15).contains(&digits) {
        return Err(Exception::range("a double is rounded to 0 to 15 digits"));
    }
    // Beyond, every double is whole.
    if value.is_nan() || value.abs() >= 1e16 {
        return Ok(value);
    }
    let power = 10_f64.powi(digits);
    let scaled = value * power;
    Ok(match mode {
        Midpoint::ToEven => scaled.round_ties_even(),
        Midpoint::AwayFromZero => scaled.round(),
        Midpoint::ToZero => scaled.trunc(),
        Midpoint::ToNegativeInfinity => scaled.floor(),
        Midpoint::ToPositiveInfinity => scaled.ceil(),
    } / power)
}

/// `MidpointRounding` by its number.
///
/// # Errors
///
/// `ArgumentException` for a number that it does not have.
pub fn midpoint(number: i32) -> Result<Midpoint, Exception> {
    Ok(match number {
        0 => Midpoint::ToEven,
        1 => Midpoint::AwayFromZero,
        2 => Midpoint::ToZero,
        3 => Midpoint::ToNegativeInfinity,
        4 => Midpoint::ToPositiveInfinity,
        _ => return Err(Exception::argument("MidpointRounding has the values 0 to 4")),
    })
}

/// `Math.Max(left, right)`: NaN if one is; 0 is more than -0.
#[must_use]
pub fn max(left: f64, right: f64) -> f64 {
    match left.partial_cmp(&right) {
        None => f64::NAN,
        Some(Ordering::Equal) if left.is_sign_negative() => right,
        Some(Ordering::Less) => right,
        Some(_) => left,
    }
}

/// `Math.Min(left, right)`: NaN if one is; -0 is less than 0.
#[must_use]
pub fn min(left: f64, right: f64) -> f64 {
    -max(-left, -right)
}

/// `Math.Sign(value)`
///
/// # Errors
///
/// `ArithmeticException` for NaN.
pub fn sign(value: f64) -> Result<i32, Exception> {
    match value.partial_cmp(&0.0) {
        Some(ordering) => Ok(ordering as i32),
        None => Err(Exception::new(ExceptionKind::Arithmetic, "NaN has no sign")),
    }
}

/// `Math.Abs(value)`
#[must_use]
pub fn abs(value: Decimal) -> Decimal {
    if value.mantissa() < 0 { decimal::negate(value) } else { value }
}

/// `Math.Log(value, base)`
#[must_use]
pub fn log(value: f64, base: f64) -> f64 {
    if value.is_nan() || base.is_nan() || base == 1.0 {
        return f64::NAN;
    }
    if value != 1.0 && (base == 0.0 || base == f64::INFINITY) {
        return f64::NAN;
    }
    value.ln() / base.ln()
}

/// `Math.IEEERemainder(left, right)`: what is left beside the nearest multiple.
#[must_use]
pub fn ieee_remainder(left: f64, right: f64) -> f64 {
    if left.is_nan() || right.is_nan() {
        return f64::NAN;
    }
    let rest = left % right;
    if rest.is_nan() {
        return f64::NAN;
    }
    if rest == 0.0 && left.is_sign_negative() {
        return -0.0;
    }
    let other = rest - right.abs() * left.signum();
    match other.abs().partial_cmp(&rest.abs()) {
        Some(Ordering::Equal) => {
            // Of two multiples that are as near, the even one.
            let quotient = left / right;
            let even = quotient.round_ties_even();
            if (even.abs() - quotient.abs()) > 0.0 { other } else { rest }
        }
        Some(Ordering::Less) => other,
        _ => rest,
    }
}

/// The absolute value of the lowest whole number does not fit.
#[must_use]
pub fn lowest() -> Exception {
    Exception::overflow("the lowest whole number has no absolute value of its type")
}

/// `Math.Clamp` with bounds in the wrong order.
#[must_use]
pub fn crossed() -> Exception {
    Exception::argument("the lower bound is above the upper one")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded() {
        use Midpoint::{AwayFromZero, ToEven, ToNegativeInfinity, ToPositiveInfinity, ToZero};
        for (value, digits, mode, result) in [
            (2.5, 0, ToEven, 2.0),
            (3.5, 0, ToEven, 4.0),
            (2.5, 0, AwayFromZero, 3.0),
            (-2.5, 0, AwayFromZero, -3.0),
            (2.125, 2, ToEven, 2.12),
            (2.9, 0, ToZero, 2.0),
            (-2.1, 0, ToNegativeInfinity, -3.0),
            (2.1, 0, ToPositiveInfinity, 3.0),
            (1e20, 3, ToEven, 1e20),
        ] {
            assert_eq!(round(value, digits, mode).unwrap(), result, "{value} {mode:?}");
        }
        assert_eq!(round(1.0, 16, ToEven).unwrap_err().kind, ExceptionKind::ArgumentOutOfRange);
        let half =
            |text: &str, mode| decimal::text(decimal::round(decimal::parse(text).unwrap(), 1, mode).unwrap());
        for (text, mode, result) in [
            ("2.45", ToEven, "2.4"),
            ("2.45", AwayFromZero, "2.5"),
            ("-2.49", ToZero, "-2.4"),
            ("-2.41", ToNegativeInfinity, "-2.5"),
            ("2.41", ToPositiveInfinity, "2.5"),
        ] {
            assert_eq!(half(text, mode), result, "{text} {mode:?}");
        }
    }

    #[test]
    fn odd_numbers_are_as_documented() {
        assert!(max(f64::NAN, 1.0).is_nan() && min(1.0, f64::NAN).is_nan());
        assert_eq!((max(1.0, 2.0), min(1.0, 2.0)), (2.0, 1.0));
        assert!(max(-0.0, 0.0).is_sign_positive() && min(0.0, -0.0).is_sign_negative());
        assert_eq!((sign(-0.5).unwrap(), sign(0.0).unwrap()), (-1, 0));
        assert_eq!(sign(f64::NAN).unwrap_err().kind, ExceptionKind::Arithmetic);
        assert_eq!(log(8.0, 2.0), 3.0);
        assert!(log(2.0, 1.0).is_nan() && log(2.0, 0.0).is_nan());
        // The examples of the documentation.
        for (left, right, rest) in
            [(3.0, 2.0, -1.0), (4.0, 2.0, 0.0), (10.0, 3.0, 1.0), (27.0, 4.0, -1.0), (28.0, 5.0, -2.0)]
        {
            assert_eq!(ieee_remainder(left, right), rest, "{left} {right}");
        }
        assert_eq!(ieee_remainder(5.0, 2.0), 1.0);
    }
}
