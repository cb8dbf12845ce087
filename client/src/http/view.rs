//! One view of a request for both of its shapes: the context of the policy engine and the types of
//! `http`. Nothing is copied for it.

use http::uri::Authority;
use http::{HeaderMap, Method, Uri, header};

use crate::context::{Request, Url};

/// What response caching looks at, and the headers it changes on a miss.
pub(crate) struct View<'a> {
    pub(crate) method: &'a Method,
    pub(crate) target: Target<'a>,
    pub(crate) headers: &'a mut HeaderMap,
}

/// Where a request goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    /// The host that the client called.
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    /// What answers, if that is known.
    pub(crate) backend: Option<Place<'a>>,
    /// The path and the query as they stand: what a rewrite has removed does not count.
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
}

/// Scheme, host and port.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) scheme: &'a str,
    pub(crate) host: &'a str,
    pub(crate) port: u16,
}

impl<'a> View<'a> {
    pub(crate) fn of_context(request: &'a mut Request) -> Self {
        let Url { scheme, host, port, path, query } = &request.url;
        let target = Target {
            host: &request.original_url.host,
            port: request.original_url.port,
            backend: Some(Place { scheme, host, port: *port }),
            path,
            query,
        };
        Self { method: &request.method, target, headers: &mut request.headers }
    }

    /// A view of an `http` request; `authority` is what [`authority`] found for it.
    pub(crate) fn of_parts(
        method: &'a Method,
        uri: &'a Uri,
        authority: Option<&'a Authority>,
        headers: &'a mut HeaderMap,
    ) -> Self {
        let standard = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let target = Target {
            host: authority.map_or("", |authority| authority.host()),
            port: authority.and_then(Authority::port_u16).unwrap_or(standard),
            backend: None,
            path: if uri.path().is_empty() { "/" } else { uri.path() },
            query: uri.query().unwrap_or_default(),
        };
        Self { method, target, headers }
    }
}

/// The host that a request names: in its target, else in `Host`.
pub(crate) fn authority(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    let named = || headers.get(header::HOST)?.to_str().ok()?.parse().ok();
    uri.authority().cloned().or_else(named)
}
