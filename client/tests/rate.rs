//! Rate limits at real servers: exactly as many calls as allowed, whoever asks; and counted in this process
//! when nobody can be asked.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "rate/script.rs"]
mod script;
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use larder_client::{Cache, CachingType, Cause, Event, RateLimit, StoreUsed, Take, Taken, Value, limits};
use support::{RedisServer, connected, eventually, free_port};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const BUDGET: Duration = Duration::from_secs(5);

fn limit(calls: u32, period: Duration) -> RateLimit {
    RateLimit { calls, period }
}

/// So many takes of one, all at once; how many were let through.
async fn storm(caches: &[Cache], takes: usize, limit: RateLimit) -> usize {
    let mut tasks = JoinSet::new();
    for cache in caches.iter().cycle().take(takes) {
        let cache = cache.clone();
        tasks.spawn(async move { cache.take("k", limit, Take::Count(1)).await });
    }
    let taken: Vec<Taken> = tasks.join_all().await;
    assert!(taken.iter().all(|taken| taken.cause.is_none()), "{taken:?}");
    taken.iter().filter(|taken| taken.allowed).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_tasks_of_two_gateways_get_exactly_what_is_allowed() {
    let redis = RedisServer::start().await;
    let gateway = || connected(Cache::builder("local").internal(redis.address()).time_budget(BUDGET));
    let caches = [gateway().await, gateway().await];
    assert_eq!(storm(&caches, 50, limit(17, Duration::from_secs(60))).await, 17);
    assert_eq!(storm(&caches, 50, limit(17, Duration::from_secs(60))).await, 0);
    let found: Vec<String> = redis::from_redis_value(redis.ask(&["KEYS", "*"])).unwrap();
    assert_eq!(found, ["@+limit/60000/k"]);
    let life: i64 = redis::from_redis_value(redis.ask(&["PTTL", "@+limit/60000/k"])).unwrap();
    assert!((1..=61_875).contains(&life), "a period and a part: {life}");
    assert_eq!(
        caches[0].metrics().get(Event::TakeAllowed, &StoreUsed::Internal),
        17 - caches[1].metrics().get(Event::TakeAllowed, &StoreUsed::Internal)
    );
}

#[tokio::test]
async fn a_window_slides() {
    let redis = RedisServer::start().await;
    let cache = connected(Cache::builder("local").internal(redis.address()).time_budget(BUDGET)).await;
    let limit = limit(3, Duration::from_millis(640));
    for remaining in [2, 1, 0] {
        let taken = cache.take("k", limit, Take::Count(1)).await;
        assert_eq!((taken.allowed, taken.remaining, taken.store), (true, remaining, StoreUsed::Internal));
    }
    let refused = cache.take("k", limit, Take::Count(1)).await;
    assert!(!refused.allowed && refused.remaining == 0);
    assert!((1..=660).contains(&refused.retry_after.as_millis()), "{refused:?}");
    tokio::time::sleep(refused.retry_after).await;
    assert!(cache.take("k", limit, Take::Count(1)).await.allowed, "it may be taken when the answer said");
}

#[tokio::test]
async fn check_counts_nothing_and_force_counts_in_any_case() {
    let redis = RedisServer::start().await;
    let cache =
        connected(Cache::builder("local").external("Default", redis.address()).time_budget(BUDGET)).await;
    let limit = limit(5, Duration::from_secs(300));
    let take = async |take| {
        let taken = cache.take("k", limit, take).await;
        assert_eq!((taken.store, taken.cause), (StoreUsed::External("Default".into()), None));
        (taken.allowed, taken.remaining)
    };
    assert_eq!(take(Take::Check).await, (true, 5));
    assert_eq!(redis.keys(), 0, "a check leaves nothing behind");
    assert_eq!(take(Take::Count(4)).await, (true, 1));
    assert_eq!(take(Take::Count(2)).await, (false, 1));
    assert_eq!(take(Take::Force(1)).await, (true, 0));
    assert_eq!(take(Take::Check).await, (false, 0));
    assert_eq!(take(Take::Force(u32::MAX)).await, (false, 0));
    assert_eq!(take(Take::Count(0)).await, (false, 0));
    let nothing = cache.take("k", self::limit(0, Duration::from_secs(7)), Take::Count(1)).await;
    assert_eq!((nothing.allowed, nothing.retry_after, nothing.cause), (false, Duration::from_secs(7), None));
    let other = RateLimit { calls: 5, period: Duration::from_secs(200) };
    assert!(cache.take("k", other, Take::Count(5)).await.allowed, "another period is another count");
}

#[tokio::test]
async fn the_script_is_known_again_after_a_flush_and_the_unknown_command_is_not_asked_twice() {
    let redis = RedisServer::start().await;
    let cache = connected(Cache::builder("local").internal(redis.address()).time_budget(BUDGET)).await;
    let limit = limit(100, Duration::from_secs(300));
    for _ in 0..5 {
        assert!(cache.take("k", limit, Take::Count(1)).await.allowed);
    }
    redis.ask(&["SCRIPT", "FLUSH"]);
    assert_eq!(cache.take("k", limit, Take::Count(1)).await.remaining, 94);
    let stats: String = redis::from_redis_value(redis.ask(&["INFO", "commandstats"])).unwrap();
    let calls = |name: &str| {
        let line = stats.lines().find(|line| line.starts_with(&format!("cmdstat_{name}:calls="))).unwrap();
        line.split(['=', ',']).nth(1).unwrap().to_owned()
    };
    assert_eq!((calls("evalsha"), calls("eval")), ("6".into(), "2".into()), "{stats}");
}

#[tokio::test]
async fn values_and_limits_never_meet_and_services_count_apart() {
    let redis = RedisServer::start().await;
    let builder = || Cache::builder("local").internal(redis.address()).time_budget(BUDGET);
    let (default, shop) = (connected(builder()).await, connected(builder().service("shop")).await);
    let limit = limit(1, Duration::from_secs(300));
    assert!(default.take("k", limit, Take::Count(1)).await.allowed);
    assert!(shop.take("k", limit, Take::Count(1)).await.allowed);
    assert!(!shop.take("k", limit, Take::Count(1)).await.allowed);
    let value = Value::from("v");
    default.store_value("@+limit/300000/k", &value, 60, CachingType::Internal).await;
    assert!(!default.take("k", limit, Take::Count(1)).await.allowed);
    let mut keys: Vec<String> = redis::from_redis_value(redis.ask(&["KEYS", "*"])).unwrap();
    keys.sort();
    assert_eq!(keys, ["@+limit/300000/@shop/k", "@+limit/300000/k", "@@+limit/300000/k"]);
}

#[tokio::test]
async fn without_a_store_this_process_counts() {
    let cache = Cache::builder("local").build().unwrap();
    let limit = limit(3, Duration::from_secs(300));
    assert_eq!(storm(std::slice::from_ref(&cache), 50, limit).await, 3);
    let refused = cache.take("k", limit, Take::Check).await;
    assert_eq!((refused.allowed, refused.store, refused.cause), (false, StoreUsed::None, None));
}

#[tokio::test]
async fn a_limit_of_none_counts_nothing_wherever_it_would_be_counted() {
    let redis = RedisServer::start().await;
    let here = Cache::builder("local").build().unwrap();
    let there = connected(Cache::builder("local").internal(redis.address()).time_budget(BUDGET)).await;
    let none = limit(0, Duration::from_secs(300));
    for cache in [here, there] {
        for take in [Take::Force(3), Take::Count(1), Take::Count(0), Take::Check] {
            let taken = cache.take("k", none, take).await;
            assert_eq!((taken.allowed, taken.remaining, taken.retry_after), (false, 0, none.period));
        }
        let long = "k".repeat(limits::KEY_BYTES_MAX + 1);
        assert_eq!(cache.take(&long, none, Take::Count(1)).await.cause, None, "nobody has to be asked");
        let one = cache.take("k", limit(1, none.period), Take::Count(1)).await;
        assert_eq!((one.allowed, one.remaining), (true, 0), "nothing was counted");
    }
}

#[tokio::test]
async fn while_the_store_is_away_this_process_counts_and_says_why() {
    let mut redis = RedisServer::start().await;
    let cache = connected(Cache::builder("local").internal(redis.address()).time_budget(BUDGET)).await;
    let limit = limit(3, Duration::from_secs(300));
    assert!(cache.take("k", limit, Take::Count(3)).await.allowed);
    redis.kill();
    let mut allowed = 0;
    eventually("this process lets no more through", async || {
        let taken = cache.take("k", limit, Take::Count(1)).await;
        assert_eq!(taken.store, StoreUsed::None);
        assert!(matches!(taken.cause, Some(Cause::Unreachable(_) | Cause::Connecting)), "{taken:?}");
        allowed += u32::from(taken.allowed);
        !taken.allowed
    })
    .await;
    assert_eq!(allowed, 3, "its own count begins at nothing");
    assert!(cache.metrics().get(Event::TakeUnavailable, &StoreUsed::Internal) >= 4);
    redis.start_again().await;
    eventually("the store counts again", async || {
        cache.take("k", limit, Take::Check).await.store == StoreUsed::Internal
    })
    .await;
    let nobody = Cache::builder("local").internal(format!("127.0.0.1:{}", free_port())).build().unwrap();
    assert!(nobody.take("k", limit, Take::Count(1)).await.allowed);
}

#[tokio::test]
async fn a_take_whose_connection_ends_is_not_sent_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let takes = Arc::new(AtomicUsize::new(0));
    let counted = takes.clone();
    let mut server = JoinSet::new();
    server.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = vec![0; 4096];
            while let Ok(bytes @ 1..) = stream.read(&mut asked).await {
                let text = String::from_utf8_lossy(&asked[..bytes]).into_owned();
                // Perhaps it was carried out, perhaps not: nobody learns it.
                if text.contains("LARDER.LIMIT") {
                    counted.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                let commands = text.lines().filter(|line| line.starts_with('*')).count();
                stream.write_all("+OK\r\n".repeat(commands).as_bytes()).await.unwrap();
            }
        }
    });
    let cache = connected(Cache::builder("local").internal(address).time_budget(BUDGET)).await;
    let limit = limit(1, Duration::from_secs(300));
    let taken = cache.take("k", limit, Take::Count(1)).await;
    assert_eq!((taken.allowed, &taken.store), (true, &StoreUsed::None), "{taken:?}");
    assert!(matches!(taken.cause, Some(Cause::Unreachable(_))), "{taken:?}");
    assert_eq!(takes.load(Ordering::Relaxed), 1);
}
