//! What expressions begin with: literals, names, parentheses, and the words that begin something longer.

use super::cursor::{Parsed, Parser};
use crate::expression::error::ExpressionError;
use crate::expression::lexer::TokenKind;
use crate::expression::syntax::{Expression, ExpressionKind, Predefined};

impl Parser<'_> {
    pub(super) fn primary(&mut self) -> Parsed<Expression> {
        let start = self.start();
        match self.kind() {
            TokenKind::Literal(literal) => {
                let kind = ExpressionKind::Literal(literal.clone());
                self.advance();
                self.finish(start, kind)
            }
            TokenKind::Identifier(_) => self.simple_name(),
            TokenKind::InterpolationStart => self.interpolated(),
            TokenKind::Symbol("(") => self.parenthesised(),
            TokenKind::Symbol("[") => Err(self.unsupported("a collection in brackets (C# 12)")),
            TokenKind::Keyword("new") => self.creation(),
            TokenKind::Keyword("default") => self.default_value(),
            TokenKind::Keyword(word) => match Predefined::of(word) {
                Some(predefined) => self.predefined(predefined),
                None => Err(self.refused_word(word)),
            },
            _ => Err(self.unexpected("an expression")),
        }
    }

    fn simple_name(&mut self) -> Parsed<Expression> {
        let start = self.start();
        let next = self.kind_at(self.place() + 1);
        if self.sees_name("await") && matches!(next, TokenKind::Identifier(_) | TokenKind::Keyword("new")) {
            return Err(self.unsupported("'await'"));
        }
        let name = self.identifier("a name")?;
        let type_arguments = self.type_arguments_of_name()?;
        self.finish(start, ExpressionKind::Name { name, type_arguments })
    }

    /// An expression in parentheses, which leave only the shape of the tree.
    fn parenthesised(&mut self) -> Parsed<Expression> {
        self.advance();
        let inner = self.expression()?;
        if self.sees(",") {
            return Err(self.unsupported("a tuple"));
        }
        self.expect(")")?;
        Ok(inner)
    }

    /// `default(T)` or `default`.
    fn default_value(&mut self) -> Parsed<Expression> {
        let start = self.start();
        self.advance();
        let mut target = None;
        if self.take("(") {
            target = Some(self.type_name()?);
            self.expect(")")?;
        }
        self.finish(start, ExpressionKind::Default(target))
    }

    /// A keyword of a type, as in `int.Parse(x)`.
    fn predefined(&mut self, predefined: Predefined) -> Parsed<Expression> {
        let start = self.start();
        self.advance();
        if self.sees("[") && self.sees_at(self.place() + 1, ",") {
            return Err(self.unsupported("an array of several dimensions"));
        }
        if !self.sees(".") {
            return Err(self.unexpected("'.' and a member of the type"));
        }
        self.finish(start, ExpressionKind::Predefined(predefined))
    }

    fn refused_word(&self, word: &str) -> ExpressionError {
        let refused = REFUSED.iter().find(|(refused, _)| *refused == word);
        refused.map_or_else(|| self.unexpected("an expression"), |(_, feature)| self.unsupported(feature))
    }
}

/// Words that begin an expression in C# and none here.
const REFUSED: &[(&str, &str)] = &[
    ("base", "'base'"),
    ("checked", "'checked'"),
    ("delegate", "an anonymous method (a lambda does the same)"),
    ("ref", "'ref'"),
    ("sizeof", "'sizeof'"),
    ("stackalloc", "'stackalloc'"),
    ("this", "'this'"),
    ("typeof", "'typeof'"),
    ("unchecked", "'unchecked'"),
];
