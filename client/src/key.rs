//! How a policy's key is called in a cache.
//!
//! The service `default` uses the policy's keys as they are, so that `redis-cli get
//! userprofile-42` finds what the key `userprofile-42` stored. Every other service has the prefix
//! `@SERVICE/`. A key of the default service that begins with `@` gets one more in front, so that no
//! two services ever meet.
//!
//! | service | key | in the cache |
//! |---|---|---|
//! | `default` | `userprofile-42` | `userprofile-42` |
//! | `default` | `@shop/x` | `@@shop/x` |
//! | `shop` | `x` | `@shop/x` |
//!
//! Entries of response caching stand apart: `@http:SERVICE/` and the key that [`http`](crate::http)
//! documents. The name of a service has no colon, so no value has such a key.

use std::borrow::Cow;

/// The service whose keys have no prefix.
pub const DEFAULT_SERVICE: &str = "default";

/// What a service puts before its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeySpace {
    prefix: Option<String>,
    response_prefix: String,
}

impl KeySpace {
    /// The keys of a service; none if the name is not 1 to 64 of `a-z A-Z 0-9 . _ -`.
    pub(crate) fn new(service: &str) -> Option<Self> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let fits = (1..=64).contains(&service.len()) && service.bytes().all(known);
        fits.then(|| Self {
            prefix: (service != DEFAULT_SERVICE).then(|| format!("@{service}/")),
            response_prefix: format!("@http:{service}/"),
        })
    }

    /// The key of a response entry as the cache knows it.
    pub(crate) fn response_key(&self, key: &str) -> String {
        format!("{}{key}", self.response_prefix)
    }

    /// The key as the cache knows it.
    pub(crate) fn key<'a>(&self, key: &'a str) -> Cow<'a, str> {
        match &self.prefix {
            Some(prefix) => Cow::Owned(format!("{prefix}{key}")),
            None if key.starts_with('@') => Cow::Owned(format!("@{key}")),
            None => Cow::Borrowed(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_table_holds() {
        let default = KeySpace::new("default").unwrap();
        let shop = KeySpace::new("shop").unwrap();
        assert_eq!(default.key("userprofile-42"), "userprofile-42");
        assert_eq!(default.key("@shop/x"), "@@shop/x");
        assert_eq!(shop.key("x"), "@shop/x");
        assert_eq!(shop.response_key("x"), "@http:shop/x");
        assert_eq!(default.response_key("x"), "@http:default/x");
        assert_eq!(default.key("@http:default/x"), "@@http:default/x");
        for wrong in ["", "a/b", "@a", "a b", &"x".repeat(65)] {
            assert_eq!(KeySpace::new(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn different_keys_and_services_never_meet(
            left in r"default|a|b|a\.b", right in r"default|a|b|a\.b", k1 in "[@/ab]{0,6}", k2 in "[@/ab]{0,6}"
        ) {
            prop_assume!((&left, &k1) != (&right, &k2));
            let name = |service: &str, key: &str| KeySpace::new(service).unwrap().key(key).into_owned();
            prop_assert_ne!(name(&left, &k1), name(&right, &k2));
        }
    }
}
