//! What is done to a policy that is to be run: its expressions are compiled, and what could not be run
//! is told.

use std::ops::Range;

use super::element::Builder;
use super::position::{Location, after};
use super::problem::ProblemKind;
use super::row::{Kind, Literal};
use super::rows;
use super::setting::{Code, Setting};
use super::statement::Statement;
use super::tree::{Element, Form, Node, Value};
use crate::expression::{self, Compiled, ExpressionError, Position, Wanted};

/// The element that a value stands in, and its attribute.
pub(super) type Place<'e> = (&'e Element, Option<&'e str>);

impl Builder<'_> {
    /// A setting whose expression, if it is one, can be evaluated.
    pub(super) fn compiled(
        &mut self,
        mut setting: Setting<Literal>,
        kind: Kind,
        value: &Value,
        place: Place<'_>,
    ) -> Setting<Literal> {
        if let Setting::Expression(expression) = &mut setting {
            expression.code = Code(self.compile(value, wanted(kind), place));
        }
        setting
    }

    /// Compiles all expressions in a statement of the gateway: any of them may be asked for.
    pub(super) fn compile_all(&mut self, element: &mut Element) {
        for place in 0..element.attributes.len() {
            let attribute = &element.attributes[place];
            let code = self.compile(&attribute.value, Wanted::Any, (element, Some(&attribute.name)));
            element.attributes[place].value.code = Code(code);
        }
        for place in 0..element.children.len() {
            let code = match &element.children[place] {
                Node::Text(text) => self.compile(text, Wanted::Any, (element, None)),
                Node::Element(_) => None,
            };
            match &mut element.children[place] {
                Node::Text(text) => text.code = Code(code),
                // Elements stand in one another at most as deep as the reader allows.
                Node::Element(inner) => self.compile_all(inner),
            }
        }
    }

    pub(super) fn unknown_statement(&mut self, element: &Element) {
        let found = format!("\"{}\"", self.source.quote(element.name_span.clone()));
        let expected = match rows::similar(&element.name) {
            Some(row) => format!("{}, or a statement that the gateway knows", row.element.name),
            None => "a statement that Larder or the gateway knows".to_owned(),
        };
        let problem = self.problem(ProblemKind::UnknownStatement, element);
        self.problems.add(problem.found(found).expected(expected));
    }

    /// Tells what can be read and not run.
    pub(super) fn check_can_run(&mut self, statement: &Statement, location: &Location, name: Range<usize>) {
        if self.knows.is_none() {
            return;
        }
        let body = match statement {
            Statement::SetBody(body) => Some(body),
            Statement::ReturnResponse(response) => response.body.as_ref(),
            Statement::CacheLookup(lookup) => {
                if let Some(error) = lookup.wrong_vary() {
                    let problem = self.problem_at(ProblemKind::Value, location.clone());
                    self.problems.add(problem.of(self.source.quote(name)).reason(error.to_string()));
                }
                return;
            }
            _ => None,
        };
        if body.is_some_and(|body| body.is_liquid) {
            let problem = self.problem_at(ProblemKind::Unsupported, location.clone());
            let problem = problem.of(self.source.quote(name)).attribute("template");
            self.problems
                .add(problem.found("liquid").expected("an expression or text: templates do not run"));
        }
    }

    fn compile(&mut self, value: &Value, wanted: Wanted, place: Place<'_>) -> Option<Compiled> {
        if self.knows.is_none() || value.form != Form::Expression {
            return None;
        }
        match expression::compile(&value.text, value.location.position, wanted) {
            Ok(compiled) => Some(compiled),
            Err(errors) => {
                errors.iter().for_each(|error| self.wrong_expression(error, value, place));
                None
            }
        }
    }

    fn wrong_expression(&mut self, error: &ExpressionError, value: &Value, (element, attribute): Place<'_>) {
        let location = self.location_of(value, error.at);
        let mut problem = self.problem_at(ProblemKind::Expression, location);
        problem.statement = Some(self.source.quote(element.name_span.clone()));
        problem.attribute = attribute.map(str::to_owned);
        let text = error.problem.to_string();
        // Errors quote names. One that stands nowhere in the document came with a named value.
        let is_safe = !self.source.has_values_in(value.span.clone())
            || text.split(is_not_in_name).all(|word| self.source.holds(word) || !value.text.contains(word));
        let reason = if is_safe { text } else { "with its named values it is wrong here".to_owned() };
        self.problems.add(problem.reason(reason));
    }

    /// The place of an error as written. Where references were replaced it is that of the replaced text.
    fn location_of(&self, value: &Value, at: Position) -> Location {
        let raw = self.source.text().get(value.span.clone()).unwrap_or_default();
        if raw == value.text {
            let offset = offset(raw, value.location.position, at);
            return self.source.location(value.span.start + offset);
        }
        Location { fragment: value.location.fragment.clone(), position: at }
    }
}

/// What C# has to give for a value of a kind.
fn wanted(kind: Kind) -> Wanted {
    match kind {
        Kind::Text | Kind::OneOf(_) => Wanted::Text,
        Kind::Any => Wanted::Any,
        Kind::Bool => Wanted::Bool,
        Kind::Seconds(_) | Kind::Number(..) => Wanted::Int,
    }
}

/// The byte of a text that stands at a position, its last if none does.
fn offset(text: &str, start: Position, at: Position) -> usize {
    let mut position = start;
    for (offset, character) in text.char_indices() {
        if position >= at {
            return offset;
        }
        position = after(position, character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    text.len()
}

fn is_not_in_name(character: char) -> bool {
    !character.is_alphanumeric() && character != '_'
}
