//! Starts and stops a node's part in a cluster: its state directory, its door for other nodes, its threads.

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
use super::region::{RegionParts, Regional, stream_links};
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

/// The threads of a node's part in a cluster: *control* (Raft, leases, who knocks at the door) waits for no partition, *copies*
/// (streams, filling, handing over, taking over topologies) does.
pub(super) struct ClusterThreads {
    regional: Arc<Regional>,
    stop: CancellationToken,
    control: JoinHandle<()>,
    copies: JoinHandle<()>,
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
    /// Starts the threads. Once this returns, other nodes can connect.
    ///
    /// # Errors
    /// The port is taken, or the machine gives no thread.
    pub(super) fn start(self, workers: Vec<Handoff>) -> Result<ClusterThreads, StartError> {
        let Self { regional, door, stop } = self;
        let (streams, taken) = stream_links();
        let (stopped, ours) = (stop.clone(), Arc::clone(&regional));
        let copies = start("larder-copies", Ok, move |runtime, ()| {
            runtime.block_on(stopped.run_until_cancelled(ours.copy(taken)));
        })?;
        let (stopped, ours) = (stop.clone(), Arc::clone(&regional));
        let listen = move |()| TcpNetwork.listen(door).map_err(|error| StartError::Bind(door, error));
        let control = start("larder-cluster", listen, move |runtime, listening| {
            let run = Arc::clone(&ours).control(listening, streams, |link| deal(&workers, link));
            runtime.block_on(async {
                stopped.run_until_cancelled(run).await;
                ours.stop().await;
            });
        });
        let control = control.inspect_err(|_| stop.cancel())?;
        Ok(ClusterThreads { regional, stop, control, copies })
    }
}

/// Starts a thread with a runtime of its own. `open` is called within that, and what it makes is handed to `run`; once this
/// returns, it has.
fn start<O: 'static>(
    name: &str,
    open: impl FnOnce(()) -> Result<O, StartError> + Send + 'static,
    run: impl FnOnce(LocalRuntime, O) + Send + 'static,
) -> Result<JoinHandle<()>, StartError> {
    let (tell, told) = std::sync::mpsc::sync_channel(1);
    let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
        let begun = runtime().map_err(StartError::Threads).and_then(|runtime| {
            let guard = runtime.enter();
            let opened = open(());
            drop(guard);
            Ok((runtime, opened?))
        });
        match begun {
            Ok((runtime, opened)) => {
                if tell.send(Ok(())).is_ok() {
                    run(runtime, opened);
                }
            }
            Err(error) => drop(tell.send(Err(error))),
        }
    });
    let thread = thread.map_err(StartError::Threads)?;
    told.recv().unwrap_or_else(|_| Err(StartError::Threads(io::ErrorKind::Other.into())))?;
    Ok(thread)
}

impl ClusterThreads {
    /// Hands over what the node owns, so that others serve it at once.
    pub(super) async fn leave(&self, within: Duration) {
        if let Err(why) = self.regional.leave(Leave::HandOver, false, within).await {
            tracing::warn!(%why, "leaves the cluster without having handed everything over");
        }
    }

    /// Stops the threads.
    pub(super) fn stop(self) -> [JoinHandle<()>; 2] {
        self.stop.cancel();
        [self.control, self.copies]
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

#[cfg(test)]
mod tests {
    use larder_proto::slot::Partition;
    use larder_proto::topology::{Member, MemberState};

    use super::*;
    use crate::clock::SystemClock;
    use crate::cluster::machine::Change;
    use crate::store::{Access, StoreSettings};

    /// A node that is a cluster by itself, on threads and a clock as they are.
    fn alone() -> (Arc<Regional>, Arc<Store>, ClusterThreads) {
        let line = crate::config::command_line().get_matches_from(["larder"]);
        let config = crate::config::load(&line).unwrap().config;
        let clock = Arc::new(SystemClock::default());
        let store = Arc::new(
            Store::new(&StoreSettings {
                memory_bytes_max: 64 << 20,
                eviction: config.eviction,
                collection_limits: super::super::settings::collection_limits(&config),
                hash_seed: None,
            })
            .unwrap(),
        );
        let regional = Regional::new(RegionParts {
            settings: ClusterSettings {
                region: "r".into(),
                host: "127.0.0.1".into(),
                port: 1,
                zone: String::new(),
                join: Vec::new(),
                expected: 1,
                replicas: 1,
                lease: Duration::from_millis(500),
                raft: RaftSettings::default(),
            },
            clock,
            network: Arc::new(TcpNetwork),
            secret: Secret::new("s"),
            place: StateDir::Memory(crate::cluster::raft::MemoryDisk::new()),
            store: Arc::clone(&store),
            incarnation: Incarnation(1),
            seed: 1,
        });
        let door = SocketAddr::from(([127, 0, 0, 1], 0));
        let clustered = Clustered { regional: Arc::clone(&regional), door, stop: CancellationToken::new() };
        (regional, store, clustered.start(Vec::new()).unwrap())
    }

    async fn until(what: &str, mut wanted: impl FnMut() -> bool) {
        let waited = tokio::time::timeout(Duration::from_secs(20), async {
            while !wanted() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        waited.await.unwrap_or_else(|_| panic!("never {what}"));
    }

    #[tokio::test]
    async fn a_partition_that_is_locked_for_longer_than_a_lease_takes_it_from_nobody() {
        let (regional, store, threads) = alone();
        let replication = regional.replication().clone();
        let is_served =
            || replication.topology().is_some_and(|it| it.rows.iter().all(|row| row.owner.is_some()));
        until("served", || replication.holds_lease() && is_served()).await;
        let now = crate::clock::Clock::now(&SystemClock::default());
        // One of those that get a copy first, once there is another member.
        let partition = Partition::all().next().unwrap();
        let held = store.lock_partition(partition, Access::Write, now);
        let member = Member {
            host: "127.0.0.1".into(),
            port: 9,
            zone: String::new(),
            incarnation: Incarnation(9),
            state: MemberState::Down,
            version: crate::link::VERSIONS.max,
        };
        let handle = regional.handle().unwrap().clone();
        let _ = handle.propose(Change::Admit { member: member.clone() }).await;
        let node = *handle.topology().borrow().members.keys().max().unwrap();
        let _ = handle.propose(Change::Up { node, member }).await;
        let has_copy =
            |topology: &larder_proto::topology::Topology| !topology.row(partition).copies.is_empty();
        until("planned", || has_copy(&handle.topology().borrow())).await;
        let planned = handle.topology().borrow().epoch;
        let began = tokio::time::Instant::now();
        while began.elapsed() < Duration::from_millis(800) {
            assert!(replication.holds_lease(), "lost its lease after {:?}", began.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(replication.adopted() < planned, "an epoch counts after every row was taken over");
        drop(held);
        until("adopted", || replication.adopted() >= planned).await;
        for thread in threads.stop() {
            thread.join().unwrap();
        }
    }
}
