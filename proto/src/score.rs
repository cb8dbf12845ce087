//! The score of a member of a sorted set, and how Redis 7.2 writes such a number. Reading one is left to the commands.

use std::cmp::Ordering;
use std::fmt::Write;

/// A number that is none but NaN. The two zeros are equal, and both keep their sign.
#[derive(Clone, Copy, Debug, Default)]
pub struct Score(f64);

impl Score {
    /// The number as a score, unless it is NaN.
    #[must_use]
    pub fn new(number: f64) -> Option<Self> {
        (!number.is_nan()).then_some(Self(number))
    }

    /// A whole number as a score; beyond 2^53 the nearest that there is.
    #[must_use]
    pub const fn of(number: i64) -> Self {
        Self(number as f64)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl PartialEq for Score {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Score {}

impl Ord for Score {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        // Without NaN there is an order between any two.
        self.0.partial_cmp(&other.0).unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for Score {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Appends a number as Redis 7.2 writes doubles: whole ones up to 2^62 in all their digits, others with the fewest
/// digits that read back as the same number, in scientific notation where that is shorter; `inf`, `-inf`, `nan`, `-0`.
pub fn write_number(text: &mut String, number: f64) {
    if number.is_nan() {
        return text.push_str("nan");
    }
    if number.is_sign_negative() {
        text.push('-');
    }
    let size = number.abs();
    if size.is_infinite() {
        return text.push_str("inf");
    }
    if size <= WHOLE_MAX && size.fract() == 0.0 {
        let _ = write!(text, "{}", size as u64);
        return;
    }
    let shortest = format!("{size:e}");
    let (digits, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    write_digits(text, &digits.replace('.', ""), exponent.parse().unwrap_or(0), number < 0.0);
}

/// Writes digits of which the first is worth 10^exponent, as the routine does that Redis took over from fpconv.
fn write_digits(text: &mut String, digits: &str, exponent: i32, negative: bool) {
    let count = digits.len() as i32;
    let (last, size) = (exponent - count + 1, exponent.abs());
    if last >= 0 && size < count + TRAILING_ZEROS_MAX - i32::from(negative) {
        text.push_str(digits);
        text.extend(std::iter::repeat_n('0', last as usize));
    } else if last < 0 && (last > -7 || size < 4) {
        if exponent < 0 {
            text.push_str("0.");
            text.extend(std::iter::repeat_n('0', (-exponent - 1) as usize));
            text.push_str(digits);
        } else {
            let (whole, fraction) = digits.split_at((exponent + 1) as usize);
            let _ = write!(text, "{whole}.{fraction}");
        }
    } else {
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        let sign = if exponent < 0 { '-' } else { '+' };
        let _ = write!(text, "{first}{point}{rest}e{sign}{size}");
    }
}

/// Up to here whole numbers are written as integers.
const WHOLE_MAX: f64 = (1_u64 << 62) as f64;

/// Zeros at the end that are still written out.
const TRAILING_ZEROS_MAX: i32 = 7;

#[cfg(test)]
mod tests {
    use super::*;

    fn text(number: f64) -> String {
        let mut text = String::new();
        write_number(&mut text, number);
        text
    }

    #[test]
    fn numbers_are_written_as_redis_does() {
        for (number, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-17.0, "-17"),
            (1.5, "1.5"),
            (0.1, "0.1"),
            (2.625, "2.625"),
            (-0.001, "-0.001"),
            (0.00001, "0.00001"),
            (0.0000001, "1e-7"),
            (1.234e-9, "1.234e-9"),
            (1e17, "100000000000000000"),
            (4_611_686_018_427_387_904.0, "4611686018427387904"),
            (1e19, "1e+19"),
            (1e20, "1e+20"),
            (1.5e300, "1.5e+300"),
            (-1.5e-300, "-1.5e-300"),
            (123_456_789.123, "123456789.123"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(text(number), expected);
        }
    }

    #[test]
    fn what_is_written_reads_back_as_the_same_number() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let number = f64::from_bits(state);
            if !number.is_nan() {
                assert_eq!(text(number).parse::<f64>().unwrap().to_bits(), number.to_bits(), "{number:e}");
            }
        }
    }

    #[test]
    fn scores_are_in_order() {
        assert_eq!(Score::new(f64::NAN), None);
        assert_eq!(Score::new(0.0), Score::new(-0.0));
        let score = |number| Score::new(number).unwrap();
        assert!(score(f64::NEG_INFINITY) < score(-1.0) && score(-1.0) < score(-0.0));
        assert!(score(0.5) < score(f64::INFINITY));
        assert_eq!(score(7.0), Score::of(7));
    }
}
