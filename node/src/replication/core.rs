//! What all parts of replication share: the partitions, the feeds, the lease, the topology. Which of them changes when is
//! decided in the modules beside.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use larder_proto::slot::{PARTITIONS, Partition};
use larder_proto::topology::{ClusterId, Epoch, Incarnation, NodeId, Topology};
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};

use super::adopt::Announced;
use super::changes::Changes;
use super::feed::{Acknowledged, Feed};
use super::fill::Proven;
use super::hand_over::HandOvers;
use super::inbound::Inbound;
use super::jobs::{Job, Jobs};
use super::keeper::Silences;
use super::lease::Lease;
use super::pace::Rests;
use super::part::Part;
use super::ports::Proposals;
use super::refusals::Refusals;
use super::version::Version;
use crate::clock::Clock;
use crate::limits::{
    FEED_BYTES_MAX, FEED_BYTES_MIN, FEED_SHARE, LOCK_LOOKS_MAX, LOCK_PATIENCE, LOCK_PAUSE,
    REMEMBERED_BYTES_MAX,
};
use crate::link::{Introduction, Purpose, Secret, VERSIONS};
use crate::net::Network;
#[cfg(feature = "sabotage")]
use crate::sabotage::{Rule, is_broken};
use crate::store::Store;

/// What replication is made of.
pub struct ReplicationParts {
    /// The store.
    pub store: Arc<Store>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where other nodes are reached.
    pub network: Arc<dyn Network>,
    /// The cluster's secret.
    pub secret: Secret,
    /// The region.
    pub region: String,
    /// This run of the process.
    pub incarnation: Incarnation,
    /// Where changes of rows are proposed.
    pub proposals: Arc<dyn Proposals>,
    /// How long a lease is.
    pub lease: Duration,
    /// Seed of random choices.
    pub seed: u64,
}

/// What all parts of replication share.
pub(super) struct Core {
    pub(super) store: Arc<Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) network: Arc<dyn Network>,
    pub(super) secret: Secret,
    pub(super) proposals: Arc<dyn Proposals>,
    region: String,
    pub(super) incarnation: Incarnation,
    /// Set once, when the cluster has given this node a number.
    pub(super) identity: OnceLock<(NodeId, ClusterId)>,
    pub(super) parts: Box<[Part]>,
    /// Written by `adopt`, before any role that it changes.
    pub(super) topology: RwLock<Option<Arc<Topology>>>,
    /// The epoch adopted. Written by `adopt`, after every role that it changes.
    epoch: AtomicU64,
    /// The epoch that is adopted or is being adopted. Written by `adopt` before any place changes.
    epoch_begun: AtomicU64,
    /// Wakes who waits for it, or for a row, in the order in which they came.
    epoch_changed: Notify,
    /// Grows when places change.
    pub(super) version: Version,
    pub(super) lease: Lease,
    /// Nanoseconds from which a request counts as the cause when the lease ended while it ran.
    pub(super) long_ns: u64,
    pub(super) changes: Changes,
    /// Open feeds, by number ascending. Written by `adopt`.
    feeds: RwLock<Vec<Arc<Feed>>>,
    feeds_opened: AtomicU64,
    /// How many feeds have no room. Below zero for a moment where one thread is faster than the other.
    full_feeds: AtomicI64,
    /// What came from other nodes.
    pub(super) inbound: Mutex<BTreeMap<NodeId, Arc<Inbound>>>,
    remembered_bytes: AtomicI64,
    /// Copies that have everything and are to be proposed as in sync.
    pub(super) proven: Proven,
    /// When each feed was last seen to get on. Written by the keeper.
    pub(super) silences: Silences,
    /// Copies that refused what they were sent. Written by the keeper, and by who fills.
    pub(super) refusals: Refusals,
    /// Between the steps of whatever this node fills.
    pub(super) rests: Rests,
    pub(super) hand_overs: HandOvers,
    pub(super) jobs: Jobs,
    /// Held while a topology is adopted. What came before this node knew its number waits there.
    pub(super) adopting: Mutex<Option<Arc<Topology>>>,
    pub(super) announced: Announced,
    random: Mutex<Rng>,
}

