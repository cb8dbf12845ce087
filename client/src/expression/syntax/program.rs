//! A whole expression, and a name in it.

use std::sync::Arc;

use super::{Block, Expression};
use crate::expression::position::Span;

/// A whole policy expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// What it consists of.
    pub body: Body,
    /// From `@` to the closing bracket.
    pub span: Span,
}

/// The two forms of a policy expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// `@(…)`: the value is that of the expression.
    Expression(Expression),
    /// `@{…}`: the value is what a `return` gives. Every path ends with `return` or `throw`.
    Block(Block),
}

/// A name in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identifier {
    /// The name, without the `@` that lets a keyword be a name.
    pub name: Arc<str>,
    /// Where it stands.
    pub span: Span,
}
