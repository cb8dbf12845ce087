//! One request: looked up, asked for, stored, answered.

use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use larder_client::{Cache, CachingType, LookupResult, StoreUsed, limits};

use crate::backend::{Backend, BackendError};
use crate::body::{AnswerBody, Read, full, read_up_to};
use crate::headers::{ask_for_all, drop_length};
use crate::stored::{to_answer, to_value};

/// What every request needs.
pub(crate) struct Gateway {
    pub(crate) cache: Cache,
    pub(crate) backend: Backend,
    pub(crate) caching_type: CachingType,
    pub(crate) duration_seconds: i64,
}

impl Gateway {
    /// Answers a request; whatever happens, there is an answer.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<AnswerBody> {
        let answer = match *request.method() {
            Method::GET => self.get(request).await,
            // They would open a tunnel, and show what other proxies added.
            Method::CONNECT | Method::TRACE => Ok(no_such_method()),
            _ => self.pass_on(request).await,
        };
        answer.unwrap_or_else(|error| refusal(&error))
    }

    async fn get(&self, request: Request<Incoming>) -> Result<Response<AnswerBody>, BackendError> {
        let key = key(request.uri());
        let lookup = self.cache.lookup_value(&key, self.caching_type, None).await;
        let store = lookup.store.clone();
        // A value that makes no answer is a miss: the backend answers, and its answer takes its place.
        let not_found = match lookup.result {
            LookupResult::Unavailable { .. } => "unavailable",
            _ => "miss",
        };
        let (word, mut answer) = match lookup.into_value().and_then(to_answer) {
            Some(answer) => ("hit", answer),
            None => (not_found, self.fetch(&key, request).await.unwrap_or_else(|error| refusal(&error))),
        };
        let headers = answer.headers_mut();
        drop_cache_words(headers);
        headers.insert(X_CACHE, HeaderValue::from_static(word));
        if store != StoreUsed::None {
            headers.insert(X_CACHE_STORE, HeaderValue::from_static(store.kind()));
        }
        Ok(answer)
    }

    /// Asks the backend and stores what is worth storing.
    async fn fetch(
        &self,
        key: &str,
        request: Request<Incoming>,
    ) -> Result<Response<AnswerBody>, BackendError> {
        let (mut parts, _) = request.into_parts();
        ask_for_all(&mut parts.headers);
        drop_length(&mut parts.headers);
        let nothing = Empty::new().map_err(|never| match never {}).boxed();
        let answer = self.backend.ask(parts.method, &parts.uri, parts.headers, nothing).await?;
        // A body that the backend encoded unasked is not one for everybody.
        if answer.status() != StatusCode::OK || answer.headers().contains_key(CONTENT_ENCODING) {
            return Ok(answer.map(BodyExt::boxed));
        }
        let (mut head, body) = answer.into_parts();
        let body = match read_up_to(body, limits::VALUE_BYTES_DEFAULT).await? {
            Read::Whole(body) => body,
            Read::TooLarge(body) => return Ok(Response::from_parts(head, body)),
        };
        let value = to_value(&body, head.headers.get(CONTENT_TYPE));
        self.cache.store_value(key, &value, self.duration_seconds, self.caching_type).await;
        drop_length(&mut head.headers);
        Ok(Response::from_parts(head, full(body)))
    }

    /// Passes a request and its answer on as they come.
    async fn pass_on(&self, request: Request<Incoming>) -> Result<Response<AnswerBody>, BackendError> {
        let (parts, body) = request.into_parts();
        let mut answer = self.backend.ask(parts.method, &parts.uri, parts.headers, body.boxed()).await?;
        drop_cache_words(answer.headers_mut());
        Ok(answer.map(BodyExt::boxed))
    }
}

/// The key of a path: `/42` is `userprofile-42`. A query is a part of it.
fn key(uri: &Uri) -> String {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    format!("userprofile-{}", path.strip_prefix('/').unwrap_or(path))
}

/// What another cache said on the way here is not what this one says.
fn drop_cache_words(headers: &mut HeaderMap) {
    headers.remove(X_CACHE);
    headers.remove(X_CACHE_STORE);
}

fn no_such_method() -> Response<AnswerBody> {
    let mut answer =
        plain(StatusCode::METHOD_NOT_ALLOWED, "gateway: this method is not passed on\n".to_owned());
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(METHODS));
    answer
}

fn refusal(error: &BackendError) -> Response<AnswerBody> {
    let status = match error {
        BackendError::Unreachable => StatusCode::BAD_GATEWAY,
        BackendError::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        BackendError::Path => StatusCode::BAD_REQUEST,
    };
    plain(status, format!("gateway: {error}\n"))
}

fn plain(status: StatusCode, text: String) -> Response<AnswerBody> {
    let mut answer = Response::new(full(text));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
const X_CACHE: HeaderName = HeaderName::from_static("x-cache");
const X_CACHE_STORE: HeaderName = HeaderName::from_static("x-cache-store");
