//! The settings of an engine. None of them can be wrong.

use std::fmt;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::flights::Flights;
use super::handle::{Engine, Shared};
use super::handler::{Handler, NoHandler};
use super::metrics::EngineMetrics;
use crate::cache::Cache;
use crate::expression::EvaluationLimits;
use crate::http::Responses;
use crate::limits;
use crate::{Clock, Random, SystemClock, SystemRandom, SystemWallClock, WallClock};

/// The settings of an [`Engine`]; made by [`Engine::builder`].
#[must_use]
pub struct EngineBuilder {
    cache: Cache,
    responses: Option<Responses>,
    handler: Box<dyn Handler>,
    limits: EvaluationLimits,
    body_bytes_max: usize,
    clock: Arc<dyn Clock>,
    wall_clock: Arc<dyn WallClock>,
    random: Arc<dyn Random>,
    debug_headers: bool,
}

impl EngineBuilder {
    pub(super) fn new(cache: Cache) -> Self {
        Self {
            cache,
            responses: None,
            handler: Box::new(NoHandler),
            limits: EvaluationLimits::default(),
            body_bytes_max: limits::ENGINE_BODY_BYTES_DEFAULT,
            clock: Arc::new(SystemClock::new()),
            wall_clock: Arc::new(SystemWallClock),
            random: Arc::new(SystemRandom::new()),
            debug_headers: false,
        }
    }

    /// Who runs the statements that Larder does not know.
    pub fn handler(mut self, handler: impl Handler + 'static) -> Self {
        self.handler = Box::new(handler);
        self
    }

    /// What one expression may take.
    pub fn expression_limits(mut self, limits: EvaluationLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The longest body that is read for an expression, in bytes; 4 MiB if nothing is said. With a longer
    /// one the expression fails.
    pub fn body_bytes_max(mut self, bytes: usize) -> Self {
        self.body_bytes_max = bytes;
        self
    }

    /// The response cache of `cache-lookup` and `cache-store`, if it is to have other settings than those
    /// it has by itself.
    pub fn responses(mut self, responses: Responses) -> Self {
        self.responses = Some(responses);
        self
    }

    /// The clock that lengths of time are measured with. A context's
    /// [`started`](crate::context::Context::started) is a time of this clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The clock that `DateTime.Now` and the ages of `cache-value` entries are told by.
    pub fn wall_clock(mut self, clock: Arc<dyn WallClock>) -> Self {
        self.wall_clock = clock;
        self
    }

    /// Where `Guid.NewGuid` and `Random` take their numbers from.
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// Whether responses bear `X-Larder-Cache-Use: hit|miss|none` and `X-Larder-Cache-Time` in
    /// milliseconds, the two columns of the log; not if nothing is said.
    pub fn debug_headers(mut self, are_on: bool) -> Self {
        self.debug_headers = are_on;
        self
    }

    /// The engine.
    #[must_use]
    pub fn build(self) -> Engine {
        let Self { cache, responses, wall_clock, .. } = self;
        let own = || Responses::builder(cache.clone()).wall_clock(wall_clock.clone()).build();
        let shared = Shared {
            responses: responses.unwrap_or_else(own),
            cache,
            handler: self.handler,
            limits: self.limits,
            body_bytes_max: self.body_bytes_max,
            clock: self.clock,
            wall_clock,
            random: self.random,
            debug_headers: self.debug_headers,
            flights: Flights::default(),
            late_counts: Arc::new(Semaphore::new(limits::ENGINE_LATE_COUNTS_MAX)),
            metrics: EngineMetrics::default(),
        };
        Engine { shared: Arc::new(shared) }
    }
}

impl fmt::Debug for EngineBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineBuilder").field("cache", &self.cache).finish_non_exhaustive()
    }
}
