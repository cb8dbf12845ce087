//! What the options of a connection string do, each shown at a real server.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use larder_client::{Cache, CachingType, Cause, StoreResult};
use support::{DEADLINE, Log, RedisServer, TempDir, eventually, free_port};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

fn cache(connection_string: &str) -> Cache {
    let builder = Cache::builder("local").external("Default", connection_string);
    builder.time_budget(Duration::from_secs(5)).build().unwrap()
}

/// Stores a value once there is a connection, or the deadline is over.
async fn store(cache: &Cache) -> StoreResult {
    cache.connected(CachingType::External, DEADLINE).await;
    cache.store_value("k", &"v".into(), 60, CachingType::External).await.result
}

/// The cause of a lookup, once the first attempt to connect has been made.
async fn cause(cache: &Cache) -> String {
    let mut text = String::new();
    eventually("the cause is known", async || {
        let missed = cache.lookup_value("k", CachingType::External, None).await;
        text = missed.cause().unwrap().to_string();
        missed.cause() != Some(&Cause::Connecting)
    })
    .await;
    text
}

#[tokio::test]
async fn password_and_user_log_in() {
    let redis = RedisServer::start_with(&["--requirepass", "se=cret"]).await;
    let address = redis.address();
    assert_eq!(store(&cache(&format!("{address},password=se=cret"))).await, StoreResult::Stored);
    redis.ask_as(":se%3Dcret@", &["ACL", "SETUSER", "ann", "on", ">pw", "~*", "+@all"]);
    for string in [
        format!("{address},user=ann,password=pw"),
        format!("{address},user=ann,password=pw,protocol=3"),
        format!("redis://ann:pw@{address}"),
    ] {
        assert_eq!(store(&cache(&string)).await, StoreResult::Stored, "{string}");
    }
    for string in
        [address.clone(), format!("{address},password=wrong"), format!("{address},password=wrong,protocol=3")]
    {
        let cause = cause(&cache(&string)).await;
        assert!(
            cause.contains("NOAUTH") || cause.contains("login") || cause.contains("WRONGPASS"),
            "{string}: {cause}"
        );
        assert!(!cause.contains("wrong"), "{cause}");
    }
}

#[tokio::test]
async fn database_name_protocol_and_library_are_said_at_the_start() {
    let redis = RedisServer::start().await;
    let address = redis.address();
    for (string, name, resp, library) in [
        (format!("{address},defaultDatabase=3,name=gate-7"), "gate-7", 2, true),
        (format!("{address},defaultDatabase=3,protocol=resp3,setlib=false,name="), "", 3, false),
        (format!("redis://{address}/3?name=x&proxy=envoyproxy"), "", 2, false),
    ] {
        redis.ask(&["CONFIG", "RESETSTAT"]);
        let cache = cache(&string);
        assert_eq!(store(&cache).await, StoreResult::Stored, "{string}");
        // A server before 7.2 does not know the command that tells the library; it counts the refusal.
        let errors: String = redis::from_redis_value(redis.ask(&["INFO", "errorstats"])).unwrap();
        assert_eq!(errors.contains("errorstat_ERR"), library, "{string}: {errors}");
        let clients: String = redis::from_redis_value(redis.ask(&["CLIENT", "LIST"])).unwrap();
        let ours =
            clients.lines().find(|line| line.contains("cmd=set ")).unwrap_or_else(|| panic!("{clients}"));
        for field in [format!(" name={name} "), format!(" resp={resp}"), " db=3 ".into()] {
            assert!(ours.contains(&field), "{string}: {field} is missing in {ours}");
        }
        assert_eq!(redis.keys(), 0, "nothing is in database 0");
        drop(cache);
        eventually("the connection is closed", async || {
            let clients: String = redis::from_redis_value(redis.ask(&["CLIENT", "LIST"])).unwrap();
            clients.lines().count() == 1
        })
        .await;
    }
}

