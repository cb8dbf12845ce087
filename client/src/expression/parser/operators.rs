//! Operators and how tightly they bind.

use super::cursor::{Parsed, Parser};
use crate::expression::lexer::TokenKind;
use crate::expression::syntax::{BinaryOperator, Expression, ExpressionKind, UnaryOperator};

/// How tightly an operator with two operands binds; more binds tighter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Level(u8);

impl Level {
    /// That of `||`.
    pub(super) const LOOSEST: Self = Self(1);

    pub(super) fn tighter(self) -> Self {
        Self(self.0 + 1)
    }
}

/// What stands between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// An operator, and how many tokens it has.
    Binary(BinaryOperator, usize),
    Is,
    As,
}

impl Parser<'_> {
    /// The operation that comes next. It is not taken.
    pub(super) fn operation(&self) -> Option<(Operation, Level)> {
        let binary = |operator, level| Some((Operation::Binary(operator, 1), Level(level)));
        match self.kind() {
            TokenKind::Symbol(">") => self.greater(),
            TokenKind::Symbol("||") => binary(BinaryOperator::Or, 1),
            TokenKind::Symbol("&&") => binary(BinaryOperator::And, 2),
            TokenKind::Symbol("|") => binary(BinaryOperator::BitOr, 3),
            TokenKind::Symbol("^") => binary(BinaryOperator::BitXor, 4),
            TokenKind::Symbol("&") => binary(BinaryOperator::BitAnd, 5),
            TokenKind::Symbol("==") => binary(BinaryOperator::Equal, 6),
            TokenKind::Symbol("!=") => binary(BinaryOperator::NotEqual, 6),
            TokenKind::Symbol("<") => binary(BinaryOperator::Less, 7),
            TokenKind::Symbol("<=") => binary(BinaryOperator::LessOrEqual, 7),
            TokenKind::Symbol(">=") => binary(BinaryOperator::GreaterOrEqual, 7),
            TokenKind::Keyword("is") => Some((Operation::Is, Level(7))),
            TokenKind::Keyword("as") => Some((Operation::As, Level(7))),
            TokenKind::Symbol("<<") => binary(BinaryOperator::ShiftLeft, 8),
            TokenKind::Symbol("+") => binary(BinaryOperator::Add, 9),
            TokenKind::Symbol("-") => binary(BinaryOperator::Subtract, 9),
            TokenKind::Symbol("*") => binary(BinaryOperator::Multiply, 10),
            TokenKind::Symbol("/") => binary(BinaryOperator::Divide, 10),
            TokenKind::Symbol("%") => binary(BinaryOperator::Remainder, 10),
            _ => None,
        }
    }

    /// `>`, or `>>`, which are two tokens without a blank; not the beginning of `>>=`.
    fn greater(&self) -> Option<(Operation, Level)> {
        let next = self.place() + 1;
        if self.touches_next(self.place()) && self.sees_at(next, ">=") {
            return None;
        }
        if self.touches_next(self.place()) && self.sees_at(next, ">") {
            return Some((Operation::Binary(BinaryOperator::ShiftRight, 2), Level(8)));
        }
        Some((Operation::Binary(BinaryOperator::Greater, 1), Level(7)))
    }

    /// Operators in front of their operand, casts among them.
    pub(super) fn unary(&mut self) -> Parsed<Expression> {
        let start = self.start();
        if self.cast_ahead() {
            return self.deeper(|parser| {
                parser.advance();
                let target = parser.type_name()?;
                parser.expect(")")?;
                let operand = Box::new(parser.unary()?);
                parser.finish(start, ExpressionKind::Cast { target, operand })
            });
        }
        let TokenKind::Symbol(symbol) = self.kind() else { return self.path() };
        let operator = match *symbol {
            "++" | "--" => return self.prefix_increment(),
            "-" => UnaryOperator::Minus,
            "+" => UnaryOperator::Plus,
            "!" => UnaryOperator::Not,
            "~" => UnaryOperator::Complement,
            "^" => return Err(self.unsupported("an index from the end (C# 8)")),
            "&" | "*" => return Err(self.unsupported("a pointer")),
            _ => return self.path(),
        };
        if let (UnaryOperator::Minus, Some(least)) = (operator, self.literal_at_minus()) {
            self.advance();
            self.advance();
            return self.finish(start, ExpressionKind::Literal(least));
        }
        self.deeper(|parser| {
            parser.advance();
            let operand = Box::new(parser.unary()?);
            parser.finish(start, ExpressionKind::Unary { operator, operand })
        })
    }

    fn prefix_increment(&mut self) -> Parsed<Expression> {
        self.deeper(|parser| {
            let start = parser.start();
            let decrement = parser.sees("--");
            parser.advance();
            let target = Box::new(parser.unary()?);
            parser.check_target(&target)?;
            parser.finish(start, ExpressionKind::Increment { target, decrement, prefix: true })
        })
    }
}
