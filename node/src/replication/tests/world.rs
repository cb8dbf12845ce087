//! Some nodes in one process for the tests of replication: their stores and streams are the real ones, the network lies in
//! memory, and the cluster's part is played by hand: topologies reach each node late and with gaps, proposals are answered
//! late, not at all, or although they were never answered.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use larder_proto::slot::Partition;
use larder_proto::time::Millis;
use larder_proto::topology::{
    ClusterId, CopyState, Epoch, Incarnation, Member, MemberState, NodeId, Replica, Row, RowChange, Step,
    Topology,
};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet, spawn_local};
use tokio::time::{Instant, sleep};

use crate::clock::Clock;
use crate::commands::ports::{Custody, Entry, Left, Ticket, WriteId};
use crate::link::testing::{Cut, pair};
use crate::link::{Secret, answer};
use crate::net::{Accept, Boxed, Network, Stream};
use crate::replication::ports::{LocalFuture, Place, Proposals, ProposeError, Settled};
use crate::replication::{Recorder, Replication, ReplicationParts};
use crate::store::{
    Access, CollectionLimits, Database, Eviction, HashLimits, Keyspace, ListLimits, PartitionSet, SetLimits,
    SortedSetLimits, Store, StoreSettings, Writer,
};

pub(super) const CLUSTER: ClusterId = ClusterId(7);

const LEASE: Duration = Duration::from_millis(500);

/// All nodes, and what connects them.
pub(super) struct World {
    pub(super) nodes: Vec<Node>,
    pub(super) control: Arc<Control>,
    pub(super) wires: Arc<Wires>,
}

/// One node.
pub(super) struct Node {
    pub(super) id: NodeId,
    pub(super) store: Arc<Store>,
    pub(super) replication: Replication,
    pub(super) recorder: Recorder,
    pub(super) clock: Arc<TestClock>,
    tasks: Vec<JoinHandle<()>>,
    /// Takes over topologies as they change.
    follows: JoinHandle<()>,
}

impl World {
    /// So many nodes, numbered from 1 on, of which the first owns everything. They hold leases for ever.
    pub(super) fn new(nodes: u64, seed: u64) -> Self {
        let control = Control::new(nodes, seed);
        let wires = Arc::new(Wires::new(seed));
        let mut world = Self { nodes: Vec::new(), control, wires };
        for number in 1..=nodes {
            let node = world.start(NodeId(number), Incarnation(number), seed + number);
            node.replication.grant(u64::MAX, Epoch(0));
            world.nodes.push(node);
        }
        world
    }

    /// Starts a node with nothing in its memory.
    pub(super) fn start(&self, id: NodeId, incarnation: Incarnation, seed: u64) -> Node {
        let store = Arc::new(Store::new(&settings()).unwrap());
        let clock = Arc::new(TestClock { began: Instant::now(), ahead_ms: AtomicU64::new(0) });
        let replication = Replication::new(ReplicationParts {
            store: Arc::clone(&store),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            network: Arc::new(From { node: id, wires: Arc::clone(&self.wires) }),
            secret: Secret::new("s"),
            region: "west".into(),
            incarnation,
            proposals: Arc::clone(&self.control) as Arc<dyn Proposals>,
            lease: LEASE,
            seed,
        });
        replication.join(id, CLUSTER);
        let tasks = vec![
            spawn_local(replication.run()),
            spawn_local(accept(self.wires.listen(id), replication.clone(), seed)),
        ];
        let follows = spawn_local(follow(Arc::clone(&self.control), replication.clone(), seed));
        let recorder = replication.custody();
        Node { id, store, replication, recorder, clock, tasks, follows }
    }

    pub(super) fn node(&mut self, id: NodeId) -> &mut Node {
        self.nodes.iter_mut().find(|node| node.id == id).unwrap()
    }

    /// A node hears of topologies no more unless they are announced to it, as the program does.
    pub(super) fn stop_following(&mut self, id: NodeId) {
        self.node(id).follows.abort();
    }

    /// Ends a node at once, and starts it again with an empty memory. The cluster calls it down.
    pub(super) fn restart(&mut self, id: NodeId, seed: u64) {
        let at = self.nodes.iter().position(|node| node.id == id).unwrap();
        self.nodes[at].tasks.iter().for_each(JoinHandle::abort);
        self.nodes[at].follows.abort();
        self.wires.cut(|one, other| one == id || other == id);
        let incarnation = self.control.call_down(id);
        let node = self.start(id, incarnation, seed);
        node.replication.grant(u64::MAX, self.control.topology().epoch);
        self.nodes[at] = node;
    }

