//! A response made from an entry, before it has the types of whoever asked.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::conditional;
use super::entry::Entry;
use super::pending::Asked;
use super::trace::Trace;
use crate::StoreUsed;
use crate::context::{Content, Response};

/// A whole response.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) reason: Option<Arc<str>>,
    pub(super) headers: HeaderMap,
    /// None where a response has no body: to HEAD, and with 304.
    pub(super) body: Option<Bytes>,
}

/// Where an entry was found.
pub(super) enum Source {
    Store(StoreUsed),
    /// Another request was getting it.
    Shared,
    /// It is past its freshness and stands in for the backend, for this reason.
    StandIn(&'static str, StoreUsed),
}

/// What a request wants of an entry.
pub(super) struct Asking<'a> {
    pub(super) is_head: bool,
    /// The headers of the request, if its conditions count.
    pub(super) conditions: Option<&'a HeaderMap>,
}

impl Reply {
    /// The response that an entry makes; `now` is since 1970.
    pub(super) fn of(
        entry: &Entry,
        asked: &Asked,
        source: &Source,
        asking: &Asking<'_>,
        now: Duration,
    ) -> Self {
        let (head, life) = (&entry.head, entry.head.life);
        let mut headers = head.headers.clone();
        headers.insert(header::AGE, HeaderValue::from(life.age(now)));
        asked.client.write(&mut headers, Some(u64::from(life.fresh) + u64::from(life.age)));
        let is_304 = head.status == StatusCode::OK
            && asking
                .conditions
                .is_some_and(|request| conditional::is_not_modified(request, &head.headers, now.as_secs()));
        let mut reply = Self { status: head.status, reason: head.reason.clone(), headers, body: None };
        if is_304 {
            (reply.status, reply.reason) = (StatusCode::NOT_MODIFIED, None);
            reply.headers = conditional::of_not_modified(&reply.headers);
        } else {
            if head.status != StatusCode::NO_CONTENT {
                reply.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(entry.body.len()));
            }
            reply.body = (!asking.is_head).then(|| entry.body.clone());
        }
        source.tell(asked, &mut reply.headers);
        reply
    }

    /// The answer to a request that may not go to the backend.
    pub(super) fn refused(retry_after: u64, asked: &Asked) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(0));
        if asked.is_traced {
            let key = Some(&asked.key);
            Trace { result: "miss", store: None, reason: Some("origin-limit"), key }.write(&mut headers);
        }
        Self { status: StatusCode::SERVICE_UNAVAILABLE, reason: None, headers, body: Some(Bytes::new()) }
    }

    pub(super) fn into_context(self) -> Response {
        let body = self.body.map_or(Content::Absent, Content::Bytes);
        Response { status: self.status, reason: self.reason, headers: self.headers, body }
    }
}

impl Source {
    fn tell(&self, asked: &Asked, headers: &mut HeaderMap) {
        if !asked.is_traced {
            return;
        }
        let (result, store, reason) = match self {
            Self::Store(store) => ("hit", Some(store), None),
            Self::Shared => ("hit", None, Some("shared")),
            Self::StandIn(reason, store) => ("stale", Some(store), Some(*reason)),
        };
        Trace { result, store, reason, key: Some(&asked.key) }.write(headers);
    }
}
