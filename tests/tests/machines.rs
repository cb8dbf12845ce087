//! Servers on machines of their own that are killed, stopped and cut off while clients write: Redis with a replica loses
//! acknowledged writes then, which shows that the judge sees it; a cluster of Larder must not.

use std::net::SocketAddr;
use std::process::Output;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use larder_node::admin::Status;
use larder_tests::clock::rest;
use larder_tests::namespaces::{Machine, Switch};
use larder_tests::process::{Process, larder_path, new_directory};
use larder_tests::wire::Connection;
use larder_tests::witness::{Round, RoundSettings, Speech, Targets};

/// A primary whose replica does not hear it any more dies, and the replica is promoted, as a sentinel does it.
#[test]
fn a_redis_with_a_replica_loses_writes_and_the_judge_sees_it() {
    let switch = Switch::new().unwrap();
    switch.enter().unwrap();
    let machines = [switch.machine(1).unwrap(), switch.machine(2).unwrap()];
    let mut faults = Vec::new();
    for round in 0..ROUNDS_OF_REDIS {
        let mut primary = redis(&machines[0]);
        let _replica = redis(&machines[1]);
        let (first, second) = (at(&machines[0]), at(&machines[1]));
        call(second, &["REPLICAOF", &first.ip().to_string(), "6379"]);
        wait_until("the replica follows", || {
            call(second, &["INFO", "replication"]).contains("master_link_status:up")
        });
        let targets = Targets { plain: Mutex::new(vec![first]), ..Targets::default() };
        let settings =
            RoundSettings { name: format!("redis-{round}"), clients: vec![Speech::Plain; 6], seed: round };
        let outcome = Round::run(&settings, &targets, || {
            rest(Duration::from_millis(300));
            machines[0].cut_to(&machines[1])?;
            rest(Duration::from_millis(200));
            primary.kill();
            machines[0].mend_to(&machines[1])?;
            call(second, &["REPLICAOF", "NO", "ONE"]);
            *targets.plain.lock().unwrap_or_else(PoisonError::into_inner) = vec![second];
            rest(Duration::from_millis(300));
            Ok(())
        });
        let outcome = outcome.unwrap();
        assert!(outcome.recorder.answered > 500, "{:?}", outcome.recorder.answered);
        faults.extend(outcome.fault);
    }
    assert_eq!(faults.len() as u64, ROUNDS_OF_REDIS, "{faults:#?}");
}

/// The same clients and the same judge find nothing wrong where nothing is done to the server.
#[test]
fn a_redis_that_is_left_alone_passes() {
    let switch = Switch::new().unwrap();
    switch.enter().unwrap();
    let machine = switch.machine(1).unwrap();
    let _alone = redis(&machine);
    let targets = Targets { plain: Mutex::new(vec![at(&machine)]), ..Targets::default() };
    let settings = RoundSettings { name: "alone".to_owned(), clients: vec![Speech::Plain; 6], seed: 1 };
    let outcome = Round::run(&settings, &targets, || {
        rest(Duration::from_secs(1));
        Ok(())
    });
    let outcome = outcome.unwrap();
    assert_eq!(outcome.fault, None);
    assert!(outcome.recorder.answered > 500);
}

