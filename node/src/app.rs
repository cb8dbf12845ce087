//! Builds every part of a node and joins them; stops them in reverse. No part builds another.
//!
//! Threads: one for each worker, and one, the control thread, that accepts connections, sweeps, and serves the admin port. A
//! node that is one of several has two more, see `clustered.rs`.

pub mod cache_verbs;
mod caches;
mod clustered;
pub mod region;
pub mod settings;
pub mod verbs;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use fastrand::Rng;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::clustered::{ClusterThreads, Clustered};
use self::settings::LiveSettings;
use crate::admin;
use crate::clock::Clock;
use crate::commands;
use crate::commands::cluster::Endpoint;
use crate::config::Config;
use crate::server::{
    ExternalCaches, Facts, Handoff, Listener, LoneBook, Membership, NodeStatistics, OneNode, Shared,
    SharedParts, Tunables, Worker, WorkerHandle, bind, sweep_forever,
};
use crate::store::{Store, StoreSettings};

/// A running node.
pub struct App {
    shared: Arc<Shared>,
    workers: Vec<WorkerHandle>,
    control: JoinHandle<()>,
    /// Where the node is one of several.
    cluster: Option<ClusterThreads>,
    endpoints: Endpoints,
}

/// Where a node listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Any client.
    pub clients: SocketAddr,
    /// Cluster-aware clients, where the node is one of several.
    pub cluster_clients: Option<SocketAddr>,
    /// Health and metrics.
    pub admin: SocketAddr,
}

/// Why a node could not start.
#[derive(Debug)]
pub enum StartError {
    /// An address cannot be listened on.
    Bind(SocketAddr, io::Error),
    /// The machine gives no thread or no runtime.
    Threads(io::Error),
    /// The kernel does not reserve addresses for the store.
    Memory(io::Error),
    /// The state directory cannot be used.
    State(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(address, error) if error.kind() == io::ErrorKind::AddrInUse => {
                write!(f, "{address} is in use: stop what listens there, or choose another --port")
            }
            Self::Bind(address, error) => {
                write!(f, "cannot listen on {address}: {error}; see --bind and --port")
            }
            Self::State(error) => f.write_str(error),
            Self::Threads(error) => write!(f, "cannot start threads: {error}; see --threads"),
            Self::Memory(error) => write!(
                f,
                "cannot reserve addresses for the store: {error}; set vm.overcommit_memory to 0 or 1, raise ulimit -v, or \
                 lower --max-memory"
            ),
        }
    }
}

impl std::error::Error for StartError {}

impl App {
    /// Starts a node. Once this returns, it serves.
    ///
    /// # Errors
    /// A port is taken, or the machine gives no thread.
    pub fn start(config: Config, clock: Arc<dyn Clock>, seed: u64) -> Result<Self, StartError> {
        let mut random = Rng::with_seed(seed);
        let control = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(StartError::Threads)?;
        let (sockets, endpoints) = listen(&config, &control)?;
        let threads = config.threads;
        let (shared, clustered) = join(config, clock, endpoints, &mut random)?;
        let shared = Arc::new(shared);
        let start_worker = |number| {
            let worker = Worker { number, shared: Arc::clone(&shared), seed: random.u64(..) };
            worker.start().map_err(StartError::Threads)
        };
        let workers = (0..threads).map(start_worker).collect::<Result<Vec<_>, _>>()?;
        let handoffs: Vec<_> = workers.iter().map(|worker| worker.handoff.clone()).collect();
        let cluster = clustered.map(|clustered| clustered.start(handoffs.clone())).transpose()?;
        let control = run_control(control, Arc::clone(&shared), sockets, handoffs, random)
            .map_err(StartError::Threads)?;
        Ok(Self { shared, workers, control, cluster, endpoints })
    }

    /// Where the node listens.
    #[must_use]
    pub const fn endpoints(&self) -> Endpoints {
        self.endpoints
    }

    /// Hands over to other nodes what this one serves, while it serves. Returns at once where it is alone.
    pub async fn hand_over(&self, within: Duration) {
        if let Some(cluster) = &self.cluster {
            cluster.leave(within).await;
        }
    }

    /// Stops accepting, answers what is in flight, ends. Whether everything ended in time.
    #[must_use]
    pub fn stop(self, within: Duration) -> bool {
        self.shared.stop().cancel();
        let (done, ended) = std::sync::mpsc::sync_channel(1);
        let threads: Vec<_> =
            self.workers.into_iter().map(|worker| worker.thread).chain([self.control]).collect();
        let cluster = self.cluster;
        let waiter = thread::Builder::new().name("larder-stop".into()).spawn(move || {
            for thread in threads {
                let _ = thread.join();
            }
            // Last: what waits for copies is answered by the workers.
            if let Some(cluster) = cluster {
                for thread in cluster.stop() {
                    let _ = thread.join();
                }
            }
            let _ = done.send(());
        });
        waiter.is_ok() && ended.recv_timeout(within).is_ok()
    }
}

