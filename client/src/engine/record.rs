//! What the engine tells of one request: the columns for its log line, and what each statement did.
//! Keys are told of requests that are traced, values never.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::limits;
use crate::outcome::{
    Cause, Lookup, LookupResult, Remove, RemoveResult, SkipReason, Store, StoreResult, StoreUsed,
};
use crate::policy::{Location, Section};

/// The log column `Cache`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CacheUse {
    /// Nothing was looked up, or what was could not be.
    #[default]
    None,
    /// It was looked up and not found.
    Miss,
    /// It was found.
    Hit,
}

impl CacheUse {
    /// `none`, `miss` or `hit`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Miss => "miss",
            Self::Hit => "hit",
        }
    }
}

/// What became of one request.
#[derive(Debug, Default)]
pub struct Record {
    /// The log column `Cache`: of response caching; of requests without it, of value lookups, where one
    /// hit makes a `hit`.
    pub cache: CacheUse,
    /// The log column `CacheTime`: the time spent with caches.
    pub cache_time: Duration,
    /// The time that the backend took until the head of its response was there.
    pub backend_time: Duration,
    /// What statements did, in their order; at most [`ENGINE_EVENTS_MAX`](limits::ENGINE_EVENTS_MAX).
    pub events: Vec<Event>,
    /// Whether more happened than is told.
    pub is_cut: bool,
    has_response_caching: bool,
}

/// What one statement did.
#[derive(Debug, Clone)]
pub struct Event {
    /// The statement.
    pub statement: Arc<str>,
    /// The section it ran in.
    pub section: Section,
    /// Where it stands in its document or fragment; none of what stands in none.
    pub location: Option<Location>,
    /// What it did.
    pub outcome: Outcome,
    /// The store that was used.
    pub store: Option<StoreUsed>,
    /// Why the cache could not be asked.
    pub cause: Option<Cause>,
    /// The time it took.
    pub took: Duration,
    /// The key, if the request is traced.
    pub key: Option<Arc<str>>,
}

