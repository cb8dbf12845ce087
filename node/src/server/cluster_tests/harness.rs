//! The nodes of the tests, and their clients.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use larder_proto::effect::{Effect, EffectSink, Stamp};
use larder_proto::slot::{PARTITIONS, Partition};
use larder_proto::time::Millis;
use larder_proto::topology::{ClusterId, Epoch, Incarnation, Member, MemberState, NodeId, Topology};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::super::caches::{ExternalCaches, LoneBook};
use super::super::logins::Logins;
use super::super::region::{Place, Region, Settled};
use super::super::{
    Facts, Leave, Leaving, Live, LocalWorker, Membership, NodeStatistics, OneNode, Shared, SharedParts,
    Tunables, Worker,
};
use super::client::Client;
use crate::clock::SystemClock;
use crate::commands;
use crate::commands::cluster::{ClusterView, Endpoint, LinkInfo};
use crate::commands::ports::{Custody, Entry, Left, Mark, Settings, Ticket, WriteId};
use crate::link::testing::{Cut, pair};
use crate::link::{Introduction, Link, LinkError, Purpose, Secret, VERSIONS, answer, call};
use crate::net::{Boxed, Stream};
use crate::store::{
    Access, CollectionLimits, Eviction, HashLimits, ListLimits, SetLimits, SortedSetLimits, Store,
    StoreSettings,
};

/// Nodes of a cluster, numbered from 1.
pub(in crate::server) const NODES: u64 = 3;

/// Runs a test with a cluster.
pub(in crate::server) fn run<F: Future<Output = ()>>(test: impl FnOnce(Rc<Cluster>) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    LocalSet::new().block_on(&runtime, async move {
        let cluster = Rc::new(Cluster::new());
        timeout(Duration::from_secs(20), test(cluster)).await.expect("in time");
    });
}

/// Some nodes.
pub(in crate::server) struct Cluster {
    nodes: Vec<Node>,
    world: Arc<World>,
}

struct Node {
    worker: LocalWorker,
    shared: Arc<Shared>,
    tunables: Arc<Tunables>,
    region: Arc<Stub>,
}

/// What all nodes know.
#[derive(Default)]
struct World {
    remembered: Mutex<BTreeMap<(u64, u64), Bytes>>,
    effects: AtomicU64,
    position: AtomicU64,
    acknowledged: AtomicU64,
    links: Mutex<Vec<Cut>>,
    opened: AtomicUsize,
    doors: Mutex<BTreeMap<NodeId, mpsc::Sender<Stream>>>,
    /// Nodes that nobody reaches.
    closed: Mutex<Vec<NodeId>>,
    wakers: Mutex<BTreeMap<u64, Waker>>,
    frames: AtomicU64,
}

/// The region as one node sees it.
struct Stub {
    own: NodeId,
    owners: Mutex<Vec<Option<u64>>>,
    /// What has moved lately.
    moved: Mutex<Vec<Partition>>,
    /// Who owns this partition once it was looked up the next time.
    then: Mutex<Option<(Partition, u64)>>,
    is_over: AtomicBool,
    version: AtomicU64,
    world: Arc<World>,
}

struct StubCustody {
    region: Arc<Stub>,
    id: Option<WriteId>,
    effects: u64,
}

impl Cluster {
    fn new() -> Self {
        let world = Arc::new(World::default());
        world.acknowledged.store(u64::MAX, Ordering::Relaxed);
        let store = Arc::new(Store::new(&SETTINGS).unwrap());
        let nodes = (1..=NODES).map(|node| Node::start(node, &world, &store)).collect();
        Self { nodes, world }
    }

    pub(in crate::server) fn owner(&self, key: &str) -> Option<u64> {
        self.nodes[0].region.owners.lock()[Partition::of(key.as_bytes()).index()]
    }

    pub(in crate::server) fn give(&self, key: &str, to: Option<u64>) {
        (1..=NODES).for_each(|node| self.give_as_seen_by(node, key, to));
    }

    pub(in crate::server) fn give_as_seen_by(&self, node: u64, key: &str, to: Option<u64>) {
        let region = &self.nodes[node as usize - 1].region;
        region.version.fetch_add(2, Ordering::Relaxed);
        region.owners.lock()[Partition::of(key.as_bytes()).index()] = to;
        region.moved.lock().push(Partition::of(key.as_bytes()));
        self.world.wake();
    }

    /// This node learns of another owner right after it has looked for the key the next time.
    pub(in crate::server) fn give_after_lookup(&self, node: u64, key: &str, to: u64) {
        *self.nodes[node as usize - 1].region.then.lock() = Some((Partition::of(key.as_bytes()), to));
    }

