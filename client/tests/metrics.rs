//! The counters and times of a cache.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder_client::{Cache, CachingType, Clock, Event, StoreUsed};
use support::{RedisServer, eventually};

/// A clock on which a second passes with every look at it.
#[derive(Debug, Default)]
struct Steps(Mutex<Duration>);

impl Clock for Steps {
    fn now(&self) -> Duration {
        let mut now = self.0.lock().unwrap();
        *now += Duration::from_secs(1);
        *now
    }
}

#[tokio::test]
async fn times_come_from_the_clock_that_was_handed_in() {
    let redis = RedisServer::start().await;
    let cache = Cache::builder("local")
        .internal(redis.address())
        .time_budget(Duration::from_secs(5))
        .clock(Arc::new(Steps::default()))
        .build()
        .unwrap();
    let mut lookups = 0;
    eventually("it is connected", async || {
        let found = cache.lookup_value("k", CachingType::Internal, None).await;
        assert!(found.took >= Duration::from_secs(1) && found.took.subsec_nanos() == 0, "{:?}", found.took);
        lookups += 1;
        found.cause().is_none()
    })
    .await;
    let count =
        format!("larder_client_call_seconds_count{{operation=\"lookup\",store=\"internal\"}} {lookups}");
    let text = cache.metrics().to_string();
    assert!(text.lines().any(|line| line == count), "{count} is missing in\n{text}");
    assert_eq!(cache.metrics().get(Event::LookupMiss, &StoreUsed::Internal), 1);
}

#[tokio::test]
async fn an_external_cache_that_no_region_resolves_to_is_a_metric() {
    let builder = || Cache::builder("East US").internal("127.0.0.1:1");
    let unresolved = builder().external("West Europe", "127.0.0.1:1").build().unwrap();
    assert!(unresolved.metrics().external_is_unresolved());
    assert!(unresolved.metrics().to_string().contains("\nlarder_client_external_unresolved 1\n"));
    assert!(!builder().build().unwrap().metrics().external_is_unresolved());
    assert!(
        !builder().external("Default", "127.0.0.1:1").build().unwrap().metrics().external_is_unresolved()
    );
}
