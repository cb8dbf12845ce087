//! The replicated state and its changes: a pure function from state and change to state and answer. Who proposes what and
//! when is left to the control loop, what a row's steps need to the module `row`, and how bytes reach the disk to `raft`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use larder_proto::record::{self, RecordError};
use larder_proto::topology::{ClusterId, Epoch, Incarnation, Member, MemberState, NodeId, Step, Topology};
use serde::{Deserialize, Serialize};

use super::raft::Machine;
use super::row;
use super::sealed::Sealed;

/// What all nodes of a cluster agree on. A clone is cheap: the topology is shared until it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Members and rows, under one epoch.
    #[serde(with = "shared")]
    pub topology: Arc<Topology>,
    /// Members that have to be up before partitions are dealt out for the first time.
    pub expected: u32,
    /// Whether that has happened.
    pub formed: bool,
    /// What those members want that leave.
    pub leaving: BTreeMap<NodeId, Leave>,
    /// Settings that all nodes share, by name.
    pub settings: BTreeMap<String, String>,
    /// External caches, by name.
    pub caches: BTreeMap<String, Sealed>,
}

/// How a member leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Leave {
    /// It will be back: what it owns goes to other nodes, and no more.
    HandOver,
    /// For good: what it holds is rebuilt elsewhere as well, and it is removed.
    Rebuild,
}

/// What can be proposed. The order of the variants is their number on the disk and never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// The first change of a cluster.
    Found {
        /// Its random number.
        cluster: ClusterId,
        /// The epoch that it begins with: zero, or one beyond everything that a lost cluster has used.
        epoch: Epoch,
        /// The number of the node that makes it.
        node: NodeId,
        /// That node.
        member: Member,
        /// Members to wait for before partitions are dealt out.
        expected: u32,
        /// Copies wanted beside each owner.
        replicas: u8,
    },
    /// A node without a number joins. It is down until it says that it runs.
    Admit {
        /// The node.
        member: Member,
    },
    /// A member runs: for the first time, again, or at another address.
    Up {
        /// Its number.
        node: NodeId,
        /// What it says of itself.
        member: Member,
    },
    /// The leader has made sure that the member's lease is over.
    CallDown {
        /// Its number.
        node: NodeId,
        /// The run of its process that this is about.
        incarnation: Incarnation,
    },
    /// A member is to leave, or, with no kind, to stay after all.
    Leave {
        /// Its number.
        node: NodeId,
        /// The run of its process that this is about.
        incarnation: Incarnation,
        /// How.
        kind: Option<Leave>,
    },
    /// A member that is down, or holds nothing, is none any more.
    Remove {
        /// Its number.
        node: NodeId,
    },
    /// Steps of rows, each for itself.
    Steps(Vec<Step>),
    /// Copies wanted beside each owner.
    Replicas(u8),
    /// A setting that all nodes share, or that it is to go.
    Setting {
        /// Its name.
        name: String,
        /// Its text.
        value: Option<String>,
    },
    /// An external cache, or that it is to go.
    Cache {
        /// Its name.
        name: String,
        /// How it is reached. Encrypted: it lies on disks.
        value: Option<Sealed>,
    },
    /// A member that has handed everything over is down from here on. What it was given meanwhile is to be handed over first.
    Goodbye {
        /// Its number.
        node: NodeId,
        /// The run of its process that this is about.
        incarnation: Incarnation,
    },
}

/// What a change came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// It is applied; this is the epoch since. `done` counts the steps that took effect; for any other change it is one,
    /// or none if there was nothing to change.
    Applied {
        /// The epoch since.
        epoch: Epoch,
        /// What took effect.
        done: u32,
    },
    /// The number of the node that joined.
    Admitted(NodeId),
    /// Nothing changed.
    Refused(Refusal),
}

