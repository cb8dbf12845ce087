//! External entries that change while calls run: by call, by file, by the cluster. No call fails because of
//! a switch, calls under way end where they began, and the report says what applies.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use larder_client::external::{ExternalEntry, ExternalError};
use larder_client::{BuildError, Cache, CachingType, Event, LookupResult, StoreUsed};
use support::{DEADLINE, FakeCluster, RedisServer, Says, TempDir, connected, eventually, free_port};
use tokio::task::JoinSet;

use CachingType::{External, PreferExternal};

const BUDGET: Duration = Duration::from_secs(5);

fn default(address: &str) -> Vec<ExternalEntry> {
    vec![ExternalEntry::new("Default", address)]
}

/// How many connections a Redis has beside the test's own.
fn connections(redis: &RedisServer) -> usize {
    let clients: String = redis::from_redis_value(redis.ask(&["CLIENT", "LIST"])).unwrap();
    clients.lines().count() - 1
}

/// Callers that look a key up without a pause, and count what they see.
struct Callers {
    stop: Arc<AtomicBool>,
    calls: Arc<AtomicUsize>,
    tasks: JoinSet<Vec<String>>,
}

impl Callers {
    fn start(cache: &Cache) -> Self {
        let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        for _ in 0..20 {
            let (cache, stop, calls) = (cache.clone(), stop.clone(), calls.clone());
            tasks.spawn(async move {
                let mut faults = Vec::new();
                while !stop.load(Ordering::SeqCst) {
                    let found = cache.lookup_value("k", PreferExternal, None).await;
                    calls.fetch_add(1, Ordering::SeqCst);
                    if !found.is_hit() {
                        faults.push(format!("{found:?}"));
                    }
                }
                faults
            });
        }
        Self { stop, calls, tasks }
    }

    /// Waits until calls were made since now.
    async fn go_on(&self) {
        let seen = self.calls.load(Ordering::SeqCst);
        eventually("calls are made", async || self.calls.load(Ordering::SeqCst) > seen + 100).await;
    }

