//! Where something stands in a text, as people count.

use std::fmt;

/// A place in a text: its line and column, both from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl Position {
    /// The beginning of a text.
    pub const START: Self = Self { line: 1, column: 1 };

    /// The place behind this character.
    #[must_use]
    pub fn after(self, character: char) -> Self {
        match character {
            '\n' => Self { line: self.line.saturating_add(1), column: 1 },
            _ => Self { line: self.line, column: self.column.saturating_add(1) },
        }
    }

    /// The place behind this text.
    #[must_use]
    pub fn after_text(self, text: &str) -> Self {
        let Self { mut line, mut column } = self;
        for byte in text.bytes() {
            if byte == b'\n' {
                (line, column) = (line.saturating_add(1), 1);
            } else if (byte & 0xC0) != 0x80 {
                // Every byte begins a character unless it continues one.
                column = column.saturating_add(1);
            }
        }
        Self { line, column }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// A piece of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// Its first character.
    pub start: Position,
    /// The place behind its last character.
    pub end: Position,
}

impl Span {
    /// From the start of this piece to the end of the other.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start, end: other.end }
    }
}
