//! The gateway in front of a real backend, with real caches: where values land, as configuration says. Caches that
//! go away are left to `gateway_outages`, what bodies go through to `gateway_bodies`.

use std::process::Command;
use std::time::Duration;

use larder_tests::backend::{Backend, profile};
use larder_tests::clock::Deadline;
use larder_tests::gateway::{Gateway, looked_up};
use larder_tests::http::Answer;
use larder_tests::process::{Peer, Server, larder_path};
use larder_tests::stats::calls_for_data;
use larder_tests::wire::ask;

const SOON: Duration = Duration::from_secs(20);

fn backend() -> Backend {
    Backend::start().unwrap_or_else(|error| panic!("{error}"))
}

fn server(peer: Peer) -> Server {
    Server::start(peer, &[]).unwrap_or_else(|error| panic!("{error}"))
}

fn gateway(backend: &Backend, flags: &[&str]) -> Gateway {
    Gateway::start(backend.port(), flags).unwrap_or_else(|error| panic!("{error}"))
}

fn get(gateway: &Gateway, path: &str) -> Answer {
    gateway.get(path).unwrap_or_else(|error| panic!("{error}"))
}

/// The status of a GET that must have the right body, what its lookup came to, and the store.
fn cached(gateway: &Gateway, path: &str) -> (u16, &'static str, &'static str) {
    let answer = get(gateway, path);
    assert_eq!(answer.body, profile(path), "{path}");
    let (word, store) = looked_up(&answer);
    (answer.status, word, store)
}

fn words(cache: &'static str, store: &'static str) -> (u16, &'static str, &'static str) {
    (200, cache, store)
}

fn reply(server: &Server, command: &[&str]) -> String {
    ask(server.port(), command).unwrap_or_else(|error| panic!("{command:?}: {error}")).text()
}

fn calls(server: &Server) -> Vec<(String, u64)> {
    calls_for_data(server.port()).unwrap_or_else(|error| panic!("{error}")).into_iter().collect()
}

/// Waits for the keys of a cache: nobody waits for a store.
fn stored(server: &Server, keys: &str) {
    let there = Deadline::after(SOON).poll(|| (reply(server, &["DBSIZE"]) == keys).then_some(()));
    assert_eq!(there, Some(()), "never {keys} keys");
}

/// The commands that a cache had for data. How often it was asked depends on how soon a store ended: until then the
/// gateway itself has the value.
fn commands(server: &Server) -> Vec<String> {
    calls(server).into_iter().map(|(name, _)| name).collect()
}

fn calls_of(pairs: &[(&str, u64)]) -> Vec<(String, u64)> {
    pairs.iter().map(|(name, calls)| ((*name).to_owned(), *calls)).collect()
}

#[test]
fn without_an_external_cache_values_land_in_larder() {
    let (backend, larder) = (backend(), server(Peer::Larder));
    let gateway = gateway(&backend, &["--internal", &larder.address(), "--named", "duration=77"]);
    assert_eq!(cached(&gateway, "/42"), words("miss", "internal"));
    for _ in 0..3 {
        assert_eq!(cached(&gateway, "/42"), words("hit", "internal"));
    }
    assert_eq!(backend.asked("/42"), 1, "the backend is asked once");
    stored(&larder, "1");
    assert_eq!(reply(&larder, &["GET", "userprofile-42"]), profile("/42"));
    let seconds: i64 = reply(&larder, &["TTL", "userprofile-42"]).parse().unwrap();
    assert!((57..=77).contains(&seconds), "{seconds} s left of 77");
}

/// As the manual has it: a key made of a literal and a variable, and a rate limit right after the lookup.
const EXAMPLE: &str = include_str!("../../client/examples/userprofile.xml");

#[test]
fn the_example_of_the_reference_runs_against_larder_and_against_redis() {
    for peer in [Peer::Larder, Peer::Redis] {
        let (backend, internal) = (backend(), server(peer));
        let gateway = Gateway::start_with(EXAMPLE, backend.port(), &["--internal", &internal.address()]);
        let gateway = gateway.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(cached(&gateway, "/42"), words("miss", "internal"));
        for _ in 1..10 {
            assert_eq!(cached(&gateway, "/42"), words("hit", "internal"), "{peer}");
        }
        let refused = get(&gateway, "/42");
        assert_eq!(refused.status, 429, "{peer}");
        let seconds: u32 = refused.header("retry-after").parse().expect("seconds");
        assert!((1..=62).contains(&seconds), "{peer}: {seconds} s");
        assert_eq!(backend.asked("/42"), 1, "{peer}: the backend is asked once");
        let there = || (reply(&internal, &["GET", "userprofile-42"]) == profile("/42")).then_some(());
        assert_eq!(Deadline::after(SOON).poll(there), Some(()), "{peer}: it is stored");
    }
}

