//! One request: admitted, given to the engine, answered, told in the log.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::ext::ReasonPhrase;
use hyper::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Request, StatusCode};
use larder_client::context::{self, Content, Context, LastError, Response, Url};
use larder_client::engine::{Policies, Record};
use larder_client::http::ReadAhead;

use super::forward::Onward;
use super::gateway::Gateway;
use super::refusal::Refusal;
use super::target::{settle_host, settle_path};
use crate::headers::{drop_for_connection, drop_length, wants_upgrade};
use crate::limits;
use crate::plan::{Caller, Found, Parameters, Plan, Route};
use crate::upstream::{Paced, has_dot_segments};

/// The body of an answer.
type AnswerBody = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// A request that may be given to the engine.
struct Admitted<'a> {
    route: &'a Route,
    /// What the backend sees of its path.
    path: String,
    parameters: Parameters,
    caller: Option<&'a Caller>,
}

impl Gateway {
    /// Answers a request; whatever happens, there is an answer.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        client: IpAddr,
    ) -> hyper::Response<AnswerBody> {
        let (started, plan) = (self.now(), self.plan());
        let (mut head, body) = request.into_parts();
        let method = head.method.clone();
        let admitted = is_passed_on(&head)
            .and_then(|()| settle_host(&mut head))
            .and_then(|()| settle_path(&mut head))
            .and_then(|()| self.admit(&plan, &head));
        let (route, (response, record)) = match admitted {
            Ok(admitted) => {
                let host = head.headers.get(HOST).cloned();
                drop_for_connection(&mut head.headers);
                // A connection cannot have it for itself.
                if let Some(host) = host {
                    head.headers.insert(HOST, host);
                }
                (Some(admitted.route), self.run(admitted, head, body, client).await)
            }
            Err(refusal) => (None, (Response::from(&refusal), Record::default())),
        };
        let response = sendable(response, &record, self.is_traced, &self.ahead);
        let took = self.now().saturating_sub(started);
        let status = response.status().as_u16();
        tell(&method, route, status, &record, took);
        response
    }

    fn admit<'a>(&self, plan: &'a Plan, head: &Parts) -> Result<Admitted<'a>, Refusal> {
        let path = head.uri.path();
        if !path.starts_with('/') || has_dot_segments(path) {
            return Err(Refusal::Path);
        }
        let (route, parameters) = match plan.find(&head.method, path) {
            Found::Route(route, parameters) => (route, parameters),
            Found::Method(methods) => return Err(Refusal::Method(methods)),
            Found::Nothing => return Err(Refusal::NoRoute),
        };
        let path = route.path_for_backend(path).ok_or(Refusal::Path)?.to_owned();
        let length =
            head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > self.body_bytes_max) {
            return Err(Refusal::TooLong);
        }
        let caller = self.caller(plan, head);
        match &caller {
            Err(is_given) if route.subscription_required => {
                Err(Refusal::Subscription { is_given: *is_given })
            }
            _ => Ok(Admitted { route, path, parameters, caller: caller.ok() }),
        }
    }

    /// Whose key the request bears; or whether it bears one that nobody has.
    fn caller<'a>(&self, plan: &'a Plan, head: &Parts) -> Result<&'a Caller, bool> {
        if plan.subscriptions.is_empty() {
            return Err(false);
        }
        let in_header = self.subscription_header.as_ref().and_then(|name| head.headers.get(name));
        if let Some(key) = in_header {
            return key.to_str().ok().and_then(|key| plan.subscriptions.find(key)).ok_or(true);
        }
        let url = Url::of(&head.uri, "", "http");
        let mut parameters = url.parameters();
        let key = parameters.find(|(name, _)| self.is_key_parameter(name)).ok_or(false)?;
        plan.subscriptions.find(&key.1).ok_or(true)
    }

    fn is_key_parameter(&self, name: &str) -> bool {
        !name.is_empty() && name == self.subscription_parameter
    }

    async fn run(
        &self,
        admitted: Admitted<'_>,
        head: Parts,
        body: Incoming,
        client: IpAddr,
    ) -> (Response, Record) {
        let (route, caller) = (admitted.route, admitted.caller);
        let host = head.headers.get(HOST).cloned();
        let onward = Onward {
            backend: &route.backend,
            elsewhere: &self.elsewhere,
            client,
            host,
            key_header: self.subscription_header.as_ref().filter(|_| caller.is_some()),
        };
        let mut context = self.context(admitted, head, body, client);
        let policies: &Policies = &route.policies;
        let answer = self.engine.answer(policies, &mut context, &onward).await;
        if let Some(error) = &context.last_error {
            tell_failure(route, error, answer.response.status);
        }
        (answer.response, answer.record)
    }

    fn context(&self, admitted: Admitted<'_>, head: Parts, body: Incoming, client: IpAddr) -> Context {
        let Admitted { route, path, parameters, caller } = admitted;
        let host = head.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let original = Url::of(&head.uri, host, "http");
        let mut request =
            context::Request::new(head.method, self.backend_url(route, &path, &original, caller.is_some()));
        request.original_url = original;
        request.headers = head.headers;
        if !body.is_end_stream() {
            request.body =
                Content::Stream(Paced::from_client(body, self.pace, self.body_bytes_max).into_stream());
        }
        request.ip_address = Some(client);
        request.matched_parameters = parameters;
        let mut context = Context::new(request);
        context.request_id = self.request_id();
        context.timestamp = self.date();
        context.started = self.now();
        context.is_traced = self.is_traced;
        context.api = route.entities.api.clone();
        context.operation = route.entities.operation.clone();
        context.product =
            caller.and_then(|caller| caller.product.clone()).or_else(|| route.entities.product.clone());
        context.subscription = caller.map(|caller| caller.subscription.clone());
        context.user = caller.and_then(|caller| caller.user.clone());
        context.deployment = self.deployment.clone();
        context
    }

    /// Where a request of this route goes: the backend's URL, with the path and query of the request. A subscription
    /// key is for this gateway alone.
    fn backend_url(&self, route: &Route, path: &str, original: &Url, has_caller: bool) -> Url {
        let base = route.backend.url();
        let has_key = has_caller && original.pairs().any(|(_, name)| self.is_key_parameter(&name));
        let query = if has_key {
            let others = original.pairs().filter(|(_, name)| !self.is_key_parameter(name));
            others.map(|(pair, _)| pair).collect::<Vec<_>>().join("&").into()
        } else {
            original.query.clone()
        };
        Url { path: format!("{}{path}", base.path.trim_end_matches('/')).into(), query, ..base.clone() }
    }
}

