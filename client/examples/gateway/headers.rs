//! Which header fields are passed on.

use hyper::HeaderMap;
use hyper::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_RANGE, IF_UNMODIFIED_SINCE, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, RANGE, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};

/// Removes what belongs to one connection alone (RFC 9110, section 7.6.1), and a length that does not
/// rule the body: once Transfer-Encoding is gone, it would (RFC 9112, section 6.3).
pub(crate) fn drop_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(TRANSFER_ENCODING) || !has_one_length(headers) {
        drop_length(headers);
    }
    let listed: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in listed.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// Removes what would make the backend answer with less than the whole: on a miss the answer is
/// stored for everybody.
pub(crate) fn ask_for_all(headers: &mut HeaderMap) {
    for name in &PARTIAL {
        headers.remove(name);
    }
}

/// Removes the length of a body that is left out or replaced; that of the new one is its own.
pub(crate) fn drop_length(headers: &mut HeaderMap) {
    headers.remove(CONTENT_LENGTH);
}

/// Whether there is one length, and a number.
fn has_one_length(headers: &HeaderMap) -> bool {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let number = lengths.next().is_some_and(|length| length.as_bytes().iter().all(u8::is_ascii_digit));
    number && lengths.next().is_none()
}

const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

const PARTIAL: [HeaderName; 7] =
    [ACCEPT_ENCODING, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE];
