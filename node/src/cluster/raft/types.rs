//! The types that openraft is asked to work with. A change and its answer are bytes here: what they mean is the state
//! machine's part.

use std::fmt;

use openraft::alias::{EntryOf, LogIdOf, SnapshotMetaOf, SnapshotOf, StoredMembershipOf, VoteOf};
use openraft::{BasicNode, declare_raft_types};
use serde::{Deserialize, Serialize};

use super::runtime::Runtime;

declare_raft_types!(
    /// What openraft works with. Leaders are ordered by term, then node.
    pub Types:
        D = Data,
        R = Reply,
        NodeId = u64,
        Node = BasicNode,
        AsyncRuntime = Runtime,
);

/// A change, as a record.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Data(pub Vec<u8>);

/// The answer to a change, as a record; none for an entry that carried no change.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply(pub Option<Vec<u8>>);

pub(super) type Entry = EntryOf<Types>;
pub(super) type LogId = LogIdOf<Types>;
pub(super) type Vote = VoteOf<Types>;
pub(super) type Membership = openraft::Membership<u64, BasicNode>;
pub(super) type StoredMembership = StoredMembershipOf<Types>;
pub(super) type SnapshotMeta = SnapshotMetaOf<Types>;
pub(super) type Snapshot = SnapshotOf<Types, Vec<u8>>;

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.as_ref().map_or(0, Vec::len))
    }
}
