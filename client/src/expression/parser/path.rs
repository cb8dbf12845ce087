//! What is taken from a value, from left to right: members, calls, indexes, with and without `?`.

use super::cursor::{Parsed, Parser};
use crate::expression::position::Position;
use crate::expression::syntax::{Expression, ExpressionKind, Step, StepKind, Type};

impl Parser<'_> {
    /// A primary expression and the steps after it.
    pub(super) fn path(&mut self) -> Parsed<Expression> {
        let start = self.start();
        let root = self.primary()?;
        let mut steps = Vec::new();
        while let Some(step) = self.step()? {
            self.count()?;
            steps.push(step);
        }
        let value = if steps.is_empty() {
            root
        } else {
            self.finish(start, ExpressionKind::Path { root: Box::new(root), steps })?
        };
        self.refuse_after_path()?;
        self.postfix_increment(start, value)
    }

    fn step(&mut self) -> Parsed<Option<Step>> {
        let start = self.start();
        let after = self.place() + 1;
        let conditional = self.sees("?") && (self.sees_at(after, ".") || self.sees_at(after, "["));
        if conditional {
            self.advance();
        }
        let kind = if self.take(".") {
            self.member()?
        } else if self.sees("[") {
            StepKind::Index(self.index_arguments()?)
        } else if self.sees("(") {
            StepKind::Invoke(self.arguments()?)
        } else {
            return Ok(None);
        };
        Ok(Some(Step { kind, conditional, span: self.span_from(start) }))
    }

    fn member(&mut self) -> Parsed<StepKind> {
        let name = self.identifier("the name of a member")?;
        let type_arguments = self.type_arguments_of_name()?;
        if !self.sees("(") {
            return Ok(StepKind::Member { name, type_arguments });
        }
        let arguments = self.arguments()?;
        Ok(StepKind::Method { name, type_arguments, arguments })
    }

    /// `<…>` after a name in an expression, if that is no comparison.
    pub(super) fn type_arguments_of_name(&mut self) -> Parsed<Vec<Type>> {
        if self.type_arguments_ahead() { self.type_arguments() } else { Ok(Vec::new()) }
    }

    fn refuse_after_path(&self) -> Parsed<()> {
        for (word, feature) in [
            ("!", "the null-forgiving '!' (C# 8)"),
            ("->", "a pointer"),
            ("::", "'::'"),
            ("switch", "a switch expression (C# 8)"),
        ] {
            if self.sees(word) {
                return Err(self.unsupported(feature));
            }
        }
        Ok(())
    }

    fn postfix_increment(&mut self, start: Position, value: Expression) -> Parsed<Expression> {
        let decrement = self.sees("--");
        if !decrement && !self.sees("++") {
            return Ok(value);
        }
        self.check_target(&value)?;
        self.advance();
        self.finish(start, ExpressionKind::Increment { target: Box::new(value), decrement, prefix: false })
    }
}
