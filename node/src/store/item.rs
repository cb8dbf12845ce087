//! An item in bytes: how key, value and what is known of them lie in a segment. Where items lie is left to the region.
//!
//! ```text
//! form (1) | namespace (varint) | key length (varint) | value length (varint) | deadline (0, 6 or 8) | key | value
//! ```
//!
//! The form's bits: 0-1 what it is ([`Kind`]), 2-3 whether there is room for a deadline and how much (0: none, 1: six bytes,
//! 2: eight; milliseconds, low byte first, all bits set for never), 7 set once the item is dead. A hole is a form and, unless it is a single byte
//! (bit 4), its whole length as varint. Varints are LEB128: seven bits a byte, low first.

use larder_proto::time::{Deadline, Millis};

use super::parts::Namespace;

/// What lies at a place of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A string.
    String = 0,
    /// A string that APPEND or SETRANGE made what it is, which Redis tells in OBJECT ENCODING.
    Edited = 1,
    /// The number of a collection on the heap, four bytes.
    Object = 2,
    /// Nothing.
    Hole = 3,
}

/// What is written in front of key and value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) namespace: Namespace,
    pub(super) deadline: Deadline,
}

/// An item that was read: what it is and where its parts lie, as offsets into the bytes it was read from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) kind: Kind,
    pub(super) dead: bool,
    pub(super) namespace: Namespace,
    pub(super) deadline: Deadline,
    deadline_at: usize,
    key_at: usize,
    value_at: usize,
    pub(super) end: usize,
}

impl Header {
    /// Bytes of the whole item.
    #[inline]
    pub(super) fn item_bytes(&self, key_bytes: usize, value_bytes: usize) -> usize {
        let lengths = varint_bytes(key_bytes) + varint_bytes(value_bytes);
        let fixed = 1 + varint_bytes(self.namespace.0 as usize) + deadline_bytes(self.deadline, value_bytes);
        fixed + lengths + key_bytes + value_bytes
    }

    /// Writes the item up to its value to the front of `bytes`; where the value begins.
    #[inline]
    pub(super) fn write(&self, bytes: &mut [u8], key: &[u8], value_bytes: usize) -> usize {
        let deadline_bytes = deadline_bytes(self.deadline, value_bytes);
        let width = match deadline_bytes {
            0 => 0,
            NARROW => 1,
            _ => 2,
        };
        bytes[0] = self.kind as u8 | width << WIDTH_SHIFT;
        let mut at = write_varint(bytes, 1, self.namespace.0 as usize);
        at = write_varint(bytes, at, key.len());
        at = write_varint(bytes, at, value_bytes);
        if deadline_bytes > 0 {
            write_deadline(&mut bytes[at..at + deadline_bytes], self.deadline);
            at += deadline_bytes;
        }
        bytes[at..at + key.len()].copy_from_slice(key);
        at + key.len()
    }
}

impl Layout {
    /// Reads what lies at `at`, which [`Header::write`] or [`write_hole`] wrote.
    #[inline]
    pub(super) fn read(bytes: &[u8], at: usize) -> Self {
        let form = bytes[at];
        if form & KIND == Kind::Hole as u8 {
            return Self::hole(bytes, at, form);
        }
        let (namespace, next) = read_varint(bytes, at + 1);
        let (key_bytes, next) = read_varint(bytes, next);
        let (value_bytes, deadline_at) = read_varint(bytes, next);
        let (deadline, key_at) = read_deadline(bytes, deadline_at, form);
        let value_at = key_at + key_bytes;
        let kind = match form & KIND {
            0 => Kind::String,
            1 => Kind::Edited,
            _ => Kind::Object,
        };
        Self {
            kind,
            dead: form & DEAD != 0,
            namespace: Namespace(namespace as u32),
            deadline,
            deadline_at,
            key_at,
            value_at,
            end: value_at + value_bytes,
        }
    }

