//! Nodes that are one cluster: founded by one, joined by others, with leaders that die and come back. On memory and paused
//! time, and once on files.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use fastrand::Rng;
use larder_proto::topology::NodeId;
use tokio::runtime::LocalRuntime;
use tokio::task::{JoinHandle, LocalSet};
use tokio::time::{Instant, sleep, timeout};

use super::memory::MemoryDisk;
use super::node::{Node, NodeParts, RaftFault, RaftStatus};
use super::runtime::seed_thread;
use super::settings::RaftSettings;
use super::testing::{NumberChange, Numbers, TempDir, identity};
use crate::cluster::identity::StateDir;
use crate::cluster::rpc::testing::Hub;
use crate::cluster::rpc::{Handler, Handling, Peers};
use crate::link::Introduction;

/// Hands all requests to Raft.
struct ToRaft(Node<Numbers>);

impl Handler for ToRaft {
    fn handle(&self, _: &Rc<Introduction>, kind: u8, body: Vec<u8>) -> Handling {
        let node = self.0.clone();
        Box::pin(async move { node.handle(kind, &body).await })
    }
}

/// One process.
struct Process {
    node: Node<Numbers>,
    answering: JoinHandle<()>,
    /// All tasks of the process.
    tasks: LocalSet,
}

struct Cluster {
    hub: Hub,
    places: BTreeMap<u64, StateDir>,
    processes: BTreeMap<u64, Process>,
    settings: RaftSettings,
    random: Rng,
}

impl Cluster {
    fn new(seed: u64) -> Self {
        seed_thread(seed);
        Self {
            hub: Hub::default(),
            places: BTreeMap::new(),
            processes: BTreeMap::new(),
            settings: RaftSettings::default(),
            random: Rng::with_seed(seed),
        }
    }

    /// Starts a process with what its place holds.
    async fn start(&mut self, id: u64) {
        let peers = Peers::new(self.hub.parts(id));
        let parts = NodeParts {
            node: NodeId(id),
            place: self.places[&id].clone(),
            peers,
            initial: Numbers::default(),
            settings: self.settings,
        };
        let tasks = LocalSet::new();
        let hub = self.hub.clone();
        let (node, answering) = tasks
            .run_until(async move {
                let node = Node::start(parts).await.unwrap();
                let answering = hub.answer(id, Rc::new(ToRaft(node.clone())));
                (node, answering)
            })
            .await;
        self.processes.insert(id, Process { node, answering, tasks });
    }

    /// A new node on memory.
    fn give_memory(&mut self, id: u64) {
        let place = StateDir::Memory(MemoryDisk::new());
        place.keep(&identity(id)).unwrap();
        self.places.insert(id, place);
    }

    fn disk(&self, id: u64) -> &MemoryDisk {
        let StateDir::Memory(disk) = &self.places[&id] else { panic!("on memory") };
        disk
    }

    /// Power off: all tasks are gone at once, and what was not synced is lost or torn.
    fn kill(&mut self, id: u64) {
        if let StateDir::Memory(disk) = &self.places[&id] {
            disk.crash(&mut self.random);
        }
        self.hub.remove(id);
        drop(self.processes.remove(&id));
    }

    async fn stop(&mut self, id: u64) {
        self.hub.remove(id);
        let Process { node, answering, tasks } = self.processes.remove(&id).unwrap();
        answering.abort();
        tasks.run_until(node.shutdown()).await;
    }

    fn node(&self, id: u64) -> Node<Numbers> {
        self.processes[&id].node.clone()
    }

    /// Lets all processes run while this goes on.
    async fn run<T>(&self, wait: impl Future<Output = T>) -> T {
        let mut wait = std::pin::pin!(wait);
        let mut processes: Vec<_> = self
            .processes
            .values()
            .map(|process| Box::pin(process.tasks.run_until(std::future::pending::<()>())))
            .collect();
        std::future::poll_fn(|cx| {
            for process in &mut processes {
                let _ = process.as_mut().poll(cx);
            }
            wait.as_mut().poll(cx)
        })
        .await
    }