impl Core {
    pub(super) fn new(parts: ReplicationParts) -> Self {
        parts.store.set_copied();
        Self {
            store: parts.store,
            clock: parts.clock,
            network: parts.network,
            secret: parts.secret,
            proposals: parts.proposals,
            region: parts.region,
            incarnation: parts.incarnation,
            identity: OnceLock::new(),
            parts: (0..PARTITIONS).map(|_| Part::default()).collect(),
            topology: RwLock::default(),
            epoch: AtomicU64::new(0),
            epoch_begun: AtomicU64::new(0),
            epoch_changed: Notify::new(),
            version: Version::default(),
            lease: Lease::default(),
            long_ns: parts.lease.as_nanos() as u64 / LONG_SHARE,
            changes: Changes::default(),
            feeds: RwLock::default(),
            feeds_opened: AtomicU64::new(0),
            full_feeds: AtomicI64::new(0),
            inbound: Mutex::default(),
            remembered_bytes: AtomicI64::new(0),
            proven: Proven::default(),
            silences: Silences::default(),
            refusals: Refusals::default(),
            rests: Rests::default(),
            hand_overs: HandOvers::default(),
            jobs: Jobs::default(),
            adopting: Mutex::default(),
            announced: Announced::default(),
            random: Mutex::new(Rng::with_seed(parts.seed)),
        }
    }

    #[inline]
    pub(super) fn part(&self, partition: Partition) -> &Part {
        &self.parts[partition.index()]
    }

    /// This node's number, once it has one.
    pub(super) fn own(&self) -> Option<NodeId> {
        self.identity.get().map(|(node, _)| *node)
    }

    /// The topology that is adopted, or is being adopted: a role may be of the one before still.
    pub(super) fn topology(&self) -> Option<Arc<Topology>> {
        self.topology.read().clone()
    }

    /// The epoch adopted last.
    pub(super) fn epoch(&self) -> Epoch {
        Epoch(self.epoch.load(Ordering::Acquire))
    }

    /// The epoch that is adopted, or is being adopted.
    pub(super) fn epoch_begun(&self) -> Epoch {
        Epoch(self.epoch_begun.load(Ordering::Acquire))
    }

    /// Lets everybody see that an epoch is being adopted.
    pub(super) fn begin_epoch(&self, epoch: Epoch) {
        self.epoch_begun.store(epoch.0, Ordering::Release);
    }

    /// Lets everybody see that an epoch is adopted, with every row.
    pub(super) fn publish_epoch(&self, epoch: Epoch) {
        self.epoch.store(epoch.0, Ordering::Release);
        self.epoch_changed.notify_waiters();
    }

    /// Lets everybody see that rows of an epoch are taken over.
    pub(super) fn note_rows_adopted(&self) {
        self.epoch_changed.notify_waiters();
    }

    /// Waits until this epoch is adopted.
    pub(super) async fn epoch_adopted(&self, epoch: Epoch) {
        self.adopted(|| self.epoch() >= epoch).await;
    }

    /// Waits until the partition's row of this epoch is taken over.
    pub(super) async fn row_adopted(&self, partition: Partition, epoch: Epoch) {
        self.adopted(|| self.part(partition).adopted() >= epoch).await;
    }

    async fn adopted(&self, is_adopted: impl Fn() -> bool) {
        loop {
            // Before looking, so that no change in between is missed.
            let changed = self.epoch_changed.notified();
            if is_adopted() {
                return;
            }
            changed.await;
        }
    }

    /// Waits until the partition can be locked for writing at once, so that the thread, with all its streams, does not stand
    /// still behind a command that runs long. After [`LOCK_PATIENCE`] the caller stands in line as everybody does.
    pub(super) async fn unlocked(&self, partition: Partition) {
        for _ in 0..LOCK_LOOKS_MAX {
            if self.store.is_free(partition) {
                return;
            }
            yield_now().await;
        }
        let began = Instant::now();
        while !self.store.is_free(partition) && began.elapsed() < LOCK_PATIENCE {
            sleep(LOCK_PAUSE).await;
        }
    }

