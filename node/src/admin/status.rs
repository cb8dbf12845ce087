//! How a cluster is, as one of its nodes sees it: plain data that goes over the admin port as JSON. Made of a topology
//! and of what changes all the time by a pure function; how it is shown to people is said in `status_text`.

use std::collections::BTreeMap;

use larder_proto::topology::{CopyState, Member, MemberState, NodeId, Row, Topology};
use serde::{Deserialize, Serialize};

use crate::commands::cluster::{ClusterView, node_name};
use crate::server::Live;

/// How a cluster is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Name of the region.
    pub region: String,
    /// The cluster's number in hexadecimal digits; empty before the node has joined one.
    pub cluster: String,
    /// Number of the topology.
    pub epoch: u64,
    /// The node that was asked; 0 before it has joined.
    pub node: u64,
    /// Who leads the control plane, as far as the node knows.
    pub leader: Option<u64>,
    /// Whether the node holds a lease, so that it serves what it owns.
    pub serving: bool,
    /// Whether the node has left the cluster; what it says of it is what it knew then.
    #[serde(default)]
    pub left: bool,
    /// Whether every partition has an owner, and all its copies are in sync.
    pub healthy: bool,
    /// Why it is not, a sentence each.
    pub problems: Vec<String>,
    /// What an operator wants to know besides, a sentence each.
    pub notes: Vec<String>,
    /// Copies wanted beside each owner.
    pub replicas: u8,
    /// All partitions, counted.
    pub partitions: Partitions,
    /// The members, by number.
    pub members: Vec<MemberStatus>,
    /// What is under way, by sender and receiver.
    pub moves: Vec<Move>,
    /// Regions whose gateways asked the node that was asked, with milliseconds since they did last.
    #[serde(default)]
    pub gateways: BTreeMap<String, u64>,
}

/// All partitions, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partitions {
    /// All there are.
    pub total: usize,
    /// Those that are served.
    pub owned: usize,
    /// Those whose copies are all in sync.
    pub copied: usize,
    /// Copies wanted, of all partitions together.
    pub copies_wanted: usize,
    /// Copies in sync, of those that are wanted.
    pub copies_in_sync: usize,
    /// Copies that are being filled.
    pub copies_filling: usize,
    /// Times that a partition began empty, since no in-sync copy was left.
    pub lost: u64,
}

/// One member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberStatus {
    /// Its number.
    pub node: u64,
    /// Its name in the protocol of Redis Cluster.
    pub name: String,
    /// Where it is.
    pub host: String,
    /// Its port for any client.
    pub port: u16,
    /// What fails together with it.
    pub zone: String,
    /// `up`, `down` or `leaving`.
    pub state: String,
    /// Whether it votes in the control plane.
    pub votes: bool,
    /// Milliseconds for which its lease holds, if the node that was asked knows.
    pub lease_ms: Option<u64>,
    /// Partitions that it owns.
    pub owned: usize,
    /// Copies that it holds.
    pub copies_in_sync: usize,
    /// Copies that it is filled with.
    pub copies_filling: usize,
    /// Bytes of what it owns, if the node that was asked knows.
    pub bytes: Option<u64>,
}

/// Copies on their way from one node to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// The owner.
    pub from: u64,
    /// The node that is filled.
    pub to: u64,
    /// Copies that are being filled.
    pub filling: usize,
    /// Copies between the two that are in sync already.
    pub in_sync: usize,
    /// Bytes sent of those that are being filled, as far as the node that was asked knows.
    pub sent_bytes: u64,
    /// Bytes there are to send of those, as far as it knows.
    pub bytes: u64,
}

impl Status {
    /// How the cluster is, if the node has joined one.
    #[must_use]
    pub fn of(region: &str, view: Option<&ClusterView>, live: &Live) -> Self {
        let Some(view) = view else {
            let why = live.trouble.clone().unwrap_or_else(|| "it is looking for the others".to_owned());
            let problems = vec![format!("the node has not joined its cluster yet: {why}")];
            return Self { region: region.to_owned(), problems, ..Self::default() };
        };
        let topology = &*view.topology;
        let partitions = Partitions::of(topology);
        let problems = problems(view, &partitions, live);
        Self {
            region: region.to_owned(),
            cluster: format!("{:032x}", topology.cluster.0),
            epoch: topology.epoch.0,
            node: view.own.0,
            leader: live.leader.map(|leader| leader.0),
            serving: view.serving,
            left: live.left,
            healthy: problems.is_empty(),
            problems,
            notes: notes(topology),
            replicas: topology.replicas,
            partitions,
            members: topology.members.iter().map(|(node, it)| member(topology, *node, it, live)).collect(),
            moves: moves(topology, live),
            gateways: BTreeMap::new(),
        }
    }