    async fn end(self) -> Vec<String> {
        self.stop.store(true, Ordering::SeqCst);
        self.tasks.join_all().await.concat()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_fails_because_of_a_switch_and_the_old_connection_is_closed() {
    let servers = [RedisServer::start().await, RedisServer::start().await];
    servers.iter().for_each(|server| _ = server.ask(&["SET", "k", "v"]));
    let builder = Cache::builder("local").external("Default", servers[0].address());
    let cache = connected(builder.time_budget(BUDGET)).await;
    let callers = Callers::start(&cache);
    for round in 1..=20 {
        cache.set_external(default(&servers[round % 2].address())).await.unwrap();
        callers.go_on().await;
    }
    let faults = callers.end().await;
    assert!(faults.is_empty(), "{} faults: {:?}", faults.len(), faults[0]);
    assert_eq!(cache.metrics().external_changes(), 20);
    assert!(cache.metrics().to_string().contains("\nlarder_client_external_changes_total 20\n"));
    eventually("the old connection is closed", async || connections(&servers[1]) == 0).await;
    assert_eq!(connections(&servers[0]), 1);
}

#[tokio::test]
async fn the_same_connection_string_keeps_its_connection() {
    let redis = RedisServer::start().await;
    let address = redis.address();
    let cache =
        connected(Cache::builder("West Europe").external("Default", &address).time_budget(BUDGET)).await;
    let id = || {
        let clients: String = redis::from_redis_value(redis.ask(&["CLIENT", "LIST"])).unwrap();
        clients.split(' ').next().unwrap().to_owned()
    };
    let before = id();
    let entries = vec![
        ExternalEntry::new("East US", "127.0.0.1:1"),
        ExternalEntry::new("West Europe", address.as_str()),
    ];
    cache.set_external(entries).await.unwrap();
    let missed = cache.lookup_value("k", External, None).await;
    assert_eq!(
        (missed.result, missed.store),
        (LookupResult::Miss, StoreUsed::External("West Europe".into()))
    );
    assert_eq!(id(), before);
    assert_eq!(connections(&redis), 1);
}

#[tokio::test]
async fn a_call_under_way_ends_on_the_old_connection() {
    let (old, new) = (RedisServer::start().await, RedisServer::start().await);
    old.ask(&["SET", "k", "old"]);
    new.ask(&["SET", "k", "new"]);
    let cache =
        connected(Cache::builder("local").external("Default", old.address()).time_budget(BUDGET)).await;
    old.signal("STOP");
    let mut under_way = JoinSet::new();
    let caller = cache.clone();
    under_way.spawn(async move { caller.lookup_value("k", External, None).await.into_value() });
    tokio::task::yield_now().await;
    cache.set_external(default(&new.address())).await.unwrap();
    assert_eq!(cache.lookup_value("k", External, None).await.into_value(), Some("new".into()));
    old.signal("CONT");
    assert_eq!(under_way.join_next().await.unwrap().unwrap(), Some("old".into()));
}

#[tokio::test]
async fn entries_come_and_go_and_what_is_wrong_changes_nothing() {
    let (inside, outside) = (RedisServer::start().await, RedisServer::start().await);
    let builder = Cache::builder("West Europe").internal(inside.address()).time_budget(BUDGET);
    let cache = connected(builder).await;
    let store = || cache.report().store_for(PreferExternal);
    assert_eq!(store(), StoreUsed::Internal);
    cache.set_external(default(&outside.address())).await.unwrap();
    assert_eq!(store(), StoreUsed::External("Default".into()));
    let text = cache.report().to_string();
    assert!(text.contains("external cache Default: in use: no entry names this region\n"), "{text}");
    let twice = [default("a"), default("b")].concat();
    let error = cache.set_external(twice).await.unwrap_err();
    assert_eq!(error, BuildError::External(ExternalError::Twice("Default".into())));
    let wrong_tls = cache.set_external(default("h,ssl=true,sslHost=not/a/name")).await.unwrap_err();
    assert!(matches!(wrong_tls, BuildError::Tls(_)), "{wrong_tls}");
    assert_eq!(store(), StoreUsed::External("Default".into()));
    assert_eq!(cache.lookup_value("k", External, None).await.result, LookupResult::Miss);
    cache.set_external(vec![ExternalEntry::new("West Eruope", outside.address())]).await.unwrap();
    assert_eq!(store(), StoreUsed::Internal);
    assert!(cache.metrics().external_is_unresolved());
    let warnings = cache.report().warnings().join("\n");
    assert!(warnings.contains("(is \"West Europe\" meant?)"), "{warnings}");
    cache.set_external(Vec::new()).await.unwrap();
    assert!(!cache.metrics().external_is_unresolved());
    assert!(cache.report().warnings().is_empty());
}

#[tokio::test]
async fn a_cache_that_is_down_is_switched_to_all_the_same() {
    let redis = RedisServer::start().await;
    let cache =
        connected(Cache::builder("local").external("Default", redis.address()).time_budget(BUDGET)).await;
    cache.set_external(default(&format!("127.0.0.1:{}", free_port()))).await.unwrap();
    assert!(cache.lookup_value("k", External, None).await.cause().is_some(), "configuration decides");
    cache.set_external(default(&redis.address())).await.unwrap();
    assert_eq!(cache.lookup_value("k", External, None).await.result, LookupResult::Miss);
}

#[tokio::test]
async fn a_file_is_followed_and_a_wrong_one_changes_nothing() {
    let (first, second) = (RedisServer::start().await, RedisServer::start().await);
    let dir = TempDir::new();
    let path = dir.path().join("caches.toml");
    let row = |address: String| {
        format!("[[external]]\nuse-from = \"Default\"\nconnection-string = \"{address},password=\"\n")
    };
    std::fs::write(&path, row(first.address())).unwrap();
    let builder = || Cache::builder("local").external("Default", "127.0.0.1:1").external_file(&path);
    let cache = connected(builder().time_budget(BUDGET)).await;
    cache.store_value("k", &"v".into(), 60, External).await;
    assert_eq!(first.get("k").as_deref(), Some("v"), "the file goes before the builder");
    std::fs::write(&path, row(second.address())).unwrap();
    eventually("the change is followed", async || cache.metrics().external_changes() == 1).await;
    cache.store_value("k", &"v2".into(), 60, External).await;
    assert_eq!(second.get("k").as_deref(), Some("v2"));
    std::fs::write(&path, "nonsense").unwrap();
    eventually("the mistake is said", async || {
        cache.report().warnings().iter().any(|warning| warning.contains("caches.toml: line 1: expected"))
    })
    .await;
    std::fs::remove_file(&path).unwrap();
    eventually("that it is gone is said", async || cache.metrics().external_troubles() == 2).await;
    assert!(cache.lookup_value("k", External, None).await.is_hit(), "what was in force stays");
    std::fs::write(&path, "").unwrap();
    eventually("the builder's entry is the fallback", async || {
        cache.lookup_value("k", External, None).await.cause().is_some()
    })
    .await;
    assert!(cache.report().warnings().is_empty());
    std::fs::write(&path, "external = 1").unwrap();
    assert!(matches!(builder().build().unwrap_err(), BuildError::ExternalFile(_)));
}

#[expect(clippy::disallowed_methods, reason = "a test measures real time")]
fn now() -> Instant {
    Instant::now()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cluster_is_watched_and_followed_within_a_second() {
    let servers = [RedisServer::start().await, RedisServer::start().await];
    servers.iter().for_each(|server| _ = server.ask(&["SET", "k", "v"]));
    let list =
        |version, server: &RedisServer| Says::List(version, vec![("default".into(), server.address())]);
    let cluster = FakeCluster::start(Says::List(1, Vec::new())).await;
    let builder = Cache::builder("West Europe").internal(cluster.address()).watch_external(true);
    let builder = builder.external("Default", servers[1].address());
    let cache = connected(builder.time_budget(BUDGET)).await;
    let callers = Callers::start(&cache);
    for round in 0..5 {
        let before = cache.metrics().external_changes();
        cluster.say(list(2 + round as u64, &servers[round % 2]));
        let started = now();
        eventually("the change is followed", async || cache.metrics().external_changes() > before).await;
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
        callers.go_on().await;
    }
    let text = cache.report().to_string();
    assert!(
        text.contains("external cache Default: in use: no entry names this region (from the cluster)\n"),
        "{text}"
    );
    cluster.say(Says::Error("NOPERM log in"));
    eventually("that it does not tell is said", async || {
        cache
            .report()
            .warnings()
            .iter()
            .any(|warning| warning.contains("(NOPERM)") && warning.contains("`gateway`"))
    })
    .await;
    callers.go_on().await;
    assert_eq!(callers.end().await, Vec::<String>::new());
    let asked = cluster.asked();
    assert_eq!(asked[0], ["LARDER.CACHES", "", "westeurope"]);
    assert!(asked.iter().any(|words| words[1] == "6"), "{asked:?}");
}

#[tokio::test]
async fn an_entry_that_the_cluster_cannot_read_changes_nothing_and_is_said() {
    let (own, other) = (RedisServer::start().await, RedisServer::start().await);
    let entries = |own: &str| {
        let of = |name: &str, string: &str| (name.to_owned(), string.to_owned());
        vec![of("westeurope", own), of("default", &other.address())]
    };
    let cluster = FakeCluster::start(Says::List(1, entries(&own.address()))).await;
    let builder = Cache::builder("West Europe").internal(cluster.address()).watch_external(true);
    let cache = connected(builder.time_budget(BUDGET)).await;
    eventually("the entry is in force", async || cache.metrics().external_changes() == 1).await;
    cluster.say(Says::List(2, entries("")));
    eventually("it is said", async || {
        cache.report().warnings().iter().any(|warning| warning.contains("external cache westeurope: "))
    })
    .await;
    let looked = cache.lookup_value("k", PreferExternal, None).await;
    assert_eq!((looked.result, cache.metrics().external_changes()), (LookupResult::Miss, 1));
    assert!(matches!(looked.store, StoreUsed::External(_)), "{:?}", looked.store);
    cluster.say(Says::List(3, vec![("default".to_owned(), other.address())]));
    eventually("what is removed is left", async || cache.metrics().external_changes() == 2).await;
}

#[tokio::test]
async fn a_plain_redis_as_internal_cache_knows_no_entries_and_that_is_said_once() {
    let redis = RedisServer::start().await;
    let builder = Cache::builder("local").internal(redis.address()).watch_external(true);
    let cache = connected(builder.time_budget(BUDGET)).await;
    eventually("it is said", async || {
        cache.report().warnings().iter().any(|warning| warning.contains("LARDER.CACHES is unknown"))
    })
    .await;
    assert_eq!(cache.metrics().external_troubles(), 1);
    assert_eq!(cache.lookup_value("k", PreferExternal, None).await.result, LookupResult::Miss);
    assert_eq!(cache.metrics().get(Event::LookupMiss, &StoreUsed::Internal), 1);
    let nothing = Cache::builder("local").watch_external(true).build().unwrap_err();
    assert_eq!(nothing, BuildError::NothingToWatch);
}

#[tokio::test]
async fn a_cache_that_is_dropped_leaves_no_connection_behind() {
    let (inside, outside) = (RedisServer::start().await, RedisServer::start().await);
    let builder = Cache::builder("local").internal(inside.address()).external("Default", outside.address());
    let cache = connected(builder.watch_external(true).time_budget(BUDGET)).await;
    drop(cache);
    for server in [&inside, &outside] {
        eventually("the connection is closed", async || connections(server) == 0).await;
    }
}

#[tokio::test]
async fn the_first_answer_of_the_cluster_can_be_waited_for() {
    let redis = RedisServer::start().await;
    let started = |cluster: &FakeCluster| {
        let builder = Cache::builder("West Europe").internal(cluster.address()).watch_external(true);
        builder.time_budget(BUDGET).build().unwrap()
    };
    let list = Says::List(1, vec![("default".into(), redis.address())]);
    let cluster = FakeCluster::start(Says::Error("LOADING not yet")).await;
    let cache = started(&cluster);
    assert!(!cache.external_known(Duration::from_millis(20)).await, "it has not said");
    cluster.say(list.clone());
    assert!(cache.external_known(DEADLINE).await);
    assert_eq!(cache.report().store_for(CachingType::PreferExternal), StoreUsed::External("Default".into()));
    // An answer is an answer; nobody waits for what will not be told.
    let cluster = FakeCluster::start(Says::Error("NOPERM log in")).await;
    assert!(!started(&cluster).external_known(DEADLINE).await);
    let cache = Cache::builder("local").external("Default", redis.address()).build().unwrap();
    assert!(cache.external_known(Duration::ZERO).await, "there is nothing to wait for");
}
