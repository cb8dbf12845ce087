//! What was read of an element that has a row: values by name, for the statement to be made of.

use std::sync::Arc;

use super::element::Step;
use super::position::Location;
use super::row::{ElementRow, Literal};
use super::setting::{Code, Expression, Setting};

/// The values of an element, as its row describes them. Absent ones have become their defaults.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) row: &'static ElementRow,
    /// In the order of the row's attributes.
    pub(super) values: Vec<Option<Setting<Literal>>>,
    pub(super) text: Option<Setting<Literal>>,
    pub(super) children: Vec<Parts>,
    pub(super) steps: Vec<Step>,
}

impl Parts {
    /// Text that need not be there.
    pub(super) fn optional_text(&mut self, name: &str) -> Option<Setting<Arc<str>>> {
        self.take(name).map(|value| value.map(into_text))
    }

    /// Text that is there, or has a default.
    pub(super) fn text(&mut self, name: &str) -> Setting<Arc<str>> {
        self.optional_text(name).unwrap_or(Setting::Literal("".into()))
    }

    /// Text that is no expression, and there.
    pub(super) fn name(&mut self, name: &str) -> Arc<str> {
        self.optional_name(name).unwrap_or_default()
    }

    /// Text that is no expression, and need not be there.
    pub(super) fn optional_name(&mut self, name: &str) -> Option<Arc<str>> {
        match self.take(name)? {
            Setting::Literal(value) => Some(into_text(value)),
            // The row allows none, so that it was an error before.
            Setting::Expression(_) => None,
        }
    }

    pub(super) fn optional_flag(&mut self, name: &str) -> Option<Setting<bool>> {
        self.take(name).map(|value| value.map(|value| matches!(value, Literal::Bool(true))))
    }

    pub(super) fn flag(&mut self, name: &str) -> Setting<bool> {
        self.optional_flag(name).unwrap_or(Setting::Literal(false))
    }

    pub(super) fn optional_number(&mut self, name: &str) -> Option<Setting<u32>> {
        self.take(name).map(|value| value.map(into_number))
    }

    pub(super) fn number(&mut self, name: &str) -> Setting<u32> {
        self.optional_number(name).unwrap_or(Setting::Literal(0))
    }

    /// A word of a row's list.
    pub(super) fn word<T: Default>(&mut self, name: &str, read: impl Fn(&str) -> Option<T>) -> Setting<T> {
        self.text(name).map(|text| read(&text).unwrap_or_default())
    }

    /// The text in the element.
    pub(super) fn content(&mut self) -> Setting<Arc<str>> {
        self.text.take().map_or(Setting::Literal("".into()), |value| value.map(into_text))
    }

    /// The elements of this row in it, in their order.
    pub(super) fn children_of(&mut self, row: &ElementRow) -> Vec<Self> {
        let all = std::mem::take(&mut self.children);
        let (wanted, others) = all.into_iter().partition(|child| child.row.name == row.name);
        self.children = others;
        wanted
    }

    /// The only element of this row in it.
    pub(super) fn child_of(&mut self, row: &ElementRow) -> Option<Self> {
        self.children_of(row).into_iter().next()
    }

    fn take(&mut self, name: &str) -> Option<Setting<Literal>> {
        let place = self.row.attributes.iter().position(|attribute| attribute.name == name);
        debug_assert!(place.is_some(), "{} has no {name}", self.row.name);
        self.values.get_mut(place?)?.take()
    }
}

fn into_text(value: Literal) -> Arc<str> {
    match value {
        Literal::Text(text) => text.into(),
        Literal::Bool(_) | Literal::Number(_) => Arc::default(),
    }
}

fn into_number(value: Literal) -> u32 {
    match value {
        Literal::Number(number) => number,
        Literal::Text(_) | Literal::Bool(_) => 0,
    }
}

impl Setting<Literal> {
    /// An expression, kept as text.
    pub(super) fn later(text: &str, location: &Location) -> Self {
        let code = Code::default();
        Self::Expression(Expression { text: text.into(), location: location.clone(), code })
    }
}
