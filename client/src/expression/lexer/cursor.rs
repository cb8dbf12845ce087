//! The walk through the text: blanks, comments, names and symbols, and the changes between code and the
//! text of interpolated strings. What numbers and strings mean stands in files of their own.

use std::sync::Arc;

use super::text::Quoting;
use super::token::{Token, TokenKind};
use super::words;
use crate::expression::error::{ExpressionError, Problem};
use crate::expression::position::{Position, Span};
use crate::expression::syntax::Literal;

/// The tokens of a text that begins at this position, with `End` as the last. The time is linear.
///
/// # Errors
///
/// A character that C# does not know there; a number or string that has no value; something without its
/// end.
pub(in crate::expression) fn tokens(text: &str, start: Position) -> Result<Vec<Token>, ExpressionError> {
    let tokens = Vec::with_capacity(text.len() / BYTES_OF_TOKEN + 2);
    let mut cursor = Cursor { text, at: 0, position: start, tokens, modes: Vec::new() };
    cursor.run()?;
    Ok(cursor.tokens)
}

/// What the cursor is within, besides the code at the bottom.
#[derive(Clone, Copy)]
enum Mode {
    /// The text of an interpolated string.
    Text(Quoting),
    /// An expression in it, with the brackets that are open in that.
    Hole { quoting: Quoting, brackets: usize },
}

/// A place in the text and what has been read before it.
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    pub(super) position: Position,
    tokens: Vec<Token>,
    modes: Vec<Mode>,
}

/// Where a token began.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    at: usize,
    pub(super) position: Position,
}

impl<'a> Cursor<'a> {
    fn run(&mut self) -> Result<(), ExpressionError> {
        loop {
            if let Some(Mode::Text(quoting)) = self.modes.last().copied() {
                self.interpolation(quoting)?;
                continue;
            }
            self.skip_blanks()?;
            let mark = self.mark();
            let Some(next) = self.peek() else {
                self.push(mark, TokenKind::End);
                return Ok(());
            };
            self.code(mark, next)?;
        }
    }

    /// The token at a place in code that is no blank.
    fn code(&mut self, mark: Mark, next: char) -> Result<(), ExpressionError> {
        if let Some(mode @ Mode::Hole { brackets: 0, .. }) = self.modes.last().copied()
            && matches!(next, ':' | '}')
        {
            return self.end_of_hole(mark, mode, next);
        }
        let kind = match next {
            _ if is_name_start(next) => self.name(),
            '"' if self.sees("\"\"\"") => {
                return Err(ExpressionError::unsupported(mark.position, "a raw string (C# 11)"));
            }
            '"' => self.string(mark, Quoting::Regular)?,
            '@' if self.sees("@\"") => self.string(mark, Quoting::Verbatim)?,
            '$' if self.sees("$\"") => return self.start_interpolation(mark, 2, Quoting::Regular),
            '$' | '@' if self.sees("$@\"") || self.sees("@$\"") => {
                return self.start_interpolation(mark, 3, Quoting::Verbatim);
            }
            '\'' => self.character(mark)?,
            '@' => self.verbatim_name(mark)?,
            '#' => return Err(ExpressionError::unsupported(mark.position, "a preprocessor directive")),
            '0'..='9' => self.number(mark)?,
            '.' if self.peek_second().is_some_and(|c| c.is_ascii_digit()) => self.number(mark)?,
            _ => self.symbol(mark, next)?,
        };
        self.push(mark, kind);
        Ok(())
    }

    fn start_interpolation(
        &mut self,
        mark: Mark,
        length: usize,
        quoting: Quoting,
    ) -> Result<(), ExpressionError> {
        self.skip(length);
        self.modes.push(Mode::Text(quoting));
        self.push(mark, TokenKind::InterpolationStart);
        Ok(())
    }

    /// Text of an interpolated string up to the next hole or the end, and that bracket or quote itself.
    fn interpolation(&mut self, quoting: Quoting) -> Result<(), ExpressionError> {
        let mark = self.mark();
        let text = self.interpolation_text(mark, quoting)?;
        if !text.is_empty() {
            self.push(mark, TokenKind::InterpolationText(text));
        }
        let mark = self.mark();
        if self.bump() == Some('{') {
            self.modes.push(Mode::Hole { quoting, brackets: 0 });
            self.push(mark, TokenKind::HoleStart);
        } else {
            self.modes.pop();
            self.push(mark, TokenKind::InterpolationEnd);
        }
        Ok(())
    }

