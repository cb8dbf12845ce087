//! Where an expression ends. What stands in it is left to the expression language: only brackets are
//! matched here, and those in strings, characters and comments do not count.

use std::fmt;

use super::entity;
use crate::limits::{EXPRESSION_BRACKETS_MAX, EXPRESSION_BYTES_MAX};

/// The byte length of the expression at the beginning of `text`, its closing bracket included.
///
/// `text` begins with `@(` or `@{` and may go on after the expression. C# 7 decides what a string is:
/// regular, verbatim (`@"…"`), interpolated (`$"…{x:format}…"`, also verbatim), characters, and comments.
///
/// # Errors
///
/// A bracket, string, character or comment that is not closed, a bracket that closes another, more
/// than [`EXPRESSION_BYTES_MAX`] bytes, more than [`EXPRESSION_BRACKETS_MAX`] brackets open at once.
pub fn end_of(text: &str) -> Result<usize, ScanError> {
    Scanner { text: text.as_bytes(), at: 0, escaped: false, open: Vec::new() }.run()
}

/// The same on text where `&quot;`, `&amp;`, `&lt;`, `&#…;` stand for the characters they name: the end
/// is the one that [`end_of`] finds once they have been replaced.
pub(in crate::policy) fn end_of_escaped(text: &str) -> Result<usize, ScanError> {
    Scanner { text: text.as_bytes(), at: 0, escaped: true, open: Vec::new() }.run()
}

/// Whether an expression begins here.
pub(in crate::policy) fn begins(text: &[u8]) -> bool {
    matches!(text, [b'@', b'(' | b'{', ..])
}

/// An expression without an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanError {
    /// Byte position, from 0, of what is wrong: of the opening bracket or quote if it is not closed.
    pub at: usize,
    /// What is wrong.
    pub fault: ScanFault,
}

/// What can be wrong on the way to the end of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScanFault {
    /// Neither `@(` nor `@{`.
    NoExpression,
    /// The text ends while this bracket is open.
    BracketNotClosed(char),
    /// One bracket closes another.
    WrongBracket {
        /// The closing bracket found.
        found: char,
        /// The one that would have closed.
        expected: char,
    },
    /// A string without its closing quote; a regular one ends on its line.
    StringNotClosed,
    /// A character without its closing quote.
    CharacterNotClosed,
    /// A `/*` without `*/`.
    CommentNotClosed,
    /// Longer than [`EXPRESSION_BYTES_MAX`].
    TooLong,
    /// More brackets open at once than [`EXPRESSION_BRACKETS_MAX`].
    TooDeep,
}

impl ScanFault {
    /// What would have been right.
    #[must_use]
    pub fn expected(self) -> String {
        match self {
            Self::NoExpression => "@( or @{".to_owned(),
            Self::BracketNotClosed(open) => format!("a '{}' that closes it", closing(open)),
            Self::WrongBracket { expected, .. } => format!("'{expected}'"),
            Self::StringNotClosed => "a '\"' that closes the string, on the same line".to_owned(),
            Self::CharacterNotClosed => "a ''' that closes the character".to_owned(),
            Self::CommentNotClosed => "*/ after the comment".to_owned(),
            Self::TooLong => format!("at most {EXPRESSION_BYTES_MAX} bytes of expression"),
            Self::TooDeep => format!("at most {EXPRESSION_BRACKETS_MAX} open brackets"),
        }
    }
}

impl fmt::Display for ScanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: expected {}", self.at, self.fault.expected())
    }
}

impl std::error::Error for ScanError {}

/// What is open: a bracket, or the hole of an interpolated string, which goes on after it.
#[derive(Clone, Copy)]
enum Frame {
    Bracket(char),
    Hole { verbatim: bool, quote_at: usize },
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    escaped: bool,
    open: Vec<(usize, Frame)>,
}

/// What stands for any character that is not ASCII: none of them matters.
const OTHER: u8 = 0x80;

