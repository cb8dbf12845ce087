//! The three calls against real caches: where values land, what comes back, what happens when a
//! cache is not there. A Redis stands in for the internal endpoint: it speaks the same protocol.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use larder_client::{
    Cache, CachingType, Cause, Event, LookupResult, RemoveResult, SkipReason, StoreMode, StoreResult,
    StoreUsed, Value,
};
use support::{RedisServer, connected, eventually, free_port};
use tokio::io::AsyncWriteExt;

use CachingType::{External, Internal, PreferExternal};

/// Longer than a busy machine needs, and far below what a call without a limit would take.
const BUDGET: Duration = Duration::from_secs(2);

fn external() -> StoreUsed {
    StoreUsed::External("Default".into())
}

async fn store(cache: &Cache, key: &str, value: impl Into<Value>, caching_type: CachingType) -> StoreResult {
    cache.store_value(key, &value.into(), 60, caching_type).await.result
}

async fn is_hit(cache: &Cache, key: &str) -> bool {
    cache.lookup_value(key, PreferExternal, None).await.is_hit()
}

/// The clock of a test that measures how long a call takes.
#[expect(clippy::disallowed_methods, reason = "a test measures real time")]
fn now() -> Instant {
    Instant::now()
}

#[tokio::test]
async fn the_caching_type_decides_where_a_value_lands() {
    let (inside, outside) = (RedisServer::start().await, RedisServer::start().await);
    let with_both = connected(
        Cache::builder("West Europe")
            .internal(inside.address())
            .external("Default", outside.address())
            .time_budget(BUDGET),
    )
    .await;
    for (caching_type, expected, there, elsewhere) in [
        (PreferExternal, external(), &outside, &inside),
        (External, external(), &outside, &inside),
        (Internal, StoreUsed::Internal, &inside, &outside),
    ] {
        let key = format!("key-{caching_type}");
        let stored = with_both.store_value(&key, &"v".into(), 60, caching_type).await;
        assert_eq!((stored.result, stored.store), (StoreResult::Stored, expected.clone()), "{caching_type}");
        assert_eq!(there.get(&key).as_deref(), Some("v"), "{caching_type}");
        assert_eq!(elsewhere.get(&key), None, "{caching_type}");
        let found = with_both.lookup_value(&key, caching_type, None).await;
        assert_eq!((found.result, found.store), (LookupResult::Hit("v".into()), expected), "{caching_type}");
        assert_eq!(with_both.remove_value(&key, caching_type).await.result, RemoveResult::Removed);
        assert_eq!(with_both.remove_value(&key, caching_type).await.result, RemoveResult::Absent);
        assert_eq!(there.get(&key), None);
    }
    assert_eq!(with_both.metrics().get(Event::LookupHit, &external()), 2);
    assert_eq!(with_both.metrics().get(Event::LookupHit, &StoreUsed::Internal), 1);
}

#[tokio::test]
async fn without_an_external_cache_prefer_external_is_internal_and_external_is_nothing() {
    let inside = RedisServer::start().await;
    let cache = connected(Cache::builder("local").internal(inside.address()).time_budget(BUDGET)).await;
    assert_eq!(store(&cache, "a", "1", PreferExternal).await, StoreResult::Stored);
    assert_eq!(cache.lookup_value("a", PreferExternal, None).await.store, StoreUsed::Internal);
    assert_eq!(store(&cache, "b", "1", External).await, StoreResult::NotConfigured);
    assert_eq!(cache.remove_value("a", External).await.result, RemoveResult::NotConfigured);
    let missed = cache.lookup_value("a", External, Some("d".into())).await;
    assert_eq!(missed.result, LookupResult::NotConfigured { default: Some("d".into()) });
    assert_eq!((missed.store.clone(), missed.into_value()), (StoreUsed::None, Some("d".into())));
    assert_eq!(inside.keys(), 1, "the key of prefer-external and no other");
}

