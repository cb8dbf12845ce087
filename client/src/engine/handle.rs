//! The engine: what all requests share, and the two calls that a gateway makes.

use std::fmt;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::builder::EngineBuilder;
use super::flights::Flights;
use super::forward::Forward;
use super::handler::Handler;
use super::metrics::EngineMetrics;
use super::policies::{Policies, Policy};
use super::record::Record;
use super::run::Run;
use crate::cache::Cache;
use crate::context::{Context, Response};
use crate::expression::EvaluationLimits;
use crate::http::Responses;
use crate::policy::{Fragments, NamedValues, Problems};
use crate::{Clock, Random, WallClock};

/// Runs policies. Cloning it is cheap and shares everything.
#[derive(Clone)]
pub struct Engine {
    pub(super) shared: Arc<Shared>,
}

/// What all requests share.
pub(super) struct Shared {
    pub(super) cache: Cache,
    pub(super) responses: Responses,
    pub(super) handler: Box<dyn Handler>,
    pub(super) limits: EvaluationLimits,
    pub(super) body_bytes_max: usize,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) wall_clock: Arc<dyn WallClock>,
    pub(super) random: Arc<dyn Random>,
    pub(super) debug_headers: bool,
    /// Values that `cache-value` is making; written by the requests that make them.
    pub(super) flights: Flights,
    /// For counting the calls of clients that have left.
    pub(super) late_counts: Arc<Semaphore>,
    pub(super) metrics: EngineMetrics,
}

/// What a request is answered with, and what is told of it.
#[derive(Debug)]
pub struct Answer {
    /// The response.
    pub response: Response,
    /// For the log and the trace.
    pub record: Record,
}

impl Engine {
    /// Settings for an engine on this cache.
    pub fn builder(cache: Cache) -> EngineBuilder {
        EngineBuilder::new(cache)
    }

    /// Reads a document to be run by this engine: it knows the statements of its handler.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, its fragments and its expressions, and what is doubtful.
    pub fn read(&self, text: &str, values: &NamedValues, fragments: &Fragments) -> Result<Policy, Problems> {
        Policy::read(text, values, fragments, |name| self.shared.handler.knows(name))
    }

    /// Answers a request as its policies say. Nothing makes it fail: what goes wrong is in the response
    /// and in `context.last_error`.
    pub async fn run<F: Forward>(&self, policies: &Policies, context: &mut Context, forward: &F) -> Response {
        self.answer(policies, context, forward).await.response
    }

    /// The same, and tells what happened.
    pub async fn answer<F: Forward>(
        &self,
        policies: &Policies,
        context: &mut Context,
        forward: &F,
    ) -> Answer {
        let mut run = Run::new(&self.shared, policies, context, forward);
        let response = run.pipeline().await;
        Answer { response, record: run.into_record() }
    }

    /// The cache that it uses.
    #[must_use]
    pub fn cache(&self) -> &Cache {
        &self.shared.cache
    }

    /// The response cache of `cache-lookup` and `cache-store`.
    #[must_use]
    pub fn responses(&self) -> &Responses {
        &self.shared.responses
    }

    /// The counters. Those of cache calls are the cache's.
    #[must_use]
    pub fn metrics(&self) -> &EngineMetrics {
        &self.shared.metrics
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("cache", &self.shared.cache).finish_non_exhaustive()
    }
}
