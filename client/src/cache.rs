//! The cache as policies see it: three calls, each within its time budget, none of which fails.
//! Which store a call goes to is decided by configuration alone.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use larder_proto::envelope::Value;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::DropGuard;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span, field};

use crate::backend::Backend;
use crate::build_error::BuildError;
use crate::builder::CacheBuilder;
use crate::caching_type::CachingType;
use crate::external::{EntrySource, ExternalEntry, read_all};
use crate::guard::{Budget, Clock};
use crate::internal::Heard;
use crate::key::KeySpace;
use crate::limits;
use crate::link::ReplyLimit;
use crate::metrics::{Event, Metrics};
use crate::outcome::{Cause, Lookup, LookupResult, Remove, RemoveResult, Store, StoreResult, StoreUsed};
use crate::rate::LocalLimits;
use crate::report::StartupReport;
use crate::switch::{Change, Changes, Routes};
use crate::target::Target;
use crate::under_way::UnderWay;

/// The caches of one service in one region. Cloning it is cheap and shares everything; when the last
/// clone is dropped the connections are closed.
#[derive(Clone)]
pub struct Cache {
    shared: Arc<Shared>,
    /// Set in the handle that response caching uses.
    responses: Option<ResponseUse>,
}

/// How response caching uses the stores: with keys of its own, entries of another size, and stores
/// that it puts into the background itself.
#[derive(Clone, Copy)]
struct ResponseUse {
    value_bytes_max: usize,
}

pub(crate) struct Shared {
    parts: CacheParts,
    /// Stores that nobody waits for.
    pub(crate) background: TaskTracker,
    pub(crate) under_way: Arc<UnderWay>,
    pub(crate) background_permits: Arc<Semaphore>,
    /// Rate limits that no store counts.
    local_limits: LocalLimits,
}

/// What a cache is made of.
pub(crate) struct CacheParts {
    pub(crate) internal: Option<Arc<dyn Backend>>,
    /// Where calls go; written by the switcher.
    pub(crate) routes: Arc<ArcSwap<Routes>>,
    pub(crate) changes: Changes,
    /// What the watched cluster has said; none if none is watched.
    pub(crate) cluster_heard: Option<watch::Receiver<Heard>>,
    /// Ends the tasks beside the calls.
    pub(crate) _stop: DropGuard,
    pub(crate) keys: KeySpace,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) time_budget: Duration,
    pub(crate) value_bytes_max: usize,
    pub(crate) reply_limit: ReplyLimit,
    pub(crate) store_mode: StoreMode,
    /// Whether calls that prefer the external cache turn to the internal one when it fails.
    pub(crate) failover: bool,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Whether a store waits for the cache's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StoreMode {
    /// It does, within the time budget: a lookup after it finds the value.
    #[default]
    Wait,
    /// It does not. A lookup of this [`Cache`] or a clone of it gives the value that is under way, and
    /// nothing while a removal is; another gateway's may miss. Writes of one key happen in the order of
    /// their calls; of several that wait only the last is made. A store that fails in the end is counted,
    /// and lookups miss from then on.
    ///
    /// At most [`BACKGROUND_STORES_MAX`](limits::BACKGROUND_STORES_MAX) keys are under way; a store beyond is
    /// [`Cause::Overloaded`].
    Background,
}

impl Cache {
    /// Settings for a gateway in this region. Upper and lower case and blanks do not matter.
    pub fn builder(region: &str) -> CacheBuilder {
        CacheBuilder::new(region)
    }

    pub(crate) fn new(parts: CacheParts) -> Self {
        let background_permits = Arc::new(Semaphore::new(limits::BACKGROUND_STORES_MAX));
        let shared = Shared {
            parts,
            background: TaskTracker::new(),
            under_way: Arc::default(),
            background_permits,
            local_limits: LocalLimits::default(),
        };
        Self { shared: Arc::new(shared), responses: None }
    }

    /// The same cache for response entries: their keys never meet those of values, an entry may have
    /// `entry_bytes_max` bytes, and a store is waited for.
    pub(crate) fn for_responses(&self, entry_bytes_max: usize) -> Self {
        self.parts().reply_limit.raise(entry_bytes_max);
        let responses = Some(ResponseUse { value_bytes_max: entry_bytes_max });
        Self { shared: self.shared.clone(), responses }
    }

