//! A number as a row of decimal digits with a place for the point: what every format starts from.

use larder_proto::envelope::Decimal;

/// The magnitude 0.d1d2d3… × 10^point, and its sign. There is no zero in front or at the end, except
/// that a decimal keeps those at its end; zero itself has no digits.
#[derive(Debug, Clone)]
pub(in crate::dotnet) struct Digits {
    pub(in crate::dotnet) negative: bool,
    pub(in crate::dotnet) digits: Vec<u8>,
    pub(in crate::dotnet) point: i32,
    /// Whether a zero may be negative, as a double may.
    pub(in crate::dotnet) floating: bool,
}

impl Digits {
    pub(in crate::dotnet) fn of_integer(value: i64) -> Self {
        Self::new(value < 0, &value.unsigned_abs().to_string(), 0, false).trimmed()
    }

    /// With the zeros at the end that the scale says.
    pub(in crate::dotnet) fn of_decimal(value: Decimal) -> Self {
        let text = value.mantissa().unsigned_abs().to_string();
        Self::new(value.mantissa() < 0, &text, -i32::from(value.scale()), false)
    }

    /// The fewest digits that are read as the same double again.
    pub(in crate::dotnet) fn shortest(value: f64) -> Self {
        Self::of_scientific(value, &format!("{:e}", value.abs()))
    }

    /// So many digits, rounded from the exact value.
    pub(in crate::dotnet) fn significant(value: f64, count: usize) -> Self {
        Self::of_scientific(value, &format!("{:.*e}", count.saturating_sub(1), value.abs()))
    }

    /// So many digits after the point, rounded from the exact value.
    pub(in crate::dotnet) fn fixed(value: f64, decimals: usize) -> Self {
        let text = format!("{:.*}", decimals, value.abs()).replace('.', "");
        let exponent = -i32::try_from(decimals).unwrap_or(i32::MAX);
        Self::new(value.is_sign_negative(), &text, exponent, true).trimmed()
    }

    fn of_scientific(value: f64, text: &str) -> Self {
        let (digits, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let decimals = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let exponent = exponent.parse::<i32>().unwrap_or(0) - i32::try_from(decimals).unwrap_or(0);
        Self::new(value.is_sign_negative(), &digits.replace('.', ""), exponent, true).trimmed()
    }

    /// The whole number `text` × 10^exponent.
    fn new(negative: bool, text: &str, exponent: i32, floating: bool) -> Self {
        let digits = text.trim_start_matches('0').as_bytes().to_vec();
        let point = i32::try_from(digits.len()).unwrap_or(0) + exponent;
        Self { negative, digits, point, floating }
    }

    fn trimmed(mut self) -> Self {
        let length = self.digits.len() - self.digits.iter().rev().take_while(|d| **d == b'0').count();
        self.digits.truncate(length);
        if self.is_zero() {
            self.point = 0;
        }
        self
    }

    pub(in crate::dotnet) fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    /// How many digits there are, as a position.
    pub(in crate::dotnet) fn count(&self) -> i32 {
        i32::try_from(self.digits.len()).unwrap_or(i32::MAX)
    }

    /// Keeps the digits before the position, a five rounding up (away from zero).
    pub(in crate::dotnet) fn round_at(&mut self, position: i32) {
        let place = usize::try_from(position).ok().filter(|place| *place < self.digits.len());
        let up = place.is_some_and(|place| self.digits[place] >= b'5');
        self.digits.truncate(usize::try_from(position).unwrap_or(0));
        if up {
            self.step_up();
        }
        let length = self.digits.len() - self.digits.iter().rev().take_while(|d| **d == b'0').count();
        self.digits.truncate(length);
        if self.is_zero() {
            self.negative &= self.floating;
            self.point = 0;
        }
    }

    /// Adds one to the last digit.
    fn step_up(&mut self) {
        while self.digits.last() == Some(&b'9') {
            self.digits.pop();
        }
        match self.digits.last_mut() {
            Some(last) => *last += 1,
            None => {
                self.digits.push(b'1');
                self.point += 1;
            }
        }
    }
}