#[tokio::test]
async fn values_keep_their_type_and_plain_ones_are_strings() {
    let redis = RedisServer::start().await;
    let cache = connected(Cache::builder("local").internal(redis.address()).time_budget(BUDGET)).await;
    for value in [
        Value::from("text"),
        Value::from(""),
        Value::from("\0LVE like an envelope"),
        Value::Bool(true),
        Value::Int(-1),
        Value::Long(1 << 50),
        Value::Double(0.1),
        Value::Bytes(Bytes::from_static(b"\0\xff\r\n")),
        Value::Json("[1]".into()),
    ] {
        assert_eq!(store(&cache, "k", value.clone(), Internal).await, StoreResult::Stored);
        assert_eq!(cache.lookup_value("k", Internal, None).await.result, LookupResult::Hit(value));
    }
    redis.ask(&["SET", "cli", "written by hand"]);
    assert_eq!(cache.lookup_value("cli", Internal, None).await.into_value(), Some("written by hand".into()));
    redis.ask(&["SET", "cli", "\0LVE\u{1}"]);
    let broken = cache.lookup_value("cli", Internal, None).await;
    assert!(matches!(broken.cause(), Some(Cause::Unreadable(_))), "{broken:?}");
    redis.ask(&["HSET", "hash", "f", "v"]);
    let wrong = cache.lookup_value("hash", Internal, Some("d".into())).await;
    assert_eq!(wrong.cause(), Some(&Cause::Refused("WRONGTYPE".into())));
    assert_eq!(wrong.value(), Some(&"d".into()));
}

#[tokio::test]
async fn a_default_takes_the_place_of_a_miss_only() {
    let redis = RedisServer::start().await;
    let cache = connected(Cache::builder("local").internal(redis.address()).time_budget(BUDGET)).await;
    assert_eq!(cache.lookup_value("k", Internal, None).await.result, LookupResult::Miss);
    let default = cache.lookup_value("k", Internal, Some("d".into())).await;
    assert_eq!(default.result, LookupResult::Default("d".into()));
    assert_eq!(redis.keys(), 0, "a default is not stored");
    store(&cache, "k", "v", Internal).await;
    let found = cache.lookup_value("k", Internal, Some("d".into())).await;
    assert_eq!(found.result, LookupResult::Hit("v".into()));
    let internal = StoreUsed::Internal;
    for event in [Event::LookupMiss, Event::LookupDefault, Event::LookupHit, Event::StoreStored] {
        assert_eq!(cache.metrics().get(event, &internal), 1, "{event:?}");
    }
}

#[tokio::test]
async fn durations_are_whole_seconds_and_have_bounds() {
    let redis = RedisServer::start().await;
    let cache = connected(Cache::builder("local").internal(redis.address()).time_budget(BUDGET)).await;
    let ttl = |key: &str| -> i64 { redis::from_redis_value(redis.ask(&["TTL", key])).unwrap() };
    for (duration, expected) in
        [(1, 1), (3600, 3600), (2_147_483_647, 2_147_483_647), (i64::MAX, 2_147_483_647)]
    {
        let stored = cache.store_value("k", &"v".into(), duration, Internal).await;
        assert_eq!(stored.result, StoreResult::Stored, "{duration}");
        assert!((expected - 5..=expected).contains(&ttl("k")), "{duration}: {}", ttl("k"));
    }
    for duration in [0, -1, i64::MIN] {
        store(&cache, "k", "old", Internal).await;
        let skipped = cache.store_value("k", &"new".into(), duration, Internal).await;
        assert_eq!(skipped.result, StoreResult::Skipped(SkipReason::AlreadyExpired), "{duration}");
        assert_eq!(redis.get("k"), None, "{duration}: the old value is out of date");
    }
    assert_eq!(cache.metrics().get(Event::StoreExpired, &StoreUsed::Internal), 3);
}

