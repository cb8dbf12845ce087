//! What the tests share: a response cache on a Redis of its own, a clock set by hand, requests and responses.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, Method, StatusCode};
use larder_client::context::{Content, Request, Response, Url, User};
use larder_client::http::{
    KeyScope, Looked, LookupRules, Responses, ResponsesBuilder, SkipReason, StoreRules, Vary,
};
use larder_client::{Cache, WallClock};

use crate::support::{DEADLINE, RedisServer, connected};

/// Longer than a busy machine needs.
pub(crate) const BUDGET: Duration = Duration::from_secs(10);

/// A gateway with its cache.
pub(crate) struct Bed {
    pub(crate) redis: RedisServer,
    pub(crate) responses: Responses,
    pub(crate) clock: Arc<HandClock>,
}

/// A clock that stands still until it is set forward.
#[derive(Debug)]
pub(crate) struct HandClock(AtomicU64);

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum How {
    Hit,
    Miss,
    Skipped(SkipReason),
    Refused,
}

impl Bed {
    pub(crate) async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    pub(crate) async fn with(set: impl FnOnce(ResponsesBuilder) -> ResponsesBuilder) -> Self {
        let redis = RedisServer::start().await;
        let clock = Arc::new(HandClock(AtomicU64::new(START_MILLIS)));
        let responses = set(Responses::builder(cache(&redis).await)).wall_clock(clock.clone()).build();
        Self { redis, responses, clock }
    }

    /// One request through `cache-lookup`, the backend's answer where it is asked for one, `cache-store`.
    pub(crate) async fn call(
        &self,
        request: &mut Request,
        rules: &LookupRules,
        store: StoreRules,
        answer: Response,
    ) -> (How, Response) {
        self.call_as(&KeyScope::new("api"), request, rules, (store, answer)).await
    }

    pub(crate) async fn call_as(
        &self,
        scope: &KeyScope,
        request: &mut Request,
        rules: &LookupRules,
        (store, answer): (StoreRules, Response),
    ) -> (How, Response) {
        match self.responses.lookup(request, rules, scope).await {
            Looked::Hit(response) => (How::Hit, response),
            Looked::Refused(response) => (How::Refused, response),
            Looked::Skipped(reason) => (How::Skipped(reason), answer),
            Looked::Miss(pending) => {
                let response = self.responses.store(pending, store, answer);
                self.stored().await;
                (How::Miss, response)
            }
        }
    }

    /// Asks for a path by GET; the backend would answer with 200 and the text, for a minute.
    pub(crate) async fn get(&self, path: &str, rules: &LookupRules, text: &str) -> How {
        self.call(&mut get(path), rules, minute(), ok(text)).await.0
    }

    /// What this request gets from the cache, or from a backend that answers `fresh`.
    pub(crate) async fn text(&self, scope: &KeyScope, request: &mut Request, rules: &LookupRules) -> String {
        let answer = self.call_as(scope, request, rules, (minute(), ok("fresh"))).await.1;
        text(answer).await
    }

    pub(crate) async fn stored(&self) {
        assert!(self.responses.flush(DEADLINE).await);
    }
}

impl HandClock {
    pub(crate) fn forward(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

impl WallClock for HandClock {
    fn since_epoch(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

pub(crate) async fn cache(redis: &RedisServer) -> Cache {
    connected(Cache::builder("local").internal(redis.address()).time_budget(BUDGET)).await
}

pub(crate) fn get(path: &str) -> Request {
    request(Method::GET, path, &[])
}

pub(crate) fn request(method: Method, path: &str, headers: &[(&'static str, &str)]) -> Request {
    let url = Url::parse(&format!("http://api.example{path}")).unwrap();
    let mut request = Request::new(method, url);
    for (name, value) in headers {
        request.headers.append(HeaderName::from_static(name), value.parse().unwrap());
    }
    request
}

pub(crate) fn get_with(path: &str, headers: &[(&'static str, &str)]) -> Request {
    request(Method::GET, path, headers)
}

pub(crate) fn ok(text: &str) -> Response {
    answer(StatusCode::OK, text, &[])
}

pub(crate) fn answer(status: StatusCode, text: &str, headers: &[(&'static str, &str)]) -> Response {
    let mut response = Response::new(status);
    for (name, value) in headers {
        response.headers.append(HeaderName::from_static(name), value.parse().unwrap());
    }
    response.body = Content::Bytes(Bytes::from(text.to_owned()));
    response
}

pub(crate) fn minute() -> StoreRules {
    StoreRules::seconds(60)
}

pub(crate) async fn text(mut response: Response) -> String {
    response.body.buffer(usize::MAX).await.unwrap();
    let bytes = response.body.bytes().cloned().unwrap_or_default();
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub(crate) fn vary(headers: &[&str], parameters: &[&str]) -> LookupRules {
    let vary = Vary::new(headers.iter().copied(), parameters.iter().copied()).unwrap();
    LookupRules { vary: Arc::new(vary), ..LookupRules::default() }
}

pub(crate) fn developer(id: &str, groups: &[&str]) -> KeyScope {
    let group = |id: &&str| larder_client::context::Group { id: (*id).into(), name: "".into() };
    let groups = groups.iter().map(group).collect();
    let user = User { id: id.into(), groups, ..User::default() };
    KeyScope { developer: Some(Arc::new(user)), ..KeyScope::new("api") }
}

/// 2024-01-01.
pub(crate) const START_MILLIS: u64 = 1_704_067_200_000;
