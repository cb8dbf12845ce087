//! What nodes ask each other beside Raft's messages. Numbers of kinds and fields never change; an unknown field is passed
//! over. Changes and their answers travel as the records that lie on disks.

use larder_proto::slot::Partition;
use larder_proto::topology::{ClusterId, Epoch, Incarnation, Member, MemberState, NodeId};
use prost::Message;

use super::raft::KIND_MAX;
use super::rpc::Refusal;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Who are you, and whom do you see?
    Discover = 16,
    /// Will you leave founding the cluster to me?
    Pledge = 17,
    /// Let me be a member.
    Join = 18,
    /// Let me serve a while longer.
    Renew = 19,
    /// Propose this change.
    Propose = 20,
    /// Hand these partitions over.
    HandOver = 21,
    /// How long do leases run yet?
    Leases = 22,
    /// When did you last hear who led before me?
    Heard = 23,
}

const _: () = assert!(Kind::Discover as u8 > KIND_MAX, "the lower numbers are Raft's");

impl Kind {
    pub(super) const fn of(number: u8) -> Option<Self> {
        Some(match number {
            16 => Self::Discover,
            17 => Self::Pledge,
            18 => Self::Join,
            19 => Self::Renew,
            20 => Self::Propose,
            21 => Self::HandOver,
            22 => Self::Leases,
            23 => Self::Heard,
            _ => return None,
        })
    }
}

/// Reads a message of this kind.
pub(super) fn read<M: Message + Default>(bytes: &[u8]) -> Result<M, Refusal> {
    M::decode(bytes).map_err(|_| Refusal::new(Refusal::MALFORMED, "the message cannot be read"))
}

/// A node that can be reached: its number, and its host and port for nodes.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Address {
    #[prost(uint64, tag = "1")]
    pub(super) node: u64,
    #[prost(string, tag = "2")]
    pub(super) host: String,
    #[prost(uint32, tag = "3")]
    pub(super) port: u32,
}

/// What a node says of itself.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct MemberMessage {
    #[prost(string, tag = "1")]
    host: String,
    #[prost(uint32, tag = "2")]
    port: u32,
    #[prost(string, tag = "3")]
    zone: String,
    #[prost(fixed64, tag = "4")]
    incarnation: u64,
    #[prost(uint32, tag = "5")]
    version: u32,
}

impl MemberMessage {
    pub(super) fn new(member: &Member) -> Self {
        Self {
            host: member.host.clone(),
            port: u32::from(member.port),
            zone: member.zone.clone(),
            incarnation: member.incarnation.0,
            version: member.version,
        }
    }

    /// The member, which is not up before the state says so.
    pub(super) fn member(self) -> Result<Member, Refusal> {
        let unfit = || Refusal::new(Refusal::MALFORMED, "the address cannot be read");
        let port = u16::try_from(self.port).map_err(|_| unfit())?;
        if self.host.is_empty() || self.host.len() > HOST_BYTES_MAX || self.zone.len() > HOST_BYTES_MAX {
            return Err(unfit());
        }
        Ok(Member {
            host: self.host,
            port,
            zone: self.zone,
            incarnation: Incarnation(self.incarnation),
            state: MemberState::Down,
            version: self.version,
        })
    }
}

/// Asks who somebody is, and tells whom the asker sees while it has no cluster.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct DiscoverRequest {
    /// The number that the asker has drawn: its incarnation.
    #[prost(fixed64, tag = "1")]
    pub(super) draw: u64,
    /// Nodes without a cluster that it sees, itself included; none if it has a cluster.
    #[prost(uint32, tag = "2")]
    pub(super) sees: u32,
    /// Where it is.
    #[prost(string, tag = "3")]
    pub(super) host: String,
    #[prost(uint32, tag = "4")]
    pub(super) port: u32,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct DiscoverReply {
    #[prost(fixed64, tag = "1")]
    pub(super) draw: u64,
    #[prost(uint32, tag = "2")]
    pub(super) sees: u32,
    /// The cluster, if there is one: 16 bytes, the highest first.
    #[prost(bytes = "vec", optional, tag = "3")]
    pub(super) cluster: Option<Vec<u8>>,
    #[prost(uint64, optional, tag = "4")]
    pub(super) node: Option<u64>,
    /// Who leads, if that is known.
    #[prost(message, optional, tag = "5")]
    pub(super) leader: Option<Address>,
}

