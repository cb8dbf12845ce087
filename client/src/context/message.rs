//! The request and the response.

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, Method, StatusCode};
use indexmap::IndexMap;

use super::body::Content;
use super::url::Url;

/// `context.Request`.
#[derive(Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where it goes: policies may have changed it.
    pub url: Url,
    /// Where the client sent it.
    pub original_url: Url,
    /// The headers; policies may have changed them.
    pub headers: HeaderMap,
    /// The body.
    pub body: Content,
    /// The client.
    pub ip_address: Option<IpAddr>,
    /// The parameters that the operation's template found in the URL.
    pub matched_parameters: IndexMap<Arc<str>, Arc<str>>,
}

impl Request {
    /// A request without headers and body.
    #[must_use]
    pub fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            original_url: url.clone(),
            url,
            headers: HeaderMap::new(),
            body: Content::Absent,
            ip_address: None,
            matched_parameters: IndexMap::new(),
        }
    }
}

/// `context.Response`.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The reason phrase; none is the usual one of the status.
    pub reason: Option<Arc<str>>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Content,
}

impl Response {
    /// A response without headers and body.
    #[must_use]
    pub fn new(status: StatusCode) -> Self {
        Self { status, reason: None, headers: HeaderMap::new(), body: Content::Absent }
    }

    /// The reason phrase, or the usual one of the status.
    #[must_use]
    pub fn reason_phrase(&self) -> &str {
        self.reason.as_deref().or_else(|| self.status.canonical_reason()).unwrap_or_default()
    }
}
