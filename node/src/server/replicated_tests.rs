//! The server over real replication: three nodes of one process with a copy of everything beside its owner. The cluster's part,
//! who owns what, is played by the test.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use larder_proto::slot::Partition;
use larder_proto::topology::{
    ClusterId, CopyState, Epoch, Incarnation, Member, MemberState, NodeId, Replica, RowChange, Step, Topology,
};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

use super::cluster_tests::client::Client;
use super::cluster_tests::harness;
use super::region::{Place, ReplicatedRegion};
use super::{LocalWorker, Region, Worker};
use crate::clock::{Clock, SystemClock};
use crate::limits::LINK_PORT_OFFSET;
use crate::link::testing::{Cut, pair};
use crate::link::{Purpose, Secret, answer};
use crate::net::{Accept, Boxed, Network, Stream};
use crate::replication::ports::{LocalFuture, Proposals, ProposeError};
use crate::replication::{Replication, ReplicationParts};
use crate::store::Store;

const NODES: u64 = 3;
const LEASE: Duration = Duration::from_millis(400);

struct World {
    nodes: BTreeMap<u64, Node>,
    wires: Arc<Wires>,
    topology: Mutex<Topology>,
}

struct Node {
    worker: LocalWorker,
    replication: Replication,
    store: Arc<Store>,
}

/// The network: nodes are reached at ports that are their numbers, and two that are cut off from each other are not.
#[derive(Default)]
struct Wires {
    doors: Mutex<BTreeMap<u64, mpsc::Sender<Stream>>>,
    open: Mutex<Vec<(u64, u64, Cut)>>,
    gone: Mutex<Vec<u64>>,
}

struct From(u64, Arc<Wires>);

/// Where copies are proposed as in sync. The test applies it at once, at all nodes.
struct Council(mpsc::Sender<(Vec<Step>, oneshot::Sender<Epoch>)>);

impl World {
    /// Every partition has a copy in sync.
    async fn new() -> Rc<Self> {
        let wires = Arc::new(Wires::default());
        let topology = first_topology();
        let (propose, mut proposals) = mpsc::channel(64);
        let start = |node| (node, Node::start(node, &wires, &topology, propose.clone()));
        let nodes = (1..=NODES).map(start).collect();
        let world = Rc::new(Self { nodes, wires, topology: Mutex::new(topology) });
        let council = Rc::clone(&world);
        spawn_local(async move {
            while let Some((steps, answer)) = proposals.recv().await {
                council.mark(&steps);
                let _ = answer.send(council.topology.lock().epoch);
            }
        });
        let settled = |world: &Self| world.topology.lock().rows.iter().all(|row| row.in_sync().count() == 1);
        while !settled(&world) {
            sleep(Duration::from_millis(5)).await;
        }
        world
    }

    fn mark(&self, steps: &[Step]) {
        self.change(|topology, _| {
            for step in steps {
                let row = &mut topology.rows[step.partition.index()];
                if let RowChange::MarkInSync { node, since } = step.change
                    && row.since == step.term
                    && let Some(copy) =
                        row.copies.iter_mut().find(|copy| (copy.node, copy.since) == (node, since))
                {
                    copy.state = CopyState::InSync;
                }
            }
        });
    }

    fn client(&self, node: u64) -> Client {
        harness::connect(&self.nodes[&node].worker)
    }

