//! TLS to an external cache: a real server with a certificate of a CA that the test makes.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use larder_client::{BuildError, Cache, CachingType, Cause, StoreResult, TlsError};
use support::{TempDir, TlsRedis, eventually};

async fn store(cache: &Cache) -> StoreResult {
    cache.store_value("k", &"v".into(), 60, CachingType::External).await.result
}

async fn is_stored(cache: &Cache) -> bool {
    // The handshake of an unoptimised build may outlast the patience of the first call.
    eventually("it is stored", async || store(cache).await == StoreResult::Stored).await;
    cache.lookup_value("k", CachingType::External, None).await.is_hit()
}

/// What the cache says when it cannot connect.
async fn refusal(cache: &Cache) -> String {
    let mut text = String::new();
    eventually("the handshake has failed", async || match store(cache).await {
        StoreResult::Unavailable(Cause::Connecting) => false,
        StoreResult::Unavailable(cause) => {
            text = cause.to_string();
            true
        }
        other => panic!("{other:?}"),
    })
    .await;
    text
}

#[tokio::test]
async fn values_go_through_tls() {
    let server = TlsRedis::start("localhost", &[]).await;
    assert!(is_stored(&server.cache("localhost", "ssl=True")).await);
    assert_eq!(server.redis.get("k").as_deref(), Some("v"));
    let url = format!("rediss://localhost:{}", server.port);
    let from_url = Cache::builder("local")
        .external("Default", url)
        .root_certificates_pem(server.ca.as_str())
        .time_budget(Duration::from_secs(10))
        .build()
        .unwrap();
    assert!(is_stored(&from_url).await);
}

#[tokio::test]
async fn the_name_expected_may_differ_from_the_host() {
    let server = TlsRedis::start("cache.example.net", &["--requirepass", "pw"]).await;
    let options = "password=pw,ssl=true,sslHost=cache.example.net";
    let other = server.cache("127.0.0.1", options);
    assert!(is_stored(&other).await);
    let wrong_name = server.cache("127.0.0.1", "password=pw,ssl=true");
    let text = refusal(&wrong_name).await;
    assert!(text.contains("certificate"), "{text}");
}

#[tokio::test]
async fn who_is_not_trusted_gets_nothing() {
    let server = TlsRedis::start("localhost", &[]).await;
    let another = TlsRedis::start("localhost", &[]).await;
    let builder = Cache::builder("local").external("Default", format!("localhost:{},ssl=true", server.port));
    let stranger = builder
        .root_certificates_pem(another.ca.as_str())
        .time_budget(Duration::from_secs(10))
        .build()
        .unwrap();
    let text = refusal(&stranger).await;
    assert!(text.contains("certificate"), "{text}");
    assert_eq!(server.redis.keys(), 0);
    let plain = server.cache("localhost", "ssl=false");
    assert_ne!(store(&plain).await, StoreResult::Stored, "the port speaks TLS only");
}

#[tokio::test]
async fn versions_are_those_that_were_asked_for() {
    let server = TlsRedis::start("localhost", &["--tls-protocols", "TLSv1.2"]).await;
    assert!(is_stored(&server.cache("localhost", "ssl=true")).await);
    assert!(is_stored(&server.cache("localhost", "ssl=true,sslProtocols=tls12")).await);
    let too_new = server.cache("localhost", "ssl=true,sslProtocols=tls13");
    assert!(!refusal(&too_new).await.is_empty());
}

#[tokio::test]
async fn roots_come_from_files_too_and_mistakes_show_at_once() {
    let server = TlsRedis::start("localhost", &[]).await;
    let dir = TempDir::new();
    let path = dir.path().join("ca.pem");
    std::fs::write(&path, &server.ca).unwrap();
    let string = format!("localhost:{},ssl=true", server.port);
    let builder =
        || Cache::builder("local").external("Default", string.clone()).time_budget(Duration::from_secs(10));
    assert!(is_stored(&builder().root_certificates_file(&path).build().unwrap()).await);
    let nothing = builder().root_certificates_pem("no certificate").build().unwrap_err();
    assert!(matches!(nothing, BuildError::Tls(TlsError::RootCertificate(_))), "{nothing}");
    let name =
        Cache::builder("local").external("Default", "h,ssl=true,sslHost=not/a/name").build().unwrap_err();
    assert!(matches!(name, BuildError::Tls(TlsError::ServerName | TlsError::NoRoots)), "{name}");
}
