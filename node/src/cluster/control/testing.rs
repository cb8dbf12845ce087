//! Control loops in one process for tests: each with its own tasks, clock, disk and a plane that serves and copies nothing but
//! keeps the rules, on a network in memory and under paused time.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use fastrand::Rng;
use larder_proto::slot::{PARTITIONS, Partition};
use larder_proto::time::Millis;
use larder_proto::topology::{
    ClusterId, CopyState, Epoch, Incarnation, MemberState, NodeId, RowChange, Step, Topology,
};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep, timeout};

use super::{ClusterParts, ClusterSettings, introduction, start};
use crate::clock::Clock;
use crate::cluster::handle::Handle;
use crate::cluster::identity::StateDir;
use crate::cluster::machine::{Answer, Change, State};
use crate::cluster::ports::{Plane, PlaneReport};
use crate::cluster::raft::{MemoryDisk, RaftSettings, seed_thread};
use crate::cluster::rpc::testing::Hub;
use crate::cluster::status::Phase;
use crate::link::{self, Purpose, Secret};

/// All processes, by the number of their port for nodes.
pub(super) struct World {
    pub(super) hub: Hub,
    pub(super) disks: BTreeMap<u64, MemoryDisk>,
    pub(super) processes: BTreeMap<u64, Process>,
    /// Processes that are stopped and may continue.
    pub(super) frozen: BTreeSet<u64>,
    pub(super) settings: ClusterSettings,
    pub(super) secret: &'static str,
    random: Rng,
    began: Instant,
    /// When it was looked at last who serves what.
    checked: Cell<Instant>,
}

pub(super) struct Process {
    pub(super) handle: Handle,
    pub(super) plane: Arc<TestPlane>,
    tasks: LocalSet,
}

impl World {
    /// Nodes will wait for so many to found a cluster.
    pub(super) fn new(seed: u64, expected: u32) -> Self {
        seed_thread(seed);
        Self {
            hub: Hub::default(),
            disks: BTreeMap::new(),
            processes: BTreeMap::new(),
            frozen: BTreeSet::new(),
            settings: ClusterSettings {
                region: "test".into(),
                host: "127.0.0.1".into(),
                port: 0,
                zone: String::new(),
                join: Vec::new(),
                expected,
                replicas: 1,
                lease: Duration::from_millis(500),
                raft: RaftSettings::default(),
            },
            secret: "for tests",
            random: Rng::with_seed(seed),
            began: Instant::now(),
            checked: Cell::new(Instant::now()),
        }
    }

    /// Starts a process at this port for nodes, with the disk that it had or a new one. Everybody is told of ports 10, 20 and
    /// 30.
    pub(super) async fn start(&mut self, port: u64) {
        let disk = self.disks.entry(port).or_default().clone();
        self.start_at(port, disk).await;
    }

    pub(super) async fn start_at(&mut self, port: u64, disk: MemoryDisk) {
        let join = [10, 20, 30].map(|port| ("127.0.0.1".to_owned(), port)).to_vec();
        let alone = self.settings.expected == 1 && port == 10;
        let settings = ClusterSettings {
            port: port as u16 - 2,
            join: if alone { Vec::new() } else { join },
            ..self.settings.clone()
        };
        let incarnation = Incarnation(self.random.u64(1..));
        // Within the bound of one percent between any two.
        let fast_ppm = self.random.i64(-5_000..=5_000);
        let clock = Arc::new(TestClock { began: self.began, fast_ppm, from_ns: self.random.u64(1..1 << 40) });
        let plane = TestPlane::new(clock.clone());
        let (links_to, links) = mpsc::channel(64);
        let mut streams = self.hub.listen(port);
        let secret = self.secret;
        let parts = ClusterParts {
            settings: settings.clone(),
            clock,
            network: self.hub.of(port),
            secret: Arc::new(Secret::new(secret)),
            incarnation,
            links,
            plane: plane.clone(),
            place: StateDir::Memory(disk),
            seed: self.random.u64(..),
        };
        let tasks = LocalSet::new();
        let handle = tasks.run_until(async move { start(parts) }).await;
        let _ = plane.handle.set(handle.clone());
        let knocked = handle.clone();
        tasks.spawn_local(async move {
            let mut random = Rng::with_seed(port);
            while let Some(stream) = streams.recv().await {
                let (knocked, links_to, mut random) = (knocked.clone(), links_to.clone(), random.fork());
                let region = settings.region.clone();
                tokio::task::spawn_local(async move {
                    let own =
                        |_: &_| introduction(&region, knocked.identity(), incarnation, Purpose::Control);
                    let secret = Secret::new(secret);
                    if let Ok(link) = link::answer(stream, &secret, own, &mut random).await {
                        let _ = links_to.send(link).await;
                    }
                });
            }
        });
        self.processes.insert(port, Process { handle, plane, tasks });
    }

