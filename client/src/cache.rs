//! The cache as policies see it: three calls, each within its time budget, none of which fails.
//! Which store a call goes to is decided by configuration alone.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use larder_proto::envelope::Value;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span, field};

use crate::backend::Backend;
use crate::builder::CacheBuilder;
use crate::caching_type::CachingType;
use crate::guard::{Budget, Clock};
use crate::key::KeySpace;
use crate::limits;
use crate::metrics::{Event, Metrics};
use crate::outcome::{
    Cause, Lookup, LookupResult, Remove, RemoveResult, SkipReason, Store, StoreResult, StoreUsed,
};
use crate::report::StartupReport;

/// The caches of one service in one region. Cloning it is cheap and shares everything; when the last
/// clone is dropped the connections are closed.
#[derive(Clone)]
pub struct Cache {
    shared: Arc<Shared>,
}

struct Shared {
    parts: CacheParts,
    /// Stores that nobody waits for.
    background: TaskTracker,
    background_permits: Arc<Semaphore>,
}

/// What a cache is made of.
pub(crate) struct CacheParts {
    pub(crate) internal: Option<Arc<dyn Backend>>,
    pub(crate) external: Option<External>,
    pub(crate) keys: KeySpace,
    pub(crate) report: StartupReport,
    pub(crate) metrics: Metrics,
    pub(crate) time_budget: Duration,
    pub(crate) value_bytes_max: usize,
    pub(crate) store_mode: StoreMode,
    pub(crate) clock: Arc<dyn Clock>,
}

/// The external cache of this region.
pub(crate) struct External {
    pub(crate) backend: Arc<dyn Backend>,
    /// The entry's name.
    pub(crate) entry: Arc<str>,
}

/// Whether a store waits for the cache's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StoreMode {
    /// It does, within the time budget: a lookup after it finds the value.
    #[default]
    Wait,
    /// It does not: a lookup right after it may miss. At most
    /// [`BACKGROUND_STORES_MAX`](limits::BACKGROUND_STORES_MAX) are under way.
    Background,
}

impl Cache {
    /// Settings for a gateway in this region. Upper and lower case and blanks do not matter.
    pub fn builder(region: &str) -> CacheBuilder {
        CacheBuilder::new(region)
    }

    pub(crate) fn new(parts: CacheParts) -> Self {
        let background_permits = Arc::new(Semaphore::new(limits::BACKGROUND_STORES_MAX));
        Self { shared: Arc::new(Shared { parts, background: TaskTracker::new(), background_permits }) }
    }

    /// Looks a value up. On anything but a hit the default, if there is one, takes its place.
    ///
    /// What is stored without an envelope is a string if it is UTF-8, bytes if not.
    pub async fn lookup_value(&self, key: &str, caching_type: CachingType, default: Option<Value>) -> Lookup {
        let span = call_span("lookup", caching_type);
        async {
            let started = self.parts().clock.now();
            let (store, backend) = self.route(caching_type);
            let result = match backend {
                None => LookupResult::NotConfigured { default },
                Some(backend) => match self.get(&**backend, key).await {
                    Ok(Some(value)) => LookupResult::Hit(value),
                    Ok(None) => default.map_or(LookupResult::Miss, LookupResult::Default),
                    Err(cause) => LookupResult::Unavailable { cause, default },
                },
            };
            let lookup = Lookup { result, store, took: self.since(started) };
            self.note(Event::from(&lookup), &lookup.store, lookup.took, lookup.cause());
            lookup
        }
        .instrument(span)
        .await
    }

    /// Stores a value for `duration` seconds, in place of whatever the key held.
    ///
    /// More than 2,147,483,647 seconds are cut to it. With a duration of 0 or less the value is
    /// past its end already: it is not stored, and what the key held is removed. The same goes for a
    /// value that is too large.
    pub async fn store_value(
        &self,
        key: &str,
        value: &Value,
        duration: i64,
        caching_type: CachingType,
    ) -> Store {
        let span = call_span("store", caching_type);
        async {
            let started = self.parts().clock.now();
            let (store, backend) = self.route(caching_type);
            let result = match backend {
                None => StoreResult::NotConfigured,
                Some(backend) => match self.prepare(backend, key, value, duration) {
                    Ok(job) => self.run(job, &store).await,
                    Err(cause) => StoreResult::Unavailable(cause),
                },
            };
            let stored = Store { result, store, took: self.since(started) };
            let cause = match &stored.result {
                StoreResult::Unavailable(cause) => Some(cause),
                _ => None,
            };
            self.note(Event::from(&stored), &stored.store, stored.took, cause);
            stored
        }
        .instrument(span)
        .await
    }