    /// Whether this node may serve at this moment.
    pub(super) fn holds_lease(&self) -> bool {
        #[cfg(feature = "sabotage")]
        if is_broken(Rule::Lease) {
            return self.lease.until_ns() > 0;
        }
        self.clock.monotonic_ns() < self.lease.until_ns()
    }

    /// What this node says of itself on a connection.
    pub(super) fn introduction(&self, purpose: Purpose) -> Introduction {
        Introduction {
            versions: VERSIONS,
            region: self.region.clone(),
            cluster: self.identity.get().map(|(_, cluster)| *cluster),
            node: self.own(),
            incarnation: self.incarnation,
            purpose,
        }
    }

    /// A source of random choices of its own.
    pub(super) fn random(&self) -> Rng {
        self.random.lock().fork()
    }

    /// The open feeds, by number ascending.
    pub(super) fn feeds(&self) -> Vec<Arc<Feed>> {
        self.feeds.read().clone()
    }

    /// The feed for this run of this node, which is opened if it is not there.
    pub(super) fn open_feed(&self, node: NodeId, incarnation: Incarnation) -> Arc<Feed> {
        let mut feeds = self.feeds.write();
        if let Some(feed) = feeds.iter().find(|feed| feed.node == node && feed.incarnation == incarnation) {
            return Arc::clone(feed);
        }
        let number = self.feeds_opened.fetch_add(1, Ordering::Relaxed) + 1;
        let bytes_max = (self.store.memory().limit() / FEED_SHARE).clamp(FEED_BYTES_MIN, FEED_BYTES_MAX);
        let feed = Arc::new(Feed::new(number, node, incarnation, bytes_max));
        feeds.push(Arc::clone(&feed));
        drop(feeds);
        self.jobs.push(Job::Feed(Arc::clone(&feed)));
        feed
    }

    /// Closes the feeds that are not among these.
    pub(super) fn close_feeds(&self, mut is_used: impl FnMut(&Feed) -> bool) {
        let mut closed = Vec::new();
        self.feeds.write().retain(|feed| {
            let used = is_used(feed);
            if !used {
                closed.push(Arc::clone(feed));
            }
            used
        });
        for feed in closed {
            let (bytes, was_full) = feed.close();
            self.store.memory().count_buffers(-(bytes as i64));
            self.full_feeds.fetch_sub(i64::from(was_full), Ordering::Relaxed);
        }
    }

    /// Appends a frame to a feed; its position.
    pub(super) fn append(&self, feed: &Feed, frame: &[u8]) -> u64 {
        let appended = feed.append(frame);
        if appended.bytes > 0 {
            self.store.memory().count_buffers(appended.bytes as i64);
        }
        if appended.is_full {
            self.full_feeds.fetch_add(1, Ordering::Relaxed);
        }
        appended.position
    }

    /// Takes account of what an acknowledgement freed.
    pub(super) fn count_acknowledged(&self, acknowledged: &Acknowledged) {
        self.store.memory().count_buffers(-(acknowledged.bytes as i64));
        self.full_feeds.fetch_sub(i64::from(acknowledged.room), Ordering::Relaxed);
    }

    /// Whether any feed may have no room.
    #[inline]
    pub(super) fn has_full_feeds(&self) -> bool {
        self.full_feeds.load(Ordering::Relaxed) != 0
    }

    /// Counts memory of remembered writes.
    pub(super) fn count_remembered(&self, bytes: i64) {
        if bytes != 0 {
            self.remembered_bytes.fetch_add(bytes, Ordering::Relaxed);
            self.store.memory().count_buffers(bytes);
        }
    }

    pub(super) fn remembered_bytes(&self) -> i64 {
        self.remembered_bytes.load(Ordering::Relaxed)
    }

    /// Whether no more replies may be remembered.
    pub(super) fn is_short_of_memory(&self) -> bool {
        self.remembered_bytes() > REMEMBERED_BYTES_MAX
    }
}

/// A request that ran longer than this part of a lease, the time between two renewals, is not carried out again by itself.
const LONG_SHARE: u64 = 4;
