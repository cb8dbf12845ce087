//! What a node tells of the cluster, for people and for metrics. Plain values; how they are shown is left to others.

use std::collections::BTreeMap;
use std::sync::Arc;

use larder_proto::slot::Partition;
use larder_proto::topology::{ClusterId, CopyState, Epoch, Member, MemberState, NodeId, Topology};

use super::machine::{Leave, State};

/// How far a node is in becoming a member, or in leaving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It has no cluster yet; the text says what it waits for.
    Forming(String),
    /// It belongs to a cluster.
    Member,
    /// It has left and may end.
    Left,
    /// It cannot go on: the text says why. The process should end.
    Failed(String),
}

/// The cluster as one node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// How far the node is.
    pub phase: Phase,
    /// The cluster and this node's number in it, once it has them.
    pub identity: Option<(ClusterId, NodeId)>,
    /// The newest topology's number.
    pub epoch: Epoch,
    /// Who leads, as far as this node knows.
    pub leader: Option<NodeId>,
    /// Members to be there before partitions are dealt out, and whether they were.
    pub expected: u32,
    /// Whether partitions have been dealt out.
    pub formed: bool,
    /// Copies wanted beside each owner.
    pub replicas: u8,
    /// Times that a partition had to start empty.
    pub lost: u64,
    /// The members.
    pub members: BTreeMap<NodeId, MemberStatus>,
    /// Partitions without an owner that is up.
    pub ownerless: usize,
    /// Copies that are wanted and in sync, and all that are wanted.
    pub copies: (usize, usize),
    /// Partitions on their way: to which node, and how many.
    pub moves: BTreeMap<NodeId, usize>,
    /// Milliseconds that this node's own lease runs yet.
    pub lease_left_ms: u64,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberStatus {
    /// What it says of itself.
    pub member: Member,
    /// How it leaves, if it does.
    pub leaving: Option<Leave>,
    /// Partitions that it owns.
    pub owners: usize,
    /// Copies that it holds in sync.
    pub in_sync: usize,
    /// Copies that are being filled there.
    pub filling: usize,
    /// Milliseconds that its lease runs yet; none if it has none, or the leader did not say.
    pub lease_left_ms: Option<u32>,
    /// Whether it votes.
    pub votes: bool,
}

impl Status {
    /// What the state alone tells.
    #[must_use]
    pub fn of(state: &State, phase: Phase) -> Self {
        let topology = &state.topology;
        let members = topology.members.iter();
        let members =
            members.map(|(node, member)| (*node, member_status(member, state.leaving.get(node)))).collect();
        let mut status = Self {
            phase,
            identity: None,
            epoch: topology.epoch,
            leader: None,
            expected: state.expected,
            formed: state.formed,
            replicas: topology.replicas,
            lost: topology.lost,
            members,
            ownerless: 0,
            copies: (0, 0),
            moves: BTreeMap::new(),
            lease_left_ms: 0,
        };
        status.count(topology);
        status
    }

    /// Whether every partition has an owner and all its copies in sync, and nothing moves.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.phase == Phase::Member
            && self.formed
            && self.ownerless == 0
            && self.copies.0 == self.copies.1
            && self.moves.is_empty()
    }

    fn count(&mut self, topology: &Arc<Topology>) {
        let is_up = |member: &MemberStatus| member.member.state != MemberState::Down;
        let up = self.members.values().filter(|member| is_up(member)).count();
        let wanted = usize::from(topology.replicas).min(up.saturating_sub(1));
        for partition in Partition::all() {
            let row = topology.row(partition);
            match row.owner.and_then(|owner| self.members.get_mut(&owner)) {
                Some(owner) => {
                    owner.owners += 1;
                    self.ownerless += usize::from(!is_up(owner));
                }
                None => self.ownerless += 1,
            }
            let mut in_sync = 0;
            for copy in &row.copies {
                let Some(member) = self.members.get_mut(&copy.node) else { continue };
                if copy.state == CopyState::InSync {
                    member.in_sync += 1;
                    in_sync += 1;
                } else {
                    member.filling += 1;
                    *self.moves.entry(copy.node).or_default() += 1;
                }
            }
            self.copies.0 += wanted.min(in_sync);
            self.copies.1 += wanted;
        }
    }
}

fn member_status(member: &Member, leaving: Option<&Leave>) -> MemberStatus {
    MemberStatus {
        member: member.clone(),
        leaving: leaving.copied(),
        owners: 0,
        in_sync: 0,
        filling: 0,
        lease_left_ms: None,
        votes: false,
    }
}