    /// Waits until every node has adopted the newest topology, and every copy is in sync.
    pub(super) async fn heal(&self, copies: usize) {
        let healed = || {
            let topology = self.control.topology();
            let adopted = |node: &Node| {
                node.replication.topology().is_some_and(|adopted| adopted.epoch == topology.epoch)
            };
            topology.rows.iter().all(|row| row.in_sync().count() == copies && row.copies.len() == copies)
                && self.nodes.iter().all(adopted)
        };
        let began = Instant::now();
        while !healed() {
            assert!(began.elapsed() < Duration::from_secs(120), "does not heal: {}", self.describe());
            self.control.add_copies(copies);
            sleep(Duration::from_millis(20)).await;
        }
    }

    fn describe(&self) -> String {
        let topology = self.control.topology();
        let open = topology.rows.iter().filter(|row| row.in_sync().next().is_none()).count();
        let first = topology.rows.iter().find(|row| row.in_sync().next().is_none());
        let reports: Vec<_> = self.nodes.iter().map(|node| node.replication.report().streams).collect();
        format!("{open} rows without a copy in sync, {first:?}, epoch {:?}, {reports:?}", topology.epoch)
    }

    /// Whether owner and copies of each partition hold the same.
    pub(super) fn assert_equal_stores(&self) {
        let topology = self.control.topology();
        let contents: BTreeMap<NodeId, _> =
            self.nodes.iter().map(|node| (node.id, node.store.contents(node.clock.now()))).collect();
        for (owner, items) in &contents {
            let row = |key: &[u8]| topology.row(Partition::of(key));
            for ((database, key), item) in items {
                let row = row(key);
                let is_held = row.owner == Some(*owner) || row.copy(*owner).is_some();
                assert!(is_held, "node {owner:?} holds {key:?} of a partition that is not its own");
                for holder in row.copies.iter().map(|copy| copy.node).chain(row.owner) {
                    let other = contents[&holder].get(&(*database, key.clone()));
                    assert_eq!(other, Some(item), "{key:?} at {holder:?} and {owner:?}");
                }
            }
        }
    }
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tried {
    /// It was carried out, now or before: this is its reply, and what it waits for.
    Done(Vec<u8>, Ticket),
    /// Its reply is not known, and may never be.
    Unknown,
    /// It was not carried out.
    NotHere,
    /// The lease was over.
    Over,
    /// The lease was over, and the request had run long.
    TooLong,
}

impl Node {
    /// Carries out one write on one key.
    pub(super) fn write(
        &mut self,
        key: &[u8],
        id: Option<WriteId>,
        act: impl FnOnce(&mut Writer<'_, '_>) -> Vec<u8>,
    ) -> Tried {
        let partitions = PartitionSet::of(key);
        let mut keyspace = self.store.lock(&partitions, Access::Write, Database::default(), self.clock.now());
        self.recorder.begin(id);
        let reply = match self.recorder.enter(partitions.as_slice(), Access::Write) {
            Entry::Go => Bytes::from(act(&mut Writer::new(&mut keyspace, &mut self.recorder))),
            Entry::Remembered(reply) => reply,
            Entry::Unknown => return Tried::Unknown,
            Entry::Elsewhere | Entry::Wait => return Tried::NotHere,
        };
        let left = self.recorder.leave(partitions.as_slice(), &reply);
        drop(keyspace);
        self.recorder.end_turn();
        tried(left, reply.to_vec())
    }

