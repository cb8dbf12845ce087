//! The cluster as the server and the admin port see it. A node alone is a cluster of one; `app` hands in the real one.

use std::collections::BTreeMap;
use std::sync::Arc;

use larder_proto::slot::Partition;
use larder_proto::topology::{ClusterId, Epoch, Incarnation, Member, MemberState, NodeId, Topology};

use crate::commands::cluster::{ClusterView, LinkInfo};
use crate::net::Boxed;

/// What the server and the admin port ask of the cluster.
pub trait Membership: Send + Sync {
    /// The cluster as this node knows it now; none before it has joined.
    fn view(&self) -> Option<ClusterView>;
    /// What changes all the time and is part of no topology.
    fn live(&self) -> Live;
    /// The connections between this node and others.
    fn links(&self) -> Vec<LinkInfo>;
    /// Begins to give away what this node has; how far that is, the view shows.
    ///
    /// # Errors
    /// A sentence that says what would be lost, or why the cluster does not take the order now.
    fn leave(&self, order: Leave) -> Boxed<'_, Result<Leaving, String>>;
}

/// How a node leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leave {
    /// It will not be back: its copies are made elsewhere too, and it is no member afterwards. Otherwise it hands over what
    /// it owns, and no more.
    pub for_good: bool,
    /// Whatever is lost by it.
    pub force: bool,
}

/// What became of the order to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// The node gives away what it has, until it holds nothing.
    Begun,
    /// Nobody is there who could take anything.
    Alone,
}

/// What a node knows of the others at one moment, beyond the topology.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Live {
    /// Who leads the control plane.
    pub leader: Option<NodeId>,
    /// Members that vote.
    pub voters: Vec<NodeId>,
    /// Milliseconds for which a node's lease holds, as far as this node knows: its own, and all if it leads.
    pub leases_ms: BTreeMap<NodeId, u64>,
    /// Bytes of the partitions that a node owns, as far as this node knows.
    pub bytes: BTreeMap<NodeId, u64>,
    /// What this node is filling.
    pub fills: Vec<Fill>,
    /// Why the node does not serve, if it does not.
    pub trouble: Option<String>,
    /// Whether it has left the cluster: what it knows of it is what it knew then.
    pub left: bool,
}

/// A copy that is being filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// The partition.
    pub partition: Partition,
    /// The node that is filled.
    pub to: NodeId,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Bytes there are to send, about.
    pub bytes: u64,
}

/// A node without a cluster.
#[derive(Debug)]
pub struct OneNode {
    topology: Arc<Topology>,
}

/// The only member of a node without a cluster.
const ONLY: NodeId = NodeId(1);

impl OneNode {
    /// A node that clients reach at this host and port. The number tells its run from others.
    #[must_use]
    pub fn new(host: String, port: u16, run: u128) -> Self {
        let mut topology = Topology::new(ClusterId(run), 0);
        topology.epoch = Epoch(1);
        let incarnation = Incarnation(run as u64);
        let member =
            Member { host, port, zone: String::new(), incarnation, state: MemberState::Up, version: 1 };
        topology.members.insert(ONLY, member);
        for row in &mut topology.rows {
            row.owner = Some(ONLY);
            row.since = topology.epoch;
        }
        Self { topology: Arc::new(topology) }
    }
}

impl Membership for OneNode {
    fn view(&self) -> Option<ClusterView> {
        Some(ClusterView { topology: Arc::clone(&self.topology), own: ONLY, serving: true })
    }

    fn live(&self) -> Live {
        Live::default()
    }

    fn links(&self) -> Vec<LinkInfo> {
        Vec::new()
    }

    fn leave(&self, order: Leave) -> Boxed<'_, Result<Leaving, String>> {
        let refusal =
            "this node is alone: all of its values go with it, and nobody is there to take them over";
        Box::pin(async move { if order.force { Ok(Leaving::Alone) } else { Err(refusal.to_owned()) } })
    }
}
