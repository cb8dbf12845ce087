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
    if !text.starts_with("@(") && !text.starts_with("@{") {
        return Err(ScanError { at: 0, problem: ScanProblem::NoExpression });
    }
    let bytes = &text.as_bytes()[..text.len().min(limits::EXPRESSION_BYTES_MAX)];
    let mut scanner = Scanner { bytes, at: 1, open: Vec::new() };
    scanner.run().map_err(|error| match error.problem {
        ScanProblem::Unclosed { .. } if bytes.len() < text.len() => {
            ScanError { at: bytes.len(), problem: ScanProblem::TooLong }
        }
        _ => error,
    })
}

/// A text in which the end of an expression was not found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanError {
    /// The byte, from 0, where it is wrong: what has no end begins here, what is a wrong end stands here.
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
    open: Vec<Open>,
}

impl Scanner<'_> {
    fn run(&mut self) -> Result<usize, ScanError> {
        loop {
            let Some(&byte) = self.bytes.get(self.at) else { return Err(self.unclosed_innermost()) };
            match self.open.last() {
                Some(&Open::Text { verbatim, .. }) => self.text(byte, verbatim)?,
                _ => self.code(byte)?,
            }
            if self.open.is_empty() {
                return Ok(self.at);
            }
        }
    }

    /// One step in code. Bytes above ASCII are parts of characters that mean nothing here.
    fn code(&mut self, byte: u8) -> Result<(), ScanError> {
        match byte {
            b'(' => self.push(Open::Bracket { at: self.at, close: b')' }, 1),
            b'[' => self.push(Open::Bracket { at: self.at, close: b']' }, 1),
            b'{' => self.push(Open::Bracket { at: self.at, close: b'}' }, 1),
            b')' | b']' | b'}' => self.close(byte),
            b'"' => self.skip_quoted(b'"', "a string"),
            b'\'' => self.skip_quoted(b'\'', "a character"),
            b'@' | b'$' => self.prefix(),
            b'/' if self.sees(b"//") => {
                self.at = self.find(self.at, b"\n").unwrap_or(self.bytes.len());
                Ok(())
            }
            b'/' if self.sees(b"/*") => {
                let end = self.find(self.at + 2, b"*/");
                self.at = end.ok_or_else(|| unclosed(self.at, "a comment", "'*/'"))? + 2;
                Ok(())
            }
            b':' if matches!(self.open.last(), Some(Open::Hole { .. })) => self.skip_format(),
            _ => {
                self.at += 1;
                Ok(())
            }
        }
    }

    /// `@` and `$`, which make another kind of string of one that follows.
    fn prefix(&mut self) -> Result<(), ScanError> {
        let at = self.at;
        if self.sees(b"$@\"") || self.sees(b"@$\"") {
            return self.push(Open::Text { at, verbatim: true }, 3);
        }
        if self.sees(b"$\"") {
            return self.push(Open::Text { at, verbatim: false }, 2);
        }
        self.at += 1;
        if self.bytes[at] == b'@' && self.sees(b"\"") {
            self.at += 1;
            return self.skip_verbatim(at);
        }
        Ok(())
    }

    /// One step in the text of an interpolated string.
    fn text(&mut self, byte: u8, verbatim: bool) -> Result<(), ScanError> {
        let doubled = self.bytes.get(self.at + 1) == Some(&byte);
        match byte {
            b'"' if verbatim && doubled => self.at += 2,
            b'"' => {
                self.open.pop();
                self.at += 1;
            }
            b'{' if doubled => self.at += 2,
            b'{' => return self.push(Open::Hole { at: self.at }, 1),
            b'\\' if !verbatim => self.at = (self.at + 2).min(self.bytes.len()),
            b'\n' if !verbatim => return Err(self.unclosed_innermost()),
            _ => self.at += 1,
        }
        Ok(())
    }

    fn push(&mut self, open: Open, bytes: usize) -> Result<(), ScanError> {
        if self.open.len() == limits::EXPRESSION_BRACKETS_MAX {
            return Err(ScanError { at: self.at, problem: ScanProblem::TooDeep });
        }
        self.open.push(open);
        self.at += bytes;
        Ok(())
    }

    fn close(&mut self, found: u8) -> Result<(), ScanError> {
        let expected = match self.open.pop() {
            Some(Open::Bracket { close, .. }) => close,
            _ => b'}',
        };
        if found != expected {
            let problem = ScanProblem::Mismatched { found: found.into(), expected: expected.into() };
            return Err(ScanError { at: self.at, problem });
        }
        self.at += 1;
        Ok(())
    }

    /// A regular string or a character: on one line, with escapes.
    fn skip_quoted(&mut self, quote: u8, what: &'static str) -> Result<(), ScanError> {
        let start = self.at;
        let mut at = start + 1;
        loop {
            match self.bytes.get(at) {
                None | Some(b'\n') => {
                    let expected =
                        if quote == b'"' { "'\"' on the same line" } else { "''' on the same line" };
                    return Err(unclosed(start, what, expected));
                }
                Some(b'\\') if self.bytes.get(at + 1) != Some(&b'\n') => at += 2,
                Some(byte) if *byte == quote => break,
                Some(_) => at += 1,
            }
        }
        self.at = at + 1;
        Ok(())
    }

    /// A verbatim string, from behind its quote: `""` is a quote in it.
    fn skip_verbatim(&mut self, start: usize) -> Result<(), ScanError> {
        loop {
            let end =
                self.find(self.at, b"\"").ok_or_else(|| unclosed(start, "a verbatim string", "'\"'"))?;
            self.at = end + 1;
            if !self.sees(b"\"") {
                return Ok(());
            }
            self.at += 1;
        }
    }

    /// The format of a hole, from its colon up to the brace that ends both. `{{` and `}}` are text.
    fn skip_format(&mut self) -> Result<(), ScanError> {
        while let Some(&byte) = self.bytes.get(self.at) {
            let doubled = self.bytes.get(self.at + 1) == Some(&byte);
            match byte {
                b'{' | b'}' if doubled => self.at += 2,
                b'}' => return Ok(()),
                b'{' | b'"' | b'\n' => break,
                _ => self.at += 1,
            }
        }
        Err(self.unclosed_innermost())
    }

    fn sees(&self, text: &[u8]) -> bool {
        self.bytes[self.at..].starts_with(text)
    }

    /// Where the next `needle` of one or two bytes stands, from `from` on.
    fn find(&self, from: usize, needle: &[u8]) -> Option<usize> {
        let rest = self.bytes.get(from..)?;
        rest.windows(needle.len()).position(|window| window == needle).map(|found| from + found)
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