    /// Carries out one read on one key.
    pub(super) fn read(&mut self, key: &[u8], act: impl FnOnce(&Keyspace<'_>) -> Vec<u8>) -> Tried {
        let partitions = PartitionSet::of(key);
        let keyspace = self.store.lock(&partitions, Access::Read, Database::default(), self.clock.now());
        self.recorder.begin(None);
        match self.recorder.enter(partitions.as_slice(), Access::Read) {
            Entry::Go => {}
            Entry::Unknown | Entry::Remembered(_) => panic!("a read has no number"),
            Entry::Elsewhere | Entry::Wait => return Tried::NotHere,
        }
        let reply = act(&keyspace);
        tried(self.recorder.leave(partitions.as_slice(), &reply), reply)
    }

    pub(super) fn serves(&self, key: &[u8]) -> bool {
        self.replication.place(Partition::of(key)) == Place::Here
    }
}

fn tried(left: Left, reply: Vec<u8>) -> Tried {
    match left {
        Left::Free => Tried::Done(reply, Ticket::default()),
        Left::After(ticket) => Tried::Done(reply, ticket),
        Left::Over(_) => Tried::Over,
        Left::TooLong => Tried::TooLong,
    }
}

/// Waits until a ticket is settled; whether the reply may leave.
pub(super) async fn settled(replication: &Replication, worker: usize, ticket: &Ticket) -> bool {
    std::future::poll_fn(|cx| {
        replication.watch(worker, cx.waker());
        match replication.settled(&ticket.0) {
            Settled::No => std::task::Poll::Pending,
            settled => std::task::Poll::Ready(settled == Settled::Yes),
        }
    })
    .await
}

/// Time that the test's runtime keeps.
pub(super) struct TestClock {
    began: Instant,
    /// By how much the time of day was put on.
    pub(super) ahead_ms: AtomicU64,
}

impl Clock for TestClock {
    fn now(&self) -> Millis {
        Millis(1_000_000_000 + self.ahead_ms.load(Ordering::Relaxed))
    }

    fn monotonic_ns(&self) -> u64 {
        1 + self.began.elapsed().as_nanos() as u64
    }
}

/// The cluster's part.
pub(super) struct Control {
    topology: watch::Sender<Arc<Topology>>,
    random: Mutex<Rng>,
    /// Of a hundred proposals, so many are answered with an error, whatever becomes of them.
    pub(super) unsure: AtomicU32,
    /// Milliseconds that a topology takes to reach a node, at most.
    pub(super) delay_ms: AtomicU32,
    /// Whether nothing is proposed at all.
    pub(super) is_silent: AtomicBool,
    pub(super) proposed: Mutex<Vec<Step>>,
}

impl Control {
    fn new(nodes: u64, seed: u64) -> Arc<Self> {
        let mut topology = Topology::new(CLUSTER, 1);
        for number in 1..=nodes {
            topology.members.insert(NodeId(number), member(number));
        }
        topology.epoch = Epoch(1);
        for row in &mut topology.rows {
            *row = Row { owner: Some(NodeId(1)), since: Epoch(1), emptied: Epoch(1), copies: Vec::new() };
        }
        Arc::new(Self {
            topology: watch::Sender::new(Arc::new(topology)),
            random: Mutex::new(Rng::with_seed(seed)),
            unsure: AtomicU32::new(0),
            delay_ms: AtomicU32::new(0),
            is_silent: AtomicBool::new(false),
            proposed: Mutex::default(),
        })
    }

    pub(super) fn topology(&self) -> Arc<Topology> {
        self.topology.borrow().clone()
    }

    /// Changes the topology under a new epoch.
    pub(super) fn change(&self, change: impl FnOnce(&mut Topology, Epoch)) -> Epoch {
        let mut topology = Topology::clone(&self.topology());
        let epoch = Epoch(topology.epoch.0 + 1);
        change(&mut topology, epoch);
        topology.epoch = epoch;
        self.topology.send_replace(Arc::new(topology));
        epoch
    }

    pub(super) fn steps(&self, steps: &[Step]) -> Epoch {
        self.change(|topology, epoch| steps.iter().for_each(|step| take(topology, step, epoch)))
    }

    /// Adds copies where there are too few, at the nodes that come next in number.
    pub(super) fn add_copies(&self, copies: usize) {
        let topology = self.topology();
        let nodes: Vec<NodeId> = topology.members.keys().copied().collect();
        let mut steps = Vec::new();
        for partition in Partition::all() {
            let row = topology.row(partition);
            let free = |node: &&NodeId| row.owner != Some(**node) && row.copy(**node).is_none();
            let first = partition.index() % nodes.len();
            let nodes = nodes[first..].iter().chain(&nodes[..first]);
            let missing = copies.saturating_sub(row.copies.len());
            steps.extend(nodes.filter(free).take(missing).map(|&node| Step {
                partition,
                term: row.since,
                change: RowChange::AddCopy { node },
            }));
        }
        if !steps.is_empty() {
            self.steps(&steps);
        }
    }