/// Whether this gateway passes on such requests at all.
fn is_passed_on(head: &Parts) -> Result<(), Refusal> {
    if matches!(head.method, Method::CONNECT | Method::TRACE) {
        return Err(Refusal::NeverPassedOn);
    }
    if wants_upgrade(&head.headers) { Err(Refusal::Upgrade) } else { Ok(()) }
}

/// An answer as hyper sends it. What rules a connection is the gateway's own.
fn sendable(
    response: Response,
    record: &Record,
    is_traced: bool,
    ahead: &ReadAhead,
) -> hyper::Response<AnswerBody> {
    let response =
        if response.status.is_informational() { Response::from(&Refusal::NoAnswer) } else { response };
    let Response { status, reason, mut headers, body } = response;
    drop_for_connection(&mut headers);
    // What a backend says of other gateways is not what this one did.
    headers.remove(&TRACE);
    let body: AnswerBody = match body {
        Content::Stream(body) if body.is_end_stream() => body,
        // The backend, and whoever waits for the entry, does not wait for a slow client.
        Content::Stream(body) => ahead.read(body).boxed_unsync(),
        Content::Bytes(bytes) => {
            drop_length(&mut headers);
            Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
        }
        Content::Absent | Content::Consumed => {
            drop_length(&mut headers);
            Empty::new().map_err(|never| match never {}).boxed_unsync()
        }
    };
    if is_traced {
        add_trace(&mut headers, record);
    }
    let mut answer = hyper::Response::new(body);
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    let reason = reason.and_then(|reason| ReasonPhrase::try_from(reason.as_bytes().to_vec()).ok());
    if let Some(reason) = reason {
        answer.extensions_mut().insert(reason);
    }
    answer
}

/// What statements did, a line each, up to the limits.
fn add_trace(headers: &mut HeaderMap, record: &Record) {
    let lines = record.events.iter().take(limits::TRACE_LINES_MAX).map(ToString::to_string);
    let is_cut = record.is_cut || record.events.len() > limits::TRACE_LINES_MAX;
    for line in lines.chain(is_cut.then(|| "and more".to_owned())) {
        let line = &line.as_bytes()[..line.len().min(limits::TRACE_LINE_BYTES_MAX)];
        if let Ok(line) = HeaderValue::from_bytes(line) {
            headers.append(TRACE, line);
        }
    }
}

/// One line for each request: no path, no query, no key, no value.
fn tell(method: &Method, route: Option<&Route>, status: u16, record: &Record, took: Duration) {
    if !tracing::enabled!(tracing::Level::INFO) {
        return;
    }
    let route = route.map_or_else(|| "-".to_owned(), |route| route.template().to_string());
    tracing::info!(
        %method,
        route,
        status,
        cache = record.cache.as_str(),
        cache_ms = millis(record.cache_time),
        backend_ms = millis(record.backend_time),
        ms = millis(took),
        "request"
    );
}

/// Why a policy failed. That a caller has had enough is no fault of the policy.
fn tell_failure(route: &Route, error: &LastError, status: StatusCode) {
    let place = format!("{}/{}", error.section, error.path);
    let (route, reason, scope, message) = (route.template(), &error.reason, &error.scope, &error.message);
    if status.is_client_error() {
        tracing::debug!(%route, %reason, %scope, %place, "a policy refused: {message}");
    } else {
        tracing::warn!(%route, %reason, %scope, %place, "a policy failed: {message}");
    }
}

/// Milliseconds to three places.
fn millis(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}

const TRACE: HeaderName = HeaderName::from_static("x-larder-trace");
