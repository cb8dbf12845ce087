//! One backend: its URL, its share of the pool, and how it is asked.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::ext::ReasonPhrase;
use hyper::header::{CONTENT_LENGTH, HOST, HeaderValue, TRANSFER_ENCODING};
use hyper::http::uri::Authority;
use hyper::{HeaderMap, Method, Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use larder_client::TlsError;
use larder_client::context::{Content, Response, Url};
use larder_client::http::ReadAhead;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::body::{BodyError, Paced, Upload, Watched};
use super::connector::Connector;
use super::error::BackendError;
use crate::headers::{drop_for_connection, drop_hop_by_hop, drop_length};
use crate::limits;
use crate::pace::PaceLimits;
use crate::settings::Settings;

/// Connections to all backends. Cloning it is cheap and shares everything.
#[derive(Clone)]
pub(crate) struct Pool {
    client: Client<Connector, Outgoing>,
    connector: Connector,
    pause_max: Duration,
    requests_max: usize,
    ahead: ReadAhead,
}

/// The body of a request to a backend.
type Outgoing = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

impl Pool {
    /// A pool with the limits of the settings. Nothing is connected yet.
    pub(crate) fn new(settings: &Settings) -> Self {
        let connector = Connector::new(settings.backend_connect_max, settings.backend_ca.clone());
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(settings.backend_idle_max)
            .pool_max_idle_per_host(limits::BACKEND_IDLE_MAX)
            .build(connector.clone());
        Self {
            client,
            connector,
            pause_max: settings.backend_pause_max,
            requests_max: settings.backend_requests_max,
            ahead: ReadAhead::new(settings.buffer_bytes_max),
        }
    }

    /// Whether backends with such a URL can be reached at all.
    pub(crate) fn check(&self, url: &Url) -> Result<(), TlsError> {
        if &*url.scheme == "https" { self.connector.tls().map(|_| ()) } else { Ok(()) }
    }

    /// How bodies are read ahead of whoever takes them.
    pub(crate) fn ahead(&self) -> &ReadAhead {
        &self.ahead
    }
}

/// A backend.
pub(crate) struct Backend {
    url: Url,
    pool: Pool,
    /// One permit for each request that may be under way.
    turns: Arc<Semaphore>,
}

/// What a backend is asked.
pub(crate) struct Question {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    /// The host that is asked for; that of the URL if there is none.
    pub(crate) host: Option<HeaderValue>,
    pub(crate) body: Content,
}

impl Backend {
    /// A backend at this URL; its limits hold for whatever is asked through it.
    pub(crate) fn new(url: Url, pool: &Pool) -> Self {
        Self { url, pool: pool.clone(), turns: Arc::new(Semaphore::new(pool.requests_max)) }
    }

    /// Its URL.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Whether this URL is one of its host.
    pub(crate) fn is_at(&self, url: &Url) -> bool {
        (&self.url.host, self.url.port, &self.url.scheme) == (&url.host, url.port, &url.scheme)
    }

    /// Asks it. The body of its answer is still to be read, and has its limits with it.
    pub(crate) async fn ask(&self, question: Question) -> Result<Response, BackendError> {
        let uri = uri(&question.url).ok_or(BackendError::Path)?;
        let mut headers = question.headers;
        frame(&mut headers, &question.body);
        let upload = Arc::new(Upload::default());
        let body = self.outgoing(question.body, &upload).await?;
        let turn = self.turn().await?;
        let mut request = Request::new(body);
        *request.method_mut() = question.method;
        let own = uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        request.headers_mut().insert(HOST, question.host.or(own).ok_or(BackendError::Path)?);
        let answer = self.answer_to(request, &upload).await?;
        if answer.status().is_informational() {
            return Err(BackendError::Unreachable);
        }
        Ok(response(answer, self.pool.pause_max, turn))
    }

    /// The body of a request, so much of it as may be read ahead: a client that is slow to send it holds no turn.
    async fn outgoing(&self, body: Content, upload: &Arc<Upload>) -> Result<Outgoing, BackendError> {
        let body = match body {
            Content::Bytes(bytes) => {
                return Ok(Full::new(bytes).map_err(|never| match never {}).boxed_unsync());
            }
            Content::Absent | Content::Consumed => {
                return Ok(Empty::new().map_err(|never| match never {}).boxed_unsync());
            }
            Content::Stream(body) => body,
        };
        let mut body = self.pool.ahead.read(body);
        body.settled().await.map_err(|error| match BodyError::find(&*error) {
            Some(error) => error.into(),
            None => BackendError::ClientGone,
        })?;
        Ok(Watched { body, upload: upload.clone() }.boxed_unsync())
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit, BackendError> {
        let turn = self.turns.clone().acquire_owned();
        match tokio::time::timeout(limits::BACKEND_PATIENCE, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(BackendError::Busy),
        }
    }

    /// The time limit begins anew as long as the request's body moves; while the client is to send more of it, its own
    /// limit counts.
    async fn answer_to(
        &self,
        request: Request<Outgoing>,
        upload: &Upload,
    ) -> Result<hyper::Response<Incoming>, BackendError> {
        let host = request.uri().authority().cloned();
        let answer = self.pool.client.request(request);
        tokio::pin!(answer);
        let mut seen = upload.seen();
        loop {
            match tokio::time::timeout(self.pool.pause_max, &mut answer).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => return Err(reason(&error, host.as_ref())),
                Err(_) => {
                    let now = upload.seen();
                    if now.is_some() && now == seen {
                        return Err(BackendError::TimedOut);
                    }
                    seen = now;
                }
            }
        }
    }
}

fn uri(url: &Url) -> Option<Uri> {
    let standard = standard_port(&url.scheme)?;
    if has_dot_segments(&url.path) {
        return None;
    }
    let port = if url.port == standard { String::new() } else { format!(":{}", url.port) };
    let parts = Uri::builder().scheme(&*url.scheme).authority(format!("{}{port}", url.host));
    parts.path_and_query(format!("{}{}", url.path, url.query_string())).build().ok()
}

/// The port that a URL of this scheme need not name; none for schemes that are not spoken.
fn standard_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// Whether a backend that resolves the path (RFC 3986, section 5.2.4), decoded or not, could leave the
/// base of its URL.
pub(crate) fn has_dot_segments(path: &str) -> bool {
    let is_dots = |path: &str| path.split(['/', '\\']).any(|segment| matches!(segment, "." | ".."));
    if !path.contains('%') {
        return path.contains('.') && is_dots(path);
    }
    let plain = path.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/");
    is_dots(&plain)
}

/// Makes the header fields say how long this body is, whatever they said before: a backend that waits for more takes
/// the next request on its connection for it. The client library leaves a length that is there.
fn frame(headers: &mut HeaderMap, body: &Content) {
    let had_length = headers.contains_key(CONTENT_LENGTH);
    drop_hop_by_hop(headers);
    drop_length(headers);
    let length = match body {
        Content::Stream(body) => body.size_hint().exact(),
        Content::Bytes(bytes) => Some(bytes.len() as u64),
        // There was a body, and nothing of it is left.
        Content::Consumed => Some(0),
        Content::Absent if had_length => Some(0),
        Content::Absent => return,
    };
    match length {
        Some(length) => headers.insert(CONTENT_LENGTH, length.into()),
        None => headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked")),
    };
}

fn reason(error: &hyper_util::client::legacy::Error, backend: Option<&Authority>) -> BackendError {
    if let Some(error) = BodyError::find(error) {
        return error.into();
    }
    let backend = backend.map_or("", Authority::as_str);
    tracing::warn!(backend, error = error as &dyn std::error::Error, "backend cannot be reached");
    BackendError::Unreachable
}

/// The version is that of one connection: a backend's 1.0 says nothing about the gateway.
fn response(answer: hyper::Response<Incoming>, pause_max: Duration, turn: OwnedSemaphorePermit) -> Response {
    let (mut head, body) = answer.into_parts();
    drop_for_connection(&mut head.headers);
    let mut response = Response::new(head.status);
    let reason = head.extensions.get::<ReasonPhrase>();
    response.reason = reason.and_then(|reason| std::str::from_utf8(reason.as_bytes()).ok()).map(Into::into);
    response.headers = head.headers;
    // A backend may be as slow as it likes, but for pauses.
    let limits = PaceLimits { pause_max, rate_min: 0, total_max: Duration::MAX };
    response.body = Content::Stream(Paced::from_backend(body, limits, turn).into_stream());
    response
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Url { scheme, host, port, path, .. } = &self.url;
        match port {
            _ if host.is_empty() => f.write_str("no backend yet: to serve, give --backend"),
            _ if standard_port(scheme) == Some(*port) => write!(f, "{scheme}://{host}{path}"),
            _ => write!(f, "{scheme}://{host}:{port}{path}"),
        }
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