impl DiscoverReply {
    pub(super) fn with_cluster(mut self, cluster: ClusterId) -> Self {
        self.cluster = Some(cluster.0.to_be_bytes().to_vec());
        self
    }

    pub(super) fn cluster_id(&self) -> Option<ClusterId> {
        cluster(self.cluster.as_deref()?)
    }
}

fn cluster(bytes: &[u8]) -> Option<ClusterId> {
    Some(ClusterId(u128::from_be_bytes(bytes.try_into().ok()?)))
}

/// Asks to leave founding to the asker for a while.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct PledgeRequest {
    #[prost(fixed64, tag = "1")]
    pub(super) draw: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct PledgeReply {
    #[prost(bool, tag = "1")]
    pub(super) pledged: bool,
}

/// Asks to become a member.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct JoinRequest {
    #[prost(message, optional, tag = "1")]
    pub(super) member: Option<MemberMessage>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct JoinReply {
    /// The new number.
    #[prost(uint64, optional, tag = "1")]
    pub(super) node: Option<u64>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub(super) cluster: Option<Vec<u8>>,
    /// Who leads, if that is somebody else, or so that the newcomer knows it.
    #[prost(message, optional, tag = "3")]
    pub(super) leader: Option<Address>,
    /// Why not yet.
    #[prost(string, tag = "4")]
    pub(super) refusal: String,
}

impl JoinReply {
    pub(super) fn admitted(node: NodeId, cluster: ClusterId, leader: Option<Address>) -> Self {
        let cluster = Some(cluster.0.to_be_bytes().to_vec());
        Self { node: Some(node.0), cluster, leader, refusal: String::new() }
    }

    pub(super) fn refused(refusal: impl ToString, leader: Option<Address>) -> Self {
        Self { node: None, cluster: None, leader, refusal: refusal.to_string() }
    }

    pub(super) fn admission(&self) -> Option<(NodeId, ClusterId)> {
        Some((NodeId(self.node?), cluster(self.cluster.as_deref()?)?))
    }
}

/// Asks for a lease.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct RenewRequest {
    #[prost(uint64, tag = "1")]
    pub(super) node: u64,
    #[prost(message, optional, tag = "2")]
    pub(super) member: Option<MemberMessage>,
    /// Partitions that the node owns, and the bytes of each. Not with every request.
    #[prost(uint32, repeated, tag = "3")]
    partitions: Vec<u32>,
    #[prost(uint64, repeated, tag = "4")]
    bytes: Vec<u64>,
}

impl RenewRequest {
    /// The run of the process that asks.
    pub(super) fn incarnation(&self) -> Option<Incarnation> {
        self.member.as_ref().map(|member| Incarnation(member.incarnation))
    }

    pub(super) fn new(node: NodeId, member: &Member, owned: &[(Partition, u64)]) -> Self {
        Self {
            node: node.0,
            member: Some(MemberMessage::new(member)),
            partitions: owned.iter().map(|(partition, _)| partition.index() as u32).collect(),
            bytes: owned.iter().map(|(_, bytes)| *bytes).collect(),
        }
    }

    pub(super) fn owned(&self) -> impl Iterator<Item = (Partition, u64)> {
        let partition = |number: &u32| Partition::new(u16::try_from(*number).ok()?);
        let partitions = self.partitions.iter().map(partition);
        partitions.zip(&self.bytes).filter_map(|(partition, bytes)| Some((partition?, *bytes)))
    }
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct RenewReply {
    /// Granted: the epoch that has to be adopted before it counts.
    #[prost(uint64, optional, tag = "1")]
    pub(super) epoch: Option<u64>,
    /// The node is no member any more.
    #[prost(bool, tag = "2")]
    pub(super) removed: bool,
    /// Somebody else leads.
    #[prost(message, optional, tag = "3")]
    pub(super) leader: Option<Address>,
}

impl RenewReply {
    pub(super) fn granted(epoch: Epoch) -> Self {
        Self { epoch: Some(epoch.0), ..Self::default() }
    }