impl Scanner<'_> {
    fn run(mut self) -> Result<usize, ScanError> {
        if !begins(self.text) {
            return Err(ScanError { at: 0, fault: ScanFault::NoExpression });
        }
        self.at = 1;
        loop {
            self.code()?;
            if self.open.is_empty() {
                return Ok(self.at);
            }
        }
    }

    /// One step outside strings.
    fn code(&mut self) -> Result<(), ScanError> {
        let start = self.at;
        if start > EXPRESSION_BYTES_MAX {
            return self.fault(0, ScanFault::TooLong);
        }
        let Some(byte) = self.next() else { return self.not_closed() };
        match byte {
            b'(' | b'[' | b'{' => self.push(start, Frame::Bracket(char::from(byte))),
            b')' | b']' | b'}' => self.close(start, char::from(byte)),
            b'"' => self.regular(start),
            b'\'' => self.character(start),
            b'@' | b'$' => self.prefixed(start, byte),
            b'/' => self.comment(start),
            b':' => self.format(),
            _ => Ok(()),
        }
    }

    /// The character here, without an escape as the byte itself, and its length.
    fn peek(&self) -> Option<(u8, usize)> {
        let byte = *self.text.get(self.at)?;
        if byte == b'&'
            && self.escaped
            && let Some((character, length)) = entity::decode(&self.text[self.at..])
        {
            return Some((u8::try_from(character).ok().filter(u8::is_ascii).unwrap_or(OTHER), length));
        }
        Some((byte, 1))
    }

    fn next(&mut self) -> Option<u8> {
        let (byte, length) = self.peek()?;
        self.at += length;
        Some(byte)
    }

    /// Takes the character if it is this one.
    fn take(&mut self, wanted: u8) -> bool {
        match self.peek() {
            Some((byte, length)) if byte == wanted => {
                self.at += length;
                true
            }
            _ => false,
        }
    }

    fn push(&mut self, at: usize, frame: Frame) -> Result<(), ScanError> {
        if self.open.len() == EXPRESSION_BRACKETS_MAX {
            return self.fault(at, ScanFault::TooDeep);
        }
        self.open.push((at, frame));
        Ok(())
    }

    fn close(&mut self, at: usize, found: char) -> Result<(), ScanError> {
        match self.open.pop() {
            Some((_, Frame::Hole { verbatim, quote_at })) if found == '}' => {
                self.interpolated(quote_at, verbatim)
            }
            Some((_, Frame::Bracket(open))) if closing(open) == found => Ok(()),
            Some((_, Frame::Bracket(open))) => {
                self.fault(at, ScanFault::WrongBracket { found, expected: closing(open) })
            }
            _ => self.fault(at, ScanFault::WrongBracket { found, expected: '}' }),
        }
    }

    /// `@"`, `$"`, `$@"` and `@$"`; an `@` or `$` before anything else is no string.
    fn prefixed(&mut self, start: usize, first: u8) -> Result<(), ScanError> {
        let second = if first == b'@' { b'$' } else { b'@' };
        let after_first = self.at;
        let both = self.take(second);
        if !self.take(b'"') {
            self.at = after_first;
            return Ok(());
        }
        match (both, first) {
            (true, _) => self.interpolated(start, true),
            (false, b'$') => self.interpolated(start, false),
            (false, _) => self.verbatim(start),
        }
    }

    fn regular(&mut self, start: usize) -> Result<(), ScanError> {
        loop {
            match self.next() {
                Some(b'"') => return Ok(()),
                Some(b'\\') => drop(self.next()),
                Some(b'\n') | None => return self.fault(start, ScanFault::StringNotClosed),
                Some(_) => {}
            }
        }
    }

    fn verbatim(&mut self, start: usize) -> Result<(), ScanError> {
        loop {
            match self.next() {
                Some(b'"') if !self.take(b'"') => return Ok(()),
                None => return self.fault(start, ScanFault::StringNotClosed),
                Some(_) => {}
            }
        }
    }

    /// The text of an interpolated string, up to its end or its next hole.
    fn interpolated(&mut self, start: usize, verbatim: bool) -> Result<(), ScanError> {
        loop {
            let at = self.at;
            match self.next() {
                Some(b'"') if verbatim && self.take(b'"') => {}
                Some(b'"') => return Ok(()),
                Some(b'\\') if !verbatim => drop(self.next()),
                Some(b'{') if !self.take(b'{') => {
                    return self.push(at, Frame::Hole { verbatim, quote_at: start });
                }
                Some(b'\n') if !verbatim => return self.fault(start, ScanFault::StringNotClosed),
                None => return self.fault(start, ScanFault::StringNotClosed),
                Some(_) => {}
            }
        }
    }

    /// After a `:`: in a hole, outside its brackets, a format follows, where quotes mean nothing.
    fn format(&mut self) -> Result<(), ScanError> {
        let Some((at, Frame::Hole { quote_at, .. })) = self.open.last().copied() else { return Ok(()) };
        loop {
            match self.peek() {
                Some((b'}', length)) => {
                    let end = self.at;
                    self.at += length;
                    if !self.take(b'}') {
                        self.at = end;
                        return Ok(());
                    }
                }
                Some((b'"' | b'\n', _)) => return self.fault(at, ScanFault::BracketNotClosed('{')),
                Some((_, length)) => self.at += length,
                None => return self.fault(quote_at, ScanFault::StringNotClosed),
            }
        }
    }

    fn character(&mut self, start: usize) -> Result<(), ScanError> {
        loop {
            match self.next() {
                Some(b'\'') => return Ok(()),
                Some(b'\\') => drop(self.next()),
                Some(b'\n') | None => return self.fault(start, ScanFault::CharacterNotClosed),
                Some(_) => {}
            }
        }
    }

    fn comment(&mut self, start: usize) -> Result<(), ScanError> {
        if self.take(b'/') {
            let rest = &self.text[self.at..];
            self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        } else if self.take(b'*') {
            let rest = &self.text[self.at..];
            let Some(end) = memchr::memmem::find(rest, b"*/") else {
                return self.fault(start, ScanFault::CommentNotClosed);
            };
            self.at += end + 2;
        }
        Ok(())
    }

    /// The text has ended: the innermost bracket tells where the author should look.
    fn not_closed(&self) -> Result<(), ScanError> {
        match self.open.last() {
            Some((at, Frame::Bracket(open))) => self.fault(*at, ScanFault::BracketNotClosed(*open)),
            Some((at, Frame::Hole { .. })) => self.fault(*at, ScanFault::BracketNotClosed('{')),
            None => self.fault(0, ScanFault::NoExpression),
        }
    }

    fn fault(&self, at: usize, fault: ScanFault) -> Result<(), ScanError> {
        Err(ScanError { at, fault })
    }
}

