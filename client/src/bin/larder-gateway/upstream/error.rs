//! Why a backend gave no answer, and what the client is told then.

use std::fmt;

use hyper::StatusCode;

use super::body::{BodyError, Side};

/// Why there is no answer of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BackendError {
    /// It cannot be reached, or broke off.
    Unreachable,
    /// It did not begin to answer in time.
    TimedOut,
    /// Too many requests are waiting for it.
    Busy,
    /// The path makes no URL.
    Path,
    /// The client did not send its body in time.
    ClientSlow,
    /// The client broke off.
    ClientGone,
    /// The client's body is too long.
    TooLong,
}

impl BackendError {
    /// The status that says so.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Unreachable => StatusCode::BAD_GATEWAY,
            Self::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Path | Self::ClientGone => StatusCode::BAD_REQUEST,
            Self::ClientSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
        }
    }
}

impl From<&BodyError> for BackendError {
    fn from(error: &BodyError) -> Self {
        match error {
            BodyError::Broken(Side::Client, _) => Self::ClientGone,
            BodyError::Slow(Side::Client) => Self::ClientSlow,
            BodyError::TooLong => Self::TooLong,
            BodyError::Broken(Side::Backend, _) => Self::Unreachable,
            BodyError::Slow(Side::Backend) => Self::TimedOut,
        }
    }
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "the backend cannot be reached",
            Self::TimedOut => "the backend did not answer in time",
            Self::Busy => "too many requests are waiting for the backend",
            Self::Path => "the path cannot be asked for",
            Self::ClientSlow => "the body of the request did not come in time",
            Self::ClientGone => "the body of the request ended too early",
            Self::TooLong => "the body of the request is too long",
        })
    }
}

impl std::error::Error for BackendError {}