    /// Whether it has.
    pub(in crate::server) fn was_given(&self, node: u64) -> bool {
        self.nodes[node as usize - 1].region.then.lock().is_none()
    }

    pub(in crate::server) fn hold_acknowledgements(&self, hold: bool) {
        let upto = if hold { self.world.position.load(Ordering::Relaxed) } else { u64::MAX };
        self.world.acknowledged.store(upto, Ordering::Relaxed);
        self.world.wake();
    }

    pub(in crate::server) fn end_lease(&self, node: u64, over: bool) {
        self.nodes[node as usize - 1].region.is_over.store(over, Ordering::Relaxed);
        self.world.wake();
    }

    pub(in crate::server) fn effects(&self) -> u64 {
        self.world.effects.load(Ordering::Relaxed)
    }

    pub(in crate::server) fn forwarded(&self) -> u64 {
        self.world.frames.load(Ordering::Relaxed)
    }

    pub(in crate::server) fn cut_links(&self) {
        self.world.links.lock().drain(..).for_each(|link| link.cut());
    }

    pub(in crate::server) fn set_patience(&self, patience: Duration) {
        for node in &self.nodes {
            node.tunables.retry_ms_max.store(patience.as_millis() as u64, Ordering::Relaxed);
        }
    }

    /// Bytes of memory that buffers take.
    pub(in crate::server) fn buffers(&self) -> usize {
        self.nodes[0].shared.store.memory().buffers()
    }

    pub(in crate::server) fn clients(&self, node: u64) -> usize {
        self.nodes[node as usize - 1].shared.registry.len()
    }

