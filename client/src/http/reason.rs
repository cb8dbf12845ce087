//! Why a request or a response took no part in caching: one row each, from which names, labels and
//! texts derive.

use std::fmt;

/// Why a lookup was not made. The request goes to the backend as it is, and its response is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
#[non_exhaustive]
pub enum SkipReason {
    /// The method is not GET; nor HEAD, if that is answered from entries of GET.
    Method,
    /// The request has an `Authorization` header, and the policy does not allow private responses.
    Authorization,
    /// The request asks for a range: entries are whole.
    Range,
    /// The request has a body, which is no part of the key.
    Body,
    /// The request asks for another protocol.
    Upgrade,
    /// The client says `no-store`, and the gateway honours it.
    ClientNoStore,
    /// A HEAD for which there is no entry: its answer cannot be one.
    HeadMiss,
    /// It does not say clearly which host it is for: its target and `Host` name different ones, `Host` cannot be
    /// read or is there twice, or there is user information in one of them.
    Host,
}

impl SkipReason {
    /// Every reason with its word and its text, in the order of the enum.
    pub const ALL: [(Self, &'static str, &'static str); 8] = [
        (Self::Method, "method", "the method is not GET"),
        (Self::Authorization, "authorization", "the request has an Authorization header"),
        (Self::Range, "range", "the request asks for a range"),
        (Self::Body, "body", "the request has a body"),
        (Self::Upgrade, "upgrade", "the request asks for another protocol"),
        (Self::ClientNoStore, "client-no-store", "the client says no-store"),
        (Self::HeadMiss, "head-miss", "there is no entry that a HEAD could be answered from"),
        (Self::Host, "host", "the request does not say clearly which host it is for"),
    ];

    /// The word for it in metrics and in the debug header.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::ALL[*self as usize].2)
    }
}

/// Why a response was not stored. The client gets it in every case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
#[non_exhaustive]
pub enum NotStored {
    /// `cache-response` is false.
    Declined,
    /// `cache-response` is absent and the status is not 200.
    Status,
    /// An informational response, a part (206) or 304: it is not whole, whatever the policy says.
    Partial,
    /// `duration` is not positive.
    Duration,
    /// It sets a cookie, and such responses are not stored.
    SetCookie,
    /// The backend says `no-store` or `private`, and the gateway honours it.
    BackendForbids,
    /// It varies by headers that the policy does not, and the gateway honours that.
    Varies,
    /// It is a stream of events, which has no end.
    EventStream,
    /// The body is larger than allowed.
    TooLarge,
    /// The headers are larger than allowed.
    HeadersTooLarge,
    /// It has trailers, which an entry cannot hold.
    Trailers,
    /// The body broke off, was shorter than announced, or the client left before its end.
    Incomplete,
    /// Too many bodies are being kept, or too many stores are under way.
    Overloaded,
    /// The cache could not be asked.
    Unavailable,
    /// No cache is configured for the caching type.
    NotConfigured,
}

impl NotStored {
    /// Every reason with its word and its text, in the order of the enum.
    pub const ALL: [(Self, &'static str, &'static str); 15] = [
        (Self::Declined, "declined", "cache-response is false"),
        (Self::Status, "status", "the status is not 200"),
        (Self::Partial, "partial", "the response is not whole"),
        (Self::Duration, "duration", "the duration is not positive"),
        (Self::SetCookie, "set-cookie", "the response sets a cookie"),
        (Self::BackendForbids, "backend-forbids", "the backend forbids it"),
        (Self::Varies, "varies", "the response varies by more than the policy says"),
        (Self::EventStream, "event-stream", "the response is a stream of events"),
        (Self::TooLarge, "too-large", "the body is too large"),
        (Self::HeadersTooLarge, "headers-too-large", "the headers are too large"),
        (Self::Trailers, "trailers", "the response has trailers"),
        (Self::Incomplete, "incomplete", "the body did not come to its end"),
        (Self::Overloaded, "overloaded", "too much is being stored"),
        (Self::Unavailable, "unavailable", "the cache cannot be reached"),
        (Self::NotConfigured, "not-configured", "no cache is configured"),
    ];

    /// The word for it in metrics and in the debug header.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

impl fmt::Display for NotStored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::ALL[*self as usize].2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_at_the_place_of_their_reason() {
        for (place, (reason, ..)) in SkipReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place);
        }
        for (place, (reason, ..)) in NotStored::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place);
        }
    }
}
