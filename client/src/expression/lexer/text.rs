//! What stands between quotes: strings, characters, the text and the formats of interpolated strings, with
//! their escapes.

use std::sync::Arc;

use super::cursor::{Cursor, Mark};
use super::token::TokenKind;
use crate::expression::error::ExpressionError;
use crate::expression::syntax::Literal;

/// What a backslash and a doubled quote mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    /// A backslash begins an escape; a quote is the end; all stands on one line.
    Regular,
    /// A backslash is one; a doubled quote is one quote.
    Verbatim,
}

impl Cursor<'_> {
    /// `"…"` or `@"…"`
    pub(super) fn string(&mut self, mark: Mark, quoting: Quoting) -> Result<TokenKind, ExpressionError> {
        self.skip(if quoting == Quoting::Verbatim { 2 } else { 1 });
        if let Some(text) = self.simple() {
            return Ok(TokenKind::Literal(Literal::String(text)));
        }
        let mut units = Units::default();
        while !self.ends_here(quoting) {
            if self.plain(&mut units) {
                continue;
            }
            self.unit(mark, quoting, &mut units)?;
        }
        self.bump();
        Ok(TokenKind::Literal(Literal::String(units.finish(mark)?)))
    }

    /// The rest of a string that means what it says, up to its only quote; it is read with that.
    fn simple(&mut self) -> Option<Arc<str>> {
        let rest = self.rest();
        let end = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | b'\n'))?;
        if !rest[end..].starts_with('"') || rest[end..].starts_with("\"\"") {
            return None;
        }
        self.skip(end + 1);
        Some(Arc::from(&rest[..end]))
    }

    /// `'…'`
    pub(super) fn character(&mut self, mark: Mark) -> Result<TokenKind, ExpressionError> {
        self.bump();
        let mut units = Units::default();
        if self.peek() == Some('\'') {
            return Err(ExpressionError::literal(
                mark.position,
                "found nothing between ' and ', expected a character",
            ));
        }
        self.unit(mark, Quoting::Regular, &mut units)?;
        if self.bump() != Some('\'') {
            let reason = "found more than one character after ', expected '; text stands in double quotes";
            return Err(ExpressionError::literal(mark.position, reason));
        }
        match units.finish(mark)?.chars().next() {
            Some(character) if character.len_utf16() == 1 => Ok(TokenKind::Literal(Literal::Char(character))),
            _ => Err(ExpressionError::literal(
                mark.position,
                "found a character of two units, expected a string",
            )),
        }
    }

    /// The text of an interpolated string up to a single `{` or its quote, which are not read.
    pub(super) fn interpolation_text(
        &mut self,
        mark: Mark,
        quoting: Quoting,
    ) -> Result<Arc<str>, ExpressionError> {
        let mut units = Units::default();
        loop {
            if self.plain(&mut units) {
                continue;
            }
            if self.sees("{{") || self.sees("}}") {
                self.bump();
            } else if self.sees("{") || self.ends_here(quoting) {
                return units.finish(mark);
            } else if self.sees("}") {
                let reason = "found a single '}' in an interpolated string, expected '}}'";
                return Err(ExpressionError::literal(self.position, reason));
            }
            self.unit(mark, quoting, &mut units)?;
        }
    }

    /// The format of a hole, from behind its colon up to its brace, which is not read.
    pub(super) fn format(&mut self, mark: Mark, quoting: Quoting) -> Result<Arc<str>, ExpressionError> {
        let mut units = Units::default();
        loop {
            if self.sees("{{") || self.sees("}}") {
                self.bump();
            } else if self.sees("}") {
                let format = units.finish(mark)?;
                let empty = "found no format after ':', expected one";
                return if format.is_empty() {
                    Err(ExpressionError::literal(mark.position, empty))
                } else {
                    Ok(format)
                };
            } else if self.sees("{") || self.ends_here(quoting) {
                return Err(ExpressionError::unclosed(mark.position, "a format", "'}'"));
            }
            self.unit(mark, quoting, &mut units)?;
        }
    }

    /// Reads characters that mean only themselves in any string, as many as there are; whether there were any.
    fn plain(&mut self, units: &mut Units) -> bool {
        let rest = self.rest();
        let is_special = |byte| matches!(byte, b'"' | b'\\' | b'\n' | b'{' | b'}');
        let length = rest.bytes().position(is_special).unwrap_or(rest.len());
        if length == 0 || units.high.is_some() {
            return false;
        }
        units.text.push_str(&rest[..length]);
        self.skip(length);
        true
    }

    /// Whether the quote that ends a string comes next.
    fn ends_here(&self, quoting: Quoting) -> bool {
        self.sees("\"") && !(quoting == Quoting::Verbatim && self.sees("\"\""))
    }

    /// Reads one character or escape of the literal that began at `mark`.
    fn unit(&mut self, mark: Mark, quoting: Quoting, units: &mut Units) -> Result<(), ExpressionError> {
        let at = self.position;
        match self.bump() {
            None => {
                return Err(ExpressionError::unclosed(mark.position, "a string", "its closing quote"));
            }
            Some('\n') if quoting == Quoting::Regular => {
                let expected = "its closing quote on the same line";
                return Err(ExpressionError::unclosed(mark.position, "a string", expected));
            }
            Some('"') if quoting == Quoting::Verbatim => {
                self.bump();
                units.character('"')
            }
            Some('\\') if quoting == Quoting::Regular => self.escape(units),
            Some(character) => units.character(character),
        }
        .map_err(|reason| ExpressionError::literal(at, reason))
    }

    /// An escape, from behind its backslash.
    fn escape(&mut self, units: &mut Units) -> Result<(), &'static str> {
        let simple = match self.bump() {
            Some(quoted @ ('\'' | '"' | '\\')) => quoted,
            Some('0') => '\0',
            Some('a') => '\x07',
            Some('b') => '\x08',
            Some('f') => '\x0C',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('v') => '\x0B',
            Some('u') => return units.unit(self.hexadecimal(4, 4)? as u16),
            Some('x') => return units.unit(self.hexadecimal(1, 4)? as u16),
            Some('U') => {
                char::from_u32(self.hexadecimal(8, 8)?).ok_or("found '\\U' with no character's number")?
            }
            _ => {
                return Err(
                    "found a backslash, expected one of \\' \\\" \\\\ \\0 \\a \\b \\f \\n \\r \\t \\v \\u \\U \\x",
                );
            }
        };
        units.character(simple)
    }

    /// The number in so many hexadecimal digits, at most eight.
    fn hexadecimal(&mut self, least: usize, most: usize) -> Result<u32, &'static str> {
        let rest = self.rest();
        let length = rest.bytes().take(most).take_while(u8::is_ascii_hexdigit).count();
        if length < least {
            return Err("found too few hexadecimal digits after '\\u', '\\U' or '\\x', expected 4, 8 or 1");
        }
        self.skip(length);
        u32::from_str_radix(&rest[..length], 16).map_err(|_| "found no hexadecimal number")
    }
}

/// A string as it grows. .NET's strings are units of 16 bits, of which escapes may write a pair that makes
/// one character; half a pair is no text and cannot be held.
#[derive(Default)]
struct Units {
    text: String,
    high: Option<u16>,
}

impl Units {
    fn character(&mut self, character: char) -> Result<(), &'static str> {
        if self.high.is_some() {
            return Err(LONE_SURROGATE);
        }
        self.text.push(character);
        Ok(())
    }

    fn unit(&mut self, unit: u16) -> Result<(), &'static str> {
        if self.high.is_none() && (0xD800..0xDC00).contains(&unit) {
            self.high = Some(unit);
            return Ok(());
        }
        let units = self.high.take().into_iter().chain([unit]);
        for character in char::decode_utf16(units) {
            self.text.push(character.map_err(|_| LONE_SURROGATE)?);
        }
        Ok(())
    }

    fn finish(self, mark: Mark) -> Result<Arc<str>, ExpressionError> {
        match self.high {
            None => Ok(Arc::from(self.text)),
            Some(_) => Err(ExpressionError::literal(mark.position, LONE_SURROGATE)),
        }
    }
}

const LONE_SURROGATE: &str = "found half of a surrogate pair, expected a whole character";
