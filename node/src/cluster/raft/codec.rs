//! Raft's own words as records: votes, places in the log, entries, snapshots. They have types of their own here, so that
//! another version of openraft cannot change what lies on disks and travels between nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use larder_proto::record::{self, RecordError};
use openraft::vote::RaftLeaderId;
use openraft::{BasicNode, EntryPayload};
use serde::{Deserialize, Serialize};

use super::types::{Data, Entry, LogId, Membership, SnapshotMeta, StoredMembership, Types, Vote};

type LeaderId = openraft::alias::LeaderIdOf<Types>;

/// A place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) term: u64,
    pub(super) leader: u64,
    pub(super) index: u64,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct VoteRecord {
    term: u64,
    leader: u64,
    committed: bool,
}

#[derive(Serialize, Deserialize)]
struct EntryRecord {
    place: Place,
    payload: PayloadRecord,
}

/// New kinds go to the end.
#[derive(Serialize, Deserialize)]
enum PayloadRecord {
    Blank,
    Change(Vec<u8>),
    Membership(MembershipRecord),
}

/// Nodes by number, with their addresses; those who vote, one set or two while they change.
#[derive(Serialize, Deserialize)]
struct MembershipRecord {
    voters: Vec<BTreeSet<u64>>,
    nodes: BTreeMap<u64, String>,
}

#[derive(Serialize, Deserialize)]
struct SnapshotRecord {
    last: Option<Place>,
    membership_place: Option<Place>,
    membership: MembershipRecord,
    state: Vec<u8>,
}

impl From<LogId> for Place {
    fn from(id: LogId) -> Self {
        Self { term: id.leader_id.term, leader: id.leader_id.node_id, index: id.index }
    }
}

impl From<Place> for LogId {
    fn from(place: Place) -> Self {
        Self { leader_id: LeaderId::new(place.term, place.leader), index: place.index }
    }
}

pub(super) fn encode_vote(vote: &Vote) -> io::Result<Vec<u8>> {
    let LeaderId { term, node_id } = vote.leader_id;
    record::encode(&VoteRecord { term, leader: node_id, committed: vote.committed }).map_err(unwritable)
}

pub(super) fn decode_vote(bytes: &[u8]) -> io::Result<Vote> {
    let vote: VoteRecord = record::decode(bytes).map_err(unreadable)?;
    Ok(Vote { leader_id: LeaderId::new(vote.term, vote.leader), committed: vote.committed })
}

pub(super) fn encode_place(id: LogId) -> io::Result<Vec<u8>> {
    record::encode(&Place::from(id)).map_err(unwritable)
}

pub(super) fn decode_place(bytes: &[u8]) -> io::Result<LogId> {
    Ok(record::decode::<Place>(bytes).map_err(unreadable)?.into())
}

pub(super) fn encode_entry(entry: &Entry) -> io::Result<Vec<u8>> {
    let payload = match &entry.payload {
        EntryPayload::Blank => PayloadRecord::Blank,
        EntryPayload::Normal(data) => PayloadRecord::Change(data.0.clone()),
        EntryPayload::Membership(membership) => PayloadRecord::Membership(membership.into()),
    };
    record::encode(&EntryRecord { place: entry.log_id.into(), payload }).map_err(unwritable)
}

pub(super) fn decode_entry(bytes: &[u8]) -> io::Result<Entry> {
    let record: EntryRecord = record::decode(bytes).map_err(unreadable)?;
    let payload = match record.payload {
        PayloadRecord::Blank => EntryPayload::Blank,
        PayloadRecord::Change(bytes) => EntryPayload::Normal(Data(bytes)),
        PayloadRecord::Membership(membership) => EntryPayload::Membership(membership.try_into()?),
    };
    Ok(Entry { log_id: record.place.into(), payload })
}

pub(super) fn encode_snapshot(meta: &SnapshotMeta, state: &[u8]) -> io::Result<Vec<u8>> {
    let record = SnapshotRecord {
        last: meta.last_log_id.map(Into::into),
        membership_place: meta.last_membership.log_id().map(Into::into),
        membership: meta.last_membership.membership().into(),
        state: state.to_vec(),
    };
    record::encode(&record).map_err(unwritable)
}

