//! Takes over a topology: each partition whose row has changed is locked for writing, its role changed, and what follows from
//! that is done or handed to the tasks.

use std::sync::Arc;

use larder_proto::slot::Partition;
use larder_proto::topology::{ClusterId, Incarnation, NodeId, Row, Topology};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};

use super::cell::{Adopted, Cell, Role};
use super::core::Core;
use super::feed::Feed;
use super::jobs::{FillJob, Job};
use super::messages::{Start, frame, kind, put};
use crate::limits::{LOCK_LOOKS_MAX, LOCK_PATIENCE, LOCK_PAUSE};
use crate::store::{Access, PartitionGuard};

/// The newest topology that this node was told of and has not begun to take over. Told from any thread.
#[derive(Debug, Default)]
pub(super) struct Announced {
    topology: Mutex<Option<Arc<Topology>>>,
    told: Notify,
}

impl Announced {
    /// There is a newer one, or the node has learned who it is.
    pub(super) fn tell(&self, topology: Option<Arc<Topology>>) {
        if let Some(topology) = topology {
            *self.topology.lock() = Some(topology);
        }
        self.told.notify_one();
    }
}

/// Takes over what is announced, as soon as this node knows who it is, for ever. A partition that is locked for long is waited
/// for, and nothing else of the thread waits with it.
pub(super) async fn keep_adopting(core: Arc<Core>) {
    loop {
        core.announced.told.notified().await;
        let newest = core.own().and_then(|own| Some((own, core.announced.topology.lock().take()?)));
        let Some(adoption) = newest.and_then(|(own, newest)| Adoption::begin(&core, own, newest)) else {
            continue;
        };
        let left = adoption.change_free(adoption.changed.clone());
        adoption.change_locked(left).await;
        adoption.end();
    }
}

/// Takes over a topology that is newer than the last one at once.
pub(super) fn adopt(core: &Arc<Core>, topology: Arc<Topology>) {
    let mut adopting = core.adopting.lock();
    let Some(own) = core.own() else {
        *adopting = Some(topology);
        return;
    };
    if let Some(adoption) = Adoption::begin(core, own, topology) {
        adoption.change_some(adoption.changed.iter().copied());
        adoption.end();
    }
}

/// This node has a number: what came before it is taken over.
pub(super) fn join(core: &Arc<Core>, node: NodeId, cluster: ClusterId) {
    let mut adopting = core.adopting.lock();
    // Told again by a caller that started anew, it is the same.
    let _ = core.identity.set((node, cluster));
    let waiting = adopting.take();
    drop(adopting);
    waiting.into_iter().for_each(|topology| adopt(core, topology));
    core.announced.tell(None);
}

/// A topology that is being taken over.
struct Adoption<'c> {
    core: &'c Arc<Core>,
    own: NodeId,
    /// Whether the topology knows of this run of the node's process, and not of a former one.
    is_meant: bool,
    topology: Arc<Topology>,
    /// The partitions whose rows are others than before.
    changed: Vec<Partition>,
}

impl<'c> Adoption<'c> {
    fn begin(core: &'c Arc<Core>, own: NodeId, topology: Arc<Topology>) -> Option<Self> {
        // One adoption ends before the next begins.
        let former = core.topology();
        if former.as_ref().is_some_and(|former| former.epoch >= topology.epoch) {
            return None;
        }
        let is_other = |partition: &Partition| {
            former.as_ref().is_none_or(|former| former.row(*partition) != topology.row(*partition))
        };
        let (changed, same): (Vec<_>, Vec<_>) = Partition::all().partition(is_other);
        let is_meant =
            topology.members.get(&own).is_some_and(|member| member.incarnation == core.incarnation);
        core.begin_epoch(topology.epoch);
        // Before any row: what a changed row sets going looks here for the members that it concerns.
        *core.topology.write() = Some(Arc::clone(&topology));
        same.iter().for_each(|&partition| core.part(partition).note_adopted(topology.epoch));
        Some(Self { core, own, is_meant, topology, changed })
    }

    /// Changes the rows whose partitions can be locked at once; the others.
    fn change_free(&self, mut partitions: Vec<Partition>) -> Vec<Partition> {
        if !partitions.iter().any(|partition| self.core.store.is_free(*partition)) {
            return partitions;
        }
        {
            let _changing = self.core.version.change();
            partitions.retain(|partition| {
                let is_locked = !self.core.store.is_free(*partition);
                if !is_locked {
                    self.change_one(*partition);
                }
                is_locked
            });
        }
        self.tell(&partitions);
        partitions
    }

    /// Changes each of these rows as soon as its partition can be locked. If none can for [`LOCK_PATIENCE`] the caller stands in
    /// line as everybody does.
    async fn change_locked(&self, mut left: Vec<Partition>) {
        let (mut looks, mut since) = (0, Instant::now());
        while !left.is_empty() && since.elapsed() < LOCK_PATIENCE {
            if looks < LOCK_LOOKS_MAX {
                yield_now().await;
            } else {
                sleep(LOCK_PAUSE).await;
            }
            looks += 1;
            let before = left.len();
            left = self.change_free(left);
            if left.len() < before {
                since = Instant::now();
            }
        }
        self.change_some(left);
    }

