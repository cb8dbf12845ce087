//! The target of a request in one form, before anybody looks at it: keys, policies, routes and the backend see the same
//! host and the same path, however a client wrote them.

use hyper::Uri;
use hyper::header::{HOST, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::uri::{Authority, PathAndQuery};

use super::refusal::Refusal;

/// Takes the host of a request: that of the target if it has one, else that of `Host`; the two may not differ. Then it
/// stands in `Host` alone, in lower case and without a port that says nothing, and the target is a path.
///
/// RFC 9112, section 3.2: proxies that take different ones of two hosts can be played off against each other.
pub(super) fn settle_host(head: &mut Parts) -> Result<(), Refusal> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let (first, more) = (hosts.next(), hosts.next());
    if more.is_some() || (first.is_none() && head.version == hyper::Version::HTTP_11) {
        return Err(Refusal::Host);
    }
    let named = first.map(|host| host.to_str().ok().and_then(normal).ok_or(Refusal::Host)).transpose()?;
    let target = head.uri.authority().map(|host| normal(host.as_str()).ok_or(Refusal::Host)).transpose()?;
    // Clients are served over HTTP.
    let is_http = head.uri.scheme_str().is_none_or(|scheme| scheme == "http");
    if !is_http || (target.is_some() && named.is_some() && target != named) {
        return Err(Refusal::Host);
    }
    let host = target.or(named).filter(|host| !host.is_empty());
    match host.map(|host| HeaderValue::try_from(host).map_err(|_| Refusal::Host)).transpose()? {
        Some(host) => head.headers.insert(HOST, host),
        None => head.headers.remove(HOST),
    };
    if head.uri.authority().is_some() {
        let path = head.uri.path_and_query().cloned();
        head.uri = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    }
    Ok(())
}

/// Writes the path without escapes that it does not need (RFC 3986, section 6.2.2.2): `/%61` is `/a`.
pub(super) fn settle_path(head: &mut Parts) -> Result<(), Refusal> {
    let path = head.uri.path();
    if !path.contains('%') {
        return Ok(());
    }
    let query = head.uri.query().map_or_else(String::new, |query| format!("?{query}"));
    let target = PathAndQuery::try_from(format!("{}{query}", unescaped(path))).map_err(|_| Refusal::Path)?;
    head.uri = Uri::from(target);
    Ok(())
}

/// A path whose unreserved characters (RFC 3986, section 2.3) are not escaped; everything else stays.
fn unescaped(path: &str) -> String {
    let mut parts = path.split('%');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_hex = part.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
        let code = part.get(..2).filter(|_| is_hex).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code.filter(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(byte)) {
            Some(byte) => {
                plain.push(char::from(byte));
                plain.push_str(part.get(2..).unwrap_or_default());
            }
            None => {
                plain.push('%');
                plain.push_str(part);
            }
        }
    }
    plain
}

/// A host and port as everybody else writes them; none if it is neither, or names a user.
fn normal(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some(String::new());
    }
    let authority = text.parse::<Authority>().ok().filter(|_| !text.contains('@'))?;
    let host = authority.host();
    let port = match text.strip_prefix(host)? {
        "" | ":" => STANDARD_PORT,
        port => {
            let digits = port.strip_prefix(':').filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
            digits?.parse::<u16>().ok()?
        }
    };
    let host = host.to_ascii_lowercase();
    Some(if port == STANDARD_PORT { host } else { format!("{host}:{port}") })
}

const STANDARD_PORT: u16 = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_that_say_nothing_go() {
        for (path, wanted) in [
            ("/%61dmin/%7e%5F", "/admin/~_"),
            ("/a%2Fb%5c%20%", "/a%2Fb%5c%20%"),
            ("/%2561%6", "/%2561%6"),
            ("/%+1%zz", "/%+1%zz"),
        ] {
            assert_eq!(unescaped(path), wanted, "{path}");
        }
    }

    #[test]
    fn hosts_have_one_form() {
        for (text, wanted) in [
            ("Api.Example", Some("api.example")),
            ("api.example:80", Some("api.example")),
            ("api.example:", Some("api.example")),
            ("API.example:08080", Some("api.example:8080")),
            ("[::1]:81", Some("[::1]:81")),
            ("", Some("")),
            ("evil@api.example", None),
            ("@api.example", None),
            ("api.example:99999", None),
            ("api.example:+80", None),
            ("api.example/x", None),
            ("a b", None),
        ] {
            assert_eq!(normal(text).as_deref(), wanted, "{text}");
        }
    }
}
