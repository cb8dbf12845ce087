//! `new`: objects, arrays, anonymous objects, and what stands in their braces.

use std::sync::Arc;

use super::cursor::{Parsed, Parser};
use super::types::Question;
use crate::expression::error::ExpressionError;
use crate::expression::position::Position;
use crate::expression::syntax::{
    AnonymousMember, Element, Expression, ExpressionKind, Identifier, Initialiser, StepKind, Type,
};

impl Parser<'_> {
    pub(super) fn creation(&mut self) -> Parsed<Expression> {
        let start = self.start();
        self.advance();
        if self.sees("{") {
            let members = self.anonymous_members()?;
            return self.finish(start, ExpressionKind::NewAnonymous(members));
        }
        if self.sees("[") {
            self.advance();
            if self.sees(",") {
                return Err(self.unsupported("an array of several dimensions"));
            }
            self.expect("]")?;
            let elements = Some(self.array_elements()?);
            return self.finish(start, ExpressionKind::NewArray { element: None, length: None, elements });
        }
        if self.sees("(") {
            return Err(self.unsupported("'new' without a type (C# 9)"));
        }
        let target = self.type_without_arrays(Question::Nullable)?;
        if self.sees("[") { self.array(start, target) } else { self.object(start, target) }
    }

    /// What stands after `new T`, up to the last brace.
    fn object(&mut self, start: Position, target: Type) -> Parsed<Expression> {
        if !self.sees("(") && !self.sees("{") {
            return Err(self.unexpected("'(', '[' or '{'"));
        }
        let arguments = if self.sees("(") { self.arguments()? } else { Vec::new() };
        let initialiser = if self.sees("{") { Some(self.initialiser()?) } else { None };
        self.finish(start, ExpressionKind::New { target, arguments, initialiser })
    }

    /// What stands after the `T` of `new T[…]`.
    fn array(&mut self, start: Position, target: Type) -> Parsed<Expression> {
        let after = self.place() + 1;
        if self.sees_at(after, ",") {
            return Err(self.unsupported("an array of several dimensions"));
        }
        self.advance();
        let length = if self.sees("]") { None } else { Some(Box::new(self.expression()?)) };
        if self.sees(",") {
            return Err(self.unsupported("an array of several dimensions"));
        }
        self.expect("]")?;
        let element = Some(self.array_suffixes(target, Question::MayBeConditional)?);
        let elements = match &length {
            Some(_) if !self.sees("{") => None,
            _ => Some(self.array_elements()?),
        };
        self.finish(start, ExpressionKind::NewArray { element, length, elements })
    }

    fn array_elements(&mut self) -> Parsed<Vec<Expression>> {
        self.in_braces(|parser| {
            if parser.sees("{") {
                return Err(parser.unsupported("an array of several dimensions"));
            }
            parser.expression()
        })
    }

    fn initialiser(&mut self) -> Parsed<Initialiser> {
        let first = self.place() + 1;
        if self.is_name_at(first) && self.sees_at(first + 1, "=") {
            return Ok(Initialiser::Members(self.in_braces(Self::initialised_member)?));
        }
        Ok(Initialiser::Elements(self.in_braces(Self::element)?))
    }

    fn initialised_member(&mut self) -> Parsed<(Identifier, Expression)> {
        let name = self.identifier("the name of a member")?;
        self.expect("=")?;
        if self.sees("{") {
            return Err(self.unsupported("braces within the braces of an object"));
        }
        Ok((name, self.expression()?))
    }

    fn element(&mut self) -> Parsed<Element> {
        self.count()?;
        if self.sees("{") {
            return Ok(Element::Several(self.in_braces(Self::expression)?));
        }
        if !self.take("[") {
            return Ok(Element::Single(self.expression()?));
        }
        let index = self.expression()?;
        self.expect("]")?;
        self.expect("=")?;
        Ok(Element::Indexed(index, self.expression()?))
    }

    fn anonymous_members(&mut self) -> Parsed<Vec<AnonymousMember>> {
        self.in_braces(|parser| {
            parser.count()?;
            let named = parser.is_name_at(parser.place()) && parser.sees_at(parser.place() + 1, "=");
            if named {
                let name = parser.identifier("the name of a member")?;
                parser.advance();
                return Ok(AnonymousMember { name, value: parser.expression()? });
            }
            let value = parser.expression()?;
            let name = own_name(&value).ok_or_else(|| {
                let reason = "found a value without a name, expected 'name = value'";
                ExpressionError::misplaced(value.span.start, reason)
            })?;
            Ok(AnonymousMember { name, value })
        })
    }

    /// A list in braces; a comma may stand at its end.
    fn in_braces<T>(&mut self, mut item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        self.expect("{")?;
        let mut items = Vec::new();
        while !self.take("}") {
            items.push(item(self)?);
            if !self.sees("}") && !self.take(",") {
                return Err(self.unexpected("',' or '}'"));
            }
        }
        Ok(items)
    }
}

/// The name that a value gives to a member of an anonymous object: its own, or that of its last member.
fn own_name(value: &Expression) -> Option<Identifier> {
    let found = match &value.kind {
        ExpressionKind::Name { name, type_arguments } if type_arguments.is_empty() => name,
        ExpressionKind::Path { steps, .. } => match &steps.last()?.kind {
            StepKind::Member { name, type_arguments } if type_arguments.is_empty() => name,
            _ => return None,
        },
        _ => return None,
    };
    Some(Identifier { name: Arc::clone(&found.name), span: found.span })
}
