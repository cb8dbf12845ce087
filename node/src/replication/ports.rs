//! What replication asks of the cluster, as a trait that the cluster's handle implements, and what it tells of itself.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use larder_proto::slot::Partition;
use larder_proto::topology::{Epoch, NodeId, Step};

/// A future that stays on its thread.
pub type LocalFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Where changes of rows are proposed.
pub trait Proposals: Send + Sync {
    /// Proposes steps, each for itself; the epoch since. A step whose precondition does not hold does nothing, which is no
    /// error. Ends after a bounded time.
    fn propose(&self, steps: Vec<Step>) -> LocalFuture<'_, Result<Epoch, ProposeError>>;
}

/// Why it is not known that a proposal was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProposeError {
    /// It was not and never will be.
    NotProposed,
    /// It may have been, or may be yet.
    Unknown,
}

impl fmt::Display for ProposeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotProposed => "no leader took the proposal",
            Self::Unknown => "it is not known whether the proposal was applied",
        })
    }
}

impl std::error::Error for ProposeError {}

/// Where a partition is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// By this node, as far as it can be told without the partition's lock.
    Here,
    /// By another node.
    At(NodeId),
    /// By nobody at the moment.
    Waiting,
}

/// What became of a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Nothing yet.
    No,
    /// Every copy that has to has acknowledged: the reply may leave.
    Yes,
    /// The partition was lost before: whether the change was kept is not known.
    Lost,
}

/// What replication does at the moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Live bytes of each partition that this node holds as owner or copy.
    pub bytes: Vec<(Partition, u64)>,
    /// The streams to other nodes, by node.
    pub streams: Vec<StreamReport>,
    /// Copies that this node fills: partition and node.
    pub filling: Vec<(Partition, NodeId)>,
    /// Bytes of memory that remembered writes take.
    pub remembered_bytes: u64,
}

/// One stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamReport {
    /// To whom.
    pub node: NodeId,
    /// Whether a connection is open.
    pub connected: bool,
    /// Bytes that wait to be acknowledged.
    pub queued_bytes: usize,
    /// Messages that wait to be acknowledged.
    pub queued_messages: u64,
    /// Milliseconds since the other side last acknowledged something, while something waits.
    pub silent_ms: u64,
}