    /// Cuts a node off, and gives what it owned to the copies.
    fn lose(&self, lost: u64) {
        self.wires.gone.lock().push(lost);
        self.wires.open.lock().retain(|(one, other, cut)| {
            let is_cut = *one == lost || *other == lost;
            is_cut.then(|| cut.cut());
            !is_cut
        });
        self.change(|topology, epoch| {
            topology.members.get_mut(&NodeId(lost)).unwrap().state = MemberState::Down;
            for row in &mut topology.rows {
                row.copies.retain(|copy| copy.node != NodeId(lost));
                if row.owner == Some(NodeId(lost)) {
                    row.owner = row.copies.pop().map(|copy| copy.node);
                    row.since = epoch;
                    row.copies.clear();
                }
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut Topology, Epoch)) {
        let mut topology = self.topology.lock();
        topology.epoch = Epoch(topology.epoch.0 + 1);
        let epoch = topology.epoch;
        change(&mut topology, epoch);
        let topology = Arc::new(topology.clone());
        for (number, node) in &self.nodes {
            if !self.wires.gone.lock().contains(number) {
                node.replication.adopt(Arc::clone(&topology));
            }
        }
    }

    fn owner(&self, key: &str) -> u64 {
        self.topology.lock().row(Partition::of(key.as_bytes())).owner.unwrap().0
    }
}

impl Node {
    fn start(
        node: u64,
        wires: &Arc<Wires>,
        topology: &Topology,
        propose: mpsc::Sender<(Vec<Step>, oneshot::Sender<Epoch>)>,
    ) -> Self {
        let store = Arc::new(Store::new(&harness::SETTINGS).unwrap());
        let network: Arc<dyn Network> = Arc::new(From(node, Arc::clone(wires)));
        let replication = Replication::new(ReplicationParts {
            store: Arc::clone(&store),
            clock: Arc::new(SystemClock::default()) as Arc<dyn Clock>,
            network: Arc::clone(&network),
            secret: Secret::new("s"),
            region: "r".to_owned(),
            incarnation: Incarnation(node),
            proposals: Arc::new(Council(propose)),
            lease: LEASE,
            seed: node,
        });
        replication.join(NodeId(node), topology.cluster);
        replication.adopt(Arc::new(topology.clone()));
        spawn_local(renew(node, replication.clone(), Arc::clone(wires)));
        let region: Arc<dyn Region> = Arc::new(ReplicatedRegion {
            replication: replication.clone(),
            network,
            secret: Secret::new("s"),
            random: Mutex::new(Rng::with_seed(node)),
        });
        let shared = harness::shared(Arc::clone(&store), region);
        let worker = Worker { number: 0, shared, seed: node }.local();
        let running = worker.clone();
        spawn_local(async move { running.run().await });
        spawn_local(replication.run());
        let (door, knocks) = mpsc::channel(64);
        wires.doors.lock().insert(node, door);
        spawn_local(accept(knocks, replication.clone(), worker.clone()));
        Self { worker, replication, store }
    }
}

/// Renews the lease of a node until it is gone.
async fn renew(node: u64, replication: Replication, wires: Arc<Wires>) {
    let clock = SystemClock::default();
    while !wires.gone.lock().contains(&node) {
        replication.grant(clock.monotonic_ns() + LEASE.as_nanos() as u64, Epoch(0));
        sleep(LEASE / 4).await;
    }
}

async fn accept(mut knocks: mpsc::Receiver<Stream>, replication: Replication, worker: LocalWorker) {
    while let Some(stream) = knocks.recv().await {
        let (replication, worker) = (replication.clone(), worker.clone());
        spawn_local(async move {
            let mut random = Rng::with_seed(1);
            let own = replication.clone();
            let own = move |theirs: &crate::link::Introduction| own.introduction(theirs.purpose);
            let Ok((link, theirs)) = answer(stream, &Secret::new("s"), own, &mut random).await else {
                return;
            };
            match theirs.purpose {
                Purpose::Requests => worker.serve_node(link).await,
                Purpose::Stream => replication.receive(link, theirs).await,
                Purpose::Control => {}
            }
        });
    }
}

impl Network for From {
    fn resolve<'a>(&'a self, _: &'a str, port: u16) -> Boxed<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(vec![SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)]) })
    }

    fn connect(&self, address: SocketAddr) -> Boxed<'_, io::Result<Stream>> {
        Box::pin(async move {
            let to = u64::from(address.port() - LINK_PORT_OFFSET);
            let gone = self.1.gone.lock().iter().any(|gone| *gone == to || *gone == self.0);
            let door = self.1.doors.lock().get(&to).cloned().filter(|_| !gone);
            let door = door.ok_or(io::ErrorKind::ConnectionRefused)?;
            let (ours, theirs, cut) = pair(1 << 16);
            self.1.open.lock().push((self.0, to, cut));
            door.try_send(theirs).map_err(|_| io::ErrorKind::ConnectionRefused)?;
            Ok(ours)
        })
    }