/// Three nodes of Larder, harmed in every way round after round: nothing acknowledged is lost, nothing stale is read, and all
/// is served again. `LARDER_ROUNDS` says how many rounds, `LARDER_ROUND_FIRST` from which; `tests/torment` runs them all.
#[test]
fn a_cluster_of_larder_keeps_what_it_acknowledged() {
    let switch = Switch::new().unwrap();
    switch.enter().unwrap();
    let mut nodes = LarderNodes::start(&switch, 3);
    let mut total = 0;
    let first = number("LARDER_ROUND_FIRST").unwrap_or(0);
    let rounds = number("LARDER_ROUNDS").unwrap_or(ROUNDS);
    for round in first..first + rounds {
        let targets = nodes.targets();
        let clients = [vec![Speech::Plain; 5], vec![Speech::Cluster; 3]].concat();
        let settings = RoundSettings { name: format!("round-{round}"), clients, seed: round };
        let leader =
            nodes.leader().unwrap_or_else(|fault| panic!("round {round}: {fault}\n{}", nodes.outputs()));
        let harm = Harm::of_round(round, leader, nodes.machines.len());
        let outcome = Round::run(&settings, &targets, || {
            nodes.suffer(harm, &mut fastrand::Rng::with_seed(ROUNDS_SEED ^ round))
        });
        let outcome =
            outcome.unwrap_or_else(|fault| panic!("round {round}, {harm:?}: {fault}\n{}", nodes.outputs()));
        let errors = &outcome.recorder.errors;
        assert_eq!(outcome.fault, None, "round {round}, {harm:?}, errors {errors:?}\n{}", nodes.outputs());
        assert!(
            outcome.recorder.answered > ANSWERED_MIN,
            "round {round}, {harm:?}: {}",
            outcome.recorder.answered
        );
        let role = if harm.node() == leader { "leader" } else { "follower" };
        println!(
            "round {round}, {harm:?} ({role}): {} answered, errors {:?}",
            outcome.recorder.answered, outcome.recorder.errors
        );
        total += outcome.recorder.answered;
        nodes.wait_until_well().unwrap_or_else(|fault| panic!("round {round}: {fault}\n{}", nodes.outputs()));
    }
    println!("{rounds} rounds, {total} requests answered, nothing acknowledged lost, nothing stale read");
}

/// What is done to the nodes in a round. The first node is the one that suffers.
#[derive(Clone, Copy, Debug)]
enum Harm {
    /// `kill -9`, and a start with the same state.
    Kill(usize),
    /// The replica is cut off from its owner first, as it is done to Redis.
    CutThenKill(usize, usize),
    /// SIGSTOP for longer than a lease, then SIGCONT.
    Stop(usize),
    /// Cut off from everybody, clients too.
    Isolate(usize),
    /// Cut off from the other nodes, a minority that clients still reach.
    Minority(usize),
    /// Nothing arrives from the one at the other.
    CutOneWay(usize, usize),
    /// Nothing arrives between two.
    CutBothWays(usize, usize),
    /// What it sends is lost on the way to all other nodes; it hears them.
    Mute(usize),
    /// Its link is down, and it sees that.
    Unplug(usize),
    /// Its link is slow, and loses what waits for too long.
    Slow(usize),
}

impl Harm {
    /// Each kind in its turn, to the leader and to another node by turns.
    fn of_round(round: u64, leader: usize, nodes: usize) -> Self {
        let turn = round as usize / KINDS;
        let one = if (round as usize + turn).is_multiple_of(2) {
            leader
        } else {
            (leader + 1 + turn % (nodes - 1)) % nodes
        };
        let other = (one + 1 + turn % (nodes - 1)) % nodes;
        match round as usize % KINDS {
            0 => Self::Kill(one),
            1 => Self::CutThenKill(one, other),
            2 => Self::Stop(one),
            3 => Self::Minority(one),
            4 => Self::CutOneWay(one, other),
            5 => Self::Slow(one),
            6 => Self::Isolate(one),
            7 => Self::CutBothWays(one, other),
            8 => Self::Mute(one),
            _ => Self::Unplug(one),
        }
    }

    const fn node(self) -> usize {
        match self {
            Self::Kill(node) | Self::Stop(node) | Self::Isolate(node) | Self::Minority(node) => node,
            Self::Mute(node) | Self::Unplug(node) | Self::Slow(node) => node,
            Self::CutThenKill(node, _) | Self::CutOneWay(node, _) | Self::CutBothWays(node, _) => node,
        }
    }
}

/// Larder on machines of their own.
struct LarderNodes {
    machines: Vec<Machine>,
    processes: Vec<Process>,
    /// What those printed that were killed.
    printed: String,
    directory: std::path::PathBuf,
}

impl LarderNodes {
    fn start(switch: &Switch, count: u8) -> Self {
        let machines: Vec<Machine> =
            (1..=count).map(|number| switch.machine(number).expect("a machine")).collect();
        let directory = new_directory().expect("a machine");
        let mut nodes = Self { machines, processes: Vec::new(), printed: String::new(), directory };
        nodes.processes = (0..nodes.machines.len()).map(|node| nodes.process(node)).collect();
        nodes.wait_until_healthy().expect("a machine");
        nodes
    }

