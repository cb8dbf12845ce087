//! Where an expression ends in the text around it. Whether it means anything is left to the parser.
//!
//! Strings, characters and comments hide the brackets in them; the expressions inside an interpolated
//! string are code again:
//!
//! ```text
//!            ( [ {  and their close
//!           +----------------------+
//!           v                      |        $" or $@"
//!        [ code ] -----------------+------------------> [ text ]
//!           ^  strings "…" @"…", characters '…',           |  {{ and }} are text
//!           |  comments // and /* */ are skipped           |  "  ends it
//!           +------------------ { -------------------------+
//!              until its } ; what follows a : is its format
//! ```

use std::fmt;

use crate::limits;

/// The bytes up to and with the bracket that closes the expression at the start of `text`: `@(…)` or
/// `@{…}`. What follows it is not looked at. The time is linear.
///
/// # Errors
///
/// The text does not begin with `@(` or `@{`; something in it has no end or the wrong one; it is longer
/// than [`limits::EXPRESSION_BYTES_MAX`]; more than [`limits::EXPRESSION_BRACKETS_MAX`] brackets are open.
pub fn end_of(text: &str) -> Result<usize, ScanError> {
    end(text, None)
}

/// The same on text where references, `&quot;` for example, stand for characters: the end is the one that
/// [`end_of`] finds once they have been replaced.
///
/// # Errors
///
/// As [`end_of`].
pub(crate) fn end_of_escaped(text: &str, decode: Decode) -> Result<usize, ScanError> {
    end(text, Some(decode))
}

/// Whether an expression begins here.
pub(crate) fn begins(text: &[u8]) -> bool {
    matches!(text, [b'@', b'(' | b'{', ..])
}

/// The character that a reference at the beginning of a text stands for, and its length in bytes.
pub(crate) type Decode = fn(&[u8]) -> Option<(char, usize)>;

fn end(text: &str, decode: Option<Decode>) -> Result<usize, ScanError> {
    if !begins(text.as_bytes()) {
        return Err(ScanError { at: 0, problem: ScanProblem::NoExpression });
    }
    let bytes = &text.as_bytes()[..text.len().min(limits::EXPRESSION_BYTES_MAX)];
    let mut scanner = Scanner { bytes, at: 1, decode, open: Vec::new() };
    scanner.run().map_err(|error| match error.problem {
        ScanProblem::Unclosed { .. } if bytes.len() < text.len() => {
            ScanError { at: 0, problem: ScanProblem::TooLong }
        }
        _ => error,
    })
}

/// A text in which the end of an expression was not found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanError {
    /// The byte, from 0, where it is wrong: what has no end begins here, what is a wrong end stands here. 0 if
    /// it is too long.
    pub at: usize,
    /// What is wrong.
    pub problem: ScanProblem,
}

/// Why the end of an expression was not found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScanProblem {
    /// Neither `@(` nor `@{` stands at the start.
    NoExpression,
    /// Something begins and has no end.
    Unclosed {
        /// What begins: a bracket, a string, a character, a comment.
        what: &'static str,
        /// What would end it.
        expected: &'static str,
    },
    /// A closing bracket that closes another kind.
    Mismatched {
        /// The bracket that stands there.
        found: char,
        /// The bracket that is open.
        expected: char,
    },
    /// Longer than [`limits::EXPRESSION_BYTES_MAX`].
    TooLong,
    /// More than [`limits::EXPRESSION_BRACKETS_MAX`] brackets and strings within one another.
    TooDeep,
}

impl ScanProblem {
    /// What would have been right.
    #[must_use]
    pub fn expected(&self) -> String {
        match self {
            Self::NoExpression => "@( or @{".to_owned(),
            Self::Unclosed { what, expected } => format!("{expected} that ends {what}"),
            Self::Mismatched { expected, .. } => format!("'{expected}'"),
            Self::TooLong => format!("at most {} bytes of expression", limits::EXPRESSION_BYTES_MAX),
            Self::TooDeep => format!("at most {} open brackets", limits::EXPRESSION_BRACKETS_MAX),
        }
    }
}

