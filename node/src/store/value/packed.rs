//! Pairs of byte strings in one allocation, in the order in which they came: the compact form of a small hash or set.
//!
//! Layout: for each pair field length, field, value length, value; lengths as LEB128 (7 bits a byte, low first). Pairs of
//! a set have neither a value nor a length of one. A look-up reads from the front; the owner keeps the number of pairs
//! small.

/// The pairs. `VALUED` says whether they have values.
#[derive(Debug, Clone, Default)]
pub(super) struct Packed<const VALUED: bool> {
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

impl<const VALUED: bool> Packed<VALUED> {
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
            let value_bytes = if VALUED { bytes_of(value) } else { 0 };
            self.bytes.reserve_exact(bytes_of(field) + value_bytes);
            push_string(&mut self.bytes, field);
            if VALUED {
                push_string(&mut self.bytes, value);
            }
            self.pairs += 1;
            return true;
        };
        if !VALUED {
            return false;
        }
        let mut replacement = Vec::with_capacity(bytes_of(value));
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

    pub(super) fn iter(&self) -> Pairs<'_, VALUED> {
        Pairs { bytes: &self.bytes, at: 0 }
    }

    fn find(&self, field: &[u8]) -> Option<Place> {
        let mut pairs = self.iter();
        loop {
            let start = pairs.at;
            let name = pairs.string()?;
            let value_start = pairs.at;
            pairs.value()?;
            if name == field {
                return Some(Place { start, value_start, end: pairs.at });
            }
        }
    }
}

/// Walks the pairs in their order.
pub(super) struct Pairs<'a, const VALUED: bool> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a, const VALUED: bool> Pairs<'a, VALUED> {
    fn value(&mut self) -> Option<&'a [u8]> {
        if VALUED { self.string() } else { Some(&[]) }
    }

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

impl<'a, const VALUED: bool> Iterator for Pairs<'a, VALUED> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.string()?, self.value()?))
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

/// Bytes that a string takes with its length.
const fn bytes_of(string: &[u8]) -> usize {
    let (mut rest, mut bytes) = (string.len() >> 7, 1 + string.len());
    while rest > 0 {
        (rest, bytes) = (rest >> 7, bytes + 1);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_and_lengths_may_change() {
        let mut packed = Packed::<true>::default();
        assert!(packed.set(b"a", b"1"));
        assert!(packed.set(b"b", &[7; 300]));
        assert!(packed.set(b"", b""));
        assert!(!packed.set(b"b", b"2"));
        assert!(packed.remove(b"a"));
        assert!(!packed.remove(b"a"));
        let pairs: Vec<_> = packed.iter().collect();
        assert_eq!(pairs, [(&b"b"[..], &b"2"[..]), (b"", b"")]);
    }

    #[test]
    fn fields_alone_take_their_bytes_and_one_for_the_length() {
        let mut packed = Packed::<false>::default();
        for field in [&b"one"[..], b"", b"two"] {
            assert!(packed.set(field, b"") && !packed.set(field, b""));
        }
        assert_eq!(packed.capacity(), 9);
        packed.set(&[7; 128], b"");
        assert_eq!(packed.capacity(), 9 + 130);
        assert!(packed.remove(b"") && packed.get(b"").is_none());
        assert!(packed.iter().map(|(field, _)| field).eq([&b"one"[..], b"two", &[7; 128]]));
    }
}