    fn process(&self, node: usize) -> Process {
        let machine = &self.machines[node];
        let mut command = machine.command(&larder_path().to_string_lossy());
        let peers: Vec<String> =
            self.machines.iter().map(|machine| format!("{}:6381", machine.address())).collect();
        let state = self.directory.join(format!("state-{node}"));
        command
            .args(["node", "--bind", &machine.address().to_string(), "--port", "6379", "--threads", "1"])
            .args(["--join", &peers.join(","), "--bootstrap-expect", &peers.len().to_string()])
            .args(["--max-memory", "64mb", "--state-dir", &state.to_string_lossy()])
            .env("LARDER_CLUSTER_SECRET", "a secret of the machines")
            .env("LARDER_REQUIRE_PASSWORD", PASSWORD);
        Process::start(command, "cargo build -p larder-node").unwrap_or_else(|error| panic!("{error}"))
    }

    fn targets(&self) -> Targets {
        let at_port = |port| {
            let addresses = self.machines.iter().map(|machine| SocketAddr::from((machine.address(), port)));
            Mutex::new(addresses.collect())
        };
        Targets { plain: at_port(6379), cluster: at_port(6380), password: Some(PASSWORD.to_owned()) }
    }

    fn suffer(&mut self, harm: Harm, random: &mut fastrand::Rng) -> Result<(), String> {
        rest(Duration::from_millis(300));
        let length = Duration::from_millis(random.u64(200..2_500));
        let others = |one: usize| (0..self.machines.len()).filter(move |other| *other != one);
        match harm {
            Harm::Kill(node) => {
                self.kill(node);
                rest(length);
                self.processes[node] = self.process(node);
            }
            Harm::CutThenKill(node, other) => {
                self.machines[node].cut_to(&self.machines[other])?;
                rest(Duration::from_millis(random.u64(50..500)));
                self.kill(node);
                self.machines[node].mend_to(&self.machines[other])?;
                rest(length);
                self.processes[node] = self.process(node);
            }
            Harm::Stop(node) => {
                self.processes[node].signal("STOP")?;
                rest(length.max(STOPPED_TIME_MIN));
                self.processes[node].signal("CONT")?;
            }
            Harm::Isolate(node) => {
                self.machines[node].isolate()?;
                rest(length);
                self.machines[node].rejoin()?;
            }
            Harm::Minority(node) => {
                let ways: Vec<_> = others(node).flat_map(|other| [(node, other), (other, node)]).collect();
                self.cut(&ways, length)?;
            }
            Harm::Mute(node) => {
                let ways: Vec<_> = others(node).map(|other| (node, other)).collect();
                self.cut(&ways, length)?;
            }
            Harm::CutOneWay(node, other) => self.cut(&[(node, other)], length)?,
            Harm::CutBothWays(node, other) => self.cut(&[(node, other), (other, node)], length)?,
            Harm::Unplug(node) => {
                self.machines[node].unplug()?;
                rest(length);
                self.machines[node].plug_in()?;
            }
            Harm::Slow(node) => {
                self.machines[node].slow_down(SLOW_BITS)?;
                rest(length);
                self.machines[node].speed_up()?;
            }
        }
        self.wait_until_healthy()
    }

    fn kill(&mut self, node: usize) {
        self.processes[node].kill();
        self.printed += &format!("killed, before it printed:\n{}\n", self.processes[node].output());
    }

    fn cut(&self, ways: &[(usize, usize)], length: Duration) -> Result<(), String> {
        for (from, to) in ways {
            self.machines[*from].cut_to(&self.machines[*to])?;
        }
        rest(length);
        ways.iter().try_for_each(|(from, to)| self.machines[*from].mend_to(&self.machines[*to]))
    }

    /// The node that leads.
    fn leader(&self) -> Result<usize, String> {
        let statuses: Vec<Status> =
            (0..self.machines.len()).map(|node| self.status(node)).collect::<Result<_, _>>()?;
        let leader = statuses[0].leader;
        let found = statuses.iter().position(|status| Some(status.node) == leader);
        found.ok_or_else(|| format!("node {leader:?} is to lead, and is none of them"))
    }

