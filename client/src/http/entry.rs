//! A response entry: what is kept of a response, and the bytes it has in a cache. Which responses are
//! kept is left to others.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use larder_proto::envelope::{Response, Value};

use super::hop::HOP_BY_HOP;

/// A response as it lies in a cache.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) head: Head,
    pub(super) body: Bytes,
}

/// An entry without its body.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) reason: Option<Arc<str>>,
    /// Without what belongs to one connection or one delivery.
    pub(super) headers: HeaderMap,
    pub(super) life: Life,
}

/// When an entry came and how long it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Life {
    /// Since 1970.
    pub(super) stored: Duration,
    /// Seconds for which it is fresh: the `duration` of the policy.
    pub(super) fresh: u32,
    /// Seconds after that for which it may stand in for a failing backend.
    pub(super) stale: u32,
    /// The age that it had when it came, in seconds: that of a cache behind the gateway.
    pub(super) age: u32,
}

impl Life {
    /// Seconds since the response left its origin; `now` is since 1970.
    pub(super) fn age(&self, now: Duration) -> u64 {
        let resident = now.saturating_sub(self.stored).as_secs();
        // Clocks of gateways differ. An entry that is there is fresh if nothing else keeps it.
        let resident = if self.stale == 0 { resident.min(u64::from(self.fresh)) } else { resident };
        u64::from(self.age) + resident
    }

    /// Whether it is fresh. An age of exactly `fresh` is too old.
    pub(super) fn is_fresh(&self, now: Duration) -> bool {
        self.stale == 0 || now.saturating_sub(self.stored) < Duration::from_secs(self.fresh.into())
    }

    /// Whether it may stand in for a failing backend.
    pub(super) fn is_usable(&self, now: Duration) -> bool {
        let end = u64::from(self.fresh) + u64::from(self.stale);
        self.stale == 0 || now.saturating_sub(self.stored) < Duration::from_secs(end)
    }

    /// Seconds for which the cache keeps it.
    pub(super) fn seconds(&self) -> i64 {
        i64::from(self.fresh) + i64::from(self.stale)
    }
}

impl Entry {
    /// The value to store. Names, values and the reason are copied; the body is not.
    pub(super) fn to_value(&self) -> Value {
        let Head { status, reason, headers, life } = &self.head;
        let Life { fresh, stale, age, .. } = life;
        let life = format!("1 stored={} fresh={fresh} stale={stale} age={age}", life.stored.as_millis());
        let mut fields = Vec::with_capacity(1 + headers.len());
        fields.push((LIFE.to_owned(), Bytes::from(life)));
        for (name, value) in headers {
            fields.push((name.as_str().to_owned(), Bytes::copy_from_slice(value.as_bytes())));
        }
        Value::Response(Box::new(Response {
            status: status.as_u16(),
            reason: reason.as_deref().unwrap_or_default().to_owned(),
            headers: fields,
            body: self.body.clone(),
        }))
    }

    /// The entry that a value holds; none if it is not one. Headers that no entry keeps are left out.
    pub(super) fn of_value(value: Value) -> Option<Self> {
        let Value::Response(response) = value else { return None };
        let Response { status, reason, headers: fields, body } = *response;
        let mut fields = fields.into_iter();
        let (name, life) = fields.next()?;
        let life = if name == LIFE { life_of(&life)? } else { return None };
        let status = StatusCode::from_u16(status).ok().filter(|status| !is_part(*status))?;
        let mut headers = HeaderMap::with_capacity(fields.len());
        let mut is_clean = true;
        for (name, value) in fields {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            is_clean &= !NOT_KEPT.contains(&name);
            headers.try_append(name, HeaderValue::from_maybe_shared(value).ok()?).ok()?;
        }
        // Others write entries, too: a length or coding of theirs would be taken for that of this delivery.
        if !is_clean {
            headers = kept_headers(&headers, None);
        }
        let reason = (!reason.is_empty()).then(|| reason.into());
        Some(Self { head: Head { status, reason, headers, life }, body })
    }
}

fn life_of(text: &Bytes) -> Option<Life> {
    let mut words = std::str::from_utf8(text).ok()?.split(' ');
    if words.next()? != "1" {
        return None;
    }
    let mut number = |name: &str| words.next()?.strip_prefix(name)?.strip_prefix('=')?.parse::<u64>().ok();
    Some(Life {
        stored: Duration::from_millis(number("stored")?),
        fresh: number("fresh")?.try_into().ok()?,
        stale: number("stale")?.try_into().ok()?,
        age: number("age")?.try_into().ok()?,
    })
}

/// What an entry keeps of a response's headers. `now` is the date of one that has none.
pub(super) fn kept_headers(headers: &HeaderMap, now: Option<HeaderValue>) -> HeaderMap {
    let listed: Vec<&str> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(str::trim))
        .collect();
    let is_kept = |name: &HeaderName| {
        !HOP_BY_HOP.contains(name)
            && !NOT_KEPT.contains(name)
            && !listed.iter().any(|listed| listed.eq_ignore_ascii_case(name.as_str()))
    };
    let mut kept = HeaderMap::with_capacity(headers.len() + 1);
    for (name, value) in headers.iter().filter(|(name, _)| is_kept(name)) {
        kept.append(name, value.clone());
    }
    if let (Some(now), false) = (now, kept.contains_key(header::DATE)) {
        kept.insert(header::DATE, now);
    }
    kept
}

