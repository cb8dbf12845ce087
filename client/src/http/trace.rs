//! The headers that tell people how a response came about. What happened is found out by others.

use std::fmt::Write as _;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::key::ResponseKey;
use crate::StoreUsed;

/// `hit|stale|miss|skip; store=…; reason=…`
pub(super) const CACHE: HeaderName = HeaderName::from_static("x-larder-cache");
/// The key.
pub(super) const CACHE_KEY: HeaderName = HeaderName::from_static("x-larder-cache-key");

/// What to tell, and about which key.
pub(super) struct Trace<'a> {
    /// `hit`, `stale`, `miss` or `skip`.
    pub(super) result: &'static str,
    pub(super) store: Option<&'a StoreUsed>,
    pub(super) reason: Option<&'a str>,
    pub(super) key: Option<&'a ResponseKey>,
}

impl Trace<'_> {
    /// Writes the headers, in place of those of another cache behind this one.
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        let mut text = self.result.to_owned();
        if let Some(store) = self.store.filter(|store| **store != StoreUsed::None) {
            let _ = write!(text, "; store={store}");
        }
        if let Some(reason) = self.reason {
            let _ = write!(text, "; reason={reason}");
        }
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(CACHE, value);
        }
        match self.key.map(|key| HeaderValue::from_str(key.as_str())) {
            Some(Ok(key)) => headers.insert(CACHE_KEY, key),
            _ => headers.remove(CACHE_KEY),
        };
    }
}
