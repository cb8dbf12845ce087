//! The real nodes on simulated hosts: control loop, replication and server of each on one thread, joined as the program joins them.

use std::cell::RefCell;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use fastrand::Rng;
use larder_node::app::region::{RegionParts, Regional};
use larder_node::app::settings::{LiveSettings, collection_limits};
use larder_node::clock::Clock;
use larder_node::cluster::control::ClusterSettings;
use larder_node::cluster::identity::StateDir;
use larder_node::cluster::raft::RaftSettings;
use larder_node::commands::{self, cluster::Endpoint};
use larder_node::config::{self, Config};
use larder_node::link::Secret;
use larder_node::net::{Accept, Network};
use larder_node::server::{
    ExternalCaches, Facts, LocalWorker, Logins, Membership, NodeStatistics, Place as At, Shared, SharedParts,
    Tunables, Worker,
};
use larder_node::store::{Access, Store, StoreSettings};
use larder_proto::effect::{Effect, decode_all};
use larder_proto::slot::Partition;
use larder_proto::time::Millis;
use larder_proto::topology::{CopyState, Incarnation, MemberState, NodeId, Topology};
use tokio::task::spawn_local;
use tokio_util::sync::CancellationToken;

use super::cluster::{Place, Program};

/// A cluster of Larder nodes.
pub struct Nodes {
    /// How many there are when all run.
    pub hosts: usize,
    running: Running,
    orders: NodeOrders,
}

/// What each node is started with.
#[derive(Clone, Copy)]
struct NodeOrders {
    /// How many found the cluster.
    founders: usize,
    /// Copies beside each owner.
    replicas: u8,
    raft: RaftSettings,
}

/// What is known from outside of the nodes that run, by host.
type Running = Rc<RefCell<Vec<Option<Known>>>>;

#[derive(Clone)]
struct Known {
    regional: Arc<Regional>,
    store: Arc<Store>,
}

impl Nodes {
    /// No node runs yet. All of them found the cluster, and their logs are so short that snapshots are needed all the time.
    #[must_use]
    pub fn new(founders: usize, replicas: u8) -> Self {
        let raft = RaftSettings { snapshot_entries: 200, kept_entries: 20, ..RaftSettings::default() };
        Self::with(founders, NodeOrders { founders, replicas, raft })
    }

    /// No node runs yet. So many of them found the cluster, the others join it; one copy beside each owner, and Raft as the program
    /// has it.
    #[must_use]
    pub fn as_usual(hosts: usize, founders: usize) -> Self {
        Self::with(hosts, NodeOrders { founders, replicas: 1, raft: RaftSettings::default() })
    }

    fn with(hosts: usize, orders: NodeOrders) -> Self {
        Self { hosts, running: Rc::new(RefCell::new(vec![None; hosts])), orders }
    }

    /// The node on this host, if it runs.
    #[must_use]
    pub fn running(&self, node: usize) -> Option<Arc<Regional>> {
        self.running.borrow()[node].as_ref().map(|known| Arc::clone(&known.regional))
    }

    /// Whether every in-sync copy of a partition holds what its owner holds.
    ///
    /// # Errors
    /// Which one holds what.
    pub fn compare(&self, partition: Partition) -> Result<(), String> {
        let topology = self.newest().ok_or("no topology")?;
        let row = topology.row(partition);
        let owner = row.owner.ok_or("no owner")?;
        let own = self.content(owner, partition)?;
        for copy in row.in_sync() {
            let held = self.content(copy, partition)?;
            if held != own {
                return Err(format!(
                    "partition {}: node {} holds {own:?}, its copy {} {held:?}",
                    partition.index(),
                    owner.0,
                    copy.0
                ));
            }
        }
        Ok(())
    }