    pub(super) fn elsewhere(leader: Option<Address>) -> Self {
        Self { leader, ..Self::default() }
    }

    pub(super) fn lease_epoch(&self) -> Option<Epoch> {
        self.epoch.map(Epoch)
    }
}

/// Asks the leader to propose a change.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct ProposeRequest {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) change: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct ProposeReply {
    /// What it came to.
    #[prost(bytes = "vec", optional, tag = "1")]
    pub(super) answer: Option<Vec<u8>>,
    /// It was not proposed, since somebody else leads.
    #[prost(message, optional, tag = "2")]
    pub(super) leader: Option<Address>,
    /// It was proposed, and it is not known what becomes of it.
    #[prost(bool, tag = "3")]
    pub(super) unknown: bool,
}

/// Asks an owner to hand over.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct HandOverRequest {
    #[prost(uint32, repeated, tag = "1")]
    partitions: Vec<u32>,
    #[prost(uint64, repeated, tag = "2")]
    nodes: Vec<u64>,
}

impl HandOverRequest {
    pub(super) fn new(asked: &[(Partition, NodeId)]) -> Self {
        Self {
            partitions: asked.iter().map(|(partition, _)| partition.index() as u32).collect(),
            nodes: asked.iter().map(|(_, node)| node.0).collect(),
        }
    }

    pub(super) fn asked(&self) -> Vec<(Partition, NodeId)> {
        let partition = |number: &u32| Partition::new(u16::try_from(*number).ok()?);
        let both = self.partitions.iter().map(partition).zip(&self.nodes);
        both.filter_map(|(partition, node)| Some((partition?, NodeId(*node)))).collect()
    }
}

/// An empty question, or an empty answer.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct Nothing {}

/// A new leader asks a voter when it last heard another one.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct HeardRequest {
    /// In which it leads.
    #[prost(uint64, tag = "1")]
    pub(super) term: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct HeardReply {
    /// Nanoseconds ago, or longer; none if the voter knows of a newer leader.
    #[prost(uint64, optional, tag = "1")]
    pub(super) ago_ns: Option<u64>,
}

/// What the leader knows of leases.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct LeasesReply {
    #[prost(uint64, repeated, tag = "1")]
    nodes: Vec<u64>,
    /// Milliseconds left.
    #[prost(uint32, repeated, tag = "2")]
    left_ms: Vec<u32>,
    #[prost(message, optional, tag = "3")]
    pub(super) leader: Option<Address>,
}

impl LeasesReply {
    pub(super) fn new(leases: &[(NodeId, u32)]) -> Self {
        Self {
            nodes: leases.iter().map(|(node, _)| node.0).collect(),
            left_ms: leases.iter().map(|(_, left_ms)| *left_ms).collect(),
            leader: None,
        }
    }

    pub(super) fn elsewhere(leader: Option<Address>) -> Self {
        Self { leader, ..Self::default() }
    }

    pub(super) fn leases(&self) -> impl Iterator<Item = (NodeId, u32)> {
        self.nodes.iter().map(|node| NodeId(*node)).zip(self.left_ms.iter().copied())
    }
}