#[test]
fn the_example_of_the_reference_runs_on_an_external_redis() {
    let (backend, larder, redis) = (backend(), server(Peer::Larder), server(Peer::Redis));
    let entry = format!("Southeast Asia={}", redis.address());
    let flags = ["--internal", &larder.address(), "--region", "southeastasia", "--external", &entry];
    let gateway = Gateway::start_with(EXAMPLE, backend.port(), &flags);
    let gateway = gateway.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(cached(&gateway, "/42"), words("miss", "external"));
    assert_eq!(cached(&gateway, "/42"), words("hit", "external"));
    let there = || (reply(&redis, &["GET", "userprofile-42"]) == profile("/42")).then_some(());
    assert_eq!(Deadline::after(SOON).poll(there), Some(()), "it is stored");
    assert_eq!(reply(&larder, &["EXISTS", "userprofile-42"]), "0");
}

#[test]
fn an_external_cache_that_the_cluster_is_told_of_is_used_at_once() {
    let (backend, larder, redis) = (backend(), server(Peer::Larder), server(Peer::Redis));
    let gateway = gateway(&backend, &["--internal", &larder.address(), "--region", "southeastasia"]);
    assert_eq!(cached(&gateway, "/42"), words("miss", "internal"));
    let port = larder.port().to_string();
    let verb = |words: &[&str]| {
        let mut command = Command::new(larder_path());
        let output = command.args(["cache"]).args(words).args(["--port", &port]).output();
        let output = output.unwrap_or_else(|error| panic!("{error}"));
        assert!(output.status.success(), "{output:?}");
    };
    // No request fails meanwhile.
    let until = |store: &'static str| {
        let used = Deadline::after(SOON).poll(|| (cached(&gateway, "/42").2 == store).then_some(()));
        assert_eq!(used, Some(()), "{store} is not used");
    };
    verb(&["set", "--use-from", "Southeast Asia", "--connection-string", &redis.address()]);
    until("external");
    assert_eq!(cached(&gateway, "/42"), words("hit", "external"));
    verb(&["remove", "--use-from", "Southeast Asia"]);
    until("internal");
    assert_eq!(cached(&gateway, "/42"), words("hit", "internal"));
}

#[test]
fn a_value_in_larder_is_gone_after_its_duration() {
    let (backend, larder) = (backend(), server(Peer::Larder));
    let gateway = gateway(&backend, &["--internal", &larder.address(), "--named", "duration=1"]);
    assert_eq!(cached(&gateway, "/42"), words("miss", "internal"));
    let gone =
        Deadline::after(SOON).poll(|| (cached(&gateway, "/42") == words("miss", "internal")).then_some(()));
    assert_eq!(gone, Some(()), "still a hit");
    assert_eq!(backend.asked("/42"), 2);
}

#[test]
fn with_a_redis_for_the_region_values_land_there() {
    let (backend, larder, redis) = (backend(), server(Peer::Larder), server(Peer::Redis));
    let entry = format!("Southeast Asia={}", redis.address());
    let flags = ["--internal", &larder.address(), "--region", "southeastasia", "--external", &entry];
    let gateway = gateway(&backend, &flags);
    assert_eq!(cached(&gateway, "/42"), words("miss", "external"));
    assert_eq!(cached(&gateway, "/42"), words("hit", "external"));
    let stored = || (reply(&redis, &["GET", "userprofile-42"]) == profile("/42")).then_some(());
    // Nobody waits for a store.
    assert_eq!(Deadline::after(SOON).poll(stored), Some(()), "not there");
    assert_eq!((reply(&redis, &["DBSIZE"]), reply(&larder, &["DBSIZE"])), ("1".into(), "0".into()));
    assert_eq!(calls(&larder), calls_of(&[]), "larder is not asked for anything");
}

#[test]
fn the_redis_of_the_region_goes_before_the_default_one() {
    let (backend, larder) = (backend(), server(Peer::Larder));
    let (default, own) = (server(Peer::Redis), server(Peer::Redis));
    let (default_entry, own_entry) =
        (format!("Default={}", default.address()), format!("Southeast Asia={}", own.address()));
    let internal = larder.address();
    let flags = ["--internal", &internal, "--external", &default_entry, "--external", &own_entry, "--region"];
    let here = gateway(&backend, &[&flags[..], &["southeastasia"]].concat());
    assert_eq!(cached(&here, "/42"), words("miss", "external"));
    assert_eq!(cached(&here, "/42"), words("hit", "external"));
    let there = || (reply(&own, &["GET", "userprofile-42"]) == profile("/42")).then_some(());
    assert_eq!(Deadline::after(SOON).poll(there), Some(()), "it is stored");
    assert_eq!(reply(&default, &["DBSIZE"]), "0");
    assert_eq!((calls(&default), calls(&larder)), (calls_of(&[]), calls_of(&[])));
    // From any other region the same settings mean the default one.
    let elsewhere = gateway(&backend, &[&flags[..], &["West Europe"]].concat());
    assert_eq!(cached(&elsewhere, "/43"), words("miss", "external"));
    let there = || (reply(&default, &["GET", "userprofile-43"]) == profile("/43")).then_some(());
    assert_eq!(Deadline::after(SOON).poll(there), Some(()), "it is stored");
    assert_eq!((reply(&own, &["DBSIZE"]), reply(&larder, &["DBSIZE"])), ("1".into(), "0".into()));
}