    /// The format of a hole, or its end.
    fn end_of_hole(&mut self, mark: Mark, mode: Mode, next: char) -> Result<(), ExpressionError> {
        self.bump();
        let Mode::Hole { quoting, .. } = mode else { return Ok(()) };
        if next == ':' {
            let format = self.format(mark, quoting)?;
            self.push(mark, TokenKind::HoleFormat(format));
        } else {
            self.modes.pop();
            self.push(mark, TokenKind::HoleEnd);
        }
        Ok(())
    }

    fn symbol(&mut self, mark: Mark, next: char) -> Result<TokenKind, ExpressionError> {
        let Some(symbol) = words::symbol(self.rest()) else {
            let found = format!("the character {next:?}");
            let expected = "a name, a value or an operator";
            return Err(ExpressionError::new(mark.position, Problem::Unexpected { found, expected }));
        };
        self.skip_ascii(symbol.len());
        if let Some(Mode::Hole { brackets, .. }) = self.modes.last_mut() {
            match symbol {
                "(" | "[" | "{" => *brackets += 1,
                ")" | "]" | "}" => *brackets = brackets.saturating_sub(1),
                _ => {}
            }
        }
        Ok(TokenKind::Symbol(symbol))
    }

    fn name(&mut self) -> TokenKind {
        let name = self.name_text();
        match name {
            "null" => TokenKind::Literal(Literal::Null),
            "true" => TokenKind::Literal(Literal::Bool(true)),
            "false" => TokenKind::Literal(Literal::Bool(false)),
            _ => words::keyword(name)
                .map_or_else(|| TokenKind::Identifier(Arc::from(name)), TokenKind::Keyword),
        }
    }

    /// `@class`: a name, whatever the word is otherwise.
    fn verbatim_name(&mut self, mark: Mark) -> Result<TokenKind, ExpressionError> {
        self.bump();
        match self.peek() {
            Some(next) if is_name_start(next) => Ok(TokenKind::Identifier(Arc::from(self.name_text()))),
            _ => {
                let (found, expected) = ("'@'".to_owned(), "a name or a string after it");
                Err(ExpressionError::new(mark.position, Problem::Unexpected { found, expected }))
            }
        }
    }

    fn skip_blanks(&mut self) -> Result<(), ExpressionError> {
        loop {
            match self.rest().as_bytes().first() {
                Some(b' ') => {
                    self.skip_ascii(1);
                    continue;
                }
                Some(byte) if byte.is_ascii_graphic() && *byte != b'/' => return Ok(()),
                _ => {}
            }
            self.take_while(char::is_whitespace);
            if self.sees("//") {
                self.take_while(|c| c != '\n');
            } else if self.sees("/*") {
                let end = self.rest()[2..].find("*/");
                let unclosed = || ExpressionError::unclosed(self.position, "a comment", "'*/'");
                let length = end.ok_or_else(unclosed)? + 4;
                self.skip(length);
            } else {
                return Ok(());
            }
        }
    }

    fn push(&mut self, mark: Mark, kind: TokenKind) {
        let span = Span { start: mark.position, end: self.position };
        self.tokens.push(Token { kind, span, bytes: (mark.at, self.at) });
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { at: self.at, position: self.position }
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn sees(&self, text: &str) -> bool {
        self.rest().starts_with(text)
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn peek_second(&self) -> Option<char> {
        self.rest().chars().nth(1)
    }

    /// The next character, which is thereby read.
    pub(super) fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        self.position = self.position.after(next);
        Some(next)
    }

    /// The name that begins here. Most are ASCII, and need no look at characters.
    fn name_text(&mut self) -> &'a str {
        let rest = self.rest();
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let length = rest.bytes().position(|byte| !is_part(&byte)).unwrap_or(rest.len());
        if rest.as_bytes().get(length).is_some_and(|byte| !byte.is_ascii()) {
            return self.take_while(is_name_part);
        }
        self.skip_ascii(length);
        &rest[..length]
    }

    /// Reads bytes that have been looked at: each is a character, and none a line feed.
    fn skip_ascii(&mut self, bytes: usize) {
        let passed = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.position.column = self.position.column.saturating_add(passed);
        self.at += bytes;
    }

    /// Reads bytes that have been looked at.
    pub(super) fn skip(&mut self, bytes: usize) {
        let passed = &self.rest()[..bytes];
        self.position = self.position.after_text(passed);
        self.at += bytes;
    }

    pub(super) fn take_while(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        self.skip(length);
        &rest[..length]
    }
}

pub(super) fn is_name_part(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

/// About how long tokens are, with the blanks between them.
const BYTES_OF_TOKEN: usize = 4;

fn is_name_start(character: char) -> bool {
    character == '_' || character.is_alphabetic()
}
