//! A gateway for tests: an engine on a Redis, a clock that is set by hand, and a backend that answers
//! what a test says.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use larder_client::context::{Content, Context, Request, Response, Url};
use larder_client::dotnet::text::Formattable;
use larder_client::engine::{
    Answer, Engine, EngineBuilder, Forward, ForwardError, ForwardOptions, Policies, Policy,
};
use larder_client::http::Responses;
use larder_client::policy::{Fragments, NamedValues};
use larder_client::{Cache, CacheBuilder, WallClock};

use crate::support::{RedisServer, connected, free_port};

/// A date that is set by hand; 2023 to begin with.
#[derive(Debug)]
pub(crate) struct HandClock(AtomicU64);

impl HandClock {
    pub(crate) fn forward(&self, seconds: u64) {
        self.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

impl WallClock for HandClock {
    fn since_epoch(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }
}

type Answers = dyn Fn(&Context) -> Result<Response, ForwardError> + Send + Sync;

/// A backend of a test's own; remembers what it was asked last.
pub(crate) struct Backend {
    calls: AtomicUsize,
    answers: Box<Answers>,
    pub(crate) options: Mutex<Option<ForwardOptions>>,
    pub(crate) headers: Mutex<http::HeaderMap>,
    pub(crate) body: Mutex<Option<Bytes>>,
}

impl Backend {
    pub(crate) fn new(
        answers: impl Fn(&Context) -> Result<Response, ForwardError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            calls: AtomicUsize::new(0),
            answers: Box::new(answers),
            options: Mutex::default(),
            headers: Mutex::default(),
            body: Mutex::default(),
        }
    }

    /// Answers 200 and `body N`, N the number of the call.
    pub(crate) fn counting() -> Self {
        Self::new(|_| Ok(response(200, "")))
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        larder_client::context::joined(&self.headers.lock().unwrap(), name)
    }
}

impl Forward for Backend {
    async fn forward(
        &self,
        context: &mut Context,
        options: &ForwardOptions,
    ) -> Result<Response, ForwardError> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        *self.options.lock().unwrap() = Some(options.clone());
        *self.headers.lock().unwrap() = context.request.headers.clone();
        *self.body.lock().unwrap() = context.request.body.bytes().cloned();
        let mut response = (self.answers)(context)?;
        if response.body.bytes().is_some_and(Bytes::is_empty) {
            response.body = Content::Bytes(Bytes::from(format!("body {number}")));
        }
        Ok(response)
    }
}

pub(crate) struct Gateway {
    pub(crate) redis: RedisServer,
    pub(crate) engine: Engine,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) backend: Backend,
}

impl Gateway {
    pub(crate) async fn start() -> Self {
        Self::with(Backend::counting(), |cache| cache, |engine| engine).await
    }

    /// With this backend.
    pub(crate) async fn before(backend: Backend) -> Self {
        Self::with(backend, |cache| cache, |engine| engine).await
    }

    /// With a Redis as the internal cache, unless the test says otherwise.
    pub(crate) async fn with(
        backend: Backend,
        cache: impl Fn(CacheBuilder) -> CacheBuilder,
        engine: impl Fn(EngineBuilder) -> EngineBuilder,
    ) -> Self {
        let redis = RedisServer::start().await;
        let builder = Cache::builder("local").internal(redis.address()).time_budget(BUDGET);
        let cache = connected(cache(builder)).await;
        let clock = Arc::new(HandClock(AtomicU64::new(1_700_000_000_000)));
        let engine = engine(Self::builder(cache, &clock)).build();
        Self { redis, engine, clock, backend }
    }

    /// Whose cache nobody listens for.
    pub(crate) async fn away() -> Self {
        let mut gateway = Self::start().await;
        let nobody = format!("127.0.0.1:{}", free_port());
        let cache = Cache::builder("local").internal(nobody).time_budget(BUDGET).build().unwrap();
        gateway.engine = Self::builder(cache, &gateway.clock).build();
        gateway
    }

