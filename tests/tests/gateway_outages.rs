//! Caches that die, hang and come back under the gateway: no request fails, none takes longer than the time budget
//! allows, and nothing goes to a store that configuration does not name.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use larder_client::limits::TIME_BUDGET_DEFAULT;
use larder_tests::backend::{Backend, profile};
use larder_tests::clock::Deadline;
use larder_tests::gateway::{Gateway, looked_up};
use larder_tests::http::{Answer, Client};
use larder_tests::process::{Peer, Server};
use larder_tests::stats::{Calls, calls_for_data};
use larder_tests::wire::ask;

const SOON: Duration = Duration::from_secs(20);
const CLIENTS: usize = 8;
/// What each client sends at most, whatever happens.
const REQUESTS_MAX: usize = 20_000;
/// Answers awaited in each phase.
const ANSWERS: usize = 200;
const PATHS: [&str; 4] = ["/1", "/2", "/3", "/4"];
/// A lookup and a store, and what a machine adds that is busy with other tests.
const TIME_MAX: Duration = Duration::from_millis(2 * TIME_BUDGET_DEFAULT.as_millis() as u64 + 1_000);

/// What the cache is known to be; between two of them it is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Changing = 0,
    Up = 1,
    Down = 2,
}

/// Clients that ask without a pause, and what came back.
struct Load {
    port: u16,
    phase: AtomicU8,
    done: AtomicBool,
    /// Since the last change of the phase.
    hits: AtomicUsize,
    unavailable: AtomicUsize,
    asked: AtomicUsize,
}

impl Load {
    fn new(gateway: &Gateway) -> Self {
        Self {
            port: gateway.port(),
            phase: AtomicU8::new(Phase::Up as u8),
            done: AtomicBool::new(false),
            hits: AtomicUsize::new(0),
            unavailable: AtomicUsize::new(0),
            asked: AtomicUsize::new(0),
        }
    }

    fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::SeqCst);
        self.hits.store(0, Ordering::SeqCst);
        self.unavailable.store(0, Ordering::SeqCst);
    }

    /// Asks on one connection until everything is done; the error is the first thing that was wrong.
    fn client(&self, store: &str) -> Result<(), String> {
        let mut client = Client::connect(self.port)?;
        for number in 0..REQUESTS_MAX {
            if self.done.load(Ordering::SeqCst) {
                return Ok(());
            }
            let path = PATHS[number % PATHS.len()];
            let before = self.phase.load(Ordering::SeqCst);
            let answer = client.get(path)?;
            let after = self.phase.load(Ordering::SeqCst);
            check(&answer, path, store)?;
            let (word, _) = looked_up(&answer);
            // A hit is the gateway's own store, which is still under way, if in vain.
            if before == after && before == Phase::Down as u8 && word == "miss" {
                return Err(format!("{path}: {word} while the cache is down"));
            }
            self.count(word);
        }
        Ok(())
    }

    fn count(&self, word: &str) {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match word {
            "hit" => self.hits.fetch_add(1, Ordering::SeqCst),
            "unavailable" => self.unavailable.fetch_add(1, Ordering::SeqCst),
            _ => 0,
        };
    }

    fn wait_for(&self, counter: &AtomicUsize, what: &str) -> Result<(), String> {
        let seen = Deadline::after(SOON).poll(|| (counter.load(Ordering::SeqCst) >= ANSWERS).then_some(()));
        seen.ok_or_else(|| format!("no {ANSWERS} answers that are {what}, of {:?} in all", self.asked))
    }

    /// Hits, then a cache that is killed, then hits again, all under load; the larder beside it is told nothing
    /// while it lasts.
    fn kill_and_start_again(&self, cache: &mut Server, beside: Option<&Server>) -> Result<(), String> {
        self.wait_for(&self.hits, "hits")?;
        self.enter(Phase::Changing);
        cache.kill();
        self.enter(Phase::Down);
        self.wait_for(&self.unavailable, "unavailable")?;
        self.enter(Phase::Changing);
        if let Some(beside) = beside {
            let calls = calls_for_data(beside.port())?;
            if calls != Calls::new() {
                return Err(format!("the store beside it was asked: {calls:?}"));
            }
        }
        cache.start_again()?;
        self.enter(Phase::Up);
        self.wait_for(&self.hits, "hits again")
    }
}

/// Whether an answer is what it should be in every phase.
fn check(answer: &Answer, path: &str, store: &str) -> Result<(), String> {
    let (word, used) = looked_up(answer);
    if answer.status != 200 || answer.body != profile(path) {
        return Err(format!("{path}: {} {word}, body {:?}", answer.status, answer.body));
    }
    if !["hit", "miss", "unavailable"].contains(&word) || used != store {
        return Err(format!("{path}: {word:?} of {used:?}"));
    }
    if answer.took > TIME_MAX {
        return Err(format!("{path}: {word} took {:?}, more than {TIME_MAX:?}", answer.took));
    }
    Ok(())
}

