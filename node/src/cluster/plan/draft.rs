//! What the planner works on: the rows as they will be once what is planned has happened, and what that leaves each node with.

use std::collections::BTreeMap;

use larder_proto::slot::Partition;
use larder_proto::topology::{CopyState, MemberState, NodeId, Row, RowChange, Step, Topology};

use super::{HandOver, Plan};
use crate::cluster::machine::{Leave, State};

/// A draft of the next topology. Nodes are named by their place in `nodes`, which is ascending by number.
pub(super) struct Draft<'a> {
    topology: &'a Topology,
    /// The members, and what each would hold.
    pub(super) nodes: Vec<Node>,
    /// Which rows are planned to change, or wait for something, and are left alone by further stages.
    touched: Vec<bool>,
    /// Bytes of each partition, and something for its being one.
    weights: Vec<u64>,
    /// Copies wanted beside each owner.
    pub(super) wanted: usize,
    pub(super) plan: Plan,
}

/// One member.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) id: NodeId,
    /// The number of its zone. Members without a label are in one zone together.
    pub(super) zone: usize,
    /// It is up and stays: it may be given something.
    pub(super) receives: bool,
    /// It is not down.
    pub(super) serves: bool,
    /// What it holds counts as a copy: it stays, or will be back soon.
    pub(super) lasts: bool,
    /// Partitions it would own.
    pub(super) owners: usize,
    /// The weight of all it would hold.
    pub(super) held: u64,
    /// Partitions that fill there.
    pub(super) filling: usize,
    /// Hand-overs that it is asked for.
    pub(super) hand_overs: usize,
}

impl<'a> Draft<'a> {
    pub(super) fn new(state: &'a State, bytes: &[u64]) -> Self {
        let topology = state.topology.as_ref();
        let nodes = nodes(state);
        let lasting = nodes.iter().filter(|node| node.lasts).count();
        let mut draft = Self {
            topology,
            touched: vec![false; topology.rows.len()],
            weights: weights(topology.rows.len(), bytes),
            wanted: usize::from(topology.replicas).min(lasting.saturating_sub(1)),
            nodes,
            plan: Plan::default(),
        };
        for partition in Partition::all() {
            draft.count(partition);
        }
        draft
    }

    fn count(&mut self, partition: Partition) {
        let (row, weight) = (self.topology.row(partition), self.weight(partition));
        if let Some(owner) = row.owner.and_then(|owner| self.place(owner)) {
            self.nodes[owner].owners += 1;
            self.nodes[owner].held += weight;
        }
        for copy in &row.copies {
            let Some(place) = self.place(copy.node) else { continue };
            self.nodes[place].held += weight;
            self.nodes[place].filling += usize::from(copy.state == CopyState::Filling);
        }
    }

    /// The rows that no stage has touched yet, ascending.
    pub(super) fn open(&self) -> Vec<Partition> {
        Partition::all().filter(|partition| self.is_open(*partition)).collect()
    }

    pub(super) fn is_open(&self, partition: Partition) -> bool {
        !self.touched[partition.index()]
    }

    pub(super) fn touch(&mut self, partition: Partition) {
        self.touched[partition.index()] = true;
    }

