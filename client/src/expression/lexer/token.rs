//! What the text consists of, as the parser sees it.

use std::sync::Arc;

use crate::expression::position::Span;
use crate::expression::syntax::Literal;

/// A piece of the text that the parser takes as a whole.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::expression) struct Token {
    pub(in crate::expression) kind: TokenKind,
    pub(in crate::expression) span: Span,
    /// Its bytes in the text: two symbols are one operator only if nothing is between them.
    pub(in crate::expression) bytes: (usize, usize),
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::expression) enum TokenKind {
    Identifier(Arc<str>),
    /// A reserved word, `true`, `false` and `null` left out: those are literals.
    Keyword(&'static str),
    Literal(Literal),
    /// An operator or bracket. `>` always stands alone: two of them may close two lists of types.
    Symbol(&'static str),
    /// `$"`, `$@"`
    InterpolationStart,
    /// Text of an interpolated string, not empty.
    InterpolationText(Arc<str>),
    /// The `{` of an expression in an interpolated string.
    HoleStart,
    /// The `:` in it, and the format that follows.
    HoleFormat(Arc<str>),
    /// Its `}`.
    HoleEnd,
    /// The `"` that ends an interpolated string.
    InterpolationEnd,
    /// Behind the last token.
    End,
}

impl TokenKind {
    /// How an error calls it: names and symbols as they are, values only by their kind.
    pub(in crate::expression) fn describe(&self) -> String {
        match self {
            Self::Identifier(name) => format!("the name '{name}'"),
            Self::Keyword(word) => format!("'{word}'"),
            Self::Symbol(symbol) => format!("'{symbol}'"),
            Self::Literal(literal) => describe_literal(literal).to_owned(),
            Self::InterpolationStart | Self::InterpolationText(_) => "an interpolated string".to_owned(),
            Self::HoleStart => "'{'".to_owned(),
            Self::HoleFormat(_) => "the ':' of a format (a '? :' stands in parentheses here)".to_owned(),
            Self::HoleEnd => "'}'".to_owned(),
            Self::InterpolationEnd => "the end of the string".to_owned(),
            Self::End => "the end".to_owned(),
        }
    }
}

fn describe_literal(literal: &Literal) -> &'static str {
    match literal {
        Literal::Null => "'null'",
        Literal::Bool(true) => "'true'",
        Literal::Bool(false) => "'false'",
        Literal::Char(_) => "a character",
        Literal::String(_) => "a string",
        _ => "a number",
    }
}
