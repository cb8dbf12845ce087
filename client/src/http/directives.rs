//! The directives of `Cache-Control` that response caching can be told to honour.

use http::{HeaderMap, header};

/// What a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Directives {
    /// `no-cache` or `max-age=0`; of a request.
    pub(super) no_cache: bool,
    /// `no-store`.
    pub(super) no_store: bool,
    /// `private`; of a response.
    pub(super) private: bool,
}

impl Directives {
    /// What a client says; nothing if nobody listens.
    pub(super) fn of_request(headers: &HeaderMap, listens: bool) -> Self {
        if !listens {
            return Self::default();
        }
        let said = Self::of(headers);
        let pragma =
            || headers.get_all(header::PRAGMA).iter().any(|line| has_word(line.as_bytes(), "no-cache"));
        match headers.contains_key(header::CACHE_CONTROL) {
            true => said,
            false => Self { no_cache: pragma(), ..said },
        }
    }

    /// What `Cache-Control` says.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let says =
            |word| headers.get_all(header::CACHE_CONTROL).iter().any(|line| has_word(line.as_bytes(), word));
        Self {
            no_cache: says("no-cache") || says("max-age=0"),
            no_store: says("no-store"),
            private: says("private"),
        }
    }
}

/// The `max-age` of a response; none if it says nothing, or forbids storing.
pub(super) fn max_age(headers: &HeaderMap) -> Option<i64> {
    let said = Directives::of(headers);
    let lines = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    let mut ages = lines.flat_map(|line| line.split(',')).filter_map(|item| {
        let (name, seconds) = item.trim().split_once('=')?;
        name.eq_ignore_ascii_case("max-age").then(|| seconds.trim_matches('"').parse::<u32>().ok())?
    });
    ages.next().map(i64::from).filter(|_| !said.no_store && !said.private)
}

/// Whether a list has this directive, with an argument or as it is.
fn has_word(line: &[u8], word: &str) -> bool {
    line.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).any(|item| {
        let beginning =
            item.get(..word.len()).is_some_and(|found| found.eq_ignore_ascii_case(word.as_bytes()));
        beginning && matches!(item.get(word.len()), None | Some(b'=' | b' ' | b'\t'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: header::HeaderName, value: &str) -> Directives {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        Directives::of_request(&headers, true)
    }

    #[test]
    fn directives_are_words_of_a_list() {
        let nothing = Directives::default();
        for (value, expected) in [
            ("no-cache", Directives { no_cache: true, ..nothing }),
            ("max-age=60 , NO-CACHE", Directives { no_cache: true, ..nothing }),
            ("max-age=0", Directives { no_cache: true, ..nothing }),
            ("max-age=01", nothing),
            ("no-cachet", nothing),
            ("no-store,private=\"set-cookie\"", Directives { no_store: true, private: true, ..nothing }),
            ("", nothing),
        ] {
            assert_eq!(said(header::CACHE_CONTROL, value), expected, "{value}");
        }
        assert!(said(header::PRAGMA, "no-cache").no_cache);
    }

    #[test]
    fn max_age_is_a_number_of_seconds() {
        for (value, expected) in [
            ("max-age=60", Some(60)),
            ("public, Max-Age=\"60\"", Some(60)),
            ("max-age=60, no-store", None),
            ("private, max-age=60", None),
            ("max-age=-1", None),
            ("s-maxage=5", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CACHE_CONTROL, value.parse().unwrap());
            assert_eq!(max_age(&headers), expected, "{value}");
        }
    }

    #[test]
    fn pragma_counts_alone_only() {
        let mut headers = HeaderMap::new();
        headers.insert(header::PRAGMA, "no-cache".parse().unwrap());
        headers.insert(header::CACHE_CONTROL, "max-age=60".parse().unwrap());
        assert_eq!(Directives::of_request(&headers, true), Directives::default());
        assert_eq!(Directives::of_request(&headers, false), Directives::default());
    }
}
