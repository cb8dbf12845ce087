//! The client-facing `Cache-Control`: what `downstream-caching-type` and `must-revalidate` write, and
//! what becomes of the backend's own freshness headers.

use std::fmt::Write as _;

use http::{HeaderMap, HeaderValue, header};

use super::rules::{LookupRules, Vary};
use crate::policy::statement::DownstreamCaching;

/// What becomes of the `Cache-Control`, `Expires` and `Pragma` that the backend sends, where the policy
/// writes its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum BackendFreshness {
    /// They go: the client sees the policy's alone, and never a life that outlasts `duration`.
    #[default]
    Replace,
    /// They go to the client as they are, if there is a `Cache-Control` or an `Expires`; nothing is
    /// written then.
    Keep,
}

/// What a lookup remembers for its response.
#[derive(Debug, Clone)]
pub(super) struct ClientSide {
    pub(super) downstream: DownstreamCaching,
    pub(super) must_revalidate: bool,
    pub(super) vary: std::sync::Arc<Vary>,
    pub(super) backend: BackendFreshness,
}

impl ClientSide {
    pub(super) fn of(rules: &LookupRules, backend: BackendFreshness) -> Self {
        let LookupRules { downstream, must_revalidate, vary, .. } = rules;
        Self { downstream: *downstream, must_revalidate: *must_revalidate, vary: vary.clone(), backend }
    }

    /// Writes the headers of a response that lives for so many seconds, counted from when it left its
    /// origin; none if it is not stored. What is not stored keeps the backend's headers, unless
    /// nobody may cache at all.
    pub(super) fn write(&self, headers: &mut HeaderMap, life: Option<u64>) {
        let has_own = headers.contains_key(header::CACHE_CONTROL) || headers.contains_key(header::EXPIRES);
        if self.backend == BackendFreshness::Keep && has_own {
            return;
        }
        let value = match (self.downstream, life) {
            (DownstreamCaching::None, _) => HeaderValue::from_static("no-store"),
            (_, None) => return,
            (DownstreamCaching::Private, Some(life)) => self.allowed("private", life, headers),
            (DownstreamCaching::Public, Some(life)) => self.allowed("public", life, headers),
        };
        headers.remove(header::EXPIRES);
        headers.remove(header::PRAGMA);
        headers.insert(header::CACHE_CONTROL, value);
    }

    fn allowed(&self, whom: &str, life: u64, headers: &mut HeaderMap) -> HeaderValue {
        self.add_vary(headers);
        let mut text = format!("{whom}, max-age={life}");
        if self.must_revalidate {
            let _ = write!(text, ", must-revalidate");
        }
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("no-store"))
    }

    /// Caches behind the gateway have to vary by the same headers.
    fn add_vary(&self, headers: &mut HeaderMap) {
        let lines: Vec<HeaderValue> = headers.get_all(header::VARY).iter().cloned().collect();
        let listed = |name: &str| {
            let items = lines.iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
            items.map(str::trim).any(|item| item == "*" || item.eq_ignore_ascii_case(name))
        };
        for name in self.vary.headers().iter().filter(|name| !listed(name.as_str())) {
            headers.append(header::VARY, HeaderValue::from_name(name.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(downstream: DownstreamCaching, must_revalidate: bool, backend: BackendFreshness) -> HeaderMap {
        written_for(downstream, must_revalidate, backend, Some(60))
    }

    fn written_for(
        downstream: DownstreamCaching,
        must_revalidate: bool,
        backend: BackendFreshness,
        life: Option<u64>,
    ) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        headers.insert(header::EXPIRES, HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
        headers.insert(header::VARY, HeaderValue::from_static("Accept"));
        let vary = Vary::new(["accept", "accept-language"], []).unwrap().into();
        ClientSide { downstream, must_revalidate, vary, backend }.write(&mut headers, life);
        headers
    }

    #[test]
    fn the_policy_goes_before_the_backend() {
        for (downstream, must_revalidate, expected) in [
            (DownstreamCaching::None, true, "no-store"),
            (DownstreamCaching::None, false, "no-store"),
            (DownstreamCaching::Private, true, "private, max-age=60, must-revalidate"),
            (DownstreamCaching::Private, false, "private, max-age=60"),
            (DownstreamCaching::Public, true, "public, max-age=60, must-revalidate"),
            (DownstreamCaching::Public, false, "public, max-age=60"),
        ] {
            let headers = written(downstream, must_revalidate, BackendFreshness::Replace);
            assert_eq!(headers[header::CACHE_CONTROL], expected);
            assert!(!headers.contains_key(header::EXPIRES));
        }
    }

    #[test]
    fn the_backend_goes_before_the_policy_if_it_shall() {
        let headers = written(DownstreamCaching::Private, true, BackendFreshness::Keep);
        assert_eq!(headers[header::CACHE_CONTROL], "public, max-age=300");
        assert!(headers.contains_key(header::EXPIRES));
        let mut bare = HeaderMap::new();
        let rules = LookupRules { downstream: DownstreamCaching::Private, ..LookupRules::default() };
        ClientSide::of(&rules, BackendFreshness::Keep).write(&mut bare, Some(1));
        assert_eq!(bare[header::CACHE_CONTROL], "private, max-age=1, must-revalidate");
    }

    #[test]
    fn what_is_not_stored_keeps_its_headers_unless_nobody_may_cache() {
        let headers = written_for(DownstreamCaching::Public, true, BackendFreshness::Replace, None);
        assert_eq!(headers[header::CACHE_CONTROL], "public, max-age=300");
        let headers = written_for(DownstreamCaching::None, true, BackendFreshness::Replace, None);
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    }

    #[test]
    fn others_vary_by_the_same_headers() {
        let headers = written(DownstreamCaching::Public, true, BackendFreshness::Replace);
        let vary: Vec<_> = headers.get_all(header::VARY).iter().collect();
        assert_eq!(vary, ["Accept", "accept-language"]);
        let headers = written(DownstreamCaching::None, true, BackendFreshness::Replace);
        assert_eq!(headers.get_all(header::VARY).iter().count(), 1);
    }
}