    /// The same gateway after a restart: nothing of its memory is left.
    pub(crate) async fn restart(&mut self) {
        let builder = Cache::builder("local").internal(self.redis.address()).time_budget(BUDGET);
        self.engine = Self::builder(connected(builder).await, &self.clock).build();
    }

    fn builder(cache: Cache, clock: &Arc<HandClock>) -> EngineBuilder {
        // Response caching tells its own ages, by the system's date.
        let responses = Responses::builder(cache.clone()).build();
        Engine::builder(cache).wall_clock(clock.clone()).responses(responses)
    }

    pub(crate) fn policy(&self, text: &str) -> Policy {
        match self.engine.read(text, &NamedValues::new(), &Fragments::new()) {
            Ok(policy) => policy,
            Err(problems) => panic!("{problems:#}"),
        }
    }

    /// Runs a document for `GET /`.
    pub(crate) async fn get(&self, text: &str) -> Ran {
        self.run(text, get("/")).await
    }

    /// Runs the statements in `inbound` for `GET /`.
    pub(crate) async fn inbound(&self, statements: &str) -> Ran {
        self.get(&format!("<policies><inbound>{statements}</inbound></policies>")).await
    }

    pub(crate) async fn run(&self, text: &str, context: Context) -> Ran {
        self.run_scopes(&Policies::of(&self.policy(text)), context).await
    }

    pub(crate) async fn run_scopes(&self, policies: &Policies, mut context: Context) -> Ran {
        let answer = self.engine.answer(policies, &mut context, &self.backend).await;
        Ran { context, answer }
    }
}

/// A request that was answered.
pub(crate) struct Ran {
    pub(crate) context: Context,
    pub(crate) answer: Answer,
}

impl Ran {
    pub(crate) fn status(&self) -> u16 {
        self.answer.response.status.as_u16()
    }

    /// A header of the response, its values joined.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        larder_client::context::joined(&self.answer.response.headers, name)
    }

    pub(crate) async fn body(&mut self) -> String {
        let body = &mut self.answer.response.body;
        body.buffer(usize::MAX).await.unwrap();
        String::from_utf8(body.bytes().cloned().unwrap_or_default().to_vec()).unwrap()
    }

    /// A variable as text with its type, `string:a`; none if it is not set.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        let value = self.context.variables.get(name)?;
        Some(format!("{}:{}", value.type_name(), value.to_text("").unwrap()))
    }

    /// `REASON SECTION PATH` of the last error.
    pub(crate) fn error(&self) -> Option<String> {
        let error = self.context.last_error.as_ref()?;
        Some(format!("{} {} {}", error.reason, error.section, error.path))
    }

    /// What the statements did, as the trace says.
    pub(crate) fn events(&self) -> Vec<String> {
        let events = self.answer.record.events.iter();
        events.map(|event| format!("{}: {}", event.statement, event.outcome)).collect()
    }

    /// The log column.
    pub(crate) fn cache(&self) -> &'static str {
        self.answer.record.cache.as_str()
    }
}

pub(crate) fn get(path: &str) -> Context {
    request("GET", path)
}

pub(crate) fn request(method: &str, path: &str) -> Context {
    let url = Url::parse(&format!("http://gateway.example{path}")).unwrap();
    Context::new(Request::new(method.parse().unwrap(), url))
}

pub(crate) fn response(status: u16, body: &str) -> Response {
    let mut response = Response::new(status.try_into().unwrap());
    response.body = Content::Bytes(Bytes::copy_from_slice(body.as_bytes()));
    response
}

/// A body that comes in these pieces, and does not say how long it is.
pub(crate) fn stream(pieces: &[&'static str]) -> Content {
    let last_first = pieces.iter().rev().copied().collect();
    Content::Stream(http_body_util::BodyExt::boxed_unsync(Pieces(last_first)))
}

struct Pieces(Vec<&'static str>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        let piece = self.0.pop();
        Poll::Ready(piece.map(|piece| Ok(http_body::Frame::data(Bytes::from_static(piece.as_bytes())))))
    }
}

/// Longer than a busy machine needs.
pub(crate) const BUDGET: Duration = Duration::from_secs(2);