    /// Removes a value. That there is none is no error.
    pub async fn remove_value(&self, key: &str, caching_type: CachingType) -> Remove {
        let span = call_span("remove", caching_type);
        async {
            let started = self.parts().clock.now();
            let (store, backend) = self.route(caching_type);
            let result = match backend {
                None => RemoveResult::NotConfigured,
                Some(backend) => match self.remove(&**backend, key).await {
                    Ok(true) => RemoveResult::Removed,
                    Ok(false) => RemoveResult::Absent,
                    Err(cause) => RemoveResult::Unavailable(cause),
                },
            };
            let removed = Remove { result, store, took: self.since(started) };
            let cause = match &removed.result {
                RemoveResult::Unavailable(cause) => Some(cause),
                _ => None,
            };
            self.note(Event::from(&removed), &removed.store, removed.took, cause);
            removed
        }
        .instrument(span)
        .await
    }

    /// Waits for a connection to the store of this caching type; false if the time is over before, or
    /// no store is configured. Nobody has to: calls wait a little by themselves, and miss.
    pub async fn connected(&self, caching_type: CachingType, limit: Duration) -> bool {
        match self.route(caching_type) {
            (_, Some(backend)) => backend.connected(Budget::start(limit)).await,
            (_, None) => false,
        }
    }

    /// What was resolved at the start, and why.
    #[must_use]
    pub fn report(&self) -> &StartupReport {
        &self.parts().report
    }

