//! The client library beside a cluster of real nodes: external caches that an operator sets are followed within
//! a second and without a failed call, and rate limits count exactly in the cluster.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use larder_client::{Cache, CachingType, RateLimit, StoreUsed, Take, Taken};
use larder_tests::backend::Backend;
use larder_tests::clock::Deadline;
use larder_tests::cluster_process::Cluster;
use larder_tests::gateway::{Gateway, looked_up};
use larder_tests::process::{Peer, Server};
use larder_tests::wire::ask;
use tokio::task::JoinSet;

const PASSWORD: &str = "gateways-only";
const BUDGET: Duration = Duration::from_secs(5);
const SOON: Duration = Duration::from_secs(20);
/// From the operator's command to the call that goes to the new cache.
const FOLLOWED_WITHIN: Duration = Duration::from_secs(1);

fn cluster() -> Cluster {
    let cluster = Cluster::start(3, &["--gateway-password", PASSWORD]);
    cluster.healthy_within(SOON).unwrap_or_else(|error| panic!("{error}"));
    cluster
}

fn internal(cluster: &Cluster, login: &str) -> String {
    let nodes: Vec<String> = (0..cluster.len()).map(|node| cluster.address(node).to_string()).collect();
    nodes.join(",") + login
}

fn redis() -> Server {
    let server = Server::start(Peer::Redis, &[]).unwrap_or_else(|error| panic!("{error}"));
    ask(server.port(), &["SET", "k", "v"]).unwrap_or_else(|error| panic!("{error}"));
    server
}

/// Runs a verb of the command line; it must succeed.
fn verb(cluster: &Cluster, words: &[&str]) {
    let output = cluster.verb(0, words);
    assert!(output.status.success(), "{output:?}");
}

/// Runs the gateway's part. The cluster is started and asked outside of any runtime.
fn run(cluster: &Cluster, part: impl AsyncFnOnce(&Cluster)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(part(cluster));
}

async fn within(time: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let deadline = Deadline::after(time);
    while !is_so() {
        if deadline.left().is_none() {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    true
}

#[test]
fn what_an_operator_sets_is_followed_within_a_second_and_no_call_fails() {
    run(&cluster(), follow);
}

async fn follow(cluster: &Cluster) {
    let servers = [redis(), redis()];
    let login = format!(",user=gateway,password={PASSWORD}");
    let builder = Cache::builder("West Europe").internal(internal(cluster, &login)).watch_external(true);
    let cache = builder.external("Default", servers[1].address()).time_budget(BUDGET).build().unwrap();
    assert!(cache.connected(CachingType::PreferExternal, SOON).await);

    let (done, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        let (cache, done, calls) = (cache.clone(), done.clone(), calls.clone());
        callers.spawn(async move {
            while !done.load(Ordering::SeqCst) {
                let found = cache.lookup_value("k", CachingType::PreferExternal, None).await;
                assert!(found.is_hit(), "{found:?}");
                calls.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    for round in 0..4 {
        let before = cache.metrics().external_changes();
        let text = servers[round % 2].address();
        verb(cluster, &["cache", "set", "--use-from", "westeurope", "--connection-string", &text]);
        assert!(
            within(FOLLOWED_WITHIN, || cache.metrics().external_changes() > before).await,
            "round {round}"
        );
        let seen = calls.load(Ordering::SeqCst);
        assert!(within(SOON, || calls.load(Ordering::SeqCst) > seen + 100).await);
    }
    assert_eq!(
        cache.report().store_for(CachingType::External),
        StoreUsed::External("westeurope".into()),
        "{}",
        cache.report()
    );
    verb(cluster, &["cache", "remove", "--use-from", "westeurope"]);
    let falls_back =
        || cache.report().store_for(CachingType::External) == StoreUsed::External("Default".into());
    assert!(within(FOLLOWED_WITHIN, falls_back).await, "{}", cache.report());
    done.store(true, Ordering::SeqCst);
    callers.join_all().await;
    assert!(cache.report().warnings().is_empty(), "{:?}", cache.report().warnings());
}

#[test]
fn who_is_no_gateway_is_not_told_and_says_so() {
    run(&Cluster::start(1, &["--gateway-password", PASSWORD]), stay_strange);
}

async fn stay_strange(cluster: &Cluster) {
    let builder = Cache::builder("West Europe").internal(internal(cluster, "")).watch_external(true);
    let cache = builder.time_budget(BUDGET).build().unwrap();
    let is_said = || cache.report().warnings().iter().any(|warning| warning.contains("NOPERM"));
    assert!(within(SOON, is_said).await, "{}", cache.report());
}

#[test]
fn fifty_tasks_of_gateways_at_three_nodes_get_exactly_what_is_allowed() {
    run(&cluster(), take_in_a_storm);
}

async fn take_in_a_storm(cluster: &Cluster) {
    let mut caches = Vec::new();
    for node in 0..3 {
        let string = format!("{},user=gateway,password={PASSWORD}", cluster.address(node));
        let cache = Cache::builder("local").internal(string).time_budget(BUDGET).build().unwrap();
        assert!(cache.connected(CachingType::Internal, SOON).await);
        caches.push(cache);
    }
    let limit = RateLimit { calls: 123, period: Duration::from_secs(600) };
    let mut tasks = JoinSet::new();
    for task in 0..50 {
        let cache = caches[task % 3].clone();
        tasks.spawn(async move {
            let mut allowed = 0;
            for _ in 0..5 {
                let taken: Taken = cache.take("subscription-7", limit, Take::Count(1)).await;
                assert_eq!((&taken.store, &taken.cause), (&StoreUsed::Internal, &None), "{taken:?}");
                allowed += u32::from(taken.allowed);
            }
            allowed
        });
    }
    assert_eq!(tasks.join_all().await.iter().sum::<u32>(), 123);
    let check = caches[0].take("subscription-7", limit, Take::Check).await;
    assert!(
        !check.allowed && check.remaining == 0 && check.retry_after > Duration::from_secs(500),
        "{check:?}"
    );
}

/// What was set before a gateway starts counts for its first request.
#[test]
fn the_first_request_goes_to_the_external_cache_of_the_cluster() {
    let cluster = Cluster::start(1, &["--gateway-password", PASSWORD]);
    cluster.healthy_within(SOON).unwrap_or_else(|error| panic!("{error}"));
    let (external, backend) = (redis(), Backend::start().unwrap());
    verb(&cluster, &["cache", "set", "--use-from", "default", "--connection-string", &external.address()]);
    let login = internal(&cluster, &format!(",user=gateway,password={PASSWORD}"));
    let gateway =
        Gateway::start(backend.port(), &["--internal", &login, "--time-budget-ms", "10000"]).unwrap();
    let first = gateway.get("/1").unwrap();
    assert_eq!(looked_up(&first), ("miss", "external"), "{}", gateway.output());
    assert!(gateway.output().contains("external:Default"), "the report knows it: {}", gateway.output());
}
