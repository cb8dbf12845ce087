//! Where something stands in a policy, as an author counts: lines and columns of the text as written.

use std::fmt;
use std::sync::Arc;

use crate::expression::Position;

/// A place in the policy, or in a fragment of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The fragment; none is the document itself.
    pub fragment: Option<Arc<str>>,
    /// The place in its text as written, before named values were put in.
    pub position: Position,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(fragment) = &self.fragment {
            write!(f, "fragment {fragment}, ")?;
        }
        self.position.fmt(f)
    }
}

/// Where a text ends that begins at this place.
pub(super) fn after(start: Position, text: &[u8]) -> Position {
    let (mut end, mut tail) = (start, text);
    if let Some(last) = memchr::memrchr(b'\n', text) {
        let lines = memchr::memchr_iter(b'\n', text).count();
        end =
            Position { line: start.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX)), column: 1 };
        tail = &text[last + 1..];
    }
    // Every byte begins a character unless it continues one.
    let characters = tail.iter().filter(|byte| (**byte & 0xC0) != 0x80).count();
    end.column = end.column.saturating_add(u32::try_from(characters).unwrap_or(u32::MAX));
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_characters_are_counted_from_one() {
        let at = |line, column| Position { line, column };
        assert_eq!(after(Position::START, b""), at(1, 1));
        assert_eq!(after(Position::START, "aé😀".as_bytes()), at(1, 4));
        assert_eq!(after(Position::START, "a\r\né\n x".as_bytes()), at(3, 3));
        assert_eq!(after(at(4, 9), b"xy"), at(4, 11));
    }
}
