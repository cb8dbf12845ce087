//! A URL in the parts that expressions ask for.

use std::sync::Arc;

use http::Uri;

use crate::dotnet::encoding::url_decode;

/// `IUrl`: an absolute `http` or `https` URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// `http` or `https`.
    pub scheme: Arc<str>,
    /// The host in lower case, without port.
    pub host: Arc<str>,
    /// The port; the scheme's if the URL names none.
    pub port: u16,
    /// The path as written, from its `/`.
    pub path: Arc<str>,
    /// What stands behind `?`, as written; empty without.
    pub query: Arc<str>,
}

impl Url {
    /// The URL of a request that a server received: its target, with what the target does not say
    /// from the `Host` header and the scheme of the connection. A `Host` that names a user is none
    /// (RFC 9110, section 4.2.4).
    #[must_use]
    pub fn of(target: &Uri, host: &str, scheme: &str) -> Self {
        let scheme = target.scheme_str().unwrap_or(scheme);
        let named = || host.parse().ok().filter(|_| !host.contains('@'));
        let authority = target.authority().cloned().or_else(named);
        let standard = if scheme == "https" { 443 } else { 80 };
        Self {
            scheme: scheme.into(),
            host: authority.as_ref().map_or("", |authority| authority.host()).to_ascii_lowercase().into(),
            port: authority.as_ref().and_then(http::uri::Authority::port_u16).unwrap_or(standard),
            path: if target.path().is_empty() { "/".into() } else { target.path().into() },
            query: target.query().unwrap_or_default().into(),
        }
    }

    /// Reads an absolute URL; none if it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        uri.authority()?;
        matches!(uri.scheme_str(), Some("http" | "https")).then(|| Self::of(&uri, "", "http"))
    }

    /// `?` and the query, or nothing.
    #[must_use]
    pub fn query_string(&self) -> String {
        if self.query.is_empty() { String::new() } else { format!("?{}", self.query) }
    }

    /// The pairs of the query as written, in their order, each with its name decoded.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, String)> + '_ {
        let pairs = self.query.split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| (pair, url_decode(pair.split('=').next().unwrap_or_default())))
    }

    /// The names and values of the query in their order, decoded: `+` is a blank, `%41` an `A`.
    pub fn parameters(&self) -> impl Iterator<Item = (String, String)> + '_ {
        let pairs = self.query.split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (url_decode(name), url_decode(value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_completed_by_the_host() {
        let url = Url::of(&"/a/b?x=1".parse().unwrap(), "api.example:8080", "http");
        assert_eq!((&*url.host, url.port, &*url.path, &*url.query), ("api.example", 8080, "/a/b", "x=1"));
        let url = Url::of(&"https://h/".parse().unwrap(), "other", "http");
        assert_eq!((&*url.scheme, &*url.host, url.port), ("https", "h", 443));
        assert_eq!(&*Url::of(&"/".parse().unwrap(), "API.Example:80", "http").host, "api.example");
        assert_eq!(&*Url::of(&"/".parse().unwrap(), "evil@api.example", "http").host, "");
        assert_eq!(Url::parse("https://h:1/p"), Some(Url { port: 1, path: "/p".into(), ..url }));
        assert_eq!(Url::parse("/only/a/path"), None);
    }

    #[test]
    fn parameters_are_decoded() {
        let url = Url::of(&"/?a=1&b=x%20y+z&&c&a=%zz%e4".parse().unwrap(), "h", "http");
        let found: Vec<_> = url.parameters().collect();
        let pairs = [("a", "1"), ("b", "x y z"), ("c", ""), ("a", "%zz\u{fffd}")];
        assert_eq!(found, pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