#[tokio::test]
async fn a_value_that_is_too_large_is_skipped_and_counted() {
    let redis = RedisServer::start().await;
    let builder = || Cache::builder("local").internal(redis.address()).time_budget(BUDGET);
    let cache = connected(builder()).await;
    let limit = 2 * 1024 * 1024;
    assert_eq!(store(&cache, "k", "x".repeat(limit), Internal).await, StoreResult::Stored);
    let skipped = store(&cache, "k", "x".repeat(limit + 1), Internal).await;
    let reason = SkipReason::TooLarge { bytes: limit + 1, limit };
    assert_eq!(skipped, StoreResult::Skipped(reason.clone()));
    assert_eq!(reason.to_string(), "the value has 2097153 bytes, 2097152 are allowed");
    assert_eq!(redis.get("k"), None, "the old value is out of date");
    assert_eq!(cache.metrics().get(Event::StoreTooLarge, &StoreUsed::Internal), 1);
    let small = connected(builder().value_bytes_max(10)).await;
    let bytes = Value::Bytes(Bytes::from_static(b"x"));
    let reason = SkipReason::TooLarge { bytes: 11, limit: 10 };
    assert_eq!(store(&small, "k", bytes, Internal).await, StoreResult::Skipped(reason));
    let long_key = "k".repeat(larder_client::limits::KEY_BYTES_MAX + 1);
    assert_eq!(store(&cache, &long_key, "v", Internal).await, StoreResult::Unavailable(Cause::KeyTooLong));
}

#[tokio::test]
async fn a_stored_value_that_is_too_large_is_a_miss_with_a_cause() {
    let redis = RedisServer::start().await;
    let builder = Cache::builder("local").internal(redis.address()).value_bytes_max(10);
    let cache = connected(builder.time_budget(BUDGET)).await;
    redis.ask(&["SET", "fits", "0123456789"]);
    redis.ask(&["SET", "large", "01234567890"]);
    assert_eq!(cache.lookup_value("fits", Internal, None).await.into_value(), Some("0123456789".into()));
    let missed = cache.lookup_value("large", Internal, Some("d".into())).await;
    assert_eq!(missed.cause(), Some(&Cause::TooLarge { bytes: 11, limit: 10 }));
    assert_eq!(missed.value(), Some(&"d".into()));
    assert_eq!(cache.metrics().get(Event::LookupTooLarge, &StoreUsed::Internal), 1);
    assert_eq!(cache.metrics().get(Event::LookupUnavailable, &StoreUsed::Internal), 0);
}

#[tokio::test]
async fn services_do_not_see_each_other() {
    let redis = RedisServer::start().await;
    let builder = || Cache::builder("local").internal(redis.address()).time_budget(BUDGET);
    let default = connected(builder()).await;
    let shop = connected(builder().service("shop")).await;
    store(&default, "k", "of default", Internal).await;
    store(&shop, "k", "of shop", Internal).await;
    store(&default, "@shop/k", "of default too", Internal).await;
    assert_eq!(default.lookup_value("k", Internal, None).await.into_value(), Some("of default".into()));
    assert_eq!(shop.lookup_value("k", Internal, None).await.into_value(), Some("of shop".into()));
    assert_eq!(redis.get("k").as_deref(), Some("of default"), "redis-cli reads it by its own name");
    assert_eq!(redis.get("@shop/k").as_deref(), Some("of shop"));
}

#[tokio::test]
async fn a_cache_that_dies_is_a_miss_with_a_cause_and_comes_back_by_itself() {
    let inside = RedisServer::start().await;
    let mut outside = RedisServer::start().await;
    let cache = connected(
        Cache::builder("local")
            .internal(inside.address())
            .external("Default", outside.address())
            .time_budget(BUDGET),
    )
    .await;
    store(&cache, "k", "v", PreferExternal).await;
    store(&cache, "k", "not this one", Internal).await;
    assert!(is_hit(&cache, "k").await);
    outside.kill();
    let started = now();
    for _ in 0..50 {
        let missed = cache.lookup_value("k", PreferExternal, Some("d".into())).await;
        assert!(matches!(missed.result, LookupResult::Unavailable { .. }), "{missed:?}");
        assert_eq!(missed.store, external(), "what is configured decides, not what can be reached");
        assert_eq!(missed.value(), Some(&"d".into()));
        let stored = store(&cache, "k", "v", PreferExternal).await;
        assert!(matches!(stored, StoreResult::Unavailable(_)), "{stored:?}");
        let removed = cache.remove_value("k", PreferExternal).await.result;
        assert!(matches!(removed, RemoveResult::Unavailable(_)), "{removed:?}");
    }
    assert!(started.elapsed() < 2 * BUDGET, "no call waits for a cache that is known to be away");
    assert_eq!(inside.get("k").as_deref(), Some("not this one"));
    outside.start_again().await;
    eventually("values are stored again", async || {
        store(&cache, "k", "v2", PreferExternal).await == StoreResult::Stored
    })
    .await;
    assert!(is_hit(&cache, "k").await);
}

