//! Sentinels: the primary they name is used, with their own login, and followed when they name another.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::{Duration, Instant};

use larder_client::{Cache, CachingType, Cause, StoreResult};
use support::{SERVICE, Sentinels, connected, eventually};

use CachingType::External;

const BUDGET: Duration = Duration::from_secs(2);
/// Until the sentinels have agreed (down after one second) and the link follows, on a busy machine.
const RECOVERY: Duration = Duration::from_secs(18);

#[expect(clippy::disallowed_methods, reason = "a test measures real time")]
fn now() -> Instant {
    Instant::now()
}

async fn cache_of(sentinels: &Sentinels, options: &str) -> Cache {
    let string = format!("{},serviceName={SERVICE}{options}", sentinels.addresses());
    connected(Cache::builder("local").external("Default", string).time_budget(BUDGET)).await
}

async fn store(cache: &Cache) -> StoreResult {
    cache.store_value("k", &"v".into(), 60, External).await.result
}

#[tokio::test]
async fn table_4_3_option_service_name_and_the_login_at_sentinels() {
    let sentinels = Sentinels::start(Some(("server-pw", "ann", "sentinel-pw"))).await;
    let options = ",password=server-pw,sentinelUser=ann,sentinelPassword=sentinel-pw";
    assert_eq!(store(&cache_of(&sentinels, options).await).await, StoreResult::Stored);
    for (options, wanted) in [
        (",password=server-pw", "NOAUTH"),
        (",password=server-pw,sentinelUser=ann,sentinelPassword=wrong", "login"),
        (",password=wrong,sentinelUser=ann,sentinelPassword=sentinel-pw", "login"),
    ] {
        let string = format!("{},serviceName={SERVICE}{options}", sentinels.addresses());
        let cache = Cache::builder("local").external("Default", string).time_budget(BUDGET).build().unwrap();
        let mut text = String::new();
        eventually("the cause is known", async || match store(&cache).await {
            StoreResult::Unavailable(Cause::Connecting) => false,
            StoreResult::Unavailable(cause) => {
                text = cause.to_string();
                true
            }
            other => panic!("{other:?}"),
        })
        .await;
        assert!(text.contains(wanted), "{options}: {text}");
        assert!(!text.contains("pw") && !text.contains("wrong"), "{text}");
    }
}

#[tokio::test]
async fn fault_sentinel_failover_a_primary_that_dies_is_followed() {
    let mut sentinels = Sentinels::start(None).await;
    let cache = cache_of(&sentinels, "").await;
    assert_eq!(store(&cache).await, StoreResult::Stored);
    assert_eq!(sentinels.servers[0].get("k").as_deref(), Some("v"));
    sentinels.servers[0].kill();
    let started = now();
    let mut causes = Vec::new();
    eventually("values are stored again", async || {
        let stored = cache.store_value("k", &"v2".into(), 60, External).await;
        assert!(stored.took < BUDGET + Duration::from_secs(1), "{stored:?}");
        match stored.result {
            StoreResult::Stored => true,
            StoreResult::Unavailable(cause) => {
                causes.push(cause);
                false
            }
            other => panic!("{other:?}"),
        }
    })
    .await;
    assert!(started.elapsed() < RECOVERY, "{:?}", started.elapsed());
    let is_right = |cause: &Cause| {
        matches!(cause, Cause::Unreachable(_) | Cause::Connecting)
            || *cause == Cause::Refused("READONLY".into())
    };
    assert!(!causes.is_empty() && causes.iter().all(is_right), "{causes:?}");
    assert_eq!(sentinels.servers[1].get("k").as_deref(), Some("v2"));
}

#[tokio::test]
async fn a_switch_is_followed_though_the_old_primary_lives_and_nobody_writes() {
    let sentinels = Sentinels::start(None).await;
    let cache = cache_of(&sentinels, "").await;
    assert_eq!(store(&cache).await, StoreResult::Stored);
    sentinels.ask(0, &["SENTINEL", "FAILOVER", SERVICE]).unwrap();
    eventually("the new primary has our connection", async || {
        let clients: String =
            redis::from_redis_value(sentinels.servers[1].ask(&["CLIENT", "LIST", "TYPE", "NORMAL"])).unwrap();
        let role: String =
            redis::from_redis_value(sentinels.servers[1].ask(&["INFO", "replication"])).unwrap();
        role.contains("role:master")
            && clients.lines().any(|line| line.contains("cmd=ping") && !line.contains("name=sentinel"))
    })
    .await;
    eventually("it is stored there", async || store(&cache).await == StoreResult::Stored).await;
    assert_eq!(sentinels.servers[1].get("k").as_deref(), Some("v"));
}