/// The listening sockets of the node but that for other nodes.
struct Sockets {
    clients: TcpListener,
    cluster_clients: Option<TcpListener>,
    admin: TcpListener,
}

fn listen(config: &Config, runtime: &Runtime) -> Result<(Sockets, Endpoints), StartError> {
    let _guard = runtime.enter();
    let at = |offset| SocketAddr::new(config.bind, config.port + offset);
    let endpoints = Endpoints {
        clients: at(0),
        cluster_clients: config.is_clustered().then(|| at(CLUSTER_PORT_OFFSET)),
        admin: at(ADMIN_PORT_OFFSET),
    };
    let open = |address| bind(address).map_err(|error| StartError::Bind(address, error));
    let sockets = Sockets {
        clients: open(endpoints.clients)?,
        cluster_clients: endpoints.cluster_clients.map(open).transpose()?,
        admin: open(endpoints.admin)?,
    };
    Ok((sockets, endpoints))
}

fn join(
    config: Config,
    clock: Arc<dyn Clock>,
    endpoints: Endpoints,
    random: &mut Rng,
) -> Result<(Shared, Option<Clustered>), StartError> {
    let store = Store::new(&StoreSettings {
        memory_bytes_max: config.memory_bytes_max,
        eviction: config.eviction,
        collection_limits: settings::collection_limits(&config),
        hash_seed: clustered::hash_seed(&config),
    });
    let store = Arc::new(store.map_err(StartError::Memory)?);
    let tunables = Arc::new(Tunables::default());
    let commands = commands::table();
    let run = u128::from(random.u64(..)) << 64 | u128::from(random.u64(..));
    let clustered = clustered::open(&config, &store, &clock, random)?;
    let regional = clustered.as_ref().map(|clustered| Arc::clone(&clustered.regional));
    let region = regional.as_ref().map(|regional| regional.region());
    let caches = ExternalCaches::new(match &regional {
        Some(regional) => regional.cache_book(),
        None => Arc::new(LoneBook::new(run)),
    });
    let membership: Arc<dyn Membership> = match regional {
        Some(regional) => regional,
        None => Arc::new(OneNode::new(config.advertised_host(), config.port, run)),
    };
    let facts = Facts {
        region: config.region.clone(),
        service: config.service.clone(),
        address: endpoints.clients,
        threads: config.threads,
        run_id: (0..40).map(|_| char::from_digit(random.u32(..16), 16).unwrap_or('0')).collect(),
        started_at: clock.now(),
    };
    let shared = Shared::new(SharedParts {
        statistics: NodeStatistics::new(config.threads, commands.rows().len()),
        logins: settings::logins(&config),
        caches,
        settings: Box::new(LiveSettings::new(config, Arc::clone(&store), Arc::clone(&tunables))),
        store,
        commands,
        tunables,
        clock,
        membership,
        facts,
        stop: CancellationToken::new(),
        region,
    });
    Ok((shared, clustered))
}

/// Runs what is not a worker's on a thread of its own, until the node stops.
fn run_control(
    runtime: Runtime,
    shared: Arc<Shared>,
    sockets: Sockets,
    workers: Vec<Handoff>,
    random: Rng,
) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("larder-control".into()).spawn(move || {
        let tasks = TaskTracker::new();
        let listener = |(socket, endpoint)| Listener {
            socket,
            endpoint,
            workers: workers.clone(),
            shared: Arc::clone(&shared),
        };
        let plain = Some((sockets.clients, Endpoint::Plain));
        let cluster = sockets.cluster_clients.map(|socket| (socket, Endpoint::Cluster));
        for listener in plain.into_iter().chain(cluster).map(listener) {
            tasks.spawn_on(listener.run(), runtime.handle());
        }
        tasks.spawn_on(sweep_forever(Arc::clone(&shared), random), runtime.handle());
        tasks.spawn_on(admin::serve(sockets.admin, Arc::clone(&shared)), runtime.handle());
        tasks.close();
        runtime.block_on(tasks.wait());
    })
}

/// The port for cluster-aware clients is the second of the node's block of ports.
const CLUSTER_PORT_OFFSET: u16 = 1;

/// The admin port is the fourth of the node's block of ports.
const ADMIN_PORT_OFFSET: u16 = 3;