/// Whether a response with this status is no whole one: none is stored, and none is an entry.
pub(super) fn is_part(status: StatusCode) -> bool {
    status.is_informational() || matches!(status, StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED)
}

/// The field that holds the entry's life: no header of a response can have this name.
const LIFE: &str = ":larder";

/// What is kept neither, for it belongs to one delivery or to one client.
const NOT_KEPT: [HeaderName; 6] = [
    header::AGE,
    header::CONTENT_LENGTH,
    header::SET_COOKIE,
    HeaderName::from_static("set-cookie2"),
    super::trace::CACHE,
    super::trace::CACHE_KEY,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(stored: u64, fresh: u32, stale: u32) -> Entry {
        let mut headers = HeaderMap::new();
        headers.append("x-a", "1".parse().unwrap());
        headers.append("x-a", "2".parse().unwrap());
        headers.append("x-latin", HeaderValue::from_bytes(b"\xe4").unwrap());
        let life = Life { stored: Duration::from_millis(stored), fresh, stale, age: 3 };
        let head = Head { status: StatusCode::OK, reason: Some("Fine".into()), headers, life };
        Entry { head, body: Bytes::from_static(b"body") }
    }

    #[test]
    fn an_entry_comes_back_as_it_was() {
        let entry = entry(1_700_000_000_123, 60, 5);
        let bytes = Bytes::from(entry.to_value().encode().unwrap());
        let read = Entry::of_value(Value::decode(&bytes).unwrap()).unwrap();
        assert_eq!((read.head.status, &read.head.headers), (StatusCode::OK, &entry.head.headers));
        assert_eq!((read.head.reason.as_deref(), read.head.life), (Some("Fine"), entry.head.life));
        assert_eq!(read.body, "body");
    }

    #[test]
    fn the_bytes_are_those_of_the_manual() {
        let mut entry = entry(1_700_000_000_123, 60, 0);
        (entry.head.headers, entry.head.reason) = (HeaderMap::new(), None);
        let life = b"1 stored=1700000000123 fresh=60 stale=0 age=3";
        let mut expected = b"\0LVE\x01\x0b".to_vec();
        let payload = [
            &[200, 0, 0, 0, 1, 0, 7, 0][..],
            b":larder",
            &u32::try_from(life.len()).unwrap().to_le_bytes(),
            life,
            b"body",
        ]
        .concat();
        expected.extend(u32::try_from(payload.len()).unwrap().to_le_bytes());
        expected.extend(payload);
        assert_eq!(entry.to_value().encode().unwrap(), expected);
    }

    #[test]
    fn what_is_no_entry_is_none() {
        let with = |name: &str, value: &'static str| {
            let headers = vec![(name.to_owned(), Bytes::from_static(value.as_bytes()))];
            Value::Response(Box::new(Response {
                status: 200,
                reason: String::new(),
                headers,
                body: Bytes::new(),
            }))
        };
        assert!(Entry::of_value(with(":larder", "1 stored=1 fresh=1 stale=0 age=0")).is_some());
        for value in [
            Value::from("text"),
            with("x", "1 stored=1 fresh=1 stale=0 age=0"),
            with(":larder", "2 stored=1 fresh=1 stale=0 age=0"),
            with(":larder", "1 stored=1 fresh=1 stale=0"),
            with(":larder", "1 stored=-1 fresh=1 stale=0 age=0"),
            with(":larder", "1 stored=1 fresh=4294967296 stale=0 age=0"),
        ] {
            assert!(Entry::of_value(value.clone()).is_none(), "{value:?}");
        }
    }

    #[test]
    fn life_is_counted_from_the_time_of_storing() {
        let (kept, bare) = (entry(10_000, 5, 10).head.life, entry(10_000, 5, 0).head.life);
        let at = Duration::from_millis;
        assert!(kept.is_fresh(at(14_999)) && !kept.is_fresh(at(15_000)));
        assert!(kept.is_usable(at(24_999)) && !kept.is_usable(at(25_000)));
        assert_eq!((kept.age(at(9_000)), kept.age(at(12_500)), kept.age(at(24_000))), (3, 5, 17));
        assert!(bare.is_fresh(at(99_000)), "the cache lets it go, by its own clock");
        assert_eq!(bare.age(at(99_000)), 8);
        assert_eq!((kept.seconds(), bare.seconds()), (15, 5));
    }

    #[test]
    fn headers_of_one_connection_and_cookies_are_not_kept() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "x-hop, close"),
            ("x-hop", "1"),
            ("transfer-encoding", "chunked"),
            ("set-cookie", "a=b"),
            ("content-length", "4"),
            ("age", "7"),
            ("etag", "\"1\""),
            ("x-larder-cache", "hit"),
        ] {
            headers.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        let kept = kept_headers(&headers, date("now"));
        assert_eq!(kept.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["etag", "date"]);
        headers.insert(header::DATE, "then".parse().unwrap());
        assert_eq!(kept_headers(&headers, date("now"))[header::DATE], "then");
    }

    fn date(text: &str) -> Option<HeaderValue> {
        HeaderValue::from_str(text).ok()
    }
}
