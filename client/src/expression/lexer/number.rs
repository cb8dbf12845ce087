//! Numbers: their digits, their suffix, and the type that C# gives them.

use larder_proto::envelope::Decimal;

use super::cursor::{Cursor, Mark, is_name_part};
use super::token::TokenKind;
use crate::expression::error::ExpressionError;
use crate::expression::syntax::Literal;

impl Cursor<'_> {
    /// A number, from its first digit or point.
    pub(super) fn number(&mut self, mark: Mark) -> Result<TokenKind, ExpressionError> {
        let literal = match self.radix() {
            Some(radix) => self.whole_in(radix),
            None => self.decimal_digits(),
        };
        let literal = literal.map_err(|reason| ExpressionError::literal(mark.position, reason))?;
        if self.peek().is_some_and(is_name_part) {
            return Err(ExpressionError::literal(
                mark.position,
                "found a number with letters it cannot have",
            ));
        }
        Ok(TokenKind::Literal(literal))
    }

    fn radix(&self) -> Option<u32> {
        match self.rest().as_bytes() {
            [b'0', b'x' | b'X', ..] => Some(16),
            [b'0', b'b' | b'B', ..] => Some(2),
            _ => None,
        }
    }

    /// `0x…` or `0b…`
    fn whole_in(&mut self, radix: u32) -> Result<Literal, &'static str> {
        self.skip(2);
        let digits = self.digits(radix)?;
        let value = u64::from_str_radix(&digits, radix).map_err(|_| TOO_LARGE)?;
        self.whole(value)
    }

    fn decimal_digits(&mut self) -> Result<Literal, &'static str> {
        let whole = if self.sees(".") { String::new() } else { self.digits(10)? };
        let mut fraction = String::new();
        let mut real = false;
        if self.sees(".") && self.peek_second().is_some_and(|c| c.is_ascii_digit()) {
            self.skip(1);
            fraction = self.digits(10)?;
            real = true;
        }
        let exponent = self.exponent()?;
        real |= exponent.is_some();
        let number = Real { whole, fraction, exponent: exponent.unwrap_or(0) };
        let literal = match self.peek().map(|c| c.to_ascii_lowercase()) {
            Some('f') => {
                Literal::Float(number.text().parse().ok().filter(|f: &f32| f.is_finite()).ok_or(TOO_LARGE)?)
            }
            Some('d') => number.double()?,
            Some('m') => Literal::Decimal(number.decimal()?),
            _ if real => return number.double(),
            _ => return self.whole(number.whole.parse().map_err(|_| TOO_LARGE)?),
        };
        self.skip(1);
        Ok(literal)
    }

    /// `e` and a whole number.
    fn exponent(&mut self) -> Result<Option<i32>, &'static str> {
        let rest = self.rest();
        let Some(after) = rest.strip_prefix(['e', 'E']) else { return Ok(None) };
        let unsigned = after.strip_prefix(['+', '-']).unwrap_or(after);
        if !unsigned.starts_with(|c: char| c.is_ascii_digit()) {
            return Ok(None);
        }
        self.skip(rest.len() - unsigned.len());
        let digits: i32 = self.digits(10)?.parse().map_err(|_| TOO_LARGE)?;
        Ok(Some(if after.starts_with('-') { -digits } else { digits }))
    }

    /// The digits that come next, without the `_` between them.
    fn digits(&mut self, radix: u32) -> Result<String, &'static str> {
        let written = self.take_while(|c| c == '_' || c.is_digit(radix));
        if written.ends_with('_') {
            return Err("found a number that ends with '_', expected a digit");
        }
        let digits: String = written.chars().filter(|c| *c != '_').collect();
        if digits.is_empty() { Err("found a number without digits") } else { Ok(digits) }
    }

    /// A whole number of the first type that holds it, among those that its suffix allows.
    fn whole(&mut self, value: u64) -> Result<Literal, &'static str> {
        let suffix = self.take_while(|c| matches!(c, 'u' | 'U' | 'l' | 'L')).to_ascii_lowercase();
        let (unsigned, long) = match suffix.as_str() {
            "" => (false, false),
            "u" => (true, false),
            "l" => (false, true),
            "ul" | "lu" => (true, true),
            _ => return Err("found a number with an unknown suffix, expected one of U L UL F D M"),
        };
        let int = i32::try_from(value).ok().filter(|_| !unsigned && !long).map(Literal::Int);
        let uint = || u32::try_from(value).ok().filter(|_| !long).map(Literal::UInt);
        let wide = || i64::try_from(value).ok().filter(|_| !unsigned).map(Literal::Long);
        Ok(int.or_else(uint).or_else(wide).unwrap_or(Literal::ULong(value)))
    }
}

