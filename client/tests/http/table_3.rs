//! What happens on a hit, a miss, without a cache, and what clients say.

use http::{Method, StatusCode};
use larder_client::http::{KeyScope, Looked, LookupRules, NotStored, ResponseEvent, Responses, SkipReason};
use larder_client::{Cache, CachingType};

use crate::bed::{BUDGET, Bed, How, answer, get, get_with, minute, ok, request, text, vary};
use crate::support::free_port;

#[tokio::test]
async fn table_3_hit_lookup_skips_the_backend() {
    let bed = Bed::new().await;
    let rules = LookupRules::default();
    bed.get("/a", &rules, "first").await;
    let (how, response) = bed.call(&mut get("/a"), &rules, minute(), ok("second")).await;
    assert_eq!((how, text(response).await.as_str()), (How::Hit, "first"));
    assert_eq!(bed.responses.metrics().get(ResponseEvent::Hit), 1);
    assert_eq!(bed.responses.metrics().get(ResponseEvent::Stored), 1, "a hit is not stored again");
}

const CONDITIONS: [(&str, &str); 8] = [
    ("if-none-match", "\"1\""),
    ("if-modified-since", "Mon, 01 Jan 2024 00:00:00 GMT"),
    ("if-match", "\"1\""),
    ("if-unmodified-since", "Mon, 01 Jan 2024 00:00:00 GMT"),
    ("if-range", "\"1\""),
    ("cache-control", "no-cache"),
    ("pragma", "no-cache"),
    ("accept", "text/html"),
];

#[tokio::test]
async fn table_3_miss_lookup_removes_conditions_and_keeps_them_for_the_caller() {
    let bed = Bed::new().await;
    let mut request = get_with("/a", &CONDITIONS);
    let looked = bed.responses.lookup(&mut request, &LookupRules::default(), &KeyScope::new("api")).await;
    let Looked::Miss(pending) = looked else { panic!("{looked:?}") };
    let left: Vec<&str> = request.headers.keys().map(http::HeaderName::as_str).collect();
    assert_eq!(left, ["accept"], "the backend answers in full");
    for (name, value) in CONDITIONS.into_iter().filter(|(name, _)| *name != "accept") {
        assert_eq!(pending.removed_headers()[name], value);
    }
}

#[tokio::test]
async fn table_3_miss_lookup_can_leave_cache_control() {
    let bed = Bed::with(|builder| builder.forward_cache_control(true)).await;
    let mut request = get_with("/a", &CONDITIONS);
    let looked = bed.responses.lookup(&mut request, &LookupRules::default(), &KeyScope::new("api")).await;
    assert!(matches!(looked, Looked::Miss(_)));
    let left: Vec<&str> = request.headers.keys().map(http::HeaderName::as_str).collect();
    assert_eq!(left, ["cache-control", "pragma", "accept"]);
}

#[tokio::test]
async fn table_3_not_get_lookup_leaves_the_request_as_it_is() {
    let bed = Bed::new().await;
    let mut request = request(Method::POST, "/a", &CONDITIONS);
    bed.call(&mut request, &LookupRules::default(), minute(), ok("1")).await;
    assert_eq!(request.headers.len(), CONDITIONS.len());
}

#[tokio::test]
async fn table_3_not_get_store_nothing() {
    let bed = Bed::new().await;
    for method in [Method::POST, Method::HEAD] {
        bed.call(&mut request(method, "/a", &[]), &LookupRules::default(), minute(), ok("1")).await;
    }
    assert_eq!(bed.redis.keys(), 0);
    assert_eq!(bed.responses.metrics().get(ResponseEvent::Skipped(SkipReason::Method)), 2);
}

#[tokio::test]
async fn table_3_authorization_store_as_its_lookup() {
    let bed = Bed::new().await;
    let mut request = get_with("/a", &[("authorization", "Bearer 1")]);
    let (how, _) = bed.call(&mut request, &LookupRules::default(), minute(), ok("1")).await;
    assert_eq!((how, bed.redis.keys()), (How::Skipped(SkipReason::Authorization), 0));
}

#[tokio::test]
async fn table_3_unreachable_store_is_no_error() {
    let nobody = format!("127.0.0.1:{}", free_port());
    let cache = Cache::builder("local").internal(nobody).build().unwrap();
    let responses = Responses::builder(cache).build();
    for _ in 0..2 {
        let looked = responses.lookup(&mut get("/a"), &LookupRules::default(), &KeyScope::new("api")).await;
        let Looked::Miss(pending) = looked else { panic!("{looked:?}") };
        let response = responses.store(pending, minute(), ok("1"));
        assert_eq!(text(response).await, "1");
        assert!(responses.flush(BUDGET).await);
    }
    assert_eq!(responses.metrics().get(ResponseEvent::NotStored(NotStored::Unavailable)), 2);
}

