//! What the server asks of the cluster: who serves which partition, when a reply may leave, how to reach another node.
//! Deciding and carrying that out is left to the cluster and to replication.

use std::io;
use std::sync::Arc;
use std::task::Waker;

use fastrand::Rng;
use larder_proto::slot::Partition;
use larder_proto::topology::{Epoch, NodeId};
use parking_lot::Mutex;

use crate::commands::ports::{Custody, Mark};
use crate::limits::{LINK_PORT_OFFSET, MOVE_UNKNOWN_TIME};
use crate::link::{Link, LinkError, Purpose, Secret, call};
use crate::net::{Boxed, Network};
use crate::replication::Replication;
pub use crate::replication::ports::{Place, Settled};

/// The cluster as the server sees it. Shared by all workers.
pub trait Region: Send + Sync {
    /// This node's number, once the cluster gave it one.
    fn own(&self) -> Option<NodeId>;
    /// Where a partition is served. One load.
    fn place(&self, partition: Partition) -> Place;
    /// The epoch of the newest topology that this node has taken over, or is taking over.
    fn epoch(&self) -> Epoch;
    /// Whether a partition has another owner since so short a time that not every client and node need know.
    fn moved_lately(&self, partition: Partition) -> bool;
    /// Grows when places change. Odd while they do: what is seen of them under an odd number may be old.
    fn version(&self) -> u64;
    /// What became of the marks of a ticket.
    fn settled(&self, marks: &[Mark]) -> Settled;
    /// Wakes this worker's task whenever a ticket may have been settled, or a place has changed. One for each worker.
    fn watch(&self, worker: usize, waker: &Waker);
    /// The custody of one worker.
    fn custody(&self) -> Box<dyn Custody>;
    /// Opens a link for requests to another node, both sides introduced.
    fn connect(&self, node: NodeId) -> Boxed<'_, Result<Link, LinkError>>;
}

/// The region of a node that has copies of its partitions on others.
pub struct ReplicatedRegion {
    /// Who serves what, and what copies have.
    pub replication: Replication,
    /// Where other nodes are reached.
    pub network: Arc<dyn Network>,
    /// The cluster's secret.
    pub secret: Secret,
    /// For what the secret is proved with.
    pub random: Mutex<Rng>,
}

impl Region for ReplicatedRegion {
    fn own(&self) -> Option<NodeId> {
        self.replication.own()
    }

    fn place(&self, partition: Partition) -> Place {
        self.replication.place(partition)
    }

    fn epoch(&self) -> Epoch {
        self.replication.epoch()
    }

    fn moved_lately(&self, partition: Partition) -> bool {
        self.replication.moved_within(partition, MOVE_UNKNOWN_TIME)
    }

    fn version(&self) -> u64 {
        self.replication.version()
    }

    fn settled(&self, marks: &[Mark]) -> Settled {
        self.replication.settled(marks)
    }

    fn watch(&self, worker: usize, waker: &Waker) {
        self.replication.watch(worker, waker);
    }

    fn custody(&self) -> Box<dyn Custody> {
        Box::new(self.replication.custody())
    }

    fn connect(&self, node: NodeId) -> Boxed<'_, Result<Link, LinkError>> {
        Box::pin(async move {
            let topology = self.replication.topology();
            let member = topology.as_ref().and_then(|topology| topology.members.get(&node));
            let member = member.ok_or(LinkError::Closed)?;
            let port = member.port.saturating_add(LINK_PORT_OFFSET);
            let addresses = self.network.resolve(&member.host, port).await?;
            let own = self.replication.introduction(Purpose::Requests);
            let mut random = self.random.lock().fork();
            let mut error = LinkError::Io(io::ErrorKind::AddrNotAvailable.into());
            for address in addresses {
                match self.network.connect(address).await {
                    Ok(stream) => {
                        return Ok(call(stream, &self.secret, &own, Some(node), &mut random).await?.0);
                    }
                    Err(failed) => error = failed.into(),
                }
            }
            Err(error)
        })
    }
}
