//! A test for each attribute and element of `cache-lookup`.

use http::Method;
use larder_client::http::{DownstreamCaching, KeyScope, LookupRules, Responses, SkipReason};
use larder_client::{Cache, CachingType};

use crate::bed::{BUDGET, Bed, How, answer, developer, get, get_with, minute, ok, request, text, vary};
use crate::support::{RedisServer, connected};

#[test]
fn what_lookup_does_without_attributes() {
    let rules = LookupRules::default();
    assert!(!rules.vary_by_developer && !rules.vary_by_developer_groups);
    assert_eq!(rules.caching_type, CachingType::PreferExternal);
    assert_eq!(rules.downstream, DownstreamCaching::None);
    assert!(rules.must_revalidate && !rules.allow_private_response_caching);
    assert!(rules.vary.headers().is_empty() && rules.vary.parameters().is_empty());
}

#[tokio::test]
async fn lookup_is_for_get_alone() {
    let bed = Bed::new().await;
    assert_eq!(bed.get("/a", &LookupRules::default(), "1").await, How::Miss);
    assert_eq!(bed.get("/a", &LookupRules::default(), "2").await, How::Hit);
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS, Method::HEAD] {
        let mut request = request(method.clone(), "/a", &[]);
        let (how, _) = bed.call(&mut request, &LookupRules::default(), minute(), ok("x")).await;
        assert_eq!(how, How::Skipped(SkipReason::Method), "{method}");
    }
    assert_eq!(bed.redis.keys(), 1);
}

#[tokio::test]
async fn table_2_1_vary_by_developer() {
    let bed = Bed::new().await;
    let rules = LookupRules { vary_by_developer: true, ..LookupRules::default() };
    for (scope, expected) in [
        (developer("ada", &["x"]), How::Miss),
        (developer("ben", &["x"]), How::Miss),
        (KeyScope::new("api"), How::Miss),
        (developer("ada", &["y"]), How::Hit),
        (KeyScope::new("api"), How::Hit),
    ] {
        let (how, _) = bed.call_as(&scope, &mut get("/a"), &rules, (minute(), ok("1"))).await;
        assert_eq!(how, expected, "{scope:?}");
    }
    let shared = LookupRules::default();
    for (id, expected) in [("ada", How::Miss), ("ben", How::Hit)] {
        let scope = developer(id, &[]);
        let (how, _) = bed.call_as(&scope, &mut get("/a"), &shared, (minute(), ok("1"))).await;
        assert_eq!(how, expected, "without the attribute, {id}");
    }
}

#[tokio::test]
async fn table_2_1_vary_by_developer_groups() {
    let bed = Bed::new().await;
    let rules = LookupRules { vary_by_developer_groups: true, ..LookupRules::default() };
    for (scope, expected) in [
        (developer("ada", &["x", "y"]), How::Miss),
        (developer("ben", &["y", "x", "x"]), How::Hit),
        (developer("ben", &["x"]), How::Miss),
        (developer("ben", &[]), How::Miss),
        (KeyScope::new("api"), How::Hit),
    ] {
        let (how, _) = bed.call_as(&scope, &mut get("/a"), &rules, (minute(), ok("1"))).await;
        assert_eq!(how, expected, "{scope:?}");
    }
}

#[tokio::test]
async fn table_2_1_caching_type() {
    let (inside, outside) = (RedisServer::start().await, RedisServer::start().await);
    let builder = Cache::builder("local").internal(inside.address()).time_budget(BUDGET);
    let cache = connected(builder.external("Default", outside.address())).await;
    let responses = Responses::builder(cache).build();
    let scope = KeyScope::new("api");
    for (caching_type, expected) in [
        (CachingType::PreferExternal, (0, 1)),
        (CachingType::External, (0, 2)),
        (CachingType::Internal, (1, 2)),
    ] {
        let rules = LookupRules { caching_type, ..LookupRules::default() };
        let path = format!("/{caching_type}");
        let larder_client::http::Looked::Miss(pending) =
            responses.lookup(&mut get(&path), &rules, &scope).await
        else {
            panic!("{caching_type}");
        };
        // `cache-store` says nothing: it follows its lookup.
        let _ = responses.store(pending, minute(), ok("1"));
        assert!(responses.flush(BUDGET).await);
        assert_eq!((inside.keys(), outside.keys()), expected, "{caching_type}");
    }
}

#[tokio::test]
async fn table_2_1_caching_type_external_without_an_external_cache() {
    let bed = Bed::new().await;
    let rules = LookupRules { caching_type: CachingType::External, ..LookupRules::default() };
    assert_eq!(bed.get("/a", &rules, "1").await, How::Miss);
    assert_eq!(bed.get("/a", &rules, "1").await, How::Miss);
    assert_eq!(bed.redis.keys(), 0);
}

