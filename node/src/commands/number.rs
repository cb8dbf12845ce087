//! Numbers as Redis reads and writes them.

use larder_proto::score::Score;

/// A 64-bit integer in its only decimal spelling: no sign `+`, no leading zero, no space.
#[must_use]
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', rest @ ..] if rest.len() < 19 => {}
        _ => return None,
    }
    let mut value = 0_u64;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
    }
    if negative { 0_i64.checked_sub_unsigned(value) } else { i64::try_from(value).ok() }
}

/// A finite number as C's `strtod` reads it, decimal only; surrounding spaces and NaN are refused.
#[must_use]
pub fn parse_float(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let value: f64 = text.parse().ok()?;
    (!value.is_nan()).then_some(value)
}

/// A score, as ZADD takes it: any number but NaN that 64 bits can hold, infinite ones if they are called so.
#[must_use]
pub fn parse_score(text: &[u8]) -> Option<Score> {
    let value = parse_float(text)?;
    let is_named = text.iter().any(|byte| matches!(byte, b'n' | b'N'));
    let has_digit = |text: &[u8]| text.iter().any(|byte| (b'1'..=b'9').contains(byte));
    let mantissa = text.split(|byte| matches!(byte, b'e' | b'E')).next().unwrap_or_default();
    // C's strtod says of these that they are out of range.
    let is_beyond = if value == 0.0 { has_digit(mantissa) } else { value.is_infinite() && !is_named };
    if is_beyond { None } else { Score::new(value) }
}

/// The bound of a range of scores without its bracket, as C's `strtod` reads it: what is out of range is infinite or
/// zero, and nothing at all is zero.
#[must_use]
pub fn parse_bound(text: &[u8]) -> Option<Score> {
    match text.trim_ascii_start() {
        _ if text.is_empty() => Some(Score::of(0)),
        text => Score::new(parse_float(text)?),
    }
}

/// A number on its way through INCRBYFLOAT and HINCRBYFLOAT.
///
/// Redis adds there in 80-bit floating point and writes 17 digits after the point. Up to 20 digits before the point we
/// add exactly in steps of 10^-17, so that 0.1 + 0.2 is 0.3; beyond that in 64-bit floating point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decimal {
    /// A number of steps of 10^-17.
    Exact(i128),
    /// A number too large for that.
    Float(f64),
}

impl Decimal {
    /// Reads a number; an infinite one is read too, as Redis does.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let value = parse_float(text)?;
        Some(exact(text).map_or(Self::Float(value), Self::Exact))
    }

    /// The sum, or `None` if it is infinite or no number.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        if let (Self::Exact(left), Self::Exact(right)) = (self, other)
            && let Some(sum) = left.checked_add(right)
        {
            return Some(Self::Exact(sum));
        }
        let sum = self.to_float() + other.to_float();
        sum.is_finite().then_some(Self::Float(sum))
    }

    /// Writes the number without exponent and without zeros at the end of its fraction.
    #[must_use]
    pub fn write(self) -> String {
        match self {
            Self::Float(value) => {
                let text = format!("{value:.17}");
                trim_fraction(&text).to_owned()
            }
            Self::Exact(steps) => {
                let sign = if steps < 0 { "-" } else { "" };
                let (whole, fraction) = (steps.unsigned_abs() / STEPS, steps.unsigned_abs() % STEPS);
                let text = format!("{sign}{whole}.{fraction:017}");
                let text = trim_fraction(&text);
                if text == "-0" { "0".to_owned() } else { text.to_owned() }
            }
        }
    }

    /// Whether it is a number that can be written.
    #[must_use]
    pub const fn is_finite(self) -> bool {
        match self {
            Self::Exact(_) => true,
            Self::Float(value) => value.is_finite(),
        }
    }

    fn to_float(self) -> f64 {
        match self {
            Self::Exact(steps) => steps as f64 / STEPS as f64,
            Self::Float(value) => value,
        }
    }
}

/// Steps of a whole.
const STEPS: u128 = 100_000_000_000_000_000;

/// Digits of a step's fraction.
const FRACTION_DIGITS: i32 = 17;

