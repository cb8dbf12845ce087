//! Takes over a topology: each partition whose row has changed is locked for writing, its role changed, and what follows from
//! that is done or handed to the tasks.

use std::sync::Arc;

use larder_proto::slot::Partition;
use larder_proto::topology::{ClusterId, Incarnation, NodeId, Topology};

use super::cell::{Adopted, Cell, Role};
use super::core::Core;
use super::feed::Feed;
use super::jobs::{FillJob, Job};
use super::messages::{Start, frame, kind, put};
use crate::store::{Access, PartitionGuard};

/// Takes over a topology that is newer than the last one.
pub(super) fn adopt(core: &Arc<Core>, topology: Arc<Topology>) {
    let mut adopting = core.adopting.lock();
    let Some(own) = core.own() else {
        *adopting = Some(topology);
        return;
    };
    let former = core.topology();
    if former.as_ref().is_some_and(|former| former.epoch >= topology.epoch) {
        return;
    }
    let changing = core.version.change();
    for partition in Partition::all() {
        let is_same = former.as_ref().is_some_and(|former| former.row(partition) == topology.row(partition));
        if !is_same {
            change(core, own, partition, &topology);
        }
    }
    drop(changing);
    *core.topology.write() = Some(Arc::clone(&topology));
    // Last: a lease that was granted under this epoch counts from here on.
    core.publish_epoch(topology.epoch);
    close_unused(core, own, &topology);
    core.feeds().iter().for_each(|feed| feed.wake_sender());
    drop(adopting);
    core.changes.wake();
}

/// This node has a number: what came before it is taken over.
pub(super) fn join(core: &Arc<Core>, node: NodeId, cluster: ClusterId) {
    let mut adopting = core.adopting.lock();
    // Told again by a caller that started anew, it is the same.
    let _ = core.identity.set((node, cluster));
    let waiting = adopting.take();
    drop(adopting);
    waiting.into_iter().for_each(|topology| adopt(core, topology));
}

/// Changes this node's role in one partition.
fn change(core: &Arc<Core>, own: NodeId, partition: Partition, topology: &Topology) {
    let row = topology.row(partition);
    let part = core.part(partition);
    let mut guard = core.store.lock_partition(partition, Access::Write, core.clock.now());
    let mut cell = part.cell.lock();
    let was_owner = cell.is_owner();
    let adopted = cell.adopt(row, own, |node| feed_for(core, node, topology));
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