/// Why a change does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// The cluster exists already.
    Founded,
    /// There is no cluster yet.
    NotFounded,
    /// No member has this number.
    NoMember(NodeId),
    /// The member runs as another process than the change names.
    OtherIncarnation(NodeId),
    /// The member is up under another incarnation and was not called down yet.
    NotDown(NodeId),
    /// A member that is not down has the same address.
    AddressInUse(NodeId),
    /// The member still owns what others hold a copy of: that is theirs first.
    StillOwner(NodeId),
    /// It is the only member.
    Last,
    /// There are as many as there may be.
    TooMany,
    /// The text is longer than it may be.
    TooLong,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Founded => f.write_str("the cluster exists already"),
            Self::NotFounded => f.write_str("the cluster does not exist yet"),
            Self::NoMember(node) => write!(f, "node {} is no member of this cluster", node.0),
            Self::OtherIncarnation(node) => write!(f, "node {} has been started again since", node.0),
            Self::NotDown(node) => {
                write!(
                    f,
                    "node {} counts as up until the lease of its last run is over; it is tried again",
                    node.0
                )
            }
            Self::AddressInUse(node) => write!(
                f,
                "node {} has this address and counts as up until its lease is over; see --advertise if two nodes share it",
                node.0
            ),
            Self::StillOwner(node) => {
                write!(f, "node {} owns partitions that are being given to others", node.0)
            }
            Self::Last => f.write_str("it is the only member"),
            Self::TooMany => f.write_str("there are as many as there may be"),
            Self::TooLong => f.write_str("the text is too long"),
        }
    }
}

impl Default for State {
    fn default() -> Self {
        Self {
            topology: Arc::new(Topology::new(ClusterId(0), 0)),
            expected: 0,
            formed: false,
            leaving: BTreeMap::new(),
            settings: BTreeMap::new(),
            caches: BTreeMap::new(),
        }
    }
}

impl State {
    /// Applies the change of the log entry with this index.
    pub fn apply(&mut self, index: u64, change: Change) -> Answer {
        let founded = self.topology.cluster != ClusterId(0);
        let done = match change {
            Change::Found { .. } if founded => Err(Refusal::Founded),
            Change::Found { .. } => Ok(self.found(change)),
            _ if !founded => Err(Refusal::NotFounded),
            Change::Admit { member } => match self.admit(NodeId(index), member) {
                Ok(node) => return Answer::Admitted(node),
                Err(refusal) => Err(refusal),
            },
            Change::Up { node, member } => self.up(node, member),
            Change::CallDown { node, incarnation } => self.call_down(node, incarnation),
            Change::Leave { node, incarnation, kind } => self.leave(node, incarnation, kind),
            Change::Remove { node } => self.remove(node),
            Change::Steps(steps) => Ok(self.steps(&steps)),
            Change::Replicas(replicas) => Ok(self.replicas(replicas)),
            Change::Setting { name, value } => put(&mut self.settings, name, value, (String::len, SETTINGS)),
            Change::Cache { name, value } => put(&mut self.caches, name, value, (Sealed::bytes, CACHES)),
            Change::Goodbye { node, incarnation } => self.goodbye(node, incarnation),
        };
        match done {
            Ok(done) => Answer::Applied { epoch: self.topology.epoch, done },
            Err(refusal) => Answer::Refused(refusal),
        }
    }

    fn found(&mut self, change: Change) -> u32 {
        let Change::Found { cluster, epoch, node, member, expected, replicas } = change else { return 0 };
        let mut topology = Topology::new(cluster, replicas);
        topology.epoch = Epoch(epoch.0 + 1);
        topology.members.insert(node, Member { state: MemberState::Down, ..member });
        self.topology = Arc::new(topology);
        self.expected = expected;
        1
    }

