//! The four steps of a row, each with its precondition, and what becomes of the rows of a member that has lost its memory.
//! Which step is wanted when is left to the planner.

use larder_proto::topology::{
    CopyState, Epoch, MemberState, NodeId, Replica, Row, RowChange, Step, Topology,
};

use super::machine::Refusal;

/// Whether the step's precondition holds.
pub(super) fn fits(topology: &Topology, step: &Step) -> bool {
    let row = topology.row(step.partition);
    if row.since != step.term {
        return false;
    }
    match step.change {
        RowChange::AddCopy { node } => {
            let state = topology.members.get(&node).map(|member| member.state);
            state == Some(MemberState::Up)
                && row.owner.is_some()
                && row.owner != Some(node)
                && row.copy(node).is_none()
        }
        RowChange::MarkInSync { node, since } => {
            is_serving(topology, node)
                && row.owner.is_some_and(|owner| is_serving(topology, owner))
                && row.copy(node).is_some_and(|copy| copy.state == CopyState::Filling && copy.since == since)
        }
        RowChange::HandOver { from, to, since } => {
            row.owner == Some(from)
                && is_serving(topology, from)
                && is_serving(topology, to)
                && row.copy(to).is_some_and(|copy| copy.state == CopyState::InSync && copy.since == since)
        }
        RowChange::TakeOver { to } => {
            !row.owner.is_some_and(|owner| is_serving(topology, owner))
                && is_serving(topology, to)
                && (row.in_sync().any(|node| node == to) || heirs(topology, row).next().is_none())
        }
        // An owner that was called down says nothing any more: the copy may be the one that takes over.
        RowChange::DropCopy { node, since } => {
            row.owner.is_some_and(|owner| is_serving(topology, owner))
                && row.copy(node).is_some_and(|copy| copy.since == since)
        }
    }
}

/// Takes the step, if its precondition holds, under the epoch that the topology is about to get. Whether it did.
pub(super) fn take(topology: &mut Topology, step: &Step, epoch: Epoch) -> bool {
    if !fits(topology, step) {
        return false;
    }
    let mut row = std::mem::take(&mut topology.rows[step.partition.index()]);
    match step.change {
        RowChange::AddCopy { node } => put(&mut row, node, CopyState::Filling, epoch),
        RowChange::MarkInSync { node, since } => put(&mut row, node, CopyState::InSync, since),
        RowChange::DropCopy { node, .. } => row.copies.retain(|copy| copy.node != node),
        RowChange::HandOver { from, to, .. } => {
            let others = row.copies.iter_mut().filter(|copy| copy.state == CopyState::Filling);
            others.for_each(|copy| copy.since = epoch);
            own(&mut row, to, epoch);
            put(&mut row, from, CopyState::InSync, epoch);
        }
        RowChange::TakeOver { to } => {
            if !row.in_sync().any(|node| node == to) {
                topology.lost += u64::from(row.owner.is_some());
                row.emptied = epoch;
            }
            row.copies.retain(|copy| is_serving(topology, copy.node));
            for copy in &mut row.copies {
                *copy = Replica { node: copy.node, state: CopyState::Filling, since: epoch };
            }
            own(&mut row, to, epoch);
        }
    }
    topology.rows[step.partition.index()] = row;
    true
}

/// Takes a member that holds nothing any more out of all rows. A row that it owned has no owner then, and counts as lost.
///
/// # Errors
/// It owns a row that others could take over: they have to first. Nothing has changed then.
pub(super) fn release(topology: &mut Topology, node: NodeId) -> Result<(), Refusal> {
    let owned = |row: &&Row| row.owner == Some(node);
    if topology.rows.iter().filter(owned).any(|row| heirs(topology, row).next().is_some()) {
        return Err(Refusal::StillOwner(node));
    }
    let epoch = Epoch(topology.epoch.0 + 1);
    for row in &mut topology.rows {
        if row.owner == Some(node) {
            *row = Row { owner: None, since: epoch, copies: Vec::new(), ..*row };
            topology.lost += 1;
        } else {
            row.copies.retain(|copy| copy.node != node);
        }
    }
    Ok(())
}

/// Whether any row names the member.
pub(super) fn names(topology: &Topology, node: NodeId) -> bool {
    topology.rows.iter().any(|row| row.owner == Some(node) || row.copy(node).is_some())
}

/// The copies that may take over: in sync, and not at a member that is down.
fn heirs<'a>(topology: &'a Topology, row: &'a Row) -> impl Iterator<Item = NodeId> + 'a {
    row.in_sync().filter(|node| is_serving(topology, *node))
}

/// Whether the node is a member that is not down.
pub(super) fn is_serving(topology: &Topology, node: NodeId) -> bool {
    topology.members.get(&node).is_some_and(|member| member.state != MemberState::Down)
}

fn own(row: &mut Row, node: NodeId, epoch: Epoch) {
    row.copies.retain(|copy| copy.node != node);
    row.owner = Some(node);
    row.since = epoch;
}

/// Adds the copy or changes it; copies stay in the order of their nodes.
fn put(row: &mut Row, node: NodeId, state: CopyState, since: Epoch) {
    let copy = Replica { node, state, since };
    match row.copies.binary_search_by_key(&node, |copy| copy.node) {
        Ok(at) => row.copies[at] = copy,
        Err(at) => row.copies.insert(at, copy),
    }
}
