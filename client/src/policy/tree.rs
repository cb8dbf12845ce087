//! A policy as elements, attributes and text, with their places. What they mean is left to the rows.

use std::ops::Range;

use super::position::Location;
use super::setting::Code;

/// An element with all that stands in it. Comments, processing instructions and blank text are left out.
///
/// `Debug` shows named values that were put in: not for logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// Its name, with the prefix if it has one.
    pub name: String,
    /// Where its `<` stands.
    pub location: Location,
    /// Its attributes in their order.
    pub attributes: Vec<Attribute>,
    /// What stands in it, in its order.
    pub children: Vec<Node>,
    /// Its name, in the text that is read.
    pub(super) name_span: Range<usize>,
    /// What stands between its tags, in the text that is read.
    pub(super) inner: Range<usize>,
    /// Something in it could not be read, which has been reported: what seems to be missing may not be.
    pub(super) is_broken: bool,
}

impl Element {
    /// The value of an attribute.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Value> {
        self.attributes.iter().find(|attribute| attribute.name == name).map(|attribute| &attribute.value)
    }

    /// The elements in it.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|child| match child {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The first text in it.
    #[must_use]
    pub fn text(&self) -> Option<&Value> {
        self.children.iter().find_map(|child| match child {
            Node::Text(text) => Some(text),
            Node::Element(_) => None,
        })
    }
}

/// An attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its name, with the prefix if it has one.
    pub name: String,
    /// Where the name stands.
    pub location: Location,
    /// Its value.
    pub value: Value,
    pub(super) name_span: Range<usize>,
}

/// What stands in an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// Another element.
    Element(Element),
    /// Text that is not blank.
    Text(Value),
}

/// The value of an attribute, or a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The text, its references (`&lt;`) replaced. Of an expression: from its `@` to its last bracket.
    pub text: String,
    /// What it is.
    pub form: Form,
    /// Where the text begins; of an expression, where its `@` stands.
    pub location: Location,
    /// The same, in the text that is read.
    pub(super) span: Range<usize>,
    /// What evaluates it: an expression in a statement that the gateway knows.
    pub(crate) code: Code,
}

/// Whether a value is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// It is what it says.
    Literal,
    /// It is one expression, with nothing but blanks around it.
    Expression,
    /// There is an expression in it, and more. Nothing evaluates it.
    Mixed,
}