    /// A node without a state joins. The member that had its address before has lost its state, and goes.
    fn admit(&mut self, node: NodeId, member: Member) -> Result<NodeId, Refusal> {
        let same = |(_, other): &(&NodeId, &Member)| other.host == member.host && other.port == member.port;
        let former = self.topology.members.iter().find(same).map(|(former, it)| (*former, it.clone()));
        if let Some((former, it)) = former {
            if it.incarnation == member.incarnation {
                return Ok(former);
            }
            if it.state != MemberState::Down {
                return Err(Refusal::AddressInUse(former));
            }
            row::release(Arc::make_mut(&mut self.topology), former)?;
            self.topology_mut().members.remove(&former);
        } else if self.topology.members.len() >= MEMBERS_MAX {
            return Err(Refusal::TooMany);
        }
        let topology = self.topology_mut();
        topology.members.insert(node, Member { state: MemberState::Down, ..member });
        topology.epoch.0 += 1;
        Ok(node)
    }

    /// Whoever was called down, and whose rows are with others or count as lost, may come up. Whoever is up under this
    /// very incarnation may change what it says of itself.
    fn up(&mut self, node: NodeId, member: Member) -> Result<u32, Refusal> {
        let known = self.member(node)?.clone();
        let state = match known.state {
            MemberState::Down => MemberState::Up,
            state if known.incarnation == member.incarnation => state,
            _ => return Err(Refusal::NotDown(node)),
        };
        self.check_address(node, &member)?;
        let member = Member { state, ..member };
        if member == known {
            return Ok(0);
        }
        let topology = Arc::make_mut(&mut self.topology);
        if known.state == MemberState::Down {
            row::release(topology, node)?;
        }
        topology.members.insert(node, member);
        topology.epoch.0 += 1;
        let up = topology.members.values().filter(|member| member.state != MemberState::Down).count();
        self.formed |= up >= self.expected as usize;
        Ok(1)
    }

    fn check_address(&self, node: NodeId, member: &Member) -> Result<(), Refusal> {
        let taken = |(other, it): &(&NodeId, &Member)| {
            **other != node
                && it.state != MemberState::Down
                && it.host == member.host
                && it.port == member.port
        };
        match self.topology.members.iter().find(taken) {
            Some((other, _)) => Err(Refusal::AddressInUse(*other)),
            None => Ok(()),
        }
    }

    fn call_down(&mut self, node: NodeId, incarnation: Incarnation) -> Result<u32, Refusal> {
        let known = self.member(node)?;
        if known.incarnation != incarnation {
            return Err(Refusal::OtherIncarnation(node));
        }
        if known.state == MemberState::Down {
            return Ok(0);
        }
        self.set_state(node, MemberState::Down);
        self.leaving.remove(&node);
        // It holds nothing that counts: no owner waits for it from here on.
        self.topology_mut().rows.iter_mut().for_each(|row| row.copies.retain(|copy| copy.node != node));
        Ok(1)
    }

    fn goodbye(&mut self, node: NodeId, incarnation: Incarnation) -> Result<u32, Refusal> {
        let is_down = self.member(node)?.state == MemberState::Down;
        if !is_down && self.topology.rows.iter().any(|row| row.owner == Some(node)) {
            return Err(Refusal::StillOwner(node));
        }
        self.call_down(node, incarnation)
    }

    fn leave(&mut self, node: NodeId, incarnation: Incarnation, kind: Option<Leave>) -> Result<u32, Refusal> {
        let known = self.member(node)?;
        if known.incarnation != incarnation || known.state == MemberState::Down {
            return Err(Refusal::OtherIncarnation(node));
        }
        let state = if kind.is_some() { MemberState::Leaving } else { MemberState::Up };
        let changed = known.state != state || self.leaving.get(&node).copied() != kind;
        if !changed {
            return Ok(0);
        }
        self.set_state(node, state);
        match kind {
            Some(kind) => self.leaving.insert(node, kind),
            None => self.leaving.remove(&node),
        };
        Ok(1)
    }

