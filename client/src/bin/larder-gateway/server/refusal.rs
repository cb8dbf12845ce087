//! What the gateway itself answers, without a policy or a backend: a status and a sentence, in the words that policy
//! failures use, too.

use hyper::StatusCode;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use larder_client::context::{Content, Response};

/// Why a request is not looked at further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No route is for this path.
    NoRoute,
    /// The routes of this path are for these methods.
    Method(String),
    /// A tunnel, or an echo of what other proxies added.
    NeverPassedOn,
    /// Another protocol.
    Upgrade,
    /// No host, or several.
    Host,
    /// No path, or one that leads out of the backend's.
    Path,
    /// The body is too long.
    TooLong,
    /// The subscription key is missing, or not known.
    Subscription {
        /// Whether there was one.
        is_given: bool,
    },
    /// A policy has made an answer that is none.
    NoAnswer,
}

impl Refusal {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::Method(_) | Self::NeverPassedOn => StatusCode::METHOD_NOT_ALLOWED,
            Self::Upgrade => StatusCode::NOT_IMPLEMENTED,
            Self::Host | Self::Path => StatusCode::BAD_REQUEST,
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Subscription { .. } => StatusCode::UNAUTHORIZED,
            Self::NoAnswer => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn message(&self) -> &'static str {
        match self {
            Self::NoRoute => "No route is for this path.",
            Self::Method(_) => "No route of this path takes this method.",
            Self::NeverPassedOn => "This method is not passed on.",
            Self::Upgrade => "This gateway does not change protocols.",
            Self::Host => "The request does not name one host.",
            Self::Path => "The path cannot be asked for.",
            Self::TooLong => "The body of the request is too long.",
            Self::Subscription { is_given: false } => "A subscription key is missing.",
            Self::Subscription { is_given: true } => "The subscription key is not known.",
            Self::NoAnswer => "The policy has made no answer.",
        }
    }

    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::Method(methods) => Some((ALLOW, HeaderValue::from_str(methods).ok()?)),
            Self::NeverPassedOn => {
                Some((ALLOW, HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")))
            }
            Self::Subscription { .. } => {
                Some((WWW_AUTHENTICATE, HeaderValue::from_static("SubscriptionKey realm=\"gateway\"")))
            }
            _ => None,
        }
    }
}

impl From<&Refusal> for Response {
    fn from(refusal: &Refusal) -> Self {
        let mut response = told(refusal.status(), refusal.message());
        response.headers.extend(refusal.header());
        response
    }
}

/// A status and a sentence.
pub(super) fn told(status: StatusCode, message: &str) -> Response {
    let mut response = Response::new(status);
    response.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body = format!("{{ \"statusCode\": {}, \"message\": \"{message}\" }}", status.as_u16());
    response.body = Content::Bytes(body.into());
    response
}
