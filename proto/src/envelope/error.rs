//! Why an envelope cannot be read or written. The texts name sizes and types, never a value.

use std::fmt;

/// An envelope that cannot be read, or a value that cannot be written as one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// Written by a version of the layout that this code does not know.
    UnknownVersion(u8),
    /// A type tag that this code does not know.
    UnknownType(u8),
    /// Fewer bytes than the header or a length in it says.
    Truncated {
        /// Bytes needed.
        expected: usize,
        /// Bytes there are.
        have: usize,
    },
    /// More bytes than the header or the type says.
    TrailingBytes {
        /// How many too many.
        extra: usize,
    },
    /// The payload breaks a rule of its type; the text says which.
    Invalid(&'static str),
    /// A part is longer than its length field can say.
    TooLong {
        /// Which part.
        part: &'static str,
        /// Its length in bytes, or the number of headers.
        length: usize,
    },
}

impl fmt::Display for EnvelopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownVersion(version) => {
                write!(f, "envelope version {version} is unknown (this code reads {})", super::VERSION)
            }
            Self::UnknownType(tag) => write!(f, "envelope type {tag} is unknown"),
            Self::Truncated { expected, have } => {
                write!(f, "envelope is cut short: {have} bytes where {expected} are needed")
            }
            Self::TrailingBytes { extra } => write!(f, "envelope has {extra} bytes too many"),
            Self::Invalid(rule) => write!(f, "envelope payload is wrong: {rule}"),
            Self::TooLong { part, length } => {
                write!(f, "{part} is too long for an envelope: {length}")
            }
        }
    }
}

impl std::error::Error for EnvelopeError {}