#[tokio::test]
async fn an_unreadable_entry_is_a_miss_and_replaced() {
    let bed = Bed::new().await;
    let rules = LookupRules::default();
    bed.get("/a", &rules, "1").await;
    let key = bed.responses.key(&mut get("/a"), &rules, &KeyScope::new("api"));
    bed.redis.ask(&["SET", &format!("@http:default/{key}"), "something else"]);
    assert_eq!(bed.get("/a", &rules, "2").await, How::Miss);
    assert_eq!(bed.get("/a", &rules, "3").await, How::Hit);
}

#[tokio::test]
async fn section_3_a_clients_no_cache_is_not_honoured() {
    let bed = Bed::new().await;
    let rules = LookupRules::default();
    bed.get("/a", &rules, "1").await;
    for value in ["no-cache", "no-store", "max-age=0"] {
        let mut request = get_with("/a", &[("cache-control", value)]);
        assert_eq!(bed.call(&mut request, &rules, minute(), ok("2")).await.0, How::Hit, "{value}");
    }
}

#[tokio::test]
async fn section_3_a_clients_no_cache_is_honoured_if_the_switch_says_so() {
    let bed = Bed::with(|builder| builder.honour_client(true)).await;
    let (rules, scope) = (LookupRules::default(), KeyScope::new("api"));
    bed.get("/a", &rules, "1").await;
    for (place, header) in
        [("cache-control", "no-cache"), ("cache-control", "max-age=0"), ("pragma", "no-cache")]
            .iter()
            .enumerate()
    {
        let backend = place.to_string();
        let mut request = get_with("/a", &[*header]);
        assert_eq!(bed.call(&mut request, &rules, minute(), ok(&backend)).await.0, How::Miss, "{header:?}");
        assert_eq!(bed.text(&scope, &mut get("/a"), &rules).await, backend, "{header:?} renews the entry");
    }
    let mut request = get_with("/a", &[("cache-control", "no-store")]);
    let (how, _) = bed.call(&mut request, &rules, minute(), ok("9")).await;
    assert_eq!(how, How::Skipped(SkipReason::ClientNoStore));
    assert_eq!(bed.text(&scope, &mut get("/a"), &rules).await, "2");
}

#[tokio::test]
async fn section_3_without_named_parameters_the_path_decides() {
    let bed = Bed::new().await;
    let rules = LookupRules::default();
    assert_eq!(bed.get("/a?x=1", &rules, "1").await, How::Miss);
    assert_eq!(bed.get("/a?x=2", &rules, "1").await, How::Hit);
    assert_eq!(bed.get("/a/b", &rules, "1").await, How::Miss);
}

#[tokio::test]
async fn contradiction_9_2_cache_response_false_never_stores() {
    let bed = Bed::new().await;
    let store = larder_client::http::StoreRules { duration: 60, cache_response: Some(false) };
    bed.call(&mut get("/a"), &LookupRules::default(), store, ok("1")).await;
    assert_eq!(bed.redis.keys(), 0);
    assert_eq!(bed.responses.metrics().get(ResponseEvent::NotStored(NotStored::Declined)), 1);
}

#[tokio::test]
async fn contradiction_9_11_cache_store_follows_its_lookup() {
    let bed = Bed::new().await;
    let rules = LookupRules { caching_type: CachingType::Internal, ..vary(&[], &[]) };
    assert_eq!(bed.get("/a", &rules, "1").await, How::Miss);
    assert_eq!((bed.get("/a", &rules, "1").await, bed.redis.keys()), (How::Hit, 1));
}

#[tokio::test]
async fn section_3_values_and_responses_never_meet() {
    let bed = Bed::new().await;
    let rules = LookupRules::default();
    bed.get("/a", &rules, "1").await;
    let key = bed.responses.key(&mut get("/a"), &rules, &KeyScope::new("api")).to_string();
    let cache = crate::bed::cache(&bed.redis).await;
    for key in [key.clone(), format!("@http:default/{key}")] {
        assert!(!cache.lookup_value(&key, CachingType::Internal, None).await.is_hit());
        cache.store_value(&key, &"value".into(), 60, CachingType::Internal).await;
    }
    assert_eq!(bed.get("/a", &rules, "2").await, How::Hit);
    let response = answer(StatusCode::OK, "3", &[]);
    let (_, response) = bed.call(&mut get("/a"), &rules, minute(), response).await;
    assert_eq!(text(response).await, "1");
}
