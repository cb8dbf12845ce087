//! Conditional requests, HEAD and ranges: what is answered from an entry, and what is not.

use http::{Method, StatusCode};
use larder_client::context::Content;
use larder_client::http::{LookupRules, ResponseEvent, SkipReason};

use crate::bed::{Bed, How, answer, get, get_with, minute, ok, request, text};

const MODIFIED: &str = "Mon, 01 Jan 2024 00:00:00 GMT";

async fn stored(bed: &Bed) {
    let headers = [
        ("etag", "W/\"1\""),
        ("last-modified", MODIFIED),
        ("content-type", "text/plain"),
        ("content-location", "/b"),
    ];
    let backend = answer(StatusCode::OK, "whole", &headers);
    bed.call(&mut get("/a"), &LookupRules::default(), minute(), backend).await;
}

#[tokio::test]
async fn conditions_are_answered_with_304_if_the_option_says_so() {
    let bed = Bed::with(|builder| builder.conditional(true)).await;
    stored(&bed).await;
    for (headers, expected) in [
        (&[("if-none-match", "\"1\"")][..], 304),
        (&[("if-none-match", "\"0\", W/\"1\"")], 304),
        (&[("if-none-match", "*")], 304),
        (&[("if-none-match", "\"2\"")], 200),
        (&[("if-modified-since", MODIFIED)], 304),
        (&[("if-modified-since", "Sun, 31 Dec 2023 23:59:59 GMT")], 200),
        (&[("if-none-match", "\"2\""), ("if-modified-since", MODIFIED)], 200),
        (&[], 200),
    ] {
        let mut request = get_with("/a", headers);
        let (how, response) = bed.call(&mut request, &LookupRules::default(), minute(), ok("x")).await;
        assert_eq!((how, response.status.as_u16()), (How::Hit, expected), "{headers:?}");
        if expected == 304 {
            let names: Vec<&str> = response.headers.keys().map(http::HeaderName::as_str).collect();
            assert_eq!(names, ["age", "cache-control", "content-location", "date", "etag"], "{headers:?}");
            assert!(matches!(response.body, Content::Absent));
        }
    }
    assert_eq!(bed.responses.metrics().get(ResponseEvent::NotModified), 4);
}

#[tokio::test]
async fn without_the_option_a_condition_gets_the_whole() {
    let bed = Bed::new().await;
    stored(&bed).await;
    let mut request = get_with("/a", &[("if-none-match", "\"1\"")]);
    let (how, response) = bed.call(&mut request, &LookupRules::default(), minute(), ok("x")).await;
    assert_eq!((how, response.status), (How::Hit, StatusCode::OK));
    assert_eq!(text(response).await, "whole");
}

#[tokio::test]
async fn only_a_200_is_answered_with_304() {
    let bed = Bed::with(|builder| builder.conditional(true)).await;
    let rules = larder_client::http::StoreRules { duration: 60, cache_response: Some(true) };
    let backend = || answer(StatusCode::NOT_FOUND, "none", &[("etag", "\"1\"")]);
    for how in [How::Miss, How::Hit] {
        let mut request = get_with("/a", &[("if-none-match", "\"1\"")]);
        let (found, response) = bed.call(&mut request, &LookupRules::default(), rules, backend()).await;
        assert_eq!((found, response.status), (how, StatusCode::NOT_FOUND));
    }
}

#[tokio::test]
async fn head_is_answered_from_get_if_the_option_says_so_and_never_stored() {
    let bed = Bed::with(|builder| builder.head(true)).await;
    let head = || request(Method::HEAD, "/a", &[]);
    let rules = LookupRules::default();
    let (how, _) = bed.call(&mut head(), &rules, minute(), ok("")).await;
    assert_eq!((how, bed.redis.keys()), (How::Skipped(SkipReason::HeadMiss), 0));
    stored(&bed).await;
    let (how, response) = bed.call(&mut head(), &rules, minute(), ok("")).await;
    assert_eq!((how, &response.headers["content-length"]), (How::Hit, &"5".parse().unwrap()));
    assert!(matches!(response.body, Content::Absent));
    assert_eq!(text(bed.call(&mut get("/a"), &rules, minute(), ok("x")).await.1).await, "whole");
}

#[tokio::test]
async fn a_request_for_a_range_goes_to_the_backend_as_it_is() {
    let bed = Bed::new().await;
    stored(&bed).await;
    let headers = [("range", "bytes=0-1"), ("if-range", "\"1\"")];
    let mut request = get_with("/a", &headers);
    let backend = answer(StatusCode::PARTIAL_CONTENT, "wh", &[("content-range", "bytes 0-1/5")]);
    let (how, response) = bed.call(&mut request, &LookupRules::default(), minute(), backend).await;
    assert_eq!((how, response.status), (How::Skipped(SkipReason::Range), StatusCode::PARTIAL_CONTENT));
    assert_eq!(request.headers.len(), headers.len());
    assert_eq!(bed.get("/a", &LookupRules::default(), "x").await, How::Hit, "the entry is as it was");
}
