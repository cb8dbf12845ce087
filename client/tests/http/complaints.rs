//! What users of the published policies complain about, and what holds here instead.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use larder_client::http::{
    KeyParts, KeyScope, Looked, LookupRules, NotStored, ResponseEvent, Responses, SetCookie, SkipReason,
    UnlistedQuery, Vary,
};
use larder_client::{CachingType, RemoveResult, StoreResult};

use crate::bed::{BUDGET, Bed, How, answer, cache, get, get_with, minute, ok, text, vary};
use crate::support::eventually;

#[tokio::test]
async fn complaint_which_query_parameters_count_the_key_shows_them() {
    let bed = Bed::with(|builder| builder.debug_headers(true)).await;
    let whole = Vary::default().unlisted_query(UnlistedQuery::Counted);
    for (rules, query, expected) in [
        (vary(&[], &["size;page"]), "?page=2&x=1", ";q.page=2;q.size"),
        (LookupRules { vary: Arc::new(whole), ..LookupRules::default() }, "?b=2&a=1", ";q;q.a=1;q.b=2"),
        (LookupRules::default(), "?page=2", ""),
    ] {
        for (how, word) in
            [(How::Miss, "miss; store=internal; reason=absent"), (How::Hit, "hit; store=internal")]
        {
            let mut request = get(&format!("/a{query}"));
            let (found, response) = bed.call(&mut request, &rules, minute(), ok("1")).await;
            assert_eq!((found, response.headers["x-larder-cache"].to_str().unwrap()), (how, word));
            let key = response.headers["x-larder-cache-key"].to_str().unwrap().to_owned();
            let plain = "1;g=0;api=api;host=api.example:80;to=http://api.example:80;path=/a";
            assert_eq!(key, format!("{plain}{expected}"));
            assert_eq!(bed.redis.ask(&["EXISTS", &format!("@http:default/{key}")]), redis::Value::Int(1));
        }
    }
}

#[tokio::test]
async fn complaint_debug_headers_are_off_by_default_and_on_for_one_request() {
    let bed = Bed::new().await;
    let traced = KeyScope { is_traced: true, ..KeyScope::new("api") };
    for (scope, shown) in [(KeyScope::new("api"), false), (traced, true), (KeyScope::new("api"), false)] {
        let (_, response) =
            bed.call_as(&scope, &mut get("/a"), &LookupRules::default(), (minute(), ok("1"))).await;
        assert_eq!(response.headers.contains_key("x-larder-cache"), shown);
        assert_eq!(response.headers.contains_key("x-larder-cache-key"), shown);
    }
    let mut skipped = ok("1");
    bed.responses.explain(larder_client::http::SkipReason::Authorization, true, &mut skipped.headers);
    assert_eq!(skipped.headers["x-larder-cache"], "skip; reason=authorization", "the reason for a skip");
}

#[tokio::test]
async fn complaint_product_and_host_are_in_the_key_unless_switched_off() {
    let scope = |product: &str| KeyScope { product: Some(product.into()), ..KeyScope::new("api") };
    let none = KeyParts { operation: false, product: false, host: false, backend: false };
    for (parts, expected) in [(KeyParts::default(), How::Miss), (none, How::Hit)] {
        let bed = Bed::with(|builder| builder.key_parts(parts)).await;
        let rules = LookupRules::default();
        bed.call_as(&scope("starter"), &mut get("/a"), &rules, (minute(), ok("1"))).await;
        let (how, _) = bed.call_as(&scope("unlimited"), &mut get("/a"), &rules, (minute(), ok("1"))).await;
        assert_eq!(how, expected);
        let mut other_host = get("/b");
        bed.call_as(&scope("starter"), &mut other_host, &rules, (minute(), ok("1"))).await;
        other_host.original_url.host = "other.example".into();
        let (how, _) = bed.call_as(&scope("starter"), &mut other_host, &rules, (minute(), ok("1"))).await;
        assert_eq!(how, expected);
    }
}

