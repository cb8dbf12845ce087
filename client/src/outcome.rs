//! What became of a call: the result, why, which store, how long. No result is an error: a policy
//! goes on in every case.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use larder_proto::envelope::{EnvelopeError, Value};

/// Which store a call went to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum StoreUsed {
    /// No store is configured for the caching type.
    None,
    /// The regional cluster.
    Internal,
    /// The external cache of this entry: `Default` or a region's name.
    External(Arc<str>),
}

impl StoreUsed {
    /// `none`, `internal` or `external`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Internal => "internal",
            Self::External(_) => "external",
        }
    }
}

impl fmt::Display for StoreUsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::External(entry) => write!(f, "external:{entry}"),
            other => f.write_str(other.kind()),
        }
    }
}

/// Why a cache did not do what it was asked. Nothing in it tells a value or a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The connection is still being made. State unchanged.
    Connecting,
    /// There is no connection, or it ended under the call; the text says why. A store or removal
    /// that was under way may or may not have happened.
    Unreachable(Arc<str>),
    /// No answer within the time budget. A store or removal may or may not have happened.
    TimedOut,
    /// Too many calls are under way. State unchanged.
    Overloaded,
    /// The server answered with this error code, `WRONGTYPE` or `OOM` for example. State unchanged.
    Refused(Arc<str>),
    /// The connection string disables the command. State unchanged.
    CommandDisabled,
    /// The server answered something else than the protocol says.
    Protocol,
    /// What the key holds begins like an envelope and is none. It stays there.
    Unreadable(EnvelopeError),
    /// What the key holds is larger than the builder's
    /// [`value_bytes_max`](crate::CacheBuilder::value_bytes_max). It stays there.
    TooLarge {
        /// Its size in the cache, in bytes.
        bytes: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The key is longer than [`limits::KEY_BYTES_MAX`](crate::limits::KEY_BYTES_MAX). State unchanged.
    KeyTooLong,
}

impl Cause {
    /// Whether it lies with the server or the way to it, so that another store could do better.
    pub(crate) fn is_outage(&self) -> bool {
        match self {
            Self::Connecting | Self::Unreachable(_) | Self::TimedOut | Self::Overloaded | Self::Protocol => {
                true
            }
            // It is about the key.
            Self::Refused(code) => &**code != "WRONGTYPE",
            Self::CommandDisabled | Self::Unreadable(_) | Self::TooLarge { .. } | Self::KeyTooLong => false,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting => f.write_str("still connecting to the cache"),
            Self::Unreachable(why) => write!(f, "the cache cannot be reached: {why}"),
            Self::TimedOut => f.write_str("the cache did not answer in time"),
            Self::Overloaded => f.write_str("too many cache calls are under way"),
            Self::Refused(code) => write!(f, "the cache answered {code}"),
            Self::CommandDisabled => f.write_str("the connection string disables the command"),
            Self::Protocol => f.write_str("the cache's answer makes no sense"),
            Self::Unreadable(error) => write!(f, "the stored value cannot be read: {error}"),
            Self::TooLarge { bytes, limit } => {
                write!(f, "the stored value has {bytes} bytes, {limit} are allowed")
            }
            Self::KeyTooLong => f.write_str("the key is too long"),
        }
    }
}

/// What became of a lookup.
#[derive(Debug, Clone, PartialEq)]
pub struct Lookup {
    /// The result.
    pub result: LookupResult,
    /// The store that was asked.
    pub store: StoreUsed,
    /// The time it took.
    pub took: Duration,
}

/// The result of a lookup.
#[derive(Debug, Clone, PartialEq)]
pub enum LookupResult {
    /// The key holds this value.
    Hit(Value),
    /// The key holds nothing, and there is no default.
    Miss,
    /// The key holds nothing; this is the default.
    Default(Value),
    /// The cache could not be asked, or holds what cannot be used: a miss with a cause.
    Unavailable {
        /// Why.
        cause: Cause,
        /// The default, if there is one.
        default: Option<Value>,
    },
    /// No store is configured for the caching type: a miss.
    NotConfigured {
        /// The default, if there is one.
        default: Option<Value>,
    },
}

impl Lookup {
    /// The value that a policy's variable gets; none if it is not set.
    #[must_use]
    pub fn value(&self) -> Option<&Value> {
        match &self.result {
            LookupResult::Hit(value) | LookupResult::Default(value) => Some(value),
            LookupResult::Miss => None,
            LookupResult::Unavailable { default, .. } | LookupResult::NotConfigured { default } => {
                default.as_ref()
            }
        }
    }

    /// The value, without copying it.
    #[must_use]
    pub fn into_value(self) -> Option<Value> {
        match self.result {
            LookupResult::Hit(value) | LookupResult::Default(value) => Some(value),
            LookupResult::Miss => None,
            LookupResult::Unavailable { default, .. } | LookupResult::NotConfigured { default } => default,
        }
    }

    /// Whether the key held the value.
    #[must_use]
    pub fn is_hit(&self) -> bool {
        matches!(self.result, LookupResult::Hit(_))
    }

    /// Why the cache could not be asked, if it could not.
    #[must_use]
    pub fn cause(&self) -> Option<&Cause> {
        match &self.result {
            LookupResult::Unavailable { cause, .. } => Some(cause),
            _ => None,
        }
    }
}

/// What became of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// The result.
    pub result: StoreResult,
    /// The store that was asked.
    pub store: StoreUsed,
    /// The time it took.
    pub took: Duration,
}

/// The result of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreResult {
    /// The cache has the value.
    Stored,
    /// The value is on its way; nobody waits for it.
    Queued,
    /// Nothing was stored, on purpose. Whatever the key held was removed, for it is out of date.
    Skipped(SkipReason),
    /// The cache could not be asked.
    Unavailable(Cause),
    /// No store is configured for the caching type.
    NotConfigured,
}

/// Why nothing was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkipReason {
    /// The value is larger than allowed.
    TooLarge {
        /// Its size in the cache, in bytes.
        bytes: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The duration is 0 or less: the value is past its end already.
    AlreadyExpired,
    /// The value has no envelope: a part of it is too long.
    NoEnvelope(EnvelopeError),
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes, limit } => write!(f, "the value has {bytes} bytes, {limit} are allowed"),
            Self::AlreadyExpired => f.write_str("the duration is not positive"),
            Self::NoEnvelope(error) => write!(f, "the value cannot be stored: {error}"),
        }
    }
}

/// What became of a removal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remove {
    /// The result.
    pub result: RemoveResult,
    /// The store that was asked.
    pub store: StoreUsed,
    /// The time it took.
    pub took: Duration,
}

/// The result of a removal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoveResult {
    /// The key held a value and does no more.
    Removed,
    /// The key held nothing.
    Absent,
    /// The cache could not be asked.
    Unavailable(Cause),
    /// No store is configured for the caching type.
    NotConfigured,
}
