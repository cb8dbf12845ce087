//! From elements to statements, as their rows say. Where a statement may stand is left to the checks.

use std::collections::HashSet;
use std::sync::Arc;

use super::parts::Parts;
use super::position::Location;
use super::problem::{Problem, ProblemKind};
use super::problems::Problems;
use super::row::{AttributeRow, Child, Content, ElementRow, Kind, Literal, Presence};
use super::rows;
use super::section::Section;
use super::setting::Setting;
use super::source::Source;
use super::statement::Statement;
use super::tree::{Attribute, Element, Form, Node, Value};

/// A statement in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it does.
    pub statement: Statement,
    /// Its element's name.
    pub name: Arc<str>,
    /// Its `id`, by which errors name it.
    pub id: Option<Arc<str>>,
    /// Where it stands.
    pub location: Location,
}

/// Makes statements of the elements of one text.
pub(super) struct Builder<'a> {
    pub(super) source: &'a Source,
    pub(super) problems: &'a mut Problems,
    pub(super) section: Option<Section>,
    /// The statements that the gateway knows, if the document is to be run.
    pub(super) knows: Option<Knows<'a>>,
    /// Names of others that have been compared with ours, and are not like them.
    unlike: HashSet<String>,
}

/// Whether the gateway knows a statement that is none of ours.
pub(super) type Knows<'a> = &'a dyn Fn(&str) -> bool;

impl<'a> Builder<'a> {
    pub(super) fn new(source: &'a Source, problems: &'a mut Problems, knows: Option<Knows<'a>>) -> Self {
        Self { source, problems, section: None, knows, unlike: HashSet::new() }
    }
}