impl fmt::Display for ScanProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoExpression => f.write_str("expected '@(' or '@{'"),
            Self::Unclosed { what, expected } => write!(f, "{what} has no end, expected {expected}"),
            Self::Mismatched { found, expected } => write!(f, "found '{found}', expected '{expected}'"),
            Self::TooLong => {
                write!(f, "the expression is longer than {} bytes", limits::EXPRESSION_BYTES_MAX)
            }
            Self::TooDeep => {
                write!(f, "more than {} brackets within one another", limits::EXPRESSION_BRACKETS_MAX)
            }
        }
    }
}

impl fmt::Display for ScanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expression, byte {}: {}", self.at, self.problem)
    }
}

impl std::error::Error for ScanError {}

/// Something that is open at the place the scanner has come to, and where it began.
#[derive(Clone, Copy)]
enum Open {
    Bracket {
        at: usize,
        close: u8,
    },
    /// The text of an interpolated string.
    Text {
        at: usize,
        verbatim: bool,
    },
    /// An expression inside an interpolated string.
    Hole {
        at: usize,
    },
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    decode: Option<Decode>,
    open: Vec<Open>,
}

impl Scanner<'_> {
    fn run(&mut self) -> Result<usize, ScanError> {
        loop {
            let at = self.at;
            let Some(byte) = self.next() else { return Err(self.unclosed_innermost()) };
            match self.open.last() {
                Some(&Open::Text { verbatim, .. }) => self.text(byte, at, verbatim)?,
                _ => self.code(byte, at)?,
            }
            if self.open.is_empty() {
                return Ok(self.at);
            }
        }
    }

    /// The character here and its length: itself, or what a reference stands for. What is not ASCII means
    /// nothing here.
    fn peek(&self) -> Option<(u8, usize)> {
        let byte = *self.bytes.get(self.at)?;
        if byte == b'&'
            && let Some(decode) = self.decode
            && let Some((character, length)) = decode(&self.bytes[self.at..])
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

    /// Goes behind the next character of this kind; whether there is one.
    fn skip_past(&mut self, wanted: u8) -> bool {
        while let Some(byte) = self.next() {
            if byte == wanted {
                return true;
            }
        }
        false
    }

    /// One step in code, behind the character that stands at `at`.
    fn code(&mut self, byte: u8, at: usize) -> Result<(), ScanError> {
        match byte {
            b'(' => self.push(Open::Bracket { at, close: b')' }),
            b'[' => self.push(Open::Bracket { at, close: b']' }),
            b'{' => self.push(Open::Bracket { at, close: b'}' }),
            b')' | b']' | b'}' => self.close(byte, at),
            b'"' => self.skip_quoted(byte, at, "a string"),
            b'\'' => self.skip_quoted(byte, at, "a character"),
            b'@' | b'$' => self.prefix(byte, at),
            b'/' => self.comment(at),
            b':' if matches!(self.open.last(), Some(Open::Hole { .. })) => self.skip_format(),
            _ => Ok(()),
        }
    }

    fn comment(&mut self, at: usize) -> Result<(), ScanError> {
        if self.take(b'/') {
            self.skip_past(b'\n');
        } else if self.take(b'*') {
            loop {
                if !self.skip_past(b'*') {
                    return Err(unclosed(at, "a comment", "'*/'"));
                }
                while self.take(b'*') {}
                if self.take(b'/') {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Behind `@` or `$`, which make another kind of string of one that follows.
    fn prefix(&mut self, first: u8, at: usize) -> Result<(), ScanError> {
        let behind = self.at;
        let both = self.take(if first == b'@' { b'$' } else { b'@' });
        if !self.take(b'"') {
            self.at = behind;
            return Ok(());
        }
        match (both, first) {
            (false, b'@') => self.skip_verbatim(at),
            (verbatim, _) => self.push(Open::Text { at, verbatim }),
        }
    }

    /// One step in the text of an interpolated string.
    fn text(&mut self, byte: u8, at: usize, verbatim: bool) -> Result<(), ScanError> {
        match byte {
            b'"' if verbatim && self.take(b'"') => {}
            b'"' => drop(self.open.pop()),
            b'{' if !self.take(b'{') => return self.push(Open::Hole { at }),
            b'\\' if !verbatim => drop(self.next()),
            b'\n' if !verbatim => return Err(self.unclosed_innermost()),
            _ => {}
        }
        Ok(())
    }

    fn push(&mut self, open: Open) -> Result<(), ScanError> {
        if self.open.len() == limits::EXPRESSION_BRACKETS_MAX {
            let (Open::Bracket { at, .. } | Open::Text { at, .. } | Open::Hole { at }) = open;
            return Err(ScanError { at, problem: ScanProblem::TooDeep });
        }
        self.open.push(open);
        Ok(())
    }

    fn close(&mut self, found: u8, at: usize) -> Result<(), ScanError> {
        let expected = match self.open.pop() {
            Some(Open::Bracket { close, .. }) => close,
            _ => b'}',
        };
        if found != expected {
            let problem = ScanProblem::Mismatched { found: found.into(), expected: expected.into() };
            return Err(ScanError { at, problem });
        }
        Ok(())
    }

    /// A regular string or a character, from behind its quote: on one line, with escapes.
    fn skip_quoted(&mut self, quote: u8, start: usize, what: &'static str) -> Result<(), ScanError> {
        let expected = if quote == b'"' { "'\"' on the same line" } else { "''' on the same line" };
        loop {
            match self.next() {
                None | Some(b'\n') => return Err(unclosed(start, what, expected)),
                Some(b'\\') if !matches!(self.peek(), Some((b'\n', _))) => drop(self.next()),
                Some(byte) if byte == quote => return Ok(()),
                Some(_) => {}
            }
        }
    }

    /// A verbatim string, from behind its quote: `""` is a quote in it.
    fn skip_verbatim(&mut self, start: usize) -> Result<(), ScanError> {
        loop {
            if !self.skip_past(b'"') {
                return Err(unclosed(start, "a verbatim string", "'\"'"));
            }
            if !self.take(b'"') {
                return Ok(());
            }
        }
    }

    /// The format of a hole, from behind its colon up to the brace that ends both. `{{` and `}}` are text.
    fn skip_format(&mut self) -> Result<(), ScanError> {
        loop {
            let at = self.at;
            match self.next() {
                Some(b'{') if self.take(b'{') => {}
                Some(b'}') if self.take(b'}') => {}
                Some(b'}') => {
                    self.at = at;
                    return Ok(());
                }
                Some(b'{' | b'"' | b'\n') | None => return Err(self.unclosed_innermost()),
                Some(_) => {}
            }
        }
    }

    fn unclosed_innermost(&self) -> ScanError {
        match self.open.last() {
            Some(Open::Bracket { at, close: b')' }) => unclosed(*at, "'('", "')'"),
            Some(Open::Bracket { at, close: b']' }) => unclosed(*at, "'['", "']'"),
            Some(Open::Bracket { at, .. }) => unclosed(*at, "'{'", "'}'"),
            Some(Open::Text { at, .. }) => unclosed(*at, "an interpolated string", "'\"'"),
            Some(Open::Hole { at }) => unclosed(*at, "'{' of an interpolated string", "'}'"),
            None => unclosed(0, "the expression", "its closing bracket"),
        }
    }
}

/// What stands for any character that is not ASCII.
const OTHER: u8 = 0x80;

fn unclosed(at: usize, what: &'static str, expected: &'static str) -> ScanError {
    ScanError { at, problem: ScanProblem::Unclosed { what, expected } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WHOLE: &[&str] = &[
        r#"@(a)"#,
        r#"@{ return (a[0]); }"#,
        r#"@(")")"#,
        r#"@("\")")"#,
        r#"@(@"\")"#,
        r#"@(@"a "")"" b")"#,
        r#"@($"{a}) {{ {b[")"]} }}")"#,
        r#"@($"{(x ? ")" : "}")}")"#,
        r#"@($"{x,5:F2)}")"#,
        r#"@($@"{a}""){b}\")"#,
        r#"@($"{$"{$")"}"}")"#,
        r#"@($"{x:yyyy'}}'}")"#,
        r#"@(')')"#,
        r#"@('\'' + ')')"#,
        "@(a // )\n)",
        "@(a /* ) \" */)",
        "@{ /* } */ return new { a = 1 }; }",
        "@(@class.@in)",
        "@(\u{20ac} + \"\u{20ac})\")",
    ];

    #[test]
    fn the_end_is_that_of_the_opening_bracket() {
        for text in WHOLE {
            assert_eq!(end_of(text), Ok(text.len()), "{text}");
            assert_eq!(end_of(&format!("{text}) }} \" '")), Ok(text.len()), "{text}");
        }
    }

    #[test]
    fn what_has_no_end_is_named_where_it_begins() {
        for (text, at, said) in [
            ("x", 0, "expected '@(' or '@{'"),
            ("@", 0, "expected '@(' or '@{'"),
            ("@(a", 1, "'(' has no end, expected ')'"),
            ("@(a[0)", 5, "found ')', expected ']'"),
            ("@{ a) }", 4, "found ')', expected '}'"),
            ("@(\"a)", 2, "a string has no end, expected '\"' on the same line"),
            ("@(\"a\n\")", 2, "a string has no end, expected '\"' on the same line"),
            ("@(\"a\\", 2, "a string has no end, expected '\"' on the same line"),
            ("@('a)", 2, "a character has no end, expected ''' on the same line"),
            ("@(@\"a\"\")", 2, "a verbatim string has no end, expected '\"'"),
            ("@(a /* )", 4, "a comment has no end, expected '*/'"),
            ("@(a // )", 1, "'(' has no end, expected ')'"),
            ("@($\"a)", 2, "an interpolated string has no end, expected '\"'"),
            ("@($\"{a)", 6, "found ')', expected '}'"),
            ("@($\"{a", 4, "'{' of an interpolated string has no end, expected '}'"),
            ("@($\"{a:x\"", 4, "'{' of an interpolated string has no end, expected '}'"),
        ] {
            let error = end_of(text).unwrap_err();
            assert_eq!((error.at, error.problem.to_string().as_str()), (at, said), "{text}");
        }
    }

    /// `&quot;` and `&amp;`, as XML has them.
    fn decode(text: &[u8]) -> Option<(char, usize)> {
        let known = [(&b"&quot;"[..], '"'), (b"&amp;", '&'), (b"&#xe9;", '\u{e9}')];
        known
            .iter()
            .find(|(name, _)| text.starts_with(name))
            .map(|(name, character)| (*character, name.len()))
    }

    #[test]
    fn escaped_text_ends_where_the_unescaped_does() {
        let escaped = "@(a &amp;&amp; &quot;)&quot; + $&quot;{x}&#xe9;)&quot;)";
        assert_eq!(end_of_escaped(&format!("{escaped}\" x=\""), decode), Ok(escaped.len()));
        assert_eq!(end_of_escaped("@(a && b & c)", decode), Ok(13));
        for text in WHOLE {
            let escaped = text.replace('&', "&amp;").replace('"', "&quot;");
            assert_eq!(end_of_escaped(&format!("{escaped}) }}"), decode), Ok(escaped.len()), "{escaped}");
        }
    }

    #[test]
    fn length_and_depth_are_limited() {
        let fits = limits::EXPRESSION_BYTES_MAX - 3;
        assert_eq!(end_of(&format!("@({})", "a".repeat(fits))), Ok(limits::EXPRESSION_BYTES_MAX));
        let long = end_of(&format!("@({})", "a".repeat(fits + 1))).unwrap_err();
        assert_eq!(long.problem, ScanProblem::TooLong);
        let depth = limits::EXPRESSION_BRACKETS_MAX;
        let nested = |depth: usize| format!("@{}{}", "(".repeat(depth), ")".repeat(depth));
        assert_eq!(end_of(&nested(depth)), Ok(2 * depth + 1));
        let deep = end_of(&nested(depth + 1)).unwrap_err();
        assert_eq!(deep, ScanError { at: depth + 1, problem: ScanProblem::TooDeep });
    }

    proptest! {
        #[test]
        fn no_text_panics_and_the_end_lies_within(text in "@[({].{0,200}") {
            if let Ok(end) = end_of(&text) {
                prop_assert!(text.is_char_boundary(end) && end <= text.len());
            }
        }

        #[test]
        fn no_mixture_of_what_matters_panics(text in r#"@[({]([(){}\[\]"'@$\\:,a]|//|/\*|\*/|\n|\u{20ac}){0,60}"#) {
            if let Ok(end) = end_of(&text) {
                let last = text[..end].chars().last();
                prop_assert!(matches!(last, Some(')' | '}')), "{:?}", last);
                prop_assert_eq!(end_of(&text[..end]), Ok(end));
            }
        }
    }
}
