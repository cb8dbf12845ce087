//! What is wrong with a connection string, and where. The text never shows a value: it may be a
//! password.

use std::fmt;

/// A connection string that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionStringError {
    /// Byte position, from 0, of the part that is wrong.
    pub at: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What can be wrong with a connection string.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// Nothing but blanks.
    Empty,
    /// Options, but no host.
    NoEndpoint,
    /// An option that does not exist. Its name is not kept: it may be a key whose `password=` was
    /// left out.
    UnknownOption {
        /// An option spelled much like it.
        similar: Option<&'static str>,
    },
    /// An option with a value that it cannot have.
    Value {
        /// The option.
        option: &'static str,
        /// What it can have.
        expected: &'static str,
    },
    /// A host, port or path that is none.
    Endpoint {
        /// What was expected.
        expected: &'static str,
    },
    /// A `redis://` URL that is none.
    Url {
        /// What was expected.
        expected: &'static str,
    },
}

impl ConnectionStringError {
    pub(super) fn new(at: usize, problem: Problem) -> Self {
        Self { at, problem }
    }
}

impl fmt::Display for ConnectionStringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection string, byte {}: ", self.at)?;
        match &self.problem {
            Problem::Empty => f.write_str("it is empty; expected HOST:PORT,option=value,..."),
            Problem::NoEndpoint => f.write_str("no endpoint; expected HOST or HOST:PORT among the parts"),
            Problem::UnknownOption { similar: Some(name) } => {
                write!(f, "unknown option; did you mean `{name}`?")
            }
            Problem::UnknownOption { similar: None } => {
                f.write_str("unknown option (not shown, it may be a secret: is `password=` missing?)")
            }
            Problem::Value { option, expected } => write!(f, "`{option}` expects {expected}"),
            Problem::Endpoint { expected } | Problem::Url { expected } => write!(f, "expected {expected}"),
        }
    }
}

impl std::error::Error for ConnectionStringError {}
