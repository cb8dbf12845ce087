//! The engine's way to the backend.

use std::net::IpAddr;

use hyper::header::{HeaderName, HeaderValue};
use larder_client::context::{Content, Context, Response};
use larder_client::engine::{Forward, ForwardError, ForwardOptions};

use crate::headers::{add_forwarded, host_for_backend};
use crate::upstream::{Backend, BackendError, Question};

/// The backend of one request.
pub(super) struct Onward<'a> {
    /// The backend of its route.
    pub(super) backend: &'a Backend,
    /// For hosts that policies name.
    pub(super) elsewhere: &'a Backend,
    pub(super) client: IpAddr,
    /// The host that the client asked for.
    pub(super) host: Option<HeaderValue>,
    /// The header with the subscription key: it is for this gateway alone.
    pub(super) key_header: Option<&'a HeaderName>,
}

impl Forward for Onward<'_> {
    async fn forward(&self, context: &mut Context, _: &ForwardOptions) -> Result<Response, ForwardError> {
        let request = &mut context.request;
        let mut headers = request.headers.clone();
        if let Some(name) = self.key_header {
            headers.remove(name);
        }
        let host = host_for_backend(&headers, self.host.as_ref());
        add_forwarded(&mut headers, self.client, self.host.clone());
        // Bytes are still there for expressions afterwards.
        let body = match &request.body {
            Content::Bytes(bytes) => Content::Bytes(bytes.clone()),
            Content::Absent => Content::Absent,
            Content::Stream(_) | Content::Consumed => std::mem::replace(&mut request.body, Content::Consumed),
        };
        let (method, url) = (request.method.clone(), request.url.clone());
        let backend = if self.backend.is_at(&url) { self.backend } else { self.elsewhere };
        let answer = backend.ask(Question { method, url, headers, host, body }).await;
        answer.map_err(|error| match error {
            BackendError::TimedOut => ForwardError::Timeout,
            BackendError::Unreachable => ForwardError::Connection(error.to_string()),
            other => ForwardError::Refused { status: other.status(), why: other.to_string() },
        })
    }
}