    /// The member that was asked.
    #[must_use]
    pub fn own(&self) -> Option<&MemberStatus> {
        self.members.iter().find(|member| member.node == self.node)
    }
}

impl Partitions {
    fn of(topology: &Topology) -> Self {
        let wanted = copies_wanted(topology);
        let in_sync = |row: &Row| row.in_sync().filter(|node| is_alive(topology, *node)).count();
        let rows = || topology.rows.iter();
        let filling = |row: &Row| row.copies.iter().filter(|copy| copy.state == CopyState::Filling).count();
        Self {
            total: topology.rows.len(),
            owned: rows().filter(|row| row.owner.is_some_and(|owner| is_alive(topology, owner))).count(),
            copied: rows().filter(|row| in_sync(row) >= wanted && filling(row) == 0).count(),
            copies_wanted: topology.rows.len() * wanted,
            copies_in_sync: rows().map(|row| in_sync(row).min(wanted)).sum(),
            copies_filling: rows().map(filling).sum(),
            lost: topology.lost,
        }
    }
}

/// Copies beside each owner that the nodes allow.
fn copies_wanted(topology: &Topology) -> usize {
    let up = topology.members.values().filter(|member| member.state == MemberState::Up).count();
    usize::from(topology.replicas).min(up.saturating_sub(1))
}

fn is_alive(topology: &Topology, node: NodeId) -> bool {
    topology.members.get(&node).is_some_and(|member| member.state != MemberState::Down)
}

fn problems(view: &ClusterView, partitions: &Partitions, live: &Live) -> Vec<String> {
    let mut problems: Vec<String> = live.trouble.iter().cloned().collect();
    let mut add = |holds: bool, sentence: String| {
        if holds {
            problems.push(sentence);
        }
    };
    add(!view.serving, "this node has no lease, so it serves nothing".to_owned());
    let unowned = partitions.total - partitions.owned;
    add(unowned > 0, format!("{} no owner", of_partitions(unowned, "has", "have")));
    let uncopied = partitions.total - partitions.copied;
    add(uncopied > 0, format!("{} a copy that is in sync", of_partitions(uncopied, "lacks", "lack")));
    problems
}

/// Members that do not take part as they should. While the others have made up for them, the cluster is healthy.
fn notes(topology: &Topology) -> Vec<String> {
    let mut notes = Vec::new();
    for (node, member) in topology.members.iter().filter(|(_, member)| member.state != MemberState::Up) {
        let state = if member.state == MemberState::Down { "down" } else { "leaving" };
        notes.push(format!("node {} at {}:{} is {state}", node.0, member.host, member.port));
    }
    notes
}

fn of_partitions(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 partition {one}") } else { format!("{count} partitions {many}") }
}

fn member(topology: &Topology, node: NodeId, member: &Member, live: &Live) -> MemberStatus {
    let copies = |state| {
        let is_so = |row: &&Row| row.copy(node).is_some_and(|copy| copy.state == state);
        topology.rows.iter().filter(is_so).count()
    };
    MemberStatus {
        node: node.0,
        name: node_name(topology.cluster, node),
        host: member.host.clone(),
        port: member.port,
        zone: member.zone.clone(),
        state: state_name(member.state).to_owned(),
        votes: live.voters.contains(&node),
        lease_ms: live.leases_ms.get(&node).copied(),
        owned: topology.rows.iter().filter(|row| row.owner == Some(node)).count(),
        copies_in_sync: copies(CopyState::InSync),
        copies_filling: copies(CopyState::Filling),
        bytes: live.bytes.get(&node).copied(),
    }
}

const fn state_name(state: MemberState) -> &'static str {
    match state {
        MemberState::Up => "up",
        MemberState::Down => "down",
        MemberState::Leaving => "leaving",
    }
}

/// Pairs of nodes between which something is being filled.
fn moves(topology: &Topology, live: &Live) -> Vec<Move> {
    let mut moves: BTreeMap<(u64, u64), Move> = BTreeMap::new();
    for row in &topology.rows {
        let Some(owner) = row.owner else { continue };
        for copy in &row.copies {
            let (from, to) = (owner.0, copy.node.0);
            let known = moves.entry((from, to)).or_insert(Move { from, to, ..Move::default() });
            match copy.state {
                CopyState::Filling => known.filling += 1,
                CopyState::InSync => known.in_sync += 1,
            }
        }
    }
    for fill in &live.fills {
        let owner = topology.row(fill.partition).owner;
        if let Some(known) = owner.and_then(|owner| moves.get_mut(&(owner.0, fill.to.0))) {
            known.sent_bytes += fill.sent_bytes;
            known.bytes += fill.bytes;
        }
    }
    moves.into_values().filter(|known| known.filling > 0).collect()
}
