//! The handle of replication: what the cluster tells it and what the server asks it.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use larder_proto::slot::Partition;
use larder_proto::topology::{ClusterId, Epoch, NodeId, Topology};

use super::adopt::{adopt, join};
use super::core::{Core, ReplicationParts};
use super::custody::Recorder;
use super::inbound::receive;
use super::jobs::Job;
use super::ports::{Place, Report, Settled};
use super::report::report;
use super::supervisor::run;
use crate::commands::ports::Mark;
use crate::link::{Introduction, Link, Purpose};

/// Replication of this node. Shared by all threads; a clone is the same one.
#[derive(Clone)]
pub struct Replication(Arc<Core>);

impl Replication {
    /// Joins the parts. Nothing is served before [`Replication::join`], [`Replication::adopt`] and [`Replication::grant`].
    #[must_use]
    pub fn new(parts: ReplicationParts) -> Self {
        Self(Arc::new(Core::new(parts)))
    }

    /// The cluster has given this node a number. Told once.
    pub fn join(&self, node: NodeId, cluster: ClusterId) {
        join(&self.0, node, cluster);
    }

    /// This node's number, once it has one.
    #[must_use]
    pub fn own(&self) -> Option<NodeId> {
        self.0.own()
    }

    /// Takes over a topology that is newer than the last one; any epochs may lie between. Each role changes with its partition
    /// locked for writing. Once this returns, this node serves what the topology says and nothing else.
    pub fn adopt(&self, topology: Arc<Topology>) {
        adopt(&self.0, topology);
    }

    /// Lets [`Replication::run`] take over a topology, as soon as its partitions can be locked: this waits for nothing. One
    /// that is announced before the last was taken over takes its place.
    pub fn announce(&self, topology: Arc<Topology>) {
        self.0.announced.tell(Some(topology));
    }

    /// This node may serve until its monotonic clock shows `until_ns`, once no row of `epoch` is left that takes from it what it
    /// serves.
    pub fn grant(&self, until_ns: u64, epoch: Epoch) {
        let was_over = !self.0.holds_lease();
        self.0.lease.grant(until_ns, epoch);
        if was_over {
            self.0.changes.wake();
        }
    }

    /// This node serves nothing from here on, whatever is granted: it leaves.
    pub fn give_back(&self) {
        self.0.lease.give_back();
        self.0.changes.wake();
    }

    /// The topology that is adopted, or is being adopted.
    #[must_use]
    pub fn topology(&self) -> Option<Arc<Topology>> {
        self.0.topology()
    }

    /// The epoch of the newest topology that was taken over with every row; zero before the first.
    #[must_use]
    pub fn adopted(&self) -> Epoch {
        self.0.epoch()
    }

    /// Whether this node holds a lease at this moment.
    #[must_use]
    pub fn holds_lease(&self) -> bool {
        self.0.holds_lease()
    }

    /// Where a partition is served. One load.
    #[must_use]
    #[inline]
    pub fn place(&self, partition: Partition) -> Place {
        self.0.part(partition).place()
    }

    /// Whether a partition got its owner less than this time ago.
    #[must_use]
    pub fn moved_within(&self, partition: Partition, time: Duration) -> bool {
        let since_ns = self.0.part(partition).owned_since_ns();
        self.0.clock.monotonic_ns().saturating_sub(since_ns) < time.as_nanos() as u64
    }

    /// Grows when places change. Odd while they do: what is seen of them under an odd number may be old.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.0.version.get()
    }

    /// The epoch of the newest topology that was taken over, or is being; zero before the first.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.0.epoch_begun()
    }

    /// Wakes this task of this worker once, as soon as a ticket may be settled, or a place, a lease or the room for changes is
    /// another. Ask for those *after* this.
    pub fn watch(&self, worker: usize, waker: &Waker) {
        self.0.changes.register(worker, waker);
    }

    /// The custody of one worker.
    #[must_use]
    pub fn custody(&self) -> Recorder {
        Recorder::new(Arc::clone(&self.0))
    }

    /// What became of the marks of a ticket.
    #[must_use]
    pub fn settled(&self, marks: &[Mark]) -> Settled {
        let mut settled = Settled::Yes;
        for mark in marks {
            match self.0.part(mark.partition).cell.lock().settled(mark) {
                Some(true) => {}
                Some(false) => settled = Settled::No,
                None => return Settled::Lost,
            }
        }
        settled
    }

    /// Gives partitions to these copies, as soon as they have everything. What cannot be handed over stays.
    pub fn hand_over(&self, partitions: Vec<(Partition, NodeId)>) {
        self.0.jobs.push(Job::HandOver(partitions));
    }

    /// What this node says of itself on a connection that it opens for this.
    #[must_use]
    pub fn introduction(&self, purpose: Purpose) -> Introduction {
        self.0.introduction(purpose)
    }

    /// Takes what another node sends on a link that it opened for a stream. Ends with the link.
    pub fn receive(&self, link: Link, theirs: Introduction) -> impl Future<Output = ()> + use<> {
        receive(Arc::clone(&self.0), link, theirs)
    }

    /// Runs everything that goes on by itself: streams to other nodes, filling, handing over, looking after copies. Spawns
    /// local tasks on the thread that it is run on, and never ends; they end with it.
    pub fn run(&self) -> impl Future<Output = ()> + use<> {
        run(Arc::clone(&self.0))
    }

    /// What goes on at the moment.
    #[must_use]
    pub fn report(&self) -> Report {
        report(&self.0)
    }
}

impl fmt::Debug for Replication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Replication")
    }
}
