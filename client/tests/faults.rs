//! Faults of an external cache, one after the other: each call ends within its budget, the cause is the
//! right one and can be read, the breaker keeps the next calls from waiting, and once the fault is over
//! the cache is used again within [`RECOVERY`].
//!
//! Failovers of a Redis Cluster and under sentinels have files of their own.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use larder_client::{
    Cache, CachingType, Cause, Clock, LookupResult, RemoveResult, StoreResult, SystemClock, limits,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use support::{Mode, Proxy, RedisServer, TlsRedis, connected, eventually, free_port};

use CachingType::External;

const BUDGET: Duration = Duration::from_millis(400);
/// What a busy machine may add to a call.
const SLACK: Duration = Duration::from_millis(600);
/// The longest pause between attempts, one that had just begun, and a busy machine.
const RECOVERY: Duration = Duration::from_secs(limits::BACKOFF_MAX.as_secs() + 4);

#[expect(clippy::disallowed_methods, reason = "a test measures real time")]
fn now() -> Instant {
    Instant::now()
}

/// The system's clock, set ahead.
#[derive(Debug, Default)]
struct Ahead {
    clock: SystemClock,
    ms: AtomicU64,
}

impl Ahead {
    fn set_ahead(&self, by: Duration) {
        self.ms.store(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for Ahead {
    fn now(&self) -> Duration {
        self.clock.now() + Duration::from_millis(self.ms.load(Ordering::SeqCst))
    }
}

async fn cache_of(string: impl Into<String>) -> Cache {
    // The first connection may take its time.
    connected(Cache::builder("local").external("Default", string).time_budget(BUDGET)).await
}

/// A lookup, a store and a removal; what was wrong with each.
async fn causes(cache: &Cache) -> [Option<Cause>; 3] {
    let lookup = cache.lookup_value("k", External, Some("d".into())).await;
    let store = cache.store_value("k", &"v".into(), 60, External).await;
    let remove = cache.remove_value("other", External).await;
    for took in [lookup.took, store.took, remove.took] {
        assert!(took < BUDGET + SLACK, "{took:?}");
    }
    let store = match store.result {
        StoreResult::Unavailable(cause) => Some(cause),
        other => {
            assert_eq!(other, StoreResult::Stored);
            None
        }
    };
    let remove = match remove.result {
        RemoveResult::Unavailable(cause) => Some(cause),
        _ => None,
    };
    if lookup.cause().is_some() {
        assert_eq!(lookup.value(), Some(&"d".into()), "a policy goes on with its default");
    }
    [lookup.cause().cloned(), store, remove]
}

/// Calls fail for this reason and no other, and soon without waiting.
async fn fails(cache: &Cache, is_right: impl Fn(&Cause) -> bool) {
    for _ in 0..limits::TIMEOUTS_IN_A_ROW {
        for cause in causes(cache).await {
            let cause = cause.expect("the fault is there");
            assert!(is_right(&cause), "{cause:?}");
        }
    }
    let started = now();
    for _ in 0..50 {
        assert!(causes(cache).await.iter().all(Option::is_some));
    }
    // Three calls each. A probe of the breaker may cost some of them their budget, none of them more.
    assert!(started.elapsed() < 10 * BUDGET, "the breaker is not open: {:?}", started.elapsed());
}

async fn recovers(cache: &Cache) {
    let started = now();
    eventually("everything works again", async || causes(cache).await == [None, None, None]).await;
    assert!(started.elapsed() < RECOVERY, "{:?}", started.elapsed());
    assert!(cache.lookup_value("k", External, None).await.is_hit());
}

fn is_unreachable(cause: &Cause) -> bool {
    matches!(cause, Cause::Unreachable(_) | Cause::Connecting)
}

/// A call that was under way times out; when the connection is in doubt and given up, nobody waits.
fn is_silence(cause: &Cause) -> bool {
    is_unreachable(cause) || *cause == Cause::TimedOut
}

#[tokio::test]
async fn fault_killed() {
    let mut redis = RedisServer::start().await;
    let cache = cache_of(redis.address()).await;
    redis.kill();
    fails(&cache, is_unreachable).await;
    let cause = cache.lookup_value("k", External, None).await.cause().unwrap().to_string();
    assert!(cause.contains("refused"), "{cause}");
    redis.start_again().await;
    recovers(&cache).await;
}

#[tokio::test]
async fn fault_hung() {
    let redis = RedisServer::start().await;
    let cache = cache_of(redis.address()).await;
    redis.signal("STOP");
    fails(&cache, is_silence).await;
    redis.signal("CONT");
    recovers(&cache).await;
}

#[tokio::test]
async fn fault_hung_behind_a_proxy_that_accepts() {
    let redis = RedisServer::start().await;
    let proxy = Proxy::start(redis.address()).await;
    let cache = cache_of(format!("{},connectTimeout=500", proxy.address())).await;
    proxy.set(Mode::Hang);
    fails(&cache, is_silence).await;
    // A new connection is made, and nobody answers on it either.
    eventually("it was given up", async || {
        let missed = cache.lookup_value("k", External, None).await;
        missed.cause().is_some_and(|cause| cause.to_string().contains("answer"))
    })
    .await;
    proxy.set(Mode::Pass);
    recovers(&cache).await;
}

#[tokio::test]
async fn fault_slow_within_the_budget_is_no_fault() {
    let redis = RedisServer::start().await;
    let proxy = Proxy::start(redis.address()).await;
    let cache = cache_of(proxy.address()).await;
    proxy.set(Mode::Slow(BUDGET / 4));
    assert_eq!(causes(&cache).await, [None, None, None]);
    assert!(cache.lookup_value("k", External, None).await.took >= BUDGET / 4);
}

#[tokio::test]
async fn fault_slow_beyond_the_budget() {
    let redis = RedisServer::start().await;
    let proxy = Proxy::start(redis.address()).await;
    let cache = cache_of(proxy.address()).await;
    proxy.set(Mode::Slow(4 * BUDGET));
    for cause in causes(&cache).await {
        assert!(is_silence(&cause.clone().unwrap()), "{cause:?}");
    }
    proxy.set(Mode::Pass);
    recovers(&cache).await;
}

#[tokio::test]
async fn fault_garbage_that_is_no_protocol() {
    let redis = RedisServer::start().await;
    let proxy = Proxy::start(redis.address()).await;
    let cache = cache_of(proxy.address()).await;
    proxy.set(Mode::Say(b"HTTP/1.1 502 Bad Gateway\r\n\r\n<html>"));
    fails(&cache, is_unreachable).await;
    proxy.set(Mode::Pass);
    recovers(&cache).await;
}

#[tokio::test]
async fn fault_answers_that_make_no_sense() {
    let redis = RedisServer::start().await;
    let proxy = Proxy::start(redis.address()).await;
    let cache = cache_of(proxy.address()).await;
    proxy.set(Mode::Say(b"*2\r\n:1\r\n:2\r\n"));
    let started = now();
    for _ in 0..20 {
        assert_eq!(
            causes(&cache).await,
            [Some(Cause::Protocol), Some(Cause::Protocol), Some(Cause::Protocol)]
        );
    }
    assert!(started.elapsed() < 10 * BUDGET, "nobody waits: {:?}", started.elapsed());
    proxy.set(Mode::Pass);
    recovers(&cache).await;
}

#[tokio::test]
async fn fault_cut() {
    let redis = RedisServer::start().await;
    let proxy = Proxy::start(redis.address()).await;
    let cache = cache_of(proxy.address()).await;
    proxy.set(Mode::Cut);
    fails(&cache, is_unreachable).await;
    proxy.set(Mode::Pass);
    recovers(&cache).await;
}

#[tokio::test]
async fn fault_cut_once_costs_no_call() {
    let redis = RedisServer::start().await;
    redis.ask(&["SET", "k", "v"]);
    let clock = Arc::new(Ahead::default());
    let builder = Cache::builder("local").external("Default", redis.address()).clock(clock.clone());
    let cache = connected(builder.time_budget(Duration::from_secs(5))).await;
    // A connection that has not lasted is not made again at once.
    clock.set_ahead(limits::STABLE_AFTER);
    redis.ask(&["CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "YES"]);
    let found = cache.lookup_value("k", External, None).await;
    assert_eq!(found.result, LookupResult::Hit("v".into()));
}

#[tokio::test]
async fn fault_login_refused() {
    let redis = RedisServer::start_with(&["--requirepass", "right"]).await;
    let string = format!("{},password=wrong", redis.address());
    let cache = Cache::builder("local").external("Default", string).time_budget(BUDGET).build().unwrap();
    let mut text = String::new();
    eventually("the refusal is known", async || {
        text = cache.lookup_value("k", External, None).await.cause().unwrap().to_string();
        text.contains("login") || text.contains("WRONGPASS")
    })
    .await;
    assert!(!text.contains("wrong"), "{text}");
    fails(&cache, is_unreachable).await;
    redis.ask_as(":right@", &["CONFIG", "SET", "requirepass", "wrong"]);
    recovers(&cache).await;
}

#[tokio::test]
async fn fault_login_taken_back_while_connected() {
    let redis = RedisServer::start_with(&["--requirepass", "admin"]).await;
    redis.ask_as(":admin@", &["ACL", "SETUSER", "ann", "on", ">pw", "~*", "+@all"]);
    let cache = cache_of(format!("{},user=ann,password=pw", redis.address())).await;
    redis.ask_as(":admin@", &["ACL", "SETUSER", "ann", "-@all", "+ping"]);
    let refused = || Some(Cause::Refused("NOPERM".into()));
    assert_eq!(causes(&cache).await, [refused(), refused(), refused()]);
    redis.ask_as(":admin@", &["ACL", "SETUSER", "ann", "+@all"]);
    recovers(&cache).await;
}

#[tokio::test]
async fn fault_certificate_of_another_name() {
    let server = TlsRedis::start("cache.example.net", &[]).await;
    let string = format!("127.0.0.1:{},ssl=true", server.port);
    let builder =
        Cache::builder("local").external("Default", string).root_certificates_pem(server.ca.as_str());
    let cache = builder.time_budget(BUDGET).build().unwrap();
    let mut text = String::new();
    eventually("the handshake has failed", async || {
        text = cache.lookup_value("k", External, None).await.cause().unwrap().to_string();
        text.contains("certificate")
    })
    .await;
    fails(&cache, is_unreachable).await;
    let right = format!("127.0.0.1:{},ssl=true,sslHost=cache.example.net", server.port);
    let entry = larder_client::external::ExternalEntry::new("Default", right);
    cache.set_external(vec![entry]).await.unwrap();
    recovers(&cache).await;
}

#[tokio::test]
async fn fault_full() {
    let redis = RedisServer::start_with(&["--maxmemory-policy", "noeviction"]).await;
    let cache = cache_of(redis.address()).await;
    assert_eq!(causes(&cache).await, [None, None, None]);
    redis.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_eq!(causes(&cache).await, [None, Some(Cause::Refused("OOM".into())), None]);
    assert!(cache.lookup_value("k", External, None).await.is_hit(), "what is there is still read");
    redis.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    recovers(&cache).await;
}

#[tokio::test]
async fn fault_read_only_replica() {
    let (primary, replica) = (RedisServer::start().await, RedisServer::start().await);
    let cache = cache_of(replica.address()).await;
    replica.ask(&["REPLICAOF", "127.0.0.1", &primary.port.to_string()]);
    let refused = || Some(Cause::Refused("READONLY".into()));
    eventually("it is a replica", async || causes(&cache).await == [None, refused(), refused()]).await;
    replica.ask(&["REPLICAOF", "NO", "ONE"]);
    recovers(&cache).await;
}

#[tokio::test]
async fn fault_loading_or_without_its_primary() {
    let redis = RedisServer::start_with(&["--replica-serve-stale-data", "no"]).await;
    let cache = cache_of(redis.address()).await;
    redis.ask(&["REPLICAOF", "127.0.0.1", &free_port().to_string()]);
    let refused = || Some(Cause::Refused("MASTERDOWN".into()));
    eventually("it has no primary", async || causes(&cache).await[0] == refused()).await;
    redis.ask(&["REPLICAOF", "NO", "ONE"]);
    recovers(&cache).await;
}

#[tokio::test]
async fn fault_an_answer_without_end() {
    let largest = 2 * limits::VALUE_BYTES_DEFAULT + limits::REPLY_BYTES_SLACK;
    for (begin, limit) in
        [("$500000000\r\n", largest), ("*400000000\r\n", largest), ("+", limits::REPLY_LINE_BYTES_MAX)]
    {
        let (port, sent, _server) = endless(begin).await;
        let cache = cache_of(format!("127.0.0.1:{port}")).await;
        let lookup = cache.lookup_value("k", External, None).await;
        let cause = lookup.cause().expect("there is no value").to_string();
        assert!(cause.contains(&format!("the answer is larger than {limit} bytes")), "{begin:?}: {cause}");
        // What lies in the buffers of two connections was not read.
        let sent = sent.load(Ordering::Relaxed);
        assert!(sent < 64 * 1024 * 1024, "{begin:?}: {sent} bytes");
    }
}

/// A server that begins its answer to GET so, and goes on until nobody listens: its port, the bytes that it sent, and
/// its task.
async fn endless(begin: &'static str) -> (u16, Arc<AtomicUsize>, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = sent.clone();
    let mut server = JoinSet::new();
    server.spawn(async move {
        let mut open = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let counted = counted.clone();
            open.spawn(async move {
                let mut asked = vec![0; 4096];
                loop {
                    let bytes = stream.read(&mut asked).await.unwrap_or(0);
                    if bytes == 0 {
                        return;
                    }
                    let text = String::from_utf8_lossy(&asked[..bytes]).into_owned();
                    if text.contains("GET\r\n") {
                        break;
                    }
                    let commands = text.lines().filter(|line| line.starts_with('*')).count();
                    stream.write_all("+OK\r\n".repeat(commands).as_bytes()).await.unwrap();
                }
                stream.write_all(begin.as_bytes()).await.unwrap();
                while stream.write_all(&[b'x'; 64 * 1024]).await.is_ok() {
                    counted.fetch_add(64 * 1024, Ordering::Relaxed);
                }
            });
        }
    });
    (port, sent, server)
}