    fn hole(bytes: &[u8], at: usize, form: u8) -> Self {
        let length = if form & SINGLE != 0 { 1 } else { read_varint(bytes, at + 1).0 };
        let end = at + length;
        Self {
            kind: Kind::Hole,
            dead: true,
            namespace: Namespace(0),
            deadline: Deadline::NEVER,
            deadline_at: end,
            key_at: end,
            value_at: end,
            end,
        }
    }

    /// The key.
    #[inline]
    pub(super) fn key<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        &bytes[self.key_at..self.value_at]
    }

    /// The value.
    #[inline]
    pub(super) fn value<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        &bytes[self.value_at..self.end]
    }

    /// Where the value begins.
    pub(super) const fn value_at(&self) -> usize {
        self.value_at
    }

    /// The number of the collection.
    pub(super) fn object(&self, bytes: &[u8]) -> u32 {
        self.value(bytes).try_into().map_or(0, u32::from_le_bytes)
    }

    /// Writes another length of the value over the one that is there, which takes as many bytes.
    pub(super) fn overwrite_value_bytes(&self, bytes: &mut [u8], value_bytes: usize) {
        write_varint(bytes, self.deadline_at - varint_bytes(value_bytes), value_bytes);
    }

    /// Writes another deadline over the one that is there, if it fits; whether it does.
    pub(super) fn overwrite_deadline(&self, bytes: &mut [u8], deadline: Deadline) -> bool {
        let width = self.key_at - self.deadline_at;
        if width != WIDE && deadline_bytes(deadline, 0) != width {
            return false;
        }
        write_deadline(&mut bytes[self.deadline_at..self.key_at], deadline);
        true
    }
}

/// Marks the item at `at` as dead.
pub(super) fn kill(bytes: &mut [u8], at: usize) {
    bytes[at] |= DEAD;
}

/// Changes what the item at `at` is.
pub(super) fn set_kind(bytes: &mut [u8], at: usize, kind: Kind) {
    bytes[at] = bytes[at] & !KIND | kind as u8;
}

/// Makes all of `bytes` a hole.
pub(super) fn write_hole(bytes: &mut [u8]) {
    let length = bytes.len();
    if let Some(form) = bytes.first_mut() {
        *form = Kind::Hole as u8 | DEAD | if length == 1 { SINGLE } else { 0 };
    }
    if length > 1 {
        write_varint(bytes, 1, length);
    }
}

/// Bytes that a varint of this number takes.
#[inline]
pub(super) const fn varint_bytes(number: usize) -> usize {
    if number < 1 << 7 {
        1
    } else if number < 1 << 14 {
        2
    } else {
        (usize::BITS - number.leading_zeros()).div_ceil(7) as usize
    }
}

#[inline]
fn write_varint(bytes: &mut [u8], mut at: usize, mut number: usize) -> usize {
    while number >= 0x80 {
        bytes[at] = number as u8 | 0x80;
        number >>= 7;
        at += 1;
    }
    bytes[at] = number as u8;
    at + 1
}

#[inline]
fn read_varint(bytes: &[u8], mut at: usize) -> (usize, usize) {
    let first = bytes[at];
    at += 1;
    if first < 0x80 {
        return (usize::from(first), at);
    }
    let (mut number, mut shift) = (usize::from(first & 0x7f), 7);
    loop {
        let byte = bytes[at];
        at += 1;
        number |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return (number, at);
        }
    }
}

/// Six bytes of milliseconds last for 8,900 years; what lies beyond, as clients may ask, takes eight. A large value has room for
/// any, so that EXPIRE and PERSIST need not write it anew: that would take its bytes a second time, in a full memory too.
#[inline]
const fn deadline_bytes(deadline: Deadline, value_bytes: usize) -> usize {
    match deadline.moment() {
        _ if value_bytes >= ROOMY_VALUE_BYTES => WIDE,
        None => 0,
        Some(Millis(ms)) if ms < 1 << 48 => NARROW,
        Some(_) => WIDE,
    }
}

