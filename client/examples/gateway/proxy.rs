//! One request: looked up, asked for, stored, answered.

use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use larder_client::{Cache, CachingType, Lookup, LookupResult, StoreUsed, limits};

use crate::backend::{Backend, BackendError};
use crate::body::{AnswerBody, Read, full, read_up_to};
use crate::headers::{ask_for_all, drop_body_headers};
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
            _ => self.pass_on(request).await,
        };
        answer.unwrap_or_else(|error| refusal(&error))
    }

    async fn get(&self, request: Request<Incoming>) -> Result<Response<AnswerBody>, BackendError> {
        let key = key(request.uri());
        let lookup = self.cache.lookup_value(&key, self.caching_type, None).await;
        let (found, store) = (cache_word(&lookup), lookup.store.clone());
        let mut answer = match lookup.into_value().and_then(to_answer) {
            Some(answer) => answer,
            None => self.fetch(&key, request).await.unwrap_or_else(|error| refusal(&error)),
        };
        let headers = answer.headers_mut();
        headers.insert(X_CACHE, HeaderValue::from_static(found));
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
        drop_body_headers(&mut parts.headers);
        let nothing = Empty::new().map_err(|never| match never {}).boxed();
        let answer = self.backend.ask(parts.method, &parts.uri, parts.headers, nothing).await?;
        // A body that the backend encoded unasked is not one for everybody.
        if answer.status() != StatusCode::OK || answer.headers().contains_key(CONTENT_ENCODING) {
            return Ok(answer.map(BodyExt::boxed));
        }
        let (head, body) = answer.into_parts();
        let body = match read_up_to(body, limits::VALUE_BYTES_DEFAULT).await {
            Ok(Read::Whole(body)) => body,
            Ok(Read::TooLarge(body)) => return Ok(Response::from_parts(head, body)),
            Err(_) => return Err(BackendError::Unreachable),
        };
        let value = to_value(&body, head.headers.get(CONTENT_TYPE));
        self.cache.store_value(key, &value, self.duration_seconds, self.caching_type).await;
        Ok(Response::from_parts(head, full(body)))
    }

    /// Passes a request and its answer on as they come.
    async fn pass_on(&self, request: Request<Incoming>) -> Result<Response<AnswerBody>, BackendError> {
        let (parts, body) = request.into_parts();
        let answer = self.backend.ask(parts.method, &parts.uri, parts.headers, body.boxed()).await?;
        Ok(answer.map(BodyExt::boxed))
    }
}

/// The key of a path: `/42` is `userprofile-42`. A query is a part of it.
fn key(uri: &Uri) -> String {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    format!("userprofile-{}", path.strip_prefix('/').unwrap_or(path))
}

fn cache_word(lookup: &Lookup) -> &'static str {
    match &lookup.result {
        LookupResult::Hit(_) => "hit",
        LookupResult::Unavailable { .. } => "unavailable",
        LookupResult::Miss | LookupResult::Default(_) | LookupResult::NotConfigured { .. } => "miss",
    }
}

fn refusal(error: &BackendError) -> Response<AnswerBody> {
    let mut answer = Response::new(full(format!("gateway: {error}\n")));
    *answer.status_mut() = match error {
        BackendError::Unreachable => StatusCode::BAD_GATEWAY,
        BackendError::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        BackendError::Path => StatusCode::BAD_REQUEST,
    };
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}

const X_CACHE: HeaderName = HeaderName::from_static("x-cache");
const X_CACHE_STORE: HeaderName = HeaderName::from_static("x-cache-store");
