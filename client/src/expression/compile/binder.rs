//! The state of the compiler: errors found, functions under way, and what the expression will need.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::program::Needs;
use super::scope::FunctionScope;
use crate::dotnet::Datum;
use crate::expression::error::{ExpressionError, Problem};
use crate::expression::position::{Position, Span};
use crate::expression::run::Node;
use crate::expression::types::Type;
use crate::limits;

/// The compiler at work.
pub(super) struct Binder {
    pub(super) errors: Vec<ExpressionError>,
    /// The function of the whole expression first, lambdas within one another behind it.
    pub(super) functions: Vec<FunctionScope>,
    pub(super) needs: Needs,
    /// Texts that are written out: equal ones are one object.
    literals: BTreeSet<Arc<str>>,
    /// Parts that may still be looked at.
    budget: usize,
}

/// An expression whose meaning is settled.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) node: Node,
    pub(super) of: Type,
    pub(super) at: Span,
}

impl Bound {
    pub(super) fn new(node: Node, of: Type, at: Span) -> Self {
        Self { node, of, at }
    }

    /// What stands for something that has an error.
    pub(super) fn unknown(at: Span) -> Self {
        Self::new(Node::Constant(Datum::Null), Type::Unknown, at)
    }

    /// The value, if it is known already.
    pub(super) fn constant(&self) -> Option<&Datum> {
        match &self.node {
            Node::Constant(value) if !self.of.is_unknown() => Some(value),
            _ => None,
        }
    }
}

impl Binder {
    pub(super) fn new() -> Self {
        Self {
            errors: Vec::new(),
            functions: vec![FunctionScope::new()],
            needs: Needs::default(),
            literals: BTreeSet::new(),
            budget: limits::EXPRESSION_BINDINGS_MAX,
        }
    }

    /// Tells an error, and gives what stands for the part that has it.
    pub(super) fn error(&mut self, at: Span, text: impl Into<String>) -> Bound {
        self.tell(at.start, text);
        Bound::unknown(at)
    }

    pub(super) fn tell(&mut self, at: Position, text: impl Into<String>) {
        self.errors.push(ExpressionError { at, problem: Problem::Meaning { text: text.into() } });
    }

    /// `context.Response` as a value is the whole response.
    pub(super) fn note_result(&mut self, value: &Bound) {
        if self.functions.len() == 1 && value.of.is_class("IResponse") {
            self.needs.response_body = true;
        }
    }

    /// A text that is written out.
    pub(super) fn interned(&mut self, text: &Arc<str>) -> Datum {
        if let Some(known) = self.literals.get(text) {
            return Datum::String(known.clone());
        }
        self.literals.insert(text.clone());
        Datum::String(text.clone())
    }

    /// Whether one more part may be looked at.
    pub(super) fn may_go_on(&mut self, at: Span) -> bool {
        match self.budget.checked_sub(1) {
            Some(left) => self.budget = left,
            None => {
                let too_many = ExpressionError { at: at.start, problem: Problem::TooManyNodes };
                if !self.errors.contains(&too_many) {
                    self.errors.push(too_many);
                }
                return false;
            }
        }
        true
    }
}