    /// Lets streams and workers go on whose rows are changed, and a lease count as soon as no row is left that takes from this
    /// node what it serves.
    fn tell(&self, left: &[Partition]) {
        let core = self.core;
        core.note_rows_adopted();
        let takes_away = |partition: &Partition| {
            let row = self.topology.row(*partition);
            let cell = core.part(*partition).cell.lock();
            // Under another term somebody else may have served it in between.
            let stays = self.is_meant && row.owner == Some(self.own) && row.since == cell.term;
            cell.is_owner() && !stays
        };
        if !left.iter().any(takes_away) {
            core.lease.note_adopted(self.topology.epoch);
        }
        core.feeds().iter().for_each(|feed| feed.wake_sender());
        core.changes.wake();
    }

    fn change_some(&self, partitions: impl IntoIterator<Item = Partition>) {
        let _changing = self.core.version.change();
        partitions.into_iter().for_each(|partition| self.change_one(partition));
    }

    /// Where places may change.
    fn change_one(&self, partition: Partition) {
        let row = self.topology.row(partition);
        match self.is_meant {
            true => change(self.core, self.own, partition, (row, &self.topology)),
            false => change(self.core, self.own, partition, (&without(row, self.own), &self.topology)),
        }
        self.core.part(partition).note_adopted(self.topology.epoch);
    }

    /// Every row is changed.
    fn end(self) {
        self.tell(&[]);
        self.core.publish_epoch(self.topology.epoch);
        close_unused(self.core, self.own, &self.topology);
    }
}

/// The row without what it says of a former run of this node's process: that is not this one's to give or to take.
fn without(row: &Row, own: NodeId) -> Row {
    let mut row = row.clone();
    row.owner = row.owner.filter(|owner| *owner != own);
    row.copies.retain(|copy| copy.node != own);
    row
}

/// Changes this node's role in one partition.
fn change(core: &Arc<Core>, own: NodeId, partition: Partition, (row, topology): (&Row, &Topology)) {
    let part = core.part(partition);
    let mut guard = core.store.lock_partition(partition, Access::Write, core.clock.now());
    let mut cell = part.cell.lock();
    let (was_owner, former_term) = (cell.is_owner(), cell.term);
    let adopted = cell.adopt((row, guard.sequence()), own, |node| feed_for(core, node, topology));
    if adopted.clear {
        guard.clear();
        guard.set_sequence(0);
        let bytes = cell.remembered.clear();
        core.count_remembered(bytes);
    }
    if was_owner && !cell.is_owner() {
        // Who watches keys here would not see what others change from now on.
        guard.touch_watches();
    }
    tell_copies(core, &mut cell, &guard, &adopted);
    for &(node, since) in &adopted.to_fill {
        core.jobs.push(Job::Fill(FillJob { partition, node, since }));
    }
    if cell.term != former_term {
        part.note_owner(core.clock.monotonic_ns());
    }
    part.publish(&cell, row.owner);
    tracing::debug!(partition = partition.index(), role = ?cell.role, term = cell.term.0, "took over a row");
}

/// Tells copies in sync who goes on, and from where.
fn tell_copies(core: &Core, cell: &mut Cell, guard: &PartitionGuard<'_>, adopted: &Adopted) {
    let mut bytes = Vec::new();
    let start = Start {
        partition: guard.partition().index() as u32,
        term: cell.term.0,
        sequence: guard.sequence(),
        since: 0,
    };
    frame(&mut bytes, kind::CONTINUE, |to| put(to, &start));
    for &at in &adopted.to_continue {
        let slot = &mut cell.slots[at];
        slot.note_start(core.append(&slot.feed, &bytes));
    }
}

/// The feed for the run of a node that the topology names. One that it does not name acknowledges nothing.
fn feed_for(core: &Arc<Core>, node: NodeId, topology: &Topology) -> Arc<Feed> {
    let incarnation = topology.members.get(&node).map_or(Incarnation::default(), |member| member.incarnation);
    core.open_feed(node, incarnation)
}

/// Closes feeds to nodes that hold nothing of what this node owns.
fn close_unused(core: &Core, own: NodeId, topology: &Topology) {
    let mut used: Vec<(NodeId, Incarnation)> = topology
        .rows
        .iter()
        .filter(|row| row.owner == Some(own))
        .flat_map(|row| &row.copies)
        .map(|copy| {
            let member = topology.members.get(&copy.node);
            (copy.node, member.map_or(Incarnation::default(), |member| member.incarnation))
        })
        .collect();
    used.sort_unstable();
    used.dedup();
    core.close_feeds(|feed| used.binary_search(&(feed.node, feed.incarnation)).is_ok());
}

/// Lets an owner that was to hand over go on, the partition being locked by the caller.
pub(super) fn resume(core: &Core, partition: Partition, cell: &mut Cell) {
    if cell.role == Role::Yielding {
        let _changing = core.version.change();
        (cell.role, cell.settled) = (Role::Serving, None);
        core.part(partition).publish(cell, core.own());
    }
}