pub(super) fn decode_snapshot(bytes: &[u8]) -> io::Result<(SnapshotMeta, Vec<u8>)> {
    let record: SnapshotRecord = record::decode(bytes).map_err(unreadable)?;
    let place = record.membership_place.map(Into::into);
    let last_membership = StoredMembership::new(place, record.membership.try_into()?);
    Ok((SnapshotMeta { last_log_id: record.last.map(Into::into), last_membership }, record.state))
}

impl From<&Membership> for MembershipRecord {
    fn from(membership: &Membership) -> Self {
        Self {
            voters: membership.get_joint_config().clone(),
            nodes: membership.nodes().map(|(id, node)| (*id, node.addr.clone())).collect(),
        }
    }
}

impl TryFrom<MembershipRecord> for Membership {
    type Error = io::Error;

    fn try_from(record: MembershipRecord) -> io::Result<Self> {
        if record.voters.is_empty() && record.nodes.is_empty() {
            return Ok(Self::default());
        }
        let nodes: BTreeMap<u64, BasicNode> =
            record.nodes.into_iter().map(|(id, address)| (id, BasicNode::new(address))).collect();
        Self::new(record.voters, nodes)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))
    }
}

/// What cannot be written, since it is too long.
pub(super) fn unwritable(error: RecordError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}

/// What is damaged, or a newer program's.
pub(super) fn unreadable(error: RecordError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn id(term: u64, leader: u64, index: u64) -> LogId {
        Place { term, leader, index }.into()
    }

    fn membership() -> Membership {
        let nodes = BTreeMap::from([(1, BasicNode::new("a:6381")), (300, BasicNode::new("b:1"))]);
        Membership::new(vec![BTreeSet::from([1]), BTreeSet::from([1, 300])], nodes).unwrap()
    }

    /// Entries of the first version, as they lie on disks and travel between nodes: the value behind the record's head.
    #[test]
    fn entries_keep_their_bytes() {
        for (payload, golden) in [
            (EntryPayload::Blank, "02010900"),
            (EntryPayload::Normal(Data(vec![7, 255])), "020109010207ff"),
            (
                EntryPayload::Membership(membership()),
                "020109020201010201fb2c01020106613a36333831fb2c0103623a31",
            ),
        ] {
            let entry = Entry { log_id: id(2, 1, 9), payload };
            let bytes = encode_entry(&entry).unwrap();
            assert_eq!(hex(&bytes[record::HEAD_BYTES..]), golden, "{entry:?}");
            assert_eq!(decode_entry(&bytes).unwrap(), entry);
        }
    }

    #[test]
    fn votes_places_and_snapshots_keep_their_bytes() {
        let vote = Vote { leader_id: LeaderId::new(300, 4), committed: true };
        let bytes = encode_vote(&vote).unwrap();
        assert_eq!(hex(&bytes[record::HEAD_BYTES..]), "fb2c010401");
        assert_eq!(decode_vote(&bytes).unwrap(), vote);

        let bytes = encode_place(id(1, 2, 3)).unwrap();
        assert_eq!(hex(&bytes[record::HEAD_BYTES..]), "010203");
        assert_eq!(decode_place(&bytes).unwrap(), id(1, 2, 3));

        let meta = SnapshotMeta {
            last_log_id: Some(id(1, 2, 3)),
            last_membership: StoredMembership::new(Some(id(1, 1, 2)), membership()),
        };
        let bytes = encode_snapshot(&meta, &[9, 8]).unwrap();
        assert_eq!(
            hex(&bytes[record::HEAD_BYTES..]),
            "01010203010101020201010201fb2c01020106613a36333831fb2c0103623a31020908"
        );
        assert_eq!(decode_snapshot(&bytes).unwrap(), (meta, vec![9, 8]));
    }

    #[test]
    fn an_empty_snapshot_is_possible() {
        let bytes = encode_snapshot(&SnapshotMeta::default(), &[]).unwrap();
        assert_eq!(decode_snapshot(&bytes).unwrap(), (SnapshotMeta::default(), vec![]));
    }
}