/// What a statement did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The cache held it.
    Hit,
    /// The cache did not hold it; the variable stays as it is.
    Miss,
    /// The cache did not hold the response: the request goes to the backend.
    ResponseMiss,
    /// The cache did not hold it; the variable got the default.
    Default,
    /// The cache could not be asked.
    Unavailable,
    /// No store is configured for the caching type.
    NotConfigured,
    /// The cache has it now.
    Stored,
    /// It is on its way to the cache.
    Queued,
    /// It was not stored, on purpose.
    Skipped(SkipReason),
    /// Null is not stored: what the key held was removed.
    NullRemoved,
    /// It was removed.
    Removed,
    /// There was nothing to remove.
    Absent,
    /// `cache-value`: the entry is past its refresh, and was used.
    Stale,
    /// `cache-value`: the statements made a value.
    Made,
    /// `cache-value`: the statements made none.
    NotMade,
    /// `cache-value`: another request was making the value, which was waited for.
    Joined,
    /// A rate limit let the call through.
    Allowed {
        /// How many more fit.
        remaining: u32,
    },
    /// A rate limit did not.
    Refused {
        /// When the next one fits.
        retry_after: Duration,
    },
    /// A rate limit counted the call after its response.
    Counted(u32),
    /// Response caching did nothing: the word says why.
    NotCached(&'static str),
    /// The backend answered with this status.
    Forwarded(u16),
    /// It answered the request itself.
    Answered(u16),
    /// It ran.
    Ran,
    /// It had nothing to act on.
    NoEffect(&'static str),
    /// It failed; the reason is that of `context.LastError`.
    Failed(Arc<str>),
}

impl Record {
    pub(super) fn add(&mut self, event: Event) {
        if self.events.len() < limits::ENGINE_EVENTS_MAX {
            self.events.push(event);
        } else {
            self.is_cut = true;
        }
    }

    /// Notes a lookup of a value.
    pub(super) fn value_lookup(&mut self, is_hit: bool, took: Duration) {
        self.cache_time += took;
        if !self.has_response_caching && self.cache != CacheUse::Hit {
            self.cache = if is_hit { CacheUse::Hit } else { CacheUse::Miss };
        }
    }

    /// Notes a lookup of a response.
    pub(super) fn response_lookup(&mut self, is_hit: bool, took: Duration) {
        self.cache_time += took;
        self.has_response_caching = true;
        self.cache = if is_hit { CacheUse::Hit } else { CacheUse::Miss };
    }
}

impl From<&Lookup> for Outcome {
    fn from(lookup: &Lookup) -> Self {
        match &lookup.result {
            LookupResult::Hit(_) => Self::Hit,
            LookupResult::Miss => Self::Miss,
            LookupResult::Default(_) => Self::Default,
            LookupResult::Unavailable { .. } => Self::Unavailable,
            LookupResult::NotConfigured { .. } => Self::NotConfigured,
        }
    }
}

impl From<&Store> for Outcome {
    fn from(store: &Store) -> Self {
        match &store.result {
            StoreResult::Stored => Self::Stored,
            StoreResult::Queued => Self::Queued,
            StoreResult::Skipped(reason) => Self::Skipped(reason.clone()),
            StoreResult::Unavailable(_) => Self::Unavailable,
            StoreResult::NotConfigured => Self::NotConfigured,
        }
    }
}

impl From<&Remove> for Outcome {
    fn from(remove: &Remove) -> Self {
        match &remove.result {
            RemoveResult::Removed => Self::Removed,
            RemoveResult::Absent => Self::Absent,
            RemoveResult::Unavailable(_) => Self::Unavailable,
            RemoveResult::NotConfigured => Self::NotConfigured,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            Self::Hit => "hit",
            Self::Miss => "miss; the variable stays as it is",
            Self::ResponseMiss => "miss",
            Self::Default => "miss; the variable has the default",
            Self::Unavailable => "the cache could not be asked",
            Self::NotConfigured => "no store is configured",
            Self::Stored => "stored",
            Self::Queued => "on its way to the cache",
            Self::Skipped(reason) => return write!(f, "not stored: {reason}"),
            Self::NullRemoved => "null is not stored; the key holds nothing now",
            Self::Removed => "removed",
            Self::Absent => "there was nothing to remove",
            Self::Stale => "the value is past its refresh, and was used",
            Self::Made => "the statements made a value",
            Self::NotMade => "the statements made no value",
            Self::Joined => "another request made the value",
            Self::Allowed { remaining } => return write!(f, "let through, {remaining} left"),
            Self::Refused { retry_after } => {
                return write!(f, "refused for {} ms", retry_after.as_millis());
            }
            Self::Counted(count) => return write!(f, "counted as {count} after the response"),
            Self::NotCached(why) => return write!(f, "not cached: {why}"),
            Self::Forwarded(status) => return write!(f, "the backend answered {status}"),
            Self::Answered(status) => return write!(f, "answered {status}"),
            Self::Ran => "ran",
            Self::NoEffect(why) => return write!(f, "no effect: {why}"),
            Self::Failed(reason) => return write!(f, "failed: {reason}"),
        };
        f.write_str(word)
    }
}

/// One line: section, place, statement, what it did, store, cause, time, and the key of traced requests.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.section)?;
        if let Some(location) = &self.location {
            write!(f, ", {location}")?;
        }
        write!(f, ", {}: {}", self.statement, self.outcome)?;
        if let Some(store) = &self.store {
            write!(f, ", store {store}")?;
        }
        if let Some(cause) = &self.cause {
            write!(f, ", {cause}")?;
        }
        if !self.took.is_zero() {
            write!(f, ", {} us", self.took.as_micros())?;
        }
        match &self.key {
            Some(key) => write!(f, ", key {key:?}"),
            None => Ok(()),
        }
    }
}
