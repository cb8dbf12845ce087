//! The call of the backend: what the gateway has to bring, and how it may fail.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use crate::context::{Context, Response};

/// Sends requests to the backend. The gateway brings this.
pub trait Forward: Send + Sync {
    /// Sends `context.request` to its `url`, and gives what the backend answers. The body may be taken
    /// out of the context. The engine ends the call when [`ForwardOptions::timeout`] is over.
    ///
    /// # Errors
    ///
    /// There is no answer, whatever its status would be.
    fn forward(
        &self,
        context: &mut Context,
        options: &ForwardOptions,
    ) -> impl Future<Output = Result<Response, ForwardError>> + Send;
}

/// What a policy's `forward-request` says of the call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForwardOptions {
    /// What it may take until the head of the response is there. The engine sees to it.
    pub timeout: Duration,
    /// What a `100 Continue` may take.
    pub continue_timeout: Option<Duration>,
    /// `1`, `2` or `2or1`; none leaves it to the gateway.
    pub http_version: Option<Arc<str>>,
    /// Whether redirects are followed instead of passed on.
    pub follow_redirects: bool,
    /// Whether the body of the response may be collected before it is passed on; if not, each piece has
    /// to be passed on when it comes.
    pub buffer_response: bool,
}

impl Default for ForwardOptions {
    /// 300 seconds, no redirects, whatever version, and the response may be collected.
    fn default() -> Self {
        Self {
            timeout: crate::limits::FORWARD_TIMEOUT_DEFAULT,
            continue_timeout: None,
            http_version: None,
            follow_redirects: false,
            buffer_response: true,
        }
    }
}

/// Why the backend gave no answer. The texts go to the log and to `context.LastError`; no URL and no
/// value belongs into them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForwardError {
    /// No connection, or it ended before the answer: `BackendConnectionFailure`, 502.
    Connection(String),
    /// No answer in time: `Timeout`, 504.
    Timeout,
    /// The client went away, or its request could not be read to the end: `ClientConnectionFailure`, 400.
    Client(String),
    /// The gateway did not send the request, or not all of it; the status is what the client gets if
    /// `on-error` says nothing else: `ForwardRefused`.
    Refused {
        /// The status.
        status: StatusCode,
        /// Why.
        why: String,
    },
}

impl ForwardError {
    /// The word of `context.LastError.Reason`.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Connection(_) => "BackendConnectionFailure",
            Self::Timeout => "Timeout",
            Self::Client(_) => "ClientConnectionFailure",
            Self::Refused { .. } => "ForwardRefused",
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Connection(_) => StatusCode::BAD_GATEWAY,
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Self::Client(_) => StatusCode::BAD_REQUEST,
            Self::Refused { status, .. } => *status,
        }
    }
}

impl fmt::Display for ForwardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(why) => write!(f, "the backend cannot be reached: {why}"),
            Self::Timeout => f.write_str("the backend did not answer in time"),
            Self::Client(why) => write!(f, "the request ended too early: {why}"),
            Self::Refused { why, .. } => write!(f, "the request was not sent: {why}"),
        }
    }
}

impl std::error::Error for ForwardError {}

/// The same behind a pointer, so that the engine is compiled once. One box for each call of a backend.
pub(super) trait Forwarder: Send + Sync {
    fn forward<'a>(&'a self, context: &'a mut Context, options: &'a ForwardOptions) -> Forwarded<'a>;
}

pub(super) type Forwarded<'a> = Pin<Box<dyn Future<Output = Result<Response, ForwardError>> + Send + 'a>>;

impl<F: Forward> Forwarder for F {
    fn forward<'a>(&'a self, context: &'a mut Context, options: &'a ForwardOptions) -> Forwarded<'a> {
        Box::pin(Forward::forward(self, context, options))
    }
}
