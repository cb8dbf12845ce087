//! What is wrong with an expression, and where. The text shows names and symbols, never what stands in a
//! string: it may be a password.

use std::fmt;

use super::position::Position;
use super::scan::ScanProblem;
use crate::limits;

/// An expression that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpressionError {
    /// Where it is wrong.
    pub at: Position,
    /// What is wrong.
    pub problem: Problem,
}

/// What can be wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// Something else stands where the grammar wants something.
    Unexpected {
        /// What stands there.
        found: String,
        /// What was expected.
        expected: &'static str,
    },
    /// C# that this language leaves out.
    Unsupported {
        /// What it is called.
        feature: &'static str,
    },
    /// A string, comment or bracket without its end, or an expression that does not end where its text does.
    Scan(ScanProblem),
    /// A literal that has no value: the words say why.
    Literal {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Something that has the right form and makes no sense there: the words say why.
    Misplaced {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The form is right, and a name, a type or a value does not fit: the words say how.
    Meaning {
        /// What is wrong.
        text: String,
    },
    /// A path through `@{…}` that ends without `return`.
    NoReturn,
    /// Nested deeper than [`limits::EXPRESSION_DEPTH_MAX`], or, with the operators between, deeper than
    /// [`limits::EXPRESSION_LEVELS_MAX`].
    TooDeep,
    /// More nodes than [`limits::EXPRESSION_NODES_MAX`].
    TooManyNodes,
}

impl ExpressionError {
    pub(super) fn new(at: Position, problem: Problem) -> Self {
        Self { at, problem }
    }

    pub(super) fn unsupported(at: Position, feature: &'static str) -> Self {
        Self::new(at, Problem::Unsupported { feature })
    }

    pub(super) fn literal(at: Position, reason: &'static str) -> Self {
        Self::new(at, Problem::Literal { reason })
    }

    pub(super) fn misplaced(at: Position, reason: &'static str) -> Self {
        Self::new(at, Problem::Misplaced { reason })
    }

    pub(super) fn unclosed(at: Position, what: &'static str, expected: &'static str) -> Self {
        Self::new(at, Problem::Scan(ScanProblem::Unclosed { what, expected }))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unexpected { found, expected } => write!(f, "found {found}, expected {expected}"),
            Self::Unsupported { feature } => write!(f, "found {feature}, which expressions do not support"),
            Self::Scan(problem) => problem.fmt(f),
            Self::Literal { reason } | Self::Misplaced { reason } => f.write_str(reason),
            Self::Meaning { text } => f.write_str(text),
            Self::NoReturn => f.write_str("found the end of the statements, expected 'return' on every path"),
            Self::TooDeep => {
                write!(
                    f,
                    "found more than {} levels of nesting, expected fewer",
                    limits::EXPRESSION_DEPTH_MAX
                )
            }
            Self::TooManyNodes => {
                write!(f, "found more than {} parts, expected fewer", limits::EXPRESSION_NODES_MAX)
            }
        }
    }
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.problem)
    }
}

impl std::error::Error for ExpressionError {}
