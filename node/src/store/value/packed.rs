//! Pairs of byte strings in one allocation, in the order in which they came: the compact form of a small hash.
//!
//! Layout: for each pair field length, field, value length, value; lengths as LEB128 (7 bits a byte, low first).
//! A look-up reads from the front; the owner keeps the number of pairs small.

/// The pairs.
#[derive(Debug, Clone, Default)]
pub(super) struct Packed {
    bytes: Vec<u8>,
    pairs: u32,
}

/// Where a pair lies.
#[derive(Clone, Copy)]
struct Place {
    start: usize,
    value_start: usize,
    end: usize,
}

impl Packed {
    pub(super) const fn len(&self) -> usize {
        self.pairs as usize
    }

    pub(super) const fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    pub(super) fn get(&self, field: &[u8]) -> Option<&[u8]> {
        self.iter().find(|(name, _)| *name == field).map(|(_, value)| value)
    }

    /// Sets the value of a field; whether the field is new.
    pub(super) fn set(&mut self, field: &[u8], value: &[u8]) -> bool {
        let Some(place) = self.find(field) else {
            self.bytes.reserve_exact(field.len() + value.len() + 2 * LENGTH_BYTES_MAX);
            push_string(&mut self.bytes, field);
            push_string(&mut self.bytes, value);
            self.pairs += 1;
            return true;
        };
        let mut replacement = Vec::with_capacity(value.len() + LENGTH_BYTES_MAX);
        push_string(&mut replacement, value);
        self.bytes.splice(place.value_start..place.end, replacement);
        false
    }

    /// Removes a field; whether there was one.
    pub(super) fn remove(&mut self, field: &[u8]) -> bool {
        let Some(place) = self.find(field) else { return false };
        self.bytes.drain(place.start..place.end);
        self.pairs -= 1;
        if self.bytes.len() * 2 < self.bytes.capacity() {
            self.bytes.shrink_to_fit();
        }
        true
    }

    pub(super) fn iter(&self) -> Pairs<'_> {
        Pairs { bytes: &self.bytes, at: 0 }
    }

    fn find(&self, field: &[u8]) -> Option<Place> {
        let mut pairs = self.iter();
        loop {
            let start = pairs.at;
            let name = pairs.string()?;
            let value_start = pairs.at;
            pairs.string()?;
            if name == field {
                return Some(Place { start, value_start, end: pairs.at });
            }
        }
    }
}

/// Walks the pairs in their order.
pub(super) struct Pairs<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Pairs<'a> {
    fn string(&mut self) -> Option<&'a [u8]> {
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let string = self.bytes.get(self.at..self.at + length)?;
        self.at += length;
        Some(string)
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.string()?, self.string()?))
    }
}

fn push_string(bytes: &mut Vec<u8>, string: &[u8]) {
    let mut length = string.len();
    while length >= 0x80 {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend_from_slice(string);
}

/// Bytes of a length at most, for strings below 2^28.
const LENGTH_BYTES_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_and_lengths_may_change() {
        let mut packed = Packed::default();
        assert!(packed.set(b"a", b"1"));
        assert!(packed.set(b"b", &[7; 300]));
        assert!(packed.set(b"", b""));
        assert!(!packed.set(b"b", b"2"));
        assert!(packed.remove(b"a"));
        assert!(!packed.remove(b"a"));
        let pairs: Vec<_> = packed.iter().collect();
        assert_eq!(pairs, [(&b"b"[..], &b"2"[..]), (b"", b"")]);
    }
}