#[test]
fn caching_type_internal_never_touches_the_external_redis() {
    let (backend, larder, redis) = (backend(), server(Peer::Larder), server(Peer::Redis));
    let entry = format!("Default={}", redis.address());
    let flags = ["--internal", &larder.address(), "--external", &entry, "--named", "caching-type=internal"];
    let gateway = gateway(&backend, &flags);
    assert_eq!(cached(&gateway, "/42"), words("miss", "internal"));
    assert_eq!(cached(&gateway, "/42"), words("hit", "internal"));
    stored(&larder, "1");
    assert_eq!(commands(&larder), ["get", "set"]);
    assert_eq!(calls(&redis), calls_of(&[]));
    assert_eq!(reply(&redis, &["DBSIZE"]), "0");
}

#[test]
fn caching_type_external_never_touches_larder() {
    let (backend, larder, redis) = (backend(), server(Peer::Larder), server(Peer::Redis));
    let entry = format!("Default={}", redis.address());
    let flags = ["--internal", &larder.address(), "--external", &entry, "--named", "caching-type=external"];
    let outside = gateway(&backend, &flags);
    assert_eq!(cached(&outside, "/42"), words("miss", "external"));
    assert_eq!(cached(&outside, "/42"), words("hit", "external"));
    stored(&redis, "1");
    let asked = calls(&redis);
    assert_eq!(commands(&redis), ["get", "set"]);
    assert_eq!(calls(&larder), calls_of(&[]));
    // Without an entry for its region there is nothing to talk to, and still not larder.
    let nowhere = format!("East US={}", redis.address());
    let flags = ["--internal", &larder.address(), "--external", &nowhere, "--named", "caching-type=external"];
    let without = gateway(&backend, &flags);
    for _ in 0..2 {
        assert_eq!(cached(&without, "/43"), words("miss", ""));
    }
    assert_eq!(calls(&redis), asked);
    assert_eq!(calls(&larder), calls_of(&[]));
    assert_eq!(reply(&larder, &["DBSIZE"]), "0");
}

#[test]
fn two_gateways_share_what_one_of_them_stored() {
    let (backend, larder) = (backend(), server(Peer::Larder));
    let flags = ["--internal", &larder.address()];
    let (one, other) = (gateway(&backend, &flags), gateway(&backend, &flags));
    for (writer, reader, path, keys) in [(&one, &other, "/42", "1"), (&other, &one, "/43", "2")] {
        assert_eq!(cached(writer, path), words("miss", "internal"));
        stored(&larder, keys);
        assert_eq!(cached(reader, path), words("hit", "internal"), "{path}: what the other one stored");
        assert_eq!(backend.asked(path), 1);
    }
    // Taken away by any client, it is taken away for both.
    assert_eq!(reply(&larder, &["DEL", "userprofile-42"]), "1");
    assert_eq!(cached(&other, "/42"), words("miss", "internal"));
    stored(&larder, "2");
    assert_eq!(cached(&one, "/42"), words("hit", "internal"));
}

#[test]
fn a_larder_with_a_password_is_reached_with_it_and_not_without() {
    let secret = "p4ss-w0rd";
    let larder = Server::start(Peer::Larder, &["--require-password".to_owned(), secret.to_owned()]);
    let larder = larder.unwrap_or_else(|error| panic!("{error}"));
    let backend = backend();
    let with = format!("{},password={secret}", larder.address());
    let inside = gateway(&backend, &["--internal", &with]);
    assert_eq!(cached(&inside, "/42"), words("miss", "internal"));
    assert_eq!(cached(&inside, "/42"), words("hit", "internal"));
    for internal in [larder.address(), format!("{},password=wrong-one", larder.address())] {
        let outside = gateway(&backend, &["--internal", &internal]);
        // Another one each time: while a store is under way, even in vain, its gateway has the value.
        for path in ["/50", "/51", "/52"] {
            assert_eq!(cached(&outside, path), words("unavailable", "internal"));
        }
        let printed = outside.output();
        assert!(!printed.contains("wrong-one"), "a secret: {printed}");
    }
    assert_eq!(cached(&inside, "/42"), words("hit", "internal"));
    let printed = inside.output() + &larder.output();
    assert!(!printed.contains(secret), "a secret: {printed}");
}