    fn status(&self, node: usize) -> Result<Status, String> {
        let output = self.verb(node, &["status", "--json"])?;
        serde_json::from_slice(&output.stdout).map_err(|error| format!("node {node}: {error}"))
    }

    fn verb(&self, node: usize, words: &[&str]) -> Result<Output, String> {
        let machine = &self.machines[node];
        let mut command = machine.command(&larder_path().to_string_lossy());
        command.args(words).args(["--bind", &machine.address().to_string(), "--port", "6379"]);
        command.output().map_err(|error| format!("larder {}: {error}", words.join(" ")))
    }

    fn wait_until_healthy(&self) -> Result<(), String> {
        for (node, machine) in self.machines.iter().enumerate() {
            let output = self.verb(node, &["status", "--wait-healthy", "60"])?;
            if !output.status.success() {
                let said = [output.stdout, output.stderr].concat();
                return Err(format!(
                    "{} is not healthy: {}",
                    machine.address(),
                    String::from_utf8_lossy(&said)
                ));
            }
        }
        Ok(())
    }

    /// Waits until the cluster is healthy and stays it: for a while after a network works again connections wait before they send
    /// again what was lost, and a node may be called down for that. Whatever befalls the next one then is a second fault.
    fn wait_until_well(&self) -> Result<(), String> {
        for _ in 0..LOOKS_MAX {
            self.wait_until_healthy()?;
            let epoch = self.status(0)?.epoch;
            rest(WELL_TIME);
            let status = self.status(0)?;
            if status.healthy && status.epoch == epoch {
                return Ok(());
            }
        }
        Err("it is healthy again and again, and does not stay it".to_owned())
    }

    fn outputs(&self) -> String {
        let running: String =
            self.processes.iter().map(|process| format!("{}\n", process.output())).collect();
        format!("{}{running}", self.printed)
    }
}

impl Drop for LarderNodes {
    fn drop(&mut self) {
        self.processes.clear();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn at(machine: &Machine) -> SocketAddr {
    (machine.address(), 6379).into()
}

fn redis(machine: &Machine) -> Process {
    let mut command = machine.command("redis-server");
    command.args([
        "--port",
        "6379",
        "--protected-mode",
        "no",
        "--save",
        "",
        "--repl-diskless-sync-delay",
        "0",
    ]);
    let mut process =
        Process::start(command, "install redis-server").unwrap_or_else(|error| panic!("{error}"));
    let ready = process.wait_until(Duration::from_secs(10), |_| try_call(at(machine), &["PING"]));
    assert!(ready.is_some(), "{}", process.output());
    process
}

fn try_call(address: SocketAddr, words: &[&str]) -> Option<String> {
    let mut connection = Connection::open_at(address, Duration::from_secs(1)).ok()?;
    connection.call(words).ok().map(|reply| reply.text())
}

fn call(address: SocketAddr, words: &[&str]) -> String {
    try_call(address, words).unwrap_or_else(|| panic!("{address} does not answer {words:?}"))
}

fn wait_until(what: &str, mut seen: impl FnMut() -> bool) {
    let deadline = larder_tests::clock::Deadline::after(Duration::from_secs(20));
    assert!(deadline.poll(|| seen().then_some(())).is_some(), "not in time: {what}");
}

const ROUNDS_OF_REDIS: u64 = 3;
/// All kinds once.
const ROUNDS: u64 = KINDS as u64;
const KINDS: usize = 10;
/// Longer than TCP waits after half a second without an answer.
const WELL_TIME: Duration = Duration::from_millis(1_500);
const LOOKS_MAX: u32 = 20;
/// Longer than a lease.
const STOPPED_TIME_MIN: Duration = Duration::from_millis(700);
/// In a round that is long enough to mean something, on a machine that does a lot beside.
const ANSWERED_MIN: u64 = 50;
/// Less than what nodes and clients have to tell each other.
const SLOW_BITS: u32 = 400_000;
const ROUNDS_SEED: u64 = 11;
const PASSWORD: &str = "of the machines";
