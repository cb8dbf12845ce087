//! The backend: where a request goes that the cache does not answer.

use std::fmt;
use std::time::Duration;

use http_body_util::combinators::BoxBody;
use hyper::body::Bytes;
use hyper::header::{HOST, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, Uri, Version};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::body::{BodyError, Timed};
use crate::headers::drop_hop_by_hop;

/// The body of a request to the backend.
pub(crate) type RequestBody = BoxBody<Bytes, hyper::Error>;

/// A pool of connections to the backend.
pub(crate) struct Backend {
    client: Client<HttpConnector, RequestBody>,
    base: Uri,
    timeout: Duration,
}

/// Why the backend gave no answer.
pub(crate) enum BackendError {
    /// It cannot be reached, or broke off.
    Unreachable,
    /// It did not begin to answer in time, or did not go on.
    TimedOut,
    /// The path makes no URL.
    Path,
}

impl Backend {
    /// A backend that may be silent for `timeout`, before an answer as well as within its body.
    pub(crate) fn new(base: Uri, timeout: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(POOL_IDLE_MAX)
            .build(connector);
        Self { client, base, timeout }
    }

    /// Asks the backend for the path and query of the original request.
    pub(crate) async fn ask(
        &self,
        method: Method,
        original: &Uri,
        mut headers: HeaderMap,
        body: RequestBody,
    ) -> Result<Response<Timed>, BackendError> {
        let uri = self.uri(original).ok_or(BackendError::Path)?;
        drop_hop_by_hop(&mut headers);
        let host = uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
        headers.insert(HOST, host.ok_or(BackendError::Path)?);
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        match tokio::time::timeout(self.timeout, self.client.request(request)).await {
            Ok(Ok(mut answer)) => {
                drop_hop_by_hop(answer.headers_mut());
                // The version is that of one connection: a backend's 1.0 says nothing about the gateway.
                *answer.version_mut() = Version::HTTP_11;
                Ok(answer.map(|body| Timed::new(body, self.timeout)))
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "backend cannot be reached");
                Err(BackendError::Unreachable)
            }
            Err(_) => Err(BackendError::TimedOut),
        }
    }

    fn uri(&self, original: &Uri) -> Option<Uri> {
        if has_dot_segments(original.path()) {
            return None;
        }
        let path = original.path_and_query().map_or("/", |path| path.as_str());
        let base = self.base.path().trim_end_matches('/');
        let parts = Uri::builder().scheme("http").authority(self.base.authority()?.clone());
        parts.path_and_query(format!("{base}{path}")).build().ok()
    }
}

/// Whether a backend that resolves the path (RFC 3986, section 5.2.4), decoded or not, could leave the
/// base of its URL.
fn has_dot_segments(path: &str) -> bool {
    let plain = path.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/");
    plain.split(['/', '\\']).any(|segment| matches!(segment, "." | ".."))
}

impl From<BodyError> for BackendError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Broken(_) => Self::Unreachable,
            BodyError::TimedOut => Self::TimedOut,
        }
    }
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "the backend cannot be reached",
            Self::TimedOut => "the backend did not answer in time",
            Self::Path => "the path cannot be asked for",
        })
    }
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const POOL_IDLE: Duration = Duration::from_secs(30);
const POOL_IDLE_MAX: usize = 64;
