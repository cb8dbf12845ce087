//! Joins what makes a node one of several: the control loop, replication, and the door that other nodes knock at. The server and
//! the admin port see them through two traits. No thread is started here: the caller's run it, one for control and one for
//! copies, or one for both.

use std::collections::BTreeMap;
use std::future::pending;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use fastrand::Rng;
use larder_proto::slot::Partition;
use larder_proto::topology::{ClusterId, Epoch, Incarnation, NodeId, Step, Topology};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::caches::ClusterBook;
use crate::clock::Clock;
use crate::cluster::control::{self, ClusterParts, ClusterSettings};
use crate::cluster::handle::{self, Handle, LeaveProgress, LeaveRefusal};
use crate::cluster::identity::StateDir;
use crate::cluster::machine::{Answer, Change, Leave};
use crate::cluster::ports::{Plane, PlaneReport};
use crate::cluster::status::Phase;
use crate::commands::cluster::{ClusterView, LinkInfo};
use crate::limits::{
    CONTROL_LINKS_MAX, CONTROL_STATUS_TIME, FEED_BYTES_MAX, LINKS_OPENING_MAX, PEER_CONNECT_TIME,
    STREAM_LINKS_MAX,
};
use crate::link::{self, Introduction, Link, Purpose, Secret};
use crate::net::{Accept, Boxed, Network, Stream};
use crate::replication::ports::{self as replicated, LocalFuture, Proposals, ProposeError};
use crate::replication::{Replication, ReplicationParts};
use crate::server::{self, CacheBook, Fill, Leaving, Live, Membership, Region, ReplicatedRegion};
use crate::store::Store;

/// What a node that is one of several is made of, beside the server.
pub struct RegionParts {
    /// What the node is told about its cluster.
    pub settings: ClusterSettings,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where connections come from.
    pub network: Arc<dyn Network>,
    /// The cluster's secret.
    pub secret: Secret,
    /// Where identity and log are.
    pub place: StateDir,
    /// The store.
    pub store: Arc<Store>,
    /// This run of the process.
    pub incarnation: Incarnation,
    /// For choices by chance.
    pub seed: u64,
}

/// One node among others.
pub struct Regional {
    settings: ClusterSettings,
    clock: Arc<dyn Clock>,
    network: Arc<dyn Network>,
    secret: Secret,
    place: StateDir,
    incarnation: Incarnation,
    replication: Replication,
    /// Set by [`Regional::run`], once.
    handle: Arc<OnceLock<Handle>>,
    random: Mutex<Rng>,
    /// What the control loop told last.
    live: Mutex<Live>,
}

impl Regional {
    /// Joins the parts. Nothing is served before [`Regional::run`].
    #[must_use]
    pub fn new(parts: RegionParts) -> Arc<Self> {
        let mut random = Rng::with_seed(parts.seed);
        let handle = Arc::new(OnceLock::new());
        let replication = Replication::new(ReplicationParts {
            store: parts.store,
            clock: Arc::clone(&parts.clock),
            network: Arc::clone(&parts.network),
            secret: parts.secret.clone(),
            region: parts.settings.region.clone(),
            incarnation: parts.incarnation,
            proposals: Arc::new(Proposer(Arc::clone(&handle))),
            lease: parts.settings.lease,
            seed: random.u64(..),
        });
        Arc::new(Self {
            settings: parts.settings,
            clock: parts.clock,
            network: parts.network,
            secret: parts.secret,
            place: parts.place,
            incarnation: parts.incarnation,
            replication,
            handle,
            random: Mutex::new(random),
            live: Mutex::default(),
        })
    }

    /// The control loop's handle, once it runs.
    #[must_use]
    pub fn handle(&self) -> Option<&Handle> {
        self.handle.get()
    }

    /// What the server asks.
    #[must_use]
    pub fn region(&self) -> Arc<dyn Region> {
        Arc::new(ReplicatedRegion {
            replication: self.replication.clone(),
            network: Arc::clone(&self.network),
            secret: self.secret.clone(),
            random: Mutex::new(self.random.lock().fork()),
        })
    }

