//! Conditional requests (RFC 9110, section 13): what is taken from a request on a miss, and whether an
//! entry answers one with 304. Only conditions that a cache may judge are judged: `If-None-Match` and
//! `If-Modified-Since` (RFC 9111, section 4.3.2).

use http::{HeaderMap, HeaderName, header};

use super::date;

/// Takes what would make the backend answer with less than the whole, and gives it back.
pub(super) fn take(headers: &mut HeaderMap, with_cache_control: bool) -> HeaderMap {
    let mut taken = HeaderMap::new();
    let names = if with_cache_control { &TAKEN[..] } else { &TAKEN[2..] };
    for name in names {
        if let header::Entry::Occupied(entry) = headers.entry(name) {
            let (name, values) = entry.remove_entry_mult();
            values.for_each(|value| {
                taken.append(name.clone(), value);
            });
        }
    }
    taken
}

/// Whether the client has what the entry holds. `now` is in seconds since 1970.
pub(super) fn is_not_modified(request: &HeaderMap, entry: &HeaderMap, now: u64) -> bool {
    if request.contains_key(header::IF_NONE_MATCH) {
        return none_match_fails(request, entry);
    }
    let since = request.get(header::IF_MODIFIED_SINCE).and_then(|value| date::parse(value, now));
    let modified = entry.get(header::LAST_MODIFIED).or_else(|| entry.get(header::DATE));
    let modified = modified.and_then(|value| date::parse(value, now));
    matches!((modified, since), (Some(modified), Some(since)) if modified <= since)
}

/// What a 304 has of the headers of its 200 (RFC 9110, section 15.4.5).
pub(super) fn of_not_modified(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for name in IN_NOT_MODIFIED {
        for value in headers.get_all(&name) {
            kept.append(&name, value.clone());
        }
    }
    kept
}

/// Whether `If-None-Match` is false: one of its tags is the entry's, or it is `*`.
fn none_match_fails(request: &HeaderMap, entry: &HeaderMap) -> bool {
    let tag = entry.get(header::ETAG).and_then(|value| EntityTag::parse(value.as_bytes()));
    request.get_all(header::IF_NONE_MATCH).iter().any(|line| {
        let line = line.as_bytes().trim_ascii();
        // There is an entry, so there is a representation.
        line == b"*" || tag.is_some_and(|(tag, _)| Tags(line).any(|listed| listed.is_weakly(tag)))
    })
}

/// An entity tag; its opaque part with the quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct EntityTag<'a> {
    opaque: &'a [u8],
}

impl<'a> EntityTag<'a> {
    /// The tag at the beginning, and what follows it. Whether it is weak makes no difference to the
    /// weak comparison, which `If-None-Match` uses.
    fn parse(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let quoted = text.strip_prefix(b"W/").unwrap_or(text);
        let inside = quoted.strip_prefix(b"\"")?;
        let end = inside.iter().position(|byte| *byte == b'"')?;
        let fits = inside[..end].iter().all(|byte| matches!(byte, 0x21 | 0x23..=0x7E | 0x80..));
        fits.then(|| (Self { opaque: &quoted[..end + 2] }, &inside[end + 1..]))
    }

    /// The weak comparison of RFC 9110, section 8.8.3.2.
    fn is_weakly(&self, other: EntityTag<'_>) -> bool {
        self.opaque == other.opaque
    }
}

/// The tags of a list. It ends at what is none: a list that cannot be read matches nothing more.
struct Tags<'a>(&'a [u8]);

impl<'a> Iterator for Tags<'a> {
    type Item = EntityTag<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let is_between = |byte: &u8| matches!(byte, b' ' | b'\t' | b',');
        let start = self.0.iter().position(|byte| !is_between(byte))?;
        let (tag, rest) = EntityTag::parse(&self.0[start..])?;
        self.0 = rest;
        // Two tags have a comma between them.
        let rest = rest.trim_ascii_start();
        (rest.is_empty() || rest.starts_with(b",")).then_some(tag)
    }
}

/// First those that are not conditions.
const TAKEN: [HeaderName; 7] = [
    header::CACHE_CONTROL,
    header::PRAGMA,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
];

