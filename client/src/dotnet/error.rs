//! What a .NET member throws, as a value: which exception it is, and why in a sentence. Turning it
//! into an answer, or into `context.LastError`, is the caller's part.

use std::borrow::Cow;
use std::fmt;

/// An exception that .NET would throw. The text names rules and limits, never the value at hand: it
/// may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// Which exception.
    pub kind: ExceptionKind,
    /// Why, in a sentence without full stop.
    pub text: Cow<'static, str>,
}

/// Which exception of .NET.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExceptionKind {
    /// `System.Exception`: what expressions throw themselves.
    Any,
    /// `System.ArgumentException`
    Argument,
    /// `System.ArgumentNullException`
    ArgumentNull,
    /// `System.ArgumentOutOfRangeException`
    ArgumentOutOfRange,
    /// `System.ArithmeticException`
    Arithmetic,
    /// `System.DivideByZeroException`
    DivideByZero,
    /// `System.FormatException`
    Format,
    /// `System.IndexOutOfRangeException`
    IndexOutOfRange,
    /// `System.InvalidCastException`
    InvalidCast,
    /// `System.InvalidOperationException`
    InvalidOperation,
    /// `Newtonsoft.Json.JsonReaderException`
    JsonReader,
    /// `System.Collections.Generic.KeyNotFoundException`
    KeyNotFound,
    /// `System.NotSupportedException`: valid in .NET, and not available here.
    NotSupported,
    /// `System.NullReferenceException`
    NullReference,
    /// `System.OutOfMemoryException`: a limit of this program, named by the text.
    OutOfMemory,
    /// `System.OverflowException`
    Overflow,
    /// `System.Text.RegularExpressions.RegexParseException`
    RegexParse,
    /// `System.UriFormatException`
    UriFormat,
    /// `System.TimeoutException`: a limit of steps, depth or time, named by the text.
    Timeout,
}

impl Exception {
    /// An exception of a kind, for a reason.
    pub fn new(kind: ExceptionKind, text: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, text: text.into() }
    }

    pub(crate) fn format(text: &'static str) -> Self {
        Self::new(ExceptionKind::Format, text)
    }

    pub(crate) fn overflow(text: &'static str) -> Self {
        Self::new(ExceptionKind::Overflow, text)
    }

    pub(crate) fn range(text: &'static str) -> Self {
        Self::new(ExceptionKind::ArgumentOutOfRange, text)
    }

    pub(crate) fn argument(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ExceptionKind::Argument, text)
    }

    pub(crate) fn unsupported(text: &'static str) -> Self {
        Self::new(ExceptionKind::NotSupported, text)
    }

    pub(crate) fn memory(text: &'static str) -> Self {
        Self::new(ExceptionKind::OutOfMemory, text)
    }
}

impl ExceptionKind {
    /// The name of the class, without its namespace.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "Exception",
            Self::Argument => "ArgumentException",
            Self::ArgumentNull => "ArgumentNullException",
            Self::ArgumentOutOfRange => "ArgumentOutOfRangeException",
            Self::Arithmetic => "ArithmeticException",
            Self::DivideByZero => "DivideByZeroException",
            Self::Format => "FormatException",
            Self::IndexOutOfRange => "IndexOutOfRangeException",
            Self::InvalidCast => "InvalidCastException",
            Self::InvalidOperation => "InvalidOperationException",
            Self::JsonReader => "JsonReaderException",
            Self::KeyNotFound => "KeyNotFoundException",
            Self::NotSupported => "NotSupportedException",
            Self::NullReference => "NullReferenceException",
            Self::OutOfMemory => "OutOfMemoryException",
            Self::Overflow => "OverflowException",
            Self::RegexParse => "RegexParseException",
            Self::UriFormat => "UriFormatException",
            Self::Timeout => "TimeoutException",
        }
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.text)
    }
}

impl std::error::Error for Exception {}
