//! Expressions from the loosest binding down: assignment, `? :`, `??`, operators with two operands.

use super::cursor::{Parsed, Parser};
use super::operators::{Level, Operation};
use crate::expression::error::{ExpressionError, Problem};
use crate::expression::lexer::TokenKind;
use crate::expression::position::Position;
use crate::expression::syntax::{
    AssignmentOperator, BinaryOperator, Expression, ExpressionKind, Literal, Pattern, StepKind, Term,
};
use crate::limits;

impl Parser<'_> {
    /// Any expression.
    pub(super) fn expression(&mut self) -> Parsed<Expression> {
        self.deeper(|parser| {
            parser.refuse_contextual()?;
            if parser.lambda_ahead(parser.place()) {
                return parser.lambda();
            }
            let start = parser.start();
            let left = parser.conditional()?;
            let Some(operator) = parser.assignment_operator() else { return Ok(left) };
            parser.check_target(&left)?;
            let value = Box::new(parser.expression()?);
            parser.finish(start, ExpressionKind::Assignment { target: Box::new(left), operator, value })
        })
    }

    /// An expression or a `throw`, where C# allows one.
    pub(super) fn branch(&mut self) -> Parsed<Expression> {
        let start = self.start();
        if !self.take("throw") {
            return self.expression();
        }
        let thrown = Box::new(self.expression()?);
        self.finish(start, ExpressionKind::Throw(thrown))
    }

    fn conditional(&mut self) -> Parsed<Expression> {
        let start = self.start();
        let condition = self.coalesce()?;
        if !self.take("?") {
            return Ok(condition);
        }
        let condition = Box::new(condition);
        let then = Box::new(self.branch()?);
        self.expect(":")?;
        let otherwise = Box::new(self.branch()?);
        self.finish(start, ExpressionKind::Conditional { condition, then, otherwise })
    }

    fn coalesce(&mut self) -> Parsed<Expression> {
        let start = self.start();
        let left = self.binary(Level::LOOSEST)?;
        if self.sees("??=") {
            return Err(self.unsupported("'??=' (C# 8)"));
        }
        if !self.take("??") {
            return Ok(left);
        }
        let throws = self.sees("throw");
        let right = if throws { self.branch()? } else { self.deeper(Self::coalesce)? };
        self.finish(start, ExpressionKind::Coalesce { left: Box::new(left), right: Box::new(right) })
    }

    /// Operators that bind at least as tightly as `least`: each operand is followed by tighter ones
    /// first, and operators of one level make one list.
    fn binary(&mut self, least: Level) -> Parsed<Expression> {
        let start = self.start();
        let mut left = self.unary()?;
        let mut chain = None;
        let mut tests = 0;
        while let Some((operation, level)) = self.operation().filter(|(_, level)| *level >= least) {
            let Operation::Binary(operator, tokens) = operation else {
                tests += 1;
                if tests > limits::EXPRESSION_TYPE_SUFFIXES_MAX {
                    return Err(ExpressionError::new(self.start(), Problem::TooDeep));
                }
                left = self.type_test(left, operation)?;
                chain = None;
                continue;
            };
            for _ in 0..tokens {
                self.advance();
            }
            let operand = self.level(|parser| parser.binary(level.tighter()))?;
            left = self.joined(left, Term { operator, operand }, chain == Some(level), start)?;
            chain = Some(level);
        }
        Ok(left)
    }

    /// Adds a term to a list of operators of the same level, or begins one.
    fn joined(
        &mut self,
        mut left: Expression,
        term: Term,
        same_level: bool,
        start: Position,
    ) -> Parsed<Expression> {
        if let (ExpressionKind::Binary { rest, .. }, true) = (&mut left.kind, same_level) {
            rest.push(term);
            self.count()?;
            left.span = self.span_from(start);
            return Ok(left);
        }
        self.finish(start, ExpressionKind::Binary { first: Box::new(left), rest: vec![term] })
    }

    fn type_test(&mut self, left: Expression, operation: Operation) -> Parsed<Expression> {
        let start = left.span.start;
        let operand = Box::new(left);
        self.advance();
        let kind = if operation == Operation::As {
            ExpressionKind::As { operand, target: self.tested_type()? }
        } else {
            ExpressionKind::Is { operand, pattern: self.pattern()? }
        };
        self.finish(start, kind)
    }

    /// What stands after `is`.
    fn pattern(&mut self) -> Parsed<Pattern> {
        let negative = self.sees("-") && matches!(self.kind_at(self.place() + 1), TokenKind::Literal(_));
        if negative || matches!(self.kind(), TokenKind::Literal(_)) {
            return Ok(Pattern::Constant(Box::new(self.unary()?)));
        }
        if self.sees_name("not") {
            return Err(self.unsupported("'is not' (C# 9)"));
        }
        if self.sees("{") || self.sees("(") || self.sees("[") || self.sees("<") || self.sees(">") {
            return Err(self.unsupported("a pattern newer than C# 7"));
        }
        if self.sees_name("var") && self.is_name_at(self.place() + 1) {
            self.advance();
            return Ok(Pattern::Var(self.identifier("a name")?));
        }
        let target = self.tested_type()?;
        if self.sees_name("and") || self.sees_name("or") {
            return Err(self.unsupported("'and' and 'or' in a pattern (C# 9)"));
        }
        let named = self.is_name_at(self.place());
        let name = named.then(|| self.identifier("a name")).transpose()?;
        Ok(Pattern::Type { target, name })
    }

    /// Takes `=` or a combined assignment.
    fn assignment_operator(&mut self) -> Option<AssignmentOperator> {
        let shift = self.sees(">") && self.sees_at(self.place() + 1, ">=") && self.touches_next(self.place());
        if shift {
            self.advance();
            self.advance();
            return Some(AssignmentOperator::With(BinaryOperator::ShiftRight));
        }
        let TokenKind::Symbol(symbol) = self.kind() else { return None };
        let operator = match *symbol {
            "=" => AssignmentOperator::Plain,
            "+=" => AssignmentOperator::With(BinaryOperator::Add),
            "-=" => AssignmentOperator::With(BinaryOperator::Subtract),
            "*=" => AssignmentOperator::With(BinaryOperator::Multiply),
            "/=" => AssignmentOperator::With(BinaryOperator::Divide),
            "%=" => AssignmentOperator::With(BinaryOperator::Remainder),
            "&=" => AssignmentOperator::With(BinaryOperator::BitAnd),
            "|=" => AssignmentOperator::With(BinaryOperator::BitOr),
            "^=" => AssignmentOperator::With(BinaryOperator::BitXor),
            "<<=" => AssignmentOperator::With(BinaryOperator::ShiftLeft),
            _ => return None,
        };
        self.advance();
        Some(operator)
    }

    /// Whether a value can be assigned to this.
    pub(super) fn check_target(&self, target: &Expression) -> Parsed<()> {
        let assignable = match &target.kind {
            ExpressionKind::Name { type_arguments, .. } => type_arguments.is_empty(),
            ExpressionKind::Path { steps, .. } => {
                let last = steps.last().map(|step| &step.kind);
                let named = matches!(last, Some(StepKind::Member { type_arguments, .. }) if type_arguments.is_empty());
                let place = named || matches!(last, Some(StepKind::Index(_)));
                place && steps.iter().all(|step| !step.conditional)
            }
            _ => false,
        };
        if assignable {
            return Ok(());
        }
        let reason = "found a value on the left of an assignment, expected a variable, a member or an index";
        Err(ExpressionError::misplaced(target.span.start, reason))
    }

    /// Names the C# that begins with a word that is reserved in some places only.
    fn refuse_contextual(&self) -> Parsed<()> {
        if self.query_ahead() {
            return Err(self.unsupported("LINQ query syntax (methods as 'Where' and 'Select' do the same)"));
        }
        if self.sees_name("async")
            && (self.lambda_ahead(self.place() + 1) || self.sees_at(self.place() + 1, "delegate"))
        {
            return Err(self.unsupported("'async'"));
        }
        Ok(())
    }

    /// The least whole number, if it comes next with its minus: the one literal that a sign is a part of.
    pub(super) fn literal_at_minus(&self) -> Option<Literal> {
        let place = self.place() + 1;
        if !self.written(place).bytes().all(|byte| byte.is_ascii_digit() || byte == b'_') {
            return None;
        }
        match self.kind_at(place) {
            TokenKind::Literal(Literal::UInt(value)) if *value == i32::MIN.unsigned_abs() => {
                Some(Literal::Int(i32::MIN))
            }
            TokenKind::Literal(Literal::ULong(value)) if *value == i64::MIN.unsigned_abs() => {
                Some(Literal::Long(i64::MIN))
            }
            _ => None,
        }
    }
}
