//! The response cache: the lookup of one request, as both the policy engine and the layer call it. What
//! becomes of the response afterwards stands in `storing`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::capture::CaptureRoom;
use super::conditional;
use super::counters::{ResponseEvent, ResponseMetrics};
use super::directives::Directives;
use super::downstream::ClientSide;
use super::entry::Entry;
use super::flight::{Flights, Lead, Told, Turn};
use super::generation::Generations;
use super::key::{Requested, ResponseKey};
use super::origin::OriginGuard;
use super::pending::{Asked, Pending};
use super::reason::SkipReason;
use super::reply::{Asking, Reply, Source};
use super::rules::LookupRules;
use super::scope::KeyScope;
use super::settings::{ResponsesBuilder, Settings};
use super::view::View;
use crate::context;
use crate::guard::{Budget, WallClock};
use crate::limits::{FLIGHT_OTHERS_MAX, RESPONSE_HEAD_BYTES_MAX, RESPONSE_STORES_MAX};
use crate::{Cache, CachingType, LookupResult, RemoveResult, StoreResult, StoreUsed};

/// The response cache of a gateway. Cloning it is cheap and shares everything.
#[derive(Clone)]
pub struct Responses {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) cache: Cache,
    pub(super) settings: Settings,
    pub(super) clock: Arc<dyn WallClock>,
    pub(super) metrics: ResponseMetrics,
    pub(super) room: CaptureRoom,
    /// Stores under way.
    pub(super) background: TaskTracker,
    pub(super) store_permits: Arc<Semaphore>,
    flights: Arc<Flights>,
    generations: Generations,
    origin: Option<OriginGuard>,
}

/// What a lookup found.
#[derive(Debug)]
pub enum Looked {
    /// The response, from the cache: the backend is not asked, and nothing is stored.
    Hit(context::Response),
    /// Nothing. The request goes to the backend; its response is given to [`Responses::store`], or to
    /// [`Responses::pass`] if no `cache-store` comes.
    Miss(Pending),
    /// The request takes no part in caching; neither does its response.
    Skipped(SkipReason),
    /// Too many are at the backend: the response, 503 with `Retry-After`.
    Refused(context::Response),
}

/// The same before it has the types of the caller.
pub(super) enum Found {
    Hit(Reply),
    Miss(Pending),
    Skipped(SkipReason),
    Refused(Reply),
}

/// What the cache holds.
enum Held {
    Fresh(Arc<Entry>, StoreUsed),
    Stale(Arc<Entry>, StoreUsed),
    Nothing(&'static str, StoreUsed),
}

impl Responses {
    /// Settings for response caching on this cache.
    pub fn builder(cache: Cache) -> ResponsesBuilder {
        ResponsesBuilder::new(cache)
    }

    pub(super) fn new(cache: Cache, settings: Settings, clock: Arc<dyn WallClock>) -> Self {
        let cache = cache.for_responses(settings.body_bytes_max + RESPONSE_HEAD_BYTES_MAX);
        let origin = settings.origin_limit.map(OriginGuard::new);
        let generations = Generations::new(settings.generation_age_max);
        let shared = Shared {
            cache,
            settings,
            clock,
            metrics: ResponseMetrics::default(),
            room: CaptureRoom::default(),
            background: TaskTracker::new(),
            store_permits: Arc::new(Semaphore::new(RESPONSE_STORES_MAX)),
            flights: Arc::default(),
            generations,
            origin,
        };
        Self { shared: Arc::new(shared) }
    }

    /// `cache-lookup`: looks for the response to this request.
    ///
    /// On a miss its conditions, `Cache-Control` and `Pragma` are taken from it, so that the backend
    /// answers in full; [`Pending::removed_headers`] has them. It never fails: a cache that cannot be
    /// asked is a miss.
    pub async fn lookup(
        &self,
        request: &mut context::Request,
        rules: &LookupRules,
        scope: &KeyScope,
    ) -> Looked {
        match self.find(View::of_context(request), rules, scope).await {
            Found::Hit(reply) => Looked::Hit(reply.into_context()),
            Found::Miss(pending) => Looked::Miss(pending),
            Found::Skipped(reason) => Looked::Skipped(reason),
            Found::Refused(reply) => Looked::Refused(reply.into_context()),
        }
    }

    /// The key that a request has, as the debug header shows it.
    #[must_use]
    pub fn key(&self, request: &mut context::Request, rules: &LookupRules, scope: &KeyScope) -> ResponseKey {
        let generation = self.shared.generations.known(rules.caching_type, &scope.api);
        self.key_of(&View::of_context(request), rules, scope, generation)
    }

    /// Removes an entry by its key, as the debug header shows it.
    pub async fn remove(&self, key: &str, caching_type: CachingType) -> RemoveResult {
        self.shared.cache.remove_value(key, caching_type).await.result
    }

