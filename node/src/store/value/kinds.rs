//! What a key may hold, and what each type weighs and is called.

use larder_proto::resp::DECIMAL_BYTES_MAX;
use larder_proto::time::Deadline;

use super::hash::Hash;
use super::set::Set;
use super::weight::heap_bytes;

/// What a key holds.
#[derive(Debug, Clone)]
pub enum Value {
    /// A string of bytes.
    String(Text),
    /// A hash: fields with values.
    Hash(Box<Hash>),
    /// A set: members without order.
    Set(Box<Set>),
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

impl Value {
    /// A string with exactly these bytes.
    pub(in crate::store) fn string(bytes: &[u8]) -> Self {
        Self::String(Text { bytes: bytes.to_vec(), edited: false })
    }

    /// The type's name, as TYPE and SCAN give it.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::String(_) => "string",
            Self::Hash(_) => "hash",
            Self::Set(_) => "set",
        }
    }

    /// The encoding that Redis would use, as OBJECT ENCODING gives it.
    #[must_use]
    pub fn encoding(&self) -> &'static str {
        match self {
            Self::String(text) if text.edited => "raw",
            Self::String(text) if canonical_integer(&text.bytes).is_some() => "int",
            Self::String(text) if text.bytes.len() <= EMBEDDED_BYTES_MAX => "embstr",
            Self::String(_) => "raw",
            Self::Hash(hash) => hash.encoding(),
            Self::Set(set) => set.encoding(),
        }
    }

    /// Bytes on the heap, exactly as the allocator hands them out.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::String(text) => heap_bytes(text.bytes.capacity()),
            Self::Hash(hash) => heap_bytes(size_of::<Hash>()) + hash.heap_bytes(),
            Self::Set(set) => heap_bytes(size_of::<Set>()) + set.heap_bytes(),
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
            assert_eq!(Value::string(text.as_bytes()).encoding(), expected, "{text}");
        }
        assert_eq!(Value::string(&[b'x'; 44]).encoding(), "embstr");
        assert_eq!(Value::string(&[b'x'; 45]).encoding(), "raw");
        assert_eq!(Value::String(Text { bytes: b"1".to_vec(), edited: true }).encoding(), "raw");
    }
}
