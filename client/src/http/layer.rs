//! Response caching as a `tower` layer: for hyper, axum and whatever else is a service. What a layer does with
//! a request is told by the service beside it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::request::Parts;
use http::response::Parts as ResponseParts;
use tower_layer::Layer;

use super::ahead::ReadAhead;
use super::responses::Responses;
use super::rules::{LookupRules, StoreRules, UnlistedQuery, Vary, VaryError};
use super::scope::KeyScope;
use super::service::ResponseCache;
use crate::CachingType;
use crate::policy::statement::DownstreamCaching;

/// Caches the responses of the service that it is laid around.
#[derive(Clone)]
pub struct ResponseCacheLayer {
    pub(super) rules: Arc<LayerRules>,
}

/// The rules of a layer: the attributes and elements of `cache-lookup` and `cache-store`. Made by
/// [`ResponseCacheLayer::builder`].
#[must_use]
pub struct ResponseCacheLayerBuilder {
    rules: LayerRules,
    headers: Vec<String>,
    parameters: Vec<String>,
    unlisted: UnlistedQuery,
}

pub(super) struct LayerRules {
    pub(super) responses: Responses,
    pub(super) lookup: LookupRules,
    pub(super) store: StoreRules,
    pub(super) store_for: Option<Box<StoreFor>>,
    pub(super) scope: KeyScope,
    pub(super) scope_for: Option<Box<ScopeFor>>,
    pub(super) backend_patience: Option<Duration>,
    pub(super) ahead: ReadAhead,
}

type ScopeFor = dyn Fn(&Parts, &mut KeyScope) + Send + Sync;
type StoreFor = dyn Fn(&ResponseParts) -> StoreRules + Send + Sync;

impl ResponseCacheLayer {
    /// A layer that stores a response with status 200 for `duration` seconds. `api` is any name for what is
    /// behind the layer: entries of different names never meet, those of the same name do, in every
    /// process that uses the same cache.
    pub fn builder(
        responses: &Responses,
        api: impl Into<Arc<str>>,
        duration: i64,
    ) -> ResponseCacheLayerBuilder {
        let rules = LayerRules {
            responses: responses.clone(),
            lookup: LookupRules::default(),
            store: StoreRules::seconds(duration),
            store_for: None,
            scope: KeyScope::new(api),
            scope_for: None,
            backend_patience: None,
            ahead: ReadAhead::default(),
        };
        let (headers, parameters) = (Vec::new(), Vec::new());
        ResponseCacheLayerBuilder { rules, headers, parameters, unlisted: UnlistedQuery::Counted }
    }
}

impl ResponseCacheLayerBuilder {
    /// `vary-by-header`: an entry for each value of this header. May be said again.
    pub fn vary_by_header(mut self, name: impl Into<String>) -> Self {
        self.headers.push(name.into());
        self
    }

    /// `vary-by-query-parameter`: one name, or several with `;` between. May be said again. Other
    /// parameters do not count any more.
    pub fn vary_by_query_parameter(mut self, names: impl Into<String>) -> Self {
        self.parameters.push(names.into());
        self
    }

    /// Which parameters count if none is listed: all, unless this says otherwise. (In a policy it is
    /// none.)
    pub fn unlisted_query(mut self, unlisted: UnlistedQuery) -> Self {
        self.unlisted = unlisted;
        self
    }

    /// `vary-by-developer`; [`scope`](Self::scope) has to say who that is. False by default.
    pub fn vary_by_developer(mut self, on: bool) -> Self {
        self.rules.lookup.vary_by_developer = on;
        self
    }

    /// `vary-by-developer-groups`; [`scope`](Self::scope) has to say which they are. False by default.
    pub fn vary_by_developer_groups(mut self, on: bool) -> Self {
        self.rules.lookup.vary_by_developer_groups = on;
        self
    }

    /// `caching-type`; the external cache if there is one, by default.
    pub fn caching_type(mut self, caching_type: CachingType) -> Self {
        self.rules.lookup.caching_type = caching_type;
        self
    }