    /// A node has died: what it owned goes to copies in sync, or starts empty. Its next incarnation.
    fn call_down(&self, node: NodeId) -> Incarnation {
        let mut next = Incarnation(0);
        self.change(|topology, epoch| {
            let member = topology.members.get_mut(&node).unwrap();
            member.incarnation.0 += 100;
            next = member.incarnation;
            let heir = *topology.members.keys().find(|other| **other != node).unwrap();
            for row in &mut topology.rows {
                row.copies.retain(|copy| copy.node != node);
                if row.owner != Some(node) {
                    continue;
                }
                let in_sync = row.in_sync().next();
                let owner = in_sync.unwrap_or(heir);
                let emptied = if in_sync.is_some() { row.emptied } else { epoch };
                let copy = |copy: &Replica| Replica { state: CopyState::Filling, since: epoch, ..*copy };
                let copies = row.copies.iter().filter(|copy| copy.node != owner).map(copy).collect();
                topology.lost += u64::from(in_sync.is_none());
                *row = Row { owner: Some(owner), since: epoch, emptied, copies };
            }
        });
        next
    }
}

impl Proposals for Control {
    fn propose(&self, steps: Vec<Step>) -> LocalFuture<'_, Result<Epoch, ProposeError>> {
        Box::pin(async move {
            let delay_ms = self.delay_ms.load(Ordering::Relaxed);
            let (pause_ms, chance) = {
                let mut random = self.random.lock();
                (random.u32(..=delay_ms), random.u32(..100))
            };
            sleep(Duration::from_millis(pause_ms.into())).await;
            self.proposed.lock().extend(&steps);
            if self.is_silent.load(Ordering::Relaxed) {
                return Err(ProposeError::NotProposed);
            }
            let unsure = self.unsure.load(Ordering::Relaxed);
            if chance < unsure / 3 {
                return Err(ProposeError::NotProposed);
            }
            if chance < unsure * 2 / 3 {
                self.steps(&steps);
            }
            if chance < unsure {
                return Err(ProposeError::Unknown);
            }
            Ok(self.steps(&steps))
        })
    }
}

/// Brings topologies to a node: late, and not each of them.
async fn follow(control: Arc<Control>, replication: Replication, seed: u64) {
    let mut topologies = control.topology.subscribe();
    topologies.mark_changed();
    let mut random = Rng::with_seed(seed);
    while topologies.changed().await.is_ok() {
        sleep(Duration::from_millis(random.u32(..=control.delay_ms.load(Ordering::Relaxed)).into())).await;
        let topology = topologies.borrow_and_update().clone();
        replication.adopt(topology);
    }
}

/// A step as the replicated state takes it.
fn take(topology: &mut Topology, step: &Step, epoch: Epoch) {
    let row = &mut topology.rows[step.partition.index()];
    if row.since != step.term {
        return;
    }
    match step.change {
        RowChange::AddCopy { node } => {
            if row.owner != Some(node) && row.copy(node).is_none() {
                row.copies.push(Replica { node, state: CopyState::Filling, since: epoch });
                row.copies.sort_by_key(|copy| copy.node);
            }
        }
        RowChange::MarkInSync { node, since } => {
            let copies = row.copies.iter_mut().filter(|copy| copy.node == node && copy.since == since);
            copies.for_each(|copy| copy.state = CopyState::InSync);
        }
        RowChange::HandOver { from, to, since } => {
            let fits = |copy: &Replica| copy.state == CopyState::InSync && copy.since == since;
            if row.owner == Some(from) && row.copy(to).is_some_and(fits) {
                row.copies.retain(|copy| copy.node != to);
                for copy in row.copies.iter_mut().filter(|copy| copy.state == CopyState::Filling) {
                    copy.since = epoch;
                }
                row.copies.push(Replica { node: from, state: CopyState::InSync, since: epoch });
                row.copies.sort_by_key(|copy| copy.node);
                (row.owner, row.since) = (Some(to), epoch);
            }
        }
        RowChange::DropCopy { node, since } => {
            row.copies.retain(|copy| copy.node != node || copy.since != since);
        }
        RowChange::TakeOver { .. } => panic!("only the leader proposes that"),
    }
}

/// Connections between nodes.
pub(super) struct Wires {
    listening: Mutex<BTreeMap<NodeId, mpsc::Sender<Stream>>>,
    open: Mutex<Vec<(NodeId, NodeId, Cut)>>,
    closed: Mutex<Vec<(NodeId, NodeId)>>,
    random: Mutex<Rng>,
    pub(super) bytes_max: AtomicU32,
}

impl Wires {
    fn new(seed: u64) -> Self {
        Self {
            listening: Mutex::default(),
            open: Mutex::default(),
            closed: Mutex::default(),
            random: Mutex::new(Rng::with_seed(seed)),
            bytes_max: AtomicU32::new(0),
        }
    }

