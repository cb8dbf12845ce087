//! Types as they are written.

use super::cursor::{Parsed, Parser};
use crate::expression::error::{ExpressionError, Problem};
use crate::expression::syntax::{NamePart, Type, TypeKind};
use crate::limits;

/// Whether a `?` after a type belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    /// Always.
    Nullable,
    /// Only if what follows cannot be the first branch of `? :`, as after `is` and `as`.
    MayBeConditional,
}

impl Parser<'_> {
    /// A type where nothing but a type can stand.
    pub(super) fn type_name(&mut self) -> Parsed<Type> {
        let element = self.type_without_arrays(Question::Nullable)?;
        self.array_suffixes(element, Question::Nullable)
    }

    /// A type after `is` or `as`.
    pub(super) fn tested_type(&mut self) -> Parsed<Type> {
        let element = self.type_without_arrays(Question::MayBeConditional)?;
        self.array_suffixes(element, Question::MayBeConditional)
    }

    /// A type up to the brackets that would make an array of it.
    pub(super) fn type_without_arrays(&mut self, question: Question) -> Parsed<Type> {
        self.deeper(|parser| {
            let start = parser.start();
            let kind = if let Some(predefined) = parser.predefined_at(parser.place()) {
                parser.advance();
                TypeKind::Predefined(predefined)
            } else if parser.sees("(") {
                return Err(parser.unsupported("the type of a tuple"));
            } else {
                TypeKind::Named(parser.name_parts()?)
            };
            parser.count()?;
            let named = Type { kind, span: parser.span_from(start) };
            if parser.takes_question(question) { parser.nullable(named) } else { Ok(named) }
        })
    }

    /// `[]` and `?` after a type.
    pub(super) fn array_suffixes(&mut self, element: Type, question: Question) -> Parsed<Type> {
        let mut suffixes = 0;
        let mut whole = element;
        loop {
            if self.sees("[") && self.sees_at(self.place() + 1, ",") {
                return Err(self.unsupported("an array of several dimensions"));
            }
            whole = if self.sees("[") && self.sees_at(self.place() + 1, "]") {
                self.advance();
                self.advance();
                self.count()?;
                let span = self.span_from(whole.span.start);
                Type { kind: TypeKind::Array(Box::new(whole)), span }
            } else if suffixes > 0 && self.takes_question(question) {
                self.nullable(whole)?
            } else {
                return Ok(whole);
            };
            suffixes += 1;
            if suffixes > limits::EXPRESSION_TYPE_SUFFIXES_MAX {
                return Err(ExpressionError::new(self.start(), Problem::TooDeep));
            }
        }
    }

    fn takes_question(&self, question: Question) -> bool {
        let free = question == Question::Nullable || !self.can_start_expression(self.place() + 1);
        self.sees("?") && free
    }

    fn nullable(&mut self, whole: Type) -> Parsed<Type> {
        self.advance();
        self.count()?;
        let span = self.span_from(whole.span.start);
        Ok(Type { kind: TypeKind::Nullable(Box::new(whole)), span })
    }

    fn name_parts(&mut self) -> Parsed<Vec<NamePart>> {
        let mut parts = Vec::new();
        loop {
            let name = self.identifier("a type")?;
            if self.sees("::") {
                return Err(self.unsupported("'::'"));
            }
            let type_arguments = if self.sees("<") { self.type_arguments()? } else { Vec::new() };
            self.count()?;
            parts.push(NamePart { name, type_arguments });
            if !self.take(".") {
                return Ok(parts);
            }
        }
    }

    /// `<T, U>`
    pub(super) fn type_arguments(&mut self) -> Parsed<Vec<Type>> {
        self.advance();
        let mut arguments = vec![self.type_name()?];
        while self.take(",") {
            arguments.push(self.type_name()?);
        }
        self.expect(">")?;
        Ok(arguments)
    }
}
