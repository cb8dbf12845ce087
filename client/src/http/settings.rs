//! How a gateway caches responses, whatever its policies say: options and limits with their defaults.

use std::sync::Arc;
use std::time::Duration;

use super::downstream::BackendFreshness;
use super::key::KeyParts;
use super::origin::OriginLimit;
use super::responses::Responses;
use crate::guard::{SystemWallClock, WallClock};
use crate::{Cache, limits};

/// The settings of [`Responses`]; made by [`Responses::builder`].
#[derive(Debug)]
#[must_use]
pub struct ResponsesBuilder {
    cache: Cache,
    settings: Settings,
    clock: Arc<dyn WallClock>,
}

/// What becomes of a response that sets a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SetCookie {
    /// It is stored without its cookies: whoever caused it gets them, nobody else does.
    #[default]
    Strip,
    /// It is not stored.
    Skip,
}

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) parts: KeyParts,
    pub(super) body_bytes_max: usize,
    pub(super) set_cookie: SetCookie,
    pub(super) backend_freshness: BackendFreshness,
    pub(super) debug_headers: bool,
    pub(super) answers_head: bool,
    pub(super) answers_conditions: bool,
    pub(super) honours_client: bool,
    pub(super) honours_backend: bool,
    pub(super) takes_cache_control: bool,
    pub(super) flight_wait: Duration,
    pub(super) origin_limit: Option<OriginLimit>,
    pub(super) stale_seconds: u32,
    pub(super) generation_age_max: Duration,
}

impl ResponsesBuilder {
    pub(super) fn new(cache: Cache) -> Self {
        let settings = Settings {
            parts: KeyParts::default(),
            body_bytes_max: limits::RESPONSE_BODY_BYTES_DEFAULT,
            set_cookie: SetCookie::default(),
            backend_freshness: BackendFreshness::default(),
            debug_headers: false,
            answers_head: false,
            answers_conditions: false,
            honours_client: false,
            honours_backend: false,
            takes_cache_control: true,
            flight_wait: limits::FLIGHT_WAIT_DEFAULT,
            origin_limit: None,
            stale_seconds: 0,
            generation_age_max: limits::GENERATION_AGE_DEFAULT,
        };
        Self { cache, settings, clock: Arc::new(SystemWallClock) }
    }

    /// Which parts that no policy asks for are in the key; all by default.
    pub fn key_parts(mut self, parts: KeyParts) -> Self {
        self.settings.parts = parts;
        self
    }

    /// The largest body that is stored, in bytes; 2 MiB by default, at most
    /// [`RESPONSE_BODY_BYTES_MAX`](limits::RESPONSE_BODY_BYTES_MAX).
    pub fn body_bytes_max(mut self, bytes: usize) -> Self {
        self.settings.body_bytes_max = bytes.min(limits::RESPONSE_BODY_BYTES_MAX);
        self
    }

    /// What becomes of a response that sets a cookie; it is stored without by default.
    pub fn set_cookie(mut self, set_cookie: SetCookie) -> Self {
        self.settings.set_cookie = set_cookie;
        self
    }

    /// What becomes of the backend's freshness headers; the policy's replace them by default.
    pub fn backend_freshness(mut self, freshness: BackendFreshness) -> Self {
        self.settings.backend_freshness = freshness;
        self
    }

    /// Whether every response has the headers `X-Larder-Cache` and `X-Larder-Cache-Key`; not by
    /// default. The key may tell who called: this is for test systems. A single request gets them by
    /// [`KeyScope::is_traced`](super::KeyScope::is_traced).
    pub fn debug_headers(mut self, on: bool) -> Self {
        self.settings.debug_headers = on;
        self
    }

    /// Whether HEAD is answered from the entries of GET; not by default. It is never stored.
    pub fn head(mut self, on: bool) -> Self {
        self.settings.answers_head = on;
        self
    }

    /// Whether `If-None-Match` and `If-Modified-Since` are answered with 304 from an entry; not by
    /// default: the client gets the whole then.
    pub fn conditional(mut self, on: bool) -> Self {
        self.settings.answers_conditions = on;
        self
    }

    /// Whether the client's `Cache-Control` counts; not by default. With `no-cache` or `max-age=0` (or
    /// `Pragma: no-cache` alone) it gets the backend's response, which is stored; with `no-store`
    /// neither happens.
    pub fn honour_client(mut self, on: bool) -> Self {
        self.settings.honours_client = on;
        self
    }

    /// Whether a `no-store` or `private` of the backend keeps its response from being stored, and a `Vary`
    /// by a header that `vary-by-header` does not list; not by default: the policy alone decides.
    pub fn honour_backend(mut self, on: bool) -> Self {
        self.settings.honours_backend = on;
        self
    }

    /// Whether the client's `Cache-Control` and `Pragma` reach the backend on a miss; not by default.
    /// The conditions of a request never do.
    pub fn forward_cache_control(mut self, on: bool) -> Self {
        self.settings.takes_cache_control = !on;
        self
    }

    /// How long a request waits for the entry that another one is getting, before it goes to the
    /// backend itself; 5 s by default. Zero switches single flight off.
    pub fn single_flight(mut self, wait: Duration) -> Self {
        self.settings.flight_wait = wait.min(limits::FLIGHT_WAIT_MAX);
        self
    }

    /// How many misses of one route may be at the backend at once; without a limit by default.
    pub fn origin_limit(mut self, limit: OriginLimit) -> Self {
        self.settings.origin_limit = Some(limit);
        self
    }

    /// How long an entry is kept past its freshness, to stand in when the backend fails; 0 by
    /// default. Whole seconds count.
    pub fn stale_if_error(mut self, time: Duration) -> Self {
        let longest = limits::DURATION_SECONDS_MAX as u32;
        self.settings.stale_seconds = u32::try_from(time.as_secs()).unwrap_or(longest).min(longest);
        self
    }

    /// How soon a purge by another process shows here: a process asks the cache for the generation of an API
    /// so often, while there are requests. 1 s by default; zero asks for each request.
    pub fn purge_seen_within(mut self, time: Duration) -> Self {
        self.settings.generation_age_max = time;
        self
    }

    /// The clock that tells when an entry was stored.
    pub fn wall_clock(mut self, clock: Arc<dyn WallClock>) -> Self {
        self.clock = clock;
        self
    }

    /// The response cache.
    #[must_use]
    pub fn build(self) -> Responses {
        Responses::new(self.cache, self.settings, self.clock)
    }
}