    /// Looks a value up. On anything but a hit the default, if there is one, takes its place.
    ///
    /// What is stored without an envelope is a string if it is UTF-8, bytes if not.
    pub async fn lookup_value(&self, key: &str, caching_type: CachingType, default: Option<Value>) -> Lookup {
        let span = call_span("lookup", caching_type);
        async {
            let started = self.parts().clock.now();
            let (result, store) = match self.target(caching_type) {
                None => (LookupResult::NotConfigured { default }, StoreUsed::None),
                Some(mut target) => {
                    let result = match self.get(&mut target, key).await {
                        Ok(Some(value)) => LookupResult::Hit(value),
                        Ok(None) => default.map_or(LookupResult::Miss, LookupResult::Default),
                        Err(cause) => LookupResult::Unavailable { cause, default },
                    };
                    (result, target.store)
                }
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
            let (result, store) = match self.target(caching_type) {
                None => (StoreResult::NotConfigured, StoreUsed::None),
                Some(target) => self.store(target, key, value, duration).await,
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
            let (result, store) = match self.target(caching_type) {
                None => (RemoveResult::NotConfigured, StoreUsed::None),
                Some(target) => self.remove(target, key).await,
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

    /// Waits until the external entries of the cluster are in force, if they are
    /// [watched](CacheBuilder::watch_external); true at once if not. False if the cluster has said nothing in this
    /// time, or that it does not tell. Until it is true, calls may go to another store than they will later, so a gateway
    /// that has just been started lets nobody in before.
    pub async fn external_known(&self, limit: Duration) -> bool {
        let Some(mut heard) = self.parts().cluster_heard.clone() else { return true };
        let answer = heard.wait_for(|heard| *heard != Heard::Nothing);
        let known = Budget::start(limit).run(answer).await;
        let known = known.and_then(Result::ok).map_or(Heard::Nothing, |heard| *heard);
        if known == Heard::Nothing {
            tracing::warn!(
                "the cluster has not said in time which external caches it knows: calls go where the other entries say"
            );
        }
        known == Heard::List
    }

    /// Which external entry applies now, and why: a snapshot.
    #[must_use]
    pub fn report(&self) -> Arc<StartupReport> {
        self.parts().routes.load().report.clone()
    }

    /// Replaces the external entries of the builder, all at once, while calls run; it returns when the
    /// change is in force.
    ///
    /// Calls under way end on the old connection, later ones go to the new one. If another cache comes
    /// into use, calls stay with the old one until the new one is connected, for
    /// [`EXTERNAL_SWITCH_PATIENCE`](limits::EXTERNAL_SWITCH_PATIENCE) at most: no call fails because of
    /// the switch unless the new cache is down. An entry whose connection string stays the same keeps its
    /// connection. Entries of the file and of the cluster, for the same location, go before these.
    ///
    /// # Errors
    ///
    /// An entry that cannot be used. Everything is as before then.
    pub async fn set_external(&self, entries: Vec<ExternalEntry>) -> Result<(), BuildError> {
        let entries = read_all(&entries).map_err(BuildError::External)?;
        let change = Change::Entries(EntrySource::Settings, entries);
        // The switcher lives as long as this cache.
        let applied = self.parts().changes.send(change).await;
        applied.unwrap_or(Ok(())).map_err(BuildError::Tls)
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

    pub(crate) fn local_limits(&self) -> &LocalLimits {
        &self.shared.local_limits
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(crate) fn parts(&self) -> &CacheParts {
        &self.shared.parts
    }

    /// The store of a caching type. Whether it can be reached does not matter: a switch to the other
    /// store would split the data. Who opts in to that gets it in `target`.
    pub(crate) fn route(&self, caching_type: CachingType) -> (StoreUsed, Option<Arc<dyn Backend>>) {
        let routes = self.parts().routes.load();
        let external = routes.external.as_ref();
        let external = external.map(|external| (external.store(), external.backend.clone()));
        let internal = || self.parts().internal.clone().map(|backend| (StoreUsed::Internal, backend));
        let route = match caching_type {
            CachingType::PreferExternal => external.or_else(internal),
            CachingType::External => external,
            CachingType::Internal => internal(),
        };
        route.map_or((StoreUsed::None, None), |(store, backend)| (store, Some(backend)))
    }

    /// The target of a call that begins now; none without a store.
    fn target(&self, caching_type: CachingType) -> Option<Target> {
        let (store, backend) = self.route(caching_type);
        let may_turn = self.parts().failover
            && caching_type == CachingType::PreferExternal
            && matches!(store, StoreUsed::External(_));
        let other = self.parts().internal.clone().filter(|_| may_turn);
        let other = other.map(|backend| (StoreUsed::Internal, backend));
        Some(Target::new((store, backend?), other, self.parts().time_budget))
    }

    /// The most bytes of a value, as the cache holds it.
    pub(crate) fn value_bytes_max(&self) -> usize {
        self.responses.map_or(self.parts().value_bytes_max, |responses| responses.value_bytes_max)
    }

    /// Whether stores and removals are waited for.
    pub(crate) fn store_mode(&self) -> StoreMode {
        if self.responses.is_some() { StoreMode::Wait } else { self.parts().store_mode }
    }

    /// The key as the stores know it.
    pub(crate) fn stored_key<'a>(&self, key: &'a str) -> Result<Cow<'a, str>, Cause> {
        let keys = &self.parts().keys;
        let key = if self.responses.is_some() { keys.response_key(key).into() } else { keys.key(key) };
        if key.len() > limits::KEY_BYTES_MAX { Err(Cause::KeyTooLong) } else { Ok(key) }
    }

    pub(crate) fn budget(&self) -> Budget {
        Budget::start(self.parts().time_budget)
    }

    pub(crate) fn since(&self, started: Duration) -> Duration {
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
        failed_over = field::Empty,
    )
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("report", &self.report()).finish_non_exhaustive()
    }
}