#[tokio::test]
async fn a_unix_socket_is_an_endpoint() {
    let redis = RedisServer::start_with(&["--unixsocket", "DIR/redis.sock"]).await;
    let path = redis.dir.path().join("redis.sock");
    assert_eq!(store(&cache(&format!("!{}", path.display()))).await, StoreResult::Stored);
    assert_eq!(redis.get("k").as_deref(), Some("v"));
}

#[tokio::test]
async fn commands_are_sent_under_their_alias() {
    let redis =
        RedisServer::start_with(&["--rename-command", "SET", "PUT", "--rename-command", "PING", "HELLO?"])
            .await;
    let address = redis.address();
    assert_eq!(store(&cache(&format!("{address},$SET=PUT,$ping=HELLO?"))).await, StoreResult::Stored);
    assert_eq!(redis.get("k").as_deref(), Some("v"));
    let no_ping = cache(&format!("{address},$SET=PUT"));
    assert_eq!(store(&no_ping).await, StoreResult::Stored, "who does not know PING is there all the same");
    let disabled = cache(&format!("{address},$SET=,$PING="));
    assert_eq!(store(&disabled).await, StoreResult::Unavailable(Cause::CommandDisabled));
    assert!(disabled.lookup_value("k", CachingType::External, None).await.is_hit());
}

#[tokio::test]
async fn what_is_disabled_is_not_sent_at_the_start() {
    let redis = RedisServer::start().await;
    let address = redis.address();
    for (options, client, hello) in [
        ("name=me,protocol=3", true, true),
        ("name=me,protocol=3,$CLIENT=", false, true),
        ("name=me,protocol=3,$hello=", true, false),
        ("name=me,protocol=3,$CLIENT=CL,$HELLO=HI", false, false),
    ] {
        redis.ask(&["CONFIG", "RESETSTAT"]);
        assert_eq!(store(&cache(&format!("{address},{options}"))).await, StoreResult::Stored, "{options}");
        let sent: String = redis::from_redis_value(redis.ask(&["INFO", "commandstats"])).unwrap();
        assert!(sent.contains("cmdstat_set:"), "{sent}");
        assert_eq!(sent.contains("cmdstat_client"), client, "{options}: {sent}");
        assert_eq!(sent.contains("cmdstat_hello:"), hello, "{options}: {sent}");
        // A server before 7.2 counts SETINFO among the refusals only.
        let errors: String = redis::from_redis_value(redis.ask(&["INFO", "errorstats"])).unwrap();
        assert_eq!(errors.contains("errorstat_ERR"), client, "{options}: {errors}");
    }
}

#[tokio::test]
async fn the_smaller_of_time_out_and_budget_counts() {
    let redis = RedisServer::start().await;
    let cache = cache(&format!("{},asyncTimeout=50", redis.address()));
    eventually("it is connected", async || store(&cache).await == StoreResult::Stored).await;
    redis.signal("STOP");
    let missed = cache.lookup_value("k", CachingType::External, None).await;
    redis.signal("CONT");
    assert_eq!(missed.cause(), Some(&Cause::TimedOut));
    assert!(
        missed.took < Duration::from_secs(4),
        "the budget alone would be five seconds: {:?}",
        missed.took
    );
}

#[tokio::test]
async fn a_connection_that_is_silent_is_pinged_and_replaced() {
    let redis = RedisServer::start().await;
    let cache = cache(&format!("{},keepAlive=1,connectTimeout=300", redis.address()));
    eventually("it is connected", async || store(&cache).await == StoreResult::Stored).await;
    redis.signal("STOP");
    // Nobody calls: only the ping can find out.
    eventually("the ping finds out", async || {
        let missed = cache.lookup_value("k", CachingType::External, None).await;
        matches!(missed.cause(), Some(Cause::Unreachable(why)) if why.contains("does not answer") || why.contains("no answer"))
    })
    .await;
    redis.signal("CONT");
    eventually("it stores again", async || store(&cache).await == StoreResult::Stored).await;
}