/// Bytes of a host name, as DNS has them, and of a zone's label.
const HOST_BYTES_MAX: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    fn golden<M: Message + Default + PartialEq>(message: M, bytes: &[u8]) {
        assert_eq!(message.encode_to_vec(), bytes);
        // A newer node says more.
        let more = [bytes, &[0xf8, 0x07, 1]].concat();
        assert!(read::<M>(&more).unwrap() == message);
    }

    fn member() -> Member {
        Member {
            host: "a".into(),
            port: 300,
            zone: "z".into(),
            incarnation: Incarnation(7),
            state: MemberState::Down,
            version: 1,
        }
    }

    #[test]
    fn messages_keep_their_bytes() {
        let it = b"\x0a\x01a\x10\xac\x02\x1a\x01z\x21\x07\0\0\0\0\0\0\0\x28\x01";
        golden(MemberMessage::new(&member()), it);
        assert_eq!(read::<MemberMessage>(it).unwrap().member().unwrap(), member());
        let address = || Address { node: 3, host: "h".into(), port: 9 };
        golden(address(), b"\x08\x03\x12\x01h\x18\x09");
        golden(
            DiscoverRequest { draw: 1, sees: 2, host: "h".into(), port: 9 },
            b"\x09\x01\0\0\0\0\0\0\0\x10\x02\x1a\x01h\x20\x09",
        );
        let reply = DiscoverReply { draw: 1, sees: 2, cluster: None, node: Some(4), leader: Some(address()) };
        golden(
            reply.with_cluster(ClusterId(5)),
            b"\x09\x01\0\0\0\0\0\0\0\x10\x02\x1a\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05\x20\x04\x2a\x07\x08\x03\x12\x01h\x18\x09",
        );
        golden(PledgeRequest { draw: 1 }, b"\x09\x01\0\0\0\0\0\0\0");
        golden(PledgeReply { pledged: true }, b"\x08\x01");
        let request = JoinRequest { member: Some(MemberMessage::new(&member())) };
        golden(request, &[b"\x0a\x14".as_slice(), it].concat());
        golden(
            JoinReply::admitted(NodeId(4), ClusterId(5), None),
            b"\x08\x04\x12\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05",
        );
        golden(JoinReply::refused("no", Some(address())), b"\x1a\x07\x08\x03\x12\x01h\x18\x09\x22\x02no");
        let owned = [(Partition::new(300).unwrap(), 7)];
        let renew = RenewRequest::new(NodeId(4), &member(), &owned);
        assert_eq!(renew.owned().collect::<Vec<_>>(), owned);
        golden(renew, &[b"\x08\x04\x12\x14".as_slice(), it, b"\x1a\x02\xac\x02\x22\x01\x07"].concat());
        golden(RenewReply::granted(Epoch(3)), b"\x08\x03");
        golden(RenewReply { removed: true, ..Default::default() }, b"\x10\x01");
        golden(RenewReply::elsewhere(Some(address())), b"\x1a\x07\x08\x03\x12\x01h\x18\x09");
        golden(ProposeRequest { change: vec![9] }, b"\x0a\x01\x09");
        golden(ProposeReply { answer: Some(vec![9]), leader: None, unknown: true }, b"\x0a\x01\x09\x18\x01");
        let hand_over = HandOverRequest::new(&[(Partition::new(2).unwrap(), NodeId(8))]);
        assert_eq!(hand_over.asked(), [(Partition::new(2).unwrap(), NodeId(8))]);
        golden(hand_over, b"\x0a\x01\x02\x12\x01\x08");
        golden(HeardRequest { term: 3 }, b"\x08\x03");
        golden(HeardReply { ago_ns: Some(300) }, b"\x08\xac\x02");
        golden(LeasesReply::new(&[(NodeId(8), 90)]), b"\x0a\x01\x08\x12\x01\x5a");
    }

    #[test]
    fn numbers_of_kinds_never_change() {
        let numbers = (16..=23).map(|number| Kind::of(number).map(|kind| kind as u8));
        assert_eq!(numbers.collect::<Option<Vec<_>>>(), Some((16..=23).collect()));
        assert_eq!((Kind::Renew as u8, Kind::Leases as u8), (19, 22));
        assert!(Kind::of(15).is_none() && Kind::of(24).is_none());
    }

    #[test]
    fn what_no_member_would_say_is_refused() {
        for (host, port) in [("", 1), ("a", 70_000)] {
            let message = MemberMessage { port, host: host.into(), ..MemberMessage::new(&member()) };
            assert!(message.member().is_err());
        }
    }
}
