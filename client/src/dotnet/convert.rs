//! `System.Convert`: between texts, numbers and truth values, rounding half to even and never
//! wrapping. What `Convert` makes of null (0, false, an empty text) is the caller's part.

use super::Exception;
use super::decimal::{self, Midpoint};
use super::number::{self, Number};

/// `Convert.ToInt32(text)`
///
/// # Errors
///
/// `FormatException`, `OverflowException`.
pub fn text_to_int(text: &str) -> Result<i32, Exception> {
    number::parse_int(text)
}

/// `Convert.ToInt64(text)`
///
/// # Errors
///
/// `FormatException`, `OverflowException`.
pub fn text_to_long(text: &str) -> Result<i64, Exception> {
    number::parse_long(text)
}

/// `Convert.ToDouble(text)`
///
/// # Errors
///
/// `FormatException`
pub fn text_to_double(text: &str) -> Result<f64, Exception> {
    number::parse_double(text)
}

/// `Convert.ToBoolean(text)`
///
/// # Errors
///
/// `FormatException`
pub fn text_to_bool(text: &str) -> Result<bool, Exception> {
    number::parse_bool(text)
}

/// `Convert.ToInt32(number)`: 2.5 becomes 2, 3.5 becomes 4.
///
/// # Errors
///
/// `OverflowException`
pub fn number_to_int(number: Number) -> Result<i32, Exception> {
    let whole = number_to_long(number).ok().and_then(|value| i32::try_from(value).ok());
    whole.ok_or_else(|| Exception::overflow("the number does not fit into 32 bits"))
}

/// `Convert.ToInt64(number)`: rounds as [`number_to_int`].
///
/// # Errors
///
/// `OverflowException`
pub fn number_to_long(number: Number) -> Result<i64, Exception> {
    // The first double beyond 64 bits; below it, every double is a whole number of 64 bits.
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    match number {
        Number::Double(value) => {
            let rounded = value.round_ties_even();
            if (-BEYOND..BEYOND).contains(&rounded) {
                return Ok(rounded as i64);
            }
            Err(Exception::overflow("the number does not fit into 64 bits"))
        }
        Number::Decimal(value) => Number::Decimal(decimal::round(value, 0, Midpoint::ToEven)?).to_long(),
        whole => whole.to_long(),
    }
}

/// `Convert.ToBoolean(number)`: everything but 0 is true, NaN too.
#[must_use]
pub fn number_to_bool(number: Number) -> bool {
    match number {
        Number::Decimal(value) => value.mantissa() != 0,
        other => other.to_double() != 0.0,
    }
}

/// `value.ToString()`
#[must_use]
pub fn bool_text(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}
