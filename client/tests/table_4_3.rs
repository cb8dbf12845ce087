//! Connection strings: a test for every option of the reference's table 4.3, named after it, and for the rules
//! around the table. What can be seen at a server is looked at there.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use larder_client::external::{
    ConnectionString, Effect, Endpoint, OPTION_ROWS, OptionRow, Protocol, Proxy, TlsVersion,
};
use larder_client::{Cache, CachingType, Cause, StoreResult};
use support::{RedisServer, SERVICE, Sentinels, TlsRedis, connected, eventually, free_port};

const BUDGET: Duration = Duration::from_secs(5);

fn parse(text: &str) -> ConnectionString {
    ConnectionString::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

async fn cache_of(string: String) -> Cache {
    connected(Cache::builder("local").external("Default", string).time_budget(BUDGET)).await
}

async fn store(cache: &Cache) -> StoreResult {
    cache.store_value("k", &"v".into(), 60, CachingType::External).await.result
}

async fn stores(string: String) {
    let cache = cache_of(string).await;
    // The handshake of an unoptimised build may outlast the patience of the first call.
    eventually("it is stored", async || store(&cache).await == StoreResult::Stored).await;
}

/// The cause once the first attempt to connect has failed.
async fn refusal(string: String) -> String {
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
    text
}

/// How a Redis sees the connection that has stored something.
async fn seen(redis: &RedisServer, options: &str) -> String {
    let cache = cache_of(format!("{},{options}", redis.address())).await;
    assert_eq!(store(&cache).await, StoreResult::Stored);
    let clients: String = redis::from_redis_value(redis.ask(&["CLIENT", "LIST"])).unwrap();
    clients.lines().find(|line| line.contains("cmd=set ")).unwrap().to_owned()
}

/// An option that is read, changes nothing, and is listed so.
fn is_without_effect(name: &str, value: &str) {
    assert_eq!(parse(&format!("h,{}={value}", name.to_lowercase())).without_effect(), [name]);
    assert!(OptionRow::find(name).is_some_and(|row| row.effect == Effect::None));
}

#[test]
fn every_option_has_a_test_that_is_named_after_it() {
    let snake = |name: &str| -> String {
        name.chars()
            .flat_map(|c| c.is_uppercase().then_some('_').into_iter().chain(c.to_lowercase()))
            .collect()
    };
    let source = include_str!("table_4_3.rs");
    for row in OPTION_ROWS {
        let name = snake(row.name);
        let has = |start: &str| source.contains(&format!("fn table_4_3_option_{start}{name}()"));
        assert!(has("") || has("accepted_and_ignored_"), "{name} is missing");
    }
}

#[tokio::test]
async fn table_4_3_option_password() {
    let redis = RedisServer::start_with(&["--requirepass", "a=b=="]).await;
    stores(format!("{},PASSWORD=a=b==", redis.address())).await;
    assert!(refusal(redis.address()).await.contains("NOAUTH"));
}

#[tokio::test]
async fn table_4_3_option_user() {
    let redis = RedisServer::start().await;
    redis.ask(&["ACL", "SETUSER", "ann", "on", ">pw", "~*", "+@all"]);
    assert!(seen(&redis, "user=ann,password=pw").await.contains(" user=ann "));
}

#[tokio::test]
async fn table_4_3_option_ssl() {
    assert!(!parse("h").is_tls() && parse("h,ssl=true").is_tls());
    assert_eq!((parse("h").default_port(), parse("h,ssl=true").default_port()), (6379, 6380));
    let server = TlsRedis::start("localhost", &[]).await;
    let cache = server.cache("localhost", "ssl=true");
    eventually("it is stored", async || store(&cache).await == StoreResult::Stored).await;
}

#[tokio::test]
async fn table_4_3_option_ssl_host() {
    let server = TlsRedis::start("cache.example.net", &[]).await;
    let cache = server.cache("localhost", "ssl=true,sslHost=cache.example.net");
    eventually("it is stored", async || store(&cache).await == StoreResult::Stored).await;
}

#[test]
fn table_4_3_option_ssl_protocols() {
    let versions =
        |text: &str| parse(&format!("h,sslProtocols={text}")).options().ssl_protocols.clone().unwrap();
    assert_eq!(versions("tls12|tls13"), [TlsVersion::V1_2, TlsVersion::V1_3]);
    assert_eq!(versions("tls11|tls12"), [TlsVersion::V1_2]);
    assert_eq!(parse("h").options().ssl_protocols, None);
    assert!(ConnectionString::parse("h,sslProtocols=tls11").is_err());
}

#[test]
fn table_4_3_option_check_certificate_revocation() {
    is_without_effect("checkCertificateRevocation", "false");
}

#[test]
fn table_4_3_option_abort_connect() {
    is_without_effect("abortConnect", "True");
    assert!(parse("h").abort_connect() && !parse("h,abortConnect=false").abort_connect());
}

#[tokio::test]
async fn table_4_3_option_connect_timeout() {
    assert_eq!(parse("h").connect_timeout(), millis(5000));
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let text = refusal(format!("{address},connectTimeout=50,connectRetry=1")).await;
    assert!(text.contains("no answer within 50 ms"), "{text}");
}

#[tokio::test]
async fn table_4_3_option_connect_retry() {
    assert_eq!(parse("h,connectRetry=7").options().connect_retry, Some(7));
    let nobody = free_port();
    let text = refusal(format!("127.0.0.1:{nobody},connectRetry=1")).await;
    assert!(text.contains("refused"), "{text}");
    // Its attempts are by far not over: calls still wait, within their patience.
    let builder = Cache::builder("local").external("Default", format!("127.0.0.1:{nobody},connectRetry=99"));
    let cache = builder.time_budget(BUDGET).build().unwrap();
    for _ in 0..2 {
        assert_eq!(store(&cache).await, StoreResult::Unavailable(Cause::Connecting));
    }
}

#[test]
fn table_4_3_option_sync_timeout() {
    assert_eq!(parse("h").operation_timeout(), millis(5000));
    assert_eq!(parse("h,syncTimeout=1").operation_timeout(), millis(1));
    assert!(ConnectionString::parse("h,syncTimeout=0").is_err(), "the minimum is 1");
}

#[tokio::test]
async fn table_4_3_option_async_timeout() {
    assert_eq!(parse("h,syncTimeout=9,asyncTimeout=2").operation_timeout(), millis(2));
    assert!(ConnectionString::parse("h,asyncTimeout=0").is_err(), "the minimum is 1");
    let redis = RedisServer::start().await;
    let cache = cache_of(format!("{},asyncTimeout=50", redis.address())).await;
    redis.signal("STOP");
    let missed = cache.lookup_value("k", CachingType::External, None).await;
    redis.signal("CONT");
    assert_eq!(missed.cause(), Some(&Cause::TimedOut));
    assert!(missed.took < BUDGET - millis(500), "{:?}", missed.took);
}

#[tokio::test]
async fn table_4_3_option_default_database() {
    let redis = RedisServer::start().await;
    assert!(seen(&redis, "defaultDatabase=3").await.contains(" db=3 "));
    assert!(seen(&redis, "").await.contains(" db=0 "));
}

#[tokio::test]
async fn table_4_3_option_name() {
    let redis = RedisServer::start().await;
    assert!(seen(&redis, "name=gate-7").await.contains(" name=gate-7 "));
}

#[test]
fn table_4_3_option_allow_admin() {
    is_without_effect("allowAdmin", "true");
}

#[tokio::test]
async fn table_4_3_option_channel_prefix() {
    is_without_effect("channelPrefix", "p:");
    let redis = RedisServer::start().await;
    seen(&redis, "channelPrefix=p:").await;
    assert_eq!(redis.get("k").as_deref(), Some("v"), "it does not prefix keys");
}

#[tokio::test]
async fn table_4_3_option_keep_alive() {
    assert_eq!(parse("h,keepAlive=-1").keep_alive(), Some(millis(60_000)));
    assert_eq!(parse("h,keepAlive=0").keep_alive(), None);
    let redis = RedisServer::start().await;
    let _idle = cache_of(format!("{},keepAlive=1", redis.address())).await;
    eventually("it pings though nobody calls", async || {
        let stats: String = redis::from_redis_value(redis.ask(&["INFO", "commandstats"])).unwrap();
        let pings = stats.lines().find_map(|line| line.strip_prefix("cmdstat_ping:calls="));
        pings.and_then(|text| text.split(',').next()).is_some_and(|calls| calls.parse::<u32>().unwrap() > 1)
    })
    .await;
}

#[test]
fn table_4_3_option_tcp_keep_alive() {
    assert_eq!(parse("h,tcpKeepAlive=false").options().tcp_keep_alive, Some(false));
    assert!(parse("h,tcpKeepAlive=false").without_effect().is_empty());
}

#[test]
fn table_4_3_option_config_check_seconds() {
    is_without_effect("configCheckSeconds", "60");
}

#[test]
fn table_4_3_option_config_channel() {
    is_without_effect("configChannel", "__Booksleeve_MasterChanged");
}

#[test]
fn table_4_3_option_tiebreaker() {
    is_without_effect("tiebreaker", "__Booksleeve_TieBreak");
}

#[tokio::test]
async fn table_4_3_option_protocol() {
    for (text, protocol) in [
        ("2", Protocol::Resp2),
        ("3", Protocol::Resp3),
        ("resp2", Protocol::Resp2),
        ("RESP3", Protocol::Resp3),
    ] {
        assert_eq!(parse(&format!("h,protocol={text}")).protocol(), protocol);
    }
    let redis = RedisServer::start().await;
    assert!(seen(&redis, "protocol=resp3").await.contains(" resp=3"));
}

#[test]
fn table_4_3_option_version() {
    is_without_effect("version", "7.4");
}

#[tokio::test]
async fn table_4_3_option_service_name() {
    assert_eq!(parse("h,serviceName=s").default_port(), 26379);
    let sentinels = Sentinels::start(None).await;
    stores(format!("{},serviceName={SERVICE}", sentinels.addresses())).await;
    assert_eq!(sentinels.servers[0].get("k").as_deref(), Some("v"));
}

#[tokio::test]
async fn table_4_3_option_sentinel_user() {
    sentinels_log_in("sentinelUser").await;
}

#[tokio::test]
async fn table_4_3_option_sentinel_password() {
    sentinels_log_in("sentinelPassword").await;
}

/// Sentinels that want a user and a password, and what happens if one of the options is left out.
async fn sentinels_log_in(left_out: &str) {
    let sentinels = Sentinels::start(Some(("server-pw", "ann", "sentinel-pw"))).await;
    let start = format!("{},serviceName={SERVICE},password=server-pw", sentinels.addresses());
    let options = ["sentinelUser=ann", "sentinelPassword=sentinel-pw"];
    stores(format!("{start},{}", options.join(","))).await;
    let rest: Vec<&str> = options.into_iter().filter(|option| !option.starts_with(left_out)).collect();
    let text = refusal(format!("{start},{}", rest.join(","))).await;
    assert!(text.contains("NOAUTH") || text.contains("login"), "{text}");
}

#[tokio::test]
async fn table_4_3_option_proxy() {
    for (text, proxy) in
        [("none", None), ("twemproxy", Some(Proxy::Twemproxy)), ("envoyproxy", Some(Proxy::Envoy))]
    {
        assert_eq!(parse(&format!("h,proxy={text}")).options().proxy, proxy);
    }
    let redis = RedisServer::start().await;
    assert!(seen(&redis, "name=me,proxy=envoyproxy").await.contains(" name= "), "no CLIENT command is sent");
}

#[test]
fn table_4_3_option_tunnel() {
    let tunnel = Endpoint::Tcp { host: "proxy.example".to_owned(), port: Some(3128) };
    assert_eq!(parse("h,tunnel=http:proxy.example:3128").options().tunnel, Some(tunnel));
    // What it does stands in `options.rs`, with a proxy.
    assert!(OptionRow::find("tunnel").is_some_and(|row| row.effect == Effect::Honoured));
}

#[test]
fn table_4_3_option_resolve_dns() {
    is_without_effect("resolveDns", "true");
}

#[tokio::test]
async fn table_4_3_option_setlib() {
    let redis = RedisServer::start().await;
    for (options, library) in [("setlib=true", true), ("setlib=false", false), ("", true)] {
        redis.ask(&["CONFIG", "RESETSTAT"]);
        seen(&redis, options).await;
        // A server before 7.2 does not know the command; it counts the refusal.
        let errors: String = redis::from_redis_value(redis.ask(&["INFO", "errorstats"])).unwrap();
        assert_eq!(errors.contains("errorstat_ERR"), library, "{options}: {errors}");
    }
}

#[test]
fn table_4_3_option_high_integrity() {
    is_without_effect("highIntegrity", "true");
}

#[test]
fn table_4_3_option_accepted_and_ignored_high_priority_threads() {
    is_without_effect("highPriorityThreads", "true");
}

#[test]
fn table_4_3_option_accepted_and_ignored_preserve_async_order() {
    is_without_effect("preserveAsyncOrder", "true");
}

#[test]
fn table_4_3_option_accepted_and_ignored_response_timeout() {
    is_without_effect("responseTimeout", "1000");
}

#[test]
fn table_4_3_option_accepted_and_ignored_write_buffer() {
    is_without_effect("writeBuffer", "1024");
}

#[test]
fn table_4_3_option_accepted_and_ignored_topology_refresh_seconds() {
    is_without_effect("topologyRefreshSeconds", "60");
}

#[test]
fn table_4_3_option_accepted_and_ignored_defaults() {
    is_without_effect("defaults", "azure");
}

#[test]
fn table_4_3_option_accepted_and_ignored_maint_notifications() {
    is_without_effect("maintNotifications", "auto");
}

#[test]
fn table_4_3_option_accepted_and_ignored_maint_relaxed_timeout() {
    is_without_effect("maintRelaxedTimeout", "10");
}

#[test]
fn table_4_3_option_accepted_and_ignored_maint_relaxed_window_max() {
    is_without_effect("maintRelaxedWindowMax", "10");
}

#[test]
fn table_4_3_option_accepted_and_ignored_maint_post_event_relaxed() {
    is_without_effect("maintPostEventRelaxed", "10");
}

#[test]
fn table_4_3_azure_hosts_of_the_cache() {
    for domain in [
        "redis.cache.windows.net",
        "redis.cache.chinacloudapi.cn",
        "redis.cache.usgovcloudapi.net",
        "redis.cache.sovcloud-api.de",
        "redis.cache.sovcloud-api.fr",
    ] {
        let string = parse(&format!("shop.{domain}:6380"));
        assert!(string.is_tls() && !string.abort_connect(), "{domain}");
        assert_eq!(string.protocol(), Protocol::Resp2, "{domain}");
        assert!(!parse(&format!("shop.{domain}:6379")).is_tls(), "{domain}: only if a port is 6380");
        assert!(!parse(&format!("shop.{domain}")).is_tls(), "{domain}: only if a port is 6380");
    }
}

#[test]
fn table_4_3_azure_hosts_of_managed_redis() {
    for domain in [
        "redis.azure.net",
        "redis.chinacloudapi.cn",
        "redis.usgovcloudapi.net",
        "redis.sovcloud-api.de",
        "redis.sovcloud-api.fr",
        "redisenterprise.cache.azure.net",
    ] {
        for port in ["", ":10000", ":6379"] {
            let string = parse(&format!("shop.{domain}{port}"));
            assert!(string.is_tls() && !string.abort_connect(), "{domain}{port}");
            assert_eq!(string.protocol(), Protocol::Resp3, "{domain}{port}");
        }
    }
}

#[test]
fn table_4_3_options_as_azure_hands_them_out() {
    for host in ["shop.redis.cache.windows.net:6380", "shop.westeurope.redis.azure.net:10000"] {
        let string = parse(&format!("{host},password=a+b/c=,ssl=True,abortConnect=False"));
        assert_eq!(string.options().password.as_ref().unwrap().reveal(), "a+b/c=", "the first = splits");
        assert!(string.is_tls());
    }
    // The documents once left `password=` out: a key that ends in `=` is then an unknown option.
    assert!(ConnectionString::parse("shop.redis.azure.net:10000,c2VjcmV0=,ssl=True").is_err());
}

#[test]
fn table_4_3_endpoints() {
    let string = parse("a.example,b.example:1,[::1],[::1]:2,::2,!/run/redis.sock");
    let shown: Vec<String> = string.endpoints().iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["a.example", "b.example:1", "[::1]", "[::1]:2", "[::2]", "!/run/redis.sock"]);
    for wrong in ["h:0", "h:65536", "[::1", "a b", "!"] {
        assert!(ConnectionString::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn table_4_3_duplicate_endpoints() {
    assert_eq!(parse("a:1,b:2,a:1").endpoints().len(), 2);
}

#[test]
fn table_4_3_empty_tokens() {
    assert_eq!(parse(" a:1 ,, , b:2,").endpoints().len(), 2);
    for blank in ["", "  ", ",", " , "] {
        assert!(ConnectionString::parse(blank).is_err(), "{blank:?}");
    }
}

#[test]
fn table_4_3_command_map() {
    let string = parse("h,$GET=FETCH,$set=,$NOSUCH=x");
    assert_eq!((string.command_name("GET"), string.command_name("SET")), (Some("FETCH"), None));
    assert_eq!(string.command_name("DEL"), Some("DEL"));
}

#[test]
fn table_4_3_unknown_option() {
    let error = ConnectionString::parse("h,pasword=hunter2").unwrap_err();
    assert_eq!(error.to_string(), "connection string, byte 2: unknown option; did you mean `password`?");
}

#[test]
fn table_4_3_ports() {
    for (text, port) in
        [("h", 6379), ("h,ssl=true", 6380), ("h,serviceName=s", 26379), ("h,serviceName=s,ssl=1", 26379)]
    {
        assert_eq!(parse(text).default_port(), port, "{text}");
    }
}

#[test]
fn table_4_3_booleans() {
    for (text, value) in [
        ("true", true),
        ("TRUE", true),
        ("1", true),
        ("yes", true),
        ("On", true),
        ("false", false),
        ("0", false),
        ("No", false),
        ("off", false),
    ] {
        assert_eq!(parse(&format!("h,ssl={text}")).options().ssl, Some(value), "{text}");
    }
}