    /// A row as the state has it.
    pub(super) fn row(&self, partition: Partition) -> &'a Row {
        self.topology.row(partition)
    }

    pub(super) fn weight(&self, partition: Partition) -> u64 {
        self.weights[partition.index()]
    }

    /// The place of a member.
    pub(super) fn place(&self, id: NodeId) -> Option<usize> {
        self.nodes.binary_search_by_key(&id, |node| node.id).ok()
    }

    /// The owner's place, if it is a member that is not down.
    pub(super) fn owner(&self, partition: Partition) -> Option<usize> {
        self.row(partition)
            .owner
            .and_then(|owner| self.place(owner))
            .filter(|place| self.nodes[*place].serves)
    }

    /// The places of the in-sync copies at members that are not down.
    pub(super) fn in_sync(&self, partition: Partition) -> impl Iterator<Item = usize> {
        self.row(partition)
            .in_sync()
            .filter_map(|node| self.place(node))
            .filter(|place| self.nodes[*place].serves)
    }

    /// The owner and the copies, filling or not, as far as they count.
    pub(super) fn lasting(&self, partition: Partition) -> Vec<usize> {
        let row = self.row(partition);
        let all = row.owner.into_iter().chain(row.copies.iter().map(|copy| copy.node));
        all.filter_map(|node| self.place(node)).filter(|place| self.nodes[*place].lasts).collect()
    }

    /// Whether nothing fills, and nobody who holds it leaves or is down.
    pub(super) fn is_quiet(&self, partition: Partition) -> bool {
        let row = self.row(partition);
        let all = row.owner.into_iter().chain(row.copies.iter().map(|copy| copy.node));
        row.owner.is_some()
            && row.copies.iter().all(|copy| copy.state == CopyState::InSync)
            && all.into_iter().all(|node| self.place(node).is_some_and(|place| self.nodes[place].receives))
    }

    /// The members that may be given something.
    pub(super) fn receivers(&self) -> impl Iterator<Item = usize> {
        (0..self.nodes.len()).filter(|place| self.nodes[*place].receives)
    }

    /// How many members are not down.
    pub(super) fn serving(&self) -> usize {
        self.nodes.iter().filter(|node| node.serves).count()
    }

    /// The mean weight that those hold who may be given something, without what others hold.
    pub(super) fn held_mean(&self) -> u64 {
        let held: u64 = self.receivers().map(|place| self.nodes[place].held).sum();
        held / (self.receivers().count() as u64).max(1)
    }

    /// What each would hold of what is wanted, if all were even.
    pub(super) fn fair_weight(&self) -> u64 {
        let all: u64 = self.weights.iter().sum();
        all * (self.wanted as u64 + 1) / (self.receivers().count() as u64).max(1)
    }

    /// How many zones these members are in.
    pub(super) fn zones(&self, places: &[usize]) -> usize {
        let mut zones: Vec<usize> = places.iter().map(|place| self.nodes[*place].zone).collect();
        zones.sort_unstable();
        zones.dedup();
        zones.len()
    }

    /// Plans that a node takes the partition over.
    pub(super) fn take_over(&mut self, partition: Partition, to: usize) {
        if let Some(copy) = self.row(partition).copy(self.nodes[to].id) {
            self.nodes[to].filling -= usize::from(copy.state == CopyState::Filling);
        } else {
            self.nodes[to].held += self.weight(partition);
        }
        self.nodes[to].owners += 1;
        self.step(partition, RowChange::TakeOver { to: self.nodes[to].id });
        self.touch(partition);
    }

    /// Plans a copy. Further steps of the row may follow.
    pub(super) fn add_copy(&mut self, partition: Partition, at: usize) {
        self.nodes[at].held += self.weight(partition);
        self.nodes[at].filling += 1;
        self.step(partition, RowChange::AddCopy { node: self.nodes[at].id });
    }

    /// Plans that a copy goes. What it weighs stays counted: whoever chose it has taken that off.
    pub(super) fn drop_copy(&mut self, partition: Partition, node: NodeId) {
        let Some(copy) = self.row(partition).copy(node) else { return };
        self.step(partition, RowChange::DropCopy { node, since: copy.since });
        self.touch(partition);
    }

    /// Plans that the owner is asked to hand over to the in-sync copy, of those that stay, that owns least; false if there
    /// is none, or the owner is asked for enough.
    pub(super) fn hand_over(&mut self, partition: Partition, asked_max: usize) -> bool {
        let Some(from) = self.owner(partition) else { return false };
        let stays = |place: &usize| self.nodes[*place].receives;
        let to =
            self.in_sync(partition).filter(stays).min_by_key(|place| (self.nodes[*place].owners, *place));
        let Some(to) = to.filter(|_| self.nodes[from].hand_overs < asked_max) else { return false };
        self.nodes[from].hand_overs += 1;
        self.nodes[from].owners -= 1;
        self.nodes[to].owners += 1;
        let hand_over = HandOver { partition, from: self.nodes[from].id, to: self.nodes[to].id };
        self.plan.hand_overs.push(hand_over);
        self.touch(partition);
        true
    }

    fn step(&mut self, partition: Partition, change: RowChange) {
        self.plan.steps.push(Step { partition, term: self.row(partition).since, change });
    }
}

fn nodes(state: &State) -> Vec<Node> {
    let mut zones = BTreeMap::new();
    for member in state.topology.members.values() {
        let next = zones.len();
        zones.entry(member.zone.as_str()).or_insert(next);
    }
    let node = |(id, member): (&NodeId, &larder_proto::topology::Member)| Node {
        id: *id,
        zone: zones[member.zone.as_str()],
        receives: member.state == MemberState::Up,
        serves: member.state != MemberState::Down,
        lasts: match member.state {
            MemberState::Up => true,
            MemberState::Down => false,
            MemberState::Leaving => state.leaving.get(id) == Some(&Leave::HandOver),
        },
        owners: 0,
        held: 0,
        filling: 0,
        hand_overs: 0,
    };
    state.topology.members.iter().map(node).collect()
}

/// Bytes, and for every partition a sixteenth of the mean, so that empty ones are spread as well.
fn weights(rows: usize, bytes: &[u64]) -> Vec<u64> {
    let known = |row: usize| bytes.get(row).copied().unwrap_or(0).min(BYTES_MAX);
    let total: u64 = (0..rows).map(known).sum();
    let each = total / (16 * rows as u64).max(1) + 1;
    (0..rows).map(|row| known(row) + each).collect()
}

/// More than any partition takes, and little enough to be added up.
const BYTES_MAX: u64 = 1 << 50;
