//! One view of a request for both of its shapes: the context of the policy engine and the types of
//! `http`. Nothing is copied for it.

use http::uri::Authority;
use http::{HeaderMap, Method, Uri, header};

use crate::context::{Request, Url};

/// What response caching looks at, and the headers it changes on a miss.
pub(crate) struct View<'a> {
    pub(crate) method: &'a Method,
    pub(crate) target: Target<'a>,
    /// See [`Host`].
    pub(crate) host_is_clear: bool,
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
        Self { method: &request.method, target, host_is_clear: true, headers: &mut request.headers }
    }

    /// A view of an `http` request; `host` is what [`Host::of`] found in it.
    pub(crate) fn of_parts(
        method: &'a Method,
        uri: &'a Uri,
        host: &'a Host,
        headers: &'a mut HeaderMap,
    ) -> Self {
        let authority = host.authority.as_ref();
        let target = Target {
            host: authority.map_or("", |authority| authority.host()),
            port: authority.and_then(Authority::port_u16).unwrap_or(standard_port(uri)),
            backend: None,
            path: if uri.path().is_empty() { "/" } else { uri.path() },
            query: uri.query().unwrap_or_default(),
        };
        Self { method, target, host_is_clear: host.is_clear, headers }
    }
}

/// The host that a request names: in its target, else in `Host`.
#[derive(Debug)]
pub(crate) struct Host {
    authority: Option<Authority>,
    /// Whatever part of the request somebody looks at, he finds this host.
    is_clear: bool,
}

impl Host {
    pub(crate) fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        let mut lines = headers.get_all(header::HOST).iter();
        let line = lines.next();
        let named: Option<Authority> = line.and_then(|line| line.to_str().ok()?.parse().ok());
        let is_readable = line.is_some() == named.is_some() && lines.next().is_none();
        let standard = standard_port(uri);
        let place = |authority: &Authority| {
            let port = authority.port_u16().unwrap_or(standard);
            (authority.host().to_ascii_lowercase(), port)
        };
        let is_one = match (uri.authority(), &named) {
            (Some(target), Some(named)) => place(target) == place(named),
            _ => true,
        };
        let is_clear = is_readable && is_one && uri.authority().into_iter().chain(&named).all(is_plain);
        Self { authority: uri.authority().cloned().or(named), is_clear }
    }
}

/// Whether there is a host and at most a port, and no more: no user information.
fn is_plain(authority: &Authority) -> bool {
    match authority.as_str().strip_prefix(authority.host()) {
        Some("" | ":") => true,
        Some(_) => authority.port_u16().is_some() && !authority.as_str().contains('@'),
        None => false,
    }
}

fn standard_port(uri: &Uri) -> u16 {
    if uri.scheme_str() == Some("https") { 443 } else { 80 }
}
