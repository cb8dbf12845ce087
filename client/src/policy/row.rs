//! What a row says of a statement: where it may stand, its attributes, what may stand in it.

use std::borrow::Cow;

use super::parts::Parts;
use super::section::Sections;
use super::statement::Statement;

/// One statement. Reading, checks and the manual's table are made of it.
#[derive(Debug)]
pub struct Row {
    /// The element itself.
    pub element: ElementRow,
    /// The sections where it may stand.
    pub sections: Sections,
    /// What published policies do although the manual says otherwise, and other warnings.
    pub flags: Flags,
    /// What the manual says besides.
    pub note: &'static str,
    /// One as a policy may have it, for the manual.
    pub example: &'static str,
    /// Makes the statement of an element without errors.
    pub(super) build: fn(Parts) -> Statement,
}

/// An element of a statement: the outermost, or one in it.
#[derive(Debug)]
pub struct ElementRow {
    /// Its name.
    pub name: &'static str,
    /// Its attributes. Every statement may have an `id` besides, which names it in errors.
    pub attributes: &'static [AttributeRow],
    /// What stands in it.
    pub content: Content,
}

/// One attribute.
#[derive(Debug, Clone, Copy)]
pub struct AttributeRow {
    /// Its name.
    pub name: &'static str,
    /// What it can be.
    pub kind: Kind,
    /// Whether it must be there.
    pub presence: Presence,
    /// Whether an expression may stand for it.
    pub expression: bool,
}

/// Whether an attribute must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It must.
    Required,
    /// It need not, and nothing stands for it.
    Optional,
    /// It need not, and this stands for it.
    Default(&'static str),
    /// The manual says that it must, and yet names this default, which is taken with a warning.
    Expected(&'static str),
}

impl Presence {
    /// What stands for it when it is absent.
    #[must_use]
    pub fn default(self) -> Option<&'static str> {
        match self {
            Self::Default(text) | Self::Expected(text) => Some(text),
            Self::Required | Self::Optional => None,
        }
    }
}

/// What a value can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text that is not empty.
    Text,
    /// Any text, also none.
    Any,
    /// `true` or `false`, in any case.
    Bool,
    /// Whole seconds up to this many.
    Seconds(u32),
    /// A whole number from the first to the second.
    Number(u32, u32),
    /// One of these words.
    OneOf(&'static [&'static str]),
}

/// A value of one of the kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Literal {
    Text(String),
    Bool(bool),
    Number(u32),
}

impl Kind {
    /// Reads a value; nothing if it is none of this kind.
    pub(super) fn read(self, text: &str) -> Option<Literal> {
        let number = |least, most| {
            let number = text.trim().parse::<u32>().ok()?;
            (least..=most).contains(&number).then_some(Literal::Number(number))
        };
        match self {
            Self::Any => Some(Literal::Text(text.to_owned())),
            Self::Text => (!text.trim().is_empty()).then(|| Literal::Text(text.to_owned())),
            Self::Bool if text.trim().eq_ignore_ascii_case("true") => Some(Literal::Bool(true)),
            Self::Bool => text.trim().eq_ignore_ascii_case("false").then_some(Literal::Bool(false)),
            Self::Seconds(most) => number(0, most),
            Self::Number(least, most) => number(least, most),
            Self::OneOf(words) => words.contains(&text).then(|| Literal::Text(text.to_owned())),
        }
    }

    /// A number of this kind, if it lies in its range.
    pub(crate) fn number(self, number: i64) -> Option<u32> {
        let (least, most) = match self {
            Self::Seconds(most) => (0, most),
            Self::Number(least, most) => (least, most),
            Self::Text | Self::Any | Self::Bool | Self::OneOf(_) => return None,
        };
        u32::try_from(number).ok().filter(|number| (least..=most).contains(number))
    }

    /// What is expected, for errors.
    #[must_use]
    pub fn expected(self) -> Cow<'static, str> {
        match self {
            Self::Text => "text that is not empty".into(),
            Self::Any => "text".into(),
            Self::Bool => "true or false".into(),
            Self::Seconds(most) => format!("a whole number of seconds, 0 to {most}").into(),
            Self::Number(least, most) => format!("a whole number, {least} to {most}").into(),
            Self::OneOf(words) => words.join(", ").into(),
        }
    }
}

/// What stands in an element.
#[derive(Debug, Clone, Copy)]
pub enum Content {
    /// Nothing.
    Nothing,
    /// Text.
    Text {
        /// What it can be.
        kind: Kind,
        /// Whether an expression may stand for it.
        expression: bool,
    },
    /// Anything, taken as it is written; also an expression, also nothing.
    Body,
    /// Elements of these.
    Elements(&'static [Child]),
    /// Statements.
    Steps,
}

/// An element in an element.
#[derive(Debug, Clone, Copy)]
pub struct Child {
    /// Which.
    pub element: &'static ElementRow,
    /// How many at least.
    pub least: usize,
    /// How many at most.
    pub most: usize,
}

/// What is worth a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(u8);

impl Flags {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Twice in a section.
    pub const ONCE_PER_SECTION: Self = Self(1);
    /// In a fragment.
    pub const NOT_IN_FRAGMENT: Self = Self(2);
    /// Without a rate limit in the policy, should the cache be away.
    pub const WANTS_RATE_LIMIT: Self = Self(4);
    /// This is a rate limit.
    pub const RATE_LIMIT: Self = Self(8);
    /// It looks responses up.
    pub const RESPONSE_LOOKUP: Self = Self(16);
    /// It stores responses.
    pub const RESPONSE_STORE: Self = Self(32);
    /// Within another statement, and, as an error, in a fragment.
    pub const SECTION_ONLY: Self = Self(64);

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of the other's are among them.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}
