//! What a key may hold, and what each type weighs and is called.

use larder_proto::resp::DECIMAL_BYTES_MAX;
use larder_proto::time::Deadline;

use super::hash::Hash;
use super::list::List;
use super::set::Set;
use super::sorted_set::SortedSet;
use super::weight::heap_bytes;

/// What a key holds.
#[derive(Debug, Clone)]
pub enum Value {
    /// A string of bytes.
    String(Text),
    /// A hash: fields with values.
    Hash(Box<Hash>),
    /// A list: elements in order.
    List(Box<List>),
    /// A set: members without order.
    Set(Box<Set>),
    /// A sorted set: members with scores, in their order.
    SortedSet(Box<SortedSet>),
}

/// A string. It remembers whether it was changed in place, which Redis tells in OBJECT ENCODING.
#[derive(Debug, Clone, Default)]
pub struct Text {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// APPEND or SETRANGE made it what it is.
    pub edited: bool,
}

/// A value with its deadline, outside the store: on its way from one key to another.
#[derive(Debug, Clone)]
pub struct Detached {
    /// The value.
    pub value: Value,
    /// Its deadline, which travels with it.
    pub deadline: Deadline,
}

impl Text {
    /// The encoding that Redis would use for such a string.
    pub(in crate::store) fn encoding(bytes: &[u8], edited: bool) -> &'static str {
        match bytes {
            _ if edited => "raw",
            _ if canonical_integer(bytes).is_some() => "int",
            _ if bytes.len() <= EMBEDDED_BYTES_MAX => "embstr",
            _ => "raw",
        }
    }
}

impl Value {
    /// The type's name, as TYPE and SCAN give it.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::String(_) => "string",
            Self::Hash(_) => "hash",
            Self::List(_) => "list",
            Self::Set(_) => "set",
            Self::SortedSet(_) => "zset",
        }
    }

    /// The encoding that Redis would use, as OBJECT ENCODING gives it.
    #[must_use]
    pub fn encoding(&self) -> &'static str {
        match self {
            Self::String(text) => Text::encoding(&text.bytes, text.edited),
            Self::Hash(hash) => hash.encoding(),
            Self::List(list) => list.encoding(),
            Self::Set(set) => set.encoding(),
            Self::SortedSet(set) => set.encoding(),
        }
    }

    /// Drops about so many elements; whether nothing is left.
    pub(in crate::store) fn drain_some(&mut self, elements: usize) -> bool {
        match self {
            Self::String(_) => true,
            Self::Hash(hash) => hash.drain_some(elements),
            Self::List(list) => list.drain_some(elements),
            Self::Set(set) => set.drain_some(elements),
            Self::SortedSet(set) => set.drain_some(elements),
        }
    }

    /// Bytes on the heap, exactly as the allocator hands them out.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::String(text) => heap_bytes(text.bytes.capacity()),
            Self::Hash(hash) => heap_bytes(size_of::<Hash>()) + hash.heap_bytes(),
            Self::List(list) => heap_bytes(size_of::<List>()) + list.heap_bytes(),
            Self::Set(set) => heap_bytes(size_of::<Set>()) + set.heap_bytes(),
            Self::SortedSet(set) => heap_bytes(size_of::<SortedSet>()) + set.heap_bytes(),
        }
    }
}

/// The 64-bit integer that the bytes are in its only decimal spelling, if they are one.
pub(super) fn canonical_integer(bytes: &[u8]) -> Option<i64> {
    if bytes.is_empty() || bytes.len() > DECIMAL_BYTES_MAX {
        return None;
    }
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let canonical = match digits {
        b"0" => digits.len() == bytes.len(),
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if canonical { std::str::from_utf8(bytes).ok()?.parse().ok() } else { None }
}

/// Longest string that Redis keeps in one block with its header.
const EMBEDDED_BYTES_MAX: usize = 44;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_of_strings() {
        for (text, expected) in [
            ("0", "int"),
            ("-1", "int"),
            ("-0", "embstr"),
            ("01", "embstr"),
            ("9223372036854775807", "int"),
            ("9223372036854775808", "embstr"),
            ("", "embstr"),
            ("1.5", "embstr"),
        ] {
            assert_eq!(Text::encoding(text.as_bytes(), false), expected, "{text}");
        }
        assert_eq!(Text::encoding(&[b'x'; 44], false), "embstr");
        assert_eq!(Text::encoding(&[b'x'; 45], false), "raw");
        assert_eq!(Text::encoding(b"1", true), "raw");
    }
}