    /// `downstream-caching-type`; nobody behind the gateway caches by default.
    pub fn downstream(mut self, downstream: DownstreamCaching) -> Self {
        self.rules.lookup.downstream = downstream;
        self
    }

    /// `must-revalidate`; true by default.
    pub fn must_revalidate(mut self, on: bool) -> Self {
        self.rules.lookup.must_revalidate = on;
        self
    }

    /// `allow-private-response-caching`: requests with an `Authorization` header take part; not by
    /// default. Then vary by that header, unless everybody gets the same.
    pub fn allow_private_response_caching(mut self, on: bool) -> Self {
        self.rules.lookup.allow_private_response_caching = on;
        self
    }

    /// `cache-response`: true stores any status, false none; without, 200 alone.
    pub fn cache_response(mut self, cache_response: bool) -> Self {
        self.rules.store.cache_response = Some(cache_response);
        self
    }

    /// `duration` and `cache-response` as expressions: what they are for a response of the backend.
    pub fn store_for(mut self, rules: impl Fn(&ResponseParts) -> StoreRules + Send + Sync + 'static) -> Self {
        self.rules.store_for = Some(Box::new(rules));
        self
    }

    /// Completes what a request belongs to: the product, the developer, the operation, the generation. It
    /// is handed the scope with the layer's name in it.
    pub fn scope(mut self, scope: impl Fn(&Parts, &mut KeyScope) + Send + Sync + 'static) -> Self {
        self.rules.scope_for = Some(Box::new(scope));
        self
    }

    /// The generation of all entries; another one is another set. 0 by default.
    pub fn generation(mut self, generation: u64) -> Self {
        self.rules.scope.generation = generation;
        self
    }

    /// How long the service may take to begin its response if an entry past its freshness can stand in;
    /// see [`stale_if_error`](super::ResponsesBuilder::stale_if_error). Without a limit by default.
    pub fn backend_patience(mut self, patience: Duration) -> Self {
        self.rules.backend_patience = Some(patience);
        self
    }

    /// How bodies that somebody besides the client waits for (the cache, a place under the origin limit) are read ahead
    /// of a client that is slow to take them: 1 MiB of each by default.
    pub fn read_ahead(mut self, ahead: &ReadAhead) -> Self {
        self.rules.ahead = ahead.clone();
        self
    }

    /// The layer.
    ///
    /// # Errors
    ///
    /// A header or parameter that nothing can vary by.
    pub fn build(self) -> Result<ResponseCacheLayer, VaryError> {
        let Self { mut rules, headers, parameters, unlisted } = self;
        let headers = headers.iter().map(String::as_str);
        let vary = Vary::new(headers, parameters.iter().map(String::as_str))?;
        rules.lookup.vary = Arc::new(vary.unlisted_query(unlisted));
        Ok(ResponseCacheLayer { rules: Arc::new(rules) })
    }
}

impl LayerRules {
    pub(super) fn scope(&self, request: &Parts) -> KeyScope {
        let mut scope = self.scope.clone();
        if let Some(complete) = &self.scope_for {
            complete(request, &mut scope);
        }
        scope
    }

    pub(super) fn store(&self, response: &ResponseParts) -> StoreRules {
        self.store_for.as_ref().map_or(self.store, |rules| rules(response))
    }
}

impl<S> Layer<S> for ResponseCacheLayer {
    type Service = ResponseCache<S>;

    fn layer(&self, inner: S) -> ResponseCache<S> {
        ResponseCache { inner, rules: self.rules.clone() }
    }
}

impl fmt::Debug for ResponseCacheLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseCacheLayer").field("lookup", &self.rules.lookup).finish_non_exhaustive()
    }
}

impl fmt::Debug for ResponseCacheLayerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseCacheLayerBuilder")
            .field("lookup", &self.rules.lookup)
            .finish_non_exhaustive()
    }
}

/// The lifetime that a response asks for: the `max-age` of its `Cache-Control`, none if it says
/// nothing or forbids storing. Most policies that store "as the backend says" do this.
#[must_use]
pub fn backend_max_age(headers: &HeaderMap) -> Option<i64> {
    super::directives::max_age(headers)
}