    fn remove(&mut self, node: NodeId) -> Result<u32, Refusal> {
        let state = self.member(node)?.state;
        if self.topology.members.len() == 1 {
            return Err(Refusal::Last);
        }
        if state == MemberState::Down {
            row::release(Arc::make_mut(&mut self.topology), node)?;
        } else if state == MemberState::Up || row::names(&self.topology, node) {
            return Err(Refusal::NotDown(node));
        }
        let topology = self.topology_mut();
        topology.members.remove(&node);
        topology.epoch.0 += 1;
        self.leaving.remove(&node);
        Ok(1)
    }

    fn steps(&mut self, steps: &[Step]) -> u32 {
        let epoch = Epoch(self.topology.epoch.0 + 1);
        let fits = |step: &&Step| row::fits(&self.topology, step);
        if !steps.iter().any(|step| fits(&step)) {
            return 0;
        }
        let topology = self.topology_mut();
        let done = steps.iter().filter(|step| row::take(topology, step, epoch)).count();
        topology.epoch = epoch;
        done as u32
    }

    fn replicas(&mut self, replicas: u8) -> u32 {
        if self.topology.replicas == replicas {
            return 0;
        }
        let topology = self.topology_mut();
        topology.replicas = replicas;
        topology.epoch.0 += 1;
        1
    }

    fn member(&self, node: NodeId) -> Result<&Member, Refusal> {
        self.topology.members.get(&node).ok_or(Refusal::NoMember(node))
    }

    fn set_state(&mut self, node: NodeId, state: MemberState) {
        let topology = self.topology_mut();
        if let Some(member) = topology.members.get_mut(&node) {
            member.state = state;
            topology.epoch.0 += 1;
        }
    }

    fn topology_mut(&mut self) -> &mut Topology {
        Arc::make_mut(&mut self.topology)
    }
}

impl Machine for State {
    type Change = Change;
    type Answer = Answer;

    fn apply(&mut self, index: u64, change: Change) -> Answer {
        Self::apply(self, index, change)
    }

    fn snapshot(&self) -> Vec<u8> {
        // It is bounded: members, rows, settings.
        record::encode(self).unwrap_or_default()
    }

    fn restore(bytes: &[u8]) -> Result<Self, RecordError> {
        record::decode(bytes)
    }
}

fn put<V: Clone + PartialEq>(
    map: &mut BTreeMap<String, V>,
    name: String,
    value: Option<V>,
    (bytes, bounds): (impl Fn(&V) -> usize, Bounds),
) -> Result<u32, Refusal> {
    let Some(value) = value else { return Ok(u32::from(map.remove(&name).is_some())) };
    if name.len() > bounds.name_bytes_max || bytes(&value) > bounds.value_bytes_max {
        return Err(Refusal::TooLong);
    }
    if map.len() >= bounds.entries_max && !map.contains_key(&name) {
        return Err(Refusal::TooMany);
    }
    Ok(u32::from(map.insert(name, value.clone()) != Some(value)))
}

/// How the topology, which is shared, is written and read.
mod shared {
    use std::sync::Arc;

    use larder_proto::topology::Topology;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(topology: &Arc<Topology>, to: S) -> Result<S::Ok, S::Error> {
        topology.as_ref().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<Topology>, D::Error> {
        Topology::deserialize(from).map(Arc::new)
    }
}

/// Members of a cluster.
pub const MEMBERS_MAX: usize = 256;

/// How many entries a map may have, and how large ones. Part of what nodes agree on: all have to count alike.
#[derive(Clone, Copy)]
struct Bounds {
    entries_max: usize,
    name_bytes_max: usize,
    value_bytes_max: usize,
}

const SETTINGS: Bounds = Bounds { entries_max: 1_024, name_bytes_max: 256, value_bytes_max: 16 * 1024 };

/// A name has 256 characters; connection string and description have 2,300, encrypted and in hexadecimal digits.
const CACHES: Bounds = Bounds { entries_max: 100, name_bytes_max: 1_024, value_bytes_max: 32 * 1024 };

#[cfg(test)]
mod tests;
