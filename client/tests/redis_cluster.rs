//! A Redis Cluster as external cache: keys go to their owners, redirections are followed, and a failover
//! costs the slots of the failed node only, for as long as it lasts.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::{Duration, Instant};

use larder_client::{Cache, CachingType, Cause, LookupResult, RateLimit, StoreResult, Take};
use support::{Authority, RedisCluster, RedisServer, connected, eventually, free_port};
use tokio::task::JoinSet;

use CachingType::External;

const BUDGET: Duration = Duration::from_secs(2);
/// Until a replica is elected with a node time-out of one second, and the survey and the link follow, on a
/// machine that is busy with other tests.
const RECOVERY: Duration = Duration::from_secs(15);

#[expect(clippy::disallowed_methods, reason = "a test measures real time")]
fn now() -> Instant {
    Instant::now()
}

async fn cache_of(cluster: &RedisCluster, server: usize) -> Cache {
    let builder = Cache::builder("local").external("Default", cluster.address(server));
    connected(builder.time_budget(BUDGET)).await
}

async fn store(cache: &Cache, key: &str) -> StoreResult {
    cache.store_value(key, &"v".into(), 60, External).await.result
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_reaches_its_owner_whichever_node_is_named() {
    let cluster = RedisCluster::start().await;
    // A replica among the endpoints will do.
    for server in [0, 5] {
        let cache = cache_of(&cluster, server).await;
        let mut calls = JoinSet::new();
        for number in 0..200 {
            let cache = cache.clone();
            calls.spawn(async move {
                let key = format!("{server}-{number}");
                assert_eq!(store(&cache, &key).await, StoreResult::Stored, "{key}");
                assert!(cache.lookup_value(&key, External, None).await.is_hit(), "{key}");
            });
        }
        calls.join_all().await;
    }
    let keys: Vec<i64> = cluster.servers[..3].iter().map(|server| server.keys()).collect();
    assert_eq!(keys.iter().sum::<i64>(), 400);
    assert!(keys.iter().all(|keys| *keys > 50), "{keys:?}");
    let cache = cache_of(&cluster, 1).await;
    let limit = RateLimit { calls: 7, period: Duration::from_secs(300) };
    for primary in 0..3 {
        let key = cluster.key_of(primary);
        let mut allowed = 0;
        for _ in 0..10 {
            let taken = cache.take(&key, limit, Take::Count(1)).await;
            assert_eq!(taken.cause, None);
            allowed += u32::from(taken.allowed);
        }
        assert_eq!(allowed, 7);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_redis_cluster_failover_a_node_that_dies_costs_its_own_slots_until_its_replica_has_them() {
    let mut cluster = RedisCluster::start().await;
    let cache = cache_of(&cluster, 0).await;
    let keys: Vec<String> = (0..3).map(|primary| cluster.key_of(primary)).collect();
    for key in &keys {
        assert_eq!(store(&cache, key).await, StoreResult::Stored);
    }
    eventually("the replica has the value", async || cluster.servers[4].keys() == 1).await;
    cluster.servers[1].kill();
    let started = now();
    let mut missed = 0;
    loop {
        for other in [&keys[0], &keys[2]] {
            let found = cache.lookup_value(other, External, None).await;
            assert!(found.is_hit(), "the other slots go on: {found:?}");
        }
        let found = cache.lookup_value(&keys[1], External, None).await;
        assert!(found.took < BUDGET + Duration::from_secs(1), "{found:?}");
        match found.result {
            LookupResult::Hit(_) => break,
            LookupResult::Unavailable { cause, .. } => {
                let is_right = matches!(&cause, Cause::Unreachable(_) | Cause::Connecting)
                    || cause == Cause::Refused("CLUSTERDOWN".into());
                assert!(is_right, "{cause}");
                missed += 1;
            }
            other => panic!("{other:?}"),
        }
        assert!(started.elapsed() < RECOVERY, "it does not recover");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(missed > 0, "it was away for a time");
    assert_eq!(store(&cache, &keys[1]).await, StoreResult::Stored);
    assert!(cluster.is_primary(4));
    // Back as a replica, it hands nothing out, and nothing goes wrong.
    cluster.servers[1].start_again().await;
    eventually("it is a replica", async || !cluster.is_primary(1)).await;
    for key in &keys {
        assert_eq!(store(&cache, key).await, StoreResult::Stored);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_redis_cluster_failover_the_node_that_was_named_may_be_the_one_that_dies() {
    let mut cluster = RedisCluster::start().await;
    let cache = cache_of(&cluster, 0).await;
    let keys: Vec<String> = (0..3).map(|primary| cluster.key_of(primary)).collect();
    for key in &keys {
        assert_eq!(store(&cache, key).await, StoreResult::Stored);
    }
    cluster.servers[0].kill();
    for key in &keys[1..] {
        assert_eq!(store(&cache, key).await, StoreResult::Stored, "its word is not needed any more");
    }
    let started = now();
    eventually("its slots are served again", async || store(&cache, &keys[0]).await == StoreResult::Stored)
        .await;
    assert!(started.elapsed() < RECOVERY, "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_on_its_way_is_asked_for_and_then_followed() {
    let cluster = RedisCluster::start().await;
    let cache = cache_of(&cluster, 0).await;
    let key = cluster.key_of(0);
    assert_eq!(store(&cache, &key).await, StoreResult::Stored);
    // The map is known: the survey has been there.
    eventually("another node was reached", async || {
        store(&cache, &cluster.key_of(1)).await == StoreResult::Stored
    })
    .await;
    let slot: u16 = redis::from_redis_value(cluster.servers[0].ask(&["CLUSTER", "KEYSLOT", &key])).unwrap();
    let (slot, from, to) = (slot.to_string(), cluster.id(0), cluster.id(1));
    cluster.servers[1].ask(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from]);
    cluster.servers[0].ask(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to]);
    assert!(cache.lookup_value(&key, External, None).await.is_hit(), "the key is where it was");
    let port = cluster.servers[1].port.to_string();
    cluster.servers[0].ask(&["MIGRATE", "127.0.0.1", &port, &key, "0", "1000"]);
    assert!(cache.lookup_value(&key, External, None).await.is_hit(), "ASK was followed");
    assert_eq!(store(&cache, &key).await, StoreResult::Stored);
    assert_eq!(cluster.servers[0].keys(), 0);
    for server in [1, 0, 2] {
        cluster.servers[server].ask(&["CLUSTER", "SETSLOT", &slot, "NODE", &to]);
    }
    assert!(cache.lookup_value(&key, External, None).await.is_hit(), "MOVED was followed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_a_cluster_no_more_is_one_server_again() {
    let mut cluster = RedisCluster::start().await;
    let cache = cache_of(&cluster, 0).await;
    let keys: Vec<String> = (0..3).map(|primary| cluster.key_of(primary)).collect();
    for key in &keys {
        assert_eq!(store(&cache, key).await, StoreResult::Stored);
    }
    for server in &mut cluster.servers {
        server.kill();
    }
    cluster.servers[0].start_again_with(&[]).await;
    eventually("all keys go to the one server", async || {
        let mut stored = Vec::new();
        for key in &keys {
            stored.push(store(&cache, key).await == StoreResult::Stored);
        }
        stored == [true; 3]
    })
    .await;
    assert_eq!(cluster.servers[0].keys(), 3);
}

/// As a managed service does it: one name for all, nodes that call themselves by their addresses, and a
/// certificate for the name.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_a_cluster_under_tls_have_the_name_that_was_asked_for() {
    let authority = Authority::new();
    let (mut nodes, mut ports) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let (port, bus) = (free_port(), free_port());
        let mut arguments = authority.arguments("localhost", port);
        let more =
            ["--cluster-enabled", "yes", "--tls-cluster", "yes", "--cluster-config-file", "DIR/nodes.conf"];
        arguments.extend(more.map(str::to_owned));
        arguments.extend(["--cluster-port".to_owned(), bus.to_string()]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        nodes.push(RedisServer::start_with(&arguments).await);
        ports.push((port, bus));
    }
    nodes[1].ask(&["CLUSTER", "SET-CONFIG-EPOCH", "2"]);
    nodes[0].ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "8000"]);
    nodes[1].ask(&["CLUSTER", "ADDSLOTSRANGE", "8001", "16383"]);
    let (port, bus) = (ports[1].0.to_string(), ports[1].1.to_string());
    nodes[0].ask(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
    eventually("they have met", async || {
        nodes.iter().all(|node| {
            let info: String = redis::from_redis_value(node.ask(&["CLUSTER", "INFO"])).unwrap();
            info.contains("cluster_state:ok") && info.contains("cluster_slots_ok:16384")
        })
    })
    .await;
    let string = format!("localhost:{},ssl=true", ports[0].0);
    let builder = Cache::builder("local").external("Default", string).root_certificates_pem(authority.pem());
    let cache = connected(builder.time_budget(Duration::from_secs(10))).await;
    for number in 0..20 {
        let key = format!("key-{number}");
        // The handshake of an unoptimised build may outlast the patience of the first call.
        eventually("it is stored", async || store(&cache, &key).await == StoreResult::Stored).await;
    }
    let keys: Vec<i64> = nodes.iter().map(RedisServer::keys).collect();
    assert!(keys.iter().all(|keys| *keys > 0) && keys.iter().sum::<i64>() == 20, "{keys:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_opted_in_reads_from_replicas_and_from_the_owner_when_they_are_away() {
    let mut cluster = RedisCluster::start().await;
    let builder = Cache::builder("local").external("Default", cluster.address(0)).read_from_replicas(true);
    let (reader, writer) = (connected(builder.time_budget(BUDGET)).await, cache_of(&cluster, 0).await);
    let key = cluster.key_of(1);
    assert_eq!(store(&writer, &key).await, StoreResult::Stored);
    eventually("the replica has it", async || cluster.servers[4].keys() == 1).await;
    let reads = |server: usize| -> u32 {
        let stats: String =
            redis::from_redis_value(cluster.servers[server].ask(&["INFO", "commandstats"])).unwrap();
        let calls = stats.lines().find_map(|line| line.strip_prefix("cmdstat_get:calls="));
        calls.map_or(0, |text| text.split(',').next().unwrap().parse().unwrap())
    };
    eventually("the replica answers", async || {
        assert!(reader.lookup_value(&key, External, None).await.is_hit());
        reads(4) > 0
    })
    .await;
    let of_owner = reads(1);
    for _ in 0..50 {
        assert!(reader.lookup_value(&key, External, None).await.is_hit());
    }
    assert!(reads(4) > 50 && reads(1) == of_owner, "the owner is spared");
    for _ in 0..3 {
        assert!(writer.lookup_value(&key, External, None).await.is_hit());
    }
    assert_eq!(reads(1), of_owner + 3, "who did not opt in asks the owner");
    assert_eq!(store(&reader, &key).await, StoreResult::Stored, "stores go to the owner");
    cluster.servers[4].kill();
    for _ in 0..20 {
        assert!(reader.lookup_value(&key, External, None).await.is_hit(), "the owner answers");
    }
}
