//! What is wrong with a policy, or doubtful: one problem and its text. No text shows a named value.

use std::fmt;

use super::position::Location;
use super::section::Section;
use super::source::Source;

/// One error or warning.
///
/// Displayed it is one line; `{:#}` adds the line of the policy and a caret under the place:
///
/// ```text
/// error: line 4, column 28, outbound, cache-store, attribute duration: found "one hour", expected a whole number of seconds, 0 to 2147483647
///     <cache-store duration="one hour" />
///                            ^
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind of problem it is.
    pub kind: ProblemKind,
    /// Where.
    pub location: Location,
    /// The section, where one is known.
    pub section: Option<Section>,
    /// The statement or element.
    pub statement: Option<String>,
    /// The attribute.
    pub attribute: Option<String>,
    /// What stands there, as written.
    pub found: String,
    /// What would be right.
    pub expected: String,
    /// What is wrong, where that is no matter of found and expected.
    pub reason: Option<String>,
    line: String,
    caret: usize,
}

impl Problem {
    /// A problem at a place whose line is shown with it.
    pub(super) fn new(kind: ProblemKind, source: &Source, location: Location) -> Self {
        let (line, caret) = source.line(location.position);
        let (section, statement, attribute) = (None, None, None);
        let (found, expected, reason) = (String::new(), String::new(), None);
        Self { kind, location, section, statement, attribute, found, expected, reason, line, caret }
    }

    pub(super) fn of(mut self, statement: impl Into<String>) -> Self {
        self.statement = Some(statement.into());
        self
    }

    pub(super) fn attribute(mut self, attribute: impl Into<String>) -> Self {
        self.attribute = Some(attribute.into());
        self
    }

    pub(super) fn section(mut self, section: Option<Section>) -> Self {
        self.section = section;
        self
    }

    pub(super) fn found(mut self, found: impl Into<String>) -> Self {
        self.found = found.into();
        self
    }

    pub(super) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = expected.into();
        self
    }

    pub(super) fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Whether the policy cannot be used with it.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.kind.is_error()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", if self.is_error() { "error" } else { "warning" }, self.location)?;
        if let Some(section) = self.section {
            write!(f, ", {section}")?;
        }
        if let Some(statement) = &self.statement {
            write!(f, ", {statement}")?;
        }
        if let Some(attribute) = &self.attribute {
            write!(f, ", attribute {attribute}")?;
        }
        match &self.reason {
            Some(reason) => write!(f, ": {reason}")?,
            None => write!(f, ": found {}, expected {}", self.found, self.expected)?,
        }
        if f.alternate() {
            write!(f, "\n    {}\n    {}^", self.line, " ".repeat(self.caret))?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

/// The kinds of problems. Those after [`OncePerSection`](Self::OncePerSection), and it, are warnings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ProblemKind {
    /// Longer, deeper or more than the limits allow.
    Limit,
    /// Not XML: a name, quote, sign or bracket is missing.
    Markup,
    /// A document type declaration; none is read.
    DocumentType,
    /// An `&` that begins no known reference.
    Reference,
    /// An expression without an end, with text after it, or that C# would refuse.
    Expression,
    /// A tag that closes nothing, or is not closed.
    Tag,
    /// An attribute twice.
    DuplicateAttribute,
    /// A `{{name}}` without a value.
    UnknownName,
    /// Another root element.
    Root,
    /// An unknown section, or one twice.
    Section,
    /// Text where none may be, or none where some must be.
    Text,
    /// An attribute that the statement does not have.
    UnknownAttribute,
    /// A required attribute is missing.
    MissingAttribute,
    /// A value of another type, none of the words, or out of range.
    Value,
    /// An expression where none is evaluated.
    ExpressionNotAllowed,
    /// An element that the statement does not have, or too many of it.
    UnknownElement,
    /// A required element is missing.
    MissingElement,
    /// A statement in a section where it may not stand.
    WrongSection,
    /// `<base />` in a fragment.
    BaseInFragment,
    /// A fragment that is not there.
    UnknownFragment,
    /// A fragment that includes itself.
    FragmentCycle,
    /// A statement that nobody would run: it is none of ours, and the gateway does not know it.
    UnknownStatement,
    /// Something that can be read, and not run.
    Unsupported,

    /// Twice in a section. The manual forbids it, published policies do it.
    OncePerSection,
    /// In a fragment. The manual forbids it, published policies do it.
    InFragment,
    /// An attribute said to be required is missing; its default is taken.
    TakenAsDefault,
    /// `cache-store` without `cache-lookup`: nothing will be stored.
    StoreWithoutLookup,
    /// `cache-lookup` without `cache-store`: nothing will be found.
    LookupWithoutStore,
    /// A lookup and no rate limit: without the cache every request goes to the backend.
    NoRateLimit,
    /// The statement belongs to others, but is spelled much like one of ours.
    SimilarName,
    /// Text with an expression in it: all of it is text.
    ExpressionInText,
    /// `<base />` within a statement.
    BaseNested,
    /// A `{{name}}` without a value, in a comment.
    UnknownNameInComment,
}

impl ProblemKind {
    /// Whether a policy with such a problem cannot be used.
    #[must_use]
    pub fn is_error(self) -> bool {
        self < Self::OncePerSection
    }
}