#[tokio::test]
async fn complaint_an_edit_of_the_policy_keeps_the_cache_and_a_generation_drops_it() {
    let bed = Bed::new().await;
    bed.get("/a", &LookupRules::default(), "1").await;
    let edited = LookupRules { must_revalidate: false, ..LookupRules::default() };
    assert_eq!(bed.get("/a", &edited, "2").await, How::Hit);
    let next = KeyScope { generation: 1, ..KeyScope::new("api") };
    assert_eq!(bed.call_as(&next, &mut get("/a"), &edited, (minute(), ok("2"))).await.0, How::Miss);
    assert_eq!(bed.get("/a", &edited, "3").await, How::Hit, "the other generation is still there");
}

#[tokio::test]
async fn complaint_no_flush_an_entry_goes_by_its_key() {
    let bed = Bed::new().await;
    let rules = LookupRules::default();
    bed.get("/a", &rules, "1").await;
    bed.get("/b", &rules, "1").await;
    let key = bed.responses.key(&mut get("/a"), &rules, &KeyScope::new("api"));
    let removed = bed.responses.remove(key.as_str(), CachingType::default()).await;
    assert_eq!(removed, RemoveResult::Removed);
    assert_eq!(bed.responses.remove(key.as_str(), CachingType::default()).await, RemoveResult::Absent);
    assert_eq!((bed.get("/a", &rules, "2").await, bed.get("/b", &rules, "2").await), (How::Miss, How::Hit));
}

#[tokio::test]
async fn complaint_no_flush_a_purge_reaches_every_entry_of_an_api_in_every_gateway() {
    let bed = Bed::new().await;
    let rules = LookupRules::default();
    let elsewhere = Responses::builder(cache(&bed.redis).await).build();
    let (api, other) = (KeyScope::new("api"), KeyScope::new("other"));
    for path in ["/a", "/b?x=1"] {
        bed.call_as(&api, &mut get(path), &rules, (minute(), ok("old"))).await;
    }
    bed.call_as(&other, &mut get("/a"), &rules, (minute(), ok("old"))).await;
    let is_hit = async |scope: &KeyScope, path: &str| {
        let looked = elsewhere.lookup(&mut get(path), &rules, scope).await;
        matches!(looked, larder_client::http::Looked::Hit(_))
    };
    assert!(is_hit(&api, "/a").await);
    assert_eq!(bed.responses.purge("api", CachingType::default()).await, StoreResult::Stored);
    for path in ["/a", "/b?x=1"] {
        assert_eq!(bed.text(&api, &mut get(path), &rules).await, "fresh", "at once in the same process");
        assert_eq!(bed.text(&api, &mut get(path), &rules).await, "fresh", "and stored anew");
    }
    assert_eq!(bed.text(&other, &mut get("/a"), &rules).await, "old");
    eventually("another gateway learns it", async || {
        match elsewhere.lookup(&mut get("/a"), &rules, &api).await {
            larder_client::http::Looked::Hit(response) => text(response).await == "fresh",
            _ => false,
        }
    })
    .await;
    assert_eq!(bed.responses.purge("api", CachingType::default()).await, StoreResult::Stored);
    assert_eq!(bed.text(&api, &mut get("/a"), &rules).await, "fresh");
    assert_eq!(bed.responses.metrics().get(ResponseEvent::Stored), 6);
}

/// A process that has just started must not take what a purge has put out of reach.
#[tokio::test]
async fn a_generation_that_cannot_be_read_is_a_miss() {
    let bed = Bed::new().await;
    let rules = LookupRules::default();
    let marker = "@http:default/generation;api=api";
    assert_eq!(bed.get("/a", &rules, "old").await, How::Miss);
    // Nothing that `GET` can read.
    bed.redis.ask(&["LPUSH", marker, "x"]);
    let started = Responses::builder(cache(&bed.redis).await).build();
    let scope = KeyScope { is_traced: true, ..KeyScope::new("api") };
    let Looked::Miss(pending) = started.lookup(&mut get("/a"), &rules, &scope).await else {
        panic!("an entry of whatever generation")
    };
    let response = started.pass(pending, ok("new"));
    let told = "miss; store=internal; reason=unavailable, no-cache-store";
    assert_eq!(response.headers["x-larder-cache"], told);
    // Who knew it before goes on with that.
    assert_eq!(bed.get("/a", &rules, "x").await, How::Hit);
    bed.redis.ask(&["DEL", marker]);
    assert!(matches!(started.lookup(&mut get("/a"), &rules, &scope).await, Looked::Hit(_)));
}