    /// Makes every entry of an API unreachable, whatever its key: in this process at once, in others within
    /// [`purge_seen_within`](ResponsesBuilder::purge_seen_within). The entries go when their time is over,
    /// or when the cache needs the room.
    ///
    /// Others learn of it through the cache: [`StoreResult::Stored`] says that they will.
    pub async fn purge(&self, api: &str, caching_type: CachingType) -> StoreResult {
        let now = u64::try_from(self.now().as_millis()).unwrap_or(u64::MAX);
        let Shared { generations, cache, .. } = &*self.shared;
        generations.raise(cache, caching_type, &api.into(), now).await
    }

    /// The counters.
    #[must_use]
    pub fn metrics(&self) -> &ResponseMetrics {
        &self.shared.metrics
    }

    /// Waits until the stores that were under way have ended, for this long at most. True if none is left.
    pub async fn flush(&self, limit: Duration) -> bool {
        self.shared.background.close();
        let ended = Budget::start(limit).run(self.shared.background.wait()).await.is_some();
        self.shared.background.reopen();
        ended
    }

    pub(super) async fn find(&self, view: View<'_>, rules: &LookupRules, scope: &KeyScope) -> Found {
        let directives = Directives::of_request(view.headers, self.settings().honours_client);
        if let Some(reason) = self.skips(&view, rules, &directives) {
            self.count(ResponseEvent::Skipped(reason));
            return Found::Skipped(reason);
        }
        let Shared { generations, cache, .. } = &*self.shared;
        let generation = generations.of(cache, rules.caching_type, &scope.api).await;
        let asked = Asked {
            key: self.key_of(&view, rules, scope, generation.clone().unwrap_or(0)),
            unasked: generation.err(),
            caching_type: rules.caching_type,
            client: ClientSide::of(rules, self.settings().backend_freshness),
            is_traced: scope.is_traced || self.settings().debug_headers,
        };
        if directives.no_cache {
            return self.miss(view, scope, asked, Missed::told("client-no-cache")).await;
        }
        // The answer to HEAD is nothing that others could share.
        let turn = if view.method == http::Method::HEAD { Followed::Ask } else { self.turn(&asked).await };
        match turn {
            Followed::Found(entry) => {
                self.count(ResponseEvent::Shared);
                Found::Hit(self.hit(&view, &asked, &entry, &Source::Shared))
            }
            Followed::StandIn(entry) => {
                let source = Source::StandIn("backend-failed", StoreUsed::None);
                Found::Hit(self.hit(&view, &asked, &entry, &source))
            }
            Followed::GoOn(why) if self.settings().stale_seconds == 0 => {
                self.miss(view, scope, asked, Missed::told(why)).await
            }
            // There may be an entry that can stand in, so the cache is asked.
            Followed::GoOn(_) | Followed::Ask => self.ask(view, scope, asked, None).await,
            Followed::Lead(lead) => self.ask(view, scope, asked, Some(lead)).await,
        }
    }

    async fn ask(&self, view: View<'_>, scope: &KeyScope, asked: Asked, lead: Option<Lead>) -> Found {
        match self.held(&asked).await {
            Held::Fresh(entry, store) => {
                if let Some(lead) = lead {
                    lead.found(&entry);
                }
                Found::Hit(self.hit(&view, &asked, &entry, &Source::Store(store)))
            }
            Held::Stale(entry, store) => {
                let missed = Missed { lead, stale: Some(entry), reason: "stale", store };
                self.miss(view, scope, asked, missed).await
            }
            Held::Nothing(reason, store) => {
                self.miss(view, scope, asked, Missed { lead, stale: None, reason, store }).await
            }
        }
    }

    fn skips(&self, view: &View<'_>, rules: &LookupRules, directives: &Directives) -> Option<SkipReason> {
        let is_head = view.method == http::Method::HEAD;
        let has_method = view.method == http::Method::GET || is_head && self.settings().answers_head;
        let has = |name: http::HeaderName| view.headers.contains_key(name);
        let is_private = has(http::header::AUTHORIZATION) && !rules.allow_private_response_caching;
        let length = view.headers.get(http::header::CONTENT_LENGTH);
        let has_body = length.is_some_and(|length| length != "0") || has(http::header::TRANSFER_ENCODING);
        match () {
            () if !view.host_is_clear => Some(SkipReason::Host),
            () if !has_method => Some(SkipReason::Method),
            () if is_private => Some(SkipReason::Authorization),
            () if has(http::header::RANGE) => Some(SkipReason::Range),
            () if has_body => Some(SkipReason::Body),
            () if has(http::header::UPGRADE) => Some(SkipReason::Upgrade),
            () if directives.no_store => Some(SkipReason::ClientNoStore),
            () if is_head && directives.no_cache => Some(SkipReason::HeadMiss),
            () => None,
        }
    }

    fn key_of(&self, view: &View<'_>, rules: &LookupRules, scope: &KeyScope, generation: u64) -> ResponseKey {
        let requested = Requested { target: &view.target, headers: view.headers, scope };
        ResponseKey::of(&requested, rules, self.settings().parts, generation)
    }