    /// Waits until this is so.
    pub(in crate::server) async fn until(&self, done: impl Fn() -> bool) {
        let waited = timeout(Duration::from_secs(5), async {
            while !done() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        waited.await.expect("so in the end");
    }

    pub(in crate::server) async fn client(&self, node: u64) -> Client {
        connect(&self.nodes[node as usize - 1].worker)
    }

    /// A client that knows the cluster.
    pub(in crate::server) async fn cluster_client(&self, node: u64) -> Client {
        connect_at(&self.nodes[node as usize - 1].worker, Endpoint::Cluster)
    }

    /// All nodes know by now what has moved.
    pub(in crate::server) fn let_moves_be_known(&self) {
        self.nodes.iter().for_each(|node| node.region.moved.lock().clear());
    }

    /// Nobody reaches this node, or everybody again.
    pub(in crate::server) fn close_door(&self, node: u64, closed: bool) {
        self.world.closed.lock().retain(|door| *door != NodeId(node));
        if closed {
            self.world.closed.lock().push(NodeId(node));
            self.cut_links();
        }
    }
}

impl Node {
    fn start(node: u64, world: &Arc<World>, store: &Arc<Store>) -> Self {
        let owners = Partition::all().map(|partition| Some(partition.index() as u64 % NODES + 1)).collect();
        let region = Arc::new(Stub {
            own: NodeId(node),
            owners: Mutex::new(owners),
            moved: Mutex::default(),
            then: Mutex::default(),
            is_over: AtomicBool::new(false),
            version: AtomicU64::new(2),
            world: Arc::clone(world),
        });
        let tunables = Arc::new(tunables());
        let handed = Arc::new(Handed(Arc::clone(&region)));
        let members = Arc::new(Members(Arc::clone(&region)));
        let shared = shared_with(Arc::clone(store), (handed, members), Arc::clone(&tunables));
        let worker = Worker { number: 0, shared: Arc::clone(&shared), seed: node }.local();
        let running = worker.clone();
        spawn_local(async move { running.run().await });
        let (door, mut knocks) = mpsc::channel(64);
        world.doors.lock().insert(NodeId(node), door);
        let host = worker.clone();
        spawn_local(async move {
            while let Some(stream) = knocks.recv().await {
                let host = host.clone();
                spawn_local(async move {
                    let mut random = Rng::with_seed(node);
                    let own = |_: &Introduction| introduction(node);
                    let (link, _) = answer(stream, &Secret::new("s"), own, &mut random).await.unwrap();
                    host.serve_node(link).await;
                });
            }
        });
        Self { worker, shared, tunables, region }
    }
}

/// What the workers of a node share.
pub(in crate::server) fn shared(store: Arc<Store>, region: Arc<dyn Region>) -> Arc<Shared> {
    let membership = Arc::new(OneNode::new(String::new(), 0, 1));
    shared_with(store, (region, membership), Arc::new(tunables()))
}

fn shared_with(
    store: Arc<Store>,
    (region, membership): (Arc<dyn Region>, Arc<dyn Membership>),
    tunables: Arc<Tunables>,
) -> Arc<Shared> {
    let commands = commands::table();
    Arc::new(Shared::new(SharedParts {
        statistics: NodeStatistics::new(1, commands.rows().len()),
        store,
        commands,
        tunables,
        settings: Box::new(NoSettings),
        logins: Logins::default(),
        caches: ExternalCaches::new(Arc::new(LoneBook::new(1))),
        clock: Arc::new(SystemClock::default()),
        facts: facts(),
        stop: CancellationToken::new(),
        region: Some(region),
        membership,
    }))
}

/// A client of this worker.
pub(in crate::server) fn connect(worker: &LocalWorker) -> Client {
    connect_at(worker, Endpoint::Plain)
}

fn connect_at(worker: &LocalWorker, endpoint: Endpoint) -> Client {
    let (ours, theirs, _) = pair(1 << 20);
    let worker = worker.clone();
    spawn_local(async move { worker.serve(theirs, (ADDRESS, ADDRESS), endpoint).await });
    Client { stream: ours, read: Vec::new() }
}

impl World {
    fn wake(&self) {
        self.wakers.lock().values().for_each(Waker::wake_by_ref);
    }
}

/// The region as the server is given it.
struct Handed(Arc<Stub>);

impl std::ops::Deref for Handed {
    type Target = Stub;

    fn deref(&self) -> &Stub {
        &self.0
    }
}

impl Stub {
    fn is_here(&self, partition: Partition) -> bool {
        self.owners.lock()[partition.index()] == Some(self.own.0)
    }
}

impl Region for Handed {
    fn own(&self) -> Option<NodeId> {
        Some(self.own)
    }

    fn place(&self, partition: Partition) -> Place {
        let mut owners = self.owners.lock();
        let owner = owners[partition.index()];
        if let Some((_, to)) = self.then.lock().take_if(|(looked_up, _)| *looked_up == partition) {
            owners[partition.index()] = Some(to);
            self.version.fetch_add(2, Ordering::Relaxed);
        }
        match owner {
            None => Place::Waiting,
            Some(node) if NodeId(node) == self.own => Place::Here,
            Some(node) => {
                self.world.frames.fetch_add(1, Ordering::Relaxed);
                Place::At(NodeId(node))
            }
        }
    }

    fn epoch(&self) -> Epoch {
        Epoch(1)
    }

    fn moved_lately(&self, partition: Partition) -> bool {
        self.moved.lock().contains(&partition)
    }

    fn version(&self) -> u64 {
        self.version.load(Ordering::Relaxed)
    }

    fn settled(&self, marks: &[Mark]) -> Settled {
        let owners = self.owners.lock();
        let lost = |mark: &Mark| owners[mark.partition.index()] != Some(self.own.0);
        if marks.iter().all(|mark| mark.position <= self.world.acknowledged.load(Ordering::Relaxed)) {
            Settled::Yes
        } else if marks.iter().any(lost) {
            Settled::Lost
        } else {
            Settled::No
        }
    }

    fn watch(&self, _: usize, waker: &Waker) {
        self.world.wakers.lock().insert(self.own.0, waker.clone());
    }

    fn custody(&self) -> Box<dyn Custody> {
        Box::new(StubCustody { region: Arc::clone(&self.0), id: None, effects: 0 })
    }

    fn connect(&self, node: NodeId) -> Boxed<'_, Result<Link, LinkError>> {
        Box::pin(async move {
            let (ours, theirs, cut) = pair(1 << 16);
            self.world.links.lock().push(cut);
            self.world.opened.fetch_add(1, Ordering::Relaxed);
            if self.world.closed.lock().contains(&node) {
                return Err(LinkError::Closed);
            }
            let door = self.world.doors.lock().get(&node).cloned().ok_or(LinkError::Closed)?;
            door.try_send(theirs).map_err(|_| LinkError::Closed)?;
            let mut random = Rng::with_seed(9);
            let own = introduction(self.own.0);
            Ok(call(ours, &Secret::new("s"), &own, Some(node), &mut random).await?.0)
        })
    }
}

/// The members, as commands see them.
struct Members(Arc<Stub>);

impl Membership for Members {
    fn view(&self) -> Option<ClusterView> {
        let mut topology = Topology::new(ClusterId(1), 0);
        for node in 1..=NODES {
            let member = Member {
                host: "127.0.0.1".to_owned(),
                port: 7_000 + node as u16 * 100,
                zone: String::new(),
                incarnation: Incarnation(node),
                state: MemberState::Up,
                version: 1,
            };
            topology.members.insert(NodeId(node), member);
        }
        for (row, owner) in topology.rows.iter_mut().zip(&*self.0.owners.lock()) {
            row.owner = owner.map(NodeId);
        }
        let serving = !self.0.is_over.load(Ordering::Relaxed);
        Some(ClusterView { topology: Arc::new(topology), own: self.0.own, serving })
    }

