//! Interpolated strings: their text, and the expressions in them.

use super::cursor::{Parsed, Parser};
use crate::expression::lexer::TokenKind;
use crate::expression::syntax::{Expression, ExpressionKind, InterpolationPart, Literal};

impl Parser<'_> {
    pub(super) fn interpolated(&mut self) -> Parsed<Expression> {
        let start = self.start();
        self.advance();
        let mut parts = Vec::new();
        loop {
            self.count()?;
            match self.kind() {
                TokenKind::InterpolationText(text) => {
                    parts.push(InterpolationPart::Text(text.clone()));
                    self.advance();
                }
                TokenKind::HoleStart => parts.push(self.hole()?),
                TokenKind::InterpolationEnd => {
                    self.advance();
                    return self.finish(start, ExpressionKind::Interpolated(parts));
                }
                _ => return Err(self.unexpected("the rest of the string")),
            }
        }
    }

    /// `{value,alignment:format}`
    fn hole(&mut self) -> Parsed<InterpolationPart> {
        self.advance();
        let value = self.expression()?;
        let alignment = if self.take(",") { Some(self.alignment()?) } else { None };
        let mut format = None;
        if let TokenKind::HoleFormat(text) = self.kind() {
            format = Some(text.clone());
            self.advance();
        }
        if *self.kind() != TokenKind::HoleEnd {
            return Err(self.unexpected("',', ':' or '}'"));
        }
        self.advance();
        Ok(InterpolationPart::Hole { value, alignment, format })
    }

    fn alignment(&mut self) -> Parsed<i32> {
        let negative = self.take("-");
        let TokenKind::Literal(Literal::Int(width)) = *self.kind() else {
            return Err(self.unexpected("a width as a whole number"));
        };
        self.advance();
        Ok(if negative { -width } else { width })
    }
}
