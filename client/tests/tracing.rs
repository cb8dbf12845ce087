//! The spans and logs of a cache while it runs, and what they never tell. It is alone in its file: the
//! subscriber is that of the whole process.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder_client::{Cache, CachingType, Value};
use support::{RedisServer, connected, eventually};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn spans_tell_result_store_and_time_and_no_secret() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
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
