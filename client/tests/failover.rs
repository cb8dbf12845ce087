//! Failing over from the external cache to the internal one: only for who opted in, only with
//! `prefer-external`, within the budget of the call, and counted.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use larder_client::{
    Cache, CacheBuilder, CachingType, Cause, Event, LookupResult, RemoveResult, StoreMode, StoreResult,
    StoreUsed,
};
use support::{Mode, Proxy, RedisServer, connected, eventually};

use CachingType::{External, Internal, PreferExternal};

const BUDGET: Duration = Duration::from_secs(2);

fn builder(inside: &RedisServer, outside: &str) -> CacheBuilder {
    let builder = Cache::builder("local").internal(inside.address()).external("Default", outside);
    builder.time_budget(BUDGET)
}

fn external() -> StoreUsed {
    StoreUsed::External("Default".into())
}

#[tokio::test]
async fn who_opted_in_is_served_by_the_internal_cache_while_the_external_one_is_away() {
    let (inside, mut outside) = (RedisServer::start().await, RedisServer::start().await);
    let cache = connected(builder(&inside, &outside.address()).failover(true)).await;
    assert_eq!(cache.store_value("k", &"out".into(), 60, PreferExternal).await.store, external());
    assert_eq!(inside.keys(), 0, "nothing goes inside while the external cache answers");
    outside.kill();
    let stored = cache.store_value("k", &"in".into(), 60, PreferExternal).await;
    assert_eq!((stored.result, stored.store), (StoreResult::Stored, StoreUsed::Internal));
    let found = cache.lookup_value("k", PreferExternal, None).await;
    assert_eq!((found.result, found.store), (LookupResult::Hit("in".into()), StoreUsed::Internal));
    let removed = cache.remove_value("k", PreferExternal).await;
    assert_eq!((removed.result, removed.store), (RemoveResult::Removed, StoreUsed::Internal));
    let strict = cache.lookup_value("k", External, None).await;
    assert!(strict.cause().is_some(), "external never goes inside: {strict:?}");
    assert_eq!(strict.store, external());
    assert_eq!(cache.metrics().failovers(), 3);
    for event in [Event::StoreUnavailable, Event::RemoveUnavailable] {
        assert_eq!(cache.metrics().get(event, &external()), 1, "{event:?}");
    }
    assert!(cache.metrics().to_string().contains("\nlarder_client_failovers_total 3\n"));
    outside.start_again().await;
    eventually("the external cache is used again", async || {
        cache.lookup_value("k", PreferExternal, None).await.store == external()
    })
    .await;
}

#[tokio::test]
async fn who_did_not_opt_in_misses() {
    let (inside, mut outside) = (RedisServer::start().await, RedisServer::start().await);
    let cache = connected(builder(&inside, &outside.address())).await;
    inside.ask(&["SET", "k", "in"]);
    outside.kill();
    let missed = cache.lookup_value("k", PreferExternal, None).await;
    assert!(missed.cause().is_some() && missed.store == external(), "{missed:?}");
    assert_eq!(cache.metrics().failovers(), 0);
}

#[tokio::test]
async fn a_hanging_external_cache_costs_half_of_the_budget_and_then_nothing() {
    let (inside, outside) = (RedisServer::start().await, RedisServer::start().await);
    let proxy = Proxy::start(outside.address()).await;
    let budget = Duration::from_millis(600);
    let cache = connected(builder(&inside, &proxy.address()).failover(true).time_budget(budget)).await;
    cache.store_value("k", &"in".into(), 60, Internal).await;
    proxy.set(Mode::Hang);
    let mut times = Vec::new();
    for _ in 0..20 {
        let found = cache.lookup_value("k", PreferExternal, None).await;
        assert_eq!((found.result, found.store), (LookupResult::Hit("in".into()), StoreUsed::Internal));
        times.push(found.took);
    }
    assert!(times[0] >= budget / 2, "{times:?}");
    assert!(times.iter().sum::<Duration>() < 10 * budget, "the breaker is open soon: {times:?}");
}

#[tokio::test]
async fn what_concerns_the_key_is_no_reason_to_turn_away() {
    let (inside, outside) = (RedisServer::start().await, RedisServer::start().await);
    let cache = connected(builder(&inside, &outside.address()).failover(true).value_bytes_max(5)).await;
    outside.ask(&["HSET", "hash", "f", "v"]);
    outside.ask(&["SET", "large", "123456"]);
    let wrong = cache.lookup_value("hash", PreferExternal, None).await;
    assert_eq!(wrong.cause(), Some(&Cause::Refused("WRONGTYPE".into())));
    let large = cache.lookup_value("large", PreferExternal, None).await;
    assert!(matches!(large.cause(), Some(Cause::TooLarge { .. })));
    assert_eq!(cache.metrics().failovers(), 0);
}

#[tokio::test]
async fn a_full_external_cache_is_one_that_failed_in_the_background_too() {
    let inside = RedisServer::start().await;
    let outside = RedisServer::start_with(&["--maxmemory", "1", "--maxmemory-policy", "noeviction"]).await;
    let cache =
        connected(builder(&inside, &outside.address()).failover(true).store_mode(StoreMode::Background))
            .await;
    assert_eq!(cache.store_value("k", &"v".into(), 60, PreferExternal).await.result, StoreResult::Queued);
    assert!(cache.flush().await);
    assert_eq!(inside.get("k").as_deref(), Some("v"));
    assert_eq!(cache.metrics().get(Event::StoreUnavailable, &external()), 1);
    assert_eq!(cache.metrics().get(Event::StoreUnavailable, &StoreUsed::Internal), 0);
}
