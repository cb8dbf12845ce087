//! Who owns and who copies each partition, under one epoch. Plain data: how it changes is the cluster's part.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::slot::{PARTITIONS, Partition};

/// A node's number: the index of the log entry that admitted it. Never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub u64);

/// The number of a topology; grows by one with every change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Epoch(pub u64);

/// A random number of one run of a process: the same node with another incarnation has lost its memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Incarnation(pub u64);

/// The random number of a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClusterId(pub u128);

/// What the cluster knows of one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Host name or address that others are told.
    pub host: String,
    /// Port for any client; the other ports follow it.
    pub port: u16,
    /// Label of the failure domain; empty for none.
    pub zone: String,
    /// The run of the process that may hold a lease.
    pub incarnation: Incarnation,
    /// Whether it may serve.
    pub state: MemberState,
    /// The version of the protocol between nodes that it speaks.
    pub version: u32,
}

/// Whether a member may serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MemberState {
    /// It may.
    Up,
    /// Its lease has ended. It holds nothing that counts.
    Down,
    /// It may, and gives away what it has because it is to leave.
    Leaving,
}

/// How far a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CopyState {
    /// It gets every effect, but lacks keys.
    Filling,
    /// It has every acknowledged write.
    InSync,
}

/// A node that holds a partition beside its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replica {
    /// The node.
    pub node: NodeId,
    /// How far it is.
    pub state: CopyState,
    /// The epoch at which it was added or began anew.
    pub since: Epoch,
}

/// One partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Who serves it.
    pub owner: Option<NodeId>,
    /// The epoch at which the owner became its owner: its term.
    pub since: Epoch,
    /// The epoch at which it last began empty. Who becomes its owner and holds something older throws that away.
    pub emptied: Epoch,
    /// The copies, by node ascending.
    pub copies: Vec<Replica>,
}

impl Row {
    /// The copy at this node, if there is one.
    #[must_use]
    pub fn copy(&self, node: NodeId) -> Option<&Replica> {
        self.copies.iter().find(|copy| copy.node == node)
    }

    /// The copies that have every acknowledged write.
    pub fn in_sync(&self) -> impl Iterator<Item = NodeId> {
        self.copies.iter().filter(|copy| copy.state == CopyState::InSync).map(|copy| copy.node)
    }
}

/// The whole of it, replaced as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topology {
    /// Which cluster.
    pub cluster: ClusterId,
    /// Its number.
    pub epoch: Epoch,
    /// Copies wanted beside each owner.
    pub replicas: u8,
    /// The members, by number.
    pub members: BTreeMap<NodeId, Member>,
    /// One row for each partition.
    pub rows: Vec<Row>,
    /// Times that a partition had to start empty, since no in-sync copy was left.
    pub lost: u64,
}

impl Topology {
    /// A cluster without members, of which nothing has an owner.
    #[must_use]
    pub fn new(cluster: ClusterId, replicas: u8) -> Self {
        Self {
            cluster,
            epoch: Epoch(0),
            replicas,
            members: BTreeMap::new(),
            rows: vec![Row::default(); usize::from(PARTITIONS)],
            lost: 0,
        }
    }

    /// A partition's row.
    #[must_use]
    #[inline]
    pub fn row(&self, partition: Partition) -> &Row {
        &self.rows[partition.index()]
    }
}

/// One change of one row. Each names what it was planned for; where that no longer holds, it does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Which row.
    pub partition: Partition,
    /// The term of ownership that the row had.
    pub term: Epoch,
    /// What changes.
    pub change: RowChange,
}

/// The only ways a row changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RowChange {
    /// This node begins to be filled.
    AddCopy {
        /// The node.
        node: NodeId,
    },
    /// This copy has every acknowledged write.
    MarkInSync {
        /// The node.
        node: NodeId,
        /// The epoch at which the copy was added.
        since: Epoch,
    },
    /// The owner has stopped serving and hands over to an in-sync copy. Only the owner proposes it.
    HandOver {
        /// The owner.
        from: NodeId,
        /// The copy.
        to: NodeId,
        /// The epoch since which the copy is one, so that a proposal that comes late does nothing.
        since: Epoch,
    },
    /// The owner is down or gone, or there was none. Only the leader proposes it.
    TakeOver {
        /// The new owner: an in-sync copy, or any node if none is left.
        to: NodeId,
    },
    /// This copy is none any more.
    DropCopy {
        /// The node.
        node: NodeId,
        /// The epoch at which the copy was added.
        since: Epoch,
    },
}