fn trim_fraction(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// The decimal number in steps, if it is written as digits, point and exponent and is not too large; what is below half
/// a step is rounded.
fn exact(text: &[u8]) -> Option<i128> {
    let text = std::str::from_utf8(text).ok()?;
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut steps = 0_i128;
    for digit in whole.bytes().chain(fraction.bytes()).take(DIGITS_MAX) {
        steps =
            steps.checked_mul(10)?.checked_add(i128::from(digit.checked_sub(b'0').filter(|d| *d <= 9)?))?;
    }
    let dropped = (whole.len() + fraction.len()).saturating_sub(DIGITS_MAX) as i32;
    let shift =
        FRACTION_DIGITS.checked_add(exponent)?.checked_sub(fraction.len() as i32)?.checked_add(dropped)?;
    let steps = scale(steps, shift)?;
    Some(if negative { -steps } else { steps })
}

fn scale(steps: i128, shift: i32) -> Option<i128> {
    let factor = 10_i128.checked_pow(shift.unsigned_abs());
    let scaled = match factor {
        _ if steps == 0 => 0,
        Some(factor) if shift >= 0 => steps.checked_mul(factor)?,
        Some(factor) => (steps + factor / 2) / factor,
        None if shift < 0 => 0,
        None => return None,
    };
    (scaled.unsigned_abs() < STEPS * 100_000_000_000_000_000_000).then_some(scaled)
}

/// Digits read exactly; more do not change a step.
const DIGITS_MAX: usize = 37;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn integers_have_one_spelling() {
        for wrong in [
            "",
            "-",
            "+1",
            "01",
            "-0",
            " 1",
            "1 ",
            "9223372036854775808",
            "-9223372036854775809",
            "1.0",
            "0x1",
        ] {
            assert_eq!(parse_integer(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(parse_integer(b"-9223372036854775808"), Some(i64::MIN));
    }

    #[test]
    fn scores_are_finite_unless_they_say_so() {
        for (text, number) in [
            ("1", 1.0),
            ("-.5", -0.5),
            ("+inf", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("0e5", 0.0),
            ("5e-324", 5e-324),
        ] {
            assert_eq!(parse_score(text.as_bytes()).map(Score::get), Some(number), "{text}");
        }
        for text in ["", "nan", "1e400", "-1e400", "1e-400", "x", "1x", " 1", "1 "] {
            assert_eq!(parse_score(text.as_bytes()), None, "{text}");
        }
        for (text, number) in [("", 0.0), (" 5", 5.0), ("1e400", f64::INFINITY), ("-inf", f64::NEG_INFINITY)]
        {
            assert_eq!(parse_bound(text.as_bytes()).map(Score::get), Some(number), "{text}");
        }
        for text in ["nan", "5 ", "x", "((5", " "] {
            assert_eq!(parse_bound(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn sums_are_written_as_people_do() {
        for (left, right, sum) in [
            ("0.1", "0.2", "0.3"),
            ("10.50", "0.1", "10.6"),
            ("5.0e3", "2.0e2", "5200"),
            ("3", "-3", "0"),
            ("-1.1", "1", "-0.1"),
            ("1e-18", "0", "0"),
            ("17179869184", "1.5", "17179869185.5"),
            ("0", "-0.0000001", "-0.0000001"),
        ] {
            let parse = |text: &str| Decimal::parse(text.as_bytes()).unwrap();
            assert_eq!(parse(left).plus(parse(right)).unwrap().write(), sum, "{left} + {right}");
        }
        assert_eq!(Decimal::Float(f64::MAX).plus(Decimal::Float(f64::MAX)), None);
        assert_eq!(Decimal::parse(b"1e400").and_then(|big| big.plus(big)), None);
    }

    proptest! {
        #[test]
        fn integers_agree_with_the_standard_library(value: i64) {
            prop_assert_eq!(parse_integer(value.to_string().as_bytes()), Some(value));
        }

        #[test]
        fn any_text_is_survived(text in "[-+0-9.eE]{0,50}") {
            if let Some(number) = Decimal::parse(text.as_bytes()) {
                prop_assert!(!number.write().is_empty());
            }
        }

        #[test]
        fn whole_sums_are_exact(left in -1_000_000_000_000_i64..1_000_000_000_000, right in -1_000_000_i64..1_000_000) {
            let parse = |value: i64| Decimal::parse(value.to_string().as_bytes()).unwrap();
            prop_assert_eq!(parse(left).plus(parse(right)).unwrap().write(), (left + right).to_string());
        }
    }
}
