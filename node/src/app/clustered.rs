//! Starts and stops a node's part in a cluster: its state directory, its door for other nodes, its thread.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use fastrand::Rng;
use larder_proto::topology::Incarnation;
use tokio::runtime::{LocalOptions, LocalRuntime};
use tokio_util::sync::CancellationToken;

use super::StartError;
use super::region::{RegionParts, Regional};
use crate::clock::Clock;
use crate::cluster::control::ClusterSettings;
use crate::cluster::identity::StateDir;
use crate::cluster::machine::Leave;
use crate::cluster::raft::RaftSettings;
use crate::config::Config;
use crate::limits::LINK_PORT_OFFSET;
use crate::link::{Link, Secret};
use crate::net::{Network, TcpNetwork};
use crate::server::Handoff;
use crate::store::Store;

/// A node's part in a cluster.
pub(super) struct Clustered {
    /// What joins its parts.
    pub(super) regional: Arc<Regional>,
    door: SocketAddr,
    stop: CancellationToken,
}

/// The thread of the control loop and of replication.
pub(super) struct ClusterThread {
    regional: Arc<Regional>,
    stop: CancellationToken,
    thread: JoinHandle<()>,
}

/// What the store's hashes begin with: the same on all nodes of a cluster, and known to nobody else.
pub(super) fn hash_seed(config: &Config) -> Option<u64> {
    config.is_clustered().then(|| Secret::new(&config.cluster_secret).number(config.region.as_bytes()))
}

/// Opens the state directory and joins the parts, if the node is to be one of several.
///
/// # Errors
/// The state directory cannot be used.
pub(super) fn open(
    config: &Config,
    store: &Arc<Store>,
    clock: &Arc<dyn Clock>,
    random: &mut Rng,
) -> Result<Option<Clustered>, StartError> {
    if !config.is_clustered() {
        return Ok(None);
    }
    let place = StateDir::open(&config.state_directory())
        .map_err(|error| StartError::State(format!("{error}; see --state-dir")))?;
    let settings = ClusterSettings {
        region: config.region.clone(),
        host: config.advertised_host(),
        port: config.port,
        zone: config.zone.clone(),
        join: config.join.iter().map(|peer| (peer.host.clone(), peer.port)).collect(),
        expected: u32::from(config.bootstrap_expect),
        replicas: config.replicas,
        lease: Duration::from_millis(config.lease_ms),
        raft: RaftSettings::default(),
    };
    let regional = Regional::new(RegionParts {
        settings,
        clock: Arc::clone(clock),
        network: Arc::new(TcpNetwork),
        secret: Secret::new(&config.cluster_secret),
        place,
        store: Arc::clone(store),
        incarnation: Incarnation(random.u64(1..)),
        seed: random.u64(..),
    });
    let door = SocketAddr::new(config.bind, config.port + LINK_PORT_OFFSET);
    Ok(Some(Clustered { regional, door, stop: CancellationToken::new() }))
}

impl Clustered {
    /// Starts the thread. Once this returns, other nodes can connect.
    ///
    /// # Errors
    /// The port is taken, or the machine gives no thread.
    pub(super) fn start(self, workers: Vec<Handoff>) -> Result<ClusterThread, StartError> {
        let Self { regional, door, stop } = self;
        let (stopped, ours) = (stop.clone(), Arc::clone(&regional));
        // The runtime belongs to its thread, which tells whether it has one and the port.
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        let thread = thread::Builder::new().name("larder-cluster".into()).spawn(move || {
            let begun = runtime().map_err(StartError::Threads).and_then(|runtime| {
                let guard = runtime.enter();
                let listening = TcpNetwork.listen(door).map_err(|error| StartError::Bind(door, error));
                drop(guard);
                Ok((runtime, listening?))
            });
            match begun {
                Ok((runtime, listening)) => {
                    if tell.send(Ok(())).is_ok() {
                        let run = Arc::clone(&ours).run(listening, |link| deal(&workers, link));
                        runtime.block_on(async {
                            stopped.run_until_cancelled(run).await;
                            ours.stop().await;
                        });
                    }
                }
                Err(error) => drop(tell.send(Err(error))),
            }
        });
        let thread = thread.map_err(StartError::Threads)?;
        told.recv().unwrap_or_else(|_| Err(StartError::Threads(io::ErrorKind::Other.into())))?;
        Ok(ClusterThread { regional, stop, thread })
    }
}

impl ClusterThread {
    /// Hands over what the node owns, so that others serve it at once.
    pub(super) async fn leave(&self, within: Duration) {
        if let Err(why) = self.regional.leave(Leave::HandOver, false, within).await {
            tracing::warn!(%why, "leaves the cluster without having handed everything over");
        }
    }

    /// Stops the thread.
    pub(super) fn stop(self) -> JoinHandle<()> {
        self.stop.cancel();
        self.thread
    }
}

/// Hands a link to the worker with the fewest connections; whether it took it.
fn deal(workers: &[Handoff], link: Link) -> bool {
    let fewest = workers.iter().min_by_key(|worker| worker.load());
    fewest.is_some_and(|worker| worker.deal_link(link))
}

fn runtime() -> io::Result<LocalRuntime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build_local(LocalOptions::default())
}