#[tokio::test]
async fn complaint_a_short_life_is_visible_at_once() {
    let bed = Bed::new().await;
    let store = larder_client::http::StoreRules::seconds(1);
    let rules = LookupRules::default();
    for how in [How::Miss, How::Hit] {
        assert_eq!(bed.call(&mut get("/a"), &rules, store, ok("1")).await.0, how);
    }
}

#[tokio::test]
async fn table_5_largest_response_two_mebibytes_checked_on_store_and_counted() {
    let bed = Bed::new().await;
    let rules = LookupRules::default();
    let limit = 2 * 1024 * 1024;
    assert_eq!(bed.get("/most", &rules, &"x".repeat(limit)).await, How::Miss);
    assert_eq!(bed.get("/most", &rules, "").await, How::Hit, "exactly the limit");
    let large = "x".repeat(limit + 1);
    for _ in 0..2 {
        let (how, response) = bed.call(&mut get("/more"), &rules, minute(), ok(&large)).await;
        assert_eq!((how, text(response).await.len()), (How::Miss, limit + 1), "the client gets all of it");
    }
    assert_eq!(bed.responses.metrics().get(ResponseEvent::NotStored(NotStored::TooLarge)), 2);
    let announced = answer(StatusCode::OK, "", &[("content-length", "2097153")]);
    let traced = KeyScope { is_traced: true, ..KeyScope::new("api") };
    let (_, response) = bed.call_as(&traced, &mut get("/c"), &rules, (minute(), announced)).await;
    assert_eq!(response.headers["x-larder-cache"], "miss; store=internal; reason=absent, too-large");
}

#[tokio::test]
async fn headers_beyond_their_limit_are_not_stored() {
    let bed = Bed::new().await;
    let value = "x".repeat(64 * 1024);
    let backend = || answer(StatusCode::OK, "1", &[("x-large", &value)]);
    for _ in 0..2 {
        let (how, _) = bed.call(&mut get("/a"), &LookupRules::default(), minute(), backend()).await;
        assert_eq!(how, How::Miss);
    }
    assert_eq!(bed.responses.metrics().get(ResponseEvent::NotStored(NotStored::HeadersTooLarge)), 2);
}

#[tokio::test]
async fn a_cookie_reaches_who_caused_it_and_nobody_else() {
    for (set_cookie, second) in [(SetCookie::Strip, How::Hit), (SetCookie::Skip, How::Miss)] {
        let bed = Bed::with(|builder| builder.set_cookie(set_cookie)).await;
        let backend = || answer(StatusCode::OK, "1", &[("set-cookie", "a=1"), ("set-cookie", "b=2")]);
        let rules = LookupRules::default();
        let (_, response) = bed.call(&mut get("/a"), &rules, minute(), backend()).await;
        assert_eq!(response.headers.get_all("set-cookie").iter().count(), 2);
        let (how, response) = bed.call(&mut get("/a"), &rules, minute(), ok("1")).await;
        assert_eq!(how, second, "{set_cookie:?}");
        assert!(!response.headers.contains_key("set-cookie"));
    }
}

#[tokio::test]
async fn a_backends_no_store_is_honoured_if_the_switch_says_so() {
    for (honour, value, second) in [
        (false, "no-store", How::Hit),
        (true, "no-store", How::Miss),
        (true, "max-age=1, private", How::Miss),
        (true, "max-age=1", How::Hit),
    ] {
        let bed = Bed::with(|builder| builder.honour_backend(honour)).await;
        let backend = answer(StatusCode::OK, "1", &[("cache-control", value)]);
        let rules = LookupRules::default();
        bed.call(&mut get("/a"), &rules, minute(), backend).await;
        assert_eq!(bed.get("/a", &rules, "2").await, second, "{value}");
    }
}

