//! What an attribute or a text says: a value that is known now, or an expression for later.

use std::fmt;
use std::sync::Arc;

use super::position::Location;
use crate::expression::Compiled;

/// A value, or the expression that will give it.
///
/// `Debug` shows named values that were put in: not for logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting<T> {
    /// The value, read and in its range.
    Literal(T),
    /// An expression; what it gives is checked when it has been evaluated.
    Expression(Expression),
}

impl<T> Setting<T> {
    /// The value, if it is known.
    #[must_use]
    pub fn literal(&self) -> Option<&T> {
        match self {
            Self::Literal(value) => Some(value),
            Self::Expression(_) => None,
        }
    }

    /// The expression, if it is one.
    #[must_use]
    pub fn expression(&self) -> Option<&Expression> {
        match self {
            Self::Literal(_) => None,
            Self::Expression(expression) => Some(expression),
        }
    }

    /// The same with another type of value.
    #[must_use]
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Setting<U> {
        match self {
            Self::Literal(value) => Setting::Literal(change(value)),
            Self::Expression(expression) => Setting::Expression(expression),
        }
    }
}

/// An expression as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    /// From its `@` to its last bracket; references such as `&quot;` replaced, and named values put in.
    pub text: Arc<str>,
    /// Where its `@` stands. What follows a reference or a named value on the same line stands further
    /// right in the document than in this text.
    pub location: Location,
    /// What evaluates it, if it was read to be run.
    pub(crate) code: Code,
}

/// An expression ready to be evaluated, if the document was read to be run. It says nothing that its
/// text does not, so that it takes no part in comparisons.
#[derive(Clone, Default)]
pub(crate) struct Code(pub(crate) Option<Compiled>);

impl PartialEq for Code {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Code {}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "compiled" } else { "not compiled" })
    }
}
