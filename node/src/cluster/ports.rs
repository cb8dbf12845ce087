//! What the cluster asks of the rest of the node. Who does it is joined on by `app`.

use std::sync::Arc;

use larder_proto::slot::Partition;
use larder_proto::topology::{ClusterId, Epoch, NodeId, Topology};

/// What serves and copies partitions, as it is told. All of it returns at once.
pub trait Plane: Send + Sync {
    /// Who this node is. Told once, before anything else; again only if the node became a new one.
    fn join(&self, node: NodeId, cluster: ClusterId);
    /// The newest topology. Each is newer than the one before.
    fn adopt(&self, topology: Arc<Topology>);
    /// The node may serve until the monotonic clock shows this, provided that it has adopted this epoch.
    fn grant(&self, until_ns: u64, epoch: Epoch);
    /// The node serves nothing from here on, whatever is granted: it leaves.
    fn give_back(&self);
    /// The leader asks for these partitions to be handed over. May be told again while that is under way.
    fn hand_over(&self, asked: Vec<(Partition, NodeId)>);
    /// What the node holds.
    fn report(&self) -> PlaneReport;
}

/// What a node tells of the partitions that it owns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlaneReport {
    /// Live bytes of each partition that it owns, about.
    pub bytes: Vec<(Partition, u64)>,
}