/// Runs the load beside `drill`; what went wrong, in either.
fn under_load(
    gateway: &Gateway,
    store: &str,
    drill: impl FnOnce(&Load) -> Result<(), String>,
) -> Vec<String> {
    let load = Load::new(gateway);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| load.client(store))).collect();
        let drilled = drill(&load);
        load.done.store(true, Ordering::SeqCst);
        let ended = clients.into_iter().map(|client| client.join().unwrap_or(Err("panicked".to_owned())));
        ended.chain([drilled]).filter_map(Result::err).collect()
    })
}

fn start(peer: Peer) -> Server {
    Server::start(peer, &[]).unwrap_or_else(|error| panic!("{error}"))
}

fn gateway(backend: &Backend, flags: &[&str]) -> Gateway {
    Gateway::start(backend.port(), flags).unwrap_or_else(|error| panic!("{error}"))
}

fn keys(server: &Server) -> String {
    ask(server.port(), &["DBSIZE"]).unwrap_or_else(|error| panic!("{error}")).text()
}

/// Whether a server has the values of all paths, soon: nobody waits for a store.
fn stored(server: &Server) -> bool {
    Deadline::after(SOON).poll(|| (keys(server) == PATHS.len().to_string()).then_some(())).is_some()
}

#[test]
fn a_killed_redis_fails_no_request_and_hits_when_it_is_back() {
    let backend = Backend::start().unwrap();
    let (larder, mut redis) = (start(Peer::Larder), start(Peer::Redis));
    let entry = format!("Southeast Asia={}", redis.address());
    let flags = ["--internal", &larder.address(), "--region", "southeastasia", "--external", &entry];
    let gateway = gateway(&backend, &flags);
    let faults =
        under_load(&gateway, "external", |load| load.kill_and_start_again(&mut redis, Some(&larder)));
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(stored(&redis));
    assert_eq!((keys(&larder), calls_for_data(larder.port())), ("0".to_owned(), Ok(Calls::new())));
}

#[test]
fn a_killed_larder_fails_no_request_and_hits_when_it_is_back() {
    let backend = Backend::start().unwrap();
    let mut larder = start(Peer::Larder);
    let gateway = gateway(&backend, &["--internal", &larder.address()]);
    let faults = under_load(&gateway, "internal", |load| load.kill_and_start_again(&mut larder, None));
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(stored(&larder));
}

#[test]
fn a_larder_that_was_restarted_is_empty_and_fills_again() {
    let backend = Backend::start().unwrap();
    let mut larder = start(Peer::Larder);
    let gateway = gateway(&backend, &["--internal", &larder.address()]);
    let word = |path: &str| {
        let answer = gateway.get(path).unwrap_or_else(|error| panic!("{error}"));
        check(&answer, path, "internal").unwrap_or_else(|error| panic!("{error}"));
        looked_up(&answer).0
    };
    for path in &PATHS[1..] {
        assert_eq!((word(path), word(path)), ("miss", "hit"), "{path}");
    }
    larder.start_again().unwrap();
    assert_eq!(keys(&larder), "0", "volatile");
    // A path of its own: the cache may come back between a lookup and the store that follows it.
    let back = Deadline::after(SOON).poll(|| (word(PATHS[0]) == "hit").then_some(()));
    assert_eq!(back, Some(()), "it never hits again");
    for path in &PATHS[1..] {
        assert_eq!((word(path), word(path)), ("miss", "hit"), "{path}, after the restart");
        assert_eq!(backend.asked(path), 2, "{path}");
    }
}

#[test]
fn a_redis_that_hangs_costs_no_more_than_the_budget() {
    let backend = Backend::start().unwrap();
    let (larder, redis) = (start(Peer::Larder), start(Peer::Redis));
    let entry = format!("Default={}", redis.address());
    let gateway = gateway(&backend, &["--internal", &larder.address(), "--external", &entry]);
    let faults = under_load(&gateway, "external", |load| {
        load.wait_for(&load.hits, "hits")?;
        load.enter(Phase::Changing);
        redis.signal("STOP")?;
        load.wait_for(&load.unavailable, "unavailable")?;
        redis.signal("CONT")?;
        load.enter(Phase::Up);
        load.wait_for(&load.hits, "hits again")
    });
    assert!(faults.is_empty(), "{faults:#?}");
    assert_eq!(calls_for_data(larder.port()), Ok(Calls::new()));
}