    /// What a member holds of a partition, in some order that is the same for all.
    fn content(&self, member: NodeId, partition: Partition) -> Result<Vec<String>, String> {
        let running = self.running.borrow();
        let known = running.iter().flatten().find(|known| known.regional.replication().own() == Some(member));
        let known = known.ok_or_else(|| format!("node {} does not run", member.0))?;
        let guard = known.store.lock_partition(partition, Access::Read, Millis(0));
        let (mut from, mut bytes) = (Some(0), Vec::new());
        while let Some(at) = from {
            from = guard.copy_out(at, usize::MAX / 2, &mut bytes).next;
        }
        drop(guard);
        let mut found = Vec::new();
        for effect in decode_all(&bytes) {
            let (database, effect) = effect.map_err(|error| error.to_string())?;
            if !matches!(effect, Effect::Clear { .. }) {
                found.push(format!("{database} {effect:?}"));
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Whether for each partition a node runs that serves it.
    ///
    /// # Errors
    /// The first that nobody serves.
    pub fn are_serving(&self) -> Result<(), String> {
        let running = self.running.borrow();
        let serving: Vec<_> = running
            .iter()
            .flatten()
            .map(|known| known.regional.replication())
            .filter(|node| node.holds_lease())
            .collect();
        let served = |partition: &Partition| serving.iter().any(|node| node.place(*partition) == At::Here);
        let missing = Partition::all().find(|partition| !served(partition));
        missing.map_or(Ok(()), |partition| Err(format!("nobody serves partition {}", partition.index())))
    }

    /// Whether those that run are up, know the newest topology, and hold everything with all copies.
    ///
    /// # Errors
    /// What is missing.
    pub fn are_well(&self) -> Result<(), String> {
        let running = self.running.borrow();
        let topology = self.newest().ok_or("nobody knows of a cluster")?;
        for (number, node) in running.iter().enumerate() {
            let Some(Known { regional: node, .. }) = node else { continue };
            let epoch = node.replication().adopted();
            if epoch != topology.epoch || !node.replication().holds_lease() {
                return Err(format!(
                    "node {number} is at {epoch:?} of {:?}, or has no lease",
                    topology.epoch
                ));
            }
        }
        let run = running.iter().flatten().count();
        let up = topology.members.values().filter(|member| member.state == MemberState::Up).count();
        if up != run {
            return Err(format!("{up} of {run} members are up: {:?}", topology.members));
        }
        let wanted = usize::from(self.orders.replicas).min(run - 1);
        for (partition, row) in topology.rows.iter().enumerate() {
            let in_sync = row.copies.iter().filter(|copy| copy.state == CopyState::InSync).count();
            if row.owner.is_none() || in_sync != wanted || row.copies.len() != wanted {
                return Err(format!("partition {partition}: {row:?}"));
            }
        }
        Ok(())
    }

    /// The newest topology that any running node has adopted, or is adopting.
    #[must_use]
    pub fn newest(&self) -> Option<Arc<Topology>> {
        let running = self.running.borrow();
        let known = running.iter().flatten().filter_map(|known| known.regional.replication().topology());
        known.max_by_key(|topology| topology.epoch)
    }
}

impl Program for Nodes {
    fn boot(&self, place: Place) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(node(place, self.orders, Rc::clone(&self.running)))
    }

    fn killed(&self, node: usize) {
        self.running.borrow_mut()[node] = None;
    }

    fn health(&self) -> Result<(), String> {
        if let Some(down) = self.running.borrow().iter().position(Option::is_none) {
            return Err(format!("node {down} does not run"));
        }
        self.are_well()?;
        let members = self.newest().map_or(0, |topology| topology.members.len());
        if members == self.hosts {
            Ok(())
        } else {
            Err(format!("{members} members for {} hosts", self.hosts))
        }
    }
}

async fn node(place: Place, orders: NodeOrders, running: Running) {
    let mut random = Rng::with_seed(place.seed);
    let clock: Arc<dyn Clock> = place.clock.clone();
    let network: Arc<dyn Network> = Arc::new(place.network.clone());
    let store = Arc::new(store().expect("addresses for the store"));
    let regional = Regional::new(RegionParts {
        settings: settings(&place, orders),
        clock: Arc::clone(&clock),
        network: Arc::clone(&network),
        secret: Secret::new("the secret of the simulation"),
        place: StateDir::Memory(place.disk.clone()),
        store: Arc::clone(&store),
        incarnation: Incarnation(random.u64(1..)),
        seed: random.u64(..),
    });
    let address = |offset| SocketAddr::new(place.host, PORT + offset);
    let shared = Arc::new(shared(Arc::clone(&store), clock, &regional, address(0)));
    let worker = Worker { number: 0, shared, seed: random.u64(..) }.local();
    let doors = [0, 1, 2].map(|offset| network.listen(address(offset)).expect("a free port"));
    let [plain, cluster, others] = doors;
    let carrier = worker.clone();
    spawn_local(async move { carrier.run().await });
    spawn_local(serve(plain, worker.clone(), Endpoint::Plain));
    spawn_local(serve(cluster, worker.clone(), Endpoint::Cluster));
    running.borrow_mut()[place.number] = Some(Known { regional: Arc::clone(&regional), store });
    let deal = move |link| {
        let worker = worker.clone();
        spawn_local(async move { worker.serve_node(link).await });
        true
    };
    regional.run(others, deal).await;
}

async fn serve(door: Box<dyn Accept>, worker: LocalWorker, endpoint: Endpoint) {
    let Ok(own) = door.address() else { return };
    while let Ok((stream, from)) = door.accept().await {
        let worker = worker.clone();
        spawn_local(async move { worker.serve(stream, (from, own), endpoint).await });
    }
}

fn store() -> std::io::Result<Store> {
    Store::new(&StoreSettings {
        memory_bytes_max: MEMORY_BYTES,
        eviction: config().eviction,
        collection_limits: collection_limits(config()),
        hash_seed: Some(1),
    })
}

fn settings(place: &Place, orders: NodeOrders) -> ClusterSettings {
    ClusterSettings {
        region: "local".to_owned(),
        host: place.host.to_string(),
        port: PORT,
        zone: String::new(),
        join: vec![("nodes".to_owned(), PORT + 2)],
        expected: orders.founders as u32,
        replicas: orders.replicas,
        lease: Duration::from_millis(config().lease_ms),
        raft: orders.raft,
    }
}

fn shared(store: Arc<Store>, clock: Arc<dyn Clock>, regional: &Arc<Regional>, address: SocketAddr) -> Shared {
    let tunables = Arc::new(Tunables::default());
    let commands = commands::table();
    let facts = Facts {
        region: "local".to_owned(),
        service: "default".to_owned(),
        address,
        threads: 1,
        run_id: "0".repeat(40),
        started_at: clock.now(),
    };
    Shared::new(SharedParts {
        statistics: NodeStatistics::new(1, commands.rows().len()),
        logins: Logins::default(),
        caches: ExternalCaches::new(regional.cache_book()),
        settings: Box::new(LiveSettings::new(config().clone(), Arc::clone(&store), Arc::clone(&tunables))),
        store,
        commands,
        tunables,
        clock,
        membership: Arc::clone(regional) as Arc<dyn Membership>,
        facts,
        stop: CancellationToken::new(),
        region: Some(regional.region()),
    })
}

/// The settings that a node has without any.
fn config() -> &'static Config {
    static CONFIG: OnceLock<Config> = OnceLock::new();
    CONFIG.get_or_init(|| {
        let matches = config::command_line().get_matches_from(["larder", "node"]);
        match config::load(&matches) {
            Ok(invocation) => invocation.config,
            Err(error) => panic!("the defaults do not stand: {error}"),
        }
    })
}

/// The port for any client.
pub(super) const PORT: u16 = 6379;

const MEMORY_BYTES: usize = 64 << 20;
