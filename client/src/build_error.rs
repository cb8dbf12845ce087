//! Why a cache cannot be made. After this nothing is an error.

use std::fmt;

use crate::external::{ConnectionStringError, ExternalError};
use crate::link::TlsError;

/// Why a cache cannot be made from its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// There is no tokio runtime around the caller.
    NoRuntime,
    /// A region's name is empty, or looks like a connection string.
    Region,
    /// The service's name cannot be a key's prefix.
    Service,
    /// The time budget is zero or beyond a minute.
    TimeBudget,
    /// The size limit is zero or beyond 512 MiB.
    ValueBytesMax,
    /// The internal endpoints cannot be read.
    Internal(ConnectionStringError),
    /// The external entries cannot be used.
    External(ExternalError),
    /// The file of external entries cannot be used; the text says why.
    ExternalFile(String),
    /// The internal cluster is to be watched for external entries, and none is configured.
    NothingToWatch,
    /// TLS cannot be set up.
    Tls(TlsError),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRuntime => f.write_str("a cache must be built within a tokio runtime"),
            Self::Region => f.write_str("a region must have a name, without `=` and `://`"),
            Self::Service => f.write_str("a service's name has 1 to 64 of a-z A-Z 0-9 . _ -"),
            Self::TimeBudget => f.write_str("the time budget must lie above 0 and be at most 60 s"),
            Self::ValueBytesMax => f.write_str("the size limit must lie above 0 and be at most 512 MiB"),
            Self::Internal(error) => write!(f, "internal cache: {error}"),
            Self::External(error) => write!(f, "{error}"),
            Self::ExternalFile(why) => f.write_str(why),
            Self::NothingToWatch => f.write_str("no internal cluster is configured that could be watched"),
            Self::Tls(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for BuildError {}
