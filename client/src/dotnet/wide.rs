//! Whole numbers of 256 bits, as products of decimals need them before they are rounded.

use std::cmp::Ordering;

/// hi × 2^128 + lo
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wide {
    hi: u128,
    lo: u128,
}

impl Wide {
    pub(super) fn of(lo: u128) -> Self {
        Self { hi: 0, lo }
    }

    /// The number, if it fits into 128 bits.
    pub(super) fn narrow(self) -> Option<u128> {
        (self.hi == 0).then_some(self.lo)
    }

    /// The product of two numbers of 128 bits.
    pub(super) fn product(left: u128, right: u128) -> Self {
        const HALF: u128 = u64::MAX as u128;
        let (a, b) = (left >> 64, left & HALF);
        let (c, d) = (right >> 64, right & HALF);
        let low = b * d;
        // Each product of halves is below 2^128 - 2^65, so that two carries fit on top.
        let middle = b * c + (low >> 64);
        let (middle, carry) = middle.overflowing_add(a * d);
        let hi = a * c + (middle >> 64) + (u128::from(carry) << 64);
        Self { hi, lo: (middle << 64) | (low & HALF) }
    }

    /// The sum, which callers know to fit.
    pub(super) fn plus(self, other: Self) -> Self {
        let (lo, carry) = self.lo.overflowing_add(other.lo);
        Self { hi: self.hi.wrapping_add(other.hi).wrapping_add(u128::from(carry)), lo }
    }

    /// The difference, which callers know not to be negative.
    pub(super) fn minus(self, other: Self) -> Self {
        let (lo, borrow) = self.lo.overflowing_sub(other.lo);
        Self { hi: self.hi.wrapping_sub(other.hi).wrapping_sub(u128::from(borrow)), lo }
    }

    /// A tenth, and the digit left over.
    pub(super) fn tenth(self) -> (Self, u8) {
        let mut parts = [0_u64; 4];
        let mut rest = 0_u128;
        for (part, word) in parts.iter_mut().zip([self.hi >> 64, self.hi, self.lo >> 64, self.lo]) {
            rest = (rest << 64) | u128::from(word as u64);
            *part = (rest / 10) as u64;
            rest %= 10;
        }
        let join = |hi: u64, lo: u64| (u128::from(hi) << 64) | u128::from(lo);
        (Self { hi: join(parts[0], parts[1]), lo: join(parts[2], parts[3]) }, rest as u8)
    }

    /// What is left of this after division by a number that is not zero: bit by bit.
    pub(super) fn remainder(self, divisor: Self) -> Self {
        let mut rest = Self::of(0);
        for bit in (0..256).rev() {
            rest = Self { hi: (rest.hi << 1) | (rest.lo >> 127), lo: rest.lo << 1 };
            rest.lo |= if bit >= 128 { (self.hi >> (bit - 128)) & 1 } else { (self.lo >> bit) & 1 };
            if rest.cmp(&divisor) != Ordering::Less {
                rest = rest.minus(divisor);
            }
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::Wide;

    #[test]
    fn products_are_taken_apart_again() {
        for (left, right) in [(0, 5), (u128::MAX, u128::MAX), (1 << 96, 10_u128.pow(28)), (u128::MAX, 10)] {
            let product = Wide::product(left, right);
            if let Some(exact) = left.checked_mul(right) {
                assert_eq!(product, Wide::of(exact));
            }
            assert_eq!(product, Wide::product(right, left));
            let more = product.plus(Wide::of(0)).minus(Wide::of(0));
            assert_eq!(more, product);
            let (tenth, digit) = product.tenth();
            let ten = |wide: Wide| (0..10).fold(Wide::of(0), |sum, _| sum.plus(wide));
            assert_eq!(ten(tenth).plus(Wide::of(u128::from(digit))), product);
            if left != 0 {
                assert_eq!(product.remainder(Wide::of(left)), Wide::of(0));
            }
        }
    }
}