    /// Power off: all tasks are gone at once, and what was not synced is lost or torn.
    pub(super) fn kill(&mut self, port: u64) {
        self.disks[&port].crash(&mut self.random);
        self.hub.remove(port);
        self.frozen.remove(&port);
        drop(self.processes.remove(&port));
    }

    /// Lets all processes run while this goes on, and looks that no partition is ever served twice.
    pub(super) async fn run<T>(&self, wait: impl Future<Output = T>) -> T {
        let mut wait = std::pin::pin!(wait);
        let running = self.processes.iter().filter(|(port, _)| !self.frozen.contains(port));
        let mut running: Vec<_> = running
            .map(|(_, process)| Box::pin(process.tasks.run_until(std::future::pending::<()>())))
            .collect();
        std::future::poll_fn(|cx| {
            for process in &mut running {
                let _ = process.as_mut().poll(cx);
            }
            if self.checked.replace(Instant::now()) != Instant::now() {
                self.check_single();
            }
            wait.as_mut().poll(cx)
        })
        .await
    }

    pub(super) async fn pass(&self, time: Duration) {
        self.run(async {
            // In steps, so that what holds is looked at in between.
            let end = Instant::now() + time;
            while Instant::now() < end {
                sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    /// Until this is so, at most so many seconds; how long it took.
    pub(super) async fn until(&self, seconds: u64, what: &str, wanted: impl Fn(&Self) -> bool) -> Duration {
        let began = Instant::now();
        let wait = async {
            while !wanted(self) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = self.run(timeout(Duration::from_secs(seconds), wait)).await;
        if waited.is_err() {
            let seen: Vec<_> = self.processes.iter().map(|(port, it)| (port, it.summary())).collect();
            panic!("never {what}: {seen:#?}");
        }
        began.elapsed()
    }

    /// Whether every partition is served by somebody, and everything is at rest.
    pub(super) fn is_settled(&self) -> bool {
        let state = match self.newest() {
            Some(state) if state.formed => state,
            _ => return false,
        };
        let members = &state.topology.members;
        let is_up = |node: &NodeId| members.get(node).is_some_and(|it| it.state == MemberState::Up);
        let is_in = |process: &Process| match *process.handle.phases().borrow() {
            Phase::Member => process.handle.identity().is_some_and(|own| is_up(&own.node)),
            Phase::Forming(_) => false,
            Phase::Left | Phase::Failed(_) => true,
        };
        let up = members.keys().filter(|node| is_up(node)).count();
        let wanted = usize::from(state.topology.replicas).min(up.saturating_sub(1));
        self.processes.values().all(is_in)
            && state.topology.rows.iter().all(|row| {
                row.copies.len() == wanted && row.copies.iter().all(|copy| copy.state == CopyState::InSync)
            })
            && self.is_served()
            && crate::cluster::plan::plan(&state, &[]).is_empty()
    }

    /// Whether every partition is served.
    pub(super) fn is_served(&self) -> bool {
        let mut served = vec![false; usize::from(PARTITIONS)];
        for process in self.processes.values() {
            process.plane.serving().into_iter().for_each(|partition| served[partition.index()] = true);
        }
        served.iter().all(|served| *served)
    }

    /// The newest state that any process has.
    pub(super) fn newest(&self) -> Option<Arc<State>> {
        let states = self.processes.values().map(|process| process.handle.states().borrow().clone());
        states.max_by_key(|state| state.topology.epoch).filter(|it| it.topology.cluster != ClusterId(0))
    }

    pub(super) fn topology(&self) -> Arc<Topology> {
        Arc::clone(&self.newest().expect("a cluster").topology)
    }

    /// The number of the node at a port.
    pub(super) fn node(&self, port: u64) -> NodeId {
        self.processes[&port].handle.identity().expect("a member").node
    }

    /// The port of the leader.
    pub(super) async fn leader(&self) -> u64 {
        let handle = self.processes.values().next().expect("a process").handle.clone();
        let status = self.run(handle.status()).await.expect("a status");
        let leader = status.leader.expect("a leader");
        u64::from(status.members[&leader].member.port) + 2
    }

    pub(super) fn phase(&self, port: u64) -> Phase {
        self.processes[&port].handle.phases().borrow().clone()
    }

    /// No partition is served by two, whether they run or are frozen.
    fn check_single(&self) {
        let mut served = vec![None; usize::from(PARTITIONS)];
        for (port, process) in &self.processes {
            for partition in process.plane.serving() {
                let other = served[partition.index()].replace(*port);
                assert_eq!(other, None, "{port} serves {partition} as well");
            }
        }
    }
}

impl Process {
    fn summary(&self) -> String {
        let state = self.handle.states().borrow().clone();
        let members: Vec<_> =
            state.topology.members.iter().map(|(id, it)| (id.0, it.port, it.state)).collect();
        let owners = state.topology.rows.iter().filter(|row| row.owner.is_some()).count();
        format!(
            "{:?} {:?} {:?} formed {} {members:?} owned {owners} serving {}",
            *self.handle.phases().borrow(),
            self.handle.identity(),
            state.topology.epoch,
            state.formed,
            self.plane.serving().len()
        )
    }
}

/// The machine's paused clock, at another rate and from another moment.
#[derive(Debug)]
pub(super) struct TestClock {
    began: Instant,
    fast_ppm: i64,
    from_ns: u64,
}

impl Clock for TestClock {
    fn now(&self) -> Millis {
        Millis(self.monotonic_ns() / 1_000_000)
    }

    fn monotonic_ns(&self) -> u64 {
        let real_ns = self.began.elapsed().as_nanos() as i128;
        self.from_ns + (real_ns * i128::from(1_000_000 + self.fast_ppm) / 1_000_000) as u64
    }
}

/// Serves and copies nothing, by the rules.
pub(super) struct TestPlane {
    state: Mutex<Held>,
    clock: Arc<TestClock>,
    pub(super) handle: OnceLock<Handle>,
    own: Weak<Self>,
}

#[derive(Default)]
struct Held {
    node: Option<NodeId>,
    topology: Option<Arc<Topology>>,
    until_ns: u64,
    lease_epoch: Epoch,
    yielding: BTreeSet<Partition>,
    /// Copies that are being filled: partition, node, the epochs that name the copy and the term.
    filling: BTreeSet<(Partition, NodeId, Epoch, Epoch)>,
    /// Partitions that it has served at some time.
    pub(super) has_served: bool,
}

impl TestPlane {
    fn new(clock: Arc<TestClock>) -> Arc<Self> {
        Arc::new_cyclic(|own| Self {
            state: Mutex::default(),
            clock,
            handle: OnceLock::new(),
            own: own.clone(),
        })
    }

    /// The partitions that it would answer for now.
    pub(super) fn serving(&self) -> Vec<Partition> {
        let held = self.state.lock();
        let Some(topology) = held.topology.as_ref().filter(|_| self.clock.monotonic_ns() < held.until_ns)
        else {
            return Vec::new();
        };
        if held.node.is_none() || topology.epoch < held.lease_epoch {
            return Vec::new();
        }
        let serves = |partition: &Partition| {
            topology.row(*partition).owner == held.node && !held.yielding.contains(partition)
        };
        Partition::all().filter(serves).collect()
    }

    /// Fills the new copies of what it owns, which takes a moment.
    fn fill(&self, topology: &Topology, held: &mut Held) {
        let mut new = Vec::new();
        for partition in Partition::all() {
            let row = topology.row(partition);
            let filling = row.copies.iter().filter(|copy| copy.state == CopyState::Filling);
            for copy in filling.filter(|_| row.owner == held.node) {
                if held.filling.insert((partition, copy.node, copy.since, row.since)) {
                    let change = RowChange::MarkInSync { node: copy.node, since: copy.since };
                    new.push(Step { partition, term: row.since, change });
                }
            }
        }
        if let (false, Some(own)) = (new.is_empty(), self.own.upgrade()) {
            tokio::task::spawn_local(async move {
                sleep(Duration::from_millis(30)).await;
                let handle = own.handle.get().expect("a handle").clone();
                while handle.propose(Change::Steps(new.clone())).await.is_err() {
                    sleep(Duration::from_millis(20)).await;
                }
            });
        }
    }

    async fn hand_over_now(&self, steps: Vec<Step>) {
        let handle = self.handle.get().expect("a handle").clone();
        let answer = handle.propose(Change::Steps(steps.clone())).await;
        // Where the outcome is not known, it stays yielding until the state says who owns it.
        let Ok(Answer::Applied { epoch, .. }) = answer else { return };
        let mut topologies = handle.topology();
        if topologies.wait_for(|topology| topology.epoch >= epoch).await.is_err() {
            return;
        }
        let mut held = self.state.lock();
        let (node, topology) = (held.node, held.topology.clone().expect("a topology"));
        for step in steps.iter().filter(|step| topology.row(step.partition).owner == node) {
            held.yielding.remove(&step.partition);
        }
    }
}

impl Plane for TestPlane {
    fn join(&self, node: NodeId, _: ClusterId) {
        self.state.lock().node = Some(node);
    }

    fn adopt(&self, topology: Arc<Topology>) {
        let mut held = self.state.lock();
        assert!(held.topology.as_ref().is_none_or(|old| old.epoch < topology.epoch));
        let node = held.node;
        held.yielding.retain(|partition| topology.row(*partition).owner == node);
        self.fill(&topology, &mut held);
        held.topology = Some(topology);
    }

    fn grant(&self, until_ns: u64, epoch: Epoch) {
        let mut held = self.state.lock();
        (held.until_ns, held.lease_epoch) = (until_ns, epoch);
        held.has_served |= until_ns > 0;
    }

    fn give_back(&self) {
        self.state.lock().until_ns = 0;
    }

    fn hand_over(&self, asked: Vec<(Partition, NodeId)>) {
        let mut held = self.state.lock();
        let Some(topology) = held.topology.clone() else { return };
        let mut steps = Vec::new();
        for (partition, to) in asked {
            let row = topology.row(partition);
            let Some(copy) = row.copy(to).filter(|copy| copy.state == CopyState::InSync) else { continue };
            if let Some(from) = row.owner.filter(|owner| Some(*owner) == held.node)
                && held.yielding.insert(partition)
            {
                let change = RowChange::HandOver { from, to, since: copy.since };
                steps.push(Step { partition, term: row.since, change });
            }
        }
        if let (false, Some(own)) = (steps.is_empty(), self.own.upgrade()) {
            tokio::task::spawn_local(async move { own.hand_over_now(steps).await });
        }
    }

    fn report(&self) -> PlaneReport {
        PlaneReport { bytes: Partition::all().map(|partition| (partition, 1_000_000)).collect() }
    }
}

/// Runs a test under paused time.
pub(super) fn paused<F: Future<Output = ()>>(test: F) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(test);
}