    /// Until the status of a node is as wanted, at most ten seconds.
    async fn until(&self, id: u64, what: &str, wanted: impl Fn(&RaftStatus) -> bool) -> RaftStatus {
        let mut changes = self.node(id).changes();
        let wait = async {
            loop {
                let status = changes.status();
                if wanted(&status) {
                    return status;
                }
                assert!(changes.changed().await, "node {id} has stopped");
            }
        };
        let waited = self.run(timeout(Duration::from_secs(10), wait)).await;
        waited.unwrap_or_else(|_| panic!("node {id} never {what}: {:?}", self.node(id).status()))
    }

    /// Who leads, once all processes that run agree.
    async fn leader(&self) -> u64 {
        let wait = async {
            loop {
                let leaders: BTreeSet<_> =
                    self.processes.values().map(|process| process.node.leader()).collect();
                let confirmed = match (leaders.len(), leaders.first()) {
                    (1, Some(Some(leader))) if self.processes.contains_key(&leader.0) => Some(leader.0),
                    _ => None,
                };
                if let Some(leader) = confirmed
                    && self.node(leader).confirm_leadership().await.is_ok()
                {
                    return leader;
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        self.run(timeout(Duration::from_secs(10), wait)).await.expect("somebody leads")
    }

    async fn set(&self, id: u64, name: &str, number: u64) -> Result<Option<u64>, RaftFault> {
        let node = self.node(id);
        let change = NumberChange::Set(name.to_owned(), number);
        let proposed = self.run(timeout(Duration::from_secs(5), node.propose(&change))).await;
        Ok(proposed.expect("in time")?.answer)
    }

    /// The first member, which makes the cluster.
    async fn found(&mut self, id: u64) {
        self.start(id).await;
        let node = self.node(id);
        self.run(node.initialize("host", id as u16)).await.unwrap();
        self.until(id, "led", |status| status.leads).await;
    }

    /// A node that the leader has admitted under this number begins to learn.
    async fn join(&mut self, leader: u64, id: u64) {
        self.start(id).await;
        let node = self.node(leader);
        self.run(node.add_learner(NodeId(id), "host", id as u16)).await.unwrap();
        let applied = self.node(leader).status().applied;
        self.until(id, "caught up", |status| status.applied >= applied).await;
    }

    async fn vote(&self, leader: u64, voters: &[u64]) {
        let voters: BTreeSet<NodeId> = voters.iter().copied().map(NodeId).collect();
        self.run(self.node(leader).change_voters(&voters)).await.unwrap();
    }

    /// The number of a node that is admitted now: the place of the entry that does it.
    async fn admit(&self, leader: u64) -> u64 {
        let node = self.node(leader);
        let proposed = self.run(node.propose(&NumberChange::Admit)).await.unwrap();
        assert_eq!(proposed.answer, Some(proposed.index));
        assert!(node.state().admitted.contains(&proposed.index), "who has the answer sees the state");
        proposed.index
    }
}

fn paused(test: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime: LocalRuntime =
        builder.enable_time().start_paused(true).build_local(Default::default()).unwrap();
    runtime.block_on(test);
}

/// Three voters on memory: numbers 1, and two that were admitted.
async fn three(seed: u64, settings: RaftSettings) -> (Cluster, [u64; 3]) {
    let mut cluster = Cluster::new(seed);
    cluster.settings = settings;
    cluster.give_memory(1);
    cluster.found(1).await;
    let mut ids = [1, 0, 0];
    for id in &mut ids[1..] {
        *id = cluster.admit(1).await;
        cluster.give_memory(*id);
        cluster.join(1, *id).await;
    }
    cluster.vote(1, &ids).await;
    (cluster, ids)
}

#[test]
fn three_voters_agree_and_survive_their_leader() {
    for seed in 0..5 {
        paused(survive_the_leader(seed));
    }
}

async fn survive_the_leader(seed: u64) {
    let (mut cluster, ids) = three(seed, RaftSettings::default()).await;
    for number in 0..200 {
        assert_eq!(cluster.set(1, &format!("n{number}"), number).await, Ok(None));
    }
    assert_eq!(cluster.set(1, "n7", 70).await, Ok(Some(7)));
    let follower = ids[1];
    let refused = cluster.set(follower, "x", 1).await;
    assert_eq!(refused, Err(RaftFault::NotLeader(Some(NodeId(1)))));

    let began = Instant::now();
    cluster.kill(1);
    let second = cluster.leader().await;
    assert!(second != 1 && began.elapsed() < Duration::from_millis(1_500), "{:?}", began.elapsed());
    assert_eq!(cluster.set(second, "n8", 80).await, Ok(Some(8)));
    let term = cluster.node(second).status().term;

    // It comes back with its log and an empty state, and follows.
    cluster.start(1).await;
    let applied = cluster.node(second).status().applied;
    cluster.until(1, "caught up", |status| status.applied >= applied && !status.leads).await;
    assert_eq!(cluster.node(1).state().numbers["n8"], 80);
    assert_eq!(cluster.node(1).state(), cluster.node(second).state());
    assert_eq!(cluster.leader().await, second);
    assert_eq!(cluster.node(second).status().term, term, "who comes back disturbs nobody");
}

#[test]
fn a_cluster_without_power_comes_back() {
    paused(async {
        let (mut cluster, ids) = three(3, RaftSettings::default()).await;
        for number in 0..20 {
            cluster.set(1, &format!("n{number}"), number).await.unwrap();
        }
        for id in ids {
            cluster.kill(id);
        }
        for id in ids {
            cluster.start(id).await;
        }
        let leader = cluster.leader().await;
        assert_eq!(cluster.node(leader).state().numbers.len(), 20);
        cluster.set(leader, "after", 1).await.unwrap();
    });
}

#[test]
fn a_lost_voter_is_replaced_by_a_new_node() {
    paused(async {
        let (mut cluster, ids) = three(4, RaftSettings::default()).await;
        let lost = ids[2];
        cluster.kill(lost);
        let new = cluster.admit(1).await;
        cluster.give_memory(new);
        cluster.join(1, new).await;
        cluster.vote(1, &[1, ids[1], new]).await;
        cluster.run(cluster.node(1).remove(NodeId(lost))).await.unwrap();
        let status = cluster.node(1).status();
        assert_eq!(status.voters, [1, ids[1], new].map(NodeId).into());
        assert_eq!(status.learners, BTreeSet::new());
        // Again does nothing.
        cluster.run(cluster.node(1).remove(NodeId(lost))).await.unwrap();
        // The new one counts: with it, two of three are enough.
        cluster.kill(ids[1]);
        cluster.set(1, "x", 1).await.unwrap();
    });
}

#[test]
fn a_node_that_lags_far_behind_gets_a_snapshot() {
    paused(async {
        let settings = RaftSettings { snapshot_entries: 50, kept_entries: 10, ..RaftSettings::default() };
        let (mut cluster, ids) = three(5, settings).await;
        let behind = ids[2];
        cluster.kill(behind);
        for number in 0..400 {
            cluster.set(1, &format!("n{}", number % 40), number).await.unwrap();
        }
        cluster.start(behind).await;
        let applied = cluster.node(1).status().applied;
        let status = cluster.until(behind, "caught up", |status| status.applied >= applied).await;
        assert!(status.snapshot > 300, "{status:?}");
        assert_eq!(cluster.node(behind).state(), cluster.node(1).state());
        // The snapshot was safe before it counted.
        cluster.kill(behind);
        cluster.start(behind).await;
        assert!(cluster.node(behind).state().changes > 300);
        cluster.until(behind, "caught up", |status| status.applied >= applied).await;
    });
}

#[test]
fn many_bytes_make_a_snapshot_too() {
    paused(async {
        let settings = RaftSettings { log_bytes: 10_000, ..RaftSettings::default() };
        let (cluster, _) = three(6, settings).await;
        let name = "n".repeat(1_000);
        for number in 0..15 {
            cluster.set(1, &name, number).await.unwrap();
        }
        cluster.until(1, "made a snapshot", |status| status.snapshot > 0).await;
    });
}

#[test]
fn a_leader_without_a_majority_confirms_nothing() {
    paused(async {
        let (cluster, ids) = three(7, RaftSettings::default()).await;
        let node = cluster.node(1);
        let index = cluster.run(node.confirm_leadership()).await.unwrap();
        assert!(index > 0);
        cluster.hub.separate(&[1], &ids[1..]);
        let began = Instant::now();
        let unconfirmed = cluster.run(node.confirm_leadership()).await;
        assert!(matches!(unconfirmed, Err(RaftFault::NoQuorum | RaftFault::NotLeader(_))), "{unconfirmed:?}");
        assert!(began.elapsed() <= Duration::from_millis(400), "{:?}", began.elapsed());
        let other = cluster.until(ids[1], "found another leader", |status| {
            status.leader.is_some_and(|leader| leader != NodeId(1))
        });
        let leader = other.await.leader.unwrap().0;
        cluster.run(cluster.node(leader).confirm_leadership()).await.unwrap();
        cluster.set(leader, "x", 1).await.unwrap();
        cluster.hub.join();
        let status = cluster.until(1, "followed", |status| status.leader == Some(NodeId(leader))).await;
        assert!(!status.leads);
        cluster.until(1, "caught up", |status| status.applied >= cluster.node(leader).status().applied).await;
        assert_eq!(node.state().numbers["x"], 1);
    });
}

#[test]
fn the_lead_can_be_handed_over() {
    paused(async {
        let (cluster, ids) = three(8, RaftSettings::default()).await;
        let began = Instant::now();
        cluster.run(cluster.node(1).transfer_lead(NodeId(ids[2]))).await.unwrap();
        cluster.until(ids[2], "led", |status| status.leads).await;
        assert!(
            began.elapsed() < Duration::from_millis(150),
            "sooner than by an election: {:?}",
            began.elapsed()
        );
        cluster.set(ids[2], "x", 1).await.unwrap();
    });
}

#[test]
fn a_change_of_voters_that_was_cut_off_is_joint_until_it_is_made_again() {
    paused(async {
        let mut cluster = Cluster::new(21);
        cluster.give_memory(1);
        cluster.found(1).await;
        let mut ids = BTreeSet::from([NodeId(1)]);
        for _ in 0..2 {
            let id = cluster.admit(1).await;
            cluster.give_memory(id);
            cluster.join(1, id).await;
            ids.insert(NodeId(id));
        }
        let node = cluster.node(1);
        let mut changes = node.changes();
        let cut = async {
            tokio::select! {
                biased;
                () = async { while !changes.status().is_joint { changes.changed().await; } } => {}
                _ = node.change_voters(&ids) => panic!("changed before it could be cut off"),
            }
        };
        cluster.run(cut).await;
        cluster.run(sleep(Duration::from_secs(3))).await;
        let status = node.status();
        assert!(status.is_joint && status.voters == ids, "{status:?}");
        cluster.run(node.change_voters(&ids)).await.unwrap();
        assert!(!node.status().is_joint);
        drop((node, changes));
        for id in &ids {
            cluster.until(id.0, "told", |status| !status.is_joint && status.voters == ids).await;
        }
        cluster.kill(1);
        assert!(cluster.leader().await != 1);
    });
}

#[test]
fn a_cluster_is_made_once() {
    paused(async {
        let (cluster, ids) = three(9, RaftSettings::default()).await;
        for id in [1, ids[1]] {
            let again = cluster.run(cluster.node(id).initialize("host", id as u16)).await;
            assert!(matches!(again, Err(RaftFault::Refused(_))), "{again:?}");
            assert_eq!(cluster.run(cluster.node(id).is_initialized()).await, Ok(true));
        }
    });
}

#[test]
fn a_disk_that_fails_stops_raft_and_nothing_else() {
    let read_only: fn(&MemoryDisk) = |disk| disk.set_read_only(true);
    let full: fn(&MemoryDisk) = |disk| disk.set_room(Some(0));
    for (break_it, expected) in [(read_only, "read-only"), (full, "no storage space")] {
        paused(async {
            let (cluster, ids) = three(10, RaftSettings::default()).await;
            break_it(cluster.disk(ids[1]));
            cluster.set(1, "x", 1).await.unwrap();
            let status = cluster.until(ids[1], "stopped", |status| status.stopped.is_some()).await;
            let reason = status.stopped.unwrap();
            assert!(reason.contains(expected), "{reason}");
            let refused = cluster.set(ids[1], "x", 2).await;
            assert!(matches!(refused, Err(RaftFault::Stopped(_))), "{refused:?}");
            cluster.set(1, "y", 1).await.unwrap();
        });
    }
}

#[test]
fn slow_disks_delay_and_stop_nothing() {
    paused(async {
        let (mut cluster, ids) = three(12, RaftSettings::default()).await;
        // Slower than entries are sent again.
        cluster.disk(ids[1]).set_delay(Duration::from_millis(400));
        for number in 0..30 {
            cluster.set(1, &format!("n{number}"), number).await.unwrap();
        }
        let applied = cluster.node(1).status().applied;
        cluster.until(ids[1], "caught up", |status| status.applied >= applied).await;
        cluster.disk(ids[1]).set_delay(Duration::ZERO);

        // All of them, and an election.
        for id in ids {
            cluster.disk(id).set_delay(Duration::from_millis(60));
        }
        cluster.kill(1);
        let leader = cluster.leader().await;
        cluster.set(leader, "slow", 1).await.unwrap();
        assert_eq!(cluster.node(leader).state().numbers.len(), 31);
    });
}

#[test]
fn a_log_is_one_nodes_alone() {
    paused(async {
        let mut cluster = Cluster::new(13);
        cluster.give_memory(5);
        let start = |place: &StateDir, node| NodeParts {
            node: NodeId(node),
            place: place.clone(),
            peers: Peers::new(cluster.hub.parts(node)),
            initial: Numbers::default(),
            settings: RaftSettings::default(),
        };
        let place = &cluster.places[&5];
        let error = Node::start(start(place, 6)).await.map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("that of node 5, not of node 6"), "{error}");
        let nobodys = StateDir::Memory(MemoryDisk::new());
        let error = Node::start(start(&nobodys, 6)).await.map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("has not joined"), "{error}");
    });
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let trace = |seed| {
        let mut trace = Vec::new();
        paused(async {
            let began = Instant::now();
            let (mut cluster, ids) = three(seed, RaftSettings::default()).await;
            cluster.kill(1);
            let leader = cluster.leader().await;
            cluster.set(leader, "x", 1).await.unwrap();
            cluster.start(1).await;
            cluster.until(1, "followed", |status| status.leader == Some(NodeId(leader))).await;
            trace.push((began.elapsed(), ids, leader, cluster.node(leader).status()));
        });
        trace
    };
    for seed in 0..4 {
        assert_eq!(trace(seed), trace(seed), "seed {seed}");
    }
    let different: BTreeSet<_> = (0..6).map(|seed| trace(seed)[0].0).collect();
    assert!(different.len() > 1, "the seed makes a difference");
}

#[test]
fn three_voters_on_files() {
    let runtime = LocalRuntime::new().unwrap();
    runtime.block_on(async {
        let directories = [TempDir::new(), TempDir::new(), TempDir::new()];
        let mut cluster = Cluster::new(11);
        let mut ids = [1, 0, 0];
        for (at, directory) in directories.iter().enumerate() {
            let place = StateDir::open(directory.path()).unwrap();
            if at > 0 {
                ids[at] = cluster.admit(1).await;
            }
            place.keep(&identity(ids[at])).unwrap();
            cluster.places.insert(ids[at], place);
            if at == 0 { cluster.found(1).await } else { cluster.join(1, ids[at]).await }
        }
        cluster.vote(1, &ids).await;
        for number in 0..50 {
            cluster.set(1, &format!("n{number}"), number).await.unwrap();
        }
        cluster.stop(1).await;
        let second = cluster.leader().await;
        cluster.set(second, "after", 1).await.unwrap();
        assert_eq!(cluster.places[&1].identity().unwrap(), Some(identity(1)), "the file is closed");
        cluster.start(1).await;
        let applied = cluster.node(second).status().applied;
        cluster.until(1, "caught up", |status| status.applied >= applied).await;
        assert_eq!(cluster.node(1).state().numbers.len(), 51);
        for id in ids {
            cluster.stop(id).await;
        }
    });
}
