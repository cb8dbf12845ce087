//! Integers in one allocation, sorted, each in as few bytes as the longest of them needs: the compact form of a set of
//! integers.

/// The integers.
#[derive(Debug, Clone)]
pub(super) struct Integers {
    /// Little endian, `width` bytes each.
    bytes: Vec<u8>,
    /// 2, 4 or 8.
    width: usize,
}

impl Default for Integers {
    fn default() -> Self {
        Self { bytes: Vec::new(), width: 2 }
    }
}

impl Integers {
    pub(super) const fn len(&self) -> usize {
        self.bytes.len() / self.width
    }

    pub(super) const fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    pub(super) fn contains(&self, integer: i64) -> bool {
        self.find(integer).is_ok()
    }

    /// Adds an integer; whether it is new.
    pub(super) fn insert(&mut self, integer: i64) -> bool {
        let Err(index) = self.find(integer) else { return false };
        self.widen(width_of(integer));
        self.bytes.reserve_exact(self.width);
        let at = index * self.width;
        self.bytes.splice(at..at, integer.to_le_bytes().into_iter().take(self.width));
        true
    }

    /// Removes an integer; whether it was there.
    pub(super) fn remove(&mut self, integer: i64) -> bool {
        let Ok(index) = self.find(integer) else { return false };
        let at = index * self.width;
        self.bytes.drain(at..at + self.width);
        self.bytes.shrink_to_fit();
        true
    }

    /// The integer at an index in ascending order, below [`Integers::len`].
    pub(super) fn at(&self, index: usize) -> i64 {
        let bytes = &self.bytes[index * self.width..(index + 1) * self.width];
        let sign = if bytes[self.width - 1] & 0x80 == 0 { 0 } else { 0xff };
        let mut whole = [sign; 8];
        whole[..self.width].copy_from_slice(bytes);
        i64::from_le_bytes(whole)
    }

    /// All in ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = i64> {
        (0..self.len()).map(|index| self.at(index))
    }

    /// Where the integer is, or where it would be.
    fn find(&self, integer: i64) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.at(middle).cmp(&integer) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Ok(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    fn widen(&mut self, width: usize) {
        if width <= self.width {
            return;
        }
        let mut bytes = Vec::with_capacity((self.len() + 1) * width);
        self.iter().for_each(|integer| bytes.extend_from_slice(&integer.to_le_bytes()[..width]));
        *self = Self { bytes, width };
    }
}

/// The bytes that an integer needs.
fn width_of(integer: i64) -> usize {
    if i16::try_from(integer).is_ok() {
        2
    } else if i32::try_from(integer).is_ok() {
        4
    } else {
        8
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_like_a_set(
            steps in proptest::collection::vec(
                (any::<bool>(), prop_oneof![
                    3 => -20..20_i64,
                    1 => 32_766..32_770_i64,
                    1 => -32_770..-32_766_i64,
                    1 => 2_147_483_646..2_147_483_650_i64,
                    1 => Just(i64::MIN),
                    1 => Just(i64::MAX),
                ]),
                0..80,
            ),
        ) {
            let (mut integers, mut model) = (Integers::default(), BTreeSet::new());
            for (adds, integer) in steps {
                if adds {
                    prop_assert_eq!(integers.insert(integer), model.insert(integer));
                } else {
                    prop_assert_eq!(integers.remove(integer), model.remove(&integer));
                }
                prop_assert_eq!(integers.contains(integer), adds);
                prop_assert_eq!(integers.capacity(), model.len() * integers.width);
                prop_assert!(integers.iter().eq(model.iter().copied()));
            }
        }
    }

    #[test]
    fn each_takes_as_many_bytes_as_the_longest_needs() {
        let mut integers = Integers::default();
        for (integer, bytes) in [(-32_768, 2), (32_767, 4), (32_768, 12), (-2_147_483_649, 32)] {
            integers.insert(integer);
            assert_eq!(integers.capacity(), bytes);
        }
    }
}