#[tokio::test]
async fn a_cache_that_hangs_costs_no_more_than_the_budget() {
    let redis = RedisServer::start().await;
    let budget = Duration::from_millis(100);
    let cache = connected(Cache::builder("local").internal(redis.address()).time_budget(budget)).await;
    eventually("it is connected", async || store(&cache, "k", "v", Internal).await == StoreResult::Stored)
        .await;
    redis.signal("STOP");
    let mut spent = Duration::ZERO;
    for _ in 0..30 {
        let missed = cache.lookup_value("k", Internal, None).await;
        assert!(matches!(missed.result, LookupResult::Unavailable { .. }), "{missed:?}");
        spent += missed.took;
    }
    redis.signal("CONT");
    // Five time-outs put the connection in doubt; the calls after them do not wait.
    assert!(spent < 20 * budget, "{spent:?}");
    eventually("it hits again", async || cache.lookup_value("k", Internal, None).await.is_hit()).await;
}

#[tokio::test]
async fn a_cache_that_hangs_holds_up_nobody_however_many_call() {
    let redis = RedisServer::start().await;
    let budget = Duration::from_millis(300);
    let cache = connected(Cache::builder("local").internal(redis.address()).time_budget(budget)).await;
    redis.signal("STOP");
    let started = now();
    let mut lookups = tokio::task::JoinSet::new();
    for _ in 0..4 * larder_client::limits::IN_FLIGHT_MAX {
        let cache = cache.clone();
        lookups.spawn(async move { cache.lookup_value("k", Internal, None).await.cause().cloned() });
    }
    let mut causes = Vec::new();
    while let Some(cause) = lookups.join_next().await {
        causes.push(cause.unwrap().unwrap());
    }
    redis.signal("CONT");
    assert!(started.elapsed() < 10 * budget, "{:?}", started.elapsed());
    assert!(causes.contains(&Cause::TimedOut));
    eventually("it answers again", async || cache.lookup_value("k", Internal, None).await.cause().is_none())
        .await;
}

#[tokio::test]
async fn a_server_that_talks_nonsense_is_left_alone_between_attempts() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let accepted = Arc::new(AtomicUsize::new(0));
    let counted = accepted.clone();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let nonsense = b"HTTP/1.1 400 Bad Request\r\n\r\n$999999999999\r\n*-7\r\n\0\xff";
            let _ = stream.write_all(nonsense).await;
        }
    });
    let cache =
        Cache::builder("local").internal(format!("127.0.0.1:{port}")).time_budget(BUDGET).build().unwrap();
    eventually("three attempts were made", async || accepted.load(Ordering::SeqCst) >= 3).await;
    let attempts = accepted.load(Ordering::SeqCst);
    for _ in 0..1000 {
        let missed = cache.lookup_value("k", Internal, None).await;
        assert!(missed.cause().is_some(), "{missed:?}");
    }
    let more = accepted.load(Ordering::SeqCst) - attempts;
    assert!(more < 10, "calls do not make connections: {more}");
}

#[tokio::test]
async fn a_cache_that_was_never_there_is_no_error() {
    let port = free_port();
    let cache = Cache::builder("local")
        .external("Default", format!("127.0.0.1:{port},connectRetry=1"))
        .time_budget(BUDGET)
        .build()
        .unwrap();
    let missed = cache.lookup_value("k", PreferExternal, None).await;
    assert!(matches!(missed.cause(), Some(Cause::Unreachable(_) | Cause::Connecting)), "{missed:?}");
    eventually("the cause is known", async || {
        let missed = cache.lookup_value("k", PreferExternal, None).await;
        missed.cause().unwrap().to_string().contains("refused")
    })
    .await;
}