#[tokio::test]
async fn a_backends_vary_is_honoured_if_the_switch_says_so() {
    for (honour, value, second) in [
        (false, "accept-encoding", How::Hit),
        (false, "*", How::Hit),
        (true, "accept-encoding", How::Miss),
        (true, "Accept, accept-encoding", How::Miss),
        (true, "*", How::Miss),
        (true, "Accept", How::Hit),
        (true, "", How::Hit),
    ] {
        let bed = Bed::with(|builder| builder.honour_backend(honour)).await;
        let rules = vary(&["accept"], &[]);
        bed.call(&mut get("/a"), &rules, minute(), answer(StatusCode::OK, "1", &[("vary", value)])).await;
        assert_eq!(bed.get("/a", &rules, "2").await, second, "{honour} {value}");
    }
}

#[tokio::test]
async fn events_and_other_protocols_and_requests_with_a_body_pass_by() {
    let bed = Bed::new().await;
    let rules = LookupRules::default();
    let events =
        || answer(StatusCode::OK, "data: 1", &[("content-type", "text/event-stream; charset=utf-8")]);
    for _ in 0..2 {
        assert_eq!(bed.call(&mut get("/events"), &rules, minute(), events()).await.0, How::Miss);
    }
    bed.get("/a", &rules, "1").await;
    for (header, expected) in [
        (("upgrade", "websocket"), How::Skipped(SkipReason::Upgrade)),
        (("content-length", "3"), How::Skipped(SkipReason::Body)),
        (("transfer-encoding", "chunked"), How::Skipped(SkipReason::Body)),
        (("content-length", "0"), How::Hit),
    ] {
        let mut request = get_with("/a", &[header]);
        assert_eq!(bed.call(&mut request, &rules, minute(), ok("2")).await.0, expected, "{header:?}");
    }
}

#[tokio::test]
async fn an_age_of_a_cache_behind_counts() {
    let bed = Bed::new().await;
    let rules =
        LookupRules { downstream: larder_client::http::DownstreamCaching::Public, ..LookupRules::default() };
    let backend = answer(StatusCode::OK, "1", &[("age", "10")]);
    bed.call(&mut get("/a"), &rules, minute(), backend).await;
    bed.clock.forward(Duration::from_secs(5));
    let (_, response) = bed.call(&mut get("/a"), &rules, minute(), ok("2")).await;
    assert_eq!(response.headers["age"], "15");
    assert_eq!(response.headers["cache-control"], "public, max-age=70, must-revalidate", "55 s are left");
}

#[tokio::test]
async fn secrets_do_not_stand_in_keys() {
    let bed = Bed::new().await;
    let rules = LookupRules {
        allow_private_response_caching: true,
        ..vary(&["authorization", "cookie", "x-api-key"], &["subscription-key", "token"])
    };
    let headers = [("authorization", "s3cr3t-a"), ("cookie", "s3cr3t-b"), ("x-api-key", "s3cr3t-c")];
    let path = "/a?subscription-key=s3cr3t-d&token=s3cr3t-e";
    let (_, response) = bed.call(&mut get_with(path, &headers), &rules, minute(), ok("1")).await;
    assert!(!response.headers.contains_key("x-larder-cache-key"));
    let key = bed.responses.key(&mut get_with(path, &headers), &rules, &KeyScope::new("api"));
    assert!(!key.as_str().contains("s3cr3t"), "{key}");
    assert!(bed.responses.flush(BUDGET).await);
    let other = get_with(path, &[("authorization", "s3cr3t-x"), headers[1], headers[2]]);
    let (how, _) = bed.call(&mut { other }, &rules, minute(), ok("1")).await;
    assert_eq!(how, How::Miss);
}