    fn live(&self) -> Live {
        Live::default()
    }

    fn links(&self) -> Vec<LinkInfo> {
        Vec::new()
    }

    fn leave(&self, _: Leave) -> Boxed<'_, Result<Leaving, String>> {
        Box::pin(async { Ok(Leaving::Alone) })
    }
}

impl EffectSink for StubCustody {
    fn effect(&mut self, _: Stamp, _: &Effect<'_>) {
        self.effects += 1;
    }
}

impl Custody for StubCustody {
    fn begin(&mut self, id: Option<WriteId>) {
        self.id = id;
    }

    fn serves(&self, partition: Partition) -> bool {
        self.region.is_here(partition)
    }

    fn enter(&mut self, partitions: &[Partition], _: Access) -> Entry {
        self.effects = 0;
        if partitions.iter().any(|partition| !self.region.is_here(*partition)) {
            return Entry::Elsewhere;
        }
        if self.region.is_over.load(Ordering::Relaxed) {
            return Entry::Wait;
        }
        let known = self
            .id
            .and_then(|id| self.region.world.remembered.lock().get(&(id.origin.run, id.number)).cloned());
        // All nodes hold the same: whatever was carried out anywhere was kept.
        let kept = self.id.is_some_and(|id| id.before.is_some()).then(Bytes::new);
        known.or(kept).map_or(Entry::Go, Entry::Remembered)
    }

    fn leave(&mut self, partitions: &[Partition], reply: &[u8]) -> Left {
        let world = &self.region.world;
        if self.effects > 0 {
            world.effects.fetch_add(1, Ordering::Relaxed);
            world.position.fetch_add(1, Ordering::Relaxed);
            if let Some(id) = self.id {
                world.remembered.lock().insert((id.origin.run, id.number), Bytes::copy_from_slice(reply));
            }
        }
        let sequence = if self.effects > 0 { world.position.load(Ordering::Relaxed) } else { 0 };
        self.effects = 0;
        let position = world.position.load(Ordering::Relaxed);
        if position <= world.acknowledged.load(Ordering::Relaxed) {
            return Left::Free;
        }
        let mark = |&partition: &Partition| Mark { partition, term: 1, copy: 0, position, sequence };
        Left::After(Ticket(partitions.iter().map(mark).collect()))
    }
}

struct NoSettings;

impl Settings for NoSettings {
    fn each(&self, _: &mut dyn FnMut(&str, &str)) {}

    fn set(&self, _: &[(String, String)]) -> Result<(), String> {
        Ok(())
    }
}

fn introduction(node: u64) -> Introduction {
    Introduction {
        versions: VERSIONS,
        region: "r".to_owned(),
        cluster: Some(ClusterId(1)),
        node: Some(NodeId(node)),
        incarnation: Incarnation(node),
        purpose: Purpose::Requests,
    }
}

fn tunables() -> Tunables {
    let tunables = Tunables::default();
    tunables.clients_max.store(100, Ordering::Relaxed);
    tunables.frame_seconds_max.store(60, Ordering::Relaxed);
    tunables.value_bytes_max.store(1 << 20, Ordering::Relaxed);
    tunables.reply_bytes_max.store(1 << 20, Ordering::Relaxed);
    tunables.key_bytes_max.store(1 << 16, Ordering::Relaxed);
    tunables.slow_us_min.store(-1, Ordering::Relaxed);
    tunables
}

fn facts() -> Facts {
    Facts {
        region: "r".to_owned(),
        service: "default".to_owned(),
        address: ADDRESS,
        threads: 1,
        run_id: String::new(),
        started_at: Millis(0),
    }
}

const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

/// Of the stores of the tests.
pub(in crate::server) const SETTINGS: StoreSettings = StoreSettings {
    memory_bytes_max: 64 << 20,
    eviction: Eviction::SEGMENT_MERGE,
    hash_seed: Some(1),
    collection_limits: CollectionLimits {
        hash: HashLimits { entries_max: 512, value_bytes_max: 64 },
        list: ListLimits { bytes_max: 8_192, entries_max: 128 },
        set: SetLimits { integers_max: 512, entries_max: 128, value_bytes_max: 64 },
        sorted_set: SortedSetLimits { entries_max: 128, member_bytes_max: 64 },
    },
};

const _: () = assert!(PARTITIONS as u64 > NODES);