const IN_NOT_MODIFIED: [HeaderName; 7] = [
    header::AGE,
    header::CACHE_CONTROL,
    header::CONTENT_LOCATION,
    header::DATE,
    header::ETAG,
    header::EXPIRES,
    header::VARY,
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn if_none_match_compares_weakly() {
        for (condition, tag, expected) in [
            ("\"1\"", "\"1\"", true),
            ("W/\"1\"", "W/\"1\"", true),
            ("W/\"1\"", "\"1\"", true),
            ("\"1\"", "W/\"1\"", true),
            ("\"1\"", "\"2\"", false),
            ("W/\"1\"", "W/\"2\"", false),
            ("\"a\", \"b\" ,W/\"c\"", "\"c\"", true),
            ("\"a,b\"", "\"b\"", false),
            (", \"a\",, \"b\",", "\"b\"", true),
            ("\"A\"", "\"a\"", false),
            ("w/\"1\"", "\"1\"", false),
            ("\"\"", "\"\"", true),
            ("*", "\"anything\"", true),
            (" * ", "W/\"x\"", true),
            ("\"*\"", "\"1\"", false),
            ("1", "1", false),
            ("\"a\" \"b\"", "\"a\"", false),
            ("\"a", "\"a", false),
        ] {
            let request = headers(&[("if-none-match", condition)]);
            let found = is_not_modified(&request, &headers(&[("etag", tag)]), 0);
            assert_eq!(found, expected, "{condition} against {tag}");
        }
        let lines = headers(&[("if-none-match", "\"a\""), ("if-none-match", "\"b\"")]);
        assert!(is_not_modified(&lines, &headers(&[("etag", "\"b\"")]), 0));
        assert!(is_not_modified(&headers(&[("if-none-match", "*")]), &headers(&[]), 0));
        assert!(!is_not_modified(&headers(&[("if-none-match", "\"a\"")]), &headers(&[]), 0));
    }

    #[test]
    fn if_modified_since_counts_without_if_none_match_only() {
        let (early, late) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:38 GMT");
        let entry = |name, date| headers(&[(name, date)]);
        for (since, entry, expected) in [
            (early, entry("last-modified", early), true),
            (late, entry("last-modified", early), true),
            (early, entry("last-modified", late), false),
            (early, entry("date", early), true),
            (early, headers(&[]), false),
            ("nonsense", entry("last-modified", early), false),
            (early, entry("last-modified", "nonsense"), false),
        ] {
            let request = headers(&[("if-modified-since", since)]);
            assert_eq!(is_not_modified(&request, &entry, 784_111_777), expected, "{since} {entry:?}");
        }
        let both = headers(&[("if-none-match", "\"1\""), ("if-modified-since", late)]);
        let entry = headers(&[("etag", "\"2\""), ("last-modified", early)]);
        assert!(!is_not_modified(&both, &entry, 784_111_777));
        assert!(!is_not_modified(&headers(&[]), &entry, 784_111_777));
    }

    #[test]
    fn conditions_are_taken_with_all_their_values() {
        let fields = [
            ("if-none-match", "\"a\""),
            ("if-none-match", "\"b\""),
            ("if-match", "\"a\""),
            ("cache-control", "no-cache"),
            ("pragma", "no-cache"),
            ("accept", "*/*"),
        ];
        let mut all = headers(&fields);
        let taken = take(&mut all, true);
        assert_eq!(all.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["accept"]);
        assert_eq!(taken.len(), 5);
        assert_eq!(taken.get_all("if-none-match").iter().count(), 2);
        let mut some = headers(&fields);
        take(&mut some, false);
        assert!(some.contains_key("cache-control") && some.contains_key("pragma"));
        assert!(!some.contains_key("if-match"));
    }

    proptest! {
        #[test]
        fn a_tag_is_found_in_a_list_exactly_if_it_is_there(
            tags in proptest::collection::vec("[!a-c,;* W/]{0,4}", 0..6),
            weak in proptest::collection::vec(any::<bool>(), 6),
            wanted in "[!a-c,;* W/]{0,4}",
            own_weak in any::<bool>(),
        ) {
            // A blank within a tag ends what can be read.
            prop_assume!(!tags.iter().any(|tag| tag.contains(' ')) && !wanted.contains(' '));
            let shown = |tag: &String, weak: bool| format!("{}\"{tag}\"", if weak { "W/" } else { "" });
            let list: Vec<String> = tags.iter().zip(&weak).map(|(tag, weak)| shown(tag, *weak)).collect();
            let request = headers(&[("if-none-match", &list.join(", "))]);
            let entry = headers(&[("etag", &shown(&wanted, own_weak))]);
            prop_assert_eq!(is_not_modified(&request, &entry, 0), tags.contains(&wanted));
        }

        #[test]
        fn any_list_can_be_read(list in "[ -~]{0,40}") {
            let request = headers(&[("if-none-match", &list)]);
            let _ = is_not_modified(&request, &headers(&[("etag", "\"a\"")]), 0);
        }
    }
}
