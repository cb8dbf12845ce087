//! The spans and logs of a cache while it runs, and what they never tell. It is alone in its file: the
//! subscriber is that of the whole process.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use larder_client::{Cache, CachingType, Value};
use support::{Log, RedisServer, connected, eventually};

#[tokio::test]
async fn spans_tell_result_store_and_time_and_no_secret() {
    let log = Log::default();
    tracing::subscriber::set_global_default(log.subscriber()).unwrap();
    let mut redis = RedisServer::start_with(&["--requirepass", "pass-0"]).await;
    let cache = connected(
        Cache::builder("local")
            .external("Default", format!("{},password=pass-0", redis.address()))
            .time_budget(Duration::from_secs(5)),
    )
    .await;
    let external = CachingType::External;
    cache.store_value("key-0", &Value::from("value-0"), 60, external).await;
    cache.lookup_value("key-0", external, None).await;
    cache.lookup_value("key-1", external, Some("value-1".into())).await;
    cache.remove_value("key-0", external).await;
    cache.lookup_value("key-0", CachingType::Internal, None).await;
    redis.kill();
    eventually("it is known to be down", async || {
        cache.lookup_value("key-0", external, Some("value-1".into())).await.cause().is_some()
    })
    .await;
    let text = log.text();
    for (operation, result, store) in [
        ("store", "stored", "external:Default"),
        ("lookup", "hit", "external:Default"),
        ("lookup", "default", "external:Default"),
        ("remove", "removed", "external:Default"),
        ("lookup", "not_configured", "none"),
        ("lookup", "unavailable", "external:Default"),
    ] {
        let told = |line: &&str| {
            line.contains(&format!("operation=\"{operation}\""))
                && line.contains(&format!("result=\"{result}\""))
                && line.contains(&format!("store={store} "))
                && line.contains("took_us=")
        };
        assert!(text.lines().any(|line| told(&line)), "{operation} {result} {store} is missing in\n{text}");
    }
    let unavailable = text.lines().find(|line| line.contains("unavailable")).unwrap();
    assert!(unavailable.contains("cause=the cache cannot be reached"), "{unavailable}");
    for part in ["connected to cache", "lost connection to cache", "external cache Default: in use"] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    for secret in ["pass-0", "value-0", "value-1", "key-0", "key-1"] {
        assert!(!text.contains(secret), "{secret} shows in\n{text}");
        assert!(!format!("{cache:?} {}", cache.metrics()).contains(secret), "{secret}");
    }
}