#[tokio::test]
async fn any_internal_endpoint_will_do_and_the_next_is_taken() {
    let (mut one, mut two) = (RedisServer::start().await, RedisServer::start().await);
    let nobody = free_port();
    let endpoints = format!("127.0.0.1:{nobody},{},{}", one.address(), two.address());
    let cache = connected(Cache::builder("local").internal(endpoints).time_budget(BUDGET)).await;
    eventually("one of them answers", async || {
        store(&cache, "k", "v", Internal).await == StoreResult::Stored
    })
    .await;
    if one.get("k").is_some() {
        one.kill()
    } else {
        two.kill()
    }
    eventually("the other answers", async || store(&cache, "k", "v", Internal).await == StoreResult::Stored)
        .await;
}

#[tokio::test]
async fn many_lookups_share_a_connection() {
    let redis = RedisServer::start().await;
    let cache =
        connected(Cache::builder("local").internal(redis.address()).time_budget(Duration::from_secs(20)))
            .await;
    store(&cache, "k", "v", Internal).await;
    let mut lookups = tokio::task::JoinSet::new();
    for _ in 0..3000 {
        let cache = cache.clone();
        lookups.spawn(async move { cache.lookup_value("k", Internal, None).await.is_hit() });
    }
    while let Some(hit) = lookups.join_next().await {
        assert!(hit.unwrap());
    }
    let clients: String = redis::from_redis_value(redis.ask(&["CLIENT", "LIST"])).unwrap();
    assert_eq!(clients.lines().count(), 2, "ours and the one that asks: {clients}");
}

#[tokio::test]
async fn stores_in_the_background_are_not_waited_for() {
    let redis = RedisServer::start().await;
    let cache = connected(
        Cache::builder("local")
            .internal(redis.address())
            .store_mode(StoreMode::Background)
            .time_budget(BUDGET),
    )
    .await;
    assert_eq!(store(&cache, "k", "v", Internal).await, StoreResult::Queued);
    cache.flush().await;
    assert_eq!(redis.get("k").as_deref(), Some("v"));
    let skipped = cache.store_value("k", &"v".into(), 0, Internal).await.result;
    assert_eq!(skipped, StoreResult::Skipped(SkipReason::AlreadyExpired));
    cache.flush().await;
    assert_eq!(redis.get("k"), None);
}

#[tokio::test]
async fn a_flush_ends_while_others_go_on_storing() {
    let redis = RedisServer::start().await;
    let builder = Cache::builder("local").internal(redis.address()).store_mode(StoreMode::Background);
    let cache = connected(builder.time_budget(Duration::from_millis(300))).await;
    assert!(cache.flush().await, "nothing is under way");
    redis.signal("STOP");
    let mut others = tokio::task::JoinSet::new();
    let storing = cache.clone();
    others.spawn(async move {
        loop {
            store(&storing, "k", "v", Internal).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    eventually("a store is under way", async || {
        cache.metrics().get(Event::StoreQueued, &StoreUsed::Internal) > 0
    })
    .await;
    let flushed = tokio::time::timeout(BUDGET, cache.flush()).await;
    redis.signal("CONT");
    assert_eq!(flushed, Ok(false), "it ends, and says that stores are left");
    others.shutdown().await;
    assert!(cache.flush().await, "those that are left end within their budget");
}

#[tokio::test]
async fn the_connection_goes_with_the_last_clone() {
    let redis = RedisServer::start().await;
    let cache = connected(Cache::builder("local").internal(redis.address()).time_budget(BUDGET)).await;
    let clone = cache.clone();
    store(&cache, "k", "v", Internal).await;
    drop(cache);
    assert!(clone.lookup_value("k", Internal, None).await.is_hit());
    drop(clone);
    eventually("only the one that asks is connected", async || {
        let clients: String = redis::from_redis_value(redis.ask(&["CLIENT", "LIST"])).unwrap();
        clients.lines().count() == 1
    })
    .await;
}