impl Builder<'_> {
    /// The statements in an element: a section, a branch, a fragment.
    pub(super) fn steps(&mut self, element: Element) -> Vec<Step> {
        let mut steps = Vec::new();
        for child in element.children {
            match child {
                Node::Element(child) => steps.push(self.step(child)),
                Node::Text(text) => self.no_text(element.name_span.clone(), &text, "statements"),
            }
        }
        steps
    }

    /// An element that has no attributes.
    pub(super) fn no_attributes(&mut self, element: &Element) {
        self.attributes(&[], element);
    }

    fn step(&mut self, element: Element) -> Step {
        let (location, name) = (element.location.clone(), element.name.as_str().into());
        let id =
            element.attribute("id").filter(|id| id.form == Form::Literal).map(|id| id.text.as_str().into());
        let statement = match rows::find(&element.name) {
            Some(row) => {
                let span = element.name_span.clone();
                let statement = (row.build)(self.parts(&row.element, element));
                self.check_can_run(&statement, &location, span);
                statement
            }
            None => self.opaque(element),
        };
        Step { statement, name, id, location }
    }

    fn opaque(&mut self, mut element: Element) -> Statement {
        let is_known = self.knows.map(|knows| knows(&element.name));
        match is_known {
            Some(true) => self.compile_all(&mut element),
            Some(false) => self.unknown_statement(&element),
            None => self.warn_of_similar_name(&element),
        }
        Statement::Opaque(Arc::new(element))
    }

    fn parts(&mut self, row: &'static ElementRow, element: Element) -> Parts {
        let mut parts = Parts {
            row,
            values: self.attributes(row.attributes, &element),
            text: None,
            children: Vec::new(),
            steps: Vec::new(),
        };
        match row.content {
            Content::Nothing => self.nothing(&element),
            Content::Text { kind, expression } => parts.text = self.text(kind, expression, &element),
            Content::Body => parts.text = Some(self.body(&element)),
            Content::Elements(children) => parts.children = self.children(children, element),
            Content::Steps => parts.steps = self.steps(element),
        }
        parts
    }

    fn attributes(
        &mut self,
        rows: &'static [AttributeRow],
        element: &Element,
    ) -> Vec<Option<Setting<Literal>>> {
        let mut values = vec![None; rows.len()];
        let mut is_there = vec![false; rows.len()];
        for attribute in &element.attributes {
            match rows.iter().position(|row| row.name == attribute.name) {
                Some(place) => {
                    is_there[place] = true;
                    values[place] = self.attribute(&rows[place], attribute, element);
                }
                None if is_known_everywhere(&attribute.name) => {}
                None => self.unknown_attribute(rows, attribute, element),
            }
        }
        for (place, row) in rows.iter().enumerate().filter(|(place, _)| !is_there[*place]) {
            values[place] = row.presence.default().and_then(|text| row.kind.read(text)).map(Setting::Literal);
            let kind = match row.presence {
                Presence::Required => ProblemKind::MissingAttribute,
                Presence::Expected(_) => ProblemKind::TakenAsDefault,
                Presence::Optional | Presence::Default(_) => continue,
            };
            if !element.is_broken {
                let problem = self.problem(kind, element).attribute(row.name).found("nothing");
                self.problems.add(problem.expected(row.kind.expected()));
            }
        }
        values
    }

    fn attribute(
        &mut self,
        row: &AttributeRow,
        attribute: &Attribute,
        element: &Element,
    ) -> Option<Setting<Literal>> {
        let (value, name) = (&attribute.value, Some(row.name));
        let setting = self.value(row.kind, row.expression, value);
        let setting = setting.unwrap_or_else(|fault| self.bad_value(fault, value, element, name));
        setting.map(|setting| self.compiled(setting, row.kind, value, (element, name)))
    }

    fn text(&mut self, kind: Kind, expression: bool, element: &Element) -> Option<Setting<Literal>> {
        self.no_elements(element);
        match element.text() {
            Some(text) => {
                let setting = self.value(kind, expression, text);
                let setting = setting.unwrap_or_else(|fault| self.bad_value(fault, text, element, None));
                setting.map(|setting| self.compiled(setting, kind, text, (element, None)))
            }
            None if kind == Kind::Any || element.is_broken => None,
            None => {
                let problem = self.problem(ProblemKind::Text, element).found("nothing");
                self.problems.add(problem.expected(kind.expected()));
                None
            }
        }
    }

    /// What a value says; or what is wrong with it.
    fn value(
        &mut self,
        kind: Kind,
        expression: bool,
        value: &Value,
    ) -> Result<Option<Setting<Literal>>, Fault> {
        let is_expression = value.form != Form::Literal && value.text.trim_start().starts_with('@');
        match value.form {
            _ if is_expression && !expression => Err(Fault::ExpressionNotAllowed(kind)),
            Form::Expression => Ok(Some(Setting::later(&value.text, &value.location))),
            Form::Mixed if is_expression => Err(Fault::AfterExpression),
            _ => match kind.read(&value.text) {
                Some(literal) if value.form == Form::Mixed => Err(Fault::ExpressionInText(literal)),
                Some(literal) => Ok(Some(Setting::Literal(literal))),
                None => Err(Fault::Kind(kind, expression)),
            },
        }
    }

    fn bad_value(
        &mut self,
        fault: Fault,
        value: &Value,
        element: &Element,
        attribute: Option<&str>,
    ) -> Option<Setting<Literal>> {
        let mut literal = None;
        let (kind, expected) = match fault {
            Fault::ExpressionNotAllowed(kind) => {
                (ProblemKind::ExpressionNotAllowed, format!("{}; no expression", kind.expected()))
            }
            Fault::AfterExpression => {
                (ProblemKind::Expression, "nothing after the end of the expression".to_owned())
            }
            Fault::ExpressionInText(text) => {
                literal = Some(Setting::Literal(text));
                let expected = "an expression alone, or none: all of this is taken as text";
                (ProblemKind::ExpressionInText, expected.to_owned())
            }
            Fault::Kind(kind, true) => (ProblemKind::Value, format!("{} or an expression", kind.expected())),
            Fault::Kind(kind, false) => (ProblemKind::Value, kind.expected().into_owned()),
        };
        let problem = self.problem_at(kind, value.location.clone());
        let mut problem = problem.of(self.source.quote(element.name_span.clone()));
        problem.attribute = attribute.map(str::to_owned);
        let found = format!("\"{}\"", self.source.quote(value.span.clone()));
        self.problems.add(problem.found(found).expected(expected));
        literal
    }

    fn body(&mut self, element: &Element) -> Setting<Literal> {
        if element.elements().next().is_some() {
            let markup = self.source.text().get(element.inner.clone()).unwrap_or_default();
            return Setting::Literal(Literal::Text(markup.to_owned()));
        }
        let Some(text) = element.text() else { return Setting::Literal(Literal::Text(String::new())) };
        let value = self.value(Kind::Any, true, text);
        let value = value.unwrap_or_else(|fault| self.bad_value(fault, text, element, None));
        let value = value.unwrap_or(Setting::Literal(Literal::Text(String::new())));
        self.compiled(value, Kind::Any, text, (element, None))
    }

    fn children(&mut self, rows: &'static [Child], element: Element) -> Vec<Parts> {
        let mut children: Vec<Parts> = Vec::new();
        let (name, is_broken) = (element.name_span.clone(), element.is_broken);
        let location = element.location.clone();
        for node in element.children {
            let child = match node {
                Node::Element(child) => child,
                Node::Text(text) => {
                    self.no_text(name.clone(), &text, &list(rows));
                    continue;
                }
            };
            let Some(row) = rows.iter().find(|row| row.element.name == child.name) else {
                self.unknown_element(name.clone(), &child, &list(rows));
                continue;
            };
            let count = children.iter().filter(|one| one.row.name == child.name).take(row.most).count();
            if count == row.most {
                self.unknown_element(name.clone(), &child, &format!("at most {} of it", row.most));
                continue;
            }
            children.push(self.parts(row.element, child));
        }
        for row in rows {
            let count = children.iter().filter(|child| child.row.name == row.element.name).count();
            if count < row.least && !is_broken {
                let problem = self.problem_at(ProblemKind::MissingElement, location.clone());
                let problem = problem.of(self.source.quote(name.clone())).found("none");
                self.problems.add(problem.expected(format!("<{}>", row.element.name)));
            }
        }
        children
    }

    fn nothing(&mut self, element: &Element) {
        self.no_elements(element);
        if let Some(text) = element.text() {
            self.no_text(element.name_span.clone(), text, "nothing in it");
        }
    }

    fn no_elements(&mut self, element: &Element) {
        for child in element.elements() {
            self.unknown_element(element.name_span.clone(), child, "no element in it");
        }
    }

    fn no_text(&mut self, around: std::ops::Range<usize>, text: &Value, expected: &str) {
        let span = self.source.without_blanks(text.span.clone());
        let problem = self.problem_at(ProblemKind::Text, self.source.location(span.start));
        let found = format!("\"{}\"", self.source.quote(span));
        self.problems.add(problem.of(self.source.quote(around)).found(found).expected(expected));
    }

    fn unknown_element(&mut self, around: std::ops::Range<usize>, element: &Element, expected: &str) {
        let problem = self.problem_at(ProblemKind::UnknownElement, element.location.clone());
        let found = format!("<{}>", self.source.quote(element.name_span.clone()));
        self.problems.add(problem.of(self.source.quote(around)).found(found).expected(expected));
    }

    fn unknown_attribute(&mut self, rows: &[AttributeRow], attribute: &Attribute, element: &Element) {
        let problem = self.problem_at(ProblemKind::UnknownAttribute, attribute.location.clone());
        let written = self.source.quote(attribute.name_span.clone());
        let names: Vec<&str> = rows.iter().map(|row| row.name).collect();
        let expected = if names.is_empty() { "no attribute".to_owned() } else { names.join(", ") };
        let problem = problem.of(self.source.quote(element.name_span.clone())).attribute(&*written);
        self.problems.add(problem.found(format!("{written:?}")).expected(expected));
    }

    fn warn_of_similar_name(&mut self, element: &Element) {
        if self.unlike.contains(&element.name) {
            return;
        }
        let Some(row) = rows::similar(&element.name) else {
            self.unlike.insert(element.name.clone());
            return;
        };
        let found = self.source.quote(element.name_span.clone());
        let problem = self.problem(ProblemKind::SimilarName, element);
        let expected = format!("{}, or a statement of the gateway", row.element.name);
        self.problems.add(problem.found(format!("{found:?}")).expected(expected));
    }

    pub(super) fn problem(&self, kind: ProblemKind, element: &Element) -> Problem {
        self.problem_at(kind, element.location.clone()).of(self.source.quote(element.name_span.clone()))
    }

    pub(super) fn problem_at(&self, kind: ProblemKind, location: Location) -> Problem {
        Problem::new(kind, self.source, location).section(self.section)
    }
}

/// What is wrong with a value.
enum Fault {
    ExpressionNotAllowed(Kind),
    AfterExpression,
    ExpressionInText(Literal),
    Kind(Kind, bool),
}

/// Every element may be named, and declare prefixes.
fn is_known_everywhere(name: &str) -> bool {
    name == "id" || name == "xmlns" || name.starts_with("xmlns:")
}

fn list(rows: &[Child]) -> String {
    rows.iter().map(|row| format!("<{}>", row.element.name)).collect::<Vec<_>>().join(", ")
}