    /// Leads, or waits for who leads.
    async fn turn(&self, asked: &Asked) -> Followed {
        if self.settings().flight_wait.is_zero() {
            return Followed::Ask;
        }
        let time = Budget::start(self.settings().flight_wait);
        let mut others = 0;
        loop {
            match self.shared.flights.enter((asked.caching_type, asked.key.clone())) {
                Turn::Lead(lead) => return Followed::Lead(lead),
                Turn::Alone => return Followed::Ask,
                Turn::Follow(follow) => match follow.told(time).await {
                    Told::Found(entry) => return Followed::Found(entry),
                    Told::StandIn(entry) => return Followed::StandIn(entry),
                    Told::GoOn => return Followed::GoOn("not-shared"),
                    Told::ForOne if others + 1 == FLIGHT_OTHERS_MAX => return Followed::GoOn("not-shared"),
                    Told::ForOne => others += 1,
                    Told::Nothing => return Followed::GoOn("waited"),
                    Told::Left => {}
                },
            }
        }
    }

    async fn held(&self, asked: &Asked) -> Held {
        if let Some(store) = &asked.unasked {
            return Held::Nothing("unavailable", store.clone());
        }
        let found = self.shared.cache.lookup_value(asked.key.as_str(), asked.caching_type, None).await;
        let nothing = |reason| Held::Nothing(reason, found.store.clone());
        match found.result {
            LookupResult::Hit(value) => match Entry::of_value(value).map(Arc::new) {
                None => Held::Nothing("unreadable", found.store),
                Some(entry) => match (entry.head.life, self.now()) {
                    (life, now) if life.is_fresh(now) => Held::Fresh(entry, found.store),
                    (life, now) if life.is_usable(now) => Held::Stale(entry, found.store),
                    _ => Held::Nothing("expired", found.store),
                },
            },
            LookupResult::NotConfigured { .. } => nothing("not-configured"),
            LookupResult::Unavailable { .. } => nothing("unavailable"),
            LookupResult::Miss | LookupResult::Default(_) => nothing("absent"),
        }
    }

    async fn miss(&self, view: View<'_>, scope: &KeyScope, asked: Asked, missed: Missed) -> Found {
        if view.method == http::Method::HEAD {
            self.count(ResponseEvent::Skipped(SkipReason::HeadMiss));
            return Found::Skipped(SkipReason::HeadMiss);
        }
        let turn = match &self.shared.origin {
            None => Ok(None),
            Some(guard) => guard.turn(&format!("{}/{}", scope.api, scope.operation)).await,
        };
        let Ok(turn) = turn else { return self.refused(&view, &asked, &missed) };
        self.count(ResponseEvent::Miss);
        let removed = conditional::take(view.headers, self.settings().takes_cache_control);
        Found::Miss(Pending::new(asked, missed, turn, removed))
    }

    fn refused(&self, view: &View<'_>, asked: &Asked, missed: &Missed) -> Found {
        match &missed.stale {
            Some(entry) => {
                let source = Source::StandIn("origin-limit", missed.store.clone());
                Found::Hit(self.hit(view, asked, entry, &source))
            }
            None => {
                self.count(ResponseEvent::Refused);
                let seconds = self.shared.origin.as_ref().map_or(1, OriginGuard::retry_after);
                Found::Refused(Reply::refused(seconds, asked))
            }
        }
    }

    fn hit(&self, view: &View<'_>, asked: &Asked, entry: &Entry, source: &Source) -> Reply {
        let asking = Asking {
            is_head: view.method == http::Method::HEAD,
            conditions: self.settings().answers_conditions.then_some(&*view.headers),
        };
        self.reply(entry, asked, source, &asking)
    }

    /// The response that an entry makes, counted.
    pub(super) fn reply(&self, entry: &Entry, asked: &Asked, source: &Source, asking: &Asking<'_>) -> Reply {
        let reply = Reply::of(entry, asked, source, asking, self.now());
        self.count(match source {
            Source::StandIn(..) => ResponseEvent::Stale,
            _ if reply.status == http::StatusCode::NOT_MODIFIED => ResponseEvent::NotModified,
            _ => ResponseEvent::Hit,
        });
        reply
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    pub(super) fn count(&self, event: ResponseEvent) {
        self.shared.metrics.count(event);
    }

    /// Since 1970.
    pub(super) fn now(&self) -> Duration {
        self.shared.clock.since_epoch()
    }
}

/// What single flight said.
enum Followed {
    Found(Arc<Entry>),
    /// The backend has just failed, and this answers.
    StandIn(Arc<Entry>),
    Lead(Lead),
    /// Ask the cache.
    Ask,
    /// Ask the backend at once, and why.
    GoOn(&'static str),
}

/// What is known of a miss.
pub(super) struct Missed {
    pub(super) lead: Option<Lead>,
    pub(super) stale: Option<Arc<Entry>>,
    pub(super) reason: &'static str,
    pub(super) store: StoreUsed,
}

impl Missed {
    /// A miss that did not ask the cache.
    fn told(reason: &'static str) -> Self {
        Self { lead: None, stale: None, reason, store: StoreUsed::None }
    }
}

impl fmt::Debug for Responses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responses").field("settings", self.settings()).finish_non_exhaustive()
    }
}