    fn listen(&self, node: NodeId) -> mpsc::Receiver<Stream> {
        let (sender, receiver) = mpsc::channel(16);
        self.listening.lock().insert(node, sender);
        receiver
    }

    /// Cuts the connections between some nodes: opened by the first, to the second.
    pub(super) fn cut(&self, mut which: impl FnMut(NodeId, NodeId) -> bool) {
        self.open.lock().retain(|(from, to, cut)| {
            let is_cut = which(*from, *to);
            if is_cut {
                cut.cut();
            }
            !is_cut
        });
    }

    /// Lets nothing through between two nodes, or everything again.
    pub(super) fn close(&self, one: NodeId, other: NodeId, is_closed: bool) {
        let pairs = [(one, other), (other, one)];
        let mut closed = self.closed.lock();
        closed.retain(|pair| !pairs.contains(pair));
        if is_closed {
            closed.extend(pairs);
            drop(closed);
            self.cut(|from, to| pairs.contains(&(from, to)));
        }
    }

    fn connect(&self, from: NodeId, to: NodeId) -> io::Result<Stream> {
        if self.closed.lock().contains(&(from, to)) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let bytes_max = match self.bytes_max.load(Ordering::Relaxed) {
            0 => self.random.lock().usize(50..20_000),
            bytes_max => bytes_max as usize,
        };
        let (ours, theirs, cut) = pair(bytes_max);
        let listening = self.listening.lock().get(&to).cloned().ok_or(io::ErrorKind::ConnectionRefused)?;
        listening.try_send(theirs).map_err(|_| io::ErrorKind::ConnectionRefused)?;
        self.open.lock().push((from, to, cut));
        Ok(ours)
    }
}

/// The network as one node has it.
struct From {
    node: NodeId,
    wires: Arc<Wires>,
}

impl Network for From {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Boxed<'a, io::Result<Vec<SocketAddr>>> {
        let number = host.strip_prefix("node-").and_then(|number| number.parse().ok()).unwrap_or(0);
        assert_eq!(port, 1_002, "the third of the block of ports");
        Box::pin(async move { Ok(vec![SocketAddr::from((Ipv4Addr::new(10, 0, 0, number), port))]) })
    }

    fn connect(&self, address: SocketAddr) -> Boxed<'_, io::Result<Stream>> {
        let SocketAddr::V4(address) = address else { panic!("an address of this network") };
        let to = NodeId(address.ip().octets()[3].into());
        Box::pin(async move { self.wires.connect(self.node, to) })
    }

    fn listen(&self, _: SocketAddr) -> io::Result<Box<dyn Accept>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Takes up the streams that other nodes open.
async fn accept(mut incoming: mpsc::Receiver<Stream>, replication: Replication, seed: u64) {
    let mut tasks = JoinSet::new();
    let mut random = Rng::with_seed(seed);
    while let Some(stream) = incoming.recv().await {
        let (replication, mut random) = (replication.clone(), random.fork());
        tasks.spawn_local(async move {
            let own = |theirs: &crate::link::Introduction| replication.introduction(theirs.purpose);
            if let Ok((link, theirs)) = answer(stream, &Secret::new("s"), own, &mut random).await {
                replication.receive(link, theirs).await;
            }
        });
    }
}

fn settings() -> StoreSettings {
    StoreSettings {
        memory_bytes_max: 64 << 20,
        eviction: Eviction::named("none").or_else(|| Eviction::named("noeviction")).unwrap(),
        collection_limits: CollectionLimits {
            hash: HashLimits { entries_max: 512, value_bytes_max: 64 },
            list: ListLimits { bytes_max: 8 << 10, entries_max: 128 },
            set: SetLimits { integers_max: 512, entries_max: 128, value_bytes_max: 64 },
            sorted_set: SortedSetLimits { entries_max: 128, member_bytes_max: 64 },
        },
        hash_seed: Some(11),
    }
}

/// The first run of a node.
pub(super) fn member(number: u64) -> Member {
    Member {
        host: format!("node-{number}"),
        port: 1_000,
        zone: String::new(),
        incarnation: Incarnation(number),
        state: MemberState::Up,
        version: 1,
    }
}