#[tokio::test]
async fn table_2_1_downstream_caching_type() {
    let bed = Bed::new().await;
    for (place, (downstream, expected)) in [
        (DownstreamCaching::None, "no-store"),
        (DownstreamCaching::Private, "private, max-age=60, must-revalidate"),
        (DownstreamCaching::Public, "public, max-age=60, must-revalidate"),
    ]
    .into_iter()
    .enumerate()
    {
        let rules = LookupRules { downstream, ..LookupRules::default() };
        for how in [How::Miss, How::Hit] {
            let backend = [("cache-control", "max-age=300"), ("expires", "Thu, 01 Jan 2099 00:00:00 GMT")];
            let backend = answer(http::StatusCode::OK, "1", &backend);
            let mut request = get(&format!("/{place}"));
            let (found, response) = bed.call(&mut request, &rules, minute(), backend).await;
            assert_eq!(found, how, "{downstream:?}: the gateway's own caching is not switched by it");
            assert_eq!(response.headers["cache-control"], expected, "{how:?}");
            assert!(!response.headers.contains_key("expires"), "{how:?}");
        }
    }
}

#[tokio::test]
async fn table_2_1_must_revalidate() {
    let bed = Bed::new().await;
    let downstream = DownstreamCaching::Private;
    let rules = LookupRules { downstream, must_revalidate: false, ..LookupRules::default() };
    for how in [How::Miss, How::Hit] {
        let (found, response) = bed.call(&mut get("/a"), &rules, minute(), ok("1")).await;
        assert_eq!(found, how);
        assert_eq!(response.headers["cache-control"], "private, max-age=60");
    }
}

#[tokio::test]
async fn table_2_1_allow_private_response_caching() {
    let bed = Bed::new().await;
    let with = |token: &str| get_with("/a", &[("authorization", token)]);
    let refusing = LookupRules::default();
    assert_eq!(bed.get("/a", &refusing, "public").await, How::Miss);
    let (how, _) = bed.call(&mut with("Bearer 1"), &refusing, minute(), ok("1")).await;
    assert_eq!(how, How::Skipped(SkipReason::Authorization));
    let allowing = LookupRules { allow_private_response_caching: true, ..vary(&["authorization"], &[]) };
    for (token, expected) in [("Bearer 1", How::Miss), ("Bearer 2", How::Miss), ("Bearer 1", How::Hit)] {
        let (how, response) = bed.call(&mut with(token), &allowing, minute(), ok(token)).await;
        assert_eq!((how, text(response).await), (expected, token.to_owned()));
    }
}

#[tokio::test]
async fn table_2_1_vary_by_header() {
    let bed = Bed::new().await;
    let rules = vary(&["Accept-Language", "accept"], &[]);
    let scope = KeyScope::new("api");
    for (headers, expected) in [
        (&[("accept-language", "de")][..], How::Miss),
        (&[("accept-language", "en")], How::Miss),
        (&[], How::Miss),
        (&[("accept-language", "")], How::Miss),
        (&[("accept-language", " de "), ("x-other", "1")], How::Hit),
        (&[("accept-language", "de,en")], How::Miss),
        (&[("accept-language", "de"), ("accept-language", "en")], How::Hit),
        (&[("accept-language", "de ,\ten")], How::Hit),
        (&[("accept-language", "DE")], How::Miss),
        (&[("accept-language", "de"), ("accept", "text/html")], How::Miss),
    ] {
        let (how, _) = bed.call_as(&scope, &mut get_with("/a", headers), &rules, (minute(), ok("1"))).await;
        assert_eq!(how, expected, "{headers:?}");
    }
}

#[tokio::test]
async fn table_2_1_vary_by_query_parameter() {
    let bed = Bed::new().await;
    let rules = vary(&[], &["page;size", "sort"]);
    for (query, expected) in [
        ("", How::Miss),
        ("?page=1&size=2", How::Miss),
        ("?size=2&page=1", How::Hit),
        ("?size=2&other=3&page=1", How::Hit),
        ("?size=2&page=%31", How::Hit),
        ("?page=1", How::Miss),
        ("?page=", How::Miss),
        ("?page", How::Hit),
        ("?Page=1", How::Hit),
        ("?page=1&page=2", How::Miss),
        ("?page=2&page=1", How::Miss),
        ("?page=1&page=2&sort=", How::Miss),
        ("?page=%e4", How::Miss),
        ("?page=%e5", How::Miss),
        ("?page=a+b", How::Miss),
        ("?page=a%20b", How::Hit),
    ] {
        assert_eq!(bed.get(&format!("/a{query}"), &rules, "1").await, expected, "{query}");
    }
}

#[tokio::test]
async fn table_2_1_vary_by_query_parameter_after_a_rewrite() {
    let bed = Bed::new().await;
    let rules = vary(&[], &["page"]);
    for (original, rewritten, expected) in
        [("/v1?page=1", "/b?page=1", How::Miss), ("/v1?page=2", "/b?page=1", How::Hit)]
    {
        let mut request = get(original);
        request.url = get(rewritten).url;
        let (how, _) = bed.call(&mut request, &rules, minute(), ok("1")).await;
        assert_eq!(how, expected, "{original}");
    }
}