    /// Where external caches are kept.
    #[must_use]
    pub fn cache_book(&self) -> Arc<dyn CacheBook> {
        Arc::new(ClusterBook::new(Arc::clone(&self.handle), self.secret.clone(), self.incarnation))
    }

    /// Replication.
    #[must_use]
    pub const fn replication(&self) -> &Replication {
        &self.replication
    }

    /// Runs all of the node's part in the cluster on this thread's local runtime, until it is dropped. `deal` hands a link with
    /// requests to a worker; whether one took it.
    pub async fn run(self: Arc<Self>, door: Box<dyn Accept>, deal: impl Fn(Link) -> bool) {
        let (streams, taken) = stream_links();
        let mut tasks = JoinSet::new();
        tasks.spawn_local(Arc::clone(&self).copy(taken));
        self.control(door, streams, deal).await;
    }

    /// Runs replication: streams, filling, handing over, and what changes with a topology. All of it may have to wait for a
    /// partition that a client holds, so it has a thread of its own, apart from what renews leases. Never ends.
    pub async fn copy(self: Arc<Self>, mut links: mpsc::Receiver<Opened>) {
        let mut tasks = JoinSet::new();
        tasks.spawn_local(self.replication.run());
        let mut streams = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                Some(_) = streams.join_next(), if !streams.is_empty() => {}
                Some((link, theirs)) = links.recv() => match link.at_home() {
                    Ok(link) if streams.len() < STREAM_LINKS_MAX => {
                        streams.spawn_local(self.replication.receive(link, theirs));
                    }
                    Ok(_) => tracing::warn!("too many streams from other nodes; one more is closed"),
                    Err(error) => tracing::warn!(%error, "a stream from another node cannot be taken"),
                },
                else => pending().await,
            }
        }
    }

    /// Runs the control loop, and answers other nodes. What comes for replication goes to [`Regional::copy`] by `streams`, what
    /// comes for workers to `deal`. Waits for no partition.
    pub async fn control(
        self: Arc<Self>,
        door: Box<dyn Accept>,
        streams: mpsc::Sender<Opened>,
        deal: impl Fn(Link) -> bool,
    ) {
        let (links, linked) = mpsc::channel(CONTROL_LINKS_MAX);
        let seed = self.random.lock().u64(..);
        let handle = control::start(ClusterParts {
            settings: self.settings.clone(),
            clock: Arc::clone(&self.clock),
            network: Arc::clone(&self.network),
            secret: Arc::new(self.secret.clone()),
            incarnation: self.incarnation,
            links: linked,
            plane: Arc::new(Told(self.replication.clone())),
            place: self.place.clone(),
            seed,
        });
        let _ = self.handle.set(handle);
        let mut tasks = JoinSet::new();
        tasks.spawn_local(Arc::clone(&self).look_around());
        Arc::clone(&self).answer_door(door, (links, streams), deal).await;
        drop(tasks);
    }

    /// Leaves the cluster so that nothing acknowledged is lost, within this time. What could not be handed over in time is told.
    /// The node still learns who owns what, so that requests of its clients find their way until it ends.
    ///
    /// # Errors
    /// Why partitions stay without an owner until others notice.
    pub async fn leave(&self, kind: Leave, force: bool, within: Duration) -> Result<(), String> {
        let Some(handle) = self.handle.get() else { return Ok(()) };
        match handle.leave_within(kind, force, within).await {
            Ok(()) | Err(LeaveRefusal::NotMember) => Ok(()),
            Err(refusal) => Err(refusal.to_string()),
        }
    }

    /// Stops the control loop; the log is closed when this returns, unless that takes too long.
    pub async fn stop(&self) {
        if let Some(handle) = self.handle.get() {
            let _ = timeout(PEER_CONNECT_TIME, handle.stop()).await;
        }
    }

    /// Answers other nodes, each in a task of its own; a bounded number at once, from one address half as many.
    async fn answer_door(
        self: Arc<Self>,
        door: Box<dyn Accept>,
        takers: (mpsc::Sender<Opened>, mpsc::Sender<Opened>),
        deal: impl Fn(Link) -> bool,
    ) {
        let mut opening = JoinSet::new();
        let mut knocking: BTreeMap<IpAddr, usize> = BTreeMap::new();
        loop {
            tokio::select! {
                biased;
                Some(opened) = opening.join_next(), if !opening.is_empty() => {
                    let Ok((from, opened)) = opened else { continue };
                    if let Some(count) = knocking.get_mut(&from) {
                        *count -= 1;
                    }
                    knocking.retain(|_, count| *count > 0);
                    if let Some(opened) = opened {
                        take_in(opened, &takers, &deal);
                    }
                }
                accepted = door.accept(), if opening.len() < LINKS_OPENING_MAX => match accepted {
                    Ok((stream, from)) => {
                        let count = knocking.entry(from.ip()).or_default();
                        // Who is silent takes nobody else's place; it may be tried again.
                        if *count < LINKS_OPENING_MAX / 2 {
                            *count += 1;
                            opening.spawn_local(Arc::clone(&self).introduce(stream, from));
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection from another node");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
    }

    async fn introduce(self: Arc<Self>, stream: Stream, from: SocketAddr) -> (IpAddr, Option<Opened>) {
        let mut random = self.random.lock().fork();
        let own = |theirs: &Introduction| self.introduction(theirs.purpose);
        match link::answer(stream, &self.secret, own, &mut random).await {
            Ok(opened) => (from.ip(), Some(opened)),
            Err(error) => {
                tracing::warn!(%from, %error, "refuses a connection of another node");
                (from.ip(), None)
            }
        }
    }

    fn introduction(&self, purpose: Purpose) -> Introduction {
        let identity = self.handle.get().and_then(Handle::identity);
        control::introduction(&self.settings.region, identity, self.incarnation, purpose)
    }

    /// Keeps what the control loop tells at hand for those that cannot wait for it.
    async fn look_around(self: Arc<Self>) {
        let Some(handle) = self.handle.get() else { return pending().await };
        loop {
            if let Ok(Some(status)) = timeout(CONTROL_STATUS_TIME, handle.status()).await {
                let voters = status.members.iter().filter(|(_, member)| member.votes).map(|(node, _)| *node);
                let left = |(node, member): (&NodeId, &crate::cluster::status::MemberStatus)| {
                    member.lease_left_ms.map(|left_ms| (*node, u64::from(left_ms)))
                };
                let mut leases_ms: BTreeMap<_, _> = status.members.iter().filter_map(left).collect();
                if let (Some((_, own)), true) = (status.identity, status.lease_left_ms > 0) {
                    leases_ms.insert(own, status.lease_left_ms);
                }
                let trouble = match &status.phase {
                    Phase::Member => None,
                    Phase::Forming(what) => Some(format!("forming: {what}")),
                    Phase::Left => Some("has left the cluster".to_owned()),
                    Phase::Failed(why) => Some(why.clone()),
                };
                *self.live.lock() = Live {
                    leader: status.leader,
                    voters: voters.collect(),
                    leases_ms,
                    trouble,
                    left: status.phase == Phase::Left,
                    ..Live::default()
                };
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

impl Membership for Regional {
    fn view(&self) -> Option<ClusterView> {
        let (own, topology) = (self.replication.own()?, self.replication.topology()?);
        Some(ClusterView { topology, own, serving: self.replication.holds_lease() })
    }

    fn live(&self) -> Live {
        let mut live = self.live.lock().clone();
        let report = self.replication.report();
        live.fills = report.filling.iter().map(|(partition, to)| fill(&report, *partition, *to)).collect();
        if let (Some(own), Some(topology)) = (self.replication.own(), self.replication.topology()) {
            let owned =
                report.bytes.iter().filter(|(partition, _)| topology.row(*partition).owner == Some(own));
            live.bytes.insert(own, owned.map(|(_, bytes)| bytes).sum());
        }
        live
    }

    fn links(&self) -> Vec<LinkInfo> {
        let streams = self.replication.report().streams;
        let link = |stream: &replicated::StreamReport| LinkInfo {
            node: stream.node,
            outgoing: true,
            opened_ms: 0,
            queue_bytes_max: FEED_BYTES_MAX as u64,
            queued_bytes: stream.queued_bytes as u64,
        };
        streams.iter().filter(|stream| stream.connected).map(link).collect()
    }

    fn leave(&self, order: server::Leave) -> Boxed<'_, Result<Leaving, String>> {
        Box::pin(async move {
            let handle = self.handle.get().ok_or("the node is starting: try again in a moment")?;
            let kind = if order.for_good { Leave::Rebuild } else { Leave::HandOver };
            let mut progress = handle.leave(kind, order.force);
            // A refusal comes at once; what takes longer has begun.
            let refused = |progress: &LeaveProgress| progress.outcome.is_some();
            match timeout(REFUSAL_TIME, progress.wait_for(refused)).await {
                Ok(Ok(ended)) => match &ended.outcome {
                    Some(Err(refusal)) => Err(refusal.to_string()),
                    _ => Ok(Leaving::Begun),
                },
                Ok(Err(_)) | Err(_) => Ok(Leaving::Begun),
            }
        })
    }
}

/// A connection of another node that has shown that it knows the secret, and what it said of itself.
pub type Opened = (Link, Introduction);

/// How connections for streams come from [`Regional::control`] to [`Regional::copy`].
#[must_use]
pub fn stream_links() -> (mpsc::Sender<Opened>, mpsc::Receiver<Opened>) {
    mpsc::channel(LINKS_OPENING_MAX)
}

/// Hands a connection to those whom it is for: the control loop, replication, or a worker.
fn take_in(
    (link, theirs): Opened,
    (control, streams): &(mpsc::Sender<Opened>, mpsc::Sender<Opened>),
    deal: &impl Fn(Link) -> bool,
) {
    match theirs.purpose {
        Purpose::Control => {
            if control.try_send((link, theirs)).is_err() {
                tracing::warn!("too many connections for control; one more is closed");
            }
        }
        Purpose::Requests => {
            if !deal(link) {
                tracing::warn!("no worker takes another connection with requests; it is closed");
            }
        }
        Purpose::Stream => {
            if streams.try_send((link, theirs)).is_err() {
                tracing::warn!("too many streams from other nodes; one more is closed");
            }
        }
    }
}

/// Replication, as the control loop tells it.
struct Told(Replication);

impl Plane for Told {
    fn join(&self, node: NodeId, cluster: ClusterId) {
        self.0.join(node, cluster);
    }

    fn adopt(&self, topology: Arc<Topology>) {
        self.0.announce(topology);
    }

    fn grant(&self, until_ns: u64, epoch: Epoch) {
        self.0.grant(until_ns, epoch);
    }

    fn give_back(&self) {
        self.0.give_back();
    }

    fn hand_over(&self, asked: Vec<(Partition, NodeId)>) {
        self.0.hand_over(asked);
    }

    fn report(&self) -> PlaneReport {
        PlaneReport { bytes: self.0.report().bytes }
    }
}

/// The control loop, as replication asks it.
struct Proposer(Arc<OnceLock<Handle>>);

impl Proposals for Proposer {
    fn propose(&self, steps: Vec<Step>) -> LocalFuture<'_, Result<Epoch, ProposeError>> {
        Box::pin(async move {
            let handle = self.0.get().ok_or(ProposeError::NotProposed)?;
            match handle.propose(Change::Steps(steps)).await {
                Ok(Answer::Applied { epoch, .. }) => Ok(epoch),
                Ok(Answer::Admitted(_) | Answer::Refused(_)) => Err(ProposeError::NotProposed),
                Err(handle::ProposeError::Unknown | handle::ProposeError::Stopped) => {
                    Err(ProposeError::Unknown)
                }
                Err(handle::ProposeError::NoLeader | handle::ProposeError::Busy) => {
                    Err(ProposeError::NotProposed)
                }
            }
        })
    }
}

fn fill(report: &replicated::Report, partition: Partition, to: NodeId) -> Fill {
    let bytes = report.bytes.iter().find(|(of, _)| *of == partition).map_or(0, |(_, bytes)| *bytes);
    Fill { partition, to, sent_bytes: 0, bytes }
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// How often the control loop is asked what it sees.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Within which a refusal to leave comes.
const REFUSAL_TIME: Duration = Duration::from_millis(1_500);