/// A number with a fraction or an exponent.
struct Real {
    whole: String,
    fraction: String,
    exponent: i32,
}

impl Real {
    fn text(&self) -> String {
        format!("{}.{}e{}", self.whole, self.fraction, self.exponent)
    }

    fn double(&self) -> Result<Literal, &'static str> {
        let value: f64 = self.text().parse().map_err(|_| TOO_LARGE)?;
        if value.is_finite() { Ok(Literal::Double(value)) } else { Err(TOO_LARGE) }
    }

    /// The nearest decimal; of two that are equally near, the one whose last digit is even.
    fn decimal(&self) -> Result<Decimal, &'static str> {
        let digits = format!("{}{}", self.whole, self.fraction);
        let digits = digits.trim_start_matches('0');
        let scale = i64::try_from(self.fraction.len()).map_err(|_| TOO_LARGE)? - i64::from(self.exponent);
        if digits.is_empty() {
            let scale = u8::try_from(scale.clamp(0, Decimal::SCALE_MAX.into())).map_err(|_| TOO_LARGE)?;
            return Decimal::new(0, scale).ok_or(TOO_LARGE);
        }
        if scale < 0 {
            let zeros =
                usize::try_from(-scale).ok().filter(|zeros| *zeros < DECIMAL_DIGITS).ok_or(TOO_LARGE)?;
            let mantissa = format!("{digits}{}", "0".repeat(zeros)).parse().map_err(|_| TOO_LARGE)?;
            return Decimal::new(mantissa, 0).ok_or(TOO_LARGE);
        }
        rounded(digits, scale)
    }
}

/// As many of the digits as a decimal holds, of which `scale` stand after the point.
fn rounded(digits: &str, scale: i64) -> Result<Decimal, &'static str> {
    let too_fine = usize::try_from(scale - i64::from(Decimal::SCALE_MAX)).unwrap_or(0);
    let mut cut = too_fine.max(digits.len().saturating_sub(DECIMAL_DIGITS));
    // A mantissa of 29 digits may be too large; then one digit fewer is kept.
    loop {
        let scale = scale - i64::try_from(cut).map_err(|_| TOO_LARGE)?;
        let scale = u8::try_from(scale).map_err(|_| TOO_LARGE)?;
        let (kept, dropped) = digits.split_at(digits.len().saturating_sub(cut));
        let mut mantissa: i128 = if kept.is_empty() { 0 } else { kept.parse().map_err(|_| TOO_LARGE)? };
        // With more cut than there is, the number is less than half of the last place.
        let up = cut <= digits.len() && rounds_up(mantissa, dropped);
        mantissa += i128::from(up);
        if let Some(decimal) = Decimal::new(mantissa, scale) {
            return Ok(decimal);
        }
        cut += 1;
    }
}

fn rounds_up(kept: i128, dropped: &str) -> bool {
    let Some(first) = dropped.bytes().next() else { return false };
    let half = first == b'5' && dropped[1..].bytes().all(|digit| digit == b'0');
    first >= b'5' && !(half && kept % 2 == 0)
}

/// The most digits of a decimal's mantissa.
const DECIMAL_DIGITS: usize = 29;
const TOO_LARGE: &str = "found a number that is too large for its type";