fn closing(open: char) -> char {
    match open {
        '(' => ')',
        '[' => ']',
        _ => '}',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_strings_characters_and_comments_do_not_count() {
        for expression in [
            "@(1)",
            "@{ return \"}\"; }",
            r#"@("a)" + ')' + '\'' + "\")")"#,
            r#"@(@"c:\" + @"say "")""")"#,
            r#"@($"{a["x"]}) {{ {b:HH'h'} {(c ? ")" : "(")}")"#,
            "@($@\"{a}\n)\"\"{b}\" + @$\"{c})\")",
            "@{ // it's )\n /* ) \" */ return 1; }",
            "@($\"{{{x:D}}}\")",
            "@(a < b && c > d ? e[1] : f)",
            "@(\"é)\" + '😀')",
            "@(@class.name)",
        ] {
            assert_eq!(end_of(expression), Ok(expression.len()), "{expression}");
            let more = format!("{expression}\" name=\"@(2)\">");
            assert_eq!(end_of(&more), Ok(expression.len()), "{more}");
        }
    }

    #[test]
    fn escaped_text_ends_where_the_unescaped_does() {
        let escaped = "@(a &amp;&amp; &quot;)&quot; &lt; b &#x22;)&#34;)";
        assert_eq!(end_of_escaped(&format!("{escaped}\" x=\"")), Ok(escaped.len()));
        // A bare ampersand is itself.
        assert_eq!(end_of_escaped("@(a && b & c)"), Ok(13));
    }

    #[test]
    fn what_is_not_closed_is_named_where_it_opens() {
        for (expression, at, fault) in [
            ("x", 0, ScanFault::NoExpression),
            ("@", 0, ScanFault::NoExpression),
            ("@(a[1)", 5, ScanFault::WrongBracket { found: ')', expected: ']' }),
            ("@(a(b", 3, ScanFault::BracketNotClosed('(')),
            ("@(\"a)\n\")", 2, ScanFault::StringNotClosed),
            ("@(@\"a)", 2, ScanFault::StringNotClosed),
            ("@($\"{a)\"", 6, ScanFault::WrongBracket { found: ')', expected: '}' }),
            ("@('a)", 2, ScanFault::CharacterNotClosed),
            ("@(/* )", 2, ScanFault::CommentNotClosed),
            ("@(1 // )", 1, ScanFault::BracketNotClosed('(')),
        ] {
            assert_eq!(end_of(expression), Err(ScanError { at, fault }), "{expression}");
        }
    }

    #[test]
    fn length_and_depth_are_bounded() {
        let long = format!("@({})", " ".repeat(EXPRESSION_BYTES_MAX));
        assert_eq!(end_of(&long).map_err(|error| error.fault), Err(ScanFault::TooLong));
        let deep = format!("@{}", "(".repeat(EXPRESSION_BRACKETS_MAX + 1));
        assert_eq!(end_of(&deep).map_err(|error| error.fault), Err(ScanFault::TooDeep));
    }
}