#[tokio::test]
async fn several_endpoints_are_tried_and_a_replica_is_left() {
    let (primary, replica) = (RedisServer::start().await, RedisServer::start().await);
    replica.ask(&["REPLICAOF", "127.0.0.1", &primary.port.to_string()]);
    let cache = cache(&format!("127.0.0.1:{},{},{}", free_port(), replica.address(), primary.address()));
    eventually("the primary is found", async || store(&cache).await == StoreResult::Stored).await;
    assert_eq!(primary.get("k").as_deref(), Some("v"));
}

#[tokio::test]
async fn a_key_that_became_an_endpoint_is_tried_but_not_shown() {
    let log = Log::default();
    let _logging = tracing::subscriber::set_default(log.subscriber());
    let cache = cache(&format!("127.0.0.1:{},TopSecretKey123", free_port()));
    let cause = cause(&cache).await;
    assert!(cause.contains(" ***:6379: "), "{cause}");
    let text = log.text();
    assert!(text.contains("an endpoint is a bare word and not shown; is `password=` missing?"), "{text}");
    for shown in [cause, text, format!("{cache:?} {}", cache.report())] {
        assert!(!shown.contains("TopSecret"), "{shown}");
    }
}

#[tokio::test]
async fn a_tunnel_is_gone_through() {
    let redis = RedisServer::start().await;
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = proxy.local_addr().unwrap().port();
    let tunnels = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    let counted = tunnels.clone();
    tasks.spawn(async move {
        let mut open = JoinSet::new();
        while let Ok((stream, _)) = proxy.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            open.spawn(serve_tunnel(stream));
        }
    });
    let cache = cache(&format!("{},tunnel=http:127.0.0.1:{port}", redis.address()));
    assert_eq!(store(&cache).await, StoreResult::Stored);
    assert_eq!(tunnels.load(Ordering::SeqCst), 1);
    let refused = self::cache(&format!("127.0.0.1:{},tunnel=http:127.0.0.1:{port}", free_port()));
    assert!(cause(&refused).await.contains("the proxy refused the tunnel"));
}

/// A CONNECT proxy for one connection.
async fn serve_tunnel(stream: TcpStream) {
    let mut stream = BufReader::new(stream);
    let mut request = String::new();
    stream.read_line(&mut request).await.unwrap();
    let mut line = String::new();
    while stream.read_line(&mut line).await.unwrap() > 2 {
        line.clear();
    }
    let target = request.strip_prefix("CONNECT ").unwrap().split(' ').next().unwrap().to_owned();
    let Ok(mut server) = TcpStream::connect(target).await else {
        stream.write_all(b"HTTP/1.1 502 No\r\n\r\n").await.unwrap();
        return;
    };
    stream.write_all(b"HTTP/1.1 200 Yes\r\nX: y\r\n\r\n").await.unwrap();
    let _ = copy_bidirectional(&mut stream, &mut server).await;
}

#[tokio::test]
async fn sentinels_are_asked_for_the_primary() {
    let redis = RedisServer::start().await;
    let dir = TempDir::new();
    let sentinel_port = free_port();
    let config = dir.path().join("sentinel.conf");
    let lines =
        format!("port {sentinel_port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {} 1\n", redis.port);
    std::fs::write(&config, lines).unwrap();
    let _sentinel = Killed(
        Command::new("redis-server").arg(&config).arg("--sentinel").stdout(Stdio::null()).spawn().unwrap(),
    );
    let sentinels = format!("127.0.0.1:{},127.0.0.1:{sentinel_port}", free_port());
    let cache = self::cache(&format!("{sentinels},serviceName=main"));
    eventually("the primary is found", async || store(&cache).await == StoreResult::Stored).await;
    assert_eq!(redis.get("k").as_deref(), Some("v"));
    let other = self::cache(&format!("127.0.0.1:{sentinel_port},serviceName=other"));
    assert!(cause(&other).await.contains("no primary of this name"));
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