fn write_deadline(bytes: &mut [u8], deadline: Deadline) {
    let ms = deadline.moment().map_or(u64::MAX, |Millis(ms)| ms);
    let length = bytes.len();
    bytes.copy_from_slice(&ms.to_le_bytes()[..length]);
}

#[inline]
fn read_deadline(bytes: &[u8], at: usize, form: u8) -> (Deadline, usize) {
    let width = match form >> WIDTH_SHIFT & 3 {
        0 => return (Deadline::NEVER, at),
        1 => NARROW,
        _ => WIDE,
    };
    let mut ms = [0; 8];
    ms[..width].copy_from_slice(&bytes[at..at + width]);
    (Deadline::at(Millis(u64::from_le_bytes(ms))), at + width)
}

const KIND: u8 = 0b11;
const WIDTH_SHIFT: u32 = 2;
const SINGLE: u8 = 1 << 4;
const DEAD: u8 = 1 << 7;
const NARROW: usize = 6;
const WIDE: usize = 8;
/// Values of so many bytes have room for a deadline: a thousandth or two of them.
const ROOMY_VALUE_BYTES: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            kind in prop_oneof![Just(Kind::String), Just(Kind::Edited), Just(Kind::Object)],
            namespace in prop_oneof![0_u32..200, any::<u32>()],
            deadline in prop_oneof![Just(u64::MAX), 0_u64..1 << 41, any::<u64>()],
            key in proptest::collection::vec(any::<u8>(), 0..300),
            value in proptest::collection::vec(any::<u8>(), 0..20_000),
            before in 0_usize..9,
        ) {
            let deadline = if deadline == u64::MAX { Deadline::NEVER } else { Deadline::at(Millis(deadline)) };
            let header = Header { kind, namespace: Namespace(namespace), deadline };
            let length = header.item_bytes(key.len(), value.len());
            let mut bytes = vec![0xee; before + length + 3];
            let value_at = header.write(&mut bytes[before..], &key, value.len());
            bytes[before + value_at..][..value.len()].copy_from_slice(&value);
            let layout = Layout::read(&bytes, before);
            prop_assert_eq!((layout.kind, layout.namespace, layout.deadline), (kind, header.namespace, deadline));
            prop_assert_eq!((layout.key(&bytes), layout.value(&bytes)), (&key[..], &value[..]));
            prop_assert_eq!((layout.end, layout.dead), (before + length, false));
            kill(&mut bytes, before);
            prop_assert!(Layout::read(&bytes, before).dead);
            prop_assert_eq!(&bytes[before + length..], &[0xee; 3], "nothing is written behind the item");
        }

        #[test]
        fn a_large_value_takes_any_deadline_where_it_is(
            deadlines in proptest::collection::vec(prop_oneof![Just(u64::MAX), 0_u64..1 << 41, any::<u64>()], 1..9),
            value_bytes in ROOMY_VALUE_BYTES..20_000,
        ) {
            let header = Header { kind: Kind::String, namespace: Namespace(1), deadline: Deadline::NEVER };
            let mut bytes = vec![0; header.item_bytes(1, value_bytes)];
            header.write(&mut bytes, b"k", value_bytes);
            for deadline in deadlines {
                let deadline = Deadline::at(Millis(deadline));
                prop_assert!(Layout::read(&bytes, 0).overwrite_deadline(&mut bytes, deadline));
                let layout = Layout::read(&bytes, 0);
                prop_assert_eq!((layout.deadline, layout.end), (deadline, bytes.len()));
            }
        }

        #[test]
        fn a_hole_has_its_length(length in prop_oneof![1_usize..5, 1_usize..70_000], before in 0_usize..3) {
            let mut bytes = vec![0xee; before + length];
            write_hole(&mut bytes[before..]);
            let layout = Layout::read(&bytes, before);
            prop_assert_eq!((layout.kind, layout.dead, layout.end), (Kind::Hole, true, before + length));
        }
    }
}
