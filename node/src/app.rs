//! Builds every part of a node and joins them; stops them in reverse. No part builds another.
//!
//! Threads: one for each worker, and one, the control thread, that accepts connections, sweeps, and serves the admin port.

pub mod settings;

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

use self::settings::LiveSettings;
use crate::admin;
use crate::clock::Clock;
use crate::commands;
use crate::config::Config;
use crate::server::{
    Facts, Listener, NodeStatistics, Password, Shared, SharedParts, Tunables, Worker, WorkerHandle, bind,
    sweep_forever,
};
use crate::store::{Store, StoreSettings};

/// A running node.
pub struct App {
    shared: Arc<Shared>,
    workers: Vec<WorkerHandle>,
    control: JoinHandle<()>,
    endpoints: Endpoints,
}

/// Where a node listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Any client.
    pub clients: SocketAddr,
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
            Self::Threads(error) => write!(f, "cannot start threads: {error}; see --threads"),
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
        let (clients, admin, endpoints) = listen(&config, &control)?;
        let threads = config.threads;
        let shared = Arc::new(join(config, clock, endpoints, &mut random));
        let start_worker = |number| {
            let worker = Worker { number, shared: Arc::clone(&shared), seed: random.u64(..) };
            worker.start().map_err(StartError::Threads)
        };
        let workers = (0..threads).map(start_worker).collect::<Result<Vec<_>, _>>()?;
        let handoffs = workers.iter().map(|worker| worker.handoff.clone()).collect();
        let listener = Listener { socket: clients, workers: handoffs, shared: Arc::clone(&shared) };
        let control = run_control(control, Arc::clone(&shared), listener, admin, random)
            .map_err(StartError::Threads)?;
        Ok(Self { shared, workers, control, endpoints })
    }

    /// Where the node listens.
    #[must_use]
    pub const fn endpoints(&self) -> Endpoints {
        self.endpoints
    }

    /// Stops accepting, answers what is in flight, ends. Whether everything ended in time.
    #[must_use]
    pub fn stop(self, within: Duration) -> bool {
        self.shared.stop().cancel();
        let (done, ended) = std::sync::mpsc::sync_channel(1);
        let threads: Vec<_> =
            self.workers.into_iter().map(|worker| worker.thread).chain([self.control]).collect();
        let waiter = thread::Builder::new().name("larder-stop".into()).spawn(move || {
            for thread in threads {
                let _ = thread.join();
            }
            let _ = done.send(());
        });
        waiter.is_ok() && ended.recv_timeout(within).is_ok()
    }
}

fn listen(config: &Config, runtime: &Runtime) -> Result<(TcpListener, TcpListener, Endpoints), StartError> {
    let _guard = runtime.enter();
    let endpoints = Endpoints {
        clients: SocketAddr::new(config.bind, config.port),
        admin: SocketAddr::new(config.bind, config.port + ADMIN_PORT_OFFSET),
    };
    let open = |address| bind(address).map_err(|error| StartError::Bind(address, error));
    Ok((open(endpoints.clients)?, open(endpoints.admin)?, endpoints))
}

fn join(config: Config, clock: Arc<dyn Clock>, endpoints: Endpoints, random: &mut Rng) -> Shared {
    let store = Arc::new(Store::new(&StoreSettings {
        memory_bytes_max: config.memory_bytes_max,
        eviction: config.eviction,
        collection_limits: settings::collection_limits(&config),
    }));
    let tunables = Arc::new(Tunables::default());
    let commands = commands::table();
    let facts = Facts {
        region: config.region.clone(),
        service: config.service.clone(),
        address: endpoints.clients,
        threads: config.threads,
        run_id: (0..40).map(|_| char::from_digit(random.u32(..16), 16).unwrap_or('0')).collect(),
        started_at: clock.now(),
    };
    Shared::new(SharedParts {
        statistics: NodeStatistics::new(config.threads, commands.rows().len()),
        password: Password::new(&config.password),
        settings: Box::new(LiveSettings::new(config, Arc::clone(&store), Arc::clone(&tunables))),
        store,
        commands,
        tunables,
        clock,
        facts,
        stop: CancellationToken::new(),
    })
}

/// Runs what is not a worker's on a thread of its own, until the node stops.
fn run_control(
    runtime: Runtime,
    shared: Arc<Shared>,
    listener: Listener,
    admin: TcpListener,
    random: Rng,
) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("larder-control".into()).spawn(move || {
        let tasks = TaskTracker::new();
        tasks.spawn_on(listener.run(), runtime.handle());
        tasks.spawn_on(sweep_forever(Arc::clone(&shared), random), runtime.handle());
        tasks.spawn_on(admin::serve(admin, shared), runtime.handle());
        tasks.close();
        runtime.block_on(tasks.wait());
    })
}

/// The admin port is the fourth of the node's block of ports.
const ADMIN_PORT_OFFSET: u16 = 3;
