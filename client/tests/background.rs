//! Stores that nobody waits for: the gateway that made them reads them at once, and those of one key happen
//! in the order of their calls.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use larder_client::{
    Cache, CachingType, Cause, LookupResult, RemoveResult, StoreMode, StoreResult, Value, limits,
};
use support::{Mode, Proxy, RedisServer, connected, eventually};
use tokio::task::JoinSet;

use CachingType::{External, Internal};

const BUDGET: Duration = Duration::from_secs(5);

async fn cache_of(address: String, budget: Duration) -> Cache {
    let builder = Cache::builder("local").internal(address).store_mode(StoreMode::Background);
    connected(builder.time_budget(budget)).await
}

async fn store(cache: &Cache, key: &str, value: impl Into<Value>) -> StoreResult {
    cache.store_value(key, &value.into(), 60, Internal).await.result
}

async fn lookup(cache: &Cache, key: &str) -> LookupResult {
    cache.lookup_value(key, Internal, Some("default".into())).await.result
}

#[tokio::test]
async fn a_lookup_gives_the_value_that_is_under_way() {
    let redis = RedisServer::start().await;
    let cache = cache_of(redis.address(), BUDGET).await;
    redis.signal("STOP");
    assert_eq!(store(&cache, "k", "v").await, StoreResult::Queued);
    assert_eq!(lookup(&cache, "k").await, LookupResult::Hit("v".into()));
    let clone = cache.clone();
    assert_eq!(lookup(&clone, "k").await, LookupResult::Hit("v".into()), "every clone sees it");
    assert_eq!(store(&cache, "k", Value::Int(7)).await, StoreResult::Queued);
    assert_eq!(lookup(&cache, "k").await, LookupResult::Hit(Value::Int(7)), "the newest");
    assert!(matches!(cache.store_value("k", &"v".into(), 0, Internal).await.result, StoreResult::Skipped(_)));
    assert_eq!(lookup(&cache, "k").await, LookupResult::Default("default".into()), "it is past its end");
    assert_eq!(store(&cache, "k", "last").await, StoreResult::Queued);
    redis.signal("CONT");
    assert!(cache.flush().await);
    assert_eq!(redis.get("k").as_deref(), Some("last"));
    redis.ask(&["SET", "k", "of another"]);
    assert_eq!(lookup(&cache, "k").await, LookupResult::Hit("of another".into()), "nothing is under way");
}

#[tokio::test]
async fn a_lookup_finds_nothing_while_a_removal_is_under_way() {
    let redis = RedisServer::start().await;
    let cache = cache_of(redis.address(), BUDGET).await;
    redis.ask(&["SET", "k", "v"]);
    redis.signal("STOP");
    let mut removal = JoinSet::new();
    let remover = cache.clone();
    removal.spawn(async move { remover.remove_value("k", Internal).await.result });
    tokio::task::yield_now().await;
    assert_eq!(lookup(&cache, "k").await, LookupResult::Default("default".into()));
    redis.signal("CONT");
    assert_eq!(removal.join_next().await.unwrap().unwrap(), RemoveResult::Removed);
    assert_eq!(redis.get("k"), None);
    assert_eq!(cache.remove_value("k", Internal).await.result, RemoveResult::Absent);
}

#[tokio::test]
async fn a_removal_comes_after_the_stores_before_it() {
    let redis = RedisServer::start().await;
    let cache = cache_of(redis.address(), BUDGET).await;
    for round in 0..50 {
        let key = format!("k-{round}");
        for value in 0..5 {
            assert_eq!(store(&cache, &key, Value::Int(value)).await, StoreResult::Queued);
        }
        assert_eq!(cache.remove_value(&key, Internal).await.result, RemoveResult::Removed);
        assert_eq!(lookup(&cache, &key).await, LookupResult::Default("default".into()));
    }
    assert!(cache.flush().await);
    assert_eq!(redis.keys(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_of_many_stores_is_what_stays() {
    let redis = RedisServer::start().await;
    let cache = cache_of(redis.address(), BUDGET).await;
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let cache = cache.clone();
        writers.spawn(async move {
            let key = format!("k-{writer}");
            for value in 0..500 {
                assert_eq!(store(&cache, &key, Value::Int(value)).await, StoreResult::Queued);
                assert_eq!(lookup(&cache, &key).await, LookupResult::Hit(Value::Int(value)));
            }
        });
    }
    writers.join_all().await;
    assert!(cache.flush().await);
    for writer in 0..8 {
        assert_eq!(lookup(&cache, &format!("k-{writer}")).await, LookupResult::Hit(Value::Int(499)));
    }
}

#[tokio::test]
async fn what_fails_in_the_end_is_counted_and_not_found() {
    let redis = RedisServer::start().await;
    let proxy = Proxy::start(redis.address()).await;
    let cache = cache_of(proxy.address(), Duration::from_millis(300)).await;
    proxy.set(Mode::Hang);
    redis.ask(&["SET", "k", "before"]);
    assert_eq!(store(&cache, "lost", "v").await, StoreResult::Queued);
    assert_eq!(lookup(&cache, "lost").await, LookupResult::Hit("v".into()));
    let removed = cache.remove_value("k", Internal).await;
    assert_eq!(removed.result, RemoveResult::Unavailable(Cause::TimedOut));
    assert!(cache.flush().await);
    let unavailable = || cache.metrics().get(larder_client::Event::StoreUnavailable, &removed.store);
    eventually("it is counted", async || unavailable() == 1).await;
    assert!(matches!(lookup(&cache, "lost").await, LookupResult::Unavailable { .. }));
}

#[tokio::test]
async fn there_is_a_bound_to_what_is_under_way() {
    let redis = RedisServer::start().await;
    let cache = cache_of(redis.address(), BUDGET).await;
    redis.signal("STOP");
    for number in 0..limits::BACKGROUND_STORES_MAX {
        assert_eq!(store(&cache, &format!("k-{number}"), "v").await, StoreResult::Queued);
    }
    assert_eq!(store(&cache, "more", "v").await, StoreResult::Unavailable(Cause::Overloaded));
    assert_eq!(store(&cache, "k-0", "v2").await, StoreResult::Queued, "this key is under way already");
    redis.signal("CONT");
    assert!(cache.flush().await);
    assert_eq!(redis.keys() as usize, limits::BACKGROUND_STORES_MAX);
    assert_eq!(redis.get("k-0").as_deref(), Some("v2"));
}

#[tokio::test]
async fn stores_do_not_mix() {
    let (inside, outside) = (RedisServer::start().await, RedisServer::start().await);
    let builder = Cache::builder("local").internal(inside.address()).external("Default", outside.address());
    let cache = connected(builder.store_mode(StoreMode::Background).time_budget(BUDGET)).await;
    inside.signal("STOP");
    assert_eq!(store(&cache, "k", "v").await, StoreResult::Queued);
    assert_eq!(cache.lookup_value("k", External, None).await.result, LookupResult::Miss);
    inside.signal("CONT");
    assert!(cache.flush().await);
}
