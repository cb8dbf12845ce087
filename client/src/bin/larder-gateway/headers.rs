//! Which header fields are passed on, and what a proxy adds.

use std::net::IpAddr;

use hyper::HeaderMap;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE,
};
use larder_client::http::HOP_BY_HOP;

/// Removes what belongs to one connection alone (RFC 9110, section 7.6.1): the fields that `Connection` names, too. Of a
/// message that has come it is done before anybody looks at it, so that no field counts for a key and is gone later.
pub(crate) fn drop_for_connection(headers: &mut HeaderMap) {
    let listed: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    drop_hop_by_hop(headers);
    for name in &listed {
        headers.remove(name);
    }
}

/// Removes the fields that are known to belong to one connection alone, whoever set them, and a length that does not
/// rule the body: once Transfer-Encoding is gone, it would (RFC 9112, section 6.3).
pub(crate) fn drop_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(TRANSFER_ENCODING) || !has_one_length(headers) {
        drop_length(headers);
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
    // Answered by this gateway already.
    headers.remove(EXPECT);
}

/// Removes the length of a body that is left out or replaced; that of the new one is its own.
pub(crate) fn drop_length(headers: &mut HeaderMap) {
    headers.remove(CONTENT_LENGTH);
}

/// Says for whom a request is made. Only X-Forwarded-For is a list: what the client itself says of its
/// scheme and host is not what this gateway saw.
pub(crate) fn add_forwarded(headers: &mut HeaderMap, client: IpAddr, host: Option<HeaderValue>) {
    let before = headers.get_all(&FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
    let list: Vec<String> = before.map(str::to_owned).chain([client.to_string()]).collect();
    if let Ok(list) = HeaderValue::from_str(&list.join(", ")) {
        headers.insert(FORWARDED_FOR, list);
    }
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static("http"));
    match host {
        Some(host) => headers.insert(FORWARDED_HOST, host),
        None => headers.remove(FORWARDED_HOST),
    };
}

/// The host that the backend is asked for if not its own: a policy has set another one than the client asked for.
pub(crate) fn host_for_backend(headers: &HeaderMap, asked: Option<&HeaderValue>) -> Option<HeaderValue> {
    headers.get(HOST).filter(|host| Some(*host) != asked).cloned()
}

/// Whether somebody asks for another protocol that is not merely HTTP/2, which may be ignored.
pub(crate) fn wants_upgrade(headers: &HeaderMap) -> bool {
    let is_named = |name: &HeaderName, word: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        let mut words = values.flat_map(|value| value.split(',')).map(str::trim);
        words.any(|known| known.eq_ignore_ascii_case(word))
    };
    headers.contains_key(UPGRADE) && is_named(&CONNECTION, "upgrade") && !is_named(&UPGRADE, "h2c")
}

/// Whether there is one length, and a number.
fn has_one_length(headers: &HeaderMap) -> bool {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let number = lengths.next().is_some_and(|length| length.as_bytes().iter().all(u8::is_ascii_digit));
    number && lengths.next().is_none()
}

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn the_client_joins_those_before_it() {
        let mut found = headers(&[
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-for", "2.2.2.2"),
            ("x-forwarded-proto", "https"),
        ]);
        add_forwarded(&mut found, IpAddr::from([127, 0, 0, 1]), Some(HeaderValue::from_static("api")));
        assert_eq!(found["x-forwarded-for"], "1.1.1.1, 2.2.2.2, 127.0.0.1");
        assert_eq!(
            (&found["x-forwarded-proto"], &found["x-forwarded-host"]),
            (&HeaderValue::from_static("http"), &HeaderValue::from_static("api"))
        );
    }

    #[test]
    fn only_real_upgrades_count() {
        for (connection, upgrade, wanted) in [
            ("keep-alive, Upgrade", "websocket", true),
            ("Upgrade, HTTP2-Settings", "h2c", false),
            ("close", "websocket", false),
        ] {
            assert_eq!(
                wants_upgrade(&headers(&[("connection", connection), ("upgrade", upgrade)])),
                wanted,
                "{upgrade}"
            );
        }
        assert!(!wants_upgrade(&headers(&[("connection", "upgrade")])));
    }

    #[test]
    fn a_length_that_does_not_rule_the_body_goes() {
        for fields in [
            &[("content-length", "3"), ("transfer-encoding", "chunked")][..],
            &[("content-length", "3"), ("content-length", "4")],
            &[("content-length", "+3")],
        ] {
            let mut found = headers(fields);
            drop_hop_by_hop(&mut found);
            assert!(found.is_empty(), "{fields:?}");
        }
        let mut found = headers(&[
            ("content-length", "3"),
            ("connection", "x-a, close"),
            ("x-a", "1"),
            ("expect", "100-continue"),
        ]);
        drop_for_connection(&mut found);
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn on_the_way_out_connection_names_nothing() {
        let mut found = headers(&[("connection", "x-a"), ("x-a", "1"), ("te", "trailers")]);
        drop_hop_by_hop(&mut found);
        assert_eq!(found, headers(&[("x-a", "1")]));
    }
}
