//! What commands know of the cluster at one moment, and the names that clients know nodes by.

use std::sync::Arc;

use larder_proto::slot::SLOTS_PER_PARTITION;
use larder_proto::topology::{ClusterId, MemberState, NodeId, Topology};

/// Which of the node's two doors a client came through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Endpoint {
    /// Port P: any client; the cluster looks like one Redis.
    #[default]
    Plain,
    /// Port P+1: clients that know the protocol of Redis Cluster.
    Cluster,
}

/// The cluster, as this node knows it at this moment.
#[derive(Clone, Debug)]
pub struct ClusterView {
    /// Members and rows.
    pub topology: Arc<Topology>,
    /// This node.
    pub own: NodeId,
    /// Whether this node's lease holds, so that it serves what it owns.
    pub serving: bool,
}

/// A connection between this node and another, for CLUSTER LINKS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkInfo {
    /// The other node.
    pub node: NodeId,
    /// Whether this node opened it.
    pub outgoing: bool,
    /// When it was opened, in milliseconds since 1970.
    pub opened_ms: u64,
    /// Bytes that its queue may take.
    pub queue_bytes_max: u64,
    /// Bytes that wait to be sent.
    pub queued_bytes: u64,
}

/// Neighbouring slots of one owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: u16,
    pub(super) last: u16,
    pub(super) owner: NodeId,
}

/// The name of a node, which is 40 hexadecimal digits in Redis: 24 of the cluster's number and 16 of the node's.
#[must_use]
pub fn node_name(cluster: ClusterId, node: NodeId) -> String {
    format!("{:024x}{:016x}", cluster.0 >> 32, node.0)
}

impl ClusterView {
    /// A member's name.
    pub(super) fn name(&self, node: NodeId) -> String {
        node_name(self.topology.cluster, node)
    }

    /// The member of this name, in any case.
    pub(super) fn named(&self, name: &[u8]) -> Option<NodeId> {
        let is_so_called = |node: &&NodeId| self.name(**node).as_bytes().eq_ignore_ascii_case(name);
        self.topology.members.keys().find(is_so_called).copied()
    }

    /// All slots that have an owner, ascending.
    pub(super) fn runs(&self) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for (first, row) in (0..).step_by(usize::from(SLOTS_PER_PARTITION)).zip(&self.topology.rows) {
            let Some(owner) = row.owner.filter(|owner| self.topology.members.contains_key(owner)) else {
                continue;
            };
            let last = first + (SLOTS_PER_PARTITION - 1);
            match runs.last_mut().filter(|run| run.owner == owner && run.last + 1 == first) {
                Some(run) => run.last = last,
                None => runs.push(Run { first, last, owner }),
            }
        }
        runs
    }

    /// Whether this node owns any slot.
    #[must_use]
    pub fn owns_any(&self) -> bool {
        self.topology.rows.iter().any(|row| row.owner == Some(self.own))
    }

    /// Whether the cluster called the member down.
    pub(super) fn is_down(&self, node: NodeId) -> bool {
        self.topology.members.get(&node).is_none_or(|member| member.state == MemberState::Down)
    }

    /// The newest term of ownership of a member, which is what Redis calls its configuration epoch.
    pub(super) fn config_epoch(&self, node: NodeId) -> u64 {
        let owned = self.topology.rows.iter().filter(|row| row.owner == Some(node));
        owned.map(|row| row.since.0).max().unwrap_or(0)
    }
}