    /// The counters.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.parts().metrics
    }

    /// Waits for the stores that nobody waited for, for one time budget at most: every store that
    /// was under way has ended then. True if none is left; others may go on storing meanwhile.
    pub async fn flush(&self) -> bool {
        self.shared.background.close();
        let ended = self.budget().run(self.shared.background.wait()).await.is_some();
        self.shared.background.reopen();
        ended
    }

    fn parts(&self) -> &CacheParts {
        &self.shared.parts
    }

    /// The store of a caching type. Whether it can be reached does not matter: a switch to the other
    /// store would split the data.
    fn route(&self, caching_type: CachingType) -> (StoreUsed, Option<&Arc<dyn Backend>>) {
        let external = self.parts().external.as_ref();
        let external =
            external.map(|external| (StoreUsed::External(external.entry.clone()), &external.backend));
        let internal = || self.parts().internal.as_ref().map(|backend| (StoreUsed::Internal, backend));
        let route = match caching_type {
            CachingType::PreferExternal => external.or_else(internal),
            CachingType::External => external,
            CachingType::Internal => internal(),
        };
        route.map_or((StoreUsed::None, None), |(store, backend)| (store, Some(backend)))
    }

    async fn get(&self, backend: &dyn Backend, key: &str) -> Result<Option<Value>, Cause> {
        let (key, limit) = (self.key(key)?, self.parts().value_bytes_max);
        match backend.get(&key, self.budget()).await? {
            Some(stored) if stored.len() > limit => Err(Cause::TooLarge { bytes: stored.len(), limit }),
            Some(stored) => Value::decode(&stored).map(Some).map_err(Cause::Unreadable),
            None => Ok(None),
        }
    }

    async fn remove(&self, backend: &dyn Backend, key: &str) -> Result<bool, Cause> {
        backend.remove(&self.key(key)?, self.budget()).await
    }

    /// A store that is ready to go; its time runs from now on.
    fn prepare(
        &self,
        backend: &Arc<dyn Backend>,
        key: &str,
        value: &Value,
        duration: i64,
    ) -> Result<StoreJob, Cause> {
        let key = self.key(key)?.into_owned();
        let what = self.encode(value, duration);
        Ok(StoreJob { backend: backend.clone(), key, budget: self.budget(), what })
    }

    async fn run(&self, job: StoreJob, store: &StoreUsed) -> StoreResult {
        match self.parts().store_mode {
            StoreMode::Wait => job.run().await,
            StoreMode::Background => self.run_in_background(job, store),
        }
    }

    /// What is to be stored, or why it is not.
    fn encode(&self, value: &Value, duration: i64) -> Result<(Bytes, u32), SkipReason> {
        let seconds = duration.min(limits::DURATION_SECONDS_MAX);
        let seconds = u32::try_from(seconds).ok().filter(|seconds| *seconds > 0);
        let seconds = seconds.ok_or(SkipReason::AlreadyExpired)?;
        let limit = self.parts().value_bytes_max;
        // Looked at before it is copied: a value may be far beyond the limit.
        match value.encoded_bytes() {
            bytes if bytes > limit => Err(SkipReason::TooLarge { bytes, limit }),
            _ => Ok((Bytes::from(value.encode().map_err(SkipReason::NoEnvelope)?), seconds)),
        }
    }

    fn run_in_background(&self, job: StoreJob, store: &StoreUsed) -> StoreResult {
        let Ok(permit) = self.shared.background_permits.clone().try_acquire_owned() else {
            return StoreResult::Unavailable(Cause::Overloaded);
        };
        if let Err(reason) = &job.what {
            let skipped = StoreResult::Skipped(reason.clone());
            self.shared.background.spawn(async move { (job.run().await, permit) });
            return skipped;
        }
        let (cache, store) = (Arc::downgrade(&self.shared), store.clone());
        self.shared.background.spawn(async move {
            let result = job.run().await;
            drop(permit);
            // The call was counted as queued; what became of it is counted as well.
            if let (StoreResult::Unavailable(cause), Some(shared)) = (result, cache.upgrade()) {
                tracing::debug!(%store, %cause, "store in the background failed");
                shared.parts.metrics.count_only(Event::StoreUnavailable, &store);
            }
        });
        StoreResult::Queued
    }

    fn key<'a>(&self, key: &'a str) -> Result<std::borrow::Cow<'a, str>, Cause> {
        let key = self.parts().keys.key(key);
        if key.len() > limits::KEY_BYTES_MAX { Err(Cause::KeyTooLong) } else { Ok(key) }
    }

    fn budget(&self) -> Budget {
        Budget::start(self.parts().time_budget)
    }

    fn since(&self, started: Duration) -> Duration {
        self.parts().clock.now().saturating_sub(started)
    }

    /// Counts a call and completes its span.
    fn note(&self, event: Event, store: &StoreUsed, took: Duration, cause: Option<&Cause>) {
        self.parts().metrics.count(event, store, took);
        let span = Span::current();
        let (_, result) = event.labels();
        span.record("result", result).record("store", field::display(store));
        span.record("took_us", u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        if let Some(cause) = cause {
            span.record("cause", field::display(cause));
        }
    }
}

/// A store that is ready to go.
struct StoreJob {
    backend: Arc<dyn Backend>,
    key: String,
    budget: Budget,
    what: Result<(Bytes, u32), SkipReason>,
}

impl StoreJob {
    async fn run(&self) -> StoreResult {
        match &self.what {
            Ok((bytes, seconds)) => match self.backend.set(&self.key, bytes, *seconds, self.budget).await {
                Ok(()) => StoreResult::Stored,
                Err(cause) => StoreResult::Unavailable(cause),
            },
            // What the key held would be out of date: a store replaces.
            Err(reason) => match self.backend.remove(&self.key, self.budget).await {
                Ok(_) => StoreResult::Skipped(reason.clone()),
                Err(cause) => StoreResult::Unavailable(cause),
            },
        }
    }
}

/// The span of a call. Keys and values stay out of it: keys name people and tokens.
fn call_span(operation: &'static str, caching_type: CachingType) -> Span {
    tracing::debug_span!(
        "cache",
        operation,
        caching_type = caching_type.as_str(),
        store = field::Empty,
        result = field::Empty,
        took_us = field::Empty,
        cause = field::Empty,
    )
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("report", self.report()).finish_non_exhaustive()
    }
}