    fn listen(&self, _: SocketAddr) -> io::Result<Box<dyn Accept>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Proposals for Council {
    fn propose(&self, steps: Vec<Step>) -> LocalFuture<'_, Result<Epoch, ProposeError>> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            self.0.send((steps, answer)).await.map_err(|_| ProposeError::NotProposed)?;
            answered.await.map_err(|_| ProposeError::Unknown)
        })
    }
}

/// Every node owns a third, and begins to be a copy of another.
fn first_topology() -> Topology {
    let mut topology = Topology::new(ClusterId(7), 1);
    topology.epoch = Epoch(1);
    for node in 1..=NODES {
        let member = Member {
            host: "node".to_owned(),
            port: node as u16,
            zone: String::new(),
            incarnation: Incarnation(node),
            state: MemberState::Up,
            version: 1,
        };
        topology.members.insert(NodeId(node), member);
    }
    for (number, row) in topology.rows.iter_mut().enumerate() {
        let owner = number as u64 % NODES + 1;
        row.owner = Some(NodeId(owner));
        row.since = Epoch(1);
        let node = NodeId(owner % NODES + 1);
        row.copies = vec![Replica { node, state: CopyState::Filling, since: Epoch(1) }];
    }
    topology
}

fn run<F: Future<Output = ()>>(test: impl FnOnce(Rc<World>) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        timeout(Duration::from_secs(30), async { test(World::new().await).await }).await.expect("in time");
    });
}

#[test]
fn what_is_acknowledged_is_at_owner_and_copy() {
    run(|world| async move {
        let mut client = world.client(1);
        let (mut asked, mut expected) = (String::new(), String::new());
        for number in 0..200 {
            asked += &format!("set k{number} {number}\r\nincr k{number}\r\n");
            expected += &format!("+OK|:{}|", number + 1);
        }
        client.send(&asked).await;
        client.read_all(&expected).await;
        let contents = |node: u64| world.nodes[&node].store.contents(SystemClock::default().now());
        let held: usize = (1..=NODES).map(|node| contents(node).len()).sum();
        assert_eq!(held, 400, "each key at two nodes");
        client.expect("dbsize", ":200|").await;
    });
}

#[test]
fn requests_go_on_where_the_copies_are_and_no_write_is_lost_or_doubled() {
    run(|world| async move {
        let mut client = world.client(1);
        let keys: Vec<String> = (0..30).map(|number| format!("k{number}")).collect();
        assert!(keys.iter().any(|key| world.owner(key) == 2));
        let rounds = 60;
        let mut expected = String::new();
        for round in 1..=rounds {
            let asked: String = keys.iter().map(|key| format!("incr {key}\r\n")).collect();
            expected += &format!(":{round}|").repeat(keys.len());
            client.send(&asked).await;
            if round == rounds / 2 {
                // Some of them are carried out and not answered when their owner is lost.
                poll_fn(|cx| {
                    cx.waker().wake_by_ref();
                    std::task::Poll::Ready(())
                })
                .await;
                tokio::task::yield_now().await;
                world.lose(2);
            }
        }
        client.read_all(&expected).await;
        for key in &keys {
            client.expect(&format!("get {key}"), "$2|60|").await;
        }
        assert!(keys.iter().all(|key| world.owner(key) != 2));
    });
}

#[test]
fn a_node_without_a_lease_answers_nothing_of_its_own() {
    run(|world| async move {
        let key = (0..).map(|number| format!("k{number}")).find(|key| world.owner(key) == 1).unwrap();
        let mut client = world.client(1);
        client.expect(&format!("incr {key}"), ":1|").await;
        world.lose(1);
        while world.nodes[&1].replication.holds_lease() {
            sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(world.nodes[&1].replication.place(Partition::of(key.as_bytes())), Place::Here);
        client.send(&format!("get {key}\r\n")).await;
        client.expect_silence().await;
        let mut other = world.client(3);
        other.expect(&format!("incr {key}"), ":2|").await;
    });
}
